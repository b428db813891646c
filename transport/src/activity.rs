//! What a connection is doing: how many requests are in flight, and since when it waits for one.
//!
//! This is what the idle timeout looks at. hyper's own timer for request heads costs an allocation and two visits to
//! the timer wheel per request; this costs two atomic stores, and one timer per connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Shared between a connection's watchdog and its requests.
#[derive(Debug)]
pub struct Activity {
    opened: Instant,
    /// Milliseconds after `opened` since which no request has been in flight. Meaningful while `in_flight` is 0.
    waiting_since: AtomicU64,
    in_flight: AtomicU32,
    requests: AtomicU64,
}

/// One request in flight. Dropped when the last byte of its answer is handed on, or when it is given up.
#[derive(Debug)]
pub struct InFlight(Arc<Activity>);

impl Activity {
    /// A connection that was just opened.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            opened: Instant::now(),
            waiting_since: AtomicU64::new(0),
            in_flight: AtomicU32::new(0),
            requests: AtomicU64::new(0),
        })
    }

    /// Counts a request until the guard is dropped.
    pub fn begin(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        self.requests.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::clone(self))
    }

    /// How long the connection has existed.
    pub fn age(&self) -> Duration {
        self.opened.elapsed()
    }

    /// Requests so far, those in flight included.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Requests in flight now.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Acquire)
    }

    /// How long nothing has been in flight; `None` while something is. The head of the next request has to arrive
    /// whole within the idle timeout, so bytes that trickle in do not count as activity.
    pub fn waiting(&self) -> Option<Duration> {
        if self.in_flight() > 0 {
            return None;
        }
        let since = Duration::from_millis(self.waiting_since.load(Ordering::Acquire));
        Some(self.opened.elapsed().saturating_sub(since))
    }

    /// Returns when the connection has waited `limit` long for a request.
    pub async fn idle_for(&self, limit: Duration) {
        loop {
            let left = limit.saturating_sub(self.waiting().unwrap_or_default());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left).await;
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let now = u64::try_from(self.0.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        // Before the count, so that a watchdog that sees 0 in flight sees the new time too.
        self.0.waiting_since.store(now, Ordering::Release);
        self.0.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_waits_only_while_nothing_is_in_flight() {
        let activity = Activity::new();
        assert!(activity.waiting().is_some());
        let first = activity.begin();
        let second = activity.begin();
        assert_eq!(activity.waiting(), None);
        drop(first);
        assert_eq!((activity.waiting(), activity.in_flight()), (None, 1));
        drop(second);
        assert!(activity.waiting().is_some());
    }
}
