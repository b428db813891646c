//! Paths among many certificates, and paths that are long: both are more than webpki's path builder can be given.
//!
//! # The threat
//!
//! A server may send any number of certificates, all of one name, or each issued by each other. webpki follows names and
//! checks signatures when it has come to an anchor: with 66 certificates of nine authorities that certify each other it walks
//! for 3.5 seconds, and this search for 0.05. And it takes six intermediates at most, where a server's chain may have as many as `tls_verify_depth` says.
//!
//! # What it does
//!
//! So, beyond [`FEW`] certificates or [`SHORT`] intermediates, the way is looked for here: from the leaf upwards, along
//! links that a signature proves, each link looked at once, and with a limit on both signatures and steps. What is found is
//! one path at a time, which is then judged: a short one by webpki and the policy as ever, with nothing but its own
//! certificates; a long one by the policy alone, whose only gap beside webpki are name constraints, so a long path with
//! any is refused.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;

use super::TrustStore;
use crate::certificate::Certificate;

/// Certificates that webpki is given of what a peer presented.
pub(super) const FEW: usize = 7;
/// Intermediates on a path that webpki can judge.
pub(super) const SHORT: usize = 6;

/// Signatures that are checked for one chain: as many as webpki allows itself.
const MOST_SIGNATURES: usize = 100;
/// Pairs of certificates that are looked at for one chain.
const MOST_STEPS: usize = 20_000;
/// Paths that are judged: those of authorities that certify each other are many, and differ in little.
const MOST_PATHS: usize = 32;

/// Why a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The judge took a path.
    Taken,
    /// There are no more paths.
    Exhausted,
    /// There may be more, but enough was spent on them.
    Spent,
}

pub(super) struct Search<'a> {
    store: &'a TrustStore,
    /// The leaf first.
    certificates: Vec<Arc<Certificate>>,
    /// Whether the one signed the other, where that is known.
    links: HashMap<(Issuer, usize), bool>,
    signatures: usize,
    steps: usize,
    paths: usize,
}

/// An intermediate, or an anchor of the store, by its position.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Issuer {
    Intermediate(usize),
    Anchor(usize),
}

impl<'a> Search<'a> {
    /// Among what was presented and what the store offers.
    pub(super) fn new(
        store: &'a TrustStore,
        leaf: &Arc<Certificate>,
        presented: &[CertificateDer<'static>],
    ) -> Self {
        let mut certificates = vec![Arc::clone(leaf)];
        let read = presented
            .iter()
            .filter_map(|der| Certificate::parse(der.clone()).ok().map(Arc::new));
        for certificate in read.chain(store.offered.iter().map(Arc::clone)) {
            // Whoever names himself as his issuer leads nowhere, unless he is an anchor, and those are in the store.
            let leads_on = certificate.subject().raw() != certificate.issuer().raw();
            if leads_on && certificates.iter().all(|known| known.der() != certificate.der()) {
                certificates.push(certificate);
            }
        }
        Self {
            store,
            certificates,
            links: HashMap::new(),
            signatures: MOST_SIGNATURES,
            steps: MOST_STEPS,
            paths: MOST_PATHS,
        }
    }

    /// Shows each path to `judge`, intermediates and anchor, until it takes one.
    pub(super) fn each_path(mut self, judge: &mut dyn FnMut(&[Arc<Certificate>]) -> bool) -> End {
        match self.go_on(&mut vec![0], judge) {
            ControlFlow::Break(end) => end,
            ControlFlow::Continue(()) => End::Exhausted,
        }
    }

    fn go_on(
        &mut self,
        path: &mut Vec<usize>,
        judge: &mut dyn FnMut(&[Arc<Certificate>]) -> bool,
    ) -> ControlFlow<End> {
        let Some(&last) = path.last() else {
            return ControlFlow::Continue(());
        };
        for position in 0..self.store.anchors.len() {
            if self.is_signed_by(last, Issuer::Anchor(position))? {
                let issuers = path.iter().skip(1).filter_map(|at| self.certificates.get(*at));
                let anchor = self.store.anchors.get(position);
                let issuers: Vec<_> = issuers.chain(anchor).map(Arc::clone).collect();
                if judge(&issuers) {
                    return ControlFlow::Break(End::Taken);
                }
                self.paths = self.paths.saturating_sub(1);
                if self.paths == 0 {
                    return ControlFlow::Break(End::Spent);
                }
            }
        }
        for next in 1..self.certificates.len() {
            if !self.is_passed(path, next) && self.is_signed_by(last, Issuer::Intermediate(next))? {
                path.push(next);
                self.go_on(path, judge)?;
                path.pop();
            }
        }
        ControlFlow::Continue(())
    }

    /// Whether this authority, by name and key, is on the path already (RFC 4158 §5.2).
    fn is_passed(&self, path: &[usize], next: usize) -> bool {
        let is_same = |one: &Certificate, other: &Certificate| {
            one.subject().raw() == other.subject().raw()
                && one.subject_public_key_info() == other.subject_public_key_info()
        };
        let next = self.certificates.get(next);
        let passed = path.iter().filter_map(|at| self.certificates.get(*at));
        next.is_none_or(|next| passed.into_iter().any(|passed| is_same(passed, next)))
    }

    /// Whether the issuer's name and key are those that signed the certificate.
    fn is_signed_by(&mut self, certificate: usize, by: Issuer) -> ControlFlow<End, bool> {
        if self.steps == 0 {
            return ControlFlow::Break(End::Spent);
        }
        self.steps -= 1;
        let issuer = match by {
            Issuer::Intermediate(position) => self.certificates.get(position),
            Issuer::Anchor(position) => self.store.anchors.get(position),
        };
        let (Some(certificate_read), Some(issuer)) = (self.certificates.get(certificate), issuer) else {
            return ControlFlow::Continue(false);
        };
        if issuer.subject().raw() != certificate_read.issuer().raw() {
            return ControlFlow::Continue(false);
        }
        if let Some(known) = self.links.get(&(by, certificate)) {
            return ControlFlow::Continue(*known);
        }
        if self.signatures == 0 {
            return ControlFlow::Break(End::Spent);
        }
        self.signatures -= 1;
        let holds = issuer.has_signed(certificate_read);
        self.links.insert((by, certificate), holds);
        ControlFlow::Continue(holds)
    }
}
