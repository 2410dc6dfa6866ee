//! The report as Markdown. What people and platforms wrote is made harmless twice: for the terminal, and for whoever
//! renders it.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};

use crate::domain::{
    history::{Done, Record},
    matrix::Test,
    release::ReleaseRef,
    text::Clean,
    time,
};

use super::{Event, RECOVERY, Report, Section};
use crate::flight::matrix::{Column, Matrix};

/// Line by line, without line ends.
pub fn lines(report: &Report<'_>) -> Vec<String> {
    let mut lines = vec![format!("# Timeline of {}", report.target), String::new()];
    match report.events.first().zip(report.events.last()) {
        Some((first, last)) => lines.push(format!(
            "Entries {} to {} of the ledger. Times are UTC; T counts from the take-off, or from the request where there was none.",
            first.seq, last.seq
        )),
        None => lines.push("Nothing was decided or done here yet.".to_owned()),
    }
    let before = |event: &&Event<'_>| event.deployment.is_none();
    let early: Vec<&Event<'_>> = report.events.iter().filter(before).collect();
    if !early.is_empty() {
        lines.extend([String::new(), "## Before the first deployment".to_owned()]);
        events(&mut lines, &early);
    }
    for section in &report.deployments {
        let own: Vec<&Event<'_>> = report
            .events
            .iter()
            .filter(|event| event.deployment.as_ref() == Some(&section.record.id))
            .collect();
        deployment(&mut lines, section, &own);
    }
    if !report.waits.is_empty() {
        let title = "## Waits in the journal of this machine".to_owned();
        lines.extend([String::new(), title, String::new()]);
    }
    lines.extend(report.waits.iter().map(|entry| {
        let (clock, sentence) = (clock(entry.at), escaped(&entry.sentence));
        format!("- {clock} UTC waits in the journal: {sentence}")
    }));
    lines
}

fn deployment(lines: &mut Vec<String>, section: &Section<'_>, own: &[&Event<'_>]) {
    let record = section.record;
    let title = crate::domain::entry::from_to(record.before.as_ref(), &record.release);
    lines.extend([
        String::new(),
        format!(
            "## {}: {}, {}",
            escaped(&record.id.0),
            escaped(&title),
            section.state
        ),
        String::new(),
    ]);
    lines.extend(header(section));
    if !section.legs.is_empty() {
        let rows = section
            .legs
            .iter()
            .map(|leg| {
                [
                    leg.from.clone(),
                    leg.until.clone(),
                    clock(leg.from_at),
                    clock(leg.until_at),
                    short(leg.took),
                ]
            })
            .collect();
        table(
            lines,
            "Durations",
            ["from", "until", "began", "ended", "took"],
            rows,
        );
    }
    if !record.rollback_legs.is_empty() {
        stopwatch(lines, record);
    }
    if let Some(matrix) = &section.matrix {
        tested(lines, matrix);
    }
    events(lines, own);
}

/// A row for each test of each environment: the columns before the last are the evidence behind it.
fn tested(lines: &mut Vec<String>, matrix: &Matrix) {
    let words = |text: Option<String>| text.map_or_else(|| "–".to_owned(), |text| escaped(&text));
    let row = |column: &Column, test: &Test| {
        let notes = test.notes.iter();
        let notes =
            notes.map(|note| format!("{} ({}, {} UTC)", note.text, note.by, clock(note.at)));
        let said: Vec<String> = test.said.clone().into_iter().chain(notes).collect();
        [
            test.kind.word().to_owned(),
            escaped(column.environment.as_str()),
            format!("{} {}", test.status.mark(), test.status.word()),
            words(test.at.map(|at| at.strftime("%Y-%m-%d %H:%M").to_string())),
            words(test.by.clone()),
            words(Some(said.join("; ")).filter(|said| !said.is_empty())),
            words(test.evidence.as_ref().map(ToString::to_string)),
        ]
    };
    let of_column = |column: &Column| -> Vec<[String; 7]> {
        column.tests.iter().map(|test| row(column, test)).collect()
    };
    table(
        lines,
        "Test matrix",
        [
            "test",
            "environment",
            "status",
            "when",
            "by",
            "notes",
            "evidence",
        ],
        matrix.columns.iter().flat_map(of_column).collect(),
    );
}

fn header(section: &Section<'_>) -> Vec<String> {
    let record = section.record;
    let mut lines = Vec::new();
    let mut say = |what: &str, words: String| lines.push(format!("- {what}: {words}"));
    say("target", record.target.to_string());
    say("release", release(&record.release, &section.release_names));
    if !record.subject.is_empty() {
        say("subject", escaped(&record.subject));
    }
    say(
        "before",
        record.before.as_ref().map_or_else(
            || "nothing".to_owned(),
            |before| release(before, &section.before_names),
        ),
    );
    say("plan", record.plan.to_string());
    let opened = if record.rollback {
        "rollback"
    } else {
        "requested"
    };
    say(opened, done(&record.requested));
    for answer in &record.answers {
        let word = answer.answer.word();
        let back = answer
            .withdrawn_at
            .map_or_else(String::new, |at| format!(" (taken back {})", clock(at)));
        say(word, format!("{}{back}", done(&answer.done)));
    }
    if let Some(off) = record.took_off.as_ref().filter(|_| !record.rollback) {
        say("took off", done(off));
    }
    if let Some(glass) = &record.broke_glass {
        say("BREAK-GLASS", done(glass));
    }
    if let Some(aborted) = &record.aborted {
        say("aborted", done(aborted));
    }
    if let Some(back) = record.rolled_back.as_ref().filter(|_| !record.rollback) {
        let to = record.rolled_back_to.as_ref();
        let to = to.map_or_else(String::new, |to| format!("to {}, ", escaped(&to.title())));
        say("rolled back", format!("{to}{}", done(back)));
    }
    match &record.ended {
        Some(ended) => {
            let why = record.cancelled.as_ref().and_then(|c| c.reason.as_deref());
            let why = why.map_or_else(String::new, |why| format!(": {}", escaped(why)));
            let (at, by) = (full(ended.at), escaped(&ended.by));
            say("ended", format!("{} {at}, written by {by}{why}", ended.how));
        }
        None => say("ended", format!("not yet: {}", section.state)),
    }
    if let (Some(whole), Some(without)) = (section.time_to_deploy, section.duration_without_bakes) {
        let words = format!("{}, {} without bakes", short(whole), short(without));
        say("take-off to everybody served", words);
    }
    if !record.gaps.is_empty() {
        let gap = |(from, until): &(Timestamp, Timestamp)| {
            format!("{} to {}", clock(*from), clock(*until))
        };
        let gaps: Vec<String> = record.gaps.iter().map(gap).collect();
        let all = short(section.unattended);
        say("unattended", format!("{all} in all: {}", gaps.join(", ")));
    }
    if record.outside > 0 {
        let words = format!("{} seen, each below", record.outside);
        say("done outside this ledger", words);
    }
    lines
}

/// From the key to healthy, leg by leg, against the five minutes of seed 002.
fn stopwatch(lines: &mut Vec<String>, record: &Record) {
    let mut rows: Vec<[String; 5]> = record
        .rollback_legs
        .iter()
        .map(|leg| {
            let answered = leg
                .settled_at
                .map(|at| (clock(at), short(at.duration_since(leg.asked_at))));
            let (at, took) = answered.unwrap_or_else(|| ("not answered".to_owned(), String::new()));
            let what = if leg.applied || leg.settled_at.is_none() {
                leg.what.clone()
            } else {
                format!("{} (not applied)", leg.what)
            };
            [what, leg.by.clone(), clock(leg.asked_at), at, took]
        })
        .collect();
    let last = record
        .rollback_legs
        .iter()
        .rev()
        .find_map(|leg| leg.settled_at);
    if let (Some(last), Some(ended), Some(whole)) = (last, &record.ended, record.recovery()) {
        let waited = ended.at.duration_since(last).max(SignedDuration::ZERO);
        rows.push([
            "until the former release served everybody".to_owned(),
            "the platform".to_owned(),
            clock(last),
            clock(ended.at),
            short(waited),
        ]);
        let verdict = if whole <= RECOVERY { "within" } else { "OVER" };
        let target = time::exact(RECOVERY);
        let from = record.rollback_began().map(clock).unwrap_or_default();
        rows.push([
            format!("all of it, {verdict} the {target}"),
            String::new(),
            from,
            clock(ended.at),
            short(whole),
        ]);
    }
    table(
        lines,
        "Rollback, leg by leg",
        ["leg", "by", "asked", "answered", "took"],
        rows,
    );
}

fn events(lines: &mut Vec<String>, events: &[&Event<'_>]) {
    lines.extend([String::new(), "### Events".to_owned()]);
    let mut day = String::new();
    for event in events {
        let date = event.at.strftime("%Y-%m-%d").to_string();
        if date != day {
            lines.extend([String::new(), format!("{date}:"), String::new()]);
            day = date;
        }
        lines.push(line(event));
    }
}

/// `- 14:28:51 UTC T+5:10 dana checked oncall.confirmed [oncall.confirmed: – → done]`
fn line(event: &Event<'_>) -> String {
    let offset = event
        .offset
        .map_or_else(String::new, |offset| format!(" T{}", signed(offset)));
    let words = event.words();
    let by = &event.by.name;
    let who = if words.starts_with(by.as_str()) {
        String::new()
    } else {
        format!("{} – ", escaped(by))
    };
    let changed: Vec<String> = event
        .differences
        .iter()
        .map(|d| escaped(&d.sentence()))
        .collect();
    let changed = if changed.is_empty() {
        String::new()
    } else {
        format!(" ({})", changed.join("; "))
    };
    format!(
        "- {} UTC{offset} {who}{}{changed}",
        clock(event.at),
        escaped(&words)
    )
}

fn table<const N: usize>(
    lines: &mut Vec<String>,
    title: &str,
    head: [&str; N],
    rows: Vec<[String; N]>,
) {
    let row = |cells: &[String]| format!("| {} |", cells.join(" | "));
    lines.extend([String::new(), format!("### {title}"), String::new()]);
    lines.push(format!("| {} |", head.join(" | ")));
    lines.push(format!("|{}", "---|".repeat(N)));
    for cells in rows {
        lines.push(row(&cells.map(|cell| escaped(&cell))));
    }
}

/// `42 v1.3.0 (also main-42), commit 9f3c…, image auth@sha256:…`
fn release(release: &ReleaseRef, names: &[String]) -> String {
    let title = release.title();
    let others: Vec<&str> = names
        .iter()
        .map(String::as_str)
        .filter(|name| !title.split(' ').any(|word| word == *name))
        .collect();
    let mut words = escaped(&title);
    if !others.is_empty() {
        let _ = write!(words, " (also {})", escaped(&others.join(", ")));
    }
    if !release.is_only_a_revision() {
        let _ = write!(words, ", commit {}", release.commit);
    }
    if let Some(image) = &release.image {
        let _ = write!(words, ", image {}", escaped(image));
    }
    words
}

fn done(done: &Done) -> String {
    let why = done
        .reason
        .as_deref()
        .map_or_else(String::new, |why| format!(": {}", escaped(why)));
    format!("{} by {}{why}", full(done.at), escaped(&done.by))
}

fn full(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%S").to_string()
}

/// `+5:10`, `-1:02:03`
fn signed(offset: SignedDuration) -> String {
    let sign = if offset.is_negative() { '-' } else { '+' };
    format!("{sign}{}", time::clock(offset.abs()))
}

/// Tenths below ten seconds, where legs of a rollback differ.
fn short(took: SignedDuration) -> String {
    if took.as_secs().abs() < 10 {
        format!("{:.1} s", took.as_secs_f64())
    } else {
        time::clock(took)
    }
}

/// One line that renders as what it says: no table cell, link, image, tag or code begins inside of it.
fn escaped(text: &str) -> String {
    let clean = Clean::new(text);
    let mut out = String::with_capacity(clean.as_str().len());
    for symbol in clean.as_str().chars() {
        if matches!(symbol, '|' | '<' | '[' | ']' | '`' | '\\' | '*') {
            out.push('\\');
        }
        out.push(symbol);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_wrote_renders_as_text() {
        assert_eq!(
            escaped("a | b ![x](http://evil/i.png) <img> `c`\n# d"),
            "a \\| b !\\[x\\](http://evil/i.png) \\<img> \\`c\\`␊# d"
        );
    }

    #[test]
    fn durations_say_what_matters_of_them() {
        assert_eq!(short(SignedDuration::from_millis(340)), "0.3 s");
        assert_eq!(short(SignedDuration::from_secs(312)), "5:12");
        assert_eq!(signed(SignedDuration::from_secs(-62)), "-1:02");
    }
}
