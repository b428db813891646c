//! What becomes of a certificate that finds no consumer: `default_consumer`, `anonymous`, or nobody at all and a group
//! instead (`skip_consumer_lookup`).

use certs::{AlternativeName as Name, Attribute, Leaf, Subject};
use harness::exhibit::{Exhibit, Way, both_ways};
use harness::stack::Stack;

use crate::consumer_matching::{BOTH, Roots, assert_cases, cases, of};

const DOCUMENT: &str = r#"_format_version: "3.0"
services: [{name: echo, url: "http://{echo}"}]
consumers:
  - {username: alice, acls: [{group: partners}]}
  - {username: guest, custom_id: guest-1, id: 9e570000-0000-4000-8000-000000000001, acls: [{group: guests}]}
  - {username: other, custom_id: other-1, id: 9e570000-0000-4000-8000-000000000002}
  - {username: dup@CASE.test}
  - {username: dup@Case.test}
routes:
"#;

async fn start(roots: &Roots, routes: &[(&str, &str, &str)]) -> Stack {
    let routes = routes
        .iter()
        .map(|(name, more, then)| both_ways(name, &format!("ca_certificates: [{{a}}]{more}"), then));
    roots
        .start(std::iter::once(DOCUMENT.to_owned()).chain(routes).collect())
        .await
}

/// Without a certificate, in either way.
async fn nobody_at(stack: &Stack, way: Way, route: &str) -> harness::exhibit::Judged {
    let answer = match way {
        Way::Socket => stack.gateway().get(&format!("/socket/{route}")).await,
        _ => {
            stack
                .gateway()
                .cert("edge/client")
                .get(&format!("/header/{route}"))
                .await
        }
    };
    stack.judged(answer).await
}

#[tokio::test]
async fn a_default_consumer_is_for_whom_nobody_knows_and_anonymous_for_whom_nobody_trusts() {
    let roots = Roots::new();
    let stack = start(
        &roots,
        &[
            ("nothing", "", ""),
            ("default", ", default_consumer: other", ""),
            (
                "default-id",
                ", default_consumer: 9e570000-0000-4000-8000-000000000002",
                "",
            ),
            ("default-custom", ", default_consumer: other-1", ""),
            ("default-lost", ", default_consumer: lost", ""),
            ("anonymous", ", anonymous: guest", ""),
            (
                "anonymous-id",
                ", anonymous: 9e570000-0000-4000-8000-000000000001",
                "",
            ),
            ("anonymous-custom", ", anonymous: guest-1", ""),
            ("anonymous-lost", ", anonymous: lost", ""),
            ("two", ", default_consumer: other, anonymous: guest", ""),
            ("two-lost", ", default_consumer: lost, anonymous: guest", ""),
        ],
    )
    .await;
    let alice = || of(&roots.a, Leaf::client("alice"));
    let carol = || of(&roots.a, Leaf::client("carol"));
    let mallory = || of(&roots.mallory, Leaf::client("alice"));
    let split = || of(&roots.a, Leaf::client("alice").another_common_name("guest"));
    let dup = || of(&roots.a, Leaf::client("x").email("dup@case.test"));
    let (unknown, untrusted, ambiguous) = (
        "consumer_not_found",
        "certificate_untrusted",
        "identity_ambiguous",
    );
    let lost = "500 An unexpected error occurred: consumer_not_found";
    assert_cases(
        &stack,
        &cases![
            "known", alice(), "nothing" => "200 as alice", "alice";
            "unknown", carol(), "nothing" => unknown;
            "known", alice(), "default" => "200 as alice", "alice";
            "unknown", carol(), "default" => "200 as other";
            "unknown, by id", carol(), "default-id" => "200 as other";
            "unknown, a custom id names nobody", carol(), "default-custom" => unknown;
            "unknown, and the default too", carol(), "default-lost" => unknown;
            "known, whatever the default", alice(), "default-lost" => "200 as alice", "alice";
            "untrusted", mallory(), "default" => untrusted;
            "two common names", split(), "default" => ambiguous;
            "two consumers", dup(), "default" => ambiguous;
            "known", alice(), "anonymous" => "200 as alice", "alice";
            "unknown", carol(), "anonymous" => "200 as guest";
            "unknown, by id", carol(), "anonymous-id" => "200 as guest";
            "untrusted", mallory(), "anonymous" => "200 as guest";
            "two common names", split(), "anonymous" => "200 as guest";
            "two consumers", dup(), "anonymous" => "200 as guest";
            "unknown, a custom id names nobody", carol(), "anonymous-custom" => lost;
            "unknown", carol(), "anonymous-lost" => lost;
            "untrusted", mallory(), "anonymous-lost" => lost;
            "known, whoever is anonymous", alice(), "anonymous-lost" => "200 as alice", "alice";
            "known", alice(), "two" => "200 as alice", "alice";
            "unknown", carol(), "two" => "200 as other";
            "untrusted", mallory(), "two" => "200 as guest";
            "two common names", split(), "two" => "200 as guest";
            "unknown, and the default too", carol(), "two-lost" => "200 as guest";
        ],
    )
    .await;

    for way in BOTH {
        for (route, verdict) in [
            (
                "nothing",
                "401 No required TLS certificate was sent: certificate_missing",
            ),
            (
                "default",
                "401 No required TLS certificate was sent: certificate_missing",
            ),
            ("anonymous", "200 as guest"),
            ("anonymous-lost", lost),
            ("two", "200 as guest"),
        ] {
            assert_eq!(
                nobody_at(&stack, way, route).await.verdict(),
                verdict,
                "nobody at {route} by {way:?}"
            );
        }
        let plain = stack.gateway_http();
        for (route, status) in [("nothing", 401), ("anonymous", 200), ("anonymous-lost", 500)] {
            let answer = plain
                .get(&format!(
                    "/{}/{route}",
                    if way == Way::Socket { "socket" } else { "header" }
                ))
                .await;
            assert_eq!(
                answer.status, status,
                "plain HTTP brings no certificate: {route} by {way:?}"
            );
        }
        let lost = stack.judge(way, &carol(), "anonymous-lost").await;
        assert_eq!(
            lost.cause(),
            "anonymous consumer lost is configured but does not exist"
        );

        for (who, exhibit, route, anonymous, carried) in [
            ("known", alice(), "anonymous", None, true),
            ("by default", carol(), "two", None, true),
            ("anonymous", carol(), "anonymous", Some("true"), false),
            ("untrusted", mallory(), "anonymous", Some("true"), false),
        ] {
            let judged = stack.judge(way, &exhibit, route).await;
            let context = format!("{who} at {route} by {way:?}");
            assert_eq!(
                judged.answer.received("x-anonymous-consumer").as_deref(),
                anonymous,
                "{context}"
            );
            let header = judged.answer.received("x-amzn-mtls-clientcert").is_some();
            assert_eq!(
                header,
                carried && way == Way::Header,
                "only what was accepted goes on: {context}"
            );
            let custom_id = judged.answer.received("x-consumer-custom-id");
            let expected = match judged.verdict().as_str() {
                "200 as guest" => Some("guest-1"),
                "200 as other" => Some("other-1"),
                _ => None,
            };
            assert_eq!(custom_id.as_deref(), expected, "{context}");
        }
    }
}

#[tokio::test]
async fn without_a_lookup_the_certificate_itself_is_the_group() {
    const DN: &str = r#"{name: acl, config: {allow: ["emailAddress=ops@example.com,CN=alice,O=Example"]}}"#;
    let acl = |group: &str| format!("{{name: acl, config: {{allow: [{group}]}}}}");
    let (alice_group, partners) = (acl("alice"), acl("partners"));
    let skip = ", skip_consumer_lookup: true";
    let by = |group: &str| format!("{skip}, authenticated_group_by: {group}");
    let roots = Roots::new();
    let stack = start(
        &roots,
        &[
            ("open", skip, ""),
            ("absent", skip, &alice_group),
            ("cn", &by("CN"), &alice_group),
            ("dn", &by("DN"), DN),
            ("null", &by("null"), &alice_group),
            ("denied", &by("CN"), "{name: acl, config: {deny: [alice]}}"),
            (
                "hidden",
                &by("CN"),
                "{name: acl, config: {allow: [alice], hide_groups_header: true}}",
            ),
            ("partners", &by("CN"), &partners),
            ("consumer", ", authenticated_group_by: CN", &partners),
            (
                "guest",
                &format!("{skip}, anonymous: guest"),
                "{name: acl, config: {allow: [guests, alice]}}",
            ),
            ("default", &format!("{skip}, default_consumer: other"), ""),
        ],
    )
    .await;
    let alice = || of(&roots.a, Leaf::client("alice"));
    let subject = Subject::empty()
        .with(Attribute::Organization, "Example")
        .with(Attribute::CommonName, "alice")
        .with(Attribute::Email, "ops@example.com");
    let full = || {
        of(
            &roots.a,
            Leaf::client("")
                .subject(subject.clone())
                .email("nobody@example.com"),
        )
    };
    let named = |name: &str| of(&roots.a, Leaf::client(name));
    let split = || of(&roots.a, Leaf::client("alice").another_common_name("bob"));
    let nameless = || {
        of(
            &roots.a,
            Leaf::client("").subject(Subject::empty()).email("alice"),
        )
    };
    let mallory = || of(&roots.mallory, Leaf::client("alice"));
    let (nobody, denied) = ("200 as nobody", "403 You cannot consume this service: acl_denied");
    let (untrusted, ambiguous) = ("certificate_untrusted", "identity_ambiguous");
    let full_dn = "emailAddress=ops@example.com,CN=alice,O=Example";
    let rows: [(&str, Exhibit, &str, &str, Option<&str>); 19] = [
        ("no acl", alice(), "open", nobody, None),
        (
            "the common name by default",
            alice(),
            "absent",
            nobody,
            Some("alice"),
        ),
        ("the common name", alice(), "cn", nobody, Some("alice")),
        ("with more in the subject", full(), "cn", nobody, Some("alice")),
        ("another common name", named("bob"), "cn", denied, None),
        ("case counts", named("Alice"), "cn", denied, None),
        ("two of them", split(), "cn", ambiguous, None),
        ("none", nameless(), "cn", denied, None),
        ("none, and nobody asks", nameless(), "open", nobody, None),
        ("the whole subject", full(), "dn", nobody, Some(full_dn)),
        ("another one", alice(), "dn", denied, None),
        ("no group", alice(), "null", denied, None),
        ("its group is denied", alice(), "denied", denied, None),
        ("another is not", named("bob"), "denied", nobody, Some("bob")),
        ("not told", alice(), "hidden", nobody, None),
        (
            "a consumer's groups are not looked up",
            alice(),
            "partners",
            denied,
            None,
        ),
        (
            "with a lookup it is no group",
            alice(),
            "consumer",
            "200 as alice",
            None,
        ),
        ("untrusted", mallory(), "cn", untrusted, None),
        (
            "untrusted, and anonymous",
            mallory(),
            "guest",
            "200 as guest",
            None,
        ),
    ];
    for (what, exhibit, route, verdict, group) in &rows {
        for way in BOTH {
            let judged = stack.judge(way, exhibit, route).await;
            let context = format!("{what} at {route} by {way:?}: {:#}", judged.line["decision"]);
            let unverified = format!("401 TLS certificate failed verification: {verdict}");
            let expected = if verdict.contains(' ') {
                *verdict
            } else {
                &unverified
            };
            assert_eq!(judged.verdict(), expected, "{context}");
            assert_eq!(
                judged.answer.received("x-authenticated-groups").as_deref(),
                *group,
                "{context}"
            );
            if *verdict == nobody {
                assert_eq!(
                    judged.answer.received_names("x-consumer"),
                    Vec::<String>::new(),
                    "{context}"
                );
                assert_eq!(
                    judged.answer.received_names("x-credential"),
                    Vec::<String>::new(),
                    "{context}"
                );
                assert!(judged.answer.received("x-client-cert-dn").is_some(), "{context}");
                let (plugin, evidence) = way.plugin();
                let principals = judged.principals();
                assert!(
                    principals[0].starts_with(&format!("{plugin} {evidence} nobody ")),
                    "{principals:?} {context}"
                );
            } else {
                assert_eq!(
                    judged.answer.received_names("x-client-cert"),
                    Vec::<String>::new(),
                    "{context}"
                );
            }
        }
    }

    for way in BOTH {
        let known = stack.judge(way, &alice(), "guest").await;
        assert_eq!(
            known.verdict(),
            nobody,
            "a certificate that is trusted is not anonymous, {way:?}"
        );
        assert_eq!(
            stack.judge(way, &named("carol"), "default").await.verdict(),
            nobody,
            "and no consumer is, {way:?}"
        );
    }
}

#[tokio::test]
async fn the_certificates_names_go_upstream_only_where_there_is_no_lookup() {
    let roots = Roots::new();
    let stack = start(
        &roots,
        &[
            ("open", ", skip_consumer_lookup: true", ""),
            ("lookup", ", anonymous: guest", ""),
        ],
    )
    .await;
    let leaf = Leaf::client("alice")
        .email("a@example.com")
        .dns("a.example.com")
        .uri("spiffe://example.com/a");
    let leaf = leaf.ip([10, 0, 0, 1]).ip(std::net::Ipv6Addr::LOCALHOST);
    let leaf = leaf.alternative_name(Name::Directory(Subject::common_name("directory")));
    let many = of(&roots.a, leaf);
    let plain = of(&roots.a, Leaf::client("alice"));
    let values = "a@example.com, a.example.com, spiffe://example.com/a, 10.0.0.1, ::1, CN=directory";
    for way in BOTH {
        for (exhibit, route, dn, san) in [
            (&many, "open", Some("CN=alice"), Some(values)),
            (&plain, "open", Some("CN=alice"), None),
            (&many, "lookup", None, None),
            (&plain, "lookup", None, None),
        ] {
            let forged = [
                "X-Client-Cert-Dn",
                "X_Client_Cert_San",
                "X-Client-Cert-San",
                "X-Authenticated-Groups",
            ];
            let call = stack.show(way, exhibit, route);
            let answer = forged
                .iter()
                .fold(call, |call, name| call.header(name, "CN=admin"))
                .await;
            assert_eq!(answer.status, 200, "{route} by {way:?}");
            assert_eq!(
                answer.received("x-client-cert-dn").as_deref(),
                dn,
                "{route} by {way:?}"
            );
            assert_eq!(
                answer.received("x-client-cert-san").as_deref(),
                san,
                "{route} by {way:?}"
            );
            assert!(
                !answer.text().contains("CN=admin"),
                "what a client writes is nobody's: {answer:?}"
            );
        }
    }
}
