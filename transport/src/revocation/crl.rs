//! Revocation lists, verified when they are loaded and then looked up by serial number.
//!
//! # The threat
//!
//! Revocation fails softly almost everywhere: a list that is missing, stale, signed by somebody else or about something else counts as "not
//! revoked". Here a list that cannot be used is an error where it is configured, and one that has become stale refuses whom it covers. webpki
//! is not given the lists: it would check the signature of a list of 24 MB again on every path, 16 ms against less than one microsecond.
//!
//! Issuers are told apart by name **and** key: the list of another authority of the same name says nothing.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, UnixTime};
use thiserror::Error;

use crate::certificate::{Certificate, iso8601};
use crate::certificate_error::StatusUnknown;
use crate::pem::{self, PemError};

pub use super::list::{RevocationList, Scope};

/// Lists of any number of issuers, the newest of each issuer and scope.
#[derive(Default)]
pub struct RevocationLists {
    lists: Vec<Arc<RevocationList>>,
}

/// What the lists say of one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// A current list covers it and does not have it.
    Good {
        /// When the first of the covering lists must be renewed.
        next_update: UnixTime,
    },
    /// A list of its issuer has it.
    Revoked,
    /// A list covers it, and is stale or from the future.
    Unknown(StatusUnknown),
    /// No list covers it.
    NotCovered,
}

/// A file that gives no usable list.
#[derive(Debug, Error)]
pub enum CrlError {
    /// The file cannot be read or holds no list.
    #[error(transparent)]
    File(#[from] PemError),
    /// A list in it cannot be used.
    #[error("revocation list {source_name}: {problem}")]
    List {
        /// Which file.
        source_name: String,
        /// What is wrong with it.
        problem: CrlProblem,
    },
}

impl CrlError {
    /// Whether the list may be good, and nobody has named the authority that issued it.
    pub fn lacks_its_authority(&self) -> bool {
        match self {
            Self::List { problem, .. } => matches!(problem, CrlProblem::UnknownIssuer(_)),
            Self::File(_) => false,
        }
    }
}

/// Why a list is not used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CrlProblem {
    /// Not a CertificateList in DER.
    #[error("it is not a certificate revocation list in DER, or octets follow it")]
    Malformed,
    /// Nobody of its issuer's name is known.
    #[error("its issuer `{0}` is not among the certificate authorities that are trusted here")]
    UnknownIssuer(String),
    /// Somebody of that name is known, but did not sign it.
    #[error(
        "it is not signed by the `{0}` that is trusted: it is forged, damaged, or of another authority of that name"
    )]
    Signature(String),
    /// Signed with SHA-1 or the like.
    #[error("it is signed with an algorithm that is not accepted: have `{0}` sign with SHA-2")]
    SignatureAlgorithm(String),
    /// The issuer's key usage does not hold cRLSign.
    #[error("the key usage of `{0}` does not allow it to sign revocation lists")]
    NotASigner(String),
    /// A critical extension that nobody here understands, in the list or in an entry.
    #[error("it has a critical extension that is not understood ({0})")]
    CriticalExtension(String),
    /// A delta list: only the whole is read.
    #[error("it is a delta list: install the complete one")]
    Delta,
    /// An indirect list, one for some reasons only, one for attribute certificates, or one whose distribution point cannot be read.
    #[error("its scope is not supported: {0}")]
    Scope(&'static str),
    /// Nothing says how long it is valid (RFC 5280 5.1.2.5 requires it).
    #[error("it has no nextUpdate, so nobody can tell when it is stale")]
    NoNextUpdate,
    /// It starts in the future by more than clocks differ.
    #[error("it is not valid before {}: is the clock right?", iso8601(*.0))]
    Early(UnixTime),
}

/// How far clocks may differ.
pub(super) const CLOCK_SKEW: u64 = 5 * 60;

impl RevocationLists {
    /// No lists at all.
    pub fn none() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// Reads files (PEM with any number of lists, or DER with one), each verified against the known authorities. Every problem of every file is
    /// reported; with one, there is no result. A list that is already stale is loaded: it refuses whom it covers until a newer one comes,
    /// see [`RevocationLists::stale`].
    pub fn load(
        files: &[PathBuf],
        authorities: &[CertificateDer<'static>],
        now: UnixTime,
    ) -> Result<Arc<Self>, Vec<CrlError>> {
        let known = authorities_of(authorities);
        let (mut lists, mut problems) = (Vec::new(), Vec::new());
        for file in files {
            let source_name = file.display().to_string();
            let sections = match pem::revocation_lists(file) {
                Ok(sections) => sections,
                Err(error) => {
                    problems.push(error.into());
                    continue;
                }
            };
            for der in sections {
                match RevocationList::parse(&der, &known, now) {
                    Ok(list) => lists.push(list),
                    Err(problem) => problems.push(CrlError::List {
                        source_name: source_name.clone(),
                        problem,
                    }),
                }
            }
        }
        if problems.is_empty() {
            Ok(Arc::new(Self::new(lists)))
        } else {
            Err(problems)
        }
    }

    /// Keeps the newest of each issuer and scope.
    pub fn new(lists: impl IntoIterator<Item = RevocationList>) -> Self {
        let mut kept: Vec<Arc<RevocationList>> = Vec::new();
        for list in lists {
            match kept.iter_mut().find(|known| known.replaces_or_is_replaced(&list)) {
                Some(known) if list.is_newer_than(known) => *known = Arc::new(list),
                Some(_) => {}
                None => kept.push(Arc::new(list)),
            }
        }
        Self { lists: kept }
    }

    /// What is known of a certificate. `issuer` is the one whose key made its signature, as a verified path has it.
    pub fn status(&self, certificate: &Certificate, issuer: &Certificate, now: UnixTime) -> Status {
        let of_the_issuer = self.lists.iter().filter(|list| list.is_by(issuer));
        // Revoked is revoked, also on a list that is stale or that is published for other distribution points.
        if of_the_issuer
            .clone()
            .any(|list| list.has(certificate.raw_serial()))
        {
            return Status::Revoked;
        }
        let mut earliest: Option<UnixTime> = None;
        for list in of_the_issuer.filter(|list| list.covers(certificate)) {
            if let Some(unknown) = unusable(list, issuer, now) {
                return Status::Unknown(unknown);
            }
            let next_update = list.next_update();
            earliest = Some(earliest.map_or(next_update, |known| known.min(next_update)));
        }
        match earliest {
            Some(next_update) => Status::Good { next_update },
            None => Status::NotCovered,
        }
    }

    /// The lists in force.
    pub fn iter(&self) -> impl Iterator<Item = &RevocationList> {
        self.lists.iter().map(Arc::as_ref)
    }

    /// Lists that are past their `nextUpdate`: whoever they cover is refused.
    pub fn stale(&self, now: UnixTime) -> impl Iterator<Item = &RevocationList> {
        self.iter().filter(move |list| now > list.next_update())
    }

    /// Whether there is no list.
    pub fn is_empty(&self) -> bool {
        self.lists.is_empty()
    }
}

impl std::fmt::Debug for RevocationLists {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

pub(super) fn is_early(this_update: UnixTime, now: UnixTime) -> bool {
    this_update.as_secs() > now.as_secs().saturating_add(CLOCK_SKEW)
}

fn unusable(list: &RevocationList, issuer: &Certificate, now: UnixTime) -> Option<StatusUnknown> {
    if now > list.next_update() {
        return Some(StatusUnknown::Stale {
            issuer: issuer.subject().to_string(),
            next_update: list.next_update(),
        });
    }
    is_early(list.this_update(), now).then(|| StatusUnknown::Early {
        issuer: issuer.subject().to_string(),
        this_update: list.this_update(),
    })
}

/// What cannot be read is reported by the trust store that lists it, not here.
fn authorities_of(authorities: &[CertificateDer<'static>]) -> Vec<Certificate> {
    let parsed = authorities.iter().map(|der| Certificate::parse(der.clone()));
    parsed.filter_map(Result::ok).collect()
}
