//! How the owners of several credentials belong together, where `principals` asks for it: one example of each way in which
//! they can, and everybody who has others to whom he belongs in that way.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
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
/// Owners after whom no other way to belong together is expected, if none was new; and the same of tags.
const PATIENCE: [usize; 2] = [100, 2_000];

/// By the kind of the credential: the owners who belong to those of the others.
pub(super) type Related = [HashSet<u32>; 3];

/// Which of each class stands for it.
pub(super) struct Examples {
    pub(super) socket: Option<(u32, usize)>,
    pub(super) header: Option<(u32, usize)>,
    pub(super) pass: Option<usize>,
    pub(super) relation: Relation,
    pub(super) ties: Option<Ties>,
}

/// How the owners of several credentials belong together: pair by pair.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Ties {
    is_same: Vec<bool>,
    /// By side: which of them have a tag in common.
    common: [Vec<bool>; 2],
}

/// The owners of one kind's credentials, and one of each.
pub(super) struct Owners<T> {
    shown: HashMap<u32, T>,
    /// In order.
    all: Vec<u32>,
    /// By side, by the position of the bond, by the number of the tag.
    by_tag: BTreeMap<(usize, usize, u32), Vec<u32>>,
}

/// What is known of owners, by the place of their class in memory.
#[derive(Default)]
pub(super) struct KnownOwners {
    certificates: RefCell<HashMap<usize, Rc<CertificateOwners>>>,
    passes: RefCell<HashMap<usize, Rc<Owners<usize>>>>,
}

/// Of each a name and a holder.
struct CertificateOwners(Owners<(u32, usize)>);

/// Owners, whatever they own.
trait Owning {
    fn all(&self) -> &[u32];
    fn has(&self, owner: u32) -> bool;
    fn with_tag(&self, tag: (usize, usize, u32)) -> &[u32];
    /// Two with each tag.
    fn some_with_tags(&self) -> Vec<u32>;
}

impl<T> Owning for Owners<T> {
    fn all(&self) -> &[u32] {
        &self.all
    }

    fn has(&self, owner: u32) -> bool {
        self.shown.contains_key(&owner)
    }

    fn with_tag(&self, tag: (usize, usize, u32)) -> &[u32] {
        self.by_tag.get(&tag).map_or(&[], |owners| owners)
    }

    fn some_with_tags(&self) -> Vec<u32> {
        let some = self.by_tag.values().flat_map(|owners| owners.iter().take(2));
        some.copied().collect()
    }
}

impl Attempt<'_, '_, '_> {
    /// One of each class; where it matters how they belong together, one for each way in which they can.
    pub(super) fn examples(&self, (socket, header, pass): Classes<'_>) -> Vec<Examples> {
        let examples = |relation| Examples {
            socket: socket.as_ref().map(|class| class.example),
            header: header.as_ref().map(|class| class.example),
            pass: pass.as_ref().map(|class| class.example),
            relation,
            ties: None,
        };
        let several = [socket.is_some(), header.is_some(), pass.is_some()];
        let is_asked = self.bonds.iter().any(|bonds| !bonds.is_empty());
        if !is_asked || several.into_iter().filter(|has| *has).count() < 2 {
            return vec![examples(Relation::Any)];
        }
        let of_class = |class: &Option<Rc<CertificateClass>>| class.as_ref().map(|class| self.owners(class));
        let (sockets, headers) = (of_class(socket), of_class(header));
        let passes = pass.as_ref().map(|class| self.pass_owners(class));
        let owners = [
            sockets.as_ref().map(|owners| &owners.0 as &dyn Owning),
            headers.as_ref().map(|owners| &owners.0 as &dyn Owning),
            passes.as_deref().map(|owners| owners as &dyn Owning),
        ];
        let mut known: HashSet<Ties> = HashSet::new();
        let mut found: Vec<Examples> = Vec::new();
        self.for_some_choices(&owners, |chosen| {
            let ties = self.ties(chosen);
            let is_new = known.insert(ties.clone());
            if is_new {
                let any = examples(ties.relation());
                let shown = |owners: &Option<Rc<CertificateOwners>>, kind: usize| {
                    owners.as_ref()?.0.shown.get(&chosen[kind]?).copied()
                };
                let pass = passes.as_ref().zip(chosen[2]);
                let pass = pass.and_then(|(passes, owner)| passes.shown.get(&owner).copied());
                found.push(Examples {
                    socket: shown(&sockets, 0).or(any.socket),
                    header: shown(&headers, 1).or(any.header),
                    pass: pass.or(any.pass),
                    relation: any.relation,
                    ties: Some(ties),
                });
            }
            is_new
        });
        found.sort_by_key(|example| (example.relation, example.socket, example.header, example.pass));
        found
    }

    /// Everybody who belongs to others in this way.
    pub(super) fn related(&self, (socket, header, pass): Classes<'_>, ties: &Ties) -> Related {
        let of_class = |class: &Option<Rc<CertificateClass>>| class.as_ref().map(|class| self.owners(class));
        let (sockets, headers) = (of_class(socket), of_class(header));
        let passes = pass.as_ref().map(|class| self.pass_owners(class));
        let owners = [
            sockets.as_ref().map(|owners| &owners.0 as &dyn Owning),
            headers.as_ref().map(|owners| &owners.0 as &dyn Owning),
            passes.as_deref().map(|owners| owners as &dyn Owning),
        ];
        let mut related = Related::default();
        let kinds = kinds(&owners);
        for first in &kinds {
            let Some(own) = owners[*first] else { continue };
            let most = looked_through(&kinds);
            for owner in own.all().iter().take(most) {
                self.beside(&owners, (*first, *owner), &mut |chosen| {
                    if self.ties(chosen) == *ties {
                        for (related, owner) in related.iter_mut().zip(chosen) {
                            related.extend(owner);
                        }
                    }
                    false
                });
            }
        }
        related
    }

    /// Calls `note` with owners of whom each could have one of the credentials, until none is new: those of one consumer
    /// and of several, and of each tag some.
    fn for_some_choices(
        &self,
        owners: &[Option<&dyn Owning>; 3],
        mut note: impl FnMut([Option<u32>; 3]) -> bool,
    ) {
        let kinds = kinds(owners);
        if kinds.len() < 2 {
            note(owners.map(|owners| owners.and_then(|owners| owners.all().first().copied())));
            return;
        }
        for first in &kinds {
            let Some(own) = owners[*first] else { continue };
            let some = own.all().iter().copied().take(looked_through(&kinds));
            let tagged = own.some_with_tags().into_iter();
            self.until_none_is_new(owners, (*first, some), PATIENCE[0], &mut note);
            self.until_none_is_new(owners, (*first, tagged), PATIENCE[1], &mut note);
        }
    }

    fn until_none_is_new(
        &self,
        owners: &[Option<&dyn Owning>; 3],
        (kind, these): (usize, impl Iterator<Item = u32>),
        patience: usize,
        note: &mut impl FnMut([Option<u32>; 3]) -> bool,
    ) {
        let mut since = 0;
        for owner in these {
            since = if self.beside(owners, (kind, owner), note) {
                0
            } else {
                since + 1
            };
            if since > patience {
                return;
            }
        }
    }

    /// Calls `note` with an owner and those who are likely to belong to him, or not to. Whether anything was new.
    fn beside(
        &self,
        owners: &[Option<&dyn Owning>; 3],
        (kind, owner): (usize, u32),
        note: &mut impl FnMut([Option<u32>; 3]) -> bool,
    ) -> bool {
        let mut others = (0..3).filter_map(|other| {
            let owners = owners[other].filter(|owners| other != kind && !owners.all().is_empty())?;
            Some((other, owners))
        });
        let mut chosen = [None; 3];
        chosen[kind] = Some(owner);
        let mut is_new = false;
        let Some((second, of_second)) = others.next() else {
            return note(chosen);
        };
        let third = others.next();
        for one in self.likely(&[owner], of_second) {
            chosen[second] = Some(one);
            match third {
                None => is_new |= note(chosen),
                Some((third, of_third)) => {
                    for other in self.likely(&[owner, one], of_third) {
                        chosen[third] = Some(other);
                        is_new |= note(chosen);
                    }
                }
            }
        }
        is_new
    }

    /// Owners among `all` who are one of these, have a tag in common with one, or have not.
    fn likely(&self, these: &[u32], all: &dyn Owning) -> Vec<u32> {
        let mut likely: Vec<u32> = Vec::new();
        let mut add = |owner: u32| {
            if !likely.contains(&owner) {
                likely.push(owner);
            }
        };
        for owner in these {
            if all.has(*owner) {
                add(*owner);
            }
            for tag in self.tags_of(*owner) {
                let others = all.with_tag(tag).iter().filter(|other| *other != owner);
                others.take(COMPARED).for_each(|other| add(*other));
            }
        }
        let others = all.all().iter().filter(|other| !these.contains(other));
        others.take(COMPARED).for_each(|other| add(*other));
        all.all().last().copied().into_iter().for_each(add);
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

    fn indexed<T>(&self, shown: HashMap<u32, T>) -> Owners<T> {
        let mut all: Vec<u32> = shown.keys().copied().collect();
        all.sort_unstable();
        let mut by_tag: BTreeMap<_, Vec<u32>> = BTreeMap::new();
        for owner in &all {
            for tag in self.tags_of(*owner) {
                by_tag.entry(tag).or_default().push(*owner);
            }
        }
        Owners { shown, all, by_tag }
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
    fn owners(&self, class: &Rc<CertificateClass>) -> Rc<CertificateOwners> {
        let place = Rc::as_ptr(class).addr();
        if let Some(known) = self.known_owners.certificates.borrow().get(&place) {
            return Rc::clone(known);
        }
        let bench = self.stages.bench;
        let mut shown = HashMap::new();
        for (holders, names) in &class.members {
            for name in bench.people.classes[*names].iter().take(LOOKED_THROUGH) {
                for instance in &self.readers.instances {
                    let instance = &bench.instances.all[*instance];
                    if let Some(key) = bench.consumer(instance.readings[holders[0]], *name) {
                        let owner = bench.people.identity(instance.side, key);
                        shown.entry(owner).or_insert((*name, holders[0]));
                    }
                }
            }
        }
        let owners = Rc::new(CertificateOwners(self.indexed(shown)));
        let mut known = self.known_owners.certificates.borrow_mut();
        known.insert(place, Rc::clone(&owners));
        owners
    }

    fn pass_owners(&self, class: &Rc<PassClass>) -> Rc<Owners<usize>> {
        let place = Rc::as_ptr(class).addr();
        if let Some(known) = self.known_owners.passes.borrow().get(&place) {
            return Rc::clone(known);
        }
        let bench = self.stages.bench;
        let mut shown = HashMap::new();
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
                shown.entry(bench.people.identity(side, key)).or_insert(*pass);
            }
        }
        let owners = Rc::new(self.indexed(shown));
        self.known_owners
            .passes
            .borrow_mut()
            .insert(place, Rc::clone(&owners));
        owners
    }
}

/// The kinds of which there are owners.
fn kinds(owners: &[Option<&dyn Owning>; 3]) -> Vec<usize> {
    let has = |kind: &usize| owners[*kind].is_some_and(|owners| !owners.all().is_empty());
    (0..3).filter(has).collect()
}

fn looked_through(kinds: &[usize]) -> usize {
    if kinds.len() == 2 {
        LOOKED_THROUGH
    } else {
        LOOKED_THROUGH_FOR_THREE
    }
}

impl Ties {
    fn relation(&self) -> Relation {
        if !self.is_same.is_empty() && self.is_same.iter().all(|same| *same) {
            Relation::Same
        } else if self.common.iter().flatten().any(|common| *common) {
            Relation::Akin
        } else {
            Relation::Apart
        }
    }
}
