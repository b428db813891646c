//! What a route answers by itself: https demanded, no service, no route, nothing that could be read; in which words and
//! in which form.

use harness::client::Client;
use harness::stack::Stack;
use http::{Method, Version};

use crate::kong_answers::both;

pub(crate) async fn answers() -> Stack {
    Stack::with("routed_answers.yaml")
        .without_trusted_edges()
        .gateway("trusted_ips", "127.0.0.1")
        .start()
        .await
}

#[tokio::test]
async fn http_is_sent_away_in_five_ways() {
    let stack = answers().await;
    let plain = stack.gateway_http();
    for (path, status, moves) in [
        ("/https-only", 426, false),
        ("/upgrade", 426, false),
        ("/moved", 301, true),
        ("/found", 302, true),
        ("/temporary", 307, true),
        ("/permanent", 308, true),
    ] {
        for (host, name) in [
            ("api.test", "api.test"),
            ("API.test:8000", "API.test"),
            ("[::1]:8000", "[::1]"),
        ] {
            for query in ["", "?", "?a=b&c=%2F", "/x//y?z"] {
                let answer = plain
                    .clone()
                    .host(host)
                    .request(Method::POST, &format!("{path}{query}"));
                let answer = answer.await;
                assert_eq!(answer.status, status, "{host}{path}{query}");
                let message = (!moves).then_some("Please use HTTPS protocol");
                assert_eq!(answer.message().as_deref(), message, "{host}{path}{query}");
                assert_eq!(answer.text().is_empty(), moves, "{host}{path}{query}");
                let location = format!("https://{name}{path}{query}");
                assert_eq!(
                    answer.header("location"),
                    moves.then_some(location.as_str()),
                    "{host}{path}{query}"
                );
                let upgrade = (!moves).then_some("TLS/1.2, HTTP/1.1");
                assert_eq!(answer.header("upgrade"), upgrade, "{path}");
            }
        }
        for client in both(stack.gateway()) {
            assert_eq!(client.get(path).await.status, 200, "{path} over TLS");
        }
    }
    assert_eq!(stack.upstream.count(), 12, "and nothing of http went on");
}

/// The scheme is what the connection is, or what a trusted address says: exactly `https`.
#[tokio::test]
async fn a_trusted_address_can_say_https() {
    let trusted = answers().await;
    let untrusted = Stack::with("routed_answers.yaml").without_edge().start().await;
    let ask = async |client: Client, said: &[&str]| {
        let call = said.iter().fold(client.get("/https-only"), |call, scheme| {
            call.header("X-Forwarded-Proto", scheme)
        });
        call.await.status.as_u16()
    };
    for (said, over_http, over_tls) in [
        (&[][..], 426, 200),
        (&["https"], 200, 200),
        (&["http"], 426, 426),
        (&["httpsa"], 426, 426),
        (&["HTTPS"], 426, 426),
        (&["https, http"], 426, 426),
        (&[""], 426, 426),
        (&["http", "https"], 426, 426),
    ] {
        assert_eq!(ask(trusted.gateway_http(), said).await, over_http, "{said:?}");
        assert_eq!(ask(trusted.gateway(), said).await, over_tls, "{said:?}");
        assert_eq!(
            ask(untrusted.gateway_http(), said).await,
            426,
            "{said:?} of anybody"
        );
        assert_eq!(ask(untrusted.gateway(), said).await, 200, "{said:?} of anybody");
    }
}

/// Whether over TLS, the path, whose certificate is in the header, and the answer with its reason.
type Answered = (
    bool,
    &'static str,
    Option<&'static str>,
    u16,
    &'static str,
    &'static str,
);

#[rustfmt::skip]
const ORDER: [Answered; 11] = [
    (true, "/disabled", None, 404, "no Route matched with those values", "no_route"),
    (true, "/nowhere", None, 404, "no Route matched with those values", "no_route"),
    (true, "/no-service", None, 503, "no Service found with those values", "no_service"),
    (false, "/no-service-https", None, 426, "Please use HTTPS protocol", "https_required"),
    (true, "/no-service-https", None, 503, "no Service found with those values", "no_service"),
    // Who may not pass does not learn that there is nothing behind.
    (true, "/no-service-protected", None, 401, "No required TLS certificate was sent", "certificate_missing"),
    (true, "/no-service-protected", Some("mallory"), 401, "TLS certificate failed verification", "certificate_untrusted"),
    (true, "/no-service-protected", Some("bob"), 403, "You cannot consume this service", "acl_denied"),
    (true, "/no-service-protected", Some("alice"), 503, "no Service found with those values", "no_service"),
    // And https comes before both: credentials are not judged, nor asked for, over http.
    (false, "/protected-https-only", None, 426, "Please use HTTPS protocol", "https_required"),
    (true, "/protected-https-only", None, 401, "Unauthorized", "acl_unauthenticated"),
];

#[tokio::test]
async fn what_routing_answers_comes_before_plugins_and_a_missing_service_after() {
    let stack = answers().await;
    for (tls, path, who, status, message, reason) in ORDER {
        let clients = if tls {
            both(stack.gateway()).to_vec()
        } else {
            vec![stack.gateway_http()]
        };
        for client in clients {
            let call = who.into_iter().fold(client.get(path), |call, who| {
                call.header("X-Amzn-Mtls-Clientcert", &stack.clientcert_header(who))
            });
            let answer = call.await;
            assert_eq!(
                (answer.status.as_u16(), answer.message().as_deref()),
                (status, Some(message)),
                "{path} {who:?}"
            );
            assert_eq!(stack.reason_of(&answer).await, reason, "{path} {who:?}");
        }
    }
    assert_eq!(stack.upstream.count(), 0);
    let beside = stack.gateway().get("/public/disabled").await;
    assert_eq!(stack.line_of(&beside).await["route"], "public");
}

/// Sends bytes over a connection that is closed after the answer.
async fn raw(client: &Client, lines: &[&str]) -> String {
    let request = format!("{}\r\n\r\n", lines.join("\r\n"));
    client.raw(request.as_bytes()).await.unwrap()
}

#[tokio::test]
async fn a_request_names_one_host() {
    let stack = answers().await;
    let close = "Connection: close";
    for (lines, status) in [
        (&["GET /public HTTP/1.1", close][..], "400"),
        (&["GET /public HTTP/1.1", close, "Host:"], "400"),
        (&["GET /public HTTP/1.1", close, "Host: a.test"], "200"),
        (
            &["GET /public HTTP/1.1", close, "Host: a.test", "Host: a.test"],
            "400",
        ),
        (
            &["GET /public HTTP/1.1", close, "Host: a.test", "host: b.test"],
            "400",
        ),
        (&["GET /public HTTP/1.1", close, "Host: a.t\u{e9}st"], "400"),
        (
            &["GET http://a.test/public HTTP/1.1", close, "Host: b.test"],
            "200",
        ),
        (
            &[
                "GET http://a.test/public HTTP/1.1",
                close,
                "Host: b.test",
                "Host: c.test",
            ],
            "400",
        ),
        (&["GET /public HTTP/1.0"], "200"),
        (&["GET /public HTTP/1.0", "Host: a.test", "Host: b.test"], "400"),
    ] {
        for client in [stack.gateway(), stack.gateway_http()] {
            let answer = raw(&client, lines).await;
            assert_eq!(&answer[9..12], status, "{lines:?}");
            if status == "400" {
                assert!(answer.contains("\r\n\r\nBad request\nrequest_id: "), "{answer}");
            }
        }
    }
}

#[tokio::test]
async fn methods_that_open_tunnels_or_show_headers_are_not_allowed() {
    let stack = answers().await;
    for (lines, status) in [
        (
            ["TRACE /public HTTP/1.1", "Host: a.test", "Connection: close"],
            "405",
        ),
        (
            ["CONNECT a.test:443 HTTP/1.1", "Host: a.test", "Connection: close"],
            "405",
        ),
        (
            ["OPTIONS /public HTTP/1.1", "Host: a.test", "Connection: close"],
            "200",
        ),
    ] {
        for client in [stack.gateway(), stack.gateway_http()] {
            let answer = raw(&client, &lines).await;
            assert_eq!(&answer[9..12], status, "{lines:?}: {answer}");
        }
    }
    let trace = stack
        .gateway()
        .over_http2()
        .request(Method::TRACE, "/public")
        .await;
    assert_eq!(trace.status, 405);
    assert_eq!(trace.text().lines().next(), Some("Method not allowed"));
}

/// `grpc` is Kong's; what is not built is refused with its place, never served as something else.
#[tokio::test]
async fn routes_of_other_protocols_are_refused_with_their_place() {
    for (protocols, words) in [
        ("[grpc]", "only http and https routes are supported yet"),
        ("[grpcs]", "only http and https routes are supported yet"),
        ("[grpc, grpcs]", "only http and https routes are supported yet"),
        ("[http, grpc]", "only http and https routes are supported yet"),
        ("[tcp]", "only http and https routes are supported yet"),
        (
            "[tls_passthrough]",
            "only http and https routes are supported yet",
        ),
        ("[]", "length must be at least 1"),
        ("[gopher]", "expected one of: grpc, grpcs, http, https"),
    ] {
        let document = format!(
            "_format_version: '3.0'\nservices:\n  - name: echo\n    url: http://{{echo}}\n    routes:\n      \
             - paths: [/a]\n        protocols: {protocols}\n"
        );
        let report = Stack::reading(document).gateway("revocation_lists", "").refusal();
        let report = report
            .unwrap_or_else(|| panic!("{protocols} is accepted"))
            .to_string();
        assert!(
            report.contains("kong.yaml:7:") && report.contains(words),
            "{protocols}: {report}"
        );
    }
    let accepted = "_format_version: '3.0'\nservices:\n  - url: http://{echo}\n    routes: [{paths: [/a], protocols: [https]}]\n";
    assert!(
        Stack::reading(accepted)
            .gateway("revocation_lists", "")
            .refusal()
            .is_none()
    );
}

#[tokio::test]
async fn an_upgrade_to_anything_but_a_websocket_is_an_ordinary_request() {
    let stack = answers().await;
    for token in [
        "h2c",
        "HTTP/2.0",
        "TLS/1.3",
        "websocket, h2c",
        "h2c, websocket",
        "foo",
        "",
    ] {
        for client in [stack.gateway(), stack.gateway_http()] {
            let call = client
                .get("/public")
                .header("Connection", "Upgrade, HTTP2-Settings");
            let call = call
                .header("Upgrade", token)
                .header("HTTP2-Settings", "AAMAAABkAAQAAP__");
            let echo = call.await;
            assert_eq!(
                (echo.status.as_u16(), echo.version),
                (200, Version::HTTP_11),
                "{token}"
            );
            for name in ["upgrade", "http2-settings"] {
                assert_eq!(echo.received(name), None, "{token}");
            }
            assert_eq!(
                echo.received("connection").as_deref(),
                Some("keep-alive"),
                "{token}"
            );
        }
    }
}
