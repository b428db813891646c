//! Private keys that are in the environment, in a systemd credential or on a token (SoftHSM2) instead of a file: both
//! programs, every place where a key is configured, curl and openssl in front, nginx behind.

mod broken_tokens;
mod refusals;
mod reloads;
mod world;

use certs::{Authority, KeyKind, Leaf};
use harness::outside::{curl, s_client};
use harness::stack::Stack;

use self::world::{Hop, World, edge_file};

/// How a key is referred to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    File,
    Environment,
    Base64,
    Credential,
    Token,
}

/// Client → edge → gateway → nginx: the edge and the gateway show server certificates and client certificates, nginx
/// takes nobody who has none, and so does the gateway.
fn through_both(kept: Kept, keys: &'static str, tls: &'static str) {
    let world = World::of(&[keys]);
    let hop = Hop::start(&world, kept, keys, tls);
    let what = format!("{kept:?} {keys} {tls}");
    let ca = world.file("pki/ca/internal.pem");
    let url = format!("https://edge.test:{}/", hop.edge.port());
    let resolve = format!("edge.test:{}:127.0.0.1", hop.edge.port());
    let said = tokio::task::block_in_place(|| {
        curl(&[
            "--cacert",
            &ca,
            "--resolve",
            &resolve,
            "--tls-max",
            tls,
            "--write-out",
            " %{http_code}",
            &url,
        ])
    });
    assert_eq!(
        said.stdout,
        "CN=gateway of internal|edge of internal|TLSv1.x 200".replace("1.x", tls),
        "{what}: {said:?}\n{}\n{}",
        hop.edge_output(),
        hop.gateway_output()
    );
    // What each of them signed with, where a client can see it.
    let kind = match (keys, tls) {
        ("ec", _) => "Peer signature type: ECDSA",
        ("rsa", _) => "Peer signature type: RSA-PSS",
        other => panic!("{other:?}"),
    };
    let version = format!("-tls{}", tls.replace('.', "_"));
    for (address, name) in [
        (hop.edge, "edge.test"),
        (hop.edge, "sni.edge.test"),
        (hop.gateway, "gateway.internal"),
        (hop.gateway, "sni.gateway.test"),
    ] {
        let options = [
            "-servername",
            name,
            "-CAfile",
            &ca,
            "-verify_return_error",
            &version,
        ];
        let said = s_client(address, &options, "/");
        assert!(said.stdout.contains(kind), "{what} {name}: {said:?}");
        assert!(
            said.stdout.contains(&format!("subject=CN = {name}")),
            "{what} {name}: {said:?}"
        );
        if keys == "rsa" && tls == "1.2" {
            let options = [&options[..], &["-sigalgs", "RSA+SHA384"]].concat();
            let said = s_client(address, &options, "/");
            assert!(
                said.stdout.contains("Peer signature type: RSA\n"),
                "{what} {name}: {said:?}"
            );
            assert!(
                said.stdout.contains("Peer signing digest: SHA384"),
                "{what} {name}: {said:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_in_files_are_used_at_every_place() {
    through_both(Kept::File, "ec", "1.3");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_in_the_environment_are_used_at_every_place() {
    through_both(Kept::Environment, "ec", "1.2");
    through_both(Kept::Base64, "rsa", "1.3");
}

#[tokio::test(flavor = "multi_thread")]
async fn systemd_credentials_are_used_at_every_place() {
    through_both(Kept::Credential, "rsa", "1.2");
    through_both(Kept::Credential, "ec", "1.3");
}

#[tokio::test(flavor = "multi_thread")]
async fn ecdsa_keys_on_a_token_are_used_at_every_place() {
    through_both(Kept::Token, "ec", "1.2");
    through_both(Kept::Token, "ec", "1.3");
}

#[tokio::test(flavor = "multi_thread")]
async fn rsa_keys_on_a_token_are_used_at_every_place() {
    through_both(Kept::Token, "rsa", "1.2");
    through_both(Kept::Token, "rsa", "1.3");
}

/// Those that the tables above have not: P-384, P-521 and Ed25519, at the one listener that shows them.
#[tokio::test(flavor = "multi_thread")]
async fn every_type_of_key_signs_on_a_token() {
    let world = World::of(&["ec"]);
    let internal = world.pki.authority("internal");
    let mut listed = Vec::new();
    for (at, (name, kind)) in [
        ("p384", KeyKind::P384),
        ("p521", KeyKind::P521),
        ("ed25519", KeyKind::Ed25519),
    ]
    .into_iter()
    .enumerate()
    {
        let issued = internal
            .issue(Leaf::server(&format!("{name}.test")).key(kind))
            .unwrap();
        world.write(&format!("{name}.pem"), &issued.chain_pem());
        world.token.import(name, &format!("a{at}"), &issued.key_pem());
        let key = world.token.key(name);
        listed.push(format!(
            "{{ certificate = \"{name}.pem\", private_key = \"{key}\" }}"
        ));
    }
    let target = "protocol = \"http\"\ntargets = [\"127.0.0.1:9\"]\n";
    let text = edge_file(
        (&world.token.key("edge-ec"), &world.token.key("edge-sni-ec")),
        "ec",
        target,
    );
    let more = format!("additional_certificates = [{}, ", listed.join(", "));
    world.write("edge.toml", &text.replace("additional_certificates = [", &more));
    let program = world.start("edge-proxy", "edge.toml", &[]);
    let address = program.address("public").unwrap();
    let ca = world.file("pki/ca/internal.pem");
    for (name, kind, digest) in [
        ("p384", "ECDSA", "Peer signing digest: SHA384"),
        ("p521", "ECDSA", "Peer signing digest: SHA512"),
        ("ed25519", "ed25519", ""),
    ] {
        for version in ["-tls1_2", "-tls1_3"] {
            let name = format!("{name}.test");
            let options = [
                "-servername",
                &name,
                "-CAfile",
                &ca,
                "-verify_return_error",
                version,
            ];
            let said = s_client(address, &options, "/");
            let kind = format!("Peer signature type: {kind}");
            assert!(
                said.stdout.contains(&kind) && said.stdout.contains(digest),
                "{name} {version}: {said:?}"
            );
            assert!(
                said.stdout.contains(&format!("subject=CN = {name}")),
                "{name} {version}: {said:?}"
            );
        }
    }
}

/// A token that cannot do what TLS 1.3 wants is no place for an RSA key.
#[test]
fn an_rsa_key_whose_token_has_no_pss_is_refused() {
    let mut world = World::of(&["rsa"]);
    world.token = world.token.behind_another();
    let target = "protocol = \"http\"\ntargets = [\"127.0.0.1:9\"]\n";
    let keys = (world.token.key("edge-rsa"), world.token.key("edge-sni-rsa"));
    world.write("edge.toml", &edge_file((&keys.0, &keys.1), "rsa", target));
    assert_eq!(world.check("edge-proxy", "edge.toml", &[]).code, Some(0));
    // CKM_RSA_PKCS_PSS
    world.token.tell("without", "d");
    let said = world.check("edge-proxy", "edge.toml", &[]);
    let expected = "edge.toml:7:15: error[certificate-unusable]: the key pkcs11:token=sallyport;object=edge-rsa on the \
                    token `sallyport` cannot make RSA-PSS signatures there (CKM_RSA_PKCS_PSS), which TLS 1.3 wants";
    assert!(said.stdout.contains(expected), "{said:?}");
}

/// A second pair of an entity, from another place than the first.
#[tokio::test(flavor = "multi_thread")]
async fn both_pairs_of_an_entity_may_be_elsewhere() {
    let authority = Authority::root("Shown Root").unwrap();
    let plan = |cert: &str, key: &str, cert_alt: &str, key_alt: &str| {
        let mut plan = Stack::reading(format!(
            "_format_version: \"3.0\"\ncertificates:\n- cert: \"@shown/{cert}.pem\"\n  key: file:pki/shown/{key}.key\n  \
             cert_alt: \"@shown/{cert_alt}.pem\"\n  key_alt: \"file:pki/shown/{key_alt}.key\"\n  snis: [two.test]\n"
        ));
        for (name, kind) in [("ec", KeyKind::P256), ("rsa", KeyKind::Rsa2048)] {
            let issued = authority.issue(Leaf::server(name).key(kind)).unwrap();
            plan = plan
                .file(&format!("shown/{name}.pem"), issued.chain_pem())
                .file(&format!("shown/{name}.key"), issued.key_pem());
        }
        plan.without_trusted_edges().without_lists()
    };
    let stack = plan("ec", "ec", "rsa", "rsa").start().await;
    for (able, expected) in [
        ("ECDSA+SHA256", "subject=CN = ec"),
        ("rsa_pss_rsae_sha256", "subject=CN = rsa"),
    ] {
        let options = ["-servername", "two.test", "-sigalgs", able];
        let said = s_client(stack.gateway().address(), &options, "/");
        assert!(said.stdout.contains(expected), "{able}: {said:?}");
    }
    for (pairs, expected) in table! {
        (["ec", "rsa", "rsa", "rsa"], "4:8: error[key-mismatch]: certificate does not match key");
        (["ec", "ec", "rsa", "ec"], "6:12: error[key-mismatch]: alternative certificate does not match key");
        (["ec", "ec", "ec", "ec"], "5:13: error[invalid-certificate]: cert_alt: certificate and alternative certificate need to have different type");
    } {
        let [cert, key, cert_alt, key_alt] = pairs;
        let report = plan(cert, key, cert_alt, key_alt).findings().to_string();
        assert!(report.contains(expected), "{pairs:?}: {report}");
    }
}
