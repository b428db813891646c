//! Rules for single values of `openid-connect`.

use std::time::Duration;

use http::{HeaderName, Uri};

use crate::document::reader::At;
use crate::document::rule;
use crate::document::tree::{Located, Value};

/// Paths longer than that lead nowhere.
const DEEPEST_CLAIM: usize = 16;

/// An absolute `http` or `https` URL without a user's name in it.
pub(super) fn uri(at: At<'_>) -> Option<Uri> {
    let text = rule::text(at)?;
    let uri: Option<Uri> = text.parse().ok();
    let usable = uri.filter(|uri| {
        let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
        let authority = uri.authority().map_or("", http::uri::Authority::as_str);
        is_web && !authority.is_empty() && !authority.contains('@')
    });
    usable.or_else(|| at.refuse("invalid-value", "expected an http or https URL"))
}

/// The names of members, each within the one before.
pub(super) fn path(at: At<'_>) -> Option<Vec<String>> {
    let names = rule::list(rule::text)(at)?;
    if names.is_empty() {
        // Where none could be read, that has been told.
        return at
            .node
            .is_empty_list()
            .then(|| at.refuse("invalid-value", "length must be at least 1"))?;
    }
    if names.len() > DEEPEST_CLAIM {
        return at.refuse("invalid-value", format!("length must be at most {DEEPEST_CLAIM}"));
    }
    Some(names)
}

/// What a claim must hold. An empty list asks for nothing, which is told: it looks as if it did.
pub(super) fn required(at: At<'_>) -> Option<Vec<String>> {
    if at.node.is_empty_list() {
        at.warn("no-effect", "an empty list requires nothing: every token passes");
    }
    rule::list(|at: At<'_>| {
        let text = rule::text(at)?;
        if text.trim().is_empty() {
            return at.refuse("invalid-value", "expected a word");
        }
        Some(text)
    })(at)
}

/// Seconds, up to ten years.
pub(super) fn seconds(at: At<'_>) -> Option<Duration> {
    rule::seconds(315_360_000)(at)
}

/// Text, perhaps none.
pub(super) fn text_or_empty(at: At<'_>) -> Option<String> {
    match &at.node.value {
        Value::Text(text) if text.is_empty() => Some(String::new()),
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::Text(_)
        | Value::List(_)
        | Value::Map(_) => rule::text(at),
    }
}

/// `NAME` or `NAME:SCHEME`, as `authorization:bearer`. Kong writes the scheme with a capital.
pub(super) fn header_and_prefix(at: At<'_>) -> Option<(Located<HeaderName>, String)> {
    let text = rule::text(at)?;
    let (name, scheme) = match text.split_once(':') {
        Some((name, scheme)) => (name, Some(scheme)),
        None => (text.as_str(), None),
    };
    let prefix = match scheme {
        None | Some("") => String::new(),
        Some(scheme) if scheme.eq_ignore_ascii_case("bearer") => "Bearer ".to_owned(),
        Some(scheme) if scheme.eq_ignore_ascii_case("basic") => "Basic ".to_owned(),
        Some(_) => {
            return at.refuse(
                "invalid-value",
                "expected a header name, or a header name and ':bearer'",
            );
        }
    };
    match HeaderName::from_bytes(name.as_bytes()) {
        Ok(name) => Some((at.located(name), prefix)),
        Err(_) => at.refuse("invalid-value", format!("'{name}' is not a valid header name")),
    }
}
