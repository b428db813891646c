//! Two identities never share a connection. Several services go to one host and port, each as somebody else, by another
//! name, with other trust; their requests are mixed, and nginx tells whom it saw on which connection.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::SocketAddr;

use certs::{Authority, Leaf};
use harness::client::Client;
use harness::servers::{Files, Server, own_address};
use harness::stack::{Stack, eventually};
use harness::template::quoted;

const REQUESTS: usize = 1000;
/// At the same time.
const CLIENTS: usize = 10;

/// A route, what nginx sees of its requests, and whether they get there.
struct Way {
    path: &'static str,
    service: &'static str,
    route: &'static str,
    /// Subject, server name, `Host`.
    seen: Option<&'static str>,
}

const EITHER: &str = "host: one.test, client_certificate: {b}, ca_certificates: [{one}, {two}]";

/// `{one}` and `{two}`: ids of authorities; `{a}` and `{b}`: of certificates. nginx has a certificate of the first
/// authority for `one.test` and of the second for `two.test`.
const WAYS: [Way; 9] = [
    Way {
        path: "/a-one",
        service: "host: one.test, client_certificate: {a}, ca_certificates: [{one}]",
        route: "",
        seen: Some("CN=a one.test one.test"),
    },
    Way {
        path: "/b-one",
        service: "host: one.test, client_certificate: {b}, ca_certificates: [{one}]",
        route: "",
        seen: Some("CN=b one.test one.test"),
    },
    Way {
        path: "/a-two",
        service: "host: two.test, client_certificate: {a}, ca_certificates: [{two}]",
        route: "",
        seen: Some("CN=a two.test two.test"),
    },
    Way {
        path: "/nobody-one",
        service: "host: one.test, ca_certificates: [{one}]",
        route: "",
        seen: Some("- one.test one.test"),
    },
    // The same server and the same identity, but trust that it does not meet.
    Way {
        path: "/a-one-mistrusted",
        service: "host: one.test, client_certificate: {a}, ca_certificates: [{two}]",
        route: "",
        seen: None,
    },
    // One service, two names: that of the client's Host is verified where it is kept.
    Way {
        path: "/b-kept",
        service: "host: one.test, client_certificate: {b}, ca_certificates: [{two}]",
        route: ", preserve_host: true",
        seen: Some("CN=b two.test two.test"),
    },
    // The same of one service with both kinds of routes: the name is the connection's, and not the service's.
    Way {
        path: "/b-either",
        service: EITHER,
        route: "",
        seen: Some("CN=b one.test one.test"),
    },
    Way {
        path: "/b-either-kept",
        service: EITHER,
        route: ", preserve_host: true",
        seen: Some("CN=b two.test two.test"),
    },
    Way {
        path: "/b-unverified",
        service: "host: two.test, client_certificate: {b}, tls_verify: false",
        route: "",
        seen: Some("CN=b two.test two.test"),
    },
];

/// Whoever issues here: to one server, to the other, to those who are shown.
struct Issuers {
    one: Authority,
    two: Authority,
    partners: Authority,
}

impl Issuers {
    fn new() -> Self {
        let root = |name: &str| Authority::root(name).unwrap();
        Self {
            one: root("One Root"),
            two: root("Two Root"),
            partners: root("Partners Root"),
        }
    }

    /// A service and a route for each way, and the two upstreams at one address.
    fn document(&self, address: SocketAddr) -> String {
        let id = |number: u8| format!("c1a00000-0000-4000-8000-0000000000c{number}");
        let mut text = "_format_version: \"3.0\"\nca_certificates:\n".to_owned();
        for (number, authority) in [(1, &self.one), (2, &self.two)] {
            writeln!(
                text,
                "- {{id: {}, cert: {}}}",
                id(number),
                quoted(&authority.pem())
            )
            .unwrap();
        }
        text.push_str("certificates:\n");
        for (number, name) in [(3, "a"), (4, "b")] {
            let issued = self.partners.issue(Leaf::client(name)).unwrap();
            let (cert, key) = (quoted(&issued.chain_pem()), quoted(&issued.key_pem()));
            writeln!(text, "- {{id: {}, cert: {cert}, key: {key}}}", id(number)).unwrap();
        }
        text.push_str("services:\n");
        for ways in WAYS.chunk_by(|one, next| one.service == next.service) {
            let way = &ways[0];
            let fields = [("{one}", 1), ("{two}", 2), ("{a}", 3), ("{b}", 4)]
                .iter()
                .fold(way.service.to_owned(), |text, (hole, number)| {
                    text.replace(hole, &id(*number))
                });
            let name = way.path.trim_start_matches('/');
            writeln!(
                text,
                "- {{name: {name}, protocol: https, retries: 0, {fields}, routes: ["
            )
            .unwrap();
            for Way { path, route, .. } in ways {
                writeln!(text, "    {{paths: ['~{path}$'], strip_path: false{route}}},").unwrap();
            }
            text.push_str("  ]}\n");
        }
        text.push_str("upstreams:\n");
        for name in ["one.test", "two.test"] {
            writeln!(
                text,
                "- {{name: {name}, host_header: {name}, targets: [{{target: '{address}'}}]}}"
            )
            .unwrap();
        }
        text
    }

    /// Both servers at one address; what they are asked is in `access.log`.
    fn nginx(&self, address: SocketAddr) -> Server {
        let files = Files::new();
        let partners = files.write("partners.pem", &self.partners.pem());
        let mut http =
            "log_format seen '$connection|$ssl_client_s_dn $ssl_server_name $http_host|$uri';\naccess_log \
                        access.log seen;\nkeepalive_requests 100000;\n"
                .to_owned();
        for (name, authority) in [("one", &self.one), ("two", &self.two)] {
            let issued = authority.issue(Leaf::server(&format!("{name}.test"))).unwrap();
            let (cert, key) = files.pair(name, &issued);
            writeln!(
                http,
                "server {{ listen {address} ssl; server_name {name}.test; ssl_certificate {cert}; ssl_certificate_key \
                 {key}; ssl_client_certificate {partners}; ssl_verify_client optional; location / {{ return 200 \
                 \"$ssl_client_s_dn $ssl_server_name $http_host\"; }} }}"
            )
            .unwrap();
        }
        files.nginx(&http, &[address])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_mixed_requests_are_seen_as_whose_they_are() {
    let (issuers, address) = (Issuers::new(), own_address(1));
    let nginx = tokio::task::block_in_place(|| issuers.nginx(address));
    let stack = Stack::reading(issuers.document(address))
        .without_edge()
        .without_lists()
        .gateway("client_ssl", "off");
    let stack = stack.start().await;

    let clients = (0..CLIENTS).map(|client| tokio::spawn(mixed(client, stack.gateway().host("two.test"))));
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }

    let sent = expected_by_way();
    let total: usize = sent.values().sum();
    let log = eventually("the last line of nginx", async || {
        let log = nginx.read("access.log");
        (log.lines().count() >= total).then_some(log)
    })
    .await;
    let mut by_way: BTreeMap<String, usize> = BTreeMap::new();
    let mut by_connection: BTreeMap<&str, BTreeSet<(&str, &str)>> = BTreeMap::new();
    for line in log.lines() {
        let [connection, seen, path] = line.split('|').collect::<Vec<_>>().try_into().unwrap();
        *by_way.entry(format!("{path} {seen}")).or_default() += 1;
        // The path stands for the service: two of them look alike to nginx, and only one of them verifies it.
        by_connection.entry(connection).or_default().insert((path, seen));
    }
    assert_eq!(
        by_way, sent,
        "nginx saw nobody else, and each as often as he was sent"
    );
    for (connection, seen) in &by_connection {
        assert_eq!(seen.len(), 1, "connection {connection} served {seen:?}");
    }
    // Connections were kept, or nothing was shown.
    assert!(
        by_connection.len() <= 8 * CLIENTS,
        "{} connections",
        by_connection.len()
    );
}

/// The way that a client's n-th request takes: neighbours in time take different ones.
fn way(client: usize, number: usize) -> &'static Way {
    &WAYS[(client + number) % WAYS.len()]
}

fn expected_by_way() -> BTreeMap<String, usize> {
    let mut expected = BTreeMap::new();
    for (client, number) in
        (0..CLIENTS).flat_map(|client| (0..REQUESTS / CLIENTS).map(move |number| (client, number)))
    {
        let way = way(client, number);
        if let Some(seen) = way.seen {
            *expected.entry(format!("{} {seen}", way.path)).or_default() += 1;
        }
    }
    expected
}

async fn mixed(client: usize, door: Client) {
    let mut session = door.connect().await.unwrap();
    for number in 0..REQUESTS / CLIENTS {
        let way = way(client, number);
        let answer = session.get(way.path).await.unwrap();
        match way.seen {
            Some(seen) => {
                assert_eq!(answer.status, 200, "{}: {answer:?}", way.path);
                assert_eq!(answer.text(), seen.replace("- ", " "), "{}", way.path);
            }
            None => assert_eq!(answer.status, 502, "{}: {answer:?}", way.path),
        }
    }
}
