//! The kinds that the practice API serves, declared once: routes, discovery, openapi and storage project this table.

/// One served resource.
#[derive(Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_field_names,
    reason = "Kubernetes says `kind` for the name of a kind"
)]
pub(super) struct Kind {
    /// "" for the core group.
    pub group: &'static str,
    pub version: &'static str,
    pub plural: &'static str,
    pub singular: &'static str,
    pub kind: &'static str,
    pub short: &'static [&'static str],
    pub namespaced: bool,
    /// Member of the category `all`.
    pub in_all: bool,
    pub subresources: &'static [&'static str],
    /// A custom resource: no strategic merge patch, generation counted for it.
    pub custom: bool,
}

impl Kind {
    /// `v1`, `apps/v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// `deployments.apps`, as messages of the API server name a resource.
    pub fn qualified(&self) -> String {
        if self.group.is_empty() {
            self.plural.to_owned()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    /// `Deployment.apps`, as messages of the API server name a kind.
    pub fn group_kind(&self) -> String {
        if self.group.is_empty() {
            self.kind.to_owned()
        } else {
            format!("{}.{}", self.kind, self.group)
        }
    }

    /// `/api/v1` or `/apis/apps/v1`.
    pub fn root(&self) -> String {
        if self.group.is_empty() {
            format!("/api/{}", self.version)
        } else {
            format!("/apis/{}/{}", self.group, self.version)
        }
    }

    pub fn has(&self, subresource: &str) -> bool {
        self.subresources.contains(&subresource)
    }

    /// Whether `metadata.generation` is kept for it.
    pub fn counts_generations(&self) -> bool {
        self.custom || matches!(self.plural, "deployments" | "replicasets")
    }
}

const fn core(plural: &'static str, singular: &'static str, kind: &'static str) -> Kind {
    Kind {
        group: "",
        version: "v1",
        plural,
        singular,
        kind,
        short: &[],
        namespaced: true,
        in_all: false,
        subresources: &[],
        custom: false,
    }
}

const fn argo(
    plural: &'static str,
    singular: &'static str,
    kind: &'static str,
    short: &'static [&'static str],
) -> Kind {
    Kind {
        group: "argoproj.io",
        version: "v1alpha1",
        short,
        custom: true,
        ..core(plural, singular, kind)
    }
}

pub(super) static NAMESPACES: Kind = Kind {
    short: &["ns"],
    namespaced: false,
    subresources: &["status"],
    ..core("namespaces", "namespace", "Namespace")
};
pub(super) static NODES: Kind = Kind {
    short: &["no"],
    namespaced: false,
    subresources: &["status"],
    ..core("nodes", "node", "Node")
};
pub(super) static PODS: Kind = Kind {
    short: &["po"],
    in_all: true,
    subresources: &["status", "log", "proxy"],
    ..core("pods", "pod", "Pod")
};
pub(super) static SERVICES: Kind = Kind {
    short: &["svc"],
    in_all: true,
    subresources: &["status", "proxy"],
    ..core("services", "service", "Service")
};
pub(super) static EVENTS: Kind = Kind {
    short: &["ev"],
    ..core("events", "event", "Event")
};
static CONFIG_MAPS: Kind = Kind {
    short: &["cm"],
    ..core("configmaps", "configmap", "ConfigMap")
};
static SECRETS: Kind = core("secrets", "secret", "Secret");
static RESOURCE_QUOTAS: Kind = Kind {
    short: &["quota"],
    subresources: &["status"],
    ..core("resourcequotas", "resourcequota", "ResourceQuota")
};
static SERVICE_ACCOUNTS: Kind = Kind {
    short: &["sa"],
    ..core("serviceaccounts", "serviceaccount", "ServiceAccount")
};
pub(super) static ENDPOINT_SLICES: Kind = Kind {
    group: "discovery.k8s.io",
    ..core("endpointslices", "endpointslice", "EndpointSlice")
};
pub(super) static DEPLOYMENTS: Kind = Kind {
    group: "apps",
    short: &["deploy"],
    in_all: true,
    subresources: &["status", "scale"],
    ..core("deployments", "deployment", "Deployment")
};
pub(super) static REPLICA_SETS: Kind = Kind {
    group: "apps",
    short: &["rs"],
    in_all: true,
    subresources: &["status", "scale"],
    ..core("replicasets", "replicaset", "ReplicaSet")
};
pub(super) static ROLLOUTS: Kind = Kind {
    subresources: &["status", "scale"],
    in_all: true,
    ..argo("rollouts", "rollout", "Rollout", &["ro"])
};
pub(super) static ANALYSIS_RUNS: Kind = argo("analysisruns", "analysisrun", "AnalysisRun", &["ar"]);
pub(super) static CLUSTER_ANALYSIS_TEMPLATES: Kind = Kind {
    namespaced: false,
    ..argo(
        "clusteranalysistemplates",
        "clusteranalysistemplate",
        "ClusterAnalysisTemplate",
        &["cat"],
    )
};
pub(super) static ANALYSIS_TEMPLATES: Kind = argo(
    "analysistemplates",
    "analysistemplate",
    "AnalysisTemplate",
    &["at"],
);
static EXPERIMENTS: Kind = argo("experiments", "experiment", "Experiment", &["exp"]);

/// Every served kind, in the order of discovery.
pub(super) static KINDS: [&Kind; 17] = [
    &NAMESPACES,
    &NODES,
    &PODS,
    &SERVICES,
    &EVENTS,
    &CONFIG_MAPS,
    &SECRETS,
    &SERVICE_ACCOUNTS,
    &RESOURCE_QUOTAS,
    &DEPLOYMENTS,
    &REPLICA_SETS,
    &ENDPOINT_SLICES,
    &ROLLOUTS,
    &ANALYSIS_RUNS,
    &ANALYSIS_TEMPLATES,
    &CLUSTER_ANALYSIS_TEMPLATES,
    &EXPERIMENTS,
];

/// The kind behind a path of the API.
pub(super) fn served(group: &str, version: &str, plural: &str) -> Option<&'static Kind> {
    KINDS
        .into_iter()
        .find(|kind| kind.group == group && kind.version == version && kind.plural == plural)
}

/// The kind that an object names in `kind`.
pub(super) fn named(kind: &str) -> Option<&'static Kind> {
    KINDS.into_iter().find(|candidate| candidate.kind == kind)
}

/// The kinds of a group, in the order of discovery.
pub(super) fn of_group(group: &str, version: &str) -> impl Iterator<Item = &'static Kind> {
    KINDS
        .into_iter()
        .filter(move |kind| kind.group == group && kind.version == version)
}

/// Group and version of every served group, the core group first.
pub(super) fn groups() -> Vec<(&'static str, &'static str)> {
    let mut groups = Vec::new();
    for kind in KINDS {
        if !groups.contains(&(kind.group, kind.version)) {
            groups.push((kind.group, kind.version));
        }
    }
    groups
}
