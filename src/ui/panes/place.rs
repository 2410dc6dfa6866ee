//! What there is to know of the environment under the cursor: what stands in the way there, what it is for, and whom to
//! ask.

use crate::policy::facts::Facts;
use crate::session::show;
use crate::ui::canvas::{Canvas, Line, wrapped};
use crate::ui::theme::Role;

/// As wide as the labels of the pane that these lines stand in.
const LABEL: usize = 10;

/// Locks and closed windows first; then purpose, data, contacts and dashboards, as far as they are configured.
pub fn lines(canvas: &Canvas, facts: &Facts<'_>, width: u16) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut say = |label: &str, words: &str, role: Role| {
        let room = width.saturating_sub(u16::try_from(LABEL).unwrap_or(0));
        for (row, words) in wrapped(words, room, 2).into_iter().enumerate() {
            let label = if row == 0 { label } else { "" };
            lines.push(vec![
                canvas.piece(format!("{label:<LABEL$}"), role),
                canvas.piece(words, Role::Text),
            ]);
        }
    };
    for note in show::place_notes(facts) {
        say("!", &note, Role::Warning);
    }
    let environment = facts.environment;
    for (label, words) in [
        ("purpose", &environment.purpose),
        ("data", &environment.data),
    ] {
        if !words.is_empty() {
            say(label, words, Role::TextDim);
        }
    }
    for contact in &environment.contacts {
        let words = format!("{}: {}", contact.name, contact.reach);
        say("ask", &words, Role::TextDim);
    }
    for dashboard in &environment.dashboards {
        let words = format!("{}: {}", dashboard.title, dashboard.url);
        say("look at", &words, Role::TextDim);
    }
    lines
}
