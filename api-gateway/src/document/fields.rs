//! The fields of a mapping.
//!
//! An entity's file reads as a list of its fields: a [`Fields`] is opened on its node, each field is taken with its
//! rule, and [`Fields::close`] tells the keys that nobody asked for.

use transport::finding::Finding;
use transport::layers::nearest;

use super::reader::{At, Trail};
use super::tree::{Key, Located, Node, Value};

/// Kong's collections that are not built yet; an empty one says nothing and is passed over.
const UNSUPPORTED_COLLECTIONS: &[&str] = &[
    "acme_storage",
    "clustering_data_planes",
    "consumer_group_overrides",
    "consumer_group_plugins",
    "degraphql_routes",
    "filter_chains",
    "graphql_ratelimiting_advanced_cost_decoration",
    "hmacauth_credentials",
    "jwt_signer_jwks",
    "key_sets",
    "keyauth_enc_credentials",
    "keys",
    "licenses",
    "oauth2_authorization_codes",
    "oauth2_credentials",
    "oauth2_tokens",
    "parameters",
    "partials",
    "plugins_partials",
    "sessions",
    "vault_auth_vaults",
    "vaults",
];

/// The fields of one mapping.
pub(super) struct Fields<'a> {
    pub(super) at: At<'a>,
    pairs: &'a [(Key, Node)],
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// Opens a mapping; anything else is Kong's `expected a record`.
    pub(super) fn open(at: At<'a>) -> Option<Self> {
        match &at.node.value {
            Value::Map(pairs) => Some(Self {
                at,
                pairs,
                known: Vec::with_capacity(16),
            }),
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::Text(_)
            | Value::List(_) => at.refuse("wrong-type", "expected a record"),
        }
    }

    /// A field that may be absent or null.
    pub(super) fn optional<T>(
        &mut self,
        name: &'static str,
        rule: impl FnOnce(At<'_>) -> Option<T>,
    ) -> Option<T> {
        let (_, node) = self.find(name)?;
        if node.value == Value::Null {
            return None;
        }
        let trail = Trail::Key(self.at.trail, name);
        rule(At {
            node,
            trail: &trail,
            context: self.at.context,
        })
    }

    /// A field with a default, which null stands for as well.
    pub(super) fn or<T>(
        &mut self,
        name: &'static str,
        default: T,
        rule: impl FnOnce(At<'_>) -> Option<T>,
    ) -> T {
        self.optional(name, rule).unwrap_or(default)
    }

    /// A field that must be there.
    pub(super) fn required<T>(
        &mut self,
        name: &'static str,
        rule: impl FnOnce(At<'_>) -> Option<T>,
    ) -> Option<T> {
        if !self.has(name) {
            self.known.push(name);
            return self.refuse(name, "required-field-missing", "required field missing");
        }
        self.optional(name, rule)
    }

    /// A record that is read as an empty one where it is absent, so that what it lacks is told.
    pub(super) fn record<T>(
        &mut self,
        name: &'static str,
        rule: impl FnOnce(At<'_>) -> Option<T>,
    ) -> Option<T> {
        if self.has(name) {
            return self.optional(name, rule);
        }
        self.known.push(name);
        let node = Node {
            place: self.at.node.place,
            value: Value::Map(Vec::new()),
        };
        let trail = Trail::Key(self.at.trail, name);
        rule(At {
            node: &node,
            trail: &trail,
            context: self.at.context,
        })
    }

    /// A field that must not be set, such as one of a feature that is not built yet.
    pub(super) fn absent(&mut self, name: &'static str, code: &'static str, message: &str) {
        self.optional::<()>(name, |at| at.refuse(code, message));
    }

    /// A field of which nothing is used.
    pub(super) fn ignored(&mut self, name: &'static str) {
        self.known.push(name);
    }

    /// Whether the field is written and not null. Does not make it known.
    pub(super) fn has(&self, name: &str) -> bool {
        self.at.node.get(name).is_some()
    }

    /// Whether the field is written at all. Does not make it known.
    pub(super) fn is_written(&self, name: &str) -> bool {
        self.pairs.iter().any(|(key, _)| &*key.text == name)
    }

    /// Whether the field is written with something in it: not null and no empty list. What is in it may be wrong.
    pub(super) fn is_filled(&self, name: &str) -> bool {
        self.at.node.get(name).is_some_and(|node| !node.is_empty_list())
    }

    /// Tells an error about a field: at its value if it is there, else at the mapping.
    pub(super) fn refuse<T>(
        &self,
        name: &'static str,
        code: &'static str,
        message: impl Into<String>,
    ) -> Option<T> {
        let node = self.at.node.get(name).unwrap_or(self.at.node);
        let trail = Trail::Key(self.at.trail, name);
        At {
            node,
            trail: &trail,
            context: self.at.context,
        }
        .refuse(code, message)
    }

    /// Tells an error about a key of the mapping that a field holds.
    pub(super) fn refuse_key<T>(
        &self,
        name: &'static str,
        key: &Located<String>,
        code: &'static str,
        message: impl Into<String>,
    ) -> Option<T> {
        let field = Trail::Key(self.at.trail, name);
        let node = Node {
            place: key.place,
            value: Value::Null,
        };
        let trail = Trail::Key(&field, &key.value);
        At {
            node: &node,
            trail: &trail,
            context: self.at.context,
        }
        .refuse(code, message)
    }

    /// Tells what nobody asked for.
    pub(super) fn close(mut self) {
        for common in ["_comment", "_ignore"] {
            self.known.push(common);
        }
        for (key, node) in self.pairs {
            if !self.known.contains(&&*key.text) {
                self.unknown(key, node);
            }
        }
    }

    fn unknown(&self, key: &Key, node: &Node) {
        let trail = Trail::Key(self.at.trail, &key.text);
        let origin = self.at.context.log.origin(key.place);
        if UNSUPPORTED_COLLECTIONS.contains(&&*key.text) {
            let is_empty = match &node.value {
                Value::Null => true,
                Value::List(nodes) => nodes.is_empty(),
                Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) | Value::Map(_) => false,
            };
            if !is_empty {
                let message = trail.named("entities of this kind are not supported yet".to_owned());
                self.at.context.log.push(Finding::error(
                    "unsupported-entity",
                    origin,
                    trail.to_string(),
                    message,
                ));
            }
            return;
        }
        let fix = match &*key.text {
            "_info" | "_workspace" | "_konnect" | "_plugin_configs" => {
                Some("this key is decK's and has no place in a DB-less document: remove it".to_owned())
            }
            "groups" if self.known.contains(&"custom_id") => {
                Some("this is decK's form: write `consumer_group_consumers` at the top level".to_owned())
            }
            _ if self.at.context.log.is_full() => None,
            text => nearest(text, self.known.iter().copied()).map(|name| format!("did you mean '{name}'?")),
        };
        let message = trail.named("unknown field".to_owned());
        let finding = Finding::error("unknown-field", origin, trail.to_string(), message);
        self.at.context.log.push(match fix {
            Some(fix) => finding.with_fix(fix),
            None => finding,
        });
    }

    fn find(&mut self, name: &'static str) -> Option<&'a (Key, Node)> {
        self.known.push(name);
        self.pairs.iter().find(|(key, _)| &*key.text == name)
    }
}
