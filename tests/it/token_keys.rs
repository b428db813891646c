//! The keys of a provider: fetched before they are needed, rotated, withdrawn, and kept while it cannot be reached.

use std::time::{Duration, Instant};

use harness::issuer::{Issuer, Signer};
use harness::stack::{Stack, eventually};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::bearer_tokens::{plan, with_token};

async fn status(stack: &Stack) -> Value {
    stack.status().get("/status").await.json()["providers"][0].clone()
}

/// Waits until the keys are known.
async fn known(stack: &Stack, keys: u64) {
    eventually("the provider's keys", async || {
        (status(stack).await["keys"] == keys).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_there_before_the_first_request() {
    let issuer = Issuer::start(1);
    let stack = plan(&issuer, "leeway: 0", "").start().await;
    known(&stack, 1).await;
    let asked = issuer.asked_for("/jwks");
    assert_eq!(with_token(&stack, &issuer.token(&json!({}))).await.status, 200);
    assert_eq!(issuer.asked_for("/jwks"), asked, "no request has waited for it");
    let status = status(&stack).await;
    assert_eq!(status["issuer"], issuer.url());
    assert!(
        status["error"].is_null() && status["since"].is_string(),
        "{status}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_key_is_asked_for_once_in_a_while() {
    let issuer = Issuer::start(1);
    let second = Signer::new("second");
    let stack = plan(&issuer, "rediscovery_lifetime: 1", "").start().await;
    known(&stack, 1).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    issuer.publish(&[issuer.signer.jwk(), second.jwk()]);
    let token = second.sign(&issuer.claims(&json!({})));
    assert_eq!(
        with_token(&stack, &token).await.status,
        200,
        "it waited for the new key"
    );
    assert_eq!(with_token(&stack, &issuer.token(&json!({}))).await.status, 200);

    // Whoever makes up names does not make calls.
    let stack = plan(&issuer, "rediscovery_lifetime: 60", "").start().await;
    known(&stack, 2).await;
    let asked = issuer.asked_for("/jwks");
    let mut flood = tokio::task::JoinSet::new();
    for number in 0..200 {
        let made_up = Signer::new(&format!("../../{number}' OR 1=1 --"));
        let token = made_up.sign(&issuer.claims(&json!({})));
        let call = stack.gateway_http().get("/orders");
        let call = call.header("authorization", &format!("Bearer {token}"));
        flood.spawn(async move { call.await.status.as_u16() });
    }
    assert!(flood.join_all().await.into_iter().all(|status| status == 401));
    assert_eq!(issuer.asked_for("/jwks"), asked);
    let good = with_token(&stack, &issuer.token(&json!({}))).await;
    assert_eq!(good.status, 200, "the others go on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_key_ends_what_is_remembered_of_its_tokens() {
    let issuer = Issuer::start(1);
    let second = Signer::new("second");
    let stack = plan(&issuer, "rediscovery_lifetime: 1", "").start().await;
    known(&stack, 1).await;
    let old = issuer.token(&json!({}));
    assert_eq!(with_token(&stack, &old).await.status, 200);
    issuer.publish(&[second.jwk()]);
    let new = second.sign(&issuer.claims(&json!({})));
    eventually("the second key", async || {
        (with_token(&stack, &new).await.status == 200).then_some(())
    })
    .await;
    let refused = with_token(&stack, &old).await;
    assert_eq!(refused.status, 401, "it was remembered, and its key is gone");
    assert_eq!(stack.reason_of(&refused).await, "token_untrusted");

    // An empty set is a word too.
    issuer.publish(&[]);
    stack.reload_gateway().await;
    eventually("the withdrawal", async || {
        (with_token(&stack, &new).await.status == 401).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_expires_is_refused_although_it_is_remembered() {
    let issuer = Issuer::start(1);
    let stack = plan(&issuer, "leeway: 0", "").start().await;
    known(&stack, 1).await;
    let token = issuer.token(&json!({"exp": harness::issuer::now() + 3}));
    assert_eq!(with_token(&stack, &token).await.status, 200);
    let refused = eventually("the end of the token", async || {
        let answer = with_token(&stack, &token).await;
        (answer.status == 401).then_some(answer)
    })
    .await;
    assert_eq!(stack.reason_of(&refused).await, "token_expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_good_keys_survive_outage_and_rubbish() {
    let mut issuer = Issuer::start(1);
    let stack = plan(&issuer, "rediscovery_lifetime: 1", "").start().await;
    known(&stack, 1).await;
    let many: Vec<Value> = (0..10_000)
        .map(|number| Signer::new(&number.to_string()))
        .take(1)
        .map(|signer| signer.jwk())
        .cycle()
        .take(10_000)
        .collect();
    let stranger = Signer::new("stranger");
    for (what, rubbish) in [
        ("no JSON", "<html>".to_owned()),
        ("no set", "{}".to_owned()),
        (
            "twice",
            format!(r#"{{"keys":[],"keys":[{}]}}"#, issuer.signer.jwk()),
        ),
        ("ten thousand keys", json!({ "keys": many }).to_string()),
        ("too long", "x".repeat(2 << 20)),
    ] {
        issuer.write("jwks", &rubbish);
        stack.reload_gateway().await;
        eventually(what, async || {
            // The unknown key makes it ask.
            let unknown = with_token(&stack, &stranger.sign(&issuer.claims(&json!({})))).await;
            assert!(
                unknown.status == 401 || unknown.status == 503,
                "{what}: {unknown:?}"
            );
            status(&stack).await["error"].is_string().then_some(())
        })
        .await;
        assert_eq!(status(&stack).await["keys"], 1, "{what}");
        assert_eq!(
            with_token(&stack, &issuer.token(&json!({}))).await.status,
            200,
            "{what}"
        );
        issuer.publish(&[issuer.signer.jwk()]);
        stack.reload_gateway().await;
        eventually("good keys", async || {
            status(&stack).await["error"].is_null().then_some(())
        })
        .await;
    }
    issuer.stop();
    stack.reload_gateway().await;
    eventually("the outage", async || {
        status(&stack).await["error"].is_string().then_some(())
    })
    .await;
    assert_eq!(
        with_token(&stack, &issuer.token(&json!({"jti": "1"})))
            .await
            .status,
        200
    );
    issuer.resume();
    eventually("the end of the outage", async || {
        status(&stack).await["error"].is_null().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_provider_the_start_succeeds_and_requests_are_503() {
    let mut issuer = Issuer::start(1);
    issuer.stop();
    // An anonymous consumer is for tokens that are not good. Of this one nobody can say so.
    let stack = plan(&issuer, "timeout: 1000; anonymous: guest", "").start().await;
    for _ in 0..3 {
        let refused = with_token(&stack, &issuer.token(&json!({}))).await;
        assert_eq!(refused.status, 503);
        assert_eq!(stack.reason_of(&refused).await, "provider_unreachable");
    }
    assert_eq!(stack.gateway_http().get("/orders").await.status, 200);
    assert!(status(&stack).await["error"].is_string());
    assert_eq!(stack.status().get("/status/ready").await.status, 200);
    issuer.resume();
    eventually("the provider's keys", async || {
        let answer = with_token(&stack, &issuer.token(&json!({}))).await;
        (answer.status == 200).then_some(())
    })
    .await;
}

/// What the provider says of itself, and whether it is believed.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_speaks_for_others_is_not_believed() {
    let mut issuer = Issuer::start(1);
    let url = issuer.url();
    for (what, document, believed) in [
        ("itself", json!({}), true),
        ("with a slash", json!({"issuer": format!("{url}/")}), true),
        ("another issuer", json!({"issuer": "https://evil.test"}), false),
        ("no issuer", json!({"issuer": null}), false),
        (
            "keys without TLS",
            json!({"jwks_uri": "http://127.0.0.1:1/jwks"}),
            false,
        ),
        ("keys in a file", json!({"jwks_uri": "file:///etc/passwd"}), false),
        ("keys nowhere", json!({"jwks_uri": format!("{url}/none")}), false),
    ] {
        issuer.describe(&document);
        let stack = plan(&issuer, "timeout: 2000", "").start().await;
        let claims = issuer.claims(&json!({}));
        let mut own = claims.clone();
        own["iss"] = document
            .get("issuer")
            .cloned()
            .unwrap_or_else(|| claims["iss"].clone());
        let answer = with_token(&stack, &issuer.signer.sign(&own)).await;
        assert_eq!(
            answer.status.as_u16() == 200,
            believed,
            "{what}: {answer:?} {}",
            status(&stack).await
        );
    }
    // With a list of issuers it does not matter what the document calls itself, and its own name does not count.
    issuer.describe(&json!({"issuer": "https://common.test/{tenant}"}));
    let stack = plan(&issuer, &format!("issuers_allowed: ['{url}']"), "")
        .start()
        .await;
    assert_eq!(with_token(&stack, &issuer.token(&json!({}))).await.status, 200);

    issuer.describe(&json!({}));
    issuer.stop();
    issuer.write("moved", &format!("{url}/elsewhere$uri"));
    issuer.resume();
    let stack = plan(&issuer, "timeout: 2000", "").start().await;
    assert_eq!(with_token(&stack, &issuer.token(&json!({}))).await.status, 503);
    let error = status(&stack).await["error"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert!(error.contains("302"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_never_answers_costs_no_more_than_its_timeout() {
    let issuer = Issuer::start(1);
    // It takes connections, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok(accepted) = silent.accept().await {
            held.push(accepted);
        }
    });
    let text = plan(&issuer, "timeout: 1000", "").replace(&issuer.url(), &format!("http://{address}"));
    let stack = text.start().await;
    let began = Instant::now();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let call = stack.gateway_http().get("/orders");
        let call = call.header("authorization", &format!("Bearer {}", issuer.token(&json!({}))));
        calls.spawn(async move { call.await.status.as_u16() });
    }
    assert!(calls.join_all().await.into_iter().all(|status| status == 503));
    let took = began.elapsed();
    assert!(took < Duration::from_secs(12), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_can_come_without_discovery() {
    let issuer = Issuer::start(1);
    let (url, other) = (issuer.url(), Signer::new("other"));
    issuer.write("more", &json!({"keys": [other.jwk()]}).to_string());
    issuer.describe(&json!({"issuer": "https://evil.test"}));
    let fields =
        format!("using_pseudo_issuer: true; jwks_endpoint: {url}/jwks; extra_jwks_uris: ['{url}/more']");
    let stack = plan(&issuer, &fields, "").start().await;
    for token in [issuer.token(&json!({})), other.sign(&issuer.claims(&json!({})))] {
        assert_eq!(with_token(&stack, &token).await.status, 200);
    }
    assert_eq!(
        with_token(&stack, &issuer.token(&json!({"iss": "https://evil.test"})))
            .await
            .status,
        401
    );
    assert_eq!(issuer.asked_for("/.well-known/openid-configuration"), 0);
}
