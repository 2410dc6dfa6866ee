//! How many colours there are is found out, and the selection is seen with all of them and with none.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::Write as _;

use crate::pty::Pty;

/// The kinds of colour in what was written: 16, 256 or true ones.
fn kinds(bytes: &[u8]) -> Vec<&'static str> {
    #[derive(Default)]
    struct Styles(Vec<&'static str>);
    impl vte::Perform for Styles {
        fn csi_dispatch(&mut self, numbers: &vte::Params, _: &[u8], _: bool, end: char) {
            if end != 'm' {
                return;
            }
            let flat: Vec<u16> = numbers.iter().flatten().copied().collect();
            let mut rest = flat.as_slice();
            loop {
                let kind;
                (kind, rest) = match rest {
                    // The sixteen are written as the first of the 256.
                    [38 | 48, 5, 0..=15, rest @ ..]
                    | [30..=37 | 40..=47 | 90..=97 | 100..=107, rest @ ..] => ("16", rest),
                    [38 | 48, 5, _, rest @ ..] => ("256", rest),
                    [38 | 48, 2, _, _, _, rest @ ..] => ("true", rest),
                    [_, rest @ ..] => ("", rest),
                    [] => return,
                };
                if !kind.is_empty() && !self.0.contains(&kind) {
                    self.0.push(kind);
                }
            }
        }
    }
    let mut styles = Styles::default();
    vte::Parser::new().advance(&mut styles, bytes);
    styles.0.sort_unstable();
    styles.0
}

/// Arguments, environment, and the kinds of colour that follow from them.
type Case = (
    &'static [&'static str],
    &'static [(&'static str, &'static str)],
    &'static [&'static str],
);

#[test]
fn the_selection_is_seen_at_every_depth() {
    let cases: [Case; 8] = [
        (&[], &[("COLORTERM", "truecolor")], &["true"]),
        (&[], &[], &["256"]),
        (&[], &[("TERM", "xterm")], &["16"]),
        (&[], &[("NO_COLOR", "1"), ("COLORTERM", "truecolor")], &[]),
        (&[], &[("TERM", "dumb")], &[]),
        (&["--color", "never"], &[("COLORTERM", "truecolor")], &[]),
        (&["--color", "always"], &[("NO_COLOR", "1")], &["256"]),
        (&["--theme", "ansi"], &[("COLORTERM", "truecolor")], &["16"]),
    ];
    for (arguments, variables, expected) in cases {
        let home = tempfile::tempdir().unwrap();
        let mut pty = Pty::rehearse_with(home.path(), arguments, variables);
        pty.until("the selected cell", |text| {
            text.contains("auth-service") && text.contains('▸')
        });
        let what = format!("{arguments:?} {variables:?}");
        let plain =
            |cell: &vt100::Cell| matches!(cell.bgcolor(), vt100::Color::Default) && !cell.inverse();
        if expected.is_empty() || expected == ["16"] {
            assert!(pty.is_reversed("▸"), "{what}: nothing is in reverse video");
        } else {
            // A ground of its own, other than the screen's.
            let grounds = std::cell::RefCell::new(std::collections::HashSet::new());
            pty.any_cell("▸", |cell| {
                grounds.borrow_mut().insert(format!("{:?}", cell.bgcolor()));
                false
            });
            assert!(grounds.borrow().len() > 1, "{what}: {grounds:?}");
            assert!(pty.any_cell("▸", |cell| !plain(cell)), "{what}");
        }
        pty.quits();
        assert_eq!(kinds(&pty.take_bytes()), expected, "{what}");
    }
}

/// A terminal that says what its ground is gets the theme for it; one that says nothing gets the dark one, soon.
#[test]
fn auto_asks_the_terminal_and_waits_for_no_answer() {
    let ground = |pty: &Pty| {
        let seen = std::cell::RefCell::new(String::new());
        pty.any_cell("auth-service", |cell| {
            *seen.borrow_mut() = format!("{:?}", cell.bgcolor());
            false
        });
        seen.into_inner()
    };
    let variables = [("COLORTERM", "truecolor")];
    for (answer, expected) in [
        (Some("ffff/ffff/ffff"), "Rgb(250, 250, 250)"),
        (Some("1111/1111/1111"), "Rgb(20, 23, 28)"),
        (None, "Rgb(20, 23, 28)"),
    ] {
        let home = tempfile::tempdir().unwrap();
        let mut pty = Pty::rehearse_with(home.path(), &["--theme", "auto"], &variables);
        if let Some(ground) = answer {
            crate::rig::wait_for("the question", || {
                let asked = pty.peek_bytes();
                asked
                    .windows(4)
                    .any(|part| part == b"\x1b]11")
                    .then_some(())
            });
            let mut reply = Vec::new();
            let ink = if ground.starts_with('f') {
                "0000/0000/0000"
            } else {
                "eeee/eeee/eeee"
            };
            write!(
                reply,
                "\x1b]10;rgb:{ink}\x1b\\\x1b]11;rgb:{ground}\x1b\\\x1b[?6c"
            )
            .unwrap();
            pty.keys(std::str::from_utf8(&reply).unwrap());
        }
        pty.until("the fleet", |text| {
            text.contains("auth-service") && text.contains("1 Fleet")
        });
        assert_eq!(ground(&pty), expected, "{answer:?}");
        // The answer was no key.
        assert!(!pty.text().contains("why?"), "{}", pty.text());
        pty.quits();
    }
}
