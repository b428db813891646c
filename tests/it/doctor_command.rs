//! `doctor` on the command line: of the two real programs, and of servers that are not ours.

use std::sync::Arc;

use certs::{Authority, Leaf, Validity};
use harness::pki::Pki;
use harness::program::{Said, command, run_to_end};
use harness::servers::{Files, own_address};
use harness::stack::eventually;
use rustls::ServerConfig;
use rustls::sign::SingleCertAndKey;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use transport::possession::prove_possession;

use crate::pair::Pair;

fn doctor(program: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Said {
    let arguments: Vec<&str> = ["doctor"].iter().chain(arguments).copied().collect();
    let mut command = command(program, &arguments).unwrap();
    command.envs(environment.iter().copied());
    tokio::task::block_in_place(|| run_to_end(command).unwrap())
}

#[track_caller]
fn assert_said(said: &Said, code: i32, parts: &[&str]) {
    assert_eq!(said.code, Some(code), "{said:#?}");
    for part in parts {
        assert!(
            said.stdout.contains(part),
            "no {part:?} in {}{}",
            said.stdout,
            said.stderr
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_program_is_asked() {
    let pair = Pair::start().await;
    let edge = pair.edge.as_ref().unwrap();
    let gateway = pair.gateway.as_ref().unwrap();
    let (admin, status) = (
        edge.address("admin").unwrap(),
        gateway.address("127.0.0.1:0").unwrap(),
    );
    let (admin, status) = (admin.to_string(), status.to_string());
    let rows = [
        (
            "edge-proxy",
            "edge.toml",
            [("EDGE_PROXY_ADMIN__ADDRESS", &*admin)],
            edge.address("verify").unwrap(),
        ),
        (
            "api-gateway",
            "gateway.toml",
            [("KONG_STATUS_LISTEN", &*status)],
            gateway.address("ssl").unwrap(),
        ),
    ];
    for (program, node, environment, address) in rows {
        let node = pair.files.file(node);
        let ask = |json: &[&str]| doctor(program, &[&["--config", &node], json].concat(), &environment);
        assert_said(&ask(&[]), 0, &["no handshake has failed"]);
        let plain = harness::client::Client::http(address);
        eventually("a failure that is told", async || {
            let _ = plain.raw(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
            ask(&[]).stdout.contains("protocol").then_some(())
        })
        .await;
        assert_said(
            &ask(&[]),
            0,
            &[
                "TIME",
                "CLASS",
                "client",
                "  cause: ",
                "  do:    compare what both sides speak",
            ],
        );
        let told: serde_json::Value = serde_json::from_str(&ask(&["--json"]).stdout).unwrap();
        assert_eq!(told[0]["class"], "protocol", "{program}: {told:#}");
    }
    let nobody = doctor(
        "edge-proxy",
        &["--config", &pair.files.file("edge.toml")],
        &[("EDGE_PROXY_ADMIN__ADDRESS", "127.0.0.1:1")],
    );
    assert_eq!(nobody.code, Some(1), "{nobody:#?}");
    assert!(nobody.stderr.contains("is it running?"), "{nobody:#?}");
    assert_eq!(
        doctor("edge-proxy", &[], &[]).code,
        Some(2),
        "neither --config nor --connect"
    );
    assert_eq!(
        doctor("api-gateway", &["--cert", "a.pem"], &[]).code,
        Some(2),
        "--cert alone"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::too_many_lines)] // a table
async fn our_own_programs_are_visited() {
    let pair = Pair::start().await;
    let pki = &pair.files.pki;
    let file = |name: &str| pki.path(name).display().to_string();
    let trust = file("ca/internal.pem");
    let verify = pair.edge.as_ref().unwrap().address("verify").unwrap().to_string();
    let gateway = pair.gateway.as_ref().unwrap().address("ssl").unwrap().to_string();
    for (address, name, client, code, parts) in [
        (
            &verify,
            "edge.test",
            Some("alice"),
            0,
            &["TLSv1.3", "verifies:  yes", "was shown: `CN=alice`; took it"][..],
        ),
        (
            &verify,
            "edge.test",
            None,
            1,
            &["no_certificate", "configure a certificate to be shown"],
        ),
        (
            &verify,
            "edge.test",
            Some("expired"),
            1,
            &[
                "was shown: `CN=expired`",
                "failed: expired: ",
                "the alert CertificateExpired",
                "renew the certificate that is shown",
            ],
        ),
        (
            &verify,
            "edge.test",
            Some("mallory"),
            1,
            &[
                "failed: unknown_ca: ",
                "the alert UnknownCA",
                "have the server trust the root",
            ],
        ),
        (
            &verify,
            "edge.test",
            Some("revoked"),
            1,
            &["failed: revoked: ", "show another certificate than this one"],
        ),
        (
            &verify,
            "other.test",
            Some("alice"),
            1,
            &["verifies:  no: wrong_name", "took it"],
        ),
        (
            &gateway,
            "gateway.internal",
            None,
            0,
            &[
                "asks:      for a certificate",
                "was shown: no certificate; took it",
            ],
        ),
        // What it makes of the certificate it says per request.
        (&gateway, "gateway.internal", Some("mallory"), 0, &["took it"]),
    ] {
        let mut arguments = vec!["--connect", address, "--server-name", name, "--trust", &trust];
        let pair = client.map(|client| {
            (
                file(&format!("clients/{client}.pem")),
                file(&format!("clients/{client}.key")),
            )
        });
        if let Some((cert, key)) = &pair {
            arguments.extend(["--cert", cert, "--key", key]);
        }
        for program in ["edge-proxy", "api-gateway"] {
            assert_said(&doctor(program, &arguments, &[]), code, parts);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::too_many_lines)] // a table
async fn servers_that_are_not_ours_are_visited() {
    let dir = TempDir::new().unwrap();
    let pki = Pki::make(&dir.path().join("pki")).unwrap();
    let file = |name: &str| pki.path(name).display().to_string();
    let root = Authority::root("Their Root").unwrap();
    let leaf = || Leaf::server("their.test");
    let (openssl, nginx, expired, plain) = (own_address(1), own_address(2), own_address(3), own_address(4));
    let files = Files::new();
    let trust = files.write("root.pem", &root.pem());
    let (good, good_key) = files.pair("good", &root.issue(leaf()).unwrap());
    let old = root.issue(leaf().validity(Validity::ended_days_ago(3))).unwrap();
    let (old, old_key) = files.pair("old", &old);
    let clients = file("ca/clients.pem");
    let arguments = [
        "-cert",
        &*good,
        "-key",
        &*good_key,
        "-CAfile",
        &clients,
        "-Verify",
        "4",
        "-verify_return_error",
    ];
    let http = format!(
        "server {{ listen {nginx} ssl; ssl_protocols TLSv1.2; ssl_certificate {good}; ssl_certificate_key {good_key}; }}\n\
         server {{ listen {expired} ssl; ssl_certificate {old}; ssl_certificate_key {old_key}; }}\n\
         server {{ listen {plain}; }}"
    );
    let _servers = tokio::task::block_in_place(|| {
        (
            Files::new().openssl(&arguments, openssl),
            files.nginx(&http, &[nginx, expired, plain]),
        )
    });
    for (address, client, code, parts) in [
        (
            openssl,
            Some("alice"),
            0,
            &[
                "TLSv1.3",
                "asks:      for a certificate of `CN=Sallyport Clients",
                "`CN=alice`; took it",
            ][..],
        ),
        (
            openssl,
            None,
            1,
            &[
                "failed: no_certificate",
                "CertificateRequired",
                "do:      configure a certificate",
            ],
        ),
        (
            openssl,
            Some("mallory"),
            1,
            &[
                "failed: unknown_ca",
                "the alert UnknownCA",
                "do:      show a certificate that",
            ],
        ),
        (
            nginx,
            None,
            0,
            &["TLSv1.2", "verifies:  yes", "asks:      for no certificate"],
        ),
        (
            expired,
            None,
            1,
            &[
                "verifies:  no: expired",
                "<- this one",
                "do:      renew that certificate",
            ],
        ),
        (
            plain,
            None,
            1,
            &[
                "session:   none",
                "failed: protocol",
                "whether that port speaks TLS at all",
            ],
        ),
    ] {
        let address = address.to_string();
        let mut arguments = vec![
            "--connect",
            &*address,
            "--server-name",
            "their.test",
            "--trust",
            &trust,
        ];
        let pair = client.map(|client| {
            (
                file(&format!("clients/{client}.pem")),
                file(&format!("clients/{client}.key")),
            )
        });
        if let Some((cert, key)) = &pair {
            arguments.extend(["--cert", cert, "--key", key]);
        }
        assert_said(&doctor("edge-proxy", &arguments, &[]), code, parts);
        arguments.push("--json");
        let said = doctor("api-gateway", &arguments, &[]);
        let told: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
        assert_eq!(told["is_well"], code == 0, "{told:#}");
        assert_eq!(said.code, Some(code), "{told:#}");
    }
}

/// Some servers judge a certificate when the handshake is over for us, and have no word for a refusal but the end of the
/// connection.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cuts_the_connection_off_has_not_taken_the_certificate() {
    let dir = TempDir::new().unwrap();
    let pki = Pki::make(&dir.path().join("pki")).unwrap();
    let file = |name: &str| pki.path(name).display().to_string();
    let key = pki.identity("upstream/server").unwrap();
    let asking = ServerConfig::builder()
        .with_client_cert_verifier(prove_possession(Vec::new()))
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(&key))));
    let not_asking = ServerConfig::builder()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
    for (config, code, parts) in [
        (
            asking,
            1,
            &[
                "`CN=alice`",
                "failed: closed: the server ended the handshake",
                "do:      see the log of the server",
            ][..],
        ),
        (not_asking, 0, &["asks:      for no certificate", "took it"]),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let stream = acceptor.accept(stream).await.unwrap();
            let (stream, _) = stream.into_inner();
            stream.set_zero_linger().unwrap();
            drop(stream);
        });
        let (trust, cert, key) = (
            file("ca/internal.pem"),
            file("clients/alice.pem"),
            file("clients/alice.key"),
        );
        let arguments = [
            "--connect",
            &*address,
            "--server-name",
            "upstream.test",
            "--trust",
            &*trust,
            "--cert",
            &*cert,
            "--key",
            &*key,
        ];
        assert_said(&doctor("api-gateway", &arguments, &[]), code, parts);
    }
}
