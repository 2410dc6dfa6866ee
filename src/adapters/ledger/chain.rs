//! The bytes of an entry and the chain over them; it knows no store. An entry's bytes are the JSON of
//! `Entry`, its hash is SHA-256 over the former hash (as 64 hex digits) and those bytes. The stored bytes are
//! what is hashed, so an entry of a later gonogo, which this one cannot read, keeps the chain whole.
//!
//! The chain shows what was changed, removed or put in between. It cannot show that its newest entries are
//! gone, nor that all of it was rewritten: for that its head has to be noted elsewhere.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::domain::{
    entry::{Body, Entry, FORMAT, StreamId},
    workspace::{Actor, IdentityMeans},
};

/// What stands before the first entry.
pub(super) const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// One entry as a store keeps it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    pub seq: i64,
    pub stream: &'a str,
    pub position: i64,
    pub bytes: &'a [u8],
    pub prev: &'a str,
    pub hash: &'a str,
}

/// The hash of the entry that follows `prev`.
pub(super) fn link(prev: &str, bytes: &[u8]) -> String {
    let mut sha = Sha256::new();
    sha.update(prev.as_bytes());
    sha.update(bytes);
    let mut text = String::with_capacity(64);
    // By hand: formatting took as long as hashing, and a walk does it for every entry.
    for byte in sha.finalize() {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from(if digit < 10 {
                b'0' + digit
            } else {
                b'a' + digit - 10
            }));
        }
    }
    text
}

/// The entry in a row. What this program does not know comes back as `Body::Unknown`, never as an error:
/// losing sight of an entry would lose its stream.
pub(super) fn decode(seq: i64, stream: String, position: i64, bytes: &[u8]) -> Entry {
    if let Ok(entry) = serde_json::from_slice::<Entry>(bytes)
        && entry.format <= FORMAT
    {
        return entry;
    }
    let envelope: Envelope = serde_json::from_slice(bytes).unwrap_or_default();
    let text = |value: &serde_json::Value, key: &str| {
        let text = value.get(key).and_then(serde_json::Value::as_str);
        text.map(str::to_owned)
    };
    Entry {
        seq: u64::try_from(seq).unwrap_or(0),
        stream: StreamId(stream),
        position: u64::try_from(position).unwrap_or(0),
        format: envelope.format.unwrap_or(FORMAT),
        at: serde_json::from_value(envelope.at).unwrap_or(Timestamp::UNIX_EPOCH),
        actor: serde_json::from_value(envelope.actor.clone()).unwrap_or_else(|_| Actor {
            name: text(&envelope.actor, "name").unwrap_or_else(|| "somebody".to_owned()),
            email: None,
            means: IdentityMeans::Claimed,
            host: text(&envelope.actor, "host").unwrap_or_default(),
        }),
        body: Body::Unknown {
            kind: text(&envelope.body, "kind").unwrap_or_else(|| "unreadable".to_owned()),
        },
    }
}

/// As much of an entry as every format is expected to keep, each part for itself.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Envelope {
    format: Option<u32>,
    at: serde_json::Value,
    actor: serde_json::Value,
    body: serde_json::Value,
}

/// The three columns that repeat what the bytes say.
#[derive(Deserialize)]
struct Place {
    seq: i64,
    stream: String,
    position: i64,
}

/// A walk along the chain, from its first entry. It can be left and taken up again.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    pub entries: u64,
    pub head: String,
    pub last: i64,
    positions: HashMap<String, i64>,
}

impl Walk {
    pub fn new() -> Self {
        Self {
            entries: 0,
            head: GENESIS.to_owned(),
            last: 0,
            positions: HashMap::new(),
        }
    }

    /// The `seq` that should come next.
    pub fn due(&self) -> u64 {
        u64::try_from(self.last).unwrap_or(0) + 1
    }

    /// Streams with their last positions.
    pub fn positions(&self) -> &HashMap<String, i64> {
        &self.positions
    }

    /// One step, or why `row` does not follow.
    pub fn step(&mut self, row: Row<'_>) -> Result<(), String> {
        let due = self.last + 1;
        if row.seq != due {
            return Err(if row.seq == due + 1 {
                format!("entry {due} before it is missing")
            } else if row.seq > due {
                format!("entries {due} to {} before it are missing", row.seq - 1)
            } else {
                "its number is below 1".to_owned()
            });
        }
        if row.prev != self.head {
            return Err("it does not continue the entry before it".to_owned());
        }
        let hash = link(row.prev, row.bytes);
        if hash != row.hash {
            return Err("its bytes are not those that were hashed".to_owned());
        }
        if !says_place(&row) {
            let place: Place = serde_json::from_slice(row.bytes)
                .map_err(|error| format!("its bytes do not say where it belongs: {error}"))?;
            if (place.seq, place.stream.as_str(), place.position)
                != (row.seq, row.stream, row.position)
            {
                return Err(format!(
                    "its columns say entry {}, {} of {}; its bytes say entry {}, {} of {}",
                    row.seq, row.position, row.stream, place.seq, place.position, place.stream
                ));
            }
        }
        let due = self.positions.get(row.stream).map_or(1, |last| last + 1);
        if row.position != due {
            return Err(format!(
                "it is {} of {}, and {due} was due",
                row.position, row.stream
            ));
        }
        match self.positions.get_mut(row.stream) {
            Some(last) => *last = row.position,
            None => drop(self.positions.insert(row.stream.to_owned(), row.position)),
        }
        self.last = row.seq;
        self.head = hash;
        self.entries += 1;
        Ok(())
    }
}

/// Do the bytes begin as this format writes them, with the place that the columns tell? Reading all of the JSON for it
/// would take longer than hashing.
fn says_place(row: &Row<'_>) -> bool {
    let digits = |number: i64, rest: &[u8]| {
        let text = number.to_string();
        rest.starts_with(text.as_bytes()).then_some(text.len())
    };
    let follow = || {
        let rest = row.bytes.strip_prefix(b"{\"seq\":")?;
        let rest = &rest[digits(row.seq, rest)?..];
        let rest = rest.strip_prefix(b",\"stream\":\"")?;
        let plain = !row
            .stream
            .bytes()
            .any(|b| b < b' ' || b == b'"' || b == b'\\');
        let rest = rest.strip_prefix(row.stream.as_bytes()).filter(|_| plain)?;
        let rest = rest.strip_prefix(b"\",\"position\":")?;
        let rest = &rest[digits(row.position, rest)?..];
        rest.starts_with(b",").then_some(())
    };
    follow().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(bytes: &str) -> Entry {
        decode(3, "target:dev/acme/auth".to_owned(), 2, bytes.as_bytes())
    }

    #[test]
    fn what_a_later_gonogo_wrote_keeps_its_place_and_its_kind() {
        let later = told(
            r#"{"seq":3,"stream":"target:dev/acme/auth","position":2,"format":2,
                "at":"2026-01-02T03:04:05Z","actor":{"name":"dana","means":"passkey","host":"h1"},
                "body":{"kind":"stage_reached","deployment":"d","stage":1}}"#,
        );
        assert_eq!((later.seq, later.position, later.format), (3, 2, 2));
        assert_eq!(later.actor.name, "dana");
        assert_eq!(later.at.to_string(), "2026-01-02T03:04:05Z");
        let kind = "stage_reached".to_owned();
        assert_eq!(later.body, Body::Unknown { kind });
    }

    #[test]
    fn bytes_that_nobody_can_read_are_still_an_entry() {
        for bytes in ["", "{", "[1]", "null", r#"{"body":7,"at":"never"}"#] {
            let entry = told(bytes);
            assert_eq!((entry.seq, entry.position), (3, 2), "{bytes}");
            let kind = "unreadable".to_owned();
            assert_eq!(entry.body, Body::Unknown { kind }, "{bytes}");
        }
    }

    #[test]
    fn the_hash_covers_the_former_hash_and_the_bytes() {
        // printf '%064d{}' 0 | sha256sum
        assert_eq!(
            link(GENESIS, b"{}"),
            "5508d2b710e64bc470079e1b211d9c58e21011e59d0559e422345dc19d659a75"
        );
        assert_ne!(link(GENESIS, b"{}"), link(&link(GENESIS, b"{}"), b"{}"));
    }
}
