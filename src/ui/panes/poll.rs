//! The go/no-go poll, readable from across a room: the call in large letters, one block for each voice, and whose turn it
//! is.

use ratatui::layout::Rect;

use crate::domain::entry::Answer;
use crate::domain::time;
use crate::policy::poll::{Call, Poll, Voice};
use crate::session::cockpit::Cockpit;
use crate::session::pointer::Spot;
use crate::session::show::{self, PollShown};
use crate::ui::canvas::{Canvas, Line, Part, window, wrapped};
use crate::ui::layout::{cut_left, cut_top};
use crate::ui::text;
use crate::ui::theme::Role;
use crate::ui::widgets::letters;

use super::empty;

/// Columns of the block with the answer.
const BLOCK: u16 = 11;
/// Columns of the cursor's mark.
const MARGIN: u16 = 2;

pub fn draw(canvas: &mut Canvas, cockpit: &Cockpit, area: Rect) {
    let Some(shown) = show::poll(cockpit) else {
        let inner = canvas.pane(area, "Poll", &[], true);
        empty(
            canvas,
            inner,
            "Nothing is requested here, so nobody is asked.",
            Role::TextStrong,
            &[
                "A request opens its poll: 2 lists the releases, r requests one, for the environment in the header.",
            ],
        );
        return;
    };
    let Some(poll) = &shown.poll else {
        let inner = canvas.pane(area, "Poll", &[], true);
        let says = format!("{}: nobody's approval is asked for here.", shown.change);
        empty(canvas, inner, &says, Role::TextStrong, &[&shown.next]);
        return;
    };
    let large = area.width >= 100 && area.height >= 24;
    let (top, rest) = cut_top(area, if large { 7 } else { 3 });
    if large {
        headline(canvas, &shown, poll, top);
    } else {
        verdict(canvas, &shown, poll, top);
    }
    canvas.guarded(rest, "Who answers", |canvas| {
        voices(canvas, cockpit, poll, rest);
    });
}

fn role(call: Call) -> (&'static str, Role) {
    match call {
        Call::Go => ("✔", Role::GatePass),
        Call::NoGo => ("✖", Role::GateFail),
        Call::Void => ("✖", Role::Warning),
        Call::Hold => ("!", Role::Warning),
        Call::Waiting => ("○", Role::TextStrong),
        Call::Unknown => ("?", Role::GateUnknown),
    }
}

fn inside(area: Rect) -> Rect {
    Rect {
        x: area.x + 1,
        width: area.width.saturating_sub(2),
        ..area
    }
}

/// Five rows of letters, and beside them what they are about.
fn headline(canvas: &mut Canvas, shown: &PollShown, poll: &Poll, area: Rect) {
    let area = inside(area);
    let (_, ink) = role(poll.call);
    let rows = letters::rows(poll.call.large());
    let wide = rows.as_ref().map_or(0, |rows| text::width(&rows[0]));
    for (row, pixels) in (1u16..).zip(rows.iter().flatten()) {
        canvas.put(area, 1, row, pixels, ink);
    }
    let (_, beside) = cut_left(area, wide + 5);
    let mut lines: Vec<Line> = vec![vec![
        canvas.piece(shown.change.as_str(), Role::TextStrong),
        canvas.piece(format!("   plan {}", poll.plan.short()), Role::TextDim),
    ]];
    lines.push(vec![
        canvas.piece(text::fit(&shown.request, beside.width), Role::TextDim),
    ]);
    lines.push(counts(canvas, poll, true));
    let (glyph, ink) = role(poll.call);
    for (index, words) in wrapped(&poll.sentence, beside.width.saturating_sub(2), 2)
        .into_iter()
        .enumerate()
    {
        let lead = if index == 0 { glyph } else { " " };
        lines.push(vec![canvas.piece(format!("{lead} {words}"), ink)]);
    }
    lines.push(next(canvas, shown));
    let (_, beside) = cut_top(beside, 1);
    canvas.lines(beside, &lines);
}

/// The same in three lines.
fn verdict(canvas: &mut Canvas, shown: &PollShown, poll: &Poll, area: Rect) {
    let area = inside(area);
    let (glyph, ink) = role(poll.call);
    let badge = canvas.block(format!(" {glyph} {} ", poll.call.word()), ink);
    let left = vec![
        Part {
            pieces: vec![badge],
            rank: 0,
        },
        Part {
            pieces: vec![canvas.piece(shown.change.as_str(), Role::TextStrong)],
            rank: 1,
        },
    ];
    let right = vec![Part {
        pieces: counts(canvas, poll, false),
        rank: 2,
    }];
    canvas.spread(area, 0, left, right);
    canvas.put(area, 0, 1, &text::fit(&poll.sentence, area.width), ink);
    let next = next(canvas, shown);
    canvas.line(area, 0, 2, &next);
}

fn next(canvas: &Canvas, shown: &PollShown) -> Line {
    vec![
        canvas.piece("next  ", Role::TextDim),
        canvas.piece(shown.next.as_str(), Role::TextStrong),
    ]
}

/// `approve ■■□ 2 of 3`
fn counts(canvas: &Canvas, poll: &Poll, holders: bool) -> Line {
    let mut line = Line::new();
    for seats in &poll.seats {
        if !line.is_empty() {
            line.push(canvas.piece("   ", Role::Text));
        }
        let ink = if seats.are_taken() {
            Role::GatePass
        } else {
            Role::Text
        };
        let quorum = seats.quorum as usize;
        let taken = seats.taken.len().min(quorum);
        line.push(canvas.piece(format!("{} ", seats.role), Role::TextDim));
        if quorum <= 8 {
            let boxes = format!("{}{} ", "■".repeat(taken), "□".repeat(quorum - taken));
            line.push(canvas.piece(boxes, ink));
        }
        line.push(canvas.piece(format!("{taken} of {quorum}"), ink));
        if holders {
            line.push(canvas.piece(format!(" ({} hold it)", seats.holders), Role::TextDim));
        }
    }
    line
}

fn voices(canvas: &mut Canvas, cockpit: &Cockpit, poll: &Poll, area: Rect) {
    let inner = canvas.pane(area, "Who answers", &[], true);
    if poll.voices.is_empty() {
        empty(
            canvas,
            inner,
            "Nobody holds a role that is asked here.",
            Role::Warning,
            &["Give it to people in gonogo.toml: [[person]] roles."],
        );
        return;
    }
    let room = usize::from(inner.height);
    let count = poll.voices.len();
    // The taller the better seen; a blank line sets them apart where there is one.
    let (height, gap) = match room / count.max(1) {
        0 | 1 => (1, 0),
        2 => (2, 0),
        3 => (2, 1),
        _ => (3, 1),
    };
    let heights = vec![height + gap; count];
    let selected = cockpit.view.poll_line.min(count - 1);
    let seen = window(&heights, selected, room.max(height));
    if seen.len() < count {
        let position = format!("{}–{} of {count}", seen.start + 1, seen.end);
        canvas.footnote(area, &position);
    }
    for (place, index) in seen.enumerate() {
        let Some(voice) = poll.voices.get(index) else {
            continue;
        };
        let top = u16::try_from(place * (height + gap)).unwrap_or(u16::MAX);
        let line = Rect {
            y: inner.y.saturating_add(top),
            height: u16::try_from(height).unwrap_or(1),
            ..inner
        }
        .intersection(inner);
        if line.is_empty() {
            break;
        }
        canvas.spot(line, Spot::Line(index));
        one(canvas, cockpit, poll, voice, line, index == selected);
    }
}

/// The answer as a block, who gave it, and why.
fn one(
    canvas: &mut Canvas,
    cockpit: &Cockpit,
    poll: &Poll,
    voice: &Voice,
    area: Rect,
    selected: bool,
) {
    let (word, ink) = answer(poll, voice);
    let middle = area.height / 2;
    for row in 0..area.height {
        let words = if row == middle { word } else { "" };
        let room = usize::from(BLOCK);
        let words = format!("{words:^room$}");
        let block = if ink == Role::TextDim {
            canvas.piece(words, ink)
        } else {
            canvas.block(words, ink)
        };
        canvas.line(area, MARGIN, row, &[block]);
    }
    if selected {
        canvas.put(area, 0, middle, "▸", Role::TextStrong);
    }
    let (_, beside) = cut_left(area, MARGIN + BLOCK + 2);
    let name_room = if area.width >= 100 { 18 } else { 12 };
    let mut head: Line = vec![
        canvas.piece(text::pad(&voice.name, name_room), Role::TextStrong),
        canvas.piece(" ", Role::Text),
        canvas.piece(text::pad(&voice.roles.join("+"), name_room), Role::Text),
    ];
    let mut facts: Vec<String> = Vec::new();
    if voice.name == cockpit.me.name {
        facts.push("you".to_owned());
    }
    if voice.veto {
        facts.push("veto".to_owned());
    }
    facts.extend(
        voice
            .at
            .map(|at| format!("{} ago", time::age(cockpit.now.duration_since(at)))),
    );
    if voice.counts_for.is_some() {
        facts.extend(voice.expires_at.map(|until| {
            let left = time::age(until.duration_since(cockpit.now));
            format!("good for {left}")
        }));
    }
    facts.extend(voice.identity());
    let (why, ink) = why(voice);
    if area.height == 1 {
        // All in one line: what people said before how we know.
        let mut words: Vec<String> = why.into_iter().collect();
        words.append(&mut facts);
        head.push(canvas.piece(format!(" {}", words.join(" · ")), ink));
        canvas.line(beside, 0, 0, &head);
        return;
    }
    head.push(canvas.piece(format!(" {}", facts.join(" · ")), Role::TextDim));
    canvas.line(beside, 0, 0, &head);
    let (_, below) = cut_top(beside, 1);
    let most = usize::from(below.height).max(1);
    let lines: Vec<Line> = wrapped(&why.unwrap_or_default(), beside.width, most)
        .into_iter()
        .map(|words| vec![canvas.piece(words, ink)])
        .collect();
    canvas.lines(below, &lines);
}

/// In one word, and how it looks.
fn answer(poll: &Poll, voice: &Voice) -> (&'static str, Role) {
    match voice.answer {
        Some(Answer::NoGo) => ("✖ NO-GO", Role::GateFail),
        Some(Answer::Hold) => ("! HOLD", Role::Warning),
        Some(Answer::Go) if !poll.void.is_empty() => ("VOID", Role::Warning),
        // Said, and not counted: outlined, not filled.
        Some(Answer::Go) if voice.note.is_some() => ("(GO)", Role::TextDim),
        Some(Answer::Go) => ("✔ GO", Role::GatePass),
        None if voice.awaited => ("· · ·", Role::TextStrong),
        None => ("—", Role::TextDim),
    }
}

/// What was said; before it, why it does not count.
fn why(voice: &Voice) -> (Option<String>, Role) {
    match (&voice.note, &voice.reason) {
        (Some(note), Some(reason)) => (Some(format!("{note}: {reason}")), Role::Warning),
        (Some(note), None) => (Some(note.clone()), Role::TextDim),
        (None, Some(reason)) => (Some(reason.clone()), Role::Text),
        (None, None) if voice.awaited => (Some("awaited".to_owned()), Role::Text),
        (None, None) => (None, Role::TextDim),
    }
}
