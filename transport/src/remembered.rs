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

    fn slot(&self, slots: usize) -> usize {
        let [a, b, c, d, ..] = self.0;
        u32::from_le_bytes([a, b, c, d]) as usize % slots
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}

/// A bounded table without a lock: each digest has one slot, and the newest entry has it. Nothing is allocated before
/// the first entry.
pub struct Remembered<T> {
    slots: OnceLock<Box<[ArcSwapOption<Entry<T>>]>>,
    size: usize,
}

struct Entry<T> {
    digest: Digest,
    until: UnixTime,
    value: Arc<T>,
}

impl<T> Remembered<T> {
    /// A table of `size` slots, at least one.
    pub fn new(size: usize) -> Self {
        Self {
            slots: OnceLock::new(),
            size: size.max(1),
        }
    }

    /// What is known of `digest`, if it is still true at `now`.
    pub fn recall(&self, digest: &Digest, now: UnixTime) -> Option<Arc<T>> {
        let slot = self.slots.get()?.get(digest.slot(self.size))?.load();
        let entry = slot.as_ref()?;
        (entry.digest == *digest && now <= entry.until).then(|| Arc::clone(&entry.value))
    }

    /// Keeps `value` until `until`.
    pub fn keep(&self, digest: Digest, until: UnixTime, value: Arc<T>) {
        let slots = self
            .slots
            .get_or_init(|| (0..self.size).map(|_| ArcSwapOption::empty()).collect());
        if let Some(slot) = slots.get(digest.slot(self.size)) {
            slot.store(Some(Arc::new(Entry { digest, until, value })));
        }
    }
}

impl<T> fmt::Debug for Remembered<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remembered({} slots)", self.size)
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
        assert!(table.recall(&first, at(5)).is_none(), "one slot holds one entry");
        assert_eq!(table.recall(&second, at(5)).as_deref(), Some(&2));
    }
}
