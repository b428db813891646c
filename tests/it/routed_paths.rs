//! What the upstream is asked for: the path as it was matched, in one form, less what is stripped; the query untouched.

use harness::client::Client;
use harness::stack::Stack;

use crate::routing::without_authorities;

/// Service path, route path, `strip_path`, request path, path upstream.
type Joined = (
    &'static str,
    Option<&'static str>,
    &'static [bool],
    &'static str,
    &'static str,
);

/// Kong's table for `path_handling: v0`, and what goes beyond it.
#[rustfmt::skip]
const JOINED: [Joined; 38] = [
    ("/", Some("/route"), &[true], "/route", "/"),
    ("/", Some("/route"), &[true], "/route/", "/"),
    ("/", Some("/route"), &[true], "/routereq", "/req"),
    ("/srv", Some("/rou"), &[false], "/roureq", "/srv/roureq"),
    ("/srv", Some("/rou"), &[true], "/roureq", "/srv/req"),
    ("/srv/", Some("/rou"), &[true], "/rou", "/srv"),
    ("/service", Some("/"), &[true, false], "/", "/service"),
    ("/service", Some("/"), &[true, false], "/route", "/service/route"),
    ("/service", Some("/route"), &[false], "/route", "/service/route"),
    ("/service", Some("/route"), &[true], "/route", "/service"),
    ("/service", Some("/route"), &[true], "/route/", "/service/"),
    ("/service", Some("/route"), &[true], "/routereq", "/service/req"),
    ("/service", Some("/route/"), &[true], "/route/", "/service/"),
    ("/service", Some("/route/"), &[true], "/route/req", "/service/req"),
    ("/service/", Some("/route"), &[true], "/route", "/service"),
    ("/service/", Some("/route"), &[true], "/route/", "/service/"),
    ("/service", None, &[true, false], "/route", "/service/route"),
    ("/service", Some("/route"), &[true], "/route./req", "/service/req"),
    (
        "/service",
        Some("/route"),
        &[true],
        "/route../req",
        "/service/req",
    ),
    (
        "/service",
        Some("/route"),
        &[true],
        "/route%2E/req",
        "/service/req",
    ),
    (
        "/service",
        Some("/route"),
        &[false],
        "/route%2E/req",
        "/service/route./req",
    ),
    // A service without a path.
    ("", Some("/route"), &[true], "/route", "/"),
    ("", Some("/route"), &[true], "/route/req", "/req"),
    ("", Some("/route"), &[false], "/route/req", "/route/req"),
    ("", None, &[true, false], "/", "/"),
    // A regex takes as much as it matched.
    (
        "/service",
        Some(r"~/r\w+/\d+"),
        &[true],
        "/route/12/x",
        "/service/x",
    ),
    (
        "/service",
        Some(r"~/r\w+/\d+"),
        &[true],
        "/route/12x",
        "/service/x",
    ),
    ("/service", Some(r"~/r\w+/\d+"), &[true], "/route/12", "/service"),
    (
        "/service",
        Some(r"~/r\w+/\d+"),
        &[false],
        "/route/12x",
        "/service/route/12x",
    ),
    // What is left begins with no parent, in no spelling.
    (
        "/service",
        Some("/route"),
        &[true],
        "/route..%2Fadmin",
        "/service/admin",
    ),
    (
        "/service",
        Some("/route"),
        &[true],
        "/route..%5Cadmin",
        "/service/admin",
    ),
    // Escapes stay what they are.
    (
        "/service",
        Some("/route"),
        &[true],
        "/route/cat%20and%20dog",
        "/service/cat%20and%20dog",
    ),
    (
        "/service",
        Some("/route"),
        &[true],
        "/route/a%2fb",
        "/service/a%2Fb",
    ),
    (
        "/service",
        Some("/route"),
        &[true],
        "/route/a%5cb",
        "/service/a%5Cb",
    ),
    (
        "/service",
        Some("/route"),
        &[true],
        "/route/%7Ealice/%41",
        "/service/~alice/A",
    ),
    (
        "/service",
        Some("/route"),
        &[true],
        "/route/%2541",
        "/service/%2541",
    ),
    (
        "/service",
        Some("/route"),
        &[true],
        "/route/a;v=1,2/b!$&'()*+=:@",
        "/service/a;v=1,2/b!$&'()*+=:@",
    ),
    (
        "/caf%C3%A9",
        Some("/route"),
        &[true],
        "/route/%c3%a9",
        "/caf%C3%A9/%C3%A9",
    ),
];

/// One service and route for each row, told apart by host.
fn joined() -> String {
    use std::fmt::Write as _;

    let mut text = "_format_version: '3.0'\nservices:\n".to_owned();
    for (number, (service, route, strips, ..)) in JOINED.iter().enumerate() {
        let paths = route.map_or_else(String::new, |path| format!(", paths: ['{path}']"));
        write!(
            text,
            "  - name: service-{number}\n    url: 'http://{{echo}}{service}'\n    routes:\n"
        )
        .unwrap();
        for strip in *strips {
            writeln!(
                text,
                "      - {{ hosts: [row-{number}.{strip}.test], strip_path: {strip}{paths} }}"
            )
            .unwrap();
        }
    }
    text
}

#[tokio::test]
async fn service_path_and_request_path_are_joined_as_kong_joins_them() {
    let stack = without_authorities(Stack::reading(joined()).without_edge())
        .start()
        .await;
    for (number, (service, route, strips, request, upstream)) in JOINED.iter().enumerate() {
        for strip in *strips {
            let host = format!("row-{number}.{strip}.test");
            for client in [stack.gateway().over_http2(), stack.gateway_http()] {
                let echo = client.host(&host).get(request).await;
                assert_eq!(
                    (echo.status.as_u16(), echo.json()["path"].as_str()),
                    (200, Some(*upstream)),
                    "service {service:?}, route {route:?}, strip {strip}, {request} by {:?}",
                    echo.version
                );
            }
        }
    }
}

/// One line of a request, as no library would let it be written, and the status with the echo's path.
async fn raw(client: &Client, target: &str) -> (String, Option<String>) {
    let request = format!("GET {target} HTTP/1.1\r\nHost: api.test\r\nConnection: close\r\n\r\n");
    let answer = client.raw(request.as_bytes()).await.unwrap();
    let status = answer.get(9..12).unwrap_or_default().to_owned();
    let path = answer
        .lines()
        .find_map(|line| line.trim().strip_prefix("\"path\": \""));
    let path = path.map(|rest| rest.trim_end_matches("\",").to_owned());
    (status, path)
}

pub(crate) const WHOLE: &str = "_format_version: '3.0'\nservices:\n  - name: echo\n    url: http://{echo}\n    routes:\n      \
                     - { name: whole, paths: [/], strip_path: false, preserve_host: true }\n      \
                     - { name: own-host, paths: [/own-host] }\n";

#[tokio::test]
async fn a_path_is_put_into_one_form_or_refused() {
    let stack = without_authorities(Stack::reading(WHOLE)).start().await;
    for (target, path) in [
        ("/a/./b//c/../d", Some("/a/b/d")),
        ("/a/b/.", Some("/a/b/")),
        ("/a/b/..", Some("/a/")),
        ("/../../a", Some("/a")),
        ("/%2e%2E/a", Some("/a")),
        ("/a%2f%2fb", Some("/a%2F%2Fb")),
        ("/%61%2d%2e%5f%7e", Some("/a-._~")),
        ("/a%2e", Some("/a.")),
        ("/a..b/...", Some("/a..b/...")),
        ("/a|b^c{d}", Some("/a%7Cb%5Ec%7Bd%7D")),
        // Decision 22: what could hide a parent, or an end.
        ("/a/..%2fb", None),
        ("/a/..%2Fb", None),
        ("/a%2f..%2fb", None),
        ("/a/%2e%2e%2fb", None),
        ("/a/..%5cb", None),
        ("/a%5c..", None),
        ("/a%00", None),
        ("/%00/a", None),
        ("/a%", None),
        ("/a%2", None),
        ("/a%zz", None),
        ("/a%u0041", None),
    ] {
        for client in [stack.gateway(), stack.gateway_http(), stack.edge("public")] {
            let before = stack.upstream.count();
            let (status, seen) = raw(&client, target).await;
            let expected = if path.is_some() { "200" } else { "400" };
            assert_eq!((status.as_str(), seen.as_deref()), (expected, path), "{target}");
            assert_eq!(
                stack.upstream.count() - before,
                usize::from(path.is_some()),
                "{target}"
            );
        }
    }
}

#[tokio::test]
async fn other_forms_of_a_target_are_one_path_too() {
    let stack = without_authorities(Stack::reading(WHOLE)).start().await;
    for (target, status, path) in [
        ("http://api.test/a/../b", "200", Some("/b")),
        ("HTTP://API.test/a", "200", Some("/a")),
        ("http://api.test", "200", Some("/")),
        ("http://user@api.test/a", "400", None),
        ("*", "400", None),
        ("api.test", "400", None),
        ("api.test:80", "400", None),
    ] {
        for client in [stack.gateway(), stack.gateway_http(), stack.edge("public")] {
            let (seen, echo) = raw(&client, target).await;
            assert_eq!((seen.as_str(), echo.as_deref()), (status, path), "{target}");
        }
    }
}

#[tokio::test]
async fn a_query_goes_on_as_it_came() {
    let stack = without_authorities(Stack::reading(WHOLE).without_edge())
        .start()
        .await;
    for (query, upstream) in [
        ("", None),
        ("?", Some("")),
        ("?a=b", Some("a=b")),
        ("?a=b&&c=%7e+%2F%zz&d", Some("a=b&&c=%7e+%2F%zz&d")),
        ("?/../x//y", Some("/../x//y")),
        ("??", Some("?")),
        ("?a?b=c", Some("a?b=c")),
        ("?%00", Some("%00")),
        ("?..%2f", Some("..%2f")),
    ] {
        for path in ["/a", "/a/../a", "/own-host/x"] {
            for client in [
                stack.gateway(),
                stack.gateway().over_http2(),
                stack.gateway_http(),
            ] {
                let echo = client.get(&format!("{path}{query}")).await;
                assert_eq!(echo.json()["query"].as_str(), upstream, "{path}{query}");
            }
        }
    }
}
