//! What was found out about a certificate chain, kept for as long as it stays true.
//!
//! A table belongs to one policy of one generation: to a trust store, or to one plugin instance of one snapshot. So its
//! key need not name either: an answer given under one policy cannot be read under another, and a reload starts with
//! empty tables.

use std::fmt;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use rustls::pki_types::UnixTime;

/// SHA-256 of everything that was presented: a whole chain, or the octets of a header.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of a header value.
    pub fn of(value: &[u8]) -> Self {
        let mut digest = [0; 32];
        digest.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, value).as_ref());
        Self(digest)
    }

    fn set(&self, sets: usize) -> usize {
        let [a, b, c, d, ..] = self.0;
        u32::from_le_bytes([a, b, c, d]) as usize % sets
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}

/// Entries that one digest may stand in. With one, a quarter of the clients of a table that is a quarter full would push
/// each other out with every request; with eight, next to none do.
const WAYS: usize = 8;

/// A bounded table without a lock. A digest has a set of slots; where all are taken, what is over goes first, then what
/// will be over soonest: what is kept for seconds does not push out what is kept for hours. Among those that last about
/// equally long chance says which, so that clients who come in turn do not push each other out in turn. Nothing is
/// allocated before the first entry.
pub struct Remembered<T> {
    sets: OnceLock<Box<[Set<T>]>>,
    /// How many sets.
    size: usize,
}

struct Set<T>([ArcSwapOption<Entry<T>>; WAYS]);

struct Entry<T> {
    digest: Digest,
    until: UnixTime,
    value: Arc<T>,
}

impl<T> Remembered<T> {
    /// A table for `size` entries, rounded up to whole sets.
    pub fn new(size: usize) -> Self {
        Self {
            sets: OnceLock::new(),
            size: size.div_ceil(WAYS).max(1),
        }
    }

    /// What is known of `digest`, if it is still true at `now`.
    pub fn recall(&self, digest: &Digest, now: UnixTime) -> Option<Arc<T>> {
        let Set(slots) = self.sets.get()?.get(digest.set(self.size))?;
        slots.iter().find_map(|slot| {
            let slot = slot.load();
            let entry = slot.as_ref()?;
            (entry.digest == *digest && now <= entry.until).then(|| Arc::clone(&entry.value))
        })
    }

    /// Keeps `value` from `now` on until `until`.
    pub fn keep(&self, digest: Digest, (now, until): (UnixTime, UnixTime), value: Arc<T>) {
        let new_set = |_| Set([const { ArcSwapOption::const_empty() }; WAYS]);
        let sets = self.sets.get_or_init(|| (0..self.size).map(new_set).collect());
        let Some(set) = sets.get(digest.set(self.size)) else {
            return;
        };
        if let Some(slot) = set.slot_for(&digest, now) {
            slot.store(Some(Arc::new(Entry { digest, until, value })));
        }
    }

    /// Knows nothing of `digest` any longer.
    pub fn forget(&self, digest: &Digest) {
        let Some(Set(slots)) = self.sets.get().and_then(|sets| sets.get(digest.set(self.size))) else {
            return;
        };
        for slot in slots {
            if slot.load().as_ref().is_some_and(|entry| entry.digest == *digest) {
                slot.store(None);
            }
        }
    }
}

impl<T> Set<T> {
    /// Where an entry of this digest goes: to its own old one first, since no digest stands in two slots for long.
    fn slot_for(&self, digest: &Digest, now: UnixTime) -> Option<&ArcSwapOption<Entry<T>>> {
        let Self(slots) = self;
        // Seconds that each has left: none if it is over, or was never taken.
        let mut left = [0; WAYS];
        for (slot, left) in slots.iter().zip(&mut left) {
            let entry = slot.load();
            let Some(entry) = entry.as_ref() else { continue };
            if entry.digest == *digest {
                return Some(slot);
            }
            if now <= entry.until {
                *left = entry
                    .until
                    .as_secs()
                    .saturating_sub(now.as_secs())
                    .saturating_add(1);
            }
        }
        let soonest = left.iter().copied().min().unwrap_or_default();
        let goes = |left: u64| left <= soonest.saturating_mul(2);
        let candidates = left.iter().filter(|left| goes(**left)).count();
        let chosen = fastrand::usize(..candidates.max(1));
        let mut going = slots.iter().zip(left).filter(|(_, left)| goes(*left));
        going.nth(chosen).map(|(slot, _)| slot)
    }
}

impl<T> fmt::Debug for Remembered<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remembered({} entries)", self.size * WAYS)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    }

    #[test]
    fn an_entry_is_true_until_its_time_and_for_its_digest_alone() {
        let table = Remembered::new(1);
        let (first, second) = (Digest::of(b"first"), Digest::of(b"second"));
        assert!(table.recall(&first, at(0)).is_none());
        table.keep(first, (at(0), at(10)), Arc::new(1));
        assert_eq!(table.recall(&first, at(10)).as_deref(), Some(&1));
        assert!(table.recall(&first, at(11)).is_none());
        assert!(table.recall(&second, at(5)).is_none());
        table.keep(second, (at(5), at(10)), Arc::new(2));
        assert_eq!(
            table.recall(&first, at(5)).as_deref(),
            Some(&1),
            "there is room for both"
        );
        assert_eq!(table.recall(&second, at(5)).as_deref(), Some(&2));
        table.keep(first, (at(5), at(20)), Arc::new(3));
        assert_eq!(
            table.recall(&first, at(20)).as_deref(),
            Some(&3),
            "the newer one of a digest counts"
        );
    }

    #[test]
    fn a_full_table_stays_as_large_as_it_is() {
        let table = Remembered::new(64);
        let digests: Vec<Digest> = (0..1000_u32)
            .map(|number| Digest::of(&number.to_le_bytes()))
            .collect();
        let known = || {
            digests
                .iter()
                .filter(|digest| table.recall(digest, at(0)).is_some())
                .count()
        };
        for (number, digest) in digests.iter().enumerate() {
            table.keep(*digest, (at(0), at(10)), Arc::new(number));
            assert_eq!(
                table.recall(digest, at(0)).as_deref(),
                Some(&number),
                "the newest is there"
            );
        }
        assert_eq!(known(), 64);
    }

    #[test]
    fn a_table_that_is_a_quarter_full_forgets_next_to_nothing() {
        let table = Remembered::new(4096);
        let digests: Vec<Digest> = (0..1024_u32)
            .map(|number| Digest::of(&number.to_le_bytes()))
            .collect();
        for digest in &digests {
            table.keep(*digest, (at(0), at(10)), Arc::new(()));
        }
        let known = digests
            .iter()
            .filter(|digest| table.recall(digest, at(0)).is_some())
            .count();
        assert!(known >= 1020, "{known} of 1024");
    }

    fn digests(from: u32, number: u32) -> Vec<Digest> {
        let digest = |number: u32| Digest::of(&number.to_le_bytes());
        (from..from + number).map(digest).collect()
    }

    /// Strangers whose refusals are kept for seconds do not push out those who are known for hours.
    #[test]
    fn what_is_kept_for_seconds_does_not_push_out_what_is_kept_for_hours() {
        let table = Remembered::new(WAYS);
        let (known, strangers) = (digests(0, 7), digests(1000, 5000));
        for digest in &known {
            table.keep(*digest, (at(0), at(3600)), Arc::new(()));
        }
        for (second, digest) in (0..).zip(&strangers) {
            let now = at(second / 100);
            table.keep(*digest, (now, at(second / 100 + 3)), Arc::new(()));
            assert!(table.recall(digest, now).is_some(), "the newest is there");
        }
        for digest in &known {
            assert!(table.recall(digest, at(50)).is_some());
        }
    }

    #[test]
    fn what_is_over_goes_before_what_is_not() {
        let table = Remembered::new(WAYS);
        let (over, lasting, new) = (digests(0, 3), digests(100, 5), digests(200, 3));
        for digest in &over {
            table.keep(*digest, (at(0), at(10)), Arc::new(()));
        }
        for digest in &lasting {
            table.keep(*digest, (at(0), at(12)), Arc::new(()));
        }
        for digest in &new {
            table.keep(*digest, (at(11), at(100)), Arc::new(()));
        }
        for digest in lasting.iter().chain(&new) {
            assert!(table.recall(digest, at(11)).is_some());
        }
    }

    /// The oldest would be the one that comes next, each time.
    #[test]
    fn clients_who_come_in_turn_do_not_push_each_other_out_in_turn() {
        let table = Remembered::new(WAYS);
        let turns = digests(0, 9);
        let mut found = 0;
        for round in 0..1000 {
            let now = at(round / 100);
            for digest in &turns {
                if table.recall(digest, now).is_some() {
                    found += 1;
                } else {
                    table.keep(*digest, (now, at(round / 100 + 3600)), Arc::new(()));
                }
            }
        }
        assert!(found > 4000, "{found} of 9000");
    }
}
