//! When an environment is open (SPEC E4): now, next, and by which rules. The screen's `v` and `gonogo window` say the same
//! from here. It stops nothing by itself; the gate does.

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    domain::{
        calendar::{Calendar, Opening},
        time,
    },
    policy::{facts::Facts, gates::calendar},
};

/// A calendar at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hours {
    pub environment: String,
    pub zone: String,
    /// None where the zone is not known here.
    pub open: Option<bool>,
    pub sentence: String,
    /// When it opens next, if it is closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opens: Option<Timestamp>,
    /// When it closes next, if it is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closes: Option<Timestamp>,
    pub windows: Vec<String>,
    pub freezes: Vec<String>,
    pub days_off: Vec<String>,
}

/// By the policy that is in force.
pub fn hours(facts: &Facts<'_>) -> Hours {
    let rules = &facts.environment.policy.calendar;
    let environment = facts.environment.name.to_string();
    let (open, sentence, opens, closes) = at(rules, &environment, facts.now);
    let windows = rules.windows.iter().map(|window| {
        let days: Vec<&str> = window.days.iter().map(|day| day.word()).collect();
        format!(
            "{} from {} for {}",
            days.join(", "),
            window.from.strftime("%H:%M"),
            time::exact(window.lasts)
        )
    });
    let freezes = rules.freezes.iter().map(|freeze| {
        format!(
            "{} until {}: {}",
            freeze.from.strftime("%Y-%m-%d %H:%M"),
            freeze.until.strftime("%Y-%m-%d %H:%M"),
            freeze.reason
        )
    });
    Hours {
        zone: rules.zone.name().to_owned(),
        open,
        sentence,
        opens,
        closes,
        windows: windows.collect(),
        freezes: freezes.collect(),
        days_off: rules
            .no_deploys_on
            .iter()
            .map(|day| day.plural().to_owned())
            .collect(),
        environment,
    }
}

type At = (Option<bool>, String, Option<Timestamp>, Option<Timestamp>);

fn at(rules: &Calendar, environment: &str, now: Timestamp) -> At {
    let local = |at: Timestamp| {
        let wait = time::age(at.duration_since(now));
        format!("{}, in {wait}", rules.local(at, now))
    };
    match rules.at(now) {
        None => {
            let zone = rules.zone.name();
            let sentence =
                format!("{environment} is in {zone}, a time zone this gonogo does not know");
            (None, sentence, None, None)
        }
        Some(Opening::Closed { by, opens }) => {
            let next = opens.map_or_else(
                || "no opening in the years to come".to_owned(),
                |at| format!("opens {}", local(at)),
            );
            let sentence = format!("{environment} is closed ({}); {next}", calendar::words(by));
            (Some(false), sentence, opens, None)
        }
        Some(Opening::Open { closes: None }) => {
            let sentence = format!("{environment} is open, and no rule closes it");
            (Some(true), sentence, None, None)
        }
        Some(Opening::Open {
            closes: Some((at, by)),
        }) => {
            let sentence = format!(
                "{environment} is open until {} ({})",
                local(at),
                calendar::words(by)
            );
            (Some(true), sentence, None, Some(at))
        }
    }
}

impl Hours {
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.sentence.clone()];
        let mut told = |title: &str, rules: &[String]| {
            for (nth, rule) in rules.iter().enumerate() {
                let title = if nth == 0 { title } else { "" };
                lines.push(format!("{title:<8}  {rule}"));
            }
        };
        told("windows", &self.windows);
        told("freezes", &self.freezes);
        told("days off", &self.days_off);
        if self.windows.is_empty() && self.freezes.is_empty() && self.days_off.is_empty() {
            lines.push("its policy has no windows, freezes or days off".to_owned());
        } else {
            lines.push(format!("all by the clock of {}", self.zone));
        }
        lines.push("A hold, an abort and a rollback wait for no window.".to_owned());
        lines
    }
}
