//! What issuers and the policy say about whom they vouch for: path length, depth, name constraints, dates.

use rcgen::{BasicConstraints, CustomExtension, GeneralSubtree, IsCa, NameConstraints, date_time_ymd};
use transport::certificate::CertificateError;
use transport::certificate_error::Distrust;
use transport::verify::{Policy, Purpose};

use crate::pki::{Authority, Leaf, as_is, judge, policy, reason, store};

#[test]
fn path_lengths_hold_for_intermediates_and_anchors() {
    let none_below =
        |params: &mut rcgen::CertificateParams| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let root = Authority::root_but("Root", none_below);
    assert_eq!(
        reason(&judge(&store(&[&root.der], policy()), &[&root.leaf("alice").der])),
        "ok"
    );
    let below = root.intermediate("Below");
    let verdict = judge(
        &store(&[&root.der], policy()),
        &[&below.leaf("alice").der, &below.der],
    );
    assert!(
        matches!(verdict, Err(CertificateError::Untrusted(Distrust::PathLength(_)))),
        "{verdict:?}"
    );

    let open_root = Authority::root("Open");
    let narrow = open_root.intermediate_but("Narrow", none_below);
    let wide = open_root.intermediate("Wide");
    for (expected, middle) in [("certificate_untrusted", &narrow), ("ok", &wide)] {
        let last = middle.intermediate("Last");
        let alice = last.leaf("alice");
        let verdict = judge(
            &store(&[&open_root.der], policy()),
            &[&alice.der, &last.der, &middle.der],
        );
        assert_eq!(reason(&verdict), expected, "{verdict:?}");
    }
}

#[test]
fn depth_counts_what_is_presented_and_what_is_on_the_path() {
    let root = Authority::root("Root");
    let first = root.intermediate("First");
    let second = first.intermediate("Second");
    let third = second.intermediate("Third");
    let fourth = third.intermediate("Fourth");
    let near = third.leaf("near");
    let far = fourth.leaf("far");
    let trusted = store(&[&root.der], policy());

    // Leaf and three intermediates fit into a depth of four; the root beside them is a fifth presented.
    let fitting = [&near.der, &third.der, &second.der, &first.der];
    assert_eq!(reason(&judge(&trusted, &fitting)), "ok");
    let with_root = [&near.der, &third.der, &second.der, &first.der, &root.der];
    let too_long = [&far.der, &fourth.der, &third.der, &second.der, &first.der];
    let everything_listed = store(
        &[&root.der, &first.der, &second.der, &third.der, &fourth.der],
        policy(),
    );
    for verdict in [
        judge(&trusted, &with_root),
        judge(&trusted, &too_long),
        judge(&everything_listed, &[&far.der]),
    ] {
        let error = verdict.expect_err("too deep");
        assert_eq!(
            error.connection_log_code(),
            "ClientCertMaxChainDepthExceeded",
            "{error}"
        );
        assert_eq!(error.reason(), "certificate_untrusted");
    }
    let deeper = Policy {
        max_depth: 5,
        ..policy()
    };
    assert_eq!(reason(&judge(&store(&[&root.der], deeper), &too_long)), "ok");

    // A server's root beside its chain is no deeper path.
    let of_servers = Policy {
        purpose: Purpose::Server,
        ..policy()
    };
    let server = third.leaf_but("server", |params| {
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    });
    let with_root = [&server.der, &third.der, &second.der, &first.der, &root.der];
    assert_eq!(reason(&judge(&store(&[&root.der], of_servers), &with_root)), "ok");
}

#[test]
fn extensions_that_restrict_are_understood_or_refuse() {
    let constrained = |tree: GeneralSubtree| {
        let mut root = Authority::root("Constrained");
        root.params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![tree],
            excluded_subtrees: Vec::new(),
        });
        root.der = root.reissued(as_is);
        root
    };
    let with_names = |root: &Authority| -> Leaf {
        root.leaf_but("alice", |params| {
            let mail = "alice@example.com".try_into().expect("a mail address");
            let host = "client.example.com".try_into().expect("a host name");
            params.subject_alt_names = vec![rcgen::SanType::Rfc822Name(mail), rcgen::SanType::DnsName(host)];
        })
    };
    for (expected, warned, tree) in [
        ("ok", 0, GeneralSubtree::DnsName("example.com".to_owned())),
        (
            "certificate_untrusted",
            0,
            GeneralSubtree::DnsName("example.org".to_owned()),
        ),
        (
            "certificate_untrusted",
            1,
            GeneralSubtree::Rfc822Name("example.com".to_owned()),
        ),
    ] {
        let root = constrained(tree);
        let trusted = store(&[&root.der], policy());
        assert_eq!(trusted.name_constrained().count(), warned);
        let verdict = judge(&trusted, &[&with_names(&root).der]);
        assert_eq!(reason(&verdict), expected, "{verdict:?}");
        if let Err(error) = verdict {
            assert!(error.to_string().contains("name constraints"), "{error}");
        }
    }
}

fn unknown(params: &mut rcgen::CertificateParams) {
    let mut extension = CustomExtension::from_oid_content(&[1, 2, 3, 4, 5], vec![5, 0]);
    extension.set_criticality(true);
    params.custom_extensions = vec![extension];
}

#[test]
fn a_critical_extension_that_nobody_understands_refuses() {
    let root = Authority::root("Root");
    let strange_root = Authority::root_but("Strange", unknown);
    let strange = root.intermediate_but("Strange intermediate", unknown);
    let both = store(&[&root.der, &strange_root.der], policy());
    for certificates in [
        vec![&root.leaf_but("alice", unknown).der],
        vec![&strange.leaf("alice").der, &strange.der],
        vec![&strange_root.leaf("alice").der],
    ] {
        let verdict = judge(&both, &certificates);
        assert!(
            matches!(
                verdict,
                Err(CertificateError::Untrusted(Distrust::CriticalExtension { .. }))
            ),
            "{verdict:?}"
        );
    }
}

#[test]
fn dates_of_everything_on_the_path_count() {
    fn ended(params: &mut rcgen::CertificateParams) {
        params.not_after = date_time_ymd(2025, 1, 1);
    }
    fn not_begun(params: &mut rcgen::CertificateParams) {
        params.not_before = date_time_ymd(2027, 1, 1);
    }
    for (expected, alter) in [
        ("certificate_expired", ended as crate::pki::Alter),
        ("certificate_not_yet_valid", not_begun),
        ("ok", as_is),
    ] {
        let root = Authority::root("Root");
        let intermediate = root.intermediate_but("Intermediate", alter);
        let altered_root = Authority::root_but("Root of dates", alter);
        let both = store(&[&root.der, &altered_root.der], policy());
        for certificates in [
            vec![&root.leaf_but("leaf", alter).der],
            vec![&intermediate.leaf("below").der, &intermediate.der],
            vec![&altered_root.leaf("below the anchor").der],
        ] {
            let verdict = judge(&both, &certificates);
            assert_eq!(reason(&verdict), expected, "{verdict:?}");
        }
    }
}
