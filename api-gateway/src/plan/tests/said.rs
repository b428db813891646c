//! What a side says to somebody, and what has changed of that.

use crate::exchange::Proof;
use crate::plan::Side;
use crate::plan::change::Direction;
use crate::proxy::verdict::Verdict;

/// What a side says: the route and, where it is reached, the service and as whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) route: Option<String>,
    pub(super) reached: Option<(String, String)>,
    pub(super) status: u16,
    pub(super) reason: &'static str,
    pub(super) by: &'static str,
}

pub(super) fn said(side: &Side, verdict: &Verdict) -> Said {
    let snapshot = &side.snapshot;
    let route = verdict.route.map(|route| &snapshot.routes[route]);
    let name = |key| side.consumer_name(key);
    let last = verdict
        .principals
        .iter()
        .rev()
        .find(|principal| principal.consumer == verdict.consumer);
    let by = last.map_or("", |principal| match principal.proof {
        Proof::Socket(_) => "socket",
        Proof::Header(_) => "header",
        Proof::Bearer(_) => "token",
    });
    let who = match (verdict.consumer, last) {
        (Some(key), Some(_)) => format!("consumer {}", name(key)),
        (Some(key), None) => format!("anonymous {}", name(key)),
        (None, Some(_)) if by == "token" => "bearer".to_owned(),
        (None, Some(_)) => "holder".to_owned(),
        (None, None) => "anybody".to_owned(),
    };
    let (status, reason) = match &verdict.outcome {
        Ok(()) => (200, ""),
        Err(rejection) => (rejection.status().as_u16(), rejection.reason()),
    };
    let service = route
        .and_then(|route| route.service.as_ref())
        .map(|service| service.name.to_string());
    Said {
        route: route.map(|route| route.name.to_string()),
        reached: verdict.outcome.is_ok().then(|| (service.unwrap(), who)),
        status,
        reason,
        by,
    }
}

/// The moves that make one of the other, each with the side that it is seen on.
pub(super) fn moves(old: &Said, new: &Said) -> Vec<(Direction, usize)> {
    let both = || vec![(Direction::Gain, 1), (Direction::Loss, 0)];
    match (&old.reached, &new.reached) {
        (None, None) => Vec::new(),
        (None, Some(_)) => vec![(Direction::Gain, 1)],
        (Some(_), None) => vec![(Direction::Loss, 0)],
        (Some((before, _)), Some((after, _))) if before != after => both(),
        (Some((_, before)), Some((_, after))) if before == after => Vec::new(),
        (Some((_, before)), Some((_, after))) => {
            if before.starts_with("consumer ") && after.starts_with("consumer ") {
                both()
            } else {
                vec![(Direction::Other, 1)]
            }
        }
    }
}
