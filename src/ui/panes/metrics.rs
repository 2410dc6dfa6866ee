//! Metrics against their limits, canary beside stable on one scale. No data has a face of its own.

use ratatui::layout::Rect;

use crate::domain::metric::Metric;
use crate::policy::gate::Verdict;
use crate::session::show::{HealthShown, MetricShown};
use crate::ui::canvas::{Canvas, Line, wrapped};
use crate::ui::layout::cut_top;
use crate::ui::marks;
use crate::ui::text;
use crate::ui::theme::Role;
use crate::ui::widgets::{Scale, Sparkline};

/// A side of a metric: its word, value, curve and roles.
struct Side<'a> {
    word: &'static str,
    value: Option<f64>,
    curve: &'a [Option<f64>],
    role: Role,
    spark: Role,
    /// The limit is about the release that is being judged.
    judged: bool,
}

fn sides(metric: &MetricShown, midway: bool) -> Vec<Side<'_>> {
    let stable = Side {
        word: if midway { "stable" } else { "serving" },
        value: metric.stable,
        curve: &metric.stable_curve,
        role: Role::Stable,
        spark: Role::SparkStable,
        judged: !midway,
    };
    if !midway {
        return vec![stable];
    }
    let canary = Side {
        word: "canary",
        value: metric.canary,
        curve: &metric.canary_curve,
        role: Role::Canary,
        spark: Role::SparkCanary,
        judged: true,
    };
    vec![canary, stable]
}

/// The verdict on a metric in its own words: a limit is kept or broken, and no data is neither.
pub fn word(metric: &MetricShown, midway: bool) -> (String, Role) {
    let mark = marks::verdict(metric.verdict);
    let judged = if midway { metric.canary } else { metric.stable };
    let known = judged.is_some();
    let words = match metric.verdict {
        Verdict::Fail => "over limit",
        Verdict::Unknown if !known => "NO DATA",
        Verdict::Unknown => "no verdict",
        _ => mark.word,
    };
    (format!("{} {words}", mark.glyph), mark.role)
}

fn title(metric: Metric) -> &'static str {
    match metric {
        Metric::ErrorRate => "Error rate",
        Metric::LatencyP99 => "p99 latency",
    }
}

fn scale(metric: &MetricShown) -> Scale {
    // A limit far above everything would flatten the curves to nothing; then it is left off the scale.
    let top = metric
        .canary_curve
        .iter()
        .chain(&metric.stable_curve)
        .flatten()
        .copied()
        .fold(0.0, f64::max);
    let limit = (metric.limit.hold <= top * 4.0).then_some(metric.limit.hold);
    Scale::joint(&[&metric.canary_curve, &metric.stable_curve], limit)
}

fn value(metric: &MetricShown, side: &Side<'_>) -> (String, Role) {
    match side.value {
        Some(value) if side.judged && value > metric.limit.hold => {
            (metric.metric.show(value), Role::GateFail)
        }
        Some(value) => (metric.metric.show(value), Role::TextStrong),
        None => ("no data".to_owned(), Role::Unknown),
    }
}

/// A card: both sides with their curves, the limit, how many requests stand behind it and how old it is.
pub fn card(canvas: &mut Canvas, area: Rect, metric: &MetricShown, midway: bool) {
    let (words, role) = word(metric, midway);
    // Old figures have no verdict, and their age says why.
    let badge = match metric.age.as_ref().filter(|_| metric.stale) {
        Some(age) => [canvas.piece(format!("! STALE {age}"), Role::Warning)],
        None => [canvas.piece(words, role)],
    };
    let inner = canvas.pane(area, title(metric.metric), &badge, false);
    if inner.is_empty() {
        return;
    }
    let sides = sides(metric, midway);
    let facts = facts_line(canvas, metric);
    // Curves take what the words below them leave.
    let foot = 1
        + u16::from(inner.height > 3)
        + if metric.verdict == Verdict::Unknown {
            2
        } else {
            0
        };
    let each =
        (inner.height.saturating_sub(foot) / u16::try_from(sides.len()).unwrap_or(1)).clamp(1, 5);
    let (scale, mut rest) = (scale(metric), inner);
    for side in &sides {
        let (place, below) = cut_top(rest, each);
        rest = below;
        let middle = each.saturating_sub(1) / 2;
        canvas.put(place, 0, middle, side.word, side.role);
        let (words, role) = value(metric, side);
        canvas.put(place, 8, middle, &text::pad_left(&words, 8), role);
        let spark = Rect {
            x: place.x + 18.min(place.width),
            width: place.width.saturating_sub(18),
            ..place
        };
        let limit = side
            .judged
            .then_some(metric.limit.hold)
            .filter(|limit| scale.high >= *limit);
        if side.curve.iter().flatten().next().is_some() {
            Sparkline {
                values: side.curve,
                scale,
                role: side.spark,
                limit,
            }
            .render(spark, canvas.buf, canvas.theme);
        } else {
            canvas.put(
                spark,
                0,
                middle,
                &"┄".repeat(usize::from(spark.width)),
                Role::Unknown,
            );
        }
    }
    let limit = limit_line(canvas, metric);
    canvas.line(rest, 0, 0, &limit);
    let (_, rest) = cut_top(rest, 1);
    if metric.verdict == Verdict::Unknown {
        // `p99 latency of canary: no verdict, none of its pods was scraped`: the card has said the rest.
        let why = metric
            .sentence
            .split_once(": no verdict, ")
            .map_or(metric.sentence.as_str(), |(_, why)| why);
        for (row, line) in (0..rest.height).zip(wrapped(why, rest.width, usize::from(rest.height)))
        {
            canvas.put(rest, 0, row, &line, Role::GateUnknown);
        }
    } else {
        canvas.line(rest, 0, 0, &facts);
    }
}

fn limit_line(canvas: &Canvas, metric: &MetricShown) -> Line {
    let mut line = vec![
        canvas.piece("limit ", Role::TextDim),
        canvas.piece(metric.metric.show(metric.limit.hold), Role::Text),
    ];
    if let Some(back) = metric.limit.roll_back {
        line.push(canvas.piece(
            format!(", roll back {}", metric.metric.show(back)),
            Role::TextDim,
        ));
    }
    line
}

fn facts_line(canvas: &Canvas, metric: &MetricShown) -> Line {
    let mut words = Vec::new();
    if let Some(requests) = metric.requests {
        words.push(format!("{requests:.0} requests"));
    }
    if let Some(age) = &metric.age {
        words.push(format!("{age} ago"));
    }
    vec![canvas.piece(words.join(" · "), Role::TextDim)]
}

/// A line for the verdict and the limit, and one for each side, for smaller screens.
pub fn brief(canvas: &Canvas, metric: &MetricShown, midway: bool, width: u16) -> Vec<Line> {
    let (words, role) = word(metric, midway);
    let limit = format!("limit {}", metric.metric.show(metric.limit.hold));
    let first = vec![
        canvas.piece(text::pad(title(metric.metric), 12), Role::Title),
        canvas.piece(text::pad(&words, 13), role),
        canvas.piece(limit, Role::TextDim),
    ];
    let (scale, mut lines) = (scale(metric), vec![first]);
    for side in &sides(metric, midway) {
        let (words, role) = value(metric, side);
        let mut line = vec![
            canvas.piece(format!("  {} ", text::pad(side.word, 7)), side.role),
            canvas.piece(format!("{}  ", text::pad_left(&words, 8)), role),
        ];
        let room = width.saturating_sub(text::pieces_width(&line));
        if side.curve.iter().flatten().next().is_some() {
            let limit = side.judged.then_some(metric.limit.hold);
            line.extend(canvas.curve(side.curve, scale, side.spark, limit, room));
        } else {
            line.push(canvas.piece("┄".repeat(usize::from(room)), Role::Unknown));
        }
        lines.push(line);
    }
    lines
}

/// One line per metric: `✖ p99 latency  canary 512 ms  stable 295 ms  limit 500 ms`.
pub fn briefest(canvas: &Canvas, metric: &MetricShown, midway: bool) -> Line {
    let (words, role) = word(metric, midway);
    let mut line = vec![
        canvas.piece(text::pad(title(metric.metric), 12), Role::Title),
        canvas.piece(format!("{words}  "), role),
    ];
    for (index, side) in sides(metric, midway).iter().enumerate() {
        let (words, role) = value(metric, side);
        line.push(canvas.piece(format!("{} ", side.word), side.role));
        line.push(canvas.piece(words, role));
        // The limit stands beside the value that is judged by it.
        if index == 0 {
            line.push(canvas.piece(
                format!(" of {}  ", metric.metric.show(metric.limit.hold)),
                Role::TextDim,
            ));
        }
    }
    line
}

/// The verdict on `/health`, and what each check said.
pub fn health(canvas: &Canvas, health: &HealthShown, width: u16) -> Vec<Line> {
    let mark = marks::verdict(health.verdict);
    let role = if health.verdict.lets_through() {
        Role::Text
    } else {
        Role::TextStrong
    };
    let mut lines: Vec<Line> = Vec::new();
    for (row, words) in wrapped(&health.sentence, width.saturating_sub(2), 2)
        .into_iter()
        .enumerate()
    {
        let glyph = if row == 0 { mark.glyph } else { " " };
        lines.push(vec![
            canvas.piece(format!("{glyph} "), mark.role),
            canvas.piece(words, role),
        ]);
    }
    lines.extend(checks(canvas, health));
    lines
}

/// The version that answered and each of its checks; none before an answer.
pub fn checks(canvas: &Canvas, health: &HealthShown) -> Option<Line> {
    let mut checks = vec![canvas.piece("  ", Role::Text)];
    if let Some(version) = &health.version {
        checks.push(canvas.piece(format!("says {version}  "), Role::TextDim));
    }
    for (name, word) in &health.checks {
        let good = ["healthy", "ok", "up", "pass", "passing"]
            .iter()
            .any(|good| word.eq_ignore_ascii_case(good));
        let (glyph, role) = if good {
            ("✔", Role::GatePass)
        } else {
            ("✖", Role::GateFail)
        };
        checks.push(canvas.piece(format!("{glyph} "), role));
        let words = if good {
            format!("{name}  ")
        } else {
            format!("{name} {word}  ")
        };
        checks.push(canvas.piece(words, if good { Role::Text } else { Role::TextStrong }));
    }
    (checks.len() > 1).then_some(checks)
}
