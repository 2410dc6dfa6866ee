//! Verbs against a served practice cluster.
//!
//! | step | means |
//! |---|---|
//! | `configure ENV PROJECT` | keys of that target, as TOML below it, in the place of those it had |
//! | `environment ENV` | the same for keys of an environment |
//! | `write PATH` | a file in the session's folder, with the text below it; a program if it begins with `#!` |
//! | `as NAME` | who speaks from here on |
//! | `the plan of ENV PROJECT is {NAME}` | what is asked for there; its digest is called so from here on |
//! | `until ENV PROJECT field=value` | asks `status` until it is so |
//! | `$ gonogo …`, `$ git …`, `$ PROGRAM …` | runs it; below it what it says: its output, its messages behind `!`, and how it ended if not with 0. `git` works in the source |
//! | `$~ gonogo …` | the same, asked again while a figure of the last window is over its limit by chance |
//!
//! Durations are divided by [`SPEED`]: an hour is six seconds.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use serde_json::Value;

use super::{Stage, Step, masks::Masks, script};
use crate::support::{self, Ran, Served as Cluster, has_kubectl};

pub const SPEED: u32 = 600;

/// A window over a limit by chance is followed by so many others.
const TRIES: usize = 5;

pub struct Served {
    cluster: Cluster,
    masks: Masks,
    who: String,
    kubectl: Option<bool>,
}

impl Served {
    pub fn start(scenario: &str) -> Self {
        let cluster = Cluster::start(scenario, SPEED);
        let masks = Masks::new(cluster.path());
        Self {
            cluster,
            masks,
            who: "dana".to_owned(),
            kubectl: None,
        }
    }

    fn source(&self) -> PathBuf {
        self.cluster.path().join("source")
    }

    fn git(&self) -> Command {
        let mut git = Command::new("git");
        git.current_dir(self.source())
            .args(["-c", "user.name=Dana", "-c", "user.email=dana@acme.example"])
            .args(["-c", "commit.gpgsign=false", "-c", "tag.gpgsign=false"])
            .args(["-c", "advice.detachedHead=false"])
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null");
        git
    }

    fn commits(&self) -> Vec<String> {
        let mut git = self.git();
        let listed = support::run(git.args(["rev-list", "--all"])).exits(0);
        listed.out.lines().map(str::to_owned).collect()
    }

    fn command(&mut self, words: &[String]) -> Option<Command> {
        let [program, args @ ..] = words else {
            panic!("a program, and its words");
        };
        let mut command = match program.as_str() {
            "gonogo" => {
                let config = self.cluster.path().join("gonogo.toml");
                let mut command = support::gonogo(&["--config"]);
                command.arg(config).args(["--as", &self.who]);
                command
            }
            "git" => self.git(),
            "kubectl" => {
                if !*self.kubectl.get_or_insert_with(has_kubectl) {
                    return None;
                }
                let mut command = Command::new(program);
                let file = self.cluster.path().join("kubeconfig");
                command.arg("--kubeconfig").arg(file);
                command
            }
            program => {
                let mut command = Command::new(program);
                command.current_dir(self.cluster.path());
                command
            }
        };
        command.args(args).stdin(Stdio::null());
        Some(command)
    }

    /// What is said; none where the program is not here, which is said elsewhere.
    fn said(&mut self, line: &str, again: bool) -> Option<Vec<String>> {
        let words = script::words(&self.masks.unmask(line));
        let mut ran = support::run(&mut self.command(&words)?);
        for _ in 1..TRIES {
            let by_chance = ran.code == Some(3) && ran.err.contains(", limit ");
            if !(again && by_chance) {
                break;
            }
            ran = support::run(&mut self.command(&words)?);
        }
        Some(self.lines(&ran))
    }

    fn lines(&mut self, ran: &Ran) -> Vec<String> {
        let known = self.commits();
        let mut lines = self.masks.mask(&ran.out, &known);
        let messages = self.masks.mask(&ran.err, &known);
        lines.extend(
            messages
                .iter()
                .map(|line| format!("! {line}").trim_end().to_owned()),
        );
        match ran.code {
            Some(0) => {}
            Some(code) => lines.push(format!("exit {code}")),
            None => lines.push("killed".to_owned()),
        }
        lines
    }

    fn until(&self, environment: &str, project: &str, wish: &str) {
        let (field, value) = wish.split_once('=').expect("field=value");
        let pointer = format!("/{}", field.replace('.', "/"));
        self.cluster
            .until_status(environment, project, wish, |status| {
                match status.pointer(&pointer) {
                    Some(Value::String(text)) => text == value,
                    Some(found) => format!("{found}") == *value,
                    None => value == "null",
                }
            });
    }

    fn configure(&self, table: &str, is_meant: impl Fn(&toml::Table) -> bool, text: &str) {
        let file = self.cluster.path().join("gonogo.toml");
        let mut config: toml::Table =
            toml::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let wanted: toml::Table = toml::from_str(text).unwrap_or_else(|why| panic!("{why}"));
        let all = config[table].as_array_mut().expect("an array of tables");
        let mut tables = all.iter_mut().filter_map(toml::Value::as_table_mut);
        let meant = tables.find(|table| is_meant(table)).expect("such a table");
        meant.extend(wanted);
        std::fs::write(&file, config.to_string()).unwrap();
    }

    fn write(&self, path: &str, lines: &[String]) {
        let file = self.cluster.path().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, lines.join("\n") + "\n").unwrap();
        if lines.first().is_some_and(|line| line.starts_with("#!")) {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
}

impl Stage for Served {
    fn play(&mut self, step: &Step) -> Option<Vec<String>> {
        if let Some(line) = step.head.strip_prefix("$~ ") {
            return self.said(line, true);
        }
        if let Some(line) = step.head.strip_prefix("$ ") {
            return self.said(line, false);
        }
        let text = self.masks.unmask(&step.body.join("\n"));
        match step.words().as_slice() {
            ["as", name] => (*name).clone_into(&mut self.who),
            ["the", "plan", "of", environment, project, "is", name] => {
                let status = self.cluster.status(environment, project);
                let digest = status["deployment"]["plan"]
                    .as_str()
                    .expect("something is asked for");
                self.masks.call(digest, name);
            }
            ["until", environment, project, wish] => self.until(environment, project, wish),
            ["configure", environment, project] => self.configure(
                "target",
                |table| {
                    let is = |key: &str, name: &str| {
                        let text = table.get(key).and_then(toml::Value::as_str);
                        text.is_some_and(|text| text == name || text.ends_with(&format!("/{name}")))
                    };
                    is("environment", environment) && is("project", project)
                },
                &text,
            ),
            ["environment", name] => self.configure(
                "environment",
                |table| table.get("name").and_then(toml::Value::as_str) == Some(name),
                &text,
            ),
            ["write", path] => self.write(path, &step.body),
            _ => panic!("no such step in a rehearsal"),
        }
        None
    }
}
