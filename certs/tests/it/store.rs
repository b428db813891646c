//! What `issue` and `revoke` make of a tree that exists.

use std::fs;

use certs::tree::{Change, IssueRequest, Issuer, Role, Store, TreeError};
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;

use crate::{Pki, names};

#[test]
fn issued_certificates_stand_where_the_tree_puts_such() {
    let pki = Pki::new();
    let server = "dns:shop.internal dns:shop.test dns:localhost ip:127.0.0.1";
    for (name, issuer, role, files, sans) in [
        (
            "carol",
            Issuer::Clients,
            None,
            &["clients/carol.p12", "clients/carol.key", "clients/carol.pem"][..],
            "email:carol@example.com",
        ),
        (
            "shop",
            Issuer::Internal,
            None,
            &["shop/server.key", "shop/server.pem"],
            server,
        ),
        (
            "shop",
            Issuer::Internal,
            Some(Role::Client),
            &["shop/client.key", "shop/client.pem"],
            "dns:shop.internal",
        ),
    ] {
        let issue = || {
            let request = IssueRequest {
                issuer,
                role,
                ..IssueRequest::new(name.parse().unwrap())
            };
            Store::open(pki.dir()).unwrap().issue(request)
        };
        let (issued, written) = issue().unwrap();
        assert_eq!(
            written
                .iter()
                .map(|path| path.to_str().unwrap())
                .collect::<Vec<_>>(),
            files
        );
        let leaf = &pki.certificates(files.last().unwrap())[0];
        assert_eq!(leaf.serial(), issued.serial().to_string());
        assert_eq!(names(leaf).join(" "), sans);
        assert_eq!(
            leaf.revocation_list_uris().map(<[String]>::len),
            Some(1),
            "{name}"
        );
        let before = pki.read(files.last().unwrap());
        assert!(matches!(issue(), Err(TreeError::Taken { .. })), "{name} twice");
        assert_eq!(pki.read(files.last().unwrap()), before);
    }
}

#[test]
fn names_that_are_taken_and_terms_that_are_too_long_are_refused() {
    let pki = Pki::new();
    let issue = |name: &str, days| {
        let request = IssueRequest {
            issuer: Issuer::Internal,
            days,
            ..IssueRequest::new(name.parse().unwrap())
        };
        Store::open(pki.dir()).unwrap().issue(request)
    };
    assert!(matches!(issue("edge", 1), Err(TreeError::Taken { .. })));
    for reserved in ["ca", "crl", "clients"] {
        assert!(
            matches!(issue(reserved, 1), Err(TreeError::Reserved { .. })),
            "{reserved}"
        );
    }
    assert!(matches!(
        issue("forever", 36_500),
        Err(TreeError::Outlives { .. })
    ));
    assert!(!pki.path("forever").exists());
    assert!(issue("forever", 3_000).is_ok());
}

#[test]
fn revoking_adds_to_the_right_list_once() {
    let pki = Pki::new();
    let revoke = |name: &str| Store::open(pki.dir()).unwrap().revoke(name);
    let serial = |file: &str| pki.certificates(file)[0].serial().to_owned();
    let (_, first) = pki.list("clients-intermediate");

    assert_eq!(revoke("alice").unwrap().change, Change::Added(2));
    let expected = [first[0].clone(), serial("clients/alice.pem")];
    assert_eq!(pki.list("clients-intermediate"), (2, expected.to_vec()));
    let bytes = pki.read("crl/clients-intermediate.crl");
    assert_eq!(revoke("alice").unwrap().change, Change::AlreadyListed);
    assert_eq!(pki.read("crl/clients-intermediate.crl"), bytes);

    assert_eq!(revoke("edge/client").unwrap().change, Change::Added(2));
    assert_eq!(pki.list("internal"), (2, vec![serial("edge/client.pem")]));
    assert_eq!(
        revoke("ca/clients-intermediate").unwrap().change,
        Change::Added(2)
    );
    assert_eq!(
        pki.list("clients-root"),
        (2, vec![serial("ca/clients-intermediate.pem")])
    );

    assert!(matches!(revoke("mallory"), Err(TreeError::Foreign { .. })));
    assert!(matches!(revoke("ca/internal"), Err(TreeError::Root { .. })));
    assert!(matches!(revoke("nobody"), Err(TreeError::Unknown { .. })));
    for outside in ["../alice", "clients/../alice", "/etc/passwd", ""] {
        assert!(matches!(revoke(outside), Err(TreeError::Name(_))), "{outside}");
    }
}

#[test]
fn a_certificate_of_earlier_authorities_is_not_put_on_the_new_list() {
    let pki = Pki::new();
    Store::open(pki.dir())
        .unwrap()
        .issue(IssueRequest::new("carol".parse().unwrap()))
        .unwrap();
    certs::tree::init(pki.dir(), certs::tree::Existing::Replace).unwrap();
    let refused = Store::open(pki.dir()).unwrap().revoke("carol");
    assert!(
        matches!(refused, Err(TreeError::Foreign { .. })),
        "same names, other keys"
    );
    assert_eq!(pki.list("clients-intermediate").0, 1);
}

#[test]
fn earlier_entries_keep_their_reason_and_a_list_that_cannot_be_read_is_not_begun_anew() {
    let pki = Pki::new();
    Store::open(pki.dir()).unwrap().revoke("bob").unwrap();
    let der = &transport::pem::revocation_lists(&pki.path("crl/clients-intermediate.crl")).unwrap()[0];
    let (_, parsed) = CertificateRevocationList::from_der(der).unwrap();
    let reasons: Vec<Option<u8>> = parsed
        .iter_revoked_certificates()
        .map(|entry| entry.reason_code().map(|(_, reason)| reason.0))
        .collect();
    assert_eq!(reasons, [Some(1), None], "`revoked` was for keyCompromise");

    fs::write(pki.path("crl/clients-intermediate.crl"), "damaged").unwrap();
    assert!(Store::open(pki.dir()).unwrap().revoke("alice").is_err());
    assert_eq!(pki.read("crl/clients-intermediate.crl"), b"damaged");
}

#[test]
fn two_at_once_lose_nothing() {
    let pki = Pki::new();
    let people: Vec<String> = (0..8).map(|index| format!("person-{index}")).collect();
    std::thread::scope(|scope| {
        for name in &people {
            scope.spawn(|| {
                Store::open(pki.dir())
                    .unwrap()
                    .issue(IssueRequest::new(name.parse().unwrap()))
                    .unwrap();
                Store::open(pki.dir()).unwrap().revoke(name).unwrap();
            });
        }
    });
    let (number, serials) = pki.list("clients-intermediate");
    assert_eq!((number, serials.len()), (9, 9));
    for name in people {
        let serial = pki.certificates(&format!("clients/{name}.pem"))[0]
            .serial()
            .to_owned();
        assert!(serials.contains(&serial), "{name}");
    }
}
