//! One HTTP call as the practice servers see it, and the answers they give.

use super::rights::Rights;
use crate::simulator::protobuf;
use crate::simulator::refusal::Refusal;
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Frame;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use hyper::{Method, Response, StatusCode};
use serde_json::Value;

/// The connection is dropped without (the rest of) an answer, as a fault asked.
#[derive(Debug, thiserror::Error)]
#[error("cut by a fault of the rehearsal")]
pub(super) struct Cut;

pub(super) type Answer = Response<UnsyncBoxBody<Bytes, Cut>>;

/// A call with its body read.
#[derive(Debug)]
pub(super) struct Call {
    pub method: Method,
    pub path: String,
    pub query: Vec<(String, String)>,
    /// Path and query as sent.
    pub target: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub rights: Rights,
}

impl Call {
    /// A parameter of the query, or "".
    pub fn parameter(&self, name: &str) -> &str {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map_or("", |(_, value)| value)
    }

    /// Whether a parameter is set to true, or given without a value.
    pub fn asks(&self, name: &str) -> bool {
        self.query
            .iter()
            .any(|(key, value)| key == name && ["true", "1", ""].contains(&value.as_str()))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("")
    }

    /// The media type of the body, without its parameters.
    pub fn media_type(&self) -> &str {
        let whole = self.header("content-type");
        whole.split(';').next().unwrap_or("").trim()
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<Value, Refusal> {
        let kind = self.media_type();
        if !kind.is_empty() && !kind.ends_with("json") {
            return Err(Refusal::media_type("application/json"));
        }
        serde_json::from_slice(&self.body)
            .map_err(|error| Refusal::bad_request(format!("unreadable JSON: {error}")))
    }

    /// The object in the body: JSON, YAML, or the protobuf of typed clients. CBOR is refused, as by most clusters.
    pub fn object(&self) -> Result<Value, Refusal> {
        match self.media_type() {
            "application/vnd.kubernetes.protobuf" => protobuf::object(&self.body),
            "application/yaml" | "application/apply-patch+yaml" => {
                let text = std::str::from_utf8(&self.body)
                    .map_err(|error| Refusal::bad_request(format!("unreadable YAML: {error}")))?;
                serde_saphyr::from_str(text)
                    .map_err(|error| Refusal::bad_request(format!("unreadable YAML: {error}")))
            }
            _ => self.json(),
        }
    }
}

pub(super) fn full(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Answer {
    let body = Full::new(body.into())
        .map_err(|never| match never {})
        .boxed_unsync();
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

pub(super) fn json(status: StatusCode, value: &Value) -> Answer {
    full(status, "application/json", value.to_string())
}

pub(super) fn ok(value: &Value) -> Answer {
    json(StatusCode::OK, value)
}

pub(super) fn refused(refusal: &Refusal) -> Answer {
    let status = StatusCode::from_u16(refusal.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = json(status, &refusal.status());
    if let Some(seconds) = refusal.retry_after {
        answer
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    answer
}

/// An answer that goes on; each item is sent at once.
pub(super) fn stream(
    content_type: &'static str,
    lines: impl Stream<Item = Bytes> + Send + 'static,
) -> Answer {
    let body = StreamBody::new(lines.map(|line| Ok(Frame::data(line)))).boxed_unsync();
    let mut answer = Response::new(body);
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

/// `a=1&b=x%20y` decoded.
pub(super) fn parse_query(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (
                decode(&key.replace('+', " ")),
                decode(&value.replace('+', " ")),
            )
        })
        .collect()
}

/// Percent-decoding; what is no escape stays as it is.
pub(super) fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = after.get(..2).filter(|_| *first == b'%');
        if let Some(byte) =
            escaped.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok())
        {
            bytes.push(byte);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries() {
        let pairs = parse_query("labelSelector=app%3Dauth%2Ctier+in+(x)&watch=true&x=%zz");
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(
            pairs,
            [
                pair("labelSelector", "app=auth,tier in (x)"),
                pair("watch", "true"),
                pair("x", "%zz")
            ]
        );
    }
}
