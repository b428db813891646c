//! Upstream certificates: the same verifier, with the name that the connection is for.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use webpki::EndEntityCert;

use crate::certificate_error::CertificateError;
use crate::handshake_policy::refused;
use crate::presented::PresentedChain;
use crate::verify::TrustStore;

/// The names of which a server's certificate must have one, where that is not the name in the handshake: DNS names or addresses.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ExpectedNames(Vec<ServerName<'static>>);

impl ExpectedNames {
    /// Reads names; an empty list is allowed and matches no server.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidDnsNameError> {
        let parsed: Result<Vec<_>, _> = names
            .into_iter()
            .map(|name| ServerName::try_from(name.to_owned()))
            .collect();
        parsed.map(Self)
    }
}

/// Verifies a server by the store (of [`crate::verify::Purpose::Server`]) and by the name that the connection asked for.
pub fn verify_server(store: Arc<TrustStore>) -> Arc<dyn ServerCertVerifier> {
    verifier(Trust::Store { store, names: None })
}

/// The same, but the certificate must have one of these names, whatever name is in the handshake.
pub fn verify_server_as(store: Arc<TrustStore>, names: ExpectedNames) -> Arc<dyn ServerCertVerifier> {
    let names = Some(names);
    verifier(Trust::Store { store, names })
}

/// Believes every server: the relaxation behind `tls_verify: false`, and a warning wherever it is used. The server still has to prove that
/// it holds the key of what it shows, so that a log of its certificate is worth something.
pub fn accept_any_server() -> Arc<dyn ServerCertVerifier> {
    verifier(Trust::Anybody)
}

fn verifier(trust: Trust) -> Arc<dyn ServerCertVerifier> {
    Arc::new(Servers {
        trust,
        algorithms: aws_lc_rs::default_provider().signature_verification_algorithms,
    })
}

#[derive(Debug)]
enum Trust {
    Store {
        store: Arc<TrustStore>,
        names: Option<ExpectedNames>,
    },
    Anybody,
}

#[derive(Debug)]
struct Servers {
    trust: Trust,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Servers {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.trust {
            Trust::Anybody => {}
            Trust::Store { store, names } => {
                let chain = PresentedChain::from_parts(end_entity, intermediates).map_err(refused)?;
                store.verify(&chain, now).map_err(refused)?;
                let asked = [server_name.to_owned()];
                let wanted = names.as_ref().map_or(&asked[..], |names| &names.0);
                has_one_of(&chain, wanted).map_err(refused)?;
            }
        }
        Ok(ServerCertVerified::assertion())
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

fn has_one_of(chain: &PresentedChain, wanted: &[ServerName<'_>]) -> Result<(), CertificateError> {
    let leaf = chain.leaf_certificate()?;
    let read = EndEntityCert::try_from(chain.leaf());
    let has = |name: &ServerName<'_>| {
        read.as_ref()
            .is_ok_and(|leaf| leaf.verify_is_valid_for_subject_name(name).is_ok())
    };
    if wanted.iter().any(has) {
        return Ok(());
    }
    let names: Vec<_> = wanted.iter().map(|name| name.to_str().into_owned()).collect();
    Err(CertificateError::Name {
        subject: leaf.subject().to_string(),
        wanted: names.join(", "),
    })
}
