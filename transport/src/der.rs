//! A strict reader of DER elements, for the few structures that are read by hand: names, the frame around a signature, and revocation
//! lists of hundreds of thousands of entries. And as much of a writer as a question to an OCSP responder takes.
//!
//! Only what RFC 5280 structures need: one-octet tags and definite lengths in their shortest form. Whatever else comes is `None`, never a panic.

/// SEQUENCE, constructed.
pub(crate) const SEQUENCE: u8 = 0x30;
/// SET, constructed.
pub(crate) const SET: u8 = 0x31;
/// INTEGER.
pub(crate) const INTEGER: u8 = 0x02;
/// BIT STRING.
pub(crate) const BIT_STRING: u8 = 0x03;
/// OCTET STRING.
pub(crate) const OCTET_STRING: u8 = 0x04;
/// OBJECT IDENTIFIER.
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
/// BOOLEAN.
pub(crate) const BOOLEAN: u8 = 0x01;

/// One element: its tag, its contents, and the whole of it with the header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a> {
    /// The identifier octet.
    pub(crate) tag: u8,
    /// The contents octets.
    pub(crate) content: &'a [u8],
    /// Header and contents.
    pub(crate) whole: &'a [u8],
}

/// An element that is there and cannot be read, as told from one that is absent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NotDer;

/// What is left to read of a run of elements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Reads the elements that follow one another in `input`.
    pub(crate) fn new(input: &'a [u8]) -> Self {
        Self(input)
    }

    /// Whether everything was consumed.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tag of the next element, without consuming it.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The next element, whatever its tag.
    pub(crate) fn next_element(&mut self) -> Option<Element<'a>> {
        let (&tag, rest) = self.0.split_first()?;
        if tag & 0x1f == 0x1f {
            return None; // tags of more than one octet occur nowhere in certificates and CRLs
        }
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (octets, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let length = octets
                    .iter()
                    .fold(0_usize, |sum, octet| (sum << 8) | usize::from(*octet));
                let shortest = length > 0x7f && octets.first() != Some(&0);
                if !shortest {
                    return None;
                }
                (length, rest)
            }
            _ => return None, // indefinite (BER), or beyond 4 GiB
        };
        let (content, rest) = rest.split_at_checked(length)?;
        let whole = self.0.get(..self.0.len() - rest.len())?;
        self.0 = rest;
        Some(Element { tag, content, whole })
    }

    /// The next element, which must have this tag.
    pub(crate) fn expect(&mut self, tag: u8) -> Option<Element<'a>> {
        let element = self.next_element()?;
        (element.tag == tag).then_some(element)
    }

    /// The next element if it has this tag; nothing is consumed if it has another.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, NotDer> {
        if self.peek() == Some(tag) {
            self.expect(tag).map(Some).ok_or(NotDer)
        } else {
            Ok(None)
        }
    }
}

/// The only element of `input`: nothing may follow it.
pub(crate) fn only(input: &[u8], tag: u8) -> Option<Element<'_>> {
    let mut reader = Reader::new(input);
    let element = reader.expect(tag)?;
    reader.is_empty().then_some(element)
}

/// Writes one element.
pub(crate) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut whole = Vec::with_capacity(length + 6);
    whole.push(tag);
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => whole.push(short),
        Ok(_) | Err(_) => {
            let octets = length.to_be_bytes();
            let zeros = octets.iter().take_while(|octet| **octet == 0).count();
            let octets = octets.get(zeros..).unwrap_or_default();
            // A usize has at most eight octets, so the mark fits.
            whole.push(0x80 | u8::try_from(octets.len()).unwrap_or(8));
            whole.extend_from_slice(octets);
        }
    }
    whole.extend_from_slice(content);
    whole
}

/// The octets of a BIT STRING without unused bits, as signatures and keys are.
pub(crate) fn octets_of_bit_string(content: &[u8]) -> Option<&[u8]> {
    match content.split_first() {
        Some((0, octets)) => Some(octets),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_shortest_lengths_and_refuses_the_rest() {
        let long = [&[0x30, 0x81, 0x80][..], &[0; 128]].concat();
        let cases: [(&[u8], Option<usize>); 9] = [
            (&[0x30, 0x00], Some(0)),
            (&[0x30, 0x02, 1, 2], Some(2)),
            (&long, Some(128)),
            (&[0x30, 0x81, 0x02, 1, 2], None),    // not the shortest form
            (&[0x30, 0x82, 0x00, 0x80, 1], None), // leading zero
            (&[0x30, 0x80, 0, 0], None),          // indefinite
            (&[0x30, 0x03, 1, 2], None),          // cut short
            (&[0x3f, 0x21, 0x00], None),          // long tag
            (&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], None),
        ];
        for (input, expected) in cases {
            let read = only(input, SEQUENCE).map(|element| element.content.len());
            assert_eq!(read, expected, "{input:02x?}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for length in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000] {
            let written = element(OCTET_STRING, &vec![7; length]);
            let read = only(&written, OCTET_STRING).map(|element| element.content.len());
            assert_eq!(read, Some(length));
        }
    }

    #[test]
    fn nothing_may_follow_the_only_element() {
        assert!(only(&[0x30, 0x00], SEQUENCE).is_some());
        assert!(only(&[0x30, 0x00, 0x00], SEQUENCE).is_none());
        assert!(only(&[0x31, 0x00], SEQUENCE).is_none());
        assert!(only(&[], SEQUENCE).is_none());
    }
}
