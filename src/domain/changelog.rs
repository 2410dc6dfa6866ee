//! A CHANGELOG as <https://keepachangelog.com/en/1.1.0/> has it: what stands under *Unreleased* becomes the section of a
//! version, what the commits say is added to it, and everything else stays as it is, byte for byte.

use jiff::civil::Date;

use super::{
    notes::{Group, Note},
    version::Version,
};

const HEAD: &str = "# Changelog\n\nThe format follows [Keep a Changelog](https://keepachangelog.com/en/1.1.0/).\n\n## [Unreleased]\n";

/// The whole text with a section of that version; the text as it is, where it has one already. None: there is no
/// CHANGELOG yet.
pub fn release(text: Option<&str>, version: Version, day: Date, notes: &[Note]) -> String {
    let text = text.unwrap_or(HEAD);
    // As the file ends its lines, so do we.
    let windows = text.contains("\r\n");
    let plain = text.replace("\r\n", "\n");
    let changed = released(&plain, version, day, notes);
    match changed {
        None => text.to_owned(),
        Some(changed) if windows => changed.replace('\n', "\r\n"),
        Some(changed) => changed,
    }
}

/// Does it have a section of that version?
pub fn has(text: &str, version: Version) -> bool {
    let wanted = version.to_string();
    headings(text).any(|heading| heading.names(&wanted))
}

/// `## [v1.2.3] - 2026-11-21`, and where its line begins.
struct Heading<'a> {
    at: usize,
    name: &'a str,
    bracket: bool,
}

impl Heading<'_> {
    fn names(&self, version: &str) -> bool {
        let plain = |text: &str| text.strip_prefix(['v', 'V']).unwrap_or(text).to_owned();
        plain(self.name) == plain(version)
    }

    fn is_unreleased(&self) -> bool {
        self.name.eq_ignore_ascii_case("unreleased")
    }
}

/// Of the second level, outside of what is fenced.
fn headings(text: &str) -> impl Iterator<Item = Heading<'_>> {
    let mut at = 0;
    let mut fenced = false;
    text.split_inclusive('\n').filter_map(move |line| {
        let begins = at;
        at += line.len();
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        let rest = line.strip_prefix("## ").filter(|_| !fenced)?.trim();
        let bracketed = rest
            .strip_prefix('[')
            .and_then(|rest| rest.split_once(']'))
            .map(|(name, _)| name);
        let name = bracketed.or_else(|| rest.split_whitespace().next())?;
        Some(Heading {
            at: begins,
            name,
            bracket: bracketed.is_some(),
        })
    })
}

fn released(text: &str, version: Version, day: Date, notes: &[Note]) -> Option<String> {
    if has(text, version) {
        return None;
    }
    let all: Vec<Heading> = headings(text).collect();
    let unreleased = all.iter().position(Heading::is_unreleased);
    let model = all.iter().find(|heading| !heading.is_unreleased());
    let spelled = match model {
        Some(model) if !model.name.starts_with(['v', 'V']) => {
            version.to_string().trim_start_matches('v').to_owned()
        }
        _ => version.to_string(),
    };
    let heading = if model.is_none_or(|model| model.bracket) {
        format!("## [{spelled}] - {day}")
    } else {
        format!("## {spelled} - {day}")
    };
    // Where the section of today goes, and what people wrote for it.
    let (before, written, after) = match unreleased {
        Some(nth) => {
            let from = all.get(nth)?.at;
            let body = from
                + text
                    .get(from..)?
                    .find('\n')
                    .map_or(text.len() - from, |end| end + 1);
            let end = all
                .get(nth + 1)
                .map_or_else(|| links(text).max(body), |next| next.at);
            (text.get(..body)?, text.get(body..end)?, text.get(end..)?)
        }
        None => {
            let at = all.first().map_or_else(|| links(text), |first| first.at);
            (text.get(..at)?, "", text.get(at..)?)
        }
    };
    let mut out = before.trim_end_matches('\n').to_owned();
    out.push_str("\n\n");
    out.push_str(&heading);
    out.push_str("\n\n");
    out.push_str(&body(written.trim_matches('\n'), notes));
    out.push('\n');
    if !after.is_empty() {
        out.push('\n');
        out.push_str(after);
    }
    Some(linked(&out, &spelled))
}

/// Where the definitions of links at the end begin; the end of the text where there are none.
fn links(text: &str) -> usize {
    let mut at = text.len();
    for line in text.split_inclusive('\n').rev() {
        let definition = line.starts_with('[') && line.contains("]: ");
        if !definition && !line.trim().is_empty() {
            break;
        }
        at -= line.len();
    }
    at
}

/// What people wrote, each group with what the commits add to it.
fn body(written: &str, notes: &[Note]) -> String {
    let mut parts: Vec<(Option<&str>, Vec<String>)> = vec![(None, Vec::new())];
    for line in written.lines() {
        if let Some(title) = line.strip_prefix("### ") {
            parts.push((Some(title.trim()), Vec::new()));
        } else if let Some((_, lines)) = parts.last_mut() {
            lines.push(line.to_owned());
        }
    }
    for group in Group::ALL {
        let told = written.to_lowercase();
        let fresh: Vec<String> = notes
            .iter()
            .filter(|note| note.group == group && !told.contains(&said(&note.text)))
            .map(|note| format!("- {}", note.text))
            .collect();
        if fresh.is_empty() {
            continue;
        }
        let place = parts.iter().position(|(title, _)| {
            title.is_some_and(|title| title.eq_ignore_ascii_case(group.title()))
        });
        match place.and_then(|at| parts.get_mut(at)) {
            Some((_, lines)) => {
                while lines.last().is_some_and(|line| line.trim().is_empty()) {
                    lines.pop();
                }
                lines.extend(fresh);
            }
            None => parts.push((
                Some(group.title()),
                std::iter::once(String::new()).chain(fresh).collect(),
            )),
        }
    }
    let texts: Vec<String> = parts
        .into_iter()
        .filter_map(|(title, lines)| {
            let text = lines.join("\n");
            match title {
                Some(title) => Some(format!("### {title}\n{}", text.trim_end())),
                None => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
            }
        })
        .collect();
    if texts.is_empty() {
        return "No changes.".to_owned();
    }
    texts.join("\n\n")
}

/// A note without its commit, to see whether people wrote the same.
fn said(note: &str) -> String {
    let text = note.rsplit_once(" (").map_or(note, |(text, _)| text);
    text.trim_start_matches("**BREAKING** ").to_lowercase()
}

/// `[Unreleased]: …/compare/v1.2.3...HEAD` begins at this version from now on, and this version ends there.
fn linked(text: &str, spelled: &str) -> String {
    let Some(line) = text.lines().rev().find(|line| {
        let name = line
            .strip_prefix('[')
            .and_then(|rest| rest.split_once("]: "));
        name.is_some_and(|(name, _)| name.eq_ignore_ascii_case("unreleased"))
    }) else {
        return text.to_owned();
    };
    let parts = line.split_once("]: ").and_then(|(name, address)| {
        let (base, range) = address.split_once("/compare/")?;
        let (from, to) = range.split_once("...")?;
        Some((name, base, from, to))
    });
    let Some((name, base, from, to)) = parts else {
        return text.to_owned();
    };
    // A tag is spelled as the last one was: `v1.2.3`, `auth/v1.2.3` or `1.2.3`.
    let plain = spelled.trim_start_matches('v');
    let digits = from.rfind('/').map_or(0, |at| at + 1);
    let (prefix, last) = from.split_at(digits);
    let v = if last.starts_with('v') { "v" } else { "" };
    let tag = format!("{prefix}{v}{plain}");
    let lines =
        format!("{name}]: {base}/compare/{tag}...{to}\n[{spelled}]: {base}/compare/{from}...{tag}");
    text.replacen(line, &lines, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(group: Group, text: &str) -> Note {
        Note {
            group,
            breaking: text.starts_with("**"),
            text: text.to_owned(),
        }
    }

    fn version(text: &str) -> Version {
        text.parse().expect("a version")
    }

    const DAY: Date = jiff::civil::date(2026, 11, 21);

    #[test]
    fn what_was_unreleased_becomes_the_section_and_the_commits_add_to_it() {
        let text = "# Changelog\n\nIntro.\n\n## [Unreleased]\n\n### Added\n\n- Passkeys, for everybody\n\n### Fixed\n\n- Clock skew\n\n## [1.2.3] - 2026-01-01\n\n- old\n\n[Unreleased]: https://h/x/compare/v1.2.3...HEAD\n[1.2.3]: https://h/x/releases/v1.2.3\n";
        let notes = [
            note(Group::Added, "passkeys, for everybody (9f3c2ab)"),
            note(Group::Added, "**BREAKING** tokens: v1 is refused (1111111)"),
            note(Group::Security, "pin the key (2222222)"),
        ];
        let made = release(Some(text), version("v1.3.0"), DAY, &notes);
        assert_eq!(
            made,
            "# Changelog\n\nIntro.\n\n## [Unreleased]\n\n## [1.3.0] - 2026-11-21\n\n### Added\n\n- Passkeys, for everybody\n- **BREAKING** tokens: v1 is refused (1111111)\n\n### Fixed\n\n- Clock skew\n\n### Security\n\n- pin the key (2222222)\n\n## [1.2.3] - 2026-01-01\n\n- old\n\n[Unreleased]: https://h/x/compare/v1.3.0...HEAD\n[1.3.0]: https://h/x/compare/v1.2.3...v1.3.0\n[1.2.3]: https://h/x/releases/v1.2.3\n"
        );
        // Another day, and other commits: what stands there stays.
        let again = release(
            Some(&made),
            version("v1.3.0"),
            jiff::civil::date(2027, 1, 1),
            &[],
        );
        assert_eq!(again, made);
    }

    #[test]
    fn a_file_keeps_its_spelling_and_its_line_ends_and_a_missing_one_is_begun() {
        let text = "# News\r\n\r\n## v1.0.0 - 2026-01-01\r\n\r\n- first\r\n";
        let made = release(
            Some(text),
            version("v1.1.0"),
            DAY,
            &[note(Group::Fixed, "a (9f3c2ab)")],
        );
        assert_eq!(
            made,
            "# News\r\n\r\n## v1.1.0 - 2026-11-21\r\n\r\n### Fixed\r\n\r\n- a (9f3c2ab)\r\n\r\n## v1.0.0 - 2026-01-01\r\n\r\n- first\r\n"
        );
        let begun = release(None, version("v0.1.0"), DAY, &[]);
        assert!(
            begun.ends_with("## [Unreleased]\n\n## [v0.1.0] - 2026-11-21\n\nNo changes.\n"),
            "{begun}"
        );
        // What is quoted is no heading.
        let quoted = "# C\n\n```\n## [v9.0.0]\n```\n";
        assert!(!has(quoted, version("v9.0.0")));
        assert!(release(Some(quoted), version("v9.0.0"), DAY, &[]).starts_with(quoted));
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(500))]

        #[test]
        fn nothing_that_people_wrote_is_lost_and_a_second_time_changes_nothing(
            text in "(\\PC{0,12}\n|## \\[?[a-zU0-9.]{0,10}\\]?\n|### (Added|Fixed)\n|- x\n|\n){0,14}",
        ) {
            let notes = [note(Group::Added, "something new (9f3c2ab)")];
            let made = release(Some(&text), version("v7.7.7"), DAY, &notes);
            proptest::prop_assert!(has(&made, version("v7.7.7")) || text.contains("```"), "{}", made);
            for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('[')) {
                proptest::prop_assert!(made.contains(line.trim_end()), "{line:?} is lost of {text:?}: {made}");
            }
            if has(&made, version("v7.7.7")) {
                proptest::prop_assert_eq!(release(Some(&made), version("v7.7.7"), DAY, &notes), made);
            }
        }
    }
}
