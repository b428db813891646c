//! A tcp listener: bytes passed through untouched, TLS included, as an NLB does. The target sees the client's own
//! handshake, and its certificate on the socket.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tracing::debug;
use transport::dial::{DialError, dial};
use transport::drain::Draining;

use crate::plan::{Preface, TcpService};
use crate::settings::Target;

/// How long a target may take to accept, as with an ALB.
const CONNECT: Duration = Duration::from_secs(10);

/// Connects to a target and copies both ways until both sides have ended. The drain waits for it.
pub(crate) async fn pass(service: &TcpService, mut client: TcpStream, peer: SocketAddr, draining: Draining) {
    let _draining = draining;
    match relay(service, &mut client, peer).await {
        Ok((sent, received)) => debug!(%peer, sent, received, "a passed-through connection ended"),
        Err(error) => debug!(%peer, %error, "a passed-through connection broke"),
    }
}

async fn relay(service: &TcpService, client: &mut TcpStream, peer: SocketAddr) -> io::Result<(u64, u64)> {
    let mut target = connect(service).await?;
    if service.preface == Preface::ProxyProtocol {
        let header = proxy_header(peer, client.local_addr()?);
        target.write_all(&header).await?;
    }
    tokio::io::copy_bidirectional(client, &mut target).await
}

/// The target whose turn it is, or the next that accepts.
async fn connect(service: &TcpService) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the target group has no target");
    for target in service.turn.round(&service.targets) {
        let Target { host, port } = target;
        match dial(host, *port, CONNECT).await {
            Ok(stream) => return Ok(stream),
            Err(DialError::Unresolved(error) | DialError::Refused(error)) => {
                last = io::Error::new(error.kind(), format!("{target}: {error}"));
            }
            Err(DialError::TooSlow) => {
                last = io::Error::new(io::ErrorKind::TimedOut, format!("{target} does not accept"));
            }
        }
    }
    Err(last)
}

/// PROXY protocol, version 2: PROXY over TCP, without extensions.
fn proxy_header(client: SocketAddr, listener: SocketAddr) -> Vec<u8> {
    const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
    const VERSION_2_PROXY: u8 = 0x21;
    const TCP_OVER_IPV4: u8 = 0x11;
    const TCP_OVER_IPV6: u8 = 0x21;
    let mut header = Vec::with_capacity(52);
    header.extend_from_slice(SIGNATURE);
    header.push(VERSION_2_PROXY);
    match (client.ip().to_canonical(), listener.ip().to_canonical()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            header.push(TCP_OVER_IPV4);
            header.extend_from_slice(&12_u16.to_be_bytes());
            header.extend_from_slice(&from.octets());
            header.extend_from_slice(&to.octets());
        }
        (from, to) => {
            header.push(TCP_OVER_IPV6);
            header.extend_from_slice(&36_u16.to_be_bytes());
            header.extend_from_slice(&as_ipv6(from));
            header.extend_from_slice(&as_ipv6(to));
        }
    }
    header.extend_from_slice(&client.port().to_be_bytes());
    header.extend_from_slice(&listener.port().to_be_bytes());
    header
}

fn as_ipv6(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_proxy_protocol_version_2() {
        let four = proxy_header(
            "192.0.2.1:256".parse().unwrap(),
            "198.51.100.2:443".parse().unwrap(),
        );
        let mut expected = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
        expected.extend([192, 0, 2, 1, 198, 51, 100, 2, 1, 0, 1, 187]);
        assert_eq!(four, expected);

        // A dual-stack listener sees an IPv4 client as IPv6.
        let mapped = proxy_header(
            "[::ffff:192.0.2.1]:256".parse().unwrap(),
            "[::ffff:198.51.100.2]:443".parse().unwrap(),
        );
        assert_eq!(mapped, expected);

        let six = proxy_header("[2001:db8::1]:256".parse().unwrap(), "[::1]:443".parse().unwrap());
        assert_eq!(six[12..16], [0x21, 0x21, 0, 36]);
        assert_eq!(six.len(), 16 + 36);
        assert_eq!(six[16..20], [0x20, 0x01, 0x0d, 0xb8]);
        assert_eq!(six[48..], [1, 0, 1, 187]);
    }
}
