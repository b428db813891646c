//! `key-auth`: where a key may come, and under which names.

use http::{HeaderName, HeaderValue};

use super::challenge::{challenge, hide_credentials, run_on_preflight};
use super::named_consumer::{NamedConsumer, anonymous};
use crate::document::fields::Fields;
use crate::document::reader::At;
use crate::document::rule;
use crate::document::tree::Located;
use crate::plugin::credential_auth::{Preflight, Visibility};

/// The configuration of `key-auth`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyAuthConfig {
    /// Names of headers and of arguments, in the order of looking: as written, and as a header.
    pub key_names: Vec<Located<(String, HeaderName)>>,
    /// Whether a key may come in a header.
    pub key_in_header: bool,
    /// Whether a key may come in the query.
    pub key_in_query: bool,
    /// Whether a key may come in the body.
    pub key_in_body: bool,
    /// Whether the upstream sees the key.
    pub hide_credentials: Visibility,
    /// Who a request is made for when authentication fails.
    pub anonymous: Option<Located<NamedConsumer>>,
    /// Whether `OPTIONS` needs a key too.
    pub run_on_preflight: Preflight,
    /// `WWW-Authenticate`, made of `realm`.
    pub challenge: HeaderValue,
}

pub(super) fn read(at: At<'_>) -> Option<KeyAuthConfig> {
    let mut fields = Fields::open(at)?;
    let default = at.located(("apikey".to_owned(), HeaderName::from_static("apikey")));
    let key_names = fields.or("key_names", vec![default], rule::list(rule::located(key_name)));
    let key_in_header = fields.or("key_in_header", true, rule::boolean);
    let key_in_query = fields.or("key_in_query", true, rule::boolean);
    let key_in_body = fields.or("key_in_body", false, rule::boolean);
    let hide_credentials = hide_credentials(&mut fields);
    let anonymous = anonymous(&mut fields);
    let run_on_preflight = run_on_preflight(&mut fields);
    let challenge = challenge(&mut fields, "Key", None);
    fields.optional("identity_realms", rule::list(identity_realm));
    fields.close();
    Some(KeyAuthConfig {
        key_names,
        key_in_header,
        key_in_query,
        key_in_body,
        hide_credentials,
        anonymous,
        run_on_preflight,
        challenge: challenge?,
    })
}

/// The name of a header, which is the name of an argument too.
fn key_name(at: At<'_>) -> Option<(String, HeaderName)> {
    let header = rule::header_name(at)?;
    let text = rule::text(at)?;
    Some((text, header))
}

/// The control plane's own realm is the document; there is no other here.
fn identity_realm(at: At<'_>) -> Option<()> {
    let mut fields = Fields::open(at)?;
    let scope = fields.optional("scope", rule::text);
    for elsewhere in ["id", "region"] {
        fields.absent(
            elsewhere,
            "unsupported-value",
            "realms of Konnect are not supported",
        );
    }
    if scope.is_some_and(|scope| scope != "cp") {
        fields.refuse::<()>(
            "scope",
            "unsupported-value",
            "realms of Konnect are not supported",
        );
    }
    fields.close();
    Some(())
}
