//! What verified lists do to a path.

use std::sync::Arc;

use rcgen::{CrlDistributionPoint, CrlIssuingDistributionPoint, CrlScope, date_time_ymd};
use rustls::pki_types::CertificateDer;
use transport::certificate::CertificateError;
use transport::certificate_error::StatusUnknown;
use transport::revocation::crl::{RevocationList, RevocationLists};
use transport::verify::{Expiry, Policy, Revocation};

use crate::pki::{Authority, Leaf, first_of, judge, list_with_scope, policy, read_list, reason, store_with};

struct Tree {
    root: Authority,
    intermediate: Authority,
    alice: Leaf,
}

fn tree() -> Tree {
    let root = Authority::root("Root");
    let intermediate = root.intermediate("Intermediate");
    let alice = intermediate.leaf("alice");
    Tree {
        root,
        intermediate,
        alice,
    }
}

impl Tree {
    /// The reason in each mode: skip, ignore CA error, strict.
    fn reasons(&self, lists: Vec<RevocationList>) -> [&'static str; 3] {
        let lists = Arc::new(RevocationLists::new(lists));
        [Revocation::Skip, Revocation::IgnoreCaError, Revocation::Strict].map(|revocation| {
            let policy = Policy {
                revocation,
                ..policy()
            };
            let store = store_with(&[&self.root.der], policy, Arc::clone(&lists));
            reason(&judge(&store, &[&self.alice.der, &self.intermediate.der]))
        })
    }
}

const CURRENT: (i32, i32) = (2025, 2027);
const STALE: (i32, i32) = (2024, 2025);

#[test]
fn each_mode_takes_a_list_at_its_word() {
    let tree = tree();
    let other = tree.intermediate.leaf("bob");
    let good_root = || tree.root.verified_list(CURRENT, &[]);
    let good = || tree.intermediate.verified_list(CURRENT, &[&other.der]);
    let (ok, revoked, unknown) = ("ok", "certificate_revoked", "revocation_unknown");
    let cases = [
        (vec![good(), good_root()], [ok, ok, ok]),
        // The status of every certificate but the anchor is needed when strict.
        (vec![good()], [ok, ok, unknown]),
        (vec![good_root()], [ok, ok, unknown]),
        (Vec::new(), [ok, ok, unknown]),
        (
            vec![
                tree.intermediate.verified_list(CURRENT, &[&tree.alice.der]),
                good_root(),
            ],
            [ok, revoked, revoked],
        ),
        (
            vec![
                good(),
                tree.root.verified_list(CURRENT, &[&tree.intermediate.der]),
            ],
            [ok, revoked, revoked],
        ),
        // Stale fails closed in every mode but skip, for the leaf and for the intermediate.
        (
            vec![tree.intermediate.verified_list(STALE, &[]), good_root()],
            [ok, unknown, unknown],
        ),
        (
            vec![good(), tree.root.verified_list(STALE, &[])],
            [ok, unknown, unknown],
        ),
        // Whoever is on a stale list is revoked all the same.
        (
            vec![
                tree.intermediate.verified_list(STALE, &[&tree.alice.der]),
                good_root(),
            ],
            [ok, revoked, revoked],
        ),
    ];
    for (index, (lists, expected)) in cases.into_iter().enumerate() {
        assert_eq!(tree.reasons(lists), expected, "case {index}");
    }
}

#[test]
fn the_newest_list_of_an_issuer_counts() {
    let tree = tree();
    let old = || tree.intermediate.verified_list((2024, 2028), &[&tree.alice.der]);
    let new = || tree.intermediate.verified_list((2025, 2027), &[]);
    assert_eq!(tree.reasons(vec![old(), new()])[1], "ok");
    assert_eq!(tree.reasons(vec![new(), old()])[1], "ok");
    assert_eq!(tree.reasons(vec![old()])[1], "certificate_revoked");
}

#[test]
fn the_list_of_another_authority_of_the_same_name_says_nothing() {
    let tree = tree();
    let namesake = Authority::root("Intermediate");
    let lists = vec![namesake.verified_list(CURRENT, &[&tree.alice.der])];
    assert_eq!(tree.reasons(lists), ["ok", "ok", "revocation_unknown"]);
}

#[test]
fn refusals_say_what_the_connection_log_wants() {
    let tree = tree();
    let refused = |list| {
        let lists = Arc::new(RevocationLists::new([list]));
        let store = store_with(&[&tree.root.der], policy(), lists);
        judge(&store, &[&tree.alice.der, &tree.intermediate.der]).expect_err("refused")
    };
    let revoked = refused(tree.intermediate.verified_list(CURRENT, &[&tree.alice.der]));
    assert_eq!(revoked.connection_log_code(), "ClientCertCrlHit");
    let stale = refused(tree.intermediate.verified_list(STALE, &[]));
    assert_eq!(stale.connection_log_code(), "ClientCertCrlProcessingError");
    assert!(matches!(
        stale,
        CertificateError::RevocationUnknown(StatusUnknown::Stale { next_update, .. }) if next_update == first_of(2025)
    ));
}

#[test]
fn a_judgement_holds_no_longer_than_the_list_it_rests_on() {
    let tree = tree();
    let lists = [
        tree.intermediate.verified_list((2025, 2028), &[]),
        tree.root.verified_list(CURRENT, &[]),
    ];
    let store = store_with(&[&tree.root.der], policy(), Arc::new(RevocationLists::new(lists)));
    let certificates = [&tree.alice.der, &tree.intermediate.der];
    assert_eq!(
        judge(&store, &certificates).expect("good").valid_until(),
        first_of(2027)
    );
    // The same lists become stale while the process runs.
    let chain = crate::pki::chain(&certificates);
    let later = store.verify(&chain, first_of(2027).max(first_of(2028)));
    assert_eq!(reason(&later), "revocation_unknown");
}

#[test]
fn an_expired_leaf_that_is_revoked_stays_revoked() {
    let root = Authority::root("Root");
    let alice = root.leaf_but("alice", |params| params.not_after = date_time_ymd(2025, 1, 1));
    let lenient = Policy {
        expiry: Expiry::LeafIgnored,
        ..policy()
    };
    for (expected, revoked) in [("ok", vec![]), ("certificate_revoked", vec![&alice.der])] {
        let lists = Arc::new(RevocationLists::new([root.verified_list(CURRENT, &revoked)]));
        let store = store_with(&[&root.der], lenient.clone(), lists);
        assert_eq!(reason(&judge(&store, &[&alice.der])), expected);
    }
    // Lists are judged at the present, not at the time at which the path was built.
    let lists = Arc::new(RevocationLists::new([root.verified_list((2023, 2025), &[])]));
    let store = store_with(&[&root.der], lenient, lists);
    assert_eq!(reason(&judge(&store, &[&alice.der])), "revocation_unknown");
}

#[test]
fn scopes_are_honoured() {
    let root = Authority::root("Root");
    let intermediate = root.intermediate("Intermediate");
    let here = "http://lists.example.com/here.crl";
    let alice = intermediate.leaf_but("alice", |params| {
        let uris = vec!["http://lists.example.com/here.crl".to_owned()];
        params.crl_distribution_points = vec![CrlDistributionPoint { uris }];
    });
    let scope = |uri: &str, scope: Option<CrlScope>| CrlIssuingDistributionPoint {
        distribution_point: CrlDistributionPoint {
            uris: vec![uri.to_owned()],
        },
        scope,
    };
    let elsewhere = "http://lists.example.com/elsewhere.crl";
    let (ok, unknown, revoked) = ("ok", "revocation_unknown", "certificate_revoked");
    let none: Vec<&CertificateDer<'static>> = Vec::new();
    let cases = [
        (scope(here, None), none.clone(), ok),
        (scope(here, Some(CrlScope::UserCertsOnly)), none.clone(), ok),
        (scope(here, Some(CrlScope::CaCertsOnly)), none.clone(), unknown),
        (scope(elsewhere, None), none, unknown),
        // A hit counts wherever it is published.
        (scope(elsewhere, None), vec![&alice.der], revoked),
    ];
    let strict = Policy {
        revocation: Revocation::Strict,
        ..policy()
    };
    for (index, (scope, hits, expected)) in cases.into_iter().enumerate() {
        let list = list_with_scope(&intermediate, scope, &hits);
        let list = read_list(&list, &[&intermediate.der]).expect("a good list");
        let lists = Arc::new(RevocationLists::new([list, root.verified_list(CURRENT, &[])]));
        let store = store_with(&[&root.der], strict.clone(), lists);
        let verdict = judge(&store, &[&alice.der, &intermediate.der]);
        assert_eq!(reason(&verdict), expected, "case {index}: {verdict:?}");
    }
    // Lists of different scopes live beside each other.
    let users = list_with_scope(
        &intermediate,
        scope(here, Some(CrlScope::UserCertsOnly)),
        &[&alice.der],
    );
    let authorities = list_with_scope(&intermediate, scope(here, Some(CrlScope::CaCertsOnly)), &[]);
    let read = [users, authorities].map(|list| read_list(&list, &[&intermediate.der]).expect("a good list"));
    let store = store_with(&[&root.der], policy(), Arc::new(RevocationLists::new(read)));
    assert_eq!(reason(&judge(&store, &[&alice.der, &intermediate.der])), revoked);
}
