//! From a key to an action, and what each action does to the view.

use crate::session::{
    cockpit::{Cockpit, Severity},
    effect::Effect,
    show,
    view::{Aim, Ask, FlightPane, Overlay, Page, Screen},
    wanted,
};
use crate::{
    flight::inbox::ErrandKind,
    input::{Action, Chord, Context, Lookup, Risk},
    policy::refusal::RefusalKind,
};

use super::{attending, look, overlays, pages};

/// Lines of a page, for page up and down.
const PAGE: isize = 10;

pub fn pressed(cockpit: &mut Cockpit, chord: Chord) -> Vec<Effect> {
    let context = cockpit.view.context();
    cockpit.view.pending.push(chord);
    match meaning(cockpit, context) {
        Lookup::Match(action) => {
            cockpit.view.pending.clear();
            let (screen, said) = (cockpit.view.screen, cockpit.message.clone());
            let effects = run(cockpit, action, &overlays::plain(action));
            // What answered a key on another screen is no answer here; what failed stays.
            let old = cockpit.message.is_some() && cockpit.message == said;
            let failed = said.is_some_and(|said| said.severity == Severity::Error);
            if old && !failed && cockpit.view.screen != screen {
                cockpit.message = None;
            }
            effects
        }
        Lookup::Pending => Vec::new(),
        Lookup::None => {
            // What does not go on as a sequence ends it, and does nothing else: so does esc.
            let alone = cockpit.view.pending.len() == 1;
            cockpit.view.pending.clear();
            if context.takes_text() {
                if alone {
                    overlays::typed(cockpit, chord);
                }
                return Vec::new();
            }
            if alone && cockpit.view.overlay.is_none() {
                return way_out_elsewhere(cockpit, chord);
            }
            Vec::new()
        }
    }
}

/// A way out of a flight, pressed on a screen that has no such key: it works where a flight of the selected target is
/// under way and it asks first; otherwise it says where it works, so that nobody believes to have stopped something.
fn way_out_elsewhere(cockpit: &mut Cockpit, chord: Chord) -> Vec<Effect> {
    let Lookup::Match(action @ (Action::Abort | Action::Rollback | Action::HoldOrResume)) =
        cockpit.keymap.lookup(Context::Flight, &[chord])
    else {
        return Vec::new();
    };
    let airborne = cockpit
        .facts()
        .and_then(|facts| Some(facts.current()?.state.is_airborne()));
    if action != Action::HoldOrResume && airborne == Some(true) {
        return run(cockpit, action, &overlays::plain(action));
    }
    let key = |action| {
        let keys = cockpit.keymap.texts(action, Context::Flight);
        keys.into_iter().next().unwrap_or_default()
    };
    let (pressed, shows) = (key(action), key(Action::ShowFlight));
    let place = cockpit.focus().map_or_else(
        || "no target is selected".to_owned(),
        |target| match airborne {
            Some(true) => format!("{} flies there", target.id),
            Some(false) => format!("{} is only requested", target.id),
            None => format!("nothing is under way for {}", target.id),
        },
    );
    cockpit.say(
        Severity::Warning,
        format!(
            "{pressed} ({}) works on the flight screen, {shows}: {place}",
            action.label()
        ),
    );
    Vec::new()
}

/// What the keys pressed so far mean. On a screen without room for screens the ways out of a flight work wherever one is:
/// its line is the same on all of them.
fn meaning(cockpit: &Cockpit, context: Context) -> Lookup {
    let pressed = &cockpit.view.pending;
    let found = cockpit.keymap.lookup(context, pressed);
    if found != Lookup::None || context.takes_text() || !cockpit.is_tiny() {
        return found;
    }
    match cockpit.keymap.lookup(Context::Flight, pressed) {
        Lookup::Match(Action::Abort | Action::Rollback | Action::HoldOrResume)
        | Lookup::Pending => cockpit.keymap.lookup(Context::Flight, pressed),
        _ => Lookup::None,
    }
}

/// Runs an action, whether a key or the palette asked for it.
pub fn run(cockpit: &mut Cockpit, action: Action, aim: &Aim) -> Vec<Effect> {
    if action.risk() != Risk::None && action != Action::SwitchOperator {
        return act(cockpit, action, aim);
    }
    match action {
        Action::ShowFleet => show(cockpit, Screen::Fleet),
        Action::ShowReleases => show(cockpit, Screen::Releases),
        Action::ShowPlan => return show_plan(cockpit, aim),
        Action::ShowFlight => show(cockpit, Screen::Flight),
        Action::ShowTimeline => show(cockpit, Screen::Timeline),
        Action::ShowPoll => show(cockpit, Screen::Poll),
        Action::ShowInbox => show(cockpit, Screen::Inbox),
        Action::ShowHistory => show(cockpit, Screen::History),
        Action::ShowHotfix => show(cockpit, Screen::Hotfix),
        Action::Investigate => look::investigate(cockpit),
        Action::ShowWindow => look::open_paper(cockpit, false),
        Action::Announce => look::open_paper(cockpit, true),
        Action::Open => return open(cockpit),
        Action::Back => back(cockpit),
        Action::Compare => return super::compare::compare(cockpit, aim),
        Action::ShowMatrix => pages::open(cockpit, Page::Matrix),
        Action::ShowSql => return super::sql::show_sql(cockpit, aim),
        Action::Filter => {
            if cockpit.view.screen != Screen::History {
                show(cockpit, Screen::Releases);
            }
            cockpit.view.filtering = true;
        }
        Action::KeepFilter => cockpit.view.filtering = false,
        Action::Palette => overlays::open_palette(cockpit),
        Action::Help => {
            cockpit.view.help_top = 0;
            let open = matches!(cockpit.view.overlay, Some(Overlay::Help));
            cockpit.view.overlay = if open { None } else { Some(Overlay::Help) };
        }
        Action::Copy => return overlays::copy(cockpit),
        Action::CopyCard => return overlays::copy_card(cockpit),
        Action::Suspend => return vec![Effect::Suspend],
        Action::Redraw => return vec![Effect::Redraw],
        Action::Quit => return quit(cockpit),
        Action::Answer => return overlays::answer(cockpit),
        Action::RunCommand => return overlays::run_palette(cockpit),
        Action::CompleteCommand => overlays::complete(cockpit),
        Action::MoveUp => moved(cockpit, -1),
        Action::MoveDown => moved(cockpit, 1),
        Action::PageUp => moved(cockpit, -PAGE),
        Action::PageDown => moved(cockpit, PAGE),
        Action::Top => moved(cockpit, isize::MIN / 2),
        Action::Bottom => moved(cockpit, isize::MAX / 2),
        Action::MoveLeft => return sideways(cockpit, -1),
        Action::MoveRight => return sideways(cockpit, 1),
        Action::NextPane => next_pane(cockpit, 1),
        Action::PreviousPane => next_pane(cockpit, FlightPane::ALL.len() - 1),
        Action::SwitchOperator => {
            overlays::open_palette(cockpit);
            if let Some(Overlay::Palette(palette)) = &mut cockpit.view.overlay {
                palette.input = tui_input::Input::new("as ".to_owned());
            }
        }
        // Said, so that a row of the table without an arm here is noticed; a test presses them all.
        other => cockpit.say(Severity::Error, format!("{} {NO_ARM}", other.id())),
    }
    Vec::new()
}

/// What an action says that nothing carries out.
pub const NO_ARM: &str = "does nothing in this gonogo: please report it";

/// Everything that acts goes through the same decision, whoever asks.
fn act(cockpit: &mut Cockpit, action: Action, aim: &Aim) -> Vec<Effect> {
    if action == Action::Check && aim.item.is_none() && goes_to_next(cockpit) {
        return Vec::new();
    }
    if wanted::is_about_hotfix(action) {
        to_home(cockpit);
    }
    match wanted::build(cockpit, action, aim) {
        Ok(wanted) => {
            if action == Action::Request {
                if let Some(number) = aim
                    .release
                    .or_else(|| {
                        cockpit
                            .releases_shown()
                            .get(cockpit.view.release)
                            .map(|release| release.number)
                    })
                    .filter(|_| aim.release.is_some() || cockpit.view.screen == Screen::Releases)
                {
                    cockpit.view.chosen = Some(number);
                }
                cockpit.view.go(Screen::Plan);
            }
            if action == Action::Restore {
                cockpit.view.go(Screen::Plan);
            }
            if action == Action::Fly {
                cockpit.view.go(Screen::Flight);
            }
            overlays::want(cockpit, wanted)
        }
        Err(refusal) => {
            overlays::refuse(cockpit, action, &refusal);
            if refusal.kind == RefusalKind::Raced {
                vec![Effect::Bell]
            } else {
                Vec::new()
            }
        }
    }
}

/// Where there is nothing to tick the cursor goes to the next open item, and says so.
fn goes_to_next(cockpit: &mut Cockpit) -> bool {
    let Some(line) = show::selected_line(cockpit).filter(show::Line::is_settled) else {
        return false;
    };
    let Some(next) = cockpit.facts().and_then(|facts| wanted::next_open(&facts)) else {
        return false;
    };
    let at = |lines: &[show::Line]| lines.iter().position(|line| line.id == next);
    if cockpit.view.screen == Screen::Plan {
        let place = show::plan(cockpit).and_then(|plan| at(&plan.lines));
        cockpit.view.plan_line = place.unwrap_or(cockpit.view.plan_line);
    } else {
        cockpit.view.pane = FlightPane::Gates;
        let place = at(&show::flight_lines(cockpit));
        cockpit.view.flight_line = place.unwrap_or(cockpit.view.flight_line);
    }
    cockpit.say(
        Severity::Info,
        format!(
            "{} is {}, nothing to tick; the cursor is on {next} now, which is open",
            line.id,
            if line.is_gate() { "a gate" } else { "done" }
        ),
    );
    true
}

/// A hotfix burns where the customers are: the cursor goes there.
fn to_home(cockpit: &mut Cockpit) {
    let home = wanted::hotfix_home(cockpit);
    if let Some(home) = home.filter(|home| cockpit.focus().is_none_or(|at| at.id != *home)) {
        cockpit.focus_on(&home);
        elsewhere(cockpit);
    }
}

fn show(cockpit: &mut Cockpit, screen: Screen) {
    cockpit.view.filtering = false;
    cockpit.view.go(screen);
}

fn show_plan(cockpit: &mut Cockpit, aim: &Aim) -> Vec<Effect> {
    if let Some(number) = aim.release {
        cockpit.view.chosen = Some(number);
    } else if cockpit.view.chosen.is_none() {
        cockpit.view.chosen = cockpit
            .releases_shown()
            .get(cockpit.view.release)
            .map(|release| release.number);
    }
    cockpit.view.plan_line = 0;
    show(cockpit, Screen::Plan);
    resolve_chosen(cockpit)
}

/// The plan on the screen wants the digest of its release.
fn resolve_chosen(cockpit: &mut Cockpit) -> Vec<Effect> {
    let idle = cockpit
        .facts()
        .is_some_and(|facts| facts.current().is_none());
    let project = cockpit.focus().map(|target| target.id.project.clone());
    let (Some(project), Some(number), true) = (project, cockpit.view.chosen, idle) else {
        return Vec::new();
    };
    let Some(release) = cockpit
        .known
        .release(&project, number)
        .filter(|release| release.artifacts.is_empty())
    else {
        return Vec::new();
    };
    let key = (project.clone(), release.commit.clone());
    let commit = release.commit.clone();
    if cockpit.resolving.insert(key) {
        vec![Effect::Resolve { project, commit }]
    } else {
        Vec::new()
    }
}

fn open(cockpit: &mut Cockpit) -> Vec<Effect> {
    match cockpit.view.screen {
        Screen::Fleet => {
            let current = cockpit
                .facts()
                .and_then(|facts| facts.current())
                .map(|current| current.state);
            match current {
                Some(crate::domain::deployment::FlightState::Requested) => {
                    cockpit.view.go(Screen::Plan);
                }
                Some(_) => cockpit.view.go(Screen::Flight),
                None => cockpit.view.go(Screen::Releases),
            }
            Vec::new()
        }
        Screen::Releases => {
            cockpit.view.chosen = cockpit
                .releases_shown()
                .get(cockpit.view.release)
                .map(|release| release.number);
            cockpit.view.plan_line = 0;
            cockpit.view.filtering = false;
            cockpit.view.go(Screen::Plan);
            resolve_chosen(cockpit)
        }
        Screen::Plan => {
            cockpit.view.go(Screen::Flight);
            Vec::new()
        }
        Screen::Flight => {
            cockpit.view.go(Screen::Timeline);
            Vec::new()
        }
        Screen::History => {
            open_deployment(cockpit);
            Vec::new()
        }
        Screen::Timeline => {
            pages::open_entry(cockpit);
            Vec::new()
        }
        Screen::Hotfix => {
            to_home(cockpit);
            let flying = cockpit
                .facts()
                .is_some_and(|facts| facts.current().is_some());
            let next = if flying {
                Screen::Flight
            } else {
                Screen::Releases
            };
            cockpit.view.go(next);
            Vec::new()
        }
        Screen::Poll => {
            cockpit.view.go(Screen::Plan);
            Vec::new()
        }
        Screen::Inbox => {
            go_to_errand(cockpit);
            Vec::new()
        }
    }
}

/// Where the selected errand is done.
fn go_to_errand(cockpit: &mut Cockpit) {
    let Some(errand) = show::inbox(cockpit)
        .into_iter()
        .nth(cockpit.view.inbox_line)
    else {
        return;
    };
    if cockpit
        .focus()
        .is_none_or(|target| target.id != errand.target)
    {
        cockpit.focus_on(&errand.target);
        elsewhere(cockpit);
    }
    let airborne = cockpit
        .facts()
        .and_then(|facts| facts.current())
        .is_some_and(|current| current.state.is_airborne());
    let screen = match errand.kind {
        ErrandKind::Answer | ErrandKind::Objection => Screen::Poll,
        ErrandKind::Countersign | ErrandKind::Hold | ErrandKind::Promote => Screen::Flight,
        ErrandKind::Hotfix => Screen::Hotfix,
        ErrandKind::Second | ErrandKind::Item if airborne => Screen::Flight,
        ErrandKind::Second | ErrandKind::Item | ErrandKind::Fly => Screen::Plan,
    };
    show(cockpit, screen);
    let Some(item) = errand.item else { return };
    let at = |lines: &[show::Line]| lines.iter().position(|line| line.id == item).unwrap_or(0);
    if screen == Screen::Plan {
        let lines = show::plan(cockpit).map_or_else(Vec::new, |plan| plan.lines);
        cockpit.view.plan_line = at(&lines);
    } else {
        cockpit.view.pane = FlightPane::Gates;
        cockpit.view.flight_line = at(&show::flight_lines(cockpit));
    }
}

/// The timeline of the selected deployment, at its last entry.
fn open_deployment(cockpit: &mut Cockpit) {
    let records = show::history(cockpit);
    let Some((id, target)) = records
        .get(cockpit.view.history)
        .map(|record| (record.id.clone(), record.target.clone()))
    else {
        return;
    };
    if cockpit.focus().is_none_or(|focus| focus.id != target) {
        cockpit.focus_on(&target);
        elsewhere(cockpit);
    }
    let entries = cockpit
        .focus_known()
        .map_or(&[][..], |known| known.entries.as_slice());
    let last = entries
        .iter()
        .rposition(|entry| entry.body.deployment() == Some(&id));
    let all = show::timeline(cockpit).len();
    cockpit.view.filtering = false;
    cockpit.view.go(Screen::Timeline);
    cockpit.view.timeline_back = last.map_or(0, |last| all.saturating_sub(1 + last));
}

fn back(cockpit: &mut Cockpit) {
    if cockpit.view.overlay.take().is_some() {
        return;
    }
    if cockpit.view.screen == Screen::History
        && (cockpit.view.filtering || !cockpit.view.history_filter.value().is_empty())
    {
        cockpit.view.filtering = false;
        cockpit.view.filter_line().reset();
        return;
    }
    if cockpit.view.filtering
        || !cockpit.view.filter.value().is_empty() && cockpit.view.screen == Screen::Releases
    {
        cockpit.view.filtering = false;
        cockpit.view.filter.reset();
        cockpit.view.release = 0;
        return;
    }
    cockpit.view.back();
}

/// Leaving asks first where it leaves the controls or a flight behind; asked twice it goes.
pub fn quit(cockpit: &mut Cockpit) -> Vec<Effect> {
    let asking = matches!(&cockpit.view.overlay, Some(Overlay::Prompt(prompt)) if matches!(prompt.ask, Ask::Quit { .. }));
    match attending::needed(cockpit).filter(|_| !asking) {
        Some(why) => {
            overlays::open_prompt(cockpit, Ask::Quit { why });
            Vec::new()
        }
        None => vec![Effect::Quit],
    }
}

pub fn moved(cockpit: &mut Cockpit, by: isize) {
    let step = |at: usize, count: usize| at.saturating_add_signed(by).min(count.saturating_sub(1));
    match cockpit.view.context() {
        Context::Palette => overlays::palette_moved(cockpit, by),
        Context::Help if matches!(cockpit.view.overlay, Some(Overlay::Difference { .. })) => {
            let told = cockpit
                .comparison
                .as_ref()
                .and_then(|it| it.outcome.as_ref());
            let count = told
                .and_then(|outcome| outcome.as_ref().ok())
                .map_or(0, |difference| difference.lines().len());
            if let Some(Overlay::Difference { top }) = &mut cockpit.view.overlay {
                *top = step(*top, count);
            }
        }
        Context::Help if matches!(cockpit.view.overlay, Some(Overlay::Page { .. })) => {
            pages::moved(cockpit, by);
        }
        Context::Help if matches!(cockpit.view.overlay, Some(Overlay::Paper { .. })) => {
            if let Some(Overlay::Paper { paper, top }) = &mut cockpit.view.overlay {
                *top = step(*top, paper.lines.len());
            }
        }
        Context::Help if matches!(cockpit.view.overlay, Some(Overlay::Sql { .. })) => {
            let told = cockpit.printed.as_ref().and_then(|it| it.outcome.as_ref());
            let count = told
                .and_then(|outcome| outcome.as_ref().ok())
                .map_or(0, |kept| show::sql::lines(kept).len());
            if let Some(Overlay::Sql { top }) = &mut cockpit.view.overlay {
                *top = step(*top, count);
            }
        }
        Context::Help => {
            cockpit.view.help_top = cockpit.view.help_top.saturating_add_signed(by).min(200);
        }
        Context::Fleet => {
            let count = cockpit.workspace().projects.len();
            cockpit.view.project = step(cockpit.view.project, count);
            elsewhere(cockpit);
        }
        Context::History | Context::Filter if cockpit.view.screen == Screen::History => {
            let count = show::history(cockpit).len();
            cockpit.view.history = step(cockpit.view.history, count);
        }
        Context::Releases | Context::Filter | Context::History => {
            let count = cockpit.releases_shown().len();
            cockpit.view.release = step(cockpit.view.release, count);
        }
        Context::Plan => {
            let count = show::plan(cockpit).map_or(0, |plan| plan.lines.len());
            cockpit.view.plan_line = step(cockpit.view.plan_line, count);
        }
        Context::Flight => {
            let (pods, lines) = match show::flight(cockpit) {
                Some(flight) => (
                    flight.observed.map_or(0, |observed| observed.pods.len()),
                    flight.timeline.len(),
                ),
                None => return,
            };
            match cockpit.view.pane {
                FlightPane::Gates => {
                    let count = show::flight_lines(cockpit).len();
                    cockpit.view.flight_line = step(cockpit.view.flight_line, count);
                }
                FlightPane::Pods => cockpit.view.pod_line = step(cockpit.view.pod_line, pods),
                FlightPane::Timeline => back_by(cockpit, by, lines),
            }
        }
        Context::Poll => {
            let poll = show::poll(cockpit).and_then(|shown| shown.poll);
            let count = poll.map_or(0, |poll| poll.voices.len());
            cockpit.view.poll_line = step(cockpit.view.poll_line, count);
        }
        Context::Inbox => {
            let count = show::inbox(cockpit).len();
            cockpit.view.inbox_line = step(cockpit.view.inbox_line, count);
        }
        Context::Hotfix => {
            let count = show::hotfix_owed(cockpit).len();
            cockpit.view.hotfix_line = step(cockpit.view.hotfix_line, count);
        }
        Context::Timeline => {
            let count = show::timeline(cockpit).len();
            back_by(cockpit, by, count);
        }
        Context::Global | Context::Dialog => {}
    }
}

/// A timeline has its newest line at the bottom, and its cursor counts from there.
fn back_by(cockpit: &mut Cockpit, by: isize, count: usize) {
    let back = cockpit
        .view
        .timeline_back
        .saturating_add_signed(by.saturating_neg());
    cockpit.view.timeline_back = back.min(count.saturating_sub(1));
}

fn sideways(cockpit: &mut Cockpit, by: isize) -> Vec<Effect> {
    let count = cockpit.workspace().environments.len();
    cockpit.view.environment = cockpit
        .view
        .environment
        .saturating_add_signed(by)
        .min(count.saturating_sub(1));
    elsewhere(cockpit);
    Vec::new()
}

/// Another target: the cursors of the other screens start over.
pub fn elsewhere(cockpit: &mut Cockpit) {
    let view = &mut cockpit.view;
    (view.release, view.chosen, view.plan_line) = (0, None, 0);
    (view.flight_line, view.pod_line, view.timeline_back) = (0, 0, 0);
    (view.poll_line, view.hotfix_line) = (0, 0);
}

fn next_pane(cockpit: &mut Cockpit, by: usize) {
    let flying = cockpit
        .facts()
        .is_some_and(|facts| facts.current().is_some());
    if cockpit.view.screen == Screen::Flight && flying {
        let at = FlightPane::ALL
            .iter()
            .position(|pane| *pane == cockpit.view.pane)
            .unwrap_or(0);
        cockpit.view.pane = FlightPane::ALL[(at + by) % FlightPane::ALL.len()];
        return;
    }
    let at = Screen::ALL
        .iter()
        .position(|screen| *screen == cockpit.view.screen)
        .unwrap_or(0);
    let by = if by == 1 { 1 } else { Screen::ALL.len() - 1 };
    let next = Screen::ALL[(at + by) % Screen::ALL.len()];
    show(cockpit, next);
}
