//! Broken input: whatever is done to a document, reading it ends, and ends with words.

use super::{CA_ID, PKI, ca_entry, quoted, read_as};
use crate::document::Syntax;

fn good() -> String {
    format!(
        "_format_version: \"3.0\"
_ignore: [&t [a, \"b\"]]
{}certificates:
- cert: {}
  key: {}
  snis: [a.test]
services:
- name: s
  url: https://h:8443/p
  tags: *t
  routes:
  - name: r
    hosts: ['*.a.test']
    paths: [/a, ~/b\\d+]
    headers: {{x-a: [b]}}
    plugins:
    - name: mtls-auth
      config: {{ca_certificates: [{CA_ID}], cache_ttl: 1.5}}
    - {{name: acl_1595, config: {{allow: [g]}}}}
consumers:
- username: a
  acls: [{{group: g}}]
",
        ca_entry(),
        quoted(&PKI.server.chain_pem()),
        quoted(&PKI.server.key_pem()),
    )
}

/// Reads it, and holds that there is a document or a reason why not.
fn ends(syntax: Syntax, bytes: &[u8]) {
    let (document, found) = read_as(syntax, bytes);
    let has_error = found.iter().any(|finding| finding.contains(" error["));
    assert_eq!(document.is_none(), has_error, "{found:#?}");
}

#[test]
fn the_document_to_be_broken_is_whole() {
    let (document, found) = read_as(Syntax::Yaml, good().as_bytes());
    assert!(document.is_some(), "{found:#?}");
}

#[test]
fn a_document_may_end_anywhere() {
    let good = good();
    for end in 0..good.len() {
        ends(Syntax::Yaml, &good.as_bytes()[..end]);
        ends(Syntax::Json, &good.as_bytes()[..end]);
    }
    let json = r#"{"_format_version":"3.0","consumers":[{"username":"é\n","acls":[{"group":"g"}],"custom_id":null}]}"#;
    for end in 0..=json.len() {
        ends(Syntax::Either, &json.as_bytes()[..end]);
    }
}

#[test]
fn any_byte_may_be_another() {
    let good = good();
    let mut broken = good.clone().into_bytes();
    for position in 0..broken.len() {
        let kept = broken[position];
        for byte in *b"\0\t\n :-[]{}\"'&*!|>%@~#,?<\xff0" {
            // A long PEM is only sampled.
            if position % 7 == 0 || position < 120 || position > good.len() - 700 {
                broken[position] = byte;
                ends(Syntax::Yaml, &broken);
            }
        }
        broken[position] = kept;
    }
}

#[test]
fn any_line_may_be_missing_or_repeated() {
    let good = good();
    let lines: Vec<&str> = good.lines().collect();
    for index in 0..lines.len() {
        let mut fewer = lines.clone();
        fewer.remove(index);
        ends(Syntax::Yaml, fewer.join("\n").as_bytes());
        let mut more = lines.clone();
        more.insert(index, lines[index]);
        ends(Syntax::Yaml, more.join("\n").as_bytes());
        let indented = format!("  {}", lines[index]);
        more[index] = &indented;
        ends(Syntax::Yaml, more.join("\n").as_bytes());
    }
}

#[test]
fn a_heap_of_values_is_refused() {
    for (syntax, text) in [
        (Syntax::Yaml, "-\n".repeat(5_000_001)),
        (Syntax::Json, format!("[{}1]", "1,".repeat(5_000_000))),
    ] {
        let (document, found) = read_as(syntax, text.as_bytes());
        assert!(document.is_none());
        assert!(found[0].contains("more than 5000000 values"), "{found:#?}");
    }
    let (_, found) = read_as(Syntax::Yaml, &vec![b'#'; (64 << 20) + 1]);
    assert!(found[0].contains("it is larger than 64 MiB"), "{found:#?}");
}

#[test]
fn a_flood_of_problems_is_cut_off() {
    let text = format!("_format_version: '3.0'\nconsumers: [{}]", "{x: 1}, ".repeat(5000));
    let (_, found) = read_as(Syntax::Yaml, text.as_bytes());
    assert_eq!(found.len(), 1001);
    assert_eq!(
        found[1000],
        "k.yaml:1:1: error[too-many-problems]: 9000 further problems are not shown"
    );
}

/// A file of Kong's may hold a warning for each of its routes; it loads all the same.
#[test]
fn a_flood_of_warnings_is_cut_off_and_refuses_nothing() {
    let routes = |count: usize| {
        let route = |number| format!("{{paths: [/{number}], path_handling: v1}}, ");
        (0..count).map(route).collect::<String>()
    };
    for (count, wrong, kept, loads) in [
        (1000, "", 1000, true),
        (1500, "", 1001, true),
        (1500, "{paths: [/x], x: 1}", 1002, false),
    ] {
        let text = format!("_format_version: '3.0'\nroutes: [{}{wrong}]", routes(count));
        let (document, found) = read_as(Syntax::Yaml, text.as_bytes());
        assert_eq!(
            (document.is_some(), found.len()),
            (loads, kept),
            "{count} {wrong}"
        );
        let told = found
            .iter()
            .any(|finding| finding.contains(" error[unknown-field]"));
        assert_eq!(told, !loads, "{count} {wrong}");
    }
    let (_, found) = read_as(
        Syntax::Yaml,
        format!("_format_version: '3.0'\nroutes: [{}]", routes(1500)).as_bytes(),
    );
    assert_eq!(
        found[1000],
        "k.yaml:1:1: warning[too-many-problems]: 500 further warnings are not shown"
    );
}

/// Two problems for each key would be more memory than the document.
#[test]
fn a_flood_of_repeated_keys_is_counted() {
    let keys = 200_000;
    for (syntax, text) in [
        (Syntax::Json, format!("{{{}\"a\":1}}", "\"a\":1,".repeat(keys))),
        (Syntax::Yaml, "a: 1\n".repeat(keys + 1)),
    ] {
        let (document, found) = read_as(syntax, text.as_bytes());
        assert!(document.is_none());
        assert_eq!(found.len(), 1001, "{syntax:?}");
        let further = format!(" {} further problems are not shown", keys + 2 - 1000);
        assert!(found[1000].ends_with(&further), "{syntax:?}: {}", found[1000]);
    }
}

/// The parser holds a flow collection in memory until it has ended, at hundreds of bytes for each value.
#[test]
fn a_long_flow_collection_is_refused_and_json_is_not() {
    let list = |octets: usize| "x, ".repeat(octets / 3);
    let member = "{\"username\":\"a\"},";
    for (what, text, reason) in [
        (
            "a list",
            format!("_ignore:\n- [{}]", list((1 << 20) + 64)),
            Some("is longer than 1 MiB"),
        ),
        (
            "a list that can be no key",
            format!("_format_version: '3.0'\n_ignore: [{}]", list(2 << 20)),
            None,
        ),
        (
            "a shorter list",
            format!("_format_version: '3.0'\n_ignore:\n- [{}]", list(1 << 19)),
            None,
        ),
        (
            "lists that are long together",
            format!(
                "_format_version: '3.0'\n_ignore:\n{}",
                format!("- [{}]\n", list(1 << 18)).repeat(6)
            ),
            None,
        ),
        (
            "JSON in YAML",
            format!(
                "{{\"_format_version\":\"3.0\",\"_ignore\":[{}1]}}",
                member.repeat((1 << 20) / member.len() + 1)
            ),
            None,
        ),
        (
            "a text",
            format!("_format_version: '3.0'\n_comment: {}", "x".repeat(1 << 19)),
            None,
        ),
    ] {
        let (document, found) = read_as(Syntax::Yaml, text.as_bytes());
        assert_eq!(document.is_none(), reason.is_some(), "{what}: {found:#?}");
        if let Some(reason) = reason {
            assert!(found[0].contains(reason), "{what}: {found:#?}");
        }
    }
}
