//! Why a TLS handshake failed, in the words of ALB's connection log (headers.md A.6).

use std::fmt::{self, Display};

use rustls::{CertificateError, Error};
use transport::certificate::Certificate;
use transport::handshake_policy;
use transport::serve::HandshakeError;

/// A failed handshake.
#[derive(Debug)]
pub(crate) struct HandshakeFailure<'a> {
    error: &'a HandshakeError,
}

/// What everything is called that has no name of its own; a missing certificate too.
const UNMAPPED: &str = "UnmappedConnectionError";

impl<'a> HandshakeFailure<'a> {
    /// Reads the error.
    pub(crate) fn of(error: &'a HandshakeError) -> Self {
        Self { error }
    }

    /// The code after `Failed:`.
    pub(crate) fn connection_log_code(&self) -> &'static str {
        match self.error.tls() {
            Some(error @ Error::InvalidCertificate(problem)) => match handshake_policy::cause_of(error) {
                Some(cause) => cause.connection_log_code(),
                None => code_of(problem),
            },
            Some(_) | None => UNMAPPED,
        }
    }

    /// Whether the client showed a certificate and that was the problem.
    pub(crate) fn is_about_the_certificate(&self) -> bool {
        matches!(self.error.tls(), Some(Error::InvalidCertificate(_)))
    }

    /// Whether version and cipher were agreed on before it failed.
    pub(crate) fn is_after_the_hello(&self) -> bool {
        matches!(
            self.error.tls(),
            Some(Error::InvalidCertificate(_) | Error::NoCertificatesPresented)
        )
    }

    /// The certificate that was refused, if it could be read.
    pub(crate) fn leaf(&self) -> Option<&'a Certificate> {
        handshake_policy::refused_leaf(self.error.tls()?)
    }
}

/// What rustls itself finds wrong with a certificate: it cannot be read, or the key that signed is not its key.
fn code_of(problem: &CertificateError) -> &'static str {
    if matches!(
        problem,
        CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. }
            | CertificateError::UnsupportedSignatureAlgorithmContext { .. }
    ) {
        "ClientCertIncompatible"
    } else {
        "ClientCertInvalid"
    }
}

impl Display for HandshakeFailure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.error.tls().and_then(handshake_policy::cause_of) {
            Some(cause) => cause.fmt(f),
            None => self.error.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn what_rustls_says_has_a_code() {
        for (error, code, about_the_certificate) in [
            (Error::NoCertificatesPresented, UNMAPPED, false),
            (
                Error::InvalidCertificate(CertificateError::BadSignature),
                "ClientCertInvalid",
                true,
            ),
            (
                Error::InvalidCertificate(CertificateError::BadEncoding),
                "ClientCertInvalid",
                true,
            ),
            (Error::HandshakeNotComplete, UNMAPPED, false),
        ] {
            let text = error.to_string();
            let error = HandshakeError::Failed(io::Error::new(io::ErrorKind::InvalidData, error));
            let failure = HandshakeFailure::of(&error);
            assert_eq!(failure.connection_log_code(), code, "{text}");
            assert_eq!(
                failure.is_about_the_certificate(),
                about_the_certificate,
                "{text}"
            );
            assert!(failure.leaf().is_none());
        }
        assert_eq!(
            HandshakeFailure::of(&HandshakeError::TooSlow).connection_log_code(),
            UNMAPPED
        );
    }
}
