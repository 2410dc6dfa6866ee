//! Items: one line of a checklist each, who or what turns it green, and how old its evidence may grow (SPEC C1).

mod bound;

use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

pub use bound::Bound;

use super::{
    metric::Metric, migration::RollbackWord, release::ReleaseRef, target::TargetId,
    version::ReleaseType,
};

/// The seven phases of seed 002.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    Validate,
    Version,
    Package,
    Staging,
    Deploy,
    Verify,
    Communicate,
}

impl Phase {
    pub fn title(self) -> &'static str {
        match self {
            Self::Validate => "validate",
            Self::Version => "version",
            Self::Package => "package",
            Self::Staging => "staging",
            Self::Deploy => "deploy",
            Self::Verify => "verify",
            Self::Communicate => "communicate",
        }
    }
}

/// A stable name of an item: `oncall.confirmed`, `verify.health`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ItemId(pub String);

impl ItemId {
    /// A gate whose figure is of one stage.
    pub fn is_measured(&self) -> bool {
        self.0.starts_with("metric.") || self.0.starts_with("stage.")
    }
}

impl std::fmt::Display for ItemId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who or what turns an item green.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemKind {
    /// A person confirms.
    Check,
    /// We measure.
    Probe(Probe),
    /// We run.
    Command(CommandSpec),
    /// We change the platform: green when the flight has done it.
    Action(FlightAction),
    /// A person reads what the run of that item printed, and says so of exactly this output.
    Read(ItemId),
}

/// How an item hangs together with others, and what running it does to the world.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// Have to be green first. Once one of these is run again, this is open again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<ItemId>,
    /// Running it changes what is outside, so that it is confirmed, never run twice, and unknown where nobody heard how it
    /// ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acts: Option<Acts>,
    /// It undoes what an earlier one did: never due on the way forth.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub way_back: bool,
}

impl Chain {
    pub fn is_free(&self) -> bool {
        *self == Self::default()
    }
}

/// An item that changes what is outside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acts {
    /// What its target says of the way back, where no release says more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<RollbackWord>,
}

/// Every item that acts, and all that hangs on one: what has to come before, and what waits for it.
pub fn hang_on_acts(items: &[ItemSpec]) -> BTreeSet<ItemId> {
    let acting = items.iter().filter(|item| item.acts());
    let mut found: BTreeSet<ItemId> = acting.map(|item| item.id.clone()).collect();
    loop {
        let known = found.len();
        for item in items {
            if found.contains(&item.id) {
                found.extend(item.before_it().cloned());
            } else if item.before_it().any(|earlier| found.contains(earlier)) {
                found.insert(item.id.clone());
            }
        }
        if found.len() == known {
            return found;
        }
    }
}

/// What of a flight an item of the kind *action* stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlightAction {
    /// The delivery caused the change.
    Deliver,
    /// The new release serves everybody.
    Promote,
}

impl FlightAction {
    pub const ALL: [Self; 2] = [Self::Deliver, Self::Promote];

    /// As the configuration spells it.
    pub fn id(self) -> &'static str {
        match self {
            Self::Deliver => "deliver",
            Self::Promote => "promote",
        }
    }
}

/// What is measured. The first five are judged from what this process watches; the others are asked or run, each time
/// somebody wants to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Probe {
    /// Every pod of the new release is ready and none restarts.
    Pods,
    /// `/health` answered well as often as configured.
    Health,
    /// Every metric is within its limit over the window.
    Metrics,
    /// This one is.
    Metric(Metric),
    /// A gate of the take-off passes, by its id.
    Gate(String),
    Command(CommandSpec),
    Http(HttpProbe),
    /// `host:port` takes a connection.
    Tcp(String),
    /// The name has an address.
    Dns(String),
    Git(GitProbe),
    /// What the CI of the project says of the release's commit.
    Ci(CiProbe),
    /// An object of the target's cluster.
    Kubernetes(ObjectProbe),
    /// A figure that a command prints.
    Number(NumberProbe),
}

impl Probe {
    /// As the configuration spells it.
    pub fn id(&self) -> &'static str {
        match self {
            Self::Pods => "pods",
            Self::Health => "health",
            Self::Metrics => "metrics",
            Self::Metric(_) => "metric",
            Self::Gate(_) => "gate",
            Self::Command(_) => "command",
            Self::Http(_) => "http",
            Self::Tcp(_) => "tcp",
            Self::Dns(_) => "dns",
            Self::Git(_) => "git",
            Self::Ci(_) => "ci",
            Self::Kubernetes(_) => "kubernetes",
            Self::Number(_) => "number",
        }
    }

    /// Asked or run outside, instead of judged from what is watched.
    pub fn is_outward(&self) -> bool {
        match self {
            Self::Pods | Self::Health | Self::Metrics | Self::Metric(_) | Self::Gate(_) => false,
            Self::Command(_)
            | Self::Http(_)
            | Self::Tcp(_)
            | Self::Dns(_)
            | Self::Git(_)
            | Self::Ci(_)
            | Self::Kubernetes(_)
            | Self::Number(_) => true,
        }
    }
}

/// A program and its words; no shell, unless it is written. `{environment}`, `{project}`, `{commit}`, `{number}` and
/// `{image}` in a word stand for those of the deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandSpec {
    pub argv: Vec<String>,
    /// `NAME` is handed on from gonogo's own environment, `NAME=value` is set. Nothing else is, but PATH, HOME and what
    /// names the deployment (`GONOGO_…`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// Where it runs, within the project's source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// In a fresh copy of the release's commit, instead of the source as it lies there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub checkout: bool,
    /// A line of its standard output has to match this regular expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<String>,
}

impl CommandSpec {
    /// As a person would type it, quoted where that is needed.
    pub fn line(&self) -> String {
        let quoted = |word: &String| {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,{}".contains(c);
            if !word.is_empty() && word.chars().all(plain) {
                word.clone()
            } else {
                format!("'{}'", word.replace('\'', "'\\''"))
            }
        };
        self.argv.iter().map(quoted).collect::<Vec<_>>().join(" ")
    }
}

impl CommandSpec {
    /// With the words of one deployment in place of the placeholders: nothing in them but letters, digits and a few signs,
    /// so that they may stand in any word.
    pub fn argv_for(&self, target: &TargetId, release: &ReleaseRef) -> Vec<String> {
        let filled = |word: &String| {
            if !word.contains('{') {
                return word.clone();
            }
            let image = release.image.as_deref().unwrap_or_default();
            word.replace("{environment}", target.environment.as_str())
                .replace("{project}", target.project.name())
                .replace("{commit}", release.commit.as_str())
                .replace("{number}", &release.number.to_string())
                .replace("{image}", image)
        };
        self.argv.iter().map(filled).collect()
    }
}

/// A GET without redirects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpProbe {
    pub url: String,
    /// None: anything from 200 to 299.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What the body has to match, a regular expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<String>,
}

/// A question to the project's repository about the release's commit. *Between* means: since what is live before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GitProbe {
    /// The commit is on this branch.
    Merged { branch: String },
    /// A tag names the commit.
    Tagged,
    /// Something that matches these globs changed between.
    Changed { paths: Vec<String> },
    /// No line that was added between says TODO or FIXME.
    NoNewTodo,
    /// Every commit between was reviewed by so many persons (`Reviewed-by:`), its author not counted.
    Reviewed { by: u64 },
    /// This file of the commit has a heading with the version that a tag gives the commit.
    Changelog { path: String },
}

impl GitProbe {
    /// As the configuration spells it.
    pub fn id(&self) -> &'static str {
        match self {
            Self::Merged { .. } => "merged",
            Self::Tagged => "tagged",
            Self::Changed { .. } => "changed",
            Self::NoNewTodo => "no-new-todo",
            Self::Reviewed { .. } => "reviewed",
            Self::Changelog { .. } => "changelog",
        }
    }
}

/// A question to the CI of a project, wherever the configuration says that it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CiProbe {
    /// These statuses and check runs passed; none named: all that there are, and one at least.
    Checks {
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        contexts: Vec<String>,
    },
    /// Each pull request that brought the commit was approved by so many, its author not counted.
    Reviews { by: u64 },
}

/// That it exists, and what it says: at most one of `pointer` and `condition`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectProbe {
    /// `apps/v1/deployments/auth-service`, `v1/configmaps/limits`.
    pub object: String,
    /// None: the target's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// It belongs to no namespace.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub whole_cluster: bool,
    /// A JSON pointer: `/status/readyReplicas`. Something has to be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// And it has to be this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<String>,
    /// One of its conditions that has to be True.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
}

impl ObjectProbe {
    /// Group and version, plural, name; None where it is not so many.
    pub fn parts(&self) -> Option<(&str, &str, &str)> {
        let (rest, name) = self.object.rsplit_once('/')?;
        let (version, plural) = rest.rsplit_once('/')?;
        let sound = version.split('/').count() <= 2 && !self.object.split('/').any(str::is_empty);
        sound.then_some((version, plural, name))
    }

    /// `deployments/auth-service`
    pub fn words(&self) -> String {
        match self.parts() {
            Some((_, plural, name)) => format!("{plural}/{name}"),
            None => self.object.clone(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberProbe {
    pub command: CommandSpec,
    pub find: Find,
    pub bound: Bound,
}

/// Where in the standard output the figure is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Find {
    /// A regular expression: its first group in the last line that it matches.
    Pattern(String),
    /// A JSON pointer.
    Pointer(String),
}

/// One line of a checklist. Items of the phase *verify* are done after the last stage, in order, inside
/// their box; all others stand before take-off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemSpec {
    pub id: ItemId,
    pub phase: Phase,
    pub title: String,
    pub kind: ItemKind,
    pub required: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// When it is due, counted from the end of the last stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_box: Option<TimeBox>,
    /// Evidence older than this does not count: the item is open again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<SignedDuration>,
    /// How long what is run or asked may take; None: the usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<SignedDuration>,
    /// Which releases want it (SPEC R13); none: all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<ReleaseType>,
    /// Of the phase verify: it runs by itself, once, when its box begins.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub auto: bool,
    #[serde(default, skip_serializing_if = "Chain::is_free")]
    pub chain: Chain,
}

impl ItemSpec {
    /// Running it changes what is outside.
    pub fn acts(&self) -> bool {
        self.chain.acts.is_some()
    }

    /// It changes nothing, and says by what it has to find whether something is there.
    pub fn looks(&self) -> bool {
        let expects = match &self.kind {
            ItemKind::Command(command) | ItemKind::Probe(Probe::Command(command)) => {
                command.expect.is_some()
            }
            _ => false,
        };
        expects && !self.acts()
    }

    /// Every item that has to be green before this one.
    pub fn before_it(&self) -> impl Iterator<Item = &ItemId> {
        let read = match &self.kind {
            ItemKind::Read(of) => Some(of),
            _ => None,
        };
        self.chain.after.iter().chain(read)
    }

    /// A release that does not say what it is gets every item.
    pub fn is_for(&self, release: Option<ReleaseType>) -> bool {
        self.types.is_empty() || release.is_none_or(|release| self.types.contains(&release))
    }

    pub fn is_verification(&self) -> bool {
        self.phase == Phase::Verify
    }

    /// Has to be green before anything is touched: what the flight itself does cannot be.
    pub fn is_before_take_off(&self) -> bool {
        !self.is_verification() && !self.chain.way_back && !matches!(self.kind, ItemKind::Action(_))
    }

    /// The command of this item, whether it changes something or measures.
    pub fn command(&self) -> Option<&CommandSpec> {
        match &self.kind {
            ItemKind::Command(command) | ItemKind::Probe(Probe::Command(command)) => Some(command),
            ItemKind::Probe(Probe::Number(number)) => Some(&number.command),
            _ => None,
        }
    }

    /// Somebody has to start it, it takes its time, and it leaves evidence.
    pub fn is_run(&self) -> bool {
        match &self.kind {
            ItemKind::Command(_) => true,
            ItemKind::Probe(probe) => probe.is_outward(),
            ItemKind::Check | ItemKind::Action(_) | ItemKind::Read(_) => false,
        }
    }

    /// What running it does, in a few words: `runs pytest -q`.
    pub fn errand(&self) -> Option<String> {
        Some(match &self.kind {
            ItemKind::Command(command) | ItemKind::Probe(Probe::Command(command)) => {
                format!("runs {}", command.line())
            }
            ItemKind::Probe(Probe::Http(http)) => format!("asks {}", http.url),
            ItemKind::Probe(Probe::Tcp(address)) => format!("connects to {address}"),
            ItemKind::Probe(Probe::Dns(name)) => format!("looks {name} up"),
            ItemKind::Probe(Probe::Git(question)) => format!("asks git: {}", question.id()),
            ItemKind::Probe(Probe::Ci(CiProbe::Reviews { .. })) => "asks CI: reviews".to_owned(),
            ItemKind::Probe(Probe::Ci(CiProbe::Checks { contexts })) => match contexts.as_slice() {
                [] => "asks CI: all checks".to_owned(),
                named => format!("asks CI: {}", named.join(", ")),
            },
            ItemKind::Probe(Probe::Kubernetes(object)) => {
                format!("asks the cluster: {}", object.words())
            }
            ItemKind::Probe(Probe::Number(number)) => {
                format!("runs {}: {}", number.command.line(), number.bound)
            }
            ItemKind::Action(_) => "the flight does it".to_owned(),
            ItemKind::Read(of) => format!("somebody reads what {of} printed"),
            _ => return None,
        })
    }

    /// After this a run is ended: 10 min for commands, 10 s for questions, unless configured.
    pub fn patience(&self) -> SignedDuration {
        self.timeout.unwrap_or(if self.command().is_some() {
            SignedDuration::from_mins(10)
        } else {
            SignedDuration::from_secs(10)
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeBox {
    pub from: SignedDuration,
    pub until: SignedDuration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_it_would_be_typed() {
        let spec = |argv: &[&str]| CommandSpec {
            argv: argv.iter().map(|word| (*word).to_owned()).collect(),
            env: Vec::new(),
            folder: None,
            checkout: false,
            expect: None,
        };
        assert_eq!(
            spec(&["pytest", "-q", "--env={environment}"]).line(),
            "pytest -q --env={environment}"
        );
        assert_eq!(
            spec(&["sh", "-c", "echo it's; rm *", ""]).line(),
            r"sh -c 'echo it'\''s; rm *' ''"
        );
    }

    #[test]
    fn probes_of_stored_plans_read_as_they_were_written() {
        let old = r#"{"id":"verify.pods","phase":"verify","title":"pods","kind":{"probe":"pods"},"required":true}"#;
        let item: ItemSpec = serde_json::from_str(old).expect("an item of the first format");
        assert_eq!(item.kind, ItemKind::Probe(Probe::Pods));
        assert_eq!(serde_json::to_string(&item).expect("JSON"), old);
    }
}
