//! The cluster as it stands when a rehearsal starts: nodes, namespaces, services, and three projects with a past.

use super::catalogue::REGISTRY;
use super::controllers::pods::NODES as NODE_NAMES;
use super::json::{Json, stamp};
use super::kinds::{DEPLOYMENTS, EVENTS, ROLLOUTS};
use super::store::Id;
use super::world::World;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// One project in one environment: its releases so far (the last one runs) and how long ago that was deployed.
struct Standing {
    project: &'static str,
    namespace: &'static str,
    releases: [u64; 3],
    minutes_ago: i64,
}

const fn standing(
    project: &'static str,
    namespace: &'static str,
    releases: [u64; 3],
    minutes_ago: i64,
) -> Standing {
    Standing {
        project,
        namespace,
        releases,
        minutes_ago,
    }
}

const STANDINGS: [Standing; 9] = [
    standing("auth-service", "production", [37, 39, 41], 24 * 60),
    standing("auth-service", "staging", [39, 41, 42], 55),
    standing("auth-service", "dev", [41, 42, 43], 18),
    standing("catalog-api", "production", [22, 30, 34], 5 * 24 * 60),
    standing("catalog-api", "staging", [30, 34, 38], 3 * 24 * 60),
    standing("catalog-api", "dev", [34, 38, 40], 28 * 60),
    standing("web-front", "production", [29, 33, 36], 4 * 24 * 60),
    standing("web-front", "staging", [33, 36, 39], 47 * 60),
    standing("web-front", "dev", [36, 39, 42], 50),
];

/// Days that the cluster has existed.
const CLUSTER_DAYS: i64 = 90;

impl World {
    /// Furnishes an empty world.
    pub fn furnish(&mut self) {
        let now = self.now;
        self.now = now - SignedDuration::from_hours(24 * CLUSTER_DAYS);
        self.furnish_cluster();
        self.furnish_analyses();
        for standing in &STANDINGS {
            self.now = now - SignedDuration::from_hours(24 * CLUSTER_DAYS);
            self.furnish_service(standing);
            self.furnish_workload(standing, now);
        }
        // The past has no witnesses: its events are long gone, and no watch starts before the present.
        self.rest(now);
        let events: Vec<Id> = self
            .store
            .list(&EVENTS, "")
            .filter_map(|event| Id::of(event))
            .collect();
        for event in events {
            self.store.remove(&event);
        }
        self.store.compact();
    }

    fn furnish_cluster(&mut self) {
        for name in [
            "default",
            "kube-system",
            "kube-public",
            "kube-node-lease",
            "dev",
            "staging",
            "production",
        ] {
            self.create(json!({"apiVersion": "v1", "kind": "Namespace",
                "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
                "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}));
        }
        for (at, name) in NODE_NAMES.iter().enumerate() {
            let since = stamp(self.now);
            let capacity =
                json!({"cpu": "8", "memory": "32Gi", "pods": "110", "ephemeral-storage": "100Gi"});
            self.create(json!({"apiVersion": "v1", "kind": "Node",
                "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux",
                    "kubernetes.io/arch": "amd64"}},
                "spec": {"podCIDR": format!("10.{}.0.0/16", 244 + at)},
                "status": {"capacity": capacity, "allocatable": capacity,
                    "addresses": [{"type": "InternalIP", "address": format!("10.0.0.{}", at + 10)},
                        {"type": "Hostname", "address": name}],
                    "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady",
                        "message": "kubelet is posting ready status", "lastHeartbeatTime": since,
                        "lastTransitionTime": since}],
                    "nodeInfo": {"kubeletVersion": "v1.33.0", "osImage": "Practice Linux", "kernelVersion": "6.12.0",
                        "containerRuntimeVersion": "containerd://2.0.0", "architecture": "amd64",
                        "operatingSystem": "linux", "machineID": "", "systemUUID": "", "bootID": "",
                        "kubeProxyVersion": ""}}}));
        }
        self.create(json!({"apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "kubernetes", "namespace": "default",
                "labels": {"component": "apiserver", "provider": "kubernetes"}},
            "spec": {"type": "ClusterIP", "clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1"],
                "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}]},
            "status": {"loadBalancer": {}}}));
    }

    /// What a step of a canary in production may be measured by; nothing uses them until somebody says so.
    fn furnish_analyses(&mut self) {
        let of = |metric: &str| {
            format!(
                "sum(rate(release_manager_{metric}{{rollouts_pod_template_hash=\"{{{{args.hash}}}}\"}}[1m]))"
            )
        };
        let errors = format!("{} / {}", of("errors_total"), of("requests_total"));
        let buckets = of("request_duration_seconds_bucket");
        let latency = format!("histogram_quantile(0.99, {buckets} by (le))");
        for (name, query, condition) in [
            ("error-rate", errors, "result[0] < 0.001"),
            ("latency-p99", latency, "result[0] < 0.5"),
        ] {
            let provider = json!({"prometheus": {"address": "http://prometheus.practice:9090", "query": query}});
            self.create(json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate",
                "metadata": {"name": name, "namespace": "production"},
                "spec": {"args": [{"name": "hash"}], "metrics": [{"name": name, "interval": "10s", "count": 6,
                    "failureLimit": 1, "successCondition": condition, "provider": provider}]}}));
        }
    }

    fn furnish_service(&mut self, standing: &Standing) {
        let Standing {
            project, namespace, ..
        } = standing;
        let address = format!("10.96.{}.{}", namespace.len(), 10 + project.len());
        self.create(json!({"apiVersion": "v1", "kind": "Service",
            "metadata": {"name": project, "namespace": namespace, "labels": {"app": project}},
            "spec": {"type": "ClusterIP", "clusterIP": address, "clusterIPs": [address],
                "selector": {"app": project}, "sessionAffinity": "None",
                "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080},
                    {"name": "metrics", "port": 9090, "protocol": "TCP", "targetPort": 9090}]},
            "status": {"loadBalancer": {}}}));
        let labels = json!({"app": project});
        self.create(json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": project, "namespace": namespace, "labels": labels},
            "data": {"LOG_LEVEL": "info"}}));
        // What it holds is for practice too.
        self.create(
            json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
            "metadata": {"name": project, "namespace": namespace, "labels": labels},
            "data": {"DATABASE_PASSWORD": "cHJhY3RpY2U="}}),
        );
    }

    /// Lives through the past of one workload: a `ReplicaSet` for each release it had, pods for the last.
    fn furnish_workload(&mut self, standing: &Standing, now: Timestamp) {
        let rollout = standing.namespace == "production";
        let dialect = Self::dialect(rollout);
        let kind = if rollout { &ROLLOUTS } else { &DEPLOYMENTS };
        let id = Id::new(kind, standing.namespace, standing.project);
        let catalogue = std::sync::Arc::clone(&self.making.catalogue);
        for (nth, number) in standing.releases.iter().enumerate() {
            let Some(release) = catalogue.numbered(standing.project, *number) else {
                continue;
            };
            let left = i64::try_from(standing.releases.len() - nth - 1).unwrap_or(0);
            let deployed =
                now - SignedDuration::from_mins(standing.minutes_ago + left * 3 * 24 * 60);
            self.now = deployed.max(release.committed_at + SignedDuration::from_mins(6));
            let image = release.reference();
            let mut workload = match self.find(&id) {
                Some(mut workload) => {
                    workload.set("/spec/template/spec/containers/0/image", image);
                    Value::clone(&self.put(workload))
                }
                None => {
                    let mut workload = workload(standing, &image);
                    if rollout {
                        let deadline = self.making.progress_deadline();
                        workload.set("/spec/progressDeadlineSeconds", deadline);
                    }
                    Value::clone(&self.create(workload))
                }
            };
            let mut set = self.create_set(dialect, &workload);
            let uid = workload.uid().to_owned();
            let sets = self.controlled(&super::kinds::REPLICA_SETS, standing.namespace, &uid);
            self.number_revision(dialect, &mut workload, &mut set, &sets);
            if left > 0 {
                continue;
            }
            let replicas = workload.count("/spec/replicas");
            set.set("/spec/replicas", replicas);
            set.annotate(dialect.desired, &replicas.to_string());
            let set = self.put(set);
            for _ in 0..replicas {
                let pod = self.create_pod(&set);
                self.settle_pod(&pod, self.now);
            }
            if let Some(set_id) = Id::of(&set) {
                self.reconcile_replica_set(&set_id);
            }
            if rollout {
                self.furnish_status(&id, &set);
            }
            for _ in 0..3 {
                if rollout {
                    self.reconcile_rollout(&id);
                } else {
                    self.reconcile_deployment(&id);
                }
            }
        }
    }

    /// A Rollout that has been through all of its steps.
    fn furnish_status(&mut self, id: &Id, set: &Value) {
        let Some(mut rollout) = self.find(id) else {
            return;
        };
        rollout.set(
            "/status/stableRS",
            set.label("rollouts-pod-template-hash").unwrap_or(""),
        );
        self.put(rollout);
    }
}

fn workload(standing: &Standing, image: &str) -> Value {
    let Standing {
        project, namespace, ..
    } = standing;
    let replicas = match (*namespace, *project) {
        ("dev", _) => 2,
        ("staging", _) => 3,
        (_, "auth-service") => 10,
        _ => 4,
    };
    let labels = json!({"app": project});
    let template = json!({
        "metadata": {"labels": labels,
            "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "9090"}},
        "spec": {"containers": [{"name": "app", "image": image,
            "env": [{"name": "ENVIRONMENT", "value": namespace}],
            "envFrom": [{"configMapRef": {"name": project}}, {"secretRef": {"name": project}}],
            "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"},
                {"name": "metrics", "containerPort": 9090, "protocol": "TCP"}],
            "readinessProbe": {"httpGet": {"path": "/health", "port": 8080}, "periodSeconds": 2},
            "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "512Mi"}}}]},
    });
    let metadata = json!({"name": project, "namespace": namespace, "labels": labels, "annotations": {
        "practice.example/registry": REGISTRY}});
    let selector = json!({"matchLabels": labels});
    if *namespace == "production" {
        return json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": metadata,
            "spec": {"replicas": replicas, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600,
                "selector": selector, "template": template,
                "strategy": {"canary": {"maxSurge": "25%", "maxUnavailable": 0, "steps": [
                    {"setWeight": 10}, {"pause": {}}, {"setWeight": 50}, {"pause": {}}, {"setWeight": 100}, {"pause": {}}]}}}});
    }
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
        "spec": {"replicas": replicas, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600,
            "selector": selector, "template": template,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}}})
}
