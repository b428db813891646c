//! Type and size of a key, as policies name them.

use std::fmt;

use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_NIST_EC_P521, OID_PKCS1_RSAENCRYPTION,
    OID_SIG_ED25519,
};
use x509_parser::public_key;
use x509_parser::x509::SubjectPublicKeyInfo;

/// What kind of key a certificate holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// RSA (rsaEncryption).
    Rsa {
        /// Length of the modulus.
        bits: usize,
    },
    /// ECDSA on secp256r1, named.
    P256,
    /// ECDSA on secp384r1, named.
    P384,
    /// ECDSA on secp521r1, named.
    P521,
    /// Ed25519.
    Ed25519,
    /// Anything else: other curves, curves given by their parameters, DSA, RSASSA-PSS keys, post-quantum keys.
    Other,
}

impl PublicKey {
    pub(super) fn read(info: &SubjectPublicKeyInfo<'_>) -> Self {
        let algorithm = &info.algorithm.algorithm;
        if *algorithm == OID_PKCS1_RSAENCRYPTION {
            return Self::rsa(info);
        }
        if *algorithm == OID_SIG_ED25519 {
            return Self::Ed25519;
        }
        if *algorithm != OID_KEY_TYPE_EC_PUBLIC_KEY {
            return Self::Other;
        }
        let curve = info.algorithm.parameters.as_ref();
        match curve.and_then(|parameters| parameters.as_oid().ok()) {
            Some(curve) if curve == OID_EC_P256 => Self::P256,
            Some(curve) if curve == OID_NIST_EC_P384 => Self::P384,
            Some(curve) if curve == OID_NIST_EC_P521 => Self::P521,
            Some(_) | None => Self::Other,
        }
    }

    fn rsa(info: &SubjectPublicKeyInfo<'_>) -> Self {
        let Ok(public_key::PublicKey::RSA(key)) = info.parsed() else {
            return Self::Other;
        };
        let significant = key.modulus.iter().skip_while(|octet| **octet == 0);
        let bits = significant.clone().count() * 8;
        let unused = significant
            .clone()
            .next()
            .map_or(0, |first| first.leading_zeros() as usize);
        Self::Rsa { bits: bits - unused }
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa { bits } => write!(f, "RSA of {bits} bits"),
            Self::P256 => f.write_str("P-256"),
            Self::P384 => f.write_str("P-384"),
            Self::P521 => f.write_str("P-521"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Other => f.write_str("a type or curve that is not in the list"),
        }
    }
}
