//! What must not be printed: tokens, keys, passwords. Where a credential may stand, its length is all that is told.

use std::collections::HashSet;

use http::{HeaderName, HeaderValue, Uri, header};

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
        self.known.push(secret);
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

    /// A URI whose arguments hold no credential.
    pub(super) fn uri(&self, uri: &Uri) -> String {
        let text = uri.to_string();
        let Some((path, query)) = text.split_once('?') else {
            return text;
        };
        let shown = query::arguments(query).map(|argument| {
            if self.arguments.contains(&*argument.name) && argument.value.is_some() {
                format!("{}=…", String::from_utf8_lossy(&argument.name))
            } else {
                argument.raw().to_owned()
            }
        });
        format!("{path}?{}", shown.collect::<Vec<_>>().join("&"))
    }

    /// A text in which nothing that was given as a secret stands any more.
    pub(super) fn taken_out(&self, text: String) -> String {
        let long = self.known.iter().filter(|secret| secret.len() >= SHORTEST);
        long.fold(text, |text, secret| text.replace(secret.as_str(), "…"))
    }
}
