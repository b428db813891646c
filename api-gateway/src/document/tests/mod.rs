//! Documents and what is found in them, told as an operator reads it.

mod certificates;
mod credentials;
mod entities;
mod openid_connect;
mod plugins;
mod references;
mod robustness;
mod syntax;
mod traffic_plugins;
mod upstreams;

use std::sync::LazyLock;

use certs::{Authority, Ca, Issued, KeyKind, Leaf, Validity};
use rustls::pki_types::UnixTime;

use super::{Document, Source, Syntax, read};

/// Certificates that the documents of these tests hold.
struct Pki {
    root: Authority,
    other: Authority,
    expired: Authority,
    server: Issued,
    rsa: Issued,
}

static PKI: LazyLock<Pki> = LazyLock::new(|| {
    let root = Authority::root("Root").unwrap();
    Pki {
        other: Authority::root("Other").unwrap(),
        expired: Authority::root(Ca::named("Expired").validity(Validity::ended_days_ago(1))).unwrap(),
        server: root.issue(Leaf::server("gateway.test")).unwrap(),
        rsa: root
            .issue(Leaf::server("gateway.test").key(KeyKind::Rsa2048))
            .unwrap(),
        root,
    }
});

/// A CA certificate entry with the id that the plugins in these tests refer to.
const CA_ID: &str = "aaaaaaaa-0000-4000-8000-000000000001";

fn ca_entry() -> String {
    format!(
        "ca_certificates: [{{id: {CA_ID}, cert: {}}}]\n",
        quoted(&PKI.root.pem())
    )
}

/// A text as a double-quoted word of YAML or JSON.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\n', "\\n"))
}

fn read_as(syntax: Syntax, text: &[u8]) -> (Option<Document>, Vec<String>) {
    let (document, findings) = read(
        Source {
            name: "k.yaml",
            bytes: text,
            syntax,
        },
        UnixTime::now(),
    );
    (document, findings.iter().map(ToString::to_string).collect())
}

/// What is found in a YAML document; one with an error gives no document, one without gives one.
#[track_caller]
fn findings(text: &str) -> Vec<String> {
    let (document, findings) = read_as(Syntax::Yaml, text.as_bytes());
    let has_error = findings.iter().any(|finding| finding.contains(" error["));
    assert_eq!(document.is_none(), has_error, "{findings:#?}");
    assert!(
        !findings
            .iter()
            .any(|finding| finding.contains("error[unreadable]")),
        "{findings:#?}"
    );
    findings
}

/// A YAML document in which nothing is found.
#[track_caller]
fn document(text: &str) -> Document {
    let (document, findings) = read_as(Syntax::Yaml, text.as_bytes());
    assert_eq!(findings, Vec::<String>::new());
    document.unwrap()
}

/// Each text, put after the format line (so that it begins in line 2), with all that is found in it.
#[track_caller]
fn check(table: &[(&str, &[&str])]) {
    for (text, expected) in table {
        let found = findings(&format!("_format_version: \"3.0\"\n{text}"));
        assert_eq!(found, *expected, "{text}");
    }
}

/// A document as text without places, so that it can be compared with one written in another way.
fn without_places(document: &Document) -> String {
    let place = regex::Regex::new(r"Place \{ line: \d+, column: \d+ \}").unwrap();
    place.replace_all(&format!("{document:?}"), "_").into_owned()
}
