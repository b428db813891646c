//! Bodies pass while they are made, in both directions; WebSockets are tunnelled.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use harness::client::{Client, Stream};
use harness::stack::Stack;
use http::Method;
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(30);

/// Reads until `end` has come.
pub(crate) async fn read_until(stream: &mut dyn Stream, end: &str) -> String {
    let mut text = String::new();
    while !text.contains(end) {
        let mut chunk = [0; 4096];
        let read = timeout(PATIENCE, stream.read(&mut chunk))
            .await
            .expect("something comes")
            .unwrap();
        assert_ne!(read, 0, "closed after {text:?}");
        text.push_str(&String::from_utf8_lossy(&chunk[..read]));
    }
    text
}

#[tokio::test]
async fn a_large_body_comes_back_whole() {
    let stack = Stack::with("hop.yaml").start().await;
    let large = Bytes::from(
        (0..24_u32 << 20)
            .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect::<Vec<_>>(),
    );
    for client in [
        stack.edge("public"),
        stack.edge("public").over_http2(),
        stack.edge("passed"),
        stack.gateway_http(),
    ] {
        let answer = client.post("/public/mirror", large.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (200, large.len()));
        assert!(answer.body == large);
    }
}

#[tokio::test]
async fn an_answer_begins_while_the_request_is_still_being_made() {
    let stack = Stack::with("hop.yaml").start().await;
    for client in [
        stack.edge("public"),
        stack.edge("public").cert("alice"),
        stack.gateway(),
    ] {
        let mut stream = client.stream().await.unwrap();
        let head = "POST /public/mirror HTTP/1.1\r\nHost: edge.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        let begin = read_until(&mut *stream, "first").await;
        assert!(begin.starts_with("HTTP/1.1 200 "), "{begin}");
        stream.write_all(b"6\r\nsecond\r\n0\r\n\r\n").await.unwrap();
        read_until(&mut *stream, "second").await;
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_taken_for_a_whole_one() {
    let stack = Stack::with("hop.yaml").start().await;
    for client in [stack.edge("public"), stack.edge("public").over_http2()] {
        let frames = [
            Ok(Frame::data(Bytes::from_static(b"half"))),
            Err(std::io::Error::other("gone")),
        ];
        let body = Frames(VecDeque::from(frames)).boxed();
        client
            .request(Method::POST, "/public/mirror")
            .body(body)
            .outcome()
            .await
            .unwrap_err();
    }
    assert_eq!(
        stack.edge("public").get("/public").await.status,
        200,
        "and the next request is served"
    );
}

/// Frames one after the other.
pub(crate) struct Frames(pub(crate) VecDeque<std::io::Result<Frame<Bytes>>>);

impl Body for Frames {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        Poll::Ready(self.0.pop_front())
    }
}

pub(crate) async fn open_websocket(client: &Client, path: &str) -> (Box<dyn Stream>, String) {
    open_websocket_with(client, path, "Accept: */*").await
}

/// The same, with a header line of the test's own.
pub(crate) async fn open_websocket_with(
    client: &Client,
    path: &str,
    header: &str,
) -> (Box<dyn Stream>, String) {
    let mut stream = client.stream().await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: edge.test\r\n{header}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let head = read_until(&mut *stream, "\r\n\r\n").await;
    (stream, head)
}

#[tokio::test]
async fn a_websocket_is_tunnelled_through_both_tiers() {
    let stack = Stack::with("hop.yaml").start().await;
    for (client, path) in [
        (stack.edge("public").cert("alice"), "/mtls"),
        (stack.edge("verify").cert("alice"), "/verify"),
        (stack.edge("passed").cert("alice"), "/direct"),
        (stack.edge("plain"), "/public"),
    ] {
        let (mut stream, head) = open_websocket(&client, path).await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{path}: {head}");
        let head = head.to_lowercase();
        assert!(
            head.contains("upgrade: websocket\r\n") && head.contains("s3pplmbitxaq9kygzzhzrbk+xoo="),
            "{head}"
        );
        for message in ["\u{81}ping", "and once more"] {
            stream.write_all(message.as_bytes()).await.unwrap();
            read_until(&mut *stream, message).await;
        }
    }
}

#[tokio::test]
async fn a_websocket_is_judged_like_any_request() {
    let stack = Stack::with("hop.yaml").start().await;
    for (client, path, status) in [
        (stack.edge("public"), "/mtls", "401"),
        (stack.edge("public").cert("bob"), "/mtls", "403"),
        (stack.gateway().cert("alice"), "/mtls", "401"),
    ] {
        let (_, head) = open_websocket(&client, path).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
    }
    assert_eq!(stack.upstream.count(), 0);
}

#[tokio::test]
async fn no_other_upgrade_is_offered_to_the_upstream() {
    let stack = Stack::with("hop.yaml").start().await;
    for token in ["h2c", "websocket, h2c", "TLS/1.3"] {
        for client in [stack.edge("public"), stack.gateway()] {
            let call = client
                .get("/public")
                .header("Connection", "Upgrade, HTTP2-Settings")
                .header("Upgrade", token);
            let echo = call.header("HTTP2-Settings", "AAMAAABkAAQAAP__").await;
            assert_eq!(echo.status, 200, "{token}");
            assert_eq!(
                (echo.received("upgrade"), echo.received("http2-settings")),
                (None, None),
                "{token}"
            );
        }
    }
}

/// Everything that comes until the other side closes.
pub(crate) async fn read_to_the_end(stream: &mut dyn Stream) -> String {
    let mut rest = Vec::new();
    // A reset is an end as well.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut rest))
        .await
        .expect("an end");
    String::from_utf8_lossy(&rest).into_owned()
}

/// A request whose answer has begun, and is not over: what is sent comes back.
pub(crate) async fn open_mirror(client: &Client, path: &str, header: &str) -> Box<dyn Stream> {
    let mut stream = client.stream().await.unwrap();
    let head = format!(
        "POST {path}/mirror HTTP/1.1\r\nHost: edge.test\r\n{header}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    read_until(&mut *stream, "first").await;
    stream
}

/// Nothing more comes of it.
pub(crate) async fn assert_cut_off(answer: &mut dyn Stream) {
    // It may have been cut off already; then there is nobody to take it.
    let _ = answer.write_all(b"6\r\nsecond\r\n").await;
    let rest = read_to_the_end(answer).await;
    assert!(!rest.contains("second"), "{rest}");
}

/// More comes of it.
pub(crate) async fn assert_goes_on(answer: &mut dyn Stream) {
    answer.write_all(b"6\r\nsecond\r\n").await.unwrap();
    read_until(answer, "second").await;
}

#[tokio::test]
async fn what_a_revoked_client_has_open_is_cut_off_and_what_others_have_is_not() {
    let plan = Stack::with("hop.yaml").gateway("stream_close_delay", "0s");
    let stack = plan.start().await;
    let alices = [
        (stack.edge("public").cert("alice"), "/mtls"),
        (stack.gateway().cert("alice"), "/direct"),
    ];
    let mut answers = Vec::new();
    let mut tunnels = Vec::new();
    for (client, path) in &alices {
        answers.push(open_mirror(client, path, "Accept: */*").await);
        tunnels.push(open_websocket(client, path).await.0);
    }
    let (mut bobs, head) = open_websocket(&stack.edge("public").cert("bob"), "/anonymous").await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");

    stack.pki.revoke("alice").unwrap();
    stack.reload_gateway().await;
    for mut answer in answers {
        assert_cut_off(&mut *answer).await;
    }
    for mut tunnel in tunnels {
        read_to_the_end(&mut *tunnel).await;
    }
    bobs.write_all(b"still here").await.unwrap();
    read_until(&mut *bobs, "still here").await;
}
