//! From release, environment and configuration to a plan; from a key and fresh facts to an act. Pure, and
//! final: an act leaves the executor no choices.

use jiff::SignedDuration;

use crate::domain::{
    change::{Act, ActKind, Change, Expect},
    environment::Environment,
    hotfix::Expedited,
    item::ItemSpec,
    plan::{Delivery, Measuring, Plan, StoredPlan},
    release::{Artifact, Digest, Release, ReleaseRef, Resources},
    rollout::{Observed, Workload},
    target::{Target, WorkloadKind},
};

use super::{facts::Facts, gates::calendar, hotfix, migration, refusal::Refusal};

/// The plan's own format; part of what the digest covers.
pub const FORMAT: u32 = 1;

/// How long the controller may take to look at a new template before a full promotion gives up waiting.
const TEMPLATE_DEADLINE: SignedDuration = SignedDuration::from_secs(20);

/// Made from configuration, release and target only.
pub fn make(environment: &Environment, target: &Target, release: &Release) -> Plan {
    let image = release.artifacts.first().and_then(Artifact::pinned);
    let kind = release.kind();
    let wanted = |item: &ItemSpec| item.is_for(kind);
    let resources = release.resources.as_ref();
    let covered = Covered {
        release: release.digest(),
        resources: resources.and_then(|it| it.digest.clone()),
        image,
    };
    let plan = of(environment, target, covered, wanted);
    match &release.lineage.of {
        Some(mark) => hotfix::expedite(plan, mark),
        None => plan,
    }
}

/// What a plan says of its release.
struct Covered {
    release: Digest,
    resources: Option<Digest>,
    image: Option<String>,
}

fn of(
    environment: &Environment,
    target: &Target,
    covered: Covered,
    wanted: impl Fn(&ItemSpec) -> bool,
) -> Plan {
    Plan {
        format: FORMAT,
        environment: environment.name.clone(),
        project: target.id.project.clone(),
        release_digest: covered.release,
        resources: covered.resources,
        protected: environment.protected,
        policy: environment.policy.for_project(&target.id.project),
        delivery: Delivery::SetImage {
            workload: target.workload.clone(),
            image: covered.image,
        },
        stages: target.stages.clone(),
        items: target
            .items
            .iter()
            .filter(|item| wanted(item))
            .cloned()
            .collect(),
        limits: target.limits.clone(),
        measuring: Measuring::of(target),
        monitoring: target.monitoring,
        rollout_deadline: target.rollout_deadline,
        hotfix: None,
        rollback: None,
    }
}

/// The plan that would be made now for what `stored` is about. What the catalogue does not say is taken as it was stored:
/// nothing is known of it that differs.
pub fn today(facts: &Facts<'_>, stored: &StoredPlan) -> Plan {
    let Some(release) = facts.release(&stored.release.commit) else {
        let Delivery::SetImage { image, .. } = &stored.plan.delivery;
        let covered = Covered {
            release: stored.plan.release_digest.clone(),
            resources: stored.plan.resources.clone(),
            image: image.clone(),
        };
        // Of which type it is, is not known either: what was asked of it is.
        let wanted =
            |item: &ItemSpec| item.types.is_empty() || stored.plan.item(&item.id).is_some();
        let mut plan = of(facts.environment, facts.target, covered, wanted);
        plan.rollback.clone_from(&stored.plan.rollback);
        return match stored.plan.hotfix.as_ref().map(Expedited::mark) {
            Some(mark) => hotfix::expedite(plan, &mark),
            None => plan,
        };
    };
    // A release read without its artifacts says nothing about the plan: the stored digest names them.
    let mut release = release.clone();
    if release.artifacts.is_empty() {
        release.artifacts = artifacts_of(stored);
    }
    // The same of its manifests; and of those that a plan from before they counted does not cover.
    if release.resources.is_none() || stored.plan.resources.is_none() {
        let digest = stored.plan.resources.clone();
        let files = usize::from(digest.is_some());
        release.resources = Some(Box::new(Resources { files, digest }));
    }
    let mut plan = make(facts.environment, facts.target, &release);
    plan.rollback = migration::claim_of(
        facts.releases,
        &release,
        stored.before.as_ref(),
        &plan.items,
    );
    plan
}

/// With all that the catalogue knows, on what runs now.
pub fn planned(facts: &Facts<'_>, release: &Release) -> StoredPlan {
    stored(
        facts.environment,
        facts.target,
        release,
        facts.before(),
        facts.releases,
    )
}

/// With what the release itself says, and nothing of those between.
pub fn store(
    environment: &Environment,
    target: &Target,
    release: &Release,
    before: Option<ReleaseRef>,
) -> StoredPlan {
    stored(environment, target, release, before, &[])
}

fn stored(
    environment: &Environment,
    target: &Target,
    release: &Release,
    before: Option<ReleaseRef>,
    releases: &[Release],
) -> StoredPlan {
    let mut plan = make(environment, target, release);
    plan.rollback = migration::claim_of(releases, release, before.as_ref(), &plan.items);
    let digest = plan.digest();
    StoredPlan {
        plan,
        digest,
        release: release.to_ref(),
        subject: release.subject.clone(),
        tags: release.tags().cloned().collect(),
        before,
    }
}

/// The artifacts that a stored plan names, for releases whose registry was not asked in this process.
pub fn artifacts_of(plan: &StoredPlan) -> Vec<Artifact> {
    let Delivery::SetImage { image, .. } = &plan.plan.delivery;
    let pinned = image.as_deref().and_then(|image| image.split_once('@'));
    pinned
        .map(|(uri, digest)| {
            vec![Artifact {
                name: "image".to_owned(),
                uri: uri.to_owned(),
                digest: Digest::parse(digest),
            }]
        })
        .unwrap_or_default()
}

/// What every planner of acts needs: the workload, read within the stale limit.
pub fn fresh<'a>(facts: &Facts<'a>) -> Result<&'a Observed, Refusal> {
    facts.fresh().ok_or_else(|| {
        let on = &facts.target.workload;
        let why = facts.workload.trouble.as_ref().map_or_else(
            || format!("{on} was not read lately"),
            |trouble| trouble.value.to_string(),
        );
        Refusal::rule(
            "fresh",
            format!("nothing is changed on old knowledge: {why}"),
        )
        .hint("wait for the next reading, or check the connection")
    })
}

/// For hold, abort and rollback: the last that was seen, however old. Each write tests what it relies on, and waiting
/// for news is worse.
pub fn last<'a>(facts: &Facts<'a>) -> Result<&'a Observed, Refusal> {
    facts.workload.value().map_or_else(|| fresh(facts), Ok)
}

fn expect(workload: &Workload) -> Expect {
    Expect {
        uid: workload.uid.clone(),
        pod_hash: None,
        step: None,
        image: None,
    }
}

/// Rollouts are guarded by the hash of their template, Deployments by its image: the narrowest thing each has.
fn expect_template(workload: &Workload) -> Expect {
    match workload.kind {
        WorkloadKind::Rollout => Expect {
            pod_hash: workload.current_hash.clone(),
            ..expect(workload)
        },
        WorkloadKind::Deployment => Expect {
            image: workload.image.clone(),
            ..expect(workload)
        },
    }
}

fn set_image(facts: &Facts<'_>, workload: &Workload, image: &str) -> Result<Change, Refusal> {
    let on = &facts.target.workload;
    let container_index = workload.container_index.ok_or_else(|| {
        Refusal::rule(
            "target.container",
            format!("{on} has no container `{}`", on.container),
        )
    })?;
    let expect = Expect {
        image: workload.image.clone(),
        ..expect(workload)
    };
    Ok(Change::SetImage {
        workload: on.clone(),
        container_index,
        image: image.to_owned(),
        expect,
    })
}

fn act(
    facts: &Facts<'_>,
    kind: ActKind,
    release: &ReleaseRef,
    changes: Vec<Change>,
    afterwards: Vec<String>,
) -> Act {
    Act {
        kind,
        target: facts.target.id.clone(),
        release: release.clone(),
        step: None,
        changes,
        reason: None,
        unrecorded: false,
        guard: None,
        broken: Vec::new(),
        controls: None,
        afterwards,
    }
}

fn pinned(release: &ReleaseRef) -> Result<&str, Refusal> {
    release.image.as_deref().ok_or_else(|| {
        Refusal::rule(
            "release.digest",
            format!(
                "the image of release {} is not known by digest",
                release.title()
            ),
        )
    })
}

pub fn fly(facts: &Facts<'_>, plan: &StoredPlan) -> Result<Act, Refusal> {
    let observed = fresh(facts)?;
    let change = set_image(facts, &observed.workload, pinned(&plan.release)?)?;
    let first = plan.plan.stages.first();
    let how = match first {
        Some(stage) => format!(
            "{} % of the pods run {}, then it waits for you",
            stage.share,
            plan.release.title()
        ),
        None => format!("all pods run {}, by rolling update", plan.release.title()),
    };
    let back = plan.before.clone().or_else(|| facts.former_revision());
    let back = match back {
        Some(back) => format!("way back: R goes to {}", back.title()),
        None => {
            "NO WAY BACK: this is a first deployment, there is nothing to roll back to".to_owned()
        }
    };
    let mut afterwards = vec![
        how,
        format!("desired state: {}", plan.release.title()),
        back,
    ];
    afterwards.extend(calendar::too_long(facts, plan).map(|why| format!("WARNING: {why}")));
    Ok(act(
        facts,
        ActKind::Fly,
        &plan.release,
        vec![change],
        afterwards,
    ))
}

/// From the pause of `step` on. The caller has made sure that it rests there.
pub fn promote(facts: &Facts<'_>, plan: &StoredPlan, step: usize) -> Result<Act, Refusal> {
    let workload = &fresh(facts)?.workload;
    let expect = Expect {
        pod_hash: workload.current_hash.clone(),
        step: Some(step),
        ..expect(workload)
    };
    let change = Change::PromoteStep {
        workload: facts.target.workload.clone(),
        expect,
    };
    let from = workload.set_weight().unwrap_or(0);
    let next = plan.plan.stages.iter().find(|stage| {
        workload
            .resting_step(stage.share)
            .is_some_and(|rest| rest > step)
    });
    let after = match next {
        Some(stage) => format!(
            "{} % of the pods run {}, then it waits for you",
            stage.share,
            plan.release.title()
        ),
        None => format!("{} is stable and serves everybody", plan.release.title()),
    };
    let mut promote = act(
        facts,
        ActKind::Promote,
        &plan.release,
        vec![change],
        vec![format!("from {from} %: {after}")],
    );
    promote.step = Some(step);
    Ok(promote)
}

pub fn promote_fully(facts: &Facts<'_>, plan: &StoredPlan) -> Result<Act, Refusal> {
    let workload = &fresh(facts)?.workload;
    let expect = Expect {
        pod_hash: workload.current_hash.clone(),
        ..expect(workload)
    };
    let changes = vec![Change::PromoteFull {
        workload: facts.target.workload.clone(),
        expect,
    }];
    let skipped: Vec<String> = plan
        .plan
        .stages
        .iter()
        .filter(|s| workload.set_weight().is_some_and(|w| s.share > w))
        .map(|s| format!("{} %", s.share))
        .collect();
    let skips = if skipped.is_empty() {
        "no stage is skipped".to_owned()
    } else {
        format!("skips the pauses of {}", skipped.join(", "))
    };
    Ok(act(
        facts,
        ActKind::PromoteFully,
        &plan.release,
        changes,
        vec![
            format!("{} is stable and serves everybody", plan.release.title()),
            skips,
        ],
    ))
}

pub fn hold(facts: &Facts<'_>, release: &ReleaseRef, by: &str) -> Result<Act, Refusal> {
    let workload = &last(facts)?.workload;
    let change = Change::Hold {
        workload: facts.target.workload.clone(),
        expect: expect_template(workload),
        by: by.to_owned(),
    };
    Ok(act(
        facts,
        ActKind::Hold,
        release,
        vec![change],
        vec!["the platform goes no further until the hold is taken off".to_owned()],
    ))
}

fn resume_change(facts: &Facts<'_>, workload: &Workload) -> Change {
    Change::Resume {
        workload: facts.target.workload.clone(),
        expect: expect_template(workload),
    }
}

pub fn resume(facts: &Facts<'_>, plan: &StoredPlan) -> Result<Act, Refusal> {
    let workload = &fresh(facts)?.workload;
    let rests = workload
        .step
        .is_some_and(|step| workload.steps.get(step).is_some());
    let afterwards = if rests {
        "our hold is off; the step's own pause stays"
    } else {
        "our hold is off; the platform goes on"
    };
    Ok(act(
        facts,
        ActKind::Resume,
        &plan.release,
        vec![resume_change(facts, workload)],
        vec![afterwards.to_owned()],
    ))
}

pub fn abort(
    facts: &Facts<'_>,
    release: &ReleaseRef,
    before: Option<&ReleaseRef>,
) -> Result<Act, Refusal> {
    let workload = &last(facts)?.workload;
    let expect = Expect {
        pod_hash: workload.current_hash.clone(),
        ..expect(workload)
    };
    let mut changes = vec![Change::Abort {
        workload: facts.target.workload.clone(),
        expect,
    }];
    if workload.paused && workload.held_by.is_some() {
        changes.push(resume_change(facts, workload));
    }
    let stable = before.map_or_else(|| "stable".to_owned(), ReleaseRef::title);
    let afterwards = vec![
        format!("{stable} serves everybody now"),
        format!(
            "{} stays the desired state: a rollback takes that back too",
            release.title()
        ),
    ];
    Ok(act(facts, ActKind::Abort, release, changes, afterwards))
}

pub fn retry(facts: &Facts<'_>, plan: &StoredPlan) -> Result<Act, Refusal> {
    let workload = &fresh(facts)?.workload;
    let expect = Expect {
        pod_hash: workload.current_hash.clone(),
        ..expect(workload)
    };
    let change = Change::Retry {
        workload: facts.target.workload.clone(),
        expect,
    };
    let first = plan.plan.stages.first().map_or_else(
        || "the first step".to_owned(),
        |stage| format!("{} %", stage.share),
    );
    Ok(act(
        facts,
        ActKind::Retry,
        &plan.release,
        vec![change],
        vec![format!(
            "{} starts again from {first}",
            plan.release.title()
        )],
    ))
}

/// The shortest way back (SPEC D17): in mid-canary abort first, then set the desired state back so that it
/// stays; where stable is something else, promote it past all steps, unless `staged`. What an earlier try has
/// done already is left out; without changes there is nothing left to do.
pub fn roll_back(
    facts: &Facts<'_>,
    to: &ReleaseRef,
    staged: bool,
    reason: &str,
) -> Result<Act, Refusal> {
    let observed = last(facts)?;
    let workload = &observed.workload;
    let image = pinned(to)?;
    let on = &facts.target.workload;
    let rollout = on.kind == WorkloadKind::Rollout;
    let midway = rollout && workload.is_midway();
    let desired = workload.image.as_deref() == Some(image);
    let serves = observed
        .stable_image()
        .map_or(midway && !desired, |stable| stable == image);
    let of_template = || Expect {
        pod_hash: workload.current_hash.clone(),
        ..expect(workload)
    };
    let mut changes = Vec::new();
    if midway && !workload.aborted && !desired {
        changes.push(Change::Abort {
            workload: on.clone(),
            expect: of_template(),
        });
    }
    if workload.paused && workload.held_by.is_some() {
        changes.push(resume_change(facts, workload));
    }
    if !desired {
        changes.push(set_image(facts, workload, image)?);
    }
    let asked = desired && workload.promoting_fully;
    if rollout && !serves && !staged && !asked {
        if desired && midway && workload.aborted && workload.observed {
            changes.push(Change::Retry {
                workload: on.clone(),
                expect: of_template(),
            });
        }
        changes.push(Change::AwaitTemplate {
            workload: on.clone(),
            image: image.to_owned(),
            deadline: TEMPLATE_DEADLINE,
        });
        changes.push(Change::PromoteFull {
            workload: on.clone(),
            expect: expect(workload),
        });
    }
    let mut afterwards = vec![
        format!("{} serves everybody", to.title()),
        format!("desired state: {}", to.title()),
    ];
    // Offered beside what the ledger says, where it is something else (SPEC E6).
    let kept = facts
        .former_revision()
        .filter(|kept| kept.commit != to.commit && !to.is_only_a_revision())
        .filter(|kept| !facts.state.grounded.contains_key(&kept.commit));
    if let Some(kept) = kept {
        afterwards.push(format!(
            "(the platform keeps another: --former-revision goes to {})",
            kept.title()
        ));
    }
    if to.is_only_a_revision() {
        afterwards
            .push("the ledger does not know it: the platform's own former revision".to_owned());
    }
    if staged && !serves {
        afterwards[0] = format!(
            "{} goes through the stages again, as a deployment does",
            to.title()
        );
    }
    let mut act = act(facts, ActKind::RollBack, to, changes, afterwards);
    act.reason = Some(reason.to_owned());
    Ok(act)
}
