//! YAML into the tree, from the parser's events.
//!
//! A configuration file may come from a pipeline that is less trusted than the gateway. So the text, its depth and
//! what aliases unfold to are all bounded, a tag can only name a core type, and nothing here recurses on input.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Tag};

use super::scalar;
use super::tree::{
    Key, KeyTexts, MAX_DEPTH, MAX_NODES, Node, Place, SyntaxProblem, SyntaxProblems, Value,
    refuse_duplicate_keys,
};
use super::yaml_input::{Ahead, MAX_AHEAD, YamlInput};
use super::yaml_tag::{is_core, is_non_specific, key_tag, only_tag, refused_tag};

/// What all copies that aliases and anchors make may weigh together: far more than a configuration repeats, far less
/// than a nest of aliases unfolds to.
const MAX_COPIED_BYTES: usize = 16 << 20;

/// Reads one YAML document; `None` if it cannot be read to its end.
pub(super) fn read(text: &str, problems: &mut SyntaxProblems) -> Option<Node> {
    if let Some(problem) = control_character(text) {
        problems.push(problem);
        return None;
    }
    let mut builder = Builder {
        problems,
        open: Vec::new(),
        keys: KeyTexts::default(),
        anchors: HashMap::new(),
        copied: 0,
        root: None,
        documents: 0,
        nodes: 0,
    };
    let ahead = Ahead::default();
    let mut parser = Parser::new(YamlInput::new(text, ahead.clone()));
    while let Some(event) = parser.next_event() {
        if ahead.is_too_far() {
            builder
                .problems
                .push(too_far(event.as_ref().map(|(_, span)| span.start)));
            return None;
        }
        ahead.reset();
        let step = match event {
            Ok((event, span)) => builder.event(event, place(span.start)),
            Err(error) => Err(SyntaxProblem::syntax(place(*error.marker()), error.info())),
        };
        if let Err(problem) = step {
            builder.problems.push(problem);
            return None;
        }
    }
    Some(builder.root.unwrap_or(Node {
        place: Place::START,
        value: Value::Null,
    }))
}

fn too_far(begin: Result<Marker, &ScanError>) -> SyntaxProblem {
    let place = begin.map_or_else(|error| place(*error.marker()), place);
    let reason = format!(
        "a value in braces or brackets, a text, or what stands between two values is longer than {} MiB",
        MAX_AHEAD >> 20
    );
    SyntaxProblem {
        fix: Some("write it in lines with indentation, or the whole document as JSON"),
        ..SyntaxProblem::syntax(place, &reason)
    }
}

/// YAML allows no control characters but tab and line ends; the parser would take NUL for the end of the text.
fn control_character(text: &str) -> Option<SyntaxProblem> {
    let at = text
        .bytes()
        .position(|byte| byte == 0x7f || (byte < 0x20 && !b"\t\n\r".contains(&byte)))?;
    let (before, rest) = text.split_at_checked(at)?;
    let found = rest.bytes().next()?;
    let reason = format!("the control character U+{found:04X} is not allowed");
    Some(SyntaxProblem::syntax(super::text::end_of(before), &reason))
}

fn place(marker: Marker) -> Place {
    Place {
        line: saturated(marker.line()).max(1),
        column: saturated(marker.col()).saturating_add(1),
    }
}

fn saturated(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The tree as far as the events have come.
struct Builder<'p> {
    problems: &'p mut SyntaxProblems,
    open: Vec<Open>,
    keys: KeyTexts,
    /// Complete anchored nodes; one that is still open cannot be referred to, so no node can hold itself.
    anchors: HashMap<usize, Node>,
    copied: usize,
    root: Option<Node>,
    documents: usize,
    nodes: usize,
}

/// A collection whose end has not come yet.
struct Open {
    place: Place,
    anchor: usize,
    items: Items,
}

enum Items {
    List(Vec<Node>),
    Map {
        pairs: Vec<(Key, Node)>,
        key: Option<PendingKey>,
        merges: Vec<Node>,
    },
}

enum PendingKey {
    Key(Key),
    /// `<<`: what follows gives the pairs that are not written out.
    Merge,
}

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, place: Place) -> Result<(), SyntaxProblem> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(SyntaxProblem::syntax(place, "a second document begins here"));
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                if self.awaits_key() {
                    key_tag(tag.as_deref(), place)?;
                    if anchor != 0 {
                        let value = Value::Text(text.as_ref().into());
                        self.keep(anchor, &Node { place, value })?;
                    }
                    return self.key(&text, plain, place);
                }
                let value = self.scalar(&text, plain, tag.as_deref(), place)?;
                self.complete(Node { place, value }, anchor)
            }
            Event::Alias(anchor) => self.alias(anchor, place),
            Event::SequenceStart(anchor, tag) => {
                only_tag(tag.as_deref(), "seq", place)?;
                self.begin(place, anchor, Items::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                only_tag(tag.as_deref(), "map", place)?;
                self.begin(
                    place,
                    anchor,
                    Items::Map {
                        pairs: Vec::new(),
                        key: None,
                        merges: Vec::new(),
                    },
                )
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => self.end(open),
                None => Ok(()),
            },
        }
    }

    fn awaits_key(&self) -> bool {
        matches!(
            self.open.last(),
            Some(Open {
                items: Items::Map { key: None, .. },
                ..
            })
        )
    }

    fn key(&mut self, text: &str, plain: bool, place: Place) -> Result<(), SyntaxProblem> {
        let Some(Open {
            items: Items::Map { key, .. },
            ..
        }) = self.open.last_mut()
        else {
            return Err(SyntaxProblem::syntax(place, "a key stands outside a mapping"));
        };
        *key = Some(if plain && text == "<<" {
            PendingKey::Merge
        } else {
            PendingKey::Key(Key {
                text: self.keys.shared(text),
                place,
            })
        });
        Ok(())
    }

    fn scalar(
        &mut self,
        text: &str,
        plain: bool,
        tag: Option<&Tag>,
        place: Place,
    ) -> Result<Value, SyntaxProblem> {
        let resolved = match tag {
            None if plain => scalar::plain(text),
            None => return Ok(Value::Text(text.into())),
            Some(tag) if is_core(tag, "str") || is_non_specific(tag) => return Ok(Value::Text(text.into())),
            Some(tag) => {
                let value = scalar::plain(text);
                let fits = value.as_ref().is_none_or(|value| match value {
                    Value::Null => is_core(tag, "null"),
                    Value::Bool(_) => is_core(tag, "bool"),
                    Value::Int(_) => is_core(tag, "int") || is_core(tag, "float"),
                    Value::Float(_) => is_core(tag, "float"),
                    Value::Text(_) | Value::List(_) | Value::Map(_) => false,
                });
                if !fits {
                    return Err(refused_tag(tag, place));
                }
                value
            }
        };
        Ok(resolved.unwrap_or_else(|| {
            self.problems.push(SyntaxProblem {
                place,
                code: "ambiguous-scalar",
                message: "this is not the same number in YAML 1.1 and in YAML 1.2".to_owned(),
                fix: Some("put it in quotes if it is text, else write it as a plain decimal number"),
            });
            // Nothing is checked against a value that is not known. It is not repeated either: it may be a key.
            Value::Null
        }))
    }

    fn alias(&mut self, anchor: usize, place: Place) -> Result<(), SyntaxProblem> {
        let Some(node) = self.anchors.get(&anchor) else {
            return Err(SyntaxProblem::syntax(
                place,
                "an alias refers to a node that it is part of",
            ));
        };
        let (weight, height) = measure(node);
        self.copied = self.copied.saturating_add(weight);
        if self.copied > MAX_COPIED_BYTES {
            return Err(too_many_copies(place));
        }
        if self.open.len() + height > MAX_DEPTH {
            return Err(too_deep(place));
        }
        if self.awaits_key() {
            let Value::Text(text) = &node.value else {
                return Err(SyntaxProblem::syntax(place, "a key must be a word"));
            };
            let text = text.clone();
            return self.key(&text, false, place);
        }
        let value = node.value.clone();
        self.attach(Node { place, value })
    }

    fn begin(&mut self, place: Place, anchor: usize, items: Items) -> Result<(), SyntaxProblem> {
        if self.awaits_key() {
            return Err(SyntaxProblem::syntax(place, "a key must be a word"));
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep(place));
        }
        self.open.push(Open { place, anchor, items });
        Ok(())
    }

    fn end(&mut self, Open { place, anchor, items }: Open) -> Result<(), SyntaxProblem> {
        let value = match items {
            Items::List(mut nodes) => {
                nodes.shrink_to_fit();
                Value::List(nodes)
            }
            Items::Map {
                mut pairs, merges, ..
            } => {
                refuse_duplicate_keys(&mut pairs, self.problems);
                if !merges.is_empty() {
                    self.merge(&mut pairs, merges);
                }
                pairs.shrink_to_fit();
                Value::Map(pairs)
            }
        };
        self.complete(Node { place, value }, anchor)
    }

    /// `<<`: pairs that are written out win over merged ones, an earlier merge wins over a later one.
    fn merge(&mut self, pairs: &mut Vec<(Key, Node)>, merges: Vec<Node>) {
        let mut present: HashSet<Rc<str>> = pairs.iter().map(|(key, _)| Rc::clone(&key.text)).collect();
        let maps = merges.into_iter().flat_map(|node| match node.value {
            Value::List(nodes) => nodes,
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::Text(_)
            | Value::Map(_) => vec![node],
        });
        for node in maps {
            if let Value::Map(merged) = node.value {
                pairs.extend(
                    merged
                        .into_iter()
                        .filter(|(key, _)| present.insert(Rc::clone(&key.text))),
                );
            } else {
                self.problems
                    .push(SyntaxProblem::syntax(node.place, "`<<` merges mappings only"));
            }
        }
    }

    fn complete(&mut self, node: Node, anchor: usize) -> Result<(), SyntaxProblem> {
        if anchor != 0 {
            self.keep(anchor, &node)?;
        }
        self.attach(node)
    }

    /// Keeps a copy for the aliases of an anchor; what is too large is not even copied.
    fn keep(&mut self, anchor: usize, node: &Node) -> Result<(), SyntaxProblem> {
        self.copied = self.copied.saturating_add(measure(node).0);
        if self.copied > MAX_COPIED_BYTES {
            return Err(too_many_copies(node.place));
        }
        self.anchors.insert(anchor, node.clone());
        Ok(())
    }

    fn attach(&mut self, node: Node) -> Result<(), SyntaxProblem> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(SyntaxProblem::too_many(node.place));
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open {
                items: Items::List(nodes),
                ..
            }) => nodes.push(node),
            Some(Open {
                items: Items::Map { pairs, key, merges },
                ..
            }) => match key.take() {
                Some(PendingKey::Key(key)) => pairs.push((key, node)),
                Some(PendingKey::Merge) => merges.push(node),
                None => return Err(SyntaxProblem::syntax(node.place, "a value has no key")),
            },
        }
        Ok(())
    }
}

/// About how many bytes a copy of the node takes, and how many levels it has.
fn measure(node: &Node) -> (usize, usize) {
    let own = size_of::<(Key, Node)>();
    let (inner, height) = match &node.value {
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => (0, 0),
        Value::Text(text) => (text.len(), 0),
        Value::List(nodes) => nodes.iter().map(measure).fold((0, 0), joined),
        Value::Map(pairs) => pairs
            .iter()
            .map(|(key, node)| {
                let (weight, height) = measure(node);
                (weight.saturating_add(key.text.len()), height)
            })
            .fold((0, 0), joined),
    };
    (own.saturating_add(inner), height + 1)
}

fn joined(all: (usize, usize), one: (usize, usize)) -> (usize, usize) {
    (all.0.saturating_add(one.0), all.1.max(one.1))
}

fn too_deep(place: Place) -> SyntaxProblem {
    SyntaxProblem::syntax(place, &format!("nested deeper than {MAX_DEPTH} levels"))
}

fn too_many_copies(place: Place) -> SyntaxProblem {
    SyntaxProblem::syntax(place, "anchors and aliases unfold to more than 16 MiB")
}
