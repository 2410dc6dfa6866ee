//! What is another one in each run has a name in a transcript: `{time}`, `{span}`, and with its number, because it matters
//! that it is the same, `{digest-1}` or `{commit-2}`. Those stand for what they named in the lines that follow, too.

use std::path::Path;

use regex::{Captures, Regex};

/// What a wait says while it waits is another thing in each run; where it ended is not.
const AS_TIME_GOES_BY: &str = r"^\d\d:\d\d:\d\d  ";

/// In this order.
const SIMPLE: [(&str, &str); 17] = [
    (r"127\.0\.0\.1:\d+", "127.0.0.1:{port}"),
    (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "{time}"),
    (r"\b\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?( UTC)?", "{time}"),
    (r"\b\d\d:\d\d:\d\d( UTC)?", "{time}"),
    (r"\b\d{4}-\d\d-\d\d\b", "{date}"),
    (r"\bT[+-](\d+:)?\d+:\d\d", "T{offset}"),
    (r"\b(\d+:)?\d+:\d\d\b", "{span}"),
    (r"\b\d+ (requests|entries)", "{n} $1"),
    // How long a leg of the hotfix clock took is the machine's doing.
    (r"(^leg .* done), LATE", "$1"),
    (r"\b\d+ [KMGT]iB free", "{size} free"),
    (r"\(and \d+ more\)", "(and {n} more)"),
    (r"\bEntries \d+ to \d+", "Entries {n} to {n}"),
    (r"(controls: \w+).*", "$1 …"),
    (r"(currentPodHash\}=)\w+", "${1}{hash}"),
    (r#"(/currentPodHash","value":")\w+"#, "${1}{hash}"),
    (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "{uid}"),
    (r"( {2,})(\{(?:span|time)\})", "  $2"),
];

/// A limit is meant to be read, and so is a bake.
const FIGURE: &str = r"(limit |bakes |within )?(\b\d+(?:\.\d+)? (?:ms|s|min|h|d)\b|\b\d+\.\d+ %)";

pub struct Masks {
    dir: String,
    simple: Vec<(Regex, &'static str)>,
    figure: Regex,
    going_by: Regex,
    digest: Regex,
    hex: Regex,
    digests: Vec<(String, String)>,
    commits: Vec<(String, String)>,
}

impl Masks {
    pub fn new(dir: &Path) -> Self {
        let regex = |text: &str| Regex::new(text).unwrap();
        Self {
            dir: dir.display().to_string(),
            simple: SIMPLE.map(|(text, name)| (regex(text), name)).to_vec(),
            figure: regex(FIGURE),
            going_by: regex(AS_TIME_GOES_BY),
            digest: regex(r"\b(?:sha256:[0-9a-f]{7,64}|[0-9a-f]{64}|plan [0-9a-f]{12})\b"),
            hex: regex(r"\b[0-9a-f]{7,40}\b"),
            digests: Vec::new(),
            commits: Vec::new(),
        }
    }

    /// `known` are the commits that the repository has, whole.
    pub fn mask(&mut self, text: &str, known: &[String]) -> Vec<String> {
        let lines: Vec<&str> = text.lines().collect();
        let passes = |line: &str| self.going_by.is_match(line);
        let last = lines.iter().rposition(|line| passes(line));
        let kept: Vec<String> = lines
            .iter()
            .enumerate()
            .filter(|(index, line)| Some(*index) == last || !passes(line))
            .map(|(_, line)| (*line).to_owned())
            .collect();
        kept.iter().map(|line| self.line(line, known)).collect()
    }

    fn line(&mut self, line: &str, known: &[String]) -> String {
        let mut line = line.replace(&self.dir, "{dir}");
        for found in whole(&self.digest, &line) {
            let bare = found
                .trim_start_matches("sha256:")
                .trim_start_matches("plan ");
            let name = named(&mut self.digests, bare, "digest");
            let lead = if found.starts_with("plan ") {
                "plan "
            } else {
                ""
            };
            line = line.replacen(&found, &format!("{lead}{name}"), 1);
        }
        for found in whole(&self.hex, &line) {
            let commit = known.iter().find(|commit| commit.starts_with(&found));
            let name = if let Some(commit) = commit {
                named(&mut self.commits, commit, "commit")
            } else if self
                .digests
                .iter()
                .any(|(_, digest)| digest.starts_with(&found))
            {
                named(&mut self.digests, &found, "digest")
            } else {
                continue;
            };
            line = line.replacen(&found, &name, 1);
        }
        // Times first, so that they are not taken for spans.
        for (regex, name) in &self.simple[..self.simple.len() - 1] {
            line = regex.replace_all(&line, *name).into_owned();
        }
        let figure = |found: &Captures<'_>| match found.get(1) {
            Some(_) => found[0].to_owned(),
            None if found[2].ends_with('%') => "{percent}".to_owned(),
            None => "{span}".to_owned(),
        };
        line = self.figure.replace_all(&line, figure).into_owned();
        let (regex, name) = &self.simple[self.simple.len() - 1];
        regex.replace_all(&line, *name).trim_end().to_owned()
    }

    /// From here on this digest is called so.
    pub fn call(&mut self, digest: &str, name: &str) {
        let bare = digest.trim_start_matches("sha256:").to_owned();
        self.digests.retain(|(_, known)| !bare.starts_with(known));
        self.digests.push((name.to_owned(), bare));
    }

    /// With what the names stand for.
    pub fn unmask(&self, line: &str) -> String {
        let mut line = line.replace("{dir}", &self.dir);
        for (name, value) in &self.digests {
            line = line.replace(name, &format!("sha256:{value}"));
        }
        for (name, value) in &self.commits {
            line = line.replace(name, value);
        }
        line
    }
}

fn whole(regex: &Regex, line: &str) -> Vec<String> {
    regex
        .find_iter(line)
        .map(|found| found.as_str().to_owned())
        .collect()
}

/// The longest that was seen of it is kept.
fn named(all: &mut Vec<(String, String)>, value: &str, kind: &str) -> String {
    let same = |known: &String| known.starts_with(value) || value.starts_with(known.as_str());
    if let Some((name, known)) = all.iter_mut().find(|(_, known)| same(known)) {
        if value.len() > known.len() {
            value.clone_into(known);
        }
        return name.clone();
    }
    let name = format!("{{{kind}-{}}}", all.len() + 1);
    all.push((name.clone(), value.to_owned()));
    name
}

#[test]
fn what_changes_has_a_name_and_the_same_thing_the_same() {
    let mut masks = Masks::new(Path::new("/practice"));
    let commit = "6e7f0b21d3d4eeab592fe76ff0d86a2ec57c9f24".to_owned();
    let known = [commit.clone()];
    let digest = "c04930f2be8d085485ca6afc85f6cc5c9a843313def04068487c225e42820d2c";
    let mut said = |text: &str| masks.mask(text, &known).join("|");
    assert_eq!(said(&format!("plan sha256:{digest}")), "plan {digest-1}");
    assert_eq!(
        said("plan c04930f2be8d of 6e7f0b2, sha256:dd9f5327ba05, facade deadbee"),
        "plan {digest-1} of {commit-1}, {digest-2}, facade deadbee"
    );
    assert_eq!(
        said(
            "2026-11-21 18:46 UTC T+0:14 took    8.3 s, 234 ms, limit 500 ms, 0.04 %, limit 0.10 %, 10 %"
        ),
        "{time} T{offset} took  {span}, {span}, limit 500 ms, {percent}, limit 0.10 %, 10 %"
    );
    assert_eq!(said("in /practice/gonogo.toml"), "in {dir}/gonogo.toml");
    assert_eq!(said("fly\n10:00:00  a\n10:00:01  b"), "fly|{time}  b");
    assert_eq!(
        masks.unmask("--plan {digest-1} {commit-1}"),
        format!("--plan sha256:{digest} {commit}")
    );
}
