//! Commits as release notes: what a conventional subject says (<https://www.conventionalcommits.org/en/v1.0.0/>), what
//! breaks, and a section of a CHANGELOG in the groups of <https://keepachangelog.com/en/1.1.0/>. Commits that follow no
//! convention stand under *Changed*.

pub mod telling;

use std::fmt::Write as _;

use jiff::civil::Date;

use super::{difference::Logged, text::Clean, version::ReleaseType};

/// `feat(auth)!: sign in by device`, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conventional<'a> {
    /// As it is written; compare it without case.
    pub kind: &'a str,
    pub scope: Option<&'a str>,
    pub breaking: bool,
    pub description: &'a str,
}

/// None where the subject follows no convention.
pub fn conventional(subject: &str) -> Option<Conventional<'_>> {
    let (head, description) = subject.split_once(':')?;
    // The standard wants a space there; without it a subject like `see http://…` would count.
    let description = description.strip_prefix(' ')?.trim();
    let (head, breaking) = match head.strip_suffix('!') {
        Some(head) => (head, true),
        None => (head, false),
    };
    let (kind, scope) = match head.split_once('(') {
        Some((kind, rest)) => (kind, Some(rest.strip_suffix(')')?.trim())),
        None => (head, None),
    };
    let word = !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-');
    let whole = word && !description.is_empty() && scope.is_none_or(|scope| !scope.is_empty());
    whole.then_some(Conventional {
        kind,
        scope,
        breaking,
        description,
    })
}

/// What a whole commit message says that it breaks: the text of its footer, else its description after a `!`.
pub fn breaking(message: &str) -> Option<String> {
    let mut lines = message.lines();
    let subject = lines.next().unwrap_or_default();
    let mut footer: Option<String> = None;
    for line in lines {
        let text = ["BREAKING CHANGE:", "BREAKING-CHANGE:"]
            .iter()
            .find_map(|token| line.strip_prefix(token));
        match (text, &mut footer) {
            (Some(text), None) => footer = Some(text.trim().to_owned()),
            (Some(text), Some(whole)) => {
                let _ = write!(whole, "; {}", text.trim());
            }
            // It goes on until an empty line or the next footer.
            (None, Some(_)) if line.trim().is_empty() || is_footer(line) => break,
            (None, Some(whole)) => {
                let _ = write!(whole, " {}", line.trim());
            }
            (None, None) => {}
        }
    }
    let marked = conventional(subject).filter(|it| it.breaking);
    let marked = marked.map(|it| it.description.to_owned());
    let footer = footer.map(|text| text.trim().to_owned());
    footer.filter(|text| !text.is_empty()).or(marked)
}

fn is_footer(line: &str) -> bool {
    line.split_once([':', '#']).is_some_and(|(token, _)| {
        !token.is_empty()
            && token
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && token.contains('-')
    })
}

/// A heading of the CHANGELOG, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    Added,
    Changed,
    Deprecated,
    Removed,
    Fixed,
    Security,
}

impl Group {
    pub const ALL: [Self; 6] = [
        Self::Added,
        Self::Changed,
        Self::Deprecated,
        Self::Removed,
        Self::Fixed,
        Self::Security,
    ];

    pub fn title(self) -> &'static str {
        match self {
            Self::Added => "Added",
            Self::Changed => "Changed",
            Self::Deprecated => "Deprecated",
            Self::Removed => "Removed",
            Self::Fixed => "Fixed",
            Self::Security => "Security",
        }
    }

    fn of(kind: &str) -> Self {
        match kind.to_ascii_lowercase().as_str() {
            "feat" | "feature" | "add" => Self::Added,
            "fix" | "bugfix" | "hotfix" => Self::Fixed,
            "security" | "sec" => Self::Security,
            "deprecate" => Self::Deprecated,
            "remove" => Self::Removed,
            _ => Self::Changed,
        }
    }
}

/// One line of the notes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub group: Group,
    pub breaking: bool,
    pub text: String,
}

/// What breaks comes first in its group, the rest newest first. Merges say nothing of their own, unless they break
/// something.
pub fn notes(commits: &[Logged]) -> Vec<Note> {
    let mut notes: Vec<Note> = commits
        .iter()
        .filter(|logged| !logged.merge || logged.breaking.is_some())
        .map(note)
        .collect();
    notes.sort_by_key(|note| (note.group, !note.breaking));
    notes
}

fn note(logged: &Logged) -> Note {
    let subject = logged.subject.as_str();
    let (group, description) = match conventional(subject) {
        Some(it) => {
            let scope = it
                .scope
                .map_or_else(String::new, |scope| format!("{scope}: "));
            (Group::of(it.kind), format!("{scope}{}", it.description))
        }
        None => (Group::Changed, subject.to_owned()),
    };
    let mut text = String::new();
    if let Some(what) = &logged.breaking {
        text.push_str("**BREAKING** ");
        text.push_str(&description);
        if !description.contains(what.as_str()) {
            let _ = write!(text, ": {what}");
        }
    } else {
        text.push_str(&description);
    }
    let _ = write!(text, " ({})", logged.commit.short());
    Note {
        group,
        breaking: logged.breaking.is_some(),
        text,
    }
}

/// A section as it stands in a CHANGELOG: `## [v1.3.0] - 2026-11-21`, groups, lines.
pub fn section(title: &str, day: Date, commits: &[Logged]) -> Vec<Clean> {
    let notes = notes(commits);
    let mut lines = vec![format!("## [{title}] - {day}")];
    for group in Group::ALL {
        let mut of_group = notes.iter().filter(|note| note.group == group).peekable();
        if of_group.peek().is_none() {
            continue;
        }
        lines.push(String::new());
        lines.push(format!("### {}", group.title()));
        lines.push(String::new());
        lines.extend(of_group.map(|note| format!("- {}", note.text)));
    }
    if notes.is_empty() {
        lines.push(String::new());
        lines.push("No changes.".to_owned());
    }
    lines.iter().map(|line| Clean::new(line)).collect()
}

/// What the commits make of the next version: something breaks, something is new, or neither.
pub fn proposed(commits: &[Logged]) -> ReleaseType {
    let new = |logged: &Logged| {
        conventional(logged.subject.as_str()).is_some_and(|it| Group::of(it.kind) == Group::Added)
    };
    if commits.iter().any(|logged| logged.breaking.is_some()) {
        ReleaseType::Major
    } else if commits.iter().any(new) {
        ReleaseType::Minor
    } else {
        ReleaseType::Patch
    }
}

/// A commit with that message.
#[cfg(test)]
pub(in crate::domain) fn logged(message: &str) -> Logged {
    Logged {
        commit: super::release::Commit::parse(&"9f3c2ab".repeat(6)[..40]).expect("hex"),
        author: "Dana".into(),
        at: jiff::Timestamp::UNIX_EPOCH,
        subject: message.lines().next().unwrap_or_default().into(),
        breaking: breaking(message).map(|text| Clean::new(&text)),
        mainline: true,
        merge: message.starts_with("Merge "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conventional_subject_is_taken_apart() {
        let parts = |subject| {
            conventional(subject).map(|it| (it.kind, it.scope, it.breaking, it.description))
        };
        for (subject, expect) in [
            ("feat: sign in", Some(("feat", None, false, "sign in"))),
            (
                "fix(auth)!: refuse it",
                Some(("fix", Some("auth"), true, "refuse it")),
            ),
            ("feat!: x: y", Some(("feat", None, true, "x: y"))),
            ("see http://example.com", None),
            ("feat:missing space", None),
            ("feat(: x", None),
            ("feat(): x", None),
            ("two words: x", None),
            (": x", None),
            ("feat: ", None),
            ("a plain subject", None),
            ("", None),
        ] {
            assert_eq!(parts(subject), expect, "{subject}");
        }
    }

    #[test]
    fn what_breaks_is_read_from_the_mark_and_from_the_footer() {
        for (message, expect) in [
            ("feat!: drop v1", Some("drop v1")),
            (
                "feat: x\n\nwhy\n\nBREAKING CHANGE: tokens of v1\nare refused\n\nmore",
                Some("tokens of v1 are refused"),
            ),
            (
                "fix: x\n\nBREAKING-CHANGE: a\nSigned-off-by: Dana",
                Some("a"),
            ),
            ("plain subject\n\nBREAKING CHANGE: even so", Some("even so")),
            ("feat: x\n\nno BREAKING CHANGE: in mid line", None),
            ("feat: BREAKING CHANGE: not in the subject", None),
            ("feat: x\n\nBREAKING CHANGE:\n", None),
            ("Revert \"feat!: x\"", None),
            ("", None),
        ] {
            assert_eq!(breaking(message).as_deref(), expect, "{message:?}");
        }
    }

    #[test]
    fn a_section_has_the_groups_of_keep_a_changelog_and_names_what_breaks_first() {
        let commits: Vec<Logged> = [
            "Merge branch 'x'",
            "tidy up",
            "feat(auth): passkeys",
            "feat(auth)!: tokens\n\nBREAKING CHANGE: old tokens are refused",
            "fix: skew",
            "security: pin the key",
            "perf: faster",
        ]
        .into_iter()
        .map(logged)
        .collect();
        let day = jiff::civil::date(2026, 11, 21);
        let told: Vec<String> = section("v2.0.0", day, &commits)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            told.join("\n"),
            "## [v2.0.0] - 2026-11-21\n\n\
             ### Added\n\n\
             - **BREAKING** auth: tokens: old tokens are refused (9f3c2ab)\n\
             - auth: passkeys (9f3c2ab)\n\n\
             ### Changed\n\n\
             - tidy up (9f3c2ab)\n\
             - faster (9f3c2ab)\n\n\
             ### Fixed\n\n\
             - skew (9f3c2ab)\n\n\
             ### Security\n\n\
             - pin the key (9f3c2ab)"
        );
        let none = section("v2.0.1", day, &[logged("Merge branch 'x'")]);
        assert_eq!(none.last().map(Clean::as_str), Some("No changes."));
    }

    #[test]
    fn the_next_version_follows_from_what_changed() {
        let of = |messages: &[&str]| {
            let commits: Vec<Logged> = messages.iter().map(|it| logged(it)).collect();
            proposed(&commits)
        };
        assert_eq!(of(&["fix: a", "tidy"]), ReleaseType::Patch);
        assert_eq!(of(&["fix: a", "feat: b"]), ReleaseType::Minor);
        assert_eq!(of(&["fix!: a", "feat: b"]), ReleaseType::Major);
        assert_eq!(of(&[]), ReleaseType::Patch);
    }
}
