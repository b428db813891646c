//! What `check` says of plugins that stand behind an edge: whom the edge's certificate shuts out, and whom nobody judges.

use harness::document::by_socket;
use harness::stack::Stack;

const HEAD: &str = "_format_version: '3.0'
services: [{name: echo, url: 'http://{echo}'}]
consumers: [{username: guest}, {username: edge.internal, acls: [{group: edges}]}]
ca_certificates:
- {id: c1a00000-0000-4000-8000-000000000001, cert: \"@ca/clients-root.pem\"}
- {id: c1a00000-0000-4000-8000-000000000002, cert: \"@ca/clients-intermediate.pem\"}
- {id: c1a00000-0000-4000-8000-000000000003, cert: \"@ca/internal.pem\"}
";
const TIERS: &str = "{name: mtls-auth, config: {ca_certificates: [c1a00000-0000-4000-8000-000000000003]}}";

/// Findings of one code, each by its message.
fn told(document: &str, code: &str) -> Vec<String> {
    let report = Stack::reading(format!("{HEAD}{document}"))
        .without_lists()
        .findings();
    let found = report.iter().filter(|finding| finding.code == code);
    found.map(|finding| finding.message.clone()).collect()
}

fn routes(one: &str, other: &str) -> String {
    format!(
        "routes:\n- {{name: one, service: echo, paths: [/one], plugins: [{one}]}}\n\
         - {{name: other, service: echo, paths: [/other], plugins: [{other}]}}\n"
    )
}

#[test]
fn certificates_of_clients_are_not_seen_behind_an_edge() {
    let clients = by_socket("");
    let anonymous = by_socket(", anonymous: guest");
    let disabled = clients.replace("{name", "{enabled: false, name");
    let clone = clients.replace("mtls-auth", "mtls-auth_1700");
    for (own, other, global, expected) in [
        (
            "",
            "",
            clients.as_str(),
            &["on the route 'one' 'mtls-auth'", "(and 1 more routes)"][..],
        ),
        ("", "", &clone, &["'mtls-auth_1700'"]),
        ("", "", &anonymous, &[]),
        ("", "", &disabled, &[]),
        ("", "", TIERS, &[]),
        // What runs on every route is another one.
        (TIERS, TIERS, &clients, &[]),
        (TIERS, "", &clients, &["on the route 'other'"]),
        // Of a route it may be meant: clients may come to it without an edge. But not of all of them.
        (&clients, "", "", &[]),
        (
            &clients,
            &clone,
            "",
            &["on the route 'one'", "on the route 'other'"],
        ),
        (&clients, TIERS, "", &[]),
    ] {
        let global = if global.is_empty() {
            String::new()
        } else {
            format!("plugins: [{global}]\n")
        };
        let told = told(&format!("{}{global}", routes(own, other)), "mtls-behind-edge").join("\n");
        assert_eq!(
            told.is_empty(),
            expected.is_empty(),
            "{own} {other} {global}: {told}"
        );
        for words in expected {
            assert!(told.contains(words), "{own} {other} {global}: {told}");
        }
    }
}

/// A key with `anonymous` is no alternative to an edge's certificate, as that says nothing of the client.
#[test]
fn whom_an_edge_speaks_for_is_judged_beside_it() {
    let key = "{name: key-auth, config: {anonymous: guest}}";
    let acl = "{name: acl, config: {deny: [x]}}";
    for (certificate, expected) in [(TIERS.to_owned(), 1), (by_socket(""), 0)] {
        let document = routes(&format!("{certificate}, {key}, {acl}"), TIERS);
        assert_eq!(
            told(&document, "principal-not-judged").len(),
            expected,
            "{certificate}"
        );
    }
}
