//! The doors as programs see them that are not ours.

use harness::client::Client;
use harness::outside::{curl, openssl};
use harness::program::Said;
use harness::stack::Stack;
use serde_json::Value;

/// `curl --cert … --resolve edge.test:PORT:127.0.0.1 https://edge.test:PORT/…`; the last line is the status.
fn curl_as(stack: &Stack, who: Option<&str>, door: &Client, (path, more): (&str, &[&str])) -> Said {
    let port = door.address().port();
    let mut arguments = vec![
        "--cacert".to_owned(),
        stack.pki.path("ca/internal.pem").display().to_string(),
        "--resolve".to_owned(),
        format!("edge.test:{port}:127.0.0.1"),
        "--write-out".to_owned(),
        "\n%{http_version} %{http_code}".to_owned(),
        format!("https://edge.test:{port}{path}"),
    ];
    if let Some(who) = who {
        let (chain, key) = stack.pki.pair(who);
        arguments.extend([
            "--cert".to_owned(),
            chain.display().to_string(),
            "--key".to_owned(),
            key.display().to_string(),
        ]);
    }
    arguments.extend(more.iter().map(ToString::to_string));
    tokio::task::block_in_place(|| curl(&arguments))
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_gets_what_the_table_promises() {
    let stack = Stack::with("hop.yaml").start().await;
    let door = stack.edge("public");
    for (option, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
        for (who, path, status, body) in [
            (None, "/public", "200", ""),
            (None, "/mtls", "401", "No required TLS certificate was sent"),
            (Some("alice"), "/mtls", "200", "alice@example.com"),
            (Some("bob"), "/mtls", "403", "You cannot consume this service"),
            (
                Some("mallory"),
                "/mtls",
                "401",
                "TLS certificate failed verification",
            ),
            (
                Some("expired"),
                "/mtls",
                "401",
                "TLS certificate failed verification",
            ),
            (
                Some("revoked"),
                "/mtls",
                "401",
                "TLS certificate failed verification",
            ),
        ] {
            let said = curl_as(&stack, who, &door, (path, &[option]));
            let (text, codes) = said.stdout.rsplit_once('\n').unwrap();
            assert_eq!(codes, format!("{version} {status}"), "{who:?} {path}: {said:?}");
            assert!(text.contains(body), "{who:?} {path}: {said:?}");
        }
    }
    let said = curl_as(&stack, Some("alice"), &door, ("/mtls", &[]));
    let (echo, _) = said.stdout.rsplit_once('\n').unwrap();
    let echo: Value = serde_json::from_str(echo).unwrap();
    for (name, value) in [
        ("x-consumer-id", "6d7c19e1-f3d0-54ae-b3a4-f53011a1dc8d"),
        ("x-consumer-username", "alice@example.com"),
        ("x-consumer-custom-id", "alice-1"),
        ("x-credential-identifier", "alice@example.com"),
        ("x-consumer-groups", "partners"),
    ] {
        assert_eq!(echo["headers"][name][0], value, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_gets_no_answer_where_the_edge_verifies_and_cannot() {
    let stack = Stack::with("hop.yaml").start().await;
    let door = stack.edge("verify");
    for version in [&["--tlsv1.3"][..], &["--tlsv1.2", "--tls-max", "1.2"]] {
        for who in [
            None,
            Some("mallory"),
            Some("expired"),
            Some("revoked"),
            Some("edge/client"),
        ] {
            let said = curl_as(&stack, who, &door, ("/public", version));
            // 60: to curl the alert certificate_expired is about the server's certificate.
            assert!(
                matches!(said.code, Some(35 | 55 | 56 | 60 | 98)),
                "{who:?} {version:?}: {said:?}"
            );
            assert!(said.stdout.ends_with(" 000"), "{who:?} {version:?}: {said:?}");
        }
        let said = curl_as(&stack, Some("alice"), &door, ("/verify", version));
        assert!(said.stdout.ends_with(" 200"), "{version:?}: {said:?}");
    }
    assert_eq!(stack.upstream.count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn openssl_is_asked_for_a_certificate_and_given_no_session() {
    let stack = Stack::with("hop.yaml").start().await;
    let request = b"GET /public HTTP/1.1\r\nHost: edge.test\r\nConnection: close\r\n\r\n";
    let doors = [
        (stack.edge("public"), "edge.test", true),
        (stack.edge("verify"), "edge.test", true),
        (stack.edge("passed"), "gateway.test", true),
        (stack.gateway(), "gateway.test", true),
        (stack.edge("off"), "edge.test", false),
    ];
    for (door, name, asks) in doors {
        for version in ["-tls1_2", "-tls1_3"] {
            let address = door.address().to_string();
            let (chain, key) = stack.pki.pair("alice");
            let trusted = stack.pki.path("ca/internal.pem");
            let [chain, key, trusted] = [chain, key, trusted].map(|path| path.display().to_string());
            let arguments = [
                "s_client",
                "-connect",
                &address,
                "-servername",
                name,
                "-verify_hostname",
                name,
                "-verify_return_error",
                "-CAfile",
                &trusted,
                "-cert",
                &chain,
                "-key",
                &key,
                version,
                "-ign_eof",
            ];
            let said = tokio::task::block_in_place(|| openssl(&arguments, request));
            let text = &said.stdout;
            assert!(
                text.contains("HTTP/1.1 200 ") && text.contains("Verify return code: 0 (ok)"),
                "{said:?}"
            );
            let asked = !text.contains("No client certificate CA names sent")
                || text.contains("Requested Signature Algorithms");
            assert_eq!(asked, asks, "{name} {version}: {text}");
            if asks {
                assert!(
                    !text.contains("New Session Ticket arrived"),
                    "{name} {version}: {text}"
                );
                assert!(!text.contains("TLS session ticket:"), "{name} {version}: {text}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn openssl_cannot_resume_where_certificates_are_asked_for() {
    let stack = Stack::with("hop.yaml").start().await;
    let (chain, key) = stack.pki.pair("alice");
    let [chain, key] = [chain, key].map(|path| path.display().to_string());
    for door in [stack.edge("public"), stack.edge("verify"), stack.gateway()] {
        let address = door.address().to_string();
        // -reconnect: five more connections that offer the first one's session; TLS 1.2, where OpenSSL can do that.
        let arguments = [
            "s_client",
            "-connect",
            &address,
            "-cert",
            &chain,
            "-key",
            &key,
            "-tls1_2",
            "-reconnect",
        ];
        let said = tokio::task::block_in_place(|| openssl(&arguments, b""));
        let (new, reused) = (
            said.stdout.matches("New, ").count(),
            said.stdout.matches("Reused, ").count(),
        );
        assert!(new >= 6 && reused == 0, "{new} new, {reused} reused: {said:?}");
    }
}
