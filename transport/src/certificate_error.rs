//! Why a certificate was refused, in the words of the access log and in those of ALB's connection log.

use std::borrow::Cow;

use rustls::pki_types::UnixTime;
use thiserror::Error;

use crate::certificate::{PublicKey, iso8601};

/// Why a certificate, or the chain around it, is not accepted. `Display` is one sentence for the operator, never for the client.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CertificateError {
    /// Not an X.509 certificate in DER, or with octets after it.
    #[error("the certificate cannot be read: {0}")]
    Malformed(Cow<'static, str>),
    /// More certificates or more octets than are looked at.
    #[error("the peer presented {presented} {unit}, more than the {limit} that are looked at")]
    TooLarge {
        /// How many.
        presented: usize,
        /// How many are allowed.
        limit: usize,
        /// Of what: `certificates` or `octets`.
        unit: &'static str,
    },
    /// No path to an anchor that holds.
    #[error(transparent)]
    Untrusted(#[from] Distrust),
    /// A certificate on the path is past its `notAfter`.
    #[error("the certificate of `{subject}` expired at {}", iso8601(*.not_after))]
    Expired {
        /// Whose certificate.
        subject: String,
        /// Its last second.
        not_after: UnixTime,
    },
    /// A certificate on the path is before its `notBefore`.
    #[error("the certificate of `{subject}` is not valid before {}", iso8601(*.not_before))]
    NotYetValid {
        /// Whose certificate.
        subject: String,
        /// Its first second.
        not_before: UnixTime,
    },
    /// A certificate on the path is on its issuer's list.
    #[error("the certificate of `{subject}` (serial {serial}) is revoked by `{issuer}`")]
    Revoked {
        /// Whose certificate.
        subject: String,
        /// Its serial, as ALB prints it.
        serial: String,
        /// Who revoked it.
        issuer: String,
    },
    /// Whether a certificate is revoked cannot be told, and the policy asks.
    #[error(transparent)]
    RevocationUnknown(#[from] StatusUnknown),
    /// The certificate is for something else.
    #[error(transparent)]
    Purpose(#[from] WrongPurpose),
    /// A key or a certificate version that is too weak or not in the list.
    #[error(transparent)]
    Weak(#[from] Weakness),
    /// Longer than the policy allows.
    #[error("the chain has {length} certificates {counted}, the limit is {limit}")]
    ChainTooDeep {
        /// How many.
        length: usize,
        /// Where they were counted: `as presented` or `below its anchor`.
        counted: &'static str,
        /// How many are allowed.
        limit: usize,
    },
    /// A server's certificate is for other names than the one that was asked for.
    #[error("the certificate of `{subject}` is not for {wanted}, it is for {present}")]
    Name {
        /// Whose certificate.
        subject: String,
        /// The names of which it should have had one.
        wanted: String,
        /// The names that it has.
        present: String,
    },
}

/// Why no path could be built that holds.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Distrust {
    /// Nobody in the trust store issued it, and no intermediate leads there.
    #[error("no path from `{subject}` to a certificate authority in the trust store: it ends at `{issuer}`")]
    UnknownIssuer {
        /// Whose certificate.
        subject: String,
        /// Where the path ends: an issuer that is neither trusted nor shown, or a root that is not trusted.
        issuer: String,
    },
    /// The same, and what there is to see speaks for an intermediate that the peer did not send.
    #[error(
        "no path to a certificate authority in the trust store: `{subject}` is issued by `{issuer}`, which was not sent"
    )]
    MissingIntermediate {
        /// The certificate that leads nowhere: the peer's own, or the last of those that it sent.
        subject: String,
        /// Who issued it, by its own words.
        issuer: String,
    },
    /// A certificate authority of the right name has another key, or the certificate was altered.
    #[error(
        "the signature on `{subject}` or on one of its issuers was not made by the certificate authority in the trust store"
    )]
    Signature {
        /// Whose certificate.
        subject: String,
    },
    /// Signed with SHA-1, MD5 or an algorithm that does not count.
    #[error(
        "`{subject}` or one of its issuers is signed with an algorithm that is not accepted (SHA-2 with RSA, a NIST curve or Ed25519 is)"
    )]
    SignatureAlgorithm {
        /// Whose certificate.
        subject: String,
    },
    /// An issuer on the path is no certificate authority.
    #[error("`{0}` issued a certificate but is not a certificate authority")]
    NotAnAuthority(String),
    /// An issuer's key usage does not let it sign certificates.
    #[error("the key usage of `{0}` does not allow it to sign certificates")]
    KeyUsage(String),
    /// An issuer's `pathLenConstraint` is smaller than what is below it.
    #[error("`{0}` has more certificate authorities below it than its path length allows")]
    PathLength(String),
    /// Name constraints are not met, or are of a kind that the path builder refuses to judge.
    #[error(
        "the name constraints of a certificate authority above `{0}` refuse it (constraints on e-mail, directory and URI names refuse everything)"
    )]
    NameConstraints(String),
    /// A critical extension that nobody here understands.
    #[error("`{subject}` or one of its issuers has a critical extension that is not understood{}", .oid.as_ref().map(|oid| format!(" ({oid})")).unwrap_or_default())]
    CriticalExtension {
        /// Whose certificate.
        subject: String,
        /// Which extension, where known.
        oid: Option<String>,
    },
    /// Path building was given up: a chain made to keep us busy.
    #[error("building a path from `{0}` takes more steps than are spent on it")]
    TooComplex(String),
    /// Anything else that the path builder refuses.
    #[error("the path from `{subject}` does not hold: {cause}")]
    Other {
        /// Whose certificate.
        subject: String,
        /// The path builder's word.
        cause: String,
    },
}

/// Why the status of a certificate is not known.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StatusUnknown {
    /// The newest list is past its `nextUpdate`.
    #[error("the revocation list of `{issuer}` is stale since {}: install a newer one", iso8601(*.next_update))]
    Stale {
        /// Whose list.
        issuer: String,
        /// When a newer one was due.
        next_update: UnixTime,
    },
    /// The newest list is from the future.
    #[error("the revocation list of `{issuer}` is not valid before {}", iso8601(*.this_update))]
    Early {
        /// Whose list.
        issuer: String,
        /// When it starts to be valid.
        this_update: UnixTime,
    },
    /// Revocation is checked strictly and no list covers the certificate.
    #[error("no revocation list of `{issuer}` covers `{subject}`")]
    Absent {
        /// Whose certificate.
        subject: String,
        /// Who would have to publish it.
        issuer: String,
    },
    /// A list or an answer that came is forged or cannot be read.
    #[error("the revocation status from `{issuer}` cannot be used: {cause}")]
    Unusable {
        /// Whose.
        issuer: String,
        /// What is wrong with it.
        cause: String,
    },
}

/// For what else the certificate is.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WrongPurpose {
    /// Its extended key usage is present and does not hold ours.
    #[error("the extended key usage of `{subject}` does not hold {wanted}")]
    ExtendedKeyUsage {
        /// Whose certificate.
        subject: String,
        /// `clientAuth` or `serverAuth`.
        wanted: &'static str,
    },
    /// Its key usage is present and does not let the key sign a handshake.
    #[error("the key usage of `{0}` does not allow it to sign a TLS handshake")]
    KeyUsage(String),
    /// A certificate authority where a leaf belongs.
    #[error("`{0}` is a certificate authority and cannot be used as a leaf")]
    Authority(String),
}

/// What is too weak, or not in the list of what is accepted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Weakness {
    /// The key of a certificate on the path.
    #[error("the key of `{subject}` is not accepted: {key}")]
    Key {
        /// Whose certificate.
        subject: String,
        /// What it is.
        key: PublicKey,
    },
    /// Not X.509 version 3.
    #[error("the certificate of `{subject}` or of one of its issuers is not X.509 version 3")]
    Version {
        /// Whose certificate.
        subject: String,
    },
}

impl CertificateError {
    /// The reason, as access logs and metrics spell it.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Malformed(_)
            | Self::TooLarge { .. }
            | Self::Untrusted(_)
            | Self::ChainTooDeep { .. }
            | Self::Name { .. } => "certificate_untrusted",
            Self::Expired { .. } => "certificate_expired",
            Self::NotYetValid { .. } => "certificate_not_yet_valid",
            Self::Revoked { .. } => "certificate_revoked",
            Self::RevocationUnknown(_) => "revocation_unknown",
            Self::Purpose(_) => "certificate_purpose",
            Self::Weak(_) => "certificate_weak",
        }
    }

    /// The code in `tls_verify_status` of ALB's connection log, without `Failed:`.
    pub fn connection_log_code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "ClientCertInvalid",
            Self::TooLarge { .. } => "ClientCertMaxSizeExceeded",
            // A signature that does not verify is what another authority of the same name looks like, not proof of forgery.
            Self::Untrusted(_) => "ClientCertUntrusted",
            Self::Expired { .. } => "ClientCertExpired",
            Self::NotYetValid { .. } => "ClientCertNotYetValid",
            Self::Revoked { .. } => "ClientCertCrlHit",
            Self::RevocationUnknown(_) => "ClientCertCrlProcessingError",
            Self::Purpose(_) => "ClientCertPurposeInvalid",
            Self::Weak(_) => "ClientCertTypeUnsupported",
            Self::ChainTooDeep { .. } => "ClientCertMaxChainDepthExceeded",
            Self::Name { .. } => "ClientCertRejected",
        }
    }

    /// Whether the octets were no certificate at all: in a header that is an error of the carrier, not of the client.
    pub fn is_malformed(&self) -> bool {
        matches!(self, Self::Malformed(_) | Self::TooLarge { .. })
    }
}
