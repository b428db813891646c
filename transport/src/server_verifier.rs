//! Upstream certificates: the same verifier, with the name that the connection is for.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, DnsName, InvalidDnsNameError, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use webpki::EndEntityCert;

use crate::certificate::{AlternativeName, Certificate};
use crate::certificate_error::CertificateError;
use crate::handshake_refusal::refused;
use crate::presented::PresentedChain;
use crate::verify::TrustStore;

/// Names that a server's certificate may have instead of the one that the connection asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct FurtherNames {
    dns: Vec<ServerName<'static>>,
    uris: Vec<String>,
}

impl FurtherNames {
    /// One more DNS name. A wildcard of the certificate may match it; it is no wildcard itself.
    pub fn add_dns(&mut self, name: &str) -> Result<(), InvalidDnsNameError> {
        self.dns
            .push(ServerName::DnsName(DnsName::try_from(name.to_owned())?));
        Ok(())
    }

    /// One more URI; compared octet by octet.
    pub fn add_uri(&mut self, uri: &str) {
        self.uris.push(uri.to_owned());
    }
}

/// Verifies a server by the store (of [`crate::verify::Purpose::Server`]) and by the name that the connection asked for.
pub fn verify_server(store: Arc<TrustStore>) -> Arc<dyn ServerCertVerifier> {
    verify_server_or(store, FurtherNames::default())
}

/// The same, but one of these names will do as well.
pub fn verify_server_or(store: Arc<TrustStore>, further: FurtherNames) -> Arc<dyn ServerCertVerifier> {
    verifier(Trust::Store { store, further })
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
        further: FurtherNames,
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
            Trust::Store { store, further } => {
                let chain = PresentedChain::of_server(end_entity, intermediates)
                    .map_err(|cause| refused(cause, None))?;
                store
                    .verify(&chain, now)
                    .and_then(|path| has_one_of(path.leaf(), server_name, further))
                    .map_err(|cause| refused(cause, Some(&chain)))?;
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

fn has_one_of(
    leaf: &Certificate,
    asked: &ServerName<'_>,
    further: &FurtherNames,
) -> Result<(), CertificateError> {
    let present = leaf.alternative_names().unwrap_or_default();
    let read = EndEntityCert::try_from(leaf.der());
    let has = |name: &ServerName<'_>| {
        read.as_ref()
            .is_ok_and(|leaf| leaf.verify_is_valid_for_subject_name(name).is_ok())
    };
    let has_uri = |wanted: &String| {
        present
            .iter()
            .any(|name| matches!(name, AlternativeName::Uri(uri) if uri == wanted))
    };
    if has(asked) || further.dns.iter().any(has) || further.uris.iter().any(has_uri) {
        return Ok(());
    }
    let dns = further.dns.iter().map(|name| name.to_str().into_owned());
    let wanted = std::iter::once(asked.to_str().into_owned()).chain(dns);
    Err(CertificateError::Name {
        subject: leaf.subject().to_string(),
        wanted: listed(wanted.chain(further.uris.iter().cloned()), " or "),
        present: match present {
            [] => "no name at all: a subject alternative name is what counts".to_owned(),
            names => listed(names.iter().map(shown), ", "),
        },
    })
}

/// Names for a log: a few of them, and nothing of a stranger's that a terminal would obey.
fn listed(names: impl Iterator<Item = String>, separator: &str) -> String {
    const MOST: usize = 8;
    let mut names = names.map(|name| format!("`{}`", name.escape_default()));
    let mut shown: Vec<String> = names.by_ref().take(MOST).collect();
    match names.count() {
        0 => {}
        more => shown.push(format!("{more} more")),
    }
    shown.join(separator)
}

fn shown(name: &AlternativeName) -> String {
    match name {
        AlternativeName::Email(text) | AlternativeName::Dns(text) | AlternativeName::Uri(text) => {
            text.clone()
        }
        AlternativeName::Ip(address) => address.to_string(),
        AlternativeName::Directory(name) => name.to_string(),
        AlternativeName::Other => "another kind of name".to_owned(),
    }
}
