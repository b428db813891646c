//! The two logs: ALB's line a connection, and a JSON line a request.

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use crate::certificates::{PASSTHROUGH, VERIFY};
use crate::client::{self, BOTH_VERSIONS, Identity, tls_config};
use crate::stack::{Node, Stack, assert_refused, read, vector_client, vectors};

/// The 15 fields; the quoted one may hold spaces.
fn fields(line: &str) -> Vec<String> {
    let mut fields = Vec::new();
    let mut rest = line;
    while !rest.is_empty() {
        let end = match rest.strip_prefix('"') {
            Some(quoted) => quoted.find('"').unwrap() + 2,
            None => rest.find(' ').unwrap_or(rest.len()),
        };
        fields.push(rest[..end].to_owned());
        rest = rest[end..].trim_start_matches(' ');
    }
    fields
}

/// What differs from one connection to the next: time, addresses, latency, id, and what this client negotiates.
const VARYING: [usize; 8] = [0, 1, 2, 3, 5, 6, 11, 12];

fn assert_like_the_vector(line: &str, vector: &str) {
    let expected = read(&vectors().join(vector));
    let (found, expected) = (fields(line), fields(&expected));
    assert_eq!(found.len(), 15, "{line}");
    for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
        if !VARYING.contains(&index) {
            assert_eq!(found, expected, "field {index} of {line}");
        }
    }
}

#[tokio::test]
async fn the_connection_log_is_albs() {
    let stack = Stack::start(Node {
        mutual_authentication: "mode = \"verify\"\ntrust_store = \"vectors.pem\"",
        ..PASSTHROUGH
    })
    .await;
    let client = vector_client(&["int.pem"]);
    let connection = stack.connect(Some(&client)).await;
    let own = connection.stream.get_ref().0.local_addr().unwrap();
    let line = stack.lines("connections.log", 1).await.remove(0);
    assert_like_the_vector(&line, "leaf.alb.connection-log.success.txt");
    let found = fields(&line);
    assert_eq!(
        found[1..4],
        [
            "127.0.0.1",
            &own.port().to_string(),
            &stack.edge.public.port().to_string()
        ]
    );
    assert!(
        found[6].parse::<f64>().is_ok() && found[5].starts_with("TLS_"),
        "{line}"
    );
    assert!(found[12].to_ascii_lowercase().contains("x25519"), "{line}");

    let stack = Stack::start(VERIFY).await;
    assert_refused(stack.edge.public, tls_config(Some(&client), BOTH_VERSIONS, &[])).await;
    let line = stack.lines("connections.log", 1).await.remove(0);
    assert_like_the_vector(&line, "leaf.alb.connection-log.untrusted.txt");
    let found = fields(&line);
    assert!(found[5].starts_with("TLS_") && found[6] == "-", "{line}");

    let tls12 = tls_config(Some(&client), &[&rustls::version::TLS12], &[]);
    assert_refused(stack.edge.public, tls12).await;
    let found = fields(&stack.lines("connections.log", 2).await[1]);
    assert_eq!(found[4], "TLSv1.2");
    assert!(found[5].starts_with("ECDHE-ECDSA-"), "{found:?}");
}

#[tokio::test]
async fn connections_without_tls_and_without_sense_are_logged_too() {
    let stack = Stack::start(Node::default()).await;
    client::plain(stack.edge.plain).await.get("/", &[]).await.unwrap();
    let mut nonsense = client::plain(stack.edge.public).await;
    nonsense
        .stream
        .write_all(b"GET / HTTP/1.1\r\n\r\n")
        .await
        .unwrap();
    nonsense.rest().await;
    let lines = stack.lines("connections.log", 2).await;
    assert!(lines[0].contains(" - - - - - - - TID_"), "{}", lines[0]);
    assert!(
        lines[1].contains(" - - - - - - Failed:UnmappedConnectionError TID_"),
        "{}",
        lines[1]
    );
}

async fn requests(stack: &Stack, at_least: usize) -> Vec<Value> {
    stack
        .lines("requests.log", at_least)
        .await
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn a_line_a_request_with_the_names_of_both_tiers() {
    let stack = Stack::start(VERIFY).await;
    let alice = stack.pki.client("alice");
    let mut connection = stack.connect(Some(&Identity::of(&alice))).await;
    let request = "POST /a?secret=1 HTTP/1.1\r\nHost: edge.test\r\nContent-Length: 5\r\n\r\nhello";
    let answer = connection.send(request).await.unwrap();
    let line = requests(&stack, 1).await.remove(0);
    let id = fields(&stack.lines("connections.log", 1).await[0])[11].clone();
    let trace = answer.seen().header("x-amzn-trace-id")[0].to_owned();
    for (name, expected) in [
        ("request_id", json!(trace.strip_prefix("Root=").unwrap())),
        ("conn_trace_id", json!(id)),
        ("client_ip", json!("127.0.0.1")),
        ("tls_version", json!("TLSv1.3")),
        ("sni", json!("edge.test")),
        ("method", json!("POST")),
        ("host", json!("edge.test")),
        ("path", json!("/a")),
        ("listener", json!("public")),
        ("status", json!(200)),
        ("source", json!("upstream")),
        ("target", json!(stack.target.address.to_string())),
        ("target_status", json!(200)),
        ("request_bytes", json!(5)),
        ("response_bytes", json!(answer.body.len())),
        ("certificate_sha256", json!(alice.sha256_hex())),
        ("decision", Value::Null),
    ] {
        assert_eq!(line[name], expected, "{name}");
    }
    for name in ["time", "latency_ms", "upstream_latency_ms"] {
        assert!(!line[name].is_null(), "{name}");
    }
}

#[tokio::test]
async fn what_the_edge_answers_and_who_did_not_wait_is_logged() {
    let stack = Stack::start(Node::default()).await;
    let mut connection = stack.connect(None).await;
    assert_eq!(connection.get("/close", &[]).await.unwrap().status, 502);
    assert_eq!(
        connection
            .send("TRACE / HTTP/1.1\r\nHost: edge.test\r\n\r\n")
            .await
            .unwrap()
            .status,
        405
    );
    let request = "GET /gate HTTP/1.1\r\nHost: edge.test\r\n\r\n";
    connection.stream.write_all(request.as_bytes()).await.unwrap();
    stack.target.arrived().await;
    drop(connection);
    let lines = requests(&stack, 3).await;
    let told = |line: &Value| {
        (
            line["status"].clone(),
            line["source"].clone(),
            line["decision"]["reason"].clone(),
        )
    };
    assert_eq!(
        told(&lines[0]),
        (json!(502), json!("edge"), json!("upstream_unreachable"))
    );
    assert_eq!(lines[0]["target"], json!(stack.target.address.to_string()));
    assert_eq!(told(&lines[1]), (json!(405), json!("edge"), Value::Null));
    assert_eq!(lines[1]["target"], Value::Null);
    assert_eq!(told(&lines[2]), (json!(460), json!("edge"), Value::Null));
}
