//! Migrations on the way back: what forbids a rollback, what has to be said before one, and what a plan says of it all
//! (SPEC C3, D16).

use serde::{Deserialize, Serialize};

use crate::domain::{
    deployment::{Deployment, FlightState, ItemStatus},
    entry::DeploymentId,
    item::ItemSpec,
    migration::{self, RollbackClaim, RollbackWord},
    plan::{ItemId, ItemKind, Plan, StoredPlan},
    release::{Digest, Release, ReleaseRef},
    target::TargetId,
    time,
};

use super::{
    facts::Facts,
    gate::{Judged, Verdict},
    refusal::{Refusal, RefusalKind},
};

/// The id by which a forbidden rollback is passed over.
pub const FORBIDDEN: &str = "rollback.forbidden";

/// What the release says of its way back, and what of later ones stands that it goes back behind. None where nobody says
/// anything and nothing is migrated.
pub fn rollback(facts: &Facts<'_>, plan: &StoredPlan) -> Judged {
    let crossed = facts.state.crossed(&plan.release);
    let behind = crossed.into_iter().map(|it| behind(facts, it));
    let own = claimed(facts, plan);
    let mut all: Vec<(Verdict, String)> = behind.chain(own).collect();
    let verdict = [Verdict::Fail, Verdict::Unknown]
        .into_iter()
        .find(|verdict| all.iter().any(|(it, _)| it == verdict));
    let verdict = verdict.or_else(|| all.first().map(|(verdict, _)| *verdict))?;
    // What stops it is said first.
    all.sort_by_key(|(it, _)| *it != verdict);
    let said: Vec<String> = all.into_iter().map(|(_, said)| said).collect();
    Some((verdict, said.join("; ")))
}

/// A later migration that stands, or may, where an earlier release takes off.
fn behind(facts: &Facts<'_>, migrated: &Deployment) -> (Verdict, String) {
    let title = migrated.plan.release.title();
    let said = format!(
        "it goes back behind release {title}: {}, {}",
        applied(migrated, facts),
        claim(migrated)
    );
    let word = migrated.plan.plan.rollback.as_ref();
    match word.and_then(|claim| claim.word) {
        _ if is_wall(migrated) => (
            Verdict::Fail,
            format!("{said}; waive migration.rollback to confirm that"),
        ),
        Some(RollbackWord::Safe) if migrated.stands().is_some() => (Verdict::Pass, said),
        _ => (Verdict::Unknown, said),
    }
}

fn claimed(facts: &Facts<'_>, plan: &StoredPlan) -> Judged {
    let claim = plan.plan.rollback.as_ref()?;
    let said = claim.sentence();
    let id = &facts.target.id;
    Some(match claim.word {
        Some(RollbackWord::Safe) => (Verdict::Pass, said),
        Some(RollbackWord::NeedsSteps) => match steps(&plan.plan).as_slice() {
            [] => (
                Verdict::Unknown,
                format!(
                    "{said}, and no steps are configured for {id}: `revert` in its [target.migration]"
                ),
            ),
            steps => (Verdict::Pass, format!("{said}: {}", steps.join(", then "))),
        },
        Some(RollbackWord::Forbidden) => (
            Verdict::Fail,
            format!(
                "{said}: once it is there nothing goes back; waive migration.rollback to confirm that"
            ),
        ),
        None => (Verdict::Unknown, said),
    })
}

/// What has to be done to take it back, each as it would be run.
fn steps(plan: &Plan) -> Vec<String> {
    plan.way_back()
        .map(|item| item.errand().unwrap_or_else(|| item.title.clone()))
        .collect()
}

/// It says that nothing goes back behind it, and is known to be there.
fn is_wall(migrated: &Deployment) -> bool {
    let claim = migrated.plan.plan.rollback.as_ref();
    let says = claim.is_some_and(|claim| claim.word == Some(RollbackWord::Forbidden));
    says && migrated.stands().is_some()
}

/// An applied migration that forbids going back to `to` (SPEC D16). What is not known to forbid it does not.
pub fn forbids(facts: &Facts<'_>, to: &ReleaseRef) -> Result<(), Refusal> {
    let passed = facts
        .current()
        .is_some_and(|current| current.is_waived(FORBIDDEN));
    let mut crossed = facts.state.crossed(to).into_iter();
    let Some(migrated) = crossed.find(|it| is_wall(it)).filter(|_| !passed) else {
        return Ok(());
    };
    let (id, title) = (&facts.target.id, migrated.plan.release.title());
    let place = id.place();
    let claim = claim(migrated);
    let sentence = format!(
        "release {title} says {claim}, and {}: {} is not gone back to",
        applied(migrated, facts),
        to.title()
    );
    let airborne = facts.current().filter(|it| it.state == FlightState::Flying);
    let back = migrated.plan.plan.way_back().next();
    let revert = match back.filter(|_| airborne.is_some()) {
        Some(_) => {
            format!("; or abort, take it back and then go back: gonogo migrate revert {place}")
        }
        None => String::new(),
    };
    let abort = airborne.map_or_else(String::new, |_| {
        format!("abort is free, stable then serves everybody: gonogo abort {place}; ")
    });
    let pass = match facts.current() {
        Some(_) => {
            format!("; or pass over it by name: gonogo waive {place} {FORBIDDEN} --reason …")
        }
        None => format!(
            "; or request {} and waive migration.rollback by name: gonogo request {place} {} --reason …",
            to.title(),
            to.number
        ),
    };
    Err(Refusal::rule(FORBIDDEN, sentence).hint(format!("{abort}fix forward{revert}{pass}")))
}

fn claim(deployment: &Deployment) -> String {
    let claim = deployment.plan.plan.rollback.as_ref();
    claim.map_or_else(|| "nothing".to_owned(), RollbackClaim::sentence)
}

/// `its migration was applied by dana 4 min ago`
fn applied(deployment: &Deployment, facts: &Facts<'_>) -> String {
    let Some(item) = deployment.touched() else {
        return "nothing of it was applied".to_owned();
    };
    let state = deployment.items.get(&item.id);
    let by = state.map_or_else(String::new, |state| {
        let ago = time::age(facts.now.duration_since(state.at));
        format!(" by {} {ago} ago", state.by)
    });
    match deployment.status(item, facts.now) {
        ItemStatus::Done => format!("its {} was done{by}", item.id),
        ItemStatus::Running => format!("its {} is under way{by}", item.id),
        ItemStatus::Failed | ItemStatus::Open => format!(
            "its {} is not there as a whole{by}; SOME OF IT MAY BE THERE all the same",
            item.id
        ),
        _ => format!(
            "its {} was begun{by}, and nobody heard how it ended",
            item.id
        ),
    }
}

/// What whoever goes back to `to` has to know of what was migrated since; empty where nothing was.
pub fn on_the_way_back(facts: &Facts<'_>, to: &ReleaseRef) -> Vec<String> {
    let id = &facts.target.id;
    let place = id.place();
    let crossed = facts.state.crossed(to);
    let mut lines = Vec::new();
    for migrated in &crossed {
        let title = migrated.plan.release.title();
        let head = format!("release {title}: {}", applied(migrated, facts));
        let word = migrated.plan.plan.rollback.as_ref();
        if migrated.stands().is_none() {
            lines.push(format!(
                "{head}. UNKNOWN whether {} runs on what is there; {}. To look: gonogo migrate verify {place}",
                to.title(),
                claim(migrated)
            ));
            continue;
        }
        lines.push(match word.and_then(|claim| claim.word) {
            Some(RollbackWord::Safe) => format!("{head} and stays; {}", claim(migrated)),
            Some(RollbackWord::NeedsSteps) => {
                format!(
                    "{head}; {}. It stays until you take it back: gonogo migrate revert {place}",
                    claim(migrated)
                )
            }
            Some(RollbackWord::Forbidden) => {
                format!(
                    "{head} and stays; {}, passed over by a waiver",
                    claim(migrated)
                )
            }
            None => format!(
                "{head} and stays; whether {} runs on it is UNKNOWN: {}",
                to.title(),
                claim(migrated)
            ),
        });
        if word.is_some_and(|claim| claim.word == Some(RollbackWord::NeedsSteps)) {
            lines.extend(
                steps(&migrated.plan.plan)
                    .iter()
                    .map(|step| format!("  {step}")),
            );
            lines.push(format!("  {}", warning(migrated)));
        }
    }
    lines
}

/// What the preview of the way back said, or that nobody looked yet.
fn warning(migrated: &Deployment) -> String {
    let previews = migrated.plan.plan.way_back().filter(|item| {
        let read = migrated.plan.plan.reader_of(&item.id);
        read.is_some()
    });
    let said = previews.filter_map(|item: &ItemSpec| {
        let state = migrated.items.get(&item.id)?;
        let evidence = state.evidence.as_ref()?;
        (state.status == ItemStatus::Done).then(|| format!("{}: {}", item.id, evidence.said))
    });
    said.last().unwrap_or_else(|| {
        "taking it back may lose data: its preview says how, and nobody made that yet".to_owned()
    })
}

/// What `release` says of its way back, seen from what was live before it.
pub fn claim_of(
    releases: &[Release],
    release: &Release,
    before: Option<&ReleaseRef>,
    items: &[ItemSpec],
) -> Option<RollbackClaim> {
    let mut said = migration::said_between(releases, release, before);
    // What was said of a release before it was said of that one.
    for said in &mut said {
        said.whole &= release.trail.said.contains(said);
    }
    let mut acts = items
        .iter()
        .filter(|item| !item.chain.way_back)
        .filter_map(|item| item.chain.acts.as_ref());
    let first = acts.next();
    let configured = first.and_then(|acts| acts.rollback);
    RollbackClaim::of(&said, configured, first.is_some())
}

/// What is looked at right before something is taken back, and right after.
pub fn looks_of<'a>(deployment: &'a Deployment, act: &ItemSpec) -> Option<&'a ItemSpec> {
    let acted = deployment.acted().filter(|_| act.chain.way_back)?;
    deployment.plan.plan.looks_at(&acted.id)
}

/// What is shown of an act to whoever confirms it: whose it is, and what its previews printed last.
pub fn shown(deployment: &Deployment, act: &ItemSpec) -> Shown {
    let previews = previews_of(&deployment.plan.plan, act).into_iter();
    let printed = previews.filter_map(|id| {
        let evidence = deployment.items.get(&id)?.evidence.as_ref()?;
        Some(evidence.output.clone())
    });
    Shown {
        deployment: deployment.id.clone(),
        printed: printed.collect(),
    }
}

/// What somebody was shown who confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    pub deployment: DeploymentId,
    pub printed: Vec<Digest>,
}

/// What somebody typed to confirm an act, and what they were shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Typed {
    pub words: String,
    pub shown: Shown,
}

/// The previews of what `act` does: each is made anew right before.
pub fn previews_of(plan: &Plan, act: &ItemSpec) -> Vec<ItemId> {
    let read = act.before_it().filter_map(|id| plan.item(id));
    read.filter_map(|item| match &item.kind {
        ItemKind::Read(of) => Some(of.clone()),
        _ => None,
    })
    .collect()
}

/// The way forth, or back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Forth,
    Back,
}

impl Direction {
    pub fn of(revert: bool) -> Self {
        if revert { Self::Back } else { Self::Forth }
    }
}

/// The items of one direction, by what they are to each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steps {
    pub direction: Direction,
    pub preview: ItemId,
    pub read: ItemId,
    /// What changes the database.
    pub act: ItemId,
    /// What looks whether that is there; of the way forth.
    pub verify: Option<ItemId>,
}

impl Steps {
    /// The first item of the plan that acts on what somebody read, as its migration.
    pub fn of(plan: &Plan, target: &TargetId, direction: Direction) -> Result<Self, Refusal> {
        let back = direction == Direction::Back;
        let acts = plan
            .items
            .iter()
            .filter(|item| item.acts() && item.chain.way_back == back);
        let steps = acts.filter_map(|act| {
            let read = act
                .before_it()
                .filter_map(|id| plan.item(id))
                .find_map(|item| match &item.kind {
                    ItemKind::Read(of) => Some((item.id.clone(), of.clone())),
                    _ => None,
                });
            let (read, preview) = read?;
            let verify = plan.looks_at(&act.id).or_else(|| {
                let mut runs = plan.items.iter().filter(|item| item.is_run());
                runs.find(|item| !item.acts() && item.chain.after.contains(&act.id))
            });
            Some(Self {
                direction,
                preview,
                read,
                act: act.id.clone(),
                verify: verify.map(|item| item.id.clone()),
            })
        });
        let named = |steps: &Self| steps.act.0.starts_with("migration.");
        let all: Vec<Self> = steps.collect();
        let first = all.iter().find(|steps| named(steps)).or(all.first());
        first.cloned().ok_or_else(|| {
            if !(back && plan.acts().next().is_some()) {
                return Self::none(target);
            }
            let sentence = format!("nothing says how a migration of {target} is taken back");
            Refusal::new(RefusalKind::NotFound, "migration", sentence).hint(
                "name `revert_preview` and `revert` in its [target.migration]; `prisma migrate resolve` reverses nothing",
            )
        })
    }

    fn none(target: &TargetId) -> Refusal {
        let sentence = format!("{target} has no migration");
        Refusal::new(RefusalKind::NotFound, "migration", sentence)
            .hint("add [target.migration] to it: gonogo config check --example")
    }

    /// Whose act it is: the one that nobody knows the end of comes before any other.
    pub fn actor<'a>(facts: &Facts<'a>, direction: Direction) -> Result<&'a Deployment, Refusal> {
        let migration = |it: &&Deployment| {
            let target = &facts.target.id;
            Self::of(&it.plan.plan, target, direction).is_ok()
        };
        match facts.state.unsettled().filter(migration) {
            Some(unsettled) => Ok(unsettled),
            None => Self::carrier(facts, direction),
        }
    }

    /// Whose migration it is: of the deployment under way, or after its end of the newest whose migration stands.
    pub fn carrier<'a>(facts: &Facts<'a>, direction: Direction) -> Result<&'a Deployment, Refusal> {
        let (current, standing) = (facts.current(), facts.state.last_migrated());
        let found = match direction {
            Direction::Back => standing.or(current),
            Direction::Forth => current
                .filter(|it| it.plan.plan.acts().next().is_some())
                .or(standing),
        };
        found.or(current).ok_or_else(|| {
            let id = &facts.target.id;
            if !facts.target.items.iter().any(ItemSpec::acts) {
                return Self::none(id);
            }
            Refusal::new(
                RefusalKind::NotFound,
                "target.idle",
                format!(
                    "nothing is requested for {} in {}, and no migration stands there",
                    id.project.name(),
                    id.environment
                ),
            )
            .hint(format!(
                "gonogo request {} {} RELEASE --reason …",
                id.environment,
                id.project.name()
            ))
        })
    }
}
