//! Hotfixes, as screens and verbs show them: where they burn, and which one is meant.

use crate::{
    domain::{
        hotfix::{
            BACKPORT, Hotfix, HotfixPolicy, LegShown, PatchProof, PatchVerdict, Step, proofs,
        },
        plan::ItemId,
        project::ProjectId,
        target::{Target, TargetId},
        time,
        workspace::Workspace,
    },
    policy::{
        facts::Facts,
        refusal::{Refusal, RefusalKind},
    },
    session::{cockpit::Cockpit, view::Screen, wanted},
};

/// One hotfix that is open.
#[derive(Clone, Debug, PartialEq)]
pub struct HotfixShown<'a> {
    pub hotfix: &'a Hotfix,
    pub legs: Vec<LegShown>,
    pub steps: Vec<Step>,
    /// What the environment relaxes for it, and what it asks instead.
    pub terms: Vec<String>,
    /// Where its commits are on the branch it has to reach, until that is recorded.
    pub proofs: Vec<PatchProof>,
}

/// One line under the cursor: something that a hotfix owes, or that it owes nothing now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owed {
    pub hotfix: String,
    pub item: ItemId,
    pub title: String,
    /// By a proof, not by a word.
    pub proved: bool,
}

/// The Hotfix screen: of the project under the cursor.
#[derive(Clone, Debug, PartialEq)]
pub struct HotfixBoard<'a> {
    /// Where they burn.
    pub home: TargetId,
    /// The one that the cursor is in; None where none is open.
    pub shown: Option<HotfixShown<'a>>,
    /// How many are open.
    pub open: usize,
    /// Over all that are open, in their order.
    pub owed: Vec<Owed>,
    /// The line under the cursor.
    pub selected: usize,
    /// Flights past the gates that nobody has countersigned.
    pub unsigned: Vec<String>,
    /// Those that are over, newest first.
    pub over: Vec<&'a Hotfix>,
}

fn home_facts(cockpit: &Cockpit) -> Option<Facts<'_>> {
    let home = wanted::hotfix_home(cockpit)?;
    cockpit.known.facts(&home, cockpit.now)
}

/// What the cursor of the Hotfix screen goes over.
pub fn hotfix_owed(cockpit: &Cockpit) -> Vec<Owed> {
    home_facts(cockpit).map_or_else(Vec::new, |facts| owed(&facts))
}

fn owed(facts: &Facts<'_>) -> Vec<Owed> {
    let of = |hotfix: &Hotfix| {
        let items = hotfix.open_items().into_iter();
        items
            .map(|(item, title)| Owed {
                hotfix: hotfix.name.clone(),
                proved: item.0 == BACKPORT,
                item,
                title,
            })
            .collect::<Vec<_>>()
    };
    facts.hotfixes.open().flat_map(of).collect()
}

/// The line under the cursor of the Hotfix screen.
pub fn selected_owed(cockpit: &Cockpit) -> Option<Owed> {
    if cockpit.view.screen != Screen::Hotfix {
        return None;
    }
    let owed = hotfix_owed(cockpit);
    let at = cockpit.view.hotfix_line.min(owed.len().saturating_sub(1));
    owed.into_iter().nth(at)
}

/// None where the project has no target at all.
pub fn hotfix_board(cockpit: &Cockpit) -> Option<HotfixBoard<'_>> {
    let facts = home_facts(cockpit)?;
    let owed = owed(&facts);
    let selected = cockpit.view.hotfix_line.min(owed.len().saturating_sub(1));
    let named = owed.get(selected).map(|owed| owed.hotfix.as_str());
    let mut open = facts.hotfixes.open();
    let hotfix = open.find(|hotfix| named.is_none_or(|name| name == hotfix.name));
    let within = facts.workspace.timings.countersign;
    let unsigned = facts.state.unsigned();
    Some(HotfixBoard {
        home: facts.target.id.clone(),
        shown: hotfix.map(|hotfix| HotfixShown {
            hotfix,
            legs: hotfix.clock(&facts.workspace.timings.hotfix, facts.now),
            steps: hotfix.steps(),
            terms: terms(&facts, hotfix),
            proofs: match hotfix.backported {
                Some(_) => Vec::new(),
                None => proofs(facts.releases, hotfix),
            },
        }),
        open: facts.hotfixes.open().count(),
        owed,
        selected,
        unsigned: unsigned
            .map(|glass| glass.sentence(within, facts.now))
            .collect(),
        over: facts
            .hotfixes
            .all
            .iter()
            .rev()
            .filter(|hotfix| hotfix.is_over())
            .collect(),
    })
}

/// By the plan that flies it, else by the policy that is in force.
fn terms(facts: &Facts<'_>, hotfix: &Hotfix) -> Vec<String> {
    let planned = facts
        .current()
        .and_then(|current| current.plan.plan.hotfix.as_ref())
        .filter(|expedited| expedited.hotfix == hotfix.name);
    if let Some(expedited) = planned {
        let said = expedited.relaxations();
        if said.is_empty() {
            return vec!["its plan relaxes nothing here".to_owned()];
        }
        return said;
    }
    let environment = &facts.environment.name;
    let Some(policy) = &facts.environment.policy.hotfix else {
        return vec![format!(
            "the policy of {environment} has no way for hotfixes: it goes as any release does"
        )];
    };
    by_policy(facts, policy)
}

fn by_policy(facts: &Facts<'_>, policy: &HotfixPolicy) -> Vec<String> {
    let rules = &facts.environment.policy;
    let mut terms = Vec::new();
    if !rules.approvals.is_empty() {
        terms.push(format!(
            "one GO of the role {}, not by the requester; it counts for {}",
            policy.role,
            time::exact(policy.expires_after)
        ));
    }
    if rules.after.is_some() && !rules.soak.is_zero() {
        terms.push(format!(
            "soak of {} replaced by {} fast-validation items",
            time::exact(rules.soak),
            policy.validation.len()
        ));
    }
    if rules.calendar.closes_ever() {
        terms.push("windows and freezes lifted".to_owned());
    }
    terms.push(format!(
        "countersigned by a second person within {}",
        time::exact(facts.workspace.timings.countersign)
    ));
    terms.push(format!("the fix has to reach {} afterwards", policy.onto));
    terms
}

/// Where hotfixes of a project burn: its target in the last environment it runs in.
pub fn home<'a>(workspace: &'a Workspace, project: &ProjectId) -> Option<&'a Target> {
    workspace.environments.iter().rev().find_map(|environment| {
        workspace.targets.iter().find(|target| {
            target.id.project == *project && target.id.environment == environment.name
        })
    })
}

/// What is open of the hotfixes that began in this target.
pub fn hotfixes<'a>(facts: &Facts<'a>) -> impl Iterator<Item = &'a Hotfix> {
    let here = &facts.target.id.environment;
    facts
        .hotfixes
        .open()
        .filter(move |hotfix| hotfix.environment == *here)
}

/// The one of that name, else the only one that is open.
pub fn only_hotfix(facts: &Facts<'_>, name: Option<&str>) -> Result<String, Refusal> {
    let missing =
        |sentence: String| Err(Refusal::new(RefusalKind::NotFound, "hotfix.name", sentence));
    let project = facts.target.id.project.name();
    let open: Vec<&str> = facts.hotfixes.open().map(|h| h.name.as_str()).collect();
    match (name, open.as_slice()) {
        (Some(name), _) if facts.hotfixes.named(name).is_some() => Ok(name.to_owned()),
        (None, [one]) => Ok((*one).to_owned()),
        (Some(name), []) => missing(format!("{project} has no hotfix `{name}`; none is open")),
        (Some(name), open) => missing(format!(
            "{project} has no hotfix `{name}`; open: {}",
            open.join(", ")
        )),
        (None, []) => missing(format!("no hotfix of {project} is open")),
        (None, open) => missing(format!(
            "{project} has several open hotfixes, say which with --name: {}",
            open.join(", ")
        )),
    }
}

/// Where one commit of it is on the branch it has to reach.
pub fn proof_line(proof: &PatchProof, onto: &str) -> String {
    let fix = format!("{} {}", proof.fix.commit.short(), proof.fix.subject);
    match &proof.verdict {
        PatchVerdict::Proved { by } => format!(
            "✔ {fix}: on {onto} as {}, {}",
            by.by.short(),
            by.how.words()
        ),
        PatchVerdict::Missing => format!("✖ {fix}: MISSING on {onto}"),
        PatchVerdict::CannotTell { why } => format!("? {fix}: {why}"),
    }
}

/// One hotfix as lines: its clock, 004's steps, its proof, what is open.
pub fn hotfix_lines(hotfix: &Hotfix, facts: &Facts<'_>, proofs: &[PatchProof]) -> Vec<String> {
    let mut lines = vec![format!(
        "hotfix {} of {} ({}), started by {} {} ago on {} from {}",
        hotfix.name,
        facts.target.id.project.name(),
        hotfix.criterion,
        hotfix.by,
        time::age(facts.now.duration_since(hotfix.started_at)),
        hotfix.branch,
        hotfix.from.title()
    )];
    for leg in hotfix.clock(&facts.workspace.timings.hotfix, facts.now) {
        let state = match (leg.began, leg.under_way, leg.late) {
            (None, ..) => "–",
            (_, true, true) => "under way, LATE",
            (_, true, false) => "under way",
            (_, false, true) => "done, LATE",
            (_, false, false) => "done",
        };
        lines.push(format!(
            "leg  {:<9} {:>7} of {:>5}  {state}",
            leg.leg.word(),
            time::clock(leg.took),
            time::clock(leg.budget)
        ));
    }
    for (nth, step) in hotfix.steps().iter().enumerate() {
        let mark = if step.done { "✔" } else { "○" };
        lines.push(format!(
            "{mark} {}. {}: {}",
            nth + 1,
            step.title,
            step.evidence
        ));
    }
    if hotfix.backported.is_none() {
        lines.extend(proofs.iter().map(|proof| proof_line(proof, &hotfix.onto)));
    }
    let open = hotfix.open_items();
    for (id, title) in &open {
        lines.push(format!("open {id}: {title}"));
    }
    lines.push(if hotfix.is_over() {
        "over: nothing is open".to_owned()
    } else {
        format!("{} open", open.len())
    });
    lines
}
