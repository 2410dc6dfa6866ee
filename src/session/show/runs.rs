//! The output of the selected item's run, as it goes on or as it was.

use crate::{
    domain::{deployment::ItemStatus, evidence::Spoken, plan::ItemId, time},
    session::cockpit::Cockpit,
};

use super::{LineKind, selected_line};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunShown {
    pub item: ItemId,
    /// `running 0:12`, `exit 0 after 3 s: …`
    pub standing: String,
    pub status: ItemStatus,
    /// The newest lines, oldest first; empty where another process runs it.
    pub lines: Vec<Spoken>,
    /// Lines before these.
    pub gone: u64,
}

/// What there is to see of the selected item: a run of this process, or the evidence of any.
pub fn run_shown(cockpit: &Cockpit) -> Option<RunShown> {
    let line = selected_line(cockpit)?;
    let LineKind::Item {
        spec,
        status,
        state,
    } = &line.kind
    else {
        return None;
    };
    let target = cockpit.focus()?.id.clone();
    let run = cockpit.runs.get(&(target, line.id.clone()));
    if !spec.is_run() || (run.is_none() && state.is_none()) {
        return None;
    }
    let evidence = state.as_ref().and_then(|state| state.evidence.as_ref());
    let standing = match (run, evidence, status) {
        (Some(run), _, _) if run.ended.is_none() => {
            format!(
                "running {}",
                time::clock(cockpit.now.duration_since(run.since))
            )
        }
        (_, Some(evidence), _) => evidence.sentence(),
        (_, None, ItemStatus::Running) => {
            let by = state.as_ref().map_or("", |state| state.by.as_str());
            format!("{by} runs it; its output is on their screen")
        }
        _ => "no evidence".to_owned(),
    };
    Some(RunShown {
        item: line.id,
        standing,
        status: *status,
        lines: run.map_or_else(Vec::new, |run| run.lines.iter().cloned().collect()),
        gone: run.map_or(0, |run| run.gone),
    })
}
