//! The edge's verify mode: a certificate is demanded, and the verifier decides inside the handshake.
//!
//! A client that is refused sees a TLS alert and never an HTTP answer, as with an ALB. The alert says what kind of refusal it is; the
//! whole of it is taken out of the error by [`cause_of`], so that the connection log can say it.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use crate::certificate::Certificate;
use crate::certificate_error::CertificateError;
use crate::handshake_refusal::{refusal_in, refused};
use crate::presented::PresentedChain;
use crate::verify::{KeyPolicy, TrustStore};

/// Whether the `CertificateRequest` names the authorities of the trust store (ALB's `AdvertiseTrustStoreCaNames`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advertise {
    /// It does not: any certificate is asked for.
    Nothing,
    /// It does: clients with several certificates choose by it.
    Subjects,
}

/// Demands a certificate and judges it by the store, besides the proof of possession at both TLS versions.
pub fn verify_in_handshake(store: Arc<TrustStore>, hints: Advertise) -> Arc<dyn ClientCertVerifier> {
    let hints = match hints {
        Advertise::Nothing => Vec::new(),
        Advertise::Subjects => store.subjects(),
    };
    Arc::new(VerifiedClients {
        hints,
        algorithms: aws_lc_rs::default_provider().signature_verification_algorithms,
        store,
    })
}

/// Why the verifier of this crate refused a certificate in a handshake; `None` if that is not what went wrong.
pub fn cause_of(error: &Error) -> Option<&CertificateError> {
    refusal_in(error).map(|refusal| &refusal.cause)
}

/// Whose certificate it refused, for the log: nobody is known by it. `None` if it could not be read.
pub fn refused_leaf(error: &Error) -> Option<&Certificate> {
    refusal_in(error)?.leaf.as_deref()
}

/// The chain that it refused; `None` if there was more of it than is looked at.
pub(crate) fn refused_chain(error: &Error) -> Option<&PresentedChain> {
    refusal_in(error)?.chain.as_ref()
}

#[derive(Debug)]
struct VerifiedClients {
    hints: Vec<DistinguishedName>,
    algorithms: WebPkiSupportedAlgorithms,
    store: Arc<TrustStore>,
}

impl ClientCertVerifier for VerifiedClients {
    fn offer_client_auth(&self) -> bool {
        true
    }

    fn client_auth_mandatory(&self) -> bool {
        true
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let chain =
            PresentedChain::of_client(end_entity, intermediates).map_err(|cause| refused(cause, None))?;
        match self.store.verify_once(&chain, now) {
            Ok(_) => Ok(ClientCertVerified::assertion()),
            Err(cause) => Err(refused(cause, Some(&chain))),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, leaf, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, leaf, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = self.algorithms.supported_schemes();
        match self.store.policy().keys {
            KeyPolicy::Gateway => {}
            KeyPolicy::Alb => schemes.retain(|scheme| *scheme != SignatureScheme::ED25519),
        }
        schemes
    }
}
