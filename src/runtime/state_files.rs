//! Keeps the state files in step with the ledger, off every task that acts or draws: a folder that hangs delays nothing.
//! Whole files only: beside it first, then in its place.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::Path,
    time::Duration,
};

use tokio::{sync::watch, task::JoinHandle};

use crate::{
    domain::{text::Clean, workspace::Workspace},
    flight::{
        known::Known,
        state_files::{Expected, expected},
    },
};

/// Nobody's state file is larger.
const LARGEST: u64 = 1 << 20;
/// On the way out, what is still to be written gets so long.
const LAST: Duration = Duration::from_secs(5);

/// The newest of what has to be written, and the task that writes it.
pub struct StateFiles {
    newest: watch::Sender<Vec<Expected>>,
    task: JoinHandle<Vec<String>>,
    /// The entry of the ledger up to which it was told.
    seq: Option<u64>,
}

impl StateFiles {
    /// None where no project keeps any.
    pub fn start(workspace: &Workspace) -> Option<Self> {
        if workspace.state_files.is_empty() {
            return None;
        }
        let (newest, mut told) = watch::channel(Vec::new());
        let task = tokio::spawn(async move {
            let mut problems = Vec::new();
            while told.changed().await.is_ok() {
                let files: Vec<Expected> = told.borrow_and_update().clone();
                let written = tokio::task::spawn_blocking(move || write_all(&files));
                problems = written.await.unwrap_or_default();
                for problem in &problems {
                    tracing::warn!("{problem}");
                }
            }
            problems
        });
        Some(Self {
            newest,
            task,
            seq: None,
        })
    }

    /// Says what the ledger has now; costs nothing where it has nothing new.
    pub fn tell(&mut self, known: &Known) {
        if self.seq != Some(known.seq) {
            self.seq = Some(known.seq);
            self.newest.send_replace(expected(known));
        }
    }

    /// Waits a moment for what is still to be written; what could not be, in words.
    pub async fn finish(self) -> Vec<String> {
        drop(self.newest);
        match tokio::time::timeout(LAST, self.task).await {
            Ok(problems) => problems.unwrap_or_default(),
            Err(_) => {
                vec!["the state files were not written within 5 s: their folder hangs".to_owned()]
            }
        }
    }
}

/// What the files say that the ledger does not, in words; a file that is not there yet differs too.
pub async fn differing(known: &Known) -> Vec<String> {
    let files = expected(known);
    if files.is_empty() {
        return Vec::new();
    }
    let looked = tokio::task::spawn_blocking(move || files.iter().filter_map(difference).collect());
    match tokio::time::timeout(LAST, looked).await {
        Ok(found) => found.unwrap_or_default(),
        Err(_) => vec!["the state files could not be read within 5 s".to_owned()],
    }
}

fn difference(file: &Expected) -> Option<String> {
    let path = Clean::new(&file.path.display().to_string());
    match present(&file.path) {
        Ok(Some(text)) if file.content.agrees(&text) => None,
        Ok(Some(_)) => Some(format!(
            "{path} does not say what the ledger says; it is not believed, and written anew with the next act"
        )),
        Ok(None) => Some(format!(
            "{path} is not there; it is written with the next act"
        )),
        Err(error) => Some(format!("{path} cannot be read: {error}")),
    }
}

fn present(path: &Path) -> io::Result<Option<String>> {
    let mut text = String::new();
    match File::open(path) {
        Ok(file) => file.take(LARGEST).read_to_string(&mut text)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(Some(text))
}

/// Those that differ; one that cannot be written keeps no other from it.
fn write_all(files: &[Expected]) -> Vec<String> {
    let told = |file: &Expected, error: &io::Error| {
        format!(
            "the state file {} was not written: {error}",
            file.path.display()
        )
    };
    files
        .iter()
        .filter_map(|file| write(file).err().map(|error| told(file, &error)))
        .collect()
}

fn write(file: &Expected) -> io::Result<()> {
    // What is no text is replaced like what is no JSON.
    let before = match present(&file.path) {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => None,
        present => present?,
    };
    if before
        .as_deref()
        .is_some_and(|text| file.content.agrees(text))
    {
        return Ok(());
    }
    let text = file.content.merged(before.as_deref());
    let folder = file.path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let beside = file
        .path
        .with_extension(format!("json.{}.tmp", std::process::id()));
    let written = whole(&beside, &text).and_then(|()| fs::rename(&beside, &file.path));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written?;
    File::open(folder)?.sync_all()
}

fn whole(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
