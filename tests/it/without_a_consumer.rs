//! What becomes of a certificate that finds no consumer: `default_consumer`, `anonymous`, or nobody at all and a group
//! instead (`skip_consumer_lookup`).

use certs::{AlternativeName as Name, Attribute, Leaf, Subject};
use harness::exhibit::{Judged, Way, both_ways};
use harness::stack::Stack;

use crate::names_to_consumers::{BOTH, Roots, assert_cases, cases, of};

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

/// Routes with a default consumer, an anonymous one, or both.
async fn with_fall_backs(roots: &Roots) -> Stack {
    const ROUTES: [(&str, &str, &str); 11] = table![
        ("nothing", "", "");
        ("default", ", default_consumer: other", "");
        ("default-id", ", default_consumer: 9e570000-0000-4000-8000-000000000002", "");
        ("default-custom", ", default_consumer: other-1", "");
        ("default-lost", ", default_consumer: lost", "");
        ("anonymous", ", anonymous: guest", "");
        ("anonymous-id", ", anonymous: 9e570000-0000-4000-8000-000000000001", "");
        ("anonymous-custom", ", anonymous: guest-1", "");
        ("anonymous-lost", ", anonymous: lost", "");
        ("two", ", default_consumer: other, anonymous: guest", "");
        ("two-lost", ", default_consumer: lost, anonymous: guest", "");
    ];
    start(roots, &ROUTES).await
}

const LOST: &str = "500 An unexpected error occurred: consumer_not_found";

#[tokio::test]
async fn a_default_consumer_is_for_whom_nobody_knows_and_anonymous_for_whom_nobody_trusts() {
    let roots = Roots::new();
    let stack = with_fall_backs(&roots).await;
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
            "unknown, a custom id names nobody", carol(), "anonymous-custom" => LOST;
            "unknown", carol(), "anonymous-lost" => LOST;
            "untrusted", mallory(), "anonymous-lost" => LOST;
            "known, whoever is anonymous", alice(), "anonymous-lost" => "200 as alice", "alice";
            "known", alice(), "two" => "200 as alice", "alice";
            "unknown", carol(), "two" => "200 as other";
            "untrusted", mallory(), "two" => "200 as guest";
            "two common names", split(), "two" => "200 as guest";
            "unknown, and the default too", carol(), "two-lost" => "200 as guest";
        ],
    )
    .await;
}

#[tokio::test]
async fn without_a_certificate_there_is_an_anonymous_consumer_or_none() {
    const MISSING: &str = "401 No required TLS certificate was sent: certificate_missing";
    let roots = Roots::new();
    let stack = with_fall_backs(&roots).await;
    for way in BOTH {
        for (route, verdict) in [
            ("nothing", MISSING),
            ("default", MISSING),
            ("anonymous", "200 as guest"),
            ("anonymous-lost", LOST),
            ("two", "200 as guest"),
        ] {
            // Plain HTTP brings no certificate either.
            for client in [stack.bearer(way, None), stack.gateway_http()] {
                let judged = stack.judged(client.get(&way.path(route)).await).await;
                assert_eq!(judged.verdict(), verdict, "{route} by {way:?}");
                if verdict == LOST {
                    let cause = "anonymous consumer lost is configured but does not exist";
                    assert_eq!(judged.cause(), cause, "{route} by {way:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn the_upstream_is_told_who_it_is_and_on_what_grounds() {
    let roots = Roots::new();
    let stack = with_fall_backs(&roots).await;
    let by = |authority, name: &str| of(authority, Leaf::client(name));
    for way in BOTH {
        for (exhibit, route, custom_id, anonymous) in [
            (by(&roots.a, "alice"), "anonymous", None, None),
            (by(&roots.a, "carol"), "two", Some("other-1"), None),
            (by(&roots.a, "carol"), "anonymous", Some("guest-1"), Some("true")),
            (by(&roots.mallory, "alice"), "two", Some("guest-1"), Some("true")),
        ] {
            let judged = stack.judge(way, &exhibit, route).await;
            let context = format!("{} at {route} by {way:?}", judged.verdict());
            let received = |name: &str| judged.answer.received(name);
            assert_eq!(
                received("x-anonymous-consumer").as_deref(),
                anonymous,
                "{context}"
            );
            assert_eq!(
                received("x-consumer-custom-id").as_deref(),
                custom_id,
                "{context}"
            );
            let goes_on = anonymous.is_none() && way == Way::Header;
            assert_eq!(
                received("x-amzn-mtls-clientcert").is_some(),
                goes_on,
                "only what was accepted: {context}"
            );
            let consumer = judged.line["consumer"]["username"].as_str();
            assert_eq!(
                consumer,
                received("x-consumer-username").as_deref(),
                "the log names him too: {context}"
            );
        }
    }
}

/// Let through as a certificate and as no consumer.
fn assert_nobody(way: Way, judged: &Judged, context: &str) {
    for prefix in ["x-consumer", "x-credential", "x-anonymous"] {
        assert_eq!(
            judged.answer.received_names(prefix),
            Vec::<String>::new(),
            "{context}"
        );
    }
    assert!(judged.answer.received("x-client-cert-dn").is_some(), "{context}");
    let ((plugin, evidence), principals) = (way.plugin(), judged.principals());
    assert!(
        principals[0].starts_with(&format!("{plugin} {evidence} nobody ")),
        "{principals:?} {context}"
    );
    assert!(judged.line["consumer"].is_null(), "{context}");
}

/// Routes without a lookup, most of them with an acl.
async fn without_a_lookup(roots: &Roots) -> Stack {
    const DN: &str = r#"{name: acl, config: {allow: ["emailAddress=ops@example.com,CN=alice,O=Example"]}}"#;
    const ALICE: &str = "{name: acl, config: {allow: [alice]}}";
    const PARTNERS: &str = "{name: acl, config: {allow: [partners]}}";
    const SKIP: &str = ", skip_consumer_lookup: true";
    let by = |group: &str| format!("{SKIP}, authenticated_group_by: {group}");
    let routes = table![
        ("open", SKIP, "");
        ("absent", SKIP, ALICE);
        ("cn", &by("CN"), ALICE);
        ("dn", &by("DN"), DN);
        ("null", &by("null"), ALICE);
        ("denied", &by("CN"), "{name: acl, config: {deny: [alice]}}");
        ("hidden", &by("CN"), "{name: acl, config: {allow: [alice], hide_groups_header: true}}");
        ("partners", &by("CN"), PARTNERS);
        ("consumer", ", authenticated_group_by: CN", PARTNERS);
        ("guest", &format!("{SKIP}, anonymous: guest"), "{name: acl, config: {allow: [guests, alice]}}");
        ("default", &format!("{SKIP}, default_consumer: other"), "");
    ];
    start(roots, &routes).await
}

#[tokio::test]
async fn without_a_lookup_the_certificate_itself_is_the_group() {
    let roots = Roots::new();
    let stack = without_a_lookup(&roots).await;
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
    let rows = table![
        ("no acl", alice(), "open", nobody, None);
        ("the common name by default", alice(), "absent", nobody, Some("alice"));
        ("the common name", alice(), "cn", nobody, Some("alice"));
        ("with more in the subject", full(), "cn", nobody, Some("alice"));
        ("another common name", named("bob"), "cn", denied, None);
        ("case counts", named("Alice"), "cn", denied, None);
        ("two of them", split(), "cn", ambiguous, None);
        ("none", nameless(), "cn", denied, None);
        ("none, and nobody asks", nameless(), "open", nobody, None);
        ("the whole subject", full(), "dn", nobody, Some(full_dn));
        ("another one", alice(), "dn", denied, None);
        ("no group", alice(), "null", denied, None);
        ("its group is denied", alice(), "denied", denied, None);
        ("another is not", named("bob"), "denied", nobody, Some("bob"));
        ("not told", alice(), "hidden", nobody, None);
        ("a consumer's groups are not looked up", alice(), "partners", denied, None);
        ("with a lookup it is no group", alice(), "consumer", "200 as alice", None);
        ("untrusted", mallory(), "cn", untrusted, None);
        ("trusted, so not anonymous", alice(), "guest", nobody, Some("alice"));
        ("nor by default", named("carol"), "default", nobody, None);
        ("untrusted, and anonymous", mallory(), "guest", "200 as guest", None);
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
                assert_nobody(way, &judged, &context);
            } else {
                assert_eq!(
                    judged.answer.received_names("x-client-cert"),
                    Vec::<String>::new(),
                    "{context}"
                );
            }
        }
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
