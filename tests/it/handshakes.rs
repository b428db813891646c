//! Who is asked for a certificate, and what happens to a request whose handshake did not ask.

use harness::stack::{Plan, Stack};

/// No edge anywhere: certificates are asked for where a plugin wants them, and nowhere else.
fn no_edges(document: &str) -> Plan {
    Stack::with(document)
        .without_edge()
        .gateway("trusted_edges", "")
        .gateway("trusted_edge_ca", "")
        .gateway("trusted_edge_revocation_lists", "")
}

/// From the next reload on, `/public` wants a certificate.
fn protect_public(stack: &Stack) {
    let plugin = "paths: [/public]\n        plugins:\n          - name: mtls-auth\n            config:\n              \
                  ca_certificates: [c1a00000-0000-4000-8000-000000000001, c1a00000-0000-4000-8000-000000000002]";
    stack.change("kong.yaml", "paths: [/public]", plugin);
}

#[tokio::test]
async fn a_certificate_is_asked_for_under_the_names_of_the_routes_that_want_one() {
    let stack = no_edges("sni.yaml").start().await;
    let (asked, other) = (stack.gateway(), stack.gateway_as("gateway.test"));
    for (client, path, status) in [
        (asked.clone(), "/by-path", 401),
        (asked.clone().cert("alice"), "/by-path", 200),
        (asked.clone().cert("bob"), "/by-path", 401),
        (asked.clone(), "/public", 200),
        (other.clone().cert("alice"), "/public", 200),
        // The route is not there under another name, and nobody is asked for a certificate.
        (other.clone().cert("alice"), "/by-path", 404),
        // Host says one name, the handshake said another: names are never compared, the route's snis decide.
        (other.cert("alice").host("secure.test"), "/", 404),
    ] {
        let answer = client.get(path).await;
        assert_eq!(answer.status, status, "{client:?} {path}");
    }
}

#[tokio::test]
async fn a_request_that_would_need_another_handshake_is_misdirected() {
    let stack = no_edges("sni.yaml").start().await;
    let client = stack.gateway_as("gateway.test");
    let mut old = client.clone().cert("alice").connect().await.unwrap();
    assert_eq!(old.get("/public").await.unwrap().status, 200);

    protect_public(&stack);
    stack.reload_gateway().await;
    let misdirected = old.get("/public").await.unwrap();
    assert_eq!(
        misdirected.status, 421,
        "this connection was never asked: {misdirected:?}"
    );
    assert_eq!(client.get("/public").await.status, 401, "asked, and none came");
    assert_eq!(client.cert("alice").get("/public").await.status, 200);
}

#[tokio::test]
async fn where_edges_are_named_everybody_is_asked() {
    let stack = Stack::with("sni.yaml").without_edge().start().await;
    // The certificate comes although this name's routes want none: a route that is added later can judge it.
    let mut old = stack
        .gateway_as("gateway.test")
        .cert("alice")
        .connect()
        .await
        .unwrap();
    protect_public(&stack);
    stack.reload_gateway().await;
    assert_eq!(old.get("/public").await.unwrap().status, 200);
}
