//! Target groups: where requests go, and the TLS that the edge begins.

use rustls::pki_types::ServerName;
use transport::layers::quoted;

use super::build::Build;
use super::raw::{self, Protocol};
use super::{CertificateFiles, Target, TargetGroup, TargetProtocol, TargetTls};

impl Build<'_> {
    pub(super) fn target_group(&mut self, name: &str, group: raw::TargetGroup) -> Option<TargetGroup> {
        let raw::TargetGroup {
            protocol,
            targets,
            send_proxy_protocol,
            tls,
        } = group;
        let path = format!("target_groups.{name}");
        let targets = targets.and_then(|targets| self.targets(&format!("{path}.targets"), &targets));
        let protocol = protocol?;
        if protocol != Protocol::Tcp && send_proxy_protocol {
            let path = format!("{path}.send_proxy_protocol");
            let message = format!(
                "`{path}` belongs to tcp target groups, this one speaks {}",
                protocol.word()
            );
            self.error("conflict", &path, message);
        }
        if protocol != Protocol::Https && tls.is_some() {
            let path = format!("{path}.tls");
            let message = format!(
                "`{path}` belongs to https target groups, this one speaks {}",
                protocol.word()
            );
            self.error("conflict", &path, message);
        }
        let protocol = match protocol {
            Protocol::Https => {
                let path = format!("{path}.tls");
                if tls.is_none() {
                    self.missing(
                        &path,
                        "an https target group has a trust_store and a server_name to verify",
                    );
                }
                tls.and_then(|tls| self.target_tls(&path, tls))
                    .map(TargetProtocol::Https)
            }
            Protocol::Http => Some(TargetProtocol::Http),
            Protocol::Tcp => Some(TargetProtocol::Tcp { send_proxy_protocol }),
        };
        Some(TargetGroup {
            protocol: protocol?,
            targets: targets?,
        })
    }

    fn targets(&mut self, path: &str, written: &[String]) -> Option<Vec<Target>> {
        if written.is_empty() {
            self.error("bad-value", path, format!("`{path}` has no target"));
            return None;
        }
        let mut targets = Vec::new();
        for (index, text) in written.iter().enumerate() {
            if let Some(target) = target(text) {
                targets.push(target);
            } else {
                let path = format!("{path}[{index}]");
                let message = format!(
                    "`{path}`: {} is no host and port, such as 127.0.0.1:9443",
                    quoted(text)
                );
                self.error("bad-value", &path, message);
            }
        }
        (!targets.is_empty()).then_some(targets)
    }

    fn target_tls(&mut self, path: &str, tls: raw::TargetTls) -> Option<TargetTls> {
        let raw::TargetTls {
            files,
            trust_store,
            server_name,
        } = tls;
        let raw::CertificateFiles {
            certificate,
            private_key,
        } = files;
        let certificate = match (certificate, private_key) {
            (Some(certificate), Some(private_key)) => Some(CertificateFiles {
                certificate,
                private_key,
            }),
            (None, None) => None,
            (Some(_), None) => {
                self.missing(
                    &format!("{path}.private_key"),
                    "`certificate` is nothing without its key",
                );
                None
            }
            (None, Some(_)) => {
                self.missing(
                    &format!("{path}.certificate"),
                    "`private_key` is nothing without its certificate",
                );
                None
            }
        };
        let server_name = server_name.filter(|name| {
            let is_name = ServerName::try_from(name.as_str()).is_ok();
            if !is_name {
                let path = format!("{path}.server_name");
                let message = format!("`{path}`: {} is no DNS name and no IP address", quoted(name));
                self.error("bad-value", &path, message);
            }
            is_name
        });
        Some(TargetTls {
            certificate,
            trust_store: trust_store?,
            server_name: server_name?,
        })
    }
}

/// A host and a port; an IPv6 address in brackets.
fn target(text: &str) -> Option<Target> {
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    let host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().ok()?.to_string(),
        None if host.contains(':') => return None,
        None => host.to_owned(),
    };
    ServerName::try_from(host.as_str()).ok()?;
    Some(Target { host, port })
}
