//! Stopping without losing a request.
//!
//! One [`Drain`] belongs to a running program. Listeners and connections hold a [`Draining`] each: they learn from it
//! that the end has come, and the program learns from its being dropped that they are done.

use std::convert::Infallible;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

/// How far a program is on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Serving,
    /// No new connections; requests in flight finish.
    Draining,
}

/// The program's side: starts the drain and waits for its end.
#[derive(Debug)]
pub struct Drain {
    stage: watch::Sender<Stage>,
    // Never sent on: it is the last clone's drop that is awaited.
    held: mpsc::Sender<Infallible>,
    released: mpsc::Receiver<Infallible>,
}

/// A task's side: told when to stop, counted until dropped.
#[derive(Clone, Debug)]
pub struct Draining {
    stage: watch::Receiver<Stage>,
    _held: mpsc::Sender<Infallible>,
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Every connection closed by itself.
    Completely,
    /// The time was over; what was still open is cut off.
    OutOfTime,
}

impl Drain {
    /// A program that is serving.
    pub fn new() -> Self {
        let (stage, _) = watch::channel(Stage::Serving);
        let (held, released) = mpsc::channel(1);
        Self {
            stage,
            held,
            released,
        }
    }

    /// A handle for one listener or connection.
    pub fn watch(&self) -> Draining {
        Draining {
            stage: self.stage.subscribe(),
            _held: self.held.clone(),
        }
    }

    /// Tells every handle to stop and waits, at most `limit`, until all are dropped.
    pub async fn finish(self, limit: Duration) -> Drained {
        let Self {
            stage,
            held,
            mut released,
        } = self;
        stage.send_replace(Stage::Draining);
        drop(held);
        match tokio::time::timeout(limit, released.recv()).await {
            Ok(_) => Drained::Completely,
            Err(_) => Drained::OutOfTime,
        }
    }
}

impl Default for Drain {
    fn default() -> Self {
        Self::new()
    }
}

impl Draining {
    /// Returns when the drain begins (or the program is gone).
    pub async fn begun(&mut self) {
        // An error means that the sender was dropped: there is nothing left to serve for.
        let _ = self.stage.wait_for(|stage| *stage == Stage::Draining).await;
    }

    /// Whether the drain has begun.
    pub fn has_begun(&self) -> bool {
        *self.stage.borrow() == Stage::Draining
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_drain_waits_for_the_last_handle() {
        let drain = Drain::new();
        let mut task = drain.watch();
        assert!(!task.has_begun());
        let worker = tokio::spawn(async move {
            task.begun().await;
            assert!(task.has_begun());
        });
        assert_eq!(drain.finish(Duration::from_secs(30)).await, Drained::Completely);
        worker.await.unwrap();
    }

    #[tokio::test]
    async fn a_drain_gives_up_when_its_time_is_over() {
        let drain = Drain::new();
        let stuck = drain.watch();
        assert_eq!(drain.finish(Duration::from_millis(20)).await, Drained::OutOfTime);
        drop(stuck);
    }
}
