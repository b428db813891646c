//! A request's whole way but the sending, for whoever asks what would become of it: the functions of the request path, in
//! its order, while somebody looks on. There is no request id that is worth a look: it is all zeros.

use std::sync::Arc;

use http::header;
use http::request::Parts;
use http::{Method, Request, Response};
use rustls::pki_types::{ServerName, UnixTime};
use transport::hop::Upgrade;

use super::decision::{Trace, decide};
use super::entry::Entry;
use super::forward::{self, Passage};
use super::record::RequestId;
use super::response::{self, Addressee};
use crate::consumer::ConsumerKey;
use crate::error_body::Preference;
use crate::exchange::Principal;
use crate::form::Form;
use crate::identity::Connection;
use crate::onlooker::{Nobody, Onlooker};
use crate::plugin::errand::Errand;
use crate::rejection::Rejection;
use crate::snapshot::{HostSent, Snapshot};

/// What would become of a request.
#[derive(Debug)]
pub struct Rehearsal {
    /// What the upstream would get, or why it gets nothing.
    pub outcome: Result<Sent, Rejection>,
    /// The gateway's own answer; `None`: it is the upstream's.
    pub answer: Option<Response<String>>,
    /// The route that it takes: an index into [`Snapshot::routes`].
    pub route: Option<usize>,
    /// The last plugin that decided; `None`: routing did.
    pub plugin: Option<Arc<str>>,
    /// Whom it comes from.
    pub consumer: Option<ConsumerKey>,
    /// Everybody who was authenticated, in order.
    pub principals: Vec<Principal>,
}

/// A request that would be sent.
#[derive(Debug)]
pub struct Sent {
    /// Its head. Where there are several targets, the `Host` is the first one's.
    pub head: Parts,
    /// The service, by its name.
    pub service: Arc<str>,
    /// The servers of which one would get it.
    pub targets: Vec<String>,
    /// What its certificate would have to be for, where that is not the service's own name.
    pub server_name: Option<ServerName<'static>>,
}

impl Rehearsal {
    /// Of a request whose head came by this connection.
    pub fn of(
        snapshot: &Snapshot,
        connection: &Connection,
        (head, form): (Parts, Form),
        now: UnixTime,
        onlooker: &mut impl Onlooker,
    ) -> Self {
        let preference = Preference::of(&head.headers);
        let is_head = head.method == Method::HEAD;
        let mut trace = Trace::default();
        let outcome = walk(snapshot, connection, (head, form), now, (&mut trace, onlooker));
        let answer = outcome.as_ref().err().map(|rejection| {
            let addressee = Addressee {
                preference: &preference,
                request_id: RequestId(0),
                latency: 0,
                answer_headers: &trace.answer_headers,
            };
            let answer = response::refusal(rejection, snapshot.response_headers, &addressee);
            answer.map(|body| if is_head { String::new() } else { body })
        });
        let Trace {
            route,
            plugin,
            consumer,
            principals,
            answer_headers: _,
            undecided: _,
        } = trace;
        let is_no_plugins = matches!(outcome, Err(Rejection::NoService | Rejection::NoTarget));
        Self {
            outcome,
            answer,
            route,
            plugin: plugin.filter(|_| !is_no_plugins),
            consumer,
            principals,
        }
    }
}

fn walk(
    snapshot: &Snapshot,
    connection: &Connection,
    (head, form): (Parts, Form),
    now: UnixTime,
    (trace, onlooker): (&mut Trace, &mut impl Onlooker),
) -> Result<Sent, Rejection> {
    let request = Request::from_parts(head, ());
    let entry = Entry::of(&request, snapshot, connection, now)?;
    onlooker.entered(&entry.carrier, entry.client_ip);
    let head = request.into_parts().0;
    let before = form.before_reading();
    let is_read = asks_for_fields(snapshot, connection, &entry, (head.clone(), before.clone()), now);
    let (asked, upgrade) = entry.clean((head, if is_read { form } else { before }), snapshot);
    let decided = decide(snapshot, entry.peer(connection), asked, now, (trace, onlooker))?;
    let passage = Passage {
        target: &entry.target,
        client: entry.client_ip.unwrap_or_else(|| connection.peer.ip()),
        request_id: RequestId(0).header(),
        is_websocket: upgrade == Upgrade::WebSocket,
    };
    let mut written = forward::write(snapshot, decided, passage)?;
    if written.host == HostSent::Services {
        let first = written.service.balancer.targets().first();
        let host = first.ok_or(Rejection::NoTarget)?.host.clone();
        written.head.headers.insert(header::HOST, host);
    }
    let targets = written.service.balancer.targets().iter();
    Ok(Sent {
        targets: targets
            .map(|target| {
                let address = target.upstream.address();
                format!("{}:{}", address.host, address.port)
            })
            .collect(),
        head: written.head,
        service: Arc::clone(&written.service.name),
        server_name: written.server_name,
    })
}

/// Whether a plugin cannot do without the fields of the body. Where none asks, nobody reads them, and none is taken out.
fn asks_for_fields(
    snapshot: &Snapshot,
    connection: &Connection,
    entry: &Entry,
    unread: (Parts, Form),
    now: UnixTime,
) -> bool {
    let (asked, _) = entry.clean(unread, snapshot);
    let mut trace = Trace::default();
    let outcome = decide(
        snapshot,
        entry.peer(connection),
        asked,
        now,
        (&mut trace, &mut Nobody),
    );
    let errand = trace.undecided.map(|undecided| undecided.errand);
    outcome.is_err() && matches!(errand, Some(Errand::Fields))
}
