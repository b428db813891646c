//! OCSP answers for our own certificates, stapled to the handshake: read from files, or fetched from the responders that
//! the certificates name.
//!
//! A client that gets a stale or a wrong answer may end the handshake, while one that gets none goes on. So an answer is
//! judged before it is shown, when it comes and again by its dates in each handshake, and left out when it is not good. A
//! responder's word that a certificate is revoked counts more than a file that says otherwise.
//!
//! Fetching is beside the handshakes: nothing waits for it, at start and on a reload neither. A handshake looks at what
//! is there (one load of a pointer).

mod fetched;
mod schedule;
mod stapler;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::sign::CertifiedKey;
use thiserror::Error;
use tracing::warn;

pub use self::fetched::{FetchedStaple, Unfetchable};
pub use self::stapler::{Fetching, Stapler};
use crate::certificate::{Certificate, iso8601};
use crate::presented::PresentedChain;
use crate::revocation::ocsp::{self, CertificateStatus, OcspProblem};

/// Why an answer is not stapled.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StapleProblem {
    /// No certificate here is the one that it is about, or its issuer is not known.
    #[error(
        "it is about no certificate that is shown here: does the certificate file hold the issuer's certificate behind the leaf?"
    )]
    Nobodys,
    /// It is about one, and cannot be shown.
    #[error("{0}")]
    Response(#[from] OcspProblem),
    /// It says that the certificate is revoked.
    #[error("it says that the certificate is revoked: install another certificate")]
    Revoked,
    /// It says that the responder does not know the certificate.
    #[error("it says that the responder does not know the certificate")]
    Unknown,
}

/// A certificate that is shown, with an answer where there is a current one.
#[derive(Clone)]
pub(crate) struct Shown {
    plain: Arc<CertifiedKey>,
    /// From a file.
    stapled: Option<Stapled>,
    fetched: Option<Arc<FetchedStaple>>,
}

#[derive(Clone)]
struct Stapled {
    key: Arc<CertifiedKey>,
    until: UnixTime,
    told: Arc<AtomicBool>,
}

impl Stapled {
    fn new(plain: &CertifiedKey, response: &[u8], until: UnixTime) -> Self {
        let mut key = CertifiedKey::clone(plain);
        key.ocsp = Some(response.to_vec());
        Self {
            key: Arc::new(key),
            until,
            told: Arc::default(),
        }
    }

    /// The same answer with the same certificate, read anew.
    fn on(&self, plain: &CertifiedKey) -> Self {
        let response = self.key.ocsp.as_deref().unwrap_or_default();
        Self::new(plain, response, self.until)
    }
}

impl Shown {
    pub(crate) fn new(plain: Arc<CertifiedKey>) -> Self {
        Self {
            plain,
            stapled: None,
            fetched: None,
        }
    }

    /// What a handshake shows now.
    pub(crate) fn key(&self, now: UnixTime) -> Arc<CertifiedKey> {
        let fetched = self.fetched.as_deref();
        if fetched.is_some_and(FetchedStaple::is_revoked) {
            return Arc::clone(&self.plain);
        }
        if let Some(stapled) = self.stapled.as_ref().filter(|stapled| now <= stapled.until) {
            return Arc::clone(&stapled.key);
        }
        if let Some(key) = fetched.and_then(|fetched| fetched.key(now)) {
            return key;
        }
        if let Some(stapled) = &self.stapled
            && !stapled.told.swap(true, Ordering::Relaxed)
        {
            let until = iso8601(stapled.until);
            warn!(%until, subject = %self, "an OCSP answer is stale and no longer stapled: install a current one and reload");
        }
        Arc::clone(&self.plain)
    }

    /// Takes an answer that is about this certificate; [`StapleProblem::Nobodys`] if it is not.
    pub(crate) fn staple(&mut self, response: &[u8], now: UnixTime) -> Result<(), StapleProblem> {
        let (certificate, issuer) = issuer_behind(&self.plain.cert).ok_or(StapleProblem::Nobodys)?;
        let answer = ocsp::judge(response, (&certificate, &issuer), None, now);
        let answer = answer.map_err(|problem| {
            if problem == OcspProblem::AnotherCertificate {
                StapleProblem::Nobodys
            } else {
                StapleProblem::Response(problem)
            }
        })?;
        match answer.status {
            CertificateStatus::Good => {}
            CertificateStatus::Revoked => return Err(StapleProblem::Revoked),
            CertificateStatus::Unknown => return Err(StapleProblem::Unknown),
        }
        self.stapled = Some(Stapled::new(&self.plain, response, answer.next_update));
        Ok(())
    }

    /// Has its answer fetched, together with the others of the same chain. The error is why nobody can be asked; a
    /// self-signed certificate has nobody who could be.
    pub(crate) fn fetch(&mut self, wanted: &mut Vec<Arc<FetchedStaple>>) -> Result<(), Unfetchable> {
        let Some(leaf) = self.leaf().filter(|leaf| !leaf.is_self_signed()) else {
            return Ok(());
        };
        let chain = PresentedChain::of_own(&self.plain.cert).map(|chain| chain.digest());
        let same = |known: &&Arc<FetchedStaple>| chain.as_ref().is_ok_and(|chain| chain == known.chain());
        if let Some(known) = wanted.iter().find(same) {
            self.fetched = Some(Arc::clone(known));
            return Ok(());
        }
        if leaf.ocsp_uris().is_empty() {
            return Err(Unfetchable::NoResponder);
        }
        let fetched = Arc::new(FetchedStaple::of(&self.plain)?);
        wanted.push(Arc::clone(&fetched));
        self.fetched = Some(fetched);
        Ok(())
    }

    /// Whether its clients expect an answer with it (RFC 7633), and there is nothing that could bring one.
    pub(crate) fn lacks_its_staple(&self) -> bool {
        let is_covered = self.stapled.is_some() || self.fetched.is_some();
        !is_covered && self.leaf().is_some_and(|leaf| leaf.must_be_stapled())
    }

    /// Its certificate.
    pub(crate) fn leaf(&self) -> Option<Certificate> {
        Certificate::parse(self.plain.cert.first()?.clone()).ok()
    }
}

/// The leaf, and the certificate behind it that signed it.
fn issuer_behind(chain: &[CertificateDer<'static>]) -> Option<(Certificate, Certificate)> {
    let mut chain = chain
        .iter()
        .filter_map(|der| Certificate::parse(der.clone()).ok());
    let leaf = chain.next()?;
    let issuer = chain.find(|issuer| issuer.has_signed(&leaf))?;
    Some((leaf, issuer))
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.leaf() {
            Some(leaf) => write!(f, "{}", leaf.subject()),
            None => f.write_str("-"),
        }
    }
}
