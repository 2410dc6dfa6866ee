//! Whole pages as lines: what each screen shows, help, and the question of a dialog.

use crate::{
    domain::{
        change::short_image,
        deployment::ItemStatus,
        difference::{Difference, DifferenceLine, LineTone},
        entry::Answer,
        environment::Environment,
        fault::Fault,
        target::TargetId,
        time,
    },
    flight::{inbox::Errand, looking_back::Row, matrix},
    input::{Action, Group, Risk},
    policy::{gate::Verdict, poll::Call, scorecard},
    session::{
        cockpit::{Cockpit, Printed},
        palette,
        show::{self, LineKind},
        view::{Overlay, Page, Screen},
    },
};

use super::{Line, Tone, question};

/// Lines of a list that has no cursor.
const NEWEST: usize = 20;

fn plain(text: impl Into<String>) -> Line {
    Line::new(Tone::Plain, text)
}

/// What the screen in front shows.
pub fn screen(cockpit: &Cockpit) -> Vec<Line> {
    let mut lines = heading(cockpit);
    lines.extend(match cockpit.view.screen {
        Screen::Fleet => fleet(cockpit),
        Screen::Releases => releases(cockpit),
        Screen::Plan => plan(cockpit),
        Screen::Flight => flight(cockpit),
        Screen::Timeline => timeline(cockpit),
        Screen::Poll => poll(cockpit),
        Screen::Inbox => inbox(cockpit),
        Screen::History => history(cockpit),
        Screen::Hotfix => hotfix(cockpit),
    });
    lines
}

fn heading(cockpit: &Cockpit) -> Vec<Line> {
    let mut words = Vec::new();
    if let Some(rehearsal) = &cockpit.workspace().rehearsal {
        words.push(format!("REHEARSAL ({})", rehearsal.scenario));
    }
    words.push(cockpit.view.screen.title().to_owned());
    if ![Screen::Fleet, Screen::History].contains(&cockpit.view.screen)
        && let Some(target) = cockpit.focus()
    {
        words.push(place(cockpit, &target.id));
    }
    words.push(format!("{} UTC", cockpit.now.strftime("%H:%M:%S")));
    vec![plain(format!("== {} ==", words.join(", ")))]
}

/// `PRODUCTION (protected) auth-service`
fn place(cockpit: &Cockpit, id: &TargetId) -> String {
    let protected = cockpit
        .workspace()
        .environment(&id.environment)
        .is_some_and(|environment| environment.protected);
    let name = id.environment.as_str();
    if protected {
        format!("{} (protected) {}", name.to_uppercase(), id.project.name())
    } else {
        format!("{name} {}", id.project.name())
    }
}

fn fleet(cockpit: &Cockpit) -> Vec<Line> {
    let mut lines = Vec::new();
    for environment in &cockpit.workspace().environments {
        let words = show::place_word(&cockpit.known, &environment.name, cockpit.now);
        let line = words.map(|words| format!("{}: {words}", environment.name));
        lines.extend(line.map(|line| Line::new(Tone::Warning, line)));
        lines.extend(about(environment).map(plain));
    }
    for target in &cockpit.workspace().targets {
        let Some(cell) = show::fleet_cell(cockpit, &target.id) else {
            continue;
        };
        let mut words = vec![cell.live.clone(), cell.condition.word().to_owned()];
        if let Some((ready, all)) = cell.pods {
            words.push(format!("{ready} of {all} pods ready"));
        }
        words.extend(cell.since.as_ref().map(|since| format!("live {since}")));
        words.extend(cell.stale.clone());
        if cell.drift {
            words.push("DRIFT".to_owned());
        }
        if !cell.note.is_empty() {
            words.push(cell.note.clone());
        }
        if cell.waits {
            words.push("waits for a person".to_owned());
        }
        let tone = if cell.stale.is_some() || cell.drift {
            Tone::Warning
        } else {
            Tone::Plain
        };
        let text = format!("{}: {}", place(cockpit, &target.id), words.join(", "));
        lines.push(Line::new(tone, text));
    }
    lines
}

/// What lies between two releases.
pub fn difference(outcome: &Result<Box<Difference>, Fault>) -> Vec<Line> {
    match outcome {
        Err(fault) => vec![Line::new(
            Tone::Bad,
            format!("they could not be compared: {fault}"),
        )],
        Ok(difference) => difference.lines().into_iter().map(toned).collect(),
    }
}

/// Something to read, as it would lie over a screen.
pub fn page(cockpit: &Cockpit, page: &Page) -> Vec<Line> {
    let shown = show::page(cockpit, page);
    let line = |line: matrix::Line| {
        let tone = match line.tone {
            matrix::Tone::Plain | matrix::Tone::Heading => Tone::Plain,
            matrix::Tone::Good => Tone::Good,
            matrix::Tone::Bad => Tone::Bad,
            matrix::Tone::Open => Tone::Warning,
        };
        Line::new(tone, line.text)
    };
    let mut lines = vec![plain(shown.title)];
    lines.extend(shown.lines.into_iter().map(line));
    lines
}

/// What a preview printed.
pub fn sql(printed: &Printed, outcome: &Result<String, Fault>) -> Vec<Line> {
    match outcome {
        Err(fault) => vec![Line::new(
            Tone::Bad,
            format!("what {} printed could not be read: {fault}", printed.item),
        )],
        Ok(kept) => {
            let head = format!("{} {}: {}", printed.item, printed.of.short(), printed.said);
            let lines = show::sql::lines(kept);
            std::iter::once(Line::new(Tone::Plain, head))
                .chain(lines.into_iter().map(toned))
                .collect()
        }
    }
}

fn toned(line: DifferenceLine) -> Line {
    let tone = match line.tone {
        LineTone::Breaking => Tone::Warning,
        _ => Tone::Plain,
    };
    Line::new(tone, line.text)
}

/// `production: what customers use; data: accounts; ask platform on-call: #platform; look at traffic: https://…`
fn about(environment: &Environment) -> Option<String> {
    let mut words: Vec<String> = Vec::new();
    words.extend(Some(environment.purpose.clone()).filter(|purpose| !purpose.is_empty()));
    if environment.customer_data {
        words.push("customer data".to_owned());
    }
    if !environment.data.is_empty() {
        words.push(format!("data: {}", environment.data));
    }
    let contacts = environment.contacts.iter();
    words.extend(contacts.map(|contact| format!("ask {}: {}", contact.name, contact.reach)));
    let dashboards = environment.dashboards.iter();
    words.extend(dashboards.map(|board| format!("look at {}: {}", board.title, board.url)));
    (!words.is_empty()).then(|| format!("{}: {}", environment.name, words.join("; ")))
}

fn releases(cockpit: &Cockpit) -> Vec<Line> {
    let shown = cockpit.releases_shown();
    let more = shown.len().saturating_sub(NEWEST);
    let mut lines: Vec<Line> = shown
        .iter()
        .take(NEWEST)
        .map(|release| {
            let subject = &release.subject;
            plain(format!(
                "{}  {}  {subject}",
                release.title(),
                release.commit.short()
            ))
        })
        .collect();
    if more > 0 {
        lines.push(plain(format!("and {more} older ones")));
    }
    lines
}

/// A gate or an item, one a line; words, not glyphs alone.
fn list(lines: &[show::Line]) -> Vec<Line> {
    lines
        .iter()
        .map(|line| match &line.kind {
            LineKind::Gate(gate) => {
                let (tone, word) = match gate.verdict {
                    Verdict::Pass => (Tone::Good, "pass"),
                    Verdict::Waived => (Tone::Good, "waived"),
                    Verdict::Fail if gate.only_wants_time() => (Tone::Plain, "wait"),
                    Verdict::Fail => (Tone::Warning, "FAIL"),
                    Verdict::Unknown => (Tone::Warning, "UNKNOWN"),
                };
                let text = format!("  {word}  {} ({}): {}", gate.title, gate.id, gate.sentence);
                Line::new(tone, text)
            }
            LineKind::Item {
                spec,
                status,
                state,
            } => {
                let word = match status {
                    ItemStatus::Open => "open",
                    ItemStatus::Running => "running",
                    ItemStatus::Done => "done",
                    ItemStatus::Failed => "FAILED",
                    ItemStatus::Waived => "waived",
                    ItemStatus::Unknown => "UNKNOWN",
                };
                let by = state
                    .as_ref()
                    .map_or_else(String::new, |state| format!(", {}", state.by));
                let tone = if *status == ItemStatus::Failed {
                    Tone::Bad
                } else {
                    Tone::Plain
                };
                Line::new(tone, format!("  {word}  {} ({}){by}", spec.title, spec.id))
            }
        })
        .collect()
}

fn plan(cockpit: &Cockpit) -> Vec<Line> {
    let Some(shown) = show::plan(cockpit) else {
        return vec![plain(
            "nothing is requested here, and no release is picked: plan ENV PROJECT RELEASE",
        )];
    };
    let go = if shown.judgement.go { "GO" } else { "NO-GO" };
    let state = shown
        .deployment
        .as_ref()
        .map_or("not requested", |deployment| deployment.state.word());
    let digest = shown.plan.digest.short();
    let mut lines = vec![plain(format!("{go}, {state}, plan {digest}"))];
    lines.extend(
        shown
            .changes
            .iter()
            .map(|change| plain(format!("  {change}"))),
    );
    if shown.resolving {
        lines.push(plain(
            "  the registry is being asked for the digest of the image",
        ));
    }
    lines.extend(
        shown
            .trouble
            .iter()
            .map(|trouble| Line::new(Tone::Bad, trouble.clone())),
    );
    lines.extend(list(&shown.lines));
    lines
}

fn flight(cockpit: &Cockpit) -> Vec<Line> {
    let Some(shown) = show::flight(cockpit) else {
        return vec![plain("nothing is under way here")];
    };
    let deployment = &shown.deployment;
    let title =
        crate::domain::entry::from_to(deployment.plan.before.as_ref(), &deployment.plan.release);
    let mut lines = vec![plain(format!("{title}, {}", deployment.state.word()))];
    let stages: Vec<String> = shown
        .stages
        .iter()
        .map(|stage| {
            let word = match stage.place {
                show::StagePlace::Done => "done",
                show::StagePlace::Current => "here",
                show::StagePlace::Next => "to come",
            };
            format!("{} {word}", stage.label)
        })
        .collect();
    lines.push(plain(format!("stages: {}", stages.join(", "))));
    if let Some(waiting) = cockpit
        .facts()
        .and_then(|facts| show::waiting_in_commands(&facts))
    {
        lines.push(plain(format!(
            "next: {}: {}",
            waiting.who(),
            waiting.sentence
        )));
    }
    lines.extend(
        shown
            .card
            .iter()
            .map(|path| plain(format!("dead-man card: {path}"))),
    );
    if let Some(facts) = cockpit.facts()
        && let Some(who) = show::controls(cockpit, &facts)
    {
        let watching = match who.watching {
            0 => String::new(),
            n => format!(", {n} watching"),
        };
        lines.push(plain(format!("{}{watching}", who.holder)));
        lines.extend(who.unguarded.map(|words| {
            Line::new(
                Tone::Warning,
                format!("{words}: nobody attends who may stop it"),
            )
        }));
    }
    if let Some(by) = &shown.held {
        lines.push(Line::new(Tone::Warning, format!("held by {by}")));
    }
    if let Some(observed) = &shown.observed {
        let age = shown.age.as_deref().unwrap_or("?");
        let stale = if shown.stale { "STALE, " } else { "" };
        let pods = super::pods(observed);
        let tone = if shown.stale {
            Tone::Warning
        } else {
            Tone::Plain
        };
        lines.push(Line::new(tone, format!("pods ({stale}{age} ago): {pods}")));
    }
    if let Some(health) = &shown.health {
        lines.push(plain(format!("health: {}", health.sentence)));
    }
    lines.extend(
        shown
            .metrics
            .iter()
            .map(|metric| plain(format!("metric: {}", metric.sentence))),
    );
    lines.extend(list(&shown.lines));
    lines
}

fn timeline(cockpit: &Cockpit) -> Vec<Line> {
    let all = show::timeline(cockpit);
    let from = all.len().saturating_sub(NEWEST);
    all.iter()
        .skip(from)
        .map(|line| {
            let tone = if line.bad { Tone::Bad } else { Tone::Plain };
            Line::new(tone, format!("{}  {}", line.clock, line.sentence))
        })
        .collect()
}

fn poll(cockpit: &Cockpit) -> Vec<Line> {
    let Some(shown) = show::poll(cockpit) else {
        return vec![plain("nothing is requested here, so nobody is asked")];
    };
    let mut lines = vec![plain(shown.change), plain(shown.request)];
    let Some(poll) = shown.poll else {
        lines.push(plain("nobody's approval is asked for here"));
        return lines;
    };
    lines.extend(poll.voices.iter().map(|voice| {
        let text = format!("  {}", voice.line(&poll, cockpit.now));
        let tone = match voice.answer {
            Some(Answer::Go) if voice.counts_for.is_some() => Tone::Good,
            Some(Answer::NoGo | Answer::Hold) => Tone::Bad,
            Some(Answer::Go) => Tone::Warning,
            None => Tone::Plain,
        };
        Line::new(tone, text)
    }));
    let tone = if poll.call == Call::Go {
        Tone::Good
    } else {
        Tone::Warning
    };
    let text = format!("{}: {}", poll.call.word(), poll.sentence);
    lines.push(Line::new(tone, text));
    lines.push(plain(format!("next: {}", shown.next)));
    lines
}

fn inbox(cockpit: &Cockpit) -> Vec<Line> {
    let errands = show::inbox(cockpit);
    if errands.is_empty() {
        return vec![plain("nothing waits for you")];
    }
    let one = |errand: &Errand| {
        let since = time::age(cockpit.now.duration_since(errand.since));
        plain(format!(
            "{}  {}: {} ({since})",
            errand.kind.word(),
            place(cockpit, &errand.target),
            errand.sentence
        ))
    };
    errands.iter().map(one).collect()
}

/// The newest deployments, then the scorecard.
fn history(cockpit: &Cockpit) -> Vec<Line> {
    let records = show::history(cockpit);
    let more = records.len().saturating_sub(NEWEST);
    let mut lines: Vec<Line> = records
        .iter()
        .take(NEWEST)
        .map(|record| {
            let row = Row::of(record, cockpit.now);
            let tone = if row.bad { Tone::Bad } else { Tone::Plain };
            Line::new(tone, row.sentence())
        })
        .collect();
    if more > 0 {
        lines.push(plain(format!("and {more} older ones")));
    }
    let (environments, card) = show::scorecard(cockpit);
    lines.push(plain(format!("scorecard of {environments}:")));
    lines.extend(card.measures.iter().map(|measure| {
        let tone = match measure.verdict {
            scorecard::Verdict::Missed => Tone::Bad,
            scorecard::Verdict::Met => Tone::Good,
            _ => Tone::Plain,
        };
        Line::new(tone, format!("  {}: {}", measure.title, measure.sentence))
    }));
    lines
}

/// Everything that can be typed, from the one table of actions.
pub fn help() -> Vec<Line> {
    let mut lines = vec![plain(
        "One command a line; without ENV and PROJECT the last target named is meant.",
    )];
    for group in [Group::Screens, Group::Plan, Group::Flight] {
        lines.push(plain(format!("{}:", group.title())));
        for action in Action::ALL.iter().filter(|action| action.group() == group) {
            let words = typed(*action);
            if !words.is_empty() {
                lines.push(plain(format!("  {}  {}", words.join(" | "), action.doc())));
            }
        }
    }
    lines.push(plain("Here:"));
    lines.push(plain("  help | ?  This list."));
    lines.push(plain(
        "  esc | no  Leave a question without doing anything.",
    ));
    lines.push(plain("  quit  End; so does the end of the input."));
    lines
}

/// How an action is typed, with what it takes.
fn typed(action: Action) -> Vec<String> {
    if action == Action::SwitchOperator {
        return vec!["as NAME".to_owned()];
    }
    let single = |verb: &&&str| {
        !verb.contains(' ')
            || ["promote --full", "poll --hold"].contains(*verb)
            || verb.starts_with("controls ")
    };
    let mut verbs: Vec<&str> = action.verbs().iter().filter(single).copied().collect();
    if action == Action::ShowReleases {
        // Its verbs want more than the palette takes.
        verbs.clear();
    }
    if verbs.is_empty() && action.risk() == Risk::None {
        verbs.push(action.label());
    }
    let mut takes = String::from(" [ENV PROJECT]");
    if matches!(action, Action::ShowFleet | Action::ShowInbox) {
        takes.clear();
    }
    if palette::takes_item(action) {
        takes.push_str(if action == Action::Check {
            " [ITEM]"
        } else {
            " ITEM"
        });
    }
    takes.push_str(match action {
        Action::Request => " RELEASE",
        Action::ShowPlan | Action::Rollback => " [RELEASE]",
        Action::Promote => " [--step N]",
        Action::TakeControls => " [--take-over]",
        Action::HandControls => " NAME",
        Action::Note => " TEXT",
        _ => "",
    });
    if matches!(
        action,
        Action::Request
            | Action::Approve
            | Action::Reject
            | Action::SayHold
            | Action::Waive
            | Action::Rollback
            | Action::Adopt
            | Action::Restore
    ) {
        takes.push_str(" --reason R");
    }
    verbs.iter().map(|verb| format!("{verb}{takes}")).collect()
}

fn hotfix(cockpit: &Cockpit) -> Vec<Line> {
    let Some(board) = show::hotfix_board(cockpit) else {
        return vec![plain("this project has no target in any environment")];
    };
    let unsigned = board.unsigned.iter();
    let mut lines: Vec<Line> = unsigned
        .map(|glass| Line::new(Tone::Bad, glass.clone()))
        .collect();
    let facts = cockpit.known.facts(&board.home, cockpit.now);
    match (&board.shown, facts) {
        (Some(shown), Some(facts)) => {
            let told = show::hotfix_lines(shown.hotfix, &facts, &shown.proofs);
            lines.extend(told.into_iter().map(plain));
            lines.extend(shown.terms.iter().map(|term| plain(format!("term {term}"))));
            if board.open > 1 {
                lines.push(plain(format!("{} are open in all", board.open)));
            }
        }
        _ => lines.push(plain(format!(
            "no hotfix of {} is open; hotfix start opens one",
            board.home.project.name()
        ))),
    }
    lines
}

/// The question that is open: what will be done, what is true afterwards, and what answers it.
pub fn asked(cockpit: &Cockpit) -> Vec<Line> {
    let Some(question) = question(cockpit) else {
        return Vec::new();
    };
    let ask = |text: String| Line::new(Tone::Question, text);
    let mut lines = Vec::new();
    if let Some(Overlay::Dialog(dialog)) = &cockpit.view.overlay {
        let act = &dialog.challenge.act;
        let protected = cockpit
            .workspace()
            .environment(&act.target.environment)
            .is_some_and(|environment| environment.protected);
        let badge = if protected { " (protected)" } else { "" };
        lines.push(ask(format!(
            "QUESTION  {}{badge}, {}",
            question.what,
            act.target.project.name()
        )));
        lines.extend(
            act.changes
                .iter()
                .map(|change| ask(format!("  does        {}", change.line()))),
        );
        lines.extend(
            act.afterwards
                .iter()
                .map(|after| ask(format!("  afterwards  {after}"))),
        );
        lines.extend(
            act.reason
                .iter()
                .map(|reason| ask(format!("  because     {reason}"))),
        );
        if let Some(image) = &act.release.image {
            lines.push(ask(format!("  image       {}", short_image(image))));
        }
    } else {
        lines.push(ask(format!("QUESTION  {}", question.what)));
    }
    lines.push(ask(format!("  {}", question.wants)));
    lines
}

/// The first lines: where this is, who acts, what was last known, and how to go on.
pub fn welcome(cockpit: &Cockpit) -> Vec<Line> {
    let mut lines = Vec::new();
    if let Some(rehearsal) = &cockpit.workspace().rehearsal {
        let text = format!(
            "REHEARSAL: the practice cluster, scenario {}: nothing here is real",
            rehearsal.scenario
        );
        lines.push(Line::new(Tone::Warning, text));
    }
    lines.push(plain(format!(
        "gonogo, {}, as {}. help lists what can be typed.",
        cockpit.workspace().name,
        cockpit.me.name
    )));
    if let Some(seen) = &cockpit.last_seen {
        let age = time::age(cockpit.now.duration_since(seen.at));
        lines.push(Line::new(
            Tone::Warning,
            format!("nothing was read yet; as last seen {age} ago:"),
        ));
        lines.extend(fleet(cockpit));
    }
    lines
}

/// On the way out: what goes on without anybody watching from here.
pub fn farewell(cockpit: &Cockpit) -> Vec<Line> {
    let mut lines = Vec::new();
    if let Some(question) = question(cockpit) {
        lines.push(Line::new(
            Tone::Warning,
            format!("{}: not confirmed, nothing was done", question.what),
        ));
    }
    for target in &cockpit.workspace().targets {
        let current = cockpit
            .known
            .targets
            .get(&target.id)
            .and_then(|known| known.stands().current.as_ref());
        if let Some(current) = current.filter(|current| current.state.is_airborne()) {
            lines.push(Line::new(
                Tone::Warning,
                format!(
                    "{}: {} is {}; from here nobody attends it any more",
                    place(cockpit, &target.id),
                    current.plan.release.title(),
                    current.state.word()
                ),
            ));
        }
    }
    lines
}
