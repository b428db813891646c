//! A handshake that failed is kept: with whom, of what class, what to do about it, and which certificate it was.

use std::sync::Arc;

use certs::{Authority, Leaf};
use harness::client::Client;
use harness::pki::shown;
use harness::stack::{Stack, eventually};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ClientConnection};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

/// How many are kept.
const KEPT: usize = 256;

/// What a program tells of.
async fn told(asked: &Client, path: &str) -> Vec<Value> {
    asked.get(path).await.json().as_array().unwrap().clone()
}

/// The newest failure, when there are so many.
pub(crate) async fn newest(asked: &Client, path: &str, count: usize) -> Value {
    eventually(&format!("failure {count} at {path}"), async || {
        let all = told(asked, path).await;
        (all.len() >= count).then(|| {
            assert_eq!(all.len(), count, "{all:#?}");
            all[0].clone()
        })
    })
    .await
}

/// Whatever comes of it: the other side has something to tell.
async fn knock(client: &Client) {
    let _ = client
        .raw(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await;
}

#[track_caller]
pub(crate) fn assert_failure(what: &str, found: &Value, class: &str, remedy: &str) {
    assert_eq!(found["class"], class, "{what}: {found:#}");
    let told = found["remedy"].as_str().unwrap();
    assert!(told.contains(remedy), "{what}: {found:#}");
    let text = found.to_string();
    assert!(
        !text.contains("BEGIN") && !text.contains("PRIVATE"),
        "{what}: {text}"
    );
}

fn subjects(found: &Value) -> Vec<&str> {
    let certificates = found["chain"]["certificates"].as_array();
    let subjects = certificates.into_iter().flatten();
    subjects.map(|shown| shown["subject"].as_str().unwrap()).collect()
}

/// The subject of the certificate that is marked.
pub(crate) fn marked(found: &Value) -> Option<&str> {
    let mut certificates = found["chain"]["certificates"].as_array()?.iter();
    certificates.find(|shown| shown["failed"] == true)?["subject"].as_str()
}

#[tokio::test]
#[allow(clippy::too_many_lines)] // a table
async fn clients_of_the_edge() {
    let stack = Stack::with("hop.yaml").start().await;
    let verify = stack.edge("verify");
    let identity = |name: &str| stack.pki.identity(name).unwrap();
    let purpose = stack.pki.leaf("clients-intermediate", Leaf::server("carol.test"));
    let rows: [(&str, Client, &str, &str, Option<&str>); 8] = [
        (
            "none",
            verify.clone(),
            "no_certificate",
            "a certificate and its key to show",
            None,
        ),
        (
            "another root",
            verify.clone().cert("mallory"),
            "unknown_ca",
            "add that authority",
            Some("CN=alice"),
        ),
        (
            "expired",
            verify.clone().cert("expired"),
            "expired",
            "renew that certificate",
            Some("CN=expired"),
        ),
        (
            "revoked",
            verify.clone().cert("revoked"),
            "revoked",
            "a new certificate",
            Some("CN=revoked"),
        ),
        (
            "for servers",
            verify.clone().with(purpose),
            "purpose",
            "issued for a client",
            Some("CN=carol.test"),
        ),
        (
            "somebody else's certificate",
            verify.clone().with(stack.pki.stolen("alice", "bob").unwrap()),
            "wrong_key",
            "the private key that belongs to",
            None,
        ),
        (
            "no TLS",
            Client::http(verify.address()),
            "protocol",
            "TLS 1.2 or 1.3",
            None,
        ),
        (
            "in TLS 1.2",
            verify.clone().over_tls12().with(identity("expired")),
            "expired",
            "renew",
            Some("CN=expired"),
        ),
    ];
    let admin = stack.edge_admin();
    for (number, (what, client, class, remedy, certificate)) in rows.into_iter().enumerate() {
        knock(&client).await;
        let found = newest(&admin, "/handshakes", number + 1).await;
        assert_failure(what, &found, class, remedy);
        assert_eq!(found["layer"], "client", "{what}");
        assert!(
            found["peer"].as_str().unwrap().starts_with("127.0.0.1:"),
            "{what}"
        );
        let name = if what == "no TLS" {
            Value::Null
        } else {
            "edge.test".into()
        };
        assert_eq!(found["server_name"], name, "{what}");
        assert_eq!(marked(&found), certificate, "{what}: {found:#}");
    }
    let all = told(&admin, "/handshakes").await;
    let revoked = all.iter().find(|failure| failure["class"] == "revoked").unwrap();
    let leaf = transport::certificate::Certificate::parse(identity("revoked").cert[0].clone()).unwrap();
    let first = &revoked["chain"]["certificates"][0];
    assert_eq!(first["serial"], leaf.serial());
    assert_eq!(first["issuer"], leaf.issuer().to_string());
    assert_eq!(
        first["not_after"],
        transport::certificate::iso8601(leaf.not_after())
    );
    assert_eq!(first["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(revoked["chain"]["shown_by"], "peer");

    assert_eq!(verify.cert("alice").get("/verify").await.status, 200);
    assert_eq!(
        told(&admin, "/handshakes").await.len(),
        all.len(),
        "a success leaves nothing"
    );
    let metrics = admin.get("/metrics").await.text();
    for (class, count) in [("expired", 2), ("revoked", 1), ("wrong_key", 1), ("depth", 0)] {
        let line =
            format!("edge_proxy_handshakes_failed_total{{layer=\"client\",class=\"{class}\"}} {count}\n");
        assert!(metrics.contains(&line), "{line}{metrics}");
    }
}

#[tokio::test]
async fn a_client_that_leaves_its_intermediate_out() {
    let listener = "LISTENERS__VERIFY__MUTUAL_AUTHENTICATION__";
    let stack = Stack::with("hop.yaml")
        .edge(&format!("{listener}TRUST_STORE"), "pki/ca/clients-root.pem")
        .edge(&format!("{listener}REVOCATION_LISTS"), "pki/crl/clients-root.crl")
        .start()
        .await;
    let whole = stack.pki.identity("alice").unwrap();
    let lonely = Arc::new(CertifiedKey::new(
        vec![whole.cert[0].clone()],
        Arc::clone(&whole.key),
    ));
    assert_eq!(stack.edge("verify").with(whole).get("/verify").await.status, 200);
    knock(&stack.edge("verify").with(lonely)).await;
    let found = newest(&stack.edge_admin(), "/handshakes", 1).await;
    assert_failure(
        "alone",
        &found,
        "missing_intermediate",
        "have the client send that intermediate",
    );
    assert_eq!(subjects(&found), ["CN=alice"]);
}

#[tokio::test]
async fn a_client_that_goes_away() {
    let stack = Stack::with("hop.yaml").start().await;
    let (address, admin) = (stack.edge("verify").address(), stack.edge_admin());
    let roots = stack.pki.server_roots().unwrap();
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut connection = ClientConnection::new(Arc::new(config), "edge.test".try_into().unwrap()).unwrap();
    let mut hello = Vec::new();
    connection.write_tls(&mut hello).unwrap();
    // Nothing, and half a hello: whoever sends no more wanted no handshake.
    for part in [&hello[..0], &hello[..20]] {
        TcpStream::connect(address)
            .await
            .unwrap()
            .write_all(part)
            .await
            .unwrap();
    }
    TcpStream::connect(address)
        .await
        .unwrap()
        .write_all(&hello)
        .await
        .unwrap();
    let found = newest(&admin, "/handshakes", 1).await;
    assert_failure(
        "gone after its hello",
        &found,
        "closed",
        "see the log of the client",
    );
    assert_eq!(found["server_name"], "edge.test", "{found:#}");
}

#[tokio::test]
async fn targets_of_the_edge() {
    let tls = "TARGET_GROUPS__GATEWAY__TLS__";
    for (key, value, class, remedy) in [
        (
            "SERVER_NAME",
            "other.internal",
            "wrong_name",
            "connect to it by a name that it has",
        ),
        (
            "TRUST_STORE",
            "pki/ca/clients-root.pem",
            "unknown_ca",
            "add that authority",
        ),
    ] {
        let stack = Stack::with("hop.yaml")
            .edge(&format!("{tls}{key}"), value)
            .start()
            .await;
        assert_eq!(stack.edge("public").get("/public").await.status, 502, "{key}");
        let admin = stack.edge_admin();
        let found = newest(&admin, "/handshakes", 1).await;
        assert_failure(key, &found, class, remedy);
        assert_eq!(found["layer"], "upstream", "{key}");
        assert_eq!(marked(&found), Some("CN=gateway.internal"), "{key}: {found:#}");
        let name = if key == "SERVER_NAME" {
            value
        } else {
            "gateway.internal"
        };
        assert_eq!(found["server_name"], name, "{key}");
        let line = format!("edge_proxy_handshakes_failed_total{{layer=\"upstream\",class=\"{class}\"}} 1\n");
        assert!(admin.get("/metrics").await.text().contains(&line), "{line}");
    }
}

#[tokio::test]
async fn clients_of_the_gateway() {
    let stack = Stack::with("sni.yaml").without_trusted_edges().start().await;
    let (client, status) = (stack.gateway(), stack.status());
    // Certificates are asked for here, and judged per request: that is in the access log and no failed handshake.
    assert_eq!(client.clone().cert("mallory").get("/by-path").await.status, 401);
    assert_eq!(client.clone().get("/by-path").await.status, 401);
    for (number, (what, client, class, remedy)) in [
        (
            "somebody else's certificate",
            client.clone().with(stack.pki.stolen("alice", "bob").unwrap()),
            "wrong_key",
            "the private key that belongs to",
        ),
        (
            "no TLS",
            Client::http(client.address()),
            "protocol",
            "whether that port speaks TLS at all",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        knock(&client).await;
        let found = newest(&status, "/status/handshakes", number + 1).await;
        assert_failure(what, &found, class, remedy);
        assert_eq!(found["layer"], "client", "{what}");
    }
    let shown = status.get("/status").await.json();
    assert_eq!(shown["handshakes_failed"][0]["class"], "protocol", "{shown:#}");
    let line = "gateway_handshakes_failed_total{layer=\"client\",class=\"wrong_key\"} 1\n";
    assert!(status.get("/metrics").await.text().contains(line));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_failures_leaves_so_many_and_no_more() {
    let stack = Stack::with("hop.yaml").start().await;
    let (verify, admin) = (stack.edge("verify").cert("mallory"), stack.edge_admin());
    // A chain with a long name in it, from a stranger.
    let stranger = Authority::root(&*"S".repeat(60)).unwrap();
    let long = Leaf::client("x").uri(&format!("spiffe://long/{}", "y".repeat(8000)));
    let long = verify.clone().with(shown(&stranger.issue(long).unwrap()));
    let floods = (0..30).map(|_| {
        let (verify, long) = (verify.clone(), long.clone());
        tokio::spawn(async move {
            for _ in 0..50 {
                knock(&verify).await;
                knock(&long).await;
            }
        })
    });
    for flood in floods.collect::<Vec<_>>() {
        flood.await.unwrap();
    }
    let counted = "edge_proxy_handshakes_failed_total{layer=\"client\",class=\"unknown_ca\"} 3000\n";
    eventually("3000 failures", async || {
        admin.get("/metrics").await.text().contains(counted).then_some(())
    })
    .await;
    let answer = admin.get("/handshakes").await;
    assert_eq!(answer.json().as_array().unwrap().len(), KEPT);
    let octets = answer.text().len();
    assert!(octets < KEPT * 8 * 1024, "{octets} octets");
    assert_eq!(
        stack.edge("verify").cert("alice").get("/verify").await.status,
        200
    );
}
