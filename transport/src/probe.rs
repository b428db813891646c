//! The question that `health` and `doctor` ask: one plain HTTP request to one's own program, for containers without a
//! shell.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long the answer may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// Room for every failed handshake that is kept.
const LONGEST_ANSWER: usize = 8 * 1024 * 1024;

/// Nobody answered.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// No connection.
    #[error("cannot connect to {0}: {1}; is it running?")]
    Connect(SocketAddr, #[source] std::io::Error),
    /// Connected, but no answer.
    #[error("{0} did not answer: {1}")]
    Exchange(SocketAddr, #[source] Box<dyn std::error::Error + Send + Sync>),
    /// Too slow.
    #[error("{0} did not answer within {seconds} s", seconds = PATIENCE.as_secs())]
    TooSlow(SocketAddr),
}

/// Asks `http://address{path}`. Gives the status and the body.
pub async fn ask(address: SocketAddr, path: &'static str) -> Result<(http::StatusCode, String), ProbeError> {
    let address = reachable(address);
    timeout(PATIENCE, exchange(address, path))
        .await
        .map_err(|_| ProbeError::TooSlow(address))?
}

async fn exchange(address: SocketAddr, path: &'static str) -> Result<(http::StatusCode, String), ProbeError> {
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| ProbeError::Exchange(address, error);
    let stream = TcpStream::connect(address)
        .await
        .map_err(|error| ProbeError::Connect(address, error))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| failed(error.into()))?;
    tokio::spawn(connection);
    let request = Request::get(path)
        .header(header::HOST, address.to_string())
        .body(Empty::<Bytes>::new())
        .map_err(|error| failed(error.into()))?;
    let answer = sender
        .send_request(request)
        .await
        .map_err(|error| failed(error.into()))?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), LONGEST_ANSWER)
        .collect()
        .await
        .map_err(failed)?;
    Ok((status, String::from_utf8_lossy(&body.to_bytes()).into_owned()))
}

/// A listener on every interface is asked on the loopback one.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, address.port())
}
