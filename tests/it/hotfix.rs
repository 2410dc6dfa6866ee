//! A hotfix from its branch to the proof (SPEC R8, E12; seeds 002 and 004): what git proves, which terms a plan gets and
//! how each gate says so, what outlives the deployment, and the whole of it by verbs alone.

use std::{collections::BTreeSet, path::Path, process::Command as Program};

use gonogo::{
    adapters::git::GitSource,
    domain::{
        catalogue,
        entry::{Answer, Body, DeploymentId, Ending, Entry, FORMAT, StreamId},
        hotfix::{
            Asked, BACKPORT, Budgets, Criterion, Expedited, Hotfix, HotfixPolicy, Hotfixes, How,
            Leg, Mark, PatchVerdict, proofs,
        },
        plan::ItemId,
        project::{CatalogueSource, ImageSource, Project, TagStrategy, Triggers},
        release::{Commit, Release, ReleaseRef},
        target::TargetId,
        text::Clean,
        version_file::Preparing,
    },
    policy::{
        decide::{Command, Decision, HotfixCommand, decide},
        gate::{GateResult, Verdict},
        gates,
        refusal::{Refusal, RefusalKind},
    },
    session::{show, wanted},
};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{
    fixture::{self, Story, actor, at, project, target},
    flight::{self, SPEED},
    support::{Ran, Served},
};

const NAME: &str = "session-leak";

// What git proves.

struct Shop {
    dir: tempfile::TempDir,
    from: Commit,
}

/// `git` in a folder, as nobody in particular.
fn git(dir: &Path, args: &[&str]) -> String {
    let ran = Program::new("git")
        .current_dir(dir)
        .args(["-c", "user.name=Dana", "-c", "user.email=dana@acme.example"])
        .args(["-c", "commit.gpgsign=false", "-c", "tag.gpgsign=false"])
        .args(args)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "git {args:?}: {said}");
    String::from_utf8_lossy(&ran.stdout).trim().to_owned()
}

fn commit_in(dir: &Path, file: &str, text: &str, subject: &str) -> Commit {
    std::fs::create_dir_all(dir.join(file).parent().unwrap()).unwrap();
    std::fs::write(dir.join(file), text).unwrap();
    git(dir, &["add", file]);
    git(dir, &["commit", "-q", "-m", subject]);
    Commit::parse(&git(dir, &["rev-parse", "HEAD"])).unwrap()
}

fn lines(changed: &[(usize, &str)]) -> String {
    let line = |n: usize| {
        let new = changed.iter().find(|(at, _)| *at == n);
        new.map_or_else(|| format!("line {n}\n"), |(_, text)| format!("{text}\n"))
    };
    (1..=40).map(line).collect()
}

impl Shop {
    /// main has one commit, and hotfix/session-leak begins there.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        git(dir.path(), &["init", "-q", "-b", "main"]);
        let from = commit_in(dir.path(), "auth.rs", &lines(&[]), "feat: auth");
        git(dir.path(), &["branch", "hotfix/session-leak"]);
        Self { dir, from }
    }

    fn git(&self, args: &[&str]) -> String {
        git(self.dir.path(), args)
    }

    fn commit(&self, branch: &str, file: &str, text: &str, subject: &str) -> Commit {
        self.git(&["switch", "-q", branch]);
        commit_in(self.dir.path(), file, text, subject)
    }

    fn project(&self) -> Project {
        Project {
            id: project("auth-service"),
            source: self.dir.path().to_owned(),
            tags: TagStrategy::Monorepo,
            branches: vec!["main".to_owned(), "hotfix/.+".to_owned()],
            branch_aliases: vec!["main".to_owned()],
            triggers: Triggers::default(),
            manifests: Vec::new(),
            preparing: Preparing::default(),
            catalogue: CatalogueSource::Git,
            image: ImageSource {
                name: "registry/auth".to_owned(),
                endpoint: "https://registry".to_owned(),
                repository: "auth".to_owned(),
            },
        }
    }

    /// The catalogue as a process reads it.
    fn releases(&self, asked: &[Asked]) -> Vec<Release> {
        use gonogo::ports::ask::Source as _;
        let project = self.project();
        let git = GitSource::default();
        let commits = git.commits(&project, &BTreeSet::new()).unwrap();
        let mut register = catalogue::Register::default();
        register.foretell(catalogue::unnumbered(&commits, &register.numbers));
        let mut releases = catalogue::assemble(&project, &commits, &register);
        let ids: Vec<Commit> = releases.iter().map(|r| r.commit.clone()).collect();
        let read = git.lineage(&project, asked, &ids).unwrap();
        for release in &mut releases {
            *release.lineage = read.get(&release.commit).cloned().unwrap_or_default();
        }
        releases
    }

    fn started(&self) -> Hotfixes {
        let from = ReleaseRef {
            number: 1,
            commit: self.from.clone(),
            name: None,
            image: None,
        };
        Hotfixes::fold(&project("auth-service"), &[started(1, from)])
    }

    /// What becomes of each fix, oldest first.
    fn proved(&self) -> Vec<Option<How>> {
        let hotfixes = self.started();
        let hotfix = hotfixes.named(NAME).unwrap();
        let asked = [Asked::of(hotfix).unwrap()];
        told(&self.releases(&asked), hotfix)
    }
}

fn told(releases: &[Release], hotfix: &Hotfix) -> Vec<Option<How>> {
    let how = |verdict: &PatchVerdict| match verdict {
        PatchVerdict::Proved { by } => Some(by.how),
        PatchVerdict::Missing => None,
        PatchVerdict::CannotTell { why } => panic!("cannot tell: {why}"),
    };
    let proofs = proofs(releases, hotfix);
    proofs.iter().map(|proof| how(&proof.verdict)).collect()
}

fn entry(seq: u64, stream: StreamId, position: u64, clock: &str, who: &str, body: Body) -> Entry {
    Entry {
        seq,
        stream,
        position,
        format: FORMAT,
        at: at(clock),
        actor: actor(who),
        body,
    }
}

fn start_body(from: ReleaseRef) -> Body {
    Body::HotfixStarted {
        name: NAME.to_owned(),
        branch: format!("hotfix/{NAME}"),
        onto: "main".to_owned(),
        criterion: Criterion::Security,
        from: Box::new(from),
        environment: target("production", "auth-service").environment,
        running: None,
    }
}

fn started(seq: u64, from: ReleaseRef) -> Entry {
    let stream = StreamId::hotfixes(&project("auth-service"));
    entry(seq, stream, 1, "14:00:00", "dana", start_body(from))
}

const BRANCH: &str = "hotfix/session-leak";

#[test]
fn a_backport_is_proved_by_the_commit_its_patch_or_the_squash_of_all_and_by_nothing_else() {
    let fixed = || {
        let shop = Shop::new();
        shop.commit(BRANCH, "auth.rs", &lines(&[(5, "fixed")]), "fix: leak");
        shop.commit(
            BRANCH,
            "auth.rs",
            &lines(&[(5, "fixed"), (20, "tested")]),
            "test: leak",
        );
        // main has gone on meanwhile, in other lines of the same file: patch ids know no line numbers.
        let longer = format!("first\n{}", lines(&[(38, "elsewhere")]));
        shop.commit("main", "auth.rs", &longer, "feat: elsewhere");
        shop
    };
    let untouched = fixed();
    assert_eq!(untouched.proved(), [None, None]);

    let merged = fixed();
    merged.git(&["merge", "-q", "--no-edit", BRANCH]);
    assert_eq!(merged.proved(), [Some(How::Commit), Some(How::Commit)]);

    let picked = fixed();
    picked.git(&["cherry-pick", &format!("main..{BRANCH}")]);
    assert_eq!(picked.proved(), [Some(How::PatchId), Some(How::PatchId)]);

    let half = fixed();
    half.git(&["cherry-pick", &format!("{BRANCH}~1")]);
    assert_eq!(half.proved(), [Some(How::PatchId), None]);

    let squashed = fixed();
    squashed.git(&["merge", "-q", "--squash", BRANCH]);
    squashed.git(&["commit", "-q", "-m", "fix: all of it"]);
    assert_eq!(squashed.proved(), [Some(How::Squash), Some(How::Squash)]);

    // Something like it is not it.
    let alike = fixed();
    let other = format!(
        "first\n{}",
        lines(&[(5, "fixed otherwise"), (38, "elsewhere")])
    );
    alike.commit("main", "auth.rs", &other, "fix: leak");
    assert_eq!(alike.proved(), [None, None]);
}

/// libgit2's patch id against that of the program.
#[test]
fn the_patch_id_that_is_compared_is_the_one_of_git() {
    let shop = Shop::new();
    let fix = shop.commit(BRANCH, "auth.rs", &lines(&[(5, "fixed")]), "fix: leak");
    let longer = format!("first\n{}", lines(&[(30, "elsewhere")]));
    shop.commit("main", "auth.rs", &longer, "feat: elsewhere");
    shop.git(&["cherry-pick", fix.as_str()]);
    let id = |commit: &str| {
        let script = format!("git diff-tree -p {commit} | git patch-id --stable");
        let ran = Program::new("sh")
            .current_dir(shop.dir.path())
            .args(["-c", &script])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&ran.stdout).into_owned();
        text.split(' ').next().unwrap().to_owned()
    };
    assert_eq!(id(fix.as_str()), id("main"));
    assert_ne!(id("main"), id("main~1"));
    assert_eq!(shop.proved(), [Some(How::PatchId)]);
}

#[test]
fn a_branch_that_is_gone_leaves_what_was_flown_and_what_is_lost_cannot_be_told() {
    let shop = Shop::new();
    let first = shop.commit(BRANCH, "auth.rs", &lines(&[(5, "fixed")]), "fix: leak");
    let tip = shop.commit(BRANCH, "b.rs", "b\n", "fix: the rest");
    shop.commit("main", "c.rs", "c\n", "feat: c");
    shop.git(&["cherry-pick", first.as_str()]);
    shop.git(&["branch", "-q", "-D", BRANCH]);
    let hotfixes = shop.started();
    let hotfix = hotfixes.named(NAME).unwrap();

    // Never flown, and gone: nothing is known of it, and nothing is proved.
    let mut asked = Asked::of(hotfix).unwrap();
    assert!(proofs(&shop.releases(std::slice::from_ref(&asked)), hotfix).is_empty());

    // Flown: half of it is on main, and that the other half is not is known.
    asked.flown = vec![tip];
    let releases = shop.releases(std::slice::from_ref(&asked));
    assert_eq!(told(&releases, hotfix), [Some(How::PatchId), None]);

    // A clone that lacks the commit it began on.
    asked.from = Commit::parse(&"ab".repeat(20)).unwrap();
    let releases = shop.releases(&[asked]);
    assert!(
        releases
            .iter()
            .all(|release| release.lineage.unknown.is_some())
    );
}

#[test]
fn only_what_the_branch_itself_made_is_the_hotfix() {
    let shop = Shop::new();
    let fix = shop.commit(BRANCH, "auth.rs", &lines(&[(5, "fixed")]), "fix: leak");
    let main = shop.commit("main", "b.rs", "b\n", "feat: b");
    shop.git(&["merge", "-q", "--no-edit", BRANCH]);
    let hotfixes = shop.started();
    let asked = [Asked::of(hotfixes.named(NAME).unwrap()).unwrap()];
    let releases = shop.releases(&asked);
    let of = |commit: &Commit| {
        let release = releases.iter().find(|r| r.commit == *commit).unwrap();
        release.lineage.of.as_ref().map(|mark| mark.name.clone())
    };
    assert_eq!(of(&fix), Some(NAME.to_owned()));
    // Where it began is an ancestor of its branch, and is no hotfix.
    assert_eq!((of(&shop.from), of(&main)), (None, None));
}

// Terms, gates and commands, on facts made of data.

fn here() -> TargetId {
    target("production", "auth-service")
}

fn commit_of(story: &Story, number: u64) -> Commit {
    let release = story
        .cockpit
        .known
        .release(&project("auth-service"), number)
        .unwrap();
    release.commit.clone()
}

/// 43 is a hotfix of 41, which is live in production.
pub fn burning() -> Story {
    let mut story = fixture::calm();
    story.enter_on(
        StreamId::hotfixes(&project("auth-service")),
        at("14:20:00"),
        &actor("dana"),
        start_body(ReleaseRef {
            number: 41,
            commit: commit_of(&story, 41),
            name: Some(Clean::new("v1.2.3")),
            image: None,
        }),
    );
    let known = &mut story.cockpit.known;
    // In the file and in force.
    let recorded = known
        .environments
        .values_mut()
        .map(|known| &mut known.in_force);
    for environment in known.workspace.environments.iter_mut().chain(recorded) {
        if environment.protected {
            environment.policy.hotfix = Some(HotfixPolicy::default());
            environment.policy.allowed_branches = vec!["main".to_owned()];
        }
    }
    for person in &mut known.workspace.people {
        if person.name == "lee" {
            let mine = person.roles.values_mut().next().unwrap();
            mine.push("emergency".to_owned());
        }
    }
    let releases = known
        .releases
        .get_mut(&project("auth-service"))
        .unwrap()
        .change();
    let fix = releases.iter_mut().find(|r| r.number == 43).unwrap();
    fix.branches = vec![Clean::new(BRANCH)];
    fix.lineage.of = Some(Mark {
        name: NAME.to_owned(),
        branch: BRANCH.to_owned(),
        criterion: Criterion::Security,
    });
    // Ten minutes in staging: verified, and not soaked.
    let staging = target("staging", "auth-service");
    let plan = story.plan(&staging, 43);
    let deployment = DeploymentId("staging-auth-service-9".to_owned());
    let bodies = [
        Body::Requested {
            deployment: deployment.clone(),
            plan: Box::new(plan),
            reason: "fast".to_owned(),
        },
        Body::Promoted {
            deployment: deployment.clone(),
        },
        Body::MonitoringBegan {
            deployment: deployment.clone(),
        },
        Body::Ended {
            deployment,
            ending: Ending::Closed,
        },
    ];
    for (body, clock) in bodies
        .into_iter()
        .zip(["14:21:00", "14:21:30", "14:22:00", "14:22:30"])
    {
        story.enter(&staging, at(clock), &actor("dana"), body);
    }
    story
}

fn take_off(story: &Story, number: u64) -> Vec<GateResult> {
    let facts = story
        .cockpit
        .known
        .facts(&here(), story.cockpit.now)
        .unwrap();
    let plan = match facts.current() {
        Some(current) if current.plan.release.number == number => current.plan.clone(),
        _ => story.plan(&here(), number),
    };
    gates::take_off(&facts, &plan).gates
}

fn gate(gates: &[GateResult], id: &str) -> Option<(Verdict, String)> {
    let gate = gates.iter().find(|gate| gate.id == id)?;
    Some((gate.verdict, gate.sentence.clone()))
}

#[track_caller]
fn says(gates: &[GateResult], id: &str, verdict: Verdict, words: &[&str]) {
    let (is, sentence) = gate(gates, id).unwrap_or_else(|| panic!("no gate {id}"));
    assert_eq!(is, verdict, "{id}: {sentence}");
    for word in words {
        assert!(
            sentence.contains(word),
            "{id}: `{word}` is not in: {sentence}"
        );
    }
}

fn decided(story: &Story, who: &str, command: &Command) -> Result<Decision, Refusal> {
    let facts = story
        .cockpit
        .known
        .facts(&here(), story.cockpit.now)
        .unwrap();
    decide(command, &facts, &actor(who))
}

fn hotfix(what: HotfixCommand) -> Command {
    Command::Hotfix { what }
}

fn named(what: impl FnOnce(String) -> HotfixCommand) -> Command {
    hotfix(what(NAME.to_owned()))
}

#[track_caller]
fn refused(story: &Story, command: &Command) -> String {
    match decided(story, "dana", command) {
        Err(refusal) => refusal.rule,
        Ok(decision) => panic!("allowed: {decision:?}"),
    }
}

fn record(story: &mut Story, who: &str, clock: &str, command: &Command) {
    let Decision::Record(bodies) = decided(story, who, command).unwrap() else {
        panic!("an act");
    };
    for body in bodies {
        let stream = match command {
            Command::Hotfix { .. } => StreamId::hotfixes(&project("auth-service")),
            _ => StreamId::target(&here()),
        };
        story.enter_on(stream, at(clock), &actor(who), body);
    }
}

#[test]
fn each_relaxation_is_a_gate_with_its_sentence() {
    let story = burning();
    let gates = take_off(&story, 43);
    let hurry = "hotfix session-leak, criterion security";
    says(
        &gates,
        "policy.branch",
        Verdict::Pass,
        &["allows branch hotfix/session-leak", hurry],
    );
    says(
        &gates,
        "order.verified",
        Verdict::Pass,
        &[
            "verified in staging",
            "soak of 1 h replaced by 4 fast-validation items",
            hurry,
        ],
    );
    says(&gates, "approvals", Verdict::Fail, &["needs 1 of lee"]);
    says(
        &gates,
        "checklist",
        Verdict::Fail,
        &["4 of 4", "hotfix.minimal", "hotfix.validated"],
    );
    says(
        &gates,
        "hotfix.open",
        Verdict::Pass,
        &[
            hurry,
            "started by dana",
            "windows and freezes lifted",
            "2 of the role approve replaced by one emergency approver",
            "countersigns within 1 h",
        ],
    );
    // What was put off is in the plan, and so in what is approved.
    let plan = story.plan(&here(), 43);
    let terms = plan.plan.hotfix.as_ref().unwrap().terms.as_ref().unwrap();
    let put_off: Vec<&str> = terms.afterwards.iter().map(|i| i.id.0.as_str()).collect();
    assert!(put_off.contains(&"backup.recent"), "{put_off:?}");
    let mut ordinary = plan.plan.clone();
    ordinary.hotfix = None;
    assert_ne!(ordinary.digest(), plan.digest);
    // Everything else keeps its own terms.
    let gates = take_off(&story, 42);
    assert!(gate(&gates, "hotfix.open").is_none());
    says(&gates, "approvals", Verdict::Fail, &["needs 2 of"]);
    assert!(story.plan(&here(), 42).plan.hotfix.is_none());
}

#[test]
fn a_hotfix_goes_through_staging_and_its_terms_end_with_it() {
    let mut story = burning();
    let staging = target("staging", "auth-service");
    story.cockpit.known.targets.get_mut(&staging).unwrap().state =
        gonogo::domain::deployment::TargetState::default();
    says(
        &take_off(&story, 43),
        "order.verified",
        Verdict::Fail,
        &["was never verified in staging"],
    );
    // Without a policy for it a hotfix enters like everything else, and the plan still says what it flies.
    let mut ordinary = burning();
    let known = &mut ordinary.cockpit.known;
    let recorded = known
        .environments
        .values_mut()
        .map(|known| &mut known.in_force);
    for environment in known.workspace.environments.iter_mut().chain(recorded) {
        environment.policy.hotfix = None;
    }
    let gates = take_off(&ordinary, 43);
    assert!(gate(&gates, "hotfix.open").is_none());
    says(
        &gates,
        "policy.branch",
        Verdict::Fail,
        &["hotfix/session-leak"],
    );
    says(&gates, "approvals", Verdict::Fail, &["needs 2 of"]);
    let plan = ordinary.plan(&here(), 43);
    let expedited = Expedited {
        hotfix: NAME.to_owned(),
        branch: BRANCH.to_owned(),
        criterion: Criterion::Security,
        terms: None,
    };
    assert_eq!(plan.plan.hotfix, Some(expedited));
    // Given up: what was planned on its terms does not fly on them.
    let mut given_up = burning();
    let reason = "not it".to_owned();
    let command = named(|name| HotfixCommand::GiveUp { name, reason });
    record(&mut given_up, "dana", "14:25:00", &command);
    says(
        &take_off(&given_up, 43),
        "hotfix.open",
        Verdict::Fail,
        &["gave hotfix session-leak up"],
    );
}

#[test]
fn one_emergency_approver_four_eyes_and_red_until_countersigned() {
    let mut story = burning();
    let plan = story.plan(&here(), 43);
    let digest = plan.digest.clone();
    let request = Command::Request {
        plan: Box::new(plan),
        reason: "tokens leak".to_owned(),
    };
    record(&mut story, "dana", "14:26:00", &request);
    let go = |reason: &str| Command::Approve {
        plan: digest.clone(),
        reason: reason.to_owned(),
    };
    // sam may approve on ordinary terms, and may still say NO; the requester does not count.
    let sam = decided(&story, "sam", &go("fine")).unwrap_err();
    assert_eq!(sam.rule, "role.emergency");
    let no = Command::Reject {
        plan: digest.clone(),
        reason: "wait".to_owned(),
    };
    assert!(decided(&story, "sam", &no).is_ok());
    record(&mut story, "lee", "14:27:00", &go("seen it"));
    for item in ["minimal", "tested", "reviewed", "validated"] {
        let command = Command::Check {
            item: ItemId(format!("hotfix.{item}")),
            note: None,
        };
        record(&mut story, "dana", "14:28:00", &command);
    }
    let gates = take_off(&story, 43);
    says(
        &gates,
        "approvals",
        Verdict::Pass,
        &["1 of 1: lee", "in place of 2 of the role approve"],
    );
    says(
        &gates,
        "checklist",
        Verdict::Pass,
        &["4 of 4", "more follow after the flight"],
    );
    let fly = Command::Fly {
        plan: digest,
        glass: None,
    };
    let Decision::Act { act, opening } = decided(&story, "dana", &fly).unwrap() else {
        panic!("an act");
    };
    let said = act.afterwards.join("\n");
    assert!(
        said.contains("HOTFIX session-leak, criterion security")
            && said.contains("countersigns, due within 1 h"),
        "{said}"
    );
    story.enter(&here(), at("14:29:00"), &actor("dana"), opening.unwrap());
    let known = &story.cockpit.known;
    let state = &known.targets[&here()].state;
    let glass = state.unsigned().next().unwrap();
    let within = known.workspace.timings.countersign;
    let line = glass.sentence(within, at("14:32:00"));
    assert!(
        line.starts_with("HOTFIX by dana") && line.contains("countersign due in"),
        "{line}"
    );
    assert_eq!(
        (
            show::fleet_cell(&story.cockpit, &here()).unwrap().waits,
            glass.word()
        ),
        (true, "HOTFIX")
    );
    let sign = Command::Countersign {
        reason: "it burned".to_owned(),
    };
    let own = decided(&story, "dana", &sign).unwrap_err();
    assert_eq!(own.rule, "role.emergency", "dana holds neither role");
    record(&mut story, "sam", "14:40:00", &sign);
    assert_eq!(
        story.cockpit.known.targets[&here()]
            .state
            .unsigned()
            .count(),
        0
    );
}

/// E12.
#[test]
fn a_release_without_a_fix_that_is_live_is_no_go_and_names_it() {
    use gonogo::domain::hotfix::{Carried, Fix};
    let fix = Fix {
        hotfix: NAME.to_owned(),
        commit: Commit::parse(&"9f3c2ab".repeat(6)[..40]).unwrap(),
        subject: Clean::new("fix: session leak"),
    };
    let has = |by: &Commit, how| Carried {
        fix: fix.clone(),
        by: by.clone(),
        how,
    };
    let mut story = burning();
    let picked = Commit::parse(&"1234567".repeat(6)[..40]).unwrap();
    let lineage = |story: &mut Story, number: u64, carried: Option<Carried>| {
        let releases = story
            .cockpit
            .known
            .releases
            .get_mut(&project("auth-service"));
        let release = releases
            .unwrap()
            .change()
            .iter_mut()
            .find(|r| r.number == number);
        release.unwrap().lineage.has = carried.into_iter().collect();
    };
    // Nothing of a hotfix is live here: no business.
    assert!(gate(&take_off(&story, 42), "release.backport").is_none());
    // What is live has the fix (41 stands for it here).
    lineage(&mut story, 41, Some(has(&fix.commit, How::Commit)));
    says(
        &take_off(&story, 42),
        "release.backport",
        Verdict::Fail,
        &[
            "release 42 v1.3.0 lacks 1 of 1 commits of hotfix session-leak",
            "9f3c2ab (fix: session leak)",
            "live in production",
        ],
    );
    lineage(&mut story, 42, Some(has(&picked, How::PatchId)));
    says(
        &take_off(&story, 42),
        "release.backport",
        Verdict::Pass,
        &["9f3c2ab as 1234567, same patch id"],
    );
    lineage(&mut story, 42, None);
    // Unknown is not a pass.
    let releases = story
        .cockpit
        .known
        .releases
        .get_mut(&project("auth-service"));
    let releases = releases.unwrap().change();
    let release = releases.iter_mut().find(|r| r.number == 42).unwrap();
    release.lineage.unknown = Some(Clean::new("a shallow clone"));
    says(
        &take_off(&story, 42),
        "release.backport",
        Verdict::Unknown,
        &["a shallow clone"],
    );
    let releases = story
        .cockpit
        .known
        .releases
        .get_mut(&project("auth-service"));
    releases
        .unwrap()
        .change()
        .retain(|release| release.number != 41);
    says(
        &take_off(&story, 42),
        "release.backport",
        Verdict::Unknown,
        &["not in the catalogue"],
    );
}

#[test]
fn a_start_needs_a_good_name_a_live_release_and_somebody_who_operates() {
    let start = |name: &str| {
        hotfix(HotfixCommand::Start {
            name: name.to_owned(),
            criterion: Criterion::Revenue,
            push: false,
            again: false,
        })
    };
    let story = burning();
    let Decision::Record(bodies) = decided(&story, "dana", &start("cart")).unwrap() else {
        panic!("an act");
    };
    let [
        Body::HotfixStarted {
            branch,
            from,
            onto,
            running,
            ..
        },
    ] = bodies.as_slice()
    else {
        panic!("{bodies:?}");
    };
    assert_eq!(
        (branch.as_str(), from.number, onto.as_str(), running),
        ("hotfix/cart", 41, "main", &None)
    );
    let taken = decided(&story, "dana", &start(NAME)).unwrap_err();
    assert_eq!(taken.kind, RefusalKind::Raced);
    assert!(taken.sentence.contains("dana started hotfix session-leak"));
    let bad = decided(&story, "dana", &start("a b")).unwrap_err();
    assert_eq!(bad.kind, RefusalKind::Usage);
    assert_eq!(
        decided(&story, "sam", &start("cart")).unwrap_err().rule,
        "role.operate"
    );
    let mut empty = burning();
    empty
        .cockpit
        .known
        .targets
        .get_mut(&here())
        .unwrap()
        .state
        .live = None;
    assert_eq!(refused(&empty, &start("cart")), "hotfix.live");
}

#[test]
fn the_clock_names_what_is_late_and_the_list_outlives_the_deployment() {
    let mut story = burning();
    let hot = |story: &Story| -> Hotfix {
        let hotfixes = &story.cockpit.known.hotfixes[&project("auth-service")];
        hotfixes.named(NAME).unwrap().clone()
    };
    // Staging was requested at 14:21, so it is tested; identify was done within its five minutes.
    let clock = hot(&story).clock(&Budgets::default(), at("14:40:00"));
    let shown = |leg: Leg| clock.iter().find(|shown| shown.leg == leg).unwrap();
    assert_eq!(shown(Leg::Identify).took, SignedDuration::from_mins(1));
    assert_eq!(shown(Leg::Fix).began, None);
    let test = shown(Leg::Test);
    assert!(test.under_way && test.late, "{test:?}");
    assert_eq!(
        hot(&story).banner(&Budgets::default(), at("14:40:00")),
        "HOTFIX session-leak: test 19:00 of 15:00 LATE"
    );
    // Nothing of the list is due before it flew.
    let check = |item: &str| {
        let item = ItemId(item.to_owned());
        named(|name| HotfixCommand::Check {
            name,
            item,
            note: Some("done".to_owned()),
        })
    };
    assert_eq!(refused(&story, &check("backup.recent")), "checklist");
    assert_eq!(refused(&story, &check(BACKPORT)), "hotfix.backport");

    let plan = story.plan(&here(), 43);
    let request = Command::Request {
        plan: Box::new(plan.clone()),
        reason: "tokens leak".to_owned(),
    };
    record(&mut story, "dana", "14:41:00", &request);
    assert_eq!(hot(&story).leg(), Leg::Deploy);
    assert_eq!(refused(&story, &check("backup.recent")), "hotfix.order");
    let deployment = hot(&story).flights.last().unwrap().deployment.clone();
    let reason = "changed my mind".to_owned();
    let give_up = named(|name| HotfixCommand::GiveUp { name, reason });
    assert_eq!(refused(&story, &give_up), "hotfix.flight");
    let go = Body::Decided {
        deployment: deployment.clone(),
        plan: plan.digest.clone(),
        answer: Answer::Go,
        reason: "seen".to_owned(),
    };
    let mut enter = |clock: &str, who: &str, body: Body| {
        story.enter(&here(), at(clock), &actor(who), body);
    };
    enter("14:42:00", "lee", go);
    enter(
        "14:43:00",
        "dana",
        Body::Promoted {
            deployment: deployment.clone(),
        },
    );
    enter(
        "14:44:00",
        "dana",
        Body::Ended {
            deployment,
            ending: Ending::Closed,
        },
    );
    // Closed; what it put off and the backport stay open, on the fleet too.
    let open: Vec<String> = hot(&story)
        .open_items()
        .iter()
        .map(|(id, _)| id.0.clone())
        .collect();
    assert!(
        open.contains(&BACKPORT.to_owned()) && open.len() > 1,
        "{open:?}"
    );
    story.cockpit.now = at("14:45:00");
    let cell = show::fleet_cell(&story.cockpit, &here()).unwrap();
    assert!(
        cell.note
            .contains(&format!("HOTFIX session-leak: {} open", open.len()))
            && cell.waits,
        "{}",
        cell.note
    );
    assert_eq!(refused(&story, &give_up), "hotfix.landed");
    for item in open.iter().filter(|item| *item != BACKPORT) {
        record(&mut story, "dana", "15:00:00", &check(item));
    }
    assert_eq!(refused(&story, &check("backup.recent")), "checklist.done");
    // Git was not read: nothing is proved by that.
    let backport = named(|name| HotfixCommand::Backport { name });
    assert_eq!(refused(&story, &backport), "hotfix.backport");
    assert!(!hot(&story).is_over());
    let steps = hot(&story).steps();
    let done: Vec<bool> = steps.iter().map(|step| step.done).collect();
    assert_eq!(done, [true, false, false, false, true, true, true, false]);
    let bodies = Body::HotfixBackported {
        name: NAME.to_owned(),
        fixes: Vec::new(),
    };
    let stream = StreamId::hotfixes(&project("auth-service"));
    story.enter_on(stream, at("15:10:00"), &actor("dana"), bodies);
    assert!(hot(&story).is_over());
    assert!(
        show::fleet_cell(&story.cockpit, &here())
            .unwrap()
            .note
            .is_empty()
    );
}

#[test]
fn an_abandoned_or_rolled_back_flight_owes_nothing_of_its_list() {
    let mut story = burning();
    let plan = story.plan(&here(), 43);
    let request = Command::Request {
        plan: Box::new(plan),
        reason: "tokens leak".to_owned(),
    };
    record(&mut story, "dana", "14:41:00", &request);
    let hotfixes = |story: &Story| story.cockpit.known.hotfixes[&project("auth-service")].clone();
    let deployment = hotfixes(&story).all[0]
        .flights
        .last()
        .unwrap()
        .deployment
        .clone();
    for (clock, body) in [
        (
            "14:43:00",
            Body::Promoted {
                deployment: deployment.clone(),
            },
        ),
        (
            "14:50:00",
            Body::Ended {
                deployment,
                ending: Ending::RolledBack,
            },
        ),
    ] {
        story.enter(&here(), at(clock), &actor("dana"), body);
    }
    let hotfix = hotfixes(&story).all[0].clone();
    assert!(hotfix.landed().is_none());
    let open: Vec<String> = hotfix
        .open_items()
        .iter()
        .map(|(id, _)| id.0.clone())
        .collect();
    assert_eq!(open, [BACKPORT]);
    let reason = "it was the cache".to_owned();
    let give_up = named(|name| HotfixCommand::GiveUp { name, reason });
    record(&mut story, "dana", "15:00:00", &give_up);
    assert!(hotfixes(&story).all[0].is_over());
}

/// The same state from the stored entries as from those that came one by one.
#[test]
fn the_whole_ledger_folds_to_what_was_folded_entry_by_entry() {
    let story = burning();
    let known = &story.cockpit.known;
    let from = known.hotfixes[&project("auth-service")].all[0].from.clone();
    let mut entries = vec![started(1, from)];
    entries[0].at = at("14:20:00");
    let staging = target("staging", "auth-service");
    entries.extend(known.targets[&staging].entries.iter().cloned());
    let folded = Hotfixes::fold(&project("auth-service"), &entries);
    assert_eq!(folded, known.hotfixes[&project("auth-service")]);
    // A later kind makes it read-only, and nothing is lost.
    let stream = StreamId::hotfixes(&project("auth-service"));
    let kind = "hotfix_teleported".to_owned();
    entries.push(entry(
        99,
        stream,
        2,
        "14:50:00",
        "dana",
        Body::Unknown { kind },
    ));
    let folded = Hotfixes::fold(&project("auth-service"), &entries);
    assert!(folded.read_only && folded.position == 2 && folded.all.len() == 1);
}

#[test]
fn the_palette_knows_the_verbs_and_goes_where_it_burns() {
    use gonogo::{input::Action, session::palette};
    let story = burning();
    let staging = target("staging", "auth-service");
    let workspace = story.cockpit.workspace();
    let parse = |line: &str| {
        let parsed = palette::parse(line, workspace, Some(&staging), |_, _| Ok(42));
        match parsed {
            Ok(palette::Line::Act { aim, target }) => Ok((aim, target)),
            Ok(palette::Line::SwitchOperator(name)) => Err(name),
            Err(sentence) => Err(sentence),
        }
    };
    let (aim, at) = parse("hotfix start auth-service --criterion data-loss --name cart").unwrap();
    assert_eq!(
        (
            aim.action,
            aim.hotfix.criterion,
            aim.hotfix.name.as_deref(),
            at
        ),
        (
            Some(Action::HotfixStart),
            Some(Criterion::DataLoss),
            Some("cart"),
            Some(here())
        )
    );
    assert!(
        parse("hotfix start --criterion bored --name x")
            .unwrap_err()
            .contains("security")
    );
    assert!(parse("hotfix teleport").is_err());
    // What was not said is asked; with one hotfix open the others know which is meant.
    let mut cockpit = story.cockpit.clone();
    cockpit.focus_on(&here());
    assert_eq!(wanted::why_not(&cockpit, Action::HotfixStart), None);
    assert_eq!(wanted::why_not(&cockpit, Action::HotfixAdvance), None);
}

// The whole of it, by verbs alone.

struct Burning {
    served: Served,
}

impl Burning {
    fn source(&self) -> std::path::PathBuf {
        self.served.path().join("source")
    }

    fn git(&self, args: &[&str]) -> String {
        git(&self.source(), args)
    }

    fn hotfix(&self, args: &[&str]) -> Ran {
        let [verb, rest @ ..] = args else {
            panic!("a verb");
        };
        self.served
            .verb(&[&["hotfix", verb, "auth-service"], rest].concat())
    }

    fn status(&self) -> Value {
        self.hotfix(&["status", "--name", NAME]).json()["hotfixes"][0].clone()
    }

    fn open(&self) -> Vec<String> {
        let status = self.status();
        let open = status["open"].as_array().unwrap().iter();
        open.map(|item| item["id"].as_str().unwrap().to_owned())
            .collect()
    }

    fn gate(&self, release: &str, id: &str) -> Value {
        let plan = self.served.verb(&flight::at("plan", &[release])).json();
        let gates = plan["gates"].as_array().unwrap();
        let gate = gates.iter().find(|gate| gate["id"] == id);
        gate.cloned().unwrap_or(Value::Null)
    }
}

/// Figures of a healthy release may be over a limit by chance for a window; that is asked again. Nothing else is.
#[track_caller]
fn figures_allow(served: &Served, args: &[&str]) -> Ran {
    for _ in 0..5 {
        let ran = served.verb(args);
        if ran.code != Some(3) || !ran.rule().starts_with("metric.") {
            return ran.exits(0);
        }
    }
    panic!("{args:?}: the figures of a good release stayed bad");
}

/// 004's hotfix, step by step.
#[test]
fn the_hotfix_of_004_from_its_branch_to_the_proof() {
    let here = Burning {
        served: Served::start("good", SPEED),
    };
    let served = &here.served;

    // 1. Create hotfix branch from production tag; why is asked.
    let wish = ["start", "--name", NAME];
    here.hotfix(&wish).exits(2);
    let wish = ["start", "--name", NAME, "--criterion", "bored"];
    here.hotfix(&wish).exits(2);
    let wish = ["start", "--name", NAME, "--criterion", "security"];
    let before = served.entries();
    let dry = here
        .hotfix(&[&wish[..], &["--dry-run"]].concat())
        .exits(0)
        .json();
    assert_eq!(dry["entries"][0]["kind"], "hotfix_started");
    assert_eq!(served.entries(), before);
    let started = here.hotfix(&wish).exits(0).json();
    assert_eq!(started["hotfix"]["branch"], BRANCH);
    assert_eq!(
        here.git(&["rev-parse", BRANCH]),
        here.git(&["rev-parse", "auth-service/v1.2.3^{commit}"]),
        "production runs 41 v1.2.3"
    );
    assert_eq!(here.hotfix(&wish).exits(5).rule(), "hotfix.name");
    // A branch that is there already is never moved, and nothing is written.
    here.git(&["branch", "hotfix/taken"]);
    let before = served.entries();
    let taken = ["start", "--name", "taken", "--criterion", "revenue"];
    let said = here.hotfix(&taken).exits(1).err;
    assert!(said.contains("there is such a branch already"), "{said}");
    assert_eq!(served.entries(), before);
    assert_eq!(
        here.hotfix(&["advance"]).exits(0).json()["hotfix"]["leg"],
        "fix"
    );

    // 2., 3., 4. Implement minimal fix, test it, have it reviewed.
    here.git(&["switch", "-q", BRANCH]);
    let fix = commit_in(
        &here.source(),
        "auth-service/src/leak.rs",
        "// sessions end with their user\n",
        "fix(auth): a session outlived its user",
    );
    for tag in ["auth-service/v1.2.4-stage", "auth-service/v1.2.4"] {
        here.git(&["tag", "-a", tag, "-m", tag]);
    }
    here.git(&["switch", "-q", "main"]);

    // 5. Deploy to stage for quick validation.
    let soon = served
        .verb(&flight::at("plan", &["v1.2.4"]))
        .exits(3)
        .json();
    assert!(soon["release"]["number"].as_u64().unwrap() > 43, "{soon}");
    assert_eq!(here.gate("v1.2.4", "order.verified")["verdict"], "fail");
    let args = [
        "deploy",
        "staging",
        "auth-service",
        "v1.2.4",
        "--yes",
        "--sample",
        "--wait",
    ];
    figures_allow(served, &args);
    assert_eq!(here.status()["leg"], "test");
    let verified = here.gate("v1.2.4", "order.verified");
    let sentence = verified["sentence"].as_str().unwrap();
    assert!(
        verified["verdict"] == "pass"
            && sentence.contains("replaced by 4 fast-validation items: hotfix session-leak"),
        "{verified}"
    );

    // 6. Get emergency approval.
    let args = flight::at("request", &["v1.2.4", "--reason", "sessions leak"]);
    let requested = served.verb(&args).exits(0).json();
    let plan = requested["plan"].as_str().unwrap();
    let number = requested["release"]["number"].as_u64().unwrap().to_string();
    let approve = flight::at("approve", &["--plan", plan, "--reason", "seen it"]);
    assert_eq!(
        served.verb_as("sam", &approve).exits(3).rule(),
        "role.emergency"
    );
    served.verb_as("lee", &approve).exits(0);
    for item in ["minimal", "tested", "reviewed", "validated"] {
        let item = format!("hotfix.{item}");
        served.verb(&flight::at("check", &[&item])).exits(0);
    }

    // 7. Deploy to production, with careful monitoring.
    let fly = [
        "v1.2.4",
        "--yes",
        "--confirm",
        &number,
        "--sample",
        "--wait",
    ];
    figures_allow(served, &flight::at("deploy", &fly));
    for step in ["1", "3", "5"] {
        flight::promote(served, step);
    }
    // Red until a second person has answered for it.
    let red = served
        .verb(&["status", "production", "auth-service"])
        .exits(1);
    let waits = &red.json()["targets"][0]["break_glass"][0];
    assert_eq!(waits["reason"], "hotfix session-leak, criterion security");
    let sign = flight::at("countersign", &["--reason", "it burned"]);
    assert_eq!(served.verb(&sign).exits(3).rule(), "glass.four_eyes");
    served.verb_as("sam", &sign).exits(0);
    served
        .verb(&flight::at("check", &["verify.smoke"]))
        .exits(0);
    served.verb(&flight::at("fly", &[])).exits(0);
    let live = flight::status(served);
    assert_eq!(
        live["live"]["release"]["number"]
            .as_u64()
            .unwrap()
            .to_string(),
        number
    );

    // Closed, and not over: the list outlives the deployment, and the backport is not for the ticking.
    let put_off = [
        "oncall.confirmed",
        "stakeholders.notified",
        "rollback.reviewed",
    ];
    assert_eq!(here.open(), [&put_off[..], &[BACKPORT]].concat());
    let line = served
        .plain(&["status", "production", "auth-service"])
        .exits(0)
        .out;
    assert!(line.contains("HOTFIX session-leak: 4 open"), "{line}");
    for item in put_off {
        here.hotfix(&["check", item, "--reason", "done after"])
            .exits(0);
    }
    assert_eq!(
        here.hotfix(&["check", BACKPORT]).exits(3).rule(),
        "hotfix.backport"
    );

    // E12: what lacks the fix does not fly.
    let lacks = here.gate("42", "release.backport");
    assert!(
        lacks["verdict"] == "fail"
            && lacks["sentence"].as_str().unwrap().contains(fix.short())
            && lacks["sentence"]
                .as_str()
                .unwrap()
                .contains("a session outlived its user"),
        "{lacks}"
    );

    // 8. Backport fix to main branch, proved.
    let missing = here.hotfix(&["backport"]).exits(3);
    assert!(
        missing.sentence().contains(fix.short()),
        "{}",
        missing.sentence()
    );
    here.git(&["cherry-pick", fix.as_str()]);
    let picked = here.git(&["rev-parse", "main"]);
    let picked = picked.as_str();
    assert_ne!(picked, fix.as_str());
    assert_eq!(here.status()["proof"][0]["proof"]["verdict"], "proved");
    here.hotfix(&["backport"]).exits(0);
    assert_eq!(
        here.hotfix(&["backport", "--name", NAME]).exits(5).rule(),
        "hotfix.backport"
    );
    let over = here.status();
    assert_eq!((&over["over"], &over["open"]), (&json!(true), &json!([])));
    let steps = over["steps"].as_array().unwrap();
    assert!(
        steps.len() == 8 && steps.iter().all(|step| step["done"] == true),
        "{steps:#?}"
    );
    let passes = here.gate(picked, "release.backport");
    assert!(
        passes["verdict"] == "pass"
            && passes["sentence"]
                .as_str()
                .unwrap()
                .contains("same patch id"),
        "{passes}"
    );
    let none = served
        .plain(&["hotfix", "status", "auth-service"])
        .exits(0)
        .out;
    assert!(none.contains("no hotfix of auth-service is open"), "{none}");
    let whole = served.verb(&["audit", "verify"]).exits(0).json();
    assert_eq!(whole["whole"], true);
}
