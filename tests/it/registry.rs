//! The registry lookup, against a small registry on loopback.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{Method, StatusCode},
    response::{IntoResponse as _, Response},
};
use gonogo::{
    adapters::registry::OciRegistry,
    domain::{
        access::{Login, SecretRef},
        fault::{Fault, FaultKind},
        project::ImageSource,
        release::Digest,
    },
    ports::ask::Registry as _,
};
use jiff::SignedDuration;

const COMMIT: &str = "9f3c2ab000000000000000000000000000000000";
const MANIFEST: &str =
    r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json"}"#;

/// What was asked, one line each: method, path and query, and the bearer token.
type Asked = Arc<Mutex<Vec<String>>>;

pub struct Server {
    endpoint: String,
    asked: Asked,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub async fn start(
        answer: impl Fn(&str, &Request) -> Response + Clone + Send + Sync + 'static,
    ) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Asked::default();
        let (log, base) = (asked.clone(), endpoint.clone());
        let router = Router::new().fallback(move |request: Request| {
            let token = request.headers().get("authorization");
            let line = format!(
                "{} {} {}",
                request.method(),
                request.uri(),
                token.and_then(|t| t.to_str().ok()).unwrap_or("-")
            );
            log.lock().expect("unpoisoned").push(line);
            let response = answer(&base, &request);
            async move { response }
        });
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Self {
            endpoint,
            asked,
            task,
        }
    }

    pub fn image(&self) -> ImageSource {
        ImageSource {
            name: "registry.example/acme/shop/auth".to_owned(),
            endpoint: self.endpoint.clone(),
            repository: "acme/shop/auth".to_owned(),
        }
    }

    async fn digest(&self, reference: &str) -> Result<Digest, Fault> {
        OciRegistry::default()
            .digest(&self.image(), reference)
            .await
    }

    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("unpoisoned").clone()
    }
}

pub fn respond(status: u16, headers: &[(&str, &str)], body: impl Into<Body>) -> Response {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(body.into()).expect("a response")
}

#[tokio::test]
async fn one_head_is_enough_where_the_registry_names_the_digest() {
    let digest = Digest::of(b"some manifest");
    let named = digest.clone();
    let server = Server::start(move |_, request| {
        let accept = request
            .headers()
            .get("accept")
            .and_then(|a| a.to_str().ok());
        let kinds = accept.unwrap_or_default().split(", ").count();
        let path = format!("/v2/acme/shop/auth/manifests/{COMMIT}");
        if kinds == 4 && request.uri().path() == path {
            respond(200, &[("docker-content-digest", named.as_str())], "")
        } else {
            StatusCode::BAD_REQUEST.into_response()
        }
    })
    .await;
    assert_eq!(server.digest(COMMIT).await, Ok(digest));
    assert_eq!(
        server.asked(),
        [format!("HEAD /v2/acme/shop/auth/manifests/{COMMIT} -")]
    );
}

#[tokio::test]
async fn without_the_header_or_without_head_the_bytes_are_hashed() {
    for head in [200, 405] {
        let server = Server::start(move |_, request| match *request.method() {
            Method::HEAD => respond(head, &[], ""),
            _ => respond(200, &[], MANIFEST),
        })
        .await;
        assert_eq!(
            server.digest(COMMIT).await,
            Ok(Digest::of(MANIFEST.as_bytes()))
        );
        assert_eq!(server.asked().len(), 2);
    }
}

#[tokio::test]
async fn bytes_that_are_not_what_they_are_called_are_refused() {
    let other = Digest::of(b"other");
    let server = Server::start(move |_, request| match *request.method() {
        Method::HEAD => respond(200, &[], ""),
        _ => respond(200, &[("docker-content-digest", other.as_str())], MANIFEST),
    })
    .await;
    let fault = server.digest(COMMIT).await.expect_err("a lie");
    assert_eq!(fault.kind, FaultKind::Malformed, "{fault}");

    let other = Digest::of(b"other");
    let server =
        Server::start(move |_, _| respond(200, &[("docker-content-digest", other.as_str())], ""))
            .await;
    let fault = server
        .digest(Digest::of(b"asked").as_str())
        .await
        .expect_err("another");
    assert_eq!(fault.kind, FaultKind::Malformed, "{fault}");
}

#[tokio::test]
async fn an_anonymous_token_is_fetched_where_one_is_asked_for() {
    let server = Server::start(|base, request| {
        let bearer = request.headers().get("authorization").is_some_and(|t| t == "Bearer t0k3n");
        if request.uri().path() == "/token" {
            respond(200, &[], r#"{"access_token":"t0k3n","expires_in":60}"#)
        } else if bearer {
            respond(200, &[("docker-content-digest", Digest::of(b"it").as_str())], "")
        } else {
            let ask = format!(
                r#"Bearer realm="{base}/token",service="shop",scope="repository:acme/shop/auth:pull""#
            );
            respond(401, &[("www-authenticate", &ask)], "")
        }
    })
    .await;
    assert_eq!(server.digest(COMMIT).await, Ok(Digest::of(b"it")));
    assert_eq!(
        server.asked()[1],
        "GET /token?service=shop&scope=repository%3Aacme%2Fshop%2Fauth%3Apull -"
    );
    assert_eq!(server.asked().len(), 3);
}

/// `Basic` of `ci:canary`.
const LOGIN: &str = "Basic Y2k6Y2FuYXJ5";

fn login(server: &Server, password: SecretRef) -> OciRegistry {
    OciRegistry::with_logins(vec![
        Login {
            address: "https://other.example".to_owned(),
            user: "somebody".to_owned(),
            password: SecretRef::Env("NOT_ASKED_FOR".to_owned()),
        },
        Login {
            address: server.endpoint.clone(),
            user: "ci".to_owned(),
            password,
        },
    ])
}

fn cmd(words: &[&str]) -> SecretRef {
    SecretRef::Cmd(words.iter().map(|word| (*word).to_owned()).collect())
}

#[tokio::test]
async fn a_login_is_told_once_it_is_asked_for_and_to_nobody_else() {
    for bearer in [true, false] {
        let server = Server::start(move |base, request| {
            let told = request
                .headers()
                .get("authorization")
                .map(|t| t.to_str().unwrap_or("?").to_owned());
            let found = || {
                respond(
                    200,
                    &[("docker-content-digest", Digest::of(b"it").as_str())],
                    "",
                )
            };
            match (request.uri().path(), told.as_deref()) {
                ("/token", Some(LOGIN)) => respond(200, &[], r#"{"token":"t0k3n"}"#),
                ("/token", _) => respond(401, &[], ""),
                (_, Some("Bearer t0k3n")) if bearer => found(),
                (_, Some(LOGIN)) if !bearer => found(),
                _ if bearer => respond(
                    401,
                    &[(
                        "www-authenticate",
                        &format!(r#"Bearer realm="{base}/token""#),
                    )],
                    "",
                ),
                _ => respond(401, &[("www-authenticate", r#"Basic realm="shop""#)], ""),
            }
        })
        .await;
        let registry = login(&server, cmd(&["echo", "canary"]));
        assert_eq!(
            registry.digest(&server.image(), COMMIT).await,
            Ok(Digest::of(b"it"))
        );
        let asked = server.asked();
        assert!(
            asked[0].ends_with(" -"),
            "the first question is anonymous: {asked:?}"
        );
        assert_eq!(asked.len(), if bearer { 3 } else { 2 }, "{asked:?}");
        let fault = login(&server, cmd(&["echo", "wrong"]))
            .digest(&server.image(), COMMIT)
            .await
            .expect_err("refused");
        assert_eq!(fault.kind, FaultKind::Unauthorised, "{fault}");
        assert!(fault.to_string().contains("[[registry]]"), "{fault}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_password_that_cannot_be_read_says_where_and_never_what() {
    use std::os::unix::fs::PermissionsExt as _;
    let server =
        Server::start(|_, _| respond(401, &[("www-authenticate", r#"Basic realm="shop""#)], ""))
            .await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str, mode: u32| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&path, mode).expect("changed");
        path
    };
    let program = |name: &str, lines: &str| {
        let path = file(name, &format!("{lines}\n"), 0o600);
        cmd(&["sh", path.to_str().expect("text")])
    };
    for (place, kind, told) in [
        (
            SecretRef::File(file("world", "canary", 0o644)),
            FaultKind::Forbidden,
            "chmod 600",
        ),
        (
            SecretRef::File(file("group", "canary", 0o640)),
            FaultKind::Forbidden,
            "chmod 600",
        ),
        (
            SecretRef::File(file("lines", "canary\ncanary\n", 0o600)),
            FaultKind::Malformed,
            "more than one line",
        ),
        (
            SecretRef::File(folder.path().join("none")),
            FaultKind::NotFound,
            "ls -l",
        ),
        (
            SecretRef::File(folder.path().into()),
            FaultKind::Malformed,
            "no file",
        ),
        (
            SecretRef::Env("GONOGO_NOT_SET".to_owned()),
            FaultKind::NotFound,
            "GONOGO_NOT_SET",
        ),
        (
            program("fails", "echo canary; echo canary >&2; exit 3"),
            FaultKind::Unauthorised,
            "exit status: 3",
        ),
        (
            cmd(&["/no/such/program"]),
            FaultKind::Unauthorised,
            "cannot be started",
        ),
        (cmd(&["true"]), FaultKind::NotFound, "nothing in it"),
    ] {
        let fault = login(&server, place)
            .digest(&server.image(), COMMIT)
            .await
            .expect_err("no password");
        let said = format!("{fault} {fault:?}");
        assert_eq!(fault.kind, kind, "{said}");
        assert!(said.contains(told) && !said.contains("canary"), "{said}");
    }
    assert!(
        server.asked().iter().all(|line| line.ends_with(" -")),
        "nothing was sent: {:?}",
        server.asked()
    );
    let good = login(&server, SecretRef::File(file("good", "canary\n", 0o600)));
    let fault = good
        .digest(&server.image(), COMMIT)
        .await
        .expect_err("refused");
    assert_eq!(fault.kind, FaultKind::Unauthorised, "{fault}");
    let last = server.asked().pop().expect("asked");
    assert!(last.ends_with(LOGIN), "{last}");
}

#[tokio::test]
async fn a_token_that_does_not_help_is_not_fetched_twice() {
    let server = Server::start(|base, request| {
        if request.uri().path() == "/token" {
            respond(200, &[], r#"{"token":"useless"}"#)
        } else {
            let ask = format!(r#"Bearer realm="{base}/token""#);
            respond(401, &[("www-authenticate", &ask)], "")
        }
    })
    .await;
    let fault = server.digest(COMMIT).await.expect_err("closed");
    assert_eq!(fault.kind, FaultKind::Unauthorised, "{fault}");
    assert!(!fault.to_string().contains("useless"), "{fault}");
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn tokens_are_fetched_over_https_only() {
    let server = Server::start(|_, _| {
        respond(
            401,
            &[(
                "www-authenticate",
                r#"Bearer realm="http://10.0.0.1/token""#,
            )],
            "",
        )
    })
    .await;
    let fault = server.digest(COMMIT).await.expect_err("not https");
    assert_eq!(fault.kind, FaultKind::Refused, "{fault}");
    let server = Server::start(|_, _| respond(302, &[("location", "http://10.0.0.1/")], "")).await;
    let fault = server.digest(COMMIT).await.expect_err("not https");
    assert_eq!(fault.kind, FaultKind::Refused, "{fault}");
}

#[tokio::test]
async fn statuses_become_faults_that_say_what_to_do() {
    for (status, kind) in [
        (401, FaultKind::Unauthorised),
        (403, FaultKind::Forbidden),
        (404, FaultKind::NotFound),
        (400, FaultKind::Refused),
        (429, FaultKind::Throttled),
        (500, FaultKind::Unreachable),
        (503, FaultKind::Throttled),
    ] {
        let server = Server::start(move |_, _| respond(status, &[("retry-after", "7")], "")).await;
        let fault = server.digest(COMMIT).await.expect_err("no digest");
        assert_eq!(fault.kind, kind, "{fault}");
        assert_eq!(fault.retry_after, Some(SignedDuration::from_secs(7)));
        assert!(fault.hint.is_some(), "{fault}");
    }
    let server = Server::start(|_, _| respond(404, &[], "")).await;
    let fault = server.digest(COMMIT).await.expect_err("none");
    assert!(
        fault.to_string().ends_with(&format!(
            "The image of commit {COMMIT} was not published to registry.example/acme/shop/auth; see whether its build has run"
        )),
        "{fault}"
    );
    assert_eq!(fault.retry_after, None);
}

#[tokio::test]
async fn silence_ends_at_the_deadline_and_a_closed_door_at_once() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let mut image = ImageSource {
        name: "registry.example/acme".to_owned(),
        endpoint: format!("http://{}", listener.local_addr().expect("an address")),
        repository: "acme".to_owned(),
    };
    let registry = OciRegistry::with_deadline(Duration::from_millis(100));
    let fault = registry.digest(&image, COMMIT).await.expect_err("silence");
    assert_eq!(fault.kind, FaultKind::TimedOut, "{fault}");
    drop(listener);
    let registry = OciRegistry::default();
    let fault = registry.digest(&image, COMMIT).await.expect_err("closed");
    assert_eq!(fault.kind, FaultKind::Unreachable, "{fault}");

    // None of these sends anything.
    for endpoint in [
        "http://registry.example",
        "https://dana:hunter2@registry.example",
        "dana:hunter2@registry.example",
        "",
    ] {
        image.endpoint = endpoint.to_owned();
        let fault = registry.digest(&image, COMMIT).await.expect_err("refused");
        assert_eq!(fault.kind, FaultKind::Refused, "{fault}");
        assert!(!fault.to_string().contains("hunter2"), "{fault}");
    }
    image.endpoint = "https://registry.example".to_owned();
    let fault = registry
        .digest(&image, "../../x")
        .await
        .expect_err("refused");
    assert_eq!(fault.kind, FaultKind::Refused, "{fault}");
}

#[tokio::test]
async fn an_endless_manifest_is_not_heard_out() {
    let server = Server::start(|_, request| {
        if *request.method() == Method::HEAD {
            respond(200, &[], "")
        } else {
            let chunk = || Ok::<_, std::io::Error>(vec![b' '; 65_536]);
            let endless = futures::stream::repeat_with(chunk);
            Response::new(Body::from_stream(endless))
        }
    })
    .await;
    let fault = server.digest(COMMIT).await.expect_err("too large");
    assert_eq!(fault.kind, FaultKind::Malformed, "{fault}");
}
