//! One configuration per plugin and request, the most specific one, chosen with the consumer known by then.

use certs::Leaf;
use harness::stack::{Plan, Stack};

#[tokio::test]
async fn the_most_specific_configuration_applies_whole() {
    let stack = Stack::with("plugin_scopes.yaml").without_edge().start().await;
    for (path, who, message) in [
        ("/plain", None, "global"),
        ("/plain", Some("bob"), "global"),
        ("/plain", Some("alice"), "alice"),
        ("/plain", Some("dave"), "beta"),
        ("/plain", Some("carol"), "alpha"),
        // A configuration that is switched off is not there.
        ("/disabled", Some("bob"), "global"),
        ("/by-service", None, "service"),
        ("/by-service", Some("alice"), "alice"),
        ("/by-service", Some("dave"), "beta"),
        ("/by-service", Some("bob"), "service for bob"),
        ("/by-route", None, "route"),
        ("/by-route", Some("alice"), "alice"),
        ("/by-route", Some("carol"), "alpha"),
        ("/by-route", Some("bob"), "route for bob"),
        // Route and service together come before a consumer without either.
        ("/by-both", None, "route and service"),
        ("/by-both", Some("alice"), "route and service"),
        ("/by-both", Some("carol"), "route and service"),
        ("/by-both", Some("bob"), "service for bob"),
        ("/by-everything", None, "service"),
        ("/by-everything", Some("alice"), "route and service for alice"),
        ("/by-everything", Some("carol"), "route and service for beta"),
        ("/by-everything", Some("bob"), "service for bob"),
    ] {
        let client = match who {
            None => stack.gateway(),
            Some(name @ ("alice" | "bob")) => stack.gateway().cert(name),
            Some(name) => {
                let leaf = Leaf::client(name).email(&format!("{name}@example.com"));
                stack.gateway().with(stack.pki.leaf("clients-intermediate", leaf))
            }
        };
        let answer = client.get(path).await;
        assert_eq!(
            (answer.status.as_u16(), answer.message().as_deref()),
            (418, Some(message)),
            "{path} {who:?}"
        );
    }
    assert_eq!(stack.upstream.count(), 0);
}

#[tokio::test]
async fn a_configuration_that_can_never_apply_is_warned_of() {
    let stack = Stack::with("plugin_scopes.yaml").without_edge();
    let early = stack.replace("name: request-termination\n    consumer: alice@example.com\n    config: { status_code: 418, message: alice }", "name: correlation-id\n    consumer: alice@example.com");
    let warnings = early.warnings();
    assert!(
        warnings
            .iter()
            .any(|line| line.contains("warning[consumer-unknown]") && line.contains("'correlation-id'")),
        "{warnings:#?}"
    );
    let late = Stack::with("plugin_scopes.yaml").without_edge().warnings();
    assert!(
        !late.iter().any(|line| line.contains("consumer-unknown")),
        "{late:#?}"
    );
}

/// Relaxations are the operator's to make, and are told by name; the twin beside each is not.
#[tokio::test]
async fn what_is_relaxed_is_warned_of() {
    let of = |document: &str| Stack::with(document).without_edge();
    let no_edges = |plan: Plan| {
        plan.gateway("trusted_edges", "")
            .gateway("trusted_edge_ca", "")
            .gateway("trusted_edge_revocation_lists", "")
    };
    for (what, code, relaxed, twin) in [
        (
            "revocation is not checked",
            "unchecked-revocation",
            of("plugin_scopes.yaml").replace("anonymous: guest", "revocation_check_mode: SKIP"),
            of("plugin_scopes.yaml"),
        ),
        (
            "addresses alone",
            "address-only-source",
            no_edges(of("hop.yaml")).gateway("trusted_ips", "127.0.0.1"),
            of("hop.yaml").gateway("trusted_ips", "127.0.0.1"),
        ),
        (
            "every address",
            "trusts-the-world",
            of("hop.yaml").gateway("trusted_ips", "10.0.0.0/8, ::/0"),
            of("hop.yaml").gateway("trusted_ips", "10.0.0.0/8, ::1/128"),
        ),
        (
            "a client judged by its edge's groups",
            "acl-judges-another",
            of("double_acl.yaml").replace("anonymous: guest", "skip_consumer_lookup: true"),
            of("double_acl.yaml")
                .replace("anonymous: guest", "skip_consumer_lookup: true")
                .replace(
                    "{ deny: [staff] }",
                    "{ deny: [staff], always_use_authenticated_groups: true }",
                ),
        ),
        (
            "a client judged by its edge's name",
            "acl-judges-another",
            of("double_acl.yaml")
                .replace(
                    "c1a00000-0000-4000-8000-000000000003]\n    routes",
                    "c1a00000-0000-4000-8000-000000000003]\n          skip_consumer_lookup: true\n    routes",
                )
                .replace(
                    "{ allow: [board] }",
                    "{ allow: [board], always_use_authenticated_groups: true }",
                ),
            of("double_acl.yaml").replace(
                "{ allow: [board] }",
                "{ allow: [board], always_use_authenticated_groups: true }",
            ),
        ),
    ] {
        let is_told = |plan: Plan| {
            let told = format!("warning[{code}]");
            plan.warnings().iter().filter(|line| line.contains(&told)).count()
        };
        assert!(is_told(relaxed) > 0, "{what}");
        assert_eq!(is_told(twin), 0, "{what}: the twin");
    }
}
