//! From a kubeconfig and a context to a `Cluster`. Two clients, so that a mutation never queues behind a list; neither
//! repeats a request by itself (QUALITY finding 2), reads are repeated by the feeds that want them.

use std::{path::Path, sync::Arc, time::Duration};

use http::Uri;
use hyper_util::{
    client::legacy::{Client as Http, connect::HttpConnector},
    rt::TokioExecutor,
};
use kube::{
    client::{Client, ClientBuilder, ConfigExt},
    config::{Config, ExecInteractiveMode, KubeConfigOptions, Kubeconfig, KubeconfigError},
};
use tower::{BoxError, ServiceBuilder};

use super::{
    Cluster,
    call::{self, Ask, SYSTEM},
    pin, plugin,
    renewal::{Clients, Renewal},
    turns::{TakingTurns, Turns},
};
use crate::domain::{
    access::Access,
    fault::{Fault, FaultKind},
    target::ClusterRef,
};

/// Reading the files, running a credential plugin, and the first answer of the server.
const DEADLINE: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(5);

/// Reads the kubeconfig, makes the clients, and asks the server for its version: a cluster that is returned has
/// answered and knows us.
pub async fn connect(cluster: &ClusterRef) -> Result<Cluster, Fault> {
    connect_with(cluster, &Access::default()).await
}

/// The same, with a say in which credential plugins may run.
pub async fn connect_with(cluster: &ClusterRef, access: &Access) -> Result<Cluster, Fault> {
    let opened = opened(cluster, access).await?;
    let doing = format!("connecting to {}", opened.place);
    let ask = Ask::get("/version", &doing);
    let reply = call::send(&opened.reads, &ask, super::POINT, 1 << 20).await;
    let answered = reply.and_then(|reply| match reply.status.as_u16() {
        // Who may not read the version may still read what is theirs.
        200..=299 | 403 => Ok(()),
        _ => Err(call::refusal(&ask, &reply)),
    });
    answered.map_err(|fault| opened.hinted(fault))?;
    if let Some(uid) = cluster.pin.as_ref().and_then(|pin| pin.uid.as_deref()) {
        pin::same_cluster(&opened, uid).await?;
    }
    Ok(opened)
}

/// As `connect`, without asking the server anything.
pub async fn open(cluster: &ClusterRef) -> Result<Cluster, Fault> {
    opened(cluster, &Access::default()).await
}

async fn opened(cluster: &ClusterRef, access: &Access) -> Result<Cluster, Fault> {
    let opened = clients_of(cluster, access).await?;
    let opening = Opening {
        cluster: cluster.clone(),
        access: access.clone(),
        server: opened.server,
    };
    let clients = Renewal::new(opening, opened.clients).clients();
    Ok(Cluster::new(
        clients,
        opened.place,
        hint(cluster),
        opened.unverified,
    ))
}

/// From what the clients of a cluster are made, again and again.
pub(super) struct Opening {
    cluster: ClusterRef,
    access: Access,
    server: Uri,
}

impl Opening {
    /// With the credentials as they are now; never for another server than the first time.
    pub async fn again(&self) -> Result<Clients, Fault> {
        let opened = clients_of(&self.cluster, &self.access).await?;
        if opened.server == self.server {
            return Ok(opened.clients);
        }
        let doing = format!("asking for credentials for {}", opened.place);
        Err(Fault::new(
            SYSTEM,
            FaultKind::Refused,
            doing,
            "the kubeconfig leads to another server now",
        )
        .hint("Start again if that is meant."))
    }
}

struct Opened {
    clients: Clients,
    place: String,
    server: Uri,
    unverified: bool,
}

async fn clients_of(cluster: &ClusterRef, access: &Access) -> Result<Opened, Fault> {
    let doing = format!("reading {}", file_of(cluster));
    let (wanted, access) = (cluster.clone(), access.clone());
    // Files, and a credential plugin that runs as a child process: both block.
    let made = tokio::task::spawn_blocking(move || clients(&wanted, &access));
    match tokio::time::timeout(DEADLINE, made).await {
        Err(_) => Err(Fault::new(
            SYSTEM,
            FaultKind::TimedOut,
            doing,
            "the credential plugin did not end within 30 s",
        )
        .hint(hint(cluster))),
        Ok(Err(_)) => Err(Fault::new(
            SYSTEM,
            FaultKind::Bug,
            doing,
            "the reader of kubeconfig files panicked",
        )),
        Ok(Ok(made)) => made,
    }
}

fn file_of(cluster: &ClusterRef) -> String {
    cluster.kubeconfig.as_ref().map_or_else(
        || "the kubeconfig".to_owned(),
        |path| path.display().to_string(),
    )
}

/// The same question, asked with kubectl.
pub(super) fn hint(cluster: &ClusterRef) -> String {
    let mut command = "kubectl".to_owned();
    if let Some(path) = &cluster.kubeconfig {
        command = format!("{command} --kubeconfig {}", path.display());
    }
    if let Some(context) = &cluster.context {
        command = format!("{command} --context {context}");
    }
    format!("Try `{command} get ns`.")
}

fn clients(cluster: &ClusterRef, access: &Access) -> Result<Opened, Fault> {
    let doing = format!("reading {}", file_of(cluster));
    let no = |kind, detail: &str| Fault::new(SYSTEM, kind, doing.clone(), detail);
    let read = match &cluster.kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    };
    let kubeconfig = read.map_err(|error| unreadable(cluster, &doing, &error))?;
    let place = cluster
        .context
        .clone()
        .or_else(|| kubeconfig.current_context.clone())
        .unwrap_or_default();
    let proxied = kubeconfig
        .clusters
        .iter()
        .any(|c| c.cluster.as_ref().is_some_and(|c| c.proxy_url.is_some()));
    let contexts: Vec<String> = kubeconfig.contexts.iter().map(|c| c.name.clone()).collect();
    let options = KubeConfigOptions {
        context: cluster.context.clone(),
        ..KubeConfigOptions::default()
    };
    // Its body does not wait for anything; it is only declared async.
    let config = futures::executor::block_on(Config::from_custom_kubeconfig(kubeconfig, &options));
    let mut config = config.map_err(|error| match &error {
        KubeconfigError::LoadContext(name) => no(
            FaultKind::NotFound,
            &format!("it has no context named {name}"),
        )
        .hint(if contexts.is_empty() {
            "The file names no context at all.".to_owned()
        } else {
            format!("Its contexts: {}.", contexts.join(", "))
        }),
        KubeconfigError::CurrentContextNotSet => {
            no(FaultKind::NotFound, "it names no current context")
                .hint("Name one in the configuration, or run `kubectl config use-context`.")
        }
        _ => unreadable(cluster, &doing, &error),
    })?;
    config.default_retry = false;
    config.cluster_url = without_user(config.cluster_url);
    let host = config.cluster_url.host().unwrap_or_default();
    if !proxied && goes_direct(host, &no_proxy()) {
        config.proxy_url = None;
    }
    config.connect_timeout = Some(CONNECT);
    let exec = config.auth_info.exec.as_ref();
    let asks = exec.is_some_and(|exec| exec.interactive_mode == Some(ExecInteractiveMode::Always));
    plugin::restrict(&mut config.auth_info, access)
        .map_err(|refused| no(FaultKind::Forbidden, &refused.detail).hint(refused.hint))?;
    // A plugin that asks at the terminal would ask into the cockpit.
    if asks {
        let detail = "its credential plugin asks at the terminal (interactiveMode: Always)";
        return Err(no(FaultKind::Unauthorised, detail).hint(format!(
            "Log in outside gonogo and use a plugin that can do without: interactiveMode \
             IfAvailable or Never. {}",
            hint(cluster)
        )));
    }
    let unverified = config.accept_invalid_certs;
    if unverified && cluster.must_be_verified {
        let detail = "it says insecure-skip-tls-verify, and a protected environment wants to know whom it talks to";
        return Err(no(FaultKind::Refused, detail).not_sent().hint(
            "Put the certificate authority of the cluster there instead: certificate-authority-data.",
        ));
    }
    if let Some(pin) = &cluster.pin {
        pin::same_way(pin, &place, &config)?;
    }
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Somebody else may be first; then theirs is used.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    }
    let make =
        |turns| client(config.clone(), turns).map_err(|error| unusable(cluster, &place, &error));
    Ok(Opened {
        clients: Clients {
            reads: make(Some(Arc::default()))?,
            // What ends a flight waits for nobody's turn.
            mutations: make(None)?,
        },
        place: place.clone(),
        server: config.cluster_url.clone(),
        unverified,
    })
}

/// A user and a password in front of the host are sent to nobody, and libraries would log them with it.
fn without_user(url: Uri) -> Uri {
    let bare = url
        .authority()
        .and_then(|authority| authority.as_str().rsplit_once('@'))
        .and_then(|(_, host)| host.parse().ok());
    let Some(host) = bare else { return url };
    let mut parts = url.into_parts();
    parts.authority = Some(host);
    Uri::from_parts(parts).unwrap_or_default()
}

fn no_proxy() -> String {
    let get = |name| std::env::var(name).ok();
    get("NO_PROXY")
        .or_else(|| get("no_proxy"))
        .unwrap_or_default()
}

/// Whether a proxy of the environment is not meant for this host. kube compares `NO_PROXY` with the proxy's own name.
fn goes_direct(host: &str, no_proxy: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    let loopback = host
        .parse::<std::net::IpAddr>()
        .map_or(host == "localhost", |address| address.is_loopback());
    let named = |entry: &str| {
        let entry = entry.trim().trim_start_matches('*').trim_start_matches('.');
        host == entry
            || !entry.is_empty()
                && host
                    .strip_suffix(entry)
                    .is_some_and(|rest| rest.ends_with('.'))
    };
    loopback || no_proxy.trim() == "*" || no_proxy.split(',').any(named)
}

/// kube's own stack without its retries, its tracing of addresses, and Nagle's delay. Through a proxy, kube's.
fn client(config: Config, turns: Option<Arc<Turns>>) -> Result<Client, kube::Error> {
    if config.proxy_url.is_some() {
        return Ok(ClientBuilder::try_from(config)?.build());
    }
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_connect_timeout(Some(CONNECT));
    let connector = config.rustls_https_connector_with_connector(http)?;
    let https = TakingTurns { connector, turns };
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(Http::builder(TokioExecutor::new()).build(https));
    Ok(Client::new(service, config.default_namespace))
}

fn unreadable(cluster: &ClusterRef, doing: &str, error: &KubeconfigError) -> Fault {
    use KubeconfigError as E;
    let missing = |path: &Path, error: &std::io::Error| {
        format!("{} cannot be read: {}", path.display(), error.kind())
    };
    let (kind, detail, next) = match error {
        E::ReadConfig(io, path) if io.kind() == std::io::ErrorKind::NotFound => (
            FaultKind::NotFound,
            format!("{} does not exist", path.display()),
            "Name the right file in the configuration, or in KUBECONFIG.".to_owned(),
        ),
        E::ReadConfig(io, path) => (
            FaultKind::Forbidden,
            missing(path, io),
            format!("Look at it with `ls -l {}`.", path.display()),
        ),
        E::FindPath => (
            FaultKind::NotFound,
            "there is no KUBECONFIG and no home directory".to_owned(),
            "Name a file in the configuration.".to_owned(),
        ),
        // Its text would quote the file, secrets included.
        E::Parse(_) | E::KindMismatch | E::ApiVersionMismatch => (
            FaultKind::Malformed,
            "it is no kubeconfig".to_owned(),
            format!("Look at it with `{}`.", view(cluster)),
        ),
        E::LoadClusterOfContext(name) => (
            FaultKind::NotFound,
            format!("the context names the cluster {name}, which the file does not have"),
            format!("Look at it with `{}`.", view(cluster)),
        ),
        E::MissingClusterUrl | E::ParseClusterUrl(_) => (
            FaultKind::Malformed,
            "the address of its cluster is missing or is none".to_owned(),
            format!("Look at it with `{}`.", view(cluster)),
        ),
        E::LoadCertificateAuthority(_) | E::ParseCertificates(_) => (
            FaultKind::Malformed,
            "the certificate authority of its cluster cannot be read".to_owned(),
            hint(cluster),
        ),
        E::LoadClientCertificate(_) | E::LoadClientKey(_) => (
            FaultKind::Unauthorised,
            "the client certificate of its user cannot be read".to_owned(),
            hint(cluster),
        ),
        _ => (
            FaultKind::Malformed,
            "it cannot be used".to_owned(),
            hint(cluster),
        ),
    };
    Fault::new(SYSTEM, kind, doing, &detail).hint(next)
}

fn view(cluster: &ClusterRef) -> String {
    match &cluster.kubeconfig {
        Some(path) => format!("kubectl --kubeconfig {} config view", path.display()),
        None => "kubectl config view".to_owned(),
    }
}

/// Clients are made without a connection: what fails here are credentials, certificates and proxies.
fn unusable(cluster: &ClusterRef, place: &str, error: &kube::Error) -> Fault {
    let (kind, detail) = match error {
        kube::Error::Auth(auth) => (FaultKind::Unauthorised, call::credentials(auth)),
        kube::Error::ProxyProtocolUnsupported { .. }
        | kube::Error::ProxyProtocolDisabled { .. } => (
            FaultKind::Refused,
            "its proxy speaks a protocol that gonogo does not (http and https are known)"
                .to_owned(),
        ),
        kube::Error::RustlsTls(_) => (
            FaultKind::Malformed,
            "its certificates cannot be used".to_owned(),
        ),
        kube::Error::InferKubeconfig(error) => {
            return unreadable(cluster, &format!("connecting to {place}"), error);
        }
        _ => (FaultKind::Malformed, "it cannot be used".to_owned()),
    };
    Fault::new(SYSTEM, kind, format!("connecting to {place}"), &detail).hint(hint(cluster))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_used_without_a_user_in_it() {
        for (typed, used) in [
            (
                "https://me:pw@api.example:6443/x",
                "https://api.example:6443/x",
            ),
            ("https://me@[::1]:6443/", "https://[::1]:6443/"),
            ("https://api.example/", "https://api.example/"),
        ] {
            let url = without_user(http::Uri::from_static(typed));
            assert_eq!(url.to_string(), used);
        }
    }

    #[test]
    fn proxies_of_the_environment_spare_what_they_should() {
        for (host, no_proxy, direct) in [
            ("127.0.0.1", "", true),
            ("[::1]", "", true),
            ("localhost", "", true),
            ("api.example.com", "", false),
            ("api.example.com", "*", true),
            ("api.example.com", "other.com, .example.com", true),
            ("api.example.com", "example.com", true),
            ("api.example.com", "*.example.com", true),
            ("apiexample.com", "example.com", false),
            ("api.example.com", "api.example.com", true),
        ] {
            assert_eq!(goes_direct(host, no_proxy), direct, "{host} / {no_proxy}");
        }
    }

    #[test]
    fn the_hint_asks_the_same_with_kubectl() {
        let cluster = ClusterRef {
            kubeconfig: Some("/k".into()),
            context: Some("prod".to_owned()),
            ..ClusterRef::default()
        };
        assert_eq!(
            hint(&cluster),
            "Try `kubectl --kubeconfig /k --context prod get ns`."
        );
    }
}
