//! Tokens of a provider that is not ours, on plain http and behind nginx with TLS.

use std::time::Duration;

use certs::Authority;
use harness::provider::Provider;
use harness::stack::eventually;

use crate::bearer_tokens::with_token;
use crate::token_streams::{answer, goes_on, is_cut_off};

#[tokio::test(flavor = "multi_thread")]
async fn signed_tokens_of_a_real_provider_are_verified() {
    for over_tls in [false, true] {
        let provider = Provider::start(over_tls);
        let tokens = provider.tokens("alice@example.com");
        let fields = format!(
            "auth_methods: [bearer], audience_required: ['{}'], consumer_claim: [sub]",
            provider.client
        );
        let stack = provider.plan(&fields).start().await;
        let answer = with_token(&stack, &tokens.id).await;
        assert_eq!(answer.status, 200, "{over_tls} {answer:?}");
        assert_eq!(
            answer.json()["headers"]["x-consumer-username"][0],
            "alice@example.com"
        );
        let nobody = with_token(&stack, &provider.tokens("bob@example.com").id).await;
        assert_eq!(nobody.status, 403);
        // Its access tokens say nothing to anybody else.
        let opaque = with_token(&stack, &tokens.access).await;
        assert_eq!(opaque.status, 401);
        assert_eq!(stack.reason_of(&opaque).await, "token_malformed");
    }
    let provider = Provider::start(true);
    let stack = provider
        .plan("auth_methods: [bearer]")
        .file("provider.pem", Authority::root("Others").unwrap().pem());
    let stack = stack.start().await;
    let answer = with_token(&stack, &provider.tokens("alice@example.com").id).await;
    assert_eq!(answer.status, 503, "who answers there is not the provider");
    let error = stack.status().get("/status").await.json()["providers"][0]["error"].to_string();
    assert!(error.contains("cannot be reached"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn opaque_tokens_are_introspected_and_remembered_for_as_long_as_configured() {
    for method in ["client_secret_basic", "client_secret_post"] {
        // The provider's client may do it in one way; the other is refused by it.
        let provider = Provider::start(true);
        let tokens = provider.tokens("alice@example.com");
        let fields = format!(
            "auth_methods: [introspection], client_secret: ['{}'], cache_ttl: 3, consumer_claim: [username],
             introspection_endpoint_auth_method: {method}, scopes_required: [email]",
            provider.secret
        );
        let stack = provider.plan(&fields).start().await;
        let first = with_token(&stack, &tokens.access).await;
        if method == "client_secret_post" {
            assert_eq!(first.status, 503);
            assert_eq!(stack.reason_of(&first).await, "provider_unreachable");
            continue;
        }
        assert_eq!(first.status, 200, "{first:?}");
        assert_eq!(
            first.json()["headers"]["x-consumer-username"][0],
            "alice@example.com"
        );
        let asked = provider.introspections();
        for _ in 0..20 {
            assert_eq!(with_token(&stack, &tokens.access).await.status, 200);
        }
        assert_eq!(provider.introspections(), asked, "it is remembered");
        // Another token is another question, and a wrong one is asked about once in a while.
        let other = provider.tokens("alice@example.com");
        assert_eq!(with_token(&stack, &other.access).await.status, 200);
        assert_eq!(provider.introspections(), asked + 1);
        for _ in 0..20 {
            let refused = with_token(&stack, "made-up").await;
            assert_eq!(refused.status, 401);
        }
        assert!(
            provider.introspections() <= asked + 4,
            "{}",
            provider.introspections()
        );
        provider.revoke_all_of("alice@example.com");
        let refused = eventually("the end of what is remembered", async || {
            let answer = with_token(&stack, &tokens.access).await;
            (answer.status == 401).then_some(answer)
        })
        .await;
        assert_eq!(stack.reason_of(&refused).await, "token_untrusted");
    }
}

/// `cache_introspection` says whether one request's answer is another's, not how long a request may take.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_outlives_the_second_in_which_its_token_was_introspected() {
    let provider = Provider::start(false);
    let (token, secret) = (provider.tokens("alice@example.com").access, &provider.secret);
    let fields = format!(
        "auth_methods: [introspection], client_secret: ['{secret}'], cache_introspection: false, cache_ttl: 6"
    );
    let plan = provider.plan(&fields).gateway("stream_close_delay", "0s");
    let stack = plan.start().await;
    let mut stream = answer(&stack.gateway_http(), &token).await;
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        goes_on(&mut stream).await;
    }
    let asked = provider.introspections();
    for _ in 0..3 {
        assert_eq!(with_token(&stack, &token).await.status, 200);
        tokio::time::sleep(Duration::from_millis(1200)).await;
    }
    assert_eq!(provider.introspections(), asked + 3, "no answer is another's");
    // The second that it was good until, and the rest of that second.
    tokio::time::sleep(Duration::from_secs(2)).await;
    is_cut_off(stream).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_and_opaque_tokens_meet_in_one_plugin() {
    let provider = Provider::start(false);
    let tokens = provider.tokens("alice@example.com");
    let secret = &provider.secret;
    let stack = provider
        .plan(&format!(
            "auth_methods: [bearer, introspection], client_secret: ['{secret}']"
        ))
        .start()
        .await;
    let asked = provider.introspections();
    assert_eq!(with_token(&stack, &tokens.id).await.status, 200);
    assert_eq!(
        provider.introspections(),
        asked,
        "a signed token is verified here"
    );
    assert_eq!(with_token(&stack, &tokens.access).await.status, 200);
    let forged = format!("{}x", tokens.id);
    assert_eq!(with_token(&stack, &forged).await.status, 401);
    assert_eq!(
        provider.introspections(),
        asked + 1,
        "a forged one is nobody else's business"
    );

    for further in ["", ", anonymous: alice@example.com"] {
        let fields = format!("auth_methods: [introspection], client_secret: [wrong]{further}");
        let wrong = provider.plan(&fields).start().await;
        let refused = with_token(&wrong, &tokens.access).await;
        assert_eq!(refused.status, 503, "{further}");
        let line = wrong.line_of(&refused).await;
        assert_eq!(line["decision"]["reason"], "provider_unreachable", "{line}");
    }

    // An anonymous consumer stands in for a token that is not good, and not for one that nobody has judged.
    let fields =
        format!("auth_methods: [introspection], client_secret: ['{secret}'], anonymous: alice@example.com");
    let stack = provider.plan(&fields).start().await;
    let guest = with_token(&stack, "made-up").await;
    assert_eq!(guest.status, 200);
    assert_eq!(guest.json()["headers"]["x-anonymous-consumer"][0], "true");
}
