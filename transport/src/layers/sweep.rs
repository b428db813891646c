//! The sweep of a TOML file against a schema: every unknown key, wrong type and bad value, each at its place.
//!
//! figment stops at its first error and knows no line. The sweep leaves it nothing to stumble over: what is wrong is
//! reported and left out.

use std::ops::Range;
use std::path::Path;

use figment::value::{Dict, Value};
use toml_edit::{ImDocument, Item, TableLike};

use super::layer::{Layer, Unknown};
use super::origins::Lines;
use super::schema::{Key, Kind, Scalar, Spelling, find, join};
use super::suggestion::nearest;
use super::value::{self, Refusal};
use crate::finding::{Finding, Origin};

/// Reads a file of that schema. The error is the finding about a file that is no TOML.
pub(super) fn sweep(
    keys: &'static [Key],
    spelling: Spelling,
    lines: &Lines<'_>,
    base: &Path,
) -> Result<Layer, Box<Finding>> {
    let document = ImDocument::parse(lines.text()).map_err(|error| {
        let place = lines.place(error.span().map_or(0, |span| span.start));
        let expected = match error.message().trim() {
            "" => "something is missing here".to_owned(),
            message => message.replace('\n', ", "),
        };
        Box::new(Finding::error(
            "syntax",
            place,
            "",
            format!("this is no TOML: {expected}"),
        ))
    })?;
    let mut layer = Layer::default();
    let mut sweep = Sweep {
        spelling,
        lines,
        base,
        layer: &mut layer,
    };
    layer.values = sweep.table(keys, document.as_table(), "");
    Ok(layer)
}

/// A key's path, and where its value is.
struct Place<'a> {
    path: &'a str,
    at: Origin,
}

struct Sweep<'a> {
    spelling: Spelling,
    lines: &'a Lines<'a>,
    base: &'a Path,
    layer: &'a mut Layer,
}

impl Sweep<'_> {
    fn table(&mut self, keys: &'static [Key], table: &dyn TableLike, path: &str) -> Dict {
        let mut values = Dict::new();
        for (name, item) in table.iter() {
            let place = self.key_place(table, name);
            match find(keys, name) {
                Some(key) => {
                    if let Some(value) = self.item(key, item, &join(path, name), &place) {
                        values.insert(name.to_owned(), value);
                    }
                }
                None => self.unknown(keys, name, item, Place { path, at: place }),
            }
        }
        values
    }

    /// The value of a known key, or nothing once its problem is reported.
    fn item(&mut self, key: &Key, item: &Item, path: &str, place: &Origin) -> Option<Value> {
        let at = self.item_place(item, place);
        match key.kind {
            Kind::Table(keys) => {
                let table = self.as_table(item, path, &at)?;
                self.layer.wrote(path, at);
                Some(self.table(keys, table, path).into())
            }
            Kind::Dotted(keys) => {
                let table = self.as_table(item, path, &at)?;
                self.layer.wrote(path, at);
                Some(self.dotted(keys, table, path, "").into())
            }
            Kind::Named(keys) => {
                let table = self.as_table(item, path, &at)?;
                self.layer.wrote(path, at);
                Some(self.named(keys, table, path).into())
            }
            Kind::Tables(keys) => self.tables(keys, item, path, at),
            Kind::List(scalar) => self.list(key, scalar, item, Place { path, at }),
            Kind::One(scalar) => self.one(key, scalar, item, Place { path, at }),
        }
    }

    /// A table whose names hold dots: `"a.b" = 1`, `a.b = 1` and `[a] b = 1` are the same key.
    fn dotted(&mut self, keys: &'static [Key], table: &dyn TableLike, path: &str, prefix: &str) -> Dict {
        let mut values = Dict::new();
        for (part, item) in table.iter() {
            let place = self.key_place(table, part);
            let name = join(prefix, part);
            if let Some(key) = find(keys, &name) {
                if let Some(value) = self.item(key, item, &join(path, &name), &place) {
                    values.insert(name, value);
                }
            } else if let Some(table) = item.as_table_like().filter(|_| begins_a_name(keys, &name)) {
                values.extend(self.dotted(keys, table, path, &name));
            } else {
                self.unknown(keys, &name, item, Place { path, at: place });
            }
        }
        values
    }

    fn named(&mut self, keys: &'static [Key], table: &dyn TableLike, path: &str) -> Dict {
        let mut values = Dict::new();
        for (name, item) in table.iter() {
            let place = self.key_place(table, name);
            let below = join(path, name);
            let at = self.item_place(item, &place);
            if name.is_empty()
                || !name
                    .chars()
                    .all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter))
            {
                let message = format!(
                    "{} is no name; use letters, digits, `-` and `_`",
                    value::quoted(name)
                );
                self.layer.refuse("bad-value", place, &below, message);
                continue;
            }
            let Some(table) = self.as_table(item, &below, &at) else {
                continue;
            };
            self.layer.wrote(&below, at);
            values.insert(name.to_owned(), self.table(keys, table, &below).into());
        }
        values
    }

    fn tables(&mut self, keys: &'static [Key], item: &Item, path: &str, at: Origin) -> Option<Value> {
        let elements: Vec<(&dyn TableLike, Option<Range<usize>>)> = match item {
            Item::ArrayOfTables(tables) => tables
                .iter()
                .map(|table| (table as &dyn TableLike, table.span()))
                .collect(),
            Item::Value(toml_edit::Value::Array(array)) => {
                let mut elements = Vec::new();
                for (index, element) in array.iter().enumerate() {
                    let Some(table) = element.as_inline_table() else {
                        let place = self.place_of(element.span(), &at);
                        let message = format!("`{path}[{index}]` must be a table, not {}", a_value(element));
                        self.layer.refuse("wrong-type", place, path, message);
                        continue;
                    };
                    elements.push((table as &dyn TableLike, element.span()));
                }
                elements
            }
            Item::None | Item::Table(_) | Item::Value(_) => {
                let message = format!("`{path}` must be a list of tables, not {}", an_item(item));
                self.layer.refuse("wrong-type", at, path, message);
                return None;
            }
        };
        let mut values: Vec<Value> = Vec::new();
        for (table, span) in elements {
            let below = format!("{path}[{}]", values.len());
            let place = self.place_of(span, &at);
            self.layer.wrote(&below, place);
            values.push(self.table(keys, table, &below).into());
        }
        self.layer.wrote(path, at);
        Some(values.into())
    }

    fn list(&mut self, key: &Key, scalar: Scalar, item: &Item, place: Place<'_>) -> Option<Value> {
        if let (Spelling::TypedOrText, Some(text)) = (self.spelling, item.as_str()) {
            return self.text(key, text, place);
        }
        let Place { path, at } = place;
        let Some(array) = item.as_array() else {
            let message = format!("`{path}` must be a list, not {}", an_item(item));
            self.layer.refuse("wrong-type", at, path, message);
            return None;
        };
        let mut values: Vec<Value> = Vec::new();
        for element in array {
            let below = format!("{path}[{}]", values.len());
            let at = self.place_of(element.span(), &at);
            values.extend(self.typed(scalar, element, Place { path: &below, at }));
        }
        self.layer.wrote(path, at);
        Some(values.into())
    }

    fn one(&mut self, key: &Key, scalar: Scalar, item: &Item, place: Place<'_>) -> Option<Value> {
        let Some(value) = item.as_value() else {
            let Place { path, at } = place;
            let message = format!("`{path}` must be {}, not {}", wanted(scalar), an_item(item));
            self.layer.refuse("wrong-type", at, path, message);
            return None;
        };
        match (self.spelling, value, scalar) {
            (Spelling::TypedOrText, toml_edit::Value::String(text), _) => self.text(key, text.value(), place),
            (Spelling::TypedOrText, toml_edit::Value::Integer(number), Scalar::Text) => {
                self.text(key, &number.value().to_string(), place)
            }
            (Spelling::Typed | Spelling::TypedOrText, value, scalar) => self.typed(scalar, value, place),
        }
    }

    /// A value of TOML's own type.
    fn typed(&mut self, scalar: Scalar, value: &toml_edit::Value, place: Place<'_>) -> Option<Value> {
        let read = match scalar {
            Scalar::Boolean => value.as_bool().map(|value| Ok(Value::from(value))),
            Scalar::Integer { least, most } => value
                .as_integer()
                .map(|number| value::integer(number, least, most)),
            Scalar::Text | Scalar::Word(_) | Scalar::Duration | Scalar::Path { .. } | Scalar::PrivateKey => {
                value.as_str().map(|text| value::of(scalar, text, self.base))
            }
        };
        if let Some(read) = read {
            return self.keep(read, place);
        }
        let Place { path, at } = place;
        let message = format!("`{path}` must be {}, not {}", wanted(scalar), a_value(value));
        self.layer.spoil(path);
        let finding = Finding::error("wrong-type", at, path, message);
        self.layer.findings.push(Finding {
            fix: spelled(scalar, value),
            ..finding
        });
        None
    }

    fn text(&mut self, key: &Key, text: &str, place: Place<'_>) -> Option<Value> {
        self.keep(value::of_text(key, text, self.base), place)
    }

    fn keep(&mut self, read: Result<Value, Refusal>, Place { path, at }: Place<'_>) -> Option<Value> {
        match read {
            Ok(value) => {
                self.layer.wrote(path, at);
                Some(value)
            }
            Err(refusal) => {
                self.layer
                    .refuse("bad-value", at, path, format!("`{path}`: {refusal}"));
                None
            }
        }
    }

    fn as_table<'i>(&mut self, item: &'i Item, path: &str, at: &Origin) -> Option<&'i dyn TableLike> {
        let table = item.as_table_like();
        if table.is_none() {
            let message = format!("`{path}` must be a table, not {}", an_item(item));
            self.layer.refuse("wrong-type", at.clone(), path, message);
        }
        table
    }

    fn unknown(&mut self, keys: &'static [Key], name: &str, item: &Item, place: Place<'_>) {
        let Place { path, at: origin } = place;
        let nearest = nearest(name, keys.iter().map(|key| key.name));
        let inside = || {
            keys.iter()
                .find(|key| matches!(key.kind, Kind::Table(inner) if find(inner, name).is_some()))
        };
        let fix = match (nearest, inside()) {
            (Some(known), _) => {
                // One mistake, one finding: the key that was meant is not reported as missing too.
                self.layer.spoil(&join(path, known));
                Some(format!("did you mean `{known}`?"))
            }
            (None, Some(table)) => Some(format!("it belongs into the table `{}`", join(path, table.name))),
            (None, None) => None,
        };
        let text = match item.as_value() {
            Some(toml_edit::Value::String(text)) => Some(text.value().clone()),
            Some(value) => Some(value.to_string().trim().to_owned()),
            None => None,
        };
        self.layer.unknown.push(Unknown {
            name: name.to_owned(),
            path: join(path, name),
            text,
            fix,
            origin,
        });
    }

    fn key_place(&self, table: &dyn TableLike, name: &str) -> Origin {
        self.lines.place(
            table
                .key(name)
                .and_then(toml_edit::Key::span)
                .map_or(0, |span| span.start),
        )
    }

    fn item_place(&self, item: &Item, key: &Origin) -> Origin {
        self.place_of(item.span(), key)
    }

    fn place_of(&self, span: Option<Range<usize>>, otherwise: &Origin) -> Origin {
        span.map_or_else(|| otherwise.clone(), |span| self.lines.place(span.start))
    }
}

fn begins_a_name(keys: &[Key], name: &str) -> bool {
    keys.iter().any(|key| {
        key.name
            .strip_prefix(name)
            .is_some_and(|rest| rest.starts_with('.'))
    })
}

fn wanted(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::Boolean => "true or false",
        Scalar::Integer { .. } => "a whole number",
        Scalar::Duration => "a duration",
        Scalar::Text | Scalar::Word(_) | Scalar::Path { .. } | Scalar::PrivateKey => "text",
    }
}

/// How a value of another type is written so that it is one of this.
fn spelled(scalar: Scalar, value: &toml_edit::Value) -> Option<String> {
    match scalar {
        Scalar::Boolean | Scalar::Integer { .. } => None,
        Scalar::Duration => Some("write it as text with a unit, such as \"30s\"".to_owned()),
        Scalar::Text | Scalar::Word(_) | Scalar::Path { .. } | Scalar::PrivateKey
            if value.is_array() || value.is_inline_table() =>
        {
            None
        }
        Scalar::Text | Scalar::Word(_) | Scalar::Path { .. } | Scalar::PrivateKey => {
            Some(format!("put it in quotes: \"{}\"", value.to_string().trim()))
        }
    }
}

fn an_item(item: &Item) -> &'static str {
    match item {
        Item::None => "nothing",
        Item::Value(value) => a_value(value),
        Item::Table(_) => "a table",
        Item::ArrayOfTables(_) => "a list of tables",
    }
}

fn a_value(value: &toml_edit::Value) -> &'static str {
    match value {
        toml_edit::Value::String(_) => "text",
        toml_edit::Value::Integer(_) => "a whole number",
        toml_edit::Value::Float(_) => "a number",
        toml_edit::Value::Boolean(_) => "true or false",
        toml_edit::Value::Datetime(_) => "a date",
        toml_edit::Value::Array(_) => "a list",
        toml_edit::Value::InlineTable(_) => "a table",
    }
}
