//! Looking back over a workspace: its deployments, newest first, and the scorecard over those that count. The History
//! screen and the verbs `history` and `scorecard` say the same from here.

use jiff::{SignedDuration, Timestamp};

use crate::{
    domain::{
        entry::{Ending, from_to},
        environment::EnvironmentName,
        history::Record,
        project::ProjectId,
        time,
        version::ReleaseType,
    },
    policy::scorecard::{self, Flown, Scorecard, Window},
};

use super::known::Known;

/// How far back the scorecard looks where nobody says.
pub const WINDOW: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Which deployments are meant; nothing said means all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    pub environment: Option<&'a EnvironmentName>,
    pub project: Option<&'a ProjectId>,
    /// Words that all stand somewhere in the row.
    pub filter: &'a str,
}

/// One line of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// When it took off, or was asked for.
    pub when: String,
    pub environment: String,
    pub project: String,
    /// `41 v1.2.3 → 42 v1.3.0`
    pub release: String,
    pub who: String,
    pub lasted: String,
    pub ended: &'static str,
    pub reason: String,
    /// It did not go well.
    pub bad: bool,
    pub under_way: bool,
}

impl Row {
    pub fn of(record: &Record, now: Timestamp) -> Self {
        let began = record.took_off.as_ref().unwrap_or(&record.requested);
        let how = record.ended.as_ref().map(|ended| ended.how);
        let bad = how == Some(Ending::RolledBack)
            || (how.is_none() && (record.aborted.is_some() || record.rolled_back.is_some()))
            || !record.failed_items.is_empty();
        Self {
            when: began.at.strftime("%Y-%m-%d %H:%M").to_string(),
            environment: record.target.environment.to_string(),
            project: record.target.project.name().to_owned(),
            release: from_to(record.before.as_ref(), &record.release),
            who: began.by.clone(),
            lasted: time::clock(record.lasted(now)),
            ended: record.word(),
            reason: record.reason().to_owned(),
            bad,
            under_way: how.is_none(),
        }
    }

    /// `2026-03-12 14:20 production auth-service 41 v1.2.3 → 42 v1.3.0, closed after 1:40:02, dana: ship it`
    pub fn sentence(&self) -> String {
        let after = if self.under_way { "for" } else { "after" };
        let why = if self.reason.is_empty() {
            String::new()
        } else {
            format!(": {}", self.reason)
        };
        format!(
            "{} {} {} {}, {} {after} {}, {}{why}",
            self.when,
            self.environment,
            self.project,
            self.release,
            self.ended,
            self.lasted,
            self.who
        )
    }

    fn holds(&self, words: &[String]) -> bool {
        let all = [
            self.when.as_str(),
            &self.environment,
            &self.project,
            &self.release,
            &self.who,
            self.ended,
            &self.reason,
        ];
        let all = all.join(" ").to_lowercase();
        words.iter().all(|word| all.contains(word.as_str()))
    }
}

/// The deployments that are wanted, newest first.
pub fn deployments<'a>(known: &'a Known, now: Timestamp, wanted: Wanted<'_>) -> Vec<&'a Record> {
    let words: Vec<String> = wanted
        .filter
        .split_whitespace()
        .map(str::to_lowercase)
        .collect();
    let meant = |record: &&Record| {
        let target = &record.target;
        wanted
            .environment
            .is_none_or(|name| *name == target.environment)
            && wanted.project.is_none_or(|id| *id == target.project)
            && (words.is_empty() || Row::of(record, now).holds(&words))
    };
    let mut found: Vec<&Record> = known
        .targets
        .values()
        .flat_map(|target| target.history.records())
        .filter(meant)
        .collect();
    found.sort_by(|a, b| {
        let when = |record: &Record| record.took_off.as_ref().unwrap_or(&record.requested).at;
        when(b).cmp(&when(a)).then_with(|| b.id.cmp(&a.id))
    });
    found
}

/// The environments that a scorecard is about: the one named, else the protected ones, else the last.
pub fn counted(known: &Known, named: Option<&EnvironmentName>) -> Vec<EnvironmentName> {
    if let Some(name) = named {
        return vec![name.clone()];
    }
    let all = &known.workspace.environments;
    let protected: Vec<EnvironmentName> = all
        .iter()
        .filter(|environment| environment.protected)
        .map(|environment| environment.name.clone())
        .collect();
    if protected.is_empty() {
        return all
            .last()
            .map(|last| last.name.clone())
            .into_iter()
            .collect();
    }
    protected
}

/// The scorecard over these environments. What only the repository knows is taken from the catalogue, as far as it was
/// read.
pub fn scored(known: &Known, environments: &[EnvironmentName], window: Window) -> Scorecard {
    // By number: a catalogue may hold a hundred thousand, and this is asked for each frame.
    let catalogued = |record: &Record| {
        let releases = known.releases.get(&record.target.project)?.as_slice();
        let at = releases.binary_search_by_key(&record.release.number, |release| release.number);
        let release = at.ok().and_then(|at| releases.get(at))?;
        (release.commit == record.release.commit).then_some(release)
    };
    let flown: Vec<Flown<'_>> = known
        .targets
        .iter()
        .filter(|(id, _)| environments.contains(&id.environment))
        .flat_map(|(_, target)| target.history.records())
        .map(|record| {
            let release = catalogued(record);
            Flown {
                record,
                merged_at: release.map(|release| release.committed_at),
                hotfix: release.map(|release| release.kind() == Some(ReleaseType::Hotfix)),
            }
        })
        .collect();
    scorecard::scorecard(&flown, window)
}

/// The window up to now.
pub fn window(now: Timestamp, since: Option<Timestamp>) -> Window {
    let since = since.or_else(|| now.checked_sub(WINDOW).ok());
    Window {
        since: since.unwrap_or(now),
        until: now,
    }
}
