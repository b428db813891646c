//! From what becomes of everybody on either side to who gains and who loses.

use std::collections::HashMap;
use std::rc::Rc;

use super::bench::Bench;
use super::change::{Access, Answer, CertificateBy, Change, Credential, Direction, Relation, Who};
use super::classes::CertificateClass;
use super::naming::{Naming, sorted};
use super::request::PlannedRequest;
use super::trial::{As, Brings, By, Outcome, Trial};

/// Changes while they are collected: of each the plainest request, and all that are alike together.
pub(super) struct Diff<'b, 's> {
    pub(super) bench: &'b Bench<'s>,
    changes: HashMap<ChangeKey, Vec<Access>>,
    order: Vec<ChangeKey>,
    naming: Naming<'b, 's>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct ChangeKey {
    direction: Direction,
    credential: Credential,
    socket: Vec<CertificateBy>,
    header: Vec<CertificateBy>,
    relation: Relation,
    who: u32,
    is_implied: bool,
}

/// One way of a trial to have changed.
struct Move {
    direction: Direction,
    /// The side on which the service is reached, by which whoever it is about is named.
    side: usize,
}

impl<'b, 's> Diff<'b, 's> {
    pub(super) fn new(bench: &'b Bench<'s>) -> Self {
        Self {
            bench,
            changes: HashMap::new(),
            order: Vec::new(),
            naming: Naming::new(bench),
        }
    }

    /// Looks at everybody who sends a request, which takes these routes.
    pub(super) fn add(&mut self, routes: [Option<usize>; 2], request: &PlannedRequest, trials: &[Trial]) {
        let mut moves: Vec<(usize, Move)> = trials
            .iter()
            .enumerate()
            .flat_map(|(position, trial)| {
                let moves = self.moves(routes, trial).into_iter();
                moves.map(move |moved| (position, moved))
            })
            .collect();
        // What is plainest is told.
        moves.sort_by_key(|(position, _)| trials[*position].names_another());
        for (position, Move { direction, side }) in &moves {
            let trial = &trials[*position];
            let is_implied = moves.iter().any(|(other, moved)| {
                let other = &trials[*other];
                moved.direction == *direction
                    && other.outcomes[*side] == trial.outcomes[*side]
                    && other.brings_less_than(trial)
            });
            self.add_one(routes, request, trial, (*direction, *side, is_implied));
        }
    }

    pub(super) fn service(&self, side: usize, routes: [Option<usize>; 2]) -> Option<&'s str> {
        let route = self.bench.sides[side].snapshot.routes.get(routes[side]?)?;
        route.service.as_ref().map(|service| &*service.name)
    }

    fn moves(&self, routes: [Option<usize>; 2], trial: &Trial) -> Vec<Move> {
        let moved = |direction, side| Move { direction, side };
        let [Outcome::Reached(before), Outcome::Reached(after)] = &trial.outcomes else {
            return match &trial.outcomes {
                [Outcome::Refused { .. }, Outcome::Reached(_)] => vec![moved(Direction::Gain, 1)],
                [Outcome::Reached(_), Outcome::Refused { .. }] => vec![moved(Direction::Loss, 0)],
                [Outcome::Refused { .. }, Outcome::Refused { .. }]
                | [Outcome::Reached(_), Outcome::Reached(_)] => Vec::new(),
            };
        };
        let both = || vec![moved(Direction::Gain, 1), moved(Direction::Loss, 0)];
        if self.service(0, routes) != self.service(1, routes) {
            return both();
        }
        match (self.identity(0, *before), self.identity(1, *after)) {
            (one, other) if one == other => Vec::new(),
            (Identity::Consumer(_), Identity::Consumer(_)) => both(),
            _ => vec![moved(Direction::Other, 1)],
        }
    }

    pub(super) fn identity(&self, side: usize, who: As) -> Identity {
        let name = |key| self.bench.sides[side].consumer_name(key);
        match who {
            As::Nobody => Identity::Nobody,
            As::Certificate { .. } => Identity::Certificate,
            As::Bearer => Identity::Bearer,
            As::Anonymous(key) => Identity::Anonymous(name(key)),
            As::Consumer { key, .. } => Identity::Consumer(name(key)),
        }
    }

    fn add_one(
        &mut self,
        routes: [Option<usize>; 2],
        request: &PlannedRequest,
        trial: &Trial,
        (direction, side, is_implied): (Direction, usize, bool),
    ) {
        let Outcome::Reached(reached) = trial.outcomes[side] else {
            return;
        };
        let access = self.access(routes, request, trial, side);
        let credential = trial.credential();
        let Brings {
            socket,
            header,
            pass,
            relation,
            owners: related,
        } = &trial.brings;
        let alone = |class: &Option<Rc<CertificateClass>>| class.as_deref().map(by_holders);
        let nobody = || vec![(Vec::new(), Vec::new())];
        let (sockets, headers) = (
            alone(socket).unwrap_or_else(nobody),
            alone(header).unwrap_or_else(nobody),
        );
        let passes = pass
            .as_ref()
            .map(|class| class.members.clone())
            .unwrap_or_default();
        let shown = trial.sender.pass.as_ref();
        let other = shown.and_then(|(_, presentation, _)| presentation.grant.as_ref()?.other.as_ref());
        let shown = shown.map(|(shown, ..)| (*shown, &*passes));
        let shown: Vec<(usize, &[usize])> = shown
            .into_iter()
            .chain(other.map(|other| (other.pass, &*other.classes)))
            .collect();
        for (by_socket, on_socket) in &sockets {
            for (by_header, in_header) in &headers {
                let who = match reached {
                    As::Consumer {
                        by: By::Pass,
                        finder,
                        key,
                    } => self.naming.owners(side, (finder, key), &shown),
                    As::Bearer => self.naming.number(Who::Bearers(trial.groups())),
                    As::Consumer { by: By::Header, .. } | As::Certificate { by: By::Header, .. } => {
                        self.naming.who(side, reached, in_header)
                    }
                    As::Consumer { .. } | As::Certificate { .. } | As::Anonymous(_) | As::Nobody => {
                        self.naming.who(side, reached, on_socket)
                    }
                };
                let who = match (related, reached) {
                    // Of those who have one of the credentials, not all have the others.
                    (Some(related), As::Consumer { by, .. }) => {
                        let kind = match by {
                            By::Socket => 0,
                            By::Header => 1,
                            By::Pass => 2,
                        };
                        self.naming.only(side, who, &related[kind])
                    }
                    (Some(_) | None, _) => who,
                };
                let key = ChangeKey {
                    direction,
                    credential,
                    socket: self.certificates(by_socket),
                    header: self.certificates(by_header),
                    relation: *relation,
                    who,
                    is_implied,
                };
                let known = self.changes.entry(key.clone()).or_insert_with(|| {
                    self.order.push(key);
                    Vec::new()
                });
                let is_known =
                    |other: &Access| other.route == access.route && other.service == access.service;
                if !known.iter().rev().any(is_known) {
                    known.push(access.clone());
                }
            }
        }
    }

    fn certificates(&self, holders: &[usize]) -> Vec<CertificateBy> {
        holders
            .iter()
            .map(|holder| self.certificate_by(*holder))
            .collect()
    }

    pub(super) fn certificate_by(&self, holder: usize) -> CertificateBy {
        let holder = self.bench.holders.all[holder];
        CertificateBy {
            authority: self.bench.holders.label(holder).map(str::to_owned),
            standing: holder.standing,
        }
    }

    /// Everything that was found.
    pub(super) fn changes(mut self) -> Vec<Change> {
        let order = std::mem::take(&mut self.order);
        let mut changes: Vec<Change> = order
            .into_iter()
            .filter_map(|key| {
                let accesses = self.changes.remove(&key)?;
                let ChangeKey {
                    direction,
                    credential,
                    socket,
                    header,
                    relation,
                    who,
                    is_implied,
                } = key;
                Some(Change {
                    direction,
                    credential,
                    socket,
                    header,
                    relation,
                    who: self.naming.called(who)?,
                    is_implied,
                    accesses,
                })
            })
            .collect();
        changes = merged(changes);
        changes.sort_by_key(|change| (change.direction, change.is_implied, change.credential));
        changes
    }
}

/// Holders, and the names of their certificates: each a holder and a class of names, by position.
type Issued = (Vec<usize>, Vec<(usize, usize)>);

/// The members of a class, by who issued their certificates.
fn by_holders(class: &CertificateClass) -> Vec<Issued> {
    let mut by_holders: Vec<Issued> = Vec::new();
    for (holders, names) in &class.members {
        let member = (holders[0], *names);
        match by_holders.iter_mut().find(|(known, _)| **known == **holders) {
            Some((_, members)) => members.push(member),
            None => by_holders.push((holders.to_vec(), vec![member])),
        }
    }
    by_holders
}

/// Consumers who gain or lose alike, together: they came in classes, of which not every difference matters.
fn merged(changes: Vec<Change>) -> Vec<Change> {
    let mut kept: Vec<Change> = Vec::with_capacity(changes.len());
    let mut known: HashMap<_, usize> = HashMap::new();
    for change in changes {
        let Who::Consumers(names, groups) = &change.who else {
            kept.push(change);
            continue;
        };
        let alike = |access: &Access| {
            let answers = access.answers.each_ref().map(Answer::without_names);
            (access.route.clone(), access.service.clone(), answers)
        };
        let accesses: Vec<_> = change.accesses.iter().map(alike).collect();
        let key = (
            (
                change.direction,
                change.credential,
                change.relation,
                change.is_implied,
            ),
            change.socket.clone(),
            change.header.clone(),
            accesses,
        );
        match known.get(&key).and_then(|position| kept.get_mut(*position)) {
            Some(Change {
                who: Who::Consumers(known, shared),
                ..
            }) => {
                known.extend(names.iter().cloned());
                shared.retain(|group| groups.contains(group));
            }
            Some(_) | None => {
                known.insert(key, kept.len());
                kept.push(change);
            }
        }
    }
    for change in &mut kept {
        if let Who::Consumers(names, _) = &mut change.who {
            *names = sorted(std::mem::take(names));
        }
    }
    kept
}

/// As whom a service is reached, as the service is told it.
#[derive(PartialEq, Eq)]
pub(super) enum Identity {
    Nobody,
    Certificate,
    Bearer,
    Anonymous(String),
    Consumer(String),
}
