//! Migrations as data: trailers of real commits, the word of a release, the items that a configuration makes, and the keys of
//! the screen (SPEC C3, D16; QUALITY F26).

use std::{collections::BTreeSet, path::Path, process::Command as Program};

use gonogo::{
    adapters::git::GitSource,
    domain::{
        catalogue::{Register, assemble, unnumbered},
        deployment::{Deployment, FlightState, ItemState, ItemStatus},
        entry::{Body, DeploymentId, Ending},
        evidence::{Evidence, Kept, RunEnd},
        item::hang_on_acts,
        migration::{RollbackClaim, RollbackWord, Said, said_between},
        plan::{ItemId, ItemKind, ItemSpec, Probe},
        project::{CatalogueSource, ImageSource, Project, ProjectId, TagStrategy, Triggers},
        release::{Commit, Digest, Release},
        target::TargetId,
        text::Clean,
        version_file::Preparing,
    },
    policy::{
        decide::{Command, Decision, Scope, decide},
        gate::Verdict,
        migration::{Shown, Typed, rollback},
        refusal::Refusal,
    },
    ports::ask::Source as _,
    session::{
        cockpit::Printed,
        effect::Effect,
        event::{Event, Stamped},
        show,
        update::update,
        view::{Ask, Overlay, Prompt, Screen},
        wanted,
    },
};
use jiff::SignedDuration;

use crate::fixture::{self, Story, actor, press, target, write};

// Trailers.

fn git(folder: &Path, args: &[&str]) {
    let ran = Program::new("git")
        .current_dir(folder)
        .args(["-c", "user.name=Dana", "-c", "user.email=dana@x.example"])
        .args(args)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .expect("git");
    assert!(
        ran.status.success(),
        "{args:?}: {}",
        String::from_utf8_lossy(&ran.stderr)
    );
}

fn commit(folder: &Path, message: &str) {
    git(folder, &["commit", "-q", "--allow-empty", "-m", message]);
}

fn releases(source: &Path) -> Vec<Release> {
    let project = Project {
        id: ProjectId::parse("acme/shop/auth").expect("valid"),
        source: source.to_owned(),
        tags: TagStrategy::Monorepo,
        branches: vec!["main".to_owned(), "hotfix".to_owned()],
        branch_aliases: vec![],
        triggers: Triggers::default(),
        manifests: vec![],
        preparing: Preparing::default(),
        catalogue: CatalogueSource::Git,
        image: ImageSource {
            name: "registry.example/auth".to_owned(),
            endpoint: "https://registry.example".to_owned(),
            repository: "auth".to_owned(),
        },
    };
    let commits = GitSource::default()
        .commits(&project, &BTreeSet::new())
        .expect("reads");
    let mut register = Register::default();
    let fresh = unnumbered(&commits, &register.numbers);
    register.foretell(fresh);
    assemble(&project, &commits, &register)
}

fn words(said: &[Said]) -> Vec<&str> {
    said.iter().map(|said| said.typed.as_str()).collect()
}

#[test]
fn the_worst_trailer_of_every_commit_since_what_is_live_is_what_a_release_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    git(at, &["init", "-qb", "main"]);
    commit(at, "first\n\nRollback: forbidden");
    git(at, &["checkout", "-qb", "feature"]);
    commit(at, "a table\n\nReviewed-by: kim\nRollback: needs-steps");
    commit(
        at,
        "and words about a\n\nRollback: forbidden\n\nthat is no trailer",
    );
    git(at, &["checkout", "-q", "main"]);
    commit(at, "second");
    git(
        at,
        &["merge", "-q", "--no-ff", "feature", "-m", "the feature"],
    );
    commit(at, "third\n\nRollback: Safe");
    git(at, &["checkout", "-qb", "hotfix", "main~2"]);
    commit(at, "urgent\n\nRollback: perhaps");
    let all = releases(at);
    let named = |subject: &str| {
        all.iter()
            .find(|release| release.subject.as_str() == subject)
            .unwrap_or_else(|| panic!("no {subject}"))
    };
    let between = |from: Option<&str>, to: &str| {
        let from = from.map(|subject| named(subject).to_ref());
        let said = said_between(&all, named(to), from.as_ref());
        let claim = RollbackClaim::of(&said, None, true).expect("a claim");
        (words(&said).join(" "), claim.word())
    };
    // What came with a merge came with it, though no commit of the branch is a release.
    assert_eq!(
        between(Some("second"), "the feature"),
        ("needs-steps".to_owned(), "needs-steps")
    );
    assert_eq!(
        between(Some("the feature"), "third"),
        // Of itself, and of nothing else that came.
        ("safe".to_owned(), "unknown")
    );
    let (said, word) = between(Some("first"), "third");
    assert_eq!((said.split(' ').count(), word), (2, "needs-steps"));
    assert_eq!(between(None, "third").1, "forbidden");
    // Nobody says a word of what is between: that is unknown, never safe.
    assert_eq!(between(Some("first"), "second"), (String::new(), "unknown"));
    assert_eq!(between(Some("third"), "third"), (String::new(), "unknown"));
    // Beside a hotfix, what main has and the hotfix lacks.
    assert_eq!(between(Some("urgent"), "third").1, "needs-steps");
    // A word that nobody understands is told with its commit.
    assert_eq!(between(Some("second"), "urgent").1, "unknown");
    let said = said_between(&all, named("urgent"), Some(&named("second").to_ref()));
    let claim = RollbackClaim::of(&said, Some(RollbackWord::Safe), true).expect("a claim");
    let place = format!(
        "commit {} says `Rollback: perhaps`",
        named("urgent").commit.short()
    );
    assert!(claim.by.as_str().starts_with(&place), "{}", claim.by);
}

// What the configuration makes.

fn items(checklist: &str) -> Vec<ItemSpec> {
    let text = format!(
        r#"
name = "x"
[[project]]
id = "acme/shop/auth-service"
source = "."
image = "r.example/b"
[[environment]]
name = "production"
protected = true
[[target]]
environment = "production"
project = "auth-service"
namespace = "b"
workload = "deployment/b"
{checklist}
[target.migration]
preset = "alembic"
checkout = true
rollback = "needs-steps"
"#
    );
    let folders = gonogo::config::Folders::within("/w".as_ref(), None);
    let trust = gonogo::config::Trust::Own;
    let loaded = gonogo::config::parse_with(&text, "/w/x.toml".as_ref(), trust, Some(&folders))
        .unwrap_or_else(|problems| panic!("{problems}"));
    loaded.workspace.targets[0].items.clone()
}

fn find<'a>(items: &'a [ItemSpec], id: &str) -> &'a ItemSpec {
    items
        .iter()
        .find(|item| item.id.0 == id)
        .unwrap_or_else(|| panic!("no {id}"))
}

#[test]
fn lines_of_the_seeds_about_migrations_are_measured_where_there_is_one() {
    let first = items("checklist = \"builtin:001\"");
    let reviewed = find(&first, "migration.reviewed");
    assert_eq!(
        reviewed.kind,
        ItemKind::Read(ItemId("migration.preview".to_owned()))
    );
    assert!(first.iter().all(|item| item.id.0 != "migration.read"));
    assert_eq!(
        find(&first, "migration.apply").chain.after,
        std::slice::from_ref(&reviewed.id)
    );
    assert_eq!(first.len(), 19 + 6, "each line once");

    let stage = items("checklist = \"builtin:004-stage\"");
    let ItemKind::Probe(Probe::Command(command)) = &find(&stage, "stage.migrations").kind else {
        panic!("it is not measured");
    };
    assert_eq!(command.line(), "alembic current");
    assert_eq!(command.expect.as_deref(), Some(r"\(head\)"));
    // All of it, and nothing else, hangs together.
    let hanging = hang_on_acts(&stage);
    assert_eq!(hanging.len(), 7);
    assert!(
        hanging.iter().all(|id| id.0.starts_with("migration.")),
        "{hanging:?}"
    );
}

// F26.

fn here() -> TargetId {
    target("production", "auth-service")
}

/// The items of a migration in the plan that is under way, and in the configuration.
fn migrating(mut story: Story, word: RollbackWord) -> Story {
    let extra = items("");
    let known = story.cockpit.known.targets.get_mut(&here()).expect("known");
    let plan = &mut known.state.current.as_mut().expect("under way").plan;
    plan.plan.items.extend(extra);
    plan.plan.rollback = Some(RollbackClaim {
        word: Some(word),
        by: Clean::new("commit 9f3c2ab"),
    });
    plan.digest = plan.plan.digest();
    let items = plan.plan.items.clone();
    let targets = &mut story.cockpit.known.workspace.targets;
    let configured = targets.iter_mut().find(|target| target.id == here());
    configured.expect("configured").items = items;
    story
}

fn evidence() -> Evidence {
    Evidence {
        end: RunEnd::Exited { code: 0 },
        took: SignedDuration::from_secs(1),
        output: Digest::of(b"DROP TABLE a;\n"),
        bytes: 14,
        kept: Some(Kept {
            digest: Digest::of(b"  DROP TABLE a;\n"),
            left_out: 0,
        }),
        lost: None,
        said: Clean::new("1 statement; MAY LOSE DATA: line 1 DROP TABLE"),
    }
}

fn set(story: &mut Story, item: &str, status: ItemStatus) {
    let now = story.cockpit.now;
    let known = story.cockpit.known.targets.get_mut(&here()).expect("known");
    let current = known.state.current.as_mut().expect("under way");
    let state = ItemState {
        status,
        by: "sam".to_owned(),
        at: now,
        note: None,
        evidence: Some(Box::new(evidence())),
        of: Some(evidence().output),
    };
    current.items.insert(ItemId(item.to_owned()), state);
}

fn decided(story: &Story, who: &str, command: &Command) -> Result<Decision, Refusal> {
    let facts = story.cockpit.known.facts(&here(), story.cockpit.now);
    decide(command, &facts.expect("facts"), &actor(who))
}

fn roll_back() -> Command {
    Command::RollBack {
        to: None,
        staged: false,
        reason: "slow".to_owned(),
    }
}

fn afterwards(decided: Result<Decision, Refusal>) -> String {
    match decided.expect("allowed") {
        Decision::Act { act, .. } => act.afterwards.join("\n"),
        Decision::Record(bodies) => panic!("{bodies:?}"),
    }
}

#[test]
fn going_back_past_a_forbidden_migration_takes_a_second_confirmation_and_nothing_else_does() {
    // Not applied: nothing forbids it, and nothing is said.
    let mut story = migrating(fixture::baking(), RollbackWord::Forbidden);
    assert!(!afterwards(decided(&story, "dana", &roll_back())).contains("rollback:"));

    // Not known to be applied: said, and no more.
    for status in [ItemStatus::Unknown, ItemStatus::Running] {
        set(&mut story, "migration.apply", status);
        let told = afterwards(decided(&story, "dana", &roll_back()));
        for words in ["UNKNOWN whether 41", "rollback: forbidden (commit 9f3c2ab)"] {
            assert!(told.contains(words), "{status:?}: {told}");
        }
    }
    set(&mut story, "migration.apply", ItemStatus::Done);
    let refusal = decided(&story, "dana", &roll_back()).expect_err("forbidden");
    assert_eq!(refusal.rule, "rollback.forbidden");
    assert!(
        refusal
            .sentence
            .contains("rollback: forbidden (commit 9f3c2ab)"),
        "{}",
        refusal.sentence
    );
    let hint = refusal.hint.as_deref().unwrap_or_default();
    assert!(hint.starts_with("abort is free"), "{hint}");
    // The other ways out ask nothing of it.
    assert!(decided(&story, "dana", &Command::Abort).is_ok());
    assert!(decided(&story, "dana", &Command::Hold).is_ok());

    // By name, and in production by two.
    let waive = Command::Waive {
        item: ItemId("rollback.forbidden".to_owned()),
        reason: "the data is lost either way".to_owned(),
    };
    for who in ["dana", "kim"] {
        let Ok(Decision::Record(bodies)) = decided(&story, who, &waive) else {
            panic!("{who} may not waive: {:?}", decided(&story, who, &waive));
        };
        let refused = decided(&story, "dana", &roll_back());
        assert_eq!(
            refused.expect_err("one is not two").rule,
            "rollback.forbidden"
        );
        let now = story.cockpit.now;
        for body in bodies {
            story.enter(&here(), now, &actor(who), body);
        }
    }
    assert!(afterwards(decided(&story, "dana", &roll_back())).contains("passed over by a waiver"));
}

#[test]
fn steps_are_listed_with_their_warning_and_what_is_unknown_never_blocks() {
    let mut story = migrating(fixture::baking(), RollbackWord::NeedsSteps);
    set(&mut story, "migration.apply", ItemStatus::Done);
    let told = afterwards(decided(&story, "dana", &roll_back()));
    assert!(
        told.contains("runs alembic downgrade -1") && told.contains("nobody made that yet"),
        "{told}"
    );
    set(&mut story, "migration.revert_preview", ItemStatus::Done);
    let told = afterwards(decided(&story, "dana", &roll_back()));
    assert!(
        told.contains("migration.revert_preview: 1 statement; MAY LOSE DATA"),
        "{told}"
    );

    let known = story.cockpit.known.targets.get_mut(&here()).expect("known");
    let plan = &mut known.state.current.as_mut().expect("under way").plan.plan;
    plan.rollback = RollbackClaim::of(&[], None, true);
    let told = afterwards(decided(&story, "dana", &roll_back()));
    assert!(
        told.contains("UNKNOWN: rollback: unknown (nobody says"),
        "{told}"
    );
}

// The screen.

/// With the cursor of the Plan screen on this item.
fn on(mut story: Story, item: &str) -> gonogo::session::cockpit::Cockpit {
    story.cockpit.view.screen = Screen::Plan;
    let lines = show::plan(&story.cockpit).expect("a plan").lines;
    let line = lines.iter().position(|line| line.id.0 == item);
    story.cockpit.view.plan_line = line.unwrap_or_else(|| panic!("no line of {item}"));
    story.cockpit
}

fn looked_at(of: Digest) -> Printed {
    Printed {
        item: ItemId("migration.preview".to_owned()),
        said: String::new(),
        of,
        kept: evidence().kept.expect("kept").digest,
        at: fixture::at("14:00:00"),
        outcome: Some(Ok("  DROP TABLE a;\n".to_owned())),
    }
}

#[test]
fn a_key_on_what_is_read_asks_why_and_on_what_acts_asks_for_the_number() {
    let story = || {
        let mut story = migrating(fixture::requested(), RollbackWord::Safe);
        set(&mut story, "migration.preview", ItemStatus::Done);
        story
    };
    let mut cockpit = on(story(), "migration.read");
    // What was not shown nobody has read; nor what another run printed.
    for printed in [None, Some(Digest::of(b"SELECT 1;\n"))] {
        cockpit.printed = printed.map(looked_at);
        press(&mut cockpit, "c");
        assert!(cockpit.view.overlay.is_none());
        let said = format!("{:?}", cockpit.message);
        assert!(said.contains("was not shown here yet"), "{said}");
    }
    cockpit.printed = Some(looked_at(evidence().output));
    press(&mut cockpit, "c");
    let Some(Overlay::Prompt(prompt)) = &cockpit.view.overlay else {
        panic!("{:?}", cockpit.message);
    };
    assert!(
        prompt.ask.details().concat().contains("MAY LOSE DATA"),
        "{:?}",
        prompt.ask.details()
    );
    write(&mut cockpit, "read it");
    let effects = press(&mut cockpit, "enter");
    let read = effects.iter().find_map(|effect| match effect {
        Effect::Record { command, .. } => Some(command.as_ref().clone()),
        _ => None,
    });
    let of = evidence().output;
    assert_eq!(
        read,
        Some(Command::Read {
            item: ItemId("migration.read".to_owned()),
            of,
            reason: "read it".to_owned()
        })
    );

    // What acts is confirmed by what is typed, and by nothing that was pasted.
    let ask = Ask::Act {
        item: ItemId("migration.apply".to_owned()),
        what: "runs alembic upgrade head in production".to_owned(),
        expected: Some("42".to_owned()),
        shown: shown(&current(&story())),
    };
    let mut cockpit = on(story(), "migration.apply");
    cockpit.view.overlay = Some(Overlay::Prompt(Prompt {
        ask: ask.clone(),
        input: tui_input::Input::default(),
        note: None,
        painted_at: None,
    }));
    let stamped = Stamped {
        at: cockpit.now,
        event: Event::Paste("42".to_owned()),
    };
    update(&mut cockpit, &stamped);
    let Some(Overlay::Prompt(prompt)) = &cockpit.view.overlay else {
        panic!("it is gone");
    };
    assert_eq!((prompt.input.value(), prompt.note.is_some()), ("", true));
    let Err(refusal) = wanted::complete(&cockpit, &ask, "41") else {
        panic!("that is another release");
    };
    assert_ne!(refusal.rule, "");
}

#[test]
fn the_sql_is_shown_with_its_lines_and_what_may_lose_data() {
    let mut story = migrating(fixture::requested(), RollbackWord::Safe);
    set(&mut story, "migration.preview", ItemStatus::Done);
    let mut cockpit = on(story, "migration.read");
    let effects = press(&mut cockpit, "v");
    assert!(
        matches!(effects.as_slice(), [Effect::ReadOutput { kept }] if Some(kept) == evidence().kept.as_ref()),
        "{effects:?}"
    );
    let kept = evidence().kept.expect("kept").digest;
    let stamped = Stamped {
        at: cockpit.now,
        event: Event::OutputRead {
            kept,
            outcome: Ok("! INFO offline\n  DROP TABLE a;\n".to_owned()),
        },
    };
    update(&mut cockpit, &stamped);
    let text = crate::frames::frame(&cockpit, (100, 24));
    assert!(text.contains("MAY LOSE DATA: line 1 DROP TABLE"), "{text}");
    assert!(text.contains("   1  DROP TABLE a;"), "{text}");
    press(&mut cockpit, "esc");
    assert!(cockpit.view.overlay.is_none());
}

/// The status of an item of the deployment that is under way.
fn status(story: &Story, item: &str) -> ItemStatus {
    let current = story.cockpit.known.targets[&here()].state.current.as_ref();
    current.expect("under way").item(&ItemId(item.to_owned()))
}

fn id(story: &Story) -> DeploymentId {
    let current = story.cockpit.known.targets[&here()].state.current.as_ref();
    current.expect("under way").id.clone()
}

fn current(story: &Story) -> Deployment {
    let known = &story.cockpit.known.targets[&here()];
    known.state.current.clone().expect("under way")
}

fn shown(deployment: &Deployment) -> Shown {
    Shown {
        deployment: deployment.id.clone(),
        printed: vec![evidence().output],
    }
}

fn typed(story: &Story, words: &str) -> Typed {
    Typed {
        words: words.to_owned(),
        shown: shown(&current(story)),
    }
}

fn enter(story: &mut Story, body: Body) {
    let now = story.cockpit.now;
    story.enter(&here(), now, &actor("dana"), body);
}

fn ran(story: &Story, item: &str, end: RunEnd, ok: bool) -> Body {
    Body::Ran {
        deployment: id(story),
        item: ItemId(item.to_owned()),
        ok,
        evidence: Box::new(Evidence { end, ..evidence() }),
        note: None,
    }
}

#[test]
fn what_was_taken_back_or_begun_anew_is_folded_so() {
    let mut story = migrating(fixture::requested(), RollbackWord::Safe);
    let exited = |code| RunEnd::Exited { code };
    let (apply, verify, revert) = ("migration.apply", "migration.verify", "migration.revert");
    let not_started = || RunEnd::NotStarted {
        why: Clean::new("no such program"),
    };
    for (item, end, ok, of, is) in [
        (apply, not_started(), false, apply, ItemStatus::Failed),
        // What failed may have happened all the same.
        (apply, exited(1), false, apply, ItemStatus::Unknown),
        (apply, RunEnd::TimedOut, false, apply, ItemStatus::Unknown),
        (verify, exited(0), true, apply, ItemStatus::Done),
        (
            apply,
            RunEnd::Signalled { signal: 9 },
            false,
            apply,
            ItemStatus::Unknown,
        ),
        // A look that was cut off, or could not be had, says nothing.
        (verify, RunEnd::TimedOut, false, apply, ItemStatus::Unknown),
        (verify, exited(1), false, apply, ItemStatus::Unknown),
        (verify, exited(125), false, apply, ItemStatus::Unknown),
        (verify, not_started(), false, apply, ItemStatus::Unknown),
        // It looked, and did not find it.
        (verify, exited(0), false, apply, ItemStatus::Failed),
        (apply, exited(0), true, apply, ItemStatus::Done),
        (verify, exited(0), false, apply, ItemStatus::Done),
        // What takes back is believed once somebody has looked.
        (revert, RunEnd::Cancelled, false, apply, ItemStatus::Done),
        (verify, exited(0), true, revert, ItemStatus::Failed),
        (revert, exited(0), true, revert, ItemStatus::Unknown),
        (verify, exited(1), false, revert, ItemStatus::Unknown),
        (verify, exited(1), false, apply, ItemStatus::Done),
        (verify, exited(0), false, revert, ItemStatus::Done),
        (verify, exited(0), false, apply, ItemStatus::Open),
        (
            "migration.preview",
            exited(1),
            false,
            "migration.preview",
            ItemStatus::Failed,
        ),
    ] {
        let body = ran(&story, item, end, ok);
        enter(&mut story, body.clone());
        assert_eq!(status(&story, of), is, "{body:?}");
    }
}

#[test]
fn only_what_says_what_it_has_to_find_decides_what_became_of_an_act() {
    let mut story = migrating(fixture::requested(), RollbackWord::Safe);
    let known = story.cockpit.known.targets.get_mut(&here()).expect("known");
    let plan = &mut known.state.current.as_mut().expect("under way").plan.plan;
    let mut notify = find(&plan.items, "migration.verify").clone();
    notify.id = ItemId("notify".to_owned());
    if let ItemKind::Command(command) = &mut notify.kind {
        command.expect = None;
    }
    plan.items.push(notify);
    let cut_off = ran(&story, "migration.apply", RunEnd::TimedOut, false);
    enter(&mut story, cut_off);
    for ok in [true, false] {
        let body = ran(&story, "notify", RunEnd::Exited { code: 0 }, ok);
        enter(&mut story, body);
        assert_eq!(status(&story, "migration.apply"), ItemStatus::Unknown);
    }
    // Nor who began to look before it was begun anew.
    for item in ["migration.verify", "migration.apply"] {
        let (deployment, item) = (id(&story), ItemId(item.to_owned()));
        enter(&mut story, Body::RunBegan { deployment, item });
    }
    let conclude = Command::Conclude {
        item: ItemId("migration.verify".to_owned()),
        ok: false,
        evidence: Box::new(evidence()),
        note: None,
    };
    let refused = decided(&story, "dana", &conclude).expect_err("it saw what was");
    assert_eq!(refused.rule, "checklist.running");
}

#[test]
fn what_happened_or_may_have_is_not_talked_away() {
    let apply = || ItemId("migration.apply".to_owned());
    let reason = || "it is all right".to_owned();
    let waive = Command::Waive {
        item: apply(),
        reason: reason(),
    };
    let cancel = Command::Cancel { reason: None };
    let reopen = Command::Reopen {
        item: apply(),
        reason: Some(reason()),
    };
    let rule = |story: &Story, who: &str, command: &Command| {
        decided(story, who, command).map_or_else(|refusal| refusal.rule, |_| "done".to_owned())
    };
    let mut story = migrating(fixture::requested(), RollbackWord::Forbidden);
    for (status, rules) in [
        (ItemStatus::Done, ["item.done", "item.done", "done"]),
        (
            ItemStatus::Running,
            [
                "checklist.running",
                "checklist.running",
                "checklist.running",
            ],
        ),
        // Whoever began it does not answer alone for it.
        (
            ItemStatus::Unknown,
            ["item.unknown", "item.four_eyes", "done"],
        ),
        (ItemStatus::Failed, ["done", "done", "done"]),
    ] {
        set(&mut story, "migration.apply", status);
        let known = story.cockpit.known.targets.get_mut(&here()).expect("known");
        let current = known.state.current.as_mut().expect("under way");
        current.items.get_mut(&apply()).expect("set").by = "dana".to_owned();
        let asked = [&waive, &reopen, &cancel].map(|command| rule(&story, "dana", command));
        assert_eq!(asked, rules, "{status:?}");
    }
    set(&mut story, "migration.apply", ItemStatus::Unknown);
    assert_eq!(rule(&story, "kim", &reopen), "done");
    // Nor where an entry says so.
    for status in [ItemStatus::Done, ItemStatus::Unknown] {
        set(&mut story, "migration.apply", status);
        let waived = Body::Waived {
            deployment: id(&story),
            item: apply(),
            reason: reason(),
        };
        enter(&mut story, waived);
        assert_eq!(self::status(&story, "migration.apply"), status);
    }
}

#[test]
fn cancelling_and_requesting_again_sends_nothing_a_second_time() {
    let mut story = migrating(fixture::requested(), RollbackWord::Safe);
    let apply = || ItemId("migration.apply".to_owned());
    let (first, plan) = (id(&story), current(&story).plan);
    let began = Body::RunBegan {
        deployment: first.clone(),
        item: apply(),
    };
    enter(&mut story, began);
    let stopped = Body::RunStopped {
        deployment: first.clone(),
        item: apply(),
    };
    enter(&mut story, stopped);
    let cancelled = Body::Cancelled {
        deployment: first.clone(),
        reason: None,
    };
    enter(&mut story, cancelled);
    let second = DeploymentId("production-auth-service-2nd".to_owned());
    let requested = Body::Requested {
        deployment: second.clone(),
        plan: Box::new(plan),
        reason: "again".to_owned(),
    };
    enter(&mut story, requested);
    for item in ["migration.preview", "migration.read"] {
        set(&mut story, item, ItemStatus::Done);
    }
    let run = |item: ItemId, confirmed| Command::Run {
        item,
        note: None,
        confirmed,
    };
    let refused = decided(&story, "dana", &run(apply(), Some(typed(&story, "42"))));
    let refused = refused.expect_err("it may be at work");
    assert_eq!(refused.rule, "item.unknown");
    let hint = refused.hint.as_deref().unwrap_or_default();
    assert!(hint.contains("gonogo migrate verify"), "{hint}");
    // What looks, looks at the first; and whoever ran it may still say how it ended.
    let verify = decided(
        &story,
        "dana",
        &run(ItemId("migration.verify".to_owned()), None),
    );
    let conclude = Command::Conclude {
        item: apply(),
        ok: true,
        evidence: Box::new(evidence()),
        note: None,
    };
    for decision in [verify, decided(&story, "dana", &conclude)] {
        let Ok(Decision::Record(bodies)) = decision else {
            panic!("{decision:?}");
        };
        assert_eq!(bodies[0].deployment(), Some(&first), "{bodies:?}");
    }
    // Found not to be there, the second one may be run.
    let looked = Body::Ran {
        deployment: first,
        item: ItemId("migration.verify".to_owned()),
        ok: false,
        evidence: Box::new(evidence()),
        note: None,
    };
    enter(&mut story, looked);
    let rule = decided(&story, "dana", &run(apply(), None)).expect_err("not confirmed");
    assert_eq!(rule.rule, "confirm");
}

#[test]
fn what_was_confirmed_is_what_is_done() {
    let mut story = migrating(fixture::requested(), RollbackWord::Safe);
    for item in ["migration.preview", "migration.read"] {
        set(&mut story, item, ItemStatus::Done);
    }
    let run = |typed: Typed| {
        let command = Command::Run {
            item: ItemId("migration.apply".to_owned()),
            note: None,
            confirmed: Some(typed),
        };
        decided(&story, "dana", &command).map_or_else(|refusal| refusal.rule, |_| String::new())
    };
    let was_shown = typed(&story, "42");
    assert_ne!(run(was_shown.clone()), "item.shown");
    let mut another = was_shown.clone();
    another.shown.printed = vec![Digest::of(b"SELECT 1;\n")];
    assert_eq!(run(another), "item.shown");
    let mut earlier = was_shown;
    earlier.shown.deployment = DeploymentId("production-auth-service-0".to_owned());
    assert_eq!(run(earlier), "item.shown");
}

#[test]
fn a_way_back_is_taken_by_two_where_nothing_is_locked_and_nobody_needs_it() {
    let story = |mut story: Story| {
        story = migrating(story, RollbackWord::NeedsSteps);
        for item in ["apply", "verify", "revert_preview", "revert_read"] {
            set(&mut story, &format!("migration.{item}"), ItemStatus::Done);
        }
        story
    };
    let revert = |story: &Story, who: &str| {
        let command = Command::Run {
            item: ItemId("migration.revert".to_owned()),
            note: None,
            confirmed: Some(typed(story, "42")),
        };
        decided(story, who, &command).map_or_else(|refusal| refusal.rule, |_| String::new())
    };
    let mut requested = story(fixture::requested());
    assert_eq!(revert(&requested, "dana"), "");
    set(&mut requested, "migration.verify", ItemStatus::Failed);
    assert_eq!(revert(&requested, "dana"), "item.way_back");
    set(&mut requested, "migration.verify", ItemStatus::Done);
    // `set` says that sam read it.
    let known = requested.cockpit.known.targets.get_mut(&here());
    let current = known.expect("known").state.current.as_mut();
    let read = ItemId("migration.revert_read".to_owned());
    let state = current.expect("under way").items.get_mut(&read);
    state.expect("set").by = "dana".to_owned();
    assert_eq!(revert(&requested, "dana"), "item.four_eyes");

    let mut locked = story(fixture::requested());
    let lock = Command::Lock {
        scope: Scope::Target,
        reason: "the sale".to_owned(),
        lasts: None,
    };
    let Ok(Decision::Record(bodies)) = decided(&locked, "dana", &lock) else {
        panic!("dana may lock");
    };
    for body in bodies {
        enter(&mut locked, body);
    }
    assert_eq!(revert(&locked, "dana"), "lock");
    // A share of the pods runs on it.
    assert_eq!(revert(&story(fixture::baking()), "dana"), "item.serves");
}

#[test]
fn an_earlier_release_is_not_deployed_behind_a_migration_that_forbids_it() {
    let verdict = |word, status| {
        let mut story = migrating(fixture::requested(), word);
        set(&mut story, "migration.apply", status);
        let mut plan = current(&story).plan;
        plan.release = plan.before.clone().expect("41 is live");
        plan.plan.rollback = None;
        let facts = story.cockpit.known.facts(&here(), story.cockpit.now);
        rollback(&facts.expect("facts"), &plan)
    };
    for (word, status, becomes) in [
        (RollbackWord::Forbidden, ItemStatus::Done, Verdict::Fail),
        (
            RollbackWord::Forbidden,
            ItemStatus::Unknown,
            Verdict::Unknown,
        ),
        (RollbackWord::NeedsSteps, ItemStatus::Done, Verdict::Unknown),
        (RollbackWord::Safe, ItemStatus::Unknown, Verdict::Unknown),
        (RollbackWord::Safe, ItemStatus::Done, Verdict::Pass),
    ] {
        let (verdict, said) = verdict(word, status).expect("it stands");
        assert_eq!(verdict, becomes, "{said}");
        assert!(said.contains("it goes back behind release 42"), "{said}");
    }
    assert_eq!(verdict(RollbackWord::Forbidden, ItemStatus::Open), None);
}

#[test]
fn what_forbids_is_not_forgotten_however_many_came_since() {
    let mut story = migrating(fixture::requested(), RollbackWord::Forbidden);
    let wall = id(&story);
    for number in 43..60_u64 {
        set(&mut story, "migration.apply", ItemStatus::Done);
        let mut plan = current(&story).plan;
        let deployment = id(&story);
        let ending = Ending::Closed;
        enter(&mut story, Body::Ended { deployment, ending });
        plan.release.number = number;
        plan.release.commit = Commit::parse(&format!("{number:040x}")).expect("hex");
        plan.plan.rollback = Some(RollbackClaim {
            word: Some(RollbackWord::Safe),
            by: Clean::new("kim"),
        });
        let requested = Body::Requested {
            deployment: DeploymentId(format!("production-auth-service-{number}")),
            plan: Box::new(plan),
            reason: "the next".to_owned(),
        };
        enter(&mut story, requested);
    }
    assert_eq!(current(&story).state, FlightState::Requested);
    let migrated = &story.cockpit.known.targets[&here()].state.migrated;
    assert_eq!(migrated.len(), 8);
    assert_eq!(migrated[0].id, wall);
}
