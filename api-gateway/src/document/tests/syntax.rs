//! The text itself: what it may look like, and how much of it there may be.

use super::{check, document, findings, read_as, without_places};
use crate::document::Syntax;

#[test]
fn the_top_level_is_an_object_of_a_known_format() {
    for (text, expected) in [
        ("_format_version: \"3.0\"", vec![]),
        (
            "_format_version: \"2.1\"\n_transform: false\n_comment: hello\n_ignore: [1, {a: b}]",
            vec![],
        ),
        (
            "{}",
            vec!["k.yaml:1:1: error[required-field-missing]: _format_version: required field missing"],
        ),
        (
            "_format_version: 3.0",
            vec!["k.yaml:1:18: error[wrong-type]: _format_version: expected a string; put it in quotes"],
        ),
        (
            "_format_version: \"4.0\"",
            vec!["k.yaml:1:18: error[invalid-value]: _format_version: expected one of: 1.1, 2.1, 3.0"],
        ),
        (
            "_format_version: \"3.0\"\n_transform: maybe",
            vec!["k.yaml:2:13: error[wrong-type]: _transform: expected a boolean"],
        ),
        (
            "",
            vec!["k.yaml:1:1: error[syntax]: failed parsing declarative configuration: expected an object"],
        ),
        (
            "- a",
            vec!["k.yaml:1:1: error[syntax]: failed parsing declarative configuration: expected an object"],
        ),
        (
            "plain words",
            vec!["k.yaml:1:1: error[syntax]: failed parsing declarative configuration: expected an object"],
        ),
    ] {
        assert_eq!(findings(text), expected, "{text}");
    }
}

#[test]
fn yaml_that_cannot_be_read_is_told_with_its_place() {
    check(&[
        (
            "a: [1, 2",
            &[
                "k.yaml:3:1: error[syntax]: failed parsing declarative configuration: while parsing a flow \
                        sequence, expected ',' or ']'",
            ],
        ),
        (
            "consumers:\n\t- username: x",
            &[
                "k.yaml:3:2: error[syntax]: failed parsing declarative configuration: tabs disallowed within this context \
             (block indentation)",
            ],
        ),
        (
            "a: \"\\q\"",
            &[
                "k.yaml:2:4: error[syntax]: failed parsing declarative configuration: while parsing a quoted scalar, \
             found unknown escape character",
            ],
        ),
        (
            "---\n_comment: b",
            &[
                "k.yaml:2:1: error[syntax]: failed parsing declarative configuration: a second document begins here",
            ],
        ),
        (
            "_comment: \"a\u{0}b\"",
            &[
                "k.yaml:2:13: error[syntax]: failed parsing declarative configuration: the control character U+0000 is \
             not allowed",
            ],
        ),
        (
            "_comment: !secret x",
            &[
                "k.yaml:2:19: error[syntax]: failed parsing declarative configuration: the tag !secret is not one for \
             this value",
            ],
        ),
        (
            "? [a, b]\n: c",
            &["k.yaml:2:3: error[syntax]: failed parsing declarative configuration: a key must be a word"],
        ),
    ]);
}

#[test]
fn core_tags_mean_what_they_say() {
    let text = "_format_version: !!str 3.0\nconsumers: !!seq [!!map {username: !!str 12, custom_id: ! yes}]";
    let consumers = document(text).consumers;
    assert_eq!(consumers[0].username.as_deref(), Some("12"));
    assert_eq!(consumers[0].custom_id.as_deref(), Some("yes"));
    check(&[(
        "_transform: !!bool 12",
        &[
            "k.yaml:2:20: error[syntax]: failed parsing declarative configuration: the tag tag:yaml.org,2002:bool is not \
         one for this value",
        ],
    )]);
}

#[test]
fn an_unquoted_word_is_not_taken_for_something_else() {
    check(&[
        ("_transform: yes", &[]),
        (
            "_transform: \"yes\"",
            &["k.yaml:2:13: error[wrong-type]: _transform: expected a boolean"],
        ),
        (
            "consumers: [{username: on}]",
            &["k.yaml:2:24: error[wrong-type]: username: expected a string; put it in quotes"],
        ),
        (
            "consumers: [{username: 'on'}, {username: \"1234\"}, {username: 12x}]",
            &[],
        ),
        (
            "consumers: [{username: 1234}]",
            &["k.yaml:2:24: error[wrong-type]: username: expected a string; put it in quotes"],
        ),
        (
            "services: [{host: a, port: 0600}]",
            &[
                "k.yaml:2:28: error[ambiguous-scalar]: this is not the same number in YAML 1.1 and in YAML 1.2; put it \
             in quotes if it is text, else write it as a plain decimal number",
            ],
        ),
        (
            "services: [{host: a, port: 99999999999999999999999}]",
            &["k.yaml:2:28: error[out-of-range]: port: value should be between 0 and 65535"],
        ),
        ("services: [{host: a, port: 80.0, retries: 1e1}]", &[]),
        (
            "services: [{host: a, port: 80.5, retries: .inf}]",
            &[
                "k.yaml:2:28: error[wrong-type]: port: expected an integer",
                "k.yaml:2:43: error[wrong-type]: retries: expected an integer",
            ],
        ),
    ]);
}

#[test]
fn a_repeated_key_is_told_with_both_places() {
    check(&[
        (
            "_comment: a\n_comment: b",
            &[
                "k.yaml:3:1: error[duplicate-key]: the key '_comment' is already given at line 2, column 1; keep one of \
             the two",
            ],
        ),
        (
            "consumers:\n- username: a\n  username: b",
            &[
                "k.yaml:4:3: error[duplicate-key]: the key 'username' is already given at line 3, column 3; keep one of \
             the two",
            ],
        ),
    ]);
    let (_, found) = read_as(
        Syntax::Json,
        br#"{"_format_version": "3.0", "_transform": true, "_transform": false}"#,
    );
    assert_eq!(
        found,
        [
            "k.yaml:1:48: error[duplicate-key]: the key '_transform' is already given at line 1, column 28; keep one of \
         the two"
        ]
    );
    let many: Vec<String> = (0..40).map(|number| format!("k{}: 1", number % 39)).collect();
    let found = findings(&format!(
        "_ignore: [{{{}}}]\n_format_version: \"3.0\"",
        many.join(", ")
    ));
    assert_eq!(found.len(), 1, "{found:#?}");
}

#[test]
fn byte_order_mark_and_line_ends_do_not_matter() {
    let plain = "_format_version: \"3.0\"\nconsumers:\n- username: jürgen\n  custom_id: x\n";
    let windows = format!("\u{feff}{}", plain.replace('\n', "\r\n"));
    assert_eq!(
        without_places(&document(plain)),
        without_places(&document(&windows))
    );
    let broken = windows.replace("custom_id", "costum_id");
    assert_eq!(
        findings(&broken),
        ["k.yaml:4:3: error[unknown-field]: costum_id: unknown field; did you mean 'custom_id'?"]
    );
    let (_, found) = read_as(Syntax::Yaml, b"a: b\nc: \xff\n");
    assert_eq!(
        found,
        ["k.yaml:2:4: error[syntax]: failed parsing declarative configuration: it is not UTF-8"]
    );
}

#[test]
fn aliases_and_merges_unfold() {
    let text = "
_format_version: \"3.0\"
_ignore:
- &timeouts {connect_timeout: 1, read_timeout: 2}
- &tags [a, b]
services:
- {name: one, host: h, <<: *timeouts, tags: *tags}
- {name: two, host: h, read_timeout: 3, <<: [*timeouts, {retries: 7}], tags: *tags}
";
    let services = document(text).services;
    let facts = |index: usize| {
        let service = &services[index];
        (
            service.connect_timeout.as_millis(),
            service.read_timeout.as_millis(),
            service.retries,
            service.tags.len(),
        )
    };
    assert_eq!(facts(0), (1, 2, 5, 2));
    assert_eq!(facts(1), (1, 3, 7, 2));
    check(&[
        (
            "_ignore: [&a [*a]]",
            &[
                "k.yaml:2:15: error[syntax]: failed parsing declarative configuration: an alias refers to a node that it \
             is part of",
            ],
        ),
        (
            "_ignore: [{<<: 1}]",
            &[
                "k.yaml:2:16: error[syntax]: failed parsing declarative configuration: `<<` merges mappings only",
            ],
        ),
    ]);
}

/// What is wrong with a value is told where the value is used; what is wrong within it, where that is written.
#[test]
fn an_alias_has_the_place_where_it_stands() {
    check(&[
        (
            "_ignore: [&name 7]\nservices:\n- {host: h, name: *name}",
            &["k.yaml:4:19: error[wrong-type]: name: expected a string; put it in quotes"],
        ),
        (
            "_ignore: [&both {port: 1, host: 2}]\nservices:\n- *both",
            &["k.yaml:2:33: error[wrong-type]: host: expected a string; put it in quotes"],
        ),
        (
            "_ignore: [&list {a: b}]\nservices:\n- {host: h, tags: *list}",
            &["k.yaml:4:19: error[wrong-type]: tags: expected a set"],
        ),
    ]);
}

#[test]
fn an_alias_bomb_goes_off_in_the_file_that_holds_it() {
    let mut bomb = String::from("_format_version: \"3.0\"\n_ignore:\n- &l0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let alias = format!("*l{}, ", level - 1).repeat(10);
        bomb = format!("{bomb}- &l{level} [{alias}]\n");
    }
    let found = findings(&bomb);
    assert!(
        found[0].contains("anchors and aliases unfold to more than 16 MiB"),
        "{found:#?}"
    );

    let long = "x".repeat(1 << 19);
    let few = format!(
        "_format_version: \"3.0\"\n_ignore: [&a {long}, {}]",
        "*a, ".repeat(40)
    );
    assert!(findings(&few)[0].contains("anchors and aliases unfold to more than 16 MiB"));
}

#[test]
fn depth_is_bounded() {
    for (syntax, text) in [
        (Syntax::Yaml, "[".repeat(200)),
        (Syntax::Yaml, "- ".repeat(100_000)),
        (Syntax::Yaml, "{a: ".repeat(200)),
        (Syntax::Json, "[".repeat(1_000_000)),
        (Syntax::Json, "{\"a\":".repeat(1_000_000)),
    ] {
        let (document, found) = read_as(syntax, text.as_bytes());
        assert!(document.is_none());
        assert!(found[0].contains("nested deeper than 64 levels"), "{found:#?}");
    }
    let nested = format!("{}1{}", "[".repeat(50), "]".repeat(50));
    document(&format!("_format_version: \"3.0\"\n_ignore: {nested}"));
    let grown = format!("_format_version: \"3.0\"\n_ignore: [&a {nested}, [[[[[[[[[[[[[[*a]]]]]]]]]]]]]]]");
    assert!(findings(&grown)[0].contains("nested deeper than 64 levels"));
}

#[test]
fn json_is_read_strictly_into_the_same_document() {
    let json = r#"{
  "_format_version": "3.0",
  "services": [{"name": "a\u00e9\ud83d\ude00", "host": "h", "port": 8080, "routes": [{"name": "r", "paths": ["/"]}]}]
}"#;
    let yaml = "_format_version: \"3.0\"\nservices: [{name: aé😀, host: h, port: 8080, routes: [{name: r, paths: [/]}]}]";
    let (from_json, found) = read_as(Syntax::Json, json.as_bytes());
    assert_eq!(found, Vec::<String>::new());
    assert_eq!(
        without_places(&from_json.unwrap()),
        without_places(&document(yaml))
    );
    for (text, place, reason) in [
        ("{\"a\": 1,}", "1:9", "expected a key in double quotes"),
        ("{'a': 1}", "1:2", "expected a key in double quotes"),
        ("{\"a\": 01}", "1:8", "expected ',' or '}'"),
        ("{\"a\": 1} x", "1:10", "expected the end of the text"),
        ("{\"a\": \"\\ud800\"}", "1:14", "half a surrogate pair"),
        (
            "{\"a\":\n \"b\nc\"}",
            "2:4",
            "a control character in a string must be escaped",
        ),
        ("{\"é\": tru}", "1:7", "expected a value"),
        ("{\"a\": 1e}", "1:9", "expected a digit"),
        ("{\"a\": NaN}", "1:7", "expected a value"),
        ("{\"a\" 1}", "1:6", "expected ':'"),
        ("{\"a\": [1 2]}", "1:10", "expected ',' or ']'"),
        ("{\"a", "1:2", "a string does not end"),
        ("", "1:1", "the text ends where a value is expected"),
    ] {
        let (_, found) = read_as(Syntax::Json, text.as_bytes());
        let expected =
            format!("k.yaml:{place}: error[syntax]: failed parsing declarative configuration: {reason}");
        assert_eq!(found, [expected], "{text}");
    }
}

#[test]
fn a_text_of_unknown_syntax_is_json_first() {
    for (text, expected) in [
        ("{\"_format_version\": \"3.0\"}", vec![]),
        ("{_format_version: \"3.0\"}", vec![]),
        ("_format_version: \"3.0\"", vec![]),
        (
            "\n {\"_format_version\": \"3.0\"",
            vec![
                "k.yaml:2:27: error[syntax]: failed parsing declarative configuration: expected ',' or '}'"
                    .to_owned(),
            ],
        ),
    ] {
        assert_eq!(read_as(Syntax::Either, text.as_bytes()).1, expected, "{text}");
    }
}
