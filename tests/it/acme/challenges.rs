//! The two responders lead nowhere else: what is behind a door stays behind it.

use harness::acme_server::{AcmePlan, AcmeServer};
use harness::client::Client;
use harness::outside::openssl;
use harness::pki::Pki;
use harness::program::Said;

use super::{Door, Tier, served};

/// A session with these protocols on offer, and a request in it.
fn ask(server: &AcmeServer, domain: &str, protocols: &str) -> Said {
    let address = server.https().to_string();
    let arguments = [
        "s_client",
        "-connect",
        &address,
        "-servername",
        domain,
        "-alpn",
        protocols,
        "-ign_eof",
        "-msg",
    ];
    let request = format!("GET / HTTP/1.1\r\nHost: {domain}\r\nConnection: close\r\n\r\n");
    tokio::task::block_in_place(|| openssl(&arguments, request.as_bytes()))
}

/// A door that lets in nobody without a certificate: mode verify, or edges that have to prove themselves.
async fn guarded(tier: Tier, server: &AcmeServer, domain: &str) -> Door {
    let door = Door::of(tier, server, domain, "tls-alpn-01").await;
    Pki::make(&door.path("pki")).unwrap();
    let file = std::fs::read_to_string(door.path(door.node())).unwrap();
    match tier {
        Tier::Edge => {
            let verify = "[listeners.public.mutual_authentication]\nmode = \"verify\"\ntrust_store = \"pki/ca/clients.pem\"\n";
            door.write("edge.toml", &format!("{file}{verify}"));
        }
        Tier::Gateway => {
            let edges = "trusted_edges = \"dns:edge.internal\"\ntrusted_edge_ca = \"pki/ca/internal.pem\"\n";
            door.write("gateway.toml", &format!("{file}{edges}"));
        }
    }
    door
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_needs_no_client_certificate_and_whoever_comes_by_it_gets_no_answer() {
    for tier in [Tier::Edge, Tier::Gateway] {
        // Long enough to look at the challenge before the server does.
        let server = AcmePlan::new().looking_after(15).start();
        let domain = "guarded.acme.test";
        let door = guarded(tier, &server, domain).await;
        let program = door.start();
        let said = harness::stack::eventually("the challenge", async || {
            let said = ask(&server, domain, "acme-tls/1");
            said.stdout.contains("ALPN protocol: acme-tls/1").then_some(said)
        })
        .await;
        assert!(!said.stdout.contains("HTTP/1"), "no HTTP behind it: {said:?}");
        assert!(
            !said.stdout.contains("CertificateRequest"),
            "nobody is asked: {said:?}"
        );
        // It is the name's challenge and nobody else's, and one among other protocols is none.
        for (name, protocols) in [("other.acme.test", "acme-tls/1"), (domain, "acme-tls/1,http/1.1")] {
            let said = ask(&server, name, protocols);
            assert!(
                !said.stdout.contains("ALPN protocol: acme-tls/1"),
                "{name} {protocols}: {said:?}"
            );
            // Whoever speaks HTTP came by the guard: a handshake that asks (the gateway), or is refused (the edge).
            let is_asked = said.stdout.contains("CertificateRequest");
            assert!(
                is_asked || !said.stdout.contains("HTTP/1.1"),
                "{name} {protocols}: {said:?}"
            );
        }
        let certificate = door.appears(".pem").await.display().to_string();
        // Over: nobody answers a challenge any more.
        let said = ask(&server, domain, "acme-tls/1");
        assert!(!said.stdout.contains("ALPN protocol: acme-tls/1"), "{said:?}");
        // And the guard is where it was: the certificate that was issued, and a request for one.
        let said = ask(&server, domain, "http/1.1");
        assert!(said.stdout.contains("CertificateRequest"), "{said:?}");
        if tier == Tier::Edge {
            assert!(
                !said.stdout.contains("HTTP/1.1"),
                "a client without a certificate: {said:?}"
            );
        }
        let leaf = openssl(&["x509", "-in", &certificate, "-noout", "-text"], b"").stdout;
        assert!(leaf.contains(&format!("DNS:{domain}")), "{leaf}");
        drop(program);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_of_http_01_is_the_plugins_for_its_hosts_alone() {
    let server = AcmePlan::new().start();
    let domain = "a.acme.test";
    let door = Door::of(Tier::Gateway, &server, domain, "http-01").await;
    let _program = door.start();
    served(&server, domain).await;
    let path = "/.well-known/acme-challenge/nobodys";
    let web = Client::http(server.http());
    let answer = web.clone().host(domain).get(path).await;
    assert_eq!(
        (answer.status.as_u16(), answer.text().as_str()),
        (404, "Not found\n")
    );
    for (host, path) in [
        ("b.acme.test", path),
        (domain, "/.well-known/acme-challenge/"),
        (domain, "/x"),
    ] {
        assert_eq!(
            web.clone().host(host).get(path).await.status,
            200,
            "{host} {path}: routed"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_edge_was_not_given_is_its_targets() {
    let server = AcmePlan::new().start();
    let domain = "a.acme.test";
    let door = Door::of(Tier::Edge, &server, domain, "http-01").await;
    let _program = door.start();
    served(&server, domain).await;
    let answer = Client::http(server.http())
        .host(domain)
        .get("/.well-known/acme-challenge/theirs")
        .await;
    assert_eq!(
        answer.json()["path"],
        "/.well-known/acme-challenge/theirs",
        "the echo behind it answers"
    );
}
