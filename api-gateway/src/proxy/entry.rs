//! What is done with every request before anything is decided: for traffic and for whoever asks why.

use std::net::IpAddr;

use http::Request;
use http::request::Parts;
use rustls::pki_types::UnixTime;
use transport::hop::{self, Upgrade};

use super::admission::{self, Target};
use super::decision::{Asked, Peer};
use crate::form::Form;
use crate::identity::{CarriedCertificates, Carrier, Connection};
use crate::rejection::Rejection;
use crate::snapshot::Snapshot;

/// A request that was let in: what it is for, and by whose word.
pub(super) struct Entry {
    pub(super) target: Target,
    pub(super) carrier: Carrier,
    /// See [`crate::exchange::Arrival::client_ip`].
    pub(super) client_ip: Option<IpAddr>,
}

impl Entry {
    /// Refuses what no route should see; finds out who brings the rest.
    pub(super) fn of<B>(
        request: &Request<B>,
        snapshot: &Snapshot,
        connection: &Connection,
        now: UnixTime,
    ) -> Result<Self, Rejection> {
        let target = admission::admit(request, &snapshot.limits)?;
        let carrier = snapshot.sources.carrier(connection, snapshot.generation, now);
        let client_ip = snapshot
            .real_ip
            .client(connection, &carrier, &snapshot.sources, request.headers());
        Ok(Self {
            target,
            carrier,
            client_ip,
        })
    }

    /// Takes out of a head what is of the connection, and what is not the client's to say.
    pub(super) fn clean(&self, (mut head, form): (Parts, Form), snapshot: &Snapshot) -> (Asked<'_>, Upgrade) {
        let upgrade = hop::strip_request(&mut head.headers);
        hop::join_cookies(&mut head.headers);
        let carried = CarriedCertificates::set_aside(&mut head.headers, &snapshot.owned);
        let asked = Asked {
            head,
            form,
            carried,
            target: &self.target,
            answered: None,
        };
        (asked, upgrade)
    }

    /// The peer as a decision sees it.
    pub(super) fn peer<'r>(&'r self, connection: &'r Connection) -> Peer<'r> {
        Peer {
            connection,
            carrier: &self.carrier,
            client_ip: self.client_ip,
        }
    }
}
