//! When a provider is asked, and who may wait for its answer: one question at a time, at most one in a while, and no more
//! waiting than it can be worth.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// Requests that may wait for one provider. More than that are a flood, and hear at once that nobody knows.
pub(super) const MOST_WAITING: usize = 512;
/// Of those, the ones whose token a known key has refused: forged as a rule, so the others keep their places.
const MOST_REFUSED_WAITING: usize = 64;
/// How far away the next question is where there is none.
const NEVER: usize = 3600 * 24 * 365 * 1000;

/// What a request may be waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// Its token names a key, or an issuer, that nobody knows yet.
    Unknown,
    /// A key that is known has refused its token. The provider may have another one under that name by now.
    Refused,
}

/// What asking would be good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prospect {
    /// Whoever waits will know.
    Open,
    /// Too many wait already.
    Crowded,
    /// It was asked just now. The next question is so far away.
    Asked(Duration),
}

/// When a question was asked, and when it was answered.
#[derive(Clone, Copy, Debug)]
struct Question {
    began: Instant,
    ended: Instant,
}

/// The questions to one provider.
#[derive(Debug)]
pub(super) struct Asking {
    /// The last question. Held while it is being asked.
    turn: Mutex<Option<Question>>,
    /// When it ended, for those who must not wait: milliseconds since `began`, plus one; 0: never.
    asked_at: AtomicUsize,
    is_under_way: AtomicBool,
    began: Instant,
    waiting: AtomicUsize,
}

impl Asking {
    pub(super) fn new() -> Self {
        Self {
            turn: Mutex::new(None),
            asked_at: AtomicUsize::new(0),
            is_under_way: AtomicBool::new(false),
            began: Instant::now(),
            waiting: AtomicUsize::new(0),
        }
    }

    /// What whoever would wait can hope for, if it is asked no sooner than `pause` after the last time.
    pub(super) fn prospect(&self, doubt: Doubt, pause: Duration) -> Prospect {
        let left = self.left(pause);
        if !self.is_under_way.load(Ordering::Acquire) && !left.is_zero() {
            return Prospect::Asked(left);
        }
        let places = match doubt {
            Doubt::Unknown => MOST_WAITING,
            Doubt::Refused => MOST_REFUSED_WAITING,
        };
        if self.waiting.load(Ordering::Relaxed) < places {
            Prospect::Open
        } else {
            Prospect::Crowded
        }
    }

    /// How long it is not asked again, if that is `pause` after the last time.
    pub(super) fn left(&self, pause: Duration) -> Duration {
        let Some(milliseconds) = self.asked_at.load(Ordering::Acquire).checked_sub(1) else {
            return Duration::ZERO;
        };
        let asked = self.began + Duration::from_millis(u64::try_from(milliseconds).unwrap_or(u64::MAX));
        (asked + pause).saturating_duration_since(Instant::now())
    }

    /// One more waits.
    pub(super) fn enter(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
    }

    /// One waits no more.
    pub(super) fn leave(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    /// Asks in turn, unless that was done while this one waited for its turn, or too lately for `pause`. An answer to what was
    /// asked before is not good enough: the provider may have changed its mind since.
    pub(super) async fn in_turn(&self, pause: impl Fn() -> Duration, ask: impl AsyncFnOnce()) {
        let begun = Instant::now();
        let mut asked = self.turn.lock().await;
        let is_recent = asked.is_some_and(|last| last.began >= begun || last.ended.elapsed() < pause());
        if !is_recent {
            *asked = Some(self.under_way(ask).await);
        }
    }

    /// Asks as soon as it is nobody else's turn.
    pub(super) async fn at_once(&self, ask: impl AsyncFnOnce()) {
        let mut asked = self.turn.lock().await;
        *asked = Some(self.under_way(ask).await);
    }

    async fn under_way(&self, ask: impl AsyncFnOnce()) -> Question {
        let began = Instant::now();
        let _mark = Mark::set(&self.is_under_way);
        ask().await;
        let ended = Instant::now();
        let milliseconds = ended.saturating_duration_since(self.began).as_millis();
        let milliseconds = usize::try_from(milliseconds).unwrap_or(NEVER).min(NEVER);
        self.asked_at.store(milliseconds + 1, Ordering::Release);
        Question { began, ended }
    }

    /// Has it that there is nothing to ask.
    pub(super) fn never(&self) {
        self.asked_at.store(NEVER, Ordering::Release);
    }
}

/// Set until it is dropped, also where a question is cut off.
struct Mark<'m>(&'m AtomicBool);

impl<'m> Mark<'m> {
    fn set(mark: &'m AtomicBool) -> Self {
        mark.store(true, Ordering::Release);
        Self(mark)
    }
}

impl Drop for Mark<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
