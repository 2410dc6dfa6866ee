//! What single texts must look like: names, paths of requests, addresses. Values are never quoted in what a
//! rule says, because an address may hold a password.

use crate::domain::{
    item::Bound,
    project::ProjectId,
    text::redacted,
    version_file::{self, VersionFile},
};

/// What a text must be, and how to say so.
pub struct Rule {
    /// *not* …
    pub what: &'static str,
    pub hint: &'static str,
    pub holds: fn(&str) -> bool,
}

pub static TEXT: Rule = Rule {
    what: "a text of visible characters",
    hint: "write something, without control characters",
    holds: |text| !text.trim().is_empty() && visible(text),
};

pub static NAME: Rule = Rule {
    what: "a name",
    hint: "letters, digits, `.`, `_` and `-` make a name",
    holds: |text| {
        !text.is_empty()
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
    },
};

/// `qa`, or as an approver also `approve:qa`.
pub static ROLE: Rule = Rule {
    what: NAME.what,
    hint: NAME.hint,
    holds: |text| (NAME.holds)(text.strip_prefix("approve:").unwrap_or(text)),
};

/// Of one's own, or of those that ship.
pub static CHECKLIST: Rule = Rule {
    what: "the name of a checklist",
    hint: "write the name of a [[checklist]], or one like builtin:001",
    holds: |text| (NAME.holds)(text.strip_prefix("builtin:").unwrap_or(text)),
};

pub static PROJECT: Rule = Rule {
    what: "<repository>/<project>",
    hint: "write it like acme/shop/auth-service",
    holds: |text| ProjectId::parse(text).is_ok(),
};

/// RFC 1123, as Kubernetes names namespaces and containers.
pub static LABEL: Rule = Rule {
    what: "a Kubernetes name",
    hint: "use lowercase letters, digits and `-`, at most 63 characters",
    holds: label,
};

pub static WORKLOAD: Rule = Rule {
    what: "a workload",
    hint: "write it like rollout/auth-service or deployment/auth-service",
    holds: |text| {
        text.split_once('/').is_some_and(|(kind, name)| {
            matches!(kind, "rollout" | "deployment")
                && name.len() <= 253
                && name.split('.').all(label)
        })
    },
};

/// Appended to the pod proxy's own path, so nothing may climb out of it.
pub static REQUEST_PATH: Rule = Rule {
    what: "the path of a request",
    hint: "begin with `/`, without spaces and without `..`",
    holds: |text| {
        text.starts_with('/')
            && visible(text)
            && !text.contains(char::is_whitespace)
            && !text.split(['/', '?']).any(|segment| segment == "..")
    },
};

/// <https://prometheus.io/docs/concepts/data_model/#metric-names-and-labels>
pub static METRIC_PREFIX: Rule = Rule {
    what: "the beginning of a metric's name",
    hint: "letters, digits, `_` and `:` make a metric's name, and no digit comes first",
    holds: |text| {
        text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | ':'))
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':'))
    },
};

/// `NAME`, or `NAME=value`.
pub static ENV: Rule = Rule {
    what: "the name of an environment variable, or NAME=value",
    hint: "write it like DATABASE_URL, or MODE=check; a secret is never written here, only its name",
    holds: |text| {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && visible(value)
            && *redacted(text) == *text
    },
};

/// Below a folder that is given, and never beside it.
pub static INNER_PATH: Rule = Rule {
    what: "the path of a folder within the source",
    hint: "write it like services/auth, without `..`",
    holds: |text| {
        !text.is_empty()
            && !text.starts_with('/')
            && visible(text)
            && !text
                .split('/')
                .any(|segment| matches!(segment, "" | "." | ".."))
    },
};

/// One file of a repository, and none of git's own.
pub static FILE: Rule = Rule {
    what: "the path of a file within the repository",
    hint: "write it like services/auth/CHANGELOG.md, without `..`",
    holds: version_file::is_inner,
};

pub static VERSION_FILE: Rule = Rule {
    what: "a file of the repository and the place of the version in it",
    hint: "write it like VERSION, package.json:/version or Cargo.toml:package.version",
    holds: |text| VersionFile::parse(text).is_some(),
};

/// An address with its path; no user and no password.
pub static URL: Rule = Rule {
    what: "the address of a page",
    hint: "write it like https://api.example/health, with no user and no password",
    holds: |text| page(text) && *redacted(text) == *text,
};

pub static HOST: Rule = Rule {
    what: "the name of a host",
    hint: "write it like db.internal",
    holds: |text| {
        !text.is_empty()
            && !text.starts_with('-')
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
    },
};

pub static HOST_PORT: Rule = Rule {
    what: "a host and its port",
    hint: "write it like db.internal:5432 or [::1]:5432",
    holds: |text| {
        text.rsplit_once(':').is_some_and(|(host, port)| {
            let inner = host
                .strip_prefix('[')
                .and_then(|host| host.strip_suffix(']'));
            let named = match inner {
                Some(address) => {
                    let sign = |c: char| c.is_ascii_hexdigit() || matches!(c, ':' | '.');
                    address.contains(':') && address.chars().all(sign)
                }
                None => (HOST.holds)(host),
            };
            named && port.parse::<u16>().is_ok_and(|port| port > 0)
        })
    },
};

/// Compared with what a kubeconfig leads to, so nothing in it may be left to the reader.
pub static PROGRAM: Rule = Rule {
    what: "the whole path of a program",
    hint: "write it like /usr/local/bin/aws-iam-authenticator",
    holds: |text| {
        text.starts_with('/')
            && visible(text)
            && !text
                .split('/')
                .skip(1)
                .any(|segment| matches!(segment, "" | "." | ".."))
    },
};

/// As `openssl x509 -fingerprint -sha256` prints it, or without its colons.
pub static SHA256: Rule = Rule {
    what: "a SHA-256 in hex",
    hint: "it has 64 hexadecimal digits; colons between them do no harm",
    holds: |text| {
        let digits = text.chars().filter(|c| *c != ':');
        digits.clone().count() == 64 && digits.into_iter().all(|c| c.is_ascii_hexdigit())
    },
};

pub static ADDRESS: Rule = Rule {
    what: "the address of a server",
    hint: "write it like https://registry.example, with no user, password, query or fragment",
    holds: |text| page(text) && !text.contains(['@', '?', '#']),
};

/// Of a page that people open: it may ask for something, and holds no password.
pub static LINK: Rule = Rule {
    what: "the address of a page",
    hint: "write it like https://grafana.example/d/shop, with no user and no password",
    holds: page,
};

/// As it stands in a pod spec, without tag and digest.
pub static IMAGE: Rule = Rule {
    what: "the name of an image without tag and digest",
    hint: "write it like registry.example/acme/shop/auth-service; the release brings its digest",
    holds: |text| {
        let path = text.split_once('/').map_or(text, |(_, path)| path);
        !path.is_empty()
            && !text.contains('@')
            && !path.contains(':')
            && text
                .split('/')
                .all(|segment| !matches!(segment, "" | "." | ".."))
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "._-:/".contains(c))
    },
};

/// As it stands in the paths of a registry.
pub static REPOSITORY: Rule = Rule {
    what: "a repository of a registry",
    hint: "write it like acme/shop/auth-service",
    holds: |text| {
        text.split('/')
            .all(|segment| (NAME.holds)(segment) && segment != "..")
    },
};

/// Group, version, plural and name of an object of Kubernetes.
pub static OBJECT: Rule = Rule {
    what: "an object of Kubernetes",
    hint: "write it like apps/v1/deployments/auth-service or v1/configmaps/limits",
    holds: |text| {
        let parts: Vec<&str> = text.split('/').collect();
        (3..=4).contains(&parts.len())
            && parts.iter().all(|part| (NAME.holds)(part) && *part != "..")
    },
};

pub static POINTER: Rule = Rule {
    what: "a JSON pointer",
    hint: "write it like /status/readyReplicas",
    holds: |text| text.starts_with('/') && visible(text),
};

pub static BOUND: Rule = Rule {
    what: "a bound",
    hint: "write it like \">= 80\", \"<= 0\" or \"<= former + 10 %\"",
    holds: |text| Bound::parse(text).is_some(),
};

/// Owner and name, as a forge has it.
pub static FORGE: Rule = Rule {
    what: "a repository of a forge",
    hint: "write it like acme/shop",
    holds: |text| text.split('/').count() == 2 && (REPOSITORY.holds)(text),
};

/// http or https, a host, and nobody's name or password before it.
fn page(text: &str) -> bool {
    text.strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))
        .is_some_and(|rest| {
            let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
            !host.is_empty()
                && !host.contains('@')
                && !rest.contains(char::is_whitespace)
                && visible(rest)
        })
}

fn label(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 63
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

fn visible(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rule: &Rule, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!((rule.holds)(text), "{text} is {}", rule.what);
        }
        for text in bad {
            assert!(!(rule.holds)(text), "{text} is not {}", rule.what);
        }
    }

    #[test]
    fn rules_hold_and_refuse() {
        check(&TEXT, &["Acme shop"], &["", "  ", "a\u{1b}[2J"]);
        check(&NAME, &["production", "eu-west.1"], &["", "a b", "a/b"]);
        check(&LABEL, &["auth", "a-1"], &["", "-a", "A", "a.b", "../x"]);
        check(
            &WORKLOAD,
            &["rollout/auth-service", "deployment/a.b"],
            &["auth-service", "pod/x", "rollout/", "rollout/a/../b"],
        );
        check(
            &REQUEST_PATH,
            &["/health", "/health?full=1"],
            &["health", "", "/a b", "/../secrets"],
        );
        check(
            &ENV,
            &["DATABASE_URL", "MODE=check", "_A1=", "A=b=c"],
            &["", "1A", "A B", "A-B=c", "URL=postgres://me:secret@db/x"],
        );
        check(
            &INNER_PATH,
            &["services/auth", "tests"],
            &["", "/etc", "../x", "a/../b", "a//b"],
        );
        check(&FILE, &["a/CHANGELOG.md"], &["/etc", "../x", ".git/config"]);
        check(&VERSION_FILE, &["VERSION", "p.json:/v"], &["", "a:", "/v"]);
        check(
            &URL,
            &["https://api.example/health?full=1", "http://127.0.0.1:8080"],
            &[
                "api.example",
                "https://",
                "https://me:pw@host/x",
                "ftp://host",
            ],
        );
        check(
            &HOST_PORT,
            &["db.internal:5432", "127.0.0.1:80", "[::1]:80"],
            &["db", "db:", "db:0", "db:99999", ":80", "[x]:80"],
        );
        check(
            &METRIC_PREFIX,
            &["release_manager", "a:b"],
            &["", "9a", "a-b"],
        );
        check(
            &ADDRESS,
            &["https://registry.example", "http://127.0.0.1:5000"],
            &["registry.example", "https://", "https://me:pw@host"],
        );
        check(
            &LINK,
            &[
                "https://grafana.example/d/shop?var=a@b#top",
                "http://127.0.0.1",
            ],
            &[
                "grafana.example",
                "https://?x",
                "https://me:pw@host/d",
                "javascript:alert(1)",
            ],
        );
        check(
            &IMAGE,
            &[
                "registry.example:5000/acme/auth",
                "localhost/auth",
                "acme/auth",
            ],
            &[
                "registry.example/auth:1.2",
                "registry.example/auth@sha256:1",
                "a//b",
                "",
            ],
        );
    }
}
