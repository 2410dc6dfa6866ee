//! What a figure has to be: `>= 80`, `<= 0`, or so close to the former release's: `<= former + 10 %`.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Than {
    AtLeast,
    AtMost,
    Above,
    Below,
    Equal,
}

const SIGNS: [(&str, Than); 5] = [
    (">=", Than::AtLeast),
    ("<=", Than::AtMost),
    ("==", Than::Equal),
    (">", Than::Above),
    ("<", Than::Below),
];

/// As it was typed, and a bound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bound(String);

#[derive(Clone, Copy)]
enum Measure {
    Figure(f64),
    /// The former figure, and so much of it more or less.
    Former(f64),
}

impl Bound {
    /// None: it is none.
    pub fn parse(text: &str) -> Option<Self> {
        read(text).map(|_| Self(text.trim().to_owned()))
    }

    /// It compares with what the former release has.
    pub fn asks_former(&self) -> bool {
        matches!(read(&self.0), Some((_, Measure::Former(_))))
    }

    /// Whether `found` is within it, and the sentence that says so with all figures. `former` counts only where it is
    /// compared with; without it nothing is within.
    pub fn holds(&self, found: f64, former: Option<f64>) -> (bool, String) {
        let Some((than, measure)) = read(&self.0) else {
            return (false, format!("`{}` is no bound", self.0));
        };
        let (limit, beside) = match (measure, former) {
            (Measure::Figure(figure), _) => (figure, String::new()),
            (Measure::Former(share), Some(former)) => (
                former + former.abs() * share,
                format!(" (the former release has {former})"),
            ),
            (Measure::Former(_), None) => {
                let said = "there is no figure of a former release to compare with";
                return (false, said.to_owned());
            }
        };
        let ok = match than {
            Than::AtLeast => found >= limit,
            Than::AtMost => found <= limit,
            Than::Above => found > limit,
            Than::Below => found < limit,
            Than::Equal => (found - limit).abs() < f64::EPSILON,
        };
        let word = if ok { "is" } else { "is not" };
        (ok, format!("{found} {word} {}{beside}", self.0))
    }
}

impl std::fmt::Display for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

fn read(text: &str) -> Option<(Than, Measure)> {
    let text = text.trim();
    let (rest, than) = SIGNS
        .iter()
        .find_map(|(sign, than)| Some((text.strip_prefix(sign)?.trim(), *than)))?;
    let number = |text: &str| {
        let number: f64 = text.trim().parse().ok()?;
        number.is_finite().then_some(number)
    };
    let Some(share) = rest.strip_prefix("former") else {
        return Some((than, Measure::Figure(number(rest)?)));
    };
    let share = share.trim();
    if share.is_empty() {
        return Some((than, Measure::Former(0.0)));
    }
    let (sign, share) = match share.strip_prefix('+') {
        Some(share) => (1.0, share),
        None => (-1.0, share.strip_prefix('-')?),
    };
    let share = number(share.trim().strip_suffix('%')?)?;
    (share >= 0.0).then_some((than, Measure::Former(sign * share / 100.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_held_against_a_bound_or_the_former_release() {
        let holds = |bound: &str, found: f64, former: Option<f64>| {
            Bound::parse(bound).expect("a bound").holds(found, former)
        };
        assert_eq!(
            holds(">= 80", 83.2, None),
            (true, "83.2 is >= 80".to_owned())
        );
        assert_eq!(holds("<=0", 1.0, None), (false, "1 is not <=0".to_owned()));
        assert!(holds("== 3", 3.0, None).0 && !holds("> 3", 3.0, None).0);
        let slower = holds("<= former + 10 %", 112.0, Some(100.0));
        let said = "112 is not <= former + 10 % (the former release has 100)";
        assert_eq!(slower, (false, said.to_owned()));
        assert!(holds("<= former + 10 %", 109.0, Some(100.0)).0);
        assert!(holds(">= former - 5%", 95.0, Some(100.0)).0);
        assert!(
            !holds("<= former", 1.0, None).0,
            "nothing to compare with is no pass"
        );
        for bad in [
            "80",
            ">= ",
            ">= NaN",
            "<= inf",
            "<= former * 2",
            "<= former + x %",
        ] {
            assert_eq!(Bound::parse(bad), None, "{bad}");
        }
    }
}
