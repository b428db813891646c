//! Holes and what looks like one, in tables of small documents.

mod chains;
mod nobody;
mod passers;
mod protections;
mod routes;

use certs::Authority;
use rustls::pki_types::UnixTime;
use transport::finding::{Finding, Severity};

use crate::compile::{Generation, compile};
use crate::document::{Source, Syntax, read};
use crate::settings::Settings;

/// What every document begins with: two CAs, `*ca` and `*other`.
fn beginning() -> String {
    let ca = |anchor: &str, number: u32| {
        let pem = Authority::root(format!("Root {number}").as_str()).unwrap().pem();
        let pem = pem.replace('\n', "\\n");
        format!("- {{id: &{anchor} c1a00000-0000-4000-8000-00000000000{number}, cert: \"{pem}\"}}\n")
    };
    format!(
        "_format_version: \"3.0\"\nca_certificates:\n{}{}",
        ca("ca", 1),
        ca("other", 2)
    )
}

/// Warnings of a document by a gateway with both kinds of listeners. An error fails the test.
fn warnings(document: &str) -> Vec<Finding> {
    let environment = [
        ("KONG_PROXY_LISTEN", "127.0.0.1:8000, 127.0.0.1:8443 ssl"),
        ("KONG_TRUSTED_IPS", "10.0.0.0/8"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let (node, report) = Settings::load(None, &environment);
    assert!(!report.has_errors(), "{report}");
    let source = Source {
        name: "kong.yaml",
        bytes: document.as_bytes(),
        syntax: Syntax::Yaml,
    };
    let now = UnixTime::now();
    let (read, problems) = read(source, now);
    let read = read.unwrap_or_else(|| panic!("{problems:#?}\n{document}"));
    let generation = Generation {
        number: 1,
        hash: Box::default(),
        now,
    };
    let (_, found) = compile(&node.unwrap(), &read, generation);
    let errors: Vec<_> = found
        .iter()
        .filter(|one| one.severity == Severity::Error)
        .collect();
    assert!(errors.is_empty(), "{errors:#?}\n{document}");
    found
}

/// Those of some codes, as `code text`.
fn told(codes: &[&str], document: &str) -> Vec<String> {
    let found = warnings(&format!("{}{document}", beginning()));
    let wanted = found.iter().filter(|one| codes.contains(&one.code));
    wanted
        .map(|one| format!("{} {}", one.code, one.message))
        .collect()
}

/// Each document gives rise to findings of these codes that hold these texts, in this order, and to no others of them.
fn check(codes: &[&str], rows: &[(&str, &[&str])]) {
    for (document, expected) in rows {
        let told = told(codes, document);
        let as_expected = told.len() == expected.len()
            && told
                .iter()
                .zip(*expected)
                .all(|(told, words)| words.split(" … ").all(|part| told.contains(part)));
        assert!(as_expected, "{document}\nsays {told:#?}\nand not {expected:#?}");
    }
}
