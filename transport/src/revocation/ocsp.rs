//! OCSP (RFC 6960): the question, and responses, read strictly and judged: pure functions of octets, certificates and the time.
//!
//! # The threat
//!
//! A response travels over plain http and from hand to hand, so everything about it is the word of whoever brought it until
//! its signature holds. What has to be told apart from a good answer: one of another certificate, of another authority of the
//! same name, signed by somebody whom the authority did not delegate (any certificate of that authority would otherwise do,
//! a client's own included), old, of tomorrow, or for another question.
//!
//! # The rules
//!
//! - The certificate is found by all four parts of CertID: the hash (SHA-1 or SHA-2), the issuer's name and key by it, the
//!   serial number.
//! - The signer is the issuer itself, or holds a certificate that the issuer's own key signed, that is valid now and whose
//!   extended key usage has id-kp-OCSPSigning. anyExtendedKeyUsage is not enough, and a delegate of a delegate is nobody.
//!   It must be the one that the response names as its responder.
//! - Signatures are of the algorithms that count for certificates: SHA-1 is refused, although CertID may have it.
//! - `thisUpdate` and `nextUpdate` are kept with five minutes' skew. Without `nextUpdate` nobody could tell when the answer is
//!   stale, so it is refused.
//! - The nonce is optional in the answer; one that is there must be the one of the question.
//! - Revoked is revoked, whatever other answers about the certificate say beside it.

mod request;
mod responder;

use aws_lc_rs::digest::{self, Algorithm};
use rustls::pki_types::UnixTime;
use thiserror::Error;

pub use self::request::request;
use self::responder::{Responder, signed_by_responder};
use super::crl::{CLOCK_SKEW, is_early};
use super::list::{read_extensions, time};
use crate::certificate::{Certificate, iso8601};
use crate::der::{self, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE};
use crate::distinguished_name::DistinguishedName;
use crate::signature::{Signed, key_parts};

/// What a response says of a certificate, in force now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whether it is revoked.
    pub status: CertificateStatus,
    /// When this was known to be so.
    pub this_update: UnixTime,
    /// The last second at which it counts.
    pub next_update: UnixTime,
}

/// The status of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateStatus {
    /// Not revoked.
    Good,
    /// Revoked, for good or on hold.
    Revoked,
    /// The responder knows nothing of it.
    Unknown,
}

/// Why a response is not an answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OcspProblem {
    /// Not an OCSPResponse in DER, or octets follow it, or it is far too large.
    #[error("it is not an OCSP response in DER, or octets follow it")]
    Malformed,
    /// The responder declined.
    #[error("the responder declined to answer: {0}")]
    Declined(&'static str),
    /// A response type other than id-pkix-ocsp-basic.
    #[error("it is of a type that is not understood ({0})")]
    Type(String),
    /// No single response is about the certificate, by its issuer's name and key and its serial number.
    #[error("it says nothing about this certificate")]
    AnotherCertificate,
    /// Its responder is neither the issuer nor among the certificates that it brings.
    #[error("its responder is neither the issuer of the certificate nor named by a certificate in it")]
    UnknownResponder,
    /// The responder's certificate gives it no right to answer.
    #[error("the certificate of its responder `{0}` {1}")]
    NotDelegated(String, &'static str),
    /// Signed with SHA-1 or the like.
    #[error("it is signed with an algorithm that is not accepted: have the responder sign with SHA-2")]
    SignatureAlgorithm,
    /// Not signed by whom it names.
    #[error("its signature does not hold: it is forged or damaged")]
    Signature,
    /// A critical extension that nobody here understands.
    #[error("it has a critical extension that is not understood")]
    CriticalExtension,
    /// A nonce that is not the one of the question.
    #[error("its nonce is that of another question")]
    Nonce,
    /// Nothing says how long it is valid.
    #[error("it has no nextUpdate, so nobody can tell when it is stale")]
    NoNextUpdate,
    /// It starts in the future by more than clocks differ.
    #[error("it is not valid before {}: is the clock right?", iso8601(*.0))]
    Early(UnixTime),
    /// It is past its nextUpdate by more than clocks differ.
    #[error("it was valid until {}: fetch a current one", iso8601(*.0))]
    Stale(UnixTime),
}

/// Longer than any response with a responder's certificate, post-quantum ones included.
pub const LONGEST: usize = 64 * 1024;

const BASIC: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1];
const NONCE: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 0x30, 1, 2];
const ENUMERATED: u8 = 0x0a;
const GENERALIZED_TIME: u8 = 0x18;

/// What a response says of `certificate`, whose issuer is `issuer`; `nonce` is that of the question, if it had one.
pub fn judge(
    response: &[u8],
    (certificate, issuer): (&Certificate, &Certificate),
    nonce: Option<&[u8]>,
    now: UnixTime,
) -> Result<Answer, OcspProblem> {
    let basic = basic_response(response)?;
    let (signed, mut rest) = Signed::read_with_rest(basic).ok_or(OcspProblem::Malformed)?;
    let certificates = match rest.optional(0xa0).map_err(|_| OcspProblem::Malformed)? {
        Some(tagged) => {
            der::only(tagged.content, SEQUENCE)
                .ok_or(OcspProblem::Malformed)?
                .content
        }
        None => &[],
    };
    let data = ResponseData::read(signed.content).filter(|_| rest.is_empty());
    let data = data.ok_or(OcspProblem::Malformed)?;
    // Before any signature is checked: most answers that are handed around are about somebody else.
    let answers = data.answers_about(certificate, issuer)?;
    if answers.is_empty() {
        return Err(OcspProblem::AnotherCertificate);
    }
    let responder_ends = signed_by_responder(&signed, &data.responder, certificates, (issuer, now))?;
    understood(data.extensions, nonce)?;
    let answer = combined(&answers, now)?;
    Ok(Answer {
        next_update: responder_ends.map_or(answer.next_update, |end| end.min(answer.next_update)),
        ..answer
    })
}

/// The octets of the BasicOCSPResponse.
fn basic_response(response: &[u8]) -> Result<&[u8], OcspProblem> {
    if response.len() > LONGEST {
        return Err(OcspProblem::Malformed);
    }
    let Frame { status, bytes } = Frame::read(response).ok_or(OcspProblem::Malformed)?;
    match (status, bytes) {
        (0, Some((BASIC, basic))) => Ok(basic),
        (0, Some((kind, _))) => {
            let kind = x509_parser::asn1_rs::Oid::new(kind.into()).to_id_string();
            Err(OcspProblem::Type(kind))
        }
        (1, None) => Err(OcspProblem::Declined("malformedRequest")),
        (2, None) => Err(OcspProblem::Declined("internalError")),
        (3, None) => Err(OcspProblem::Declined("tryLater")),
        (5, None) => Err(OcspProblem::Declined("sigRequired")),
        (6, None) => Err(OcspProblem::Declined("unauthorized")),
        _ => Err(OcspProblem::Malformed),
    }
}

/// OCSPResponse.
struct Frame<'a> {
    status: u8,
    /// The type of the response, and the response.
    bytes: Option<(&'a [u8], &'a [u8])>,
}

impl<'a> Frame<'a> {
    fn read(response: &'a [u8]) -> Option<Self> {
        let mut fields = Reader::new(der::only(response, SEQUENCE)?.content);
        let &[status] = fields.expect(ENUMERATED)?.content else {
            return None;
        };
        let bytes = match fields.optional(0xa0).ok()? {
            Some(tagged) => {
                let mut bytes = Reader::new(der::only(tagged.content, SEQUENCE)?.content);
                let kind = bytes.expect(OBJECT_IDENTIFIER)?.content;
                let basic = bytes.expect(OCTET_STRING)?.content;
                bytes.is_empty().then_some(Some((kind, basic)))?
            }
            None => None,
        };
        fields.is_empty().then_some(Self { status, bytes })
    }
}

struct ResponseData<'a> {
    responder: Responder<'a>,
    responses: &'a [u8],
    extensions: &'a [u8],
}

impl<'a> ResponseData<'a> {
    fn read(content: &'a [u8]) -> Option<Self> {
        let mut fields = Reader::new(content);
        if let Some(version) = fields.optional(0xa0).ok()? {
            // v1 is the default and must not be written in DER; some write it all the same.
            if der::only(version.content, INTEGER)?.content != [0] {
                return None;
            }
        }
        let responder = fields.next_element()?;
        let responder = match responder.tag {
            0xa1 => {
                let name = der::only(responder.content, SEQUENCE)?;
                Responder::Name(DistinguishedName::parse(name.whole)?)
            }
            0xa2 => Responder::Key(der::only(responder.content, OCTET_STRING)?.content),
            _ => return None,
        };
        fields.expect(GENERALIZED_TIME)?; // producedAt: when it was signed says nothing that thisUpdate does not
        let responses = fields.expect(SEQUENCE)?.content;
        let extensions = explicit_sequence(&mut fields)?;
        fields.is_empty().then_some(Self {
            responder,
            responses,
            extensions,
        })
    }

    fn answers_about(
        &self,
        certificate: &Certificate,
        issuer: &Certificate,
    ) -> Result<Vec<Single>, OcspProblem> {
        let mut answers = Vec::new();
        let mut responses = Reader::new(self.responses);
        while !responses.is_empty() {
            let single = responses.expect(SEQUENCE).ok_or(OcspProblem::Malformed)?;
            let mut fields = Reader::new(single.content);
            let id = fields.expect(SEQUENCE).ok_or(OcspProblem::Malformed)?;
            if !is_about(id.content, certificate, issuer).ok_or(OcspProblem::Malformed)? {
                continue;
            }
            let (answer, extensions) = Single::read(fields).ok_or(OcspProblem::Malformed)?;
            understood(extensions, None)?;
            answers.push(answer);
        }
        Ok(answers)
    }
}

/// `[1] EXPLICIT Extensions OPTIONAL`: their contents.
fn explicit_sequence<'a>(fields: &mut Reader<'a>) -> Option<&'a [u8]> {
    Some(match fields.optional(0xa1).ok()? {
        Some(tagged) => der::only(tagged.content, SEQUENCE)?.content,
        None => &[],
    })
}

/// Whether a CertID is that of the certificate; `None` if it is none.
fn is_about(id: &[u8], certificate: &Certificate, issuer: &Certificate) -> Option<bool> {
    let mut fields = Reader::new(id);
    let mut algorithm = Reader::new(fields.expect(SEQUENCE)?.content);
    let kind = algorithm.expect(OBJECT_IDENTIFIER)?.content;
    let name = fields.expect(OCTET_STRING)?.content;
    let key = fields.expect(OCTET_STRING)?.content;
    let serial = fields.expect(INTEGER)?.content;
    if !fields.is_empty() {
        return None;
    }
    let hash: &Algorithm = match kind {
        [0x2b, 0x0e, 3, 2, 0x1a] => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1] => &digest::SHA256,
        [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2] => &digest::SHA384,
        [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3] => &digest::SHA512,
        _ => return Some(false),
    };
    let (_, issuers_key) = key_parts(issuer.subject_public_key_info())?;
    Some(
        serial == certificate.raw_serial()
            && hashed(hash, certificate.issuer().raw()) == *name
            && hashed(hash, issuers_key) == *key,
    )
}

fn hashed(hash: &'static Algorithm, octets: &[u8]) -> Vec<u8> {
    digest::digest(hash, octets).as_ref().to_vec()
}

/// One SingleResponse behind its CertID.
struct Single {
    status: CertificateStatus,
    this_update: UnixTime,
    next_update: Option<UnixTime>,
}

impl Single {
    /// With the contents of its extensions.
    fn read(mut fields: Reader<'_>) -> Option<(Self, &[u8])> {
        let status = fields.next_element()?;
        let status = match (status.tag, status.content) {
            (0x80, []) => CertificateStatus::Good,
            (0xa1, _) => CertificateStatus::Revoked,
            (0x82, []) => CertificateStatus::Unknown,
            _ => return None,
        };
        let this_update = time(fields.expect(GENERALIZED_TIME)?.whole)?;
        let next_update = match fields.optional(0xa0).ok()? {
            Some(tagged) => Some(time(der::only(tagged.content, GENERALIZED_TIME)?.whole)?),
            None => None,
        };
        let extensions = explicit_sequence(&mut fields)?;
        let single = Self {
            status,
            this_update,
            next_update,
        };
        fields.is_empty().then_some((single, extensions))
    }
}

fn is_late(next_update: UnixTime, now: UnixTime) -> bool {
    now.as_secs() > next_update.as_secs().saturating_add(CLOCK_SKEW)
}

fn understood(extensions: &[u8], asked: Option<&[u8]>) -> Result<(), OcspProblem> {
    for extension in read_extensions(extensions) {
        let extension = extension.map_err(|_| OcspProblem::Malformed)?;
        if extension.kind == NONCE {
            // RFC 8954 wraps the octets once more; old responders do not.
            let wrapped = der::only(extension.value, OCTET_STRING).map(|element| element.content);
            if asked.is_some_and(|asked| wrapped != Some(asked) && extension.value != asked) {
                return Err(OcspProblem::Nonce);
            }
        } else if extension.critical {
            return Err(OcspProblem::CriticalExtension);
        }
    }
    Ok(())
}

/// The answer of all single responses about a certificate: the worst of them, for the shortest time.
fn combined(answers: &[Single], now: UnixTime) -> Result<Answer, OcspProblem> {
    let in_force = |single: &&Single| {
        let is_current = single.next_update.is_some_and(|end| !is_late(end, now));
        is_current && !is_early(single.this_update, now)
    };
    let mut revoked = answers
        .iter()
        .filter(|single| single.status == CertificateStatus::Revoked);
    if let Some(revoked) = revoked.find(in_force) {
        // Whatever is wrong with another answer does not take this one back.
        return Ok(Answer {
            status: revoked.status,
            this_update: revoked.this_update,
            next_update: revoked.next_update.ok_or(OcspProblem::NoNextUpdate)?,
        });
    }
    let mut whole: Option<Answer> = None;
    for single in answers {
        let next_update = single.next_update.ok_or(OcspProblem::NoNextUpdate)?;
        if is_early(single.this_update, now) {
            return Err(OcspProblem::Early(single.this_update));
        }
        if is_late(next_update, now) {
            return Err(OcspProblem::Stale(next_update));
        }
        let answer = Answer {
            status: single.status,
            this_update: single.this_update,
            next_update,
        };
        whole = Some(whole.map_or(answer, |whole| whole.and(answer)));
    }
    whole.ok_or(OcspProblem::AnotherCertificate)
}

impl Answer {
    fn and(self, other: Self) -> Self {
        use CertificateStatus::{Good, Revoked, Unknown};
        let status = match (self.status, other.status) {
            (Revoked, _) | (_, Revoked) => Revoked,
            (Unknown, _) | (_, Unknown) => Unknown,
            (Good, Good) => Good,
        };
        Self {
            status,
            this_update: self.this_update.min(other.this_update),
            next_update: self.next_update.min(other.next_update),
        }
    }
}
