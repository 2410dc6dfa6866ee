//! A pod's own HTTP port, reached through the API server's pod proxy, as the figures of seed 001 are.

use std::{ops::ControlFlow, sync::Arc, time::Duration};

use futures::StreamExt;
use http::{HeaderMap, StatusCode};

use super::{
    Cluster, POINT,
    call::{self, Ask, Reply},
    encoded,
};
use crate::domain::{
    fault::{Fault, FaultKind},
    rollout::{Observed, Pod, PodState},
    target::{Endpoint, Target, TargetId},
};

/// At most so many pods of one template are asked.
pub(in crate::adapters) const MOST_PODS: usize = 10;

/// Asks the pods of one target at one endpoint.
#[derive(Clone, Debug)]
pub(in crate::adapters) struct Caller {
    cluster: Arc<Cluster>,
    pub target: TargetId,
    namespace: String,
    endpoint: Endpoint,
}

/// What kept a pod's answer from us.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::adapters) struct Trouble {
    pub fault: Fault,
    /// It was not the pod: the API server could not be reached, or did not let us through.
    pub ours: bool,
}

/// The head of an answer; the body was handed over in pieces.
#[derive(Clone, Debug)]
pub(in crate::adapters) struct PodReply {
    pub status: StatusCode,
    pub headers: HeaderMap,
}

impl Caller {
    pub fn new(cluster: Arc<Cluster>, target: &Target, endpoint: Endpoint) -> Self {
        Self {
            cluster,
            target: target.id.clone(),
            namespace: target.workload.namespace.clone(),
            endpoint,
        }
    }

    /// `/health of auth-service-7d9f-x in production`.
    pub fn subject(&self, pod: &str) -> String {
        let path = &self.endpoint.path;
        format!("{path} of {pod} in {}", self.namespace)
    }

    fn path(&self, pod: &str) -> String {
        format!(
            "/api/v1/namespaces/{}/pods/{}:{}/proxy/{}",
            encoded(&self.namespace),
            encoded(pod),
            self.endpoint.port,
            self.endpoint.path.trim_start_matches('/')
        )
    }

    /// One GET, once. `body` takes the pieces of a success as they come and may stop them; of anything else the first
    /// 64 KB are kept to say what was wrong.
    pub async fn ask(
        &self,
        pod: &str,
        accept: &'static str,
        deadline: Duration,
        mut body: impl FnMut(&[u8]) -> ControlFlow<Fault> + Send,
    ) -> Result<(PodReply, Vec<u8>), Trouble> {
        let doing = format!("asking {}", self.subject(pod));
        let mut ask = Ask::get(self.path(pod), &doing);
        ask.accept = accept;
        let ours = |fault| Trouble {
            fault: self.cluster.hinted(fault),
            ours: true,
        };
        let whole = async {
            let (status, headers, mut chunks) =
                call::open(&self.cluster.reads, &ask).await.map_err(ours)?;
            // We ask for none; what comes all the same may be anything once it is unpacked.
            if let Some(encoding) = headers.get(http::header::CONTENT_ENCODING)
                && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
            {
                let detail = "it answered compressed, which was not asked for";
                return Err(Trouble {
                    fault: self.malformed(pod, detail),
                    ours: false,
                });
            }
            let mut refused = Vec::new();
            while let Some(chunk) = chunks.next().await {
                let chunk = chunk.map_err(|error| Trouble {
                    fault: call::broken(&ask, &error),
                    ours: false,
                })?;
                if status.is_success() {
                    if let ControlFlow::Break(fault) = body(&chunk) {
                        return Err(Trouble { fault, ours: false });
                    }
                } else if refused.len() < 64 << 10 {
                    refused.extend_from_slice(&chunk);
                }
            }
            Ok((PodReply { status, headers }, refused))
        };
        tokio::time::timeout(deadline, whole)
            .await
            .unwrap_or_else(|_| {
                Err(Trouble {
                    fault: call::late(&ask, deadline),
                    ours: false,
                })
            })
    }

    /// The fault in an answer that is no success: the API server's own words have a `Status` around them, all else
    /// comes from the pod.
    pub fn refused(&self, pod: &str, reply: PodReply, body: Vec<u8>) -> Trouble {
        let doing = format!("asking {}", self.subject(pod));
        let ask = Ask::get(self.path(pod), &doing);
        let reply = Reply {
            status: reply.status,
            headers: reply.headers,
            body: body.into(),
        };
        let code = reply.status.as_u16();
        let said = call::Status::read(&reply.body);
        let mut fault = call::refusal(&ask, &reply);
        let ours = match (code, said.is_some()) {
            (401 | 403 | 429, true) => true,
            (_, true) => false,
            (_, false) => {
                fault.kind = FaultKind::Refused;
                fault.hint = None;
                false
            }
        };
        if code == 403 && ours {
            fault.hint = Some(format!(
                "It takes the right to get pods/proxy: `kubectl auth can-i get pods/proxy -n {}`.",
                self.namespace
            ));
        } else if said.is_some() && matches!(code, 500..=504) {
            // The proxy of the API server found nobody at the port.
            fault.kind = FaultKind::Unreachable;
        }
        Trouble { fault, ours }
    }

    pub fn malformed(&self, pod: &str, detail: &str) -> Fault {
        let doing = format!("reading {}", self.subject(pod));
        Fault::new(call::SYSTEM, FaultKind::Malformed, doing, detail)
    }
}

/// How long one pod may take: the interval, within half a second and the deadline of a point read.
pub(in crate::adapters) fn patience(every: Duration) -> Duration {
    every.clamp(Duration::from_millis(500), POINT)
}

/// By template: of the desired and the stable one, the pods that can be asked, first by name. Pods that have not begun
/// to run and pods that are going have no answer to give.
pub(in crate::adapters) fn pods_to_ask(observed: &Observed) -> Vec<(&str, Vec<&Pod>)> {
    let workload = &observed.workload;
    let mut hashes: Vec<&str> = [&workload.current_hash, &workload.stable_hash]
        .into_iter()
        .filter_map(|hash| hash.as_deref())
        .collect();
    hashes.dedup();
    hashes
        .into_iter()
        .map(|hash| {
            let pods = observed.pods.iter().filter(|pod| {
                pod.hash == hash && !matches!(pod.state, PodState::Pending | PodState::Terminating)
            });
            (hash, pods.take(MOST_PODS).collect())
        })
        .collect()
}
