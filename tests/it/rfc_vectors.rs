//! What the RFCs print, at a running gateway: signed tokens (RFC 7515, RFC 8037), key sets and names of keys (RFC 7517,
//! RFC 7638).

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, Ed25519KeyPair, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use certs::pki::pem_block;
use harness::issuer::Issuer;
use harness::outside::pyjwt;
use harness::stack::{Stack, eventually};
use harness::template::quoted;
use serde_json::{Value, json};

use crate::bearer_tokens::{plan, with_token};
use crate::jwt::{bearer, token_of};
use crate::kong_answers::both;

/// RFC 7515 A.1.1, the claims of A.1 to A.3: issued by "joe", over since 2011.
const CLAIMS: &str =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
/// A.1.
const SECRET: &str = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
const BY_SECRET: (&str, &str) = (
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9",
    "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
);
/// A.2.
const RSA_N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
const RSA_D: &str = "Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ";
const BY_RSA: (&str, &str) = (
    "eyJhbGciOiJSUzI1NiJ9",
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
);
/// A.3.
const EC_X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
const EC_Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
const EC_D: &str = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI";
const BY_EC: (&str, &str) = (
    "eyJhbGciOiJFUzI1NiJ9",
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
);
/// RFC 8037 A.1, A.2 and A.4, which signs a sentence.
const ED_X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
const ED_D: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
const SENTENCE: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
const BY_ED: &str = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

fn octets(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

fn public_pem(key: &ParsedPublicKey) -> String {
    pem_block("PUBLIC KEY", key.as_der().unwrap().as_ref())
}

fn ed_key() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_and_public_key(&octets(ED_D), &octets(ED_X)).unwrap()
}

/// Claims signed by the key of RFC 8037.
fn by_ed(header: &str, claims: &Value) -> String {
    let input = [header.to_owned(), claims.to_string()].map(|part| URL_SAFE_NO_PAD.encode(part));
    let input = input.join(".");
    let signature = ed_key().sign(input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
}

fn signed((header, signature): (&str, &str)) -> String {
    format!("{header}.{CLAIMS}.{signature}")
}

/// Joe, by one key, on three routes: as it is, with secrets in base64, and with dates that count.
fn joes(algorithm: &str, field: &str, key: &str) -> String {
    format!(
        "_format_version: '3.0'
consumers:
- username: joe
  jwt_secrets: [{{key: joe, algorithm: {algorithm}, {field}: {}}}]
services:
- name: echo
  url: http://{{echo}}
  routes:
  - {{name: jwt, paths: [/jwt], plugins: [{{name: jwt}}]}}
  - {{name: base64, paths: [/base64], plugins: [{{name: jwt, config: {{secret_is_base64: true}}}}]}}
  - {{name: dated, paths: [/dated], plugins: [{{name: jwt, config: {{secret_is_base64: true, claims_to_verify: [exp]}}}}]}}
",
        quoted(key)
    )
}

#[tokio::test]
async fn signed_tokens_of_the_rfcs_lead_to_their_signer() {
    let rsa = RsaPublicKeyComponents {
        n: octets(RSA_N),
        e: octets("AQAB"),
    };
    let rsa = rsa.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).unwrap();
    let point = [vec![4], octets(EC_X), octets(EC_Y)].concat();
    let ec = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).unwrap();
    let ed = ParsedPublicKey::new(&ED25519, octets(ED_X)).unwrap();
    // The key is the RFC's: it signs the RFC's sentence as the RFC does.
    let own = ed_key().sign(SENTENCE.as_bytes());
    assert_eq!(URL_SAFE_NO_PAD.encode(own.as_ref()), BY_ED);
    let claims = json!({"iss": "joe", "exp": 1_300_819_380});
    let sentence = format!("{SENTENCE}.{BY_ED}");
    let rows = [
        ("HS256", "secret", SECRET.to_owned(), signed(BY_SECRET)),
        ("RS256", "rsa_public_key", public_pem(&rsa), signed(BY_RSA)),
        ("ES256", "rsa_public_key", public_pem(&ec), signed(BY_EC)),
        (
            "EdDSA",
            "rsa_public_key",
            public_pem(&ed),
            by_ed(r#"{"alg":"EdDSA"}"#, &claims),
        ),
    ];
    for (algorithm, field, key, token) in &rows {
        let plan = Stack::reading(joes(algorithm, field, key)).gateway("revocation_lists", "");
        let stack = plan.without_edge().start().await;
        for client in both(stack.gateway()) {
            let ask = async |path: &str, token: &str| {
                let answer = client.get(path).header("authorization", &bearer(token)).await;
                (
                    answer.status.as_u16(),
                    answer.received("x-consumer-username"),
                    answer.text(),
                )
            };
            let (status, username, text) = ask("/base64", token).await;
            assert_eq!(
                (status, username.as_deref()),
                (200, Some("joe")),
                "{algorithm}: {text}"
            );
            let (status, ..) = ask("/jwt", token).await;
            // Only a secret is written in another way there.
            assert_eq!(
                status,
                if *algorithm == "HS256" { 401 } else { 200 },
                "{algorithm}"
            );
            let (status, _, text) = ask("/dated", token).await;
            assert_eq!(
                (status, &*text),
                (401, r#"{"exp":"token expired"}"#),
                "{algorithm}"
            );
            for (_, _, _, other) in rows.iter().filter(|row| row.0 != *algorithm) {
                let (status, _, text) = ask("/base64", other).await;
                assert_eq!(
                    (status, &*text),
                    (401, r#"{"message":"Invalid algorithm"}"#),
                    "{algorithm}"
                );
            }
            let parts: Vec<&str> = token.split('.').collect();
            let other = URL_SAFE_NO_PAD.encode(r#"{"iss":"joe","exp":4102444800}"#);
            let forged = format!("{}.{other}.{}", parts[0], parts[2]);
            let (status, _, text) = ask("/base64", &forged).await;
            assert_eq!(
                (status, &*text),
                (401, r#"{"message":"Invalid signature"}"#),
                "{algorithm}"
            );
            // RFC 7515 A.5, which nobody signed; RFC 8037 A.4, which says nothing.
            let unsigned = format!("eyJhbGciOiJub25lIn0.{CLAIMS}.");
            let (status, _, text) = ask("/base64", &unsigned).await;
            assert_eq!((status, &*text), (401, r#"{"message":"Bad token; invalid alg"}"#));
            let (status, _, text) = ask("/base64", &sentence).await;
            assert_eq!(
                (status, &*text),
                (401, r#"{"message":"Bad token; invalid JSON"}"#)
            );
        }
    }
}

/// RFC 7517 A.1, both keys; the second is that of RFC 7638 §3.1.
fn published() -> [Value; 2] {
    const N: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    [
        json!({
            "kty": "EC", "crv": "P-256", "use": "enc", "kid": "1",
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
            "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        }),
        json!({"kty": "RSA", "n": N, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"}),
    ]
}

/// RFC 7638 §3: SHA-256 of what makes a key that key, in the order of its names and without a space.
fn thumbprint(jwk: &Value) -> String {
    let names: &[&str] = match jwk["kty"].as_str().unwrap() {
        "EC" => &["crv", "kty", "x", "y"],
        "OKP" => &["crv", "kty", "x"],
        _ => &["e", "kty", "n"],
    };
    let members: Vec<String> = names
        .iter()
        .map(|name| format!("\"{name}\":{}", jwk[name]))
        .collect();
    let text = format!("{{{}}}", members.join(","));
    URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes()))
}

/// The keys of RFC 7515 A.2, A.3 and RFC 8037 A.2, each called by its thumbprint.
fn signing_keys() -> [Value; 3] {
    [
        json!({"kty": "RSA", "n": RSA_N, "e": "AQAB"}),
        json!({"kty": "EC", "crv": "P-256", "x": EC_X, "y": EC_Y}),
        json!({"kty": "OKP", "crv": "Ed25519", "x": ED_X}),
    ]
    .map(|mut key| {
        key["kid"] = thumbprint(&key).into();
        key
    })
}

/// Signs with the RFCs' private keys, by PyJWT: a token for each of these key names, and one without a name.
const SIGN: &str = r#"
import json, jwt
told = json.loads(TOLD)
made = []
for jwk, algorithm in told["keys"]:
    key = jwt.PyJWK.from_dict(jwk, algorithm=algorithm).key
    for kid in told["kids"] + [None]:
        headers = {} if kid is None else {"kid": kid}
        made.append([algorithm, kid, jwt.encode(told["claims"], key, algorithm=algorithm, headers=headers)])
print(json.dumps(made))
"#;

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_found_by_their_thumbprints() {
    let [encrypting, rsa] = published();
    assert_eq!(
        thumbprint(&rsa),
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
        "RFC 7638 §3.1"
    );
    let own = signing_keys();
    assert_eq!(
        own[2]["kid"], "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
        "RFC 8037 A.3"
    );
    let issuer = Issuer::start(1);
    // RFC 7517 A.2 shows a private key, A.3 secrets: nobody should publish them, and they are no keys here.
    let mut private = encrypting.clone();
    for (name, value) in [
        ("d", "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"),
        ("kid", "private"),
        ("use", "sig"),
    ] {
        private[name] = value.into();
    }
    let secret = json!({"kty": "oct", "k": SECRET, "kid": "HMAC key used in JWS spec Appendix A.1 example"});
    let wrapping = json!({"kty": "oct", "alg": "A128KW", "k": "GawgguFyGrWKav7AX4VKUg"});
    let all = [&[encrypting, rsa, private, secret, wrapping][..], &own].concat();
    issuer.publish(&all);
    let stack = plan(&issuer, "leeway: 0", "").start().await;
    let provider = eventually("the keys", async || {
        let status = stack.status().get("/status").await.json()["providers"][0].clone();
        (status["keys"] != 0).then_some(status)
    })
    .await;
    assert_eq!(
        provider["keys"], 4,
        "RFC 7517's RSA key and the three that sign: {provider}"
    );

    let claims = issuer.claims(&json!({}));
    let names: Vec<&str> = all.iter().filter_map(|key| key["kid"].as_str()).collect();
    let with = |key: &Value, d: &str| {
        let mut key = key.clone();
        key["d"] = d.into();
        key
    };
    let told = json!({
        "keys": [[with(&own[0], RSA_D), "RS256"], [with(&own[1], EC_D), "ES256"], [with(&own[2], ED_D), "EdDSA"]],
        "kids": names,
        "claims": claims,
    });
    let script = SIGN.replace("TOLD", &quoted(&told.to_string()));
    let said = tokio::task::block_in_place(|| pyjwt(&script));
    let made: Vec<(String, Option<String>, String)> =
        serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    assert_eq!(made.len(), 3 * (names.len() + 1));
    for (algorithm, kid, token) in &made {
        let signer = ["RS256", "ES256", "EdDSA"]
            .iter()
            .position(|one| one == algorithm)
            .unwrap();
        // Without a name, every key of that kind is tried.
        let is_right = kid.as_deref().is_none_or(|kid| own[signer]["kid"] == kid);
        let answer = with_token(&stack, token).await;
        assert_eq!(answer.status == 200, is_right, "{algorithm} {kid:?}: {answer:?}");
    }
    // Whoever has read the RFC has the secret.
    let header = r#"{"alg":"HS256","kid":"HMAC key used in JWS spec Appendix A.1 example"}"#;
    let by_secret = token_of(header, &claims.to_string(), &octets(SECRET));
    assert_eq!(with_token(&stack, &by_secret).await.status, 401);
    let by_name = by_ed(
        &json!({"alg": "EdDSA", "kid": own[2]["kid"]}).to_string(),
        &claims,
    );
    assert_eq!(with_token(&stack, &by_name).await.status, 200);
}
