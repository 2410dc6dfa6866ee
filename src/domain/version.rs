//! Versions as tags spell them: `v1.2.3`, `v1.2.3-rc.1`, `v1.2.3-stage` (seed 004), and dates, `v2024.01.15` and
//! `v2024.01.15.143000` (seed 001). Anything else is a tag, and no version (SPEC R7).

use std::{fmt, str::FromStr};

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::TimeZone,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// How far a version has come. Ordered: candidates come before the stage, and that before the release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ripeness {
    /// `-rc.N`
    Candidate(u64),
    /// `-stage`
    Stage,
    /// No suffix.
    Release,
}

/// `major.minor.patch`, with how far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Semantic {
    pub major: u64,
    pub minor: u64,
    pub patch: u64,
    pub ripeness: Ripeness,
}

/// A version. Dates are ordered by date and come after all others, since whoever dates releases does not go back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    Semantic(Semantic),
    /// A day, or a second of it. The day alone comes before its seconds.
    Date(Date, Option<Second>),
}

/// Hour, minute and second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Second(i8, i8, i8);

/// What a release changes for its users (SPEC R13).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseType {
    Major,
    Minor,
    Patch,
    Hotfix,
}

impl ReleaseType {
    pub const ALL: [Self; 4] = [Self::Major, Self::Minor, Self::Patch, Self::Hotfix];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Major => "major",
            Self::Minor => "minor",
            Self::Patch => "patch",
            Self::Hotfix => "hotfix",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.word() == word)
    }
}

impl fmt::Display for ReleaseType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Semantic {
    pub fn release(major: u64, minor: u64, patch: u64) -> Self {
        Self {
            major,
            minor,
            patch,
            ripeness: Ripeness::Release,
        }
    }

    /// The same three numbers.
    #[must_use]
    pub fn ripened(self, ripeness: Ripeness) -> Self {
        Self { ripeness, ..self }
    }

    /// The release after this one that changes as much as `kind` says.
    #[must_use]
    pub fn after(self, kind: ReleaseType) -> Self {
        match kind {
            ReleaseType::Major => Self::release(self.major + 1, 0, 0),
            ReleaseType::Minor => Self::release(self.major, self.minor + 1, 0),
            ReleaseType::Patch | ReleaseType::Hotfix => {
                Self::release(self.major, self.minor, self.patch + 1)
            }
        }
    }
}

impl Version {
    pub fn semantic(self) -> Option<Semantic> {
        match self {
            Self::Semantic(semantic) => Some(semantic),
            Self::Date(..) => None,
        }
    }

    /// Nothing after its numbers: what production takes.
    pub fn is_release(self) -> bool {
        self.semantic()
            .is_none_or(|semantic| semantic.ripeness == Ripeness::Release)
    }

    /// The day of a moment, in UTC: the same name wherever it is given.
    pub fn day(at: Timestamp) -> Self {
        Self::Date(TimeZone::UTC.to_datetime(at).date(), None)
    }

    /// The second of a moment, in UTC.
    pub fn second(at: Timestamp) -> Self {
        let (date, time) = {
            let at = TimeZone::UTC.to_datetime(at);
            (at.date(), at.time())
        };
        Self::Date(
            date,
            Some(Second(time.hour(), time.minute(), time.second())),
        )
    }

    /// What its numbers say about the change. None for a date, which says nothing.
    pub fn release_type(self) -> Option<ReleaseType> {
        let semantic = self.semantic()?;
        Some(match (semantic.minor, semantic.patch) {
            (0, 0) => ReleaseType::Major,
            (_, 0) => ReleaseType::Minor,
            _ => ReleaseType::Patch,
        })
    }
}

/// Why a text is no version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not vX.Y.Z, vX.Y.Z-stage, vX.Y.Z-rc.N, vYYYY.MM.DD or vYYYY.MM.DD.HHMMSS")]
pub struct NoVersion;

impl FromStr for Version {
    type Err = NoVersion;

    /// Exactly as it is written: no leading zeros (but in dates), nothing left out, nothing behind it.
    fn from_str(text: &str) -> Result<Self, NoVersion> {
        let text = text.strip_prefix('v').ok_or(NoVersion)?;
        date(text)
            .or_else(|| semantic(text).map(Self::Semantic))
            .ok_or(NoVersion)
    }
}

fn semantic(text: &str) -> Option<Semantic> {
    let (numbers, suffix) = text
        .split_once('-')
        .map_or((text, None), |(numbers, suffix)| (numbers, Some(suffix)));
    let mut numbers = numbers.split('.').map(number);
    let (major, minor, patch) = (numbers.next()??, numbers.next()??, numbers.next()??);
    if numbers.next().is_some() {
        return None;
    }
    let ripeness = match suffix {
        None => Ripeness::Release,
        Some("stage") => Ripeness::Stage,
        Some(suffix) => Ripeness::Candidate(number(suffix.strip_prefix("rc.")?)?),
    };
    Some(Semantic {
        major,
        minor,
        patch,
        ripeness,
    })
}

/// Small enough that the next one is always there.
fn number(text: &str) -> Option<u64> {
    let plain =
        text.bytes().all(|digit| digit.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    plain
        .then(|| text.parse::<u32>().ok())
        .flatten()
        .map(u64::from)
}

/// Four, two and two digits of a day that there is, and six of a time of it.
fn date(text: &str) -> Option<Version> {
    let parts: Vec<&str> = text.split('.').collect();
    let digits = |text: &str, count: usize| -> Option<i16> {
        let plain = text.len() == count && text.bytes().all(|digit| digit.is_ascii_digit());
        plain.then(|| text.parse().ok()).flatten()
    };
    let small = |text: &str| digits(text, 2).and_then(|number| i8::try_from(number).ok());
    let (year, month, day, time) = match parts.as_slice() {
        [year, month, day] => (*year, *month, *day, None),
        [year, month, day, time] => (*year, *month, *day, Some(*time)),
        _ => return None,
    };
    let year = digits(year, 4).filter(|year| *year >= 1970)?;
    let date = Date::new(year, small(month)?, small(day)?).ok()?;
    let Some(time) = time else {
        return Some(Version::Date(date, None));
    };
    if time.len() != 6 || !time.is_ascii() {
        return None;
    }
    let second = Second(
        small(time.get(..2)?)?,
        small(time.get(2..4)?)?,
        small(time.get(4..)?)?,
    );
    // Only a time that a clock shows.
    DateTime::new(
        year,
        date.month(),
        date.day(),
        second.0,
        second.1,
        second.2,
        0,
    )
    .ok()?;
    Some(Version::Date(date, Some(second)))
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Semantic(it) => {
                write!(f, "v{}.{}.{}", it.major, it.minor, it.patch)?;
                match it.ripeness {
                    Ripeness::Candidate(nth) => write!(f, "-rc.{nth}"),
                    Ripeness::Stage => f.write_str("-stage"),
                    Ripeness::Release => Ok(()),
                }
            }
            Self::Date(day, time) => {
                write!(f, "v{:04}.{:02}.{:02}", day.year(), day.month(), day.day())?;
                match time {
                    Some(Second(hour, minute, second)) => {
                        write!(f, ".{hour:02}{minute:02}{second:02}")
                    }
                    None => Ok(()),
                }
            }
        }
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse()
            .map_err(|error| de::Error::custom(format!("`{text}`: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().expect(text)
    }

    #[test]
    fn what_is_written_exactly_so_is_a_version_and_is_written_back() {
        for text in [
            "v1.2.3",
            "v0.0.0",
            "v1.2.3-stage",
            "v1.2.3-rc.1",
            "v10.20.30-rc.12",
            "v2024.01.15",
            "v2024.01.15.143000",
            "v2024.12.31.000000",
            // No date: a month has two digits, a year four.
            "v2024.1.15",
        ] {
            assert_eq!(version(text).to_string(), text);
        }
        assert!(matches!(version("v2024.10.15"), Version::Date(_, None)));
        assert!(matches!(version("v2024.1.15"), Version::Semantic(_)));
    }

    #[test]
    fn all_else_is_a_tag_and_no_version() {
        for text in [
            "",
            "v",
            "1.2.3",
            "v1",
            "v1.2",
            "v1.2.3.4",
            "v01.2.3",
            "v1.2.3-",
            "v1.2.3-beta.1",
            "v1.2.3-rc",
            "v1.2.3-rc.",
            "v1.2.3-rc.01",
            "v1.2.3-Stage",
            "v1.2.3+build",
            "v1.2.3 ",
            "v1.2.-3",
            "v1.2.99999999999",
            "v24.01.15",
            "v2024.02.30",
            "v2024.13.01",
            "v2024.01.15.1430",
            "v2024.01.15.246000",
            "v2024.01.15-stage",
            "v2024.01.15.14300a",
            "nightly",
            "vvv",
            "v1.2.٣",
        ] {
            assert_eq!(text.parse::<Version>(), Err(NoVersion), "{text}");
        }
    }

    #[test]
    fn candidates_come_before_the_stage_and_that_before_the_release_and_dates_go_by_date() {
        let ordered = [
            "v1.2.3",
            "v1.3.0-rc.1",
            "v1.3.0-rc.2",
            "v1.3.0-rc.10",
            "v1.3.0-stage",
            "v1.3.0",
            "v1.10.0",
            "v2.0.0-rc.1",
            "v2.0.0",
            "v2023.12.31.235959",
            "v2024.01.15",
            "v2024.01.15.000000",
            "v2024.01.15.143000",
            "v2024.01.16",
        ];
        let mut shuffled: Vec<Version> = ordered.iter().rev().map(|text| version(text)).collect();
        shuffled.sort();
        let told: Vec<String> = shuffled.iter().map(ToString::to_string).collect();
        assert_eq!(told, ordered);
    }

    #[test]
    fn the_type_is_proposed_from_the_numbers() {
        use ReleaseType::{Major, Minor, Patch};
        for (text, expect) in [
            ("v2.0.0", Some(Major)),
            ("v2.0.0-rc.1", Some(Major)),
            ("v1.3.0-stage", Some(Minor)),
            ("v0.1.0", Some(Minor)),
            ("v1.3.1", Some(Patch)),
            ("v2024.01.15", None),
        ] {
            assert_eq!(version(text).release_type(), expect, "{text}");
        }
    }

    #[test]
    fn a_moment_is_named_in_utc() {
        let at: Timestamp = "2024-01-15T23:30:05-02:00".parse().expect("a moment");
        assert_eq!(Version::day(at).to_string(), "v2024.01.16");
        assert_eq!(Version::second(at).to_string(), "v2024.01.16.013005");
    }
}
