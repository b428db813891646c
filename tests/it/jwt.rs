//! `jwt`: every field, and every answer of Kong's to the byte.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use harness::answer::Answer;
use harness::client::Call;
use harness::document::AUTHORITIES;
use harness::stack::Stack;
use http::Method;
use serde_json::{Value, json};

use crate::answer_forms::JSON;
use crate::kong_answers::both;

pub(crate) const SECRET: &str = "secret-of-alice-of-32-octets-or-more";
const BOBS: &str = "secret-of-bob-of-64-octets-or-more-secret-of-bob-of-64-octets-or-more";

/// A token with this header and payload, octet for octet, signed by HMAC-SHA-256.
pub(crate) fn token_of(header: &str, payload: &str, secret: &[u8]) -> String {
    let input = [header, payload]
        .map(|part| URL_SAFE_NO_PAD.encode(part))
        .join(".");
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let signature = hmac::sign(&key, input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
}

/// One of alice's, with these claims beside `iss`.
pub(crate) fn alices(mut claims: Value) -> String {
    claims["iss"] = "alice-key".into();
    token_of(
        r#"{"alg":"HS256","typ":"JWT"}"#,
        &claims.to_string(),
        SECRET.as_bytes(),
    )
}

pub(crate) fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

pub(crate) fn in_seconds(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    i64::try_from(now).unwrap() + seconds
}

async fn start() -> Stack {
    Stack::with("jwt.yaml").start().await
}

/// Kong's answer, to the byte and with its headers, whatever the client would like to read.
pub(crate) async fn assert_refused(stack: &Stack, row: &str, call: Call, (text, reason): (&str, &str)) {
    let answer = call.header("Accept", "text/html").await;
    assert_eq!(answer.status, 401, "{row}: {answer:?}");
    let expected = if text.starts_with('{') {
        text.to_owned()
    } else {
        json!({ "message": text }).to_string()
    };
    assert_eq!(answer.text(), expected, "{row}");
    assert_eq!(answer.header("content-type"), Some(JSON), "{row}");
    let challenge = if reason == "token_missing" {
        "Bearer"
    } else {
        "Bearer error=\"invalid_token\""
    };
    assert_eq!(answer.header("www-authenticate"), Some(challenge), "{row}");
    let line = stack.line_of(&answer).await;
    assert_eq!(line["decision"]["plugin"], "jwt", "{row}");
    assert_eq!(line["decision"]["reason"], reason, "{row}: {line}");
}

pub(crate) fn assert_is(row: &str, answer: &Answer, username: &str) {
    assert_eq!(answer.status, 200, "{row}: {answer:?}");
    assert_eq!(
        answer.received("x-consumer-username").as_deref(),
        Some(username),
        "{row}"
    );
}

#[tokio::test]
async fn a_good_token_leads_to_its_consumer() {
    let stack = start().await;
    let bobs = {
        let input = [r#"{"alg":"HS512"}"#, r#"{"iss":"bob-key"}"#]
            .map(|part| URL_SAFE_NO_PAD.encode(part))
            .join(".");
        let key = hmac::Key::new(hmac::HMAC_SHA512, BOBS.as_bytes());
        format!(
            "{input}.{}",
            URL_SAFE_NO_PAD.encode(hmac::sign(&key, input.as_bytes()))
        )
    };
    let in_header = token_of(r#"{"alg":"HS256","iss":"alice-key"}"#, "{}", SECRET.as_bytes());
    let over = alices(json!({"exp": 1}));
    for client in both(stack.gateway()) {
        for (row, token, username) in table! {
            ("alice's", &alices(json!({})), "alice@example.com");
            ("bob's", &bobs, "bob@example.com");
            ("the key in the header", &in_header, "alice@example.com");
            ("exp is not verified unless it is asked for", &over, "alice@example.com");
        } {
            let answer = client.get("/token").header("authorization", &bearer(token)).await;
            assert_is(row, &answer, username);
            assert_eq!(
                answer.received("authorization"),
                Some(bearer(token)),
                "{row}: it goes on"
            );
        }
    }
    let token = alices(json!({"sub": "alice's own name"}));
    let answer = stack
        .gateway()
        .get("/token")
        .header("authorization", &bearer(&token))
        .await;
    assert_eq!(
        answer.received("x-credential-identifier").as_deref(),
        Some("alice-key")
    );
    assert_eq!(answer.received("x-consumer-custom-id").as_deref(), Some("4711"));
    let line = stack.line_of(&answer).await;
    let principal = &line["principals"][0];
    assert_eq!(principal["plugin"], "jwt");
    assert_eq!(principal["evidence"], "token");
    assert_eq!(principal["subject"], "alice's own name");
    assert!(!line.to_string().contains(&token), "a token is not logged");
}

#[tokio::test]
async fn refusals_are_kongs_to_the_byte() {
    let stack = start().await;
    let good = alices(json!({}));
    let signed = |header: &str, payload: &str| token_of(header, payload, SECRET.as_bytes());
    let hs256 = r#"{"alg":"HS256"}"#;
    let other = token_of(
        hs256,
        r#"{"iss":"alice-key"}"#,
        b"another secret that is long enough",
    );
    let rows = table! {
        ("not a token", "abc".to_owned(), "Bad token; invalid JSON", "token_malformed");
        ("two parts", "a.b".to_owned(), "Bad token; invalid JSON", "token_malformed");
        ("four parts", format!("{good}.x"), "Bad token; invalid JSON", "token_malformed");
        ("no JSON", signed("x", "y"), "Bad token; invalid JSON", "token_malformed");
        ("alg none", signed(r#"{"alg":"none"}"#, r#"{"iss":"alice-key"}"#), "Bad token; invalid alg", "token_malformed");
        ("no alg", signed("{}", r#"{"iss":"alice-key"}"#), "Bad token; invalid alg", "token_malformed");
        ("another typ", signed(r#"{"alg":"HS256","typ":"at+jwt"}"#, r#"{"iss":"alice-key"}"#), "Bad token; invalid typ", "token_malformed");
        ("no key", signed(hs256, r#"{"sub":"alice-key"}"#), "No mandatory 'iss' in claims", "claim_missing");
        ("empty key", signed(hs256, r#"{"iss":""}"#), "Invalid 'iss' in claims", "claim_missing");
        ("a key that is no text", signed(hs256, r#"{"iss":["alice-key"]}"#), "Invalid 'iss' in claims", "claim_missing");
        ("unknown key", signed(hs256, r#"{"iss":"carol-key"}"#), "No credentials found for given 'iss'", "token_untrusted");
        ("case of the key", signed(hs256, r#"{"iss":"Alice-key"}"#), "No credentials found for given 'iss'", "token_untrusted");
        ("another algorithm", signed(hs256, r#"{"iss":"bob-key"}"#), "Invalid algorithm", "token_untrusted");
        ("another secret", other, "Invalid signature", "token_untrusted");
        ("cut off", good[..good.len() - 2].to_owned(), "Bad token; invalid signature", "token_malformed");
        ("no signature", format!("{}.", good.rsplit_once('.').unwrap().0), "Invalid signature", "token_untrusted");
    };
    for client in both(stack.gateway()) {
        assert_refused(
            &stack,
            "nothing",
            client.get("/token"),
            ("Unauthorized", "token_missing"),
        )
        .await;
        let preflight = client.request(Method::OPTIONS, "/token");
        assert_refused(&stack, "preflight", preflight, ("Unauthorized", "token_missing")).await;
        for (row, token, text, reason) in &rows {
            let call = client.get("/token").header("authorization", &bearer(token));
            assert_refused(&stack, row, call, (text, reason)).await;
        }
    }
    assert_eq!(stack.upstream.count(), 0);
    let none = stack.gateway().get("/realm").await;
    assert_eq!(
        none.header("www-authenticate"),
        Some("Bearer realm=\"our house\"")
    );
    let bad = stack.gateway().get("/realm?jwt=x").await;
    let challenge = "Bearer realm=\"our house\", error=\"invalid_token\"";
    assert_eq!(bad.header("www-authenticate"), Some(challenge));
    let other_claim = stack.gateway().get(&format!("/kid?jwt={good}")).await;
    assert_eq!(
        other_claim.message().as_deref(),
        Some("No mandatory 'kid' in claims")
    );
}

#[tokio::test]
async fn dates_are_verified_where_the_configuration_says_so() {
    let stack = start().await;
    let (past, soon, late) = (in_seconds(-10), in_seconds(60), in_seconds(10_000));
    for (path, claims, expected) in table! {
        ("/claims", json!({"exp": soon, "nbf": past}), None);
        ("/claims", json!({"exp": past, "nbf": past}), Some((r#"{"exp":"token expired"}"#, "token_expired")));
        ("/claims", json!({"exp": late, "nbf": soon}), Some((r#"{"nbf":"token not valid yet"}"#, "token_untrusted")));
        ("/claims", json!({"exp": past, "nbf": soon}), Some((r#"{"exp":"token expired","nbf":"token not valid yet"}"#, "token_expired")));
        ("/claims", json!({"exp": "never", "nbf": past}), Some((r#"{"exp":"must be a number"}"#, "claim_missing")));
        ("/claims", json!({}), Some((r#"{"exp":"must be a number","nbf":"must be a number"}"#, "claim_missing")));
        ("/furthest", json!({"exp": soon}), None);
        ("/furthest", json!({"exp": late}), Some((r#"{"exp":"exceeds maximum allowed expiration"}"#, "token_untrusted")));
        ("/furthest", json!({"exp": past}), Some((r#"{"exp":"token expired"}"#, "token_expired")));
        ("/furthest", json!({}), Some((r#"{"exp":"must be a number"}"#, "claim_missing")));
    } {
        let row = format!("{path} {claims}");
        for client in both(stack.gateway()) {
            let call = client
                .get(path)
                .header("authorization", &bearer(&alices(claims.clone())));
            match expected {
                None => assert_is(&row, &call.await, "alice@example.com"),
                Some(refused) => assert_refused(&stack, &row, call, refused).await,
            }
        }
    }
}

/// Both alphabets, padded or not; a secret that is none is refused with a word of its own.
#[tokio::test]
async fn secrets_may_be_written_in_base64() {
    const OCTETS: &[u8] = b"\xfb\xef\xffsecret of thirty-two octets or more";
    let secrets = [
        ("a", STANDARD.encode(OCTETS)),
        ("b", STANDARD.encode(OCTETS).replace('=', "")),
        ("c", URL_SAFE_NO_PAD.encode(OCTETS)),
        ("d", "no base64, but as long as it has to be!".to_owned()),
    ];
    let list: Vec<String> = secrets
        .iter()
        .map(|(key, secret)| format!("{{key: {key}, secret: '{secret}'}}"))
        .collect();
    let document = format!(
        "_format_version: '3.0'\nconsumers:\n- {{username: alice, jwt_secrets: [{}]}}\nservices:\n- name: echo\n  url: \
         http://{{echo}}\n  routes:\n  - {{name: base64, paths: [/base64], plugins: [{{name: jwt, config: \
         {{secret_is_base64: true}}}}]}}\n  - {{name: plain, paths: [/plain], plugins: [{{name: jwt}}]}}\n{AUTHORITIES}",
        list.join(", ")
    );
    let warnings = Stack::reading(document.clone()).warnings();
    let unusable = |line: &&String| line.contains("warning[unusable-credential]");
    assert_eq!(warnings.iter().filter(unusable).count(), 1, "{warnings:#?}");
    assert!(
        !warnings.iter().any(|line| line.contains("no base64, but")),
        "{warnings:#?}"
    );
    let stack = Stack::reading(document).start().await;
    for (key, secret) in &secrets {
        let claims = json!({"iss": key}).to_string();
        let by_octets = token_of(r#"{"alg":"HS256"}"#, &claims, OCTETS);
        let by_text = token_of(r#"{"alg":"HS256"}"#, &claims, secret.as_bytes());
        let (of_base64, of_plain) = if *key == "d" {
            (
                (Some("Invalid key/secret"), Some("Invalid key/secret")),
                (Some("Invalid signature"), None),
            )
        } else {
            (
                (None, Some("Invalid signature")),
                (Some("Invalid signature"), None),
            )
        };
        for (path, token, message) in table! {
            ("/base64", &by_octets, of_base64.0);
            ("/base64", &by_text, of_base64.1);
            ("/plain", &by_octets, of_plain.0);
            ("/plain", &by_text, of_plain.1);
        } {
            let answer = stack
                .gateway()
                .get(path)
                .header("authorization", &bearer(token))
                .await;
            assert_eq!(answer.status == 200, message.is_none(), "{key} {path}");
            assert_eq!(answer.message().as_deref(), message, "{key} {path}");
        }
    }
}

#[tokio::test]
async fn a_preflight_passes_and_somebody_may_be_anonymous_where_the_configuration_says_so() {
    let stack = start().await;
    for (method, status) in [(Method::OPTIONS, 200), (Method::GET, 401)] {
        let answer = stack.gateway().request(method, "/preflight").await;
        assert_eq!(answer.status, status);
    }
    for (token, username, anonymous) in table! {
        (alices(json!({})), "alice@example.com", None);
        ("nonsense".to_owned(), "nobody", Some("true"));
    } {
        let answer = stack
            .gateway()
            .get("/anonymous")
            .header("authorization", &bearer(&token))
            .await;
        assert_is(&token, &answer, username);
        assert_eq!(answer.received("x-anonymous-consumer").as_deref(), anonymous);
    }
}

#[tokio::test]
async fn a_certificate_and_a_token() {
    let stack = start().await;
    let bobs = {
        let input = [r#"{"alg":"HS512"}"#, r#"{"iss":"bob-key"}"#]
            .map(|part| URL_SAFE_NO_PAD.encode(part))
            .join(".");
        let key = hmac::Key::new(hmac::HMAC_SHA512, BOBS.as_bytes());
        format!(
            "{input}.{}",
            URL_SAFE_NO_PAD.encode(hmac::sign(&key, input.as_bytes()))
        )
    };
    let alices = alices(json!({}));
    for (certificate, token, status, plugin) in table! {
        ("alice", &alices, 200, "acl");
        ("alice", &bobs, 403, "acl");
        ("bob", &alices, 403, "acl_1595");
        ("mallory", &alices, 401, "mtls-auth");
        ("alice", &"x".to_owned(), 401, "jwt");
    } {
        let client = stack.gateway().cert(certificate);
        let answer = client.get("/both").header("authorization", &bearer(token)).await;
        assert_eq!(answer.status, status, "{certificate} {token}");
        assert_eq!(
            stack.line_of(&answer).await["decision"]["plugin"],
            plugin,
            "{certificate} {token}"
        );
    }
}
