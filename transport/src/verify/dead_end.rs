//! Why no path was found, as precisely as a stranger's certificates let it be said.
//!
//! Whether the root is unknown or an intermediate was left out cannot be told from a lone leaf: both look like an issuer
//! that nobody knows. An operator mends the two in different places, so what evidence there is decides, and the words for
//! either name the other.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;

use super::TrustStore;
use super::refusal::refusal;
use crate::certificate::Certificate;
use crate::certificate_error::{CertificateError, Distrust};
use crate::distinguished_name::{AttributeType, CommonName, DistinguishedName};

/// What the path builder's error means for these certificates.
#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "webpki's enum grows; what it adds has its words in `refusal`"
)]
pub(super) fn dead_end(
    store: &TrustStore,
    leaf: &Arc<Certificate>,
    presented: &[CertificateDer<'static>],
    error: &webpki::Error,
) -> CertificateError {
    let presented: Vec<Certificate> = presented
        .iter()
        .filter_map(|der| Certificate::parse(der.clone()).ok())
        .collect();
    // The builder has an issuer's date and not its name.
    let issuer_with = |has_that_date: &dyn Fn(&Certificate) -> bool| {
        let offered = store.offered.iter().map(Arc::as_ref);
        let issuer = presented
            .iter()
            .chain(offered)
            .find(|issuer| has_that_date(issuer));
        issuer.map_or_else(
            || format!("an issuer of {}", leaf.subject()),
            |issuer| issuer.subject().to_string(),
        )
    };
    match error {
        webpki::Error::UnknownIssuer => lost(store, leaf, &presented),
        webpki::Error::CertExpired { not_after, .. } => CertificateError::Expired {
            subject: issuer_with(&|issuer| issuer.not_after() == *not_after),
            not_after: *not_after,
        },
        webpki::Error::CertNotValidYet { not_before, .. } => CertificateError::NotYetValid {
            subject: issuer_with(&|issuer| issuer.not_before() == *not_before),
            not_before: *not_before,
        },
        other => refusal(other, leaf),
    }
}

/// Follows the names of issuers from the leaf to where nobody leads on.
fn lost(store: &TrustStore, leaf: &Certificate, presented: &[Certificate]) -> CertificateError {
    let offered = store.offered.iter().map(Arc::as_ref);
    let mut left: Vec<&Certificate> = presented.iter().chain(offered).collect();
    let mut passed = vec![leaf.der()];
    let mut last = leaf;
    while !names_itself(last)
        && let Some(next) = left.iter().position(|next| is_issued_by(last, next.subject()))
    {
        last = left.swap_remove(next);
        passed.push(last.der());
    }
    let leads_elsewhere = |certificate: &Certificate| {
        certificate.is_ca() && !names_itself(certificate) && !passed.contains(&certificate.der())
    };
    let is_between = !names_itself(last)
        && (presented.iter().any(leads_elsewhere)
            || (std::ptr::eq(last, leaf) && leaf.names_where_its_issuer_is())
            || looks_like_an_intermediate(store, last.issuer()));
    let issuer = last.issuer().to_string();
    if is_between {
        let subject = last.subject().to_string();
        return Distrust::MissingIntermediate { subject, issuer }.into();
    }
    let subject = leaf.subject().to_string();
    Distrust::UnknownIssuer { subject, issuer }.into()
}

fn names_itself(certificate: &Certificate) -> bool {
    is_issued_by(certificate, certificate.subject())
}

fn is_issued_by(certificate: &Certificate, name: &DistinguishedName) -> bool {
    certificate.issuer().raw() == name.raw()
}

/// An issuer of the organisation of a trusted root that does not call itself a root.
fn looks_like_an_intermediate(store: &TrustStore, issuer: &DistinguishedName) -> bool {
    let calls_itself_a_root = match issuer.common_name() {
        CommonName::One(name) => name.to_ascii_lowercase().contains("root"),
        CommonName::Absent | CommonName::Ambiguous => false,
    };
    let organisation = organisation(issuer);
    let is_known = |anchor: &Arc<Certificate>| self::organisation(anchor.subject()) == organisation;
    organisation.is_some() && !calls_itself_a_root && store.anchors.iter().any(is_known)
}

fn organisation(name: &DistinguishedName) -> Option<String> {
    let wanted = AttributeType::named("O")?;
    let mut attributes = name.attributes().into_iter();
    attributes.find(|(kind, _)| *kind == wanted)?.1
}
