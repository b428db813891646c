//! What authorities and leaves have in common: everything between the issuer's name and its signature.

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use rcgen::{
    BasicConstraints, CertificateParams, CrlDistributionPoint, CustomExtension, ExtendedKeyUsagePurpose,
    IsCa, KeyIdMethod, KeyUsagePurpose, NameConstraints, SerialNumber,
};

use super::{AlternativeName, KeyKind, PkiError, Subject, Validity, der, names};

const ALTERNATIVE_NAME: &[u64] = &[2, 5, 29, 17];
const AUTHORITY_INFORMATION: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 1, 1];
const OCSP: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 48, 1];

/// A serial number: its octets without the sign octet, so high bits are fine.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Serial(Vec<u8>);

impl Serial {
    /// From big-endian octets; leading zeros do not count.
    pub fn new(octets: &[u8]) -> Self {
        Self(octets.iter().copied().skip_while(|octet| *octet == 0).collect())
    }

    /// The octets, most significant first, no leading zero.
    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    /// 16 random octets with the top bit clear, so that 16 octets stay 16 in DER.
    pub(crate) fn random() -> Result<Self, PkiError> {
        let mut octets = [0; 16];
        SystemRandom::new()
            .fill(&mut octets)
            .map_err(|_| PkiError::Random)?;
        octets[0] = (octets[0] & 0x7f) | 0x40;
        Ok(Self(octets.to_vec()))
    }
}

/// As ALB prints it: upper-case hex, an even number of digits.
impl std::fmt::Display for Serial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            return f.write_str("00");
        }
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02X}"))
    }
}

/// A purpose in the extended key usage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Usage {
    /// clientAuth
    Client,
    /// serverAuth
    Server,
    /// emailProtection
    Email,
    /// OCSPSigning
    OcspSigning,
    /// anyExtendedKeyUsage
    Any,
    /// Any other, by its object identifier.
    Other(Vec<u64>),
}

impl From<Usage> for ExtendedKeyUsagePurpose {
    fn from(usage: Usage) -> Self {
        match usage {
            Usage::Client => Self::ClientAuth,
            Usage::Server => Self::ServerAuth,
            Usage::Email => Self::EmailProtection,
            Usage::OcspSigning => Self::OcspSigning,
            Usage::Any => Self::Any,
            Usage::Other(arcs) => Self::Other(arcs),
        }
    }
}

/// Whether basicConstraints says CA, and how deep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Basic {
    Leaf,
    Authority(Option<u8>),
}

/// X.509's version field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V1,
    V3,
}

#[derive(Clone, Debug)]
pub(crate) struct Contents {
    pub(crate) subject: Subject,
    pub(crate) names: Vec<AlternativeName>,
    pub(crate) validity: Validity,
    pub(crate) key: KeyKind,
    pub(crate) serial: Option<Serial>,
    pub(crate) basic: Basic,
    pub(crate) key_usages: Vec<KeyUsagePurpose>,
    pub(crate) usages: Vec<Usage>,
    pub(crate) constraints: Option<NameConstraints>,
    /// `None`: those of the issuer.
    pub(crate) crl_urls: Option<Vec<String>>,
    pub(crate) ocsp_urls: Vec<String>,
    pub(crate) extensions: Vec<CustomExtension>,
    pub(crate) version: Version,
}

impl Contents {
    pub(crate) fn new(subject: Subject, basic: Basic, validity: Validity) -> Self {
        Self {
            subject,
            names: Vec::new(),
            validity,
            key: KeyKind::default(),
            serial: None,
            basic,
            key_usages: Vec::new(),
            usages: Vec::new(),
            constraints: None,
            crl_urls: None,
            ocsp_urls: Vec::new(),
            extensions: Vec::new(),
            version: Version::V3,
        }
    }

    /// rcgen's form of it. The names are not in it: `signing` puts the subject in, and alternative names travel as a
    /// raw extension, since rcgen refuses the unusual ones.
    pub(crate) fn params(&self, serial: &Serial, issuer_crl_urls: &[String]) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.not_before = self.validity.not_before;
        params.not_after = self.validity.not_after;
        params.serial_number = Some(SerialNumber::from_slice(serial.octets()));
        params.is_ca = match self.basic {
            Basic::Leaf => IsCa::ExplicitNoCa,
            Basic::Authority(None) => IsCa::Ca(BasicConstraints::Unconstrained),
            Basic::Authority(Some(length)) => IsCa::Ca(BasicConstraints::Constrained(length)),
        };
        params.key_usages.clone_from(&self.key_usages);
        params.extended_key_usages = self.usages.iter().cloned().map(Into::into).collect();
        params.name_constraints.clone_from(&self.constraints);
        params.use_authority_key_identifier_extension = true;
        params.key_identifier_method = KeyIdMethod::Sha256;
        let crl_urls = self.crl_urls.as_deref().unwrap_or(issuer_crl_urls);
        if !crl_urls.is_empty() {
            params.crl_distribution_points = vec![CrlDistributionPoint {
                uris: crl_urls.to_vec(),
            }];
        }
        params.custom_extensions = self.custom_extensions();
        params
    }

    fn custom_extensions(&self) -> Vec<CustomExtension> {
        let mut all = Vec::new();
        if !self.names.is_empty() {
            let content = names::alternative_names_der(&self.names);
            // RFC 5280 4.2.1.6: critical where the subject is empty.
            all.push(raw_extension(ALTERNATIVE_NAME, self.subject.is_empty(), content));
        }
        if !self.ocsp_urls.is_empty() {
            let access: Vec<u8> = self
                .ocsp_urls
                .iter()
                .flat_map(|url| {
                    let location = der::write(0x86, url.as_bytes());
                    der::write(der::SEQUENCE, &[der::object_identifier(OCSP), location].concat())
                })
                .collect();
            all.push(raw_extension(
                AUTHORITY_INFORMATION,
                false,
                der::write(der::SEQUENCE, &access),
            ));
        }
        all.extend(self.extensions.iter().cloned());
        all
    }
}

pub(crate) fn raw_extension(arcs: &[u64], critical: bool, content: Vec<u8>) -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(arcs, content);
    extension.set_criticality(critical);
    extension
}
