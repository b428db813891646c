//! How many tokens one provider is asked about at once. Whoever makes up tokens makes calls, and must not keep the
//! provider, or those whose tokens are good, from each other.
//!
//! A token that nobody has seen before is a stranger's, and strangers never have all turns: a token that was good before
//! finds one. A turn whose token was not good is given on only after a while, so that tokens that are made up cost the
//! provider a bounded number of calls, however fast it answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustls::pki_types::UnixTime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use transport::remembered::{Digest, Remembered};

use crate::identity::later;

/// Calls at once.
const AT_ONCE: usize = 64;
/// Of those, the ones about tokens that nobody has seen to be good.
const STRANGERS_AT_ONCE: usize = 48;
/// Requests of either kind that may wait for a turn.
const MOST_WAITING: usize = 1024;
/// How long a turn is held whose token was not good.
const HELD_FOR: Duration = Duration::from_millis(100);
/// Tokens that are remembered to have been good, and for how long after they were.
const REMEMBERED: usize = 16_384;
const GOOD_FOR: Duration = Duration::from_mins(10);

/// The turns of one provider.
#[derive(Debug)]
pub struct Turns {
    all: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
    strangers_waiting: AtomicUsize,
    others_waiting: AtomicUsize,
    /// Tokens that were good. It says nothing of whether they still are.
    good_before: Remembered<()>,
}

/// Whose token it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nobody has seen it to be good.
    Stranger,
    /// It was good before.
    GoodBefore,
}

/// A turn, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    _among_all: OwnedSemaphorePermit,
    _among_strangers: Option<OwnedSemaphorePermit>,
}

impl Turns {
    /// All of them free.
    pub fn new() -> Self {
        Self {
            all: Arc::new(Semaphore::new(AT_ONCE)),
            strangers: Arc::new(Semaphore::new(STRANGERS_AT_ONCE)),
            strangers_waiting: AtomicUsize::new(0),
            others_waiting: AtomicUsize::new(0),
            good_before: Remembered::new(REMEMBERED),
        }
    }

    /// Whose this token is, if there is room for one more that waits.
    pub(super) fn room_for(&self, digest: &Digest, now: UnixTime) -> Option<Standing> {
        let standing = match self.good_before.recall(digest, now) {
            Some(_) => Standing::GoodBefore,
            None => Standing::Stranger,
        };
        (self.waiting(standing).load(Ordering::Relaxed) < MOST_WAITING).then_some(standing)
    }

    /// Notes that a token is good, until then at least.
    pub(super) fn note_good(&self, digest: Digest, (now, until): (UnixTime, UnixTime)) {
        let kept = (now, later(until.max(now), GOOD_FOR));
        self.good_before.keep(digest, kept, Arc::new(()));
    }

    /// Waits for a turn.
    pub(super) async fn take(&self, standing: Standing) -> Option<Turn> {
        let _waiting = Waiting::among(self.waiting(standing));
        let among_strangers = match standing {
            Standing::Stranger => Some(Arc::clone(&self.strangers).acquire_owned().await.ok()?),
            Standing::GoodBefore => None,
        };
        Some(Turn {
            _among_all: Arc::clone(&self.all).acquire_owned().await.ok()?,
            _among_strangers: among_strangers,
        })
    }

    fn waiting(&self, standing: Standing) -> &AtomicUsize {
        match standing {
            Standing::Stranger => &self.strangers_waiting,
            Standing::GoodBefore => &self.others_waiting,
        }
    }
}

impl Default for Turns {
    fn default() -> Self {
        Self::new()
    }
}

impl Turn {
    /// Gives the turn on, but not yet.
    pub(super) fn hold(self) {
        tokio::spawn(async move {
            tokio::time::sleep(HELD_FOR).await;
            drop(self);
        });
    }
}

/// One that waits, until it is dropped.
struct Waiting<'w>(&'w AtomicUsize);

impl<'w> Waiting<'w> {
    fn among(all: &'w AtomicUsize) -> Self {
        all.fetch_add(1, Ordering::Relaxed);
        Self(all)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
