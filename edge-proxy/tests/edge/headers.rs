//! Headers of requests: whose they are, and what becomes of them.

use crate::certificates::PASSTHROUGH;
use crate::client::{self, BOTH_VERSIONS, tls_config};
use crate::stack::{Node, Stack, vector_client};

/// Every name that only a front may send, in spellings that some server would fold to it.
const FORGED: [&str; 16] = [
    "X-Amzn-Mtls-Clientcert: forged",
    "x-amzn-mtls-clientcert: forged",
    "X_Amzn_Mtls_Clientcert: forged",
    "X.Amzn.Mtls.Clientcert: forged",
    "X-AMZN-MTLS-CLIENTCERT-LEAF: forged",
    "X-Amzn-Mtls-Clientcert-Anything: forged",
    "Client-Cert: forged",
    "Client_Cert_Chain: forged",
    "X-Forwarded-Client-Cert: forged",
    "X-Forwarded-Tls-Client-Cert: forged",
    "ssl-client-verify: forged",
    "X-SSL-Client-Cert: forged",
    "CloudFront-Viewer-Cert-Pem: forged",
    "X-Amzn-Tls-Version: forged",
    "X_Forwarded_For: forged",
    "X-Internal-User: forged",
];

const STRIPPING: Node = Node {
    listener: "strip_headers = [\"X-Internal-User\"]",
    ..PASSTHROUGH
};

#[tokio::test]
async fn no_spelling_of_ours_gets_through_in_any_mode() {
    for wanted in [
        Node {
            mutual_authentication: "mode = \"off\"",
            ..STRIPPING
        },
        STRIPPING,
    ] {
        let stack = Stack::start(wanted).await;
        for with in [&[][..], &["int.pem"]] {
            let client = (!with.is_empty()).then(|| vector_client(with));
            let mut connection = stack.connect(client.as_ref()).await;
            let honest = connection.get("/", &[]).await.unwrap().seen();
            for line in FORGED {
                let seen = connection.get("/", &[line]).await.unwrap().seen();
                assert!(!seen.lines().any(|(_, value)| value == "forged"), "{line}");
                assert_eq!(seen.lines().count(), honest.lines().count(), "{line}");
            }
            let seen = connection.get("/", &FORGED).await.unwrap().seen();
            assert!(!seen.lines().any(|(_, value)| value == "forged"));
        }
    }
}

#[tokio::test]
async fn nor_does_it_on_the_plain_listener() {
    let stack = Stack::start(PASSTHROUGH).await;
    let mut connection = client::plain(stack.edge.plain).await;
    for line in FORGED.iter().filter(|line| !line.starts_with("X-Internal")) {
        let seen = connection.get("/", &[line]).await.unwrap().seen();
        assert!(!seen.lines().any(|(_, value)| value == "forged"), "{line}");
        assert_eq!(seen.header("x-forwarded-proto"), ["http"]);
    }
}

#[tokio::test]
async fn connection_names_away_the_clients_headers_and_never_ours() {
    let stack = Stack::start(PASSTHROUGH).await;
    let mut connection = stack.connect(Some(&vector_client(&[]))).await;
    let seen = connection
        .get(
            "/",
            &[
                "Connection: keep-alive, X-Amzn-Mtls-Clientcert, X-Forwarded-For, X-Forwarded-Proto, Host, X-Amzn-Trace-Id, x-own",
                "X-Amzn-Mtls-Clientcert: forged",
                "X-Forwarded-For: 203.0.113.9",
                "X-Own: 1",
            ],
        )
        .await
        .unwrap()
        .seen();
    assert_eq!(seen.header("x-amzn-mtls-clientcert").len(), 1);
    assert!(seen.header("x-amzn-mtls-clientcert")[0].starts_with("-----BEGIN%20"));
    assert_eq!(seen.header("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(seen.header("x-forwarded-proto"), ["https"]);
    assert_eq!(seen.header("x-amzn-trace-id").len(), 1);
    assert_eq!(seen.header("host").len(), 1);
    assert!(seen.header("x-own").is_empty() && seen.header("connection").is_empty());
}

#[tokio::test]
async fn trailers_of_requests_are_dropped() {
    let stack = Stack::start(PASSTHROUGH).await;
    let mut connection = stack.connect(None).await;
    let answer = connection
        .send(
            "POST / HTTP/1.1\r\nHost: edge.test\r\nTransfer-Encoding: chunked\r\nTrailer: X-Amzn-Mtls-Clientcert\r\n\r\n\
             5\r\nhello\r\n0\r\nX-Amzn-Mtls-Clientcert: forged\r\n\r\n",
        )
        .await
        .unwrap();
    let seen = answer.seen();
    assert_eq!(seen.0["body"], "hello");
    assert!(seen.0["trailers"].is_null());
    assert!(!seen.lines().any(|(_, value)| value == "forged"));
}

#[tokio::test]
async fn http2_is_cleaned_as_well_and_goes_on_as_http1() {
    use http_body_util::{BodyExt as _, Empty};
    let stack = Stack::start(PASSTHROUGH).await;
    let identity = vector_client(&["int.pem"]);
    let config = tls_config(Some(&identity), BOTH_VERSIONS, &["h2", "http/1.1"]);
    let connection = client::tls_with(stack.edge.public, config).await.unwrap();
    assert_eq!(connection.stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let io = hyper_util::rt::TokioIo::new(connection.stream);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, h2) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    tokio::spawn(h2);
    let request = http::Request::get("https://h2.test/a%2Fb?c")
        .header("x_amzn_mtls_clientcert", "forged")
        .header("x-amzn-mtls-clientcert", "forged")
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .body(Empty::<bytes::Bytes>::new())
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let seen = client::Seen(serde_json::from_slice(&body).unwrap());
    assert_eq!(seen.0["uri"], "/a%2Fb?c");
    assert_eq!(seen.0["version"], "HTTP/1.1");
    assert_eq!(
        seen.header("host"),
        [format!("h2.test:{}", stack.edge.public.port())]
    );
    assert_eq!(seen.header("cookie"), ["a=1; b=2"]);
    assert_eq!(seen.header("x-amzn-mtls-clientcert").len(), 1);
    assert!(!seen.lines().any(|(_, value)| value == "forged"));
}

#[tokio::test]
async fn where_a_request_came_from_is_told_as_an_alb_tells_it() {
    let stack = Stack::start(Node::default()).await;
    let mut connection = stack.connect(None).await;
    let seen = connection
        .get(
            "/",
            &[
                "X-Forwarded-For: 203.0.113.9",
                "X-Forwarded-Proto: gopher",
                "X-Forwarded-Port: 1",
                "X-Forwarded-Host: forged",
            ],
        )
        .await
        .unwrap()
        .seen();
    assert_eq!(seen.header("x-forwarded-for"), ["203.0.113.9, 127.0.0.1"]);
    assert_eq!(seen.header("x-forwarded-proto"), ["https"]);
    assert_eq!(
        seen.header("x-forwarded-port"),
        [stack.edge.public.port().to_string()]
    );
    assert!(seen.header("x-forwarded-host").is_empty());
    assert!(seen.header("x-amzn-tls-version").is_empty());
    let trace = seen.header("x-amzn-trace-id");
    assert!(trace.len() == 1 && trace[0].starts_with("Root=1-"), "{trace:?}");

    let seen = connection
        .get(
            "/",
            &["X-Amzn-Trace-Id: Root=1-67891233-abcdef;Self=1-1-1;Via=cdn"],
        )
        .await
        .unwrap()
        .seen();
    let trace = seen.header("x-amzn-trace-id")[0];
    assert!(
        trace.starts_with("Self=1-") && trace.ends_with(";Root=1-67891233-abcdef;Via=cdn"),
        "{trace}"
    );
}

#[tokio::test]
async fn attributes_change_what_is_told() {
    let stack = Stack::start(Node {
        attributes: "\"routing.http.xff_header_processing.mode\" = \"remove\"\n\
                     \"routing.http.preserve_host_header.enabled\" = true\n\
                     \"routing.http.drop_invalid_header_fields.enabled\" = true\n\
                     \"routing.http.x_amzn_tls_version_and_cipher_suite.enabled\" = true",
        ..Node::default()
    })
    .await;
    let mut connection = stack.connect(None).await;
    let lines = ["X-Forwarded-For: 203.0.113.9", "under_score: 1", "x-valid: 1"];
    let seen = connection.get("/", &lines).await.unwrap().seen();
    assert!(seen.header("x-forwarded-for").is_empty());
    assert_eq!(seen.header("host"), ["edge.test"]);
    assert!(seen.header("under_score").is_empty());
    assert_eq!(seen.header("x-valid"), ["1"]);
    assert_eq!(seen.header("x-amzn-tls-version"), ["TLSv1.3"]);
    assert!(seen.header("x-amzn-tls-cipher-suite")[0].starts_with("TLS_"));
}

#[tokio::test]
async fn the_host_is_made_canonical_and_the_path_is_left_alone() {
    let stack = Stack::start(Node::default()).await;
    let port = stack.edge.public.port();
    let mut connection = stack.connect(None).await;
    for (request, host, uri) in [
        (
            "GET /a/../b//c%2f?d=%20 HTTP/1.1\r\nHost: edge.test\r\n\r\n",
            format!("edge.test:{port}"),
            "/a/../b//c%2f?d=%20",
        ),
        (
            "GET http://other.test/x HTTP/1.1\r\nHost: edge.test\r\n\r\n",
            format!("other.test:{port}"),
            "/x",
        ),
        (
            "OPTIONS * HTTP/1.1\r\nHost: edge.test:1\r\n\r\n",
            "edge.test:1".to_owned(),
            "*",
        ),
    ] {
        let seen = connection.send(request).await.unwrap().seen();
        assert_eq!(seen.header("host"), [host], "{request}");
        assert_eq!(seen.0["uri"], uri, "{request}");
    }
}

#[tokio::test]
async fn what_an_alb_answers_itself_never_reaches_a_target() {
    let stack = Stack::start(Node::default()).await;
    let long = format!("X-Long: {}", "a".repeat(16 * 1024));
    let addresses = format!("X-Forwarded-For: {}", vec!["192.0.2.1"; 31].join(","));
    for (request, status) in [
        ("TRACE / HTTP/1.1\r\nHost: edge.test\r\n\r\n".to_owned(), 405),
        (
            "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n".to_owned(),
            405,
        ),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".to_owned(), 400),
        (
            format!("GET / HTTP/1.1\r\nHost: edge.test\r\n{long}\r\n\r\n"),
            431,
        ),
        (
            format!("GET / HTTP/1.1\r\nHost: edge.test\r\n{addresses}\r\n\r\n"),
            463,
        ),
        (
            "POST / HTTP/1.1\r\nHost: edge.test\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"
                .to_owned(),
            501,
        ),
    ] {
        let answer = stack.connect(None).await.send(&request).await.unwrap();
        let first = request.lines().next();
        assert_eq!(answer.status, status, "{first:?}");
        assert_eq!(answer.header("content-type"), Some("text/html"), "{first:?}");
        assert_eq!(answer.header("server"), None);
    }
    assert_eq!(stack.target.requests(), 0);
}

#[tokio::test]
async fn a_doubtful_request_costs_its_connection() {
    let stack = Stack::start(Node::default()).await;
    let request = "GET / HTTP/1.1\r\nHost: edge.test\r\nContent-Length: 5\r\n\r\nhello";
    let mut connection = stack.connect(None).await;
    for _ in 0..2 {
        assert_eq!(connection.get("/", &[]).await.unwrap().status, 200);
    }
    assert_eq!(stack.target.connections(), 1, "kept between requests");
    let answer = connection.send(request).await.unwrap();
    assert_eq!(answer.header("connection"), Some("close"));
    assert_eq!(answer.seen().0["body"], "hello");
    assert_eq!(connection.rest().await, b"");
    let mut connection = stack.connect(None).await;
    assert_eq!(connection.get("/", &[]).await.unwrap().status, 200);
    assert_eq!(stack.target.connections(), 2, "not kept after the doubtful one");
}
