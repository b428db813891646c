//! All thirteen algorithms, with tokens and keys that PyJWT made.

use harness::document::AUTHORITIES;
use harness::outside::pyjwt;
use harness::stack::Stack;
use harness::template::quoted;
use serde_json::Value;

use crate::jwt::bearer;
use crate::kong_answers::both;

/// For each algorithm: the public key or secret, a token, and one that another key signed.
const MAKE_TOKENS: &str = r#"
import json, jwt, secrets
from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

def public(key):
    return key.public_key().public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo).decode()

def keys(name):
    if name.startswith("HS"):
        secret = secrets.token_hex(64)
        return secret, secret
    if name.startswith(("RS", "PS")):
        key = rsa.generate_private_key(65537, 2048)
    elif name.startswith("ES"):
        key = ec.generate_private_key({"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}[name]())
    else:
        key = ed25519.Ed25519PrivateKey.generate()
    return key, public(key)

made = []
for name in ["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]:
    (own, shown), (others, _) = keys(name), keys(name)
    claims = {"iss": name, "sub": "alice", "exp": 4102444800, "nbf": 0}
    made.append({
        "algorithm": name,
        "key": shown,
        "token": jwt.encode(claims, own, algorithm=name),
        "forged": jwt.encode(claims, others, algorithm=name),
    })
print(json.dumps(made))
"#;

/// A document with all of those as credentials.
fn document(made: &[Value]) -> String {
    let secrets: Vec<String> = made
        .iter()
        .map(|made| {
            let (algorithm, key) = (made["algorithm"].as_str().unwrap(), made["key"].as_str().unwrap());
            let field = if algorithm.starts_with("HS") {
                "secret"
            } else {
                "rsa_public_key"
            };
            format!(
                "{{key: {algorithm}, algorithm: {algorithm}, {field}: {}}}",
                quoted(key)
            )
        })
        .collect();
    format!(
        "_format_version: '3.0'\nconsumers:\n- username: alice\n  jwt_secrets:\n  - {}\nservices:\n- {{name: echo, url: \
         'http://{{echo}}', routes: [{{name: all, paths: [/]}}], plugins: [{{name: jwt, config: {{claims_to_verify: \
         [exp, nbf]}}}}]}}\n{AUTHORITIES}",
        secrets.join("\n  - ")
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn every_algorithm_verifies_what_its_key_signed_and_nothing_else() {
    let said = tokio::task::block_in_place(|| pyjwt(MAKE_TOKENS));
    let made: Vec<Value> =
        serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    assert_eq!(made.len(), 13);
    let stack = Stack::reading(document(&made)).start().await;
    for made in &made {
        let algorithm = made["algorithm"].as_str().unwrap();
        let (token, forged) = (made["token"].as_str().unwrap(), made["forged"].as_str().unwrap());
        for client in both(stack.gateway()) {
            let get = |token: &str| client.get("/").header("authorization", &bearer(token));
            let answer = get(token).await;
            assert_eq!(answer.status, 200, "{algorithm}: {answer:?}");
            assert_eq!(
                answer.received("x-credential-identifier").as_deref(),
                Some(algorithm)
            );
            let answer = get(forged).await;
            assert_eq!(
                answer.message().as_deref(),
                Some("Invalid signature"),
                "{algorithm}"
            );
        }
        // Every octet of the signature counts.
        let (signed, signature) = token.rsplit_once('.').unwrap();
        for at in [0, signature.len() / 2, signature.len() - 2] {
            let mut altered = signature.as_bytes().to_vec();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            let altered = format!("{signed}.{}", String::from_utf8(altered).unwrap());
            let answer = stack
                .gateway()
                .get("/")
                .header("authorization", &bearer(&altered))
                .await;
            assert_eq!(
                answer.message().as_deref(),
                Some("Invalid signature"),
                "{algorithm} {at}"
            );
        }
        // What one signed is not another's.
        for other in &stack_keys() {
            if other == algorithm {
                continue;
            }
            let claims = format!(r#"{{"iss":"{other}","exp":4102444800,"nbf":0}}"#);
            let header = token.split('.').next().unwrap();
            let payload = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, claims);
            let crossed = format!("{header}.{payload}.{signature}");
            let answer = stack
                .gateway()
                .get("/")
                .header("authorization", &bearer(&crossed))
                .await;
            assert_eq!(
                answer.message().as_deref(),
                Some("Invalid algorithm"),
                "{algorithm} as {other}"
            );
        }
    }
}

fn stack_keys() -> [String; 4] {
    ["HS256", "RS256", "ES256", "EdDSA"].map(str::to_owned)
}
