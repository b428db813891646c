//! `ip-restriction`: which addresses may pass.

use std::net::IpAddr;

use http::StatusCode;
use ipnet::IpNet;

use crate::document::fields::Fields;
use crate::document::reader::At;
use crate::document::rule;

/// The configuration of `ip-restriction`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IpRestrictionConfig {
    /// Only these pass; empty: all that `deny` lets pass.
    pub allow: Vec<IpNet>,
    /// These do not pass, whatever `allow` says.
    pub deny: Vec<IpNet>,
    /// The status of a refusal.
    pub status: StatusCode,
    /// The text of a refusal; absent: Kong's, which names the address.
    pub message: Option<String>,
}

pub(super) fn read(at: At<'_>) -> Option<IpRestrictionConfig> {
    let mut fields = Fields::open(at)?;
    let allow = fields.or("allow", Vec::new(), rule::list(network));
    let deny = fields.or("deny", Vec::new(), rule::list(network));
    let status = fields.or("status", StatusCode::FORBIDDEN, rule::final_status);
    let message = fields.optional("message", rule::text);
    if !fields.is_filled("allow") && !fields.is_filled("deny") {
        at.refuse::<()>(
            "entity-check",
            "at least one of these fields must be non-empty: 'config.allow', 'config.deny'",
        );
    }
    fields.close();
    Some(IpRestrictionConfig {
        allow,
        deny,
        status,
        message,
    })
}

/// An address, or a network in CIDR form; bits of the host count for nothing, as for Kong.
fn network(at: At<'_>) -> Option<IpNet> {
    let text = rule::text(at)?;
    let network = text
        .parse::<IpNet>()
        .ok()
        .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    match network {
        Some(network) => Some(network.trunc()),
        None => at.refuse("invalid-value", format!("invalid ip or cidr range: '{text}'")),
    }
}
