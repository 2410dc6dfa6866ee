//! How kubectl would get to a cluster: which kubeconfig and which of its contexts, as they are now. Reads names only.

use std::path::PathBuf;

use kube::config::Kubeconfig;

use crate::domain::target::ClusterRef;

/// The file (several with colons between them, as `KUBECONFIG` has them) and the context; None for what is not known.
/// Blocks on the file system.
pub fn way_in(cluster: &ClusterRef) -> (Option<String>, Option<String>) {
    let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
    let file = match &cluster.kubeconfig {
        Some(path) => Some(absolute(path).display().to_string()),
        None => std::env::var("KUBECONFIG")
            .ok()
            .filter(|several| !several.is_empty())
            .or_else(|| {
                let home = std::env::var_os("HOME").map(PathBuf::from)?;
                Some(home.join(".kube/config").display().to_string())
            }),
    };
    let context = cluster.context.clone().or_else(|| {
        let read = match &cluster.kubeconfig {
            Some(path) => Kubeconfig::read_from(path),
            None => Kubeconfig::read(),
        };
        read.ok()?.current_context
    });
    (file, context)
}
