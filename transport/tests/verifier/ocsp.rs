//! Which OCSP answers are believed: each good one beside what a stranger would make of it.

use rcgen::{
    CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use transport::revocation::ocsp::CertificateStatus;

use crate::ocsp_responses::{
    BASIC, GOOD, NONCE, REVOKED, RSA_SHA1, Response, Scene, Single, UNKNOWN, extension, responder, whole,
    word,
};
use crate::pki::{Alter, Authority, Leaf, as_is, element};

#[test]
fn an_answer_of_the_issuer_or_of_its_delegate_is_believed() {
    let scene = Scene::new();
    let issuer = scene.issuer.issuer.key();
    let neighbour = Single {
        certificate: scene.issuer.leaf("neighbour").der,
        status: REVOKED,
        next_update: None,
        ..scene.single()
    };
    let with = |change: fn(&mut Single)| {
        let mut response = scene.response();
        change(&mut response.singles[0]);
        response
    };
    for (what, response, expected) in table! {
        ("by name", scene.response(), "Good");
        ("by key", Response { by_key: true, ..scene.response() }, "Good");
        ("SHA-256 in the id", with(|single| single.hash = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1]), "Good");
        ("revoked", with(|single| single.status = REVOKED), "Revoked");
        ("unknown", with(|single| single.status = UNKNOWN), "Unknown");
        ("ended four minutes ago", with(|single| single.next_update = Some("20251231235600Z")), "Good");
        ("begins in four minutes", with(|single| single.this_update = "20260101000400Z"), "Good");
        ("an extension", with(|single| single.extensions = vec![extension(&[0x2a, 3], false, &[])]), "Good");
        ("among others", Response { singles: vec![neighbour.clone(), scene.single(), neighbour], ..scene.response() }, "Good");
        ("twice, once revoked", Response { singles: vec![scene.single(), Single { status: REVOKED, ..scene.single() }], ..scene.response() }, "Revoked");
        ("stale, and revoked since", Response { singles: vec![Single { next_update: Some("20251231000100Z"), ..scene.single() }, Single { status: REVOKED, ..scene.single() }], ..scene.response() }, "Revoked");
        ("twice, once unknown", Response { singles: vec![Single { status: UNKNOWN, ..scene.single() }, scene.single()], ..scene.response() }, "Unknown");
    } {
        let outcome = scene.judge(&response.signed(issuer));
        assert_eq!(word(&outcome), expected, "{what}: {outcome:?}");
    }
    for by_key in [false, true] {
        let response = Response {
            by_key,
            ..scene.by(&scene.delegate.der)
        };
        assert_eq!(word(&scene.judge(&response.signed(&scene.delegate.key))), "Good");
    }
    let answer = scene.judge(&scene.response().signed(issuer)).unwrap();
    assert_eq!(answer.status, CertificateStatus::Good);
    assert_eq!(
        answer.next_update.as_secs() - answer.this_update.as_secs(),
        7 * 24 * 60 * 60
    );
}

#[test]
fn an_answer_about_another_certificate_is_none() {
    let scene = Scene::new();
    let namesake = Authority::root("Issuer");
    let other = Authority::root("Other");
    for (what, single) in table! {
        ("another serial number", Single { certificate: scene.issuer.leaf("server").der, ..scene.single() });
        ("another key of the issuer's name", Single { issuer: namesake.der.clone(), ..scene.single() });
        ("another issuer's name", Single { certificate: other.leaf("server").der, ..scene.single() });
        ("MD5 in the id", Single { hash: &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, 5], ..scene.single() });
    } {
        let response = Response {
            singles: vec![single],
            ..scene.response()
        };
        let outcome = scene.judge(&response.signed(scene.issuer.issuer.key()));
        assert_eq!(word(&outcome), "AnotherCertificate", "{what}");
    }
    let nothing = Response {
        singles: Vec::new(),
        ..scene.response()
    };
    let outcome = scene.judge(&nothing.signed(scene.issuer.issuer.key()));
    assert_eq!(word(&outcome), "AnotherCertificate");
}

#[test]
fn nobody_answers_whom_the_issuer_did_not_delegate() {
    let scene = Scene::new();
    let namesake = Authority::root("Issuer");
    let intermediate = scene.issuer.intermediate("Issuing");
    let stranger = Leaf {
        der: namesake.der.clone(),
        key: key_pair(namesake.issuer.key()),
    };
    let delegate = |alter: Alter| scene.issuer.leaf_but("responder", alter);
    for (what, leaf, why) in table! {
        ("the certificate itself", scene.issuer.leaf_but("server", as_is), "lacks the extended key usage");
        ("anyExtendedKeyUsage", delegate(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any]), "lacks the extended key usage");
        ("no extended key usage", delegate(|params| params.extended_key_usages.clear()), "lacks the extended key usage");
        ("a key usage without signatures", delegate(|params| with_usage(params, KeyUsagePurpose::KeyEncipherment)), "key usage that allows no signatures");
        ("expired", delegate(|params| valid(params, (2024, 2025))), "has expired");
        ("not valid yet", delegate(|params| valid(params, (2027, 2028))), "is not valid yet");
        ("an unknown critical extension", delegate(with_unknown_extension), "critical extension");
        ("of a namesake of the issuer", namesake.leaf_but("responder", responder), "is not issued by the issuer");
        ("of an intermediate of the issuer", intermediate.leaf_but("responder", responder), "is not issued by the issuer");
        ("the namesake itself", stranger, "is not issued by the issuer");
        ("good", delegate(responder), "");
        ("good, beside others", delegate(responder), "");
    } {
        let mut response = scene.by(&leaf.der);
        if what.ends_with("others") {
            let other = namesake.leaf_but("responder", responder).der;
            response.certificates.insert(0, other);
            response.certificates.push(scene.issuer.der.clone());
        }
        let outcome = scene.judge(&response.signed(&leaf.key));
        let expected = if why.is_empty() { "Good" } else { "NotDelegated" };
        assert_eq!(word(&outcome), expected, "{what}: {outcome:?}");
        let said = outcome
            .err()
            .map(|problem| problem.to_string())
            .unwrap_or_default();
        assert!(said.contains(why), "{what}: {said}");
    }
}

fn with_usage(params: &mut CertificateParams, usage: KeyUsagePurpose) {
    responder(params);
    params.key_usages = vec![usage];
}

fn valid(params: &mut CertificateParams, (from, to): (i32, i32)) {
    responder(params);
    (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
}

fn with_unknown_extension(params: &mut CertificateParams) {
    responder(params);
    let mut extension = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
    extension.set_criticality(true);
    params.custom_extensions.push(extension);
}

#[test]
fn who_is_named_has_to_be_who_signed() {
    let scene = Scene::new();
    let (delegate, issuer) = (&scene.delegate, scene.issuer.issuer.key());
    for (what, response, signer, expected) in table! {
        ("the issuer named, the delegate signed", scene.response(), &delegate.key, "Signature");
        ("the delegate named, the issuer signed", scene.by(&delegate.der), issuer, "Signature");
        ("the delegate's certificate left out", Response { certificates: Vec::new(), ..scene.by(&delegate.der) }, &delegate.key, "UnknownResponder");
        ("another's certificate brought", Response { certificates: vec![scene.leaf.der.clone()], ..scene.by(&delegate.der) }, &delegate.key, "UnknownResponder");
        ("SHA-1", Response { algorithm: RSA_SHA1, ..scene.response() }, issuer, "SignatureAlgorithm");
        ("more certificates than are looked at", Response { certificates: vec![scene.leaf.der.clone(); 5], ..scene.by(&delegate.der) }, &delegate.key, "Malformed");
    } {
        let outcome = scene.judge(&response.signed(signer));
        assert_eq!(word(&outcome), expected, "{what}: {outcome:?}");
    }
}

fn key_pair(key: &KeyPair) -> KeyPair {
    KeyPair::try_from(key.serialize_der()).expect("the same key")
}

#[test]
fn an_answer_counts_from_this_update_to_next_update() {
    let scene = Scene::new();
    for (this_update, next_update, expected) in [
        ("20251231000000Z", Some("20251231235400Z"), "Stale"),
        ("20200101000000Z", Some("20210101000000Z"), "Stale"),
        ("20260101000600Z", Some("20270101000000Z"), "Early"),
        ("20251231000000Z", None, "NoNextUpdate"),
        // One second of a lifetime is a lifetime.
        ("20260101000000Z", Some("20260101000000Z"), "Good"),
        // Not in the form of RFC 5280.
        ("20251231000000", Some("20260107000000Z"), "Malformed"),
        ("2025-12-31", Some("20260107000000Z"), "Malformed"),
    ] {
        for status in [GOOD, REVOKED] {
            let single = Single {
                status,
                this_update,
                next_update,
                ..scene.single()
            };
            let response = Response {
                singles: vec![single],
                ..scene.response()
            };
            let outcome = scene.judge(&response.signed(scene.issuer.issuer.key()));
            let expected = if expected == "Good" && status == REVOKED {
                "Revoked"
            } else {
                expected
            };
            assert_eq!(
                word(&outcome),
                expected,
                "{this_update} {next_update:?}: {outcome:?}"
            );
        }
    }
}

#[test]
fn nonces_and_critical_extensions() {
    let scene = Scene::new();
    let wrapped = extension(NONCE, false, &element(0x04, b"question"));
    let plain = extension(NONCE, false, b"question");
    let critical = extension(&[0x2a, 3, 4], true, &[5, 0]);
    for (extensions, asked, expected) in [
        (vec![], None, "Good"),
        (vec![], Some(&b"question"[..]), "Good"),
        (vec![wrapped.clone()], None, "Good"),
        (vec![wrapped.clone()], Some(b"question"), "Good"),
        (vec![plain], Some(b"question"), "Good"),
        (vec![wrapped.clone()], Some(b"another"), "Nonce"),
        (vec![wrapped], Some(b""), "Nonce"),
        (vec![critical.clone()], None, "CriticalExtension"),
    ] {
        let response = Response {
            extensions: extensions.clone(),
            ..scene.response()
        };
        let outcome = scene.judge_asked(&response.signed(scene.issuer.issuer.key()), asked);
        assert_eq!(word(&outcome), expected, "{extensions:?} {asked:?}");
    }
    let single = Single {
        extensions: vec![critical],
        ..scene.single()
    };
    let response = Response {
        singles: vec![single],
        ..scene.response()
    };
    let outcome = scene.judge(&response.signed(scene.issuer.issuer.key()));
    assert_eq!(word(&outcome), "CriticalExtension");
}

#[test]
fn what_is_no_response_is_none() {
    let scene = Scene::new();
    let good = scene.response().signed(scene.issuer.issuer.key());
    for (what, response, expected) in table! {
        ("nothing", vec![], "Malformed");
        ("tryLater", vec![0x30, 3, 0x0a, 1, 3], "Declined");
        ("unauthorized", vec![0x30, 3, 0x0a, 1, 6], "Declined");
        ("internalError", vec![0x30, 3, 0x0a, 1, 2], "Declined");
        ("a status that is not used", vec![0x30, 3, 0x0a, 1, 4], "Malformed");
        ("successful, and no response", vec![0x30, 3, 0x0a, 1, 0], "Malformed");
        ("octets behind it", [&good[..], &[0]].concat(), "Malformed");
        ("a type that is not basic", whole(&[0x2a, 3, 4], b"x"), "Type");
        ("an empty basic response", whole(BASIC, b""), "Malformed");
        ("a certificate", scene.leaf.der.to_vec(), "Malformed");
        ("70 KiB", element(0x30, &vec![0; 70 << 10]), "Malformed");
    } {
        let outcome = scene.judge(&response);
        assert_eq!(word(&outcome), expected, "{what}: {outcome:?}");
    }
    let delegated = scene.by(&scene.delegate.der).signed(&scene.delegate.key);
    for whole in [good, delegated] {
        assert!(scene.judge(&whole).is_ok());
        for length in 0..whole.len() {
            assert!(scene.judge(&whole[..length]).is_err(), "cut at {length}");
        }
        for position in 0..whole.len() {
            for bit in [1, 0x80] {
                let mut changed = whole.clone();
                changed[position] ^= bit;
                assert!(scene.judge(&changed).is_err(), "bit {bit:#x} of octet {position}");
            }
        }
    }
}
