//! From a verified certificate to a consumer, or to the group that it names.

use std::collections::HashMap;
use std::sync::Arc;

use http::HeaderValue;
use tracing::warn;
use uuid::Uuid;

use super::RefusedBefore;
use crate::consumer::{CertifiedName, ConsumerKey, Consumers, Found, NameIndex};
use crate::exchange::{AuthenticatedGroups, Credential};
use crate::identity::{ClientIdentity, IdentityError, UseOfCommonName};
use crate::plugin::acl::joined;

/// So many names of a certificate that nobody has are told in a log line.
const TOLD_NAMES: usize = 5;

/// How a verified certificate becomes a caller.
#[derive(Debug)]
pub enum Lookup {
    /// By its names, to a consumer.
    Consumer(ConsumerLookup),
    /// `skip_consumer_lookup`: no consumer; the certificate itself names a group.
    Group(GroupBy),
}

/// `authenticated_group_by`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

/// Whom a certificate leads to.
#[derive(Debug)]
pub(super) enum Outcome {
    Consumer {
        key: ConsumerKey,
        credential: Credential,
    },
    /// The groups that the certificate names, and its subject for `X-Client-Cert-Dn`.
    Groups(Arc<AuthenticatedGroups>, HeaderValue),
}

impl GroupBy {
    pub(super) fn outcome(self, identity: &ClientIdentity) -> Result<Outcome, RefusedBefore> {
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
    pub(super) fn outcome(
        &self,
        identity: &ClientIdentity,
        consumers: &Consumers,
    ) -> Result<Outcome, RefusedBefore> {
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
                None => Err(RefusedBefore::NotFound(self.sought(identity).into())),
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
        self.find_by(
            &names,
            &self.authorities_with_mappings(&identity.issuers),
            consumers,
        )
    }

    /// Whose certificate it is and what was looked up in vain, for the log: who has a consumer for the common name does
    /// not see from it that there are other names, which count instead.
    fn sought(&self, identity: &ClientIdentity) -> String {
        let names: Vec<CertifiedName> = identity.names(self.common_name).flatten().collect();
        let told: Vec<String> = names
            .iter()
            .take(TOLD_NAMES)
            .map(|name| format!("`{}`", name.as_str()))
            .collect();
        let (subject, told) = (&identity.subject, told.join(", "));
        match names.len() {
            0 => format!("{subject}: it has no name to look up"),
            1..=TOLD_NAMES => format!("{subject}, by {told}"),
            all => format!("{subject}, by {told} and {} more of its names", all - TOLD_NAMES),
        }
    }

    /// The authorities on a path, its issuers by their SHA-256, that mappings are made for.
    pub fn authorities_with_mappings(&self, issuers: &[[u8; 32]]) -> Vec<Uuid> {
        let ids = issuers.iter().filter_map(|digest| self.authorities.get(digest));
        ids.filter(|id| self.mappings.by_authority.contains_key(id))
            .copied()
            .collect()
    }

    /// The first of these names that somebody has: mappings for one of `authorities` first.
    pub fn find_by(
        &self,
        names: &[CertifiedName],
        authorities: &[Uuid],
        consumers: &Consumers,
    ) -> Result<Option<(ConsumerKey, String)>, IdentityError> {
        let by_hand = authorities
            .iter()
            .filter_map(|id| self.mappings.by_authority.get(id));
        for index in by_hand.chain([&self.mappings.by_any]) {
            for name in names {
                if let Some(mapping) = one(index.find(name))? {
                    return Ok(Some((mapping.consumer, mapping.id.to_string())));
                }
            }
        }
        for name in names {
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
