//! Where a project says its own version: which files of its repository, and at which place in each (SPEC R7).

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a release changes in the repository before it is tagged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preparing {
    pub version_files: Vec<VersionFile>,
    /// Path of the CHANGELOG in the repository.
    pub changelog: String,
}

impl Default for Preparing {
    fn default() -> Self {
        Self {
            version_files: Vec::new(),
            changelog: "CHANGELOG.md".to_owned(),
        }
    }
}

/// One file and the place of the version in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionFile {
    /// From the root of the repository, with `/`.
    pub path: String,
    pub place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The file says nothing else.
    Whole,
    /// A JSON pointer: `/version`, `/packages//version`
    /// (<https://www.rfc-editor.org/rfc/rfc6901>).
    Json(String),
    /// The steps to a value of a TOML file: `package.version`, or `package[name=auth].version` in a list of tables.
    Toml(String),
    /// What the only group of this regular expression matches; `^` and `$` are those of a line.
    Pattern(String),
}

impl VersionFile {
    /// `VERSION`, `package.json:/version` or `Cargo.toml:package.version`.
    pub fn parse(text: &str) -> Option<Self> {
        let (path, place) = match text.split_once(':') {
            None => (text, Place::Whole),
            Some((path, place)) if place.starts_with('/') => (path, Place::Json(place.to_owned())),
            Some((path, place)) if place.split('.').all(|step| !step.is_empty()) => {
                (path, Place::Toml(place.to_owned()))
            }
            Some(_) => return None,
        };
        is_inner(path).then(|| Self {
            path: path.to_owned(),
            place,
        })
    }
}

impl fmt::Display for VersionFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Whole => f.write_str(&self.path),
            Place::Json(place) | Place::Toml(place) => write!(f, "{}:{place}", self.path),
            Place::Pattern(pattern) => write!(f, "{} by {pattern}", self.path),
        }
    }
}

/// A file within a repository, and none of git's own.
pub fn is_inner(path: &str) -> bool {
    !path.is_empty()
        && !path.chars().any(|c| c.is_control() || c == '\\')
        && path.split('/').all(|segment| {
            !matches!(segment, "" | "." | "..") && !segment.eq_ignore_ascii_case(".git")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_and_its_place_are_read_as_they_are_written() {
        let of = |text: &str| VersionFile::parse(text).map(|it| it.place);
        assert_eq!(of("VERSION"), Some(Place::Whole));
        let json = Place::Json("/version".into());
        assert_eq!(of("web/package.json:/version"), Some(json));
        let toml = Place::Toml("package.version".into());
        assert_eq!(of("Cargo.toml:package.version"), Some(toml));
        for bad in [
            "",
            "/etc/passwd",
            "../VERSION",
            "a/../VERSION",
            ".git/config:core.version",
            "a/.GIT/x",
            "a\\b",
            "Cargo.toml:",
            "Cargo.toml:package..version",
            ":/version",
        ] {
            assert_eq!(VersionFile::parse(bad), None, "{bad}");
        }
        for text in ["VERSION", "p.json:/a/0", "C.toml:package[name=x].version"] {
            let read = VersionFile::parse(text).map(|it| it.to_string());
            assert_eq!(read.as_deref(), Some(text));
        }
    }
}
