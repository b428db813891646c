//! Names of subjects and issuers, and how they are written down.
//!
//! The text is for people, logs and display headers; decisions compare DER (`raw`) or typed values, never this text: a comma in a common
//! name must not become another attribute in somebody's parser.

mod attribute_type;

use std::fmt;

use x509_parser::asn1_rs::Oid;

use self::attribute_type::{ATTRIBUTE_NAMES, COMMON_NAME};
use crate::der::{self, OBJECT_IDENTIFIER, Reader, SEQUENCE, SET};

pub use self::attribute_type::AttributeType;

/// A distinguished name, as it stands in a certificate.
///
/// `Display` is what an Application Load Balancer prints: RFC 2253 order (most specific first), `,` without a space, backslash escapes,
/// control octets and everything from 0x80 up as `\HH`, the e-mail attribute as `emailAddress`. It is always printable ASCII.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct DistinguishedName {
    raw: Box<[u8]>,
    common_name: KeptCommonName,
}

/// The common name, if there is one that cannot be mistaken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommonName<'a> {
    /// The name has no common name.
    Absent,
    /// Exactly one, alone in its RDN. It may hold any character, NUL included: that is for the caller to judge.
    One(&'a str),
    /// Two of them, one in a multi-valued RDN, or one whose octets are no text.
    Ambiguous,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum KeptCommonName {
    Absent,
    One(Box<str>),
    Ambiguous,
}

impl DistinguishedName {
    /// Reads a DER `Name`; `None` if it is not one, whole and nothing else.
    pub fn parse(raw: &[u8]) -> Option<Self> {
        let mut common_name = KeptCommonName::Absent;
        for attribute in attributes(raw)? {
            if attribute.kind == COMMON_NAME {
                common_name = match (common_name, attribute.multi_valued, attribute.text()) {
                    (KeptCommonName::Absent, false, Some(text)) => KeptCommonName::One(text.into_boxed_str()),
                    _ => KeptCommonName::Ambiguous,
                };
            }
        }
        Some(Self {
            raw: raw.into(),
            common_name,
        })
    }

    /// The common name, or why there is none to use.
    pub fn common_name(&self) -> CommonName<'_> {
        match &self.common_name {
            KeptCommonName::Absent => CommonName::Absent,
            KeptCommonName::One(name) => CommonName::One(name),
            KeptCommonName::Ambiguous => CommonName::Ambiguous,
        }
    }

    /// All attributes in the order of the encoding: the type, and the value where it is text.
    pub fn attributes(&self) -> Vec<(AttributeType, Option<String>)> {
        attributes(&self.raw)
            .unwrap_or_default()
            .iter()
            .map(|attribute| (AttributeType(attribute.kind.into()), attribute.text()))
            .collect()
    }

    /// The DER of the name, SEQUENCE header included.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// Whether there is no attribute at all.
    pub fn is_empty(&self) -> bool {
        self.raw.len() <= 2
    }
}

impl fmt::Display for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attributes = attributes(&self.raw).ok_or(fmt::Error)?;
        for (position, attribute) in attributes.iter().rev().enumerate() {
            if position > 0 {
                // Read backwards, so the separator belongs to the attribute printed before this one.
                let joined = attributes
                    .get(attributes.len() - position)
                    .is_some_and(|before| before.rdn == attribute.rdn);
                f.write_str(if joined { "+" } else { "," })?;
            }
            attribute.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Debug for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DistinguishedName({self})")
    }
}

struct Attribute<'a> {
    rdn: usize,
    multi_valued: bool,
    kind: &'a [u8],
    tag: u8,
    value: &'a [u8],
    whole: &'a [u8],
}

fn attributes(raw: &[u8]) -> Option<Vec<Attribute<'_>>> {
    let mut found = Vec::new();
    let mut rdns = Reader::new(der::only(raw, SEQUENCE)?.content);
    let mut rdn = 0;
    while !rdns.is_empty() {
        let mut set = Reader::new(rdns.expect(SET)?.content);
        let first = found.len();
        while !set.is_empty() {
            let mut pair = Reader::new(set.expect(SEQUENCE)?.content);
            let kind = pair.expect(OBJECT_IDENTIFIER)?.content;
            let value = pair.next_element()?;
            if !pair.is_empty() {
                return None;
            }
            found.push(Attribute {
                rdn,
                multi_valued: false,
                kind,
                tag: value.tag,
                value: value.content,
                whole: value.whole,
            });
        }
        let members = found.get_mut(first..)?;
        if members.is_empty() {
            return None; // RFC 5280: a relative name has at least one attribute
        }
        let multi_valued = members.len() > 1;
        for member in members {
            member.multi_valued = multi_valued;
        }
        rdn += 1;
    }
    Some(found)
}

const UTF8_STRING: u8 = 0x0c;
const NUMERIC_STRING: u8 = 0x12;
const PRINTABLE_STRING: u8 = 0x13;
const TELETEX_STRING: u8 = 0x14;
const IA5_STRING: u8 = 0x16;
const VISIBLE_STRING: u8 = 0x1a;
const UNIVERSAL_STRING: u8 = 0x1c;
const BMP_STRING: u8 = 0x1e;

impl Attribute<'_> {
    /// The value as text, only if its encoding leaves no doubt.
    fn text(&self) -> Option<String> {
        match self.tag {
            NUMERIC_STRING | PRINTABLE_STRING | TELETEX_STRING | IA5_STRING | VISIBLE_STRING => {
                let ascii = self.value.is_ascii().then_some(self.value)?;
                String::from_utf8(ascii.to_vec()).ok()
            }
            _ => self.printable().and_then(|utf8| String::from_utf8(utf8).ok()),
        }
    }

    /// The octets to print, in UTF-8 where the encoding is known; `None` for what is no string.
    fn printable(&self) -> Option<Vec<u8>> {
        match self.tag {
            UTF8_STRING => Some(self.value.to_vec()),
            NUMERIC_STRING | PRINTABLE_STRING | TELETEX_STRING | IA5_STRING | VISIBLE_STRING => {
                // As OpenSSL does, octets above ASCII are taken for Latin-1.
                let latin: String = self.value.iter().map(|octet| char::from(*octet)).collect();
                Some(latin.into_bytes())
            }
            BMP_STRING => {
                let (pairs, rest) = self.value.as_chunks::<2>();
                let units = pairs.iter().map(|pair| u16::from_be_bytes(*pair));
                let text: Result<String, _> = char::decode_utf16(units).collect();
                text.ok().filter(|_| rest.is_empty()).map(String::into_bytes)
            }
            UNIVERSAL_STRING => {
                let (quads, rest) = self.value.as_chunks::<4>();
                let text: Option<String> = quads
                    .iter()
                    .map(|quad| char::from_u32(u32::from_be_bytes(*quad)))
                    .collect();
                text.filter(|_| rest.is_empty()).map(String::into_bytes)
            }
            _ => None,
        }
    }
}

impl fmt::Display for Attribute<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = ATTRIBUTE_NAMES
            .iter()
            .find_map(|(kind, name)| (*kind == self.kind).then_some(*name));
        match name {
            Some(name) => write!(f, "{name}=")?,
            None => write!(f, "{}=", Oid::new(self.kind.into()).to_id_string())?,
        }
        // RFC 2253 2.4: a type without a short name is followed by its DER, and so is a value that is no string.
        match self.printable().filter(|_| name.is_some()) {
            Some(text) => write_escaped(f, &text),
            None => write_hex(f, self.whole),
        }
    }
}

fn write_hex(f: &mut fmt::Formatter<'_>, der: &[u8]) -> fmt::Result {
    f.write_str("#")?;
    der.iter().try_for_each(|octet| write!(f, "{octet:02X}"))
}

fn write_escaped(f: &mut fmt::Formatter<'_>, text: &[u8]) -> fmt::Result {
    let last = text.len().saturating_sub(1);
    for (position, octet) in text.iter().enumerate() {
        let at_the_edge = match octet {
            b' ' => position == 0 || position == last,
            b'#' => position == 0,
            _ => false,
        };
        match octet {
            b',' | b'+' | b'"' | b'\\' | b'<' | b'>' | b';' => {
                write!(f, "\\{}", char::from(*octet))?;
            }
            0x20..=0x7e if at_the_edge => write!(f, "\\{}", char::from(*octet))?,
            0x20..=0x7e => write!(f, "{}", char::from(*octet))?,
            _ => write!(f, "\\{octet:02X}")?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u8::try_from(content.len()).expect("short test values");
        [&[tag, length][..], content].concat()
    }

    fn attribute(kind: &[u8], tag: u8, value: &[u8]) -> Vec<u8> {
        element(
            SEQUENCE,
            &[element(OBJECT_IDENTIFIER, kind), element(tag, value)].concat(),
        )
    }

    fn name(rdns: &[&[Vec<u8>]]) -> DistinguishedName {
        let sets: Vec<u8> = rdns
            .iter()
            .flat_map(|members| element(SET, &members.concat()))
            .collect();
        DistinguishedName::parse(&element(SEQUENCE, &sets)).expect("a name")
    }

    const CN: &[u8] = COMMON_NAME;
    const O: &[u8] = &[0x55, 4, 10];

    #[test]
    fn prints_as_an_alb_does() {
        let mail = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1];
        let cases: [(DistinguishedName, &str); 9] = [
            (name(&[]), ""),
            (
                name(&[
                    &[attribute(O, UTF8_STRING, b"Example Corp")],
                    &[attribute(CN, PRINTABLE_STRING, b"alice")],
                ]),
                "CN=alice,O=Example Corp",
            ),
            (
                name(&[&[attribute(CN, UTF8_STRING, b"a,b+c\"d\\e<f>g;h=i")]]),
                r#"CN=a\,b\+c\"d\\e\<f\>g\;h=i"#,
            ),
            (name(&[&[attribute(CN, UTF8_STRING, b" #x ")]]), r"CN=\ #x\ "),
            (name(&[&[attribute(CN, UTF8_STRING, b"#x")]]), r"CN=\#x"),
            (
                name(&[&[attribute(CN, UTF8_STRING, "é\r\n\0\u{7f}".as_bytes())]]),
                r"CN=\C3\A9\0D\0A\00\7F",
            ),
            (
                name(&[&[attribute(mail, IA5_STRING, b"a@example.com")]]),
                "emailAddress=a@example.com",
            ),
            (
                name(&[&[
                    attribute(CN, BMP_STRING, &[0, b'b', 0, b'o']),
                    attribute(O, TELETEX_STRING, &[0xe9]),
                ]]),
                r"O=\C3\A9+CN=bo",
            ),
            (
                name(&[
                    &[attribute(&[0x2a, 3, 4], UTF8_STRING, b"x")],
                    &[attribute(CN, INTEGER_TAG, &[5])],
                ]),
                "CN=#020105,1.2.3.4=#0C0178",
            ),
        ];
        for (name, expected) in cases {
            assert_eq!(name.to_string(), expected);
        }
    }

    const INTEGER_TAG: u8 = 2;

    #[test]
    fn a_common_name_is_used_only_when_it_is_the_only_one() {
        let one = || attribute(CN, UTF8_STRING, b"alice");
        let other = || attribute(O, UTF8_STRING, b"alice");
        assert_eq!(name(&[&[other()]]).common_name(), CommonName::Absent);
        assert_eq!(
            name(&[&[other()], &[one()]]).common_name(),
            CommonName::One("alice")
        );
        for ambiguous in [
            name(&[&[one()], &[one()]]),
            name(&[&[one(), other()]]),
            name(&[&[attribute(CN, UTF8_STRING, &[0xff])]]),
            name(&[&[attribute(CN, TELETEX_STRING, &[0xe9])]]),
            name(&[&[attribute(CN, INTEGER_TAG, &[1])]]),
        ] {
            assert_eq!(ambiguous.common_name(), CommonName::Ambiguous, "{ambiguous}");
        }
    }

    #[test]
    fn what_is_not_a_whole_name_is_refused() {
        let good = element(SEQUENCE, &element(SET, &attribute(CN, UTF8_STRING, b"a")));
        assert!(DistinguishedName::parse(&good).is_some());
        let trailing = [good.clone(), vec![0]].concat();
        let empty_set = element(SEQUENCE, &element(SET, &[]));
        for bad in [&trailing[..], &good[..good.len() - 1], &empty_set, &[]] {
            assert!(DistinguishedName::parse(bad).is_none(), "{bad:02x?}");
        }
    }
}
