//! Where a lookup may go and what it may name: https only, except on this machine, and no name that would lead
//! to another path.

use std::net::IpAddr;

use reqwest::Url;

use crate::domain::release::Digest;

/// Scheme and host, for messages.
pub(super) fn bare(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{}://{host}:{port}", url.scheme()),
        None => format!("{}://{host}", url.scheme()),
    }
}

pub(super) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

/// https; and plain HTTP on this machine, for whoever began there.
pub(super) fn is_allowed(url: &Url, near: bool) -> bool {
    url.scheme() == "https" || (url.scheme() == "http" && near && is_loopback(url))
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*` between slashes, checked a little more loosely.
pub(super) fn is_repository(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    text.len() <= 255
        && text.split('/').all(|segment| {
            let bytes = segment.as_bytes();
            bytes.first().is_some_and(|b| word(*b))
                && bytes.last().is_some_and(|b| word(*b))
                && bytes.iter().all(|b| word(*b) || b"._-".contains(b))
                && !segment.contains("..")
        })
}

/// `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`, or a digest.
pub(super) fn is_reference(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let tag = text.len() <= 128
        && text.bytes().next().is_some_and(plain)
        && text.bytes().all(|b| plain(b) || b == b'.' || b == b'-');
    tag || Digest::parse(text).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for good in ["acme", "acme/shop/auth-service", "a.b/c__d/e--f", "0/1"] {
            assert!(is_repository(good), "{good}");
        }
        for bad in [
            "", "/", "a//b", "../a", "a/..", "a..b", "A", "a/", "a?b", "a#b", "-a", "a%2e",
        ] {
            assert!(!is_repository(bad), "{bad}");
        }
        for good in ["v1.2.3", "_", &"a".repeat(128), Digest::of(b"").as_str()] {
            assert!(is_reference(good), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            "-a",
            "a/b",
            "a:b",
            "sha256:12",
            &"a".repeat(129),
        ] {
            assert!(!is_reference(bad), "{bad}");
        }
    }

    #[test]
    fn plain_http_is_for_this_machine() {
        let allowed = |text: &str| {
            let url = Url::parse(text).expect("a URL");
            is_allowed(&url, is_loopback(&url))
        };
        for good in [
            "https://registry.example",
            "http://127.0.0.1:5000",
            "http://[::1]:5000",
            "http://localhost:5000",
        ] {
            assert!(allowed(good), "{good}");
        }
        for bad in [
            "http://registry.example",
            "http://10.0.0.1",
            "http://localhost.evil.example",
            "ftp://localhost",
            "file:///etc/passwd",
        ] {
            assert!(!allowed(bad), "{bad}");
        }
        // A registry elsewhere cannot send us to this machine.
        let near = Url::parse("http://127.0.0.1/token").expect("a URL");
        assert!(!is_allowed(&near, false));
    }
}
