//! Who is asked for a certificate in the handshake, and that no session is resumed there.

use std::collections::BTreeSet;

use harness::document::AUTHORITIES;
use harness::outside::openssl;
use harness::stack::{Plan, Stack};

pub(crate) const ROOT: &str = "c1a00000-0000-4000-8000-000000000001";
pub(crate) const INTERMEDIATE: &str = "c1a00000-0000-4000-8000-000000000002";
pub(crate) const INTERNAL: &str = "c1a00000-0000-4000-8000-000000000003";

/// An `mtls-auth` that trusts these.
pub(crate) fn mtls(authorities: &[&str], more: &str) -> String {
    format!(
        "{{name: mtls-auth, config: {{ca_certificates: [{}]{more}}}}}",
        authorities.join(", ")
    )
}

/// One service with these plugins and routes, and global plugins.
pub(crate) fn reading(service: &str, routes: &[String], global: &str) -> Plan {
    let routes = routes
        .iter()
        .fold(String::new(), |all, route| all + "      - { " + route + " }\n");
    Stack::reading(format!(
        "_format_version: '3.0'\nservices:\n  - name: echo\n    url: http://{{echo}}\n    plugins: [{service}]\n    routes:\n\
         {routes}plugins: [{global}]\nconsumers: [{{ username: alice@example.com }}]\n{AUTHORITIES}  \
         - id: {INTERNAL}\n    cert: \"@ca/internal.pem\"\n"
    ))
}

/// Server names as a client can ask for them; the last is an address, for which none is sent.
pub(crate) const NAMES: [&str; 11] = [
    "exact.test",
    "a.exact.test",
    "other.test",
    "a.wild.test",
    "a.b.wild.test",
    "wild.test",
    "tail.test",
    "tail.co.uk",
    "a.tail.test",
    "single",
    "127.0.0.1",
];

/// Under which of the names a certificate is asked for.
async fn asked_under(stack: &Stack) -> BTreeSet<&'static str> {
    let mut asked = BTreeSet::new();
    for name in NAMES {
        let client = stack.gateway().asking_for(name);
        let by_version = [
            client.clone().over_tls12(),
            client.clone().over_tls13(),
            client.over_http2(),
        ];
        let mut answers = Vec::new();
        for client in by_version {
            answers.push(client.asked_for().await.unwrap().is_some());
        }
        assert!(
            answers.windows(2).all(|pair| pair[0] == pair[1]),
            "{name}: {answers:?}"
        );
        if answers[0] {
            asked.insert(name);
        }
    }
    asked
}

fn all() -> BTreeSet<&'static str> {
    NAMES.into()
}

/// What a document looks like, and the names under which it asks.
struct Situation {
    what: &'static str,
    plan: Plan,
    asked: BTreeSet<&'static str>,
}

fn situations() -> Vec<Situation> {
    let plugin = mtls(&[ROOT], "");
    let off = plugin.replace("config:", "enabled: false, config:");
    let with = |matchers: &str| format!("{matchers}, plugins: [{plugin}]");
    let bare = || "paths: [/bare]".to_owned();
    let named = |snis: &str| format!("paths: [/named], snis: [{snis}]");
    let of = |what, plan, asked| Situation { what, plan, asked };
    vec![
        of("no plugin", reading("", &[bare()], ""), BTreeSet::new()),
        of("global", reading("", &[named("exact.test")], &plugin), all()),
        of(
            "global, not enabled",
            reading("", &[bare()], &off),
            BTreeSet::new(),
        ),
        of(
            "on a route without snis",
            reading("", &[with("paths: [/a]"), named("exact.test")], ""),
            all(),
        ),
        of(
            "on a route that is https and has no snis",
            reading("", &[with("paths: [/a], protocols: [https]")], ""),
            all(),
        ),
        of(
            "on a route with snis",
            reading("", &[with(&named("exact.test, single")), bare()], ""),
            ["exact.test", "single"].into(),
        ),
        of(
            "the route's name in capitals and with a dot at its end",
            reading("", &[with(&named("'EXACT.test.'")), bare()], ""),
            ["exact.test"].into(),
        ),
        of(
            "a wildcard for the left",
            reading("", &[with(&named("'*.wild.test'")), bare()], ""),
            ["a.wild.test", "a.b.wild.test"].into(),
        ),
        of(
            "a wildcard for the right",
            reading("", &[with(&named("'tail.*'")), bare()], ""),
            ["tail.test", "tail.co.uk"].into(),
        ),
        of(
            "a wildcard for all: any name, but not none",
            reading("", &[with(&named("'*'")), bare()], ""),
            NAMES.into_iter().filter(|name| *name != "127.0.0.1").collect(),
        ),
        of(
            "on a service, all of whose routes have snis",
            reading(&plugin, &[named("exact.test"), named("'tail.*'")], ""),
            ["exact.test", "tail.test", "tail.co.uk"].into(),
        ),
        of(
            "on a service, one of whose routes has none",
            reading(&plugin, &[named("exact.test"), bare()], ""),
            all(),
        ),
        of(
            "on a service without routes",
            reading(&plugin, &[], ""),
            BTreeSet::new(),
        ),
        of(
            "on a service that is not enabled",
            disabled_service(&plugin),
            BTreeSet::new(),
        ),
        of(
            "on a route with snis and on one without",
            reading("", &[with(&named("exact.test")), with("paths: [/a]")], ""),
            all(),
        ),
    ]
}

/// A service that is not enabled takes no request, so that nobody is asked for its sake.
fn disabled_service(plugin: &str) -> Plan {
    Stack::reading(format!(
        "_format_version: '3.0'\nservices:\n  - {{ name: echo, url: 'http://{{echo}}', enabled: false, plugins: [{plugin}], \
         routes: [{{ paths: [/a] }}, {{ paths: [/b], plugins: [{plugin}] }}] }}\n{AUTHORITIES}"
    ))
}

#[tokio::test]
async fn a_certificate_is_asked_for_where_a_plugin_could_want_it() {
    for Situation { what, plan, asked } in situations() {
        let stack = plan.without_trusted_edges().start().await;
        assert_eq!(asked_under(&stack).await, asked, "{what}");
    }
}

#[tokio::test]
async fn where_edges_are_named_everybody_is_asked_whatever_the_plugins_want() {
    for (what, routes) in [
        ("no plugin", vec!["paths: [/bare]".to_owned()]),
        (
            "one name",
            vec![format!(
                "paths: [/a], snis: [exact.test], plugins: [{}]",
                mtls(&[ROOT], "")
            )],
        ),
    ] {
        let stack = reading("", &routes, "").without_edge().start().await;
        assert_eq!(asked_under(&stack).await, all(), "{what}");
    }
}

/// Two routes of one path, the protected one under one server name.
pub(crate) fn protected_under(snis: &str) -> Plan {
    let routes = [
        format!(
            "name: protected, paths: [/here], snis: [{snis}], plugins: [{}]",
            mtls(&[ROOT, INTERMEDIATE], "")
        ),
        "name: public, paths: [/]".to_owned(),
    ];
    reading("", &routes, "").without_trusted_edges()
}

/// Case and a dot at the end are no other name, neither for the handshake nor for the router: OpenSSL sends both as
/// they are written.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_name_has_one_meaning_however_it_is_written() {
    let stack = protected_under("exact.test, '*.wild.test'").start().await;
    let address = stack.gateway().address().to_string();
    for (name, asked, status) in [
        ("exact.test", true, "401"),
        ("EXACT.Test", true, "401"),
        ("exact.test.", true, "401"),
        ("EXACT.TEST.", true, "401"),
        ("A.Wild.TEST.", true, "401"),
        ("wild.test.", false, "200"),
        ("exact.test.other", false, "200"),
    ] {
        let arguments = [
            "s_client",
            "-connect",
            &address,
            "-servername",
            name,
            "-tls1_3",
            "-alpn",
            "http/1.1",
            "-ign_eof",
        ];
        let request = "GET /here HTTP/1.1\r\nHost: exact.test\r\nConnection: close\r\n\r\n";
        let said = tokio::task::block_in_place(|| openssl(&arguments, request.as_bytes()));
        let is_asked = said.stdout.contains("Requested Signature Algorithms");
        assert_eq!(is_asked, asked, "{name}: {said:?}");
        assert!(
            said.stdout.contains(&format!("HTTP/1.1 {status} ")),
            "{name}: {said:?}"
        );
    }
}

/// A resumed session would carry no proof of the key: where a certificate is asked for there is none, elsewhere there is.
#[tokio::test]
async fn sessions_are_resumed_where_no_certificate_is_asked_for() {
    let stack = protected_under("exact.test").start().await;
    for (name, resumed) in [("exact.test", false), ("other.test", true), ("127.0.0.1", true)] {
        let client = stack.gateway().asking_for(name);
        for client in [
            client.clone().over_tls12(),
            client.clone().over_tls13(),
            client.over_http2(),
        ] {
            assert_eq!(client.is_resumed("/").await.unwrap(), resumed, "{client:?}");
        }
    }
    let edges = reading("", &["paths: [/]".to_owned()], "")
        .without_edge()
        .start()
        .await;
    for client in [edges.gateway().over_tls12(), edges.gateway().over_tls13()] {
        assert!(
            !client.is_resumed("/").await.unwrap(),
            "where edges prove themselves"
        );
    }
}
