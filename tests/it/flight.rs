//! Whole flights by verbs alone, against the served practice cluster: exit codes, JSON, and what the platform says
//! itself. Where kubectl is, it is asked too.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{self, Ran, Served, has_kubectl, until};

/// Bakes of a second, windows of six.
pub const SPEED: u32 = 600;
pub const PLACE: [&str; 2] = ["production", "auth-service"];

/// `VERB production auth-service …`
pub fn at<'a>(verb: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
    [&[verb], &PLACE[..], rest].concat()
}

/// What flies goes back, and it is waited for.
pub fn roll_back(served: &Served) -> Ran {
    let words = [
        "--reason",
        "data integrity issues",
        "--yes",
        "--confirm",
        "production",
        "--wait",
    ];
    served.verb(&at("rollback", &words))
}

/// Figures of a healthy release may be over a limit by chance for a window; that is asked again. Nothing else is.
#[track_caller]
fn when_figures_allow(served: &Served, args: &[&str]) -> Ran {
    for _ in 0..5 {
        let ran = served.verb(args);
        if ran.code != Some(3) || !ran.rule().starts_with("metric.") {
            return ran.exits(0);
        }
    }
    panic!("{args:?}: the figures of a good release stayed bad");
}

/// Requested by dana, approved by lee and sam, all checks done.
#[track_caller]
pub fn ready(served: &Served) -> String {
    let requested = served
        .verb(&at("request", &["42", "--reason", "ship it"]))
        .exits(0)
        .json();
    let plan = requested["plan"].as_str().unwrap().to_owned();
    for who in ["lee", "sam"] {
        let args = at("approve", &["--plan", &plan, "--reason", "read it"]);
        served.verb_as(who, &args).exits(0);
    }
    for item in [
        "oncall.confirmed",
        "stakeholders.notified",
        "rollback.reviewed",
    ] {
        served.verb(&at("check", &[item])).exits(0);
    }
    plan
}

/// Takes off and waits; the last object.
#[track_caller]
pub fn take_off(served: &Served) -> Value {
    let args = at(
        "deploy",
        &["42", "--yes", "--confirm", "42", "--sample", "--wait"],
    );
    when_figures_allow(served, &args).json()["target"].clone()
}

#[track_caller]
pub fn promote(served: &Served, step: &str) -> Value {
    let args = at("promote", &["--step", step, "--yes", "--sample", "--wait"]);
    when_figures_allow(served, &args).json()["target"].clone()
}

pub fn status(served: &Served) -> Value {
    served.status(PLACE[0], PLACE[1])
}

fn gate<'a>(object: &'a Value, id: &str) -> &'a Value {
    let gates = object["gates"].as_array().unwrap();
    gates
        .iter()
        .find(|gate| gate["id"] == id)
        .unwrap_or_else(|| panic!("no gate {id}: {gates:#?}"))
}

pub fn sentence(object: &Value) -> &str {
    object["sentence"].as_str().unwrap_or_default()
}

/// What a change of the rollout's desired state would move.
fn generation(served: &Served) -> Value {
    served.rollout("auth-service")["metadata"]["generation"].clone()
}

fn image(rollout: &Value) -> &Value {
    &rollout["spec"]["template"]["spec"]["containers"][0]["image"]
}

/// kubectl and `gonogo status` agree about the rollout.
#[track_caller]
fn agree(served: &Served, kubectl: bool) {
    if !kubectl {
        return;
    }
    // The world goes on between two questions: asked until both saw the same.
    until("kubectl to agree with gonogo status", || {
        let ours = status(served);
        let theirs = served.kubectl_json(&["get", "rollouts", "-n", "production"]);
        let items = theirs["items"].as_array().unwrap();
        let rollout = items
            .iter()
            .find(|item| item["metadata"]["name"] == "auth-service")?;
        let stable = rollout["status"]["stableRS"].as_str()?;
        let label = format!("rollouts-pod-template-hash={stable}");
        let sets = served.kubectl_json(&["get", "rs", "-n", "production", "-l", &label]);
        let stable_image = image(&sets["items"][0]);
        let workload = &ours["workload"];
        let same = workload["step"] == rollout["status"]["currentStepIndex"]
            && workload["image"] == *image(rollout)
            && ours["running"]["image"] == *stable_image
            && workload["aborted"] == rollout["status"]["abort"].as_bool().unwrap_or(false)
            && workload["paused"] == rollout["spec"]["paused"].as_bool().unwrap_or(false)
            && workload["updated"].as_u64()
                == Some(rollout["status"]["updatedReplicas"].as_u64().unwrap_or(0))
            && workload["available"] == rollout["status"]["availableReplicas"];
        same.then_some(())
    });
}

/// The images that pods of auth-service in production run.
fn pod_images(served: &Served) -> Vec<String> {
    let path = "/api/v1/namespaces/production/pods?labelSelector=app%3Dauth-service";
    let pods = served.api("GET", path, &Value::Null);
    let image = |pod: &Value| {
        pod["spec"]["containers"][0]["image"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    pods["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(image)
        .collect()
}

fn timeline(served: &Served) -> Vec<String> {
    let entries = served
        .verb(&at("timeline", &["--format", "json"]))
        .exits(0)
        .json();
    let entries = entries["entries"].as_array().unwrap();
    entries
        .iter()
        .map(|entry| sentence(entry).to_owned())
        .collect()
}

#[test]
fn a_good_flight_by_verbs_alone() {
    let kubectl = has_kubectl();
    let served = Served::start("good", SPEED);
    let before = status(&served);
    assert_eq!(
        (&before["running"]["number"], &before["deployment"]),
        (&json!(41), &Value::Null)
    );
    agree(&served, kubectl);

    // NO-GO, with its reasons; nothing is stored by looking.
    let entries = served.entries();
    let plan = served.verb(&at("plan", &["42"])).exits(3).json();
    assert_eq!(
        (&plan["go"], &plan["release"]["number"]),
        (&json!(false), &json!(42))
    );
    for (id, verdict) in [
        ("release.digest", "pass"),
        ("order.verified", "pass"),
        ("target.health", "pass"),
        ("approvals", "fail"),
        ("checklist", "fail"),
        ("metric.error_rate", "unknown"),
        ("metric.latency_p99", "unknown"),
    ] {
        assert_eq!(gate(&plan, id)["verdict"], verdict, "{:#}", plan["gates"]);
    }
    let planned = plan["digest"].as_str().unwrap().to_owned();
    served
        .verb(&at("request", &["42", "--reason", "x", "--dry-run"]))
        .exits(0);
    served
        .verb(&at(
            "deploy",
            &["42", "--yes", "--confirm", "42", "--dry-run", "--wait"],
        ))
        .exits(0);
    served.verb(&at("plan", &["nonsense"])).exits(4);
    served
        .verb(&["plan", "production", "no-such-project", "42"])
        .exits(4);
    assert_eq!(served.entries(), entries, "looking wrote nothing");

    // Requested, once.
    let requested = served
        .verb(&at("request", &["v1.3.0", "--reason", "ship it"]))
        .exits(0)
        .json();
    assert_eq!(
        (&requested["plan"], &requested["go"]),
        (&json!(planned), &json!(false))
    );
    for (who, name) in [("dana", "42"), ("lee", "41")] {
        let second = served
            .verb_as(who, &at("request", &[name, "--reason", "me too"]))
            .exits(5);
        assert_eq!(second.rule(), "target.idle");
        assert!(
            second.sentence().contains("requested by dana"),
            "{}",
            second.sentence()
        );
    }
    let waiting = status(&served)["deployment"]["waiting"].clone();
    assert_eq!(waiting["mover"], "you");
    assert!(sentence(&waiting).contains("0 of 2 approvals"), "{waiting}");

    // Decided on exactly that plan, by people who may.
    let approve = |who: &str, plan: &str| {
        served.verb_as(
            who,
            &at("approve", &["--plan", plan, "--reason", "read it"]),
        )
    };
    let other = format!("sha256:{}", "0".repeat(64));
    assert_eq!(approve("lee", &other).exits(5).rule(), "plan.digest");
    assert_eq!(approve("lee", "sha256:abc").exits(5).rule(), "plan.digest");
    assert_eq!(
        served
            .verb_as("lee", &at("approve", &["--reason", "blind"]))
            .exits(2)
            .rule(),
        "plan.digest"
    );
    assert_eq!(approve("zoe", &planned).exits(3).rule(), "role.person");
    assert_eq!(approve("kim", &planned).exits(3).rule(), "role.approve");
    approve("dana", &planned).exits(0);
    let plan = served.verb(&at("plan", &[])).exits(3).json();
    let approvals = sentence(gate(&plan, "approvals"));
    assert!(
        approvals.contains("0 of 2") && approvals.contains("dana requested it and does not count"),
        "{approvals}"
    );
    approve("lee", &planned).exits(0);
    assert_eq!(approve("lee", &planned).exits(3).rule(), "approvals.once");
    served
        .verb_as(
            "sam",
            &at("reject", &["--plan", &planned, "--reason", "wait"]),
        )
        .exits(0);
    let plan = served.verb(&at("plan", &["42"])).exits(3).json();
    assert!(sentence(gate(&plan, "approvals")).contains("sam says NO-GO: wait"));
    served
        .verb_as("sam", &at("withdraw", &["--plan", &planned]))
        .exits(0);
    approve("sam", &planned[7..19]).exits(0);

    // The checklist.
    assert_eq!(
        served.verb(&at("check", &["no.such.item"])).exits(4).rule(),
        "checklist"
    );
    assert_eq!(
        served.verb(&at("check", &["verify.smoke"])).exits(3).rule(),
        "verification.order"
    );
    assert_eq!(
        served.verb(&at("check", &["verify.pods"])).exits(3).rule(),
        "verification.order"
    );
    for item in [
        "oncall.confirmed",
        "stakeholders.notified",
        "rollback.reviewed",
    ] {
        served.verb(&at("check", &[item])).exits(0);
    }
    assert_eq!(
        served
            .verb(&at("check", &["oncall.confirmed"]))
            .exits(5)
            .rule(),
        "checklist.done"
    );
    served
        .verb(&at(
            "reopen",
            &["oncall.confirmed", "--reason", "shift change"],
        ))
        .exits(0);
    let plan = served.verb(&at("plan", &[])).exits(3).json();
    assert!(sentence(gate(&plan, "checklist")).contains("oncall.confirmed"));
    served.verb(&at("check", &["oncall.confirmed"])).exits(0);
    assert_eq!(
        served
            .verb_as("lee", &at("waive", &["approvals", "--reason", "now"]))
            .exits(3)
            .rule(),
        "waiver.never"
    );

    // GO, once there are figures.
    let go = until("GO", || {
        let ran = served.verb(&at("plan", &["42", "--sample"]));
        (ran.code == Some(0)).then(|| ran.json())
    });
    assert_eq!((&go["go"], &go["digest"]), (&json!(true), &json!(planned)));

    // Not by accident, and not by rehearsing it.
    let (entries, generation_before) = (served.entries(), generation(&served));
    let args = at("deploy", &["42", "--yes", "--sample"]);
    let unconfirmed = until("the confirmation to be asked for", || {
        let ran = served.verb(&args);
        (ran.code != Some(3)).then_some(ran)
    });
    assert_eq!(unconfirmed.exits(2).rule(), "confirm");
    let args = at(
        "deploy",
        &[
            "42",
            "--yes",
            "--confirm",
            "42",
            "--sample",
            "--dry-run",
            "--wait",
        ],
    );
    let dry = when_figures_allow(&served, &args).json();
    let request = dry["requests"][0].as_str().unwrap();
    assert!(
        request.starts_with(
            "PATCH /apis/argoproj.io/v1alpha1/namespaces/production/rollouts/auth-service"
        ),
        "{request}"
    );
    assert_eq!(
        (served.entries(), generation(&served)),
        (entries, generation_before)
    );
    assert_eq!(status(&served)["deployment"]["state"], "requested");

    // Off, and at rest at 10 %.
    let target = take_off(&served);
    let (flight, workload) = (&target["deployment"], &target["workload"]);
    assert_eq!(
        (&flight["state"], &flight["stage"]),
        (&json!("flying"), &json!(10))
    );
    assert_eq!(
        (&workload["step"], &workload["weight"]),
        (&json!(1), &json!(10))
    );
    agree(&served, kubectl);
    let again = served
        .verb(&at(
            "deploy",
            &["42", "--yes", "--confirm", "42", "--sample"],
        ))
        .exits(5);
    assert_eq!(again.rule(), "flight.state");

    // A promotion says what it is meant for.
    assert_eq!(
        served.verb(&at("promote", &["--yes"])).exits(2).rule(),
        "promote.step"
    );
    assert_eq!(
        served
            .verb(&at("promote", &["--yes", "--step", "3"]))
            .exits(3)
            .rule(),
        "promote.step"
    );
    let blind = served
        .verb(&at("promote", &["--yes", "--step", "1"]))
        .exits(3);
    assert!(
        blind.sentence().contains("not asked yet"),
        "no data is no pass: {}",
        blind.sentence()
    );
    assert_eq!(
        served
            .verb_as("kim", &at("promote", &["--yes", "--step", "1"]))
            .exits(3)
            .rule(),
        "role.operate"
    );

    let half = promote(&served, "1");
    assert_eq!(
        (&half["deployment"]["stage"], &half["workload"]["step"]),
        (&json!(50), &json!(3))
    );
    agree(&served, kubectl);
    let twice = served
        .verb_as("lee", &at("promote", &["--yes", "--step", "1"]))
        .exits(5);
    assert!(
        twice.sentence().contains("already promoted by dana"),
        "{}",
        twice.sentence()
    );
    let full = promote(&served, "3");
    assert_eq!(
        (&full["deployment"]["stage"], &full["workload"]["step"]),
        (&json!(100), &json!(5))
    );
    agree(&served, kubectl);
    assert_eq!(
        served.verb(&at("close", &[])).exits(3).rule(),
        "flight.state"
    );

    // The last step; then verified by probes, one item by a person.
    let verifying = promote(&served, "5");
    assert_eq!(verifying["deployment"]["state"], "verifying");
    assert!(
        sentence(&verifying["deployment"]["waiting"]).contains("verify.smoke"),
        "{verifying}"
    );
    assert_eq!(verifying["running"]["number"], 42);
    agree(&served, kubectl);
    served.verb(&at("check", &["verify.smoke"])).exits(0);
    let early = served.verb(&at("fly", &["--timeout", "1"])).exits(7);
    assert!(early.err.contains("still under way"), "{}", early.err);
    served.verb(&at("fly", &[])).exits(0);
    let closed = status(&served);
    assert_eq!(
        (&closed["deployment"], &closed["live"]["release"]["number"]),
        (&Value::Null, &json!(42))
    );
    assert_eq!(served.verb(&at("fly", &[])).exits(4).rule(), "target.idle");

    // The record.
    let told = timeline(&served);
    let order = [
        "dana requested release 42 v1.3.0: ship it",
        "lee: GO: read it",
        "sam: NO-GO: wait",
        "sam: GO: read it",
        "stage 1 reached",
        "stage 2 reached",
        "stage 3 reached",
        "the new release serves everybody",
        "verify.pods passed",
        "verify.health passed",
        "verify.metrics passed",
        "dana checked verify.smoke",
        "verified; monitoring begins",
        "deployment closed",
    ];
    let mut rest = told.iter().skip_while(|line| !line.starts_with(order[0]));
    for wanted in order {
        assert!(
            rest.any(|line| line.starts_with(wanted)),
            "{wanted} is missing or out of order: {told:#?}"
        );
    }
    let markdown = served.plain(&at("timeline", &[])).exits(0).out;
    assert!(
        markdown.starts_with("# Timeline of production/acme/shop/auth-service\n")
            && markdown.contains(" dana requested release 42"),
        "{markdown}"
    );
    assert_eq!(
        served.verb(&["audit", "verify"]).exits(0).json()["whole"],
        true
    );

    // Back, without asking anybody, by the shortest way.
    let back = |rest: &[&str]| served.verb(&at("rollback", rest));
    assert_eq!(
        back(&["--reason", "logins fail", "--yes"]).exits(2).rule(),
        "confirm"
    );
    assert_eq!(
        back(&["--reason", " ", "--yes", "--confirm", "production"])
            .exits(2)
            .rule(),
        "rollback.reason"
    );
    back(&["--yes", "--confirm", "production"]).exits(2);
    let entries = served.entries();
    let dry = back(&["--reason", "logins fail", "--dry-run"])
        .exits(0)
        .json();
    assert_eq!(
        dry["requests"].as_array().unwrap().len(),
        3,
        "image, wait, promoteFull: {dry:#}"
    );
    assert_eq!(served.entries(), entries);
    served.api("DELETE", "/rehearsal/requests", &Value::Null);
    let ended = back(&[
        "--reason",
        "logins fail",
        "--yes",
        "--confirm",
        "production",
        "--wait",
    ])
    .exits(0)
    .json();
    assert_eq!(
        (
            &ended["target"]["deployment"],
            &ended["target"]["running"]["number"]
        ),
        (&Value::Null, &json!(41))
    );
    let writes = served
        .api("GET", "/rehearsal/requests", &Value::Null)
        .to_string();
    assert!(
        writes.contains("promoteFull") && !writes.contains("pauseConditions"),
        "all steps at once: {writes}"
    );
    let after = status(&served);
    assert_eq!(
        after["workload"]["image"], before["workload"]["image"],
        "the image of 41"
    );
    assert_eq!(after["workload"]["phase"], "healthy");
    assert_eq!(after["grounded"], json!([go["release"]["commit"]]));
    until("only pods of 41", || {
        pod_images(&served)
            .iter()
            .all(|image| before["workload"]["image"] == **image)
            .then_some(())
    });
    agree(&served, kubectl);
    assert_eq!(
        served.verb(&["audit", "verify"]).exits(0).json()["whole"],
        true
    );
}

#[test]
fn a_bad_canary_is_held_at_half_aborted_and_rolled_back() {
    let kubectl = has_kubectl();
    let served = Served::start("bad-canary", SPEED);
    let stable = status(&served)["workload"]["image"].clone();
    ready(&served);
    take_off(&served);
    let half = promote(&served, "1");
    assert_eq!(half["deployment"]["stage"], 50);

    for more in [
        &["--step", "3", "--yes", "--sample"][..],
        &["--full", "--yes", "--confirm", "42", "--sample"],
    ] {
        let refused = served.verb(&at("promote", more)).exits(3);
        assert!(refused.rule().starts_with("metric."), "{}", refused.out);
        let why = refused.sentence();
        assert!(
            why.contains("error rate of canary") && why.contains("limit 0.10 %"),
            "{why}"
        );
    }
    assert_eq!(status(&served)["workload"]["step"], 3);

    // Whoever may stop it may abort it, and nobody is asked to type.
    assert_eq!(
        served.verb_as("kim", &at("abort", &[])).exits(2).rule(),
        "confirm"
    );
    served.verb_as("kim", &at("abort", &["--yes"])).exits(0);
    assert_eq!(
        served.verb(&at("abort", &["--yes"])).exits(5).rule(),
        "abort.done"
    );
    let aborted = served.until_status(PLACE[0], PLACE[1], "aborted", |target| {
        target["deployment"]["state"] == "aborted" && target["workload"]["aborted"] == true
    });
    assert!(sentence(&aborted["deployment"]["waiting"]).contains("stays desired"));
    assert_ne!(aborted["workload"]["image"], stable, "42 is still desired");
    until("stable to serve everybody", || {
        let images = pod_images(&served);
        (images.len() == 10 && images.iter().all(|image| stable == **image)).then_some(())
    });
    agree(&served, kubectl);
    assert_eq!(
        served
            .verb(&at("promote", &["--step", "3", "--yes"]))
            .exits(3)
            .rule(),
        "flight.state"
    );
    let full = at("promote", &["--full", "--yes", "--confirm", "42"]);
    assert_eq!(served.verb(&full).exits(3).rule(), "promote.aborted");
    assert_eq!(
        served
            .verb_as("kim", &at("retry", &["--yes"]))
            .exits(3)
            .rule(),
        "role.operate"
    );

    // Again from the first stage, and back for good from there.
    let alone = served.verb(&at("retry", &["--yes"])).exits(5);
    assert_eq!(alone.rule(), "controls.absent");
    served
        .verb(&at("retry", &["--yes", "--take-over"]))
        .exits(0);
    let again = served.until_status(PLACE[0], PLACE[1], "at its first step again", |target| {
        target["workload"]["step"] == 1 && target["workload"]["phase"] == "paused"
    });
    // Reached while nobody attended is said, and not written by reading.
    let flight = &again["deployment"];
    let unattended = sentence(&flight["waiting"]).contains("nobody attends");
    assert!(flight["stage"] == 10 || unattended, "{flight:#}");
    assert_eq!(
        served.verb(&at("retry", &["--yes"])).exits(5).rule(),
        "retry.aborted"
    );
    agree(&served, kubectl);
    let back = at(
        "rollback",
        &[
            "--reason",
            "errors",
            "--yes",
            "--confirm",
            "production",
            "--wait",
        ],
    );
    let ended = served.verb_as("kim", &back).exits(0).json();
    assert_eq!(ended["target"]["deployment"], Value::Null);
    let after = status(&served);
    assert_eq!(
        (&after["workload"]["image"], &after["workload"]["aborted"]),
        (&stable, &json!(false))
    );
    assert_eq!(after["live"]["release"]["number"], 41);
    agree(&served, kubectl);

    // Grounded, until a person says otherwise.
    let plan = served.verb(&at("plan", &["42"])).exits(3).json();
    let grounded = gate(&plan, "release.grounded");
    assert_eq!(grounded["verdict"], "fail");
    assert!(
        sentence(grounded).contains("rolled back here by kim"),
        "{grounded}"
    );
    assert_eq!(
        served.verb(&at("retry", &["--yes"])).exits(4).rule(),
        "target.idle"
    );
    assert_eq!(
        served.verb(&["audit", "verify"]).exits(0).json()["whole"],
        true
    );
}

#[test]
fn a_hold_is_ours_to_take_off_and_nobody_elses() {
    let served = Served::start("good", SPEED);
    let stable = status(&served)["workload"]["image"].clone();
    ready(&served);

    // Interrupted while it samples: nothing is done after that.
    let untouched = generation(&served);
    let config = served.path().join("gonogo.toml");
    let mut sampling = support::gonogo(&at(
        "deploy",
        &["42", "--yes", "--confirm", "42", "--sample", "--config"],
    ));
    let mut sampling = sampling
        .arg(config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let id = sampling.id().to_string();
    until("the signal to be listened for", || {
        let said = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let caught = said
            .lines()
            .find_map(|line| line.strip_prefix("SigCgt:"))
            .unwrap();
        (u64::from_str_radix(caught.trim(), 16).unwrap() & 0b10 != 0).then_some(())
    });
    Command::new("kill").args(["-INT", &id]).status().unwrap();
    let code = until("the interrupted verb to end", || {
        sampling.try_wait().unwrap()
    })
    .code();
    assert_eq!((code, generation(&served)), (Some(130), untouched));

    take_off(&served);
    let held = served.verb(&at("hold", &[])).exits(0).json();
    assert_eq!(
        (&held["act"], &held["target"]["workload"]["held_by"]),
        (&json!("hold"), &json!("dana"))
    );
    assert_eq!(served.rollout("auth-service")["spec"]["paused"], true);
    let again = served.verb_as("lee", &at("hold", &[])).exits(5);
    assert!(
        again.sentence().contains("held already, by dana"),
        "{}",
        again.sentence()
    );
    let refused = served
        .verb(&at("promote", &["--step", "1", "--yes", "--sample"]))
        .exits(3);
    assert_eq!(refused.rule(), "promote.held");
    let waiting = status(&served)["deployment"]["waiting"].clone();
    assert!(
        sentence(&waiting).contains("held on the platform by dana"),
        "{waiting}"
    );
    served.verb(&at("resume", &[])).exits(2);
    served
        .verb_as("lee", &at("resume", &["--yes", "--take-over"]))
        .exits(0);
    let rollout = served.rollout("auth-service");
    assert!(
        !rollout["spec"]["paused"].as_bool().unwrap_or(false),
        "{:#}",
        rollout["spec"]
    );
    assert_eq!(
        rollout["status"]["currentStepIndex"], 1,
        "the step's own pause stays"
    );
    assert_eq!(
        served.verb(&at("resume", &["--yes"])).exits(5).rule(),
        "resume.held"
    );

    // Somebody else's pause.
    let pause = |paused: bool| {
        let path = "/apis/argoproj.io/v1alpha1/namespaces/production/rollouts/auth-service";
        served.api("PATCH", path, &json!({"spec": {"paused": paused}}));
    };
    pause(true);
    assert_eq!(
        served.verb(&at("resume", &["--yes"])).exits(3).rule(),
        "resume.ours"
    );
    assert_eq!(served.verb(&at("hold", &[])).exits(5).rule(), "hold.held");
    let refused = served
        .verb(&at("promote", &["--step", "1", "--yes", "--sample"]))
        .exits(3);
    assert!(
        refused.sentence().contains("somebody outside gonogo"),
        "{}",
        refused.sentence()
    );
    assert_eq!(served.rollout("auth-service")["spec"]["paused"], true);

    // Back all the same; what it waits for is said, and it ends when that is gone.
    let back = at(
        "rollback",
        &[
            "--reason",
            "changed our minds",
            "--yes",
            "--confirm",
            "production",
            "--wait",
        ],
    );
    let stuck = served.verb(&back).exits(0).json();
    assert_eq!(
        served.rollout("auth-service")["spec"]["paused"],
        true,
        "not ours"
    );
    let ended = stuck["target"]["deployment"].is_null();
    if !ended {
        let waiting = &stuck["target"]["deployment"]["waiting"];
        assert_eq!(waiting["mover"], "you");
        assert!(
            sentence(waiting).contains("held on the platform by somebody outside gonogo"),
            "{waiting}"
        );
        pause(false);
        // A flight that ended rolled back is no success of the flight.
        served.verb(&at("fly", &[])).exits(1);
    }
    let after = status(&served);
    assert_eq!(
        (&after["deployment"], &after["workload"]["image"]),
        (&Value::Null, &stable)
    );
}

#[test]
fn a_deployment_rolls_out_and_back_and_kubectl_agrees() {
    let kubectl = has_kubectl();
    let served = Served::start("good", SPEED);
    let place = ["staging", "auth-service"];
    let status = || served.status(place[0], place[1]);
    let before = status();
    assert_eq!(before["running"]["number"], 42);
    let deployed_image = || {
        let path = "/apis/apps/v1/namespaces/staging/deployments/auth-service";
        image(&served.api("GET", path, &Value::Null)).clone()
    };

    let args = [
        "deploy",
        "stage",
        "auth-service",
        "main-43",
        "--reason",
        "next",
        "--yes",
        "--sample",
        "--wait",
    ];
    when_figures_allow(&served, &args);
    let after = status();
    assert_eq!(
        (&after["deployment"], &after["live"]["release"]["number"]),
        (&Value::Null, &json!(43))
    );
    assert_eq!(
        (&after["running"]["number"], &after["workload"]["image"]),
        (&json!(43), &deployed_image())
    );
    assert_eq!(
        served
            .verb(&["abort", "staging", "auth-service", "--yes"])
            .exits(4)
            .rule(),
        "target.idle"
    );

    let back = [
        "rollback",
        "staging",
        "auth-service",
        "--reason",
        "tried it",
        "--yes",
        "--wait",
    ];
    served.verb(&back).exits(0);
    let after = status();
    assert_eq!(
        (&after["deployment"], &after["running"]["number"]),
        (&Value::Null, &json!(42))
    );
    assert_eq!(deployed_image(), before["workload"]["image"]);
    let line = served
        .plain(&["status", "staging", "auth-service"])
        .exits(0)
        .out;
    assert!(
        line.contains("42 v1.3.0") && !line.contains("drift"),
        "{line}"
    );
    if !kubectl {
        return;
    }

    let rollout = |verb: &[&str]| {
        served
            .kubectl(
                &[
                    &["-n", "staging", "rollout"],
                    verb,
                    &["deployment/auth-service"],
                ]
                .concat(),
            )
            .exits(0)
            .out
    };
    assert!(rollout(&["status"]).contains("successfully rolled out"));
    assert!(rollout(&["history"]).contains("REVISION"));
    let theirs = served.kubectl_json(&["-n", "staging", "get", "deployment", "auth-service"]);
    assert_eq!(
        (image(&theirs), &theirs["status"]["availableReplicas"]),
        (&after["workload"]["image"], &after["workload"]["available"])
    );

    // Past our backs: seen, and said.
    assert!(rollout(&["undo"]).contains("rolled back"));
    assert!(rollout(&["status"]).contains("successfully rolled out"));
    let drifted = served.until_status(place[0], place[1], "seen to be 43 again", |target| {
        target["running"]["number"] == 43
    });
    assert_eq!(
        (&drifted["live"]["release"]["number"], &drifted["drift"]),
        (&json!(42), &json!(true))
    );
    let line = served
        .plain(&["status", "staging", "auth-service"])
        .exits(0)
        .out;
    assert!(
        line.contains("43 main-43") && line.contains("drift: the ledger says 42 v1.3.0"),
        "{line}"
    );
    let plan = served
        .verb(&["plan", "staging", "auth-service", "43"])
        .exits(3)
        .json();
    assert_eq!(gate(&plan, "release.grounded")["verdict"], "fail");
}

#[test]
fn pods_that_crash_reach_no_stage_and_abort_works() {
    let served = Served::start("crash-loop", SPEED);
    ready(&served);
    let target = take_off(&served);
    let flight = &target["deployment"];
    assert_eq!(
        (&flight["state"], &flight["stage"]),
        (&json!("flying"), &Value::Null)
    );
    assert_eq!(flight["waiting"]["mover"], "you");
    assert!(
        sentence(&flight["waiting"]).contains("CrashLoopBackOff"),
        "{flight:#}"
    );
    let refused = served
        .verb(&at("promote", &["--step", "0", "--yes", "--sample"]))
        .exits(3);
    assert_eq!(refused.rule(), "promote.moving");
    let full = served
        .verb(&at(
            "promote",
            &["--full", "--yes", "--confirm", "42", "--sample"],
        ))
        .exits(3);
    assert_eq!(full.rule(), "stage.pods");
    served.verb(&at("abort", &["--yes"])).exits(0);
    let aborted = served.until_status(PLACE[0], PLACE[1], "served by stable", |target| {
        target["workload"]["aborted"] == true && target["workload"]["available"] == 10
    });
    assert_eq!(
        (
            &aborted["deployment"]["state"],
            &aborted["running"]["number"]
        ),
        (&json!("aborted"), &json!(41))
    );
    let back = at(
        "rollback",
        &[
            "--reason",
            "crashes",
            "--yes",
            "--confirm",
            "production",
            "--wait",
        ],
    );
    served.verb(&back).exits(0);
    assert_eq!(status(&served)["workload"]["phase"], "healthy");
}

#[test]
fn lost_metrics_block_until_a_second_person_waives_them() {
    let served = Served::start("metrics-lost", SPEED);
    ready(&served);
    take_off(&served);
    promote(&served, "1");
    let step = at("promote", &["--step", "3", "--yes", "--sample", "--wait"]);
    let refused = served.verb(&step).exits(3);
    assert_eq!(refused.rule(), "metric.error_rate");
    let why = refused.sentence();
    assert!(
        why.contains("error rate of canary: no verdict") && why.contains("answer no metrics"),
        "{why}"
    );
    let waive = |who: &str, gate: &str| {
        served.verb_as(who, &at("waive", &[gate, "--reason", "watched by hand"]))
    };
    let proposed = waive("dana", "metric.error_rate").exits(0).json();
    assert_eq!(proposed["result"], "proposed");
    assert_eq!(
        waive("dana", "metric.error_rate").exits(3).rule(),
        "waiver.four_eyes"
    );
    assert_eq!(served.verb(&step).exits(3).rule(), "metric.error_rate");
    assert_eq!(waive("lee", "metric.made_up").exits(4).rule(), "checklist");
    for (who, gate) in [
        ("lee", "metric.error_rate"),
        ("lee", "metric.latency_p99"),
        ("sam", "metric.latency_p99"),
    ] {
        waive(who, gate).exits(0);
    }
    let full = served.verb(&step).exits(0).json();
    assert_eq!(full["target"]["deployment"]["stage"], 100);
    assert!(
        timeline(&served).contains(&"lee waived metric.error_rate: watched by hand".to_owned())
    );
}

/// A step whose pause ends by itself (F17, D3): with the canary's figures lost, the controller would have gone on.
#[test]
fn lost_metrics_under_a_timed_pause_are_held_by_the_guard() {
    let served = Served::start("metrics-lost", SPEED);
    let path = "/apis/argoproj.io/v1alpha1/namespaces/production/rollouts/auth-service";
    let lasts = 20;
    let steps = json!([
        {"setWeight": 10}, {"pause": {}}, {"setWeight": 50}, {"pause": {"duration": lasts}},
        {"setWeight": 100}, {"pause": {}},
    ]);
    let strategy = json!({"spec": {"strategy": {"canary": {"steps": steps}}}});
    served.api("PATCH", path, &strategy);
    ready(&served);
    take_off(&served);
    // The verb attends while it waits, so it is the guard; it comes back because a person is needed.
    let held = promote(&served, "1");
    let workload = &held["workload"];
    assert_eq!(
        (&workload["paused"], &workload["held_by"], &workload["step"]),
        (&json!(true), &json!("guard"), &json!(3)),
        "{held:#}"
    );
    let waiting = &held["deployment"]["waiting"];
    assert_eq!(waiting["mover"], "you");
    let why = sentence(waiting);
    assert!(
        why.starts_with("held on the platform by guard: ")
            && why.contains("of canary: no verdict")
            && why.contains("the controller would have gone on at"),
        "{why}"
    );
    let rollout = served.rollout("auth-service");
    assert_eq!(rollout["spec"]["paused"], true);
    let began = rollout["status"]["pauseConditions"][0]["startTime"].clone();

    // In the ledger it is an act like any other: whose, why, and what became of it.
    let entries = served
        .verb(&at("timeline", &["--format", "json"]))
        .exits(0)
        .json();
    let entries = entries["entries"].as_array().unwrap().clone();
    let acts: Vec<&Value> = entries
        .iter()
        .filter(|entry| entry["body"]["means"] == "guard")
        .collect();
    assert_eq!(acts.len(), 1, "{acts:#?}");
    let act = acts[0];
    assert_eq!(
        (
            &act["by"]["name"],
            &act["body"]["act"]["guard"]["watched_by"]
        ),
        (&json!("guard"), &json!("dana"))
    );
    let intent = &act["body"]["intent"];
    let settled =
        |entry: &&Value| entry["body"]["kind"] == "settled" && entry["body"]["intent"] == *intent;
    let outcome = entries.iter().find(settled).unwrap();
    assert_eq!(outcome["body"]["outcome"]["result"], "applied");

    // The controller's own time is long over, and it stands where it stood.
    let over: jiff::Timestamp = began.as_str().unwrap().parse().unwrap();
    let over = over
        .checked_add(jiff::SignedDuration::from_secs(lasts + 3))
        .unwrap();
    until("the pause to be over", || {
        (jiff::Timestamp::now() > over).then_some(())
    });
    let rollout = served.rollout("auth-service");
    assert_eq!(
        (
            &rollout["status"]["currentStepIndex"],
            &rollout["spec"]["paused"]
        ),
        (&json!(3), &json!(true))
    );

    // Taking the hold off lets it go on, so what it was held for has to pass, or be waived by a second person.
    let resume = at("resume", &["--yes", "--sample"]);
    let refused = served.verb(&resume).exits(3);
    assert!(refused.rule().starts_with("metric."), "{}", refused.out);
    for gate in ["metric.error_rate", "metric.latency_p99"] {
        let waive = at("waive", &[gate, "--reason", "watched by hand"]);
        served.verb_as("lee", &waive).exits(0);
        served.verb_as("sam", &waive).exits(0);
    }
    served.verb(&resume).exits(0);
    served.until_status(PLACE[0], PLACE[1], "past the step", |target| {
        target["workload"]["step"].as_u64() > Some(3) && target["workload"]["paused"] == false
    });
    // `guard` attends; it never takes off, and stopping it has a name and a reason.
    let nothing = served.verb(&["guard", "staging", "auth-service"]);
    assert_eq!(nothing.exits(4).rule(), "target.idle");
    let stop = at("guard", &["stop", "--reason", "watched by hand"]);
    served.verb(&stop).exits(0);
    assert_eq!(served.verb(&stop).exits(5).rule(), "guard.stopped");
    assert_eq!(
        served.verb(&["audit", "verify"]).exits(0).json()["whole"],
        true
    );
}

#[test]
fn a_broken_glass_is_red_until_a_second_person_signs() {
    let served = Served::start("good", SPEED);
    let request = at("request", &["42", "--reason", "payments are down"]);
    served.verb(&request).exits(0);
    for item in [
        "oncall.confirmed",
        "stakeholders.notified",
        "rollback.reviewed",
    ] {
        served.verb(&at("check", &[item])).exits(0);
    }
    let glass = |rest: &[&str]| {
        let flags = ["42", "--break-glass", "--sample"];
        let all = [&flags[..], rest].concat();
        served.verb(&at("deploy", &all))
    };
    let why = ["--reason", "payments are down"];
    assert_eq!(glass(&["--yes"]).exits(2).rule(), "glass.reason");
    let sampled = glass(&[&why[..], &["--yes"]].concat());
    assert_eq!(sampled.exits(2).rule(), "confirm");
    assert_eq!(
        served.verb(&at("hold", &["--break-glass"])).exits(2).rule(),
        "glass.verb"
    );
    assert_eq!(status(&served)["break_glass"], json!([]));
    let args = at(
        "deploy",
        &[
            "42",
            "--break-glass",
            "--sample",
            "--reason",
            "payments are down",
            "--yes",
            "--confirm",
            "42",
        ],
    );
    when_figures_allow(&served, &args);

    // Red: in the exit code, in the object, in the line.
    let red = served.verb(&["status"]).exits(1).json();
    let glass = |object: &Value| -> Vec<Value> {
        let targets = object["targets"].as_array().unwrap().iter();
        let open = targets.flat_map(|target| target["break_glass"].as_array().unwrap().clone());
        open.collect()
    };
    let open = glass(&red);
    assert_eq!(
        (
            open.len(),
            &open[0]["by"],
            &open[0]["reason"],
            &open[0]["overdue"]
        ),
        (
            1,
            &json!("dana"),
            &json!("payments are down"),
            &json!(false)
        )
    );
    let line = served.plain(&["status", PLACE[0], PLACE[1]]).exits(1).out;
    assert!(line.contains("BREAK-GLASS by dana"), "{line}");

    let sign = at("countersign", &["--reason", "saw the outage"]);
    assert_eq!(served.verb(&sign).exits(3).rule(), "glass.four_eyes");
    let stranger = served.verb_as("kim", &sign).exits(3).rule();
    assert_eq!(stranger, "role.approve");
    served.verb_as("lee", &sign).exits(0);
    assert_eq!(served.verb_as("sam", &sign).exits(4).rule(), "glass.open");
    assert_eq!(glass(&served.verb(&["status"]).exits(0).json()).len(), 0);
    let told = timeline(&served).join("\n");
    assert!(
        told.contains("dana broke the glass: payments are down (past: 0 of 2"),
        "{told}"
    );
    assert!(
        told.contains("lee countersigned the break-glass: saw the outage"),
        "{told}"
    );
}

/// What the ledger knows of a release is enough to go back to it.
#[test]
fn a_rollback_by_name_does_without_the_repository() {
    let served = Served::start("good", SPEED);
    let (source, away) = (served.path().join("source"), served.path().join("away"));
    std::fs::rename(&source, &away).unwrap();
    let back = |name: &'static str| {
        let place = ["rollback", "staging", "auth-service", name];
        let flags = ["--reason", "errors", "--yes", "--wait"];
        served.verb(&[&place[..], &flags].concat())
    };
    back("nonsense").exits(4);
    let done = back("41").exits(0).json();
    assert_eq!(done["target"]["running"]["number"], 41);
    assert_eq!(back("42").exits(3).rule(), "release.grounded");
    let clear = [
        "ground",
        "staging",
        "auth-service",
        "42",
        "--clear",
        "--reason",
        "understood",
    ];
    assert_eq!(served.verb_as("kim", &clear).exits(3).rule(), "role.waive");
    served.verb_as("lee", &clear).exits(0);
    // By its tag, which only the ledger can resolve now.
    let tagged = back("v1.3.0").exits(0);
    assert_eq!(tagged.json()["target"]["running"]["number"], 42);
    assert!(tagged.err.contains("by the ledger"), "{}", tagged.err);
    std::fs::rename(&away, &source).unwrap();
}
