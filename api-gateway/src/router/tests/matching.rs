//! Every kind of condition, the request that fulfils it beside the one that does not.

use http::Method;

use super::super::{MatchedPath, RouteMatchers, RouteProblem, Router};
use super::{TestRequest, route};

fn get() -> TestRequest {
    TestRequest::get("/")
}

#[test]
fn methods() {
    let posts = route().with_methods(&["POST", "PURGE"]);
    for (method, expected) in [(Method::POST, true), (Method::GET, false), (Method::HEAD, false)] {
        assert_eq!(
            posts.clone().takes(&get().method(method.clone())),
            expected,
            "{method}"
        );
    }
    assert!(posts.takes(&get().method("PURGE".parse().unwrap())));
}

#[test]
fn hosts() {
    for (pattern, host, expected) in [
        ("example.com", "example.com", true),
        ("example.com", "EXAMPLE.com", true),
        ("Example.Com", "example.com", true),
        ("example.com", "example.com:1234", true),
        ("example.com", "example.com:", true),
        ("example.com", "example.com.", false),
        ("example.com", "example.org", false),
        ("example.com", "example.com:x", false),
        ("example.com", "", false),
        ("example.com:8443", "example.com:8443", true),
        ("example.com:8443", "example.com", true),
        ("example.com:80", "example.com", false),
        ("example.com:80", "example.com:80", true),
        ("example.com:80", "example.com:8443", false),
        ("*.example.com", "a.b.Example.com:80", true),
        ("*.example.com", "example.com", false),
        ("*.example.com:80", "a.example.com:80", true),
        ("*.example.com:80", "a.example.com", false),
        ("example.*", "example.co.uk", true),
        ("example.*", "www.example.com", false),
        ("*", "whatever", true),
        ("[::1]:8443", "[::1]", true),
        ("[::1]", "[::2]", false),
    ] {
        assert_eq!(
            route().with_hosts(&[pattern]).takes(&get().host(host)),
            expected,
            "{pattern} {host}"
        );
    }
}

#[test]
fn headers() {
    for (name, values, sent, expected) in [
        ("x-team", &["blue"][..], &[("X-Team", "Blue")][..], true),
        ("x_team", &["blue"], &[("x-team", "blue")], true),
        ("x-team", &["blue"], &[("x_team", "blue")], true),
        ("x-team", &["blue", "green"], &[("x-team", "green")], true),
        (
            "x-team",
            &["blue"],
            &[("x-team", "red"), ("x-team", "blue")],
            true,
        ),
        ("x-team", &["~*^bl(?:ue|ack)$"], &[("x-team", "BLACK")], true),
        ("x-team", &["~*^bl(?:ue|ack)$"], &[("x-team", "blank")], false),
        ("x-team", &["blue"], &[("x-team", "blue, red")], false),
        ("x-team", &["blue"], &[("x-tea", "blue")], false),
        ("x-team", &["blue"], &[], false),
    ] {
        let request = sent
            .iter()
            .fold(get(), |request, (name, value)| request.header(name, value));
        assert_eq!(
            route().with_header(name, values).takes(&request),
            expected,
            "{name} {values:?} {sent:?}"
        );
    }
    let both = route().with_header("x-a", &["1"]).with_header("x-b", &["2"]);
    assert!(both.clone().takes(&get().header("x-a", "1").header("x-b", "2")));
    assert!(!both.takes(&get().header("x-a", "1")));
}

#[test]
fn snis() {
    for (pattern, request, expected) in [
        ("a.test", get().sni("a.test"), true),
        ("a.test", get().sni("a.test."), true),
        ("a.test.", get().sni("a.test"), true),
        ("a.test", get().sni("A.Test"), true),
        ("a.test", get().sni("b.test"), false),
        ("a.test", get(), false),
        // over http it counts as fulfilled, so that the answer can be 426
        ("a.test", get().http(), true),
        ("a.test", get().sni("b.test").http(), true),
        ("*.foo.test", get().sni("a.b.foo.test"), true),
        ("*.foo.test", get().sni("foo.test"), false),
        ("foo.*", get().sni("foo.bar.test"), true),
        ("foo.*", get().sni("a.foo.test"), false),
    ] {
        assert_eq!(
            route().with_snis(&[pattern]).takes(&request),
            expected,
            "{pattern} {request:?}"
        );
    }
}

#[test]
fn paths_tell_how_much_they_took() {
    for (paths, request, expected) in [
        (&["/route"][..], "/routereq", Some(MatchedPath::Prefix(6))),
        (&["/route"], "/rout", None),
        (&["/", "/route"], "/route/x", Some(MatchedPath::Prefix(6))),
        (&["~/r\\w+", "/route"], "/routereq", Some(MatchedPath::Regex(9))),
        // within one route's regexes the first that matches decides
        (&["~/r", "~/ro"], "/route", Some(MatchedPath::Regex(2))),
        (&["~/ro", "~/r"], "/route", Some(MatchedPath::Regex(3))),
        (&["~/x", "~/r"], "/route", Some(MatchedPath::Regex(2))),
    ] {
        let router = Router::compile(&[route().with_paths(paths)]).unwrap();
        let found = router.find(&TestRequest::get(request).facts());
        assert_eq!(found.map(|matched| matched.path), expected, "{paths:?} {request}");
    }
    // all of a route's paths are one candidate
    let router = Router::compile(&[route().with_paths(&["/", "/r", "~/r"])]).unwrap();
    assert_eq!(router.candidates(&TestRequest::get("/route").facts()).count(), 1);
    let router = Router::compile(&[route().with_hosts(&["example.com"])]).unwrap();
    assert_eq!(router.find(&get().facts()).unwrap().path, MatchedPath::Nothing);
}

#[test]
fn kinds_are_anded_and_values_ored() {
    let picky = route()
        .with_methods(&["GET", "POST"])
        .with_hosts(&["example.com", "example.org"])
        .with_paths(&["/a", "/b"])
        .with_header("x-team", &["blue", "red"])
        .with_snis(&["a.test", "b.test"]);
    let good = TestRequest::get("/b/c")
        .host("example.org")
        .header("x-team", "red")
        .sni("b.test");
    for (request, expected) in [
        (good.clone(), true),
        (good.clone().method(Method::PUT), false),
        (good.clone().host("example.net"), false),
        (
            TestRequest {
                path: "/c".into(),
                ..good.clone()
            },
            false,
        ),
        (
            TestRequest {
                headers: http::HeaderMap::new(),
                ..good.clone()
            },
            false,
        ),
        (good.clone().sni("c.test"), false),
    ] {
        assert_eq!(picky.clone().takes(&request), expected, "{request:?}");
    }
}

#[test]
fn nothing_matches_an_empty_router() {
    assert_eq!(Router::compile(&[]).unwrap().find(&get().facts()), None);
    assert_eq!(Router::default().find(&get().facts()), None);
}

#[test]
fn every_problem_is_told_with_its_place() {
    let routes = [
        route().with_paths(&["/ok"]),
        RouteMatchers {
            methods: vec!["GET".into(), "get".into()],
            hosts: vec!["a.*.b".into()],
            paths: vec!["/ok".into(), "~/(?=x)".into(), "/a//b".into()],
            headers: vec![("host".into(), vec!["x".into()])],
            snis: vec!["*.a.*".into()],
            regex_priority: -1,
            ..route()
        },
        route(),
        route().with_paths(&["/no-regex"]).with_regex_priority(-1),
    ];
    let found: Vec<_> = Router::compile(&routes)
        .unwrap_err()
        .into_iter()
        .map(
            |RouteProblem {
                 route,
                 field,
                 index,
                 message,
             }| (route, field, index, message),
        )
        .collect();
    let expected = [
        (1, "methods", 1, "invalid value: get"),
        (1, "hosts", 0, "wildcard must be leftmost or rightmost character"),
        (
            1,
            "headers",
            0,
            "cannot contain 'host' header, which must be specified in the 'hosts' attribute",
        ),
        (1, "snis", 0, "only one wildcard must be specified"),
        (
            1,
            "paths",
            1,
            "invalid regex: '/(?=x)' (look-around, including look-ahead and look-behind, is not supported)",
        ),
        (1, "paths", 2, "non-normalized path, consider use '/a/b' instead"),
        (1, "regex_priority", 0, "value should be between 0 and 4294967295"),
        (
            2,
            "@entity",
            0,
            "must set one of 'methods', 'hosts', 'headers', 'paths', 'snis'",
        ),
    ];
    let expected = expected.map(|(route, field, index, message)| (route, field, index, message.to_owned()));
    assert_eq!(found, expected);
}
