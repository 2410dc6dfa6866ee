//! The grammar of the command line.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum, builder::PossibleValuesParser};

use crate::{
    domain::{
        hotfix::Criterion,
        migration::RollbackWord,
        notes::telling::Telling,
        version::{ReleaseType, Version},
    },
    policy::versions::Bump,
    simulator::Scenario,
};

/// The go/no-go cockpit for live releases.
///
/// Without a verb the cockpit opens on the configured workspace. PROJECT is the full name or an unambiguous tail, ENV any
/// of its names, RELEASE any of its: number, tag, branch alias, commit.
#[derive(Debug, Parser)]
#[command(name = "gonogo", version, max_term_width = 110)]
pub struct Cli {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "independent flags of a command line"
)]
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// The configuration to use, and no other
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// One JSON object (JSON Lines where it streams) on stdout
    #[arg(long, global = true)]
    pub json: bool,
    /// No questions; protected environments want --confirm as well
    #[arg(long, short = 'y', global = true)]
    pub yes: bool,
    /// What the dialog would have had typed: the release number, or the environment's name
    #[arg(long, global = true, value_name = "NAME")]
    pub confirm: Option<String>,
    /// Print the exact requests and write nothing, not even to the ledger
    #[arg(long, global = true)]
    pub dry_run: bool,
    /// Fly past missing approvals and order, in an emergency; a second person has to countersign (deploy, fly)
    #[arg(long, global = true)]
    pub break_glass: bool,
    /// Take the controls over, too, from somebody who is absent (fly, deploy, promote, resume, retry, controls take)
    #[arg(long, global = true)]
    pub take_over: bool,
    /// Sample one window of metrics and health first
    #[arg(long, global = true)]
    pub sample: bool,
    /// Act under this name (unverified; the ledger says so)
    #[arg(long = "as", global = true, value_name = "NAME")]
    pub act_as: Option<String>,
    /// Give up waiting after this long: 90s, 5m, or a number of seconds (exit 7)
    #[arg(long, global = true, value_name = "T", value_parser = duration)]
    pub timeout: Option<Duration>,
    /// The session as lines: what changes on stdout, commands on stdin, one a line (help lists them)
    #[arg(long, global = true)]
    pub plain: bool,
    /// When to colour; left out, as configured, else auto
    #[arg(long, global = true, value_name = "WHEN")]
    pub color: Option<Colour>,
    /// The theme: auto, dark, light, high-contrast, colour-blind, ansi
    #[arg(long, global = true, value_name = "NAME")]
    pub theme: Option<String>,
    /// Leave the mouse to the terminal
    #[arg(long, global = true)]
    pub no_mouse: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    Auto,
    Always,
    Never,
}

/// `90s`, `5m`, `1h 30m`; a bare number counts seconds.
fn duration(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse::<u64>() {
        return Ok(Duration::from_secs(seconds));
    }
    let parsed: Result<jiff::SignedDuration, _> = text.parse();
    parsed
        .ok()
        .and_then(|parsed| Duration::try_from(parsed).ok())
        .ok_or_else(|| "say it as 90s, 5m or a number of seconds".to_owned())
}

/// From when on: so long ago, or a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    Ago(jiff::SignedDuration),
    At(jiff::Timestamp),
}

impl Since {
    pub fn before(self, now: jiff::Timestamp) -> jiff::Timestamp {
        match self {
            Self::Ago(long) => now.checked_sub(long).unwrap_or(jiff::Timestamp::MIN),
            Self::At(at) => at,
        }
    }
}

/// `30d`, `12h`, `2026-08-01` (UTC) or `2026-08-01T12:00:00Z`.
fn since(text: &str) -> Result<Since, String> {
    let days = text
        .strip_suffix('d')
        .and_then(|days| days.trim().parse::<i32>().ok());
    if let Some(days) = days.filter(|days| *days >= 0) {
        return Ok(Since::Ago(jiff::SignedDuration::from_hours(
            i64::from(days) * 24,
        )));
    }
    if let Some(long) = text
        .parse()
        .ok()
        .filter(|long: &jiff::SignedDuration| !long.is_negative())
    {
        return Ok(Since::Ago(long));
    }
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(Since::At(at));
    }
    let day = text.parse::<jiff::civil::Date>().ok();
    day.and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC).ok())
        .map(|day| Since::At(day.timestamp()))
        .ok_or_else(|| "say it as 30d, 12h, 2026-08-01 or 2026-08-01T12:00:00Z".to_owned())
}

/// One project in one environment.
#[derive(Clone, Debug, Args)]
pub struct Place {
    #[arg(value_name = "ENV")]
    pub environment: String,
    pub project: String,
}

#[derive(Clone, Debug, Args)]
pub struct Wish {
    /// What happens to release 42 of auth-service in production
    #[arg(long, default_value = "good", value_parser = PossibleValuesParser::new(Scenario::ALL.map(Scenario::name)))]
    pub scenario: String,
    /// Divide the durations of the rehearsal by this
    #[arg(long, default_value_t = 10.0)]
    pub speed: f64,
    /// The practice world is a function of this and of what is asked of it
    #[arg(long, default_value_t = 42)]
    pub seed: u64,
    /// Serve the practice cluster alone, until ctrl-c
    #[arg(long, requires = "dir")]
    pub serve: bool,
    /// Where to put kubeconfig, gonogo.toml, the repositories and the ledger
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// The cockpit on the embedded practice cluster
    Rehearse(Wish),
    /// What is live, how it is, and what is under way; exit 1 where something was not read, or a break-glass waits for
    /// its countersign
    Status {
        #[arg(value_name = "ENV")]
        environment: Option<String>,
        project: Option<String>,
        /// Go on as things change
        #[arg(long, short = 'w')]
        watch: bool,
    },
    /// Which release a name means, and by which rule
    Resolve { project: String, name: String },
    /// Releases under all their names
    Release {
        #[command(subcommand)]
        verb: ReleaseVerb,
    },
    /// Every gate with its sentence, GO or NO-GO; stores nothing
    Plan {
        #[command(flatten)]
        place: Place,
        release: Option<String>,
    },
    /// Store the plan and ask its approvers
    Request {
        #[command(flatten)]
        place: Place,
        release: String,
        #[arg(long)]
        reason: String,
    },
    /// Take the open request back
    Cancel {
        #[command(flatten)]
        place: Place,
        #[arg(long)]
        reason: Option<String>,
    },
    /// Request if none is open, then fly if GO
    Deploy {
        #[command(flatten)]
        place: Place,
        release: String,
        /// Why; with --break-glass it has to be said
        #[arg(long)]
        reason: Option<String>,
        /// Until a person is needed, or it ended
        #[arg(long)]
        wait: bool,
    },
    /// Attend a deployment to its close; takes off first if it is GO
    Fly {
        #[command(flatten)]
        place: Place,
        /// Why, with --break-glass
        #[arg(long)]
        reason: Option<String>,
    },
    /// Deploy by itself what the policy of an environment says (`auto_deploy`), as long as it runs
    Follow {
        #[arg(value_name = "ENV")]
        environment: String,
        project: Option<String>,
        /// One look at each target, and one flight where there is one; for a pipeline or a timer
        #[arg(long)]
        once: bool,
    },
    /// Attend a flight as its guard; `stop` keeps the guard from holding it
    Guard {
        #[command(flatten)]
        place: Place,
        what: Option<GuardWord>,
        /// Why it is stopped
        #[arg(long, requires = "what")]
        reason: Option<String>,
    },
    /// Who flies: take the controls, hand them over, let go of them
    Controls {
        #[command(subcommand)]
        verb: ControlsVerb,
    },
    /// Answer for somebody else's break-glass
    Countersign {
        #[command(flatten)]
        place: Place,
        #[arg(long)]
        reason: String,
    },
    /// Keep a release from flying here until it is cleared
    Ground {
        #[command(flatten)]
        place: Place,
        /// Left out: what flies here, or flew last
        release: Option<String>,
        /// Let it fly again
        #[arg(long)]
        clear: bool,
        #[arg(long)]
        reason: String,
    },
    /// Say GO to exactly this plan
    Approve {
        #[command(flatten)]
        place: Place,
        #[arg(long, value_name = "DIGEST")]
        plan: Option<String>,
        #[arg(long)]
        reason: String,
    },
    /// Say NO-GO to exactly this plan
    Reject {
        #[command(flatten)]
        place: Place,
        #[arg(long, value_name = "DIGEST")]
        plan: Option<String>,
        #[arg(long)]
        reason: String,
    },
    /// Who says GO, NO-GO or HOLD to the open request, and who is still awaited; exit 3 unless it is GO
    Poll {
        #[command(flatten)]
        place: Place,
        /// Say HOLD yourself: it stands until you withdraw it
        #[arg(long, requires = "reason")]
        hold: bool,
        #[arg(long, value_name = "DIGEST", requires = "hold")]
        plan: Option<String>,
        /// Why, with --hold
        #[arg(long, requires = "hold")]
        reason: Option<String>,
    },
    /// What waits for you, wherever it is: answers, waivers, items, countersigns, your own holds
    Inbox,
    /// Take back the answer given to this plan
    Withdraw {
        #[command(flatten)]
        place: Place,
        #[arg(long, value_name = "DIGEST")]
        plan: Option<String>,
    },
    /// Confirm an item of the checklist, measure it, or run it and say what it says; exit 1 if it does not pass
    Check {
        #[command(flatten)]
        place: Place,
        item: String,
        /// End its run, wherever that is
        #[arg(long)]
        stop: bool,
        /// Write this to it, and leave it as it is
        #[arg(long, value_name = "TEXT", conflicts_with_all = ["stop", "reason"])]
        note: Option<String>,
        #[arg(long)]
        reason: Option<String>,
    },
    /// What was tested of a release, environment by environment: smoke, integration, performance, security, acceptance
    Matrix {
        #[command(flatten)]
        place: Place,
        /// Left out: what is asked for or flies here, else what is live
        release: Option<String>,
    },
    /// Let an item or a gate pass without being green, by name
    Waive {
        #[command(flatten)]
        place: Place,
        item: String,
        #[arg(long)]
        reason: String,
    },
    /// Open a confirmed or waived item again
    Reopen {
        #[command(flatten)]
        place: Place,
        item: String,
        #[arg(long)]
        reason: Option<String>,
    },
    /// Go on to the next canary step, from the step it rests at
    Promote {
        #[command(flatten)]
        place: Place,
        /// The step it rests at, as status shows it; required with --yes
        #[arg(long, conflicts_with = "full")]
        step: Option<usize>,
        /// Past all steps
        #[arg(long)]
        full: bool,
        #[arg(long)]
        wait: bool,
    },
    /// Hold the flight on the platform
    Hold {
        #[command(flatten)]
        place: Place,
    },
    /// Take our own hold off
    Resume {
        #[command(flatten)]
        place: Place,
    },
    /// Stable serves everybody now; the new release stays the desired one
    Abort {
        #[command(flatten)]
        place: Place,
    },
    /// Try an aborted rollout again from its first step
    Retry {
        #[command(flatten)]
        place: Place,
    },
    /// Serve the former release, or RELEASE, so that it stays
    Rollback {
        #[command(flatten)]
        place: Place,
        release: Option<String>,
        /// To the platform's own former revision, whatever the ledger says
        #[arg(long, conflicts_with = "release")]
        former_revision: bool,
        /// Through the stages again, as a deployment goes
        #[arg(long)]
        staged: bool,
        #[arg(long)]
        reason: String,
        #[arg(long)]
        wait: bool,
    },
    /// Close the session, once verification and monitoring are done
    Close {
        #[command(flatten)]
        place: Place,
    },
    /// The migration of a release: its SQL before anything is done, applied, verified, taken back
    Migrate {
        #[command(subcommand)]
        verb: MigrateVerb,
    },
    /// A hotfix, from its branch to the proof that it reached main
    Hotfix {
        #[command(subcommand)]
        verb: HotfixVerb,
    },
    /// The dead-man card: the commands that abort and roll back this release without gonogo
    Card {
        #[command(flatten)]
        place: Place,
    },
    /// When an environment is open: now, next, its windows, freezes and days off; exit 3 where it is closed
    Window {
        #[command(flatten)]
        place: Place,
    },
    /// The text that tells users what became of the last flight; printed, and sent by nobody
    Announce {
        #[command(flatten)]
        place: Place,
    },
    /// What runs against what is recorded; exit 1 where something drifted or was not read
    Drift {
        #[arg(value_name = "ENV")]
        environment: Option<String>,
        project: Option<String>,
    },
    /// Record what runs as live
    Adopt {
        #[command(flatten)]
        place: Place,
        #[arg(long)]
        reason: String,
    },
    /// Ask to fly what is recorded as live, where something else runs: a request like any other
    Restore {
        #[command(flatten)]
        place: Place,
        #[arg(long)]
        reason: String,
    },
    /// Keep everything from taking off in an environment, or to one target of it
    Lock {
        #[arg(value_name = "ENV")]
        environment: String,
        project: Option<String>,
        #[arg(long)]
        reason: String,
        /// For so long (2h, 90m), then it is off by itself; left out: until somebody unlocks it
        #[arg(long = "for", value_name = "T", value_parser = duration)]
        lasts: Option<Duration>,
    },
    /// Take a lock off: your own, or with the role configure anybody's
    Unlock {
        #[arg(value_name = "ENV")]
        environment: String,
        project: Option<String>,
        #[arg(long)]
        reason: String,
    },
    /// The policies that are in force, and what the file says else
    Policy {
        #[command(subcommand)]
        verb: PolicyVerb,
    },
    /// Everything that was decided and done, by whom and when, for an incident review to take as it is
    Timeline {
        #[command(flatten)]
        place: Place,
        /// One deployment alone, as history names it; `last` is the newest
        #[arg(long, value_name = "ID")]
        deployment: Option<String>,
        #[arg(long, value_enum, default_value_t = Format::Md)]
        format: Format,
    },
    /// Every deployment, newest first: when, what, by whom, for how long, how it ended
    History {
        #[arg(value_name = "ENV")]
        environment: Option<String>,
        project: Option<String>,
    },
    /// The success measures of the deployments that ended, against their targets
    Scorecard {
        /// 30d, 12h, 2026-08-01; left out, the last 90 days
        #[arg(long, value_name = "T", value_parser = since)]
        since: Option<Since>,
        /// Left out, those that are protected
        #[arg(long, value_name = "ENV")]
        environment: Option<String>,
    },
    /// Look after the ledger
    Audit {
        #[command(subcommand)]
        verb: AuditVerb,
    },
    /// Look after the configuration
    Config {
        #[command(subcommand)]
        verb: ConfigVerb,
    },
    /// Another tool's policy as our TOML: a YAML of environments with promotion policies, or `.atlas/release.config.json`.
    /// A preview; what does not map is listed
    Import {
        file: PathBuf,
        /// Write it, to a file that is not there yet
        #[arg(long, value_name = "PATH")]
        write: Option<PathBuf>,
    },
    /// Every key and what it does
    Keys {
        #[arg(long)]
        markdown: bool,
    },
    /// The manual page: `gonogo man | man -l -`
    Man,
    /// Completions for a shell
    Completions { shell: clap_complete::Shell },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Md,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GuardWord {
    Stop,
}

#[derive(Clone, Debug, Subcommand)]
pub enum ControlsVerb {
    /// Free ones; those of somebody absent with --take-over
    Take {
        #[command(flatten)]
        place: Place,
        #[arg(long)]
        reason: Option<String>,
    },
    /// Yours, to somebody else
    Hand {
        #[command(flatten)]
        place: Place,
        name: String,
        #[arg(long)]
        reason: Option<String>,
    },
    /// Yours; whoever acts next takes them
    Release {
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Clone, Debug, Subcommand)]
pub enum ReleaseVerb {
    /// Newest first
    List {
        project: String,
        /// How many; 0 lists all
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// One release, by any of its names
    Show { project: String, name: String },
    /// Make a commit a release, once all that it ships is there; a second time it is the same one
    Create {
        project: String,
        /// By any name of a release, or by its id; left out, what HEAD names
        #[arg(long, value_name = "SHA")]
        commit: Option<String>,
        /// What it changes for its users; left out, its version says
        #[arg(long = "type", value_name = "T", value_parser = PossibleValuesParser::new(ReleaseType::ALL.map(ReleaseType::word)))]
        kind: Option<String>,
        /// Whether it can be taken back, where its commits do not say so (a trailer `Rollback: W`); the worse word counts
        #[arg(long, value_name = "W", value_parser = PossibleValuesParser::new(RollbackWord::ALL.map(RollbackWord::word)))]
        rollback: Option<String>,
    },
    /// Give a commit the next version, as an annotated tag; never moved, never forced. What was begun and not ended is
    /// gone on with
    Tag(TagWish),
    /// What lies between two releases: commits, what breaks, artifacts, manifests
    Diff {
        project: String,
        from: String,
        to: String,
    },
    /// Its commits as a section of a CHANGELOG, as notes for users, or as the stub of a migration guide
    Notes {
        project: String,
        /// Left out: the newest
        to: Option<String>,
        /// Whom they are told to
        #[arg(long = "for", value_name = "WHOM", default_value = Telling::Changelog.word(), value_parser = PossibleValuesParser::new(Telling::ALL.map(Telling::word)))]
        whom: String,
        /// Left out: the version before it
        #[arg(long, value_name = "RELEASE")]
        from: Option<String>,
    },
}

#[derive(Clone, Debug, Args)]
pub struct TagWish {
    pub project: String,
    /// Which version comes next; `hotfix` counts from what is live in production, `date` is today's in UTC
    #[arg(long = "type", value_name = "T", required_unless_present = "version", value_parser = PossibleValuesParser::new(Bump::ALL.map(Bump::word)))]
    pub kind: Option<String>,
    /// Exactly this one: v1.2.3, v1.2.3-rc.1, v1.2.3-stage or v2024.01.15
    #[arg(long, conflicts_with = "kind", value_name = "V")]
    pub version: Option<Version>,
    /// By any name of a release, or by its id; left out, what HEAD names
    #[arg(long, value_name = "SHA")]
    pub commit: Option<String>,
    #[command(flatten)]
    pub with: TagWith,
    /// Publish it as well, branch and tag
    #[arg(long)]
    pub push: bool,
    /// Where to; left out, origin, or the only one there is
    #[arg(long, requires = "push", value_name = "REMOTE")]
    pub remote: Option<String>,
    /// What the tag says
    #[arg(long, short = 'm', value_name = "TEXT")]
    pub message: Option<String>,
}

/// What is made before the tag, for it to stand on.
#[derive(Clone, Copy, Debug, Args)]
pub struct TagWith {
    /// Set the version in the files that the project names, in a commit of its own on top, and tag that
    #[arg(long)]
    pub files: bool,
    /// Write its section of the CHANGELOG into that commit: what stands under Unreleased, and what the commits say
    #[arg(long)]
    pub changelog: bool,
    /// Make the branch release/TAG on it
    #[arg(long)]
    pub branch: bool,
}

#[derive(Clone, Debug, Subcommand)]
pub enum PolicyVerb {
    /// What counts, who recorded it, and how the file differs
    Show {
        #[arg(value_name = "ENV")]
        environment: Option<String>,
    },
    /// Make the file's policy the one that counts; open requests there have to be asked for again
    Record {
        #[arg(value_name = "ENV")]
        environment: String,
        #[arg(long)]
        reason: String,
    },
}

/// Which hotfix of a project; left out where only one is open.
#[derive(Clone, Debug, Args)]
pub struct WhichHotfix {
    pub project: String,
    /// Which one, where several are open
    #[arg(long)]
    pub name: Option<String>,
}

#[derive(Clone, Debug, Subcommand)]
pub enum HotfixVerb {
    /// Branch from the commit that is live in production, and open the clock: 5, 30, 15, 10, 30 minutes
    Start {
        project: String,
        /// Why it may hurry
        #[arg(long, value_parser = PossibleValuesParser::new(Criterion::ALL.map(Criterion::word)))]
        criterion: String,
        /// Its branch is hotfix/NAME
        #[arg(long)]
        name: String,
        /// Push the branch to origin, too
        #[arg(long)]
        push: bool,
        /// A second one, where one with this criterion is open already
        #[arg(long)]
        again: bool,
    },
    /// The clock, 004's eight steps, and what is still open, of all projects where none is named; exit 1 where a leg is
    /// late
    Status {
        project: Option<String>,
        /// One that is over, too
        #[arg(long)]
        name: Option<String>,
    },
    /// On to the next leg of the clock
    Advance {
        #[command(flatten)]
        which: WhichHotfix,
    },
    /// Confirm an item of the list that follows after the flight
    Check {
        #[command(flatten)]
        which: WhichHotfix,
        item: String,
        #[arg(long)]
        reason: Option<String>,
    },
    /// Prove by patch id that every commit reached main, and record it
    Backport {
        #[command(flatten)]
        which: WhichHotfix,
    },
    /// Give up a hotfix that never landed
    GiveUp {
        #[command(flatten)]
        which: WhichHotfix,
        #[arg(long)]
        reason: String,
    },
}

#[derive(Clone, Debug, Subcommand)]
pub enum MigrateVerb {
    /// Make the SQL, keep it by its digest, and show it with what in it may lose data
    Preview {
        #[command(flatten)]
        place: Place,
        /// The one that is requested; another one is shown and not kept
        release: Option<String>,
        /// Of the way back
        #[arg(long)]
        revert: bool,
    },
    /// Show the SQL that was made last, without making it again
    Show {
        #[command(flatten)]
        place: Place,
        /// Of the way back
        #[arg(long)]
        revert: bool,
    },
    /// Say that you read exactly this SQL and that it may be run
    Approve {
        #[command(flatten)]
        place: Place,
        /// Its digest, or the first twelve digits of it
        #[arg(long, value_name = "DIGEST")]
        sql: String,
        /// Of the way back
        #[arg(long)]
        revert: bool,
        #[arg(long)]
        reason: String,
    },
    /// Make the SQL once more, and run it if it is what was read
    Apply {
        #[command(flatten)]
        place: Place,
        release: Option<String>,
    },
    /// Look whether the database is at the release's revision; also what became of an apply that nobody heard of
    Verify {
        #[command(flatten)]
        place: Place,
        release: Option<String>,
    },
    /// Take it back, by SQL that was previewed and read on its own; looked for right before and right after
    Revert {
        #[command(flatten)]
        place: Place,
        release: Option<String>,
    },
}

#[derive(Clone, Copy, Debug, Subcommand)]
pub enum AuditVerb {
    /// Walk the chain and name the first broken entry
    Verify,
}

#[derive(Clone, Copy, Debug, Subcommand)]
pub enum ConfigVerb {
    /// All problems at once, each with its place
    Check {
        /// Print the example instead
        #[arg(long)]
        example: bool,
    },
    /// Let a gonogo.toml that came with a repository do what your own may: run its commands, decide whose word counts
    Trust {
        /// No more
        #[arg(long)]
        revoke: bool,
    },
}
