//! One pair of routes and everybody who could send it a request: what each brings, from where, in which way.

use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;

use super::bench::{HeaderLine, Sender};
use super::change::Relation;
use super::classes::{CertificateClass, PassClass};
use super::passes::Pass;
use super::presented::Presentation;
use super::request::PlannedRequest;
use super::stage::Stages;
use super::trial::{Brings, Outcome, Trial};
use crate::plugin::principals::Bond;

/// Names of a class that are looked through for one that belongs to another credential.
const LOOKED_THROUGH: usize = 20_000;
/// Owners of a class that are held against those of another.
const COMPARED: usize = 24;

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
    pub(super) instances: Vec<usize>,
    pub(super) trials: Vec<Trial>,
}

/// Which of each class stands for it.
#[derive(Clone, Copy)]
struct Examples {
    socket: Option<(u32, usize)>,
    header: Option<(u32, usize)>,
    pass: Option<usize>,
    relation: Relation,
}

type Classes<'c> = (
    &'c Option<Rc<CertificateClass>>,
    &'c Option<Rc<CertificateClass>>,
    &'c Option<Rc<PassClass>>,
);

impl Attempt<'_, '_, '_> {
    /// Tries a sender of these classes in all ways.
    pub(super) fn add(&mut self, classes: Classes<'_>, carrier: Option<IpAddr>) {
        let (socket, header, pass) = classes;
        let no_lines: [Rc<[HeaderLine]>; 1] = [Rc::new([])];
        let lines = if header.is_some() {
            self.lines.clone()
        } else {
            no_lines.to_vec()
        };
        let ways: Vec<Option<Rc<Presentation>>> = match pass {
            Some(class) => self.ways_of(class).map(Some).collect(),
            None => vec![None],
        };
        for examples in self.examples(classes) {
            for lines in &lines {
                for way in &ways {
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
                        };
                        self.add_one(brings, sender, client);
                    }
                }
            }
        }
    }

    fn add_one(&mut self, brings: Brings, sender: Sender, client: IpAddr) {
        let asked = (&sender, client);
        let outcomes = self
            .stages
            .try_one(self.request, asked, &self.instances, self.routes);
        let is_reached = |outcome: &Outcome| matches!(outcome, Outcome::Reached(_));
        if let Some(outcomes) = outcomes.filter(|outcomes| outcomes.iter().any(is_reached)) {
            self.trials.push(Trial {
                brings,
                sender,
                client,
                outcomes,
            });
        }
    }

    fn pass(&self, position: usize) -> &Pass {
        &self.stages.bench.passes[position]
    }

    fn ways_of(&self, class: &PassClass) -> impl Iterator<Item = Rc<Presentation>> {
        let example = self.pass(class.example);
        let fits =
            |way: &&Rc<Presentation>| way.kind == example.kind && (way.is_plain() || !example.is_asymmetric);
        self.ways.iter().filter(fits).cloned()
    }

    /// One of each class; where it matters how they belong together, one for each way in which they can.
    fn examples(&self, (socket, header, pass): Classes<'_>) -> Vec<Examples> {
        let any = Examples {
            socket: socket.as_ref().map(|class| class.example),
            header: header.as_ref().map(|class| class.example),
            pass: pass.as_ref().map(|class| class.example),
            relation: Relation::Any,
        };
        let several = [socket.is_some(), header.is_some(), pass.is_some()];
        let is_asked = self.bonds.iter().any(|bonds| !bonds.is_empty());
        if !is_asked || several.into_iter().filter(|has| *has).count() < 2 {
            return vec![any];
        }
        let by_owner = |class: &Option<Rc<CertificateClass>>| class.as_ref().map(|class| self.owners(class));
        let (sockets, headers) = (by_owner(socket), by_owner(header));
        let passes = pass.as_ref().map(|class| self.pass_owners(class));
        let mut found: Vec<(Ties, Examples)> = Vec::new();
        let mut note = |owners: [Option<u32>; 3]| {
            let ties = self.ties(owners);
            if found.iter().any(|(known, _)| *known == ties) {
                return;
            }
            let example = Examples {
                socket: owners[0].map_or(any.socket, |owner| sockets.as_ref()?.get(&owner).copied()),
                header: owners[1].map_or(any.header, |owner| headers.as_ref()?.get(&owner).copied()),
                pass: owners[2].map_or(any.pass, |owner| passes.as_ref()?.get(&owner).copied()),
                relation: ties.relation(),
            };
            found.push((ties, example));
        };
        let mut all = [
            sorted(sockets.as_ref()),
            sorted(headers.as_ref()),
            sorted(passes.as_ref()),
        ];
        // One consumer's, however many others there are.
        let smallest = all
            .iter()
            .filter(|owners| !owners.is_empty())
            .min_by_key(|owners| owners.len());
        let is_everywhere = |owner: &u32| {
            all.iter()
                .all(|owners| owners.is_empty() || owners.contains(owner))
        };
        let same = smallest.and_then(|owners| owners.iter().copied().find(is_everywhere));
        if let Some(owner) = same {
            note([0, 1, 2].map(|kind: usize| (!all[kind].is_empty()).then_some(owner)));
        }
        let choices = all.each_mut().map(|owners| {
            owners.truncate(COMPARED);
            let some = owners.iter().copied().map(Some).collect::<Vec<_>>();
            if some.is_empty() { vec![None] } else { some }
        });
        for first in &choices[0] {
            for second in &choices[1] {
                for third in &choices[2] {
                    note([*first, *second, *third]);
                }
            }
        }
        found.into_iter().map(|(_, example)| example).collect()
    }

    /// How these consumers belong together, as far as anybody asks.
    fn ties(&self, owners: [Option<u32>; 3]) -> Ties {
        let bench = self.stages.bench;
        let present: Vec<u32> = owners.into_iter().flatten().collect();
        let pairs =
            || (0..present.len()).flat_map(|one| (one + 1..present.len()).map(move |other| (one, other)));
        let common = [0, 1].map(|side: usize| {
            let mut shared = Vec::new();
            for bond in &self.bonds[side] {
                let Bond::Tag(tags) = bond else { continue };
                let key = |position: usize| bench.people.key(side, present[position]);
                let share = |positions: &[usize]| {
                    let keys: Option<Vec<_>> = positions.iter().map(|position| key(*position)).collect();
                    keys.is_some_and(|keys| tags.any_in_common(|| keys.iter().copied()))
                };
                shared.extend(pairs().map(|(one, other)| share(&[one, other])));
                let everybody: Vec<usize> = (0..present.len()).collect();
                shared.push(share(&everybody));
            }
            shared
        });
        Ties {
            is_same: pairs()
                .map(|(one, other)| present[one] == present[other])
                .collect(),
            common,
        }
    }

    /// Certificates of a class by the consumer that they lead to, as either side has it.
    fn owners(&self, class: &CertificateClass) -> HashMap<u32, (u32, usize)> {
        let bench = self.stages.bench;
        let mut owners = HashMap::new();
        for (holders, names) in &class.members {
            for name in bench.people.classes[*names].iter().take(LOOKED_THROUGH) {
                for instance in &self.instances {
                    let instance = &bench.instances.all[*instance];
                    if let Some(key) = bench.consumer(instance.readings[holders[0]], *name) {
                        let owner = bench.people.identity(instance.side, key);
                        owners.entry(owner).or_insert((*name, holders[0]));
                    }
                }
            }
        }
        owners
    }

    fn pass_owners(&self, class: &PassClass) -> HashMap<u32, usize> {
        let bench = self.stages.bench;
        let mut owners = HashMap::new();
        let passes = class
            .members
            .iter()
            .flat_map(|members| &bench.people.pass_classes[*members]);
        for pass in passes.take(LOOKED_THROUGH) {
            for (side, owner) in self.pass(*pass).owners.iter().enumerate() {
                if let Some(key) = owner {
                    owners.entry(bench.people.identity(side, *key)).or_insert(*pass);
                }
            }
        }
        owners
    }
}

/// How the owners of several credentials belong together: pair by pair.
#[derive(PartialEq, Eq)]
struct Ties {
    is_same: Vec<bool>,
    /// By side: which of them have a tag in common.
    common: [Vec<bool>; 2],
}

impl Ties {
    fn relation(&self) -> Relation {
        if !self.is_same.is_empty() && self.is_same.iter().all(|same| *same) {
            return Relation::Same;
        }
        if self.common.iter().flatten().any(|common| *common) {
            Relation::Akin
        } else {
            Relation::Apart
        }
    }
}

fn sorted<T>(owners: Option<&HashMap<u32, T>>) -> Vec<u32> {
    let mut owners: Vec<u32> = owners
        .into_iter()
        .flat_map(|owners| owners.keys().copied())
        .collect();
    owners.sort_unstable();
    owners
}
