//! What OpenSSL makes of it. A missing `openssl` is a failure, not a pass.

use std::process::{Command, Output};

use certs::tree::Store;
use certs::{Authority, Ca, KeyKind, Leaf, Revocations};

use crate::Pki;

fn openssl(arguments: &[&str]) -> Output {
    let run = Command::new("openssl").args(arguments).output();
    run.unwrap_or_else(|error| panic!("openssl cannot be run ({error}); apt-get install openssl"))
}

/// The exit was 0, and everything said.
fn told(arguments: &[&str]) -> (bool, String) {
    let output = openssl(arguments);
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

#[test]
fn chains_verify_under_their_own_root_and_no_other() {
    let pki = Pki::new();
    let (clients, internal, root) = (
        pki.text("ca/clients.pem"),
        pki.text("ca/internal.pem"),
        pki.text("ca/clients-root.pem"),
    );
    for (trusted, purpose, leaf, accepted) in [
        (&clients, "sslclient", "clients/alice", true),
        (&clients, "sslclient", "clients/bob", true),
        (&clients, "sslclient", "clients/revoked", true), // no list is asked here
        (&clients, "sslclient", "clients/expired", false),
        (&clients, "sslclient", "clients/mallory", false),
        (&clients, "sslserver", "clients/alice", false),
        (&clients, "sslclient", "edge/client", false),
        (&internal, "sslclient", "clients/alice", false),
        (&internal, "sslclient", "edge/client", true),
        (&internal, "sslclient", "gateway/client", true),
        (&internal, "sslserver", "edge/client", false),
        (&internal, "sslserver", "edge/server", true),
        (&internal, "sslserver", "gateway/server", true),
        (&internal, "sslserver", "upstream/server", true),
        (&internal, "sslclient", "upstream/server", false),
    ] {
        let leaf = pki.text(&format!("{leaf}.pem"));
        let (verified, said) = told(&[
            "verify",
            "-x509_strict",
            "-purpose",
            purpose,
            "-CAfile",
            trusted,
            "-untrusted",
            &leaf,
            &leaf,
        ]);
        assert_eq!(verified, accepted, "{leaf} as {purpose}: {said}");
    }
    // The chain in the file is enough for whoever knows the root alone.
    let alice = pki.text("clients/alice.pem");
    assert!(told(&["verify", "-CAfile", &root, "-untrusted", &alice, &alice]).0);
    assert!(!told(&["verify", "-CAfile", &root, &alice]).0);
}

#[test]
fn names_hold_for_servers() {
    let pki = Pki::new();
    let internal = pki.text("ca/internal.pem");
    for (leaf, option, name, accepted) in [
        ("edge/server", "-verify_hostname", "edge.test", true),
        ("edge/server", "-verify_ip", "127.0.0.1", true),
        ("edge/server", "-verify_hostname", "gateway.test", false),
        ("gateway/server", "-verify_hostname", "gateway.internal", true),
        ("gateway/server", "-verify_hostname", "localhost", true),
        ("upstream/server", "-verify_ip", "127.0.0.2", false),
    ] {
        let file = pki.text(&format!("{leaf}.pem"));
        let (verified, said) = told(&["verify", option, name, "-CAfile", &internal, &file]);
        assert_eq!(verified, accepted, "{leaf} as {name}: {said}");
    }
}

#[test]
fn lists_verify_and_revocation_is_seen() {
    let pki = Pki::new();
    for name in ["internal", "clients-root", "clients-intermediate"] {
        let (list, ca) = (
            pki.text(&format!("crl/{name}.crl")),
            pki.text(&format!("ca/{name}.pem")),
        );
        let (_, said) = told(&["crl", "-in", &list, "-noout", "-verify", "-CAfile", &ca]);
        assert!(said.contains("verify OK"), "{name}: {said}");
    }
    let wrong = told(&[
        "crl",
        "-in",
        &pki.text("crl/internal.crl"),
        "-noout",
        "-verify",
        "-CAfile",
        &pki.text("ca/clients.pem"),
    ]);
    assert!(!wrong.1.contains("verify OK"), "{}", wrong.1);

    let verified = |leaf: &str| {
        let (clients, list, above) = (
            pki.text("ca/clients.pem"),
            pki.text("crl/clients-intermediate.crl"),
            pki.text("crl/clients-root.crl"),
        );
        let leaf = pki.text(&format!("clients/{leaf}.pem"));
        told(&[
            "verify",
            "-crl_check_all",
            "-CRLfile",
            &list,
            "-CRLfile",
            &above,
            "-CAfile",
            &clients,
            &leaf,
        ])
    };
    assert!(verified("alice").0);
    let (accepted, said) = verified("revoked");
    assert!(!accepted && said.contains("certificate revoked"), "{said}");
    Store::open(pki.dir()).unwrap().revoke("alice").unwrap();
    let (accepted, said) = verified("alice");
    assert!(!accepted && said.contains("certificate revoked"), "{said}");
    assert!(!verified("revoked").0, "the earlier entry is still there");
    assert!(verified("bob").0);
}

#[test]
fn browsers_get_key_and_chain_with_the_password() {
    let pki = Pki::new();
    for (name, certificates) in [
        ("alice", 2),
        ("bob", 2),
        ("expired", 2),
        ("revoked", 2),
        ("mallory", 1),
    ] {
        let file = pki.text(&format!("clients/{name}.p12"));
        let (read, said) = told(&["pkcs12", "-in", &file, "-passin", "pass:changeit", "-nokeys"]);
        assert!(read, "{name}: {said}");
        assert_eq!(said.matches("BEGIN CERTIFICATE").count(), certificates, "{name}");
        assert!(
            !told(&["pkcs12", "-in", &file, "-passin", "pass:wrong", "-nokeys"]).0,
            "{name}"
        );
        let key = openssl(&[
            "pkcs12",
            "-in",
            &file,
            "-passin",
            "pass:changeit",
            "-nocerts",
            "-noenc",
        ])
        .stdout;
        let key = transport::pem::private_key_in(&key, name).unwrap();
        let chain = pki.certificates(&format!("clients/{name}.pem"));
        let ders = chain
            .iter()
            .map(|certificate| certificate.der().clone())
            .collect();
        assert!(transport::pem::certified_key(ders, key, name).is_ok(), "{name}");
    }
}

#[test]
fn every_kind_of_key_signs_certificates_and_lists() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    for kind in [
        KeyKind::P256,
        KeyKind::P384,
        KeyKind::P521,
        KeyKind::Ed25519,
        KeyKind::Rsa2048,
    ] {
        let root = Authority::root(Ca::named("Root").key(kind)).unwrap();
        let leaf = root.issue(Leaf::client("alice").key(kind)).unwrap();
        let list = root.revocation_list(Revocations::of([&leaf])).unwrap();
        let (ca, client) = (write("root.pem", root.pem()), write("leaf.pem", leaf.chain_pem()));
        let (ok, said) = told(&["verify", "-CAfile", &ca, &client]);
        assert!(ok, "{kind:?}: {said}");
        let (good, broken) = (list.pem(), list.with_broken_signature().pem());
        for (text, expected) in [(good, true), (broken, false)] {
            let file = write("list.crl", text);
            let (_, said) = told(&["crl", "-in", &file, "-noout", "-verify", "-CAfile", &ca]);
            assert_eq!(said.contains("verify OK"), expected, "{kind:?}: {said}");
        }
        let key = write("leaf.key", leaf.key_pem());
        assert!(told(&["pkey", "-in", &key, "-check", "-noout"]).0, "{kind:?}");
    }
}
