//! A provider's keys are asked for again and again, for as long as it is in some configuration.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::{FIRST_RETRY, Provider};

/// The least time that is between two regular questions, whatever `cache_ttl` says.
const LEAST_KEPT: Duration = Duration::from_secs(5);

impl Provider {
    /// Keeps what is known up to date until this provider is gone.
    pub fn keep_up_to_date(self: &Arc<Self>) {
        let mut reasons = self.reasons.subscribe();
        let provider = Arc::downgrade(self);
        tokio::spawn(async move {
            let mut pause = FIRST_RETRY;
            loop {
                let Some(asked) = provider.upgrade() else { return };
                let at_most_every = asked.manner.at_most_every;
                let next = if asked.learn_at_once().await {
                    pause = FIRST_RETRY;
                    asked.manner.keep.max(LEAST_KEPT)
                } else {
                    let now = pause;
                    pause = (pause * 2).min(at_most_every.max(FIRST_RETRY));
                    now
                };
                drop(asked);
                let mut due = Instant::now() + next;
                loop {
                    tokio::select! {
                        () = sleep_until(due) => break,
                        reason = reasons.changed() => match reason {
                            // Soon, but no sooner than a stranger's token could make it.
                            Ok(()) => {
                                let Some(provider) = provider.upgrade() else { return };
                                due = due.min(Instant::now() + provider.asking.left(at_most_every));
                            }
                            Err(_) => return,
                        }
                    }
                }
            }
        });
    }

    async fn learn_at_once(&self) -> bool {
        let mut learned = false;
        self.asking.at_once(async || learned = self.learn().await).await;
        learned
    }

    /// Gives a reason to ask before it is time, such as that somebody has reloaded the configuration. It is asked once in
    /// `rediscovery_lifetime` at most all the same.
    pub fn expect_news(&self) {
        self.reasons.send_replace(());
    }
}
