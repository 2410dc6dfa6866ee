//! Migrations: whether a release can be taken back, who says so, and what a preview of SQL says to its reader (SPEC C3).

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use serde::{Deserialize, Serialize};

use super::{
    release::{Commit, Release, ReleaseRef},
    sql,
    text::Clean,
};

/// What a release says of its own way back. Ordered: the worse is the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RollbackWord {
    /// The former release runs on what this one leaves behind.
    Safe,
    /// Something has to be undone as well.
    NeedsSteps,
    /// What it did cannot be undone.
    Forbidden,
}

impl RollbackWord {
    pub const ALL: [Self; 3] = [Self::Safe, Self::NeedsSteps, Self::Forbidden];

    pub fn word(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::NeedsSteps => "needs-steps",
            Self::Forbidden => "forbidden",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.word() == word)
    }
}

impl std::fmt::Display for RollbackWord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

/// One voice on the way back of what it came with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Said {
    /// `commit 9f3c2ab`
    pub by: Clean,
    /// None: what stands there is none of the three words.
    pub word: Option<RollbackWord>,
    pub typed: Clean,
    /// Of everything that a release comes with, and not of one commit alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub whole: bool,
}

impl Said {
    /// Among several: forbidden outweighs what nobody understands, which outweighs the rest.
    fn weight(&self) -> u8 {
        RollbackClaim::weight(self.word)
    }

    pub fn by_commit(commit: &Commit, typed: &str) -> Self {
        Self {
            by: Clean::new(&format!("commit {}", commit.short())),
            word: RollbackWord::parse(typed),
            typed: Clean::new(typed),
            whole: false,
        }
    }
}

/// The word of a `Rollback:` trailer, as it stands in the last paragraph of a commit message; of several the worst. The
/// first paragraph is the subject, and never has trailers (git-interpret-trailers(1)).
pub fn trailer(message: &str) -> Option<String> {
    let (_, body) = message.trim().split_once("\n\n")?;
    let last = body.rsplit("\n\n").next()?;
    let words = last.lines().filter_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.trim()
            .eq_ignore_ascii_case("rollback")
            .then(|| value.trim().to_lowercase())
    });
    words.max_by_key(|word| match RollbackWord::parse(word) {
        Some(RollbackWord::Safe) => 0,
        Some(RollbackWord::NeedsSteps) => 1,
        None => 2,
        Some(RollbackWord::Forbidden) => 3,
    })
}

/// What the commits of a release say that none of the releases below it has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trail {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub said: Vec<Said>,
    /// The releases below it, as far as anything is said anywhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub below: Vec<Commit>,
}

impl Trail {
    pub fn is_empty(&self) -> bool {
        self.said.is_empty() && self.below.is_empty()
    }
}

/// What a plan says of the way back, and on whose word. No word: nobody says, or nobody understands what is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackClaim {
    pub word: Option<RollbackWord>,
    pub by: Clean,
}

impl RollbackClaim {
    fn weight(word: Option<RollbackWord>) -> u8 {
        match word {
            Some(RollbackWord::Safe) => 0,
            Some(RollbackWord::NeedsSteps) => 1,
            None => 2,
            Some(RollbackWord::Forbidden) => 3,
        }
    }

    /// `forbidden`, or `unknown`.
    pub fn word(&self) -> &'static str {
        self.word.map_or("unknown", RollbackWord::word)
    }

    /// `rollback: forbidden (commit 9f3c2ab)`
    pub fn sentence(&self) -> String {
        format!("rollback: {} ({})", self.word(), self.by)
    }

    /// The worst of all that is said, the word of the target among it. That a commit is safe says nothing of those beside
    /// it: safe is only what the target or somebody says of the whole. None: nothing is migrated here and nobody says a word.
    pub fn of(said: &[Said], configured: Option<RollbackWord>, migrates: bool) -> Option<Self> {
        let worst = said
            .iter()
            .max_by_key(|said| (said.weight(), said.whole, std::cmp::Reverse(&said.by)));
        let outweighs = |said: &&Said| match configured {
            Some(RollbackWord::Safe) => said.whole || said.weight() > 0,
            Some(word) => Self::weight(Some(word)) <= said.weight(),
            None => true,
        };
        if let Some(said) = worst.filter(outweighs) {
            if said.weight() == 0 && !said.whole && migrates {
                let by = format!(
                    "{} says it of itself, and nobody of all the others: `release create --rollback safe` would, or `rollback` of its target",
                    said.by
                );
                return Some(Self {
                    word: None,
                    by: Clean::new(&by),
                });
            }
            let by = match said.word {
                Some(_) => said.by.clone(),
                None => {
                    let all = RollbackWord::ALL.map(RollbackWord::word).join(", ");
                    Clean::new(&format!(
                        "{} says `Rollback: {}`, which is none of {all}",
                        said.by, said.typed
                    ))
                }
            };
            return Some(Self {
                word: said.word,
                by,
            });
        }
        if let Some(word) = configured {
            let by = Clean::new("as its target is configured");
            return Some(Self {
                word: Some(word),
                by,
            });
        }
        migrates.then(|| Self {
            word: None,
            by: Clean::new("nobody says: a trailer `Rollback: safe`, `release create --rollback`, or `rollback` of its target would"),
        })
    }
}

/// All that is said by what `release` has and `before` has not, as far as the catalogue goes.
pub fn said_between(
    releases: &[Release],
    release: &Release,
    before: Option<&ReleaseRef>,
) -> Vec<Said> {
    if release.trail.is_empty() {
        return Vec::new();
    }
    let find: BTreeMap<&Commit, &Release> = releases
        .iter()
        .filter(|it| !it.trail.is_empty())
        .map(|it| (&it.commit, it))
        .collect();
    let reach = |from: &Commit| {
        let (mut seen, mut open) = (BTreeSet::new(), BinaryHeap::from([from.clone()]));
        while let Some(commit) = open.pop() {
            if let Some(release) = find.get(&commit).filter(|_| seen.insert(commit.clone())) {
                open.extend(release.trail.below.iter().cloned());
            }
        }
        seen
    };
    let said = |commits: &BTreeSet<Commit>| -> BTreeSet<Said> {
        let releases = commits.iter().filter_map(|commit| find.get(commit));
        releases
            .flat_map(|release| release.trail.said.iter().cloned())
            .collect()
    };
    let (mut gained, had) = (
        reach(&release.commit),
        before.map_or_else(BTreeSet::new, |before| reach(&before.commit)),
    );
    gained.retain(|commit| !had.contains(commit));
    let known = said(&had);
    // What was asked about may be newer than the list.
    let own = release.trail.said.iter().cloned();
    let own = own.filter(|_| before.is_none_or(|before| before.commit != release.commit));
    said(&gained)
        .into_iter()
        .chain(own)
        .collect::<BTreeSet<Said>>()
        .into_iter()
        .filter(|said| !known.contains(said))
        .collect()
}

/// The items that `[target.migration]` makes.
pub mod id {
    pub const PREVIEW: &str = "migration.preview";
    pub const READ: &str = "migration.read";
    pub const APPLY: &str = "migration.apply";
    pub const VERIFY: &str = "migration.verify";
    pub const REVERT_PREVIEW: &str = "migration.revert_preview";
    pub const REVERT_READ: &str = "migration.revert_read";
    pub const REVERT: &str = "migration.revert";
}

/// The mark of standard output in what is kept of a run.
const PRINTED: &str = "  ";

/// What a program printed on its standard output, out of what is kept of its run.
pub fn printed(kept: &str) -> String {
    let mut text = String::new();
    for line in kept.lines().filter_map(|line| line.strip_prefix(PRINTED)) {
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// Whether somebody can read all of a preview, and what it says at a glance: `12 statements, 1 may lose data: …`. In
/// bytes: `left_out` of the middle of it, `unseen` within lines.
pub fn readable(kept: &str, left_out: u64, unseen: u64) -> Result<String, String> {
    if left_out > 0 {
        return Err(format!(
            "it is too long to be kept whole ({left_out} bytes are left out), and nobody could read all of it"
        ));
    }
    let text = printed(kept);
    if text.trim().is_empty() {
        return Err("it printed nothing, so there is nothing to read".to_owned());
    }
    if unseen > 0 {
        return Err(format!(
            "{unseen} bytes of it are not to be seen (a carriage return, or a line longer than can be kept), and nobody could read all of it"
        ));
    }
    let count = sql::statements(&text).len();
    let losses = sql::losses(&text);
    let statements = if count == 1 {
        "1 statement".to_owned()
    } else {
        format!("{count} statements")
    };
    Ok(match losses.as_slice() {
        [] => format!("{statements}; none that is known to lose data"),
        [first, rest @ ..] => {
            let more = match rest.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!(
                "{statements}; MAY LOSE DATA: line {} {}{more}",
                first.line, first.why
            )
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trailer_is_read_from_the_last_paragraph_and_the_worst_word_counts() {
        for (message, word) in [
            ("subject", None),
            ("Rollback: safe", None),
            ("rollback: bump the cache\n", None),
            ("subject\n\nRollback: safe", Some("safe")),
            ("a\n\nRollback: forbidden\n\nmore words", None),
            ("a\n\nmore\n\nRollback: needs-steps\n", Some("needs-steps")),
            (
                "a\n\nReviewed-by: kim\nROLLBACK: Forbidden\nRollback: safe",
                Some("forbidden"),
            ),
            ("a\n\nRollback: safe\nRollback: maybe", Some("maybe")),
            ("a\n\nRollback:\n", Some("")),
        ] {
            assert_eq!(trailer(message).as_deref(), word, "{message:?}");
        }
    }

    fn says(word: &str) -> Said {
        Said::by_commit(&Commit::parse(&"a".repeat(40)).expect("hex"), word)
    }

    #[test]
    fn the_worst_word_wins_and_nobody_speaking_is_never_safe() {
        let claim = |said: &[Said], configured, migrates| {
            RollbackClaim::of(said, configured, migrates).map(|claim| claim.word())
        };
        let all = [says("safe"), says("needs-steps"), says("forbidden")];
        assert_eq!(claim(&all, None, true), Some("forbidden"));
        assert_eq!(claim(&all[..2], None, true), Some("needs-steps"));
        // Nobody loosens what the target says, and nobody speaks for others.
        for (word, becomes) in [
            (Some(RollbackWord::Forbidden), "forbidden"),
            (Some(RollbackWord::NeedsSteps), "needs-steps"),
            (Some(RollbackWord::Safe), "safe"),
            (None, "unknown"),
        ] {
            assert_eq!(claim(&all[..1], word, true), Some(becomes), "{word:?}");
        }
        let mut whole = says("safe");
        whole.whole = true;
        assert_eq!(claim(&[whole.clone()], None, true), Some("safe"));
        assert_eq!(
            claim(&[says("safe"), whole.clone()], None, true),
            Some("safe")
        );
        assert_eq!(
            claim(&[whole], Some(RollbackWord::Forbidden), true),
            Some("forbidden")
        );
        assert_eq!(
            claim(&all, Some(RollbackWord::Safe), true),
            Some("forbidden")
        );
        assert_eq!(
            claim(&[says("safe"), says("yes")], None, true),
            Some("unknown")
        );
        assert_eq!(
            claim(&[], Some(RollbackWord::NeedsSteps), true),
            Some("needs-steps")
        );
        assert_eq!(claim(&[], None, true), Some("unknown"));
        assert_eq!(claim(&[], None, false), None);
        let unclear = RollbackClaim::of(&[says("yes")], None, false).expect("a claim");
        assert!(
            unclear
                .by
                .as_str()
                .starts_with("commit aaaaaaa says `Rollback: yes`"),
            "{}",
            unclear.by
        );
    }

    #[test]
    fn a_preview_that_nobody_could_read_is_none() {
        assert!(readable("", 0, 0).is_err());
        assert!(readable("! INFO only on standard error\n", 0, 0).is_err());
        assert!(readable("  SELECT 1;\n", 7, 0).is_err());
        assert!(readable("  SELECT 1;\n", 0, 7).is_err());
        assert_eq!(
            readable("! INFO\n  CREATE TABLE a (b int);\n", 0, 0).expect("read"),
            "1 statement; none that is known to lose data"
        );
        assert_eq!(
            readable("  BEGIN;\n  DROP TABLE a;\n  TRUNCATE b;\n", 0, 0).expect("read"),
            "3 statements; MAY LOSE DATA: line 2 DROP TABLE and 1 more"
        );
    }
}
