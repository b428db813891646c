//! Private keys that are in the environment, in a systemd credential or on a token (SoftHSM2) instead of a file: both
//! programs, every place where a key is configured, curl and openssl in front, nginx behind.

mod broken_tokens;
mod refusals;
mod reloads;
mod world;

use harness::outside::{curl, s_client};

use self::world::{Hop, World};

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
async fn through_both(kept: Kept, keys: &'static str, tls: &'static str) {
    let world = World::of(&[keys]);
    let hop = Hop::start(&world, kept, keys, tls).await;
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
    through_both(Kept::File, "ec", "1.3").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_in_the_environment_are_used_at_every_place() {
    through_both(Kept::Environment, "ec", "1.2").await;
    through_both(Kept::Base64, "rsa", "1.3").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn systemd_credentials_are_used_at_every_place() {
    through_both(Kept::Credential, "rsa", "1.2").await;
    through_both(Kept::Credential, "ec", "1.3").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ecdsa_keys_on_a_token_are_used_at_every_place() {
    through_both(Kept::Token, "ec", "1.2").await;
    through_both(Kept::Token, "ec", "1.3").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rsa_keys_on_a_token_are_used_at_every_place() {
    through_both(Kept::Token, "rsa", "1.2").await;
    through_both(Kept::Token, "rsa", "1.3").await;
}
