//! Which configuration of a plugin judges a request, and in which order plugins run.

use std::fmt::Write as _;

use harness::document::{AUTHORITIES, by_header};
use harness::stack::{Plan, Stack};

use crate::acl::carrying;

/// Consumers in one group each: who passes tells whose configuration was in force.
const PEOPLE: &str = r"
consumers:
  - { username: of-global@example.com, acls: [{ group: of-global }] }
  - { username: of-service@example.com, acls: [{ group: of-service }] }
  - { username: of-route@example.com, acls: [{ group: of-route }] }
  - { username: of-both@example.com, acls: [{ group: of-both }] }
";

const SCOPES: &str = r"
services:
  - name: bare
    url: http://{echo}
    routes:
      - { name: global, paths: [/global] }
      - name: route-over-global
        paths: [/route-over-global]
        plugins: [{ name: acl, config: { allow: [of-route] } }]
  - name: served
    url: http://{echo}
    plugins: [{ name: acl, config: { allow: [of-service] } }]
    routes:
      - { name: service, paths: [/service] }
      - name: route
        paths: [/route]
        plugins: [{ name: acl, config: { allow: [of-route] } }]
      - name: both
        paths: [/both]
        plugins: [{ name: acl, config: { allow: [of-route] } }]
      - name: both-alone
        paths: [/both-alone]
      - name: route-off
        paths: [/route-off]
        plugins: [{ name: acl, enabled: false, config: { allow: [of-route] } }]
      - name: both-off
        paths: [/both-off]
        plugins: [{ name: acl, config: { allow: [of-route] } }]
      - name: all-off
        paths: [/all-off]
        plugins: [{ name: acl, enabled: false, config: { allow: [of-route] } }]
  - name: unserved
    url: http://{echo}
    plugins: [{ name: acl, enabled: false, config: { allow: [of-service] } }]
    routes:
      - { name: service-off, paths: [/service-off] }
      - name: service-and-route-off
        paths: [/service-and-route-off]
        plugins: [{ name: acl, enabled: false, config: { allow: [of-route] } }]
      - name: elsewhere
        paths: [/elsewhere]
routes:
  - { name: no-service, paths: [/no-service] }
plugins:
  - { name: acl, config: { allow: [of-global] } }
  # Before and after their betters in the file, which means nothing.
  - { name: acl, route: both, service: served, config: { allow: [of-both] } }
  - { name: acl, route: both-alone, service: served, config: { allow: [of-both] } }
  - { name: acl, route: both-off, service: served, enabled: false, config: { allow: [of-both] } }
  - { name: acl, route: all-off, service: served, enabled: false, config: { allow: [of-both] } }
  # The route is not of that service: it never applies.
  - { name: acl, route: elsewhere, service: bare, config: { allow: [of-both] } }
";

fn reading(text: &str, global: &str) -> Plan {
    let document = format!("_format_version: '3.0'\n{text}{global}{PEOPLE}{AUTHORITIES}");
    Stack::reading(document)
        .without_trusted_edges()
        .gateway("trusted_ips", "127.0.0.1")
}

#[tokio::test]
async fn the_most_specific_configuration_judges_alone() {
    let stack = reading(SCOPES, &format!("  - {}\n", by_header(""))).start().await;
    for (path, judge) in [
        ("/global", "of-global"),
        ("/route-over-global", "of-route"),
        ("/service", "of-service"),
        ("/route", "of-route"),
        ("/both", "of-both"),
        ("/both-alone", "of-both"),
        // What is not enabled is not there: the next one applies.
        ("/route-off", "of-service"),
        ("/both-off", "of-route"),
        ("/all-off", "of-service"),
        ("/service-off", "of-global"),
        ("/service-and-route-off", "of-global"),
        ("/elsewhere", "of-global"),
        ("/no-service", "of-global"),
    ] {
        // If two of them ran, nobody at all would pass.
        for who in ["of-global", "of-service", "of-route", "of-both"] {
            let passed = if path == "/no-service" { 503 } else { 200 };
            let expected = if who == judge { passed } else { 403 };
            for client in [
                stack.gateway(),
                stack.gateway().over_http2(),
                stack.gateway_http(),
            ] {
                let answer = carrying(&stack, client.get(path), who).await;
                assert_eq!(answer.status, expected, "{who} at {path}");
            }
        }
    }
}

/// Every plugin refuses; whose name is in the log ran first.
#[tokio::test]
async fn equal_priorities_run_by_name_the_greater_first() {
    let deny = "config: { deny: [of-route] }";
    let order = [
        // By priority.
        "early", "acl_1010", "acl_951", // 950 each: by name.
        "zebra", "acl_950", "acl", "aardvark", // And below.
        "late", "acl_0",
    ];
    let mut text =
        "cloned_plugins:\n  - { name: zebra, ref: acl, priority: 950 }\n  - { name: aardvark, ref: acl }\n  \
                    - { name: early, ref: acl, priority: 1011 }\n  - { name: late, ref: acl, priority: 1 }\n\
                    services:\n  - url: http://{echo}\n    routes:\n"
            .to_owned();
    for first in 0..order.len() {
        // The file has them the other way round.
        let plugins: Vec<String> = order[first..]
            .iter()
            .rev()
            .map(|name| format!("{{ name: {name}, {deny} }}"))
            .collect();
        writeln!(
            text,
            "      - {{ paths: ['~/{first}$'], plugins: [{}, {}] }}",
            plugins.join(", "),
            by_header("").replace("header-cert-auth", "header-cert-auth_1500")
        )
        .unwrap();
    }
    let stack = reading(&text, "").start().await;
    for (first, name) in order.iter().enumerate() {
        let answer = carrying(&stack, stack.gateway().get(&format!("/{first}")), "of-route").await;
        assert_eq!(answer.status, 403, "{name}");
        assert_eq!(stack.line_of(&answer).await["decision"]["plugin"], *name);
        let other = carrying(&stack, stack.gateway().get(&format!("/{first}")), "of-both").await;
        assert_eq!(other.status, 200, "{name} lets others pass");
    }
}

/// A clone before the authentication judges nobody, one after it judges whom it found.
#[tokio::test]
async fn a_clone_judges_who_is_known_at_its_turn() {
    let text = format!(
        "cloned_plugins:\n  - {{ name: gate, ref: acl, priority: 1595 }}\n  - {{ name: twin, ref: acl }}\nservices:\n  - url: http://{{echo}}\n    \
         plugins: [{}]\n    routes:\n      \
         - {{ paths: [/gate], plugins: [{{ name: gate, config: {{ allow: [of-route] }} }}] }}\n      \
         - {{ paths: [/numbered], plugins: [{{ name: acl_1595, config: {{ allow: [of-route] }} }}] }}\n      \
         - {{ paths: [/just-after], plugins: [{{ name: acl_1008, config: {{ allow: [of-route] }} }}] }}\n      \
         - {{ paths: [/twin], plugins: [{{ name: twin, config: {{ allow: [of-route] }} }}, \
         {{ name: acl, instance_name: the-original, config: {{ deny: [of-both] }} }}] }}\n      \
         - {{ paths: [/off], plugins: [{{ name: twin, enabled: false, config: {{ allow: [of-route] }} }}] }}\n",
        by_header("")
    );
    let stack = reading(&text, "").start().await;
    for (path, who, status, plugin) in [
        ("/gate", "of-route", 401, "gate"),
        ("/gate", "nobody", 401, "gate"),
        ("/numbered", "of-route", 401, "acl_1595"),
        ("/just-after", "of-route", 200, "acl_1008"),
        ("/just-after", "of-service", 403, "acl_1008"),
        ("/just-after", "nobody", 401, "header-cert-auth"),
        // Both run: the clone is a plugin of its own. The instance's name is a label.
        ("/twin", "of-route", 200, "acl"),
        ("/twin", "of-service", 403, "twin"),
        ("/off", "of-service", 200, "header-cert-auth"),
    ] {
        let answer = carrying(&stack, stack.gateway().get(path), who).await;
        assert_eq!(answer.status, status, "{who} at {path}");
        assert_eq!(
            stack.line_of(&answer).await["decision"]["plugin"],
            plugin,
            "{who} at {path}"
        );
    }
}

#[tokio::test]
async fn one_scope_has_one_configuration_of_a_name() {
    let acl = "{ name: acl, config: { allow: [of-route] } }";
    for (plugins, words) in [
        (format!("{acl}, {acl}"), "already declared"),
        (
            format!("{acl}, {{ name: acl, instance_name: other, config: {{ deny: [of-both] }} }}"),
            "already declared",
        ),
        (
            "{ name: acl, instance_name: one, config: { allow: [a] } }, { name: acl_1, instance_name: one, config: { allow: [a] } }"
                .to_owned(),
            "instance_name",
        ),
        ("{ name: acl_x, config: { allow: [a] } }".to_owned(), "not enabled"),
        ("{ name: acl_-1, config: { allow: [a] } }".to_owned(), "not enabled"),
        ("{ name: acl, config: { allow: [a], deny: [b] } }".to_owned(), "exactly one of these fields must be non-empty"),
        ("{ name: acl, config: {} }".to_owned(), "at least one of these fields must be non-empty"),
    ] {
        let text = format!("services:\n  - url: http://{{echo}}\n    routes: [{{ paths: [/a], plugins: [{plugins}] }}]\n");
        let report = reading(&text, "").refusal();
        let report = report.unwrap_or_else(|| panic!("{plugins} is accepted")).to_string();
        assert!(report.contains("kong.yaml:4:") && report.contains(words), "{plugins}: {report}");
    }
    let text = format!(
        "services:\n  - url: http://{{echo}}\n    routes: [{{ paths: [/a], plugins: [{acl}, {{ name: acl_1, config: {{ deny: [b] }} }}] }}]\n"
    );
    assert!(reading(&text, "").refusal().is_none());
}
