//! Which release a name means (SPEC R3). Exact alias, then number, then the beginning of a commit id; the
//! first rule that matches wins, and the answer says what else the name could have meant.

use crate::domain::{
    deployment::TargetState,
    project::ProjectId,
    release::{Alias, Release, ReleaseRef},
};

/// Fewer digits than this name no commit.
const SHORTEST_COMMIT: usize = 7;

/// The rules in the order they are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// An alias, or the full tag behind it.
    Alias,
    Number,
    /// The first seven or more hex digits of the commit id.
    Commit,
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Alias => "alias",
            Self::Number => "number",
            Self::Commit => "commit",
        })
    }
}

/// What a name means.
#[derive(Clone, Debug, PartialEq)]
pub enum Resolution<'a> {
    Found {
        release: &'a Release,
        rule: Rule,
        /// Other releases that later rules would have found.
        also: Vec<(Rule, &'a Release)>,
    },
    /// Two or more releases by one rule: nobody guesses.
    Ambiguous {
        rule: Rule,
        among: Vec<&'a Release>,
    },
    NotFound,
}

impl<'a> Resolution<'a> {
    /// The release, where there is exactly one.
    pub fn release(&self) -> Option<&'a Release> {
        match self {
            Self::Found { release, .. } => Some(release),
            Self::Ambiguous { .. } | Self::NotFound => None,
        }
    }

    /// What to tell the person who typed `name`: why there is no answer, or what else it could have meant.
    pub fn sentence(&self, name: &str) -> Option<String> {
        match self {
            Self::Found { also, .. } if also.is_empty() => None,
            Self::Found {
                release,
                rule,
                also,
            } => Some(format!(
                "`{name}` is release {} by its {rule}; it is also {}",
                release.title(),
                list(also.iter().map(|(rule, other)| format!(
                    "the {rule} of release {} ({})",
                    other.title(),
                    other.commit.short()
                )))
            )),
            Self::Ambiguous { rule, among } => Some(format!(
                "`{name}` is the {rule} of {} releases: {}; name one by its number",
                among.len(),
                list(among.iter().map(|other| format!(
                    "{} ({})",
                    other.title(),
                    other.commit.short()
                )))
            )),
            Self::NotFound => Some(format!(
                "no release `{name}`: it is no alias, no number, and no commit id of {SHORTEST_COMMIT} digits or more"
            )),
        }
    }
}

/// The same among the releases that the ledger quotes for one target, for when their repository cannot be read: enough to
/// go back to one of them, since their images are quoted too.
pub fn quoted(state: &TargetState, project: &ProjectId, name: &str) -> Option<ReleaseRef> {
    let quoted = state.quoted();
    let releases: Vec<Release> = quoted
        .iter()
        .filter(|release| release.image.is_some() && !release.is_only_a_revision())
        .map(|release| Release::from_ref(project, release))
        .collect();
    let found = resolve(&releases, name).release()?.commit.clone();
    let found = quoted.into_iter().find(|release| release.commit == found);
    found.cloned()
}

/// Ten at most: a short commit id may fit thousands.
fn list(items: impl ExactSizeIterator<Item = String>) -> String {
    let total = items.len();
    let mut shown: Vec<String> = items.take(10).collect();
    if total > shown.len() {
        shown.push(format!("{} more", total - shown.len()));
    }
    shown.join(", ")
}

/// An index over the releases of one project, so that a name is found among a million in microseconds. It
/// keeps places in the slice it was built from, and no text: ask it about that slice only, and build it anew
/// when releases are added or their aliases change (artifacts may change freely).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Release, alias within it, and whether the full tag is meant; sorted by the text.
    aliases: Vec<Spelling>,
    /// Sorted by number.
    numbers: Vec<usize>,
    /// Sorted by commit id.
    commits: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Spelling {
    release: usize,
    alias: usize,
    full: bool,
}

impl Spelling {
    fn text(self, releases: &[Release]) -> &str {
        let alias = releases
            .get(self.release)
            .and_then(|release| release.aliases.get(self.alias));
        alias
            .and_then(|alias| {
                if self.full {
                    alias.full.as_ref()
                } else {
                    Some(&alias.name)
                }
            })
            .map_or("", AsRef::as_ref)
    }
}

impl Names {
    pub fn of(releases: &[Release]) -> Self {
        let mut aliases = Vec::new();
        for (release, it) in releases.iter().enumerate() {
            for (alias, named) in it.aliases.iter().enumerate() {
                let spellings = [(false, Some(&named.name)), (true, named.full.as_ref())];
                for (full, text) in spellings {
                    // Checked again here, so that no other maker of releases can shadow numbers or commits.
                    if text.is_some_and(|text| Alias::may_be_named(text.as_ref())) {
                        aliases.push(Spelling {
                            release,
                            alias,
                            full,
                        });
                    }
                }
            }
        }
        aliases.sort_by(|a, b| a.text(releases).cmp(b.text(releases)));
        let mut numbers: Vec<usize> = (0..releases.len()).collect();
        let mut commits = numbers.clone();
        numbers.sort_by_key(|at| number(releases, *at));
        commits.sort_by(|a, b| commit(releases, *a).cmp(commit(releases, *b)));
        Self {
            aliases,
            numbers,
            commits,
        }
    }

    pub fn resolve<'a>(&self, releases: &'a [Release], name: &str) -> Resolution<'a> {
        let found = [
            (Rule::Alias, self.by_alias(releases, name)),
            (Rule::Number, self.by_number(releases, name)),
            (Rule::Commit, self.by_commit(releases, name)),
        ];
        let mut matches = found.into_iter().filter_map(|(rule, mut places)| {
            places.sort_unstable();
            places.dedup();
            let hits: Vec<&Release> = places.iter().filter_map(|at| releases.get(*at)).collect();
            (!hits.is_empty()).then_some((rule, hits))
        });
        let Some((rule, first)) = matches.next() else {
            return Resolution::NotFound;
        };
        let [release] = first.as_slice() else {
            return Resolution::Ambiguous { rule, among: first };
        };
        let also = matches
            .flat_map(|(rule, hits)| hits.into_iter().map(move |hit| (rule, hit)))
            .filter(|(_, hit)| !std::ptr::eq(*hit, *release))
            .collect();
        Resolution::Found {
            release,
            rule,
            also,
        }
    }

    fn by_alias(&self, releases: &[Release], name: &str) -> Vec<usize> {
        let from = self
            .aliases
            .partition_point(|spelling| spelling.text(releases) < name);
        self.aliases
            .iter()
            .skip(from)
            .take_while(|spelling| spelling.text(releases) == name && !name.is_empty())
            .map(|spelling| spelling.release)
            .collect()
    }

    fn by_number(&self, releases: &[Release], name: &str) -> Vec<usize> {
        // Written as we write it: neither `+42` nor `0042`.
        let plain = name.bytes().all(|b| b.is_ascii_digit()) && !name.starts_with('0');
        let Some(wanted) = name.parse::<u64>().ok().filter(|_| plain) else {
            return Vec::new();
        };
        let from = self
            .numbers
            .partition_point(|at| number(releases, *at) < wanted);
        self.numbers
            .iter()
            .skip(from)
            .take_while(|at| number(releases, **at) == wanted)
            .copied()
            .collect()
    }

    fn by_commit(&self, releases: &[Release], name: &str) -> Vec<usize> {
        let fits = (SHORTEST_COMMIT..=40).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_hexdigit());
        if !fits {
            return Vec::new();
        }
        let prefix = name.to_ascii_lowercase();
        let from = self
            .commits
            .partition_point(|at| commit(releases, *at) < prefix.as_str());
        self.commits
            .iter()
            .skip(from)
            .take_while(|at| commit(releases, **at).starts_with(&prefix))
            .copied()
            .collect()
    }
}

fn number(releases: &[Release], at: usize) -> u64 {
    releases.get(at).map_or(0, |release| release.number)
}

fn commit(releases: &[Release], at: usize) -> &str {
    releases
        .get(at)
        .map_or("", |release| release.commit.as_str())
}

/// One name, asked once. Whoever asks again and again keeps `Names`.
pub fn resolve<'a>(releases: &'a [Release], name: &str) -> Resolution<'a> {
    Names::of(releases).resolve(releases, name)
}

#[cfg(test)]
mod tests;
