//! Drift (SPEC E6): what somebody changed outside is seen and named, recorded by *adopt*, or undone by *restore*, which
//! is a request like any other.

use gonogo::{
    input::Action,
    session::{
        show,
        view::{Ask, Overlay, Screen},
    },
};
use serde_json::{Value, json};

use crate::{
    fixture::{self, Scene, target},
    flight::SPEED,
    support::{Ran, Served, until},
};

const PLACE: [&str; 2] = ["staging", "auth-service"];

fn at<'a>(verb: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
    [&[verb], &PLACE[..], rest].concat()
}

const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/staging/deployments/auth-service";

fn image(served: &Served) -> String {
    let deployment = served.api("GET", DEPLOYMENT, &Value::Null);
    let image = &deployment["spec"]["template"]["spec"]["containers"][0]["image"];
    image.as_str().unwrap().to_owned()
}

/// As somebody would with kubectl.
fn set_image(served: &Served, image: &str) {
    let deployment = served.api("GET", DEPLOYMENT, &Value::Null);
    let mut containers = deployment["spec"]["template"]["spec"]["containers"].clone();
    containers[0]["image"] = json!(image);
    let patch = json!({"spec": {"template": {"spec": {"containers": containers}}}});
    served.api("PATCH", DEPLOYMENT, &patch);
}

fn drifts(served: &Served, what: bool) {
    until("the drift to be seen, or to be gone", || {
        let target = served.status(PLACE[0], PLACE[1]);
        let settled = target["workload"]["phase"] == "healthy"
            && target["workload"]["updated"] == target["workload"]["desired"];
        (settled && target["drift"] == what).then_some(())
    });
}

#[test]
fn what_was_changed_outside_is_adopted_or_restored() {
    let served = Served::start("good", SPEED);
    served.verb(&["drift"]).exits(0);
    let recorded = served.status(PLACE[0], PLACE[1])["live"]["release"].clone();
    let (newer, newer_image) = (recorded["number"].clone(), image(&served));
    let card = served.verb(&at("card", &[])).exits(0).json();
    let back = card["card"]["sections"]
        .as_array()
        .unwrap()
        .iter()
        .find(|section| section["id"] == "rollback")
        .unwrap()
        .clone();
    let line = back["commands"][0].as_str().unwrap();
    let older_image = line
        .rsplit_once("app=")
        .unwrap()
        .1
        .trim_matches('\'')
        .to_owned();

    set_image(&served, &older_image);
    drifts(&served, true);
    let found = served.verb(&at("drift", &[])).exits(1).json()["targets"][0].clone();
    assert_eq!(found["drift"]["recorded"]["number"], newer, "{found:#}");
    let older = found["drift"]["running"]["number"].clone();
    assert_ne!(older, newer);
    let sentence = found["sentence"].as_str().unwrap();
    assert!(
        sentence.contains(&format!("DRIFT: {older} "))
            && sentence.contains(&format!("the ledger says {newer} ")),
        "{sentence}"
    );

    // Recorded by who may operate, with a reason, and once.
    let adopt = at("adopt", &["--reason", "patched by hand at night"]);
    assert_eq!(
        served.verb_as("kim", &adopt).exits(3).rule(),
        "role.operate"
    );
    served.verb(&adopt).exits(0);
    served.verb(&at("drift", &[])).exits(0);
    assert_eq!(
        served.status(PLACE[0], PLACE[1])["live"]["release"]["number"],
        older
    );
    let told = served.plain(&at("timeline", &[])).exits(0).out;
    assert!(
        told.contains("dana adopted what runs:") && told.contains("patched by hand at night"),
        "{told}"
    );
    assert_eq!(served.verb(&adopt).exits(5).rule(), "drift.none");
    let restore = at("restore", &["--reason", "nobody asked for it"]);
    assert_eq!(served.verb(&restore).exits(5).rule(), "drift.none");

    // The other way about: what is recorded flies again, through the gates.
    set_image(&served, &newer_image);
    drifts(&served, true);
    let asked = served.verb(&restore).exits(0).json();
    assert_eq!(asked["release"]["number"], older, "{asked:#}");
    assert_eq!(served.verb(&adopt).exits(5).rule(), "target.idle");
    let fly = at("fly", &["--yes", "--sample", "--timeout", "80"]);
    // Figures of a healthy release may be over a limit by chance for a window; that is asked again.
    let by_chance = |ran: &Ran| ran.code == Some(3) && ran.rule().starts_with("metric.");
    let mut flown = served.verb(&fly);
    for _ in 0..4 {
        if by_chance(&flown) {
            flown = served.verb(&fly);
        }
    }
    flown.exits(0);
    drifts(&served, false);
    assert_eq!(image(&served), older_image);
    served.verb(&at("drift", &[])).exits(0);
}

/// On the fleet and on the flight: two keys, each with its reason, and a card that names both.
#[test]
fn the_screen_offers_both() {
    let here = target("production", "auth-service");
    let mut story = fixture::calm();
    assert!(!story.cockpit.facts().unwrap().drift());
    let adopt = gonogo::session::wanted::why_not(&story.cockpit, Action::Adopt).unwrap();
    assert!(adopt.contains("recorded as live already"), "{adopt}");
    // 40 serves, the ledger says 41.
    let scene = Scene {
        desired: 40,
        ..Scene::calm()
    };
    story.see(&here, &scene, 40, "14:32:06");
    let card = show::next_steps(&story.cockpit).unwrap();
    assert_eq!(card.title, "Drift: what now");
    let actions: Vec<Action> = card.steps.iter().map(|step| step.action).collect();
    assert_eq!(
        actions,
        [Action::ShowTimeline, Action::Adopt, Action::Restore]
    );
    assert!(
        card.steps[0].words.contains("the ledger says 41 v1.2.3"),
        "{:?}",
        card.steps
    );
    for screen in [Screen::Fleet, Screen::Flight] {
        for (key, wanted) in [("D", Ask::Adopt), ("B", Ask::Restore)] {
            story.cockpit.view.screen = screen;
            fixture::press(&mut story.cockpit, key);
            let Some(Overlay::Prompt(prompt)) = story.cockpit.view.overlay.take() else {
                panic!("{key} on {screen:?}: {:?}", story.cockpit.message);
            };
            assert_eq!(prompt.ask, wanted);
        }
    }
}
