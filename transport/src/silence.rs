//! How long somebody has said nothing.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// Measures a silence. The timer is made when somebody first has to wait, and moved only when it fires: a peer that
/// answers in time costs no visit to the timer wheel, however many requests it answers.
#[derive(Debug, Default)]
pub(crate) struct Silence {
    timer: Option<Pin<Box<Sleep>>>,
    since: Option<Instant>,
}

impl Silence {
    /// Something was heard, or a new wait begins.
    pub(crate) fn broken(&mut self) {
        self.since = None;
    }

    /// Nothing came yet; ready when that has lasted for `limit`.
    pub(crate) fn poll(&mut self, limit: Duration, cx: &mut Context<'_>) -> Poll<()> {
        let end = *self.since.get_or_insert_with(Instant::now) + limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(end)));
        loop {
            // A timer that was set for an earlier silence fires early, and is moved then. One for a longer limit has to
            // be moved now.
            if timer.deadline() > end {
                timer.as_mut().reset(end);
            }
            ready!(timer.as_mut().poll(cx));
            if Instant::now() >= end {
                return Poll::Ready(());
            }
            timer.as_mut().reset(end);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test]
    async fn each_silence_is_measured_from_its_own_beginning() {
        let mut silence = Silence::default();
        for limit in [30, 5, 30] {
            let (begin, limit) = (Instant::now(), Duration::from_millis(limit));
            silence.broken();
            poll_fn(|cx| silence.poll(limit, cx)).await;
            assert!(begin.elapsed() >= limit);
        }
    }
}
