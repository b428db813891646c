//! OCSP answers for our own certificates, stapled to the handshake.
//!
//! A client that gets a stale or a wrong answer may end the handshake, while one that gets none goes on. So an answer is
//! judged before it is shown, at load and again by its dates in each handshake, and left out when it is not good.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::sign::CertifiedKey;
use thiserror::Error;
use tracing::warn;

use crate::certificate::{Certificate, iso8601};
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
    stapled: Option<Stapled>,
}

#[derive(Clone)]
struct Stapled {
    key: Arc<CertifiedKey>,
    until: UnixTime,
    told: Arc<AtomicBool>,
}

impl Shown {
    pub(crate) fn new(plain: Arc<CertifiedKey>) -> Self {
        Self { plain, stapled: None }
    }

    /// What a handshake shows now.
    pub(crate) fn key(&self, now: UnixTime) -> &Arc<CertifiedKey> {
        match &self.stapled {
            Some(stapled) if now <= stapled.until => &stapled.key,
            Some(stapled) => {
                if !stapled.told.swap(true, Ordering::Relaxed) {
                    let until = iso8601(stapled.until);
                    warn!(%until, subject = %self, "an OCSP answer is stale and no longer stapled: install a current one and reload");
                }
                &self.plain
            }
            None => &self.plain,
        }
    }

    /// Takes an answer that is about this certificate; [`StapleProblem::Nobodys`] if it is not.
    pub(crate) fn staple(&mut self, response: &[u8], now: UnixTime) -> Result<(), StapleProblem> {
        let (certificate, issuer) = pair(&self.plain.cert).ok_or(StapleProblem::Nobodys)?;
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
        let mut key = CertifiedKey::clone(&self.plain);
        key.ocsp = Some(response.to_vec());
        self.stapled = Some(Stapled {
            key: Arc::new(key),
            until: answer.next_update,
            told: Arc::default(),
        });
        Ok(())
    }
}

/// The leaf, and the certificate behind it that signed it.
fn pair(chain: &[CertificateDer<'static>]) -> Option<(Certificate, Certificate)> {
    let mut chain = chain
        .iter()
        .filter_map(|der| Certificate::parse(der.clone()).ok());
    let leaf = chain.next()?;
    let issuer = chain.find(|issuer| issuer.has_signed(&leaf))?;
    Some((leaf, issuer))
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let leaf = self.plain.cert.first();
        match leaf.and_then(|der| Certificate::parse(der.clone()).ok()) {
            Some(leaf) => write!(f, "{}", leaf.subject()),
            None => f.write_str("-"),
        }
    }
}
