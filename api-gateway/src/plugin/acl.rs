//! `acl`: may the caller's groups pass? Kong's algorithm, step by step, with two holes closed: group headers that a
//! client sends never arrive here, and never go on.

use std::collections::HashSet;

use http::{HeaderName, HeaderValue};

use crate::consumer::Consumer;
use crate::exchange::{AuthenticatedGroups, Exchange};
use crate::proxy::owned_headers::{AUTHENTICATED_GROUPS, CONSUMER_GROUPS};
use crate::rejection::Rejection;

/// A compiled `acl`.
#[derive(Debug)]
pub struct Acl {
    /// Which groups, and what being in one means.
    pub rule: Rule,
    /// Whether the groups are told upstream.
    pub groups_header: GroupsHeader,
    /// Whose groups count where both are known.
    pub precedence: Precedence,
    /// Whether the names of the consumer's consumer groups count too.
    pub consumer_groups: ConsumerGroups,
}

/// Allow or deny; comparison is exact.
#[derive(Debug)]
pub enum Rule {
    /// Members of any of these pass.
    Allow(HashSet<Box<str>>),
    /// Members of any of these are refused.
    Deny(HashSet<Box<str>>),
}

/// `hide_groups_header`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupsHeader {
    /// Written upstream.
    Sent,
    /// Not written.
    Hidden,
}

/// `always_use_authenticated_groups`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precedence {
    /// The consumer's own groups win over those that the credential named.
    ConsumersGroups,
    /// The other way round.
    AuthenticatedGroups,
}

/// `include_consumer_groups`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsumerGroups {
    /// Membership in a consumer group means nothing here.
    Ignored,
    /// Its name counts like an ACL group.
    Counted,
}

impl Acl {
    /// Judges the caller as known at this plugin's turn.
    pub fn access(&self, exchange: &mut Exchange<'_>) -> Result<(), Rejection> {
        let (name, value) = {
            let groups = self.groups(exchange)?;
            if !self.rule.lets_pass(&groups) {
                return Err(Rejection::AclDenied);
            }
            (groups.header_name(), groups.header_value())
        };
        if self.groups_header == GroupsHeader::Sent
            && let Some(value) = value
        {
            exchange.stamp(name, value);
        }
        Ok(())
    }

    /// Whose groups count here: Kong's §7.2.
    fn groups<'c>(&self, exchange: &'c Exchange<'_>) -> Result<Groups<'c>, Rejection> {
        let caller = &exchange.caller;
        let refused = || {
            if caller.credential.is_some() {
                Rejection::AclDenied
            } else {
                Rejection::AclUnauthenticated
            }
        };
        match (exchange.consumer(), &caller.authenticated_groups) {
            (None, None) => Err(refused()),
            (None, Some(groups)) => Ok(Groups::Authenticated(groups)),
            (Some(_), Some(groups))
                if caller.credential.is_none() || self.precedence == Precedence::AuthenticatedGroups =>
            {
                Ok(Groups::Authenticated(groups))
            }
            (Some(consumer), _) => {
                let groups = Groups::Consumers(consumer, self.consumer_groups);
                if groups.names().next().is_none() && matches!(self.rule, Rule::Allow(_)) {
                    return Err(refused());
                }
                Ok(groups)
            }
        }
    }
}

/// The groups that are judged.
enum Groups<'c> {
    /// Those that the credential named.
    Authenticated(&'c AuthenticatedGroups),
    /// The consumer's own.
    Consumers(&'c Consumer, ConsumerGroups),
}

impl Groups<'_> {
    fn names(&self) -> impl Iterator<Item = &str> {
        let (own, more): (&[Box<str>], &[Box<str>]) = match self {
            Self::Authenticated(groups) => (&groups.names, &[]),
            Self::Consumers(consumer, ConsumerGroups::Ignored) => (&consumer.groups, &[]),
            Self::Consumers(consumer, ConsumerGroups::Counted) => {
                (&consumer.groups, &consumer.consumer_groups)
            }
        };
        own.iter().chain(more).map(AsRef::as_ref)
    }

    fn header_name(&self) -> HeaderName {
        match self {
            Self::Authenticated(_) => AUTHENTICATED_GROUPS,
            Self::Consumers(_, _) => CONSUMER_GROUPS,
        }
    }

    /// `None` where no header can carry them, or one would be read as others.
    fn header_value(&self) -> Option<HeaderValue> {
        match self {
            Self::Consumers(consumer, ConsumerGroups::Ignored) => Some(consumer.groups_header.clone()),
            Self::Consumers(_, ConsumerGroups::Counted) => joined(self.names()),
            Self::Authenticated(groups) => groups.header.clone(),
        }
    }
}

/// Groups as a header has them.
pub fn joined<'g>(groups: impl Iterator<Item = &'g str>) -> Option<HeaderValue> {
    HeaderValue::from_bytes(groups.collect::<Vec<_>>().join(", ").as_bytes()).ok()
}

impl Rule {
    fn lets_pass(&self, groups: &Groups<'_>) -> bool {
        match self {
            Self::Allow(allowed) => groups.names().any(|group| allowed.contains(group)),
            Self::Deny(denied) => !groups.names().any(|group| denied.contains(group)),
        }
    }
}

#[cfg(test)]
mod tests;
