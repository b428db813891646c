//! `ca_certificates`: whom the plugins and services may trust.

use rustls::pki_types::CertificateDer;
use transport::certificate::Certificate;
use uuid::Uuid;

use super::entity::Entity;
use super::entries::Collection;
use super::reader::{At, Context};
use super::tree::{Located, Place};
use super::{pem_text, rule};

/// One CA certificate, root or intermediate; not expired when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaCertificate {
    /// The id, given or derived from its position in the document.
    pub id: Uuid,
    /// Where the entity begins.
    pub place: Place,
    /// The certificate and the place of its PEM text.
    pub certificate: Located<CertificateDer<'static>>,
    /// SHA-256 of the DER: Kong's `cert_digest`.
    pub digest: [u8; 32],
    /// Labels.
    pub tags: Vec<String>,
}

pub(super) fn read(mut entity: Entity<'_>, context: &Context<'_>) -> Option<CaCertificate> {
    let tags = entity.tags();
    let (mut fields, place, id) = entity.parts();
    let certificate = fields.required("cert", authority);
    // Computed from `cert`; an exported document has it.
    fields.optional("cert_digest", rule::text);
    let at = fields.at;
    fields.close();
    let Located {
        value: certificate,
        place: cert_place,
    } = certificate?;
    let digest = certificate.sha256();
    let hexadecimal: String = digest
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(digit)
        .collect();
    context.unique(Collection::CaCertificates, "cert_digest", &hexadecimal, at);
    let certificate = Located {
        value: certificate.der().clone(),
        place: cert_place,
    };
    Some(CaCertificate {
        id: id?,
        place,
        certificate,
        digest,
        tags,
    })
}

fn digit(nibble: u8) -> char {
    char::from_digit(nibble.into(), 16).unwrap_or('0')
}

/// Exactly one certificate, of a CA, not expired: Kong's checks.
fn authority(at: At<'_>) -> Option<Located<Certificate>> {
    let Located { value: chain, place } = pem_text::chain(at)?;
    let Ok([certificate]) = <[Certificate; 1]>::try_from(chain) else {
        return at.refuse(
            "invalid-certificate",
            "please submit only one certificate at a time",
        );
    };
    if certificate.not_after() < at.context.now {
        return at.refuse(
            "expired-certificate",
            "certificate expired, \"Not After\" time is in the past",
        );
    }
    if !certificate.is_ca() {
        return at.refuse(
            "not-a-ca",
            "certificate does not appear to be a CA because it is missing the \"CA\" basic constraint",
        );
    }
    Some(Located {
        value: certificate,
        place,
    })
}
