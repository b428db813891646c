//! What the edge does, ready to be done: settings with their files read, their TLS built, their targets known.
//!
//! [`crate::compile`] makes a plan and nothing else does. It holds no socket, so a plan can be made, looked at and
//! thrown away while another one serves.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use transport::acme::Profile;
use transport::lines::Destination;
use transport::serve::ConnectionLimits;
use transport::server_tls::{CertificateChooser, ServerConfigs};
use transport::stapling::Fetching;

use crate::client_certificate::ClientCertificates;
use crate::owned_headers::StripList;
use crate::settings::{Attributes, Target};
use crate::targets::{Targets, Turn};

/// Everything the edge needs to start, or to go on with after a reload.
#[derive(Debug)]
pub struct Plan {
    /// Listeners in the order of their names.
    pub(crate) listeners: Vec<Listener>,
    /// What is ordered of ACME servers.
    pub(crate) acme: Vec<Arc<Profile>>,
    /// OCSP answers that are fetched for the certificates of all listeners.
    pub(crate) fetching: Fetching,
    /// Where `/health`, `/ready` and `/metrics` are answered.
    pub(crate) admin: Option<SocketAddr>,
    /// Where ALB's connection log goes.
    pub(crate) connection_log: Destination,
    /// Where the line per request goes.
    pub(crate) access_log: Destination,
    /// How long a stop takes.
    pub(crate) stop: Stop,
}

/// How the edge stops.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stop {
    /// Not ready, but still accepting.
    pub(crate) delay: Duration,
    /// What requests in flight have after that.
    pub(crate) drain: Duration,
}

/// One listener.
#[derive(Debug)]
pub(crate) struct Listener {
    /// Its name in the configuration.
    pub(crate) name: Arc<str>,
    /// Where it was asked to listen; the port may be 0.
    pub(crate) address: SocketAddr,
    /// What it does with a connection.
    pub(crate) service: Service,
}

/// What a listener does with a connection.
#[derive(Debug)]
pub(crate) enum Service {
    /// Requests are read, checked and forwarded.
    Http(Box<HttpService>),
    /// Bytes are passed through.
    Tcp(TcpService),
}

/// A listener that speaks HTTP.
#[derive(Debug)]
pub(crate) struct HttpService {
    /// What is around the HTTP.
    pub(crate) scheme: Scheme,
    /// When a connection is closed without being asked.
    pub(crate) limits: ConnectionLimits,
    /// ELB's attributes.
    pub(crate) attributes: Attributes,
    /// Header names that clients may not send.
    pub(crate) strip: StripList,
    /// Where requests go.
    pub(crate) targets: Targets,
}

/// What is around the HTTP.
#[derive(Debug)]
pub(crate) enum Scheme {
    /// Nothing.
    Http,
    /// TLS that ends here.
    Https {
        /// Certificates shown, client certificates asked for.
        tls: ServerConfigs,
        /// What is shown to whom; `tls` has it too.
        certificates: Arc<CertificateChooser>,
        /// What becomes of a client's certificate.
        clients: ClientCertificates,
    },
}

/// A listener that passes bytes through.
#[derive(Debug)]
pub(crate) struct TcpService {
    /// Where they go.
    pub(crate) targets: Vec<Target>,
    /// Whose turn it is.
    pub(crate) turn: Turn,
    /// What goes before them.
    pub(crate) preface: Preface,
}

/// What a target is told before the client's first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Preface {
    /// Nothing.
    None,
    /// PROXY protocol, version 2: who the client is.
    ProxyProtocol,
}
