//! Reading values out of the tree: each problem becomes a finding and reading goes on, so that all are told at once.
//!
//! A rule is a function from a value's place ([`At`]) to what the value means, or to `None` after telling why it means
//! nothing.

use std::cell::RefCell;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::Hash;

use rustls::pki_types::UnixTime;
use transport::finding::Finding;
use uuid::Uuid;

use super::entries::{Collection, Entries};
use super::log::Log;
use super::plugin::PluginKind;
use super::tree::{Located, Node, Place};

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
    pub(super) fn named(&self, message: String) -> String {
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
        self.context.log.push(self.warning(code, message));
    }

    /// The same, with what to write instead.
    pub(super) fn warn_with(self, code: &'static str, message: impl Into<String>, fix: &str) {
        let finding = self.warning(code, message).with_fix(fix);
        self.context.log.push(finding);
    }

    fn warning(self, code: &'static str, message: impl Into<String>) -> Finding {
        let origin = self.context.log.origin(self.node.place);
        let message = self.trail.named(message.into());
        Finding::warning(code, origin, self.trail.to_string(), message)
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
    pub(super) fn unique_parts(
        &self,
        collection: Collection,
        parts: fmt::Arguments<'_>,
        id: Uuid,
        at: At<'_>,
    ) {
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
