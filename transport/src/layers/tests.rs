//! One row a situation: a file and variables, and the findings they give.

use std::time::Duration;

use serde::Deserialize;

use super::Kind::{Dotted, List, Named, One, Table, Tables};
use super::Scalar::{Boolean, Integer, Text, Word};
use super::*;
use crate::finding::Report;

const INNER: &[Key] = &[
    Key::required("address", One(Text)),
    Key::or("mode", One(Word(&["off", "on", "1.3"])), "off"),
    Key::optional(
        "tls",
        Table(&[
            Key::required("certificate", One(FILE)),
            Key::or("policy", One(Text), "1.2"),
        ]),
    ),
    Key::optional("more", Tables(&[Key::required("certificate", One(FILE))])),
    Key::optional(
        "attributes",
        Dotted(&[
            Key::or("http.host.enabled", One(Boolean), "false"),
            Key::or("idle.seconds", One(Integer { least: 1, most: 4000 }), "60"),
        ]),
    ),
];
const FILE: Scalar = Scalar::Path { words: &[] };
const KEYS: &[Key] = &[
    Key::or("drain", One(Scalar::Duration), "30s"),
    Key::or("names", List(Text), "a, b"),
    Key::optional("lists", List(Scalar::Path { words: &["system"] })),
    Key::required("listeners", Named(INNER)),
];

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Everything {
    drain: Duration,
    names: Vec<String>,
    lists: Option<Vec<PathBuf>>,
    #[serde(default)]
    listeners: std::collections::BTreeMap<String, Inner>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Inner {
    address: Option<String>,
    mode: String,
    tls: Option<Tls>,
    more: Vec<Tls>,
    attributes: Attributes,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Tls {
    certificate: Option<PathBuf>,
    policy: Option<String>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Attributes {
    #[serde(rename = "http.host.enabled")]
    host: bool,
    #[serde(rename = "idle.seconds")]
    idle: u32,
}

fn merged(file: &str, environment: &[(&str, &str)], spelling: Spelling) -> Merged {
    let variables: Vec<(String, String)> = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let mut layers = Layers::new(KEYS, Some(Path::new("/etc/node.toml")));
    layers
        .add_toml(Path::new("/etc/node.toml"), file, spelling)
        .unwrap();
    layers.add_environment("EDGE_", &variables);
    layers.merge()
}

fn findings(merged: Merged) -> Vec<String> {
    let warning = unknown_environment(&merged.unknown_variables);
    let report: Report = merged
        .findings
        .into_iter()
        .chain(merged.unknown_keys.into_iter().map(Unknown::finding))
        .chain(warning)
        .collect();
    report.iter().map(ToString::to_string).collect()
}

fn check(file: &str, environment: &[(&str, &str)]) -> Vec<String> {
    findings(merged(file, environment, Spelling::Typed))
}

const GOOD: &str = "[listeners.public]\naddress = \"a:1\"\n";

#[test]
fn a_good_file_has_no_findings_and_every_default() {
    let merged = merged(GOOD, &[], Spelling::Typed);
    assert_eq!(
        merged.extract::<Everything>().unwrap(),
        Everything {
            drain: Duration::from_secs(30),
            names: vec!["a".into(), "b".into()],
            lists: None,
            listeners: [(
                "public".to_owned(),
                Inner {
                    address: Some("a:1".into()),
                    mode: "off".into(),
                    tls: None,
                    more: vec![],
                    attributes: Attributes {
                        host: false,
                        idle: 60
                    },
                }
            )]
            .into(),
        }
    );
    assert_eq!(findings(merged), Vec::<String>::new());
}

#[test]
fn the_three_ways_to_write_a_dotted_name_are_one() {
    for attributes in [
        "[listeners.public.attributes]\n\"http.host.enabled\" = true\n\"idle.seconds\" = 5",
        "[listeners.public.attributes]\nhttp.host.enabled = true\nidle.seconds = 5",
        "[listeners.public.attributes.http.host]\nenabled = true\n[listeners.public.attributes.idle]\nseconds = 5",
    ] {
        let merged = merged(&format!("{GOOD}{attributes}"), &[], Spelling::Typed);
        let read: Everything = merged.extract().unwrap();
        assert_eq!(
            read.listeners["public"].attributes,
            Attributes { host: true, idle: 5 },
            "{attributes}"
        );
        assert!(
            merged
                .origins
                .is_written("listeners.public.attributes.idle.seconds")
        );
    }
}

#[test]
fn everything_wrong_in_a_file_is_reported_at_its_place() {
    for (file, expected) in [
        (
            "",
            vec!["/etc/node.toml:1:1: error[missing-key]: `listeners` is missing"],
        ),
        (
            "drian = \"3s\"\n[listeners]",
            vec!["/etc/node.toml:1:1: error[unknown-key]: unknown key `drian`; did you mean `drain`?"],
        ),
        (
            "colour = 1\n[listeners]",
            vec!["/etc/node.toml:1:1: error[unknown-key]: unknown key `colour`"],
        ),
        (
            "drain = 30\nnames = \"a\"\n[listeners]",
            vec![
                "/etc/node.toml:1:9: error[wrong-type]: `drain` must be a duration, not a whole number; write it as text with a unit, such as \"30s\"",
                "/etc/node.toml:2:9: error[wrong-type]: `names` must be a list, not text",
            ],
        ),
        (
            "names = [\"a\", 2,\n  \"\"]\n[listeners]",
            vec![
                "/etc/node.toml:1:15: error[wrong-type]: `names[1]` must be text, not a whole number; put it in quotes: \"2\"",
                "/etc/node.toml:2:3: error[bad-value]: `names[1]`: is empty",
            ],
        ),
        (
            "[listeners.a]",
            vec![
                "/etc/node.toml:1:1: error[missing-key]: `listeners.a.address` is missing from `listeners.a`",
            ],
        ),
        // A mistyped key and a value of the wrong type are one mistake each: neither is missing too.
        (
            "[listeners.a]\nadress = \"x\"\n[listeners.b]\naddress = 1.3",
            vec![
                "/etc/node.toml:2:1: error[unknown-key]: unknown key `listeners.a.adress`; did you mean `address`?",
                "/etc/node.toml:4:11: error[wrong-type]: `listeners.b.address` must be text, not a number; put it in quotes: \"1.3\"",
            ],
        ),
        (
            "listeners = 3",
            vec!["/etc/node.toml:1:13: error[wrong-type]: `listeners` must be a table, not a whole number"],
        ),
        (
            "[listeners]\na = 3",
            vec!["/etc/node.toml:2:5: error[wrong-type]: `listeners.a` must be a table, not a whole number"],
        ),
        (
            "[listeners.\"a b\"]\naddress = \"a\"",
            vec!["/etc/node.toml:1:12: error[bad-value]: `a b` is no name; use letters, digits, `-` and `_`"],
        ),
        (
            "[listeners.a]\naddress = \"a\"\ncertificate = \"x\"\nmode = \"maybe\"\ntls = {}\nmore = [{}, 4, {certificate=''}]",
            vec![
                "/etc/node.toml:3:1: error[unknown-key]: unknown key `listeners.a.certificate`; it belongs into the table `listeners.a.tls`",
                "/etc/node.toml:4:8: error[bad-value]: `listeners.a.mode`: `maybe` is none of off, on, 1.3",
                "/etc/node.toml:5:7: error[missing-key]: `listeners.a.tls.certificate` is missing from `listeners.a.tls`",
                "/etc/node.toml:6:9: error[missing-key]: `listeners.a.more[0].certificate` is missing from `listeners.a.more[0]`",
                "/etc/node.toml:6:13: error[wrong-type]: `listeners.a.more[1]` must be a table, not a whole number",
                "/etc/node.toml:6:29: error[bad-value]: `listeners.a.more[1].certificate`: is empty",
            ],
        ),
    ] {
        assert_eq!(check(file, &[]), expected, "{file}");
    }
}

#[test]
fn a_file_that_is_no_toml_is_one_finding() {
    for (file, expected) in [
        (
            "drain = ",
            "a.toml:1:9: error[syntax]: this is no TOML: something is missing here",
        ),
        (
            "a = 1\na = 2",
            "a.toml:2:1: error[syntax]: this is no TOML: duplicate key `a` in document root",
        ),
    ] {
        let refused = Layers::new(KEYS, None)
            .add_toml(Path::new("a.toml"), file, Spelling::Typed)
            .unwrap_err();
        assert_eq!(refused.to_string(), expected);
    }
}

#[test]
fn attributes_that_are_not_there_are_unknown_by_their_whole_name() {
    let file = format!(
        "{GOOD}[listeners.public.attributes]\nhttp.hots.enabled = true\n\"idle.seconds\" = 0\nwaf = 1"
    );
    assert_eq!(
        check(&file, &[]),
        [
            "/etc/node.toml:4:6: error[unknown-key]: unknown key `listeners.public.attributes.http.hots`",
            "/etc/node.toml:5:18: error[bad-value]: `listeners.public.attributes.idle.seconds`: 0 is not between 1 and 4000",
            "/etc/node.toml:6:1: error[unknown-key]: unknown key `listeners.public.attributes.waf`",
        ]
    );
}

#[test]
fn the_environment_is_read_by_the_type_of_the_key() {
    let file = "[listeners.my-Public]\naddress = \"a:1\"\nmore = [{ certificate = \"a.pem\" }]\n";
    let variables = [
        ("EDGE_DRAIN", "2m"),
        ("EDGE_NAMES", "x,y"),
        ("EDGE_LISTS", "system, pki/a.crl"),
        ("EDGE_LISTENERS__MY_PUBLIC__MODE", "1.3"),
        ("EDGE_LISTENERS__MY_PUBLIC__ATTRIBUTES__IDLE_SECONDS", "7"),
        ("EDGE_LISTENERS__MY_PUBLIC__ATTRIBUTES__HTTP__HOST__ENABLED", "on"),
        ("EDGE_LISTENERS__INNER__ADDRESS", "b:2"),
        ("OTHER_DRAIN", "nonsense"),
    ];
    let merged = merged(file, &variables, Spelling::Typed);
    let read: Everything = merged.extract().unwrap();
    assert_eq!(read.drain, Duration::from_mins(2));
    assert_eq!(read.names, ["x", "y"]);
    assert_eq!(read.lists, Some(vec!["system".into(), "/etc/pki/a.crl".into()]));
    assert_eq!(read.listeners["my-Public"].mode, "1.3");
    assert_eq!(
        read.listeners["my-Public"].attributes,
        Attributes { host: true, idle: 7 }
    );
    assert_eq!(
        read.listeners["my-Public"].more[0].certificate,
        Some("/etc/a.pem".into())
    );
    assert_eq!(read.listeners["inner"].address.as_deref(), Some("b:2"));
    for (path, expected) in [
        ("names[1]", "env EDGE_NAMES"),
        ("listeners.my-Public.mode", "env EDGE_LISTENERS__MY_PUBLIC__MODE"),
        ("listeners.my-Public.address", "/etc/node.toml:2:11"),
        ("listeners.my-Public.more[0].certificate", "/etc/node.toml:3:25"),
        ("listeners.my-Public.tls.certificate", "/etc/node.toml:1:1"),
    ] {
        assert_eq!(merged.origins.of(path).to_string(), expected, "{path}");
    }
    assert_eq!(findings(merged), Vec::<String>::new());
}

#[test]
fn wrong_variables_are_errors_and_unknown_ones_are_one_warning() {
    assert_eq!(
        check(
            GOOD,
            &[
                ("EDGE_DRAIN", "soon"),
                ("EDGE_PORT", "tcp://10.0.0.1:8443"),
                ("EDGE_LISTENERS__PUBLIC__ADRESS", "x"),
                ("EDGE_LISTENERS", "x"),
                ("EDGE_LISTENERS__PUBLIC", "x"),
                ("EDGE_LISTENERS__PUBLIC__MORE__0__CERTIFICATE", "x"),
                ("EDGE_DRAIN__DEEPER", "x"),
                ("EDGE_LISTENERS__PUBLIC__MODE", "maybe"),
            ]
        ),
        [
            "env EDGE_DRAIN: error[bad-value]: `drain`: `soon` is no duration; write a whole number and ms, s, m, h or d, such as 30s",
            "env EDGE_LISTENERS__PUBLIC__MODE: error[bad-value]: `listeners.public.mode`: `maybe` is none of off, on, 1.3",
            "env EDGE_DRAIN__DEEPER: warning[unknown-environment]: ignored, no setting has this name: EDGE_DRAIN__DEEPER, \
             EDGE_LISTENERS, EDGE_LISTENERS__PUBLIC, EDGE_LISTENERS__PUBLIC__ADRESS (did you mean \
             EDGE_LISTENERS__PUBLIC__ADDRESS?), EDGE_LISTENERS__PUBLIC__MORE__0__CERTIFICATE, EDGE_PORT",
        ]
    );
}

#[test]
fn a_required_key_may_come_from_the_environment() {
    assert_eq!(
        check("", &[("EDGE_LISTENERS__PUBLIC__ADDRESS", "a:1")]),
        Vec::<String>::new()
    );
    assert_eq!(
        check(GOOD, &[("EDGE_LISTENERS__PUBLIC__ADDRESS", "")]),
        [
            "env EDGE_LISTENERS__PUBLIC__ADDRESS: error[missing-key]: `listeners.public.address` is missing from `listeners.public`"
        ]
    );
}

#[test]
fn text_is_read_like_the_environment_only_where_that_is_asked_for() {
    let file = "drain = \"1m\"\nnames = \"x, y\"\n[listeners.a]\naddress = 7\nattributes.idle.seconds = \"9\"\n\
                attributes.http.host.enabled = \"on\"\nmode = \"\"";
    let lenient = merged(file, &[], Spelling::TypedOrText);
    let read: Everything = lenient.extract().unwrap();
    assert_eq!(read.names, ["x", "y"]);
    assert_eq!(read.listeners["a"].address.as_deref(), Some("7"));
    assert_eq!(read.listeners["a"].attributes, Attributes { host: true, idle: 9 });
    assert_eq!(read.listeners["a"].mode, "off");
    assert_eq!(findings(lenient), Vec::<String>::new());
    assert_eq!(check(file, &[]).len(), 5);
}

#[test]
fn a_file_of_texts_is_a_layer_like_any_other() {
    let entry = |name: &str, text: &str, line| {
        let at = |column| Origin::File {
            file: "a.conf".into(),
            line,
            column,
        };
        TextEntry {
            name: name.into(),
            text: text.into(),
            key: at(1),
            value: at(9),
        }
    };
    let mut layers = Layers::new(&KEYS[..3], Some(Path::new("/etc/a.conf")));
    layers.add_texts(vec![
        entry("drain", "1m", 1),
        entry("names", "x", 2),
        entry("lsits", "y", 3),
        entry("lists", "-----BEGIN PRIVATE KEY-----", 4),
    ]);
    let merged = layers.merge();
    assert_eq!(merged.origins.of("names").to_string(), "a.conf:2:9");
    assert_eq!(
        findings(merged),
        [
            "a.conf:3:1: error[unknown-key]: unknown key `lsits`; did you mean `lists`?",
            "a.conf:4:9: error[bad-value]: `lists`: is no file name; PEM text is not read here, name the file that holds it",
        ]
    );
}
