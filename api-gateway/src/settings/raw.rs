//! The merged layers as they are written.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use transport::private_key::KeyReference;

/// One field a key.
#[derive(Deserialize)]
#[allow(clippy::struct_excessive_bools)] // Kong's switches
pub(super) struct Node {
    pub(super) proxy_listen: Vec<String>,
    pub(super) status_listen: Vec<String>,
    pub(super) admin_listen: String,
    pub(super) database: String,
    pub(super) declarative_config: Option<PathBuf>,
    pub(super) declarative_config_string: Option<String>,
    pub(super) acme_directory: PathBuf,
    pub(super) ssl_cert: Vec<PathBuf>,
    pub(super) ssl_cert_key: Vec<KeyReference>,
    pub(super) ssl_stapling_file: Vec<PathBuf>,
    pub(super) ssl_protocols: String,
    pub(super) ssl_cipher_suite: String,
    pub(super) client_ssl: bool,
    pub(super) client_ssl_cert: Option<PathBuf>,
    pub(super) client_ssl_cert_key: Option<KeyReference>,
    pub(super) lua_ssl_trusted_certificate: Vec<PathBuf>,
    pub(super) lua_ssl_verify_depth: usize,
    pub(super) nginx_proxy_proxy_ssl_trusted_certificate: Vec<PathBuf>,
    pub(super) nginx_proxy_proxy_ssl_verify: Option<bool>,
    pub(super) nginx_proxy_proxy_ssl_verify_depth: Option<usize>,
    pub(super) tls_certificate_verify: bool,
    pub(super) trusted_ips: Vec<String>,
    pub(super) real_ip_header: String,
    pub(super) real_ip_recursive: bool,
    pub(super) trusted_edges: Vec<String>,
    pub(super) trusted_edge_ca: Option<PathBuf>,
    pub(super) trusted_edge_headers: Vec<String>,
    pub(super) trusted_edge_revocation_lists: Vec<PathBuf>,
    pub(super) revocation_lists: Vec<PathBuf>,
    pub(super) revocation_allowed_hosts: Vec<String>,
    pub(super) proxy_access_log: PathBuf,
    pub(super) log_level: Level,
    pub(super) headers: Vec<String>,
    pub(super) headers_upstream: Vec<String>,
    pub(super) plugins: Vec<String>,
    pub(super) nginx_http_large_client_header_buffers: String,
    pub(super) nginx_http_client_max_body_size: String,
    pub(super) upstream_keepalive_pool_size: usize,
    pub(super) upstream_keepalive_max_requests: u64,
    pub(super) upstream_keepalive_idle_timeout: u64,
    pub(super) drain_timeout: Duration,
    pub(super) shutdown_delay: Duration,
    pub(super) stream_close_delay: Duration,
}

/// Kong's log levels, which are nginx'.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    Debug,
    Info,
    Notice,
    Warn,
    Error,
    Crit,
    Alert,
    Emerg,
}
