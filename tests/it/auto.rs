//! Auto-deploy: what an environment that follows its releases would fly, what it leaves alone, in whose name it acts,
//! and a whole flight by `gonogo follow`.

use std::process::Stdio;

use gonogo::{
    domain::{
        entry::Body,
        release::Release,
        workspace::{Actor, IdentityMeans, Workspace},
    },
    policy::{
        auto,
        decide::{Command, decide},
    },
};

use crate::fixture::{self, Story, actor, at, target};
use crate::support::{Served, gonogo};

fn following(tags: &[&str]) -> Story {
    let mut workspace: Workspace = fixture::workspace();
    for environment in &mut workspace.environments {
        environment.policy.auto_deploy = true;
        environment.policy.auto_deploy_tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
    }
    Story::of(workspace)
}

fn wanted(story: &Story, environment: &str) -> Option<u64> {
    let id = target(environment, "auth-service");
    let facts = story.cockpit.known.facts(&id, story.cockpit.now).unwrap();
    auto::wanted(&facts).map(|release: &Release| release.number)
}

fn request(story: &Story, environment: &str) -> Command {
    Command::Request {
        plan: Box::new(story.plan(&target(environment, "auth-service"), 43)),
        reason: "follows".to_owned(),
    }
}

#[test]
fn it_wants_the_newest_release_that_may_enter_and_only_forward() {
    let story = following(&[]);
    assert_eq!(wanted(&story, "staging"), Some(43), "42 is live there");
    assert_eq!(wanted(&story, "dev"), None, "the newest is live there");
    assert_eq!(
        wanted(&story, "production"),
        None,
        "nothing protected follows by itself"
    );
    assert_eq!(wanted(&fixture::calm(), "staging"), None, "nobody said so");
    assert_eq!(
        wanted(&following(&["v*"]), "staging"),
        None,
        "43 has no tag, and 42 is live"
    );
    let mut strict = following(&[]);
    for place in strict.cockpit.known.environments.values_mut() {
        place.in_force.policy.allowed_branches = vec!["release/*".to_owned()];
    }
    assert_eq!(
        wanted(&strict, "staging"),
        None,
        "no release of such a branch"
    );
}

#[test]
fn what_was_tried_here_waits_for_a_person() {
    let id = target("staging", "auth-service");
    let asked = |story: &mut Story| {
        let plan = story.plan(&id, 43);
        let deployment = story.cockpit.known.targets[&id]
            .state
            .next_deployment("staging", "auth-service");
        let body = Body::Requested {
            deployment: deployment.clone(),
            plan: Box::new(plan),
            reason: "follows".to_owned(),
        };
        let automatic = auto::actor(&id.environment, "bastion");
        story.enter(&id, at("14:00:00"), &automatic, body);
        deployment
    };
    let mut story = following(&[]);
    let deployment = asked(&mut story);
    assert_eq!(wanted(&story, "staging"), None, "one at a time");
    let facts = story.cockpit.known.facts(&id, story.cockpit.now).unwrap();
    assert_eq!(auto::own(&facts), Some(deployment.clone()));
    let cancelled = Body::Cancelled {
        deployment,
        reason: Some("not today".to_owned()),
    };
    story.enter(&id, at("14:01:00"), &actor("dana"), cancelled);
    assert_eq!(wanted(&story, "staging"), None, "a person cancelled it");

    let mut story = following(&[]);
    let release = Box::new(story.plan(&id, 43)).release;
    let grounded = Body::Grounded {
        release,
        reason: "it eats sessions".to_owned(),
    };
    story.enter(&id, at("14:01:00"), &actor("dana"), grounded);
    assert_eq!(wanted(&story, "staging"), None, "grounded");
}

#[test]
fn its_name_is_good_for_nothing_else_and_nobody_can_take_it() {
    let story = following(&[]);
    let id = target("staging", "auth-service");
    let facts = story.cockpit.known.facts(&id, story.cockpit.now).unwrap();
    let automatic = auto::actor(&id.environment, "bastion");
    let command = request(&story, "staging");
    assert!(decide(&command, &facts, &automatic).is_ok());
    let claimed = Actor {
        means: IdentityMeans::Claimed,
        ..automatic.clone()
    };
    assert_eq!(
        decide(&command, &facts, &claimed).unwrap_err().rule,
        "role.person"
    );
    let waive = Command::RecordPolicy {
        reason: "because".to_owned(),
    };
    assert_eq!(
        decide(&waive, &facts, &automatic).unwrap_err().rule,
        "role.person"
    );
    // Not where it is not configured, nor where it is protected.
    for (story, environment) in [(fixture::calm(), "staging"), (following(&[]), "production")] {
        let id = target(environment, "auth-service");
        let facts = story.cockpit.known.facts(&id, story.cockpit.now).unwrap();
        let automatic = auto::actor(&id.environment, "bastion");
        let refused = decide(&request(&story, environment), &facts, &automatic);
        assert_eq!(refused.unwrap_err().rule, "role.person", "{environment}");
    }
}

#[test]
fn a_release_is_followed_from_request_to_close() {
    let served = Served::start("good", 200);
    let refused = served.verb(&["follow", "staging", "--once"]).exits(3);
    assert!(
        refused.err.contains("does not deploy by itself"),
        "{}",
        refused.err
    );
    let file = served.path().join("gonogo.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let allowed = "allowed_branches = [\"main\", \"release/*\", \"hotfix/*\"]\n";
    let changed = text.replace(allowed, &format!("{allowed}auto_deploy = true\n"));
    assert!(text != changed, "the line is there");
    std::fs::write(&file, changed).unwrap();
    let before = served.status("staging", "auth-service");
    let watcher = served.verb_as("kim", &["follow", "staging", "auth-service", "--once"]);
    assert!(watcher.exits(3).err.contains("operate"));
    served
        .verb(&["follow", "staging", "auth-service", "--once"])
        .exits(0);
    let after = served.status("staging", "auth-service");
    assert_eq!(
        after["deployment"],
        serde_json::Value::Null,
        "closed: {after}"
    );
    let number = |status: &serde_json::Value| status["live"]["release"]["number"].as_u64().unwrap();
    assert!(number(&after) > number(&before), "{before}\n{after}");
    let story = served
        .verb(&["timeline", "staging", "auth-service"])
        .exits(0)
        .out;
    assert!(story.contains("auto:staging requested release"), "{story}");
    // Nothing newer: nothing is done.
    served
        .verb(&["follow", "staging", "auth-service", "--once"])
        .exits(0);
    assert_eq!(
        served.status("staging", "auth-service")["live"],
        after["live"]
    );
}

/// An open cockpit that was told to does the same, and two that follow do nothing twice.
#[test]
fn an_open_cockpit_follows_where_it_was_told_to() {
    let served = Served::start("good", 200);
    let file = served.path().join("gonogo.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let allowed = "allowed_branches = [\"main\", \"release/*\", \"hotfix/*\"]\n";
    let deploys = text.replace(allowed, &format!("{allowed}auto_deploy = true\n"));
    assert!(text != deploys, "the line is there");
    std::fs::write(&file, format!("{deploys}\n[screen]\nfollow = true\n")).unwrap();
    let before = served.status("staging", "auth-service");
    let open = || {
        gonogo(&["--config"])
            .arg(&file)
            .args(["--plain", "--as", "dana"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let mut cockpits = [open(), open()];
    let number = |status: &serde_json::Value| status["live"]["release"]["number"].as_u64();
    let after = served.until_status("staging", "auth-service", "flown by itself", |status| {
        number(status) > number(&before) && status["deployment"].is_null()
    });
    for cockpit in &mut cockpits {
        // The end of its input is the end of it.
        drop(cockpit.stdin.take());
        let _ = cockpit.kill();
        cockpit.wait().unwrap();
    }
    let story = served.verb(&["timeline", "staging", "auth-service"]);
    let story = story.exits(0).out;
    let requested = format!("auto:staging requested release {}", number(&after).unwrap());
    assert_eq!(story.matches(&requested).count(), 1, "{story}");
}
