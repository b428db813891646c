//! The merged layers as they are written: required keys may be absent, because what is wrong was reported and left out.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use transport::private_key::KeyReference;

use super::{Stapling, XffHeaderProcessing};

#[derive(Deserialize)]
pub(super) struct Node {
    pub(super) drain_timeout: Duration,
    pub(super) shutdown_delay: Duration,
    pub(super) revocation_allowed_hosts: Vec<String>,
    #[serde(default)]
    pub(super) listeners: BTreeMap<String, Listener>,
    #[serde(default)]
    pub(super) target_groups: BTreeMap<String, TargetGroup>,
    pub(super) admin: Admin,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Protocol {
    Https,
    Http,
    Tcp,
}

impl Protocol {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
            Self::Tcp => "tcp",
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Listener {
    pub(super) address: Option<String>,
    pub(super) protocol: Option<Protocol>,
    pub(super) target_group: Option<String>,
    pub(super) strip_headers: Vec<String>,
    pub(super) tls: Option<ListenerTls>,
    pub(super) mutual_authentication: MutualAuthentication,
    pub(super) attributes: Attributes,
}

#[derive(Deserialize)]
pub(super) struct ListenerTls {
    #[serde(flatten)]
    pub(super) files: CertificateFiles,
    pub(super) additional_certificates: Vec<CertificateFiles>,
    pub(super) stapling: Stapling,
    pub(super) stapling_files: Vec<PathBuf>,
    pub(super) security_policy: String,
    pub(super) acme: Option<Acme>,
}

impl ListenerTls {
    /// Whether a key of it says what is shown.
    pub(super) fn shows_something(&self) -> bool {
        let CertificateFiles {
            certificate,
            private_key,
        } = &self.files;
        certificate.is_some() || private_key.is_some() || self.acme.is_some()
    }
}

#[derive(Deserialize)]
pub(super) struct Acme {
    pub(super) directory_url: Option<String>,
    pub(super) terms_of_service_agreed: bool,
    pub(super) contact: Option<String>,
    pub(super) domains: Option<Vec<String>>,
    pub(super) directory: Option<PathBuf>,
    pub(super) challenge: Challenge,
    pub(super) trust_store: Option<PathBuf>,
    pub(super) external_account_key_id: Option<String>,
    pub(super) external_account_hmac_key: Option<PathBuf>,
    pub(super) key_algorithm: KeyAlgorithm,
    pub(super) renew_before: Duration,
    pub(super) retry_after: Duration,
}

#[derive(Clone, Copy, Deserialize)]
pub(super) enum Challenge {
    #[serde(rename = "http-01")]
    Http01,
    #[serde(rename = "tls-alpn-01")]
    TlsAlpn01,
}

#[derive(Clone, Copy, Deserialize)]
pub(super) enum KeyAlgorithm {
    #[serde(rename = "EC_prime256v1")]
    EcPrime256v1,
    #[serde(rename = "RSA_2048")]
    Rsa2048,
    #[serde(rename = "RSA_3072")]
    Rsa3072,
    #[serde(rename = "RSA_4096")]
    Rsa4096,
}

#[derive(Deserialize)]
pub(super) struct CertificateFiles {
    pub(super) certificate: Option<PathBuf>,
    pub(super) private_key: Option<KeyReference>,
}

#[derive(Deserialize)]
pub(super) struct MutualAuthentication {
    pub(super) mode: Mode,
    pub(super) trust_store: Option<PathBuf>,
    pub(super) revocation_lists: Vec<PathBuf>,
    pub(super) ignore_client_certificate_expiry: bool,
    pub(super) advertise_trust_store_ca_names: bool,
    pub(super) max_chain_depth: usize,
    pub(super) header_format: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Mode {
    Off,
    Passthrough,
    Verify,
}

#[derive(Deserialize)]
pub(super) struct Attributes {
    #[serde(rename = "routing.http.xff_header_processing.mode")]
    pub(super) xff_header_processing: XffHeaderProcessing,
    #[serde(rename = "routing.http.preserve_host_header.enabled")]
    pub(super) preserve_host_header: bool,
    #[serde(rename = "routing.http.drop_invalid_header_fields.enabled")]
    pub(super) drop_invalid_header_fields: bool,
    #[serde(rename = "routing.http.x_amzn_tls_version_and_cipher_suite.enabled")]
    pub(super) tls_version_and_cipher_suite: bool,
    #[serde(rename = "idle_timeout.timeout_seconds")]
    pub(super) idle_timeout: u64,
    #[serde(rename = "client_keep_alive.seconds")]
    pub(super) client_keep_alive: u64,
    #[serde(flatten)]
    pub(super) later: BTreeMap<String, serde_json::Value>,
}

#[derive(Deserialize)]
pub(super) struct TargetGroup {
    pub(super) protocol: Option<Protocol>,
    pub(super) targets: Option<Vec<String>>,
    pub(super) send_proxy_protocol: bool,
    pub(super) tls: Option<TargetTls>,
}

#[derive(Deserialize)]
pub(super) struct TargetTls {
    #[serde(flatten)]
    pub(super) files: CertificateFiles,
    pub(super) trust_store: Option<PathBuf>,
    pub(super) server_name: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Admin {
    pub(super) address: String,
    pub(super) connection_log: PathBuf,
    pub(super) access_log: PathBuf,
}
