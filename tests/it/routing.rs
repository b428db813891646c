//! Which route a request takes: every condition of Kong's router, by every way into the gateway.

use harness::answer::Answer;
use harness::client::Client;
use harness::stack::{Plan, Stack};
use http::Method;

/// A gateway with a document that names no certificate authority: there is nothing to revoke.
pub(crate) fn without_authorities(plan: Plan) -> Plan {
    plan.gateway("revocation_lists", "")
}

/// The name of the route that took the request; its status where none did.
async fn taken_by(stack: &Stack, answer: &Answer) -> String {
    match stack.line_of(answer).await["route"].as_str() {
        Some(route) => route.to_owned(),
        None => answer.status.as_str().to_owned(),
    }
}

/// Every way into the gateway that says no server name of its own.
fn ways(stack: &Stack) -> [Client; 3] {
    [
        stack.gateway(),
        stack.gateway().over_http2(),
        stack.gateway_http(),
    ]
}

async fn routing() -> Stack {
    without_authorities(Stack::with("routing.yaml").without_edge())
        .start()
        .await
}

#[tokio::test]
async fn by_method() {
    let stack = routing().await;
    for (method, route) in [
        ("POST", "methods"),
        ("PURGE", "methods"),
        ("GET", "404"),
        ("HEAD", "404"),
        ("post", "404"),
    ] {
        for client in ways(&stack) {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let answer = client.request(method.clone(), "/methods").await;
            assert_eq!(
                taken_by(&stack, &answer).await,
                route,
                "{method} by {:?}",
                answer.version
            );
        }
    }
}

#[tokio::test]
async fn by_host() {
    let stack = routing().await;
    let by_host = async |client: Client, host: &str, route: &str| {
        let answer = client.host(host).get("/hosts").await;
        assert_eq!(
            taken_by(&stack, &answer).await,
            route,
            "{host} by {:?}",
            answer.version
        );
    };
    for (host, route) in [
        ("exact.test", "host-exact"),
        ("EXACT.Test", "host-exact"),
        ("exact.test:99", "host-exact"),
        ("exact.test.", "404"),
        ("a.exact.test", "404"),
        ("exact.tes", "404"),
        ("a.suffix.test", "host-suffix"),
        ("a.b.SUFFIX.test:1", "host-suffix"),
        ("suffix.test", "404"),
        ("asuffix.test", "404"),
        ("prefix.test", "host-prefix"),
        ("prefix.co.uk", "host-prefix"),
        ("a.prefix.test", "404"),
        ("prefixes.test", "404"),
        ("port.test:1234", "host-port"),
        ("port.test:1235", "404"),
        ("port.test", "404"),
        ("a.port.test:1234", "host-suffix-port"),
        ("a.port.test", "404"),
        ("capitals.test", "host-capitals"),
        ("other.test", "host-capitals"),
        ("another.test", "404"),
    ] {
        for client in ways(&stack) {
            by_host(client, host, route).await;
        }
    }
    // What no HTTP/2 library would write.
    for (host, route) in [
        ("exact.test:", "host-exact"),
        ("exact.test:x", "404"),
        ("exact.test, other.test", "404"),
    ] {
        by_host(stack.gateway_http(), host, route).await;
    }
}

#[tokio::test]
async fn a_host_without_a_port_has_the_listeners() {
    let stack = routing().await;
    let (tls, plain) = (stack.gateway(), stack.gateway_http());
    let port = tls.address().port();
    stack.change("kong.yaml", "listener.test:1", &format!("listener.test:{port}"));
    stack.reload_gateway().await;
    for (client, host, route) in [
        (&tls, "listener.test".to_owned(), "host-listener"),
        (&tls, format!("listener.test:{port}"), "host-listener"),
        (&plain, "listener.test".to_owned(), "404"),
        (&plain, format!("listener.test:{port}"), "host-listener"),
    ] {
        let answer = client.clone().host(&host).get("/hosts").await;
        assert_eq!(taken_by(&stack, &answer).await, route, "{host} at {client:?}");
    }
}

#[tokio::test]
async fn by_path() {
    let stack = routing().await;
    for (path, route) in [
        ("/prefix", "prefix"),
        ("/prefix/more", "prefix"),
        ("/prefixed", "prefix"),
        ("/prefi", "404"),
        ("/a/prefix", "404"),
        ("/PREFIX", "404"),
        ("/other?/prefix", "404"),
        ("/pre%66ix", "prefix"),
        ("//prefix", "prefix"),
        ("/x/../prefix", "prefix"),
        ("/regex/12/a", "regex"),
        ("/regex/12/b/and/more", "regex"),
        ("/regex/12/c", "404"),
        ("/regex/x/a", "404"),
        ("/a/regex/12/a", "404"),
        ("/caf%c3%a9", "escaped"),
        ("/a%2fb", "escaped"),
        ("/a/b", "404"),
        ("/several/one", "several"),
        ("/several/another", "several"),
        ("/several/none", "404"),
    ] {
        for client in ways(&stack) {
            let answer = client.get(path).await;
            assert_eq!(
                taken_by(&stack, &answer).await,
                route,
                "{path} by {:?}",
                answer.version
            );
        }
    }
}

#[tokio::test]
async fn by_header() {
    let stack = routing().await;
    let gold = ("x-tier", "gold");
    for (lines, route) in [
        (&[("x-team", "blue"), gold][..], "headers"),
        (&[("X-Team", "BLUE"), ("X-Tier", "GOLD")], "headers"),
        (&[("x_team", "green"), ("x_tier", "Platinum")], "headers"),
        (&[("x-team", "red"), ("x-team", "green"), gold], "headers"),
        (&[("x-team", "red"), gold], "404"),
        (&[("x-team", "blue, green"), gold], "404"),
        (&[("x-team", "blueish"), gold], "404"),
        (&[("x-team", "blue"), ("x-tier", "golden")], "404"),
        (&[("x-team", "blue")], "404"),
        (&[gold], "404"),
        (&[], "404"),
    ] {
        for client in ways(&stack) {
            let call = lines.iter().fold(client.get("/headers"), |call, (name, value)| {
                call.header(name, value)
            });
            let answer = call.await;
            assert_eq!(
                taken_by(&stack, &answer).await,
                route,
                "{lines:?} by {:?}",
                answer.version
            );
        }
    }
}

#[tokio::test]
async fn by_server_name_where_there_is_one() {
    let stack = routing().await;
    let tls = stack.gateway();
    for (sni, route) in [
        ("exact.sni.test", "secure"),
        ("EXACT.SNI.test", "secure"),
        ("a.exact.sni.test", "404"),
        ("a.suffix.sni.test", "secure"),
        ("a.b.suffix.sni.test", "secure"),
        ("suffix.sni.test", "404"),
        ("prefix.sni.test", "secure"),
        ("prefix.sni.co.uk", "secure"),
        ("a.prefix.sni.test", "404"),
        ("other.test", "404"),
        // An address is no server name, and none is sent.
        ("127.0.0.1", "404"),
    ] {
        for client in [tls.clone(), tls.clone().over_http2(), tls.clone().over_tls12()] {
            let client = client.asking_for(sni).host("whatever.test");
            let answer = client.get("/secure").await;
            assert_eq!(
                taken_by(&stack, &answer).await,
                route,
                "{sni} by {:?}",
                answer.version
            );
        }
    }
    // Over http the condition counts as fulfilled, so that the client hears what it takes.
    for (client, path, status, route) in [
        (stack.gateway_http(), "/secure", 426, "secure"),
        (stack.gateway_http(), "/either", 200, "either"),
        (tls.clone().asking_for("exact.sni.test"), "/either", 200, "either"),
        (tls.clone().asking_for("other.sni.test"), "/either", 404, "404"),
        // `Host` is not the server name.
        (tls.clone().host("exact.sni.test"), "/secure", 404, "404"),
    ] {
        let answer = client.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(taken_by(&stack, &answer).await, route, "{path}");
    }
}

#[tokio::test]
async fn protocols_take_no_part_in_the_choice() {
    let stack = routing().await;
    for (client, path, status) in [
        (stack.gateway_http(), "/http-only", 200),
        (stack.gateway(), "/http-only", 200),
        (stack.gateway().over_http2(), "/http-only", 200),
        (stack.gateway_http(), "/https-only", 426),
        (stack.gateway(), "/https-only", 200),
        (stack.gateway().over_http2(), "/https-only", 200),
    ] {
        let answer = client.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(taken_by(&stack, &answer).await, path[1..], "{path}");
    }
}

/// A request that fulfils all conditions of the route `everything`, to be spoilt.
struct Request {
    method: Method,
    host: &'static str,
    path: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    sni: &'static str,
}

impl Request {
    fn good() -> Self {
        Self {
            method: Method::PUT,
            host: "a.everything.test",
            path: "/everything/and/more",
            headers: vec![("x-one", "1"), ("x-two", "zwei")],
            sni: "exact.sni.test",
        }
    }
}

#[tokio::test]
async fn kinds_are_anded_and_values_are_ored() {
    let stack = routing().await;
    let good = Request::good;
    #[rustfmt::skip]
    let rows = [
        ("all", good(), "everything"),
        ("another method", Request { method: Method::GET, ..good() }, "everything"),
        ("a wrong method", Request { method: Method::POST, ..good() }, "404"),
        ("another host", Request { host: "everything.test", ..good() }, "everything"),
        ("a wrong host", Request { host: "nothing.test", ..good() }, "404"),
        ("another path", Request { path: "/everybodysing/regex", ..good() }, "everything"),
        ("a path that goes on behind the end", Request { path: "/everybodysing/regexes", ..good() }, "404"),
        ("a wrong path", Request { path: "/nothing", ..good() }, "404"),
        ("another value", Request { headers: vec![("x-one", "1"), ("x-two", "2")], ..good() }, "everything"),
        ("a wrong value", Request { headers: vec![("x-one", "1"), ("x-two", "drei")], ..good() }, "404"),
        ("one header", Request { headers: vec![("x-two", "2")], ..good() }, "404"),
        ("a wrong server name", Request { sni: "other.sni.test", ..good() }, "404"),
    ];
    for (what, request, route) in rows {
        let tls = stack.gateway().asking_for(request.sni).host(request.host);
        for client in [tls.clone(), tls.over_http2()] {
            let call = client.request(request.method.clone(), request.path);
            let call = request
                .headers
                .iter()
                .fold(call, |call, (name, value)| call.header(name, value));
            assert_eq!(taken_by(&stack, &call.await).await, route, "{what}");
        }
    }
}

/// Two routes that both take the request; the first must win. The second has the greater id, so it wins every tie.
const CONTESTS: [(&str, &str, &str); 17] = [
    (
        "more kinds beat a longer path",
        "methods: [GET], paths: [/route]",
        "paths: [/route/of/all]",
    ),
    (
        "more kinds beat a regex of any priority",
        "methods: [GET], paths: [/]",
        "paths: ['~/route'], regex_priority: 100",
    ),
    (
        "a server name is a kind",
        "snis: [exact.sni.test], paths: [/]",
        "paths: [/route/of/all]",
    ),
    (
        "a server name counts as much as a method",
        "snis: ['*.test'], paths: [/route/of]",
        "methods: [GET], paths: [/route]",
    ),
    (
        "a header is a kind, however many there are",
        "headers: {x-a: ['1']}, methods: [GET], paths: [/]",
        "headers: {x-a: ['1'], x-b: ['2']}, paths: [/route/of/all]",
    ),
    (
        "more headers beat a regex",
        "headers: {x-a: ['1'], x-b: ['2']}, paths: [/]",
        "headers: {x-a: ['1']}, paths: ['~/route']",
    ),
    (
        "more values of one header weigh nothing",
        "headers: {x-a: ['1']}, paths: [/route/of]",
        "headers: {x-a: ['1', '2', '3']}, paths: [/route]",
    ),
    (
        "a regex beats a longer prefix",
        "paths: ['~/r']",
        "paths: [/route/of/all]",
    ),
    (
        "regex_priority beats a longer regex",
        "paths: ['~/r'], regex_priority: 6",
        "paths: ['~/route/of/all'], regex_priority: 5",
    ),
    (
        "a longer prefix beats a shorter one",
        "paths: [/route/of]",
        "paths: [/route]",
    ),
    (
        "regex_priority is nothing to a prefix",
        "paths: [/route/of]",
        "paths: [/route], regex_priority: 100",
    ),
    (
        "the path that matches decides, not the longest",
        "paths: [/route]",
        "paths: [/, /another/and/much/longer]",
    ),
    (
        "the longest of those that match decides",
        "paths: [/, /route/of]",
        "paths: [/route]",
    ),
    (
        "a regex among a route's paths is one of its own",
        "paths: [/, '~/route']",
        "paths: [/route/of/all]",
    ),
    (
        "prefixes beside a regex stay prefixes",
        "paths: ['~/nothing', /route/of]",
        "paths: ['~/nowhere', /route]",
    ),
    (
        "an empty list is no kind",
        "paths: [/route/of]",
        "methods: [], paths: [/route]",
    ),
    (
        "of equals the greater id",
        "paths: [/route], id: ffffffff-ffff-4fff-bfff-ffffffffffff",
        "paths: [/route]",
    ),
];

/// The same where it is the hosts that are compared.
const HOST_CONTESTS: [(&str, &str, &str); 6] = [
    (
        "a plain host beats a wildcard with more headers",
        "hosts: [a.host.test], headers: {x-a: ['1']}",
        "hosts: ['*.host.test'], headers: {x-a: ['1'], x-b: ['2']}",
    ),
    (
        "a wildcard among plain hosts is a wildcard",
        "hosts: [a.host.test]",
        "hosts: [a.host.test, '*.other.test']",
    ),
    (
        "more kinds beat a plain host",
        "hosts: ['*.host.test'], methods: [GET]",
        "hosts: [a.host.test]",
    ),
    (
        "a host beats a longer path, being a kind",
        "hosts: ['*.host.test']",
        "methods: []",
    ),
    (
        "a deeper wildcard weighs nothing",
        "hosts: ['*.test'], id: ffffffff-ffff-4fff-bfff-ffffffffffff",
        "hosts: ['*.host.test']",
    ),
    (
        "a port weighs nothing",
        "hosts: [a.host.test], id: ffffffff-ffff-4fff-bfff-fffffffffffe",
        "hosts: ['a.host.test:80']",
    ),
];

/// A document with the two routes of every contest, the one that loses first; `of(number)` keeps contests apart.
fn contests(all: &[(&str, &str, &str)], of: impl Fn(usize) -> String) -> String {
    use std::fmt::Write as _;

    let mut text =
        "_format_version: '3.0'\nservices:\n  - name: echo\n    url: http://{echo}\n    routes:\n".to_owned();
    for (number, (_, first, second)) in all.iter().enumerate() {
        for (name, route, id) in [("second", second, 'e'), ("first", first, '1')] {
            let common = of(number);
            let id = if route.contains("id: ") {
                String::new()
            } else {
                format!(", id: {id}0000000-0000-4000-8000-{number:012}")
            };
            writeln!(text, "      - {{ name: {name}-{number}, {common}, {route}{id} }}").unwrap();
        }
    }
    text
}

#[tokio::test]
async fn of_two_routes_that_match_kongs_order_chooses() {
    let document = contests(&CONTESTS, |number| format!("hosts: [contest-{number}.test]"));
    let stack = without_authorities(Stack::reading(document).without_edge())
        .start()
        .await;
    for (number, (what, ..)) in CONTESTS.iter().enumerate() {
        let tls = stack
            .gateway()
            .asking_for("exact.sni.test")
            .host(&format!("contest-{number}.test"));
        for client in [tls.clone(), tls.over_http2()] {
            let answer = client
                .get("/route/of/all")
                .header("x-a", "1")
                .header("x-b", "2")
                .await;
            assert_eq!(
                taken_by(&stack, &answer).await,
                format!("first-{number}"),
                "{what}"
            );
        }
    }
}

#[tokio::test]
async fn of_two_routes_of_a_host_kongs_order_chooses() {
    let document = contests(&HOST_CONTESTS, |number| format!("paths: [/contest-{number}/]"));
    let stack = without_authorities(Stack::reading(document).without_edge())
        .start()
        .await;
    for (number, (what, ..)) in HOST_CONTESTS.iter().enumerate() {
        for client in ways(&stack) {
            let client = client.host("a.host.test:80");
            let call = client
                .get(&format!("/contest-{number}/x"))
                .header("x-a", "1")
                .header("x-b", "2");
            assert_eq!(
                taken_by(&stack, &call.await).await,
                format!("first-{number}"),
                "{what}"
            );
        }
    }
}
