//! Tokens that nobody should believe, each beside the good one that differs in that alone.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use harness::issuer::{Issuer, Signer, now};
use harness::stack::Stack;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;

use crate::bearer_tokens::{plan, with_token};

async fn refused(stack: &Stack, what: &str, token: &str, reason: &str) {
    let answer = with_token(stack, token).await;
    assert_eq!(answer.status, 401, "{what}");
    assert_eq!(answer.text(), r#"{"message":"Unauthorized"}"#, "{what}");
    assert_eq!(stack.reason_of(&answer).await, reason, "{what}");
    // Nothing of an attempt is remembered as good.
    assert_eq!(with_token(stack, token).await.status, 401, "{what}");
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "it is a table")]
async fn forged_tokens_are_refused() {
    let issuer = Issuer::start(1);
    let secret = "a secret that the client has as well";
    let fields = format!("enable_hs_signatures: true; client_id: [gateway]; client_secret: ['{secret}']");
    let stack = plan(&issuer, &fields, "").start().await;
    let claims = issuer.claims(&json!({}));
    let good = issuer.token(&json!({}));
    assert_eq!(with_token(&stack, &good).await.status, 200);
    let shared = jsonwebtoken::encode(
        &Header::new(Algorithm::HS256),
        &claims,
        &EncodingKey::from_secret(secret.as_bytes()),
    );
    assert_eq!(
        with_token(&stack, &shared.unwrap()).await.status,
        200,
        "the secret may sign"
    );

    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let payload = claims.to_string();
    let unsigned =
        |header: &str, signature: &str| format!("{}.{}.{signature}", encode(header), encode(&payload));
    let (_, signature) = good.rsplit_once('.').unwrap();
    let raw = |header: &str| issuer.signer.sign_raw(header, &payload);
    assert_eq!(
        with_token(&stack, &raw(r#"{"alg":"ES256","kid":"first"}"#))
            .await
            .status,
        200
    );

    for (what, token, reason) in [
        ("alg none", unsigned(r#"{"alg":"none"}"#, ""), "token_untrusted"),
        (
            "alg none, signed",
            unsigned(r#"{"alg":"None","kid":"first"}"#, signature),
            "token_untrusted",
        ),
        (
            "no alg",
            unsigned(r#"{"kid":"first"}"#, signature),
            "token_malformed",
        ),
        (
            "no signature",
            unsigned(r#"{"alg":"ES256","kid":"first"}"#, ""),
            "token_untrusted",
        ),
        (
            "another's signature",
            unsigned(r#"{"alg":"ES256","kid":"first"}"#, signature),
            "token_untrusted",
        ),
        (
            "zeros",
            unsigned(r#"{"alg":"ES256","kid":"first"}"#, &"A".repeat(86)),
            "token_untrusted",
        ),
        (
            "another algorithm",
            raw(r#"{"alg":"RS256","kid":"first"}"#),
            "token_untrusted",
        ),
        (
            "another key's name",
            raw(r#"{"alg":"ES256","kid":"second"}"#),
            "token_untrusted",
        ),
        (
            "a path",
            raw(r#"{"alg":"ES256","kid":"../../../../dev/null"}"#),
            "token_untrusted",
        ),
        (
            "SQL",
            raw(r#"{"alg":"ES256","kid":"' UNION SELECT 'key"}"#),
            "token_untrusted",
        ),
        (
            "a long kid",
            raw(&format!(r#"{{"alg":"ES256","kid":"{}"}}"#, "k".repeat(4000))),
            "token_malformed",
        ),
        (
            "crit",
            raw(r#"{"alg":"ES256","kid":"first","crit":["exp"]}"#),
            "token_malformed",
        ),
        (
            "b64",
            raw(r#"{"alg":"ES256","kid":"first","b64":false,"crit":["b64"]}"#),
            "token_malformed",
        ),
        (
            "nested",
            issuer
                .signer
                .sign_raw(r#"{"alg":"ES256","kid":"first","cty":"JWT"}"#, &good),
            "token_malformed",
        ),
        (
            "a logout token",
            raw(r#"{"alg":"ES256","kid":"first","typ":"logout+jwt"}"#),
            "token_malformed",
        ),
        (
            "a DPoP proof",
            raw(r#"{"alg":"ES256","kid":"first","typ":"dpop+jwt"}"#),
            "token_malformed",
        ),
        (
            "two algs",
            raw(r#"{"alg":"none","alg":"ES256","kid":"first"}"#),
            "token_malformed",
        ),
        (
            "encrypted",
            format!("{}.a.b.c.d", encode(r#"{"alg":"dir","enc":"A128GCM"}"#)),
            "token_malformed",
        ),
        (
            "JSON",
            json!({"payload": encode(&payload), "signature": signature}).to_string(),
            "token_malformed",
        ),
        ("padded", format!("{good}="), "token_malformed"),
        ("a line more", format!("{good}.{signature}"), "token_malformed"),
        (
            "oversized",
            issuer
                .signer
                .sign(&issuer.claims(&json!({"a": "a".repeat(12_000)}))),
            "token_malformed",
        ),
    ] {
        // The header line has its own limit, of 16 KiB.
        if token.len() < 16_000 {
            refused(&stack, what, &token, reason).await;
        }
    }
    let header = r#"{"alg":"ES256","kid":"first"}"#;
    let (iss, end) = (issuer.url(), now() + 60);
    for (what, payload) in [
        (
            "two issuers",
            format!(r#"{{"iss":"{iss}","iss":"{iss}","exp":{end}}}"#),
        ),
        ("two ends", format!(r#"{{"iss":"{iss}","exp":1,"exp":{end}}}"#)),
        ("a list", "[]".to_owned()),
        (
            "a logout token of before there was a typ",
            format!(
                r#"{{"iss":"{iss}","exp":{end},"events":{{"http://schemas.openid.net/event/backchannel-logout":{{}}}}}}"#
            ),
        ),
        ("an absurd end", format!(r#"{{"iss":"{iss}","exp":1e300}}"#)),
        ("a negative end", format!(r#"{{"iss":"{iss}","exp":-1}}"#)),
        (
            "deep",
            format!(
                r#"{{"iss":"{iss}","exp":{end},"a":{}1{}}}"#,
                "[".repeat(2000),
                "]".repeat(2000)
            ),
        ),
    ] {
        refused(
            &stack,
            what,
            &issuer.signer.sign_raw(header, &payload),
            "token_malformed",
        )
        .await;
    }
}

/// Public keys are public: as a secret they would let everybody sign.
#[tokio::test(flavor = "multi_thread")]
async fn a_public_key_is_no_secret() {
    let issuer = Issuer::start(1);
    let client = "client_id: [gateway]; client_secret: [secret]";
    for fields in [
        "leeway: 0".to_owned(),
        client.to_owned(),
        format!("{client}; enable_hs_signatures: true"),
    ] {
        let stack = plan(&issuer, &fields, "").start().await;
        assert_eq!(with_token(&stack, &issuer.token(&json!({}))).await.status, 200);
        let point = issuer.signer.public_octets().to_vec();
        let pem = format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            STANDARD.encode(&point)
        );
        let jwk = issuer.signer.jwk().to_string();
        for material in [point, pem.into_bytes(), jwk.into_bytes(), Vec::new()] {
            for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
                let mut header = Header::new(algorithm);
                header.kid = Some("first".into());
                let key = EncodingKey::from_secret(&material);
                let token = jsonwebtoken::encode(&header, &issuer.claims(&json!({})), &key).unwrap();
                refused(&stack, &fields, &token, "token_untrusted").await;
            }
        }
    }
    // Without the operator's word the real secret does not count either.
    let stack = plan(&issuer, client, "").start().await;
    let key = EncodingKey::from_secret(b"secret");
    let token = jsonwebtoken::encode(&Header::default(), &issuer.claims(&json!({})), &key).unwrap();
    refused(&stack, "enable_hs_signatures is off", &token, "token_untrusted").await;
}

/// A header may say where a key is to be found. Nobody goes there.
#[tokio::test(flavor = "multi_thread")]
async fn keys_that_a_token_brings_are_not_looked_at() {
    let (issuer, evil) = (Issuer::start(1), Issuer::start(2));
    let stack = plan(&issuer, "rediscovery_lifetime: 0", "").start().await;
    let mallory = Signer::new("first");
    evil.publish(&[mallory.jwk()]);
    let payload = issuer.claims(&json!({})).to_string();
    for name in ["jku", "x5u", "jwk", "x5c"] {
        let value = match name {
            "jwk" => mallory.jwk(),
            "x5c" => json!([STANDARD.encode(mallory.public_octets())]),
            _ => json!(format!("{}/jwks", evil.url())),
        };
        for id in ["first", "unknown"] {
            let header = json!({"alg": "ES256", "kid": id, name: value});
            let token = mallory.sign_raw(&header.to_string(), &payload);
            refused(&stack, name, &token, "token_untrusted").await;
            let good = issuer.signer.sign_raw(&header.to_string(), &payload);
            let expected = if id == "first" { 200 } else { 401 };
            assert_eq!(with_token(&stack, &good).await.status, expected, "{name} {id}");
        }
    }
    assert_eq!(evil.asked_for("/jwks"), 0);
}

/// One instance's answer is not another's: a clone with another audience, and a route with another provider.
#[tokio::test(flavor = "multi_thread")]
async fn what_one_instance_accepts_another_judges_for_itself() {
    let (issuer, other) = (Issuer::start(1), Issuer::start(2));
    let (one, two) = (issuer.url(), other.url());
    let document = format!(
        "_format_version: '3.0'
services:
- name: echo
  url: http://{{echo}}
  routes:
  - name: one
    paths: [/one]
    plugins: [{{name: openid-connect, config: {{issuer: '{one}', auth_methods: [bearer]}}}}]
  - name: two
    paths: [/two]
    plugins: [{{name: openid-connect, config: {{issuer: '{two}', auth_methods: [bearer]}}}}]
  - name: both
    paths: [/both]
    plugins:
    - {{name: openid-connect, config: {{issuer: '{one}', auth_methods: [bearer]}}}}
    - {{name: openid-connect_1100, config: {{issuer: '{one}', auth_methods: [bearer], audience_required: [billing]}}}}
"
    );
    let stack = Stack::reading(document)
        .believing_providers(issuer.authority_pem() + &other.authority_pem())
        .gateway("revocation_lists", "")
        .without_edge()
        .start()
        .await;
    let (ours, theirs) = (issuer.token(&json!({})), other.token(&json!({})));
    let billing = issuer.token(&json!({"aud": "billing"}));
    for _ in 0..2 {
        for (path, token, status) in [
            ("/one", &ours, 200),
            ("/two", &ours, 401),
            ("/one", &theirs, 401),
            ("/two", &theirs, 200),
            ("/both", &ours, 403),
            ("/both", &billing, 200),
        ] {
            let call = stack.gateway_http().get(path);
            let answer = call.header("authorization", &format!("Bearer {token}")).await;
            assert_eq!(answer.status, status, "{path}");
        }
    }
}
