//! `certificates` and `snis`: what the gateway shows of itself, to clients by name and to upstreams.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use uuid::Uuid;

use super::tree::{Located, Place};

/// A certificate chain with its key, and possibly a second pair of the other key type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The id, given or derived from its position in the document.
    pub id: Uuid,
    /// Where the entity begins.
    pub place: Place,
    /// `cert` and `key`.
    pub pair: KeyPair,
    /// `cert_alt` and `key_alt`.
    pub alternative: Option<KeyPair>,
    /// Labels.
    pub tags: Vec<String>,
}

/// A chain, leaf first, and the private key that belongs to its leaf. `Debug` shows neither.
#[derive(Clone)]
pub struct KeyPair {
    /// Where the chain's PEM text begins.
    pub place: Place,
    /// Ready for a handshake; its key is known to match its leaf.
    pub certified: Arc<CertifiedKey>,
}

impl KeyPair {
    /// The chain, leaf first; never empty.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.certified.cert
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("KeyPair")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

/// Two pairs are equal when they show the same chain: a key is bound to its leaf.
impl PartialEq for KeyPair {
    fn eq(&self, other: &Self) -> bool {
        self.place == other.place && self.chain() == other.chain()
    }
}

impl Eq for KeyPair {}

/// A server name under which a certificate is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sni {
    /// The id, given or derived from the name.
    pub id: Uuid,
    /// Where the entity begins.
    pub place: Place,
    /// A host name, `*.name`, `name.*` or `*`.
    pub name: Located<String>,
    /// The certificate: an id of [`super::Document::certificates`].
    pub certificate: Uuid,
    /// Labels.
    pub tags: Vec<String>,
}
