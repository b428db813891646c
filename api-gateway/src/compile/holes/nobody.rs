//! Groups that nobody is in, and consumers that nobody can be.

use std::collections::{HashMap, HashSet};

use transport::finding::Finding;
use transport::layers::nearest;
use uuid::Uuid;

use super::duty::Duty;
use super::reach::{Holdings, Reach};
use super::{Survey, Tally, Turn};
use crate::document::plugin::acl::AclRule;
use crate::document::plugin::principals::AllowedGroups;
use crate::document::{Located, Place};

/// Comparing names takes time: for so many groups a similar one is looked for, and among so many.
const SUGGESTIONS: usize = 100;
const CANDIDATES: usize = 10_000;

pub(super) fn check(survey: &Survey<'_>, holdings: &Holdings<'_>, tally: &mut Tally) {
    check_groups(survey, tally);
    check_consumers(survey, holdings);
}

/// The groups that somebody is in.
struct Groups<'d> {
    of_acls: HashSet<&'d str>,
    of_consumers: HashSet<&'d str>,
}

impl<'d> Groups<'d> {
    fn of(survey: &Survey<'d>) -> Self {
        let document = survey.compilation.document;
        let inhabited: HashSet<Uuid> = document
            .consumer_group_consumers
            .iter()
            .map(|membership| membership.consumer_group)
            .collect();
        let groups = document.consumer_groups.iter();
        Self {
            of_acls: document.acls.iter().map(|acl| acl.group.as_str()).collect(),
            of_consumers: groups
                .filter(|group| inhabited.contains(&group.id))
                .map(|group| group.name.as_str())
                .collect(),
        }
    }

    fn similar(&self, group: &str) -> Option<&'d str> {
        let all = self.of_acls.iter().chain(&self.of_consumers).copied();
        nearest(group, all.take(CANDIDATES))
    }
}

/// What judges groups as it is written, over all routes that it judges on.
struct Judge<'s> {
    turn: &'s Turn<'s>,
    /// Whether it ever judges groups that are in credentials and in no document: those of a plugin, where it judges each
    /// by itself.
    open: HashSet<Option<&'s str>>,
}

fn check_groups(survey: &Survey<'_>, tally: &mut Tally) {
    let mut judges: HashMap<Place, Judge<'_>> = HashMap::new();
    for site in survey.sites {
        let mut open: HashSet<Option<&str>> = HashSet::new();
        for turn in &site.turns {
            match &turn.duty {
                Duty::Authenticates(own) if own.names_groups => open.extend([None, Some(turn.name())]),
                Duty::Judges(_) | Duty::JudgesAll(_) => {
                    let known = judges.entry(turn.entity.place).or_insert_with(|| Judge {
                        turn,
                        open: HashSet::new(),
                    });
                    known.open.extend(&open);
                }
                Duty::Authenticates(_) | Duty::Other => {}
            }
        }
    }
    let mut judges: Vec<Judge<'_>> = judges.into_values().collect();
    judges.sort_by_key(|judge| judge.turn.entity.place);
    let groups = Groups::of(survey);
    let mut looked_up = 0;
    for Judge { turn, open } in judges {
        for List {
            groups: listed,
            is_allow,
            counts_consumer_groups,
            of,
        } in lists(&turn.duty)
        {
            let is_empty = |group: &&Located<String>| {
                let name = group.value.as_str();
                let is_in_use = groups.of_acls.contains(name)
                    || counts_consumer_groups && groups.of_consumers.contains(name);
                !is_in_use
            };
            for group in listed.iter().filter(|_| !open.contains(&of)).filter(is_empty) {
                looked_up += 1;
                let similar = (looked_up <= SUGGESTIONS)
                    .then(|| groups.similar(&group.value))
                    .flatten();
                tell_empty(survey, turn, (group, is_allow), similar, tally);
            }
        }
    }
}

/// Groups that a plugin lists.
pub(super) struct List<'d> {
    pub(super) groups: &'d [Located<String>],
    pub(super) is_allow: bool,
    pub(super) counts_consumer_groups: bool,
    /// Whose groups they are, where that is one plugin's principal.
    pub(super) of: Option<&'d str>,
}

pub(super) fn lists<'d>(duty: &Duty<'d>) -> Vec<List<'d>> {
    match duty {
        Duty::Judges(config) => {
            let (groups, is_allow) = match &config.rule {
                AclRule::Allow(groups) => (groups, true),
                AclRule::Deny(groups) => (groups, false),
            };
            vec![List {
                groups,
                is_allow,
                counts_consumer_groups: config.include_consumer_groups,
                of: None,
            }]
        }
        Duty::JudgesAll(config) => {
            let list = |allowed: &'d AllowedGroups| List {
                groups: &allowed.groups,
                is_allow: true,
                counts_consumer_groups: config.include_consumer_groups,
                of: Some(&allowed.plugin.value),
            };
            config.allow.iter().map(list).collect()
        }
        Duty::Authenticates(_) | Duty::Other => Vec::new(),
    }
}

/// That nobody is denied just now is as it should be; that nobody ever can be, because of a slip of the pen, is not.
fn tell_empty(
    survey: &Survey<'_>,
    turn: &Turn<'_>,
    (group, is_allow): (&Located<String>, bool),
    similar: Option<&str>,
    tally: &mut Tally,
) {
    const CODE: &str = "empty-group";
    let name = &group.value;
    // One that is there, and does not count for this plugin.
    let of_consumers = similar == Some(name.as_str());
    let (field, message) = match (is_allow, similar) {
        (false, None) => return,
        (true, _) => (
            "allow",
            format!("nobody is in the group '{name}': it lets nobody pass"),
        ),
        (false, Some(similar)) if !is_slip_of_the_pen(name, similar) => return,
        (false, Some(_)) => (
            "deny",
            format!("nobody is in the group '{name}': it refuses nobody, and whoever is meant passes"),
        ),
    };
    let fix = match similar {
        Some(_) if of_consumers => {
            "it is a consumer group: set include_consumer_groups, or put its members' group into acls"
                .to_owned()
        }
        Some(similar) => format!("did you mean '{similar}'?"),
        None => "put a consumer into it, or take it off the list".to_owned(),
    };
    tally.tell(CODE, group.place, "of the same", || {
        Finding::warning(
            CODE,
            survey.compilation.at(group.place),
            turn.path(field),
            message,
        )
        .with_fix(fix)
    });
}

/// Words of a name that are so short differ because they mean something else: `team-a` and `team-b`, `v1` and `v2`.
const SHORTEST_MISTYPED: usize = 4;

/// Whether one name may be the other with letters missing, swapped or wrong, and is no name of its own: a number, or a
/// short word, in one of them that is not in the other is meant.
fn is_slip_of_the_pen(name: &str, similar: &str) -> bool {
    let words = |name: &'_ str| -> Vec<String> {
        name.split(|letter: char| !letter.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .collect()
    };
    let (own, other) = (words(name), words(similar));
    if own.len() != other.len() {
        return own.concat() == other.concat();
    }
    own.iter().zip(&other).all(|(own, other)| {
        let digits = |word: &'_ str| -> String { word.chars().filter(char::is_ascii_digit).collect() };
        own == other || own.chars().count() >= SHORTEST_MISTYPED && digits(own) == digits(other)
    })
}

/// How consumers can be found by the plugins that are in effect anywhere.
fn reach_of_all(survey: &Survey<'_>) -> Reach {
    let mut reach = Reach::default();
    let mut places: HashSet<Place> = HashSet::new();
    let turns = survey.sites.iter().flat_map(|site| &site.turns);
    for turn in turns.filter(|turn| places.insert(turn.entity.place)) {
        if let Some(own) = turn.duty.authentication() {
            reach.add(own);
        }
    }
    reach
}

fn check_consumers(survey: &Survey<'_>, holdings: &Holdings<'_>) {
    const CODE: &str = "unreachable-consumer";
    let reach = reach_of_all(survey);
    let mut lost = survey
        .compilation
        .document
        .consumers
        .iter()
        .filter(|consumer| !holdings.are_within(&reach, consumer));
    let Some(first) = lost.next() else { return };
    let others = lost.count();
    let name = first
        .username
        .as_deref()
        .or(first.custom_id.as_deref())
        .unwrap_or_default();
    let more = if others > 0 {
        format!(" (and {others} more consumers)")
    } else {
        String::new()
    };
    let (why, fix) = if reach.is_any() {
        (
            "no plugin looks for his names, and no credential that a plugin looks for is his",
            "give him a credential, or have consumer_by look for the name that he has",
        )
    } else {
        (
            "no plugin on any route looks for consumers",
            "give a route a plugin that authenticates",
        )
    };
    let message = format!("nobody can be the consumer '{name}'{more}: {why}");
    let origin = survey.compilation.at(first.place);
    survey
        .compilation
        .report(Finding::warning(CODE, origin, format!("consumers.{name}"), message).with_fix(fix));
}
