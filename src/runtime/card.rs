//! The dead-man card as a file beside the ledger: written whole under another name first, readable by its owner alone.

use std::path::{Path, PathBuf};

use crate::{
    adapters::kubernetes,
    domain::{
        fault::{Fault, FaultKind},
        target::{Target, TargetId},
        workspace::Workspace,
    },
    flight::known::Known,
    policy::card::{self, Card, WayIn},
};

use super::outside::Outside;

/// Where the card of a target is; it stays when the flight has ended, and says so.
pub fn path(workspace: &Workspace, id: &TargetId) -> PathBuf {
    let folder = workspace.ledger.parent().unwrap_or(Path::new("."));
    let name = format!("{}-{}.md", id.environment, id.project).replace('/', "-");
    folder.join("cards").join(name)
}

/// From what is known; the platform is read where it was not yet.
pub async fn made(outside: &Outside, known: &mut Known, target: &Target) -> Option<Card> {
    let unread = known
        .targets
        .get(&target.id)
        .is_some_and(|known| known.workload.value().is_none());
    if unread {
        let (asked, observation) = (outside.now(), outside.read(target).await);
        known.observe(&observation, asked);
    }
    let cluster = target.cluster.clone();
    let way_in = tokio::task::spawn_blocking(move || kubernetes::way_in(&cluster));
    let (kubeconfig, context) = way_in.await.unwrap_or_default();
    let facts = known.facts(&target.id, outside.now())?;
    let way = WayIn {
        kubeconfig,
        context,
    };
    Some(card::card(&facts, &way))
}

/// Makes it and puts it in its place.
pub async fn write(
    outside: &Outside,
    mut known: Known,
    id: &TargetId,
) -> Result<(PathBuf, String), Fault> {
    let target = outside.target(id)?.clone();
    let path = path(&outside.workspace, id);
    let failed = |detail: &str| {
        let doing = format!("writing the dead-man card {}", path.display());
        Fault::new("card", FaultKind::Refused, doing, detail)
            .hint("gonogo card ENV PROJECT prints it all the same")
    };
    let card = made(outside, &mut known, &target).await;
    let text = card.ok_or_else(|| failed("the target is gone"))?.text();
    let (place, content) = (path.clone(), text.clone());
    let put = tokio::task::spawn_blocking(move || put(&place, &content));
    match put.await {
        Ok(Ok(())) => Ok((path, text)),
        Ok(Err(error)) => Err(failed(&error.to_string())),
        Err(error) => Err(failed(&error.to_string())),
    }
}

fn put(path: &Path, text: &str) -> std::io::Result<()> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let draft = path.with_extension(format!("{}.draft", std::process::id()));
    let written = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        })
        .and_then(|()| std::fs::rename(&draft, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&draft);
    }
    written
}
