//! `openid-connect`: claims of every JSON type, as headers, as names of consumers and as dates; and the words in which a
//! refusal is explained.

use harness::answer::Answer;
use harness::issuer::{Issuer, now};
use harness::stack::Stack;
use http::Method;
use serde_json::{Value, json};

use crate::bearer_tokens::{plan, with_token};
use crate::kong_answers::both;

const HEADER: &str = r#"{"alg":"ES256","kid":"first"}"#;

/// A token of alice's with further members, written as they are.
fn token(issuer: &Issuer, members: &str) -> String {
    let own = json!({"iss": issuer.url(), "sub": "alice", "exp": now() + 3600}).to_string();
    let payload = format!("{},{members}}}", own.trim_end_matches('}'));
    issuer.signer.sign_raw(HEADER, &payload)
}

/// What is no text is written as JSON; what a header cannot carry, or what would be read as another header, is left out.
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_of_any_type_becomes_a_header_or_none() {
    let issuer = Issuer::start(1);
    let fields = "upstream_headers_claims: [c]; upstream_headers_names: [X-Claim]";
    let stack = plan(&issuer, fields, "").start().await;
    let long = "l".repeat(6000);
    let long_claim = format!(r#""{long}""#);
    for (claim, expected) in table! {
        (r#""text""#, Some("text"));
        (r#""a text, with a comma""#, Some("a text, with a comma"));
        (r#""""#, Some(""));
        (r#""grün 日本""#, Some("grün 日本"));
        (r#""gr\u00fcn""#, Some("grün"));
        (&*long_claim, Some(&*long));
        ("true", Some("true"));
        ("false", Some("false"));
        ("0", Some("0"));
        ("-1.5", Some("-1.5"));
        ("18446744073709551615", Some("18446744073709551615"));
        ("null", None);
        ("[]", Some(""));
        (r#"["a","b"]"#, Some("a, b"));
        (r#"["a",1]"#, Some("a, 1"));
        (r#"["a, b","c"]"#, Some(r#"["a, b","c"]"#));
        ("[true]", Some("[true]"));
        (r#"[["a"]]"#, Some(r#"[["a"]]"#));
        (r#"{"a":"ü"}"#, Some(r#"{"a":"ü"}"#));
        (r#"{"a":"x\r\nX-Admin: 1"}"#, Some(r#"{"a":"x\r\nX-Admin: 1"}"#));
        (r#""x\r\nX-Admin: 1""#, None);
        (r#""x\nX-Admin: 1""#, None);
        (r#""x\rX-Admin: 1""#, None);
        (r#"["x","y\r\nX-Admin: 1"]"#, None);
        (r#""x\u0000""#, None);
        (r#""x\t""#, None);
        (r#""x\u007f""#, None);
        (r#""x\u0085""#, None);
    } {
        for client in both(stack.gateway()) {
            let token = token(&issuer, &format!(r#""c":{claim}"#));
            let call = client
                .get("/orders")
                .header("authorization", &format!("Bearer {token}"));
            let answer = call
                .header("x-claim", "mallory")
                .header("x_claim", "mallory")
                .header("x-claim", "mallory")
                .await;
            assert_eq!(answer.status, 200, "{claim} {answer:?}");
            assert_eq!(answer.received("x-claim").as_deref(), expected, "{claim}");
            assert_eq!(answer.received("x-admin"), None, "{claim}");
            assert!(!answer.text().contains("mallory"), "{claim}");
        }
    }
}

/// A header that the token is passed on in is the gateway's word, also where there is no token.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_writes_the_header_that_tokens_are_passed_on_in() {
    let issuer = Issuer::start(1);
    let fields = "anonymous: guest; run_on_preflight: false; upstream_access_token_header: X-Verified-Token; \
                  upstream_headers_claims: [sub]; upstream_headers_names: [X-Subject]";
    let stack = plan(&issuer, fields, "").start().await;
    let (good, bad) = (issuer.token(&json!({})), issuer.token(&json!({"exp": 1})));
    for (method, authorization, passed_on, subject) in [
        (Method::GET, Some(&good), Some(&*good), Some("alice")),
        (Method::GET, Some(&bad), None, None),
        (Method::GET, None, None, None),
        (Method::OPTIONS, None, None, None),
    ] {
        for client in both(stack.gateway()) {
            let mut call = client.request(method.clone(), "/orders");
            for name in ["X-Verified-Token", "X_Verified_Token", "X-Subject", "X_Subject"] {
                call = call.header(name, "mallory");
            }
            if let Some(token) = authorization {
                call = call.header("authorization", &format!("Bearer {token}"));
            }
            let answer = call.await;
            let row = format!("{method} {authorization:?}: {answer:?}");
            assert_eq!(answer.status, 200, "{row}");
            assert!(!answer.text().contains("mallory"), "{row}");
            assert_eq!(answer.received("x-verified-token").as_deref(), passed_on, "{row}");
            assert_eq!(answer.received("x-subject").as_deref(), subject, "{row}");
        }
    }
}

/// Exact octets, whatever could be taken for them; case, where the configuration says so, is that of ASCII.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_a_consumers_or_nobodys() {
    const ALICE: Option<&str> = Some("alice@example.com");
    let issuer = Issuer::start(1);
    let people = "- username: guest
- username: kevin
- username: straße
- username: zoë
- {username: Twin, custom_id: one}
- {username: tWIN, custom_id: '4711'}
";
    let exact = "consumer_claim: [c]; consumer_by: [id, username, custom_id]";
    let folded = "consumer_claim: [c]; consumer_by: [username]; by_username_ignore_case: true";
    let optional = "consumer_claim: [c]; by_username_ignore_case: true; consumer_optional: true";
    for (fields, rows) in [
        (
            exact,
            &[
                (r#""alice@example.com""#, ALICE),
                (r#""alice-1""#, ALICE),
                (r#""a1ce0000-0000-4000-8000-000000000001""#, ALICE),
                (r#""A1CE0000-0000-4000-8000-000000000001""#, ALICE),
                (r#""a1ce00000000400080000000000000 01""#, None),
                (r#""alice@EXAMPLE.com""#, None),
                (r#"" alice@example.com""#, None),
                (r#""alice@example.com ""#, None),
                (r#""alice@example.com\u0000""#, None),
                (r#""alice@example.com\u200b""#, None),
                (r#""zoë""#, Some("zoë")),
                (r#""zoe\u0308""#, None),
                ("4711", Some("tWIN")),
                (r#""4711""#, Some("tWIN")),
                ("4711.0", None),
                (r#""Twin""#, Some("Twin")),
                (r#""twin""#, None),
                (r#""""#, None),
                ("true", None),
                (r#"{"name":"alice@example.com"}"#, None),
                (r#"["alice@example.com"]"#, None),
                ("null", None),
            ][..],
        ),
        (
            folded,
            &[
                (r#""KEVIN""#, Some("kevin")),
                // The Kelvin sign is the lower case of nothing that is here.
                (r#""\u212aevin""#, None),
                (r#""STRAßE""#, Some("straße")),
                (r#""STRASSE""#, None),
                (r#""ZOË""#, None),
                (r#""zoë""#, Some("zoë")),
                (r#""Twin""#, Some("Twin")),
                (r#""twin""#, None),
            ],
        ),
        // Several are meant, and that is not nobody.
        (optional, &[(r#""twin""#, None), (r#""Twin""#, Some("Twin"))]),
    ] {
        let stack = plan(&issuer, fields, "")
            .replace("- username: guest\n", people)
            .start()
            .await;
        for (claim, expected) in rows {
            let answer = with_token(&stack, &token(&issuer, &format!(r#""c":{claim}"#))).await;
            let context = format!("{fields} {claim} {answer:?}");
            match expected {
                Some(username) => {
                    assert_eq!(answer.status, 200, "{context}");
                    let told = answer.received("x-consumer-username");
                    assert_eq!(told.as_deref(), Some(*username), "{context}");
                }
                None => {
                    assert_eq!(answer.status, 403, "{context}");
                    assert_eq!(stack.reason_of(&answer).await, "consumer_not_found", "{context}");
                }
            }
        }
    }
}

/// Where a client reads why, it reads the truth; the log and `explain` say the same; and none of them the token.
#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_is_explained_and_no_token_is_told() {
    let issuer = Issuer::start(1);
    let fields = "display_errors: true; leeway: 5; audience_required: [orders]; scopes_required: ['read write', admin]; \
                  groups_claim: [realm, groups]; groups_required: [staff]; claims_forbidden: [act]; consumer_claim: [realm, user]; \
                  proof_of_possession_mtls: optional";
    let stack = plan(&issuer, fields, "").start().await;
    let jwks = stack.file("pki/jwks.json");
    std::fs::write(&jwks, json!({"keys": [issuer.signer.jwk()]}).to_string()).unwrap();
    let good = json!({
        "aud": ["x", "orders"],
        "scope": "write openid read",
        "realm": {"groups": ["staff"], "user": "alice-1"},
    });
    assert_eq!(with_token(&stack, &issuer.token(&good)).await.status, 200);
    let (past, soon) = (now() - 60, now() + 60);
    let over = json!(253_402_300_800_u64);
    for (changes, status, reason, why) in table! {
        (json!({"exp": past}), 401, "token_expired", "the token has expired");
        (json!({"exp": 0}), 401, "token_expired", "the token has expired");
        (json!({"exp": 1.5}), 401, "token_expired", "the token has expired");
        (json!({"exp": -1}), 401, "token_malformed", "the claim 'exp' is no date");
        (json!({"exp": over}), 401, "token_malformed", "the claim 'exp' is no date");
        (json!({"exp": soon.to_string()}), 401, "token_malformed", "the claim 'exp' is no date");
        (json!({"exp": [soon]}), 401, "token_malformed", "the claim 'exp' is no date");
        (json!({"exp": true}), 401, "token_malformed", "the claim 'exp' is no date");
        (json!({"exp": null}), 401, "token_untrusted", "the token has no 'exp'");
        (json!({"nbf": soon}), 401, "token_untrusted", "the token is not valid yet");
        (json!({"nbf": "now"}), 401, "token_malformed", "the claim 'nbf' is no date");
        (json!({"iat": soon}), 401, "token_untrusted", "the token was issued in the future");
        (json!({"iat": {}}), 401, "token_malformed", "the claim 'iat' is no date");
        (json!({"iss": "https://evil.test"}), 401, "token_untrusted", "the issuer is not allowed: https://evil.test");
        (json!({"iss": null}), 401, "token_untrusted", "the issuer is not allowed: the token has no 'iss'");
        (json!({"iss": format!("{}/", issuer.url())}), 401, "token_untrusted", "the issuer is not allowed: ");
        (json!({"act": {}}), 403, "claim_missing", "the claim 'act' is forbidden");
        (json!({"act": false, "aud": "x"}), 403, "claim_missing", "the claim 'act' is forbidden");
        (json!({"aud": "x", "scope": "x"}), 403, "claim_missing", "the claim 'aud' lacks the audience that is required");
        (json!({"aud": "Orders"}), 403, "claim_missing", "the claim 'aud' lacks the audience that is required");
        (json!({"aud": {"orders": true}}), 403, "claim_missing", "the claim 'aud' lacks the audience that is required");
        (json!({"scope": "read"}), 403, "claim_missing", "the claim 'scope' lacks the scope that is required");
        (json!({"scope": ["read write"]}), 403, "claim_missing", "the claim 'scope' lacks the scope that is required");
        (json!({"scope": "admins"}), 403, "claim_missing", "the claim 'scope' lacks the scope that is required");
        (json!({"scope": 1}), 403, "claim_missing", "the claim 'scope' lacks the scope that is required");
        (json!({"realm": {"user": "alice-1"}}), 403, "claim_missing", "the claim 'realm.groups' lacks the group that is required");
        (json!({"realm": "staff"}), 403, "claim_missing", "the claim 'realm.groups' lacks the group that is required");
        (json!({"realm.groups": ["staff"], "realm": null}), 403, "claim_missing", "the claim 'realm.groups' lacks the group that is required");
        (json!({"realm": {"groups": "staff"}}), 403, "consumer_not_found", "kong consumer was not found (claim (realm.user) was not found for consumer mapping)");
        (json!({"realm": {"groups": ["staff"], "user": "carol"}}), 403, "consumer_not_found", "kong consumer was not found (claim (realm.user) names no consumer for consumer mapping)");
        (json!({"realm": {"groups": ["staff"], "user": ["alice-1"]}}), 403, "consumer_not_found", "kong consumer was not found (claim (realm.user) was not found for consumer mapping)");
        (json!({"cnf": {"x5t#S256": "A".repeat(43)}}), 401, "token_not_bound", "the token belongs to a certificate, and the request came without one");
        (json!({"cnf": {"x5t#S256": 1}}), 401, "token_not_bound", "the token names a certificate in an unknown way");
    } {
        let mut claims = good.clone();
        claims
            .as_object_mut()
            .unwrap()
            .extend(changes.as_object().unwrap().clone());
        let token = issuer.token(&claims);
        let answer = with_token(&stack, &token).await;
        let context = format!("{changes} {answer:?}");
        assert_eq!(answer.status, status, "{context}");
        let words = if status == 403 {
            "Forbidden"
        } else {
            "Unauthorized"
        };
        let message = answer.message().unwrap_or_default();
        assert!(message.starts_with(&format!("{words} ({why}")), "{context}");
        let line = stack.line_of(&answer).await;
        let told = explained(&stack, &jwks, &token);
        for decision in [&line["decision"], &told] {
            assert_eq!(decision["reason"], reason, "{context} {decision:#}");
        }
        let cause = line["decision"]["cause"].as_str().unwrap_or_default();
        assert_eq!(message, format!("{words} ({cause})"), "{context}");
        assert_eq!(told["cause"], cause, "{told:#}");
        assert_untold(&token, &[&line.to_string(), &told.to_string(), &message]);
    }
}

fn explained(stack: &Stack, jwks: &str, token: &str) -> Value {
    stack.explain(&["--jwks", jwks, "--token", token, "http://gateway.internal/orders"])
}

fn assert_untold(token: &str, texts: &[&str]) {
    for part in token.split('.') {
        for text in texts {
            assert!(!text.contains(part), "{part}: {text}");
        }
    }
}

/// Words of a token that a number's reader could stumble on: none of them is good, and none ends the program.
#[tokio::test(flavor = "multi_thread")]
async fn numbers_that_are_none_are_refused() {
    let issuer = Issuer::start(1);
    let stack = plan(&issuer, "leeway: 1e3", "").start().await;
    let with_end = async |end: &str| -> Answer {
        let payload = format!(r#"{{"iss":"{}","exp":{end}}}"#, issuer.url());
        with_token(&stack, &issuer.signer.sign_raw(HEADER, &payload)).await
    };
    let later = now() + 100;
    for (end, reason) in table! {
        ("1e400", "token_malformed");
        ("-1e400", "token_malformed");
        ("1e300", "token_malformed");
        ("-0.0001", "token_malformed");
        ("NaN", "token_malformed");
        ("Infinity", "token_malformed");
        ("0x7fffffff", "token_malformed");
        ("+4102444800", "token_malformed");
        ("04102444800", "token_malformed");
        ("99999999999999999999999999", "token_malformed");
        ("18446744073709551615", "token_malformed");
        ("-0", "token_expired");
        ("1e-400", "token_expired");
        ("1.7e9", "token_expired");
        ("4.1024448e9", "");
        (&*format!("{later}.999999"), "");
        (&*later.to_string(), "");
        // Within the leeway.
        (&*(now() - 900).to_string(), "");
        (&*(now() - 1010).to_string(), "token_expired");
    } {
        let answer = with_end(end).await;
        let expected = if reason.is_empty() { 200 } else { 401 };
        assert_eq!(answer.status, expected, "{end}");
        assert_eq!(stack.reason_of(&answer).await, reason, "{end}");
    }
}
