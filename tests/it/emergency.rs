//! The ways out and past: the platform's own former revision (SPEC E6), break-glass with its countersign (8.13), releases
//! on the ground (E9), and what a flight that went wrong offers next (D18).

use gonogo::ui::theme::{Catalogue, DEFAULT, Depth};
use gonogo::{
    domain::{
        change::{ActKind, Change, Expect},
        deployment::TargetState,
        entry::{Answer, Body, Ending, IntentId, Outcome},
        plan::ItemId,
        release::{Digest, ReleaseRef},
        rollout::ReplicaSet,
        target::TargetId,
        text::Clean,
    },
    flight::{
        after,
        process::{self, Mover, Next},
    },
    policy::{
        confirm::{Challenge, Friction},
        decide::{Command, Decision, decide},
        gates,
        refusal::Refusal,
        resolve,
    },
    session::{effect::Effect, show, view::Screen},
};
use jiff::SignedDuration;

use crate::fixture::{self, Scene, Story, actor, at, target};

fn here() -> TargetId {
    target("production", "auth-service")
}

fn state(story: &mut Story) -> &mut TargetState {
    &mut story.cockpit.known.targets.get_mut(&here()).unwrap().state
}

fn decided(story: &Story, who: &str, command: &Command) -> Result<Decision, Refusal> {
    let facts = story
        .cockpit
        .known
        .facts(&here(), story.cockpit.now)
        .unwrap();
    decide(command, &facts, &actor(who))
}

fn rule(decided: Result<Decision, Refusal>) -> String {
    decided.map_or_else(|refusal| refusal.rule, |_| "allowed".to_owned())
}

/// Whatever was decided goes into the ledger, as it would.
fn recorded(story: &mut Story, who: &str, command: &Command) {
    let bodies = match decided(story, who, command).unwrap() {
        Decision::Record(bodies) => bodies,
        Decision::Act { opening, .. } => opening.into_iter().collect(),
    };
    let now = story.cockpit.now;
    for body in bodies {
        story.enter(&here(), now, &actor(who), body);
    }
}

// Break-glass.

fn checked() -> Story {
    let mut story = fixture::requested();
    story.enter(
        &here(),
        at("14:04:41"),
        &actor("dana"),
        Body::Checked {
            deployment: Story::id(),
            item: ItemId("oncall.confirmed".to_owned()),
            note: None,
        },
    );
    story
}

fn fly(story: &Story, glass: Option<&str>) -> Command {
    let facts = story
        .cockpit
        .known
        .facts(&here(), story.cockpit.now)
        .unwrap();
    Command::Fly {
        plan: facts.current().unwrap().plan.digest.clone(),
        glass: glass.map(str::to_owned),
    }
}

#[test]
fn break_glass_passes_approvals_order_and_soak_and_nothing_else() {
    let broken = |story: &Story| {
        rule(decided(
            story,
            "dana",
            &fly(story, Some("payments are down")),
        ))
    };
    let plain = |story: &Story| rule(decided(story, "dana", &fly(story, None)));

    let story = checked();
    assert_eq!(
        (plain(&story), broken(&story)),
        ("approvals".into(), "allowed".into())
    );
    assert_eq!(
        rule(decided(&story, "dana", &fly(&story, Some(" ")))),
        "glass.reason"
    );
    assert_eq!(
        rule(decided(&story, "sam", &fly(&story, Some("x")))),
        "role.operate"
    );

    // Never verified in staging.
    let mut early = checked();
    let staging = target("staging", "auth-service");
    early.cockpit.known.targets.get_mut(&staging).unwrap().state = TargetState::default();
    assert_eq!(broken(&early), "allowed");

    // The checklist is not behind glass, and neither is a person who said NO.
    assert_eq!(broken(&fixture::requested()), "checklist");
    let mut no = checked();
    let plan = no
        .cockpit
        .facts()
        .unwrap()
        .current()
        .unwrap()
        .plan
        .digest
        .clone();
    let answer = Body::Decided {
        deployment: Story::id(),
        plan,
        answer: Answer::NoGo,
        reason: "not today".to_owned(),
    };
    no.enter(&here(), at("14:05:00"), &actor("sam"), answer);
    assert_eq!(broken(&no), "decision.no_go");

    // What would run, and where, is never passed over.
    let mut other = checked();
    let other_id = here();
    let configured = other
        .cockpit
        .known
        .workspace
        .targets
        .iter_mut()
        .find(|target| target.id == other_id);
    configured.unwrap().monitoring = SignedDuration::from_secs(7);
    assert_eq!(broken(&other), "plan.current");
    let mut nameless = checked();
    let plan = &mut state(&mut nameless).current.as_mut().unwrap().plan;
    plan.release.image = None;
    assert_eq!(broken(&nameless), "release.digest");
    let command = Command::Fly {
        plan: Digest::of(b"another"),
        glass: Some("payments are down".to_owned()),
    };
    assert_eq!(rule(decided(&checked(), "dana", &command)), "plan.digest");
}

#[test]
fn a_broken_glass_is_recorded_typed_for_and_red_until_somebody_else_signs() {
    let mut story = checked();
    let command = fly(&story, Some("payments are down"));
    let Decision::Act { act, opening } = decided(&story, "dana", &command).unwrap() else {
        panic!("an act");
    };
    assert_eq!(act.kind, ActKind::Fly);
    let said = act.afterwards.join("\n");
    assert!(
        said.contains("BREAK-GLASS, past: 1 of 2 approvals (lee)"),
        "{said}"
    );
    assert!(said.contains("countersigns, due within 1 h"), "{said}");
    let Some(Body::GlassBroken {
        reason, skipped, ..
    }) = &opening
    else {
        panic!("{opening:?}");
    };
    assert_eq!((reason.as_str(), skipped.len()), ("payments are down", 1));
    // In an open environment too.
    let open = story.cockpit.workspace().environments[0].clone();
    let friction = Challenge::new((*act).clone(), &open).friction;
    assert_eq!(friction, Friction::Type("42".to_owned()));

    recorded(&mut story, "dana", &command);
    let within = story.cockpit.workspace().timings.countersign;
    let line = |story: &Story, minutes: i64| {
        let now = story
            .cockpit
            .now
            .checked_add(SignedDuration::from_mins(minutes))
            .unwrap();
        story
            .cockpit
            .known
            .unsigned()
            .map(|(_, glass)| glass.sentence(within, now))
            .next()
    };
    assert!(
        line(&story, 8)
            .unwrap()
            .ends_with("countersign due in 52:00"),
        "{:?}",
        line(&story, 8)
    );
    assert!(
        line(&story, 61).unwrap().contains("OVERDUE since"),
        "{:?}",
        line(&story, 61)
    );
    // On every screen, whatever has the cursor.
    for screen in Screen::ALL {
        story.cockpit.view.go(screen);
        story.focus("dev", "checkout");
        let shown = crate::replay::drawn(&story.cockpit);
        let text: String = gonogo::ui::text::lines(&shown).join("\n");
        assert!(text.contains("BREAK-GLASS production by dana"), "{text}");
        let area = ratatui::layout::Rect::new(0, 0, 58, 6);
        let mut small = ratatui::buffer::Buffer::empty(area);
        let theme = Catalogue::default().load(DEFAULT, Depth::True).theme;
        gonogo::ui::render(&story.cockpit, &theme, area, &mut small);
        let text: String = gonogo::ui::text::lines(&small).join("\n");
        assert!(text.contains("BREAK-GLASS production by dana"), "{text}");
    }

    let sign = Command::Countersign {
        reason: "saw the outage, it was right".to_owned(),
    };
    assert_eq!(rule(decided(&story, "dana", &sign)), "role.approve");
    for person in &mut story.cockpit.known.workspace.people {
        person
            .roles
            .entry("*".to_owned())
            .or_default()
            .push("approve".to_owned());
    }
    assert_eq!(rule(decided(&story, "dana", &sign)), "glass.four_eyes");
    recorded(&mut story, "lee", &sign);
    assert_eq!(line(&story, 61), None);
    assert_eq!(rule(decided(&story, "sam", &sign)), "glass.open");
    let timeline: Vec<String> = {
        story.focus("production", "auth-service");
        let lines = show::timeline(&story.cockpit).into_iter();
        lines.map(|line| line.sentence).collect()
    };
    let told = timeline.join("\n");
    assert!(
        told.contains("dana broke the glass: payments are down (past: 1 of 2"),
        "{told}"
    );
    assert!(
        told.contains("lee countersigned the break-glass: saw the outage"),
        "{told}"
    );
}

#[test]
fn nothing_is_broken_where_nothing_stands_in_the_way() {
    let story = fixture::ready();
    let decision = decided(&story, "dana", &fly(&story, Some("in a hurry"))).unwrap();
    let Decision::Act { act, opening } = decision else {
        panic!("an act");
    };
    assert_eq!((act.broken.len(), opening), (0, None));
}

#[test]
fn a_session_is_not_closed_before_its_glass_is_countersigned() {
    let mut story = fixture::monitoring();
    let blocking = |story: &Story| -> Vec<String> {
        let facts = story
            .cockpit
            .known
            .facts(&here(), story.cockpit.now)
            .unwrap();
        let judgement = gates::close(&facts, &facts.current().unwrap().plan);
        judgement.blocking().map(|gate| gate.id.clone()).collect()
    };
    let before = blocking(&story);
    let broke = Body::GlassBroken {
        deployment: Story::id(),
        reason: "payments are down".to_owned(),
        skipped: vec!["0 of 2 approvals".to_owned()],
        hotfix: None,
    };
    story.enter(&here(), at("14:20:01"), &actor("dana"), broke);
    let gate = "glass.countersign".to_owned();
    assert_eq!(blocking(&story).len(), before.len() + 1);
    assert!(blocking(&story).contains(&gate));
    assert_eq!(gates::waivable(&gate), Some(false));
    let sign = Command::Countersign {
        reason: "right".to_owned(),
    };
    recorded(&mut story, "lee", &sign);
    assert_eq!(blocking(&story), before);
}

// The way back.

fn roll_back(story: &Story, to: Option<ReleaseRef>) -> Result<ReleaseRef, Refusal> {
    let command = Command::RollBack {
        to: to.map(Box::new),
        staged: false,
        reason: "errors".to_owned(),
    };
    match decided(story, "dana", &command)? {
        Decision::Act { act, .. } => Ok(act.release),
        Decision::Record(_) => panic!("an act"),
    }
}

fn kept(story: &mut Story, revision: u64, image: &str) {
    let known = story.cockpit.known.targets.get_mut(&here()).unwrap();
    let sets = &mut known.workload.last.as_mut().unwrap().value.replica_sets;
    sets.push(ReplicaSet {
        name: Clean::new(&format!("auth-service-{revision}")),
        hash: format!("hash-{revision}"),
        revision,
        image: Some(image.to_owned()),
        desired: 0,
        ready: 0,
        created: None,
    });
}

fn release_of(story: &Story, number: u64) -> ReleaseRef {
    let facts = story
        .cockpit
        .known
        .facts(&here(), story.cockpit.now)
        .unwrap();
    facts
        .releases
        .iter()
        .find(|r| r.number == number)
        .unwrap()
        .to_ref()
}

const UNKNOWN: &str = "registry.acme.example/acme/shop/auth-service@sha256:9f3c2ab19f3c2ab19f3c2ab19f3c2ab19f3c2ab19f3c2ab19f3c2ab19f3c2ab1";

#[test]
fn where_the_ledger_knows_nothing_the_platforms_own_revision_is_offered() {
    let mut story = fixture::calm();
    *state(&mut story) = TargetState::default();
    let nothing = roll_back(&story, None).unwrap_err();
    assert_eq!(nothing.rule, "rollback.former");
    assert!(
        nothing
            .sentence
            .contains("neither production nor the platform"),
        "{}",
        nothing.sentence
    );

    // By its image, and where a release explains the image, by that.
    kept(&mut story, 5, UNKNOWN);
    let back = roll_back(&story, None).unwrap();
    assert_eq!(back.title(), "revision 5 (auth-service@9f3c2ab19f3c)");
    assert_eq!(back.image.as_deref(), Some(UNKNOWN));
    assert!(back.is_only_a_revision());
    let image = release_of(&story, 40).image.unwrap();
    kept(&mut story, 6, &image);
    assert_eq!(roll_back(&story, None).unwrap().number, 40);
    // What is older than that never ran here as far as anybody knows.
    let decision = decided(
        &story,
        "dana",
        &Command::RollBack {
            to: Some(Box::new(ReleaseRef::of_revision(5, UNKNOWN))),
            staged: false,
            reason: "errors".to_owned(),
        },
    );
    assert_eq!(
        rule(decision),
        "rollback.verified",
        "40 is its former revision"
    );
}

#[test]
fn a_grounded_former_release_gives_way_to_the_platforms_and_says_how_to_clear_it() {
    let mut story = fixture::calm();
    let former = release_of(&story, 40);
    assert_eq!(roll_back(&story, None).unwrap().commit, former.commit);
    // What the platform keeps is offered beside what the ledger says.
    let mut both = fixture::calm();
    kept(&mut both, 6, UNKNOWN);
    let command = Command::RollBack {
        to: None,
        staged: false,
        reason: "errors".to_owned(),
    };
    let Decision::Act { act, .. } = decided(&both, "dana", &command).unwrap() else {
        panic!("an act");
    };
    let said = act.afterwards.join("\n");
    assert!(
        said.contains("--former-revision goes to revision 6 (auth-service@9f3c2ab19f3c)"),
        "{said}"
    );
    let ground = Command::Ground {
        release: Box::new(former.clone()),
        reason: "leaks memory".to_owned(),
    };
    recorded(&mut story, "lee", &ground);
    assert_eq!(rule(decided(&story, "lee", &ground)), "release.grounded");
    let refused = roll_back(&story, Some(former.clone())).unwrap_err();
    assert_eq!(refused.rule, "release.grounded");
    assert!(
        refused.sentence.contains("grounded by lee: leaks memory"),
        "{}",
        refused.sentence
    );
    let hint = refused.hint.unwrap();
    assert!(
        hint.contains("gonogo ground production auth-service 40 --clear"),
        "{hint}"
    );

    kept(&mut story, 6, UNKNOWN);
    assert_eq!(
        roll_back(&story, None).unwrap().image.as_deref(),
        Some(UNKNOWN)
    );

    let clear = Command::Clear {
        release: Box::new(former.clone()),
        reason: "it was the kernel".to_owned(),
    };
    assert_eq!(rule(decided(&story, "sam", &clear)), "role.waive");
    recorded(&mut story, "kim", &clear);
    assert_eq!(roll_back(&story, Some(former.clone())).unwrap(), former);
    assert_eq!(rule(decided(&story, "kim", &clear)), "release.grounded");
}

#[test]
fn a_first_deployment_says_that_there_is_no_way_back_and_has_to_be_waived() {
    let mut story = fixture::ready();
    let current = state(&mut story).current.take();
    *state(&mut story) = TargetState {
        current,
        position: state(&mut story).position,
        ..TargetState::default()
    };
    state(&mut story).current.as_mut().unwrap().plan.before = None;
    let judged = |story: &Story| {
        let facts = story
            .cockpit
            .known
            .facts(&here(), story.cockpit.now)
            .unwrap();
        let plan = facts.current().unwrap().plan.clone();
        let gates = gates::take_off(&facts, &plan).gates;
        let gate = gates.into_iter().find(|gate| gate.id == "way.back");
        let act = gonogo::policy::planner::fly(&facts, &plan).unwrap();
        (gate.unwrap(), act.afterwards.join("\n"))
    };
    let (gate, dialog) = judged(&story);
    assert!(!gate.verdict.lets_through() && gate.waivable, "{gate:?}");
    assert!(
        gate.sentence.starts_with("a first deployment"),
        "{}",
        gate.sentence
    );
    assert!(dialog.contains("NO WAY BACK"), "{dialog}");
    assert_eq!(
        rule(decided(&story, "dana", &fly(&story, None))),
        "way.back"
    );
    let waive = Command::Waive {
        item: ItemId("way.back".to_owned()),
        reason: "the first one".to_owned(),
    };
    recorded(&mut story, "kim", &waive);
    let fly_now = rule(decided(&story, "dana", &fly(&story, None)));
    assert_eq!(fly_now, "way.back", "one person does not waive alone");
    recorded(&mut story, "dana", &waive);
    assert_eq!(rule(decided(&story, "dana", &fly(&story, None))), "allowed");

    // Where the platform keeps something, that is the way back, and it is named.
    kept(&mut story, 6, UNKNOWN);
    let now = story.cockpit.now;
    story.cockpit.known.image(UNKNOWN, None, now);
    let (gate, dialog) = judged(&story);
    assert!(gate.verdict.lets_through(), "{gate:?}");
    let named = "rollback to revision 6 (auth-service@9f3c2ab19f3c), known to the platform alone";
    assert!(gate.sentence.starts_with(named), "{}", gate.sentence);
    assert!(
        dialog.contains("way back: R goes to revision 6"),
        "{dialog}"
    );
}

#[test]
fn what_the_ledger_quotes_resolves_without_its_repository() {
    let mut story = fixture::calm();
    story.cockpit.known.releases.clear();
    let state = &story.cockpit.known.targets[&here()].state;
    let project = here().project;
    let commit = state.quoted()[1].commit.to_string();
    for name in ["40", "v1.2.2", &commit[..9]] {
        let found = resolve::quoted(state, &project, name).unwrap();
        assert_eq!(found.number, 40, "{name}");
        assert!(found.image.is_some());
    }
    assert_eq!(resolve::quoted(state, &project, "39"), None);
}

// What the process manager says.

fn waiting(story: &Story) -> (Mover, String) {
    let facts = story
        .cockpit
        .known
        .facts(&here(), story.cockpit.now)
        .unwrap();
    match process::next(&facts) {
        Next::Waiting(waiting) => (waiting.mover, waiting.in_commands()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_image_that_somebody_sets_while_we_roll_back_is_said() {
    let mut story = fixture::rolling_back();
    let mut scene = Scene::resting(1, 1, "14:31:58");
    scene.desired = 43;
    story.see(&here(), &scene, 41, "14:32:07");
    let (mover, sentence) = waiting(&story);
    assert_eq!(mover, Mover::You, "{sentence}");
    for words in [
        "changed outside gonogo",
        "while it rolled back to 41 v1.2.3: `rollback` goes on",
    ] {
        assert!(sentence.contains(words), "{sentence}");
    }
    // A reading from before the write landed says nothing of the kind.
    let mut scene = Scene::resting(3, 5, "14:27:02");
    scene.desired = 42;
    story.see(&here(), &scene, 41, "14:31:53");
    assert_eq!(
        waiting(&story).0,
        Mover::Controller,
        "{:?}",
        waiting(&story)
    );
}

#[test]
fn a_probe_that_is_opened_again_while_monitoring_is_measured_again() {
    let mut story = fixture::monitoring();
    let reopened = Body::Reopened {
        deployment: Story::id(),
        item: ItemId("verify.pods".to_owned()),
        reason: Some("a pod looked odd".to_owned()),
    };
    let now = story.cockpit.now;
    story.enter(&here(), now, &actor("dana"), reopened);
    let facts = story.cockpit.known.facts(&here(), now).unwrap();
    let Next::Record(bodies) = process::next(&facts) else {
        panic!("{:?}", process::next(&facts));
    };
    assert!(
        matches!(&bodies[..], [Body::Measured { item, ok: true, .. }] if item.0 == "verify.pods"),
        "{bodies:?}"
    );
    // Bad when it is measured again, it fails when its box is over, and not at once.
    let hurt = story.cockpit.known.targets.get_mut(&here()).unwrap();
    let observed = &mut hurt.workload.last.as_mut().unwrap().value;
    observed.pods[0].state = gonogo::domain::rollout::PodState::Failing;
    assert!(
        waiting(&story).1.starts_with("measuring"),
        "{:?}",
        waiting(&story)
    );
}

/// Seen by reading after a lost answer: ours for certain only where the object carries our intent.
#[test]
fn what_a_colleague_may_have_done_is_not_claimed() {
    let story = fixture::calm();
    let mut observed = story.cockpit.known.targets[&here()]
        .workload
        .value()
        .unwrap()
        .clone();
    let workload = fixture::workspace().targets[0].workload.clone();
    let expect = Expect::default();
    let ours = IntentId("ours".to_owned());
    let (image, by) = (UNKNOWN.to_owned(), "dana".to_owned());
    let deadline = SignedDuration::from_secs(20);
    let (w, e) = (|| workload.clone(), || expect.clone());
    let sent = [
        Change::PromoteStep {
            workload: w(),
            expect: e(),
        },
        Change::PromoteFull {
            workload: w(),
            expect: e(),
        },
        Change::Resume {
            workload: w(),
            expect: e(),
        },
        Change::Abort {
            workload: w(),
            expect: e(),
        },
        Change::Hold {
            workload: w(),
            expect: e(),
            by,
        },
    ];
    let waits = Change::AwaitTemplate {
        workload: w(),
        image,
        deadline,
    };
    let changes = sent
        .into_iter()
        .map(|change| (change, true))
        .chain([(waits, false)]);
    for (change, open) in changes {
        for (named, expected) in [(None, open), (Some("theirs"), open), (Some("ours"), false)] {
            observed.workload.intent = named.map(str::to_owned);
            let Outcome::Applied { seen, perhaps } = after::seen(&change, &ours, &observed) else {
                panic!("applied");
            };
            assert_eq!((seen, perhaps), (true, expected), "{change:?} {named:?}");
        }
    }
}

// What to do next.

#[test]
fn a_flight_that_went_wrong_offers_its_next_steps_each_with_its_key() {
    let keys = |story: Story| -> Vec<String> {
        let cockpit = story.show(Screen::Flight);
        let card = show::next_steps(&cockpit);
        let lines = show::flight_lines(&cockpit);
        assert!(card.is_none() || lines.is_empty(), "{lines:?}");
        let steps = card.into_iter().flat_map(|card| card.steps);
        steps.map(|step| step.key).collect()
    };
    assert_eq!(
        keys(fixture::aborted()),
        ["i", "R", "T", "K", "f", "N", "u"]
    );
    assert_eq!(
        keys(fixture::rolling_back()),
        ["i", "R", "K", "f", "N", "u"]
    );
    assert_eq!(
        keys(fixture::crashing()),
        ["i", "A", "R", "K", "f", "N", "u"]
    );
    for fine in [
        fixture::calm(),
        fixture::ready(),
        fixture::baking(),
        fixture::verifying(),
    ] {
        assert_eq!(keys(fine), Vec::<String>::new());
    }
    let mut back = fixture::rolling_back();
    let now = back.cockpit.now;
    let ended = Body::Ended {
        deployment: Story::id(),
        ending: Ending::RolledBack,
    };
    back.enter(&here(), now, &actor("dana"), ended);
    assert_eq!(
        keys(back),
        ["i", "K", ":ground --clear", "2", "f", "N", "u"]
    );
}

#[test]
fn the_idle_flight_shows_how_the_live_release_does() {
    let story = fixture::calm();
    let facts = story.cockpit.facts().unwrap();
    let shown = show::metrics(&story.cockpit, &facts, &facts.target.limits);
    let figures: Vec<bool> = shown.iter().map(|metric| metric.stable.is_some()).collect();
    assert_eq!(figures, [true, true]);
    assert!(show::health(&facts).is_some());
    let cockpit = story.show(Screen::Flight);
    let text = gonogo::ui::text::lines(&crate::replay::drawn(&cockpit)).join("\n");
    for words in [
        "Live here",
        "p99 latency",
        "290 ms",
        "/health is good on 10 pods",
    ] {
        assert!(text.contains(words), "{words} in\n{text}");
    }
}

/// Ten thousand pods are looked at, and not copied, for a frame.
#[test]
fn what_a_frame_shows_is_borrowed() {
    let cockpit = fixture::breach().show(Screen::Flight);
    let shown = show::flight(&cockpit).unwrap();
    let known = &cockpit.known.targets[&here()];
    assert!(std::ptr::eq(
        shown.observed.unwrap(),
        known.workload.value().unwrap()
    ));
    assert!(std::ptr::eq(
        shown.deployment,
        known.state.current.as_ref().unwrap()
    ));
}

// From the keyboard.

fn typed(cockpit: &mut gonogo::session::cockpit::Cockpit, line: &str) -> Vec<Effect> {
    fixture::press(cockpit, ":");
    fixture::write(cockpit, line);
    fixture::press(cockpit, "enter")
}

#[test]
fn the_glass_is_broken_from_the_palette_with_a_reason_and_the_number_typed() {
    let mut story = checked();
    story.cockpit.ledger.ready = true;
    let mut cockpit = story.show(Screen::Plan);
    assert_eq!(typed(&mut cockpit, "fly --break-glass"), []);
    let asked = gonogo::ui::text::lines(&crate::replay::drawn(&cockpit)).join("\n");
    assert!(asked.contains("BREAK-GLASS: why?"), "{asked}");
    fixture::write(&mut cockpit, "payments are down");
    assert_eq!(fixture::press(&mut cockpit, "enter"), []);
    let asked = gonogo::ui::text::lines(&crate::replay::drawn(&cockpit)).join("\n");
    assert!(
        asked.contains("BREAK-GLASS, past: 1 of 2 approvals"),
        "{asked}"
    );
    fixture::wait(&mut cockpit, 300);
    assert_eq!(
        fixture::press(&mut cockpit, "enter"),
        [],
        "the number has to be typed"
    );
    fixture::write(&mut cockpit, "42");
    let effects = fixture::press(&mut cockpit, "enter");
    let [
        Effect::Execute {
            confirmed, opening, ..
        },
    ] = &effects[..]
    else {
        panic!("{effects:?}");
    };
    assert_eq!(confirmed.act().kind, ActKind::Fly);
    let opening = opening.as_deref();
    assert!(
        matches!(opening, Some(Body::GlassBroken { reason, .. }) if reason == "payments are down")
    );
}

#[test]
fn the_palette_speaks_of_guards_glass_and_grounds() {
    let command = |story: Story, line: &str| -> Command {
        let mut cockpit = story.show(Screen::Flight);
        cockpit.ledger.ready = true;
        let effects = typed(&mut cockpit, line);
        match &effects[..] {
            [Effect::Record { command, .. }] => (**command).clone(),
            other => panic!("{line}: {other:?} {:?}", cockpit.message),
        }
    };
    let reason = "seen".to_owned();
    let stop = command(fixture::baking(), "guard stop --reason seen");
    assert_eq!(
        stop,
        Command::StopGuard {
            reason: reason.clone()
        }
    );
    let ground = command(fixture::aborted(), "ground --reason seen");
    assert!(
        matches!(&ground, Command::Ground { release, .. } if release.number == 42),
        "{ground:?}"
    );
    let named = command(fixture::calm(), "ground 40 --reason seen");
    assert!(
        matches!(&named, Command::Ground { release, .. } if release.number == 40),
        "{named:?}"
    );
    let mut grounded = fixture::calm();
    recorded(&mut grounded, "lee", &named);
    let clear = command(grounded, "ground --clear --reason seen");
    assert!(
        matches!(&clear, Command::Clear { release, .. } if release.number == 40),
        "{clear:?}"
    );
}
