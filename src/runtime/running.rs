//! Runs one item of a checklist from its first entry to its last: begun in the ledger, carried out, its output kept beside
//! the ledger, its evidence written down. The screen and the verb `check` share this.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use crate::{
    adapters::{evidence, probe::Here},
    domain::{
        self,
        entry::{Body, DeploymentId, StreamId},
        evidence::{Evidence, Spoken},
        plan::ItemId,
        target::TargetId,
        text::Clean,
    },
    policy::{
        decide::Command,
        migration,
        refusal::{Refusal, RefusalKind},
    },
    ports::run::{Listen, Order, Report, Runner},
    session::event::End,
};

use super::{executor::Executor, outside::Outside};

/// How often it is looked whether somebody stopped it.
const LOOK: Duration = Duration::from_millis(300);

/// The verdict of a run and what it left.
#[derive(Clone, Debug, PartialEq)]
pub struct Ran {
    pub ok: bool,
    pub evidence: Evidence,
    /// What was found where somebody looked right after.
    pub looked: Option<Evidence>,
}

/// `command` is `Command::Run`; what it refuses to begin is not begun. `cancel` ends it, and so does who stops it, or opens
/// or waives what changes nothing, wherever they are. What takes back is looked for right before and right after.
pub async fn run(
    executor: &mut Executor<'_>,
    command: &Command,
    target: &TargetId,
    listen: Listen,
    cancel: CancellationToken,
) -> Result<Ran, End> {
    let Command::Run { item, .. } = command else {
        let sentence = format!("{} runs nothing", command.verb());
        return Err(End::Refused(Refusal::new(
            RefusalKind::Usage,
            "checklist.run",
            sentence,
        )));
    };
    let around = around(executor, command, target).await?;
    for preview in around.before.iter().chain(&around.look) {
        let ran = aside(executor, preview, target, &cancel).await?;
        if !ran.ok {
            let sentence = format!(
                "{preview} was made anew before {item} and failed: {}; {item} was not begun",
                ran.evidence.sentence()
            );
            return Err(End::Refused(Refusal::raced("item.preview", sentence)));
        }
    }
    let mut ran = once(executor, command, item, target, listen, &cancel).await?;
    if let Some(look) = around.look.filter(|_| !cancel.is_cancelled()) {
        // That nobody could look leaves it unknown, and is no failure of what was done.
        let looked = aside(executor, &look, target, &cancel).await;
        ran.looked = looked.ok().map(|looked| looked.evidence);
    }
    Ok(ran)
}

/// Runs what changes nothing.
async fn aside(
    executor: &mut Executor<'_>,
    item: &ItemId,
    target: &TargetId,
    cancel: &CancellationToken,
) -> Result<Ran, End> {
    let command = Command::Run {
        item: item.clone(),
        note: None,
        confirmed: None,
    };
    once(executor, &command, item, target, Arc::new(|_| {}), cancel).await
}

/// What is run beside an act.
#[derive(Default)]
struct Around {
    before: Vec<ItemId>,
    /// Before and after.
    look: Option<ItemId>,
}

/// What somebody read before this may be done is made anew right before, so that what is done is what was read. Only
/// where all else lets it be done.
async fn around(
    executor: &mut Executor<'_>,
    command: &Command,
    target: &TargetId,
) -> Result<Around, End> {
    let Command::Run {
        item,
        confirmed: Some(_),
        ..
    } = command
    else {
        return Ok(Around::default());
    };
    executor.sync().await.map_err(End::Failed)?;
    executor.decided(command, target).map_err(End::Refused)?;
    let known = executor.known.targets.get(target);
    let carrier = known.and_then(|known| known.state.carrier(item));
    let acts = carrier.and_then(|carrier| {
        let act = carrier.plan.plan.item(item).filter(|item| item.acts())?;
        Some(Around {
            before: migration::previews_of(&carrier.plan.plan, act),
            look: migration::looks_of(carrier, act).map(|look| look.id.clone()),
        })
    });
    Ok(acts.unwrap_or_default())
}

/// From its first entry to its last.
async fn once(
    executor: &mut Executor<'_>,
    command: &Command,
    item: &ItemId,
    target: &TargetId,
    listen: Listen,
    cancel: &CancellationToken,
) -> Result<Ran, End> {
    let note = match command {
        Command::Run { note, .. } => note.clone(),
        _ => None,
    };
    match executor.record(command, target).await {
        End::Done => {}
        end => return Err(end),
    }
    let (order, read, deployment) = order(executor, target, item)?;
    let acts = order.item.acts();
    let seq = executor.known.seq;
    let began = executor.outside.now();
    let ending = cancel.child_token();
    let stopped = stopped(executor.outside, target, &deployment, (item, acts), seq);
    let report = {
        let run = Here.run(&order, listen, ending.clone());
        tokio::pin!(run);
        tokio::select! {
            report = &mut run => report,
            () = stopped => {
                ending.cancel();
                run.await
            }
        }
    };
    let took = executor.outside.now().duration_since(began);
    let report = if read { readable(report) } else { report };
    let ran = kept(executor.outside, report, took).await;
    let conclude = Command::Conclude {
        item: item.clone(),
        ok: ran.ok,
        evidence: Box::new(ran.evidence.clone()),
        note,
    };
    match executor.record(&conclude, target).await {
        End::Done => Ok(ran),
        end => Err(end),
    }
}

/// What somebody has to read has to be there in full; what it says at a glance goes with it wherever it is shown.
fn readable(mut report: Report) -> Report {
    if !report.ok {
        return report;
    }
    match domain::migration::readable(&report.text, report.left_out, report.unseen) {
        Ok(said) => report.said = Clean::new(&said),
        Err(why) => {
            report.ok = false;
            report.said = Clean::new(&why);
        }
    }
    report
}

/// What the plan says of it, whether somebody reads what it prints, and what it is about.
fn order(
    executor: &Executor<'_>,
    target: &TargetId,
    item: &ItemId,
) -> Result<(Order, bool, DeploymentId), End> {
    let gone = || {
        End::Refused(Refusal::raced(
            "checklist.running",
            format!("the deployment of {item} is over"),
        ))
    };
    let current = executor
        .known
        .targets
        .get(target)
        .and_then(|known| known.state.carrier(item))
        .ok_or_else(gone)?;
    let spec = current.plan.plan.item(item).ok_or_else(gone)?;
    let project = executor.outside.workspace.project(&target.project);
    let configured = executor.outside.workspace.target(target).ok_or_else(gone)?;
    let order = Order {
        target: target.clone(),
        item: spec.clone(),
        release: current.plan.release.clone(),
        before: current.plan.before.clone(),
        source: project
            .map(|project| project.source.clone())
            .ok_or_else(gone)?,
        cluster: configured.cluster.clone(),
        namespace: configured.workload.namespace.clone(),
        access: executor.outside.workspace.access.clone(),
    };
    let read = current.plan.plan.reader_of(item).is_some();
    Ok((order, read, current.id.clone()))
}

/// Ends when the ledger says that this run does not count, or has to end.
async fn stopped(
    outside: &Outside,
    target: &TargetId,
    deployment: &DeploymentId,
    (item, acts): (&ItemId, bool),
    seq: u64,
) {
    let (mut seq, stream) = (seq, StreamId::target(target));
    // What acts is ended by whoever says so, and by nothing that is said of something else.
    let ends = |body: &Body| match body {
        Body::RunStopped { item: other, .. } => other == item,
        Body::Reopened { item: other, .. } | Body::Waived { item: other, .. } => {
            other == item && !acts
        }
        Body::Cancelled { .. } | Body::Ended { .. } => !acts,
        _ => false,
    };
    loop {
        tokio::time::sleep(LOOK).await;
        // Without a ledger nobody can stop it there; the next look may find one.
        let Ok(entries) = outside.ledger.read(seq).await else {
            continue;
        };
        seq = entries.last().map_or(seq, |entry| entry.seq);
        let ours = entries.iter().any(|entry| {
            entry.stream == stream
                && entry.body.deployment() == Some(deployment)
                && ends(&entry.body)
        });
        if ours {
            return;
        }
    }
}

/// Its output beside the ledger; that it could not be kept is said, and changes no verdict.
async fn kept(outside: &Outside, report: Report, took: jiff::SignedDuration) -> Ran {
    let ledger = outside.workspace.ledger.clone();
    let (text, left_out) = (report.text, report.left_out);
    let keeping = tokio::task::spawn_blocking(move || {
        if text.is_empty() {
            return Ok(None);
        }
        evidence::keep(&ledger, &text, left_out).map(Some)
    });
    let (kept, lost) = match keeping.await {
        Ok(Ok(kept)) => (kept, None),
        Ok(Err(fault)) => (None, Some(Clean::new(&fault.to_string()))),
        Err(error) => (None, Some(Clean::new(&error.to_string()))),
    };
    Ran {
        looked: None,
        ok: report.ok,
        evidence: Evidence {
            end: report.end,
            took,
            output: report.output,
            bytes: report.bytes,
            kept,
            lost,
            said: report.said,
        },
    }
}

/// Lines on their way to a screen: the newest of what came since they were last taken.
#[derive(Clone, Default)]
pub struct Heard(Arc<Mutex<Pending>>);

#[derive(Default)]
struct Pending {
    lines: VecDeque<Spoken>,
    skipped: u64,
}

/// More than a screen shows at once.
const NEWEST: usize = 500;

impl Heard {
    pub fn listen(&self) -> Listen {
        let pending = Arc::clone(&self.0);
        Arc::new(move |spoken| {
            let mut pending = pending.lock().unwrap_or_else(PoisonError::into_inner);
            pending.lines.push_back(spoken);
            if pending.lines.len() > NEWEST {
                pending.lines.pop_front();
                pending.skipped += 1;
            }
        })
    }

    /// The lines, and how many before them were left out.
    pub fn take(&self) -> (Vec<Spoken>, u64) {
        let mut pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = pending.lines.drain(..).collect();
        (lines, std::mem::take(&mut pending.skipped))
    }
}
