//! Rules for single values: what a kind of field accepts, in Kong's words where it does not.

use std::collections::HashSet;
use std::hash::Hash;
use std::ops::RangeInclusive;
use std::time::Duration;

use http::{HeaderName, StatusCode};
use uuid::Uuid;

use super::id;
use super::reader::{At, Trail};
use super::tree::{Located, Value};
use crate::secret::Secret;

/// Text that is not empty.
pub(super) fn text(at: At<'_>) -> Option<String> {
    match &at.node.value {
        Value::Text(text) if text.is_empty() => at.refuse("invalid-value", "length must be at least 1"),
        Value::Text(text) if text.starts_with("{vault://") => {
            at.refuse("unsupported-value", "vault references are not supported yet")
        }
        Value::Text(text) => Some(text.to_string()),
        Value::Bool(_) | Value::Int(_) | Value::Float(_) => {
            at.refuse_with("wrong-type", "expected a string", "put it in quotes")
        }
        Value::Null | Value::List(_) | Value::Map(_) => at.refuse("wrong-type", "expected a string"),
    }
}

/// Text that is never printed, not even where it is refused.
pub(super) fn secret(at: At<'_>) -> Option<Secret> {
    text(at).map(Secret::new)
}

/// True or false.
pub(super) fn boolean(at: At<'_>) -> Option<bool> {
    match &at.node.value {
        Value::Bool(value) => Some(*value),
        Value::Null | Value::Int(_) | Value::Float(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => {
            at.refuse("wrong-type", "expected a boolean")
        }
    }
}

/// Any number.
pub(super) fn number(at: At<'_>) -> Option<f64> {
    match &at.node.value {
        // Kong's numbers are doubles.
        #[expect(clippy::cast_precision_loss)]
        Value::Int(integer) => Some(*integer as f64),
        Value::Float(number) => Some(*number),
        Value::Null | Value::Bool(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => {
            at.refuse("wrong-type", "expected a number")
        }
    }
}

/// A whole number; `80.0` is one, as for Kong.
pub(super) fn whole(at: At<'_>) -> Option<i64> {
    match &at.node.value {
        Value::Int(integer) => Some(*integer),
        // Saturates far outside of every range that a field has.
        #[expect(clippy::cast_possible_truncation)]
        Value::Float(number) if number.is_finite() && number.fract() == 0.0 => Some(*number as i64),
        Value::Null | Value::Bool(_) | Value::Float(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => {
            at.refuse("wrong-type", "expected an integer")
        }
    }
}

/// A whole number within a range.
pub(super) fn between<T: TryFrom<i64>>(range: RangeInclusive<i64>) -> impl Fn(At<'_>) -> Option<T> {
    move |at| {
        let integer = whole(at)?;
        let fitting = range
            .contains(&integer)
            .then(|| T::try_from(integer).ok())
            .flatten();
        fitting.or_else(|| {
            let message = format!("value should be between {} and {}", range.start(), range.end());
            at.refuse("out-of-range", message)
        })
    }
}

/// A whole number of milliseconds within a range.
pub(super) fn milliseconds(range: RangeInclusive<i64>) -> impl Fn(At<'_>) -> Option<Duration> {
    move |at| between::<u64>(range.clone())(at).map(Duration::from_millis)
}

/// Seconds, with a fraction or without, up to a limit.
pub(super) fn seconds(longest: u32) -> impl Fn(At<'_>) -> Option<Duration> {
    move |at| {
        let seconds = number(at)?;
        if (0.0..=f64::from(longest)).contains(&seconds) {
            return Some(Duration::from_secs_f64(seconds));
        }
        at.refuse("out-of-range", format!("value should be between 0 and {longest}"))
    }
}

/// A TCP port.
pub(super) fn port(at: At<'_>) -> Option<u16> {
    between(0..=65535)(at)
}

/// A status that an answer can end with. Kong takes 1xx too, which end nothing.
pub(super) fn final_status(at: At<'_>) -> Option<StatusCode> {
    let code: u16 = between(200..=599)(at)?;
    StatusCode::from_u16(code).ok()
}

/// The name of a header.
pub(super) fn header_name(at: At<'_>) -> Option<HeaderName> {
    let text = text(at)?;
    match HeaderName::from_bytes(text.as_bytes()) {
        Ok(name) => Some(name),
        Err(_) => at.refuse("invalid-value", format!("'{text}' is not a valid header name")),
    }
}

/// A hyphenated UUID.
pub(super) fn uuid(at: At<'_>) -> Option<Uuid> {
    let text = text(at)?;
    id::parse(&text).or_else(|| at.refuse("invalid-value", "expected a valid UUID"))
}

/// One of a few words.
pub(super) fn one_of<T: Copy>(words: &'static [(&'static str, T)]) -> impl Fn(At<'_>) -> Option<T> {
    move |at| {
        let text = text(at)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        at.refuse("invalid-value", format!("expected one of: {}", words.join(", ")))
    }
}

/// An array of values of one kind.
pub(super) fn list<T>(rule: impl Fn(At<'_>) -> Option<T>) -> impl Fn(At<'_>) -> Option<Vec<T>> {
    collection("expected an array", rule)
}

/// Kong's set: an array in which a repeated value counts once.
pub(super) fn set<T: Clone + Eq + Hash>(
    rule: impl Fn(At<'_>) -> Option<T>,
) -> impl Fn(At<'_>) -> Option<Vec<T>> {
    let list = collection("expected a set", rule);
    move |at| {
        let mut values = list(at)?;
        // Most sets have one value; for those nothing is hashed.
        if values.len() > 1 {
            let mut seen = HashSet::with_capacity(values.len());
            values.retain(|value| seen.insert(value.clone()));
        }
        Some(values)
    }
}

fn collection<T>(
    kind: &'static str,
    rule: impl Fn(At<'_>) -> Option<T>,
) -> impl Fn(At<'_>) -> Option<Vec<T>> {
    move |at| match &at.node.value {
        Value::List(nodes) => {
            let mut values = Vec::with_capacity(nodes.len());
            values.extend(nodes.iter().enumerate().filter_map(|(index, node)| {
                let trail = Trail::Index(at.trail, index);
                rule(At {
                    node,
                    trail: &trail,
                    ..at
                })
            }));
            Some(values)
        }
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) | Value::Map(_) => {
            at.refuse("wrong-type", kind)
        }
    }
}

/// A value with the place where it stands.
pub(super) fn located<T>(rule: impl Fn(At<'_>) -> Option<T>) -> impl Fn(At<'_>) -> Option<Located<T>> {
    move |at| rule(at).map(|value| at.located(value))
}
