//! What changes a repository goes through the `git` program, so that credentials, signing and hooks work as people set
//! them up. Nothing is ever forced, and no tag is moved: git refuses both, and so do we.

use std::{path::Path, process::Stdio, time::Duration};

use tokio::process::Command;

use crate::domain::{
    fault::{Fault, FaultKind},
    release::Commit,
};

/// A push over a slow line takes its time; a program that asks somebody for a password never ends.
const DEADLINE: Duration = Duration::from_secs(60);

/// The words of one call, the program first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words(pub Vec<String>);

impl std::fmt::Display for Words {
    /// As a shell would take it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (nth, word) in self.0.iter().enumerate() {
            if nth > 0 {
                f.write_str(" ")?;
            }
            let plain = !word.is_empty()
                && word
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_./:=@+{}^~".contains(c));
            if plain {
                f.write_str(word)?;
            } else {
                write!(f, "'{}'", word.replace('\'', "'\\''"))?;
            }
        }
        Ok(())
    }
}

fn words(source: &Path, rest: &[&str]) -> Words {
    let source = source.display().to_string();
    let head = ["git", "-C", &source];
    Words(
        head.iter()
            .chain(rest)
            .map(|word| (*word).to_owned())
            .collect(),
    )
}

/// An annotated tag; git refuses it where one of that name is there.
pub fn tag(source: &Path, tag: &str, commit: &str, message: &str) -> Words {
    words(source, &["tag", "-a", "-m", message, "--", tag, commit])
}

/// That one tag, and nothing else. Without `+` and `--force`: a tag that the other side has is refused.
pub fn push(source: &Path, remote: &str, tag: &str) -> Words {
    let reference = format!("refs/tags/{tag}:refs/tags/{tag}");
    words(source, &["push", "--porcelain", "--", remote, &reference])
}

/// That one branch; what the other side has beyond it is never pushed over.
pub fn push_branch(source: &Path, remote: &str, branch: &str) -> Words {
    let reference = format!("refs/heads/{branch}:refs/heads/{branch}");
    words(source, &["push", "--porcelain", "--", remote, &reference])
}

/// What the other side calls so, asked of itself.
pub fn look(source: &Path, remote: &str, reference: &str) -> Words {
    words(source, &["ls-remote", "--", remote, reference])
}

/// A branch on a commit; git refuses it where one of that name is there.
pub fn branch(source: &Path, branch: &str, commit: &str) -> Words {
    words(source, &["branch", "--no-track", "--", branch, commit])
}

/// A checkout of that commit beside the one that people work in.
pub fn checkout(source: &Path, place: &Path, commit: &Commit) -> Words {
    let place = place.display().to_string();
    words(
        source,
        &[
            "worktree",
            "add",
            "--quiet",
            "--detach",
            "--",
            &place,
            commit.as_str(),
        ],
    )
}

/// That checkout again, with whatever is in it.
pub fn remove_checkout(source: &Path, place: &Path) -> Words {
    let place = place.display().to_string();
    words(source, &["worktree", "remove", "--force", "--", &place])
}

pub fn stage(checkout: &Path, paths: &[&str]) -> Words {
    words(checkout, &[&["add", "--"], paths].concat())
}

/// As it is set up for people: with their name, their hooks and their signature.
pub fn commit(checkout: &Path, message: &str) -> Words {
    words(checkout, &["commit", "--quiet", "-m", message])
}

/// Takes back a tag that nobody has seen, if it is still the one that was made.
pub fn take_back(source: &Path, tag: &str, object: &str) -> Words {
    let reference = format!("refs/tags/{tag}");
    words(source, &["update-ref", "-d", &reference, object])
}

/// The remotes, in git's order.
pub async fn remotes(source: &Path) -> Result<Vec<String>, Fault> {
    let answer = run(&words(source, &["remote"]), "listing the remotes").await?;
    Ok(answer.lines().map(str::to_owned).collect())
}

/// The object that the other side has under that name: `refs/tags/v1.2.3`.
pub async fn remote_object(
    source: &Path,
    remote: &str,
    reference: &str,
) -> Result<Option<String>, Fault> {
    let doing = format!("asking {remote} for {reference}");
    let answer = run(&look(source, remote, reference), &doing).await?;
    Ok(answer.lines().find_map(|line| {
        let (object, name) = line.split_once('\t')?;
        (name == reference).then(|| object.to_owned())
    }))
}

/// What it printed. Nobody is there to answer a question, and words are those of every country.
pub async fn run(words: &Words, doing: &str) -> Result<String, Fault> {
    run_within(words, doing, DEADLINE).await
}

/// The same, for what may take longer: a checkout of much, hooks that test.
pub async fn run_within(words: &Words, doing: &str, deadline: Duration) -> Result<String, Fault> {
    let fault = |kind, detail: &str| Fault::new("git", kind, doing, detail);
    let [program, arguments @ ..] = words.0.as_slice() else {
        return Err(fault(FaultKind::Bug, "no program was named"));
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env("LC_ALL", "C")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_EDITOR", "false")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    // Else a repository around the place where gonogo was started would be meant.
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        command.env_remove(name);
    }
    let output = tokio::time::timeout(deadline, command.output())
        .await
        .map_err(|_| {
            let detail = format!("git did not end within {} s", deadline.as_secs());
            fault(FaultKind::TimedOut, &detail).hint(format!("Try it by hand: `{words}`"))
        })?
        .map_err(|error| {
            fault(FaultKind::NotFound, &format!("git cannot be run: {error}"))
                .hint("Install git, and see that it is in PATH")
                .not_sent()
        })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let told = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<&str> = said
        .lines()
        .chain(told.lines().filter(|line| line.starts_with('!')))
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("hint:"))
        .take(6)
        .collect();
    Err(fault(FaultKind::Refused, &lines.join("; ")).hint(format!("Try it by hand: `{words}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_forced_and_one_tag_is_pushed() {
        let source = Path::new("/src/shop");
        let commit = Commit::unknown();
        let commit = commit.as_str();
        let made = tag(source, "auth/v1.2.3", commit, "Dana's release").to_string();
        assert_eq!(
            made,
            format!("git -C /src/shop tag -a -m 'Dana'\\''s release' -- auth/v1.2.3 {commit}")
        );
        let pushed = push(source, "origin", "auth/v1.2.3");
        assert_eq!(
            pushed.to_string(),
            "git -C /src/shop push --porcelain -- origin refs/tags/auth/v1.2.3:refs/tags/auth/v1.2.3"
        );
        for words in [
            &pushed,
            &tag(source, "v1.2.3", commit, "x"),
            &branch(source, "release/v1.2.3", commit),
        ] {
            let forces = |word: &String| {
                word.starts_with('+') || word == "-f" || word.starts_with("--force")
            };
            assert!(!words.0.iter().any(forces), "{words}");
        }
    }
}
