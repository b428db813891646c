//! Tells whoever waits how far a plan has come.

use std::io::{self, Write as _};
use std::time::{Duration, Instant};

/// Who waits for longer than this is told, and again after as long.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is told, and when it was last.
#[derive(Debug)]
pub struct Progress {
    told: Instant,
    is_quiet: bool,
}

impl Progress {
    /// For standard error.
    pub fn told() -> Self {
        Self {
            told: Instant::now(),
            is_quiet: false,
        }
    }

    /// For nobody.
    pub fn quiet() -> Self {
        Self {
            is_quiet: true,
            ..Self::told()
        }
    }

    /// So many of so many have been done.
    pub(super) fn step(&mut self, done: usize, all: usize, what: &str) {
        if self.is_quiet || self.told.elapsed() < PATIENCE {
            return;
        }
        self.told = Instant::now();
        // Nobody can be told that nobody can be told.
        let _ = writeln!(io::stderr(), "plan: {done} of {all} {what}");
    }
}
