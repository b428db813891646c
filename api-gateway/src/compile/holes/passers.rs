//! Allow lists that nobody passes although their groups have members: no plugin before them can find one of those.

use std::collections::HashMap;

use transport::finding::Finding;
use uuid::Uuid;

use super::duty::{Authentication, Duty, Search};
use super::nobody::{List, lists};
use super::reach::{Holdings, Reach};
use super::{ROUTES, Site, Survey, Tally, Turn};
use crate::document::{Consumer, Document, Located};

pub(super) fn check(survey: &Survey<'_>, holdings: &Holdings<'_>, tally: &mut Tally) {
    let mut passers = Passers {
        survey,
        holdings,
        members: Members::of(survey.compilation.document),
        reaches: HashMap::new(),
        known: HashMap::new(),
    };
    for site in survey.sites {
        passers.check(site, tally);
    }
}

/// Members of groups, by the group's name.
struct Members<'d> {
    of_acls: HashMap<&'d str, Vec<&'d Consumer>>,
    of_consumer_groups: HashMap<&'d str, Vec<&'d Consumer>>,
}

impl<'d> Members<'d> {
    fn of(document: &'d Document) -> Self {
        let consumers: HashMap<Uuid, &Consumer> = document
            .consumers
            .iter()
            .map(|consumer| (consumer.id, consumer))
            .collect();
        let names: HashMap<Uuid, &str> = document
            .consumer_groups
            .iter()
            .map(|group| (group.id, group.name.as_str()))
            .collect();
        let mut members = Self {
            of_acls: HashMap::new(),
            of_consumer_groups: HashMap::new(),
        };
        for acl in &document.acls {
            let consumer = consumers.get(&acl.consumer);
            members.of_acls.entry(&acl.group).or_default().extend(consumer);
        }
        for membership in &document.consumer_group_consumers {
            if let Some(name) = names.get(&membership.consumer_group) {
                let consumer = consumers.get(&membership.consumer);
                let all = members.of_consumer_groups.entry(name).or_default();
                all.extend(consumer);
            }
        }
        members
    }

    fn of_group(&self, group: &str, counts_consumer_groups: bool) -> impl Iterator<Item = &'d Consumer> {
        let more = self
            .of_consumer_groups
            .get(group)
            .filter(|_| counts_consumer_groups);
        let own = self.of_acls.get(group).into_iter().chain(more);
        own.flatten().copied()
    }
}

/// Who may be the caller at a turn.
#[derive(Default)]
struct Callers<'s> {
    reach: Reach,
    found_by: Vec<&'s Turn<'s>>,
    /// Whether credentials may name groups that no document lists.
    have_groups_of_their_own: bool,
    are_authenticated: bool,
}

impl<'s> Callers<'s> {
    fn meet(&mut self, turn: &'s Turn<'s>, own: &Authentication<'_>) {
        self.are_authenticated = true;
        self.have_groups_of_their_own |= own.names_groups;
        if !own.finds_consumers() {
            return;
        }
        if own.is_required() && own.search == Search::Needed {
            // Whom it finds takes the place of whoever was found before.
            self.reach = Reach::default();
            self.found_by.clear();
        }
        self.reach.add(own);
        self.found_by.push(turn);
    }
}

struct Passers<'s> {
    survey: &'s Survey<'s>,
    holdings: &'s Holdings<'s>,
    members: Members<'s>,
    reaches: HashMap<Reach, usize>,
    /// Of a group that has members, whether any of them is within a reach.
    known: HashMap<(usize, &'s str, bool), Option<bool>>,
}

impl<'s> Passers<'s> {
    fn check(&mut self, site: &'s Site<'s>, tally: &mut Tally) {
        let mut callers = Callers::default();
        for turn in &site.turns {
            match &turn.duty {
                Duty::Authenticates(own) => callers.meet(turn, own),
                Duty::Judges(_) if callers.are_authenticated && !callers.have_groups_of_their_own => {
                    for list in lists(&turn.duty) {
                        if let Some(group) = self.unmet(&callers.reach, &list) {
                            let told = (&list, group);
                            tell(self.survey, (site, turn), told, &callers.found_by, tally);
                        }
                    }
                }
                Duty::JudgesAll(_) => {
                    for list in lists(&turn.duty) {
                        let by = list.of.and_then(|name| site.turn(name));
                        let own = by.and_then(|by| by.duty.authentication());
                        let (Some(by), Some(own)) = (by, own.filter(|own| !own.names_groups)) else {
                            continue;
                        };
                        let mut reach = Reach::default();
                        reach.add_credentials(own);
                        if let Some(group) = self.unmet(&reach, &list) {
                            tell(self.survey, (site, turn), (&list, group), &[by], tally);
                        }
                    }
                }
                Duty::Judges(_) | Duty::Other => {}
            }
        }
    }

    /// The first group of an allow list that has members, if none of the members of all its groups can be found. That a
    /// group has no members is told elsewhere.
    fn unmet(&mut self, reach: &Reach, list: &List<'s>) -> Option<&'s Located<String>> {
        let number = match self.reaches.get(reach) {
            Some(number) => *number,
            None => {
                let number = self.reaches.len();
                self.reaches.insert(reach.clone(), number);
                number
            }
        };
        let mut first = None;
        for group in list.groups.iter().filter(|_| list.is_allow) {
            match self.is_within((number, reach), &group.value, list.counts_consumer_groups) {
                Some(true) => return None,
                Some(false) => first = first.or(Some(group)),
                None => {}
            }
        }
        first
    }

    fn is_within(
        &mut self,
        (number, reach): (usize, &Reach),
        group: &'s str,
        counts_consumer_groups: bool,
    ) -> Option<bool> {
        let Self {
            holdings,
            members,
            known,
            ..
        } = self;
        let key = (number, group, counts_consumer_groups);
        *known.entry(key).or_insert_with(|| {
            let mut all = members.of_group(group, counts_consumer_groups).peekable();
            all.peek()?;
            Some(all.any(|member| holdings.are_within(reach, member)))
        })
    }
}

fn tell(
    survey: &Survey<'_>,
    (site, turn): (&Site<'_>, &Turn<'_>),
    (list, group): (&List<'_>, &Located<String>),
    found_by: &[&Turn<'_>],
    tally: &mut Tally,
) {
    const CODE: &str = "nobody-passes";
    tally.tell(CODE, group.place, ROUTES, || {
        let who: Vec<String> = found_by
            .iter()
            .map(|by| format!("'{}' ({})", by.name(), survey.at(by.entity.place)))
            .collect();
        let groups = match list.groups.len() {
            1 => format!("'{}'", group.value),
            _ => "any group in this list".to_owned(),
        };
        let why = if who.is_empty() {
            "no plugin before it looks for consumers, or names groups".to_owned()
        } else {
            format!("{} can find no member of {}", who.join(" and "), groups)
        };
        let message = format!(
            "on the route '{}' nobody passes '{}': {why}",
            site.name(),
            turn.name()
        );
        let origin = survey.compilation.at(group.place);
        Finding::warning(CODE, origin, turn.path("allow"), message).with_fix(
            "give a member the credential, or the name, that is looked for; or allow a group whose members have it",
        )
    });
}
