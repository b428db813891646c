//! A JWK set (RFC 7517) as a provider publishes it.
//!
//! Keys that cannot be used are passed over, as §5 asks: a set may hold keys for other purposes and of kinds to come. What
//! is no set at all is an error, and never takes the place of one that was good; a set without a usable key is the
//! provider's word that it has taken back the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::base64url;
use super::json::{JsonError, limited};
use super::key::{KeyError, VerificationKey};

/// Keys of a set. A provider has a handful; one with many more makes work, and is not understood.
const MOST_KEYS: usize = 256;
/// Members of all keys together.
const MOST_VALUES: usize = MOST_KEYS * 32;
/// Keys that are tried for a token that names none.
const MOST_TRIED: usize = 4;

/// A key of a set.
#[derive(Debug)]
pub struct PublishedKey {
    /// `kid`.
    pub id: Option<Box<str>>,
    /// The key.
    pub key: VerificationKey,
    /// What it is made of, so that it is recognised in the next set.
    material: Box<[u8]>,
    withdrawn: AtomicBool,
}

impl PublishedKey {
    /// Whether the provider has taken it back.
    pub fn is_withdrawn(&self) -> bool {
        self.withdrawn.load(Ordering::Acquire)
    }
}

/// Why a set is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Not JSON.
    #[error("the key set is not usable JSON: {0}")]
    Json(JsonError),
    /// Not a set.
    #[error("the key set has no array 'keys'")]
    NoKeys,
    /// Too many keys.
    #[error("the key set has {0} keys, more than {MOST_KEYS}")]
    TooMany(usize),
}

/// The keys of a provider that can verify tokens.
#[derive(Debug, Default)]
pub struct KeySet(Vec<Arc<PublishedKey>>);

impl KeySet {
    /// Reads a set.
    pub fn parse(octets: &[u8]) -> Result<Self, KeySetError> {
        let set = limited(octets, MOST_VALUES).map_err(KeySetError::Json)?;
        let Some(Value::Array(listed)) = set.get("keys") else {
            return Err(KeySetError::NoKeys);
        };
        if listed.len() > MOST_KEYS {
            return Err(KeySetError::TooMany(listed.len()));
        }
        let keys = listed.iter().filter_map(Value::as_object);
        Ok(Self(
            keys.filter_map(|jwk| published(jwk).map(Arc::new)).collect(),
        ))
    }

    /// The keys of several sets.
    pub fn joined(sets: impl IntoIterator<Item = Self>) -> Self {
        Self(sets.into_iter().flat_map(|set| set.0).collect())
    }

    /// The same keys once more.
    #[must_use]
    pub fn again(&self) -> Self {
        Self(self.0.clone())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys that may have signed a token: those of its `kid`; for a token without one, every key of the algorithm,
    /// if they are few.
    pub fn candidates(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &Arc<PublishedKey>> {
        let fitting = move |key: &&Arc<PublishedKey>| {
            key.key.fits(algorithm) && (id.is_none() || key.id.as_deref() == id)
        };
        let few = self.0.iter().filter(fitting).count() <= MOST_TRIED;
        self.0
            .iter()
            .filter(fitting)
            .take(if few { MOST_TRIED } else { 0 })
    }

    /// Whether there is a key of this `kid`, whatever its algorithm.
    pub fn knows(&self, id: &str) -> bool {
        self.0.iter().any(|key| key.id.as_deref() == Some(id))
    }

    /// Whether a key that was in another set is in this one.
    pub fn holds(&self, key: &PublishedKey) -> bool {
        self.0
            .iter()
            .any(|own| own.id == key.id && own.material == key.material)
    }

    /// This set in the place of an earlier one: keys that are in both stay the same, those that are gone are withdrawn.
    #[must_use]
    pub fn succeeding(mut self, earlier: &Self) -> Self {
        for key in &mut self.0 {
            let same = |other: &&Arc<PublishedKey>| {
                other.id == key.id && other.material == key.material && !other.is_withdrawn()
            };
            if let Some(same) = earlier.0.iter().find(same) {
                *key = Arc::clone(same);
            }
        }
        for key in &earlier.0 {
            if !self.0.iter().any(|kept| Arc::ptr_eq(kept, key)) {
                key.withdrawn.store(true, Ordering::Release);
            }
        }
        self
    }
}

fn published(jwk: &Map<String, Value>) -> Option<PublishedKey> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    let octets = |name: &str| text(name).and_then(|text| base64url(text.as_bytes()));
    // For signatures, or nothing said. A key whose private half is published is nobody's.
    let signs = jwk.get("use").is_none_or(|usage| usage == "sig");
    let verifies = jwk.get("key_ops").is_none_or(|operations| {
        operations
            .as_array()
            .is_some_and(|listed| listed.iter().any(|operation| operation == "verify"))
    });
    if !signs || !verifies || jwk.contains_key("d") {
        return None;
    }
    let id = match jwk.get("kid") {
        None => None,
        Some(id) => Some(id.as_str()?.into()),
    };
    let named = match jwk.get("alg") {
        None => None,
        Some(name) => Some(Algorithm::named(name.as_str()?)?),
    };
    let only = |algorithm: Algorithm| (named.is_none() || named == Some(algorithm)).then_some(algorithm);
    let (key, material): (Result<VerificationKey, KeyError>, Vec<u8>) = match text("kty")? {
        "RSA" => {
            let (modulus, exponent) = (octets("n")?, octets("e")?);
            let key = match named {
                Some(algorithm) => VerificationKey::rsa(&modulus, &exponent, &[algorithm]),
                None => VerificationKey::rsa(&modulus, &exponent, &Algorithm::OF_RSA),
            };
            (key, [modulus, exponent].concat())
        }
        "EC" => {
            let algorithm = match text("crv")? {
                "P-256" => Algorithm::Es256,
                "P-384" => Algorithm::Es384,
                "P-521" => Algorithm::Es512,
                _ => return None,
            };
            let (x, y) = (octets("x")?, octets("y")?);
            let key = VerificationKey::elliptic(&x, &y, only(algorithm)?);
            (key, [x, y].concat())
        }
        "OKP" if text("crv") == Some("Ed25519") => {
            only(Algorithm::EdDsa)?;
            let x = octets("x")?;
            (VerificationKey::edwards(&x), x)
        }
        // `oct` is a secret; one that is published is none.
        _ => return None,
    };
    let material = [named.map_or("", Algorithm::name).as_bytes(), b".", &material].concat();
    Some(PublishedKey {
        id,
        key: key.ok()?,
        material: material.into(),
        withdrawn: AtomicBool::new(false),
    })
}

#[cfg(test)]
mod tests;
