//! A session recorded as JSON lines and played again through the same `update` is the same session; and nothing that is
//! observed moves the person.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    collections::VecDeque,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use gonogo::{
    domain::{
        entry::{Draft, StreamId},
        fault::{Fault, FaultKind},
        observation::{Observation, Seen},
        workspace::{Actor, IdentityMeans, Workspace},
    },
    input::{Chord, Keymap},
    ports::{keep::Expected, watch::Post},
    runtime::{
        executor::Executor,
        outside::Outside,
        running::{self, Heard},
    },
    session::{
        cockpit::Cockpit,
        effect::Effect,
        event::{End, Event, Stamped},
        update::update,
        view::Overlay,
    },
    ui::theme::{Catalogue, DEFAULT, Depth},
};
use proptest::prelude::*;
use ratatui::{buffer::Buffer, layout::Rect};
use tokio_util::sync::CancellationToken;

use super::rig::Rig;

/// What a recording is: where it began, and what happened.
#[derive(Clone)]
struct Recording {
    workspace: Workspace,
    me: Actor,
    lines: Vec<String>,
}

/// The loop of the cockpit without a screen, with a tape running.
struct Session {
    outside: Arc<Outside>,
    cockpit: Cockpit,
    began: jiff::Timestamp,
    tape: Vec<Stamped>,
    effects: Vec<Effect>,
    due: VecDeque<Effect>,
    seen: tokio::sync::mpsc::UnboundedReceiver<Observation>,
}

impl Session {
    async fn start(rig: &Rig, cancel: &CancellationToken) -> Self {
        let workspace = gonogo::config::load(&rig.config()).unwrap().workspace;
        let me = Actor {
            name: "dana".to_owned(),
            email: None,
            means: IdentityMeans::Claimed,
            host: "here".to_owned(),
        };
        let outside = Arc::new(Outside::open(workspace.clone()).await.unwrap());
        let (sender, seen) = tokio::sync::mpsc::unbounded_channel();
        let post: Post = Arc::new(move |observation| drop(sender.send(observation)));
        for target in workspace.targets.clone() {
            let (outside, post, cancel) = (Arc::clone(&outside), Arc::clone(&post), cancel.clone());
            tokio::spawn(async move { outside.watch(&target, post, cancel).await });
        }
        let began = outside.now();
        Self {
            cockpit: Cockpit::new(workspace, me, Keymap::default(), began),
            outside,
            began,
            tape: Vec::new(),
            effects: Vec::new(),
            due: VecDeque::new(),
            seen,
        }
    }

    fn happens(&mut self, event: Event) {
        let stamped = Stamped {
            at: self.outside.now(),
            event,
        };
        let effects = update(&mut self.cockpit, &stamped);
        self.tape.push(stamped);
        self.effects.extend(effects.iter().cloned());
        self.due.extend(effects);
        let unpainted = matches!(&self.cockpit.view.overlay, Some(Overlay::Dialog(dialog)) if dialog.challenge.painted_at.is_none());
        if unpainted {
            self.happens(Event::Painted);
        }
    }

    /// Everything that is waiting: observations, entries, effects.
    async fn turn(&mut self) {
        while let Ok(observation) = self.seen.try_recv() {
            self.happens(Event::Seen(observation));
        }
        let entries = self.outside.ledger.read(self.cockpit.known.seq).await;
        let entries = entries.unwrap();
        if !entries.is_empty() {
            self.happens(Event::Entries(entries));
        }
        while let Some(effect) = self.due.pop_front() {
            if let Some(event) = self.carried_out(effect).await {
                self.happens(event);
            }
        }
    }

    async fn carried_out(&self, effect: Effect) -> Option<Event> {
        let mut executor = Executor {
            outside: &self.outside,
            known: self.cockpit.known.clone(),
            actor: self.cockpit.me.clone(),
        };
        Some(match effect {
            Effect::Execute {
                confirmed,
                command,
                opening,
            } => {
                let opening = opening.map(|body| *body);
                let end = executor.execute(&confirmed, &command, opening).await;
                let (target, kind) = (confirmed.act().target.clone(), confirmed.act().kind);
                Event::ActEnded { target, kind, end }
            }
            Effect::Guard {
                target,
                confirmed,
                command,
            } => {
                executor.actor = Actor::guard("here");
                let end = executor.execute(&confirmed, &command, None).await;
                let sentence = confirmed.act().reason.clone().unwrap_or_default();
                Event::Guarded {
                    target,
                    sentence,
                    end,
                }
            }
            Effect::LookFor { project, image } => {
                let missing = self.outside.image_there(&project, &image).await;
                Event::Image { image, missing }
            }
            Effect::ReadOutput { kept } => {
                let ledger = &self.outside.workspace.ledger;
                let outcome = gonogo::adapters::evidence::read(ledger, &kept);
                Event::OutputRead {
                    kept: kept.digest,
                    outcome,
                }
            }
            Effect::Ready(target) => {
                let target = self.outside.target(&target).unwrap();
                Event::Seen(self.outside.readiness(target).await)
            }
            Effect::Beat(rows) => {
                self.outside.ledger.beat(rows).await.unwrap();
                Event::Present(self.outside.ledger.present().await.unwrap())
            }
            Effect::Record { target, command } => {
                let end = executor.record(&command, &target).await;
                let verb = command.verb().to_owned();
                Event::Recorded { target, verb, end }
            }
            Effect::Run {
                target,
                item,
                command,
            } => {
                let (listen, cancel) = (Heard::default().listen(), CancellationToken::new());
                let ran = running::run(&mut executor, &command, &target, listen, cancel).await;
                let (evidence, end) = match ran {
                    Ok(ran) => (Some((ran.ok, ran.evidence.sentence())), End::Done),
                    Err(end) => (None, end),
                };
                Event::RunEnded {
                    target,
                    item,
                    evidence,
                    end,
                }
            }
            Effect::Attend {
                target,
                position,
                bodies,
            } => {
                let (at, actor) = (self.outside.now(), Actor::program("here"));
                let draft = |body| Draft {
                    at,
                    actor: actor.clone(),
                    body,
                };
                let drafts = bodies.into_iter().map(draft).collect();
                let stream = StreamId::target(&target);
                let expected = Expected::Position(position);
                let _ = self.outside.ledger.append(&stream, expected, drafts).await;
                Event::Attended { target, position }
            }
            Effect::Resolve { project, commit } => {
                match self.outside.shipped(&project, &commit).await {
                    Ok(shipped) => Event::Shipped {
                        project,
                        commit,
                        shipped: Box::new(shipped),
                    },
                    Err(fault) => Event::ArtifactFailed {
                        project,
                        commit,
                        fault,
                    },
                }
            }
            Effect::Compare { from, to } => {
                let (first, second) = (from.commit.clone(), to.commit.clone());
                match self.outside.difference(*from, *to).await {
                    Ok(difference) => Event::Compared {
                        difference: Box::new(difference),
                    },
                    Err(fault) => Event::CompareFailed {
                        from: first,
                        to: second,
                        fault,
                    },
                }
            }
            Effect::Tell(_)
            | Effect::Card(_)
            | Effect::Refresh
            | Effect::Copy(_)
            | Effect::Bell
            | Effect::Suspend
            | Effect::Redraw
            | Effect::Quit => return None,
        })
    }

    #[track_caller]
    fn late(&self, started: Instant, what: &str) {
        let waited = started.elapsed();
        let message = &self.cockpit.message;
        assert!(
            waited < Duration::from_secs(40),
            "{what}: {message:?} {:#?}",
            self.cockpit.view
        );
    }

    async fn until(&mut self, what: &str, is: impl Fn(&Cockpit) -> bool) {
        let started = Instant::now();
        while !is(&self.cockpit) {
            self.turn().await;
            self.late(started, what);
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    async fn rest(&mut self) {
        let started = Instant::now();
        while started.elapsed() < Duration::from_millis(300) {
            self.turn().await;
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        self.happens(Event::Tick);
    }

    /// Keys by their names, and text in quotes.
    async fn keys(&mut self, keys: &str) {
        for word in keys.split(' ') {
            match word.strip_prefix('\'') {
                Some(text) => {
                    for letter in text.chars() {
                        self.happens(Event::Key(letter.to_string().parse().unwrap()));
                    }
                }
                None => self.happens(Event::Key(word.parse().unwrap())),
            }
        }
        self.turn().await;
    }
}

/// A session with a bit of everything: pick, plan, request, answer, fly, hold, resume, abort, roll back, resize, paste.
async fn session(rig: &Rig) -> (Session, Recording) {
    let cancel = CancellationToken::new();
    let _stop = cancel.clone().drop_guard();
    let mut session = Session::start(rig, &cancel).await;
    session.happens(Event::Resize {
        columns: 120,
        rows: 36,
    });
    session.turn().await;
    session.happens(Event::LedgerReady);
    for project in session.outside.workspace.projects.clone() {
        let releases = session.outside.catalogue(&project).await.unwrap();
        let project = project.id;
        let releases = releases.into();
        session.happens(Event::Catalogue { project, releases });
    }
    session
        .until("the platform is read", |cockpit| {
            let facts = cockpit.facts().unwrap();
            facts.fresh().is_some() && facts.metrics.value().is_some()
        })
        .await;
    session
        .keys("? esc l j k g enter / 'v1.3 enter enter")
        .await;
    session.rest().await;
    session.keys("r 'new enter").await;
    session
        .until("requested", |cockpit| {
            cockpit.facts().unwrap().current().is_some()
        })
        .await;
    let plan = {
        let facts = session.cockpit.facts().unwrap();
        facts.current().unwrap().plan.digest.to_string()
    };
    let place = ["production", "auth-service"];
    for who in ["lee", "sam"] {
        let words = [
            "approve", place[0], place[1], "--plan", &plan, "--reason", "good",
        ];
        let child = rig.start(who, &words);
        tokio::task::spawn_blocking(|| Rig::end(child, Instant::now()).exits(0))
            .await
            .unwrap();
        session.turn().await;
    }
    for item in [
        "oncall.confirmed",
        "stakeholders.notified",
        "rollback.reviewed",
    ] {
        session.keys(": 'check space").await;
        session.happens(Event::Paste(format!("{} {} {item}", place[0], place[1])));
        session.keys("enter").await;
    }
    session
        .until("GO", |cockpit| {
            let shown = gonogo::session::show::plan(cockpit);
            shown.is_some_and(|plan| plan.judgement.go)
        })
        .await;
    session.keys("F").await;
    session.happens(Event::Paste("42\r".to_owned()));
    session.rest().await;
    session.keys("'41 enter '42 enter").await;
    session
        .until("at its first pause", |cockpit| {
            let workload = cockpit.facts().unwrap().fresh();
            workload.is_some_and(|observed| observed.workload.rests_at_step())
        })
        .await;
    session.rest().await;
    session.keys("tab z").await;
    session.rest().await;
    session.keys("z").await;
    session.rest().await;
    session.keys("enter").await;
    session.rest().await;
    session.happens(Event::Resize {
        columns: 20,
        rows: 5,
    });
    session.keys("4 A").await;
    session.rest().await;
    session.keys("enter").await;
    session.rest().await;
    session.keys("R enter").await;
    session.rest().await;
    session.keys("'production enter").await;
    session
        .until("rolled back", |cockpit| {
            cockpit.facts().unwrap().current().is_none()
        })
        .await;
    session.happens(Event::LedgerFailed(Fault::new(
        "ledger",
        FaultKind::Unreachable,
        "reading",
        "\u{1b}[31mgone\u{202e}",
    )));
    session.keys("1 q").await;
    session.happens(Event::Terminate);
    let tape = session.tape.iter();
    let recording = Recording {
        workspace: session.outside.workspace.clone(),
        me: session.cockpit.me.clone(),
        lines: tape
            .map(|stamped| serde_json::to_string(stamped).unwrap())
            .collect(),
    };
    (session, recording)
}

/// F17 with a screen: the cockpit attends, so it is the guard. Scrapes fail under a pause that would end by itself.
async fn guarded(rig: &Rig) -> (Session, serde_json::Value) {
    let cancel = CancellationToken::new();
    let _stop = cancel.clone().drop_guard();
    let mut session = Session::start(rig, &cancel).await;
    session.happens(Event::LedgerReady);
    session
        .until("figures of the canary at half", |cockpit| {
            let facts = cockpit.facts().unwrap();
            let canary = facts.workload.value().and_then(|observed| {
                let workload = &observed.workload;
                (workload.step == Some(3)).then(|| workload.current_hash.clone())?
            });
            let sides = facts.metrics.value().map(|metrics| &metrics.sides);
            let side = canary.and_then(|hash| sides?.get(&hash));
            side.is_some_and(|side| side.over_window.scrapes > 2)
        })
        .await;
    let wanted = serde_json::json!({"path_contains": "proxy/metrics"});
    let (client, fault) = (rig.client(), serde_json::json!({"status": 503}));
    let body = serde_json::json!({"match": wanted, "action": fault, "times": 100_000});
    let request = http::Request::post("/rehearsal/faults")
        .header("content-type", "application/json")
        .body(body.to_string().into_bytes())
        .unwrap();
    client.request_text(request).await.unwrap();
    session
        .until("the guard's hold on the platform", |cockpit| {
            let workload = cockpit.facts().unwrap().workload.value();
            workload.is_some_and(|observed| {
                let held = observed.workload.held_by.as_ref();
                observed.workload.paused && held.is_some_and(|by| by.as_str() == "guard")
            })
        })
        .await;
    session.rest().await;
    let rollout = http::Request::get(super::rig::ROLLOUT).body(Vec::new());
    let rollout = client.request_text(rollout.unwrap()).await.unwrap();
    (session, serde_json::from_str(&rollout).unwrap())
}

#[test]
fn the_cockpit_holds_a_canary_whose_figures_are_lost() {
    let rig = Rig::serve("600");
    let steps = serde_json::json!([
        {"setWeight": 10}, {"pause": {}}, {"setWeight": 50}, {"pause": {"duration": 60}},
        {"setWeight": 100}, {"pause": {}},
    ]);
    let strategy = serde_json::json!({"spec": {"strategy": {"canary": {"steps": steps}}}});
    rig.api("PATCH", super::rig::ROLLOUT, &strategy);
    rig.airborne("42");
    rig.verb(&[
        "promote",
        "production",
        "auth-service",
        "--step",
        "1",
        "--yes",
    ])
    .exits(0);
    // A second process attends as a guard: they see the same, and one of them holds.
    let mut other = rig.start("lee", &["guard", "production", "auth-service"]);
    let (session, rollout) = rig.block_on(guarded(&rig));
    other.kill().unwrap();
    other.wait().unwrap();
    assert_eq!(rollout["spec"]["paused"], true);
    assert_eq!(rollout["status"]["currentStepIndex"], 3);
    let holds = session
        .effects
        .iter()
        .filter(|effect| matches!(effect, Effect::Guard { .. }))
        .count();
    assert!(holds <= 1, "once, however often it looks");
    let entries = rig.entries();
    let sent = entries
        .iter()
        .filter(|entry| entry["body"]["means"] == "guard")
        .count();
    assert_eq!(sent, 1, "two watch, one holds: {entries:#?}");
    assert_eq!(rig.patches_with("held-by"), 1);
    assert_eq!(
        session
            .cockpit
            .message
            .as_ref()
            .is_some_and(|message| { message.text.starts_with("the guard holds production/") }),
        entries.iter().any(|entry| {
            entry["body"]["means"] == "guard"
                && entry["body"]["act"]["guard"]["watched_by"] == "dana"
        })
    );
    let shown = gonogo::session::show::flight(&session.cockpit).unwrap();
    let waiting = shown.waiting.unwrap().sentence;
    assert!(
        waiting.starts_with("held on the platform by guard: ") && waiting.contains("no verdict"),
        "{waiting}"
    );
    rig.ledger_is_sound();
}

impl Recording {
    fn events(&self) -> Vec<Stamped> {
        let parse = |line: &String| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
        };
        self.lines.iter().map(parse).collect()
    }

    fn cockpit(&self, began: jiff::Timestamp) -> Cockpit {
        let (workspace, me) = (self.workspace.clone(), self.me.clone());
        Cockpit::new(workspace, me, Keymap::default(), began)
    }
}

pub fn drawn(cockpit: &Cockpit) -> Buffer {
    let area = Rect::new(0, 0, 120, 36);
    let mut buffer = Buffer::empty(area);
    let theme = Catalogue::default().load(DEFAULT, Depth::True).theme;
    gonogo::ui::render(cockpit, &theme, area, &mut buffer);
    buffer
}

fn view(cockpit: &Cockpit) -> String {
    format!("{:?}", cockpit.view)
}

/// Recorded once for both tests.
fn recorded() -> &'static (Recording, jiff::Timestamp) {
    static RECORDED: OnceLock<(Recording, jiff::Timestamp)> = OnceLock::new();
    RECORDED.get_or_init(|| {
        let rig = Rig::serve("60");
        let (session, recording) = rig.block_on(session(&rig));
        same_when_played_again(&session, &recording);
        rig.ledger_is_sound();
        (recording, session.began)
    })
}

fn same_when_played_again(session: &Session, recording: &Recording) {
    let events = recording.events();
    assert_eq!(events, session.tape);
    let mut again = recording.cockpit(session.began);
    let mut effects = Vec::new();
    for stamped in &events {
        effects.extend(update(&mut again, stamped));
    }
    let first = &session.cockpit;
    assert_eq!(effects, session.effects);
    assert!(again.known == first.known, "what is known differs");
    assert_eq!(view(&again), view(first));
    assert_eq!(again.message, first.message);
    assert_eq!((again.now, again.size), (first.now, first.size));
    assert_eq!(again.busy, first.busy);
    assert_eq!(again.attending, first.attending);
    assert_eq!(again.ledger, first.ledger);
    assert_eq!(again.resolving, first.resolving);
    assert_eq!(drawn(&again), drawn(first));
}

#[test]
fn a_recorded_session_is_the_same_when_played_again() {
    let (recording, _) = recorded();
    let of_kind = |kind: &str| {
        let tag = format!("\"event\":\"{kind}\"");
        recording
            .lines
            .iter()
            .filter(|line| line.contains(&tag))
            .count()
    };
    for kind in [
        "key",
        "paste",
        "resize",
        "tick",
        "painted",
        "entries",
        "seen",
        "catalogue",
        "shipped",
        "recorded",
        "attended",
        "act_ended",
        "terminate",
    ] {
        assert!(of_kind(kind) > 0, "no {kind} was recorded");
    }
    // Fly, hold, resume, abort, roll back.
    let acts = recording.events();
    let ends = acts.iter().filter_map(|stamped| match &stamped.event {
        Event::ActEnded { kind, end, .. } => Some((kind.verb(), end.clone())),
        _ => None,
    });
    let done = ["fly", "hold", "resume", "abort", "rollback"].map(|verb| (verb, End::Done));
    assert_eq!(ends.collect::<Vec<_>>(), done);
}

/// What comes from outside, as opposed to from the person.
fn is_observed(event: &Event) -> bool {
    !matches!(
        event,
        Event::Key(_)
            | Event::Line { .. }
            | Event::Woke { .. }
            | Event::Paste(_)
            | Event::Pointed { .. }
            | Event::Resize { .. }
            | Event::Suspend
            | Event::Resumed { .. }
            | Event::NotSuspended
            | Event::Painted
            | Event::Terminate
    )
}

const KEYS: [&str; 32] = [
    "1",
    "2",
    "3",
    "4",
    "5",
    "enter",
    "esc",
    "tab",
    "shift-tab",
    "j",
    "k",
    "h",
    "l",
    "g",
    "G",
    "/",
    ":",
    "?",
    "r",
    "F",
    "p",
    "P",
    "z",
    "A",
    "R",
    "T",
    "c",
    "W",
    "o",
    "a",
    "4",
    "y",
];

/// A failure in place of a value, for any target.
fn failing(observation: &Observation) -> Observation {
    let fault = Fault::new("kubernetes", FaultKind::Unreachable, "reading", "gone");
    Observation {
        target: observation.target.clone(),
        seen: match observation.seen {
            Seen::Health(_) | Seen::HealthFailed(_) => Seen::HealthFailed(fault),
            Seen::Metrics(_) | Seen::MetricsFailed(_) => Seen::MetricsFailed(fault),
            _ => Seen::WorkloadFailed(fault),
        },
    }
}

#[test]
fn nothing_observed_moves_the_person() {
    let (recording, began) = recorded();
    let events = recording.events();
    let observed: Vec<&Stamped> = events.iter().filter(|s| is_observed(&s.event)).collect();
    let config = ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let strategy = (
        0..events.len(),
        prop::collection::vec(prop::sample::select(&KEYS[..]), 0..12),
        prop::collection::vec((0..observed.len(), any::<bool>(), 0_i64..30_000), 1..25),
    );
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let result = runner.run(&strategy, |(played, keys, news)| {
        let mut cockpit = recording.cockpit(*began);
        for stamped in &events[..played] {
            update(&mut cockpit, stamped);
        }
        for key in keys {
            let event = Event::Key(key.parse::<Chord>().unwrap());
            let at = cockpit.now;
            update(&mut cockpit, &Stamped { at, event });
        }
        let before = view(&cockpit);
        let size = cockpit.size;
        for (index, fails, later) in news {
            let event = match &observed[index].event {
                Event::Seen(observation) if fails => Event::Seen(failing(observation)),
                event => event.clone(),
            };
            let at = cockpit.now + jiff::SignedDuration::from_millis(later);
            let effects = update(&mut cockpit, &Stamped { at, event });
            prop_assert!(
                !effects.iter().any(|effect| matches!(
                    effect,
                    Effect::Execute { .. } | Effect::Record { .. } | Effect::Quit
                )),
                "an observation acts: {effects:?}"
            );
        }
        prop_assert_eq!(before, view(&cockpit));
        prop_assert_eq!(size, cockpit.size);
        Ok(())
    });
    result.unwrap();
}
