//! The path builder's errors in our words.

use webpki::Error;

use crate::certificate::Certificate;
use crate::certificate_error::{CertificateError, Distrust, Weakness, WrongPurpose};

/// What webpki's refusal of a path from this leaf means.
#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "webpki's enum grows; what it adds is a refusal like any other"
)]
pub(super) fn refusal(error: &Error, leaf: &Certificate) -> CertificateError {
    let subject = leaf.subject().to_string();
    let issuer_of = |subject: &str| format!("an issuer of {subject}");
    match error {
        Error::BadDer | Error::BadDerTime | Error::TrailingData(_) | Error::InvalidSerialNumber => {
            CertificateError::Malformed("the path builder cannot read it".into())
        }
        Error::MalformedExtensions | Error::ExtensionValueInvalid | Error::InvalidCertValidity => {
            CertificateError::Malformed("an extension or the validity in it is not as X.509 has it".into())
        }
        // The leaf's own dates are judged before: these are of an issuer.
        Error::CertExpired { not_after, .. } => CertificateError::Expired {
            subject: issuer_of(&subject),
            not_after: *not_after,
        },
        Error::CertNotValidYet { not_before, .. } => CertificateError::NotYetValid {
            subject: issuer_of(&subject),
            not_before: *not_before,
        },
        Error::CaUsedAsEndEntity => WrongPurpose::Authority(subject).into(),
        Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => WrongPurpose::ExtendedKeyUsage {
            subject: format!("{subject} or {}", issuer_of(&subject)),
            wanted: "the purpose",
        }
        .into(),
        Error::UnsupportedCertVersion => Weakness::Version { subject }.into(),
        Error::UnknownIssuer => Distrust::UnknownIssuer {
            subject,
            issuer: leaf.issuer().to_string(),
        }
        .into(),
        Error::InvalidSignatureForPublicKey => Distrust::Signature { subject }.into(),
        Error::SignatureAlgorithmMismatch
        | Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            Distrust::SignatureAlgorithm { subject }.into()
        }
        Error::EndEntityUsedAsCa => Distrust::NotAnAuthority(issuer_of(&subject)).into(),
        Error::PathLenConstraintViolated => Distrust::PathLength(issuer_of(&subject)).into(),
        Error::NameConstraintViolation
        | Error::UnsupportedNameType
        | Error::MalformedNameConstraint
        | Error::InvalidNetworkMaskConstraint => Distrust::NameConstraints(subject).into(),
        Error::UnsupportedCriticalExtension => Distrust::CriticalExtension { subject, oid: None }.into(),
        Error::MaximumPathDepthExceeded => CertificateError::ChainTooDeep {
            length: 8,
            counted: "or more below its anchor",
            limit: 7,
        },
        Error::MaximumSignatureChecksExceeded
        | Error::MaximumPathBuildCallsExceeded
        | Error::MaximumNameConstraintComparisonsExceeded => Distrust::TooComplex(subject).into(),
        other => Distrust::Other {
            subject,
            cause: other.to_string(),
        }
        .into(),
    }
}
