//! The kinds of Argo Rollouts, as much of them as the practice cluster knows. One line a member: name (`!` when it must
//! be there), type, what it means. Read from `argoproj/argo-rollouts:pkg/apis/rollouts/v1alpha1`.

use serde_json::{Map, Value, json};

const PREFIX: &str = "io.argoproj.v1alpha1.";

const TYPES: &str = "\
Rollout: Rollout is a specification for a Rollout resource
  apiVersion string Version of this representation of an object.
  kind string Kind of this object.
  metadata ObjectMeta Standard object's metadata.
  spec RolloutSpec What is wanted.
  status any What the controller made of it.
RolloutSpec: RolloutSpec is the spec for a Rollout resource
  replicas int32 Number of desired pods. Defaults to 1.
  selector LabelSelector Label selector for pods. It must match the pod template's labels.
  template PodTemplateSpec The pods that will be created.
  workloadRef ObjectRef References a workload from which the pod template is taken. Mutually exclusive with template.
  minReadySeconds int32 For how long a new pod must be ready before it counts as available. Defaults to 0.
  strategy! RolloutStrategy How to replace existing pods with new ones.
  revisionHistoryLimit int32 The number of old ReplicaSets to retain. Defaults to 10.
  paused bool Whether the rollout is paused by hand.
  progressDeadlineSeconds int32 The longest time without progress before the rollout counts as failed. Defaults to 600.
  progressDeadlineAbort bool Whether a missed progress deadline aborts the update.
  restartAt time When all pods should be restarted.
  analysis any How many AnalysisRuns are kept.
  rollbackWindow RollbackWindowSpec How far back a rollback skips all steps.
RollbackWindowSpec: RollbackWindowSpec says how far back a rollback skips steps and analysis
  revisions int32 Within how many revisions.
ObjectRef: ObjectRef holds a reference to the Kubernetes object
  apiVersion string API version of the referent.
  kind string Kind of the referent.
  name string Name of the referent.
  scaleDown string Whether the workload is scaled down after the migration: never, onsuccess, progressively.
RolloutStrategy: RolloutStrategy defines the strategy to apply during an update, one of canary and blueGreen
  blueGreen BlueGreenStrategy Two sides and a switch between them.
  canary CanaryStrategy Step by step.
BlueGreenStrategy: BlueGreenStrategy defines parameters for a blue-green update
  activeService! string Name of the Service that the rollout modifies as the active service.
  previewService string Name of the Service that the rollout modifies as the preview service.
  previewReplicaCount int32 The number of replicas to run under the preview service before the switchover.
  autoPromotionEnabled bool Whether the rollout should switch without being asked. Defaults to true.
  autoPromotionSeconds int32 After how many seconds of pause it switches by itself.
  scaleDownDelaySeconds int32 How long the old ReplicaSet is kept after the switch. Defaults to 30.
  scaleDownDelayRevisionLimit int32 How many old ReplicaSets may be kept at once.
  abortScaleDownDelaySeconds int32 How long the preview is kept after an abort. Defaults to 30; 0 keeps it.
  prePromotionAnalysis RolloutAnalysis Measured before the switch.
  postPromotionAnalysis RolloutAnalysis Measured after the switch, before it counts as done.
  antiAffinity any Anti-affinity between old and new pods.
  activeMetadata any Labels and annotations of the active pods.
  previewMetadata any Labels and annotations of the preview pods.
  maxUnavailable int-or-string The most pods that can be unavailable during a restart.
CanaryStrategy: CanaryStrategy defines parameters for a replica-based canary
  canaryService string Name of the Service that selects the canary's pods.
  stableService string Name of the Service that selects the stable pods.
  steps []CanaryStep The order of phases to execute.
  trafficRouting any Hosts all the supported service meshes.
  maxUnavailable int-or-string The most pods that can be unavailable during the update. Defaults to 25%.
  maxSurge int-or-string The most pods beyond the wanted number. Defaults to 25%.
  analysis RolloutAnalysisBackground Measured in the background from the starting step on.
  antiAffinity any Anti-affinity between old and new pods.
  canaryMetadata any Labels and annotations of the canary's pods.
  stableMetadata any Labels and annotations of the stable pods.
  scaleDownDelaySeconds int32 How long the old ReplicaSet is kept with traffic routing.
  scaleDownDelayRevisionLimit int32 How many old ReplicaSets may be kept at once.
  abortScaleDownDelaySeconds int32 How long the canary is kept after an abort, with traffic routing.
  dynamicStableScale bool Whether stable shrinks while the canary grows, with traffic routing.
  pingPong any Ping and pong services.
  minPodsPerReplicaSet int32 The fewest pods of a ReplicaSet, with traffic routing.
  replicaProgressThreshold any When the pods of a step count as reached.
CanaryStep: CanaryStep defines a step of a canary update; exactly one member is set
  setWeight int32 The share of the new version, in percent.
  pause RolloutPause Waits, for a time or for a person.
  analysis RolloutAnalysis Measures, and goes on if that succeeds.
  experiment any Runs an experiment.
  setCanaryScale any Sets the size of the canary apart from its share.
  setHeaderRoute any Routes by header.
  setMirrorRoute any Mirrors requests.
  plugin any A step of a plugin.
RolloutPause: RolloutPause defines a pause stage of a rollout
  duration int-or-string How long to pause: seconds, or a duration such as 5m. Without it until a person goes on.
RolloutAnalysis: RolloutAnalysis defines a template that is used to create an AnalysisRun
  templates []AnalysisTemplateRef What to measure.
  args []AnalysisRunArgument The arguments of the templates.
  dryRun any Metrics that are measured and do not count.
  measurementRetention any How many measurements are kept.
  analysisRunMetadata any Labels and annotations of the AnalysisRun.
RolloutAnalysisBackground: RolloutAnalysisBackground defines an analysis that goes on beside the steps
  templates []AnalysisTemplateRef What to measure.
  args []AnalysisRunArgument The arguments of the templates.
  startingStep int32 From which step on. Defaults to the first.
  dryRun any Metrics that are measured and do not count.
  measurementRetention any How many measurements are kept.
  analysisRunMetadata any Labels and annotations of the AnalysisRun.
AnalysisTemplateRef: AnalysisTemplateRef names a template
  templateName string Name of the template.
  clusterScope bool Whether it is a ClusterAnalysisTemplate.
AnalysisRunArgument: AnalysisRunArgument is an argument of an analysis
  name! string Name of the argument.
  value string Its value.
  valueFrom any Where its value comes from: podTemplateHashValue (Latest, Stable) or fieldRef.
Argument: Argument is an argument of an AnalysisRun
  name! string Name of the argument.
  value string Its value.
  valueFrom any Where its value comes from.
AnalysisTemplate: AnalysisTemplate holds the template for performing canary analysis
  apiVersion string Version of this representation of an object.
  kind string Kind of this object.
  metadata ObjectMeta Standard object's metadata.
  spec! AnalysisTemplateSpec What to measure.
ClusterAnalysisTemplate: ClusterAnalysisTemplate holds a template that all namespaces may use
  apiVersion string Version of this representation of an object.
  kind string Kind of this object.
  metadata ObjectMeta Standard object's metadata.
  spec! AnalysisTemplateSpec What to measure.
AnalysisTemplateSpec: AnalysisTemplateSpec is the specification of an analysis template
  metrics []Metric The list of metrics to query.
  args []Argument The arguments, with their defaults.
  templates []AnalysisTemplateRef Other templates that belong to it.
  dryRun any Metrics that are measured and do not count.
  measurementRetention any How many measurements are kept.
Metric: Metric defines a metric in which to perform analysis
  name! string The name of the metric.
  interval string How often it is measured, such as 30s. Without it once.
  initialDelay string How long the first measurement waits.
  count int-or-string How often it is measured in all.
  successCondition string An expression over result; a measurement succeeds when it is true.
  failureCondition string An expression over result; a measurement fails when it is true.
  failureLimit int-or-string How many measurements may fail. Defaults to 0.
  inconclusiveLimit int-or-string How many measurements may be inconclusive. Defaults to 0.
  consecutiveErrorLimit int-or-string How many errors in a row are borne. Defaults to 4.
  consecutiveSuccessLimit int-or-string After how many successes in a row the metric has succeeded.
  provider! any What is asked: prometheus {address, query}.
AnalysisRun: AnalysisRun is an instantiation of an AnalysisTemplate
  apiVersion string Version of this representation of an object.
  kind string Kind of this object.
  metadata ObjectMeta Standard object's metadata.
  spec! AnalysisRunSpec What is measured.
  status any What came of it.
AnalysisRunSpec: AnalysisRunSpec is the spec for an AnalysisRun resource
  metrics! []Metric The metrics to query.
  args []Argument The arguments.
  terminate bool Whether it shall stop.
  dryRun any Metrics that are measured and do not count.
  measurementRetention any How many measurements are kept.
  ttlStrategy any When it is deleted after it ended.
Experiment: Experiment is a specification for an Experiment resource
  apiVersion string Version of this representation of an object.
  kind string Kind of this object.
  metadata ObjectMeta Standard object's metadata.
  spec any What is tried. The practice cluster keeps experiments and does not run them.
  status any What came of it.
";

/// The components of the kinds of Argo.
pub(super) fn components() -> Map<String, Value> {
    let mut components = Map::new();
    let mut last = None;
    for line in TYPES.lines() {
        if let Some(member) = line.strip_prefix("  ") {
            if let Some(component) = last
                .as_ref()
                .and_then(|name: &String| components.get_mut(name))
            {
                add_member(component, member);
            }
        } else if let Some((name, about)) = line.split_once(": ") {
            let name = format!("{PREFIX}{name}");
            components.insert(
                name.clone(),
                json!({"type": "object", "description": about, "properties": {}}),
            );
            last = Some(name);
        }
    }
    components
}

fn add_member(component: &mut Value, line: &str) {
    let mut words = line.splitn(3, ' ');
    let (name, kind, about) = (
        words.next().unwrap_or(""),
        words.next().unwrap_or(""),
        words.next().unwrap_or(""),
    );
    if let Some(required) = name.strip_suffix('!') {
        match &mut component["required"] {
            Value::Array(names) => names.push(json!(required)),
            none => *none = json!([required]),
        }
    }
    let mut schema = schema_of(kind);
    schema["description"] = json!(about);
    component["properties"][name.trim_end_matches('!')] = schema;
}

fn schema_of(kind: &str) -> Value {
    if let Some(item) = kind.strip_prefix("[]") {
        return json!({"type": "array", "items": schema_of(item)});
    }
    let reference =
        |name: &str| json!({"allOf": [{"$ref": format!("#/components/schemas/{name}")}]});
    match kind {
        "string" => json!({"type": "string"}),
        "bool" => json!({"type": "boolean"}),
        "int32" => json!({"type": "integer", "format": "int32"}),
        "time" => json!({"type": "string", "format": "date-time"}),
        "int-or-string" => json!({"x-kubernetes-int-or-string": true}),
        "any" => json!({"x-kubernetes-preserve-unknown-fields": true}),
        "ObjectMeta" | "LabelSelector" => {
            reference(&format!("io.k8s.apimachinery.pkg.apis.meta.v1.{kind}"))
        }
        "PodTemplateSpec" => reference("io.k8s.api.core.v1.PodTemplateSpec"),
        own => reference(&format!("{PREFIX}{own}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_leads_somewhere() {
        let components = components();
        let text = Value::Object(components.clone()).to_string();
        for part in text.split("#/components/schemas/").skip(1) {
            let name = part.split('"').next().unwrap_or("");
            assert!(
                name.starts_with("io.k8s.") || components.contains_key(name),
                "{name}"
            );
        }
        assert_eq!(
            components["io.argoproj.v1alpha1.Metric"]["required"],
            json!(["name", "provider"])
        );
    }
}
