//! Whoever makes up tokens makes work: the provider gets no more of it than it can do, and those whose tokens are good do
//! not wait for it.

use std::time::Duration;

use harness::issuer::Signer;
use harness::stack::{Stack, eventually};
use harness::told_provider::{DISCOVERY, INTROSPECTION, KEYS, ToldProvider, Word};
use serde_json::json;

use crate::provider_outage::{calls, is_unjudged, known, plan, with_token};

/// Another key in the place of the first: with its name, and other octets.
fn in_its_place(provider: &ToldProvider) -> Signer {
    Signer::new(&provider.signer.id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_comes_back_under_its_old_name_is_learned_by_the_first_token_that_it_signs() {
    let provider = ToldProvider::start().await;
    let stack = plan(&provider, "auth_methods: [bearer]; rediscovery_lifetime: 1")
        .start()
        .await;
    known(&stack, 1).await;
    let old = provider.token();
    assert_eq!(with_token(&stack, &old).await.status, 200);
    let new = in_its_place(&provider);
    provider.publish(&[new.jwk()]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let token = new.sign(&provider.claims());
    assert_eq!(
        with_token(&stack, &token).await.status,
        200,
        "it waited for its key"
    );
    let refused = with_token(&stack, &old).await;
    assert_eq!(refused.status, 401, "its key is gone");
    assert_eq!(stack.reason_of(&refused).await, "token_untrusted");
}

/// The same for a token that names no key, and for one whose key has become one of another kind.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_without_a_name_is_learned_too() {
    let provider = ToldProvider::start().await;
    let nameless = |signer: &Signer| {
        let mut jwk = signer.jwk();
        jwk.as_object_mut().unwrap().remove("kid");
        jwk
    };
    let sign = |signer: &Signer| signer.sign_raw(r#"{"alg":"ES256"}"#, &provider.claims().to_string());
    provider.publish(&[nameless(&provider.signer)]);
    let stack = plan(&provider, "auth_methods: [bearer]; rediscovery_lifetime: 0")
        .start()
        .await;
    known(&stack, 1).await;
    assert_eq!(with_token(&stack, &sign(&provider.signer)).await.status, 200);
    let new = Signer::new("new");
    provider.publish(&[nameless(&new)]);
    assert_eq!(with_token(&stack, &sign(&new)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_signatures_make_one_question_and_keep_nobody_waiting() {
    let provider = ToldProvider::start().await;
    let stack = plan(&provider, "auth_methods: [bearer]; rediscovery_lifetime: 60")
        .start()
        .await;
    known(&stack, 1).await;
    let asked = provider.asked(KEYS);
    let forger = in_its_place(&provider);
    let forged = || forger.sign(&provider.claims());
    // Fresh keys are not asked for again, and nobody would answer.
    provider.tell_everywhere(&Word::Silence);
    let refused = calls(&stack, (0..200).map(|_| forged())).join_all().await;
    assert!(refused.iter().all(|answer| answer.status == 401));
    assert_eq!(stack.reason_of(&refused[0]).await, "token_untrusted");
    assert_eq!(provider.asked(DISCOVERY), 1);
    assert_eq!(provider.asked(KEYS), asked);

    // Where it is time to ask, one question is asked; a few wait for it, and the others do not.
    provider.is_well();
    let stack = plan(
        &provider,
        "auth_methods: [bearer]; rediscovery_lifetime: 2; timeout: 20000",
    )
    .start()
    .await;
    known(&stack, 1).await;
    let asked = provider.asked(DISCOVERY);
    tokio::time::sleep(Duration::from_secs(2)).await;
    provider.tell(DISCOVERY, Word::Silence);
    let mut flood = calls(&stack, (0..300).map(|_| forged()));
    for _ in 0..300 - 64 {
        let answer = flood.join_next().await.unwrap().unwrap();
        assert_eq!(answer.status, 401);
    }
    eventually("the question", async || {
        (provider.under_way(DISCOVERY) == 1).then_some(())
    })
    .await;
    for _ in 0..20 {
        let good = with_token(&stack, &provider.token()).await;
        assert_eq!(good.status, 200, "the others wait for nothing");
    }
    // Who waits for a key that nobody knows has a place as well.
    let second = Signer::new("second");
    let new = calls(&stack, [second.sign(&provider.claims())]);
    provider.publish(&[provider.signer.jwk(), second.jwk()]);
    provider.describe(&json!({}));
    assert!(new.join_all().await.iter().all(|answer| answer.status == 200));
    assert!(flood.join_all().await.iter().all(|answer| answer.status == 401));
    assert_eq!(provider.asked(DISCOVERY), asked + 1);
}

/// The fields of an instance that introspects.
const INTROSPECTS: &str = "auth_methods: [introspection]; client_id: [gateway]; client_secret: [secret]";

async fn introspecting(provider: &ToldProvider, fields: &str) -> Stack {
    let stack = plan(provider, &format!("{INTROSPECTS}; {fields}")).start().await;
    assert_eq!(with_token(&stack, "good").await.status, 200);
    stack
}

/// What nobody has seen before has most of the turns, and never all of them.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_are_made_up_leave_turns_for_those_that_were_good() {
    let provider = ToldProvider::start().await;
    let stack = introspecting(&provider, "cache_introspection: false; timeout: 14000").await;
    let remembering = introspecting(&provider, "cache_ttl: 3600").await;
    // An answer that nobody remembers is good for the second in which it came.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    provider.tell(INTROSPECTION, Word::Silence);
    let flood = calls(&stack, (0..1500).map(|number| format!("made-up-{number}")));
    eventually("the flood", async || {
        (provider.under_way(INTROSPECTION) == 48).then_some(())
    })
    .await;
    // One that was good before is asked about although the others wait, and one that is remembered needs no asking.
    let good = calls(&stack, ["good".to_owned()]);
    eventually("the question", async || {
        (provider.under_way(INTROSPECTION) == 49).then_some(())
    })
    .await;
    assert_eq!(with_token(&remembering, "good").await.status, 200);
    let crowded = eventually("the end of the queue", async || {
        let answer = with_token(&stack, "made-up-too").await;
        (answer.status == 503).then_some(answer)
    });
    let crowded = crowded.await;
    let line = is_unjudged(&stack, &crowded).await;
    assert!(line.to_string().contains("too many tokens wait"), "{line}");
    provider.tell(INTROSPECTION, Word::Introspects(Duration::ZERO));
    assert!(good.join_all().await.iter().all(|answer| answer.status == 200));
    let statuses: Vec<u16> = flood
        .join_all()
        .await
        .iter()
        .map(|answer| answer.status.as_u16())
        .collect();
    assert!(
        statuses.iter().all(|status| [401, 503].contains(status)),
        "{statuses:?}"
    );
    assert!(provider.most_at_once(INTROSPECTION) <= 64);
}

/// However fast the provider answers: a turn whose token was not good is held for a while.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_are_made_up_cost_a_fast_provider_a_bounded_number_of_calls() {
    let provider = ToldProvider::start().await;
    let stack = introspecting(&provider, "cache_ttl: 3600").await;
    let before = provider.asked(INTROSPECTION);
    let began = std::time::Instant::now();
    let flood = calls(&stack, (0..400).map(|number| format!("made-up-{number}")));
    let refused = flood.join_all().await;
    let took = began.elapsed();
    assert!(refused.iter().all(|answer| answer.status == 401));
    assert_eq!(provider.asked(INTROSPECTION) - before, 400);
    // Eight times 48 turns, each held for a tenth of a second.
    assert!(took >= Duration::from_millis(800), "{took:?}");
    // Good ones hold nothing.
    let good = calls(&stack, (0..400).map(|number| format!("good-{number}")));
    assert!(good.join_all().await.iter().all(|answer| answer.status == 200));
}

/// Whoever closes his connections gets no more turns for it.
#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_given_up_do_not_make_more_calls_at_once() {
    let provider = ToldProvider::start().await;
    let stack = introspecting(&provider, "timeout: 14000").await;
    provider.tell(INTROSPECTION, Word::Silence);
    for round in 0..4 {
        let flood = calls(&stack, (0..60).map(|number| format!("made-up-{round}-{number}")));
        eventually("the flood", async || {
            (provider.under_way(INTROSPECTION) == 48).then_some(())
        })
        .await;
        // Until all of them are waiting.
        tokio::time::sleep(Duration::from_millis(300)).await;
        drop(flood);
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(provider.most_at_once(INTROSPECTION), 48);
    provider.tell(INTROSPECTION, Word::Introspects(Duration::ZERO));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_turns_are_the_providers_and_not_those_of_each_plugin() {
    let provider = ToldProvider::start().await;
    let other = format!(
        "  routes:
  - name: other
    paths: [/other]
    plugins:
    - name: openid-connect
      config: {{issuer: '{}', auth_methods: [introspection], client_id: [another], client_secret: [secret], timeout: 14000}}
",
        provider.url()
    );
    let stack = plan(&provider, &format!("{INTROSPECTS}; timeout: 14000"))
        .replace("  routes:\n", &other)
        .start()
        .await;
    known(&stack, 1).await;
    provider.tell(INTROSPECTION, Word::Silence);
    let mut flood = calls(&stack, (0..60).map(|number| format!("made-up-{number}")));
    for number in 0..60 {
        let call = stack.gateway_http().get("/other");
        let call = call.header("authorization", &format!("Bearer made-up-too-{number}"));
        flood.spawn(async move { call.await });
    }
    eventually("the flood", async || {
        (provider.under_way(INTROSPECTION) == 48).then_some(())
    })
    .await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    provider.tell(INTROSPECTION, Word::Introspects(Duration::ZERO));
    assert!(flood.join_all().await.iter().all(|answer| answer.status == 401));
    assert_eq!(provider.most_at_once(INTROSPECTION), 48);
}
