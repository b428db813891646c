//! What tells one turn in a chain from another.

use crate::plugin::acl::{ConsumerGroups, Precedence, Rule};
use crate::plugin::{Plugin, Slot};

/// What a slot does: of many routes each may have an `acl` of its own that says what others say.
#[derive(PartialEq, Eq, Hash)]
pub(super) enum SlotKey<'s> {
    /// Its groups, in order; whether they are let pass; whose count, and whether consumer groups do.
    Acl(Vec<&'s str>, [bool; 3]),
    Places([usize; 4]),
}

impl<'s> SlotKey<'s> {
    pub(super) fn of(slot: &'s Slot) -> Self {
        let Some(Plugin::Acl(acl)) = slot.for_everybody().filter(|_| slot.scopes().is_none()) else {
            return Self::Places(slot.places());
        };
        let (Rule::Allow(groups) | Rule::Deny(groups)) = &acl.rule;
        let mut groups: Vec<&str> = groups.iter().map(AsRef::as_ref).collect();
        groups.sort_unstable();
        let says = [
            matches!(acl.rule, Rule::Allow(_)),
            acl.precedence == Precedence::ConsumersGroups,
            acl.consumer_groups == ConsumerGroups::Counted,
        ];
        Self::Acl(groups, says)
    }
}
