//! A certificate is public: without its key it opens no door, at neither version of TLS, and nothing gets through.

use harness::client::Client;
use harness::stack::Stack;

/// Every door, with a path behind it where alice is let in.
const DOORS: [(&str, &str); 5] = [
    ("public", "/mtls"),
    ("rfc9440", "/public"),
    ("verify", "/verify"),
    ("passed", "/direct"),
    ("gateway", "/direct"),
];

fn door(stack: &Stack, name: &str) -> Client {
    match name {
        "gateway" => stack.gateway(),
        listener => stack.edge(listener),
    }
}

#[tokio::test]
async fn a_certificate_without_its_key_fails_the_handshake() {
    let stack = Stack::with("hop.yaml").start().await;
    for (name, path) in DOORS {
        for (version, over) in [
            ("1.2", Client::over_tls12 as fn(Client) -> Client),
            ("1.3", Client::over_tls13),
        ] {
            for (chain, key) in [("alice", "mallory"), ("alice", "bob"), ("edge/client", "alice")] {
                let thief = over(door(&stack, name)).with(stack.pki.stolen(chain, key).unwrap());
                let outcome = thief.get(path).outcome().await;
                assert!(
                    outcome.is_err(),
                    "{chain} with the key of {key} at {name}, TLS {version}: {outcome:?}"
                );
            }
        }
    }
    assert_eq!(stack.upstream.count(), 0);
    assert_eq!(
        stack.lines(),
        Vec::<serde_json::Value>::new(),
        "the gateway saw no request"
    );

    for (name, path) in DOORS {
        for over in [Client::over_tls12, Client::over_tls13] {
            let alice = over(door(&stack, name)).cert("alice").get(path).await;
            assert_eq!(alice.status, 200, "with her key, at {name}");
        }
    }
}

#[tokio::test]
async fn an_edge_without_its_key_is_no_edge() {
    let stack = Stack::with("hop.yaml").start().await;
    let header = stack.clientcert_header("alice");
    for over in [Client::over_tls12, Client::over_tls13] {
        let thief = over(stack.gateway()).with(stack.pki.stolen("edge/client", "alice").unwrap());
        let call = thief.get("/mtls").header("X-Amzn-Mtls-Clientcert", &header);
        call.outcome().await.unwrap_err();
        let edge = over(stack.gateway()).cert("edge/client");
        assert_eq!(
            edge.get("/mtls")
                .header("X-Amzn-Mtls-Clientcert", &header)
                .await
                .status,
            200
        );
    }
    assert_eq!(stack.upstream.count(), 2);
}
