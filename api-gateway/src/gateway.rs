//! The program: sockets bound, connections served, configuration swapped, requests drained.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use rustls::pki_types::UnixTime;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tracing::{debug, error, info, warn};
use transport::acme::Keeper;
use transport::acme::storage::StorageError;
use transport::activity::Activity;
use transport::certificate::iso8601;
use transport::drain::{Drain, Drained, Draining};
use transport::handshake_failures::{HandshakeFailures, Hello};
use transport::lines::{Destination, Lines};
use transport::listen::{BindError, PortSharing, accept, bind};
use transport::serve::{self, ConnectionLimits, Protocol};
use transport::stapling::Stapler;

use crate::identity::Connection;
use crate::load::{Inputs, Loaded};
use crate::proxy::{self, Client};
use crate::settings::{Listen, LogTarget, Settings};
use crate::snapshot::{Snapshot, SnapshotCell};
use crate::status::{self, Counters, Lifecycle, Reload};

/// nginx's keepalive_timeout: how long a client's connection may wait for its next request.
const CLIENT_IDLE: Duration = Duration::from_secs(75);
/// nginx's keepalive_time: how long a client's connection may live.
const CLIENT_LIFETIME: Duration = Duration::from_hours(1);

/// What every task of the program shares.
#[derive(Debug)]
pub struct Shared {
    /// The configuration in force.
    pub snapshots: SnapshotCell,
    /// The access log.
    pub lines: Lines,
    /// Requests, counted.
    pub counters: Counters,
    /// Failed handshakes, with clients and with upstreams.
    pub failures: HandshakeFailures,
    /// Certificates of ACME servers.
    pub keeper: Arc<Keeper>,
    /// Fetches OCSP answers for the certificates that clients are shown.
    pub stapler: Stapler,
    /// Ready, reloads.
    pub lifecycle: Lifecycle,
    /// How long a tunnel may outlive the credential that opened it.
    pub stream_close_delay: Duration,
}

/// A gateway whose sockets are bound, and which serves nobody yet.
#[derive(Debug)]
pub struct Gateway {
    shared: Arc<Shared>,
    inputs: Inputs,
    settings: Settings,
    proxies: Vec<(Listen, TcpListener)>,
    statuses: Vec<(Listen, TcpListener)>,
}

/// The gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A socket.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// `acme_directory`.
    #[error("acme_directory: {0}")]
    Acme(#[from] StorageError),
    /// The access log.
    #[error("cannot open the access log {path}: {source}")]
    AccessLog {
        /// The file.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl Gateway {
    /// Binds every listener; nothing is served before all are bound.
    pub fn bind(inputs: Inputs, loaded: Loaded) -> Result<Self, StartError> {
        let Loaded { settings, snapshot } = loaded;
        let listen = |listens: &[Listen]| -> Result<Vec<_>, BindError> {
            let bound = |listen: &Listen| {
                let sharing = if listen.reuseport {
                    PortSharing::Shared
                } else {
                    PortSharing::Exclusive
                };
                Ok((listen.clone(), bind(listen.address, sharing)?))
            };
            listens.iter().map(bound).collect()
        };
        let (proxies, statuses) = (listen(&settings.proxy_listen)?, listen(&settings.status_listen)?);
        let destination = destination(&settings.proxy_access_log);
        let lines = Lines::open(&destination).map_err(|source| StartError::AccessLog {
            path: format!("{destination:?}"),
            source,
        })?;
        let keeper = Arc::new(Keeper::new());
        keeper.keep(keeper.prepare(&snapshot.acme.profiles)?);
        let shared = Shared {
            keeper,
            snapshots: SnapshotCell::new(snapshot),
            lines,
            counters: Counters::default(),
            failures: HandshakeFailures::default(),
            stapler: Stapler::default(),
            lifecycle: Lifecycle::new(),
            stream_close_delay: settings.stream_close_delay,
        };
        Ok(Self {
            shared: Arc::new(shared),
            inputs,
            settings,
            proxies,
            statuses,
        })
    }

    /// The addresses of the proxy listeners, as bound.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.proxies
            .iter()
            .filter_map(|(_, listener)| listener.local_addr().ok())
            .collect()
    }

    /// The addresses of the status listeners, as bound.
    pub fn status_addresses(&self) -> Vec<SocketAddr> {
        self.statuses
            .iter()
            .filter_map(|(_, listener)| listener.local_addr().ok())
            .collect()
    }

    /// Serves until `shutdown` is ready, then drains. Each message in `reloads` reads the configuration again.
    pub async fn run(self, shutdown: impl Future<Output = ()>, mut reloads: mpsc::Receiver<()>) -> Drained {
        let Self {
            shared,
            inputs,
            settings,
            proxies,
            statuses,
        } = self;
        let (drain, status_drain) = (Drain::new(), Drain::new());
        for provider in &shared.snapshots.load().providers {
            provider.keep_up_to_date();
        }
        for (listen, listener) in statuses {
            announce(&listen, &listener);
            tokio::spawn(serve_status(Arc::clone(&shared), listener, status_drain.watch()));
        }
        for (listen, listener) in proxies {
            announce(&listen, &listener);
            tokio::spawn(serve_proxy(Arc::clone(&shared), listen, listener, drain.watch()));
        }
        // Only now could anybody look for what a challenge asks for.
        tokio::spawn(Arc::clone(&shared.keeper).run(drain.watch()));
        shared.stapler.follow(shared.snapshots.load().fetching.clone());
        shared.lifecycle.set_ready(true);
        info!("ready");
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                // One that takes its time, or does not end, keeps nobody from stopping.
                Some(()) = reloads.recv() => tokio::select! {
                    () = &mut shutdown => break,
                    () = reload(&shared, &inputs, &settings) => {}
                },
            }
        }
        shared.lifecycle.set_ready(false);
        info!(delay_s = settings.shutdown_delay.as_secs_f32(), "shutting down");
        tokio::time::sleep(settings.shutdown_delay).await;
        let drained = drain.finish(settings.drain_timeout).await;
        match drained {
            Drained::Completely => info!("all requests are answered"),
            Drained::OutOfTime => warn!(
                drain_timeout_s = settings.drain_timeout.as_secs_f32(),
                "requests were cut off"
            ),
        }
        drop(status_drain);
        drained
    }
}

fn destination(target: &LogTarget) -> Destination {
    match target {
        LogTarget::Off => Destination::Off,
        LogTarget::Stdout => Destination::Stdout,
        LogTarget::File(path) => Destination::File(path.clone()),
    }
}

fn announce(listen: &Listen, listener: &TcpListener) {
    match listener.local_addr() {
        Ok(address) => info!(listener = listen.name, %address, "listening"),
        Err(error) => warn!(listener = listen.name, %error, "listening, but the address cannot be read"),
    }
}

/// Reads everything again. What cannot be loaded changes nothing.
///
/// Long documents and revocation lists take their time: they are read beside the requests, not between them.
async fn reload(shared: &Shared, inputs: &Inputs, running: &Settings) {
    let in_force = shared.snapshots.load();
    let generation = in_force.generation + 1;
    let (inputs, keeper) = (inputs.clone(), Arc::clone(&shared.keeper));
    let load = move || {
        let (loaded, report) = inputs.load_after(&in_force);
        let loaded = loaded.ok_or_else(|| report.to_string())?;
        // What is on disk is shown from the first handshake on.
        match keeper.prepare(&loaded.snapshot.acme.profiles) {
            Ok(prepared) => Ok((loaded, prepared)),
            Err(error) => Err(format!("acme_directory: {error}")),
        }
    };
    let loaded = tokio::task::spawn_blocking(load).await;
    let loaded = loaded.unwrap_or_else(|failed| Err(failed.to_string()));
    let outcome = match loaded {
        Ok((loaded, prepared)) => {
            if loaded.settings.proxy_listen != running.proxy_listen
                || loaded.settings.status_listen != running.status_listen
            {
                warn!(
                    "proxy_listen or status_listen has changed: that takes a restart, the rest is in force"
                );
            }
            // First, so that no handshake of the new one lacks an answer that there was.
            shared.stapler.follow(loaded.snapshot.fetching.clone());
            put_in_force(shared, loaded.snapshot);
            shared.keeper.keep(prepared);
            info!(generation, "reloaded");
            None
        }
        Err(report) => {
            error!("the new configuration is refused, the old one stays in force:\n{report}");
            Some(report)
        }
    };
    shared.lifecycle.reloaded(Reload {
        at: iso8601(UnixTime::now()),
        error: outcome,
    });
}

/// A provider that is still the same goes on; whoever reloads has a reason to look whether its keys are. What was known of
/// one that is only asked in another way stays known.
fn put_in_force(shared: &Shared, snapshot: Snapshot) {
    let earlier = shared.snapshots.load();
    for provider in &snapshot.providers {
        if earlier
            .providers
            .iter()
            .any(|before| Arc::ptr_eq(before, provider))
        {
            provider.expect_news();
            continue;
        }
        for before in &earlier.providers {
            provider.inherit(before);
        }
        provider.keep_up_to_date();
    }
    shared.snapshots.publish(snapshot);
}

async fn serve_status(shared: Arc<Shared>, listener: TcpListener, draining: Draining) {
    accept(listener, draining.clone(), |stream, _peer| {
        let (shared, draining) = (Arc::clone(&shared), draining.clone());
        async move {
            let service = service_fn(move |request| {
                let answer = status::handle(&shared, &request);
                async move { Ok(answer) }
            });
            let limits = ConnectionLimits {
                idle: CLIENT_IDLE,
                lifetime: CLIENT_LIFETIME,
            };
            if let Err(error) = serve::http(
                stream,
                Protocol::Http1,
                service,
                &Activity::new(),
                (limits, draining),
            )
            .await
            {
                debug!(%error, "a status connection ended");
            }
        }
    })
    .await;
}

async fn serve_proxy(shared: Arc<Shared>, listen: Listen, listener: TcpListener, draining: Draining) {
    let listen = Arc::new(listen);
    accept(listener, draining.clone(), |stream, peer| {
        let (shared, listen, draining) = (Arc::clone(&shared), Arc::clone(&listen), draining.clone());
        async move {
            if listen.protocol.is_tls() {
                tls_connection(shared, &listen, (stream, peer), draining).await;
            } else if let Ok(local) = stream.local_addr() {
                http_connection(shared, Connection::plain(peer, local), stream, draining).await;
            }
        }
    })
    .await;
}

async fn tls_connection(
    shared: Arc<Shared>,
    listen: &Listen,
    (stream, peer): (TcpStream, SocketAddr),
    draining: Draining,
) {
    let Ok(local) = stream.local_addr() else { return };
    let (mut asked, mut seen) = (false, Hello::default());
    let handshake = serve::handshake(stream, |hello| {
        seen.note(hello);
        if let Some(challenge) = shared.keeper.challenges().handshake(hello) {
            return challenge;
        }
        let snapshot = shared.snapshots.load();
        let handshake = snapshot.handshakes.choose(hello.server_name());
        asked = handshake.asks;
        Arc::clone(handshake.config(listen.protocol).for_client(hello))
    });
    match handshake.await {
        Ok(challenge) if challenge.is_challenge() => {
            debug!(listener = listen.name, %peer, "a tls-alpn-01 challenge was looked at");
            challenge.close().await;
        }
        Ok(shaken) => {
            let negotiated = shaken.negotiated();
            let certificates = shaken.stream.get_ref().1.peer_certificates();
            let connection = Connection::tls((peer, local), negotiated, asked, certificates);
            http_connection(shared, connection, shaken.stream, draining).await;
        }
        Err(error) => {
            info!(listener = listen.name, %peer, %error, "a TLS handshake failed");
            shared.failures.of_client(peer, seen, &error);
        }
    }
}

async fn http_connection<S>(shared: Arc<Shared>, connection: Connection, stream: S, draining: Draining)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let activity = Arc::clone(&connection.activity);
    let protocol = connection
        .tls
        .as_ref()
        .map_or(Protocol::Http1, |tls| tls.protocol);
    let id = connection.id;
    let client = Arc::new(Client {
        gateway: shared,
        connection,
        draining: draining.clone(),
    });
    let service = service_fn(move |request| {
        let client = Arc::clone(&client);
        async move { Ok(proxy::handle(&client, request).await) }
    });
    let limits = ConnectionLimits {
        idle: CLIENT_IDLE,
        lifetime: CLIENT_LIFETIME,
    };
    if let Err(error) = serve::http(stream, protocol, service, &activity, (limits, draining)).await {
        debug!(connection_id = %id, %error, "a connection ended");
    }
}
