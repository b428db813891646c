//! Holes in the chain of one route: who is judged, by when, and who stands for whom.

use std::collections::HashSet;

use transport::finding::Finding;

use super::duty::{Authentication, Duty, Evidence};
use super::{ROUTES, Site, Survey, Tally, Turn};
use crate::document::plugin::acl::AclRule;
use crate::document::plugin::named_consumer::NamedConsumer;
use crate::document::plugin::principals::AllowedGroups;
use crate::document::{Located, RouteProtocol};
use crate::plugin::Plugin;

pub(super) fn check(survey: &Survey<'_>, tally: &mut Tally) {
    let mut listeners = survey.compilation.settings().proxy_listen.iter();
    let speaks_http = listeners.any(|listen| !listen.protocol.is_tls());
    for site in survey.sites {
        check_order(survey, site, tally);
        check_judgement(survey, site, tally);
        check_fallbacks(survey, site, tally);
        if speaks_http {
            check_protocols(survey, site, tally);
        }
    }
}

/// An `acl` before any authentication: it refuses everybody.
fn check_order(survey: &Survey<'_>, site: &Site<'_>, tally: &mut Tally) {
    const CODE: &str = "acl-before-authentication";
    for turn in &site.turns {
        match &turn.duty {
            Duty::Authenticates(_) => return,
            Duty::JudgesAll(_) | Duty::Other => {}
            Duty::Judges(_) => {
                let later = site
                    .turns
                    .iter()
                    .find(|turn| turn.duty.authentication().is_some());
                tally.tell(CODE, turn.entity.place, ROUTES, || {
                    let (why, fix) = match later {
                        Some(later) => (
                            format!("'{}' finds out who calls only after it", later.name()),
                            "let it run after the authentication: by its priority, or by `ordering`",
                        ),
                        None => (
                            "no plugin there finds out who calls".to_owned(),
                            "give the route a plugin that authenticates, or take the acl off it",
                        ),
                    };
                    let message = format!(
                        "on the route '{}' '{}' judges before anybody is known, and refuses everybody with 401: {why}",
                        site.name(),
                        turn.name()
                    );
                    let origin = survey.compilation.at(turn.entity.place);
                    Finding::warning(CODE, origin, turn.path("allow"), message).with_fix(fix)
                });
            }
        }
    }
}

/// Somebody whom no `acl` judges, and the one that looks as if it did.
struct Overlooked<'s> {
    who: &'s Turn<'s>,
    /// Whose consumer takes the place of his; `None`: he is found after the last `acl`.
    replaced_by: Option<&'s Turn<'s>>,
    judge: Option<&'s Turn<'s>>,
}

/// Two authentications, and an `acl` that judges only one of those whom they find.
fn check_judgement(survey: &Survey<'_>, site: &Site<'_>, tally: &mut Tally) {
    const CODE: &str = "principal-not-judged";
    let settled = settled(site);
    let mut overlooked = overlooked(site);
    overlooked.retain(|one| !settled.contains(one.who.name()));
    let Some(judge) = overlooked.iter().find_map(|one| one.judge) else {
        return;
    };
    tally.tell(CODE, judge.entity.place, ROUTES, || {
        let told: Vec<String> = overlooked.iter().map(|one| one.told(survey)).collect();
        let message = format!("on the route '{}' {}", site.name(), told.join("; and "));
        let fixes: Vec<String> = overlooked.iter().map(Overlooked::fix).collect();
        let origin = survey.compilation.at(judge.entity.place);
        Finding::warning(CODE, origin, judge.path("allow"), message).with_fix(fixes.join("; "))
    });
}

fn overlooked<'s>(site: &'s Site<'s>) -> Vec<Overlooked<'s>> {
    let mut found: Option<(&Turn<'_>, &Authentication<'_>, Option<&Turn<'_>>)> = None;
    let mut overlooked: Vec<Overlooked<'_>> = Vec::new();
    let mut last_judge: Option<&Turn<'_>> = None;
    let mut authentications = 0;
    for turn in &site.turns {
        match &turn.duty {
            Duty::Authenticates(own) => {
                authentications += 1;
                if !own.finds_consumers() {
                    continue;
                }
                match found {
                    Some((_, earlier, _)) if !own.overrules(earlier) => continue,
                    // Whoever has none may come too: nothing rests on this one.
                    Some((_, earlier, _)) if !earlier.is_required() => {}
                    Some((earlier, _, None)) => overlooked.push(Overlooked {
                        who: earlier,
                        replaced_by: Some(turn),
                        judge: None,
                    }),
                    Some((_, _, Some(_))) | None => {}
                }
                found = Some((turn, own, None));
            }
            Duty::Judges(_) => {
                last_judge = Some(turn);
                for earlier in &mut overlooked {
                    earlier.judge.get_or_insert(turn);
                }
                if let Some((_, _, judged)) = &mut found {
                    *judged = Some(turn);
                }
            }
            Duty::JudgesAll(_) | Duty::Other => {}
        }
    }
    if let Some((last, own, None)) = found
        && own.is_required()
        && authentications > 1
    {
        overlooked.push(Overlooked {
            who: last,
            replaced_by: None,
            judge: None,
        });
    }
    for one in &mut overlooked {
        one.judge = one.judge.or(last_judge);
    }
    overlooked
}

impl Overlooked<'_> {
    fn told(&self, survey: &Survey<'_>) -> String {
        let judge = self.judge.map(Turn::name).unwrap_or_default();
        let (who, place) = (self.who.name(), survey.at(self.who.entity.place));
        match self.replaced_by {
            Some(later) => format!(
                "'{judge}' judges only whom '{}' finds: that takes the place of the consumer that '{who}' ({place}) has found, and every consumer of that one passes",
                later.name(),
            ),
            None => format!(
                "'{judge}' judges before '{who}' ({place}) finds whom it accepts: every consumer that this one finds passes"
            ),
        }
    }

    fn fix(&self) -> String {
        let Some(later) = self.replaced_by else {
            return format!(
                "judge it too, by a second acl that runs after '{}'",
                self.who.name()
            );
        };
        let (above, below) = (self.who.slot.priority, later.slot.priority);
        let usual = above.saturating_sub(5);
        let between = if usual > below {
            usual
        } else {
            above.saturating_sub(1)
        };
        if between > below {
            format!("judge the first by a clone between the two: acl_{between}")
        } else {
            format!(
                "judge both: principals, with require: [{}, {}] and allow",
                self.who.name(),
                later.name()
            )
        }
    }
}

/// The plugins whose consumers `principals` judges: by their own groups, or as those that belong to another's.
pub(super) fn settled<'s>(site: &'s Site<'_>) -> HashSet<&'s str> {
    let mut settled = HashSet::new();
    for turn in &site.turns {
        if let Duty::JudgesAll(config) = &turn.duty {
            settled.extend(config.allow.iter().map(|allowed| allowed.plugin.value.as_str()));
            let together = config.require.iter().filter(|_| config.same.is_some());
            settled.extend(together.map(|name| name.value.as_str()));
        }
    }
    settled
}

/// Who stands for others at an `acl`.
struct StandIn<'s> {
    turn: &'s Turn<'s>,
    named: &'s Located<NamedConsumer>,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// For whoever cannot be authenticated.
    Anonymous,
    /// For whoever's certificate matches nobody.
    Default,
}

/// `anonymous` or `default_consumer` in a group that an `acl` lets pass.
fn check_fallbacks(survey: &Survey<'_>, site: &Site<'_>, tally: &mut Tally) {
    let mut standing: Vec<StandIn<'_>> = Vec::new();
    for turn in &site.turns {
        match &turn.duty {
            Duty::Authenticates(own) => {
                // A required one finds somebody else, or refuses; another one tries again for whoever is nobody yet.
                standing.retain(|stand_in| !own.is_required() && stand_in.kind == Kind::Default);
                let of = |named, kind| StandIn { turn, named, kind };
                standing.extend(own.anonymous.map(|named| of(named, Kind::Anonymous)));
                standing.extend(own.default.map(|named| of(named, Kind::Default)));
            }
            Duty::Judges(config) => {
                if let AclRule::Allow(groups) = &config.rule {
                    let list = (groups.as_slice(), config.include_consumer_groups);
                    standing.retain(|stand_in| passes(survey, (site, turn), stand_in, list, tally));
                }
            }
            Duty::JudgesAll(config) => {
                for AllowedGroups { plugin, groups } in &config.allow {
                    // An anonymous consumer is no principal.
                    let default = site.turn(&plugin.value).and_then(|own| {
                        let named = own.duty.authentication()?.default?;
                        let kind = Kind::Default;
                        Some(StandIn {
                            turn: own,
                            named,
                            kind,
                        })
                    });
                    let list = (groups.as_slice(), config.include_consumer_groups);
                    if let Some(stand_in) = default {
                        passes(survey, (site, turn), &stand_in, list, tally);
                    }
                }
            }
            Duty::Other => {}
        }
    }
}

/// Whether somebody who stands for others is in one of the groups; then it is told, unless he gets no further.
fn passes(
    survey: &Survey<'_>,
    at: (&Site<'_>, &Turn<'_>),
    stand_in: &StandIn<'_>,
    (groups, include_consumer_groups): (&[Located<String>], bool),
    tally: &mut Tally,
) -> bool {
    let named = &stand_in.named.value;
    let mut groups = groups.iter();
    let by = groups.find(|group| is_member(survey, include_consumer_groups, named, &group.value));
    if let Some(group) = by
        && !is_turned_away(survey, at.0, named)
    {
        tell_stand_in(survey, at, stand_in, group, tally);
    }
    by.is_some()
}

fn is_member(survey: &Survey<'_>, include_consumer_groups: bool, named: &NamedConsumer, group: &str) -> bool {
    let key = named.consumer.and_then(|id| survey.consumers.by_id(id));
    let Some(consumer) = key.and_then(|key| survey.consumers.get(key)) else {
        return false;
    };
    let own = consumer.groups.iter();
    let more = consumer
        .consumer_groups
        .iter()
        .filter(|_| include_consumer_groups);
    own.chain(more).any(|name| &**name == group)
}

/// Whether a `request-termination` answers whatever is made for this consumer: Kong's way to say "one of several, but
/// not nobody".
fn is_turned_away(survey: &Survey<'_>, site: &Site<'_>, named: &NamedConsumer) -> bool {
    let key = named.consumer.and_then(|id| survey.consumers.by_id(id));
    let caller = key.and_then(|key| Some((key, survey.consumers.get(key)?)));
    let mut slots = site.compiled.chain.slots().iter();
    slots.any(|slot| {
        let plugin = slot.for_caller(caller).map(|configured| &configured.plugin);
        matches!(plugin, Some(Plugin::RequestTermination(plugin)) if plugin.trigger.is_none())
    })
}

fn tell_stand_in(
    survey: &Survey<'_>,
    (site, judge): (&Site<'_>, &Turn<'_>),
    StandIn { turn, named, kind }: &StandIn<'_>,
    group: &Located<String>,
    tally: &mut Tally,
) {
    let (code, field, who) = match kind {
        Kind::Anonymous => (
            "anonymous-allowed",
            "anonymous",
            "anybody, without any credential,",
        ),
        Kind::Default => (
            "default-consumer-allowed",
            "default_consumer",
            "whoever has any certificate of its CAs",
        ),
    };
    tally.tell(code, group.place, ROUTES, || {
        let message = format!(
            "on the route '{}' {who} passes '{}': '{}', the {field} of '{}' ({}), is in the group '{}'",
            site.name(),
            judge.name(),
            named.value.text,
            turn.name(),
            survey.at(named.place),
            group.value,
        );
        Finding::warning(
            code,
            survey.compilation.at(group.place),
            judge.path("allow"),
            message,
        )
        .with_fix(format!(
            "take '{}' out of the group, or leave {field} out",
            named.value.text
        ))
    });
}

/// A route that needs the connection's certificate, and takes requests of which none can have one.
fn check_protocols(survey: &Survey<'_>, site: &Site<'_>, tally: &mut Tally) {
    const CODE: &str = "http-beside-certificate";
    if !site.route.protocols.contains(&RouteProtocol::Http) {
        return;
    }
    let needs = |turn: &&Turn<'_>| {
        turn.duty
            .authentication()
            .is_some_and(|own| own.evidence == Evidence::Socket && own.is_required())
    };
    let Some(turn) = site.turns.iter().find(needs) else {
        return;
    };
    tally.tell(CODE, turn.entity.place, ROUTES, || {
        let message = format!(
            "the route '{}' takes http, where '{}' ({}) never sees a certificate: every such request crosses the network in the clear and is refused with 401, not sent to https",
            site.name(),
            turn.name(),
            survey.at(turn.entity.place),
        );
        let origin = survey.compilation.at(site.route.place);
        Finding::warning(CODE, origin, site.path("protocols"), message)
            .with_fix("write protocols: [https], which answers 426 or redirects")
    });
}
