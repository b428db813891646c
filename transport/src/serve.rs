//! One connection of a client: the TLS handshake, then HTTP until it ends, idles or is drained.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::server::{Acceptor, ClientHello};
use rustls::{CipherSuite, NamedGroup, ProtocolVersion, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use crate::acme::ACME_TLS;
use crate::activity::Activity;
use crate::body::ResponseBody;
use crate::drain::Draining;
use crate::handshake_refusal::noting;
use crate::reader_patience::ReaderPatience;
use crate::sidelined::Sidelined;

/// How long a client may take for its TLS handshake.
pub const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);

/// Longest head of a request, all lines together, as an ALB: hyper answers 431 to more.
pub const LONGEST_HEAD: usize = 64 * 1024;

/// Longest single header line, name and value, as an ALB.
pub const LONGEST_HEADER_LINE: usize = 16 * 1024;

/// Requests that a client may have in flight on one HTTP/2 connection, as an ALB.
const STREAMS: u32 = 128;

/// A handshake that came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// Too slow.
    #[error("no TLS handshake within {} s", HANDSHAKE_DEADLINE.as_secs())]
    TooSlow,
    /// The client went away, spoke something else, or was refused.
    #[error("{0}")]
    Failed(#[source] io::Error),
}

impl HandshakeError {
    /// What rustls said, if it was rustls.
    pub fn tls(&self) -> Option<&rustls::Error> {
        match self {
            Self::TooSlow => None,
            Self::Failed(error) => error.get_ref()?.downcast_ref(),
        }
    }
}

/// A TLS session with a client.
#[derive(Debug)]
pub struct Handshaken {
    /// The stream.
    pub stream: TlsStream<TcpStream>,
    /// How long the handshake took.
    pub latency: Duration,
}

/// What was negotiated, in the words that logs and headers use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: &'static str,
    /// OpenSSL's name, `ECDHE-RSA-AES128-GCM-SHA256` or `TLS_AES_128_GCM_SHA256`.
    pub cipher: &'static str,
    /// The key exchange, `X25519MLKEM768`, `x25519`, …
    pub key_exchange: &'static str,
    /// What ALPN chose.
    pub protocol: Protocol,
    /// The server name that the client asked for, in lower case.
    pub server_name: Option<Box<str>>,
}

/// The HTTP version of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.0 and HTTP/1.1.
    Http1,
    /// HTTP/2, by ALPN only.
    Http2,
}

/// When a connection is closed although nobody asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// How long it may wait for the next request.
    pub idle: Duration,
    /// How long it may live at all; requests in flight are finished.
    pub lifetime: Duration,
}

/// Performs the handshake. `choose` sees the whole ClientHello, however it was fragmented, and picks the configuration.
pub async fn handshake<F>(stream: TcpStream, choose: F) -> Result<Handshaken, HandshakeError>
where
    F: FnOnce(&ClientHello<'_>) -> Arc<ServerConfig>,
{
    let start = Instant::now();
    let handshake = async {
        let hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        let config = choose(&hello.client_hello());
        noting(hello.into_stream(config)).await
    };
    match timeout(HANDSHAKE_DEADLINE, handshake).await {
        Ok(Ok(stream)) => Ok(Handshaken {
            stream,
            latency: start.elapsed(),
        }),
        Ok(Err(error)) => Err(HandshakeError::Failed(error)),
        Err(_) => Err(HandshakeError::TooSlow),
    }
}

impl Handshaken {
    /// Whether an ACME server looked for its certificate: then all is said, and nothing may be read from this client.
    pub fn is_challenge(&self) -> bool {
        self.stream.get_ref().1.alpn_protocol() == Some(ACME_TLS)
    }

    /// Ends a session that was [a challenge](Self::is_challenge).
    pub async fn close(mut self) {
        // It may be gone already: it has seen what it came for.
        let _ = timeout(GOODBYE, self.stream.shutdown()).await;
    }

    /// What was negotiated.
    pub fn negotiated(&self) -> Negotiated {
        let (_, session) = self.stream.get_ref();
        Negotiated {
            version: named(session.protocol_version().as_ref(), &VERSIONS),
            cipher: named(
                session
                    .negotiated_cipher_suite()
                    .map(|suite| suite.suite())
                    .as_ref(),
                &CIPHERS,
            ),
            key_exchange: named(
                session
                    .negotiated_key_exchange_group()
                    .map(rustls::crypto::SupportedKxGroup::name)
                    .as_ref(),
                &GROUPS,
            ),
            protocol: if session.alpn_protocol() == Some(b"h2") {
                Protocol::Http2
            } else {
                Protocol::Http1
            },
            server_name: session
                .server_name()
                .map(|name| name.to_ascii_lowercase().into_boxed_str()),
        }
    }
}

/// What logs call a TLS version and a cipher suite; `-` for none.
pub fn names_of(
    version: Option<ProtocolVersion>,
    cipher: Option<CipherSuite>,
) -> (&'static str, &'static str) {
    (
        named(version.as_ref(), &VERSIONS),
        named(cipher.as_ref(), &CIPHERS),
    )
}

/// Serves HTTP on a stream until it ends, waits too long for a request, has lived too long, or the drain begins. In the
/// last two cases requests in flight are finished first.
pub async fn http<I, S>(
    io: I,
    protocol: Protocol,
    service: S,
    activity: &Arc<Activity>,
    (limits, mut draining): (ConnectionLimits, Draining),
) -> Result<(), hyper::Error>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<ResponseBody>, Error = Infallible> + Send + 'static,
    S::Future: Send + 'static,
{
    http_until(io, protocol, service, activity, (limits, draining.begun())).await
}

/// [`http()`], for a caller that has more reasons than the drain to close a connection gracefully: it does so when `stop`
/// is ready. Such a caller holds a [`Draining`] itself.
pub async fn http_until<I, S, F>(
    io: I,
    protocol: Protocol,
    service: S,
    activity: &Arc<Activity>,
    (limits, stop): (ConnectionLimits, F),
) -> Result<(), hyper::Error>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<ResponseBody>, Error = Infallible> + Send + 'static,
    S::Future: Send + 'static,
    F: Future<Output = ()>,
{
    let io = TokioIo::new(ReaderPatience::new(io, limits.idle));
    match protocol {
        Protocol::Http1 => {
            let connection = http1::Builder::new()
                .max_buf_size(LONGEST_HEAD)
                .serve_connection(io, service);
            until_closed(connection.with_upgrades(), activity, limits, stop).await
        }
        Protocol::Http2 => {
            let connection = http2::Builder::new(TokioExecutor::new())
                .max_concurrent_streams(STREAMS)
                .max_header_list_size(u32::try_from(LONGEST_HEAD).unwrap_or(u32::MAX))
                .serve_connection(io, service);
            until_closed(connection, activity, limits, stop).await
        }
    }
}

/// What both of hyper's connection types can do.
trait Closable: Future<Output = Result<(), hyper::Error>> {
    fn close_gracefully(self: Pin<&mut Self>);
}

impl<I, S> Closable for http1::UpgradeableConnection<I, S>
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<ResponseBody>, Error = Infallible>,
{
    fn close_gracefully(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<I, S> Closable for http2::Connection<I, S, TokioExecutor>
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<ResponseBody>, Error = Infallible>,
    S::Future: Send + 'static,
{
    fn close_gracefully(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

async fn until_closed<C: Closable>(
    connection: C,
    activity: &Arc<Activity>,
    limits: ConnectionLimits,
    stop: impl Future<Output = ()>,
) -> Result<(), hyper::Error> {
    let mut connection = pin!(connection);
    let reason_to_close = Sidelined::new(async {
        tokio::select! {
            () = stop => {}
            () = activity.idle_for(limits.idle) => {}
            () = tokio::time::sleep(limits.lifetime) => {}
        }
    });
    tokio::select! {
        biased;
        ended = connection.as_mut() => return ended,
        () = reason_to_close => {}
    }
    connection.as_mut().close_gracefully();
    // A client that has sent half a head, or does not read our goodbye, must not hold the door open.
    tokio::select! {
        ended = connection.as_mut() => ended,
        () = activity.idle_for(GOODBYE) => Ok(()),
    }
}

/// How long a connection with nothing in flight may take to close once it was told to.
const GOODBYE: Duration = Duration::from_secs(1);

/// The name of a value that rustls has an enum for; `-` where nothing was negotiated or the name is not known.
fn named<T: PartialEq>(value: Option<&T>, names: &[(T, &'static str)]) -> &'static str {
    value
        .and_then(|value| names.iter().find(|(known, _)| known == value))
        .map_or("-", |(_, name)| name)
}

const VERSIONS: [(ProtocolVersion, &str); 2] = [
    (ProtocolVersion::TLSv1_3, "TLSv1.3"),
    (ProtocolVersion::TLSv1_2, "TLSv1.2"),
];

const CIPHERS: [(CipherSuite, &str); 9] = [
    (CipherSuite::TLS13_AES_128_GCM_SHA256, "TLS_AES_128_GCM_SHA256"),
    (CipherSuite::TLS13_AES_256_GCM_SHA384, "TLS_AES_256_GCM_SHA384"),
    (
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
        "TLS_CHACHA20_POLY1305_SHA256",
    ),
    (
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        "ECDHE-ECDSA-AES128-GCM-SHA256",
    ),
    (
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        "ECDHE-ECDSA-AES256-GCM-SHA384",
    ),
    (
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        "ECDHE-ECDSA-CHACHA20-POLY1305",
    ),
    (
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        "ECDHE-RSA-AES128-GCM-SHA256",
    ),
    (
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        "ECDHE-RSA-AES256-GCM-SHA384",
    ),
    (
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        "ECDHE-RSA-CHACHA20-POLY1305",
    ),
];

const GROUPS: [(NamedGroup, &str); 7] = [
    (NamedGroup::X25519MLKEM768, "X25519MLKEM768"),
    (NamedGroup::X25519, "x25519"),
    (NamedGroup::secp256r1, "secp256r1"),
    (NamedGroup::secp384r1, "secp384r1"),
    (NamedGroup::secp521r1, "secp521r1"),
    (NamedGroup::MLKEM768, "MLKEM768"),
    (NamedGroup::secp256r1MLKEM768, "SecP256r1MLKEM768"),
];
