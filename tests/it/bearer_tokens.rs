//! `openid-connect`: what a token must say, whom it names, and what the upstream gets of it.

use harness::answer::Answer;
use harness::issuer::{Issuer, now};
use harness::stack::{Plan, Stack};
use serde_json::{Value, json};

/// What is answered where nobody can judge a token.
pub(crate) const UNJUDGED: (u16, &str) = (503, "provider_unreachable");

/// One route, `/orders`, whose plugin has these fields beside the issuer.
pub(crate) fn plan(issuer: &Issuer, fields: &str, further: &str) -> Plan {
    let url = issuer.url();
    Stack::reading(format!(
        "_format_version: '3.0'
services:
- name: echo
  url: http://{{echo}}
  routes:
  - name: orders
    paths: [/orders]
    plugins:
    - name: openid-connect
      config:
        issuer: {url}
        auth_methods: [bearer]
{}
{further}
consumers:
- username: alice@example.com
  custom_id: alice-1
  id: a1ce0000-0000-4000-8000-000000000001
  acls: [{{group: partners}}]
- username: Bob@Example.com
- username: guest
",
        indented(fields)
    ))
    .believing_providers(issuer.authority_pem())
    .gateway("revocation_lists", "")
    .without_edge()
}

fn indented(fields: &str) -> String {
    let lines: Vec<String> = fields
        .split(';')
        .map(|field| format!("        {}", field.trim()))
        .collect();
    lines.join("\n")
}

async fn started(issuer: &Issuer, fields: &str) -> Stack {
    plan(issuer, fields, "").start().await
}

pub(crate) async fn with_token(stack: &Stack, token: &str) -> Answer {
    let call = stack.gateway_http().get("/orders");
    call.header("authorization", &format!("Bearer {token}")).await
}

/// What the upstream got under a name.
fn upstream(answer: &Answer, name: &str) -> Value {
    answer.json()["headers"][name][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_token_passes_and_everything_else_is_401() {
    let issuer = Issuer::start(1);
    let stack = started(&issuer, "consumer_claim: [azp]").await;
    let token = issuer.token(&json!({}));
    let answer = with_token(&stack, &token).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(upstream(&answer, "x-consumer-username"), "alice@example.com");
    assert_eq!(upstream(&answer, "x-credential-identifier"), "alice");
    assert_eq!(upstream(&answer, "authorization"), format!("Bearer {token}"));
    let line = stack.line_of(&answer).await;
    assert_eq!(line["consumer"]["username"], "alice@example.com");
    assert_eq!(line["principals"][0]["plugin"], "openid-connect");
    assert_eq!(line["principals"][0]["evidence"], "token");
    assert_eq!(line["principals"][0]["subject"], "alice");
    assert!(!line.to_string().contains(&token), "no token in the log");

    let realm = issuer.address.ip();
    let missing = stack.gateway_http().get("/orders").await;
    assert_eq!(missing.status, 401);
    assert_eq!(missing.text(), r#"{"message":"Unauthorized"}"#);
    let challenge = format!("Bearer realm=\"{realm}\"");
    assert_eq!(missing.header("www-authenticate"), Some(&*challenge));
    assert_eq!(stack.reason_of(&missing).await, "token_missing");
    let invalid = format!("{challenge}, error=\"invalid_token\"");
    for (token, reason) in [
        ("rubbish".to_owned(), "token_malformed"),
        (issuer.token(&json!({"exp": now() - 1})), "token_expired"),
        (issuer.token(&json!({"exp": null})), "token_untrusted"),
        (issuer.token(&json!({"exp": "tomorrow"})), "token_malformed"),
        (issuer.token(&json!({"nbf": now() + 60})), "token_untrusted"),
        (issuer.token(&json!({"iat": now() + 60})), "token_untrusted"),
        (
            issuer.token(&json!({"iss": "https://evil.test"})),
            "token_untrusted",
        ),
        (issuer.token(&json!({"iss": null})), "token_untrusted"),
        (issuer.token(&json!({"iss": [issuer.url()]})), "token_untrusted"),
    ] {
        let answer = with_token(&stack, &token).await;
        assert_eq!(answer.status, 401, "{token}");
        assert_eq!(answer.text(), r#"{"message":"Unauthorized"}"#);
        assert_eq!(answer.header("www-authenticate"), Some(&*invalid));
        assert_eq!(stack.reason_of(&answer).await, reason, "{token}");
    }
}

/// Fields, claims, and the status and reason of the answer.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_required_is_asked_for() {
    let issuer = Issuer::start(1);
    let deep = json!({"realm_access": {"roles": ["clerk"]}, "groups": ["a", "b"]});
    for (fields, claims, status, reason) in table! {
        ("audience_required: [orders]", json!({}), 200, "");
        ("audience_required: [orders]", json!({"aud": ["x", "orders"]}), 200, "");
        ("audience_required: [orders]", json!({"aud": "billing"}), 403, "claim_missing");
        ("audience_required: [orders]", json!({"aud": null}), 403, "claim_missing");
        ("audience_claim: [azp]; audience_required: [alice@example.com]", json!({}), 200, "");
        ("scopes_required: ['orders:read']", json!({}), 200, "");
        ("scopes_required: ['orders:read orders:write']", json!({}), 403, "claim_missing");
        ("scopes_required: ['orders:read orders:write', openid]", json!({}), 200, "");
        ("scopes_required: [orders]", json!({}), 403, "claim_missing");
        ("scopes_claim: [scp]; scopes_required: [read]", json!({"scp": ["read"]}), 200, "");
        ("groups_required: [b]", deep.clone(), 200, "");
        ("groups_required: ['a b']", deep.clone(), 200, "");
        ("groups_required: [c]", deep.clone(), 403, "claim_missing");
        ("roles_claim: [realm_access, roles]; roles_required: [clerk]", deep.clone(), 200, "");
        ("roles_claim: [realm_access, roles]; roles_required: [chief]", deep.clone(), 403, "claim_missing");
        ("roles_required: [clerk]", deep.clone(), 403, "claim_missing");
        ("claims_forbidden: [act]", json!({}), 200, "");
        ("claims_forbidden: [act]", json!({"act": {"sub": "bob"}}), 403, "claim_missing");
        ("issuers_allowed: ['https://other.test']", json!({}), 401, "token_untrusted");
        ("issuers_allowed: ['https://other.test']", json!({"iss": "https://other.test"}), 200, "");
        ("leeway: 30", json!({"exp": now() - 10}), 200, "");
        ("leeway: 30", json!({"exp": now() - 31}), 401, "token_expired");
        ("leeway: 30", json!({"nbf": now() + 20, "iat": now() + 20}), 200, "");
        ("consumer_claim: [azp]", json!({"azp": "nobody"}), 403, "consumer_not_found");
        ("consumer_claim: [azp]", json!({"azp": null}), 403, "consumer_not_found");
        ("consumer_claim: [azp]; consumer_optional: true", json!({"azp": "nobody"}), 200, "");
        ("consumer_claim: [azp]", json!({"azp": "alice-1"}), 200, "");
        ("consumer_claim: [azp]; consumer_by: [username]", json!({"azp": "alice-1"}), 403, "consumer_not_found");
        ("consumer_claim: [azp]; consumer_by: [id]", json!({"azp": "a1ce0000-0000-4000-8000-000000000001"}), 200, "");
        ("consumer_claim: [azp]", json!({"azp": "bob@example.com"}), 403, "consumer_not_found");
        ("consumer_claim: [azp]; by_username_ignore_case: true", json!({"azp": "bob@example.com"}), 200, "");
        ("consumer_claim: [act, sub]", json!({"act": {"sub": "alice@example.com"}}), 200, "");
        ("consumer_claims: [[act, sub], [azp]]", json!({}), 200, "");
        ("consumer_claim: [azp]", json!({"azp": ["alice@example.com"]}), 403, "consumer_not_found");
        ("consumer_claim: [azp]", json!({"azp": "alice@example.com\n"}), 403, "consumer_not_found");
        ("anonymous: guest", json!({"exp": 1}), 200, "");
        ("anonymous: guest; consumer_claim: [azp]", json!({"azp": "nobody"}), 200, "");
        ("anonymous: missing", json!({"exp": 1}), 500, "consumer_not_found");
        ("cache_tokens: false; cache_ttl: 0", json!({}), 200, "");
    } {
        let stack = started(&issuer, fields).await;
        let token = issuer.token(&claims);
        // The second time from memory.
        for _ in 0..2 {
            let answer = with_token(&stack, &token).await;
            assert_eq!(answer.status, status, "{fields} {claims} {answer:?}");
            assert_eq!(stack.reason_of(&answer).await, reason, "{fields} {claims}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_upstream_gets_what_is_configured_and_no_more() {
    let issuer = Issuer::start(1);
    let fields = "hide_credentials: true; bearer_token_param_type: [header, query, cookie]; \
                  bearer_token_cookie_name: session; upstream_headers_claims: [sub, list, gone]; \
                  upstream_headers_names: [X-Subject, X-List, X-Gone]; \
                  upstream_headers: [{header: X-Deep, path: [act, sub]}]";
    let stack = started(&issuer, fields).await;
    let token = issuer.token(&json!({"list": ["a", "b"], "act": {"sub": "carol"}}));
    let call = || stack.gateway_http().get("/orders");
    let by_query = stack
        .gateway_http()
        .get(&format!("/orders?a=1&access_token={token}&b=%41"));
    for call in [
        call().header("authorization", &format!("bearer {token}")),
        call().header("access-token", &token),
        call().header("x-access-token", &token),
        call().header("cookie", &format!("a=b; session={token}; c=d")),
        by_query,
    ] {
        let call = call.header("x-subject", "mallory").header("x-gone", "mallory");
        let call = call.header("x_subject", "mallory").header("X_Gone", "mallory");
        let answer = call.await;
        assert!(!answer.text().contains("mallory"), "in no spelling: {answer:?}");
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(!answer.text().contains(&token), "{answer:?}");
        assert_eq!(upstream(&answer, "x-subject"), "alice");
        assert_eq!(upstream(&answer, "x-list"), "a, b");
        assert_eq!(upstream(&answer, "x-deep"), "carol");
        assert!(
            upstream(&answer, "x-gone").is_null(),
            "the client's own word is no claim"
        );
    }
    let several = call()
        .header("authorization", &format!("Bearer {token}"))
        .header("cookie", &format!("session={token}"))
        .await;
    assert_eq!(several.status, 401);
    assert_eq!(stack.reason_of(&several).await, "token_malformed");
}

/// `credential_claim` names a credential where nobody is a consumer.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_a_consumer_has_a_name_all_the_same() {
    let issuer = Issuer::start(1);
    for (fields, claims, identifier, username) in table! {
        ("leeway: 0", json!({}), json!("alice"), Value::Null);
        ("consumer_claim: [azp]; consumer_optional: true", json!({"azp": "nobody"}), json!("alice"), Value::Null);
        ("consumer_claim: [azp]", json!({}), json!("alice"), json!("alice@example.com"));
        ("credential_claim: [act, sub]", json!({"act": {"sub": "shop"}}), json!("shop"), Value::Null);
        ("credential_claim: [act, sub]", json!({}), Value::Null, Value::Null);
        ("anonymous: guest", json!({"exp": 1}), Value::Null, json!("guest"));
    } {
        let stack = started(&issuer, fields).await;
        let call = stack.gateway_http().get("/orders");
        let call = call.header("authorization", &format!("Bearer {}", issuer.token(&claims)));
        let answer = call.header("x-credential-identifier", "mallory").await;
        assert_eq!(
            upstream(&answer, "x-credential-identifier"),
            identifier,
            "{fields} {claims}"
        );
        assert_eq!(
            upstream(&answer, "x-consumer-username"),
            username,
            "{fields} {claims}"
        );
        let anonymous = if username == "guest" {
            json!("true")
        } else {
            Value::Null
        };
        assert_eq!(
            upstream(&answer, "x-anonymous-consumer"),
            anonymous,
            "{fields} {claims}"
        );
    }
}

/// A token that is not good here may be good elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_refused_is_hidden_from_whoever_serves_anonymous_callers() {
    let issuer = Issuer::start(1);
    let fields = "hide_credentials: true; anonymous: guest; proof_of_possession_mtls: strict; \
                  bearer_token_param_type: [header, query]";
    let stack = started(&issuer, fields).await;
    let token = issuer.token(&json!({"cnf": {"x5t#S256": "A".repeat(43)}}));
    let by_header = stack.gateway_http().get("/orders");
    for call in [
        by_header.header("authorization", &format!("Bearer {token}")),
        stack.gateway_http().get(&format!("/orders?access_token={token}")),
    ] {
        let answer = call.await;
        assert_eq!(upstream(&answer, "x-anonymous-consumer"), "true", "{answer:?}");
        assert!(!answer.text().contains(&token), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_from_elsewhere_goes_on_as_a_bearer_token() {
    let issuer = Issuer::start(1);
    let token = issuer.token(&json!({}));
    for (fields, header, expected) in [
        ("leeway: 0", "authorization", json!(format!("Bearer {token}"))),
        ("upstream_access_token_header: x-token", "x-token", json!(token)),
        ("upstream_access_token_header: null", "authorization", Value::Null),
        ("hide_credentials: true", "authorization", Value::Null),
        (
            "hide_credentials: true; upstream_access_token_header: x-token:bearer",
            "x-token",
            json!(format!("Bearer {token}")),
        ),
    ] {
        let stack = started(&issuer, fields).await;
        let answer = stack
            .gateway_http()
            .get(&format!("/orders?access_token={token}"))
            .await;
        assert_eq!(answer.status, 200, "{fields}");
        assert_eq!(upstream(&answer, header), expected, "{fields}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_in_the_configured_words() {
    let issuer = Issuer::start(1);
    let fields = "unauthorized_error_message: 'No'; forbidden_error_message: Never; scopes_required: [x]; \
                  display_errors: true; expose_error_code: false; run_on_preflight: false";
    let stack = started(&issuer, fields).await;
    let missing = stack.gateway_http().get("/orders").await;
    assert_eq!(
        missing.text(),
        r#"{"message":"No (no token was sent where one is looked for)"}"#
    );
    let forbidden = with_token(&stack, &issuer.token(&json!({}))).await;
    assert_eq!(forbidden.status, 403);
    assert!(
        forbidden
            .text()
            .starts_with(r#"{"message":"Never (the claim 'scope' lacks"#),
        "{forbidden:?}"
    );
    assert!(!forbidden.header("www-authenticate").unwrap().contains("error"));
    let preflight = stack
        .gateway_http()
        .request(http::Method::OPTIONS, "/orders")
        .await;
    assert_eq!(preflight.status, 200);
    let stack = started(&issuer, "scopes_required: [x]").await;
    let preflight = stack
        .gateway_http()
        .request(http::Method::OPTIONS, "/orders")
        .await;
    assert_eq!(preflight.status, 401);
    let forbidden = with_token(&stack, &issuer.token(&json!({}))).await;
    let challenge = forbidden.header("www-authenticate").unwrap();
    assert!(challenge.ends_with("error=\"insufficient_scope\""), "{challenge}");
}

#[tokio::test(flavor = "multi_thread")]
async fn acl_judges_the_groups_that_a_token_names() {
    let issuer = Issuer::start(1);
    for (fields, claims, status, groups) in [
        (
            "authenticated_groups_claim: [groups]",
            json!({"groups": ["staff", "partners"]}),
            200,
            json!("staff, partners"),
        ),
        (
            "authenticated_groups_claim: [groups]",
            json!({"groups": "partners staff"}),
            200,
            json!("partners, staff"),
        ),
        (
            "authenticated_groups_claim: [groups]",
            json!({"groups": ["partners, x", "partners"]}),
            200,
            Value::Null,
        ),
        (
            "authenticated_groups_claim: [groups]",
            json!({"groups": ["staff"]}),
            403,
            Value::Null,
        ),
        (
            "authenticated_groups_claim: [groups]",
            json!({}),
            403,
            Value::Null,
        ),
        ("leeway: 0", json!({"groups": ["partners"]}), 403, Value::Null),
        ("consumer_claim: [azp]", json!({}), 200, Value::Null),
    ] {
        let acl = "    - {name: acl, config: {allow: [partners]}}";
        let stack = plan(&issuer, fields, acl).start().await;
        let answer = with_token(&stack, &issuer.token(&claims)).await;
        assert_eq!(answer.status, status, "{fields} {claims} {answer:?}");
        if status == 200 {
            assert_eq!(upstream(&answer, "x-authenticated-groups"), groups, "{claims}");
        }
    }
}
