//! Who may carry a certificate for somebody else.
//!
//! A certificate is public. In a header it proves nothing but that somebody has seen it, unless the hop that carried
//! it is proven: by mTLS with a certificate that names an edge we trust, or, behind a load balancer that has none, by
//! the address of the TCP peer. Both are judged here, per request and against the snapshot in force.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use rustls::pki_types::UnixTime;
use tracing::{debug, info, warn};
use transport::certificate::{AlternativeName, Certificate};
use transport::certificate_error::CertificateError;
use transport::presented::PresentedChain;
use transport::verify::{TrustStore, VerifiedPath};

use super::client::hexadecimal;
use super::connection::{Connection, EdgeVerdict};
use crate::settings::EdgeName;

/// The standing of the peer that a request came from.
#[derive(Clone, Debug)]
pub enum Carrier {
    /// An edge of ours, proved by mTLS on this connection.
    Edge(Arc<EdgeIdentity>),
    /// An address in `trusted_ips`.
    TrustedAddress,
    /// Anybody else.
    Nobody,
}

impl Carrier {
    /// Whether what it says of the client in `X-Forwarded-*` is believed.
    pub fn speaks_for_others(&self) -> bool {
        match self {
            Self::Edge(_) | Self::TrustedAddress => true,
            Self::Nobody => false,
        }
    }
}

/// An edge that was recognised.
#[derive(Debug)]
pub struct EdgeIdentity {
    /// SHA-256 of its certificate, lower-case hexadecimal.
    pub sha256: Box<str>,
    /// Until when its certificate, and every list that was consulted, is valid.
    pub valid_until: UnixTime,
}

/// The edges that may carry certificates: whom their certificates must come from, and what they must say.
#[derive(Debug)]
pub struct TrustedEdges {
    store: TrustStore,
    names: Box<[EdgeName]>,
}

/// How long a peer that is no edge is not looked at again.
const NO_EDGE_FOR: Duration = Duration::from_secs(5);

impl TrustedEdges {
    /// Edges whose certificate `store` verifies and one of `names` names.
    pub fn new(store: TrustStore, names: Box<[EdgeName]>) -> Self {
        Self { store, names }
    }

    /// CA names for the certificate request.
    pub fn subjects(&self) -> Vec<rustls::DistinguishedName> {
        self.store.subjects()
    }

    /// Certificates and revocation lists in force, for `/status`.
    pub fn store(&self) -> &TrustStore {
        &self.store
    }

    /// Whether this connection's own certificate is an edge's, now. The answer is remembered with the connection until
    /// the certificate or a revocation list runs out, or the configuration changes: an edge that is revoked loses the
    /// right with its next request.
    pub fn recognise(
        &self,
        connection: &Connection,
        generation: u64,
        now: UnixTime,
    ) -> Option<Arc<EdgeIdentity>> {
        let presented = connection.presented.as_ref()?.as_ref().ok()?;
        if let Some(known) = connection.edge.load().as_ref()
            && known.generation == generation
            && now <= known.until
        {
            return known.identity.clone();
        }
        let (identity, until) = match self
            .store
            .verify(&presented.chain, now)
            .map_err(Stranger::Untrusted)
        {
            Ok(path) if self.is_named(path.leaf()) => {
                let identity = Arc::new(EdgeIdentity {
                    sha256: hexadecimal(&path.leaf().sha256()).into(),
                    valid_until: path.valid_until(),
                });
                info!(connection_id = %connection.id, peer = %connection.peer, certificate_sha256 = %identity.sha256, "an edge has connected");
                (Some(identity), path.valid_until())
            }
            other => {
                let stranger = match other {
                    Ok(path) => Stranger::Unnamed(path.leaf().subject().to_string()),
                    Err(stranger) => stranger,
                };
                stranger.report(connection);
                (None, later(now, NO_EDGE_FOR))
            }
        };
        connection.edge.store(Some(Arc::new(EdgeVerdict {
            generation,
            until,
            identity: identity.clone(),
        })));
        identity
    }

    /// Why a certificate makes no edge of its owner; `None`: it does.
    pub(crate) fn refusal(&self, chain: &PresentedChain, now: UnixTime) -> Option<String> {
        match self.store.verify(chain, now) {
            Ok(path) if self.is_named(path.leaf()) => None,
            Ok(path) => Some(format!(
                "no entry of trusted_edges names `{}`",
                path.leaf().subject()
            )),
            Err(error) => Some(error.to_string()),
        }
    }

    /// Whether a certificate that nobody has shown would make an edge of whoever had it, if it were verified. Where an
    /// edge is pinned by its digest, any certificate could be the one.
    pub(crate) fn would_know(&self, leaf: &Certificate) -> bool {
        let is_pinned = |name: &EdgeName| matches!(name, EdgeName::Sha256(_));
        self.is_named(leaf) || self.names.iter().any(is_pinned)
    }

    /// The edge that it would be.
    pub(crate) fn suppose(&self, path: &VerifiedPath) -> Option<EdgeIdentity> {
        self.would_know(path.leaf()).then(|| EdgeIdentity {
            sha256: hexadecimal(&path.leaf().sha256()).into(),
            valid_until: path.valid_until(),
        })
    }

    /// What an edge's certificate must name.
    pub(crate) fn names(&self) -> &[EdgeName] {
        &self.names
    }

    fn is_named(&self, leaf: &Certificate) -> bool {
        self.names.iter().any(|name| match name {
            EdgeName::Sha256(digest) => *digest == leaf.sha256(),
            EdgeName::Dns(wanted) => {
                leaf.alternative_names().unwrap_or_default().iter().any(
                    |name| matches!(name, AlternativeName::Dns(name) if name.eq_ignore_ascii_case(wanted)),
                )
            }
            EdgeName::Uri(wanted) => leaf
                .alternative_names()
                .unwrap_or_default()
                .iter()
                .any(|name| matches!(name, AlternativeName::Uri(name) if name == wanted)),
        })
    }
}

/// A peer with a certificate that is no edge's. That is no error: with `mtls-auth` it may be a client.
enum Stranger {
    Untrusted(CertificateError),
    Unnamed(String),
}

impl Stranger {
    fn report(&self, connection: &Connection) {
        let (peer, connection_id) = (connection.peer, connection.id);
        match self {
            Self::Untrusted(
                cause @ (CertificateError::Revoked { .. } | CertificateError::Expired { .. }),
            ) => {
                warn!(%connection_id, %peer, %cause, "the peer's certificate is not accepted as an edge's");
            }
            Self::Untrusted(cause) => {
                debug!(%connection_id, %peer, %cause, "the peer's certificate is not an edge's");
            }
            Self::Unnamed(subject) => {
                info!(%connection_id, %peer, subject, "the peer's certificate is trusted, but no entry of trusted_edges names it");
            }
        }
    }
}

/// Where a certificate header may come from, and whom to believe about the client's address.
#[derive(Debug, Default)]
pub struct HeaderSources {
    /// Set: certificate headers count from an edge alone, whatever the address.
    pub edges: Option<TrustedEdges>,
    /// `trusted_ips`.
    pub addresses: Box<[IpNet]>,
}

/// What a plugin asks of the source of its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceRule {
    /// An edge, or, where no edges are named, a trusted address.
    Proven,
    /// Any peer (`secure_source: false`), unless edges are named: then an edge all the same.
    AnyAddress,
}

impl HeaderSources {
    /// The standing of a connection's peer.
    pub fn carrier(&self, connection: &Connection, generation: u64, now: UnixTime) -> Carrier {
        if let Some(edge) = self
            .edges
            .as_ref()
            .and_then(|edges| edges.recognise(connection, generation, now))
        {
            return Carrier::Edge(edge);
        }
        if self.trusts(connection.peer.ip()) {
            Carrier::TrustedAddress
        } else {
            Carrier::Nobody
        }
    }

    /// Whether an address is in `trusted_ips`.
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|network| network.contains(&address))
    }

    /// Whether a certificate header from this carrier counts under this rule.
    pub fn admits(&self, carrier: &Carrier, rule: SourceRule) -> bool {
        match (carrier, &self.edges, rule) {
            (Carrier::Edge(_), _, _) | (Carrier::TrustedAddress, None, _) => true,
            (Carrier::TrustedAddress | Carrier::Nobody, Some(_), _) => false,
            (Carrier::Nobody, None, rule) => rule == SourceRule::AnyAddress,
        }
    }
}

/// A time after `now`.
pub(crate) fn later(now: UnixTime, by: Duration) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(now.as_secs()) + by)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_edges_the_address_decides_and_secure_source_false_admits_anyone() {
        let sources = HeaderSources {
            edges: None,
            addresses: vec!["10.0.0.0/8".parse().unwrap()].into(),
        };
        for (address, trusted) in [("10.1.2.3", true), ("11.0.0.1", false), ("::1", false)] {
            assert_eq!(sources.trusts(address.parse().unwrap()), trusted, "{address}");
        }
        for (carrier, rule, admitted) in [
            (Carrier::TrustedAddress, SourceRule::Proven, true),
            (Carrier::Nobody, SourceRule::Proven, false),
            (Carrier::Nobody, SourceRule::AnyAddress, true),
            (Carrier::TrustedAddress, SourceRule::AnyAddress, true),
        ] {
            assert_eq!(sources.admits(&carrier, rule), admitted, "{carrier:?} {rule:?}");
        }
    }
}
