//! Keys that nobody should publish, signatures that nobody should accept, and tokens in forms that nobody should read.
//! Python's `cryptography` makes what no library for tokens would write.

use harness::document::AUTHORITIES;
use harness::issuer::Issuer;
use harness::outside::pyjwt;
use harness::stack::{Stack, eventually};
use harness::template::quoted;
use serde_json::{Value, json};

use crate::bearer_tokens::{plan, with_token};
use crate::kong_answers::both;

/// Each with a key of its own (or two), as JWK and as PEM; `ISSUER` is put in before.
const MAKE: &str = r#"
import base64, json
from cryptography.hazmat.primitives import hashes, serialization as s
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, ed448, padding, rsa, utils

def b64(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()

def octets(number, length=None):
    return number.to_bytes(length or (number.bit_length() + 7) // 8, "big")

made = []
def add(what, jwks, alg, sign, good=False):
    header = {"alg": alg, "kid": what}
    claims = {"iss": "ISSUER", "sub": "alice", "exp": 4102444800}
    signed = ".".join(b64(json.dumps(part).encode()) for part in (header, claims))
    for jwk in jwks:
        jwk["kid"] = what
    made.append({"what": what, "jwks": jwks, "token": signed + "." + b64(sign(signed.encode())), "good": good})

long, other, short = (rsa.generate_private_key(65537, bits) for bits in (2048, 2048, 1024))
def n_e(key, lead=b"", **further):
    numbers = key.public_key().public_numbers()
    return {"kty": "RSA", "n": b64(lead + octets(numbers.n)), "e": b64(lead + octets(numbers.e)), **further}
def pkcs1(key, digest=hashes.SHA256()):
    return lambda text: key.sign(text, padding.PKCS1v15(), digest)
def pss(salt, digest=hashes.SHA256(), mgf=None):
    return lambda text: long.sign(text, padding.PSS(padding.MGF1(mgf or digest), salt), digest)

add("RS256", [n_e(long)], "RS256", pkcs1(long), True)
add("two keys of one name, the first", [n_e(long), n_e(other)], "RS256", pkcs1(long), True)
add("two keys of one name, the second", [n_e(long), n_e(other)], "RS256", pkcs1(other), True)
add("the zero of DER", [n_e(long, b"\0")], "RS256", pkcs1(long), True)
add("for signatures", [n_e(long, use="sig", alg="RS256", key_ops=["verify"])], "RS256", pkcs1(long), True)
add("1024 bits", [n_e(short)], "RS256", pkcs1(short))
add("1024 bits with zeros", [n_e(short, b"\0" * 128)], "RS256", pkcs1(short))
add("with its private half", [n_e(long, d=b64(octets(long.private_numbers().d)))], "RS256", pkcs1(long))
add("for encryption", [n_e(long, use="enc")], "RS256", pkcs1(long))
add("for wrapping", [n_e(long, key_ops=["wrapKey"])], "RS256", pkcs1(long))
add("for another algorithm", [n_e(long, alg="RS512")], "RS256", pkcs1(long))
add("for encryption by its algorithm", [n_e(long, alg="RSA-OAEP")], "RS256", pkcs1(long))
add("another's key", [n_e(other)], "RS256", pkcs1(long))
add("SHA-1", [n_e(long)], "RS256", pkcs1(long, hashes.SHA1()))
add("SHA-256 as RS512", [n_e(long)], "RS512", pkcs1(long))
add("PSS as RS256", [n_e(long)], "RS256", pss(32))
add("PKCS1 as PS256", [n_e(long)], "PS256", pkcs1(long))
add("an octet more", [n_e(long)], "RS256", lambda text: b"\0" + pkcs1(long)(text))
add("an octet less", [n_e(long)], "RS256", lambda text: pkcs1(long)(text)[:-1])
add("no octet", [n_e(long)], "RS256", lambda text: b"")

# With an exponent of 1 the padded digest is its own signature.
def padded(text):
    digest = hashes.Hash(hashes.SHA256()); digest.update(text)
    info = bytes.fromhex("3031300d060960864801650304020105000420") + digest.finalize()
    return b"\0\1" + b"\xff" * (256 - 3 - len(info)) + b"\0" + info
add("an exponent of 1", [{**n_e(long), "e": b64(b"\1")}], "RS256", padded)
add("an exponent of 1 with zeros", [{**n_e(long), "e": b64(b"\0\0\1")}], "RS256", padded)

for salt in (32, 0, 20, 31, 33, 222):
    add(f"a salt of {salt}", [n_e(long)], "PS256", pss(salt), salt == 32)
add("MGF1 of SHA-1", [n_e(long)], "PS256", pss(32, mgf=hashes.SHA1()))
add("a salt of 64 in PS512", [n_e(long)], "PS512", pss(64, hashes.SHA512()), True)
add("a salt of 32 in PS512", [n_e(long)], "PS512", pss(32, hashes.SHA512()))

CURVES = {"P-256": (ec.SECP256R1(), 32), "P-384": (ec.SECP384R1(), 48), "P-521": (ec.SECP521R1(), 66), "secp256k1": (ec.SECP256K1(), 32)}
points = {name: ec.generate_private_key(curve) for name, (curve, _) in CURVES.items()}
def x_y(name, **further):
    numbers, length = points[name].public_key().public_numbers(), CURVES[name][1]
    return {"kty": "EC", "crv": name, "x": b64(octets(numbers.x, length)), "y": b64(octets(numbers.y, length)), **further}
def ecdsa(name, digest=hashes.SHA256(), form=lambda r, s, length: octets(r, length) + octets(s, length)):
    def sign(text):
        r, s = utils.decode_dss_signature(points[name].sign(text, ec.ECDSA(digest)))
        return form(r, s, CURVES[name][1])
    return sign
ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551

add("ES256", [x_y("P-256")], "ES256", ecdsa("P-256"), True)
add("ES384", [x_y("P-384")], "ES384", ecdsa("P-384", hashes.SHA384()), True)
add("ES512", [x_y("P-521")], "ES512", ecdsa("P-521", hashes.SHA512()), True)
add("the other s", [x_y("P-256")], "ES256", ecdsa("P-256", form=lambda r, s, n: octets(r, n) + octets(ORDER - s, n)), True)
add("DER", [x_y("P-256")], "ES256", ecdsa("P-256", form=lambda r, s, n: utils.encode_dss_signature(r, s)))
add("r and s of zero", [x_y("P-256")], "ES256", lambda text: bytes(64))
add("r of the order, s of 1", [x_y("P-256")], "ES256", lambda text: octets(ORDER) + octets(1, 32))
add("r above the order", [x_y("P-256")], "ES256", ecdsa("P-256", form=lambda r, s, n: b"\xff" * n + octets(s, n)))
add("r and s of 48 octets", [x_y("P-256")], "ES256", ecdsa("P-256", form=lambda r, s, n: octets(r, 48) + octets(s, 48)))
add("ES256 on P-384", [x_y("P-384")], "ES256", ecdsa("P-384"))
add("P-384 called P-256", [{**x_y("P-384"), "crv": "P-256"}], "ES256", ecdsa("P-384"))
add("ES384 on P-256", [x_y("P-256")], "ES384", ecdsa("P-256", hashes.SHA384()))
add("ES256K", [x_y("secp256k1")], "ES256K", ecdsa("secp256k1"))
add("secp256k1 as ES256", [x_y("secp256k1")], "ES256", ecdsa("secp256k1"))
add("secp256k1 called P-256", [{**x_y("secp256k1"), "crv": "P-256"}], "ES256", ecdsa("secp256k1"))
add("not on the curve", [{**x_y("P-256"), "y": x_y("P-256")["x"]}], "ES256", ecdsa("P-256"))
add("the point of zero", [{**x_y("P-256"), "x": b64(bytes(32)), "y": b64(bytes(32))}], "ES256", ecdsa("P-256"))
add("EC called RSA", [{**x_y("P-256"), "kty": "RSA"}], "ES256", ecdsa("P-256"))

edwards = ed25519.Ed25519PrivateKey.generate()
raw = edwards.public_key().public_bytes(s.Encoding.Raw, s.PublicFormat.Raw)
def okp(octets, crv="Ed25519"):
    return {"kty": "OKP", "crv": crv, "x": b64(octets)}
neutral = b"\1" + bytes(31)
add("EdDSA", [okp(raw)], "EdDSA", edwards.sign, True)
add("Ed25519", [okp(raw)], "Ed25519", edwards.sign, True)
add("for key agreement", [okp(raw, "X25519")], "EdDSA", edwards.sign)
add("everybody's signature", [okp(neutral)], "EdDSA", lambda text: neutral + bytes(32))
add("everybody's signature, other spelling", [okp(b"\1" + bytes(30) + b"\x80")], "EdDSA", lambda text: neutral + bytes(32))
add("S of 64 octets", [okp(raw)], "EdDSA", lambda text: edwards.sign(text) + bytes(32))
# S and S + L are one for a reader who does not look (RFC 8032 §5.1.7).
L = 2**252 + 27742317777372353535851937790883648493
def greater(text):
    signature = edwards.sign(text)
    return signature[:32] + (int.from_bytes(signature[32:], "little") + L).to_bytes(32, "little")
add("S and the order", [okp(raw)], "EdDSA", greater)
big = ed448.Ed448PrivateKey.generate()
add("Ed448", [okp(big.public_key().public_bytes(s.Encoding.Raw, s.PublicFormat.Raw), "Ed448")], "EdDSA", big.sign)

import hmac, hashlib
secret = b"a published secret, which is none at all"
add("a published secret", [{"kty": "oct", "k": b64(secret), "alg": "HS256"}], "HS256", lambda text: hmac.new(secret, text, hashlib.sha256).digest())
print(json.dumps(made))
"#;

fn made(script: &str) -> Value {
    let said = tokio::task::block_in_place(|| pyjwt(script));
    serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_publishes_all_sorts_of_keys() {
    let issuer = Issuer::start(1);
    let made = made(&MAKE.replace("ISSUER", &issuer.url()));
    let made = made.as_array().unwrap();
    let keys = made
        .iter()
        .flat_map(|row| row["jwks"].as_array().unwrap().clone());
    issuer.publish(&keys.collect::<Vec<Value>>());
    let stack = plan(&issuer, "leeway: 0", "").start().await;
    eventually("the provider's keys", async || {
        let status = stack.status().get("/status").await.json();
        (status["providers"][0]["keys"].as_u64() > Some(0)).then_some(())
    })
    .await;
    let good = made.iter().filter(|row| row["good"] == true).count();
    assert!(good >= 12 && made.len() > 50, "{good} of {}", made.len());
    for row in made {
        let (what, token) = (&row["what"], row["token"].as_str().unwrap());
        let answer = with_token(&stack, token).await;
        let line = stack.line_of(&answer).await;
        if row["good"] == true {
            assert_eq!(answer.status, 200, "{what} {line}");
        } else {
            assert_eq!(answer.status, 401, "{what}");
            assert_eq!(line["decision"]["reason"], "token_untrusted", "{what} {line}");
        }
        let signature = token.rsplit('.').next().unwrap();
        assert!(
            signature.is_empty() || !line.to_string().contains(signature),
            "{what}"
        );
    }
}

/// The same keys in a document are errors of `check`, each in a word that helps; and none of them is printed.
#[tokio::test(flavor = "multi_thread")]
async fn a_document_with_such_a_key_is_refused() {
    const MAKE_PEMS: &str = r#"
import json
from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
def pem(key):
    return key.public_key().public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo).decode()
print(json.dumps({
    "short": pem(rsa.generate_private_key(65537, 1024)),
    "long": pem(rsa.generate_private_key(65537, 2048)),
    "p256": pem(ec.generate_private_key(ec.SECP256R1())),
    "p384": pem(ec.generate_private_key(ec.SECP384R1())),
    "k1": pem(ec.generate_private_key(ec.SECP256K1())),
    "ed448": pem(ed448.Ed448PrivateKey.generate()),
}))
"#;
    const NEUTRAL: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n-----END PUBLIC KEY-----\n";
    let pems = made(MAKE_PEMS);
    let pem = |name: &str| pems[name].as_str().unwrap();
    let authority = certs::Authority::root("x").unwrap();
    let certificate = authority.pem();
    let document = |algorithm: &str, pem: &str| {
        format!(
            "_format_version: '3.0'\nconsumers:\n- {{username: a, jwt_secrets: [{{key: k, algorithm: {algorithm}, \
             rsa_public_key: {}}}]}}\nservices:\n- {{name: echo, url: 'http://{{echo}}', routes: [{{name: all, paths: \
             [/]}}], plugins: [{{name: jwt}}]}}\n{AUTHORITIES}",
            quoted(pem)
        )
    };
    for (algorithm, pem, says) in table! {
        ("RS256", pem("long"), "");
        ("PS512", pem("long"), "");
        ("ES256", pem("p256"), "");
        ("ES384", pem("p384"), "");
        ("RS256", pem("short"), "an RSA key must have 2048 to 8192 bits");
        ("RS256", pem("p256"), "not a key for RS256");
        ("ES256", pem("long"), "not a key for ES256");
        ("ES256", pem("p384"), "not a key for ES256");
        ("ES384", pem("p256"), "not a key for ES384");
        ("ES512", pem("p384"), "not a key for ES512");
        ("ES256", pem("k1"), "not a key for ES256");
        ("EdDSA", pem("p256"), "not a key for EdDSA");
        ("EdDSA", pem("ed448"), "not a key for EdDSA");
        ("EdDSA", NEUTRAL, "a point of small order, for which everybody can sign");
        ("RS256", &*certificate, "this is a certificate: the gateway needs the public key in it");
    } {
        let plan = Stack::reading(document(algorithm, pem));
        let findings = plan.findings().to_string();
        let context = format!("{algorithm} {pem} {findings}");
        assert_eq!(
            findings.contains("error[bad-value]"),
            !says.is_empty(),
            "{context}"
        );
        assert!(findings.contains(says), "{context}");
        let body: Vec<&str> = pem.lines().filter(|line| !line.starts_with('-')).collect();
        assert!(body.iter().all(|line| !findings.contains(line)), "{context}");
    }
}

/// One token has one spelling, wherever it comes.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_in_another_spelling_is_no_token() {
    let issuer = Issuer::start(1);
    let fields = "bearer_token_param_type: [header, query, cookie]; bearer_token_cookie_name: session";
    let stack = plan(&issuer, fields, "").start().await;
    let good = issuer.token(&json!({}));
    let parts: Vec<&str> = good.split('.').collect();
    let (header, payload, signature) = (parts[0], parts[1], parts[2]);
    // The last letter of 64 octets has four bits that mean nothing.
    let (kept, last) = signature.split_at(signature.len() - 1);
    let respelled = match last {
        "A" => "B",
        "Q" => "R",
        "g" => "h",
        _ => "x",
    };
    let escaped = |octet: &str| format!("/orders?access_token={good}{octet}");
    let get = |path: &str| stack.gateway_http().get(path);
    let bearer = |token: String| get("/orders").header("authorization", &format!("Bearer {token}"));
    for (row, call, status) in table! {
        ("as it is", bearer(good.clone()), 200);
        ("white space in the header's JSON", bearer(issuer.signer.sign_raw(" \n{ \"alg\": \"ES256\" }", &issuer.claims(&json!({})).to_string())), 200);
        ("in the query", get(&escaped("")), 200);
        ("in the query, escaped", get(&format!("/orders?access_token={}", good.replace('.', "%2e"))), 200);
        ("in the cookie", get("/orders").header("cookie", &format!("session={good}")), 200);
        ("in the cookie, quoted", get("/orders").header("cookie", &format!("session=\"{good}\"")), 401);
        ("bits that mean nothing", bearer(format!("{header}.{payload}.{kept}{respelled}")), 401);
        ("padding", bearer(format!("{good}==")), 401);
        ("padding in the middle", bearer(format!("{header}=.{payload}.{signature}")), 401);
        ("a space within", bearer(format!("{header}. {payload}.{signature}")), 401);
        ("a tab within", bearer(format!("{header}.{payload}\t.{signature}")), 401);
        ("a comma after", bearer(format!("{good},")), 401);
        ("twice, with a comma", bearer(format!("{good}, Bearer {good}")), 401);
        ("twice, with a space", bearer(format!("{good} {good}")), 401);
        ("a dot after", bearer(format!("{good}.")), 401);
        ("a dot before", bearer(format!(".{good}")), 401);
        ("in quotes", bearer(format!("\"{good}\"")), 401);
        ("a line break", get(&escaped("%0A")), 401);
        ("a NUL", get(&escaped("%00")), 401);
        ("a space", get(&escaped("%20")), 401);
        ("a plus", get(&escaped("+")), 401);
        ("a full-width dot", get(&escaped("").replace('.', "%EF%BC%8E")), 401);
        ("half an escape", get(&escaped("%2")), 401);
        ("twice escaped", get(&escaped("").replace('.', "%252E")), 401);
    } {
        let answer = call.await;
        assert_eq!(answer.status, status, "{row}: {answer:?}");
        if status == 401 {
            assert_eq!(stack.reason_of(&answer).await, "token_malformed", "{row}");
        }
    }
    assert_eq!(with_token(&stack, &good).await.status, 200);
}

/// Octets that are no text, and more of them than anybody reads. Whoever sends them learns nothing, and the next request
/// is served.
#[tokio::test(flavor = "multi_thread")]
async fn rubbish_of_any_size_is_refused_and_nothing_else_happens() {
    let issuer = Issuer::start(1);
    let stack = plan(&issuer, "leeway: 0", "").start().await;
    let raw = async |authorization: &[u8]| {
        let head = [
            &b"GET /orders HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\nAuthorization: "[..],
            authorization,
            b"\r\n\r\n",
        ]
        .concat();
        let answer = stack.gateway_http().raw(&head).await.unwrap_or_default();
        answer.get(..12).unwrap_or_default().to_owned()
    };
    let begin = "eyJhbGciOiJFUzI1NiJ9.";
    for (what, octets, expected) in [
        (
            "no UTF-8",
            b"Bearer \xff\xfe.\xc0\x80.\xed\xa0\x80".to_vec(),
            "HTTP/1.1 401",
        ),
        (
            "in another scheme",
            b"B\xc3\xa9arer a.b.c".to_vec(),
            "HTTP/1.1 401",
        ),
        (
            "15 KiB of dots",
            [&b"Bearer "[..], &[b'.'; 15 * 1024]].concat(),
            "HTTP/1.1 401",
        ),
        (
            "15 KiB of braces",
            format!("Bearer {begin}{}.e30", "W1tb".repeat(3800)).into_bytes(),
            "HTTP/1.1 401",
        ),
        (
            "above 16 KiB",
            format!("Bearer {begin}{}", "A".repeat(16 * 1024)).into_bytes(),
            "HTTP/1.1 431",
        ),
        (
            "1 MiB",
            format!("Bearer {begin}{}", "A".repeat(1024 * 1024)).into_bytes(),
            "HTTP/1.1 431",
        ),
    ] {
        assert_eq!(raw(&octets).await, expected, "{what}");
    }
    for client in both(stack.gateway()) {
        let token = "A".repeat(20_000);
        let answer = client
            .get(&format!("/orders?access_token={begin}{token}.AAAA"))
            .await;
        assert_eq!(answer.status, 401);
        let line = stack.line_of(&answer).await;
        assert_eq!(
            line["decision"]["cause"], "the token is longer than 16 KiB",
            "{line}"
        );
        assert!(line.to_string().len() < 2000, "{line}");
        // Where it ends, and how, is the business of who reads the head; that it is no 200, of everybody.
        let huge = client
            .get("/orders")
            .header("authorization", &format!("Bearer {}", "A".repeat(1024 * 1024)))
            .outcome()
            .await;
        assert!(huge.is_err() || huge.is_ok_and(|answer| answer.status == 431));
    }
    assert_eq!(stack.upstream.count(), 0);
    assert_eq!(with_token(&stack, &issuer.token(&json!({}))).await.status, 200);
}
