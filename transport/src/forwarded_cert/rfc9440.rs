//! `Client-Cert` and `Client-Cert-Chain` of RFC 9440: structured-field byte sequences.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue};

use super::decode::{DecodeError, base64_certificate, chain_of};
use super::{EncodeError, MAX_HEADER_VALUE, header_value};
use crate::presented::PresentedChain;

/// The leaf.
pub const CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");
/// What followed the leaf, absent if nothing did.
pub const CLIENT_CERT_CHAIN: HeaderName = HeaderName::from_static("client-cert-chain");

/// The values of `Client-Cert` and, where the client sent more than its leaf, `Client-Cert-Chain` (in the order sent, leaf left out).
pub fn rfc9440(chain: &PresentedChain) -> Result<(HeaderValue, Option<HeaderValue>), EncodeError> {
    let leaf = header_value(format!(":{}:", STANDARD.encode(chain.leaf())))?;
    let mut rest = String::new();
    for der in chain.intermediates() {
        let separator = if rest.is_empty() { "" } else { ", " };
        // Writing to a String cannot fail.
        let _ = write!(rest, "{separator}:{}:", STANDARD.encode(der));
    }
    let rest = if rest.is_empty() {
        None
    } else {
        Some(header_value(rest)?)
    };
    Ok((leaf, rest))
}

/// Reads the two values back. Strict: one byte sequence without parameters in the first, a list of them in the second, optional spaces and
/// tabs around the commas (RFC 8941 4.2.1).
pub fn decode_rfc9440(leaf: &[u8], rest: Option<&[u8]>) -> Result<PresentedChain, DecodeError> {
    let mut certificates = vec![byte_sequence(within_limit(leaf)?)?];
    if let Some(rest) = rest {
        for item in within_limit(rest)?.split(|octet| *octet == b',') {
            certificates.push(byte_sequence(item.trim_ascii())?);
        }
    }
    chain_of(certificates)
}

fn within_limit(value: &[u8]) -> Result<&[u8], DecodeError> {
    if value.len() > MAX_HEADER_VALUE {
        return Err(DecodeError::TooLarge { octets: value.len() });
    }
    Ok(value)
}

fn byte_sequence(item: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let inner = item
        .strip_prefix(b":")
        .and_then(|rest| rest.strip_suffix(b":"))
        .ok_or(DecodeError::NotAByteSequence)?;
    base64_certificate(inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pem::certificates_in;

    const LEAF: &str = include_str!("../../tests/vectors/leaf.rfc9440.Client-Cert.txt");
    const CHAIN: &str = include_str!("../../tests/vectors/leaf.rfc9440.Client-Cert-Chain.txt");
    const WITH_ROOT: &str = include_str!("../../tests/vectors/leaf.rfc9440.Client-Cert-Chain.with-root.txt");

    fn vectors(count: usize) -> PresentedChain {
        let files = [
            &include_bytes!("../../tests/vectors/leaf.pem")[..],
            include_bytes!("../../tests/vectors/int.pem"),
            include_bytes!("../../tests/vectors/root.pem"),
        ];
        let read = |pem: &&[u8]| certificates_in(pem, "vector").expect("a vector");
        PresentedChain::new(files.iter().take(count).flat_map(read).collect()).expect("a chain")
    }

    #[test]
    fn values_are_those_of_the_rfc_and_read_back() {
        for (count, rest) in [(1, None), (2, Some(CHAIN)), (3, Some(WITH_ROOT))] {
            let (leaf, written) = rfc9440(&vectors(count)).expect("fits");
            assert_eq!(leaf, LEAF);
            assert_eq!(
                written.as_ref().map(HeaderValue::as_bytes),
                rest.map(str::as_bytes)
            );
            let read = decode_rfc9440(LEAF.as_bytes(), rest.map(str::as_bytes)).expect("reads");
            assert_eq!(read.all(), vectors(count).all());
        }
    }

    #[test]
    fn what_is_no_list_of_byte_sequences_is_refused() {
        let bare = LEAF.trim_matches(':');
        let bad_leaves = [
            bare.to_owned(),
            format!("{LEAF};a=1"),
            format!("{LEAF}, {LEAF}"),
            "::".to_owned(),
            ":".to_owned(),
            String::new(),
            LEAF.replace('+', "-"),
        ];
        for bad in bad_leaves {
            assert!(decode_rfc9440(bad.as_bytes(), None).is_err(), "{bad}");
        }
        for bad in ["", ",", &format!("{CHAIN},"), bare] {
            assert!(
                decode_rfc9440(LEAF.as_bytes(), Some(bad.as_bytes())).is_err(),
                "{bad}"
            );
        }
    }
}
