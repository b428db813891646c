//! Plugins by name and scope, and the chain that they make for a route.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use transport::finding::Finding;
use transport::layers::nearest;
use uuid::Uuid;

use super::Compilation;
use super::order::{Circle, Step, in_order};
use super::plugins::Plugins;
use crate::consumer::Consumers;
use crate::document::{self, Place};
use crate::plugin::scope::{Audience, Scopes};
use crate::plugin::{Chain, Slot};

/// All configured plugins, by name, greatest priority first; of equals, the alphabetically greater name (§4.2).
pub(super) struct Scoped<'a> {
    names: Vec<Named<'a>>,
    /// The positions of the names that have anything for a scope: a route looks through its own four.
    by_scope: HashMap<Where, Vec<usize>>,
    /// What a scope has for which nothing is configured.
    nothing: Arc<Audience>,
    /// Of which places something has been told.
    told: RefCell<HashSet<Place>>,
}

struct Named<'a> {
    name: Arc<str>,
    priority: i32,
    by_scope: HashMap<Where, Scope<'a>>,
}

/// The route and the service that a configuration is for, as far as it is for any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Where {
    route: Option<Uuid>,
    service: Option<Uuid>,
}

#[derive(Default)]
struct Scope<'a> {
    audience: Arc<Audience>,
    /// The entity that is for everybody.
    everybody: Option<&'a document::Plugin>,
}

/// A chain, and for each of its slots the entity that meets everybody who has none of his own.
#[derive(Default)]
pub(super) struct LaidOut<'a> {
    pub(super) chain: Chain,
    pub(super) entities: Vec<Option<&'a document::Plugin>>,
}

impl<'a> FromIterator<(Slot, Option<&'a document::Plugin>)> for LaidOut<'a> {
    fn from_iter<I: IntoIterator<Item = (Slot, Option<&'a document::Plugin>)>>(slots: I) -> Self {
        let (slots, entities) = slots.into_iter().unzip();
        Self {
            chain: Chain::in_order(slots),
            entities,
        }
    }
}

pub(super) fn compile<'a>(
    compilation: &Compilation<'a>,
    plugins: &Plugins<'a>,
    consumers: &Consumers,
) -> Scoped<'a> {
    check_consumer_is_known(compilation, plugins);
    check_names_in_order(compilation, plugins);
    let groups: HashMap<Uuid, &str> = compilation
        .document
        .consumer_groups
        .iter()
        .map(|group| (group.id, group.name.as_str()))
        .collect();
    let mut by_name: HashMap<&str, NameInMaking<'a>> = HashMap::new();
    for (entity, plugin) in &plugins.all {
        let named = by_name
            .entry(entity.name.text.as_str())
            .or_insert_with(|| NameInMaking::of(entity));
        let whose = Where {
            route: entity.route,
            service: entity.service,
        };
        let ScopeInMaking { audience, everybody } = named.by_scope.entry(whose).or_default();
        let plugin = Arc::clone(plugin);
        let consumer = entity.consumer.and_then(|id| consumers.by_id(id));
        let group = entity.consumer_group.and_then(|id| groups.get(&id));
        match (consumer, group) {
            (Some(consumer), _) => {
                audience.consumers.insert(consumer, plugin);
            }
            (None, Some(group)) => {
                audience.groups.insert((*group).into(), plugin);
            }
            (None, None) => {
                audience.everybody = Some(plugin);
                *everybody = Some(entity);
            }
        }
    }
    if by_name.len() > MAX_NAMES {
        let message = format!(
            "plugins of {} names: at most {MAX_NAMES} are looked through for a route",
            by_name.len()
        );
        let place = plugins
            .all
            .first()
            .map_or(Place::START, |(entity, _)| entity.place);
        compilation.report(Finding::error(
            "too-many-plugins",
            compilation.at(place),
            "plugins",
            message,
        ));
        by_name.clear();
    }
    let mut names: Vec<Named<'a>> = by_name.into_values().map(NameInMaking::finish).collect();
    names.sort_by(|one, other| {
        other
            .priority
            .cmp(&one.priority)
            .then_with(|| other.name.cmp(&one.name))
    });
    let mut by_scope: HashMap<Where, Vec<usize>> = HashMap::new();
    for (position, named) in names.iter().enumerate() {
        for whose in named.by_scope.keys() {
            by_scope.entry(*whose).or_default().push(position);
        }
    }
    Scoped {
        names,
        by_scope,
        nothing: Arc::default(),
        told: RefCell::default(),
    }
}

/// Kong has a hundred plugins; numbered clones of them have no end, and every route looks through all names.
const MAX_NAMES: usize = 1000;

struct NameInMaking<'a> {
    name: Arc<str>,
    priority: i32,
    by_scope: HashMap<Where, ScopeInMaking<'a>>,
}

#[derive(Default)]
struct ScopeInMaking<'a> {
    audience: Audience,
    everybody: Option<&'a document::Plugin>,
}

impl<'a> NameInMaking<'a> {
    fn of(entity: &document::Plugin) -> Self {
        Self {
            name: entity.name.text.as_str().into(),
            priority: entity.name.priority,
            by_scope: HashMap::new(),
        }
    }

    fn finish(self) -> Named<'a> {
        let shared = |(whose, ScopeInMaking { audience, everybody })| {
            let audience = Arc::new(audience);
            (whose, Scope { audience, everybody })
        };
        Named {
            name: self.name,
            priority: self.priority,
            by_scope: self.by_scope.into_iter().map(shared).collect(),
        }
    }
}

impl<'a> Scoped<'a> {
    /// The chain of a route of a service.
    pub(super) fn chain(
        &self,
        compilation: &Compilation<'_>,
        route: Uuid,
        service: Option<Uuid>,
    ) -> LaidOut<'a> {
        let met = |named: &Named<'a>| {
            let scopes = named.scopes(route, service, &self.nothing);
            Slot::new(Arc::clone(&named.name), named.priority, scopes)
        };
        let own = self.names_for(route, service);
        let in_effect = |named: &Named<'a>| named.in_effect(route, service);
        let is_moved = |named: &Named<'a>| in_effect(named).is_some_and(|entity| entity.ordering.is_some());
        if !own.iter().any(|named| is_moved(named)) {
            return own
                .into_iter()
                .filter_map(|named| Some((met(named)?, in_effect(named))))
                .collect();
        }
        // What the others say of those that do not run here still counts.
        let mut slots: Vec<Option<Slot>> = self.names.iter().map(met).collect();
        let rules: Vec<Option<&'a document::Plugin>> = self.names.iter().map(in_effect).collect();
        let steps: Vec<Step<'_>> = self
            .names
            .iter()
            .zip(&rules)
            .map(|(named, entity)| step(&named.name, *entity))
            .collect();
        match in_order(&steps) {
            Ok(order) => order
                .into_iter()
                .filter_map(|position| Some((slots.get_mut(position)?.take()?, *rules.get(position)?)))
                .collect(),
            Err(circle) => {
                self.tell(compilation, &circle, &rules);
                LaidOut::default()
            }
        }
    }

    /// The names that have anything for a route, in their order.
    fn names_for(&self, route: Uuid, service: Option<Uuid>) -> Vec<&Named<'a>> {
        let own = scopes_of(route, service);
        let positions: BTreeSet<usize> = own
            .filter_map(|whose| self.by_scope.get(&whose))
            .flatten()
            .copied()
            .collect();
        positions
            .into_iter()
            .filter_map(|position| self.names.get(position))
            .collect()
    }

    /// The entity whose configuration of a plugin meets everybody on a route who has none of his own.
    pub(super) fn in_effect(
        &self,
        name: &str,
        route: Uuid,
        service: Option<Uuid>,
    ) -> Option<&'a document::Plugin> {
        let named = self.names.iter().find(|named| &*named.name == name)?;
        named.in_effect(route, service)
    }

    /// Whether nothing has been told of this place yet: many routes may run the same.
    pub(super) fn is_news(&self, place: Place) -> bool {
        self.told.borrow_mut().insert(place)
    }

    fn tell(
        &self,
        compilation: &Compilation<'_>,
        Circle(circle): &Circle,
        rules: &[Option<&document::Plugin>],
    ) {
        let names: Vec<&str> = circle
            .iter()
            .filter_map(|position| self.names.get(*position).map(|named| &*named.name))
            .collect();
        // One of them says so; which one, the operator sees by the names.
        let mut said = circle
            .iter()
            .filter_map(|position| rules.get(*position).copied().flatten());
        let place = said.find_map(|entity| entity.ordering.as_ref().map(|ordering| ordering.place));
        let place = place.unwrap_or(Place::START);
        if self.is_news(place) {
            let message = format!(
                "There is a circular dependency in the graph. It is not possible to derive a topological sort. (each runs after the next: {})",
                names.join(", ")
            );
            let origin = compilation.at(place);
            compilation.report(Finding::error("ordering", origin, "plugins.ordering", message));
        }
    }
}

impl<'a> Named<'a> {
    fn scopes(&self, route: Uuid, service: Option<Uuid>, nothing: &Arc<Audience>) -> Scopes {
        let audience = |route, service| {
            let scope = self.by_scope.get(&Where { route, service });
            Arc::clone(scope.map_or(nothing, |scope| &scope.audience))
        };
        let of_service =
            |route| service.map_or_else(|| Arc::clone(nothing), |service| audience(route, Some(service)));
        Scopes {
            route_and_service: of_service(Some(route)),
            route: audience(Some(route), None),
            service: of_service(None),
            global: audience(None, None),
        }
    }

    /// The entity whose configuration meets everybody who has none of his own.
    fn in_effect(&self, route: Uuid, service: Option<Uuid>) -> Option<&'a document::Plugin> {
        scopes_of(route, service).find_map(|whose| self.by_scope.get(&whose)?.everybody)
    }
}

/// The scopes that meet the requests of a route, the most specific first.
fn scopes_of(route: Uuid, service: Option<Uuid>) -> impl Iterator<Item = Where> {
    let route = Some(route);
    let levels = [
        service.map(|id| (route, Some(id))),
        Some((route, None)),
        service.map(|id| (None, Some(id))),
        Some((None, None)),
    ];
    let scopes = levels.into_iter().flatten();
    scopes.map(|(route, service)| Where { route, service })
}

fn step<'n>(name: &'n str, entity: Option<&'n document::Plugin>) -> Step<'n> {
    let ordering = entity.and_then(|entity| entity.ordering.as_ref());
    let names =
        |listed: &'n [document::Located<String>]| listed.iter().map(|name| name.value.as_str()).collect();
    Step {
        name,
        before: ordering.map_or_else(Vec::new, |ordering| names(&ordering.value.before)),
        after: ordering.map_or_else(Vec::new, |ordering| names(&ordering.value.after)),
    }
}

/// A configuration for one consumer can apply only once somebody has found out who calls.
fn check_consumer_is_known(compilation: &Compilation<'_>, plugins: &Plugins<'_>) {
    let entities = || plugins.all.iter().map(|(entity, _)| *entity);
    if entities().any(|entity| entity.ordering.is_some()) {
        return;
    }
    let authenticates = |entity: &&document::Plugin| entity.name.kind.authenticates();
    let first = entities()
        .filter(authenticates)
        .map(|entity| entity.name.priority)
        .max();
    for entity in entities() {
        let is_personal = entity.consumer.is_some() || entity.consumer_group.is_some();
        if is_personal && first.is_none_or(|first| entity.name.priority > first) {
            let message = format!(
                "'{}' runs before anybody is authenticated, so this configuration never applies",
                entity.name.text
            );
            compilation.report(
                Finding::warning(
                    "consumer-unknown",
                    compilation.at(entity.place),
                    "plugins",
                    message,
                )
                .with_fix("leave its consumer or group out"),
            );
        }
    }
}

/// A rule about a plugin that is not there changes nothing. It may be a clone's, or a slip of the pen.
fn check_names_in_order(compilation: &Compilation<'_>, plugins: &Plugins<'_>) {
    let known: BTreeSet<&str> = plugins
        .all
        .iter()
        .map(|(entity, _)| entity.name.text.as_str())
        .collect();
    let rules = plugins
        .all
        .iter()
        .filter_map(|(entity, _)| entity.ordering.as_ref());
    let names = rules.flat_map(|rule| rule.value.before.iter().chain(&rule.value.after));
    for name in names.filter(|name| !known.contains(name.value.as_str())) {
        let message = format!(
            "`ordering` by '{}' changes nothing: the document has no such plugin, or it is not enabled",
            name.value
        );
        let finding = Finding::warning(
            "unknown-order",
            compilation.at(name.place),
            "plugins.ordering",
            message,
        );
        compilation.report(match nearest(&name.value, known.iter().copied()) {
            Some(similar) => finding.with_fix(format!("did you mean '{similar}'?")),
            None => finding.with_fix("take it out"),
        });
    }
}
