//! Asked of upstreams: whose certificate is believed, for which names, and what the log says where it is not. The other
//! end is nginx.

mod rows;

pub(crate) use rows::{alone, weak};

use std::fmt::Write as _;

use certs::{Attribute, Authority, Ca, Issued, Leaf, Subject};
use harness::servers::{Files, Server, own_address};
use harness::stack::Stack;
use harness::template::quoted;

const ROOT: &str = "c1a00000-0000-4000-8000-0000000000a1";
const OTHER: &str = "c1a00000-0000-4000-8000-0000000000a2";
const INTERMEDIATE: &str = "c1a00000-0000-4000-8000-0000000000a3";
const MESH: &str = "c1a00000-0000-4000-8000-0000000000a4";

/// What becomes of a request.
#[derive(Clone, Copy)]
enum Expected {
    Answered,
    /// By the gateway: the class, and what else the log says.
    Refused(&'static str, &'static [&'static str]),
}

use Expected::{Answered, Refused};

/// What a server shows, under what a service says, and what becomes of it.
struct Row {
    name: &'static str,
    shown: Shown,
    /// Fields of the service; `{root}` and the like are the ids of authorities, `{n}` is the number of the row.
    service: &'static str,
    expected: Expected,
}

/// A certificate with what is sent along, and a key.
pub(crate) struct Shown {
    pub(crate) chain: String,
    pub(crate) key: String,
}

impl From<Issued> for Shown {
    fn from(issued: Issued) -> Self {
        Self {
            chain: issued.chain_pem(),
            key: issued.key_pem(),
        }
    }
}

/// Whoever issues to servers here.
struct World {
    root: Authority,
    other: Authority,
    intermediate: Authority,
    below: Authority,
    mesh: Authority,
}

impl World {
    fn new() -> Self {
        let root = Authority::root("Upstreams Root").unwrap();
        let intermediate = root.intermediate("Upstreams Intermediate").unwrap();
        Self {
            below: intermediate.intermediate("Upstreams Department").unwrap(),
            other: Authority::root("Other Root").unwrap(),
            mesh: Authority::root(of_mesh("Mesh Root")).unwrap(),
            intermediate,
            root,
        }
    }

    /// The document: a service and a route for each row, at an address of its own.
    fn document(&self, rows: &[Row]) -> String {
        let mut text = "_format_version: \"3.0\"\nca_certificates:\n".to_owned();
        for (id, authority) in [
            (ROOT, &self.root),
            (OTHER, &self.other),
            (INTERMEDIATE, &self.intermediate),
            (MESH, &self.mesh),
        ] {
            writeln!(text, "- {{id: {id}, cert: {}}}", quoted(&authority.pem())).unwrap();
        }
        text.push_str("services:\n");
        for (number, row) in rows.iter().enumerate() {
            let address = at(number);
            let mut fields = format!("name: row-{number}, protocol: https, retries: 0");
            if !row.service.contains("host:") {
                write!(fields, ", host: {}, port: {}", address.ip(), address.port()).unwrap();
            }
            if !row.service.is_empty() {
                write!(fields, ", {}", row.service).unwrap();
            }
            let keeps = row.name.contains("client's Host");
            writeln!(
                text,
                "- {{{fields}, routes: [{{paths: [/{number}], preserve_host: {keeps}}}]}}"
            )
            .unwrap();
            text = text.replace("{n}", &number.to_string());
        }
        for (hole, id) in [
            ("{root}", ROOT),
            ("{other}", OTHER),
            ("{intermediate}", INTERMEDIATE),
            ("{mesh}", MESH),
        ] {
            text = text.replace(hole, id);
        }
        text.push_str("upstreams:\n");
        for (number, _) in rows.iter().enumerate() {
            for name in ["orders", "elsewhere"] {
                writeln!(
                    text,
                    "- {{name: {name}-{number}, host_header: {name}.test, targets: [{{target: '{}'}}]}}",
                    at(number)
                )
                .unwrap();
            }
        }
        text
    }
}

fn at(row: usize) -> std::net::SocketAddr {
    own_address(u8::try_from(row + 1).unwrap())
}

/// nginx with a server for each row.
fn nginx(rows: &[Row]) -> Server {
    let files = Files::new();
    let mut http = String::new();
    for (number, row) in rows.iter().enumerate() {
        let chain = files.write(&format!("{number}.pem"), &row.shown.chain);
        let key = files.write(&format!("{number}.key"), &row.shown.key);
        // What nginx itself thinks of keys is not what is tested here.
        writeln!(
            http,
            "server {{ listen {} ssl; ssl_ciphers DEFAULT@SECLEVEL=0; ssl_certificate {chain}; ssl_certificate_key \
             {key}; location / {{ return 200 \"sni=$ssl_server_name host=$http_host\\n\"; }} }}",
            at(number)
        )
        .unwrap();
    }
    let listening: Vec<_> = (0..rows.len()).map(at).collect();
    files.nginx(&http, &listening)
}

#[tokio::test(flavor = "multi_thread")]
async fn upstreams_are_believed_as_their_services_say() {
    let world = World::new();
    let rows = rows::rows(&world);
    let _nginx = tokio::task::block_in_place(|| nginx(&rows));
    let plan = Stack::reading(world.document(&rows))
        .without_edge()
        .without_lists();
    check(&plan.start().await, &rows).await;
}

#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::too_many_lines)] // a table
async fn the_node_decides_where_a_service_does_not() {
    let world = World::new();
    let files = Files::new();
    let root = files.write("root.pem", &world.root.pem());
    let other = files.write("other.pem", &world.other.pem());
    let leaf = || Leaf::server("orders.test").ip(own_address(1).ip());
    let shown = |authority: &Authority| Shown::from(authority.issue(leaf()).unwrap());
    let stranger = Refused("unknown_ca", &[]);
    for (node, service, authority, expected) in [
        (
            &[("lua_ssl_trusted_certificate", &*root)][..],
            "",
            &world.root,
            Answered,
        ),
        (
            &[("lua_ssl_trusted_certificate", &*root)],
            "",
            &world.other,
            stranger,
        ),
        // nginx' own key, where there is one, is not added but counts alone.
        (
            &[
                ("lua_ssl_trusted_certificate", &*root),
                ("nginx_proxy_proxy_ssl_trusted_certificate", &*other),
            ],
            "",
            &world.other,
            Answered,
        ),
        (
            &[
                ("lua_ssl_trusted_certificate", &*root),
                ("nginx_proxy_proxy_ssl_trusted_certificate", &*other),
            ],
            "",
            &world.root,
            stranger,
        ),
        // A service's own authorities are all that it believes.
        (
            &[("lua_ssl_trusted_certificate", &*root)],
            "ca_certificates: [{other}]",
            &world.root,
            stranger,
        ),
        (&[("tls_certificate_verify", "off")], "", &world.other, Answered),
        (
            &[("tls_certificate_verify", "off")],
            "tls_verify: true, ca_certificates: [{root}]",
            &world.other,
            stranger,
        ),
        (
            &[("lua_ssl_trusted_certificate", &*root)],
            "",
            &world.below,
            Refused("depth", &["the limit is 2"]),
        ),
        (
            &[
                ("lua_ssl_trusted_certificate", &*root),
                ("lua_ssl_verify_depth", "2"),
            ],
            "",
            &world.below,
            Answered,
        ),
        (
            &[
                ("lua_ssl_trusted_certificate", &*root),
                ("nginx_proxy_proxy_ssl_verify_depth", "2"),
            ],
            "",
            &world.below,
            Answered,
        ),
        (
            &[
                ("lua_ssl_trusted_certificate", &*root),
                ("nginx_proxy_proxy_ssl_verify_depth", "0"),
            ],
            "tls_verify_depth: 2",
            &world.below,
            Answered,
        ),
    ] {
        let rows = [Row {
            name: node[0].0,
            shown: shown(authority),
            service,
            expected,
        }];
        let _nginx = tokio::task::block_in_place(|| nginx(&rows));
        let mut plan = Stack::reading(world.document(&rows))
            .without_edge()
            .without_lists();
        for (key, value) in node {
            plan = plan.gateway(key, value);
        }
        check(&plan.start().await, &rows).await;
    }
}

/// Asks for each row, and compares with what it expects.
async fn check(stack: &Stack, rows: &[Row]) {
    let client = stack.gateway().host("orders.test:444");
    for (number, row) in rows.iter().enumerate() {
        let answer = client.get(&format!("/{number}")).await;
        let line = stack.line_of(&answer).await;
        let cause = line["decision"]["cause"].as_str().unwrap_or_default();
        match row.expected {
            Answered => {
                if row.name.contains("client's Host") {
                    refuses_hosts_without_a_name(stack, number).await;
                }
                assert_eq!(answer.status, 200, "{}: {cause}", row.name);
                assert_eq!(line["source"], "upstream", "{}", row.name);
                let text = answer.text();
                let host = text.split_once("host=").unwrap().1.trim();
                let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
                // The name that is verified is the one that is sent, and an address is no server name.
                let sni = if name.starts_with("127.") { "" } else { name };
                assert!(text.starts_with(&format!("sni={sni} ")), "{}: {text}", row.name);
            }
            Refused(class, parts) => {
                assert_eq!(answer.status, 502, "{}: {answer:?}", row.name);
                assert!(
                    answer
                        .text()
                        .starts_with("An invalid response was received from the upstream server"),
                    "{}",
                    row.name
                );
                assert_eq!(
                    line["decision"]["reason"], "upstream_tls",
                    "{}: {cause}",
                    row.name
                );
                let start = format!("TLS with {} failed: {class}: ", at(number));
                assert!(cause.starts_with(&start), "{}: {cause}", row.name);
                for part in parts {
                    assert!(cause.contains(part), "{}: no {part:?} in {cause}", row.name);
                }
                assert!(!cause.contains("BEGIN"), "{}", row.name);
            }
        }
    }
}

/// A Host that no certificate can be for is refused: on a connection that was verified for another name it would be read
/// as that other's.
async fn refuses_hosts_without_a_name(stack: &Stack, row: usize) {
    for host in ["orders.test:abc", "a..b", "x@orders.test"] {
        let answer = stack.gateway().host(host).get(&format!("/{row}")).await;
        assert_eq!(answer.status, 400, "{host}");
    }
}

fn of_mesh(name: &str) -> Ca {
    let subject = Subject::empty().with(Attribute::Organization, "Mesh");
    Ca::named(name).subject(subject.with(Attribute::CommonName, name))
}
