//! OCSP answers that both doors fetch while responders and programs come and go: `openssl ocsp`, and the real programs.

use std::net::SocketAddr;

use certs::{Authority, Issued, Leaf, Standing};
use harness::outside::openssl;
use harness::responder::{Responder, Word};
use harness::servers::{Files, Server};
use harness::stack::{Stack, eventually};
use http::StatusCode;

use crate::pair;
use crate::stapling::status;
use crate::stapling_fetched::{ANY, fetching_here, is_shown, told};

/// `openssl ocsp` as a responder that knows one certificate.
fn openssl_responder(authority: &Authority, shown: &Issued, standing: char, at: SocketAddr) -> Server {
    let files = Files::new();
    let ca = files.write("ca.pem", &authority.pem());
    let key = files.write("ca.key", &authority.key_pem());
    let leaf = files.write("leaf.pem", &shown.certificate_pem());
    let said = openssl(&["x509", "-in", &leaf, "-noout", "-serial"], b"");
    let serial = said.stdout.trim().strip_prefix("serial=").unwrap().to_owned();
    let revoked = if standing == 'R' { "250101000000Z" } else { "" };
    let index = format!("{standing}\t491231000000Z\t{revoked}\t{serial}\tunknown\t/CN=x\n");
    let index = files.write("index.txt", &index);
    let port = at.port().to_string();
    let arguments = [
        "-index", &index, "-CA", &ca, "-rsigner", &ca, "-rkey", &key, "-port", &port, "-ndays", "7",
    ];
    files.ocsp(&arguments)
}

#[tokio::test(flavor = "multi_thread")]
async fn openssl_is_asked_and_its_end_ends_nothing() {
    let authority = Authority::root("Stapled Root").unwrap();
    let at = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let shown = Leaf::server("edge.test").ocsp_url(&format!("http://{at}/"));
    let shown = authority.issue(shown).unwrap();
    let running =
        |standing| tokio::task::block_in_place(|| openssl_responder(&authority, &shown, standing, at));
    let stack = fetching_here(Stack::with("hop.yaml"), &authority, &shown)
        .start()
        .await;
    let doors = [stack.gateway().address(), stack.edge("off").address()];
    for door in doors {
        assert_eq!(status(door, &["-tls1_3"]), "-", "nobody has answered yet");
    }
    let failed = eventually("failures that are told", async || {
        let told = told(&stack).await;
        told.iter()
            .all(|one| !one["last_error"].is_null())
            .then_some(told)
    })
    .await;
    for one in &failed {
        assert_eq!(one["status"], "none", "{one:#}");
        assert_eq!(one["certificate"], "CN=edge.test", "{one:#}");
        assert!(one["failures"].as_u64().unwrap() > 0, "{one:#}");
    }

    let responder = running('V');
    for door in doors {
        is_shown("an answer", door, "good").await;
        assert_eq!(status(door, &["-tls1_2"]), "good");
    }
    for one in told(&stack).await {
        assert_eq!(
            (&one["status"], &one["failures"]),
            (&"good".into(), &0.into()),
            "{one:#}"
        );
        assert!(
            one["last_error"].is_null() && one["age_seconds"].as_u64().unwrap() < 60,
            "{one:#}"
        );
        assert!(
            one["next_update"].as_str() > one["next_attempt"].as_str(),
            "{one:#}"
        );
        assert_eq!(one["responders"][0], format!("http://{at}/"));
    }
    let metrics = stack.status().get("/metrics").await.text();
    let line = "gateway_ocsp_answer_next_update_timestamp_seconds{certificate=\"CN=edge.test\",sha256=\"";
    assert!(metrics.contains(line), "{metrics}");
    let metrics = stack.edge_admin().get("/metrics").await.text();
    assert!(
        metrics.contains("edge_proxy_ocsp_answer_fetches_total{")
            && metrics.contains("outcome=\"good\"} 1\n")
    );

    // It is gone; what it said stays, over reloads, too.
    drop(responder);
    for door in doors {
        assert_eq!(status(door, &["-tls1_3"]), "good");
    }
    stack.reload_gateway().await;
    stack.reload_edge();
    for door in doors {
        assert_eq!(status(door, &["-tls1_3"]), "good", "at once");
    }
    drop(stack);

    let _responder = running('R');
    let stack = fetching_here(Stack::with("hop.yaml"), &authority, &shown)
        .start()
        .await;
    eventually("the word that it is revoked", async || {
        let told = told(&stack).await;
        told.iter().all(|one| one["status"] == "revoked").then_some(())
    })
    .await;
    for door in [stack.gateway().address(), stack.edge("off").address()] {
        assert_eq!(status(door, &["-tls1_3"]), "-");
    }
}

/// A port that is free at the moment, for a program that does not tell which one it was given.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_killed_asks_again_when_it_is_back() {
    let authority = Authority::root("Stapled Root").unwrap();
    let responder = Responder::start(&authority, ANY.parse().unwrap()).await;
    let shown = authority
        .issue(Leaf::server("edge.test").ocsp_url(&responder.url("/a")))
        .unwrap();
    let files = pair::Files::new(pair::free_address(), pair::free_address());
    let own = [
        ("own.pem", shown.certificate_pem() + &authority.pem()),
        ("own.key", shown.key_pem()),
    ];
    for (name, content) in own {
        std::fs::write(files.path().join(name), content).unwrap();
    }
    let (chain, key) = (files.file("own.pem"), files.file("own.key"));
    for (program, node, listener, environment) in [
        (
            "api-gateway",
            "gateway.toml",
            "ssl",
            [
                ("KONG_SSL_CERT", &*chain),
                ("KONG_SSL_CERT_KEY", &*key),
                ("KONG_SSL_STAPLING", "on"),
                ("KONG_REVOCATION_ALLOWED_HOSTS", "127.0.0.1"),
            ],
        ),
        (
            "edge-proxy",
            "edge.toml",
            "off",
            [
                ("EDGE_PROXY_LISTENERS__OFF__TLS__CERTIFICATE", &*chain),
                ("EDGE_PROXY_LISTENERS__OFF__TLS__PRIVATE_KEY", &*key),
                ("EDGE_PROXY_LISTENERS__OFF__TLS__STAPLING", "fetch"),
                ("EDGE_PROXY_REVOCATION_ALLOWED_HOSTS", "127.0.0.1"),
            ],
        ),
    ] {
        responder.say("/a", Word::Says(Standing::Good));
        let running = files.start(program, node, &environment).unwrap();
        is_shown(program, running.address(listener).unwrap(), "good").await;
        running.crash();
        responder.say("/a", Word::Under(StatusCode::BAD_GATEWAY));
        // It starts without an answer, as it would without a network.
        let running = files.start(program, node, &environment).unwrap();
        let address = running.address(listener).unwrap();
        assert_eq!(status(address, &["-tls1_3"]), "-", "{program}");
        responder.say("/a", Word::Says(Standing::Good));
        is_shown(program, address, "good").await;
        assert!(!running.output().contains("panicked"), "{}", running.output());
    }
}
