//! `keyauth_credentials`, `basicauth_credentials`, `jwt_secrets`, and the plugins that read them. Whatever is wrong with
//! one, no finding repeats what is secret.

use super::{check, document, findings};
use crate::document::plugin::jwt::JwtConfig;
use crate::document::{End, PluginConfig};
use crate::plugin::credential_auth::{Preflight, Visibility};
use crate::token::Algorithm;

const KEY: &str = "a-key-that-is-long-enough";

#[test]
fn credentials_stand_in_their_consumer_or_beside_it() {
    let document = document(&format!(
        "_format_version: '3.0'
consumers:
- username: alice
  keyauth_credentials: [{{key: {KEY}, tags: [a, b]}}]
  basicauth_credentials: [{{username: alice, password: hunter2}}]
  jwt_secrets: [{{key: iss, secret: 0123456789abcdef0123456789abcdef}}]
keyauth_credentials:
- {{key: {KEY}-2, consumer: alice, ttl: 60, created_at: 1600000000}}
- {{key: {KEY}-3, consumer: {{username: alice}}, ttl: 0}}
- {{key: {KEY}-4, consumer: b32379d9-3d28-5683-a79c-72139be6e34f, id: aaaaaaaa-0000-4000-8000-00000000000a}}
"
    ));
    let keys = &document.keyauth_credentials;
    assert!(keys.iter().all(|key| key.consumer == document.consumers[0].id));
    let ends: Vec<End> = keys.iter().map(|key| key.end).collect();
    assert_eq!(ends, [End::Never, End::At(1_600_000_060), End::Never, End::Never]);
    assert_eq!(keys[0].tags, ["a", "b"]);
    assert_eq!(keys[3].id.to_string(), "aaaaaaaa-0000-4000-8000-00000000000a");
    // uuid5(uuid5(root, "keyauth_credentials"), "keyauth_credentials:*:<key>"), and so on.
    for (id, expected) in [
        (keys[0].id, "36a67881-554d-50c2-9301-3067e4635a22"),
        (
            document.basicauth_credentials[0].id,
            "1ee08b36-0e31-553f-bc05-85227e1a7ca8",
        ),
        (document.jwt_secrets[0].id, "a776f8a7-c960-56d0-a745-798354a415c3"),
    ] {
        assert_eq!(id.to_string(), expected);
    }
    assert_eq!(document.jwt_secrets[0].algorithm, Algorithm::Hs256);
    assert!(document.is_transformed);
    let printed = format!("{document:?}");
    for secret in [KEY, "hunter2", "0123456789abcdef"] {
        assert!(!printed.contains(secret), "{secret}");
    }
}

#[test]
fn what_is_wrong_with_a_key_is_told_without_it() {
    check(&[
        (
            "consumers: [{username: a, keyauth_credentials: [{}]}]",
            &["k.yaml:2:49: error[required-field-missing]: key: required field missing"],
        ),
        (
            "consumers: [{username: a, keyauth_credentials: [{key: 12345}]}]",
            &["k.yaml:2:55: error[wrong-type]: key: expected a string; put it in quotes"],
        ),
        (
            "consumers: [{username: a, keyauth_credentials: [{key: 0777}]}]",
            &[
                "k.yaml:2:49: error[required-field-missing]: key: required field missing",
                "k.yaml:2:55: error[ambiguous-scalar]: this is not the same number in YAML 1.1 and in YAML 1.2; put it in quotes if it is text, else write it as a plain decimal number",
            ],
        ),
        (
            "consumers: [{username: a, keyauth_credentials: [{key: short}]}]",
            &[
                "k.yaml:2:55: warning[weak-credential]: key: a key of less than 16 characters can be found by trying",
            ],
        ),
        (
            "consumers: [{username: a, keyauth_credentials: [{key: a-key-that-is-long-enough, ttl: -1}]}]",
            &["k.yaml:2:87: error[out-of-range]: ttl: value should be between 0 and 100000000"],
        ),
        (
            "consumers: [{username: a, keyauth_credentials: [{key: a-key-that-is-long-enough, ttl: 9}]}]",
            &[
                "k.yaml:2:87: warning[counted-from-load]: ttl: without created_at the ttl begins anew with every start and every reload, as it does for Kong",
            ],
        ),
        (
            "keyauth_credentials: [{key: a-key-that-is-long-enough}]",
            &["k.yaml:2:23: error[required-field-missing]: consumer: required field missing"],
        ),
        (
            "keyauth_credentials: [{key: a-key-that-is-long-enough, consumer: b}]",
            &[
                "k.yaml:2:66: error[invalid-reference]: consumer: invalid reference 'consumer: b' (no such entry in 'consumers')",
            ],
        ),
        (
            "consumers: [{username: a, keyauth_credentials: [{key: a-key-that-is-long-enough}, {key: a-key-that-is-long-enough}]}]",
            &[
                "k.yaml:2:83: error[uniqueness-violation]: uniqueness violation: 'keyauth_credentials' entity with the same key already declared (line 2, column 49)",
            ],
        ),
    ]);
}

#[test]
fn what_is_wrong_with_a_password_is_told_without_it() {
    check(&[
        (
            "consumers: [{username: a, basicauth_credentials: [{username: u}]}]",
            &["k.yaml:2:51: error[required-field-missing]: password: required field missing"],
        ),
        (
            "consumers: [{username: a, basicauth_credentials: [{username: 'u:v', password: p}, {username: '', password: ''}]}]",
            &[
                "k.yaml:2:62: error[invalid-value]: username: a user name with a colon or a control character in it can never be sent (RFC 7617)",
                "k.yaml:2:94: error[invalid-value]: username: length must be at least 1",
                "k.yaml:2:108: error[invalid-value]: password: length must be at least 1",
            ],
        ),
        (
            "consumers: [{username: a, basicauth_credentials: [{username: u, password: p}, {username: u, password: q}]}]",
            &[
                "k.yaml:2:79: error[uniqueness-violation]: uniqueness violation: 'basicauth_credentials' entity with username set to 'u' already declared (line 2, column 51)",
            ],
        ),
    ]);
}

#[test]
fn what_is_wrong_with_a_secret_is_told_without_it() {
    check(&[
        (
            "consumers: [{username: a, jwt_secrets: [{}]}]",
            &[
                "k.yaml:2:41: error[required-field-missing]: key: required field missing",
                "k.yaml:2:41: error[required-field-missing]: secret: required field missing: Kong would draw one that nobody knows, and no token would be good",
            ],
        ),
        (
            "consumers: [{username: a, jwt_secrets: [{key: k, algorithm: none}]}]",
            &[
                "k.yaml:2:61: error[invalid-value]: algorithm: expected one of: HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA",
            ],
        ),
        (
            "consumers: [{username: a, jwt_secrets: [{key: k, algorithm: RS256, secret: s}]}]",
            &[
                "k.yaml:2:41: error[required-field-missing]: rsa_public_key: required field missing: RS256 is verified with a public key",
            ],
        ),
        (
            "consumers: [{username: a, jwt_secrets: [{key: k, algorithm: EdDSA}]}]",
            &[
                "k.yaml:2:41: error[required-field-missing]: rsa_public_key: required field missing: EdDSA is verified with a public key",
            ],
        ),
        (
            "consumers: [{username: a, jwt_secrets: [{key: \"k\\u0001\", secret: s}]}]",
            &[
                "k.yaml:2:47: error[invalid-value]: key: a key with a control character cannot be sent upstream as X-Credential-Identifier",
            ],
        ),
        (
            "consumers: [{username: a, jwt_secrets: [{key: k, secret: s}, {key: k, secret: t}]}]",
            &[
                "k.yaml:2:62: error[uniqueness-violation]: uniqueness violation: 'jwt_secrets' entity with key set to 'k' already declared (line 2, column 41)",
            ],
        ),
    ]);
}

/// The configuration of the only plugin.
fn config(plugin: &str) -> (PluginConfig, Vec<String>) {
    let text = format!("_format_version: '3.0'\nplugins: [{plugin}]");
    let (read, found) = super::read_as(super::Syntax::Yaml, text.as_bytes());
    (read.unwrap().plugins.remove(0).config, found)
}

#[test]
fn defaults_of_the_plugins_are_kongs() {
    let (PluginConfig::KeyAuth(key_auth), found) = config("{name: key-auth}") else {
        panic!("not key-auth")
    };
    assert_eq!(found, Vec::<String>::new());
    assert_eq!(key_auth.key_names[0].value.0, "apikey");
    assert!(key_auth.key_in_header && key_auth.key_in_query && key_auth.anonymous.is_none());
    assert_eq!(key_auth.run_on_preflight, Preflight::Authenticated);
    assert_eq!(key_auth.hide_credentials, Visibility::Shown);
    assert_eq!(key_auth.challenge, "Key");

    let (PluginConfig::BasicAuth(basic_auth), found) = config("{name: basic-auth}") else {
        panic!("not basic-auth")
    };
    assert_eq!(found, Vec::<String>::new());
    assert_eq!(basic_auth.hide_credentials, Visibility::Shown);
    assert!(basic_auth.anonymous.is_none());
    assert_eq!(basic_auth.challenge, "Basic realm=\"service\"");
    // A challenge without a realm is none (RFC 7617 §2).
    let (PluginConfig::BasicAuth(basic_auth), _) = config("{name: basic-auth, config: {realm: ~}}") else {
        panic!("not basic-auth")
    };
    assert_eq!(basic_auth.challenge, "Basic realm=\"service\"");

    let (PluginConfig::Jwt(jwt), _) = config("{name: jwt}") else {
        panic!("not jwt")
    };
    let JwtConfig {
        uri_param_names,
        cookie_names,
        header_names,
        key_claim_name,
        secret_is_base64,
        verifies_exp,
        verifies_nbf,
        maximum_expiration,
        anonymous,
        run_on_preflight,
        challenges,
    } = *jwt;
    assert_eq!((uri_param_names, cookie_names), (vec!["jwt".to_owned()], vec![]));
    assert_eq!(header_names[0].value, "authorization");
    assert_eq!(key_claim_name, "iss");
    assert!(!secret_is_base64 && !verifies_exp && !verifies_nbf);
    assert_eq!(run_on_preflight, Preflight::Authenticated);
    assert!(maximum_expiration.is_none() && anonymous.is_none());
    assert_eq!(challenges.absent, "Bearer");
    assert_eq!(challenges.invalid, "Bearer error=\"invalid_token\"");
}

#[test]
fn what_a_plugin_cannot_do_is_told() {
    check(&[
        ("plugins: [{name: key-auth, config: {key_in_body: true}}]", &[]),
        (
            "plugins: [{name: key-auth, config: {key_in_body: false, identity_realms: [{scope: cp, id: ~, region: ~}], realm: ~}}]",
            &[],
        ),
        (
            "plugins: [{name: key-auth, config: {identity_realms: [{scope: realm, id: x, region: us}]}}]",
            &[
                "k.yaml:2:63: error[unsupported-value]: config.identity_realms[0].scope: realms of Konnect are not supported",
                "k.yaml:2:74: error[unsupported-value]: config.identity_realms[0].id: realms of Konnect are not supported",
                "k.yaml:2:85: error[unsupported-value]: config.identity_realms[0].region: realms of Konnect are not supported",
            ],
        ),
        (
            "plugins: [{name: key-auth, config: {key_names: ['a b'], realm: 'a\"b'}}]",
            &[
                "k.yaml:2:49: error[invalid-value]: config.key_names[0]: 'a b' is not a valid header name",
                "k.yaml:2:64: error[invalid-value]: config.realm: a realm with a quotation mark, a backslash or a control character would be read as something else",
            ],
        ),
        (
            "plugins: [{name: key-auth, config: {run_on_preflight: false}}]",
            &[
                "k.yaml:2:55: warning[open-preflight]: config.run_on_preflight: OPTIONS requests pass without authentication, whatever the upstream does with them; leave it out, unless the upstream answers OPTIONS with CORS headers alone",
            ],
        ),
        (
            "plugins: [{name: basic-auth, config: {brute_force_protection: {strategy: 'off'}}}]",
            &[],
        ),
        (
            "plugins: [{name: basic-auth, config: {brute_force_protection: {strategy: memory, redis: {host: a}}}}]",
            &[
                "k.yaml:2:74: error[unsupported-value]: config.brute_force_protection.strategy: brute force protection is not supported: expected 'off'",
            ],
        ),
        (
            "plugins: [{name: basic-auth, config: {run_on_preflight: false}}]",
            &["k.yaml:2:39: error[unknown-field]: config.run_on_preflight: unknown field"],
        ),
        (
            "consumers: [{username: a}]\nplugins: [{name: key-auth, consumer: a}]",
            &["k.yaml:3:38: error[must-be-null]: consumer: value must be null"],
        ),
        (
            "cloned_plugins: [{name: keys, ref: key-auth, priority: 5}]\nplugins: [{name: keys}, {name: basic-auth_7}, {name: jwt_8, config: {claims_to_verify: [exp]}}]",
            &[],
        ),
    ]);
    assert_eq!(findings("_format_version: '3.0'\n_transform: false").len(), 0);
}

#[test]
fn what_is_wrong_with_a_jwt_is_told() {
    check(&[
        (
            "plugins: [{name: jwt, config: {claims_to_verify: [exp, iat]}}]",
            &["k.yaml:2:56: error[invalid-value]: config.claims_to_verify[1]: expected one of: exp, nbf"],
        ),
        (
            "plugins: [{name: jwt, config: {maximum_expiration: 60}}]",
            &[
                "k.yaml:2:31: error[entity-check]: config.claims_to_verify: failed conditional validation given value of field 'config.maximum_expiration': expected to contain: exp",
                "k.yaml:2:31: warning[unbounded-token]: config: exp is not verified: a token is good for as long as its credential, whatever it says itself; write claims_to_verify: [exp]",
            ],
        ),
        (
            "plugins: [{name: jwt, config: {maximum_expiration: 0.5, claims_to_verify: [exp]}}]",
            &[],
        ),
        (
            "plugins: [{name: jwt, config: {maximum_expiration: 31536001, claims_to_verify: [exp]}}]",
            &[
                "k.yaml:2:52: error[out-of-range]: config.maximum_expiration: value should be between 0 and 31536000",
            ],
        ),
        (
            "plugins: [{name: jwt, config: {claims_to_verify: [exp], anonymous: x}}]",
            &[
                "k.yaml:2:68: warning[missing-consumer]: config.anonymous: there is no consumer 'x': a request that it is needed for is answered 500; name a consumer by its id or username, or leave it out",
            ],
        ),
    ]);
}
