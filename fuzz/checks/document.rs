//! Kong's declarative document in either syntax: there is a document or a reason why not, never both and never neither;
//! what was read is compiled; and what is JSON to another reader is JSON to ours.

use std::time::Duration;

use api_gateway::compile::{self, Generation};
use api_gateway::document::{self, Document, Source, Syntax};
use api_gateway::settings::Settings;
use rustls::pki_types::UnixTime;
use transport::finding::{Finding, Report, Severity};

/// The octets are a document, as YAML, as JSON, and as either.
pub(crate) fn check(octets: &[u8]) {
    for syntax in [Syntax::Yaml, Syntax::Json, Syntax::Either] {
        let (document, findings) = read(octets, syntax);
        let is_refused = findings.iter().any(|finding| finding.severity == Severity::Error);
        assert_eq!(document.is_none(), is_refused, "{syntax:?}: {findings:#?}");
        presentable(&findings);
        if syntax == Syntax::Json {
            same_json(octets, &findings);
        }
        if let Some(document) = document {
            compiled(&document);
        }
    }
}

fn read(octets: &[u8], syntax: Syntax) -> (Option<Document>, Vec<Finding>) {
    let source = Source {
        name: "fuzz",
        bytes: octets,
        syntax,
    };
    document::read(source, now())
}

/// One moment, so that an input means the same tomorrow.
fn now() -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(1_800_000_123))
}

/// However much is wrong: a bounded list of single lines, none of which repeats the document.
fn presentable(findings: &[Finding]) {
    assert!(findings.len() <= 2002, "{} findings", findings.len());
    for finding in findings {
        assert!(
            finding.message.len() <= 700 && finding.path.len() <= 700,
            "{finding}"
        );
        assert!(!finding.to_string().contains(char::is_control), "{finding:?}");
        assert!(!finding.message.contains("-----BEGIN"), "{finding}");
    }
    let report: Report = findings.iter().cloned().collect();
    assert_eq!(report.json().as_array().map(Vec::len), Some(findings.len()));
}

/// `serde_json` is the other reader. Ours refuses more: depth, repeated keys, and numbers too large are told apart.
fn same_json(octets: &[u8], findings: &[Finding]) {
    let ours = findings.iter().find(|finding| finding.code == "syntax");
    let octets = octets.strip_prefix("\u{feff}".as_bytes()).unwrap_or(octets);
    let theirs: Result<serde_json::Value, _> = serde_json::from_slice(octets);
    match (theirs, ours) {
        (Ok(value), Some(finding)) => assert!(
            !value.is_object() || finding.message.contains("nested deeper"),
            "JSON, and refused: {finding}"
        ),
        (Err(error), None) => {
            let reason = error.to_string();
            let of_another_kind = ["out of range", "recursion limit"];
            assert!(
                of_another_kind.iter().any(|kind| reason.contains(kind)),
                "not JSON ({reason}), and read"
            );
        }
        (Ok(_), None) | (Err(_), Some(_)) => {}
    }
}

fn compiled(document: &Document) {
    let (node, report) = Settings::load(None, &[]);
    let node = node.unwrap_or_else(|| panic!("the defaults are no settings: {report}"));
    let generation = Generation {
        number: 1,
        hash: "fuzz".into(),
        now: now(),
    };
    let (snapshot, findings) = compile::compile(&node, document, generation);
    let is_refused = findings.iter().any(|finding| finding.severity == Severity::Error);
    assert_eq!(snapshot.is_none(), is_refused, "{findings:#?}");
    for finding in &findings {
        assert!(!finding.to_string().contains(char::is_control), "{finding:?}");
    }
}
