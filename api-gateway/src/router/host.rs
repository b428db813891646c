//! Hosts with and without ports, in routes and in the Host header.

use super::name_pattern::NamePattern;

/// One entry of a route's `hosts`.
#[derive(Clone, Debug)]
pub(super) struct HostPattern {
    pub(super) name: NamePattern,
    /// Without a port, any port will do.
    pub(super) port: Option<u32>,
}

impl HostPattern {
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let (name, port) = split_port(text);
        if port.is_some_and(|port| port > u32::from(u16::MAX)) {
            return Err("value should be between 0 and 65535");
        }
        // A colon that is still there was not followed by a number; in brackets it belongs to an IPv6 address.
        if name.contains(':') && !name.starts_with('[') {
            return Err("invalid port");
        }
        Ok(Self {
            name: NamePattern::parse(name)?,
            port,
        })
    }

    pub(super) fn matches(&self, name: &[u8], port: u32) -> bool {
        self.name.matches(name) && self.port.is_none_or(|wanted| wanted == port)
    }
}

/// The Host header, split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RequestHost<'a> {
    pub(super) name: &'a str,
    pub(super) port: u32,
}

impl<'a> RequestHost<'a> {
    /// The port is the header's, else the listener's.
    pub(super) fn parse(received: &'a str, listener_port: u16) -> Self {
        let (name, port) = split_port(received);
        Self {
            name,
            port: port.unwrap_or(u32::from(listener_port)),
        }
    }
}

/// Splits at the first colon (after the bracket of an IPv6 address) if only digits follow. As in Kong, a host with
/// anything else behind the colon is compared as a whole and so matches no exact name. An empty port (RFC 3986 §3.2.3
/// allows it) is no port: otherwise `host:` would be a way around a route that is bound to `host`. A number beyond
/// 65535 is kept as one that no route can ask for.
fn split_port(host: &str) -> (&str, Option<u32>) {
    let colon = if host.starts_with('[') {
        host.find("]:").map(|bracket| bracket + 1)
    } else {
        host.find(':')
    };
    let Some((before, digits)) = colon.map(|colon| (&host[..colon], &host[colon + 1..])) else {
        return (host, None);
    };
    if digits.is_empty() {
        return (before, None);
    }
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return (host, None);
    }
    (before, Some(digits.parse().unwrap_or(u32::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_split_off() {
        for (received, name, port) in [
            ("example.com", "example.com", 8443),
            ("example.com:80", "example.com", 80),
            ("example.com:", "example.com", 8443),
            ("example.com:x", "example.com:x", 8443),
            ("example.com:80:90", "example.com:80:90", 8443),
            ("example.com:70000", "example.com", 70000),
            ("example.com:99999999999", "example.com", u32::MAX),
            ("[::1]", "[::1]", 8443),
            ("[::1]:80", "[::1]", 80),
            ("[::1", "[::1", 8443),
            ("", "", 8443),
            (":80", "", 80),
        ] {
            assert_eq!(
                RequestHost::parse(received, 8443),
                RequestHost { name, port },
                "{received}"
            );
        }
    }

    #[test]
    fn route_hosts_are_checked() {
        for (text, accepted) in [
            ("example.com", true),
            ("example.com:8000", true),
            ("*.example.com:8000", true),
            ("example.*:8000", true),
            ("[::1]:8000", true),
            ("example.com:70000", false),
            ("example.com:http", false),
        ] {
            assert_eq!(HostPattern::parse(text).is_ok(), accepted, "{text}");
        }
    }
}
