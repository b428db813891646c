//! What the gateway says to a request, without sending it anywhere: for whoever asks why, and for the benchmarks. It is
//! what the request path does before it sends, by the same functions in the same order.

use std::sync::Arc;

use http::Request;
use http::request::Parts;
use rustls::pki_types::UnixTime;

use super::decision::{Trace, decide};
use super::entry::Entry;
use crate::consumer::ConsumerKey;
use crate::exchange::Principal;
use crate::form::Form;
use crate::identity::Connection;
use crate::onlooker::Nobody;
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
        Self::with_form(snapshot, connection, (head, Form::Absent), now)
    }

    /// The verdict on a request whose body is known too.
    pub fn with_form(
        snapshot: &Snapshot,
        connection: &Connection,
        request: (Parts, Form),
        now: UnixTime,
    ) -> Self {
        let mut trace = Trace::default();
        let outcome = judge(snapshot, connection, request, now, &mut trace);
        let Trace {
            route,
            plugin,
            consumer,
            principals,
            answer_headers: _,
            undecided: _,
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
    (head, form): (Parts, Form),
    now: UnixTime,
    trace: &mut Trace,
) -> Result<(), Rejection> {
    let request = Request::from_parts(head, ());
    let entry = Entry::of(&request, snapshot, connection, now)?;
    let (asked, _) = entry.clean((request.into_parts().0, form), snapshot);
    decide(snapshot, entry.peer(connection), asked, now, (trace, &mut Nobody)).map(drop)
}
