//! Which consumer a certificate names, where Kong's pages leave it open: the order of the names, what counts beside a
//! SAN, which mapping goes first, what goes upstream.

use certs::Leaf;
use harness::answer::Answer;
use harness::stack::Stack;

/// What becomes of a certificate: the consumer with its credential, or the reason of a 401.
enum Outcome {
    Is(&'static str, Option<&'static str>),
    Refused(&'static str),
}
use Outcome::{Is, Refused};

async fn assert_outcome(stack: &Stack, row: &str, answer: &Answer, expected: &Outcome) {
    match expected {
        Is(consumer, credential) => {
            assert_eq!(answer.status, 200, "{row}: {answer:?}");
            let found = answer.received("x-consumer-username");
            assert_eq!(found.as_deref(), Some(*consumer), "{row}");
            let identifier = answer.received("x-credential-identifier");
            assert_eq!(identifier.as_deref(), *credential, "{row}");
            assert_eq!(answer.received("x-anonymous-consumer"), None, "{row}");
        }
        Refused(reason) => {
            assert_eq!(answer.status, 401, "{row}: {answer:?}");
            assert_eq!(
                answer.message().as_deref(),
                Some("TLS certificate failed verification"),
                "{row}"
            );
            assert_eq!(stack.reason_of(answer).await, *reason, "{row}");
        }
    }
}

async fn assert_rows(stack: &Stack, rows: Vec<(&str, &str, Leaf, Outcome)>) {
    for (row, path, leaf, expected) in rows {
        let client = stack.gateway().with(stack.pki.leaf("clients-intermediate", leaf));
        let answer = client.get(path).await;
        assert_outcome(stack, row, &answer, &expected).await;
    }
}

fn ip() -> std::net::IpAddr {
    "192.0.2.7".parse().unwrap()
}

#[tokio::test]
async fn names_are_tried_in_one_order() {
    let stack = Stack::with("matching.yaml").without_edge().start().await;
    let common = || Leaf::client("common");
    let rows = vec![
        (
            "e-mail before all, wherever it stands",
            "/names",
            common()
                .ip(ip())
                .uri("spiffe://example.com/a")
                .dns("host.example.com")
                .email("mail@example.com"),
            Is("mail@example.com", Some("mail@example.com")),
        ),
        (
            "DNS before URI",
            "/names",
            common()
                .ip(ip())
                .uri("spiffe://example.com/a")
                .dns("host.example.com"),
            Is("host.example.com", Some("host.example.com")),
        ),
        (
            "URI before IP",
            "/names",
            common().ip(ip()).uri("spiffe://example.com/a"),
            Is("spiffe://example.com/a", Some("spiffe://example.com/a")),
        ),
        (
            "IP",
            "/names",
            common().ip(ip()),
            Is("192.0.2.7", Some("192.0.2.7")),
        ),
        (
            "the common name without a SAN",
            "/names",
            common(),
            Is("common", Some("common")),
        ),
        (
            "no common name beside a SAN",
            "/names",
            common().dns("unknown.example.com"),
            Refused("consumer_not_found"),
        ),
        (
            "but with common_name: always",
            "/always",
            common().dns("unknown.example.com"),
            Is("common", Some("common")),
        ),
        (
            "after the SAN even then",
            "/always",
            common().dns("host.example.com"),
            Is("host.example.com", Some("host.example.com")),
        ),
    ];
    assert_rows(&stack, rows).await;
}

#[tokio::test]
async fn a_name_means_one_consumer_or_nobody() {
    let stack = Stack::with("matching.yaml").without_edge().start().await;
    let nobody = || Leaf::client("nobody");
    let rows = vec![
        (
            "a custom id",
            "/names",
            nobody().dns("number-1"),
            Is("by-custom-id", Some("number-1")),
        ),
        (
            "username before custom id",
            "/names",
            Leaf::client("shared"),
            Is("shared", Some("shared")),
        ),
        (
            "custom id alone",
            "/custom-id",
            Leaf::client("shared"),
            Is("not-the-shared-one", Some("shared")),
        ),
        (
            "username alone",
            "/username",
            Leaf::client("number-1"),
            Refused("consumer_not_found"),
        ),
        (
            "case of a DNS name",
            "/names",
            nobody().dns("HOST.example.com"),
            Is("host.example.com", Some("HOST.example.com")),
        ),
        (
            "case of a local part",
            "/names",
            nobody().email("Mail@example.com"),
            Refused("consumer_not_found"),
        ),
        (
            "two consumers, apart in a case that does not count",
            "/names",
            nobody().email("two@example.com"),
            Refused("identity_ambiguous"),
        ),
        (
            "two common names",
            "/names",
            Leaf::client("common").another_common_name("shared"),
            Refused("identity_ambiguous"),
        ),
        (
            "a control character",
            "/names",
            Leaf::client("com\u{1}mon"),
            Refused("identity_ambiguous"),
        ),
    ];
    assert_rows(&stack, rows).await;
}

#[tokio::test]
async fn mappings_made_by_hand_come_first() {
    let stack = Stack::with("matching.yaml").start().await;
    let dns = |name: &str| Leaf::client("nobody").dns(name);
    let rows = vec![
        (
            "one that names the issuing CA, before one that does not and a username",
            "/names",
            dns("mapped.example.com"),
            Is("by-the-issuing-ca", Some("0b4f6a2e-0000-4000-8000-000000000001")),
        ),
        (
            "one for any CA",
            "/names",
            dns("anywhere.example.com"),
            Is("by-any-ca", Some("0b4f6a2e-0000-4000-8000-000000000003")),
        ),
        (
            "the root is on the path, too",
            "/names",
            dns("root.example.com"),
            Is("by-the-root", Some("0b4f6a2e-0000-4000-8000-000000000004")),
        ),
        (
            "another CA is not",
            "/names",
            dns("elsewhere.example.com"),
            Refused("consumer_not_found"),
        ),
        (
            "by hand alone: mapped",
            "/manual",
            dns("mapped.example.com"),
            Is("by-the-issuing-ca", Some("0b4f6a2e-0000-4000-8000-000000000001")),
        ),
        (
            "by hand alone: not mapped",
            "/manual",
            dns("host.example.com"),
            Refused("consumer_not_found"),
        ),
        (
            "the default",
            "/default",
            dns("unknown.example.com"),
            Is("somebody", None),
        ),
        (
            "a default that does not exist",
            "/lost-default",
            dns("unknown.example.com"),
            Refused("consumer_not_found"),
        ),
        (
            "no default for a name that is ambiguous",
            "/default",
            Leaf::client("nobody").another_common_name("common"),
            Refused("identity_ambiguous"),
        ),
    ];
    assert_rows(&stack, rows).await;

    let leaf = stack.pki.leaf("clients-intermediate", dns("mapped.example.com"));
    let answer = stack.edge("public").with(leaf).get("/header").await;
    let own = Is("by-any-ca", Some("0b4f6a2e-0000-4000-8000-000000000006"));
    assert_outcome(&stack, "header-cert-auth has mappings of its own", &answer, &own).await;
}

#[tokio::test]
async fn a_certificate_without_a_consumer_speaks_for_itself() {
    let stack = Stack::with("matching.yaml").without_edge().start().await;
    let leaf = Leaf::client("Alice, Inc.")
        .email("mail@example.com")
        .uri("https://example.com/a,b")
        .dns("host.example.com");
    let client = stack.gateway().with(stack.pki.leaf("clients-intermediate", leaf));
    let answer = client.get("/certificate").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    for (name, value) in [
        ("x-client-cert-dn", Some(r"CN=Alice\, Inc.")),
        ("x-authenticated-groups", Some(r"CN=Alice\, Inc.")),
        ("x-client-cert-san", Some("mail@example.com, host.example.com")),
        ("x-consumer-username", None),
        ("x-credential-identifier", None),
    ] {
        assert_eq!(answer.received(name).as_deref(), value, "{name}");
    }
}
