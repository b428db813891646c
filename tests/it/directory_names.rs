//! `san_dirname_matcher`: which attributes of a SAN directory name are looked up.

use certs::{AlternativeName, Attribute, Leaf, Subject};
use harness::stack::Stack;

#[tokio::test]
async fn only_the_named_attributes_find_a_consumer() {
    // In the order of the certificate: O=Example, OU=payments, CN=alice. The subject's own common name must not help.
    let name = Subject::empty()
        .with(Attribute::Organization, "Example")
        .with(Attribute::Unit, "payments")
        .with(Attribute::CommonName, "alice");
    let leaf = || Leaf::client("alice").alternative_name(AlternativeName::Directory(name.clone()));
    for (matcher, consumer) in [
        ("[]", Some("Example")),
        ("[CN]", Some("alice")),
        ("[commonName]", Some("alice")),
        ("['2.5.4.3']", Some("alice")),
        ("[OU]", Some("payments")),
        ("[organizationalUnitName]", Some("payments")),
        ("[CN, O]", Some("Example")),
        ("[emailAddress]", None),
        ("['1.2.3.4']", None),
    ] {
        let stack = Stack::with("directory_names.yaml")
            .replace(
                "san_dirname_matcher: [CN]",
                &format!("san_dirname_matcher: {matcher}"),
            )
            .without_edge()
            .start()
            .await;
        let client = stack
            .gateway()
            .with(stack.pki.leaf("clients-intermediate", leaf()));
        let answer = client.get("/").await;
        assert_eq!(
            answer.received("x-consumer-username").as_deref(),
            consumer,
            "{matcher}"
        );
        assert_eq!(
            answer.status,
            if consumer.is_some() { 200 } else { 401 },
            "{matcher}"
        );
    }
}

#[test]
fn a_name_that_is_no_attributes_is_refused_with_its_line() {
    for (matcher, good) in [
        ("[CN]", true),
        ("[cn]", false),
        ("[nonsense]", false),
        ("['2.5.4']", true),
        ("['2.5.']", false),
    ] {
        let refusal = Stack::with("directory_names.yaml")
            .replace(
                "san_dirname_matcher: [CN]",
                &format!("san_dirname_matcher: {matcher}"),
            )
            .refusal()
            .map(|report| report.to_string());
        assert_eq!(refusal.is_none(), good, "{matcher}: {refusal:?}");
        if let Some(refusal) = refusal {
            assert!(
                refusal.contains("kong.yaml:11:") && refusal.contains("names no attribute"),
                "{refusal}"
            );
        }
    }
}
