//! What is open rests on a token as it rests on a certificate: it ends with the token, with its key, and with a
//! configuration that no longer admits it.

use harness::client::Client;
use harness::issuer::{Issuer, Signer, now};
use harness::stack::{Stack, eventually};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use crate::bearer_tokens::{plan, with_token};
use crate::streams::{open_websocket_with, read_to_the_end, read_until};

pub(crate) type Open = Box<dyn harness::client::Stream>;

/// An answer that is under way.
pub(crate) async fn answer(client: &Client, token: &str) -> Open {
    let mut stream = client.stream().await.unwrap();
    let head = format!(
        "POST /orders/mirror HTTP/1.1\r\nHost: a.test\r\nAuthorization: Bearer {token}\r\n\
         Transfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    read_until(&mut *stream, "first").await;
    stream
}

async fn tunnel(client: &Client, token: &str) -> Open {
    let header = format!("Authorization: Bearer {token}");
    let (stream, head) = open_websocket_with(client, "/orders", &header).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    stream
}

pub(crate) async fn goes_on(stream: &mut Open) {
    stream.write_all(b"6\r\nsecond\r\n").await.unwrap();
    read_until(&mut **stream, "second").await;
}

pub(crate) async fn is_cut_off(mut stream: Open) {
    let _ = stream.write_all(b"5\r\nthird\r\n").await;
    let rest = read_to_the_end(&mut *stream).await;
    assert!(!rest.contains("third"), "{rest}");
}

async fn started(issuer: &Issuer, fields: &str) -> Stack {
    let stack = plan(issuer, fields, "")
        .gateway("stream_close_delay", "0s")
        .start()
        .await;
    let first = with_token(&stack, &issuer.token(&json!({}))).await;
    assert_eq!(first.status, 200);
    stack
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_with_their_token() {
    let issuer = Issuer::start(1);
    let stack = started(&issuer, "consumer_claim: [azp]").await;
    let client = stack.gateway_http();
    let (short, long) = (issuer.token(&json!({"exp": now() + 3})), issuer.token(&json!({})));
    let (ending, mut closing) = (answer(&client, &short).await, tunnel(&client, &short).await);
    let mut lasting = [answer(&client, &long).await, tunnel(&client, &long).await];
    eventually("the end of the token", async || {
        let call = client.get("/orders");
        let call = call.header("authorization", &format!("Bearer {short}"));
        // An answer that is under way in that moment is cut off.
        let answer = call.outcome().await.ok()?;
        (answer.status == 401).then_some(())
    })
    .await;
    is_cut_off(ending).await;
    read_to_the_end(&mut *closing).await;
    for stream in &mut lasting {
        goes_on(stream).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_ends_what_it_no_longer_admits_and_nothing_else() {
    let issuer = Issuer::start(1);
    let stack = started(&issuer, "scopes_required: ['orders:read']").await;
    let client = stack.gateway_http();
    let (reader, writer) = (
        issuer.token(&json!({})),
        issuer.token(&json!({"scope": "orders:read orders:write"})),
    );
    let (ending, mut closing) = (answer(&client, &reader).await, tunnel(&client, &reader).await);
    let mut lasting = [answer(&client, &writer).await, tunnel(&client, &writer).await];
    stack.reload_gateway().await;
    stack.change("kong.yaml", "['orders:read']", "['orders:write']");
    stack.reload_gateway().await;
    is_cut_off(ending).await;
    read_to_the_end(&mut *closing).await;
    for stream in &mut lasting {
        goes_on(stream).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_key_ends_the_answers_that_rest_on_it() {
    let issuer = Issuer::start(1);
    let second = Signer::new("second");
    let stack = started(&issuer, "rediscovery_lifetime: 0").await;
    let client = stack.gateway_http();
    let ending = answer(&client, &issuer.token(&json!({}))).await;
    issuer.publish(&[second.jwk()]);
    let new = second.sign(&issuer.claims(&json!({})));
    assert_eq!(with_token(&stack, &new).await.status, 200);
    let mut lasting = answer(&client, &new).await;
    is_cut_off(ending).await;
    goes_on(&mut lasting).await;
}
