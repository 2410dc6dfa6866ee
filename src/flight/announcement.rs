//! What users are told about the last flight of a target: a text made of what the ledger says and what was read, for a
//! person to change, to copy and to send. Nothing is sent from here.

use serde::Serialize;

use crate::{
    domain::{
        entry::Ending,
        environment::Contact,
        history::{Done, Record},
        release::ReleaseRef,
    },
    policy::facts::Facts,
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Announcement {
    /// `auth-service in production: release 42 v1.3.0 was stopped`
    pub title: String,
    /// What is copied.
    pub text: Vec<String>,
    /// What only whoever sends it should know: what was not read.
    pub before_sending: Vec<String>,
    /// Whom the environment names.
    pub contacts: Vec<Contact>,
}

/// About the deployment under way, else the last one. None where nothing ever took off here.
pub fn announcement(facts: &Facts<'_>, records: &[Record]) -> Option<Announcement> {
    let record = records
        .iter()
        .rev()
        .find(|record| record.took_off.is_some())?;
    let place = format!(
        "{} in {}",
        facts.target.id.project.name(),
        facts.target.id.environment
    );
    let release = record.release.title();
    let became = became(record);
    let title = format!("{place}: release {release} {}", became.word());
    let mut text = vec![title.clone(), String::new()];
    text.extend(when(record));
    let (served, unsure) = served(facts, record, became);
    text.push(served);
    let why = match became {
        Became::RolledBack | Became::GoingBack => record.rolled_back.as_ref(),
        Became::Stopped => record.aborted.as_ref(),
        Became::UnderWay | Became::Live => None,
    };
    text.extend(
        why.and_then(|done| done.reason.clone())
            .map(|reason| format!("Reason: {reason}.")),
    );
    text.push(String::new());
    text.push(match became {
        Became::Live => "Nothing is left for you to do.".to_owned(),
        _ => "We write again as soon as there is news.".to_owned(),
    });
    let mut before_sending: Vec<String> = unsure.into_iter().collect();
    before_sending.push("gonogo sends nothing: copy it, change it, send it yourself.".to_owned());
    Some(Announcement {
        title,
        text,
        before_sending,
        contacts: facts.environment.contacts.clone(),
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Became {
    UnderWay,
    Stopped,
    GoingBack,
    RolledBack,
    Live,
}

impl Became {
    fn word(self) -> &'static str {
        match self {
            Self::UnderWay => "is being rolled out",
            Self::Stopped => "was stopped",
            Self::GoingBack => "is being rolled back",
            Self::RolledBack => "was rolled back",
            Self::Live => "is live",
        }
    }
}

fn became(record: &Record) -> Became {
    let ended = record.ended.as_ref().map(|ended| ended.how);
    let since = |done: &Option<Done>| done.as_ref().map(|done| done.at);
    match ended {
        Some(Ending::RolledBack) => Became::RolledBack,
        Some(Ending::Closed) => Became::Live,
        Some(Ending::Cancelled) | None => {
            if record.rolled_back.is_some() {
                Became::GoingBack
            } else if since(&record.aborted) > since(&record.took_off) {
                Became::Stopped
            } else if record.promoted_at.is_some() {
                Became::Live
            } else {
                Became::UnderWay
            }
        }
    }
}

/// Who had the new release, and when.
fn when(record: &Record) -> Option<String> {
    let from = record.took_off.as_ref()?.at;
    let stopped = [&record.aborted, &record.rolled_back]
        .into_iter()
        .filter_map(|done| done.as_ref().map(|done| done.at))
        .filter(|at| *at >= from)
        .min();
    let day = from.strftime("%Y-%m-%d");
    let from_clock = from.strftime("%H:%M");
    let reached = record
        .stages
        .iter()
        .filter(|stage| stage.reached_at.is_some());
    let share = reached.map(|stage| stage.share).max().map_or_else(
        || "a first part of the pods".to_owned(),
        |share| format!("up to {share} % of the pods"),
    );
    let release = record.release.title();
    Some(match (stopped, record.promoted_at) {
        (Some(until), promoted) => {
            let until = until.strftime("%H:%M");
            let ran = match promoted {
                Some(_) => format!("everybody was served by release {release}"),
                None => format!("{share} ran release {release}"),
            };
            format!("On {day} from {from_clock} to {until} UTC {ran}.")
        }
        (None, Some(_)) => format!("Release {release} went out on {day} from {from_clock} UTC."),
        (None, None) => format!("Since {day} {from_clock} UTC {share} run release {release}."),
    })
}

/// Who serves now, and what of it was not read.
fn served(facts: &Facts<'_>, record: &Record, became: Became) -> (String, Option<String>) {
    let back = record.rolled_back_to.as_ref().or(record.before.as_ref());
    let name = |release: Option<&ReleaseRef>| {
        release.map_or_else(
            || "the release before it".to_owned(),
            |release| format!("release {}", release.title()),
        )
    };
    let unread = facts.fresh().is_none().then(|| {
        "The platform was not read just now: look who serves before you send this.".to_owned()
    });
    let whole = facts
        .fresh()
        .is_some_and(|observed| observed.workload.aborted || observed.workload.is_promoted());
    match became {
        Became::UnderWay => ("Everything else goes on as before.".to_owned(), unread),
        Became::Live => (
            format!("Everybody is served by release {}.", record.release.title()),
            unread,
        ),
        Became::GoingBack => (
            format!("{} is being put back.", capital(&name(back))),
            unread,
        ),
        Became::Stopped | Became::RolledBack if whole => (
            format!("Everybody is served by {} again.", name(back)),
            None,
        ),
        Became::Stopped | Became::RolledBack => {
            (format!("{} was put back.", capital(&name(back))), unread)
        }
    }
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

impl Announcement {
    /// What goes to the clipboard.
    pub fn copied(&self) -> String {
        self.text.join("\n")
    }

    pub fn lines(&self) -> Vec<String> {
        let mut lines = self.text.clone();
        lines.push(String::new());
        lines.extend(self.before_sending.iter().map(|line| format!("! {line}")));
        let contacts = self.contacts.iter();
        lines.extend(contacts.map(|contact| format!("ask {}: {}", contact.name, contact.reach)));
        lines
    }
}
