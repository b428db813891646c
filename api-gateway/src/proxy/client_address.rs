//! The client's address and scheme: whose word counts.

use std::net::{IpAddr, SocketAddr};

use http::header::{HeaderMap, HeaderName};

use crate::identity::{Carrier, Connection, HeaderSources};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// `real_ip_header` and `real_ip_recursive`: how a trusted address tells the client's.
#[derive(Debug)]
pub struct RealIp {
    /// The header read.
    pub header: HeaderName,
    /// Whether trusted addresses in it are passed over, from the right.
    pub recursive: bool,
}

impl RealIp {
    /// The client's address: the last element of X-Forwarded-For where an edge carried the request, what
    /// `real_ip_header` says where a trusted address did, the TCP peer otherwise. `None` where a carrier that is believed
    /// says something that is no address: that is not the same as saying nothing.
    pub fn client(
        &self,
        connection: &Connection,
        carrier: &Carrier,
        sources: &HeaderSources,
        headers: &HeaderMap,
    ) -> Option<IpAddr> {
        let peer = connection.peer.ip();
        match carrier {
            Carrier::Nobody => Some(peer),
            Carrier::Edge(_) => last(headers, &X_FORWARDED_FOR, peer),
            Carrier::TrustedAddress if self.recursive => {
                let mut nearest = peer;
                for address in from_the_right(headers, &self.header) {
                    nearest = address?;
                    if !sources.trusts(nearest) {
                        break;
                    }
                }
                Some(nearest)
            }
            Carrier::TrustedAddress => last(headers, &self.header, peer),
        }
    }
}

/// The last address of a list header; the peer's where there is no such header, or it is empty.
fn last(headers: &HeaderMap, name: &HeaderName, peer: IpAddr) -> Option<IpAddr> {
    from_the_right(headers, name).next().unwrap_or(Some(peer))
}

/// The addresses of a list header, last first; `None` for an element that is no address. A carrier appends to the line
/// that it got, so what a client wrote into it, in whatever octets, is another element of the same line.
fn from_the_right<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = Option<IpAddr>> + use<'h> {
    let lines = headers.get_all(name).iter().rev();
    lines
        .flat_map(|line| line.as_bytes().rsplit(|octet| *octet == b','))
        .map(<[u8]>::trim_ascii)
        // An empty element says nothing (RFC 9110 §5.6.1.2).
        .filter(|element| !element.is_empty())
        .map(|element| address(std::str::from_utf8(element).ok()?))
}

/// An address, in brackets or not, with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let with_port = || Some(text.parse::<SocketAddr>().ok()?.ip());
    bare.unwrap_or(text).parse().ok().or_else(with_port)
}

/// Whether the client came by https: as a trusted carrier says, else as this connection is. Exactly `https` counts.
pub fn is_https(connection: &Connection, carrier: &Carrier, headers: &HeaderMap) -> bool {
    match headers.get(X_FORWARDED_PROTO) {
        Some(scheme) if carrier.speaks_for_others() => scheme == "https",
        Some(_) | None => connection.tls.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_client_is_who_the_right_carrier_says() {
        let sources = HeaderSources {
            edges: None,
            addresses: vec!["10.0.0.0/8".parse().unwrap()].into(),
        };
        let connection = Connection::plain("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap());
        for (carrier, recursive, forwarded, client) in [
            (Carrier::Nobody, false, "1.1.1.1", "10.0.0.1"),
            (Carrier::TrustedAddress, false, "1.1.1.1, 2.2.2.2", "2.2.2.2"),
            (Carrier::TrustedAddress, false, "1.1.1.1, 2.2.2.2:80", "2.2.2.2"),
            (
                Carrier::TrustedAddress,
                false,
                "1.1.1.1, [2001:db8::1]",
                "2001:db8::1",
            ),
            (
                Carrier::TrustedAddress,
                false,
                "1.1.1.1, [2001:db8::1]:80",
                "2001:db8::1",
            ),
            (Carrier::TrustedAddress, false, "\u{e9}, 2.2.2.2", "2.2.2.2"),
            (
                Carrier::TrustedAddress,
                false,
                "1.1.1.1, \u{e9}",
                "nobody can say",
            ),
            (Carrier::TrustedAddress, false, "garbage", "nobody can say"),
            (Carrier::TrustedAddress, false, "", "10.0.0.1"),
            (
                Carrier::TrustedAddress,
                true,
                "1.1.1.1, 2.2.2.2, 10.9.9.9",
                "2.2.2.2",
            ),
            (
                Carrier::TrustedAddress,
                true,
                "\u{e9}, 2.2.2.2, 10.9.9.9",
                "2.2.2.2",
            ),
            (
                Carrier::TrustedAddress,
                true,
                "garbage, 10.9.9.9",
                "nobody can say",
            ),
            (Carrier::TrustedAddress, true, "", "10.0.0.1"),
        ] {
            let real_ip = RealIp {
                header: X_FORWARDED_FOR,
                recursive,
            };
            let value = HeaderValue::from_bytes(forwarded.as_bytes()).unwrap();
            let headers = HeaderMap::from_iter([(X_FORWARDED_FOR, value)]);
            let found = real_ip.client(&connection, &carrier, &sources, &headers);
            let found = found.map_or_else(|| "nobody can say".to_owned(), |address| address.to_string());
            assert_eq!(found, client, "{carrier:?} {recursive} {forwarded}");
        }
    }

    #[test]
    fn only_a_trusted_carrier_can_say_https() {
        let connection = Connection::plain("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap());
        for (carrier, scheme, https) in [
            (Carrier::Nobody, "https", false),
            (Carrier::TrustedAddress, "https", true),
            (Carrier::TrustedAddress, "httpsa", false),
            (Carrier::TrustedAddress, "http", false),
        ] {
            let headers = HeaderMap::from_iter([(X_FORWARDED_PROTO, scheme.parse().unwrap())]);
            assert_eq!(
                is_https(&connection, &carrier, &headers),
                https,
                "{carrier:?} {scheme}"
            );
        }
    }
}
