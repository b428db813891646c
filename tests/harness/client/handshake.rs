//! What a handshake shows of the server: its certificate, whether it asks for one, whether it resumes sessions.

use std::io;
use std::sync::{Arc, Mutex};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption, WebPkiServerVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, DigitallySignedStruct, Error, HandshakeKind, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use transport::distinguished_name::DistinguishedName;

use super::{CallError, Client, shake};
use crate::pki::Pki;

impl Client {
    /// The names of the authorities whose certificates the handshake asks for, in the order they come; an empty list
    /// asks for any, `None` for none.
    pub async fn asked_for(&self) -> Result<Option<Vec<String>>, CallError> {
        let asked = Arc::new(Asked::default());
        let mut config = self.tls_config()?;
        config.client_auth_cert_resolver = Arc::clone(&asked) as _;
        self.shaken(Arc::new(config)).await?;
        Ok(asked.0.lock().unwrap().take())
    }

    /// Whether a second connection can resume the session of a first one that has sent a request.
    pub async fn is_resumed(&self, path: &str) -> Result<bool, CallError> {
        let mut config = self.tls_config()?;
        config.resumption = Resumption::in_memory_sessions(8);
        let config = Arc::new(config);
        let first = self.shaken(Arc::clone(&config)).await?;
        // With TLS 1.3 tickets come after the handshake: an answer has to be read for them to be there.
        let mut session = self.session(Box::new(first)).await?;
        session.get(path).await?;
        let second = self.shaken(config).await?;
        Ok(second.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed))
    }

    fn tls_config(&self) -> Result<ClientConfig, CallError> {
        self.config(self.tls.as_ref().expect("a TLS client"))
    }

    async fn shaken(&self, config: Arc<ClientConfig>) -> Result<TlsStream<TcpStream>, CallError> {
        let stream = TcpStream::connect(self.address)
            .await
            .map_err(|error| CallError::Connect(self.address, error))?;
        shake(stream, self.tls.as_ref().expect("a TLS client"), config).await
    }
}

pub(super) fn server_name(name: &str) -> Result<ServerName<'static>, CallError> {
    ServerName::try_from(name.to_owned()).map_err(|error| CallError::Tls(io::Error::other(error)))
}

/// Listens, and shows nothing.
#[derive(Debug, Default)]
struct Asked(Mutex<Option<Vec<String>>>);

impl ResolvesClientCert for Asked {
    fn resolve(&self, hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let names = hints
            .iter()
            .map(|hint| DistinguishedName::parse(hint).unwrap().to_string());
        *self.0.lock().unwrap() = Some(names.collect());
        None
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// Checks a server's certificate for one name, whatever name was asked for.
#[derive(Debug)]
pub(super) struct CertificateOf {
    name: ServerName<'static>,
    verifier: Arc<WebPkiServerVerifier>,
}

impl CertificateOf {
    pub(super) fn server(pki: &Pki, name: &str) -> Result<Arc<Self>, CallError> {
        let verifier = WebPkiServerVerifier::builder(pki.server_roots()?)
            .build()
            .map_err(|error| CallError::Tls(io::Error::other(error)))?;
        Ok(Arc::new(Self {
            name: server_name(name)?,
            verifier,
        }))
    }
}

impl ServerCertVerifier for CertificateOf {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _asked_for: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.verifier
            .verify_server_cert(leaf, intermediates, &self.name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, leaf, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, leaf, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
