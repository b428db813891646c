//! What a token says, by the path that a configuration names: `["realm_access", "roles"]` is a member of a member.

use serde_json::{Map, Value};

/// Names of members, each within the one before; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPath(Box<[Box<str>]>);

impl ClaimPath {
    /// `None` for no name at all.
    pub fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Option<Self> {
        let names: Box<[Box<str>]> = names.into_iter().map(Into::into).collect();
        (!names.is_empty()).then_some(Self(names))
    }

    /// What the claims hold there. A `null` is nothing.
    pub fn find<'c>(&self, claims: &'c Map<String, Value>) -> Option<&'c Value> {
        let (first, rest) = self.0.split_first()?;
        let mut value = claims.get(&**first)?;
        for name in rest {
            value = value.as_object()?.get(&**name)?;
        }
        Some(value).filter(|value| !value.is_null())
    }

    /// Writes a value there; what is in the way and no object is replaced.
    pub fn put(&self, claims: &mut Map<String, Value>, value: Value) {
        let Some((last, way)) = self.0.split_last() else {
            return;
        };
        let mut members = claims;
        for name in way {
            let member = members
                .entry(&**name)
                .or_insert_with(|| Value::Object(Map::new()));
            if !member.is_object() {
                *member = Value::Object(Map::new());
            }
            let Value::Object(inner) = member else { return };
            members = inner;
        }
        members.insert(last.to_string(), value);
    }
}

impl std::fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

/// The words of a claim: those of a text between its spaces, the texts of an array as they are, or a number or boolean as
/// it is written. An object has none.
pub fn words(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => text
            .split(' ')
            .filter(|word| !word.is_empty())
            .map(ToOwned::to_owned)
            .collect(),
        Value::Array(values) => values.iter().filter_map(scalar).collect(),
        Value::Bool(_) | Value::Number(_) => scalar(value).into_iter().collect(),
        Value::Null | Value::Object(_) => Vec::new(),
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// `scopes_required` and its brothers: one of these, where one may be several words that must all be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Required(Box<[Box<[Box<str>]>]>);

impl Required {
    /// Elements are alternatives; the words of one, between spaces, belong together.
    pub fn new<'e>(elements: impl IntoIterator<Item = &'e str>) -> Self {
        let together = |element: &str| -> Box<[Box<str>]> {
            element
                .split(' ')
                .filter(|word| !word.is_empty())
                .map(Into::into)
                .collect()
        };
        Self(elements.into_iter().map(together).collect())
    }

    /// The elements, each with its words.
    pub fn alternatives(&self) -> impl Iterator<Item = impl Iterator<Item = &str>> {
        self.0.iter().map(|together| together.iter().map(AsRef::as_ref))
    }

    /// Whether a claim has what is required. An element without a word requires something that nobody has.
    pub fn is_met_by(&self, value: &Value) -> bool {
        let words = words(value);
        self.0.iter().any(|together| {
            !together.is_empty()
                && together
                    .iter()
                    .all(|word| words.iter().any(|has| **has == **word))
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_leads_through_objects_alone() {
        let claims = json!({"a": {"b": {"c": 1}, "n": null, "l": [{"c": 1}]}, "a.b": 2});
        let claims = claims.as_object().unwrap();
        for (path, expected) in [
            (&["a", "b", "c"][..], Some(json!(1))),
            (&["a.b"], Some(json!(2))),
            (&["a", "n"], None),
            (&["a", "l", "0", "c"], None),
            (&["a", "b", "c", "d"], None),
            (&["x"], None),
        ] {
            let found = ClaimPath::new(path.iter().copied())
                .unwrap()
                .find(claims)
                .cloned();
            assert_eq!(found, expected, "{path:?}");
        }
        assert_eq!(ClaimPath::new([]), None);
    }

    #[test]
    fn elements_are_alternatives_and_words_belong_together() {
        for (required, claim, met) in [
            (&["read"][..], json!("openid read"), true),
            (&["read"], json!("openid readall"), false),
            (&["read write"], json!("write x read"), true),
            (&["read write"], json!("read"), false),
            (&["read write", "admin"], json!(["admin"]), true),
            (&["read write", "admin"], json!(["write", "read"]), true),
            // A member of an array is one word, also with a space in it.
            (&["read"], json!(["read write"]), false),
            (&["read"], json!("Read"), false),
            (&["1"], json!(1), true),
            (&["true"], json!(true), true),
            (&["read"], json!({"read": true}), false),
            (&["read"], json!([["read"]]), false),
            (&["read"], json!(""), false),
            (&[" "], json!("read"), false),
            (&[], json!("read"), false),
        ] {
            let required = Required::new(required.iter().copied());
            assert_eq!(required.is_met_by(&claim), met, "{required:?} {claim}");
        }
    }
}
