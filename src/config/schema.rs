//! Every key of the configuration, once: what it takes, what it is when left out, and what it means. The
//! reader, the check for unknown keys, the defaults and the test of the example all project from here.

use super::rules::{self, Rule};

/// A table of the file and its keys.
pub struct Section {
    /// As it is headed in the file, for messages.
    pub heading: &'static str,
    pub keys: &'static [Key],
}

pub struct Key {
    pub name: &'static str,
    pub kind: Kind,
    pub need: Need,
    /// One sentence for the person who writes it.
    pub doc: &'static str,
    /// Why a file found in a repository may not set it (SPEC §6).
    pub own_file_only: Option<&'static str>,
}

pub enum Need {
    Required,
    Optional,
    /// As it would be typed.
    Default(&'static str),
}

/// What a key takes.
pub enum Kind {
    Text(&'static Rule),
    Texts(&'static Rule),
    Flag,
    /// A whole number from … to.
    Count(u64, u64),
    /// Above 0.
    Number,
    /// Above 0: a bare number, `"5 %"` or a duration; the metric says which.
    Figure,
    /// Above 0.
    Duration,
    /// 0 or more.
    Wait,
    /// A time of day: `"14:00"`.
    Clock,
    /// A day, or a time on a day, without a zone: `"2026-12-18"`, `"2026-12-18 18:00"`.
    Moment,
    Path,
    /// Whole paths of programs.
    Programs,
    /// A program and its words; the same word may come twice.
    Argv,
    /// One regular expression.
    Pattern,
    /// Where a secret is: `env:`, `file:` or `cmd:`.
    Secret,
    OneOf(&'static [&'static str]),
    SomeOf(&'static [&'static str]),
    /// Regular expressions.
    Patterns,
    /// Globs, also behind a `!`.
    Globs,
    /// Lists of words by a name of the writer's choice.
    Words,
    /// Lists of keys by the id of an action.
    Keys,
    Table(&'static Section),
    Tables(&'static Section),
    /// One table, or a list of them.
    OneOrMore(&'static Section),
}

const fn key(name: &'static str, kind: Kind, need: Need, doc: &'static str) -> Key {
    Key {
        name,
        kind,
        need,
        doc,
        own_file_only: None,
    }
}

const fn required(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    key(name, kind, Need::Required, doc)
}

const fn optional(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    key(name, kind, Need::Optional, doc)
}

const fn default(name: &'static str, kind: Kind, typed: &'static str, doc: &'static str) -> Key {
    key(name, kind, Need::Default(typed), doc)
}

impl Key {
    const fn own_file_only(mut self, why: &'static str) -> Self {
        self.own_file_only = Some(why);
        self
    }
}

pub const TRIGGERS: &[&str] = &["branch_push", "tag", "manual"];
pub const COLOURS: &[&str] = &["auto", "always", "never"];
pub const CATALOGUES: &[&str] = &["git", "oci"];
pub const TAGS: &[&str] = &["monorepo", "tag-all"];
/// In the order of [`crate::domain::calendar::Day::ALL`].
pub const DAYS: &[&str] = &[
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];
pub const METRICS: &[&str] = &["error_rate", "latency_p99"];
pub const PHASES: &[&str] = &[
    "validate",
    "version",
    "package",
    "staging",
    "deploy",
    "verify",
    "communicate",
];
pub const RELEASE_TYPES: &[&str] = &["major", "minor", "patch", "hotfix"];
pub const ITEM_KINDS: &[&str] = &["check", "probe", "command", "action", "read"];
pub const PLUGINS: &[&str] = &["deny", "allowlist", "allow-all"];
pub const PROBES: &[&str] = &[
    "pods",
    "health",
    "metrics",
    "metric",
    "gate",
    "command",
    "http",
    "tcp",
    "dns",
    "git",
    "ci",
    "kubernetes",
    "number",
];
pub const GIT_QUESTIONS: &[&str] = &[
    "merged",
    "tagged",
    "changed",
    "no-new-todo",
    "reviewed",
    "changelog",
];
pub const MIGRATIONS: &[&str] = &["alembic", "prisma", "command"];
/// As [`crate::domain::migration::RollbackWord`] has them.
pub const ROLLBACK_WORDS: &[&str] = &["safe", "needs-steps", "forbidden"];
pub const FLIGHT_ACTIONS: &[&str] = &["deliver", "promote"];
/// Why a file that came with a repository sets no command.
const RUNS: &str = "it would be run on your machine, as you";
/// Role words with a meaning of their own; approval rules may name more.
pub const ROLES: &[&str] = &["watch", "operate", "stop", "waive", "configure", "approve"];

#[rustfmt::skip]
pub static ROOT: Section = Section {
    heading: "this file",
    keys: &[
        required("name", Kind::Text(&rules::TEXT), "the name of this workspace, shown at the top of every screen"),
        default("trust_names", Kind::Flag, "false", "whether an account or `--as` counts toward a quorum in protected environments too")
            .own_file_only("it decides whose word counts"),
        optional("rehearsal", Kind::Table(&REHEARSAL), "marks a practice cluster; `gonogo rehearse` writes it"),
        default("screen", Kind::Table(&SCREEN), "{}", "how the cockpit looks"),
        default("keys", Kind::Keys, "{}", "other keys for actions; `gonogo keys` lists both")
            .own_file_only("it decides what your keys do"),
        optional("ledger", Kind::Table(&LEDGER), "where the record of everything is kept"),
        default("plugins", Kind::Table(&CREDENTIAL_PLUGINS), "{}", "programs that a kubeconfig may have gonogo run for credentials"),
        default("registry", Kind::Tables(&REGISTRY), "[]", "who we are to a registry that is not open to everybody"),
        default("ci", Kind::Tables(&CI), "[]", "where a project's CI is asked about a release's commit"),
        default("timings", Kind::Table(&TIMINGS), "{}", "the clocks of the cockpit"),
        required("project", Kind::Tables(&PROJECT), "a deployable thing in a source repository"),
        required("environment", Kind::Tables(&ENVIRONMENT), "a place releases run; the order of the file is the order of promotion"),
        default("checklist", Kind::Tables(&CHECKLIST), "[]", "items that several targets share"),
        required("target", Kind::Tables(&TARGET), "one project in one environment"),
        default("person", Kind::Tables(&PERSON), "[]", "somebody who may act or approve"),
    ],
};

#[rustfmt::skip]
static REHEARSAL: Section = Section {
    heading: "[rehearsal]",
    keys: &[
        required("scenario", Kind::Text(&rules::NAME), "what will happen on the practice cluster"),
        default("speed", Kind::Number, "1", "by what the durations of this file were already divided"),
    ],
};

#[rustfmt::skip]
static SCREEN: Section = Section {
    heading: "[screen]",
    keys: &[
        default("theme", Kind::Text(&rules::NAME), "\"dark\"", "dark, light, high-contrast, colour-blind, ansi, or `auto`: dark or light as the terminal is"),
        default("color", Kind::OneOf(COLOURS), "\"auto\"", "when to colour; `auto` obeys NO_COLOR, COLORTERM and TERM"),
        default("mouse", Kind::Flag, "true", "whether clicks select and the wheel scrolls; with shift they stay the terminal's own"),
        default("follow", Kind::Flag, "false", "whether an open cockpit does what `gonogo follow` does, for every environment with `auto_deploy`")
            .own_file_only("it would deploy in your name"),
    ],
};

#[rustfmt::skip]
static LEDGER: Section = Section {
    heading: "[ledger]",
    keys: &[
        optional("path", Kind::Path, "the SQLite file of the ledger; left out, `ledger.sqlite` in gonogo's data folder")
            .own_file_only("gonogo would write to it"),
    ],
};

#[rustfmt::skip]
static CREDENTIAL_PLUGINS: Section = Section {
    heading: "[plugins]",
    keys: &[
        default("policy", Kind::OneOf(PLUGINS), "\"allowlist\"", "`deny` runs none, `allowlist` the known helpers and those in `allow`, `allow-all` whatever a kubeconfig says")
            .own_file_only("these programs run as you"),
        default("allow", Kind::Programs, "[]", "further programs, by their whole paths")
            .own_file_only("these programs run as you"),
    ],
};

#[rustfmt::skip]
static REGISTRY: Section = Section {
    heading: "[[registry]]",
    keys: &[
        required("address", Kind::Text(&rules::ADDRESS), "its address, as in [[project]] `registry`")
            .own_file_only("your password would be sent there"),
        required("user", Kind::Text(&rules::TEXT), "the account"),
        required("password", Kind::Secret, "where its password is: \"env:NAME\", \"file:PATH\" or \"cmd:PROGRAM WORDS\"")
            .own_file_only("it would be read, or run, and sent to the address"),
    ],
};

#[rustfmt::skip]
static CI: Section = Section {
    heading: "[[ci]]",
    keys: &[
        required("project", Kind::Text(&rules::TEXT), "a project, in full or by an unambiguous tail"),
        default("api", Kind::Text(&rules::ADDRESS), "\"https://api.github.com\"", "the REST API of GitHub, or of whoever speaks it")
            .own_file_only("your token would be sent there"),
        required("repository", Kind::Text(&rules::FORGE), "the repository there, `owner/name`"),
        optional("token", Kind::Secret, "where a token is that may read checks, statuses and pull requests; left out, it is asked as anybody")
            .own_file_only("it would be read, or run, and sent to the address"),
        default("checks", Kind::Tables(&CI_CHECK), "[]", "lines of a checklist that ships which checks turn green; what is not named here a person confirms"),
    ],
};

#[rustfmt::skip]
static CI_CHECK: Section = Section {
    heading: "`checks`",
    keys: &[
        required("item", Kind::Text(&rules::NAME), "the id of the line, like tests.passing"),
        required("contexts", Kind::Texts(&rules::TEXT), "the commit statuses and check runs that have to have passed"),
    ],
};

#[rustfmt::skip]
static TIMINGS: Section = Section {
    heading: "[timings]",
    keys: &[
        default("mutation_deadline", Kind::Duration, "\"10s\"", "after this a change's outcome is unknown"),
        default("settling", Kind::Duration, "\"5s\"", "for so long after it, a change whose answer was lost is looked for before it counts as never landed"),
        default("stale", Kind::Duration, "\"15s\"", "a reading older than this is not known"),
        default("health_interval", Kind::Duration, "\"2s\"", "between two polls of a health endpoint"),
        default("health_answers", Kind::Count(1, 1000), "10", "how many good answers in a row make it healthy"),
        default("scrape_interval", Kind::Duration, "\"5s\"", "between two scrapes of metrics"),
        default("countersign", Kind::Duration, "\"1h\"", "how long after a break-glass a second person may take to countersign it"),
        default("hotfix_identify", Kind::Duration, "\"5m\"", "how long a hotfix may take to be understood"),
        default("hotfix_fix", Kind::Duration, "\"30m\"", "how long to be written"),
        default("hotfix_test", Kind::Duration, "\"15m\"", "how long to be tested, staging included"),
        default("hotfix_deploy", Kind::Duration, "\"10m\"", "how long to be flown where it burns"),
        default("hotfix_monitor", Kind::Duration, "\"30m\"", "how long it is watched there"),
        default("heartbeat", Kind::Duration, "\"10s\"", "between two signs of life of whoever attends a flight"),
        default("absent", Kind::Duration, "\"30s\"", "whoever was not heard for so long is absent: the controls can be taken over"),
    ],
};

#[rustfmt::skip]
static PROJECT: Section = Section {
    heading: "[[project]]",
    keys: &[
        required("id", Kind::Text(&rules::PROJECT), "`<repository>/<project>`; the last segment is the project"),
        optional("source", Kind::Path, "the git repository on this machine; only where releases are listed from a registry it may be left out"),
        default("tags", Kind::OneOf(TAGS), "\"monorepo\"", "which git tags name its releases: `monorepo` takes `<project>/v*`, `tag-all` every tag"),
        default("branches", Kind::Patterns, "[\"main\"]", "branches whose commits are releases, as regular expressions"),
        default("branch_aliases", Kind::Texts(&rules::TEXT), "[\"main\"]", "branches that give names like main-42"),
        default("enabled", Kind::Flag, "true", "whether new releases are made; false keeps those that are there"),
        default("tag_trigger", Kind::Flag, "true", "whether a tag makes a release; false: it only names one"),
        default("manifests", Kind::Globs, "[\"**/k8s/**\", \"**/manifests/**\", \"**/deploy/**\"]", "files of the repository that are manifests: a difference shows them line by line"),
        default("catalogue", Kind::OneOf(CATALOGUES), "\"git\"", "where its releases are listed: `git` goes by commits and tags, `oci` by the tags of its image"),
        default("version_files", Kind::Texts(&rules::VERSION_FILE), "[]", "where it says its version: what `release tag --files` sets"),
        default("version_patterns", Kind::Tables(&VERSION_PATTERN), "[]", "the same, by a regular expression with one group"),
        default("changelog", Kind::Text(&rules::FILE), "\"CHANGELOG.md\"", "its CHANGELOG in the repository: what `release tag --changelog` writes to"),
        optional("state_files", Kind::Path, "the folder of its state files: releases/<release>.json and environments/<environment>.json")
            .own_file_only("gonogo would write to it"),
        required("image", Kind::Text(&rules::IMAGE), "the image as pods name it, without tag and digest"),
        optional("registry", Kind::Text(&rules::ADDRESS), "the registry's address; left out, https:// and the host of the image"),
        optional("registry_repository", Kind::Text(&rules::REPOSITORY), "the repository in that registry; left out, the image after its host"),
    ],
};

#[rustfmt::skip]
static VERSION_PATTERN: Section = Section {
    heading: "`version_patterns`",
    keys: &[
        required("path", Kind::Text(&rules::FILE), "a file of the repository"),
        required("pattern", Kind::Pattern, "what its only group matches is the version; `^` and `$` are those of a line"),
    ],
};

#[rustfmt::skip]
static ENVIRONMENT: Section = Section {
    heading: "[[environment]]",
    keys: &[
        required("name", Kind::Text(&rules::NAME), "its name"),
        default("other_names", Kind::Texts(&rules::NAME), "[]", "names it answers to as well"),
        optional("purpose", Kind::Text(&rules::TEXT), "what it is for, in a few words"),
        default("protected", Kind::Flag, "false", "asks for typed confirmations, known digests and known people"),
        optional("data", Kind::Text(&rules::TEXT), "what kind of data it holds, in a few words"),
        default("contacts", Kind::Tables(&CONTACT), "[]", "whom to ask or call about it"),
        default("dashboards", Kind::Tables(&DASHBOARD), "[]", "where to look at it"),
        default("customer_data", Kind::Flag, "false", "holds data of customers, which its header says"),
        default("time_zone", Kind::Text(&rules::TEXT), "\"UTC\"", "the clocks that its windows, freezes and days off go by, like Europe/Berlin"),
        default("policy", Kind::Table(&POLICY), "{}", "what may enter it"),
    ],
};

#[rustfmt::skip]
static CONTACT: Section = Section {
    heading: "`contacts`",
    keys: &[
        required("name", Kind::Text(&rules::TEXT), "a person or a team"),
        required("reach", Kind::Text(&rules::TEXT), "how: a channel, a number, an address"),
    ],
};

#[rustfmt::skip]
static DASHBOARD: Section = Section {
    heading: "`dashboards`",
    keys: &[
        required("title", Kind::Text(&rules::TEXT), "what it shows"),
        required("url", Kind::Text(&rules::LINK), "its address, without a password in it"),
    ],
};

#[rustfmt::skip]
static POLICY: Section = Section {
    heading: "[environment.policy]",
    keys: &[
        default("allowed_triggers", Kind::SomeOf(TRIGGERS), "[\"branch_push\", \"tag\", \"manual\"]", "what may have named the release's commit"),
        default("allowed_branches", Kind::Globs, "[\"*\"]", "branches the release may come from; for a tag: that its commit is on"),
        default("allowed_tags", Kind::Globs, "[]", "tags the release may have; `!` in front excludes; none means any"),
        optional("after", Kind::Text(&rules::NAME), "the environment where the release must have been live and verified first"),
        default("soak", Kind::Wait, "\"1h\"", "for how long it must have been verified there"),
        default("auto_deploy", Kind::Flag, "false", "whether `gonogo follow` flies the newest release that may enter, without being asked; not where it is protected"),
        default("auto_deploy_tags", Kind::Globs, "[]", "tags that such a release must have; `!` in front excludes; none means any release"),
        default("windows", Kind::Tables(&WINDOW), "[]", "when something may enter, week by week; none means always"),
        default("freezes", Kind::Tables(&FREEZE), "[]", "when nothing enters, once"),
        default("no_deploys_on", Kind::SomeOf(DAYS), "[]", "days on which nothing enters"),
        default("approvals", Kind::OneOrMore(&APPROVALS), "[]", "who must say go: one table, or several that must all be met"),
        default("veto", Kind::Texts(&rules::NAME), "[]", "roles that may say NO-GO too, whatever the others say"),
        default("auto_approve", Kind::Tables(&AUTO_APPROVE), "[]", "rules that say go once their gates pass"),
        optional("hotfix", Kind::Table(&HOTFIX), "how a hotfix enters instead; left out, like everything else"),
    ],
};

#[rustfmt::skip]
static WINDOW: Section = Section {
    heading: "`windows`",
    keys: &[
        default("days", Kind::SomeOf(DAYS), "[\"monday\", \"tuesday\", \"wednesday\", \"thursday\", \"friday\", \"saturday\", \"sunday\"]", "the days it opens on; left out, every day"),
        required("from", Kind::Clock, "when it opens, by the clocks of the environment"),
        default("for", Kind::Duration, "\"30m\"", "how long it is open; 24h is the whole day"),
    ],
};

#[rustfmt::skip]
static FREEZE: Section = Section {
    heading: "`freezes`",
    keys: &[
        required("from", Kind::Moment, "when it begins; a day alone counts from its first minute"),
        required("until", Kind::Moment, "when it ends; a day alone counts to its last minute"),
        required("reason", Kind::Text(&rules::TEXT), "why, for everybody whom it stops"),
    ],
};

#[rustfmt::skip]
static APPROVALS: Section = Section {
    heading: "[environment.policy.approvals]",
    keys: &[
        default("quorum", Kind::Count(1, 100), "1", "how many different persons must approve"),
        default("role", Kind::Text(&rules::NAME), "\"approve\"", "the role they hold in this environment"),
        default("exclude_requester", Kind::Flag, "true", "whether the requester's own go does not count"),
        default("exclude_authors", Kind::Flag, "false", "whether the go of whoever wrote a commit of the release does not count"),
        default("expires_after", Kind::Duration, "\"4h\"", "a decision older than this no longer counts"),
    ],
};

#[rustfmt::skip]
static HOTFIX: Section = Section {
    heading: "[environment.policy.hotfix]",
    keys: &[
        default("branches", Kind::Globs, "[\"hotfix/*\"]", "branches that make a hotfix; `hotfix start` makes hotfix/NAME"),
        default("role", Kind::Text(&rules::NAME), "\"emergency\"", "the role of the one person who approves it, never the requester"),
        default("expires_after", Kind::Duration, "\"1h\"", "an approval of it older than this no longer counts"),
        default("onto", Kind::Text(&rules::TEXT), "\"main\"", "the branch that the fix has to reach afterwards, proved by patch id"),
        optional("items", Kind::Tables(&ITEM), "what stands for the soak and for the target's own list, which follows after; left out, four checks of its own"),
    ],
};

#[rustfmt::skip]
static AUTO_APPROVE: Section = Section {
    heading: "[[environment.policy.auto_approve]]",
    keys: &[
        required("rule", Kind::Text(&rules::NAME), "its name; it answers as `auto:<rule>`"),
        required("gates", Kind::Texts(&rules::NAME), "the gates that must pass, by the ids that `gonogo plan` prints"),
        default("role", Kind::Text(&rules::NAME), "\"approve\"", "the role whose quorum it counts for, as one approver and never as the second pair of eyes"),
    ],
};

/// A file of `assets/checklists/`.
#[rustfmt::skip]
pub static SHIPPED: Section = Section {
    heading: "a shipped checklist",
    keys: &[
        required("checklist", Kind::Tables(&CHECKLIST), "lists of items"),
    ],
};

#[rustfmt::skip]
static CHECKLIST: Section = Section {
    heading: "[[checklist]]",
    keys: &[
        required("name", Kind::Text(&rules::NAME), "what targets call it"),
        required("items", Kind::Tables(&ITEM), "its items, in order"),
    ],
};

#[rustfmt::skip]
static TARGET: Section = Section {
    heading: "[[target]]",
    keys: &[
        required("environment", Kind::Text(&rules::NAME), "an environment, by any of its names"),
        required("project", Kind::Text(&rules::TEXT), "a project, in full or by an unambiguous tail"),
        optional("kubeconfig", Kind::Path, "left out, where kubectl would look")
            .own_file_only("its credential plugins run programs"),
        optional("context", Kind::Text(&rules::TEXT), "a context of the kubeconfig; left out, its current one"),
        required("namespace", Kind::Text(&rules::LABEL), "the namespace of the workload"),
        required("workload", Kind::Text(&rules::WORKLOAD), "what names the image: `rollout/…` or `deployment/…`"),
        optional("container", Kind::Text(&rules::LABEL), "the container whose image is set; left out, it is called like the workload"),
        optional("pin", Kind::Table(&PIN), "which cluster it has to be; another one is never touched"),
        optional("health", Kind::Table(&HEALTH), "where pods say how they are"),
        optional("metrics", Kind::Table(&METRICS_SOURCE), "where pods serve their metrics"),
        optional("policy", Kind::Table(&TIGHTER), "what this project asks here beside the policy of the environment; it may only tighten it"),
        default("limits", Kind::Tables(&LIMIT), "[]", "figures above which nothing is promoted, or the release should go"),
        default("stages", Kind::Tables(&STAGE), "[]", "the shares of updated pods it goes through; none for a plain rolling update"),
        optional("checklist", Kind::Text(&rules::CHECKLIST), "a `[[checklist]]` whose items come first, or one that ships: builtin:001, builtin:002, builtin:004-stage, builtin:004-production"),
        default("items", Kind::Tables(&ITEM), "[]", "what has to be ticked or measured"),
        optional("migration", Kind::Table(&MIGRATION), "what changes the database before the new release is there: previewed, read, applied, verified"),
        default("monitoring", Kind::Duration, "\"1h\"", "how long it is watched after the last stage"),
        optional("rollout_deadline", Kind::Duration, "after this the rollout of one stage is late; left out, 10 min where protected and 5 min elsewhere"),
    ],
};

#[rustfmt::skip]
static MIGRATION: Section = Section {
    heading: "[target.migration]",
    keys: &[
        required("preset", Kind::OneOf(MIGRATIONS), "the tool whose steps these are; `command`: every step is said here")
            .own_file_only(RUNS),
        optional("run_in", Kind::Argv, "the program and its words that run each step in the new release's image; {image} stands for that image, by digest")
            .own_file_only(RUNS),
        optional("preview", Kind::Argv, "prints the SQL and changes nothing; left out, as the preset has it, and prisma has none: `migrate diff` is not what `migrate deploy` runs")
            .own_file_only(RUNS),
        optional("apply", Kind::Argv, "applies it; left out, as the preset has it")
            .own_file_only(RUNS),
        optional("verify", Kind::Argv, "says at which revision the database is; left out, as the preset has it")
            .own_file_only(RUNS),
        optional("expect", Kind::Pattern, "what a line of `verify` has to match; left out, as the preset has it"),
        optional("revert_preview", Kind::Argv, "prints the SQL that takes it back; left out, as the preset has it, and prisma has none")
            .own_file_only(RUNS),
        optional("revert", Kind::Argv, "takes it back; left out, as the preset has it, and prisma has none: `migrate resolve` reverses nothing")
            .own_file_only(RUNS),
        optional("env", Kind::Texts(&rules::ENV), "`NAME` is handed on to each step, `NAME=value` is set")
            .own_file_only(RUNS),
        optional("folder", Kind::Text(&rules::INNER_PATH), "where each step runs, within the project's source")
            .own_file_only(RUNS),
        optional("checkout", Kind::Flag, "runs each step in a fresh copy of the release's commit, instead of its image")
            .own_file_only(RUNS),
        optional("timeout", Kind::Duration, "how long each step may take; left out, 10 min"),
        optional("rollback", Kind::OneOf(ROLLBACK_WORDS), "whether a release can be taken back; its commits and whoever created it can only say worse"),
        optional("owner", Kind::Text(&rules::TEXT), "who sees to it"),
    ],
};

#[rustfmt::skip]
static TIGHTER: Section = Section {
    heading: "[target.policy]",
    keys: &[
        optional("allowed_triggers", Kind::SomeOf(TRIGGERS), "some of those that the environment allows"),
        default("allowed_branches", Kind::Globs, "[]", "of those that the environment allows, only these; none means all of them"),
        default("allowed_tags", Kind::Globs, "[]", "a tag that the environment allows has to be one of these too; `!` in front excludes"),
        optional("soak", Kind::Wait, "for how long it must have been verified in the environment before; not shorter than there"),
        default("approvals", Kind::OneOrMore(&APPROVALS), "[]", "who must say go beside; of a role that the environment asks too, the stricter counts"),
        default("veto", Kind::Texts(&rules::NAME), "[]", "further roles that may say NO-GO"),
        optional("auto_deploy", Kind::Flag, "`false`: nothing of it is flown without being asked for"),
        default("windows", Kind::Tables(&WINDOW), "[]", "has to be open too, by the clocks of the environment"),
        default("freezes", Kind::Tables(&FREEZE), "[]", "when nothing of it enters, once"),
        default("no_deploys_on", Kind::SomeOf(DAYS), "[]", "days on which nothing of it enters"),
    ],
};

#[rustfmt::skip]
static PIN: Section = Section {
    heading: "[target.pin]",
    keys: &[
        optional("server", Kind::Text(&rules::ADDRESS), "the address of its API server"),
        optional("ca_sha256", Kind::Text(&rules::SHA256), "SHA-256 of its certificate authority in DER"),
        optional("uid", Kind::Text(&rules::NAME), "the uid of its namespace kube-system"),
    ],
};

#[rustfmt::skip]
static HEALTH: Section = Section {
    heading: "[target.health]",
    keys: &[
        required("port", Kind::Count(1, 65_535), "a port of the pod"),
        default("path", Kind::Text(&rules::REQUEST_PATH), "\"/health\"", "what is asked there"),
    ],
};

#[rustfmt::skip]
static METRICS_SOURCE: Section = Section {
    heading: "[target.metrics]",
    keys: &[
        required("port", Kind::Count(1, 65_535), "a port of the pod"),
        default("path", Kind::Text(&rules::REQUEST_PATH), "\"/metrics\"", "what is asked there"),
        default("prefix", Kind::Text(&rules::METRIC_PREFIX), "\"release_manager\"", "what stands before `_requests_total` and the other families"),
        default("window", Kind::Duration, "\"1m\"", "the time a figure is computed over"),
        default("min_requests", Kind::Count(20, 1_000_000_000), "100", "fewer requests in the window are no verdict"),
    ],
};

#[rustfmt::skip]
static LIMIT: Section = Section {
    heading: "`limits`",
    keys: &[
        required("metric", Kind::OneOf(METRICS), "the error rate in percent, or the 99th percentile of latency in milliseconds"),
        required("hold", Kind::Figure, "above this nothing is promoted"),
        optional("roll_back", Kind::Figure, "above this the release should go"),
        default("intervals", Kind::Count(1, 1000), "3", "for how many scrapes in a row it is over `hold`, or not known, before the guard holds"),
    ],
};

#[rustfmt::skip]
static STAGE: Section = Section {
    heading: "`stages`",
    keys: &[
        required("share", Kind::Count(1, 100), "the share of updated pods, in percent"),
        default("bake", Kind::Wait, "0", "how long it stays there before it may go on"),
    ],
};

#[rustfmt::skip]
static ITEM: Section = Section {
    heading: "`items`",
    keys: &[
        required("id", Kind::Text(&rules::NAME), "a stable name, like oncall.confirmed"),
        required("phase", Kind::OneOf(PHASES), "the phase it belongs to; items of verify are done after the last stage"),
        required("title", Kind::Text(&rules::TEXT), "what has to be true"),
        default("kind", Kind::OneOf(ITEM_KINDS), "\"check\"", "`check`: a person confirms; `probe`: gonogo measures; `command`: gonogo runs it; `action`: the flight does it; `read`: a person reads what another item printed"),
        optional("probe", Kind::OneOf(PROBES), "what is measured, for the kind `probe`"),
        optional("metric", Kind::OneOf(METRICS), "which of the target's limits, for the probe `metric`"),
        optional("gate", Kind::Text(&rules::NAME), "the id of a gate of the take-off that has to pass, for the probe `gate`"),
        optional("command", Kind::Argv, "the program and its words, without a shell; {environment}, {project}, {commit}, {number} and {image} stand for those of the deployment")
            .own_file_only(RUNS),
        optional("env", Kind::Texts(&rules::ENV), "`NAME` is handed on to the command, `NAME=value` is set; besides it has only PATH, HOME, the language and GONOGO_…")
            .own_file_only(RUNS),
        optional("folder", Kind::Text(&rules::INNER_PATH), "where the command runs, within the project's source")
            .own_file_only(RUNS),
        optional("checkout", Kind::Flag, "runs the command in a fresh copy of the release's commit")
            .own_file_only(RUNS),
        optional("expect", Kind::Pattern, "what a line of the output, or the answer, has to match"),
        optional("url", Kind::Text(&rules::URL), "what is asked, for the probe `http`"),
        optional("status", Kind::Count(100, 599), "the status it has to answer; left out, 200 to 299"),
        optional("address", Kind::Text(&rules::HOST_PORT), "`host:port` that has to take a connection, for the probe `tcp`"),
        optional("host", Kind::Text(&rules::HOST), "the name that has to have an address, for the probe `dns`"),
        optional("git", Kind::OneOf(GIT_QUESTIONS), "what is asked about the release's commit, for the probe `git`"),
        optional("branch", Kind::Text(&rules::TEXT), "the branch it has to be on, for `merged`; left out, main"),
        optional("paths", Kind::Globs, "of which something has to change since what is live, for `changed`"),
        optional("reviewers", Kind::Count(1, 20), "how many have to have reviewed each commit, for `reviewed`; left out, 1. For the probe `ci`: the pull requests that brought the commit, instead of its checks"),
        optional("file", Kind::Text(&rules::FILE), "the CHANGELOG that has to have a heading for the version, for `changelog`; left out, CHANGELOG.md"),
        optional("contexts", Kind::Texts(&rules::TEXT), "the checks that have to have passed, for the probe `ci`; left out, all there are"),
        optional("object", Kind::Text(&rules::OBJECT), "what has to exist on the target's cluster, for the probe `kubernetes`"),
        optional("namespace", Kind::Text(&rules::LABEL), "where the object is; left out, the target's"),
        optional("whole_cluster", Kind::Flag, "the object belongs to no namespace"),
        optional("pointer", Kind::Text(&rules::POINTER), "the value in the object that has to be there, or the figure in the JSON that a command prints"),
        optional("equals", Kind::Text(&rules::TEXT), "what that value has to be"),
        optional("condition", Kind::Text(&rules::NAME), "the condition of the object that has to be True"),
        optional("pattern", Kind::Pattern, "where the figure is, for the probe `number`: its first group, in the last line of the output that it matches"),
        optional("bound", Kind::Text(&rules::BOUND), "what the figure has to be: `>= 80`, `<= 0`, `<= former + 10 %`"),
        optional("auto", Kind::Flag, "of the phase verify: runs by itself, once, when its box begins, on whoever attends")
            .own_file_only(RUNS),
        optional("action", Kind::OneOf(FLIGHT_ACTIONS), "what the flight does, for the kind `action`: the delivery, or that everybody is served"),
        optional("timeout", Kind::Duration, "how long a run may take; left out, 10 min for commands and 10 s for questions"),
        optional("max_age", Kind::Duration, "evidence older than this does not count: the item is open again"),
        default("types", Kind::SomeOf(RELEASE_TYPES), "[\"major\", \"minor\", \"patch\", \"hotfix\"]", "the releases that want it; one that does not say what it is gets every item"),
        optional("reads", Kind::Text(&rules::NAME), "the item whose output is read, for the kind `read`: it counts for exactly that output"),
        default("after", Kind::Texts(&rules::NAME), "[]", "items above it that have to be green first; when one of them is run again, this is open again"),
        default("acts", Kind::Flag, "false", "the command changes what is outside: it is confirmed, not run twice, and unknown where nobody heard how it ended"),
        optional("rollback", Kind::OneOf(ROLLBACK_WORDS), "whether what it does can be undone, where no release says so itself; for one that acts"),
        default("way_back", Kind::Flag, "false", "it takes back what an earlier one did, and is not due on the way forth"),
        default("required", Kind::Flag, "true", "whether it must be green, or is advice"),
        optional("owner", Kind::Text(&rules::TEXT), "who sees to it"),
        optional("from", Kind::Wait, "when it is due, counted from the end of the last stage"),
        optional("until", Kind::Duration, "when it must be done, counted from the end of the last stage"),
    ],
};

#[rustfmt::skip]
static PERSON: Section = Section {
    heading: "[[person]]",
    keys: &[
        required("name", Kind::Text(&rules::TEXT), "how this person is called here"),
        default("accounts", Kind::Texts(&rules::TEXT), "[]", "accounts on this and other machines: `account` or `account@host`"),
        optional("email", Kind::Text(&rules::TEXT), "for commits and rollback messages"),
        default("roles", Kind::Words, "{}", "roles by environment, `*` for everywhere: watch, operate, stop, waive, configure, approve"),
    ],
};

impl Section {
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

#[cfg(test)]
mod tests {
    use toml::de::{DeTable, DeValue};

    use super::*;
    use crate::{
        config::EXAMPLE,
        domain::{environment::Policy, workspace::Timings},
    };

    /// Every section that can be reached, the file itself first.
    fn sections() -> Vec<&'static Section> {
        let mut found: Vec<&'static Section> = vec![&ROOT];
        let mut next = 0;
        while let Some(section) = found.get(next) {
            for key in section.keys {
                if let Kind::Table(inner) | Kind::Tables(inner) | Kind::OneOrMore(inner) = key.kind
                    && !found.iter().any(|seen| std::ptr::eq(*seen, inner))
                {
                    found.push(inner);
                }
            }
            next += 1;
        }
        found
    }

    fn visit(section: &'static Section, table: &DeTable, seen: &mut Vec<(&str, &str)>) {
        for key in section.keys {
            let Some(value) = table.get(key.name) else {
                continue;
            };
            seen.push((section.heading, key.name));
            match (&key.kind, value.get_ref()) {
                (Kind::Table(inner) | Kind::OneOrMore(inner), DeValue::Table(table)) => {
                    visit(inner, table, seen);
                }
                (Kind::Tables(inner) | Kind::OneOrMore(inner), DeValue::Array(array)) => {
                    for element in array {
                        if let DeValue::Table(table) = element.get_ref() {
                            visit(inner, table, seen);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    #[test]
    fn the_example_names_every_key() {
        let whole = EXAMPLE.replace(
            "# [rehearsal]\n# scenario = \"good\"\n# speed = 1\n",
            "[rehearsal]\nscenario = \"good\"\nspeed = 1\n",
        );
        let table = DeTable::parse(&whole).expect("the example is TOML");
        let mut seen = Vec::new();
        visit(&ROOT, table.get_ref(), &mut seen);
        let missing: Vec<(&str, &str)> = sections()
            .iter()
            .flat_map(|section| section.keys.iter().map(|key| (section.heading, key.name)))
            .filter(|key| !seen.contains(key))
            .collect();
        assert_eq!(missing, [], "add these to config.example.toml");
    }

    #[test]
    fn every_section_names_a_key_once_and_says_what_it_means() {
        for section in sections() {
            for (index, key) in section.keys.iter().enumerate() {
                assert!(
                    section.keys[..index]
                        .iter()
                        .all(|other| other.name != key.name),
                    "{} in {}",
                    key.name,
                    section.heading
                );
                assert!(key.doc.len() > 7, "{} in {}", key.name, section.heading);
            }
        }
    }

    /// Each key, and the headers that lead to it.
    fn keys() -> Vec<(String, &'static Section, &'static Key)> {
        fn walk(
            section: &'static Section,
            path: &[(&str, bool)],
            found: &mut Vec<(String, &'static Section, &'static Key)>,
        ) {
            let header = |depth: usize| {
                let names: Vec<&str> = path[..depth].iter().map(|(name, _)| *name).collect();
                let name = names.join(".");
                if path[depth - 1].1 {
                    format!("[[{name}]]\n")
                } else {
                    format!("[{name}]\n")
                }
            };
            let headers: String = (1..=path.len()).map(header).collect();
            for key in section.keys {
                found.push((headers.clone(), section, key));
                let (inner, many) = match key.kind {
                    Kind::Table(inner) => (inner, false),
                    Kind::Tables(inner) | Kind::OneOrMore(inner) => (inner, true),
                    _ => continue,
                };
                walk(inner, &[path, &[(key.name, many)]].concat(), found);
            }
        }
        let mut found = Vec::new();
        walk(&ROOT, &[], &mut found);
        found
    }

    /// Of TOML's types, those that this key does not take.
    fn wrong(kind: &Kind) -> Vec<&'static str> {
        let takes: &[&str] = match kind {
            Kind::Text(_) | Kind::Path | Kind::Secret | Kind::OneOf(_) | Kind::Pattern => &["text"],
            Kind::Texts(_)
            | Kind::SomeOf(_)
            | Kind::Patterns
            | Kind::Globs
            | Kind::Programs
            | Kind::Argv
            | Kind::Tables(_) => &["list"],
            Kind::Flag => &["flag"],
            Kind::Count(..) => &["whole"],
            Kind::Number => &["whole", "fraction"],
            Kind::Figure | Kind::Duration | Kind::Wait => &["whole", "fraction", "text"],
            // Not every text and not every date is one: those that are not have words of their own.
            Kind::Clock | Kind::Moment => &["text", "date"],
            Kind::Words | Kind::Keys | Kind::Table(_) => &["table"],
            Kind::OneOrMore(_) => &["list", "table"],
        };
        [
            ("text", "\"x\""),
            ("whole", "7"),
            ("fraction", "1.5"),
            ("flag", "true"),
            ("date", "1979-05-27"),
            ("list", "[]"),
            ("table", "{}"),
        ]
        .into_iter()
        .filter(|(name, _)| !takes.contains(name))
        .map(|(_, value)| value)
        .collect()
    }

    #[test]
    fn every_key_answers_a_wrong_type_with_its_place() {
        let folders = crate::config::Folders::within("/w".as_ref(), None);
        let read = |text: &str| {
            crate::config::parse_with(
                text,
                "/w/gonogo.toml".as_ref(),
                crate::config::Trust::Own,
                Some(&folders),
            )
        };
        let keys = keys();
        assert!(keys.len() > 80, "the walk found only {} keys", keys.len());
        for (headers, section, key) in keys {
            for value in wrong(&key.kind) {
                let text = format!("{headers}{} = {value}\n", key.name);
                let problems = read(&text).expect_err(&text).0;
                let place = (headers.lines().count() + 1, key.name.len() + 4);
                // A list or table is placed at what is typed, too.
                let told = problems.iter().any(|problem| {
                    (problem.line, problem.column) == place
                        && problem
                            .sentence
                            .contains(&format!("`{}` in {} takes", key.name, section.heading))
                        && !problem.hint.is_empty()
                });
                assert!(told, "{text} is told: {problems:#?}");
            }
            // A list of the wrong things.
            if matches!(wrong(&key.kind).as_slice(), values if !values.contains(&"[]")) {
                let text = format!("{headers}{} = [1979-05-27]\n", key.name);
                let problems = read(&text).expect_err(&text).0;
                let place = (headers.lines().count() + 1, key.name.len() + 5);
                assert!(
                    problems.iter().any(|problem| {
                        (problem.line, problem.column) == place
                            && problem.sentence.contains(&format!("`{}`", key.name))
                    }),
                    "{text} is told: {problems:#?}"
                );
            }
        }
    }

    /// The domain has defaults of its own, for workspaces made without a file.
    #[test]
    fn what_is_left_out_is_what_the_domain_takes_for_granted() {
        let text = r#"
            name = "x"
            [[project]]
            id = "a/b"
            source = "."
            image = "r.example/b"
            [[environment]]
            name = "dev"
            [[target]]
            environment = "dev"
            project = "b"
            namespace = "b"
            workload = "deployment/b"
        "#;
        let folders = crate::config::Folders::within("/w".as_ref(), None);
        let loaded = crate::config::parse_with(
            text,
            "/w/gonogo.toml".as_ref(),
            crate::config::Trust::Own,
            Some(&folders),
        )
        .expect("good");
        assert_eq!(loaded.workspace.timings, Timings::default());
        assert_eq!(loaded.workspace.environments[0].policy, Policy::default());
    }
}
