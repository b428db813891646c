//! What counts as a protection, and what of a route is protected.

use super::check;

#[test]
fn each_branch_of_a_pattern_is_protected() {
    let document = "services:
- name: s
  url: http://u.test/
  routes:
  - {name: two, paths: ['~/(orders|invoices)(/|$)'], strip_path: false, plugins: [{name: mtls-auth, config: {ca_certificates: [*ca]}}]}
  - {name: o, paths: [/invoices/], hosts: [b.test], strip_path: false}
";
    check(
        &["second-route"],
        &[(document, &["second-route … `GET /invoices/, Host: b.test`"])],
    );
}

#[test]
fn addresses_are_a_protection_too() {
    let inside = "{name: ip-restriction, config: {allow: [10.0.0.0/8]}}";
    let key = "{name: key-auth, config: {key_in_query: false}}";
    for (strong, weak, expected) in [
        (inside.to_owned(), "", Some("comes from any address to")),
        (inside.to_owned(), inside, None),
        // Another way to keep people out.
        (inside.to_owned(), key, None),
        (key.to_owned(), inside, None),
        (
            key.to_owned(),
            "{name: ip-restriction, config: {allow: [0.0.0.0/0]}}",
            Some("without any authentication"),
        ),
        (format!("{inside}, {key}"), key, Some("from any address")),
        (format!("{inside}, {key}"), "", Some("without any authentication")),
        (
            "{name: ip-restriction, config: {deny: [10.0.0.0/8]}}".to_owned(),
            "",
            None,
        ),
        (
            "{name: ip-restriction, enabled: false, config: {allow: [10.0.0.0/8]}}".to_owned(),
            "",
            None,
        ),
    ] {
        let document = format!(
            "services:\n- name: s\n  url: http://u.test/\n  routes:\n  - {{name: a, paths: [/a], plugins: [{strong}]}}\n  - {{name: b, paths: [/b], plugins: [{weak}]}}\n"
        );
        let expected: Vec<&str> = expected.into_iter().collect();
        check(&["second-route"], &[(&document, &expected)]);
    }
}

#[test]
fn methods_beside_the_protected_ones() {
    const MTLS: &str = "plugins: [{name: mtls-auth, config: {ca_certificates: [*ca]}}]";
    let route = |name: &str, more: &str| format!("  - {{name: {name}, strip_path: false, {more}}}\n");
    let told: &[&str] =
        &["`PATCH /orders` goes by the route 'o' … without any authentication … for POST, PUT, DELETE alone"];
    for (strong, weak, expected) in [
        (
            "paths: [/orders], methods: [POST, PUT, DELETE]",
            "paths: [/orders]",
            told,
        ),
        (
            "paths: [/orders], methods: [POST, PUT, DELETE]",
            "paths: [/]",
            told,
        ),
        (
            "paths: [/orders], methods: [GET]",
            "paths: [/]",
            &["`POST /orders`"],
        ),
        (
            "paths: [/orders, /invoices], methods: [POST, PUT, DELETE]",
            "paths: [/]",
            &["`PATCH /orders` … (and 1 more paths)"],
        ),
        // Everybody may read, or what is listed.
        (
            "paths: [/orders], methods: [POST, PUT, PATCH, DELETE]",
            "paths: [/orders]",
            &[],
        ),
        (
            "paths: [/orders], methods: [POST, PUT, DELETE]",
            "paths: [/orders], methods: [PATCH]",
            &[],
        ),
        (
            "paths: [/orders], methods: [POST, PUT, DELETE]",
            "paths: [/orders], methods: [GET, HEAD]",
            &[],
        ),
        ("paths: [/orders]", "paths: [/]", &[]),
        // Another place of the upstream.
        (
            "paths: [/orders], methods: [POST, PUT, DELETE]",
            "paths: [/order], strip_path: true",
            &[],
        ),
    ] {
        let weak = weak.replace(", strip_path: true", "");
        let weak_strips = expected.is_empty() && weak.ends_with("[/order]");
        let weak = if weak_strips {
            format!("  - {{name: o, {weak}}}\n")
        } else {
            route("o", &weak)
        };
        let document = format!(
            "services:\n- name: s\n  url: http://u.test/\n  routes:\n{}{weak}",
            route("strong", &format!("{strong}, {MTLS}"))
        );
        check(&["method-variant"], &[(&document, expected)]);
    }
}
