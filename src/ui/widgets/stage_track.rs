//! The flight in one line: what is behind, where it stands, who moves next, what is to come.
//!
//! Narrow screens lose the future first, then the past, then the length of the bars; the stage that is being
//! flown and who moves next stay to the last.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::gauge::bar;
use crate::ui::text::{self, Piece};
use crate::ui::theme::{Role, Theme};

/// How the current stage is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Moving,
    /// Held or paused: nothing goes on by itself.
    Held,
    /// Aborted or failed.
    Stopped,
}

/// Where one stage stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Standing<'a> {
    Done,
    Current {
        /// 0 to 1.
        progress: f64,
        mood: Mood,
        /// How far it is, in words: `bake 3:12 of 5:00`.
        note: &'a str,
        /// Who moves next: `then you`, `then gonogo`, `the controller in 1:48`.
        next: &'a str,
    },
    Next,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stage<'a> {
    /// `10 %`, `verify`, `monitor`.
    pub label: &'a str,
    pub standing: Standing<'a>,
}

/// All stages of a flight, in order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StageTrack<'a> {
    pub stages: &'a [Stage<'a>],
}

/// A part of the line: words, or a bar that takes what is left.
enum Part {
    Words(String, Role),
    Bar { share: f64, done: Role },
}

/// How much is left out.
#[derive(Clone, Copy)]
struct Detail {
    past: Span,
    future: Span,
    note: bool,
    bar: u16,
}

#[derive(Clone, Copy)]
enum Span {
    Full,
    Counted,
    Hidden,
}

/// From everything to nearly nothing; the first that fits is drawn.
const DETAILS: [Detail; 9] = [
    Detail::new(Span::Full, Span::Full, NOTED, 4),
    Detail::new(Span::Full, Span::Full, NOTED, 2),
    Detail::new(Span::Full, Span::Counted, NOTED, 2),
    Detail::new(Span::Counted, Span::Counted, NOTED, 2),
    Detail::new(Span::Hidden, Span::Counted, NOTED, 2),
    Detail::new(Span::Hidden, Span::Hidden, NOTED, 0),
    Detail::new(Span::Hidden, Span::Counted, BARE, 2),
    Detail::new(Span::Hidden, Span::Hidden, BARE, 2),
    Detail::new(Span::Hidden, Span::Hidden, BARE, 0),
];

const NOTED: bool = true;
const BARE: bool = false;

impl Detail {
    const fn new(past: Span, future: Span, note: bool, bar: u16) -> Self {
        Self {
            past,
            future,
            note,
            bar,
        }
    }
}

/// Bars longer than this say no more.
const LONGEST_BAR: u16 = 16;

impl StageTrack<'_> {
    /// Draws into the first row of `area`, one column in from its edge.
    pub fn render(&self, area: Rect, buf: &mut Buffer, theme: &Theme) {
        let room = area.width.saturating_sub(1);
        let drafts = DETAILS
            .iter()
            .map(|detail| (self.parts(*detail), detail.bar));
        let (mut last, mut chosen) = (Vec::new(), None);
        for (parts, shortest) in drafts {
            let bars = u16::try_from(
                parts
                    .iter()
                    .filter(|part| matches!(part, Part::Bar { .. }))
                    .count(),
            )
            .unwrap_or(u16::MAX);
            let words = words_width(&parts);
            if words.saturating_add(bars.saturating_mul(shortest)) <= room {
                chosen = Some((
                    parts,
                    (room - words)
                        .checked_div(bars)
                        .unwrap_or(0)
                        .min(LONGEST_BAR),
                ));
                break;
            }
            last = parts;
        }
        let (parts, length) = chosen.unwrap_or((last, 0));
        text::put_pieces(buf, area, 1, 0, &pieces(&parts, length, theme));
    }

    fn parts(&self, detail: Detail) -> Vec<Part> {
        let current = self
            .stages
            .iter()
            .position(|stage| matches!(stage.standing, Standing::Current { .. }));
        // Before take-off everything is to come; after the last stage everything is behind.
        let done = |stage: &Stage| matches!(stage.standing, Standing::Done);
        let at =
            current.unwrap_or_else(|| self.stages.iter().take_while(|stage| done(stage)).count());
        let (past, rest) = self.stages.split_at(at);
        let (here, future) = rest.split_at(usize::from(current.is_some()));
        // With nothing under way, a line without past and future would be empty.
        let past_span = if here.is_empty() && future.is_empty() {
            shown(detail.past)
        } else {
            detail.past
        };
        let future_span = if here.is_empty() {
            shown(detail.future)
        } else {
            detail.future
        };

        let mut parts = Vec::new();
        stages(past, past_span, "✔", Role::TrackDone, &mut parts);
        for stage in here {
            if !parts.is_empty() {
                parts.push(Part::Bar {
                    share: 1.0,
                    done: Role::TrackDone,
                });
            }
            current_stage(stage, detail, &mut parts);
        }
        if !parts.is_empty() && !future.is_empty() && !matches!(future_span, Span::Hidden) {
            parts.push(Part::Bar {
                share: 0.0,
                done: Role::TrackDone,
            });
        }
        stages(future, future_span, "○", Role::TrackNext, &mut parts);
        parts
    }
}

fn shown(span: Span) -> Span {
    if matches!(span, Span::Hidden) {
        Span::Counted
    } else {
        span
    }
}

fn stages(stages: &[Stage], span: Span, mark: &str, role: Role, parts: &mut Vec<Part>) {
    match span {
        Span::Full => {
            for (index, stage) in stages.iter().enumerate() {
                if index > 0 {
                    let share = if role == Role::TrackDone { 1.0 } else { 0.0 };
                    parts.push(Part::Bar { share, done: role });
                }
                parts.push(Part::Words(format!("{mark} {}", stage.label), role));
            }
        }
        Span::Counted if !stages.is_empty() => {
            let word = if role == Role::TrackDone {
                "done"
            } else {
                "more"
            };
            parts.push(Part::Words(format!("{mark} {} {word}", stages.len()), role));
        }
        Span::Counted | Span::Hidden => {}
    }
}

fn current_stage(stage: &Stage, detail: Detail, parts: &mut Vec<Part>) {
    let Standing::Current {
        progress,
        mood,
        note,
        next,
    } = stage.standing
    else {
        return;
    };
    let (mark, role) = match mood {
        Mood::Moving => ("▶", Role::TrackCurrent),
        Mood::Held => ("‖", Role::Paused),
        Mood::Stopped => ("✖", Role::Degraded),
    };
    parts.push(Part::Words(format!("{mark} {}", stage.label), role));
    if detail.bar > 0 {
        parts.push(Part::Bar {
            share: progress,
            done: role,
        });
    }
    let words: Vec<&str> = [note, next]
        .into_iter()
        .skip(usize::from(!detail.note))
        .filter(|words| !words.is_empty())
        .collect();
    if !words.is_empty() {
        parts.push(Part::Words(words.join(", "), Role::TextStrong));
    }
}

fn words_width(parts: &[Part]) -> u16 {
    let gaps = u16::try_from(parts.len().saturating_sub(1)).unwrap_or(u16::MAX);
    parts.iter().fold(gaps, |sum, part| match part {
        Part::Words(words, _) => sum.saturating_add(text::width(words)),
        Part::Bar { .. } => sum,
    })
}

fn pieces(parts: &[Part], length: u16, theme: &Theme) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for part in parts {
        let (before, gap) = (pieces.len(), Piece::new(" ", theme.style(Role::Text)));
        match part {
            Part::Words(words, role) => pieces.push(Piece::new(words.as_str(), theme.style(*role))),
            Part::Bar { .. } if length == 0 => {}
            Part::Bar { share, done } => {
                let (full, open) = bar(*share, length);
                pieces.push(Piece::new(full, theme.style(*done)));
                pieces.push(Piece::new(open, theme.style(Role::TrackNext)));
            }
        }
        if before > 0 && pieces.len() > before {
            pieces.insert(before, gap);
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::widgets::tests::{drawn, survives_every_size};

    const DONE: Stage = Stage {
        label: "10 %",
        standing: Standing::Done,
    };
    const BAKING: Stage = Stage {
        label: "50 %",
        standing: Standing::Current {
            progress: 0.64,
            mood: Mood::Moving,
            note: "bake 3:12 of 5:00",
            next: "then you",
        },
    };
    const NEXT: [Stage; 3] = [
        Stage {
            label: "100 %",
            standing: Standing::Next,
        },
        Stage {
            label: "verify",
            standing: Standing::Next,
        },
        Stage {
            label: "monitor",
            standing: Standing::Next,
        },
    ];

    fn draw(stages: &[Stage], width: u16) -> String {
        let track = StageTrack { stages };
        survives_every_size(|area, buf| track.render(area, buf, &Theme::probe()));
        drawn(width, 1, |area, buf| {
            track.render(area, buf, &Theme::probe());
        })
        .concat()
    }

    #[test]
    fn a_wide_screen_shows_the_whole_flight() {
        let stages = [DONE, BAKING, NEXT[0], NEXT[1], NEXT[2]];
        assert_eq!(
            draw(&stages, 120),
            " ✔ 10 % ━━━━━━━━━ ▶ 50 % ━━━━━╌╌╌╌ bake 3:12 of 5:00, then you ╌╌╌╌╌╌╌╌╌ ○ 100 % ╌╌╌╌╌╌╌╌╌ ○ verify ╌╌╌╌╌╌╌╌╌ ○ monitor"
        );
        assert_eq!(
            draw(&stages, 90),
            " ✔ 10 % ━━━ ▶ 50 % ━╌╌ bake 3:12 of 5:00, then you ╌╌╌ ○ 100 % ╌╌╌ ○ verify ╌╌╌ ○ monitor"
        );
    }

    #[test]
    fn a_narrow_one_keeps_the_stage_and_who_moves_next() {
        let stages = [DONE, BAKING, NEXT[0], NEXT[1], NEXT[2]];
        assert_eq!(
            draw(&stages, 80),
            " ✔ 10 % ━━━━━━━━ ▶ 50 % ━━━━━╌╌╌ bake 3:12 of 5:00, then you ╌╌╌╌╌╌╌╌ ○ 3 more"
        );
        assert_eq!(
            draw(&stages, 60),
            " ✔ 10 % ━━ ▶ 50 % ━╌ bake 3:12 of 5:00, then you ╌╌ ○ 3 more"
        );
        assert_eq!(draw(&stages, 40), " ▶ 50 % bake 3:12 of 5:00, then you");
        assert_eq!(draw(&stages, 30), " ▶ 50 % ━━━━━━━━╌╌╌╌╌ then you");
        assert_eq!(draw(&stages, 18), " ▶ 50 % then you");
        assert_eq!(draw(&stages, 12), " ▶ 50 % the…");
    }

    #[test]
    fn held_and_stopped_have_marks_of_their_own() {
        let stage = |mood, next| Stage {
            label: "50 %",
            standing: Standing::Current {
                progress: 0.2,
                mood,
                note: "",
                next,
            },
        };
        assert_eq!(
            draw(&[stage(Mood::Held, "held by dana")], 30),
            " ‖ 50 % ━╌╌╌╌╌╌╌╌ held by dana"
        );
        assert_eq!(
            draw(&[stage(Mood::Stopped, "aborted")], 30),
            " ✖ 50 % ━━╌╌╌╌╌╌╌╌╌╌╌╌ aborted"
        );
    }

    #[test]
    fn before_take_off_and_after_landing_there_is_no_current_stage() {
        assert_eq!(
            draw(&[NEXT[0], NEXT[1]], 40),
            " ○ 100 % ╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌ ○ verify"
        );
        assert_eq!(draw(&[DONE, DONE], 12), " ✔ 2 done");
        assert_eq!(draw(&[], 40), "");
    }
}
