//! The confirmation of an act without a screen: by flags, or asked on the terminal.

use std::io::{BufRead as _, IsTerminal as _};

use crate::{
    domain::change::Act,
    policy::{
        confirm::{Challenge, Confirmed, Flags, Friction, Reply},
        refusal::{Refusal, RefusalKind},
    },
    runtime::terminal,
};

use crate::cli::headless::{Headless, Stop};

impl Headless {
    /// By flags, or asked on the terminal.
    pub(super) async fn confirm(&self, mut challenge: Challenge) -> Result<Confirmed<Act>, Stop> {
        if challenge.act.unrecorded
            && let Some(line) = challenge.act.afterwards.last()
        {
            self.output.say(&format!("gonogo: {line}"));
        }
        let by_flags = challenge.by_flags(Flags {
            yes: self.common.yes,
            confirm: self.common.confirm.as_deref(),
            take_over: self.common.take_over,
        });
        let asked = std::io::stdin().is_terminal() && !self.common.yes && !self.common.json;
        let refusal = match by_flags {
            Ok(confirmed) => return Ok(confirmed),
            Err(refusal) if !asked => return Err(refusal.into()),
            Err(refusal) => refusal,
        };
        let act = &challenge.act;
        self.output
            .say(&format!("{} {}", act.kind.verb(), act.target));
        for line in act
            .changes
            .iter()
            .map(crate::domain::change::Change::line)
            .chain(act.afterwards.iter().map(|line| format!("→ {line}")))
        {
            self.output.say(&format!("  {line}"));
        }
        self.output.say(&match &challenge.friction {
            Friction::Type(expected) => format!("type {expected} to confirm:"),
            _ => "press enter to confirm, ctrl-c to leave it:".to_owned(),
        });
        let _ = tokio::task::spawn_blocking(terminal::forget_typed_ahead).await;
        challenge.painted_at = Some(self.outside.now());
        // Read aside, so that ctrl-c is heard meanwhile.
        let line = tokio::task::spawn_blocking(|| {
            let mut typed = String::new();
            let read = std::io::stdin().lock().read_line(&mut typed);
            read.map(|_| typed).unwrap_or_default()
        });
        let typed = line.await.unwrap_or_default();
        if typed.is_empty() {
            return Err(refusal.into());
        }
        // The question was on the terminal, and what was typed before it is forgotten: this line came after.
        match challenge.answer(&typed, jiff::Timestamp::MAX) {
            Reply::Confirmed(confirmed) => Ok(*confirmed),
            Reply::Mismatch | Reply::TooEarly => Err(Refusal::new(
                RefusalKind::Usage,
                "confirm",
                "that is not what was asked for; nothing was done",
            )
            .into()),
        }
    }
}
