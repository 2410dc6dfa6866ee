//! The checker sees what it should, and only that.

use super::breaches;

fn check(path: &str, code: &str, expect: &[(usize, &str)]) {
    let found = breaches(path, &format!("//! About.\n{code}"));
    let told: Vec<(usize, &str)> = found
        .iter()
        .map(|breach| (breach.line, breach.message.as_str()))
        .collect();
    assert_eq!(told.len(), expect.len(), "{path}: {told:?}");
    for ((line, message), (expected, part)) in told.iter().zip(expect) {
        assert!(
            line == expected && message.contains(part),
            "{path}:{line}: {message}; expected {expected}: {part}"
        );
    }
}

#[test]
fn folders_that_may_not_be_named() {
    check(
        "src/domain/release.rs",
        "use crate::policy::gate;",
        &[(2, "`domain` may not name `policy`")],
    );
    check(
        "src/domain/release.rs",
        "use crate::domain::text::Clean;",
        &[],
    );
    check(
        "src/policy/gate.rs",
        "use crate::{\n domain::{plan, ui},\n runtime::clock,\n};",
        &[(2, "`policy` may not name `runtime`")],
    );
    check(
        "src/ui/panes/fleet.rs",
        "fn f() { crate::adapters::kubernetes::get(); }",
        &[(2, "`ui` may not name `adapters`")],
    );
    check(
        "src/domain/release.rs",
        "use super::super::policy;",
        &[(2, "`domain` may not name `policy`")],
    );
    check("src/domain/release.rs", "use super::policy;", &[]);
    check(
        "src/domain.rs",
        "use super::ui;",
        &[(2, "`domain` may not name `ui`")],
    );
    check("src/runtime/run.rs", "use crate::{adapters, ui};", &[]);
    check("src/gadgets/one.rs", "", &[(1, "`gadgets` has no row")]);
}

#[test]
fn crates_that_touch_the_outside() {
    check(
        "src/input/chord.rs",
        "use crossterm::event::Event;",
        &[(2, "`input` may not use `crossterm`")],
    );
    check(
        "src/ui/draw.rs",
        "fn f() { ::tokio::time::sleep(x); std::fs::read(y); }",
        &[(2, "tokio"), (2, "std::fs")],
    );
    check("src/policy/gate.rs", "use kube;", &[(2, "kube")]);
    check(
        "src/adapters/registry.rs",
        "use crate::adapters::git2::x; use kube::Api;",
        &[],
    );
    check(
        "src/policy/gate.rs",
        "let x = self.tokio; let my_tokio::y = crate::policy::kube::z;",
        &[],
    );
    check("src/ui/draw.rs", "use ratatui::buffer::Buffer;", &[]);
}

#[test]
fn clocks_tasks_colours_keys_and_raw_cells() {
    check(
        "src/adapters/http.rs",
        "let at = Timestamp::now();",
        &[(2, "reads a clock")],
    );
    check(
        "src/session/update.rs",
        "\nlet at = std::time::Instant::now();",
        &[(3, "reads a clock")],
    );
    check("src/simulator/world.rs", "let at = Timestamp::now();", &[]);
    check(
        "src/adapters/http.rs",
        "tokio::spawn(async {});",
        &[(2, "starts tasks")],
    );
    check(
        "src/ui/panes/fleet.rs",
        "Style::new().fg(Color::Red)",
        &[(2, "themes name colours")],
    );
    check("src/ui/theme/colour.rs", "Color::Red", &[]);
    check(
        "src/runtime/run.rs",
        "use crossterm::event::KeyCode;",
        &[(2, "in one place")],
    );
    check("src/runtime/keys.rs", "use crossterm::event::KeyCode;", &[]);
    check(
        "src/runtime/run.rs",
        "cell.set_symbol(x);",
        &[(2, "past the sanitiser")],
    );
    check(
        "src/cli/attend.rs",
        "let (sender, seen) = mpsc::unbounded_channel();",
        &[(2, "grows without one")],
    );
}

#[test]
fn words_in_comments_strings_and_unit_tests_are_no_breach() {
    let harmless = r##"
        /// Unlike `Instant::now`, and crate::policy.
        /* Color:: /* nested */ KeyCode */
        const TEXT: &str = "crate::policy \" Color::Red";
        const RAW: &str = r#"Color::Red "quoted" crate::ui"#;
        const QUOTE: char = '"'; const ESCAPED: char = '\''; const UNIT: &'static str = "tokio::spawn";
        #[cfg(test)]
        mod tests {
            fn f() { if true { Instant::now(); } }
        }
    "##;
    check("src/domain/release.rs", harmless, &[]);
    check(
        "src/domain/release.rs",
        &format!("{harmless}\nColor::Red"),
        &[(13, "Color::")],
    );
}

#[test]
fn the_form_of_a_file() {
    let found = breaches("src/domain/release.rs", "use std::fmt;\n");
    assert_eq!(found.len(), 1);
    assert!(
        found[0]
            .to_string()
            .starts_with("src/domain/release.rs:1: begins without `//!`"),
        "{}",
        found[0]
    );
    check("src/domain/mod.rs", "", &[(1, "mod.rs")]);
    check("tests/it/any.rs", "use gonogo::ui; Color::Red;", &[]);
}
