//! A body that was read, and changed, is framed once: what is behind it on its connection stays what it is, on both sides.

use std::time::Duration;

use harness::issuer::Issuer;
use harness::stack::{Stack, eventually};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::bearer_tokens::plan;
use crate::streams::{read_to_the_end, read_until};

const FORM: &str = "content-type: application/x-www-form-urlencoded";

async fn hiding(fields: &str) -> (Issuer, Stack) {
    let issuer = Issuer::start(1);
    let fields = format!(
        "consumer_claim: [azp]; hide_credentials: true; upstream_access_token_header: null; {fields}"
    );
    let stack = plan(&issuer, &fields, "").start().await;
    eventually("the provider's keys", async || {
        let token = issuer.token(&json!({}));
        let call = stack.gateway_http().get("/orders");
        let answer = call.header("authorization", &format!("Bearer {token}")).await;
        (answer.status == 200).then_some(())
    })
    .await;
    (issuer, stack)
}

fn chunk(content: &str) -> String {
    format!("{:x}\r\n{content}\r\n", content.len())
}

fn statuses(text: &str) -> Vec<&str> {
    text.match_indices("HTTP/1.1 ")
        .filter_map(|(at, found)| text.get(at + found.len()..at + found.len() + 3))
        .filter(|status| status.bytes().all(|byte| byte.is_ascii_digit()))
        .collect()
}

/// Everything that comes back until nothing does.
async fn exchange(stack: &Stack, octets: &str) -> String {
    let mut stream = stack.gateway_http().stream().await.unwrap();
    stream.write_all(octets.as_bytes()).await.unwrap();
    let mut all = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(Ok(read @ 1..)) = timeout(Duration::from_secs(3), stream.read(&mut piece)).await {
        all.extend_from_slice(&piece[..read]);
    }
    String::from_utf8_lossy(&all).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_lost_a_field_ends_where_it_ends() {
    let (issuer, stack) = hiding("leeway: 0").await;
    let token = issuer.token(&json!({}));
    let smuggled = "GET /orders/smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n";
    let own = format!(
        "GET /orders/own HTTP/1.1\r\nHost: a.test\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    );
    let form = format!("a=1&access_token={token}&b=2");
    // What would be left on the wire if the old length were kept, or the new one taken for the old.
    let padded = format!("access_token={token}&x={smuggled}");
    let whole = |body: &str| format!("content-length: {}", body.len());
    let chunks = |body: &str| format!("{}0\r\n\r\n", chunk(body));
    let trailers = |body: &str| {
        format!(
            "{}0\r\naccess_token: {token}\r\ncontent-length: 3\r\n\r\n",
            chunk(body)
        )
    };
    let long = format!("{form}&c={}", "x".repeat(40_000));
    for (number, (row, lines, body, left, answers)) in table! {
        ("a length", whole(&form), form.clone(), "a=1&b=2", vec!["200", "200"]);
        ("chunks", "transfer-encoding: chunked".to_owned(), chunks(&form), "a=1&b=2", vec!["200", "200"]);
        ("chunks with trailers", "transfer-encoding: chunked\r\ntrailer: access_token".to_owned(), trailers(&form), "a=1&b=2", vec!["200", "200"]);
        ("a request within", whole(&padded), padded.clone(), &*format!("x={smuggled}"), vec!["200", "200"]);
        ("a request within, in chunks", "transfer-encoding: chunked".to_owned(), chunks(&padded), &*format!("x={smuggled}"), vec!["200", "200"]);
        ("the length named away", format!("connection: content-length\r\n{}", whole(&form)), form.clone(), "a=1&b=2", vec!["200", "200"]);
        ("asked to go on", format!("expect: 100-continue\r\n{}", whole(&form)), form.clone(), "a=1&b=2", vec!["100", "200", "200"]);
        ("nothing left", whole(&format!("access_token={token}")), format!("access_token={token}"), "", vec!["200", "200"]);
        // Nobody reads the rest, so nothing behind it is a request.
        ("too long", whole(&long), long.clone(), "", vec!["401"]);
        ("chunks and a length", format!("transfer-encoding: chunked\r\ncontent-length: {}", chunks(&padded).len()), chunks(&padded), &*format!("x={smuggled}"), vec!["200"]);
    }
    .into_iter()
    .enumerate()
    {
        let head = format!("POST /orders/{number} HTTP/1.1\r\nHost: a.test\r\n{FORM}\r\n{lines}\r\n\r\n");
        let answer = exchange(&stack, &format!("{head}{body}{own}")).await;
        assert_eq!(statuses(&answer), answers, "{row}: {answer}");
        let told = format!("\"body\": {}", json!(left));
        assert!(answer.contains("401 ") || answer.contains(&told), "{row}: {answer}");
        assert_eq!(answer.matches(&token).count(), 0, "{row}: {answer}");
    }
    let requests = stack.upstream.requests();
    assert!(
        requests.iter().all(|request| request["path"] != "/smuggled"),
        "{requests:?}"
    );
}

/// Whoever stops in the middle is told so; what he sends afterwards is neither the rest nor another request.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_a_request_behind_a_body_that_was_given_up() {
    let (issuer, stack) = hiding("leeway: 0").await;
    let token = issuer.token(&json!({}));
    let own = format!("GET /orders/own HTTP/1.1\r\nHost: a.test\r\nAuthorization: Bearer {token}\r\n\r\n");
    let head = format!("POST /orders HTTP/1.1\r\nHost: a.test\r\n{FORM}\r\n");
    let before = stack.upstream.count();
    let given_up = async |framing: &str| {
        let mut stream = stack.gateway_http().stream().await.unwrap();
        let begun = format!("{head}{framing}");
        stream.write_all(begun.as_bytes()).await.unwrap();
        let answer = read_until(&mut *stream, "\r\n\r\n").await;
        assert_eq!(statuses(&answer), ["408"], "{answer}");
        let _ = stream.write_all(own.as_bytes()).await;
        let rest = read_to_the_end(&mut *stream).await;
        assert!(statuses(&rest).is_empty(), "{rest}");
    };
    tokio::join!(
        given_up("content-length: 1000\r\n\r\naccess_token="),
        given_up("transfer-encoding: chunked\r\n\r\n5\r\nacces\r\n"),
        given_up("transfer-encoding: chunked\r\n\r\n5\r\nac"),
    );
    assert_eq!(stack.upstream.count(), before);
}
