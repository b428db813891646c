//! The question to a responder: one certificate, unsigned, without a nonce (RFC 6960 §4.1, RFC 5019 §2.1).
//!
//! A nonce would ask for an answer made for us alone; responders that sign in advance, which is most, ignore it. What an old
//! answer could do is bounded by its nextUpdate.

use aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY;

use super::hashed;
use crate::certificate::Certificate;
use crate::der::{INTEGER, OCTET_STRING, SEQUENCE, element};
use crate::signature::key_parts;

/// AlgorithmIdentifier of SHA-1: with it responders index what they sign. It finds a certificate and protects nothing.
const SHA1: &[u8] = &[0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00];

/// OCSPRequest in DER about `certificate`, which `issuer` signed. `None` if the issuer's key cannot be read.
pub fn request(certificate: &Certificate, issuer: &Certificate) -> Option<Vec<u8>> {
    let (_, issuers_key) = key_parts(issuer.subject_public_key_info())?;
    let hash = |octets: &[u8]| element(OCTET_STRING, &hashed(&SHA1_FOR_LEGACY_USE_ONLY, octets));
    let id = [
        SHA1.to_vec(),
        hash(certificate.issuer().raw()),
        hash(issuers_key),
        element(INTEGER, certificate.raw_serial()),
    ];
    // OCSPRequest, TBSRequest, requestList, Request, CertID
    let framed = (0..5).fold(id.concat(), |content, _| element(SEQUENCE, &content));
    Some(framed)
}
