//! Which addresses a certificate may send us to.
//!
//! # The threat
//!
//! The URL of a responder is written by whoever wrote the certificate. A program that calls whatever it finds there can be
//! sent to what only it can reach: a neighbour's administration port, the metadata service of a cloud, itself. So only
//! addresses of the public network are called, and others where the operator names them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use ipnet::IpNet;
use rustls::pki_types::ServerName;

use crate::outgoing::Permit;

/// Somebody who may be asked although the address is loopback, link-local or private.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedHost {
    /// A DNS name, in lower case, exact: whatever address it has.
    Name(String),
    /// An address or a network.
    Network(IpNet),
}

/// Neither a host nor a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no host and no network")]
pub struct NotAHost;

impl FromStr for AllowedHost {
    type Err = NotAHost;

    fn from_str(text: &str) -> Result<Self, NotAHost> {
        if let Ok(network) = text.parse::<IpNet>() {
            return Ok(Self::Network(network.trunc()));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Network(address.into()));
        }
        match ServerName::try_from(text) {
            Ok(_) => Ok(Self::Name(text.to_ascii_lowercase())),
            Err(_) => Err(NotAHost),
        }
    }
}

impl AllowedHost {
    fn is(&self, host: &str, address: IpAddr) -> bool {
        match self {
            Self::Name(name) => name.eq_ignore_ascii_case(host.strip_suffix('.').unwrap_or(host)),
            Self::Network(network) => network.contains(&address),
        }
    }
}

/// Permits public addresses, and those of the hosts that are named.
pub fn public_or(allowed: Vec<AllowedHost>) -> Permit {
    Arc::new(move |host, address| {
        is_public(address) || allowed.iter().any(|allowed| allowed.is(host, address))
    })
}

/// Whether an address is one of the public network's, by the registries of special addresses (RFC 6890).
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = match address.octets() {
        // "This network", carriers' own addresses, protocol assignments, benchmarks, reserved
        [0 | 240..=255, ..] | [100, 64..=127, ..] | [192, 0, 0, _] | [198, 18 | 19, ..] => true,
        _ => false,
    };
    let local = address.is_loopback() || address.is_private() || address.is_link_local();
    !(special || local || address.is_multicast() || address.is_documentation())
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        // NAT64 and 6to4 lead to the IPv4 address within.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => embedded(high, low),
        // Documentation, Teredo and other assignments of 2001::/23
        [0x2001, 0x0db8 | 0..=0x01ff, ..] => false,
        // Global unicast is 2000::/3, and nothing else is public.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_public_is_called_only_if_it_is_named() {
        let named: Vec<AllowedHost> = ["ocsp.internal", "10.1.0.0/16", "::1"]
            .iter()
            .map(|text| text.parse().expect("a host"))
            .collect();
        let (strict, named) = (public_or(Vec::new()), public_or(named));
        for (host, address, by_default, as_named) in [
            ("a.test", "93.184.216.34", true, true),
            ("a.test", "2606:2800:220::1", true, true),
            ("a.test", "127.0.0.1", false, false),
            ("ocsp.internal", "127.0.0.1", false, true),
            ("OCSP.internal.", "192.168.1.1", false, true),
            ("not.ocsp.internal", "192.168.1.1", false, false),
            ("a.test", "10.1.2.3", false, true),
            ("a.test", "10.2.2.3", false, false),
            ("a.test", "::ffff:10.1.2.3", false, false),
            ("[::1]", "::1", false, true),
            ("a.test", "169.254.169.254", false, false),
            ("a.test", "::ffff:169.254.169.254", false, false),
            ("a.test", "64:ff9b::a9fe:a9fe", false, false),
            ("a.test", "64:ff9b::5db8:d822", true, true),
            ("a.test", "2002:7f00:1::", false, false),
            ("a.test", "fd00::1", false, false),
            ("a.test", "fe80::1", false, false),
            ("a.test", "100.64.0.1", false, false),
            ("a.test", "0.0.0.0", false, false),
            ("a.test", "::", false, false),
            ("a.test", "224.0.0.1", false, false),
            ("a.test", "255.255.255.255", false, false),
        ] {
            let address = address.parse().expect("an address");
            assert_eq!(strict(host, address), by_default, "{host} {address}");
            assert_eq!(named(host, address), as_named, "{host} {address}, named");
        }
        for text in ["", "a b", "10.0.0.0/33", "http://a.test"] {
            assert_eq!(text.parse::<AllowedHost>(), Err(NotAHost), "{text}");
        }
    }
}
