//! `basic-auth`: user names and passwords.

use http::HeaderValue;

use super::challenge::{challenge, hide_credentials};
use super::named_consumer::{NamedConsumer, anonymous};
use crate::document::fields::Fields;
use crate::document::reader::At;
use crate::document::rule;
use crate::document::tree::Located;
use crate::plugin::credential_auth::Visibility;

/// The configuration of `basic-auth`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BasicAuthConfig {
    /// Whether the upstream sees the password.
    pub hide_credentials: Visibility,
    /// Who a request is made for when authentication fails.
    pub anonymous: Option<Located<NamedConsumer>>,
    /// `WWW-Authenticate`, made of `realm`.
    pub challenge: HeaderValue,
}

pub(super) fn read(at: At<'_>) -> Option<BasicAuthConfig> {
    let mut fields = Fields::open(at)?;
    let hide_credentials = hide_credentials(&mut fields);
    let anonymous = anonymous(&mut fields);
    let challenge = challenge(&mut fields, "Basic", Some("service"));
    fields.optional("brute_force_protection", brute_force_protection);
    fields.close();
    Some(BasicAuthConfig {
        hide_credentials,
        anonymous,
        challenge: challenge?,
    })
}

/// It counts failures in a store that nodes share, which there is none of here.
fn brute_force_protection(at: At<'_>) -> Option<()> {
    let mut fields = Fields::open(at)?;
    fields.optional("strategy", |at| match rule::text(at)?.as_str() {
        "off" => Some(()),
        _ => at.refuse(
            "unsupported-value",
            "brute force protection is not supported: expected 'off'",
        ),
    });
    fields.ignored("redis");
    fields.close();
    Some(())
}
