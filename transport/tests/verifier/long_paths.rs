//! What servers send: long chains, and heaps of certificates in which a path has to be found, or one is feigned.

use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, GeneralSubtree, IsCa, NameConstraints};
use rustls::pki_types::{CertificateDer, ServerName};
use transport::certificate::CertificateError;
use transport::certificate_error::Distrust;
use transport::handshake_policy::cause_of;
use transport::server_verifier::verify_server;
use transport::verify::{Policy, Purpose};

use crate::pki::{Alter, Authority, Leaf, altered, as_is, now, policy, store};

fn servers(intermediates: usize) -> Policy {
    Policy {
        purpose: Purpose::Server,
        max_depth: intermediates + 1,
        ..policy()
    }
}

fn server(issuer: &Authority) -> Leaf {
    issuer.leaf_but("server", |params| {
        params.extended_key_usages.clear();
        params.subject_alt_names = vec![rcgen::SanType::DnsName("server.test".try_into().expect("a name"))];
    })
}

/// As a handshake does it: `None` if the server is believed.
fn refused(
    root: &Authority,
    policy: Policy,
    presented: &[CertificateDer<'static>],
) -> Option<CertificateError> {
    let verifier = verify_server(std::sync::Arc::new(store(&[&root.der], policy)));
    let name = ServerName::try_from("server.test").expect("a name");
    let (leaf, rest) = presented.split_first().expect("a leaf");
    let verdict = verifier.verify_server_cert(leaf, rest, &name, &[], now());
    verdict
        .err()
        .map(|error| cause_of(&error).expect("a refusal").clone())
}

/// So many intermediates below a root, and a leaf: the leaf first.
fn line(
    root: &Authority,
    intermediates: usize,
    alter: impl Fn(usize) -> Alter,
) -> Vec<CertificateDer<'static>> {
    let mut line = Vec::with_capacity(intermediates);
    let mut last: Option<Authority> = None;
    for level in 0..intermediates {
        let issuer = last.as_ref().unwrap_or(root);
        let next = issuer.intermediate_but(&format!("Level {level}"), alter(level));
        line.push(next.der.clone());
        last = Some(next);
    }
    line.push(server(last.as_ref().unwrap_or(root)).der);
    line.reverse();
    line
}

fn all_as_is(_: usize) -> Alter {
    as_is
}

#[test]
fn a_chain_works_up_to_the_depth_and_no_further() {
    let root = Authority::root("Root");
    for length in [1, 6, 7, 8, 20, 64] {
        let mut chain = line(&root, length, all_as_is);
        assert_eq!(refused(&root, servers(length), &chain), None, "{length}");
        let verdict = refused(&root, servers(length - 1), &chain);
        let is_depth = |error: &CertificateError| matches!(error, CertificateError::ChainTooDeep { limit, .. } if *limit == length);
        assert!(verdict.as_ref().is_some_and(is_depth), "{length}: {verdict:?}");
        chain.push(root.der.clone());
        assert_eq!(
            refused(&root, servers(64), &chain),
            None,
            "{length}, with its root"
        );
        chain[1..].reverse();
        assert_eq!(
            refused(&root, servers(64), &chain),
            None,
            "{length}, out of order"
        );
    }
    let longer = line(&root, 65, all_as_is);
    assert!(matches!(
        refused(&root, servers(64), &longer),
        Some(CertificateError::ChainTooDeep { .. })
    ));
    let heap = vec![longer[0].clone(); 67];
    assert!(matches!(
        refused(&root, servers(64), &heap),
        Some(CertificateError::TooLarge { .. })
    ));
}

#[test]
fn every_certificate_of_a_long_chain_is_judged() {
    fn ended(params: &mut rcgen::CertificateParams) {
        params.not_after = rcgen::date_time_ymd(2025, 1, 1);
    }
    fn no_authority(params: &mut rcgen::CertificateParams) {
        params.is_ca = IsCa::ExplicitNoCa;
    }
    fn none_below(params: &mut rcgen::CertificateParams) {
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    }
    fn for_itself(params: &mut rcgen::CertificateParams) {
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName("test".to_owned())],
            excluded_subtrees: Vec::new(),
        });
    }
    let root = Authority::root("Root");
    for level in [0, 3, 9] {
        for (what, alter) in [
            ("Expired", ended as Alter),
            ("NotAnAuthority", no_authority),
            ("NameConstraints", for_itself),
        ] {
            let chain = line(&root, 10, |at| if at == level { alter } else { as_is });
            let verdict = format!("{:?}", refused(&root, servers(10), &chain));
            assert!(verdict.contains(what), "{level}: {verdict}");
        }
    }
    let chain = line(&root, 10, |at| if at == 4 { none_below } else { as_is });
    assert!(matches!(
        refused(&root, servers(10), &chain),
        Some(CertificateError::Untrusted(Distrust::PathLength(_)))
    ));
    // A link that nobody signed.
    let stranger = Authority::root("Root");
    let mut chain = line(&root, 10, all_as_is);
    chain[5] = altered(&chain[5], stranger.issuer.key(), |_| {});
    assert!(refused(&root, servers(10), &chain).is_some());
    // One that says within that it is signed by another algorithm than it is: webpki refuses it on a short path.
    let below = root.intermediate("Below");
    let disguise = |fields: &mut Vec<Vec<u8>>| {
        // ecdsa-with-SHA384 for ecdsa-with-SHA256, in the signed part alone.
        let at = fields
            .iter()
            .position(|field| field.ends_with(&[0x04, 0x03, 0x02]));
        *fields[at.expect("an algorithm")].last_mut().expect("octets") = 0x03;
    };
    let mut short = line(&below, 1, all_as_is);
    short[1] = altered(&short[1], below.issuer.key(), disguise);
    let mut long = line(&below, 10, all_as_is);
    let last = long.len() - 1;
    long[last] = altered(&long[last], below.issuer.key(), disguise);
    for mut chain in [short, long] {
        chain.push(below.der.clone());
        let length = chain.len();
        assert!(refused(&root, servers(length), &chain).is_some(), "{length}");
    }
    // Constraints that webpki can judge hold on short paths, whatever is sent beside them.
    let mut chain = line(&root, 2, |at| if at == 0 { for_itself } else { as_is });
    chain.extend((0..20).map(|other| {
        Authority::root("Other")
            .intermediate(&format!("Junk {other}"))
            .der
    }));
    assert_eq!(refused(&root, servers(2), &chain), None);
}

#[test]
fn what_is_beside_the_path_does_not_matter() {
    let root = Authority::root("Root");
    for length in [0, 1, 5] {
        let mut chain = line(&root, length, all_as_is);
        let other = Authority::root("Other");
        chain.extend(line(&other, 12, all_as_is));
        assert_eq!(refused(&root, servers(length), &chain), None, "{length}");
    }
    let alone = line(&root, 1, all_as_is);
    let mut halfway = vec![alone[0].clone()];
    halfway.extend(line(&Authority::root("Other"), 12, all_as_is));
    assert!(matches!(
        refused(&root, servers(1), &halfway),
        Some(CertificateError::Untrusted(Distrust::MissingIntermediate { .. }))
    ));
}

/// A heap that is to keep the verifier busy: authorities of these names, each certified by each other, and by whoever else.
fn mesh(names: &[String], most: usize, above: Option<&Authority>) -> Vec<CertificateDer<'static>> {
    let authorities: Vec<Authority> = names.iter().map(|name| Authority::root(name)).collect();
    let mut heap = vec![server(&authorities[0]).der];
    let certify = |subject: &Authority, issuer: &Authority| {
        let certificate = subject.params.signed_by(subject.issuer.key(), &issuer.issuer);
        certificate.expect("a cross-signature").der().clone()
    };
    heap.extend(
        above
            .iter()
            .flat_map(|above| authorities.iter().map(|subject| certify(subject, above))),
    );
    for (position, subject) in authorities.iter().enumerate() {
        let others = authorities
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != position);
        heap.extend(others.map(|(_, issuer)| certify(subject, issuer)));
    }
    heap.truncate(most);
    heap
}

#[test]
fn hostile_heaps_cost_little() {
    let root = Authority::root("Root");
    let numbered = |count: usize| {
        (0..count)
            .map(|number| format!("Mesh {number}"))
            .collect::<Vec<_>>()
    };
    let of_one_name = || {
        let one = Authority::root("One");
        let mut heap = vec![server(&one).der];
        heap.extend((0..65).map(|_| {
            // Signed by a namesake, so that no link holds, and none can be told by its name.
            Authority::root("One").intermediate("One").der
        }));
        heap
    };
    let named_as_the_root = || {
        let namesake = Authority::root("Root");
        let mut heap = line(&namesake, 64, all_as_is);
        heap.push(namesake.der.clone());
        heap
    };
    let of_the_root = || mesh(&numbered(7), 66, Some(&root));
    assert_eq!(refused(&root, servers(64), &of_the_root()), None);
    for (what, allowed, heap) in [
        (
            "each certified by each other, and by the root, and too deep",
            0,
            of_the_root(),
        ),
        ("each certified by each other", 64, mesh(&numbered(9), 66, None)),
        (
            "a few, each certified by each other",
            64,
            mesh(&numbered(4), 8, None),
        ),
        ("under one name", 64, of_one_name()),
        ("below a namesake of the root", 64, named_as_the_root()),
        ("many below one", 64, mesh(&vec!["Same".to_owned(); 9], 66, None)),
    ] {
        let start = Instant::now();
        let verdict = refused(&root, servers(allowed), &heap);
        let took = start.elapsed();
        println!("{what}: {} certificates, {took:?}, {verdict:?}", heap.len());
        assert!(verdict.is_some(), "{what}");
        assert!(took < Duration::from_secs(1), "{what}: {took:?}");
    }
}
