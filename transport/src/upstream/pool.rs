//! Idle connections of one upstream.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crossbeam_queue::SegQueue;
use hyper::client::conn::http1::SendRequest;
use rustls::pki_types::ServerName;

use crate::body::{Progress, RequestBody, UploadStage};
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
    /// Measures how long an answer is awaited; kept from request to request.
    pub(super) silence: Silence,
}

impl Idle {
    /// A connection that was just opened.
    pub(super) fn fresh(sender: Sender, server_name: Option<ServerName<'static>>) -> Self {
        Self {
            sender,
            server_name,
            since: Instant::now(),
            requests: 0,
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

    /// A connection that was verified for this name and is still open as far as we know.
    pub(super) fn take(&self, server_name: Option<&ServerName<'static>>) -> Option<Idle> {
        while let Some(idle) = self.idle.pop() {
            self.len.fetch_sub(1, Ordering::AcqRel);
            let usable = !idle.sender.is_closed() && idle.since.elapsed() < self.limits.idle;
            if usable && idle.server_name.as_ref() == server_name {
                return Some(idle);
            }
        }
        None
    }

    fn put(&self, idle: Idle) {
        let worn = self.limits.requests != 0 && idle.requests >= self.limits.requests;
        if worn || idle.sender.is_closed() {
            return;
        }
        if self.len.fetch_add(1, Ordering::AcqRel) >= self.limits.size {
            self.len.fetch_sub(1, Ordering::AcqRel);
            return;
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
