//! testssl.sh and sslyze against both doors. Whatever they find is in `docs/tls.md` with a reason, or the test fails.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use certs::{Authority, KeyKind, Leaf, Validity};
use harness::outside::{sslyze, testssl};
use harness::program::Said;
use harness::stack::Stack;
use serde_json::Value;

/// Both doors with certificates of 80 days, RSA beside ECDSA on the gateway. The edge asks nobody for one at `off`.
async fn doors() -> Stack {
    let authority = Authority::root("Scanned Root").unwrap();
    let mut plan = Stack::with("hop.yaml").file("scanned/ca.pem", authority.pem());
    for (name, dns, kind) in [
        ("edge", "edge.test", KeyKind::P256),
        ("gateway", "gateway.test", KeyKind::P256),
        ("gateway-rsa", "gateway.test", KeyKind::Rsa2048),
    ] {
        let leaf = Leaf::server(dns)
            .key(kind)
            .validity(Validity::days(80))
            .crl_urls(["http://pki.test/crl/scanned.crl"]);
        let issued = authority.issue(leaf).unwrap();
        plan = plan
            .file(&format!("scanned/{name}.pem"), issued.chain_pem())
            .file(&format!("scanned/{name}.key"), issued.key_pem());
    }
    for listener in ["PUBLIC", "OFF", "RFC9440"] {
        plan = plan
            .edge(
                &format!("LISTENERS__{listener}__TLS__CERTIFICATE"),
                "pki/scanned/edge.pem",
            )
            .edge(
                &format!("LISTENERS__{listener}__TLS__PRIVATE_KEY"),
                "pki/scanned/edge.key",
            );
    }
    plan.edge("LISTENERS__RFC9440__TLS__SECURITY_POLICY", "1.3")
        .gateway("ssl_cert", "pki/scanned/gateway.pem, pki/scanned/gateway-rsa.pem")
        .gateway(
            "ssl_cert_key",
            "pki/scanned/gateway.key, pki/scanned/gateway-rsa.key",
        )
        .start()
        .await
}

/// The findings of a scanner that `docs/tls.md` explains: rows of its table that begin with the scanner's name.
fn explained(scanner: &str) -> Vec<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/tls.md");
    let text = fs::read_to_string(file).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| "));
    let rows = rows.filter_map(|row| row.strip_prefix(scanner)?.strip_prefix(" | `"));
    rows.filter_map(|row| Some(row.split_once('`')?.0.to_owned()))
        .collect()
}

/// What testssl.sh finds that is not as it should be.
fn complaints(stack: &Stack, address: SocketAddr, name: &str) -> Vec<String> {
    let json = stack
        .pki
        .path(&format!("scanned/{name}.json"))
        .display()
        .to_string();
    let trusted = stack.pki.path("scanned/ca.pem").display().to_string();
    let options = [
        "--fast",
        "--add-ca",
        &trusted,
        "--jsonfile",
        &json,
        "-p",
        "-s",
        "-f",
        "-P",
        "-S",
        "-U",
    ];
    let said = tokio::task::block_in_place(|| testssl(address, name, &options));
    let findings: Vec<Value> = serde_json::from_str(&fs::read_to_string(&json).unwrap_or_default())
        .unwrap_or_else(|error| panic!("{name}: {error}: {said:?}"));
    let word = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    // It came to its end, and did not only fail to connect.
    for (id, expected) in [
        ("TLS1_2", "offered"),
        ("TLS1_3", "offered with final"),
        ("ALPN_HTTP2", "h2"),
        ("cipherlist_NULL", "not offered"),
        ("cipher_order", "server"),
        ("heartbleed", "not vulnerable"),
        ("secure_renego", "supported"),
        ("LUCKY13", "not vulnerable"),
    ] {
        let found = findings.iter().find(|finding| finding["id"] == id);
        let found = found.unwrap_or_else(|| panic!("{name}: {id} is missing: {said:?}"));
        assert!(word(found, "finding").starts_with(expected), "{name}: {found}");
    }
    let explained = explained("testssl.sh");
    let wrong = findings.iter().filter(|finding| {
        !["OK", "INFO"].contains(&&*word(finding, "severity")) && !explained.contains(&word(finding, "id"))
    });
    wrong.map(ToString::to_string).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn testssl_finds_nothing_at_the_edge() {
    let stack = doors().await;
    let address = stack.edge("off").address();
    assert_eq!(complaints(&stack, address, "edge.test"), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn testssl_finds_nothing_at_the_gateway() {
    let stack = doors().await;
    let address = stack.gateway().address();
    assert_eq!(complaints(&stack, address, "gateway.test"), [""; 0]);
}

/// Where a scan departs from a configuration of Mozilla's: the names of the rules; and all that was said.
fn departures(
    stack: &Stack,
    address: SocketAddr,
    (name, configuration): (&str, &str),
) -> (Vec<String>, Said) {
    let json = stack.pki.path("scanned/sslyze.json").display().to_string();
    let trusted = stack.pki.path("scanned/ca.pem").display().to_string();
    let options = [
        "--mozilla_config",
        configuration,
        "--certinfo_ca_file",
        &trusted,
        "--json_out",
        &json,
    ];
    let said = tokio::task::block_in_place(|| sslyze(address, name, &options));
    // Its numbers are longer than a JSON reader takes.
    let result = fs::read_to_string(&json).unwrap_or_default();
    assert!(
        result.contains("\"COMPLETED\"") && !result.contains("\"ERROR\""),
        "{name}: {said:?}"
    );
    let is_compliant = said.stdout.contains("OK - Compliant.");
    let (_, rules) = said.stdout.split_once("Not compliant.").unwrap_or_default();
    let rules = rules
        .trim_start_matches('\n')
        .lines()
        .map_while(|line| line.trim_start().strip_prefix("* "));
    let explained = explained("sslyze");
    let rules: Vec<String> = rules
        .filter_map(|rule| Some(rule.split_once(':')?.0.to_owned()))
        .filter(|rule| !explained.contains(rule))
        .collect();
    assert!(
        is_compliant || said.stdout.contains("Not compliant."),
        "{name}: {said:?}"
    );
    (rules, said)
}

#[tokio::test(flavor = "multi_thread")]
async fn sslyze_finds_mozillas_configurations_kept() {
    let stack = doors().await;
    for (address, name, configuration) in [
        (stack.edge("public").address(), "edge.test", "intermediate"),
        (stack.gateway().address(), "gateway.test", "intermediate"),
        (stack.edge("off").address(), "edge.test", "intermediate"),
        (stack.edge("rfc9440").address(), "edge.test", "modern"),
    ] {
        let (rules, said) = departures(&stack, address, (name, configuration));
        assert_eq!(rules, [""; 0], "{name} {configuration}: {}", said.stdout);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sslyze_does_see_what_is_wrong() {
    let stack = doors().await;
    let (rules, said) = departures(&stack, stack.edge("public").address(), ("edge.test", "modern"));
    assert_eq!(rules, ["tls_versions", "ciphers"], "{}", said.stdout);
    let file = |name: &str| stack.pki.path(&format!("scanned/{name}")).display().to_string();
    let server = Command::new("openssl")
        .args([
            "s_server",
            "-accept",
            "127.0.0.1:0",
            "-cert",
            &file("gateway-rsa.pem"),
        ])
        .args([
            "-key",
            &file("gateway-rsa.key"),
            "-cipher",
            "ALL:@SECLEVEL=0",
            "-tls1_2",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut server = Server(server.unwrap());
    let lines = BufReader::new(server.0.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let address = lines
        .into_iter()
        .find_map(|line| line.strip_prefix("ACCEPT ")?.parse().ok());
    let (rules, said) = departures(&stack, address.unwrap(), ("gateway.test", "intermediate"));
    assert!(rules.contains(&"ciphers".to_owned()), "{}", said.stdout);
}

/// Ended with the test, however that ends.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
