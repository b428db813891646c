//! `plan` on the command line, and whether two running gateways answer as it says.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use certs::Leaf;
use harness::client::Client;
use harness::doors::start_echo;
use harness::program::{Program, Said, command, run_to_end};
use harness::stack::Stack;
use harness::template;
use serde_json::Value;

use crate::pair::{Files, free_address};

pub(crate) const OLD: &str = r#"_format_version: "3.0"
services:
  - name: orders
    url: http://{echo}
    routes:
      - name: orders
        hosts: [api.test]
        paths: [/orders]
        protocols: [https]
        plugins:
          - name: acl
            config: { allow: [partners] }
      - name: closed
        hosts: [api.test]
        paths: [/closed]
        plugins:
          - name: acl
            config: { allow: [nobody] }
    plugins: &certificate
      - name: header-cert-auth
        config: &headers
          ca_certificates: [c1a00000-0000-4000-8000-000000000001, c1a00000-0000-4000-8000-000000000002]
          certificate_header_name: X-Amzn-Mtls-Clientcert
          certificate_header_format: url_encoded
  - name: devices
    url: http://{echo}
    routes:
      - name: devices
        paths: [/devices, "~/v[12]/devices"]
        snis: ["*.devices.test"]
        methods: [GET, PUT]
    plugins:
      - name: mtls-auth
        config:
          ca_certificates: [c1a00000-0000-4000-8000-000000000001, c1a00000-0000-4000-8000-000000000002]
  - name: open
    url: http://{echo}
    routes:
      - name: open
        paths: [/open]
consumers:
  - username: alice@example.com
    acls: [{ group: partners }]
  - username: bob@example.com
    acls: [{ group: staff }]
  - username: carol
    custom_id: c-1
ca_certificates:
  - id: c1a00000-0000-4000-8000-000000000001
    cert: "@ca/clients-root.pem"
  - id: c1a00000-0000-4000-8000-000000000002
    cert: "@ca/clients-intermediate.pem"
  - id: c1a00000-0000-4000-8000-000000000003
    cert: "@ca/internal.pem"
"#;

/// What is written otherwise in the new document.
const CHANGES: [(&str, &str); 5] = [
    ("allow: [partners]", "allow: [staff]"),
    ("allow: [nobody]", "deny: [partners]"),
    ("methods: [GET, PUT]", "methods: [GET, PUT, DELETE]"),
    (
        "    routes:\n      - name: open\n        paths: [/open]",
        "    routes:\n      - name: open\n        paths: [/open]\n        headers: { x-release: [next] }",
    ),
    ("username: carol", "username: carla"),
];

pub(crate) fn plan(arguments: &[&str], directory: &Path) -> Said {
    let arguments: Vec<&str> = ["plan"].iter().chain(arguments).copied().collect();
    let mut command = command("api-gateway", &arguments).unwrap();
    command.current_dir(directory);
    tokio::task::block_in_place(|| run_to_end(command).unwrap())
}

/// Both documents, beside a node file and its PKI.
pub(crate) async fn files() -> (Files, harness::doors::RunningEcho) {
    let echo = start_echo(None).await;
    let files = Files::new(free_address(), echo.http);
    let new = CHANGES.iter().fold(OLD.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    });
    for (name, text) in [("old.yaml", OLD), ("new.yaml", &new)] {
        write(&files, name, text, echo.http);
    }
    (files, echo)
}

pub(crate) fn write(files: &Files, name: &str, text: &str, echo: SocketAddr) {
    let values = [("echo", echo.to_string())];
    let text = template::fill(text, files.pki.dir(), &values).unwrap();
    fs::write(files.path().join(name), text).unwrap();
}

pub(crate) fn start(files: &Files, document: &str) -> Program {
    let environment = [
        ("KONG_DECLARATIVE_CONFIG", document),
        ("KONG_PROXY_LISTEN", "127.0.0.1:0 ssl http2, 127.0.0.1:0"),
        ("KONG_STATUS_LISTEN", "off"),
    ];
    files.start("api-gateway", "gateway.toml", &environment).unwrap()
}

/// The certificate that a plan names.
fn leaf(certificate: &Value) -> Option<(&'static str, Leaf)> {
    let authority = match certificate["by"]["authority"].as_str() {
        Some(name) if name.contains("Intermediate") => "clients-intermediate",
        Some(name) if name.contains("Clients") => "clients-root",
        Some(_) => "internal",
        None => return None,
    };
    let name = certificate["name"].as_str().unwrap();
    let leaf = match certificate["kind"].as_str().unwrap() {
        "SAN" if name.contains('@') => Leaf::client("unused").email(name),
        "SAN" => Leaf::client("unused").dns(name),
        _ => Leaf::client(name),
    };
    Some((authority, leaf))
}

/// Sends a witness; `None` where the tests' PKI has no such certificate.
pub(crate) async fn status(program: &Program, files: &Files, witness: &Value) -> Option<u16> {
    let listener = match (witness["carried"].as_bool(), witness["scheme"].as_str()) {
        (Some(false), Some("http")) => "127.0.0.1:0",
        _ => "127.0.0.1:0 ssl http2",
    };
    let address = program.address(listener).unwrap();
    let host = witness["host"].as_str().unwrap();
    let client = if listener.contains("ssl") {
        let client = Client::https(address, &files.pki, "gateway.internal");
        let client = match witness["sni"].as_str() {
            Some(name) => client.asking_for(name),
            None => client,
        };
        let certificate = &witness["certificate"];
        if certificate.is_null() {
            client
        } else if certificate["name"] == "edge.internal" {
            client.cert("edge/client")
        } else {
            let (authority, leaf) = leaf(certificate)?;
            client.with(files.pki.leaf(authority, leaf))
        }
    } else {
        Client::http(address)
    };
    let method = witness["method"].as_str().unwrap().parse().unwrap();
    let mut call = client
        .host(host)
        .request(method, witness["path"].as_str().unwrap());
    for header in witness["headers"].as_array().unwrap() {
        call = call.header(
            header["name"].as_str().unwrap(),
            header["value"].as_str().unwrap(),
        );
    }
    if witness["carried"] == true {
        call = call.header("X-Forwarded-Proto", witness["scheme"].as_str().unwrap());
    }
    if !witness["header_certificate"].is_null() {
        let (authority, leaf) = leaf(&witness["header_certificate"])?;
        let issued = files.pki.authority(authority).issue(leaf).unwrap();
        let value = Stack::header_of(issued.chain());
        for name in witness["certificate_headers"].as_array().unwrap() {
            call = call.header(name.as_str().unwrap(), &value);
        }
    }
    Some(call.await.status.as_u16())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_gateways_answer_each_witness_as_it_is_said() {
    let (files, _echo) = files().await;
    let said = plan(
        &["--config", "gateway.toml", "old.yaml", "new.yaml", "--json"],
        files.path(),
    );
    assert_eq!(said.code, Some(3), "{said:#?}");
    let plan: Value = serde_json::from_str(&said.stdout).unwrap();
    let programs = [start(&files, "old.yaml"), start(&files, "new.yaml")];
    let mut seen = Vec::new();
    for change in plan["changes"].as_array().unwrap() {
        for access in change["accesses"].as_array().unwrap() {
            for (program, side) in programs.iter().zip(["old", "new"]) {
                let Some(status) = status(program, &files, &access["witness"]).await else {
                    continue;
                };
                let expected = access[side]["status"].as_u64().unwrap_or(200);
                assert_eq!(u64::from(status), expected, "{side} {change:#}");
            }
            let who = &change["who"];
            let everybody = std::slice::from_ref(&who["kind"]);
            let direction = change["direction"].as_str().unwrap();
            for name in who["consumers"].as_array().map_or(everybody, Vec::as_slice) {
                if change["implied"] == false {
                    let (name, route) = (name.as_str().unwrap(), access["route"].as_str().unwrap());
                    seen.push(format!("{direction} {name} {route}"));
                }
            }
        }
    }
    seen.sort();
    seen.dedup();
    for expected in [
        // By the header, carried by an edge.
        "gain bob@example.com orders",
        "loss alice@example.com orders",
        // `deny` lets pass whoever is in no group that it names: everybody known but alice.
        "gain bob@example.com closed",
        "gain carla closed",
        // A method that nobody could use.
        "gain alice@example.com devices",
        // The same certificate is somebody else.
        "gain carla devices",
        "loss carol devices",
        "loss anybody open",
    ] {
        assert!(
            seen.iter().any(|seen| seen == expected),
            "no {expected:?} in {seen:#?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exit_code_says_whether_somebody_gains() {
    let (files, echo) = files().await;
    let narrower = OLD.replace("methods: [GET, PUT]", "methods: [GET]");
    write(&files, "narrower.yaml", &narrower, echo.http);
    let node = ["--config", "gateway.toml"];
    for (arguments, code, parts) in [
        (
            &["old.yaml", "new.yaml"][..],
            3,
            &["GAINS", "LOSSES", "+ bob@example.com"][..],
        ),
        (
            &["old.yaml", "new.yaml", "--allow-gains"],
            0,
            &["+ bob@example.com"],
        ),
        (
            &["old.yaml", "narrower.yaml"],
            0,
            &["LOSSES", "0 accesses gained", "PUT https://"],
        ),
        (&["narrower.yaml", "old.yaml"], 3, &["GAINS", "0 accesses lost"]),
        (
            &["old.yaml", "old.yaml"],
            0,
            &["0 accesses gained, 0 accesses lost"],
        ),
    ] {
        for node in [&node[..], &[]] {
            let said = plan(&[arguments, node].concat(), files.path());
            assert_eq!(said.code, Some(code), "{arguments:?}: {said:#?}");
            for part in parts {
                assert!(
                    said.stdout.contains(part),
                    "{arguments:?}: no {part:?} in {}",
                    said.stdout
                );
            }
            assert_eq!(
                said.stdout.contains("no --config"),
                node.is_empty(),
                "{}",
                said.stdout
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_compared_is_an_error_of_that_document() {
    let (files, echo) = files().await;
    write(&files, "broken.yaml", &OLD.replace("allow:", "alow:"), echo.http);
    let broken = plan(&["old.yaml", "broken.yaml"], files.path());
    assert_eq!(broken.code, Some(1), "{broken:#?}");
    assert!(broken.stdout.starts_with("broken.yaml:12:"), "{}", broken.stdout);
    assert!(
        broken.stdout.contains("error[unknown-field]"),
        "{}",
        broken.stdout
    );
    // No more is said than of the documents: nobody wrote the node that is assumed, nor names one the other document.
    let mut findings = broken.stdout.lines().filter(|line| !line.ends_with(" warnings"));
    assert!(
        findings.all(|line| line.starts_with("broken.yaml:")),
        "{}",
        broken.stdout
    );
    for node in [&[][..], &["--config", "gateway.toml"]] {
        let absent = plan(&[&["old.yaml", "absent.yaml"], node].concat(), files.path());
        assert_eq!(absent.code, Some(1), "{absent:#?}");
        let at_the_document =
            "absent.yaml:1:1: error[unreadable-file]: cannot read the declarative document absent.yaml";
        assert!(absent.stdout.starts_with(at_the_document), "{}", absent.stdout);
    }
    for arguments in [
        &["old.yaml"][..],
        &["old.yaml", "new.yaml", "--old-config", "gateway.toml"],
        &[
            "old.yaml",
            "new.yaml",
            "--config",
            "a",
            "--old-config",
            "b",
            "--new-config",
            "c",
        ],
    ] {
        assert_eq!(plan(arguments, files.path()).code, Some(2), "{arguments:?}");
    }
}

/// Who may carry certificates is the node's to say, and may change too.
#[tokio::test(flavor = "multi_thread")]
async fn the_node_may_change_with_the_document() {
    let (files, _echo) = files().await;
    let text = fs::read_to_string(files.path().join("gateway.toml")).unwrap();
    let other = text.replace("dns:edge.internal", "dns:gateway.internal");
    assert_ne!(text, other);
    fs::write(files.path().join("other.toml"), other).unwrap();
    let nodes = ["--old-config", "gateway.toml", "--new-config", "other.toml"];
    let said = plan(&[&nodes[..], &["old.yaml", "old.yaml"]].concat(), files.path());
    assert_eq!(said.code, Some(3), "{said:#?}");
    assert!(said.stdout.contains("SAN gateway.internal"), "{}", said.stdout);
    assert!(said.stdout.contains("SAN edge.internal"), "{}", said.stdout);
}
