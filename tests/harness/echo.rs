//! The upstream of demo and tests: it answers with what it got, as JSON, so that everybody can see what goes upstream.
//!
//! | path | answer |
//! |---|---|
//! | `/status/NNN` | the echo under that status |
//! | `/slow?ms=N` | the echo, N milliseconds after the request |
//! | `/mirror` | the request's body, streamed back as it comes |
//! | any, with `Upgrade: websocket` | 101, then every byte back |
//! | any other | the echo |

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use transport::certificate::Certificate;
use transport::drain::{Drain, Drained, Draining};

/// Longest body that an echo holds.
const LONGEST_BODY: usize = 16 << 20;
/// Longest body that is repeated as text.
const LONGEST_TEXT: usize = 64 << 10;

type Body = BoxBody<Bytes, hyper::Error>;

/// An upstream whose sockets are bound.
#[derive(Debug)]
pub struct Echo {
    listeners: Vec<(TcpListener, Option<Arc<ServerConfig>>)>,
    seen: Arc<Seen>,
}

/// Whether requests are kept to be looked at. A program that runs for long does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Every request's echo.
    Requests,
    /// Numbers only.
    Numbers,
}

/// What reached the upstream.
#[derive(Debug)]
pub struct Seen {
    keep: Keep,
    requests: Mutex<Vec<Value>>,
    count: AtomicUsize,
    in_flight: AtomicUsize,
}

impl Seen {
    /// How many requests came.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// How many are not answered yet.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::SeqCst)
    }

    /// The echoes of all requests, in the order they came.
    pub fn requests(&self) -> Vec<Value> {
        self.requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Counts a request for as long as it is not answered.
struct InFlight(Arc<Seen>);

impl InFlight {
    fn begin(seen: &Arc<Seen>, echo: &Value) -> Self {
        if seen.keep == Keep::Requests {
            let mut requests = seen.requests.lock().unwrap_or_else(PoisonError::into_inner);
            requests.push(echo.clone());
        }
        seen.in_flight.fetch_add(1, Ordering::SeqCst);
        seen.count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(seen))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Echo {
    /// No listener yet.
    pub fn new(keep: Keep) -> Self {
        Self {
            listeners: Vec::new(),
            seen: Arc::new(Seen {
                keep,
                requests: Mutex::default(),
                count: AtomicUsize::new(0),
                in_flight: AtomicUsize::new(0),
            }),
        }
    }

    /// Listens for plain HTTP, or HTTPS with `tls`. Gives the address as bound.
    pub async fn listen(
        &mut self,
        address: SocketAddr,
        tls: Option<Arc<ServerConfig>>,
    ) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind(address).await?;
        let bound = listener.local_addr()?;
        self.listeners.push((listener, tls));
        Ok(bound)
    }

    /// What it sees, from now on.
    pub fn seen(&self) -> Arc<Seen> {
        Arc::clone(&self.seen)
    }

    /// Serves until `shutdown` is ready; then requests in flight are finished, for at most `patience`.
    pub async fn run(self, shutdown: impl Future<Output = ()>, patience: Duration) -> Drained {
        let drain = Drain::new();
        for (listener, tls) in self.listeners {
            let (seen, draining) = (Arc::clone(&self.seen), drain.watch());
            tokio::spawn(accept(listener, tls.map(TlsAcceptor::from), seen, draining));
        }
        shutdown.await;
        drain.finish(patience).await
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, seen: Arc<Seen>, mut draining: Draining) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = draining.begun() => return,
        };
        match accepted {
            Ok((stream, _)) => {
                let (tls, seen, draining) = (tls.clone(), Arc::clone(&seen), draining.clone());
                tokio::spawn(connection(stream, tls, seen, draining));
            }
            // Out of descriptors, or a client that was gone at once.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

async fn connection(stream: TcpStream, tls: Option<TlsAcceptor>, seen: Arc<Seen>, draining: Draining) {
    // A small answer must not wait for the acknowledgement of an earlier one.
    let _ = stream.set_nodelay(true);
    match tls {
        None => serve(stream, None, seen, draining).await,
        Some(tls) => {
            let Ok(stream) = tls.accept(stream).await else {
                return;
            };
            let subject = stream
                .get_ref()
                .1
                .peer_certificates()
                .and_then(|chain| chain.first())
                .and_then(|leaf| Certificate::parse(leaf.clone().into_owned()).ok())
                .map(|leaf| leaf.subject().to_string());
            serve(stream, subject, seen, draining).await;
        }
    }
}

async fn serve<S>(stream: S, subject: Option<String>, seen: Arc<Seen>, mut draining: Draining)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let (seen, subject) = (Arc::clone(&seen), subject.clone());
        async move { Ok::<_, Infallible>(answer(request, subject, &seen).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .max_buf_size(256 << 10)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        () = draining.begun() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

async fn answer(request: Request<Incoming>, subject: Option<String>, seen: &Arc<Seen>) -> Response<Body> {
    let mut echo = describe(&request, subject.as_deref());
    let in_flight = InFlight::begin(seen, &echo);
    let path = request.uri().path().to_owned();
    if let Some(key) = websocket_key(request.headers()) {
        return switch(request, &key, in_flight);
    }
    if path == "/mirror" {
        let body = request.into_body().map_frame(move |frame| {
            let _counted_until_sent = &in_flight;
            frame
        });
        return Response::new(body.boxed());
    }
    if path == "/slow" {
        let wait = request.uri().query().and_then(|query| query.strip_prefix("ms="));
        let wait = wait.and_then(|wait| wait.parse().ok()).unwrap_or(1000);
        tokio::time::sleep(Duration::from_millis(wait)).await;
    }
    let status = path
        .strip_prefix("/status/")
        .and_then(|status| status.parse().ok());
    let (length, text) = match Limited::new(request.into_body(), LONGEST_BODY).collect().await {
        Ok(body) => {
            let trailers = body.trailers().map(lines);
            let body = body.to_bytes();
            let text = (body.len() <= LONGEST_TEXT).then(|| String::from_utf8(body.to_vec()).ok());
            echo["trailers"] = trailers.map_or(Value::Null, Value::from_iter);
            (Some(body.len()), text.flatten())
        }
        Err(_) => (None, None),
    };
    echo["body_bytes"] = json!(length);
    echo["body"] = json!(text);
    let body = Full::new(Bytes::from(format!("{echo:#}\n"))).map_err(|never| match never {});
    let mut response = Response::new(body.boxed());
    *response.status_mut() = status.unwrap_or(StatusCode::OK);
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn describe(request: &Request<Incoming>, subject: Option<&str>) -> Value {
    json!({
        "method": request.method().as_str(),
        "path": request.uri().path(),
        "query": request.uri().query(),
        "headers": Value::from_iter(lines(request.headers())),
        "client_certificate": subject,
    })
}

fn lines(headers: &HeaderMap) -> BTreeMap<String, Value> {
    let values = |name| {
        let values = headers.get_all(name).iter();
        values
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect()
    };
    headers
        .keys()
        .map(|name| (name.to_string(), values(name)))
        .collect()
}

fn websocket_key(headers: &HeaderMap) -> Option<Vec<u8>> {
    let upgrade = headers.get(header::UPGRADE)?;
    let wanted = upgrade.as_bytes().eq_ignore_ascii_case(b"websocket");
    wanted.then_some(headers.get(header::SEC_WEBSOCKET_KEY)?.as_bytes().to_vec())
}

/// RFC 6455 §4.2.2, as far as the handshake: the bytes after it are nobody's frames here, they come back as they are.
fn switch(request: Request<Incoming>, key: &[u8], in_flight: InFlight) -> Response<Body> {
    const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    let digest = aws_lc_rs::digest::digest(
        &aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY,
        &[key, GUID].concat(),
    );
    tokio::spawn(async move {
        if let Ok(upgraded) = hyper::upgrade::on(request).await {
            let (mut reader, mut writer) = tokio::io::split(TokioIo::new(upgraded));
            // Either end may go away; there is nobody to tell.
            let _ = tokio::io::copy(&mut reader, &mut writer).await;
            let _ = tokio::io::AsyncWriteExt::shutdown(&mut writer).await;
        }
        drop(in_flight);
    });
    let mut response = Response::new(Full::new(Bytes::new()).map_err(|never| match never {}).boxed());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::try_from(STANDARD.encode(digest)) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}
