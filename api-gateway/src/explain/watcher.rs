//! Writes down what the request path does, step by step.

use std::net::IpAddr;

use serde::Serialize;

use super::account::Whom;
use super::lines::{self, Line};
use super::{describe, sight};
use crate::consumer::ConsumerKey;
use crate::document::{self, Document};
use crate::exchange::Exchange;
use crate::identity::Carrier;
use crate::onlooker::Onlooker;
use crate::plugin::{Configured, Slot};
use crate::rejection::Rejection;
use crate::router::{Advantage, Matched, RequestFacts, Router};
use crate::snapshot::Snapshot;

/// Who looks on.
pub(super) struct Watcher<'d> {
    pub(super) snapshot: &'d Snapshot,
    pub(super) document: &'d Document,
    pub(super) carrier: Option<&'static str>,
    pub(super) client_ip: Option<IpAddr>,
    candidates: Vec<Matched>,
    misses: Vec<(usize, Vec<&'static str>)>,
    turns: Vec<Turn>,
    /// What would have to be asked of the network before this could be decided.
    pub(super) unknown: Option<String>,
    /// Who the consumer was before the plugin whose turn it is.
    before: Option<ConsumerKey>,
    /// How many principals there were before it.
    principals_before: usize,
}

/// Where the request went, and what else would have taken it.
#[derive(Debug, Default, Serialize)]
pub(super) struct Routing {
    pub(super) route: Option<Taken>,
    /// Best first.
    pub(super) runners_up: Vec<RunnerUp>,
    /// Where no route matched: those that were nearest.
    pub(super) near_misses: Vec<NearMiss>,
}

/// The route that the request takes.
#[derive(Debug, Serialize)]
pub(super) struct Taken {
    pub(super) name: String,
    pub(super) service: Option<String>,
    pub(super) line: Option<Line>,
}

/// A route that would have taken it, were there not a better one.
#[derive(Debug, Serialize)]
pub(super) struct RunnerUp {
    pub(super) name: String,
    pub(super) line: Option<Line>,
    pub(super) why_not: String,
}

/// A route that would not have taken it, and which of its fields are to blame.
#[derive(Debug, Serialize)]
pub(super) struct NearMiss {
    pub(super) name: String,
    pub(super) line: Option<Line>,
    pub(super) fields: Vec<&'static str>,
}

/// A plugin's turn.
#[derive(Debug, Serialize)]
pub(super) struct Turn {
    pub(super) plugin: String,
    pub(super) priority: i32,
    pub(super) scope: Option<String>,
    pub(super) line: Option<Line>,
    pub(super) verdict: Said,
    pub(super) reason: Option<&'static str>,
    pub(super) cause: Option<String>,
    pub(super) saw: Vec<String>,
    pub(super) decided: Vec<String>,
    pub(super) because: Option<Because>,
}

/// The line that made it so.
#[derive(Debug, Serialize)]
pub(super) struct Because {
    #[serde(flatten)]
    pub(super) line: Line,
    pub(super) field: String,
}

/// What became of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Said {
    /// The request may go on.
    Allow,
    /// It may not.
    Deny,
    /// It has no configuration for whoever calls.
    DoesNotApply,
    /// An earlier one has ended the request.
    NotReached,
}

/// More would hide what matters.
const MOST_MISSES: usize = 5;

impl<'d> Watcher<'d> {
    pub(super) fn new(snapshot: &'d Snapshot, document: &'d Document) -> Self {
        Self {
            snapshot,
            document,
            carrier: None,
            client_ip: None,
            candidates: Vec::new(),
            misses: Vec::new(),
            turns: Vec::new(),
            unknown: None,
            before: None,
            principals_before: 0,
        }
    }

    /// A consumer, and where it stands.
    pub(super) fn whom(&self, key: ConsumerKey) -> Option<Whom> {
        let consumer = self.snapshot.consumers.get(key)?;
        let mut entities = self.document.consumers.iter();
        let entity = entities.find(|entity| entity.id == consumer.id);
        let text = |name: &crate::consumer::Name| name.text.to_string();
        Some(Whom {
            id: consumer.id.to_string(),
            username: consumer.username.as_ref().map(text),
            custom_id: consumer.custom_id.as_ref().map(text),
            groups: consumer.groups.iter().map(ToString::to_string).collect(),
            line: entity.map(|entity| Line::of(self.document, entity.place)),
        })
    }

    /// What was seen, with the turns that nobody had.
    pub(super) fn finish(mut self, taken: Option<usize>) -> (Routing, Vec<Turn>) {
        if let Some(route) = taken.and_then(|route| self.snapshot.routes.get(route)) {
            let left = route.chain.slots().get(self.turns.len()..).unwrap_or_default();
            let entity = self.entity(&route.name);
            for slot in left {
                let turn = self.turn_of(slot, slot.configured_for_everybody(), entity, Said::NotReached);
                self.turns.push(turn);
            }
        }
        let name = |route: usize| {
            let route = self.snapshot.routes.get(route)?;
            Some((route, self.entity(&route.name)))
        };
        let line =
            |entity: Option<&document::Route>| entity.map(|entity| Line::of(self.document, entity.place));
        let winner = self.candidates.first().map_or(0, |matched| matched.priority);
        let routing = Routing {
            route: taken.and_then(name).map(|(route, entity)| Taken {
                name: route.name.to_string(),
                service: route.service.as_ref().map(|service| service.name.to_string()),
                line: line(entity),
            }),
            runners_up: self
                .candidates
                .iter()
                .skip(1)
                .filter_map(|matched| {
                    let (route, entity) = name(matched.route)?;
                    Some(RunnerUp {
                        name: route.name.to_string(),
                        line: line(entity),
                        why_not: Advantage::of(winner, matched.priority).to_string(),
                    })
                })
                .collect(),
            near_misses: self
                .misses
                .iter()
                .filter_map(|(route, fields)| {
                    let (route, entity) = name(*route)?;
                    Some(NearMiss {
                        name: route.name.to_string(),
                        line: line(entity),
                        fields: fields.clone(),
                    })
                })
                .collect(),
        };
        (routing, self.turns)
    }

    fn turn_of(
        &self,
        slot: &Slot,
        chosen: Option<&Configured>,
        route: Option<&document::Route>,
        verdict: Said,
    ) -> Turn {
        let entity = chosen.and_then(|chosen| lines::plugin(self.document, &slot.name, chosen.place, route));
        Turn {
            plugin: slot.name.to_string(),
            priority: slot.priority,
            scope: entity.map(|entity| lines::scope(self.document, entity)),
            line: chosen.map(|chosen| Line::of(self.document, chosen.place)),
            verdict,
            reason: None,
            cause: None,
            saw: Vec::new(),
            decided: Vec::new(),
            because: None,
        }
    }

    fn entity(&self, name: &str) -> Option<&'d document::Route> {
        lines::route(self.document, name)
    }
}

impl Onlooker for Watcher<'_> {
    fn entered(&mut self, carrier: &Carrier, client: Option<IpAddr>) {
        self.carrier = Some(describe::carrier(carrier));
        self.client_ip = client;
    }

    fn routing(&mut self, router: &Router, facts: &RequestFacts<'_>) {
        self.candidates = router.candidates(facts).collect();
        if self.candidates.is_empty() {
            self.misses = router.near_misses(facts);
            self.misses.truncate(MOST_MISSES);
        }
    }

    fn turn(&mut self, slot: &Slot, chosen: Option<&Configured>, exchange: &Exchange<'_>) {
        self.before = exchange.caller.consumer;
        self.principals_before = exchange.caller.principals.len();
        let route = self.entity(exchange.matched.route);
        let mut turn = self.turn_of(slot, chosen, route, Said::DoesNotApply);
        if let Some(chosen) = chosen {
            turn.saw = sight::of(&chosen.plugin, exchange);
        }
        self.turns.push(turn);
    }

    fn said(
        &mut self,
        slot: &Slot,
        chosen: &Configured,
        exchange: &Exchange<'_>,
        verdict: &Result<(), Rejection>,
    ) {
        self.unknown = exchange.errand.as_ref().map(|errand| errand.unknown());
        let route = self.entity(exchange.matched.route);
        let entity = lines::plugin(self.document, &slot.name, chosen.place, route);
        let decided = {
            let place = |key| self.whom(key)?.line.map(|line| line.to_string());
            sight::change(exchange, (self.before, self.principals_before), &place)
        };
        let because =
            entity.and_then(|entity| sight::because(&chosen.plugin, &entity.config, exchange, verdict));
        let because = because.map(|(place, field)| Because {
            line: Line::of(self.document, place),
            field,
        });
        let Some(turn) = self.turns.last_mut() else { return };
        turn.decided = decided;
        turn.because = because;
        match verdict {
            Ok(()) => turn.verdict = Said::Allow,
            Err(rejection) => {
                turn.verdict = Said::Deny;
                turn.reason = Some(rejection.reason());
                turn.cause = rejection.cause();
            }
        }
    }
}
