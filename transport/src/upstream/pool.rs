//! Idle connections of one upstream.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crossbeam_queue::SegQueue;
use hyper::client::conn::http1::SendRequest;
use rustls::pki_types::ServerName;

use crate::body::{Progress, RequestBody, UploadStage};
use crate::handshake_demand::Demand;
use crate::silence::Silence;

pub(super) type Sender = SendRequest<RequestBody>;

/// How many idle connections are kept, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    /// Idle connections at most; 0 keeps none.
    pub size: usize,
    /// Requests after which a connection is closed; 0 is no limit.
    pub requests: u32,
    /// How long a connection may be idle.
    pub idle: Duration,
}

/// A lock-free queue. First in, first out: under load each connection is used in turn, and what is left over expires.
#[derive(Debug)]
pub(super) struct Pool {
    idle: SegQueue<Idle>,
    len: AtomicUsize,
    limits: PoolLimits,
}

#[derive(Debug)]
pub(super) struct Idle {
    pub(super) sender: Sender,
    /// The name it was verified for, where that is not the upstream's own.
    pub(super) server_name: Option<ServerName<'static>>,
    pub(super) since: Instant,
    /// Requests that it has carried.
    pub(super) requests: u32,
    /// What the server asked for in the handshake; until the first answer, which shows that it got what it wanted.
    pub(super) demand: Option<Arc<Demand>>,
    /// Measures how long an answer is awaited; kept from request to request.
    pub(super) silence: Silence,
}

impl Idle {
    /// A connection that was just opened.
    pub(super) fn fresh(
        (sender, demand): (Sender, Option<Arc<Demand>>),
        server_name: Option<ServerName<'static>>,
    ) -> Self {
        Self {
            sender,
            server_name,
            since: Instant::now(),
            requests: 0,
            demand,
            silence: Silence::default(),
        }
    }
}

impl Pool {
    pub(super) fn new(limits: PoolLimits) -> Self {
        Self {
            idle: SegQueue::new(),
            len: AtomicUsize::new(0),
            limits,
        }
    }

    /// A connection that was verified for this name and is still open as far as we know. Those of other names stay:
    /// each is looked at once, and goes to the end.
    pub(super) fn take(&self, server_name: Option<&ServerName<'static>>) -> Option<Idle> {
        for _ in 0..self.len.load(Ordering::Acquire) {
            let idle = self.idle.pop()?;
            let usable = !idle.sender.is_closed() && idle.since.elapsed() < self.limits.idle;
            if usable && idle.server_name.as_ref() != server_name {
                self.idle.push(idle);
                continue;
            }
            self.len.fetch_sub(1, Ordering::AcqRel);
            if usable {
                return Some(idle);
            }
        }
        None
    }

    /// Keeps a connection. In a full pool it displaces the oldest, so that nobody's names can keep others' out.
    fn put(&self, idle: Idle) {
        let worn = self.limits.requests != 0 && idle.requests >= self.limits.requests;
        if worn || idle.sender.is_closed() || self.limits.size == 0 {
            return;
        }
        if self.len.fetch_add(1, Ordering::AcqRel) >= self.limits.size && self.idle.pop().is_some() {
            self.len.fetch_sub(1, Ordering::AcqRel);
        }
        self.idle.push(idle);
    }
}

/// The right to put a connection back. Dropped without that, the connection is closed.
#[derive(Debug)]
pub struct Lease {
    pool: Arc<Pool>,
    idle: Idle,
    upload: Option<Arc<Progress>>,
}

impl Lease {
    /// A connection that has just taken a request.
    pub(super) fn new(pool: &Arc<Pool>, mut idle: Idle, upload: Option<Arc<Progress>>) -> Self {
        idle.requests = idle.requests.saturating_add(1);
        idle.demand = None;
        Self {
            pool: Arc::clone(pool),
            idle,
            upload,
        }
    }

    /// The answer has ended. The connection is kept only if the request had ended too: after an early answer the rest
    /// of the request would be read as the next one.
    pub(crate) fn give_back(mut self) {
        if self
            .upload
            .as_ref()
            .is_none_or(|upload| upload.stage() == UploadStage::Complete)
        {
            self.idle.since = Instant::now();
            self.pool.put(self.idle);
        }
    }
}

#[cfg(test)]
mod tests {
    use hyper::client::conn::http1;
    use hyper_util::rt::TokioIo;
    use tokio::io::DuplexStream;

    use super::*;

    async fn idle(name: &'static str, ends: &mut Vec<DuplexStream>) -> Idle {
        let (ours, theirs) = tokio::io::duplex(64);
        ends.push(theirs);
        let (sender, connection) = http1::handshake(TokioIo::new(ours)).await.unwrap();
        tokio::spawn(connection);
        Idle::fresh((sender, None), Some(ServerName::try_from(name).unwrap()))
    }

    #[tokio::test]
    async fn a_connection_of_another_name_is_neither_lent_nor_lost() {
        let limits = PoolLimits {
            size: 3,
            requests: 0,
            idle: Duration::from_mins(1),
        };
        let pool = Pool::new(limits);
        let mut ends = Vec::new();
        for name in ["old.test", "a.test", "b.test", "a.test"] {
            pool.put(idle(name, &mut ends).await);
        }
        let mut takes = |name: &'static str| {
            let name = ServerName::try_from(name).unwrap();
            let taken = pool.take(Some(&name));
            taken
                .map(|taken| assert_eq!(taken.server_name, Some(name)))
                .is_some()
        };
        let order = [
            "b.test", "b.test", "c.test", "old.test", "a.test", "a.test", "a.test",
        ];
        assert_eq!(
            order.map(&mut takes),
            [true, false, false, false, true, true, false]
        );
        assert_eq!(pool.len.load(Ordering::Acquire), 0);
    }
}
