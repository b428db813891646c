//! Signed tokens (JOSE): read once, believed only after their signature was verified.
//!
//! The threat is whoever writes a token himself, and a reader who believes any word of it before the signature. So a token
//! is an [`UnverifiedToken`] first, and [`VerifiedClaims`] come out of [`UnverifiedToken::verify`] alone. Which
//! algorithms a key may verify is a property of the key ([`VerificationKey`]), never of the token: a public key cannot
//! be used as an HMAC secret, because it holds none. What a header says about where keys are to be found (`jku`, `x5u`,
//! `jwk`, `x5c`) is never looked at.
//!
//! Signatures are verified by aws-lc-rs itself: keys are parsed when they are loaded, not with every token, and ES512 is
//! among them. Both are more than the `jsonwebtoken` crate offers, which the tests use as the other side.

mod algorithm;
mod claim;
mod json;
mod jws;
mod key;
mod key_set;
mod validity;

pub use self::algorithm::Algorithm;
pub use self::claim::{ClaimPath, Required, words};
pub use self::json::{JsonError, object};
pub use self::jws::{LONGEST_TOKEN, TokenError, TypeRule, UnverifiedToken, VerifiedClaims, looks_like_jws};
pub use self::key::{KeyError, VerificationKey};
pub use self::key_set::{KeySet, KeySetError, PublishedKey};
pub use self::validity::{NumericDate, TimeError, Validity};

/// Strict base64url: no padding, no other alphabet, no bits left over (RFC 7515 §2).
pub(crate) fn base64url(text: &[u8]) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).ok()
}
