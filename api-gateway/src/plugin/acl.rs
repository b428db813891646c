//! `acl`: may the caller's groups pass? Kong's algorithm, step by step, with two holes closed: group headers that a
//! client sends never arrive here, and never go on.

use std::collections::HashSet;

use http::HeaderValue;

use crate::exchange::Exchange;
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
        let caller = &exchange.caller;
        let refused = || {
            if caller.credential.is_some() {
                Rejection::AclDenied
            } else {
                Rejection::AclUnauthenticated
            }
        };
        let (groups, header): (Vec<&str>, _) = match (exchange.consumer(), &caller.authenticated_groups) {
            (None, None) => return Err(refused()),
            (None, Some(groups)) => (texts(groups).collect(), AUTHENTICATED_GROUPS),
            (Some(_), Some(groups))
                if caller.credential.is_none() || self.precedence == Precedence::AuthenticatedGroups =>
            {
                (texts(groups).collect(), AUTHENTICATED_GROUPS)
            }
            (Some(consumer), _) => {
                let mut groups: Vec<&str> = texts(&consumer.groups).collect();
                if self.consumer_groups == ConsumerGroups::Counted {
                    groups.extend(texts(&consumer.consumer_groups));
                }
                if groups.is_empty() && matches!(self.rule, Rule::Allow(_)) {
                    return Err(refused());
                }
                (groups, CONSUMER_GROUPS)
            }
        };
        if !self.rule.lets_pass(&groups) {
            return Err(Rejection::AclDenied);
        }
        if self.groups_header == GroupsHeader::Sent
            && let Ok(value) = HeaderValue::from_bytes(groups.join(", ").as_bytes())
        {
            exchange.stamp(header, value);
        }
        Ok(())
    }
}

fn texts(groups: &[Box<str>]) -> impl Iterator<Item = &str> {
    groups.iter().map(AsRef::as_ref)
}

impl Rule {
    fn lets_pass(&self, groups: &[&str]) -> bool {
        match self {
            Self::Allow(allowed) => groups.iter().any(|group| allowed.contains(*group)),
            Self::Deny(denied) => !groups.iter().any(|group| denied.contains(*group)),
        }
    }
}
