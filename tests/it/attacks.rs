//! Ways around a protected route, an attack a row, with the innocent request beside it: spellings of its path and host,
//! addresses in headers, `Connection`, and lines that only a hand can write.

use harness::client::Client;
use harness::document::{AUTHORITIES, by_header};
use harness::stack::{Plan, Stack};

use crate::hop_trust::{HEADER, assert_untrusted};

/// Everything is public but `/admin`, and all of the host `admin.test`.
pub(crate) fn guarded() -> Plan {
    let plugins = format!(
        "[{}, {{name: acl, config: {{allow: [partners]}}}}]",
        by_header("")
    );
    Stack::reading(format!(
        "_format_version: '3.0'\nservices:\n  - name: echo\n    url: http://{{echo}}\n    routes:\n      \
         - {{ name: public, paths: [/], strip_path: false }}\n      \
         - {{ name: admin, paths: [/admin], strip_path: false, plugins: {plugins} }}\n      \
         - {{ name: admins-host, hosts: [admin.test], strip_path: false, plugins: {plugins} }}\n\
         consumers: [{{ username: alice@example.com, acls: [{{ group: partners }}] }}]\n{AUTHORITIES}"
    ))
}

/// Where a request ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// At the protected route: 401 for nobody.
    Guarded,
    /// 400.
    Refused,
    /// At the upstream, which is asked for this path.
    Public(&'static str),
}

use End::{Guarded, Public, Refused};

#[rustfmt::skip]
const TARGETS: [(&str, End); 50] = [
    ("/admin", Guarded),
    ("/admin/", Guarded),
    ("/admin/users", Guarded),
    ("/administration", Guarded),
    ("/admin?a=b", Guarded),
    ("/admin?/../public", Guarded),
    ("//admin", Guarded),
    ("///admin//users", Guarded),
    ("/./admin", Guarded),
    ("/public/../admin", Guarded),
    ("/public/./../admin", Guarded),
    ("/../../admin", Guarded),
    ("/public//../admin", Guarded),
    ("/%61dmin", Guarded),
    ("/%61%64%6D%69%6e", Guarded),
    ("/%2e/admin", Guarded),
    ("/public/%2e%2e/admin", Guarded),
    ("/public/.%2E/admin", Guarded),
    ("/admin;a=b", Guarded),
    ("/admin%3bx", Guarded),
    ("/admin%2f", Guarded),
    ("/admin%2fusers", Guarded),
    ("/admin%20", Guarded),
    ("/admin%0a", Guarded),
    ("/admin/../admin/.", Guarded),
    ("http://other.test/admin", Guarded),
    ("http://other.test//x/../admin", Guarded),
    ("HTTPS://other.test/%61dmin", Guarded),
    ("/public/..%2fadmin", Refused),
    ("/public/..%2Fadmin", Refused),
    ("/public%2f..%2fadmin", Refused),
    ("/public/%2e%2e%2fadmin", Refused),
    ("/public/..%5cadmin", Refused),
    ("/public/..\\admin", Refused),
    ("/public\\..\\admin", Refused),
    ("/admin%00", Refused),
    ("/%00/../admin", Refused),
    ("/%u0061dmin", Refused),
    ("/%6", Refused),
    ("admin", Refused),
    ("other.test", Refused),
    // Other paths, to whoever reads them as they are.
    ("/", Public("/")),
    ("/admi", Public("/admi")),
    ("/ADMIN", Public("/ADMIN")),
    ("/%2561dmin", Public("/%2561dmin")),
    ("/public/%2fadmin", Public("/public/%2Fadmin")),
    ("/public/.../admin", Public("/public/.../admin")),
    ("/admin/../public", Public("/public")),
    ("/public?/admin", Public("/public")),
    ("/public#/../admin", Public("/public")),
];

/// The status, and the echo's path.
pub(crate) async fn ask(client: &Client, head: &str) -> (String, Option<String>) {
    let request = format!("{head}\r\nConnection: close\r\n\r\n");
    let answer = client.raw(request.as_bytes()).await.unwrap();
    let status = answer.get(9..12).unwrap_or_default().to_owned();
    let path = answer
        .lines()
        .find_map(|line| line.trim().strip_prefix("\"path\": \""));
    (status, path.map(|rest| rest.trim_end_matches("\",").to_owned()))
}

#[tokio::test]
async fn no_spelling_of_a_path_leads_around_its_route() {
    let stack = guarded().start().await;
    let alice = stack.edge("public").cert("alice");
    for (target, end) in TARGETS {
        let head = format!("GET {target} HTTP/1.1\r\nHost: other.test");
        let expected = match end {
            Guarded => ("401".to_owned(), None),
            Refused => ("400".to_owned(), None),
            Public(path) => ("200".to_owned(), Some(path.to_owned())),
        };
        for client in [
            stack.gateway(),
            stack.gateway_http(),
            stack.edge("public"),
            stack.edge("plain"),
        ] {
            assert_eq!(
                ask(&client, &head).await,
                expected,
                "{target} at {}",
                client.address()
            );
        }
        let (status, path) = ask(&alice, &head).await;
        match end {
            // What was judged is what is sent.
            Guarded => assert!(
                status == "200" && path.unwrap().starts_with("/admin"),
                "{target} by alice"
            ),
            Refused | Public(_) => assert_eq!((status, path), expected, "{target} by alice"),
        }
    }
    // `;` is nobody's separator here: path parameters are the upstream's own words (docs/http.md).
    let parameters = ask(
        &stack.gateway(),
        "GET /public/..;/admin HTTP/1.1\r\nHost: other.test",
    )
    .await;
    assert_eq!(
        parameters,
        ("200".to_owned(), Some("/public/..;/admin".to_owned()))
    );
}

#[tokio::test]
async fn no_spelling_of_a_host_leads_around_its_route() {
    let stack = guarded().start().await;
    #[rustfmt::skip]
    let rows = [
        (&["GET /x HTTP/1.1", "Host: admin.test"][..], "401"),
        (&["GET /x HTTP/1.1", "Host: ADMIN.Test"], "401"),
        (&["GET /x HTTP/1.1", "Host: admin.test:80"], "401"),
        (&["GET /x HTTP/1.1", "Host: admin.test:"], "401"),
        (&["GET /x HTTP/1.1", "Host: admin.test", "Host: other.test"], "400"),
        (&["GET /x HTTP/1.1", "Host: other.test", "Host: admin.test"], "400"),
        (&["GET http://admin.test/x HTTP/1.1", "Host: other.test"], "401"),
        (&["GET http://admin.test:443/x HTTP/1.1", "Host: other.test"], "401"),
        (&["GET http://user@admin.test/x HTTP/1.1", "Host: other.test"], "400"),
        (&["GET admin.test HTTP/1.1", "Host: other.test"], "400"),
        (&["GET /x HTTP/1.1", "Host: admin.test", "X-Forwarded-Host: other.test"], "401"),
        (&["GET /x HTTP/1.1", "Host: admin.test", "Forwarded: host=other.test"], "401"),
        (&["GET /admin HTTP/1.1", "Host: other.test", "X-Original-URL: /public"], "401"),
        (&["GET /admin HTTP/1.1", "Host: other.test", "X-Rewrite-URL: /public"], "401"),
        (&["GET /admin HTTP/1.1", "Host: other.test", "X-Forwarded-Prefix: /public"], "401"),
        (&["POST /admin HTTP/1.1", "Host: other.test", "X-HTTP-Method-Override: GET", "Content-Length: 0"], "401"),
        (&["GET /admin HTTP/1.0"], "401"),
        // Another name is another host, and the upstream is not told the one that is guarded.
        (&["GET /x HTTP/1.1", "Host: other.test"], "200"),
        (&["GET http://other.test/x HTTP/1.1", "Host: admin.test"], "200"),
        (&["GET /x HTTP/1.0"], "200"),
    ];
    for (lines, status) in rows {
        for client in [stack.gateway(), stack.gateway_http()] {
            let head = format!("{}\r\nConnection: close\r\n\r\n", lines.join("\r\n"));
            let answer = client.raw(head.as_bytes()).await.unwrap();
            assert_eq!(answer.get(9..12), Some(status), "{lines:?}");
            assert!(!answer.contains("\"admin.test"), "{lines:?}: {answer}");
        }
    }
}

#[tokio::test]
async fn an_address_in_a_header_is_nobodys_address() {
    let trusting = |addresses: &str| {
        guarded()
            .without_trusted_edges()
            .gateway("trusted_ips", addresses)
            .gateway("real_ip_header", "X-Forwarded-For")
            .gateway("real_ip_recursive", "on")
            .start()
    };
    let (elsewhere, here) = (trusting("10.0.0.0/8").await, trusting("127.0.0.1").await);
    let edges = guarded().gateway("trusted_ips", "10.0.0.0/8").start().await;
    #[rustfmt::skip]
    let rows = [
        &[][..],
        &[("X-Forwarded-For", "10.0.0.1")],
        &[("X-Forwarded-For", "10.0.0.1, 10.0.0.2")],
        &[("X-Forwarded-For", "10.0.0.1"), ("X-Forwarded-For", "10.0.0.2")],
        &[("X_Forwarded_For", "10.0.0.1")],
        &[("X-Real-IP", "10.0.0.1")],
        &[("Forwarded", "for=10.0.0.1;proto=https")],
        &[("X-Client-IP", "10.0.0.1"), ("True-Client-IP", "10.0.0.1"), ("X-Cluster-Client-IP", "10.0.0.1")],
        &[("X-Forwarded-Proto", "https"), ("X-Forwarded-For", "10.0.0.1"), ("X-Forwarded-Port", "443")],
    ];
    for lines in rows {
        let with = |stack: &Stack, client: Client| {
            let call = client
                .get("/admin")
                .header(HEADER, &stack.clientcert_header("alice"));
            lines
                .iter()
                .fold(call, |call, (name, value)| call.header(name, value))
        };
        for client in [elsewhere.gateway(), elsewhere.gateway_http()] {
            let answer = with(&elsewhere, client).await;
            assert_untrusted(&elsewhere, &answer).await;
            assert_eq!(
                elsewhere.line_of(&answer).await["client_ip"],
                "127.0.0.1",
                "{lines:?}"
            );
        }
        for client in [
            edges.gateway(),
            edges.gateway_http(),
            edges.gateway().cert("alice"),
        ] {
            assert_untrusted(&edges, &with(&edges, client).await).await;
        }
        for client in [here.gateway(), here.gateway_http()] {
            assert_eq!(
                with(&here, client).await.status,
                200,
                "{lines:?} where the peer is trusted"
            );
        }
    }
    // PROXY protocol, where nobody has asked for it.
    let preface =
        "PROXY TCP4 10.0.0.1 10.0.0.2 1 443\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let before = elsewhere.upstream.count();
    let answer = elsewhere.gateway_http().raw(preface.as_bytes()).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert_eq!(elsewhere.upstream.count(), before);
}

#[tokio::test]
async fn connection_names_away_nothing_of_ours() {
    let stack = guarded().start().await;
    let named = [
        "X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host, X-Forwarded-Port, X-Real-IP",
        "x-consumer-username, X-CONSUMER-GROUPS, X-Consumer-ID, X-Credential-Identifier",
        "X-Amzn-Mtls-Clientcert, x-amzn-mtls-clientcert, X_Amzn_Mtls_Clientcert",
        "Host, Content-Length, Transfer-Encoding, Via, X-Kong-Request-Id, Connection, close",
    ];
    for lines in [vec![], named.to_vec(), vec![&*named.join(",")]] {
        for (client, path, consumer) in [
            (stack.gateway(), "/public", None),
            (stack.gateway_http(), "/public", None),
            (stack.edge("public"), "/public", None),
            (
                stack.edge("public").cert("alice"),
                "/admin",
                Some("alice@example.com"),
            ),
        ] {
            let call = client
                .post(path, "a body")
                .header("X-Forwarded-For", "203.0.113.9");
            let echo = lines
                .iter()
                .fold(call, |call, line| call.header("Connection", line))
                .await;
            assert_eq!(echo.status, 200, "{lines:?}");
            assert_eq!(echo.json()["body"], "a body", "{lines:?}");
            assert_eq!(
                echo.received("x-consumer-username").as_deref(),
                consumer,
                "{lines:?}"
            );
            assert_eq!(
                echo.received("x-consumer-groups").as_deref(),
                consumer.map(|_| "partners"),
                "{lines:?}"
            );
            assert_eq!(echo.received(HEADER).is_some(), consumer.is_some(), "{lines:?}");
            assert_eq!(
                echo.received("x-kong-request-id").as_deref(),
                echo.request_id(),
                "{lines:?}"
            );
            assert!(
                echo.received("x-forwarded-for").unwrap().ends_with("127.0.0.1"),
                "{lines:?}"
            );
            for name in [
                "x-forwarded-proto",
                "x-forwarded-host",
                "x-forwarded-port",
                "x-real-ip",
                "host",
                "via",
            ] {
                assert!(echo.received(name).is_some(), "{name} for {lines:?}");
            }
        }
    }
}

/// Lines that only a hand can write, from somebody whose header would count.
#[tokio::test]
async fn a_certificate_header_is_one_clean_line() {
    let stack = guarded().start().await;
    let (good, bob) = (stack.clientcert_header("alice"), stack.clientcert_header("bob"));
    let edge = stack.gateway().cert("edge/client");
    #[rustfmt::skip]
    let rows = [
        (format!("{HEADER}: {good}"), "200"),
        (format!("{HEADER}:{good}"), "200"),
        (format!("{HEADER}: \t{good} \t"), "200"),
        (format!("x-aMZN-mtls-CLIENTCERT: {good}"), "200"),
        (format!("{HEADER} : {good}"), "400"),
        (format!(" {HEADER}: {good}"), "400"),
        (format!("{HEADER}:\r\n {good}"), "400"),
        (format!("{HEADER}: {good}\r\n\t"), "400"),
        (format!("X-A: b\r\n\t{HEADER}: {good}"), "400"),
        (format!("{HEADER}: {good},{good}"), "400"),
        (format!("{HEADER}: {good}, {bob}"), "400"),
        (format!("{HEADER}: ,{good}"), "400"),
        (format!("{HEADER}: {good}\0"), "400"),
        (format!("{HEADER}\u{1}: {good}"), "400"),
        (format!("{HEADER}: {bob}\r\n{HEADER}: {good}"), "400"),
        (format!("{HEADER}: \r\n{HEADER}: {good}"), "400"),
        (format!("{HEADER}: {good}\r\nx_amzn_mtls_clientcert: {good}"), "400"),
        (format!("X-Amzn-Mtls-Clientcert-Leaf: {good}"), "401"),
        (format!("X-Amzn-Mtls-Clientcertificate: {good}"), "401"),
        (format!("Connection: {HEADER}\r\n{HEADER}: {good}"), "401"),
        (format!("X-A: b\r{HEADER}: {good}"), "400"),
    ];
    for (lines, status) in rows {
        let (got, _) = ask(
            &edge,
            &format!("GET /admin HTTP/1.1\r\nHost: other.test\r\n{lines}"),
        )
        .await;
        let shown: String = lines.chars().take(80).collect();
        assert_eq!(got, status, "{shown:?}");
    }
}
