//! A version set in a file, and nothing else of it changed: not a byte beside the value. What cannot be found, or is there
//! twice, is refused with its line.

mod json;
mod toml;

use std::ops::Range;

use regex::RegexBuilder;

use crate::domain::{
    version::Version,
    version_file::{Place, VersionFile},
};

/// The text with that version in its place, and the line it stands on (from 1). Without a `v` where there was none.
pub fn set(file: &VersionFile, text: &str, version: Version) -> Result<(String, usize), String> {
    let found = match &file.place {
        Place::Whole => vec![whole(text)],
        Place::Json(pointer) => json::find(text, pointer)?,
        Place::Toml(steps) => toml::find(text, steps)?,
        Place::Pattern(pattern) => matched(text, pattern)?,
    };
    let at = match found.as_slice() {
        [] => return Err("there is no such value in it".to_owned()),
        [at] => at.clone(),
        several => {
            let lines: Vec<String> = several
                .iter()
                .map(|at| line(text, at.start).to_string())
                .collect();
            return Err(format!(
                "it stands there {} times, on lines {}",
                several.len(),
                lines.join(", ")
            ));
        }
    };
    let old = text.get(at.clone()).unwrap_or_default();
    let nth = line(text, at.start);
    let digits = old.strip_prefix('v').unwrap_or(old);
    if !digits.starts_with(|c: char| c.is_ascii_digit()) || old.chars().any(char::is_whitespace) {
        return Err(format!(
            "line {nth} has no version there that could be replaced"
        ));
    }
    let new = version.to_string();
    let new = if old.starts_with('v') {
        new.as_str()
    } else {
        new.trim_start_matches('v')
    };
    let mut changed = text.to_owned();
    changed.replace_range(at, new);
    Ok((changed, nth))
}

fn whole(text: &str) -> Range<usize> {
    let begin = text.len() - text.trim_start().len();
    begin..begin + text.trim().len()
}

fn matched(text: &str, pattern: &str) -> Result<Vec<Range<usize>>, String> {
    let regex = RegexBuilder::new(pattern)
        .multi_line(true)
        .build()
        .map_err(|error| format!("the pattern cannot be read: {error}"))?;
    if regex.captures_len() != 2 {
        return Err("the pattern needs exactly one group, around the version".to_owned());
    }
    let groups = regex.captures_iter(text).filter_map(|found| found.get(1));
    Ok(groups.map(|group| group.range()).collect())
}

fn line(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> VersionFile {
        VersionFile::parse(text).expect("a file and a place")
    }

    fn changed(file: &VersionFile, text: &str) -> Result<(String, usize), String> {
        set(file, text, "v1.3.0".parse().expect("a version"))
    }

    #[test]
    fn only_the_bytes_of_the_value_change() {
        for (place, text, line) in [
            ("VERSION", "  @\n", 1),
            (
                "package.json:/version",
                "{\n  \"scripts\" : {\"version\": \"x\"},\n\t\"ver\\u0073ion\":   \"@\" , \"a\": [1, {}]}\n",
                3,
            ),
            (
                "package-lock.json:/packages//version",
                "{\"packages\": {\"node_modules/a\": {\"version\": \"9\"}, \"\": {\"x\": \"\\\"}\", \"version\": \"@\"}}}",
                1,
            ),
            (
                "a.json:/list/1/version",
                "{\"list\": [{}, {\"version\": \"@\"}]}",
                1,
            ),
            (
                "Cargo.toml:package.version",
                "# top\r\n[package] # here\r\nname=\"a\"\r\nversion  =  '@' # keep\r\n[dependencies]\r\nb = { version = \"2\" }\r\n",
                4,
            ),
            (
                "Cargo.lock:package[name=auth].version",
                "[[package]]\nname = \"b\"\nversion = \"9\"\n\n[[package]]\nname = \"auth\"\nversion = \"@\"\n",
                7,
            ),
            (
                "pyproject.toml:project.version",
                "[project]\nversion = \"\"\"@\"\"\"\n",
                2,
            ),
        ] {
            let made = changed(&file(place), &text.replace('@', "1.2.3-rc.1"));
            assert_eq!(made, Ok((text.replace('@', "1.3.0"), line)), "{place}");
        }
        let by = |pattern: &str| VersionFile {
            path: "a.py".into(),
            place: Place::Pattern(pattern.into()),
        };
        let made = changed(
            &by("^__version__ = '(.+)'$"),
            "x\n__version__ = 'v1.0.0'\ny\n",
        );
        assert_eq!(made, Ok(("x\n__version__ = 'v1.3.0'\ny\n".into(), 2)));
    }

    #[test]
    fn what_is_not_there_or_there_twice_is_refused_with_its_place() {
        for (place, text, why) in [
            ("VERSION", "", "line 1 has no version"),
            ("VERSION", "see\npackage.json", "line 1 has no version"),
            ("p.json:/version", "{", "line 1"),
            ("p.json:/version", "{}", "no such value"),
            ("p.json:/version", "{\"version\": 3}", "no text"),
            (
                "p.json:/version",
                "{\"version\": \"1\",\n\"version\": \"2\"}",
                "2 times, on lines 1, 2",
            ),
            (
                "p.json:/version",
                "{\n\"version\": \"next\"}",
                "line 2 has no version",
            ),
            ("C.toml:package.version", "x = ", "line 1"),
            ("C.toml:package.version", "[package]\n", "no such value"),
            (
                "C.toml:package.version",
                "[package]\nversion.workspace = true\n",
                "workspace.package.version",
            ),
            (
                "C.lock:package[name=a].version",
                "[[package]]\nname='a'\nversion='1'\n[[package]]\nname='a'\nversion='2'\n",
                "2 times, on lines 3, 6",
            ),
        ] {
            let refused = changed(&file(place), text).expect_err(text);
            assert!(refused.contains(why), "{place}: {refused}");
        }
        for (pattern, why) in [
            ("(", "cannot be read"),
            ("a", "one group"),
            ("(\\d)", "3 times"),
        ] {
            let by = VersionFile {
                path: "a".into(),
                place: Place::Pattern(pattern.into()),
            };
            let refused = changed(&by, "1\n2\n3").expect_err(pattern);
            assert!(refused.contains(why), "{pattern}: {refused}");
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(500))]

        #[test]
        fn json_stays_the_same_value_but_for_the_version(
            key in "[a-z\"\\\\/~é]{0,4}",
            other in "\\PC{0,8}",
            deep in proptest::prelude::any::<bool>(),
        ) {
            let mut value = serde_json::json!({ "a": [other, {"version": "9"}], "z": null, key.clone(): "0.1.0" });
            let mut pointer = format!("/{}", key.replace('~', "~0").replace('/', "~1"));
            if deep {
                value = serde_json::json!([value]);
                pointer = format!("/0{pointer}");
            }
            let text = serde_json::to_string_pretty(&value).expect("JSON");
            let (made, _) = json::find(&text, &pointer).and_then(|found| {
                let at = found.first().cloned().ok_or("not found")?;
                let mut made = text.clone();
                made.replace_range(at, "1.3.0");
                Ok((made, 0))
            }).expect("found");
            *value.pointer_mut(&pointer).expect("there") = "1.3.0".into();
            let read: serde_json::Value = serde_json::from_str(&made).expect("JSON");
            proptest::prop_assert_eq!(read, value);
        }
    }
}
