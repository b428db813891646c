//! One request's whole decision, as the request path takes it before it sends: admission, header hygiene, the normal
//! form of the path, the route, `mtls-auth` with a chain that it remembers, `acl_1595`, `acl`.
//!
//! What is asked is not only how long it takes, but whether that depends on how many consumers and routes there are.
//! `again` is the same request over and over, as a client with one connection sends it; `in_turn` are a thousand
//! requests by different clients to different routes, which finds what each of them needs no longer in the processor's
//! nearest cache.
//!
//! `tokens` are decisions with an access token: remembered, alone and beside a certificate, and seen for the first time.

mod enterprise;
mod tokens;

use std::error::Error;
use std::hint::black_box;
use std::time::Duration;

use api_gateway::identity::Connection;
use api_gateway::proxy::verdict::Verdict;
use api_gateway::snapshot::Snapshot;
use certs::{Authority, Leaf};
use criterion::{BatchSize, BenchmarkId, Criterion};
use enterprise::{Detail, Enterprise, Plugins, Syntax};
use http::Request;
use http::request::Parts;
use rustls::pki_types::UnixTime;
use transport::serve::{Negotiated, Protocol};

/// Clients and routes that take turns.
const TURNS: usize = 1000;

/// One client that repeats itself, and all of them one after the other.
const ORDERS: [&str; 2] = ["again", "in_turn"];

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default()
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    let clients = Authority::root("Clients")?;
    for (group, sizes) in [
        ("consumers", [(10, 1_000), (1_000, 1_000), (1_000_000, 1_000)]),
        ("routes", [(1_000, 10), (1_000, 1_000), (1_000, 10_000)]),
    ] {
        for (consumers, routes) in sizes {
            let varied = if group == "consumers" { consumers } else { routes };
            if !ORDERS
                .iter()
                .any(|order| is_asked_for(&format!("{group}/{order}/{varied}")))
            {
                continue;
            }
            bench(&mut criterion, (group, varied), (consumers, routes), &clients)?;
        }
    }
    if ["remembered_beside_certificate", "remembered", "first_seen_es256"]
        .iter()
        .any(|name| is_asked_for(&format!("tokens/{name}")))
    {
        tokens::bench(&mut criterion, &clients)?;
    }
    criterion.final_summary();
    Ok(())
}

/// Whether Criterion will run a benchmark of this name: a document of a million consumers is not made for nothing.
fn is_asked_for(name: &str) -> bool {
    let mut filters = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'));
    filters.next().is_none_or(|filter| {
        let pattern = regex::Regex::new(&filter);
        pattern.is_ok_and(|pattern| pattern.is_match(name))
    })
}

fn bench(
    criterion: &mut Criterion,
    (group, varied): (&str, usize),
    (consumers, routes): (usize, usize),
    clients: &Authority,
) -> Result<(), Box<dyn Error>> {
    let document = Enterprise {
        consumers,
        detail: Detail::Names,
        routes,
        plugins: Plugins::Global,
        clients_ca: &clients.pem(),
    }
    .write("decision", Syntax::Json)?;
    let snapshot = enterprise::load(&document)?.snapshot;
    let now = UnixTime::now();
    let requests = requests(clients, (consumers, routes))?;
    for (connection, head) in &requests {
        // Also the first sight of every chain: from here on it is remembered.
        let verdict = Verdict::on(&snapshot, connection, head.clone(), now);
        verdict.outcome?;
        if verdict.plugin.as_deref() != Some("acl") || verdict.consumer.is_none() {
            return Err("the plugins were not asked".into());
        }
    }
    let mut group = criterion.benchmark_group(group);
    for (name, requests) in ORDERS.into_iter().zip([&requests[..1], &requests[..]]) {
        let mut turns = requests.iter().cycle();
        group.bench_function(BenchmarkId::new(name, varied), |bencher| {
            bencher.iter_batched(
                || turns.next().map(|(connection, head)| (connection, head.clone())),
                |request| request.map(|(connection, head)| decide(&snapshot, connection, head, now)),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
    Ok(())
}

/// Never inlined, so that a profiler can be told to look at nothing else.
#[inline(never)]
fn decide(snapshot: &Snapshot, connection: &Connection, head: Parts, now: UnixTime) -> Verdict {
    Verdict::on(black_box(snapshot), black_box(connection), head, now)
}

/// Requests by different clients to different routes, as many as there are.
fn requests(
    clients: &Authority,
    (consumers, routes): (usize, usize),
) -> Result<Vec<(Connection, Parts)>, Box<dyn Error>> {
    (0..TURNS)
        .map(|turn| {
            let consumer = turn % consumers;
            let leaf = clients.issue(Leaf::client("client").email(&enterprise::username(consumer)))?;
            // Steps that have no divisor in common with the number of routes, so that all of them get their turn.
            Ok((connection(&leaf.chain()), head(turn * 7919 % routes)?))
        })
        .collect()
}

fn connection(chain: &[rustls::pki_types::CertificateDer<'static>]) -> Connection {
    let negotiated = Negotiated {
        version: "TLSv1.3",
        cipher: "TLS_AES_128_GCM_SHA256",
        key_exchange: "X25519MLKEM768",
        protocol: Protocol::Http1,
        server_name: Some("api.example.com".into()),
    };
    let addresses = (([192, 0, 2, 7], 40_000).into(), ([192, 0, 2, 1], 8443).into());
    Connection::tls(addresses, negotiated, true, Some(chain))
}

/// What a client of an API sends.
fn head(route: usize) -> Result<Parts, http::Error> {
    let request = Request::get(format!("/api/{route}/orders/4711?expand=lines"))
        .header("host", "api.example.com")
        .header("user-agent", "orders/2.4.1 (linux; amd64)")
        .header("accept", "application/json")
        .header("accept-encoding", "gzip, br")
        .header("content-type", "application/json")
        .header("x-request-id", "0190c1d4-8f5e-7b1c-9a86-2f1f3b7c5d11")
        .header(
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        )
        .header("cookie", "session=2b7e151628aed2a6abf7158809cf4f3c")
        .body(())?;
    Ok(request.into_parts().0)
}
