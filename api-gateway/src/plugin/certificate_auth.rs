//! What `mtls-auth` and `header-cert-auth` have in common: from a chain that was presented to a consumer.

mod lookup;
pub mod supposed;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::UnixTime;
use transport::certificate_error::CertificateError;
use transport::presented::PresentedChain;
use transport::verify::{TrustStore, VerifiedPath};

use self::lookup::Outcome;
use super::fallback::{DESCRIPTION, Fallback};
use crate::consumer::{ConsumerKey, Consumers};
use crate::exchange::{Exchange, Principal, Proof};
use crate::identity::{ClientIdentity, Digest, DirectoryNames, IdentityError, Remembered, later};
use crate::proxy::owned_headers::{CLIENT_CERT_DN, CLIENT_CERT_SAN};
use crate::rejection::Rejection;

pub use self::lookup::{ConsumerLookup, GroupBy, Lookup, MappingKey, Mappings};

/// Verified chains that all instances of a snapshot remember together, and the least and the most of one. Whoever has one
/// valid certificate can fill these with different rubbish beside it.
const REMEMBERED_CHAINS: usize = 262_144;
const REMEMBERED_BY_ONE: std::ops::RangeInclusive<usize> = 256..=4096;
/// Chains that an instance remembers as refused, in a table of their own: who sends rubbish displaces rubbish.
const REMEMBERED_REFUSALS: usize = 64;
/// How long a refusal is remembered. Short: the cause may be mended without a reload.
const REFUSED_FOR: Duration = Duration::from_secs(2);

/// Trust, look-up and fall-backs of one plugin instance.
#[derive(Debug)]
pub struct CertificateAuth {
    store: TrustStore,
    lookup: Lookup,
    anonymous: Option<Fallback>,
    directory_names: DirectoryNames,
    /// `cache_ttl`: the longest that an answer is remembered, if there is a limit beside its own end.
    remember_for: Option<Duration>,
    verified: Remembered<Known>,
    refused: Remembered<RefusedBefore>,
}

/// What an instance is made of.
#[derive(Debug)]
pub struct Parts {
    /// `ca_certificates` and everything that says how they vouch.
    pub store: TrustStore,
    /// How a verified certificate becomes a caller.
    pub lookup: Lookup,
    /// `anonymous`.
    pub anonymous: Option<Fallback>,
    /// `san_dirname_matcher`.
    pub directory_names: DirectoryNames,
    /// `cache_ttl`; `None`: as long as the certificate and the lists hold.
    pub remember_for: Option<Duration>,
    /// How many instances there are in the snapshot: they share the memory for what is remembered.
    pub instances: usize,
}

/// What is known of a chain that passed: the answer for every request that brings it, until it runs out.
#[derive(Debug)]
pub struct Known {
    identity: Arc<ClientIdentity>,
    outcome: Outcome,
}

#[derive(Debug, Clone)]
enum RefusedBefore {
    Certificate(CertificateError),
    Identity(IdentityError),
    /// What was looked for.
    NotFound(Arc<str>),
}

impl CertificateAuth {
    /// An instance that trusts `store` and nothing else; there are no defaults that anybody could forget.
    pub fn new(parts: Parts) -> Self {
        let Parts {
            store,
            lookup,
            anonymous,
            directory_names,
            remember_for,
            instances,
        } = parts;
        let (least, most) = REMEMBERED_BY_ONE.into_inner();
        let own_share = (REMEMBERED_CHAINS / instances.max(1)).clamp(least, most);
        Self {
            store,
            lookup,
            anonymous,
            directory_names,
            remember_for,
            verified: Remembered::new(own_share),
            refused: Remembered::new(REMEMBERED_REFUSALS),
        }
    }

    /// The names of the CAs that it trusts, for the certificate request.
    pub fn subjects(&self) -> Vec<rustls::DistinguishedName> {
        self.store.subjects()
    }

    /// Whether it looks for a consumer (`skip_consumer_lookup` is off).
    pub fn finds_consumers(&self) -> bool {
        matches!(self.lookup, Lookup::Consumer(_))
    }

    /// With `anonymous` set, an authentication that already succeeded is good enough.
    pub fn stands_back(&self, exchange: &Exchange<'_>) -> bool {
        self.anonymous.is_some() && exchange.caller.is_authenticated()
    }

    /// Judges the certificate of the connection.
    pub fn judge_connection(&self, exchange: &Exchange<'_>) -> Result<Arc<Known>, Rejection> {
        let presented = exchange
            .arrival
            .connection
            .presented()
            .ok_or(Rejection::CertificateMissing)?;
        let (digest, chain) = presented.map_err(|error| Rejection::CertificateRefused(error.clone()))?;
        self.judge(digest, exchange, || Ok(Cow::Borrowed(chain)))
    }

    /// Judges the chain that `digest` stands for; `chain` is asked only if the answer is not known yet.
    pub fn judge<'c>(
        &self,
        digest: Digest,
        exchange: &Exchange<'_>,
        chain: impl FnOnce() -> Result<Cow<'c, PresentedChain>, Rejection>,
    ) -> Result<Arc<Known>, Rejection> {
        let now = exchange.arrival.now;
        if let Some(known) = self.verified.recall(&digest, now) {
            return Ok(known);
        }
        if let Some(before) = self.refused.recall(&digest, now) {
            return Err((*before).clone().into());
        }
        let chain = chain()?;
        match self.find_out(&chain, exchange.consumers, now) {
            Ok(known) => {
                let known = Arc::new(known);
                let end = known.identity.valid_until;
                let until = self.remember_for.map_or(end, |limit| end.min(later(now, limit)));
                self.verified.keep(digest, (now, until), Arc::clone(&known));
                Ok(known)
            }
            Err(refusal) => {
                let until = later(now, REFUSED_FOR);
                self.refused.keep(digest, (now, until), Arc::new(refusal.clone()));
                Err(refusal.into())
            }
        }
    }

    fn find_out(
        &self,
        chain: &PresentedChain,
        consumers: &Consumers,
        now: UnixTime,
    ) -> Result<Known, RefusedBefore> {
        let path = self
            .store
            .verify(chain, now)
            .map_err(RefusedBefore::Certificate)?;
        self.name(&path, consumers)
    }

    /// Whom a certificate names.
    fn name(&self, path: &VerifiedPath, consumers: &Consumers) -> Result<Known, RefusedBefore> {
        let identity = Arc::new(ClientIdentity::of(path, &self.directory_names));
        let outcome = match &self.lookup {
            Lookup::Group(by) => by.outcome(&identity)?,
            Lookup::Consumer(lookup) => lookup.outcome(&identity, consumers)?,
        };
        Ok(Known { identity, outcome })
    }

    /// Judges a certificate that was admitted before once more, by what is in force now: whom it names, if it is good.
    pub fn find_again(
        &self,
        identity: &ClientIdentity,
        consumers: &Consumers,
        now: UnixTime,
    ) -> Result<Option<ConsumerKey>, Rejection> {
        let known = self.find_out(&identity.chain, consumers, now)?;
        Ok(match known.outcome {
            Outcome::Consumer { key, .. } => Some(key),
            Outcome::Groups(..) => None,
        })
    }

    /// Makes the caller whoever the certificate names. `proof` says how the certificate came.
    pub fn admit(
        &self,
        exchange: &mut Exchange<'_>,
        plugin: &Arc<str>,
        known: &Known,
        proof: impl FnOnce(Arc<ClientIdentity>) -> Proof,
    ) {
        let mut principal = Principal {
            plugin: Arc::clone(plugin),
            consumer: None,
            credential: None,
            groups: None,
            proof: proof(Arc::clone(&known.identity)),
        };
        // A later certificate's answer takes the place of an earlier one's.
        exchange.withdraw(&DESCRIPTION);
        match &known.outcome {
            Outcome::Consumer { key, credential } => {
                exchange.authenticate(*key, Some(credential.clone()));
                principal.consumer = Some(*key);
                principal.credential = Some(credential.clone());
            }
            Outcome::Groups(groups, subject) => {
                // Also where there are none: another certificate's groups are not this one's.
                exchange.caller.authenticated_groups = Some(Arc::clone(groups));
                principal.groups = Some(Arc::clone(groups));
                exchange.stamp(CLIENT_CERT_DN, subject.clone());
                if let Some(names) = &known.identity.alternative_names_header {
                    exchange.stamp(CLIENT_CERT_SAN, names.clone());
                }
            }
        }
        exchange.caller.principals.push(principal);
    }

    /// Refuses, or lets the caller go on as the anonymous consumer.
    pub fn fall_back(&self, exchange: &mut Exchange<'_>, rejection: Rejection) -> Result<(), Rejection> {
        match &self.anonymous {
            Some(anonymous) => anonymous.stand_in(exchange, rejection),
            None => Err(rejection),
        }
    }
}

impl From<RefusedBefore> for Rejection {
    fn from(refusal: RefusedBefore) -> Self {
        match refusal {
            RefusedBefore::Certificate(error) => Self::CertificateRefused(error),
            RefusedBefore::Identity(error) => Self::IdentityAmbiguous(error),
            RefusedBefore::NotFound(sought) => Self::ConsumerNotFound { sought },
        }
    }
}

#[cfg(test)]
mod tests;
