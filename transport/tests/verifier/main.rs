//! The verifier against a hostile set: every certificate that a stranger could show and every list that an operator could install, with the
//! good one beside it.

#![allow(
    clippy::expect_used,
    reason = "a test that cannot make its certificates has to stop; clippy's own exception knows only functions marked as tests"
)]

/// An array whose rows stay on their lines, however long they are.
macro_rules! table {
    ($($row:expr;)*) => {
        [$($row),*]
    };
}

mod handshakes;
mod lists;
mod long_paths;
mod ocsp;
mod ocsp_responses;
mod paths;
mod pki;
mod policies;
mod restrictions;
mod revocation;
mod stapling;
