//! What `mtls-auth` and `header-cert-auth` have in common: from a chain that was presented to a consumer.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use rustls::pki_types::UnixTime;
use tracing::warn;
use transport::certificate_error::CertificateError;
use transport::presented::PresentedChain;
use transport::verify::TrustStore;
use uuid::Uuid;

use super::acl::joined;
use crate::consumer::{CertifiedName, ConsumerKey, Consumers, Found, NameIndex};
use crate::exchange::{AuthenticatedGroups, Credential, Exchange, Principal};
use crate::identity::{
    ClientIdentity, Digest, DirectoryNames, Evidence, IdentityError, Remembered, UseOfCommonName, later,
};
use crate::proxy::owned_headers::{CLIENT_CERT_DN, CLIENT_CERT_SAN};
use crate::rejection::Rejection;

/// Verified chains that all instances of a snapshot remember together, and the least and the most of one. Whoever has one
/// valid certificate can fill these with different rubbish beside it.
const REMEMBERED_CHAINS: usize = 262_144;
const REMEMBERED_BY_ONE: std::ops::RangeInclusive<usize> = 256..=4096;
/// What says whose certificate was accepted without a consumer. A later certificate's answer takes its place.
const DESCRIPTION: [HeaderName; 2] = [CLIENT_CERT_DN, CLIENT_CERT_SAN];
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

/// How a verified certificate becomes a caller.
#[derive(Debug)]
pub enum Lookup {
    /// By its names, to a consumer.
    Consumer(ConsumerLookup),
    /// `skip_consumer_lookup`: no consumer; the certificate itself names a group.
    Group(GroupBy),
}

/// `authenticated_group_by`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// The common name.
    CommonName,
    /// The whole subject.
    DistinguishedName,
    /// No group.
    Nothing,
}

/// Consumer matching, in Kong's order: mappings that name the CA, mappings that do not, then consumers by name.
#[derive(Debug)]
pub struct ConsumerLookup {
    /// Mappings made by hand, shared by all instances of a kind.
    pub mappings: Arc<Mappings>,
    /// The CA entities of the document, by the SHA-256 of their certificates.
    pub authorities: Arc<HashMap<[u8; 32], Uuid>>,
    /// Whether usernames are tried.
    pub by_username: bool,
    /// Whether custom ids are tried.
    pub by_custom_id: bool,
    /// Whether the common name is tried beside alternative names.
    pub common_name: UseOfCommonName,
    /// `default_consumer`.
    pub default: Option<ConsumerKey>,
}

/// `mtls_auth_credentials`, or those of `header-cert-auth`: names in certificates mapped to consumers by hand.
#[derive(Debug, Default)]
pub struct Mappings {
    /// For certificates with this CA on their verified path.
    pub by_authority: HashMap<Uuid, NameIndex<MappingKey>>,
    /// For certificates of any CA that the plugin trusts.
    pub by_any: NameIndex<MappingKey>,
}

/// A mapping: its consumer, and its id as the credential's. Two that lead to one consumer are equal: they are no
/// contradiction.
#[derive(Clone, Copy, Debug)]
pub struct MappingKey {
    /// The consumer it leads to.
    pub consumer: ConsumerKey,
    /// `X-Credential-Identifier`.
    pub id: Uuid,
}

impl PartialEq for MappingKey {
    fn eq(&self, other: &Self) -> bool {
        self.consumer == other.consumer
    }
}

/// What is known of a chain that passed: the answer for every request that brings it, until it runs out.
#[derive(Debug)]
pub struct Known {
    identity: Arc<ClientIdentity>,
    outcome: Outcome,
}

#[derive(Debug)]
enum Outcome {
    Consumer {
        key: ConsumerKey,
        credential: Credential,
    },
    /// The groups that the certificate names, and its subject for `X-Client-Cert-Dn`.
    Groups(Arc<AuthenticatedGroups>, HeaderValue),
}

#[derive(Debug, Clone)]
enum RefusedBefore {
    Certificate(CertificateError),
    Identity(IdentityError),
    NotFound(Box<str>),
}

/// `anonymous`: who a caller is that could not be authenticated.
#[derive(Debug)]
pub struct Fallback {
    /// As configured.
    pub name: Box<str>,
    /// `None`: no such consumer, and a request that needs it is an error.
    pub consumer: Option<ConsumerKey>,
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
                self.verified.keep(digest, until, Arc::clone(&known));
                Ok(known)
            }
            Err(refusal) => {
                self.refused
                    .keep(digest, later(now, REFUSED_FOR), Arc::new(refusal.clone()));
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
        let identity = Arc::new(ClientIdentity::of(&path, &self.directory_names));
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

    /// Makes the caller whoever the certificate names.
    pub fn admit(&self, exchange: &mut Exchange<'_>, plugin: &Arc<str>, known: &Known, evidence: Evidence) {
        let consumer = match &known.outcome {
            Outcome::Consumer { key, credential } => {
                exchange.withdraw(&DESCRIPTION);
                exchange.authenticate(*key, Some(credential.clone()));
                Some(*key)
            }
            Outcome::Groups(groups, subject) => {
                exchange.withdraw(&DESCRIPTION);
                // Also where there are none: another certificate's groups are not this one's.
                exchange.caller.authenticated_groups = Some(Arc::clone(groups));
                exchange.stamp(CLIENT_CERT_DN, subject.clone());
                if let Some(names) = &known.identity.alternative_names_header {
                    exchange.stamp(CLIENT_CERT_SAN, names.clone());
                }
                None
            }
        };
        let identity = Arc::clone(&known.identity);
        exchange.caller.principals.push(Principal {
            plugin: Arc::clone(plugin),
            consumer,
            evidence,
            identity,
        });
    }

    /// Refuses, or lets the caller go on as the anonymous consumer.
    pub fn fall_back(&self, exchange: &mut Exchange<'_>, rejection: Rejection) -> Result<(), Rejection> {
        match &self.anonymous {
            Some(anonymous) if rejection.may_be_anonymous() => {
                let Some(consumer) = anonymous.consumer else {
                    return Err(Rejection::AnonymousMissing {
                        name: anonymous.name.clone(),
                    });
                };
                // If there is any of this, it is the edge's.
                exchange.withdraw(&DESCRIPTION);
                exchange.authenticate(consumer, None);
                exchange.caller.authenticated_groups = None;
                Ok(())
            }
            Some(_) | None => Err(rejection),
        }
    }
}

impl GroupBy {
    fn outcome(self, identity: &ClientIdentity) -> Result<Outcome, RefusedBefore> {
        let group: Option<Box<str>> = match self {
            Self::CommonName => identity
                .common_name()
                .map_err(RefusedBefore::Identity)?
                .map(Into::into),
            Self::DistinguishedName => Some(identity.subject.clone()),
            Self::Nothing => None,
        };
        // In a distinguished name commas are part of the form, and escaped where they are part of a value.
        let is_plain =
            self == Self::DistinguishedName || group.as_ref().is_none_or(|group| !group.contains(','));
        if !is_plain {
            warn!(
                certificate_serial = &*identity.serial,
                "the common name holds a comma: it is one group, and would be read as two in X-Authenticated-Groups, which is left out"
            );
        }
        let names: Box<[Box<str>]> = group.into_iter().collect();
        let header = joined(names.iter().map(AsRef::as_ref)).filter(|_| is_plain);
        // The subject's text form is ASCII with everything else escaped, so it always fits into a header.
        let subject =
            HeaderValue::from_str(&identity.subject).unwrap_or_else(|_| HeaderValue::from_static(""));
        Ok(Outcome::Groups(
            Arc::new(AuthenticatedGroups { names, header }),
            subject,
        ))
    }
}

impl ConsumerLookup {
    fn outcome(&self, identity: &ClientIdentity, consumers: &Consumers) -> Result<Outcome, RefusedBefore> {
        match self.find(identity, consumers).map_err(RefusedBefore::Identity)? {
            Some((key, identifier)) => Ok(Outcome::Consumer {
                key,
                credential: Credential {
                    identifier: HeaderValue::try_from(identifier).ok(),
                },
            }),
            None => match self.default {
                Some(key) => Ok(Outcome::Consumer {
                    key,
                    credential: Credential::default(),
                }),
                None => Err(RefusedBefore::NotFound(identity.subject.clone())),
            },
        }
    }

    /// The consumer, and the credential's identifier: a mapping's id, or the value that matched (decision 9).
    fn find(
        &self,
        identity: &ClientIdentity,
        consumers: &Consumers,
    ) -> Result<Option<(ConsumerKey, String)>, IdentityError> {
        let names: Vec<CertifiedName> = identity.names(self.common_name).collect::<Result<_, _>>()?;
        let by_authority = || {
            let indexes = identity
                .issuers
                .iter()
                .filter_map(|digest| self.authorities.get(digest));
            indexes
                .filter_map(|id| self.mappings.by_authority.get(id))
                .collect::<Vec<_>>()
        };
        let by_hand = by_authority();
        for index in by_hand.into_iter().chain([&self.mappings.by_any]) {
            for name in &names {
                if let Some(mapping) = one(index.find(name))? {
                    return Ok(Some((mapping.consumer, mapping.id.to_string())));
                }
            }
        }
        for name in &names {
            for (tried, index) in [
                (self.by_username, consumers.by_username()),
                (self.by_custom_id, consumers.by_custom_id()),
            ] {
                if tried && let Some(key) = one(index.find(name))? {
                    return Ok(Some((key, name.as_str().to_owned())));
                }
            }
        }
        Ok(None)
    }
}

fn one<T>(found: Found<T>) -> Result<Option<T>, IdentityError> {
    match found {
        Found::Nobody => Ok(None),
        Found::One(value) => Ok(Some(value)),
        Found::Ambiguous => Err(IdentityError::Consumers),
    }
}

impl From<RefusedBefore> for Rejection {
    fn from(refusal: RefusedBefore) -> Self {
        match refusal {
            RefusedBefore::Certificate(error) => Self::CertificateRefused(error),
            RefusedBefore::Identity(error) => Self::IdentityAmbiguous(error),
            RefusedBefore::NotFound(subject) => Self::ConsumerNotFound { subject },
        }
    }
}

#[cfg(test)]
mod tests;
