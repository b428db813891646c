//! What becomes of a certificate header on its way: who may write it, in which form it counts, where it ends.

use harness::client::Client;
use harness::stack::Stack;

use crate::hop_trust::{ABSENT, HEADER, assert_untrusted, with_header};

#[tokio::test]
async fn on_a_public_route_it_is_gone() {
    let stack = Stack::with("hop.yaml").start().await;
    for client in [
        stack.gateway(),
        stack.gateway_http(),
        stack.gateway().cert("edge/client"),
        stack.edge("public").cert("alice"),
        stack.edge("verify").cert("alice"),
        stack.edge("rfc9440").cert("alice"),
    ] {
        let answer = client
            .get("/public")
            .header(HEADER, &stack.clientcert_header("alice"))
            .header("X_Amzn.Mtls Clientcert".replace(' ', "-").as_str(), "x")
            .header("Client-Cert", ":AAAA:")
            .await;
        assert_eq!(answer.status, 200);
        for prefix in ["x-amzn-mtls", "x_amzn", "client-cert", "x-forwarded-client-cert"] {
            assert_eq!(answer.received_names(prefix), Vec::<String>::new());
        }
    }
    let accepted = stack.edge("public").cert("alice").get("/mtls").await;
    assert_eq!(
        accepted.received(HEADER).unwrap(),
        stack.clientcert_header("alice"),
        "where it was accepted it goes on"
    );
}

#[tokio::test]
async fn a_contradictory_header_is_an_error_from_an_edge_and_absent_from_others() {
    let stack = Stack::with("hop.yaml").without_edge().start().await;
    let good = stack.clientcert_header("alice");
    let good = good.as_str();
    for (what, lines) in [
        ("two lines", &[(HEADER, good), (HEADER, good)][..]),
        (
            "a second spelling",
            &[(HEADER, good), ("X_Amzn_Mtls_Clientcert", good)],
        ),
        ("another spelling alone", &[("X-Amzn.Mtls-Clientcert", good)]),
        ("empty", &[(HEADER, "")]),
        ("no PEM", &[(HEADER, "hello")]),
        ("cut off", &[(HEADER, &good[..200])]),
        ("a space for a plus", &[(HEADER, &good.replace('+', "%20"))]),
        (
            "a key beside it",
            &[(
                HEADER,
                &format!("{good}-----BEGIN%20PRIVATE%20KEY-----%0AAAAA%0A-----END%20PRIVATE%20KEY-----%0A"),
            )],
        ),
    ] {
        let send = async |client: Client, path: &str| {
            let call = client.get(path);
            lines
                .iter()
                .fold(call, |call, (name, value)| call.header(name, value))
                .await
        };
        for path in ["/mtls", "/anonymous"] {
            let edge = send(stack.gateway().cert("edge/client"), path).await;
            assert_eq!(edge.status, 400, "{what} from an edge to {path}");
            assert_eq!(stack.reason_of(&edge).await, "header_malformed", "{what}");
        }
        for client in [
            stack.gateway(),
            stack.gateway().cert("alice"),
            stack.gateway_http(),
        ] {
            assert_untrusted(&stack, &send(client.clone(), "/mtls").await).await;
            let anonymous = send(client, "/anonymous").await;
            assert_eq!(anonymous.status, 200, "{what} from others is an absence");
            assert_eq!(anonymous.received("x-anonymous-consumer").unwrap(), "true");
        }
    }
    let edge = stack.gateway().cert("edge/client");
    assert_eq!(
        with_header(&edge, &stack, "/mtls").await.status,
        200,
        "one good line is none of these"
    );
}

#[tokio::test]
async fn more_than_16_kib_is_431_at_either_tier_from_anyone() {
    let stack = Stack::with("hop.yaml").start().await;
    let (long, fits) = ("A".repeat(16 << 10), "A".repeat(8 << 10));
    for client in [
        stack.gateway(),
        stack.gateway_http(),
        stack.gateway().cert("edge/client"),
        stack.gateway().cert("edge/client").over_http2(),
        stack.edge("public"),
        stack.edge("public").cert("alice"),
        stack.edge("public").over_http2(),
        stack.edge("plain"),
    ] {
        for path in ["/mtls", "/public", "/anonymous"] {
            assert_eq!(client.get(path).header(HEADER, &long).await.status, 431, "{path}");
        }
        assert_eq!(client.get("/public").header(HEADER, &fits).await.status, 200);
    }
    assert!(
        stack
            .upstream
            .requests()
            .iter()
            .all(|request| request["path"] == "/")
    );
}

#[tokio::test]
async fn what_a_client_sends_through_an_edge_is_stripped_there() {
    let stack = Stack::with("hop.yaml").start().await;
    let forged = stack.clientcert_header("alice");
    for spelling in [
        HEADER,
        "x-amzn-mtls-clientcert",
        "X_AMZN_MTLS_CLIENTCERT",
        "X-Amzn.Mtls.Clientcert",
    ] {
        for listener in ["public", "off", "plain", "rfc9440"] {
            let answer = stack.edge(listener).get("/mtls").header(spelling, &forged).await;
            assert_eq!(
                (answer.status.as_u16(), answer.text().as_str()),
                (401, ABSENT),
                "{spelling} at {listener}"
            );
            assert_eq!(
                stack.reason_of(&answer).await,
                "certificate_missing",
                "{spelling} at {listener}"
            );
        }
        // Bob stays bob, whatever he writes.
        let bob = stack
            .edge("public")
            .cert("bob")
            .get("/mtls")
            .header(spelling, &forged)
            .await;
        assert_eq!(bob.status, 403, "{spelling}");
        let bob = stack
            .edge("verify")
            .cert("bob")
            .get("/verify")
            .header("X-Amzn-Mtls-Clientcert-Leaf", &forged)
            .await;
        assert_eq!(bob.status, 403, "{spelling}");
    }
    assert_eq!(stack.upstream.count(), 0);
    assert_eq!(
        stack
            .edge("public")
            .cert("alice")
            .get("/mtls")
            .header(HEADER, "forged")
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn connection_cannot_name_the_edges_own_header_away() {
    let stack = Stack::with("hop.yaml").start().await;
    let names = "close, X-Amzn-Mtls-Clientcert, X-Forwarded-For, X-Kong-Request-Id";
    let alice = stack
        .edge("public")
        .cert("alice")
        .get("/mtls")
        .header("Connection", names)
        .await;
    assert_eq!(alice.status, 200, "{alice:?}");
    assert_eq!(
        alice.received("x-consumer-username").unwrap(),
        "alice@example.com"
    );
    let bob = stack
        .edge("public")
        .cert("bob")
        .get("/anonymous")
        .header("Connection", names)
        .await;
    assert_eq!(
        bob.received("x-consumer-username").unwrap(),
        "bob@example.com",
        "nobody becomes anonymous by it"
    );
}

#[tokio::test]
async fn identity_headers_in_trailers_go_nowhere() {
    let stack = Stack::with("hop.yaml").start().await;
    let forged = stack.clientcert_header("alice");
    let request = |path: &str, host: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\nConnection: close\r\n\
             Trailer: {HEADER}\r\n\r\n2\r\nhi\r\n0\r\n{HEADER}: {forged}\r\nX-Consumer-Username: mallet\r\nX-Checksum: 1\r\n\r\n"
        )
    };
    for client in [stack.edge("public"), stack.gateway().cert("edge/client")] {
        let refused = client
            .raw(request("/mtls", "edge.test").as_bytes())
            .await
            .unwrap();
        assert!(refused.starts_with("HTTP/1.1 401 "), "{refused}");
        let passed = client
            .raw(request("/public", "edge.test").as_bytes())
            .await
            .unwrap();
        assert!(
            passed.starts_with("HTTP/1.1 200 ") && passed.contains("\"body\": \"hi\""),
            "{passed}"
        );
        let echo = passed.to_lowercase();
        assert!(
            !echo.contains("clientcert") && !echo.contains("mallet"),
            "{passed}"
        );
    }
    // The echo of the request that passed tells its trailers too.
}

#[tokio::test]
async fn a_header_that_no_edge_strips_cannot_be_read_from_one() {
    let plan = || Stack::with("custom_header.yaml");
    let refusal = plan()
        .refusal()
        .expect("nobody strips X-Corp-Client-Pem")
        .to_string();
    assert!(
        refusal.contains("error[unstripped-header]") && refusal.contains("kong.yaml:"),
        "{refusal}"
    );

    let stack = plan()
        .gateway("trusted_edge_headers", "X-Corp-Client-Pem")
        .edge("LISTENERS__PUBLIC__STRIP_HEADERS", "X-Corp-Client-Pem")
        .start()
        .await;
    let forged = stack.clientcert_header("alice");
    for spelling in ["X-Corp-Client-Pem", "x_corp.client-pem"] {
        let answer = stack
            .edge("public")
            .get("/custom")
            .header(spelling, &forged)
            .await;
        assert_eq!(answer.status, 401, "{spelling}");
        assert_eq!(
            stack.reason_of(&answer).await,
            "certificate_missing",
            "{spelling}"
        );
    }
    let edge = stack
        .gateway()
        .cert("edge/client")
        .get("/custom")
        .header("X-Corp-Client-Pem", &forged);
    assert_eq!(edge.await.status, 200);
}
