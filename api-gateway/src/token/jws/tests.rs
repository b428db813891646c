use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::json;

use super::*;
use crate::token::KeyError;

fn encode(octets: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}

/// Signed with the secret of RFC 7515 A.1.
fn signed(header: &str, payload: &str) -> String {
    let input = format!("{}.{}", encode(header), encode(payload));
    let secret = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &secret());
    let signature = aws_lc_rs::hmac::sign(&secret, input.as_bytes());
    format!("{input}.{}", encode(signature.as_ref()))
}

fn secret() -> Vec<u8> {
    base64url(b"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")
        .unwrap()
}

fn secret_key() -> VerificationKey {
    VerificationKey::secret(&secret(), &Algorithm::OF_SECRETS).unwrap()
}

fn verified(token: &str, key: &VerificationKey) -> Result<Map<String, Value>, TokenError> {
    let token = UnverifiedToken::parse(token.as_bytes(), TypeRule::AccessToken)?;
    token.verify(key).map(|verified| verified.0)
}

/// RFC 7515 A.1 to A.4 and RFC 8037 A.4. The last two sign text that is no JSON, so their parts are verified as they are.
#[test]
fn the_rfcs_signatures_verify() {
    const CLAIMS: &str =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let octets = |text: &str| base64url(text.as_bytes()).unwrap();
    let rsa = VerificationKey::rsa(
        &octets("ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"),
        &octets("AQAB"),
        &Algorithm::OF_RSA,
    )
    .unwrap();
    let p256 = VerificationKey::elliptic(
        &octets("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"),
        &octets("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"),
        Algorithm::Es256,
    )
    .unwrap();
    for (header, signature, key) in [
        (
            "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9",
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
            &secret_key(),
        ),
        (
            "eyJhbGciOiJSUzI1NiJ9",
            "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
            &rsa,
        ),
        (
            "eyJhbGciOiJFUzI1NiJ9",
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
            &p256,
        ),
    ] {
        let claims = verified(&format!("{header}.{CLAIMS}.{signature}"), key).unwrap();
        assert_eq!(claims["iss"], "joe");
        let other = encode(r#"{"iss":"mallory"}"#);
        let forged = verified(&format!("{header}.{other}.{signature}"), key);
        assert_eq!(forged, Err(TokenError::Signature), "{header}");
    }
    let p521 = VerificationKey::elliptic(
        &octets("AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk"),
        &octets("ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"),
        Algorithm::Es512,
    )
    .unwrap();
    let ed25519 = VerificationKey::edwards(&octets("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")).unwrap();
    for (input, signature, key, algorithm) in [
        (
            "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA",
            "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn",
            &p521,
            Algorithm::Es512,
        ),
        (
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
            &ed25519,
            Algorithm::EdDsa,
        ),
    ] {
        let signature = octets(signature);
        assert_eq!(
            key.verify(algorithm, input.as_bytes(), &signature),
            Ok(()),
            "{algorithm}"
        );
        let wrong = key.verify(algorithm, b"something else", &signature);
        assert_eq!(wrong, Err(TokenError::Signature), "{algorithm}");
    }
}

/// Another implementation signs; each key verifies its own algorithm, and refuses every other one.
#[test]
fn a_key_verifies_its_own_algorithms_and_no_other() {
    use jsonwebtoken::Algorithm as Theirs;
    let pair = |kind| rcgen::KeyPair::generate_for(kind).unwrap();
    let rsa = pair(&rcgen::PKCS_RSA_SHA256);
    let (p256, p384) = (
        pair(&rcgen::PKCS_ECDSA_P256_SHA256),
        pair(&rcgen::PKCS_ECDSA_P384_SHA384),
    );
    let ed25519 = pair(&rcgen::PKCS_ED25519);
    let with = |pair: &rcgen::KeyPair, theirs: Theirs| {
        let pem = pair.serialize_pem();
        let key = match theirs {
            Theirs::ES256 | Theirs::ES384 => EncodingKey::from_ec_pem(pem.as_bytes()),
            Theirs::EdDSA => EncodingKey::from_ed_pem(pem.as_bytes()),
            Theirs::RS256 | Theirs::RS384 | Theirs::RS512 | Theirs::PS256 | Theirs::PS384 | Theirs::PS512 => {
                EncodingKey::from_rsa_pem(pem.as_bytes())
            }
            Theirs::HS256 | Theirs::HS384 | Theirs::HS512 | _ => panic!("{theirs:?} is for a secret"),
        };
        let algorithm = Algorithm::named(&format!("{theirs:?}")).unwrap();
        let own = VerificationKey::from_pem(&pair.public_key_pem(), algorithm).unwrap();
        (theirs, key.unwrap(), own)
    };
    let hmac = |theirs: Theirs| {
        let algorithm = Algorithm::named(&format!("{theirs:?}")).unwrap();
        let own = VerificationKey::secret(b"a secret", &[algorithm]).unwrap();
        (theirs, EncodingKey::from_secret(b"a secret"), own)
    };
    let keys = [
        with(&rsa, Theirs::RS256),
        with(&rsa, Theirs::RS384),
        with(&rsa, Theirs::RS512),
        with(&rsa, Theirs::PS256),
        with(&rsa, Theirs::PS384),
        with(&rsa, Theirs::PS512),
        with(&p256, Theirs::ES256),
        with(&p384, Theirs::ES384),
        with(&ed25519, Theirs::EdDSA),
        hmac(Theirs::HS256),
        hmac(Theirs::HS384),
        hmac(Theirs::HS512),
    ];
    for (theirs, signer, _) in &keys {
        let token = jsonwebtoken::encode(&Header::new(*theirs), &json!({"sub": "alice"}), signer).unwrap();
        for (of, _, verifier) in &keys {
            let verified = verified(&token, verifier);
            assert_eq!(
                verified.is_ok(),
                of == theirs,
                "{theirs:?} with a key for {of:?}: {verified:?}"
            );
        }
    }
    // The public key, which everybody has, as a secret.
    for pem in [rsa.public_key_pem(), p256.public_key_pem()] {
        let confused = EncodingKey::from_secret(pem.as_bytes());
        let token = jsonwebtoken::encode(&Header::new(Theirs::HS256), &json!({}), &confused).unwrap();
        for (of, _, verifier) in &keys {
            assert!(verified(&token, verifier).is_err(), "{of:?}");
        }
    }
}

#[test]
fn keys_that_nobody_should_use_are_refused() {
    use Algorithm::{Es256, Es384, Hs256, Rs256};
    let modulus = |bits: usize| {
        let mut octets = vec![0xff; bits / 8];
        octets[0] = 0x80;
        octets
    };
    let rsa = |bits, exponent: &[u8]| VerificationKey::rsa(&modulus(bits), exponent, &[Rs256]).err();
    assert_eq!(rsa(2048, &[1, 0, 1]), None);
    assert_eq!(rsa(1024, &[1, 0, 1]), Some(KeyError::Weak));
    assert!(rsa(16384, &[1, 0, 1]).is_some());
    for exponent in [&[][..], &[1], &[2], &[1, 0, 0], &[1, 0, 0, 0, 0, 1]] {
        assert_eq!(rsa(2048, exponent), Some(KeyError::Weak), "{exponent:?}");
    }
    // Not on the curve; too short; too long.
    for coordinate in [vec![1; 32], vec![1; 31], vec![1; 33], vec![0; 32]] {
        assert!(VerificationKey::elliptic(&coordinate, &coordinate, Es256).is_err());
    }
    assert!(VerificationKey::edwards(&[1; 31]).is_err());
    assert_eq!(
        VerificationKey::secret(b"", &[Hs256]).err(),
        Some(KeyError::Empty)
    );
    assert_eq!(
        VerificationKey::secret(b"s", &[Rs256]).err(),
        Some(KeyError::WrongType)
    );
    assert_eq!(
        VerificationKey::rsa(&modulus(2048), &[3], &[Hs256]).err(),
        Some(KeyError::WrongType)
    );

    let p256 = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let pem = p256.public_key_pem();
    for algorithm in Algorithm::ALL {
        let read = VerificationKey::from_pem(&pem, algorithm);
        assert_eq!(read.is_ok(), algorithm == Es256, "{algorithm}: {read:?}");
    }
    assert!(
        VerificationKey::from_pem(&p256.serialize_pem(), Es256).is_err(),
        "a private key"
    );
    assert!(VerificationKey::from_pem("", Es384).is_err());
    assert!(!format!("{:?}", VerificationKey::secret(b"geheim", &[Hs256])).contains("geheim"));
}

#[test]
fn a_header_decides_nothing_but_which_of_the_keys_algorithms() {
    for (header, accepted) in [
        (r#"{"alg":"HS256"}"#, true),
        (r#"{"alg":"HS256","typ":"JWT","kid":"1"}"#, true),
        (r#"{"alg":"HS256","typ":"at+jwt"}"#, true),
        (r#"{"alg":"HS256","typ":"Application/AT+JWT"}"#, true),
        // Never followed, so never in the way.
        (
            r#"{"alg":"HS256","jku":"https://evil.test/","x5u":"https://evil.test/","jwk":{"kty":"oct","k":"AA"},"x5c":["AA"]}"#,
            true,
        ),
        (r#"{"alg":"none"}"#, false),
        (r#"{"alg":"None"}"#, false),
        (r#"{"alg":"NONE"}"#, false),
        (r#"{"alg":""}"#, false),
        (r#"{"alg":"hs256"}"#, false),
        (r#"{"alg":"HS256 "}"#, false),
        (r#"{"alg":["HS256"]}"#, false),
        (r#"{"alg":null}"#, false),
        ("{}", false),
        (r#"{"alg":"RS256"}"#, false),
        (r#"{"alg":"none","alg":"HS256"}"#, false),
        (r#"{"alg":"HS256","alg":"HS256"}"#, false),
        (r#"{"alg":"HS256","crit":["exp"],"exp":1}"#, false),
        (r#"{"alg":"HS256","crit":[]}"#, false),
        (r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#, false),
        (r#"{"alg":"HS256","b64":true}"#, false),
        (r#"{"alg":"HS256","zip":"DEF"}"#, false),
        (r#"{"alg":"HS256","enc":"A128GCM"}"#, false),
        (r#"{"alg":"HS256","cty":"JWT"}"#, false),
        (r#"{"alg":"HS256","typ":"logout+jwt"}"#, false),
        (r#"{"alg":"HS256","typ":"dpop+jwt"}"#, false),
        (r#"{"alg":"HS256","typ":1}"#, false),
        (r#"{"alg":"HS256","kid":1}"#, false),
        (r#"{"alg":"HS256","kid":null}"#, false),
        (r#"{"alg":"HS256","kid":"../../../../dev/null"}"#, true),
        (r#"{"alg":"HS256","kid":"' OR 1=1 --"}"#, true),
    ] {
        let token = signed(header, r#"{"sub":"alice"}"#);
        assert_eq!(verified(&token, &secret_key()).is_ok(), accepted, "{header}");
    }
    let long = format!(r#"{{"alg":"HS256","kid":"{}"}}"#, "k".repeat(LONGEST_KEY_ID + 1));
    assert_eq!(
        verified(&signed(&long, "{}"), &secret_key()),
        Err(TokenError::Header("kid"))
    );
    let logout = signed(r#"{"alg":"HS256","typ":"logout+jwt"}"#, "{}");
    assert!(UnverifiedToken::parse(logout.as_bytes(), TypeRule::Any).is_ok());
    let event = "http://schemas.openid.net/event/backchannel-logout";
    for (events, accepted) in [
        (json!({ event: {} }), false),
        (json!({"x": {}, event: null}), false),
        (json!([event]), true),
        (json!({}), true),
    ] {
        let token = signed(
            r#"{"alg":"HS256","typ":"JWT"}"#,
            &json!({ "events": events }).to_string(),
        );
        for types in [TypeRule::AccessToken, TypeRule::Jwt] {
            let read = UnverifiedToken::parse(token.as_bytes(), types);
            assert_eq!(read.is_ok(), accepted, "{events} {types:?}");
        }
        assert!(UnverifiedToken::parse(token.as_bytes(), TypeRule::Any).is_ok());
    }
}

#[test]
fn there_is_one_spelling_of_a_token() {
    let good = signed(r#"{"alg":"HS256"}"#, r#"{"sub":"alice"}"#);
    assert!(verified(&good, &secret_key()).is_ok());
    let [header, payload, signature] = good.split('.').collect::<Vec<_>>()[..] else {
        panic!("{good}");
    };
    // The last letter of 32 octets has two bits that mean nothing: another letter with the same others is no spelling.
    let last = signature.chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let next = alphabet.chars().nth(alphabet.find(last).unwrap() + 1).unwrap();
    let respelled = format!("{}{next}", &signature[..signature.len() - 1]);
    for token in [
        format!("{header}.{payload}.{respelled}"),
        format!("{header}.{payload}.{signature}="),
        format!("{header}=.{payload}.{signature}"),
        format!("{header}.{payload}.{signature}\n"),
        format!(" {good}"),
        format!("{header}.{payload}.{}", signature.replace(['-', '_'], "+")),
        format!("{header}.{payload}."),
        format!("{header}.{payload}"),
        format!("{header}..{signature}"),
        format!(".{payload}.{signature}"),
        format!("{good}.a"),
        format!("{good}.a.b"),
        format!("{good}.a.b.c"),
        "..".to_owned(),
        String::new(),
        json!({"protected": header, "payload": payload, "signature": signature}).to_string(),
        json!({"payload": payload, "signatures": [{"protected": header, "signature": signature}]})
            .to_string(),
    ] {
        // No `+` in this signature would make a row say nothing.
        if token != good {
            assert!(verified(&token, &secret_key()).is_err(), "{token}");
        }
    }
    for (payload, accepted) in [
        (r#"{"sub":"alice","sub":"bob"}"#, false),
        (r#"{"a":{"sub":"alice","sub":"bob"}}"#, false),
        (r#"["sub"]"#, false),
        ("", false),
        ("text", false),
        (r#"{"sub":"alice"} "#, true),
    ] {
        let token = signed(r#"{"alg":"HS256"}"#, payload);
        assert_eq!(verified(&token, &secret_key()).is_ok(), accepted, "{payload}");
    }
    let nested = signed(r#"{"alg":"HS256","cty":"JWT"}"#, &good);
    assert!(verified(&nested, &secret_key()).unwrap_err().is_malformed());
    let long = signed(
        r#"{"alg":"HS256"}"#,
        &format!(r#"{{"a":"{}"}}"#, "a".repeat(LONGEST_TOKEN)),
    );
    assert_eq!(verified(&long, &secret_key()), Err(TokenError::TooLong));
}

#[test]
fn another_letter_anywhere_makes_it_another_token() {
    let good = signed(r#"{"alg":"HS256"}"#, r#"{"sub":"alice","exp":4102444800}"#);
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n\0%~".bytes();
    for at in 0..good.len() {
        for letter in letters.clone().filter(|letter| *letter != good.as_bytes()[at]) {
            let mut other = good.clone().into_bytes();
            other[at] = letter;
            let other = String::from_utf8(other).unwrap();
            assert!(verified(&other, &secret_key()).is_err(), "{other}");
        }
        let (before, after) = good.split_at(at);
        for other in [format!("{before}{}", &after[1..]), format!("{before}A{after}")] {
            assert!(verified(&other, &secret_key()).is_err(), "{other}");
        }
    }
}

#[test]
fn an_opaque_token_is_not_taken_for_a_signed_one() {
    let good = signed(r#"{"alg":"HS256"}"#, "{}");
    let spaced = signed(" \r\n{\"alg\":\"HS256\"}", "{}");
    assert!(verified(&spaced, &secret_key()).is_ok());
    for (token, is_jws) in [
        (&*good, true),
        (&*spaced, true),
        ("2YotnFZFEjr1zCsicMWpAA", false),
        ("a.b.c", false),
        ("", false),
        ("..", false),
        ("v2.local.abcdef", false),
    ] {
        assert_eq!(looks_like_jws(token.as_bytes()), is_jws, "{token}");
    }
}
