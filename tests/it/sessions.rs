//! Sessions: scripts that a release manager can read, whose transcript is what they hold themselves. Every
//! `tests/sessions/**/*.session` is run; none needs a line of Rust. `GONOGO_BLESS=1` writes down what was said instead of
//! comparing it, and `GONOGO_SESSION=004` runs those whose path has that in it.
//!
//! A file is prose (`# …`), blank lines and steps. A step begins at the margin; what belongs to it is indented by two
//! columns. The first step says what it is about: `rehearse SCENARIO` starts a served practice cluster and runs verbs
//! against it ([`headless`]), `cockpit STORY` takes a cockpit in memory and presses keys ([`cockpit`]).

mod cockpit;
mod headless;
mod masks;
mod script;

use std::{
    collections::VecDeque,
    panic::AssertUnwindSafe,
    path::{Path, PathBuf},
    sync::Mutex,
};

use script::{Script, Step};

/// What runs the steps of one file. The answer is what belongs below a step, without its indentation; `None` leaves the
/// step as it is written.
pub trait Stage {
    fn play(&mut self, step: &Step) -> Option<Vec<String>>;
}

fn stage(first: &Step) -> Box<dyn Stage> {
    match first.words().as_slice() {
        ["rehearse", scenario] => Box::new(headless::Served::start(scenario)),
        ["cockpit", story] => Box::new(cockpit::Room::of(story)),
        _ => panic!(
            "line {}: begin with `rehearse SCENARIO` or `cockpit STORY`",
            first.line
        ),
    }
}

/// The same script with what was said now, and where it could not go on.
fn play(script: &Script) -> (Script, Option<String>) {
    let mut steps = script.steps.iter();
    let mut played = script.clone();
    let first = steps.next().expect("a session has steps");
    let mut stage = stage(first);
    for (index, step) in steps.enumerate() {
        let said = std::panic::catch_unwind(AssertUnwindSafe(|| stage.play(step)));
        match said {
            Ok(Some(mut said)) => {
                // Blank lines at the end belong to the layout of the file.
                while said.last().is_some_and(String::is_empty) {
                    said.pop();
                }
                played.steps[index + 1].body = said;
            }
            Ok(None) => {}
            Err(cause) => {
                let why = format!("{}: `{}`: {}", step.line, step.head, why(&*cause));
                return (played, Some(why));
            }
        }
    }
    (played, None)
}

fn why(cause: &(dyn std::any::Any + Send)) -> String {
    let text = cause.downcast_ref::<String>().cloned();
    text.or_else(|| cause.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "it panicked".to_owned())
}

/// What differs, as lines with their place in the file.
fn difference(path: &Path, script: &Script, played: &Script) -> Vec<String> {
    let mut lines = Vec::new();
    for (meant, said) in script.steps.iter().zip(&played.steps) {
        if meant.body == said.body {
            continue;
        }
        lines.push(format!("{}:{}: {}", path.display(), meant.line, meant.head));
        let common = meant.body.iter().zip(&said.body);
        let same = common.take_while(|(meant, said)| meant == said).count();
        let from = same.saturating_sub(2);
        lines.extend(
            meant.body[from..same]
                .iter()
                .map(|line| format!("      {line}")),
        );
        let differing = |body: &[String], mark: char| -> Vec<String> {
            let rest = body[same..].iter().take(12);
            rest.map(|line| format!("    {mark} {line}")).collect()
        };
        lines.extend(differing(&meant.body, '-'));
        lines.extend(differing(&said.body, '+'));
    }
    lines
}

fn found(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found(&path, files);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "session")
        {
            files.push(path);
        }
    }
}

fn check(path: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(path).unwrap();
    let script = Script::read(&text).map_err(|why| format!("{}:{why}", path.display()))?;
    if script.to_string() != text && std::env::var_os("GONOGO_BLESS").is_none() {
        return Err(format!(
            "{}: not laid out as GONOGO_BLESS=1 would",
            path.display()
        ));
    }
    let (played, stuck) = std::panic::catch_unwind(AssertUnwindSafe(|| play(&script)))
        .map_err(|cause| format!("{}: {}", path.display(), why(&*cause)))?;
    if std::env::var_os("GONOGO_BLESS").is_some() {
        std::fs::write(path, played.to_string()).unwrap();
    }
    if let Some(why) = stuck {
        return Err(format!("{}:{why}", path.display()));
    }
    if std::env::var_os("GONOGO_BLESS").is_some() {
        return Ok(());
    }
    match difference(path, &script, &played) {
        lines if lines.is_empty() => Ok(()),
        lines => Err(lines.join("\n")),
    }
}

/// Two at a time: each has a practice cluster and a process of its own.
const AT_ONCE: usize = 2;

#[test]
fn every_session_says_what_its_file_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sessions");
    let mut files = Vec::new();
    found(&root, &mut files);
    if let Ok(wanted) = std::env::var("GONOGO_SESSION") {
        files.retain(|path| path.to_string_lossy().contains(&wanted));
    }
    files.sort();
    assert!(!files.is_empty(), "no session below {}", root.display());
    let (due, failed) = (Mutex::new(VecDeque::from(files)), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let next = due.lock().unwrap().pop_front();
                    let Some(path) = next else { return };
                    if let Err(why) = check(&path) {
                        failed.lock().unwrap().push(why);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(
        failed.is_empty(),
        "{}\n\nGONOGO_BLESS=1 writes down what is said now",
        failed.join("\n\n")
    );
}
