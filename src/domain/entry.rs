//! What the ledger keeps: one entry for each thing that people or the program decided. All state of
//! deployments, approvals and checklists is a fold over these.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    change::Act,
    environment::{EnvironmentName, Policy},
    evidence::Evidence,
    fault::Fault,
    hotfix::{Carried, Criterion, Leg},
    migration::RollbackWord,
    plan::{ItemId, StoredPlan},
    project::ProjectId,
    release::{Artifact, Commit, Digest, ReleaseRef, Resources},
    target::TargetId,
    text::Clean,
    time,
    version::ReleaseType,
    workspace::Actor,
};

/// The format this program writes. Entries of a later format keep the chain valid and make their stream
/// read-only.
pub const FORMAT: u32 = 1;

/// Unrelated entries do not conflict: the expected position is per stream.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StreamId(pub String);

impl StreamId {
    pub fn target(id: &TargetId) -> Self {
        Self(format!("target:{id}"))
    }

    pub fn is_target(&self) -> bool {
        self.0.starts_with("target:")
    }

    /// Locks of a whole environment, and its policy.
    pub fn environment(name: &EnvironmentName) -> Self {
        Self(format!("environment:{name}"))
    }

    pub fn releases(project: &ProjectId) -> Self {
        Self(format!("releases:{project}"))
    }

    pub fn hotfixes(project: &ProjectId) -> Self {
        Self(format!("hotfix:{project}"))
    }

    /// The project whose hotfixes this stream tells of.
    pub fn hotfixes_of(&self) -> Option<ProjectId> {
        ProjectId::parse(self.0.strip_prefix("hotfix:")?).ok()
    }
}

impl std::fmt::Display for StreamId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Names one deployment: `<environment>-<project>-<n>`, n counted per target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeploymentId(pub String);

impl DeploymentId {
    /// Stands for the deployment under way where the ledger could not be read; who brings the entry back names it.
    pub fn unread() -> Self {
        Self("unread".to_owned())
    }

    pub fn is_unread(&self) -> bool {
        self.0 == "unread"
    }
}

impl std::fmt::Display for DeploymentId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Names one intended change; carried by the object it changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IntentId(pub String);

impl std::fmt::Display for IntentId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Go,
    NoGo,
    /// Not now: like a NO-GO it stands until its giver withdraws it.
    Hold,
}

impl Answer {
    /// As it is said in the room.
    pub fn word(self) -> &'static str {
        match self {
            Self::Go => "GO",
            Self::NoGo => "NO-GO",
            Self::Hold => "HOLD",
        }
    }
}

/// How an act was confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Means {
    Dialog,
    Flags,
    /// Nobody confirmed it: the guard holds by itself.
    Guard,
}

/// What became of one change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "result")]
pub enum Outcome {
    Applied {
        /// The server did not answer us; we saw it by reading.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        seen: bool,
        /// Nothing on the object says that it was ours: somebody else may have done the same meanwhile.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        perhaps: bool,
    },
    Refused {
        fault: Fault,
    },
    /// Sent, perhaps; no answer. Settled by a later outcome.
    Unknown {
        fault: Fault,
    },
    /// Looked after it was unknown: it never landed.
    NotApplied,
}

/// What was done to the platform by somebody else than this ledger's people, as far as a reading can tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "act")]
pub enum OutsideAct {
    /// A pause that waits for a person was left.
    Promoted { step: usize },
    /// By a person, or by the platform itself; `message` is what it says.
    Aborted { message: Clean },
    /// Paused, and not by our hold.
    Held,
    /// What held it is gone: a pause from outside, or our own hold.
    Released,
    /// The desired state asks for another image than the one that flies.
    ImageSet { image: Option<Clean> },
    /// Nothing was left to roll back: the platform was back already.
    BroughtBack,
}

impl OutsideAct {
    fn sentence(&self) -> String {
        match self {
            Self::Promoted { step } => {
                format!("seen: the pause of step {step} was left, not by this ledger")
            }
            Self::Aborted { message } if message.is_empty() => {
                "seen: the rollout is aborted, not by this ledger".to_owned()
            }
            Self::Aborted { message } => {
                format!("seen: the rollout is aborted, not by this ledger: {message}")
            }
            Self::Held => "seen: paused on the platform, not by this ledger".to_owned(),
            Self::Released => "seen: the pause is off, not by this ledger".to_owned(),
            Self::ImageSet { image } => {
                let image = image.as_ref().map_or("no image", Clean::as_str);
                let image = super::change::short_image(image);
                format!("seen: the platform was changed outside gonogo and asks for {image}")
            }
            Self::BroughtBack => "seen: the platform was brought back outside gonogo".to_owned(),
        }
    }
}

/// How a deployment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    Closed,
    Cancelled,
    RolledBack,
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Closed => "closed",
            Self::Cancelled => "cancelled",
            Self::RolledBack => "rolled back",
        })
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Body {
    /// A commit became release `number` of its project.
    Numbered {
        number: u64,
        commit: Commit,
    },
    /// Somebody made a release of a commit by hand (SPEC R4), once all that it ships was there.
    ReleaseCreated {
        commit: Commit,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        release_type: Option<ReleaseType>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rollback: Option<RollbackWord>,
        artifacts: Vec<Artifact>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        resources: Option<Resources>,
    },
    /// Somebody is about to tag a commit: written before anything that others could see is made, so that whoever comes
    /// after a crash goes on with it.
    Tagging {
        tag: Clean,
        commit: Commit,
        /// What the commit was made from, where it was made for this tag.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        base: Option<Commit>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        branch: Option<Clean>,
        /// Where it is to be pushed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        remote: Option<Clean>,
    },
    /// It came to nothing: the tag was somebody else's already.
    TagDropped {
        tag: Clean,
        commit: Commit,
        reason: Clean,
    },
    /// Somebody tagged a commit, and perhaps published the tag.
    Tagged {
        tag: Clean,
        commit: Commit,
        /// Where it was pushed to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        remote: Option<Clean>,
    },
    Requested {
        deployment: DeploymentId,
        plan: Box<StoredPlan>,
        reason: String,
    },
    Cancelled {
        deployment: DeploymentId,
        reason: Option<String>,
    },
    Decided {
        deployment: DeploymentId,
        plan: Digest,
        answer: Answer,
        reason: String,
    },
    Withdrawn {
        deployment: DeploymentId,
        plan: Digest,
        /// The name it was given under, where that is another one of the same person.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        given_as: Option<String>,
    },
    /// The gates of a rule passed: it says go. `reason` names them.
    AutoApproved {
        deployment: DeploymentId,
        plan: Digest,
        rule: String,
        reason: String,
    },
    Checked {
        deployment: DeploymentId,
        item: ItemId,
        note: Option<String>,
    },
    /// Somebody read what a run printed, and answers for exactly this output.
    OutputRead {
        deployment: DeploymentId,
        item: ItemId,
        of: Digest,
        reason: String,
    },
    Waived {
        deployment: DeploymentId,
        item: ItemId,
        reason: String,
    },
    /// Asked for by one person; a second one makes it a waiver.
    WaiverProposed {
        deployment: DeploymentId,
        item: ItemId,
        reason: String,
    },
    Reopened {
        deployment: DeploymentId,
        item: ItemId,
        reason: Option<String>,
    },
    /// Somebody says something about an item; it stays what it is.
    Noted {
        deployment: DeploymentId,
        item: ItemId,
        text: String,
    },
    /// A probe measured; `ok` is its verdict, `evidence` what it saw.
    Measured {
        deployment: DeploymentId,
        item: ItemId,
        ok: bool,
        evidence: String,
    },
    /// Somebody runs an item of the checklist: written before it starts, so that nobody runs it a second time meanwhile.
    RunBegan {
        deployment: DeploymentId,
        item: ItemId,
    },
    /// Whoever runs it ends it when they read this.
    RunStopped {
        deployment: DeploymentId,
        item: ItemId,
    },
    /// How that ended; `ok` is its verdict.
    Ran {
        deployment: DeploymentId,
        item: ItemId,
        ok: bool,
        evidence: Box<Evidence>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// A rollback with no deployment under way: it needs no request (SPEC D16).
    RollbackOpened {
        deployment: DeploymentId,
        plan: Box<StoredPlan>,
        reason: String,
    },
    /// Somebody flew past gates that only an emergency may pass (SPEC 8.13). A second person countersigns.
    GlassBroken {
        deployment: DeploymentId,
        reason: String,
        /// What stood against it, gate by gate, as it was said then.
        skipped: Vec<String>,
        /// It was a hotfix: its own terms were kept, and these it passed by (SPEC R8).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hotfix: Option<String>,
    },
    Countersigned {
        deployment: DeploymentId,
        reason: String,
    },
    /// From now on this person flies (SPEC K1): the controls were free, or `from` held them.
    ControlsTaken {
        deployment: DeploymentId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    ControlsHanded {
        deployment: DeploymentId,
        to: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Nobody flies until somebody takes them.
    ControlsReleased {
        deployment: DeploymentId,
    },
    /// The guard does not hold this flight any more.
    GuardStopped {
        deployment: DeploymentId,
        reason: String,
    },
    /// A release that may not fly here until somebody clears it (SPEC E9).
    Grounded {
        release: ReleaseRef,
        reason: String,
    },
    Cleared {
        release: ReleaseRef,
        reason: String,
    },
    /// What ran was recorded as live, without having flown (SPEC E6).
    Adopted {
        release: ReleaseRef,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<ReleaseRef>,
        reason: String,
    },
    /// Nothing takes off here: in a whole environment or to one target, as the stream says (SPEC E11).
    Locked {
        reason: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    Unlocked {
        reason: String,
    },
    /// From here on this is the policy of the environment, whatever a file says (SPEC E2).
    PolicyRecorded {
        protected: bool,
        policy: Box<Policy>,
        reason: String,
    },
    /// Before anything is sent.
    Intended {
        deployment: DeploymentId,
        intent: IntentId,
        act: Box<Act>,
        change: usize,
        means: Means,
    },
    Settled {
        deployment: DeploymentId,
        intent: IntentId,
        outcome: Outcome,
    },
    /// The platform rests at the stage's share.
    StageReached {
        deployment: DeploymentId,
        stage: usize,
    },
    /// Somebody outside this ledger retried what was aborted here.
    RetriedOutside {
        deployment: DeploymentId,
    },
    /// A reading showed what no act of this ledger did: the platform was steered past it.
    SeenOutside {
        deployment: DeploymentId,
        what: OutsideAct,
        /// Where a person said so, and why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Everybody is served by the new release.
    Promoted {
        deployment: DeploymentId,
    },
    MonitoringBegan {
        deployment: DeploymentId,
    },
    /// Whoever attended slept, and nobody can say what happened meanwhile: bake and monitoring do not count it.
    Unattended {
        deployment: DeploymentId,
        from: Timestamp,
        until: Timestamp,
    },
    Ended {
        deployment: DeploymentId,
        ending: Ending,
    },
    /// A hotfix began: its branch stands on what was live, and its clock runs (SPEC R8).
    HotfixStarted {
        name: String,
        branch: String,
        /// The branch that it has to reach.
        onto: String,
        criterion: Criterion,
        from: Box<ReleaseRef>,
        environment: EnvironmentName,
        /// What the platform showed, where that was not what the ledger says is live.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        running: Option<Box<ReleaseRef>>,
    },
    HotfixAdvanced {
        name: String,
        leg: Leg,
    },
    /// An item of the list that its plan put off.
    HotfixChecked {
        name: String,
        item: ItemId,
        note: Option<String>,
    },
    /// Each of its commits is on the branch that it had to reach.
    HotfixBackported {
        name: String,
        fixes: Vec<Carried>,
    },
    HotfixClosed {
        name: String,
        reason: String,
    },
    /// Written by a later gonogo. Kept, and not acted upon.
    #[serde(skip)]
    Unknown {
        kind: String,
    },
}

/// What is handed to the ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Draft {
    pub at: Timestamp,
    pub actor: Actor,
    pub body: Body,
}

/// What the ledger gives back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Place in the one chain, from 1.
    pub seq: u64,
    pub stream: StreamId,
    /// Place in its stream, from 1.
    pub position: u64,
    pub format: u32,
    pub at: Timestamp,
    pub actor: Actor,
    pub body: Body,
}

impl Entry {
    /// One line of the timeline, without its time.
    pub fn sentence(&self) -> String {
        let who = &self.actor.name;
        match &self.body {
            Body::Numbered { number, commit } => {
                format!("release {number} is commit {}", commit.short())
            }
            Body::ReleaseCreated {
                commit,
                release_type,
                ..
            } => {
                let kind = release_type.map_or_else(String::new, |kind| format!("{kind} "));
                format!(
                    "{who} created the {kind}release of commit {}",
                    commit.short()
                )
            }
            Body::Tagging {
                tag,
                commit,
                branch,
                ..
            } => {
                let branch = branch
                    .as_ref()
                    .map_or_else(String::new, |branch| format!(", on branch {branch}"));
                format!(
                    "{who} is tagging commit {} as {tag}{branch}",
                    commit.short()
                )
            }
            Body::TagDropped { tag, reason, .. } => format!("{who} made no tag {tag}: {reason}"),
            Body::Tagged {
                tag,
                commit,
                remote,
            } => {
                let pushed = remote
                    .as_ref()
                    .map_or_else(String::new, |remote| format!(", and pushed it to {remote}"));
                format!("{who} tagged commit {} as {tag}{pushed}", commit.short())
            }
            Body::Requested { plan, reason, .. } => format!(
                "{who} requested release {}{}",
                plan.release.title(),
                because(Some(reason))
            ),
            Body::Cancelled { reason, .. } => {
                format!("{who} cancelled it{}", because(reason.as_ref()))
            }
            Body::Decided { answer, reason, .. } => {
                format!("{who}: {}{}", answer.word(), because(Some(reason)))
            }
            Body::AutoApproved { rule, reason, .. } => {
                format!("auto:{rule}: GO{}", because(Some(reason)))
            }
            Body::Withdrawn { .. } => format!("{who} withdrew the decision"),
            Body::Checked { item, note, .. } => {
                format!("{who} checked {item}{}", because(note.as_ref()))
            }
            Body::OutputRead {
                item, of, reason, ..
            } => format!(
                "{who} read {item} as {}{}",
                of.short(),
                because(Some(reason))
            ),
            Body::Waived { item, reason, .. } => {
                format!("{who} waived {item}{}", because(Some(reason)))
            }
            Body::WaiverProposed { item, reason, .. } => format!(
                "{who} proposes to waive {item}{}; a second person seconds it",
                because(Some(reason))
            ),
            Body::Reopened { item, reason, .. } => {
                format!("{who} reopened {item}{}", because(reason.as_ref()))
            }
            Body::Noted { item, text, .. } => format!("{who} notes on {item}: {text}"),
            Body::Measured {
                item,
                ok: true,
                evidence,
                ..
            } => format!("{item} passed: {evidence}"),
            Body::Measured {
                item,
                ok: false,
                evidence,
                ..
            } => format!("{item} failed: {evidence}"),
            Body::RunBegan { item, .. } => format!("{who} runs {item}"),
            Body::RunStopped { item, .. } => format!("{who} stops the run of {item}"),
            Body::Ran {
                item,
                ok,
                evidence,
                note,
                ..
            } => format!(
                "{item} {}: {}{}",
                if *ok { "passed" } else { "failed" },
                evidence.sentence(),
                because(note.as_ref())
            ),
            Body::RollbackOpened { plan, reason, .. } => format!(
                "{who} rolls back to release {}{}",
                plan.release.title(),
                because(Some(reason))
            ),
            Body::GlassBroken {
                reason,
                skipped,
                hotfix: Some(_),
                ..
            } => format!(
                "{who} flies a {reason} on its own terms ({})",
                skipped.join("; ")
            ),
            Body::GlassBroken {
                reason, skipped, ..
            } => format!(
                "{who} broke the glass: {reason} (past: {})",
                skipped.join("; ")
            ),
            Body::Countersigned { reason, .. } => {
                format!(
                    "{who} countersigned the break-glass{}",
                    because(Some(reason))
                )
            }
            Body::ControlsTaken { from, reason, .. } => {
                let from = from
                    .as_ref()
                    .map_or_else(String::new, |from| format!(" over from {from}"));
                format!("{who} took the controls{from}{}", because(reason.as_ref()))
            }
            Body::ControlsHanded { to, reason, .. } => {
                format!(
                    "{who} handed the controls to {to}{}",
                    because(reason.as_ref())
                )
            }
            Body::ControlsReleased { .. } => format!("{who} let go of the controls"),
            Body::GuardStopped { reason, .. } => {
                format!("{who} stopped the guard{}", because(Some(reason)))
            }
            Body::Grounded { release, reason } => format!(
                "{who} grounded release {}{}",
                release.title(),
                because(Some(reason))
            ),
            Body::Cleared { release, reason } => format!(
                "{who} cleared release {} to fly again{}",
                release.title(),
                because(Some(reason))
            ),
            Body::Adopted {
                release,
                before,
                reason,
            } => format!(
                "{who} adopted what runs: {}{}",
                from_to(before.as_ref(), release),
                because(Some(reason))
            ),
            Body::Locked { reason, until } => {
                let until = until.map_or_else(String::new, |until| {
                    // What was decided a moment before it was written is not a second less.
                    let lasts = until.duration_since(self.at).as_millis();
                    let seconds = i64::try_from((lasts + 500) / 1000).unwrap_or(i64::MAX);
                    format!(" for {}", time::age(SignedDuration::from_secs(seconds)))
                });
                format!(
                    "{who} locked {}{until}{}",
                    self.place(),
                    because(Some(reason))
                )
            }
            Body::Unlocked { reason } => {
                format!("{who} unlocked {}{}", self.place(), because(Some(reason)))
            }
            Body::PolicyRecorded { reason, .. } => format!(
                "{who} recorded the policy of {}{}",
                self.place(),
                because(Some(reason))
            ),
            Body::Intended { act, change, .. } => {
                let line = act
                    .changes
                    .get(*change)
                    .map_or_else(String::new, super::change::Change::line);
                // Said with the first of its changes, once.
                let why = act.reason.as_ref().filter(|_| *change == 0);
                format!("{who} asked ({}): {line}{}", act.kind.verb(), because(why))
            }
            Body::Settled { outcome, .. } => match outcome {
                Outcome::Applied { seen: false, .. } => "applied".to_owned(),
                Outcome::Applied {
                    seen: true,
                    perhaps: false,
                } => "applied (seen by reading; the answer was lost)".to_owned(),
                Outcome::Applied {
                    seen: true,
                    perhaps: true,
                } => "done (seen by reading, perhaps by somebody else; the answer was lost)"
                    .to_owned(),
                Outcome::Refused { fault } if fault.not_sent => format!("not sent: {fault}"),
                Outcome::Refused { fault } => format!("refused: {fault}"),
                Outcome::Unknown { fault } => format!("outcome UNKNOWN: {fault}"),
                Outcome::NotApplied => "looked: it never landed".to_owned(),
            },
            Body::StageReached { stage, .. } => format!("stage {} reached", stage + 1),
            Body::RetriedOutside { .. } => {
                "retried outside gonogo: it flies again from its first stage".to_owned()
            }
            Body::SeenOutside { what, reason, .. } => {
                format!("{}{}", what.sentence(), because(reason.as_ref()))
            }
            Body::Promoted { .. } => "the new release serves everybody".to_owned(),
            Body::MonitoringBegan { .. } => "verified; monitoring begins".to_owned(),
            Body::Unattended { from, until, .. } => format!(
                "unattended from {} to {}: {} that count for nothing",
                from.strftime("%H:%M:%S"),
                until.strftime("%H:%M:%S"),
                time::age(until.duration_since(*from)),
            ),
            Body::Ended { ending, .. } => format!("deployment {ending}"),
            Body::HotfixStarted { .. }
            | Body::HotfixAdvanced { .. }
            | Body::HotfixChecked { .. }
            | Body::HotfixBackported { .. }
            | Body::HotfixClosed { .. } => self.hotfix_sentence(),
            Body::Unknown { kind } => {
                format!("an entry of a later gonogo ({kind}); this program only reads here")
            }
        }
    }

    fn hotfix_sentence(&self) -> String {
        let who = &self.actor.name;
        match &self.body {
            Body::HotfixStarted {
                name,
                branch,
                criterion,
                from,
                environment,
                running,
                ..
            } => {
                let differs = running.as_ref().map_or_else(String::new, |running| {
                    format!("; the platform shows {}", running.title())
                });
                format!(
                    "{who} started hotfix {name} ({criterion}) on {branch} from {}, live in {environment}{differs}",
                    from.title()
                )
            }
            Body::HotfixAdvanced { name, leg } => format!("{who}: hotfix {name} goes on to {leg}"),
            Body::HotfixChecked { name, item, note } => format!(
                "{who} checked {item} of hotfix {name}{}",
                because(note.as_ref())
            ),
            Body::HotfixBackported { name, fixes } => format!(
                "hotfix {name} is backported: {} of {} commits proved, asked by {who}",
                fixes.len(),
                fixes.len()
            ),
            Body::HotfixClosed { name, reason } => {
                format!("{who} gave hotfix {name} up{}", because(Some(reason)))
            }
            _ => String::new(),
        }
    }

    /// What its stream is about: an environment or a target, by name.
    fn place(&self) -> &str {
        let stream = &self.stream.0;
        stream.split_once(':').map_or(stream, |(_, name)| name)
    }

    /// It is what was set aside: by all that it says, or by the intent it carries.
    pub fn tells(&self, draft: &Draft) -> bool {
        let intent = |body: &Body| match body {
            Body::Intended { intent, .. } => Some(intent.clone()),
            _ => None,
        };
        let (a, b) = (intent(&self.body), intent(&draft.body));
        self.at == draft.at
            && self.actor == draft.actor
            && (self.body == draft.body || (a.is_some() && a == b))
    }

    /// `14:28:51`, in UTC.
    pub fn clock(&self) -> String {
        self.at.strftime("%H:%M:%S").to_string()
    }

    pub fn age(&self, now: Timestamp) -> String {
        time::age(now.duration_since(self.at))
    }
}

fn because(reason: Option<&String>) -> String {
    reason
        .filter(|reason| !reason.is_empty())
        .map_or_else(String::new, |reason| format!(": {reason}"))
}

impl Body {
    pub fn deployment(&self) -> Option<&DeploymentId> {
        match self {
            Self::Numbered { .. }
            | Self::ReleaseCreated { .. }
            | Self::Tagging { .. }
            | Self::TagDropped { .. }
            | Self::Tagged { .. }
            | Self::Grounded { .. }
            | Self::Cleared { .. }
            | Self::HotfixStarted { .. }
            | Self::HotfixAdvanced { .. }
            | Self::HotfixChecked { .. }
            | Self::HotfixBackported { .. }
            | Self::HotfixClosed { .. }
            | Self::Adopted { .. }
            | Self::Locked { .. }
            | Self::Unlocked { .. }
            | Self::PolicyRecorded { .. }
            | Self::Unknown { .. } => None,
            Self::Requested { deployment, .. }
            | Self::Cancelled { deployment, .. }
            | Self::Decided { deployment, .. }
            | Self::Withdrawn { deployment, .. }
            | Self::AutoApproved { deployment, .. }
            | Self::Checked { deployment, .. }
            | Self::OutputRead { deployment, .. }
            | Self::Waived { deployment, .. }
            | Self::WaiverProposed { deployment, .. }
            | Self::Reopened { deployment, .. }
            | Self::Noted { deployment, .. }
            | Self::Measured { deployment, .. }
            | Self::RunBegan { deployment, .. }
            | Self::RunStopped { deployment, .. }
            | Self::Ran { deployment, .. }
            | Self::RollbackOpened { deployment, .. }
            | Self::GlassBroken { deployment, .. }
            | Self::Countersigned { deployment, .. }
            | Self::GuardStopped { deployment, .. }
            | Self::ControlsTaken { deployment, .. }
            | Self::ControlsHanded { deployment, .. }
            | Self::ControlsReleased { deployment }
            | Self::Intended { deployment, .. }
            | Self::Settled { deployment, .. }
            | Self::StageReached { deployment, .. }
            | Self::RetriedOutside { deployment }
            | Self::SeenOutside { deployment, .. }
            | Self::Promoted { deployment }
            | Self::MonitoringBegan { deployment }
            | Self::Unattended { deployment, .. }
            | Self::Ended { deployment, .. } => Some(deployment),
        }
    }
}

impl Body {
    /// The deployment of an act, to be named when it is known.
    pub fn deployment_mut(&mut self) -> Option<&mut DeploymentId> {
        match self {
            Self::Intended { deployment, .. }
            | Self::Settled { deployment, .. }
            | Self::ControlsTaken { deployment, .. } => Some(deployment),
            _ => None,
        }
    }
}

/// What was live before, for sentences that name both.
pub fn from_to(before: Option<&ReleaseRef>, after: &ReleaseRef) -> String {
    match before {
        Some(before) => format!("{} → {}", before.title(), after.title()),
        None => format!("nothing → {}", after.title()),
    }
}
