//! `upstreams` and `targets`: several servers behind one name.
//!
//! The balancer takes turns by weight. What would choose or drop a target by another rule is refused where it is written:
//! a target that is believed healthy because nobody looks, or a client that is sent elsewhere than its hash says, are
//! differences that nobody would see in a log.

mod healthchecks;

use uuid::Uuid;

use super::entity::Entity;
use super::entries::Collection;
use super::fields::Fields;
use super::reader::{At, Context};
use super::tree::{Located, Place};
use super::{host, id, path, rule};

/// A name that services may have as their host, with the targets behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// The id, given or derived from the name.
    pub id: Uuid,
    /// Where the entity begins.
    pub place: Place,
    /// The unique name.
    pub name: String,
    /// Sent as `Host` instead of the target's own name; with or without a port.
    pub host_header: Option<Located<String>>,
    /// The certificate shown to the targets, unless the service has one: an id of [`super::Document::certificates`].
    pub client_certificate: Option<Located<Uuid>>,
    /// Labels.
    pub tags: Vec<String>,
}

/// One server of an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The id, given or derived from upstream and address.
    pub id: Uuid,
    /// Where the entity begins.
    pub place: Place,
    /// The upstream: an id of [`super::Document::upstreams`].
    pub upstream: Uuid,
    /// Host name or address.
    pub host: Located<String>,
    /// TCP port.
    pub port: u16,
    /// Its share of the requests; 0 takes none.
    pub weight: u16,
    /// Labels.
    pub tags: Vec<String>,
}

const DEFAULT_PORT: u16 = 8000;

const ALGORITHMS: &[(&str, Option<()>)] = &[
    ("consistent-hashing", None),
    ("least-connections", None),
    ("round-robin", Some(())),
    ("latency", None),
];

const HASH_INPUTS: &[(&str, Option<()>)] = &[
    ("none", Some(())),
    ("consumer", None),
    ("ip", None),
    ("header", None),
    ("cookie", None),
    ("path", None),
    ("query_arg", None),
    ("uri_capture", None),
];

/// Where a hash would be taken from; without one they say nothing.
const HASH_DETAILS: [&str; 7] = [
    "hash_on_header",
    "hash_fallback_header",
    "hash_on_cookie",
    "hash_on_query_arg",
    "hash_fallback_query_arg",
    "hash_on_uri_capture",
    "hash_fallback_uri_capture",
];

pub(super) fn read(mut entity: Entity<'_>) -> Option<Upstream> {
    let client_certificate = entity.optional_reference("client_certificate", Collection::Certificates);
    let tags = entity.tags();
    let (mut fields, place, id) = entity.parts();
    let name = fields.required("name", host::upstream_name);
    let host_header = fields.optional("host_header", rule::located(host::host_with_port));
    // The size of Kong's ring. Turns by weight are exact here without one.
    fields.optional("slots", rule::between::<u32>(10..=65_536));
    fields.optional("algorithm", algorithm);
    for input in ["hash_on", "hash_fallback"] {
        fields.optional(input, no_hash);
    }
    for detail in HASH_DETAILS {
        fields.absent(detail, "unsupported-field", NO_HASHING);
    }
    fields.optional("hash_on_cookie_path", path::service_path);
    fields.optional("use_srv_name", no_srv_name);
    fields.optional("healthchecks", healthchecks::none);
    fields.close();
    Some(Upstream {
        id: id?,
        place,
        name: name?,
        host_header,
        client_certificate,
        tags,
    })
}

pub(super) fn read_target(mut entity: Entity<'_>, context: &Context<'_>) -> Option<Target> {
    let upstream = entity.reference("upstream", Collection::Upstreams);
    let tags = entity.tags();
    let (mut fields, place, id) = entity.parts();
    let target = fields.required("target", address);
    let weight = fields.or("weight", 100, rule::between(0..=65_535));
    let at = fields.at;
    fields.close();
    let (upstream, (host, port)) = (upstream?.value, target?);
    let text = format!("{}:{port}", host.value);
    let derived = id::of_parts(Collection::Targets, &[&upstream.to_string(), &text]);
    context.unique_parts(
        Collection::Targets,
        format_args!("target '{text}' of this upstream"),
        derived,
        at,
    );
    Some(Target {
        id: id.unwrap_or(derived),
        place,
        upstream,
        host,
        port,
        weight,
        tags,
    })
}

fn address(at: At<'_>) -> Option<(Located<String>, u16)> {
    let text = rule::text(at)?;
    match host::split(&text) {
        Some((host, port)) => Some((at.located(host), port.unwrap_or(DEFAULT_PORT))),
        None => at.refuse(
            "invalid-value",
            format!("Invalid target ('{text}'); not a valid hostname or ip address"),
        ),
    }
}

const NO_HASHING: &str = "targets take turns by weight: choosing one by a hash is not built";

fn algorithm(at: At<'_>) -> Option<()> {
    rule::one_of(ALGORITHMS)(at)?.or_else(|| {
        at.refuse_with(
            "unsupported-value",
            "targets take turns by weight: another algorithm is not built",
            "write round-robin",
        )
    })
}

fn no_hash(at: At<'_>) -> Option<()> {
    rule::one_of(HASH_INPUTS)(at)?.or_else(|| at.refuse_with("unsupported-value", NO_HASHING, "write none"))
}

fn no_srv_name(at: At<'_>) -> Option<()> {
    if rule::boolean(at)? {
        return at.refuse(
            "unsupported-value",
            "SRV records are not looked up, so there is no name of theirs to send as Host",
        );
    }
    Some(())
}

/// A record of which every field is read by its rule and nothing is kept.
fn record(at: At<'_>, read: impl FnOnce(&mut Fields<'_>)) -> Option<()> {
    let mut fields = Fields::open(at)?;
    read(&mut fields);
    fields.close();
    Some(())
}
