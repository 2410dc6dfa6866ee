//! What lies between two releases: commits, authors, what breaks, files, manifests, artifacts (SPEC R10). Bounded: of a
//! huge range the newest commits are kept, and how many there are is counted only so far.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    release::{Commit, Release, ReleaseRef},
    text::Clean,
};

/// One commit of a range, as far as a reader wants it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Logged {
    pub commit: Commit,
    pub author: Clean,
    pub at: Timestamp,
    pub subject: Clean,
    /// What it breaks, where it says that it does (`!`, `BREAKING CHANGE:`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaking: Option<Clean>,
    /// On the line of first parents: what was pushed or merged, and not what came with it.
    pub mainline: bool,
    /// It has two parents or more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub merge: bool,
}

/// The commits that one release has and another has not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Log {
    /// Newest first; the newest only, where there are many.
    pub commits: Vec<Logged>,
    /// How many there are, as far as they were counted.
    pub total: usize,
    /// Those of them on the line of first parents.
    pub mainline: usize,
    /// There are more than `total`: counting stopped.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
    /// Who wrote them, most commits first.
    pub authors: Vec<(Clean, usize)>,
}

impl Log {
    /// `12 commits by dana, lee`, `none`, `more than 20000 commits by …`.
    pub fn summary(&self) -> String {
        if self.total == 0 {
            return "none".to_owned();
        }
        let noun = if self.total == 1 { "commit" } else { "commits" };
        let more = if self.more { "more than " } else { "" };
        let mut names: Vec<&str> = self
            .authors
            .iter()
            .take(5)
            .map(|(name, _)| name.as_str())
            .collect();
        let others = self.authors.len().saturating_sub(names.len());
        let rest = format!("{others} more");
        if others > 0 {
            names.push(&rest);
        }
        format!("{more}{} {noun} by {}", self.total, names.join(", "))
    }

    pub fn breaking(&self) -> impl Iterator<Item = (&Logged, &Clean)> {
        self.commits
            .iter()
            .filter_map(|logged| Some((logged, logged.breaking.as_ref()?)))
    }
}

/// One manifest that differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ManifestChange {
    /// In the repository.
    pub path: Clean,
    pub how: FileChange,
    pub added: usize,
    pub removed: usize,
    /// Lines of the difference, with their `+`, `-` or space; the first ones, where there are many.
    pub lines: Vec<Clean>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
    /// It holds a Secret: none of its lines is told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub withheld: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileChange {
    Added,
    Removed,
    Changed,
}

impl FileChange {
    pub fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

/// What git says about two commits.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// What the second has and the first has not.
    pub gained: Log,
    /// What the first has and the second has not: going there takes this away.
    pub lost: Log,
    /// Files that differ, and their lines. None where the two are too far apart to say.
    pub files: Option<Files>,
    pub manifests: Vec<ManifestChange>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    pub changed: usize,
    pub added: usize,
    pub removed: usize,
}

/// One artifact of either release, by its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactChange {
    pub name: String,
    /// `uri@sha256:…`; none where the release has none, or its digest is not known.
    pub before: Option<String>,
    pub after: Option<String>,
}

/// The whole of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    pub from: ReleaseRef,
    pub to: ReleaseRef,
    pub compared: Compared,
    pub artifacts: Vec<ArtifactChange>,
}

impl Difference {
    pub fn between(from: &Release, to: &Release, compared: Compared) -> Self {
        let names: std::collections::BTreeSet<&str> = from
            .artifacts
            .iter()
            .chain(&to.artifacts)
            .map(|artifact| artifact.name.as_str())
            .collect();
        let pinned = |release: &Release, name: &str| {
            let mut artifacts = release.artifacts.iter();
            artifacts.find(|it| it.name == name)?.pinned()
        };
        let artifacts = names
            .into_iter()
            .map(|name| ArtifactChange {
                name: name.to_owned(),
                before: pinned(from, name),
                after: pinned(to, name),
            })
            .collect();
        Self {
            from: from.to_ref(),
            to: to.to_ref(),
            compared,
            artifacts,
        }
    }

    /// The same as text, one line each: what the verb prints and the screen shows.
    pub fn lines(&self) -> Vec<DifferenceLine> {
        use DifferenceLine as Line;
        let compared = &self.compared;
        let mut lines = vec![Line::plain(format!(
            "{} → {}",
            self.from.title(),
            self.to.title()
        ))];
        let breaking: Vec<(&Logged, &Clean)> = compared.gained.breaking().collect();
        if !breaking.is_empty() {
            lines.push(Line::heading(format!("BREAKING ({})", breaking.len())));
            for (logged, what) in breaking {
                let text = format!("! {}  {what}", logged.commit.short());
                lines.push(Line::new(LineTone::Breaking, text));
            }
        }
        for artifact in &self.artifacts {
            lines.push(Line::heading(format!("Artifact {}", artifact.name)));
            let none = || "digest not known".to_owned();
            if artifact.before == artifact.after && artifact.after.is_some() {
                lines.push(Line::plain("the same in both"));
                continue;
            }
            let before = artifact.before.clone().unwrap_or_else(none);
            let after = artifact.after.clone().unwrap_or_else(none);
            lines.push(Line::new(LineTone::Removed, format!("- {before}")));
            lines.push(Line::new(LineTone::Added, format!("+ {after}")));
        }
        lines.extend(log("Commits", &compared.gained));
        if compared.lost.total > 0 {
            lines.extend(log("Taken away: it lacks", &compared.lost));
        }
        lines.push(Line::heading(match compared.files {
            Some(files) => format!(
                "Files: {} differ, +{} −{} lines",
                files.changed, files.added, files.removed
            ),
            None => "Files: too many differ to say".to_owned(),
        }));
        if compared.manifests.is_empty() {
            lines.push(Line::plain("no manifest differs"));
        }
        for manifest in &compared.manifests {
            lines.push(Line::heading(format!(
                "Manifest {} {}, +{} −{}",
                manifest.path,
                manifest.how.word(),
                manifest.added,
                manifest.removed
            )));
            for line in &manifest.lines {
                let tone = match line.as_str().as_bytes().first() {
                    Some(b'+') => LineTone::Added,
                    Some(b'-') => LineTone::Removed,
                    _ => LineTone::Plain,
                };
                lines.push(Line::new(tone, line.to_string()));
            }
            if manifest.withheld {
                lines.push(Line::plain("it holds a Secret, so its lines are not shown"));
            }
            if manifest.cut {
                lines.push(Line::plain("… and more lines than fit here"));
            }
        }
        lines
    }
}

fn log(title: &str, log: &Log) -> Vec<DifferenceLine> {
    let mut lines = vec![DifferenceLine::heading(format!(
        "{title}: {}",
        log.summary()
    ))];
    for logged in &log.commits {
        // What came with a merge stands a little to the right of it.
        let lead = if logged.mainline { "" } else { "  " };
        let mark = if logged.breaking.is_some() { "! " } else { "" };
        let text = format!(
            "{lead}{}  {mark}{}  ({})",
            logged.commit.short(),
            logged.subject,
            logged.author
        );
        let tone = if logged.breaking.is_some() {
            LineTone::Breaking
        } else {
            LineTone::Plain
        };
        lines.push(DifferenceLine::new(tone, text));
    }
    let rest = log.total.saturating_sub(log.commits.len());
    if rest > 0 {
        let more = if log.more { " at least" } else { "" };
        lines.push(DifferenceLine::plain(format!("… and{more} {rest} older")));
    }
    lines
}

/// How a line is meant; a glyph goes with every tone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineTone {
    Plain,
    Heading,
    Breaking,
    Added,
    Removed,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DifferenceLine {
    pub tone: LineTone,
    pub text: String,
}

impl DifferenceLine {
    pub fn new(tone: LineTone, text: String) -> Self {
        Self { tone, text }
    }

    fn plain(text: impl Into<String>) -> Self {
        Self::new(LineTone::Plain, text.into())
    }

    fn heading(text: String) -> Self {
        Self::new(LineTone::Heading, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged(digit: char, subject: &str, breaking: Option<&str>, mainline: bool) -> Logged {
        Logged {
            commit: Commit::parse(&digit.to_string().repeat(40)).expect("hex"),
            author: "Dana".into(),
            at: Timestamp::UNIX_EPOCH,
            subject: subject.into(),
            breaking: breaking.map(Clean::from),
            mainline,
            merge: false,
        }
    }

    fn quoted(number: u64) -> ReleaseRef {
        ReleaseRef {
            number,
            commit: Commit::unknown(),
            name: None,
            image: None,
        }
    }

    #[test]
    fn what_breaks_stands_first_and_nothing_is_left_out_in_silence() {
        let difference = Difference {
            from: quoted(1),
            to: quoted(2),
            compared: Compared {
                gained: Log {
                    commits: vec![
                        logged('a', "feat!: drop v1", Some("drop v1"), true),
                        logged('b', "work", None, false),
                    ],
                    total: 7,
                    mainline: 3,
                    more: true,
                    authors: vec![("Dana".into(), 6), ("Lee".into(), 1)],
                },
                lost: Log::default(),
                files: None,
                manifests: Vec::new(),
            },
            artifacts: vec![ArtifactChange {
                name: "image".to_owned(),
                before: None,
                after: Some("r/a@sha256:1".to_owned()),
            }],
        };
        let told: Vec<String> = difference.lines().into_iter().map(|it| it.text).collect();
        assert_eq!(
            told,
            [
                "1 0000000 → 2 0000000",
                "BREAKING (1)",
                "! aaaaaaa  drop v1",
                "Artifact image",
                "- digest not known",
                "+ r/a@sha256:1",
                "Commits: more than 7 commits by Dana, Lee",
                "aaaaaaa  ! feat!: drop v1  (Dana)",
                "  bbbbbbb  work  (Dana)",
                "… and at least 5 older",
                "Files: too many differ to say",
                "no manifest differs",
            ]
        );
    }
}
