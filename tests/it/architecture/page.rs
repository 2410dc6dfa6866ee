//! The architecture page (the head of `src/lib.rs`) and the README against the tree: the layers' table says what the
//! rules say, and every path that either names is there.

use std::path::Path;

use super::RULES;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(ROOT).join(path)).unwrap()
}

fn page() -> String {
    let lib = read("src/lib.rs");
    let lines = lib.lines().filter_map(|line| line.strip_prefix("//!"));
    lines.flat_map(|line| [line.trim_start(), "\n"]).collect()
}

/// The cells of every row of a Markdown table under this heading row.
fn rows(text: &str, head: &str) -> Vec<Vec<String>> {
    let lines = text.lines().skip_while(|line| *line != head).skip(2);
    lines
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells = line.trim_matches('|').split('|');
            cells.map(|cell| cell.trim().to_owned()).collect()
        })
        .collect()
}

#[test]
fn the_page_tells_the_layers_as_the_rules_hold_them() {
    let told = rows(&page(), "| folder | owns | may name |");
    let folders: Vec<String> = std::fs::read_dir(Path::new(ROOT).join("src"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    for folder in &folders {
        let row = told.iter().find(|row| row[0] == format!("[`{folder}`]"));
        let row = row.unwrap_or_else(|| panic!("`{folder}` has no row in the page's table"));
        let rule = RULES.iter().find(|rule| rule.folder == folder).unwrap();
        let may = match rule.ours {
            [] => "nothing of ours".to_owned(),
            ["*"] => "everything".to_owned(),
            some => some.join(", "),
        };
        assert_eq!(row[2], may, "`{folder}` in the page and in RULES");
    }
    assert_eq!(
        told.len(),
        folders.len(),
        "the page tells of a folder that is not there"
    );
}

/// Words in backquotes or links that look like a path into the tree.
fn paths(text: &str) -> Vec<String> {
    let words = text.split(['`', '(', ')', '[', ']', ' ', ',', '\n']);
    let looks = |word: &&str| {
        let known = [
            "src/", "tests/", "themes/", "assets/", "ui/", "cli/", "policy/", "session/", "input/",
        ];
        let known = known
            .iter()
            .chain(&["config/", "runtime/", "adapters/", "domain/", "flight/"]);
        known.into_iter().any(|start| word.starts_with(start)) && !word.contains(['*', '<', '{'])
    };
    words.filter(looks).map(ToOwned::to_owned).collect()
}

#[test]
fn every_path_that_the_page_and_the_readme_name_is_there() {
    for (name, text) in [("src/lib.rs", page()), ("README.md", read("README.md"))] {
        let named = paths(&text);
        assert!(named.len() > 5, "{name} names {named:?}");
        for path in named {
            let places = [path.clone(), format!("src/{path}")];
            assert!(
                places
                    .iter()
                    .any(|place| Path::new(ROOT).join(place).exists()),
                "{name} names `{path}`, which is not there"
            );
        }
    }
}
