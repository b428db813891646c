//! `jwt_secrets`: consumers by the key that their tokens name.

use std::collections::HashMap;

use super::Owner;
use crate::token::{Algorithm, VerificationKey};

/// Consumers by the keys of their `jwt_secrets`. A key is a name here: what proves something is the signature.
#[derive(Debug, Default)]
pub struct JwtSecrets(HashMap<Box<str>, JwtCredential>);

/// What a token that names it has to be signed with.
#[derive(Debug)]
pub struct JwtCredential {
    /// The one algorithm.
    pub algorithm: Algorithm,
    /// The key, which has no other algorithm. `None`: a secret that is not in the form that the plugin expects.
    pub key: Option<VerificationKey>,
    /// Whom it leads to.
    pub owner: Owner,
}

impl JwtSecrets {
    /// Room for so many.
    pub fn with_capacity(secrets: usize) -> Self {
        Self(HashMap::with_capacity(secrets))
    }

    /// Adds a credential.
    pub fn add(&mut self, key: &str, credential: JwtCredential) {
        self.0.insert(key.into(), credential);
    }

    /// The credential with this key.
    pub fn find(&self, key: &str) -> Option<&JwtCredential> {
        self.0.get(key)
    }
}
