//! Policies of other tools as our TOML: the YAML of an environment promotion policy (`environments: … promotion_policy`)
//! and the JSON of `.atlas/release.config.json`. What does not map is listed with its place; nothing is lost in silence.

mod node;

use std::fmt::Write as _;

use toml::Value;

use crate::domain::release::TriggerKind;
use node::Node;

/// Longer is no policy.
pub const LONGEST: u64 = 1_000_000;

/// What a foreign file becomes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// To be put into `gonogo.toml`: environments, and a checklist where there are tests.
    pub toml: String,
    /// To be put into each `[[target]]`; empty where the file has no limits.
    pub target: String,
    /// What gonogo added or renamed, one sentence each.
    pub notes: Vec<String>,
    /// What does not map: its place in the file, and why.
    pub unmapped: Vec<String>,
}

/// Everything that is wrong with the file, each with its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Unreadable(pub Vec<String>);

/// The environments and their other names (SPEC §7).
const NAMES: [(&str, &[&str]); 3] = [
    ("dev", &["development"]),
    ("staging", &["stage", "uat"]),
    ("production", &["prod"]),
];

/// `text` as the file `name` has it: JSON where that ends in `.json`, else YAML.
pub fn import(text: &str, name: &str) -> Result<Imported, Unreadable> {
    let is_json = name
        .rsplit('.')
        .next()
        .is_some_and(|end| end.eq_ignore_ascii_case("json"));
    let root: Node = if is_json {
        serde_json::from_str(text).map_err(|error| error.to_string())
    } else {
        serde_saphyr::from_str(text).map_err(|error| first_line(&error.to_string()))
    }
    .map_err(|why| Unreadable(vec![format!("{name}: {why}")]))?;
    let Node::Map(keys) = &root else {
        let sentence = format!(
            "{name}: takes a table with `environments`, this is {}",
            root.words()
        );
        return Err(Unreadable(vec![sentence]));
    };
    let mut reader = Reader::default();
    if !keys.iter().any(|(key, _)| key == "environments") {
        reader.wrong(
            "environments",
            "is missing: this is no policy that gonogo knows",
        );
    }
    for (key, value) in keys {
        match key.as_str() {
            "environments" => reader.environments(value),
            "tests" => reader.tests(value),
            "rollback" => reader.rollback(value),
            _ => reader.unknown(key),
        }
    }
    reader.finish(name)
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

#[derive(Default)]
struct Reader {
    imported: Imported,
    problems: Vec<String>,
    names: Vec<String>,
    limits: Vec<String>,
}

impl Reader {
    fn wrong(&mut self, place: &str, what: &str) {
        self.problems.push(format!("`{place}` {what}"));
    }

    fn unmapped(&mut self, place: &str, why: &str) {
        self.imported.unmapped.push(format!("{place}: {why}"));
    }

    fn unknown(&mut self, place: &str) {
        self.unmapped(place, "gonogo knows no such key");
    }

    fn note(&mut self, note: String) {
        self.imported.notes.push(note);
    }

    fn pair(&mut self, key: &str, value: &str) {
        let _ = writeln!(self.imported.toml, "{key} = {value}");
    }

    fn map<'n>(&mut self, place: &str, node: &'n Node) -> &'n [(String, Node)] {
        match node {
            Node::Map(keys) => keys,
            other => {
                self.wrong(place, &format!("takes a table, this is {}", other.words()));
                &[]
            }
        }
    }

    fn text<'n>(&mut self, place: &str, node: &'n Node) -> Option<&'n str> {
        match node {
            Node::Text(text) if !text.trim().is_empty() && !text.chars().any(char::is_control) => {
                Some(text)
            }
            Node::Text(_) => {
                self.wrong(place, "takes visible text in one line");
                None
            }
            other => {
                self.wrong(place, &format!("takes a text, this is {}", other.words()));
                None
            }
        }
    }

    fn flag(&mut self, place: &str, node: &Node) -> Option<bool> {
        if let Node::Flag(flag) = node {
            return Some(*flag);
        }
        self.wrong(
            place,
            &format!("takes true or false, this is {}", node.words()),
        );
        None
    }

    fn above_zero(&mut self, place: &str, node: &Node) -> Option<f64> {
        match node {
            Node::Number(number) if number.is_finite() && *number > 0.0 => Some(*number),
            Node::Number(_) => {
                self.wrong(place, "takes a number above 0");
                None
            }
            other => {
                self.wrong(place, &format!("takes a number, this is {}", other.words()));
                None
            }
        }
    }

    fn texts(&mut self, place: &str, node: &Node) -> Vec<String> {
        let Node::List(items) = node else {
            self.wrong(
                place,
                &format!("takes a list of texts, this is {}", node.words()),
            );
            return Vec::new();
        };
        let mut texts = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let text = self.text(&format!("{place}[{index}]"), item);
            texts.extend(text.map(str::to_owned));
        }
        texts
    }

    fn environments(&mut self, node: &Node) {
        for (typed, settings) in self.map("environments", node) {
            let place = format!("environments.{typed}");
            let known = NAMES
                .iter()
                .find(|(name, others)| name == typed || others.contains(&typed.as_str()));
            let (name, others) =
                known.map_or((typed.as_str(), &[][..]), |known| (known.0, known.1));
            let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
            if name.is_empty() || !name.chars().all(good) {
                self.wrong(
                    &place,
                    "is no name: letters, digits, `.`, `_` and `-` make one",
                );
                continue;
            }
            if self.names.iter().any(|other| other == name) {
                self.wrong(
                    &place,
                    &format!("is {name} under another name, which is there already"),
                );
                continue;
            }
            if name != typed {
                self.note(format!(
                    "`{typed}` is {name} here, and answers to `{typed}` too"
                ));
            }
            self.imported.toml.push_str("\n[[environment]]\n");
            self.pair("name", &quoted(name));
            if !others.is_empty() {
                self.pair("other_names", &list(others));
            }
            let protected = name == "production";
            if protected {
                self.pair("protected", "true");
                self.note(
                    "production is protected: typed confirmations, known digests, known people; and its policy counts once it is recorded (gonogo policy record production)".to_owned(),
                );
            }
            self.environment(&place, settings, protected);
            self.names.push(name.to_owned());
        }
    }

    fn environment(&mut self, place: &str, settings: &Node, protected: bool) {
        let mut policy = None;
        for (key, value) in self.map(place, settings) {
            let at = format!("{place}.{key}");
            match key.as_str() {
                "promotion_policy" => policy = Some((at, value)),
                "url" => {
                    if let Some(url) = self.text(&at, value) {
                        let row = format!("[{{ title = \"the site\", url = {} }}]", quoted(url));
                        self.pair("dashboards", &row);
                    }
                }
                "deploy_command" => {
                    let _ = self.text(&at, value);
                    self.unmapped(&at, "gonogo sets the image of a workload and watches it; it does not run a command to deploy");
                }
                "strategy" => {
                    let strategy = self.text(&at, value).unwrap_or_default().to_owned();
                    self.unmapped(
                        &at,
                        &format!("the strategy ({strategy}) is the platform's: name its Argo Rollout as `workload`, and `stages` for a canary, in the [[target]]"),
                    );
                }
                _ => self.unknown(&at),
            }
        }
        self.imported.toml.push_str("[environment.policy]\n");
        if let Some((at, value)) = policy {
            self.policy(&at, value, protected);
        }
        if protected && self.names.iter().any(|name| name == "staging") {
            self.pair("after", "\"staging\"");
            self.note("production comes after staging, where a release must have been live and verified for an hour (`after`, `soak`)".to_owned());
        }
    }

    fn policy(&mut self, place: &str, node: &Node, protected: bool) {
        for (key, value) in self.map(place, node) {
            let at = format!("{place}.{key}");
            match key.as_str() {
                "allowed_triggers" => {
                    let texts = self.texts(&at, value);
                    let known = [
                        TriggerKind::BranchPush,
                        TriggerKind::Tag,
                        TriggerKind::Manual,
                    ];
                    let known = known.map(|kind| kind.to_string());
                    if let Some(other) = texts.iter().find(|text| !known.contains(text)) {
                        let sentence = format!(
                            "cannot be `{}`; there are: {}",
                            other.escape_debug(),
                            known.join(", ")
                        );
                        self.wrong(&at, &sentence);
                    }
                    self.pair("allowed_triggers", &list(&texts));
                }
                "allowed_branches" | "allowed_tags" => {
                    let texts = self.globs(&at, value);
                    self.pair(key, &list(&texts));
                }
                "auto_deploy" => {
                    let flag = self.flag(&at, value);
                    self.auto_deploy(&at, flag == Some(true), protected);
                }
                "auto_deploy_tags" => {
                    let texts = self.globs(&at, value);
                    // Without `auto_deploy` in the file the tags alone say it.
                    let said = self
                        .map(place, node)
                        .iter()
                        .any(|(key, _)| key == "auto_deploy");
                    if !said {
                        self.auto_deploy(&at, !texts.is_empty(), protected);
                    }
                    if !protected && !texts.is_empty() {
                        self.pair(key, &list(&texts));
                    }
                }
                "requires_approval" => {
                    if self.flag(&at, value) == Some(true) {
                        self.pair(
                            "approvals",
                            "{ quorum = 1, role = \"approve\", exclude_requester = true }",
                        );
                        self.note(format!("{at}: one person with the role approve, who is not the requester; give people that role"));
                    }
                }
                _ => self.unknown(&at),
            }
        }
    }

    fn globs(&mut self, place: &str, node: &Node) -> Vec<String> {
        let texts = self.texts(place, node);
        if let Some(bad) = texts.iter().find(|text| !is_glob(text)) {
            let sentence = format!("has `{}`, which is no glob", bad.escape_debug());
            self.wrong(place, &sentence);
        }
        texts
    }

    fn auto_deploy(&mut self, place: &str, wanted: bool, protected: bool) {
        if wanted && protected {
            let why = "nothing is deployed to a protected environment by itself";
            self.unmapped(place, why);
        } else if wanted {
            self.pair("auto_deploy", "true");
            self.note(format!(
                "{place}: gonogo follow deploys whatever may enter, as long as it runs"
            ));
        }
    }

    /// Each test becomes an item that a person ticks, with the command in its words.
    fn tests(&mut self, node: &Node) {
        let mut items = Vec::new();
        for (name, command) in self.map("tests", node) {
            let at = format!("tests.{name}");
            let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
            if name.is_empty() || !name.chars().all(good) {
                self.wrong(
                    &at,
                    "is no name: letters, digits, `.`, `_` and `-` make one",
                );
                continue;
            }
            if let Some(command) = self.text(&at, command) {
                let title = format!("The {name} tests pass: {command}");
                items.push(format!(
                    "  {{ id = \"tests.{name}\", phase = \"validate\", title = {} }},\n",
                    quoted(&title)
                ));
            }
        }
        if !items.is_empty() {
            let items = items.concat();
            let _ = write!(
                self.imported.toml,
                "\n[[checklist]]\nname = \"imported\"\nitems = [\n{items}]\n"
            );
            self.note("the tests are the checklist \"imported\": name it in each [[target]] that wants it".to_owned());
            self.imported.target.push_str("checklist = \"imported\"\n");
        }
    }

    fn rollback(&mut self, node: &Node) {
        for (key, value) in self.map("rollback", node) {
            let at = format!("rollback.{key}");
            match key.as_str() {
                "error_threshold" => {
                    if let Some(share) = self.above_zero(&at, value) {
                        if share > 1.0 {
                            self.wrong(&at, "is a share of all requests, from 0 to 1");
                            continue;
                        }
                        let percent = Value::Float((share * 1e8).round() / 1e6);
                        self.limits.push(format!(
                            "{{ metric = \"error_rate\", hold = {percent}, roll_back = {percent} }}"
                        ));
                    }
                }
                "response_time_threshold" => {
                    if let Some(millis) = self.above_zero(&at, value) {
                        let millis = Value::Float(millis);
                        self.limits.push(format!(
                            "{{ metric = \"latency_p99\", hold = {millis}, roll_back = {millis} }}"
                        ));
                    }
                }
                "auto_rollback" => {
                    if self.flag(&at, value) == Some(true) {
                        self.unmapped(&at, "the guard holds a flight by itself and names the rollback; a person presses it");
                    }
                }
                _ => self.unknown(&at),
            }
        }
        if !self.limits.is_empty() {
            let limits = self.limits.join(",\n  ");
            let _ = writeln!(self.imported.target, "limits = [\n  {limits},\n]");
        }
    }

    fn finish(mut self, name: &str) -> Result<Imported, Unreadable> {
        if !self.problems.is_empty() {
            let place = |problem: String| format!("{name}: {problem}");
            return Err(Unreadable(self.problems.into_iter().map(place).collect()));
        }
        self.imported.toml = self.imported.toml.trim_start().to_owned();
        Ok(self.imported)
    }
}

fn is_glob(text: &str) -> bool {
    let glob = text.strip_prefix('!').unwrap_or(text);
    !glob.is_empty() && glob.len() <= 1_000 && globset::GlobBuilder::new(glob).build().is_ok()
}

fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

fn list(texts: &[impl AsRef<str>]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(text.as_ref())).collect();
    format!("[{}]", texts.join(", "))
}
