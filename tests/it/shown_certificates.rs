//! Which certificate a client is shown: by its server name, by the keys that it can check, and from the next handshake
//! after a reload on.

use std::net::SocketAddr;

use certs::{Authority, KeyKind, Leaf};
use harness::outside::{gnutls_cli, s_client};
use harness::program::Said;
use harness::stack::{Plan, Stack};

/// Certificates whose common names say what they are, the document that shows them, and nobody who is asked for one.
fn without_default() -> Plan {
    let authority = Authority::root("Shown Root").unwrap();
    let mut plan = Stack::with("shown.yaml")
        .without_edge()
        .file("shown/ca.pem", authority.pem());
    for (name, kind) in [
        ("default", KeyKind::P256),
        ("default-rsa", KeyKind::Rsa2048),
        ("default-p384", KeyKind::P384),
        ("exact", KeyKind::P256),
        ("exact-rsa", KeyKind::Rsa2048),
        ("left", KeyKind::P384),
        ("right", KeyKind::P521),
        ("star", KeyKind::Rsa2048),
    ] {
        let issued = authority.issue(Leaf::server(name).key(kind)).unwrap();
        plan = plan
            .file(&format!("shown/{name}.pem"), issued.chain_pem())
            .file(&format!("shown/{name}.key"), issued.key_pem());
    }
    plan.gateway("trusted_edges", "")
        .gateway("trusted_edge_ca", "")
        .gateway("trusted_edge_revocation_lists", "")
        .gateway("revocation_lists", "")
}

/// The same with a default of the node's.
fn shown() -> Plan {
    without_default()
        .gateway("ssl_cert", "pki/shown/default.pem, pki/shown/default-rsa.pem")
        .gateway("ssl_cert_key", "pki/shown/default.key, pki/shown/default-rsa.key")
}

/// The common name of what is shown; `-` where the handshake fails.
fn subject(said: &Said) -> String {
    let mut lines = said.stdout.lines();
    let subject = lines.find_map(|line| line.strip_prefix("subject=CN"));
    subject
        .map_or("-", |name| name.trim_start_matches([' ', '=']))
        .to_owned()
}

fn seen(address: SocketAddr, options: &[&str]) -> String {
    let said = s_client(address, options, "/");
    let name = subject(&said);
    assert_eq!(
        name != "-",
        said.stdout.contains("HTTP/1.1 200 "),
        "{options:?}: {said:?}"
    );
    name
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_name_decides_in_kongs_order() {
    let stack = shown().start().await;
    let address = stack.gateway().address();
    for (name, expected) in [
        ("exact.test", "exact"),
        ("EXACT.Test", "exact"),
        ("exact.test.", "exact"),
        ("both.wild.test", "exact"),
        ("a.wild.test", "left"),
        ("A.Wild.Test.", "left"),
        ("mixed.test", "left"),
        // Both wildcards fit: the left one is looked for first.
        ("x.wild.test", "left"),
        ("x.wild.example", "right"),
        ("right.example", "right"),
        // One label is replaced, never two, and never the only one.
        ("a.b.wild.test", "star"),
        ("wild.test", "star"),
        ("right.co.example", "star"),
        ("right", "star"),
        ("unknown.example", "star"),
        ("localhost", "star"),
        // Not names: as if there were none.
        ("127.0.0.1", "default"),
        ("::1", "default"),
        // Malformed: refused by an alert, before anything is chosen.
        ("exact.test:8443", "-"),
        ("exact..test", "-"),
        ("-.test", "-"),
        ("*.wild.test", "-"),
    ] {
        for version in ["-tls1_2", "-tls1_3"] {
            assert_eq!(
                seen(address, &["-servername", name, version]),
                expected,
                "{name} {version}"
            );
        }
    }
    assert_eq!(
        seen(address, &["-noservername"]),
        "default",
        "never the one of `*`"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_star_an_unknown_name_gets_the_default() {
    let stack = shown().replace("snis: [\"*\"]", "snis: []").start().await;
    let address = stack.gateway().address();
    for (name, expected) in [
        ("unknown.example", "default"),
        ("wild.test", "default"),
        ("a.wild.test", "left"),
    ] {
        assert_eq!(seen(address, &["-servername", name]), expected, "{name}");
    }
}

/// What a client can check: `openssl` options.
const RSA_ONLY: [&[&str]; 3] = [
    &["-sigalgs", "rsa_pss_rsae_sha256:RSA+SHA256"],
    &["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"],
    &["-tls1_2", "-sigalgs", "RSA+SHA256"],
];
const ECDSA_ONLY: [&[&str]; 3] = [
    &["-sigalgs", "ECDSA+SHA256"],
    &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"],
    &["-tls1_3"],
];

#[tokio::test(flavor = "multi_thread")]
async fn of_two_certificates_a_client_gets_the_one_that_it_can_check() {
    let stack = shown().start().await;
    let address = stack.gateway().address();
    for (name, ecdsa, rsa) in [
        (["-noservername"].as_slice(), "default", "default-rsa"),
        (&["-servername", "exact.test"], "exact", "exact-rsa"),
    ] {
        for (able, expected) in [(RSA_ONLY, rsa), (ECDSA_ONLY, ecdsa)] {
            for options in able {
                assert_eq!(
                    seen(address, &[name, options].concat()),
                    expected,
                    "{name:?} {options:?}"
                );
            }
        }
    }
    // One certificate, and a client that cannot check it: there is no falling back to another name's.
    for (name, options) in [("left.wild.test", RSA_ONLY), ("unknown.example", ECDSA_ONLY)] {
        for options in options.iter().take(2) {
            let options = [&["-servername", name], *options].concat();
            assert_eq!(seen(address, &options), "-", "{options:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gnutls_verifies_what_it_is_shown() {
    let stack = shown().start().await;
    let address = stack.gateway().address();
    let trusted = format!("--x509cafile={}", stack.pki.path("shown/ca.pem").display());
    for (sni, verified, priority, works) in table! {
        ("exact.test", "exact", "NORMAL", true);
        ("exact.test", "exact", "NORMAL:-VERS-TLS1.3", true);
        ("exact.test", "exact-rsa", "NORMAL:-SIGN-ALL:+SIGN-RSA-PSS-RSAE-SHA256:+SIGN-RSA-SHA256", true);
        ("exact.test", "exact-rsa", "NORMAL:-VERS-TLS1.3:-ECDHE-ECDSA", true);
        ("a.wild.test", "left", "NORMAL", true);
        ("right.example", "right", "NORMAL", true);
        ("unknown.example", "star", "NORMAL", true);
        ("exact.test", "left", "NORMAL", false);
    } {
        let (sni, verified) = (
            format!("--sni-hostname={sni}"),
            format!("--verify-hostname={verified}"),
        );
        let priority = format!("--priority={priority}");
        let said = gnutls_cli(address, &[&trusted, &sni, &verified, &priority], "/");
        assert_eq!(
            said.stdout.contains("HTTP/1.1 200 "),
            works,
            "{sni} {verified} {priority}: {said:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_certificate_there_is_a_self_signed_pair() {
    let stack = without_default()
        .replace("snis: [\"*\"]", "snis: []")
        .gateway("ssl_cert", "")
        .gateway("ssl_cert_key", "")
        .start()
        .await;
    let address = stack.gateway().address();
    let look = |options: &[&str]| {
        let said = s_client(address, options, "/");
        assert_eq!(subject(&said), "localhost", "{options:?}: {said:?}");
        let (_, rest) = said.stdout.split_once("-----BEGIN CERTIFICATE-----").unwrap();
        let (pem, rest) = rest.split_once("-----END").unwrap();
        (pem.to_owned(), rest.contains("Server public key is 2048 bit"))
    };
    let (ecdsa, is_rsa) = look(&["-noservername"]);
    assert!(!is_rsa);
    for options in RSA_ONLY {
        let (_, is_rsa) = look(options);
        assert!(is_rsa, "{options:?}");
    }
    stack.reload_gateway().await;
    let (again, _) = look(&["-servername", "unknown.example"]);
    assert_eq!(again, ecdsa, "a client that pinned it stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_acts_on_the_next_handshake() {
    let stack = shown().start().await;
    let address = stack.gateway().address();
    for (from, to, name, expected) in [
        ("[exact.test,", "[other.test,", "exact.test", "star"),
        ("[\"*\"]", "[renamed.test]", "exact.test", "default"),
        ("Mixed.Test", "exact.test", "exact.test", "left"),
    ] {
        stack.change("kong.yaml", from, to);
        stack.reload_gateway().await;
        assert_eq!(seen(address, &["-servername", name]), expected, "{from} → {to}");
    }
    // A file of the node's that was replaced, as a renewal does.
    for suffix in ["pem", "key"] {
        let file = |name: &str| stack.pki.path(&format!("shown/{name}.{suffix}"));
        std::fs::copy(file("right"), file("default")).unwrap();
    }
    assert_eq!(
        seen(address, &["-noservername"]),
        "default",
        "not before the reload"
    );
    stack.reload_gateway().await;
    assert_eq!(seen(address, &["-noservername"]), "right");
    // A pair that does not fit is refused, and what was in force stays.
    std::fs::copy(
        stack.pki.path("shown/left.key"),
        stack.pki.path("shown/default.key"),
    )
    .unwrap();
    stack.reload_gateway_in_vain().await;
    assert_eq!(seen(address, &["-noservername"]), "right");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_edge_shows_the_certificate_that_has_the_name() {
    let authority = Authority::root("Shown Root").unwrap();
    let mut plan = Stack::with("hop.yaml");
    for (name, leaf) in [
        (
            "default",
            Leaf::server("default").dns("edge.test").dns("own.wild.test"),
        ),
        (
            "default-rsa",
            Leaf::server("default-rsa").dns("edge.test").key(KeyKind::Rsa2048),
        ),
        ("wild", Leaf::server("wild").dns("*.wild.test")),
        ("named", Leaf::server("named").dns("a.wild.test").dns("Edge.Test")),
    ] {
        let issued = authority.issue(leaf).unwrap();
        plan = plan
            .file(&format!("shown/{name}.pem"), issued.chain_pem())
            .file(&format!("shown/{name}.key"), issued.key_pem());
    }
    plan = plan
        .edge("LISTENERS__OFF__TLS__CERTIFICATE", "pki/shown/default.pem")
        .edge("LISTENERS__OFF__TLS__PRIVATE_KEY", "pki/shown/default.key");
    let listed = ["default-rsa", "wild", "named"].map(|name| {
        format!("{{ certificate = \"pki/shown/{name}.pem\", private_key = \"pki/shown/{name}.key\" }}")
    });
    let listed = format!(
        "[listeners.off.tls]\nadditional_certificates = [{}]",
        listed.join(", ")
    );
    let stack = plan.edge_replacing("[listeners.off.tls]", &listed).start().await;
    let address = stack.edge("off").address();
    let seen = |options: &[&str]| subject(&s_client(address, options, "/public"));
    for (options, expected) in table! {
        (["-noservername"].as_slice(), "default");
        (&["-servername", "unknown.example"], "default");
        (&["-servername", "127.0.0.1"], "default");
        (&["-servername", "edge.test"], "default");
        (&["-servername", "EDGE.test."], "default");
        // Beside it there is one for clients that know RSA alone; not where no name was asked for.
        (&["-servername", "edge.test", "-sigalgs", "rsa_pss_rsae_sha256"], "default-rsa");
        (&["-noservername", "-sigalgs", "rsa_pss_rsae_sha256"], "-");
        // The default's own name is not taken by another's wildcard.
        (&["-servername", "own.wild.test"], "default");
        (&["-servername", "a.wild.test"], "named");
        (&["-servername", "b.wild.test"], "wild");
        (&["-servername", "b.c.wild.test"], "default");
    } {
        assert_eq!(seen(options), expected, "{options:?}");
    }
    // A certificate that was renewed: from the reload on, with the next handshake.
    for suffix in ["pem", "key"] {
        let file = |name: &str| stack.pki.path(&format!("shown/{name}.{suffix}"));
        std::fs::copy(file("named"), file("default")).unwrap();
    }
    assert_eq!(seen(&["-noservername"]), "default", "not before the reload");
    stack.reload_edge();
    assert_eq!(seen(&["-noservername"]), "named");
}

#[test]
fn a_second_certificate_of_one_key_type_is_warned_of() {
    for (second, warned) in [("default-rsa", false), ("default-p384", false), ("exact", true)] {
        let plan = without_default()
            .gateway(
                "ssl_cert",
                &format!("pki/shown/default.pem, pki/shown/{second}.pem"),
            )
            .gateway(
                "ssl_cert_key",
                &format!("pki/shown/default.key, pki/shown/{second}.key"),
            );
        let warnings = plan.warnings().join("\n");
        assert_eq!(
            warnings.contains("is never shown: an earlier certificate"),
            warned,
            "{second}: {warnings}"
        );
    }
    // One that cannot be used is never skipped.
    for (certificate, key) in [("default", "exact"), ("missing", "exact"), ("ca", "default")] {
        let plan = without_default()
            .gateway(
                "ssl_cert",
                &format!("pki/shown/left.pem, pki/shown/{certificate}.pem"),
            )
            .gateway(
                "ssl_cert_key",
                &format!("pki/shown/left.key, pki/shown/{key}.key"),
            );
        let report = plan
            .refusal()
            .map(|report| report.to_string())
            .unwrap_or_default();
        assert!(
            report.contains("ssl_cert[1]") || report.contains("unreadable-file"),
            "{certificate}: {report}"
        );
    }
}
