//! What a token rests on, kept beside the answer so that it can be judged again.

use std::sync::Arc;

use rustls::pki_types::UnixTime;
use transport::remembered::Digest;

use crate::token::{PublishedKey, VerificationKey, VerifiedClaims};

/// A secret that both ends know, with what tells it from another.
#[derive(Debug)]
pub struct SharedSecret {
    /// For HMAC.
    pub key: VerificationKey,
    /// Its digest.
    pub digest: Digest,
}

/// A token that was accepted, kept so that what it says can be judged again. Not the token itself.
#[derive(Debug, Clone)]
pub struct TokenEvidence {
    pub(super) claims: Arc<VerifiedClaims>,
    pub(super) voucher: Voucher,
}

/// Whose word it is.
#[derive(Debug, Clone)]
pub(super) enum Voucher {
    Key(Arc<PublishedKey>),
    Secret(Digest),
    /// Good for as long as what the provider said may be believed.
    Provider(UnixTime),
}

impl TokenEvidence {
    /// Whether the key that it was signed with has been taken back.
    pub fn is_withdrawn(&self) -> bool {
        match &self.voucher {
            Voucher::Key(key) => key.is_withdrawn(),
            Voucher::Secret(_) | Voucher::Provider(_) => false,
        }
    }
}
