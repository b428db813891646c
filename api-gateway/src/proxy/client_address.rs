//! The client's address and scheme: whose word counts.

use std::net::IpAddr;

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
    /// `real_ip_header` says where a trusted address did, the TCP peer otherwise.
    pub fn client(
        &self,
        connection: &Connection,
        carrier: &Carrier,
        sources: &HeaderSources,
        headers: &HeaderMap,
    ) -> IpAddr {
        let peer = connection.peer.ip();
        match carrier {
            Carrier::Nobody => peer,
            Carrier::Edge(_) => last(headers, &X_FORWARDED_FOR).unwrap_or(peer),
            Carrier::TrustedAddress if self.recursive => {
                let addresses = from_the_right(headers, &self.header);
                let mut nearest = peer;
                for address in addresses {
                    let Some(address) = address else { break };
                    nearest = address;
                    if !sources.trusts(address) {
                        break;
                    }
                }
                nearest
            }
            Carrier::TrustedAddress => last(headers, &self.header).unwrap_or(peer),
        }
    }
}

fn last(headers: &HeaderMap, name: &HeaderName) -> Option<IpAddr> {
    from_the_right(headers, name).next().flatten()
}

/// The addresses of a list header, last first; `None` for an element that is no address.
fn from_the_right<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = Option<IpAddr>> + use<'h> {
    headers
        .get_all(name)
        .iter()
        .rev()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.rsplit(','))
        .map(|element| address(element.trim()))
}

/// An address, with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    text.parse().ok().or_else(|| {
        text.parse::<std::net::SocketAddr>()
            .ok()
            .map(|address| address.ip())
    })
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
            (Carrier::TrustedAddress, false, "garbage", "10.0.0.1"),
            (
                Carrier::TrustedAddress,
                true,
                "1.1.1.1, 2.2.2.2, 10.9.9.9",
                "2.2.2.2",
            ),
            (Carrier::TrustedAddress, true, "garbage, 10.9.9.9", "10.9.9.9"),
            (Carrier::TrustedAddress, true, "", "10.0.0.1"),
        ] {
            let real_ip = RealIp {
                header: X_FORWARDED_FOR,
                recursive,
            };
            let headers = HeaderMap::from_iter([(X_FORWARDED_FOR, forwarded.parse().unwrap())]);
            let found = real_ip.client(&connection, &carrier, &sources, &headers);
            assert_eq!(found.to_string(), client, "{carrier:?} {recursive} {forwarded}");
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
