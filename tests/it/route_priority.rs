//! Of two routes that both take a request, which one does: Kong's order, contest by contest.

use harness::stack::Stack;

use crate::routing::{taken_by, ways, without_authorities};

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
