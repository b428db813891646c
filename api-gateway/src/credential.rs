//! Credentials that stand in the document: API keys, passwords, keys of tokens, and whom they lead to.
//!
//! The threat is whoever finds out from how long an answer takes, or from a dump of the memory, what he should not know.
//! So neither a key nor a password is kept, nor compared as text: each is turned into a keyed digest, with a key that this
//! process draws at its start and nobody outside can compute with. A stranger who tries keys learns nothing from the
//! order in which digests differ. The digest is one of the fast ones: with every request it is computed anew, and a slow
//! one would let a stranger spend our time. What makes a password slow to guess from a stolen *file* is not ours to add,
//! because Kong's document holds it as it is.

mod fingerprint;
mod jwt_secrets;
mod passwords;

use std::collections::HashMap;
use std::sync::Arc;

use http::HeaderValue;
use rustls::pki_types::UnixTime;

use crate::consumer::ConsumerKey;
use crate::exchange::{BearerIdentity, Credential};

pub use self::fingerprint::Fingerprint;
pub use self::jwt_secrets::{JwtCredential, JwtSecrets};
pub use self::passwords::{PasswordHash, Passwords};

/// Whom a credential leads to: all that a request needs is made when the document is compiled.
#[derive(Clone, Debug)]
pub struct Owner {
    /// The consumer.
    pub consumer: ConsumerKey,
    /// What the upstream is told of the credential.
    pub credential: Credential,
    /// What the log is told, and by what an answer under way is judged again.
    pub identity: Arc<BearerIdentity>,
}

impl Owner {
    /// An owner by a credential that is called `name` in the log and `identifier` upstream.
    pub fn new(
        consumer: ConsumerKey,
        identifier: Option<HeaderValue>,
        (name, mark): (&str, Fingerprint),
        valid_until: Option<UnixTime>,
    ) -> Self {
        Self {
            consumer,
            credential: Credential { identifier },
            identity: Arc::new(BearerIdentity {
                token: None,
                subject: name.into(),
                valid_until,
                mark: Some(mark),
            }),
        }
    }

    /// Whether it is over. It is good in the second of its end.
    pub fn is_over(&self, now: UnixTime) -> bool {
        self.identity.valid_until.is_some_and(|end| now > end)
    }
}

/// `keyauth_credentials`: consumers by their keys.
#[derive(Debug, Default)]
pub struct Keys(HashMap<Fingerprint, Owner>);

impl Keys {
    /// Room for so many.
    pub fn with_capacity(keys: usize) -> Self {
        Self(HashMap::with_capacity(keys))
    }

    /// What stands for a key.
    pub fn fingerprint(key: &[u8]) -> Fingerprint {
        Fingerprint::of(&[b"key-auth", key])
    }

    /// Adds a key's owner.
    pub fn add(&mut self, key: Fingerprint, owner: Owner) {
        self.0.insert(key, owner);
    }

    /// Whose key this is.
    pub fn find(&self, key: Fingerprint) -> Option<&Owner> {
        self.0.get(&key)
    }
}
