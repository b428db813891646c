//! `acl`: which groups may pass.

use crate::document::fields::Fields;
use crate::document::reader::At;
use crate::document::rule;
use crate::document::tree::Located;

/// The configuration of `acl`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AclConfig {
    /// Who may pass.
    pub rule: AclRule,
    /// Whether the upstream is not told the groups.
    pub hide_groups_header: bool,
    /// Whether groups from authentication win over the consumer's own.
    pub always_use_authenticated_groups: bool,
    /// Whether the names of the consumer's `consumer_groups` count as well.
    pub include_consumer_groups: bool,
}

/// Exactly one of the two, never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AclRule {
    /// Members of any of these pass, nobody else.
    Allow(Vec<Located<String>>),
    /// Members of any of these do not pass.
    Deny(Vec<Located<String>>),
}

pub(super) fn read(at: At<'_>) -> Option<AclConfig> {
    let mut fields = Fields::open(at)?;
    let groups = || rule::list(rule::located(rule::text));
    let allow = fields.or("allow", Vec::new(), groups());
    let deny = fields.or("deny", Vec::new(), groups());
    let hide_groups_header = fields.or("hide_groups_header", false, rule::boolean);
    let always_use_authenticated_groups = fields.or("always_use_authenticated_groups", false, rule::boolean);
    let include_consumer_groups = fields.or("include_consumer_groups", false, rule::boolean);
    let rule = match (fields.is_filled("allow"), fields.is_filled("deny")) {
        (true, false) => Some(AclRule::Allow(allow)),
        (false, true) => Some(AclRule::Deny(deny)),
        (true, true) => at.refuse(
            "entity-check",
            "exactly one of these fields must be non-empty: 'config.allow', 'config.deny'",
        ),
        (false, false) => at.refuse(
            "entity-check",
            "at least one of these fields must be non-empty: 'config.allow', 'config.deny'",
        ),
    };
    fields.close();
    Some(AclConfig {
        rule: rule?,
        hide_groups_header,
        always_use_authenticated_groups,
        include_consumer_groups,
    })
}
