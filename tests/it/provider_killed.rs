//! A real provider that stops in the middle of its work, and is killed there.

use std::time::Duration;

use harness::provider::Provider;
use harness::stack::eventually;
use rustix::process::Signal;

use crate::bearer_tokens::with_token;
use crate::provider_outage::{calls, is_unjudged};

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_killed_takes_nothing_with_it_that_was_known() {
    const USER: &str = "alice@example.com";
    let mut provider = Provider::start(false);
    let (tokens, unseen) = (provider.tokens(USER), provider.tokens(USER));
    let fields = |provider: &Provider| {
        format!(
            "auth_methods: [bearer, introspection], client_secret: ['{}'], timeout: 2000, rediscovery_lifetime: 1",
            provider.secret
        )
    };
    let stack = provider.plan(&fields(&provider)).start().await;
    for token in [&tokens.id, &tokens.access] {
        assert_eq!(with_token(&stack, token).await.status, 200);
    }

    // It takes connections, and does not answer.
    provider.server.signal(Signal::STOP);
    is_unjudged(&stack, &with_token(&stack, &unseen.access).await).await;
    let waiting = calls(&stack, (0..20).map(|number| format!("made-up-{number}")));
    tokio::time::sleep(Duration::from_millis(300)).await;
    tokio::task::block_in_place(|| provider.server.end());
    for answer in waiting.join_all().await {
        is_unjudged(&stack, &answer).await;
    }
    for token in [&tokens.id, &tokens.access, &unseen.id] {
        assert_eq!(with_token(&stack, token).await.status, 200, "it was known");
    }
    is_unjudged(&stack, &with_token(&stack, "made-up").await).await;

    // What comes in its place has other keys, and knows none of its tokens.
    let provider = provider.again();
    let new = provider.tokens(USER);
    eventually("the new keys", async || {
        (with_token(&stack, &new.id).await.status == 200).then_some(())
    })
    .await;
    assert_eq!(
        with_token(&stack, &tokens.id).await.status,
        401,
        "its key is gone"
    );
}
