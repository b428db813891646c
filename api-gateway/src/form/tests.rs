use super::*;

fn announced(method: &str, headers: &[(&str, &str)]) -> Form {
    let mut request = http::Request::builder().method(method);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let head = request.body(()).unwrap().into_parts().0;
    Form::announced(&head.method, &head.headers)
}

fn read(syntax: Syntax, text: &'static [u8]) -> Form {
    Form::Read(Fields::new(syntax, Bytes::from_static(text)))
}

#[test]
fn a_head_tells_whether_there_may_be_fields() {
    const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
    for (method, headers, expected) in [
        ("POST", &[FORM][..], Some(Syntax::UrlEncoded)),
        (
            "POST",
            &[(
                "content-type",
                " Application/X-WWW-Form-URLEncoded ; charset=utf-8",
            )],
            Some(Syntax::UrlEncoded),
        ),
        ("PUT", &[("content-type", "application/json")], Some(Syntax::Json)),
        ("DELETE", &[FORM], Some(Syntax::UrlEncoded)),
        ("GET", &[FORM], None),
        ("HEAD", &[FORM], None),
        ("POST", &[], None),
        ("POST", &[("content-type", "application/json-seq")], None),
        ("POST", &[("content-type", "text/plain")], None),
        (
            "POST",
            &[("content-type", "multipart/form-data; boundary=b")],
            None,
        ),
        ("POST", &[FORM, ("content-type", "application/json")], None),
        ("POST", &[FORM, FORM], None),
        ("POST", &[FORM, ("content-encoding", "gzip")], None),
    ] {
        let found = match announced(method, headers) {
            Form::Unread(syntax) => Some(syntax),
            Form::Absent | Form::TooLong | Form::Read(_) => None,
        };
        assert_eq!(found, expected, "{method} {headers:?}");
    }
}

#[test]
fn values_are_found_and_what_is_no_form_has_none() {
    let (form, json) = (Syntax::UrlEncoded, Syntax::Json);
    for (syntax, text, expected) in [
        (form, &b"a=1&k=x&b"[..], &[Some("x")][..]),
        (form, b"%6b=x%20y", &[Some("x y")]),
        (form, b"k=x&k=x", &[Some("x"), Some("x")]),
        (form, b"k", &[None]),
        (form, b"K=x", &[]),
        (form, b"", &[]),
        (form, b"k=x&a=\xff", &[]),
        (
            json,
            br#"{"a": [{"k": "no"}], "k": "x\n\u0041"}"#,
            &[Some("x\nA")],
        ),
        (json, br#"{"\u006b": "x"}"#, &[Some("x")]),
        (json, br#"{"k": "x", "k": "y"}"#, &[Some("x"), Some("y")]),
        (json, br#"{"k": ["x"]}"#, &[None]),
        (json, br#"{"k": 1}"#, &[None]),
        (json, br#"{"k": "x"} {}"#, &[]),
        (json, br#"{"k": "x""#, &[]),
        (json, br#"["k", "x"]"#, &[]),
        (json, br#""k""#, &[]),
        (json, b"k=x", &[]),
    ] {
        let read = read(syntax, text);
        let found: Vec<_> = read
            .values(b"k")
            .into_iter()
            .map(|value| value.map(Cow::into_owned))
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|value| value.map(|text| text.as_bytes().to_vec()))
            .collect();
        assert_eq!(found, expected, "{}", String::from_utf8_lossy(text));
    }
}

#[test]
fn what_is_taken_out_is_gone_and_the_rest_is_as_it_was() {
    let (form, json) = (Syntax::UrlEncoded, Syntax::Json);
    for (syntax, text, left) in [
        (form, &b"a=%7e&k=x&%6B=y&b"[..], &b"a=%7e&b"[..]),
        (form, b"k=x", b""),
        (form, b"a=\xff&k=x", b"a=\xff&k=x"),
        (
            json,
            br#"{ "a": 1.50e400, "k": "x", "b": {"k": 1} , "k": 2 }"#,
            br#"{"a":1.50e400,"b":{"k": 1}}"#,
        ),
        (json, br#"{"k": "x"}"#, b"{}"),
        (json, b"[1]", b"[1]"),
    ] {
        let mut read = read(syntax, text);
        read.take_out(&["k".into()]);
        let Form::Read(fields) = read else { panic!() };
        assert_eq!(*fields.octets(), left, "{}", String::from_utf8_lossy(text));
    }
}

/// A megabyte of brackets would be a stack of a million calls; no more than [`LONGEST`] of them come.
#[test]
fn depth_costs_nothing() {
    let mut text = br#"{"k": "x", "a": "#.to_vec();
    text.resize(LONGEST - 1, b'[');
    text.push(b'}');
    let deep = Form::Read(Fields::new(Syntax::Json, text.into()));
    assert!(deep.values(b"k").is_empty());
}
