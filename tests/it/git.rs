//! The git source, over repositories made on the spot.

use std::{collections::BTreeSet, path::Path};

use git2::{Oid, Repository, RepositoryInitOptions, Signature, Time};
use gonogo::{
    adapters::git::GitSource,
    domain::{
        catalogue::{Register, assemble, unnumbered},
        fault::FaultKind,
        project::{CatalogueSource, ImageSource, Project, ProjectId, TagStrategy, Triggers},
        release::Trigger,
        version_file::Preparing,
    },
    ports::ask::{Source as _, SourceCommit},
};

struct Repo {
    dir: tempfile::TempDir,
    git: Repository,
}

impl Repo {
    fn new(bare: bool) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let mut options = RepositoryInitOptions::new();
        options.bare(bare).initial_head("main");
        let git = Repository::init_opts(dir.path(), &options).expect("a repository");
        Self { dir, git }
    }

    fn commit(&self, subject: &str, at: i64, parents: &[Oid]) -> Oid {
        self.commit_as(
            &Signature::new("Dana", "dana@example.com", &Time::new(at, 60)).expect("valid"),
            subject,
            parents,
        )
    }

    fn commit_as(&self, who: &Signature<'_>, subject: &str, parents: &[Oid]) -> Oid {
        let tree = self
            .git
            .treebuilder(None)
            .expect("a builder")
            .write()
            .expect("a tree");
        let tree = self.git.find_tree(tree).expect("there");
        let parents: Vec<_> = parents
            .iter()
            .map(|id| self.git.find_commit(*id).expect("there"))
            .collect();
        let parents: Vec<_> = parents.iter().collect();
        self.git
            .commit(None, who, who, subject, &tree, &parents)
            .expect("committed")
    }

    fn point(&self, name: &str, at: Oid) {
        self.git.reference(name, at, true, "test").expect("a ref");
    }

    fn annotate(&self, name: &str, at: Oid) {
        let target = self.git.find_object(at, None).expect("there");
        let who = Signature::new("Dana", "dana@example.com", &Time::new(9, 0)).expect("valid");
        self.git
            .tag(name, &target, &who, "a release", false)
            .expect("tagged");
    }

    fn project(&self) -> Project {
        project(self.dir.path())
    }

    fn read(&self) -> Vec<SourceCommit> {
        GitSource::default()
            .commits(&self.project(), &BTreeSet::new())
            .expect("reads")
    }

    /// The file of a loose ref or object, for what only a broken disk would write.
    fn file(&self, path: &str) -> std::path::PathBuf {
        self.git.path().join(path)
    }
}

fn project(source: &Path) -> Project {
    Project {
        id: ProjectId::parse("acme/shop/auth").expect("valid"),
        source: source.to_owned(),
        tags: TagStrategy::Monorepo,
        branches: vec!["main".to_owned(), "release/.*".to_owned()],
        branch_aliases: vec!["main".to_owned()],
        triggers: Triggers::default(),
        manifests: vec![],
        preparing: Preparing::default(),
        catalogue: CatalogueSource::Git,
        image: ImageSource {
            name: "registry.example/acme/shop/auth".to_owned(),
            endpoint: "https://registry.example".to_owned(),
            repository: "acme/shop/auth".to_owned(),
        },
    }
}

/// `subject [triggers] (branches)`, one a line.
fn told(commits: &[SourceCommit]) -> Vec<String> {
    commits
        .iter()
        .map(|it| {
            let triggers: Vec<String> = it
                .triggers
                .iter()
                .map(|trigger| match trigger {
                    Trigger::BranchPush { branch } => format!("push {branch}"),
                    Trigger::Tag { tag } => format!("tag {tag}"),
                    Trigger::Manual => "manual".to_owned(),
                })
                .collect();
            let branches: Vec<&str> = it.branches.iter().map(AsRef::as_ref).collect();
            format!(
                "{} [{}] ({})",
                it.subject,
                triggers.join(", "),
                branches.join(", ")
            )
        })
        .collect()
}

/// main: one, two, merge; side: work (merged), more (not); release/1 from one.
fn shop(bare: bool) -> Repo {
    let repo = Repo::new(bare);
    let one = repo.commit("one", 100, &[]);
    let two = repo.commit("two", 300, &[one]);
    let work = repo.commit("work", 200, &[one]);
    let merge = repo.commit("merge", 400, &[two, work]);
    let more = repo.commit("more", 500, &[work]);
    let fix = repo.commit("fix", 600, &[one]);
    repo.point("refs/heads/main", merge);
    repo.point("refs/heads/side", more);
    repo.point("refs/heads/release/1", fix);
    repo.point("refs/heads/mainline", more);
    repo.point("refs/tags/auth/v1.0.0", one);
    repo.annotate("auth/v1.1.0", work);
    repo.point("refs/tags/auth/nightly", two);
    repo.point("refs/tags/authority/v1.0.0", two);
    repo.point("refs/tags/v9.9.9", two);
    repo
}

#[test]
fn first_parents_of_the_branches_and_tagged_commits_are_releases() {
    for bare in [false, true] {
        assert_eq!(
            told(&shop(bare).read()),
            [
                "one [push main, push release/1, tag auth/v1.0.0] (main, release/1)",
                "work [tag auth/v1.1.0] (main)",
                "two [push main] (main)",
                "merge [push main] (main)",
                "fix [push release/1] (release/1)",
            ]
        );
    }
}

#[test]
fn with_tag_all_any_tag_counts_but_none_that_shadows_a_number_or_a_commit() {
    let repo = shop(true);
    let more = repo
        .git
        .find_reference("refs/heads/side")
        .expect("there")
        .target()
        .expect("direct");
    let fix = repo
        .git
        .find_reference("refs/heads/release/1")
        .expect("there")
        .target()
        .expect("direct");
    repo.point("refs/tags/42", more);
    repo.point("refs/tags/deadbee", fix);
    let mut project = repo.project();
    project.tags = TagStrategy::TagAll;
    let commits = GitSource::default()
        .commits(&project, &BTreeSet::new())
        .expect("reads");
    assert_eq!(
        told(&commits),
        [
            "one [push main, push release/1, tag auth/v1.0.0] (main, release/1)",
            "work [tag auth/v1.1.0] (main)",
            "two [push main, tag auth/nightly, tag authority/v1.0.0, tag v9.9.9] (main)",
            "merge [push main] (main)",
            "more [] ()",
            "fix [push release/1] (release/1)",
        ]
    );
    assert_eq!(
        commits[0].tags,
        [("auth/v1.0.0".into(), "auth/v1.0.0".into())]
    );
    assert!(commits[4].tags.is_empty());
}

#[test]
fn what_git_says_becomes_a_catalogue() {
    let repo = shop(true);
    let commits = repo.read();
    assert_eq!(commits[0].author.as_ref(), "Dana");
    assert_eq!(commits[0].email.as_ref(), "dana@example.com");
    assert_eq!(commits[0].committed_at.as_second(), 100);
    let mut register = Register::default();
    register.foretell(unnumbered(&commits, &register.numbers));
    let releases = assemble(&repo.project(), &commits, &register);
    let titles: Vec<String> = releases
        .iter()
        .map(gonogo::domain::release::Release::title)
        .collect();
    assert_eq!(titles[..2], ["1 v1.0.0", "2 v1.1.0"]);
    assert_eq!(titles[2], "3 main-3");
}

#[test]
fn among_equal_times_parents_come_first() {
    let repo = Repo::new(true);
    let mut last = repo.commit("0", 100, &[]);
    let mut expect = vec!["0".to_owned()];
    for n in 1..40 {
        last = repo.commit(&n.to_string(), 100, &[last]);
        expect.push(n.to_string());
    }
    repo.point("refs/heads/main", last);
    let subjects: Vec<String> = repo.read().iter().map(|c| c.subject.to_string()).collect();
    assert_eq!(subjects, expect);
}

#[test]
fn more_branches_than_bits_in_a_word() {
    let repo = Repo::new(true);
    let one = repo.commit("one", 1, &[]);
    for n in 0..130 {
        let tip = repo.commit(&format!("tip {n}"), 2 + n, &[one]);
        repo.point(&format!("refs/heads/release/{n:03}"), tip);
    }
    let commits = repo.read();
    assert_eq!(commits.len(), 131);
    assert_eq!(commits[0].branches.len(), 130);
    assert_eq!(commits[70].branches, ["release/069"]);
    assert_eq!(commits[130].branches, ["release/129"]);
}

#[test]
fn names_that_are_no_text_and_text_that_is_no_name_do_no_harm() {
    let repo = Repo::new(true);
    let who = Signature::new("D\u{1b}[31mana", "d@example.com", &Time::new(5, 0)).expect("valid");
    let one = repo.commit_as(&who, "red \u{1b}[31m alert\n\nbody", &[]);
    repo.point("refs/heads/main", one);
    // A branch whose name is Latin-1, as an old tool would write it.
    let packed =
        format!("# pack-refs with: peeled fully-peeled sorted \n{one} refs/heads/release/");
    let mut packed = packed.into_bytes();
    packed.extend(b"caf\xe9\n");
    std::fs::write(repo.file("packed-refs"), packed).expect("written");
    let commits = repo.read();
    assert_eq!(commits.len(), 1);
    assert!(!commits[0].subject.as_ref().contains('\u{1b}'));
    assert!(!commits[0].author.as_ref().contains('\u{1b}'));
    assert!(
        commits[0]
            .branches
            .iter()
            .any(|b| b.as_ref() == "release/caf\u{fffd}"),
        "{commits:?}"
    );
}

#[test]
fn a_broken_ref_hides_no_release() {
    let repo = shop(true);
    let expect = told(&repo.read());
    std::fs::write(repo.file("refs/heads/release/garbage"), "no id\n").expect("written");
    std::fs::write(
        repo.file("refs/heads/release/lost"),
        format!("{:040x}\n", 7),
    )
    .expect("written");
    std::fs::write(repo.file("refs/tags/auth/v0"), "ref: refs/heads/nowhere\n").expect("written");
    let tree = repo
        .git
        .treebuilder(None)
        .expect("a builder")
        .write()
        .expect("a tree");
    repo.point("refs/tags/auth/vtree", tree);
    assert_eq!(told(&repo.read()), expect);
}

#[test]
fn a_history_cut_off_below_is_read_down_to_the_cut() {
    let repo = shop(true);
    let one = repo.read()[0].commit.to_string();
    // As a shallow clone has it: the cut-off commit is not there.
    let (folder, file) = one.split_at(2);
    std::fs::remove_file(repo.file(&format!("objects/{folder}/{file}"))).expect("a loose object");
    let subjects: Vec<String> = repo.read().iter().map(|c| c.subject.to_string()).collect();
    assert_eq!(subjects, ["work", "two", "merge", "fix"]);
}

#[test]
fn faults_say_what_to_do() {
    let empty = Repo::new(false);
    assert_eq!(empty.read(), []);
    let nowhere = tempfile::tempdir().expect("a folder");
    let fault = GitSource::default()
        .commits(&project(nowhere.path()), &BTreeSet::new())
        .expect_err("none there");
    assert_eq!(fault.kind, FaultKind::NotFound, "{fault}");
    assert!(fault.to_string().contains("git clone"), "{fault}");
    let mut wrong = empty.project();
    wrong.branches = vec!["release/(".to_owned()];
    let fault = GitSource::default()
        .commits(&wrong, &BTreeSet::new())
        .expect_err("no expression");
    assert_eq!(fault.kind, FaultKind::Refused, "{fault}");
    assert!(fault.to_string().contains("`release/(`"), "{fault}");
}

/// Run by hand: `cargo test --release --test it -- --ignored a_long_history --nocapture`.
#[test]
#[ignore = "writes 100,000 commits"]
fn a_long_history_is_read_in_seconds() {
    let repo = Repo::new(true);
    let mempack = repo.git.odb().expect("an odb");
    let packer = mempack.add_new_mempack_backend(999).expect("in memory");
    let mut last = repo.commit("0", 0, &[]);
    for n in 1..100_000 {
        last = repo.commit(&format!("commit {n}"), n, &[last]);
        if n % 1_000 == 0 {
            repo.point(&format!("refs/heads/release/{n}"), last);
        }
    }
    let mut pack = git2::Buf::new();
    packer.dump(&repo.git, &mut pack).expect("a pack");
    let mut writer = mempack.packwriter().expect("a writer");
    std::io::Write::write_all(&mut writer, &pack).expect("written");
    writer.commit().expect("indexed");
    repo.point("refs/heads/main", last);
    let mut project = repo.project();
    project.branches = vec!["main".to_owned()];
    let start = std::time::Instant::now();
    let commits = GitSource::default()
        .commits(&project, &BTreeSet::new())
        .expect("reads");
    assert_eq!(commits.len(), 100_000);
    assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
    tracing::info!(elapsed = ?start.elapsed(), "100,000 commits");
}
