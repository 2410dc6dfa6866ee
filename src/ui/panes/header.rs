//! Where you are and what is at stake: the first lines of every screen.

use ratatui::layout::Rect;

use crate::domain::environment::Environment;
use crate::domain::standing::Standing;
use crate::domain::workspace::IdentityMeans;
use crate::input::{Action, Context};
use crate::session::cockpit::Cockpit;
use crate::session::pointer::Spot;
use crate::session::show;
use crate::session::view::Screen;
use crate::ui::canvas::{Canvas, Part};
use crate::ui::text::{self, Piece};
use crate::ui::theme::Role;

/// A row across the screen; on small screens a word in the header does.
pub fn banner(canvas: &mut Canvas, cockpit: &Cockpit, area: Rect) {
    let Some(rehearsal) = &cockpit.workspace().rehearsal else {
        return;
    };
    if area.is_empty() {
        return;
    }
    canvas.ground(area, Role::Rehearsal);
    let speed = if rehearsal.speed > 1.0 {
        format!(", durations ÷ {}", rehearsal.speed)
    } else {
        String::new()
    };
    let words = format!(
        "REHEARSAL   the practice cluster, scenario {}{speed}: nothing here is real",
        rehearsal.scenario
    );
    canvas.put(area, 1, 0, &words, Role::Rehearsal);
}

/// The environment as a badge: protected ones in capitals on a ground of their own.
pub fn environment(canvas: &Canvas, environment: &Environment) -> Piece {
    let name = environment.name.as_str();
    if environment.protected {
        canvas.badge(&name.to_uppercase(), Role::Production)
    } else {
        canvas.piece(name, Role::TextStrong)
    }
}

/// Columns below which the header speaks in short forms.
const NARROW: u16 = 110;
/// And below which there is room for the least.
const NARROWEST: u16 = 80;

pub fn draw(canvas: &mut Canvas, cockpit: &Cockpit, area: Rect, says_rehearsal: bool) {
    let part = |rank: u8, pieces: Vec<Piece>| Part { pieces, rank };
    let (mut left, mut right) = (Vec::new(), Vec::new());
    let (mut mine, mut held) = (false, false);
    // On a narrow screen everything says less, and where it is and what time it is stay to the last.
    let narrow = area.width < NARROW;
    if says_rehearsal && cockpit.workspace().rehearsal.is_some() {
        left.push(part(0, vec![canvas.badge("REHEARSAL", Role::Rehearsal)]));
    }
    let workspace = cockpit.workspace();
    if let Some(place) = workspace.environments.get(cockpit.view.environment) {
        left.push(part(0, vec![environment(canvas, place)]));
        if place.protected {
            left.push(part(7, vec![canvas.piece("■ protected", Role::Text)]));
        }
        if place.customer_data {
            left.push(part(5, vec![canvas.piece("customer data", Role::Warning)]));
        }
        let closed = show::place_word(&cockpit.known, &place.name, cockpit.now);
        left.extend(closed.map(|words| part(2, vec![canvas.piece(words, Role::Warning)])));
        let seen = cockpit.facts().and_then(|facts| facts.workload.value());
        if seen.is_some_and(|observed| observed.unverified) {
            left.push(part(1, vec![canvas.badge("TLS UNVERIFIED", Role::Danger)]));
        }
    } else {
        left.push(part(
            0,
            vec![canvas.piece(workspace.name.as_str(), Role::TextStrong)],
        ));
    }
    if let Some(project) = workspace.projects.get(cockpit.view.project) {
        let name = project.id.name();
        let (rank, name) = if narrow {
            (0, text::fit(name, 16))
        } else {
            (2, name.to_owned())
        };
        left.push(part(rank, vec![canvas.piece(name, Role::TextStrong)]));
    }
    if let Some(current) = cockpit.facts().and_then(|facts| facts.current()) {
        let before = current.plan.before.as_ref().map_or_else(
            || "nothing".to_owned(),
            crate::domain::release::ReleaseRef::title,
        );
        // Numbers alone where somebody's name has to stand beside them.
        let drill = says_rehearsal && workspace.rehearsal.is_some();
        let crowded = current.controls.is_some() || drill;
        let short = area.width < NARROWEST || (narrow && crowded);
        let (rank, before, after) = if short {
            let number = |release: &crate::domain::release::ReleaseRef| release.number.to_string();
            let before = current.plan.before.as_ref().map_or("0".to_owned(), number);
            (3, before, number(&current.plan.release))
        } else {
            (1, before, current.plan.release.title())
        };
        left.push(part(
            rank,
            vec![
                canvas.piece(before, Role::Stable),
                canvas.piece(if short { "▶" } else { " ─▶ " }, Role::TextDim),
                canvas.piece(after, Role::Canary),
            ],
        ));
        left.push(part(
            9,
            vec![canvas.piece(current.plan.release.commit.short(), Role::TextDim)],
        ));
    }
    if let Some(facts) = cockpit.facts()
        && let Some(shown) = show::controls(cockpit, &facts)
    {
        if let Some(words) = shown.unguarded {
            right.push(part(1, vec![canvas.badge(&words, Role::DialogDanger)]));
        }
        // Who flies always shows; free ones matter least, and one's own hand on the stick says one's name too.
        let flying = facts
            .current()
            .and_then(|current| current.controls.as_ref());
        let rank = if flying.is_some() { 0 } else { 9 };
        mine = flying.is_some_and(|held| held.by == cockpit.me.name);
        held = flying.is_some();
        right.push(part(rank, vec![canvas.piece(shown.holder, Role::Text)]));
        if shown.watching > 0 {
            let words = format!("{} watching", shown.watching);
            right.push(part(8, vec![canvas.piece(words, Role::TextDim)]));
        }
    }
    // Red on every screen, wherever the cursor is, until a second person has answered for it.
    let within = workspace.timings.countersign;
    let open = cockpit.known.unsigned().count();
    if let Some((target, glass)) = cockpit.known.unsigned().next() {
        let left = glass.due(within).duration_since(cockpit.now);
        let left = if left.is_negative() {
            "OVERDUE".to_owned()
        } else {
            crate::domain::time::clock(left)
        };
        let more = if open > 1 {
            format!(" +{}", open - 1)
        } else {
            String::new()
        };
        let words = if narrow {
            format!("{} {left}{more}", glass.word())
        } else {
            format!(
                "{} {} by {}: {left}{more}",
                glass.word(),
                target.environment,
                glass.by
            )
        };
        right.push(part(0, vec![canvas.badge(&words, Role::DialogDanger)]));
    }
    let burning = workspace
        .projects
        .get(cockpit.view.project)
        .and_then(|project| cockpit.known.hotfixes.get(&project.id));
    if let Some(hotfix) = burning.and_then(|hotfixes| hotfixes.open().next()) {
        let late = hotfix
            .clock(&workspace.timings.hotfix, cockpit.now)
            .iter()
            .any(|leg| leg.under_way && leg.late);
        let role = if late { Role::Danger } else { Role::Warning };
        let words = if !narrow {
            hotfix.banner(&workspace.timings.hotfix, cockpit.now)
        } else if late {
            "HOTFIX LATE".to_owned()
        } else {
            format!("HOTFIX {}", hotfix.leg())
        };
        right.push(part(
            if narrow { 1 } else { 2 },
            vec![canvas.piece(words, role)],
        ));
    }
    if let Some(words) = match &cockpit.known.ledger {
        Standing::Whole => None,
        Standing::ReadOnly(_) => Some("LEDGER READ-ONLY"),
        Standing::Lost(_) => Some("LEDGER DOWN"),
    } {
        right.push(part(1, vec![canvas.badge(words, Role::DialogDanger)]));
    } else if !cockpit.ledger.ready {
        right.push(part(
            1,
            vec![canvas.piece("reading the ledger…", Role::Stale)],
        ));
    } else if cockpit
        .focus_known()
        .is_some_and(|known| known.state.read_only)
    {
        right.push(part(1, vec![canvas.piece("READ-ONLY", Role::Warning)]));
    }
    let stale = cockpit
        .focus()
        .and_then(|target| show::fleet_cell(cockpit, &target.id))
        .and_then(|cell| cell.stale);
    if let Some(age) = stale {
        // In the fleet the words stand beside their cell; here they say what they are about.
        let words = if age == "never read" {
            age.to_uppercase()
        } else if age.starts_with("STALE") {
            age
        } else if narrow {
            "NOT READ YET".to_owned()
        } else {
            format!("NOT READ YET, {age}")
        };
        right.push(part(1, vec![canvas.piece(words, Role::Warning)]));
    }
    let down = cockpit
        .focus()
        .and_then(|target| show::connection(cockpit, &target.id));
    if let Some(down) = down {
        let words = down.brief(cockpit.now);
        right.push(part(6, vec![canvas.piece(words, Role::Warning)]));
    }
    let skew = cockpit
        .focus()
        .and_then(|target| show::skew(cockpit, &target.id));
    if let Some(words) = skew {
        right.push(part(2, vec![canvas.piece(words, Role::Warning)]));
    }
    // That a name was only claimed is said even where it flies.
    let claimed = cockpit.me.means == IdentityMeans::Claimed;
    let rank = match (mine, narrow) {
        (true, true) if !claimed => 8,
        (_, true) => 2,
        (_, false) => 4,
    };
    right.push(part(
        rank,
        vec![canvas.piece(operator(cockpit), Role::Text)],
    ));
    let (rank, clock) = if narrow {
        // Who flies comes before what time it is.
        (u8::from(held), cockpit.now.strftime("%H:%M:%S"))
    } else {
        (3, cockpit.now.strftime("%H:%M:%S UTC"))
    };
    right.push(part(
        rank,
        vec![canvas.piece(clock.to_string(), Role::Text)],
    ));
    let inside = Rect {
        x: area.x + 1,
        width: area.width.saturating_sub(2),
        ..area
    };
    canvas.spread(inside, 0, left, right);
}

/// Who acts here; a name that was only claimed says so.
pub fn operator(cockpit: &Cockpit) -> String {
    let me = &cockpit.me;
    if me.means == IdentityMeans::Claimed {
        format!("as {}", me.name)
    } else {
        me.name.clone()
    }
}

pub fn tabs(canvas: &mut Canvas, cockpit: &Cockpit, area: Rect) {
    if area.is_empty() {
        return;
    }
    let inbox = match show::inbox(cockpit).len() {
        0 => "Inbox".to_owned(),
        many => format!("Inbox {many}"),
    };
    let mut screens = vec![
        (Screen::Fleet, Action::ShowFleet, "Fleet"),
        (Screen::Releases, Action::ShowReleases, "Releases"),
        (Screen::Plan, Action::ShowPlan, "Plan"),
        (Screen::Flight, Action::ShowFlight, "Flight"),
        (Screen::Timeline, Action::ShowTimeline, "Timeline"),
        (Screen::Poll, Action::ShowPoll, "Poll"),
        (Screen::Inbox, Action::ShowInbox, inbox.as_str()),
        (Screen::History, Action::ShowHistory, "History"),
    ];
    // There as long as something burns, or while one looks at it.
    let project = cockpit.workspace().projects.get(cockpit.view.project);
    let burns = project
        .and_then(|project| cockpit.known.hotfixes.get(&project.id))
        .is_some_and(|hotfixes| hotfixes.open().next().is_some());
    if cockpit.view.screen == Screen::Hotfix || burns {
        screens.push((Screen::Hotfix, Action::ShowHotfix, "Hotfix"));
    }
    // Closer together where there is little room, and in short words where there is less.
    let needed: usize = screens.iter().map(|(_, _, title)| title.len() + 5).sum();
    let close: usize = screens.iter().map(|(_, _, title)| title.len() + 3).sum();
    if close + 3 > usize::from(area.width) {
        for (screen, _, title) in &mut screens {
            *title = match screen {
                Screen::Releases => "Rel.",
                Screen::Timeline => "Time",
                Screen::History => "Hist.",
                Screen::Hotfix => "Fix",
                _ => title,
            };
        }
    }
    let gap = if needed > usize::from(area.width) {
        0
    } else {
        2
    };
    let mut column = 1;
    for (screen, action, title) in screens {
        let key = cockpit
            .keymap
            .texts(action, Context::Fleet)
            .into_iter()
            .next()
            .unwrap_or_default();
        let begins = column;
        if screen == cockpit.view.screen {
            column = canvas.put(
                area,
                column,
                0,
                &format!(" {key} {title} "),
                Role::Selection,
            ) + 1;
        } else {
            column = canvas.put(area, column + 1, 0, &key, Role::HintKey);
            column = canvas.put(area, column, 0, &format!(" {title}"), Role::TextDim) + gap;
        }
        let tab = Rect {
            x: area.x.saturating_add(begins),
            width: column.saturating_sub(begins),
            ..area
        };
        canvas.spot(tab.intersection(area), Spot::Tab(screen));
    }
}
