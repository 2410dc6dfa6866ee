//! The call of the poll: one word and one sentence that names its figures, who is still awaited, and why an answer does
//! not count.

use crate::domain::entry::Answer;

use super::{Call, Seats, Voice, objection, voice, voice::Room};

pub(super) fn call(
    room: &Room<'_>,
    seats: &[Seats],
    voices: &[Voice],
    void: &[String],
) -> (Call, String) {
    if let Some(no) = room.deployment.and_then(objection) {
        let call = if no.answer == Answer::Hold {
            Call::Hold
        } else {
            Call::NoGo
        };
        let vetoes = voices
            .iter()
            .any(|voice| voice.veto && voice.name == no.by.name && voice.answer == Some(no.answer));
        let word = no.answer.word();
        let says = if vetoes {
            format!("says {word}, and has a veto")
        } else {
            format!("says {word}")
        };
        return (call, format!("{} {says}: {}", no.by.name, no.reason));
    }
    if !void.is_empty() {
        let given = voices.iter().filter(|voice| voice.answer.is_some()).count();
        let what = match given {
            0 => "nobody can answer this plan".to_owned(),
            1 => "1 answer is void".to_owned(),
            many => format!("{many} answers are void"),
        };
        let sentence = format!("{what}: {}; cancel and request again", void.join("; "));
        return (Call::Void, sentence);
    }
    if seats.is_empty() {
        let sentence = "nobody's approval is asked for, and nobody objects".to_owned();
        return (Call::Go, sentence);
    }
    if room.deployment.is_none() {
        return (Call::Waiting, unasked(room, seats));
    }
    let taken: Vec<&str> = seats
        .iter()
        .flat_map(|seats| seats.taken.iter().map(String::as_str))
        .collect();
    if seats.iter().all(Seats::are_taken) {
        let sentence = format!("approved, {}: {}", counts(seats), taken.join(", "));
        return (Call::Go, sentence);
    }
    let missing = seats.iter().filter(|seats| !seats.are_taken());
    let others: Vec<String> = missing
        .map(|seats| {
            let others: Vec<&str> = voices
                .iter()
                .filter(|voice| voice.awaited && voice.roles.contains(&seats.role))
                .map(|voice| voice.name.as_str())
                .collect();
            if others.is_empty() {
                format!("nobody else holds the role {}", seats.role)
            } else {
                others.join(", ")
            }
        })
        .collect();
    let so_far = if taken.is_empty() {
        String::new()
    } else {
        format!(" ({})", taken.join(", "))
    };
    let uncounted = voices
        .iter()
        .filter(|voice| voice.answer == Some(Answer::Go) || voice.auto)
        .find_map(|voice| {
            let note = voice.note.as_ref()?;
            Some(if voice.auto && voice.answer.is_none() {
                format!("; {} {note}", voice.name)
            } else {
                format!("; {note}")
            })
        })
        .unwrap_or_default();
    let unknown = voices
        .iter()
        .any(|voice| voice.answer == Some(Answer::Go) && voice.note.is_some())
        && room.authors_unknown();
    let call = if unknown {
        Call::Unknown
    } else {
        Call::Waiting
    };
    let sentence = format!(
        "{}{}{so_far}; may approve: {}{uncounted}",
        counts(seats),
        // With their roles beside them the figures need no word.
        if seats.len() == 1 { " approvals" } else { "" },
        others.join("; ")
    );
    (call, sentence)
}

/// `1 of 2`, or with their roles where there are several rules.
fn counts(seats: &[Seats]) -> String {
    if let [only] = seats {
        return format!("{} of {}", only.taken.len(), only.quorum);
    }
    let counts: Vec<String> = seats
        .iter()
        .map(|seats| format!("{} of {} {}", seats.taken.len(), seats.quorum, seats.role))
        .collect();
    counts.join(", ")
}

fn unasked(room: &Room<'_>, seats: &[Seats]) -> String {
    let rules: Vec<String> = room
        .rules()
        .iter()
        .zip(seats)
        .map(|(rule, seats)| {
            let names: Vec<&str> = voice::holders(&room.facts, rule)
                .map(|person| person.name.as_str())
                .collect();
            let who = if names.is_empty() {
                format!("nobody else holds the role {}", seats.role)
            } else {
                names.join(", ")
            };
            format!("{} of {who}", rule.quorum)
        })
        .collect();
    format!("needs {}; request it first", rules.join(", and "))
}
