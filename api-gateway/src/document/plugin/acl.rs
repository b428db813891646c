//! `acl`: which groups may pass.

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
