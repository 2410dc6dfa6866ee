//! What one key or verb confirms: an act of one to four concrete changes, each with the preconditions that
//! were read seconds before. The planner leaves the executor no choices (HOUSE §1).

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    release::{Digest, ReleaseRef},
    target::{TargetId, WorkloadRef},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActKind {
    Fly,
    Promote,
    PromoteFully,
    Hold,
    Resume,
    Abort,
    Retry,
    RollBack,
}

impl ActKind {
    pub const ALL: [Self; 8] = [
        Self::Fly,
        Self::Promote,
        Self::PromoteFully,
        Self::Hold,
        Self::Resume,
        Self::Abort,
        Self::Retry,
        Self::RollBack,
    ];

    /// The word in a sentence about something that was done.
    pub fn done(self) -> &'static str {
        match self {
            Self::Fly => "took off",
            Self::Promote => "promoted",
            Self::PromoteFully => "promoted fully",
            Self::Hold => "held",
            Self::Resume => "resumed",
            Self::Abort => "aborted",
            Self::Retry => "retried",
            Self::RollBack => "rolled back",
        }
    }

    /// The word for doing it.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Fly => "fly",
            Self::Promote => "promote",
            Self::PromoteFully => "promote --full",
            Self::Hold => "hold",
            Self::Resume => "resume",
            Self::Abort => "abort",
            Self::Retry => "retry",
            Self::RollBack => "rollback",
        }
    }

    /// As a thing: `the abort never landed`.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Fly => "take-off",
            Self::Promote => "promotion",
            Self::PromoteFully => "full promotion",
            Self::Hold => "hold",
            Self::Resume => "resume",
            Self::Abort => "abort",
            Self::Retry => "retry",
            Self::RollBack => "rollback",
        }
    }

    /// Hold, abort and rollback never wait: not for an unfinished act, not for a gate that cannot know.
    pub fn is_escape(self) -> bool {
        matches!(self, Self::Hold | Self::Abort | Self::RollBack)
    }
}

/// What must still be true of the workload at the moment the change lands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expect {
    pub uid: String,
    /// `/status/currentPodHash` of a Rollout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_hash: Option<String>,
    /// `/status/currentStepIndex`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<usize>,
    /// The image in the desired template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

/// One write, or one declared wait between two writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Change {
    /// Replace the image of one container in the desired template.
    SetImage {
        workload: WorkloadRef,
        container_index: usize,
        image: String,
        expect: Expect,
    },
    /// Leave the pause of a step.
    PromoteStep {
        workload: WorkloadRef,
        expect: Expect,
    },
    /// Skip what is left of the steps. The hash is the one expected, or the one the wait before it read.
    PromoteFull {
        workload: WorkloadRef,
        expect: Expect,
    },
    Abort {
        workload: WorkloadRef,
        expect: Expect,
    },
    Retry {
        workload: WorkloadRef,
        expect: Expect,
    },
    /// `spec.paused`, with our name on it.
    Hold {
        workload: WorkloadRef,
        expect: Expect,
        by: String,
    },
    /// Take our own hold off.
    Resume {
        workload: WorkloadRef,
        expect: Expect,
    },
    /// Wait until the controller has seen the image and given its template a hash.
    AwaitTemplate {
        workload: WorkloadRef,
        image: String,
        deadline: SignedDuration,
    },
}

impl Change {
    pub fn workload(&self) -> &WorkloadRef {
        match self {
            Self::SetImage { workload, .. }
            | Self::PromoteStep { workload, .. }
            | Self::PromoteFull { workload, .. }
            | Self::Abort { workload, .. }
            | Self::Retry { workload, .. }
            | Self::Hold { workload, .. }
            | Self::Resume { workload, .. }
            | Self::AwaitTemplate { workload, .. } => workload,
        }
    }

    /// One line for the dialog, the dead-man card and the timeline.
    pub fn line(&self) -> String {
        let on = self.workload();
        match self {
            Self::SetImage { image, .. } => {
                format!("set the image of {on} to {}", short_image(image))
            }
            Self::PromoteStep { expect, .. } => match expect.step {
                Some(step) => format!("leave the pause of step {step} of {on}"),
                None => format!("leave the pause of {on}"),
            },
            Self::PromoteFull { .. } => format!("promote {on} past all its steps"),
            Self::Abort { .. } => format!("abort {on}: stable serves everybody"),
            Self::Retry { .. } => format!("retry {on} from its first step"),
            Self::Hold { .. } => format!("pause {on}"),
            Self::Resume { .. } => format!("take our pause off {on}"),
            Self::AwaitTemplate { .. } => format!("wait until {on} has taken the new template up"),
        }
    }
}

/// `name@sha256:abcdef123456…`: readable, and still tells digests apart.
pub fn short_image(image: &str) -> String {
    match image.split_once("@sha256:") {
        Some((name, hex)) => format!(
            "{}@{}",
            name.rsplit('/').next().unwrap_or(name),
            hex.get(..12).unwrap_or(hex)
        ),
        None => image.to_owned(),
    }
}

/// The whole of what is confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    pub kind: ActKind,
    pub target: TargetId,
    /// The release that will serve when all is done.
    pub release: ReleaseRef,
    /// The platform's step it was meant for, on promotions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<usize>,
    pub changes: Vec<Change>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The ledger could not be written when this was asked, and the confirmation says so: the intent goes into a journal
    /// of this machine.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unrecorded: bool,
    /// Set when nobody pressed a key: what the guard saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<Box<Cause>>,
    /// What stood against it and was passed over, gate by gate (SPEC 8.13): not empty means break-glass.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub broken: Vec<String>,
    /// The controls change hands with this act (SPEC K1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controls: Option<Taking>,
    /// What will be true afterwards, on the platform and in the desired state.
    pub afterwards: Vec<String>,
}

/// Whoever confirms the act flies from then on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taking {
    /// Who held the controls; None: they were free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

/// Why the guard acts: a figure that is over its limit, or not known, for too long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The gate that does not pass: `metric.error_rate`.
    pub gate: String,
    /// What it said, with its figures.
    pub sentence: String,
    /// Since when, as the process saw it that acts.
    pub since: Timestamp,
    /// The person whose process watched, and whose rights it acts with.
    pub watched_by: String,
}

impl Act {
    /// What a confirmation refers to.
    pub fn fingerprint(&self) -> Digest {
        Digest::of_json(self)
    }
}
