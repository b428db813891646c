//! What is wrong with a configuration is said all at once, at its place, and nothing is started.

use std::fs;
use std::net::TcpListener;

use harness::program::Said;
use serde_json::Value;

use crate::pair::{Files, free_address};

fn files() -> Files {
    Files::new(free_address(), "127.0.0.1:1".parse().unwrap())
}

/// The program ended with 1 before it listened anywhere.
fn assert_did_not_start(said: &Said) {
    assert_eq!(said.code, Some(1), "{said:?}");
    for word in ["listening", "\"ready\"", "panicked"] {
        assert!(
            !said.stderr.contains(word) && !said.stdout.contains(word),
            "{said:?}"
        );
    }
}

/// The lines that tell of errors, each of which must hold one of the `expected`: code, file and words.
fn assert_errors(report: &str, expected: &[(&str, &str, &str)]) {
    for (code, file, words) in expected {
        let found = report.lines().find(|line| {
            line.contains(&format!("error[{code}")) && line.contains(file) && line.contains(words)
        });
        assert!(
            found.is_some(),
            "no error[{code}…] about {words:?} in {file}:\n{report}"
        );
    }
    let errors = report.lines().filter(|line| line.contains(": error[")).count();
    assert_eq!(errors, expected.len(), "{report}");
    let last = report.lines().last().unwrap_or_default();
    assert!(
        last.starts_with(&format!("{} errors, ", expected.len())),
        "{last}"
    );
}

/// `check` on standard output, `check --json`, and `run` on standard error: the same findings.
fn assert_refused(files: &Files, program: &str, node: &str, expected: &[(&str, &str, &str)]) {
    let check = files.run(program, &["check"], node);
    assert_eq!(check.code, Some(1), "{check:?}");
    assert_errors(&check.stdout, expected);

    let json = files.run(program, &["check", "--json"], node);
    assert_eq!(json.code, Some(1));
    let findings: Value = serde_json::from_str(&json.stdout).unwrap();
    let errors = findings
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["severity"] == "error");
    assert_eq!(errors.count(), expected.len(), "{findings:#}");

    let run = files.run(program, &["run"], node);
    assert_did_not_start(&run);
    assert_errors(run.stderr.trim_end(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_problem_of_the_gateway_is_told_at_once() {
    let files = files();
    files.change("gateway.toml", "proxy_access_log", "proxy_acces_log");
    files.change("gateway.toml", "pki/gateway/server.key", "pki/edge/server.key");
    files.change(
        "gateway.toml",
        "pki/gateway/client.pem",
        "pki/gateway/nowhere.pem",
    );
    files.change("kong.yaml", "name: mtls-auth", "name: mtls-auht");
    files.change("kong.yaml", "custom_id: alice-1", "custom_di: alice-1");
    let text = fs::read_to_string(files.path().join("kong.yaml")).unwrap();
    let dangling = "routes:\n  - name: lost\n    paths: [/lost]\n    service: no-such-service\n";
    fs::write(files.path().join("kong.yaml"), format!("{text}\n{dangling}")).unwrap();
    let expected = [
        ("unknown-key", "gateway.toml:5:1: ", "proxy_acces_log"),
        ("", "gateway.toml:", "the private key does not belong"),
        ("", "gateway.toml:", "nowhere.pem"),
        ("unknown-plugin", "kong.yaml:", "mtls-auht"),
        ("unknown-field", "kong.yaml:", "custom_di"),
        ("invalid-reference", "kong.yaml:", "no-such-service"),
    ];
    assert_refused(&files, "api-gateway", "gateway.toml", &expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_problem_of_the_edge_is_told_at_once() {
    let files = files();
    files.change("edge.toml", "drain_timeout", "drain_timeoot");
    files.change("edge.toml", "mode = \"off\"", "mode = \"of\"");
    files.change(
        "edge.toml",
        "target_group = \"untouched\"",
        "target_group = \"nobody\"",
    );
    files.change("edge.toml", "pki/crl/clients-root.crl", "pki/crl/nowhere.crl");
    files.change("edge.toml", "pki/edge/client.key", "pki/gateway/client.key");
    let expected = [
        ("unknown-key", "edge.toml:2:1: ", "drain_timeoot"),
        ("bad-value", "edge.toml:", "`of`"),
        ("unknown-reference", "edge.toml:", "`nobody`"),
        ("revocation-list-unusable", "edge.toml:", "nowhere.crl"),
        (
            "certificate-unusable",
            "edge.toml:",
            "the private key does not belong",
        ),
    ];
    assert_refused(&files, "edge-proxy", "edge.toml", &expected);
}

/// One thing wrong: `from` is replaced by `to` in a file, and `check` must say so with this code and these words.
struct Wrong {
    file: &'static str,
    from: &'static str,
    to: &'static str,
    code: &'static str,
    words: &'static str,
}

fn assert_each_is_refused(program: &str, node: &str, cases: impl IntoIterator<Item = Wrong>) {
    for Wrong {
        file,
        from,
        to,
        code,
        words,
    } in cases
    {
        let files = files();
        files.change(file, from, to);
        let check = files.run(program, &["check"], node);
        assert_eq!(check.code, Some(1), "{to}: {check:?}");
        let says = |line: &str| line.contains(&format!("error[{code}]")) && line.contains(words);
        assert!(
            check.stdout.lines().any(says),
            "{code} {words}:\n{}",
            check.stdout
        );
        assert_did_not_start(&files.run(program, &["run"], node));
    }
}

fn wrong(
    (file, from, to): (&'static str, &'static str, &'static str),
    code: &'static str,
    words: &'static str,
) -> Wrong {
    Wrong {
        file,
        from,
        to,
        code,
        words,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_bad_input_to_the_gateway_has_its_error() {
    let (node, document) = ("gateway.toml", "kong.yaml");
    let cases = [
        wrong(
            (node, "status_listen", "status_listne"),
            "unknown-key",
            "status_listen",
        ),
        wrong(
            (node, "\"kong.yaml\"", "\"kong.yml\""),
            "unreadable-file",
            "kong.yml",
        ),
        wrong(
            (node, "client_ssl = \"on\"", "client_ssl = 7"),
            "wrong-type",
            "client_ssl",
        ),
        wrong(
            (node, "dns:edge.internal", "edge.internal"),
            "bad-value",
            "edge.internal",
        ),
        wrong((node, "ssl http2", "ssl htpt2"), "bad-value", "htpt2"),
        wrong(
            (node, "pki/crl/clients-root.crl", "pki/crl/internal.crl"),
            "revocation-list",
            "Internal",
        ),
        wrong((document, "name: acl\n", "name: akl\n"), "unknown-plugin", "akl"),
        wrong(
            (document, "_format_version: \"3.0\"", "_format_version: \"9\""),
            "invalid-value",
            "_format_version",
        ),
        wrong(
            (document, "username: guest", "usrname: guest"),
            "unknown-field",
            "usrname",
        ),
        wrong(
            (document, "paths: [/mtls]", "paths: [mtls]"),
            "invalid-path",
            "should start with",
        ),
        wrong(
            (document, "allow: [partners] }", "allow: [partners]"),
            "syntax",
            "kong.yaml",
        ),
    ];
    assert_each_is_refused("api-gateway", node, cases);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_bad_input_to_the_edge_has_its_error() {
    let node = "edge.toml";
    let tcp = "protocol = \"tcp\"\ntarget_group";
    let cases = [
        wrong(
            (node, tcp, "protocol = \"udp\"\ntarget_group"),
            "bad-value",
            "udp",
        ),
        wrong(
            (node, "pki/ca/internal.pem", "pki/ca/nobody.pem"),
            "trust-store-unusable",
            "nobody.pem",
        ),
        wrong(
            (node, "pki/edge/server.key", "pki/edge/client.key"),
            "certificate-unusable",
            "does not belong",
        ),
        wrong((node, "[admin]", "[admin"), "syntax", "edge.toml"),
        wrong(
            (node, "mode = \"off\"", "mode = \"off\"\nmood = 1"),
            "unknown-key",
            "mood",
        ),
        wrong(
            (node, "drain_timeout = \"20s\"", "drain_timeout = 20"),
            "wrong-type",
            "drain_timeout",
        ),
    ];
    assert_each_is_refused("edge-proxy", node, cases);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_is_an_error_and_no_other_port_is_taken() {
    let files = files();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, other) = (taken.local_addr().unwrap(), free_address());
    let gateway = [
        (
            "127.0.0.1:0\"\ndeclarative_config",
            format!("{address}\"\ndeclarative_config"),
        ),
        ("ssl http2\"", format!("ssl http2, {other} reuseport\"")),
    ];
    for (from, to) in gateway {
        files.change("gateway.toml", from, &to);
    }
    files.change(
        "edge.toml",
        "[listeners.passed]\naddress = \"127.0.0.1:0\"",
        &format!("[listeners.passed]\naddress = \"{address}\""),
    );
    for (program, node) in [("api-gateway", "gateway.toml"), ("edge-proxy", "edge.toml")] {
        assert_eq!(
            files.run(program, &["check"], node).code,
            Some(0),
            "check binds nothing"
        );
        let run = files.run(program, &["run"], node);
        assert_did_not_start(&run);
        assert!(
            run.stderr.contains(&address.to_string()) && run.stderr.contains("in use"),
            "{run:?}"
        );
    }
    let shared = Files::new(address, "127.0.0.1:1".parse().unwrap());
    shared.change("gateway.toml", "ssl http2\"", "ssl http2 reuseport\"");
    let run = shared.run("api-gateway", &["run"], "gateway.toml");
    assert_did_not_start(&run);
    assert!(run.stderr.contains("in use"), "also with reuseport: {run:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_right_is_found_right_and_started() {
    let files = files();
    for (program, node) in [("api-gateway", "gateway.toml"), ("edge-proxy", "edge.toml")] {
        let check = files.run(program, &["check"], node);
        assert_eq!(check.code, Some(0), "{check:?}");
        assert!(
            check
                .stdout
                .trim_end()
                .lines()
                .last()
                .unwrap()
                .starts_with("0 errors, "),
            "{check:?}"
        );
        let started = files.start(program, node, &[]).unwrap();
        let status = tokio::task::block_in_place(|| started.stop()).unwrap();
        assert_eq!(status.code(), Some(0));
    }
    let said = files.run("api-gateway", &["serve"], "gateway.toml");
    assert_eq!(said.code, Some(2), "a wrong command line is 2");
}

#[tokio::test(flavor = "multi_thread")]
async fn health_asks_the_running_program() {
    let files = files();
    let (admin, status) = (free_address(), free_address());
    files.change(
        "edge.toml",
        "[admin]\naddress = \"127.0.0.1:0\"",
        &format!("[admin]\naddress = \"{admin}\""),
    );
    files.change(
        "gateway.toml",
        "status_listen = \"127.0.0.1:0\"",
        &format!("status_listen = \"{status}\""),
    );
    for (program, node) in [("api-gateway", "gateway.toml"), ("edge-proxy", "edge.toml")] {
        assert_eq!(
            files.run(program, &["health"], node).code,
            Some(1),
            "nobody is there yet"
        );
        let started = files.start(program, node, &[]).unwrap();
        let health = files.run(program, &["health"], node);
        assert_eq!(health.code, Some(0), "{health:?}");
        tokio::task::block_in_place(|| started.stop()).unwrap();
        assert_eq!(
            files.run(program, &["health"], node).code,
            Some(1),
            "nobody is there any more"
        );
    }
}
