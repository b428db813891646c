//! What is known of a connection once it is open.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use http::HeaderValue;
use rustls::pki_types::{CertificateDer, UnixTime};
use transport::activity::Activity;
use transport::certificate_error::CertificateError;
use transport::presented::PresentedChain;
use transport::serve::Negotiated;

use super::carrier::EdgeIdentity;
use transport::remembered::Digest;

/// Facts fixed when the connection was accepted, shared by all its requests.
pub struct Connection {
    /// A name for the log.
    pub id: ConnectionId,
    /// The other end of the TCP connection.
    pub peer: SocketAddr,
    /// The peer's address as a header value.
    pub peer_header: HeaderValue,
    /// Our end.
    pub local: SocketAddr,
    /// What TLS negotiated; `None` on a plain listener.
    pub tls: Option<Negotiated>,
    /// Whether this handshake asked for a certificate.
    pub asked_for_certificate: bool,
    /// Requests in flight.
    pub activity: Arc<Activity>,
    /// What the peer showed. The handshake proved that it has the key, and nothing else.
    pub(in crate::identity) presented: Option<Result<Presented, CertificateError>>,
    /// Whether the peer is an edge: remembered until something changes.
    pub(in crate::identity) edge: ArcSwapOption<EdgeVerdict>,
}

pub(in crate::identity) struct Presented {
    pub(in crate::identity) chain: PresentedChain,
    pub(in crate::identity) digest: Digest,
}

pub(in crate::identity) struct EdgeVerdict {
    pub(in crate::identity) generation: u64,
    pub(in crate::identity) until: UnixTime,
    pub(in crate::identity) identity: Option<Arc<EdgeIdentity>>,
}

/// Eight random bytes in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionId(u64);

impl ConnectionId {
    /// As a number.
    pub fn number(self) -> u64 {
        self.0
    }

    fn random() -> Self {
        Self(fastrand::u64(..))
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Connection {
    /// A connection without TLS.
    pub fn plain(peer: SocketAddr, local: SocketAddr) -> Self {
        Self::open(peer, local, None, false, None)
    }

    /// A TLS connection. `certificates` is what the client showed, if it was asked and did.
    pub fn tls(
        (peer, local): (SocketAddr, SocketAddr),
        negotiated: Negotiated,
        asked_for_certificate: bool,
        certificates: Option<&[CertificateDer<'_>]>,
    ) -> Self {
        let presented = certificates.filter(|chain| !chain.is_empty()).map(|chain| {
            let chain = PresentedChain::from_handshake(chain)?;
            Ok(Presented {
                digest: Digest(chain.digest()),
                chain,
            })
        });
        Self::open(peer, local, Some(negotiated), asked_for_certificate, presented)
    }

    fn open(
        peer: SocketAddr,
        local: SocketAddr,
        tls: Option<Negotiated>,
        asked_for_certificate: bool,
        presented: Option<Result<Presented, CertificateError>>,
    ) -> Self {
        let peer = SocketAddr::new(unmapped(peer.ip()), peer.port());
        Self {
            id: ConnectionId::random(),
            peer,
            peer_header: address_header(peer.ip()),
            local,
            tls,
            asked_for_certificate,
            activity: Activity::new(),
            presented,
            edge: ArcSwapOption::empty(),
        }
    }

    /// Has this connection be an edge's, or nobody's, for one generation: for who asks what would be if it were.
    pub(crate) fn suppose_edge(&self, generation: u64, until: UnixTime, identity: Option<EdgeIdentity>) {
        self.edge.store(Some(Arc::new(EdgeVerdict {
            generation,
            until,
            identity: identity.map(Arc::new),
        })));
    }

    /// What the peer showed, to be verified: `None` if nothing, an error if it cannot even be looked at.
    pub fn presented(&self) -> Option<Result<(Digest, &PresentedChain), &CertificateError>> {
        let presented = self.presented.as_ref()?;
        Some(
            presented
                .as_ref()
                .map(|presented| (presented.digest, &presented.chain)),
        )
    }
}

/// An IPv4 client of an IPv6 socket is an IPv4 client: it must meet the rules written for its address.
fn unmapped(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(ip, IpAddr::V4),
        IpAddr::V4(_) => ip,
    }
}

/// An address as a header value.
pub(crate) fn address_header(ip: IpAddr) -> HeaderValue {
    HeaderValue::try_from(ip.to_string()).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("id", &self.id)
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}
