//! The process manager: what a deployment waits for, and what any attending process records, once. A canary
//! lasts an hour, an act seconds; what lies between is folded state with deadlines computed from entries.

mod outside;
mod returning;
mod verifying;

pub use verifying::begins_by_itself;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    domain::{
        change::{ActKind, Cause},
        deployment::{Deployment, FlightState, Lost},
        entry::Body,
        rollout::{Observed, PodState, RolloutPhase, Workload},
        target::WorkloadKind,
        time,
    },
    policy::{
        controls,
        facts::Facts,
        gate::Verdict,
        gates::{self, health},
        guard::Stand,
        measure, poll,
    },
};

use super::after;

/// Who moves next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mover {
    You,
    Gonogo,
    Controller,
}

impl Mover {
    pub fn word(self) -> &'static str {
        match self {
            Self::You => "you",
            Self::Gonogo => "gonogo",
            Self::Controller => "the controller",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Waiting {
    pub mover: Mover,
    /// Names no key and no command: those are in `ways`.
    pub sentence: String,
    pub until: Option<Timestamp>,
    /// The person whose move it is, where somebody who is there holds the controls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ways: Vec<Way>,
}

/// An act that may be asked for now, and what it would do: `promotes`. It goes by its key on the screen, and by its
/// command everywhere else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way {
    pub act: ActKind,
    pub words: String,
}

impl Way {
    fn new(act: ActKind, words: &str) -> Self {
        let words = words.to_owned();
        Self { act, words }
    }
}

impl Waiting {
    /// A person's move in a flight is the move of whoever flies it, as long as they are there.
    #[must_use]
    pub fn of_whoever_flies(mut self, facts: &Facts<'_>) -> Self {
        let airborne = facts
            .current()
            .is_some_and(|current| current.state.is_airborne());
        let holder = controls::holder(facts)
            .filter(|held| airborne && controls::is_present(facts, &held.by));
        if self.mover == Mover::You {
            self.by = holder.map(|held| held.by.clone());
        }
        self
    }

    /// Who moves, in a word: by name where it is known.
    pub fn who(&self) -> &str {
        self.by.as_deref().unwrap_or(self.mover.word())
    }

    /// It waits for this person, or for anybody.
    pub fn is_for(&self, name: &str) -> bool {
        self.mover == Mover::You && self.by.as_deref().is_none_or(|by| by == name)
    }

    /// `ready: p promotes`. A way that `name` has no name for is left out.
    pub fn said(&self, name: impl Fn(ActKind) -> Option<String>) -> String {
        let named = |way: &Way| name(way.act).map(|name| format!("{name} {}", way.words));
        let ways: Vec<String> = self.ways.iter().filter_map(named).collect();
        if ways.is_empty() {
            return self.sentence.clone();
        }
        format!("{}: {}", self.sentence, ways.join(", "))
    }

    /// `ready: `promote` promotes`, where there are no keys.
    pub fn in_commands(&self) -> String {
        self.said(|act| Some(format!("`{}`", act.verb())))
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Nothing is under way.
    Idle,
    Waiting(Waiting),
    /// Something was reached; it goes into the ledger at the position these facts were folded from.
    Record(Vec<Body>),
}

fn waiting(mover: Mover, sentence: impl Into<String>, until: Option<Timestamp>) -> Next {
    Next::Waiting(Waiting {
        mover,
        sentence: sentence.into(),
        until,
        by: None,
        ways: Vec::new(),
    })
}

/// A person's turn, with what can be done about it.
fn yours(sentence: impl Into<String>, ways: &[(ActKind, &str)]) -> Next {
    Next::Waiting(Waiting {
        mover: Mover::You,
        sentence: sentence.into(),
        until: None,
        by: None,
        ways: ways
            .iter()
            .map(|(act, words)| Way::new(*act, words))
            .collect(),
    })
}

/// What to do next, and what to write down: what was reached, and what somebody did past this ledger.
pub fn next(facts: &Facts<'_>) -> Next {
    let reached = outlook(facts);
    let Some(deployment) = facts.current() else {
        return reached;
    };
    if outside::retried(facts, deployment) {
        let deployment = deployment.id.clone();
        return Next::Record(vec![Body::RetriedOutside { deployment }]);
    }
    let mut seen = outside::seen(facts, deployment);
    match reached {
        _ if seen.is_empty() => reached,
        // In the order in which it was: left first, reached then.
        Next::Record(mut bodies) => {
            seen.append(&mut bodies);
            Next::Record(seen)
        }
        Next::Waiting(_) | Next::Idle => Next::Record(seen),
    }
}

/// The same for whoever only reads: what was done past this ledger changes nothing of what it waits for.
pub fn outlook(facts: &Facts<'_>) -> Next {
    let mut waiting = match reached(facts) {
        Next::Waiting(waiting) => waiting,
        other => return other,
    };
    if let Some(lost) = lost(facts) {
        waiting.mover = Mover::You;
        waiting.sentence = format!("{}; {}", lost.words(), waiting.sentence);
        let kind = lost.act.kind;
        waiting.ways.retain(|way| way.act != kind);
        waiting.ways.insert(0, Way::new(kind, "again"));
    }
    if let Some(waits) = facts.waits_in_journal() {
        waiting.sentence = format!("{} ({waits})", waiting.sentence);
    }
    Next::Waiting(waiting)
}

/// What was asked for last and never landed, as far as it is still to be asked for.
fn lost<'a>(facts: &Facts<'a>) -> Option<&'a Lost> {
    let deployment = facts.current()?;
    let lost = deployment.lost.as_deref()?;
    let change = lost.act.changes.get(lost.change)?;
    let there = facts
        .workload
        .value()
        .is_some_and(|observed| after::landed(change, observed));
    let said = deployment.outstanding.is_some() || deployment.unfinished.is_some();
    (!there && !said).then_some(lost)
}

fn reached(facts: &Facts<'_>) -> Next {
    let Some(deployment) = facts.current() else {
        return Next::Idle;
    };
    if let Some(settled) = settle(facts, deployment) {
        return settled;
    }
    step(facts, deployment)
}

fn step(facts: &Facts<'_>, deployment: &Deployment) -> Next {
    match deployment.state {
        FlightState::Requested => requested(facts, deployment),
        FlightState::Flying => flying(facts, deployment),
        FlightState::Aborted if retried_outside(facts, deployment) => {
            let deployment = deployment.id.clone();
            Next::Record(vec![Body::RetriedOutside { deployment }])
        }
        FlightState::Aborted => {
            let stays = format!(
                "aborted: stable serves; {} stays desired",
                deployment.plan.release.title()
            );
            yours(stays, &BACK_OR_AGAIN)
        }
        FlightState::RollingBack => returning::rolling_back(facts, deployment),
        FlightState::Verifying => verifying::verifying(facts, deployment),
        FlightState::Monitoring => verifying::monitoring(facts, deployment),
    }
}

/// After an abort.
const BACK_OR_AGAIN: [(ActKind, &str); 2] = [
    (ActKind::RollBack, "rolls back"),
    (ActKind::Retry, "retries"),
];

/// An intent without an outcome is looked at, never sent again.
fn settle(facts: &Facts<'_>, deployment: &Deployment) -> Option<Next> {
    let outstanding = deployment.outstanding.as_ref()?;
    let timings = &facts.workspace.timings;
    let deadline = after::deadline(outstanding, timings.mutation_deadline);
    let expired = outstanding.unknown || facts.now.duration_since(outstanding.at) > deadline;
    // Sent again and again it is one asking.
    let before = deployment
        .lost
        .as_deref()
        .filter(|lost| lost.is_of(&outstanding.act, outstanding.change));
    let times = before.map_or_else(String::new, |lost| format!(" {} times,", lost.times + 1));
    let asked = format!(
        "{} asked{times} {} ago",
        outstanding.act.kind.verb(),
        time::age(facts.now.duration_since(outstanding.at))
    );
    if !expired {
        return Some(waiting(
            Mover::Gonogo,
            format!("{asked}, not answered yet"),
            None,
        ));
    }
    let outcome = facts.workload.last.as_ref().and_then(|reading| {
        after::settle(outstanding, &reading.value, reading.at, facts.lag, timings)
    });
    Some(match outcome {
        Some(outcome) => {
            let (deployment, intent) = (deployment.id.clone(), outstanding.intent.clone());
            Next::Record(vec![Body::Settled {
                deployment,
                intent,
                outcome,
            }])
        }
        None => waiting(
            Mover::Gonogo,
            format!("{asked}, outcome UNKNOWN: looking at the platform"),
            None,
        ),
    })
}

fn requested(facts: &Facts<'_>, deployment: &Deployment) -> Next {
    let rules = poll::due(facts, deployment);
    if !rules.is_empty() {
        return Next::Record(rules);
    }
    let judgement = gates::take_off(facts, &deployment.plan);
    match judgement.gravest() {
        Some(gate) => waiting(Mover::You, format!("NO-GO: {}", gate.sentence), None),
        None => yours("GO", &[(ActKind::Fly, "flies")]),
    }
}

fn flying(facts: &Facts<'_>, deployment: &Deployment) -> Next {
    let Some(observed) = facts.fresh() else {
        return waiting(Mover::Gonogo, unwatched(facts, deployment), None);
    };
    let workload = &observed.workload;
    let read_at = facts.workload.last.as_ref().map(|reading| reading.at);
    let asked = deployment
        .last_act
        .as_ref()
        .filter(|act| read_at.is_some_and(|at| at <= act.settled_at));
    if let Some(act) = asked.filter(|_| workload.image != deployment.plan.release.image) {
        let ago = time::age(facts.now.duration_since(act.at));
        return waiting(
            Mover::Controller,
            format!("{} asked {ago} ago, not seen yet", act.kind.verb()),
            None,
        );
    }
    if workload.image != deployment.plan.release.image {
        return waiting(Mover::You, outside(workload), None);
    }
    let reached = reached_stages(deployment, observed);
    let id = || deployment.id.clone();
    if workload.is_promoted() {
        let all = (0..deployment.stages.len()).filter(|stage| deployment.stages[*stage].is_none());
        let mut bodies: Vec<Body> = all
            .map(|stage| Body::StageReached {
                deployment: id(),
                stage,
            })
            .collect();
        bodies.push(Body::Promoted { deployment: id() });
        return Next::Record(bodies);
    }
    if !reached.is_empty() {
        return Next::Record(
            reached
                .into_iter()
                .map(|stage| Body::StageReached {
                    deployment: id(),
                    stage,
                })
                .collect(),
        );
    }
    if workload.aborted {
        return yours(
            "the rollout is aborted, but not by this ledger",
            &BACK_OR_AGAIN,
        );
    }
    if workload.paused {
        let by = workload
            .held_by
            .as_ref()
            .map_or_else(|| "somebody outside gonogo".to_owned(), ToString::to_string);
        let why = deployment
            .held
            .as_ref()
            .filter(|held| held.by == by)
            .and_then(|held| held.reason.as_ref())
            .map_or_else(String::new, |why| format!(": {why}"));
        return waiting(
            Mover::You,
            format!("held on the platform by {by}{why}"),
            None,
        );
    }
    if let Some(counting) = guarding(facts) {
        return counting;
    }
    if workload.rests_at_step() {
        return resting(facts, deployment, observed);
    }
    late(facts, deployment, observed)
}

/// Something is going wrong where the platform would go on by itself, and nobody has said what to do yet.
fn guarding(facts: &Facts<'_>) -> Option<Next> {
    let said = |when: &str, cause: &Cause| {
        format!(
            "guard: {}; it holds the flight {when} (`guard stop` ends that)",
            cause.sentence
        )
    };
    match facts.guard.stand(facts) {
        Stand::Counting { cause, at } => {
            let left = time::clock(at.duration_since(facts.now));
            let words = said(&format!("in {left}, unless that recovers"), &cause);
            Some(waiting(Mover::Gonogo, words, Some(at)))
        }
        Stand::Hold(cause) => Some(waiting(Mover::Gonogo, said("now", &cause), None)),
        Stand::Off | Stand::Calm | Stand::Stopped(_) | Stand::Acted(_) => None,
    }
}

/// Stages that the platform rests at, or has passed, and that are not written down yet.
fn reached_stages(deployment: &Deployment, observed: &Observed) -> Vec<usize> {
    let workload = &observed.workload;
    if workload.kind == WorkloadKind::Deployment || workload.aborted || !workload.observed {
        return Vec::new();
    }
    let step = workload.step.unwrap_or(0);
    let plan = &deployment.plan.plan.stages;
    let reached = |stage: &usize| {
        let rest = plan
            .get(*stage)
            .and_then(|spec| workload.resting_step(spec.share));
        rest.is_some_and(|rest| step > rest || (step == rest && workload.rests_at_step()))
    };
    (0..plan.len())
        .filter(|stage| deployment.stages[*stage].is_none())
        .filter(reached)
        .collect()
}

fn resting(facts: &Facts<'_>, deployment: &Deployment, observed: &Observed) -> Next {
    let pause = observed.workload.pause.as_ref();
    let alone = pause
        .and_then(|pause| Some((pause.since?, pause.lasts?)))
        .and_then(|(since, lasts)| since.checked_add(lasts).ok());
    if let Some(at) = alone {
        return waiting(
            Mover::Controller,
            format!(
                "the controller goes on by itself at {}",
                at.strftime("%H:%M:%S")
            ),
            Some(at),
        );
    }
    let bake = deployment.bake_ends().filter(|ends| *ends > facts.now);
    if let (Some(ends), Some(stage)) = (
        bake,
        deployment
            .stage()
            .and_then(|s| deployment.plan.plan.stages.get(s)),
    ) {
        let baked = stage
            .bake
            .checked_sub(ends.duration_since(facts.now))
            .unwrap_or_default();
        return waiting(
            Mover::You,
            format!(
                "bake {} of {}, then you",
                time::clock(baked),
                time::clock(stage.bake)
            ),
            Some(ends),
        );
    }
    let judgement = gates::promotion(facts, &deployment.plan);
    match judgement.gravest() {
        Some(gate) => waiting(Mover::You, format!("HOLD: {}", gate.sentence), None),
        None => yours("ready", &[(ActKind::Promote, "promotes")]),
    }
}

/// Still moving: the controller's turn, until the deadline makes it late.
fn late(facts: &Facts<'_>, deployment: &Deployment, observed: &Observed) -> Next {
    let workload = &observed.workload;
    let asked = deployment
        .last_act
        .as_ref()
        .map_or(deployment.requested_at, |act| act.at);
    let until = asked
        .checked_add(deployment.plan.plan.rollout_deadline)
        .ok();
    let took = facts.now.duration_since(asked);
    if workload.phase == RolloutPhase::Degraded {
        return waiting(Mover::You, format!("degraded: {}", workload.message), None);
    }
    // The controller tries again and again; whether to wait for that is a person's to say.
    if observed
        .new_pods()
        .any(|pod| pod.state == PodState::Failing)
    {
        let (_, sentence) = health::judge_pods(observed);
        return waiting(Mover::You, sentence, None);
    }
    if until.is_some_and(|until| facts.now > until) {
        return waiting(
            Mover::You,
            format!(
                "late: {} since it was asked; {}",
                time::age(took),
                workload.message
            ),
            None,
        );
    }
    let word = deployment
        .last_act
        .as_ref()
        .map_or("asked", |act| act.kind.verb());
    waiting(
        Mover::Controller,
        format!("{word} asked {} ago; {}", time::age(took), workload.message),
        until,
    )
}

fn outside(workload: &Workload) -> String {
    let other = workload
        .image
        .as_deref()
        .map_or_else(|| "no image".to_owned(), crate::domain::change::short_image);
    format!("changed outside gonogo: the platform now asks for {other}")
}

/// Nothing is known of the canary: its bake goes on by the clock alone, and nobody watches it.
fn unwatched(facts: &Facts<'_>, deployment: &Deployment) -> String {
    let blind = measure::blind(facts);
    let stage = deployment
        .stage()
        .and_then(|stage| deployment.plan.plan.stages.get(stage));
    let Some((stage, ends)) = stage.zip(deployment.bake_ends()) else {
        return blind;
    };
    let left = ends.duration_since(facts.now);
    let over = if left.is_positive() {
        format!("would be over in {}", time::clock(left))
    } else {
        "would be over".to_owned()
    };
    format!(
        "by the clock the bake of {} % {over}, and nobody watches it: {blind}",
        stage.share
    )
}

/// After our abort the canary moves again, and no act of this ledger made it.
fn retried_outside(facts: &Facts<'_>, deployment: &Deployment) -> bool {
    let since = deployment.last_act.as_ref().map(|act| act.settled_at);
    let reading = facts.workload.last.as_ref();
    let newer = reading.is_some_and(|reading| since.is_none_or(|since| reading.at > since));
    newer
        && deployment.outstanding.is_none()
        && facts.fresh().is_some_and(|observed| {
            let workload = &observed.workload;
            let ours = workload.image == deployment.plan.release.image;
            workload.observed && ours && !workload.aborted && workload.is_midway()
        })
}

/// What was flown is no longer what the platform asks for: nothing that is measured now is about it.
fn changed_outside(facts: &Facts<'_>, deployment: &Deployment) -> Option<Next> {
    match health::drift(facts, &deployment.plan)? {
        (Verdict::Pass, _) => None,
        (Verdict::Unknown, sentence) => Some(waiting(Mover::Gonogo, sentence, None)),
        (_, sentence) => Some(yours(sentence, &[(ActKind::RollBack, "goes back")])),
    }
}
