//! What looks like a secret, taken out of texts that others wrote (QUALITY T12): a check that quotes its connection
//! string, a server that repeats a header, a log line of a library. By shape, so it is the last fence and never the first:
//! what we hold ourselves is a `Secret`, and is not put into texts at all.

use std::{borrow::Cow, sync::LazyLock};

use regex::Regex;

/// In place of a secret.
pub const REDACTED: &str = "•••";

/// Each with what to keep of it in group 1.
const SHAPES: &str = concat!(
    // Headers; a word after them in a sentence is shorter.
    r"(?:((?:Bearer|bearer|BEARER|Basic|basic|BASIC)[ \t]+)[A-Za-z0-9._~+/=-]{16,})",
    // user:password@ in addresses, and a token alone before the @.
    r"|(?:((?:https?|ssh|git|ftp|socks5|postgres|postgresql|mysql|mariadb|redis|rediss|amqps?|mongodb|nats|ldaps?|smtps?)(?:\+[a-z]+)?://)[^/\s@:]*:[^/\s@]+@)",
    r"|(?:(https?://)[A-Za-z0-9_.~-]{16,}@)",
    // Of clouds and forges.
    r"|(?:()\b(?:AKIA|ASIA)[0-9A-Z]{16}\b)",
    r"|(?:()\bgh[pousr]_[A-Za-z0-9]{20,})",
    r"|(?:()\bgithub_pat_[A-Za-z0-9_]{20,})",
    r"|(?:()\bglpat-[A-Za-z0-9_-]{16,})",
    r"|(?:()\bxox[abeoprs]-[A-Za-z0-9-]{10,})",
    r"|(?:()\bAIza[A-Za-z0-9_-]{30,})",
    // A signed token: header and payload begin with `{"`.
    r"|(?:()\beyJ[A-Za-z0-9_-]{6,}\.eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]*)",
    // Keys, with line breaks as they are, as JSON has them, and as they are shown.
    r"|(?:()-----BEGIN [A-Z ]*PRIVATE KEY-----[A-Za-z0-9+/=\s\\␊␍]*(?:-----END [A-Z ]*PRIVATE KEY-----)?)",
    // password=…, in queries and connection strings.
    r"|(?:((?:password|passwd|PASSWORD|Password|secret|SECRET|token|TOKEN|api_key|apikey|API_KEY|client_secret|access_key)=)[^\s&;,'\x22]{4,})",
    // The same in JSON.
    r"|(?:(\x22(?:password|passwd|secret|token|access_token|id_token|refresh_token|api_key|client_secret|clientKeyData|client-key-data)\x22\s*:\s*\x22)[^\x22]{4,})",
);

static SECRETS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(SHAPES).ok());

/// The text without what looks like a secret; borrowed where there is nothing to hide.
pub fn redacted(text: &str) -> Cow<'_, str> {
    let Some(shapes) = SECRETS.as_ref() else {
        return Cow::Borrowed(text);
    };
    shapes.replace_all(text, |found: &regex::Captures<'_>| {
        let kept = found.iter().skip(1).flatten().next();
        let mut shown = kept.map_or_else(String::new, |kept| kept.as_str().to_owned());
        shown.push_str(REDACTED);
        // What an address or a JSON text goes on with.
        if found
            .get(0)
            .is_some_and(|whole| whole.as_str().ends_with('@'))
        {
            shown.push('@');
        }
        shown
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_secret_is_taken_out() {
        for (text, expect) in [
            (
                "sent Authorization: Bearer abcdef0123456789abcdef, got 401",
                "sent Authorization: Bearer •••, got 401",
            ),
            (
                "postgres://app:hunter2@db.internal:5432/shop is down",
                "postgres://•••@db.internal:5432/shop is down",
            ),
            (
                "https://ghs0123456789abcdef0@github.example/x",
                "https://•••@github.example/x",
            ),
            ("key AKIAIOSFODNN7EXAMPLE denied", "key ••• denied"),
            (
                "ghp_0123456789abcdefghijABCDEFGHIJ012345 expired",
                "••• expired",
            ),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAK=\n-----END RSA PRIVATE KEY-----\nx",
                "•••\nx",
            ),
            ("a -----BEGIN PRIVATE KEY-----␊MIIEow", "a •••"),
            ("GET /?token=abcd1234&x=1", "GET /?token=•••&x=1"),
            (
                r#"{"access_token":"abcdefgh","expires":1}"#,
                r#"{"access_token":"•••","expires":1}"#,
            ),
            ("eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl", "•••"),
        ] {
            assert_eq!(redacted(text), expect);
            assert_eq!(redacted(expect), expect, "twice changes nothing");
        }
        assert!(SECRETS.is_some());
    }

    #[test]
    fn other_texts_stay_as_they_are() {
        for text in [
            "fix: refresh bearer tokens before they expire",
            "Basic authentication is refused",
            "reading the secret env:REGISTRY_PASSWORD",
            "https://registry.example/acme/shop",
            "git@github.example:acme/shop",
            "mail dana@example.com",
            "sha256:6ca13d52ca70c883e0f0bb101e425a89e8624de51db2d2392593af6a84118090",
            "token: refused",
        ] {
            assert!(matches!(redacted(text), Cow::Borrowed(_)), "{text}");
        }
    }
}
