//! The clock of a hotfix: 002's legs, how long each may take, and what is late.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Hotfix, time};

/// The legs of 002's expedited path, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leg {
    Identify,
    Fix,
    Test,
    Deploy,
    Monitor,
}

impl Leg {
    pub const ALL: [Self; 5] = [
        Self::Identify,
        Self::Fix,
        Self::Test,
        Self::Deploy,
        Self::Monitor,
    ];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Identify => "identify",
            Self::Fix => "fix",
            Self::Test => "test",
            Self::Deploy => "deploy",
            Self::Monitor => "monitor",
        }
    }

    /// 002: 5, 30, 15, 10 and 30 minutes.
    pub const fn budget(self) -> SignedDuration {
        SignedDuration::from_mins(match self {
            Self::Identify => 5,
            Self::Fix | Self::Monitor => 30,
            Self::Test => 15,
            Self::Deploy => 10,
        })
    }

    pub fn next(self) -> Option<Self> {
        Self::ALL.into_iter().find(|leg| *leg > self)
    }
}

impl std::fmt::Display for Leg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

/// How long each leg may take here: 002's minutes, divided in a rehearsal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budgets([SignedDuration; 5]);

impl Budgets {
    pub fn new(of: impl FnMut(Leg) -> SignedDuration) -> Self {
        Self(Leg::ALL.map(of))
    }

    pub fn of(&self, leg: Leg) -> SignedDuration {
        let place = Leg::ALL.iter().position(|other| *other == leg);
        place.map_or(leg.budget(), |place| self.0[place])
    }
}

impl Default for Budgets {
    fn default() -> Self {
        Self::new(Leg::budget)
    }
}

/// One leg, as the clock shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LegShown {
    pub leg: Leg,
    pub began: Option<Timestamp>,
    pub took: SignedDuration,
    /// How long it may take here.
    pub budget: SignedDuration,
    pub under_way: bool,
    pub late: bool,
}

impl Hotfix {
    pub fn leg(&self) -> Leg {
        self.legs
            .last_key_value()
            .map_or(Leg::Identify, |(leg, _)| *leg)
    }

    /// When the last leg ended: the deployment was closed.
    fn stopped(&self) -> Option<Timestamp> {
        let closed = self.closed.as_ref().map(|signed| signed.at);
        closed.or_else(|| Some(self.landed()?.ended?.0))
    }

    /// The clock, leg by leg.
    pub fn clock(&self, budgets: &Budgets, now: Timestamp) -> Vec<LegShown> {
        let shown = |leg: Leg| {
            let began = self.legs.get(&leg).copied();
            let after = self
                .legs
                .iter()
                .filter(|(other, _)| **other > leg)
                .map(|(_, at)| *at)
                .min();
            let ended = after.or_else(|| self.stopped());
            let took = began.map_or(SignedDuration::ZERO, |began| {
                ended
                    .unwrap_or(now)
                    .duration_since(began)
                    .max(SignedDuration::ZERO)
            });
            LegShown {
                leg,
                began,
                took,
                under_way: began.is_some() && ended.is_none(),
                budget: budgets.of(leg),
                late: took > budgets.of(leg),
            }
        };
        Leg::ALL.into_iter().map(shown).collect()
    }

    /// `HOTFIX session-leak: fix 12:03 of 30:00`, or what is owed once it has landed and its clock stands.
    pub fn banner(&self, budgets: &Budgets, now: Timestamp) -> String {
        let clock = self.clock(budgets, now);
        match clock.iter().find(|leg| leg.under_way) {
            Some(leg) => {
                let late = if leg.late { " LATE" } else { "" };
                format!(
                    "HOTFIX {}: {} {} of {}{late}",
                    self.name,
                    leg.leg,
                    time::clock(leg.took),
                    time::clock(leg.budget)
                )
            }
            None => format!("HOTFIX {}: {} open", self.name, self.open_items().len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budgets_are_those_of_002() {
        let minutes = Leg::ALL.map(|leg| leg.budget().as_mins());
        assert_eq!(minutes, [5, 30, 15, 10, 30]);
        let halved = Budgets::new(|leg| leg.budget() / 2);
        assert_eq!(halved.of(Leg::Test), SignedDuration::from_secs(450));
        assert_eq!(Budgets::default().of(Leg::Deploy), Leg::Deploy.budget());
    }
}
