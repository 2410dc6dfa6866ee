//! The way in: clients made from a kubeconfig, and made anew when the server no longer knows our credentials. A read
//! that met 401 is asked once more with them; a change goes back to whoever confirmed it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::{Method, Request, Response, StatusCode};
use kube::client::{Body, Client};
use tokio::time::Instant;
use tower::BoxError;

use super::connect::Opening;

/// Credentials are not asked for more often than this: a plugin may open a browser.
const BETWEEN: Duration = Duration::from_secs(10);

/// What the clients of one cluster are made from, and the ones that are in use.
pub(super) struct Renewal {
    opening: Opening,
    clients: Mutex<Made>,
    renewing: tokio::sync::Mutex<Option<Instant>>,
}

#[derive(Clone)]
struct Made {
    clients: Clients,
    generation: u64,
}

/// Two, so that a mutation never queues behind a list.
#[derive(Clone)]
pub(super) struct Clients {
    pub reads: Client,
    pub mutations: Client,
}

impl Renewal {
    pub fn new(opening: Opening, clients: Clients) -> Arc<Self> {
        Arc::new(Self {
            opening,
            clients: Mutex::new(Made {
                clients,
                generation: 0,
            }),
            renewing: tokio::sync::Mutex::default(),
        })
    }

    /// Clients that look up, for every request, which credentials are the newest.
    pub fn clients(self: &Arc<Self>) -> Clients {
        let one = |pick: fn(&Clients) -> &Client| {
            let access = Arc::clone(self);
            let namespace = pick(&self.made().clients).default_namespace().to_owned();
            let service = tower::service_fn(move |request: Request<Body>| {
                let access = Arc::clone(&access);
                async move { access.send(pick, request).await.map_err(BoxError::from) }
            });
            Client::new(service, namespace)
        };
        Clients {
            reads: one(|clients| &clients.reads),
            mutations: one(|clients| &clients.mutations),
        }
    }

    fn made(&self) -> Made {
        self.clients
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    async fn send(
        &self,
        pick: fn(&Clients) -> &Client,
        request: Request<Body>,
    ) -> Result<Response<Body>, kube::Error> {
        let made = self.made();
        // What a pod answers through the proxy says nothing of our credentials.
        let ours = !request.uri().path().contains("/proxy/");
        let again = (request.method() == Method::GET).then(|| head_of(&request));
        let response = pick(&made.clients).send(request).await?;
        if response.status() != StatusCode::UNAUTHORIZED || !ours {
            return Ok(response);
        }
        // For the next request, whatever this one was.
        let renewed = self.renew(made.generation).await;
        match again.flatten() {
            Some(request) if renewed => pick(&self.made().clients).send(request).await,
            _ => Ok(response),
        }
    }

    /// Reads the kubeconfig and runs its plugin again, unless somebody did since this generation of credentials.
    async fn renew(&self, generation: u64) -> bool {
        let mut last = self.renewing.lock().await;
        if self.made().generation != generation {
            return true;
        }
        if last.is_some_and(|last| last.elapsed() < BETWEEN) {
            return false;
        }
        *last = Some(Instant::now());
        let Ok(clients) = self.opening.again().await else {
            return false;
        };
        *self.clients.lock().unwrap_or_else(PoisonError::into_inner) = Made {
            clients,
            generation: generation + 1,
        };
        true
    }
}

fn head_of(request: &Request<Body>) -> Option<Request<Body>> {
    let mut builder = Request::builder()
        .method(request.method().clone())
        .uri(request.uri().clone());
    if let Some(headers) = builder.headers_mut() {
        headers.clone_from(request.headers());
    }
    builder.body(Body::empty()).ok()
}
