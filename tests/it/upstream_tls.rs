//! The gateway shows itself to upstreams, and believes none that it cannot verify.

use harness::stack::Stack;

#[tokio::test]
async fn an_upstream_sees_the_gateways_certificate_and_is_verified() {
    let stack = Stack::with("hop.yaml").start().await;
    let echo = stack.edge("public").get("/to-tls").await;
    assert_eq!(echo.status, 200, "{echo:?}");
    assert_eq!(echo.json()["client_certificate"], "CN=gateway.internal");
    let plain = stack.edge("public").get("/public").await;
    assert!(plain.json()["client_certificate"].is_null());
}

#[tokio::test]
async fn an_upstream_of_another_authority_is_502() {
    let stack = Stack::with("hop.yaml")
        .gateway("lua_ssl_trusted_certificate", "pki/ca/clients.pem")
        .start()
        .await;
    let answer = stack.edge("public").get("/to-tls").await;
    assert_eq!(answer.status, 502, "{answer:?}");
    assert!(
        answer
            .text()
            .starts_with("An invalid response was received from the upstream server")
    );
    assert_eq!(stack.reason_of(&answer).await, "upstream_tls");
    assert_eq!(
        stack.upstream.count(),
        0,
        "no request, and so no header, was given to it"
    );
}

#[tokio::test]
async fn without_client_ssl_nothing_is_shown() {
    let stack = Stack::with("hop.yaml").gateway("client_ssl", "off").start().await;
    let echo = stack.edge("public").get("/to-tls").await;
    assert_eq!(echo.status, 200);
    assert!(echo.json()["client_certificate"].is_null());
}

#[tokio::test]
async fn an_edge_believes_no_gateway_of_another_name_or_authority() {
    for (key, value) in [
        ("TARGET_GROUPS__GATEWAY__TLS__SERVER_NAME", "other.internal"),
        ("TARGET_GROUPS__GATEWAY__TLS__TRUST_STORE", "pki/ca/clients.pem"),
    ] {
        let stack = Stack::with("hop.yaml").edge(key, value).start().await;
        let answer = stack.edge("public").cert("alice").get("/mtls").await;
        assert_eq!(answer.status, 502, "{key}");
        assert!(answer.request_id().is_none(), "the gateway got no request");
        assert_eq!(stack.lines().len(), 0);
    }
}
