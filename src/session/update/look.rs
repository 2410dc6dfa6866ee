//! What a person looks at when something went wrong: the pods or the entry that tell, when there is a window, and the
//! text for users. Nothing here changes anything.

use crate::{
    domain::{
        entry::{Body, Ending, Outcome},
        rollout::PodState,
        text::Clean,
    },
    flight::{announcement, window},
    session::{
        cockpit::{Cockpit, Severity},
        show,
        view::{FlightPane, Overlay, Paper, Screen},
    },
};

/// A pod that is not ready first; pressed there, or where all are, the timeline at what ended the flight.
pub fn investigate(cockpit: &mut Cockpit) {
    let view = &cockpit.view;
    let at_pods = view.screen == Screen::Flight && view.pane == FlightPane::Pods;
    let flying = cockpit
        .facts()
        .is_some_and(|facts| facts.current().is_some());
    let sick = if at_pods || !flying {
        None
    } else {
        first_sick(cockpit)
    };
    if let Some((line, words)) = sick {
        cockpit.view.filtering = false;
        cockpit.view.go(Screen::Flight);
        cockpit.view.pane = FlightPane::Pods;
        cockpit.view.pod_line = line;
        cockpit.say(Severity::Info, words);
        return;
    }
    cockpit.view.filtering = false;
    cockpit.view.go(Screen::Timeline);
    cockpit.view.timeline_back = since_failure(cockpit).unwrap_or(0);
}

/// Its place in the list, and why it is not ready in the platform's word.
fn first_sick(cockpit: &Cockpit) -> Option<(usize, String)> {
    let facts = cockpit.facts()?;
    let observed = facts.workload.value()?;
    let pods = show::pods::lines(observed);
    let desired = observed.workload.current_hash.as_deref();
    let at = pods
        .iter()
        .position(|pod| desired == Some(pod.hash.as_str()) && pod.state != PodState::Ready)?;
    let pod = pods.get(at)?;
    let why = pod
        .reason
        .as_ref()
        .map_or_else(|| "not ready".to_owned(), ToString::to_string);
    let words = format!(
        "{}: {why}, {} restarts; again for the timeline",
        pod.name, pod.restarts
    );
    Some((at, words))
}

/// How many lines back from the newest the last thing stands that went wrong.
fn since_failure(cockpit: &Cockpit) -> Option<usize> {
    let entries = &cockpit.focus_known()?.entries;
    let wrong = entries.iter().rev().find(|entry| is_failure(&entry.body))?;
    let lines = show::timeline(cockpit);
    let at = lines.iter().rposition(|line| line.seq <= wrong.seq)?;
    Some(lines.len() - 1 - at)
}

fn is_failure(body: &Body) -> bool {
    match body {
        Body::Intended { act, .. } => act.kind.is_escape(),
        Body::Settled { outcome, .. } => !matches!(outcome, Outcome::Applied { .. }),
        Body::Measured { ok, .. } => !ok,
        Body::Ended { ending, .. } => *ending == Ending::RolledBack,
        _ => false,
    }
}

/// A page about the target in focus, or why there is none.
pub fn paper(cockpit: &Cockpit, announces: bool) -> Result<Paper, String> {
    let facts = cockpit
        .facts()
        .ok_or("this project has no target in this environment")?;
    if !announces {
        let hours = window::hours(&facts);
        return Ok(Paper {
            title: format!("When {} is open", facts.environment.name),
            copied: hours.sentence.clone(),
            lines: clean(hours.lines()),
            foot: "a request may be stored at any time: its flight waits for the window".to_owned(),
        });
    }
    let records = cockpit
        .focus_known()
        .map_or(&[][..], |known| known.history.records());
    let made = announcement::announcement(&facts, records)
        .ok_or_else(|| format!("nothing ever flew to {}: nothing to tell", facts.target.id))?;
    Ok(Paper {
        title: "Tell users".to_owned(),
        copied: clean(made.text.clone()).join("\n"),
        lines: clean(made.lines()),
        foot: "y copies the text".to_owned(),
    })
}

fn clean(lines: Vec<String>) -> Vec<String> {
    let lines = lines.into_iter();
    lines.map(|line| Clean::new(&line).to_string()).collect()
}

pub fn open_paper(cockpit: &mut Cockpit, announces: bool) {
    match paper(cockpit, announces) {
        Ok(paper) => {
            let paper = Box::new(paper);
            cockpit.view.overlay = Some(Overlay::Paper { paper, top: 0 });
        }
        Err(sentence) => cockpit.say(Severity::Warning, sentence),
    }
}
