//! Who is believed: upstreams, peers, edges.

use std::net::IpAddr;
use std::path::PathBuf;

use http::HeaderName;
use ipnet::IpNet;
use transport::layers::quoted;

use super::build::Build;
use super::{AllowedHost, EdgeName, Listen, TrustedCertificates, edge_name, raw};

impl Build<'_> {
    /// Whether upstreams are verified where a service does not say. Verification is what both keys must agree to
    /// leave off: Kong's `tls_certificate_verify` forbids to switch it off with the other key.
    pub(super) fn verification(&mut self, global: bool, nginx: Option<bool>) -> bool {
        if global && nginx == Some(false) {
            let message = "`nginx_proxy_proxy_ssl_verify` is off, which `tls_certificate_verify` forbids";
            let fix = "write tls_certificate_verify = off to leave upstreams unverified";
            self.error_with_fix(
                "conflict",
                "nginx_proxy_proxy_ssl_verify",
                message.to_owned(),
                Some(fix.to_owned()),
            );
        }
        let is_on = global || nginx == Some(true);
        if !is_on {
            let message = "upstream certificates are not verified where their service does not say so";
            let fix =
                "set tls_certificate_verify = on, and name the upstreams' CAs in lua_ssl_trusted_certificate";
            self.warning_with_fix("unverified-upstreams", "tls_certificate_verify", message, fix);
        }
        is_on
    }

    pub(super) fn networks(&mut self, key: &str, entries: &[String]) -> Vec<IpNet> {
        self.each(key, entries, |entry| {
            network(entry).ok_or_else(|| format!("{} is no IP address and no network", quoted(entry)))
        })
    }

    pub(super) fn allowed_hosts(&mut self, entries: &[String]) -> Vec<AllowedHost> {
        self.each("revocation_allowed_hosts", entries, |entry| {
            entry
                .parse()
                .map_err(|_| format!("{} is no host and no network", quoted(entry)))
        })
    }

    pub(super) fn edge_names(&mut self, entries: &[String]) -> Vec<EdgeName> {
        self.each("trusted_edges", entries, edge_name::parse)
    }

    pub(super) fn header_names(&mut self, key: &str, entries: &[String]) -> Vec<HeaderName> {
        self.each(key, entries, |entry| {
            entry
                .parse()
                .map_err(|_| format!("{} is no header name", quoted(entry)))
        })
    }

    pub(super) fn real_ip_header(&mut self, text: &str) -> HeaderName {
        if text == "proxy_protocol" {
            self.error(
                "not-yet",
                "real_ip_header",
                "`real_ip_header`: proxy_protocol is not built yet",
            );
        } else if let Ok(name) = text.parse() {
            return name;
        } else {
            self.error(
                "bad-value",
                "real_ip_header",
                format!("`real_ip_header`: {} is no header name", quoted(text)),
            );
        }
        HeaderName::from_static("x-real-ip")
    }

    /// An edge is believed because its certificate chains to `trusted_edge_ca` and has a name of `trusted_edges`:
    /// one without the other is nothing.
    pub(super) fn edges_are_whole(&mut self, node: &raw::Node) {
        if !node.trusted_edges.is_empty() {
            if node.trusted_edge_ca.is_none() {
                let why = "`trusted_edges` are believed only with a certificate that chains to it";
                self.missing("trusted_edge_ca", why, "trusted_edges");
            }
            return;
        }
        if self.is_spoiled("trusted_edges") {
            return;
        }
        for (key, is_set) in [
            ("trusted_edge_ca", node.trusted_edge_ca.is_some()),
            ("trusted_edge_headers", !node.trusted_edge_headers.is_empty()),
            (
                "trusted_edge_revocation_lists",
                !node.trusted_edge_revocation_lists.is_empty(),
            ),
        ] {
            if is_set {
                self.warning(
                    "no-effect",
                    key,
                    format!("`{key}` does nothing: `trusted_edges` names no edge"),
                );
            }
        }
    }

    /// An edge proves itself in a TLS handshake.
    pub(super) fn edges_have_a_door(&mut self, node: &raw::Node, listeners: &[Listen]) {
        if !node.trusted_edges.is_empty() && !listeners.iter().any(|listener| listener.protocol.is_tls()) {
            let message = "`trusted_edges` does nothing: no entry of `proxy_listen` has ssl, so no edge can prove itself";
            self.warning("no-effect", "trusted_edges", message);
        }
    }
}

/// A network, or an address as a network of one.
fn network(text: &str) -> Option<IpNet> {
    let network: Option<IpNet> = text.parse().ok();
    network
        .map(|network| network.trunc())
        .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// A list of CAs as written.
pub(super) fn trusted(entries: Vec<PathBuf>) -> Vec<TrustedCertificates> {
    let entry = |path: PathBuf| match path.to_str() {
        Some("system") => TrustedCertificates::System,
        _ => TrustedCertificates::File(path),
    };
    entries.into_iter().map(entry).collect()
}
