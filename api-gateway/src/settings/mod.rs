//! The gateway's node settings: Kong's flat keys, typed.
//!
//! Layered: defaults, the file (`.toml`, or `.conf` in kong.conf's `key = value` form), environment `KONG_<KEY>`,
//! environment `API_GATEWAY_<KEY>`. A file may write every value as text, in Kong's spelling. Relative paths are
//! relative to the file, without a file to the working directory. An empty value means that the key is not set.
//! [`Settings::load`] reads the node file and nothing else.
//!
//! Codes of the findings made here, beside those of [`transport::layers`]:
//!
//! | code | says |
//! |---|---|
//! | `missing-key` | another key makes this one necessary |
//! | `conflict` | two keys contradict each other |
//! | `not-yet` | a feature of Kong that this gateway does not have yet |
//! | `unsupported-key` | a key of Kong that would decide or limit something, and does not here |
//! | `ignored-key` (warning) | keys of Kong that change nothing here, all in one finding |
//! | `no-effect` (warning) | a key that nothing reads beside the others |
//! | `unverified-upstreams` (warning) | upstream certificates are not verified where a service does not say so |

mod build;
mod conf_file;
mod edge_name;
mod foreign;
mod listen;
mod listeners;
mod raw;
mod schema;
mod size;
mod surface;
#[cfg(test)]
mod tests;
mod trust;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::HeaderName;
use ipnet::IpNet;
use tracing::level_filters::LevelFilter;

use transport::finding::Report;
pub use transport::layers::Loaded;
use transport::private_key::KeyReference;

/// The gateway's node settings; a field has its key's name. Paths are absolute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Listeners for clients; empty when `off`.
    pub proxy_listen: Vec<Listen>,
    /// Listeners for `/status` and `/metrics`, always plain; empty when `off`.
    pub status_listen: Vec<Listen>,
    /// `declarative_config` or `declarative_config_string`; without either the gateway has no routes.
    pub declarative_config: Option<DocumentSource>,
    /// Where the `acme` plugin keeps account, keys and certificates; made when there is such a plugin.
    pub acme_directory: PathBuf,
    /// `ssl_cert` and `ssl_cert_key`, pairs in order; empty: self-signed, made at start.
    pub ssl_cert: Vec<CertificateFiles>,
    /// OCSP responses in DER, each for one of the certificates that clients are shown.
    pub ssl_stapling_file: Vec<PathBuf>,
    /// `ssl_protocols`, as far as `ssl_cipher_suite` allows: `modern` is TLS 1.3 only.
    pub ssl_protocols: TlsVersions,
    /// `client_ssl`, `client_ssl_cert`, `client_ssl_cert_key`; none when off.
    pub client_ssl: Option<CertificateFiles>,
    /// Trust for the gateway's own calls, and for upstreams unless the next one says otherwise.
    pub lua_ssl_trusted_certificate: Vec<TrustedCertificates>,
    /// How many intermediates such a path may have.
    pub lua_ssl_verify_depth: usize,
    /// Trust for upstreams; empty: `lua_ssl_trusted_certificate`.
    pub nginx_proxy_proxy_ssl_trusted_certificate: Vec<TrustedCertificates>,
    /// How many intermediates an upstream's path may have; none: `lua_ssl_verify_depth`.
    pub nginx_proxy_proxy_ssl_verify_depth: Option<usize>,
    /// Whether an upstream is verified where its service does not say: `tls_certificate_verify`, or
    /// `nginx_proxy_proxy_ssl_verify = on`.
    pub tls_certificate_verify: bool,
    /// Peers whose X-Forwarded-* and real-IP headers count.
    pub trusted_ips: Vec<IpNet>,
    /// The header that names the client's address.
    pub real_ip_header: HeaderName,
    /// Whether trusted addresses in it are skipped.
    pub real_ip_recursive: bool,
    /// Who may carry certificates in headers.
    pub trusted_edges: Vec<EdgeName>,
    /// PEM bundle that an edge's certificate must chain to; there whenever `trusted_edges` is not empty.
    pub trusted_edge_ca: Option<PathBuf>,
    /// Header names beside the known list that a plugin may read from an edge.
    pub trusted_edge_headers: Vec<HeaderName>,
    /// CRLs for the edges.
    pub trusted_edge_revocation_lists: Vec<PathBuf>,
    /// CRLs for the plugins' client certificates.
    pub revocation_lists: Vec<PathBuf>,
    /// What OCSP and CRL fetches may reach although it is loopback, link-local or private.
    pub revocation_allowed_hosts: Vec<AllowedHost>,
    /// The access log.
    pub proxy_access_log: LogTarget,
    /// Where `RUST_LOG` says nothing.
    pub log_level: LevelFilter,
    /// Which headers of ours clients get.
    pub headers: ResponseHeaders,
    /// Whether upstreams get `X-Kong-Request-Id`.
    pub headers_upstream: UpstreamHeaders,
    /// Plugins that the document may use.
    pub plugins: Plugins,
    /// `nginx_http_large_client_header_buffers`.
    pub large_client_header_buffers: HeaderLimits,
    /// `nginx_http_client_max_body_size` in bytes; none: no limit.
    pub client_max_body_size: Option<u64>,
    /// Idle upstream connections kept per pool; 0: none are kept.
    pub upstream_keepalive_pool_size: usize,
    /// Requests per upstream connection; 0: no limit.
    pub upstream_keepalive_max_requests: u64,
    /// How long an upstream connection may be idle; none: for ever.
    pub upstream_keepalive_idle_timeout: Option<Duration>,
    /// SIGTERM: how long requests in flight may take.
    pub drain_timeout: Duration,
    /// SIGTERM: how long the gateway is not ready but still accepts, before it drains.
    pub shutdown_delay: Duration,
    /// How long a tunnel or stream may outlive the credential that opened it.
    pub stream_close_delay: Duration,
}

impl Settings {
    /// Reads the node file, if there is one, and merges the layers. Settings are there, with what could be read, even
    /// beside errors, so that a check can go on; `run` must look at the report first.
    ///
    /// Settings are absent only where the file cannot be read or is no TOML. A file whose name does not end in
    /// `.toml` is in kong.conf's form.
    pub fn load(file: Option<&Path>, environment: &[(String, String)]) -> (Option<Loaded<Self>>, Report) {
        match file.map(|file| (file, transport::layers::read(file))) {
            None => build::settings(None, environment),
            Some((file, Ok(text))) => build::settings(Some((file, &text)), environment),
            Some((_, Err(finding))) => build::unusable(*finding),
        }
    }

    /// Whom an upstream's certificate must chain to, and over how many intermediates, where its service does not
    /// say (decisions: `nginx_proxy_proxy_ssl_*` first, then `lua_ssl_*`).
    pub fn upstream_trust(&self) -> (&[TrustedCertificates], usize) {
        let trusted = match self.nginx_proxy_proxy_ssl_trusted_certificate.as_slice() {
            [] => &self.lua_ssl_trusted_certificate,
            own => own,
        };
        (
            trusted,
            self.nginx_proxy_proxy_ssl_verify_depth
                .unwrap_or(self.lua_ssl_verify_depth),
        )
    }
}

/// One entry of `proxy_listen` or `status_listen`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// The entry as written, white space folded: the `listener` of logs.
    pub name: String,
    /// Where it listens; port 0 lets the kernel choose.
    pub address: SocketAddr,
    /// What is spoken there.
    pub protocol: ListenProtocol,
    /// `reuseport`: one accept queue a core.
    pub reuseport: bool,
    /// `backlog=N`.
    pub backlog: Option<u32>,
}

/// What a listener speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenProtocol {
    /// Plain HTTP/1.
    Http,
    /// `ssl`: TLS with HTTP/1 only.
    Https,
    /// `ssl http2`: TLS with HTTP/1 and HTTP/2, as ALPN says.
    HttpsWithHttp2,
}

impl ListenProtocol {
    /// Whether the entry has `ssl`.
    pub fn is_tls(self) -> bool {
        match self {
            Self::Http => false,
            Self::Https | Self::HttpsWithHttp2 => true,
        }
    }
}

/// Where the declarative document comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum DocumentSource {
    /// `declarative_config`: the extension says whether it is YAML or JSON.
    File(PathBuf),
    /// `declarative_config_string`: YAML or JSON. May hold private keys and is therefore not printed.
    Inline(String),
}

impl std::fmt::Debug for DocumentSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Inline(_) => f.write_str("Inline(..)"),
        }
    }
}

/// A certificate chain and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// PEM chain, leaf first.
    pub certificate: PathBuf,
    /// Where the key of the leaf is.
    pub private_key: KeyReference,
}

/// Protocol versions of `ssl` listeners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsVersions {
    /// TLS 1.2 and 1.3.
    Both,
    /// TLS 1.2 only.
    Tls12Only,
    /// TLS 1.3 only.
    Tls13Only,
}

/// One entry of a list of trusted CAs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrustedCertificates {
    /// `system`: the platform's roots.
    System,
    /// A PEM bundle.
    File(PathBuf),
}

/// Who an edge is: what its client certificate must have beside a path to `trusted_edge_ca`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EdgeName {
    /// `dns:`: a SAN DNS name, kept in lower case, compared without regard to ASCII case; no wildcards.
    Dns(String),
    /// `uri:`: a SAN URI, exact.
    Uri(String),
    /// `sha256:`: the digest of the leaf, pinned.
    Sha256([u8; 32]),
}

/// One entry of `revocation_allowed_hosts`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedHost {
    /// A DNS name, in lower case, exact.
    Name(String),
    /// An address or a network.
    Network(IpNet),
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

/// `headers`: which headers of ours clients get. There is no Server header of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // one switch a header, as Kong has them
pub struct ResponseHeaders {
    /// `Via`, by `server_tokens` or by name.
    pub via: bool,
    /// `X-Kong-Proxy-Latency`, by `latency_tokens` or by name.
    pub proxy_latency: bool,
    /// `X-Kong-Upstream-Latency`, by `latency_tokens` or by name.
    pub upstream_latency: bool,
    /// `X-Kong-Response-Latency`, by `latency_tokens` or by name.
    pub response_latency: bool,
    /// `X-Kong-Upstream-Status`.
    pub upstream_status: bool,
    /// `X-Kong-Request-Id`.
    pub request_id: bool,
}

/// `headers_upstream`: which headers of ours upstreams get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpstreamHeaders {
    /// `X-Kong-Request-Id`.
    pub request_id: bool,
}

/// `plugins`: what the document may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plugins {
    /// Whether `bundled` is among them: every plugin of this gateway.
    pub bundled: bool,
    /// The others, by name, in order.
    pub names: Vec<String>,
}

/// Limits of a request's head, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderLimits {
    /// Longest line.
    pub line: usize,
    /// Longest head.
    pub total: usize,
}
