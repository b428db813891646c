//! `ca_certificates`: whom the plugins and services may trust.

use rustls::pki_types::CertificateDer;
use uuid::Uuid;

use super::tree::Place;

/// One CA certificate, root or intermediate; not expired when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaCertificate {
    /// The id, given or derived from its position in the document.
    pub id: Uuid,
    /// Where the entity begins.
    pub place: Place,
    /// The certificate and the place of its PEM text.
    pub certificate: super::Located<CertificateDer<'static>>,
    /// SHA-256 of the DER: Kong's `cert_digest`.
    pub digest: [u8; 32],
    /// Labels.
    pub tags: Vec<String>,
}
