//! The sessions of one key. A session signs one thing at a time, so there are several; a token that is slow makes
//! handshakes wait for one, and one that is stuck makes them fail instead of piling up.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::error::TokenError;

/// How many sessions a key has at most. Tokens answer one after another, or a few at a time.
const MOST: usize = 16;

/// How many handshakes may wait for a session, of whatever key. Each has a thread while it does, and the runtime has 512 of
/// them for all keys together: a stuck token with several must not take them all.
const MOST_WAITING: usize = 256;

/// How many wait.
static WAITING: AtomicUsize = AtomicUsize::new(0);

/// For how long one waits: less than the client may take for its handshake.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sessions that are not in use, and how many there are in all. Its lock is held for a push or a pop, next to a call that
/// takes a thousand times as long.
#[derive(Debug)]
pub(super) struct Pool<S> {
    state: Mutex<State<S>>,
    returned: Condvar,
}

#[derive(Debug)]
struct State<S> {
    idle: Vec<S>,
    /// In use and idle.
    open: usize,
    most: usize,
}

/// One that waits, until it is dropped.
struct Waiting;

impl Waiting {
    fn begin() -> Result<Self, TokenError> {
        let begun = WAITING.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |waiting| {
            (waiting < MOST_WAITING).then_some(waiting + 1)
        });
        match begun {
            Ok(_) => Ok(Self),
            Err(waiting) => Err(TokenError::Busy { waiting }),
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        WAITING.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The right to one session: an idle one, or to open another. It goes back when this is dropped.
#[derive(Debug)]
pub(super) struct Lease<'p, S> {
    pool: &'p Pool<S>,
    session: Option<S>,
}

impl<S> Pool<S> {
    /// A pool with one session, of a token that gives so many.
    pub(super) fn new(first: S, limit: Option<u64>) -> Self {
        let limit = limit
            .and_then(|limit| usize::try_from(limit).ok())
            .unwrap_or(MOST);
        Self {
            state: Mutex::new(State {
                idle: vec![first],
                open: 1,
                most: limit.clamp(1, MOST),
            }),
            returned: Condvar::new(),
        }
    }

    /// The right to a session, at once or when one comes back.
    pub(super) fn lease(&self) -> Result<Lease<'_, S>, TokenError> {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.state();
        loop {
            if let Some(session) = state.idle.pop() {
                return Ok(self.lent(Some(session)));
            }
            if state.open < state.most {
                state.open += 1;
                return Ok(self.lent(None));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(TokenError::TooSlow {
                    seconds: PATIENCE.as_secs(),
                });
            }
            let waiting = Waiting::begin()?;
            let waited = self.returned.wait_timeout(state, left);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            drop(waiting);
        }
    }

    /// Gives up every idle session: what broke one has broken all.
    pub(super) fn forget_idle(&self) {
        let forgotten = {
            let mut state = self.state();
            state.open -= state.idle.len();
            std::mem::take(&mut state.idle)
        };
        self.returned.notify_all();
        // Closing asks the token, which may take its time: not under the lock.
        drop(forgotten);
    }

    /// Notes that the token gives no more sessions than there are beside this one. `false` if there is no other.
    pub(super) fn shrink(&self) -> bool {
        let mut state = self.state();
        let others = state.open.saturating_sub(1);
        if others > 0 {
            state.most = others;
        }
        others > 0
    }

    fn lent(&self, session: Option<S>) -> Lease<'_, S> {
        Lease { pool: self, session }
    }

    fn state(&self) -> MutexGuard<'_, State<S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Lease<'_, S> {
    /// The idle session, if it was one.
    pub(super) fn take(&mut self) -> Option<S> {
        self.session.take()
    }

    /// Puts a session back that is good.
    pub(super) fn keep(mut self, session: S) {
        self.session = Some(session);
    }
}

impl<S> Drop for Lease<'_, S> {
    fn drop(&mut self) {
        {
            let mut state = self.pool.state();
            match self.session.take() {
                Some(session) => state.idle.push(session),
                None => state.open -= 1,
            }
        }
        self.pool.returned.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_session_that_came_back_is_used_again_and_one_that_broke_is_not_counted() {
        let pool = Pool::new('a', Some(2));
        let mut first = pool.lease().expect("the one that is there");
        assert_eq!(first.take(), Some('a'));
        let mut second = pool.lease().expect("the right to open another");
        assert_eq!(second.take(), None);
        first.keep('a');
        second.keep('b');
        assert_eq!(pool.lease().expect("an idle one").take(), Some('b'));
        // That one was dropped without being kept: it broke.
        pool.forget_idle();
        let leases = [pool.lease(), pool.lease()].map(|lease| lease.expect("both may be opened anew"));
        assert!(leases.iter().all(|lease| lease.session.is_none()));
    }

    #[test]
    fn who_finds_none_waits_until_one_comes_back() {
        let pool = Pool::new(1, Some(1));
        let mut lease = pool.lease().expect("the only one");
        let session = lease.take().expect("it is idle");
        thread::scope(|scope| {
            let waiting = scope.spawn(|| pool.lease().map(|mut lease| lease.take()));
            while WAITING.load(Ordering::Relaxed) == 0 {
                thread::yield_now();
            }
            lease.keep(session);
            let came = waiting.join().expect("no panic").expect("a session in time");
            assert_eq!(came, Some(1));
        });
    }

    #[test]
    fn those_who_wait_are_limited_for_all_keys_together() {
        let pools = [Pool::new(1, Some(1)), Pool::new(2, Some(1))];
        let held = pools.each_ref().map(|pool| pool.lease().expect("the only one"));
        thread::scope(|scope| {
            for at in 0..MOST_WAITING {
                let pool = &pools[at % 2];
                scope.spawn(move || pool.lease().map(drop));
            }
            let full = Instant::now() + PATIENCE;
            while WAITING.load(Ordering::Relaxed) < MOST_WAITING && Instant::now() < full {
                thread::yield_now();
            }
            for pool in &pools {
                let start = Instant::now();
                let refused = pool.lease().map(drop);
                assert!(matches!(refused, Err(TokenError::Busy { .. })), "{refused:?}");
                assert!(start.elapsed() < PATIENCE / 2, "at once");
            }
            drop(held);
        });
    }

    #[test]
    fn a_token_that_gives_fewer_than_it_says_has_as_many_as_it_gives() {
        let pool = Pool::new((), None);
        let one = pool.lease().expect("the first");
        let two = pool.lease().expect("the right to a second");
        assert!(pool.shrink(), "the token refused the second");
        drop(two);
        let counted = {
            let state = pool.state();
            (state.open, state.most)
        };
        assert_eq!(counted, (1, 1));
        drop(one);
        let mut again = pool.lease().expect("the first");
        again.take();
        assert!(!pool.shrink(), "there is no other to wait for");
    }
}
