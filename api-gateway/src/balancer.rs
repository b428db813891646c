//! The servers behind a service, and whose turn it is.
//!
//! Turns are by weight and exact: of every as many requests in a row as the weights sum up to (their common divisor left
//! out), each target gets its weight. They are spread, so that a heavy target does not get its share at once; and there
//! is no lock and no table, only a counter: the n-th request stands at `n × step` in the line of all shares, where the
//! step has no divisor in common with the line's length, so that every place is met once before any is met again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::HeaderValue;
use http::header;
use transport::handshake_failures::HandshakeFailures;
use transport::upstream::{Answer, NotAnswered, Outgoing, Upstream};

use crate::rejection::Rejection;
use crate::snapshot::HostSent;

/// Where the requests of one service go.
#[derive(Debug)]
pub struct Balancer {
    /// Those with a weight.
    targets: Box<[Target]>,
    turn: Turn,
    retries: u16,
    read_timeout: Duration,
}

/// One server, with the identity, the trust and the connections of one service.
#[derive(Debug)]
pub struct Target {
    /// Connections to it.
    pub upstream: Upstream,
    /// `Host`, unless the client's is kept; with the port where it is not the scheme's.
    pub host: HeaderValue,
}

impl Balancer {
    /// Targets with their weights; those of weight 0 are left out. `retries`: how often a try that met nobody is repeated.
    pub fn new(targets: Vec<(Target, u16)>, retries: u16, read_timeout: Duration) -> Self {
        let (targets, weights): (Vec<Target>, Vec<u16>) =
            targets.into_iter().filter(|(_, weight)| *weight > 0).unzip();
        Self {
            targets: targets.into(),
            turn: Turn::new(&weights),
            retries,
            read_timeout,
        }
    }

    /// Longest silence of a target, for the body of its answer.
    pub fn read_timeout(&self) -> Duration {
        self.read_timeout
    }

    /// The servers, but for those of weight 0.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// Sends a request to the target whose turn it is. A try that came to no connection, for whatever reason, goes on with
    /// the next target, as often as `retries` allows; a request that somebody may have seen is not sent again. Each
    /// handshake that fails is kept in `failures`.
    pub async fn send(
        &self,
        outgoing: Outgoing,
        host: HostSent,
        failures: &HandshakeFailures,
    ) -> Result<Answer, Rejection> {
        let mut outgoing = outgoing;
        let mut left = self.retries;
        let first = self.turn.next();
        for target in self.targets.iter().cycle().skip(first) {
            if host == HostSent::Services {
                let headers = outgoing.request.headers_mut();
                headers.insert(header::HOST, target.host.clone());
            }
            match target.upstream.try_send(outgoing).await {
                Ok(answer) => return Ok(answer),
                Err(NotAnswered {
                    unsent: Some(unsent),
                    error,
                }) if left > 0 => {
                    failures.of_upstream(&error);
                    left -= 1;
                    outgoing = *unsent;
                }
                Err(NotAnswered { error, .. }) => {
                    failures.of_upstream(&error);
                    return Err(error.into());
                }
            }
        }
        Err(Rejection::NoTarget)
    }
}

/// Whose turn it is.
#[derive(Debug)]
struct Turn {
    /// Where each target's part of the line ends.
    ends: Box<[u64]>,
    step: u64,
    count: AtomicU64,
}

impl Turn {
    fn new(weights: &[u16]) -> Self {
        let divisor = weights
            .iter()
            .fold(0, |divisor, weight| common_divisor(divisor, u64::from(*weight)));
        let ends: Box<[u64]> = weights
            .iter()
            .scan(0, |end, weight| {
                *end += u64::from(*weight) / divisor.max(1);
                Some(*end)
            })
            .collect();
        Self {
            step: step(ends.last().copied().unwrap_or_default()),
            ends,
            count: AtomicU64::new(0),
        }
    }

    /// The index of the target whose turn it is; 0 if there is none.
    fn next(&self) -> usize {
        match self.ends.last() {
            None | Some(0 | 1) => 0,
            Some(length) => {
                let count = self.count.fetch_add(1, Ordering::Relaxed) % length;
                let place = count.wrapping_mul(self.step) % length;
                self.ends.partition_point(|end| *end <= place)
            }
        }
    }
}

/// The golden part of a length, or the next larger number that has no divisor in common with it: places in steps of it
/// lie as far from each other as they can.
fn step(length: u64) -> u64 {
    let golden = length * 618 / 1000;
    (golden.max(1)..=length)
        .find(|step| common_divisor(*step, length) == 1)
        .unwrap_or(1)
}

fn common_divisor(one: u64, other: u64) -> u64 {
    if other == 0 {
        one
    } else {
        common_divisor(other, one % other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_exact_and_spread() {
        for (weights, order) in [
            (&[100, 100][..], &[0, 1, 0, 1][..]),
            (&[1], &[0, 0, 0]),
            (&[7, 7, 7], &[0, 1, 2, 0, 1, 2]),
            (&[300, 100], &[0, 1, 0, 0]),
            (&[], &[0, 0]),
        ] {
            let turn = Turn::new(weights);
            let turns: Vec<usize> = order.iter().map(|_| turn.next()).collect();
            assert_eq!(turns, order, "{weights:?}");
        }
        for weights in [&[3, 2][..], &[65_535, 1], &[10, 20, 30, 5], &[65_535, 65_534, 13]] {
            let turn = Turn::new(weights);
            let divisor = weights
                .iter()
                .fold(0, |d, weight| common_divisor(d, u64::from(*weight)));
            let mut seen = vec![0; weights.len()];
            for _ in 0..turn.ends.last().copied().unwrap_or_default() {
                seen[turn.next()] += divisor;
            }
            let expected: Vec<u64> = weights.iter().map(|weight| u64::from(*weight)).collect();
            assert_eq!(seen, expected);
        }
    }

    #[test]
    fn a_heavy_target_leaves_nobody_waiting_for_long() {
        let turn = Turn::new(&[70, 30]);
        let turns: Vec<usize> = (0..1000).map(|_| turn.next()).collect();
        let longest = turns.split(|target| *target == 1).map(<[usize]>::len).max();
        assert!(longest <= Some(4), "{longest:?}");
    }
}
