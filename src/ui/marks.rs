//! Glyph, word and role of everything that can be good or bad, in one place: never colour alone.

use super::theme::Role;
use crate::domain::deployment::{FlightState, ItemStatus};
use crate::policy::gate::{GateResult, Judgement, Verdict};
use crate::session::cockpit::Severity;
use crate::session::show::Condition;
use crate::session::{Mover, Waiting};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub glyph: &'static str,
    pub word: &'static str,
    pub role: Role,
}

const fn mark(glyph: &'static str, word: &'static str, role: Role) -> Mark {
    Mark { glyph, word, role }
}

pub(super) fn condition(condition: Condition) -> Mark {
    match condition {
        Condition::Healthy => mark("●", "healthy", Role::Healthy),
        Condition::Progressing => mark("◐", "progressing", Role::Progressing),
        Condition::Paused => mark("‖", "paused", Role::Paused),
        Condition::Degraded => mark("✖", "degraded", Role::Degraded),
        Condition::Unknown => mark("?", "unknown", Role::Unknown),
    }
}

pub(super) fn verdict(verdict: Verdict) -> Mark {
    match verdict {
        Verdict::Pass => mark("✔", "pass", Role::GatePass),
        Verdict::Fail => mark("✖", "fail", Role::GateFail),
        Verdict::Unknown => mark("?", "unknown", Role::GateUnknown),
        Verdict::Waived => mark("≈", "waived", Role::GateWaived),
    }
}

pub(super) fn item(status: ItemStatus) -> Mark {
    match status {
        ItemStatus::Open => mark("○", "open", Role::Text),
        ItemStatus::Running => mark("◐", "running", Role::Progressing),
        ItemStatus::Done => mark("✔", "done", Role::GatePass),
        ItemStatus::Failed => mark("✖", "failed", Role::GateFail),
        ItemStatus::Unknown => mark("?", "unknown", Role::GateUnknown),
        ItemStatus::Waived => mark("≈", "waived", Role::GateWaived),
    }
}

pub(super) fn severity(severity: Severity) -> Mark {
    match severity {
        Severity::Info => mark("·", "", Role::Text),
        Severity::Warning => mark("!", "", Role::Warning),
        Severity::Error => mark("✖", "", Role::Danger),
    }
}

pub(super) fn mover(mover: Mover) -> Mark {
    match mover {
        Mover::You => mark("▶", "YOU", Role::Warning),
        Mover::Gonogo => mark("◐", "gonogo", Role::Progressing),
        Mover::Controller => mark("◐", "the controller", Role::Progressing),
    }
}

/// Whose move it is: of somebody else who flies by their name, and no warning to whoever looks on.
pub(super) fn moves(waiting: &Waiting) -> (&'static str, String, Role) {
    let mark = mover(waiting.mover);
    match &waiting.by {
        Some(by) => (mark.glyph, by.clone(), Role::Progressing),
        None => (mark.glyph, mark.word.to_owned(), mark.role),
    }
}

pub(super) fn flight(state: FlightState) -> Mark {
    match state {
        FlightState::Requested => mark("○", "requested", Role::TextStrong),
        FlightState::Flying => mark("▶", "flying", Role::TrackCurrent),
        FlightState::Aborted => mark("✖", "aborted", Role::Degraded),
        FlightState::RollingBack => mark("◀", "rolling back", Role::Warning),
        FlightState::Verifying => mark("▶", "verifying", Role::TrackCurrent),
        FlightState::Monitoring => mark("▶", "monitoring", Role::TrackCurrent),
    }
}

/// A gate that only wants time is not an alarm.
pub(super) fn gate(gate: &GateResult) -> Mark {
    if gate.only_wants_time() {
        return mark("◐", "wait", Role::Paused);
    }
    verdict(gate.verdict)
}

/// The judgement in two words, and how many gates it is about: `HOLD  1 of 6 gates`.
pub(super) fn judgement(state: Option<FlightState>, judgement: &Judgement) -> (Mark, String) {
    let all = judgement.gates.len();
    let blocking = judgement.blocking().count();
    let only_time = judgement.blocking().all(GateResult::only_wants_time);
    let landed = !matches!(state, None | Some(FlightState::Requested));
    let said = match (judgement.go, landed) {
        (true, _) => mark("✔", "GO", Role::GatePass),
        (false, true) if only_time => mark("◐", "WAIT", Role::Paused),
        (false, true) => mark("✖", "HOLD", Role::GateFail),
        (false, false) => mark("✖", "NO-GO", Role::GateFail),
    };
    let words = if judgement.go {
        format!("{all} of {all} gates")
    } else {
        format!("{blocking} of {all} gates")
    };
    (said, words)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::ui::widgets::PodMark;

    /// Glyph or word must differ within a list; colour may differ, and never alone.
    #[track_caller]
    fn check(name: &str, marks: &[Mark]) {
        let seen: HashSet<(&str, &str)> =
            marks.iter().map(|mark| (mark.glyph, mark.word)).collect();
        assert_eq!(seen.len(), marks.len(), "{name}: {marks:?}");
        assert!(marks.iter().all(|mark| !mark.glyph.is_empty()), "{name}");
    }

    #[test]
    fn every_state_has_a_glyph_or_word_of_its_own() {
        use Condition::{Degraded, Healthy, Paused, Progressing};
        let all = [Healthy, Progressing, Paused, Degraded, Condition::Unknown];
        check("conditions", &all.map(condition));
        // Where there is room for a glyph only, it must do.
        let glyphs: HashSet<&str> = all.map(|one| condition(one).glyph).into();
        assert_eq!(glyphs.len(), all.len());

        let all = [
            Verdict::Pass,
            Verdict::Fail,
            Verdict::Unknown,
            Verdict::Waived,
        ];
        check("verdicts", &all.map(verdict));
        let glyphs: HashSet<&str> = all.map(|one| verdict(one).glyph).into();
        assert_eq!(glyphs.len(), all.len());

        let all = [
            ItemStatus::Open,
            ItemStatus::Running,
            ItemStatus::Done,
            ItemStatus::Failed,
            ItemStatus::Waived,
            ItemStatus::Unknown,
        ];
        check("items", &all.map(item));
        let all = [Severity::Info, Severity::Warning, Severity::Error];
        check("severities", &all.map(severity));
        check(
            "movers",
            &[Mover::You, Mover::Gonogo, Mover::Controller].map(mover),
        );
        let all = [
            FlightState::Requested,
            FlightState::Flying,
            FlightState::Aborted,
            FlightState::RollingBack,
            FlightState::Verifying,
            FlightState::Monitoring,
        ];
        check("flights", &all.map(flight));
        let glyphs: HashSet<&str> = PodMark::ALL.map(PodMark::glyph).into();
        assert_eq!(glyphs.len(), PodMark::ALL.len());
    }
}
