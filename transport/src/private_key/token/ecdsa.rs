//! ECDSA signatures: tokens give `r` and `s` side by side, TLS wants them in DER (RFC 3279, 2.2.3).

use crate::der::{INTEGER, SEQUENCE};

/// `SEQUENCE { INTEGER r, INTEGER s }`; `None` if these are no two numbers of one length.
pub(super) fn in_der(raw: &[u8]) -> Option<Vec<u8>> {
    if raw.is_empty() || !raw.len().is_multiple_of(2) {
        return None;
    }
    let (r, s) = raw.split_at(raw.len() / 2);
    let content = [integer(r)?, integer(s)?].concat();
    element(SEQUENCE, &content)
}

/// A number above zero, in its shortest form, with a zero before it where its first bit would be a sign.
fn integer(octets: &[u8]) -> Option<Vec<u8>> {
    let first = octets.iter().position(|octet| *octet != 0)?;
    let significant = octets.get(first..)?;
    let content = match significant.first() {
        Some(octet) if octet & 0x80 != 0 => [&[0], significant].concat(),
        _ => significant.to_vec(),
    };
    element(INTEGER, &content)
}

/// Signatures with the curves that are known have less than 256 octets.
fn element(tag: u8, content: &[u8]) -> Option<Vec<u8>> {
    let length = u8::try_from(content.len()).ok()?;
    let header: &[u8] = if length < 0x80 {
        &[tag, length]
    } else {
        &[tag, 0x81, length]
    };
    Some([header, content].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_shortest_form_and_no_sign() {
        let cases: [(&[u8], Option<&[u8]>); 8] = [
            (&[1, 2], Some(&[0x30, 6, 2, 1, 1, 2, 1, 2])),
            (&[0, 1, 0x80, 0], Some(&[0x30, 8, 2, 1, 1, 2, 3, 0, 0x80, 0])),
            (&[0, 0x80, 0, 1], Some(&[0x30, 7, 2, 2, 0, 0x80, 2, 1, 1])),
            (&[], None),
            (&[1, 2, 3], None),
            (&[0, 0, 0, 1], None),
            (&[0, 1, 0, 0], None),
            (&[0xff; 300], None),
        ];
        for (raw, expected) in cases {
            assert_eq!(in_der(raw).as_deref(), expected, "{raw:02x?}");
        }
        // P-521: 66 octets each, and a length of two octets.
        let long = in_der(&[0x01; 132]).expect("two numbers");
        assert_eq!(long.get(..3), Some(&[0x30, 0x81, 136][..]));
    }
}
