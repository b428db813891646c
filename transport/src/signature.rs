//! Which signatures count, on certificates and on revocation lists: SHA-2 with RSA from 2048 bits, the three NIST curves, Ed25519.
//!
//! SHA-1 and MD5 are absent from the list, and so is every curve and size that `decisions` on keys leaves out: what is not listed
//! here cannot be verified.

use rustls::pki_types::SignatureVerificationAlgorithm;
use webpki::aws_lc_rs as algorithm;

use crate::der::{self, BIT_STRING, Reader, SEQUENCE};

/// The algorithms that may sign a certificate or a revocation list.
pub(crate) static ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[
    algorithm::ECDSA_P256_SHA256,
    algorithm::ECDSA_P256_SHA384,
    algorithm::ECDSA_P256_SHA512,
    algorithm::ECDSA_P384_SHA256,
    algorithm::ECDSA_P384_SHA384,
    algorithm::ECDSA_P384_SHA512,
    algorithm::ECDSA_P521_SHA256,
    algorithm::ECDSA_P521_SHA384,
    algorithm::ECDSA_P521_SHA512,
    algorithm::ED25519,
    algorithm::RSA_PKCS1_2048_8192_SHA256,
    algorithm::RSA_PKCS1_2048_8192_SHA384,
    algorithm::RSA_PKCS1_2048_8192_SHA512,
    algorithm::RSA_PKCS1_2048_8192_SHA256_ABSENT_PARAMS,
    algorithm::RSA_PKCS1_2048_8192_SHA384_ABSENT_PARAMS,
    algorithm::RSA_PKCS1_2048_8192_SHA512_ABSENT_PARAMS,
    algorithm::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
    algorithm::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
    algorithm::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
];

/// The frame that X.509 puts around what is signed: `SEQUENCE { tbs, AlgorithmIdentifier, BIT STRING }`.
pub(crate) struct Signed<'a> {
    /// What is signed, with its header.
    pub(crate) message: &'a [u8],
    /// Its contents.
    pub(crate) content: &'a [u8],
    /// The contents of the AlgorithmIdentifier.
    pub(crate) algorithm: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Signed<'a> {
    /// Takes the frame apart; `None` if it is not one, or if anything follows it.
    pub(crate) fn read(der: &'a [u8]) -> Option<Self> {
        let (signed, rest) = Self::read_with_rest(der)?;
        rest.is_empty().then_some(signed)
    }

    /// The same, and what follows the signature inside the frame, as in an OCSP response.
    pub(crate) fn read_with_rest(der: &'a [u8]) -> Option<(Self, Reader<'a>)> {
        let mut parts = Reader::new(der::only(der, SEQUENCE)?.content);
        let tbs = parts.expect(SEQUENCE)?;
        let algorithm = parts.expect(SEQUENCE)?.content;
        let signature = der::octets_of_bit_string(parts.expect(BIT_STRING)?.content)?;
        let signed = Self {
            message: tbs.whole,
            content: tbs.content,
            algorithm,
            signature,
        };
        Some((signed, parts))
    }

    /// Whether the owner of this SubjectPublicKeyInfo signed it.
    pub(crate) fn is_by(&self, subject_public_key_info: &[u8]) -> bool {
        let Some((key_algorithm, key)) = key_parts(subject_public_key_info) else {
            return false;
        };
        ALGORITHMS.iter().any(|candidate| {
            candidate.signature_alg_id().as_ref() == self.algorithm
                && candidate.public_key_alg_id().as_ref() == key_algorithm
                && candidate
                    .verify_signature(key, self.message, self.signature)
                    .is_ok()
        })
    }

    /// Whether its algorithm is one that counts.
    pub(crate) fn algorithm_is_known(&self) -> bool {
        ALGORITHMS
            .iter()
            .any(|candidate| candidate.signature_alg_id().as_ref() == self.algorithm)
    }
}

/// The contents of the AlgorithmIdentifier, and the key.
pub(crate) fn key_parts(subject_public_key_info: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut parts = Reader::new(der::only(subject_public_key_info, SEQUENCE)?.content);
    let algorithm = parts.expect(SEQUENCE)?.content;
    let key = der::octets_of_bit_string(parts.expect(BIT_STRING)?.content)?;
    parts.is_empty().then_some((algorithm, key))
}
