//! The exposition format: a filter over bytes that keeps four families of a thousand, in front of the parser of
//! samples (QUALITY P12: everything through the parser is 48 MB/s, through the filter hundreds).
//!
//! Of the labels only `le` is handed on. Figures are sums over all labels, and the parser splits label values at commas
//! and ends them at the first brace, whether quoted or not.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::{DefaultHasher, Hasher as _},
};

use prometheus_parse::{Sample, Value};

use crate::domain::metric::Scrape;

/// More lines than this of four families are a mistake of the one who labels them.
const MOST_LINES: usize = 20_000;
/// A line that is longer than this is not kept.
const LONGEST_LINE: usize = 64 << 10;

/// The names to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Families {
    prefix: String,
}

/// What may follow the prefix.
const ENDINGS: [&str; 6] = [
    "requests_total",
    "errors_total",
    "request_duration_seconds",
    "request_duration_seconds_bucket",
    "request_duration_seconds_sum",
    "request_duration_seconds_count",
];
const CONNECTIONS: &str = "db_connections_active";

impl Families {
    /// `release_manager` gives `release_manager_requests_total` and so on.
    pub fn new(prefix: &str) -> Self {
        Self {
            prefix: format!("{prefix}_"),
        }
    }

    pub fn requests(&self) -> String {
        format!("{}requests_total", self.prefix)
    }

    fn wants(&self, name: &[u8]) -> bool {
        name.strip_prefix(self.prefix.as_bytes())
            .is_some_and(|ending| {
                ending == CONNECTIONS.as_bytes() || ENDINGS.iter().any(|e| e.as_bytes() == ending)
            })
    }

    fn name(&self, ending: &str) -> String {
        format!("{}{ending}", self.prefix)
    }
}

/// Takes the answer in pieces of any size and keeps the lines of the wanted families.
#[derive(Debug)]
pub struct Filter<'a> {
    families: &'a Families,
    /// The beginning of a line whose end has not come yet.
    partial: Vec<u8>,
    /// That line is too long; it is dropped up to its end.
    dropping: bool,
    kept: Vec<String>,
    /// Of each kept series, labels and all, the value: a series stands once in an answer (the format says so), and
    /// would be counted twice here.
    seen: HashMap<u64, Box<[u8]>>,
    trouble: Option<Trouble>,
}

#[derive(Clone, Debug)]
enum Trouble {
    /// How many were dropped.
    TooMany(usize),
    /// One series with two values, by its name.
    Contradiction(String),
}

impl<'a> Filter<'a> {
    pub fn new(families: &'a Families) -> Self {
        Self {
            families,
            partial: Vec::new(),
            dropping: false,
            kept: Vec::new(),
            seen: HashMap::new(),
            trouble: None,
        }
    }

    pub fn push(&mut self, mut chunk: &[u8]) {
        while let Some(end) = memchr::memchr(b'\n', chunk) {
            let (line, rest) = chunk.split_at(end);
            chunk = rest.get(1..).unwrap_or_default();
            if std::mem::take(&mut self.dropping) {
                continue;
            }
            if self.partial.is_empty() {
                self.line(line);
            } else {
                self.partial.extend_from_slice(line);
                let line = std::mem::take(&mut self.partial);
                self.line(&line);
            }
        }
        if self.dropping {
            return;
        }
        if self.partial.len() + chunk.len() > LONGEST_LINE {
            self.partial.clear();
            self.dropping = true;
        } else {
            self.partial.extend_from_slice(chunk);
        }
    }

    /// The kept lines, as the parser takes them.
    pub fn finish(mut self) -> Result<Vec<String>, String> {
        let line = std::mem::take(&mut self.partial);
        self.line(&line);
        match self.trouble {
            // Sums of a part would be figures of nothing.
            Some(Trouble::TooMany(dropped)) => Err(format!(
                "its four families have {} series, more than {MOST_LINES}: {dropped} were dropped, and none counts",
                MOST_LINES + dropped
            )),
            Some(Trouble::Contradiction(name)) => Err(format!(
                "it serves one series of {name} twice, with different values"
            )),
            None => Ok(self.kept),
        }
    }

    fn line(&mut self, line: &[u8]) {
        // Nearly every line ends here: a look at its first bytes.
        let prefix = self.families.prefix.as_bytes();
        let line = line.trim_ascii_start();
        if !line.starts_with(prefix) && line.first() != Some(&b'#') || line.len() > LONGEST_LINE {
            return;
        }
        // What is wrong once is wrong; what is too much is counted, and not kept.
        match &mut self.trouble {
            Some(Trouble::TooMany(dropped)) => {
                let end = |byte: &u8| *byte == b'{' || byte.is_ascii_whitespace();
                let name = line.split(end).next().unwrap_or_default();
                *dropped += usize::from(self.families.wants(name));
                return;
            }
            Some(Trouble::Contradiction(_)) => return,
            None => {}
        }
        let Some(kept) = self.rewritten(line) else {
            return;
        };
        if self.kept.len() >= MOST_LINES {
            self.trouble = Some(Trouble::TooMany(1));
        } else {
            self.kept.push(kept);
        }
    }

    /// Whether this series comes for the first time.
    fn is_first(&mut self, name: &[u8], series: &[u8], value: &[u8]) -> bool {
        let mut hasher = DefaultHasher::new();
        hasher.write(series);
        match self.seen.entry(hasher.finish()) {
            Entry::Vacant(place) => {
                place.insert(value.into());
                true
            }
            Entry::Occupied(other) => {
                if **other.get() != *value {
                    let name = String::from_utf8_lossy(name).into_owned();
                    self.trouble = Some(Trouble::Contradiction(name));
                }
                false
            }
        }
    }

    /// A `# TYPE` line as it is; a sample with no label but `le`, no timestamp and no exemplar.
    fn rewritten(&mut self, line: &[u8]) -> Option<String> {
        if let Some(comment) = line.strip_prefix(b"#") {
            let rest = comment.trim_ascii_start().strip_prefix(b"TYPE")?;
            let rest = rest.trim_ascii_start();
            let name = rest.split(u8::is_ascii_whitespace).next()?;
            let wanted = self.families.wants(name);
            return wanted.then(|| String::from_utf8_lossy(line).into_owned());
        }
        let name_end = line
            .iter()
            .position(|byte| *byte == b'{' || byte.is_ascii_whitespace())?;
        let (name, rest) = line.split_at(name_end);
        if !self.families.wants(name) {
            return None;
        }
        let (bound, rest) = match rest.trim_ascii_start().strip_prefix(b"{") {
            Some(labels) => labels_of(labels)?,
            None => (None, rest),
        };
        let series = line.get(..line.len() - rest.len())?.trim_ascii_end();
        let value = rest
            .split(u8::is_ascii_whitespace)
            .find(|part| !part.is_empty())?;
        if !self.is_first(name, series, value) {
            return None;
        }
        let (name, value) = (
            std::str::from_utf8(name).ok()?,
            std::str::from_utf8(value).ok()?,
        );
        Some(match bound {
            Some(bound) => format!(
                "{name}{{le=\"{}\"}} {value}",
                std::str::from_utf8(bound).ok()?
            ),
            None => format!("{name} {value}"),
        })
    }
}

/// The value of `le`, if there is one, and what follows the closing brace. Knows quotes and escapes.
fn labels_of(labels: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let (mut bound, mut key_from, mut at) = (None, 0, 0);
    loop {
        match labels.get(at)? {
            b'}' => return Some((bound, labels.get(at + 1..)?)),
            b',' => {
                at += 1;
                key_from = at;
            }
            b'"' => {
                let key = labels.get(key_from..at)?;
                let from = at + 1;
                at = from;
                while labels.get(at)? != &b'"' {
                    at += if labels[at] == b'\\' { 2 } else { 1 };
                }
                if key
                    .trim_ascii()
                    .strip_suffix(b"=")
                    .map(<[u8]>::trim_ascii_end)
                    == Some(b"le")
                {
                    bound = labels.get(from..at);
                }
                at += 1;
            }
            _ => at += 1,
        }
    }
}

/// Kept lines → one pod's counters. A reading that is not finite or is negative makes its whole sum no reading.
pub(super) fn parse(families: &Families, lines: Vec<String>) -> Result<Scrape, String> {
    let parsed = prometheus_parse::Scrape::parse(lines.into_iter().map(Ok))
        .map_err(|_| "its metrics cannot be parsed".to_owned())?;
    let (requests, errors) = (families.name(ENDINGS[0]), families.name(ENDINGS[1]));
    let (duration, bucket) = (families.name(ENDINGS[2]), families.name(ENDINGS[3]));
    let mut scrape = Scrape::default();
    for sample in &parsed.samples {
        if sample.metric == requests {
            sum(&mut scrape.requests, number(sample));
        } else if sample.metric == errors {
            sum(&mut scrape.errors, number(sample));
        } else if sample.metric == duration {
            if let Value::Histogram(counts) = &sample.value {
                for count in counts {
                    into_bucket(&mut scrape.buckets, count.less_than, count.count);
                }
            }
        } else if sample.metric == bucket {
            // Without its `# TYPE` line a bucket comes as a plain sample.
            let bound = sample.labels.get("le").and_then(bound);
            if let (Some(bound), Some(count)) = (bound, number(sample)) {
                into_bucket(&mut scrape.buckets, bound, count);
            }
        }
    }
    scrape.buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    if scrape == Scrape::default() {
        return Err("none of the expected families is among its metrics".to_owned());
    }
    Ok(scrape)
}

fn number(sample: &Sample) -> Option<f64> {
    match sample.value {
        Value::Counter(value) | Value::Gauge(value) | Value::Untyped(value) => Some(value),
        Value::Histogram(_) | Value::Summary(_) => None,
    }
}

fn bound(text: &str) -> Option<f64> {
    text.parse().ok().filter(|bound: &f64| !bound.is_nan())
}

fn sum(into: &mut Option<f64>, value: Option<f64>) {
    let Some(value) = value else { return };
    let value = usable(value);
    *into = Some(into.unwrap_or(0.0) + value);
}

/// NaN stays NaN through any sum, and the tracker takes it for no reading.
fn usable(value: f64) -> f64 {
    if value.is_finite() && value >= 0.0 {
        value
    } else {
        f64::NAN
    }
}

fn into_bucket(buckets: &mut Vec<(f64, f64)>, bound: f64, count: f64) {
    if bound.is_nan() {
        return;
    }
    let count = usable(count);
    match buckets
        .iter_mut()
        .find(|(b, _)| b.total_cmp(&bound).is_eq())
    {
        Some((_, sum)) => *sum += count,
        None => buckets.push((bound, count)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use proptest::prelude::{
        Just, ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest,
    };

    use super::*;

    const PRACTICE: &str = r#"# HELP release_manager_requests_total Requests served.
# TYPE release_manager_requests_total counter
release_manager_requests_total{version="v1.3.0"} 1200
# HELP release_manager_errors_total Requests that failed, by type.
# TYPE release_manager_errors_total counter
release_manager_errors_total{type="timeout",version="v1.3.0"} 5
release_manager_errors_total{type="database",version="v1.3.0"} 3
# TYPE release_manager_request_duration_seconds histogram
release_manager_request_duration_seconds_bucket{version="v1.3.0",le="0.1"} 900
release_manager_request_duration_seconds_bucket{version="v1.3.0",le="0.5"} 1190
release_manager_request_duration_seconds_bucket{version="v1.3.0",le="+Inf"} 1200
release_manager_request_duration_seconds_sum{version="v1.3.0"} 80.5
release_manager_request_duration_seconds_count{version="v1.3.0"} 1200
# TYPE release_manager_db_connections_active gauge
release_manager_db_connections_active{version="v1.3.0"} 24
"#;

    fn families() -> Families {
        Families::new("release_manager")
    }

    /// A label with a value for each user is counted to its end, and none of it is taken for figures.
    #[test]
    fn series_beyond_the_cap_are_dropped_and_counted() {
        let series = |count: usize| -> String {
            let line = |user| format!("release_manager_requests_total{{user=\"{user}\"}} 1\n");
            (0..count).map(line).collect::<Vec<String>>().concat()
        };
        let families = families();
        let filtered = |text: &str| {
            let mut filter = Filter::new(&families);
            filter.push(text.as_bytes());
            filter.finish()
        };
        assert_eq!(filtered(&series(MOST_LINES)).unwrap().len(), MOST_LINES);
        let other = "another_requests_total{user=\"1\"} 1\n".repeat(7);
        let told = filtered(&format!("{}{other}", series(MOST_LINES + 321))).unwrap_err();
        for words in ["20321 series", "more than 20000", "321 were dropped"] {
            assert!(told.contains(words), "{told}");
        }
    }

    fn filtered(text: &str, piece: usize) -> Result<Vec<String>, String> {
        let families = families();
        let mut filter = Filter::new(&families);
        for chunk in text.as_bytes().chunks(piece.max(1)) {
            filter.push(chunk);
        }
        filter.finish()
    }

    fn parsed(text: &str) -> Result<Scrape, String> {
        parse(&families(), filtered(text, usize::MAX)?)
    }

    #[test]
    fn exactly_the_wanted_lines_are_kept() {
        let noise = "go_goroutines 7\n# TYPE go_goroutines gauge\nrelease_manager_requests_total_by_zone 3\n\
            release_manager_cache_hits_total 9\nxrelease_manager_requests_total 3\n\n# release_manager_requests_total free words\n";
        let mixed = format!("{noise}{PRACTICE}{noise}");
        let kept = filtered(&mixed, usize::MAX).unwrap();
        assert_eq!(kept, filtered(PRACTICE, usize::MAX).unwrap());
        assert_eq!(kept.len(), 13);
        assert_eq!(kept[1], "release_manager_requests_total 1200");
        assert_eq!(
            kept[6],
            "release_manager_request_duration_seconds_bucket{le=\"0.1\"} 900"
        );
        for piece in [1, 2, 3, 7, 64, 1000] {
            assert_eq!(
                filtered(&mixed, piece).unwrap(),
                kept,
                "in pieces of {piece}"
            );
        }
    }

    #[test]
    fn the_practice_shapes_become_sums() {
        let scrape = parsed(PRACTICE).unwrap();
        assert_eq!((scrape.requests, scrape.errors), (Some(1200.0), Some(8.0)));
        assert_eq!(
            scrape.buckets,
            [(0.1, 900.0), (0.5, 1190.0), (f64::INFINITY, 1200.0)]
        );
    }

    #[test]
    fn labels_may_hold_anything() {
        let text = "release_manager_requests_total{path=\"/a,b=\\\"c}\\\\\",le=\"x\"} 5 1700000000000\n\
            release_manager_requests_total { } 2 # {trace=\"1\"} 0.5\n\
            release_manager_requests_total{path=\"never closed} 9\n\
            release_manager_request_duration_seconds_bucket{a=\"}\", le=\"1e-1\" , b=\"le=\\\"9\\\"\"} 4\n";
        let kept = filtered(text, 5).unwrap();
        assert_eq!(kept[0], "release_manager_requests_total{le=\"x\"} 5");
        assert_eq!(
            kept[2],
            "release_manager_request_duration_seconds_bucket{le=\"1e-1\"} 4"
        );
        let scrape = parsed(text).unwrap();
        assert_eq!(
            (scrape.requests, scrape.buckets),
            (Some(7.0), vec![(0.1, 4.0)])
        );
    }

    #[test]
    fn broken_numbers_are_no_readings() {
        for broken in ["NaN", "nan", "+Inf", "-Inf", "-3"] {
            let text = format!(
                "release_manager_requests_total{{a=\"1\"}} 5\nrelease_manager_requests_total{{a=\"2\"}} {broken}\n"
            );
            assert!(
                parsed(&text).unwrap().requests.unwrap().is_nan(),
                "{broken}"
            );
        }
        assert!(parsed("release_manager_requests_total many\n").is_err());
        assert!(parsed("").is_err());
        assert!(parsed("go_goroutines 7\n").is_err());
    }

    #[test]
    fn a_series_that_stands_twice_counts_once_or_not_at_all() {
        let twice = "release_manager_requests_total{a=\"1\"} 5\nrelease_manager_requests_total{a=\"1\"} 5 17\n\
            release_manager_requests_total{a=\"2\"} 3\n";
        assert_eq!(parsed(twice).unwrap().requests, Some(8.0));
        let contradiction = twice.replace("} 5 17", "} 6");
        let told = parsed(&contradiction).unwrap_err();
        assert!(
            told.contains("one series of release_manager_requests_total twice"),
            "{told}"
        );
    }

    /// Exemplars, units, `# EOF`, and counters without their `# TYPE`.
    #[test]
    fn openmetrics_is_read() {
        let text = "# TYPE release_manager_requests counter\n# UNIT release_manager_requests requests\n\
            release_manager_requests_total{v=\"1\"} 7 1700000000.123 # {trace_id=\"a} b\"} 1.0 1700000000.1\n\
            release_manager_requests_created{v=\"1\"} 1700000000\n\
            # TYPE release_manager_request_duration_seconds histogram\n\
            release_manager_request_duration_seconds_bucket{le=\"0.1\"} 3 # {t=\"x\"} 0.05\n\
            release_manager_request_duration_seconds_bucket{le=\"+Inf\"} 7\n# EOF\n";
        let scrape = parsed(text).unwrap();
        assert_eq!(scrape.requests, Some(7.0));
        assert_eq!(scrape.buckets, [(0.1, 3.0), (f64::INFINITY, 7.0)]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// Whatever comes, in pieces of any size: no panic, and the pieces make no difference.
        #[test]
        fn no_answer_makes_the_reader_panic(text in hostile(), piece in 1_usize..40) {
            let whole = filtered(&text, usize::MAX);
            prop_assert_eq!(&filtered(&text, piece), &whole);
            if let Ok(scrape) = whole.and_then(|lines| parse(&families(), lines)) {
                prop_assert!(scrape.buckets.iter().all(|(bound, _)| !bound.is_nan()));
            }
        }
    }

    /// Pieces of the format in any order, and anything between them.
    fn hostile() -> impl Strategy<Value = String> {
        let word = prop_oneof![
            Just("release_manager_requests_total".to_owned()),
            Just("release_manager_request_duration_seconds_bucket".to_owned()),
            Just("# TYPE release_manager_request_duration_seconds histogram".to_owned()),
            Just("# TYPE release_manager_requests_total summary".to_owned()),
            Just("{le=\"0.1\"}".to_owned()),
            Just("{le=\"".to_owned()),
            Just("{a=\"\\\"}".to_owned()),
            Just("}".to_owned()),
            Just(" ".to_owned()),
            Just("\n".to_owned()),
            Just("NaN".to_owned()),
            Just("+Inf".to_owned()),
            Just("1e999".to_owned()),
            Just("-0".to_owned()),
            Just("0x1p-2".to_owned()),
            "[0-9.eE+-]{1,8}",
            "\\PC{0,6}",
            any::<String>(),
        ];
        proptest::collection::vec(word, 0..40).prop_map(|words| words.concat())
    }

    #[test]
    fn floods_are_bounded() {
        let lines = |count: usize| {
            (0..count).fold(String::new(), |text, n| {
                text + &format!("release_manager_requests_total{{a=\"{n}\"}} 5\n")
            })
        };
        let line = "release_manager_requests_total{a=\"1\"} 5\n";
        assert_eq!(
            filtered(&lines(MOST_LINES), 8192).unwrap().len(),
            MOST_LINES
        );
        assert!(filtered(&lines(MOST_LINES + 1), 8192).is_err());
        let a_million = lines(1_000) + &"other{a=\"1\"} 5\n".repeat(1_000_000);
        assert_eq!(filtered(&a_million, 8192).unwrap().len(), 1_000);
        let endless = format!(
            "release_manager_requests_total{{a=\"{}\"}} 5\n{line}",
            "x".repeat(LONGEST_LINE)
        );
        assert_eq!(filtered(&endless, 1000).unwrap().len(), 1);
    }
}
