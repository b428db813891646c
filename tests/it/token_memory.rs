//! What is remembered of a token is remembered under one configuration, and never of the certificate beside it.

use harness::client::Client;
use harness::issuer::{Issuer, now};
use harness::stack::{Stack, eventually};
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};

use crate::bearer_tokens::{plan, with_token};
use crate::kong_answers::both;
use crate::token_binding;
use crate::token_streams::{answer, goes_on, is_cut_off};

/// A token that was accepted a moment ago is judged by the configuration that is in force now.
#[tokio::test(flavor = "multi_thread")]
async fn a_remembered_token_is_judged_anew_after_a_reload() {
    let issuer = Issuer::start(1);
    let acl = "    - {name: acl, config: {allow: [partners]}}";
    let azp = "consumer_claim: [azp]";
    for (fields, claims, from, to, (status, reason)) in table! {
        ("audience_required: [orders]", json!({}), "[orders]", "[billing]", (403, "claim_missing"));
        ("scopes_required: [openid]", json!({}), "[openid]", "['openid admin']", (403, "claim_missing"));
        ("claims_forbidden: [act]", json!({}), "[act]", "[act, azp]", (403, "claim_missing"));
        (azp, json!({}), "username: alice@example.com", "username: carol@example.com", (403, "consumer_not_found"));
        (azp, json!({}), "[{group: partners}]", "[{group: strangers}]", (403, "acl_denied"));
        (azp, json!({}), "[azp]", "[sub]", (403, "consumer_not_found"));
        ("consumer_claim: [azp]; consumer_by: [username]", json!({}), "[username]", "[custom_id]", (403, "consumer_not_found"));
        ("leeway: 600", json!({"exp": now() - 60}), "leeway: 600", "leeway: 0", (401, "token_expired"));
        ("leeway: 600", json!({"nbf": now() + 300}), "leeway: 600", "leeway: 0", (401, "token_untrusted"));
        ("cache_ttl: 60", json!({}), "cache_ttl: 60", "issuers_allowed: ['https://other.test']", (401, "token_untrusted"));
        ("cache_ttl: 60", json!({}), "cache_ttl: 60", "proof_of_possession_mtls: strict", (401, "token_not_bound"));
        ("cache_ttl: 60", json!({}), "cache_ttl: 60", "bearer_token_param_type: [query]", (401, "token_missing"));
    } {
        // Without a consumer there are no groups to judge.
        let further = if fields.contains("consumer_claim") {
            acl
        } else {
            ""
        };
        let stack = plan(&issuer, fields, further).start().await;
        let token = issuer.token(&claims);
        for _ in 0..2 {
            let answer = with_token(&stack, &token).await;
            assert_eq!(answer.status, 200, "{fields} {answer:?}");
        }
        stack.change("kong.yaml", from, to);
        stack.reload_gateway().await;
        let context = format!("{fields} {from} {to}");
        // What is asked of a provider anew may take a moment; a 200 may not.
        for _ in 0..2 {
            let answer = with_token(&stack, &token).await;
            assert_eq!(answer.status, status, "{context} {answer:?}");
            assert_eq!(stack.reason_of(&answer).await, reason, "{context}");
        }
    }
}

/// A secret that is changed, or no longer allowed, is nobody's word any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_a_shared_secret_ends_with_the_secret() {
    const SECRET: &str = "a secret that both of us have had for long";
    let issuer = Issuer::start(1);
    let fields = format!("client_id: [gateway]; client_secret: ['{SECRET}']; enable_hs_signatures: true");
    for (from, to) in [
        ("enable_hs_signatures: true", "enable_hs_signatures: false"),
        (SECRET, "another secret that is just as long as it"),
    ] {
        let stack = plan(&issuer, &fields, "").start().await;
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        let token = jsonwebtoken::encode(&Header::default(), &issuer.claims(&json!({})), &key).unwrap();
        assert_eq!(with_token(&stack, &token).await.status, 200);
        stack.change("kong.yaml", from, to);
        stack.reload_gateway().await;
        let answer = with_token(&stack, &token).await;
        assert_eq!(answer.status, 401, "{to}");
        assert_eq!(stack.reason_of(&answer).await, "token_untrusted", "{to}");
        assert_eq!(
            with_token(&stack, &issuer.token(&json!({}))).await.status,
            200,
            "{to}"
        );
    }
}

/// The token that alice's certificate goes with, in her hands and in bob's, one after the other and all at once: over
/// connections of their own, and over the one that the edge has to the gateway.
#[tokio::test(flavor = "multi_thread")]
async fn a_bound_token_is_compared_with_the_certificate_of_each_request() {
    let issuer = Issuer::start(1);
    let stack = token_binding::plan(&issuer).start().await;
    let alice = stack.pki.chain("alice").unwrap().remove(0);
    let bound = json!({"cnf": {"x5t#S256": token_binding::thumbprint(&alice)}});
    let token = issuer.token(&bound);
    let ask = async |client: Client, path: &'static str, token: String| {
        let call = client.get(path);
        call.header("authorization", &format!("Bearer {token}")).await
    };
    // The provider has to be known before everybody comes at once.
    eventually("the provider's keys", async || {
        let answer = ask(stack.gateway().cert("alice"), "/none", token.clone()).await;
        (answer.status == 200).then_some(())
    })
    .await;
    let doors: [(&str, Client); 2] = [("/none", stack.gateway()), ("/after", stack.edge("public"))];
    for (path, door) in doors {
        for client in both(door) {
            let [alices, bobs] = ["alice", "bob"].map(|name| client.clone().cert(name));
            for (client, status) in [(&alices, 200), (&bobs, 401), (&alices, 200), (&client, 401)] {
                let answer = ask(client.clone(), path, token.clone()).await;
                assert_eq!(answer.status, status, "{path} {answer:?}");
            }
            let mut all = tokio::task::JoinSet::new();
            for number in 0..40 {
                let is_alices = number % 2 == 0;
                let client = if is_alices { &alices } else { &bobs }.clone();
                // Half of them remembered, half of them new.
                let token = if number % 4 < 2 {
                    token.clone()
                } else {
                    let mut claims = bound.clone();
                    claims["jti"] = Value::from(number);
                    issuer.token(&claims)
                };
                let call = client
                    .get(path)
                    .header("authorization", &format!("Bearer {token}"));
                all.spawn(async move { (is_alices, call.await.status.as_u16()) });
            }
            for (is_alices, status) in all.join_all().await {
                assert_eq!(status, if is_alices { 200 } else { 401 }, "{path} {is_alices}");
            }
        }
    }
}

/// One connection, one certificate, and tokens of two people, in turns.
#[tokio::test(flavor = "multi_thread")]
async fn a_kept_connection_remembers_no_token() {
    let issuer = Issuer::start(1);
    let stack: Stack = token_binding::plan(&issuer).start().await;
    let token_for = |name: &str| {
        let leaf = stack.pki.chain(name).unwrap().remove(0);
        issuer.token(&json!({"cnf": {"x5t#S256": token_binding::thumbprint(&leaf)}}))
    };
    let (alices, bobs) = (token_for("alice"), token_for("bob"));
    for client in both(stack.gateway().cert("alice")) {
        let mut session = client.connect().await.unwrap();
        for _ in 0..3 {
            for (token, status) in [(Some(&alices), 200), (Some(&bobs), 401), (None, 401)] {
                let mut call = client.get("/none");
                if let Some(token) = token {
                    call = call.header("authorization", &format!("Bearer {token}"));
                }
                let answer = session.send(call).await.unwrap();
                assert_eq!(answer.status, status, "{answer:?}");
            }
        }
    }
}

/// An answer that is under way rests on a certificate as soon as the configuration in force says so.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_under_way_is_bound_by_the_rule_in_force() {
    let issuer = Issuer::start(1);
    for (rule, unbound_goes_on) in [("strict", false), ("optional", true)] {
        let stack = plan(&issuer, "cache_ttl: 60", "")
            .gateway("stream_close_delay", "0s")
            .start()
            .await;
        let leaf = |name: &str| stack.pki.chain(name).unwrap().remove(0);
        let bound =
            |name: &str| issuer.token(&json!({"cnf": {"x5t#S256": token_binding::thumbprint(&leaf(name))}}));
        let client = stack.gateway().cert("alice");
        let warm = client
            .get("/orders")
            .header("authorization", &format!("Bearer {}", bound("alice")));
        assert_eq!(warm.await.status, 200);
        let mut right = answer(&client, &bound("alice")).await;
        let wrong = answer(&client, &bound("bob")).await;
        let without = answer(&stack.gateway_http(), &bound("alice")).await;
        let mut unbound = answer(&client, &issuer.token(&json!({}))).await;
        stack.change(
            "kong.yaml",
            "cache_ttl: 60",
            &format!("proof_of_possession_mtls: {rule}"),
        );
        stack.reload_gateway().await;
        is_cut_off(wrong).await;
        is_cut_off(without).await;
        goes_on(&mut right).await;
        if unbound_goes_on {
            goes_on(&mut unbound).await;
        } else {
            is_cut_off(unbound).await;
        }
    }
}
