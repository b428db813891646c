//! What the gateway says to a request, without sending it anywhere: for whoever asks why, and for the benchmarks. It is
//! what the request path does before it sends, by the same functions in the same order.

use std::sync::Arc;

use http::Request;
use http::request::Parts;
use rustls::pki_types::UnixTime;
use transport::hop;

use super::admission;
use super::decision::{Asked, Peer, Trace, decide};
use crate::consumer::ConsumerKey;
use crate::exchange::Principal;
use crate::identity::{CarriedCertificates, Connection};
use crate::rejection::Rejection;
use crate::snapshot::Snapshot;

/// A decision that was taken, and how it came about as far as it came.
#[derive(Debug)]
pub struct Verdict {
    /// Whether the request may go on.
    pub outcome: Result<(), Rejection>,
    /// The route that it takes: an index into [`Snapshot::routes`].
    pub route: Option<usize>,
    /// The last plugin that decided; `None`: routing did.
    pub plugin: Option<Arc<str>>,
    /// Whom it comes from.
    pub consumer: Option<ConsumerKey>,
    /// Everybody who was authenticated, in order.
    pub principals: Vec<Principal>,
}

impl Verdict {
    /// The verdict on a request whose head came by this connection.
    pub fn on(snapshot: &Snapshot, connection: &Connection, head: Parts, now: UnixTime) -> Self {
        let mut trace = Trace::default();
        let outcome = judge(snapshot, connection, head, now, &mut trace);
        let Trace {
            route,
            plugin,
            consumer,
            principals,
            answer_headers: _,
        } = trace;
        Self {
            outcome,
            route,
            plugin,
            consumer,
            principals,
        }
    }
}

fn judge(
    snapshot: &Snapshot,
    connection: &Connection,
    head: Parts,
    now: UnixTime,
    trace: &mut Trace,
) -> Result<(), Rejection> {
    let request = Request::from_parts(head, ());
    let target = admission::admit(&request, &snapshot.limits)?;
    let carrier = snapshot.sources.carrier(connection, snapshot.generation, now);
    let client_ip = snapshot
        .real_ip
        .client(connection, &carrier, &snapshot.sources, request.headers());
    let (mut head, ()) = request.into_parts();
    hop::strip_request(&mut head.headers);
    hop::join_cookies(&mut head.headers);
    let carried = CarriedCertificates::set_aside(&mut head.headers, &snapshot.owned);
    let asked = Asked {
        head,
        carried,
        target: &target,
    };
    let peer = Peer {
        connection,
        carrier: &carrier,
        client_ip,
    };
    decide(snapshot, peer, asked, now, trace).map(drop)
}
