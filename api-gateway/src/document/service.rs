//! `services`: where requests go.

mod url;

use std::time::Duration;

use uuid::Uuid;

use super::entity::{self, Entity};
use super::entries::Collection;
use super::fields::Fields;
use super::reader::At;
use super::tree::{Located, Place};
use super::{host, name, path, rule};

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

const HTTP_OR_HTTPS: &[(&str, Option<ServiceProtocol>)] = &[
    ("http", Some(ServiceProtocol::Http)),
    ("https", Some(ServiceProtocol::Https)),
    ("grpc", None),
    ("grpcs", None),
    ("tcp", None),
    ("tls", None),
    ("tls_passthrough", None),
    ("udp", None),
    ("ws", None),
    ("wss", None),
];

const TIMEOUT: std::ops::RangeInclusive<i64> = 1..=2_147_483_646;
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(1);

pub(super) fn read(mut entity: Entity<'_>) -> Option<Service> {
    let client_certificate = entity.optional_reference("client_certificate", Collection::Certificates);
    let tags = entity.tags();
    let (mut fields, place, id) = entity.parts();

    let name = fields.optional("name", name::name);
    let address = url::read(&mut fields).unwrap_or_else(|| address(&mut fields));
    let retries = fields.or("retries", 5, rule::between(0..=32_767));
    let connect_timeout = fields.or("connect_timeout", DEFAULT_TIMEOUT, rule::milliseconds(TIMEOUT));
    let write_timeout = fields.or("write_timeout", DEFAULT_TIMEOUT, rule::milliseconds(TIMEOUT));
    let read_timeout = fields.or("read_timeout", DEFAULT_TIMEOUT, rule::milliseconds(TIMEOUT));
    let tls_verify = fields.optional("tls_verify", rule::located(rule::boolean));
    let tls_verify_depth = fields.optional("tls_verify_depth", rule::located(rule::between(0..=64)));
    let ca_certificates = fields.optional(
        "ca_certificates",
        rule::list(entity::id_of(Collection::CaCertificates, "ca_certificates")),
    );
    let tls_sans = fields.or("tls_sans", TlsSans::default(), tls_sans);
    let enabled = fields.or("enabled", true, rule::boolean);

    if address
        .protocol
        .is_some_and(|protocol| protocol.value == ServiceProtocol::Http)
    {
        if client_certificate.is_some() {
            only_over_tls(&fields, "client_certificate");
        }
        for field in ["tls_verify", "tls_verify_depth", "ca_certificates"] {
            if fields.has(field) {
                only_over_tls(&fields, field);
            }
        }
    }
    fields.close();
    Some(Service {
        id: id?,
        place,
        name,
        protocol: address.protocol?,
        host: address.host?,
        port: address.port,
        path: address.path,
        retries,
        connect_timeout,
        write_timeout,
        read_timeout,
        client_certificate,
        tls_verify,
        tls_verify_depth,
        ca_certificates,
        tls_sans,
        enabled,
        tags,
    })
}

/// Where the service is; what is not known was refused.
struct Address {
    protocol: Option<Located<ServiceProtocol>>,
    host: Option<Located<String>>,
    port: u16,
    path: Option<String>,
}

fn address(fields: &mut Fields<'_>) -> Address {
    let default = Located {
        value: ServiceProtocol::Http,
        place: fields.at.node.place,
    };
    let protocol = if fields.has("protocol") {
        fields.optional("protocol", rule::located(protocol))
    } else {
        fields.ignored("protocol");
        Some(default)
    };
    Address {
        protocol,
        host: fields.required("host", rule::located(host::host)),
        port: fields.or("port", 80, rule::port),
        path: fields.optional("path", path::service_path),
    }
}

fn protocol(at: At<'_>) -> Option<ServiceProtocol> {
    rule::one_of(HTTP_OR_HTTPS)(at)?
        .or_else(|| at.refuse("unsupported-value", "only http and https are supported yet"))
}

fn tls_sans(at: At<'_>) -> Option<TlsSans> {
    let mut fields = Fields::open(at)?;
    let dnsnames = fields.or("dnsnames", Vec::new(), rule::list(rule::located(rule::text)));
    let uris = fields.or("uris", Vec::new(), rule::list(rule::located(rule::text)));
    fields.close();
    Some(TlsSans { dnsnames, uris })
}

fn only_over_tls(fields: &Fields<'_>, name: &'static str) {
    fields.refuse::<()>(
        name,
        "must-be-null",
        "value must be null (failed conditional validation given value of field 'protocol')",
    );
}
