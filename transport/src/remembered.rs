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

/// A bounded table without a lock. A digest has a set of slots; where all are taken, chance says which entry goes, so
/// that clients who come in turn do not push each other out in turn. Nothing is allocated before the first entry.
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

    /// Keeps `value` until `until`.
    pub fn keep(&self, digest: Digest, until: UnixTime, value: Arc<T>) {
        let new_set = |_| Set([const { ArcSwapOption::const_empty() }; WAYS]);
        let sets = self.sets.get_or_init(|| (0..self.size).map(new_set).collect());
        let Some(Set(slots)) = sets.get(digest.set(self.size)) else {
            return;
        };
        // Its own old entry first: no digest stands in two slots for long.
        let own = |slot: &&ArcSwapOption<Entry<T>>| {
            slot.load().as_ref().is_some_and(|entry| entry.digest == digest)
        };
        let slot = slots
            .iter()
            .find(own)
            .or_else(|| slots.iter().find(|slot| slot.load().is_none()))
            .or_else(|| slots.get(fastrand::usize(..WAYS)));
        if let Some(slot) = slot {
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
        table.keep(first, at(10), Arc::new(1));
        assert_eq!(table.recall(&first, at(10)).as_deref(), Some(&1));
        assert!(table.recall(&first, at(11)).is_none());
        assert!(table.recall(&second, at(5)).is_none());
        table.keep(second, at(10), Arc::new(2));
        assert_eq!(
            table.recall(&first, at(5)).as_deref(),
            Some(&1),
            "there is room for both"
        );
        assert_eq!(table.recall(&second, at(5)).as_deref(), Some(&2));
        table.keep(first, at(20), Arc::new(3));
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
            table.keep(*digest, at(10), Arc::new(number));
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
            table.keep(*digest, at(10), Arc::new(()));
        }
        let known = digests
            .iter()
            .filter(|digest| table.recall(digest, at(0)).is_some())
            .count();
        assert!(known >= 1020, "{known} of 1024");
    }
}
