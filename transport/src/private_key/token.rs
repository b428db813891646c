//! Keys that sign on a token (PKCS#11), and never leave it.
//!
//! A module is loaded and initialised once per process and stays, whatever is reloaded. A key has a few sessions of its
//! own, opened as they are needed and kept ([`pool`]); one that breaks is opened anew, once per signature, so that a token
//! that was away is used again without a reload.
//!
//! rustls signs in the middle of a handshake and waits. A token may take milliseconds for what a processor does in
//! microseconds, and a broken one may take for ever: while it does, the worker thread's other connections are handed to
//! another thread, where the runtime has several ([`aside`]).

mod ecdsa;
mod error;
mod module;
mod pool;
mod session;
mod signer;

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::sign::SigningKey;
use tokio::runtime::{Handle, RuntimeFlavor};

pub use self::error::TokenError;
use self::signer::TokenSigner;
use super::Environment;
use super::token_uri::TokenKey;

/// Opens a key: loads the module, finds token and key, logs in.
pub(super) fn open(key: &TokenKey, environment: Environment<'_>) -> Result<Arc<dyn SigningKey>, TokenError> {
    let pin = session::pin(key, environment)?;
    let module = module::load(&key.library)?;
    let signer = TokenSigner::open(key.clone(), module, pin)?;
    Ok(Arc::new(signer))
}

/// Whether signatures of this key are of this certificate: one of each kind that a handshake may want.
pub(super) fn signs_for(
    key: &dyn SigningKey,
    certificate: Option<&CertificateDer<'_>>,
) -> Result<bool, TokenError> {
    signer::signs_for(key, certificate)
}

/// Does what blocks, aside from what else the thread has to do.
fn aside<T>(work: impl FnOnce() -> T) -> T {
    let several = Handle::try_current()
        .is_ok_and(|runtime| matches!(runtime.runtime_flavor(), RuntimeFlavor::MultiThread));
    if several {
        tokio::task::block_in_place(work)
    } else {
        // One thread, or none of a runtime's: there is nobody to hand anything to.
        work()
    }
}
