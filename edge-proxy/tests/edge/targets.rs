//! Targets: whose turn it is, what they fail at, and what the client is told.

use std::net::SocketAddr;

use certs::{Authority, Leaf};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use crate::client;
use crate::stack::{Node, Pki, Running, Stack, node, plan};
use crate::target::Target;

const IMPATIENT: Node = Node {
    top: "",
    listener: "",
    mutual_authentication: "",
    attributes: "\"idle_timeout.timeout_seconds\" = 1",
    more: "",
};

/// An address that refuses connections.
async fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

async fn edge_before(pki: &Pki, targets: &[SocketAddr]) -> Running {
    Running::start(plan(pki, &node(&IMPATIENT, targets)).unwrap()).await
}

async fn status(edge: &Running, path: &str) -> u16 {
    let mut connection = client::tls(edge.public, None).await.unwrap();
    let answer = connection.get(path, &[]).await.unwrap();
    if answer.status >= 500 {
        assert_eq!(answer.header("content-type"), Some("text/html"));
        assert_eq!(answer.header("server"), None);
    }
    answer.status
}

#[tokio::test]
async fn targets_take_turns_and_one_that_refuses_is_passed_over() {
    let pki = Pki::new();
    let (one, other, gone) = (pki.target().await, pki.target().await, nobody().await);
    let edge = edge_before(&pki, &[one.address, gone, other.address]).await;
    for _ in 0..12 {
        assert_eq!(status(&edge, "/").await, 200);
    }
    let (one, other) = (one.requests(), other.requests());
    assert_eq!(one + other, 12);
    // The turns of the one that is gone are the next one's.
    assert_eq!((one, other), (4, 8));
}

#[tokio::test]
async fn what_a_target_fails_at_has_albs_code() {
    let pki = Pki::new();
    let target = pki.target().await;
    let stranger = Authority::root("Internal Root").unwrap();
    let misnamed = pki.internal.issue(Leaf::server("other.internal")).unwrap();
    let impostor = stranger.issue(Leaf::server("gateway.internal")).unwrap();
    let (misnamed, impostor) = (
        pki.target_showing(&misnamed).await,
        pki.target_showing(&impostor).await,
    );
    let plain = Target::start(None).await;
    for (address, path, expected) in [
        (target.address, "/", 200),
        (target.address, "/close", 502),
        (target.address, "/silent", 504),
        (nobody().await, "/", 502),
        (misnamed.address, "/", 502),
        (impostor.address, "/", 502),
        (plain.address, "/", 502),
    ] {
        let edge = edge_before(&pki, &[address]).await;
        assert_eq!(status(&edge, path).await, expected, "{path}");
    }
    assert_eq!(misnamed.requests() + impostor.requests() + plain.requests(), 0);

    let text = node(&IMPATIENT, &[target.address])
        .replace(&format!("\"{}\"", target.address), "\"no-such-host.invalid:1\"");
    let edge = Running::start(plan(&pki, &text).unwrap()).await;
    assert_eq!(status(&edge, "/").await, 503);
}

#[tokio::test]
async fn a_body_that_stalls_is_408() {
    let stack = Stack::start(IMPATIENT).await;
    let mut connection = stack.connect(None).await;
    let answer = connection
        .send("POST / HTTP/1.1\r\nHost: edge.test\r\nContent-Length: 10\r\n\r\nhalf")
        .await
        .unwrap();
    assert_eq!(answer.status, 408);
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let stack = Stack::start(IMPATIENT).await;
    let mut connection = stack.connect(None).await;
    assert_eq!(connection.get("/", &[]).await.unwrap().status, 200);
    assert_eq!(connection.rest().await, b"");
}

#[tokio::test]
async fn an_early_answer_passes_and_its_connection_is_not_used_again() {
    let stack = Stack::start(Node::default()).await;
    let mut connection = stack.connect(None).await;
    let answer = connection
        .send("POST /early HTTP/1.1\r\nHost: edge.test\r\nContent-Length: 10000000\r\n\r\nsome")
        .await
        .unwrap();
    assert_eq!((answer.status, &answer.body[..]), (413, &b"too much"[..]));
    let mut other = stack.connect(None).await;
    assert_eq!(other.get("/", &[]).await.unwrap().status, 200);
    assert_eq!(stack.target.connections(), 2);
}

#[tokio::test]
async fn trailers_of_answers_pass() {
    let stack = Stack::start(Node::default()).await;
    let answer = stack
        .connect(None)
        .await
        .get("/trailers", &["TE: trailers"])
        .await
        .unwrap();
    assert_eq!(answer.body, b"body");
    assert_eq!(answer.trailers, [("x-checksum".to_owned(), "42".to_owned())]);
}

#[tokio::test]
async fn an_answer_streams() {
    let stack = Stack::start(Node::default()).await;
    let mut connection = stack.connect(None).await;
    let request = "GET /stream HTTP/1.1\r\nHost: edge.test\r\n\r\n";
    connection.stream.write_all(request.as_bytes()).await.unwrap();
    // The first piece arrives while the target holds the second one back.
    let mut head = Vec::new();
    while !head.ends_with(b"first\r\n") {
        head.extend(connection.exactly(1).await.unwrap());
    }
    stack.target.open_gate(1);
    assert_eq!(connection.exactly(14).await.unwrap(), b"4\r\nlast\r\n0\r\n\r\n");
}
