//! Certificates in HTTP headers: the one list of names that only a trusted carrier may send, and the codecs.
//!
//! # The threat
//!
//! A certificate in a header is a sentence about somebody else: "the client behind this request proved that it holds this key". Anybody can
//! write it, for certificates are public. So the edge removes every name of the list, in any spelling that some server would fold to it,
//! before it writes its own; and the gateway takes them off at entry and looks at them only where the carrier is proved.
//!
//! Encoders never write a raw octet below 0x20 or above 0x7e and never truncate; decoders accept exactly what is said in [`decode`].

mod alb;
mod decode;
mod names;
mod rfc9440;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

use crate::presented::PresentedChain;

pub use alb::{PASSTHROUGH_HEADER, VERIFY_HEADERS, alb_passthrough, alb_verify};
pub use decode::{DecodeError, HeaderFormat, decode};
pub use names::{fold, folds_to, is_certificate_header};
pub use rfc9440::{CLIENT_CERT, CLIENT_CERT_CHAIN, decode_rfc9440, rfc9440};

/// The longest value of a certificate header, in octets, written or read: what an ALB allows for one header line.
pub const MAX_HEADER_VALUE: usize = 16 * 1024;

/// Why a certificate cannot be written into a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EncodeError {
    /// Longer than [`MAX_HEADER_VALUE`]. ALB does not document what it does; ours is never truncated, the connection ends.
    #[error("the encoded certificates take {octets} octets, a header has room for {MAX_HEADER_VALUE}")]
    TooLarge {
        /// How long it would have been.
        octets: usize,
    },
    /// Not a header value: a bug in an encoder, never sent.
    #[error("the encoded certificate is not a header value")]
    NotAHeaderValue,
}

/// Writes a chain as [`decode`] reads it: all of it, or in base64 the leaf alone.
///
/// # Errors
/// [`EncodeError`].
pub fn encode(format: HeaderFormat, chain: &PresentedChain) -> Result<http::HeaderValue, EncodeError> {
    match format {
        HeaderFormat::UrlEncoded => alb_passthrough(chain),
        HeaderFormat::Base64 => header_value(STANDARD.encode(chain.leaf())),
    }
}

fn header_value(text: String) -> Result<http::HeaderValue, EncodeError> {
    if text.len() > MAX_HEADER_VALUE {
        return Err(EncodeError::TooLarge { octets: text.len() });
    }
    let printable = text.bytes().all(|octet| (0x20..=0x7e).contains(&octet));
    if !printable {
        return Err(EncodeError::NotAHeaderValue);
    }
    http::HeaderValue::try_from(text).map_err(|_| EncodeError::NotAHeaderValue)
}
