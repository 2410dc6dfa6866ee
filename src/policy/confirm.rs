//! Nothing irreversible without an act that a person saw and confirmed. `Confirmed<Act>` has three makers, all here: the
//! dialog's answer, `--yes` with what the dialog would have had typed (SPEC §2.5, §6), and the guard, which gets a hold
//! confirmed and nothing else: a hold asks no person either.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::domain::{
    change::{Act, ActKind},
    entry::Means,
    environment::Environment,
    release::Digest,
};

use super::refusal::{Refusal, RefusalKind};

/// Keys from before the dialog was painted, and for this long after, do not answer it.
pub const DEAF_FOR: SignedDuration = SignedDuration::from_millis(250);

/// What the person has to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "friction", content = "text")]
pub enum Friction {
    None,
    Enter,
    /// Type exactly this, then enter.
    Type(String),
}

impl Friction {
    /// Break-glass: the release number, everywhere. In protected environments: hold none; abort and promote `enter`; rollback the environment's name; fly
    /// and full promotion the release number. In open ones `enter`.
    pub fn of(act: &Act, environment: &Environment) -> Self {
        match act.kind {
            _ if !act.broken.is_empty() => Self::Type(act.release.number.to_string()),
            // Also a hold is asked for when nobody will be able to read of it yet.
            ActKind::Hold if !act.unrecorded => Self::None,
            ActKind::RollBack if environment.protected => Self::Type(environment.name.to_string()),
            ActKind::Fly | ActKind::PromoteFully if environment.protected => {
                Self::Type(act.release.number.to_string())
            }
            _ => Self::Enter,
        }
    }
}

/// An act that was seen and confirmed. Only this can be executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmed<T> {
    act: T,
    means: Means,
}

impl<T> Confirmed<T> {
    pub fn act(&self) -> &T {
        &self.act
    }

    pub fn means(&self) -> Means {
        self.means
    }
}

/// The question a dialog asks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Challenge {
    pub act: Act,
    pub fingerprint: Digest,
    pub friction: Friction,
    /// When it was first on the screen; before that nothing answers it.
    pub painted_at: Option<Timestamp>,
}

/// What a command line says in place of a dialog's answer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flags<'a> {
    /// `--yes`
    pub yes: bool,
    /// `--confirm`, with what the dialog would have had typed.
    pub confirm: Option<&'a str>,
    /// `--take-over`: the controls too, of somebody absent.
    pub take_over: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    Confirmed(Box<Confirmed<Act>>),
    /// What was typed is not what was asked for.
    Mismatch,
    /// The answer came before the question could be read.
    TooEarly,
}

impl Challenge {
    pub fn new(act: Act, environment: &Environment) -> Self {
        let (fingerprint, friction) = (act.fingerprint(), Friction::of(&act, environment));
        Self {
            act,
            fingerprint,
            friction,
            painted_at: None,
        }
    }

    /// The dialog's answer.
    pub fn answer(&self, typed: &str, now: Timestamp) -> Reply {
        if self.friction != Friction::None
            && self
                .painted_at
                .is_none_or(|painted| now.duration_since(painted) < DEAF_FOR)
        {
            return Reply::TooEarly;
        }
        match &self.friction {
            Friction::Type(expected) if typed.trim() != expected => Reply::Mismatch,
            _ => Reply::Confirmed(Box::new(Confirmed {
                act: self.act.clone(),
                means: Means::Dialog,
            })),
        }
    }

    /// Of a hold that the guard asked for.
    pub fn by_guard(&self) -> Option<Confirmed<Act>> {
        let hold = self.act.kind == ActKind::Hold && self.act.guard.is_some();
        hold.then(|| Confirmed {
            act: self.act.clone(),
            means: Means::Guard,
        })
    }

    /// `--yes`, and `--confirm` with what the dialog would have had typed. Where the controls of somebody absent come with
    /// it, that is said as well; hold, abort and rollback take them without.
    pub fn by_flags(&self, flags: Flags<'_>) -> Result<Confirmed<Act>, Refusal> {
        let Flags {
            yes,
            confirm,
            take_over,
        } = flags;
        let from = self.act.controls.as_ref().and_then(|c| c.from.as_ref());
        if let Some(from) = from.filter(|_| !take_over && !self.act.kind.is_escape()) {
            let verb = self.act.kind.verb();
            let sentence = format!("cannot {verb}: the controls are with {from}, who is absent");
            return Err(Refusal::raced("controls.absent", sentence)
                .hint("--take-over takes them over in the same confirmation"));
        }
        let confirmed = || Confirmed {
            act: self.act.clone(),
            means: Means::Flags,
        };
        let usage = |sentence: String| Refusal::new(RefusalKind::Usage, "confirm", sentence);
        match &self.friction {
            Friction::None => Ok(confirmed()),
            Friction::Enter if yes => Ok(confirmed()),
            Friction::Type(expected) if yes && confirm == Some(expected) => Ok(confirmed()),
            Friction::Type(expected) if yes => Err(usage(format!(
                "{} in {} wants --confirm {expected} as well",
                self.act.kind.verb(),
                self.act.target.environment
            ))),
            _ => Err(
                usage(format!("{} needs a confirmation", self.act.kind.verb()))
                    .hint("run it on a terminal, or pass --yes"),
            ),
        }
    }
}
