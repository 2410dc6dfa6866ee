//! Looking back: the timeline that an incident review takes as it is, what was done past the ledger, the history of
//! deployments and the scorecard over them.

use gonogo::{
    domain::{
        deployment::difference,
        entry::{Body, Ending, Entry, OutsideAct},
        history::{History, Record},
        release::ReleaseRef,
        target::TargetId,
        workspace::Actor,
    },
    flight::{
        process::{Next, next},
        report::{self, markdown},
    },
    session::{show, view::Screen},
};
use serde_json::{Value, json};

use crate::{
    fixture::{self, Scene, Story, actor, press, write},
    flight::{PLACE, SPEED, at, ready, roll_back, take_off},
    support::Served,
};

fn here() -> TargetId {
    Story::here()
}

fn entries(story: &Story) -> &[Entry] {
    &story.cockpit.known.targets[&here()].entries
}

fn record(story: &Story) -> &Record {
    let known = &story.cockpit.known.targets[&here()];
    known.history.record(&Story::id()).unwrap()
}

fn say(story: &mut Story, clock: &str, who: &str, body: Body) {
    let actor = if who == "gonogo" {
        Actor::program("bastion")
    } else {
        actor(who)
    };
    story.enter(&here(), fixture::at(clock), &actor, body);
}

/// Breached at half, aborted outside, rolled back, grounded: what a review is about.
fn rolled_back() -> Story {
    let mut story = fixture::rolling_back();
    let deployment = Story::id();
    say(
        &mut story,
        "14:31:58",
        "gonogo",
        Body::Unattended {
            deployment: deployment.clone(),
            from: fixture::at("14:31:53"),
            until: fixture::at("14:31:57"),
        },
    );
    say(
        &mut story,
        "14:32:40",
        "gonogo",
        Body::Ended {
            deployment,
            ending: Ending::RolledBack,
        },
    );
    let release = record(&story).release.clone();
    say(
        &mut story,
        "14:35:00",
        "kim",
        Body::Grounded {
            release,
            reason: "p99 | see <INC-7> and [notes](http://notes.example)".to_owned(),
        },
    );
    story
}

fn names(release: &ReleaseRef) -> Vec<String> {
    let name = release.name.iter().map(ToString::to_string);
    name.chain([format!("main-{}", release.number)]).collect()
}

fn told(story: &Story) -> String {
    let known = &story.cockpit.known.targets[&here()];
    let only = Story::id();
    let report = report::report(&here(), known, Some(&only), &names, &|_| None);
    markdown::lines(&report).join("\n")
}

#[test]
fn an_incident_review_takes_the_timeline_as_it_is() {
    insta::assert_snapshot!("timeline_of_a_rollback", told(&rolled_back()));
}

#[test]
fn the_record_has_every_leg_with_its_figure() {
    let story = rolled_back();
    let record = record(&story);
    let seconds = |value: Option<jiff::SignedDuration>| value.map(|value| value.as_secs());
    assert_eq!(record.approved_at(), Some(fixture::at("14:05:33")));
    assert_eq!(
        record.took_off.as_ref().map(|off| off.at),
        Some(fixture::at("14:20:02"))
    );
    // Asked at 14:31:52, back at 14:32:40.
    assert_eq!(seconds(record.recovery()), Some(48));
    assert_eq!(record.unattended().as_secs(), 4);
    assert_eq!(record.word(), "rolled back");
    assert_eq!(record.reason(), "p99 latency over its limit");
    // The first stage was reached at 14:20:57 and left at 14:26:31; its bake is 5 min, so 5 min of it count.
    let stage = &record.stages[0];
    assert_eq!(stage.left_at, Some(fixture::at("14:26:31")));
    assert_eq!(record.baked().as_secs(), stage.bake.as_secs());
    assert_eq!(record.time_to_deploy(), None, "nobody was served by it");
}

#[test]
fn a_duration_is_counted_without_bakes() {
    let story = fixture::verifying();
    let record = record(&story);
    // 14:20:02 to 14:28:20; baked 14:20:57 to 14:26:31 (5 min of it), and 14:27:03 to 14:27:40.
    let bake = record.stages[0].bake.as_secs();
    assert_eq!(bake, 300);
    assert_eq!(record.time_to_deploy().unwrap().as_secs(), 498);
    assert_eq!(record.duration().unwrap().as_secs(), 498 - 300 - 37);
}

#[test]
fn the_history_folds_what_the_state_folds() {
    for story in [fixture::ready(), fixture::aborted(), rolled_back()] {
        let known = &story.cockpit.known.targets[&here()];
        let history = History::fold(&known.entries);
        assert_eq!(history.records(), known.history.records());
        let over: Vec<_> = known
            .state
            .past
            .iter()
            .map(|past| (&past.id, past.ended_at, past.promoted_at))
            .collect();
        let records = history.records();
        let told: Vec<_> = records
            .iter()
            .filter_map(|r| Some((&r.id, r.ended.as_ref()?.at, r.promoted_at)))
            .collect();
        assert_eq!(over, told);
        let open = known.state.current.as_ref().map(|current| &current.id);
        let last = records.last().filter(|r| r.ended.is_none()).map(|r| &r.id);
        assert_eq!(open, last);
    }
}

#[test]
fn every_act_says_what_was_before_it_and_after_it() {
    let story = rolled_back();
    let entries = entries(&story);
    let differences = difference::of_entries(entries);
    for (entry, found) in entries.iter().zip(&differences) {
        // What answers for a gap of time changes no word of the state.
        let counts = !matches!(entry.body, Body::Unattended { .. });
        assert!(
            !counts || !found.is_empty(),
            "{} changed nothing: {:?}",
            entry.sentence(),
            entry.body
        );
        assert!(!entry.actor.name.is_empty());
        for difference in found {
            assert_ne!(difference.before, difference.after, "{difference:?}");
        }
    }
}

/// One reading of a canary at a step, taken well after the last act.
fn sees(story: &mut Story, step: usize, canary: usize, how: impl Fn(&mut Scene)) -> Vec<Body> {
    let mut scene = Scene::resting(step, canary, "14:31:00");
    how(&mut scene);
    story.see(&here(), &scene, 41, "14:32:07");
    let now = story.cockpit.now;
    let facts = story.cockpit.known.facts(&here(), now).unwrap();
    match next(&facts) {
        Next::Record(bodies) => bodies,
        _ => Vec::new(),
    }
}

fn outside(bodies: &[Body]) -> Vec<&OutsideAct> {
    bodies
        .iter()
        .filter_map(|body| match body {
            Body::SeenOutside { what, .. } => Some(what),
            _ => None,
        })
        .collect()
}

#[test]
fn what_is_promoted_by_kubectl_is_written_down_once() {
    let mut story = fixture::baking();
    let bodies = sees(&mut story, 3, 5, |_| {});
    assert_eq!(outside(&bodies), [&OutsideAct::Promoted { step: 1 }]);
    assert!(
        matches!(bodies.last(), Some(Body::StageReached { stage: 1, .. })),
        "left first, reached then: {bodies:?}"
    );
    for body in bodies {
        say(&mut story, "14:32:07", "gonogo", body);
    }
    story.cockpit.now = fixture::at("14:32:09");
    assert!(outside(&sees(&mut story, 3, 5, |_| {})).is_empty(), "once");
    assert_eq!(record(&story).outside, 1);
    // Our own promotion is not told twice.
    let mut ours = fixture::breach();
    assert!(outside(&sees(&mut ours, 3, 5, |_| {})).is_empty());
}

#[test]
fn an_abort_and_a_pause_from_outside_are_written_down_once() {
    let mut story = fixture::baking();
    let abort = |scene: &mut Scene| {
        scene.aborted = true;
        scene.paused_since = None;
        "RolloutAborted: by hand".clone_into(&mut scene.message);
    };
    let bodies = sees(&mut story, 0, 0, abort);
    let found = outside(&bodies);
    assert!(
        matches!(found[..], [OutsideAct::Aborted { message }] if message.as_str().contains("by hand")),
        "{bodies:?}"
    );
    for body in bodies {
        say(&mut story, "14:32:00", "gonogo", body);
    }
    assert!(outside(&sees(&mut story, 0, 0, abort)).is_empty(), "once");
    // A reading that may be older than that entry does not undo it; a newer one says that somebody retried.
    let again = sees(&mut story, 1, 1, |_| {});
    assert!(
        matches!(again[..], [Body::RetriedOutside { .. }]),
        "{again:?}"
    );
    say(&mut story, "14:32:04", "gonogo", again[0].clone());
    assert!(sees(&mut story, 0, 0, abort).is_empty(), "older than that");
}

#[test]
fn an_image_from_outside_is_written_down_once_for_each() {
    let mut story = fixture::monitoring();
    let mut last = 0;
    for (number, clock) in [(41, "14:32:20"), (41, "14:32:40"), (43, "14:33:00")] {
        let mut scene = Scene::calm();
        scene.desired = number;
        story.cockpit.now = fixture::at(clock);
        story.see(&here(), &scene, number, clock);
        let now = story.cockpit.now;
        let facts = story.cockpit.known.facts(&here(), now).unwrap();
        let bodies = match next(&facts) {
            Next::Record(bodies) => bodies,
            _ => Vec::new(),
        };
        let fresh = u64::from(number != last);
        assert_eq!(outside(&bodies).len() as u64, fresh, "{number} at {clock}");
        for body in bodies {
            say(&mut story, clock, "gonogo", body);
        }
        last = number;
    }
    assert_eq!(record(&story).outside, 2);
}

/// Times, digests and figures are another run's; the words are not.
fn masked(text: &str) -> String {
    let rules = [
        (r"\d{4}-\d\d-\d\d", "DATE"),
        (r"\d\d:\d\d:\d\d", "TIME"),
        (r" T[+-][\d:]+", " T+N"),
        (r"\| [\d:.]+( s)? \|", "| TOOK |"),
        (
            r"(served: )[\d:.]+( s)?, [\d:.]+( s)? without",
            "${1}TOOK, TOOK without",
        ),
        (r"sha256:[0-9a-f]{64}", "sha256:DIGEST"),
        (r"@[0-9a-f]{12}\b", "@DIGEST"),
        (r"\b[0-9a-f]{40}\b", "COMMIT"),
        (r"Entries \d+ to \d+", "Entries N to N"),
        (r"commit [0-9a-f]{7}:", "commit SHORT:"),
        (r"127\.0\.0\.1:\d+", "REGISTRY"),
    ];
    rules.iter().fold(text.to_owned(), |text, (from, to)| {
        regex::Regex::new(from)
            .unwrap()
            .replace_all(&text, *to)
            .into_owned()
    })
}

#[test]
fn a_flight_that_was_aborted_by_kubectl_is_told_as_it_was() {
    let served = Served::start("good", SPEED);
    ready(&served);
    take_off(&served);
    let path = "/apis/argoproj.io/v1alpha1/namespaces/production/rollouts/auth-service/status";
    served.api("PATCH", path, &json!({"status": {"abort": true}}));
    served.until_status(PLACE[0], PLACE[1], "aborted", |target| {
        target["workload"]["aborted"] == true
    });
    roll_back(&served);
    let timeline = at("timeline", &["--deployment", "last"]);
    insta::assert_snapshot!(
        "timeline_of_a_served_flight",
        masked(&served.plain(&timeline).exits(0).out)
    );

    let object = served.verb(&timeline).exits(0).json();
    let [deployment] = &object["deployments"].as_array().unwrap()[..] else {
        panic!("{object:#}");
    };
    assert_eq!(deployment["state"], "rolled back");
    assert_eq!(deployment["release"]["number"], 42);
    let has = |names: &Value, name: &str| names.as_array().unwrap().contains(&json!(name));
    assert!(
        has(&deployment["release_names"], "main-42"),
        "{deployment:#}"
    );
    assert!(deployment["recovery"].as_f64().unwrap() > 0.0);
    let seen: Vec<&Value> = object["entries"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["body"]["kind"] == "seen_outside")
        .collect();
    assert_eq!(seen.len(), 1, "{seen:#?}");
    assert_eq!(seen[0]["body"]["what"]["act"], "aborted");

    // A name that fits nothing says so.
    served
        .verb(&at("timeline", &["--deployment", "nonsense"]))
        .exits(4);
}

#[test]
fn the_history_lists_every_deployment_and_opens_its_timeline() {
    let mut cockpit = rolled_back().show(Screen::Fleet);
    press(&mut cockpit, "8");
    assert_eq!(cockpit.view.screen, Screen::History);
    let began = |record: &Record| record.took_off.as_ref().unwrap_or(&record.requested).at;
    let all = show::history(&cockpit);
    let known: usize = cockpit
        .known
        .targets
        .values()
        .map(|target| target.history.records().len())
        .sum();
    assert_eq!(all.len(), known);
    assert!(all.windows(2).all(|pair| began(pair[0]) >= began(pair[1])));

    // Every word has to stand somewhere in the line.
    press(&mut cockpit, "/");
    write(&mut cockpit, "rolled production p99");
    let found: Vec<_> = show::history(&cockpit)
        .iter()
        .map(|r| r.id.clone())
        .collect();
    assert_eq!(found, [Story::id()]);
    press(&mut cockpit, "enter enter");
    assert_eq!(cockpit.view.screen, Screen::Timeline);
    assert_eq!(cockpit.focus().map(|focus| focus.id.clone()), Some(here()));
    let lines = show::timeline(&cockpit);
    let at = lines.len() - 1 - cockpit.view.timeline_back;
    assert!(
        lines[at].sentence.contains("deployment rolled back"),
        "{}",
        lines[at].sentence
    );

    // Back, and the filter is still there; esc takes it off before it leaves.
    press(&mut cockpit, "esc");
    assert_eq!(cockpit.view.screen, Screen::History);
    assert_eq!(show::history(&cockpit).len(), 1);
    press(&mut cockpit, "esc");
    assert_eq!(show::history(&cockpit).len(), known);
    press(&mut cockpit, "esc");
    assert_eq!(cockpit.view.screen, Screen::Fleet);
    // The releases have a filter of their own.
    assert_eq!(cockpit.view.filter.value(), "");
}

#[test]
fn history_and_scorecard_by_verbs() {
    let served = Served::start("good", SPEED);
    let object = served.verb(&at("history", &[])).exits(0).json();
    let deployments = object["deployments"].as_array().unwrap();
    let told: Vec<(&str, &Value)> = deployments
        .iter()
        .map(|d| (d["state"].as_str().unwrap(), &d["release"]["number"]))
        .collect();
    assert_eq!(
        told,
        [
            ("closed", &json!(41)),
            ("closed", &json!(40)),
            ("closed", &json!(39))
        ]
    );
    let everywhere = served.verb(&["history"]).exits(0).json();
    assert!(everywhere["deployments"].as_array().unwrap().len() > 3);
    let lines = served.plain(&at("history", &[])).exits(0).out;
    assert_eq!(lines.lines().count(), 3, "{lines}");
    assert!(lines.contains("40 main-40 → 41 v1.2.3"), "{lines}");
    served.verb(&["history", "nowhere"]).exits(4);

    let card = served
        .verb(&["scorecard", "--since", "30d"])
        .exits(0)
        .json();
    let measures = card["measures"].as_array().unwrap();
    assert_eq!(measures.len(), 11);
    assert_eq!(card["environments"], json!(["production"]));
    let measure = |id: &str| measures.iter().find(|m| m["id"] == id).unwrap();
    // Three deployments of each of the projects, none of them rolled back: too few to say, and that is said.
    let rollbacks = measure("rollback_rate");
    assert_eq!(
        (&rollbacks["verdict"], &rollbacks["of"]),
        (&json!("too_few"), &json!(0))
    );
    assert!(rollbacks["n"].as_u64().unwrap() >= 3, "{rollbacks}");
    // The repository was read, so the lead time is known.
    assert_eq!(measure("lead_time")["value"], "mean");
    assert_eq!(measure("customer_impact")["verdict"], "not_measured");
    for measure in measures {
        assert!(!measure["formula"].as_str().unwrap().is_empty());
    }
    // Nothing ended within the last minute.
    let fresh = served.verb(&["scorecard", "--since", "1m"]).exits(0).json();
    assert_eq!(fresh["measures"][0]["value"], "none");
    served.verb(&["scorecard", "--since", "soon"]).exits(2);
    served
        .verb(&["scorecard", "--environment", "nowhere"])
        .exits(4);
}
