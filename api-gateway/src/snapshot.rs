//! The configuration as it is executed: immutable, complete, and swapped as a whole.
//!
//! Control plane and data plane meet here and nowhere else. A request loads the snapshot once and sees one consistent
//! view to its end, whatever is reloaded meanwhile.

use std::sync::Arc;

use arc_swap::ArcSwap;
use http::StatusCode;
use tokio::sync::watch;
use transport::finding::Finding;

use crate::balancer::Balancer;
use crate::consumer::Consumers;
use crate::handshake::Handshakes;
use crate::identity::HeaderSources;
use crate::plugin::Chain;
use crate::plugin::openid_connect::provider::Provider;
use crate::proxy::client_address::RealIp;
use crate::proxy::owned_headers::OwnedHeaders;
use crate::router::Router;
use crate::router::upstream_path::StripPath;
use crate::settings::{ResponseHeaders, UpstreamHeaders};
use crate::status::Validity;

/// One generation of the configuration.
#[derive(Debug)]
pub struct Snapshot {
    /// Counts up with every configuration that was put in force.
    pub generation: u64,
    /// SHA-256 of the declarative document, as `configuration_hash` in `/status`.
    pub configuration_hash: Box<str>,
    /// Which route a request takes.
    pub router: Router,
    /// The routes, by the router's index.
    pub routes: Box<[Route]>,
    /// Everybody who may be found.
    pub consumers: Consumers,
    /// Who may carry certificates and speak of clients.
    pub sources: HeaderSources,
    /// How a trusted address tells the client's.
    pub real_ip: RealIp,
    /// Headers that only the gateway writes.
    pub owned: OwnedHeaders,
    /// TLS towards clients.
    pub handshakes: Handshakes,
    /// Limits on requests.
    pub limits: RequestLimits,
    /// `headers`.
    pub response_headers: ResponseHeaders,
    /// `headers_upstream`.
    pub upstream_headers: UpstreamHeaders,
    /// OAuth2 providers, whose keys are kept up to date while this is in force.
    pub providers: Box<[Arc<Provider>]>,
    /// What `check` would warn of: relaxations in force.
    pub warnings: Box<[Finding]>,
    /// Certificates and revocation lists, and how long they are valid.
    pub validities: Box<[Validity]>,
}

/// Where a request goes and what judges it before.
#[derive(Debug)]
pub struct Route {
    /// Its name, else its id.
    pub name: Arc<str>,
    /// The plugins, in order.
    pub chain: Chain,
    /// Whether the chain wants the certificate of the connection.
    pub wants_certificate: bool,
    /// Set if the route takes https only: how a request by http is answered.
    pub https_only: Option<StatusCode>,
    /// `strip_path`.
    pub strip: StripPath,
    /// `preserve_host`.
    pub host: HostSent,
    /// Where it goes; `None`: 503.
    pub service: Option<Arc<Service>>,
}

/// `preserve_host`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostSent {
    /// The service's.
    Services,
    /// The request's, which an https upstream then has to have a certificate for.
    Requests,
}

/// An upstream service.
#[derive(Debug)]
pub struct Service {
    /// Its name, else its id.
    pub name: Arc<str>,
    /// Put before the request's path.
    pub path: Option<Box<str>>,
    /// The servers behind it.
    pub balancer: Balancer,
    /// Whether they are https.
    pub is_tls: bool,
}

/// Limits on what a client sends.
#[derive(Clone, Copy, Debug)]
pub struct RequestLimits {
    /// Longest header line, name and value.
    pub header_line: usize,
    /// All header lines together.
    pub head: usize,
    /// Longest body.
    pub body: Option<u64>,
}

/// The snapshot in force.
#[derive(Debug)]
pub struct SnapshotCell {
    current: ArcSwap<Snapshot>,
    /// Tells those who wait for the next one, and are no request: tunnels.
    generations: watch::Sender<u64>,
}

impl SnapshotCell {
    /// Puts the first snapshot in force.
    pub fn new(snapshot: Snapshot) -> Self {
        let (generations, _) = watch::channel(snapshot.generation);
        Self {
            current: ArcSwap::from_pointee(snapshot),
            generations,
        }
    }

    /// The snapshot in force. Owned, because a request keeps it across its waits.
    pub fn load(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Puts another one in force.
    pub fn publish(&self, snapshot: Snapshot) {
        let generation = snapshot.generation;
        self.current.store(Arc::new(snapshot));
        self.generations.send_replace(generation);
    }

    /// The generation in force, and every later one.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.generations.subscribe()
    }
}
