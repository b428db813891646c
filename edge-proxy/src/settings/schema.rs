//! Every key of the edge's node file, with its kind and its default.

use transport::layers::Kind::{Dotted, List, Named, One, Table, Tables};
use transport::layers::Scalar::{Boolean, Duration, Integer, Path, PrivateKey, Text, Word};
use transport::layers::{Key, Scalar};

const FILE: Scalar = Path { words: &[] };
const LOG: Scalar = Path {
    words: &["off", "stdout"],
};

/// The file's top level.
pub(super) const KEYS: &[Key] = &[
    Key::or("drain_timeout", One(Duration), "30s"),
    Key::or("shutdown_delay", One(Duration), "0s"),
    Key::required("listeners", Named(LISTENER)),
    Key::required("target_groups", Named(TARGET_GROUP)),
    Key::optional("admin", Table(ADMIN)),
];

const LISTENER: &[Key] = &[
    Key::required("address", One(Text)),
    Key::required("protocol", One(Word(&["https", "http", "tcp"]))),
    Key::required("target_group", One(Text)),
    Key::or("strip_headers", List(Text), ""),
    Key::optional("tls", Table(LISTENER_TLS)),
    Key::optional("mutual_authentication", Table(MUTUAL_AUTHENTICATION)),
    Key::optional("attributes", Dotted(ATTRIBUTES)),
];

const LISTENER_TLS: &[Key] = &[
    // Required unless there is an `acme`.
    Key::optional("certificate", One(FILE)),
    Key::optional("private_key", One(PrivateKey)),
    Key::optional("acme", Table(ACME)),
    Key::optional(
        "additional_certificates",
        Tables(&[
            Key::required("certificate", One(FILE)),
            Key::required("private_key", One(PrivateKey)),
        ]),
    ),
    Key::or("stapling_files", List(FILE), ""),
    Key::or("security_policy", One(Text), "1.2"),
];

const ACME: &[Key] = &[
    Key::required("directory_url", One(Text)),
    Key::or("terms_of_service_agreed", One(Boolean), "false"),
    Key::optional("contact", One(Text)),
    Key::required("domains", List(Text)),
    Key::required("directory", One(FILE)),
    Key::or("challenge", One(Word(&["http-01", "tls-alpn-01"])), "tls-alpn-01"),
    Key::optional("trust_store", One(FILE)),
    Key::optional("external_account_key_id", One(Text)),
    Key::optional("external_account_hmac_key", One(FILE)),
    // The words of AWS Certificate Manager.
    Key::or(
        "key_algorithm",
        One(Word(&["EC_prime256v1", "RSA_2048", "RSA_3072", "RSA_4096"])),
        "EC_prime256v1",
    ),
    Key::or("renew_before", One(Duration), "14d"),
    Key::or("retry_after", One(Duration), "5m"),
];

const MUTUAL_AUTHENTICATION: &[Key] = &[
    Key::or("mode", One(Word(&["off", "passthrough", "verify"])), "off"),
    Key::optional("trust_store", One(FILE)),
    Key::or("revocation_lists", List(FILE), ""),
    Key::or("ignore_client_certificate_expiry", One(Boolean), "false"),
    Key::or("advertise_trust_store_ca_names", One(Boolean), "false"),
    Key::or("max_chain_depth", One(Integer { least: 1, most: 8 }), "4"),
    Key::or("header_format", One(Text), "alb"),
];

/// ELB's attributes: first those that this edge has, then [`later_attributes`].
const ATTRIBUTES: &[Key] = &[
    Key::or(
        "routing.http.xff_header_processing.mode",
        One(Word(&["append", "preserve", "remove"])),
        "append",
    ),
    Key::or("routing.http.preserve_host_header.enabled", One(Boolean), "false"),
    Key::or(
        "routing.http.drop_invalid_header_fields.enabled",
        One(Boolean),
        "false",
    ),
    Key::or(
        "routing.http.x_amzn_tls_version_and_cipher_suite.enabled",
        One(Boolean),
        "false",
    ),
    Key::or(
        "idle_timeout.timeout_seconds",
        One(Integer { least: 1, most: 4000 }),
        "60",
    ),
    Key::or(
        "client_keep_alive.seconds",
        One(Integer {
            least: 60,
            most: 604_800,
        }),
        "3600",
    ),
    Key::or(
        "routing.http.desync_mitigation_mode",
        One(Word(&["defensive", "strictest"])),
        "defensive",
    ),
    Key::or("routing.http.xff_client_port.enabled", One(Boolean), "false"),
    Key::or("routing.http2.enabled", One(Boolean), "true"),
    rename(
        "routing.http.request.x_amzn_mtls_clientcert.header_name",
        "X-Amzn-Mtls-Clientcert",
    ),
    rename(
        "routing.http.request.x_amzn_mtls_clientcert_serial_number.header_name",
        "X-Amzn-Mtls-Clientcert-Serial-Number",
    ),
    rename(
        "routing.http.request.x_amzn_mtls_clientcert_issuer.header_name",
        "X-Amzn-Mtls-Clientcert-Issuer",
    ),
    rename(
        "routing.http.request.x_amzn_mtls_clientcert_subject.header_name",
        "X-Amzn-Mtls-Clientcert-Subject",
    ),
    rename(
        "routing.http.request.x_amzn_mtls_clientcert_validity.header_name",
        "X-Amzn-Mtls-Clientcert-Validity",
    ),
    rename(
        "routing.http.request.x_amzn_mtls_clientcert_leaf.header_name",
        "X-Amzn-Mtls-Clientcert-Leaf",
    ),
    rename(
        "routing.http.request.x_amzn_tls_version.header_name",
        "X-Amzn-Tls-Version",
    ),
    rename(
        "routing.http.request.x_amzn_tls_cipher_suite.header_name",
        "X-Amzn-Tls-Cipher-Suite",
    ),
];

/// How many of [`ATTRIBUTES`] are built.
const BUILT: usize = 6;

/// Attributes that a listener reads only if it sees requests.
pub(super) fn request_attributes() -> impl Iterator<Item = &'static str> {
    ATTRIBUTES
        .iter()
        .map(|key| key.name)
        .filter(|name| *name != "idle_timeout.timeout_seconds")
}

/// Attributes that are accepted at their default only, until they are built.
pub(super) fn later_attributes() -> impl Iterator<Item = &'static Key> {
    ATTRIBUTES.iter().skip(BUILT)
}

const fn rename(name: &'static str, default: &'static str) -> Key {
    Key::or(name, One(Text), default)
}

const TARGET_GROUP: &[Key] = &[
    Key::required("protocol", One(Word(&["https", "http", "tcp"]))),
    Key::required("targets", List(Text)),
    Key::or("send_proxy_protocol", One(Boolean), "false"),
    Key::optional("tls", Table(TARGET_TLS)),
];

const TARGET_TLS: &[Key] = &[
    Key::optional("certificate", One(FILE)),
    Key::optional("private_key", One(PrivateKey)),
    Key::required("trust_store", One(FILE)),
    Key::required("server_name", One(Text)),
];

const ADMIN: &[Key] = &[
    Key::or("address", One(Text), "off"),
    Key::or("connection_log", One(LOG), "off"),
    Key::or("access_log", One(LOG), "off"),
];
