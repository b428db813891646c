//! JSON that came from a stranger: one object, no name twice, of bounded depth and size.
//!
//! Of two members of one name, one reader believes the first and another the last; a token with both says one thing here
//! and another behind us. serde's own map keeps the last in silence.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Objects and arrays within each other.
const DEEPEST: usize = 16;
/// Members and elements, all together.
const MOST: usize = 4096;

/// Octets are not the JSON that they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct JsonError(Box<str>);

/// Reads an object.
pub fn object(octets: &[u8]) -> Result<Map<String, Value>, JsonError> {
    limited(octets, MOST)
}

/// The same with as many values as `most`.
pub(super) fn limited(octets: &[u8], most: usize) -> Result<Map<String, Value>, JsonError> {
    let left = Cell::new(most);
    let seed = Strict {
        depth: DEEPEST,
        left: &left,
    };
    let mut deserializer = serde_json::Deserializer::from_slice(octets);
    let fault = |error: serde_json::Error| JsonError(error.to_string().into());
    let value = seed.deserialize(&mut deserializer).map_err(fault)?;
    deserializer.end().map_err(fault)?;
    match value {
        Value::Object(map) => Ok(map),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(JsonError("expected an object".into()))
        }
    }
}

#[derive(Clone, Copy)]
struct Strict<'l> {
    depth: usize,
    left: &'l Cell<usize>,
}

impl Strict<'_> {
    fn inner<E: Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1);
        Ok(Self {
            depth: depth.ok_or_else(|| E::custom("nested too deeply"))?,
            left: self.left,
        })
    }

    fn count<E: Error>(self) -> Result<(), E> {
        let left = self.left.get().checked_sub(1);
        self.left.set(left.ok_or_else(|| E::custom("too many values"))?);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut values = Vec::new();
        while let Some(value) = sequence.next_element_seed(inner)? {
            self.count()?;
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            self.count()?;
            if map.contains_key(&name) {
                return Err(A::Error::custom("a member's name occurs twice"));
            }
            let value = members.next_value_seed(inner)?;
            map.insert(name, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        let deep = |levels: usize| format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
        let wide = |values: usize| format!(r#"{{"a":[{}]}}"#, vec!["1"; values].join(","));
        for (text, accepted) in [
            (r#"{"a":1,"b":{"a":2}}"#.to_owned(), true),
            (r#"{"a":1,"a":1}"#.to_owned(), false),
            (r#"{"a":1,"\u0061":1}"#.to_owned(), false),
            (r#"{"b":{"a":1,"a":2}}"#.to_owned(), false),
            (r#"{"b":[{"a":1,"a":2}]}"#.to_owned(), false),
            ("{}".to_owned(), true),
            (" {} ".to_owned(), true),
            ("{} {}".to_owned(), false),
            ("\u{feff}{}".to_owned(), false),
            ("[]".to_owned(), false),
            ("null".to_owned(), false),
            (String::new(), false),
            (r#"{"a":1e999}"#.to_owned(), false),
            (r#"{"a":NaN}"#.to_owned(), false),
            (r#"{"a":"\ud800"}"#.to_owned(), false),
            (r#"{"a":1,}"#.to_owned(), false),
            ("{'a':1}".to_owned(), false),
            (deep(DEEPEST), true),
            (deep(DEEPEST + 1), false),
            (deep(100_000), false),
            (wide(MOST - 1), true),
            (wide(MOST), false),
        ] {
            let shown = text.get(..40).unwrap_or(&text);
            assert_eq!(object(text.as_bytes()).is_ok(), accepted, "{shown}");
        }
        assert!(object(b"{\"a\":\"\xff\"}").is_err(), "not UTF-8");
    }
}
