//! The record of a target for people who were not there: each deployment with its releases, legs and stopwatch, then
//! every event with its time, its author, its reason, and what was before and after (SPEC H1, H3). An incident review
//! takes it as it is, in Markdown or JSON.

pub mod markdown;

use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, Serializer};

use super::{known::TargetKnown, matrix::Matrix};
use crate::domain::{
    deployment::difference::{self, Difference},
    entry::{Body, DeploymentId, Ending, Entry},
    history::Record,
    release::ReleaseRef,
    target::TargetId,
    workspace::Actor,
};

/// From the key to the former release serving everybody (seed 002).
pub const RECOVERY: SignedDuration = SignedDuration::from_mins(5);

#[derive(Clone, Debug, Serialize)]
pub struct Report<'a> {
    pub target: TargetId,
    /// Oldest first.
    pub deployments: Vec<Section<'a>>,
    /// All of them in the order of the ledger.
    #[serde(rename = "entries")]
    pub events: Vec<Event<'a>>,
    /// What waits in the journal of this machine for a place in the ledger.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waits: Vec<Waiting<'a>>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Waiting<'a> {
    pub at: Timestamp,
    pub by: &'a Actor,
    pub sentence: String,
    pub body: &'a Body,
}

/// One deployment.
#[derive(Clone, Debug, Serialize)]
pub struct Section<'a> {
    #[serde(flatten)]
    pub record: &'a Record,
    /// How it ended, or what it is doing.
    pub state: &'static str,
    pub release_names: Vec<String>,
    pub before_names: Vec<String>,
    /// From one mark to the next, in the order of time.
    pub legs: Vec<Span>,
    /// From delivery to the last stage, bakes included and without them.
    #[serde(serialize_with = "seconds")]
    pub time_to_deploy: Option<SignedDuration>,
    #[serde(serialize_with = "seconds")]
    pub duration_without_bakes: Option<SignedDuration>,
    /// From the key to the former release serving everybody.
    #[serde(serialize_with = "seconds")]
    pub recovery: Option<SignedDuration>,
    #[serde(serialize_with = "some_seconds")]
    pub unattended: SignedDuration,
    /// What was tested of its release, as this deployment left it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matrix: Option<Matrix>,
}

/// The time between two marks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Span {
    pub from: String,
    pub until: String,
    pub from_at: Timestamp,
    pub until_at: Timestamp,
    #[serde(rename = "seconds", serialize_with = "some_seconds")]
    pub took: SignedDuration,
}

/// One entry of the ledger.
#[derive(Clone, Debug, Serialize)]
pub struct Event<'a> {
    pub seq: u64,
    pub at: Timestamp,
    /// Seconds since the take-off of its deployment, or since its request where it never took off.
    #[serde(rename = "offset_seconds", serialize_with = "seconds")]
    pub offset: Option<SignedDuration>,
    /// The deployment it is told with: its own, or the last one before it.
    pub deployment: Option<DeploymentId>,
    pub by: &'a Actor,
    pub sentence: String,
    pub reason: Option<String>,
    pub differences: Vec<Difference>,
    pub body: &'a Body,
}

impl Event<'_> {
    /// The sentence with its reason, said once.
    pub fn words(&self) -> String {
        match &self.reason {
            Some(reason) if !self.sentence.contains(reason.as_str()) => {
                format!("{}: {reason}", self.sentence)
            }
            _ => self.sentence.clone(),
        }
    }
}

#[expect(clippy::ref_option, reason = "serde hands fields over by reference")]
fn seconds<S: Serializer>(value: &Option<SignedDuration>, to: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => some_seconds(value, to),
        None => to.serialize_none(),
    }
}

fn some_seconds<S: Serializer>(value: &SignedDuration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(value.as_secs_f64())
}

/// `names` says every name that a release has, `tested` what was tested of a deployment's; one deployment may be the
/// `only` one that is wanted.
pub fn report<'a>(
    target: &TargetId,
    known: &'a TargetKnown,
    only: Option<&DeploymentId>,
    names: &dyn Fn(&ReleaseRef) -> Vec<String>,
    tested: &dyn Fn(&Record) -> Option<Matrix>,
) -> Report<'a> {
    let (entries, history) = (&known.entries, &known.history);
    let differences = difference::of_entries(entries);
    let mut last: Option<&DeploymentId> = None;
    let mut events = Vec::with_capacity(entries.len());
    for (entry, differences) in entries.iter().zip(differences) {
        let own = entry.body.deployment();
        last = own.or(last);
        if only.is_some() && only != last {
            continue;
        }
        let began = last.and_then(|id| history.record(id)).map(began);
        events.push(Event {
            seq: entry.seq,
            at: entry.at,
            offset: began.map(|began| entry.at.duration_since(began)),
            deployment: last.cloned(),
            by: &entry.actor,
            sentence: entry.sentence(),
            reason: reason(&entry.body),
            differences,
            body: &entry.body,
        });
    }
    let wanted = |record: &&Record| only.is_none_or(|only| record.id == *only);
    Report {
        target: target.clone(),
        deployments: history
            .records()
            .iter()
            .filter(wanted)
            .map(|record| section(record, names, tested(record)))
            .collect(),
        events,
        waits: known.aside.iter().map(waiting).collect(),
    }
}

fn waiting(entry: &Entry) -> Waiting<'_> {
    Waiting {
        at: entry.at,
        by: &entry.actor,
        sentence: entry.sentence(),
        body: &entry.body,
    }
}

/// What offsets count from.
fn began(record: &Record) -> Timestamp {
    record
        .took_off
        .as_ref()
        .map_or(record.requested.at, |off| off.at)
}

/// One deployment with what it is told by.
pub fn section<'a>(
    record: &'a Record,
    names: &dyn Fn(&ReleaseRef) -> Vec<String>,
    matrix: Option<Matrix>,
) -> Section<'a> {
    Section {
        matrix,
        state: record.word(),
        release_names: names(&record.release),
        before_names: record.before.as_ref().map(names).unwrap_or_default(),
        legs: legs(record),
        time_to_deploy: record.time_to_deploy(),
        duration_without_bakes: record.duration(),
        recovery: record.recovery(),
        unattended: record.unattended(),
        record,
    }
}

/// The moments that a deployment is told by, in the order of time.
fn marks(record: &Record) -> Vec<(Timestamp, String)> {
    let mut marks = Vec::new();
    let mut mark = |at: Option<Timestamp>, name: &str| {
        marks.extend(at.map(|at| (at, name.to_owned())));
    };
    let opened = if record.rollback {
        "rollback asked"
    } else {
        "requested"
    };
    mark(Some(record.requested.at), opened);
    mark(record.approved_at(), "approved");
    if !record.rollback {
        mark(record.took_off.as_ref().map(|off| off.at), "took off");
    }
    for stage in &record.stages {
        mark(stage.reached_at, &format!("{} % reached", stage.share));
    }
    mark(record.promoted_at, "everybody served");
    mark(record.monitored_at, "verified");
    mark(record.aborted.as_ref().map(|done| done.at), "aborted");
    if !record.rollback {
        mark(record.rollback_began(), "rollback asked");
    }
    if let Some(ended) = &record.ended {
        let name = match ended.how {
            Ending::Closed => "closed",
            Ending::Cancelled => "cancelled",
            Ending::RolledBack => "back",
        };
        mark(Some(ended.at), name);
    }
    marks.sort_by_key(|(at, _)| *at);
    marks
}

fn legs(record: &Record) -> Vec<Span> {
    let marks = marks(record);
    marks
        .iter()
        .zip(marks.iter().skip(1))
        .map(|((from_at, from), (until_at, until))| Span {
            from: from.clone(),
            until: until.clone(),
            from_at: *from_at,
            until_at: *until_at,
            took: until_at.duration_since(*from_at),
        })
        .collect()
}

/// The reason that an entry carries, whatever its kind: its own, its act's, or the note of a check.
pub fn reason(body: &Body) -> Option<String> {
    let stored = serde_json::to_value(body).ok()?;
    let places = [&stored["reason"], &stored["act"]["reason"], &stored["note"]];
    places
        .into_iter()
        .find_map(|place| place.as_str())
        .filter(|reason| !reason.is_empty())
        .map(str::to_owned)
}
