//! What happened before the rehearsal began: closed deployments, so that staging is verified and production has a past.
//! Written through the same plans and entries as a real flight.

use jiff::{SignedDuration, Timestamp};

use crate::{
    domain::{
        change::{Act, ActKind, Change, Expect},
        deployment::TargetState,
        entry::{Answer, Body, Draft, Ending, IntentId, Means, Outcome, StreamId},
        environment::Environment,
        fault::Fault,
        plan::StoredPlan,
        release::{Artifact, Digest, Release, ReleaseRef},
        target::Target,
        workspace::{Actor, IdentityMeans},
    },
    policy::planner,
    ports::keep::{AppendError, Expected},
    runtime::outside::Outside,
    simulator::{BuiltRelease, Practice},
};

pub async fn write(outside: &Outside, practice: &Practice) -> Result<(), Fault> {
    let now = outside.now();
    for environment in &outside.workspace.environments {
        write_policy(outside, environment, now).await?;
    }
    for project in &outside.workspace.projects {
        let mut releases = outside.catalogue(project).await?;
        for release in &mut releases {
            let built = practice.releases().iter().find(|built| {
                built.project == project.id.as_str() && built.commit == release.commit.as_str()
            });
            release.artifacts = built.map(artifact).into_iter().collect();
        }
        for target in outside
            .workspace
            .targets
            .iter()
            .filter(|target| target.id.project == project.id)
        {
            let observed = outside.read_workload(target).await?;
            let image = observed.workload.image;
            let Some(at) = releases
                .iter()
                .position(|release| release.artifacts.iter().any(|a| a.pinned() == image))
            else {
                continue;
            };
            write_target(outside, target, &releases, at, now).await?;
        }
    }
    Ok(())
}

fn artifact(built: &BuiltRelease) -> Artifact {
    Artifact {
        name: "image".to_owned(),
        uri: built.image.clone(),
        digest: Digest::parse(&built.digest),
    }
}

/// Before anything flew, lee recorded what may enter.
async fn write_policy(
    outside: &Outside,
    environment: &Environment,
    now: Timestamp,
) -> Result<(), Fault> {
    if !environment.protected {
        return Ok(());
    }
    let recorded = Draft {
        at: ago(now, SignedDuration::from_hours(24 * 30)),
        actor: person("lee", &outside.host),
        body: Body::PolicyRecorded {
            protected: environment.protected,
            policy: Box::new(environment.policy.clone()),
            reason: "the policy of the practice cluster".to_owned(),
        },
    };
    let stream = StreamId::environment(&environment.name);
    let append = outside
        .ledger
        .append(&stream, Expected::Position(0), vec![recorded]);
    written(append.await)
}

fn written<T>(append: Result<T, AppendError>) -> Result<(), Fault> {
    match append {
        Ok(_) | Err(AppendError::Conflict { .. }) => Ok(()),
        Err(AppendError::Fault(fault)) => Err(fault),
    }
}

fn person(name: &str, host: &str) -> Actor {
    Actor {
        name: name.to_owned(),
        email: Some(format!("{name}@acme.example")),
        means: IdentityMeans::Claimed,
        host: host.to_owned(),
    }
}

/// The release that runs, and the two before it: soon after each was committed.
async fn write_target(
    outside: &Outside,
    target: &Target,
    releases: &[Release],
    at: usize,
    now: Timestamp,
) -> Result<(), Fault> {
    let environment = outside
        .workspace
        .environments
        .iter()
        .find(|e| e.name == target.id.environment);
    let Some(environment) = environment else {
        return Ok(());
    };
    let first = at.saturating_sub(2);
    let mut drafts: Vec<Draft> = Vec::new();
    let mut before: Option<ReleaseRef> = None;
    let mut state = TargetState::default();
    for release in &releases[first..=at] {
        // Nothing flies before it was committed, and the protected ones wait for the others.
        let after = SignedDuration::from_mins(if environment.protected { 5 * 60 } else { 20 });
        let began = release
            .committed_at
            .checked_add(after)
            .unwrap_or(now)
            .min(now);
        let plan = planner::store(environment, target, release, before.take());
        before = Some(plan.release.clone());
        let id = state.next_deployment(target.id.environment.as_str(), target.id.project.name());
        let flown = flown(
            target,
            &plan,
            &id,
            !environment.policy.approvals.is_empty(),
            began,
            &outside.host,
        );
        // Only the count matters for the next id.
        state.past.push(crate::domain::deployment::Past {
            id,
            release: plan.release.clone(),
            before: None,
            requested_at: began,
            promoted_at: None,
            verified_at: None,
            moved_for: None,
            ended_at: began,
            ending: Ending::Closed,
        });
        drafts.extend(flown);
    }
    let stream = StreamId::target(&target.id);
    let append = outside
        .ledger
        .append(&stream, Expected::Position(0), drafts);
    written(append.await)
}

fn ago(now: Timestamp, duration: SignedDuration) -> Timestamp {
    now.checked_sub(duration).unwrap_or(now)
}

/// The entries of one deployment from request to close, as the plan has it: pods take some seconds for each stage.
fn flown(
    target: &Target,
    plan: &StoredPlan,
    id: &crate::domain::entry::DeploymentId,
    approved: bool,
    began: Timestamp,
    host: &str,
) -> Vec<Draft> {
    let person = |name: &str| person(name, host);
    let (dana, program) = (person("dana"), Actor::program(host));
    let (mins, pods) = (SignedDuration::from_mins, SignedDuration::from_secs(20));
    let mut since = SignedDuration::ZERO;
    let mut drafts = Vec::new();
    let mut push = |later: SignedDuration, actor: &Actor, body: Body| {
        since = since.saturating_add(later);
        let at = began.checked_add(since).unwrap_or(began);
        drafts.push(Draft {
            at,
            actor: actor.clone(),
            body,
        });
    };
    push(
        mins(0),
        &dana,
        Body::Requested {
            deployment: id.clone(),
            plan: Box::new(plan.clone()),
            reason: format!("ship {}", plan.release.title()),
        },
    );
    if approved {
        for name in ["lee", "sam"] {
            push(
                mins(2),
                &person(name),
                Body::Decided {
                    deployment: id.clone(),
                    plan: plan.digest.clone(),
                    answer: Answer::Go,
                    reason: "plan read".to_owned(),
                },
            );
        }
    }
    for item in plan
        .plan
        .items
        .iter()
        .filter(|item| !item.is_verification())
    {
        push(
            mins(1),
            &dana,
            Body::Checked {
                deployment: id.clone(),
                item: item.id.clone(),
                note: None,
            },
        );
    }
    let change = Change::SetImage {
        workload: target.workload.clone(),
        container_index: 0,
        image: plan.release.image.clone().unwrap_or_default(),
        expect: Expect::default(),
    };
    let act = Act {
        kind: ActKind::Fly,
        target: target.id.clone(),
        release: plan.release.clone(),
        step: None,
        changes: vec![change],
        reason: None,
        unrecorded: false,
        guard: None,
        broken: Vec::new(),
        controls: None,
        afterwards: Vec::new(),
    };
    let intent = IntentId(Digest::of_json(&(id, began)).short().to_owned());
    push(
        mins(1),
        &dana,
        Body::Intended {
            deployment: id.clone(),
            intent: intent.clone(),
            act: Box::new(act),
            change: 0,
            means: Means::Dialog,
        },
    );
    push(
        mins(0),
        &dana,
        Body::Settled {
            deployment: id.clone(),
            intent,
            outcome: Outcome::Applied {
                seen: false,
                perhaps: false,
            },
        },
    );
    let mut bakes = SignedDuration::ZERO;
    for (stage, spec) in plan.plan.stages.iter().enumerate() {
        push(
            pods.saturating_add(bakes),
            &program,
            Body::StageReached {
                deployment: id.clone(),
                stage,
            },
        );
        bakes = spec.bake;
    }
    push(
        pods.saturating_add(bakes),
        &program,
        Body::Promoted {
            deployment: id.clone(),
        },
    );
    for item in plan.plan.items.iter().filter(|item| item.is_verification()) {
        push(
            mins(3),
            &program,
            Body::Measured {
                deployment: id.clone(),
                item: item.id.clone(),
                ok: true,
                evidence: "good".to_owned(),
            },
        );
    }
    push(
        mins(0),
        &program,
        Body::MonitoringBegan {
            deployment: id.clone(),
        },
    );
    push(
        plan.plan.monitoring,
        &program,
        Body::Ended {
            deployment: id.clone(),
            ending: Ending::Closed,
        },
    );
    drafts
}
