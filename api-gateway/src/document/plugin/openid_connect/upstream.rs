//! What the upstream gets of a token.

use http::HeaderName;

use super::words::{header_and_prefix, path};
use crate::document::fields::Fields;
use crate::document::reader::At;
use crate::document::rule;
use crate::document::tree::{Located, Value};

/// What is written counts, also beside `hide_credentials`; the default is not stronger than that.
pub(super) fn read_token_header(fields: &mut Fields<'_>) -> Option<(Located<HeaderName>, String)> {
    if fields.is_written("upstream_access_token_header") {
        return fields.optional("upstream_access_token_header", header_and_prefix);
    }
    let hides = matches!(
        fields.at.node.get("hide_credentials").map(|node| &node.value),
        Some(Value::Bool(true))
    );
    fields.ignored("upstream_access_token_header");
    let header = fields.at.located(http::header::AUTHORIZATION);
    (!hides).then(|| (header, "Bearer ".to_owned()))
}

pub(super) fn read_upstream_headers(fields: &mut Fields<'_>) -> Vec<(Located<HeaderName>, Vec<String>)> {
    let claims = fields.or("upstream_headers_claims", Vec::new(), rule::list(rule::text));
    let names = fields.or(
        "upstream_headers_names",
        Vec::new(),
        rule::list(rule::located(rule::header_name)),
    );
    if claims.len() != names.len() {
        let message = "upstream_headers_claims and upstream_headers_names must be of one length";
        fields.refuse::<()>("upstream_headers_names", "entity-check", message);
    }
    let further = fields.or(
        "upstream_headers",
        Vec::new(),
        rule::list(|at: At<'_>| {
            let mut fields = Fields::open(at)?;
            let header = fields.required("header", rule::located(rule::header_name));
            let path = fields.required("path", path);
            fields.close();
            Some((header?, path?))
        }),
    );
    let named = names.into_iter().zip(claims.into_iter().map(|claim| vec![claim]));
    named.chain(further).collect()
}
