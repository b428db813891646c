//! The request path, top to bottom: admit, decide, send, answer.

pub mod access_log;
mod admission;
pub mod client_address;
mod decision;
mod entry;
mod forward;
pub mod owned_headers;
mod payload;
mod record;
pub mod rehearsal;
mod response;
mod standing;
mod tunnel;
pub mod verdict;
mod waiting;

use std::sync::Arc;

use http::{Request, Response, StatusCode};
use hyper::body::{Body as _, Incoming};
use rustls::pki_types::UnixTime;
use transport::body::ResponseBody;
use transport::drain::Draining;
use transport::hop::Upgrade;

use self::entry::Entry;
use self::forward::Outbound;
use self::payload::Payload;
use self::record::Record;
use self::tunnel::Opening;
use self::waiting::{Unprepared, Waiting};
use crate::form::Form;
use crate::gateway::Shared;
use crate::identity::Connection;
use crate::onlooker::Nobody;
use crate::rejection::Rejection;
use crate::snapshot::Snapshot;

/// A client's connection while it is served: what its requests share.
#[derive(Debug)]
pub struct Client {
    /// The program.
    pub gateway: Arc<Shared>,
    /// Facts fixed when the connection was accepted.
    pub connection: Connection,
    /// Told when the program stops; held by tunnels, which outlive their request.
    pub draining: Draining,
}

/// Answers one request. Whatever happens, there is an answer and a line in the log.
pub async fn handle(client: &Arc<Client>, request: Request<Incoming>) -> Response<ResponseBody> {
    let in_flight = client.connection.activity.begin();
    let snapshot = client.gateway.snapshots.load();
    let mut record = Record::begin(client, &snapshot, &request);
    let prepared = match prepare(&snapshot, client, &mut record, request) {
        Ok(outbound) => Ok(outbound),
        Err(Unprepared::Refused(rejection)) => Err(rejection),
        // Apart from the rest of the future, which is no larger for it.
        Err(Unprepared::Undecided(waiting)) => {
            Box::pin(waiting.settle(&snapshot, &client.connection, &mut record)).await
        }
    };
    let answered = match prepared {
        Ok(Outbound {
            service,
            outgoing,
            host,
            upgrade,
        }) => {
            let failures = &client.gateway.failures;
            match service.balancer.send(outgoing, host, failures).await {
                // Its connection is no longer HTTP: it is closed with the answer, and the client hears of an error.
                Ok(answer)
                    if upgrade.is_none() && answer.response.status() == StatusCode::SWITCHING_PROTOCOLS =>
                {
                    Err(Rejection::UnaskedUpgrade)
                }
                Ok(answer) => Ok((answer, service, upgrade)),
                Err(rejection) => Err(rejection),
            }
        }
        Err(rejection) => Err(rejection),
    };
    match answered {
        Ok((answer, service, upgrade)) => {
            record.answered();
            let (response, ends) = response::of_upstream(answer, service, upgrade, &mut record);
            match ends {
                Some(ends) => {
                    tunnel::open(client, ends, in_flight);
                    response.map(|body| record.observe(body))
                }
                None => response.map(|body| record.observe(body.holding(in_flight))),
            }
        }
        Err(rejection) => {
            let response = response::of_rejection(&rejection, &mut record);
            response.map(|body| record.observe(body.holding(in_flight)))
        }
    }
}

/// Everything up to the sending: refuses, or makes the request that the upstream gets.
fn prepare<'s>(
    snapshot: &'s Snapshot,
    client: &Client,
    record: &mut Record,
    mut request: Request<Incoming>,
) -> Result<Outbound<'s>, Unprepared> {
    let (now, connection) = (UnixTime::now(), &client.connection);
    let entry = Entry::of(&request, snapshot, connection, now)?;
    record.host(entry.target.text());
    record.client(entry.client_ip);
    let challenges = client.gateway.keeper.challenges();
    if let Some(answer) = snapshot
        .acme
        .answer(&request, (connection, entry.target.text()), challenges)
    {
        record.trace.plugin = Some("acme".into());
        return Err(Rejection::Terminated(Box::new(answer)).into());
    }

    let on_upgrade = hyper::upgrade::on(&mut request);
    let (head, body) = request.into_parts();
    let form = if body.is_end_stream() {
        Form::Absent
    } else {
        Form::announced(&head.method, &head.headers)
    };
    let payload = Payload::new(body);
    let (asked, upgrade) = entry.clean((head, form), snapshot);
    let opening = (upgrade == Upgrade::WebSocket).then(|| Box::new(Opening::of(&asked)));

    let peer = entry.peer(connection);
    let upgrade = opening.map(|opening| (on_upgrade, opening));
    match decision::decide(snapshot, peer, asked, now, (&mut record.trace, &mut Nobody)) {
        Ok(decided) => Ok(forward::outbound(
            snapshot,
            decided,
            &entry.target,
            (payload, upgrade),
            record,
        )?),
        Err(rejection) => Err(match record.trace.undecided.take() {
            Some(undecided) => Unprepared::Undecided(Box::new(Waiting {
                entry,
                rest: (payload, upgrade),
                undecided,
            })),
            None => Unprepared::Refused(rejection),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size<A, B, F: Future>(_: impl Fn(A, B) -> F) -> usize {
        size_of::<F>()
    }

    /// hyper moves a request's future when it begins; what it is large by, every request pays for.
    #[test]
    fn a_requests_future_stays_small() {
        let size = size(|client: &'static Arc<Client>, request| handle(client, request));
        assert!(size <= 4096, "{size} bytes");
    }
}
