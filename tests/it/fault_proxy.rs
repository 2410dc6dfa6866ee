//! A proxy on loopback in front of the practice API that cuts the connection after exactly so many bytes of a request or
//! of its answer (`limit_data`), is slow, swallows, resets, or answers by itself. In front it speaks plain HTTP, so
//! that bytes are bytes of the message and not of TLS; behind, TLS.
#![allow(clippy::unwrap_used, clippy::panic, dead_code)]

use std::{
    collections::VecDeque,
    io,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

#[derive(Clone, Debug)]
pub enum Strike {
    /// The connection ends after exactly so many bytes of the request went on.
    Request(usize),
    /// The request went on whole; the connection ends after exactly so many bytes of the answer came back.
    Response(usize),
    /// As the two before, but the connection stays open and silent.
    HoldRequest(usize),
    HoldResponse(usize),
    /// Nothing goes on and nothing comes back.
    BlackHole,
    /// The request is taken, nothing goes on, and the connection is reset.
    Reset,
    /// This comes back, and nothing goes on.
    Answer(Vec<u8>),
    /// All of it goes its way, the answer so many bytes at a time.
    Slow(usize),
}

struct Armed {
    method: &'static str,
    skip: usize,
    times: usize,
    strike: Strike,
}

/// A request of a client, whatever became of it.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub bytes: usize,
    /// All of it reached the server.
    pub whole: bool,
    /// Bytes of the server's whole answer, if it was asked.
    pub answer: Option<usize>,
    pub status: Option<u16>,
}

#[derive(Default)]
struct Shared {
    armed: Mutex<VecDeque<Armed>>,
    seen: Mutex<Vec<Seen>>,
    struck: Mutex<usize>,
    held: Notify,
}

pub struct FaultProxy {
    pub url: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl FaultProxy {
    /// In front of the server of this kubeconfig.
    pub async fn before(kubeconfig: &Path) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let file = kube::config::Kubeconfig::read_from(kubeconfig).unwrap();
        let options = kube::config::KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(file, &options)
            .await
            .unwrap();
        let mut roots = RootCertStore::empty();
        for root in config.root_cert.unwrap() {
            roots.add(root.into()).unwrap();
        }
        let tls = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = TlsConnector::from(Arc::new(tls));
        let host = config.cluster_url.host().unwrap().to_owned();
        let port = config.cluster_url.port_u16().unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared::default());
        let task = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    let (shared, connector, host) =
                        (Arc::clone(&shared), connector.clone(), host.clone());
                    tokio::spawn(async move {
                        let _ = client.set_nodelay(true);
                        // How a connection ends is the point of it, not an error.
                        let _ = relay(client, &shared, &connector, &host, port).await;
                    });
                }
            }
        });
        Self { url, shared, task }
    }

    /// The same kubeconfig, leading here.
    pub fn kubeconfig(&self, of: &Path, to: &Path) {
        let text = std::fs::read_to_string(of).unwrap();
        let (head, rest) = text.split_once("https://").unwrap();
        let port_end = rest
            .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':'))
            .unwrap();
        std::fs::write(to, format!("{head}{}{}", self.url, &rest[port_end..])).unwrap();
    }

    /// Strikes the requests of this method, after `skip` of them, so many `times`.
    pub fn arm(&self, method: &'static str, skip: usize, times: usize, strike: Strike) {
        self.shared.armed.lock().unwrap().push_back(Armed {
            method,
            skip,
            times,
            strike,
        });
    }

    /// Disarms, and forgets what was seen.
    pub fn clear(&self) {
        self.shared.armed.lock().unwrap().clear();
        self.shared.seen.lock().unwrap().clear();
        *self.shared.struck.lock().unwrap() = 0;
    }

    pub fn seen(&self, method: &str) -> Vec<Seen> {
        let seen = self.shared.seen.lock().unwrap();
        seen.iter()
            .filter(|seen| seen.method == method)
            .cloned()
            .collect()
    }

    pub fn struck(&self) -> usize {
        *self.shared.struck.lock().unwrap()
    }

    /// Until a request or an answer is held.
    pub async fn held(&self) {
        self.shared.held.notified().await;
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn strike(&self, method: &str) -> Option<Strike> {
        let mut armed = self.armed.lock().unwrap();
        let one = armed
            .iter_mut()
            .find(|one| one.method == method && one.times > 0)?;
        if one.skip > 0 {
            one.skip -= 1;
            return None;
        }
        one.times -= 1;
        *self.struck.lock().unwrap() += 1;
        Some(one.strike.clone())
    }

    fn note(&self, seen: Seen) -> usize {
        let mut all = self.seen.lock().unwrap();
        all.push(seen);
        all.len() - 1
    }

    fn amend(&self, index: usize, amend: impl FnOnce(&mut Seen)) {
        if let Some(seen) = self.seen.lock().unwrap().get_mut(index) {
            amend(seen);
        }
    }
}

/// Head and body of one message, and what its first line says.
struct Message {
    bytes: Vec<u8>,
    first: String,
}

/// None at the end of the connection.
async fn message(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Message>> {
    let mut bytes = Vec::new();
    let mut chunk = vec![0; 16 << 10];
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        match from.read(&mut chunk).await? {
            0 => return Ok(None),
            n => bytes.extend_from_slice(&chunk[..n]),
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let length = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.trim().parse().unwrap());
    while bytes.len() < head + length {
        match from.read(&mut chunk).await? {
            0 => return Ok(None),
            n => bytes.extend_from_slice(&chunk[..n]),
        }
    }
    let first = text.lines().next().unwrap_or_default().to_owned();
    Ok(Some(Message { bytes, first }))
}

async fn relay(
    mut client: TcpStream,
    shared: &Shared,
    connector: &TlsConnector,
    host: &str,
    port: u16,
) -> io::Result<()> {
    let mut server: Option<TlsStream<TcpStream>> = None;
    while let Some(request) = message(&mut client).await? {
        let mut words = request.first.split(' ');
        let method = words.next().unwrap_or_default().to_owned();
        let path = words.next().unwrap_or_default().to_owned();
        let strike = shared.strike(&method);
        let index = shared.note(Seen {
            method,
            path: path.clone(),
            bytes: request.bytes.len(),
            whole: false,
            answer: None,
            status: None,
        });
        match &strike {
            Some(Strike::Answer(answer)) => {
                client.write_all(answer).await?;
                client.shutdown().await?;
                return Ok(());
            }
            Some(Strike::BlackHole) => return silent(client, shared).await,
            Some(Strike::Reset) => {
                client.set_zero_linger()?;
                return Ok(());
            }
            _ => {}
        }
        let upstream = match &mut server {
            Some(upstream) => upstream,
            none => {
                let tcp = TcpStream::connect((host, port)).await?;
                tcp.set_nodelay(true)?;
                let name = ServerName::try_from(host.to_owned()).unwrap();
                none.insert(connector.connect(name, tcp).await?)
            }
        };
        if let Some(Strike::Request(count) | Strike::HoldRequest(count)) = strike {
            // Never the whole of it.
            let count = count.min(request.bytes.len() - 1);
            upstream.write_all(&request.bytes[..count]).await?;
            upstream.flush().await?;
            if matches!(strike, Some(Strike::HoldRequest(_))) {
                return silent(client, shared).await;
            }
            return Ok(());
        }
        upstream.write_all(&request.bytes).await?;
        upstream.flush().await?;
        shared.amend(index, |seen| seen.whole = true);
        if path.contains("watch=1") {
            tokio::io::copy_bidirectional(&mut client, upstream).await?;
            return Ok(());
        }
        let Some(answer) = message(upstream).await? else {
            return Ok(());
        };
        shared.amend(index, |seen| {
            seen.answer = Some(answer.bytes.len());
            seen.status = answer.first.split(' ').nth(1).and_then(|s| s.parse().ok());
        });
        match strike {
            Some(Strike::Response(count) | Strike::HoldResponse(count)) => {
                let count = count.min(answer.bytes.len());
                client.write_all(&answer.bytes[..count]).await?;
                client.flush().await?;
                if matches!(strike, Some(Strike::HoldResponse(_))) {
                    return silent(client, shared).await;
                }
                return Ok(());
            }
            Some(Strike::Slow(count)) => {
                for piece in answer.bytes.chunks(count) {
                    client.write_all(piece).await?;
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
            _ => client.write_all(&answer.bytes).await?,
        }
    }
    Ok(())
}

/// Open and silent until the client goes.
async fn silent(mut client: TcpStream, shared: &Shared) -> io::Result<()> {
    shared.held.notify_one();
    let mut rest = [0; 1024];
    while client.read(&mut rest).await? > 0 {}
    Ok(())
}
