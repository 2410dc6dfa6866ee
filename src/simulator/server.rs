//! The thin shell around the world: listeners, one ticker, and the clock. All of it ends with one token.

mod call;
mod discovery;
mod faults;
mod logs;
mod openapi_v2;
mod proxy;
mod reads;
mod registry;
mod rights;
mod route;
mod second_operator;
mod table;
#[cfg(test)]
mod tests;
mod tls;
mod watch;
mod writes;

use super::images::Images;
use super::world::{Making, World};
use super::{BuiltRelease, Options, Scenario, StartError, catalogue::Catalogue, source};
use call::{Answer, Cut};
use faults::Rehearsal;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::Timestamp;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch as latest};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// What every connection shares.
#[derive(Debug)]
pub(super) struct Shell {
    world: Mutex<World>,
    /// The newest resource version, for open watches.
    version: latest::Sender<u64>,
    /// Something may be due earlier than the ticker thinks.
    wake: Notify,
    stop: CancellationToken,
    token: String,
    /// The token of somebody who may look, and nothing else.
    viewer: String,
    rehearsal: Mutex<Rehearsal>,
    images: RwLock<Images>,
    catalogue: Arc<Catalogue>,
    /// The repository that the practice CI builds from.
    source: PathBuf,
    /// What is older was there at the start, and is built or is not.
    began: Timestamp,
}

impl Shell {
    /// Uses the world as of now; afterwards ticker and watches look again.
    fn with_world<T>(&self, act: impl FnOnce(&mut World, Timestamp) -> T) -> T {
        let now = Timestamp::now();
        let mut world = locked(&self.world);
        world.advance(now);
        let answer = act(&mut world, now);
        let newest = world.store.version();
        drop(world);
        self.version
            .send_if_modified(|version| std::mem::replace(version, newest) != newest);
        self.wake.notify_one();
        answer
    }

    /// The practice CI: what was committed since the start is built when somebody asks for its image.
    fn built(&self, name: &str, reference: &str) {
        let images = || self.images.read().unwrap_or_else(PoisonError::into_inner);
        if images().manifest(name, reference).is_some() {
            return;
        }
        let Some((release, image)) = source::build_later(&self.source, name, reference, self.began)
        else {
            return;
        };
        let mut images = self.images.write().unwrap_or_else(PoisonError::into_inner);
        if images.manifest(name, reference).is_none() {
            images.push(name, reference, image);
            self.catalogue.add(release);
        }
    }

    fn rehearsal(&self) -> MutexGuard<'_, Rehearsal> {
        locked(&self.rehearsal)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The running servers.
#[derive(Debug)]
pub(super) struct Servers {
    pub api_url: String,
    pub registry_url: String,
    catalogue: Arc<Catalogue>,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Servers {
    pub fn releases(&self) -> &[BuiltRelease] {
        self.catalogue.releases()
    }

    pub async fn stop(mut self) {
        self.stop.cancel();
        for task in std::mem::take(&mut self.tasks) {
            // A task that panicked has ended too.
            let _ = task.await;
        }
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub(super) async fn start(options: Options) -> Result<Servers, StartError> {
    let now = Timestamp::now();
    let failed = |source| StartError::Directory {
        path: options.dir.clone(),
        source,
    };
    std::fs::create_dir_all(&options.dir).map_err(failed)?;
    let built = source::build(&options.dir, now)?;
    let catalogue = Arc::new(built.catalogue);
    let mut world = World::new(
        Making {
            scenario: options.scenario,
            seed: options.seed,
            speed: if options.speed.is_finite() && options.speed > 0.0 {
                options.speed
            } else {
                1.0
            },
            catalogue: Arc::clone(&catalogue),
        },
        now,
    );
    world.furnish();

    let api = TcpListener::bind(("127.0.0.1", 0))
        .await
        .map_err(StartError::Listen)?;
    let registry = TcpListener::bind(("127.0.0.1", 0))
        .await
        .map_err(StartError::Listen)?;
    let port = |listener: &TcpListener| {
        listener
            .local_addr()
            .map(|address| address.port())
            .map_err(StartError::Listen)
    };
    let api_url = format!("https://127.0.0.1:{}", port(&api)?);
    let registry_url = format!("http://127.0.0.1:{}", port(&registry)?);
    let identity = tls::Identity::make(options.seed, now)?;
    let kubeconfig = options.dir.join("kubeconfig");
    write_private(&kubeconfig, &identity.kubeconfig(&api_url)).map_err(failed)?;

    let stop = CancellationToken::new();
    let shell = Arc::new(Shell {
        version: latest::Sender::new(world.store.version()),
        world: Mutex::new(world),
        wake: Notify::new(),
        stop: stop.clone(),
        token: identity.token.clone(),
        viewer: identity.viewer.clone(),
        rehearsal: Mutex::default(),
        images: RwLock::new(built.images),
        catalogue: Arc::clone(&catalogue),
        source: options.dir.join("source"),
        began: now,
    });
    let acceptor = identity.acceptor()?;
    let mut tasks = vec![
        tokio::spawn(tick(Arc::clone(&shell))),
        tokio::spawn(serve_api(Arc::clone(&shell), api, acceptor)),
        tokio::spawn(serve_registry(Arc::clone(&shell), registry)),
    ];
    if options.scenario == Scenario::Conflict {
        let speed = options.speed.max(0.01);
        tasks.push(tokio::spawn(second_operator::act(shell, speed)));
    }
    Ok(Servers {
        api_url,
        registry_url,
        catalogue,
        stop,
        tasks,
    })
}

/// Advances the world whenever something is due.
async fn tick(shell: Arc<Shell>) {
    loop {
        let due = locked(&shell.world).next_due();
        let sleep = async {
            match due {
                Some(due) => {
                    let wait = due.duration_since(Timestamp::now());
                    tokio::time::sleep(Duration::try_from(wait).unwrap_or_default()).await;
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = shell.stop.cancelled() => return,
            () = sleep => {
                let now = Timestamp::now();
                let mut world = locked(&shell.world);
                world.advance(now);
                let newest = world.store.version();
                drop(world);
                shell.version.send_if_modified(|version| std::mem::replace(version, newest) != newest);
            }
            () = shell.wake.notified() => {}
        }
    }
}

async fn serve_api(shell: Arc<Shell>, listener: TcpListener, acceptor: TlsAcceptor) {
    accept(shell.clone(), listener, move |stream| {
        let (shell, acceptor) = (Arc::clone(&shell), acceptor.clone());
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                converse(stream, move |request| {
                    route::answer(Arc::clone(&shell), request)
                })
                .await;
            }
        }
    })
    .await;
}

async fn serve_registry(shell: Arc<Shell>, listener: TcpListener) {
    accept(shell.clone(), listener, move |stream| {
        let shell = Arc::clone(&shell);
        converse(stream, move |request| {
            let answer = registry::answer(&shell, &request);
            std::future::ready(Ok(answer))
        })
    })
    .await;
}

/// Accepts until told to stop, then drops all connections.
async fn accept<C, F>(shell: Arc<Shell>, listener: TcpListener, connection: C)
where
    C: Fn(TcpStream) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = shell.stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    // Watch events are small and must not wait for each other.
                    let _ = stream.set_nodelay(true);
                    connections.spawn(connection(stream));
                }
                // Out of descriptors, most likely: let some close.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    connections.shutdown().await;
}

/// Speaks HTTP/1.1 on one connection. An answer of [`Cut`] drops it in the middle.
async fn converse<S, A, F>(stream: S, answer: A)
where
    S: AsyncRead + AsyncWrite + Unpin,
    A: Fn(hyper::Request<Incoming>) -> F,
    F: Future<Output = Result<Answer, Cut>>,
{
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service_fn(answer))
        .await;
}

/// Writes a file that only its owner may read.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}
