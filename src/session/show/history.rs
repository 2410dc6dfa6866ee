//! The History: every deployment of the workspace, newest first, and the scorecard over those that count. Each is made once
//! for each change of what it is made from, not for each frame.

use jiff::Timestamp;

use crate::{
    domain::{environment::EnvironmentName, history::Record, target::TargetId},
    flight::looking_back::{self, Wanted},
    policy::scorecard::Scorecard,
    session::{cockpit::Cockpit, memo::Memo},
};

/// What was made for the History screen last.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// By the newest entry and the filter: whose history, and which of its records.
    listed: Memo<(u64, String), Vec<(TargetId, usize)>>,
    scored: Memo<Scored, (String, Scorecard)>,
}

/// The newest entry, the catalogues as they were read, and the minute: what is too old leaves the window.
type Scored = (u64, Vec<(usize, usize)>, i64);

impl Kept {
    /// How often the list, and how often the scorecard was made.
    pub fn made(&self) -> (u64, u64) {
        (self.listed.made(), self.scored.made())
    }
}

/// Newest first, as far as the filter lets them through.
pub fn history(cockpit: &Cockpit) -> Vec<&Record> {
    let known = &cockpit.known;
    let filter = cockpit.view.history_filter.value();
    let key = (known.seq, filter.to_owned());
    let listed = cockpit.looked_back.listed.get(key, || {
        let wanted = Wanted {
            filter,
            ..Wanted::default()
        };
        let found = looking_back::deployments(known, cockpit.now, wanted).into_iter();
        let place = |record: &Record| {
            let records = known.targets.get(&record.target)?.history.records();
            let at = records.iter().position(|other| other.id == record.id)?;
            Some((record.target.clone(), at))
        };
        found.filter_map(place).collect()
    });
    let record =
        |(target, at): &(TargetId, usize)| known.targets.get(target)?.history.records().get(*at);
    listed.iter().filter_map(record).collect()
}

/// Of the environments that count, and their names.
pub fn scorecard(cockpit: &Cockpit) -> (String, Scorecard) {
    let known = &cockpit.known;
    let read = known.releases.values();
    let read = read.map(|releases| (releases.as_slice().as_ptr() as usize, releases.len()));
    let key = (known.seq, read.collect(), minute(cockpit.now));
    let scored = cockpit.looked_back.scored.get(key, || {
        let environments = looking_back::counted(known, None);
        let window = looking_back::window(cockpit.now, None);
        let card = looking_back::scored(known, &environments, window);
        let names: Vec<&str> = environments.iter().map(EnvironmentName::as_str).collect();
        (names.join(", "), card)
    });
    (*scored).clone()
}

fn minute(now: Timestamp) -> i64 {
    now.as_second().div_euclid(60)
}
