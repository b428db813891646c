//! What people tell of Kong, with the documents that they tell of: one service behind a certificate and a token, and the
//! three ways to judge both of which one does; a certificate with and without a consumer; a certificate behind an ALB.

use harness::document::AUTHORITIES;
use harness::issuer::Issuer;
use harness::stack::{Plan, Stack};
use serde_json::{Value, json};

/// Service A: whoever calls must show a certificate of a partner *and* a token of a client that may read. `mtls-auth` runs
/// first, `openid-connect` then finds another consumer by the token's `azp`. `acl` is attached in one of several ways.
fn service_a(issuer: &Issuer, of_service: &str, of_route: &str) -> Plan {
    Stack::reading(format!(
        "_format_version: '3.0'
services:
- name: service-a
  url: http://{{echo}}
  plugins:
  - name: mtls-auth
    config: {{ca_certificates: [c1a00000-0000-4000-8000-000000000001, c1a00000-0000-4000-8000-000000000002]}}
  - name: openid-connect
    config: {{issuer: '{}', auth_methods: [bearer], audience_required: [orders], consumer_claim: [azp]}}
{of_service}  routes:
  - name: service-a
    paths: [/a]
    protocols: [https]
    plugins:
{of_route}
consumers:
- {{username: alice@example.com, acls: [{{group: certificates-of-a}}]}}
- {{username: bob@example.com, acls: [{{group: certificates-of-b}}]}}
- {{username: reader, acls: [{{group: tokens-of-a}}]}}
- {{username: other, acls: [{{group: tokens-of-b}}]}}
{AUTHORITIES}",
        issuer.url()
    ))
    .believing_providers(issuer.authority_pem())
}

/// Who passes, of everybody with a good certificate and a good token; and what `check` says of it.
struct Way {
    what: &'static str,
    of_service: &'static str,
    of_route: &'static str,
    pass: &'static [(&'static str, &'static str)],
    found: Option<&'static str>,
}

const WAYS: [Way; 5] = [
    // A plugin runs once in a request: the route's takes the place of the service's, and sees the last consumer.
    Way {
        what: "acl at the service and at the route",
        of_service: "  - {name: acl, config: {allow: [certificates-of-a]}}\n",
        of_route: "    - {name: acl, config: {allow: [tokens-of-a]}}",
        pass: &[("alice", "reader"), ("bob", "reader")],
        found: Some("principal-not-judged"),
    },
    // Moved before `openid-connect` it sees the first consumer, and nobody sees the last.
    Way {
        what: "acl moved by ordering",
        of_service: "",
        of_route: "    - {name: acl, config: {allow: [certificates-of-a]}, ordering: {before: {access: [openid-connect]}}}",
        pass: &[("alice", "reader"), ("alice", "other")],
        found: Some("principal-not-judged"),
    },
    // The clone runs after `mtls-auth` (1600), the other after `openid-connect` (1050).
    Way {
        what: "acl and its clone",
        of_service: "  - {name: acl_1595, config: {allow: [certificates-of-a]}}\n",
        of_route: "    - {name: acl, config: {allow: [tokens-of-a]}}",
        pass: &[("alice", "reader")],
        found: None,
    },
    Way {
        what: "both at the route",
        of_service: "",
        of_route: "    - {name: acl, config: {allow: [tokens-of-a]}}\n    - {name: acl_1595, config: {allow: [certificates-of-a]}}",
        pass: &[("alice", "reader")],
        found: None,
    },
    Way {
        what: "principals",
        of_service: "",
        of_route: "    - name: principals
      config:
        require: [mtls-auth, openid-connect]
        allow: {mtls-auth: [certificates-of-a], openid-connect: [tokens-of-a]}",
        pass: &[("alice", "reader")],
        found: None,
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_and_a_token_are_both_judged_by_a_clone_of_acl_alone() {
    let issuer = Issuer::start(1);
    let tokens = ["reader", "other"].map(|azp| (azp, issuer.token(&json!({"azp": azp}))));
    for way in WAYS {
        let what = way.what;
        let plan = || service_a(&issuer, way.of_service, way.of_route);
        let warnings = plan().warnings();
        let found = |code: &str| warnings.iter().any(|line| line.contains(&format!("[{code}]")));
        assert_eq!(
            found("principal-not-judged"),
            way.found.is_some(),
            "{what}: {warnings:#?}"
        );
        let stack = plan().start().await;
        for certificate in ["alice", "bob"] {
            for (azp, token) in &tokens {
                let passes = way.pass.contains(&(certificate, *azp));
                let client = stack.gateway().cert(certificate);
                let call = client
                    .get("/a")
                    .header("authorization", &format!("Bearer {token}"));
                let answer = call.await;
                let row = format!("{what}: {certificate} with {azp}'s token");
                assert_eq!(answer.status, if passes { 200 } else { 403 }, "{row}: {answer:?}");
                let line = stack.line_of(&answer).await;
                if passes {
                    // The last one is *the* consumer; both are on record.
                    assert_eq!(
                        answer.received("x-consumer-username").as_deref(),
                        Some(*azp),
                        "{row}"
                    );
                    let names = |one: &Value| one["consumer"]["username"].as_str().unwrap().to_owned();
                    let all: Vec<String> = line["principals"].as_array().unwrap().iter().map(names).collect();
                    assert_eq!(
                        all,
                        [format!("{certificate}@example.com"), (*azp).to_owned()],
                        "{row}"
                    );
                } else {
                    assert_eq!(
                        answer.message().as_deref(),
                        Some("You cannot consume this service"),
                        "{row}"
                    );
                    assert_eq!(line["decision"]["reason"], "acl_denied", "{row}");
                }
            }
        }
        // One of the two is not enough, nor is somebody else's.
        let good = format!("Bearer {}", tokens[0].1);
        let bad = "Bearer x.y.z".to_owned();
        for (certificate, token, plugin) in [
            (None, Some(&good), "mtls-auth"),
            (Some("mallory"), Some(&good), "mtls-auth"),
            (Some("expired"), Some(&good), "mtls-auth"),
            (Some("alice"), None, "openid-connect"),
            (Some("alice"), Some(&bad), "openid-connect"),
        ] {
            let client = certificate.map_or(stack.gateway(), |name| stack.gateway().cert(name));
            let call = client.get("/a");
            let call = token.map_or(client.get("/a"), |token| call.header("authorization", token));
            let answer = call.await;
            assert_eq!(answer.status, 401, "{what}: {certificate:?} {token:?}");
            let decision = &stack.line_of(&answer).await["decision"];
            assert_eq!(decision["plugin"], plugin, "{what}: {certificate:?} {token:?}");
        }
    }
}

/// `mtls-auth` for everything, once with a consumer whose name is the certificate's, once with the certificate's common
/// name as a group.
#[tokio::test]
async fn a_certificate_leads_to_a_consumer_or_to_a_group() {
    let document = |more: &str, plugins: &str| {
        format!(
            "_format_version: '2.1'
services:
- name: mtls-service
  url: http://{{echo}}
  routes:
  - {{name: mtls-route, paths: [/mtls]}}
plugins:
- name: mtls-auth
  config:
    ca_certificates: [c1a00000-0000-4000-8000-000000000001, c1a00000-0000-4000-8000-000000000002]{more}
{plugins}
{AUTHORITIES}"
        )
    };
    let by_consumer = document("", "consumers: [{username: alice@example.com}]");
    let groups = "\n    skip_consumer_lookup: true";
    let by_group = document(groups, "- {name: acl, config: {allow: [alice]}}");
    for (document, bobs, username, group) in [
        (by_consumer, 401, Some("alice@example.com"), None),
        (by_group, 403, None, Some("alice")),
    ] {
        let stack = Stack::reading(document).without_edge().start().await;
        for (who, status) in [
            (None, 401),
            (Some("alice"), 200),
            (Some("bob"), bobs),
            (Some("mallory"), 401),
        ] {
            let client = who.map_or(stack.gateway(), |name| stack.gateway().cert(name));
            let answer = client.get("/mtls").await;
            assert_eq!(answer.status, status, "{who:?}: {answer:?}");
            if status != 200 {
                continue;
            }
            assert_eq!(answer.received("x-consumer-username").as_deref(), username);
            assert_eq!(answer.received("x-authenticated-groups").as_deref(), group);
            let subject = group.map(|_| "CN=alice");
            assert_eq!(answer.received("x-client-cert-dn").as_deref(), subject);
            assert_eq!(answer.received("x-client-cert-san").is_some(), group.is_some());
        }
    }
}

/// An ALB in passthrough mode, or an edge in its place: `/mtls` wants a certificate, `/echo` does not; and whoever goes
/// past it with a certificate that he has only read gets nowhere.
#[tokio::test]
async fn behind_an_alb_the_certificate_comes_in_a_header() {
    let document = format!(
        "_format_version: '3.0'
services:
- name: echo
  url: http://{{echo}}
  routes:
  - {{name: echo, paths: [/echo]}}
  - name: mtls
    paths: [/mtls]
    plugins:
    - name: header-cert-auth
      config:
        ca_certificates: [c1a00000-0000-4000-8000-000000000001, c1a00000-0000-4000-8000-000000000002]
        certificate_header_name: X-Amzn-Mtls-Clientcert
        certificate_header_format: url_encoded
        skip_consumer_lookup: true
{AUTHORITIES}"
    );
    let stack = Stack::reading(document).start().await;
    let carried = stack.clientcert_header("alice");
    for (what, client, header, mtls) in [
        ("without a certificate", stack.edge("public"), false, 401),
        ("with one", stack.edge("public").cert("alice"), false, 200),
        (
            "with one of nobody's",
            stack.edge("public").cert("mallory"),
            false,
            401,
        ),
        ("with a header of his own", stack.edge("public"), true, 401),
        ("past it", stack.gateway(), true, 401),
        ("past it, without TLS", stack.gateway_http(), true, 401),
        (
            "past it, with a certificate that is no edge's",
            stack.gateway().cert("bob"),
            true,
            401,
        ),
    ] {
        for (path, status) in [("/echo", 200), ("/mtls", mtls)] {
            let call = client.get(path);
            let call = if header {
                call.header("X-Amzn-Mtls-Clientcert", &carried)
            } else {
                call
            };
            let answer = call.await;
            assert_eq!(answer.status, status, "{what}, {path}: {answer:?}");
            let told = answer.received("x-client-cert-dn");
            let is_known = path == "/mtls" && status == 200;
            assert_eq!(told.as_deref(), is_known.then_some("CN=alice"), "{what}, {path}");
        }
    }
}
