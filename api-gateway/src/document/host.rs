//! Host names: of upstreams, of routes, of server names.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::reader::At;
use super::rule;

/// What a host and an optional port were written as.
struct Written {
    kind: Kind,
    port: bool,
}

#[derive(PartialEq, Eq)]
enum Kind {
    Name,
    Address,
}

/// A host name or address without a port: the host of a service.
pub(super) fn host(at: At<'_>) -> Option<String> {
    let text = rule::text(at)?;
    match parse(&text) {
        None => at.refuse("invalid-value", format!("invalid value: {text}")),
        Some(Written { port: true, .. }) => at.refuse("invalid-value", "must not have a port"),
        Some(Written { port: false, .. }) => Some(text),
    }
}

/// A host name that is no address, without a port: of an upstream.
pub(super) fn upstream_name(at: At<'_>) -> Option<String> {
    let text = rule::text(at)?;
    match parse(&text) {
        None => at.refuse("invalid-value", "Invalid name; must be a valid hostname"),
        Some(Written {
            kind: Kind::Address, ..
        }) => at.refuse("invalid-value", "Invalid name; no ip addresses allowed"),
        Some(Written { port: true, .. }) => at.refuse("invalid-value", "Invalid name; no port allowed"),
        Some(Written {
            kind: Kind::Name,
            port: false,
        }) => Some(text),
    }
}

/// A host with an optional port, as it is sent in a header.
pub(super) fn host_with_port(at: At<'_>) -> Option<String> {
    let text = rule::text(at)?;
    match parse(&text) {
        None => at.refuse("invalid-value", format!("invalid value: {text}")),
        Some(_) => Some(text),
    }
}

/// Takes a host and its port apart; an IPv6 address keeps its brackets if it has a port. `None` if it is no host.
pub(super) fn split(text: &str) -> Option<(String, Option<u16>)> {
    if !parse(text)?.port {
        return Some((text.to_owned(), None));
    }
    let (host, port) = text.rsplit_once(':')?;
    Some((host.to_owned(), Some(port.parse().ok()?)))
}

/// A host with an optional port and at most one wildcard, as its leftmost or rightmost label: of a route.
pub(super) fn route_host(at: At<'_>) -> Option<String> {
    let text = rule::text(at)?;
    let wildcards = text.matches('*').count();
    if wildcards > 1 {
        return at.refuse(
            "invalid-value",
            "invalid wildcard: must have at most one wildcard",
        );
    }
    if wildcards == 1 && !text.starts_with("*.") && !text.ends_with(".*") {
        return at.refuse(
            "invalid-value",
            "invalid wildcard: must be placed at leftmost or rightmost label",
        );
    }
    match parse(&text.replace('*', "wildcard")) {
        None => at.refuse("invalid-value", format!("invalid value: {text}")),
        Some(_) => Some(text),
    }
}

/// A name that a client may ask for: plain, `*.name`, `name.*`, or `*` alone.
pub(super) fn server_name(at: At<'_>) -> Option<String> {
    let text = rule::text(at)?;
    if let Some(position) = text.find('*') {
        if position != 0 && position != text.len() - 1 {
            return at.refuse(
                "invalid-value",
                "wildcard must be leftmost or rightmost character",
            );
        }
        if text.matches('*').count() > 1 {
            return at.refuse("invalid-value", "only one wildcard must be specified");
        }
    }
    match parse(&text.replace('*', "wildcard")) {
        None => at.refuse("invalid-value", format!("invalid value: {text}")),
        Some(Written {
            kind: Kind::Address, ..
        }) => at.refuse("invalid-value", "must not be an IP"),
        Some(Written { port: true, .. }) => at.refuse("invalid-value", "must not have a port"),
        Some(Written {
            kind: Kind::Name,
            port: false,
        }) => Some(text),
    }
}

fn parse(text: &str) -> Option<Written> {
    if let Some(rest) = text.strip_prefix('[') {
        let (address, after) = rest.split_once(']')?;
        address.parse::<Ipv6Addr>().ok()?;
        let port = match after.strip_prefix(':') {
            Some(port) if is_port(port) => true,
            None if after.is_empty() => false,
            Some(_) | None => return None,
        };
        return Some(Written {
            kind: Kind::Address,
            port,
        });
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return Some(Written {
            kind: Kind::Address,
            port: false,
        });
    }
    let (name, port) = match text.split_once(':') {
        None => (text, false),
        Some((name, port)) if is_port(port) => (name, true),
        Some(_) => return None,
    };
    if name.parse::<Ipv4Addr>().is_ok() {
        return Some(Written {
            kind: Kind::Address,
            port,
        });
    }
    is_name(name).then_some(Written {
        kind: Kind::Name,
        port,
    })
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

/// Labels of letters, digits, `-` and `_`; not something that only looks like an address.
fn is_name(name: &str) -> bool {
    const LONGEST_NAME: usize = 253;
    const LONGEST_LABEL: usize = 63;
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_label = |label: &str| {
        (1..=LONGEST_LABEL).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_numeric = || name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    name.len() <= LONGEST_NAME && name.split('.').all(is_label) && !is_numeric()
}
