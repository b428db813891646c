//! Shown to upstreams: the service's certificate, else its upstream's, else the node's, else none. Those who ask for it
//! are nginx, haproxy and OpenSSL; where they refuse it, the answer or the log says so.

use std::fmt::Write as _;
use std::net::SocketAddr;

use certs::{Authority, Issued, KeyKind, Leaf, Reason, Revocations, Usage, Validity};
use harness::client::Client;
use harness::servers::{Files, Server, own_address};
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

/// What is shown, and what the log says of it where it is refused; an empty class: it is taken.
const REFUSALS: [(&str, &str, &[&str]); 6] = [
    ("service", "", &["of the service"]),
    (
        "",
        "no_certificate",
        &[
            "was shown none, it takes those of `CN=Partners Root`",
            "configure a certificate",
        ],
    ),
    (
        "stranger",
        "unknown_ca",
        &[
            "was shown `CN=of a stranger` (issued by `CN=Strangers Root`)",
            "have the server trust",
        ],
    ),
    (
        "expired",
        "expired",
        &["was shown `CN=expired`", "renew the certificate that is shown"],
    ),
    (
        "revoked",
        "revoked",
        &["was shown `CN=revoked`", "show another certificate"],
    ),
    (
        "server",
        "purpose",
        &["was shown `CN=for a server`", "see the log of the server"],
    ),
];

async fn check_refusals(stack: &Stack, version: &str, rows: &[&str]) {
    let client = stack.gateway();
    for (name, class, parts) in REFUSALS.iter().filter(|(name, ..)| rows.contains(name)) {
        let path = format!("/{version}{name}");
        let (status, source, said) = seen(stack, &client, &path).await;
        if class.is_empty() {
            assert_eq!((status, source.as_str()), (200, "upstream"), "{path}: {said}");
        } else {
            assert_eq!((status, source.as_str()), (502, "gateway"), "{path}: {said}");
            assert!(said.contains(&format!(" failed: {class}: ")), "{path}: {said}");
        }
        for part in *parts {
            assert!(said.contains(part), "{path}: no {part:?} in {said}");
        }
    }
}

/// Services that show each of the certificates to one address.
fn showing(document: &mut String, version: &str, address: SocketAddr, rows: &[&str]) {
    for name in rows {
        let shown = (!name.is_empty()).then_some(*name);
        let service = service(
            &format!("{version}{name}"),
            &address.ip().to_string(),
            address.port(),
            shown,
        );
        document.push_str(&service);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_haproxy_refuses_is_named_with_the_remedy() {
    let world = World::new();
    let (files, cert, key, partners) = world.files("");
    let both = files.write(
        "both.pem",
        &(std::fs::read_to_string(cert).unwrap() + &std::fs::read_to_string(key).unwrap()),
    );
    let revoked = Revocations::none().and(world.one("revoked").serial(), Reason::KeyCompromise);
    let list = files.write(
        "partners.crl",
        &world.partners.revocation_list(revoked).unwrap().pem(),
    );
    let rows = REFUSALS.map(|(name, ..)| name);
    let versions = [
        ("tls12", own_address(1), "TLSv1.2"),
        ("tls13", own_address(2), "TLSv1.3"),
    ];
    let mut document = world.entities() + "services:\n";
    let mut text =
        "defaults\n  mode http\n  timeout client 30s\n  timeout server 30s\n  timeout connect 30s\n"
            .to_owned();
    for (version, address, spoken) in versions {
        showing(&mut document, version, address, &rows);
        writeln!(
            text,
            "frontend {version}\n  bind {address} ssl crt {both} ca-file {partners} crl-file {list} verify required \
             ssl-min-ver {spoken} ssl-max-ver {spoken}\n  http-request return status 200 content-type text/plain \
             lf-string \"%[ssl_c_s_dn(cn)]\""
        )
        .unwrap();
    }
    let _haproxy: Server =
        tokio::task::block_in_place(|| files.haproxy(&text, &versions.map(|(_, address, _)| address)));
    let stack = Stack::reading(document)
        .without_edge()
        .without_lists()
        .gateway("client_ssl", "off");
    let stack = stack.start().await;
    for (version, ..) in versions {
        check_refusals(&stack, version, &rows).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_openssl_refuses_is_named_with_the_remedy() {
    let world = World::new();
    let rows = ["service", "", "stranger", "expired", "server"];
    let mut document = world.entities() + "services:\n";
    let mut servers = Vec::new();
    for (version, option, address) in [
        ("tls12", "-tls1_2", own_address(1)),
        ("tls13", "-tls1_3", own_address(2)),
    ] {
        showing(&mut document, version, address, &rows);
        let (files, cert, key, partners) = world.files("");
        let arguments = [
            "-cert",
            &cert,
            "-key",
            &key,
            "-CAfile",
            &partners,
            "-Verify",
            "3",
            "-verify_return_error",
            option,
        ];
        servers.push(tokio::task::block_in_place(|| files.openssl(&arguments, address)));
    }
    let stack = Stack::reading(document)
        .without_edge()
        .without_lists()
        .gateway("client_ssl", "off");
    let stack = stack.start().await;
    for version in ["tls12", "tls13"] {
        check_refusals(&stack, version, &rows).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_wants_a_certificate_is_a_try_that_met_nobody() {
    let world = World::new();
    let (files, cert, key, partners) = world.files("");
    let both = files.write(
        "both.pem",
        &(std::fs::read_to_string(cert).unwrap() + &std::fs::read_to_string(key).unwrap()),
    );
    let mut document = world.entities() + "services:\n";
    let mut upstreams = "upstreams:\n".to_owned();
    let mut text =
        "defaults\n  mode http\n  timeout client 30s\n  timeout server 30s\n  timeout connect 30s\n"
            .to_owned();
    let versions = [("tls12", 1, "TLSv1.2"), ("tls13", 3, "TLSv1.3")];
    for (version, number, spoken) in versions {
        let (strict, open) = (own_address(number), own_address(number + 1));
        for (retries, name) in [(0, "once"), (1, "twice")] {
            let service = service(&format!("{version}-{name}"), version, 1, None);
            document.push_str(&service.replace("retries: 0", &format!("retries: {retries}")));
        }
        writeln!(
            upstreams,
            "- {{name: {version}, host_header: u.test, targets: [{{target: '{strict}'}}, {{target: '{open}'}}]}}"
        )
        .unwrap();
        let bind = format!("ssl crt {both} ssl-min-ver {spoken} ssl-max-ver {spoken}");
        for (address, verify) in [
            (strict, format!("ca-file {partners} verify required")),
            (open, "verify none".to_owned()),
        ] {
            writeln!(
                text,
                "frontend f{address}\n  bind {address} {bind} {verify}\n  http-request return status 200 content-type \
                 text/plain string \"answered\""
            )
            .unwrap();
        }
    }
    let addresses: Vec<SocketAddr> = (1..=4).map(own_address).collect();
    let _haproxy = tokio::task::block_in_place(|| files.haproxy(&text, &addresses));
    let stack = Stack::reading(document + &upstreams)
        .without_edge()
        .without_lists()
        .gateway("client_ssl", "off");
    let stack = stack.start().await;
    let client = stack.gateway();
    for (version, ..) in versions {
        for (name, answered) in [("once", 3), ("twice", 6)] {
            let mut count = 0;
            for _ in 0..6 {
                let answer = client.get(&format!("/{version}-{name}")).await;
                count += usize::from(answer.status == 200);
                if answer.status != 200 {
                    assert_eq!(stack.reason_of(&answer).await, "upstream_tls", "{version} {name}");
                }
            }
            assert_eq!(count, answered, "{version} {name}");
        }
    }
}
