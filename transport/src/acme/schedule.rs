//! When to order: values and `now` in, a time out.
//!
//! Every time is moved by a part that chance decides, so that a thousand programs that were started together do not come
//! to the server together.

use std::time::{Duration, SystemTime};

/// The shortest time between two attempts, whatever is configured.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
/// The longest time between two attempts.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// When a certificate is to be renewed: `renew_before` its end, or when two thirds of its life are over if that is later,
/// and up to a tenth of what is left then earlier. `chance` is from 0 to 1.
pub(super) fn renewal(
    (not_before, not_after): (SystemTime, SystemTime),
    renew_before: Duration,
    chance: f64,
) -> SystemTime {
    let life = not_after.duration_since(not_before).unwrap_or_default();
    let left = renew_before.min(life / 3);
    let earlier = left.mul_f64(0.1 * chance.clamp(0.0, 1.0));
    not_after.checked_sub(left + earlier).unwrap_or(not_before)
}

/// When a certificate that was issued just now may be renewed: not before a third of what is left of it is over. One that
/// is old when it comes (a clock that is wrong, a server that dates its certificates back) is due at once by its dates, and
/// so would be the next.
pub(super) fn not_at_once(renewal: SystemTime, not_after: SystemTime, now: SystemTime) -> SystemTime {
    let left = not_after.duration_since(now).unwrap_or_default();
    renewal.max(now + (left / 3).max(SHORTEST_WAIT))
}

/// How long to wait after so many failures in a row: the base, a second at least, doubled by each after the first, at most
/// a day (or the base, if that is longer), and up to a quarter more.
pub(super) fn wait_after(failures: u32, base: Duration, chance: f64) -> Duration {
    let base = base.max(SHORTEST_WAIT);
    let doubled = base.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
    let wait = doubled.min(LONGEST_WAIT.max(base));
    wait + wait.mul_f64(0.25 * chance.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3600;
    const DAY: u64 = 24 * HOUR;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_certificate_is_renewed_before_its_end_and_not_in_the_first_two_thirds_of_its_life() {
        for (life, before, earliest, latest) in [
            (90 * DAY, 14 * DAY, 90 * DAY - 14 * DAY - 14 * DAY / 10, 76 * DAY),
            // Six days with a threshold of fourteen: two days before the end, not at once for ever.
            (6 * DAY, 14 * DAY, 4 * DAY - 2 * DAY / 10, 4 * DAY),
            (30, 14 * DAY, 19, 20),
        ] {
            for (chance, expected) in [(0.0, latest), (1.0, earliest)] {
                let renewal = renewal((at(0), at(life)), Duration::from_secs(before), chance);
                assert_eq!(renewal, at(expected), "{life} {chance}");
            }
        }
        assert_eq!(
            renewal((at(50), at(10)), Duration::from_secs(5), 0.5),
            at(10),
            "a life of nothing"
        );
    }

    #[test]
    fn a_certificate_that_is_old_when_it_comes_is_not_renewed_at_once() {
        for (renewal, not_after, now, expected) in [
            // As it should be: the date stands.
            (at(76 * DAY), at(90 * DAY), at(0), at(76 * DAY)),
            // The clock is eighty days ahead: due since four days, ten left.
            (at(76 * DAY), at(90 * DAY), at(81 * DAY), at(84 * DAY)),
            (at(0), at(11), at(10), at(11)),
            (at(0), at(5), at(10), at(11)),
        ] {
            assert_eq!(not_at_once(renewal, not_after, now), expected);
        }
    }

    #[test]
    fn failures_are_waited_after_longer_and_longer_up_to_a_day() {
        let base = Duration::from_mins(5);
        let waits: Vec<u64> = (1..12)
            .map(|failures| wait_after(failures, base, 0.0).as_secs() / 60)
            .collect();
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 320, 640, 1280, 1440, 1440]);
        assert_eq!(wait_after(1, base, 1.0), Duration::from_secs(375));
        for failures in [32, 33, 1000, u32::MAX] {
            assert_eq!(wait_after(failures, base, 0.0), LONGEST_WAIT, "{failures}");
        }
        assert_eq!(
            wait_after(9, Duration::from_secs(2 * DAY), 0.0),
            Duration::from_secs(2 * DAY)
        );
        assert_eq!(wait_after(0, base, 0.0), base);
        let waits: Vec<u64> = (1..5)
            .map(|failures| wait_after(failures, Duration::ZERO, 0.0).as_secs())
            .collect();
        assert_eq!(waits, [1, 2, 4, 8], "never at once, and never for ever at once");
    }
}
