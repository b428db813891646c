//! `mtls-auth` and `header-cert-auth`: one configuration, two sources of the certificate.

use std::time::Duration;

use http::HeaderName;
use uuid::Uuid;

use crate::document::tree::Located;

/// What both plugins have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateAuth {
    /// Whom this plugin trusts: ids of [`crate::document::Document::ca_certificates`]; never empty.
    pub ca_certificates: Vec<Located<Uuid>>,
    /// Whether the certificate alone is enough, without a consumer.
    pub skip_consumer_lookup: bool,
    /// What becomes the authenticated group when the lookup is skipped.
    pub authenticated_group_by: Option<AuthenticatedGroupBy>,
    /// Which of a consumer's names are compared, in this plugin's own order of trying; empty for neither.
    pub consumer_by: Vec<ConsumerBy>,
    /// Who a trusted certificate that matches nobody stands for.
    pub default_consumer: Option<Located<NamedConsumer>>,
    /// Who a request is made for when authentication fails.
    pub anonymous: Option<Located<NamedConsumer>>,
    /// Whether a listed intermediate may end a path.
    pub allow_partial_chain: bool,
    /// How revocation is judged.
    pub revocation_check_mode: RevocationCheckMode,
    /// Budget of a fetch of revocation data.
    pub http_timeout: Duration,
    /// How long a revocation status is remembered.
    pub cert_cache_ttl: Duration,
    /// How long a credential lookup is remembered.
    pub cache_ttl: Duration,
    /// Proxy for fetches over http.
    pub http_proxy: Option<ProxyAddress>,
    /// Proxy for fetches over https.
    pub https_proxy: Option<ProxyAddress>,
    /// Whether hosts of revocation data are verified.
    pub ssl_verify: bool,
    /// Whether a common name counts beside a SAN (ours, not Kong's).
    pub common_name: CommonNameUse,
}

/// The configuration of `mtls-auth`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MtlsAuthConfig {
    /// What it shares with `header-cert-auth`.
    pub auth: CertificateAuth,
    /// Whether the handshake names the trusted CAs.
    pub send_ca_dn: bool,
    /// Which attributes of a SAN directory name are compared; empty for all.
    pub san_dirname_matcher: Vec<Located<String>>,
}

/// The configuration of `header-cert-auth`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderCertAuthConfig {
    /// What it shares with `mtls-auth`.
    pub auth: CertificateAuth,
    /// The header that carries the certificate.
    pub certificate_header_name: Located<HeaderName>,
    /// How the certificate is written there.
    pub certificate_header_format: CertificateHeaderFormat,
    /// Whether the header counts only from a trusted source.
    pub secure_source: Located<bool>,
}

/// `authenticated_group_by`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuthenticatedGroupBy {
    /// The common name.
    CommonName,
    /// The whole subject.
    DistinguishedName,
}

/// `consumer_by`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConsumerBy {
    /// The username.
    Username,
    /// The custom id.
    CustomId,
}

/// A consumer that a configuration names by id or username.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedConsumer {
    /// What was written.
    pub text: String,
    /// Who that is: an id of [`crate::document::Document::consumers`]; `None` if there is none (Kong answers 500 then).
    pub consumer: Option<Uuid>,
}

/// `revocation_check_mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RevocationCheckMode {
    /// Nothing is checked.
    Skip,
    /// What is known counts, what cannot be known does not.
    IgnoreCaError,
    /// What is not known to be good is refused.
    Strict,
}

/// `http_proxy_host` and `http_proxy_port`, or their `https` brothers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyAddress {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// `common_name`: our own field (the common name beside a SAN, which Kong's pages and practice disagree about).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CommonNameUse {
    /// Only in a certificate without a SAN extension.
    WithoutSan,
    /// After the SANs, whether there are any or not.
    Always,
}

/// `certificate_header_format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CertificateHeaderFormat {
    /// Base64 of the DER, without BEGIN and END lines.
    Base64Encoded,
    /// Percent-encoded PEM.
    UrlEncoded,
}
