//! Paths: webpki finds them and checks their signatures, the policy judges each. Where there are many certificates or long
//! paths, [`Search`] finds them.

use std::cell::RefCell;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, KeyUsage};

use super::dead_end::dead_end;
use super::refusal::refusal;
use super::search::{End, FEW, SHORT, Search};
use super::{Expiry, Purpose, TrustStore, VerifiedPath};
use crate::certificate::{Certificate, Constraints};
use crate::certificate_error::{CertificateError, Distrust};
use crate::signature::ALGORITHMS;

/// Looks for a path from the leaf that holds.
pub(super) fn build(
    store: &TrustStore,
    leaf: &Arc<Certificate>,
    presented: &[CertificateDer<'static>],
    now: UnixTime,
) -> Result<VerifiedPath, CertificateError> {
    if presented.len() > FEW {
        return search(store, leaf, presented, now);
    }
    let hints = hints(store, presented);
    match build_among(store, leaf, &hints, now) {
        Ok(verdict) => verdict,
        // There may be a path, but a longer one than it takes.
        Err(_) if hints.len() > SHORT => search(store, leaf, presented, now),
        Err(error) => Err(dead_end(store, leaf, presented, &error)),
    }
}

/// Looks for a path by webpki, among these. The inner result is the policy's word on what was found, the outer error is
/// that nothing was.
fn build_among(
    store: &TrustStore,
    leaf: &Arc<Certificate>,
    hints: &[CertificateDer<'_>],
    now: UnixTime,
) -> Result<Result<VerifiedPath, CertificateError>, webpki::Error> {
    let end_entity = match EndEntityCert::try_from(leaf.der()) {
        Ok(end_entity) => end_entity,
        Err(error) => return Ok(Err(refusal(&error, leaf))),
    };
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
            hints,
            build_time(store, leaf, now),
            usage,
            None, // revocation is ours: webpki would check the lists' signatures on every path
            Some(&judge),
        )
        .map(|_| ());
    match (built, judged.into_inner()) {
        (Ok(()), Some(Ok(verified))) => Ok(Ok(verified)),
        (_, Some(Err(refused))) => Ok(Err(refused)),
        (Err(error), None | Some(Ok(_))) => Err(error),
        // Not reachable, as no path is accepted unjudged; refused rather than trusted.
        (Ok(()), None) => Err(webpki::Error::UnknownIssuer),
    }
}

/// Looks for a path among many certificates, or for a long one. The error is the first that says why.
fn search(
    store: &TrustStore,
    leaf: &Arc<Certificate>,
    presented: &[CertificateDer<'static>],
    now: UnixTime,
) -> Result<VerifiedPath, CertificateError> {
    let mut outcome: Option<Result<VerifiedPath, CertificateError>> = None;
    let mut judge = |issuers: &[Arc<Certificate>]| {
        let verdict = if issuers.len() > SHORT + 1 {
            judge_long(store, leaf, issuers, now)
        } else {
            let between = issuers.split_last().map_or(&[][..], |(_, between)| between);
            let hints: Vec<_> = between.iter().map(|issuer| issuer.der().clone()).collect();
            build_among(store, leaf, &hints, now).unwrap_or_else(|error| Err(refusal(&error, leaf)))
        };
        let is_taken = verdict.is_ok();
        if is_taken || outcome.is_none() {
            outcome = Some(verdict);
        }
        is_taken
    };
    let end = Search::new(store, leaf, presented).each_path(&mut judge);
    match (outcome, end) {
        (Some(verdict), _) => verdict,
        (None, End::Spent) => Err(Distrust::TooComplex(leaf.subject().to_string()).into()),
        (None, End::Exhausted | End::Taken) => {
            Err(dead_end(store, leaf, presented, &webpki::Error::UnknownIssuer))
        }
    }
}

/// Judges a path that is too long for webpki; its signatures hold. What webpki would not read on a short path is refused on
/// this one, too. The names that an authority allows below it are webpki's to judge, so nobody on such a path may restrict
/// them.
fn judge_long(
    store: &TrustStore,
    leaf: &Arc<Certificate>,
    issuers: &[Arc<Certificate>],
    now: UnixTime,
) -> Result<VerifiedPath, CertificateError> {
    let status =
        |certificate: &Certificate, issuer: &Certificate| store.lists.status(certificate, issuer, now);
    // The anchor was read by it when the store was made.
    let below_the_anchor = issuers.split_last().map_or(&[][..], |(_, between)| between);
    for certificate in std::iter::once(leaf).chain(below_the_anchor) {
        EndEntityCert::try_from(certificate.der()).map_err(|error| refusal(&error, certificate))?;
    }
    let valid_until = store.policy.judge_path(leaf, issuers, &status, now)?;
    let restricts = |issuer: &Arc<Certificate>| issuer.extensions().name_constraints != Constraints::Absent;
    if issuers.iter().any(restricts) {
        return Err(Distrust::NameConstraints(leaf.subject().to_string()).into());
    }
    Ok(VerifiedPath {
        leaf: Arc::clone(leaf),
        issuers: issuers.to_vec(),
        valid_until,
    })
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
