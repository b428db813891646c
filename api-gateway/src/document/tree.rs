//! The document as written: a tree whose every key and value knows its line and column.
//!
//! YAML and JSON are both read into this tree, so that everything above it has one set of rules, and so that a
//! finding can point at the very word it is about.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::rc::Rc;

use super::log::MAX_FINDINGS;

/// Where something stands in the source text. Both numbers count from one; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The line.
    pub line: u32,
    /// The column, in characters.
    pub column: u32,
}

impl Place {
    /// The first character of a source.
    pub const START: Self = Self { line: 1, column: 1 };
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {}, column {}", self.line, self.column)
    }
}

/// A value together with the place where it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Located<T> {
    /// What was written.
    pub value: T,
    /// Where it was written.
    pub place: Place,
}

/// No document is nested deeper than this: Kong's own format needs nine levels.
pub(super) const MAX_DEPTH: usize = 64;

/// No document has more values: a hundred thousand consumers with their groups have a fifth of it.
pub(super) const MAX_NODES: usize = 5_000_000;

/// One value of the tree and the place where it begins.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
}

/// What a node holds: JSON's kinds, with integers told apart from other numbers.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Box<str>),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Key {
    pub(super) text: Rc<str>,
    pub(super) place: Place,
}

/// The keys of a document: many entities have the same few, so each text is kept once.
#[derive(Default)]
pub(super) struct KeyTexts(HashSet<Rc<str>>);

impl KeyTexts {
    /// The one text that is equal to this.
    pub(super) fn shared(&mut self, text: &str) -> Rc<str> {
        if let Some(known) = self.0.get(text) {
            return Rc::clone(known);
        }
        let new: Rc<str> = text.into();
        self.0.insert(Rc::clone(&new));
        new
    }
}

impl Node {
    /// The value under `name`, if this is a mapping that has it and it is not null.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        let Value::Map(pairs) = &self.value else {
            return None;
        };
        let (_, node) = pairs.iter().find(|(key, _)| &*key.text == name)?;
        (node.value != Value::Null).then_some(node)
    }

    /// Whether this is a list of nothing.
    pub(super) fn is_empty_list(&self) -> bool {
        matches!(&self.value, Value::List(nodes) if nodes.is_empty())
    }

    /// The text, if this is text and not empty.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) if !text.is_empty() => Some(text),
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::Text(_)
            | Value::List(_)
            | Value::Map(_) => None,
        }
    }
}

/// A problem of the text itself: what it means could not be made out, or not with certainty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SyntaxProblem {
    pub(super) place: Place,
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) fix: Option<&'static str>,
}

impl SyntaxProblem {
    /// The text cannot be parsed; Kong's words before the parser's.
    pub(super) fn syntax(place: Place, reason: &str) -> Self {
        Self {
            place,
            code: "syntax",
            message: format!("failed parsing declarative configuration: {reason}"),
            fix: None,
        }
    }

    /// There are more values than any document has.
    pub(super) fn too_many(place: Place) -> Self {
        Self::syntax(place, &format!("more than {MAX_NODES} values"))
    }
}

/// The problems of a text: the first of them, and how many more there are. A document can hold millions, of which nobody
/// reads more than the log keeps.
#[derive(Debug, Default)]
pub(super) struct SyntaxProblems {
    pub(super) first: Vec<SyntaxProblem>,
    pub(super) further: usize,
}

impl SyntaxProblems {
    pub(super) fn push(&mut self, problem: SyntaxProblem) {
        if self.first.len() < MAX_FINDINGS {
            self.first.push(problem);
        } else {
            self.further += 1;
        }
    }
}

/// Takes the second and later ones of equal keys out of a mapping, one problem for each: which of two values counts
/// is a question that two readers of the same file may answer differently.
pub(super) fn refuse_duplicate_keys(pairs: &mut Vec<(Key, Node)>, problems: &mut SyntaxProblems) {
    const FEW: usize = 16;
    let mut repeated = vec![false; pairs.len()];
    let mut refuse = |index: usize, key: &Key, first: Place| {
        problems.push(duplicate(key, first));
        if let Some(repeated) = repeated.get_mut(index) {
            *repeated = true;
        }
    };
    if pairs.len() <= FEW {
        for (index, (key, _)) in pairs.iter().enumerate() {
            if let Some((first, _)) = pairs.iter().take(index).find(|(other, _)| other.text == key.text) {
                refuse(index, key, first.place);
            }
        }
    } else {
        let mut seen: HashMap<&str, Place> = HashMap::with_capacity(pairs.len());
        for (index, (key, _)) in pairs.iter().enumerate() {
            match seen.entry(&key.text) {
                Entry::Occupied(first) => refuse(index, key, *first.get()),
                Entry::Vacant(slot) => {
                    slot.insert(key.place);
                }
            }
        }
    }
    let mut repeated = repeated.into_iter();
    pairs.retain(|_| !repeated.next().unwrap_or(false));
}

fn duplicate(key: &Key, first: Place) -> SyntaxProblem {
    SyntaxProblem {
        place: key.place,
        code: "duplicate-key",
        message: format!("the key '{}' is already given at {first}", key.text),
        fix: Some("keep one of the two"),
    }
}
