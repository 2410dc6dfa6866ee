//! Fuzzy search among releases: what the filter of the Releases screen looks at, and in which order it shows what it
//! found.

use nucleo_matcher::{
    Config, Matcher, Utf32Str,
    pattern::{CaseMatching, Normalization, Pattern},
};

use crate::domain::release::Release;

/// What the filter reads of one release. Made once per catalogue: to write it anew for a hundred thousand releases at
/// every letter typed would hold up a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Haystack {
    /// Number and aliases, then subject and author, with a space between any two.
    text: String,
    /// Where the names end in it.
    names: usize,
}

impl Haystack {
    pub fn of(release: &Release) -> Self {
        let mut text = release.number.to_string();
        for alias in &release.aliases {
            text.push(' ');
            text.push_str(alias.name.as_ref());
        }
        let names = text.len();
        for words in [&release.subject, &release.author] {
            text.push(' ');
            text.push_str(words.as_ref());
        }
        Self { text, names }
    }

    /// Number and aliases; no name of git has a space in it.
    fn names(&self) -> impl Iterator<Item = &str> {
        self.text.get(..self.names).unwrap_or_default().split(' ')
    }
}

/// Newest first; every word of the filter must be found, fuzzily, in some name, the subject or the author. What is
/// called exactly so comes before all others, then what begins so: whoever types a number means that release. A commit
/// is found by its first digits only: somewhere in forty of them is everything. `haystacks` are those of `releases`, in
/// their order.
pub fn filter<'a>(
    releases: &'a [Release],
    haystacks: &[Haystack],
    filter: &str,
) -> Vec<&'a Release> {
    let filter = filter.trim();
    if filter.is_empty() {
        return releases.iter().rev().collect();
    }
    let pattern = Pattern::parse(filter, CaseMatching::Smart, Normalization::Smart);
    let mut matcher = Matcher::new(Config::DEFAULT);
    let mut buffer = Vec::new();
    let mut shown: Vec<((bool, bool, u32), &Release)> = Vec::new();
    for (release, haystack) in releases.iter().zip(haystacks).rev() {
        let begins = haystack.names().any(|name| name.starts_with(filter))
            || release.commit.as_str().starts_with(filter);
        let score = pattern.score(Utf32Str::new(&haystack.text, &mut buffer), &mut matcher);
        if begins || score.is_some() {
            let exact = begins && haystack.names().any(|name| name == filter);
            shown.push(((exact, begins, score.unwrap_or_default()), release));
        }
    }
    // A stable sort: equal ranks stay newest first.
    shown.sort_by_key(|(rank, _)| std::cmp::Reverse(*rank));
    shown.into_iter().map(|(_, release)| release).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        project::ProjectId,
        release::{Alias, AliasKind, Commit},
        text::Clean,
    };

    fn release(number: u64, tag: Option<&str>, subject: &str, author: &str) -> Release {
        let alias = |(kind, name): (AliasKind, String)| Alias {
            kind,
            name: Clean::new(&name),
            full: None,
        };
        let tag = tag.map(|tag| (AliasKind::Tag, tag.to_owned()));
        let names = tag
            .into_iter()
            .chain([(AliasKind::Branch, format!("main-{number}"))]);
        Release {
            project: ProjectId::parse("acme/shop/auth").expect("valid"),
            number,
            commit: Commit::parse(&format!("{number:0>4}{}", "c".repeat(36))).expect("hex"),
            aliases: names.map(alias).collect(),
            triggers: vec![],
            branches: vec![],
            author: author.into(),
            email: Clean::default(),
            subject: subject.into(),
            committed_at: jiff::Timestamp::UNIX_EPOCH,
            artifacts: vec![],
            release_type: None,
            missing: Vec::new(),
            resources: None,
            lineage: Box::default(),
            trail: Box::default(),
        }
    }

    #[track_caller]
    fn check(typed: &str, expect: &[u64]) {
        let releases = [
            release(1, Some("v1.0.0"), "first light", "dana"),
            release(10, None, "tokens: clock skew", "lee"),
            release(11, Some("v1.1.0"), "rate limits per tenant", "dana"),
            release(42, None, "docs: 10 rules for keys", "kim"),
        ];
        let haystacks: Vec<Haystack> = releases.iter().map(Haystack::of).collect();
        let shown = filter(&releases, &haystacks, typed);
        let shown: Vec<u64> = shown.into_iter().map(|release| release.number).collect();
        assert_eq!(shown, expect, "`{typed}`");
    }

    #[test]
    fn exact_names_come_first_then_what_begins_so_then_what_matches() {
        check("", &[42, 11, 10, 1]);
        check("  ", &[42, 11, 10, 1]);
        check("10", &[10, 42, 1, 11]);
        check("v1.1.0", &[11]);
        check("v1", &[11, 1]);
        check("main-1", &[1, 11, 10, 42]);
        check("dana", &[11, 1]);
        check("rate tenant", &[11]);
        check("tenant rate", &[11]);
        check("rtlmts", &[11]);
        check("nowhere", &[]);
    }

    #[test]
    fn a_commit_is_found_by_its_first_digits_only() {
        check("0042c", &[42]);
        check("cccccc", &[]);
    }
}
