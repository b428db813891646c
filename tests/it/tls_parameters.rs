//! Versions, cipher suites, key exchange and ALPN, as other people's programs see them.

use std::sync::Arc;

use harness::client::Client;
use harness::outside::{curl, gnutls_cli, s_client};
use harness::stack::{Plan, Stack};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, NamedGroup};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const TLS12: &str = "TLSv1.2";
const TLS13: &str = "TLSv1.3";

/// The gateway alone, with its RSA certificate beside the ECDSA one.
fn gateway() -> Plan {
    Stack::with("hop.yaml").without_edge()
}

/// The version and cipher suite that `openssl` gets with these options; none where the handshake fails.
fn negotiated(door: &Client, options: &[&str]) -> Option<(String, String)> {
    let said = s_client(door.address(), options, "/public");
    if !said.stdout.contains("HTTP/1.1 ") {
        return None;
    }
    let line = said.stdout.lines().find_map(|line| line.strip_prefix("New, "));
    let (version, cipher) = line.and_then(|line| line.split_once(", Cipher is ")).unwrap();
    Some((version.to_owned(), cipher.to_owned()))
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_versions_that_are_set_are_spoken() {
    let old = ["-cipher", "ALL:@SECLEVEL=0"];
    for (protocols, suite, policy, spoken) in table! {
        ("TLSv1.2 TLSv1.3", "intermediate", "1.2", [true, true]);
        ("TLSv1.3", "intermediate", "1.3", [false, true]);
        ("TLSv1.2 TLSv1.3", "modern", "ELBSecurityPolicy-TLS13-1-3-2021-06", [false, true]);
        ("TLSv1.3,TLSv1.2", "intermediate", "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09", [true, true]);
        ("TLSv1.2", "intermediate", "ELBSecurityPolicy-FS-1-2-Res-2020-10", [true, false]);
    } {
        let stack = Stack::with("hop.yaml")
            .gateway("ssl_protocols", protocols)
            .gateway("ssl_cipher_suite", suite)
            .edge("LISTENERS__OFF__TLS__SECURITY_POLICY", policy)
            .start()
            .await;
        for door in [stack.gateway(), stack.edge("off")] {
            for (option, version, spoken) in [
                ("-tls1_2", Some(TLS12), spoken[0]),
                ("-tls1_3", Some(TLS13), spoken[1]),
                ("-tls1_1", None, false),
                ("-tls1", None, false),
            ] {
                let seen = negotiated(&door, &[&[option], &old[..]].concat());
                let seen = seen.as_ref().map(|(version, _)| version.as_str());
                assert_eq!(
                    seen,
                    version.filter(|_| spoken),
                    "{protocols} {suite} {policy}: {option} {door:?}"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_servers_order_of_cipher_suites_wins() {
    let stack = Stack::with("hop.yaml").start().await;
    for door in [stack.gateway(), stack.edge("public"), stack.edge("off")] {
        for (option, offered, chosen) in table! {
            ("-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384", Some("TLS_AES_256_GCM_SHA384"));
            ("-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256", Some("TLS_AES_128_GCM_SHA256"));
            ("-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256", Some("TLS_CHACHA20_POLY1305_SHA256"));
            ("-ciphersuites", "TLS_AES_128_CCM_SHA256", None);
            ("-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384", Some("ECDHE-ECDSA-AES256-GCM-SHA384"));
            ("-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256", Some("ECDHE-ECDSA-AES128-GCM-SHA256"));
            ("-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305", Some("ECDHE-ECDSA-CHACHA20-POLY1305"));
            // CBC, RSA key exchange, finite-field DH, CCM, no authentication, no encryption.
            ("-cipher", "ECDHE-ECDSA-AES256-SHA384:ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA", None);
            ("-cipher", "AES256-GCM-SHA384:AES128-GCM-SHA256:AES128-SHA", None);
            ("-cipher", "DHE-RSA-AES256-GCM-SHA384:DHE-RSA-CHACHA20-POLY1305", None);
            ("-cipher", "ECDHE-ECDSA-AES256-CCM:ECDHE-ECDSA-AES128-CCM8", None);
            ("-cipher", "aNULL:eNULL:@SECLEVEL=0", None);
        } {
            let version = if option == "-cipher" { "-tls1_2" } else { "-tls1_3" };
            let seen = negotiated(&door, &[option, offered, version]);
            assert_eq!(
                seen.as_ref().map(|(_, cipher)| cipher.as_str()),
                chosen,
                "{offered} {door:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn key_exchange_is_hybrid_first_and_on_good_curves_only() {
    let stack = Stack::with("hop.yaml").start().await;
    for door in [stack.gateway(), stack.edge("public"), stack.edge("off")] {
        for (groups, chosen) in [
            ("X25519", Some("X25519, 253 bits")),
            ("P-256", Some("ECDH, prime256v1, 256 bits")),
            ("P-384", Some("ECDH, secp384r1, 384 bits")),
            // Between classical groups the client's order decides.
            ("P-384:X25519", Some("ECDH, secp384r1, 384 bits")),
            ("X25519:P-384", Some("X25519, 253 bits")),
            ("X448", None),
            ("P-521", None),
            ("ffdhe2048", None),
        ] {
            for version in ["-tls1_2", "-tls1_3"] {
                let said = s_client(door.address(), &["-groups", groups, version], "/public");
                let mut lines = said.stdout.lines();
                let key = lines.find_map(|line| line.strip_prefix("Server Temp Key: "));
                assert_eq!(key, chosen, "{groups} {version} {door:?}: {said:?}");
            }
        }
    }
    // No OpenSSL of today's stable distributions has the hybrid, so rustls asks for it, last of all.
    for door in [stack.gateway(), stack.edge("public"), stack.edge("off")] {
        for (offered, chosen) in table! {
            (vec![NamedGroup::X25519, NamedGroup::secp256r1, NamedGroup::X25519MLKEM768], NamedGroup::X25519MLKEM768);
            (vec![NamedGroup::X25519MLKEM768, NamedGroup::X25519], NamedGroup::X25519MLKEM768);
            (vec![NamedGroup::secp384r1, NamedGroup::secp256r1], NamedGroup::secp384r1);
        } {
            let mut provider = aws_lc_rs::default_provider();
            let known = aws_lc_rs::ALL_KX_GROUPS.iter().copied();
            provider.kx_groups = offered
                .iter()
                .map(|group| known.clone().find(|known| known.name() == *group).unwrap())
                .collect();
            assert_eq!(
                group(&stack, &door, provider).await,
                chosen,
                "{offered:?} {door:?}"
            );
        }
    }
}

async fn group(stack: &Stack, door: &Client, provider: CryptoProvider) -> NamedGroup {
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(stack.pki.server_roots().unwrap())
        .with_no_client_auth();
    let stream = TcpStream::connect(door.address()).await.unwrap();
    // Either door has one of the two names.
    let name = if door.address() == stack.gateway().address() {
        "gateway.test"
    } else {
        "edge.test"
    };
    let connector = TlsConnector::from(Arc::new(config));
    let shaken = connector
        .connect(ServerName::try_from(name).unwrap(), stream)
        .await
        .unwrap();
    let (_, session) = shaken.get_ref();
    session.negotiated_key_exchange_group().unwrap().name()
}

#[tokio::test(flavor = "multi_thread")]
async fn alpn_gives_http2_where_both_speak_it() {
    let listen = "127.0.0.1:0 ssl http2, 127.0.0.1:0, 127.0.0.1:0 ssl";
    let stack = Stack::with("hop.yaml")
        .gateway("proxy_listen", listen)
        .start()
        .await;
    let without = Client::https(stack.gateway_address(2), &stack.pki, "gateway.internal");
    for (door, http2) in [
        (stack.gateway(), true),
        (stack.edge("public"), true),
        (without, false),
    ] {
        for (offered, with, else_) in [
            ("h2,http/1.1", "h2", "http/1.1"),
            // Ours is the order.
            ("http/1.1,h2", "h2", "http/1.1"),
            ("http/1.1", "http/1.1", "http/1.1"),
            ("http/1.0,http/1.1", "http/1.1", "http/1.1"),
            ("h2", "h2", "-"),
            ("http/1.0", "-", "-"),
            ("spdy/3,acme-tls/1", "-", "-"),
        ] {
            let expected = if http2 { with } else { else_ };
            let address = door.address().to_string();
            let arguments = ["s_client", "-connect", &address, "-alpn", offered];
            let said = tokio::task::block_in_place(|| harness::outside::openssl(&arguments, b""));
            let mut lines = said.stdout.lines();
            let seen = lines
                .find_map(|line| line.strip_prefix("ALPN protocol: "))
                .unwrap_or("-");
            assert_eq!(seen, expected, "{offered} {door:?}: {said:?}");
            if expected == "-" {
                assert!(
                    said.stderr.contains("no application protocol"),
                    "{offered}: {said:?}"
                );
            }
        }
        let said = s_client(door.address(), &["-tls1_3"], "/public");
        assert!(
            said.stdout.contains("No ALPN negotiated") && said.stdout.contains("HTTP/1.1 "),
            "{said:?}"
        );
        for (option, version) in [("--http1.1", "1.1"), ("--http2", if http2 { "2" } else { "1.1" })] {
            let url = format!("https://{}/public", door.address());
            let arguments = [
                "--insecure",
                option,
                "--output",
                "/dev/null",
                "--write-out",
                "%{http_version}",
                &url,
            ];
            let said = tokio::task::block_in_place(|| curl(&arguments));
            assert_eq!(said.stdout, version, "{option} {door:?}: {said:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gnutls_agrees() {
    let stack = Stack::with("hop.yaml").start().await;
    for door in [stack.gateway(), stack.edge("off")] {
        for (priority, description) in table! {
            ("NORMAL", Some("(TLS1.3-X.509)-(ECDHE-SECP256R1)"));
            ("NORMAL:-GROUP-ALL:+GROUP-SECP384R1", Some("(TLS1.3-X.509)-(ECDHE-SECP384R1)"));
            ("NORMAL:-VERS-ALL:+VERS-TLS1.2", Some("(TLS1.2-X.509)-(ECDHE-SECP256R1)"));
            ("NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-256-CBC:+AES-128-CBC", None);
            ("NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+DHE-RSA:+RSA", None);
            ("NORMAL:-VERS-ALL:+VERS-TLS1.1:+VERS-TLS1.0", None);
        } {
            let priority = format!("--priority={priority}");
            let said = gnutls_cli(door.address(), &["--insecure", &priority], "/public");
            assert_eq!(
                said.stdout.contains("HTTP/1.1 "),
                description.is_some(),
                "{priority}: {said:?}"
            );
            let description = description.unwrap_or_default();
            assert!(said.stdout.contains(description), "{priority}: {said:?}");
        }
    }
}

#[test]
fn what_cannot_be_honoured_is_refused_by_name() {
    for (key, value, said) in table! {
        ("ssl_protocols", "TLSv1.1 TLSv1.2", "`TLSv1.1` is none of TLSv1.2, TLSv1.3");
        ("ssl_protocols", "SSLv3", "`SSLv3` is none of");
        ("ssl_protocols", "tlsv1.3", "`tlsv1.3` is none of");
        ("ssl_cipher_suite", "old", "`old` has cipher suites that rustls does not have");
        ("ssl_cipher_suite", "custom", "`custom` needs ssl_ciphers");
        ("ssl_cipher_suite", "fips", "`fips` needs a FIPS validated module");
        ("ssl_cipher_suite", "strong", "`strong` is none of intermediate, modern");
        ("ssl_ciphers", "ECDHE-RSA-AES128-GCM-SHA256", "ssl_ciphers");
    } {
        let report = gateway().gateway(key, value).refusal();
        let report = report.map(|report| report.to_string()).unwrap_or_default();
        assert!(report.contains(said), "{key} = {value}: {report}");
    }
    let conflict = gateway()
        .gateway("ssl_protocols", "TLSv1.2")
        .gateway("ssl_cipher_suite", "modern")
        .refusal();
    assert!(conflict.is_some_and(|report| report.to_string().contains("modern is TLSv1.3 only")));
}
