//! From a name to an open TCP connection, within one limit.
//!
//! A name may have several addresses, and one of them may take connections and say nothing: a host that is down, a filter
//! that drops, a queue that is full. Tried one after the other, the silent one would use up all the time there is, and an
//! outage of one address would be an outage of the name. So the attempts overlap (RFC 8305, "Happy Eyeballs"): each has a
//! head start, then the next one begins beside it; the first that connects wins and the others are dropped.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// What an attempt has to itself before the next one begins (RFC 8305 §8). Less where the limit would not let all begin.
const HEAD_START: Duration = Duration::from_millis(250);

/// Addresses of one name that are tried.
const MOST_ADDRESSES: usize = 16;

/// There is no connection.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The name has no address.
    #[error("cannot resolve it: {0}")]
    Unresolved(#[source] io::Error),
    /// Every address said no; this is what the first of them said.
    #[error("{0}")]
    Refused(#[source] io::Error),
    /// The limit was over, for the look-up and all addresses together.
    #[error("nobody answered in time")]
    TooSlow,
}

/// Looks a name up, or takes an address as it is, and connects to it. Nagle's algorithm is off.
pub async fn dial(host: &str, port: u16, limit: Duration) -> Result<TcpStream, DialError> {
    let dialled = async {
        let found = tokio::net::lookup_host((host, port)).await;
        let addresses: Vec<_> = found
            .map_err(DialError::Unresolved)?
            .take(MOST_ADDRESSES)
            .collect();
        if addresses.is_empty() {
            return Err(DialError::Unresolved(io::ErrorKind::NotFound.into()));
        }
        let stream = first_of(addresses, limit).await.map_err(DialError::Refused)?;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot switch off Nagle's algorithm");
        }
        Ok(stream)
    };
    timeout(limit, dialled).await.unwrap_or(Err(DialError::TooSlow))
}

/// The first connection that comes about. The error is that of the first address that has one.
async fn first_of(addresses: Vec<SocketAddr>, limit: Duration) -> io::Result<TcpStream> {
    if let [only] = addresses[..] {
        return TcpStream::connect(only).await;
    }
    let share = limit / u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    let head_start = HEAD_START.min(share);
    let mut waiting = by_turns(addresses);
    // Dropped, it ends the attempts that are still under way.
    let mut attempts = JoinSet::new();
    let mut failure = None;
    loop {
        if let Some(next) = waiting.pop_front() {
            attempts.spawn(TcpStream::connect(next));
        }
        let outcome = tokio::select! {
            outcome = attempts.join_next() => outcome,
            () = sleep(head_start), if !waiting.is_empty() => continue,
        };
        match outcome {
            Some(Ok(Ok(stream))) => return Ok(stream),
            Some(Ok(Err(error))) => {
                failure.get_or_insert(error);
            }
            Some(Err(ended)) => {
                failure.get_or_insert(io::Error::other(ended));
            }
            None => return Err(failure.unwrap_or_else(|| io::ErrorKind::NotFound.into())),
        }
    }
}

/// The addresses with their families alternating, the resolver's order kept within each: if one family leads nowhere,
/// it costs one head start and not one an address (RFC 8305 §4).
fn by_turns(addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let first_is_ipv6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (VecDeque<_>, VecDeque<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == first_is_ipv6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut order = VecDeque::with_capacity(first.len() + second.len());
    loop {
        let before = order.len();
        order.extend(first.next());
        order.extend(second.next());
        if order.len() == before {
            return order;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};
    use std::time::Instant;

    use socket2::{Domain, Socket, Type};

    use super::*;

    /// An address of the loopback network that answers nothing: its queue is full, so the kernel drops what comes.
    struct BlackHole {
        address: SocketAddr,
        _listener: Socket,
        _queued: Vec<Socket>,
    }

    impl BlackHole {
        fn new(ip: Ipv4Addr) -> Self {
            let socket = || Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
            let listener = socket();
            listener
                .bind(&SocketAddr::from((ip, 0)).into())
                .expect("a free port");
            listener.listen(0).expect("a listener");
            let address = listener.local_addr().ok().and_then(|bound| bound.as_socket());
            let address = address.expect("an address");
            let queued = (0..4).map(|_| {
                let client = socket();
                client.set_nonblocking(true).expect("a socket");
                // Under way: that it does not come about is the point.
                let _ = client.connect(&address.into());
                client
            });
            Self {
                address,
                _queued: queued.collect(),
                _listener: listener,
            }
        }
    }

    async fn answering(ip: Ipv4Addr) -> (tokio::net::TcpListener, SocketAddr) {
        let listener = tokio::net::TcpListener::bind((ip, 0)).await.expect("a listener");
        let address = listener.local_addr().expect("an address");
        (listener, address)
    }

    #[tokio::test]
    async fn a_silent_address_does_not_take_the_others_with_it() {
        let hole = BlackHole::new(Ipv4Addr::new(127, 0, 0, 5));
        let (_listener, good) = answering(Ipv4Addr::LOCALHOST).await;
        let limit = Duration::from_secs(10);
        for addresses in [
            vec![hole.address, good],
            vec![good, hole.address],
            vec![hole.address, hole.address, hole.address, good],
        ] {
            let start = Instant::now();
            let stream = timeout(limit, first_of(addresses.clone(), limit)).await;
            let stream = stream.expect("in time").expect("a connection");
            assert_eq!(stream.peer_addr().expect("a peer"), good, "{addresses:?}");
            assert!(
                start.elapsed() < limit / 4,
                "{addresses:?}: {:?}",
                start.elapsed()
            );
        }
    }

    #[tokio::test]
    async fn the_limit_is_for_all_of_them_and_leaves_each_a_share() {
        let hole = BlackHole::new(Ipv4Addr::new(127, 0, 0, 6));
        let (_listener, good) = answering(Ipv4Addr::LOCALHOST).await;
        // Shorter than one head start.
        let limit = Duration::from_millis(200);
        let reached = timeout(limit, first_of(vec![hole.address, good], limit)).await;
        assert!(reached.is_ok_and(|stream| stream.is_ok()));
        let start = Instant::now();
        let lost = dial("127.0.0.6", hole.address.port(), limit).await;
        assert!(matches!(lost, Err(DialError::TooSlow)), "{lost:?}");
        assert!(start.elapsed() >= limit && start.elapsed() < limit * 10);
    }

    #[tokio::test]
    async fn a_refusal_starts_the_next_attempt_at_once_and_the_first_is_told() {
        let (listener, closed) = answering(Ipv4Addr::LOCALHOST).await;
        drop(listener);
        let (_listener, good) = answering(Ipv4Addr::LOCALHOST).await;
        let limit = Duration::from_secs(10);
        let start = Instant::now();
        assert!(first_of(vec![closed, closed, good], limit).await.is_ok());
        assert!(start.elapsed() < HEAD_START, "{:?}", start.elapsed());
        let refused = first_of(vec![closed, closed], limit).await;
        let kind = refused.map_err(|error| error.kind()).err();
        assert_eq!(kind, Some(io::ErrorKind::ConnectionRefused));
        assert!(matches!(
            dial("no-such-name.invalid", 1, limit).await,
            Err(DialError::Unresolved(_))
        ));
    }

    #[test]
    fn families_take_turns() {
        let four = |last| SocketAddr::from((Ipv4Addr::new(192, 0, 2, last), 1));
        let six = |last| SocketAddr::from((Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last), 1));
        let order = by_turns(vec![six(1), six(2), six(3), four(1)]);
        assert_eq!(order, [six(1), four(1), six(2), six(3)]);
        assert_eq!(by_turns(vec![four(1), four(2)]), [four(1), four(2)]);
    }
}
