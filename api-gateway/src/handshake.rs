//! Which clients are asked for a certificate, and with which CA names as a hint.
//!
//! The route is not known during the handshake, the server name is. So a certificate is asked for in every handshake
//! if an edge has to prove itself or if any `mtls-auth` could judge a request without a server name, and otherwise
//! under the server names of the routes that it judges (Kong's §5.8).

use std::collections::HashMap;

use transport::server_tls::ServerConfigs;

use crate::settings::ListenProtocol;

/// TLS configurations by server name.
#[derive(Debug)]
pub struct Handshakes {
    /// For every server name that no pattern has, and for none.
    pub default: Handshake,
    /// By exact server name, lower case, without trailing dot.
    pub exact: HashMap<Box<str>, Handshake>,
    /// `*.example.com` without the star and the dot: any depth. Empty for a bare `*`: any name, but not none.
    pub suffix: HashMap<Box<str>, Handshake>,
    /// `example.*` without the dot and the star.
    pub prefix: HashMap<Box<str>, Handshake>,
}

/// One way to shake hands.
#[derive(Clone, Debug)]
pub struct Handshake {
    /// Whether a certificate is asked for. It is never required.
    pub asks: bool,
    /// For listeners with `http2`.
    pub http2: ServerConfigs,
    /// For listeners without.
    pub http1: ServerConfigs,
}

impl Handshakes {
    /// The handshake for a server name.
    pub fn choose(&self, server_name: Option<&str>) -> &Handshake {
        let Some(name) = server_name else {
            return &self.default;
        };
        if self.exact.is_empty() && self.suffix.is_empty() && self.prefix.is_empty() {
            return &self.default;
        }
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let dots = || name.match_indices('.').map(|(at, _)| at);
        self.exact
            .get(name.as_str())
            .or_else(|| dots().find_map(|at| self.suffix.get(&name[at + 1..])))
            .or_else(|| dots().rev().find_map(|at| self.prefix.get(&name[..at])))
            .or_else(|| self.suffix.get(""))
            .unwrap_or(&self.default)
    }
}

impl Handshake {
    /// The configuration of a listener.
    pub fn config(&self, protocol: ListenProtocol) -> &ServerConfigs {
        match protocol {
            ListenProtocol::HttpsWithHttp2 => &self.http2,
            ListenProtocol::Https | ListenProtocol::Http => &self.http1,
        }
    }
}
