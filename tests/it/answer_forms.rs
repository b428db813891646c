//! The form of what the gateway answers by itself: negotiated as Kong and nginx do, to the byte; and the headers it has.

use harness::answer::Answer;
use harness::stack::Stack;
use http::Method;

use crate::kong_answers::both;
use crate::routed_answers::answers;

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

/// The same of what the edge refuses by itself.
#[tokio::test]
async fn a_head_request_to_the_edge_gets_the_head_alone() {
    let stack = Stack::with("hop.yaml").start().await;
    let addresses = ["203.0.113.9"; 31].join(", ");
    for client in both(stack.edge("public")) {
        for (method, content) in [(Method::GET, true), (Method::HEAD, false)] {
            let call = client
                .request(method.clone(), "/public")
                .header("X-Forwarded-For", &addresses);
            let answer = call.await;
            assert_eq!(
                (answer.status.as_u16(), !answer.body.is_empty()),
                (463, content),
                "{method} by {:?}",
                answer.version
            );
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
