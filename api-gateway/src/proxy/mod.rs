//! The request path, top to bottom: admit, decide, send, answer.

pub mod access_log;
mod admission;
pub mod client_address;
mod decision;
mod forward;
pub mod owned_headers;
mod record;
mod response;
mod tunnel;

use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Incoming;
use rustls::pki_types::UnixTime;
use transport::body::ResponseBody;
use transport::drain::Draining;
use transport::hop::{self, Upgrade};

use self::forward::{Forwarded, Outbound};
use self::record::Record;
use self::tunnel::Opening;
use crate::gateway::Shared;
use crate::identity::{CarriedCertificates, Connection};
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
pub async fn handle(client: Arc<Client>, request: Request<Incoming>) -> Response<ResponseBody> {
    let in_flight = client.connection.activity.begin();
    let snapshot = client.gateway.snapshots.load();
    let mut record = Record::begin(&client, &snapshot, &request);
    match answer(&snapshot, &client.connection, &mut record, request).await {
        Ok(forwarded) => {
            let (response, ends) = response::of_upstream(forwarded, &mut record);
            match ends {
                Some(ends) => {
                    tunnel::open(&client, ends, in_flight);
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

async fn answer(
    snapshot: &Snapshot,
    connection: &Connection,
    record: &mut Record,
    mut request: Request<Incoming>,
) -> Result<Forwarded, Rejection> {
    let target = admission::admit(&request, &snapshot.limits)?;
    record.host(target.text());
    let now = UnixTime::now();
    let carrier = snapshot.sources.carrier(connection, snapshot.generation, now);
    record.client(
        snapshot
            .real_ip
            .client(connection, &carrier, &snapshot.sources, request.headers()),
    );

    let on_upgrade = hyper::upgrade::on(&mut request);
    let (mut head, body) = request.into_parts();
    let upgrade = hop::strip_request(&mut head.headers);
    hop::join_cookies(&mut head.headers);
    let carried = CarriedCertificates::set_aside(&mut head.headers, &snapshot.owned);
    let opening = (upgrade == Upgrade::WebSocket).then(|| Opening::of(&head, &carried, &target));

    let asked = decision::Asked {
        head,
        carried,
        target: &target,
    };
    let decided = decision::decide(snapshot, (connection, &carrier), asked, now, &mut record.trace)?;
    let outbound = Outbound {
        decided,
        target: &target,
        upgrade: opening.map(|opening| (on_upgrade, opening)),
    };
    outbound.send(snapshot, record, body).await
}
