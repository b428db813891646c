//! Key exchange groups, hybrid first whatever a client's own order is.
//!
//! rustls lets the client's order of groups decide. A client that can do X25519MLKEM768 and names another group first
//! would be talked to in a way that a recording can be broken of later. So those that name it are answered by a
//! configuration that has nothing else for TLS 1.3; the classical groups stay for TLS 1.2, as the client may yet turn
//! out to speak no more.

use rustls::crypto::aws_lc_rs::{self, kx_group};
use rustls::crypto::{ActiveKeyExchange, CompletedKeyExchange, CryptoProvider, SupportedKxGroup};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::{Error, NamedGroup, ProtocolVersion};

/// The hybrid of a classical and a post-quantum key exchange that is preferred.
pub(crate) const PREFERRED: NamedGroup = NamedGroup::X25519MLKEM768;

static X25519: OnlyTls12 = OnlyTls12(|| kx_group::X25519);
static SECP256R1: OnlyTls12 = OnlyTls12(|| kx_group::SECP256R1);
static SECP384R1: OnlyTls12 = OnlyTls12(|| kx_group::SECP384R1);

/// For clients that do not name the preferred group.
pub(crate) fn any_group() -> CryptoProvider {
    aws_lc_rs::default_provider()
}

/// For clients that do.
pub(crate) fn preferred_group() -> CryptoProvider {
    CryptoProvider {
        kx_groups: vec![kx_group::X25519MLKEM768, &X25519, &SECP256R1, &SECP384R1],
        ..aws_lc_rs::default_provider()
    }
}

/// A group that is not there for TLS 1.3.
struct OnlyTls12(fn() -> &'static dyn SupportedKxGroup);

impl std::fmt::Debug for OnlyTls12 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} at TLS 1.2", self.name())
    }
}

impl SupportedKxGroup for OnlyTls12 {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        (self.0)().start()
    }

    fn start_and_complete(&self, peer_pub_key: &[u8]) -> Result<CompletedKeyExchange, Error> {
        (self.0)().start_and_complete(peer_pub_key)
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        (self.0)().ffdhe_group()
    }

    fn name(&self) -> NamedGroup {
        (self.0)().name()
    }

    fn fips(&self) -> bool {
        (self.0)().fips()
    }

    fn usable_for_version(&self, version: ProtocolVersion) -> bool {
        version == ProtocolVersion::TLSv1_2 && (self.0)().usable_for_version(version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preferred_group_is_alone_at_tls13_and_the_others_stay_for_tls12() {
        let at = |provider: &CryptoProvider, version| {
            let groups = provider.kx_groups.iter();
            let usable = groups.filter(|group| group.usable_for_version(version));
            usable.map(|group| group.name()).collect::<Vec<_>>()
        };
        let (any, preferred) = (any_group(), preferred_group());
        assert_eq!(at(&preferred, ProtocolVersion::TLSv1_3), [PREFERRED]);
        assert_eq!(
            at(&preferred, ProtocolVersion::TLSv1_2),
            at(&any, ProtocolVersion::TLSv1_2)
        );
        assert_eq!(at(&any, ProtocolVersion::TLSv1_3).first(), Some(&PREFERRED));
    }
}
