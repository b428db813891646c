//! `url`: protocol, host, port and path of a service in one word.

use crate::document::fields::Fields;
use crate::document::reader::At;
use crate::document::rule;
use crate::document::tree::{Node, Value};

use super::{Address, ServiceProtocol};

/// Reads `url` if it is there. It is Kong's shorthand for four fields and wins over them; here those that stand beside
/// it are refused, so that nobody wonders which of two hosts is meant.
pub(super) fn read(fields: &mut Fields<'_>) -> Option<Address> {
    let is_there = fields.has("url");
    let address = fields.optional("url", parse);
    if !is_there {
        return None;
    }
    for field in ["protocol", "host", "port", "path"] {
        fields.absent(
            field,
            "conflicting-fields",
            "'url' gives this value already: keep one of the two",
        );
    }
    Some(address.unwrap_or(Address {
        protocol: None,
        host: None,
        port: 0,
        path: None,
    }))
}

fn parse(at: At<'_>) -> Option<Address> {
    let text = rule::text(at)?;
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, text.as_str()),
    };
    let (authority, path) = match rest.find('/') {
        Some(slash) => rest.split_at(slash),
        None => (rest, ""),
    };
    if authority.contains('@') || rest.contains(['?', '#']) {
        return at.refuse(
            "invalid-value",
            "could not parse url: user, query and fragment have no place in it",
        );
    }
    let (host, port) = split_port(authority);
    if host.is_empty() {
        return at.refuse("invalid-value", "missing host in url");
    }
    let port = match port.map(str::parse::<u16>) {
        None => None,
        Some(Ok(port)) => Some(port),
        Some(Err(_)) => return at.refuse("invalid-value", "value should be between 0 and 65535"),
    };
    let protocol = match (scheme, port) {
        (Some("https"), _) | (None, Some(443)) => ServiceProtocol::Https,
        (Some("http") | None, _) => ServiceProtocol::Http,
        (Some(_), _) => return at.refuse("unsupported-value", "only http and https are supported yet"),
    };
    let default_port = match protocol {
        ServiceProtocol::Http => 80,
        ServiceProtocol::Https => 443,
    };
    let host = checked(at, host, crate::document::host::host)?;
    let path = if path.is_empty() {
        None
    } else {
        Some(checked(at, path, crate::document::path::service_path)?)
    };
    Some(Address {
        protocol: Some(at.located(protocol)),
        host: Some(at.located(host)),
        port: port.unwrap_or(default_port),
        path,
    })
}

/// Applies the rule of the field that a part of the url stands for.
fn checked(at: At<'_>, part: &str, rule: fn(At<'_>) -> Option<String>) -> Option<String> {
    let node = Node {
        place: at.node.place,
        value: Value::Text(part.into()),
    };
    rule(At { node: &node, ..at })
}

/// The port after the last colon that is not part of an IPv6 address.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    }
}
