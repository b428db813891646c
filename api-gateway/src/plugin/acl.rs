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

/// Somebody whose groups are judged: the caller, or one of the principals of a request.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'c> {
    /// The consumer, if one was found.
    pub consumer: Option<&'c Consumer>,
    /// Whether a credential proved it; an anonymous consumer has none.
    pub has_credential: bool,
    /// Groups that the credential named.
    pub authenticated_groups: Option<&'c AuthenticatedGroups>,
}

impl Acl {
    /// Judges the caller as known at this plugin's turn.
    pub fn access(&self, exchange: &mut Exchange<'_>) -> Result<(), Rejection> {
        let (name, value) = {
            let groups = self.groups(Subject::caller(exchange))?;
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

    /// The groups that are judged, or the refusal of somebody who has none that could be.
    pub fn groups<'c>(&self, subject: Subject<'c>) -> Result<Groups<'c>, Rejection> {
        let refused = if subject.has_credential {
            Rejection::AclDenied
        } else {
            Rejection::AclUnauthenticated
        };
        let Some(groups) = subject.groups(self.precedence, self.consumer_groups) else {
            return Err(refused);
        };
        let none_of_his_own = matches!(groups, Groups::Consumers(..)) && groups.names().next().is_none();
        if none_of_his_own && matches!(self.rule, Rule::Allow(_)) {
            return Err(refused);
        }
        Ok(groups)
    }
}

impl<'c> Subject<'c> {
    /// The caller of a request, as far as it is known.
    pub fn caller(exchange: &'c Exchange<'_>) -> Self {
        let caller = &exchange.caller;
        Self {
            consumer: exchange.consumer(),
            has_credential: caller.credential.is_some(),
            authenticated_groups: caller.authenticated_groups.as_deref(),
        }
    }

    /// Whose groups count: Kong's §7.2. `None`: nobody's.
    pub fn groups(self, precedence: Precedence, consumer_groups: ConsumerGroups) -> Option<Groups<'c>> {
        match (self.consumer, self.authenticated_groups) {
            (None, None) => None,
            (None, Some(groups)) => Some(Groups::Authenticated(groups)),
            (Some(_), Some(groups))
                if !self.has_credential || precedence == Precedence::AuthenticatedGroups =>
            {
                Some(Groups::Authenticated(groups))
            }
            (Some(consumer), _) => Some(Groups::Consumers(consumer, consumer_groups)),
        }
    }
}

/// The groups that are judged.
#[derive(Clone, Copy, Debug)]
pub enum Groups<'c> {
    /// Those that the credential named.
    Authenticated(&'c AuthenticatedGroups),
    /// The consumer's own.
    Consumers(&'c Consumer, ConsumerGroups),
}

impl<'c> Groups<'c> {
    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &'c str> + use<'c> {
        let (own, more): (&'c [Box<str>], &'c [Box<str>]) = match *self {
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

    /// As a header has them. `None` where no header can carry them, or one would be read as others.
    pub fn header_value(&self) -> Option<HeaderValue> {
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
