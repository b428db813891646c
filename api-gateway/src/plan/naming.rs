//! Who stands behind a class: found once, and from then on a number. Of a hundred thousand consumers, names are compared
//! once and not for each route.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::bench::Bench;
use super::change::Who;
use super::instances::Reading;
use super::side::name_of;
use super::trial::As;
use crate::consumer::ConsumerKey;

/// Everybody who was found.
pub(super) struct Naming<'b, 's> {
    bench: &'b Bench<'s>,
    people: HashMap<PeopleKey, u32>,
    /// The same for those of them who belong to others: by the place of these in memory, which their trials keep.
    related: HashMap<(u32, usize), u32>,
    numbers: HashMap<Rc<Who>, u32>,
    all: Vec<Rc<Who>>,
}

type PeopleKey = (usize, Found, Vec<usize>);

/// How somebody was found.
#[derive(PartialEq, Eq, Hash)]
enum Found {
    Certificate(Option<Reading>),
    /// By the way from a provider's token; or by a key, a password or a token that the document has.
    Token(Option<usize>),
}

impl<'b, 's> Naming<'b, 's> {
    pub(super) fn new(bench: &'b Bench<'s>) -> Self {
        Self {
            bench,
            people: HashMap::new(),
            related: HashMap::new(),
            numbers: HashMap::new(),
            all: Vec::new(),
        }
    }

    /// Whoever has this number.
    pub(super) fn called(&self, number: u32) -> Option<Who> {
        self.all.get(number as usize).map(|who| Who::clone(who))
    }

    /// Whose keys, passwords or tokens these are: those of the class, by position, of the one that is his who was found.
    pub(super) fn owners(
        &mut self,
        side: usize,
        (finder, found): (Option<usize>, ConsumerKey),
        shown: &[(usize, &[usize])],
    ) -> u32 {
        let bench = self.bench;
        let owner = |pass: usize| match finder {
            Some(finder) => bench.token_owner(pass, finder).map(|(_, key)| key),
            None => bench.passes[pass].owners[side],
        };
        let his = shown.iter().find(|(pass, _)| owner(*pass) == Some(found));
        let Some((_, classes)) = his else {
            return self.number(self.consumers(side, std::iter::once(found)));
        };
        let key = (side, Found::Token(finder), classes.to_vec());
        if let Some(known) = self.people.get(&key) {
            return *known;
        }
        let passes = classes
            .iter()
            .flat_map(|class| &bench.people.pass_classes[*class]);
        let who = self.number(self.consumers(side, passes.filter_map(|pass| owner(*pass))));
        self.people.insert(key, who);
        who
    }

    /// Those of them who are among these.
    pub(super) fn only(&mut self, side: usize, who: u32, these: &HashSet<u32>) -> u32 {
        let place = (who, std::ptr::from_ref(these).addr());
        if let Some(known) = self.related.get(&place) {
            return *known;
        }
        let Some(Who::Consumers(names, _)) = self.all.get(who as usize).map(AsRef::as_ref) else {
            return who;
        };
        let names: HashSet<&str> = names.iter().map(String::as_str).collect();
        let keys = these
            .iter()
            .filter_map(|owner| self.bench.people.key(side, *owner));
        let named = |key: &ConsumerKey| names.contains(&*self.bench.sides[side].consumer_name(*key));
        let only = self.number(self.consumers(side, keys.filter(named)));
        self.related.insert(place, only);
        only
    }

    /// The number of whoever this is.
    pub(super) fn number(&mut self, who: Who) -> u32 {
        let who = Rc::new(who);
        let next = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        let number = *self.numbers.entry(Rc::clone(&who)).or_insert(next);
        if number == next {
            self.all.push(who);
        }
        number
    }

    /// Whoever holds certificates of these holders and classes of names.
    pub(super) fn who(&mut self, side: usize, reached: As, members: &[(usize, usize)]) -> u32 {
        let (instance, is_consumer) = match reached {
            As::Nobody | As::Bearer => return self.number(Who::Anybody),
            As::Anonymous(key) => {
                return self.number(Who::Anonymous(self.bench.sides[side].consumer_name(key)));
            }
            As::Certificate { instance, .. } => (instance, false),
            As::Consumer { key, finder, .. } => match finder {
                Some(instance) => (instance, true),
                None => return self.number(self.consumers(side, std::iter::once(key))),
            },
        };
        let readings = &self.bench.instances.all[instance].readings;
        let reading = members
            .first()
            .and_then(|(holder, _)| readings.get(*holder).copied());
        let found = Found::Certificate(reading);
        let key = (side, found, members.iter().map(|(_, names)| *names).collect());
        if let Some(known) = self.people.get(&key) {
            return *known;
        }
        let names = members
            .iter()
            .flat_map(|(_, names)| &self.bench.people.classes[*names]);
        let who = if is_consumer {
            let keys = names.filter_map(|name| self.bench.consumer(reading?, *name));
            self.consumers(side, keys)
        } else {
            let groups = names.filter_map(|name| match reading? {
                Reading::Group(by) => Reading::group(by, &self.bench.people.names[*name as usize]),
                Reading::Refused | Reading::Consumer { .. } => None,
            });
            Who::Holders(sorted(groups.map(Into::into).collect()))
        };
        let who = self.number(who);
        self.people.insert(key, who);
        who
    }

    fn consumers(&self, side: usize, keys: impl Iterator<Item = ConsumerKey>) -> Who {
        let all = &self.bench.sides[side].snapshot.consumers;
        let mut names = Vec::new();
        let mut shared: Option<Vec<&str>> = None;
        for consumer in keys.filter_map(|key| all.get(key)) {
            names.push(name_of(consumer));
            let own = || consumer.groups.iter().map(AsRef::as_ref);
            match &mut shared {
                None => shared = Some(own().collect()),
                Some(shared) => shared.retain(|group| own().any(|own| own == *group)),
            }
        }
        let groups = shared.unwrap_or_default().into_iter().map(str::to_owned);
        Who::Consumers(sorted(names), sorted(groups.collect()))
    }
}

/// Each once, in order.
pub(super) fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort_unstable();
    texts.dedup();
    texts
}
