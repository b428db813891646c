//! The fields of a body: what is taken out is gone for every reader, and the rest is what it was.

use std::borrow::Cow;

use api_gateway::form::{Fields, Form, Syntax};
use serde_json::Value;

const SECRET: &[u8] = b"k";
const OTHER: &[u8] = b"a";

/// The octets are a body.
pub(crate) fn check(octets: &[u8]) {
    for syntax in [Syntax::UrlEncoded, Syntax::Json] {
        let mut form = Form::Read(Fields::new(syntax, octets.to_vec().into()));
        let (had, others) = (owned(&form, SECRET), owned(&form, OTHER));
        form.take_out(&["k".into()]);
        let left = octets_of(&form).to_vec();
        assert_eq!(owned(&form, SECRET), [], "it is still there");
        assert_eq!(owned(&form, OTHER), others);
        assert!(
            left.len() <= octets.len(),
            "{} became {}",
            octets.len(),
            left.len()
        );
        if had.is_empty() {
            assert_eq!(left, octets, "nothing was taken out");
        }
        form.take_out(&["k".into()]);
        assert_eq!(octets_of(&form), left, "not the same twice");
        if syntax == Syntax::Json {
            means_the_same(octets, &left);
        }
    }
}

/// To a reader who believes the last of two members.
fn means_the_same(before: &[u8], after: &[u8]) {
    let Ok(Value::Object(mut before)) = serde_json::from_slice(before) else {
        return;
    };
    before.remove("k");
    let after: Value = serde_json::from_slice(after).unwrap_or_default();
    assert_eq!(after, Value::Object(before));
}

fn owned(form: &Form, name: &[u8]) -> Vec<Option<Vec<u8>>> {
    let values = form.values(name).into_iter();
    values.map(|value| value.map(Cow::into_owned)).collect()
}

fn octets_of(form: &Form) -> &[u8] {
    match form {
        Form::Read(fields) => fields.octets(),
        Form::Absent | Form::Unread(_) | Form::TooLong => &[],
    }
}
