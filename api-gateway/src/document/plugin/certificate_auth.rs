//! `mtls-auth` and `header-cert-auth`: one configuration, two sources of the certificate.

mod fetching;

use std::time::Duration;

use http::HeaderName;
use uuid::Uuid;

use self::fetching::{milliseconds, read_fetching, read_proxy, read_revocation, seconds};
use super::named_consumer::{NamedConsumer, anonymous, named_consumer};
use crate::document::entity;
use crate::document::entries::Collection;
use crate::document::fields::Fields;
use crate::document::reader::At;
use crate::document::rule;
use crate::document::tree::{Located, Value};

/// What both plugins have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateAuth {
    /// Whom this plugin trusts: ids of [`crate::document::Document::ca_certificates`]; never empty.
    pub ca_certificates: Vec<Located<Uuid>>,
    /// Whether the certificate alone is enough, without a consumer.
    pub skip_consumer_lookup: bool,
    /// What becomes the authenticated group when the lookup is skipped.
    pub authenticated_group_by: Option<AuthenticatedGroupBy>,
    /// Which of a consumer's names are compared, in the order of trying; empty for neither.
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

const GROUP_BY: &[(&str, AuthenticatedGroupBy)] = &[
    ("CN", AuthenticatedGroupBy::CommonName),
    ("DN", AuthenticatedGroupBy::DistinguishedName),
];

const CONSUMER_BY: &[(&str, ConsumerBy)] = &[
    ("username", ConsumerBy::Username),
    ("custom_id", ConsumerBy::CustomId),
];

const HEADER_FORMAT: &[(&str, CertificateHeaderFormat)] = &[
    ("base64_encoded", CertificateHeaderFormat::Base64Encoded),
    ("url_encoded", CertificateHeaderFormat::UrlEncoded),
];

/// How other terminators write a certificate. Refused by name, so that nobody looks for a spelling mistake.
const FORMATS_TO_COME: [&str; 10] = [
    "alb",
    "rfc9440",
    "xfcc",
    "nginx",
    "traefik",
    "haproxy",
    "cloudflare",
    "gcp",
    "azure",
    "cloudfront",
];

const COMMON_NAME: &[(&str, CommonNameUse)] = &[
    ("without_san", CommonNameUse::WithoutSan),
    ("always", CommonNameUse::Always),
];

pub(super) fn read_mtls_auth(at: At<'_>) -> Option<MtlsAuthConfig> {
    let mut fields = Fields::open(at)?;
    let auth = read(&mut fields);
    let send_ca_dn = fields.or("send_ca_dn", false, rule::boolean);
    let san_dirname_matcher = fields.or(
        "san_dirname_matcher",
        Vec::new(),
        rule::list(rule::located(rule::text)),
    );
    fields.close();
    Some(MtlsAuthConfig {
        auth: auth?,
        send_ca_dn,
        san_dirname_matcher,
    })
}

pub(super) fn read_header_cert_auth(at: At<'_>) -> Option<HeaderCertAuthConfig> {
    let mut fields = Fields::open(at)?;
    let auth = read(&mut fields);
    let certificate_header_name =
        fields.required("certificate_header_name", rule::located(rule::header_name));
    let certificate_header_format = fields.required("certificate_header_format", header_format);
    let unset = at.located(true);
    let secure_source = fields.or("secure_source", unset, rule::located(rule::boolean));
    fields.close();
    Some(HeaderCertAuthConfig {
        auth: auth?,
        certificate_header_name: certificate_header_name?,
        certificate_header_format: certificate_header_format?,
        secure_source,
    })
}

fn read(fields: &mut Fields<'_>) -> Option<CertificateAuth> {
    let ca_certificates = fields.required("ca_certificates", ca_certificates);
    let skip_consumer_lookup = fields.or("skip_consumer_lookup", false, rule::boolean);
    let authenticated_group_by = read_group_by(fields);
    let consumer_by = read_consumer_by(fields);
    let default_consumer = fields.optional(
        "default_consumer",
        rule::located(named_consumer("a certificate that matches nobody is refused")),
    );
    let anonymous = anonymous(fields);
    let allow_partial_chain = fields.or("allow_partial_chain", false, rule::boolean);
    let revocation_check_mode = read_revocation(fields);
    let cache_ttl = fields.or("cache_ttl", Duration::from_mins(1), seconds);
    let common_name = fields.or(
        "common_name",
        CommonNameUse::WithoutSan,
        rule::one_of(COMMON_NAME),
    );

    let http_timeout = read_fetching(fields, "http_timeout", Duration::from_secs(30), milliseconds);
    let cert_cache_ttl = read_fetching(fields, "cert_cache_ttl", Duration::from_mins(1), milliseconds);
    let http_proxy = read_proxy(fields, "http_proxy_host", "http_proxy_port");
    let https_proxy = read_proxy(fields, "https_proxy_host", "https_proxy_port");
    let ssl_verify = read_fetching(fields, "ssl_verify", true, rule::boolean);
    Some(CertificateAuth {
        ca_certificates: ca_certificates?,
        skip_consumer_lookup,
        authenticated_group_by,
        consumer_by,
        default_consumer,
        anonymous,
        allow_partial_chain,
        revocation_check_mode,
        http_timeout,
        cert_cache_ttl,
        cache_ttl,
        http_proxy,
        https_proxy,
        ssl_verify,
        common_name,
    })
}

fn ca_certificates(at: At<'_>) -> Option<Vec<Located<Uuid>>> {
    if matches!(&at.node.value, Value::List(nodes) if nodes.is_empty()) {
        return at.refuse("invalid-value", "length must be at least 1");
    }
    rule::list(entity::id_of(Collection::CaCertificates, "ca_certificates"))(at)
}

/// Absent means the common name, but a written null means that there is no group.
fn read_group_by(fields: &mut Fields<'_>) -> Option<AuthenticatedGroupBy> {
    let is_written = fields.is_written("authenticated_group_by");
    let group_by = fields.optional("authenticated_group_by", rule::one_of(GROUP_BY));
    if is_written {
        group_by
    } else {
        Some(AuthenticatedGroupBy::CommonName)
    }
}

/// The order of trying is fixed, whatever the order in the list; a written null matches nobody, like an empty list.
fn read_consumer_by(fields: &mut Fields<'_>) -> Vec<ConsumerBy> {
    const ALL: [ConsumerBy; 2] = [ConsumerBy::Username, ConsumerBy::CustomId];
    let default = if fields.is_written("consumer_by") {
        Vec::new()
    } else {
        ALL.to_vec()
    };
    let listed = fields.or("consumer_by", default, rule::list(rule::one_of(CONSUMER_BY)));
    ALL.into_iter().filter(|name| listed.contains(name)).collect()
}

fn header_format(at: At<'_>) -> Option<CertificateHeaderFormat> {
    let known = |name: &&&str| matches!(&at.node.value, Value::Text(text) if **text == ***name);
    match FORMATS_TO_COME.iter().find(known) {
        Some(name) => at.refuse(
            "not-yet",
            format!("the format '{name}' is not built yet: expected one of: base64_encoded, url_encoded"),
        ),
        None => rule::one_of(HEADER_FORMAT)(at),
    }
}
