//! `mtls_auth_credentials` and `header_cert_auth_credentials`: names in certificates mapped to consumers by hand.

use uuid::Uuid;

use super::entity::Entity;
use super::entries::Collection;
use super::rule;
use super::tree::{Located, Place};

/// A certificate's name that stands for a consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateMapping {
    /// The id, given or derived from its position in the document.
    pub id: Uuid,
    /// Where the entity begins.
    pub place: Place,
    /// The SAN or common name that must be in the certificate.
    pub subject_name: Located<String>,
    /// The CA that must be on the verified path, an id of [`super::Document::ca_certificates`]; `None` for any.
    pub ca_certificate: Option<Located<Uuid>>,
    /// The consumer: an id of [`super::Document::consumers`].
    pub consumer: Uuid,
    /// Labels.
    pub tags: Vec<String>,
}

pub(super) fn read(mut entity: Entity<'_>) -> Option<CertificateMapping> {
    let consumer = entity.reference("consumer", Collection::Consumers);
    let ca_certificate = entity.optional_reference("ca_certificate", Collection::CaCertificates);
    let tags = entity.tags();
    let (mut fields, place, id) = entity.parts();
    let subject_name = fields.required("subject_name", rule::located(rule::text));
    fields.close();
    Some(CertificateMapping {
        id: id?,
        place,
        subject_name: subject_name?,
        ca_certificate,
        consumer: consumer?.value,
        tags,
    })
}
