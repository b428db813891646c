//! Who may carry a certificate for somebody else: the table of the trust model, row by row. The header is always good
//! for alice; what differs is who brings it.

use certs::{Leaf, Usage, Validity};
use harness::answer::Answer;
use harness::client::Client;
use harness::stack::{Stack, eventually};

/// The header of an ALB in passthrough mode.
pub(crate) const HEADER: &str = "X-Amzn-Mtls-Clientcert";
/// The answer as if nothing had been sent.
pub(crate) const ABSENT: &str = r#"{"message":"No required TLS certificate was sent"}"#;

/// Refused as if there had been no header, and counted as what it was.
pub(crate) async fn assert_untrusted(stack: &Stack, answer: &Answer) {
    assert_eq!((answer.status.as_u16(), answer.text().as_str()), (401, ABSENT));
    assert_eq!(stack.reason_of(answer).await, "header_untrusted_source");
}

/// A request that brings alice's certificate in the header.
pub(crate) async fn with_header(client: &Client, stack: &Stack, path: &str) -> Answer {
    client
        .get(path)
        .header(HEADER, &stack.clientcert_header("alice"))
        .await
}

#[tokio::test]
async fn from_an_edge_it_counts() {
    let stack = Stack::with("hop.yaml").start().await;
    for client in [
        stack.edge("public").cert("alice"),
        stack.edge("public").cert("alice").over_http2(),
    ] {
        let answer = client.get("/mtls").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(
            answer.received("x-consumer-username").unwrap(),
            "alice@example.com"
        );
    }
    let edge = stack.gateway().cert("edge/client");
    assert_eq!(
        with_header(&edge, &stack, "/mtls").await.status,
        200,
        "whoever has the edge's key is the edge"
    );
}

#[tokio::test]
async fn from_nobody_and_from_anybody_else_it_does_not() {
    let stack = Stack::with("hop.yaml").start().await;
    let named = |leaf: Leaf| leaf.dns("edge.internal");
    let edge = || named(Leaf::client("edge.internal"));
    let internal = |leaf| stack.gateway().with(stack.pki.leaf("internal", leaf));
    for (who, client) in [
        ("nobody", stack.gateway()),
        ("nobody, in plain HTTP", stack.gateway_http()),
        ("a client", stack.gateway().cert("alice")),
        ("a tier that is no edge", stack.gateway().cert("gateway/client")),
        ("a server", internal(named(Leaf::server("edge.internal")))),
        (
            "an edge that has expired",
            internal(edge().validity(Validity::ended_days_ago(1))),
        ),
        (
            "an edge that is not yet valid",
            internal(edge().validity(Validity::starts_in_days(1))),
        ),
        ("an edge for e-mail", internal(edge().usages([Usage::Email]))),
        (
            "an edge by common name only",
            internal(Leaf::client("edge.internal")),
        ),
        (
            "an edge's name from the clients' authority",
            stack
                .gateway()
                .with(stack.pki.leaf("clients-intermediate", edge())),
        ),
    ] {
        let answer = with_header(&client, &stack, "/mtls").await;
        assert_eq!(
            (answer.status.as_u16(), answer.text().as_str()),
            (401, ABSENT),
            "{who}"
        );
        assert_eq!(stack.reason_of(&answer).await, "header_untrusted_source", "{who}");
    }
    let metrics = stack.status().get("/metrics").await.text();
    assert!(
        metrics.contains("gateway_refused_total{reason=\"header_untrusted_source\"} 10\n"),
        "each is counted: {metrics}"
    );
    let good = internal(edge());
    assert_eq!(
        with_header(&good, &stack, "/mtls").await.status,
        200,
        "the same made well"
    );
    assert_eq!(stack.upstream.count(), 1);
}

#[tokio::test]
async fn an_edge_that_is_revoked_loses_the_right_in_the_middle_of_a_connection() {
    let stack = Stack::with("hop.yaml").start().await;
    let edge = stack.gateway().cert("edge/client");
    let mut session = edge.connect().await.unwrap();
    let call = || {
        edge.get("/mtls")
            .header(HEADER, &stack.clientcert_header("alice"))
    };
    assert_eq!(session.send(call()).await.unwrap().status, 200);

    stack.pki.revoke("edge/client").unwrap();
    stack.reload_gateway().await;
    let answer = session.send(call()).await.unwrap();
    assert_untrusted(&stack, &answer).await;
    assert_untrusted(&stack, &stack.edge("public").cert("alice").get("/mtls").await).await;
    assert_eq!(
        session.get("/public").await.unwrap().status,
        200,
        "the connection itself stays"
    );
}

#[tokio::test]
async fn an_edge_that_expires_loses_the_right_in_the_middle_of_a_connection() {
    let stack = Stack::with("hop.yaml").without_edge().start().await;
    let leaf = Leaf::client("edge.internal")
        .dns("edge.internal")
        .validity(Validity::seconds(3));
    let edge = stack.gateway().with(stack.pki.leaf("internal", leaf));
    let mut session = edge.connect().await.unwrap();
    let call = || {
        edge.get("/mtls")
            .header(HEADER, &stack.clientcert_header("alice"))
    };
    assert_eq!(session.send(call()).await.unwrap().status, 200);
    let refused = eventually("the end of the edge's certificate", async || {
        session
            .send(call())
            .await
            .ok()
            .filter(|answer| answer.status != 200)
    });
    let refused = refused.await;
    assert_untrusted(&stack, &refused).await;
}

#[tokio::test]
async fn where_edges_are_named_an_address_is_not_enough() {
    let stack = Stack::with("hop.yaml")
        .gateway("trusted_ips", "127.0.0.1")
        .start()
        .await;
    for client in [
        stack.gateway(),
        stack.gateway_http(),
        stack.gateway().cert("alice"),
    ] {
        assert_untrusted(&stack, &with_header(&client, &stack, "/mtls").await).await;
    }
    assert_eq!(stack.edge("public").cert("alice").get("/mtls").await.status, 200);
}

#[tokio::test]
async fn where_only_addresses_are_named_they_decide() {
    let only_addresses = |addresses: &str| {
        Stack::with("hop.yaml")
            .gateway("trusted_edges", "")
            .gateway("trusted_edge_ca", "")
            .gateway("trusted_edge_revocation_lists", "")
            .gateway("trusted_ips", addresses)
    };
    let inside = only_addresses("10.0.0.0/8, 127.0.0.0/8").start().await;
    for client in [
        inside.gateway(),
        inside.gateway_http(),
        inside.edge("public").cert("alice"),
    ] {
        assert_eq!(with_header(&client, &inside, "/mtls").await.status, 200);
    }
    let outside = only_addresses("10.0.0.0/8").start().await;
    for client in [
        outside.gateway(),
        outside.gateway_http(),
        outside.edge("public").cert("alice"),
    ] {
        assert_untrusted(&outside, &with_header(&client, &outside, "/mtls").await).await;
    }
}

#[tokio::test]
async fn where_nobody_is_named_the_gateway_does_not_start() {
    let nobody = || {
        Stack::with("hop.yaml")
            .gateway("trusted_edges", "")
            .gateway("trusted_edge_ca", "")
            .gateway("trusted_edge_revocation_lists", "")
    };
    let refusal = nobody()
        .refusal()
        .expect("secure_source wants a source")
        .to_string();
    assert!(
        refusal.contains("kong.yaml:") && refusal.contains("trusted_edges"),
        "{refusal}"
    );
    assert!(nobody().gateway("trusted_ips", "127.0.0.1").refusal().is_none());
}

#[tokio::test]
async fn secure_source_false_is_honoured_unless_edges_are_named() {
    let insecure = || Stack::with("insecure_source.yaml").without_edge();
    let anybody = insecure()
        .gateway("trusted_edges", "")
        .gateway("trusted_edge_ca", "")
        .gateway("trusted_edge_revocation_lists", "")
        .start()
        .await;
    assert_eq!(
        with_header(&anybody.gateway(), &anybody, "/mtls").await.status,
        200
    );
    let status = anybody.status().get("/status").await.json();
    let warnings = status["warnings"].to_string();
    assert!(warnings.contains("secure_source"), "{warnings}");

    let edges = insecure().start().await;
    assert_untrusted(&edges, &with_header(&edges.gateway(), &edges, "/mtls").await).await;
    assert_eq!(
        with_header(&edges.gateway().cert("edge/client"), &edges, "/mtls")
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn without_a_certificate_the_edge_sends_no_header() {
    let stack = Stack::with("hop.yaml").start().await;
    for listener in ["public", "off", "plain"] {
        let answer = stack.edge(listener).get("/mtls").await;
        assert_eq!(
            (answer.status.as_u16(), answer.text().as_str()),
            (401, ABSENT),
            "{listener}"
        );
        assert_eq!(
            stack.reason_of(&answer).await,
            "certificate_missing",
            "{listener}"
        );
        let anonymous = stack.edge(listener).get("/anonymous").await;
        assert_eq!(anonymous.status, 200, "{listener}");
        assert_eq!(anonymous.received("x-consumer-username").unwrap(), "guest");
        assert_eq!(anonymous.received("x-anonymous-consumer").unwrap(), "true");
        assert_eq!(anonymous.received("x-credential-identifier"), None);
    }
    let known = stack.edge("public").cert("alice").get("/anonymous").await;
    assert_eq!(
        known.received("x-consumer-username").unwrap(),
        "alice@example.com"
    );
    assert_eq!(known.received("x-anonymous-consumer"), None);
}

#[tokio::test]
async fn an_edge_in_verify_mode_sends_the_leaf_alone() {
    let stack = Stack::with("hop.yaml").start().await;
    let alice = stack.edge("verify").cert("alice").get("/verify").await;
    assert_eq!(alice.status, 200);
    assert_eq!(
        alice.received("x-consumer-username").unwrap(),
        "alice@example.com"
    );
    assert!(
        alice
            .received("x-amzn-mtls-clientcert-leaf")
            .unwrap()
            .starts_with("-----BEGIN%20CERTIFICATE-----%0A")
    );
    assert_eq!(
        alice.received_names("x-amzn-mtls"),
        ["x-amzn-mtls-clientcert-leaf"],
        "the other four are display data"
    );
    assert_eq!(stack.edge("verify").cert("bob").get("/verify").await.status, 403);
    assert_eq!(
        stack.edge("verify").cert("alice").get("/mtls").await.status,
        401,
        "and no chain"
    );
    for refused in ["mallory", "expired", "revoked"] {
        let before = stack.upstream.count();
        stack
            .edge("verify")
            .cert(refused)
            .get("/verify")
            .outcome()
            .await
            .unwrap_err();
        assert_eq!(stack.upstream.count(), before);
    }
    stack.edge("verify").get("/public").outcome().await.unwrap_err();
}

#[tokio::test]
async fn forwarded_headers_are_believed_from_an_edge_and_from_trusted_addresses() {
    let stack = Stack::with("hop.yaml").start().await;
    let spoofed = |client: Client| async move {
        let call = client.get("/public").header("X-Forwarded-For", "203.0.113.9");
        let call = call
            .header("X-Forwarded-Proto", "ftp")
            .header("X-Forwarded-Port", "1");
        call.header("X-Real-IP", "203.0.113.9")
            .header("X-Forwarded-Host", "evil.test")
            .await
    };
    let nobody = spoofed(stack.gateway()).await;
    assert_eq!(
        nobody.received("x-forwarded-for").unwrap(),
        "203.0.113.9, 127.0.0.1"
    );
    assert_eq!(nobody.received("x-forwarded-proto").unwrap(), "https");
    assert_eq!(nobody.received("x-forwarded-host").unwrap(), "gateway.internal");
    assert_eq!(nobody.received("x-real-ip").unwrap(), "127.0.0.1");
    assert_eq!(stack.line_of(&nobody).await["client_ip"], "127.0.0.1");

    let edge = spoofed(stack.gateway().cert("edge/client")).await;
    assert_eq!(
        edge.received("x-forwarded-for").unwrap(),
        "203.0.113.9, 127.0.0.1"
    );
    assert_eq!(edge.received("x-forwarded-proto").unwrap(), "ftp");
    assert_eq!(edge.received("x-real-ip").unwrap(), "203.0.113.9");
    assert_eq!(stack.line_of(&edge).await["client_ip"], "203.0.113.9");

    let through = spoofed(stack.edge("public")).await;
    assert_eq!(
        through.received("x-forwarded-for").unwrap(),
        "203.0.113.9, 127.0.0.1, 127.0.0.1"
    );
    assert_eq!(
        through.received("x-forwarded-proto").unwrap(),
        "https",
        "the edge's word"
    );
    assert_eq!(
        stack.line_of(&through).await["client_ip"],
        "127.0.0.1",
        "the edge's peer"
    );
}
