//! The members of a JSON object, of which all but a few are nobody's business here: they are passed over unread, and go on
//! as they were written.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The values of a member; `None` for one that is no string.
pub(super) fn values<'t>(text: &str, name: &[u8]) -> Vec<Option<Cow<'t, [u8]>>> {
    let members = members(text).unwrap_or_default().into_iter();
    let text_of = |raw: &RawValue| serde_json::from_str::<String>(raw.get()).ok();
    members
        .filter(|(own, _)| own.as_bytes() == name)
        .map(|(_, raw)| text_of(raw).map(|text| Cow::Owned(text.into_bytes())))
        .collect()
}

/// The object without some members; `None` if it is no object.
pub(super) fn without(text: &str, is_taken_out: impl Fn(&[u8]) -> bool) -> Option<String> {
    let mut left = String::with_capacity(text.len());
    left.push('{');
    for (name, raw) in members(text)? {
        if is_taken_out(name.as_bytes()) {
            continue;
        }
        if left.len() > 1 {
            left.push(',');
        }
        left.push_str(&serde_json::to_string(&name).ok()?);
        left.push(':');
        left.push_str(raw.get());
    }
    left.push('}');
    Some(left)
}

fn members(text: &str) -> Option<Vec<(String, &RawValue)>> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let members = deserializer.deserialize_map(Members).ok()?;
    deserializer.end().ok()?;
    Some(members)
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}
