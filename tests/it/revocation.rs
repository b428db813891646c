//! A certificate that is taken back is worth nothing from the next reload on, on open connections too.

use harness::stack::{Stack, eventually};

const REFUSED: &str = r#"{"message":"TLS certificate failed verification"}"#;

#[tokio::test]
async fn the_next_request_of_a_revoked_client_is_refused() {
    let stack = Stack::with("hop.yaml").start().await;
    let mut sessions = Vec::new();
    for (client, path) in [
        (stack.edge("public").cert("alice"), "/mtls"),
        (stack.edge("public").cert("alice").over_http2(), "/mtls"),
        (stack.edge("passed").cert("alice"), "/direct"),
        (stack.gateway().cert("alice"), "/direct"),
    ] {
        let mut session = client.connect().await.unwrap();
        assert_eq!(session.get(path).await.unwrap().status, 200);
        sessions.push((session, path));
    }
    let mut bob = stack.edge("public").cert("bob").connect().await.unwrap();
    assert_eq!(bob.get("/anonymous").await.unwrap().status, 200);

    stack.pki.revoke("alice").unwrap();
    stack.reload_gateway().await;
    for (mut session, path) in sessions {
        let answer = session.get(path).await.unwrap();
        assert_eq!(
            (answer.status.as_u16(), answer.text().as_str()),
            (401, REFUSED),
            "{path}"
        );
        assert_eq!(stack.reason_of(&answer).await, "certificate_revoked");
    }
    let answer = bob.get("/anonymous").await.unwrap();
    assert_eq!(
        answer.received("x-consumer-username").as_deref(),
        Some("bob@example.com"),
        "bob is not concerned"
    );
}

#[tokio::test]
async fn an_edge_that_verifies_closes_the_connection_of_a_revoked_client() {
    let stack = Stack::with("hop.yaml").start().await;
    let mut alice = stack.edge("verify").cert("alice").connect().await.unwrap();
    let mut bob = stack.edge("verify").cert("bob").connect().await.unwrap();
    assert_eq!(alice.get("/verify").await.unwrap().status, 200);
    assert_eq!(bob.get("/verify").await.unwrap().status, 403);

    stack.pki.revoke("alice").unwrap();
    stack.reload_edge();
    eventually("the end of alice's connection", async || {
        alice.get("/verify").await.err()
    })
    .await;
    stack
        .edge("verify")
        .cert("alice")
        .get("/verify")
        .outcome()
        .await
        .unwrap_err();
    assert_eq!(
        bob.get("/verify").await.unwrap().status,
        403,
        "bob's connection stays"
    );
}

#[tokio::test]
async fn a_bad_reload_changes_nothing() {
    let stack = Stack::with("hop.yaml").start().await;
    stack.pki.revoke("alice").unwrap();
    stack.change("kong.yaml", "name: mtls-auth", "name: mtls-auht");
    stack.reload_gateway_in_vain().await;
    assert_eq!(
        stack.edge("public").cert("alice").get("/mtls").await.status,
        200,
        "all of the old is in force"
    );
    let status = stack.status().get("/status").await.json();
    assert_eq!(status["generation"], 1);
    assert!(
        status["last_reload"]["error"]
            .as_str()
            .unwrap()
            .contains("mtls-auht"),
        "{status:#}"
    );

    stack.change("kong.yaml", "name: mtls-auht", "name: mtls-auth");
    stack.reload_gateway().await;
    assert_eq!(stack.edge("public").cert("alice").get("/mtls").await.status, 401);
    let status = stack.status().get("/status").await.json();
    assert!(status["last_reload"]["error"].is_null(), "{status:#}");
}
