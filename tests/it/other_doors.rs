//! Doors beside the front one: upgrades, trailers, the status listener. What comes through them is judged like any
//! request, or is none.

use harness::client::{Client, Stream, whole};
use http::{HeaderMap, HeaderName, Method};
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::attacks::{ask, guarded};
use crate::hop_trust::{HEADER, with_header};

async fn upgrade(client: &Client, path: &str, more: &str) -> String {
    let mut stream = client.stream().await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: other.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n\
         GET /admin HTTP/1.1\r\nHost: other.test\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    read_until(stream, "Host: other.test", " 401 ").await
}

/// Reads until one of two texts has come in the bytes after the first head, or the end.
async fn read_until(mut stream: Box<dyn Stream>, one: &str, other: &str) -> String {
    let mut text = String::new();
    let mut chunk = [0; 4096];
    loop {
        let after = text.split_once("\r\n\r\n").map_or("", |(_, after)| after);
        if after.contains(one) || after.contains(other) {
            return text;
        }
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return text,
            Ok(read) => text.push_str(&String::from_utf8_lossy(&chunk[..read])),
        }
    }
}

#[tokio::test]
async fn an_upgrade_is_judged_before_it_is_granted() {
    let stack = guarded().start().await;
    let forged = format!("{HEADER}: {}\r\n", stack.clientcert_header("alice"));
    for client in [
        stack.gateway(),
        stack.gateway_http(),
        stack.edge("public"),
        stack.edge("plain"),
    ] {
        for more in [
            "",
            &forged,
            "Authorization: Bearer x\r\n",
            "Origin: http://other.test\r\n",
        ] {
            for path in ["/admin", "//admin", "/x/../admin", "/%61dmin"] {
                let before = stack.upstream.count();
                let answer = upgrade(&client, path, more).await;
                assert!(answer.starts_with("HTTP/1.1 401 "), "{path}: {answer}");
                assert!(!answer.contains(" 101 "), "{path}: {answer}");
                assert_eq!(stack.upstream.count(), before, "{path}");
            }
        }
        // What follows an upgrade that is granted is no request: the bytes go through, and come back.
        let tunnel = upgrade(&client, "/public", "").await;
        assert!(
            tunnel.starts_with("HTTP/1.1 101 ") && tunnel.contains("GET /admin HTTP/1.1"),
            "{tunnel}"
        );
    }
    let granted = stack.upstream.requests().pop().unwrap();
    for (name, value) in [("connection", "keep-alive, Upgrade"), ("upgrade", "websocket")] {
        assert_eq!(
            granted["headers"][name],
            serde_json::json!([value]),
            "as Kong asks for it"
        );
    }
    let alice = upgrade(&stack.edge("public").cert("alice"), "/admin", "").await;
    assert!(alice.starts_with("HTTP/1.1 101 "), "{alice}");
}

/// The status listener answers for itself and sends nothing on, whatever is asked of it.
#[tokio::test]
async fn the_status_listener_is_no_door() {
    let stack = guarded().start().await;
    for (path, status) in [
        ("/status", 200),
        ("/metrics", 200),
        ("/status/ready", 200),
        ("/admin", 404),
        ("/public", 404),
        ("/", 404),
        ("//status/../admin", 404),
    ] {
        let answer = with_header(&stack.status(), &stack, path).await;
        assert_eq!(answer.status, status, "{path}");
    }
    let (absolute, _) = ask(
        &stack.status(),
        "GET http://admin.test/admin HTTP/1.1\r\nHost: admin.test",
    )
    .await;
    assert_eq!(absolute, "404");
    let posted = stack.status().post("/status", "{}").await;
    assert_eq!(posted.status, 405);
    assert_eq!(stack.upstream.count(), 0);
}

/// Trailers are headers that come too late to be judged: none that says who somebody is goes on, and none is read.
#[tokio::test]
async fn trailers_say_nothing_over_http2_either() {
    let stack = guarded().start().await;
    let forged = stack.clientcert_header("alice");
    let trailers = |lines: &[(&'static str, &str)]| {
        let lines = lines
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        let lines: HeaderMap = lines.collect();
        whole("a body")
            .with_trailers(async move { Some(Ok(lines)) })
            .boxed()
    };
    let identity = [
        ("x-amzn-mtls-clientcert", forged.as_str()),
        ("x_amzn_mtls_clientcert", forged.as_str()),
        ("client-cert", ":AAAA:"),
        ("x-consumer-username", "alice@example.com"),
        ("x-authenticated-groups", "partners"),
        ("x-forwarded-for", "10.0.0.1"),
        ("content-length", "0"),
        ("host", "admin.test"),
    ];
    for client in [
        stack.gateway(),
        stack.gateway().cert("edge/client"),
        stack.edge("public"),
    ] {
        let client = client.over_http2();
        let send = |path: &str| client.request(Method::POST, path).body(trailers(&identity));
        let guarded = send("/admin").outcome().await;
        assert!(
            guarded.as_ref().is_ok_and(|answer| answer.status == 401),
            "{guarded:?}"
        );
        let echo = send("/public").await;
        assert_eq!(echo.json()["body"], "a body");
        for word in [
            &forged,
            "alice@example.com",
            "partners",
            "10.0.0.1",
            "admin.test",
            ":AAAA:",
        ] {
            assert!(!echo.text().contains(word), "{}", echo.text());
        }
        let innocent = client
            .request(Method::POST, "/public")
            .body(trailers(&[("x-checksum", "1")]));
        let innocent = innocent.await;
        assert_eq!(innocent.json()["body"], "a body");
        assert!(
            innocent.json()["trailers"].is_null(),
            "they are dropped, all of them"
        );
    }
}
