//! `services`: where requests go.

use std::time::Duration;

use uuid::Uuid;

use super::tree::{Located, Place};

/// An upstream, as Kong's `service` entity describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The id, given or derived from the name.
    pub id: Uuid,
    /// Where the entity begins.
    pub place: Place,
    /// The unique name.
    pub name: Option<String>,
    /// How the upstream is spoken to.
    pub protocol: Located<ServiceProtocol>,
    /// Host name or address, without a port.
    pub host: Located<String>,
    /// TCP port.
    pub port: u16,
    /// What is put before the request's path; begins with `/`.
    pub path: Option<String>,
    /// How often a failed try is repeated.
    pub retries: u16,
    /// Time to connect.
    pub connect_timeout: Duration,
    /// Time between two writes.
    pub write_timeout: Duration,
    /// Time between two reads.
    pub read_timeout: Duration,
    /// The certificate shown to the upstream: an id of [`super::Document::certificates`].
    pub client_certificate: Option<Located<Uuid>>,
    /// Whether the upstream's certificate is verified; `None` leaves it to the node's settings.
    pub tls_verify: Option<Located<bool>>,
    /// How many intermediates the upstream may need; `None` leaves it to the node's settings.
    pub tls_verify_depth: Option<Located<u8>>,
    /// Whom to trust for the upstream: ids of [`super::Document::ca_certificates`]; `None` leaves it to the node's settings.
    pub ca_certificates: Option<Vec<Located<Uuid>>>,
    /// Further names that the upstream's certificate may carry instead of `host`.
    pub tls_sans: TlsSans,
    /// Whether its routes are routed at all.
    pub enabled: bool,
    /// Labels.
    pub tags: Vec<String>,
}

/// The protocols that this gateway speaks to an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ServiceProtocol {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
}

/// Names acceptable in an upstream's certificate beside its host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsSans {
    /// DNS names.
    pub dnsnames: Vec<Located<String>>,
    /// URIs.
    pub uris: Vec<Located<String>>,
}
