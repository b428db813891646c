//! Who is no longer to be believed, by the word of who vouched.

pub mod allowed_hosts;
pub mod crl;
mod list;
pub mod ocsp;
