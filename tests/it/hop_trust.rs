//! Who may carry a certificate for somebody else: the table of the trust model, row by row. The header is always good
//! for alice; what differs is who brings it.

use certs::{Leaf, Usage, Validity};
use harness::answer::Answer;
use harness::client::Client;
use harness::stack::{Stack, eventually};

const HEADER: &str = "X-Amzn-Mtls-Clientcert";
/// As if nothing had been sent.
const ABSENT: &str = r#"{"message":"No required TLS certificate was sent"}"#;

/// Refused as if there had been no header, and counted as what it was.
async fn assert_untrusted(stack: &Stack, answer: &Answer) {
    assert_eq!((answer.status.as_u16(), answer.text().as_str()), (401, ABSENT));
    assert_eq!(stack.reason_of(answer).await, "header_untrusted_source");
}

async fn with_header(client: &Client, stack: &Stack, path: &str) -> Answer {
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
