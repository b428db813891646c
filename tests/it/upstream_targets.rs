//! An upstream's targets take turns by weight; whoever cannot be reached is passed over as often as `retries` says.

use std::net::SocketAddr;

use harness::doors::{RunningEcho, start_echo};
use harness::servers::own_address;
use harness::stack::Stack;

/// A gateway whose upstream `u` has these fields and targets, under a service with these fields.
async fn stack(service: &str, upstream: &str, targets: &[(SocketAddr, u16)]) -> Stack {
    let targets: Vec<String> = targets
        .iter()
        .map(|(address, weight)| format!("{{target: '{address}', weight: {weight}}}"))
        .collect();
    let document = format!(
        "_format_version: \"3.0\"\nservices:\n- name: s\n  host: u\n  {service}\n  routes:\n  - paths: [/]\n  \
         - {{paths: [/kept], preserve_host: true}}\nupstreams:\n- name: u\n  {upstream}\n  targets: [{}]\n",
        targets.join(", ")
    );
    Stack::reading(document)
        .without_edge()
        .without_lists()
        .start()
        .await
}

async fn echoes<const N: usize>() -> [RunningEcho; N] {
    let mut echoes = Vec::new();
    for _ in 0..N {
        echoes.push(start_echo(None).await);
    }
    echoes.try_into().unwrap()
}

#[tokio::test]
async fn every_target_gets_its_weight() {
    let [one, two, idle] = echoes().await;
    let weights = [(one.http, 300), (two.http, 100), (idle.http, 0)];
    let stack = stack("retries: 0", "slots: 10", &weights).await;
    let client = stack.gateway();
    for _ in 0..40 {
        assert_eq!(client.get("/").await.status, 200);
    }
    let counts = [&one, &two, &idle].map(|echo| echo.seen.count());
    assert_eq!(counts, [30, 10, 0]);
}

#[tokio::test]
async fn without_a_target_there_is_kongs_503() {
    let [idle] = echoes().await;
    for targets in [&[][..], &[(idle.http, 0)]] {
        let stack = stack("retries: 5", "slots: 10", targets).await;
        let answer = stack.gateway().get("/").await;
        assert_eq!(answer.status, 503);
        assert_eq!(
            answer.message().as_deref(),
            Some("failure to get a peer from the ring-balancer")
        );
        assert_eq!(stack.reason_of(&answer).await, "upstream_unreachable");
        assert_eq!(idle.seen.count(), 0);
    }
}

#[tokio::test]
async fn a_try_that_meets_nobody_goes_on_with_the_next_target() {
    let [alive] = echoes().await;
    let (gone, too) = (own_address(1), own_address(2));
    for (retries, reached) in [(5, 12), (2, 12), (1, 8), (0, 4)] {
        let targets = [(gone, 100), (too, 100), (alive.http, 100)];
        let stack = stack(&format!("retries: {retries}"), "slots: 10", &targets).await;
        let client = stack.gateway();
        let before = alive.seen.count();
        let mut refused = 0;
        for _ in 0..12 {
            // A body does not stand in the way of another try: nobody has seen it.
            let answer = client.post("/", "body").await;
            if answer.status == 502 {
                refused += 1;
                assert_eq!(stack.reason_of(&answer).await, "upstream_unreachable");
            } else {
                assert_eq!(answer.json()["body"], "body");
            }
        }
        let counts = (alive.seen.count() - before, refused);
        assert_eq!(counts, (reached, 12 - reached), "retries: {retries}");
    }
}

#[tokio::test]
async fn the_host_is_the_targets_unless_somebody_says_otherwise() {
    let [one] = echoes().await;
    let port = one.http.port();
    for (upstream, path, expected) in [
        ("slots: 10", "/", one.http.to_string()),
        ("host_header: orders.test", "/", "orders.test".to_owned()),
        (
            "host_header: orders.test:8443",
            "/",
            "orders.test:8443".to_owned(),
        ),
        ("host_header: orders.test", "/kept", "client.test:1".to_owned()),
    ] {
        let stack = stack("retries: 0", upstream, &[(one.http, 1)]).await;
        let echo = stack.gateway().host("client.test:1").get(path).await;
        assert_eq!(echo.received("host"), Some(expected), "{upstream} {path}");
    }
    // A service whose host is nobody's name goes to that host, with its own port.
    let document = format!(
        "_format_version: \"3.0\"\nservices:\n- {{host: localhost, port: {port}, routes: [{{paths: \
         [/]}}]}}\nupstreams: [{{name: local, targets: [{{target: '{}'}}]}}]",
        own_address(1)
    );
    let stack = Stack::reading(document)
        .without_edge()
        .without_lists()
        .start()
        .await;
    let echo = stack.gateway().get("/").await;
    assert_eq!(echo.received("host"), Some(format!("localhost:{port}")));
}
