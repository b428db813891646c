//! The extensions that decisions rest on. One that is present and cannot be read makes the certificate unreadable: guessing what a
//! restriction meant is how restrictions are lost.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use x509_parser::error::X509Error;
use x509_parser::extensions::{
    AuthorityInfoAccess, BasicConstraints, CRLDistributionPoints, DistributionPointName, ExtendedKeyUsage,
    GeneralName, KeyUsage, NameConstraints, SubjectAlternativeName, X509Extension,
};
use x509_parser::oid_registry::asn1_rs::{Oid, oid};
use x509_parser::oid_registry::{
    OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS, OID_PKIX_ACCESS_DESCRIPTOR_OCSP, OID_PKIX_AUTHORITY_INFO_ACCESS,
    OID_X509_EXT_BASIC_CONSTRAINTS, OID_X509_EXT_CRL_DISTRIBUTION_POINTS, OID_X509_EXT_EXTENDED_KEY_USAGE,
    OID_X509_EXT_KEY_USAGE, OID_X509_EXT_NAME_CONSTRAINTS, OID_X509_EXT_SUBJECT_ALT_NAME,
};
use x509_parser::prelude::FromDer;

use super::{AlternativeName, malformed};
use crate::certificate_error::CertificateError;
use crate::der;
use crate::distinguished_name::DistinguishedName;

/// id-pe-tlsfeature (RFC 7633).
const OID_TLS_FEATURE: Oid<'static> = oid!(1.3.6.1.5.5.7.1.24);

/// Each is compared with those before it, at the cost of whoever is shown the certificate: 64 KiB of the shortest ones would
/// be twenty million comparisons. Real certificates have about ten.
const MAX_EXTENSIONS: usize = 64;

#[derive(Default)]
pub(crate) struct Extensions {
    pub(crate) alternative_names: Option<Vec<AlternativeName>>,
    pub(crate) is_ca: bool,
    pub(crate) path_length: Option<u32>,
    pub(crate) key_usage: Option<KeyUsage>,
    pub(crate) extended_key_usage: Option<Purposes>,
    pub(crate) name_constraints: Constraints,
    pub(crate) revocation_list_uris: Option<Vec<String>>,
    pub(crate) ocsp_uris: Vec<String>,
    pub(crate) names_where_its_issuer_is: bool,
    /// TLS feature (RFC 7633): `status_request` is in it.
    pub(crate) must_be_stapled: bool,
    /// The first critical extension that is not one of ours.
    pub(crate) unknown_critical: Option<String>,
}

/// Name constraints, by what the path builder makes of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Constraints {
    #[default]
    Absent,
    /// On DNS names and addresses.
    Judged,
    /// On other kinds: whoever has such a name is refused.
    Refusing,
}

/// What the extended key usage holds.
#[derive(Clone, Copy)]
pub(crate) struct Purposes {
    pub(crate) client_auth: bool,
    pub(crate) server_auth: bool,
    pub(crate) ocsp_signing: bool,
}

impl Extensions {
    pub(super) fn read(extensions: &[X509Extension<'_>]) -> Result<Self, CertificateError> {
        if extensions.len() > MAX_EXTENSIONS {
            return Err(malformed("it has more extensions than any certificate needs"));
        }
        let mut read = Self::default();
        for (position, extension) in extensions.iter().enumerate() {
            let earlier = extensions.iter().take(position);
            if earlier.clone().any(|other| other.oid == extension.oid) {
                return Err(malformed("an extension occurs twice in it"));
            }
            read.add(extension)?;
        }
        Ok(read)
    }

    fn add(&mut self, extension: &X509Extension<'_>) -> Result<(), CertificateError> {
        let value = extension.value;
        let kind = &extension.oid;
        if *kind == OID_TLS_FEATURE {
            self.must_be_stapled = wants_status_request(value);
        }
        if *kind == OID_X509_EXT_SUBJECT_ALT_NAME {
            let names = whole::<SubjectAlternativeName<'_>>(value, "its alternative names cannot be read")?;
            self.alternative_names = Some(names.general_names.iter().map(alternative_name).collect());
        } else if *kind == OID_X509_EXT_BASIC_CONSTRAINTS {
            let constraints = whole::<BasicConstraints>(value, "its basic constraints cannot be read")?;
            self.is_ca = constraints.ca;
            self.path_length = constraints.path_len_constraint;
        } else if *kind == OID_X509_EXT_KEY_USAGE {
            self.key_usage = Some(whole(value, "its key usage cannot be read")?);
        } else if *kind == OID_X509_EXT_EXTENDED_KEY_USAGE {
            let usage = whole::<ExtendedKeyUsage<'_>>(value, "its extended key usage cannot be read")?;
            self.extended_key_usage = Some(Purposes {
                client_auth: usage.client_auth,
                server_auth: usage.server_auth,
                ocsp_signing: usage.ocsp_signing,
            });
        } else if *kind == OID_X509_EXT_NAME_CONSTRAINTS {
            self.name_constraints = if constraints_refuse(value) {
                Constraints::Refusing
            } else {
                Constraints::Judged
            };
        } else if *kind == OID_X509_EXT_CRL_DISTRIBUTION_POINTS {
            let points =
                whole::<CRLDistributionPoints<'_>>(value, "its CRL distribution points cannot be read")?;
            self.revocation_list_uris = Some(list_uris(&points));
        } else if *kind == OID_PKIX_AUTHORITY_INFO_ACCESS && !extension.critical {
            let access =
                whole::<AuthorityInfoAccess<'_>>(value, "its authority information access cannot be read")?;
            self.ocsp_uris = ocsp_uris(&access);
            self.names_where_its_issuer_is = access
                .accessdescs
                .iter()
                .any(|description| description.access_method == OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS);
        } else if extension.critical && self.unknown_critical.is_none() {
            self.unknown_critical = Some(kind.to_id_string());
        }
        Ok(())
    }
}

/// Whether a TLS feature extension holds `status_request` (5).
fn wants_status_request(value: &[u8]) -> bool {
    let Some(features) = der::only(value, der::SEQUENCE) else {
        return false;
    };
    let mut features = der::Reader::new(features.content);
    std::iter::from_fn(|| features.expect(der::INTEGER)).any(|feature| feature.content == [5])
}

fn whole<'a, T: FromDer<'a, X509Error>>(
    value: &'a [u8],
    problem: &'static str,
) -> Result<T, CertificateError> {
    match T::from_der(value) {
        Ok(([], parsed)) => Ok(parsed),
        Ok(_) | Err(_) => Err(malformed(problem)),
    }
}

fn alternative_name(name: &GeneralName<'_>) -> AlternativeName {
    // RFC 5280 has these as IA5String; anything else is text that two parsers may read differently.
    let text = |text: &str, kind: fn(String) -> AlternativeName| {
        if text.is_ascii() {
            kind(text.to_owned())
        } else {
            AlternativeName::Other
        }
    };
    match name {
        GeneralName::RFC822Name(mail) => text(mail, AlternativeName::Email),
        GeneralName::DNSName(host) => text(host, AlternativeName::Dns),
        GeneralName::URI(uri) => text(uri, AlternativeName::Uri),
        GeneralName::IPAddress(octets) => {
            ip_address(octets).map_or(AlternativeName::Other, AlternativeName::Ip)
        }
        GeneralName::DirectoryName(name) => {
            DistinguishedName::parse(name.as_raw()).map_or(AlternativeName::Other, AlternativeName::Directory)
        }
        GeneralName::OtherName(..)
        | GeneralName::X400Address(_)
        | GeneralName::EDIPartyName(_)
        | GeneralName::RegisteredID(_)
        | GeneralName::Invalid(..) => AlternativeName::Other,
    }
}

fn ip_address(octets: &[u8]) -> Option<IpAddr> {
    if let Ok(four) = <[u8; 4]>::try_from(octets) {
        return Some(Ipv4Addr::from(four).into());
    }
    <[u8; 16]>::try_from(octets)
        .ok()
        .map(|sixteen| Ipv6Addr::from(sixteen).into())
}

/// Whether anything but DNS names and addresses is constrained. What cannot be read counts: the path builder will refuse it.
fn constraints_refuse(value: &[u8]) -> bool {
    let Ok((_, constraints)) = NameConstraints::from_der(value) else {
        return true;
    };
    let permitted = constraints.permitted_subtrees.iter().flatten();
    let excluded = constraints.excluded_subtrees.iter().flatten();
    permitted
        .chain(excluded)
        .any(|subtree| !matches!(subtree.base, GeneralName::DNSName(_) | GeneralName::IPAddress(_)))
}

fn list_uris(points: &CRLDistributionPoints<'_>) -> Vec<String> {
    points
        .points
        .iter()
        .filter(|point| point.reasons.is_none() && point.crl_issuer.is_none())
        .filter_map(|point| match &point.distribution_point {
            Some(DistributionPointName::FullName(names)) => Some(names),
            Some(DistributionPointName::NameRelativeToCRLIssuer(_)) | None => None,
        })
        .flatten()
        .filter_map(uri)
        .collect()
}

fn ocsp_uris(access: &AuthorityInfoAccess<'_>) -> Vec<String> {
    access
        .accessdescs
        .iter()
        .filter(|description| description.access_method == OID_PKIX_ACCESS_DESCRIPTOR_OCSP)
        .filter_map(|description| uri(&description.access_location))
        .collect()
}

pub(crate) fn uri(name: &GeneralName<'_>) -> Option<String> {
    match alternative_name(name) {
        AlternativeName::Uri(uri) => Some(uri),
        AlternativeName::Email(_)
        | AlternativeName::Dns(_)
        | AlternativeName::Ip(_)
        | AlternativeName::Directory(_)
        | AlternativeName::Other => None,
    }
}
