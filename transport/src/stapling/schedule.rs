//! When a responder is asked again: pure functions of times, and of a die that keeps many from asking at one moment.

use std::time::Duration;

use rustls::pki_types::UnixTime;

/// However short an answer lives, its responder is not asked more often.
const SHORTEST: Duration = Duration::from_secs(2);
/// The wait after the first failure; it doubles with each further one.
const FIRST_RETRY: Duration = Duration::from_secs(2);
/// The longest wait after a failure.
const LAST_RETRY: Duration = Duration::from_mins(10);

/// From now until an answer is replaced: at half of its life, or at half of what is left if that has passed, a tenth more
/// or less. `die` is between 0 and 1.
pub(super) fn refresh(this_update: UnixTime, next_update: UnixTime, now: UnixTime, die: f64) -> Duration {
    let (from, to, now) = (this_update.as_secs(), next_update.as_secs(), now.as_secs());
    let half = from.saturating_add(to.saturating_sub(from) / 2);
    let left = to.saturating_sub(now);
    let aim = if now < half {
        (half - now).min(left)
    } else {
        left / 2
    };
    Duration::from_secs(aim).mul_f64(0.9 + 0.2 * die).max(SHORTEST)
}

/// From now until the next attempt, after so many failures in a row: 2 s, 4 s, 8 s and so on up to ten minutes, a quarter
/// more or less.
pub(super) fn retry(failures: u32, die: f64) -> Duration {
    let doubled = failures.saturating_sub(1).min(16);
    let wait = FIRST_RETRY.saturating_mul(1 << doubled).min(LAST_RETRY);
    wait.mul_f64(0.75 + 0.5 * die)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(second))
    }

    #[test]
    fn an_answer_is_replaced_at_about_half_of_its_life() {
        for (now, earliest, latest) in [
            (1_000, 450, 550), // just made, 1000 s long
            (1_400, 90, 110),  // its middle is 100 s away
            (1_600, 180, 220), // handed out late: half of what is left
            (1_999, 2, 2),
            (2_500, 2, 2), // the clock has jumped
            (0, 1_350, 1_650),
        ] {
            let wait = |die| refresh(at(1_000), at(2_000), at(now), die).as_secs();
            assert_eq!((wait(0.0), wait(1.0)), (earliest, latest), "{now}");
        }
        assert_eq!(refresh(at(2_000), at(1_000), at(1_500), 0.5), SHORTEST);
    }

    #[test]
    fn failures_are_answered_with_patience_and_never_for_long() {
        let waits: Vec<u64> = (1..12).map(|failures| retry(failures, 0.5).as_secs()).collect();
        assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]);
        assert_eq!(retry(u32::MAX, 1.0), Duration::from_secs(750));
        assert!(retry(1, 0.0) >= Duration::from_secs(1));
    }
}
