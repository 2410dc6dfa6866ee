//! Scheduler and kubelet in one: the life of each pod, from Pending to Ready, through crashes and failed pulls.

use crate::simulator::Scenario;
use crate::simulator::catalogue::BAD_RELEASE;
use crate::simulator::chance;
use crate::simulator::json::{Json, set_condition, stamp};
use crate::simulator::store::Id;
use crate::simulator::world::{KUBELET, SCHEDULER, World};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// The machines of the practice cluster.
pub(in crate::simulator) const NODES: [&str; 2] = ["practice-a", "practice-b"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::simulator) enum Stage {
    Unscheduled,
    Creating,
    /// The container runs and is not ready yet.
    Starting,
    Ready,
    /// The image could not be pulled; waits before it tries again.
    PullFailed,
    PullBackOff,
    /// The container exited; waits before it starts again.
    Crashed,
    Terminating,
}

/// What the kubelet remembers of a pod.
#[derive(Clone, Debug)]
pub(in crate::simulator) struct PodLife {
    pub stage: Stage,
    /// When the present (or last) container started.
    pub started: Option<Timestamp>,
    /// When the container before it started and ended.
    pub previous: Option<(Timestamp, Timestamp)>,
    pub restarts: i64,
    pulls: u32,
}

impl World {
    /// A new pod waits for its node.
    pub(in crate::simulator) fn begin_pod(&mut self, id: &Id) {
        let life = PodLife {
            stage: Stage::Unscheduled,
            started: None,
            previous: None,
            restarts: 0,
            pulls: 0,
        };
        self.pods.insert(id.clone(), life);
        let after = self.latency(&id.name, 0.05, 0.3);
        self.step_pod_in(id, after);
    }

    /// Asks a pod to end; it is gone after a while.
    pub(in crate::simulator) fn terminate_pod(&mut self, id: &Id) {
        let Some(mut pod) = self.find(id) else { return };
        if pod.has("/metadata/deletionTimestamp") {
            return;
        }
        let grace = pod.int("/spec/terminationGracePeriodSeconds").unwrap_or(30);
        pod.set(
            "/metadata/deletionTimestamp",
            stamp(self.now + SignedDuration::from_secs(grace)),
        );
        pod.set("/metadata/deletionGracePeriodSeconds", grace);
        // A pod without a node has no kubelet to say so.
        if pod.has("/spec/nodeName") {
            let message = format!("Stopping container {}", container_of(&pod));
            self.note(&pod, KUBELET, "Killing", &message);
        }
        self.put(pod);
        if let Some(life) = self.pods.get_mut(id) {
            life.stage = Stage::Terminating;
        }
        let after = self.latency(&id.name, 0.6, 1.6);
        self.step_pod_in(id, after);
    }

    /// The next step in a pod's life.
    pub(in crate::simulator) fn step_pod(&mut self, id: &Id) {
        let (Some(mut pod), Some(mut life)) = (self.find(id), self.pods.get(id).cloned()) else {
            return;
        };
        let image = pod.text("/spec/containers/0/image").to_owned();
        let next = match life.stage {
            Stage::Unscheduled => {
                self.schedule_pod(&mut pod);
                life.stage = Stage::Creating;
                Some((0.4, 1.0))
            }
            Stage::Creating | Stage::PullBackOff
                if self.making.catalogue.image(&image).is_none() =>
            {
                life.pulls += 1;
                life.stage = Stage::PullFailed;
                let why = format!(
                    "Failed to pull image \"{image}\": rpc error: code = NotFound desc = failed to pull and unpack \
                     image \"{image}\": not found"
                );
                let pulling = format!("Pulling image \"{image}\"");
                self.note(&pod, KUBELET, "Pulling", &pulling);
                self.warn(&pod, KUBELET, "Failed", &why);
                self.warn(&pod, KUBELET, "Failed", "Error: ErrImagePull");
                hold_container(&mut pod, "ErrImagePull", &why);
                Some((0.8, 1.2))
            }
            Stage::PullFailed => {
                life.stage = Stage::PullBackOff;
                let why = format!("Back-off pulling image \"{image}\"");
                self.note(&pod, KUBELET, "BackOff", &why);
                self.warn(&pod, KUBELET, "Failed", "Error: ImagePullBackOff");
                hold_container(&mut pod, "ImagePullBackOff", &why);
                let wait = backoff(life.pulls);
                Some((wait, wait + 1.0))
            }
            Stage::Creating | Stage::PullBackOff | Stage::Crashed => {
                self.start_container(&mut pod, &mut life, &image);
                Some(if life.restarts > 0 {
                    (0.8, 1.4)
                } else {
                    (0.5, 1.3)
                })
            }
            Stage::Starting if self.crashes(&pod) => {
                self.crash_container(&mut pod, &mut life);
                let wait = if life.restarts == 0 {
                    1.0
                } else {
                    backoff(u32::try_from(life.restarts).unwrap_or(9))
                };
                Some((wait, wait * 1.1))
            }
            Stage::Starting if self.is_still_starting(&pod, &life) => {
                let message = "Readiness probe failed: HTTP probe failed with statuscode: 503";
                self.warn(&pod, KUBELET, "Unhealthy", message);
                // The probe comes round again.
                Some((2.0, 2.1))
            }
            Stage::Starting => {
                life.stage = Stage::Ready;
                pod.set("/status/containerStatuses/0/ready", true);
                mark_ready(&mut pod, true, self.now);
                None
            }
            Stage::Ready => None,
            Stage::Terminating => {
                self.remove(id);
                return;
            }
        };
        self.pods.insert(id.clone(), life);
        self.put(pod);
        if let Some((low, high)) = next {
            let after = self.latency(&id.name, low, high);
            self.step_pod_in(id, after);
        }
    }

    /// Puts a pod into the state of one that has been serving since a time in the past.
    pub(in crate::simulator) fn settle_pod(&mut self, id: &Id, since: Timestamp) {
        let (Some(mut pod), Some(mut life)) = (self.find(id), self.pods.get(id).cloned()) else {
            return;
        };
        let now = self.now;
        self.now = since;
        self.schedule_pod(&mut pod);
        let image = pod.text("/spec/containers/0/image").to_owned();
        self.start_container(&mut pod, &mut life, &image);
        life.stage = Stage::Ready;
        pod.set("/status/containerStatuses/0/ready", true);
        pod.set("/metadata/creationTimestamp", stamp(since));
        mark_ready(&mut pod, true, since);
        self.now = now;
        self.pods.insert(id.clone(), life);
        self.cancel_step(id);
        self.put(pod);
    }

    fn schedule_pod(&mut self, pod: &mut Value) {
        let fresh = self.fresh(pod.name());
        let at = usize::try_from(chance::draw(self.making.seed, &fresh) % 2).unwrap_or(0);
        let node = NODES[at];
        pod.set("/spec/nodeName", node);
        pod.set("/status/hostIP", format!("10.0.0.{}", at + 10));
        pod.set("/status/startTime", stamp(self.now));
        let images: Vec<(String, String)> = pod
            .items("/spec/containers")
            .iter()
            .map(|container| {
                (
                    container.text("/name").to_owned(),
                    container.text("/image").to_owned(),
                )
            })
            .collect();
        let waiting: Vec<Value> = images
            .into_iter()
            .map(|(name, image)| {
                json!({"name": name, "image": image, "imageID": "", "ready": false, "started": false,
                    "restartCount": 0, "lastState": {}, "state": {"waiting": {"reason": "ContainerCreating"}}})
            })
            .collect();
        pod.set("/status/containerStatuses", waiting);
        set_pod_condition(pod, "PodScheduled", true, self.now);
        set_pod_condition(pod, "Initialized", true, self.now);
        mark_ready(pod, false, self.now);
        let message = format!(
            "Successfully assigned {}/{} to {node}",
            pod.namespace(),
            pod.name()
        );
        self.note(pod, SCHEDULER, "Scheduled", &message);
    }

    fn start_container(&mut self, pod: &mut Value, life: &mut PodLife, image: &str) {
        if life.stage == Stage::Crashed {
            life.restarts += 1;
        } else {
            let address = self.address(pod.text("/spec/nodeName"));
            pod.set("/status/podIP", address.as_str());
            pod.set("/status/podIPs", json!([{"ip": address}]));
        }
        life.stage = Stage::Starting;
        life.started = Some(self.now);
        self.pull(pod, image);
        let container = container_of(pod).to_owned();
        let made = format!("Created container: {container}");
        self.note(pod, KUBELET, "Created", &made);
        let began = format!("Started container {container}");
        self.note(pod, KUBELET, "Started", &began);
        pod.set("/status/phase", "Running");
        let containers = pod.items("/status/containerStatuses").len();
        for at in 0..containers {
            let status = format!("/status/containerStatuses/{at}");
            let Some(status) = pod.pointer_mut(&status) else {
                continue;
            };
            status.set("/started", true);
            status.set("/restartCount", life.restarts);
            status.set("/state", json!({"running": {"startedAt": stamp(self.now)}}));
            status.set("/imageID", image);
            status.set("/ready", at > 0);
        }
    }

    fn crash_container(&mut self, pod: &mut Value, life: &mut PodLife) {
        life.stage = Stage::Crashed;
        let started = life.started.unwrap_or(self.now);
        life.previous = Some((started, self.now));
        let ended = json!({"exitCode": 1, "reason": "Error", "startedAt": stamp(started), "finishedAt": stamp(self.now)});
        pod.set("/status/containerStatuses/0/started", false);
        if life.restarts == 0 {
            pod.set(
                "/status/containerStatuses/0/state",
                json!({"terminated": ended}),
            );
        } else {
            let why = format!(
                "back-off restarting failed container=app pod={}",
                pod.name()
            );
            hold_container(pod, "CrashLoopBackOff", &why);
            let message = format!(
                "Back-off restarting failed container {} in pod {}_{}({})",
                container_of(pod),
                pod.name(),
                pod.namespace(),
                pod.uid()
            );
            self.warn(pod, KUBELET, "BackOff", &message);
        }
        pod.set(
            "/status/containerStatuses/0/lastState",
            json!({"terminated": ended}),
        );
    }

    /// Brings an image to the machine of a pod, once.
    fn pull(&mut self, pod: &Value, image: &str) {
        let node = pod.text("/spec/nodeName").to_owned();
        if !self.images.insert((node, image.to_owned())) {
            let there = format!("Container image \"{image}\" already present on machine");
            self.note(pod, KUBELET, "Pulled", &there);
            return;
        }
        self.note(
            pod,
            KUBELET,
            "Pulling",
            &format!("Pulling image \"{image}\""),
        );
        let size = chance::draw(self.making.seed, image) % 40_000_000 + 12_000_000;
        let took = size / 90_000;
        let pulled = format!(
            "Successfully pulled image \"{image}\" in {took}ms ({took}ms including waiting). Image size: {size} bytes."
        );
        self.note(pod, KUBELET, "Pulled", &pulled);
    }

    /// In `slow-start` the new release takes most of the progress deadline to get ready.
    fn is_still_starting(&self, pod: &Value, life: &PodLife) -> bool {
        if self.making.scenario != Scenario::SlowStart || !self.is_bad_release(pod) {
            return false;
        }
        let about = format!("{}/slow", pod.name());
        let share = chance::between(self.making.seed, &about, 0.6, 0.85);
        let takes = self.making.progress_deadline() as f64 * share;
        let started = life.started.unwrap_or(self.now);
        self.now < started + SignedDuration::from_secs_f64(takes)
    }

    fn crashes(&self, pod: &Value) -> bool {
        self.making.scenario == Scenario::CrashLoop && self.is_bad_release(pod)
    }

    /// Whether a pod runs, in production, the release that the scenarios are about.
    pub(in crate::simulator) fn is_bad_release(&self, pod: &Value) -> bool {
        let release = self
            .making
            .catalogue
            .image(pod.text("/spec/containers/0/image"));
        pod.namespace() == "production"
            && release
                .is_some_and(|release| (release.project.as_str(), release.number) == BAD_RELEASE)
    }
}

/// The name of the first container.
fn container_of(pod: &Value) -> &str {
    match pod.text("/spec/containers/0/name") {
        "" => "app",
        name => name,
    }
}

/// Seconds before try number n: 10, 20, 40 … 300, as the kubelet waits.
fn backoff(tries: u32) -> f64 {
    f64::from(10 * 2_u32.pow(tries.saturating_sub(1).min(5))).min(300.0)
}

fn hold_container(pod: &mut Value, reason: &str, message: &str) {
    let waiting = json!({"waiting": {"reason": reason, "message": message}});
    pod.set("/status/containerStatuses/0/state", waiting);
    pod.set("/status/containerStatuses/0/ready", false);
}

fn mark_ready(pod: &mut Value, ready: bool, at: Timestamp) {
    set_pod_condition(pod, "ContainersReady", ready, at);
    set_pod_condition(pod, "Ready", ready, at);
}

fn set_pod_condition(pod: &mut Value, kind: &str, holds: bool, at: Timestamp) {
    let (status, reason, message) = match (holds, kind) {
        (true, _) => ("True", "", ""),
        (false, _) => (
            "False",
            "ContainersNotReady",
            "containers with unready status: [app]",
        ),
    };
    set_condition(pod, kind, status, reason, message, at);
}
