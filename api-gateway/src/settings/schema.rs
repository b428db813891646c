//! Every key of the gateway's node settings, with its kind and its default.

use transport::layers::Kind::{List, One};
use transport::layers::Scalar::{Boolean, Duration, Integer, Path, PrivateKey, Text, Word};
use transport::layers::{Key, Scalar};

const FILE: Scalar = Path { words: &[] };
const CAS: Scalar = Path { words: &["system"] };
const COUNT: Scalar = Integer {
    least: 0,
    most: i64::MAX,
};
const DEPTH: Scalar = Integer { least: 0, most: 100 };

/// A second to a year; 0 is for ever.
const SECONDS: Scalar = Integer {
    least: 0,
    most: 366 * 24 * 3600,
};

/// Kong's words, which are nginx'.
const LEVELS: Scalar = Word(&[
    "debug", "info", "notice", "warn", "error", "crit", "alert", "emerg",
]);

/// The flat keys.
pub(super) const KEYS: &[Key] = &[
    Key::or(
        "proxy_listen",
        List(Text),
        "127.0.0.1:8000, 127.0.0.1:8443 ssl http2",
    ),
    Key::or("status_listen", List(Text), "127.0.0.1:8007"),
    Key::or("admin_listen", One(Text), "off"),
    Key::or("database", One(Text), "off"),
    Key::optional("declarative_config", One(FILE)),
    Key::optional("declarative_config_string", One(Text)),
    Key::or("acme_directory", One(FILE), "/var/lib/api-gateway/acme"),
    Key::or("ssl_cert", List(FILE), ""),
    Key::or("ssl_cert_key", List(PrivateKey), ""),
    Key::or("ssl_stapling_file", List(FILE), ""),
    Key::or("ssl_protocols", One(Text), "TLSv1.2 TLSv1.3"),
    Key::or("ssl_cipher_suite", One(Text), "intermediate"),
    Key::or("client_ssl", One(Boolean), "off"),
    Key::optional("client_ssl_cert", One(FILE)),
    Key::optional("client_ssl_cert_key", One(PrivateKey)),
    Key::or("lua_ssl_trusted_certificate", List(CAS), "system"),
    Key::or("lua_ssl_verify_depth", One(DEPTH), "1"),
    Key::or("nginx_proxy_proxy_ssl_trusted_certificate", List(CAS), ""),
    Key::optional("nginx_proxy_proxy_ssl_verify", One(Boolean)),
    Key::optional("nginx_proxy_proxy_ssl_verify_depth", One(DEPTH)),
    Key::or("tls_certificate_verify", One(Boolean), "on"),
    Key::or("trusted_ips", List(Text), ""),
    Key::or("real_ip_header", One(Text), "X-Real-IP"),
    Key::or("real_ip_recursive", One(Boolean), "off"),
    Key::or("trusted_edges", List(Text), ""),
    Key::optional("trusted_edge_ca", One(FILE)),
    Key::or("trusted_edge_headers", List(Text), ""),
    Key::or("trusted_edge_revocation_lists", List(FILE), ""),
    Key::or("revocation_lists", List(FILE), ""),
    Key::or("revocation_allowed_hosts", List(Text), ""),
    Key::or(
        "proxy_access_log",
        One(Path {
            words: &["off", "stdout"],
        }),
        "stdout",
    ),
    Key::or("log_level", One(LEVELS), "info"),
    Key::or(
        "headers",
        List(Text),
        "server_tokens, latency_tokens, X-Kong-Request-Id",
    ),
    Key::or("headers_upstream", List(Text), "X-Kong-Request-Id"),
    Key::or("plugins", List(Text), "bundled"),
    Key::or("nginx_http_large_client_header_buffers", One(Text), "4 16k"),
    Key::or("nginx_http_client_max_body_size", One(Text), "0"),
    Key::or("upstream_keepalive_pool_size", One(COUNT), "512"),
    Key::or("upstream_keepalive_max_requests", One(COUNT), "10000"),
    Key::or("upstream_keepalive_idle_timeout", One(SECONDS), "60"),
    Key::or("drain_timeout", One(Duration), "30s"),
    Key::or("shutdown_delay", One(Duration), "0s"),
    Key::or("stream_close_delay", One(Duration), "10s"),
];
