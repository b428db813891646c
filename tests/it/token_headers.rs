//! `upstream_access_token_header`: what the upstream finds there is a token that was verified, or nothing.

use harness::issuer::Issuer;
use http::Method;
use serde_json::json;

use crate::bearer_tokens::plan;

/// Fields, whether a token comes, and what the upstream finds under `x-token`.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_writes_where_verified_tokens_are_written_never_goes_on() {
    let issuer = Issuer::start(1);
    let token = issuer.token(&json!({}));
    let fields = "upstream_access_token_header: x-token:bearer; run_on_preflight: false; anonymous: guest";
    let stack = plan(&issuer, fields, "").start().await;
    let verified = format!("Bearer {token}");
    for (what, method, sent, expected) in table! {
        ("a good token", Method::GET, Some(verified.clone()), Some(verified.clone()));
        ("none", Method::GET, None, None);
        ("a bad one", Method::GET, Some("Bearer rubbish".to_owned()), None);
        ("a preflight", Method::OPTIONS, None, None);
    } {
        let mut call = stack.gateway_http().request(method, "/orders");
        for (name, value) in [
            ("x-token", "Bearer forged"),
            ("X_Token", "Bearer forged"),
            ("x.token", "forged"),
        ] {
            call = call.header(name, value);
        }
        if let Some(sent) = sent {
            call = call.header("authorization", &sent);
        }
        let answer = call.await;
        assert_eq!(answer.status, 200, "{what}");
        assert_eq!(answer.received("x-token"), expected, "{what}");
        assert!(!answer.text().contains("forged"), "{what}: {answer:?}");
    }
}

/// A plugin that stands back because somebody else was authenticated has verified no token.
#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_stands_back_lets_no_token_pass_for_verified() {
    let issuer = Issuer::start(1);
    let fields = "upstream_access_token_header: x-token; anonymous: guest";
    let stack = plan(&issuer, fields, "")
        .replace(
            "    - name: openid-connect",
            "    - name: key-auth\n      ordering: {before: {access: [openid-connect]}}\n    - name: openid-connect",
        )
        .replace(
            "- username: guest",
            "- username: guest\n- username: kate\n  keyauth_credentials: [{key: kates-key-is-long-enough}]",
        )
        .start()
        .await;
    let call = stack.gateway_http().get("/orders").header("x-token", "forged");
    let answer = call.header("apikey", "kates-key-is-long-enough").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.received("x-consumer-username").as_deref(), Some("kate"));
    assert_eq!(answer.received("x-token"), None, "{answer:?}");
}

/// `Authorization` is the client's, until there is a verified token to write there.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_token_goes_on_in_authorization() {
    let issuer = Issuer::start(1);
    let stack = plan(&issuer, "anonymous: guest", "").start().await;
    let call = stack.gateway_http().get("/orders");
    let answer = call.header("authorization", "Basic YTpi").await;
    assert_eq!(answer.received("authorization").as_deref(), Some("Basic YTpi"));
}
