//! Sockets that take connections: bind first, so that errors stop the start, then accept.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tracing::{debug, warn};

use crate::drain::Draining;

/// Connections that the kernel may queue before they are accepted.
const BACKLOG: i32 = 4096;

/// Whether several sockets may share the port (`SO_REUSEPORT`), one accept queue each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortSharing {
    /// This socket alone.
    Exclusive,
    /// Shared among sockets of ours. Another program on the port is an error all the same.
    Shared,
}

/// A socket could not be bound.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}{}", hint(source))]
pub struct BindError {
    /// The address asked for.
    pub address: SocketAddr,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

fn hint(error: &io::Error) -> &'static str {
    const HINTS: [(io::ErrorKind, &str); 3] = [
        (
            io::ErrorKind::AddrInUse,
            "; another program has the port: stop it or choose another port",
        ),
        (
            io::ErrorKind::PermissionDenied,
            "; ports below 1024 need CAP_NET_BIND_SERVICE",
        ),
        (
            io::ErrorKind::AddrNotAvailable,
            "; no interface of this machine has that address",
        ),
    ];
    HINTS
        .iter()
        .find(|(kind, _)| *kind == error.kind())
        .map_or("", |(_, hint)| hint)
}

/// Binds and listens. Port 0 works: ask the listener for its address.
pub fn bind(address: SocketAddr, sharing: PortSharing) -> Result<TcpListener, BindError> {
    let attempt = || -> io::Result<TcpListener> {
        if sharing == PortSharing::Shared && address.port() != 0 {
            // With SO_REUSEPORT the kernel would let a second program of this user in without a word. A plain bind
            // proves first that nobody has the port.
            drop(socket(address, PortSharing::Exclusive)?);
        }
        TcpListener::from_std(socket(address, sharing)?)
    };
    attempt().map_err(|source| BindError { address, source })
}

fn socket(address: SocketAddr, sharing: PortSharing) -> io::Result<StdListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_cloexec(true)?;
    // Lets a restart bind while old connections are in TIME_WAIT; a listening socket on the port still refuses it.
    socket.set_reuse_address(true)?;
    if sharing == PortSharing::Shared {
        socket.set_reuse_port(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Accepts until the drain begins, running each connection as a task of its own.
///
/// When the system is out of descriptors or memory, accepting pauses: 5 ms at first, doubled up to a second. A
/// connection that failed before it was accepted is not an error of ours.
pub async fn accept<F, C>(listener: TcpListener, mut draining: Draining, connection: F)
where
    F: Fn(TcpStream, SocketAddr) -> C,
    C: Future<Output = ()> + Send + 'static,
{
    const FIRST_PAUSE: Duration = Duration::from_millis(5);
    const LONGEST_PAUSE: Duration = Duration::from_secs(1);
    let mut pause = FIRST_PAUSE;
    loop {
        let accepted = tokio::select! {
            biased;
            () = draining.begun() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                pause = FIRST_PAUSE;
                if let Err(error) = stream.set_nodelay(true) {
                    debug!(%peer, %error, "cannot switch off Nagle's algorithm");
                }
                tokio::spawn(connection(stream, peer));
            }
            Err(error) if is_of_one_connection(&error) => {
                debug!(%error, "a connection failed before it was accepted");
            }
            Err(error) => {
                warn!(%error, pause_ms = pause.as_millis(), "cannot accept connections; pausing");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_in_use_is_an_error_even_when_shared() {
        let first = bind("127.0.0.1:0".parse().unwrap(), PortSharing::Exclusive).unwrap();
        let taken = first.local_addr().unwrap();
        for sharing in [PortSharing::Exclusive, PortSharing::Shared] {
            let error = bind(taken, sharing).unwrap_err();
            assert!(
                error.to_string().contains("another program has the port"),
                "{error}"
            );
        }
        drop(first);
        bind(taken, PortSharing::Exclusive).unwrap();
    }

    #[tokio::test]
    async fn a_port_shared_by_another_program_is_an_error_too() {
        let other = bind("127.0.0.1:0".parse().unwrap(), PortSharing::Shared).unwrap();
        let taken = other.local_addr().unwrap();
        assert!(bind(taken, PortSharing::Shared).is_err());
    }
}
