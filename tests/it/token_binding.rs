//! RFC 8705: a token that names a certificate is good in the hands of whoever has its key, and in nobody else's.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use harness::client::Client;
use harness::issuer::Issuer;
use harness::stack::{Plan, Stack};
use rustls::pki_types::CertificateDer;
use serde_json::json;

/// Answers.
const NOT_BOUND: (u16, &str) = (401, "token_not_bound");
const FINE: (u16, &str) = (200, "");

/// Routes on which certificates come in every way, and the plugins that look at them.
pub(crate) fn plan(issuer: &Issuer) -> Plan {
    let url = issuer.url();
    let route = |name: &str, rule: &str, plugins: &str| {
        format!(
            "  - name: '{name}'
    paths: [/{name}]
    plugins:
    - {{name: openid-connect, config: {{issuer: '{url}', auth_methods: [bearer], proof_of_possession_mtls: {rule}}}}}
{plugins}"
        )
    };
    let header = |name: &str| {
        format!(
            "    - name: {name}
      config:
        ca_certificates: [c1a00000-0000-4000-8000-000000000001, c1a00000-0000-4000-8000-000000000002]
        certificate_header_name: X-Amzn-Mtls-Clientcert
        certificate_header_format: url_encoded
        skip_consumer_lookup: true
"
        )
    };
    let socket = "    - name: mtls-auth
      config:
        ca_certificates: [c1a00000-0000-4000-8000-000000000001, c1a00000-0000-4000-8000-000000000002]
        skip_consumer_lookup: true
";
    let anonymous = header("header-cert-auth") + "        anonymous: guest\n";
    let routes: String = [
        route("after", "strict", &header("header-cert-auth")),
        route("before", "strict", &header("header-cert-auth_1700")),
        route("guest", "strict", &anonymous),
        route("none", "strict", ""),
        route("direct", "strict", socket),
        route("optional", "optional", &header("header-cert-auth")),
        route("off", "'off'", &header("header-cert-auth")),
    ]
    .concat();
    Stack::reading(format!(
        "_format_version: '3.0'
services:
- name: echo
  url: http://{{echo}}
  routes:
{routes}
consumers: [{{username: guest}}]
ca_certificates:
- {{id: c1a00000-0000-4000-8000-000000000001, cert: \"@ca/clients-root.pem\"}}
- {{id: c1a00000-0000-4000-8000-000000000002, cert: \"@ca/clients-intermediate.pem\"}}
"
    ))
    .believing_providers(issuer.authority_pem())
}

pub(crate) fn thumbprint(certificate: &CertificateDer<'_>) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, certificate);
    URL_SAFE_NO_PAD.encode(digest)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bound_token_is_good_beside_its_certificate_alone() {
    let issuer = Issuer::start(1);
    let stack = plan(&issuer).start().await;
    let bound_to = |certificate: &CertificateDer<'_>| {
        issuer.token(&json!({"cnf": {"x5t#S256": thumbprint(certificate)}}))
    };
    let leaf = |name: &str| stack.pki.chain(name).unwrap().remove(0);
    let edge = transport::pem::certificates(&stack.pki.path("edge/client.pem"))
        .unwrap()
        .remove(0);
    let tokens = [
        ("alice", bound_to(&leaf("alice"))),
        ("bob", bound_to(&leaf("bob"))),
        ("edge", bound_to(&edge)),
        ("nobody", issuer.token(&json!({}))),
        ("dpop", issuer.token(&json!({"cnf": {"jkt": "x"}}))),
        ("rubbish", issuer.token(&json!({"cnf": {"x5t#S256": "rubbish"}}))),
        ("text", issuer.token(&json!({"cnf": "x5t"}))),
    ];
    let through = |name: Option<&str>| {
        let client = stack.edge("public");
        name.map_or(client.clone(), |name| client.cert(name))
    };
    let straight = |name: Option<&str>| {
        let client = stack.gateway();
        name.map_or(client.clone(), |name| client.cert(name))
    };
    let rows: [(Client, &str, &str, (u16, &str)); 26] = table! {
        (through(Some("alice")), "after", "alice", FINE);
        // The token is remembered by now, and the certificate is another one.
        (through(Some("bob")), "after", "alice", NOT_BOUND);
        (through(Some("bob")), "after", "bob", FINE);
        (through(Some("alice")), "after", "nobody", NOT_BOUND);
        (through(Some("alice")), "after", "edge", NOT_BOUND);
        (through(Some("alice")), "after", "dpop", NOT_BOUND);
        (through(Some("alice")), "after", "rubbish", NOT_BOUND);
        (through(Some("alice")), "after", "text", NOT_BOUND);
        (through(None), "after", "alice", (401, "certificate_missing"));
        (through(Some("alice")), "before", "alice", FINE);
        (through(Some("bob")), "before", "alice", NOT_BOUND);
        // With `anonymous` set, a token that was accepted before is good enough for header-cert-auth: it judges nothing.
        (through(Some("alice")), "guest", "alice", NOT_BOUND);
        // Whoever shows nothing is a guest for the plugin, and has no certificate all the same.
        (through(None), "guest", "alice", NOT_BOUND);
        (through(None), "guest", "edge", NOT_BOUND);
        // Nobody has judged what the edge carries, and the edge's own certificate is not its client's.
        (through(Some("alice")), "none", "alice", NOT_BOUND);
        (through(Some("alice")), "none", "edge", NOT_BOUND);
        (straight(Some("alice")), "none", "alice", FINE);
        (straight(Some("bob")), "none", "alice", NOT_BOUND);
        (straight(None), "none", "alice", NOT_BOUND);
        (straight(Some("alice")), "direct", "alice", FINE);
        (straight(Some("alice")), "direct", "bob", NOT_BOUND);
        (through(Some("alice")), "optional", "nobody", FINE);
        (through(Some("alice")), "optional", "bob", NOT_BOUND);
        (through(Some("alice")), "optional", "rubbish", NOT_BOUND);
        (through(Some("alice")), "off", "bob", FINE);
        (through(Some("alice")), "off", "rubbish", FINE);
    };
    for (client, route, token, (status, reason)) in rows {
        let (_, token_text) = tokens.iter().find(|(name, _)| *name == token).unwrap();
        let call = client.get(&format!("/{route}"));
        let answer = call
            .header("authorization", &format!("Bearer {token_text}"))
            .await;
        assert_eq!(answer.status.as_u16(), status, "{route} {token}: {answer:?}");
        assert_eq!(stack.reason_of(&answer).await, reason, "{route} {token}");
    }
}

/// A stolen token, and the victim's certificate, which is public, in a header: neither is a key.
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_in_a_header_from_a_stranger_binds_nothing() {
    let issuer = Issuer::start(1);
    let stack = plan(&issuer).start().await;
    let alice = stack.pki.chain("alice").unwrap().remove(0);
    let token = issuer.token(&json!({"cnf": {"x5t#S256": thumbprint(&alice)}}));
    let carried = stack.clientcert_header("alice");
    for client in [stack.gateway(), stack.gateway().cert("bob"), stack.gateway_http()] {
        for route in ["/after", "/before", "/guest", "/none"] {
            let call = client
                .get(route)
                .header("authorization", &format!("Bearer {token}"));
            let answer = call.header("X-Amzn-Mtls-Clientcert", &carried).await;
            assert_eq!(answer.status, 401, "{route}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_warns_of_tokens_that_can_never_be_bound() {
    let issuer = Issuer::start(1);
    let document = |plugins: &str| {
        format!(
            "_format_version: '3.0'
services:
- name: echo
  url: http://{{echo}}
  routes:
  - name: orders
    paths: [/orders]
    plugins:
    - {{name: openid-connect, config: {{issuer: '{}', proof_of_possession_mtls: strict}}}}
{plugins}
ca_certificates: [{{id: c1a00000-0000-4000-8000-000000000001, cert: \"@ca/clients-root.pem\"}}]
",
            issuer.url()
        )
    };
    let warned = |plugins: &str, edges: bool| {
        let plan = Stack::reading(document(plugins)).gateway("revocation_lists", "");
        let plan = if edges { plan } else { plan.without_trusted_edges() };
        plan.warnings()
            .iter()
            .any(|line| line.contains("warning[never-bound]"))
    };
    let mtls = "    - {name: mtls-auth, config: {ca_certificates: [c1a00000-0000-4000-8000-000000000001]}}";
    assert!(warned("", false));
    assert!(!warned(mtls, false));
    assert!(!warned("", true), "edges are asked, and so is everybody");
}
