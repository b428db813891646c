//! Certificates that a verifier must refuse are what they say they are.

use certs::{
    AlternativeName as Name, Attribute, Authority, Ca, Chain, KeyKind, Leaf, Reason, Revocations, Scope,
    Serial, Subject, Usage, Validity, WeakKey,
};
use transport::certificate::{Certificate, PublicKey};
use transport::distinguished_name::CommonName;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;

use crate::names;

fn read(chain: &Chain) -> Certificate {
    Certificate::parse(chain.certificate().clone()).unwrap()
}

fn issue(leaf: Leaf) -> Certificate {
    read(&Authority::root("Root").unwrap().issue(leaf).unwrap())
}

#[test]
fn identities_that_are_no_identity() {
    let one = issue(Leaf::client("alice"));
    assert_eq!(one.subject().common_name(), CommonName::One("alice"));
    for (leaf, text) in [
        (
            Leaf::client("alice").another_common_name("bob"),
            "CN=bob,CN=alice",
        ),
        (
            Leaf::client("").subject(Subject::common_name("alice").joined(Attribute::Unit, "x")),
            "CN=alice+OU=x",
        ),
        (
            Leaf::client("").subject(Subject::empty().with_octets(Attribute::CommonName, 0x0c, &[0xff])),
            "CN=\\FF",
        ),
    ] {
        let certificate = issue(leaf);
        assert_eq!(
            certificate.subject().common_name(),
            CommonName::Ambiguous,
            "{text}"
        );
        assert_eq!(certificate.subject().to_string(), text);
    }
    assert_eq!(
        issue(Leaf::client("a\0b")).subject().common_name(),
        CommonName::One("a\0b")
    );
    let nobody = issue(Leaf::client("").subject(Subject::empty()).email("a@example.com"));
    assert!(nobody.subject().is_empty());
}

#[test]
fn alternative_names_of_every_kind_in_their_order() {
    let leaf = Leaf::client("alice")
        .uri("spiffe://example.com/alice")
        .email("alice@example.com")
        .dns("*.example.com")
        .ip([10, 0, 0, 1])
        .ip(std::net::Ipv6Addr::LOCALHOST)
        .alternative_name(Name::Directory(
            Subject::common_name("alice").with(Attribute::Organization, "Example"),
        ))
        .alternative_name(Name::Raw(0x82, b"a\0.example.com".to_vec()))
        .alternative_name(Name::Raw(0x87, vec![1, 2, 3]));
    assert_eq!(
        names(&issue(leaf)),
        [
            "uri:spiffe://example.com/alice",
            "email:alice@example.com",
            "dns:*.example.com",
            "ip:10.0.0.1",
            "ip:::1",
            "directory:O=Example,CN=alice",
            "dns:a\0.example.com",
            "other",
        ]
    );
}

#[test]
fn forms_that_no_authority_should_give() {
    let root = Authority::root("Root").unwrap();
    assert!(issue(Leaf::client("alice").claiming_to_be_an_authority()).is_ca());
    assert!(!issue(Leaf::client("alice")).is_ca());

    let old = root
        .issue(Leaf::client("alice").email("alice@example.com").version_1())
        .unwrap();
    let (_, parsed) = X509Certificate::from_der(old.certificate()).unwrap();
    assert_eq!((parsed.version().0, parsed.extensions().len()), (0, 0));

    let critical = root
        .issue(Leaf::client("alice").critical_extension(&[1, 2, 3, 4], vec![5, 0]))
        .unwrap();
    let (_, parsed) = X509Certificate::from_der(critical.certificate()).unwrap();
    let unknown: Vec<bool> = parsed
        .extensions()
        .iter()
        .filter(|extension| extension.oid.to_id_string() == "1.2.3.4")
        .map(|extension| extension.critical)
        .collect();
    assert_eq!(unknown, [true]);

    let good = root.issue(Leaf::client("alice")).unwrap();
    let broken = (*good).clone().with_broken_signature();
    let (_, parsed) = X509Certificate::from_der(good.certificate()).unwrap();
    let (_, forged) = X509Certificate::from_der(broken.certificate()).unwrap();
    assert_eq!(parsed.tbs_certificate.as_ref(), forged.tbs_certificate.as_ref());
    assert_ne!(parsed.signature_value.data, forged.signature_value.data);
}

#[test]
fn keys_serials_usages_and_dates_are_those_asked_for() {
    let root = Authority::root("Root").unwrap();
    for (weak, key) in [
        (WeakKey::Rsa1024, PublicKey::Rsa { bits: 1024 }),
        (WeakKey::Secp256k1, PublicKey::Other),
    ] {
        let certificate = read(&root.certify(Leaf::client("alice"), &weak.public_key()).unwrap());
        assert_eq!(certificate.public_key(), key);
    }
    for (kind, key) in [
        (KeyKind::P384, PublicKey::P384),
        (KeyKind::P521, PublicKey::P521),
        (KeyKind::Ed25519, PublicKey::Ed25519),
    ] {
        assert_eq!(issue(Leaf::client("alice").key(kind)).public_key(), key);
    }
    for (octets, text) in [
        (&[0xff, 0x01][..], "FF01"),
        (&[0, 0, 3, 0xa5], "03A5"),
        (&[7; 20], &"07".repeat(20)),
        (&[0], "00"),
    ] {
        let issued = root.issue(Leaf::client("alice").serial(octets)).unwrap();
        assert_eq!(
            (read(&issued).serial(), issued.serial().to_string().as_str()),
            (text, text)
        );
    }
    let usages = |leaf: Leaf| {
        let issued = root.issue(leaf).unwrap();
        let (_, parsed) = X509Certificate::from_der(issued.certificate()).unwrap();
        parsed
            .extended_key_usage()
            .unwrap()
            .map(|usage| (usage.value.client_auth, usage.value.server_auth, usage.value.any))
    };
    assert_eq!(usages(Leaf::client("a")), Some((true, false, false)));
    assert_eq!(usages(Leaf::server("a")), Some((false, true, false)));
    assert_eq!(
        usages(Leaf::client("a").usages([Usage::Any])),
        Some((false, false, true))
    );
    assert_eq!(usages(Leaf::client("a").usages([])), None);
    let dated = issue(Leaf::client("alice").validity(Validity::unix(1_700_000_000, 2_600_000_000).unwrap()));
    assert_eq!(
        (dated.not_before().as_secs(), dated.not_after().as_secs()),
        (1_700_000_000, 2_600_000_000)
    );
}

#[test]
fn two_authorities_of_one_name_and_one_key_under_two_roots() {
    let (first, second) = (
        Authority::root("First").unwrap(),
        Authority::root("Second").unwrap(),
    );
    let issuing = first.intermediate(Ca::named("Issuing").path_length(0)).unwrap();
    let crossed = second.cross_sign("Issuing", &issuing).unwrap();
    assert_eq!(issuing.subject_der(), crossed.subject_der());
    assert_eq!(issuing.key_identifier(), crossed.key_identifier());
    assert_ne!(issuing.certificate(), crossed.certificate());

    let alice = issuing.issue(Leaf::client("alice")).unwrap();
    let renewed = issuing.reissue(Leaf::client("alice"), &alice).unwrap();
    assert_eq!(alice.key_pem(), renewed.key_pem());
    assert_ne!(alice.serial(), renewed.serial());
    assert_eq!(alice.chain_with_root().last(), Some(first.certificate()));
}

#[test]
fn an_authority_read_back_from_its_files_issues_as_before() {
    let root = Authority::root(Ca::named("Root").crl_url("http://pki.test/a.crl")).unwrap();
    let issuing = root.intermediate("Issuing").unwrap();
    let again = Authority::existing(issuing.path(), &issuing.key())
        .unwrap()
        .with_list_url("http://pki.test/b.crl");
    let leaf = again.issue(Leaf::client("alice")).unwrap();
    assert_eq!(leaf.chain_with_root()[1..], issuing.path());
    assert_eq!(
        read(&leaf).revocation_list_uris().unwrap(),
        ["http://pki.test/b.crl"]
    );
    assert!(Authority::existing(Vec::new(), &issuing.key()).is_err());
}

#[test]
fn lists_say_what_they_were_told_to() {
    let root = Authority::root("Root").unwrap();
    let (alice, issuing) = (
        root.issue(Leaf::client("alice")).unwrap(),
        root.intermediate("Issuing").unwrap(),
    );
    let plan = Revocations::of([&alice])
        .and(issuing.serial(), Reason::CaCompromise)
        .and(&Serial::new(&[0xff]), Reason::RemoveFromList)
        .number(41)
        .distribution_point("http://pki.test/leaves.crl", Scope::Leaves)
        .critical_extension(&[1, 2, 3], &[5, 0])
        .valid(Validity::unix(1_700_000_000, 1_700_000_060).unwrap());
    let list = root.revocation_list(plan).unwrap();
    let (rest, parsed) = CertificateRevocationList::from_der(list.der()).unwrap();
    assert!(rest.is_empty());
    assert_eq!(parsed.issuer().as_raw(), root.subject_der());
    assert_eq!(parsed.last_update().timestamp(), 1_700_000_000);
    assert_eq!(parsed.next_update().unwrap().timestamp(), 1_700_000_060);
    assert_eq!(parsed.crl_number().unwrap().to_string(), "41");
    let entries: Vec<(Serial, Option<u8>)> = parsed
        .iter_revoked_certificates()
        .map(|entry| {
            (
                Serial::new(entry.raw_serial()),
                entry.reason_code().map(|(_, reason)| reason.0),
            )
        })
        .collect();
    assert_eq!(
        entries,
        [
            (alice.serial().clone(), None),
            (issuing.serial().clone(), Some(2)),
            (Serial::new(&[0xff]), Some(8))
        ]
    );
    let critical: Vec<String> = parsed
        .extensions()
        .iter()
        .filter(|extension| extension.critical)
        .map(|extension| extension.oid.to_id_string())
        .collect();
    assert_eq!(critical, ["2.5.29.28", "1.2.3"]);
}

#[test]
fn keys_do_not_show() {
    let root = Authority::root("Root").unwrap();
    let leaf = root.issue(Leaf::client("alice")).unwrap();
    let shown = format!("{root:?} {leaf:?}");
    for key in [root.key_pair(), leaf.key_pair()] {
        let octets = format!("{:?}", key.serialized_der());
        assert!(!shown.contains(octets.trim_matches(['[', ']'])));
    }
    assert!(shown.contains("elided"));
}
