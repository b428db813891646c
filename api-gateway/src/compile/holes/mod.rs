//! Holes: what a document says that its author hardly means, because somebody gets in, or is locked out. All of it is
//! said of what runs, by the very chains and the very router that requests meet, and nothing of it refuses the document:
//! Kong has the same holes, and a Kong file loads unchanged.
//!
//! These run at every start and reload, so that `check`, `run` and `/status` say the same: each takes time by the size of
//! the document, and none by the square of it. What each means, and when it is right to ignore it: `docs/checks.md`.

mod behind_edge;
mod chains;
mod duty;
mod judged;
mod mappings;
mod methods;
mod neighbours;
mod nobody;
mod passers;
mod protection;
mod reach;
mod tokens;
mod upstreams;
mod ways;
mod witness;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use transport::finding::Finding;
use uuid::Uuid;

use self::duty::Duty;
use super::Compilation;
use super::live_routes::LiveRoutes;
use super::routes::RouteTable;
use crate::consumer::Consumers;
use crate::document::{self, Place};
use crate::plugin::Slot;
use crate::router::Router;
use crate::snapshot;

/// What is counted of a finding that many routes give rise to.
const ROUTES: &str = "routes";

/// Looks for all of them.
pub(super) fn check(
    compilation: &Compilation<'_>,
    live: &LiveRoutes<'_>,
    (table, consumers): (&RouteTable<'_>, &Consumers),
    issuers_of_edges: &HashSet<Uuid>,
) {
    let compiled = table.routes.iter().zip(&table.entities);
    let sites: Vec<Site<'_>> = live
        .all
        .iter()
        .zip(compiled)
        .map(|(route, (compiled, entities))| Site::new((route, compiled), entities, issuers_of_edges))
        .collect();
    let survey = Survey {
        compilation,
        sites: &sites,
        router: &table.router,
        consumers,
    };
    let mut tally = Tally::default();
    chains::check(&survey, &mut tally);
    judged::check(&survey, &mut tally);
    behind_edge::check(&survey, &mut tally);
    let holdings = reach::Holdings::of(compilation.document);
    nobody::check(&survey, &holdings, &mut tally);
    passers::check(&survey, &holdings, &mut tally);
    mappings::check(&survey, &mut tally);
    tokens::check(&survey, &mut tally);
    let groups = upstreams::groups(&survey);
    let protections = protection::Protections::of(&sites);
    let witnesses = witness::Witnesses::of(&survey, &protections);
    ways::check(&survey, &groups, (&protections, &witnesses), &mut tally);
    neighbours::check(&survey, &groups, (&protections, &witnesses), &mut tally);
    methods::check(&survey, &groups, (&protections, &witnesses), &mut tally);
    tally.report(compilation);
}

/// What all checks look at.
struct Survey<'s> {
    compilation: &'s Compilation<'s>,
    /// By the router's index.
    sites: &'s [Site<'s>],
    router: &'s Router,
    consumers: &'s Consumers,
}

/// A route with what runs on it.
struct Site<'s> {
    route: &'s document::Route,
    compiled: &'s snapshot::Route,
    turns: Vec<Turn<'s>>,
}

/// A plugin's turn on a route, with the entity that is in effect for whoever has none of his own.
struct Turn<'s> {
    slot: &'s Slot,
    entity: &'s document::Plugin,
    duty: Duty<'s>,
}

impl<'s> Site<'s> {
    fn new(
        (route, compiled): (&'s document::Route, &'s snapshot::Route),
        entities: &'s [Option<&'s document::Plugin>],
        issuers_of_edges: &HashSet<Uuid>,
    ) -> Self {
        let turns = compiled.chain.slots().iter().zip(entities);
        let turns = turns.filter_map(|(slot, entity)| {
            let entity = (*entity)?;
            Some(Turn {
                slot,
                entity,
                duty: Duty::of(entity, issuers_of_edges),
            })
        });
        Self {
            route,
            compiled,
            turns: turns.collect(),
        }
    }

    fn name(&self) -> &str {
        &self.compiled.name
    }

    /// The turn of a plugin of this name.
    fn turn(&self, name: &str) -> Option<&Turn<'s>> {
        self.turns.iter().find(|turn| turn.name() == name)
    }

    /// The path of a field of this route.
    fn path(&self, field: &str) -> String {
        format!("routes.{}.{field}", self.name())
    }
}

impl Turn<'_> {
    fn name(&self) -> &str {
        &self.slot.name
    }

    /// The path of a field of this plugin's configuration.
    fn path(&self, field: &str) -> String {
        format!("plugins.{}.config.{field}", self.name())
    }
}

impl Survey<'_> {
    /// A place, as it is named within a sentence.
    fn at(&self, place: Place) -> String {
        self.compilation.at(place).to_string()
    }
}

/// Findings that many routes can give rise to. Each is told once for its place, with how many others there are: what a
/// global plugin brings about would else be told a thousand times, and hide the rest.
#[derive(Default)]
struct Tally {
    known: HashMap<(&'static str, Place), usize>,
    all: Vec<Told>,
}

struct Told {
    finding: Finding,
    others: usize,
    /// What the others are.
    of: &'static str,
}

impl Tally {
    /// Tells a finding, or counts one more of a kind that has been told for this place. `of` says what is counted.
    fn tell(
        &mut self,
        code: &'static str,
        place: Place,
        of: &'static str,
        finding: impl FnOnce() -> Finding,
    ) {
        if let Some(told) = self
            .known
            .get(&(code, place))
            .and_then(|at| self.all.get_mut(*at))
        {
            told.others += 1;
            return;
        }
        self.known.insert((code, place), self.all.len());
        self.all.push(Told {
            finding: finding(),
            others: 0,
            of,
        });
    }

    fn report(self, compilation: &Compilation<'_>) {
        for Told {
            mut finding,
            others,
            of,
        } in self.all
        {
            if others > 0 {
                finding.message = format!("{} (and {others} more {of})", finding.message);
            }
            compilation.report(finding);
        }
    }
}
