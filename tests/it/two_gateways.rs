//! Mutual TLS with all upstreams, as people build it of two nodes: the first is a reverse proxy that shows one certificate
//! to whatever is behind it (`client_ssl`), the second asks everybody for one (`mtls-auth` for all). Two real programs,
//! configured by `KONG_*` variables and two documents that Kong would read as well.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;

use harness::client::Client;
use harness::doors::{RunningEcho, start_echo};
use harness::pki::Pki;
use harness::program::{Program, command};
use harness::stack::eventually;
use harness::template;
use serde_json::Value;
use tempfile::TempDir;

const SECOND: &str = "_format_version: \"3.0\"
services:
- { name: orders, url: 'http://{orders}', routes: [{ name: orders, paths: [/orders] }] }
- { name: stock, url: 'http://{stock}', routes: [{ name: stock, paths: [/stock] }] }
- { name: users, url: 'http://{users}', routes: [{ name: users, paths: [/users] }] }
plugins:
- name: mtls-auth
  config: { ca_certificates: [c1a00000-0000-4000-8000-000000000003] }
consumers:
- username: gateway.internal
ca_certificates:
- id: c1a00000-0000-4000-8000-000000000003
  cert: \"@ca/internal.pem\"
";

const FIRST: &str = "_format_version: \"3.0\"
services:
- name: api-gateway
  protocol: https
  host: localhost
  port: {port}
  routes: [{ name: everything, paths: [/], strip_path: false }]
";

/// Both nodes and what is behind them.
struct Nodes {
    pki: Arc<Pki>,
    dir: TempDir,
    second: Program,
    upstreams: [RunningEcho; 3],
}

impl Nodes {
    /// The second node. It has no certificate of its own to show, and needs none.
    async fn start() -> Self {
        let dir = TempDir::new().unwrap();
        let pki = Arc::new(Pki::make(&dir.path().join("pki")).unwrap());
        let upstreams = [
            start_echo(None).await,
            start_echo(None).await,
            start_echo(None).await,
        ];
        let names = ["orders", "stock", "users"];
        let values = [0, 1, 2].map(|at: usize| (names[at], upstreams[at].http.to_string()));
        let document = template::fill(SECOND, pki.dir(), &values).unwrap();
        fs::write(dir.path().join("second.yaml"), document).unwrap();
        let second = start(
            &dir,
            &[
                ("KONG_PROXY_LISTEN", "127.0.0.1:0 ssl"),
                ("KONG_DECLARATIVE_CONFIG", "second.yaml"),
                ("KONG_SSL_CERT", "pki/gateway/server.pem"),
                ("KONG_SSL_CERT_KEY", "pki/gateway/server.key"),
            ],
        );
        Self {
            pki,
            dir,
            second,
            upstreams,
        }
    }

    /// The first node, with these variables beside those that make it a reverse proxy.
    fn first(&self, more: &[(&str, &str)]) -> Program {
        let port = self.second_address().port().to_string();
        let document = FIRST.replace("{port}", &port);
        let mut environment = vec![
            ("KONG_PROXY_LISTEN", "127.0.0.1:0"),
            ("KONG_DECLARATIVE_CONFIG_STRING", document.as_str()),
            ("KONG_LUA_SSL_TRUSTED_CERTIFICATE", "pki/ca/internal.pem"),
        ];
        environment.extend(more);
        start(&self.dir, &environment)
    }

    fn second_address(&self) -> SocketAddr {
        self.second.address("127.0.0.1:0 ssl").unwrap()
    }

    /// A client that leaves the first node out.
    fn straight(&self) -> Client {
        Client::https(self.second_address(), &self.pki, "localhost")
    }
}

/// By environment alone; paths are relative to where it is started.
fn start(dir: &TempDir, environment: &[(&str, &str)]) -> Program {
    let mut command = command("api-gateway", &["--log-format", "json", "run"]).unwrap();
    command.current_dir(dir.path());
    command
        .env("KONG_DATABASE", "off")
        .env("KONG_STATUS_LISTEN", "off");
    command.envs(environment.iter().copied());
    tokio::task::block_in_place(|| Program::start(command, "api-gateway")).unwrap()
}

/// The line of the first node about the answer with this status.
async fn line_of(node: &Program, id: &str) -> Value {
    eventually("the request's log line", async || {
        let output = node.output();
        let mut lines = output
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.find(|line| line["request_id"] == id)
    })
    .await
}

const CLIENT_SSL: [(&str, &str); 3] = [
    ("KONG_CLIENT_SSL", "on"),
    ("KONG_CLIENT_SSL_CERT", "pki/gateway/client.pem"),
    ("KONG_CLIENT_SSL_CERT_KEY", "pki/gateway/client.key"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_request_between_them_is_the_first_nodes() {
    let nodes = Nodes::start().await;
    let first = nodes.first(&CLIENT_SSL);
    let client = Client::http(first.address("127.0.0.1:0").unwrap());
    for (path, upstream) in ["/orders", "/stock", "/users"].iter().zip(&nodes.upstreams) {
        for _ in 0..3 {
            let echo = client.get(path).await;
            assert_eq!(echo.status, 200, "{path}: {echo:?}");
            let consumer = echo.received("x-consumer-username");
            assert_eq!(consumer.as_deref(), Some("gateway.internal"), "{path}");
        }
        assert_eq!(upstream.seen.count(), 3, "{path}");
    }
    // A client's own word about who it is goes no further than the first node.
    let forged = client.get("/orders").header("X-Consumer-Username", "root").await;
    assert_eq!(
        forged.received("x-consumer-username").as_deref(),
        Some("gateway.internal")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_passes_the_second() {
    let nodes = Nodes::start().await;
    let straight = nodes.straight();
    for (client, message) in [
        (straight.clone(), "No required TLS certificate was sent"),
        // Of an authority that is not asked.
        (
            straight.clone().cert("alice"),
            "TLS certificate failed verification",
        ),
        // Of the right authority, and no consumer's.
        (
            straight.clone().cert("edge/client"),
            "TLS certificate failed verification",
        ),
    ] {
        let answer = client.get("/orders").await;
        assert_eq!(
            (answer.status.as_u16(), answer.message().as_deref()),
            (401, Some(message))
        );
    }
    assert_eq!(straight.cert("gateway/client").get("/orders").await.status, 200);

    // The first node with nothing to show: the second's answer is the client's to read.
    let first = nodes.first(&[("KONG_CLIENT_SSL", "off")]);
    let answer = Client::http(first.address("127.0.0.1:0").unwrap())
        .get("/orders")
        .await;
    assert_eq!(answer.status, 401);
    assert_eq!(
        answer.message().as_deref(),
        Some("No required TLS certificate was sent")
    );
    assert_eq!(nodes.upstreams[0].seen.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_believes_nobody_else_to_be_the_second() {
    let nodes = Nodes::start().await;
    let mut environment = CLIENT_SSL.to_vec();
    environment.push((
        "KONG_NGINX_PROXY_PROXY_SSL_TRUSTED_CERTIFICATE",
        "pki/ca/clients.pem",
    ));
    let first = nodes.first(&environment);
    let answer = Client::http(first.address("127.0.0.1:0").unwrap())
        .get("/orders")
        .await;
    assert_eq!(answer.status, 502);
    let line = line_of(&first, answer.request_id().unwrap()).await;
    assert_eq!(line["decision"]["reason"], "upstream_tls");
    let cause = line["decision"]["cause"].as_str().unwrap();
    assert!(
        cause.contains("failed: unknown_ca: the server's certificate `CN=gateway.internal`"),
        "{cause}"
    );
    assert_eq!(nodes.upstreams[0].seen.count(), 0);
}
