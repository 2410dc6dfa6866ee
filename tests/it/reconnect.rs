//! Connections that end, hang or come back, seen by the feeds through a proxy that does it to them.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use gonogo::{
    adapters::kubernetes,
    domain::{
        environment::EnvironmentName,
        observation::{Observation, Seen},
        project::ProjectId,
        target::{ClusterRef, Target, TargetId, WorkloadKind, WorkloadRef},
        workspace::Timings,
    },
    ports::now::Clock,
    simulator::{Options, Practice, Scenario},
};
use jiff::{SignedDuration, Timestamp};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

/// What the proxy does to connections.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Forward,
    /// Takes them and hangs up.
    HangUp,
}

struct Proxy {
    port: u16,
    mode: watch::Sender<Mode>,
    /// Connections older than this round say nothing any more, and do not end.
    round: watch::Sender<usize>,
    accepted: Arc<AtomicUsize>,
}

impl Proxy {
    async fn before(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let (mode, round, accepted) = (
            watch::Sender::new(Mode::Forward),
            watch::Sender::new(0),
            Arc::<AtomicUsize>::default(),
        );
        let proxy = Self {
            port: listener.local_addr().unwrap().port(),
            mode: mode.clone(),
            round: round.clone(),
            accepted: Arc::clone(&accepted),
        };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                accepted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(forward(client, port, mode.subscribe(), round.subscribe()));
            }
        });
        proxy
    }

    fn count(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

async fn forward(
    mut client: TcpStream,
    port: u16,
    mut mode: watch::Receiver<Mode>,
    mut round: watch::Receiver<usize>,
) {
    let mine = *round.borrow_and_update();
    if *mode.borrow_and_update() == Mode::HangUp {
        return;
    }
    let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let (mut up, mut down) = ([0; 16384], [0; 16384]);
    loop {
        tokio::select! {
            _ = mode.changed() => return,
            _ = round.changed() => if *round.borrow() != mine {
                // A middlebox that forgot it: open on both sides, and silent.
                return std::future::pending().await;
            },
            read = client.read(&mut up) => match read {
                Ok(count @ 1..) => if server.write_all(&up[..count]).await.is_err() { return },
                _ => return,
            },
            read = server.read(&mut down) => match read {
                Ok(count @ 1..) => if client.write_all(&down[..count]).await.is_err() { return },
                _ => return,
            },
        }
    }
}

/// Our clock, off by this much.
struct Off(SignedDuration);

impl Clock for Off {
    fn now(&self) -> Timestamp {
        Timestamp::now().checked_add(self.0).unwrap()
    }
}

struct Range {
    practice: Practice,
    proxy: Proxy,
    posted: Arc<Mutex<Vec<(Instant, Seen)>>>,
    raw: kube::Client,
    cancel: CancellationToken,
    _dir: tempfile::TempDir,
}

async fn client(path: &std::path::Path) -> kube::Client {
    let kubeconfig = kube::config::Kubeconfig::read_from(path).unwrap();
    let options = kube::config::KubeConfigOptions::default();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await;
    kube::Client::try_from(config.unwrap()).unwrap()
}

impl Range {
    async fn new(off: SignedDuration) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let options = Options {
            scenario: Scenario::Good,
            seed: 7,
            speed: 30.0,
            dir: dir.path().to_owned(),
        };
        let practice = Practice::start(options).await.unwrap();
        let url = practice.api_url().to_owned();
        let port: u16 = url
            .rsplit(':')
            .next()
            .unwrap()
            .trim_end_matches('/')
            .parse()
            .unwrap();
        let proxy = Proxy::before(port).await;
        let text = std::fs::read_to_string(practice.kubeconfig()).unwrap();
        let through = text.replace(&format!(":{port}"), &format!(":{}", proxy.port));
        assert_ne!(text, through);
        let path = dir.path().join("proxied");
        std::fs::write(&path, through).unwrap();
        let reference = ClusterRef {
            kubeconfig: Some(path),
            context: None,
            must_be_verified: false,
            pin: None,
        };
        let cluster = Arc::new(kubernetes::connect(&reference).await.unwrap());
        let target = Target {
            id: TargetId::new(
                EnvironmentName::new("production"),
                ProjectId::parse("acme/shop/auth-service").unwrap(),
            ),
            cluster: reference,
            workload: WorkloadRef {
                kind: WorkloadKind::Rollout,
                namespace: "production".to_owned(),
                name: "auth-service".to_owned(),
                container: "app".to_owned(),
            },
            health: None,
            metrics: None,
            limits: Vec::new(),
            stages: Vec::new(),
            items: Vec::new(),
            monitoring: SignedDuration::from_secs(60),
            rollout_deadline: SignedDuration::from_secs(60),
        };
        let posted = Arc::<Mutex<Vec<(Instant, Seen)>>>::default();
        let cancel = CancellationToken::new();
        for feed in kubernetes::feeds(&cluster, &target, &Timings::default(), Arc::new(Off(off))) {
            let into = Arc::clone(&posted);
            let post = Arc::new(move |observation: Observation| {
                into.lock()
                    .unwrap()
                    .push((Instant::now(), observation.seen));
            });
            tokio::spawn(feed.run(post, cancel.clone()));
        }
        Self {
            raw: client(practice.kubeconfig()).await,
            practice,
            proxy,
            posted,
            cancel,
            _dir: dir,
        }
    }

    async fn rehearse(&self, path: &str) {
        let request = http::Request::builder()
            .method("POST")
            .uri(format!("/rehearsal/{path}"))
            .body(Vec::new())
            .unwrap();
        self.raw.request_text(request).await.unwrap();
    }

    /// The next posting after `since` that is this; panics after a while.
    async fn sees(&self, what: &str, since: Instant, is: impl Fn(&Seen) -> bool) -> Seen {
        for _ in 0..1200 {
            let found = {
                let posted = self.posted.lock().unwrap();
                posted
                    .iter()
                    .find(|(at, seen)| *at >= since && is(seen))
                    .map(|(_, seen)| seen.clone())
            };
            if let Some(seen) = found {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{what} was not posted");
    }

    async fn paused(&self, paused: bool) {
        let request = http::Request::builder()
            .method("PATCH")
            .uri(super::rig::ROLLOUT)
            .header("content-type", "application/merge-patch+json")
            .body(format!("{{\"spec\":{{\"paused\":{paused}}}}}").into_bytes())
            .unwrap();
        self.raw.request_text(request).await.unwrap();
    }

    async fn ends(self) {
        self.cancel.cancel();
        self.practice.stop().await;
    }
}

fn read(seen: &Seen) -> bool {
    matches!(seen, Seen::Workload(_) | Seen::WorkloadUnchanged)
}

fn is_paused(paused: bool) -> impl Fn(&Seen) -> bool {
    move |seen| matches!(seen, Seen::Workload(observed) if observed.workload.paused == paused)
}

/// The API server hangs up and takes nobody for a while: at most two connections a second, each failure says when the
/// next try is, and once it is back so are the figures and the watches.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_restarts_is_not_run_over() {
    let range = Range::new(SignedDuration::ZERO).await;
    let began = Instant::now();
    range.sees("the beginning", began, read).await;
    range.proxy.mode.send_replace(Mode::HangUp);
    let down = Instant::now();
    let fault = range
        .sees("that it is down", down, |seen| {
            matches!(seen, Seen::WorkloadFailed(_))
        })
        .await;
    let Seen::WorkloadFailed(fault) = fault else {
        unreachable!()
    };
    assert!(fault.retry_after.is_some(), "{fault:?}");
    let (count, counted) = (range.proxy.count(), Instant::now());
    tokio::time::sleep(Duration::from_secs(8)).await;
    let tries = range.proxy.count() - count;
    let most = 2 * (usize::try_from(counted.elapsed().as_secs()).unwrap() + 1);
    assert!(
        (1..=most).contains(&tries),
        "{tries} connections, {most} were allowed"
    );

    range.proxy.mode.send_replace(Mode::Forward);
    range.sees("that it is back", Instant::now(), read).await;
    // And a watch tells of a change before anything is read again.
    let since = Instant::now();
    range.paused(true).await;
    range.sees("the change", since, is_paused(true)).await;
    range.ends().await;
}

/// A middlebox forgot the connections: nothing ends, nothing arrives. The reading notices and connects anew.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_died_silently_are_noticed() {
    let range = Range::new(SignedDuration::ZERO).await;
    range
        .sees(
            "the beginning",
            Instant::now() - Duration::from_secs(5),
            read,
        )
        .await;
    range.proxy.round.send_modify(|round| *round += 1);
    let since = Instant::now();
    range.paused(true).await;
    range
        .sees("what the dead watch did not say", since, is_paused(true))
        .await;
    let since = Instant::now();
    range.paused(false).await;
    range
        .sees("the same by the new watch", since, is_paused(false))
        .await;
    range.ends().await;
}

/// The place of the watches is forgotten, again and again, while things change: pods never vanish from the picture, and
/// in the end it is the server's.
#[tokio::test(flavor = "multi_thread")]
async fn a_compaction_shows_no_empty_moment() {
    let range = Range::new(SignedDuration::ZERO).await;
    range
        .sees(
            "the beginning",
            Instant::now() - Duration::from_secs(5),
            read,
        )
        .await;
    for round in 0..6 {
        range.rehearse("compact").await;
        // The watches are cut off and have to resume from a place that is gone.
        range.proxy.mode.send_replace(Mode::HangUp);
        tokio::time::sleep(Duration::from_millis(50)).await;
        range.proxy.mode.send_replace(Mode::Forward);
        let since = Instant::now();
        range.paused(round % 2 == 0).await;
        range.rehearse("compact").await;
        range
            .sees("the change", since, is_paused(round % 2 == 0))
            .await;
    }
    let counts: Vec<usize> = range
        .posted
        .lock()
        .unwrap()
        .iter()
        .filter_map(|(_, seen)| match seen {
            Seen::Workload(observed) => Some(observed.pods.len()),
            _ => None,
        })
        .collect();
    assert!(
        counts.len() > 6 && counts.iter().all(|count| *count == 10),
        "{counts:?}"
    );
    range.ends().await;
}

/// Our clock is ten minutes off: said, with its direction; one that is right is not accused.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_off_is_said() {
    for minutes in [10, -10] {
        let range = Range::new(SignedDuration::from_mins(minutes)).await;
        let began = Instant::now() - Duration::from_secs(60);
        let seen = range
            .sees("the clocks", began, |seen| {
                matches!(seen, Seen::ServerClock { .. })
            })
            .await;
        let Seen::ServerClock { ahead } = seen else {
            unreachable!()
        };
        assert_eq!(
            (ahead.as_secs() + 30 * -minutes.signum()) / 60,
            -minutes,
            "{ahead:?}"
        );
        range.ends().await;
    }
    let range = Range::new(SignedDuration::ZERO).await;
    range
        .sees(
            "the beginning",
            Instant::now() - Duration::from_secs(60),
            read,
        )
        .await;
    let accused =
        range.posted.lock().unwrap().iter().any(
            |(_, seen)| matches!(seen, Seen::ServerClock { ahead } if ahead.abs().as_secs() > 2),
        );
    assert!(!accused);
    range.ends().await;
}
