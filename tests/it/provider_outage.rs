//! A provider that cannot be asked, or answers badly: a token that nobody can judge is not called bad, and those that can be
//! judged go on.

use std::time::{Duration, Instant};

use certs::Authority;
use harness::answer::Answer;
use harness::issuer::{Issuer, Signer};
use harness::stack::{Plan, Stack, eventually};
use harness::told_provider::{DISCOVERY, INTROSPECTION, KEYS, ToldProvider, Word};
use http::StatusCode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::bearer_tokens;

/// One route, `/orders`, whose plugin has these fields beside the issuer.
pub(crate) fn plan(provider: &ToldProvider, fields: &str) -> Plan {
    let fields: Vec<String> = fields
        .split(';')
        .map(|field| format!("        {}", field.trim()))
        .collect();
    let fields = fields.join("\n");
    Stack::reading(format!(
        "_format_version: '3.0'
services:
- name: echo
  url: http://{{echo}}
  routes:
  - name: orders
    paths: [/orders]
    plugins:
    - name: openid-connect
      config:
        issuer: {}
{fields}
consumers: [{{username: guest}}]
",
        provider.url()
    ))
    .gateway("revocation_lists", "")
    .without_edge()
}

pub(crate) async fn with_token(stack: &Stack, token: &str) -> Answer {
    let call = stack.gateway_http().get("/orders");
    call.header("authorization", &format!("Bearer {token}")).await
}

/// Many requests at once, each on a connection of its own: both ends of it are in this process.
pub(crate) fn calls(stack: &Stack, tokens: impl IntoIterator<Item = String>) -> JoinSet<Answer> {
    let files = getrlimit(Resource::Nofile);
    let all = Rlimit {
        current: files.maximum,
        ..files
    };
    setrlimit(Resource::Nofile, all).unwrap();
    let mut calls = JoinSet::new();
    for token in tokens {
        let call = stack.gateway_http().get("/orders");
        let call = call.header("authorization", &format!("Bearer {token}"));
        calls.spawn(async move { call.await });
    }
    calls
}

pub(crate) async fn status(stack: &Stack) -> Value {
    stack.status().get("/status").await.json()["providers"][0].clone()
}

/// Waits until so many keys are known.
pub(crate) async fn known(stack: &Stack, keys: u64) {
    eventually("the provider's keys", async || {
        (status(stack).await["keys"] == keys).then_some(())
    })
    .await;
}

/// That an answer says nothing of the token: 503 in Kong's form, and the operator is told why.
pub(crate) async fn is_unjudged(stack: &Stack, answer: &Answer) -> Value {
    assert_eq!(answer.status, 503, "{answer:?}");
    let (message, id) = (answer.message(), answer.json()["request_id"].clone());
    assert_eq!(
        message.as_deref(),
        Some("The upstream server is currently unavailable")
    );
    assert_eq!(id, answer.request_id().unwrap_or_default());
    assert_eq!(answer.header("www-authenticate"), None);
    let after: u64 = answer.header("retry-after").unwrap_or_default().parse().unwrap();
    assert!((1..=60).contains(&after), "{after}");
    let line = stack.line_of(answer).await;
    assert_eq!(line["decision"]["reason"], "provider_unreachable", "{line}");
    assert_eq!(line["decision"]["plugin"], "openid-connect", "{line}");
    line
}

/// Every way in which a provider can fail to say what its keys are.
fn failures() -> [(&'static str, Word, &'static str); 7] {
    let nowhere = "http://127.0.0.1:1/";
    table! {
        ("500", Word::Under(StatusCode::INTERNAL_SERVER_ERROR, "{}".to_owned()), "answers 500");
        ("a page", Word::Says("<!doctype html><p>Be right back".to_owned()), "JSON");
        ("a page under 503", Word::Under(StatusCode::SERVICE_UNAVAILABLE, "<p>Down".to_owned()), "answers 503");
        ("an empty body", Word::Says(String::new()), "JSON");
        ("five megabytes", Word::Says("x".repeat(5 << 20)), "octets");
        ("a redirect", Word::Elsewhere(nowhere.to_owned()), "answers 302");
        ("half an answer", Word::BreaksOff, "cannot be reached");
    }
}

/// Whose certificate it is and where its path ends: what is missing, most often, is `lua_ssl_trusted_certificate`.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_for_whom_nobody_vouches_is_told_in_words() {
    let issuer = Issuer::start(1);
    let stranger = Authority::root("Stranger").unwrap();
    let plan = bearer_tokens::plan(&issuer, "", "").believing_providers(stranger.pem());
    let stack = plan.start().await;
    let token = issuer.token(&json!({}));
    let line = is_unjudged(&stack, &with_token(&stack, &token).await).await;
    for said in [&line["decision"]["cause"], &status(&stack).await["error"]] {
        let said = said.as_str().unwrap_or_default();
        assert!(
            said.contains("its certificate is refused: no path from `"),
            "{said}"
        );
        assert!(!said.contains("Refusal {"), "{said}");
    }
}

/// What is wrong is said to the operator; the client hears that nobody can say, also where a guest would be let in.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_has_never_answered_well_makes_no_token_a_bad_one() {
    let provider = ToldProvider::start().await;
    for place in [DISCOVERY, KEYS] {
        for (what, word, error) in failures() {
            provider.is_well();
            provider.tell(place, word);
            for further in ["", "; anonymous: guest"] {
                let fields = format!("auth_methods: [bearer]; timeout: 2000{further}");
                let stack = plan(&provider, &fields).start().await;
                let line = is_unjudged(&stack, &with_token(&stack, &provider.token()).await).await;
                assert!(line.to_string().contains(error), "{what}: {line}");
                let said = status(&stack).await["error"].to_string();
                assert!(said.contains(error), "{what}: {said}");
                assert_eq!(stack.status().get("/status/ready").await.status, 200);
                // What needs no provider is judged all the same.
                let missing = stack.gateway_http().get("/orders").await;
                let expected = if further.is_empty() { 401 } else { 200 };
                let line = stack.line_of(&missing).await;
                assert_eq!(missing.status, expected, "{what}: {missing:?} {line}");
                assert_eq!(
                    with_token(&stack, "rubbish").await.status,
                    missing.status,
                    "{what}"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_known_survives_every_failure_and_only_unknown_keys_wait_for_its_end() {
    let provider = ToldProvider::start().await;
    let stack = plan(
        &provider,
        "auth_methods: [bearer]; rediscovery_lifetime: 0; timeout: 2000",
    )
    .start()
    .await;
    known(&stack, 1).await;
    let second = Signer::new("second");
    for (what, word, _) in failures() {
        for place in [DISCOVERY, KEYS] {
            provider.tell(place, word.clone());
            let unknown = with_token(&stack, &second.sign(&provider.claims())).await;
            is_unjudged(&stack, &unknown).await;
            assert_eq!(with_token(&stack, &provider.token()).await.status, 200, "{what}");
            let mut forged = provider.token();
            forged.truncate(forged.len() - 86);
            forged += &"A".repeat(86);
            assert_eq!(
                with_token(&stack, &forged).await.status,
                401,
                "{what}: its key is known"
            );
            // It answers, and does not know the key: that is an answer.
            provider.is_well();
            let refused = with_token(&stack, &second.sign(&provider.claims())).await;
            assert_eq!(refused.status, 401, "{what}");
            assert_eq!(stack.reason_of(&refused).await, "token_untrusted");
            assert!(status(&stack).await["error"].is_null());
        }
    }
}

/// They share one question, and no more of them wait than may.
#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_requests_wait_for_a_silent_provider_together() {
    let provider = ToldProvider::start().await;
    provider.tell(DISCOVERY, Word::Silence);
    let stack = plan(&provider, "auth_methods: [bearer]; timeout: 60000")
        .start()
        .await;
    eventually("the first question", async || {
        (provider.under_way(DISCOVERY) == 1).then_some(())
    })
    .await;
    let waiting = calls(&stack, (0..600).map(|_| provider.token()));
    eventually("those who are too many", async || {
        let lines = stack.lines();
        let is_one = |line: &&Value| line.to_string().contains("too many requests wait");
        (lines.iter().filter(is_one).count() == 600 - 512).then_some(())
    })
    .await;
    provider.describe(&json!({}));
    for answer in waiting.join_all().await {
        if answer.status != 200 {
            is_unjudged(&stack, &answer).await;
        }
    }
    assert_eq!(with_token(&stack, &provider.token()).await.status, 200);
    assert_eq!(provider.asked(DISCOVERY), 1);
}

/// When the provider's time has run out, it has for all of them.
#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_requests_give_up_together() {
    let provider = ToldProvider::start().await;
    let fields = "auth_methods: [bearer]; timeout: 2000; rediscovery_lifetime: 1";
    let stack = plan(&provider, fields).start().await;
    known(&stack, 1).await;
    provider.tell(DISCOVERY, Word::Silence);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (asked, began) = (provider.asked(DISCOVERY), Instant::now());
    let second = Signer::new("second");
    let waiting = calls(&stack, (0..500).map(|_| second.sign(&provider.claims())));
    for _ in 0..20 {
        let good = with_token(&stack, &provider.token()).await;
        assert_eq!(good.status, 200, "a key that is known waits for nobody");
    }
    assert!(waiting.join_all().await.iter().all(|answer| answer.status == 503));
    // It is asked again and again, but not once for each of them.
    let most = 2 + usize::try_from(began.elapsed().as_secs() / 2).unwrap();
    let asked = provider.asked(DISCOVERY) - asked;
    assert!((1..=most).contains(&asked), "{asked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_wait_are_answered_when_the_provider_is() {
    let provider = ToldProvider::start().await;
    provider.tell(DISCOVERY, Word::Silence);
    let stack = plan(&provider, "auth_methods: [bearer]").start().await;
    let waiting = calls(&stack, (0..100).map(|_| provider.token()));
    eventually("the question", async || {
        (provider.under_way(DISCOVERY) == 1).then_some(())
    })
    .await;
    provider.describe(&json!({}));
    assert!(waiting.join_all().await.iter().all(|answer| answer.status == 200));
    assert_eq!(provider.most_at_once(DISCOVERY), 1);
}

/// An endpoint that fails, each way: the tokens that it has judged go on.
#[tokio::test(flavor = "multi_thread")]
async fn an_introspection_endpoint_that_fails_makes_no_token_a_bad_one() {
    let provider = ToldProvider::start().await;
    for further in ["", "; anonymous: guest"] {
        let fields = format!(
            "auth_methods: [introspection]; client_id: [gateway]; client_secret: [secret]; timeout: 1000{further}"
        );
        let stack = plan(&provider, &fields).start().await;
        assert_eq!(with_token(&stack, "good-1").await.status, 200);
        let unauthorized = Word::Under(StatusCode::UNAUTHORIZED, "{}".to_owned());
        let failures = failures().map(|(what, word, _)| (what, word));
        let further = [
            ("silence", Word::Silence),
            ("who are you", unauthorized),
            ("no word", Word::Says("{}".to_owned())),
            ("a text", Word::Says(r#"{"active":"true"}"#.to_owned())),
        ];
        for (number, (what, word)) in failures.into_iter().chain(further).enumerate() {
            provider.tell(INTROSPECTION, word);
            let token = format!("good-{what}-{number}").replace(' ', "_");
            is_unjudged(&stack, &with_token(&stack, &token).await).await;
            assert_eq!(with_token(&stack, "good-1").await.status, 200, "{what}");
            provider.tell(INTROSPECTION, Word::Introspects(Duration::ZERO));
            let another = format!("{token}-2");
            assert_eq!(with_token(&stack, &another).await.status, 200, "{what}");
        }
    }
}

/// Whose name a token should bear is the provider's to say too.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_whose_issuer_nobody_has_named_yet_is_not_a_bad_one() {
    let provider = ToldProvider::start().await;
    provider.tell(DISCOVERY, Word::Silence);
    let endpoint = format!("{}{INTROSPECTION}", provider.url());
    let active = json!({"active": true, "iss": provider.url(), "sub": "alice"});
    provider.tell(INTROSPECTION, Word::Says(active.to_string()));
    let fields = format!(
        "auth_methods: [introspection]; client_id: [gateway]; client_secret: [secret]; timeout: 1000;
         introspection_endpoint: '{endpoint}'; cache_ttl: 60"
    );
    let stack = plan(&provider, &fields).start().await;
    is_unjudged(&stack, &with_token(&stack, "opaque").await).await;
    provider.describe(&json!({}));
    eventually("its name", async || {
        (with_token(&stack, "opaque").await.status == 200).then_some(())
    })
    .await;
}
