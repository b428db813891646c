//! The index gives the answers of the plain walk, over random routes and requests. A failure prints its seed.

use fastrand::Rng;
use http::Method;
use uuid::Uuid;

use super::super::{RouteMatchers, Router};
use super::{TestRequest, reference, strings};

const METHODS: &[&str] = &["GET", "POST", "PUT"];
const HOST_PATTERNS: &[&str] = &[
    "a.test",
    "B.test",
    "a.b.test",
    "a.test:80",
    "b.test:8443",
    "*.test",
    "*.b.test",
    "*.b.test:80",
    "a.*",
    "a.b.*",
    "*",
];
const HOSTS: &[&str] = &[
    "a.test",
    "A.Test",
    "b.test",
    "a.b.test",
    "c.b.test:80",
    "a.test:80",
    "b.test:81",
    "a.org",
    "",
];
const PATHS: &[&str] = &[
    "/",
    "/a",
    "/b",
    "/a/",
    "/ab",
    "/a/b",
    "/abc",
    "/a/b/c",
    "~/a",
    "~/a/\\d+",
    "~/a/\\d+$",
    "~/(a|b)",
    "~/b|/a/b",
    "~/ab?",
    "~/a.c",
    "~/[^/]+/b",
    "~/a/b+",
];
const REQUEST_PATHS: &[&str] = &[
    "/", "/a", "/b", "/a/1", "/a/12/b", "/ab", "/abc", "/a/b", "/a/b/c", "/axc", "/c/b", "/zz",
];
const HEADERS: &[(&str, &[&str])] = &[
    ("x-a", &["1"]),
    ("X_A", &["1", "2"]),
    ("x-a", &["~*^[12]$"]),
    ("x-b", &["One"]),
    ("x-b", &["two", "~*n"]),
];
const LINES: &[(&str, &str)] = &[
    ("x-a", "1"),
    ("x_a", "2"),
    ("x-a", "3"),
    ("x-b", "ONE"),
    ("X-B", "two"),
    ("x_b", "n"),
];
const SNI_PATTERNS: &[&str] = &["s.test", "t.test.", "*.test", "s.*", "*.s.test"];
const SNIS: &[&str] = &["s.test", "S.test.", "t.test", "u.s.test", "s.org"];

fn some(random: &mut Rng, one_in: usize, most: usize, from: &[&str]) -> Vec<String> {
    if random.usize(..one_in) != 0 {
        return Vec::new();
    }
    (0..random.usize(1..=most))
        .map(|_| from[random.usize(..from.len())].to_owned())
        .collect()
}

fn random_route(random: &mut Rng, sparse: usize) -> RouteMatchers {
    let mut route = RouteMatchers {
        id: Uuid::from_u128(random.u128(..)),
        methods: some(random, 4, 2, METHODS),
        hosts: some(random, sparse, 3, HOST_PATTERNS),
        paths: some(random, sparse, 4, PATHS),
        headers: Vec::new(),
        snis: some(random, 4, 2, SNI_PATTERNS),
        regex_priority: i64::from(random.u8(0..2)),
    };
    for _ in 0..random.usize(0..3) {
        let (name, values) = HEADERS[random.usize(..HEADERS.len())];
        route.headers.push((name.into(), strings(values)));
    }
    let empty = RouteMatchers {
        id: route.id,
        regex_priority: route.regex_priority,
        ..RouteMatchers::default()
    };
    if route == empty {
        route.paths = vec!["/".into()];
    }
    route
}

fn random_request(random: &mut Rng) -> TestRequest {
    let mut request = TestRequest::get(REQUEST_PATHS[random.usize(..REQUEST_PATHS.len())])
        .method(Method::from_bytes(METHODS[random.usize(..METHODS.len())].as_bytes()).unwrap())
        .host(HOSTS[random.usize(..HOSTS.len())]);
    for _ in 0..random.usize(0..4) {
        let (name, value) = LINES[random.usize(..LINES.len())];
        request = request.header(name, value);
    }
    if random.bool() {
        request = request.sni(SNIS[random.usize(..SNIS.len())]);
    }
    if random.usize(..3) == 0 {
        request.http()
    } else {
        request
    }
}

/// `sparse`: one route in so many has hosts, or paths; the more, the more routes share a leaf.
fn compare(seeds: std::ops::Range<u64>, most_routes: usize, sparse: usize) {
    let mut matches = 0;
    for seed in seeds {
        let mut random = Rng::with_seed(seed);
        let routes: Vec<_> = (0..random.usize(1..=most_routes))
            .map(|_| random_route(&mut random, sparse))
            .collect();
        let router = Router::compile(&routes).unwrap_or_else(|problems| panic!("seed {seed}: {problems:?}"));
        for _ in 0..40 {
            let request = random_request(&mut random);
            let facts = request.facts();
            let found = router.find(&facts);
            let expected = reference::find(&routes, &request);
            assert_eq!(
                found.map(|matched| (matched.route, matched.path)),
                expected,
                "seed {seed}\n{request:?}\n{routes:#?}"
            );
            let order: Vec<_> = router.candidates(&facts).collect();
            assert_eq!(
                order.first().copied(),
                found,
                "seed {seed}\n{request:?}\n{routes:#?}"
            );
            assert!(
                order.is_sorted_by(|left, right| left.priority >= right.priority),
                "seed {seed}"
            );
            matches += usize::from(found.is_some());
        }
    }
    assert!(matches > 1000, "the requests must meet the routes: {matches}");
}

#[test]
fn of_few_routes() {
    compare(0..600, 6, 2);
}

#[test]
fn of_routes_spread_over_hosts_and_paths() {
    compare(10_000..10_100, 40, 1);
}

#[test]
fn of_routes_told_apart_by_headers_and_snis() {
    compare(20_000..20_100, 60, 8);
}

/// All under the literal beginning `/v`, more than fit a block, so that blocks are skipped and entered.
#[test]
fn of_many_regexes_that_begin_alike() {
    for seed in 30_000..30_010 {
        let mut random = Rng::with_seed(seed);
        let regex = |random: &mut Rng| {
            let tail = ["", "$", "/x", "(?<rest>.*)", "\\pL"][random.usize(..5)];
            format!("~/v\\d+/s{}{tail}", random.usize(..40))
        };
        let mut routes = Vec::new();
        for _ in 0..random.usize(1..150) {
            routes.push(RouteMatchers {
                paths: vec![regex(&mut random)],
                ..random_route(&mut random, 9)
            });
        }
        let router = Router::compile(&routes).unwrap();
        for _ in 0..40 {
            let tail = ["", "/x", "a", "/"][random.usize(..4)];
            let path = format!("/v{}/s{}{tail}", random.u8(..), random.usize(..45));
            let request = TestRequest {
                path,
                ..random_request(&mut random)
            };
            let found = router
                .find(&request.facts())
                .map(|matched| (matched.route, matched.path));
            assert_eq!(
                found,
                reference::find(&routes, &request),
                "seed {seed}\n{request:?}\n{routes:#?}"
            );
        }
    }
}
