//! Every platform there is, by the kind of workload: the one list of them. Whoever wants another puts its folder beside
//! `kubernetes`, and its arm here.

use std::sync::Arc;

use super::kubernetes;
use crate::{
    domain::{
        access::Access,
        fault::Fault,
        target::{Target, WorkloadKind},
    },
    ports::act::Site,
};

/// Reaches the platform of a target. Fails with what was tried, what came back, and what to do.
pub async fn connect(target: &Target, access: &Access) -> Result<Arc<dyn Site>, Fault> {
    match target.workload.kind {
        WorkloadKind::Deployment | WorkloadKind::Rollout => {
            let cluster = kubernetes::connect_with(&target.cluster, access).await?;
            Ok(Arc::new(cluster))
        }
    }
}
