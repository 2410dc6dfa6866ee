//! The go/no-go poll (SPEC 8.1, A1, A2, A4, A5): everybody who is asked or has answered, what each answer counts for,
//! and the call that follows. The gate *approvals*, the Poll screen and `gonogo poll` all read this.

mod call;
mod voice;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::domain::{
    deployment::{Decision, Deployment, FlightState},
    entry::{Answer, Body, DeploymentId},
    environment::AutoApproval,
    plan::StoredPlan,
    quorum,
    release::Digest,
    time,
    workspace::{Actor, IdentityMeans},
};

use super::{facts::Facts, gate::Verdict, gates, plan_difference, planner};

pub use voice::{Uncounted, why_not};

/// What the room has decided so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    Go,
    NoGo,
    Hold,
    /// Somebody has not answered yet.
    Waiting,
    /// What was answered to is no longer what would fly.
    Void,
    /// What decides whose answer counts cannot be known now.
    Unknown,
}

impl Call {
    pub fn word(self) -> &'static str {
        match self {
            Self::Go => "GO",
            Self::NoGo => "NO-GO",
            Self::Hold => "HOLD",
            Self::Waiting => "WAITING",
            Self::Void => "VOID",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// The same where letters are large: short.
    pub fn large(self) -> &'static str {
        match self {
            Self::Waiting => "WAIT",
            Self::Unknown => "NO-GO",
            other => other.word(),
        }
    }

    /// As a gate says it.
    pub fn verdict(self) -> Verdict {
        match self {
            Self::Go => Verdict::Pass,
            Self::Unknown => Verdict::Unknown,
            _ => Verdict::Fail,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Poll {
    /// None while the plan is only looked at.
    pub deployment: Option<DeploymentId>,
    pub plan: Digest,
    pub call: Call,
    /// The call in one sentence, with its figures.
    pub sentence: String,
    /// One for each rule, in their order.
    pub seats: Vec<Seats>,
    /// By role, in the order of the rules; then who may veto, who else has spoken, and the rules that answer by
    /// themselves.
    pub voices: Vec<Voice>,
    /// What changed since the plan was stored; every answer given to it is void then.
    pub void: Vec<String>,
}

/// One rule of the poll: so many of those who hold the role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Seats {
    pub role: String,
    pub quorum: u32,
    /// Whose go counts for it.
    pub taken: Vec<String>,
    /// How many people hold the role here.
    pub holders: usize,
}

impl Seats {
    pub fn are_taken(&self) -> bool {
        self.taken.len() >= self.quorum as usize
    }
}

/// One person or rule, asked or heard.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says something else of a voice"
)]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Voice {
    pub name: String,
    /// The roles of this poll that the person holds.
    pub roles: Vec<String>,
    /// May say NO-GO whatever the others say.
    pub veto: bool,
    /// Gates, not a person.
    pub auto: bool,
    pub answer: Option<Answer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// When a go stops to count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub means: Option<IdentityMeans>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Nothing proves that it was this person, but the name.
    pub unverified: bool,
    /// The role whose seat it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counts_for: Option<String>,
    /// Why it does not count, or would not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Its go would take a seat that is free.
    pub awaited: bool,
}

impl Voice {
    /// How we know that it was this person, as far as we do (SPEC A5).
    pub fn identity(&self) -> Option<String> {
        let host = self.host.as_deref().filter(|host| !host.is_empty());
        let means = match self.means? {
            IdentityMeans::Account => match host {
                Some(host) => format!("account on {host}"),
                None => "account".to_owned(),
            },
            IdentityMeans::Claimed => "name claimed".to_owned(),
            IdentityMeans::Program => return Some("by its gates".to_owned()),
        };
        Some(if self.unverified {
            format!("{means}, unverified")
        } else {
            means
        })
    }
}

impl Voice {
    /// One line: the answer, who, in which role, why, how long ago, and what it counts for.
    pub fn line(&self, poll: &Poll, now: Timestamp) -> String {
        let answer = match self.answer {
            Some(Answer::Go) if !poll.void.is_empty() => "VOID",
            Some(answer) => answer.word(),
            None if self.awaited => "awaited",
            None => "-",
        };
        let mut words: Vec<String> = self.reason.clone().into_iter().collect();
        words.extend(
            self.at
                .map(|at| format!("{} ago", time::age(now.duration_since(at)))),
        );
        words.extend(self.identity());
        words.extend(self.note.clone());
        let (name, roles, words) = (&self.name, self.roles.join("+"), words.join(" · "));
        format!("{answer:<8} {name:<12} {roles:<16} {words}")
            .trim_end()
            .to_owned()
    }
}

impl Poll {
    pub fn awaited(&self) -> impl Iterator<Item = &Voice> {
        self.voices.iter().filter(|voice| voice.awaited)
    }

    pub fn voice(&self, name: &str) -> Option<&Voice> {
        self.voices.iter().find(|voice| voice.name == name)
    }

    /// `2 of 2 approve, 0 of 1 qa`
    pub fn count(&self) -> String {
        let counts: Vec<String> = self
            .seats
            .iter()
            .map(|seats| format!("{} of {} {}", seats.taken.len(), seats.quorum, seats.role))
            .collect();
        counts.join(", ")
    }
}

/// Whoever says NO-GO or HOLD: it stands until its giver withdraws it, whatever the quorum. A NO-GO before a HOLD.
pub fn objection(deployment: &Deployment) -> Option<&Decision> {
    let said = |answer: Answer| {
        deployment
            .decisions
            .iter()
            .find(move |decision| decision.answer == answer)
    };
    said(Answer::NoGo).or_else(|| said(Answer::Hold))
}

/// What differs between the plan and the one that would be made now; as far as can be known.
pub fn void(facts: &Facts<'_>, plan: &StoredPlan) -> Vec<String> {
    let today = planner::today(facts, plan);
    if today == plan.plan {
        return Vec::new();
    }
    plan_difference::differences(&plan.plan, &today)
}

/// The poll on `plan`. None where nobody is asked and nobody objects.
pub fn poll(facts: &Facts<'_>, plan: &StoredPlan) -> Option<Poll> {
    let deployment = facts
        .current()
        .filter(|current| current.plan.digest == plan.digest);
    let rules = &plan.plan.policy.approvals;
    let heard = deployment.is_some_and(|current| !current.decisions.is_empty());
    if rules.is_empty() && plan.plan.policy.veto.is_empty() && !heard {
        return None;
    }
    let airborne = deployment.is_some_and(|current| current.state != FlightState::Requested);
    // What was approved took off; it is not judged by the configuration of a later hour.
    let void = if airborne || deployment.is_none() {
        Vec::new()
    } else {
        void(facts, plan)
    };
    let room = voice::Room::new(facts, plan, deployment, &void, airborne);
    let may = room.may();
    let counts: Vec<usize> = rules.iter().map(|rule| rule.quorum as usize).collect();
    let chairs = quorum::seated(&counts, &may);
    let seats: Vec<Seats> = rules
        .iter()
        .enumerate()
        .map(|(index, rule)| Seats {
            role: rule.role.clone(),
            quorum: rule.quorum,
            taken: room
                .names()
                .zip(&chairs)
                .filter(|(_, chair)| **chair == Some(index))
                .map(|(name, _)| name.to_owned())
                .collect(),
            holders: voice::holders(facts, rule).count(),
        })
        .collect();
    let voices = room.voices(&chairs, &seats);
    let (call, sentence) = call::call(&room, &seats, &voices, &void);
    Some(Poll {
        deployment: deployment.map(|current| current.id.clone()),
        plan: plan.digest.clone(),
        call,
        sentence,
        seats,
        voices,
        void,
    })
}

/// What an attending process writes down: each rule whose gates all pass, and that has not said so yet or so long ago
/// that it no longer counts (SPEC A4).
pub fn due(facts: &Facts<'_>, deployment: &Deployment) -> Vec<Body> {
    let plan = &deployment.plan;
    let policy = &plan.plan.policy;
    if policy.auto_approve.is_empty() || !void(facts, plan).is_empty() {
        return Vec::new();
    }
    let said = |rule: &AutoApproval| {
        let lasts = policy
            .approvals
            .iter()
            .find(|approval| approval.role == rule.role)
            .map_or(SignedDuration::MAX, |approval| approval.expires_after);
        deployment
            .decisions
            .iter()
            .any(|given| given.by.name == rule.name() && facts.age(given.at) <= lasts)
    };
    policy
        .auto_approve
        .iter()
        .filter(|rule| !said(rule))
        .filter(|rule| auto_waits(facts, plan, rule).is_none())
        .map(|rule| Body::AutoApproved {
            deployment: deployment.id.clone(),
            plan: plan.digest.clone(),
            rule: rule.rule.clone(),
            reason: format!("{} pass", rule.gates.join(", ")),
        })
        .collect()
}

/// What keeps a rule from saying go; None once every gate it names passes. A waiver is no pass: somebody has to answer
/// for what was waived.
fn auto_waits(facts: &Facts<'_>, plan: &StoredPlan, rule: &AutoApproval) -> Option<String> {
    rule.gates
        .iter()
        .find_map(|id| match gates::named(facts, plan, id) {
            None => Some(format!("there is no gate `{id}` here")),
            Some(gate) if gate.verdict == Verdict::Pass => None,
            Some(gate) => Some(format!("waits for {id}: {}", gate.sentence)),
        })
}

/// Why nobody could count this person's go on the open plan, if so. A go is taken all the same.
pub fn would_not_count(facts: &Facts<'_>, actor: &Actor) -> Option<String> {
    let deployment = facts.current()?;
    let rules = &deployment.plan.plan.policy.approvals;
    let whys = rules.iter().map(|rule| {
        why_not(
            facts,
            &deployment.plan,
            Some(deployment),
            rule,
            actor,
            facts.latest,
        )
    });
    let mut first = None;
    for why in whys {
        let why = why?;
        // What is said of a role that the person holds says more than that another is not held.
        if first.is_none() || matches!(first, Some(Uncounted::Role { .. })) {
            first = Some(why);
        }
    }
    first.map(|why| why.sentence(&actor.name))
}

/// Is this rule's go given by gates?
fn is_auto(actor: &Actor) -> bool {
    actor.means == IdentityMeans::Program && actor.name.starts_with("auto:")
}
