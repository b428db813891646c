//! Who could hold a certificate: whose it is, which is a matter of names, and who issued it, which is a matter of trust.

use std::sync::Arc;

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, SanType,
};
use rustls::pki_types::UnixTime;
use transport::certificate::Certificate;
use transport::certificate_error::{CertificateError, Distrust};
use transport::verify::supposed::{Ancestry, Standing};
use transport::verify::{TrustStore, VerifiedPath};

use super::names::{Kind, NameShape, PlannedName, STRANGER};
use super::side::Side;
use super::subject;
use crate::identity::TrustedEdges;

/// Who issued a certificate, and what they say of it now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Holder {
    /// A position among the authorities; `None`: somebody whom no document knows.
    pub(super) issuer: Option<usize>,
    pub(super) standing: Standing,
}

/// All authorities that either document has, and everybody who could hold a certificate.
pub(super) struct Holders {
    ancestry: Ancestry,
    pub(super) all: Vec<Holder>,
    labels: Vec<String>,
}

impl Holders {
    pub(super) fn of(sides: &[Side; 2]) -> Self {
        let of_document = |side: &Side| {
            let authorities = side.document.ca_certificates.iter();
            let parsed = authorities.filter_map(|ca| Certificate::parse(ca.certificate.value.clone()).ok());
            parsed.map(Arc::new).collect::<Vec<_>>()
        };
        let of_edges = |side: &Side| {
            let stores = side.snapshot.sources.edges.iter().map(TrustedEdges::store);
            let authorities = stores.flat_map(TrustStore::authorities);
            authorities
                .filter_map(|ca| Certificate::parse(ca.der().clone()).ok())
                .map(Arc::new)
                .collect::<Vec<_>>()
        };
        let [old, new] = sides;
        let certificates = [of_document(old), of_document(new), of_edges(old), of_edges(new)];
        let ancestry = Ancestry::of(certificates.into_iter().flatten());
        let known = (0..ancestry.authorities().len()).flat_map(|issuer| {
            Standing::ALL.map(|standing| Holder {
                issuer: Some(issuer),
                standing,
            })
        });
        let stranger = Holder {
            issuer: None,
            standing: Standing::Unknown,
        };
        let labels = labels(ancestry.authorities());
        Self {
            all: known.chain([stranger]).collect(),
            ancestry,
            labels,
        }
    }

    /// What an authority is called; `None`: one that no document knows.
    pub(super) fn label(&self, holder: Holder) -> Option<&str> {
        self.labels.get(holder.issuer?).map(String::as_str)
    }

    /// What a trust store says of such a certificate.
    pub(super) fn judge(
        &self,
        store: &TrustStore,
        leaf: &Arc<Certificate>,
        holder: Holder,
        now: UnixTime,
    ) -> Result<VerifiedPath, CertificateError> {
        match holder.issuer {
            Some(issuer) => store.suppose(leaf, (&self.ancestry, issuer), holder.standing, now),
            None => Err(Distrust::UnknownIssuer {
                subject: leaf.subject().to_string(),
                issuer: "CN=an authority that neither document has".to_owned(),
            }
            .into()),
        }
    }
}

/// The common name, where it is one authority's alone.
fn labels(authorities: &[Arc<Certificate>]) -> Vec<String> {
    use transport::distinguished_name::CommonName;
    let short = |authority: &Arc<Certificate>| match authority.subject().common_name() {
        CommonName::One(name) => name.to_owned(),
        CommonName::Absent | CommonName::Ambiguous => authority.subject().to_string(),
    };
    let shorts: Vec<String> = authorities.iter().map(short).collect();
    let label = |(position, authority): (usize, &Arc<Certificate>)| {
        let is_alone = shorts.iter().filter(|other| **other == shorts[position]).count() == 1;
        if is_alone {
            return shorts[position].clone();
        }
        let digest = crate::identity::hexadecimal(&authority.sha256());
        format!("{} (sha256 {}…)", shorts[position], &digest[..12])
    };
    authorities.iter().enumerate().map(label).collect()
}

/// Makes certificates as somebody could have them, but for their signature.
pub(super) struct Leaves(KeyPair);

impl Leaves {
    pub(super) fn new() -> Result<Self, rcgen::Error> {
        KeyPair::generate().map(Self)
    }

    /// A certificate with this name; `None` if there can be none.
    pub(super) fn with(&self, name: &PlannedName) -> Option<Arc<Certificate>> {
        let mut params = CertificateParams::default();
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.distinguished_name = DistinguishedName::new();
        let text = || name.text.to_string();
        match name.shape {
            NameShape::Common => params.distinguished_name.push(DnType::CommonName, text()),
            NameShape::Subject => params.distinguished_name = subject::parse(&name.text)?,
            NameShape::Beside => {
                params.distinguished_name.push(DnType::CommonName, text());
                params.subject_alt_names = vec![SanType::DnsName(STRANGER.try_into().ok()?)];
            }
            NameShape::Alternative(kind) => {
                params.subject_alt_names = vec![match kind {
                    Kind::Email => SanType::Rfc822Name(text().try_into().ok()?),
                    Kind::Dns => SanType::DnsName(text().try_into().ok()?),
                    Kind::Uri => SanType::URI(text().try_into().ok()?),
                    Kind::Ip(address) => SanType::IpAddress(address),
                }];
            }
        }
        let certificate = params.self_signed(&self.0).ok()?;
        let certificate = Certificate::parse(certificate.der().clone()).ok()?;
        let is_as_written =
            name.shape != NameShape::Subject || certificate.subject().to_string() == *name.text;
        is_as_written.then(|| Arc::new(certificate))
    }
}
