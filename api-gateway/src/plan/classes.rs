//! Certificates that the chains of two routes cannot tell apart.

use std::collections::HashMap;
use std::rc::Rc;

use super::bench::Bench;
use super::chain_facts::{ChainFacts, SeenConsumer};
use super::instances::{Led, Reading};
use super::passes::PassKind;
use crate::consumer::ConsumerKey;

/// Certificates of which the chains of two routes make the same, and one that stands for them.
#[derive(Debug)]
pub(super) struct CertificateClass {
    /// Holders, by position, and a class of names.
    pub(super) members: Vec<(Rc<[usize]>, usize)>,
    /// The one that stands for all: a name and a holder, by position.
    pub(super) example: (u32, usize),
}

/// Keys, passwords or tokens of which the chains of two routes make the same.
#[derive(Debug)]
pub(super) struct PassClass {
    /// Classes of them, by position.
    pub(super) members: Vec<usize>,
    /// The one that stands for all, by position.
    pub(super) example: usize,
}

/// What a plugin makes of a certificate, as far as its chain sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Made<'s> {
    Nothing,
    /// A consumer, and the number of whom it is among those that the same certificate names.
    Consumer(Option<SeenConsumer<'s>>, usize),
    Group(Option<Box<str>>),
    /// Nobody can say who is meant.
    Several,
}

impl<'s> Bench<'s> {
    /// All certificates, in classes, as these plugins of two chains see them.
    pub(super) fn classes(
        &self,
        instances: &[usize],
        chains: &[Option<&ChainFacts<'s>>; 2],
    ) -> Vec<CertificateClass> {
        let mut by_readings: HashMap<(Vec<Reading>, [bool; 2]), Vec<usize>> = HashMap::new();
        for holder in 0..self.holders.all.len() {
            let readings = instances
                .iter()
                .map(|instance| self.instances.all[*instance].readings[holder]);
            let may_be_edge = self.edge_holders.map_or_holder(holder);
            by_readings
                .entry((readings.collect(), may_be_edge))
                .or_default()
                .push(holder);
        }
        let mut by_readings: Vec<_> = by_readings.into_iter().collect();
        by_readings.sort_by_key(|(_, holders)| holders.first().copied());
        let mut classes: Vec<CertificateClass> = Vec::new();
        let mut known: HashMap<(Vec<Made<'s>>, [bool; 2]), Option<usize>> = HashMap::new();
        for ((readings, may_be_edge), holders) in by_readings {
            let holders: Rc<[usize]> = holders.into();
            for (position, names) in self.people.classes.iter().enumerate() {
                let Some(name) = names.first().copied() else {
                    continue;
                };
                let made = self.made(&readings, name, (instances, chains));
                let is_edge = [0, 1].map(|side: usize| may_be_edge[side] && self.is_edge_name(side, name));
                let member = (Rc::clone(&holders), position);
                if let Some(class) = known.get(&(made.clone(), is_edge)).copied().flatten() {
                    classes[class].members.push(member);
                    continue;
                }
                let example = names.iter().copied().find(|name| self.leaf(*name).is_some());
                let class = example.map(|name| {
                    classes.push(CertificateClass {
                        members: vec![member],
                        example: (name, holders[0]),
                    });
                    classes.len() - 1
                });
                known.insert((made, is_edge), class);
            }
        }
        classes
    }

    /// All keys, passwords or tokens, in classes, as two chains see their owners.
    pub(super) fn pass_classes(
        &self,
        kinds: &[PassKind],
        chains: &[Option<&ChainFacts<'s>>; 2],
    ) -> Vec<PassClass> {
        let mut classes: Vec<PassClass> = Vec::new();
        let mut known: HashMap<_, usize> = HashMap::new();
        for (position, members) in self.people.pass_classes.iter().enumerate() {
            let Some(example) = members.first().copied() else {
                continue;
            };
            let pass = &self.passes[example];
            if !kinds.contains(&pass.kind) {
                continue;
            }
            let made = self.made_of(
                (0..2).flat_map(|side: usize| {
                    let finders = chains[side].map_or(&[][..], |chain| &chain.token_finders);
                    let named = finders.iter().map(|finder| pass.led.get(*finder).copied());
                    let owned = pass.owners[side].map_or(Led::Nowhere, Led::To);
                    let led = named.flatten().chain([owned]);
                    led.map(move |led| (side, led)).collect::<Vec<_>>()
                }),
                chains,
            );
            let key = (pass.kind, pass.is_asymmetric, made);
            let class = *known.entry(key).or_insert_with(|| {
                let members = Vec::new();
                classes.push(PassClass { members, example });
                classes.len() - 1
            });
            classes[class].members.push(position);
        }
        classes
    }

    fn made(
        &self,
        readings: &[Reading],
        name: u32,
        (instances, chains): (&[usize], &[Option<&ChainFacts<'s>>; 2]),
    ) -> Vec<Made<'s>> {
        let led = readings.iter().zip(instances).map(|(reading, instance)| {
            let led = self.consumer(*reading, name).map_or(Led::Nowhere, Led::To);
            (self.instances.all[*instance].side, led)
        });
        let mut made = self.made_of(led, chains);
        for ((made, reading), instance) in made.iter_mut().zip(readings).zip(instances) {
            if let (Made::Nothing, Reading::Group(by)) = (&*made, reading) {
                let side = self.instances.all[*instance].side;
                let group = Reading::group(*by, &self.people.names[name as usize]);
                let mentions = |group: &str| chains[side].is_some_and(|chain| chain.mentions(group));
                *made = Made::Group(group.filter(|group| mentions(group)));
            }
        }
        made
    }

    /// What chains see of those to whom something leads, by the side whose consumers they are.
    fn made_of(
        &self,
        led: impl Iterator<Item = (usize, Led)>,
        chains: &[Option<&ChainFacts<'s>>; 2],
    ) -> Vec<Made<'s>> {
        let mut places: Vec<u32> = Vec::new();
        led.map(|(side, led)| match led {
            Led::Nowhere => Made::Nothing,
            Led::Astray => Made::Several,
            Led::To(key) => {
                let identity = self.people.identity(side, key);
                let place = places.iter().position(|known| *known == identity);
                let place = place.unwrap_or_else(|| {
                    places.push(identity);
                    places.len() - 1
                });
                let seen = chains[side].and_then(|chain| chain.see(&self.sides[side], key));
                Made::Consumer(seen, place)
            }
        })
        .collect()
    }

    /// The consumer to whom a way leads from a provider's token, and of which side it is.
    pub(super) fn token_owner(&self, pass: usize, finder: usize) -> Option<(usize, ConsumerKey)> {
        match self.passes[pass].led.get(finder)? {
            Led::To(key) => Some((self.token_finders.side(finder)?, *key)),
            Led::Nowhere | Led::Astray => None,
        }
    }

    /// The consumer that a reading makes of a name.
    pub(super) fn consumer(&self, reading: Reading, name: u32) -> Option<ConsumerKey> {
        match reading {
            Reading::Consumer { finder, default } => match self.people.led(name, finder) {
                Led::To(key) => Some(key),
                Led::Nowhere => default,
                Led::Astray => None,
            },
            Reading::Refused | Reading::Group(_) => None,
        }
    }
}
