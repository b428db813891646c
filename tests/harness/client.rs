//! A client of either door: HTTP/1.1 or HTTP/2, over TLS with a certificate of its own or without.

use std::future::IntoFuture;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Uri, Version};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::client::ResolvesClientCert;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, SignatureScheme, SupportedProtocolVersion};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use transport::pem::PemError;

use crate::answer::Answer;
use crate::pki::Pki;

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
    name: String,
    versions: Vec<&'static SupportedProtocolVersion>,
    identity: Option<Arc<CertifiedKey>>,
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
                versions: vec![&TLS13, &TLS12],
                identity: None,
            }),
            protocol: Version::HTTP_11,
            host: format!("{name}:{}", address.port()),
        }
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
        let name = ServerName::try_from(tls.name.clone())
            .map_err(|error| CallError::Tls(io::Error::other(error)))?;
        let shaken = TlsConnector::from(Arc::new(self.config(tls)?)).connect(name, stream);
        let shaken = timeout(PATIENCE, shaken).await.map_err(|_| CallError::TooSlow)?;
        Ok(Box::new(shaken.map_err(CallError::Tls)?))
    }

    fn config(&self, tls: &Tls) -> Result<ClientConfig, CallError> {
        let builder = ClientConfig::builder_with_protocol_versions(&tls.versions)
            .with_root_certificates(tls.pki.server_roots()?);
        let mut config = match &tls.identity {
            Some(identity) => builder.with_client_cert_resolver(Arc::new(Shown(Arc::clone(identity)))),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![match self.protocol {
            Version::HTTP_2 => b"h2".to_vec(),
            _ => b"http/1.1".to_vec(),
        }];
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

/// A body that is all there.
pub fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed()
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

/// An open connection.
#[derive(Debug)]
pub struct Session {
    client: Client,
    sender: Sender,
    connection: JoinHandle<Result<(), hyper::Error>>,
}

#[derive(Debug)]
enum Sender {
    Http1(http1::SendRequest<Body>),
    Http2(http2::SendRequest<Body>),
}

impl Session {
    /// A GET on this connection.
    pub async fn get(&mut self, path: &str) -> Result<Answer, CallError> {
        let call = self.client.get(path);
        self.send(call).await
    }

    /// A request on this connection, as whoever opened it.
    pub async fn send(&mut self, call: Call) -> Result<Answer, CallError> {
        let request = call.message.into_request(&self.client)?;
        let outcome = timeout(PATIENCE, self.exchange(request)).await;
        match outcome.map_err(|_| CallError::TooSlow)? {
            Err(CallError::Exchange(error)) => Err(CallError::Exchange(self.end().await.unwrap_or(error))),
            outcome => outcome,
        }
    }

    /// Why the connection ended, if it did: the request itself knows only that it is gone.
    async fn end(&mut self) -> Option<hyper::Error> {
        const SOON: Duration = Duration::from_millis(200);
        timeout(SOON, &mut self.connection).await.ok()?.ok()?.err()
    }

    /// Whether the other side has closed the connection.
    pub fn is_closed(&self) -> bool {
        match &self.sender {
            Sender::Http1(sender) => sender.is_closed(),
            Sender::Http2(sender) => sender.is_closed(),
        }
    }

    async fn exchange(&mut self, request: Request<Body>) -> Result<Answer, CallError> {
        let response = match &mut self.sender {
            Sender::Http1(sender) => {
                sender.ready().await.map_err(CallError::Exchange)?;
                sender.send_request(request).await
            }
            Sender::Http2(sender) => {
                sender.ready().await.map_err(CallError::Exchange)?;
                sender.send_request(request).await
            }
        };
        let (head, body) = response.map_err(CallError::Exchange)?.into_parts();
        let body = body.collect().await.map_err(CallError::Body)?.to_bytes();
        Ok(Answer {
            status: head.status,
            version: head.version,
            headers: head.headers,
            body,
        })
    }
}

#[derive(Debug)]
struct Message {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Body,
}

impl Message {
    fn into_request(self, client: &Client) -> Result<Request<Body>, CallError> {
        let uri = match client.protocol {
            Version::HTTP_2 => {
                let scheme = if client.tls.is_some() { "https" } else { "http" };
                Uri::builder()
                    .scheme(scheme)
                    .authority(client.host.as_str())
                    .path_and_query(self.path.as_str())
                    .build()?
            }
            _ => Uri::builder().path_and_query(self.path.as_str()).build()?,
        };
        let mut request = Request::builder().method(self.method).uri(uri).body(self.body)?;
        *request.headers_mut() = self.headers;
        if client.protocol != Version::HTTP_2 {
            let host = HeaderValue::try_from(client.host.as_str()).map_err(http::Error::from)?;
            request.headers_mut().entry(header::HOST).or_insert(host);
        }
        Ok(request)
    }
}

/// A request that is not sent yet. Awaiting it gives the answer, and panics where there is none.
#[derive(Debug)]
pub struct Call {
    client: Client,
    message: Message,
}

impl Call {
    /// One more header line.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().expect("a header name");
        self.message
            .headers
            .append(name, value.parse().expect("a header value"));
        self
    }

    /// Another body.
    pub fn body(mut self, body: Body) -> Self {
        self.message.body = body;
        self
    }

    /// The answer, or why there is none.
    pub async fn outcome(self) -> Result<Answer, CallError> {
        let mut session = self.client.connect().await?;
        session.send(self).await
    }
}

impl IntoFuture for Call {
    type Output = Answer;
    type IntoFuture = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let request = format!("{} {}", self.message.method, self.message.path);
            let answer = match self.outcome().await {
                Ok(answer) => answer,
                Err(error) => panic!("{request}: {error}"),
            };
            let leaks = answer.leaks();
            assert!(
                leaks.is_empty(),
                "{request}: the answer holds {leaks:?}\n{answer:?}"
            );
            answer
        })
    }
}
