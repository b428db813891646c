//! Shown to upstreams: the service's certificate, else its upstream's, else the node's, else none. Those who ask for it
//! are nginx, haproxy and OpenSSL; where they refuse it, the answer or the log says so.

mod refusals;

use std::fmt::Write as _;
use std::net::SocketAddr;

use certs::{Authority, Issued, KeyKind, Leaf, Usage, Validity};
use harness::client::Client;
use harness::servers::{Files, own_address};
use harness::stack::Stack;
use harness::template::quoted;

const SERVERS: &str = "c1a00000-0000-4000-8000-0000000000b1";

/// Who shows what, and to whom it is shown.
struct World {
    servers: Authority,
    partners: Authority,
    server: Issued,
    /// By the name of the entity.
    shown: Vec<(&'static str, Issued)>,
}

impl World {
    fn new() -> Self {
        let partners = Authority::root("Partners Root").unwrap();
        let stranger = Authority::root("Strangers Root").unwrap();
        let servers = Authority::root("Servers Root").unwrap();
        let issue = |name: &str| partners.issue(Leaf::client(name)).unwrap();
        let shown = vec![
            ("service", issue("of the service")),
            ("upstream", issue("of the upstream")),
            ("stranger", stranger.issue(Leaf::client("of a stranger")).unwrap()),
            (
                "expired",
                partners
                    .issue(Leaf::client("expired").validity(Validity::ended_days_ago(2)))
                    .unwrap(),
            ),
            ("revoked", issue("revoked")),
            (
                "server",
                partners
                    .issue(Leaf::client("for a server").usages([Usage::Server]))
                    .unwrap(),
            ),
        ];
        Self {
            server: servers
                .issue((1..=20).fold(Leaf::server("u.test"), |leaf, number| {
                    leaf.ip(own_address(number).ip())
                }))
                .unwrap(),
            servers,
            partners,
            shown,
        }
    }

    fn one(&self, name: &str) -> &Issued {
        &self.shown.iter().find(|(known, _)| *known == name).unwrap().1
    }

    /// The entities that services refer to. `service` has a second pair of the other key type, which is for clients.
    fn entities(&self) -> String {
        let mut text = format!(
            "_format_version: \"3.0\"\nca_certificates:\n- {{id: {SERVERS}, cert: {}}}\ncertificates:\n",
            quoted(&self.servers.pem())
        );
        for (name, issued) in &self.shown {
            let (cert, key) = (quoted(&issued.chain_pem()), quoted(&issued.key_pem()));
            write!(text, "- {{id: {}, cert: {cert}, key: {key}", id(name)).unwrap();
            if *name == "service" {
                let other = Leaf::client("the other key type").key(KeyKind::Rsa2048);
                let other = self.partners.issue(other).unwrap();
                let (cert, key) = (quoted(&other.chain_pem()), quoted(&other.key_pem()));
                write!(text, ", cert_alt: {cert}, key_alt: {key}").unwrap();
            }
            text.push_str("}\n");
        }
        text
    }

    /// Key and certificate of the server, and whom it takes, for a program's configuration.
    fn files(&self, more_partners: &str) -> (Files, String, String, String) {
        let files = Files::new();
        let (cert, key) = files.pair("server", &self.server);
        let partners = files.write("partners.pem", &(self.partners.pem() + more_partners));
        (files, cert, key, partners)
    }
}

/// The id of a certificate entity.
fn id(name: &str) -> String {
    let number = name.bytes().fold(0_u64, |sum, byte| sum * 31 + u64::from(byte)) % 1_000_000;
    format!("c1a00000-0000-4000-8000-000000{number:06}")
}

/// A service that goes straight to an address, or to an upstream.
fn service(name: &str, host: &str, port: u16, certificate: Option<&str>) -> String {
    let shown = certificate.map_or_else(String::new, |name| format!("client_certificate: {}, ", id(name)));
    format!(
        "- {{name: {name}, protocol: https, host: {host}, port: {port}, retries: 0, {shown}ca_certificates: \
         [{SERVERS}], routes: [{{paths: [/{name}]}}]}}\n"
    )
}

/// What the upstream says of the certificate, and the gateway of the answer.
async fn seen(stack: &Stack, client: &Client, path: &str) -> (u16, String, String) {
    let answer = client.get(path).await;
    let line = stack.line_of(&answer).await;
    let decision = &line["decision"];
    let said = match decision["cause"].as_str() {
        Some(cause) => {
            assert_eq!(decision["reason"], "upstream_tls", "{path}: {cause}");
            assert_eq!(
                answer.text().lines().next(),
                Some("An invalid response was received from the upstream server")
            );
            cause.to_owned()
        }
        None => answer.text(),
    };
    (
        answer.status.as_u16(),
        line["source"].as_str().unwrap().to_owned(),
        said,
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn service_before_upstream_before_node_before_nothing() {
    let world = World::new();
    let (required, optional) = (own_address(1), own_address(2));
    let mut document = world.entities() + "services:\n";
    let mut expected = Vec::new();
    for (address, kind) in [(required, "required"), (optional, "optional")] {
        let (host, port) = (address.ip().to_string(), address.port());
        for (name, behind, certificate, with_node, without_node) in [
            (
                "service",
                "both",
                Some("service"),
                "of the service",
                "of the service",
            ),
            ("direct", "", Some("service"), "of the service", "of the service"),
            ("upstream", "both", None, "of the upstream", "of the upstream"),
            ("bare", "bare", None, "gateway.internal", ""),
            ("node", "", None, "gateway.internal", ""),
        ] {
            let host = if behind.is_empty() {
                host.clone()
            } else {
                format!("{behind}.{kind}")
            };
            document.push_str(&service(&format!("{name}-{kind}"), &host, port, certificate));
            expected.push((format!("/{name}-{kind}"), kind, with_node, without_node));
        }
    }
    document.push_str("upstreams:\n");
    for (address, kind) in [(required, "required"), (optional, "optional")] {
        writeln!(
            document,
            "- {{name: both.{kind}, client_certificate: {}, targets: [{{target: '{address}'}}]}}\n- {{name: \
             bare.{kind}, targets: [{{target: '{address}'}}]}}",
            id("upstream")
        )
        .unwrap();
    }
    for node in ["on", "off"] {
        let stack = Stack::reading(document.as_str()).without_edge().without_lists();
        let stack = stack.gateway("client_ssl", node).start().await;
        let internal = std::fs::read_to_string(stack.pki.path("ca/internal.pem")).unwrap();
        let (files, cert, key, partners) = world.files(&internal);
        let block = |address: SocketAddr, verify: &str| {
            format!(
                "server {{ listen {address} ssl; ssl_certificate {cert}; ssl_certificate_key {key}; \
                 ssl_client_certificate {partners}; ssl_verify_client {verify}; location / {{ return 200 \
                 \"$ssl_client_verify $ssl_client_s_dn\\n\"; }} }}\n"
            )
        };
        let http = block(required, "on") + &block(optional, "optional");
        let _nginx = tokio::task::block_in_place(|| files.nginx(&http, &[required, optional]));
        let client = stack.gateway();
        for (path, kind, with_node, without_node) in &expected {
            let wanted = if node == "on" { with_node } else { without_node };
            let (status, source, said) = seen(&stack, &client, path).await;
            let (wanted_status, wanted_said) = match (*wanted, *kind) {
                // What an upstream says over HTTP is the client's to read.
                ("", "required") => (400, "No required SSL certificate was sent".to_owned()),
                ("", _) => (200, "NONE ".to_owned()),
                (name, _) => (200, format!("SUCCESS CN={name}")),
            };
            assert_eq!(
                (status, source.as_str()),
                (wanted_status, "upstream"),
                "{node} {path}: {said}"
            );
            assert!(said.contains(&wanted_said), "{node} {path}: {said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_three_services_needs_a_certificate_and_only_it_sees_one() {
    let world = World::new();
    let addresses = [own_address(1), own_address(2), own_address(3)];
    let mut document = world.entities() + "services:\n";
    for (name, certificate, address) in [
        ("payments", Some("service"), addresses[0]),
        ("catalogue", None, addresses[1]),
        ("search", None, addresses[2]),
    ] {
        document.push_str(&service(
            name,
            &address.ip().to_string(),
            address.port(),
            certificate,
        ));
    }
    let (files, cert, key, partners) = world.files("");
    let mut http = String::new();
    for (address, verify) in addresses.into_iter().zip(["on", "optional_no_ca", "off"]) {
        writeln!(
            http,
            "server {{ listen {address} ssl; ssl_certificate {cert}; ssl_certificate_key {key}; \
             ssl_client_certificate {partners}; ssl_verify_client {verify}; location / {{ return 200 \
             \"[$ssl_client_verify|$ssl_client_s_dn]\"; }} }}"
        )
        .unwrap();
    }
    let _nginx = tokio::task::block_in_place(|| files.nginx(&http, &addresses));
    let stack = Stack::reading(document)
        .without_edge()
        .without_lists()
        .gateway("client_ssl", "off");
    let stack = stack.start().await;
    let client = stack.gateway();
    for (path, expected) in [
        ("/payments", "[SUCCESS|CN=of the service]"),
        ("/catalogue", "[NONE|]"),
        ("/search", "[NONE|]"),
    ] {
        assert_eq!(client.get(path).await.text(), expected, "{path}");
    }
}
