//! Which lists are believed at all.

use base64::Engine as _;
use rcgen::{CrlDistributionPoint, CrlIssuingDistributionPoint, KeyUsagePurpose};
use transport::revocation::crl::{CrlError, CrlProblem, RevocationLists, Status};

use crate::pki::{
    Authority, altered_list, element, elements, first_of, list_by, list_with_scope, now, parsed, read_list,
};

const YEARS: (i32, i32) = (2025, 2027);

fn problem(list: &[u8], authority: &Authority) -> Option<CrlProblem> {
    read_list(list, &[&authority.der]).err()
}

#[test]
fn a_list_is_signed_by_the_authority_of_its_name_and_key() {
    let root = Authority::root("Root");
    let namesake = Authority::root("Root");
    let other = Authority::root("Other");
    let list = root.list(YEARS, &[]);
    assert_eq!(problem(&list, &root), None);
    assert!(matches!(
        problem(&list, &other),
        Some(CrlProblem::UnknownIssuer(_))
    ));
    assert!(matches!(
        problem(&list, &namesake),
        Some(CrlProblem::Signature(_))
    ));
    // Both are known: the signature tells which.
    assert!(read_list(&list, &[&namesake.der, &root.der]).is_ok());

    let mut forged = list.clone();
    let last = forged.len() - 1;
    forged[last] ^= 1;
    assert!(problem(&forged, &root).is_some());
    let added = altered_list(&list, namesake.issuer.key(), |_| {});
    assert!(
        matches!(problem(&added, &root), Some(CrlProblem::Signature(_))),
        "signed by somebody else"
    );

    let not_a_signer = root.reissued(|params| params.key_usages = vec![KeyUsagePurpose::KeyCertSign]);
    assert!(matches!(
        read_list(&list, &[&not_a_signer]),
        Err(CrlProblem::NotASigner(_))
    ));
    let says_nothing = root.reissued(|params| params.key_usages = Vec::new());
    assert!(read_list(&list, &[&says_nothing]).is_ok());
    // A leaf of the authority's name and key is no authority.
    let leaf = root.reissued(|params| params.is_ca = rcgen::IsCa::ExplicitNoCa);
    assert!(matches!(
        read_list(&list, &[&leaf]),
        Err(CrlProblem::UnknownIssuer(_))
    ));
}

#[test]
fn what_is_not_one_whole_list_is_refused() {
    let root = Authority::root("Root");
    let list = root.list(YEARS, &[]);
    let trailing = [&list[..], &[0]].concat();
    for bad in [&trailing[..], &list[..list.len() - 1], &[], &[0x30, 0], &root.der] {
        assert_eq!(problem(bad, &root), Some(CrlProblem::Malformed));
    }
    for at in 0..list.len() {
        let mut altered = list.clone();
        altered[at] ^= 0x81;
        assert!(problem(&altered, &root).is_some(), "octet {at}");
    }
}

fn extension(number: u8, critical: bool, value: &[u8]) -> Vec<u8> {
    let kind = element(0x06, &[0x55, 0x1d, number]);
    let flag = if critical {
        element(0x01, &[0xff])
    } else {
        Vec::new()
    };
    element(0x30, &[kind, flag, element(0x04, value)].concat())
}

/// The list with this extension beside its own, signed by its issuer.
fn with_extension(root: &Authority, extension: &[u8]) -> Vec<u8> {
    altered_list(&root.list(YEARS, &[]), root.issuer.key(), |fields| {
        let tagged = fields.pop().expect("extensions");
        let all = elements(&elements(&tagged)[0].1)[0].1.clone();
        fields.push(element(0xa0, &element(0x30, &[&all, extension].concat())));
    })
}

type Expected = fn(&CrlProblem) -> bool;

#[test]
fn extensions_are_understood_or_refuse() {
    let root = Authority::root("Root");
    let issuing_point = |field: &[u8]| extension(28, true, &element(0x30, field));
    let scope: Expected = |problem| matches!(problem, CrlProblem::Scope(_));
    let malformed: Expected = |problem| *problem == CrlProblem::Malformed;
    let cases: [(Vec<u8>, Option<Expected>); 13] = [
        (extension(99, false, &[5, 0]), None),
        (
            extension(99, true, &[5, 0]),
            Some(|problem| matches!(problem, CrlProblem::CriticalExtension(oid) if oid == "2.5.29.99")),
        ),
        (
            extension(27, true, &[2, 1, 1]),
            Some(|problem| *problem == CrlProblem::Delta),
        ),
        (
            extension(27, false, &[2, 1, 1]),
            Some(|problem| *problem == CrlProblem::Delta),
        ),
        (extension(20, false, &[2, 1, 1]), Some(malformed)), // twice: rcgen wrote one
        (issuing_point(&[]), None),
        (issuing_point(&[0x81, 1, 0xff]), None),
        (issuing_point(&[0x82, 1, 0xff]), None),
        (issuing_point(&[0x81, 1, 0xff, 0x82, 1, 0xff]), Some(malformed)),
        (issuing_point(&[0x83, 2, 1, 2]), Some(scope)),
        (issuing_point(&[0x84, 1, 0xff]), Some(scope)),
        (issuing_point(&[0x85, 1, 0xff]), Some(scope)),
        (issuing_point(&[0xa0, 2, 0xa1, 0]), Some(scope)), // a name relative to the issuer
    ];
    for (index, (extension, expected)) in cases.into_iter().enumerate() {
        let found = problem(&with_extension(&root, &extension), &root);
        match expected {
            None => assert_eq!(found, None, "case {index}"),
            Some(expected) => assert!(found.as_ref().is_some_and(expected), "case {index}: {found:?}"),
        }
    }
}

/// A list with these entries.
fn with_entries(root: &Authority, entries: &[u8]) -> Vec<u8> {
    altered_list(&root.list(YEARS, &[]), root.issuer.key(), |fields| {
        let extensions = fields.pop().expect("extensions");
        if fields.len() == 6 {
            fields.pop(); // rcgen's own entries
        }
        fields.push(element(0x30, entries));
        fields.push(extensions);
    })
}

fn entry(serial: &[u8], extensions: &[u8]) -> Vec<u8> {
    let date = element(0x17, b"250101000000Z");
    let extensions = if extensions.is_empty() {
        Vec::new()
    } else {
        element(0x30, extensions)
    };
    element(0x30, &[element(0x02, serial), date, extensions].concat())
}

#[test]
fn entries_are_understood_or_refuse() {
    let root = Authority::root("Root");
    let cases = [
        (entry(&[5], &[]), true),
        (entry(&[5], &extension(21, true, &[0x0a, 1, 1])), true),
        (entry(&[5], &extension(24, false, &[5, 0])), true),
        (entry(&[5], &extension(99, false, &[5, 0])), true),
        (entry(&[5], &extension(99, true, &[5, 0])), false),
        (entry(&[5], &extension(29, true, &[0x30, 0])), false), // certificateIssuer: somebody else's serial
        (entry(&[5; 21], &[]), true),
        (entry(&[5; 22], &[]), false),
        (element(0x30, &element(0x02, &[5])), false),
        (element(0x30, &[]), false),
    ];
    for (index, (entry, is_good)) in cases.into_iter().enumerate() {
        let found = problem(&with_entries(&root, &entry), &root);
        assert_eq!(found.is_none(), is_good, "case {index}: {found:?}");
    }
}

#[test]
fn a_serial_is_matched_octet_for_octet() {
    let root = Authority::root("Root");
    let leaf = |serial: &[u8]| {
        let der = root.leaf("alice").der;
        let serial = element(0x02, serial);
        parsed(&crate::pki::altered(&der, root.issuer.key(), |fields| {
            fields[1] = serial;
        }))
    };
    let listed: Vec<u8> = [&[0x05][..], &[0x00, 0x80], &[0x7f, 0x01], &[0x05]]
        .iter()
        .flat_map(|serial| entry(serial, &[]))
        .collect();
    let list = read_list(&with_entries(&root, &listed), &[&root.der]).expect("a good list");
    assert_eq!(list.len(), 3);
    let lists = RevocationLists::new([list]);
    let issuer = parsed(&root.der);
    for (serial, revoked) in [
        (&[0x05][..], true),
        (&[0x00, 0x80], true),
        (&[0x7f, 0x01], true),
        (&[0x80], false), // negative
        (&[0x7f], false),
        (&[0x05, 0x00], false),
        (&[0x06], false),
    ] {
        let status = lists.status(&leaf(serial), &issuer, now());
        assert_eq!(status == Status::Revoked, revoked, "{serial:02x?}");
    }
}

#[test]
fn times_are_present_and_past() {
    let root = Authority::root("Root");
    assert_eq!(
        problem(&root.list((2024, 2025), &[]), &root),
        None,
        "stale is judged when it is used"
    );
    let early = problem(&root.list((2027, 2028), &[]), &root);
    assert_eq!(early, Some(CrlProblem::Early(first_of(2027))));
    let endless = altered_list(&root.list(YEARS, &[]), root.issuer.key(), |fields| {
        fields.remove(4); // version, algorithm, issuer, thisUpdate, nextUpdate
    });
    assert_eq!(problem(&endless, &root), Some(CrlProblem::NoNextUpdate));
    // Version 1, as `openssl ca -gencrl` writes by default, has no extensions and is a list like any other.
    let version_1 = altered_list(&root.list(YEARS, &[]), root.issuer.key(), |fields| {
        fields.pop();
        fields.remove(0);
    });
    assert_eq!(problem(&version_1, &root), None);
    let version_1_with_extensions = altered_list(&root.list(YEARS, &[]), root.issuer.key(), |fields| {
        fields.remove(0);
    });
    assert_eq!(
        problem(&version_1_with_extensions, &root),
        Some(CrlProblem::Malformed)
    );
}

#[test]
fn files_are_read_as_pem_or_der_and_every_problem_is_told() {
    let root = Authority::root("Root");
    let intermediate = root.intermediate("Intermediate");
    let directory = tempfile::tempdir().expect("a directory");
    let write = |name: &str, content: &[u8]| {
        let path = directory.path().join(name);
        std::fs::write(&path, content).expect("written");
        path
    };
    let pem = |list: &[u8]| {
        let body = base64::engine::general_purpose::STANDARD.encode(list);
        format!("-----BEGIN X509 CRL-----\n{body}\n-----END X509 CRL-----\n")
    };
    let of_root = root.list(YEARS, &[]);
    let of_intermediate = intermediate.list((2024, 2025), &[]);
    let both = write("both.pem", (pem(&of_root) + &pem(&of_intermediate)).as_bytes());
    let der = write("root.der", &of_root);
    let known = [root.der.clone(), intermediate.der.clone()];

    let lists = RevocationLists::load(&[both.clone(), der.clone()], &known, now()).expect("good lists");
    assert_eq!(lists.iter().count(), 2);
    let stale: Vec<_> = lists.stale(now()).map(|list| list.issuer().to_string()).collect();
    assert_eq!(stale, ["CN=Intermediate"]);
    assert!(RevocationLists::load(&[], &known, now()).is_ok_and(|lists| lists.is_empty()));

    let empty = write("empty.pem", b"");
    let junk = write("junk.der", &[0x30, 3, 1, 2, 3]);
    let missing = directory.path().join("missing.pem");
    let problems =
        RevocationLists::load(&[empty, der, junk, missing, both], &known[..1], now()).expect_err("problems");
    let texts: Vec<_> = problems.iter().map(CrlError::to_string).collect();
    for name in ["empty.pem", "junk.der", "missing.pem", "both.pem"] {
        assert!(texts.iter().any(|text| text.contains(name)), "{name}: {texts:?}");
    }
    assert_eq!(texts.len(), 4, "{texts:?}");
}

#[test]
fn half_a_million_entries_are_looked_up_by_serial() {
    let root = Authority::root("Root");
    let entries: Vec<u8> = (0..500_000_u32)
        .flat_map(|serial| {
            let octets = [
                &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12][..],
                &serial.to_be_bytes(),
            ]
            .concat();
            entry(&octets, &extension(21, false, &[0x0a, 1, 1]))
        })
        .collect();
    let list = with_entries(&root, &entries);
    assert!(list.len() > 20_000_000);
    let list = read_list(&list, &[&root.der]).expect("a good list");
    assert_eq!(list.len(), 500_000);
    let lists = RevocationLists::new([list]);
    let issuer = parsed(&root.der);
    for (serial, revoked) in [(0_u32, true), (499_999, true), (500_000, false)] {
        let octets = [
            &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12][..],
            &serial.to_be_bytes(),
        ]
        .concat();
        let leaf = root.leaf("alice").der;
        let leaf = crate::pki::altered(&leaf, root.issuer.key(), |fields| {
            fields[1] = element(0x02, &octets);
        });
        assert_eq!(
            lists.status(&parsed(&leaf), &issuer, now()) == Status::Revoked,
            revoked
        );
    }
}

#[test]
fn a_list_by_an_issuer_that_calls_itself_otherwise_is_unknown() {
    let root = Authority::root("Root");
    let renamed = root.signing_as(|params| params.distinguished_name = rcgen::DistinguishedName::new());
    let list = list_by(&renamed, YEARS, &[]);
    assert!(matches!(
        problem(&list, &root),
        Some(CrlProblem::UnknownIssuer(_))
    ));
    let scope = CrlIssuingDistributionPoint {
        distribution_point: CrlDistributionPoint {
            uris: vec!["http://example.com/a.crl".to_owned()],
        },
        scope: None,
    };
    assert_eq!(problem(&list_with_scope(&root, scope, &[]), &root), None);
}
