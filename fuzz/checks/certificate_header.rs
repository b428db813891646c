//! A certificate in a header: what comes out is never more than what went in, and what is read is read again from
//! every form that an encoder of ours gives it.

use transport::forwarded_cert::{
    EncodeError, HeaderFormat, MAX_HEADER_VALUE, alb_passthrough, alb_verify, decode, decode_rfc9440, fold,
    folds_to, is_certificate_header, rfc9440,
};
use transport::presented::{MAX_PRESENTED, PresentedChain};

/// The octets are one header value; for RFC 9440 a line end parts `Client-Cert` from `Client-Cert-Chain`, as no header
/// value can hold one.
pub(crate) fn check(octets: &[u8]) {
    let mut lines = octets.splitn(2, |octet| *octet == b'\n');
    let leaf = lines.next().unwrap_or_default();
    let readings = [
        decode(HeaderFormat::UrlEncoded, octets),
        decode(HeaderFormat::Base64, octets),
        decode_rfc9440(leaf, lines.next()),
    ];
    for reading in readings {
        match reading {
            Ok(chain) => {
                assert!(
                    octets.len() <= 2 * MAX_HEADER_VALUE + 1,
                    "a value beyond the limit was read"
                );
                bounded(&chain, octets.len());
                read_again(&chain);
            }
            Err(error) => {
                assert!(
                    error.to_string().len() < 300,
                    "a cause that quotes its header: {error}"
                );
                assert!(error.reason().starts_with("header_"));
            }
        }
    }
    if let Ok(name) = str::from_utf8(octets) {
        names(name);
    }
}

fn bounded(chain: &PresentedChain, octets: usize) {
    let all: usize = chain.all().iter().map(|der| der.len()).sum();
    assert!(all <= octets, "{octets} octets became {all}");
    assert!((1..=MAX_PRESENTED).contains(&chain.all().len()));
    assert!(
        chain.leaf_certificate().is_ok(),
        "a leaf that is no certificate was let in"
    );
}

fn read_again(chain: &PresentedChain) {
    let same = |other: PresentedChain| {
        assert_eq!(other.all(), chain.all());
        assert_eq!(other.digest(), chain.digest());
    };
    match alb_passthrough(chain) {
        Ok(value) => {
            let again = decode(HeaderFormat::UrlEncoded, value.as_bytes());
            same(again.unwrap_or_else(|error| panic!("what an ALB writes is not read: {error}")));
        }
        Err(error) => assert!(matches!(error, EncodeError::TooLarge { .. }), "{error}"),
    }
    match rfc9440(chain) {
        Ok((leaf, rest)) => {
            let again = decode_rfc9440(leaf.as_bytes(), rest.as_ref().map(http::HeaderValue::as_bytes));
            same(again.unwrap_or_else(|error| panic!("what RFC 9440 writes is not read: {error}")));
            let base64 = leaf.as_bytes().get(1..leaf.len() - 1).unwrap_or_default();
            let alone = decode(HeaderFormat::Base64, base64);
            let alone = alone.unwrap_or_else(|error| panic!("the same base64 is not read: {error}"));
            assert_eq!(alone.leaf(), chain.leaf());
        }
        Err(error) => assert!(matches!(error, EncodeError::TooLarge { .. }), "{error}"),
    }
    if let Ok(leaf) = chain.leaf_certificate() {
        match alb_verify(&leaf) {
            Ok(headers) => {
                for (name, value) in headers {
                    let printable = value.as_bytes().iter().all(|octet| (0x20..=0x7e).contains(octet));
                    assert!(printable && value.len() <= MAX_HEADER_VALUE, "{name}: {value:?}");
                }
            }
            Err(error) => assert!(matches!(error, EncodeError::TooLarge { .. }), "{error}"),
        }
    }
}

/// Every spelling of a name is treated as the name is.
fn names(name: &str) {
    let folded = fold(name);
    assert_eq!(fold(&folded), folded, "{name}");
    assert!(folds_to(name, &folded), "{name}");
    assert_eq!(
        is_certificate_header(name),
        is_certificate_header(&folded),
        "{name}"
    );
    assert_eq!(
        is_certificate_header(name),
        is_certificate_header(&name.to_ascii_uppercase().replace('-', "_")),
        "{name}"
    );
}
