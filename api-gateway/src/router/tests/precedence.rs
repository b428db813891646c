//! Of two routes that both match, which one is taken.

use super::super::path::normalise;
use super::super::{RouteMatchers, Router};
use super::{TestRequest, route};

/// The second of the pair has the greater id, so that it would win every tie.
#[track_caller]
fn first_wins(first: RouteMatchers, second: RouteMatchers) {
    let request = TestRequest::get("/route/x")
        .header("x-a", "1")
        .header("x-b", "2")
        .sni("a.test");
    let pair = [first.with_id(1), second.with_id(2)];
    for one in &pair {
        assert!(one.clone().takes(&request), "both must match: {one:?}");
    }
    let router = Router::compile(&pair).unwrap();
    assert_eq!(
        router.find(&request.facts()).map(|matched| matched.route),
        Some(0),
        "{pair:?}"
    );
    let order: Vec<usize> = router
        .candidates(&request.facts())
        .map(|matched| matched.route)
        .collect();
    assert_eq!(order, [0, 1]);
}

#[test]
fn more_kinds_beat_everything() {
    first_wins(
        route().with_methods(&["GET"]).with_snis(&["*.test"]),
        route()
            .with_paths(&["~/route/x"])
            .with_regex_priority(4_294_967_295),
    );
    first_wins(
        route()
            .with_hosts(&["*.com"])
            .with_methods(&["GET"])
            .with_paths(&["/"]),
        route().with_hosts(&["example.com"]).with_header("x-a", &["1"]),
    );
}

#[test]
fn plain_host_beats_wildcard_host_and_more_headers() {
    first_wins(
        route().with_hosts(&["example.com"]),
        route().with_hosts(&["*.com"]),
    );
    first_wins(
        route().with_hosts(&["example.com"]),
        route().with_hosts(&["example.com", "*.com"]),
    );
    first_wins(
        route().with_hosts(&["example.com"]).with_header("x-a", &["1"]),
        route()
            .with_hosts(&["example.*"])
            .with_header("x-a", &["1"])
            .with_header("x-b", &["2"]),
    );
    // a plain host has its own bit, no host has not
    first_wins(
        route().with_hosts(&["example.com"]),
        route().with_header("x-a", &["1"]).with_header("x-b", &["2"]),
    );
}

#[test]
fn more_headers_beat_a_regex_path() {
    let (headers, one) = (
        route().with_header("x-a", &["1"]).with_header("x-b", &["2"]),
        route().with_header("x-a", &["1"]),
    );
    first_wins(headers.with_paths(&["/"]), one.with_paths(&["~/route/x"]));
}

#[test]
fn regex_beats_prefix_then_regex_priority_then_length() {
    first_wins(route().with_paths(&["~/r"]), route().with_paths(&["/route/x"]));
    first_wins(
        route().with_paths(&["~/r"]).with_regex_priority(6),
        route().with_paths(&["~/route/x"]).with_regex_priority(5),
    );
    first_wins(route().with_paths(&["/route/x"]), route().with_paths(&["/route"]));
    first_wins(
        route().with_paths(&["/route/x"]),
        route().with_paths(&["/route"]).with_regex_priority(4_294_967_295),
    );
    // the path that matches decides, not the longest of the route
    first_wins(
        route().with_paths(&["/route"]),
        route().with_paths(&["/", "/other-and-longer"]),
    );
}

#[test]
fn ports_and_deeper_wildcards_weigh_nothing() {
    for (first, second) in [
        ("example.com", "example.com:8443"),
        ("*.com", "*.example.com"),
        ("e.com", "e.com"),
    ] {
        let router = Router::compile(&[
            route().with_hosts(&[first]).with_id(1),
            route().with_hosts(&[second]).with_id(2),
        ])
        .unwrap();
        let host = if first == "example.com" {
            "example.com"
        } else {
            "www.example.com"
        };
        let host = if first == "e.com" { "e.com" } else { host };
        let request = TestRequest::get("/").host(host);
        // equal numbers: the greater id
        assert_eq!(
            router.find(&request.facts()).map(|matched| matched.route),
            Some(1),
            "{first} {second}"
        );
    }
}

#[test]
fn the_greater_id_wins_a_tie_whatever_the_order() {
    for ids in [[1, 2], [2, 1]] {
        let routes = ids.map(|id| route().with_paths(&["/"]).with_id(id));
        let router = Router::compile(&routes).unwrap();
        let found = router.find(&TestRequest::get("/").facts()).unwrap();
        assert_eq!(ids[found.route], 2);
    }
}

/// Computed by hand: UUIDv5 of `00000000-0000-0000-0000-000000000001#1` and `…#2` in Kong's namespace, against an id
/// between and around them.
#[test]
fn sub_routes_tie_by_their_own_ids() {
    let namespace = "7f145bf9-0dce-4f91-98eb-debbce4b9f6b".parse().unwrap();
    let of = |number: u8| {
        uuid::Uuid::new_v5(
            &namespace,
            format!("00000000-0000-0000-0000-000000000001#{number}").as_bytes(),
        )
    };
    for (path, number) in [("/a", 1), ("/bb", 2)] {
        for (id, expected) in [(of(number).as_u128() - 1, 0), (of(number).as_u128() + 1, 1)] {
            let routes = [
                route().with_paths(&["/a", "/bb"]).with_id(1),
                route().with_paths(&[path]).with_id(id),
            ];
            let router = Router::compile(&routes).unwrap();
            let found = router.find(&TestRequest::get(path).facts()).unwrap();
            assert_eq!(found.route, expected, "{path} {id:x}");
        }
    }
    // one length is one group: the route keeps its id
    let routes = [
        route().with_paths(&["/a", "/b"]).with_id(1),
        route().with_paths(&["/a"]).with_id(2),
    ];
    let router = Router::compile(&routes).unwrap();
    assert_eq!(router.find(&TestRequest::get("/a").facts()).unwrap().route, 1);
}

/// A protected `/admin` beside a public `/`: no spelling of the path gets around it, or it is no longer that path.
#[test]
fn a_protected_prefix_cannot_be_spelled_around() {
    let routes = [
        route().with_paths(&["/"]).with_id(2),
        route().with_paths(&["/admin"]).with_id(1),
    ];
    let router = Router::compile(&routes).unwrap();
    for raw in [
        "/admin",
        "//admin",
        "/%61dmin",
        "/x/../admin",
        "/admin;a",
        "/admin%2f",
        "/./admin/",
        "/%2e/admin",
    ] {
        let path = normalise(raw).unwrap();
        let found = router.find(&TestRequest::get(&path).facts()).unwrap();
        assert_eq!(found.route, 1, "{raw}");
    }
    for raw in [
        "/public/..%2fadmin",
        "/public/..\\admin",
        "/public/%2e%2e%5cadmin",
        "/admin%00",
    ] {
        assert!(normalise(raw).is_err(), "{raw}");
    }
    for (raw, forwarded) in [
        ("/ADMIN", "/ADMIN"),
        ("/%2561dmin", "/%2561dmin"),
        ("/public/%2fadmin", "/public/%2Fadmin"),
    ] {
        let path = normalise(raw).unwrap();
        assert_eq!(
            (
                router.find(&TestRequest::get(&path).facts()).unwrap().route,
                &*path
            ),
            (0, forwarded),
            "{raw}"
        );
    }
}
