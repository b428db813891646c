//! What people's files have around certificates: request-termination, correlation-id, ip-restriction.

use harness::answer::Answer;
use harness::stack::Stack;

use crate::kong_answers::both;

const JSON: &str = "application/json; charset=utf-8";

async fn start() -> Stack {
    Stack::with("traffic_plugins.yaml").start().await
}

#[tokio::test]
async fn request_termination_answers_in_the_upstreams_place() {
    let stack = start().await;
    for (path, status, content_type, body) in [
        ("/plain", 503, Some(JSON), r#"{"message":"Service unavailable"}"#),
        ("/not-found", 404, Some(JSON), r#"{"message":"Not found"}"#),
        ("/no-word", 406, None, ""),
        ("/no-content", 204, None, ""),
        ("/message", 451, Some(JSON), r#"{"message":"Say \"no\""}"#),
        ("/html", 503, Some("text/html"), "<h1>Closed</h1>"),
        ("/body", 200, Some(JSON), r#"{"open": true}"#),
        (
            "/no-service",
            503,
            Some(JSON),
            r#"{"message":"Service unavailable"}"#,
        ),
        ("/on-demand?a=b&X%2DPlease-Stop", 410, None, ""),
        // As the document writes it.
        ("/on-demand?X-Please-Stop=1", 410, None, ""),
    ] {
        for client in both(stack.gateway()) {
            let answer = client.get(path).header("Accept", "text/html").await;
            assert_eq!(
                (
                    answer.status.as_u16(),
                    answer.header("content-type"),
                    answer.text().as_str()
                ),
                (status, content_type, body),
                "{path}"
            );
            let decision = &stack.line_of(&answer).await["decision"];
            assert_eq!(decision["plugin"], "request-termination", "{path}");
            assert_eq!(decision["reason"], "request_terminated", "{path}");
        }
    }
    let by_header = stack
        .gateway()
        .get("/on-demand")
        .header("X-Please-Stop", "")
        .await;
    assert_eq!(by_header.status, 410);
    assert_eq!(stack.upstream.count(), 0);
    for untriggered in ["/on-demand", "/on-demand?x-please-stop=1", "/mirror"] {
        assert_eq!(
            stack.gateway().get(untriggered).await.status,
            200,
            "{untriggered}"
        );
    }
}

#[tokio::test]
async fn request_termination_runs_after_authentication() {
    let stack = start().await;
    let nobody = stack.gateway().get("/after-authentication").await;
    assert_eq!(nobody.status, 401);
    let alice = stack.gateway().cert("alice").get("/after-authentication").await;
    assert_eq!(alice.status, 410);
    assert_eq!(
        stack.line_of(&alice).await["consumer"]["username"],
        "alice@example.com"
    );
}

#[tokio::test]
async fn an_echo_shows_the_request_and_nothing_of_ours() {
    let stack = start().await;
    let echo = stack
        .gateway()
        .get("/mirror/x?gimme=1&a=b%20c")
        .header("X-Own", "mine")
        .header("X-Amzn-Mtls-Clientcert", "mallet")
        .header("X-Consumer-Username", "mallet")
        .await;
    assert_eq!(
        (echo.status.as_u16(), echo.header("content-type")),
        (404, Some("application/json"))
    );
    let json = echo.json();
    assert_eq!(json["message"], "Not found");
    assert_eq!(json["matched_route"]["name"], "mirror");
    assert_eq!(json["matched_service"]["name"], "echo");
    let request = &json["request"];
    for (field, value) in [("scheme", "https"), ("method", "GET"), ("path", "/mirror/x")] {
        assert_eq!(request[field], value);
    }
    assert_eq!(request["query"]["a"], "b c");
    assert_eq!(request["headers"]["x-own"], "mine");
    assert!(!echo.text().contains("mallet"), "{}", echo.text());
}

fn is_uuid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

fn upstream_id(answer: &Answer) -> String {
    answer.received("kong-request-id").expect("a correlation id")
}

#[tokio::test]
async fn correlation_id_names_a_request_unless_it_has_a_name() {
    let stack = start().await;
    let numbered = async || {
        let answer = stack.gateway().get("/named").await;
        let id = upstream_id(&answer);
        assert_eq!(
            answer.header("kong-request-id"),
            Some(id.as_str()),
            "and the client is told"
        );
        let (process, number) = id.split_once('#').expect("uuid#counter");
        assert!(is_uuid(process), "{id}");
        (process.to_owned(), number.parse::<u64>().unwrap())
    };
    let (first, second) = (numbered().await, numbered().await);
    assert_eq!((&first.0, first.1 + 1), (&second.0, second.1));

    for given in ["my own", "x#1"] {
        let answer = stack
            .gateway()
            .get("/named")
            .header("Kong-Request-ID", given)
            .await;
        assert_eq!(upstream_id(&answer), given);
        assert_eq!(answer.header("kong-request-id"), Some(given));
    }
    let empty = stack.gateway().get("/named").header("Kong-Request-ID", "").await;
    assert!(upstream_id(&empty).contains('#'), "an empty name is none");

    let silent = stack.gateway().get("/upstream-only").await;
    assert!(is_uuid(&silent.received("x-trail").unwrap()));
    assert_eq!(silent.header("x-trail"), None);

    let tracked = upstream_id(&stack.gateway().get("/tracked").await);
    let parts: Vec<&str> = tracked.split('-').collect();
    let [address, port, process, connection, requests, time] = parts[..] else {
        panic!("{tracked}")
    };
    assert_eq!(address, "127.0.0.1");
    assert_eq!(port, stack.gateway().address().port().to_string());
    for number in [process, connection] {
        assert!(number.parse::<u64>().is_ok(), "{tracked}");
    }
    assert_eq!(requests, "1");
    assert_eq!(
        time.split_once('.')
            .map(|(seconds, rest)| (seconds.len(), rest.len())),
        Some((10, 3)),
        "{tracked}"
    );
}

#[tokio::test]
async fn correlation_id_is_told_with_every_kind_of_answer() {
    let stack = start().await;
    for (path, status) in [
        ("/named/status/404", 404),
        ("/named-and-refused", 401),
        ("/named-and-ended", 418),
        ("/named-and-lost", 502),
    ] {
        let answer = stack.gateway().get(path).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(
            answer.header("kong-request-id").is_some_and(|id| !id.is_empty()),
            "{path}"
        );
        let given = stack.gateway().get(path).header("Kong-Request-ID", "mine").await;
        assert_eq!(given.header("kong-request-id"), Some("mine"), "{path}");
    }
    assert_eq!(
        stack.gateway().get("/plain").await.header("kong-request-id"),
        None
    );
}

#[tokio::test]
async fn correlation_id_carries_no_name_that_the_gateway_decides_by() {
    for (name, good) in [
        ("X-Trail", true),
        ("X-Consumer-Username", false),
        ("x_credential_identifier", false),
        ("X-Amzn-Mtls-Clientcert", false),
        ("Host", false),
        ("Transfer-Encoding", false),
    ] {
        let refusal = Stack::with("traffic_plugins.yaml")
            .replace("header_name: X-Trail", &format!("header_name: {name}"))
            .refusal();
        assert_eq!(refusal.is_none(), good, "{name}");
        if let Some(refusal) = refusal {
            let text = refusal.to_string();
            assert!(
                text.contains("kong.yaml:") && text.contains("cannot carry a correlation id"),
                "{text}"
            );
        }
    }
}

#[tokio::test]
async fn ip_restriction_judges_the_clients_address() {
    // An edge, and a trusted address that says for whom it speaks.
    let stack = Stack::with("traffic_plugins.yaml")
        .gateway("trusted_ips", "127.0.0.1")
        .gateway("real_ip_header", "X-Forwarded-For")
        .start()
        .await;
    for (path, address, status, message) in [
        ("/from-ten", "10.1.2.3", 200, ""),
        ("/from-ten", "2001:db8::7", 200, ""),
        ("/from-ten", "::ffff:10.1.2.3", 200, ""),
        ("/from-ten", "11.0.0.1", 403, "IP address not allowed: 11.0.0.1"),
        (
            "/from-ten",
            "2001:db9::7",
            403,
            "IP address not allowed: 2001:db9::7",
        ),
        ("/not-from-ten", "11.0.0.1", 200, ""),
        ("/not-from-ten", "10.0.0.1", 451, "Not <here>"),
        // What the client wrote stands before what the carrier appended, whatever octets it has.
        ("/not-from-ten", "11.0.0.1, 10.0.0.1", 451, "Not <here>"),
        ("/not-from-ten", "\u{e9}, 10.0.0.1", 451, "Not <here>"),
        ("/both-lists", "10.8.0.1", 200, ""),
        ("/both-lists", "10.9.0.1", 403, "IP address not allowed: 10.9.0.1"),
        ("/both-lists", "11.0.0.1", 403, "IP address not allowed: 11.0.0.1"),
        // Who says something that is no address has not said that the client is he himself.
        ("/not-from-ten", "11.0.0.1, nonsense", 451, "Not <here>"),
        (
            "/from-ten",
            "10.0.0.1, \u{e9}",
            403,
            "Cannot identify the client IP address",
        ),
        ("/streams-only", "11.0.0.1", 200, ""),
    ] {
        let answer = stack.gateway().get(path).header("X-Forwarded-For", address).await;
        assert_eq!(answer.status, status, "{path} {address}");
        if status != 200 {
            assert_eq!(answer.message().as_deref(), Some(message), "{path} {address}");
            assert!(
                answer.json()["request_id"].is_string(),
                "negotiated, as Kong does"
            );
            assert_eq!(stack.reason_of(&answer).await, "address_denied");
        }
    }
    let html = stack
        .gateway()
        .get("/not-from-ten")
        .header("X-Forwarded-For", "10.0.0.1")
        .header("Accept", "text/html")
        .await;
    assert!(html.text().contains("Not &lt;here&gt;."), "{}", html.text());
}

#[tokio::test]
async fn nobody_can_say_that_he_comes_from_elsewhere() {
    let stack = start().await;
    for name in ["X-Forwarded-For", "X-Real-IP"] {
        let answer = stack.gateway().get("/from-ten").header(name, "10.1.2.3").await;
        assert_eq!(answer.status, 403, "{name}");
        let through = stack
            .edge("public")
            .get("/from-ten")
            .header(name, "10.1.2.3")
            .await;
        assert_eq!(through.status, 403, "{name} through the edge");
    }
    let edge = stack
        .gateway()
        .cert("edge/client")
        .get("/from-ten")
        .header("X-Forwarded-For", "10.1.2.3")
        .await;
    assert_eq!(edge.status, 200, "an edge may say it");
}

#[tokio::test]
async fn ip_restriction_may_be_for_one_consumer() {
    let stack = Stack::with("traffic_plugins.yaml").start().await;
    for (who, status) in [("alice", 200), ("bob", 403)] {
        let answer = stack.gateway().cert(who).get("/not-bob-from-ten").await;
        assert_eq!(answer.status, status, "{who}");
    }
}

/// The carrier appends to the last line that the client sent; an earlier line is the client's own.
#[tokio::test]
async fn an_unreadable_line_does_not_uncover_the_line_before_it() {
    let stack = Stack::with("traffic_plugins.yaml")
        .gateway("trusted_ips", "127.0.0.1")
        .gateway("real_ip_header", "X-Forwarded-For")
        .start()
        .await;
    for last in ["11.0.0.1", "x, 11.0.0.1", "\u{e9}, 11.0.0.1"] {
        let answer = stack
            .gateway()
            .get("/from-ten")
            .header("X-Forwarded-For", "10.1.2.3")
            .header("X-Forwarded-For", last)
            .await;
        assert_eq!(answer.status, 403, "{last}");
    }
}
