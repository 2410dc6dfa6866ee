//! The SQL that a preview printed, line by line, with what in it may lose data.

use crate::domain::{
    difference::{DifferenceLine, LineTone},
    migration, sql,
};

/// `kept` is what is kept of the run.
pub fn lines(kept: &str) -> Vec<DifferenceLine> {
    let text = migration::printed(kept);
    let losses = sql::losses(&text);
    let mut lines: Vec<DifferenceLine> = losses
        .iter()
        .map(|loss| {
            let what = format!(
                "MAY LOSE DATA: line {} {}: {}",
                loss.line, loss.why, loss.statement
            );
            DifferenceLine::new(LineTone::Breaking, what)
        })
        .collect();
    if losses.is_empty() {
        let what = "nothing in it is known to lose data; that is what words say, not what it does";
        lines.push(DifferenceLine::new(LineTone::Plain, what.to_owned()));
    }
    lines.extend(text.lines().enumerate().map(|(at, line)| {
        let tone = if losses.iter().any(|loss| loss.line == at + 1) {
            LineTone::Breaking
        } else {
            LineTone::Plain
        };
        DifferenceLine::new(tone, format!("{:>4}  {line}", at + 1))
    }));
    lines
}
