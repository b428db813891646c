//! Paths: webpki finds them and checks their signatures, the policy judges each.

use std::cell::RefCell;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, KeyUsage};

use super::dead_end::dead_end;
use super::refusal::refusal;
use super::{Expiry, Purpose, TrustStore, VerifiedPath};
use crate::certificate::Certificate;
use crate::certificate_error::CertificateError;
use crate::signature::ALGORITHMS;

/// Looks for a path from the leaf that holds.
pub(super) fn build(
    store: &TrustStore,
    leaf: &Arc<Certificate>,
    presented: &[CertificateDer<'static>],
    now: UnixTime,
) -> Result<VerifiedPath, CertificateError> {
    let end_entity = EndEntityCert::try_from(leaf.der()).map_err(|error| refusal(&error, leaf))?;
    let hints = hints(store, presented);
    let usage = match store.policy.purpose {
        Purpose::Client => KeyUsage::client_auth(),
        Purpose::Server => KeyUsage::server_auth(),
    };
    let judged = RefCell::new(None);
    let judge = |path: &webpki::VerifiedPath<'_>| {
        let verdict = judge(store, leaf, path, now);
        let answer = match &verdict {
            Ok(_) => Ok(()),
            // Any error makes the builder go on; ours is kept here.
            Err(_) => Err(webpki::Error::CertDistrusted),
        };
        let mut judged = judged.borrow_mut();
        if verdict.is_ok() || judged.is_none() {
            *judged = Some(verdict);
        }
        answer
    };
    let built = end_entity
        .verify_for_usage(
            ALGORITHMS,
            &store.trust_anchors,
            &hints,
            build_time(store, leaf, now),
            usage,
            None, // revocation is ours: webpki would check the lists' signatures on every path
            Some(&judge),
        )
        .map(|_| ());
    match (built, judged.into_inner()) {
        (Ok(()), Some(Ok(verified))) => Ok(verified),
        (_, Some(Err(refused))) => Err(refused),
        (Err(error), None | Some(Ok(_))) => Err(dead_end(store, leaf, presented, &error)),
        // Not reachable, as no path is accepted unjudged; refused rather than trusted.
        (Ok(()), None) => Err(refusal(&webpki::Error::UnknownIssuer, leaf)),
    }
}

/// The time at which the builder looks at dates. It would refuse an expired leaf, so where that is to be overlooked it is taken back to the
/// leaf's last second; the issuers are judged at the present afterwards.
fn build_time(store: &TrustStore, leaf: &Certificate, now: UnixTime) -> UnixTime {
    match store.policy.expiry {
        Expiry::Enforced => now,
        Expiry::LeafIgnored => now.min(leaf.not_after()),
    }
}

/// What the builder may put between the leaf and an anchor: what the peer presented, then what the store offers.
///
/// Left out of what the peer presented: what webpki cannot read, doubles, what is listed anyway, and certificates that name themselves as
/// issuer. The last lead nowhere (roots are taken from the store), but many of one name would let a stranger make the builder try every
/// order of them.
fn hints<'a>(store: &'a TrustStore, presented: &'a [CertificateDer<'static>]) -> Vec<CertificateDer<'a>> {
    let mut hints: Vec<CertificateDer<'a>> = Vec::with_capacity(presented.len() + store.offered.len());
    for der in presented {
        let leads_on = match EndEntityCert::try_from(der) {
            Ok(read) => read.subject() != read.issuer(),
            // The builder refuses it, and so the refusal says why.
            Err(error) => error == webpki::Error::UnsupportedCriticalExtension,
        };
        let is_known = hints.contains(der) || listed(store, der).is_some();
        if leads_on && !is_known {
            hints.push(CertificateDer::from(&**der));
        }
    }
    let offered = store
        .offered
        .iter()
        .map(|listed| CertificateDer::from(&**listed.der()));
    hints.extend(offered);
    hints
}

fn listed<'a>(store: &'a TrustStore, der: &CertificateDer<'_>) -> Option<&'a Arc<Certificate>> {
    store.offered.iter().find(|listed| listed.der() == der)
}

fn judge(
    store: &TrustStore,
    leaf: &Arc<Certificate>,
    path: &webpki::VerifiedPath<'_>,
    now: UnixTime,
) -> Result<VerifiedPath, CertificateError> {
    let mut issuers = Vec::with_capacity(4);
    for intermediate in path.intermediate_certificates() {
        let der = intermediate.der();
        issuers.push(match listed(store, &der) {
            Some(certificate) => Arc::clone(certificate),
            None => Arc::new(Certificate::parse(der.into_owned())?),
        });
    }
    // The builder hands out a reference into the list that it was given: the position tells which certificate it was made from, even
    // where two anchors share name and key.
    let position = store
        .trust_anchors
        .iter()
        .position(|anchor| std::ptr::addr_eq(anchor, path.anchor()));
    let anchor = position.and_then(|position| store.anchors.get(position));
    let Some(anchor) = anchor else {
        return Err(refusal(&webpki::Error::UnknownIssuer, leaf));
    };
    issuers.push(Arc::clone(anchor));
    let status =
        |certificate: &Certificate, issuer: &Certificate| store.lists.status(certificate, issuer, now);
    let valid_until = store.policy.judge_path(leaf, &issuers, &status, now)?;
    Ok(VerifiedPath {
        leaf: Arc::clone(leaf),
        issuers,
        valid_until,
    })
}
