//! The edge's node file: what may be written in it, and what it means once read.
//!
//! TOML with AWS ELBv2's words, layered: defaults, the file, environment variables `EDGE_PROXY_` (`__` separates
//! levels, a name's `-` is written `_`, lists are comma separated). Relative paths are relative to the file.
//! [`Settings::load`] reads the node file and nothing else: certificates are read by whoever uses them, who asks
//! [`Loaded::origin`] for the place to blame.
//!
//! Codes of the findings made here, beside those of [`transport::layers`]:
//!
//! | code | says |
//! |---|---|
//! | `missing-key` | a key is required here, always or because of what another key says |
//! | `conflict` | two keys contradict each other, or a key does not belong to this protocol |
//! | `unknown-reference` | `target_group` names none |
//! | `not-yet` | an ELB feature that this edge does not have: accepted at its default only |
//! | `expiry-ignored` (warning) | `ignore_client_certificate_expiry` |
//! | `no-effect` (warning) | a key that nothing reads in this mode |
//! | `terms-not-agreed` | an `acme` without `terms_of_service_agreed = true` |
//! | `acme-unanswerable` | no listener could answer the challenge of an `acme` |

mod acme;
mod build;
mod listener;
mod policy;
mod raw;
mod schema;
mod target_group;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::HeaderName;
use serde::Deserialize;
use transport::acme::{ChallengeKind, Domain, KeyKind};
use transport::finding::Report;
use transport::private_key::KeyReference;

pub use transport::layers::Loaded;

/// The edge's configuration. Paths are absolute, names resolved: every `target_group` exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// SIGTERM: how long requests in flight may take.
    pub drain_timeout: Duration,
    /// SIGTERM: how long the edge is not ready but still accepts, before it drains.
    pub shutdown_delay: Duration,
    /// Listeners, by name.
    pub listeners: BTreeMap<String, Listener>,
    /// Target groups, by name.
    pub target_groups: BTreeMap<String, TargetGroup>,
    /// The admin listener and the two logs.
    pub admin: Admin,
}

impl Settings {
    /// Reads the node file and merges the layers. Settings are there, with what could be read, even beside errors, so
    /// that a check can go on; `run` must look at the report first.
    ///
    /// Settings are absent only where the file cannot be read or is no TOML. A listener or target group that lacks
    /// something is left out of them.
    pub fn load(file: &Path, environment: &[(String, String)]) -> (Option<Loaded<Self>>, Report) {
        match transport::layers::read(file) {
            Ok(text) => build::settings(file, &text, environment),
            Err(finding) => build::unusable(*finding),
        }
    }
}

/// One listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Where it listens; port 0 lets the kernel choose.
    pub address: SocketAddr,
    /// What it speaks with clients.
    pub protocol: ListenerProtocol,
    /// A key of [`Settings::target_groups`] whose protocol fits this listener's.
    pub target_group: String,
    /// Request headers that no client may send, beside the identity headers of all fronts.
    pub strip_headers: Vec<HeaderName>,
    /// ELB's listener and load balancer attributes.
    pub attributes: Attributes,
}

/// What a listener speaks with clients, and what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenerProtocol {
    /// HTTP over TLS that ends here.
    Https {
        /// What the edge shows.
        tls: ListenerTls,
        /// What it asks of clients.
        mutual_authentication: MutualAuthentication,
    },
    /// Plain HTTP.
    Http,
    /// Bytes passed through untouched, TLS included: the NLB topology.
    Tcp,
}

/// What an https listener shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerTls {
    /// The default certificate, for clients whose SNI fits none of the additional ones. Without one, such clients are
    /// refused in the handshake.
    pub certificate: Option<CertificateFiles>,
    /// Picked by SNI from their SANs.
    pub additional_certificates: Vec<CertificateFiles>,
    /// OCSP responses in DER, each for one of the certificates.
    pub stapling_files: Vec<PathBuf>,
    /// Protocol versions.
    pub security_policy: SecurityPolicy,
    /// Certificates that an ACME server issues; there whenever `certificate` is not.
    pub acme: Option<Box<Acme>>,
}

/// An ACME server, and what is ordered there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acme {
    /// The URL of its directory.
    pub directory_url: String,
    /// An e-mail address for whoever runs it.
    pub contact: Option<String>,
    /// Each gets a certificate.
    pub domains: Vec<Domain>,
    /// Where account, keys and certificates are kept.
    pub directory: PathBuf,
    /// How control of a name is proved.
    pub challenge: ChallengeKind,
    /// PEM bundle of the CAs that vouch for the server itself; none: the platform's.
    pub trust_store: Option<PathBuf>,
    /// An account elsewhere that the one at the server is bound to.
    pub external_account: Option<ExternalAccount>,
    /// The type of the certificates' keys.
    pub key_algorithm: KeyKind,
    /// How long before its end a certificate is renewed.
    pub renew_before: Duration,
    /// How long to wait after a first failure.
    pub retry_after: Duration,
}

/// External account binding (RFC 8555 §7.3.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalAccount {
    /// The identifier of the key.
    pub key_id: String,
    /// A file that holds the HMAC key in base64url, as the server's operator gives it.
    pub hmac_key: PathBuf,
}

/// A certificate chain and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// PEM chain, leaf first.
    pub certificate: PathBuf,
    /// Where the key of the leaf is.
    pub private_key: KeyReference,
}

/// The TLS versions, and with them the cipher suites: those of rustls are all forward secret AEADs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecurityPolicy {
    /// TLS 1.2 and 1.3: `"1.2"`, or ELB's `TLS13-1-2-Res` family.
    Tls12,
    /// TLS 1.2 only: ELB's `FS-1-2-Res-2020-10`.
    Tls12Only,
    /// TLS 1.3 only: `"1.3"`, or ELB's `TLS13-1-3` family.
    Tls13,
}

/// ELB's mutual authentication of an https listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MutualAuthentication {
    /// Clients are not asked for a certificate.
    Off,
    /// Clients are asked; what they present goes on in a header, unverified.
    Passthrough {
        /// Which header.
        header_format: HeaderFormat,
    },
    /// A certificate that the trust store does not vouch for ends the handshake.
    Verify(Verify),
}

/// What verify mode checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verify {
    /// PEM bundle of CAs.
    pub trust_store: PathBuf,
    /// PEM CRLs; if there are any they are enforced for the whole chain.
    pub revocation_lists: Vec<PathBuf>,
    /// `ignore_client_certificate_expiry`: an expired leaf is accepted.
    pub ignore_client_certificate_expiry: bool,
    /// `advertise_trust_store_ca_names`: the CAs' names are sent in the certificate request.
    pub advertise_trust_store_ca_names: bool,
    /// Longest chain, leaf and anchor not counted as headers.md A.5 says: certificates presented, and one more than
    /// the intermediates of the path.
    pub max_chain_depth: usize,
    /// Which headers carry the certificate.
    pub header_format: HeaderFormat,
}

/// The headers in which a client certificate goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HeaderFormat {
    /// `X-Amzn-Mtls-Clientcert` and its relatives.
    Alb,
    /// `Client-Cert` and `Client-Cert-Chain` (RFC 9440).
    Rfc9440,
}

/// ELB's attributes, those that this edge has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// `routing.http.xff_header_processing.mode`.
    pub xff_header_processing: XffHeaderProcessing,
    /// `routing.http.preserve_host_header.enabled`.
    pub preserve_host_header: bool,
    /// `routing.http.drop_invalid_header_fields.enabled`.
    pub drop_invalid_header_fields: bool,
    /// `routing.http.x_amzn_tls_version_and_cipher_suite.enabled`.
    pub tls_version_and_cipher_suite: bool,
    /// `idle_timeout.timeout_seconds`, 1 to 4000.
    pub idle_timeout: Duration,
    /// `client_keep_alive.seconds`, 60 to 604800.
    pub client_keep_alive: Duration,
    /// `routing.http.desync_mitigation_mode`.
    pub desync_mitigation_mode: DesyncMitigationMode,
}

/// What happens to X-Forwarded-For.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum XffHeaderProcessing {
    /// The client's address is appended.
    Append,
    /// The header goes on as it came.
    Preserve,
    /// The header is removed.
    Remove,
}

/// How doubtful requests are treated (headers.md A.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DesyncMitigationMode {
    /// Ambiguous requests pass and cost their connections, severe ones are refused.
    Defensive,
    /// Whatever is doubtful is refused.
    Strictest,
}

/// Where requests go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetGroup {
    /// What is spoken with the targets.
    pub protocol: TargetProtocol,
    /// At least one.
    pub targets: Vec<Target>,
}

/// What is spoken with targets, and what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetProtocol {
    /// HTTP over TLS that the edge begins.
    Https(TargetTls),
    /// Plain HTTP.
    Http,
    /// The listener's bytes.
    Tcp {
        /// Whether PROXY protocol v2 goes first.
        send_proxy_protocol: bool,
    },
}

/// The TLS that the edge begins: always verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetTls {
    /// What the edge shows, if it is asked.
    pub certificate: Option<CertificateFiles>,
    /// PEM bundle of the CAs that vouch for targets.
    pub trust_store: PathBuf,
    /// SNI, and the name verified: a DNS name or an IP address.
    pub server_name: String,
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// A DNS name or an IP address, an IPv6 one without brackets.
    pub host: String,
    /// Never 0.
    pub port: u16,
}

impl Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// The admin listener and the logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// `/health`, `/ready`, `/metrics`; none when off.
    pub address: Option<SocketAddr>,
    /// ALB's connection-log fields.
    pub connection_log: LogTarget,
    /// JSON lines.
    pub access_log: LogTarget,
}

/// Where a log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogTarget {
    /// Nowhere.
    Off,
    /// Standard output.
    Stdout,
    /// A file, appended to.
    File(PathBuf),
}
