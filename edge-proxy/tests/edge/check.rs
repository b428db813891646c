//! What `check` says of a node file whose files are wrong: everything, each at its key.

use certs::{Authority, Ca, Leaf, Revocations, Validity};

use crate::certificates::VERIFY_WITH_LISTS;
use crate::stack::{Node, Pki, node, plan};

/// The findings, without the folder.
fn findings(pki: &Pki, text: &str) -> Vec<String> {
    let folder = format!("{}/", pki.folder.path().display());
    match plan(pki, text) {
        Ok(_) => Vec::new(),
        Err(report) => report.lines().map(|line| line.replace(&folder, "")).collect(),
    }
}

/// Line and column of a text in the node file.
fn place(text: &str, of: &str) -> String {
    let (before, _) = text.split_once(of).unwrap();
    let line = before.lines().count().max(1) + usize::from(before.ends_with('\n'));
    let column = before.rsplit('\n').next().unwrap().chars().count() + 1;
    format!("edge.toml:{line}:{column}")
}

#[test]
fn every_file_that_cannot_be_used_is_named_at_once() {
    let pki = Pki::new();
    let text = node(&VERIFY_WITH_LISTS, &["127.0.0.1:1".parse().unwrap()]);
    std::fs::remove_file(pki.path("server.pem")).unwrap();
    std::fs::copy(pki.path("edge.key"), pki.path("other.key")).unwrap();
    pki.write("clients.crl", "no list");
    pki.write("edge.key", "no key");
    pki.write("internal.pem", &pki.client("alice").certificate_pem());
    let findings = findings(&pki, &text);
    for (code, file, at) in [
        ("certificate-unusable", "server.pem", "\"server.pem\""),
        ("certificate-unusable", "other.pem", "\"other.key\""),
        ("revocation-list-unusable", "clients.crl", "[\"clients.crl\"]"),
        ("certificate-unusable", "edge.key", "\"edge.key\""),
        ("trust-store-unusable", "internal.pem", "\"internal.pem\""),
    ] {
        let found = findings
            .iter()
            .find(|finding| finding.contains(&format!("error[{code}]")) && finding.contains(file));
        let found = found.unwrap_or_else(|| panic!("{code} {file}: {findings:#?}"));
        let line = place(&text, at);
        let line = line.rsplit_once(':').unwrap().0;
        assert!(found.starts_with(&format!("{line}:")), "{found} not at {line}");
    }
    assert_eq!(findings.last().unwrap(), "5 errors, 0 warnings");
}

#[test]
fn trust_that_nobody_can_meet_is_an_error() {
    let pki = Pki::new();
    let text = node(&VERIFY_WITH_LISTS, &["127.0.0.1:1".parse().unwrap()]);
    // Intermediates alone: no chain ends there.
    pki.write("clients.pem", &pki.clients.pem());
    let without_root = findings(&pki, &text);
    assert!(
        without_root[0].contains("error[trust-store-unusable]") && without_root[0].contains("self-signed"),
        "{without_root:?}"
    );
    // A list of somebody else.
    let other = Authority::root("Other").unwrap();
    pki.write("clients.pem", &(other.pem()));
    let foreign = findings(&pki, &text);
    assert!(
        foreign[0].contains("error[revocation-list-unusable]"),
        "{foreign:?}"
    );
    // Nothing at all.
    pki.write("clients.pem", "");
    let empty = findings(&pki, &text);
    assert!(empty[0].contains("error[trust-store-unusable]"), "{empty:?}");
}

#[test]
fn what_is_only_doubtful_is_a_warning() {
    let pki = Pki::new();
    let root = Authority::root(Ca::named("Constrained").permitted_email("example.com")).unwrap();
    let late = pki
        .internal
        .issue(Leaf::server("edge.test").validity(Validity::ended_days_ago(2)))
        .unwrap();
    pki.write("server.pem", &late.chain_pem());
    pki.write("server.key", &late.key_pem());
    pki.write("clients.pem", &root.pem());
    let stale = Revocations::none().valid(Validity::ended_days_ago(1));
    pki.write("clients.crl", &root.revocation_list(stale).unwrap().pem());
    // Made an error by one more mistake, so that the report is shown.
    let text = node(&VERIFY_WITH_LISTS, &["127.0.0.1:1".parse().unwrap()])
        .replace("trust_store = \"internal.pem\"", "trust_store = \"missing.pem\"");
    let findings = findings(&pki, &text);
    for code in ["certificate-expired", "name-constraints", "revocation-list-stale"] {
        let expected = format!("warning[{code}]");
        assert!(
            findings.iter().any(|finding| finding.contains(&expected)),
            "{code}: {findings:#?}"
        );
    }
    assert_eq!(findings.last().unwrap(), "1 errors, 3 warnings");
}

#[test]
fn a_node_file_that_is_right_makes_a_plan() {
    let pki = Pki::new();
    for wanted in [Node::default(), VERIFY_WITH_LISTS] {
        let text = node(&wanted, &["127.0.0.1:1".parse().unwrap()]);
        assert_eq!(findings(&pki, &text), Vec::<String>::new());
    }
}
