//! SIGTERM loses no request: what is in flight is finished, then the program exits with 0.

use harness::client::Client;
use harness::program::Program;
use harness::stack::eventually;
use rustix::process::Signal;

use crate::load::Load;
use crate::pair::Pair;

/// Half of them speak HTTP/1.1, half HTTP/2; half show a certificate.
fn clients(pair: &Pair) -> Vec<Client> {
    let nobody = pair.client();
    let alice = pair.client().cert("alice");
    let four = [
        nobody.clone(),
        nobody.over_http2(),
        alice.clone(),
        alice.over_http2(),
    ];
    (0..4).flat_map(|_| four.clone()).collect()
}

/// Under load, with slow requests in flight on top of it, `terminate` picks the program that is told to stop.
async fn terminate_under_load(terminate: impl FnOnce(&mut Pair) -> Program) {
    let mut pair = Pair::start().await;
    let load = Load::start(clients(&pair), "/public");
    let slow = Load::start(clients(&pair), "/public/slow?ms=1500");
    let up_to_speed = async || (load.count(200) > 200 && pair.upstream.in_flight() >= 16).then_some(());
    eventually("requests in flight", up_to_speed).await;

    let mut program = terminate(&mut pair);
    program.signal(Signal::TERM);
    let status = tokio::task::block_in_place(|| program.wait()).unwrap();
    assert_eq!(status.code(), Some(0), "{}", program.output());

    let (load, slow) = (load.finish().await, slow.finish().await);
    assert!(slow.answered.iter().filter(|(_, status)| *status == 200).count() >= 16);
    let seen = pair.upstream.requests();
    let of = |path: &str| {
        seen.iter()
            .filter(|request| request["path"] == path)
            .cloned()
            .collect::<Vec<_>>()
    };
    load.assert_none_was_lost(&of("/"));
    slow.assert_none_was_lost(&of("/slow"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_edge_finishes_what_is_in_flight() {
    terminate_under_load(|pair| pair.edge.take().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_gateway_finishes_what_is_in_flight() {
    terminate_under_load(|pair| pair.gateway.take().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_second_pair_of_hands_is_ready_only_while_it_serves() {
    let mut pair = Pair::start().await;
    let mut slow = pair.client().connect().await.unwrap();
    let in_flight = tokio::spawn(async move { slow.get("/public/slow?ms=2000").await });
    eventually("a request in flight", async || {
        (pair.upstream.in_flight() == 1).then_some(())
    })
    .await;

    let mut edge = pair.edge.take().unwrap();
    edge.signal(Signal::TERM);
    eventually("a closed door", async || pair.client().connect().await.err()).await;
    assert_eq!(
        pair.upstream.in_flight(),
        1,
        "the door is closed, the request still runs"
    );
    assert_eq!(in_flight.await.unwrap().unwrap().status, 200);
    assert_eq!(
        tokio::task::block_in_place(|| edge.wait()).unwrap().code(),
        Some(0)
    );
}
