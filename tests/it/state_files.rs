//! The state files of seed 002: in step with the ledger, never trusted, and what others put beside our fields stays.

use std::{fs, path::PathBuf};

use gonogo::domain::state_file::{EnvironmentFile, ReleaseFile, StateFile, Status};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::{
    flight::{PLACE, SPEED, at, ready, roll_back, take_off},
    support::Served,
};

/// auth-service keeps its state files in `atlas` beside the configuration.
fn kept(scenario: &str) -> (Served, PathBuf) {
    let served = Served::start(scenario, SPEED);
    let folder = served.path().join("atlas");
    let key = format!("state_files = {:?}", folder.display().to_string());
    add(&served, "acme/shop/auth-service", &key);
    (served, folder)
}

fn add(served: &Served, project: &str, key: &str) {
    let config = served.path().join("gonogo.toml");
    let text = fs::read_to_string(&config).unwrap();
    let id = format!("id = \"{project}\"\n");
    assert!(text.contains(&id), "{text}");
    fs::write(&config, text.replacen(&id, &format!("{id}{key}\n"), 1)).unwrap();
}

fn read(path: &std::path::Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap()
}

#[test]
fn the_files_follow_a_flight_and_are_never_believed() {
    let (served, folder) = kept("good");
    let file = folder.join("releases/v1.3.0.json");
    ready(&served);
    let requested = read(&file);
    assert_eq!(requested["release_id"], "v1.3.0");
    assert_eq!(requested["type"], "minor");
    assert_eq!(requested["environments"]["staging"], "deployed");
    assert_eq!(requested["environments"]["production"], "pending");
    assert_eq!(requested["deployment_start"], Value::Null);

    take_off(&served);
    let flying = read(&file);
    assert_eq!(flying["status"], "deploying");
    assert_eq!(flying["environments"]["production"], "deploying");
    assert_eq!(flying["rollback_version"], "v1.2.3");
    assert!(flying["deployment_start"].is_string(), "{flying:#}");
    let artifact = flying["artifacts"][0].as_str().unwrap();
    assert!(artifact.contains("auth-service@sha256:"), "{artifact}");
    // 002's fields, and no others.
    let names: Vec<&String> = flying.as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        [
            "artifacts",
            "deployment_start",
            "environments",
            "release_id",
            "rollback_version",
            "status",
            "type"
        ]
    );
    let differing = |served: &Served| {
        let status = served.verb(&["status", PLACE[0], PLACE[1]]).json();
        status["state_files"].clone()
    };
    assert_eq!(differing(&served), Value::Null, "all of them agree");

    // Somebody edits it: that is said, and nothing follows from it.
    let mut edited = flying.clone();
    edited["status"] = json!("deployed");
    edited["ticket"] = json!({"id": "OPS-7"});
    edited["environments"]["qa"] = json!("deployed");
    fs::write(&file, edited.to_string()).unwrap();
    let told = differing(&served);
    let [told] = &told.as_array().unwrap()[..] else {
        panic!("{told:#}");
    };
    let told = told.as_str().unwrap();
    assert!(
        told.contains("v1.3.0.json") && told.contains("not believed"),
        "{told}"
    );
    roll_back(&served);
    let back = read(&file);
    assert_eq!(back["status"], "rolled_back");
    assert_eq!(back["environments"]["production"], "rolled_back");
    assert_eq!(back["environments"]["qa"], "deployed", "theirs");
    assert_eq!(back["ticket"]["id"], "OPS-7", "theirs");
    let production = read(&folder.join("environments/production.json"));
    assert_eq!(
        (&production["version"], &production["number"]),
        (&json!("v1.2.3"), &json!(41))
    );
    assert_eq!(differing(&served), Value::Null);
    let left: Vec<_> = fs::read_dir(folder.join("releases"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains(".tmp"))
        .collect();
    assert_eq!(left, Vec::<String>::new(), "nothing half-written is left");
}

#[test]
fn a_folder_that_cannot_be_written_stops_nothing() {
    let (served, folder) = kept("good");
    fs::write(&folder, "a file where the folder should be").unwrap();
    let requested = served
        .verb(&at("request", &["42", "--reason", "ship it"]))
        .exits(0);
    assert!(
        requested.err.contains("was not written"),
        "{}",
        requested.err
    );
    let before = served.entries();
    let dry = at("cancel", &["--dry-run"]);
    let dry = served.verb(&dry).exits(0);
    assert!(!dry.err.contains("was not written"), "{}", dry.err);
    assert_eq!(served.entries(), before);
}

#[test]
fn two_projects_in_one_folder_are_refused() {
    let (served, folder) = kept("good");
    let key = format!("state_files = {:?}", folder.display().to_string());
    add(&served, "acme/shop/web-front", &key);
    let checked = served.plain(&["config", "check"]).exits(2);
    assert!(
        checked
            .err
            .contains("acme/shop/auth-service keeps its state files there too"),
        "{}",
        checked.err
    );
}

/// Any JSON that a file can hold.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[ -~ä→]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-z_]{1,8}", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn name() -> impl Strategy<Value = String> {
    const OURS: [&str; 5] = ["status", "type", "environments", "artifacts", "version"];
    prop_oneof![
        3 => "[a-z_]{1,8}",
        1 => proptest::sample::select(&OURS[..]).prop_map(str::to_owned),
    ]
}

fn ours(environment: bool) -> StateFile {
    if environment {
        return StateFile::Environment(EnvironmentFile {
            environment: "production".to_owned(),
            version: Some("v1.2.3".to_owned()),
            number: Some(41),
            commit: None,
            image: None,
            since: None,
            others: Map::new(),
        });
    }
    let environments = [
        ("production", Status::Deploying),
        ("staging", Status::Deployed),
    ];
    StateFile::Release(ReleaseFile {
        release_id: "v1.3.0".to_owned(),
        kind: Some("minor".to_owned()),
        status: Status::Deploying,
        environments: environments
            .map(|(name, status)| (name.to_owned(), json!(status)))
            .into_iter()
            .collect(),
        artifacts: vec!["auth@sha256:0".to_owned()],
        rollback_version: Some("v1.2.3".to_owned()),
        deployment_start: None,
        others: Map::new(),
    })
}

proptest! {
    #[test]
    fn what_others_wrote_stays_whatever_it_is(
        theirs in proptest::collection::btree_map(name(), anything(), 0..6),
        environment in any::<bool>(),
    ) {
        let ours = ours(environment);
        let plain = json!(ours);
        let before = Value::Object(theirs.clone().into_iter().collect());
        let text = ours.merged(Some(&before.to_string()));
        prop_assert!(ours.agrees(&text), "{text}");
        let after: Value = serde_json::from_str(&text).unwrap();
        for (name, value) in &theirs {
            if plain.get(name).is_none() {
                prop_assert_eq!(&after[name], value);
            }
        }
        if !environment && let Some(Value::Object(named)) = theirs.get("environments") {
            for (name, value) in named {
                if plain["environments"].get(name).is_none() {
                    prop_assert_eq!(&after["environments"][name], value);
                }
            }
        }
        // Written again, nothing moves.
        prop_assert_eq!(ours.merged(Some(&text)), text);
    }
}
