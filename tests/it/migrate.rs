//! Migrations end to end, against the practice cluster and a tool that keeps its revision in a file: previewed, read,
//! applied once, verified, taken back; and the word of a release that lets nobody go back (SPEC C3, D16; QUALITY F26).
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Instant,
};

use serde_json::Value;

use crate::rig::{Rig, Said, wait_for};

const UP: &str = "BEGIN;\nALTER TABLE sessions ADD COLUMN keyed_at timestamptz;\n-- DROP TABLE nothing;\nDROP TABLE session_blobs;\nCOMMIT;\n";
const DOWN: &str = "BEGIN;\nALTER TABLE sessions DROP COLUMN keyed_at;\nCOMMIT;\n";

/// As a migration tool behind `docker run IMAGE`: the revision lies in `rev`, what is to go wrong in `mode`.
const TOOL: &str = r#"#!/bin/sh
cd "$(dirname "$0")" || exit 9
image=$1; shift
echo "$image" > image
mode=$(cat mode 2>/dev/null)
case "$*" in
*downgrade*--sql|*diff*--down*|"plain undo-sql") cat down.sql ;;
*--sql|*diff*|"plain sql")
  case "$mode" in
  nothing) echo "INFO nothing to say" >&2 ;;
  fails) echo "cannot reach the database" >&2; exit 3 ;;
  huge) yes "SELECT 'a line of three megabytes';" | head -c 3145728 ;;
  endless) echo "SELECT 1;"; exec sleep 600 ;;
  *) echo "INFO offline" >&2; cat up.sql ;;
  esac ;;
*downgrade*|*down.sql|"plain undo") echo base > rev; echo down >> log ;;
*upgrade*|*deploy|"plain do")
  echo up >> log
  case "$mode" in
  lost) echo $$ > pid; exec sleep 600 ;;
  late) echo head > rev; echo $$ > pid; exec sleep 600 ;;
  half) echo half > rev; echo "relation is locked" >&2; exit 1 ;;
  *) echo head > rev ;;
  esac ;;
*current) [ "$mode" = blind ] && [ "$(cat rev)" = base ] && exit 1; [ "$mode" = away ] && { echo "no route to host" >&2; exit 1; }; if [ "$(cat rev)" = head ]; then echo "0007 (head)"; else echo "0006"; fi ;;
*status) if [ "$(cat rev)" = head ]; then echo "Database schema is up to date!"; else echo "not yet applied"; exit 1; fi ;;
"plain look") echo "revision $(cat rev)" ;;
*) echo "what is $*" >&2; exit 64 ;;
esac
"#;

const HERE: [&str; 2] = ["production", "auth-service"];

struct Database {
    rig: Rig,
    dir: tempfile::TempDir,
}

impl Database {
    /// `keys` go into `[target.migration]` of production.
    fn with(keys: &str) -> Self {
        let rig = Rig::serve("30");
        let dir = tempfile::tempdir().unwrap();
        let tool = dir.path().join("in-image");
        std::fs::write(&tool, TOOL).unwrap();
        std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
        let database = Self { rig, dir };
        for (file, text) in [("up.sql", UP), ("down.sql", DOWN), ("rev", "base\n")] {
            database.write(file, text);
        }
        let tool = tool.display();
        let section =
            format!("\n[target.migration]\nrun_in = [\"{tool}\", \"{{image}}\"]\n{keys}\n\n");
        for config in [database.rig.config(), database.rig.patient()] {
            let text = std::fs::read_to_string(&config).unwrap();
            std::fs::write(&config, with_section(&text, &section)).unwrap();
        }
        database
    }

    fn requested(keys: &str) -> Self {
        let database = Self::with(keys);
        database.rig.request("42");
        database
    }

    fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    fn write(&self, file: &str, text: &str) {
        std::fs::write(self.path(file), text).unwrap();
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.path(file)).unwrap_or_default()
    }

    fn applied(&self) -> usize {
        self.read("log")
            .lines()
            .filter(|line| *line == "up")
            .count()
    }

    fn reverted(&self) -> usize {
        let log = self.read("log");
        log.lines().filter(|line| *line == "down").count()
    }

    fn migrate(&self, who: &str, step: &str, more: &[&str]) -> Said {
        self.rig
            .verb_as(who, &[&["migrate", step][..], &HERE, more].concat())
    }

    /// Previewed by dana and read by sam; the digest.
    #[track_caller]
    fn read_by_sam(&self, revert: &[&str]) -> String {
        let previewed = self.migrate("dana", "preview", revert).exits(0).json();
        let sql = previewed["sql"].as_str().unwrap().to_owned();
        let words = ["--sql", &sql, "--reason", "read line by line"];
        self.migrate("sam", "approve", &[&words[..], revert].concat())
            .exits(0);
        sql
    }

    fn apply(&self) -> Said {
        self.migrate("dana", "apply", &["--yes", "--confirm", "42"])
    }

    /// Of one of its items, as `plan` has it.
    fn step(&self, item: &str) -> Value {
        let plan = self.rig.verb(&[&["plan"][..], &HERE].concat()).json();
        let steps = plan["migration"].as_array().unwrap();
        steps
            .iter()
            .find(|step| step["item"] == item)
            .unwrap_or_else(|| panic!("no {item} in {steps:#?}"))
            .clone()
    }

    fn gate(&self, id: &str) -> Value {
        let plan = self.rig.verb(&[&["plan"][..], &HERE].concat()).json();
        let gates = plan["gates"].as_array().unwrap();
        gates
            .iter()
            .find(|gate| gate["id"] == id)
            .cloned()
            .unwrap_or_default()
    }

    /// Ends what a killed gonogo left running.
    fn end_tool(&self) {
        let pid = self.read("pid");
        let _ = std::process::Command::new("kill")
            .args(["-9", pid.trim()])
            .status();
    }
}

/// Behind the last key of the production target of auth-service.
fn with_section(text: &str, section: &str) -> String {
    let heads: Vec<usize> = text.match_indices("[[target]]").map(|(at, _)| at).collect();
    let of = |at: &&usize| {
        let block = &text[**at..];
        let end = block[2..].find("[[").map_or(block.len(), |end| end + 2);
        block[..end].contains("environment = \"production\"")
            && block[..end].contains("auth-service\"")
    };
    let at = *heads
        .iter()
        .find(of)
        .unwrap_or_else(|| panic!("no such target in {text}"));
    let end = text[at + 2..]
        .find("\n[[")
        .map_or(text.len(), |end| at + 2 + end);
    format!("{}{section}{}", &text[..end], &text[end..])
}

#[track_caller]
fn rule(said: &Said) -> String {
    let last = said.json();
    last["refusal"]["rule"]
        .as_str()
        .unwrap_or_else(|| panic!("{last}"))
        .to_owned()
}

#[track_caller]
fn sentence(said: &Said) -> String {
    let last = said.json();
    last["refusal"]["sentence"]
        .as_str()
        .unwrap_or_else(|| panic!("{last}"))
        .to_owned()
}

const ALEMBIC: &str = "preset = \"alembic\"\nrollback = \"needs-steps\"";

#[test]
fn it_is_previewed_read_by_somebody_applied_once_in_the_new_image_verified_and_taken_back() {
    let database = Database::requested(ALEMBIC);
    assert_eq!(rule(&database.apply().exits(3)), "checklist.after");
    assert_eq!(database.applied(), 0);

    let previewed = database.migrate("dana", "preview", &[]).exits(0).json();
    assert_eq!(previewed["text"], UP);
    let losses = previewed["losses"].as_array().unwrap();
    assert_eq!(losses.len(), 1, "{losses:?}");
    assert_eq!(
        (&losses[0]["line"], &losses[0]["why"]),
        (&4.into(), &"DROP TABLE".into())
    );
    let sql = previewed["sql"].as_str().unwrap().to_owned();
    let image = database.read("image");
    assert!(
        image.contains("@sha256:"),
        "in the release's image, by digest: {image}"
    );

    // Somebody else's digest is nobody's approval.
    let other = format!("sha256:{}", "0".repeat(64));
    let words = |sql: &str| {
        vec![
            "--sql".to_owned(),
            sql.to_owned(),
            "--reason".to_owned(),
            "read".to_owned(),
        ]
    };
    let approve = |who: &str, sql: &str| {
        let words = words(sql);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        database.migrate(who, "approve", &words)
    };
    assert_eq!(rule(&approve("sam", &other).exits(5)), "item.read");
    assert_eq!(rule(&database.apply().exits(3)), "checklist.after");
    approve("sam", &sql[7..19]).exits(0);

    // Who read it does not run it; and it is confirmed by the number of the release.
    let own = database.migrate("sam", "apply", &["--yes", "--confirm", "42"]);
    assert_eq!(rule(&own.exits(3)), "item.four_eyes");
    for flags in [&[][..], &["--yes"], &["--yes", "--confirm", "41"]] {
        assert_eq!(
            rule(&database.migrate("dana", "apply", flags).exits(2)),
            "confirm"
        );
    }
    // Nor by the verb that runs any item.
    let check = [&["check"][..], &HERE, &["migration.apply"]].concat();
    assert_eq!(rule(&database.rig.verb(&check).exits(2)), "confirm");
    assert_eq!(database.applied(), 0);

    assert_eq!(
        database
            .migrate("dana", "apply", &["--yes", "--confirm", "42", "--dry-run"])
            .code,
        0
    );
    assert_eq!(database.applied(), 0);
    database.apply().exits(0);
    assert_eq!(
        (database.applied(), database.read("rev").trim()),
        (1, "head")
    );

    // Applied is applied.
    assert_eq!(rule(&database.apply().exits(5)), "checklist.done");
    assert_eq!(
        rule(&database.migrate("dana", "preview", &[]).exits(5)),
        "item.acted"
    );
    let reopen = [
        &["reopen"][..],
        &HERE,
        &["migration.apply", "--reason", "again"],
    ]
    .concat();
    assert_eq!(rule(&database.rig.verb(&reopen).exits(3)), "item.done");
    assert_eq!(database.applied(), 1);
    database.migrate("dana", "verify", &[]).exits(0);
    database.migrate("dana", "verify", &[]).exits(0);
    let open = database.gate("checklist")["sentence"].to_string();
    assert!(!open.contains("migration."), "{open}");

    // Back by its own preview, its own warning, its own word.
    assert_eq!(
        rule(
            &database
                .migrate("dana", "revert", &["--yes", "--confirm", "42"])
                .exits(3)
        ),
        "checklist.after"
    );
    let back = database
        .migrate("dana", "preview", &["--revert"])
        .exits(0)
        .json();
    assert_eq!(back["losses"][0]["why"], "ALTER … DROP COLUMN");
    let down = back["sql"].as_str().unwrap();
    database
        .migrate(
            "sam",
            "approve",
            &["--revert", "--sql", down, "--reason", "the column is new"],
        )
        .exits(0);
    assert_eq!(
        rule(&database.migrate("dana", "revert", &["--yes"]).exits(2)),
        "confirm"
    );
    database
        .migrate("dana", "revert", &["--yes", "--confirm", "42"])
        .exits(0);
    assert_eq!(database.read("rev").trim(), "base");
    assert_eq!(database.step("migration.apply")["status"], "open");
    // What was taken back may be done again, read again.
    assert_eq!(rule(&database.apply().exits(3)), "checklist.after");
}

#[test]
fn sql_that_changed_since_it_was_read_is_not_run() {
    let database = Database::requested(ALEMBIC);
    let read = database.read_by_sam(&[]);
    assert_eq!(database.step("migration.read")["read"], read.as_str());
    database.write("up.sql", &format!("{UP}TRUNCATE users;\n"));
    let refused = database.apply().exits(5);
    assert_eq!(rule(&refused), "item.read");
    assert!(
        sentence(&refused).contains(&read[7..19]),
        "{}",
        sentence(&refused)
    );
    assert_eq!(database.applied(), 0);
    // The new preview is there, and what was read is open again for all to see.
    assert_eq!(database.step("migration.read")["status"], "open");
    let said = database.step("migration.preview")["said"].to_string();
    assert!(
        said.contains("MAY LOSE DATA: line 4 DROP TABLE and 1 more"),
        "{said}"
    );
    database.read_by_sam(&[]);
    database.apply().exits(0);
    assert_eq!(database.applied(), 1);
}

#[test]
fn a_preview_that_nobody_can_read_is_none() {
    let database = Database::requested("preset = \"alembic\"\nrollback = \"safe\"");
    for (mode, why) in [
        ("nothing", "it printed nothing"),
        ("fails", "cannot reach the database"),
        ("huge", "too long to be kept whole"),
    ] {
        database.write("mode", mode);
        let said = database.migrate("dana", "preview", &[]).exits(1);
        let object = said.json();
        let told = format!("{}{}", object["said"], said.err);
        assert!(told.contains(why), "{mode}: {told}");
        assert_eq!(object["ok"], false, "{mode}");
        let sql = object["sql"].as_str().unwrap();
        let approved = database.migrate("sam", "approve", &["--sql", sql, "--reason", "hm"]);
        assert_eq!(rule(&approved.exits(3)), "checklist.after", "{mode}");
    }
    // Nor does one that fails right before let it go on.
    database.write("mode", "");
    database.read_by_sam(&[]);
    database.write("mode", "fails");
    let refused = database.apply().exits(5);
    assert_eq!(rule(&refused), "item.preview");
    assert_eq!(database.applied(), 0);
}

#[test]
fn what_nobody_heard_the_end_of_is_looked_at_and_never_sent_again_blindly() {
    let database = Database::requested("preset = \"alembic\"\nrollback = \"safe\"");
    database.read_by_sam(&[]);
    // Killed in between: before it was applied, then after.
    for (mode, found) in [("lost", false), ("late", true)] {
        database.write("mode", mode);
        let before = database.applied();
        let words = [
            &["migrate", "apply"][..],
            &HERE,
            &["--yes", "--confirm", "42"],
        ]
        .concat();
        let mut child = database.rig.start("dana", &words);
        wait_for("the tool to begin", || {
            (database.applied() > before && !database.read("pid").is_empty()).then_some(())
        });
        child.kill().unwrap();
        child.wait().unwrap();
        database.end_tool();
        database.write("pid", "");
        database.write("mode", "");

        assert_eq!(
            rule(&database.apply().exits(5)),
            "checklist.running",
            "{mode}"
        );
        let verify = database.migrate("dana", "verify", &[]);
        assert_eq!(rule(&verify.exits(5)), "checklist.running", "{mode}");
        let stop = [&["check", "--stop"][..], &HERE, &["migration.apply"]].concat();
        database.rig.verb_as("sam", &stop).exits(0);
        assert_eq!(
            database.step("migration.apply")["status"],
            "unknown",
            "{mode}"
        );
        assert_eq!(rule(&database.apply().exits(5)), "item.unknown", "{mode}");
        assert_eq!(database.applied(), before + 1, "{mode}");
        // Who cannot look has seen nothing.
        database.write("mode", "away");
        database.migrate("dana", "verify", &[]).exits(1);
        assert_eq!(rule(&database.apply().exits(5)), "item.unknown", "{mode}");
        database.write("mode", "");
        database
            .migrate("dana", "verify", &[])
            .exits(i32::from(!found));
        let became = if found { "done" } else { "failed" };
        assert_eq!(database.step("migration.apply")["status"], became, "{mode}");
    }
    assert_eq!(rule(&database.apply().exits(5)), "checklist.done");
    assert_eq!(database.applied(), 2);
}

#[test]
fn an_apply_that_is_ended_at_its_deadline_or_fails_is_unknown_until_somebody_looks() {
    let database =
        Database::requested("preset = \"alembic\"\nrollback = \"safe\"\ntimeout = \"5s\"");
    database.read_by_sam(&[]);
    database.write("mode", "endless");
    let said = database.migrate("dana", "preview", &[]).exits(1);
    assert!(said.json()["said"].to_string().contains("SELECT 1"));
    assert_eq!(said.json()["evidence"]["end"]["how"], "timed_out");
    assert_eq!(rule(&database.apply().exits(5)), "item.read");
    database.write("mode", "");
    // The same text again is what was read.
    database.migrate("dana", "preview", &[]).exits(0);
    database.write("mode", "half");
    database.apply().exits(6);
    assert_eq!(rule(&database.apply().exits(5)), "item.unknown");
    database.migrate("dana", "verify", &[]).exits(1);
    assert_eq!(database.step("migration.apply")["status"], "failed");
    database.write("mode", "late");
    database.apply().exits(6);
    assert_eq!(database.step("migration.apply")["status"], "unknown");
    assert_eq!(rule(&database.apply().exits(5)), "item.unknown");
    // Opened again only by somebody who says why.
    let reopen = [&["reopen"][..], &HERE, &["migration.apply"]].concat();
    assert_eq!(rule(&database.rig.verb(&reopen).exits(2)), "item.unknown");
    database.write("mode", "");
    database.migrate("dana", "verify", &[]).exits(0);
    assert_eq!(database.step("migration.apply")["status"], "done");
    assert_eq!(database.applied(), 2);
}

/// QUALITY F26.
#[test]
fn a_release_says_whether_it_can_be_taken_back_before_the_start_and_again_at_the_rollback() {
    let database = Database::requested("preset = \"alembic\"\nrollback = \"forbidden\"");
    let plan = database.rig.verb(&[&["plan"][..], &HERE].concat()).json();
    assert_eq!(plan["rollback"]["word"], "forbidden");
    let gate = database.gate("migration.rollback");
    assert_eq!(gate["verdict"], "fail", "{gate}");
    // Nothing is applied before that is confirmed by two.
    database.read_by_sam(&[]);
    assert_eq!(rule(&database.apply().exits(3)), "migration.rollback");
    let waive = |gate: &str| {
        for who in ["lee", "sam"] {
            let words = [
                &["waive"][..],
                &HERE,
                &[gate, "--reason", "no way back is wanted"],
            ]
            .concat();
            database.rig.verb_as(who, &words).exits(0);
        }
    };
    waive("migration.rollback");
    database.apply().exits(0);
    database.migrate("dana", "verify", &[]).exits(0);
    database
        .rig
        .verb(&[&["deploy"][..], &HERE, &["42", "--yes", "--confirm", "42"]].concat())
        .exits(0);
    database.rig.until_rests(1);
    let rollback = || {
        let words = [
            &["rollback"][..],
            &HERE,
            &["--reason", "slow", "--yes", "--confirm", "production"],
        ];
        database.rig.verb(&words.concat())
    };
    let refused = rollback().exits(3);
    assert_eq!(rule(&refused), "rollback.forbidden");
    let told = sentence(&refused);
    assert!(
        told.contains("rollback: forbidden") && told.contains("42"),
        "{told}"
    );
    let hint = refused.json()["refusal"]["hint"].to_string();
    assert!(
        hint.contains("gonogo waive production auth-service rollback.forbidden"),
        "{hint}"
    );
    // The abort asks nothing; past the word only by a second person.
    waive("rollback.forbidden");
    let shown = database.rig.verb(
        &[
            &["rollback"][..],
            &HERE,
            &[
                "--reason",
                "slow",
                "--yes",
                "--confirm",
                "production",
                "--dry-run",
            ],
        ]
        .concat(),
    );
    assert!(
        shown.out.contains("passed over by a waiver"),
        "{}",
        shown.out
    );
    rollback().exits(0);
}

#[test]
fn what_is_not_applied_forbids_nothing() {
    let database = Database::requested("preset = \"alembic\"\nrollback = \"forbidden\"");
    for gate in [
        "migration.rollback",
        "migration.preview",
        "migration.read",
        "migration.apply",
        "migration.verify",
    ] {
        for who in ["lee", "sam"] {
            let words = [
                &["waive"][..],
                &HERE,
                &[gate, "--reason", "nothing to migrate"],
            ]
            .concat();
            database.rig.verb_as(who, &words).exits(0);
        }
    }
    database
        .rig
        .verb(&[&["deploy"][..], &HERE, &["42", "--yes", "--confirm", "42"]].concat())
        .exits(0);
    database.rig.until_rests(1);
    database
        .rig
        .verb(
            &[
                &["rollback"][..],
                &HERE,
                &["--reason", "slow", "--yes", "--confirm", "production"],
            ]
            .concat(),
        )
        .exits(0);
}

#[test]
fn steps_and_what_nobody_says_are_told_at_the_rollback_and_the_way_back_outlives_the_deployment() {
    let database = Database::requested(ALEMBIC);
    assert_eq!(database.gate("migration.rollback")["verdict"], "pass");
    database.read_by_sam(&[]);
    database.apply().exits(0);
    database.migrate("dana", "verify", &[]).exits(0);
    database
        .rig
        .verb(&[&["deploy"][..], &HERE, &["42", "--yes", "--confirm", "42"]].concat())
        .exits(0);
    database.rig.until_rests(1);
    let rollback = [
        &["rollback"][..],
        &HERE,
        &["--reason", "slow", "--yes", "--confirm", "production"],
    ]
    .concat();
    let shown = database
        .rig
        .verb(&[&rollback[..], &["--dry-run"]].concat())
        .out;
    for words in [
        "needs-steps",
        "gonogo migrate revert production auth-service",
        "downgrade head:-1 --sql",
        "nobody made that yet",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    // The card has the commands, by the release's image.
    let card = database.rig.lines(&[&["card"][..], &HERE].concat());
    assert!(
        card.contains("@sha256:") && card.contains("alembic downgrade -1"),
        "{card}"
    );
    database
        .rig
        .verb(&[&rollback[..], &["--wait"]].concat())
        .exits(0);
    // Its deployment is over; its migration stands, and is taken back by name.
    let wrong = database.migrate("dana", "revert", &["41", "--yes", "--confirm", "41"]);
    assert_eq!(rule(&wrong.exits(5)), "migration.release");
    database.read_by_sam(&["--revert"]);
    database
        .migrate("dana", "revert", &["--yes", "--confirm", "42"])
        .exits(0);
    assert_eq!(database.read("rev").trim(), "base");
    let again = database.migrate("dana", "revert", &["--yes", "--confirm", "42"]);
    assert_eq!(again.code, 4, "{}", again.out);
    assert_eq!(database.reverted(), 1);
}

#[test]
fn only_what_was_looked_for_and_found_is_taken_back_and_it_is_looked_for_again() {
    let database = Database::requested(ALEMBIC);
    database.read_by_sam(&[]);
    database.apply().exits(0);
    let revert = || database.migrate("dana", "revert", &["--yes", "--confirm", "42"]);
    database.read_by_sam(&["--revert"]);
    // Nobody has looked yet.
    assert_eq!(rule(&revert().exits(3)), "item.way_back");
    database.migrate("dana", "verify", &[]).exits(0);
    // Somebody took it back by hand meanwhile.
    database.write("rev", "base\n");
    assert_eq!(rule(&revert().exits(5)), "item.preview");
    assert_eq!(database.reverted(), 0);
    database.write("rev", "head\n");
    database.migrate("dana", "verify", &[]).exits(0);
    // It is run, and nobody can look whether it is gone.
    database.write("mode", "blind");
    revert().exits(6);
    assert_eq!(database.reverted(), 1);
    let statuses = || {
        ["migration.revert", "migration.apply"].map(|item| database.step(item)["status"].clone())
    };
    assert_eq!(statuses(), ["unknown", "done"]);
    assert_eq!(rule(&revert().exits(5)), "item.unknown");
    assert_eq!(database.reverted(), 1);
    database.write("mode", "");
    database.migrate("dana", "verify", &[]).exits(1);
    assert_eq!(statuses(), ["done", "open"]);
    assert_eq!(rule(&revert().exits(5)), "checklist.done");
    assert_eq!(database.reverted(), 1);
}

#[test]
fn prisma_has_no_way_down_of_its_own() {
    let database =
        Database::requested("preset = \"prisma\"\npreview = [\"cat-pending\", \"--sql\"]");
    // Nobody says whether there is a way back: that is not safe.
    let gate = database.gate("migration.rollback");
    assert_eq!(gate["verdict"], "unknown", "{gate}");
    for who in ["lee", "sam"] {
        let words = [
            &["waive"][..],
            &HERE,
            &["migration.rollback", "--reason", "additive"],
        ]
        .concat();
        database.rig.verb_as(who, &words).exits(0);
    }
    database.read_by_sam(&[]);
    database.apply().exits(0);
    database.migrate("dana", "verify", &[]).exits(0);
    let refused = database
        .migrate("dana", "revert", &["--yes", "--confirm", "42"])
        .exits(4);
    let told = refused.json().to_string();
    assert!(told.contains("reverses nothing"), "{told}");
    // Unknown never keeps anybody from going back, and is said.
    database
        .rig
        .verb(&[&["deploy"][..], &HERE, &["42", "--yes", "--confirm", "42"]].concat())
        .exits(0);
    database.rig.until_rests(1);
    let rollback = [
        &["rollback"][..],
        &HERE,
        &["--reason", "slow", "--yes", "--confirm", "production"],
    ]
    .concat();
    let shown = database
        .rig
        .verb(&[&rollback[..], &["--dry-run"]].concat())
        .out;
    assert!(shown.contains("UNKNOWN"), "{shown}");
    database.rig.verb(&rollback).exits(0);
}

#[test]
fn any_commands_will_do_and_a_release_that_nobody_requested_is_only_shown() {
    let keys = r#"preset = "command"
rollback = "safe"
preview = ["plain", "sql"]
apply = ["plain", "do"]
verify = ["plain", "look"]
expect = "^revision head$"
revert_preview = ["plain", "undo-sql"]
revert = ["plain", "undo"]"#;
    let database = Database::with(keys);
    // It runs a program here: not for whoever may only watch.
    let watching = database.migrate("kim", "preview", &["42"]).exits(3);
    assert_eq!(rule(&watching), "role.operate");
    assert_eq!(database.read("image"), "");
    let shown = database.migrate("dana", "preview", &["42"]).exits(0).json();
    assert_eq!(
        (&shown["stored"], &shown["text"]),
        (&Value::Bool(false), &UP.into())
    );
    assert_eq!(database.migrate("dana", "preview", &[]).code, 4);
    database.rig.request("42");
    database.read_by_sam(&[]);
    database.apply().exits(0);
    database.migrate("dana", "verify", &[]).exits(0);
    database.read_by_sam(&["--revert"]);
    database
        .migrate("dana", "revert", &["--yes", "--confirm", "42"])
        .exits(0);
    database.migrate("dana", "verify", &[]).exits(3);
}

#[test]
fn a_repository_s_own_configuration_names_no_tool_that_migrates() {
    let text = configured("preset = \"prisma\"");
    let folders = gonogo::config::Folders::within("/w".as_ref(), None);
    let trust = gonogo::config::Trust::Repository;
    let path = Path::new("/w/gonogo.toml");
    let told = gonogo::config::parse_with(&text, path, trust, Some(&folders));
    let told = told.expect_err("it would run npx here").to_string();
    assert!(told.contains("may not set `preset`"), "{told}");
}

fn configured(keys: &str) -> String {
    format!(
        r#"
name = "x"
[[project]]
id = "a/b"
source = "."
image = "r.example/b"
[[environment]]
name = "production"
protected = true
[[target]]
environment = "production"
project = "b"
namespace = "b"
workload = "deployment/b"
[target.migration]
{keys}
"#
    )
}

fn problems(keys: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let text = configured(keys);
    let read = |path: &Path| {
        let folders = gonogo::config::Folders::within("/w".as_ref(), None);
        gonogo::config::parse_with(&text, path, gonogo::config::Trust::Own, Some(&folders))
    };
    match read(&dir.path().join("gonogo.toml")) {
        Ok(_) => String::new(),
        Err(problems) => problems.to_string(),
    }
}

#[test]
fn a_migration_of_a_protected_environment_is_run_by_the_release_itself() {
    for (keys, said) in [
        (
            "preset = \"alembic\"",
            "neither in the new release's image nor in a copy of its commit",
        ),
        (
            "preset = \"alembic\"\nrun_in = [\"docker\", \"run\", \"{image}\"]",
            "",
        ),
        ("preset = \"alembic\"\ncheckout = true", ""),
        ("preset = \"flyway\"\ncheckout = true", "preset"),
        (
            "preset = \"command\"\ncheckout = true",
            "says no `preview` by itself",
        ),
        (
            "preset = \"prisma\"\ncheckout = true",
            "another thing than `migrate deploy` runs",
        ),
        (
            "preset = \"prisma\"\ncheckout = true\npreview = [\"./pending.sh\"]\nrevert = [\"./down.sh\"]",
            "there is `revert` and no `revert_preview`",
        ),
        (
            "preset = \"alembic\"\ncheckout = true\nrollback = \"maybe\"",
            "rollback",
        ),
        (
            "preset = \"command\"\ncheckout = true\npreview = [\"a\"]\napply = [\"b\"]\nverify = [\"c\"]",
            "which revision `verify` has to find",
        ),
    ] {
        let told = problems(keys);
        assert!(
            if said.is_empty() {
                told.is_empty()
            } else {
                told.contains(said)
            },
            "{keys}: {told}"
        );
    }
}

#[test]
fn a_run_that_is_begun_is_ended_before_the_process_is_forgotten() {
    // Ctrl-c on an apply: it is ended with all it started, and what it did is not known.
    let database = Database::requested("preset = \"alembic\"\nrollback = \"safe\"");
    database.read_by_sam(&[]);
    database.write("mode", "lost");
    let words = [
        &["migrate", "apply"][..],
        &HERE,
        &["--yes", "--confirm", "42"],
    ]
    .concat();
    let started = Instant::now();
    let child = database.rig.start("dana", &words);
    wait_for("the tool to begin", || {
        (!database.read("pid").is_empty()).then_some(())
    });
    let interrupt = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(interrupt.unwrap().success());
    let said = Rig::end(child, started);
    assert_eq!(said.code, 130, "{}\n{}", said.out, said.err);
    assert_eq!(database.step("migration.apply")["status"], "unknown");
    assert_eq!(database.applied(), 1);
}
