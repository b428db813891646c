//! Connections as such: tunnels, bytes passed through, reloads, the end.

use std::net::SocketAddr;
use std::time::Duration;

use certs::{Leaf, Validity};
use edge_proxy::edge::Edge;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use transport::drain::Drained;
use transport::probe;

use crate::certificates::{PASSTHROUGH, VERIFY, VERIFY_WITH_LISTS};
use crate::client::{self, BOTH_VERSIONS, Identity, tls_config};
use crate::stack::{Node, Pki, Running, Stack, assert_refused, node, plan, vector_client};

const UPGRADE: &str = "GET /websocket HTTP/1.1\r\nHost: edge.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

#[tokio::test]
async fn a_websocket_is_tunnelled() {
    let stack = Stack::start(PASSTHROUGH).await;
    let mut connection = stack.connect(Some(&vector_client(&[]))).await;
    let answer = connection.send(UPGRADE).await.unwrap();
    assert_eq!(answer.status, 101);
    assert_eq!(answer.header("upgrade"), Some("websocket"));
    assert!(answer.header("sec-websocket-accept").is_some());
    for message in ["ping", "pong"] {
        connection.stream.write_all(message.as_bytes()).await.unwrap();
        assert_eq!(connection.exactly(4).await.unwrap(), message.as_bytes());
    }
}

#[tokio::test]
async fn nothing_else_is_an_upgrade() {
    let stack = Stack::start(Node::default()).await;
    let mut connection = stack.connect(None).await;
    let lines = [
        "Connection: Upgrade, HTTP2-Settings",
        "Upgrade: h2c",
        "HTTP2-Settings: AAMAAABkAAQAAP__",
    ];
    let seen = connection.get("/", &lines).await.unwrap().seen();
    for name in ["connection", "upgrade", "http2-settings"] {
        assert!(seen.header(name).is_empty(), "{name}");
    }
    // A target that switches protocols all the same is broken.
    assert_eq!(connection.get("/websocket", &[]).await.unwrap().status, 502);
}

#[tokio::test]
async fn a_tcp_listener_passes_tls_through_untouched() {
    let pki = Pki::new();
    let target = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = target.local_addr().unwrap();
    for proxy_protocol in [false, true] {
        let tcp = format!(
            "[listeners.raw]\naddress = \"127.0.0.1:0\"\nprotocol = \"tcp\"\ntarget_group = \"raw\"\n\
             [target_groups.raw]\nprotocol = \"tcp\"\ntargets = [\"{address}\"]\nsend_proxy_protocol = {proxy_protocol}\n"
        );
        let text = node(&Node::default(), &[address]) + &tcp;
        let edge = Edge::bind(plan(&pki, &text).unwrap()).await.unwrap();
        let raw = edge.addresses()["raw"];
        tokio::spawn(edge.run(std::future::pending()));

        let mut client = TcpStream::connect(raw).await.unwrap();
        let own = client.local_addr().unwrap();
        client.write_all(b"\x16\x03\x01 anything").await.unwrap();
        let (mut behind, _) = target.accept().await.unwrap();
        if proxy_protocol {
            let mut header = [0; 28];
            behind.read_exact(&mut header).await.unwrap();
            let mut expected = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01".to_vec();
            expected.extend(own.port().to_be_bytes());
            expected.extend(raw.port().to_be_bytes());
            assert_eq!(header.to_vec(), expected);
        }
        let mut first = [0; 12];
        behind.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"\x16\x03\x01 anything");
        behind.write_all(b"answer").await.unwrap();
        drop(behind);
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, b"answer");
    }
}

async fn ask(admin: SocketAddr, path: &'static str) -> (u16, String) {
    let (status, body) = probe::ask(admin, path).await.unwrap();
    (status.as_u16(), body)
}

#[tokio::test]
async fn the_admin_listener_tells_how_things_are() {
    let stack = Stack::start(VERIFY).await;
    let admin = stack.edge.admin;
    assert_eq!(ask(admin, "/health").await.0, 200);
    assert_eq!(
        ask(admin, "/ready").await,
        (200, "{\"message\":\"ready\"}\n".to_owned())
    );
    assert_eq!(ask(admin, "/other").await.0, 404);
    let mut plain = client::plain(stack.edge.plain).await;
    assert_eq!(plain.get("/", &[]).await.unwrap().status, 200);
    assert_refused(stack.edge.public, tls_config(None, BOTH_VERSIONS, &[])).await;
    let metrics = ask(admin, "/metrics").await.1;
    for line in [
        "edge_proxy_connections_total{listener=\"plain\"} 1",
        "edge_proxy_requests_total{listener=\"plain\",status=\"2xx\"} 1",
        "edge_proxy_handshake_failures_total{listener=\"public\",code=\"UnmappedConnectionError\"} 1",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}\n{metrics}");
    }
}

#[tokio::test]
async fn a_stop_finishes_what_is_in_flight() {
    let stack = Stack::start(Node::default()).await;
    let Stack {
        pki: _pki,
        target,
        edge,
    } = stack;
    let (public, admin) = (edge.public, edge.admin);
    let mut busy = Vec::new();
    for _ in 0..20 {
        let mut connection = client::tls(public, None).await.unwrap();
        busy.push(tokio::spawn(async move {
            let answer = connection.get("/gate", &[]).await.unwrap();
            (answer.status, connection.rest().await)
        }));
        target.arrived().await;
    }
    let mut idle = client::tls(public, None).await.unwrap();
    assert_eq!(idle.get("/", &[]).await.unwrap().status, 200);
    let stopped = edge.stop();
    // The idle one is closed at once, nobody else is let in, and those who wait are told why.
    assert_eq!(idle.rest().await, b"");
    assert!(TcpStream::connect(public).await.is_err());
    let (status, body) = ask(admin, "/ready").await;
    assert_eq!(status, 503);
    assert!(body.contains("\"reasons\":[\"draining\"]"), "{body}");
    assert!(!stopped.is_finished());
    target.open_gate(20);
    for request in busy {
        let (status, rest) = request.await.unwrap();
        assert_eq!((status, rest), (200, vec![]));
    }
    assert_eq!(stopped.await.unwrap(), Drained::Completely);
}

#[tokio::test]
async fn a_stop_waits_its_delay_and_gives_up_after_its_drain() {
    let stack = Stack::start(Node {
        top: "shutdown_delay = \"2s\"\ndrain_timeout = \"100ms\"",
        ..Node::default()
    })
    .await;
    let Stack {
        pki: _pki,
        target,
        edge,
    } = stack;
    let (public, admin) = (edge.public, edge.admin);
    let stopped = edge.stop();
    // Not ready, but still accepting.
    while ask(admin, "/ready").await.0 == 200 {
        tokio::task::yield_now().await;
    }
    let mut late = client::tls(public, None).await.unwrap();
    let stuck = tokio::spawn(async move { late.get("/gate", &[]).await.map(|answer| answer.status) });
    target.arrived().await;
    assert_eq!(stopped.await.unwrap(), Drained::OutOfTime);
    stuck.abort();
}

#[tokio::test]
async fn a_port_in_use_starts_nothing() {
    let pki = Pki::new();
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let text = node(&Node::default(), &[address]);
    // The first listener, by name, gets a free port, the second one the taken port.
    let (plain, public) = (free.local_addr().unwrap(), address);
    drop(free);
    let text = text
        .replacen("address = \"127.0.0.1:0\"", &format!("address = \"{public}\""), 1)
        .replacen("address = \"127.0.0.1:0\"", &format!("address = \"{plain}\""), 1);
    let error = Edge::bind(plan(&pki, &text).unwrap())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("listener public") && error.contains("another program has the port"),
        "{error}"
    );
    assert!(TcpStream::connect(plain).await.is_err());
}

#[tokio::test]
async fn a_reload_is_followed_at_once_and_a_bad_one_not_at_all() {
    let stack = Stack::start(Node::default()).await;
    let mut kept = stack.connect(None).await;
    assert_eq!(
        kept.get("/", &["X-Forwarded-For: a"])
            .await
            .unwrap()
            .seen()
            .header("x-forwarded-for"),
        ["a, 127.0.0.1"]
    );
    let preserving = Node {
        attributes: "\"routing.http.xff_header_processing.mode\" = \"preserve\"",
        ..Node::default()
    };
    stack.reload(&preserving).unwrap();
    let mut new = stack.connect(None).await;
    for connection in [&mut kept, &mut new] {
        let seen = connection.get("/", &["X-Forwarded-For: a"]).await.unwrap().seen();
        assert_eq!(seen.header("x-forwarded-for"), ["a"]);
    }

    let broken = stack.reload(&Node {
        mutual_authentication: "mode = \"verify\"\ntrust_store = \"missing.pem\"",
        ..preserving.clone()
    });
    assert!(broken.unwrap_err().contains("missing.pem"));
    let moved = node(&preserving, &[stack.target.address]).replacen("127.0.0.1:0", "127.0.0.1:1", 1);
    let moved = stack
        .edge
        .control
        .reload(plan(&stack.pki, &moved).unwrap())
        .unwrap_err();
    assert!(
        moved.to_string().contains("listener public") && moved.to_string().contains("restart"),
        "{moved}"
    );
    let seen = kept.get("/", &["X-Forwarded-For: a"]).await.unwrap().seen();
    assert_eq!(seen.header("x-forwarded-for"), ["a"]);
}

#[tokio::test]
async fn a_reload_that_revokes_a_certificate_closes_its_connections() {
    let stack = Stack::start(VERIFY_WITH_LISTS).await;
    let (alice, bob) = (stack.pki.client("alice"), stack.pki.client("bob"));
    let mut good = stack.connect(Some(&Identity::of(&alice))).await;
    let mut bad = stack.connect(Some(&Identity::of(&bob))).await;
    for connection in [&mut good, &mut bad] {
        assert_eq!(connection.get("/", &[]).await.unwrap().status, 200);
    }
    stack.pki.revoke(&[&bob]);
    stack.reload(&VERIFY_WITH_LISTS).unwrap();
    assert_eq!(bad.rest().await, b"");
    assert_eq!(good.get("/", &[]).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_reload_that_asks_for_certificates_closes_connections_without() {
    let stack = Stack::start(Node::default()).await;
    let mut before = stack.connect(None).await;
    assert_eq!(before.get("/", &[]).await.unwrap().status, 200);
    stack.reload(&VERIFY).unwrap();
    assert_eq!(before.rest().await, b"");
    assert_refused(stack.edge.public, tls_config(None, BOTH_VERSIONS, &[])).await;
}

#[tokio::test]
async fn a_connection_ends_with_its_certificate() {
    let stack = Stack::start(VERIFY).await;
    let brief = Leaf::client("brief").validity(Validity::seconds(4));
    let brief = Identity::of(&stack.pki.clients.issue(brief).unwrap());
    let mut connection = stack.connect(Some(&brief)).await;
    assert_eq!(connection.get("/", &[]).await.unwrap().status, 200);
    // No further request: the edge closes it by itself, long before the idle timeout.
    let rest = tokio::time::timeout(Duration::from_secs(30), connection.rest());
    assert_eq!(rest.await.unwrap(), b"");
    assert_refused(stack.edge.public, tls_config(Some(&brief), BOTH_VERSIONS, &[])).await;
}

#[tokio::test]
async fn two_edges_run_in_one_process() {
    let (one, other) = (
        Stack::start(Node::default()).await,
        Stack::start(PASSTHROUGH).await,
    );
    for stack in [&one, &other] {
        assert_eq!(stack.connect(None).await.get("/", &[]).await.unwrap().status, 200);
    }
    assert_ne!(one.edge.public, other.edge.public);
    let _: &Running = &one.edge;
}
