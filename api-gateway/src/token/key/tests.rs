use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};

use super::*;
use crate::token::base64url;

/// What stands before an Ed25519 key in a SubjectPublicKeyInfo (RFC 8410 §4).
const PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// Every spelling of a point whose order divides 8: `y`, with and without the sign.
fn points_of_small_order() -> Vec<[u8; 32]> {
    let plain = |first: u8, middle: u8, last: u8| {
        let mut point = [middle; 32];
        (point[0], point[31]) = (first, last);
        point
    };
    let hexadecimal = |text: &str| -> [u8; 32] {
        let octet = |at: usize| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap();
        std::array::from_fn(octet)
    };
    let mut points = vec![
        plain(0, 0, 0),
        plain(1, 0, 0),
        plain(0xec, 0xff, 0x7f),
        plain(0xed, 0xff, 0x7f),
        plain(0xee, 0xff, 0x7f),
        hexadecimal("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
        hexadecimal("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    ];
    for at in 0..points.len() {
        let mut signed = points[at];
        signed[31] |= 0x80;
        points.push(signed);
    }
    points
}

#[test]
fn a_point_of_small_order_is_no_key() {
    // The neutral element as key and as R, and S = 0: good for every message, for whoever takes such a key.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let forged = [neutral, [0; 32]].concat();
    let key = ParsedPublicKey::new(&scheme::ED25519, neutral).unwrap();
    assert!(
        key.verify_sig(b"whatever mallory would like to say", &forged)
            .is_ok(),
        "it would not be worth the while otherwise"
    );
    for point in points_of_small_order() {
        assert_eq!(
            VerificationKey::edwards(&point).err(),
            Some(KeyError::SmallOrder),
            "{point:02x?}"
        );
        let der = [&PREFIX[..], &point].concat();
        assert!(
            VerificationKey::from_der(&der, Algorithm::EdDsa).is_err(),
            "{point:02x?}"
        );
    }
    // RFC 8037 A.2.
    let good = base64url(b"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
    assert!(VerificationKey::edwards(&good).is_ok());
    let der = [&PREFIX[..], &good].concat();
    assert!(VerificationKey::from_der(&der, Algorithm::EdDsa).is_ok());
}

#[test]
fn leading_zeros_change_nothing_of_a_number() {
    let mut modulus = vec![0xff; 256];
    modulus[0] = 0x80;
    let read =
        |modulus: &[u8], exponent: &[u8]| VerificationKey::rsa(modulus, exponent, &[Algorithm::Rs256]).err();
    assert_eq!(read(&modulus, &[1, 0, 1]), None);
    assert_eq!(read(&[&[0], &modulus[..]].concat(), &[0, 1, 0, 1]), None);
    assert_eq!(read(&modulus, &[0, 0, 1]), Some(KeyError::Weak));
    assert!(read(&[0; 256], &[1, 0, 1]).is_some());
    assert!(read(&[], &[1, 0, 1]).is_some());
    // Zeros do not make a short one long.
    let short = [vec![0; 128], vec![0xff; 128]].concat();
    assert_eq!(read(&short, &[1, 0, 1]), Some(KeyError::Weak));
}

/// An RSA key whose exponent is 1 verifies what anybody can write; so PEM has to be refused as JWK is.
#[test]
fn an_exponent_of_one_is_refused_in_every_form() {
    // RSAPublicKey (RFC 8017 A.1.1) of 2048 bits.
    let der = |exponent: &[u8]| {
        let modulus = [&[0x02, 0x82, 0x01, 0x01, 0x00, 0x80], &[0xff; 255][..]].concat();
        let length = u8::try_from(exponent.len()).unwrap();
        let body = [&modulus[..], &[0x02, length], exponent].concat();
        let [high, low] = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&[0x30, 0x82, high, low], &body[..]].concat()
    };
    assert!(VerificationKey::from_der(&der(&[1, 0, 1]), Algorithm::Rs256).is_ok());
    assert!(VerificationKey::from_der(&der(&[3]), Algorithm::Ps256).is_ok());
    for exponent in [&[0][..], &[1], &[2], &[1, 0, 0], &[0x01; 9]] {
        for algorithm in [Algorithm::Rs256, Algorithm::Ps512] {
            assert!(
                VerificationKey::from_der(&der(exponent), algorithm).is_err(),
                "{exponent:?} {algorithm}"
            );
        }
    }
}

/// JWS has `r` and `s` one after the other (RFC 7518 §3.4), and nothing else: no DER, no zero, no number that is not
/// below the order. A high `s` is as good as a low one there.
#[test]
fn a_signature_of_a_curve_has_one_form() {
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
        0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
    let key = VerificationKey::elliptic(x, y, Algorithm::Es256).unwrap();
    let random = aws_lc_rs::rand::SystemRandom::new();
    let signature = pair.sign(&random, b"message").unwrap();
    let (r, s) = signature.as_ref().split_at(32);
    let negative: [u8; 32] = {
        let mut borrow = 0_i16;
        let mut difference = [0; 32];
        for at in (0..32).rev() {
            let digit = i16::from(ORDER[at]) - i16::from(s[at]) - borrow;
            borrow = i16::from(digit < 0);
            difference[at] = u8::try_from(digit.rem_euclid(256)).unwrap();
        }
        difference
    };
    let integer = |number: &[u8]| {
        let positive = [&[0][..], number].concat();
        [&[0x02, 33][..], &positive].concat()
    };
    let der = [&[0x30, 70][..], &integer(r), &integer(s)].concat();
    for (what, signature, good) in [
        ("as it is", [r, s].concat(), true),
        ("the other s", [r, &negative].concat(), true),
        ("DER", der, false),
        ("nothing", Vec::new(), false),
        ("r alone", r.to_vec(), false),
        ("an octet less", [r, &s[..31]].concat(), false),
        ("an octet more", [r, s, &[0]].concat(), false),
        ("a zero in front", [&[0], r, s].concat(), false),
        ("of a longer curve", [&[0; 16], r, &[0; 16], s].concat(), false),
        ("r is 0", [&[0; 32], s].concat(), false),
        ("s is 0", [r, &[0; 32]].concat(), false),
        ("both are 0", vec![0; 64], false),
        ("r is the order", [&ORDER, s].concat(), false),
        ("s is the order", [r, &ORDER].concat(), false),
        ("the other way round", [s, r].concat(), false),
    ] {
        let verified = key.verify(Algorithm::Es256, b"message", &signature);
        assert_eq!(verified.is_ok(), good, "{what}");
    }
}
