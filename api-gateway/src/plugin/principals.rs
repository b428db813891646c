//! `principals` (ours, not Kong's): everybody who must have been authenticated, how they belong together, and the groups
//! of each.
//!
//! The threat: two credentials on one request that are each good and are not each other's. Kong keeps the last consumer,
//! so a partner's token with a stranger's certificate passes an `acl` that asks for partners. Here every principal is
//! still on record and is judged by what its own credential proved. Nobody is a principal by being anonymous.

mod header_names;
mod tags;

use std::collections::HashSet;
use std::sync::Arc;

use http::HeaderValue;

use crate::consumer::{Consumer, Consumers};
use crate::exchange::{Exchange, Principal};
use crate::plugin::acl::{ConsumerGroups, Groups, Precedence, Subject};
use crate::rejection::Rejection;

pub use self::header_names::{HeaderNames, UnusableName};
pub use self::tags::Tags;

/// A compiled `principals`.
#[derive(Debug)]
pub struct Principals {
    /// In the order of `require`.
    pub required: Box<[Required]>,
    /// How they must belong together.
    pub bond: Option<Bond>,
    /// Whose groups count where both are known.
    pub precedence: Precedence,
    /// Whether the names of consumer groups count too.
    pub consumer_groups: ConsumerGroups,
}

/// One principal that must be there.
#[derive(Debug)]
pub struct Required {
    /// The plugin that authenticates it, by its name as configured.
    pub plugin: Arc<str>,
    /// Members of any of these pass; `None`: its groups do not matter.
    pub allow: Option<HashSet<Box<str>>>,
    /// Where the upstream is told who it is.
    pub headers: Option<HeaderNames>,
}

/// `same`: what the consumers of all required principals must have in common. One without a consumer has nothing.
#[derive(Debug)]
pub enum Bond {
    /// They are one.
    Consumer,
    /// Their `custom_id`, octet by octet.
    CustomId,
    /// At least one tag with a prefix.
    Tag(Arc<Tags>),
}

/// Two principals that do not belong together. For the log: which, and by what.
#[derive(Debug, thiserror::Error)]
#[error("whom '{first}' and '{other}' authenticated {apart}")]
pub struct PrincipalsDiffer {
    first: Arc<str>,
    other: Arc<str>,
    apart: Box<str>,
}

impl Principals {
    /// Judges everybody on record.
    pub fn access(&self, exchange: &mut Exchange<'_>) -> Result<(), Rejection> {
        let consumers = exchange.consumers;
        let on_record = &exchange.caller.principals;
        for required in &self.required {
            required.find(on_record)?;
        }
        self.judge_bond(on_record, consumers)?;
        for required in &self.required {
            let principal = required.find(on_record)?;
            if !required.lets_pass(self.groups(principal, consumers)) {
                let plugin = Arc::clone(&required.plugin);
                return Err(Rejection::PrincipalDenied { plugin });
            }
        }
        self.write_headers(exchange);
        Ok(())
    }

    /// The groups that count for one of them: as `acl` would have it, were this the only one.
    pub fn groups<'c>(&self, principal: &'c Principal, consumers: &'c Consumers) -> Option<Groups<'c>> {
        let subject = Subject {
            consumer: principal.consumer.and_then(|key| consumers.get(key)),
            has_credential: true,
            authenticated_groups: principal.groups.as_deref(),
        };
        subject.groups(self.precedence, self.consumer_groups)
    }

    fn judge_bond(&self, on_record: &[Principal], consumers: &Consumers) -> Result<(), Rejection> {
        let (Some(bond), Some((first, others))) = (&self.bond, self.required.split_first()) else {
            return Ok(());
        };
        let found = first.find(on_record)?;
        let apart = |other: &&Required| {
            let other = other.find(on_record);
            !other.is_ok_and(|other| bond.joins(found, other, consumers))
        };
        let keys = || {
            let found = self.required.iter().map(|required| required.find(on_record));
            found.filter_map(|principal| principal.ok()?.consumer)
        };
        let differing = match (others.iter().find(apart), bond) {
            // Each may share a tag with the first, and not all the same one.
            (None, Bond::Tag(tags)) if others.len() > 1 && !tags.any_in_common(keys) => others.last(),
            (differing, _) => differing,
        };
        match differing {
            None => Ok(()),
            Some(other) => Err(Rejection::PrincipalsDiffer(PrincipalsDiffer {
                first: Arc::clone(&first.plugin),
                other: Arc::clone(&other.plugin),
                apart: bond.missing().into(),
            })),
        }
    }

    fn write_headers(&self, exchange: &mut Exchange<'_>) {
        let consumers = exchange.consumers;
        for required in &self.required {
            let Some(names) = &required.headers else { continue };
            let mut told: [Option<HeaderValue>; HeaderNames::COUNT] = Default::default();
            if let Ok(principal) = required.find(&exchange.caller.principals) {
                let consumer = principal.consumer.and_then(|key| consumers.get(key));
                let groups = self.groups(principal, consumers);
                told = values(principal, consumer, groups);
            }
            for (name, value) in names.all().zip(told) {
                if let Some(value) = value {
                    exchange.stamp(name.clone(), value);
                }
            }
        }
    }
}

/// In the order of [`HeaderNames`]. What no header can carry is left out.
fn values(
    principal: &Principal,
    consumer: Option<&Consumer>,
    groups: Option<Groups<'_>>,
) -> [Option<HeaderValue>; HeaderNames::COUNT] {
    let name = |name: &crate::consumer::Name| name.header.clone();
    [
        consumer.map(|consumer| consumer.id_header.clone()),
        consumer.and_then(|consumer| consumer.username.as_ref()).map(name),
        consumer
            .and_then(|consumer| consumer.custom_id.as_ref())
            .map(name),
        principal
            .credential
            .as_ref()
            .and_then(|credential| credential.identifier.clone()),
        Some(principal.proof.subject())
            .filter(|subject| !subject.is_empty())
            .and_then(|subject| HeaderValue::from_bytes(subject.as_bytes()).ok()),
        groups.and_then(|groups| groups.header_value()),
        Some(HeaderValue::from_static(principal.proof.evidence())),
    ]
}

impl Required {
    /// The principal that its plugin has put on record. One plugin has one turn in a chain, so there is one at most.
    pub fn find<'p>(&self, on_record: &'p [Principal]) -> Result<&'p Principal, Rejection> {
        let found = on_record.iter().find(|principal| principal.plugin == self.plugin);
        found.ok_or_else(|| Rejection::PrincipalMissing {
            plugin: Arc::clone(&self.plugin),
        })
    }

    fn lets_pass(&self, groups: Option<Groups<'_>>) -> bool {
        let Some(allowed) = &self.allow else { return true };
        groups.is_some_and(|groups| groups.names().any(|group| allowed.contains(group)))
    }
}

impl Bond {
    fn joins(&self, one: &Principal, other: &Principal, consumers: &Consumers) -> bool {
        let Some((one, other)) = one.consumer.zip(other.consumer) else {
            return false;
        };
        let custom_id = |key| Some(&*consumers.get(key)?.custom_id.as_ref()?.text);
        match self {
            Self::Consumer => one == other,
            Self::CustomId => custom_id(one).is_some() && custom_id(one) == custom_id(other),
            Self::Tag(tags) => tags.any_in_common(|| [one, other].into_iter()),
        }
    }

    /// What is said of two whom it does not join.
    fn missing(&self) -> String {
        match self {
            Self::Consumer => "are not one consumer".to_owned(),
            Self::CustomId => "have not one custom_id".to_owned(),
            Self::Tag(tags) => format!("have no tag in common that begins with '{}'", tags.prefix()),
        }
    }
}

#[cfg(test)]
mod tests;
