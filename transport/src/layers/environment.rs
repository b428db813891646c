//! A layer from environment variables: `PREFIX_TABLE__NAME__KEY=value`, read by the type of the key.

use std::path::Path;
use std::sync::Arc;

use figment::value::{Dict, Value};

use super::layer::{Layer, Unknown};
use super::schema::{Key, Kind};
use super::suggestion::nearest;
use super::value;
use crate::finding::Origin;

/// Reads the variables of one prefix. `below` are the values of the layers below: a variable can name a table that
/// they have although its name holds `-` or capitals.
pub(super) fn read(
    keys: &'static [Key],
    prefix: &str,
    variables: &[(String, String)],
    below: &Dict,
    base: &Path,
) -> Layer {
    let mut layer = Layer::default();
    let mut ours: Vec<_> = variables
        .iter()
        .filter(|(name, _)| name.starts_with(prefix))
        .collect();
    ours.sort();
    for (name, text) in ours {
        let origin = Origin::Environment(Arc::from(name.as_str()));
        let rest = name[prefix.len()..].to_ascii_lowercase();
        let segments: Vec<&str> = rest.split("__").collect();
        match find(keys, &segments, below) {
            Found::Key { path, key } => match value::of_text(key, text, base) {
                Ok(value) => {
                    layer.wrote(&path.join("."), origin);
                    insert(&mut layer.values, &path, value);
                }
                Err(refusal) => {
                    let path = path.join(".");
                    layer.refuse("bad-value", origin, &path, format!("`{path}`: {refusal}"));
                }
            },
            Found::Nothing { near } => {
                let fix = near.map(|known| format!("did you mean {prefix}{}?", known.to_ascii_uppercase()));
                let (path, text) = (name.clone(), Some(text.clone()));
                layer.unknown.push(Unknown {
                    name: rest,
                    path,
                    text,
                    fix,
                    origin,
                });
            }
        }
    }
    layer
}

enum Found<'a> {
    Key { path: Vec<String>, key: &'a Key },
    Nothing { near: Option<String> },
}

fn find(keys: &'static [Key], segments: &[&str], below: &Dict) -> Found<'static> {
    let [segment, rest @ ..] = segments else {
        return Found::Nothing { near: None };
    };
    let Some(key) = keys.iter().find(|key| folded(key.name) == *segment) else {
        let names: Vec<String> = keys.iter().map(|key| folded(key.name)).collect();
        let near = nearest(segment, names.iter().map(String::as_str));
        return Found::Nothing {
            near: near.map(|name| [&[name], rest].concat().join("__")),
        };
    };
    let inside = below.get(key.name).and_then(Value::as_dict);
    let empty = Dict::new();
    let found = match (key.kind, rest) {
        (Kind::Table(keys), rest) => find(keys, rest, inside.unwrap_or(&empty)),
        (Kind::Named(keys), [name, rest @ ..]) => {
            let known = inside
                .into_iter()
                .flat_map(Dict::keys)
                .find(|known| folded(known) == *name);
            let name = known.map_or_else(|| (*name).to_owned(), Clone::clone);
            let inside = inside
                .and_then(|tables| tables.get(&name))
                .and_then(Value::as_dict);
            find(keys, rest, inside.unwrap_or(&empty)).under(&name)
        }
        (Kind::Dotted(keys), rest) => dotted(keys, rest),
        (Kind::One(_) | Kind::List(_), []) => {
            return Found::Key {
                path: vec![key.name.to_owned()],
                key,
            };
        }
        (Kind::One(_) | Kind::List(_) | Kind::Named(_) | Kind::Tables(_), _) => Found::Nothing { near: None },
    };
    found.under(key.name)
}

impl Found<'_> {
    fn under(self, name: &str) -> Self {
        match self {
            Self::Key { mut path, key } => {
                path.insert(0, name.to_owned());
                Self::Key { path, key }
            }
            Self::Nothing { near } => Self::Nothing {
                near: near.map(|near| format!("{}__{near}", folded(name))),
            },
        }
    }
}

/// A name that holds dots: they may be written `__` or `_`.
fn dotted(keys: &'static [Key], segments: &[&str]) -> Found<'static> {
    let wanted = segments.join("_");
    match keys.iter().find(|key| folded(key.name) == wanted) {
        Some(key) => Found::Key {
            path: vec![key.name.to_owned()],
            key,
        },
        None => Found::Nothing { near: None },
    }
}

/// A name as the environment can spell it.
fn folded(name: &str) -> String {
    name.to_ascii_lowercase().replace(['-', '.'], "_")
}

fn insert(values: &mut Dict, path: &[String], value: Value) {
    let [name, rest @ ..] = path else { return };
    if rest.is_empty() {
        values.insert(name.clone(), value);
        return;
    }
    let inner = values.entry(name.clone()).or_insert_with(|| Dict::new().into());
    if let Value::Dict(_, inner) = inner {
        insert(inner, rest, value);
    }
}
