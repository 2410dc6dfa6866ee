//! One request to the API server under one deadline, and what its failures mean. Everything sent to a cluster goes
//! through here, on a client that repeats nothing; errors of the client are mapped, never printed, since they may carry
//! what a credential plugin said.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use jiff::SignedDuration;
use kube::client::{Body, Client};
use serde::Deserialize;

use crate::domain::fault::{Fault, FaultKind};

pub(super) const SYSTEM: &str = "kubernetes";

/// What to ask, and in which words to speak of it.
#[derive(Clone, Debug)]
pub(super) struct Ask<'a> {
    pub method: Method,
    /// Path and query, already encoded.
    pub path: String,
    pub content_type: Option<&'static str>,
    pub accept: &'static str,
    pub body: Bytes,
    /// For `Fault::doing`.
    pub doing: &'a str,
}

impl<'a> Ask<'a> {
    pub fn get(path: impl Into<String>, doing: &'a str) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            content_type: None,
            accept: "application/json",
            body: Bytes::new(),
            doing,
        }
    }

    pub fn json_patch(path: impl Into<String>, body: Bytes, doing: &'a str) -> Self {
        Self {
            method: Method::PATCH,
            content_type: Some("application/json-patch+json"),
            body,
            ..Self::get(path, doing)
        }
    }

    pub fn post(path: impl Into<String>, body: Bytes, doing: &'a str) -> Self {
        Self {
            method: Method::POST,
            content_type: Some("application/json"),
            body,
            ..Self::get(path, doing)
        }
    }

    fn request(&self) -> Result<Request<Body>, Fault> {
        let mut builder = Request::builder()
            .method(self.method.clone())
            .uri(&self.path)
            .header(header::ACCEPT, self.accept);
        if let Some(content_type) = self.content_type {
            builder = builder.header(header::CONTENT_TYPE, content_type);
        }
        builder
            .body(Body::from(self.body.to_vec()))
            .map_err(|_| self.fault(FaultKind::Bug, "its address is no valid path"))
    }

    pub fn fault(&self, kind: FaultKind, detail: &str) -> Fault {
        Fault::new(SYSTEM, kind, self.doing, detail)
    }
}

/// The server's answer, whatever its status.
#[derive(Debug)]
pub(super) struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// Sends once and reads the body, of at most `most` bytes. A fault means that no whole answer came.
pub(super) async fn send(
    client: &Client,
    ask: &Ask<'_>,
    deadline: Duration,
    most: usize,
) -> Result<Reply, Fault> {
    let reply = send_sized(client, ask, deadline, most).await?;
    reply.ok_or_else(|| {
        let detail = format!("the answer is larger than {} MB", most >> 20);
        ask.fault(FaultKind::Malformed, &detail)
    })
}

/// The same; none if it is larger, and then the rest was not read.
pub(super) async fn send_sized(
    client: &Client,
    ask: &Ask<'_>,
    deadline: Duration,
    most: usize,
) -> Result<Option<Reply>, Fault> {
    let whole = async {
        let (status, headers, mut body) = open(client, ask).await?;
        let mut bytes = BytesMut::new();
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| broken(ask, &error))?;
            if bytes.len() + chunk.len() > most {
                return Ok(None);
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Some(Reply {
            status,
            headers,
            body: bytes.freeze(),
        }))
    };
    tokio::time::timeout(deadline, whole)
        .await
        .unwrap_or_else(|_| Err(late(ask, deadline)))
}

pub(super) type Chunks = futures::stream::BoxStream<'static, Result<Bytes, kube::Error>>;

/// Sends once; the body is read by the caller, under the caller's deadlines.
pub(super) async fn open(
    client: &Client,
    ask: &Ask<'_>,
) -> Result<(StatusCode, HeaderMap, Chunks), Fault> {
    let response = client
        .send(ask.request()?)
        .await
        .map_err(|error| broken(ask, &error))?;
    let (parts, body) = response.into_parts();
    Ok((parts.status, parts.headers, body.into_data_stream().boxed()))
}

pub(super) fn late(ask: &Ask<'_>, deadline: Duration) -> Fault {
    let deadline = SignedDuration::try_from(deadline).unwrap_or(SignedDuration::MAX);
    let detail = format!("no answer within {}", crate::domain::time::exact(deadline));
    ask.fault(FaultKind::TimedOut, &detail)
}

/// What the API server says in the body of every refusal.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Status {
    pub kind: String,
    pub message: Option<String>,
    pub reason: Option<String>,
    pub code: Option<u16>,
    pub details: Option<Details>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Details {
    pub retry_after_seconds: Option<i64>,
    pub causes: Option<Vec<Cause>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Cause {
    pub message: Option<String>,
    pub field: Option<String>,
}

impl Status {
    pub fn read(body: &[u8]) -> Option<Self> {
        serde_json::from_slice::<Self>(body)
            .ok()
            .filter(|status| status.kind == "Status")
    }

    /// The message and its causes, cut to what fits a dialog.
    pub fn words(&self) -> String {
        let mut words = self.message.clone().unwrap_or_default();
        for cause in self.details.iter().flat_map(|d| d.causes.iter().flatten()) {
            let said = cause.message.as_deref().unwrap_or_default();
            if said.is_empty() || words.contains(said) {
                continue;
            }
            words.push_str(if words.is_empty() { "" } else { "; " });
            if let Some(field) = cause.field.as_deref().filter(|field| !field.is_empty()) {
                words.push_str(field);
                words.push_str(": ");
            }
            words.push_str(said);
        }
        match words.char_indices().nth(500) {
            Some((cut, _)) => format!("{}…", words.get(..cut).unwrap_or_default()),
            None => words,
        }
    }
}

/// The fault in an answer that is no success.
///
/// A 5xx to a mutation may have been sent by something between us and the API server after the change was applied.
/// Only 429 and 503 with the server's own `Status` in the body mean that it was turned away at the door.
pub(super) fn refusal(ask: &Ask<'_>, reply: &Reply) -> Fault {
    let status = Status::read(&reply.body);
    let code = reply.status.as_u16();
    let kind = match code {
        401 => FaultKind::Unauthorised,
        403 => FaultKind::Forbidden,
        404 => FaultKind::NotFound,
        409 => FaultKind::Conflict,
        429 => FaultKind::Throttled,
        503 if status.is_some() => FaultKind::Throttled,
        408 | 504 => FaultKind::TimedOut,
        400..=499 => FaultKind::Refused,
        500..=599 => FaultKind::Unreachable,
        _ => FaultKind::Malformed,
    };
    let said = status.as_ref().map(Status::words).unwrap_or_default();
    let detail = if said.is_empty() {
        let what = if looks_like_html(reply) {
            ", as a page of HTML"
        } else {
            ""
        };
        let name = reply.status.canonical_reason().unwrap_or("no known status");
        format!("{code} {name}{what}")
    } else {
        format!("{code}: {said}")
    };
    let mut fault = ask.fault(kind, &detail);
    if status.is_none() && looks_like_html(reply) {
        fault = fault.hint(
            "Something between us and the API server answered: look at the proxy and the VPN.",
        );
    }
    fault.retry_after = retry_after(reply, status.as_ref());
    fault
}

fn retry_after(reply: &Reply, status: Option<&Status>) -> Option<SignedDuration> {
    let in_header = reply
        .headers
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse::<i64>().ok());
    in_header
        .or_else(|| status?.details.as_ref()?.retry_after_seconds)
        .filter(|seconds| *seconds > 0)
        .map(SignedDuration::from_secs)
}

pub(super) fn looks_like_html(reply: &Reply) -> bool {
    is_html(&reply.headers, &reply.body)
}

/// By its type, or by its first byte: neither JSON nor a metric begins with `<`.
pub(in crate::adapters) fn is_html(headers: &HeaderMap, body: &[u8]) -> bool {
    let declared = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"text/html"));
    declared || body.trim_ascii_start().first() == Some(&b'<')
}

/// A success, decoded.
pub(super) fn decode<T: serde::de::DeserializeOwned>(
    ask: &Ask<'_>,
    reply: &Reply,
) -> Result<T, Fault> {
    if !reply.status.is_success() {
        return Err(refusal(ask, reply));
    }
    serde_json::from_slice(&reply.body).map_err(|error| {
        if let Some(place) = place_of::<T>(&reply.body) {
            let what = format!("its {place} is of another type than it should be");
            return ask.fault(FaultKind::Malformed, &what);
        }
        let what = if looks_like_html(reply) {
            "it answered with a page of HTML".to_owned()
        } else {
            // The position only: the text of a serde error quotes what it read.
            format!(
                "it answered with something unexpected at line {}, column {}",
                error.line(),
                error.column()
            )
        };
        ask.fault(FaultKind::Malformed, &what)
    })
}

/// Where a JSON text that is one differs from what is expected: `items[3].status.replicas`. Read once more for that, so
/// that what is well costs nothing.
fn place_of<T: serde::de::DeserializeOwned>(body: &[u8]) -> Option<String> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let error = serde_path_to_error::deserialize::<_, T>(&mut reader).err()?;
    let path = error.path().to_string();
    (error.inner().is_data() && path != ".").then(|| path.chars().take(200).collect())
}

/// A failure of the connection or of the credentials, in our own words.
pub(super) fn broken(ask: &Ask<'_>, error: &kube::Error) -> Fault {
    if let kube::Error::Auth(auth) = error {
        return ask.fault(FaultKind::Unauthorised, &credentials(auth));
    }
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    let mut detail = None;
    let mut connected = true;
    let mut depth = 0;
    while let Some(error) = cause.filter(|_| depth < 16) {
        depth += 1;
        if let Some(auth) = error.downcast_ref::<kube::client::AuthError>() {
            return ask.fault(FaultKind::Unauthorised, &credentials(auth));
        }
        if let Some(kube::Error::Auth(auth)) = error.downcast_ref::<kube::Error>() {
            return ask.fault(FaultKind::Unauthorised, &credentials(auth));
        }
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            detail = Some(format!("TLS failed: {}", of_tls(tls)));
        }
        if let Some(http) = error.downcast_ref::<hyper_util::client::legacy::Error>() {
            connected &= !http.is_connect();
        }
        if error.to_string().starts_with("dns error") {
            detail = Some("its name cannot be resolved".to_owned());
        }
        cause = error.source();
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            if io.kind() != std::io::ErrorKind::Other {
                detail = Some(io.kind().to_string());
            }
            // `source` of an io::Error passes over the error that it wraps.
            cause = io.get_ref().map_or(cause, |inner| Some(inner));
        }
    }
    let detail = detail.unwrap_or_else(|| "the connection broke".to_owned());
    let fault = ask.fault(FaultKind::Unreachable, &detail);
    if connected { fault } else { fault.not_sent() }
}

/// What a person can do something about, in words; the rest as the library says it.
fn of_tls(error: &rustls::Error) -> String {
    use rustls::{CertificateError as C, Error as E};
    let E::InvalidCertificate(what) = error else {
        return error.to_string();
    };
    match what {
        C::Expired | C::ExpiredContext { .. } => "the server's certificate has expired",
        C::NotValidYet | C::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet; look at the clocks"
        }
        C::NotValidForName | C::NotValidForNameContext { .. } => {
            "the server's certificate is for another name than the kubeconfig's"
        }
        C::UnknownIssuer | C::BadSignature => {
            "the server's certificate is not from the authority that the kubeconfig names"
        }
        C::Revoked => "the server's certificate was revoked",
        _ => return error.to_string(),
    }
    .to_owned()
}

/// Without the output of the plugin, which may hold a token.
pub(super) fn credentials(error: &kube::client::AuthError) -> String {
    use kube::client::AuthError as E;
    match error {
        E::AuthExecRun { out, .. } => format!("the credential plugin failed ({})", out.status),
        E::AuthExecStart(error) => {
            format!("the credential plugin cannot be started ({})", error.kind())
        }
        E::AuthExecParse(_) | E::ExecPluginFailed => {
            "the credential plugin gave no credentials".to_owned()
        }
        E::ReadTokenFile(error, path) => {
            format!(
                "the token file {} cannot be read ({})",
                path.display(),
                error.kind()
            )
        }
        _ => "the credentials of the kubeconfig cannot be used".to_owned(),
    }
}
