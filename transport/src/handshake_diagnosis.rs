//! Why a handshake failed and what to do about it: one class, one sentence of cause, one sentence of remedy.
//!
//! A refused certificate, an alert and a broken connection look alike to those who wait for an answer, and each is mended
//! somewhere else. The classes and the remedies are here and nowhere else, so that a log line, a counter and a report
//! speak the same words. Nothing here decides: what is diagnosed has failed already.

mod class;
mod shown;

use std::fmt::{self, Display};
use std::io;

use rustls::{AlertDescription, Error};

pub use self::class::{FailureClass, Peer, Refuser};
pub(crate) use self::shown::shortened;
pub use self::shown::{ShownBy, ShownCertificate, ShownChain};
use crate::certificate::Certificate;
use crate::certificate_error::CertificateError;
use crate::handshake_demand::Demand;
use crate::handshake_policy::{cause_of, refused_chain};
use crate::presented::PresentedChain;
use crate::private_key::TokenError;
use crate::serve::HandshakeError;

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
    /// The name that was asked for in the handshake, where one was.
    pub server_name: Option<Box<str>>,
    /// The certificates that it is about, where they are known: the peer's, or ours if the peer refused.
    pub chain: Option<ShownChain>,
}

impl Diagnosis {
    /// Of our verifier's refusal of what a peer showed.
    pub fn of_certificate(cause: &CertificateError, chain: Option<&PresentedChain>, peer: Peer) -> Self {
        let leaf = chain.and_then(|chain| chain.leaf_certificate().ok());
        let class = FailureClass::of(cause);
        let whose = match peer {
            Peer::Server => "the server's",
            Peer::Client => "the client's",
        };
        let named = leaf
            .as_ref()
            .map_or_else(String::new, |leaf| format!(" `{}`", leaf.subject()));
        Self {
            class,
            certificate: leaf.map(|leaf| leaf.subject().to_string()),
            cause: format!("{whose} certificate{named} is refused: {cause}"),
            remedy: class.remedy(Refuser::Us, peer),
            server_name: None,
            chain: chain.and_then(|chain| ShownChain::of(ShownBy::Peer, chain.all(), cause.subject())),
        }
    }

    /// Of a handshake with a client that failed on our side, or that the client ended.
    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "what rustls adds to its errors is a failure of the protocol until it is known here"
    )]
    pub fn of_client(error: &HandshakeError) -> Self {
        let (class, refuser, cause) = match error.tls() {
            None => {
                let cause = match error {
                    HandshakeError::TooSlow => error.to_string(),
                    HandshakeError::Failed(_) => format!("the client ended the handshake: {error}"),
                };
                (FailureClass::Closed, Refuser::Peer, cause)
            }
            Some(error) => {
                if let Some(cause) = cause_of(error) {
                    return Self::of_certificate(cause, refused_chain(error), Peer::Client);
                }
                match error {
                    Error::AlertReceived(alert) => (
                        FailureClass::of_alert(*alert),
                        Refuser::Peer,
                        format!("the client answers with the alert {alert:?}"),
                    ),
                    Error::NoCertificatesPresented => (
                        FailureClass::NoCertificate,
                        Refuser::Us,
                        "the client was asked for a certificate and showed none".to_owned(),
                    ),
                    Error::InvalidCertificate(problem) => (
                        FailureClass::of_rustls(problem),
                        Refuser::Us,
                        format!("the client's certificate is refused: {error}"),
                    ),
                    error if is_our_key(error) => (
                        FailureClass::OwnKey,
                        Refuser::Us,
                        format!("our private key does not sign: {error}"),
                    ),
                    error => (
                        FailureClass::Protocol,
                        Refuser::Us,
                        format!("no TLS with this client: {error}"),
                    ),
                }
            }
        };
        Self {
            class,
            certificate: None,
            cause,
            remedy: class.remedy(refuser, Peer::Client),
            server_name: None,
            chain: None,
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
            return Self {
                server_name: demand.server_name(),
                ..Self::of_certificate(cause, refused_chain(error), Peer::Server)
            };
        }
        match error {
            Error::AlertReceived(alert) => Self::of_alert(*alert, demand),
            // What rustls itself finds wrong with a certificate: it cannot read it, or its key did not sign.
            Error::InvalidCertificate(problem) => {
                let class = FailureClass::of_rustls(problem);
                Self {
                    class,
                    certificate: None,
                    cause: format!("the server's certificate is refused: {error}"),
                    remedy: class.remedy(Refuser::Us, Peer::Server),
                    server_name: demand.server_name(),
                    chain: None,
                }
            }
            error if is_our_key(error) => Self::without_certificate(
                FailureClass::OwnKey,
                &format!("our private key does not sign: {error}"),
                demand,
            ),
            _ => Self::without_certificate(
                FailureClass::Protocol,
                &format!("no TLS with this server: {error}"),
                demand,
            ),
        }
    }

    fn of_alert(alert: AlertDescription, demand: &Demand) -> Self {
        // Before TLS 1.3 there is no other word for a certificate that is missed.
        let is_missed = alert == AlertDescription::HandshakeFailure && demand.is_unmet();
        let class = if is_missed {
            FailureClass::NoCertificate
        } else {
            FailureClass::of_alert(alert)
        };
        Self::without_certificate(
            class,
            &format!("the server answers with the alert {alert:?}"),
            demand,
        )
    }

    /// Of what is not about the server's certificate: it may be about ours.
    fn without_certificate(class: FailureClass, what: &str, demand: &Demand) -> Self {
        let shown = demand.shown().map_or(&[][..], |key| &key.cert);
        let ours = shown
            .first()
            .and_then(|leaf| Certificate::parse(leaf.clone()).ok());
        let certificate = ours.as_ref().map(|leaf| leaf.subject().to_string());
        let about_us = match &ours {
            Some(leaf) => format!(
                "; it asked for a certificate and was shown `{}` (issued by `{}`)",
                leaf.subject(),
                leaf.issuer()
            ),
            None if demand.is_unmet() => "; it asked for a certificate and was shown none".to_owned(),
            None => String::new(),
        };
        let wanted = match demand.authorities() {
            [] => String::new(),
            authorities => format!(", it takes those of {}", authorities.join(", ")),
        };
        Self {
            class,
            certificate,
            cause: format!("{what}{about_us}{wanted}"),
            remedy: class.remedy(Refuser::Peer, Peer::Server),
            server_name: demand.server_name(),
            chain: ShownChain::of(ShownBy::Us, shown, None),
        }
    }
}

impl Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.class, self.cause, self.remedy)
    }
}

/// Whether it was the token of our own private key that failed.
fn is_our_key(error: &Error) -> bool {
    matches!(error, Error::Other(other) if other.0.is::<TokenError>())
}

/// The error of rustls in one of the system's, or in one in which some library has wrapped that once more.
pub(crate) fn tls_error(error: &io::Error) -> Option<&Error> {
    let within = error.get_ref()?;
    let wrapped = || within.downcast_ref::<io::Error>().and_then(tls_error);
    within.downcast_ref().or_else(wrapped)
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
    fn an_alert_is_read_with_what_the_server_had_asked() {
        let asked = |shown| Demand::of(vec!["`CN=Partners`".to_owned()], shown);
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
