//! Where things are: the configuration, the ledger, logs and what was last seen. The environment is asked
//! through a closure, so that a test has one of its own.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use directories::{BaseDirs, ProjectDirs};

pub const FILE: &str = "gonogo.toml";
pub const FOLDER_VARIABLE: &str = "GONOGO_CONFIG_DIR";

/// The value of an environment variable.
pub type Env<'a> = dyn Fn(&str) -> Option<OsString> + 'a;

/// The folders of one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folders {
    /// What `~` stands for. None: it cannot be known.
    pub home: Option<PathBuf>,
    /// `gonogo.toml`.
    pub config: PathBuf,
    /// The ledger, unless it is configured.
    pub data: PathBuf,
    /// Logs and what was last seen; may be deleted.
    pub state: PathBuf,
}

impl Folders {
    /// `GONOGO_CONFIG_DIR` holds everything, so that two workspaces never share a ledger by accident; else
    /// what the platform prescribes. None: there is no home folder.
    pub fn of_user(env: &Env) -> Option<Self> {
        let home = BaseDirs::new().map(|base| base.home_dir().to_owned());
        if let Some(folder) = env(FOLDER_VARIABLE).filter(|folder| !folder.is_empty()) {
            let folder = PathBuf::from(folder);
            let folder = std::path::absolute(&folder).unwrap_or(folder);
            return Some(Self::within(&folder, home));
        }
        let project = ProjectDirs::from("dev", "gonogo", "gonogo")?;
        let data = project.data_dir().to_owned();
        Some(Self {
            home,
            config: project.config_dir().to_owned(),
            state: project
                .state_dir()
                .map_or_else(|| data.join("state"), Path::to_owned),
            data,
        })
    }

    /// Everything in one folder.
    pub fn within(folder: &Path, home: Option<PathBuf>) -> Self {
        Self {
            home,
            config: folder.to_owned(),
            data: folder.join("data"),
            state: folder.join("state"),
        }
    }

    /// The ledger, unless it is configured.
    pub fn ledger(&self) -> PathBuf {
        self.data.join("ledger.sqlite")
    }

    pub fn logs(&self) -> PathBuf {
        self.state.join("logs")
    }

    /// What was on the screen when gonogo last ended; display only.
    pub fn last_seen(&self) -> PathBuf {
        self.state.join("last-seen.json")
    }
}

/// Whether a file may do more than be read (SPEC §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Named with `--config`, or in the user's own folder.
    Own,
    /// It came with a repository, so anybody may have written it.
    Repository,
}

/// One place where a configuration may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub path: PathBuf,
    pub trust: Trust,
    /// Why we look there: `--config`, `GONOGO_CONFIG_DIR`, …
    pub why: &'static str,
}

/// Where we look, in order: the first file that exists is the one. `--config` is looked at alone, so that a
/// misspelt path never ends in another cluster.
pub fn places(
    explicit: Option<&Path>,
    env: &Env,
    folders: Option<&Folders>,
    repository: Option<&Path>,
) -> Vec<Place> {
    if let Some(path) = explicit {
        return vec![Place {
            path: path.to_owned(),
            trust: Trust::Own,
            why: "--config",
        }];
    }
    let named = env(FOLDER_VARIABLE).is_some_and(|folder| !folder.is_empty());
    let own = folders.map(|folders| Place {
        path: folders.config.join(FILE),
        trust: Trust::Own,
        why: if named {
            FOLDER_VARIABLE
        } else {
            "your own folder"
        },
    });
    let found = repository.map(|root| Place {
        path: root.join(FILE),
        trust: Trust::Repository,
        why: "this repository",
    });
    own.into_iter().chain(found).collect()
}

/// The first place that has a file.
pub fn find(places: &[Place]) -> Option<&Place> {
    places.iter().find(|place| place.path.is_file())
}

/// The root of the git repository that `folder` is in.
pub fn repository(folder: &Path) -> Option<&Path> {
    folder
        .ancestors()
        .find(|ancestor| ancestor.join(".git").exists())
}

/// A path as typed: `~` is the home folder, and what is relative begins at the file's own folder.
pub(super) fn resolve(typed: &str, folder: &Path, home: Option<&Path>) -> Option<PathBuf> {
    let path = match typed.strip_prefix('~') {
        Some("") => home?.to_owned(),
        Some(rest) if rest.starts_with('/') => home?.join(rest.trim_start_matches('/')),
        // Another user's home folder is not ours to find.
        Some(_) => return None,
        None => folder.join(typed),
    };
    Some(path.components().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none(_: &str) -> Option<OsString> {
        None
    }

    #[test]
    fn paths_begin_at_home_or_at_the_file() {
        let check = |typed: &str, expect: Option<&str>| {
            let found = resolve(
                typed,
                Path::new("/etc/gonogo"),
                Some(Path::new("/home/dana")),
            );
            assert_eq!(found.as_deref(), expect.map(Path::new), "{typed}");
        };
        check("source", Some("/etc/gonogo/source"));
        check("./source/", Some("/etc/gonogo/source"));
        check("../kube", Some("/etc/gonogo/../kube"));
        check("/srv/git", Some("/srv/git"));
        check("~", Some("/home/dana"));
        check("~/.kube/config", Some("/home/dana/.kube/config"));
        check("~lee/x", None);
        assert_eq!(resolve("~/x", Path::new("/"), None), None);
    }

    #[test]
    fn an_explicit_file_is_the_only_place() {
        let folders = Folders::within(Path::new("/own"), None);
        let places = places(
            Some(Path::new("prod.toml")),
            &none,
            Some(&folders),
            Some(Path::new("/repo")),
        );
        assert_eq!(places.len(), 1);
        assert_eq!(places[0].trust, Trust::Own);
    }

    #[test]
    fn the_own_folder_comes_before_the_repository_which_is_not_trusted() {
        let folders = Folders::within(Path::new("/own"), None);
        let found = places(None, &none, Some(&folders), Some(Path::new("/repo")));
        let seen: Vec<_> = found
            .iter()
            .map(|place| (place.path.to_string_lossy().into_owned(), place.trust))
            .collect();
        assert_eq!(
            seen,
            [
                ("/own/gonogo.toml".to_owned(), Trust::Own),
                ("/repo/gonogo.toml".to_owned(), Trust::Repository)
            ]
        );
    }

    #[test]
    fn the_variable_holds_everything() {
        let env = |name: &str| (name == FOLDER_VARIABLE).then(|| OsString::from("/elsewhere"));
        let folders = Folders::of_user(&env).expect("named");
        assert_eq!(folders.config, Path::new("/elsewhere"));
        assert_eq!(folders.ledger(), Path::new("/elsewhere/data/ledger.sqlite"));
        assert_eq!(
            places(None, &env, Some(&folders), None)[0].why,
            FOLDER_VARIABLE
        );
    }

    #[test]
    fn a_repository_is_found_from_within() {
        let root = tempfile::tempdir().expect("a folder");
        let inner = root.path().join("a/b");
        std::fs::create_dir_all(&inner).expect("created");
        std::fs::create_dir(root.path().join(".git")).expect("created");
        assert_eq!(repository(&inner), Some(root.path()));
    }
}
