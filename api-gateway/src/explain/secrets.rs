//! What must not be printed: tokens, keys, passwords. Where a credential may stand, its length is all that is told.

use std::collections::HashSet;

use http::request::Parts;
use http::{HeaderName, HeaderValue, Uri, header};
use serde_json::Value;

use crate::form::Form;
use crate::plugin::Plugin;
use crate::proxy::owned_headers::OwnedHeaders;
use crate::query;
use crate::snapshot::Snapshot;

/// Where credentials may stand, and which ones are known.
#[derive(Debug)]
pub(super) struct Secrets<'s> {
    owned: &'s OwnedHeaders,
    headers: HashSet<HeaderName>,
    /// Of the query, by their decoded names.
    arguments: HashSet<Vec<u8>>,
    known: Vec<String>,
}

const HEADERS: [HeaderName; 5] = [
    header::AUTHORIZATION,
    header::PROXY_AUTHORIZATION,
    header::COOKIE,
    HeaderName::from_static("access-token"),
    HeaderName::from_static("x-access-token"),
];
const ARGUMENTS: [&str; 2] = ["access_token", "jwt"];

/// A shorter one may be a part of any word.
const SHORTEST: usize = 8;
/// More of a certificate tells nobody anything.
const LONGEST_SHOWN: usize = 120;

impl<'s> Secrets<'s> {
    /// Those that plugins of this configuration look for, and those that are usual.
    pub(super) fn of(snapshot: &'s Snapshot) -> Self {
        let mut secrets = Self {
            owned: &snapshot.owned,
            headers: HEADERS.into_iter().collect(),
            arguments: ARGUMENTS.iter().map(|name| name.as_bytes().to_vec()).collect(),
            known: Vec::new(),
        };
        for slot in snapshot.routes.iter().flat_map(|route| route.chain.slots()) {
            match slot.for_everybody() {
                Some(Plugin::KeyAuth(plugin)) => {
                    for name in &plugin.names {
                        secrets.headers.insert(name.header.clone());
                        secrets.arguments.insert(name.argument.as_bytes().to_vec());
                    }
                }
                Some(Plugin::Jwt(plugin)) => {
                    let names = plugin.places.arguments.iter();
                    secrets
                        .arguments
                        .extend(names.map(|name| name.as_bytes().to_vec()));
                    secrets.headers.extend(plugin.places.headers.iter().cloned());
                }
                Some(_) | None => {}
            }
        }
        secrets
    }

    /// Adds one that was given, wherever it may turn up.
    pub(super) fn add(&mut self, secret: String) {
        if !secret.is_empty() {
            self.known.push(secret);
        }
    }

    /// Notes what stands where credentials may stand: an answer may tell the request, and another header may repeat it.
    pub(super) fn learn(&mut self, head: &Parts, form: &Form) {
        let fields = self.arguments.iter().flat_map(|name| form.values(name)).flatten();
        let mut found: Vec<String> = fields
            .map(|value| String::from_utf8_lossy(&value).into_owned())
            .collect();
        for (name, value) in &head.headers {
            if !value.is_sensitive() && !self.holds_a_credential(name) {
                continue;
            }
            let text = String::from_utf8_lossy(value.as_bytes());
            if *name == header::COOKIE {
                let values = text.split(';').filter_map(|pair| pair.split_once('='));
                found.extend(values.map(|(_, value)| value.trim().to_owned()));
            }
            if let Some((_, credential)) = text.split_once(' ') {
                found.push(credential.trim().to_owned());
            }
            found.push(text.into_owned());
        }
        for argument in query::arguments(head.uri.query().unwrap_or_default()) {
            if let (true, Some(value)) = (self.may_hold_one(&argument.name), &argument.value) {
                found.push(String::from_utf8_lossy(value).into_owned());
                let raw = argument.raw().split_once('=').map(|(_, raw)| raw.to_owned());
                found.extend(raw);
            }
        }
        // The longest first: one may be a part of another.
        found.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        for secret in found {
            self.add(secret);
        }
    }

    /// A header's value: no credential, and no more of a certificate than that there is one.
    pub(super) fn header(&self, name: &HeaderName, value: &HeaderValue) -> String {
        let octets = value.len();
        if value.is_sensitive() || self.holds_a_credential(name) {
            let scheme = value.to_str().ok().and_then(|text| text.split_once(' '));
            let has_scheme = [header::AUTHORIZATION, header::PROXY_AUTHORIZATION].contains(name);
            return match scheme.filter(|_| has_scheme) {
                Some((scheme, _)) => format!("{scheme} … ({octets} octets)"),
                None => format!("… ({octets} octets)"),
            };
        }
        let text = String::from_utf8_lossy(value.as_bytes());
        if *name == header::LOCATION {
            return self.target(&text);
        }
        if self.owned.owner(name).is_some() && octets > LONGEST_SHOWN {
            let begin: String = text.chars().take(LONGEST_SHOWN).collect();
            return format!("{begin}… ({octets} octets)");
        }
        text.into_owned()
    }

    /// `_` counts as `-`, as it does for `key-auth`.
    fn holds_a_credential(&self, name: &HeaderName) -> bool {
        let folded = |name: &HeaderName| name.as_str().replace('_', "-");
        let wanted = folded(name);
        self.headers.iter().any(|known| folded(known) == wanted)
    }

    /// Of an argument case counts, and whoever mistypes it has a credential there all the same.
    fn may_hold_one(&self, argument: &[u8]) -> bool {
        self.arguments
            .iter()
            .any(|known| known.eq_ignore_ascii_case(argument))
    }

    /// A URI whose arguments hold no credential.
    pub(super) fn uri(&self, uri: &Uri) -> String {
        self.target(&uri.to_string())
    }

    fn target(&self, text: &str) -> String {
        let Some((path, query)) = text.split_once('?') else {
            return text.to_owned();
        };
        let shown = query::arguments(query).map(|argument| {
            if self.may_hold_one(&argument.name) && argument.value.is_some() {
                format!("{}=…", String::from_utf8_lossy(&argument.name))
            } else {
                argument.raw().to_owned()
            }
        });
        format!("{path}?{}", shown.collect::<Vec<_>>().join("&"))
    }

    /// The body of an answer, which may be JSON that tells the request: there a secret is a text of its own, however short.
    pub(super) fn body(&self, body: String) -> String {
        let quoted = |secret: &String| Value::from(secret.as_str()).to_string();
        let body = self
            .known
            .iter()
            .fold(body, |body, secret| body.replace(&quoted(secret), "\"…\""));
        self.taken_out(body)
    }

    /// A text in which nothing that was given as a secret stands any more, as it was or as JSON writes it.
    pub(super) fn taken_out(&self, text: String) -> String {
        let long = self.known.iter().filter(|secret| secret.len() >= SHORTEST);
        long.fold(text, |text, secret| {
            let quoted = Value::from(secret.as_str()).to_string();
            let escaped = quoted.trim_matches('"');
            text.replace(secret.as_str(), "…").replace(escaped, "…")
        })
    }
}
