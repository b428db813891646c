//! What a policy asks of keys, purposes and leaves.

use rcgen::{
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA256,
    PKCS_ED25519, PKCS_RSA_SHA256, date_time_ymd,
};
use rustls::pki_types::CertificateDer;
use transport::certificate::PublicKey;
use transport::verify::{Expiry, KeyPolicy, Policy, Purpose};

use crate::pki::{Authority, altered, as_is, chain, element, first_of, judge, parsed, policy, reason, store};

#[test]
fn extended_key_usage_is_absent_or_holds_the_purpose() {
    let root = Authority::root("Root");
    let client = root.leaf("client");
    let server = root.leaf_but("server", |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    });
    let mail = root.leaf_but("mail", |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::EmailProtection];
    });
    let any = root.leaf_but("any", |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any];
    });
    let none = root.leaf_but("none", |params| params.extended_key_usages = Vec::new());
    let for_clients = store(&[&root.der], policy());
    let for_servers = store(
        &[&root.der],
        Policy {
            purpose: Purpose::Server,
            ..policy()
        },
    );

    let purpose = "certificate_purpose";
    for (leaf, as_client, as_server) in [
        (&client, "ok", purpose),
        (&server, purpose, "ok"),
        (&mail, purpose, purpose),
        (&any, purpose, purpose),
        (&none, "ok", "ok"),
    ] {
        assert_eq!(reason(&judge(&for_clients, &[&leaf.der])), as_client);
        assert_eq!(reason(&judge(&for_servers, &[&leaf.der])), as_server);
    }
    let refused = judge(&for_clients, &[&server.der]).expect_err("for servers");
    assert_eq!(refused.connection_log_code(), "ClientCertPurposeInvalid");

    // An authority that may only vouch for servers does not vouch for clients, root or not.
    let servers_only = |params: &mut rcgen::CertificateParams| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    };
    let narrow = root.intermediate_but("Servers", servers_only);
    let narrow_root = Authority::root_but("Servers only", servers_only);
    let both = store(&[&root.der, &narrow_root.der], policy());
    assert_eq!(
        reason(&judge(&both, &[&narrow.leaf("alice").der, &narrow.der])),
        purpose
    );
    assert_eq!(reason(&judge(&both, &[&narrow_root.leaf("alice").der])), purpose);
}

#[test]
fn a_leaf_signs_handshakes_and_issues_nothing() {
    let root = Authority::root("Root");
    let trusted = store(&[&root.der], policy());
    let authority = root.leaf_but("authority", |params| {
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    });
    let only_certificates = root.leaf_but("usage", |params| {
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    });
    let silent = root.leaf_but("silent", |params| params.key_usages = Vec::new());
    for (expected, leaf) in [
        ("certificate_purpose", &authority),
        ("certificate_purpose", &only_certificates),
        ("ok", &silent),
    ] {
        let verdict = judge(&trusted, &[&leaf.der]);
        assert_eq!(reason(&verdict), expected, "{verdict:?}");
    }
    // Nor does the root itself pass for a client.
    assert_eq!(reason(&judge(&trusted, &[&root.der])), "certificate_purpose");
}

/// The leaf with another SubjectPublicKeyInfo in it; nobody needs the private half here.
fn with_key(root: &Authority, algorithm: &[u8], key: &[u8]) -> CertificateDer<'static> {
    let bits = element(0x03, &[&[0][..], key].concat());
    let info = element(0x30, &[&element(0x30, algorithm)[..], &bits].concat());
    altered(&root.leaf("alice").der, root.issuer.key(), |fields| {
        fields[6] = info;
    })
}

fn with_rsa(root: &Authority, bits: usize) -> CertificateDer<'static> {
    const RSA_ENCRYPTION: [u8; 13] = [0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 0x05, 0x00];
    let octets = bits.div_ceil(8);
    let mut modulus = vec![0xff; octets];
    modulus[0] = 0xff >> (octets * 8 - bits);
    if bits.is_multiple_of(8) {
        modulus.insert(0, 0);
    }
    let numbers = [element(0x02, &modulus), element(0x02, &[1, 0, 1])].concat();
    with_key(root, &RSA_ENCRYPTION, &element(0x30, &numbers))
}

fn with_curve(root: &Authority, curve: &[u8]) -> CertificateDer<'static> {
    const EC_PUBLIC_KEY: [u8; 9] = [0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
    let algorithm = [&EC_PUBLIC_KEY[..], &element(0x06, curve)].concat();
    with_key(root, &algorithm, &[&[4][..], &[7; 64]].concat())
}

#[test]
fn keys_are_of_the_list_and_no_other() {
    let root = Authority::root("Root");
    let generated = |algorithm| {
        let key = KeyPair::generate_for(algorithm).expect("a key");
        root.leaf_with("alice", as_is, key).der
    };
    let secp256k1 = with_curve(&root, &[0x2b, 0x81, 0x04, 0x00, 0x0a]);
    let weak = "certificate_weak";
    let cases = [
        (root.leaf("alice").der, PublicKey::P256, "ok", "ok"),
        (generated(&PKCS_ECDSA_P384_SHA384), PublicKey::P384, "ok", "ok"),
        (generated(&PKCS_ECDSA_P521_SHA256), PublicKey::P521, "ok", "ok"),
        (
            generated(&PKCS_RSA_SHA256),
            PublicKey::Rsa { bits: 2048 },
            "ok",
            "ok",
        ),
        (generated(&PKCS_ED25519), PublicKey::Ed25519, "ok", weak),
        (with_rsa(&root, 1024), PublicKey::Rsa { bits: 1024 }, weak, weak),
        (with_rsa(&root, 2047), PublicKey::Rsa { bits: 2047 }, weak, weak),
        (with_rsa(&root, 8192), PublicKey::Rsa { bits: 8192 }, "ok", "ok"),
        (with_rsa(&root, 8193), PublicKey::Rsa { bits: 8193 }, weak, weak),
        (with_rsa(&root, 16384), PublicKey::Rsa { bits: 16384 }, weak, weak),
        (secp256k1, PublicKey::Other, weak, weak),
    ];
    for (leaf, key, at_the_gateway, at_the_edge) in cases {
        assert_eq!(parsed(&leaf).public_key(), key);
        for (keys, expected) in [
            (KeyPolicy::Gateway, at_the_gateway),
            (KeyPolicy::Alb, at_the_edge),
        ] {
            let verdict = judge(&store(&[&root.der], Policy { keys, ..policy() }), &[&leaf]);
            assert_eq!(reason(&verdict), expected, "{key} for {keys:?}: {verdict:?}");
        }
    }
}

#[test]
fn keys_of_issuers_count_too() {
    let edwards = || KeyPair::generate_for(&PKCS_ED25519).expect("a key");
    let mut root = Authority::root("Root");
    let key = edwards();
    root.der = root.params.self_signed(&key).expect("a root").der().clone();
    root.issuer = rcgen::Issuer::new(root.params.clone(), key);
    let alice = root.leaf("alice");
    for (keys, expected) in [(KeyPolicy::Gateway, "ok"), (KeyPolicy::Alb, "certificate_weak")] {
        let verdict = judge(&store(&[&root.der], Policy { keys, ..policy() }), &[&alice.der]);
        assert_eq!(reason(&verdict), expected, "{verdict:?}");
    }
}

#[test]
fn a_signature_by_sha1_does_not_count() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    let root = Authority::root("Root");
    std::fs::write(path("ca.pem"), rcgen_pem("CERTIFICATE", &root.der)).expect("written");
    std::fs::write(path("ca.key"), root.issuer.key().serialize_pem()).expect("written");
    std::fs::write(
        path("extensions"),
        "basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n",
    )
    .expect("written");
    for (digest, expected) in [("-sha256", "ok"), ("-sha1", "certificate_untrusted")] {
        openssl(
            directory.path(),
            &[
                "req",
                "-new",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-keyout",
                "leaf.key",
                "-subj",
                "/CN=alice",
                "-out",
                "leaf.csr",
            ],
        );
        openssl(
            directory.path(),
            &[
                "x509",
                "-req",
                "-in",
                "leaf.csr",
                "-CA",
                "ca.pem",
                "-CAkey",
                "ca.key",
                "-set_serial",
                "7",
                digest,
                "-days",
                "9000",
                "-extfile",
                "extensions",
                "-outform",
                "DER",
                "-out",
                "leaf.der",
            ],
        );
        let leaf = CertificateDer::from(std::fs::read(path("leaf.der")).expect("a leaf"));
        let until = parsed(&leaf).not_before(); // made a moment ago, after the tests' usual present
        let verdict = store(&[&root.der], policy()).verify(&chain(&[&leaf]), until);
        assert_eq!(reason(&verdict), expected, "{digest}: {verdict:?}");
    }
}

fn rcgen_pem(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let body = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

fn openssl(directory: &std::path::Path, arguments: &[&str]) {
    let output = std::process::Command::new("openssl")
        .args(arguments)
        .current_dir(directory)
        .output()
        .expect("openssl is needed for this test: apt-get install openssl");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn ended(params: &mut rcgen::CertificateParams) {
    params.not_after = date_time_ymd(2025, 1, 1);
}

#[test]
fn an_expired_leaf_passes_where_expiry_is_ignored_and_nothing_else_does() {
    let lenient = Policy {
        expiry: Expiry::LeafIgnored,
        ..policy()
    };
    let root = Authority::root("Root");
    let ended_intermediate = root.intermediate_but("Ended", ended);
    let good_intermediate = root.intermediate("Good");
    let early_intermediate =
        root.intermediate_but("Early", |params| params.not_before = date_time_ymd(2027, 1, 1));
    let ended_root = Authority::root_but("Ended root", ended);
    let trusted = store(&[&root.der, &ended_root.der], lenient);

    let expired = root.leaf_but("alice", ended);
    let path = judge(&trusted, &[&expired.der]).expect("expiry is ignored");
    assert_eq!(
        path.valid_until(),
        first_of(2090),
        "the leaf's own date does not count"
    );
    assert_eq!(
        reason(&judge(
            &trusted,
            &[
                &good_intermediate.leaf_but("alice", ended).der,
                &good_intermediate.der
            ]
        )),
        "ok"
    );

    let cases = [
        (
            "certificate_not_yet_valid",
            vec![
                root.leaf_but("early", |params| params.not_before = date_time_ymd(2027, 1, 1))
                    .der,
            ],
        ),
        // The intermediate was valid at the leaf's last second, but is not now.
        (
            "certificate_expired",
            vec![
                ended_intermediate.leaf_but("alice", ended).der,
                ended_intermediate.der.clone(),
            ],
        ),
        (
            "certificate_expired",
            vec![
                ended_intermediate.leaf("alice").der,
                ended_intermediate.der.clone(),
            ],
        ),
        (
            "certificate_expired",
            vec![ended_root.leaf_but("alice", ended).der],
        ),
        (
            "certificate_not_yet_valid",
            vec![
                early_intermediate.leaf("alice").der,
                early_intermediate.der.clone(),
            ],
        ),
    ];
    for (expected, certificates) in cases {
        let verdict = judge(&trusted, &certificates.iter().collect::<Vec<_>>());
        assert_eq!(reason(&verdict), expected, "{verdict:?}");
    }
}
