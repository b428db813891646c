//! Inputs too large to be committed: what somebody sends who wants time or memory, and not an answer.
//!
//! What takes time by the square of its length takes minutes here; what takes memory by more than a small multiple of
//! it is ended by the kernel.

use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, setrlimit};

use super::{certificate, certificate_header, document, node_file, request_path};

/// How long each text is, in octets.
const SIZE: usize = 256 << 10;
/// Far more than any of them needs, on a machine that is busy with other things; far less than a square would take.
const PATIENCE: Duration = Duration::from_secs(20);

fn in_time<'a>(check: fn(&[u8]), rows: impl IntoIterator<Item = (&'a str, String)>) {
    for (name, text) in rows {
        let begun = Instant::now();
        check(text.as_bytes());
        let taken = begun.elapsed();
        assert!(taken < PATIENCE, "{name}: {taken:?}");
    }
}

#[test]
fn documents_take_time_by_their_length() {
    in_time(document::check, texts(SIZE));
    in_time(document::check, entities(SIZE));
}

#[test]
fn node_files_take_time_by_their_length() {
    in_time(
        node_file::check,
        [
            ("repeated keys", filled("log_level = info\n", SIZE)),
            ("unknown keys", numbered(SIZE / 4, |n| format!("k{n} = 1\n"))),
            ("lines that are none", filled("x\n", SIZE)),
            ("one long line", filled("x", SIZE)),
            ("one long key", format!("{} = 1", filled("k", SIZE))),
            ("one long value", format!("plugins = {}", filled("a,", SIZE))),
            ("comments", filled("#", SIZE)),
            ("escaped comments", format!("plugins = {}", filled("\\#", SIZE))),
            (
                "one long list",
                format!("plugins = [{}]", filled("\"a\", ", SIZE)),
            ),
            (
                "one long list of the wrong type",
                format!("plugins = [{}]", filled("1, ", SIZE)),
            ),
            ("tables", numbered(SIZE, |n| format!("[t{n}]\na = 1\n"))),
            ("dots", format!("{}a = 1", filled("a.", SIZE / 16))),
        ],
    );
}

#[test]
fn what_a_peer_sends_takes_time_by_its_length() {
    in_time(
        request_path::check,
        [
            ("parents", filled("/..", 64 << 10)),
            ("encoded parents", filled("/%2e%2e", 64 << 10)),
            ("encoded slashes", format!("/{}", filled("..%2F", 64 << 10))),
            ("slashes", filled("/", 64 << 10)),
            ("dots behind a prefix", format!("/{}", filled(".%5Ca", 64 << 10))),
        ],
    );
    in_time(
        certificate_header::check,
        [
            ("escapes", filled("%2D", 16 << 10)),
            ("beginnings", filled("-----BEGIN%20CERTIFICATE-----%0A", 16 << 10)),
            ("base64", filled("MIIB", 16 << 10)),
            ("commas", format!(":MAA=:\n{}", filled(",", 16 << 10))),
            ("beyond the limit", filled("MIIB", SIZE)),
        ],
    );
    // DER of one-letter relative names, as many as go into what is taken of a peer.
    let attribute = "\u{31}\u{a}\u{30}\u{8}\u{6}\u{3}\u{55}\u{4}\u{3}\u{c}\u{1}a";
    let content = attribute.repeat(60_000 / attribute.len());
    let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
    let name = [&[0x30, 0x82, high, low], content.as_bytes()].concat();
    let begun = Instant::now();
    certificate::check(&name);
    assert!(begun.elapsed() < PATIENCE, "a name of {} octets", name.len());
}

/// 512 KiB of text, and no more than 256 MiB for it and for the program around it: the YAML parser takes some 400
/// octets for each token of a flow collection.
#[test]
fn documents_take_memory_by_their_length() {
    let limit = Rlimit {
        current: Some(256 << 20),
        maximum: None,
    };
    setrlimit(Resource::Data, limit).unwrap();
    let greedy = [
        "anchors",
        "aliases",
        "aliases of a long text",
        "one key many times",
        "many numbers",
        "many empty entities",
        "controls in names",
    ];
    let mut seen = 0;
    for (name, text) in texts(512 << 10).into_iter().chain(entities(512 << 10)) {
        if greedy.contains(&name) {
            // The last one named is the one that was too much.
            eprintln!("{name}");
            document::check(text.as_bytes());
            seen += 1;
        }
    }
    assert_eq!(seen, greedy.len());
}

/// `unit` as often as it takes to fill so many octets.
fn filled(unit: &str, octets: usize) -> String {
    unit.repeat(octets / unit.len())
}

fn numbered(octets: usize, unit: impl Fn(usize) -> String) -> String {
    let mut text = String::with_capacity(octets + 100);
    let mut number = 0;
    while text.len() < octets {
        text.push_str(&unit(number));
        number += 1;
    }
    text
}

/// What the two readers make of a text, whatever it means.
#[expect(clippy::too_many_lines, reason = "it is a table")]
fn texts(size: usize) -> Vec<(&'static str, String)> {
    vec![
        ("brackets", filled("[", size)),
        ("braces", filled("{", size)),
        ("open maps", filled("{\"a\":", size)),
        ("dashes", filled("- ", size)),
        ("question marks", filled("? ", size)),
        ("colons", filled(": ", size)),
        ("colons alone", filled(":", size)),
        (
            "anchors",
            format!("[{}]", numbered(size, |n| format!("&a{n} x, "))),
        ),
        ("aliases", format!("[&a x, {}]", filled("*a, ", size))),
        (
            "aliases of a long text",
            format!("[&a {}, {}]", filled("x", size / 2), filled("*a, ", size / 2)),
        ),
        ("one long key", format!("{}: 1", filled("k", size))),
        ("one long quoted key", format!("{{\"{}\": 1}}", filled("k", size))),
        (
            "many long keys",
            numbered(size, |n| format!("{n}{}: 1\n", filled("k", 900))),
        ),
        (
            "one key many times",
            format!("{{{}}}", filled("\"a\": 1, ", size)),
        ),
        ("one key many times, block", filled("a: 1\n", size)),
        ("many keys", numbered(size, |n| format!("k{n}: 1\n"))),
        (
            "long tag prefix",
            format!(
                "%TAG ! tag:a,2000:{}\n---\n{{{}}}",
                filled("x", size / 2),
                numbered(size / 2, |n| format!("!a k{n}: 1, "))
            ),
        ),
        ("long tag", format!("!{} a", filled("x", size))),
        ("comment lines", filled("#\n", size)),
        ("one comment", filled("#", size)),
        ("spaces", format!("a:{}b", filled(" ", size))),
        ("empty lines", format!("a:{}b", filled("\n", size))),
        ("lines of spaces", format!("a:\n{}  b", filled("  \n", size))),
        (
            "one plain scalar of many lines",
            format!("a: {}", filled("x\n  ", size)),
        ),
        (
            "one literal of many lines",
            format!("a: |\n{}", filled("  x\n", size)),
        ),
        ("one quoted scalar", format!("\"{}\"", filled("\\n", size))),
        ("one unended string", format!("\"{}", filled("x", size))),
        ("one unended block of quotes", filled("'", size)),
        (
            "backslashes",
            format!("{{\"a\":\"{}\"}}", filled("\\u0041", size)),
        ),
        ("one long number", filled("9", size)),
        ("one long fraction", format!("0.{}", filled("9", size))),
        ("underscores", format!("1{}", filled("_1", size))),
        ("sexagesimals", format!("1{}", filled(":1", size))),
        ("many numbers", format!("[{}1]", filled("1,", size))),
        (
            "merges",
            format!("[&a {{x: 1}}, {{{}}}]", filled("<<: *a, ", size)),
        ),
        (
            "merge list",
            format!("[&a {{x: 1}}, {{<<: [{}]}}]", filled("*a, ", size)),
        ),
        (
            "nested anchors",
            format!(
                "{}{}{}",
                numbered(600, |n| format!("&a{n} [")),
                filled("x, ", size),
                filled("]", 60)
            ),
        ),
    ]
}

const HEAD: &str = "_format_version: '3.0'\n";

/// What is made of entities.
#[expect(clippy::too_many_lines, reason = "it is a table")]
fn entities(size: usize) -> Vec<(&'static str, String)> {
    vec![
        (
            "many unknown fields",
            format!("consumers: [{{{}}}]", numbered(size, |n| format!("k{n}: 1, "))),
        ),
        (
            "many consumers twice",
            format!("{HEAD}consumers: [{}]", filled("{username: a}, ", size)),
        ),
        (
            "many empty entities",
            format!("{HEAD}consumers: [{}]", filled("{}, ", size)),
        ),
        (
            "controls in names",
            format!(
                "{{\"_format_version\":\"3.0\",\"consumers\":[{}{{\"username\":\"\\u0001\"}}]}}",
                numbered(size, |n| format!("{{\"username\":\"\\u0001{n}\"}},"))
            ),
        ),
        (
            "unknown plugins and clones",
            format!(
                "{HEAD}cloned_plugins: [{}]\nplugins: [{}]",
                numbered(size / 2, |n| format!("{{name: acl-{n}, ref: acl}}, ")),
                numbered(size / 2, |n| format!("{{name: ack-{n}}}, "))
            ),
        ),
        (
            "one long plugin name",
            format!(
                "{HEAD}cloned_plugins: [{{name: {0}, ref: acl}}]\nplugins: [{{name: {0}x}}]",
                filled("a", size / 2)
            ),
        ),
        (
            "one long unknown field",
            format!("{HEAD}consumers: [{{\"{}\": 1}}]", filled("u", size)),
        ),
        (
            "many routes of one host",
            format!(
                "{HEAD}routes: [{}]",
                numbered(size, |n| format!(
                    "{{name: r{n}, hosts: [a.test], paths: [/{n}]}}, "
                ))
            ),
        ),
        (
            "many regexes",
            format!(
                "{HEAD}routes: [{}]",
                numbered(size / 8, |n| format!(
                    "{{name: r{n}, paths: [\"~/a{n}(b|c)*\"]}}, "
                ))
            ),
        ),
        (
            "one long regex",
            format!(
                "{HEAD}routes: [{{name: r, paths: [\"~/{}\"]}}]",
                filled("(a|b)", size)
            ),
        ),
        (
            "many paths of one route",
            format!(
                "{HEAD}routes: [{{name: r, paths: [{}]}}]",
                numbered(size, |n| format!("/{n}, "))
            ),
        ),
        (
            "many hosts of one route",
            format!(
                "{HEAD}routes: [{{name: r, hosts: [{}]}}]",
                numbered(size, |n| format!("h{n}.test, "))
            ),
        ),
        (
            "many disabled services",
            format!(
                "{HEAD}services: [{}]",
                numbered(size, |n| format!(
                    "{{name: s{n}, host: h, enabled: false, routes: [{{paths: [/{n}]}}]}}, "
                ))
            ),
        ),
        (
            "many plugins of many routes",
            format!(
                "{HEAD}routes: [{}]",
                numbered(size, |n| format!(
                    "{{name: r{n}, paths: [/{n}], plugins: [{{name: acl, config: {{allow: [a]}}}}]}}, "
                ))
            ),
        ),
        (
            "many warnings",
            format!(
                "{HEAD}routes: [{}]",
                numbered(size, |n| format!(
                    "{{name: r{n}, paths: [/{n}], path_handling: v1}}, "
                ))
            ),
        ),
    ]
}
