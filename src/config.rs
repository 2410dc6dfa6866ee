//! The configuration: a TOML text as typed becomes the workspace as meant, or all that is wrong with it at
//! once, each with its line and column. `schema` lists every key; `typed` reads a text against it; `meant`
//! makes the nouns of the domain and follows what one key says about another. Names only `domain`; knows no
//! clock and no network. It holds no secret: keys that could carry one refuse it, and say where it is instead.

mod file;
pub mod import;
mod meant;
pub mod paths;
mod problem;
mod render;
mod rules;
mod schema;
pub mod trust;
mod typed;
mod units;

use std::path::{Path, PathBuf};

pub use meant::screen::Screen;
pub use paths::{Folders, Trust};
pub use problem::{Problem, Problems};
pub use render::render;

use crate::domain::workspace::Workspace;
use problem::Report;

/// A whole configuration of a real cluster, with every key in it.
pub const EXAMPLE: &str = include_str!("../config.example.toml");

/// A configuration that may be used, and what is odd about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    pub workspace: Workspace,
    pub screen: Screen,
    pub warnings: Vec<Problem>,
}

/// Reads a file of the user's own, with the folders of this process' user.
pub fn load(path: &Path) -> Result<Loaded, Problems> {
    load_with(path, Trust::Own, user().as_ref())
}

/// Reads a text as if it stood in a file of the user's own at `path`.
pub fn parse(text: &str, path: &Path) -> Result<Loaded, Problems> {
    parse_with(text, path, Trust::Own, user().as_ref())
}

/// `load` for a file that was found, e.g. in a repository, and for tests with folders of their own.
pub fn load_with(path: &Path, trust: Trust, folders: Option<&Folders>) -> Result<Loaded, Problems> {
    let text = file::read(path).map_err(|problem| Problems(vec![problem]))?;
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let folder = absolute.parent().unwrap_or(Path::new("/")).to_owned();
    let trusted = folders.is_some_and(|folders| trust::is_trusted(folders, path, &text));
    let trust = if trusted { Trust::Own } else { trust };
    let mut loaded = read(&text, path, &folder, trust, folders)?;
    loaded
        .warnings
        .extend(file::exposed(path, &loaded.workspace));
    Ok(loaded)
}

/// The text of a file that may be read, for whoever wants to trust exactly that.
pub fn text(path: &Path) -> Result<String, Problems> {
    file::read(path).map_err(|problem| Problems(vec![problem]))
}

/// `parse` with everything it depends on.
pub fn parse_with(
    text: &str,
    path: &Path,
    trust: Trust,
    folders: Option<&Folders>,
) -> Result<Loaded, Problems> {
    let folder: PathBuf = path.parent().unwrap_or(Path::new("")).to_owned();
    read(text, path, &folder, trust, folders)
}

fn user() -> Option<Folders> {
    Folders::of_user(&|name| std::env::var_os(name))
}

fn read(
    text: &str,
    path: &Path,
    folder: &Path,
    trust: Trust,
    folders: Option<&Folders>,
) -> Result<Loaded, Problems> {
    let mut report = Report::new(path, text, trust);
    let ground = meant::Ground { folder, folders };
    let meant = typed::read(text, &mut report).map(|root| {
        (
            meant::workspace(&root, &ground, &mut report),
            meant::screen::screen(&root, &mut report),
        )
    });
    let warnings = report.finish()?;
    meant
        .map(|(workspace, screen)| Loaded {
            workspace,
            screen,
            warnings,
        })
        .ok_or_else(|| Problems(Vec::new()))
}
