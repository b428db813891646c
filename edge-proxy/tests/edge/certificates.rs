//! Client certificates: what is carried, what is verified, what is refused.

use std::sync::Arc;

use certs::{Authority, Leaf, Usage, Validity};
use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};

use crate::client::{BOTH_VERSIONS, Identity, tls_config};
use crate::stack::{Node, Stack, assert_refused, read, vector_client, vectors};

pub(crate) const PASSTHROUGH: Node = Node {
    top: "",
    listener: "",
    mutual_authentication: "mode = \"passthrough\"",
    attributes: "",
    more: "",
};

pub(crate) const VERIFY: Node = Node {
    mutual_authentication: "mode = \"verify\"\ntrust_store = \"clients.pem\"",
    ..PASSTHROUGH
};

pub(crate) const VERIFY_WITH_LISTS: Node = Node {
    mutual_authentication: "mode = \"verify\"\ntrust_store = \"clients.pem\"\nrevocation_lists = [\"clients.crl\"]",
    ..PASSTHROUGH
};

const HEADER: &str = "x-amzn-mtls-clientcert";

#[tokio::test]
async fn passthrough_carries_the_whole_chain_byte_for_byte() {
    let stack = Stack::start(PASSTHROUGH).await;
    for (issuers, vector) in [
        (vec![], "leaf.alb-passthrough.leaf.txt"),
        (vec!["int.pem"], "leaf.alb-passthrough.leaf+int.txt"),
        (
            vec!["int.pem", "root.pem"],
            "leaf.alb-passthrough.leaf+int+root.txt",
        ),
    ] {
        let mut connection = stack.connect(Some(&vector_client(&issuers))).await;
        // Every request of the connection, not only the first.
        for _ in 0..2 {
            let seen = connection.get("/", &[]).await.unwrap().seen();
            assert_eq!(
                seen.header(HEADER),
                [read(&vectors().join(vector)).as_str()],
                "{vector}"
            );
            assert!(!seen.0["edge_certificate"].is_null(), "the edge shows its own");
        }
    }
}

#[tokio::test]
async fn passthrough_judges_nothing() {
    let stack = Stack::start(PASSTHROUGH).await;
    let stranger = Authority::root("Stranger").unwrap();
    let expired = Leaf::client("late").validity(Validity::ended_days_ago(3));
    for issued in [
        stranger.issue(Leaf::client("alice")).unwrap(),
        stack.pki.clients.issue(expired).unwrap(),
        stack
            .pki
            .clients
            .issue(Leaf::client("server").usages([Usage::Server]))
            .unwrap(),
    ] {
        let mut connection = stack.connect(Some(&Identity::of(&issued))).await;
        let seen = connection.get("/", &[]).await.unwrap().seen();
        assert_eq!(seen.header(HEADER).len(), 1);
    }
}

#[tokio::test]
async fn passthrough_without_a_certificate_goes_on_without_the_header() {
    let stack = Stack::start(PASSTHROUGH).await;
    let seen = stack.connect(None).await.get("/", &[]).await.unwrap().seen();
    assert!(!seen.lines().any(|(name, _)| name.starts_with("x-amzn-mtls")));
}

#[tokio::test]
async fn rfc9440_carries_the_same_in_two_headers() {
    let stack = Stack::start(Node {
        mutual_authentication: "mode = \"passthrough\"\nheader_format = \"rfc9440\"",
        ..PASSTHROUGH
    })
    .await;
    let mut connection = stack.connect(Some(&vector_client(&["int.pem"]))).await;
    let seen = connection.get("/", &[]).await.unwrap().seen();
    for (name, vector) in [
        ("client-cert", "leaf.rfc9440.Client-Cert.txt"),
        ("client-cert-chain", "leaf.rfc9440.Client-Cert-Chain.txt"),
    ] {
        assert_eq!(seen.header(name), [read(&vectors().join(vector)).as_str()]);
    }
    assert!(seen.header(HEADER).is_empty());
}

#[tokio::test]
async fn a_certificate_without_its_key_gets_nowhere() {
    for wanted in [PASSTHROUGH, VERIFY] {
        let stack = Stack::start(wanted).await;
        let alice = Identity::of(&stack.pki.client("alice"));
        let mallory = Identity::of(&stack.pki.client("mallory"));
        let thief = Identity(alice.0.clone(), mallory.1);
        for version in [&TLS12, &TLS13] as [&'static SupportedProtocolVersion; 2] {
            assert_refused(stack.edge.public, tls_config(Some(&thief), &[version], &[])).await;
            // Alice herself is welcome at the same version.
            let config = tls_config(Some(&alice), &[version], &[]);
            let mut connection = crate::client::tls_with(stack.edge.public, config).await.unwrap();
            assert_eq!(connection.get("/", &[]).await.unwrap().status, 200);
        }
        assert_eq!(stack.target.requests(), 2);
    }
}

#[tokio::test]
async fn a_chain_that_does_not_fit_in_a_header_ends_the_connection() {
    let stack = Stack::start(PASSTHROUGH).await;
    let mut long = Leaf::client("long");
    for number in 0..400 {
        long = long.dns(&format!("a-rather-long-name-{number}.example.com"));
    }
    let long = Identity::of(&stack.pki.clients.issue(long).unwrap());
    assert_refused(stack.edge.public, tls_config(Some(&long), BOTH_VERSIONS, &[])).await;
    let many = vector_client(&["int.pem"; 8]);
    assert_refused(stack.edge.public, tls_config(Some(&many), BOTH_VERSIONS, &[])).await;
    assert_eq!(stack.target.requests(), 0);
    for line in stack.lines("connections.log", 2).await {
        assert!(line.contains(" Failed:ClientCertMaxSizeExceeded "), "{line}");
    }
}

#[tokio::test]
async fn verify_tells_of_the_leaf_in_five_headers() {
    let stack = Stack::start(Node {
        mutual_authentication: "mode = \"verify\"\ntrust_store = \"vectors.pem\"",
        ..PASSTHROUGH
    })
    .await;
    let mut connection = stack.connect(Some(&vector_client(&["int.pem"]))).await;
    let seen = connection.get("/", &[]).await.unwrap().seen();
    for part in ["Serial-Number", "Issuer", "Subject", "Validity", "Leaf"] {
        let expected = read(&vectors().join(format!("leaf.alb-verify.{part}.txt")));
        let name = format!("{HEADER}-{}", part.to_lowercase());
        assert_eq!(seen.header(&name), [expected.as_str()]);
    }
    assert!(seen.header(HEADER).is_empty());
}

#[tokio::test]
async fn verify_ends_the_connection_of_whoever_it_does_not_trust() {
    let stack = Stack::start(VERIFY_WITH_LISTS).await;
    let pki = &stack.pki;
    let bob = pki.client("bob");
    pki.revoke(&[&bob]);
    stack.reload(&VERIFY_WITH_LISTS).unwrap();
    let stranger = Authority::root("Clients Root").unwrap();
    let issue = |leaf: Leaf| pki.clients.issue(leaf).unwrap();
    let refused = [
        (bob, "ClientCertCrlHit"),
        (
            stranger.issue(Leaf::client("alice")).unwrap(),
            "ClientCertUntrusted",
        ),
        (
            issue(Leaf::client("late").validity(Validity::ended_days_ago(3))),
            "ClientCertExpired",
        ),
        (
            issue(Leaf::client("early").validity(Validity::starts_in_days(3))),
            "ClientCertNotYetValid",
        ),
        (
            issue(Leaf::client("server").usages([Usage::Server])),
            "ClientCertPurposeInvalid",
        ),
    ];
    for (number, (issued, code)) in refused.iter().enumerate() {
        for version in [&TLS12, &TLS13] as [&'static SupportedProtocolVersion; 2] {
            let identity = Identity::of(issued);
            assert_refused(stack.edge.public, tls_config(Some(&identity), &[version], &[])).await;
        }
        let lines = stack.lines("connections.log", 2 * (number + 1)).await;
        for line in &lines[2 * number..] {
            assert!(line.contains(&format!(" Failed:{code} ")), "{line}");
            assert!(line.contains(" \"CN="), "the log names the leaf: {line}");
        }
    }
    assert_refused(stack.edge.public, tls_config(None, BOTH_VERSIONS, &[])).await;
    let lines = stack.lines("connections.log", 11).await;
    assert!(
        lines[10].contains(" - - - Failed:UnmappedConnectionError "),
        "{}",
        lines[10]
    );
    assert_eq!(stack.target.requests(), 0);

    let alice = Identity::of(&pki.client("alice"));
    let answer = stack.connect(Some(&alice)).await.get("/", &[]).await.unwrap();
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_stale_list_refuses_everybody_whom_it_covers() {
    let stack = Stack::start(VERIFY_WITH_LISTS).await;
    stack.pki.stale_list();
    stack.reload(&VERIFY_WITH_LISTS).unwrap();
    let alice = Identity::of(&stack.pki.client("alice"));
    assert_refused(stack.edge.public, tls_config(Some(&alice), BOTH_VERSIONS, &[])).await;
    let lines = stack.lines("connections.log", 1).await;
    assert!(
        lines[0].contains(" Failed:ClientCertCrlProcessingError "),
        "{}",
        lines[0]
    );
}

#[tokio::test]
async fn expiry_is_ignored_only_where_that_is_written() {
    let stack = Stack::start(Node {
        mutual_authentication: "mode = \"verify\"\ntrust_store = \"clients.pem\"\nignore_client_certificate_expiry = true",
        ..PASSTHROUGH
    })
    .await;
    let late = Leaf::client("late").validity(Validity::ended_days_ago(3));
    let late = Identity::of(&stack.pki.clients.issue(late).unwrap());
    let answer = stack.connect(Some(&late)).await.get("/", &[]).await.unwrap();
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn nothing_is_resumed_where_certificates_are_asked_for() {
    for (wanted, resumes) in [(Node::default(), true), (PASSTHROUGH, false), (VERIFY, false)] {
        let stack = Stack::start(wanted).await;
        let alice = Identity::of(&stack.pki.client("alice"));
        for version in [&TLS12, &TLS13] as [&'static SupportedProtocolVersion; 2] {
            let config = tls_config(Some(&alice), &[version], &[]);
            let mut config = Arc::unwrap_or_clone(config);
            config.resumption = rustls::client::Resumption::in_memory_sessions(4);
            let config = Arc::new(config);
            let mut kinds = Vec::new();
            for _ in 0..2 {
                let mut connection = crate::client::tls_with(stack.edge.public, Arc::clone(&config))
                    .await
                    .unwrap();
                // Tickets arrive with the answer.
                assert_eq!(connection.get("/", &[]).await.unwrap().status, 200);
                kinds.push(connection.stream.get_ref().1.handshake_kind());
            }
            let resumed = kinds.contains(&Some(rustls::HandshakeKind::Resumed));
            assert_eq!(resumed, resumes, "{version:?}");
        }
    }
}
