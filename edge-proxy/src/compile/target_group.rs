//! Target groups: the TLS that the edge begins, and the connections that it keeps.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use transport::client_tls::client_config;
use transport::revocation::crl::RevocationLists;
use transport::server_verifier::verify_server;
use transport::upstream::{Address, PoolLimits, Timeouts, Upstream, UpstreamTls};
use transport::verify::{Expiry, KeyPolicy, PartialChain, Policy, Purpose, Revocation};

use super::Compiler;
use crate::plan::Preface;
use crate::settings::{Target, TargetGroup, TargetProtocol, TargetTls};
use crate::targets::Targets;

/// How long a target may take to accept, as with an ALB.
const CONNECT: Duration = Duration::from_secs(10);

/// Connections kept to one target. Nginx, Kong and our own gateway close idle ones after 60 s or more; whoever closes
/// first should be us.
const KEPT: PoolLimits = PoolLimits {
    size: 512,
    requests: 0,
    idle: Duration::from_secs(50),
};

/// Certificates that a target may present.
const LONGEST_CHAIN: usize = 8;

/// A target group whose TLS is built.
pub(super) struct Group {
    targets: Vec<Target>,
    tls: Option<UpstreamTls>,
    preface: Preface,
}

impl Group {
    /// The targets of one listener. Each listener keeps connections of its own, with its own idle timeout.
    pub(super) fn targets(&self, silence: Duration) -> Targets {
        let timeouts = Timeouts {
            connect: CONNECT,
            write: silence,
            read: silence,
        };
        let upstream = |target: &Target| {
            let address = Address {
                host: target.host.as_str().into(),
                port: target.port,
            };
            Upstream::new(address, self.tls.clone(), timeouts, KEPT)
        };
        Targets::new(self.targets.iter().map(upstream).collect())
    }

    /// The targets of a tcp listener.
    pub(super) fn addresses(&self) -> Vec<Target> {
        self.targets.clone()
    }

    /// What a tcp listener sends first.
    pub(super) fn preface(&self) -> Preface {
        self.preface
    }
}

impl Compiler<'_> {
    pub(super) fn group(&mut self, name: &str, group: &TargetGroup) -> Option<Group> {
        let TargetGroup { protocol, targets } = group;
        let (tls, preface) = match protocol {
            TargetProtocol::Https(tls) => (Some(self.target_tls(name, tls)?), Preface::None),
            TargetProtocol::Http
            | TargetProtocol::Tcp {
                send_proxy_protocol: false,
            } => (None, Preface::None),
            TargetProtocol::Tcp {
                send_proxy_protocol: true,
            } => (None, Preface::ProxyProtocol),
        };
        Some(Group {
            targets: targets.clone(),
            tls,
            preface,
        })
    }

    fn target_tls(&mut self, name: &str, tls: &TargetTls) -> Option<UpstreamTls> {
        let TargetTls {
            certificate,
            trust_store,
            server_name,
        } = tls;
        let path = format!("target_groups.{name}.tls");
        let identity = match certificate {
            None => Some(None),
            Some(files) => self.certified_key(&path, files).map(Some),
        };
        let trust_path = format!("{path}.trust_store");
        let policy = Policy {
            purpose: Purpose::Server,
            keys: KeyPolicy::Gateway,
            max_depth: LONGEST_CHAIN,
            partial_chain: PartialChain::Refused,
            expiry: Expiry::Enforced,
            revocation: Revocation::Skip,
        };
        let store = self
            .authorities(&trust_path, trust_store)
            .and_then(|authorities| {
                let judged = (policy, RevocationLists::none());
                self.trust_store(&trust_path, trust_store, authorities, judged)
            });
        let server_name = ServerName::try_from(server_name.clone()).map_err(|_| {
            let message = format!("`{server_name}` is neither a DNS name nor an IP address");
            self.error("server-name-unusable", &format!("{path}.server_name"), message);
        });
        let config = client_config(identity?, verify_server(Arc::clone(&store?)))
            .map_err(|error| self.error("tls-unusable", &path, error.to_string()))
            .ok()?;
        Some(UpstreamTls {
            config,
            server_name: server_name.ok()?,
        })
    }
}
