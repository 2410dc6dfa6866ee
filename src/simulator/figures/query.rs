//! The part of `PromQL` that an analysis of the practice cluster may use: selectors, `rate` and `increase` over a range,
//! `sum`, `avg`, `min`, `max` and `count` with `by`, `histogram_quantile`, `scalar`, `vector`, arithmetic, and `or`.

use super::tokens::{Reader, Token};
use super::{Labels, Samples};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// What a query comes to.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::simulator) enum Answer {
    Scalar(f64),
    Vector(Vec<(Labels, f64)>),
}

impl Answer {
    pub fn numbers(&self) -> Vec<f64> {
        match self {
            Self::Scalar(number) => vec![*number],
            Self::Vector(series) => series.iter().map(|(_, value)| *value).collect(),
        }
    }

    /// As a measurement keeps it: `0.97`, or `[0.97,0.95]`.
    pub fn text(&self) -> String {
        let numbers: Vec<String> = self
            .numbers()
            .iter()
            .map(|number| spelled(*number))
            .collect();
        match self {
            Self::Scalar(_) => numbers.concat(),
            Self::Vector(_) => format!("[{}]", numbers.join(",")),
        }
    }
}

fn spelled(number: f64) -> String {
    if number.is_nan() {
        "NaN".to_owned()
    } else if number.is_infinite() {
        if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        number.to_string()
    }
}

/// A selector over a range, or a value.
enum Read {
    Value(Answer),
    Range(Vec<(Labels, f64)>),
}

struct Asker<'a, S: Samples> {
    samples: &'a S,
    now: Timestamp,
    tokens: Reader,
}

pub(super) fn ask<S: Samples>(samples: &S, query: &str, now: Timestamp) -> Result<Answer, String> {
    let read = || {
        let mut asker = Asker {
            samples,
            now,
            tokens: Reader::new(query)?,
        };
        let answer = asker.either()?;
        asker.tokens.ended()?;
        Ok(answer)
    };
    read().map_err(|why: String| {
        format!("bad_data: the practice cluster cannot answer this query: {why}")
    })
}

impl<S: Samples> Asker<'_, S> {
    /// `a or b`.
    fn either(&mut self) -> Result<Answer, String> {
        let mut left = self.sum()?;
        while self.tokens.take_word("or") {
            let right = self.sum()?;
            if let (Answer::Vector(ours), Answer::Vector(theirs)) = (&mut left, right) {
                for (labels, value) in theirs {
                    if !ours.iter().any(|(found, _)| *found == labels) {
                        ours.push((labels, value));
                    }
                }
            }
        }
        Ok(left)
    }

    fn sum(&mut self) -> Result<Answer, String> {
        let mut left = self.product()?;
        loop {
            let plus = self.tokens.take("+");
            if !plus && !self.tokens.take("-") {
                return Ok(left);
            }
            let right = self.product()?;
            left = calculate(left, right, |a, b| if plus { a + b } else { a - b });
        }
    }

    fn product(&mut self) -> Result<Answer, String> {
        let mut left = self.value()?;
        loop {
            let times = self.tokens.take("*");
            if !times && !self.tokens.take("/") {
                return Ok(left);
            }
            let right = self.value()?;
            left = calculate(left, right, |a, b| if times { a * b } else { a / b });
        }
    }

    fn value(&mut self) -> Result<Answer, String> {
        match self.term()? {
            Read::Value(value) => Ok(value),
            Read::Range(_) => Err("a range needs rate() or increase()".to_owned()),
        }
    }

    fn term(&mut self) -> Result<Read, String> {
        match self.tokens.next() {
            Some(Token::Number(number)) => Ok(Read::Value(Answer::Scalar(number))),
            Some(Token::Sign("-")) => {
                let value = self.tokens_deeper(Self::value)?;
                Ok(Read::Value(calculate(
                    Answer::Scalar(-1.0),
                    value,
                    |a, b| a * b,
                )))
            }
            Some(Token::Sign("(")) => {
                let inner = self.tokens_deeper(Self::either)?;
                self.tokens.expect(")")?;
                Ok(Read::Value(inner))
            }
            Some(Token::Name(name)) => match self.tokens.peek() {
                Some(Token::Sign("(")) => self.call(&name).map(Read::Value),
                Some(Token::Name(word)) if word == "by" && is_aggregate(&name) => {
                    self.call(&name).map(Read::Value)
                }
                _ => self.selector(&name),
            },
            _ => Err("a value expected".to_owned()),
        }
    }

    fn tokens_deeper(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<Answer, String>,
    ) -> Result<Answer, String> {
        self.tokens.deeper()?;
        read(self)
    }

    fn call(&mut self, name: &str) -> Result<Answer, String> {
        let mut by = self.grouping()?;
        self.tokens.expect("(")?;
        let answer = match name {
            "rate" | "irate" | "increase" => {
                let Read::Range(series) = self.term()? else {
                    return Err(format!("{name}() wants a range such as [1m]"));
                };
                // Series of a range hold what a second brought; the range itself is the first of them.
                let (range, series) = series.split_first().ok_or("an empty range")?;
                let factor = if name == "increase" { range.1 } else { 1.0 };
                Answer::Vector(
                    series
                        .iter()
                        .map(|(labels, rate)| (labels.clone(), rate * factor))
                        .collect(),
                )
            }
            "histogram_quantile" => {
                let Answer::Scalar(quantile) = self.sum()? else {
                    return Err("histogram_quantile() wants a number first".to_owned());
                };
                self.tokens.expect(",")?;
                quantiles(quantile, self.either()?)
            }
            "scalar" => match self.either()?.numbers().as_slice() {
                [one] => Answer::Scalar(*one),
                _ => Answer::Scalar(f64::NAN),
            },
            "vector" => {
                let number = self
                    .either()?
                    .numbers()
                    .first()
                    .copied()
                    .unwrap_or(f64::NAN);
                Answer::Vector(vec![(Labels::new(), number)])
            }
            name if is_aggregate(name) => {
                let inner = self.tokens_deeper(Self::either)?;
                self.tokens.expect(")")?;
                if by.is_none() {
                    by = self.grouping()?;
                }
                return Ok(aggregate(name, inner, &by.unwrap_or_default()));
            }
            other => return Err(format!("the function {other}() is not known here")),
        };
        self.tokens.expect(")")?;
        Ok(answer)
    }

    /// `by (a, b)`.
    fn grouping(&mut self) -> Result<Option<Vec<String>>, String> {
        if !self.tokens.take_word("by") {
            return Ok(None);
        }
        self.tokens.expect("(")?;
        let mut names = Vec::new();
        while let Some(Token::Name(name)) = self.tokens.peek() {
            names.push(name.clone());
            self.tokens.next();
            if !self.tokens.take(",") {
                break;
            }
        }
        self.tokens.expect(")")?;
        Ok(Some(names))
    }

    /// `metric{label="value",other=~"a.*"}[1m]`.
    fn selector(&mut self, metric: &str) -> Result<Read, String> {
        let mut wanted: Vec<(String, &'static str, String)> = Vec::new();
        if self.tokens.take("{") {
            while let Some(Token::Name(name)) = self.tokens.peek().cloned() {
                self.tokens.next();
                let sign = ["=", "!=", "=~", "!~"]
                    .into_iter()
                    .find(|sign| self.tokens.take(sign))
                    .ok_or("a label wants =, !=, =~ or !~")?;
                let Some(Token::Text(value)) = self.tokens.next() else {
                    return Err(format!("the label {name} wants a text"));
                };
                wanted.push((name, sign, value));
                if !self.tokens.take(",") {
                    break;
                }
            }
            self.tokens.expect("}")?;
        }
        let mut patterns = Vec::new();
        for (name, sign, value) in wanted {
            let exact = if sign.ends_with('~') {
                value
            } else {
                regex::escape(&value)
            };
            let pattern =
                regex::Regex::new(&format!("^(?:{exact})$")).map_err(|error| error.to_string())?;
            patterns.push((name, sign.starts_with('!'), pattern));
        }
        let takes = |labels: &Labels| {
            patterns.iter().all(|(name, not, pattern)| {
                let found = labels.get(name).map_or("", String::as_str);
                pattern.is_match(found) != *not
            })
        };
        if !self.tokens.take("[") {
            let mut present = self.samples.series(metric, self.now);
            present.retain(|(labels, _)| takes(labels));
            return Ok(Read::Value(Answer::Vector(present)));
        }
        let Some(Token::Duration(seconds)) = self.tokens.next() else {
            return Err("a range wants a duration such as 1m".to_owned());
        };
        self.tokens.expect("]")?;
        let mut scraped: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
        for nth in 0..=SCRAPES {
            let ago = seconds * f64::from(SCRAPES - nth) / f64::from(SCRAPES);
            let at = self.now - SignedDuration::from_secs_f64(ago);
            for (labels, value) in self.samples.series(metric, at) {
                scraped.entry(labels).or_default().push((-ago, value));
            }
        }
        scraped.retain(|labels, _| takes(labels));
        let rates = scraped
            .into_iter()
            .filter_map(|(labels, points)| Some((labels, rate_of(&points)?)));
        let range = std::iter::once((Labels::new(), seconds));
        Ok(Read::Range(range.chain(rates).collect()))
    }
}

/// Scrapes within a range.
const SCRAPES: u32 = 12;

/// What a second brought, from the first scrape to the last; a counter that fell began anew. One scrape tells nothing.
fn rate_of(points: &[(f64, f64)]) -> Option<f64> {
    let (first, last) = (points.first()?, points.last()?);
    let lasted = last.0 - first.0;
    let brought: f64 = points
        .windows(2)
        .map(|pair| {
            let (before, after) = (pair[0].1, pair[1].1);
            if after < before {
                after
            } else {
                after - before
            }
        })
        .sum();
    (lasted > 0.0).then(|| brought / lasted)
}

fn is_aggregate(name: &str) -> bool {
    ["sum", "avg", "min", "max", "count"].contains(&name)
}

fn aggregate(name: &str, inner: Answer, by: &[String]) -> Answer {
    let Answer::Vector(series) = inner else {
        return inner;
    };
    let mut groups: BTreeMap<Labels, Vec<f64>> = BTreeMap::new();
    for (mut labels, value) in series {
        labels.retain(|key, _| by.contains(key));
        groups.entry(labels).or_default().push(value);
    }
    let answer = groups.into_iter().map(|(labels, values)| {
        let sum: f64 = values.iter().sum();
        let value = match name {
            "avg" => sum / values.len() as f64,
            "min" => values.iter().copied().fold(f64::INFINITY, f64::min),
            "max" => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            "count" => values.len() as f64,
            _ => sum,
        };
        (labels, value)
    });
    Answer::Vector(answer.collect())
}

fn calculate(left: Answer, right: Answer, how: impl Fn(f64, f64) -> f64) -> Answer {
    match (left, right) {
        (Answer::Scalar(a), Answer::Scalar(b)) => Answer::Scalar(how(a, b)),
        (Answer::Scalar(a), Answer::Vector(series)) => Answer::Vector(
            series
                .into_iter()
                .map(|(labels, b)| (labels, how(a, b)))
                .collect(),
        ),
        (Answer::Vector(series), Answer::Scalar(b)) => Answer::Vector(
            series
                .into_iter()
                .map(|(labels, a)| (labels, how(a, b)))
                .collect(),
        ),
        (Answer::Vector(ours), Answer::Vector(theirs)) => Answer::Vector(
            ours.into_iter()
                .filter_map(|(labels, a)| {
                    let (_, b) = theirs.iter().find(|(found, _)| *found == labels)?;
                    Some((labels, how(a, *b)))
                })
                .collect(),
        ),
    }
}

/// Quantiles by interpolation within a bucket, as Prometheus does it.
fn quantiles(quantile: f64, inner: Answer) -> Answer {
    let Answer::Vector(series) = inner else {
        return Answer::Scalar(f64::NAN);
    };
    let mut groups: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
    for (mut labels, count) in series {
        let bound = match labels.remove("le").as_deref() {
            Some("+Inf") => f64::INFINITY,
            Some(bound) => bound.parse().unwrap_or(f64::INFINITY),
            None => continue,
        };
        groups.entry(labels).or_default().push((bound, count));
    }
    let answer = groups.into_iter().map(|(labels, mut buckets)| {
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        (labels, within(quantile, &buckets))
    });
    Answer::Vector(answer.collect())
}

fn within(quantile: f64, buckets: &[(f64, f64)]) -> f64 {
    let total = buckets.last().map_or(0.0, |last| last.1);
    if total <= 0.0 {
        return f64::NAN;
    }
    let rank = quantile * total;
    let mut below = (0.0, 0.0);
    for (bound, count) in buckets {
        if *count >= rank {
            if bound.is_infinite() {
                return below.0;
            }
            let inside = count - below.1;
            let share = if inside > 0.0 {
                (rank - below.1) / inside
            } else {
                0.0
            };
            return below.0 + (bound - below.0) * share;
        }
        below = (*bound, *count);
    }
    below.0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Two pods: `a` serves 10 requests a second, one in ten fails; `b` serves 30.
    struct Two;

    impl Samples for Two {
        fn series(&self, metric: &str, at: Timestamp) -> Vec<(Labels, f64)> {
            let seconds = at.as_second() as f64;
            let labels = |pairs: &[(&str, &str)]| {
                let pairs = pairs.iter();
                pairs
                    .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                    .collect()
            };
            match metric {
                "requests" => vec![
                    (labels(&[("pod", "a")]), 10.0 * seconds),
                    (labels(&[("pod", "b")]), 30.0 * seconds),
                ],
                "errors" => vec![(labels(&[("pod", "a")]), seconds)],
                "bucket" => vec![
                    (labels(&[("le", "0.1")]), 90.0 * seconds),
                    (labels(&[("le", "0.5")]), 98.0 * seconds),
                    (labels(&[("le", "1")]), 100.0 * seconds),
                    (labels(&[("le", "+Inf")]), 100.0 * seconds),
                ],
                _ => Vec::new(),
            }
        }
    }

    #[test]
    fn queries() {
        let now = Timestamp::from_second(1000).unwrap();
        for (query, expect) in [
            ("sum(rate(requests[1m]))", "[40]"),
            (
                "sum(rate(errors[1m])) / sum(rate(requests{pod=\"a\"}[1m]))",
                "[0.1]",
            ),
            ("sum by (pod) (increase(requests[10s]))", "[100,300]"),
            (
                "sum(increase(requests{pod=~\"a|c\"}[10s])) by (pod)",
                "[100]",
            ),
            (
                "histogram_quantile(0.99, sum(rate(bucket[1m])) by (le))",
                "[0.75]",
            ),
            ("sum(rate(missing[1m])) or vector(0)", "[0]"),
            ("sum(rate(missing[1m]))", "[]"),
            ("scalar(sum(rate(requests{pod!=\"b\"}[1m]))) * 2 - 1", "19"),
        ] {
            assert_eq!(ask(&Two, query, now).unwrap().text(), expect, "{query}");
        }
        for query in [
            "",
            "rate(requests)",
            "requests[1m]",
            "predict_linear(requests[1m])",
            "sum(",
            "a{b=~\"(\"}",
        ] {
            assert!(ask(&Two, query, now).is_err(), "{query}");
        }
        assert!(ask(&Two, &"(".repeat(10_000), now).is_err());
    }
}
