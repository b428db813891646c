//! Answers that outlive their request's decision, and may not outlive the credential that it rested on.
//!
//! Before each piece of an upstream's body goes on, it is asked whether anything has changed: another configuration is in
//! force, a certificate, a token or a revocation list has run out, or the key of a token was taken back. Only then are
//! certificates and tokens judged again, by the plugins that admitted them. Refused, the answer has `stream_close_delay` left. An answer that sends nothing is not asked.

use std::time::{Duration, Instant};

use rustls::pki_types::UnixTime;
use tracing::info;

use super::record::Record;
use crate::exchange::{Principal, Proof};
use crate::plugin::openid_connect::possession::Shown;
use crate::plugin::{Plugin, Slot};
use crate::snapshot::Snapshot;

/// What an answer under way rests on.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// By which generation, and until when, it was last found to be good.
    judged: Option<(u64, UnixTime)>,
    lost: Option<Instant>,
}

impl Record {
    /// Whether the rest of the answer may go on.
    pub(super) fn still_stands(&mut self) -> bool {
        if self.trace.principals.is_empty() {
            return true;
        }
        let delay = self.client.gateway.stream_close_delay;
        if let Some(lost) = self.standing.lost {
            return lost.elapsed() < delay;
        }
        let now = UnixTime::now();
        let snapshot = self.client.gateway.snapshots.load();
        let (generation, until) = self
            .standing
            .judged
            .unwrap_or_else(|| (self.snapshot.generation, earliest(&self.trace.principals)));
        let withdrawn = self.trace.principals.iter().any(|one| one.proof.is_withdrawn());
        if generation == snapshot.generation && now <= until && !withdrawn {
            self.standing.judged = Some((generation, until));
            return true;
        }
        if self
            .trace
            .principals
            .iter()
            .all(|principal| self.is_good(principal, &snapshot, now))
        {
            // What ran out has been judged anew, and is good: from now on for a second at a time.
            self.standing.judged = Some((snapshot.generation, until.max(now)));
            return true;
        }
        info!(request_id = %self.request_id, delay_s = delay.as_secs_f32(), "an answer is cut off: its credential is no longer good");
        self.standing.lost = Some(Instant::now());
        !delay.is_zero()
    }

    /// Whether the plugin that admitted a credential still would, for the same consumer, from the same carrier.
    fn is_good(&self, principal: &Principal, snapshot: &Snapshot, now: UnixTime) -> bool {
        let Some(admitted_on) = self.matched_route() else {
            return false;
        };
        let route = snapshot
            .routes
            .iter()
            .find(|route| route.name == admitted_on.name);
        let slot = route.and_then(|route| route.chain.slot(&principal.plugin));
        let plugin = slot.and_then(Slot::for_everybody);
        let found = match (&principal.proof, plugin) {
            (Proof::Socket(identity), Some(Plugin::MtlsAuth(plugin))) => {
                plugin.auth.find_again(identity, &snapshot.consumers, now).ok()
            }
            (Proof::Header(identity), Some(Plugin::HeaderCertAuth(plugin))) => {
                let connection = &self.client.connection;
                let carrier = snapshot.sources.carrier(connection, snapshot.generation, now);
                let carried_by_right = snapshot.sources.admits(&carrier, plugin.source);
                let found = plugin.auth.find_again(identity, &snapshot.consumers, now);
                found.ok().filter(|_| carried_by_right)
            }
            (Proof::Bearer(identity), Some(Plugin::OpenIdConnect(plugin))) => {
                let connection = &self.client.connection;
                let carrier = snapshot.sources.carrier(connection, snapshot.generation, now);
                let shown = Shown::by(connection, &carrier, &self.trace.principals);
                let by = (&snapshot.consumers, &shown);
                let again = |token| plugin.find_again(token, by, now).ok();
                identity.token.as_ref().and_then(again)
            }
            (Proof::Bearer(_), Some(plugin)) => plugin.still_admits(principal, now).map(Some),
            // Another kind of plugin has the name now, or none has.
            (Proof::Socket(_) | Proof::Header(_) | Proof::Bearer(_), Some(_) | None) => None,
        };
        let id_then = principal
            .consumer
            .and_then(|key| self.snapshot.consumers.get(key))
            .map(|consumer| consumer.id);
        let id_now = found.map(|key| {
            key.and_then(|key| snapshot.consumers.get(key))
                .map(|consumer| consumer.id)
        });
        id_now == Some(id_then)
    }
}

fn earliest(principals: &[Principal]) -> UnixTime {
    let ends = principals.iter().map(|principal| principal.proof.valid_until());
    // What has no end of its own is asked for in a second at the latest, like what has run out.
    ends.map(|end| end.unwrap_or(UnixTime::since_unix_epoch(Duration::ZERO)))
        .min()
        .unwrap_or(UnixTime::since_unix_epoch(Duration::ZERO))
}
