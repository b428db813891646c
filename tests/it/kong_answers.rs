//! What the gateway answers by itself is what Kong answers, word for word; why, is in the log.

use harness::answer::Answer;
use harness::client::Client;
use harness::stack::Stack;

const MISSING: &str = r#"{"message":"No required TLS certificate was sent"}"#;
const UNVERIFIED: &str = r#"{"message":"TLS certificate failed verification"}"#;

/// Kong's negotiated JSON, to the byte.
fn with_id(message: &str, answer: &Answer) -> String {
    let id = answer.request_id().unwrap();
    assert!(
        id.len() == 32
            && id
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)),
        "{id}"
    );
    format!("{{\n  \"message\":\"{message}\",\n  \"request_id\":\"{id}\"\n}}")
}

/// The same client by both versions of HTTP.
pub(crate) fn both(client: Client) -> [Client; 2] {
    [client.clone(), client.over_http2()]
}

#[tokio::test]
async fn refusals_of_certificates_are_kongs_to_the_byte() {
    let stack = Stack::with("answers.yaml").start().await;
    let unknown = |stack: &Stack| {
        let leaf = certs::Leaf::client("carol").email("carol@example.com");
        stack
            .edge("public")
            .with(stack.pki.leaf("clients-intermediate", leaf))
    };
    let as_name = |name: &str| stack.edge("public").cert(name);
    for (client, body, reason) in [
        (stack.edge("public"), MISSING, "certificate_missing"),
        (as_name("mallory"), UNVERIFIED, "certificate_untrusted"),
        (as_name("expired"), UNVERIFIED, "certificate_expired"),
        (as_name("revoked"), UNVERIFIED, "certificate_revoked"),
        (as_name("edge/client"), UNVERIFIED, "certificate_untrusted"),
        (unknown(&stack), UNVERIFIED, "consumer_not_found"),
    ] {
        for client in both(client) {
            let answer = client.get("/certificate").header("Accept", "text/html").await;
            assert_eq!(
                (answer.status.as_u16(), answer.text().as_str()),
                (401, body),
                "{reason}"
            );
            assert_eq!(
                answer.header("content-type").unwrap(),
                "application/json; charset=utf-8"
            );
            assert_eq!(stack.reason_of(&answer).await, reason);
            assert!(answer.header("x-kong-response-latency").is_some() && answer.header("via").is_none());
        }
    }
    assert_eq!(MISSING.len(), 50, "as seen of Kong");
    assert_eq!(stack.upstream.count(), 0);
}

#[tokio::test]
async fn refusals_of_groups_and_routes_are_kongs_to_the_byte() {
    let stack = Stack::with("answers.yaml").start().await;
    let bob = stack.edge("public").cert("bob");
    let nobody = stack.edge("public");
    for (client, path, status, message, reason) in [
        (
            &bob,
            "/partners",
            403,
            "You cannot consume this service",
            "acl_denied",
        ),
        (
            &nobody,
            "/unauthenticated",
            401,
            "Unauthorized",
            "acl_unauthenticated",
        ),
        (
            &nobody,
            "/nowhere",
            404,
            "no Route matched with those values",
            "no_route",
        ),
        (
            &nobody,
            "/no-service",
            503,
            "no Service found with those values",
            "no_service",
        ),
        (
            &nobody,
            "/lost-anonymous",
            500,
            "An unexpected error occurred",
            "consumer_not_found",
        ),
    ] {
        for client in both(client.clone()) {
            let answer = client.get(path).await;
            assert_eq!(
                (answer.status.as_u16(), answer.text()),
                (status, with_id(message, &answer)),
                "{path}"
            );
            assert_eq!(
                answer.header("content-type").unwrap(),
                "application/json; charset=utf-8"
            );
            assert_eq!(stack.reason_of(&answer).await, reason, "{path}");
            assert!(!answer.text().contains(reason), "the reason is for the operator");
        }
    }
    assert_eq!(stack.upstream.count(), 0);
}

#[tokio::test]
async fn the_form_of_a_refusal_is_negotiated() {
    let stack = Stack::with("answers.yaml").start().await;
    for (accept, content_type, begins) in [
        ("text/html", "text/html; charset=utf-8", "<!doctype html>"),
        ("application/xml", "application/xml; charset=utf-8", "<?xml"),
        (
            "text/plain",
            "text/plain; charset=utf-8",
            "no Route matched with those values\nrequest_id: ",
        ),
        (
            "text/plain;q=0.1, application/json",
            "application/json; charset=utf-8",
            "{\n  \"message\":\"no Route",
        ),
        (
            "image/png",
            "application/json; charset=utf-8",
            "{\n  \"message\":\"no Route",
        ),
    ] {
        let answer = stack
            .edge("public")
            .get("/nowhere")
            .header("Accept", accept)
            .await;
        assert_eq!(answer.status, 404);
        assert_eq!(answer.header("content-type").unwrap(), content_type, "{accept}");
        assert!(answer.text().starts_with(begins), "{accept}: {answer:?}");
    }
}

#[tokio::test]
async fn a_route_for_https_sends_http_away() {
    let stack = Stack::with("answers.yaml").start().await;
    let plain = stack.gateway_http();
    let upgrade = plain.get("/https-only").await;
    assert_eq!(
        (upgrade.status.as_u16(), upgrade.text()),
        (426, with_id("Please use HTTPS protocol", &upgrade))
    );
    assert_eq!(upgrade.header("connection").unwrap().to_lowercase(), "upgrade");
    assert_eq!(upgrade.header("upgrade").unwrap(), "TLS/1.2, HTTP/1.1");
    assert_eq!(stack.reason_of(&upgrade).await, "https_required");

    let moved = plain.clone().host("api.test:8000").get("/redirected?a=b").await;
    assert_eq!(moved.status, 301);
    assert_eq!(
        moved.header("location").unwrap(),
        "https://api.test/redirected?a=b"
    );

    let spoofed = plain
        .get("/https-only")
        .header("X-Forwarded-Proto", "https")
        .await;
    assert_eq!(spoofed.status, 426, "anybody can write that");
    for client in [stack.gateway(), stack.edge("public")] {
        assert_eq!(client.get("/https-only").await.status, 200);
    }
    assert_eq!(
        stack.edge("plain").get("/https-only").await.status,
        426,
        "http to the edge is http, whatever the hop is"
    );
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_502() {
    let stack = Stack::with("answers.yaml").start().await;
    for client in both(stack.edge("public")) {
        let answer = client.get("/refused").await;
        let id = answer.request_id().unwrap().to_owned();
        let text = format!("An invalid response was received from the upstream server\nrequest_id: {id}\n");
        assert_eq!((answer.status.as_u16(), answer.text()), (502, text));
        assert_eq!(
            answer.header("content-type").unwrap(),
            "text/plain; charset=utf-8"
        );
        assert_eq!(stack.reason_of(&answer).await, "upstream_unreachable");
    }
}

#[tokio::test]
async fn one_line_says_why() {
    let stack = Stack::with("answers.yaml").start().await;
    let bob = stack
        .edge("public")
        .cert("bob")
        .post("/partners?secret=1", "0123456789")
        .await;
    let line = stack.line_of(&bob).await;
    for (field, value) in [
        ("method", "POST"),
        ("path", "/partners"),
        ("route", "partners"),
        ("service", "echo"),
        ("source", "gateway"),
        ("client_ip", "127.0.0.1"),
        ("tls_version", "TLSv1.3"),
        ("sni", "gateway.internal"),
    ] {
        assert_eq!(line[field], value, "{field}");
    }
    assert_eq!(line["status"], 403);
    assert_eq!(line["consumer"]["username"], "bob@example.com");
    assert_eq!(line["decision"]["plugin"], "acl");
    assert_eq!(line["decision"]["verdict"], "deny");
    assert_eq!(line["decision"]["reason"], "acl_denied");
    let principal = &line["principals"][0];
    assert_eq!(principal["plugin"], "header-cert-auth");
    assert_eq!(principal["evidence"], "header");
    assert_eq!(principal["subject"], "CN=bob");
    assert_eq!(principal["certificate_sha256"].as_str().unwrap().len(), 64);
    assert!(!line.to_string().contains("secret") && !line.to_string().contains("BEGIN"));

    let alice = stack
        .edge("public")
        .cert("alice")
        .get("/partners/status/418")
        .await;
    let line = stack.line_of(&alice).await;
    assert_eq!(
        (line["status"].as_u64(), line["source"].as_str()),
        (Some(418), Some("upstream"))
    );
    assert_eq!(line["decision"]["verdict"], "allow");
    assert!(line["upstream_latency_ms"].is_u64() && line["response_bytes"].as_u64().unwrap() > 100);
}
