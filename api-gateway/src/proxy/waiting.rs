//! Requests that cannot be decided by what is known: what is missing is asked for, within a budget, and the same request
//! is decided again by the same code. Hardly a request comes here; those that do not pay nothing for it.

use std::time::Duration;

use rustls::pki_types::UnixTime;
use tokio::time::{Instant, timeout_at};

use super::decision::{self, Asked, Undecided};
use super::entry::Entry;
use super::forward::{self, Outbound, Upgrading};
use super::payload::Payload;
use super::record::Record;
use crate::form::Form;
use crate::identity::Connection;
use crate::onlooker::Nobody;
use crate::plugin::errand::Errand;
use crate::rejection::Rejection;
use crate::snapshot::Snapshot;

/// How long a request waits for answers, all together.
pub(super) const BUDGET: Duration = Duration::from_secs(15);
/// How often it is decided again: the fields of its body; keys, then introspection, for two plugins.
pub(super) const ROUNDS: usize = 5;

/// Why a request does not go on yet.
pub(super) enum Unprepared {
    Refused(Rejection),
    Undecided(Box<Waiting>),
}

impl From<Rejection> for Unprepared {
    fn from(rejection: Rejection) -> Self {
        Self::Refused(rejection)
    }
}

/// A request that waits for an answer.
pub(super) struct Waiting {
    pub(super) entry: Entry,
    pub(super) rest: (Payload, Upgrading),
    pub(super) undecided: Box<Undecided>,
}

impl Waiting {
    /// Asks and decides until there is a decision. When rounds or time have run out, the last refusal stands.
    pub(super) async fn settle<'s>(
        self: Box<Self>,
        snapshot: &'s Snapshot,
        connection: &Connection,
        record: &mut Record,
    ) -> Result<Outbound<'s>, Rejection> {
        let Self {
            entry,
            mut rest,
            mut undecided,
        } = *self;
        let mut deadline = Instant::now() + BUDGET;
        let mut rounds = 1..=ROUNDS;
        loop {
            let Undecided {
                head,
                mut form,
                carried,
                errand,
            } = *undecided;
            let answered = match (errand, &form) {
                (Errand::Fields, Form::Unread(syntax)) => {
                    form = rest.0.read(*syntax, snapshot.limits.body).await?;
                    // Whoever is asked afterwards is not the one who was slow.
                    deadline = Instant::now() + BUDGET;
                    Ok(None)
                }
                (errand, _) => timeout_at(deadline, errand.run()).await,
            };
            let in_time = answered.is_ok();
            let asked = Asked {
                head,
                form,
                carried,
                target: &entry.target,
                answered: answered.ok().flatten(),
            };
            let (peer, now) = (entry.peer(connection), UnixTime::now());
            let decided = decision::decide(snapshot, peer, asked, now, (&mut record.trace, &mut Nobody));
            match decided {
                Ok(decided) => return forward::outbound(snapshot, decided, &entry.target, rest, record),
                Err(rejection) => match record.trace.undecided.take() {
                    Some(again) if in_time && rounds.next().is_some() => undecided = again,
                    Some(_) | None => return Err(rejection),
                },
            }
        }
    }
}
