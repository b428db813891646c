//! The verifier: one, ours, for handshakes and headers of both tiers.
//!
//! # The threat
//!
//! A chain is what a stranger says about himself. webpki builds the path and checks every signature on it; but by design or by omission it
//! does not look at an anchor's own dates, path length and key usage, takes RSA-1024 and exotic curves as leaf keys, allows more
//! intermediates than our limit, and checks a revocation list's signature again on every path. So webpki is asked for paths only, without
//! revocation lists, and [`TrustStore::verify`] judges each path that it finds by our policy: one function of (chain, policy, now).
//!
//! A path that the policy refuses is not the end: the path builder goes on to the next (an expired cross-signature beside a good one),
//! and the first refusal is reported if none holds.
//!
//! Known limit: webpki refuses every chain under constraints on e-mail, directory or URI names as soon as such a name occurs. That refusal is kept and named,
//! and [`TrustStore::name_constrained`] lets a configuration check warn.

use std::sync::Arc;

use rustls::DistinguishedName;
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use thiserror::Error;
use webpki::anchor_from_trusted_cert;

use crate::certificate::{Certificate, PublicKey};
pub use crate::certificate_error::CertificateError;
use crate::presented::PresentedChain;
use crate::remembered::{Digest, Remembered};
use crate::revocation::crl::RevocationLists;

mod dead_end;
mod path;
mod policy;
mod refusal;
mod search;
pub mod supposed;

/// What a certificate must be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// A TLS client: extended key usage absent or holding clientAuth.
    Client,
    /// A TLS server: absent or holding serverAuth.
    Server,
}

/// Which keys are accepted, on every certificate of the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyPolicy {
    /// RSA 2048 to 8192 bits, P-256, P-384, P-521, Ed25519.
    Gateway,
    /// What ALB documents for mutual TLS: the same without Ed25519.
    Alb,
}

/// What may end a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PartialChain {
    /// A self-signed authority of the trust store; the others in it are intermediates on offer.
    Refused,
    /// Any authority of the trust store (Kong's `allow_partial_chain`).
    Allowed,
}

/// Whether an expired leaf is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Expiry {
    /// It is.
    Enforced,
    /// It is not (ALB's `IgnoreClientCertificateExpiry`): the path is built at the leaf's `notAfter`, then every issuer's dates and every
    /// revocation list are judged at the present. A leaf that is not yet valid is refused all the same.
    LeafIgnored,
}

/// What revocation lists decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Revocation {
    /// Nothing (Kong's `SKIP`).
    Skip,
    /// An authority without a list is not checked; a stale list refuses (the edge, Kong's `IGNORE_CA_ERROR`).
    IgnoreCaError,
    /// Every certificate but the anchor needs a list that covers it (Kong's `STRICT`).
    Strict,
}

/// By what rules a chain is judged.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Policy {
    /// What it must be for.
    pub purpose: Purpose,
    /// Which keys count.
    pub keys: KeyPolicy,
    /// On the path at most so many below the anchor (leaf included); by clients at most so many presented.
    pub max_depth: usize,
    /// What may end a path.
    pub partial_chain: PartialChain,
    /// What an expired leaf is.
    pub expiry: Expiry,
    /// What revocation lists decide.
    pub revocation: Revocation,
}

/// Chains that a store remembers as verified.
const REMEMBERED_PATHS: usize = 4096;

/// Certificate authorities, the policy under which they vouch, and the revocation lists that are consulted.
pub struct TrustStore {
    policy: Policy,
    authorities: Vec<Arc<Certificate>>,
    /// Listed authorities that may end a path.
    anchors: Vec<Arc<Certificate>>,
    /// The same, in the form and the order that the path builder wants.
    trust_anchors: Vec<TrustAnchor<'static>>,
    /// Listed authorities that are no anchors.
    offered: Vec<Arc<Certificate>>,
    lists: Arc<RevocationLists>,
    /// Paths that this store has verified: under its own policy, in its own generation.
    remembered: Remembered<VerifiedPath>,
}

/// Why a list of certificate authorities is no trust store.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum TrustStoreError {
    /// An empty store would refuse everybody; a missing file must not look like one.
    #[error("the trust store holds no certificate authority")]
    Empty,
    /// One of them cannot be read.
    #[error("certificate {position} of the trust store cannot be used: {cause}")]
    Unreadable {
        /// Which, counted from 1.
        position: usize,
        /// Why.
        cause: CertificateError,
    },
    /// One of them is no authority: a leaf in a trust store is usually a mistake, and never honoured.
    #[error(
        "`{subject}` in the trust store is not a certificate authority (basic constraints): remove it or list its issuer"
    )]
    NotAnAuthority {
        /// Which.
        subject: String,
    },
}

/// A path that held when it was verified. Only [`TrustStore::verify`] makes one, and, where nobody is let in by it,
/// [`TrustStore::suppose`].
#[derive(Clone, Debug)]
pub struct VerifiedPath {
    leaf: Arc<Certificate>,
    issuers: Vec<Arc<Certificate>>,
    valid_until: UnixTime,
}

impl TrustStore {
    /// Parses the authorities, once; all of them must be readable authorities. Doubles count once.
    pub fn new(
        authorities: Vec<CertificateDer<'static>>,
        policy: Policy,
        lists: Arc<RevocationLists>,
    ) -> Result<Self, TrustStoreError> {
        let mut listed: Vec<Arc<Certificate>> = Vec::with_capacity(authorities.len());
        for (index, der) in authorities.into_iter().enumerate() {
            if listed.iter().any(|known| *known.der() == der) {
                continue;
            }
            let unreadable = |cause| TrustStoreError::Unreadable {
                position: index + 1,
                cause,
            };
            let certificate = Certificate::parse(der).map_err(unreadable)?;
            if !certificate.is_ca() {
                return Err(TrustStoreError::NotAnAuthority {
                    subject: certificate.subject().to_string(),
                });
            }
            listed.push(Arc::new(certificate));
        }
        if listed.is_empty() {
            return Err(TrustStoreError::Empty);
        }
        Self::of(listed, policy, lists)
    }

    fn of(
        authorities: Vec<Arc<Certificate>>,
        policy: Policy,
        lists: Arc<RevocationLists>,
    ) -> Result<Self, TrustStoreError> {
        let (mut anchors, mut trust_anchors, mut offered) = (Vec::new(), Vec::new(), Vec::new());
        for (index, certificate) in authorities.iter().enumerate() {
            let ends_a_path = match policy.partial_chain {
                PartialChain::Allowed => true,
                PartialChain::Refused => certificate.is_self_signed(),
            };
            let anchor =
                anchor_from_trusted_cert(certificate.der()).map_err(|error| TrustStoreError::Unreadable {
                    position: index + 1,
                    cause: CertificateError::Malformed(format!("{error}").into()),
                })?;
            if ends_a_path {
                trust_anchors.push(anchor.to_owned());
                anchors.push(Arc::clone(certificate));
            } else {
                offered.push(Arc::clone(certificate));
            }
        }
        Ok(Self {
            policy,
            authorities,
            anchors,
            trust_anchors,
            offered,
            lists,
            remembered: Remembered::new(REMEMBERED_PATHS),
        })
    }

    /// Another store with the same authorities, policy and lists, made without looking at them again. What this one
    /// remembers, it does not.
    #[must_use]
    pub fn twin(&self) -> Self {
        Self {
            policy: self.policy.clone(),
            authorities: self.authorities.clone(),
            anchors: self.anchors.clone(),
            trust_anchors: self.trust_anchors.clone(),
            offered: self.offered.clone(),
            lists: Arc::clone(&self.lists),
            remembered: Remembered::new(REMEMBERED_PATHS),
        }
    }

    /// Judges a chain at a time. The identity is index 0 of what was presented and nothing else; the rest and the listed authorities are hints
    /// for the path. The error is the first that says why.
    pub fn verify(&self, chain: &PresentedChain, now: UnixTime) -> Result<VerifiedPath, CertificateError> {
        // A client sends a chain to be judged; a server sends what it was given, often its root and more beside it.
        if self.policy.purpose == Purpose::Client && chain.all().len() > self.policy.max_depth {
            return Err(CertificateError::ChainTooDeep {
                length: chain.all().len(),
                counted: "as presented",
                limit: self.policy.max_depth,
            });
        }
        let leaf = chain.leaf_certificate()?;
        self.policy.judge_leaf(&leaf, now)?;
        path::build(self, &leaf, chain.intermediates(), now)
    }

    /// [`TrustStore::verify`], but a chain that it has verified before is not verified again while nothing that it rests
    /// on has run out. Refusals are not remembered.
    pub fn verify_once(
        &self,
        chain: &PresentedChain,
        now: UnixTime,
    ) -> Result<Arc<VerifiedPath>, CertificateError> {
        let digest = Digest(chain.digest());
        if let Some(path) = self.remembered.recall(&digest, now) {
            return Ok(path);
        }
        let path = Arc::new(self.verify(chain, now)?);
        self.remembered
            .keep(digest, (now, path.valid_until()), Arc::clone(&path));
        Ok(path)
    }

    /// The subjects of its authorities, for the `CertificateRequest`.
    pub fn subjects(&self) -> Vec<DistinguishedName> {
        let mut subjects: Vec<&[u8]> = Vec::new();
        for authority in &self.authorities {
            let subject = authority.subject().raw();
            if !subjects.contains(&subject) {
                subjects.push(subject);
            }
        }
        subjects.into_iter().map(|raw| raw.to_vec().into()).collect()
    }

    /// Authorities whose name constraints make the path builder refuse whoever has a name of that kind.
    pub fn name_constrained(&self) -> impl Iterator<Item = &Certificate> {
        self.authorities()
            .filter(|authority| authority.has_refusing_name_constraints())
    }

    /// Everything in the store.
    pub fn authorities(&self) -> impl Iterator<Item = &Certificate> {
        self.authorities.iter().map(Arc::as_ref)
    }

    /// Whether any path can end here: without a self-signed authority, and partial chains refused, nothing ever verifies.
    pub fn has_anchor(&self) -> bool {
        !self.anchors.is_empty()
    }

    /// The policy under which it judges.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The revocation lists that it consults.
    pub fn revocation_lists(&self) -> &Arc<RevocationLists> {
        &self.lists
    }
}

impl std::fmt::Debug for TrustStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrustStore")
            .field("policy", &self.policy)
            .field("authorities", &self.authorities)
            .finish_non_exhaustive()
    }
}

impl VerifiedPath {
    /// Whose path it is.
    pub fn leaf(&self) -> &Certificate {
        &self.leaf
    }

    /// The leaf, to keep.
    pub fn leaf_shared(&self) -> Arc<Certificate> {
        Arc::clone(&self.leaf)
    }

    /// The leaf's issuer first, the anchor last; never empty.
    pub fn issuers(&self) -> &[Arc<Certificate>] {
        &self.issuers
    }

    /// Until when the judgement holds: the first `notAfter` on the path (the leaf's only if it counts) and the first `nextUpdate` of a
    /// revocation list that was consulted. Past it, verify again.
    pub fn valid_until(&self) -> UnixTime {
        self.valid_until
    }
}

impl KeyPolicy {
    /// Whether a key is accepted.
    pub fn accepts(self, key: PublicKey) -> bool {
        match key {
            PublicKey::Rsa { bits } => (2048..=8192).contains(&bits),
            PublicKey::P256 | PublicKey::P384 | PublicKey::P521 => true,
            PublicKey::Ed25519 => match self {
                Self::Gateway => true,
                Self::Alb => false,
            },
            PublicKey::Other => false,
        }
    }
}
