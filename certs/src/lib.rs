//! A PKI described as data: authorities, the certificates they issue, and the lists of what they took back.
//!
//! Tests say what a certificate looks like and get it; nothing here judges whether it ought to exist. That is on
//! purpose: a verifier is worth what it refuses, so certificates with two common names, a certificate authority's
//! flag on a client, a broken signature or an unknown critical extension are as easy to make as good ones.
//!
//! ```
//! use certs::{Authority, Ca, Leaf, Revocations, Validity};
//!
//! # fn main() -> Result<(), certs::PkiError> {
//! let root = Authority::root("Clients Root")?;
//! let issuing = root.intermediate(Ca::named("Clients Issuing").path_length(0))?;
//! let alice = issuing.issue(Leaf::client("alice").email("alice@example.com"))?;
//! let late = issuing.issue(Leaf::client("late").validity(Validity::ended_days_ago(3)))?;
//! let list = issuing.revocation_list(Revocations::of([&late]))?;
//!
//! assert_eq!(alice.chain().len(), 2); // the leaf and its issuing authority, not the root
//! assert!(list.pem().starts_with("-----BEGIN X509 CRL-----"));
//! # Ok(())
//! # }
//! ```
//!
//! [`tree`] writes the PKI that the demo and the containers run on, [`Store`](tree::Store) issues and revokes in one
//! that exists.

pub mod command;
pub mod pki;
pub mod tree;

pub use pki::{
    AlternativeName, Attribute, Authority, Ca, Chain, Issued, KeyKind, Leaf, PkiError, Reason,
    RevocationList, Revocations, Scope, Serial, Standing, Status, Subject, Usage, Validity, WeakKey,
};
