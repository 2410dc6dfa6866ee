//! What is wrong with a configuration: where, in one sentence, and what to do. All of it at once.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::paths::Trust;

/// One thing wrong, at its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// As it was named to us.
    pub file: PathBuf,
    /// From 1; 0 when the file as a whole is meant.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    pub sentence: String,
    /// The next step.
    pub hint: String,
}

impl Problem {
    /// The file as a whole: it cannot be read, or anybody may change it.
    pub(super) fn of_file(
        file: &Path,
        sentence: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            file: file.to_owned(),
            line: 0,
            column: 0,
            sentence: sentence.into(),
            hint: hint.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if self.line > 0 {
            write!(f, "{}:{}:", self.line, self.column)?;
        }
        write!(f, " {}; {}", self.sentence, self.hint)
    }
}

/// Everything wrong with one file, in the order of its lines. One problem a line when shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// A value and where it was typed, as a byte offset into the text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct At<T> {
    pub at: usize,
    pub value: T,
}

/// Collects what is found while a text is read.
pub(super) struct Report<'a> {
    file: &'a Path,
    text: &'a str,
    pub trust: Trust,
    problems: Vec<Problem>,
    /// Found after there were enough.
    more: usize,
    warnings: Vec<Problem>,
}

/// Nobody reads more; and a text that is wrong everywhere is wrong once.
const MOST: usize = 200;

impl<'a> Report<'a> {
    pub fn new(file: &'a Path, text: &'a str, trust: Trust) -> Self {
        Self {
            file,
            text,
            trust,
            problems: Vec::new(),
            more: 0,
            warnings: Vec::new(),
        }
    }

    pub fn problem(&mut self, at: usize, sentence: impl Into<String>, hint: impl Into<String>) {
        if self.problems.len() >= MOST {
            self.more += 1;
            return;
        }
        let problem = self.place(at, sentence.into(), hint.into());
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    pub fn warning(&mut self, at: usize, sentence: impl Into<String>, hint: impl Into<String>) {
        if self.warnings.len() >= MOST {
            return;
        }
        let warning = self.place(at, sentence.into(), hint.into());
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    /// The warnings, or every problem.
    pub fn finish(mut self) -> Result<Vec<Problem>, Problems> {
        let place = |problem: &Problem| (problem.line, problem.column);
        if self.problems.is_empty() {
            self.warnings.sort_by_key(place);
            Ok(self.warnings)
        } else {
            self.problems.sort_by_key(place);
            if self.more > 0 {
                self.problems.push(Problem::of_file(
                    self.file,
                    format!("there are {} more", self.more),
                    "begin with those above",
                ));
            }
            Err(Problems(self.problems))
        }
    }

    fn place(&self, at: usize, sentence: String, hint: String) -> Problem {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Problem {
            file: self.file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            sentence,
            hint,
        }
    }
}

/// The candidate somebody probably meant.
pub(super) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let word = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| {
            let distance = strsim::damerau_levenshtein(&word, &candidate.to_lowercase());
            (distance, candidate)
        })
        .filter(|(distance, candidate)| {
            *distance <= 1 + candidate.chars().count() / 4
                || (word.len() >= 3 && candidate.starts_with(&word))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// *did you mean `x`?*, or else what there is.
pub(super) fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str> + Clone,
) -> String {
    if let Some(near) = nearest(word, candidates.clone()) {
        return format!("did you mean `{near}`?");
    }
    let all: Vec<&str> = candidates.into_iter().collect();
    match all.as_slice() {
        [] => "there are none".to_owned(),
        [only] => format!("there is only {only}"),
        many => format!("there are: {}", many.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters() {
        let text = "a = 1\nnäme = 2\n";
        let path = Path::new("gonogo.toml");
        let check = |at: usize, line: usize, column: usize| {
            let mut report = Report::new(path, text, Trust::Own);
            report.problem(at, "wrong", "do better");
            let Err(Problems(problems)) = report.finish() else {
                return assert!(line == 0, "a problem was expected");
            };
            assert_eq!((problems[0].line, problems[0].column), (line, column));
        };
        check(0, 1, 1);
        check(4, 1, 5);
        check(6, 2, 1);
        check(12, 2, 6);
        check(9_999, 3, 1);
    }

    #[test]
    fn the_nearest_word_is_offered_only_when_it_is_near() {
        let words = ["protected", "purpose", "policy"];
        assert_eq!(nearest("protcted", words), Some("protected"));
        assert_eq!(nearest("Protected", words), Some("protected"));
        assert_eq!(nearest("prot", words), Some("protected"));
        assert_eq!(nearest("colour", words), None);
        assert_eq!(
            did_you_mean("colour", words),
            "there are: protected, purpose, policy"
        );
    }
}
