//! A name that a client says is ordered for only if the operator allowed it.

use std::time::Duration;

use harness::acme_server::AcmePlan;
use harness::stack::eventually;

use super::{Door, fetch, served, shown};

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_orders_for_allowed_names_when_they_are_asked_for_and_for_no_other() {
    let server = AcmePlan::new().start();
    let door = Door::gateway(&server, "domains: ['*.allowed.test', plain.test]").await;
    let program = door.start();
    served(&server, "plain.test").await;
    let orders = server.orders();
    assert_eq!(orders, 1, "a wildcard is not ordered for by itself");
    for name in [
        "allowed.test",
        "xallowed.test",
        "x.allowed.test.evil.test",
        "evil.test",
        "x.plain.test",
        "localhost",
        "x_y.allowed.test",
        "*.allowed.test",
    ] {
        for _ in 0..3 {
            shown(&server, name);
        }
    }
    // The self-signed one first, for a client that asks too early.
    assert_ne!(fetch(&server, "x.allowed.test").code, Some(0));
    served(&server, "x.allowed.test").await;
    served(&server, "y.z.allowed.test").await;
    assert_eq!(server.orders(), orders + 2, "{}", server.log());
    let names: Vec<String> = door
        .told(&program)
        .await
        .iter()
        .map(|told| told["domain"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["plain.test", "x.allowed.test", "y.z.allowed.test"]);
    program.stop().unwrap();

    // What was ordered for clients is shown after a restart, and no more once it is not allowed.
    let program = door.start();
    assert_eq!(fetch(&server, "x.allowed.test").code, Some(0));
    program.stop().unwrap();
    door.change("kong.yaml", "'*.allowed.test', ", "");
    let program = door.start();
    assert_ne!(fetch(&server, "x.allowed.test").code, Some(0));
    assert_eq!(fetch(&server, "plain.test").code, Some(0));
    assert_eq!(door.told(&program).await.len(), 1);
    assert_eq!(server.orders(), orders + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_edge_orders_what_its_file_names_and_refuses_handshakes_for_the_rest() {
    let server = AcmePlan::new().start();
    let door = Door::edge(&server, "domains = [\"a.acme.test\", \"b.acme.test\"]").await;
    let program = door.start();
    served(&server, "a.acme.test").await;
    served(&server, "b.acme.test").await;
    assert_ne!(shown(&server, "a.acme.test"), shown(&server, "b.acme.test"));
    for name in ["c.acme.test", "acme.test", "x.a.acme.test", "evil.test"] {
        assert_eq!(shown(&server, name), None, "{name}");
    }
    let address = server.https().to_string();
    let said = tokio::task::block_in_place(|| {
        harness::outside::openssl(&["s_client", "-connect", &address, "-noservername"], b"")
    });
    assert!(said.stdout.contains("no peer certificate available"), "{said:?}");
    assert_eq!(server.orders(), 2);
    drop(program);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_adds_names_and_takes_them_away() {
    let server = AcmePlan::new().start();
    let door = Door::edge(&server, "domains = [\"a.acme.test\"]").await;
    let program = door.start();
    served(&server, "a.acme.test").await;
    door.change("edge.toml", "[\"a.acme.test\"]", "[\"b.acme.test\"]");
    program.signal(rustix::process::Signal::HUP);
    served(&server, "b.acme.test").await;
    assert_eq!(shown(&server, "a.acme.test"), None);
    door.change(
        "edge.toml",
        "[\"b.acme.test\"]",
        "[\"a.acme.test\", \"b.acme.test\"]",
    );
    program.signal(rustix::process::Signal::HUP);
    eventually("the name that was there", async || shown(&server, "a.acme.test")).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(server.orders(), 2, "what is on disk is not ordered again");
}
