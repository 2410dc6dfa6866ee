//! Every kind of failure of the API, met by every kind of act: how often it was sent, what became of it, with which code a
//! verb ends, and the sentence a person reads. The tables are snapshots, to be read as a person would.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{fmt::Write as _, sync::Arc, time::Duration};

use gonogo::{
    adapters::kubernetes,
    cli::exit::Exit,
    domain::{
        change::{Change, Expect},
        entry::IntentId,
        observation::Seen,
        target::{ClusterRef, WorkloadKind, WorkloadRef},
    },
    policy::{decide::Command, gate::Verdict, judge},
    ports::{act::Platform as _, watch::Post},
    session::event::End,
    simulator::Scenario,
};
use regex::Regex;
use serde_json::json;
use tokio::net::TcpListener;

use super::{
    fault_proxy::Strike,
    world::{Operator, World},
};

const DEADLINE: Duration = Duration::from_secs(2);
const SETTLING: Duration = Duration::from_millis(60);

fn answer(status: &str, headers: &str, kind: &str, body: &str) -> Strike {
    let length = body.len();
    Strike::Answer(
        format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}")
            .into_bytes(),
    )
}

/// As the API server says it.
fn says(code: u16, reason: &str, message: &str, headers: &str) -> Strike {
    let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": reason, "code": code});
    answer(
        &format!("{code} {reason}"),
        headers,
        "application/json",
        &body.to_string(),
    )
}

fn rows() -> Vec<(&'static str, Strike)> {
    let page = "<html><body>Please log in</body></html>";
    let object = r#"{"kind":"Rollout","metadata":{"name":"auth-ser"#;
    vec![
        ("401", says(401, "Unauthorized", "Unauthorized", "")),
        ("403", says(403, "Forbidden", "rollouts.argoproj.io \"auth-service\" is forbidden: User \"dana\" cannot patch resource", "")),
        ("404", says(404, "NotFound", "rollouts.argoproj.io \"auth-service\" not found", "")),
        ("409", says(409, "Conflict", "Operation cannot be fulfilled: the object has been modified", "")),
        ("410", says(410, "Expired", "The resourceVersion for the provided watch is too old", "")),
        ("422", says(422, "Invalid", "the server rejected our request due to an error in our request", "")),
        ("429, Retry-After: 1", says(429, "TooManyRequests", "too many requests, please try again later", "Retry-After: 1\r\n")),
        ("500", says(500, "InternalError", "Internal error occurred: etcdserver: request timed out", "")),
        ("503", says(503, "ServiceUnavailable", "the server is currently unable to handle the request", "")),
        ("503, HTML", answer("503 Service Unavailable", "", "text/html", page)),
        ("200, HTML", answer("200 OK", "", "text/html", page)),
        ("200, half of the JSON", answer("200 OK", "", "application/json", object)),
        ("200, cut in the JSON", Strike::Answer(format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9000\r\n\r\n{object}").into_bytes())),
        ("reset before the answer", Strike::Reset),
        ("no answer", Strike::BlackHole),
    ]
}

/// How often an act may be sent in each row: once; an escape again after a look, five times in all; two paths where a
/// server without the status subresource says 404; and a promotion three times where a conflict changed nothing.
fn sends_allowed(act: &str, escape: bool, row: &str, on_status: bool) -> usize {
    let passing = ["429", "500", "503", "200", "reset", "no answer"];
    match row {
        "404" if on_status => 2,
        "409" if escape => 5,
        "409" => 3,
        _ if escape && passing.iter().any(|p| row.starts_with(p)) => 5,
        _ => {
            let _ = act;
            1
        }
    }
}

fn told(end: &End) -> (Exit, String) {
    let hinted = |sentence: &str, hint: Option<&String>| match hint {
        Some(hint) => format!("{sentence}. {hint}"),
        None => sentence.to_owned(),
    };
    match end {
        End::Done => (Exit::Done, "done".to_owned()),
        End::Refused(refusal) => (
            Exit::of_refusal(refusal),
            hinted(&refusal.sentence, refusal.hint.as_ref()),
        ),
        End::Failed(fault) => (Exit::of_fault(fault), fault.to_string()),
        End::Unknown(fault) => (Exit::Unknown, fault.to_string()),
    }
}

/// Without what differs from run to run.
fn steady(text: &str, world: &World) -> String {
    let text = text
        .replace(&world.path().display().to_string(), "DIR")
        .replace(&world.proxy.url, "http://SERVER");
    let text = Regex::new("(sha256:|@)[0-9a-f]{12,64}")
        .unwrap()
        .replace_all(&text, "${1}DIGEST");
    let text = Regex::new("its template is [0-9a-z]+")
        .unwrap()
        .replace_all(&text, "its template is HASH");
    Regex::new("[0-9]+ s ago")
        .unwrap()
        .replace_all(&text, "N s ago")
        .into_owned()
}

struct Table<'a> {
    world: &'a World,
    dana: Operator,
    text: String,
}

impl<'a> Table<'a> {
    async fn new(world: &'a World) -> Self {
        let dana = world.operator("dana").await;
        Self {
            world,
            dana,
            text: "| answer to the change | sent | recorded as | exit | what is said |\n|---|---|---|---|---|\n".to_owned(),
        }
    }

    /// Every row for one act; `skip` changes of it go well first.
    async fn act(&mut self, name: &str, command: Command, skip: usize, on_status: bool) {
        let escape = matches!(
            command,
            Command::Hold | Command::Abort | Command::RollBack { .. }
        );
        let _ = writeln!(self.text, "| **{name}** | | | | |");
        let mut skip = skip;
        for (row, strike) in rows() {
            self.dana.look().await;
            let seq = self.dana.known.seq;
            self.world.proxy.clear();
            self.world.proxy.arm("PATCH", skip, usize::MAX, strike);
            let end = self.dana.act(&command).await;
            let struck = self.world.proxy.struck();
            self.world.proxy.clear();
            skip = 0;
            let outcomes = self.dana.outcomes_after(seq).await;
            let (exit, sentence) = told(&end);
            let allowed = sends_allowed(name, escape, row, on_status);
            assert!(struck >= 1, "{name}, {row}: it was not sent: {sentence}");
            assert!(struck <= allowed, "{name}, {row}: sent {struck} times");
            assert_ne!(exit, Exit::Done, "{name}, {row}: {sentence}");
            let recorded = outcomes.join(", ");
            let _ = writeln!(
                self.text,
                "| {row} | {struck} | {recorded} | {} | {} |",
                exit as u8,
                steady(&sentence, self.world)
            );
        }
    }

    async fn well(&mut self, command: Command) {
        self.dana.look().await;
        assert_eq!(self.dana.act(&command).await, End::Done);
    }
}

fn back() -> Command {
    Command::RollBack {
        to: None,
        staged: false,
        reason: "it is slow".to_owned(),
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

#[test]
fn answers_to_taking_off_and_going_on() {
    let text = block_on(async {
        let world = World::start(Scenario::Good, DEADLINE, SETTLING).await;
        Box::pin(world.request(42)).await;
        let mut table = Table::new(&world).await;
        table.dana.look().await;
        table.dana.look_up(42).await;
        let plan = table.dana.plan();
        table
            .act(
                "fly (set image)",
                Command::Fly {
                    plan: plan.clone(),
                    glass: None,
                },
                0,
                false,
            )
            .await;
        table.well(Command::Fly { plan, glass: None }).await;
        world.until_rests(1).await;
        world.waive_figures().await;
        table
            .act("promote", Command::Promote { step: 1 }, 0, true)
            .await;
        table
            .act("promote --full", Command::PromoteFully, 0, true)
            .await;
        world.ledger_is_sound().await;
        let text = std::mem::take(&mut table.text);
        world.stop().await;
        text
    });
    insta::assert_snapshot!(text);
}

#[test]
fn answers_to_holding_and_stopping() {
    let text = block_on(async {
        let world = World::start(Scenario::Good, DEADLINE, SETTLING).await;
        world.airborne(42).await;
        let mut table = Table::new(&world).await;
        table.act("hold", Command::Hold, 0, false).await;
        table.well(Command::Hold).await;
        table.act("resume", Command::Resume, 0, false).await;
        table.well(Command::Resume).await;
        table.act("abort", Command::Abort, 0, true).await;
        table.well(Command::Abort).await;
        table.act("retry", Command::Retry, 0, true).await;
        world.ledger_is_sound().await;
        let text = std::mem::take(&mut table.text);
        world.stop().await;
        text
    });
    insta::assert_snapshot!(text);
}

#[test]
fn answers_to_each_leg_of_a_rollback() {
    let text = block_on(async {
        let world = World::start(Scenario::Good, DEADLINE, SETTLING).await;
        world.airborne(42).await;
        let mut table = Table::new(&world).await;
        table
            .act("rollback in mid-canary: abort", back(), 0, true)
            .await;
        table
            .act(
                "rollback in mid-canary: set image, after the abort",
                back(),
                1,
                false,
            )
            .await;
        world.ledger_is_sound().await;
        let text = std::mem::take(&mut table.text);
        world.stop().await;
        text
    });
    insta::assert_snapshot!(text);
}

#[test]
fn answers_to_each_leg_of_a_rollback_of_what_was_promoted() {
    let text = block_on(async {
        let world = World::start(Scenario::Good, Duration::from_secs(3), SETTLING).await;
        world.airborne(42).await;
        let mut table = Table::new(&world).await;
        table.well(Command::PromoteFully).await;
        world
            .until("promoted", |rollout| {
                rollout["status"]["stableRS"] == rollout["status"]["currentPodHash"]
            })
            .await;
        table
            .act(
                "rollback after promotion: promote fully, after the image",
                back(),
                1,
                true,
            )
            .await;
        world.ledger_is_sound().await;
        let text = std::mem::take(&mut table.text);
        world.stop().await;
        text
    });
    insta::assert_snapshot!(text);
}

/// F18: the metrics go away in mid-canary. The gate is closed by the first round that met it, says how old the last good
/// sample is, and an abort is one request as ever.
#[test]
fn metrics_that_go_away_close_the_gate_and_leave_the_abort_alone() {
    block_on(async {
        let world = World::start(Scenario::Good, Duration::from_secs(5), SETTLING).await;
        world.airborne(42).await;
        let mut dana = world.operator("dana").await;
        dana.look().await;
        let (post, mut posted) = tokio::sync::mpsc::unbounded_channel();
        let post: Post = Arc::new(move |observation| drop(post.send(observation)));
        let cancel = tokio_util::sync::CancellationToken::new();
        let (target, watcher) = (dana.target.clone(), world.operator("sam").await);
        let until = cancel.clone();
        let watching =
            tokio::spawn(async move { watcher.outside.watch(&target, post, until).await });
        let verdict = |dana: &Operator| {
            let facts = dana
                .known
                .facts(&dana.target.id, dana.outside.now())
                .unwrap();
            let source = facts.target.metrics.as_ref().unwrap();
            let hash = facts
                .workload
                .value()
                .unwrap()
                .workload
                .current_hash
                .clone();
            let limit = &facts.target.limits[0];
            judge::judge(&facts, source, limit, hash.as_deref(), "canary")
        };
        let mut rounds = 0;
        let mut until = async |dana: &mut Operator, wanted: &dyn Fn(Verdict, &str) -> bool| {
            let mut seen = 0;
            let look = async {
                while let Some(observation) = posted.recv().await {
                    seen += usize::from(matches!(
                        observation.seen,
                        Seen::Metrics(_) | Seen::MetricsFailed(_)
                    ));
                    dana.known.observe(&observation, dana.outside.now());
                    let (now, sentence) = verdict(dana);
                    if wanted(now, &sentence) {
                        break;
                    }
                }
            };
            let within = tokio::time::timeout(Duration::from_secs(90), look).await;
            assert!(within.is_ok(), "{:?}", verdict(dana));
            seen
        };
        until(&mut dana, &|now, _| now == Verdict::Pass).await;
        let away = json!({"match": {"path_contains": "/proxy/metrics"}, "action": {"status": 503}});
        world.api("POST", "/rehearsal/faults", &away).await;
        rounds += until(&mut dana, &|now, sentence| {
            now == Verdict::Unknown && sentence.contains("the last good sample is")
        })
        .await;
        // One round was under way perhaps; the next one is the first that could know.
        assert!(rounds <= 3, "closed after {rounds} rounds");
        world.proxy.clear();
        assert_eq!(dana.act(&Command::Abort).await, End::Done);
        assert_eq!(world.proxy.seen("PATCH").len(), 1);
        cancel.cancel();
        watching.await.unwrap();
        world.stop().await;
    });
}

/// What is wrong with the certificate is found before anything is sent: each change is refused, and known to be.
#[test]
fn certificates_that_are_wrong_send_nothing() {
    let text = block_on(async {
        let mut text =
            "| certificate | change | unknown afterwards | what is said |\n|---|---|---|---|\n"
                .to_owned();
        for (name, host, days, trusted) in [
            ("of an unknown authority", "127.0.0.1", 1, false),
            ("of another host", "elsewhere.example", 1, true),
            ("expired", "127.0.0.1", -1, true),
        ] {
            let server = Liar::listen(host, days).await;
            let file = server.kubeconfig(trusted);
            let reference = ClusterRef {
                kubeconfig: Some(file.path().join("kubeconfig")),
                ..ClusterRef::default()
            };
            let cluster = kubernetes::open(&reference).await.unwrap();
            for (act, change) in changes() {
                let fault = cluster
                    .apply(
                        &change,
                        &IntentId("i".to_owned()),
                        None,
                        Duration::from_secs(5),
                    )
                    .await
                    .unwrap_err();
                assert!(!fault.leaves_outcome_unknown(), "{name}, {act}: {fault}");
                let said = fault
                    .to_string()
                    .replace(&file.path().display().to_string(), "DIR");
                let _ = writeln!(text, "| {name} | {act} | no | {said} |");
            }
            assert_eq!(server.requests(), 0, "{name}");
        }
        text
    });
    let text = Regex::new("time [0-9]+|[0-9]{10}")
        .unwrap()
        .replace_all(&text, "T")
        .into_owned();
    insta::assert_snapshot!(text);
}

fn changes() -> Vec<(&'static str, Change)> {
    let workload = WorkloadRef {
        kind: WorkloadKind::Rollout,
        namespace: "production".to_owned(),
        name: "auth-service".to_owned(),
        container: "app".to_owned(),
    };
    let expect = Expect {
        uid: "0b5e".to_owned(),
        pod_hash: Some("abc".to_owned()),
        step: Some(1),
        image: Some("a".to_owned()),
    };
    let both = || (workload.clone(), expect.clone());
    let made = |make: &dyn Fn(WorkloadRef, Expect) -> Change| {
        let (workload, expect) = both();
        make(workload, expect)
    };
    vec![
        (
            "set image",
            made(&|workload, expect| Change::SetImage {
                workload,
                container_index: 0,
                image: "b".to_owned(),
                expect,
            }),
        ),
        (
            "promote",
            made(&|workload, expect| Change::PromoteStep { workload, expect }),
        ),
        (
            "promote fully",
            made(&|workload, expect| Change::PromoteFull { workload, expect }),
        ),
        (
            "hold",
            made(&|workload, expect| Change::Hold {
                workload,
                expect,
                by: "dana".to_owned(),
            }),
        ),
        (
            "resume",
            made(&|workload, expect| Change::Resume { workload, expect }),
        ),
        (
            "abort",
            made(&|workload, expect| Change::Abort { workload, expect }),
        ),
        (
            "retry",
            made(&|workload, expect| Change::Retry { workload, expect }),
        ),
    ]
}

/// A server with a certificate of its own making, that counts the requests it could read.
struct Liar {
    port: u16,
    authority: String,
    count: Arc<std::sync::atomic::AtomicUsize>,
}

impl Liar {
    async fn listen(host: &str, days: i64) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let authority_key = rcgen::KeyPair::generate().unwrap();
        let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority_pem = authority.self_signed(&authority_key).unwrap().pem();
        let issuer = rcgen::Issuer::new(authority, authority_key);
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec![host.to_owned()]).unwrap();
        if days < 0 {
            params.not_before = rcgen::date_time_ymd(2020, 1, 1);
            params.not_after = rcgen::date_time_ymd(2020, 1, 2);
        }
        let certificate = params.signed_by(&key, &issuer).unwrap();
        let config = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let count = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(mut tls) = acceptor.accept(stream).await {
                    let mut first = [0; 1];
                    let read = tokio::io::AsyncReadExt::read(&mut tls, &mut first).await;
                    if read.is_ok_and(|read| read > 0) {
                        counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                    }
                }
            }
        });
        Self {
            port,
            authority: authority_pem,
            count,
        }
    }

    fn requests(&self) -> usize {
        self.count.load(std::sync::atomic::Ordering::SeqCst)
    }

    fn kubeconfig(&self, trusted: bool) -> tempfile::TempDir {
        let authority = if trusted {
            self.authority.clone()
        } else {
            let key = rcgen::KeyPair::generate().unwrap();
            let params = rcgen::CertificateParams::new(Vec::new()).unwrap();
            params.self_signed(&key).unwrap().pem()
        };
        let folder = tempfile::tempdir().unwrap();
        let ca = folder.path().join("ca.pem");
        std::fs::write(&ca, authority).unwrap();
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
            contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n\
            clusters: [{{name: c, cluster: {{server: 'https://127.0.0.1:{}', certificate-authority: '{}'}}}}]\n\
            users: [{{name: u, user: {{token: t}}}}]\n",
            self.port,
            ca.display()
        );
        std::fs::write(folder.path().join("kubeconfig"), text).unwrap();
        folder
    }
}
