//! Who may answer for an issuer: itself, or whom it delegated with id-kp-OCSPSigning (RFC 6960 §4.2.2.2).

use aws_lc_rs::digest;
use rustls::pki_types::{CertificateDer, UnixTime};

use super::{OcspProblem, hashed, is_late};
use crate::certificate::{Certificate, PublicKey};
use crate::der::{Reader, SEQUENCE};
use crate::distinguished_name::DistinguishedName;
use crate::revocation::crl::is_early;
use crate::signature::{Signed, key_parts};

/// How many certificates are looked at; each may cost a signature check.
const MOST_CERTIFICATES: usize = 4;

/// Who signed, in its own words.
pub(super) enum Responder<'a> {
    Name(DistinguishedName),
    /// SHA-1 of the key.
    Key(&'a [u8]),
}

impl Responder<'_> {
    pub(super) fn is(&self, certificate: &Certificate) -> bool {
        match self {
            Self::Name(name) => name == certificate.subject(),
            Self::Key(hash) => {
                let key = key_parts(certificate.subject_public_key_info());
                key.is_some_and(|(_, key)| hashed(&digest::SHA1_FOR_LEGACY_USE_ONLY, key) == **hash)
            }
        }
    }
}

/// Who signed the response, and by what right: the issuer itself, or a delegate, whose word ends with its certificate.
pub(super) fn signed_by_responder(
    signed: &Signed<'_>,
    responder: &Responder<'_>,
    certificates: &[u8],
    (issuer, now): (&Certificate, UnixTime),
) -> Result<Option<UnixTime>, OcspProblem> {
    if !signed.algorithm_is_known() {
        return Err(OcspProblem::SignatureAlgorithm);
    }
    let mut problem = OcspProblem::UnknownResponder;
    if responder.is(issuer) {
        if signed.is_by(issuer.subject_public_key_info()) {
            return Ok(None);
        }
        problem = OcspProblem::Signature;
    }
    let mut certificates = Reader::new(certificates);
    let mut looked_at = 0;
    while !certificates.is_empty() {
        let element = certificates.expect(SEQUENCE).ok_or(OcspProblem::Malformed)?;
        looked_at += 1;
        if looked_at > MOST_CERTIFICATES {
            return Err(OcspProblem::Malformed);
        }
        let der = CertificateDer::from(element.whole.to_vec());
        let Ok(delegate) = Certificate::parse(der) else {
            continue;
        };
        if !responder.is(&delegate) {
            continue;
        }
        if !signed.is_by(delegate.subject_public_key_info()) {
            if problem == OcspProblem::UnknownResponder {
                problem = OcspProblem::Signature;
            }
            continue;
        }
        match lacking(&delegate, issuer, now) {
            None => return Ok(Some(delegate.not_after())),
            Some(why) => problem = OcspProblem::NotDelegated(delegate.subject().to_string(), why),
        }
    }
    Err(problem)
}

/// What a responder's certificate lacks of the right to answer for the issuer.
fn lacking(delegate: &Certificate, issuer: &Certificate, now: UnixTime) -> Option<&'static str> {
    let extensions = delegate.extensions();
    let may_sign = |usage: &x509_parser::extensions::KeyUsage| usage.digital_signature();
    if !issuer.has_signed(delegate) {
        Some("is not issued by the issuer of the certificate itself")
    } else if !delegate.may_sign_ocsp() {
        Some("lacks the extended key usage id-kp-OCSPSigning")
    } else if !extensions.key_usage.as_ref().is_none_or(may_sign) {
        Some("has a key usage that allows no signatures")
    } else if extensions.unknown_critical.is_some() {
        Some("has a critical extension that is not understood")
    } else if delegate.public_key() == PublicKey::Other {
        Some("has a key of a type that is not accepted")
    } else if is_early(delegate.not_before(), now) {
        Some("is not valid yet")
    } else if is_late(delegate.not_after(), now) {
        Some("has expired")
    } else {
        None
    }
}
