//! The targets of a group, and whose turn it is.

use std::sync::atomic::{AtomicUsize, Ordering};

use transport::handshake_failures::HandshakeFailures;
use transport::upstream::{Answer, NotAnswered, Outgoing, Upstream, UpstreamError};

/// The targets of one listener's group, with their kept connections.
#[derive(Debug)]
pub(crate) struct Targets {
    upstreams: Box<[Upstream]>,
    turn: Turn,
}

/// Round robin.
#[derive(Debug, Default)]
pub(crate) struct Turn(AtomicUsize);

impl Turn {
    /// Every element once, beginning with the one whose turn it is.
    pub(crate) fn round<'a, T>(&self, all: &'a [T]) -> impl Iterator<Item = &'a T> {
        let start = match all.len() {
            0 | 1 => 0,
            len => self.0.fetch_add(1, Ordering::Relaxed) % len,
        };
        let (before, after) = all.split_at_checked(start).unwrap_or((&[], all));
        after.iter().chain(before)
    }
}

/// A request that no target answered.
#[derive(Debug)]
pub(crate) struct NoAnswer<'a> {
    /// Why the last one that was tried did not.
    pub(crate) error: UpstreamError,
    /// Which one that was.
    pub(crate) target: Option<&'a Upstream>,
}

impl Targets {
    /// Targets that take turns; at least one, as the settings make sure.
    pub(crate) fn new(upstreams: Vec<Upstream>) -> Self {
        Self {
            upstreams: upstreams.into(),
            turn: Turn::default(),
        }
    }

    /// Sends a request to the target whose turn it is. One that refuses the connection is passed over, for it has seen
    /// no byte of the request; anything else that fails is final. A handshake that fails is kept in `failures`.
    pub(crate) async fn send(
        &self,
        outgoing: Outgoing,
        failures: &HandshakeFailures,
    ) -> Result<(&Upstream, Answer), NoAnswer<'_>> {
        let mut outgoing = outgoing;
        let mut targets = self.turn.round(&self.upstreams).peekable();
        while let Some(target) = targets.next() {
            match target.try_send(outgoing).await {
                Ok(answer) => return Ok((target, answer)),
                Err(NotAnswered {
                    error: UpstreamError::Refused { .. } | UpstreamError::Unresolved { .. },
                    unsent: Some(unsent),
                }) if targets.peek().is_some() => outgoing = *unsent,
                Err(NotAnswered { error, .. }) => {
                    failures.of_upstream(&error);
                    return Err(NoAnswer {
                        error,
                        target: Some(target),
                    });
                }
            }
        }
        let error = UpstreamError::Unresolved {
            host: "the target group".into(),
            source: std::io::Error::from(std::io::ErrorKind::NotFound),
        };
        Err(NoAnswer { error, target: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_has_a_turn_and_every_round_is_complete() {
        let turn = Turn::default();
        let rounds: Vec<Vec<char>> = (0..4)
            .map(|_| turn.round(&['a', 'b', 'c']).copied().collect())
            .collect();
        assert_eq!(
            rounds,
            [['a', 'b', 'c'], ['b', 'c', 'a'], ['c', 'a', 'b'], ['a', 'b', 'c']]
        );
        assert_eq!(turn.round(&['x']).count(), 1);
        assert_eq!(turn.round::<char>(&[]).count(), 0);
    }
}
