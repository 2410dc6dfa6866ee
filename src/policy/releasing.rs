//! Whether somebody may make a release, and what is written down for it (SPEC R4): nothing a second time, and nothing
//! before all that it ships is there.

use crate::domain::{
    catalogue::Register,
    entry::Body,
    migration::RollbackWord,
    project::{Project, Triggers},
    release::{Artifact, Commit, Resources},
    version::ReleaseType,
    workspace::{Actor, Workspace},
};

use super::refusal::Refusal;

/// A commit that somebody wants to be a release.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    pub commit: Commit,
    pub release_type: Option<ReleaseType>,
    /// What whoever creates it says of its way back.
    pub rollback: Option<RollbackWord>,
    /// What the registry has for it.
    pub artifacts: Vec<Artifact>,
    /// What its repository has for it.
    pub resources: Resources,
}

/// Whoever operates in some environment of the project makes its releases. A workspace that names nobody trusts
/// everybody.
pub fn permit(workspace: &Workspace, project: &Project, actor: &Actor) -> Result<(), Refusal> {
    if workspace.people.is_empty() {
        return Ok(());
    }
    let person = workspace.person(&actor.name).ok_or_else(|| {
        Refusal::rule(
            "role.person",
            format!("{} is not among the people of this workspace", actor.name),
        )
        .hint("add a [[person]] with that name or account, or act --as somebody who is")
    })?;
    let mut targets = workspace
        .targets
        .iter()
        .filter(|target| target.id.project == project.id)
        .peekable();
    let somewhere = targets.peek().is_none()
        || targets.any(|target| person.has_role(&target.id.environment, "operate"));
    if somewhere {
        return Ok(());
    }
    Err(Refusal::rule(
        "role.operate",
        format!(
            "{} does not hold the role operate in any environment of {}",
            actor.name,
            project.id.name()
        ),
    ))
}

/// The entries that make it a release; none where it was created before.
pub fn create(project: &Project, register: &Register, wish: &Wish) -> Result<Vec<Body>, Refusal> {
    if register.created.contains_key(&wish.commit) {
        return Ok(Vec::new());
    }
    if project.triggers == Triggers::None {
        return Err(Refusal::rule(
            "release.enabled",
            format!(
                "{} makes no new releases: `enabled = false` in its configuration",
                project.id.name()
            ),
        ));
    }
    let unknown = wish.artifacts.iter().find(|it| it.digest.is_none());
    if let Some(artifact) = unknown {
        return Err(Refusal::rule(
            "release.artifact",
            format!(
                "the digest of artifact {} of commit {} is not known",
                artifact.name,
                wish.commit.short()
            ),
        ));
    }
    if wish.artifacts.is_empty() {
        return Err(Refusal::rule(
            "release.artifact",
            format!(
                "commit {} has no artifact in {}: a release is recorded once all of it is there",
                wish.commit.short(),
                project.image.name
            ),
        )
        .hint(format!(
            "build and push {}:{}, then try again",
            project.image.name, wish.commit
        )));
    }
    let numbered = (!register.numbers.contains_key(&wish.commit)).then(|| Body::Numbered {
        number: register.next_number(),
        commit: wish.commit.clone(),
    });
    let created = Body::ReleaseCreated {
        commit: wish.commit.clone(),
        release_type: wish.release_type,
        rollback: wish.rollback,
        artifacts: wish.artifacts.clone(),
        resources: Some(wish.resources.clone()),
    };
    Ok(numbered.into_iter().chain([created]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        entry::{Entry, FORMAT, StreamId},
        project::{CatalogueSource, ImageSource, ProjectId, TagStrategy},
        release::Digest,
        version_file::Preparing,
    };

    fn project(triggers: Triggers) -> Project {
        Project {
            id: ProjectId::parse("acme/shop/auth").expect("valid"),
            source: "/nowhere".into(),
            tags: TagStrategy::Monorepo,
            branches: vec!["main".into()],
            branch_aliases: vec![],
            triggers,
            manifests: vec![],
            preparing: Preparing::default(),
            catalogue: CatalogueSource::Git,
            image: ImageSource {
                name: "r/auth".into(),
                endpoint: "https://r".into(),
                repository: "auth".into(),
            },
        }
    }

    fn wish(digest: Option<Digest>) -> Wish {
        Wish {
            commit: Commit::parse(&"a".repeat(40)).expect("hex"),
            release_type: Some(ReleaseType::Minor),
            rollback: None,
            artifacts: vec![Artifact {
                name: "image".into(),
                uri: "r/auth".into(),
                digest,
            }],
            resources: Resources::default(),
        }
    }

    fn entries(bodies: Vec<Body>) -> Vec<Entry> {
        let entry = |(nth, body)| Entry {
            seq: nth,
            stream: StreamId("releases:acme/shop/auth".into()),
            position: nth,
            format: FORMAT,
            at: jiff::Timestamp::UNIX_EPOCH,
            actor: Actor::program("here"),
            body,
        };
        (1..).zip(bodies).map(entry).collect()
    }

    #[test]
    fn a_release_is_created_once_and_its_number_is_the_next() {
        let (project, wish) = (project(Triggers::default()), wish(Some(Digest::of(b"x"))));
        let bodies = create(&project, &Register::default(), &wish).expect("created");
        assert!(matches!(bodies[0], Body::Numbered { number: 1, .. }));
        let register = Register::of(&entries(bodies));
        assert_eq!(
            register.created[&wish.commit].release_type,
            Some(ReleaseType::Minor)
        );
        assert_eq!(create(&project, &register, &wish), Ok(vec![]));
        // What is numbered by a push keeps its number.
        let mut pushed = Register::default();
        pushed.foretell(vec![wish.commit.clone()]);
        let bodies = create(&project, &pushed, &wish).expect("created");
        assert!(matches!(bodies.as_slice(), [Body::ReleaseCreated { .. }]));
    }

    #[test]
    fn nothing_is_recorded_before_all_is_there_and_where_releases_are_off() {
        let rule = |project: &Project, wish: &Wish| {
            create(project, &Register::default(), wish)
                .expect_err("refused")
                .rule
        };
        let on = project(Triggers::default());
        assert_eq!(rule(&on, &wish(None)), "release.artifact");
        let nothing = Wish {
            artifacts: vec![],
            ..wish(None)
        };
        assert_eq!(rule(&on, &nothing), "release.artifact");
        let off = project(Triggers::None);
        assert_eq!(rule(&off, &wish(Some(Digest::of(b"x")))), "release.enabled");
    }
}
