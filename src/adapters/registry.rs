//! An OCI registry: which manifest does a tag name, and which images are there? For a digest one HEAD where the registry answers with
//! `Docker-Content-Digest`; else the manifest itself, hashed here. Anonymous, with the token flow of public
//! registries, or with the login that the configuration has for it, once it is asked for; plain HTTP to this machine
//! only. It never pulls an image and never writes.
//!
//! Protocol: `distribution-spec` (Pull) and `distribution/docs/content/spec/auth/token.md`.

use std::{
    collections::BTreeMap,
    sync::{Mutex, OnceLock},
    time::Duration,
};

use futures::future::BoxFuture;
use reqwest::{Client, redirect::Policy};

use self::{
    allowed::{is_allowed, is_loopback, is_reference},
    list::Read,
    talk::Talk,
};
use crate::{
    domain::{
        access::Login,
        fault::{Fault, FaultKind},
        project::ImageSource,
        release::Digest,
    },
    ports::ask::Registry,
};

mod allowed;
mod challenge;
mod list;
mod talk;

/// Of a whole lookup, however many requests it takes.
const DEADLINE: Duration = Duration::from_secs(5);

const REDIRECTS: usize = 5;

/// Connections are made at the first lookup, so that having one costs nothing.
#[derive(Debug)]
pub struct OciRegistry {
    deadline: Duration,
    logins: Vec<Login>,
    /// What was read of images, by repository and digest: what a digest names never changes.
    read: Mutex<BTreeMap<(String, Digest), Read>>,
    /// Never through a proxy: for registries on this machine.
    near: OnceLock<Client>,
    far: OnceLock<Client>,
}

impl Default for OciRegistry {
    fn default() -> Self {
        Self {
            deadline: DEADLINE,
            logins: Vec::new(),
            read: Mutex::default(),
            near: OnceLock::new(),
            far: OnceLock::new(),
        }
    }
}

impl OciRegistry {
    pub fn with_deadline(deadline: Duration) -> Self {
        Self {
            deadline,
            ..Self::default()
        }
    }

    /// For registries that are not open to everybody.
    pub fn with_logins(logins: Vec<Login>) -> Self {
        Self {
            logins,
            ..Self::default()
        }
    }

    fn client(&self, near: bool) -> Result<Client, reqwest::Error> {
        let place = if near { &self.near } else { &self.far };
        if let Some(client) = place.get() {
            return Ok(client.clone());
        }
        let policy = Policy::custom(|attempt| {
            let from_near = attempt.previous().first().is_some_and(is_loopback);
            if attempt.previous().len() > REDIRECTS {
                attempt.error("it redirects without end")
            } else if is_allowed(attempt.url(), from_near) {
                attempt.follow()
            } else {
                attempt.error("it redirects to plain HTTP")
            }
        });
        let mut builder = Client::builder()
            .redirect(policy)
            .referer(false)
            .user_agent(concat!("gonogo/", env!("CARGO_PKG_VERSION")));
        if near {
            builder = builder.no_proxy();
        }
        let client = builder.build()?;
        Ok(place.get_or_init(|| client).clone())
    }
}

impl Registry for OciRegistry {
    fn digest<'a>(
        &'a self,
        image: &'a ImageSource,
        reference: &'a str,
    ) -> BoxFuture<'a, Result<Digest, Fault>> {
        Box::pin(async move {
            let doing = format!("looking up the digest of {}:{reference}", image.repository);
            let talk = Talk::new(self, image, reference, &doing)?;
            if !is_reference(reference) {
                let fault = Fault::new("registry", FaultKind::Refused, doing, "that is no tag");
                return Err(fault.hint("Name a tag or a full commit id"));
            }
            talk.within(self.deadline, talk.digest(reference)).await
        })
    }
}
