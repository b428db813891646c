//! A client of either door: HTTP/1.1 or HTTP/2, over TLS with a certificate of its own or without.

mod call;
mod handshake;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Version};
use http_body_util::combinators::BoxBody;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, SignatureScheme, SupportedProtocolVersion};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use transport::pem::PemError;

use self::call::{Message, Sender};
use self::handshake::{CertificateOf, server_name};
use crate::pki::Pki;

pub use self::call::{Call, Session, whole};

/// How long anything may take. Far longer than anything takes: it ends a test that hangs, and decides none.
const PATIENCE: Duration = Duration::from_secs(30);

/// The body of a request.
pub type Body = BoxBody<Bytes, io::Error>;

/// Where to connect, as whom, speaking what. Cheap to clone; every `with` makes another client.
#[derive(Clone, Debug)]
pub struct Client {
    address: SocketAddr,
    tls: Option<Tls>,
    protocol: Version,
    host: String,
}

#[derive(Clone, Debug)]
struct Tls {
    pki: Arc<Pki>,
    /// Of the server's certificate.
    name: String,
    /// Of the handshake, if it is another one.
    asked_for: Option<String>,
    versions: Vec<&'static SupportedProtocolVersion>,
    identity: Option<Arc<CertifiedKey>>,
    longest_record: Option<usize>,
}

/// There was no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No TCP connection.
    #[error("cannot connect to {0}: {1}")]
    Connect(SocketAddr, #[source] io::Error),
    /// The handshake failed.
    #[error("TLS: {0}")]
    Tls(#[source] io::Error),
    /// Connected, but no answer. With TLS 1.3 a refused client certificate looks like this: the client is done with its
    /// handshake before the server judges it.
    #[error("no answer: {0}")]
    Exchange(#[source] hyper::Error),
    /// The answer broke off.
    #[error("the answer broke off: {0}")]
    Body(#[source] hyper::Error),
    /// Nothing came.
    #[error("nothing within {} s", PATIENCE.as_secs())]
    TooSlow,
    /// The PKI cannot be read.
    #[error(transparent)]
    Pki(#[from] PemError),
    /// The request cannot be written down.
    #[error("not a request: {0}")]
    Request(#[from] http::Error),
}

impl CallError {
    /// The TLS alert or error in it, for people.
    pub fn reason(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text = error.to_string();
            cause = error.source();
        }
        text
    }
}

impl Client {
    /// A client of a plain listener.
    pub fn http(address: SocketAddr) -> Self {
        Self {
            address,
            tls: None,
            protocol: Version::HTTP_11,
            host: address.to_string(),
        }
    }

    /// A client of a TLS listener: asks for `name`, shows no certificate, speaks HTTP/1.1. Its trust and its
    /// certificates are the PKI's.
    pub fn https(address: SocketAddr, pki: &Arc<Pki>, name: &str) -> Self {
        Self {
            address,
            tls: Some(Tls {
                pki: Arc::clone(pki),
                name: name.to_owned(),
                asked_for: None,
                versions: vec![&TLS13, &TLS12],
                identity: None,
                longest_record: None,
            }),
            protocol: Version::HTTP_11,
            host: format!("{name}:{}", address.port()),
        }
    }

    /// Asks for another server name in the handshake, and sends it as `Host`. The server's certificate is checked for
    /// the name that it has: what is asked for decides what the server does, not whom we talk to.
    pub fn asking_for(mut self, name: &str) -> Self {
        if let Some(tls) = &mut self.tls {
            tls.asked_for = Some(name.to_owned());
        }
        self.host(name)
    }

    /// Shows a certificate, if it is asked for one, whatever CAs the server names.
    pub fn with(mut self, identity: Arc<CertifiedKey>) -> Self {
        if let Some(tls) = &mut self.tls {
            tls.identity = Some(identity);
        }
        self
    }

    /// Shows the certificate of a client (`alice`) or a tier (`edge/client`) of the PKI.
    pub fn cert(self, name: &str) -> Self {
        let pki = self.tls.as_ref().map(|tls| Arc::clone(&tls.pki));
        let identity = pki.expect("a TLS client").identity(name);
        self.with(identity.expect("a certificate of the PKI"))
    }

    /// Writes these bytes, after the handshake if there is one, and gives everything that comes back until the other
    /// side closes.
    pub async fn raw(&self, bytes: &[u8]) -> Result<String, CallError> {
        let mut stream = self.stream().await?;
        let exchange = async {
            stream.write_all(bytes).await?;
            let mut answer = Vec::new();
            // How the end looks (close_notify, FIN, RST) is nothing that a raw request asks about.
            let _ = stream.read_to_end(&mut answer).await;
            Ok(String::from_utf8_lossy(&answer).into_owned())
        };
        let answer = timeout(PATIENCE, exchange)
            .await
            .map_err(|_| CallError::TooSlow)?;
        answer.map_err(CallError::Tls)
    }

    /// Speaks HTTP/2.
    pub fn over_http2(mut self) -> Self {
        self.protocol = Version::HTTP_2;
        self
    }

    /// Offers TLS 1.2 alone.
    pub fn over_tls12(self) -> Self {
        self.over(&TLS12)
    }

    /// Offers TLS 1.3 alone.
    pub fn over_tls13(self) -> Self {
        self.over(&TLS13)
    }

    /// Cuts its handshake into records of 32 octets: a ClientHello comes in dozens of them.
    pub fn in_fragments(mut self) -> Self {
        if let Some(tls) = &mut self.tls {
            tls.longest_record = Some(32);
        }
        self
    }

    fn over(mut self, version: &'static SupportedProtocolVersion) -> Self {
        if let Some(tls) = &mut self.tls {
            tls.versions = vec![version];
        }
        self
    }

    /// Sends another `Host`, or `:authority`.
    pub fn host(mut self, host: &str) -> Self {
        host.clone_into(&mut self.host);
        self
    }

    /// Where it connects.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A GET on a connection of its own. Await it for the answer.
    pub fn get(&self, path: &str) -> Call {
        self.request(Method::GET, path)
    }

    /// A POST on a connection of its own.
    pub fn post(&self, path: &str, body: impl Into<Bytes>) -> Call {
        let mut call = self.request(Method::POST, path);
        call.message.body = whole(body);
        call
    }

    /// A request on a connection of its own.
    pub fn request(&self, method: Method, path: &str) -> Call {
        Call {
            client: self.clone(),
            message: Message {
                method,
                path: path.to_owned(),
                headers: HeaderMap::new(),
                body: whole(""),
            },
        }
    }

    /// Opens a connection for several requests.
    pub async fn connect(&self) -> Result<Session, CallError> {
        let stream = self.stream().await?;
        self.session(stream).await
    }

    /// Opens a connection and leaves the bytes to the caller.
    pub async fn stream(&self) -> Result<Box<dyn Stream>, CallError> {
        let connect = TcpStream::connect(self.address);
        let stream = timeout(PATIENCE, connect)
            .await
            .map_err(|_| CallError::TooSlow)?
            .map_err(|error| CallError::Connect(self.address, error))?;
        // Requests are small and many.
        let _ = stream.set_nodelay(true);
        let Some(tls) = &self.tls else {
            return Ok(Box::new(stream));
        };
        Ok(Box::new(shake(stream, tls, Arc::new(self.config(tls)?)).await?))
    }

    fn config(&self, tls: &Tls) -> Result<ClientConfig, CallError> {
        let builder = ClientConfig::builder_with_protocol_versions(&tls.versions)
            .dangerous()
            .with_custom_certificate_verifier(CertificateOf::server(&tls.pki, &tls.name)?);
        let mut config = match &tls.identity {
            Some(identity) => builder.with_client_cert_resolver(Arc::new(Shown(Arc::clone(identity)))),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![match self.protocol {
            Version::HTTP_2 => b"h2".to_vec(),
            _ => b"http/1.1".to_vec(),
        }];
        config.max_fragment_size = tls.longest_record;
        config.resumption = Resumption::disabled();
        Ok(config)
    }

    async fn session(&self, stream: Box<dyn Stream>) -> Result<Session, CallError> {
        let io = TokioIo::new(stream);
        let (sender, connection) = match self.protocol {
            Version::HTTP_2 => {
                let (sender, connection) = http2::handshake(TokioExecutor::new(), io)
                    .await
                    .map_err(CallError::Exchange)?;
                (Sender::Http2(sender), tokio::spawn(connection))
            }
            _ => {
                let (sender, connection) = http1::handshake(io).await.map_err(CallError::Exchange)?;
                (Sender::Http1(sender), tokio::spawn(connection.with_upgrades()))
            }
        };
        Ok(Session {
            client: self.clone(),
            sender,
            connection,
        })
    }
}

async fn shake(
    stream: TcpStream,
    tls: &Tls,
    config: Arc<ClientConfig>,
) -> Result<TlsStream<TcpStream>, CallError> {
    let name = server_name(tls.asked_for.as_ref().unwrap_or(&tls.name))?;
    let shaken = TlsConnector::from(config).connect(name, stream);
    let shaken = timeout(PATIENCE, shaken).await.map_err(|_| CallError::TooSlow)?;
    shaken.map_err(CallError::Tls)
}

/// Anything that carries bytes both ways.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Shows one certificate to everybody who asks; with the wrong key too, which is the point of some tests.
#[derive(Debug)]
struct Shown(Arc<CertifiedKey>);

impl ResolvesClientCert for Shown {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}
