//! The practice repositories: the monorepo `acme/shop` with its branches and tags, and the `GitOps` pointers.
//! Content is the same each time; commit times hang on the start of the rehearsal, so commit ids do too.

use super::BuiltRelease;
use super::catalogue::{Catalogue, REGISTRY, REPOSITORY};
use super::images::{Image, Images};
use git2::build::TreeUpdateBuilder;
use git2::{Commit, FileMode, Oid, Repository, RepositoryInitOptions, Signature, Time};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// The folders of the monorepo, each a project.
const FOLDERS: [&str; 3] = ["auth-service", "catalog-api", "web-front"];

const AUTHORS: [(&str, &str); 5] = [
    ("Dana Reyes", "dana@acme.example"),
    ("Alice Okafor", "alice@acme.example"),
    ("Bram de Wit", "bram@acme.example"),
    ("Chen Li", "chen@acme.example"),
    ("Mira Novak", "mira@acme.example"),
];

/// The first-parent history of `main`, oldest first: folder (index), author (index), subject.
const HISTORY: [(usize, usize, &str); 43] = [
    (0, 0, "chore: start the monorepo"),
    (0, 1, "feat(auth): sign in with a password"),
    (1, 2, "feat(catalog): list products"),
    (2, 3, "feat(web): product page"),
    (0, 1, "feat(auth): sessions in the cache"),
    (1, 2, "fix(catalog): prices in minor units"),
    (2, 4, "feat(web): basket"),
    (0, 0, "docs(auth): how tokens are signed"),
    (1, 2, "perf(catalog): one query for a page of products"),
    (2, 3, "fix(web): focus order of the basket"),
    (0, 1, "feat(auth): sign out everywhere"),
    (1, 4, "feat(catalog): search by brand"),
    (2, 3, "feat(web): search box"),
    (0, 0, "fix(auth): constant-time comparison of tokens"),
    (1, 2, "refactor(catalog): one pool for the database"),
    (2, 4, "test(web): checkout in three browsers"),
    (0, 1, "feat(auth): rate limit for sign-in"),
    (1, 2, "fix(catalog): empty search is not an error"),
    (2, 3, "feat(web): dark theme"),
    (0, 0, "chore(auth): update the TLS library"),
    (1, 4, "feat(catalog): stock from the warehouse queue"),
    (1, 2, "fix(catalog): reconnect to the warehouse queue"),
    (0, 1, "feat(auth): audit log of sign-ins"),
    (2, 3, "perf(web): images in the right size"),
    (0, 0, "fix(auth): clock skew of one minute is fine"),
    (1, 2, "feat(catalog): related products"),
    (2, 4, "fix(web): totals when a coupon expires"),
    (0, 1, "refactor(auth): keys behind one trait"),
    (2, 3, "feat(web): order history"),
    (1, 2, "feat(catalog): price history"),
    (0, 0, "fix(auth): do not log the user name"),
    (1, 4, "test(catalog): contract with web-front"),
    (2, 3, "feat(web): pay with an invoice"),
    (1, 2, "feat(catalog)!: products carry variants"),
    (0, 1, "perf(auth): verify tokens without the database"),
    (2, 4, "fix(web): invoice address is remembered"),
    (0, 0, "fix(auth): refuse tokens of deleted users"),
    (1, 2, "fix(catalog): variants in the search index"),
    (0, 1, "fix(auth): retry the cache once"),
    (1, 4, "feat(catalog): availability by shop"),
    (0, 0, "fix(auth): session cookie survives a restart"),
    (0, 1, "feat(auth): session keys rotate daily"),
    (0, 2, "feat(auth): device sign-in, behind a flag"),
];

/// Annotated tags: name and the number of the commit they are on. The first of a project's on a commit names it.
const TAGS: [(&str, usize); 18] = [
    ("auth-service/v1.2.0", 31),
    ("auth-service/v1.2.1", 37),
    ("auth-service/v1.2.2", 39),
    ("auth-service/v1.2.3", 41),
    ("auth-service/v1.3.0", 42),
    ("auth-service/v1.3.0-rc.1", 42),
    ("v1.2.3-stage", 41),
    ("v1.3.0-stage", 42),
    ("catalog-api/v1.8.0", 22),
    ("catalog-api/v1.9.0", 30),
    ("catalog-api/v2.0.0", 34),
    ("catalog-api/v2.0.1", 38),
    ("catalog-api/v2.1.0-rc.1", 40),
    ("web-front/v3.3.0", 29),
    ("web-front/v3.4.0", 33),
    ("web-front/v3.4.1", 36),
    ("web-front/v3.5.0", 39),
    ("web-front/v3.6.0-rc.1", 42),
];

/// Minutes before the start of the rehearsal at which commit `number` was made.
fn minutes_ago(number: usize) -> i64 {
    let back = i64::try_from(HISTORY.len() - number).unwrap_or(0);
    match back {
        0 => 6 * 60 + 26,
        1 => 13 * 60 + 13,
        2 => 31 * 60,
        _ => 31 * 60 + (back - 2) * 11 * 60 + back * 17,
    }
}

/// What the practice repositories and the registry hold.
#[derive(Debug)]
pub(super) struct Built {
    pub catalogue: Catalogue,
    pub images: Images,
}

/// Creates `source` and `gitops.git` in a directory.
pub(super) fn build(directory: &Path, start: Timestamp) -> Result<Built, git2::Error> {
    let repository = init(&directory.join("source"), false)?;
    let commits = write_history(&repository, start)?;
    write_refs(&repository, &commits, start)?;
    let mut releases = Vec::new();
    let mut images = Images::default();
    for folder in FOLDERS {
        for (at, commit) in commits.iter().enumerate() {
            let number = at + 1;
            let committed_at = start_of(start, number);
            let tag = TAGS.iter().find_map(|(tag, on)| {
                tag.strip_prefix(&format!("{folder}/"))
                    .filter(|_| *on == number)
            });
            let name = format!("{REPOSITORY}/{folder}");
            let image = Image::build(&name, &commit.to_string(), committed_at);
            releases.push(BuiltRelease {
                project: name.clone(),
                number: u64::try_from(number).unwrap_or(0),
                commit: commit.to_string(),
                image: format!("{REGISTRY}/{name}"),
                digest: image.digest.clone(),
                tag: tag.map(str::to_owned),
                committed_at,
            });
            if let Some(tag) = tag {
                images.name(&name, tag, &image.digest);
            }
            images.push(&name, &commit.to_string(), image);
        }
    }
    let catalogue = Catalogue::new(releases);
    write_pointers(&directory.join("gitops.git"), &catalogue, start)?;
    Ok(Built { catalogue, images })
}

/// What the practice CI makes of a commit that is in `source` and was not there at the start: a hotfix, say. None for
/// what is no commit of it, or no project.
pub(super) fn build_later(
    source: &Path,
    name: &str,
    commit: &str,
    began: Timestamp,
) -> Option<(BuiltRelease, Image)> {
    let folder = name.strip_prefix(&format!("{REPOSITORY}/"))?;
    if !FOLDERS.contains(&folder) || commit.len() != 40 {
        return None;
    }
    let repository = Repository::open(source).ok()?;
    let id = Oid::from_str(commit).ok()?;
    let made = repository.find_commit(id).ok()?;
    let committed_at = Timestamp::from_second(made.time().seconds()).ok()?;
    // Git keeps whole seconds.
    if committed_at.as_second() < began.as_second() {
        return None;
    }
    let tags = repository.tag_names(Some(&format!("{folder}/*"))).ok()?;
    let on = |tag: &&str| {
        let reference = repository.find_reference(&format!("refs/tags/{tag}"));
        reference
            .and_then(|reference| reference.peel_to_commit())
            .is_ok_and(|tagged| tagged.id() == id)
    };
    let tag = tags.iter().filter_map(|tag| tag.ok().flatten()).find(on);
    let image = Image::build(name, commit, committed_at);
    let release = BuiltRelease {
        project: name.to_owned(),
        number: 0,
        commit: commit.to_owned(),
        image: format!("{REGISTRY}/{name}"),
        digest: image.digest.clone(),
        tag: tag
            .and_then(|tag| tag.strip_prefix(&format!("{folder}/")))
            .map(str::to_owned),
        committed_at,
    };
    Some((release, image))
}

fn init(path: &Path, bare: bool) -> Result<Repository, git2::Error> {
    let mut options = RepositoryInitOptions::new();
    options.initial_head("main").bare(bare).no_reinit(true);
    Repository::init_opts(path, &options)
}

fn start_of(start: Timestamp, number: usize) -> Timestamp {
    let whole = Timestamp::from_second(start.as_second()).unwrap_or(start);
    whole - SignedDuration::from_mins(minutes_ago(number))
}

fn write_history(repository: &Repository, start: Timestamp) -> Result<Vec<Oid>, git2::Error> {
    let mut topics: BTreeMap<String, String> = BTreeMap::new();
    let mut commits: Vec<Oid> = Vec::new();
    for (at, (folder, author, subject)) in HISTORY.iter().enumerate() {
        let number = at + 1;
        let folder = FOLDERS[*folder];
        let topic = subject.split(['(', ')', ':']).next().unwrap_or("chore");
        let path = format!("{folder}/src/{topic}.rs");
        let content = topics.entry(path.clone()).or_default();
        let _ = writeln!(content, "// {subject}");
        let mut files = if number == 1 {
            first_files()
        } else {
            Vec::new()
        };
        files.push((path, content.clone()));
        if number == 42 {
            files.extend(migration(folder));
        }
        commits.push(commit(
            repository,
            &Change {
                subject,
                author: *author,
                at: start_of(start, number),
                parent: commits.last().copied(),
                files: &files,
            },
        )?);
    }
    let Some(tip) = commits.last() else {
        return Ok(commits);
    };
    repository.reference("refs/heads/main", *tip, true, "practice")?;
    repository.set_head("refs/heads/main")?;
    repository.checkout_head(Some(git2::build::CheckoutBuilder::new().force()))?;
    Ok(commits)
}

fn first_files() -> Vec<(String, String)> {
    let about =
        "# shop\n\nThree services in one repository, made for practice: nothing here is real.\n";
    let mut files = vec![("README.md".to_owned(), about.to_owned())];
    for folder in FOLDERS {
        let build = "FROM scratch\nCOPY app /app\nENTRYPOINT [\"/app\"]\n";
        files.push((format!("{folder}/README.md"), format!("# {folder}\n")));
        files.push((format!("{folder}/Dockerfile"), build.to_owned()));
    }
    files
}

/// What release 42 does to the database, and how it is undone.
fn migration(folder: &str) -> [(String, String); 2] {
    let up = "CREATE TABLE session_keys (id INTEGER PRIMARY KEY, key BLOB NOT NULL, born TEXT NOT NULL);\n";
    let down = "DROP TABLE session_keys;\n";
    [("up", up), ("down", down)].map(|(way, sql)| {
        let path = format!("{folder}/migrations/0007_session_keys.{way}.sql");
        (path, sql.to_owned())
    })
}

fn write_refs(
    repository: &Repository,
    commits: &[Oid],
    start: Timestamp,
) -> Result<(), git2::Error> {
    for (name, number) in TAGS {
        let tagger = signature(4, start_of(start, number) + SignedDuration::from_mins(9))?;
        let target = repository.find_object(commits[number - 1], None)?;
        repository.tag(name, &target, &tagger, &format!("{name}\n"), false)?;
    }
    repository.branch("release/1.2", &repository.find_commit(commits[40])?, false)?;
    let tip = commit(
        repository,
        &Change {
            subject: "feat(auth): passkeys",
            author: 1,
            at: start_of(start, 42) + SignedDuration::from_mins(30),
            parent: Some(commits[41]),
            files: &[(
                "auth-service/src/passkeys.rs".to_owned(),
                "// passkeys, not done yet\n".to_owned(),
            )],
        },
    )?;
    repository.branch("feature/passkeys", &repository.find_commit(tip)?, false)?;
    Ok(())
}

fn signature(author: usize, at: Timestamp) -> Result<Signature<'static>, git2::Error> {
    let (name, address) = AUTHORS[author];
    Signature::new(name, address, &Time::new(at.as_second(), 0))
}

/// One commit: who, when, on what, and the files it writes.
struct Change<'a> {
    subject: &'a str,
    author: usize,
    at: Timestamp,
    parent: Option<Oid>,
    files: &'a [(String, String)],
}

fn commit(repository: &Repository, change: &Change<'_>) -> Result<Oid, git2::Error> {
    let parent = change
        .parent
        .map(|parent| repository.find_commit(parent))
        .transpose()?;
    let before = match &parent {
        Some(parent) => parent.tree()?,
        None => repository.find_tree(repository.treebuilder(None)?.write()?)?,
    };
    let mut update = TreeUpdateBuilder::new();
    for (path, content) in change.files {
        let id = repository.blob(content.as_bytes())?;
        update.upsert(path.as_str(), id, FileMode::Blob);
    }
    let tree = repository.find_tree(update.create_updated(repository, &before)?)?;
    let who = signature(change.author, change.at)?;
    let parents: Vec<&Commit<'_>> = parent.iter().collect();
    let message = format!("{}\n", change.subject);
    repository.commit(None, &who, &who, &message, &tree, &parents)
}

/// The `GitOps` repository: for each environment and project the image that should run there.
fn write_pointers(path: &Path, catalogue: &Catalogue, start: Timestamp) -> Result<(), git2::Error> {
    let repository = init(path, true)?;
    let mut files = Vec::new();
    for (environment, numbers) in [
        ("dev", [43, 40, 42]),
        ("staging", [42, 38, 39]),
        ("production", [41, 34, 36]),
    ] {
        for (folder, number) in FOLDERS.iter().zip(numbers) {
            let Some(release) = catalogue.numbered(folder, number) else {
                continue;
            };
            let text = format!(
                "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: {environment}\n\
                 resources:\n  - ../../base/{folder}\nimages:\n  - name: {image}\n    newName: {image}\n    digest: {digest}\n",
                image = release.image,
                digest = release.digest
            );
            let path = format!("environments/{environment}/{folder}/kustomization.yaml");
            files.push((path, text));
        }
    }
    let tip = commit(
        &repository,
        &Change {
            subject: "deploy: as it stands",
            author: 4,
            at: start - SignedDuration::from_mins(15),
            parent: None,
            files: &files,
        },
    )?;
    repository.reference("refs/heads/main", tip, true, "practice")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn numbers_follow_commit_times() {
        assert!((1..HISTORY.len()).all(|number| minutes_ago(number) > minutes_ago(number + 1)));
    }

    #[test]
    fn the_last_three_releases() {
        let directory = tempfile::tempdir().unwrap();
        let start = Timestamp::now();
        let built = build(directory.path(), start).unwrap();
        let tag = |number| {
            built
                .catalogue
                .numbered("auth-service", number)
                .unwrap()
                .tag
                .clone()
        };
        assert_eq!(
            [tag(41), tag(42), tag(43)],
            [Some("v1.2.3".to_owned()), Some("v1.3.0".to_owned()), None]
        );
        let repository = Repository::open(directory.path().join("source")).unwrap();
        let head = repository.head().unwrap().peel_to_commit().unwrap();
        assert_eq!(
            head.id().to_string(),
            built.catalogue.numbered("auth-service", 43).unwrap().commit
        );
        assert!(repository.statuses(None).unwrap().is_empty());
        let mut walk = repository.revwalk().unwrap();
        walk.push_head().unwrap();
        assert_eq!(walk.count(), HISTORY.len());
    }
}
