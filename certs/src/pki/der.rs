//! As much DER as editing a certificate takes: reading one element, writing one element.
//!
//! rcgen writes well-formed certificates only. What tests need beside those (several common names, version 1, a
//! name with a NUL in it) is edited into its output before it is signed; see `signing`.

pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const UTF8_STRING: u8 = 0x0c;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// One element: its tag, its content, and the octets that hold both.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) content: &'a [u8],
    pub(crate) whole: &'a [u8],
}

/// Reads the first element of `input` and says what follows it. Only single-octet tags, which X.509 is made of.
pub(crate) fn element(input: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (&tag, after_tag) = input.split_first()?;
    let (&first, after_length) = after_tag.split_first()?;
    let (length, body) = if first < 0x80 {
        (usize::from(first), after_length)
    } else {
        let octets = usize::from(first & 0x7f);
        if octets == 0 || octets > 4 || after_length.len() < octets {
            return None;
        }
        let (length, body) = after_length.split_at(octets);
        (
            length
                .iter()
                .fold(0_usize, |sum, octet| (sum << 8) | usize::from(*octet)),
            body,
        )
    };
    if body.len() < length {
        return None;
    }
    let (content, rest) = body.split_at(length);
    let whole = &input[..input.len() - rest.len()];
    Some((Element { tag, content, whole }, rest))
}

/// All elements of `input`, which must end with the last of them.
pub(crate) fn elements(mut input: &[u8]) -> Option<Vec<Element<'_>>> {
    let mut found = Vec::new();
    while !input.is_empty() {
        let (next, rest) = element(input)?;
        found.push(next);
        input = rest;
    }
    Some(found)
}

/// Writes one element.
pub(crate) fn write(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = content.len();
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let octets: Vec<u8> = length
                .to_be_bytes()
                .into_iter()
                .skip_while(|octet| *octet == 0)
                .collect();
            // A usize has at most 8 octets, so the mark fits.
            out.push(0x80 | u8::try_from(octets.len()).unwrap_or(0x7f));
            out.extend_from_slice(&octets);
        }
    }
    out.extend_from_slice(content);
    out
}

/// An object identifier from its arcs (at least two).
pub(crate) fn object_identifier(arcs: &[u64]) -> Vec<u8> {
    let (first, rest) = match arcs {
        [first, second, rest @ ..] => (first * 40 + second, rest),
        [only] => (only * 40, &[][..]),
        [] => (0, &[][..]),
    };
    let mut content = Vec::new();
    for arc in std::iter::once(&first).chain(rest) {
        let mut groups = vec![arc & 0x7f];
        let mut left = arc >> 7;
        while left > 0 {
            groups.push(0x80 | (left & 0x7f));
            left >>= 7;
        }
        content.extend(groups.into_iter().rev().map(|group| group.to_le_bytes()[0]));
    }
    write(OBJECT_IDENTIFIER, &content)
}

/// An X.509 extension.
pub(crate) fn extension(arcs: &[u64], critical: bool, value: &[u8]) -> Vec<u8> {
    let mut body = object_identifier(arcs);
    if critical {
        body.extend_from_slice(&[0x01, 0x01, 0xff]);
    }
    body.extend(write(OCTET_STRING, value));
    write(SEQUENCE, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_round_trip_and_short_input_is_refused() {
        for length in [0, 1, 127, 128, 255, 256, 65_535, 65_536] {
            let written = write(OCTET_STRING, &vec![7; length]);
            let (read, rest) = element(&written).unwrap();
            assert_eq!(
                (read.content.len(), rest.len(), read.whole.len()),
                (length, 0, written.len())
            );
            assert!(
                element(&written[..written.len() - 1]).is_none(),
                "{length} cut short"
            );
        }
        for broken in [
            &[][..],
            &[0x30],
            &[0x30, 0x80],
            &[0x30, 0x85, 0, 0, 0, 0, 0],
            &[0x30, 0x82, 1],
        ] {
            assert!(element(broken).is_none(), "{broken:02x?}");
        }
    }

    #[test]
    fn object_identifiers_are_base_128() {
        assert_eq!(object_identifier(&[2, 5, 4, 3]), [6, 3, 0x55, 4, 3]);
        assert_eq!(
            object_identifier(&[1, 2, 840, 113_549, 1, 9, 1])[2..],
            [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1]
        );
    }
}
