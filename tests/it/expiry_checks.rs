//! What has run out, or will soon, is told of every place where a date can be.

use std::time::{SystemTime, UNIX_EPOCH};

use certs::{Authority, Ca, Leaf, Revocations, Validity};
use edge_proxy::settings::Settings;
use harness::doors::fixture;
use harness::pki::Pki;
use harness::stack::{Plan, Stack};
use harness::template;
use tempfile::TempDir;

/// From so many days ago to half a day less than so many days from now, so that no second counts.
fn window(from: i64, to: i64) -> Validity {
    const DAY: i64 = 86_400;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = i64::try_from(now.as_secs()).unwrap();
    Validity::unix(now - from * DAY, now + to * DAY - DAY / 2).unwrap()
}

/// Files by their names, each with a certificate or list that is late or all right.
fn files(internal: &Authority) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut add = |name: &str, text: String| files.push((format!("dated/{name}"), text));
    for (name, validity) in [
        ("soon", window(335, 29)),
        ("past", window(365, -1)),
        ("early", window(-2, 365)),
        ("fine", window(0, 31)),
    ] {
        let server = internal
            .issue(Leaf::server("gateway.test").validity(validity))
            .unwrap();
        add(&format!("{name}.pem"), server.chain_pem());
        add(&format!("{name}.key"), server.key_pem());
    }
    let root = Authority::root("Old Root").unwrap();
    let late = root
        .intermediate(Ca::named("Late Intermediate").validity(window(300, 10)))
        .unwrap();
    let below = late.issue(Leaf::server("gateway.test")).unwrap();
    add("below.pem", below.chain_pem());
    add("below.key", below.key_pem());
    let soon = Authority::root(Ca::named("Soon").validity(window(300, 10))).unwrap();
    let past = Authority::root(Ca::named("Past").validity(window(300, -10))).unwrap();
    let other = Authority::root(Ca::named("Past Too").validity(window(300, -10))).unwrap();
    add("soon-ca.pem", format!("{}{}", internal.pem(), soon.pem()));
    add(
        "past-ca.pem",
        format!("{}{}{}", internal.pem(), past.pem(), other.pem()),
    );
    for (name, validity) in [
        ("soon", window(71, 29)),
        ("weekly", window(1, 6)),
        ("late-weekly", window(5, 2)),
    ] {
        let list = internal
            .revocation_list(Revocations::none().valid(validity))
            .unwrap();
        add(&format!("{name}.crl"), list.pem());
    }
    files
}

fn told(report: &transport::finding::Report) -> Vec<String> {
    report
        .iter()
        .filter(|finding| ["certificate-expired", "expires-soon"].contains(&finding.code))
        .map(|finding| format!("{} {} {}", finding.code, finding.path, finding.message))
        .collect()
}

#[track_caller]
fn assert_told(told: &[String], expected: &[&str], what: &str) {
    let as_expected = told.len() == expected.len()
        && told
            .iter()
            .zip(expected)
            .all(|(told, words)| words.split(" … ").all(|part| told.contains(part)));
    assert!(as_expected, "{what}: {told:#?}");
}

const DOCUMENT: &str = "_format_version: \"3.0\"\nca_certificates:\n- { id: c1a00000-0000-4000-8000-000000000001, cert: \"@ca/internal.pem\" }\n";

#[test]
fn the_gateway_tells_of_every_date() {
    let dir = TempDir::new().unwrap();
    // Every plan makes a PKI anew: what is told of the files does not depend on it.
    let internal = Pki::make(&dir.path().join("pki")).unwrap().authority("internal");
    let files = files(&internal);
    let plan = |document: &str| -> Plan {
        let plan = Stack::reading(format!("{DOCUMENT}{document}")).without_lists();
        files
            .iter()
            .fold(plan, |plan, (name, text)| plan.file(name, text.as_str()))
    };
    let pair = |key: &str, name: &str| {
        plan("")
            .gateway(key, &format!("pki/dated/{name}.pem"))
            .gateway(&format!("{key}_key"), &format!("pki/dated/{name}.key"))
    };
    for (plan, expected) in [
        (plan(""), &[][..]),
        (pair("ssl_cert", "fine"), &[]),
        (
            pair("ssl_cert", "soon"),
            &["expires-soon ssl_cert[0] … dated/soon.pem expires at … in 28 days"],
        ),
        (
            pair("ssl_cert", "past"),
            &["certificate-expired ssl_cert[0] … dated/past.pem expired at"],
        ),
        (
            pair("ssl_cert", "early"),
            &["certificate-expired … is not valid before"],
        ),
        (
            pair("ssl_cert", "below"),
            &["expires-soon … Late Intermediate … in 9 days"],
        ),
        (pair("client_ssl_cert", "soon"), &["expires-soon client_ssl_cert"]),
        (
            plan("").gateway("trusted_edge_ca", "pki/dated/soon-ca.pem"),
            &["expires-soon trusted_edge_ca `CN=Soon"],
        ),
        (
            plan("").gateway("lua_ssl_trusted_certificate", "pki/dated/past-ca.pem"),
            &["certificate-expired lua_ssl_trusted_certificate `CN=Past … (and 1 more there)"],
        ),
        (
            plan("certificates: [{ cert: \"@dated/soon.pem\", key: \"@dated/soon.key\" }]"),
            &["expires-soon certificates.cert … the certificate"],
        ),
    ] {
        let report = plan.findings();
        assert_told(&told(&report), expected, &report.to_string());
    }
    let soon = Authority::root(Ca::named("Soon").validity(window(300, 10))).unwrap();
    let report = Stack::reading("_format_version: \"3.0\"\n")
        .without_lists()
        .authority("soon", &soon)
        .findings();
    assert_told(
        &told(&report),
        &["expires-soon ca_certificates.cert `CN=Soon"],
        &report.to_string(),
    );
}

#[test]
fn the_gateway_tells_of_lists_that_are_almost_over() {
    let clients = Authority::root("Clients").unwrap();
    for (name, validity, expected) in [
        (
            "soon",
            window(71, 29),
            &["expires-soon revocation_lists … CN=Clients … in 28 days"][..],
        ),
        ("fine", window(300, 31), &[]),
        ("weekly", window(1, 6), &[]),
        ("late", window(5, 2), &["expires-soon … in 1 day:"]),
    ] {
        let list = clients
            .revocation_list(Revocations::none().valid(validity))
            .unwrap();
        let report = Stack::reading("_format_version: \"3.0\"\n")
            .authority("clients", &clients)
            .file("dated/list.crl", list.pem())
            .gateway("revocation_lists", "pki/dated/list.crl")
            .findings();
        assert_told(&told(&report), expected, name);
    }
}

#[test]
fn the_edge_tells_of_every_date() {
    let dir = TempDir::new().unwrap();
    let pki = Pki::make(&dir.path().join("pki")).unwrap();
    std::fs::create_dir(pki.path("dated")).unwrap();
    for (name, text) in files(&pki.authority("internal")) {
        std::fs::write(pki.path(&name), text).unwrap();
    }
    let node = dir.path().join("edge.toml");
    let values = [("gateway", "127.0.0.1:1".to_owned())];
    std::fs::write(
        &node,
        template::fill(&fixture("edge.toml"), dir.path(), &values).unwrap(),
    )
    .unwrap();
    for (variables, expected) in [
        (vec![], &[][..]),
        (
            vec![
                ("LISTENERS__PUBLIC__TLS__CERTIFICATE", "soon.pem"),
                ("LISTENERS__PUBLIC__TLS__PRIVATE_KEY", "soon.key"),
            ],
            &["expires-soon listeners.public.tls.certificate"],
        ),
        (
            vec![
                ("TARGET_GROUPS__GATEWAY__TLS__CERTIFICATE", "past.pem"),
                ("TARGET_GROUPS__GATEWAY__TLS__PRIVATE_KEY", "past.key"),
            ],
            &["certificate-expired target_groups.gateway.tls.certificate"],
        ),
        (
            vec![("TARGET_GROUPS__GATEWAY__TLS__TRUST_STORE", "past-ca.pem")],
            &["certificate-expired target_groups.gateway.tls.trust_store `CN=Past … (and 1 more there)"],
        ),
        (
            vec![(
                "LISTENERS__VERIFY__MUTUAL_AUTHENTICATION__TRUST_STORE",
                "soon-ca.pem",
            )],
            &["expires-soon listeners.verify.mutual_authentication.trust_store `CN=Soon"],
        ),
    ] {
        let path = |name: &str| pki.path(&format!("dated/{name}")).display().to_string();
        let environment: Vec<(String, String)> = variables
            .iter()
            .map(|(name, file)| (format!("EDGE_PROXY_{name}"), path(file)))
            .collect();
        let (loaded, mut report) = Settings::load(&node, &environment);
        report.extend(edge_proxy::compile(&loaded.unwrap()).1);
        assert_told(&told(&report), expected, &report.to_string());
    }
}
