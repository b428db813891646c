//! One request, two principals, two judgements: who carries it and who sends it.

use harness::client::Client;
use harness::stack::Stack;

#[tokio::test]
async fn a_request_passes_if_both_principals_do() {
    let stack = Stack::with("double_acl.yaml").start().await;
    let alice = stack.edge("public").cert("alice");
    for client in [alice.clone(), alice.over_http2()] {
        let echo = client.get("/both").await;
        assert_eq!(echo.status, 200, "{echo:?}");
        assert_eq!(
            echo.received("x-consumer-username").as_deref(),
            Some("alice@example.com"),
            "the last one found"
        );
        assert_eq!(
            echo.received("x-consumer-groups").as_deref(),
            Some("partners"),
            "and her groups alone"
        );

        let line = stack.line_of(&echo).await;
        let principals: Vec<_> = line["principals"]
            .as_array()
            .unwrap()
            .iter()
            .map(|principal| {
                let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
                (
                    text(&principal["plugin"]),
                    text(&principal["evidence"]),
                    text(&principal["consumer"]["username"]),
                )
            })
            .collect();
        let named = |plugin: &str, evidence: &str, consumer: &str| {
            (plugin.to_owned(), evidence.to_owned(), consumer.to_owned())
        };
        assert_eq!(
            principals,
            [
                named("mtls-auth", "socket", "edge.internal"),
                named("header-cert-auth", "header", "alice@example.com"),
            ]
        );
    }
}

#[tokio::test]
async fn a_request_is_refused_if_either_lacks_the_group_and_the_log_says_which() {
    let stack = Stack::with("double_acl.yaml").start().await;
    for (who, path, plugin) in [
        ("alice", "/edge-lacks", "acl_1595"),
        ("alice", "/edge-denied", "acl_1595"),
        ("alice", "/client-lacks", "acl"),
        ("alice", "/neither", "acl_1595"),
        ("alice", "/swapped", "acl_1595"),
        ("bob", "/both", "acl"),
        ("bob", "/edge-lacks", "acl_1595"),
    ] {
        let answer = stack.edge("public").cert(who).get(path).await;
        assert_eq!(answer.status, 403, "{who} {path}");
        assert_eq!(answer.message().unwrap(), "You cannot consume this service");
        let decision = &stack.line_of(&answer).await["decision"];
        assert_eq!(
            (decision["plugin"].as_str(), decision["reason"].as_str()),
            (Some(plugin), Some("acl_denied")),
            "{who} {path}"
        );
    }
    assert_eq!(stack.upstream.count(), 0);
    assert_eq!(
        stack.edge("public").cert("bob").get("/outer-only").await.status,
        200,
        "bob needs no group there"
    );
}

#[tokio::test]
async fn neither_principal_can_stand_in_for_the_other() {
    let stack = Stack::with("double_acl.yaml").start().await;
    let header = stack.clientcert_header("alice");
    let with_header = |client: Client| client.get("/both").header("X-Amzn-Mtls-Clientcert", &header);
    for (who, call, status, plugin, reason) in [
        (
            "nobody behind the edge",
            stack.edge("public").get("/both"),
            401,
            "header-cert-auth",
            "certificate_missing",
        ),
        (
            "mallory behind the edge",
            stack.edge("public").cert("mallory").get("/both"),
            401,
            "header-cert-auth",
            "certificate_untrusted",
        ),
        (
            "alice without an edge",
            stack.gateway().cert("alice").get("/both"),
            401,
            "mtls-auth",
            "certificate_untrusted",
        ),
        (
            "nobody with a header",
            with_header(stack.gateway()),
            401,
            "mtls-auth",
            "certificate_missing",
        ),
        // The other tier's certificate is of the right authority, and names nobody.
        (
            "the gateway with a header",
            with_header(stack.gateway().cert("gateway/client")),
            401,
            "mtls-auth",
            "consumer_not_found",
        ),
        (
            "the edge without a header",
            stack.gateway().cert("edge/client").get("/both"),
            401,
            "header-cert-auth",
            "certificate_missing",
        ),
    ] {
        let answer = call.await;
        assert_eq!(answer.status, status, "{who}");
        let decision = &stack.line_of(&answer).await["decision"];
        assert_eq!(
            (decision["plugin"].as_str(), decision["reason"].as_str()),
            (Some(plugin), Some(reason)),
            "{who}"
        );
    }
    assert_eq!(with_header(stack.gateway().cert("edge/client")).await.status, 200);
}

#[tokio::test]
async fn an_edge_that_proved_who_it_is_has_not_proved_who_its_client_is() {
    let stack = Stack::with("double_acl.yaml").start().await;
    for (who, status, consumer) in [
        (Some("alice"), 200, Some("alice@example.com")),
        (Some("bob"), 403, None),
        (Some("mallory"), 200, Some("guest")),
        (Some("expired"), 200, Some("guest")),
        (None, 200, Some("guest")),
    ] {
        let client = stack.edge("public");
        let client = match who {
            Some(who) => client.cert(who),
            None => client,
        };
        let answer = client.get("/guests").await;
        assert_eq!(answer.status, status, "{who:?}");
        assert_eq!(
            answer.received("x-consumer-username").as_deref(),
            consumer,
            "{who:?}"
        );
        let anonymous = (consumer == Some("guest")).then_some("true");
        assert_eq!(
            answer.received("x-anonymous-consumer").as_deref(),
            anonymous,
            "{who:?}"
        );
    }
    let rubbish = stack
        .gateway()
        .cert("edge/client")
        .get("/guests")
        .header("X-Amzn-Mtls-Clientcert", "rubbish")
        .await;
    assert_eq!(rubbish.status, 400, "an error is not an absence");
}
