//! What stands for a secret where the secret itself must not: a digest that only this process can compute.

use std::fmt;
use std::sync::LazyLock;

use aws_lc_rs::hmac;

/// HMAC-SHA-256 of a secret, by a key of this process. The same secret has the same one after a reload, and another in
/// another process.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

/// Drawn once, never told.
static KEY: LazyLock<hmac::Key> = LazyLock::new(|| {
    let mut key = [0; 32];
    // aws-lc's generator does not fail once it has started; if it ever did, no digest may be computable by others.
    if aws_lc_rs::rand::fill(&mut key).is_err() {
        std::process::abort();
    }
    hmac::Key::new(hmac::HMAC_SHA256, &key)
});

impl Fingerprint {
    /// Of several parts. Each is preceded by its length, so that no two lists of parts are one.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut context = hmac::Context::with_key(&KEY);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.sign().as_ref());
        Self(digest)
    }

    /// Compares without telling by time where the two differ.
    pub fn is_same(&self, other: &Self) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }

    /// The octets, to compute with.
    pub fn octets(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Fingerprint(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_each_other() {
        let same = |one: &[&[u8]], other: &[&[u8]]| Fingerprint::of(one).is_same(&Fingerprint::of(other));
        assert!(same(&[b"a", b"bc"], &[b"a", b"bc"]));
        for (one, other) in [
            (&[&b"a"[..], b"bc"][..], &[&b"ab"[..], b"c"][..]),
            (&[b"a", b""], &[b"a"]),
            (&[b"a"], &[b"A"]),
            (&[b""], &[]),
        ] {
            assert!(!same(one, other), "{one:?} {other:?}");
        }
    }

    #[test]
    fn it_is_not_printed_and_is_no_plain_digest() {
        let of_key = Fingerprint::of(&[b"key"]);
        assert_eq!(format!("{of_key:?}"), "Fingerprint(…)");
        let plain = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"key");
        assert_ne!(plain.as_ref(), of_key.octets());
    }
}
