//! The description of a PKI and the certificates that come of it.
//!
//! [`Authority`] signs; [`Ca`], [`Leaf`] and [`Revocations`] are descriptions; [`Issued`], [`Chain`] and
//! [`RevocationList`] are what one gets; [`Status`] is what an authority says when it is asked.

mod authority;
mod ca;
mod contents;
mod der;
mod issued;
mod key;
mod leaf;
mod names;
mod pem;
mod revocation;
mod signing;
mod status;
mod validity;

use thiserror::Error;

pub use authority::Authority;
pub use ca::Ca;
pub use contents::{Serial, Usage};
pub(crate) use issued::hex;
pub use issued::{Chain, Issued};
pub use key::{KeyKind, WeakKey};
pub use leaf::Leaf;
pub use names::{AlternativeName, Attribute, Subject};
pub use pem::pem_block;
pub use revocation::{Reason, RevocationList, Revocations, Scope};
pub use status::{Standing, Status};
pub use validity::Validity;

/// Why something could not be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PkiError {
    /// A key could not be made or read.
    #[error("cannot make or read a key")]
    Key(#[source] rcgen::Error),
    /// rcgen or the signing key refused the description.
    #[error("cannot sign `{subject}`")]
    Signing {
        /// What was being signed: a certificate's subject or a list's issuer.
        subject: String,
        /// What the library said.
        #[source]
        source: rcgen::Error,
    },
    /// DER that should have been a certificate, a list or a key is not.
    #[error("not a well-formed {0}")]
    Malformed(&'static str),
    /// The system's random numbers are not to be had.
    #[error("the system gives no random numbers")]
    Random,
    /// The PKCS#12 file could not be built.
    #[error("cannot build a PKCS#12 file")]
    Pkcs12(#[source] p12_keystore::error::Error),
}
