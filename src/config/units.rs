//! Durations and figures as people type them: `"5m"`, `"1h 30m"`, `90`, `"0.1 %"`.

use jiff::{
    SignedDuration,
    civil::{Date, DateTime, Time},
};

/// Longer than this is a slip of the finger, and could overflow a timestamp.
const LONGEST: SignedDuration = SignedDuration::from_hours(366 * 24);

/// A figure whose unit still has to fit its metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Figure {
    Bare(f64),
    Percent(f64),
    Time(SignedDuration),
}

/// The next step is the error.
pub fn duration(text: &str) -> Result<SignedDuration, &'static str> {
    let text = text.trim();
    let parsed = match text.parse::<f64>() {
        Ok(seconds) => return duration_of_seconds(seconds),
        Err(_) => text.parse::<SignedDuration>(),
    };
    parsed.map_err(|_| HINT).and_then(within_reason)
}

pub fn duration_of_seconds(seconds: f64) -> Result<SignedDuration, &'static str> {
    SignedDuration::try_from_secs_f64(seconds)
        .map_err(|_| HINT)
        .and_then(within_reason)
}

const HINT: &str =
    "write \"5m\", \"90s\", \"1h\" or \"500ms\"; a number without a unit counts seconds";

fn within_reason(duration: SignedDuration) -> Result<SignedDuration, &'static str> {
    if duration.is_negative() {
        Err("a duration is not negative")
    } else if duration > LONGEST {
        Err("a year is the longest there is")
    } else {
        Ok(duration)
    }
}

/// By the clock on some wall: `14:00`.
pub fn clock(text: &str) -> Result<Time, &'static str> {
    const HINT: &str = "write hours and minutes, from \"00:00\" to \"23:59\"";
    let bytes = text.as_bytes();
    let shaped =
        matches!(bytes.len(), 5 | 8) && bytes.iter().all(|b| b.is_ascii_digit() || *b == b':');
    let time: Time = text.parse().map_err(|_| HINT)?;
    if shaped && time.second() == 0 {
        Ok(time)
    } else {
        Err(HINT)
    }
}

/// A day, or a time on it; whose clock that is, is said elsewhere.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Moment {
    Day(Date),
    Time(DateTime),
}

impl Moment {
    pub fn begins(self) -> DateTime {
        match self {
            Self::Day(date) => date.to_datetime(Time::midnight()),
            Self::Time(at) => at,
        }
    }

    /// A day ends where the next one begins.
    pub fn ends(self) -> DateTime {
        match self {
            Self::Day(date) => date
                .tomorrow()
                .unwrap_or(date)
                .to_datetime(Time::midnight()),
            Self::Time(at) => at,
        }
    }
}

pub fn moment(text: &str) -> Result<Moment, &'static str> {
    const HINT: &str = "write \"2026-12-18\" or \"2026-12-18 18:00\", without a zone: `time_zone` of the environment says it";
    let text = text.trim();
    let plain = text
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'-' | b':' | b' ' | b'T'));
    match text.len() {
        10 if plain => text.parse().map(Moment::Day).map_err(|_| HINT),
        16 | 19 if plain => text.parse().map(Moment::Time).map_err(|_| HINT),
        _ => Err(HINT),
    }
}

pub fn figure(text: &str) -> Result<Figure, &'static str> {
    const HINT: &str = "write a number, \"0.1 %\" or \"500ms\"";
    let text = text.trim();
    if let Some(percent) = text.strip_suffix('%') {
        return percent
            .trim()
            .parse()
            .map(Figure::Percent)
            .map_err(|_| HINT);
    }
    if let Ok(number) = text.parse() {
        return Ok(Figure::Bare(number));
    }
    duration(text).map(Figure::Time).map_err(|_| HINT)
}

/// As `duration` reads it, to the nanosecond.
pub fn typed(duration: SignedDuration) -> String {
    format!("{duration:#}").replace(' ', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_type_them() {
        let check = |text: &str, millis: i64| {
            assert_eq!(
                duration(text),
                Ok(SignedDuration::from_millis(millis)),
                "{text}"
            );
        };
        check("5m", 300_000);
        check("90s", 90_000);
        check("1h", 3_600_000);
        check("500ms", 500);
        check("1h30m", 5_400_000);
        check("1h 30m", 5_400_000);
        check("1.5s", 1_500);
        check("90", 90_000);
        for bad in [
            "",
            "5 parsecs",
            "-5m",
            "5m ago",
            "99999999999h",
            "NaN",
            "inf",
        ] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_typed_reads_back() {
        for nanos in [0, 1, 500_000_000, 90_000_000_000, 5_400_000_000_000] {
            let exact = SignedDuration::from_nanos(nanos);
            assert_eq!(duration(&typed(exact)), Ok(exact), "{}", typed(exact));
        }
        assert_eq!(typed(SignedDuration::from_secs(5400)), "1h30m");
    }

    #[test]
    fn figures_may_carry_their_unit() {
        assert_eq!(figure("0.1 %"), Ok(Figure::Percent(0.1)));
        assert_eq!(
            figure("500ms"),
            Ok(Figure::Time(SignedDuration::from_millis(500)))
        );
        assert_eq!(figure("5"), Ok(Figure::Bare(5.0)));
        assert!(figure("5 %%").is_err());
    }
}
