//! Tokens of people who have no key, and of those who have one too many.

use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use harness::document::AUTHORITIES;
use harness::stack::Stack;
use harness::template::quoted;
use serde_json::{Value, json};

use crate::jwt::{SECRET, alices, assert_refused, bearer, token_of};

fn pem(key: &KeyPair) -> String {
    let der = STANDARD.encode(key.public_key().as_ref());
    let lines: Vec<&str> = der
        .as_bytes()
        .chunks(64)
        .map(|line| str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN RSA PUBLIC KEY-----\n{}\n-----END RSA PUBLIC KEY-----\n",
        lines.join("\n")
    )
}

fn by_rsa(header: &Value, claims: &Value, key: &KeyPair) -> String {
    let input = [header, claims]
        .map(|part| URL_SAFE_NO_PAD.encode(part.to_string()))
        .join(".");
    let mut signature = vec![0; key.public_modulus_len()];
    let random = aws_lc_rs::rand::SystemRandom::new();
    key.sign(&RSA_PKCS1_SHA256, &random, input.as_bytes(), &mut signature)
        .unwrap();
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// RS256 for one, HS256 for another.
fn document(pem: &str) -> String {
    format!(
        "_format_version: '3.0'\nconsumers:\n- {{username: rsa, jwt_secrets: [{{key: rsa-key, algorithm: RS256, secret: \
         {SECRET}, rsa_public_key: {}}}]}}\n- {{username: alice, jwt_secrets: [{{key: alice-key, secret: {SECRET}}}]}}\n\
         services:\n- {{name: echo, url: 'http://{{echo}}', routes: [{{name: all, paths: [/token]}}], plugins: [{{name: \
         jwt}}]}}\n{AUTHORITIES}",
        quoted(pem)
    )
}

#[tokio::test]
async fn a_public_key_is_no_secret() {
    let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let pem = pem(&key);
    let stack = Stack::reading(document(&pem)).start().await;
    let good = by_rsa(&json!({"alg": "RS256"}), &json!({"iss": "rsa-key"}), &key);
    let answer = stack
        .gateway()
        .get("/token")
        .header("authorization", &bearer(&good))
        .await;
    assert_eq!(answer.received("x-consumer-username").as_deref(), Some("rsa"));

    let claims = r#"{"iss":"rsa-key"}"#;
    let der = key.public_key().as_ref().to_vec();
    for (row, secret) in [
        ("PEM", pem.clone().into_bytes()),
        ("PEM without its last newline", pem.trim_end().as_bytes().to_vec()),
        ("DER", der),
        ("nothing", Vec::new()),
        // It stands in the document beside the public key, and is for nothing.
        ("the secret of the same entity", SECRET.as_bytes().to_vec()),
    ] {
        for (header, message) in [
            (r#"{"alg":"HS256"}"#, "Invalid algorithm"),
            (r#"{"alg":"RS256"}"#, "Invalid signature"),
        ] {
            let token = token_of(header, claims, &secret);
            let call = stack
                .gateway()
                .get("/token")
                .header("authorization", &bearer(&token));
            assert_refused(&stack, row, call, (message, "token_untrusted")).await;
        }
    }
    // And the other way round: a key of the attacker's in the name of a secret.
    let attackers = KeyPair::generate(KeySize::Rsa2048).unwrap();
    for (header, claims, message) in [
        (
            json!({"alg": "RS256"}),
            json!({"iss": "alice-key"}),
            "Invalid algorithm",
        ),
        (
            json!({"alg": "RS256"}),
            json!({"iss": "rsa-key"}),
            "Invalid signature",
        ),
        // Where keys are to be found is not the token's to say.
        (
            json!({"alg": "RS256", "jku": "https://evil.test/keys"}),
            json!({"iss": "rsa-key"}),
            "Invalid signature",
        ),
        (
            json!({"alg": "RS256", "x5u": "https://evil.test/chain"}),
            json!({"iss": "rsa-key"}),
            "Invalid signature",
        ),
        (
            json!({"alg": "RS256", "kid": "../../dev/null"}),
            json!({"iss": "rsa-key"}),
            "Invalid signature",
        ),
        (
            json!({"alg": "RS256", "jwk": {"kty": "oct", "k": ""}}),
            json!({"iss": "rsa-key"}),
            "Invalid signature",
        ),
    ] {
        let token = by_rsa(&header, &claims, &attackers);
        let call = stack
            .gateway()
            .get("/token")
            .header("authorization", &bearer(&token));
        assert_refused(&stack, &header.to_string(), call, (message, "token_untrusted")).await;
    }
    assert_eq!(stack.upstream.count(), 1);
}

#[tokio::test]
async fn what_two_readers_could_read_differently_is_refused() {
    const BAD_JSON: &str = "Bad token; invalid JSON";
    const BAD_ALG: &str = "Bad token; invalid alg";
    const BAD_HEADER: &str = "Bad token; invalid header";
    const BAD_SIGNATURE: &str = "Bad token; invalid signature";
    let stack = Stack::with("jwt.yaml").start().await;
    let signed = |header: &str, payload: &str| token_of(header, payload, SECRET.as_bytes());
    let (plain, iss) = (r#"{"alg":"HS256"}"#, r#"{"iss":"alice-key"}"#);
    let good = alices(json!({}));
    let parts: Vec<&str> = good.split('.').collect();
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
    let deep = format!(
        r#"{{"iss":"alice-key","a":{}1{}}}"#,
        "[".repeat(5_000),
        "]".repeat(5_000)
    );
    for (row, token, text) in table! {
        ("alg none without a signature", format!("{none}.{}.", parts[1]), BAD_ALG);
        ("alg None", signed(r#"{"alg":"None"}"#, iss), BAD_ALG);
        ("alg hs256", signed(r#"{"alg":"hs256"}"#, iss), BAD_ALG);
        ("alg is a list", signed(r#"{"alg":["HS256"]}"#, iss), BAD_ALG);
        ("alg twice", signed(r#"{"alg":"none","alg":"HS256"}"#, iss), BAD_JSON);
        ("iss twice", signed(plain, r#"{"iss":"bob-key","iss":"alice-key"}"#), BAD_JSON);
        ("iss twice, escaped", signed(plain, r#"{"iss":"bob-key","\u0069ss":"alice-key"}"#), BAD_JSON);
        ("a list", signed(plain, r#"["alice-key"]"#), BAD_JSON);
        ("nothing", signed(plain, ""), BAD_JSON);
        ("two values", signed(plain, r#"{"iss":"alice-key"} {}"#), BAD_JSON);
        ("nested deeply", signed(plain, &deep), BAD_JSON);
        ("padded", format!("{}=.{}.{}", parts[0], parts[1], parts[2]), BAD_JSON);
        ("padded signature", format!("{good}="), BAD_SIGNATURE);
        ("another alphabet", format!("{good}+/"), BAD_SIGNATURE);
        ("encrypted", format!("{good}.x.y"), BAD_JSON);
        ("must be understood", signed(r#"{"alg":"HS256","crit":["exp"],"exp":1}"#, iss), BAD_HEADER);
        ("not base64url within", signed(r#"{"alg":"HS256","b64":false}"#, iss), BAD_HEADER);
        ("compressed", signed(r#"{"alg":"HS256","zip":"DEF"}"#, iss), BAD_HEADER);
        ("a token within a token", signed(r#"{"alg":"HS256","cty":"JWT"}"#, iss), BAD_HEADER);
        ("a logout token", signed(r#"{"alg":"HS256","typ":"logout+jwt"}"#, iss), "Bad token; invalid typ");
    } {
        let call = stack
            .gateway()
            .get("/token")
            .header("authorization", &bearer(&token));
        assert_refused(&stack, row, call, (text, "token_malformed")).await;
    }
    let argument = "y".repeat(20_000);
    let call = stack.gateway().get(&format!("/token?jwt={argument}"));
    assert_refused(&stack, "too long", call, (BAD_JSON, "token_malformed")).await;
    assert_eq!(stack.upstream.count(), 0);
    let long = alices(json!({"x": "y".repeat(11_000)}));
    let answer = stack
        .gateway()
        .get("/token")
        .header("authorization", &bearer(&long))
        .await;
    assert_eq!(answer.status, 200, "15 KiB are a token");
}

#[tokio::test]
async fn a_key_is_text_and_nothing_else() {
    const INVALID: (&str, &str) = ("Invalid 'iss' in claims", "claim_missing");
    let stack = Stack::with("jwt.yaml").start().await;
    for (row, payload, expected) in table! {
        ("NUL", r#"{"iss":"alice-key\u0000"}"#, ("No credentials found for given 'iss'", "token_untrusted"));
        ("null", r#"{"iss":null}"#, INVALID);
        ("false", r#"{"iss":false}"#, INVALID);
        ("an object", r#"{"iss":{"alice-key":1}}"#, INVALID);
    } {
        let token = token_of(r#"{"alg":"HS256"}"#, payload, SECRET.as_bytes());
        let call = stack
            .gateway()
            .get("/token")
            .header("authorization", &bearer(&token));
        assert_refused(&stack, row, call, expected).await;
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_used_is_no_key() {
    let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let good = pem(&key);
    let private = certs::Authority::root("x").unwrap();
    let private = private.issue(certs::Leaf::client("x")).unwrap();
    let private = private.key_pem();
    for (row, pem, says) in [
        (
            "no PEM",
            "nonsense",
            "not a key for RS256: the key cannot be read",
        ),
        (
            "cut off",
            &good[..200],
            "not a key for RS256: the key cannot be read",
        ),
        ("private", &private, "this is a private key"),
        (
            "another type",
            ED25519,
            "not a key for RS256: the key cannot be read",
        ),
        ("short", RSA_1024, "not a key for RS256"),
    ] {
        let refusal = Stack::reading(document(pem))
            .refusal()
            .unwrap_or_else(|| panic!("{row}: accepted"))
            .to_string();
        assert!(refusal.contains(says), "{row}: {refusal}");
        assert!(
            refusal.contains("kong.yaml:3:") && refusal.contains("error[bad-value]"),
            "{row}: {refusal}"
        );
        assert!(
            !refusal.contains("MIIB") && !refusal.contains("MC4C"),
            "{row}: {refusal}"
        );
    }
}

const ED25519: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n";
const RSA_1024: &str = "-----BEGIN PUBLIC KEY-----\nMIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC7p3DIMHY3vjboHHblXkUhWYd+\nKw0MNEpjKRqGB0QXSyhuC/FNc3WX+aINq/NsntsO+QWVa5AG0NzaxAvdCwxMpf+Q\nDU+b1nvGAadJloxavxLwHiLhI1qaO694Hc3xgNxKtCLR/dnYWFxUrSzmp+ihSnHz\noRBF1rN6axtcJNEzdQIDAQAB\n-----END PUBLIC KEY-----\n";
