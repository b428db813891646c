//! The headers that upstreams and clients get are Kong's, and nobody else writes them.

use harness::stack::Stack;

use crate::kong_answers::both;

#[tokio::test]
async fn the_upstream_learns_who_the_consumer_is() {
    let stack = Stack::with("answers.yaml").start().await;
    for client in both(stack.edge("public").cert("alice")) {
        let echo = client.get("/partners/x?y=z").await;
        for (name, value) in [
            // UUIDv5 of the username, as Kong makes it.
            ("X-Consumer-ID", "6d7c19e1-f3d0-54ae-b3a4-f53011a1dc8d"),
            ("X-Consumer-Username", "alice@example.com"),
            ("X-Consumer-Custom-ID", "alice-1"),
            ("X-Credential-Identifier", "alice@example.com"),
            ("X-Consumer-Groups", "partners, early-birds"),
        ] {
            assert_eq!(echo.received(name).as_deref(), Some(value), "{name}");
        }
        for name in [
            "X-Anonymous-Consumer",
            "X-Authenticated-Groups",
            "X-Client-Cert-Dn",
            "X-Client-Cert-San",
        ] {
            assert_eq!(echo.received(name), None, "{name}");
        }
        assert_eq!(
            (echo.json()["path"].as_str(), echo.json()["query"].as_str()),
            (Some("/x"), Some("y=z"))
        );
    }
    let hidden = stack.edge("public").cert("alice").get("/hidden").await;
    assert_eq!(hidden.received("x-consumer-groups"), None);
    let bob = stack.edge("public").cert("bob").get("/certificate").await;
    assert_eq!(bob.received("x-consumer-custom-id"), None, "bob has none");
    assert_eq!(
        bob.received("x-consumer-groups"),
        None,
        "there is no acl to tell them"
    );

    let group = stack.edge("public").cert("alice").get("/no-consumer").await;
    assert_eq!(group.received("x-client-cert-dn").as_deref(), Some("CN=alice"));
    assert_eq!(
        group.received("x-client-cert-san").as_deref(),
        Some("alice@example.com")
    );
    assert_eq!(group.received("x-authenticated-groups").as_deref(), Some("alice"));
    assert_eq!(group.received_names("x-consumer"), Vec::<String>::new());
    assert_eq!(
        stack.edge("public").cert("bob").get("/no-consumer").await.status,
        403
    );
}

#[tokio::test]
async fn what_a_client_says_about_itself_goes_nowhere() {
    let stack = Stack::with("answers.yaml").start().await;
    let names = [
        "X-Consumer-ID",
        "X-Consumer-Username",
        "x_consumer_username",
        "X-Consumer.Groups",
        "X-Consumer-Custom-ID",
        "X-Credential-Identifier",
        "X-Anonymous-Consumer",
        "X-Authenticated-Groups",
        "X-Client-Cert-Dn",
        "X-Client-Cert-San",
        "X-Principal-Mtls-Auth",
        "X-Client-Cert",
        "X-Forwarded-Client-Cert",
        "ssl-client-subject-dn",
    ];
    for client in [
        stack.edge("public"),
        stack.gateway(),
        stack.gateway_http(),
        stack.gateway().cert("edge/client"),
    ] {
        let call = names
            .iter()
            .fold(client.get("/public"), |call, name| call.header(name, "mallet"));
        let echo = call.header("X-Other", "stays").await;
        assert_eq!(echo.status, 200);
        assert_eq!(echo.received("x-other").as_deref(), Some("stays"));
        assert!(!echo.text().contains("mallet"), "{}", echo.text());
    }
    let bob = stack
        .edge("public")
        .cert("bob")
        .get("/partners")
        .header("X-Consumer-Groups", "partners");
    assert_eq!(bob.await.status, 403);
}

#[tokio::test]
async fn headers_to_the_upstream_and_back_are_kongs() {
    let stack = Stack::with("answers.yaml").start().await;
    let call = stack
        .gateway()
        .get("/public/a%20b?q=1")
        .header("X-Kong-Request-Id", "feedface");
    let call = call
        .header("Connection", "keep-alive, X-Drop")
        .header("X-Drop", "1")
        .header("TE", "trailers");
    let echo = call
        .header("Proxy-Authorization", "Basic eA==")
        .header("Via", "1.0 fred")
        .await;
    let port = stack.gateway().address().port().to_string();
    for (name, value) in [
        ("X-Forwarded-For", Some("127.0.0.1")),
        ("X-Forwarded-Proto", Some("https")),
        ("X-Forwarded-Host", Some("gateway.internal")),
        ("X-Forwarded-Port", Some(port.as_str())),
        ("X-Forwarded-Path", Some("/public/a%20b")),
        ("X-Forwarded-Prefix", Some("/public")),
        ("X-Real-IP", Some("127.0.0.1")),
        ("X-Kong-Request-Id", echo.request_id()),
        ("Connection", Some("keep-alive")),
        ("TE", Some("trailers")),
        ("X-Drop", None),
        ("Proxy-Authorization", Some("Basic eA==")),
    ] {
        assert_eq!(echo.received(name).as_deref(), value, "{name}");
    }
    let compressed = stack.gateway().get("/public").header("TE", "gzip").await;
    assert_eq!(compressed.received("te"), None, "only trailers survives");
    let via = echo.received("via").unwrap();
    assert!(
        via.starts_with("1.0 fred") && via.ends_with("1.1 api-gateway"),
        "{via}"
    );
    assert_ne!(echo.request_id().unwrap(), "feedface");
    for name in [
        "via",
        "x-kong-proxy-latency",
        "x-kong-upstream-latency",
        "x-kong-request-id",
    ] {
        assert!(echo.header(name).is_some(), "{name}");
    }
    assert!(echo.header("server").is_none());

    let whole = stack.gateway().host("api.example:1234").get("/whole/a").await;
    assert_eq!(whole.json()["path"], "/whole/a");
    assert_eq!(
        whole.received("host").as_deref(),
        Some("api.example:1234"),
        "preserve_host"
    );
    assert_eq!(whole.received("x-forwarded-prefix"), None, "nothing was stripped");
}
