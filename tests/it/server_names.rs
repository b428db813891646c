//! However a server name is spelt, split or left out, it changes nothing about who is asked for a certificate and which
//! route judges it (CVE-2022-23632, CVE-2026-32305 and their relatives).

use harness::client::Client;
use harness::outside::s_client;
use harness::stack::{Plan, Stack};

/// `secure.test` wants certificates, no other name does.
fn no_edges() -> Plan {
    Stack::with("sni.yaml")
        .without_edge()
        .gateway("trusted_edges", "")
        .gateway("trusted_edge_ca", "")
        .gateway("trusted_edge_revocation_lists", "")
}

#[tokio::test(flavor = "multi_thread")]
async fn spelling_changes_nothing_about_who_is_asked() {
    let stack = no_edges().start().await;
    let address = stack.gateway().address();
    let (chain, key) = stack.pki.pair("alice");
    let [chain, key] = [chain, key].map(|path| path.display().to_string());
    for (name, asked, status) in [
        (["-servername", "secure.test"].as_slice(), true, 200),
        (&["-servername", "SECURE.Test"], true, 200),
        (&["-servername", "secure.test."], true, 200),
        (&["-servername", "Gateway.Internal."], true, 200),
        (&["-servername", "gateway.test"], false, 404),
        (&["-servername", "secure.test.example"], false, 404),
        (&["-servername", "a.secure.test"], false, 404),
        (&["-servername", "127.0.0.1"], false, 404),
        (&["-noservername"], false, 404),
    ] {
        for version in ["-tls1_2", "-tls1_3"] {
            let options = [name, &["-cert", &chain, "-key", &key, version]].concat();
            let said = s_client(address, &options, "/by-path");
            let text = &said.stdout;
            assert_eq!(
                text.contains("Requested Signature Algorithms"),
                asked,
                "{name:?} {version}: {said:?}"
            );
            assert!(
                text.contains(&format!("HTTP/1.1 {status} ")),
                "{name:?} {version}: {said:?}"
            );
            // Without a certificate the route refuses; where it is not there, it is not.
            let status = if asked { 401 } else { 404 };
            let said = s_client(address, &[name, &[version]].concat(), "/by-path");
            assert!(
                said.stdout.contains(&format!("HTTP/1.1 {status} ")),
                "{name:?} {version}: {said:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_fragmented_client_hello_is_read_to_its_end() {
    let stack = no_edges().start().await;
    for (client, asked) in [(stack.gateway(), true), (stack.gateway_as("gateway.test"), false)] {
        for client in [client.clone().over_tls12(), client.clone().over_tls13(), client] {
            for client in [client.clone(), client.in_fragments()] {
                assert_eq!(client.asked_for().await.unwrap().is_some(), asked, "{client:?}");
                let status = if asked { 200 } else { 404 };
                assert_eq!(client.cert("alice").get("/by-path").await.status, status);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verifying_edge_asks_under_every_name() {
    let stack = Stack::with("hop.yaml").start().await;
    let door: Client = stack.edge("verify");
    let (chain, key) = stack.pki.pair("alice");
    let [chain, key] = [chain, key].map(|path| path.display().to_string());
    for name in [
        ["-servername", "edge.test"].as_slice(),
        &["-servername", "EDGE.test."],
        &["-servername", "unknown.example"],
        &["-servername", "127.0.0.1"],
        &["-noservername"],
    ] {
        let said = s_client(door.address(), name, "/verify");
        assert!(!said.stdout.contains("HTTP/1.1"), "{name:?}: {said:?}");
        let options = [name, &["-cert", &chain, "-key", &key]].concat();
        let said = s_client(door.address(), &options, "/verify");
        assert!(said.stdout.contains("HTTP/1.1 200 "), "{name:?}: {said:?}");
    }
    let whole = door.clone().cert("alice").in_fragments().get("/verify").await;
    assert_eq!(whole.status, 200);
    assert!(door.in_fragments().get("/verify").outcome().await.is_err());
}
