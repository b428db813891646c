//! A future that is polled only when it was woken itself.
//!
//! A connection's task is woken several times per request, and whatever else that task waits for (the drain, the idle
//! timeout, the end of its life) would be polled each time, for nothing. Wrapped in this, it costs an atomic swap.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// See the module.
#[derive(Debug)]
pub(crate) struct Sidelined<F> {
    future: Pin<Box<F>>,
    bell: Option<(Arc<Bell>, Waker)>,
}

#[derive(Debug)]
struct Bell {
    rung: AtomicBool,
    task: Waker,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Before the task is woken, so that its poll sees it.
        self.rung.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}

impl<F: Future> Sidelined<F> {
    pub(crate) fn new(future: F) -> Self {
        Self {
            future: Box::pin(future),
            bell: None,
        }
    }
}

impl<F: Future> Future for Sidelined<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        let known = this
            .bell
            .as_ref()
            .filter(|(bell, _)| bell.task.will_wake(cx.waker()));
        if known.is_none() {
            // The first poll, or another task than before: whoever is to be woken has to be registered anew.
            let bell = Arc::new(Bell {
                rung: AtomicBool::new(true),
                task: cx.waker().clone(),
            });
            let waker = Waker::from(Arc::clone(&bell));
            this.bell = Some((bell, waker));
        }
        match &this.bell {
            Some((bell, waker)) if bell.rung.swap(false, Ordering::AcqRel) => {
                this.future.as_mut().poll(&mut Context::from_waker(waker))
            }
            Some(_) | None => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::AtomicU32;

    use super::*;

    #[tokio::test]
    async fn it_is_polled_when_it_was_woken_and_not_otherwise() {
        let polled = AtomicU32::new(0);
        let (ring, rung) = tokio::sync::oneshot::channel();
        let mut rung = Box::pin(rung);
        let inner = poll_fn(|cx| {
            polled.fetch_add(1, Ordering::Relaxed);
            rung.as_mut().poll(cx)
        });
        let mut sidelined = Box::pin(Sidelined::new(inner));
        for _ in 0..5 {
            assert!(poll_fn(|cx| Poll::Ready(sidelined.as_mut().poll(cx).is_pending())).await);
        }
        assert_eq!(polled.load(Ordering::Relaxed), 1);
        let ringer = tokio::spawn(async move { ring.send(7) });
        assert_eq!(sidelined.as_mut().await, Ok(7));
        assert_eq!(polled.load(Ordering::Relaxed), 2);
        assert_eq!(ringer.await.unwrap(), Ok(()));
    }
}
