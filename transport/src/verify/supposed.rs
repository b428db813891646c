//! What would be said of a certificate that nobody has shown, had this or that authority issued it: for who compares two
//! configurations, never for traffic.
//!
//! Only the one thing that cannot be had is supposed, the issuer's signature on the leaf and what the issuer says of its
//! revocation. The way from that issuer to an anchor is looked for, and whatever the policy asks is asked.

use std::sync::Arc;

use rustls::pki_types::UnixTime;

use super::{TrustStore, VerifiedPath};
use crate::certificate::Certificate;
use crate::certificate_error::{CertificateError, Distrust};
use crate::revocation::crl::Status;

/// Paths that are looked at: authorities that certify each other have more than anybody wants to walk.
const MAX_PATHS: usize = 256;

/// Authorities, and which of them has signed which: whoever shows a certificate may bring all of them along.
#[derive(Debug, Default)]
pub struct Ancestry {
    authorities: Vec<Arc<Certificate>>,
    /// By position: who has signed it, itself left out.
    issuers: Vec<Vec<usize>>,
}

/// What is known of a certificate's revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Standing {
    /// Its issuer says that it is good.
    Good,
    /// Its issuer says nothing of it.
    Unknown,
    /// Its issuer took it back.
    Revoked,
}

impl Standing {
    /// Everything that a certificate can be.
    pub const ALL: [Self; 3] = [Self::Good, Self::Unknown, Self::Revoked];
}

impl Ancestry {
    /// Doubles count once.
    pub fn of(certificates: impl IntoIterator<Item = Arc<Certificate>>) -> Self {
        let mut authorities: Vec<Arc<Certificate>> = Vec::new();
        for certificate in certificates {
            if !authorities.iter().any(|known| known.der() == certificate.der()) {
                authorities.push(certificate);
            }
        }
        let signers_of = |signed: &Arc<Certificate>| {
            let signers = authorities.iter().enumerate();
            signers
                .filter(|(_, signer)| !Arc::ptr_eq(signer, signed) && signer.has_signed(signed))
                .map(|(position, _)| position)
                .collect()
        };
        let issuers = authorities.iter().map(signers_of).collect();
        Self { authorities, issuers }
    }

    /// All of them; a position is an index into this.
    pub fn authorities(&self) -> &[Arc<Certificate>] {
        &self.authorities
    }
}

impl TrustStore {
    /// The path that `leaf` would have if the authority at the position `issuer` had signed it; of several the first that
    /// holds. Nothing is proved by it: see the module's documentation.
    ///
    /// # Errors
    /// As [`TrustStore::verify`].
    pub fn suppose(
        &self,
        leaf: &Arc<Certificate>,
        (ancestry, issuer): (&Ancestry, usize),
        standing: Standing,
        now: UnixTime,
    ) -> Result<VerifiedPath, CertificateError> {
        self.policy.judge_leaf(leaf, now)?;
        let status = |certificate: &Certificate, issuer: &Certificate| {
            if std::ptr::eq(certificate, Arc::as_ptr(leaf)) {
                match standing {
                    Standing::Good => Status::Good {
                        next_update: leaf.not_after(),
                    },
                    Standing::Unknown => Status::NotCovered,
                    Standing::Revoked => Status::Revoked,
                }
            } else {
                self.lists.status(certificate, issuer, now)
            }
        };
        let mut refusal = None;
        let mut paths = vec![vec![issuer]];
        let mut looked_at = 0;
        while let Some(path) = paths.pop() {
            looked_at += 1;
            let issuers: Vec<Arc<Certificate>> = path
                .iter()
                .filter_map(|position| ancestry.authorities.get(*position).cloned())
                .collect();
            let ends = issuers
                .last()
                .is_some_and(|last| self.anchors.iter().any(|anchor| anchor.der() == last.der()));
            if ends {
                match self.policy.judge_path(leaf, &issuers, &status, now) {
                    Ok(valid_until) => {
                        return Ok(VerifiedPath {
                            leaf: Arc::clone(leaf),
                            issuers,
                            valid_until,
                        });
                    }
                    Err(refused) => refusal = refusal.or(Some(refused)),
                }
            }
            if path.len() <= self.policy.max_depth && looked_at + paths.len() < MAX_PATHS {
                let above = path.last().and_then(|last| ancestry.issuers.get(*last));
                let new = above
                    .into_iter()
                    .flatten()
                    .filter(|next| !path.contains(next))
                    .map(|next| path.iter().copied().chain([*next]).collect());
                let new: Vec<Vec<usize>> = new.collect();
                paths.extend(new);
            }
        }
        Err(refusal.unwrap_or_else(|| {
            let issuer = ancestry.authorities.get(issuer);
            Distrust::UnknownIssuer {
                subject: leaf.subject().to_string(),
                issuer: issuer.map_or_else(String::new, |issuer| issuer.subject().to_string()),
            }
            .into()
        }))
    }
}
