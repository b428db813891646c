//! Whom a verified certificate names. A valid chain does not make a valid identity: names are typed, ordered, and
//! refused where a reader could be led astray.

use http::HeaderValue;
use rustls::pki_types::UnixTime;
use tracing::warn;
use transport::certificate::{AlternativeName, Certificate};
use transport::distinguished_name::{AttributeType, CommonName, DistinguishedName};
use transport::presented::PresentedChain;
use transport::verify::VerifiedPath;

use crate::consumer::CertifiedName;

/// The owner of a certificate that was verified.
#[derive(Debug)]
pub struct ClientIdentity {
    /// Alternative names that may be looked up, in the order of decision 2: e-mail, DNS, URI, IP, directory names.
    alternative_names: Box<[CertifiedName]>,
    has_alternative_names: bool,
    common_name: OwnCommonName,
    /// The subject as ALB prints it (RFC 2253): `X-Client-Cert-Dn`, and the group for `authenticated_group_by: DN`.
    pub subject: Box<str>,
    /// `X-Client-Cert-San`; `None` where there is nothing to say.
    pub alternative_names_header: Option<HeaderValue>,
    /// As ALB prints it.
    pub serial: Box<str>,
    /// SHA-256 of the certificate, lower-case hexadecimal.
    pub sha256: Box<str>,
    /// SHA-256 of every CA on the verified path, the anchor last.
    pub issuers: Box<[[u8; 32]]>,
    /// Until when the path is valid: the first notAfter or nextUpdate on it.
    pub valid_until: UnixTime,
    /// The certificates of the verified path, so that it can be judged again; not what else was presented.
    pub chain: PresentedChain,
}

#[derive(Debug)]
enum OwnCommonName {
    Absent,
    One(Box<str>),
    Ambiguous,
}

/// A certificate that names nobody in particular (decision 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Two common names, or one inside a multi-valued RDN.
    #[error("the subject has more than one common name, or one that is part of a multi-valued RDN")]
    CommonName,
    /// A control character or NUL in a name that would be used.
    #[error("a name in the certificate holds a control character")]
    ControlCharacter,
    /// Several consumers differ from the name in nothing but a case that does not count.
    #[error("several consumers match one name of the certificate")]
    Consumers,
}

impl ClientIdentity {
    /// The identity that a verified path ends in.
    pub fn of(path: &VerifiedPath, directory_names: &DirectoryNames) -> Self {
        let leaf = path.leaf();
        let names = leaf.alternative_names();
        Self {
            alternative_names: ordered(names.unwrap_or_default(), directory_names),
            has_alternative_names: names.is_some(),
            common_name: match leaf.subject().common_name() {
                CommonName::Absent => OwnCommonName::Absent,
                CommonName::One(name) => OwnCommonName::One(name.into()),
                CommonName::Ambiguous => OwnCommonName::Ambiguous,
            },
            subject: leaf.subject().to_string().into(),
            alternative_names_header: header(names.unwrap_or_default(), leaf),
            serial: leaf.serial().into(),
            sha256: hexadecimal(&leaf.sha256()).into(),
            issuers: path.issuers().iter().map(|issuer| issuer.sha256()).collect(),
            valid_until: path.valid_until(),
            chain: PresentedChain::of_path(path),
        }
    }

    /// The names to look a consumer up by, in order: alternative names, then the common name where there are none
    /// (or always, if the plugin says so). A name that must not be used ends the search with its error.
    pub fn names(
        &self,
        common_name: UseOfCommonName,
    ) -> impl Iterator<Item = Result<CertifiedName, IdentityError>> {
        let alternative = self.alternative_names.iter().cloned().map(Ok);
        let wanted = common_name == UseOfCommonName::Always || !self.has_alternative_names;
        let common = wanted.then(|| self.common_name()).and_then(Result::transpose);
        alternative
            .chain(common.map(|name| name.map(|name| CertifiedName::Exact(name.into()))))
            .map(|name| name.and_then(|name| clean(name.as_str()).map(|()| name)))
    }

    /// The common name, for `authenticated_group_by: CN`; `None` if the subject has none.
    pub fn common_name(&self) -> Result<Option<&str>, IdentityError> {
        match &self.common_name {
            OwnCommonName::Absent => Ok(None),
            OwnCommonName::One(name) => clean(name).map(|()| Some(&**name)),
            OwnCommonName::Ambiguous => Err(IdentityError::CommonName),
        }
    }
}

/// Whether the common name is looked up although there are alternative names (decision 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UseOfCommonName {
    /// Only if the certificate has no SAN extension.
    WithoutSan,
    /// Always, last.
    Always,
}

/// Which attributes of a directory name among the alternative names are looked up (`san_dirname_matcher`).
#[derive(Clone, Debug, Default)]
pub struct DirectoryNames {
    /// Empty: all.
    pub attributes: Box<[AttributeType]>,
}

impl DirectoryNames {
    /// The values, in the order of the certificate.
    fn values<'n>(&'n self, name: &'n DistinguishedName) -> impl Iterator<Item = String> + 'n {
        name.attributes()
            .into_iter()
            .filter(|(kind, _)| self.attributes.is_empty() || self.attributes.contains(kind))
            .filter_map(|(_, text)| text)
    }
}

fn clean(name: &str) -> Result<(), IdentityError> {
    if name.chars().any(char::is_control) {
        Err(IdentityError::ControlCharacter)
    } else {
        Ok(())
    }
}

fn ordered(names: &[AlternativeName], directory_names: &DirectoryNames) -> Box<[CertifiedName]> {
    let mut ranked: Vec<(u8, CertifiedName)> = Vec::with_capacity(names.len());
    for name in names {
        match name {
            AlternativeName::Email(text) => ranked.push((0, CertifiedName::Email(text.as_str().into()))),
            AlternativeName::Dns(text) => ranked.push((1, CertifiedName::Dns(text.as_str().into()))),
            AlternativeName::Uri(text) => ranked.push((2, CertifiedName::Exact(text.as_str().into()))),
            AlternativeName::Ip(address) => {
                ranked.push((3, CertifiedName::Exact(address.to_string().into())));
            }
            AlternativeName::Directory(name) => {
                ranked.extend(
                    directory_names
                        .values(name)
                        .map(|value| (4, CertifiedName::Exact(value.into()))),
                );
            }
            AlternativeName::Other => {}
        }
    }
    // A stable sort keeps the certificate's order within a kind.
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, name)| name).collect()
}

/// All values, `, ` between them (decision 7). One that holds a comma or a control character would be read as two, or
/// as another header, and is left out.
fn header(names: &[AlternativeName], leaf: &Certificate) -> Option<HeaderValue> {
    let mut text = String::new();
    for name in names {
        let value = match name {
            AlternativeName::Email(text) | AlternativeName::Dns(text) | AlternativeName::Uri(text) => {
                text.clone()
            }
            AlternativeName::Ip(address) => address.to_string(),
            AlternativeName::Directory(name) => name.to_string(),
            AlternativeName::Other => continue,
        };
        if value.contains(',') || value.chars().any(char::is_control) {
            warn!(
                certificate_serial = leaf.serial(),
                "an alternative name holds a comma or a control character; it is left out of X-Client-Cert-San"
            );
            continue;
        }
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(&value);
    }
    (!text.is_empty())
        .then(|| HeaderValue::from_bytes(text.as_bytes()).ok())
        .flatten()
}

/// Lower-case hexadecimal.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}
