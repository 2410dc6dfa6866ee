//! The same commits, told to others than those who wrote them (SPEC M3): release notes for users, and the stub of a
//! migration guide for whoever has to do something.

use jiff::civil::Date;

use super::{Group, conventional};
use crate::domain::{difference::Logged, text::Clean, version::ReleaseType};

/// Whom the commits of a release are told to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Telling {
    /// A section of the CHANGELOG, with every commit.
    #[default]
    Changelog,
    /// What users notice, without commits.
    Users,
    /// What has to be done by hand, to be filled in.
    Migration,
}

impl Telling {
    pub const ALL: [Self; 3] = [Self::Changelog, Self::Users, Self::Migration];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Changelog => "changelog",
            Self::Users => "users",
            Self::Migration => "migration",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.word() == word)
    }
}

/// Whether a commit stands in a part.
type Belongs = fn(&Logged) -> bool;

/// What users notice: what breaks, what is new, mended and safer. Work behind the scenes stays there.
pub fn users(title: &str, day: Date, commits: &[Logged]) -> Vec<Clean> {
    let parts: [(&str, Belongs); 5] = [
        ("What you have to do", |it| it.breaking.is_some()),
        ("New", |it| is(it, Group::Added)),
        ("Fixed", |it| is(it, Group::Fixed)),
        ("Security", |it| is(it, Group::Security)),
        ("Going away", |it| {
            is(it, Group::Deprecated) || is(it, Group::Removed)
        }),
    ];
    let mut lines = vec![format!("# {title} ({day})")];
    for (heading, belongs) in parts {
        let mut of_part = commits.iter().filter(|it| belongs(it)).peekable();
        if of_part.peek().is_none() {
            continue;
        }
        lines.extend([String::new(), format!("## {heading}"), String::new()]);
        lines.extend(of_part.map(|it| {
            let what = it
                .breaking
                .as_ref()
                .map_or_else(|| plain(it), Clean::as_str);
            format!("- {}", sentence(what))
        }));
    }
    if lines.len() == 1 {
        lines.extend([String::new(), "Nothing that you would notice.".to_owned()]);
    }
    lines.iter().map(|line| Clean::new(line)).collect()
}

/// A chapter for each commit that breaks something, with what nobody but a person knows left open.
pub fn migration(title: &str, from: Option<&str>, commits: &[Logged]) -> Vec<Clean> {
    let from = from.map_or_else(String::new, |from| format!(" from {from}"));
    let mut lines = vec![format!("# Migrating{from} to {title}"), String::new()];
    let breaking: Vec<(&Logged, &Clean)> = commits
        .iter()
        .filter_map(|it| Some((it, it.breaking.as_ref()?)))
        .collect();
    if breaking.is_empty() {
        lines.push(
            "No commit says that it breaks anything: there is nothing to migrate.".to_owned(),
        );
    } else {
        let (count, are) = (
            breaking.len(),
            if breaking.len() == 1 {
                "change breaks"
            } else {
                "changes break"
            },
        );
        lines.push(format!("{count} {are} what was there before."));
    }
    for (commit, what) in breaking {
        lines.extend([
            String::new(),
            format!("## {}", sentence(plain(commit))),
            String::new(),
            format!(
                "**BREAKING** {} ({}, {})",
                sentence(what.as_str()),
                commit.commit.short(),
                commit.author
            ),
            String::new(),
            "- Who is affected: TO BE WRITTEN".to_owned(),
            "- What to do, step by step: TO BE WRITTEN".to_owned(),
            "- How to see that it worked: TO BE WRITTEN".to_owned(),
            "- The way back: TO BE WRITTEN".to_owned(),
        ]);
    }
    lines.iter().map(|line| Clean::new(line)).collect()
}

/// A version that promises that nothing breaks, though something does.
pub fn contradiction(kind: Option<ReleaseType>, commits: &[Logged]) -> Option<String> {
    let kind = kind.filter(|kind| *kind != ReleaseType::Major)?;
    let count = commits.iter().filter(|it| it.breaking.is_some()).count();
    (count > 0).then(|| {
        let of = if count == 1 {
            "commit says that it breaks"
        } else {
            "commits say that they break"
        };
        format!("it is a {kind} release, and {count} {of} something: that is a major one")
    })
}

fn is(logged: &Logged, group: Group) -> bool {
    let kind = conventional(logged.subject.as_str()).map(|it| Group::of(it.kind));
    !logged.merge && logged.breaking.is_none() && kind == Some(group)
}

/// Without type and scope.
fn plain(logged: &Logged) -> &str {
    let subject = logged.subject.as_str();
    conventional(subject).map_or(subject, |it| it.description)
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::notes::logged;

    fn some() -> Vec<Logged> {
        [
            "feat(auth)!: tokens of v2\n\nBREAKING CHANGE: old tokens are refused",
            "feat(auth): passkeys",
            "fix: clock skew",
            "chore: tidy up",
        ]
        .map(logged)
        .into()
    }

    fn text(lines: &[Clean]) -> String {
        let lines: Vec<&str> = lines.iter().map(Clean::as_str).collect();
        lines.join("\n")
    }

    #[test]
    fn users_read_what_they_notice_and_what_breaks_first() {
        let day = jiff::civil::date(2026, 11, 21);
        assert_eq!(
            text(&users("v2.0.0", day, &some())),
            "# v2.0.0 (2026-11-21)\n\n## What you have to do\n\n- Old tokens are refused\n\n## New\n\n- Passkeys\n\n## Fixed\n\n- Clock skew"
        );
        let quiet = text(&users("v2.0.1", day, &[logged("chore: tidy up")]));
        assert!(quiet.ends_with("Nothing that you would notice."), "{quiet}");
    }

    #[test]
    fn a_guide_has_a_chapter_for_what_breaks_and_says_when_nothing_does() {
        let guide = text(&migration("v2.0.0", Some("v1.9.0"), &some()));
        assert!(guide.starts_with("# Migrating from v1.9.0 to v2.0.0\n\n1 change breaks what was there before.\n\n## Tokens of v2\n\n**BREAKING** Old tokens are refused (9f3c2ab, Dana)\n"), "{guide}");
        assert_eq!(guide.matches("\n## ").count(), 1);
        assert_eq!(guide.matches("TO BE WRITTEN").count(), 4);
        let none = text(&migration("v2.0.1", None, &[logged("fix: a")]));
        assert!(none.ends_with("there is nothing to migrate."), "{none}");
    }

    #[test]
    fn a_version_that_promises_more_than_it_keeps_is_told_so() {
        let of = |kind| contradiction(kind, &some());
        assert!(of(Some(ReleaseType::Minor)).is_some_and(|said| said.contains("1 commit says")));
        assert_eq!((of(Some(ReleaseType::Major)), of(None)), (None, None));
        assert_eq!(
            contradiction(Some(ReleaseType::Patch), &[logged("fix: a")]),
            None
        );
    }
}
