//! Which paths hold: issuers, anchors, names that lie.

use rcgen::{IsCa, KeyUsagePurpose, date_time_ymd};
use transport::certificate::CertificateError;
use transport::certificate_error::Distrust;
use transport::revocation::crl::RevocationLists;
use transport::verify::{PartialChain, Policy, TrustStore, TrustStoreError};

use crate::pki::{Authority, altered, chain, first_of, judge, now, parsed, policy, reason, store};

#[test]
fn the_identity_is_the_first_certificate_and_the_path_ends_in_the_store() {
    let root = Authority::root("Root");
    let intermediate = root.intermediate("Intermediate");
    let alice = intermediate.leaf("alice");

    let path = judge(&store(&[&root.der], policy()), &[&alice.der, &intermediate.der]).expect("trusted");
    assert_eq!(path.leaf().subject().to_string(), "CN=alice");
    let issuers: Vec<_> = path
        .issuers()
        .iter()
        .map(|issuer| issuer.subject().to_string())
        .collect();
    assert_eq!(issuers, ["CN=Intermediate", "CN=Root"]);
    assert_eq!(path.valid_until(), first_of(2090));
}

#[test]
fn only_what_the_store_vouches_for_is_trusted() {
    let root = Authority::root("Root");
    let intermediate = root.intermediate("Intermediate");
    let alice = intermediate.leaf("alice");
    let other_root = Authority::root("Other");
    // The same names and serials, by other keys: mallory's whole hierarchy.
    let same_root = Authority::root("Root");
    let same_intermediate = same_root.intermediate("Intermediate");
    let mallory = same_intermediate.leaf("alice");
    let trusted = store(&[&root.der], policy());

    let cases = [
        ("ok", vec![&alice.der, &intermediate.der]),
        ("ok", vec![&alice.der, &intermediate.der, &root.der]),
        ("ok", vec![&alice.der, &same_intermediate.der, &intermediate.der]),
        ("certificate_untrusted", vec![&alice.der]),
        (
            "certificate_untrusted",
            vec![&mallory.der, &same_intermediate.der],
        ),
        (
            "certificate_untrusted",
            vec![&mallory.der, &same_intermediate.der, &same_root.der],
        ),
        // Chain stuffing: a good certificate anywhere but first.
        (
            "certificate_untrusted",
            vec![&mallory.der, &alice.der, &intermediate.der],
        ),
        ("certificate_untrusted", vec![&mallory.der, &intermediate.der]),
        ("certificate_untrusted", vec![&alice.der, &same_intermediate.der]),
    ];
    for (expected, certificates) in cases {
        let verdict = judge(&trusted, &certificates);
        assert_eq!(reason(&verdict), expected, "{verdict:?}");
        if let Err(error) = verdict {
            assert_eq!(error.connection_log_code(), "ClientCertUntrusted", "{error}");
        }
    }
    let verdict = judge(
        &store(&[&other_root.der], policy()),
        &[&alice.der, &intermediate.der, &root.der],
    );
    assert!(matches!(
        verdict,
        Err(CertificateError::Untrusted(Distrust::UnknownIssuer { .. }))
    ));
}

#[test]
fn one_altered_octet_is_enough() {
    let root = Authority::root("Root");
    let alice = root.leaf("alice");
    let trusted = store(&[&root.der], policy());
    assert_eq!(reason(&judge(&trusted, &[&alice.der])), "ok");
    // In the name, in the signature, and one more at the end.
    let name = alice
        .der
        .windows(5)
        .position(|window| window == b"alice")
        .expect("a name");
    for at in [name, alice.der.len() - 1] {
        let mut forged = alice.der.to_vec();
        forged[at] ^= 1;
        let verdict = judge(&trusted, &[&forged.into()]);
        assert_eq!(
            reason(&verdict),
            "certificate_untrusted",
            "octet {at}: {verdict:?}"
        );
    }
    let trailing = [&alice.der[..], &[0]].concat();
    let verdict = judge(&trusted, &[&trailing.into()]);
    assert!(
        matches!(verdict, Err(CertificateError::Malformed(_))),
        "{verdict:?}"
    );
}

#[test]
fn a_listed_intermediate_is_offered_but_ends_a_path_only_where_partial_chains_are_allowed() {
    let root = Authority::root("Root");
    let intermediate = root.intermediate("Intermediate");
    let alice = intermediate.leaf("alice");
    let partial = Policy {
        partial_chain: PartialChain::Allowed,
        ..policy()
    };
    let leaf_only = [&alice.der];

    // As in the header of a verify-mode edge: the leaf alone, intermediates from the store.
    let path = judge(&store(&[&root.der, &intermediate.der], policy()), &leaf_only).expect("offered");
    assert_eq!(path.issuers().len(), 2);

    let only_intermediate = store(&[&intermediate.der], policy());
    assert!(!only_intermediate.has_anchor());
    assert_eq!(
        reason(&judge(&only_intermediate, &leaf_only)),
        "certificate_untrusted"
    );
    assert_eq!(
        reason(&judge(
            &only_intermediate,
            &[&alice.der, &intermediate.der, &root.der]
        )),
        "certificate_untrusted"
    );

    let path = judge(&store(&[&intermediate.der], partial.clone()), &leaf_only).expect("partial");
    assert_eq!(path.issuers().len(), 1);
    // An intermediate that nobody listed does not become an anchor by it.
    assert_eq!(
        reason(&judge(
            &store(&[&Authority::root("Root").der], partial),
            &[&alice.der, &intermediate.der]
        )),
        "certificate_untrusted"
    );
}

#[test]
fn issuers_must_be_authorities_that_may_issue() {
    let root = Authority::root("Root");
    let as_leaf = root.intermediate_but("No authority", |params| params.is_ca = IsCa::ExplicitNoCa);
    let silent = root.intermediate_but("No extension", |params| params.is_ca = IsCa::NoCa);
    let only_lists = root.intermediate_but("Lists only", |params| {
        params.key_usages = vec![KeyUsagePurpose::CrlSign];
    });
    let no_usage = root.intermediate_but("No usage", |params| params.key_usages = Vec::new());
    let trusted = store(&[&root.der], policy());

    for (expected, issuer) in [
        ("certificate_untrusted", &as_leaf),
        ("certificate_untrusted", &silent),
        ("certificate_untrusted", &only_lists),
        ("ok", &no_usage),
    ] {
        let leaf = issuer.leaf("alice");
        let verdict = judge(&trusted, &[&leaf.der, &issuer.der]);
        assert_eq!(reason(&verdict), expected, "{verdict:?}");
    }
    // The anchor as well, which webpki does not look at.
    let root_without = Authority::root_but("Lists only", |params| {
        params.key_usages = vec![KeyUsagePurpose::CrlSign];
    });
    let verdict = judge(
        &store(&[&root_without.der], policy()),
        &[&root_without.leaf("alice").der],
    );
    assert!(
        matches!(verdict, Err(CertificateError::Untrusted(Distrust::KeyUsage(_)))),
        "{verdict:?}"
    );
}

#[test]
fn a_refused_path_does_not_hide_a_good_one() {
    let root = Authority::root("Root");
    let expired = root.reissued(|params| params.not_after = date_time_ymd(2025, 1, 1));
    let alice = root.leaf("alice");
    // The renewed root has the name and the key of the expired one, which is listed first.
    let path = judge(&store(&[&expired, &root.der], policy()), &[&alice.der]).expect("by the renewed root");
    assert_eq!(path.issuers()[0].not_after(), first_of(2090));
    assert_eq!(
        reason(&judge(&store(&[&expired], policy()), &[&alice.der])),
        "certificate_expired"
    );
}

#[test]
fn what_cannot_vouch_is_no_trust_store() {
    let root = Authority::root("Root");
    let leaf = root.leaf("alice");
    let made = |authorities| TrustStore::new(authorities, policy(), RevocationLists::none());
    assert!(made(vec![root.der.clone(), root.der.clone()]).is_ok_and(|store| store.subjects().len() == 1));
    assert_eq!(made(Vec::new()).expect_err("empty"), TrustStoreError::Empty);
    assert!(matches!(
        made(vec![root.der.clone(), leaf.der]).expect_err("a leaf"),
        TrustStoreError::NotAnAuthority { .. }
    ));
    let unreadable = made(vec![root.der.clone(), vec![0x30, 0].into()]).expect_err("unreadable");
    assert!(unreadable.to_string().contains("certificate 2"), "{unreadable}");
}

#[test]
fn a_version_1_certificate_is_refused_wherever_it_stands() {
    let root = Authority::root("Root");
    let alice = root.leaf("alice");
    let version_1 = altered(&alice.der, root.issuer.key(), |fields| {
        fields.remove(7); // extensions
        fields.remove(0); // version
    });
    let verdict = store(&[&root.der], policy()).verify(&chain(&[&version_1]), now());
    assert_eq!(reason(&verdict), "certificate_weak", "{verdict:?}");
    assert_eq!(
        verdict.expect_err("weak").connection_log_code(),
        "ClientCertTypeUnsupported"
    );

    let twice = altered(&alice.der, root.issuer.key(), |fields| {
        let all = crate::pki::elements(&crate::pki::elements(&crate::pki::elements(&fields[7])[0].1)[0].1);
        let doubled: Vec<u8> = all
            .iter()
            .chain(&all[..1])
            .flat_map(|(whole, _)| whole.clone())
            .collect();
        fields[7] = crate::pki::element(0xa3, &crate::pki::element(0x30, &doubled));
    });
    let verdict = store(&[&root.der], policy()).verify(&chain(&[&twice]), now());
    assert!(
        matches!(verdict, Err(CertificateError::Malformed(_))),
        "{verdict:?}"
    );
    assert_eq!(parsed(&alice.der).subject().to_string(), "CN=alice");
}

#[test]
fn many_authorities_of_one_name_do_not_keep_us_busy() {
    let root = Authority::root("Root");
    // Seven certificates of one name that could each follow each other, and seven of two names in turn; none leads to the store.
    let circle: Vec<_> = (0..7).map(|_| Authority::root("Circle")).collect();
    let (ping, pong) = (Authority::root("Ping"), Authority::root("Pong"));
    let turns: Vec<_> = (0..7)
        .map(|turn| {
            if turn % 2 == 0 {
                ping.intermediate("Pong")
            } else {
                pong.intermediate("Ping")
            }
        })
        .collect();
    let deep = Policy {
        max_depth: 8,
        ..policy()
    };
    let trusted = store(&[&root.der], deep);
    for authorities in [circle, turns] {
        let leaf = authorities[0].leaf("mallory");
        let rest = authorities.iter().map(|authority| &authority.der);
        let certificates: Vec<_> = std::iter::once(&leaf.der).chain(rest).collect();
        let verdict = judge(&trusted, &certificates);
        assert_eq!(reason(&verdict), "certificate_untrusted", "{verdict:?}");
    }
}
