//! One request stays one request, whatever its framing says. What the attacker wants read as a request of the trusted
//! hop carries a certificate header; if a tier reads it as a request at all, it is the client's own, and stripped.

use std::ops::RangeInclusive;

use harness::client::Client;
use harness::stack::Stack;

/// What each row tries to smuggle: it would be let in if it came from the edge.
fn smuggled(stack: &Stack) -> String {
    let header = stack.clientcert_header("alice");
    format!(
        "GET /mtls/smuggled HTTP/1.1\r\nHost: edge.test\r\nX-Amzn-Mtls-Clientcert: {header}\r\nConnection: close\r\n\r\n"
    )
}

/// A chunk, as it should be.
fn chunk(content: &str) -> String {
    format!("{:x}\r\n{content}\r\n", content.len())
}

/// The status of every answer in what came back.
fn statuses(text: &str) -> Vec<&str> {
    text.match_indices("HTTP/1.1 ")
        .filter_map(|(at, found)| text.get(at + found.len()..at + found.len() + 3))
        .filter(|status| status.bytes().all(|byte| byte.is_ascii_digit()))
        .collect()
}

/// What is sent behind `POST /public HTTP/1.1` and `Host`, the statuses of the answers, and how many requests reach the
/// upstream.
struct Row {
    what: &'static str,
    lines: Vec<String>,
    body: String,
    answers: &'static [&'static str],
    upstream: RangeInclusive<usize>,
}

type Outcome = (&'static [&'static str], RangeInclusive<usize>);

fn row(what: &'static str, lines: &[&str], body: String, (answers, upstream): Outcome) -> Row {
    Row {
        what,
        lines: lines.iter().map(ToString::to_string).collect(),
        body,
        answers,
        upstream,
    }
}

#[rustfmt::skip]
fn rows(smuggled: &str) -> Vec<Row> {
    let whole = format!("Content-Length: {}", smuggled.len());
    let after_end = format!("0\r\n\r\n{smuggled}");
    let over_end = format!("Content-Length: {}", after_end.len());
    let chunked = || format!("{}0\r\n\r\n", chunk(smuggled));
    let one = || -> Outcome { (&["200"], 1..=1) };
    let refused = || -> Outcome { (&["400"], 0..=0) };
    // Found out in the middle of the body: the upstream may have heard of the request, and has not got it whole.
    let broken = || -> Outcome { (&["400"], 0..=1) };
    // The second is a request of the client's own, and has no certificate.
    let two = || -> Outcome { (&["200", "401"], 1..=1) };
    vec![
        row("innocent: a length", &[&whole, "Connection: close"], smuggled.to_owned(), one()),
        row("innocent: chunks", &["Transfer-Encoding: chunked", "Connection: close"], chunked(), one()),
        row("innocent: two requests", &["Content-Length: 0"], smuggled.to_owned(), two()),
        // Chunks count, and the connection carries nothing more.
        row("length and chunks, the length longer", &[&over_end, "Transfer-Encoding: chunked"], after_end.clone(), one()),
        row("chunks and length, the length longer", &["Transfer-Encoding: chunked", &over_end], after_end.clone(), one()),
        row("chunks and length, the length shorter", &["Transfer-Encoding: chunked", "Content-Length: 4", "Connection: close"], chunked(), one()),
        row("length and chunks, the length shorter", &["Content-Length: 4", "Transfer-Encoding: chunked", "Connection: close"], chunked(), one()),
        row("two lengths", &[&whole, "Content-Length: 0"], smuggled.to_owned(), refused()),
        row("two lengths in one line", &[&format!("{whole}, 0")], smuggled.to_owned(), refused()),
        row("one length twice", &[&whole, &whole, "Connection: close"], smuggled.to_owned(), one()),
        row("a length with a sign", &["Content-Length: +0"], smuggled.to_owned(), refused()),
        row("a negative length", &["Content-Length: -1"], smuggled.to_owned(), refused()),
        row("a length in hex", &["Content-Length: 0x10"], smuggled.to_owned(), refused()),
        row("a length beyond all numbers", &["Content-Length: 18446744073709551616"], smuggled.to_owned(), refused()),
        row("a length that is none", &["Content-Length: 1 0"], smuggled.to_owned(), refused()),
        row("an empty length", &["Content-Length:"], smuggled.to_owned(), refused()),
        row("a coding that nobody knows", &["Transfer-Encoding: xchunked", &over_end], after_end.clone(), refused()),
        row("chunked, but not last", &["Transfer-Encoding: chunked, identity", &over_end], after_end.clone(), refused()),
        row("chunked in quotes", &["Transfer-Encoding: \"chunked\"", &over_end], after_end.clone(), refused()),
        row("a space before the colon", &["Transfer-Encoding : chunked", &over_end], after_end.clone(), refused()),
        row("a space before the name", &["X-A: b", " Transfer-Encoding: chunked", &over_end], after_end.clone(), refused()),
        row("a folded line", &["X-A: b,", "\tTransfer-Encoding: chunked", &over_end], after_end.clone(), refused()),
        row("a vertical tab", &["Transfer-Encoding:\u{b}chunked", &over_end], after_end.clone(), refused()),
        row("a NUL", &["Transfer-Encoding: chunked\0", &over_end], after_end.clone(), refused()),
        row("a name without a colon", &["Transfer-Encoding", &over_end], after_end.clone(), refused()),
        row("an empty name", &[": chunked", &over_end], after_end.clone(), refused()),
        row("a look-alike", &["Transfer_Encoding: chunked", &whole, "Connection: close"], smuggled.to_owned(), one()),
        row("a chunk with a sign", &["Transfer-Encoding: chunked"], format!("+0\r\n\r\n{smuggled}"), broken()),
        row("a chunk in C's hex", &["Transfer-Encoding: chunked"], format!("0x0\r\n\r\n{smuggled}"), broken()),
        row("a chunk of no size", &["Transfer-Encoding: chunked"], format!("\r\n\r\n{smuggled}"), broken()),
        row("a chunk beyond all numbers", &["Transfer-Encoding: chunked"], format!("10000000000000000\r\n\r\n{smuggled}"), broken()),
        row("a chunk with more in it", &["Transfer-Encoding: chunked"], format!("1\r\nab\r\n0\r\n\r\n{smuggled}"), broken()),
        row("a chunk whose size ends with a line feed", &["Transfer-Encoding: chunked"], format!("1\na\r\n0\r\n\r\n{smuggled}"), broken()),
        row("a line feed in a chunk's extension", &["Transfer-Encoding: chunked"], format!("1;a\nb\r\na\r\n0\r\n\r\n{smuggled}"), broken()),
        row("an extension in quotes", &["Transfer-Encoding: chunked", "Connection: close"], format!("1;a=\"b\"\r\na\r\n0\r\n\r\n{smuggled}"), one()),
        row("an upgrade that is not granted", &["Connection: Upgrade", "Upgrade: websocket", "Content-Length: 0"], smuggled.to_owned(), two()),
        row("expecting to go on", &["Expect: 100-continue", &whole, "Connection: close"], smuggled.to_owned(), (&["100", "200"], 1..=1)),
        row("a carriage return in a line", &["X-A: b\rTransfer-Encoding: chunked", &over_end], after_end.clone(), refused()),
    ]
}

async fn send(client: &Client, path: &str, row: &Row) -> String {
    let request = format!(
        "POST /public{path} HTTP/1.1\r\nHost: edge.test\r\n{}\r\n\r\n{}",
        row.lines.join("\r\n"),
        row.body
    );
    client.raw(request.as_bytes()).await.unwrap()
}

/// How many requests for a path the upstream has seen.
fn seen(stack: &Stack, path: &str) -> usize {
    let requests = stack.upstream.requests();
    requests.iter().filter(|request| request["path"] == path).count()
}

#[tokio::test]
async fn a_request_is_framed_once() {
    let stack = Stack::with("hop.yaml").start().await;
    let smuggled = smuggled(&stack);
    for (number, row) in rows(&smuggled).iter().enumerate() {
        for client in [
            stack.edge("public"),
            stack.edge("plain"),
            stack.edge("passed"),
            stack.gateway_http(),
        ] {
            // A path of its own: what was given up may reach the upstream late.
            let path = format!("/{number}/{}", client.address().port());
            let answer = send(&client, &path, row).await;
            let situation = format!("{} at {}", row.what, client.address());
            assert_eq!(statuses(&answer), row.answers, "{situation}: {answer}");
            let reached = seen(&stack, &path);
            assert!(row.upstream.contains(&reached), "{situation}: {reached} requests");
            assert_eq!(seen(&stack, "/smuggled"), 0, "{situation}");
        }
    }
    let innocent = stack.edge("public").cert("alice").get("/mtls/smuggled").await;
    assert_eq!(
        (innocent.status.as_u16(), seen(&stack, "/smuggled")),
        (200, 1),
        "it would have been seen"
    );
}
