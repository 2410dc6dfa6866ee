//! One conversation with one repository of a registry: where it may go, how it gets in, and what its answers mean.

use std::time::Duration;

use jiff::SignedDuration;
use reqwest::{
    Client, Method, RequestBuilder, Response, StatusCode, Url,
    header::{ACCEPT, HeaderMap, RETRY_AFTER, WWW_AUTHENTICATE},
};
use tokio::sync::RwLock;

use super::{
    OciRegistry,
    allowed::{bare, is_allowed, is_loopback, is_repository},
    challenge::Challenge,
};
use crate::{
    adapters::secret,
    domain::{
        access::{Login, Secret},
        fault::{Fault, FaultKind},
        project::ImageSource,
        release::Digest,
    },
};

/// A manifest is some kilobytes; whoever sends more is not heard out.
const LARGEST_MANIFEST: usize = 4 << 20;

pub(super) const MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, \
    application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.docker.distribution.manifest.list.v2+json";

/// Who is asked, and about what.
pub(super) struct Talk<'a> {
    image: &'a ImageSource,
    /// As a person would name it: a tag, or nothing of the kind.
    subject: &'a str,
    client: Client,
    /// Of the repository: `…/v2/acme/shop/auth`.
    base: Url,
    near: bool,
    login: Option<&'a Login>,
    doing: String,
    /// Found at the first answer that asks for it, and kept for the next question.
    proof: RwLock<Option<Proof>>,
}

/// What gets us in.
enum Proof {
    Token(Secret),
    Login { user: String, password: Secret },
}

impl Proof {
    fn on(&self, request: RequestBuilder) -> RequestBuilder {
        match self {
            Self::Token(token) => request.bearer_auth(token.expose()),
            Self::Login { user, password } => request.basic_auth(user, Some(password.expose())),
        }
    }
}

impl<'a> Talk<'a> {
    /// Refuses what must not be asked: plain HTTP to elsewhere, credentials in a URL, and names that would
    /// lead to another path.
    pub fn new(
        registry: &'a OciRegistry,
        image: &'a ImageSource,
        subject: &'a str,
        doing: &str,
    ) -> Result<Self, Fault> {
        let repository = &image.repository;
        let refuse = |detail: &str, hint: &str| {
            Fault::new("registry", FaultKind::Refused, doing, detail).hint(hint)
        };
        if !is_repository(repository) {
            return Err(refuse(
                "the repository is not written as registries write them",
                "Set `repository` to lower-case segments, e.g. acme/shop/auth-service",
            ));
        }
        // The endpoint is not shown before it is known to hold no credentials.
        let mut url = Url::parse(&image.endpoint).map_err(|error| {
            refuse(
                &format!("its endpoint is not a URL: {error}"),
                "Set `endpoint` to e.g. https://registry.example",
            )
        })?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse(
                "its endpoint holds credentials",
                "Take them out of `endpoint`; URLs end up in logs",
            ));
        }
        let near = is_loopback(&url);
        if !is_allowed(&url, near) {
            return Err(refuse(
                &format!("{} is not https", bare(&url)),
                "Plain HTTP is spoken with this machine only: whoever is in between could name another image",
            ));
        }
        let doing = format!("{doing} at {}", bare(&url));
        url.set_query(None);
        url.set_fragment(None);
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push("v2");
            path.extend(repository.split('/'));
        }
        let client = registry.client(near).map_err(|error| {
            Fault::new("registry", FaultKind::Bug, doing.clone(), &words(error))
        })?;
        Ok(Self {
            image,
            subject,
            client,
            base: url,
            near,
            login: registry
                .logins
                .iter()
                .find(|login| login.address == image.endpoint.trim_end_matches('/')),
            doing,
            proof: RwLock::default(),
        })
    }

    pub async fn within<T>(
        &self,
        deadline: Duration,
        answer: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let answer = tokio::time::timeout(deadline, answer).await;
        answer.unwrap_or_else(|_| {
            let detail = format!("no answer within {} ms", deadline.as_millis());
            let fault = self.fault(FaultKind::TimedOut, &detail);
            Err(fault.hint("Look whether the registry is up and reachable from here"))
        })
    }

    /// `manifests/v1.2.3`, under the repository.
    pub fn url(&self, parts: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.extend(parts);
        }
        url
    }

    /// Where a page says that the next one is: at the same place, or nowhere.
    pub fn next(&self, from: &Url, link: &str) -> Option<Url> {
        let next = from.join(link).ok()?;
        (next.origin() == self.base.origin()).then_some(next)
    }

    /// The answer, whatever its status; asked once more with a proof where it wants one.
    pub async fn ask(&self, method: Method, url: &Url, accept: &str) -> Result<Response, Fault> {
        let used = self.proof.read().await.is_some();
        let answer = self.send(&method, url, accept).await?;
        if answer.status() != StatusCode::UNAUTHORIZED || used {
            return Ok(answer);
        }
        {
            let mut proof = self.proof.write().await;
            // Another question may have got us in meanwhile.
            if proof.is_none() {
                *proof = match challenge_of(answer.headers()) {
                    Some(challenge) => Some(Proof::Token(self.token(&challenge).await?)),
                    None if wants_login(answer.headers()) => self.login().await?,
                    None => None,
                };
            }
            if proof.is_none() {
                return Ok(answer);
            }
        }
        self.send(&method, url, accept).await
    }

    /// Which manifest that reference names.
    pub async fn digest(&self, reference: &str) -> Result<Digest, Fault> {
        let url = self.url(&["manifests", reference]);
        let head = self.ask(Method::HEAD, &url, MANIFESTS).await?;
        // Some registries answer no HEAD, some leave the header out: then the bytes decide.
        if head.status() != StatusCode::METHOD_NOT_ALLOWED {
            let head = self.good(head)?;
            if let Some(digest) = digest_of(head.headers()) {
                return self.checked(reference, digest);
            }
        }
        Ok(self.manifest(reference).await?.0)
    }

    /// The manifest itself, with the digest of its bytes.
    pub async fn manifest(&self, reference: &str) -> Result<(Digest, Vec<u8>), Fault> {
        let url = self.url(&["manifests", reference]);
        let mut whole = self.good(self.ask(Method::GET, &url, MANIFESTS).await?)?;
        let claimed = digest_of(whole.headers());
        let bytes = self.body(&mut whole).await?;
        let digest = Digest::of(&bytes);
        match claimed {
            Some(claimed) if claimed != digest => Err(self.fault(
                FaultKind::Malformed,
                &format!("it calls the manifest {claimed}, and its bytes are {digest}"),
            )),
            _ => Ok((self.checked(reference, digest)?, bytes)),
        }
    }

    /// The bytes of that digest, and nothing else.
    pub async fn blob(&self, digest: &Digest) -> Result<Vec<u8>, Fault> {
        let url = self.url(&["blobs", digest.as_str()]);
        let mut answer = self.good(self.ask(Method::GET, &url, "*/*").await?)?;
        let bytes = self.body(&mut answer).await?;
        self.checked(digest.as_str(), Digest::of(&bytes))?;
        Ok(bytes)
    }

    /// Asked by digest, nothing but that digest is an answer.
    fn checked(&self, reference: &str, digest: Digest) -> Result<Digest, Fault> {
        match Digest::parse(reference) {
            Some(asked) if asked != digest => Err(self.fault(
                FaultKind::Malformed,
                &format!("asked for {asked} it answered with {digest}"),
            )),
            _ => Ok(digest),
        }
    }

    async fn send(&self, method: &Method, url: &Url, accept: &str) -> Result<Response, Fault> {
        let mut request = self
            .client
            .request(method.clone(), url.clone())
            .header(ACCEPT, accept);
        if let Some(proof) = self.proof.read().await.as_ref() {
            request = proof.on(request);
        }
        request.send().await.map_err(|error| self.broken(error))
    }

    /// The login of this registry, its password read now.
    async fn login(&self) -> Result<Option<Proof>, Fault> {
        let Some(login) = self.login else {
            return Ok(None);
        };
        let password = secret::read(&login.password).await?;
        Ok(Some(Proof::Login {
            user: login.user.clone(),
            password,
        }))
    }

    /// A token, as public registries give them to whoever asks, and others to whom they know.
    async fn token(&self, challenge: &Challenge) -> Result<Secret, Fault> {
        let realm = Url::parse(&challenge.realm).ok();
        let realm = realm.filter(|realm| is_allowed(realm, self.near));
        let Some(mut realm) = realm else {
            let detail = "it sends us for a token to a place that is not https";
            return Err(self.fault(FaultKind::Refused, detail));
        };
        let _ = realm.set_username("");
        let _ = realm.set_password(None);
        let pull = format!("repository:{}:pull", self.image.repository);
        let scope = challenge.scope.as_deref().unwrap_or(&pull);
        if let Some(service) = &challenge.service {
            realm.query_pairs_mut().append_pair("service", service);
        }
        realm.query_pairs_mut().append_pair("scope", scope);
        let mut request = self.client.get(realm);
        if let Some(login) = self.login().await? {
            request = login.on(request);
        }
        let answer = request.send().await;
        let mut answer = self.good(answer.map_err(|error| self.broken(error))?)?;
        let body = self.body(&mut answer).await?;
        let json: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        ["token", "access_token"]
            .iter()
            .find_map(|key| json.get(key)?.as_str())
            // Nothing that could end the header line.
            .filter(|token| token.bytes().all(|b| b.is_ascii_graphic()))
            .map(Secret::new)
            .ok_or_else(|| self.fault(FaultKind::Malformed, "the token it gave cannot be read"))
    }

    pub async fn body(&self, answer: &mut Response) -> Result<Vec<u8>, Fault> {
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| self.broken(error))? {
            body.extend_from_slice(&chunk);
            if body.len() > LARGEST_MANIFEST {
                let detail = format!("its answer is larger than {LARGEST_MANIFEST} bytes");
                return Err(self.fault(FaultKind::Malformed, &detail));
            }
        }
        Ok(body)
    }

    /// The answer if it is one, or what its status means.
    pub fn good(&self, answer: Response) -> Result<Response, Fault> {
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let (kind, hint) = match status.as_u16() {
            404 => (
                FaultKind::NotFound,
                format!(
                    "The image of commit {} was not published to {}; see whether its build has run",
                    self.subject, self.image.name
                ),
            ),
            401 if self.login.is_some() => (
                FaultKind::Unauthorised,
                "It does not accept the login of [[registry]]; see whether user and password still hold"
                    .to_owned(),
            ),
            401 => (
                FaultKind::Unauthorised,
                "It wants credentials: add a [[registry]] with its address, or allow anonymous pulls".to_owned(),
            ),
            403 => (
                FaultKind::Forbidden,
                "Anonymous pulls of this repository are not allowed there".to_owned(),
            ),
            429 | 503 => (
                FaultKind::Throttled,
                "It is asked too often, or busy; wait a little".to_owned(),
            ),
            500.. => (
                FaultKind::Unreachable,
                "The registry itself fails; look at its logs".to_owned(),
            ),
            _ => (
                FaultKind::Refused,
                "See whether `endpoint` and `repository` are those of a registry".to_owned(),
            ),
        };
        let mut fault = self
            .fault(kind, &format!("it answered {status}"))
            .hint(hint);
        // In seconds only: a date would need a clock.
        fault.retry_after = answer
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse::<u32>().ok())
            .map(|seconds| SignedDuration::from_secs(seconds.into()));
        Err(fault)
    }

    fn broken(&self, error: reqwest::Error) -> Fault {
        let kind = if error.is_timeout() {
            FaultKind::TimedOut
        } else if error.is_redirect() {
            FaultKind::Refused
        } else if error.is_decode() {
            FaultKind::Malformed
        } else {
            FaultKind::Unreachable
        };
        self.fault(kind, &words(error))
            .hint("Look whether `endpoint` is right, and the registry up and reachable from here")
    }

    pub fn fault(&self, kind: FaultKind, detail: &str) -> Fault {
        Fault::new("registry", kind, self.doing.clone(), detail)
    }
}

/// The error with its causes, without the URL: that may carry a token.
fn words(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(it) = cause {
        text = format!("{text}: {it}");
        cause = it.source();
    }
    text
}

fn digest_of(headers: &HeaderMap) -> Option<Digest> {
    let value = headers.get("docker-content-digest")?.to_str().ok()?;
    Digest::parse(value.trim())
}

fn wants_login(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(WWW_AUTHENTICATE).iter();
    values.any(|value| {
        value
            .as_bytes()
            .get(..6)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"basic "))
    })
}

fn challenge_of(headers: &HeaderMap) -> Option<Challenge> {
    let mut values = headers.get_all(WWW_AUTHENTICATE).iter();
    values.find_map(|value| Challenge::parse(value.to_str().ok()?))
}
