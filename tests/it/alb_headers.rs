//! What the edge writes is what an ALB writes, byte for byte: the vectors are of the chain in `transport/tests/vectors`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use harness::answer::Answer;
use harness::client::Client;
use harness::stack::{Plan, Stack};
use rustls::sign::CertifiedKey;
use transport::pem;

fn vector_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../transport/tests/vectors")
        .join(name)
}

fn vector(name: &str) -> String {
    std::fs::read_to_string(vector_file(name))
        .unwrap()
        .trim_end()
        .to_owned()
}

/// The vectors' leaf, shown with these certificates behind it.
fn vector_client(behind: &[&str]) -> Arc<CertifiedKey> {
    let files = ["leaf.pem"].iter().chain(behind);
    let chain = files
        .flat_map(|file| pem::certificates(&vector_file(file)).unwrap())
        .collect();
    pem::certified_key(
        chain,
        pem::private_key(&vector_file("leaf.key.pem")).unwrap(),
        "leaf.pem",
    )
    .unwrap()
}

/// An edge that sends requests straight to the echo, and trusts the vectors' root.
fn edge_alone() -> Plan {
    let root = vector_file("root.pem").display().to_string();
    Stack::with("hop.yaml")
        .edge_to_upstream()
        .edge("LISTENERS__VERIFY__MUTUAL_AUTHENTICATION__TRUST_STORE", &root)
        .edge("LISTENERS__VERIFY__MUTUAL_AUTHENTICATION__REVOCATION_LISTS", "")
}

fn both(client: Client) -> [Client; 2] {
    [client.clone(), client.over_http2()]
}

fn identity_names(answer: &Answer) -> Vec<String> {
    ["x-amzn-mtls", "client-cert"]
        .iter()
        .flat_map(|prefix| answer.received_names(prefix))
        .collect()
}

#[tokio::test]
async fn passthrough_sends_the_whole_chain_as_presented() {
    let stack = edge_alone().start().await;
    for (behind, expected) in [
        (&[][..], "leaf.alb-passthrough.leaf.txt"),
        (&["int.pem"], "leaf.alb-passthrough.leaf+int.txt"),
        (&["int.pem", "root.pem"], "leaf.alb-passthrough.leaf+int+root.txt"),
    ] {
        for client in both(stack.edge("public").with(vector_client(behind))) {
            let echo = client.get("/").header("X-Amzn-Mtls-Clientcert", "forged").await;
            assert_eq!(
                echo.received("x-amzn-mtls-clientcert").unwrap(),
                vector(expected),
                "{expected}"
            );
            assert_eq!(identity_names(&echo), ["x-amzn-mtls-clientcert"]);
        }
    }
    let nobody = stack
        .edge("public")
        .get("/")
        .header("X-Amzn-Mtls-Clientcert", "forged")
        .await;
    assert_eq!(identity_names(&nobody), Vec::<String>::new());
}

#[tokio::test]
async fn verify_sends_five_headers_about_the_leaf() {
    let stack = edge_alone().start().await;
    for client in both(stack.edge("verify").with(vector_client(&["int.pem"]))) {
        let echo = client
            .get("/")
            .header("X-Amzn-Mtls-Clientcert-Subject", "CN=forged")
            .await;
        for part in ["Serial-Number", "Issuer", "Subject", "Validity", "Leaf"] {
            let expected = vector(&format!("leaf.alb-verify.{part}.txt"));
            assert_eq!(
                echo.received(&format!("X-Amzn-Mtls-Clientcert-{part}")).unwrap(),
                expected,
                "{part}"
            );
        }
        assert_eq!(identity_names(&echo).len(), 5);
    }
    stack
        .edge("verify")
        .with(vector_client(&[]))
        .get("/")
        .outcome()
        .await
        .unwrap_err();
    stack
        .edge("verify")
        .cert("alice")
        .get("/")
        .outcome()
        .await
        .unwrap_err();
    assert_eq!(
        stack.upstream.count(),
        2,
        "who is refused leaves no trace upstream"
    );
}

#[tokio::test]
async fn rfc_9440_sends_leaf_and_chain() {
    let stack = edge_alone().start().await;
    for client in both(stack.edge("rfc9440").with(vector_client(&["int.pem"]))) {
        let echo = client.get("/").header("Client-Cert", ":Zm9yZ2Vk:").await;
        assert_eq!(
            echo.received("client-cert").unwrap(),
            vector("leaf.rfc9440.Client-Cert.txt")
        );
        assert_eq!(
            echo.received("client-cert-chain").unwrap(),
            vector("leaf.rfc9440.Client-Cert-Chain.txt")
        );
        assert_eq!(identity_names(&echo).len(), 2);
    }
}

#[tokio::test]
async fn every_front_s_identity_headers_are_stripped_on_every_listener() {
    const NAMES: [&str; 17] = [
        "X-Amzn-Mtls-Clientcert",
        "X-Amzn-Mtls-Clientcert-Leaf",
        "X-Amzn-Mtls-Of-Tomorrow",
        "Client-Cert",
        "Client-Cert-Chain",
        "X-Client-Cert",
        "X-Client-Cert-Chain",
        "X-SSL-Client-Cert",
        "X-Forwarded-Client-Cert",
        "X-Forwarded-Tls-Client-Cert",
        "X-Forwarded-Tls-Client-Cert-Info",
        "ssl-client-cert",
        "ssl-client-verify",
        "X-ARR-ClientCert",
        "Cf-Client-Cert-Der-Base64",
        "Cf-Client-Cert-Sha256",
        "CloudFront-Viewer-Cert-Pem",
    ];
    let stack = edge_alone().start().await;
    for listener in ["public", "verify", "rfc9440", "off", "plain"] {
        let client = match listener {
            "verify" => stack.edge("verify").with(vector_client(&["int.pem"])),
            listener => stack.edge(listener),
        };
        for spell in [
            str::to_owned as fn(&str) -> String,
            str::to_uppercase,
            |n| n.replace('-', "_"),
            |n| n.replace('-', "."),
        ] {
            let call = NAMES
                .iter()
                .fold(client.get("/"), |call, name| call.header(&spell(name), "mallet"));
            let echo = call.header("X-Other", "stays").await;
            assert_eq!(echo.status, 200, "{listener}");
            assert!(!echo.text().contains("mallet"), "{listener}: {}", echo.text());
            assert_eq!(echo.received("x-other").as_deref(), Some("stays"));
        }
    }
}

#[tokio::test]
async fn the_connection_log_tells_who_came_and_who_was_refused() {
    let stack = Stack::with("hop.yaml").start().await;
    stack.edge("verify").cert("alice").get("/verify").await;
    stack
        .edge("verify")
        .cert("revoked")
        .get("/verify")
        .outcome()
        .await
        .unwrap_err();
    stack
        .edge("verify")
        .cert("mallory")
        .get("/verify")
        .outcome()
        .await
        .unwrap_err();
    let log = harness::stack::eventually("three lines in the connection log", async || {
        Some(stack.edge_log("connections.log")).filter(|log| log.lines().count() >= 3)
    });
    let log = log.await;
    for (subject, status) in [
        ("\"CN=alice\"", "Success"),
        ("\"CN=revoked\"", "Failed:ClientCertCrlHit"),
        ("\"CN=alice\"", "Failed:ClientCertUntrusted"),
    ] {
        let line = log
            .lines()
            .find(|line| line.contains(subject) && line.contains(status));
        assert!(
            line.is_some_and(|line| line.contains(" TID_")),
            "{subject} {status} in\n{log}"
        );
    }
}
