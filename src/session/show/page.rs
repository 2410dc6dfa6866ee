//! Pages that are opened over a screen and scrolled: the testing matrix, and one entry of the timeline with all that it
//! holds.

use crate::{
    domain::{
        deployment::difference,
        entry::Entry,
        release::ReleaseRef,
        text::{Clean, clean_lines},
    },
    flight::{
        matrix::{self, Line, Tone},
        report,
    },
    session::{cockpit::Cockpit, view::Page},
};

/// What a page says now.
#[derive(Clone, Debug, PartialEq)]
pub struct PageShown {
    pub title: String,
    pub lines: Vec<Line>,
}

pub fn page(cockpit: &Cockpit, page: &Page) -> PageShown {
    match page {
        Page::Matrix => matrix_page(cockpit),
        Page::Entry { seq } => entry_page(cockpit, *seq),
    }
}

fn only(title: &str, text: &str) -> PageShown {
    PageShown {
        title: title.to_owned(),
        lines: vec![Line::new(Tone::Plain, text)],
    }
}

/// Of what is asked for or flies here, else of the release that was picked, else of what is live.
fn matrix_page(cockpit: &Cockpit) -> PageShown {
    let title = "Test matrix";
    let Some(facts) = cockpit.facts() else {
        return only(title, "This project has no target in this environment.");
    };
    let picked = || {
        let number = cockpit.view.chosen?;
        let release = cockpit.known.release(&facts.target.id.project, number)?;
        Some(release.to_ref())
    };
    let current = facts.current().map(|current| current.plan.release.clone());
    let live = || facts.state.live.as_ref().map(|live| live.release.clone());
    let Some(release) = current.or_else(picked).or_else(live) else {
        return only(title, "Pick a release first (2 lists them).");
    };
    let shown = matrix::of(&cockpit.known, &facts.target.id, &release, None, facts.now);
    PageShown {
        title: matrix_title(&shown.release, facts.target.id.environment.as_str()),
        lines: shown.lines(),
    }
}

fn matrix_title(release: &ReleaseRef, environment: &str) -> String {
    format!("Test matrix of {} for {environment}", release.title())
}

/// Everything that is written of it, and what it changed.
fn entry_page(cockpit: &Cockpit, seq: u64) -> PageShown {
    let title = format!("Entry {seq}");
    let Some(known) = cockpit.focus_known() else {
        return only(&title, "No target is selected.");
    };
    let Some(index) = known.entries.iter().position(|entry| entry.seq == seq) else {
        return only(
            &title,
            "It waits in the journal and is not in the ledger yet.",
        );
    };
    let entry = &known.entries[index];
    let mut lines = vec![
        Line::new(Tone::Heading, entry.sentence()),
        Line::new(Tone::Plain, ""),
    ];
    let mut say = |what: &str, text: String| {
        lines.push(Line::new(Tone::Plain, format!("{what:<12} {text}")));
    };
    say(
        "at",
        entry.at.strftime("%Y-%m-%d %H:%M:%S%.3f UTC").to_string(),
    );
    let actor = &entry.actor;
    say("by", format!("{} on {}", actor.name, actor.host));
    if let Some(deployment) = entry.body.deployment() {
        say("deployment", deployment.to_string());
    }
    if let Some(reason) = report::reason(&entry.body) {
        say("reason", reason);
    }
    let changes = difference::of_entries(&known.entries[..=index]).pop();
    for change in changes.unwrap_or_default() {
        say("changed", change.sentence());
    }
    lines.push(Line::new(Tone::Plain, ""));
    lines.push(Line::new(Tone::Heading, "As it is written in the ledger"));
    lines.extend(written(entry));
    PageShown { title, lines }
}

fn written(entry: &Entry) -> Vec<Line> {
    let text = serde_json::to_string_pretty(&entry.body).unwrap_or_default();
    let line = |line: &Clean| Line::new(Tone::Plain, line.as_str());
    clean_lines(&text).iter().map(line).collect()
}
