//! Layered node settings: defaults, a file, environment variables, each read against one declared schema.
//!
//! The keys and types of the file are swept with the TOML reader's own spans, the environment is read by the type of
//! each key, and only then figment merges the layers: it stops at its first error and knows no line, so it is given
//! nothing to stumble over. What is wrong is reported, all of it, and left out; where each key was written can be
//! asked for afterwards ([`Origins`]). An environment variable overrides a key; a list is overridden as a whole.
//!
//! Relative paths are relative to the file, wherever they are written; without a file, to the working directory.
//!
//! Codes of the findings made here:
//!
//! | code | says |
//! |---|---|
//! | `unreadable` | the file cannot be read, or is not UTF-8 |
//! | `syntax` | the file is no TOML; nothing of it is used |
//! | `unknown-key` | the schema has no such key |
//! | `wrong-type` | the value is of another type than its key |
//! | `bad-value` | the value has the right type and is not acceptable |
//! | `missing-key` | a required key is not there |
//! | `unknown-environment` (warning) | variables under our prefix that no key has |

mod environment;
mod layer;
mod origins;
mod schema;
mod suggestion;
mod sweep;
mod value;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use figment::Figment;
use figment::value::{Dict, Value};
use serde::de::DeserializeOwned;

pub use layer::{Unknown, unknown_environment};
pub use origins::{Loaded, Origins};
pub use schema::{Key, Kind, Presence, Scalar, Spelling};
pub use suggestion::nearest;
pub use value::quoted;

use crate::finding::{Finding, Origin, Rule};
use layer::Layer;
use origins::Lines;
use schema::join;

/// Every kind of finding that is made here.
pub const RULES: &[Rule] = &[
    Rule::error("unreadable", "the node file cannot be read, or is not UTF-8"),
    Rule::error("syntax", "a file cannot be parsed; nothing of it is used"),
    Rule::error("unknown-key", "there is no such key"),
    Rule::error("wrong-type", "the value is of another type than its key or field"),
    Rule::error("bad-value", "the value has the right type and cannot be used"),
    Rule::error("missing-key", "a required key is not there"),
    Rule::warning(
        "unknown-environment",
        "variables under our prefix that no key has",
    ),
];

/// Layers being read, the lowest first.
#[derive(Debug)]
pub struct Layers {
    keys: &'static [Key],
    base: PathBuf,
    below: Figment,
    origins: Origins,
    findings: Vec<Finding>,
    unknown_keys: Vec<Unknown>,
    unknown_variables: Vec<Unknown>,
    spoiled: BTreeSet<String>,
}

/// A `key = value` line of a file that is no TOML, with its places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextEntry {
    /// The key as written.
    pub name: String,
    /// The value, without the white space around it.
    pub text: String,
    /// Where the key is.
    pub key: Origin,
    /// Where the value is.
    pub value: Origin,
}

impl Layers {
    /// Layers of that schema. Relative paths are relative to the directory of the file, if there is one.
    pub fn new(keys: &'static [Key], file: Option<&Path>) -> Self {
        let base = file
            .and_then(|file| std::path::absolute(file).ok())
            .and_then(|file| Some(file.parent()?.to_owned()));
        let mut origins = Origins::default();
        if let Some(file) = file {
            origins.set_file(named(file));
        }
        Self {
            keys,
            base: base
                .or_else(|| std::env::current_dir().ok())
                .unwrap_or_else(|| PathBuf::from("/")),
            below: Figment::new(),
            origins,
            findings: Vec::new(),
            unknown_keys: Vec::new(),
            unknown_variables: Vec::new(),
            spoiled: BTreeSet::new(),
        }
    }

    /// Adds a TOML file that was already read; `file` names it in findings. The error is the finding about a file
    /// that is no TOML: nothing of it is used.
    pub fn add_toml(&mut self, file: &Path, text: &str, spelling: Spelling) -> Result<(), Box<Finding>> {
        let lines = Lines::new(text, named(file));
        let layer = sweep::sweep(self.keys, spelling, &lines, &self.base)?;
        self.add(layer, Source::File);
        Ok(())
    }

    /// Adds the entries of a flat file of texts; for a name written twice the last one counts.
    pub fn add_texts(&mut self, entries: Vec<TextEntry>) {
        let mut layer = Layer::default();
        for TextEntry {
            name,
            text,
            key: place,
            value: at,
        } in entries
        {
            let Some(key) = schema::find(self.keys, &name) else {
                let known = nearest(&name, self.keys.iter().map(|key| key.name));
                if let Some(known) = known {
                    layer.spoil(known);
                }
                let fix = known.map(|known| format!("did you mean `{known}`?"));
                layer.unknown.push(Unknown {
                    path: name.clone(),
                    name,
                    text: Some(text),
                    fix,
                    origin: place,
                });
                continue;
            };
            match value::of_text(key, &text, &self.base) {
                Ok(value) => {
                    layer.wrote(&name, at);
                    layer.values.insert(name, value);
                }
                Err(refusal) => layer.refuse("bad-value", at, &name, format!("`{name}`: {refusal}")),
            }
        }
        self.add(layer, Source::File);
    }

    /// Adds the variables of one prefix, such as `EDGE_PROXY_`.
    pub fn add_environment(&mut self, prefix: &str, variables: &[(String, String)]) {
        let layer = environment::read(self.keys, prefix, variables, &values_of(&self.below), &self.base);
        self.add(layer, Source::Environment);
    }

    fn add(&mut self, layer: Layer, source: Source) {
        self.below = std::mem::take(&mut self.below).merge(&layer);
        let Layer {
            values: _,
            origins,
            findings,
            unknown,
            spoiled,
        } = layer;
        self.origins.add(origins);
        self.findings.extend(findings);
        match source {
            Source::File => self.unknown_keys.extend(unknown),
            Source::Environment => self.unknown_variables.extend(unknown),
        }
        self.spoiled.extend(spoiled);
    }

    /// Puts the defaults below everything and looks for required keys that nobody wrote.
    pub fn merge(self) -> Merged {
        let Self {
            keys,
            base,
            below,
            origins,
            mut findings,
            unknown_keys,
            unknown_variables,
            spoiled,
        } = self;
        let written = values_of(&below);
        let defaults = Layer {
            values: defaults(keys, &written, &base),
            ..Layer::default()
        };
        missing(keys, &written, "", &mut |path, table| {
            if !spoiled.contains(&path) {
                let message = if table.is_empty() {
                    format!("`{path}` is missing")
                } else {
                    format!("`{path}` is missing from `{table}`")
                };
                findings.push(Finding::error("missing-key", origins.of(&path), path, message));
            }
        });
        let values = Figment::new().merge(&defaults).merge(below);
        Merged {
            values,
            origins,
            findings,
            unknown_keys,
            unknown_variables,
            spoiled,
        }
    }
}

/// Reads a node file. The error is the finding about a file that cannot be read.
pub fn read(file: &Path) -> Result<String, Box<Finding>> {
    std::fs::read_to_string(file).map_err(|error| {
        let name = named(file);
        let message = format!("cannot read {name}: {error}");
        Box::new(Finding::error("unreadable", Origin::Whole(name), "", message))
    })
}

#[derive(Clone, Copy)]
enum Source {
    File,
    Environment,
}

/// The layers as one.
#[derive(Debug)]
pub struct Merged {
    values: Figment,
    /// Where each key was written.
    pub origins: Origins,
    /// What was wrong with values, and what is missing.
    pub findings: Vec<Finding>,
    /// Keys of the file that the schema does not have.
    pub unknown_keys: Vec<Unknown>,
    /// Variables that the schema does not have.
    pub unknown_variables: Vec<Unknown>,
    spoiled: BTreeSet<String>,
}

impl Merged {
    /// The values as a type. Required keys must be optional in it: what is missing or wrong is reported and left out.
    pub fn extract<T: DeserializeOwned>(&self) -> Result<T, Box<Finding>> {
        self.values.extract().map_err(|error| {
            let path = error.path.join(".");
            Box::new(Finding::error(
                "bad-value",
                self.origins.of(&path),
                path,
                error.kind.to_string(),
            ))
        })
    }

    /// A finding at the place of a key.
    pub fn error(&self, code: &'static str, path: &str, message: impl Into<String>) -> Finding {
        Finding::error(code, self.origins.of(path), path, message)
    }

    /// A warning at the place of a key.
    pub fn warning(&self, code: &'static str, path: &str, message: impl Into<String>) -> Finding {
        Finding::warning(code, self.origins.of(path), path, message)
    }

    /// Whether somebody wrote the key, but wrongly: it has been reported and is not missing.
    pub fn is_spoiled(&self, path: &str) -> bool {
        self.spoiled.contains(path)
    }
}

fn named(file: &Path) -> Arc<str> {
    Arc::from(file.to_string_lossy().as_ref())
}

fn values_of(figment: &Figment) -> Dict {
    figment.extract().unwrap_or_default()
}

/// The defaults of a table. A table that nobody wrote has them too, unless a key is required in it.
fn defaults(keys: &'static [Key], written: &Dict, base: &Path) -> Dict {
    let mut values = Dict::new();
    for key in keys {
        let below = written.get(key.name).and_then(Value::as_dict);
        let empty = Dict::new();
        let value: Option<Value> = match key.kind {
            Kind::Table(inner) | Kind::Dotted(inner) => (below.is_some()
                || !inner.iter().any(Key::is_required))
            .then(|| defaults(inner, below.unwrap_or(&empty), base).into()),
            Kind::Named(inner) => {
                let tables = below
                    .into_iter()
                    .flatten()
                    .filter_map(|(name, table)| Some((name, table.as_dict()?)));
                let tables: Dict = tables
                    .map(|(name, table)| (name.clone(), defaults(inner, table, base).into()))
                    .collect();
                Some(tables.into())
            }
            Kind::Tables(_) => Some(Vec::<Value>::new().into()),
            Kind::One(_) | Kind::List(_) => key
                .default()
                .and_then(|text| value::of_text(key, text, base).ok()),
        };
        if let Some(value) = value {
            values.insert(key.name.to_owned(), value);
        }
    }
    values
}

/// Tells `report` the path of every required key that is not there, and of its table.
fn missing(keys: &'static [Key], written: &Dict, path: &str, report: &mut dyn FnMut(String, &str)) {
    for key in keys {
        let below = join(path, key.name);
        let value = written.get(key.name);
        if key.is_required() && value.is_none_or(|value| value.to_empty().is_some()) {
            report(below, path);
            continue;
        }
        match (key.kind, value) {
            (Kind::Table(inner) | Kind::Dotted(inner), Some(Value::Dict(_, table))) => {
                missing(inner, table, &below, report);
            }
            (Kind::Named(inner), Some(Value::Dict(_, tables))) => {
                for (name, table) in tables {
                    if let Some(table) = table.as_dict() {
                        missing(inner, table, &join(&below, name), report);
                    }
                }
            }
            (Kind::Tables(inner), Some(Value::Array(_, tables))) => {
                for (index, table) in tables.iter().enumerate() {
                    if let Some(table) = table.as_dict() {
                        missing(inner, table, &format!("{below}[{index}]"), report);
                    }
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
