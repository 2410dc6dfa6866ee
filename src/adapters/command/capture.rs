//! What a program prints, as it comes: lines for whoever listens, the first and the last of it to keep, a digest over all
//! of its standard output. However much it is, this stays small.

use std::{collections::VecDeque, fmt::Write as _};

use regex::Regex;
use sha2::{Digest as _, Sha256};

use crate::{
    domain::{release::Digest, text::Clean},
    ports::run::{Listen, Spoken},
};

/// Kept of the beginning, and as much of the end; in bytes.
pub const HALF: usize = 256 << 10;

/// Of the standard output, to look for a figure in.
const OUTPUT: usize = 1 << 20;

/// Of one line; what is longer is cut, and says so by its mark.
const LONGEST: usize = 4 << 10;

/// Stands for a value that was handed on and is not to be seen.
const MASK: &str = "•••";

/// Shorter values are not masked: they would take words out of every line.
const SHORTEST_SECRET: usize = 6;

/// One of the two streams of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    Output,
    Error,
}

pub struct Capture {
    listen: Listen,
    secrets: Vec<String>,
    expect: Option<Regex>,
    /// A line of the standard output matched.
    pub matched: bool,
    hash: Sha256,
    /// The end of the standard output, as it came.
    output: VecDeque<u8>,
    pub bytes: u64,
    partial: [Vec<u8>; 2],
    head: String,
    tail: VecDeque<String>,
    tail_bytes: usize,
    pub left_out: u64,
    last: [Clean; 2],
}

impl Capture {
    /// `secrets` are values that are masked wherever they turn up.
    pub fn new(listen: Listen, secrets: &[String], expect: Option<Regex>) -> Self {
        // Output is looked at line by line, so a secret of several lines is masked by each of them.
        let lines = secrets
            .iter()
            .flat_map(|secret| secret.lines().map(str::trim));
        let mut secrets: Vec<String> = lines
            .filter(|line| line.len() >= SHORTEST_SECRET)
            .map(str::to_owned)
            .collect();
        // The longest first: one may be a part of another.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.dedup();
        Self {
            listen,
            secrets,
            expect,
            matched: false,
            hash: Sha256::new(),
            output: VecDeque::new(),
            bytes: 0,
            partial: [Vec::new(), Vec::new()],
            head: String::new(),
            tail: VecDeque::new(),
            tail_bytes: 0,
            left_out: 0,
            last: [Clean::default(), Clean::default()],
        }
    }

    pub fn take(&mut self, from: From, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        if from == From::Output {
            self.hash.update(bytes);
            let kept = bytes.len().min(OUTPUT);
            let over = (self.output.len() + kept).saturating_sub(OUTPUT);
            self.output.drain(..over);
            self.output.extend(bytes.iter().skip(bytes.len() - kept));
        }
        let mut rest = bytes;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, after) = rest.split_at(end);
            self.begin(from, line);
            self.line(from);
            rest = after.get(1..).unwrap_or_default();
        }
        self.begin(from, rest);
    }

    /// Nothing more comes: what has no line break at its end is a line too.
    pub fn end(&mut self) {
        for from in [From::Output, From::Error] {
            if !self.partial[from as usize].is_empty() {
                self.line(from);
            }
        }
    }

    fn begin(&mut self, from: From, bytes: &[u8]) {
        let partial = &mut self.partial[from as usize];
        // A progress bar goes back to the start of its line again and again; the last state is what a person would see.
        if !bytes.is_empty() && partial.ends_with(b"\r") {
            partial.clear();
        }
        let bytes = match memchr::memrchr(b'\r', without_end(bytes)) {
            Some(at) => {
                partial.clear();
                bytes.get(at + 1..).unwrap_or_default()
            }
            None => bytes,
        };
        let room = (LONGEST + 1).saturating_sub(partial.len());
        partial.extend_from_slice(bytes.get(..room.min(bytes.len())).unwrap_or_default());
    }

    fn line(&mut self, from: From) {
        let partial = std::mem::take(&mut self.partial[from as usize]);
        let text = String::from_utf8_lossy(&partial);
        let mut text = text.trim_end_matches('\r').to_owned();
        if from == From::Output && !self.matched {
            self.matched = self.expect.as_ref().is_some_and(|e| e.is_match(&text));
        }
        for secret in &self.secrets {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), MASK);
            }
        }
        if partial.len() > LONGEST {
            self.mask_what_was_cut(&mut text);
        }
        let line = Clean::new(&text.replace('\t', "    "));
        if !line.as_str().trim().is_empty() {
            self.last[from as usize] = line.clone();
        }
        self.keep(from, &line);
        (self.listen)(Spoken {
            error: from == From::Error,
            line,
        });
    }

    /// Where a line was cut, what is left of a secret there is masked as well.
    fn mask_what_was_cut(&self, text: &mut String) {
        // The cut may go through a character.
        text.truncate(text.trim_end_matches('\u{fffd}').len());
        let beginning = |secret: &String| {
            let ends = secret.char_indices().map(|(at, _)| at).rev();
            ends.filter_map(|end| secret.get(..end))
                .find(|start| !start.is_empty() && text.ends_with(start))
                .map(str::len)
        };
        if let Some(length) = self.secrets.iter().filter_map(beginning).max() {
            text.truncate(text.len() - length);
            text.push_str(MASK);
        }
    }

    fn keep(&mut self, from: From, line: &Clean) {
        let mark = if from == From::Error { "! " } else { "  " };
        let line = format!("{mark}{line}\n");
        if self.tail.is_empty() && self.head.len() + line.len() <= HALF {
            self.head.push_str(&line);
            return;
        }
        self.tail_bytes += line.len();
        self.tail.push_back(line);
        while self.tail_bytes > HALF
            && let Some(first) = self.tail.pop_front()
        {
            self.tail_bytes -= first.len();
            self.left_out += first.len() as u64;
        }
    }

    /// With whatever secrets are in it: to look for a figure in, never to show.
    pub fn output(self) -> Vec<u8> {
        self.output.into()
    }

    pub fn digest(&self) -> Digest {
        Digest::of_hash(self.hash.clone())
    }

    /// The last thing it said: on standard error if it failed, else on standard output.
    pub fn said(&self, ok: bool) -> Clean {
        let [output, error] = &self.last;
        let (first, second) = if ok { (output, error) } else { (error, output) };
        if first.is_empty() { second } else { first }.clone()
    }

    /// The first and the last of it, and between them how much is missing.
    pub fn text(&self) -> String {
        let mut text = self.head.clone();
        if self.left_out > 0 {
            let _ = writeln!(text, "… {} bytes are left out here …", self.left_out);
        }
        self.tail.iter().for_each(|line| text.push_str(line));
        text
    }
}

/// Without the carriage returns at its end, which go with a line break or wait for what comes next.
fn without_end(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| *byte != b'\r');
    bytes.get(..end.map_or(0, |at| at + 1)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    fn heard() -> (Listen, Arc<Mutex<Vec<String>>>) {
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let into = Arc::clone(&lines);
        let listen: Listen =
            Arc::new(move |spoken| into.lock().expect("whole").push(spoken.line.to_string()));
        (listen, lines)
    }

    #[test]
    fn fifty_megabytes_leave_half_a_megabyte_and_the_digest_of_all() {
        let (listen, lines) = heard();
        let mut capture = Capture::new(listen, &[], None);
        let line = "0123456789abcdef0123456789abcdef0123456789abcdef\n";
        let chunk = line.repeat(1_000);
        let mut whole = Sha256::new();
        let chunks = 50_000_000 / chunk.len();
        for _ in 0..chunks {
            capture.take(From::Output, chunk.as_bytes());
            whole.update(chunk.as_bytes());
        }
        capture.end();
        assert_eq!(capture.bytes, (chunks * chunk.len()) as u64);
        assert_eq!(capture.digest(), Digest::of_hash(whole));
        let text = capture.text();
        assert!(text.len() <= 2 * HALF + 100, "{}", text.len());
        assert!(text.contains("bytes are left out here"), "says so");
        assert_eq!(lines.lock().expect("whole").len(), chunks * 1_000);
    }

    #[test]
    fn a_line_without_end_is_cut_and_takes_no_room() {
        let (listen, lines) = heard();
        let mut capture = Capture::new(listen, &[], None);
        for _ in 0..10_000 {
            capture.take(From::Output, &[b'x'; 1_000]);
        }
        capture.end();
        let lines = lines.lock().expect("whole");
        assert_eq!(lines.len(), 1);
        assert!(lines[0].len() <= LONGEST + 8, "{}", lines[0].len());
        assert_eq!(capture.bytes, 10_000_000);
    }

    #[test]
    fn a_cut_through_a_secret_shows_none_of_it() {
        for secret in ["hunter2hunter2", "pässwörter"] {
            for shown in 1..secret.len() {
                let (listen, lines) = heard();
                let mut capture = Capture::new(listen, &[secret.to_owned()], None);
                let before = "x".repeat(LONGEST + 1 - shown);
                capture.take(
                    From::Output,
                    format!("{before}{secret} and on\n").as_bytes(),
                );
                let line = lines.lock().expect("whole").pop().expect("a line");
                let rest = line.trim_start_matches('x');
                assert!(rest.chars().all(|c| "•…".contains(c)), "{shown}: {rest}");
            }
        }
    }

    #[test]
    fn what_would_move_the_cursor_is_made_visible_and_secrets_are_masked() {
        let (listen, lines) = heard();
        let key = "-----BEGIN KEY-----\nMIIBOgIBAAJBAKj34\n-----END KEY-----\n";
        let secrets = vec!["hunter2hunter2".to_owned(), "no".to_owned(), key.to_owned()];
        let mut capture = Capture::new(listen, &secrets, None);
        capture.take(From::Output, b"10 %\r50 %\r100 %\r\n");
        capture.take(
            From::Error,
            b"\x1b[2J\x1b]0;owned\x07 pass=hunter2hunter2 no\n",
        );
        capture.take(From::Output, b"MIIBOgIBAAJBAKj34\nlast");
        capture.end();
        let lines = lines.lock().expect("whole").clone();
        assert_eq!(lines[0], "100 %");
        assert!(
            !lines[1].contains('\u{1b}') && lines[1].contains("␛[2J"),
            "{}",
            lines[1]
        );
        assert!(lines[1].ends_with("••• no"), "{}", lines[1]);
        assert!(!capture.text().contains("hunter2"));
        assert!(!capture.text().contains("MIIBOg"), "{}", capture.text());
        assert_eq!(capture.said(true).as_str(), "last");
        assert!(capture.said(false).as_str().contains("•••"));
    }

    #[test]
    fn what_is_expected_is_looked_for_in_standard_output_only() {
        let expect = Regex::new(r"\(head\)").ok();
        let (listen, _) = heard();
        let mut capture = Capture::new(listen, &[], expect);
        capture.take(From::Error, b"(head)\n");
        assert!(!capture.matched);
        capture.take(From::Output, b"ae1027 (he");
        capture.take(From::Output, b"ad)\n");
        assert!(capture.matched);
    }
}
