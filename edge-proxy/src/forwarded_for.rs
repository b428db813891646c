//! X-Forwarded-For, -Proto and -Port: where a request came from, as ALB tells it (headers.md A.7).

use std::net::{IpAddr, SocketAddr};

use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::rejection::Rejection;
use crate::settings::XffHeaderProcessing;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");

/// More than so many addresses are not passed on.
const MOST_ADDRESSES: usize = 30;

/// The three values of a connection, made once.
#[derive(Clone, Debug)]
pub(crate) struct Forwarded {
    client: HeaderValue,
    protocol: HeaderValue,
    port: HeaderValue,
}

impl Forwarded {
    /// A client at `peer`, connected to a listener at `listener` that speaks `protocol`, `http` or `https`.
    pub(crate) fn new(peer: SocketAddr, protocol: &'static str, listener: SocketAddr) -> Self {
        let client = HeaderValue::try_from(client_ip(peer).to_string());
        Self {
            // An address is always a header value.
            client: client.unwrap_or(HeaderValue::from_static("unknown")),
            protocol: HeaderValue::from_static(protocol),
            port: HeaderValue::from(listener.port()),
        }
    }

    /// Writes the three headers. The client's own -Proto and -Port are gone by now.
    pub(crate) fn stamp(&self, headers: &mut HeaderMap, processing: XffHeaderProcessing) {
        match processing {
            XffHeaderProcessing::Append => {
                let value = self.appended_to(headers);
                headers.insert(X_FORWARDED_FOR, value);
            }
            XffHeaderProcessing::Preserve => {}
            XffHeaderProcessing::Remove => {
                headers.remove(X_FORWARDED_FOR);
            }
        }
        headers.insert(X_FORWARDED_PROTO, self.protocol.clone());
        headers.insert(X_FORWARDED_PORT, self.port.clone());
    }

    fn appended_to(&self, headers: &HeaderMap) -> HeaderValue {
        let mut lines = headers
            .get_all(X_FORWARDED_FOR)
            .iter()
            .filter(|line| !line.as_bytes().trim_ascii().is_empty())
            .peekable();
        if lines.peek().is_none() {
            return self.client.clone();
        }
        let mut whole = Vec::with_capacity(128);
        for line in lines {
            whole.extend_from_slice(line.as_bytes());
            whole.extend_from_slice(b", ");
        }
        whole.extend_from_slice(self.client.as_bytes());
        // Header values and a comma between them are a header value.
        HeaderValue::try_from(whole).unwrap_or_else(|_| self.client.clone())
    }
}

/// Refuses what ALB answers 463.
pub(crate) fn check(headers: &HeaderMap) -> Result<(), Rejection> {
    let addresses = headers
        .get_all(X_FORWARDED_FOR)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .filter(|address| !address.trim_ascii().is_empty());
    if addresses.take(MOST_ADDRESSES + 1).count() > MOST_ADDRESSES {
        return Err(Rejection::TooManyAddresses);
    }
    Ok(())
}

/// The client's address as logs and headers show it: an IPv4 client of an IPv6 socket is an IPv4 client.
pub(crate) fn client_ip(peer: SocketAddr) -> IpAddr {
    peer.ip().to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamped(peer: &str, processing: XffHeaderProcessing, lines: &[&str]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(X_FORWARDED_FOR, line.parse().unwrap());
        }
        let listener = "127.0.0.1:8443".parse().unwrap();
        Forwarded::new(peer.parse().unwrap(), "https", listener).stamp(&mut headers, processing);
        assert_eq!(headers[X_FORWARDED_PROTO], "https");
        assert_eq!(headers[X_FORWARDED_PORT], "8443");
        headers
            .get_all(X_FORWARDED_FOR)
            .iter()
            .map(|value| value.to_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn three_modes() {
        use XffHeaderProcessing::{Append, Preserve, Remove};
        for (peer, processing, lines, expected) in [
            ("192.0.2.7:1", Append, vec![], vec!["192.0.2.7"]),
            ("192.0.2.7:1", Append, vec![""], vec!["192.0.2.7"]),
            (
                "192.0.2.7:1",
                Append,
                vec!["203.0.113.1"],
                vec!["203.0.113.1, 192.0.2.7"],
            ),
            (
                "192.0.2.7:1",
                Append,
                vec!["a", "b, c"],
                vec!["a, b, c, 192.0.2.7"],
            ),
            ("[2001:db8::1]:1", Append, vec![], vec!["2001:db8::1"]),
            ("[::ffff:192.0.2.7]:1", Append, vec![], vec!["192.0.2.7"]),
            ("192.0.2.7:1", Preserve, vec!["a", "b"], vec!["a", "b"]),
            ("192.0.2.7:1", Preserve, vec![], vec![]),
            ("192.0.2.7:1", Remove, vec!["a", "b"], vec![]),
        ] {
            assert_eq!(
                stamped(peer, processing, &lines),
                expected,
                "{processing:?} {lines:?}"
            );
        }
    }

    #[test]
    fn addresses_are_counted_over_all_lines() {
        let mut headers = HeaderMap::new();
        for _ in 0..3 {
            headers.append(X_FORWARDED_FOR, "1,2,3,4,5,6,7,8,9,10,".parse().unwrap());
        }
        assert!(check(&headers).is_ok());
        headers.append(X_FORWARDED_FOR, "31".parse().unwrap());
        assert!(matches!(check(&headers), Err(Rejection::TooManyAddresses)));
    }
}
