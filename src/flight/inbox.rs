//! What waits for one person, over all targets: plans to answer, waivers to second, items they own, a countersign, what
//! they hold themselves (SPEC §4). Whether they may is asked of `decide`, so nothing is offered that would be refused.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    domain::{
        deployment::{Deployment, FlightState},
        entry::Answer,
        plan::{ItemId, ItemKind, ItemSpec},
        target::TargetId,
        workspace::Actor,
    },
    policy::{
        decide::{Command, decide},
        facts::Facts,
        gates, poll,
    },
};

use super::known::Known;

/// In the order of their urgency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrandKind {
    /// Answer for somebody else's break-glass.
    Countersign,
    /// Take one's own hold off, or leave it.
    Hold,
    /// Go on to the next step of what one flies.
    Promote,
    /// Say GO, NO-GO or HOLD.
    Answer,
    /// Make somebody else's waiver count, or leave it.
    Second,
    /// Take an own NO-GO or HOLD back, or leave it.
    Objection,
    /// An item one owns, or what is open of one's own request.
    Item,
    /// A hotfix that one began: its clock, or what it still owes.
    Hotfix,
    /// One's own request is GO.
    Fly,
}

impl ErrandKind {
    pub fn word(self) -> &'static str {
        match self {
            Self::Countersign => "COUNTERSIGN",
            Self::Hold => "YOUR HOLD",
            Self::Promote => "PROMOTE",
            Self::Answer => "ANSWER",
            Self::Second => "SECOND",
            Self::Objection => "YOUR WORD",
            Self::Item => "CHECK",
            Self::Hotfix => "HOTFIX",
            Self::Fly => "FLY",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Errand {
    pub target: TargetId,
    pub kind: ErrandKind,
    pub sentence: String,
    pub since: Timestamp,
    /// When it is too late, or becomes somebody else's trouble.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
    /// The item or gate it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<ItemId>,
}

/// The most urgent first, then what waits longest.
pub fn inbox(known: &Known, me: &Actor, now: Timestamp) -> Vec<Errand> {
    let mut errands: Vec<Errand> = known
        .targets
        .keys()
        .filter_map(|id| known.facts(id, now))
        .flat_map(|facts| of_target(&facts, me))
        .collect();
    errands.sort_by(|one, other| {
        (one.kind, one.since, &one.target).cmp(&(other.kind, other.since, &other.target))
    });
    errands
}

fn of_target(facts: &Facts<'_>, me: &Actor) -> Vec<Errand> {
    let errand = |kind, since, sentence: String| Errand {
        target: facts.target.id.clone(),
        kind,
        sentence,
        since,
        due: None,
        item: None,
    };
    let may = |command: &Command| decide(command, facts, me).is_ok();
    let reason = || "…".to_owned();
    let mut errands = Vec::new();
    if let Some(glass) = facts.state.unsigned().find(|glass| glass.by != me.name)
        && may(&Command::Countersign { reason: reason() })
    {
        let within = facts.workspace.timings.countersign;
        errands.push(Errand {
            due: Some(glass.due(within)),
            ..errand(
                ErrandKind::Countersign,
                glass.at,
                format!("{} broke the glass: {}", glass.by, glass.reason),
            )
        });
    }
    errands.extend(unsigned(facts, me));
    errands.extend(hotfixes(facts, me));
    let Some(current) = facts.current() else {
        return errands;
    };
    errands.extend(promotion(facts, current, me));
    errands.extend(open_before(facts, current, me));
    let title = current.plan.release.title();
    if let Some(held) = current.held.as_ref().filter(|held| held.by == me.name) {
        let because = held.reason.as_ref().map_or_else(
            || "you hold it".to_owned(),
            |reason| format!("you hold it: {reason}"),
        );
        errands.push(errand(
            ErrandKind::Hold,
            held.at,
            format!("release {title}: {because}"),
        ));
    }
    let answers = current
        .decisions
        .iter()
        .filter(|given| facts.workspace.same_person(&given.by, me));
    for given in answers.filter(|given| given.answer != Answer::Go) {
        errands.push(errand(
            ErrandKind::Objection,
            given.at,
            format!(
                "release {title}: your {} stands: {}",
                given.answer.word(),
                given.reason
            ),
        ));
    }
    let go = Command::Approve {
        plan: current.plan.digest.clone(),
        reason: reason(),
    };
    let asked = poll::poll(facts, &current.plan)
        .is_some_and(|poll| poll.awaited().any(|voice| voice.name == me.name));
    if asked && current.state == FlightState::Requested && may(&go) {
        errands.push(errand(
            ErrandKind::Answer,
            current.requested_at,
            format!(
                "release {title}, requested by {}: {}",
                current.requester.name, current.reason
            ),
        ));
    }
    for (item, proposal) in &current.proposals {
        let second = Command::Waive {
            item: item.clone(),
            reason: reason(),
        };
        if proposal.by != me.name && current.proposal(item).is_some() && may(&second) {
            let why = proposal.reason.as_deref().unwrap_or_default();
            errands.push(Errand {
                item: Some(item.clone()),
                ..errand(
                    ErrandKind::Second,
                    proposal.at,
                    format!(
                        "release {title}: {} wants to waive {item}: {why}",
                        proposal.by
                    ),
                )
            });
        }
    }
    errands.extend(
        current
            .plan
            .plan
            .items
            .iter()
            .filter(|item| is_mine(facts, item, me) && is_open(current, item))
            .filter(|item| {
                may(&Command::Check {
                    item: item.id.clone(),
                    note: None,
                })
            })
            .map(|item| Errand {
                item: Some(item.id.clone()),
                due: due(current, item),
                ..errand(
                    ErrandKind::Item,
                    current.promoted_at.unwrap_or(current.requested_at),
                    format!("release {title}: {}", item.title),
                )
            }),
    );
    let own = facts.workspace.same_person(&current.requester, me);
    if own && current.state == FlightState::Requested && gates::take_off(facts, &current.plan).go {
        errands.push(errand(
            ErrandKind::Fly,
            current.requested_at,
            format!("release {title} is GO"),
        ));
    }
    errands
}

fn about(facts: &Facts<'_>, kind: ErrandKind, since: Timestamp, sentence: String) -> Errand {
    Errand {
        target: facts.target.id.clone(),
        kind,
        sentence,
        since,
        due: None,
        item: None,
    }
}

/// One's own flight past the gates, until somebody else has answered for it.
fn unsigned(facts: &Facts<'_>, me: &Actor) -> Option<Errand> {
    let glass = facts.state.unsigned().find(|glass| glass.by == me.name)?;
    let sentence = format!(
        "your {} waits for a second person to countersign it: {}",
        glass.word(),
        glass.reason
    );
    Some(Errand {
        due: Some(glass.due(facts.workspace.timings.countersign)),
        ..about(facts, ErrandKind::Countersign, glass.at, sentence)
    })
}

/// Those that one began and that burn here: the leg that runs, or what is owed once it has landed.
fn hotfixes(facts: &Facts<'_>, me: &Actor) -> Vec<Errand> {
    let here = &facts.target.id.environment;
    let budgets = &facts.workspace.timings.hotfix;
    let mine = facts
        .hotfixes
        .open()
        .filter(|hotfix| hotfix.environment == *here && hotfix.by == me.name);
    mine.map(|hotfix| {
        let clock = hotfix.clock(budgets, facts.now);
        let leg = clock.iter().find(|leg| leg.under_way);
        let owes: Vec<String> = match hotfix.landed() {
            Some(_) => hotfix
                .open_items()
                .iter()
                .map(|(id, _)| id.to_string())
                .collect(),
            None => Vec::new(),
        };
        let owed = if owes.is_empty() {
            String::new()
        } else {
            format!("; owes {}", owes.join(", "))
        };
        Errand {
            due: leg.and_then(|leg| leg.began?.checked_add(leg.budget).ok()),
            ..about(
                facts,
                ErrandKind::Hotfix,
                leg.and_then(|leg| leg.began).unwrap_or(hotfix.started_at),
                format!("{}{owed}", hotfix.banner(budgets, facts.now)),
            )
        }
    })
    .collect()
}

/// The stage is baked and nothing stands against the next: the move of whoever flies, or of the requester where nobody
/// does.
fn promotion(facts: &Facts<'_>, current: &Deployment, me: &Actor) -> Option<Errand> {
    let flies = match &current.controls {
        Some(held) => held.by == me.name,
        None => facts.workspace.same_person(&current.requester, me),
    };
    let step = facts.fresh()?.workload.step?;
    let flying = current.state == FlightState::Flying;
    let ready = flies && flying && decide(&Command::Promote { step }, facts, me).is_ok();
    let since = current
        .bake_ends()
        .filter(|_| ready)
        .unwrap_or(current.requested_at);
    let share = current
        .stage()
        .and_then(|stage| current.plan.plan.stages.get(stage))
        .map_or_else(|| "it".to_owned(), |stage| format!("{} %", stage.share));
    ready.then(|| {
        let title = current.plan.release.title();
        let sentence = format!("release {title}: {share} has baked and is GO for the next step");
        about(facts, ErrandKind::Promote, since, sentence)
    })
}

/// What nobody else owns of the list, while one's own request waits for it: one errand, at the first of them.
fn open_before(facts: &Facts<'_>, current: &Deployment, me: &Actor) -> Option<Errand> {
    let own = facts.workspace.same_person(&current.requester, me);
    if !own || current.state != FlightState::Requested {
        return None;
    }
    let open: Vec<&ItemSpec> = current
        .plan
        .plan
        .items
        .iter()
        .filter(|item| item.required && !item.is_verification() && item.owner.is_none())
        .filter(|item| !matches!(item.kind, ItemKind::Action(_)) && !current.is_settled(item))
        .collect();
    let first = open.first()?;
    let names: Vec<&str> = open.iter().map(|item| item.id.0.as_str()).collect();
    let sentence = format!(
        "release {}: {} of the list {} open before it flies: {}",
        current.plan.release.title(),
        open.len(),
        if open.len() == 1 { "is" } else { "are" },
        names.join(", ")
    );
    Some(Errand {
        item: Some(first.id.clone()),
        ..about(facts, ErrandKind::Item, current.requested_at, sentence)
    })
}

fn is_open(current: &Deployment, item: &ItemSpec) -> bool {
    let waits = match &item.kind {
        ItemKind::Check => true,
        // There is something to read, and nobody did, or it is another text by now.
        ItemKind::Read(of) => current.output_of(of).is_some() && !item.chain.way_back,
        _ => false,
    };
    waits && (!current.is_settled(item) || current.is_overtaken(item))
}

fn due(current: &Deployment, item: &ItemSpec) -> Option<Timestamp> {
    let time_box = item.time_box?;
    current.promoted_at?.checked_add(time_box.until).ok()
}

/// By name, by account, or by a role held here.
fn is_mine(facts: &Facts<'_>, item: &ItemSpec, me: &Actor) -> bool {
    let Some(owner) = item.owner.as_deref() else {
        return false;
    };
    owner == me.name
        || facts.workspace.person(&me.name).is_some_and(|person| {
            person.accounts.iter().any(|account| account == owner)
                || person.has_role(&facts.environment.name, owner)
        })
}
