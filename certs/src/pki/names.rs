//! The names in a certificate, as free as DER allows.

use std::net::IpAddr;

use super::der;

/// What a part of a distinguished name is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// `CN`
    CommonName,
    /// `C`
    Country,
    /// `ST`
    State,
    /// `L`
    Locality,
    /// `O`
    Organization,
    /// `OU`
    Unit,
    /// `emailAddress` of PKCS#9
    Email,
    /// `serialNumber` of a person or device, not of the certificate
    SerialNumber,
    /// `DC`
    DomainComponent,
    /// `UID`
    UserId,
    /// Any other, by its object identifier.
    Other(&'static [u64]),
}

impl Attribute {
    fn arcs(self) -> &'static [u64] {
        match self {
            Self::CommonName => &[2, 5, 4, 3],
            Self::SerialNumber => &[2, 5, 4, 5],
            Self::Country => &[2, 5, 4, 6],
            Self::Locality => &[2, 5, 4, 7],
            Self::State => &[2, 5, 4, 8],
            Self::Organization => &[2, 5, 4, 10],
            Self::Unit => &[2, 5, 4, 11],
            Self::Email => &[1, 2, 840, 113_549, 1, 9, 1],
            Self::UserId => &[0, 9, 2342, 19_200_300, 100, 1, 1],
            Self::DomainComponent => &[0, 9, 2342, 19_200_300, 100, 1, 25],
            Self::Other(arcs) => arcs,
        }
    }

    /// The string type that RFC 5280 wants: PrintableString for a country, IA5String for mail and domains.
    fn string_tag(self) -> u8 {
        match self {
            Self::Country | Self::SerialNumber => 0x13,
            Self::Email | Self::DomainComponent => 0x16,
            Self::CommonName
            | Self::State
            | Self::Locality
            | Self::Organization
            | Self::Unit
            | Self::UserId
            | Self::Other(_) => der::UTF8_STRING,
        }
    }
}

/// A distinguished name in encoding order, several common names and multi-valued parts included.
///
/// ```
/// use certs::{Attribute, Subject};
///
/// let good = Subject::empty().with(Attribute::Organization, "Example").with(Attribute::CommonName, "alice");
/// let two_names = Subject::common_name("alice").with(Attribute::CommonName, "bob");
/// let one_part = Subject::common_name("alice").joined(Attribute::Unit, "Payments"); // CN=alice+OU=Payments
/// assert_ne!(two_names.der(), one_part.der());
/// # let _ = good;
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// Encoded attributes, grouped by relative distinguished name.
    parts: Vec<Vec<Vec<u8>>>,
    label: String,
}

impl Subject {
    /// A name without any part. RFC 5280 allows it where a critical alternative name stands in.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Just a common name.
    pub fn common_name(name: &str) -> Self {
        Self::empty().with(Attribute::CommonName, name)
    }

    /// One more part. The string is encoded as RFC 5280 wants for that attribute, whatever is in it.
    #[must_use]
    pub fn with(self, attribute: Attribute, value: &str) -> Self {
        self.with_octets(attribute, attribute.string_tag(), value.as_bytes())
    }

    /// One more attribute in the last part: `CN=alice+OU=Payments`.
    #[must_use]
    pub fn joined(mut self, attribute: Attribute, value: &str) -> Self {
        let encoded = encode(attribute, attribute.string_tag(), value.as_bytes());
        self.mention(value);
        match self.parts.last_mut() {
            Some(part) => part.push(encoded),
            None => self.parts.push(vec![encoded]),
        }
        self
    }

    /// One more part whose value has the given string tag and octets: invalid UTF-8, BMPString, and so on.
    #[must_use]
    pub fn with_octets(mut self, attribute: Attribute, tag: u8, value: &[u8]) -> Self {
        self.mention(&String::from_utf8_lossy(value));
        self.parts.push(vec![encode(attribute, tag, value)]);
        self
    }

    /// The DER of the name.
    pub fn der(&self) -> Vec<u8> {
        let mut body = Vec::new();
        for part in &self.parts {
            let mut attributes = part.clone();
            attributes.sort(); // DER: a SET OF is sorted by encoding
            body.extend(der::write(der::SET, &attributes.concat()));
        }
        der::write(der::SEQUENCE, &body)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// For error messages only.
    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    fn mention(&mut self, value: &str) {
        if !self.label.is_empty() {
            self.label.push_str(", ");
        }
        self.label
            .extend(value.chars().filter(|character| !character.is_control()));
    }
}

fn encode(attribute: Attribute, tag: u8, value: &[u8]) -> Vec<u8> {
    let mut body = der::object_identifier(attribute.arcs());
    body.extend(der::write(tag, value));
    der::write(der::SEQUENCE, &body)
}

/// An entry of the subject's alternative names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlternativeName {
    /// `rfc822Name`
    Email(String),
    /// `dNSName`
    Dns(String),
    /// `uniformResourceIdentifier`
    Uri(String),
    /// `iPAddress`
    Ip(IpAddr),
    /// `directoryName`
    Directory(Subject),
    /// Any other, or one with a value that its type forbids: the context tag's octet (0x82 for a DNS name) and the
    /// content.
    Raw(u8, Vec<u8>),
}

impl AlternativeName {
    fn der(&self) -> Vec<u8> {
        match self {
            Self::Email(address) => der::write(0x81, address.as_bytes()),
            Self::Dns(name) => der::write(0x82, name.as_bytes()),
            Self::Uri(uri) => der::write(0x86, uri.as_bytes()),
            Self::Ip(IpAddr::V4(address)) => der::write(0x87, &address.octets()),
            Self::Ip(IpAddr::V6(address)) => der::write(0x87, &address.octets()),
            // A Name is a CHOICE, so its tag is explicit (X.680 31.2.7).
            Self::Directory(subject) => der::write(0xa4, &subject.der()),
            Self::Raw(tag, content) => der::write(*tag, content),
        }
    }
}

/// The content of a subjectAltName extension.
pub(crate) fn alternative_names_der(names: &[AlternativeName]) -> Vec<u8> {
    let body: Vec<u8> = names.iter().flat_map(AlternativeName::der).collect();
    der::write(der::SEQUENCE, &body)
}
