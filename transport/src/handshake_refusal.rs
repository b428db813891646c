//! How a refusal by our verifier leaves a handshake: as the alert that names its kind to the peer, and whole for our log.
//!
//! rustls chooses the alert by the variant of its [`rustls::CertificateError`]. The only variant with room for our words,
//! `Other`, is `certificate_unknown` whatever the reason, and then whoever runs the peer has to guess. So the verifier gives
//! rustls the variant of the alert, and puts the refusal itself into a cell of the task that shakes hands; [`noting`] takes it
//! out again and puts it where the error had no room for it.
//!
//! # What an alert gives away
//!
//! Whoever is told "expired" and not "refused" learns which check failed first. The dates are in the certificate that he showed
//! himself, a revocation is on a list that its authority publishes, purpose and key are his own; that an authority is not
//! trusted here he would see from being refused with one of its certificates and taken with another's. What could help is
//! kept to ourselves: that a list of ours is stale, how deep a chain may be, that a path was too costly, are
//! `certificate_unknown`. That a certificate is refused at all, with or without its key in hand, showed before, too: the
//! alert for a missing key is another one, as it is with every server.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::sync::Arc;

use rustls::{Error, OtherError};

use crate::certificate::Certificate;
use crate::certificate_error::{CertificateError, Distrust};
use crate::handshake_diagnosis::tls_error;
use crate::presented::PresentedChain;

tokio::task_local! {
    /// What the verifier had against the peer of the handshake under way.
    static NOTED: RefCell<Option<Arc<Refusal>>>;
}

/// What the verifier refused, and why.
#[derive(Debug, thiserror::Error)]
#[error("{cause}")]
pub(crate) struct Refusal {
    /// Why.
    #[source]
    pub(crate) cause: CertificateError,
    /// Whose certificate, if it could be read.
    pub(crate) leaf: Option<Arc<Certificate>>,
    /// The chain; `None` if there was more of it than is looked at.
    pub(crate) chain: Option<PresentedChain>,
}

/// A refusal for rustls. Inside [`noting`] it has the alert of its kind; elsewhere it carries the refusal itself, under
/// `certificate_unknown`.
pub(crate) fn refused(cause: CertificateError, chain: Option<&PresentedChain>) -> Error {
    let alert = alert_of(&cause);
    let refusal = Arc::new(Refusal {
        cause,
        leaf: chain.and_then(|chain| chain.leaf_certificate().ok()),
        chain: chain.cloned(),
    });
    let note = || NOTED.try_with(|noted| noted.replace(Some(Arc::clone(&refusal))));
    match alert {
        Some(alert) if note().is_ok() => Error::InvalidCertificate(alert),
        Some(_) | None => whole(refusal),
    }
}

fn whole(refusal: Arc<Refusal>) -> Error {
    Error::InvalidCertificate(rustls::CertificateError::Other(OtherError(refusal)))
}

/// What rustls carried; `None` if the error is no refusal of this crate's verifier.
pub(crate) fn refusal_in(error: &Error) -> Option<&Refusal> {
    let Error::InvalidCertificate(rustls::CertificateError::Other(OtherError(cause))) = error else {
        return None;
    };
    cause.downcast_ref()
}

/// Shakes hands. If that fails because the verifier refused the peer, the error carries the refusal.
pub(crate) async fn noting<T>(handshake: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let with_its_refusal = async {
        let error = match handshake.await {
            Ok(shaken) => return Ok(shaken),
            Err(error) => error,
        };
        let noted = NOTED.with(RefCell::take);
        match (noted, tls_error(&error)) {
            (Some(refusal), Some(Error::InvalidCertificate(_))) => {
                Err(io::Error::new(error.kind(), whole(refusal)))
            }
            (_, _) => Err(error),
        }
    };
    NOTED.scope(RefCell::default(), with_its_refusal).await
}

/// The variant whose alert says what kind of refusal it is, as OpenSSL chooses them where the RFCs leave it open; `None` where
/// the peer is told nothing but that it is refused.
fn alert_of(cause: &CertificateError) -> Option<rustls::CertificateError> {
    use rustls::CertificateError as Alert;
    Some(match cause {
        // certificate_expired: "has expired or is not currently valid" (RFC 8446 §6.2).
        CertificateError::Expired { .. } => Alert::Expired,
        CertificateError::NotYetValid { .. } => Alert::NotValidYet,
        CertificateError::Revoked { .. } => Alert::Revoked,
        // unsupported_certificate
        CertificateError::Purpose(_) => Alert::InvalidPurpose,
        // bad_certificate
        CertificateError::Malformed(_) | CertificateError::Weak(_) => Alert::BadEncoding,
        CertificateError::Name { .. } => Alert::NotValidForName,
        CertificateError::Untrusted(distrust) => match distrust {
            // unknown_ca
            Distrust::UnknownIssuer { .. }
            | Distrust::MissingIntermediate { .. }
            | Distrust::Signature { .. } => Alert::UnknownIssuer,
            // bad_certificate
            Distrust::SignatureAlgorithm { .. }
            | Distrust::NotAnAuthority(_)
            | Distrust::KeyUsage(_)
            | Distrust::PathLength(_)
            | Distrust::NameConstraints(_) => Alert::BadEncoding,
            Distrust::CriticalExtension { .. } => Alert::UnhandledCriticalExtension,
            Distrust::TooComplex(_) | Distrust::Other { .. } => return None,
        },
        CertificateError::RevocationUnknown(_)
        | CertificateError::TooLarge { .. }
        | CertificateError::ChainTooDeep { .. } => return None,
    })
}

#[cfg(test)]
mod tests {
    use rustls::AlertDescription;

    use super::*;

    fn expired() -> CertificateError {
        CertificateError::Expired {
            subject: "CN=a".to_owned(),
            not_after: rustls::pki_types::UnixTime::since_unix_epoch(std::time::Duration::ZERO),
        }
    }

    fn alert(error: &Error) -> Option<AlertDescription> {
        if let Error::InvalidCertificate(problem) = error {
            return Some(problem.clone().into());
        }
        None
    }

    #[tokio::test]
    async fn the_peer_gets_the_alert_and_the_log_gets_the_refusal() {
        let failed = noting(async {
            let error = refused(expired(), None);
            assert_eq!(alert(&error), Some(AlertDescription::CertificateExpired));
            Err::<(), _>(io::Error::new(io::ErrorKind::InvalidData, error))
        });
        let error = failed.await.expect_err("a failed handshake");
        let told = tls_error(&error)
            .and_then(refusal_in)
            .map(|refusal| &refusal.cause);
        assert_eq!(told, Some(&expired()));
    }

    #[tokio::test]
    async fn what_is_kept_to_ourselves_and_what_is_nobodys_refusal() {
        let error = refused(expired(), None);
        assert_eq!(alert(&error), Some(AlertDescription::CertificateUnknown));
        assert!(
            refusal_in(&error).is_some(),
            "outside of a handshake that is noted"
        );
        let failed = noting(async {
            let deep = CertificateError::ChainTooDeep {
                length: 3,
                counted: "as presented",
                limit: 2,
            };
            let error = refused(deep, None);
            assert_eq!(alert(&error), Some(AlertDescription::CertificateUnknown));
            // Refused, but let pass, and then something else went wrong.
            let _ = refused(expired(), None);
            Err::<(), _>(io::Error::from(io::ErrorKind::UnexpectedEof))
        });
        let error = failed.await.expect_err("a failed handshake");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
