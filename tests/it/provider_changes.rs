//! What a provider says of itself changes, and so does the configuration that names it: only what has changed changes.

use std::time::Duration;

use harness::issuer::{Issuer, Signer};
use harness::stack::eventually;
use harness::told_provider::{DISCOVERY, KEYS, ToldProvider, Word};
use serde_json::json;

use crate::bearer_tokens;
use crate::provider_outage::{is_unjudged, known, plan, status, with_token};

/// Fields of the document, and what is not followed of them.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_leads_away_from_tls_is_missed_by_who_needs_it_alone() {
    let issuer = Issuer::start(1);
    let plain = "http://127.0.0.1:1/introspect";
    for (fields, unusable) in [
        (
            json!({"introspection_endpoint": plain}),
            json!(["introspection_endpoint"]),
        ),
        (
            json!({"introspection_endpoint": 7}),
            json!(["introspection_endpoint"]),
        ),
        (
            json!({"introspection_endpoint": "https://a b"}),
            json!(["introspection_endpoint"]),
        ),
        (
            json!({"mtls_endpoint_aliases": {"introspection_endpoint": plain}}),
            json!(["mtls_endpoint_aliases.introspection_endpoint"]),
        ),
        (json!({"end_session_endpoint": plain}), json!([])),
    ] {
        issuer.describe(&json!({}));
        issuer.describe(&fields);
        let further = "client_id: [gateway]; client_secret: [secret]";
        let stack = bearer_tokens::plan(&issuer, further, "")
            .replace("[bearer]", "[bearer, introspection]")
            .start()
            .await;
        let good = bearer_tokens::with_token(&stack, &issuer.token(&json!({}))).await;
        assert_eq!(good.status, 200, "{fields}: the keys are not its fault");
        let said = status(&stack).await;
        assert_eq!(said["unusable_links"], unusable, "{said}");
        assert!(said["error"].is_null(), "{said}");
        if unusable == json!(["introspection_endpoint"]) {
            let line = is_unjudged(&stack, &with_token(&stack, "opaque").await).await;
            assert!(
                line.to_string().contains("no usable 'introspection_endpoint'"),
                "{line}"
            );
        }
    }
    // Keys without TLS are no keys.
    issuer.describe(&json!({"jwks_uri": "http://127.0.0.1:1/jwks"}));
    let stack = bearer_tokens::plan(&issuer, "timeout: 2000", "").start().await;
    let line = is_unjudged(&stack, &with_token(&stack, &issuer.token(&json!({}))).await).await;
    assert!(line.to_string().contains("no usable 'jwks_uri'"), "{line}");
}

/// Of two places with keys one fails: its old keys stay, and the other's are learned and taken back.
#[tokio::test(flavor = "multi_thread")]
async fn a_place_with_keys_that_fails_fails_alone() {
    let provider = ToldProvider::start().await;
    let (second, third) = (Signer::new("second"), Signer::new("third"));
    let set = |signers: &[&Signer]| {
        let keys: Vec<_> = signers.iter().map(|signer| signer.jwk()).collect();
        Word::Says(json!({ "keys": keys }).to_string())
    };
    provider.tell("/more", set(&[&second]));
    let fields = format!(
        "auth_methods: [bearer]; rediscovery_lifetime: 1; extra_jwks_uris: ['{}/more']",
        provider.url()
    );
    for link in [false, true] {
        provider.is_well();
        provider.tell("/more", set(&[&second]));
        let stack = plan(&provider, &fields).start().await;
        known(&stack, 2).await;
        if link {
            provider.describe(&json!({"jwks_uri": "file:///etc/passwd"}));
        } else {
            provider.tell(KEYS, Word::Says("<html>".to_owned()));
        }
        provider.tell("/more", set(&[&third]));
        eventually("the third key", async || {
            let answer = with_token(&stack, &third.sign(&provider.claims())).await;
            (answer.status == 200).then_some(())
        })
        .await;
        let first = with_token(&stack, &provider.token()).await;
        assert_eq!(first.status, 200, "what was published there is not taken back");
        let said = status(&stack).await;
        assert_eq!(said["keys"], 2, "{said}");
        assert!(said["error"].is_string(), "{said}");
        // The second was taken back by the place that works; whether the other has it now, nobody knows.
        let gone = with_token(&stack, &second.sign(&provider.claims())).await;
        is_unjudged(&stack, &gone).await;
    }
    // From the beginning: what can be had is had.
    let stack = plan(&provider, &fields).start().await;
    known(&stack, 1).await;
    let answer = with_token(&stack, &third.sign(&provider.claims())).await;
    assert_eq!(answer.status, 200);
}

/// A provider that stays the same goes on; however often somebody reloads, it is asked once in a while.
#[tokio::test(flavor = "multi_thread")]
async fn a_reload_costs_a_provider_that_stays_the_same_nothing() {
    let provider = ToldProvider::start().await;
    let stack = plan(&provider, "auth_methods: [bearer]; rediscovery_lifetime: 60")
        .start()
        .await;
    known(&stack, 1).await;
    for _ in 0..5 {
        stack.reload_gateway().await;
        assert_eq!(with_token(&stack, &provider.token()).await.status, 200);
    }
    assert_eq!(provider.asked(DISCOVERY), 1);
    assert_eq!(provider.asked(KEYS), 1);

    // Asked in another way, it is another one, which knows what the first has learned.
    provider.tell_everywhere(&Word::Silence);
    stack.change("kong.yaml", "rediscovery_lifetime: 60", "rediscovery_lifetime: 1");
    stack.reload_gateway().await;
    assert_eq!(with_token(&stack, &provider.token()).await.status, 200);
    assert_eq!(status(&stack).await["keys"], 1);
    provider.is_well();

    // Whoever reloads does not wait for cache_ttl to see a key withdrawn.
    eventually("an answer", async || (provider.asked(KEYS) >= 2).then_some(())).await;
    provider.publish(&[]);
    stack.reload_gateway().await;
    eventually("the withdrawal", async || {
        (with_token(&stack, &provider.token()).await.status == 401).then_some(())
    })
    .await;
}

/// Nobody asks for a provider that no configuration names any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_gone_is_not_asked() {
    let (provider, other) = (ToldProvider::start().await, ToldProvider::start().await);
    let stack = plan(
        &provider,
        "auth_methods: [bearer]; cache_ttl: 5; rediscovery_lifetime: 1",
    )
    .start()
    .await;
    known(&stack, 1).await;
    stack.change("kong.yaml", &provider.url(), &other.url());
    stack.reload_gateway().await;
    eventually("the other's keys", async || {
        (with_token(&stack, &other.token()).await.status == 200).then_some(())
    })
    .await;
    let asked = provider.asked(DISCOVERY);
    // The other is asked again, at its time; the first has had its time by then.
    let begun = other.asked(DISCOVERY);
    eventually("the next question", async || {
        (other.asked(DISCOVERY) > begun).then_some(())
    })
    .await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(provider.asked(DISCOVERY), asked);
}
