use serde_json::json;

use super::*;

/// Of RFC 7517 A.1.
fn elliptic(id: &str) -> Value {
    json!({
        "kty": "EC",
        "crv": "P-256",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        "use": "sig",
        "kid": id,
    })
}

/// Of RFC 8037 A.2.
fn edwards(id: &str) -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kid": id})
}

fn set(keys: &[Value]) -> Result<KeySet, KeySetError> {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes())
}

fn changed(mut key: Value, name: &str, value: Value) -> Value {
    key[name] = value;
    key
}

#[test]
fn keys_that_cannot_verify_tokens_are_passed_over() {
    for (key, usable) in [
        (elliptic("1"), true),
        (edwards("1"), true),
        (changed(elliptic("1"), "alg", json!("ES256")), true),
        (changed(elliptic("1"), "alg", json!("ES384")), false),
        (changed(elliptic("1"), "alg", json!("HS256")), false),
        (changed(elliptic("1"), "alg", json!("none")), false),
        (changed(elliptic("1"), "use", json!("enc")), false),
        (changed(elliptic("1"), "key_ops", json!(["verify"])), true),
        (changed(elliptic("1"), "key_ops", json!(["encrypt"])), false),
        (changed(elliptic("1"), "crv", json!("secp256k1")), false),
        (changed(elliptic("1"), "x", json!("AAAA")), false),
        (
            changed(
                elliptic("1"),
                "d",
                json!("870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"),
            ),
            false,
        ),
        (changed(elliptic("1"), "kid", json!(1)), false),
        (changed(edwards("1"), "crv", json!("Ed448")), false),
        (changed(edwards("1"), "alg", json!("Ed25519")), true),
        (json!({"kty": "oct", "k": "c2VjcmV0", "kid": "1"}), false),
        (json!({"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "1"}), false),
        (json!({"kid": "1"}), false),
        (json!("key"), false),
    ] {
        let alone = set(std::slice::from_ref(&key));
        assert_eq!(alone.unwrap().len(), usize::from(usable), "{key}");
        let beside = set(&[key.clone(), edwards("other")]).unwrap();
        assert_eq!(beside.len(), 1 + usize::from(usable), "{key}");
    }
}

#[test]
fn a_set_of_rubbish_is_no_set() {
    let many: Vec<Value> = (0..10_000).map(|number| edwards(&number.to_string())).collect();
    assert!(matches!(
        set(&many),
        Err(KeySetError::Json(_) | KeySetError::TooMany(_))
    ));
    assert_eq!(set(&many[..257]).err(), Some(KeySetError::TooMany(257)));
    assert_eq!(set(&many[..256]).unwrap().len(), 256);
    for text in [
        "",
        "[]",
        "{}",
        r#"{"keys":1}"#,
        "<html>",
        r#"{"keys":[],"keys":[]}"#,
    ] {
        assert!(KeySet::parse(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn a_kid_is_compared_and_nothing_else() {
    let keys = set(&[elliptic("1"), edwards("1"), edwards("2")]).unwrap();
    let found = |id: Option<&str>, algorithm| keys.candidates(id, algorithm).count();
    assert_eq!(found(Some("1"), Algorithm::Es256), 1);
    assert_eq!(
        found(Some("1"), Algorithm::EdDsa),
        1,
        "of two with one id, the one of the type"
    );
    assert_eq!(found(Some("2"), Algorithm::Es256), 0);
    assert_eq!(found(None, Algorithm::EdDsa), 2);
    assert_eq!(found(Some("1"), Algorithm::Hs256), 0);
    for id in ["", "../1", "1'", "1\0", "01"] {
        assert_eq!(found(Some(id), Algorithm::EdDsa), 0, "{id:?}");
    }
    let many: Vec<Value> = (0..5).map(|number| edwards(&number.to_string())).collect();
    let many = set(&many).unwrap();
    assert_eq!(
        many.candidates(None, Algorithm::EdDsa).count(),
        0,
        "too many to try"
    );
}

#[test]
fn a_key_that_is_gone_is_withdrawn_and_one_that_stays_is_not() {
    let first = set(&[elliptic("1"), edwards("2")]).unwrap();
    let [one, two] = [0, 1].map(|index| Arc::clone(&first.0[index]));
    let second = set(&[elliptic("1"), edwards("3")]).unwrap().succeeding(&first);
    assert!(!one.is_withdrawn() && two.is_withdrawn());
    assert!(Arc::ptr_eq(&one, &second.0[0]));
    // Another key under the same id is another key.
    let third = set(&[edwards("1")]).unwrap().succeeding(&second);
    assert!(one.is_withdrawn() && !third.0[0].is_withdrawn());
    // What comes back is not what was remembered before.
    let fourth = set(&[elliptic("1")]).unwrap().succeeding(&third);
    assert!(!fourth.0[0].is_withdrawn() && !Arc::ptr_eq(&one, &fourth.0[0]));
}
