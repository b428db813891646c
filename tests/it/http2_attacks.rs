//! What HTTP/2 can write and HTTP/1.1 cannot: frames made by hand, as no library would make them. None of it becomes a
//! second request, another path or another header behind a door.

use std::time::Duration;

use harness::client::{Client, Stream};
use harness::stack::Stack;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::hop_trust::HEADER;

const PATIENCE: Duration = Duration::from_secs(30);
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// RFC 9113 §4.1.
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags, 0, 0, 0, stream]);
    frame.extend(payload);
    frame
}

/// A field, literally, without an index (RFC 7541 §6.2.2).
fn field(block: &mut Vec<u8>, name: &str, value: &str) {
    block.push(0);
    for text in [name, value] {
        // §5.1: seven bits, then groups of seven.
        let mut left = text.len();
        if left < 127 {
            block.push(u8::try_from(left).unwrap());
        } else {
            block.push(127);
            left -= 127;
            while left >= 128 {
                block.push(u8::try_from(left % 128 + 128).unwrap());
                left /= 128;
            }
            block.push(u8::try_from(left).unwrap());
        }
        block.extend(text.bytes());
    }
}

/// What a stream comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// 200.
    Served,
    /// Another answer, no answer, or the end of the connection.
    Refused,
}

async fn end_of(mut stream: Box<dyn Stream>) -> End {
    let mut head = [0; 9];
    loop {
        if stream.read_exact(&mut head).await.is_err() {
            return End::Refused;
        }
        let mut payload =
            vec![0; usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2])];
        if stream.read_exact(&mut payload).await.is_err() {
            return End::Refused;
        }
        match head[3] {
            // RFC 7541, appendix A: 8 is `:status: 200`.
            HEADERS if payload.first() == Some(&0x88) => return End::Served,
            HEADERS | RST_STREAM | GOAWAY => return End::Refused,
            _ => {}
        }
    }
}

/// Sends these fields as the one request of a connection, with a body if there is one.
async fn send(client: &Client, fields: &[(&str, &str)], body: &str) -> End {
    let mut block = Vec::new();
    for (name, value) in fields {
        field(&mut block, name, value);
    }
    let ends = if body.is_empty() { END_STREAM } else { 0 };
    let mut bytes = PREFACE.to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, &[]));
    bytes.extend(frame(HEADERS, END_HEADERS | ends, 1, &block));
    if !body.is_empty() {
        bytes.extend(frame(DATA, END_STREAM, 1, body.as_bytes()));
    }
    let mut stream = client.clone().over_http2().stream().await.unwrap();
    stream.write_all(&bytes).await.unwrap();
    timeout(PATIENCE, end_of(stream)).await.expect("an end")
}

const GET: [(&str, &str); 4] = [
    (":method", "GET"),
    (":scheme", "https"),
    (":authority", "edge.test"),
    (":path", "/public"),
];

/// The fields of an ordinary request with one put in the place of its namesake, or behind them.
fn with<'f>(name: &'f str, value: &'f str) -> Vec<(&'f str, &'f str)> {
    let mut fields = GET.to_vec();
    match fields.iter_mut().find(|(known, _)| *known == name) {
        Some(field) => field.1 = value,
        None => fields.push((name, value)),
    }
    fields
}

fn and<'f>(mut fields: Vec<(&'f str, &'f str)>, more: (&'f str, &'f str)) -> Vec<(&'f str, &'f str)> {
    fields.push(more);
    fields
}

#[tokio::test]
async fn frames_made_by_hand_open_nothing() {
    let stack = Stack::with("hop.yaml").start().await;
    let forged = stack.clientcert_header("alice");
    let smuggled = format!("GET /mtls/smuggled HTTP/1.1\r\nHost: a\r\n{HEADER}: {forged}\r\n\r\n");
    let in_value = format!("b\r\n\r\n{smuggled}");
    let in_path = format!("/public HTTP/1.1\r\nHost: a\r\n\r\n{smuggled}");
    let after_end = format!("0\r\n\r\n{smuggled}");
    let length = after_end.len().to_string();
    let post = |name, value| and(and(GET.to_vec(), ("content-type", "text/plain")), (name, value));
    #[rustfmt::skip]
    let rows = [
        ("innocent", GET.to_vec(), "", End::Served),
        ("innocent: a body", post("content-length", &length), &*after_end, End::Served),
        ("innocent: a long field", and(GET.to_vec(), ("x-long", &forged)), "", End::Served),
        ("a length that the body exceeds", post("content-length", "0"), &after_end, End::Refused),
        ("a length that the body does not reach", post("content-length", "99999"), &after_end, End::Refused),
        ("two lengths", and(post("content-length", &length), ("content-length", "0")), &after_end, End::Refused),
        ("a transfer coding", post("transfer-encoding", "chunked"), &after_end, End::Refused),
        ("a connection", and(GET.to_vec(), ("connection", "x-forwarded-for")), "", End::Refused),
        ("keep-alive", and(GET.to_vec(), ("keep-alive", "1")), "", End::Refused),
        ("an upgrade", and(GET.to_vec(), ("upgrade", "websocket")), "", End::Refused),
        ("lines in a value", and(GET.to_vec(), ("x-a", &in_value)), "", End::Refused),
        ("a NUL in a value", and(GET.to_vec(), ("x-a", "b\0c")), "", End::Refused),
        ("lines in a name", and(GET.to_vec(), ("x-a: b\r\nx-consumer-username", "c")), "", End::Refused),
        ("a colon in a name", and(GET.to_vec(), ("x-a:", "b")), "", End::Refused),
        ("a space in a name", and(GET.to_vec(), ("x-a ", "b")), "", End::Refused),
        ("capitals in a name", and(GET.to_vec(), ("X-A", "b")), "", End::Refused),
        ("lines in the path", with(":path", &in_path), "", End::Refused),
        ("a space in the path", with(":path", "/public /mtls"), "", End::Refused),
        ("a path that is none", with(":path", "public"), "", End::Refused),
        ("an empty path", with(":path", ""), "", End::Refused),
        ("lines in the method", with(":method", "GET /mtls HTTP/1.1\r\nX-A: b\r\n\r\nGET"), "", End::Refused),
        ("lines in the authority", with(":authority", "a\r\nX-Consumer-Username: mallet"), "", End::Refused),
        ("credentials in the authority", with(":authority", "user@edge.test"), "", End::Refused),
        ("two paths", and(GET.to_vec(), (":path", "/mtls")), "", End::Refused),
        ("two authorities", and(GET.to_vec(), (":authority", "a")), "", End::Refused),
        ("a pseudo-header behind a header", and(with("x-a", "b"), (":path", "/mtls")), "", End::Refused),
        ("a pseudo-header of an answer", and(GET.to_vec(), (":status", "200")), "", End::Refused),
        ("a pseudo-header of nobody", and(GET.to_vec(), (":admin", "1")), "", End::Refused),
        ("no path", GET[..3].to_vec(), "", End::Refused),
        ("a tunnel", vec![(":method", "CONNECT"), (":authority", "edge.test:443")], "", End::Refused),
        ("a tunnel for a websocket", and(with(":method", "CONNECT"), (":protocol", "websocket")), "", End::Refused),
    ];
    for client in [stack.edge("public"), stack.gateway(), stack.edge("passed")] {
        for (number, (what, fields, body, end)) in rows.iter().enumerate() {
            // A path of its own: what was given up may reach the upstream late.
            let own = format!("/{number}/{}", client.address().port());
            let path = format!("/public{own}");
            let fields: Vec<(&str, &str)> = fields
                .iter()
                .map(|&(name, value)| match (name, value) {
                    (":path", "/public") => (name, path.as_str()),
                    other => other,
                })
                .collect();
            let found = send(&client, &fields, body).await;
            let situation = format!("{what} at {}", client.address());
            assert_eq!(found, *end, "{situation}");
            let paths = stack.upstream.requests();
            let paths: Vec<&str> = paths
                .iter()
                .filter_map(|request| request["path"].as_str())
                .collect();
            let reached = paths.iter().filter(|path| **path == own).count();
            // Where it is the body that is wrong the upstream may have heard of the request.
            let most = usize::from(*end == End::Served || !body.is_empty());
            assert!(reached <= most, "{situation}: {reached} requests");
            let strange = paths
                .iter()
                .find(|path| path.contains("smuggled") || path.split('/').count() != 3);
            assert_eq!(strange, None, "{situation}");
        }
    }
}

/// `Host` beside `:authority` is dropped, not a second opinion.
#[tokio::test]
async fn host_is_no_second_authority() {
    let stack = Stack::with("answers.yaml").start().await;
    for client in [stack.edge("public"), stack.gateway()] {
        let client = client.over_http2().host("one.test");
        let echo = client.get("/whole").header("Host", "two.test").await;
        let host = echo.received("host").unwrap();
        assert!(host.starts_with("one.test"), "{host}");
        assert!(!echo.text().contains("two.test"), "{}", echo.text());
    }
}

/// HTTP/2 is spoken where TLS has agreed on it, and nowhere else.
#[tokio::test]
async fn plain_listeners_do_not_speak_it() {
    let stack = Stack::with("hop.yaml").start().await;
    for client in [stack.edge("plain"), stack.gateway_http()] {
        let mut bytes = PREFACE.to_vec();
        bytes.extend(frame(SETTINGS, 0, 0, &[]));
        let answer = client.raw(&bytes).await.unwrap();
        assert!(!answer.contains(" 200 ") && !answer.contains(" 101 "), "{answer}");
        let upgrade = "GET /public HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\n\
                       HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n";
        let answer = client.raw(upgrade.as_bytes()).await.unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 200 "),
            "an ordinary request: {answer}"
        );
    }
}
