//! Reading fields out of the tree: each problem becomes a finding and reading goes on, so that all are told at once.
//!
//! An entity's file reads as a list of its fields: a [`Fields`] is opened on its node, each field is taken with its
//! rule (a function from a value's place to what it means), and [`Fields::close`] tells the keys that nobody asked for.

use std::cell::RefCell;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use rustls::pki_types::UnixTime;
use transport::finding::{Finding, Origin, Severity};
use transport::layers::nearest;
use uuid::Uuid;

use super::entries::{Collection, Entries};
use super::plugin::PluginKind;

use super::tree::{Key, Located, Node, Place, Value};

/// Nobody reads more problems than this; what is left over is only counted.
const MAX_FINDINGS: usize = 1000;

/// Kong's collections that are not built yet; an empty one says nothing and is passed over.
const UNSUPPORTED_COLLECTIONS: &[&str] = &[
    "acme_storage",
    "basicauth_credentials",
    "clustering_data_planes",
    "consumer_group_overrides",
    "consumer_group_plugins",
    "degraphql_routes",
    "filter_chains",
    "graphql_ratelimiting_advanced_cost_decoration",
    "hmacauth_credentials",
    "jwt_secrets",
    "jwt_signer_jwks",
    "key_sets",
    "keyauth_credentials",
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
    "targets",
    "upstreams",
    "vault_auth_vaults",
    "vaults",
];

/// The findings of one document.
pub(super) struct Log {
    source: Arc<str>,
    findings: RefCell<Vec<Finding>>,
    dropped: RefCell<usize>,
}

impl Log {
    pub(super) fn new(source: Arc<str>) -> Self {
        Self {
            source,
            findings: RefCell::default(),
            dropped: RefCell::default(),
        }
    }

    pub(super) fn origin(&self, place: Place) -> Origin {
        Origin::File {
            file: Arc::clone(&self.source),
            line: place.line,
            column: place.column,
        }
    }

    pub(super) fn push(&self, finding: Finding) {
        let mut findings = self.findings.borrow_mut();
        if findings.len() < MAX_FINDINGS {
            findings.push(finding);
        } else {
            *self.dropped.borrow_mut() += 1;
        }
    }

    pub(super) fn has_errors(&self) -> bool {
        *self.dropped.borrow() > 0
            || self
                .findings
                .borrow()
                .iter()
                .any(|finding| finding.severity == Severity::Error)
    }

    /// The findings in the order of the text.
    pub(super) fn into_findings(self) -> Vec<Finding> {
        let mut findings = self.findings.into_inner();
        findings.sort_by(|one, other| one.origin.cmp(&other.origin));
        let dropped = self.dropped.into_inner();
        if dropped > 0 {
            let message = format!("{dropped} further problems are not shown");
            findings.push(Finding::error(
                "too-many-problems",
                Origin::Whole(self.source),
                "",
                message,
            ));
        }
        findings
    }
}

/// The path of a value, as findings show it: `services[0].routes[1].paths[0]`.
#[derive(Clone, Copy)]
pub(super) enum Trail<'a> {
    Root,
    Entry(&'a Entries<'a>, usize),
    Key(&'a Trail<'a>, &'a str),
    Index(&'a Trail<'a>, usize),
}

impl fmt::Display for Trail<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Entry(entries, index) => formatter.write_str(&entries.path(*index)),
            Self::Key(Trail::Root, key) => formatter.write_str(key),
            Self::Key(parent, key) => write!(formatter, "{parent}.{key}"),
            Self::Index(parent, index) => write!(formatter, "{parent}[{index}]"),
        }
    }
}

impl Trail<'_> {
    /// A message with the field's name before it; the entity is known by the line.
    fn named(&self, message: String) -> String {
        let field = self.within_entity();
        if field.is_empty() {
            message
        } else {
            format!("{field}: {message}")
        }
    }

    fn within_entity(&self) -> String {
        match self {
            Self::Root | Self::Entry(..) => String::new(),
            Self::Key(parent, key) => {
                let parent = parent.within_entity();
                if parent.is_empty() {
                    (*key).to_owned()
                } else {
                    format!("{parent}.{key}")
                }
            }
            Self::Index(parent, index) => format!("{}[{index}]", parent.within_entity()),
        }
    }
}

/// What every rule may need beside the value in hand.
pub(super) struct Context<'a> {
    pub(super) log: &'a Log,
    pub(super) entries: &'a Entries<'a>,
    pub(super) now: UnixTime,
    pub(super) format: Format,
    /// Names that `cloned_plugins` gives, with what they stand for.
    pub(super) clones: &'a HashMap<String, (PluginKind, i32)>,
    told: RefCell<HashSet<&'static str>>,
    taken: RefCell<HashMap<(Collection, &'static str, String), Place>>,
    taken_parts: RefCell<HashMap<Uuid, Place>>,
}

/// Whether route paths are written as Kong 3 wants them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// `_format_version` 1.1 or 2.1: a path that looks like a regex is one.
    BeforeThree,
    /// `_format_version` 3.0: a regex begins with `~`.
    Three,
}

impl<'a> Context<'a> {
    pub(super) fn new(
        log: &'a Log,
        entries: &'a Entries<'a>,
        now: UnixTime,
        format: Format,
        clones: &'a HashMap<String, (PluginKind, i32)>,
    ) -> Self {
        Self {
            log,
            entries,
            now,
            format,
            clones,
            told: RefCell::default(),
            taken: RefCell::default(),
            taken_parts: RefCell::default(),
        }
    }
}

/// One value of the document: what a rule looks at.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) node: &'a Node,
    pub(super) trail: &'a Trail<'a>,
    pub(super) context: &'a Context<'a>,
}

impl At<'_> {
    /// Tells an error about this value. Always `None`, so that a rule can end with it.
    pub(super) fn refuse<T>(self, code: &'static str, message: impl Into<String>) -> Option<T> {
        self.context.log.push(self.error(code, message));
        None
    }

    /// Like [`At::refuse`], with what to do about it.
    pub(super) fn refuse_with<T>(
        self,
        code: &'static str,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Option<T> {
        self.context.log.push(self.error(code, message).with_fix(fix));
        None
    }

    /// Tells a warning about this value.
    pub(super) fn warn(self, code: &'static str, message: impl Into<String>) {
        let origin = self.context.log.origin(self.node.place);
        self.context.log.push(Finding::warning(
            code,
            origin,
            self.trail.to_string(),
            self.trail.named(message.into()),
        ));
    }

    /// Tells a warning once for all values of the document that share `about`.
    pub(super) fn warn_once(self, code: &'static str, about: &'static str, message: &str) {
        if self.context.told.borrow_mut().insert(about) {
            self.warn(code, message);
        }
    }

    /// The value with its place.
    pub(super) fn located<T>(self, value: T) -> Located<T> {
        Located {
            value,
            place: self.node.place,
        }
    }

    fn error(self, code: &'static str, message: impl Into<String>) -> Finding {
        let origin = self.context.log.origin(self.node.place);
        Finding::error(
            code,
            origin,
            self.trail.to_string(),
            self.trail.named(message.into()),
        )
    }
}

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
                known: Vec::new(),
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

impl Context<'_> {
    /// Notes that an entity has this value in a field that no two may share, and tells if another has it.
    pub(super) fn unique(&self, collection: Collection, field: &'static str, value: &str, at: At<'_>) {
        let key = (collection, field, value.to_owned());
        if let Some(first) = first_of(&mut self.taken.borrow_mut(), key, at.node.place) {
            at.refuse::<()>(
                "uniqueness-violation",
                format!(
                    "uniqueness violation: '{}' entity with {field} set to '{value}' already declared ({first})",
                    collection.name()
                ),
            );
        }
    }

    /// The same for values that are only together unique; `id` is derived from them.
    pub(super) fn unique_parts(&self, collection: Collection, parts: &str, id: Uuid, at: At<'_>) {
        if let Some(first) = first_of(&mut self.taken_parts.borrow_mut(), id, at.node.place) {
            at.refuse::<()>(
                "uniqueness-violation",
                format!(
                    "uniqueness violation: '{}' entity with {parts} already declared ({first})",
                    collection.name()
                ),
            );
        }
    }
}

/// Where the key was taken first, if it was; else it is now.
fn first_of<K: Eq + Hash>(taken: &mut HashMap<K, Place>, key: K, place: Place) -> Option<Place> {
    match taken.entry(key) {
        Entry::Occupied(first) => Some(*first.get()),
        Entry::Vacant(slot) => {
            slot.insert(place);
            None
        }
    }
}
