//! What is kept between two starts: one small file, written whole or not at all. A file that cannot be used is a
//! sentence on the screen, never a reason not to start.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::{
    config::Folders,
    domain::{release::Digest, workspace::Workspace},
    session::{
        cockpit::{Cockpit, Severity},
        last_seen::LastSeen,
    },
};

/// A fleet of a thousand targets is a tenth of this.
const LARGEST: u64 = 4 << 20;

#[derive(Clone, Debug)]
pub struct Kept {
    path: PathBuf,
}

impl Kept {
    /// One file per workspace. A rehearsal's lies beside its ledger and goes with it, so that nothing is left behind.
    pub fn of(workspace: &Workspace, folders: Option<&Folders>) -> Option<Self> {
        if workspace.rehearsal.is_some() {
            let beside = workspace.ledger.parent()?;
            return Some(Self::at(beside.join("last-seen.json")));
        }
        let which = Digest::of_json(&workspace.ledger);
        let path = folders?.last_seen();
        let name = format!(
            "last-seen-{}.json",
            which.short().trim_start_matches("sha256:")
        );
        Some(Self::at(path.with_file_name(name)))
    }

    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// What was kept, if it is whole and of this workspace. The error is a sentence that says why it was not used.
    pub fn load(&self, cockpit: &Cockpit) -> Result<Option<LastSeen>, String> {
        let told = |why: &str| {
            format!(
                "what was last seen is not shown, {why} ({}); it is written anew",
                self.path.display()
            )
        };
        let mut text = String::new();
        match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(told(&error.to_string())),
            Ok(file) => file
                .take(LARGEST)
                .read_to_string(&mut text)
                .map_err(|error| told(&error.to_string()))?,
        };
        let seen: LastSeen = serde_json::from_str(&text)
            .map_err(|error| told(&format!("the file is damaged: {error}")))?;
        seen.fits(cockpit).map_err(|why| told(&why))?;
        Ok(Some(seen))
    }

    /// Beside it first, then in its place: whoever reads finds the old file or the new one, also after a power cut.
    pub fn save(&self, seen: &LastSeen) -> io::Result<()> {
        let text = serde_json::to_vec(seen)?;
        let folder = self.path.parent().unwrap_or(Path::new("."));
        if !folder.exists() {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)?;
        }
        let beside = self
            .path
            .with_extension(format!("{}.tmp", std::process::id()));
        let written = write(&beside, &text).and_then(|()| fs::rename(&beside, &self.path));
        if written.is_err() {
            let _ = fs::remove_file(&beside);
        }
        written?;
        File::open(folder)?.sync_all()
    }
}

fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    // A file that was there already keeps its mode.
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    file.write_all(text)?;
    file.sync_all()
}

/// How often what changed is written while a session runs: a crash loses no more.
const EVERY: Duration = Duration::from_secs(5);

/// Keeps what is seen of one session.
#[derive(Debug)]
pub struct Keeper {
    kept: Option<Kept>,
    last: Option<LastSeen>,
    written: Instant,
}

impl Keeper {
    /// Takes up what was kept: the first frame shows it, and the view is where it was.
    pub fn take_up(kept: Option<Kept>, cockpit: &mut Cockpit) -> Self {
        match kept.as_ref().map(|kept| kept.load(cockpit)) {
            Some(Ok(Some(seen))) => seen.restore(cockpit),
            Some(Err(sentence)) => cockpit.say(Severity::Warning, sentence),
            Some(Ok(None)) | None => {}
        }
        Self {
            kept,
            last: None,
            written: Instant::now(),
        }
    }

    /// Now and then, off the task that draws.
    pub fn now_and_then(&mut self, cockpit: &Cockpit) {
        if self.written.elapsed() < EVERY {
            return;
        }
        self.written = Instant::now();
        if let Some((kept, seen)) = self.news(cockpit) {
            tokio::task::spawn_blocking(move || save(&kept, &seen));
        }
    }

    /// On the way out, before anything else is waited for.
    pub fn at_once(&mut self, cockpit: &Cockpit) {
        if let Some((kept, seen)) = self.news(cockpit) {
            save(&kept, &seen);
        }
    }

    fn news(&mut self, cockpit: &Cockpit) -> Option<(Kept, LastSeen)> {
        let kept = self.kept.clone()?;
        let seen = LastSeen::of(cockpit);
        if self
            .last
            .as_ref()
            .is_some_and(|last| last.says_the_same(&seen))
        {
            return None;
        }
        self.last = Some(seen.clone());
        Some((kept, seen))
    }
}

/// It is only for the eye: that it cannot be kept ends nothing.
fn save(kept: &Kept, seen: &LastSeen) {
    if let Err(error) = kept.save(seen) {
        tracing::warn!(
            "what was seen could not be kept in {}: {error}",
            kept.path.display()
        );
    }
}
