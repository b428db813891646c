//! The classes of failures, and what to do about each.

use std::fmt::{self, Display};

use rustls::AlertDescription;

use crate::certificate_error::{CertificateError, Distrust};

/// What kind of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureClass {
    /// The path ends at an authority that is not trusted.
    UnknownCa,
    /// The path breaks off below an authority that may well be trusted.
    MissingIntermediate,
    /// A certificate on the path is past its last day.
    Expired,
    /// A certificate on the path is before its first day.
    NotYetValid,
    /// A certificate is for something else.
    Purpose,
    /// A certificate was taken back.
    Revoked,
    /// Whether it was taken back cannot be told.
    RevocationUnknown,
    /// A key, a signature or a version that is too weak or not in the list.
    WeakKey,
    /// The path has more intermediates than are allowed.
    Depth,
    /// The certificate is for other names.
    WrongName,
    /// A certificate is wanted and none was shown.
    NoCertificate,
    /// The signature of the handshake was not made by the key of the certificate that was shown.
    WrongKey,
    /// A certificate that cannot be read, or asks for rules that are not known here.
    Unsupported,
    /// The other side refused a certificate without saying why.
    Refused,
    /// Our own private key did not sign: the token that has it is away or refuses.
    OwnKey,
    /// No TLS, or none that both sides speak.
    Protocol,
    /// The other side went away in the middle of it.
    Closed,
}

/// Who the other side is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// We are its client.
    Server,
    /// We are its server.
    Client,
}

/// Whose certificate is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refuser {
    /// We refuse the peer's.
    Us,
    /// The peer refuses ours.
    Peer,
}

impl FailureClass {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::UnknownCa,
        Self::MissingIntermediate,
        Self::Expired,
        Self::NotYetValid,
        Self::Purpose,
        Self::Revoked,
        Self::RevocationUnknown,
        Self::WeakKey,
        Self::Depth,
        Self::WrongName,
        Self::NoCertificate,
        Self::WrongKey,
        Self::Unsupported,
        Self::Refused,
        Self::OwnKey,
        Self::Protocol,
        Self::Closed,
    ];

    /// The word in logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnknownCa => "unknown_ca",
            Self::MissingIntermediate => "missing_intermediate",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::Purpose => "purpose",
            Self::Revoked => "revoked",
            Self::RevocationUnknown => "revocation_unknown",
            Self::WeakKey => "weak_key",
            Self::Depth => "depth",
            Self::WrongName => "wrong_name",
            Self::NoCertificate => "no_certificate",
            Self::WrongKey => "wrong_key",
            Self::Unsupported => "unsupported",
            Self::Refused => "refused",
            Self::OwnKey => "own_key",
            Self::Protocol => "protocol",
            Self::Closed => "closed",
        }
    }

    /// What kind of failure a refusal by our verifier is.
    pub fn of(error: &CertificateError) -> Self {
        match error {
            CertificateError::Untrusted(distrust) => match distrust {
                Distrust::UnknownIssuer { .. } | Distrust::Signature { .. } => Self::UnknownCa,
                Distrust::MissingIntermediate { .. } => Self::MissingIntermediate,
                Distrust::SignatureAlgorithm { .. } => Self::WeakKey,
                Distrust::NotAnAuthority(_) | Distrust::KeyUsage(_) => Self::Purpose,
                Distrust::PathLength(_) => Self::Depth,
                Distrust::NameConstraints(_)
                | Distrust::CriticalExtension { .. }
                | Distrust::TooComplex(_)
                | Distrust::Other { .. } => Self::Unsupported,
            },
            CertificateError::Malformed(_) | CertificateError::TooLarge { .. } => Self::Unsupported,
            CertificateError::Expired { .. } => Self::Expired,
            CertificateError::NotYetValid { .. } => Self::NotYetValid,
            CertificateError::Revoked { .. } => Self::Revoked,
            CertificateError::RevocationUnknown(_) => Self::RevocationUnknown,
            CertificateError::Purpose(_) => Self::Purpose,
            CertificateError::Weak(_) => Self::WeakKey,
            CertificateError::ChainTooDeep { .. } => Self::Depth,
            CertificateError::Name { .. } => Self::WrongName,
        }
    }

    /// What kind of failure it is that rustls itself finds wrong with a certificate: it cannot read it, or its key did not
    /// sign.
    pub(super) fn of_rustls(problem: &rustls::CertificateError) -> Self {
        if *problem == rustls::CertificateError::BadSignature {
            Self::WrongKey
        } else {
            Self::Unsupported
        }
    }

    /// What kind of failure an alert tells of: the other side's words for what it thinks of us.
    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "most alerts say that the two do not understand each other"
    )]
    pub(super) fn of_alert(alert: AlertDescription) -> Self {
        match alert {
            AlertDescription::UnknownCA => Self::UnknownCa,
            AlertDescription::CertificateExpired => Self::Expired,
            AlertDescription::CertificateRevoked => Self::Revoked,
            AlertDescription::UnsupportedCertificate => Self::Purpose,
            AlertDescription::CertificateRequired | AlertDescription::NoCertificate => Self::NoCertificate,
            AlertDescription::UnrecognisedName => Self::WrongName,
            AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::AccessDenied
            | AlertDescription::DecryptError => Self::Refused,
            _ => Self::Protocol,
        }
    }

    /// What to do about it, in one sentence without a full stop.
    pub fn remedy(self, refuser: Refuser, peer: Peer) -> String {
        let peer = match peer {
            Peer::Server => "server",
            Peer::Client => "client",
        };
        match refuser {
            Refuser::Us => self.remedy_for_theirs(peer),
            Refuser::Peer => self.remedy_for_ours(peer),
        }
    }

    fn remedy_for_theirs(self, peer: &str) -> String {
        match self {
            Self::UnknownCa => format!(
                "add that authority to those that are trusted for this {peer}, or give the {peer} a certificate of one that is; if it is an intermediate, have the {peer} send it along"
            ),
            Self::MissingIntermediate => format!(
                "have the {peer} send that intermediate after its own certificate, or add it to the trusted authorities beside its root"
            ),
            Self::Expired => "renew that certificate where it is shown".to_owned(),
            Self::NotYetValid => "compare the clocks of both sides, or wait until then".to_owned(),
            Self::Purpose => format!(
                "give the {peer} a leaf certificate that is issued for a {peer}, by an authority that may issue"
            ),
            Self::Revoked => format!("give the {peer} a new certificate"),
            Self::RevocationUnknown => "install the current revocation list of that authority".to_owned(),
            Self::WeakKey => format!(
                "give the {peer} a certificate with RSA of 2048 to 8192 bits, P-256, P-384, P-521 or Ed25519, signed with SHA-2"
            ),
            Self::Depth => format!(
                "allow more intermediates for this {peer}, or give it a certificate with fewer between it and the root"
            ),
            Self::WrongName => format!(
                "give the {peer} a certificate for that name, connect to it by a name that it has, or accept one of its names"
            ),
            Self::NoCertificate => format!("give the {peer} a certificate and its key to show"),
            Self::WrongKey => {
                format!("give the {peer} the private key that belongs to the certificate it shows")
            }
            Self::Unsupported => {
                format!("give the {peer} another certificate; `openssl x509 -text` shows what is in it")
            }
            Self::OwnKey => {
                "see to the token that has our private key: whether it is there, and whether it takes the PIN"
                    .to_owned()
            }
            Self::Refused | Self::Protocol | Self::Closed => self.remedy_for_ours(peer),
        }
    }

    fn remedy_for_ours(self, peer: &str) -> String {
        match self {
            Self::UnknownCa | Self::MissingIntermediate => format!(
                "show a certificate that the {peer} trusts, intermediates included, or have the {peer} trust the root of this one"
            ),
            Self::Expired | Self::NotYetValid => {
                "renew the certificate that is shown, or compare the clocks of both sides".to_owned()
            }
            Self::WrongKey => "show the certificate with the private key that belongs to it".to_owned(),
            Self::Purpose | Self::WeakKey | Self::Depth | Self::Unsupported | Self::Refused => format!(
                "see the log of the {peer} for what it has against the certificate: its purpose, its key, its names or its authority"
            ),
            Self::Revoked | Self::RevocationUnknown => "show another certificate than this one".to_owned(),
            Self::WrongName => format!("ask the {peer} for a name that it has"),
            // Nobody else can be the reason.
            Self::OwnKey => self.remedy_for_theirs(peer),
            Self::NoCertificate => format!("configure a certificate to be shown to this {peer}"),
            Self::Protocol => "compare what both sides speak: whether that port speaks TLS at all, TLS 1.2 or 1.3, and its cipher suites".to_owned(),
            Self::Closed => format!("see the log of the {peer}: it left the handshake without an alert, or fell silent in it"),
        }
    }
}

impl Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_a_word_and_a_remedy_of_its_own() {
        for (position, class) in FailureClass::ALL.into_iter().enumerate() {
            let earlier = &FailureClass::ALL[..position];
            assert!(
                earlier.iter().all(|other| other.as_str() != class.as_str()),
                "{class}"
            );
            for peer in [Peer::Server, Peer::Client] {
                let theirs = class.remedy(Refuser::Us, peer);
                let other = |other: &FailureClass| other.remedy(Refuser::Us, peer) != theirs;
                assert!(earlier.iter().all(other), "{class}: {theirs}");
                assert!(!class.remedy(Refuser::Peer, peer).ends_with('.'), "{class}");
            }
        }
    }
}
