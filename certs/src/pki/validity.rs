//! When a certificate is valid.

use std::time::Duration;

use time::OffsetDateTime;

/// How far certificates and lists are dated back, so that a peer whose clock is slow accepts them.
const BACKDATED: Duration = Duration::from_hours(1);
/// Authorities begin a year ago, so that a certificate that has already expired was valid while its issuer was.
const AUTHORITY_BACKDATED_DAYS: u64 = 365;
/// How long an authority still is valid.
const AUTHORITY_DAYS: u64 = 3650;
const DAY: u64 = 86_400;

/// From when to when, both inclusive, whole seconds, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first moment.
    pub not_before: OffsetDateTime,
    /// The last moment.
    pub not_after: OffsetDateTime,
}

impl Validity {
    /// For how many days a leaf is valid where nothing is said: over a year, and below the 825 that Apple's clients
    /// allow.
    pub const LEAF_DAYS: u32 = 730;

    /// From an hour ago, for so many days from now.
    pub fn days(days: u32) -> Self {
        let now = now();
        Self {
            not_before: now - BACKDATED,
            not_after: now + Duration::from_secs(u64::from(days) * DAY),
        }
    }

    /// Over since so many days ago, after it had been valid for 60 days.
    pub fn ended_days_ago(days: u32) -> Self {
        let not_after = now() - Duration::from_secs(u64::from(days) * DAY);
        Self {
            not_before: not_after - Duration::from_secs(60 * DAY),
            not_after,
        }
    }

    /// Begins in so many days, then lasts for 60.
    pub fn starts_in_days(days: u32) -> Self {
        let not_before = now() + Duration::from_secs(u64::from(days) * DAY);
        Self {
            not_before,
            not_after: not_before + Duration::from_secs(60 * DAY),
        }
    }

    /// From an hour ago for so many seconds from now: for what must end while a test looks on.
    pub fn seconds(seconds: u32) -> Self {
        let now = now();
        Self {
            not_before: now - BACKDATED,
            not_after: now + Duration::from_secs(u64::from(seconds)),
        }
    }

    /// From and to, in seconds since 1970. `None` outside the years that a calendar has.
    pub fn unix(not_before: i64, not_after: i64) -> Option<Self> {
        Some(Self {
            not_before: OffsetDateTime::from_unix_timestamp(not_before).ok()?,
            not_after: OffsetDateTime::from_unix_timestamp(not_after).ok()?,
        })
    }

    /// What a leaf gets by default: 730 days.
    pub fn of_leaves() -> Self {
        Self::days(Self::LEAF_DAYS)
    }

    /// What an authority gets by default: from a year ago for ten years.
    pub fn of_authorities() -> Self {
        let now = now();
        Self {
            not_before: now - Duration::from_secs(AUTHORITY_BACKDATED_DAYS * DAY),
            not_after: now + Duration::from_secs(AUTHORITY_DAYS * DAY),
        }
    }
}

/// Now, without the fraction of a second, which X.509 cannot hold.
pub(crate) fn now() -> OffsetDateTime {
    let now = OffsetDateTime::now_utc();
    now.replace_nanosecond(0).unwrap_or(now)
}
