//! Where a JSON pointer leads in a text, by its bytes (RFC 6901 over RFC 8259).

use std::ops::Range;

/// Between the quotes of every text that the pointer names: more than one where a key stands twice.
pub(super) fn find(text: &str, pointer: &str) -> Result<Vec<Range<usize>>, String> {
    // What follows walks a text that is known to be whole, and not deep.
    serde_json::from_str::<serde::de::IgnoredAny>(text)
        .map_err(|error| format!("line {} is no JSON: {error}", error.line()))?;
    let steps: Vec<String> = pointer
        .split('/')
        .skip(1)
        .map(|step| step.replace("~1", "/").replace("~0", "~"))
        .collect();
    let mut walk = Walk {
        text,
        at: 0,
        found: Vec::new(),
        other: false,
    };
    walk.value(Some(&steps));
    if walk.found.is_empty() && walk.other {
        return Err("the value there is no text".to_owned());
    }
    Ok(walk.found)
}

struct Walk<'a> {
    text: &'a str,
    at: usize,
    found: Vec<Range<usize>>,
    /// The pointer led to something else than a text.
    other: bool,
}

impl Walk<'_> {
    fn peek(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
    }

    /// Over a text, quotes and all; what stands between them.
    fn string(&mut self) -> Range<usize> {
        self.at += 1;
        let begin = self.at;
        while !matches!(self.peek(), b'"' | 0) {
            self.at += if self.peek() == b'\\' { 2 } else { 1 };
        }
        let inner = begin..self.at;
        self.at += 1;
        inner
    }

    /// One value; `steps` are what is left of the way, if it is on the way.
    fn value(&mut self, steps: Option<&[String]>) {
        self.space();
        let here = steps.is_some_and(<[String]>::is_empty);
        match self.peek() {
            b'"' => {
                let inner = self.string();
                if here {
                    self.found.push(inner);
                }
            }
            b'{' => self.members(steps, b'}', here),
            b'[' => self.members(steps, b']', here),
            _ => {
                self.other |= here;
                while !matches!(
                    self.peek(),
                    b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t' | 0
                ) {
                    self.at += 1;
                }
            }
        }
        self.space();
    }

    fn members(&mut self, steps: Option<&[String]>, end: u8, here: bool) {
        self.other |= here;
        let step = steps.and_then(<[String]>::split_first);
        self.at += 1;
        self.space();
        let mut nth = 0_usize;
        while self.peek() != end && self.peek() != 0 {
            let name = if end == b'}' {
                let inner = self.string();
                let quoted = self
                    .text
                    .get(inner.start - 1..=inner.end)
                    .unwrap_or_default();
                let name = serde_json::from_str::<String>(quoted).unwrap_or_default();
                self.space();
                self.at += 1;
                name
            } else {
                nth.to_string()
            };
            let rest = step
                .filter(|(step, _)| **step == name)
                .map(|(_, rest)| rest);
            self.value(rest);
            if self.peek() == b',' {
                self.at += 1;
                self.space();
            }
            nth += 1;
        }
        self.at += 1;
    }
}
