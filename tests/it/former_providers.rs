//! What a provider has said is good for as long as a configuration believes it: an answer under way ends with the one that
//! vouched for its token.

use std::time::Duration;

use harness::stack::Stack;
use harness::told_provider::{INTROSPECTION, ToldProvider, Word};

use crate::provider_outage::plan;
use crate::token_streams::{answer, goes_on, is_cut_off};

const INTROSPECTS: &str = "auth_methods: [introspection]; client_id: [gateway]; client_secret: [secret]";

async fn introspecting(provider: &ToldProvider, fields: &str) -> Stack {
    let fields = format!("{INTROSPECTS}; {fields}");
    plan(provider, &fields)
        .gateway("stream_close_delay", "0s")
        .start()
        .await
}

/// The token that is good here is good at the other provider too: nobody has asked him.
#[tokio::test(flavor = "multi_thread")]
async fn an_introspected_answer_ends_with_the_provider_that_was_asked() {
    let (former, other) = (ToldProvider::start().await, ToldProvider::start().await);
    let elsewhere = format!("{}/elsewhere", former.url());
    former.tell("/elsewhere", Word::Introspects(Duration::ZERO));
    for (row, fields, from, to) in table! {
        ("another issuer", "leeway: 0", former.url(), other.url());
        ("another endpoint", "leeway: 0", "leeway: 0".to_owned(), format!("introspection_endpoint: {elsewhere}"));
    } {
        let stack = introspecting(&former, fields).await;
        let client = stack.gateway_http();
        let mut lasting = answer(&client, "good").await;
        stack.reload_gateway().await;
        goes_on(&mut lasting).await;
        stack.change("kong.yaml", &from, &to);
        stack.reload_gateway().await;
        is_cut_off(lasting).await;
        assert_eq!(other.asked(INTROSPECTION), 0, "{row}");
    }
}
