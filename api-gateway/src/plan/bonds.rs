//! How the owners of several credentials belong together, where `principals` asks for it: one example of each way in which
//! they can, and everybody who has others to whom he belongs in that way.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::attempt::{Attempt, Classes};
use super::change::Relation;
use super::classes::{CertificateClass, PassClass};
use crate::plugin::principals::Bond;

/// Owners of a class that are looked through.
const LOOKED_THROUGH: usize = 100_000;
/// The same where three credentials come together.
const LOOKED_THROUGH_FOR_THREE: usize = 200;
/// Others with one tag, and others with none of it, that are held against each.
const COMPARED: usize = 4;

/// By the kind of the credential: the owners who belong to those of the others.
pub(super) type Related = [HashSet<u32>; 3];

/// Which of each class stands for it.
pub(super) struct Examples {
    pub(super) socket: Option<(u32, usize)>,
    pub(super) header: Option<(u32, usize)>,
    pub(super) pass: Option<usize>,
    pub(super) relation: Relation,
    pub(super) owners: Option<Rc<Related>>,
}

/// How the owners of several credentials belong together: pair by pair.
#[derive(PartialEq, Eq, Hash)]
struct Ties {
    is_same: Vec<bool>,
    /// By side: which of them have a tag in common.
    common: [Vec<bool>; 2],
}

/// The owners of one kind's credentials.
#[derive(Default)]
struct Owners {
    all: Vec<u32>,
    known: HashSet<u32>,
    /// By side, by the position of the bond, by the number of the tag.
    by_tag: HashMap<(usize, usize, u32), Vec<u32>>,
}

impl Attempt<'_, '_, '_> {
    /// One of each class; where it matters how they belong together, one for each way in which they can.
    pub(super) fn examples(&self, (socket, header, pass): Classes<'_>) -> Vec<Examples> {
        let examples = |relation| Examples {
            socket: socket.as_ref().map(|class| class.example),
            header: header.as_ref().map(|class| class.example),
            pass: pass.as_ref().map(|class| class.example),
            relation,
            owners: None,
        };
        let several = [socket.is_some(), header.is_some(), pass.is_some()];
        let is_asked = self.bonds.iter().any(|bonds| !bonds.is_empty());
        if !is_asked || several.into_iter().filter(|has| *has).count() < 2 {
            return vec![examples(Relation::Any)];
        }
        let by_owner = |class: &Option<Rc<CertificateClass>>| class.as_ref().map(|class| self.owners(class));
        let (sockets, headers) = (by_owner(socket), by_owner(header));
        let passes = pass.as_ref().map(|class| self.pass_owners(class));
        let owners = [
            self.indexed(sockets.as_ref()),
            self.indexed(headers.as_ref()),
            self.indexed(passes.as_ref()),
        ];
        let mut found: HashMap<Ties, (Examples, Related)> = HashMap::new();
        self.for_each_choice(&owners, |chosen| {
            let (_, related) = found.entry(self.ties(chosen)).or_insert_with_key(|ties| {
                let mut example = examples(ties.relation());
                let shown = |owners: &Option<HashMap<u32, (u32, usize)>>, owner: Option<u32>| {
                    owners.as_ref()?.get(&owner?).copied()
                };
                example.socket = shown(&sockets, chosen[0]).or(example.socket);
                example.header = shown(&headers, chosen[1]).or(example.header);
                let own = passes.as_ref().zip(chosen[2]);
                let own = own.and_then(|(passes, owner)| passes.get(&owner).copied());
                example.pass = own.or(example.pass);
                (example, Related::default())
            });
            for (related, owner) in related.iter_mut().zip(chosen) {
                related.extend(owner);
            }
        });
        let mut found: Vec<(Examples, Related)> = found.into_values().collect();
        found.sort_by_key(|(example, _)| (example.relation, example.socket, example.header, example.pass));
        let examples = found.into_iter().map(|(example, related)| Examples {
            owners: Some(Rc::new(related)),
            ..example
        });
        examples.collect()
    }

    /// Calls `note` with owners of whom each could have one of the credentials: with everybody once at least, and with him
    /// those who are likely to belong to him.
    fn for_each_choice(&self, owners: &[Owners; 3], mut note: impl FnMut([Option<u32>; 3])) {
        let kinds: Vec<usize> = (0..3).filter(|kind| !owners[*kind].all.is_empty()).collect();
        if kinds.len() < 2 {
            note([0, 1, 2].map(|kind: usize| owners[kind].all.first().copied()));
            return;
        }
        let most = if kinds.len() == 2 {
            LOOKED_THROUGH
        } else {
            LOOKED_THROUGH_FOR_THREE
        };
        for first in &kinds {
            let others: Vec<usize> = kinds.iter().copied().filter(|kind| kind != first).collect();
            for owner in owners[*first].all.iter().take(most) {
                let mut chosen = [None; 3];
                chosen[*first] = Some(*owner);
                for second in self.likely(&[*owner], &owners[others[0]]) {
                    chosen[others[0]] = Some(second);
                    let Some(third) = others.get(1) else {
                        note(chosen);
                        continue;
                    };
                    for last in self.likely(&[*owner, second], &owners[*third]) {
                        chosen[*third] = Some(last);
                        note(chosen);
                    }
                }
            }
        }
    }

    /// Owners among `all` who are one of these, have a tag in common with one, or have not.
    fn likely(&self, these: &[u32], all: &Owners) -> Vec<u32> {
        let mut likely: Vec<u32> = Vec::new();
        let mut add = |owner: u32| {
            if !likely.contains(&owner) {
                likely.push(owner);
            }
        };
        for owner in these {
            if all.known.contains(owner) {
                add(*owner);
            }
            for tag in self.tags_of(*owner) {
                let others = all.by_tag.get(&tag).into_iter().flatten();
                others
                    .filter(|other| *other != owner)
                    .take(COMPARED)
                    .for_each(|other| add(*other));
            }
        }
        let others = all.all.iter().filter(|other| !these.contains(other));
        others.take(COMPARED).for_each(|other| add(*other));
        all.all.iter().rev().take(1).for_each(|other| add(*other));
        likely
    }

    fn tags_of(&self, owner: u32) -> Vec<(usize, usize, u32)> {
        let people = &self.stages.bench.people;
        let mut tags = Vec::new();
        for side in 0..2 {
            let Some(key) = people.key(side, owner) else {
                continue;
            };
            for (position, bond) in self.bonds[side].iter().enumerate() {
                if let Bond::Tag(known) = bond {
                    tags.extend(known.of(key).iter().map(|tag| (side, position, *tag)));
                }
            }
        }
        tags
    }

    fn indexed<T>(&self, owners: Option<&HashMap<u32, T>>) -> Owners {
        let mut all: Vec<u32> = owners
            .into_iter()
            .flat_map(|owners| owners.keys().copied())
            .collect();
        all.sort_unstable();
        let mut by_tag: HashMap<_, Vec<u32>> = HashMap::new();
        for owner in &all {
            for tag in self.tags_of(*owner) {
                by_tag.entry(tag).or_default().push(*owner);
            }
        }
        Owners {
            known: all.iter().copied().collect(),
            all,
            by_tag,
        }
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
                for instance in &self.readers.instances {
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
            let owned = (0..2).filter_map(|side: usize| Some((side, self.pass(*pass).owners[side]?)));
            let named = self
                .token_finders
                .iter()
                .filter_map(|finder| bench.token_owner(*pass, *finder));
            for (side, key) in owned.chain(named) {
                owners.entry(bench.people.identity(side, key)).or_insert(*pass);
            }
        }
        owners
    }
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
