//! Whose groups an `acl` judges, by which rule, and what the upstream learns of them: Kong's algorithm, end to end. Every
//! request says of itself that it is in every group there is; nobody listens.

use std::fmt::Write as _;

use certs::Leaf;
use harness::client::{Call, Client};
use harness::document::{AUTHORITIES, by_header, by_socket};
use harness::pki::shown;
use harness::stack::Stack;

use crate::answer_forms::{JSON, body};
use crate::hop_trust::HEADER;

/// Ways to be authenticated: the first part of a path.
fn authentications() -> Vec<(&'static str, Vec<String>)> {
    let by_name = ", skip_consumer_lookup: true";
    vec![
        ("none", vec![]),
        ("lookup", vec![by_header("")]),
        ("guest", vec![by_header(", anonymous: guest")]),
        ("other-guest", vec![by_header(", anonymous: other-guest")]),
        ("stranger", vec![by_header(", anonymous: stranger")]),
        (
            "default",
            vec![by_header(", default_consumer: member@example.com")],
        ),
        ("cn", vec![by_header(by_name)]),
        (
            "dn",
            vec![by_header(&format!("{by_name}, authenticated_group_by: DN"))],
        ),
        (
            "no-group",
            vec![by_header(&format!("{by_name}, authenticated_group_by: null"))],
        ),
        // The socket names a group, the header a consumer: both are known.
        ("both", vec![by_socket(by_name), by_header("")]),
        // Nobody on the socket makes a guest, then the header names a group.
        (
            "guest-cn",
            vec![by_socket(", anonymous: other-guest"), by_header(by_name)],
        ),
    ]
}

/// Rules: the second part of a path. The group is also spelled as a distinguished name.
const RULES: [(&str, &str); 10] = [
    ("allow", "allow: [in, CN=in]"),
    ("deny", "deny: [in, CN=in]"),
    ("allow-hidden", "allow: [in, CN=in], hide_groups_header: true"),
    ("deny-hidden", "deny: [in, CN=in], hide_groups_header: true"),
    (
        "allow-named",
        "allow: [in, CN=in], always_use_authenticated_groups: true",
    ),
    (
        "deny-named",
        "deny: [in, CN=in], always_use_authenticated_groups: true",
    ),
    (
        "allow-included",
        "allow: [in, CN=in], include_consumer_groups: true",
    ),
    (
        "deny-included",
        "deny: [in, CN=in], include_consumer_groups: true",
    ),
    (
        "allow-included-hidden",
        "allow: [in], include_consumer_groups: true, hide_groups_header: true",
    ),
    ("allow-all-named", "allow: [nobody, other, in]"),
];

const PEOPLE: &str = r"
consumers:
  - { username: member@example.com, acls: [{ group: in }, { group: more }] }
  - { username: other@example.com, acls: [{ group: other }] }
  - { username: capital@example.com, acls: [{ group: IN }] }
  - { username: groupless@example.com }
  - { username: grouped@example.com }
  - { username: mixed@example.com, acls: [{ group: other }] }
  - { username: guest, acls: [{ group: in }] }
  - { username: other-guest, acls: [{ group: other }] }
  - { username: stranger }
consumer_groups: [{ name: in }, { name: out }]
consumer_group_consumers:
  - { consumer: grouped@example.com, consumer_group: in }
  - { consumer: mixed@example.com, consumer_group: out }
  - { consumer: mixed@example.com, consumer_group: in }
";

fn document() -> String {
    let mut text =
        "_format_version: '3.0'\nservices:\n  - name: echo\n    url: http://{echo}\n    routes:\n".to_owned();
    for (how, plugins) in authentications() {
        for (rule, config) in RULES {
            let acl = format!("{{name: acl, config: {{{config}}}}}");
            let plugins: Vec<String> = plugins.iter().cloned().chain([acl]).collect();
            writeln!(
                text,
                "      - {{ paths: ['~/{how}/{rule}$'], plugins: [{}] }}",
                plugins.join(", ")
            )
            .unwrap();
        }
    }
    text + PEOPLE + AUTHORITIES
}

/// Names that a client could write its own groups under.
const CLAIMED: [&str; 6] = [
    "X-Consumer-Groups",
    "X_Consumer_Groups",
    "x-consumer.groups",
    "X-Authenticated-Groups",
    "X_Authenticated-Groups",
    "X.Authenticated.Groups",
];

/// A certificate of the clients' authority: its common name, and `NAME@example.com`.
fn certificate(name: &str) -> Leaf {
    Leaf::client(name).email(&format!("{name}@example.com"))
}

/// The request with somebody's certificate in the header; `nobody` sends none.
pub(crate) fn carrying(stack: &Stack, call: Call, who: &str) -> Call {
    match who {
        "nobody" => call,
        "mallory" => call.header(HEADER, &stack.clientcert_header("mallory")),
        name => {
            let issued = stack
                .pki
                .authority("clients-intermediate")
                .issue(certificate(name));
            call.header(HEADER, &Stack::header_of(issued.unwrap().chain()))
        }
    }
}

/// The client with somebody's certificate on the socket.
pub(crate) fn showing(stack: &Stack, client: Client, who: &str) -> Client {
    match who {
        "nobody" => client,
        name => {
            let issued = stack
                .pki
                .authority("clients-intermediate")
                .issue(certificate(name));
            client.with(shown(&issued.unwrap()))
        }
    }
}

/// What comes of a request: the groups that the upstream is told, or the refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judged {
    /// `X-Consumer-Groups`.
    Consumers(&'static str),
    /// `X-Authenticated-Groups`.
    Named(&'static str),
    /// Passed, and nothing is told.
    Untold,
    /// 401 in the words of the plugin that authenticates: `acl` is never asked.
    Unproven,
    /// 401 `Unauthorized`.
    Unauthorized,
    /// 403 `You cannot consume this service`.
    Forbidden,
}

use Judged::{Consumers, Forbidden, Named, Unauthorized, Unproven, Untold};

/// How authenticated, by which rule, with whose certificate in the header: what comes of it.
#[rustfmt::skip]
const ROWS: [(&str, &str, &str, Judged); 74] = [
    // Nobody: there is no authentication at all.
    ("none", "allow", "nobody", Unauthorized),
    ("none", "deny", "nobody", Unauthorized),
    ("none", "allow", "member", Unauthorized),
    ("none", "allow-named", "nobody", Unauthorized),
    ("none", "deny-named", "nobody", Unauthorized),
    ("none", "allow-included", "nobody", Unauthorized),
    ("none", "deny-hidden", "nobody", Unauthorized),
    // A consumer with groups.
    ("lookup", "allow", "member", Consumers("in, more")),
    ("lookup", "deny", "member", Forbidden),
    ("lookup", "allow", "other", Forbidden),
    ("lookup", "deny", "other", Consumers("other")),
    ("lookup", "allow", "capital", Forbidden),
    ("lookup", "deny", "capital", Consumers("IN")),
    ("lookup", "allow-all-named", "member", Consumers("in, more")),
    ("lookup", "allow-all-named", "other", Consumers("other")),
    ("default", "allow", "unknown", Consumers("in, more")),
    ("default", "deny", "unknown", Forbidden),
    ("default", "allow", "other", Forbidden),
    // One without.
    ("lookup", "allow", "groupless", Forbidden),
    ("lookup", "deny", "groupless", Consumers("")),
    ("lookup", "allow-hidden", "groupless", Forbidden),
    ("lookup", "deny-hidden", "groupless", Untold),
    // Hidden.
    ("lookup", "allow-hidden", "member", Untold),
    ("lookup", "deny-hidden", "other", Untold),
    ("lookup", "deny-hidden", "member", Forbidden),
    ("cn", "allow-hidden", "in", Untold),
    ("guest", "allow-hidden", "nobody", Untold),
    // Consumer groups count where they are included, and only there.
    ("lookup", "allow", "grouped", Forbidden),
    ("lookup", "deny", "grouped", Consumers("")),
    ("lookup", "allow-included", "grouped", Consumers("in")),
    ("lookup", "deny-included", "grouped", Forbidden),
    ("lookup", "allow", "mixed", Forbidden),
    ("lookup", "deny", "mixed", Consumers("other")),
    ("lookup", "allow-included", "mixed", Consumers("other, out, in")),
    ("lookup", "deny-included", "mixed", Forbidden),
    ("lookup", "allow-included", "member", Consumers("in, more")),
    ("lookup", "allow-included", "other", Forbidden),
    ("lookup", "allow-included", "groupless", Forbidden),
    ("lookup", "deny-included", "groupless", Consumers("")),
    ("lookup", "allow-included-hidden", "grouped", Untold),
    // Anonymous: its own groups count; in none, it is nobody.
    ("guest", "allow", "nobody", Consumers("in")),
    ("guest", "allow", "mallory", Consumers("in")),
    ("guest", "deny", "nobody", Forbidden),
    ("guest", "allow", "other", Forbidden),
    ("guest", "allow-named", "nobody", Consumers("in")),
    ("guest", "allow-included", "nobody", Consumers("in")),
    ("other-guest", "allow", "nobody", Forbidden),
    ("other-guest", "deny", "nobody", Consumers("other")),
    ("other-guest", "allow", "member", Consumers("in, more")),
    ("stranger", "allow", "nobody", Unauthorized),
    ("stranger", "allow", "mallory", Unauthorized),
    ("stranger", "deny", "nobody", Consumers("")),
    ("stranger", "deny-hidden", "nobody", Untold),
    ("stranger", "allow-included", "nobody", Unauthorized),
    ("stranger", "allow", "groupless", Forbidden),
    // The certificate names the group: the common name, the whole subject, or none.
    ("cn", "allow", "in", Named("in")),
    ("cn", "deny", "in", Forbidden),
    ("cn", "allow", "other", Forbidden),
    ("cn", "deny", "other", Named("other")),
    ("cn", "allow", "member", Forbidden),
    ("cn", "allow-named", "in", Named("in")),
    ("cn", "allow-included", "in", Named("in")),
    ("dn", "allow", "in", Named("CN=in")),
    ("dn", "deny", "in", Forbidden),
    ("dn", "deny", "other", Named("CN=other")),
    ("no-group", "allow", "in", Forbidden),
    ("no-group", "deny", "in", Named("")),
    // A guest by the socket, a group by the header: an anonymous consumer's groups yield.
    ("guest-cn", "allow", "in", Named("in")),
    ("guest-cn", "deny", "in", Forbidden),
    ("guest-cn", "deny", "member", Named("member")),
    ("guest-cn", "allow", "other", Forbidden),
    // Nobody's certificate is nobody.
    ("lookup", "deny", "nobody", Unproven),
    ("lookup", "deny", "mallory", Unproven),
    ("cn", "deny", "mallory", Unproven),
];

/// The same with a certificate on the socket, which names a group, and one in the header, which names a consumer.
#[rustfmt::skip]
const BOTH_ROWS: [(&str, &str, &str, Judged); 14] = [
    ("allow", "in", "member", Consumers("in, more")),
    ("allow", "in", "other", Forbidden),
    ("allow", "in", "groupless", Forbidden),
    ("allow", "outside", "member", Consumers("in, more")),
    ("deny", "in", "other", Consumers("other")),
    ("deny", "in", "groupless", Consumers("")),
    ("deny", "in", "member", Forbidden),
    ("allow-named", "in", "member", Named("in")),
    ("allow-named", "in", "other", Named("in")),
    ("allow-named", "outside", "member", Forbidden),
    ("deny-named", "in", "other", Forbidden),
    ("deny-named", "outside", "member", Named("outside")),
    ("allow-included", "outside", "grouped", Consumers("in")),
    ("allow-included", "in", "other", Forbidden),
];

async fn assert_judged(stack: &Stack, call: Call, expected: Judged, situation: &str) {
    let call = CLAIMED
        .iter()
        .fold(call, |call, name| call.header(name, "in, CN=in, more, other"));
    let before = stack.upstream.count();
    let answer = call.await;
    let told = (
        answer.received("x-consumer-groups"),
        answer.received("x-authenticated-groups"),
    );
    let passed = |status: u16| assert_eq!(answer.status, status, "{situation}: {answer:?}");
    let refused = |status: u16, message: &str| {
        assert_eq!(
            (answer.status.as_u16(), answer.text()),
            (status, body(JSON, message, &answer)),
            "{situation}"
        );
        assert_eq!(answer.header("content-type"), Some(JSON), "{situation}");
        assert_eq!(stack.upstream.count(), before, "{situation}");
    };
    match expected {
        Unproven => {
            assert_eq!(answer.status, 401, "{situation}");
            assert_ne!(answer.message().as_deref(), Some("Unauthorized"), "{situation}");
            assert_eq!(stack.upstream.count(), before, "{situation}");
        }
        Unauthorized => refused(401, "Unauthorized"),
        Forbidden => refused(403, "You cannot consume this service"),
        Consumers(_) | Named(_) | Untold => passed(200),
    }
    let groups = |groups: &str| Some(groups.to_owned());
    let expected = match expected {
        Consumers(names) => (groups(names), None),
        Named(names) => (None, groups(names)),
        Untold | Unproven | Unauthorized | Forbidden => (None, None),
    };
    assert_eq!(told, expected, "{situation}");
    for name in [
        "x_consumer_groups",
        "x-consumer.groups",
        "x_authenticated-groups",
        "x.authenticated.groups",
    ] {
        assert_eq!(answer.received(name), None, "{situation}");
    }
}

async fn start() -> Stack {
    let plan = Stack::reading(document()).without_trusted_edges();
    plan.gateway("trusted_ips", "127.0.0.1").start().await
}

#[tokio::test]
async fn every_caller_is_judged_by_the_groups_that_count() {
    let stack = start().await;
    for (how, rule, who, expected) in ROWS {
        for client in [stack.gateway(), stack.gateway().over_http2()] {
            let call = carrying(&stack, client.get(&format!("/{how}/{rule}")), who);
            assert_judged(&stack, call, expected, &format!("{how} {rule} {who}")).await;
        }
    }
}

#[tokio::test]
async fn a_consumers_groups_win_over_named_ones_unless_told_otherwise() {
    let stack = start().await;
    for (rule, socket, header, expected) in BOTH_ROWS {
        let client = showing(&stack, stack.gateway(), socket);
        for client in [client.clone(), client.over_http2()] {
            let call = carrying(&stack, client.get(&format!("/both/{rule}")), header);
            assert_judged(
                &stack,
                call,
                expected,
                &format!("{rule}, {socket} carries {header}"),
            )
            .await;
        }
    }
}

/// What a client writes about its groups goes nowhere on a route that has no `acl` either.
#[tokio::test]
async fn without_an_acl_no_groups_are_told() {
    let document = format!(
        "_format_version: '3.0'\nservices:\n  - url: http://{{echo}}\n    routes:\n      - {{ paths: [/known], plugins: [{}] }}\n      \
         - {{ paths: [/public] }}\n{PEOPLE}{AUTHORITIES}",
        by_header("")
    );
    let plan = Stack::reading(document).without_trusted_edges();
    let stack = plan.gateway("trusted_ips", "127.0.0.1").start().await;
    for (path, who) in [("/known", "member"), ("/known", "grouped"), ("/public", "nobody")] {
        for client in [
            stack.gateway(),
            stack.gateway().over_http2(),
            stack.gateway_http(),
        ] {
            assert_judged(&stack, carrying(&stack, client.get(path), who), Untold, path).await;
        }
    }
}
