//! What the attributes of names are about, and what that is called.

use std::str::FromStr as _;

use x509_parser::asn1_rs::Oid;

/// What an attribute of a distinguished name is about: `CN`, `O`, …
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AttributeType(pub(super) Box<[u8]>);

impl AttributeType {
    /// The type of this name: the short one (`CN`), the long one (`commonName`), both as OpenSSL writes them and no
    /// other case, or the object identifier in dots.
    pub fn named(name: &str) -> Option<Self> {
        let known = ATTRIBUTE_NAMES
            .iter()
            .find(|(_, short)| *short == name)
            .or_else(|| LONG_NAMES.iter().find(|(_, long)| *long == name));
        match known {
            Some((octets, _)) => Some(Self((*octets).into())),
            None => Oid::from_str(name).ok().map(|oid| Self(oid.as_bytes().into())),
        }
    }
}

/// `CN`.
pub(super) const COMMON_NAME: &[u8] = &[0x55, 4, 3];

/// Attribute types by the octets of their object identifier, with the names that OpenSSL and ALB print.
pub(super) const ATTRIBUTE_NAMES: [(&[u8], &str); 28] = [
    (COMMON_NAME, "CN"),
    (&[0x55, 4, 4], "SN"),
    (&[0x55, 4, 5], "serialNumber"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 9], "street"),
    (&[0x55, 4, 10], "O"),
    (&[0x55, 4, 11], "OU"),
    (&[0x55, 4, 12], "title"),
    (&[0x55, 4, 13], "description"),
    (&[0x55, 4, 15], "businessCategory"),
    (&[0x55, 4, 17], "postalCode"),
    (&[0x55, 4, 20], "telephoneNumber"),
    (&[0x55, 4, 41], "name"),
    (&[0x55, 4, 42], "GN"),
    (&[0x55, 4, 43], "initials"),
    (&[0x55, 4, 44], "generationQualifier"),
    (&[0x55, 4, 45], "x500UniqueIdentifier"),
    (&[0x55, 4, 46], "dnQualifier"),
    (&[0x55, 4, 65], "pseudonym"),
    (&[0x55, 4, 97], "organizationIdentifier"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1], "emailAddress"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 2], "unstructuredName"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25], "DC"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1], "UID"),
    (&[0x2b, 6, 1, 4, 1, 0x82, 0x37, 0x3c, 2, 1, 2], "jurisdictionST"),
    (&[0x2b, 6, 1, 4, 1, 0x82, 0x37, 0x3c, 2, 1, 3], "jurisdictionC"),
];

/// Long names, where they are not the short ones too.
const LONG_NAMES: [(&[u8], &str); 14] = [
    (COMMON_NAME, "commonName"),
    (&[0x55, 4, 4], "surname"),
    (&[0x55, 4, 6], "countryName"),
    (&[0x55, 4, 7], "localityName"),
    (&[0x55, 4, 8], "stateOrProvinceName"),
    (&[0x55, 4, 9], "streetAddress"),
    (&[0x55, 4, 10], "organizationName"),
    (&[0x55, 4, 11], "organizationalUnitName"),
    (&[0x55, 4, 42], "givenName"),
    (
        &[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25],
        "domainComponent",
    ),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1], "userId"),
    (
        &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 0x3c, 2, 1, 1],
        "jurisdictionLocalityName",
    ),
    (
        &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 0x3c, 2, 1, 2],
        "jurisdictionStateOrProvinceName",
    ),
    (
        &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 0x3c, 2, 1, 3],
        "jurisdictionCountryName",
    ),
];
