//! Which version a commit gets next (SPEC R7): from what it contains, what is live in production, and what is taken. A
//! tag that is taken is refused with the next free one, and never moved.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::domain::{
    release::Commit,
    version::{ReleaseType, Ripeness, Semantic, Version},
};

use super::refusal::{Refusal, RefusalKind};

/// What the next version is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bump {
    Of(ReleaseType),
    /// `-rc.N` of the version under way.
    Candidate,
    /// `-stage` of the version under way.
    Stage,
    /// Today's date (seed 001), with the time where the day is taken.
    Date,
}

impl Bump {
    pub const ALL: [Self; 7] = [
        Self::Of(ReleaseType::Major),
        Self::Of(ReleaseType::Minor),
        Self::Of(ReleaseType::Patch),
        Self::Of(ReleaseType::Hotfix),
        Self::Candidate,
        Self::Stage,
        Self::Date,
    ];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Of(kind) => kind.word(),
            Self::Candidate => "rc",
            Self::Stage => "stage",
            Self::Date => "date",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.word() == word)
    }
}

/// What is live in production.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// As it is called there: `41 v1.2.3`.
    pub title: String,
    pub version: Option<Version>,
    /// The commit to be tagged contains it.
    pub contained: bool,
}

/// What is known about the versions of a project, and the commit that wants one.
#[derive(Clone, Debug, PartialEq)]
pub struct Ground {
    pub commit: Commit,
    /// Every version there is, with its commit.
    pub taken: BTreeMap<Version, Commit>,
    /// Those of them whose commits the commit contains, its own included.
    pub contained: BTreeSet<Version>,
    pub live: Option<Live>,
    /// What its commits since the last version say about the next one.
    pub proposed: ReleaseType,
    pub now: Timestamp,
}

impl Ground {
    /// The highest release that the commit contains; 0.0.0 where there is none yet.
    fn base(&self) -> Semantic {
        let mut releases = self.contained.iter().rev().filter(|it| it.is_release());
        releases
            .find_map(|it| it.semantic())
            .unwrap_or_else(|| Semantic::release(0, 0, 0))
    }

    /// The version that candidates and stages lead to: what is under way already, else what the commits propose.
    fn under_way(&self) -> Semantic {
        let base = self.base();
        let ripening = self.contained.iter().rev().filter(|it| !it.is_release());
        let under_way = ripening
            .filter_map(|it| it.semantic())
            .map(|it| it.ripened(Ripeness::Release))
            .find(|it| *it > base);
        let mut next = under_way.unwrap_or_else(|| base.after(self.proposed));
        // Released elsewhere meanwhile: what would ripen now came too late.
        while self.taken.contains_key(&Version::Semantic(next)) {
            next = next.after(ReleaseType::Patch);
        }
        next
    }

    fn candidate(&self, of: Semantic) -> Semantic {
        let taken = self.taken.keys().filter_map(|it| it.semantic());
        let last = taken
            .filter_map(|it| match it.ripeness {
                Ripeness::Candidate(nth) if it.ripened(Ripeness::Release) == of => Some(nth),
                _ => None,
            })
            .max();
        of.ripened(Ripeness::Candidate(last.map_or(1, |last| last + 1)))
    }

    /// The first one after `wanted` that nobody has.
    fn free(&self, wanted: Version) -> Version {
        let mut next = wanted;
        while self.taken.contains_key(&next) {
            next = match next {
                Version::Semantic(it) => match it.ripeness {
                    Ripeness::Candidate(nth) => {
                        Version::Semantic(it.ripened(Ripeness::Candidate(nth + 1)))
                    }
                    ripeness => Version::Semantic(it.after(ReleaseType::Patch).ripened(ripeness)),
                },
                Version::Date(..) => {
                    let second = Version::second(self.now);
                    if second == next {
                        return next;
                    }
                    second
                }
            };
        }
        next
    }

    fn refuse_taken(&self, wanted: Version, by: &Commit) -> Refusal {
        let free = self.free(wanted);
        Refusal::rule(
            "version.taken",
            format!(
                "{wanted} is taken by commit {}, and a tag is never moved; the next free one is {free}",
                by.short()
            ),
        )
        .hint(format!("--version {free}"))
    }

    /// The next version of that kind.
    pub fn next(&self, bump: Bump) -> Result<Version, Refusal> {
        let dated = bump == Bump::Date;
        let here = self.taken.iter().find(|(version, commit)| {
            let same_kind = matches!(version, Version::Date(..)) == dated;
            **commit == self.commit && version.is_release() && same_kind
        });
        if let Some((version, _)) = here {
            let sentence = format!(
                "commit {} is {version} already; nothing changed since that a new version could name",
                self.commit.short()
            );
            return Err(Refusal::rule("version.here", sentence).hint(format!(
                "--version names another one; --version {version} --push publishes it"
            )));
        }
        let wanted = match bump {
            Bump::Of(ReleaseType::Hotfix) => self.hotfix()?,
            Bump::Of(kind) => self.base().after(kind),
            Bump::Candidate => self.candidate(self.under_way()),
            Bump::Stage => self.under_way().ripened(Ripeness::Stage),
            Bump::Date => {
                let day = Version::day(self.now);
                return Ok(if self.taken.contains_key(&day) {
                    self.free(Version::second(self.now))
                } else {
                    day
                });
            }
        };
        let wanted = Version::Semantic(wanted);
        match self.taken.get(&wanted) {
            Some(by) => Err(self.refuse_taken(wanted, by)),
            None => Ok(wanted),
        }
    }

    /// That commit was made from ours for a version, and stands for it.
    pub fn stands_for(&mut self, made: &Commit) {
        for (version, commit) in &mut self.taken {
            if commit == made {
                *commit = self.commit.clone();
                self.contained.insert(*version);
            }
        }
    }

    /// The next version of that kind; one of those that were begun for this commit and not ended, where the kind would
    /// have named it then.
    pub fn resumed(
        &self,
        bump: Bump,
        begun: impl Iterator<Item = Version>,
    ) -> Result<Version, Refusal> {
        let mut begun = begun.filter(|version| {
            let mut before = self.clone();
            before.taken.remove(version);
            before.contained.remove(version);
            before.next(bump).as_ref() == Ok(version)
        });
        begun.next().map_or_else(|| self.next(bump), Ok)
    }

    /// A hotfix counts from what is live in production, and contains it.
    fn hotfix(&self) -> Result<Semantic, Refusal> {
        let not_found = |sentence: String| {
            Refusal::new(RefusalKind::NotFound, "version.live", sentence)
                .hint("--version names one")
        };
        let live = self.live.as_ref().ok_or_else(|| {
            not_found("nothing is live in production that a hotfix could count from".to_owned())
        })?;
        let version = live.version.and_then(Version::semantic).ok_or_else(|| {
            not_found(format!(
                "release {} is live in production and has no version vX.Y.Z that a hotfix could count from",
                live.title
            ))
        })?;
        if !live.contained {
            return Err(Refusal::rule(
                "version.hotfix",
                format!(
                    "commit {} does not contain release {}, which is live in production: it is no hotfix of it",
                    self.commit.short(),
                    live.title
                ),
            )
            .hint("branch from the commit that is live, or tag a patch"));
        }
        Ok(version.after(ReleaseType::Hotfix))
    }

    /// A version that was named outright. The same commit may have it already: then there is nothing left to do but to
    /// publish it.
    pub fn named(&self, version: Version) -> Result<Version, Refusal> {
        match self.taken.get(&version) {
            Some(by) if *by != self.commit => Err(self.refuse_taken(version, by)),
            _ => Ok(version),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(digit: char) -> Commit {
        Commit::parse(&digit.to_string().repeat(40)).expect("hex")
    }

    fn version(text: &str) -> Version {
        text.parse().expect(text)
    }

    /// Versions that the commit contains, those that others have, and what is live.
    fn ground(contained: &[&str], elsewhere: &[&str], live: Option<(&str, bool)>) -> Ground {
        let contained: BTreeSet<Version> = contained.iter().map(|it| version(it)).collect();
        let others = elsewhere.iter().map(|it| version(it));
        let taken = contained.iter().copied().chain(others);
        Ground {
            commit: commit('f'),
            taken: taken.map(|it| (it, commit('a'))).collect(),
            contained,
            live: live.map(|(text, contained)| Live {
                title: format!("41 {text}"),
                version: text.parse().ok(),
                contained,
            }),
            proposed: ReleaseType::Minor,
            now: "2024-01-15T14:30:00Z".parse().expect("a moment"),
        }
    }

    #[track_caller]
    fn check(ground: &Ground, bump: &str, expect: &str) {
        let bump = Bump::parse(bump).expect(bump);
        let got = match ground.next(bump) {
            Ok(version) => version.to_string(),
            Err(refusal) => format!("{}: {}", refusal.rule, refusal.hint.unwrap_or_default()),
        };
        assert_eq!(got, expect);
    }

    #[test]
    fn it_counts_from_the_highest_release_that_the_commit_contains() {
        let main = ground(&["v1.2.3", "v1.10.0", "v1.9.9"], &[], None);
        check(&main, "major", "v2.0.0");
        check(&main, "minor", "v1.11.0");
        check(&main, "patch", "v1.10.1");
        // A branch of the first line does not count from the second.
        let line = ground(&["v1.2.3"], &["v2.0.0"], None);
        check(&line, "patch", "v1.2.4");
        check(&line, "minor", "v1.3.0");
        let first = ground(&[], &[], None);
        check(&first, "major", "v1.0.0");
        check(&first, "minor", "v0.1.0");
        check(&first, "patch", "v0.0.1");
    }

    #[test]
    fn a_taken_tag_is_refused_with_the_next_free_one() {
        let line = ground(&["v1.2.3"], &["v1.2.4", "v1.2.5", "v2.0.0"], None);
        check(&line, "patch", "version.taken: --version v1.2.6");
        check(&line, "major", "version.taken: --version v2.0.1");
        let staged = ground(&["v1.2.3", "v1.3.0-stage"], &[], None);
        check(&staged, "stage", "version.taken: --version v1.3.1-stage");
        let sentence = line.next(Bump::Of(ReleaseType::Patch)).expect_err("taken");
        assert_eq!(
            sentence.sentence,
            "v1.2.4 is taken by commit aaaaaaa, and a tag is never moved; the next free one is v1.2.6"
        );
    }

    #[test]
    fn candidates_and_stages_lead_to_the_version_under_way() {
        let fresh = ground(&["v1.2.3"], &[], None);
        check(&fresh, "rc", "v1.3.0-rc.1");
        check(&fresh, "stage", "v1.3.0-stage");
        let second = ground(&["v1.2.3", "v2.0.0-rc.1"], &["v2.0.0-rc.2"], None);
        check(&second, "rc", "v2.0.0-rc.3");
        check(&second, "stage", "v2.0.0-stage");
        check(&second, "major", "v2.0.0");
        // What was released elsewhere does not ripen any more.
        let late = ground(&["v1.2.3", "v1.3.0-rc.1"], &["v1.3.0"], None);
        check(&late, "rc", "v1.3.1-rc.1");
        // A stage of an old version is not under way.
        let old = ground(&["v1.2.3", "v1.2.3-stage"], &[], None);
        check(&old, "stage", "v1.3.0-stage");
    }

    #[test]
    fn a_hotfix_counts_from_what_is_live_and_contains_it() {
        let live = ground(&["v1.2.3"], &["v1.3.0"], Some(("v1.2.3", true)));
        check(&live, "hotfix", "v1.2.4");
        let ahead = ground(&["v1.2.3", "v1.3.0"], &[], Some(("v1.2.3", true)));
        check(&ahead, "hotfix", "v1.2.4");
        let taken = ground(&["v1.2.3"], &["v1.2.4"], Some(("v1.2.3", true)));
        check(&taken, "hotfix", "version.taken: --version v1.2.5");
        let elsewhere = ground(&["v1.2.3"], &[], Some(("v1.2.3", false)));
        check(
            &elsewhere,
            "hotfix",
            "version.hotfix: branch from the commit that is live, or tag a patch",
        );
        let nameless = ground(&["v1.2.3"], &[], Some(("main-41", true)));
        check(&nameless, "hotfix", "version.live: --version names one");
        check(
            &ground(&[], &[], None),
            "hotfix",
            "version.live: --version names one",
        );
    }

    #[test]
    fn a_date_is_todays_and_the_second_where_the_day_is_taken() {
        check(&ground(&["v1.2.3"], &[], None), "date", "v2024.01.15");
        let second = ground(&[], &["v2024.01.15"], None);
        check(&second, "date", "v2024.01.15.143000");
    }

    #[test]
    fn a_commit_that_has_a_version_gets_no_second_one_by_a_slip() {
        let mut here = ground(&["v1.2.3"], &[], None);
        here.taken.insert(version("v1.2.3"), commit('f'));
        check(
            &here,
            "patch",
            "version.here: --version names another one; --version v1.2.3 --push publishes it",
        );
        check(&here, "date", "v2024.01.15");
        // A candidate may become the release.
        let mut ripe = ground(&["v1.2.3", "v1.3.0-rc.1"], &[], None);
        ripe.taken.insert(version("v1.3.0-rc.1"), commit('f'));
        check(&ripe, "minor", "v1.3.0");
    }

    #[test]
    fn a_named_version_is_free_or_this_commits_own() {
        let mut it = ground(&["v1.2.3"], &[], None);
        assert_eq!(it.named(version("v9.0.0")), Ok(version("v9.0.0")));
        let refusal = it.named(version("v1.2.3")).expect_err("taken");
        assert_eq!(refusal.hint.as_deref(), Some("--version v1.2.4"));
        it.taken.insert(version("v1.2.3"), commit('f'));
        assert_eq!(it.named(version("v1.2.3")), Ok(version("v1.2.3")));
    }
}
