//! What the ledger says of releases, folded once and gone on with from there.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    domain::{
        catalogue::Register,
        entry::{Body, StreamId},
        fault::Fault,
        hotfix::{Asked, Hotfixes},
        project::{Project, ProjectId},
    },
    runtime::outside::Outside,
};

/// What the ledger says about releases, up to `seq` of its chain.
#[derive(Debug, Default)]
pub(in crate::runtime::outside) struct Books {
    seq: u64,
    registers: BTreeMap<StreamId, Arc<Register>>,
    hotfixes: BTreeMap<ProjectId, Hotfixes>,
}

impl Outside {
    /// What the stream of a project says now.
    pub(super) async fn register(&self, project: &Project) -> Result<Arc<Register>, Fault> {
        let stream = StreamId::releases(&project.id);
        let mut books = self.books.lock().await;
        for entry in self.ledger.read(books.seq).await? {
            books.seq = entry.seq;
            if let Some(project) = entry.stream.hotfixes_of() {
                books.hotfixes.entry(project).or_default();
            }
            for (project, hotfixes) in &mut books.hotfixes {
                hotfixes.enter(project, &entry);
            }
            let of_releases = matches!(
                entry.body,
                Body::Numbered { .. }
                    | Body::ReleaseCreated { .. }
                    | Body::Tagging { .. }
                    | Body::TagDropped { .. }
                    | Body::Tagged { .. }
            );
            if of_releases || books.registers.contains_key(&entry.stream) {
                let register = books.registers.entry(entry.stream.clone()).or_default();
                Arc::make_mut(register).enter(&entry);
            }
        }
        Ok(books.registers.get(&stream).cloned().unwrap_or_default())
    }

    /// Another ledger stands where the one that was read stood, perhaps: it is read from its beginning.
    pub(super) async fn reread(&self) {
        *self.books.lock().await = Books::default();
    }

    /// What is to be asked of git about the hotfixes of a project.
    pub(super) async fn asked(&self, project: &Project) -> Result<Vec<Asked>, Fault> {
        self.register(project).await?;
        let books = self.books.lock().await;
        let hotfixes = books.hotfixes.get(&project.id);
        let all = hotfixes.into_iter().flat_map(|hotfixes| &hotfixes.all);
        Ok(all.filter_map(Asked::of).collect())
    }
}
