//! WebSockets that outlive their request, and may not outlive the credential that opened them.
//!
//! The request that opened a tunnel is kept, and judged again by the same code when the configuration changes and when
//! a certificate or a revocation list it rests on runs out. Refused, or taken for somebody else's, the tunnel has
//! `stream_close_delay` left.

use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use http::{HeaderMap, Method, Request, Uri, Version};
use hyper::upgrade::OnUpgrade;
use rustls::pki_types::UnixTime;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tracing::info;
use transport::activity::InFlight;
use uuid::Uuid;

use super::Client;
use super::admission::Target;
use super::decision::{Asked, Peer, Trace, decide};
use super::waiting::{BUDGET, ROUNDS};
use crate::consumer::Consumers;
use crate::exchange::{Principal, Proof};
use crate::form::Form;
use crate::identity::{CarriedCertificates, Carrier, later};
use crate::onlooker::Nobody;
use crate::plugin::errand::Errand;
use crate::plugin::openid_connect::provider::Provider;

/// The request that asks for a tunnel, kept so that it can be judged again.
#[derive(Debug)]
pub(super) struct Opening {
    method: Method,
    uri: Uri,
    version: Version,
    headers: HeaderMap,
    carried: CarriedCertificates,
    target: Target,
    holders: Holders,
}

/// Everybody who was authenticated for a tunnel: the plugin, and the id of the consumer it found. Where a plugin has an
/// anonymous consumer, a credential that is no longer good is no refusal; and a key can become another consumer's. The
/// upstream has been told who calls, and would be told nothing of that.
#[derive(Debug, Default)]
struct Holders(Box<[(Arc<str>, Option<Uuid>)]>);

impl Holders {
    fn of(principals: &[Principal], consumers: &Consumers) -> Self {
        let id = |key| consumers.get(key).map(|consumer| consumer.id);
        let holder = |one: &Principal| (Arc::clone(&one.plugin), one.consumer.and_then(id));
        Self(principals.iter().map(holder).collect())
    }

    fn are_all_among(&self, others: &Self) -> bool {
        self.0.iter().all(|holder| others.0.contains(holder))
    }
}

/// Both ends of a granted tunnel, and what it rests on.
#[derive(Debug)]
pub(super) struct Ends {
    pub(super) client: OnUpgrade,
    pub(super) upstream: OnUpgrade,
    pub(super) opening: Box<Opening>,
}

impl Opening {
    pub(super) fn of(asked: &Asked<'_>) -> Self {
        let Asked {
            head,
            carried,
            target,
            // A handshake has no body.
            form: _,
            answered: _,
        } = asked;
        Self {
            method: head.method.clone(),
            uri: head.uri.clone(),
            version: head.version,
            headers: head.headers.clone(),
            carried: carried.clone(),
            target: (*target).clone(),
            holders: Holders::default(),
        }
    }

    /// Notes who was authenticated when it was granted.
    pub(super) fn held_by(&mut self, principals: &[Principal], consumers: &Consumers) {
        self.holders = Holders::of(principals, consumers);
    }

    fn head(&self) -> Parts {
        let mut request = Request::new(());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.version_mut() = self.version;
        *request.headers_mut() = self.headers.clone();
        request.into_parts().0
    }

    /// Judges the opening by the configuration in force; gives the time until which the answer is sure to hold.
    fn judge(
        &self,
        client: &Client,
        now: UnixTime,
        answered: Option<Arc<Provider>>,
    ) -> Result<Option<UnixTime>, Box<Unanswered>> {
        let snapshot = client.gateway.snapshots.load();
        let carrier = snapshot
            .sources
            .carrier(&client.connection, snapshot.generation, now);
        let asked = Asked {
            head: self.head(),
            form: Form::Absent,
            carried: self.carried.clone(),
            target: &self.target,
            answered,
        };
        let peer = Peer {
            connection: &client.connection,
            carrier: &carrier,
            client_ip: snapshot.real_ip.client(
                &client.connection,
                &carrier,
                &snapshot.sources,
                &self.headers,
            ),
        };
        let mut trace = Trace::default();
        decide(&snapshot, peer, asked, now, (&mut trace, &mut Nobody))
            .map(drop)
            .map_err(|rejection| {
                let errand = trace.undecided.take().map(|undecided| undecided.errand);
                let reason = rejection.reason();
                Box::new(Unanswered { reason, errand })
            })?;
        let holders = Holders::of(&trace.principals, &snapshot.consumers);
        if !self.holders.are_all_among(&holders) {
            return Err(Box::new(Unanswered {
                reason: "other_principal",
                errand: None,
            }));
        }
        let of_edge = match &carrier {
            Carrier::Edge(edge) => Some(edge.valid_until),
            Carrier::TrustedAddress | Carrier::Nobody => None,
        };
        let of_principals = trace
            .principals
            .iter()
            .filter_map(|principal| principal.proof.valid_until());
        // Nobody tells a tunnel that a key was taken back, so it asks.
        let has_token = |principal: &Principal| matches!(principal.proof, Proof::Bearer(_));
        let of_keys = trace
            .principals
            .iter()
            .any(has_token)
            .then(|| later(now, KEYS_ASKED_EVERY));
        Ok(of_principals.chain(of_edge).chain(of_keys).min())
    }

    /// The same, with whatever has to be asked for it; gives the reason of a refusal.
    async fn settle(&self, client: &Client, now: UnixTime) -> Result<Option<UnixTime>, &'static str> {
        let deadline = Instant::now() + BUDGET;
        let (mut rounds, mut answered) = (0, None);
        loop {
            let Unanswered { reason, errand } = match self.judge(client, now, answered) {
                Ok(until) => return Ok(until),
                Err(unanswered) => *unanswered,
            };
            let Some(errand) = errand.filter(|_| rounds < ROUNDS) else {
                return Err(reason);
            };
            rounds += 1;
            // Out of time, it is judged by what is known.
            answered = timeout_at(deadline, errand.run()).await.ok().flatten();
        }
    }
}

/// A refusal, and what would have to be known to say more.
struct Unanswered {
    reason: &'static str,
    errand: Option<Errand>,
}

/// How long a tunnel may outlive the key of the token that opened it, unseen.
const KEYS_ASKED_EVERY: Duration = Duration::from_secs(30);

/// Joins the ends until one of them closes or the opening is refused. The connection counts as busy for so long.
pub(super) fn open(client: &Arc<Client>, ends: Ends, in_flight: InFlight) {
    let Ends {
        client: from,
        upstream: to,
        opening,
    } = ends;
    let client = Arc::clone(client);
    let generations = client.gateway.snapshots.watch();
    transport::tunnel::join_until(from, to, async move {
        let _in_flight = in_flight;
        let reason = refused(&client, &opening, generations).await;
        let delay = client.gateway.stream_close_delay;
        info!(connection_id = %client.connection.id, reason, delay_s = delay.as_secs_f32(), "a tunnel is closed: its credential is no longer good");
        tokio::time::sleep(delay).await;
    });
}

async fn refused(client: &Client, opening: &Opening, mut generations: watch::Receiver<u64>) -> &'static str {
    loop {
        let now = UnixTime::now();
        match opening.settle(client, now).await {
            Err(reason) => return reason,
            Ok(until) => {
                // A second more: a path is valid in the second of its end.
                let left =
                    until.map(|until| Duration::from_secs(until.as_secs().saturating_sub(now.as_secs()) + 1));
                tokio::select! {
                    _ = generations.changed() => {}
                    () = tokio::time::sleep(left.unwrap_or(FAR_AWAY).min(FAR_AWAY)) => {}
                }
            }
        }
    }
}

/// The longest that a tunnel goes unjudged.
const FAR_AWAY: Duration = Duration::from_hours(24);
