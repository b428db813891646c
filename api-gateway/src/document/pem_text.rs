//! PEM in a document: certificates and keys as text.

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use transport::certificate::Certificate;
use transport::pem::{self, PemError};

use super::reader::At;
use super::rule;
use super::tree::Located;

/// A chain, leaf first, each certificate of which can be parsed.
pub(super) fn chain(at: At<'_>) -> Option<Located<Vec<Certificate>>> {
    let text = rule::text(at)?;
    let found: Vec<CertificateDer<'static>> = match pem::certificates_in(text.as_bytes(), "the text") {
        Ok(found) => found,
        Err(error) => return refused(at, "invalid certificate", &error),
    };
    let mut chain = Vec::with_capacity(found.len());
    for der in found {
        match Certificate::parse(der) {
            Ok(certificate) => chain.push(certificate),
            Err(error) => return at.refuse("invalid-certificate", format!("invalid certificate: {error}")),
        }
    }
    Some(at.located(chain))
}

/// An unencrypted private key. Nothing of it is ever in a finding.
pub(super) fn private_key(at: At<'_>) -> Option<PrivateKeyDer<'static>> {
    let text = rule::text(at)?;
    match pem::private_key_in(text.as_bytes(), "the text") {
        Ok(key) => Some(key),
        Err(error) => refused(at, "invalid key", &error),
    }
}

fn refused<T>(at: At<'_>, what: &str, error: &PemError) -> Option<T> {
    at.refuse("invalid-pem", format!("{what}: {error}"))
}
