//! A figure out of what a command prints, held against a bound: coverage, vulnerabilities, a benchmark beside the former
//! release's.

use regex::Regex;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::{
    domain::{
        evidence::RunEnd,
        plan::{Find, NumberProbe},
        text::Clean,
    },
    ports::run::{Listen, Order, Report},
};

pub(super) async fn run(
    probe: &NumberProbe,
    order: &Order,
    listen: Listen,
    cancel: CancellationToken,
) -> Report {
    let mut former = None;
    if probe.bound.asks_former() {
        let Some(before) = order.before.as_ref().filter(|it| !it.is_only_a_revision()) else {
            return super::command::not_started(
                "no release was live before that gonogo knows, so there is nothing to compare with",
            );
        };
        let earlier = Order {
            release: before.clone(),
            ..order.clone()
        };
        let (report, output) =
            super::commanded(&probe.command, &earlier, listen.clone(), cancel.clone()).await;
        if !report.ok {
            return failed(report, &format!("the former release {}: ", before.title()));
        }
        former = match figure(&probe.find, &output) {
            Ok(figure) => Some(figure),
            Err(why) => {
                let why = format!("the former release {}: {why}", before.title());
                return said(report, false, &why);
            }
        };
    }
    let (report, output) = super::commanded(&probe.command, order, listen, cancel).await;
    if !report.ok {
        return report;
    }
    match figure(&probe.find, &output) {
        Ok(found) => {
            let (ok, sentence) = probe.bound.holds(found, former);
            said(report, ok, &sentence)
        }
        Err(why) => said(report, false, &why),
    }
}

fn said(report: Report, ok: bool, sentence: &str) -> Report {
    Report {
        ok,
        said: Clean::new(sentence),
        ..report
    }
}

fn failed(report: Report, of: &str) -> Report {
    let why = if report.said.is_empty() {
        match &report.end {
            RunEnd::NotStarted { why } => why.to_string(),
            _ => "it failed".to_owned(),
        }
    } else {
        report.said.to_string()
    };
    said(report, false, &format!("{of}{why}"))
}

/// The figure in a program's standard output; of a pattern the last line that matches counts, and of it the first group.
fn figure(find: &Find, output: &[u8]) -> Result<f64, String> {
    let text = String::from_utf8_lossy(output);
    let number = |text: &str| {
        let plain = text.trim().trim_end_matches('%').trim_end();
        let number: Option<f64> = plain.parse().ok();
        number
            .filter(|number| number.is_finite())
            .ok_or_else(|| format!("`{}` is no figure", Clean::new(plain)))
    };
    match find {
        Find::Pattern(pattern) => {
            let regex = Regex::new(pattern)
                .map_err(|error| format!("`pattern` is no regular expression: {error}"))?;
            let lines = text.lines().rev();
            let mut found = lines.filter_map(|line| {
                let groups = regex.captures(line)?;
                groups
                    .get(1)
                    .or_else(|| groups.get(0))
                    .map(|it| it.as_str())
            });
            let found = found.next();
            number(found.ok_or_else(|| format!("no line of its output matches `{pattern}`"))?)
        }
        Find::Pointer(pointer) => {
            let json: Value = serde_json::from_str(&text).map_err(|error| {
                format!(
                    "its output is no JSON: line {}, column {}",
                    error.line(),
                    error.column()
                )
            })?;
            match json.pointer(pointer) {
                Some(Value::Number(found)) => number(&found.to_string()),
                Some(Value::String(found)) => number(found),
                Some(_) => Err(format!("what is at {pointer} is no figure")),
                None => Err(format!("its output has nothing at {pointer}")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_found_by_line_or_by_pointer_and_nothing_else_is_one() {
        let pattern = |pattern: &str, output: &str| {
            figure(&Find::Pattern(pattern.to_owned()), output.as_bytes())
        };
        let lines = "src/a 10 %\nTOTAL  83.2 %\nTOTAL  84%\nbye";
        assert_eq!(pattern(r"^TOTAL\s+(\S+)", lines), Ok(84.0));
        assert_eq!(pattern(r"\d+", "a 1\nb 2"), Ok(2.0));
        assert!(pattern("^NEVER", lines).is_err());
        assert!(pattern("^TOTAL (.*)$", "TOTAL none").is_err());
        assert!(
            pattern("^x (.*)$", "x NaN").is_err(),
            "not a number passes nothing"
        );
        let pointer = |pointer: &str, output: &str| {
            figure(&Find::Pointer(pointer.to_owned()), output.as_bytes())
        };
        let json = r#"{"metadata": {"vulnerabilities": {"critical": 0, "high": "3"}}}"#;
        assert_eq!(pointer("/metadata/vulnerabilities/critical", json), Ok(0.0));
        assert_eq!(pointer("/metadata/vulnerabilities/high", json), Ok(3.0));
        assert!(pointer("/metadata", json).is_err());
        assert!(pointer("/other", json).is_err());
        assert!(pointer("/a", "no JSON").is_err());
    }
}
