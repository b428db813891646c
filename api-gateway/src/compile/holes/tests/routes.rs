//! Ways around a protected route.

use super::check;

const CODES: [&str; 3] = ["second-route", "path-variant", "prefix-neighbour"];

/// `orders` (`/orders`, kept, behind mtls-auth) and other routes of the same service.
fn beside_orders(others: &str) -> String {
    format!(
        "services:
- name: s
  url: http://u.test/
  routes:
  - {{name: orders, paths: [/orders], strip_path: false, plugins: [{{name: mtls-auth, config: {{ca_certificates: [*ca]}}}}]}}
{others}"
    )
}

fn rows(rows: &[(&str, &[&str])]) {
    let documents: Vec<String> = rows.iter().map(|(others, _)| beside_orders(others)).collect();
    let rows: Vec<(&str, &[&str])> = documents
        .iter()
        .zip(rows)
        .map(|(document, (_, expected))| (document.as_str(), *expected))
        .collect();
    check(&CODES, &rows);
}

#[test]
fn what_the_client_chooses_is_no_protection() {
    rows(&[
        (
            "  - {name: o, paths: [/public]}",
            &["second-route … `GET /public/orders/any/path` … without any authentication"],
        ),
        (
            "  - {name: o, paths: [/orders], hosts: [b.test], strip_path: false}",
            &["`GET /orders/any/path, Host: b.test`"],
        ),
        (
            "  - {name: o, paths: [/orders], hosts: ['*.b.test'], strip_path: false}",
            &["`GET /orders/any/path, Host: any.b.test`"],
        ),
        (
            "  - {name: o, paths: [/], hosts: ['b.*'], strip_path: false}",
            &[
                // A host beside a path outweighs a path.
                "second-route … `GET /orders/any/path, Host: b.invalid`",
            ],
        ),
        (
            "  - {name: o, paths: [/orders], snis: [b.test], strip_path: false}",
            &["`GET /orders/any/path, SNI b.test`"],
        ),
        (
            "  - {name: o, paths: [/orders], headers: {x-a: ['1']}, strip_path: false}",
            &["`GET /orders/any/path, x-a: 1`"],
        ),
        (
            "  - {name: o, paths: [/orders], headers: {x-a: ['~*v[0-9]+$']}, strip_path: false}",
            &["`GET /orders/any/path, x-a: v1`"],
        ),
        (
            "  - {name: o, paths: [/orders], methods: [POST], strip_path: false}",
            &["`POST /orders/any/path`"],
        ),
        (
            "  - {name: o, paths: ['~/any/[a-z]+']}",
            &["`GET /any/a/orders/any/path`"],
        ),
        (
            "  - {name: o, paths: [/orders], methods: [GET, POST], strip_path: false}",
            &["second-route … `GET /orders/any/path`"],
        ),
        (
            "  - {name: o, paths: ['~/orders/.*'], strip_path: false}",
            &[
                "path-variant … `GET /orders/`",
                "second-route … `GET /orders/any/path`",
            ],
        ),
        (
            "  - {name: o, hosts: [b.test], paths: [/x, /y]}",
            &["`GET /x/orders/any/path, Host: b.test`"],
        ),
    ]);
}

#[test]
fn each_name_of_a_route_is_a_way() {
    const MTLS: &str = "plugins: [{name: mtls-auth, config: {ca_certificates: [*ca]}}]";
    let route =
        |name: &str, more: &str| format!("  - {{name: {name}, paths: [/o], strip_path: false, {more}}}\n");
    for (strong, weak, expected) in [
        // Of equals the one with the greater id.
        ("hosts: [a.test]", "hosts: [a.test, b.test]", "Host: a.test"),
        (
            "hosts: [a.test], methods: [GET]",
            "hosts: [a.test, b.test]",
            "Host: b.test",
        ),
        ("snis: [a.test]", "snis: [a.test, b.test]", "SNI a.test"),
        ("snis: [a.test]", "hosts: [b.test]", "Host: b.test, without SNI"),
        ("snis: [a.test]", "regex_priority: 1", "without SNI"),
        ("headers: {x-a: ['1']}", "regex_priority: 1", "`GET /o/any/path`"),
        ("methods: [DELETE]", "hosts: ['*.test']", "`DELETE /o/any/path"),
    ] {
        let document = format!(
            "services:\n- name: s\n  url: http://u.test/\n  routes:\n{}{}",
            route("strong", &format!("{strong}, {MTLS}")),
            route("weak", weak)
        );
        check(&["second-route"], &[(&document, &[expected])]);
    }
}

#[test]
fn an_exception_is_no_hole() {
    rows(&[
        ("  - {name: o, paths: [/orders/health/], strip_path: false}", &[]),
        ("  - {name: o, paths: [/public], strip_path: false}", &[]),
        (
            "  - {name: o, paths: [/orders], methods: [GET, HEAD], strip_path: false}",
            &[],
        ),
        (
            "  - {name: o, paths: [/orders], methods: [OPTIONS], hosts: [b.test], strip_path: false}",
            &[],
        ),
        ("  - {name: o, paths: ['~/orders/\\d+$'], strip_path: false}", &[]),
        ("  - {name: o, paths: ['~/orders$'], strip_path: false}", &[]),
        (
            "  - {name: o, paths: ['~/orders/[^/]+$'], strip_path: false}",
            &[],
        ),
        // It leads nowhere.
        (
            "  - {name: o, paths: [/public], plugins: [{name: request-termination}]}",
            &[],
        ),
        // Another way in is a way in.
        (
            "  - {name: o, paths: [/public], plugins: [{name: header-cert-auth, config: {ca_certificates: [*ca], certificate_header_name: X-A, certificate_header_format: url_encoded}}]}",
            &[],
        ),
        // The route without a service.
        ("routes:\n- {name: o, paths: [/public]}", &[]),
        (
            "- {name: other, url: 'http://elsewhere.test/', routes: [{name: o, paths: [/public]}]}",
            &[],
        ),
        (
            "- {name: other, enabled: false, url: 'http://u.test/', routes: [{name: o, paths: [/public]}]}",
            &[],
        ),
        // Behind one address, by their names.
        (
            "- {name: other, url: 'http://u.test/', routes: [{name: o, hosts: [b.test], preserve_host: true}]}",
            &[],
        ),
        (
            "- {name: other, url: 'http://u.test/b', routes: [{name: o, paths: [/public]}]}",
            &[],
        ),
    ]);
}

#[test]
fn services_are_compared_by_their_servers() {
    rows(&[
        (
            "- {name: other, url: 'http://U.test/', routes: [{name: o, paths: [/public]}]}",
            &["`GET /public/orders/any/path`"],
        ),
        (
            "- {name: other, host: up, routes: [{name: o, paths: [/public]}]}\nupstreams: [{name: up, targets: [{target: 'v.test:80'}, {target: 'u.test:80'}]}]",
            &["`GET /public/orders/any/path`"],
        ),
        (
            "- {name: other, host: up, routes: [{name: o, paths: [/public]}]}\nupstreams: [{name: up, targets: [{target: 'u.test:80', weight: 0}, {target: 'v.test:80'}]}]",
            &[],
        ),
        (
            "- {name: other, host: up, routes: [{name: o, paths: [/public]}]}\nupstreams: [{name: up, targets: [{target: 'u.test:81'}]}]",
            &[],
        ),
        (
            "- {name: other, host: up, routes: [{name: o, paths: [/public]}]}\nupstreams: [{name: up, host_header: b.test, targets: [{target: 'u.test:80'}]}]",
            &[],
        ),
        (
            "- {name: other, url: 'http://u.test/orders', routes: [{name: o, paths: [/public]}]}",
            &["`GET /public/any/path`"],
        ),
    ]);
}

#[test]
fn less_is_less_of_the_same() {
    const TWO: &str = "services:
- name: s
  url: http://u.test/
  routes:
  - name: both
    paths: [/both]
    plugins: &both
    - {name: mtls-auth, config: {ca_certificates: [*ca], skip_consumer_lookup: true}}
    - {name: header-cert-auth, config: {ca_certificates: [*ca], certificate_header_name: X-A, certificate_header_format: url_encoded}}
    - {name: acl, config: {allow: [a]}}
";
    let header = "{name: header-cert-auth, config: {ca_certificates: [*ca], certificate_header_name: X-A, certificate_header_format: url_encoded";
    let acl = "{name: acl, config: {allow: [a]}}";
    for (plugins, expected) in [
        (format!("{header}}}}}, {acl}"), Some("without 'mtls-auth'")),
        (format!("{header}}}}}"), Some("without an acl")),
        (String::new(), Some("without any authentication")),
        (acl.to_owned(), None),
        (format!("{header}, anonymous: guest}}}}, {acl}"), None),
        (
            format!("{header}, anonymous: guest}}}}"),
            Some("without any authentication"),
        ),
        (
            format!("{header}, anonymous: guest}}}}, {{name: acl, config: {{deny: [b]}}}}"),
            Some("without any authentication"),
        ),
    ] {
        let document = format!(
            "{TWO}  - {{name: o, paths: [/o], plugins: [{plugins}]}}\nconsumers: [{{username: guest}}, {{username: alice, acls: [{{group: a}}]}}]"
        );
        let expected: Vec<&str> = expected.into_iter().collect();
        check(&["second-route"], &[(&document, &expected)]);
    }
    let same = format!("{TWO}  - {{name: o, paths: [/o], plugins: *both}}");
    check(&["second-route"], &[(&same, &[])]);
}

#[test]
fn many_routes_to_one_place_are_told_once() {
    use std::fmt::Write as _;
    let mut others = String::new();
    for number in 0..25 {
        writeln!(others, "  - {{name: o{number}, paths: [/p{number}]}}").unwrap();
    }
    rows(&[(&others, &["second-route … (and 24 more routes)"])]);
}

#[test]
fn other_spellings_and_neighbours() {
    const AROUND: &str = "services:\n- name: s\n  url: http://u.test/\n  routes:\n  - {name: all, paths: [/], strip_path: false, plugins: [{name: mtls-auth, config: {ca_certificates: [*ca]}}]}\n";
    let site = "  - {name: site, paths: [/], strip_path: false}\n";
    let admin = |path: &str| {
        format!(
            "{site}  - {{name: admin, paths: ['{path}'], strip_path: false, plugins: [{{name: mtls-auth, config: {{ca_certificates: [*ca]}}}}]}}"
        )
    };
    for (path, expected) in [
        ("/admin/", vec!["path-variant … `GET /admin` … last slash"]),
        ("~/admin$", vec!["path-variant … `GET /admin/` … last slash"]),
        ("/admin", vec!["path-variant … `GET /ADMIN` … lower case"]),
        ("~/(?i)admin(/|$)", vec![]),
        ("/%C3%A9", vec![]),
        ("/7", vec![]),
    ] {
        let document = format!(
            "services:\n- name: s\n  url: http://u.test/\n  routes:\n{}",
            admin(path)
        );
        check(&CODES, &[(&document, &expected)]);
    }
    let open_reads = format!(
        "services:\n- name: s\n  url: http://u.test/\n  routes:\n{}\n  - {{name: reads, paths: [/admin], methods: [GET], strip_path: false}}",
        admin("/admin")
    );
    check(&CODES, &[(&open_reads, &["path-variant … `POST /ADMIN`"])]);
    for (route, expected) in [
        (
            "paths: [/health], strip_path: false",
            vec!["prefix-neighbour … `GET /health-x`"],
        ),
        (
            "paths: [/health], strip_path: false, methods: [GET]",
            vec!["prefix-neighbour … `GET /health-x`"],
        ),
        ("paths: [/health/], strip_path: false", vec![]),
        ("paths: ['~/health$'], strip_path: false", vec![]),
        (
            "paths: [/health], strip_path: true",
            vec!["second-route … `GET /health/any/path`"],
        ),
    ] {
        let document = format!("{AROUND}  - {{name: h, {route}}}");
        check(&CODES, &[(&document, &expected)]);
    }
}
