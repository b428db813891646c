//! `basicauth_credentials`: consumers by user name and password.

use std::collections::HashMap;
use std::fmt;

use aws_lc_rs::{constant_time, digest};
use uuid::Uuid;

use super::{Fingerprint, Owner};

/// Consumers by user name, each with what its password is compared with.
#[derive(Debug)]
pub struct Passwords {
    by_username: HashMap<Box<str>, Entry>,
    /// What the password of a name that nobody has is compared with, so that the answer takes as long.
    nobody: PasswordHash,
}

#[derive(Debug)]
struct Entry {
    owner: Owner,
    /// The consumer's id: the salt.
    salt: Uuid,
    hash: PasswordHash,
}

/// What is kept of a password.
#[derive(Clone)]
pub enum PasswordHash {
    /// Of a document that holds passwords as they are: our own keyed digest.
    Own(Fingerprint),
    /// Of a document with `_transform: false`, which holds what Kong stores: SHA-1 of the password and the consumer's id.
    Kong([u8; 20]),
}

impl PasswordHash {
    /// Of a password as it is.
    pub fn of(password: &[u8], salt: Uuid) -> Self {
        Self::Own(Fingerprint::of(&[b"basic-auth", salt.as_bytes(), password]))
    }

    /// Of what Kong stores: forty hexadecimal digits.
    pub fn stored(text: &str) -> Option<Self> {
        let mut hash = [0; 20];
        if text.len() != 2 * hash.len() {
            return None;
        }
        for (octet, digits) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
            // `from_str_radix` would take a sign.
            if !digits.iter().all(u8::is_ascii_hexdigit) {
                return None;
            }
            *octet = u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(Self::Kong(hash))
    }

    /// What tells this one from another after a reload.
    pub fn fingerprint(&self) -> Fingerprint {
        match self {
            Self::Own(fingerprint) => *fingerprint,
            Self::Kong(hash) => Fingerprint::of(&[b"basic-auth sha1", hash]),
        }
    }

    fn is_of(&self, password: &[u8], salt: Uuid) -> bool {
        match self {
            Self::Own(fingerprint) => {
                Fingerprint::of(&[b"basic-auth", salt.as_bytes(), password]).is_same(fingerprint)
            }
            Self::Kong(hash) => {
                let mut context = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
                context.update(password);
                context.update(salt.to_string().as_bytes());
                constant_time::verify_slices_are_equal(context.finish().as_ref(), hash).is_ok()
            }
        }
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Own(_) => "Own(…)",
            Self::Kong(_) => "Kong(…)",
        })
    }
}

impl Passwords {
    /// Nobody yet. `is_transformed` says that the document holds passwords as they are (`_transform`).
    pub fn new(passwords: usize, is_transformed: bool) -> Self {
        Self {
            by_username: HashMap::with_capacity(passwords),
            nobody: if is_transformed {
                PasswordHash::of(b"", Uuid::nil())
            } else {
                PasswordHash::Kong([0; 20])
            },
        }
    }

    /// Adds a user name; `salt` is the id of its consumer.
    pub fn add(&mut self, username: &str, salt: Uuid, hash: PasswordHash, owner: Owner) {
        self.by_username
            .insert(username.into(), Entry { owner, salt, hash });
    }

    /// Whoever has this name and this password. A name that nobody has takes as long as a wrong password.
    pub fn find(&self, username: &[u8], password: &[u8]) -> Option<&Owner> {
        let entry = str::from_utf8(username)
            .ok()
            .and_then(|username| self.by_username.get(username));
        match entry {
            Some(entry) => entry.hash.is_of(password, entry.salt).then_some(&entry.owner),
            None => {
                std::hint::black_box(self.nobody.is_of(password, Uuid::nil()));
                None
            }
        }
    }

    /// Whoever has this user name now.
    pub fn named(&self, username: &str) -> Option<&Owner> {
        Some(&self.by_username.get(username)?.owner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(0xb323_79d9_3d28_5683_a79c_7213_9be6_e34f);

    #[test]
    fn kongs_hash_is_sha1_of_the_password_and_the_consumers_id() {
        // printf '%s' 'hunter2b32379d9-3d28-5683-a79c-72139be6e34f' | sha1sum
        let stored = PasswordHash::stored("ab54118699a2f1868d54879cbe35ea462e92ebcd").unwrap();
        assert!(stored.is_of(b"hunter2", ID));
        for (password, salt) in [(&b"hunter3"[..], ID), (b"hunter2", Uuid::nil()), (b"", ID)] {
            assert!(!stored.is_of(password, salt));
        }
    }

    #[test]
    fn only_forty_hexadecimal_digits_are_a_stored_hash() {
        for (text, accepted) in [
            ("00112233445566778899aabbccddeeff00112233", true),
            ("00112233445566778899AABBCCDDEEFF00112233", true),
            ("+0112233445566778899aabbccddeeff00112233", false),
            ("00112233445566778899aabbccddeeff0011223", false),
            ("0011223344556677889\u{e9}aabbccddeeff0011223", false),
            ("hunter2", false),
            ("", false),
        ] {
            assert_eq!(PasswordHash::stored(text).is_some(), accepted, "{text}");
        }
    }

    #[test]
    fn a_password_is_good_for_its_consumer_alone() {
        let hash = PasswordHash::of("pass wörd:".as_bytes(), ID);
        assert!(hash.is_of("pass wörd:".as_bytes(), ID));
        assert!(!hash.is_of("pass wörd".as_bytes(), ID));
        assert!(!hash.is_of(b"pass w\xf6rd:", ID));
        assert!(!hash.is_of("pass wörd:".as_bytes(), Uuid::nil()));
        assert_eq!(format!("{hash:?}"), "Own(…)");
    }
}
