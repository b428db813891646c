//! What a route answers by itself: https demanded, no service, no route, nothing that could be read; in which words and
//! in which form.

use harness::answer::Answer;
use harness::client::Client;
use harness::stack::Stack;
use http::{Method, Version};

use crate::kong_answers::both;

async fn answers() -> Stack {
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
                assert_eq!(answer.message().unwrap(), "Please use HTTPS protocol");
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

#[tokio::test]
async fn what_routing_answers_comes_before_plugins_and_a_missing_service_after() {
    let stack = answers().await;
    let header = |call: harness::client::Call, who: Option<&str>| match who {
        Some(who) => call.header("X-Amzn-Mtls-Clientcert", &stack.clientcert_header(who)),
        None => call,
    };
    for (client, path, who, status, message, reason) in [
        (
            stack.gateway(),
            "/disabled",
            None,
            404,
            "no Route matched with those values",
            "no_route",
        ),
        (
            stack.gateway(),
            "/nowhere",
            None,
            404,
            "no Route matched with those values",
            "no_route",
        ),
        (
            stack.gateway(),
            "/no-service",
            None,
            503,
            "no Service found with those values",
            "no_service",
        ),
        (
            stack.gateway_http(),
            "/no-service-https",
            None,
            426,
            "Please use HTTPS protocol",
            "https_required",
        ),
        (
            stack.gateway(),
            "/no-service-https",
            None,
            503,
            "no Service found with those values",
            "no_service",
        ),
        // Who may not pass does not learn that there is nothing behind.
        (
            stack.gateway(),
            "/no-service-protected",
            None,
            401,
            "No required TLS certificate was sent",
            "certificate_missing",
        ),
        (
            stack.gateway(),
            "/no-service-protected",
            Some("mallory"),
            401,
            "TLS certificate failed verification",
            "certificate_untrusted",
        ),
        (
            stack.gateway(),
            "/no-service-protected",
            Some("bob"),
            403,
            "You cannot consume this service",
            "acl_denied",
        ),
        (
            stack.gateway(),
            "/no-service-protected",
            Some("alice"),
            503,
            "no Service found with those values",
            "no_service",
        ),
        // And https comes before both: credentials are not judged, nor asked for, over http.
        (
            stack.gateway_http(),
            "/protected-https-only",
            None,
            426,
            "Please use HTTPS protocol",
            "https_required",
        ),
        (
            stack.gateway(),
            "/protected-https-only",
            None,
            401,
            "Unauthorized",
            "acl_unauthenticated",
        ),
    ] {
        let clients = if path.ends_with("-https") || path.ends_with("-only") {
            vec![client]
        } else {
            both(client).to_vec()
        };
        for client in clients {
            let answer = header(client.get(path), who).await;
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

pub(crate) const JSON: &str = "application/json; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const XML: &str = "application/xml; charset=utf-8";
const PLAIN: &str = "text/plain; charset=utf-8";

/// The body of a form, to the byte.
pub(crate) fn body(content_type: &str, message: &str, answer: &Answer) -> String {
    let id = answer.request_id().unwrap();
    match content_type {
        JSON => format!("{{\n  \"message\":\"{message}\",\n  \"request_id\":\"{id}\"\n}}"),
        HTML => format!(
            "<!doctype html>\n<html>\n  <head>\n    <meta charset=\"utf-8\">\n    <title>Error</title>\n  </head>\n  \
             <body>\n    <h1>Error</h1>\n    <p>{message}.</p>\n    <p>request_id: {id}</p>\n  </body>\n</html>\n"
        ),
        XML => format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<error>\n  <message>{message}</message>\n  \
             <requestid>{id}</requestid>\n</error>\n"
        ),
        _ => format!("{message}\nrequest_id: {id}\n"),
    }
}

/// Kong's own answers follow `Accept` alone, and are JSON without one; nginx's follow the request's type where there is
/// no `Accept`, and are plain text without either.
#[tokio::test]
async fn every_form_is_negotiated() {
    let stack = answers().await;
    #[rustfmt::skip]
    let rows = [
        (None, None, JSON, PLAIN),
        (None, Some("application/json"), JSON, JSON),
        (None, Some("application/json; charset=utf-8"), JSON, JSON),
        (None, Some("text/html"), JSON, HTML),
        (None, Some("Application/XML"), JSON, XML),
        (None, Some("image/png"), JSON, PLAIN),
        (Some("application/json"), None, JSON, JSON),
        (Some("text/html"), None, HTML, HTML),
        (Some("application/xml"), None, XML, XML),
        (Some("text/plain"), None, PLAIN, PLAIN),
        (Some("application/*"), None, JSON, JSON),
        (Some("text/*"), None, PLAIN, PLAIN),
        (Some("*/*"), None, JSON, JSON),
        (Some("*/*"), Some("text/html"), JSON, JSON),
        (Some("image/png"), Some("text/html"), JSON, JSON),
        (Some("TEXT/HTML"), None, HTML, HTML),
        (Some("application/json;q=0.5, text/html"), None, HTML, HTML),
        (Some("application/json;q=0.5, application/xml;q=0.9, text/plain;q=0.1"), None, XML, XML),
        (Some("text/html;q=0.9, text/plain ; q=0.95"), None, PLAIN, PLAIN),
        (Some("text/html;level=1;q=0.1, text/plain;q=0.2"), None, PLAIN, PLAIN),
        (Some("text/html, application/xml"), None, HTML, HTML),
        (Some("image/*;q=1, text/plain;q=0.3"), None, PLAIN, PLAIN),
        (Some("text/html;q=0"), None, JSON, JSON),
        (Some("text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"), None, HTML, HTML),
    ];
    for (accept, content_type, of_kong, of_nginx) in rows {
        for client in both(stack.gateway()) {
            for (path, status, message, form) in [
                ("/nowhere", 404, "no Route matched with those values", of_kong),
                ("/no-service", 503, "no Service found with those values", of_kong),
                ("/protected-https-only", 401, "Unauthorized", of_kong),
                (
                    "/refused",
                    502,
                    "An invalid response was received from the upstream server",
                    of_nginx,
                ),
                ("/a/..%2fb", 400, "Bad request", of_nginx),
            ] {
                let call = client.get(path);
                let call = accept
                    .into_iter()
                    .fold(call, |call, accept| call.header("Accept", accept));
                let call = content_type
                    .into_iter()
                    .fold(call, |call, of| call.header("Content-Type", of));
                let answer = call.await;
                let situation = format!("{path}, accepts {accept:?}, sends {content_type:?}");
                assert_eq!(answer.status, status, "{situation}");
                assert_eq!(answer.header("content-type"), Some(form), "{situation}");
                assert_eq!(answer.text(), body(form, message, &answer), "{situation}");
            }
        }
    }
}

#[tokio::test]
async fn a_head_request_gets_the_head_alone() {
    let stack = answers().await;
    for path in ["/nowhere", "/no-service", "/refused", "/a/..%2fb"] {
        for client in [
            stack.gateway(),
            stack.gateway().over_http2(),
            stack.gateway_http(),
        ] {
            let (get, head) = (client.get(path).await, client.request(Method::HEAD, path).await);
            assert_eq!(head.status, get.status, "{path} by {:?}", head.version);
            assert_eq!(head.text(), "", "{path} by {:?}", head.version);
            for name in ["content-type", "content-length"] {
                assert_eq!(
                    head.header(name),
                    get.header(name),
                    "{name} of {path} by {:?}",
                    head.version
                );
            }
        }
    }
}

/// Which headers of Kong's an answer has: of its own, of an upstream.
#[tokio::test]
async fn headers_that_are_told_can_be_chosen() {
    let every = [
        "via",
        "x-kong-proxy-latency",
        "x-kong-upstream-latency",
        "x-kong-upstream-status",
        "x-kong-response-latency",
        "x-kong-request-id",
    ];
    for (headers, of_upstream, of_gateway) in [
        (
            None,
            &[
                "via",
                "x-kong-proxy-latency",
                "x-kong-upstream-latency",
                "x-kong-request-id",
            ][..],
            &["x-kong-response-latency", "x-kong-request-id"][..],
        ),
        (Some("off"), &[], &[]),
        (
            Some("X-Kong-Request-Id"),
            &["x-kong-request-id"],
            &["x-kong-request-id"],
        ),
        (
            Some("latency_tokens"),
            &["x-kong-proxy-latency", "x-kong-upstream-latency"],
            &["x-kong-response-latency"],
        ),
        (Some("X-Kong-Upstream-Status"), &["x-kong-upstream-status"], &[]),
    ] {
        let plan = Stack::with("routed_answers.yaml").without_edge();
        let plan = headers
            .into_iter()
            .fold(plan, |plan, headers| plan.gateway("headers", headers));
        let stack = plan.start().await;
        for client in both(stack.gateway()) {
            for (path, expected) in [("/public", of_upstream), ("/nowhere", of_gateway)] {
                let answer = client.get(path).await;
                let told: Vec<&str> = every
                    .into_iter()
                    .filter(|name| answer.headers.contains_key(*name))
                    .collect();
                assert_eq!(told, expected, "{headers:?} {path} by {:?}", answer.version);
                assert!(answer.header("server").is_none());
            }
        }
    }
    for (value, sent) in [("off", false), ("X-Kong-Request-Id", true)] {
        let stack = Stack::with("routed_answers.yaml")
            .without_edge()
            .gateway("headers_upstream", value)
            .start()
            .await;
        let echo = stack
            .gateway()
            .get("/public")
            .header("X-Kong-Request-Id", "forged")
            .await;
        assert_eq!(
            echo.received("x-kong-request-id").as_deref(),
            sent.then_some(echo.request_id().unwrap()),
            "{value}"
        );
    }
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
