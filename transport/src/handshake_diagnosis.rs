//! Why a handshake failed and what to do about it: one class, one sentence of cause, one sentence of remedy.
//!
//! A refused certificate, an alert and a broken connection look alike to those who wait for an answer, and each is mended
//! somewhere else. The classes and the remedies are here and nowhere else, so that a log line, a counter and a report
//! speak the same words. Nothing here decides: what is diagnosed has failed already.

use std::fmt::{self, Display};
use std::io;
use std::sync::{Arc, OnceLock};

use rustls::client::ResolvesClientCert;
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use rustls::{AlertDescription, Error, SignatureScheme};

use crate::certificate::Certificate;
use crate::certificate_error::{CertificateError, Distrust};
use crate::distinguished_name::DistinguishedName;
use crate::handshake_policy::{cause_of, refused_leaf};

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
    /// A certificate that cannot be read, or asks for rules that are not known here.
    Unsupported,
    /// The other side refused a certificate without saying why.
    Refused,
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

/// A failed handshake, understood. `Display` is class, cause and remedy, for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// What kind of failure.
    pub class: FailureClass,
    /// The subject of the certificate that was refused, where there is one.
    pub certificate: Option<String>,
    /// What happened, naming the certificate.
    pub cause: String,
    /// What to do about it.
    pub remedy: String,
}

/// What a server asked of us in one handshake, and what we showed. It is filled in by rustls' question, so it is empty
/// where the server asked for nothing.
#[derive(Debug, Default)]
pub(crate) struct Demand(OnceLock<Asked>);

#[derive(Debug)]
struct Asked {
    /// Authorities whose certificates it wants, a few of them.
    authorities: Vec<String>,
    shown: Option<CertificateDer<'static>>,
}

/// Shows what `inner` shows, and takes note of it.
#[derive(Debug)]
pub(crate) struct Noted {
    pub(crate) inner: Arc<dyn ResolvesClientCert>,
    pub(crate) demand: Arc<Demand>,
}

impl ResolvesClientCert for Noted {
    fn resolve(&self, hints: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        const MOST: usize = 4;
        let key = self.inner.resolve(hints, schemes);
        self.demand.0.get_or_init(|| Asked {
            authorities: hints
                .iter()
                .take(MOST)
                .filter_map(|raw| DistinguishedName::parse(raw))
                .map(|name| format!("`{name}`"))
                .collect(),
            shown: key.as_ref().and_then(|key| key.cert.first().cloned()),
        });
        key
    }

    fn has_certs(&self) -> bool {
        self.inner.has_certs()
    }
}

impl FailureClass {
    /// All of them.
    pub const ALL: [Self; 15] = [
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
        Self::Unsupported,
        Self::Refused,
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
            Self::Unsupported => "unsupported",
            Self::Refused => "refused",
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

    /// What kind of failure an alert tells of: the other side's words for what it thinks of us.
    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "most alerts say that the two do not understand each other"
    )]
    fn of_alert(alert: AlertDescription) -> Self {
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
            Self::Unsupported => {
                format!("give the {peer} another certificate; `openssl x509 -text` shows what is in it")
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
            Self::Purpose | Self::WeakKey | Self::Depth | Self::Unsupported | Self::Refused => format!(
                "see the log of the {peer} for what it has against the certificate: its purpose, its key, its names or its authority"
            ),
            Self::Revoked | Self::RevocationUnknown => "show another certificate than this one".to_owned(),
            Self::WrongName => format!("ask the {peer} for a name that it has"),
            Self::NoCertificate => format!("configure a certificate to be shown to this {peer}"),
            Self::Protocol => "compare what both sides speak: whether that port speaks TLS at all, TLS 1.2 or 1.3, and its cipher suites".to_owned(),
            Self::Closed => format!("see the log of the {peer}: it closed the connection without an alert"),
        }
    }
}

impl Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Diagnosis {
    /// Of our verifier's refusal of what a peer showed.
    pub fn of_certificate(cause: &CertificateError, leaf: Option<&Certificate>, peer: Peer) -> Self {
        let class = FailureClass::of(cause);
        let whose = match peer {
            Peer::Server => "the server's",
            Peer::Client => "the client's",
        };
        let named = leaf.map_or_else(String::new, |leaf| format!(" `{}`", leaf.subject()));
        Self {
            class,
            certificate: leaf.map(|leaf| leaf.subject().to_string()),
            cause: format!("{whose} certificate{named} is refused: {cause}"),
            remedy: class.remedy(Refuser::Us, peer),
        }
    }

    /// Of a handshake with a server that failed on our side, or that the server ended.
    pub(crate) fn of_server(error: &io::Error, demand: &Demand) -> Self {
        match tls_error(error) {
            Some(error) => Self::of_tls(error, demand),
            None => Self::without_certificate(
                FailureClass::Closed,
                &format!("the server ended the handshake: {error}"),
                demand,
            ),
        }
    }

    /// Of what rustls says.
    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "what rustls adds to its errors is a failure of the protocol until it is known here"
    )]
    pub(crate) fn of_tls(error: &Error, demand: &Demand) -> Self {
        if let Some(cause) = cause_of(error) {
            return Self::of_certificate(cause, refused_leaf(error), Peer::Server);
        }
        match error {
            Error::AlertReceived(alert) => Self::of_alert(*alert, demand),
            // What rustls itself finds wrong with a certificate: it cannot read it, or its key did not sign.
            Error::InvalidCertificate(_) => Self {
                class: FailureClass::Unsupported,
                certificate: None,
                cause: format!("the server's certificate is refused: {error}"),
                remedy: FailureClass::Unsupported.remedy(Refuser::Us, Peer::Server),
            },
            _ => Self::without_certificate(
                FailureClass::Protocol,
                &format!("no TLS with this server: {error}"),
                demand,
            ),
        }
    }

    fn of_alert(alert: AlertDescription, demand: &Demand) -> Self {
        let class = match (FailureClass::of_alert(alert), demand.0.get()) {
            // Before TLS 1.3 there is no other word for it.
            (FailureClass::Protocol, Some(Asked { shown: None, .. }))
                if alert == AlertDescription::HandshakeFailure =>
            {
                FailureClass::NoCertificate
            }
            (class, _) => class,
        };
        Self::without_certificate(
            class,
            &format!("the server answers with the alert {alert:?}"),
            demand,
        )
    }

    /// Of what is not about the server's certificate: it may be about ours.
    fn without_certificate(class: FailureClass, what: &str, demand: &Demand) -> Self {
        let shown = demand.0.get().and_then(|asked| asked.shown.clone());
        let ours = shown.and_then(|leaf| Certificate::parse(leaf).ok());
        let certificate = ours.as_ref().map(|leaf| leaf.subject().to_string());
        let about_us = match (&ours, demand.0.get()) {
            (Some(leaf), _) => {
                format!(
                    "; it asked for a certificate and was shown `{}` (issued by `{}`)",
                    leaf.subject(),
                    leaf.issuer()
                )
            }
            (None, Some(_)) => "; it asked for a certificate and was shown none".to_owned(),
            (None, None) => String::new(),
        };
        let wanted = match demand.0.get() {
            Some(asked) if !asked.authorities.is_empty() => {
                format!(", it takes those of {}", asked.authorities.join(", "))
            }
            Some(_) | None => String::new(),
        };
        Self {
            class,
            certificate,
            cause: format!("{what}{about_us}{wanted}"),
            remedy: class.remedy(Refuser::Peer, Peer::Server),
        }
    }
}

impl Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.class, self.cause, self.remedy)
    }
}

/// The error of rustls in one of the system's.
fn tls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

/// The error of rustls somewhere in a chain of causes.
pub(crate) fn tls_error_within<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<io::Error>().and_then(tls_error) {
            return Some(found);
        }
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
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

    #[test]
    fn an_alert_is_read_with_what_the_server_had_asked() {
        let asked = |shown| {
            let demand = Demand::default();
            let authorities = vec!["`CN=Partners`".to_owned()];
            let _ = demand.0.set(Asked { authorities, shown });
            demand
        };
        for (alert, demand, class, part) in [
            (
                AlertDescription::CertificateRequired,
                asked(None),
                "no_certificate",
                "shown none, it takes those of `CN=Partners`",
            ),
            (
                AlertDescription::HandshakeFailure,
                asked(None),
                "no_certificate",
                "configure a certificate",
            ),
            (
                AlertDescription::HandshakeFailure,
                Demand::default(),
                "protocol",
                "TLS 1.2 or 1.3",
            ),
            (
                AlertDescription::ProtocolVersion,
                asked(None),
                "protocol",
                "ProtocolVersion",
            ),
            (
                AlertDescription::UnknownCA,
                asked(None),
                "unknown_ca",
                "have the server trust",
            ),
            (
                AlertDescription::UnrecognisedName,
                Demand::default(),
                "wrong_name",
                "a name that it has",
            ),
            (
                AlertDescription::BadCertificate,
                asked(None),
                "refused",
                "see the log of the server",
            ),
        ] {
            let said = Diagnosis::of_tls(&Error::AlertReceived(alert), &demand).to_string();
            assert!(
                said.starts_with(class) && said.contains(part),
                "{alert:?}: {said}"
            );
        }
        let broken = io::Error::from(io::ErrorKind::UnexpectedEof);
        assert_eq!(
            Diagnosis::of_server(&broken, &Demand::default()).class,
            FailureClass::Closed
        );
    }
}
