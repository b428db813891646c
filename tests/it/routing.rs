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
pub(crate) async fn taken_by(stack: &Stack, answer: &Answer) -> String {
    match stack.line_of(answer).await["route"].as_str() {
        Some(route) => route.to_owned(),
        None => answer.status.as_str().to_owned(),
    }
}

/// Every way into the gateway that says no server name of its own.
pub(crate) fn ways(stack: &Stack) -> [Client; 3] {
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
