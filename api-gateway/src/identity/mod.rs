//! Who is on the other end: of the connection, and of the certificate that somebody carried.
//!
//! What a peer *presented* and what was *verified* are different types, and so are a certificate whose key was proved
//! on this socket and one that came in a header. A [`ClientIdentity`] comes out of the verifier and from nowhere else.

mod carried;
mod carrier;
mod client;
mod connection;

pub use carried::{CarriedCertificates, Claim};
pub(crate) use carrier::later;
pub use carrier::{Carrier, EdgeIdentity, HeaderSources, SourceRule, TrustedEdges};
pub(crate) use client::hexadecimal;
pub use client::{ClientIdentity, DirectoryNames, IdentityError, UseOfCommonName};
pub(crate) use connection::address_header;
pub use connection::{Connection, ConnectionId};
pub use transport::remembered::{Digest, Remembered};
