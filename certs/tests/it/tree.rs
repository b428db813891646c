//! The tree that `certs init` writes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use certs::tree::{self, Existing, IssueRequest, Issuer, Store, TreeError};
use transport::certificate::PublicKey;
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;

use crate::{Pki, names};

const YEAR: Duration = Duration::from_hours(365 * 24);

fn files(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path.strip_prefix(dir).unwrap().display().to_string());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn the_files_are_those_of_the_contract_and_keys_are_the_owners() {
    let pki = Pki::new();
    let mut expected: Vec<String> = Vec::new();
    for name in ["internal", "clients-root", "clients-intermediate"] {
        expected.extend([
            format!("ca/{name}.pem"),
            format!("ca/{name}.key"),
            format!("crl/{name}.crl"),
        ]);
    }
    expected.push("ca/clients.pem".to_owned());
    for pair in [
        "edge/server",
        "edge/client",
        "gateway/server",
        "gateway/client",
        "upstream/server",
    ] {
        expected.extend([format!("{pair}.pem"), format!("{pair}.key")]);
    }
    for name in ["alice", "bob", "expired", "revoked", "mallory"] {
        expected.extend(["pem", "key", "p12"].map(|suffix| format!("clients/{name}.{suffix}")));
    }
    expected.sort();
    assert_eq!(files(pki.dir()), expected);
    for file in expected {
        let mode = fs::metadata(pki.path(&file)).unwrap().permissions().mode() & 0o777;
        let secret = [".key", ".p12"].iter().any(|suffix| file.ends_with(suffix));
        assert_eq!(mode == 0o600, secret, "{file}: {mode:o}");
    }
}

#[test]
fn every_leaf_has_its_names() {
    let pki = Pki::new();
    let (internal, intermediate, mallory) = (
        "CN=Sallyport Internal Root,O=Sallyport",
        "CN=Sallyport Clients Intermediate,O=Sallyport",
        "CN=Mallory Root,O=Sallyport",
    );
    let local = "dns:localhost ip:127.0.0.1";
    for (stem, subject, sans, issuer) in [
        (
            "edge/server",
            "CN=edge.test",
            format!("dns:edge.test {local}"),
            internal,
        ),
        (
            "edge/client",
            "CN=edge.internal",
            "dns:edge.internal".to_owned(),
            internal,
        ),
        (
            "gateway/server",
            "CN=gateway.internal",
            format!("dns:gateway.internal dns:gateway.test {local}"),
            internal,
        ),
        (
            "gateway/client",
            "CN=gateway.internal",
            "dns:gateway.internal".to_owned(),
            internal,
        ),
        (
            "upstream/server",
            "CN=upstream.test",
            format!("dns:upstream.test {local}"),
            internal,
        ),
        (
            "clients/alice",
            "CN=alice",
            "email:alice@example.com".to_owned(),
            intermediate,
        ),
        (
            "clients/bob",
            "CN=bob",
            "email:bob@example.com".to_owned(),
            intermediate,
        ),
        (
            "clients/expired",
            "CN=expired",
            "email:expired@example.com".to_owned(),
            intermediate,
        ),
        (
            "clients/revoked",
            "CN=revoked",
            "email:revoked@example.com".to_owned(),
            intermediate,
        ),
        (
            "clients/mallory",
            "CN=alice",
            "email:alice@example.com".to_owned(),
            mallory,
        ),
    ] {
        let leaf = &pki.certificates(&format!("{stem}.pem"))[0];
        assert_eq!(leaf.subject().to_string(), subject, "{stem}");
        assert_eq!(leaf.issuer().to_string(), issuer, "{stem}");
        assert_eq!(names(leaf).join(" "), sans, "{stem}");
    }
}

#[test]
fn every_leaf_has_its_chain_its_key_and_its_term() {
    let pki = Pki::new();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let tiers = [
        "edge/server",
        "edge/client",
        "gateway/server",
        "gateway/client",
        "upstream/server",
    ];
    let clients = [
        "clients/alice",
        "clients/bob",
        "clients/expired",
        "clients/revoked",
    ];
    let lengths = tiers
        .map(|stem| (stem, 1))
        .into_iter()
        .chain(clients.map(|stem| (stem, 2)));
    for (stem, length) in lengths.chain([("clients/mallory", 1)]) {
        let chain = pki.certificates(&format!("{stem}.pem"));
        let leaf = &chain[0];
        assert_eq!(leaf.public_key(), PublicKey::P256, "{stem}");
        assert!(!leaf.is_ca(), "{stem}");
        assert_eq!(
            leaf.revocation_list_uris().map(<[String]>::len),
            Some(1),
            "{stem}"
        );
        assert_eq!(chain.len(), length, "{stem}");
        for pair in chain.windows(2) {
            assert_eq!(pair[0].issuer(), pair[1].subject(), "{stem}: leaf first");
        }
        assert!(
            chain.iter().all(|certificate| !certificate.is_self_signed()),
            "{stem}: no root"
        );
        let left = Duration::from_secs(leaf.not_after().as_secs()).checked_sub(now);
        assert_eq!(
            left.is_some_and(|left| left > YEAR),
            stem != "clients/expired",
            "{stem}: {left:?}"
        );
        let key = transport::pem::private_key(&pki.path(&format!("{stem}.key"))).unwrap();
        let ders = chain
            .iter()
            .map(|certificate| certificate.der().clone())
            .collect();
        assert!(
            transport::pem::certified_key(ders, key, stem).is_ok(),
            "{stem}: the key is the leaf's"
        );
    }
    let expired = &pki.certificates("clients/expired.pem");
    assert!(expired[0].not_after().as_secs() < now.as_secs());
    assert!(
        expired[0].not_before() > expired[1].not_before(),
        "it was valid while its issuer was"
    );
}

#[test]
fn there_are_two_roots_and_mallorys_is_not_among_them() {
    let pki = Pki::new();
    let subject = |file: &str| -> Vec<String> {
        pki.certificates(file)
            .iter()
            .map(|certificate| certificate.subject().to_string())
            .collect()
    };
    let (root, intermediate) = (
        "CN=Sallyport Clients Root,O=Sallyport",
        "CN=Sallyport Clients Intermediate,O=Sallyport",
    );
    assert_eq!(subject("ca/clients.pem"), [intermediate, root]);
    assert_eq!(subject("ca/clients-root.pem"), [root]);
    assert_eq!(subject("ca/clients-intermediate.pem"), [intermediate]);
    assert_eq!(
        subject("ca/internal.pem"),
        ["CN=Sallyport Internal Root,O=Sallyport"]
    );
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    for (file, self_signed) in [
        ("ca/internal.pem", true),
        ("ca/clients-root.pem", true),
        ("ca/clients-intermediate.pem", false),
    ] {
        let authority = &pki.certificates(file)[0];
        assert!(
            authority.is_ca() && authority.may_sign_certificates() && authority.may_sign_revocation_lists()
        );
        assert_eq!(authority.is_self_signed(), self_signed, "{file}");
        assert_eq!(authority.revocation_list_uris().is_some(), !self_signed, "{file}");
        assert!(
            Duration::from_secs(authority.not_after().as_secs()) > now + 9 * YEAR,
            "{file}"
        );
        let key = transport::pem::private_key(&pki.path(&file.replace(".pem", ".key"))).unwrap();
        assert!(transport::pem::certified_key(vec![authority.der().clone()], key, file).is_ok());
    }
}

#[test]
fn lists_are_fresh_for_over_a_year_and_only_revoked_is_revoked() {
    let pki = Pki::new();
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap();
    let revoked = pki.certificates("clients/revoked.pem")[0].serial().to_owned();
    for (name, entries) in [
        ("internal", vec![]),
        ("clients-root", vec![]),
        ("clients-intermediate", vec![revoked]),
    ] {
        assert_eq!(pki.list(name), (1, entries));
        let der = &transport::pem::revocation_lists(&pki.path(&format!("crl/{name}.crl"))).unwrap()[0];
        let (_, list) = CertificateRevocationList::from_der(der).unwrap();
        assert!(list.last_update().timestamp() < now);
        assert!(list.next_update().unwrap().timestamp() > now + i64::try_from(YEAR.as_secs()).unwrap());
    }
}

#[test]
fn a_directory_that_holds_one_is_left_alone_until_force_and_then_replaced_wholly() {
    let pki = Pki::new();
    let before: Vec<Vec<u8>> = files(pki.dir()).iter().map(|file| pki.read(file)).collect();
    assert!(matches!(
        tree::init(pki.dir(), Existing::Refuse),
        Err(TreeError::Occupied { .. })
    ));
    let untouched: Vec<Vec<u8>> = files(pki.dir()).iter().map(|file| pki.read(file)).collect();
    assert_eq!(before, untouched);

    let names = files(pki.dir());
    let made = tree::init(pki.dir(), Existing::Replace).unwrap();
    assert!(made.orphans.is_empty());
    assert_eq!(files(pki.dir()), names);
    for (file, old) in names.iter().zip(before) {
        assert_ne!(pki.read(file), old, "{file}");
    }
}

#[test]
fn a_half_written_one_is_repaired_by_force_and_what_others_left_is_named() {
    let pki = Pki::new();
    let names = files(pki.dir());
    Store::open(pki.dir())
        .unwrap()
        .issue(IssueRequest::new("carol".parse().unwrap()))
        .unwrap();
    let shop = IssueRequest {
        issuer: Issuer::Internal,
        ..IssueRequest::new("shop".parse().unwrap())
    };
    Store::open(pki.dir()).unwrap().issue(shop).unwrap();
    fs::remove_file(pki.path("ca/internal.key")).unwrap();
    fs::write(pki.path("clients/alice.pem"), "half").unwrap();
    fs::create_dir(pki.path(".certs-staging")).unwrap();
    assert!(matches!(Store::open(pki.dir()), Err(TreeError::Absent { .. })));
    assert!(matches!(
        tree::init(pki.dir(), Existing::Refuse),
        Err(TreeError::Occupied { .. })
    ));

    let orphans = tree::init(pki.dir(), Existing::Replace).unwrap().orphans;
    let orphans: Vec<String> = orphans.iter().map(|path| path.display().to_string()).collect();
    let expected = [
        "clients/carol.key",
        "clients/carol.p12",
        "clients/carol.pem",
        "shop/server.key",
        "shop/server.pem",
    ];
    assert_eq!(orphans, expected);
    let left: Vec<String> = files(pki.dir())
        .into_iter()
        .filter(|file| !orphans.contains(file))
        .collect();
    assert_eq!(left, names);
    assert_eq!(pki.certificates("clients/alice.pem").len(), 2);
}

#[test]
fn what_cannot_be_replaced_wholly_is_not_replaced_at_all() {
    let pki = Pki::new();
    let before = pki.read("ca/internal.pem");
    fs::remove_dir_all(pki.path("upstream")).unwrap();
    fs::write(pki.path("upstream"), "a file where a directory should be").unwrap();
    assert!(matches!(
        tree::init(pki.dir(), Existing::Replace),
        Err(TreeError::Io { .. })
    ));
    assert_eq!(pki.read("ca/internal.pem"), before);
    assert!(!pki.path(".certs-staging").exists());
}
