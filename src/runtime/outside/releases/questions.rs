//! What is asked of the repository, each off this task.

use crate::{
    adapters::git::{backport, range, resources, tags},
    domain::{
        catalogue::Register,
        difference::{Compared, Difference, Log},
        fault::{Fault, FaultKind},
        project::{CatalogueSource, Project, ProjectId},
        release::{Commit, Release, Resources},
        text::Clean,
    },
    runtime::outside::Outside,
};

use super::blocking;

impl Outside {
    /// The commit whose id begins so; what HEAD names where nothing is asked.
    pub async fn commit(&self, project: &Project, text: Option<String>) -> Result<Commit, Fault> {
        let project = project.clone();
        blocking(move || tags::commit(&project, text.as_deref())).await
    }

    /// The versions there are, and which of them a commit contains; and whether it contains `asked`.
    pub async fn versions(
        &self,
        project: &Project,
        commit: &Commit,
        asked: Option<Commit>,
    ) -> Result<tags::Versions, Fault> {
        let (project, commit) = (project.clone(), commit.clone());
        blocking(move || tags::versions(&project, &commit, asked.as_ref())).await
    }

    /// Files in which a commit and a branch changed the same.
    pub async fn clashes(
        &self,
        project: &ProjectId,
        branch: &str,
        commit: &Commit,
    ) -> Result<Vec<Clean>, Fault> {
        let Some(project) = self.workspace.project(project).cloned() else {
            return Ok(Vec::new());
        };
        let (branch, commit) = (branch.to_owned(), commit.clone());
        blocking(move || backport::clashes(&project, &branch, &commit)).await
    }

    /// The manifests of a release, at its commit.
    pub async fn resources(
        &self,
        project: &ProjectId,
        commit: &Commit,
    ) -> Result<Resources, Fault> {
        let Some(project) = self.workspace.project(project).cloned() else {
            return Ok(Resources::default());
        };
        let commit = commit.clone();
        blocking(move || resources::resources(&project, &commit)).await
    }

    pub async fn tag_object(&self, project: &Project, tag: &str) -> Result<Option<String>, Fault> {
        let (project, tag) = (project.clone(), tag.to_owned());
        blocking(move || tags::object_of(&project, &tag)).await
    }

    pub async fn compare(
        &self,
        project: &Project,
        from: &Commit,
        to: &Commit,
    ) -> Result<Compared, Fault> {
        let (project, from, to) = (project.clone(), from.clone(), to.clone());
        blocking(move || range::compare(&project, &from, &to)).await
    }

    /// The commits up to `to`, without those that `from` has.
    pub async fn since(
        &self,
        project: &Project,
        from: Option<Commit>,
        to: &Commit,
    ) -> Result<Log, Fault> {
        let (project, to) = (project.clone(), to.clone());
        blocking(move || range::since(&project, from.as_ref(), &to)).await
    }

    /// Two releases side by side, with their images as far as the registry knows them.
    pub async fn difference(&self, from: Release, to: Release) -> Result<Difference, Fault> {
        let project = self.workspace.project(&from.project).cloned();
        let project = project.ok_or_else(|| {
            let doing = format!("looking {} up", from.project);
            Fault::new(
                "configuration",
                FaultKind::NotFound,
                doing,
                "it is not configured",
            )
        })?;
        let compared = self.compare(&project, &from.commit, &to.commit).await?;
        let mut both = [from, to];
        for release in both.iter_mut().filter(|it| it.artifacts.is_empty()) {
            // Without an answer its digest is not known, and the difference says so.
            let asked = self.artifact(&release.project, &release.commit).await;
            release.artifacts.extend(asked.ok());
        }
        let [from, to] = both;
        Ok(Difference::between(&from, &to, compared))
    }

    /// Why releases may be missing that somebody looks for; nothing where the repository is whole, or cannot be read.
    pub async fn remarks(&self, project: &ProjectId) -> Vec<Clean> {
        let Some(project) = self.workspace.project(project).cloned() else {
            return Vec::new();
        };
        let register = self.register(&project).await.unwrap_or_default();
        let created = register.created.keys().cloned().collect();
        let begun = begun(&project, &register);
        if project.catalogue == CatalogueSource::Oci {
            return begun;
        }
        let git = self.git.clone();
        let remarks = blocking(move || git.remarks(&project, &created)).await;
        remarks.into_iter().flatten().chain(begun).collect()
    }
}

/// Tags that somebody began to make and nobody ended.
fn begun(project: &Project, register: &Register) -> Vec<Clean> {
    let open = register.tags.iter().filter(|(_, it)| it.is_open());
    let told = open.map(|(tag, it)| {
        let version = tag.as_str().rsplit('/').next().unwrap_or_default();
        let push = if it.meant_for.is_some() { " --push" } else { "" };
        Clean::new(&format!(
            "tag {tag} was begun by {} at {} and was not ended: release tag {} --commit {} --version {version}{push}",
            it.by,
            it.at,
            project.id.name(),
            it.asked().short(),
        ))
    });
    told.collect()
}
