//! The target behind the edge: it tells what it got, or misbehaves as its path says.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::channel::Channel;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

/// A running target.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    requests: AtomicUsize,
    connections: AtomicUsize,
    /// What `/gate` waits for.
    gate: Semaphore,
    /// Told when a request arrived at `/gate`.
    arrived: Semaphore,
}

impl Target {
    /// Listens; with a configuration it speaks TLS.
    pub(crate) async fn start(tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let shared = Arc::new(Shared {
            requests: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            gate: Semaphore::new(0),
            arrived: Semaphore::new(0),
        });
        let target = Self {
            address: listener.local_addr().unwrap(),
            shared: Arc::clone(&shared),
        };
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (shared, tls) = (Arc::clone(&shared), tls.clone());
                tokio::spawn(async move {
                    shared.connections.fetch_add(1, Ordering::SeqCst);
                    match tls {
                        None => speak(stream, None, shared).await,
                        Some(tls) => {
                            if let Ok(stream) = TlsAcceptor::from(tls).accept(stream).await {
                                let peer = stream.get_ref().1.peer_certificates();
                                let peer = peer.map(|chain| chain[0].to_vec());
                                speak(stream, peer, shared).await;
                            }
                        }
                    }
                });
            }
        });
        target
    }

    /// Requests that arrived.
    pub(crate) fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// Connections that were opened.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Waits until a request is at the gate.
    pub(crate) async fn arrived(&self) {
        self.shared.arrived.acquire().await.unwrap().forget();
    }

    /// Lets requests through the gate.
    pub(crate) fn open_gate(&self, requests: usize) {
        self.shared.gate.add_permits(requests);
    }
}

async fn speak<S>(stream: S, peer: Option<Vec<u8>>, shared: Arc<Shared>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        shared.requests.fetch_add(1, Ordering::SeqCst);
        answer(request, peer.clone(), Arc::clone(&shared))
    });
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
}

type Answered = Result<Response<BoxBody<Bytes, Infallible>>, Box<dyn std::error::Error + Send + Sync>>;

async fn answer(mut request: Request<Incoming>, peer: Option<Vec<u8>>, shared: Arc<Shared>) -> Answered {
    match request.uri().path() {
        // An error closes the connection without an answer.
        "/close" => Err("closing".into()),
        "/silent" => std::future::pending().await,
        "/gate" => {
            shared.arrived.add_permits(1);
            shared.gate.acquire().await?.forget();
            Ok(Response::new(full("through the gate")))
        }
        "/early" => Ok(Response::builder()
            .status(StatusCode::PAYLOAD_TOO_LARGE)
            .body(full("too much"))?),
        "/stream" => {
            // A piece, then silence until the gate opens, then the end.
            let (mut tell, body) = Channel::new(1);
            tokio::spawn(async move {
                let _ = tell.send_data(Bytes::from_static(b"first")).await;
                if let Ok(permit) = shared.gate.acquire().await {
                    permit.forget();
                    let _ = tell.send_data(Bytes::from_static(b"last")).await;
                }
            });
            Ok(Response::new(body.boxed()))
        }
        "/trailers" => {
            let mut trailers = HeaderMap::new();
            trailers.insert("x-checksum", HeaderValue::from_static("42"));
            let (mut tell, body) = Channel::<Bytes, Infallible>::new(2);
            tokio::spawn(async move {
                let _ = tell.send_data(Bytes::from_static(b"body")).await;
                let _ = tell.send_trailers(trailers).await;
            });
            Ok(Response::builder()
                .header(header::TRAILER, "x-checksum")
                .body(body.boxed())?)
        }
        "/websocket" => {
            let upgrade = hyper::upgrade::on(&mut request);
            tokio::spawn(async move {
                if let Ok(upgraded) = upgrade.await {
                    let (mut read, mut write) = tokio::io::split(TokioIo::new(upgraded));
                    let _ = tokio::io::copy(&mut read, &mut write).await;
                }
            });
            Ok(Response::builder()
                .status(StatusCode::SWITCHING_PROTOCOLS)
                .header(header::CONNECTION, "upgrade")
                .header(header::UPGRADE, "websocket")
                .header("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
                .body(Empty::new().boxed())?)
        }
        _ => echo(request, peer).await,
    }
}

async fn echo(request: Request<Incoming>, peer: Option<Vec<u8>>) -> Answered {
    let (head, body) = request.into_parts();
    let body = body.collect().await?;
    let trailers = body.trailers().map(lines);
    let seen = json!({
        "method": head.method.as_str(),
        "uri": head.uri.to_string(),
        "version": format!("{:?}", head.version),
        "headers": lines(&head.headers),
        "body": String::from_utf8_lossy(&body.to_bytes()),
        "trailers": trailers,
        "edge_certificate": peer,
    });
    Ok(Response::new(full(seen.to_string())))
}

fn lines(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| {
            (
                name.to_string(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect()
}

fn full(body: impl Into<Bytes>) -> BoxBody<Bytes, Infallible> {
    Full::new(body.into()).boxed()
}
