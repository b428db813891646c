//! Keys that verify signatures, and which algorithms each may be used with.

use std::fmt;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::hmac;
use aws_lc_rs::rsa::PublicEncryptingKey;
use aws_lc_rs::signature::{
    self as scheme, ParsedPublicKey, RsaParameters, RsaPublicKeyComponents, VerificationAlgorithm,
};
use base64::Engine as _;

use super::algorithm::Algorithm;
use super::jws::TokenError;

/// Bits of an RSA modulus (decision 23).
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// A key, parsed, with a verifier for each algorithm that it may be used with.
pub struct VerificationKey(Box<[(Algorithm, Verifier)]>);

enum Verifier {
    Public(ParsedPublicKey),
    Secret(Box<hmac::Key>),
}

/// Why there is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not of the form that it should have.
    #[error("the key cannot be read")]
    Unreadable,
    /// An RSA key that is too short, too long, or has an exponent that nobody uses.
    #[error("an RSA key must have 2048 to 8192 bits and an odd exponent above 1")]
    Weak,
    /// A point of small order, under which a signature that everybody can write is good for every message.
    #[error("the key is a point of small order, for which everybody can sign")]
    SmallOrder,
    /// The algorithm is for another type of key.
    #[error("the key is not of the type that its algorithm needs")]
    WrongType,
    /// An empty secret.
    #[error("the secret is empty")]
    Empty,
}

impl VerificationKey {
    /// A shared secret, for these algorithms; all of them are HMAC's.
    pub fn secret(secret: &[u8], algorithms: &[Algorithm]) -> Result<Self, KeyError> {
        if secret.is_empty() {
            return Err(KeyError::Empty);
        }
        let verifier = |algorithm: &Algorithm| {
            let digest = match algorithm {
                Algorithm::Hs256 => hmac::HMAC_SHA256,
                Algorithm::Hs384 => hmac::HMAC_SHA384,
                Algorithm::Hs512 => hmac::HMAC_SHA512,
                Algorithm::Rs256
                | Algorithm::Rs384
                | Algorithm::Rs512
                | Algorithm::Ps256
                | Algorithm::Ps384
                | Algorithm::Ps512
                | Algorithm::Es256
                | Algorithm::Es384
                | Algorithm::Es512
                | Algorithm::EdDsa => return Err(KeyError::WrongType),
            };
            Ok((
                *algorithm,
                Verifier::Secret(Box::new(hmac::Key::new(digest, secret))),
            ))
        };
        algorithms
            .iter()
            .map(verifier)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// A public key in PEM: `PUBLIC KEY`, or `RSA PUBLIC KEY` for RSA.
    pub fn from_pem(pem: &str, algorithm: Algorithm) -> Result<Self, KeyError> {
        Self::from_der(&der_of(pem).ok_or(KeyError::Unreadable)?, algorithm)
    }

    /// A public key in DER: SubjectPublicKeyInfo, or RSAPublicKey (RFC 8017) for RSA.
    pub fn from_der(der: &[u8], algorithm: Algorithm) -> Result<Self, KeyError> {
        let scheme: &'static dyn VerificationAlgorithm = match of_rsa(algorithm) {
            Some(parameters) => parameters,
            None => of_curve(algorithm).ok_or(KeyError::WrongType)?.0,
        };
        let key = ParsedPublicKey::new(scheme, der).map_err(|_| KeyError::Unreadable)?;
        if of_rsa(algorithm).is_some() {
            require_strength(&key)?;
        }
        if algorithm == Algorithm::EdDsa {
            // SubjectPublicKeyInfo ends with the key (RFC 8410 §4).
            require_large_order(der.last_chunk().ok_or(KeyError::Unreadable)?)?;
        }
        Ok(Self([(algorithm, Verifier::Public(key))].into()))
    }

    /// An RSA key by its numbers, big-endian, for these algorithms of RSA. There should be no leading zeros (RFC 7518
    /// §6.3.1); some providers write the one that DER has, and it changes nothing.
    pub fn rsa(modulus: &[u8], exponent: &[u8], algorithms: &[Algorithm]) -> Result<Self, KeyError> {
        let (modulus, exponent) = (without_zeros(modulus), without_zeros(exponent));
        if exponent.len() > 4 || exponent == [1] || exponent.last().is_none_or(|last| last % 2 == 0) {
            return Err(KeyError::Weak);
        }
        let numbers = RsaPublicKeyComponents {
            n: modulus,
            e: exponent,
        };
        let verifier = |algorithm: &Algorithm| {
            let parameters = of_rsa(*algorithm).ok_or(KeyError::WrongType)?;
            let key = numbers
                .to_parsed_public_key(parameters)
                .map_err(|_| KeyError::Unreadable)?;
            require_strength(&key)?;
            Ok((*algorithm, Verifier::Public(key)))
        };
        algorithms
            .iter()
            .map(verifier)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// A point of the curve that the algorithm stands for: its coordinates, each as long as the curve's field.
    pub fn elliptic(x: &[u8], y: &[u8], algorithm: Algorithm) -> Result<Self, KeyError> {
        let (scheme, length) = of_curve(algorithm).ok_or(KeyError::WrongType)?;
        if algorithm == Algorithm::EdDsa {
            return Err(KeyError::WrongType);
        }
        if x.len() != length || y.len() != length {
            return Err(KeyError::Unreadable);
        }
        // Uncompressed (SEC 1 §2.3.3). Parsing finds out whether it lies on the curve.
        let point = [&[4], x, y].concat();
        let key = ParsedPublicKey::new(scheme, point).map_err(|_| KeyError::Unreadable)?;
        Ok(Self([(algorithm, Verifier::Public(key))].into()))
    }

    /// An Ed25519 key (RFC 8037).
    pub fn edwards(x: &[u8]) -> Result<Self, KeyError> {
        require_large_order(x.try_into().map_err(|_| KeyError::Unreadable)?)?;
        let key = ParsedPublicKey::new(&scheme::ED25519, x).map_err(|_| KeyError::Unreadable)?;
        Ok(Self([(Algorithm::EdDsa, Verifier::Public(key))].into()))
    }

    /// Whether it may be used with an algorithm.
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        self.0.iter().any(|(own, _)| *own == algorithm)
    }

    /// Verifies a signature.
    pub(super) fn verify(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), TokenError> {
        let verifier = self.0.iter().find(|(own, _)| *own == algorithm);
        let (_, verifier) = verifier.ok_or(TokenError::WrongAlgorithm(algorithm))?;
        match verifier {
            Verifier::Public(key) => key.verify_sig(message, signature),
            Verifier::Secret(key) => hmac::verify(key, message, signature),
        }
        .map_err(|_| TokenError::Signature)
    }
}

impl fmt::Debug for VerificationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the key: it may be a secret.
        f.debug_list()
            .entries(self.0.iter().map(|(algorithm, _)| algorithm))
            .finish()
    }
}

fn of_rsa(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    match algorithm {
        Algorithm::Rs256 => Some(&scheme::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::Rs384 => Some(&scheme::RSA_PKCS1_2048_8192_SHA384),
        Algorithm::Rs512 => Some(&scheme::RSA_PKCS1_2048_8192_SHA512),
        Algorithm::Ps256 => Some(&scheme::RSA_PSS_2048_8192_SHA256),
        Algorithm::Ps384 => Some(&scheme::RSA_PSS_2048_8192_SHA384),
        Algorithm::Ps512 => Some(&scheme::RSA_PSS_2048_8192_SHA512),
        Algorithm::Hs256
        | Algorithm::Hs384
        | Algorithm::Hs512
        | Algorithm::Es256
        | Algorithm::Es384
        | Algorithm::Es512
        | Algorithm::EdDsa => None,
    }
}

/// With the octets of a coordinate.
fn of_curve(algorithm: Algorithm) -> Option<(&'static dyn VerificationAlgorithm, usize)> {
    match algorithm {
        Algorithm::Es256 => Some((&scheme::ECDSA_P256_SHA256_FIXED, 32)),
        Algorithm::Es384 => Some((&scheme::ECDSA_P384_SHA384_FIXED, 48)),
        Algorithm::Es512 => Some((&scheme::ECDSA_P521_SHA512_FIXED, 66)),
        Algorithm::EdDsa => Some((&scheme::ED25519, 32)),
        Algorithm::Hs256
        | Algorithm::Hs384
        | Algorithm::Hs512
        | Algorithm::Rs256
        | Algorithm::Rs384
        | Algorithm::Rs512
        | Algorithm::Ps256
        | Algorithm::Ps384
        | Algorithm::Ps512 => None,
    }
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|octet| **octet == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// Refuses the points of the curve whose order is 1, 2, 4 or 8, in every encoding: their `y` alone tells them (RFC 8032
/// §5.1.3; `p` and `p + 1` are other spellings of 0 and 1). aws-lc verifies by them like by any other.
fn require_large_order(key: &[u8; 32]) -> Result<(), KeyError> {
    /// Between first and last octet, the sign aside, all octets of these are the same.
    const PLAIN: [(u8, u8, u8); 5] = [
        (0x00, 0x00, 0x00),
        (0x01, 0x00, 0x00),
        (0xec, 0xff, 0x7f),
        (0xed, 0xff, 0x7f),
        (0xee, 0xff, 0x7f),
    ];
    /// Of order 8.
    const OTHERS: [[u8; 32]; 2] = [
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
            0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
            0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
        ],
    ];
    let mut point = *key;
    let [first, between @ .., last] = &mut point;
    *last &= 0x7f;
    let plain = PLAIN.iter().any(|(low, middle, high)| {
        first == low && last == high && between.iter().all(|octet| octet == middle)
    });
    if plain || OTHERS.contains(&point) {
        Err(KeyError::SmallOrder)
    } else {
        Ok(())
    }
}

fn require_strength(key: &ParsedPublicKey) -> Result<(), KeyError> {
    let der = key.as_der().map_err(|_| KeyError::Unreadable)?;
    let bits = PublicEncryptingKey::from_der(der.as_ref()).map(|key| key.key_size_bits());
    match bits {
        Ok(bits) if RSA_BITS.contains(&bits) => Ok(()),
        Ok(_) | Err(_) => Err(KeyError::Weak),
    }
}

/// The first section of a PEM text, if it is a public key.
fn der_of(pem: &str) -> Option<Vec<u8>> {
    let (_, rest) = pem.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    if !["PUBLIC KEY", "RSA PUBLIC KEY"].contains(&label) {
        return None;
    }
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let body: String = body.chars().filter(|char| !char.is_ascii_whitespace()).collect();
    base64::engine::general_purpose::STANDARD.decode(body).ok()
}

#[cfg(test)]
mod tests;
