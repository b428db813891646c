//! One pair of routes and everybody who could send it a request: what each brings, from where, in which way.

use std::net::IpAddr;
use std::rc::Rc;

use super::bench::{Readers, Sender};
use super::bonds::{KnownOwners, Related, Ties};
use super::classes::{CertificateClass, PassClass};
use super::passes::Pass;
use super::presented::Presentation;
use super::request::PlannedRequest;
use super::shown::HeaderLine;
use super::stage::Stages;
use super::trial::{As, Brings, Outcome, Trial};
use crate::plugin::openid_connect::OpenIdConnect;
use crate::plugin::principals::Bond;

/// What does not change from sender to sender, and what came of it.
pub(super) struct Attempt<'a, 'b, 's> {
    pub(super) stages: &'a Stages<'b, 's>,
    pub(super) request: &'a PlannedRequest,
    pub(super) routes: [Option<usize>; 2],
    /// In which headers a certificate may come.
    pub(super) lines: Vec<Rc<[HeaderLine]>>,
    pub(super) addresses: Vec<IpAddr>,
    /// In which ways a key, a password or a token may come.
    pub(super) ways: Vec<Rc<Presentation>>,
    /// Seconds that a token may last.
    pub(super) limit: u64,
    /// By side: how two credentials have to belong together.
    pub(super) bonds: [Vec<&'s Bond>; 2],
    /// Ways from a provider's token to a consumer.
    pub(super) token_finders: Vec<usize>,
    pub(super) readers: Readers<'s>,
    /// By side: what takes providers' tokens.
    pub(super) takers: [Vec<&'s OpenIdConnect>; 2],
    /// Whether both routes lead to one service.
    pub(super) is_one_service: bool,
    pub(super) known_owners: KnownOwners,
    pub(super) trials: Vec<Trial>,
}

/// A certificate of the connection, one in a header, and something beside them.
pub(super) type Classes<'c> = (
    &'c Option<Rc<CertificateClass>>,
    &'c Option<Rc<CertificateClass>>,
    &'c Option<Rc<PassClass>>,
);

/// All of each, and none of it.
type Everybody<'c> = (
    &'c [Option<Rc<CertificateClass>>],
    &'c [Option<Rc<CertificateClass>>],
    &'c [Option<Rc<PassClass>>],
);

impl Attempt<'_, '_, '_> {
    /// Tries everybody who could have these: with a certificate in the handshake where one can be shown, with one in a
    /// header beside it where anybody may write it; and whatever these addresses could carry.
    pub(super) fn add_all(
        &mut self,
        (sockets, headers, passes): Everybody<'_>,
        (may_show, anybody_may_carry): (bool, bool),
        carriers: &[IpAddr],
    ) {
        for pass in passes {
            let ways = self.ways_of(pass.as_deref());
            for socket in sockets.iter().filter(|socket| may_show || socket.is_none()) {
                let with_header = socket.is_none() || anybody_may_carry;
                for header in headers.iter().filter(|header| with_header || header.is_none()) {
                    self.add((socket, header, pass), &ways, None);
                }
            }
            // By http, a carrier's certificate is one that no client could show; and whose word counts may have changed.
            for carrier in carriers {
                for socket in sockets {
                    for header in headers {
                        self.add((socket, header, pass), &ways, Some(*carrier));
                    }
                }
            }
        }
    }

    /// Tries a sender of these classes in these ways.
    fn add(&mut self, classes: Classes<'_>, ways: &[Option<Rc<Presentation>>], carrier: Option<IpAddr>) {
        let (socket, header, pass) = classes;
        let no_lines: [Rc<[HeaderLine]>; 1] = [Rc::new([])];
        let lines = if header.is_some() {
            self.lines.clone()
        } else {
            no_lines.to_vec()
        };
        for examples in self.examples(classes) {
            // Found only where something changes.
            let mut related: Option<Rc<Related>> = None;
            for lines in &lines {
                for way in ways {
                    for client in self.addresses.clone() {
                        let sender = Sender {
                            socket: examples.socket,
                            header: examples.header,
                            lines: Rc::clone(lines),
                            pass: examples
                                .pass
                                .zip(way.clone())
                                .map(|(pass, way)| (pass, way, self.limit)),
                            carrier,
                        };
                        let brings = Brings {
                            socket: socket.clone(),
                            header: header.clone(),
                            pass: pass.clone(),
                            relation: examples.relation,
                            owners: None,
                        };
                        let ties = examples.ties.as_ref();
                        let ties = ties.map(|ties| (classes, ties));
                        self.add_one((brings, sender), client, (ties, &mut related));
                    }
                }
            }
        }
    }

    fn add_one(
        &mut self,
        (mut brings, sender): (Brings, Sender),
        client: IpAddr,
        (ties, related): (Option<(Classes<'_>, &Ties)>, &mut Option<Rc<Related>>),
    ) {
        let asked = (&sender, client);
        let outcomes = self
            .stages
            .try_one(self.request, asked, &self.readers, self.routes);
        let is_reached = |outcome: &Outcome| matches!(outcome, Outcome::Reached(_));
        if let Some(outcomes) = outcomes.filter(|outcomes| outcomes.iter().any(is_reached)) {
            if let Some((classes, ties)) = ties.filter(|_| self.may_change(&outcomes)) {
                let related = related.get_or_insert_with(|| Rc::new(self.related(classes, ties)));
                brings.owners = Some(Rc::clone(related));
            }
            self.trials.push(Trial {
                brings,
                sender,
                client,
                outcomes,
            });
        }
    }

    /// Whether the outcomes could be told as a change.
    fn may_change(&self, outcomes: &[Outcome; 2]) -> bool {
        let [Outcome::Reached(old), Outcome::Reached(new)] = outcomes else {
            return true;
        };
        let people = &self.stages.bench.people;
        let identity = |side: usize, who: As| who.consumer().map(|key| people.identity(side, key));
        !self.is_one_service
            || std::mem::discriminant(old) != std::mem::discriminant(new)
            || identity(0, *old) != identity(1, *new)
    }

    pub(super) fn pass(&self, position: usize) -> &Pass {
        &self.stages.bench.passes[position]
    }

    /// Of the ways in which something of a class can be brought, those that make a difference.
    fn ways_of(&self, class: Option<&PassClass>) -> Vec<Option<Rc<Presentation>>> {
        let Some(class) = class else { return vec![None] };
        let example = self.pass(class.example);
        let fits =
            |way: &&Rc<Presentation>| way.kind == example.kind && (way.is_plain() || !example.is_asymmetric);
        let mut known = Vec::new();
        let mut kept = Vec::new();
        for way in self.ways.iter().filter(fits) {
            if let Some(grant) = &way.grant {
                let sense = self.sense(grant, &example.name);
                let made = (way.place(), grant.is_bound, sense);
                if known.contains(&made) {
                    continue;
                }
                known.push(made);
            }
            kept.push(Some(Rc::clone(way)));
        }
        kept
    }
}
