//! A tier that is killed takes nothing with it: the other goes on, and works again as soon as it is back.

use harness::stack::eventually;

use crate::load::Load;
use crate::pair::Pair;

fn clients(pair: &Pair) -> Vec<harness::client::Client> {
    let alice = pair.client().cert("alice");
    (0..8)
        .flat_map(|_| [alice.clone(), alice.clone().over_http2()])
        .collect()
}

async fn under_load(load: &Load) {
    eventually("requests", async || (load.count(200) > 100).then_some(())).await;
}

/// From now on, many requests in a row are answered.
async fn is_well_again(load: &Load) {
    let before = load.count(200);
    eventually("answers again", async || {
        (load.count(200) > before + 200).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_edge_outlives_the_gateway() {
    let mut pair = Pair::start().await;
    let load = Load::start(clients(&pair), "/mtls");
    under_load(&load).await;
    pair.gateway.take().unwrap().crash();
    eventually("refusals", async || (load.count(502) > 20).then_some(())).await;
    let edge = pair.edge.as_ref().unwrap().output();
    assert!(!edge.contains("panicked"), "{edge}");

    pair.start_gateway();
    is_well_again(&load).await;
    let outcome = load.finish().await;
    let others: Vec<_> = outcome
        .answered
        .iter()
        .filter(|(_, status)| ![200, 502, 504].contains(status))
        .collect();
    assert!(others.is_empty(), "{others:?}");
    assert_eq!(outcome.failed, [], "the edge's clients kept their connections");
    for client in clients(&pair) {
        assert_eq!(client.get("/mtls").await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_gateway_outlives_the_edge() {
    let mut pair = Pair::start().await;
    let load = Load::start(clients(&pair), "/mtls");
    under_load(&load).await;
    pair.edge.take().unwrap().crash();
    let before = load.done();
    eventually("failures", async || (load.done() > before + 20).then_some(())).await;
    eventually("nothing left over", async || {
        (pair.upstream.in_flight() == 0).then_some(())
    })
    .await;
    let gateway = pair.gateway.as_ref().unwrap().output();
    assert!(!gateway.contains("panicked"), "{gateway}");

    pair.start_edge();
    is_well_again(&load).await;
    let outcome = load.finish().await;
    let others: Vec<_> = outcome
        .answered
        .iter()
        .filter(|(_, status)| *status != 200)
        .collect();
    assert!(others.is_empty(), "no answer was wrong: {others:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn both_come_back_in_either_order() {
    let mut pair = Pair::start().await;
    let load = Load::start(clients(&pair), "/mtls");
    under_load(&load).await;
    pair.gateway.take().unwrap().crash();
    pair.edge.take().unwrap().crash();
    pair.start_edge();
    eventually("an edge without a gateway", async || {
        (load.count(502) > 5).then_some(())
    })
    .await;
    pair.start_gateway();
    is_well_again(&load).await;
    load.finish().await;
}
