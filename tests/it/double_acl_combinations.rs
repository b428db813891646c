//! The certificate of one consumer on the socket, that of another in the header: every combination of their groups and
//! of the two rules, by every way that the two can come together.

use std::fmt::Write as _;

use harness::answer::Answer;
use harness::client::Call;
use harness::document::{AUTHORITIES, by_header};
use harness::stack::{Plan, Stack};

use crate::acl::{carrying, showing};
use crate::hop_trust::HEADER;

/// Whether the socket's consumer, and the header's, are in the group of their `acl`; the rules of the two; and which of
/// them refuses.
#[rustfmt::skip]
const COMBINATIONS: [(bool, bool, &str, &str, Option<&str>); 16] = [
    (true, true, "allow", "allow", None),
    (true, true, "allow", "deny", Some("acl")),
    (true, true, "deny", "allow", Some("acl_1595")),
    (true, true, "deny", "deny", Some("acl_1595")),
    (true, false, "allow", "allow", Some("acl")),
    (true, false, "allow", "deny", None),
    (true, false, "deny", "allow", Some("acl_1595")),
    (true, false, "deny", "deny", Some("acl_1595")),
    (false, true, "allow", "allow", Some("acl_1595")),
    (false, true, "allow", "deny", Some("acl_1595")),
    (false, true, "deny", "allow", None),
    (false, true, "deny", "deny", Some("acl")),
    (false, false, "allow", "allow", Some("acl_1595")),
    (false, false, "allow", "deny", Some("acl_1595")),
    (false, false, "deny", "allow", Some("acl")),
    (false, false, "deny", "deny", None),
];

/// A route for every pair of rules. Each consumer is always in the group that the *other's* rule is about, so that
/// whoever mixes the two up decides otherwise.
fn combinations(outer_is_in: bool) -> Plan {
    let mut text =
        "_format_version: '3.0'\nservices:\n  - name: echo\n    url: http://{echo}\n    routes:\n".to_owned();
    let outer = "{name: mtls-auth, config: {ca_certificates: [c1a00000-0000-4000-8000-000000000003]}}";
    for outer_rule in ["allow", "deny"] {
        for inner_rule in ["allow", "deny"] {
            writeln!(
                text,
                "      - {{ paths: [/{outer_rule}/{inner_rule}], plugins: [{outer}, {}, \
                 {{name: acl, config: {{{inner_rule}: [inner]}}}}, {{name: acl_1595, config: {{{outer_rule}: [outer]}}}}] }}",
                by_header("")
            )
            .unwrap();
        }
    }
    let anonymous = by_header(", anonymous: guest");
    writeln!(
        text,
        "      - {{ paths: [/outer-only], plugins: [{outer}, {{name: acl_1595, config: {{deny: [nobody]}}}}] }}\n      \
         - {{ paths: [/inner-only], plugins: [{}, {{name: acl, config: {{deny: [nobody]}}}}] }}\n      \
         - {{ paths: [/guests], plugins: [{outer}, {anonymous}, {{name: acl, config: {{deny: [nobody]}}}}] }}\n      \
         - {{ paths: [/public] }}",
        by_header("")
    )
    .unwrap();
    let membership = if outer_is_in { "{ group: outer }, " } else { "" };
    writeln!(
        text,
        "consumers:\n  - {{ username: edge.internal, id: 00000000-0000-4000-8000-00000000000a, custom_id: the-edge, \
         acls: [{membership}{{ group: inner }}] }}\n  \
         - {{ username: true@example.com, id: 00000000-0000-4000-8000-00000000000b, \
         acls: [{{ group: inner }}, {{ group: outer }}] }}\n  \
         - {{ username: false@example.com, id: 00000000-0000-4000-8000-00000000000c, acls: [{{ group: outer }}] }}\n  \
         - {{ username: guest, id: 00000000-0000-4000-8000-00000000000d }}"
    )
    .unwrap();
    text += AUTHORITIES;
    text += "  - id: c1a00000-0000-4000-8000-000000000003\n    cert: \"@ca/internal.pem\"\n";
    Stack::reading(text)
}

/// What the upstream is told about somebody.
fn told(answer: &Answer) -> [Option<String>; 8] {
    [
        "x-consumer-id",
        "x-consumer-username",
        "x-consumer-custom-id",
        "x-consumer-groups",
        "x-credential-identifier",
        "x-anonymous-consumer",
        "x-authenticated-groups",
        "x-client-cert-dn",
    ]
    .map(|name| answer.received(name))
}

/// Sends a request with the two certificates, in one of the ways that they can come.
type Way = (&'static str, fn(&Stack, &str, &str) -> Call);

const WITH_EDGES: [Way; 3] = [
    ("through the edge", |stack, path, who| {
        showing(stack, stack.edge("public"), who).get(path)
    }),
    ("through the edge by HTTP/2", |stack, path, who| {
        showing(stack, stack.edge("public"), who).over_http2().get(path)
    }),
    ("from the edge itself", |stack, path, who| {
        carrying(stack, stack.gateway().cert("edge/client").get(path), who)
    }),
];

/// Nobody is an edge: the peer is trusted by its address, and has a certificate of its own.
const WITHOUT_EDGES: [Way; 2] = [
    ("from a trusted address", |stack, path, who| {
        carrying(stack, stack.gateway().cert("edge/client").get(path), who)
    }),
    ("from a trusted address by HTTP/2", |stack, path, who| {
        carrying(
            stack,
            stack.gateway().cert("edge/client").over_http2().get(path),
            who,
        )
    }),
];

async fn assert_combinations(stack: &Stack, outer_is_in: bool, ways: &[Way]) {
    for (_, inner, outer_rule, inner_rule, refused_by) in COMBINATIONS
        .into_iter()
        .filter(|(outer, ..)| *outer == outer_is_in)
    {
        for (way, send) in ways {
            let situation = format!("{outer_is_in} {inner} {outer_rule} {inner_rule} {way}");
            let answer = send(stack, &format!("/{outer_rule}/{inner_rule}"), &inner.to_string())
                // Nobody's word about themselves.
                .header("X-Consumer-Groups", "inner, outer")
                .header("X-Consumer-Username", "mallet")
                .await;
            let status = if refused_by.is_some() { 403 } else { 200 };
            assert_eq!(answer.status, status, "{situation}");
            let line = stack.line_of(&answer).await;
            assert_eq!(
                line["decision"]["plugin"],
                refused_by.unwrap_or("acl"),
                "{situation}"
            );
            if refused_by.is_some() {
                assert_eq!(
                    answer.message().unwrap(),
                    "You cannot consume this service",
                    "{situation}"
                );
                continue;
            }
            let (id, groups) = if inner {
                ('b', "inner, outer")
            } else {
                ('c', "outer")
            };
            let name = format!("{inner}@example.com");
            let text = |text: &str| Some(text.to_owned());
            assert_eq!(
                told(&answer),
                [
                    text(&format!("00000000-0000-4000-8000-00000000000{id}")),
                    text(&name),
                    None,
                    text(groups),
                    text(&name),
                    None,
                    None,
                    None,
                ],
                "{situation}"
            );
            let certificate = answer.received(HEADER).unwrap();
            assert!(
                certificate.starts_with("-----BEGIN%20CERTIFICATE-----"),
                "{situation}: {certificate}"
            );
            let consumers: Vec<_> = (0..2)
                .map(|at| &line["principals"][at]["consumer"]["username"])
                .collect();
            assert_eq!(consumers, ["edge.internal", name.as_str()], "{situation}");
        }
    }
}

#[tokio::test]
async fn every_combination_of_groups_and_rules_through_an_edge() {
    for outer_is_in in [true, false] {
        let stack = combinations(outer_is_in).start().await;
        assert_combinations(&stack, outer_is_in, &WITH_EDGES).await;
    }
}

#[tokio::test]
async fn every_combination_of_groups_and_rules_from_a_trusted_address() {
    for outer_is_in in [true, false] {
        let plan = combinations(outer_is_in).without_trusted_edges();
        let stack = plan.gateway("trusted_ips", "127.0.0.1").start().await;
        assert_combinations(&stack, outer_is_in, &WITHOUT_EDGES).await;
    }
}

#[tokio::test]
async fn the_certificate_header_goes_on_only_where_it_was_accepted() {
    let edges = combinations(true).start().await;
    let addresses = combinations(true).without_trusted_edges();
    let addresses = addresses.gateway("trusted_ips", "127.0.0.1").start().await;
    // With `anonymous`, Kong's plugins leave alone whom another has authenticated. Who carries a certificate for somebody
    // else is the exception: he has proved who he is and not who that other is. An edge always carries; a trusted address
    // that brings no certificate is a client like any other.
    #[rustfmt::skip]
    let rows = [
        ("/public", "true", None, None),
        ("/outer-only", "true", Some("edge.internal"), Some("edge.internal")),
        ("/outer-only", "mallory", Some("edge.internal"), Some("edge.internal")),
        ("/inner-only", "true", Some("true@example.com"), Some("true@example.com")),
        ("/guests", "true", Some("true@example.com"), Some("true@example.com")),
        ("/guests", "mallory", Some("guest"), Some("guest")),
        ("/guests", "nobody", Some("guest"), Some("edge.internal")),
    ];
    for (path, who, by_edge, by_address) in rows {
        for (stack, username) in [(&edges, by_edge), (&addresses, by_address)] {
            let peer = stack.gateway().cert("edge/client");
            for client in [peer.clone(), peer.over_http2()] {
                let answer = carrying(stack, client.get(path), who).await;
                assert_eq!(answer.status, 200, "{who} at {path}");
                assert_eq!(
                    answer.received("x-consumer-username").as_deref(),
                    username,
                    "{who} at {path}"
                );
                assert_eq!(
                    answer.received(HEADER).is_some(),
                    username == Some("true@example.com"),
                    "{who} at {path}"
                );
                let anonymous = (username == Some("guest")).then_some("true");
                assert_eq!(
                    answer.received("x-anonymous-consumer").as_deref(),
                    anonymous,
                    "{who} at {path}"
                );
                let credential = username.filter(|name| *name != "guest");
                assert_eq!(
                    answer.received("x-credential-identifier").as_deref(),
                    credential,
                    "{who} at {path}"
                );
            }
        }
    }
}

/// One of the two names its group by itself (`skip_consumer_lookup`): what is judged is what Kong would judge. The
/// groups of both are told, as with Kong; `X-Client-Cert-Dn` is the last certificate's or nobody's.
#[tokio::test]
async fn a_certificate_may_name_a_group_instead_of_a_consumer() {
    let internal = "ca_certificates: [c1a00000-0000-4000-8000-000000000003]";
    let outer = format!("{{name: mtls-auth, config: {{{internal}}}}}");
    let outer_named = format!("{{name: mtls-auth, config: {{{internal}, skip_consumer_lookup: true}}}}");
    let (inner, inner_named) = (by_header(""), by_header(", skip_consumer_lookup: true"));
    let text = format!(
        "_format_version: '3.0'\nservices:\n  - name: echo\n    url: http://{{echo}}\n    routes:\n      \
         - {{ paths: [/inner], plugins: [{outer}, {inner_named}, {{name: acl_1595, config: {{allow: [edges]}}}}, \
         {{name: acl, config: {{allow: [alice], always_use_authenticated_groups: true}}}}] }}\n      \
         - {{ paths: [/consumer-first], plugins: [{outer}, {inner_named}, {{name: acl, config: {{allow: [edges]}}}}] }}\n      \
         - {{ paths: [/outer], plugins: [{outer_named}, {inner}, {{name: acl_1595, config: {{allow: [edge.internal]}}}}, \
         {{name: acl, config: {{allow: [partners]}}}}] }}\n      \
         - {{ paths: [/both], plugins: [{outer_named}, {inner_named}, {{name: acl_1595, config: {{allow: [edge.internal]}}}}, \
         {{name: acl, config: {{allow: [alice]}}}}] }}\n\
         consumers:\n  - {{ username: edge.internal, acls: [{{ group: edges }}] }}\n  \
         - {{ username: alice@example.com, acls: [{{ group: partners }}] }}\n  - {{ username: bob@example.com }}\n\
         {AUTHORITIES}  - id: c1a00000-0000-4000-8000-000000000003\n    cert: \"@ca/internal.pem\"\n"
    );
    let stack = Stack::reading(text).start().await;
    // The consumer, the groups of a consumer, the groups that a certificate named, and whose certificate.
    #[rustfmt::skip]
    let rows = [
        ("/inner", "alice", Some((Some("edge.internal"), Some("edges"), Some("alice"), Some("CN=alice")))),
        ("/inner", "bob", None),
        // The consumer's groups win where nothing says otherwise, and the consumer is still the edge.
        ("/consumer-first", "alice", Some((Some("edge.internal"), Some("edges"), None, Some("CN=alice")))),
        ("/outer", "alice", Some((Some("alice@example.com"), Some("partners"), Some("edge.internal"), None))),
        ("/outer", "bob", None),
        ("/both", "alice", Some((None, None, Some("alice"), Some("CN=alice")))),
        ("/both", "bob", None),
    ];
    for (path, who, expected) in rows {
        for client in [
            stack.edge("public").cert(who),
            stack.edge("public").cert(who).over_http2(),
        ] {
            let answer = client.get(path).await;
            let status = if expected.is_some() { 200 } else { 403 };
            assert_eq!(answer.status, status, "{who} at {path}");
            let names = [
                "x-consumer-username",
                "x-consumer-groups",
                "x-authenticated-groups",
                "x-client-cert-dn",
            ];
            let told = names.map(|name| answer.received(name));
            let (consumer, groups, named, subject) = expected.unwrap_or_default();
            let expected = [consumer, groups, named, subject].map(|text| text.map(str::to_owned));
            assert_eq!(told, expected, "{who} at {path}");
        }
    }
}
