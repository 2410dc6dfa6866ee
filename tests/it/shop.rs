//! A repository made by hand, and a served rehearsal with verbs against it: what the tests of releases stand on.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

use gonogo::domain::{
    project::{CatalogueSource, ImageSource, Project, ProjectId, TagStrategy, Triggers},
    release::Commit,
    version_file::Preparing,
};

use crate::support::{Ran, Served, gonogo, run};

/// With a configuration of its own, and nobody's hooks.
pub fn git_command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("git");
    command
        .current_dir(folder)
        .args(args)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null");
    for (name, value) in WHO {
        command.env(name, value);
    }
    command
}

pub const WHO: [(&str, &str); 4] = [
    ("GIT_AUTHOR_NAME", "Dana"),
    ("GIT_AUTHOR_EMAIL", "d@example.com"),
    ("GIT_COMMITTER_NAME", "Dana"),
    ("GIT_COMMITTER_EMAIL", "d@example.com"),
];

#[track_caller]
pub fn git(folder: &Path, args: &[&str]) -> String {
    let output = git_command(folder, args).output().unwrap();
    assert!(
        output.status.success(),
        "git {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

pub fn project(source: &Path) -> Project {
    Project {
        id: ProjectId::parse("acme/shop/auth").unwrap(),
        source: source.to_owned(),
        tags: TagStrategy::Monorepo,
        branches: vec!["main".to_owned()],
        branch_aliases: vec!["main".to_owned()],
        triggers: Triggers::default(),
        manifests: vec!["**/k8s/**".to_owned()],
        preparing: Preparing::default(),
        catalogue: CatalogueSource::Git,
        image: ImageSource {
            name: "registry.example/auth".to_owned(),
            endpoint: "https://registry.example".to_owned(),
            repository: "auth".to_owned(),
        },
    }
}

/// A repository with an empty main.
pub fn repository(folder: &Path) -> PathBuf {
    let place = folder.join("shop");
    std::fs::create_dir(&place).unwrap();
    git(&place, &["init", "-q", "-b", "main"]);
    place
}

pub fn commit(place: &Path, message: &str, files: &[(&str, &str)]) -> Commit {
    for (path, text) in files {
        let path = place.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    git(place, &["add", "-A"]);
    git(place, &["commit", "-q", "--allow-empty", "-m", message]);
    Commit::parse(&git(place, &["rev-parse", "HEAD"])).unwrap()
}

/// A served rehearsal with a ledger and triggers of its own.
pub struct Shop {
    pub served: Served,
    pub config: PathBuf,
}

impl Shop {
    pub fn start(change: impl Fn(&str) -> String) -> Self {
        let served = Served::start("good", 60);
        let text = std::fs::read_to_string(served.path().join("gonogo.toml")).unwrap();
        let config = served.path().join("own.toml");
        std::fs::write(&config, change(&text)).unwrap();
        Self { served, config }
    }

    pub fn source(&self) -> PathBuf {
        self.served.path().join("source")
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = gonogo(&["--json", "--config"]);
        command.arg(&self.config).args(args);
        for (name, value) in WHO {
            command.env(name, value);
        }
        command
    }

    pub fn verb(&self, args: &[&str]) -> Ran {
        run(&mut self.command(args))
    }

    pub fn tags(&self) -> BTreeSet<String> {
        let tags = git(&self.source(), &["tag"]);
        tags.lines().map(str::to_owned).collect()
    }

    pub fn commit(&self, rev: &str) -> String {
        git(&self.source(), &["rev-parse", &format!("{rev}^{{commit}}")])
    }
}

/// No branch and no tag makes a release, and the ledger is empty.
pub fn by_hand(text: &str) -> String {
    let lines = text.lines().map(|line| {
        if line.starts_with("branches =") {
            "branches = [\"none\"]\n".to_owned()
        } else if line.starts_with("tag_trigger =") {
            "tag_trigger = false\n".to_owned()
        } else if line.ends_with("ledger.sqlite\"") {
            line.replace("ledger.sqlite", "own.sqlite") + "\n"
        } else {
            line.to_owned() + "\n"
        }
    });
    lines.collect()
}
