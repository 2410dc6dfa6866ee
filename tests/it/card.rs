//! The dead-man card (SPEC 8.14): its commands are copied out of the file as a person would, run by a shell without
//! gonogo, and the release goes back.

use std::process::Command;

use serde_json::{Value, json};

use crate::{
    flight::{PLACE, SPEED, at, promote, ready, status, take_off},
    support::{Served, has_kubectl, run, until},
};

/// The lines of one section's block.
fn block(text: &str, section: &str) -> Vec<String> {
    let title = format!("## {section}");
    let from = text
        .find(&title)
        .unwrap_or_else(|| panic!("no section {section} in\n{text}"));
    let (_, rest) = text[from..].split_once("```sh\n").unwrap();
    let (block, _) = rest.split_once("\n```").unwrap();
    block.lines().map(str::to_owned).collect()
}

fn file(served: &Served) -> String {
    let path = served
        .path()
        .join("cards/production-acme-shop-auth-service.md");
    until("the card to be written", || {
        std::fs::read_to_string(&path).ok()
    })
}

/// Line by line in a shell that knows nothing of where it is meant for.
#[track_caller]
fn obey(lines: &[String]) {
    for line in lines {
        run(Command::new("sh")
            .args(["-c", line])
            .env_remove("KUBECONFIG")
            .env("HOME", "/nonexistent")
            .current_dir("/"))
        .exits(0);
    }
}

fn image(rollout: &Value) -> &Value {
    &rollout["spec"]["template"]["spec"]["containers"][0]["image"]
}

/// Everybody is served by that image, and it is the desired one.
fn serves(served: &Served, wanted: &Value) {
    until("the former release to serve everybody", || {
        let workload = status(served)["workload"].clone();
        let back = &workload["image"] == wanted
            && workload["phase"] == "healthy"
            && workload["aborted"] == false;
        back.then_some(())
    });
    let rollout = served.rollout("auth-service");
    assert_eq!(image(&rollout), wanted);
    assert_eq!(
        rollout["status"]["stableRS"], rollout["status"]["currentPodHash"],
        "{rollout:#}"
    );
}

#[test]
fn what_stands_on_the_card_aborts_and_rolls_back_mid_canary() {
    if !has_kubectl() {
        return;
    }
    let served = Served::start("good", SPEED);
    let stable = image(&served.rollout("auth-service")).clone();
    ready(&served);
    take_off(&served);
    let card = file(&served);
    assert!(card.contains("flying, 10 % reached"), "{card}");
    let kubeconfig = served.path().join("kubeconfig");
    let everywhere = card.lines().filter(|line| line.starts_with("kubectl"));
    for line in everywhere {
        for part in [kubeconfig.to_str().unwrap(), "--context ", "-n production"] {
            assert!(line.contains(part), "{part} is not in {line}");
        }
    }
    obey(&block(&card, "Look"));
    obey(&block(&card, "Hold it where it is"));
    assert_eq!(served.rollout("auth-service")["spec"]["paused"], true);
    obey(&block(&card, "Abort"));
    let aborted = served.rollout("auth-service");
    assert_eq!(aborted["status"]["abort"], true);
    assert_ne!(image(&aborted), &stable, "42 stays the desired one");
    obey(&block(
        &card,
        "Roll back to 41 v1.2.3: while it is a canary",
    ));
    serves(&served, &stable);
}

#[test]
fn what_stands_on_the_card_rolls_back_once_everybody_has_it() {
    if !has_kubectl() {
        return;
    }
    let served = Served::start("good", SPEED);
    let stable = image(&served.rollout("auth-service")).clone();
    ready(&served);
    take_off(&served);
    promote(&served, "1");
    let at_half = file(&served);
    assert!(at_half.contains("50 % reached"), "{at_half}");
    promote(&served, "3");
    promote(&served, "5");
    served.until_status(PLACE[0], PLACE[1], "promoted", |target| {
        target["workload"]["phase"] == "healthy"
    });
    // Also the card that was printed before the last stage.
    obey(&block(
        &at_half,
        "Roll back to 41 v1.2.3: once the new one serves everybody",
    ));
    serves(&served, &stable);
}

/// A Deployment goes back in one line; the verb prints the same as the file, and needs no flight.
#[test]
fn a_deployment_goes_back_in_one_line() {
    if !has_kubectl() {
        return;
    }
    let served = Served::start("good", SPEED);
    let args = ["card", "staging", "auth-service"];
    let printed = served.verb(&args).exits(0).json();
    assert_eq!(printed["file"], Value::Null);
    let sections = printed["card"]["sections"].as_array().unwrap().clone();
    let back = sections
        .iter()
        .find(|section| section["id"] == "rollback")
        .unwrap();
    let commands: Vec<String> = back["commands"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line.as_str().unwrap().to_owned())
        .collect();
    obey(&commands);
    let (_, wanted) = commands[0].rsplit_once("app=").unwrap();
    let running = served.until_status("staging", "auth-service", "back", |target| {
        target["workload"]["image"] == json!(wanted.trim_matches('\''))
            && target["workload"]["phase"] == "healthy"
    });
    assert_eq!(running["drift"], true, "gonogo did not do it, and says so");
    let lines = served.plain(&args).exits(0).out;
    assert!(lines.starts_with("# Dead-man card: auth-service in staging"));
    assert!(
        served
            .plain(&at("card", &[]))
            .exits(0)
            .out
            .contains("```sh"),
        "also where nothing is under way"
    );
}
