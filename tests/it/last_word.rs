//! What is told of one certificate does not stay on the request when somebody else turns out to be the caller.

use certs::Leaf;
use harness::stack::Stack;

use crate::hop_trust::HEADER;

const DOCUMENT: &str = r#"_format_version: "3.0"
services:
  - name: echo
    url: http://{echo}
    plugins:
      - name: mtls-auth
        config: { ca_certificates: [c1a00000-0000-4000-8000-000000000003], skip_consumer_lookup: true }
    routes:
      - name: guests
        paths: [/guests]
        plugins:
          - name: header-cert-auth
            config:
              ca_certificates: [c1a00000-0000-4000-8000-000000000001, c1a00000-0000-4000-8000-000000000002]
              certificate_header_name: X-Amzn-Mtls-Clientcert
              certificate_header_format: url_encoded
              anonymous: guest
      - name: outer
        paths: [/outer]
      - name: grouped
        paths: [/grouped]
        plugins:
          - name: acl
            config: { deny: [admin] }
consumers:
  - username: guest
  - username: alice@example.com
ca_certificates:
  - id: c1a00000-0000-4000-8000-000000000001
    cert: "@ca/clients-root.pem"
  - id: c1a00000-0000-4000-8000-000000000002
    cert: "@ca/clients-intermediate.pem"
  - id: c1a00000-0000-4000-8000-000000000003
    cert: "@ca/internal.pem"
"#;

#[tokio::test]
async fn what_is_told_of_a_certificate_goes_with_it() {
    let stack = Stack::reading(DOCUMENT.to_owned()).start().await;
    let edge = stack.gateway().cert("edge/client");
    for (path, carried, username, subject) in [
        ("/outer", None, None, Some("CN=edge.internal")),
        ("/guests", None, Some("guest"), None),
        ("/guests", Some("mallory"), Some("guest"), None),
        ("/guests", Some("alice"), Some("alice@example.com"), None),
    ] {
        let call = edge.get(path);
        let answer = match carried {
            Some(who) => call.header(HEADER, &stack.clientcert_header(who)).await,
            None => call.await,
        };
        let told = |name: &str| answer.received(name);
        assert_eq!(answer.status, 200, "{path} {carried:?}");
        assert_eq!(
            told("x-consumer-username").as_deref(),
            username,
            "{path} {carried:?}"
        );
        assert_eq!(told("x-client-cert-dn").as_deref(), subject, "{path} {carried:?}");
        assert_eq!(
            told("x-client-cert-san").is_some(),
            subject.is_some(),
            "{path} {carried:?}"
        );
    }
}

/// `x, admin` is one group that is not `admin`; in a header it would be read as two.
#[tokio::test]
async fn one_common_name_is_not_told_as_two_groups() {
    let stack = Stack::reading(DOCUMENT.to_owned()).without_edge().start().await;
    for (name, status, groups) in [
        ("x", 200, Some("x")),
        ("x, admin", 200, None),
        ("x,admin", 200, None),
        ("admin", 403, None),
    ] {
        let client = stack
            .gateway()
            .with(stack.pki.leaf("internal", Leaf::client(name)));
        let answer = client.get("/grouped").await;
        assert_eq!(answer.status, status, "{name}");
        assert_eq!(
            answer.received("x-authenticated-groups").as_deref(),
            groups,
            "{name}"
        );
    }
}
