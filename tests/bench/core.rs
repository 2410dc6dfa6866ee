//! What the pure core costs: a frame, the fold of a long ledger, a name among a million releases, a letter typed
//! into the filter. `cargo bench --bench core`; the figures are for reading, no test asserts them.

#[path = "../it/fixture.rs"]
mod fixture;

use divan::{Bencher, black_box};
use gonogo::{
    domain::{
        catalogue::Catalogue,
        deployment::TargetState,
        entry::{Body, Ending, Entry, FORMAT, StreamId},
        release::Release,
        rollout::PodState,
    },
    policy::resolve::Names,
    session::{cockpit::Cockpit, search, view::Screen},
    ui::{
        self,
        theme::{Depth, Theme},
    },
};
use jiff::Timestamp;
use ratatui::{Terminal, TerminalOptions, Viewport, backend::CrosstermBackend, layout::Rect};

fn main() {
    divan::main();
}

const SIZES: [(u16, u16); 3] = [(80, 24), (200, 50), (400, 100)];

/// A terminal of this size whose bytes go nowhere.
fn terminal((width, height): (u16, u16)) -> Terminal<CrosstermBackend<std::io::Sink>> {
    let viewport = Viewport::Fixed(Rect::new(0, 0, width, height));
    let backend = CrosstermBackend::new(std::io::sink());
    Terminal::with_options(backend, TerminalOptions { viewport }).expect("no terminal is asked")
}

fn flight() -> Cockpit {
    fixture::breach().show(Screen::Flight)
}

/// A flight with this many pods, a tenth of them the canary's.
fn crowd(pods: usize) -> Cockpit {
    let mut story = fixture::breach();
    let mut scene = fixture::Scene::resting(3, 5, "14:25:00");
    scene.canary = vec![PodState::Ready; pods / 10];
    scene.stable = pods - pods / 10;
    let here = fixture::target("production", "auth-service");
    story.see(&here, &scene, 41, "14:32:06");
    story.show(Screen::Flight)
}

/// Two frames that share hardly a cell, one after the other; the figure is for both.
#[divan::bench(args = SIZES)]
fn frame_everything_changed_twice(bencher: Bencher, size: (u16, u16)) {
    let themes = [
        Theme::builtin("dark", Depth::True),
        Theme::builtin("light", Depth::True),
    ];
    let cockpit = flight();
    let mut terminal = terminal(size);
    bencher.bench_local(|| {
        for theme in &themes {
            let drawn = terminal.draw(|frame| drop(ui::draw(&cockpit, theme, frame)));
            black_box(drawn.expect("a sink takes all").count);
        }
    });
}

/// The same frame again. The runtime does not even do this: what changed nothing is not drawn.
#[divan::bench(args = SIZES)]
fn frame_nothing_changed(bencher: Bencher, size: (u16, u16)) {
    let theme = Theme::builtin("dark", Depth::True);
    let cockpit = flight();
    let mut terminal = terminal(size);
    bencher.bench_local(|| {
        let drawn = terminal.draw(|frame| drop(ui::draw(&cockpit, &theme, frame)));
        black_box(drawn.expect("a sink takes all").count);
    });
}

#[divan::bench(args = [10, 1_000, 10_000, 50_000])]
fn frame_with_pods(bencher: Bencher, pods: usize) {
    let theme = Theme::builtin("dark", Depth::True);
    let cockpit = crowd(pods);
    let mut terminal = terminal((200, 50));
    bencher.bench_local(|| {
        let drawn = terminal.draw(|frame| drop(ui::draw(&cockpit, &theme, frame)));
        black_box(drawn.expect("a sink takes all").count);
    });
}

/// Deployments as they come and go, one after the other: requested, decided, flown, verified, closed.
fn ledger(entries: usize) -> Vec<Entry> {
    let here = fixture::target("production", "auth-service");
    let story = fixture::monitoring();
    let told = &story
        .cockpit
        .known
        .targets
        .get(&here)
        .expect("configured")
        .entries;
    let id = fixture::Story::id();
    let mut bodies: Vec<Body> = told
        .iter()
        .filter(|entry| entry.body.deployment() == Some(&id))
        .map(|entry| entry.body.clone())
        .collect();
    bodies.push(Body::Ended {
        deployment: id.clone(),
        ending: Ending::Closed,
    });
    let flight = serde_json::to_string(&bodies).expect("plain data");
    let stream = StreamId::target(&here);
    let mut ledger = Vec::with_capacity(entries);
    for round in 1.. {
        let flight = flight.replace(&id.0, &format!("production-auth-service-{round}"));
        let bodies: Vec<Body> = serde_json::from_str(&flight).expect("as it was");
        for body in bodies {
            let position = ledger.len() as u64 + 1;
            if ledger.len() == entries {
                return ledger;
            }
            let second = 1_700_000_000 + i64::try_from(position).unwrap_or(0);
            ledger.push(Entry {
                seq: position,
                stream: stream.clone(),
                position,
                format: FORMAT,
                at: Timestamp::from_second(second).expect("in range"),
                actor: fixture::actor("dana"),
                body,
            });
        }
    }
    ledger
}

#[divan::bench(args = [1_000, 100_000])]
fn fold(bencher: Bencher, entries: usize) {
    let ledger = ledger(entries);
    bencher.bench_local(|| TargetState::fold(black_box(&ledger)));
}

/// Releases with a tag and a branch alias each.
fn releases(count: u64) -> Vec<Release> {
    let at = fixture::at("09:12:00");
    (1..=count)
        .map(|number| {
            let tag = format!("v{}.{}.{}", number / 1_000, number / 10 % 100, number % 10);
            let subject = format!("sessions: change number {number}");
            fixture::release("auth-service", number, Some(&tag), &subject, "kim", at)
        })
        .collect()
}

/// Four spellings of one release; the figure is for all four.
#[divan::bench(args = [100_000, 1_000_000])]
fn resolve_four_names(bencher: Bencher, count: u64) {
    let releases = releases(count);
    let names = Names::of(&releases);
    let middle = releases.get(releases.len() / 2).expect("not empty");
    let asked = [
        middle.number.to_string(),
        middle.commit.short().to_owned(),
        middle.aliases.first().expect("tagged").name.to_string(),
        format!("main-{}", middle.number),
    ];
    bencher.bench_local(|| {
        for name in &asked {
            black_box(names.resolve(&releases, name));
        }
    });
}

/// One letter more in the filter of the Releases screen.
#[divan::bench(args = [1_000, 100_000])]
fn filter_keystroke(bencher: Bencher, count: u64) {
    let releases = releases(count);
    let haystacks: Vec<search::Haystack> = releases.iter().map(search::Haystack::of).collect();
    bencher.bench_local(|| black_box(search::filter(&releases, &haystacks, "chng 4242")).len());
}

/// What the task that draws does when a catalogue arrives that was read again, and the frame of the Releases screen after
/// it.
#[divan::bench(args = [1_000, 100_000])]
fn catalogue_arrives_and_is_drawn(bencher: Bencher, count: u64) {
    let theme = Theme::builtin("dark", Depth::True);
    let mut cockpit = fixture::calm().show(Screen::Releases);
    let project = fixture::project("auth-service");
    let catalogue = Catalogue::from(releases(count));
    let mut terminal = terminal((120, 36));
    bencher.bench_local(|| {
        cockpit.catalogue(&project, catalogue.clone());
        terminal
            .draw(|frame| {
                ui::draw(&cockpit, &theme, frame);
            })
            .expect("drawn");
    });
}
