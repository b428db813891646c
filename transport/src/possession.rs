//! A handshake proves that the client holds the key of the certificate it shows. Nothing else is decided here.
//!
//! # The threat
//!
//! A certificate is public. What makes it a credential is that its holder can sign with the key: the `CertificateVerify` message of
//! TLS 1.2 and 1.3, a signature over the transcript of this very handshake. A passthrough edge carries the certificate to a gateway that
//! will believe it, and a gateway maps it to a consumer; neither sees the signature again. If this module answered
//! [`HandshakeSignatureValid`] without looking, anybody could paste anybody's certificate into a handshake and be them, and every chain
//! check behind it would nod, because the certificate is real.
//!
//! # What it does
//!
//! - `verify_client_cert` accepts every chain. Trust, dates, purpose and revocation are judged later and with more knowledge: per route at
//!   the gateway, not at all at a passthrough edge. rustls calls the signature check whatever this says.
//! - `verify_tls12_signature` and `verify_tls13_signature` are rustls' own, with every algorithm of the provider, and the schemes offered to
//!   the client are the same list. They must never be stubbed, not even in a test: `tests/verifier.rs` connects with the wrong key at both
//!   versions and demands a failed handshake.
//! - A certificate is asked for and never demanded: without one the connection proceeds as anonymous.
//!
//! # What follows for the caller
//!
//! Session resumption skips `CertificateVerify` and hands out the certificate of an earlier handshake. Listeners that use this verifier must
//! not resume sessions. And the chain that rustls returns after the handshake is *presented*, not verified: it goes through
//! `PresentedChain` and `TrustStore::verify`, or on to somebody who will do that.
//!
//! rustls reads the leaf to find its key. What its reader refuses (X.509 version 1, an unknown critical extension) fails the handshake:
//! no proof of possession, no connection.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

/// Asks for a client certificate, takes any chain or none, and checks the signature over the handshake at both TLS versions.
///
/// `hints` are the subjects of the `CertificateRequest`; an empty list asks for any certificate.
pub fn prove_possession(hints: Vec<DistinguishedName>) -> Arc<dyn ClientCertVerifier> {
    Arc::new(Possession {
        hints,
        algorithms: aws_lc_rs::default_provider().signature_verification_algorithms,
    })
}

#[derive(Debug)]
struct Possession {
    hints: Vec<DistinguishedName>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for Possession {
    fn offer_client_auth(&self) -> bool {
        true
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
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
        self.algorithms.supported_schemes()
    }
}
