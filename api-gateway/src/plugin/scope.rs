//! Which configuration of a plugin applies to a request: Kong's precedence of scopes, the consumer included.
//!
//! A plugin may be configured many times under one name: for a route, a service, a consumer, a consumer group, and for
//! combinations of them. One request runs one of these, whole, chosen at the plugin's turn. Route and service are known
//! when the document is compiled; the consumer is whoever has been found by then.

use std::collections::HashMap;
use std::sync::Arc;

use super::Configured;
use crate::consumer::{Consumer, ConsumerKey};

/// Configurations for one combination of route and service, by whom they are for.
#[derive(Debug, Default)]
pub struct Audience {
    /// Everybody for whom there is nothing more specific.
    pub everybody: Option<Arc<Configured>>,
    /// One consumer.
    pub consumers: HashMap<ConsumerKey, Arc<Configured>>,
    /// The members of one consumer group, by its name.
    pub groups: HashMap<Box<str>, Arc<Configured>>,
}

impl Audience {
    /// Whether it depends on who calls.
    pub fn is_personal(&self) -> bool {
        !self.consumers.is_empty() || !self.groups.is_empty()
    }

    fn of_consumer(&self, consumer: ConsumerKey) -> Option<&Arc<Configured>> {
        self.consumers.get(&consumer)
    }

    /// Of several groups, the one whose name comes first in the alphabet (§4.4).
    fn of_groups(&self, consumer: &Consumer) -> Option<&Arc<Configured>> {
        let groups = consumer.consumer_groups.iter();
        let configured = groups.filter_map(|group| self.groups.get_key_value(group));
        configured
            .min_by(|(one, _), (other, _)| one.cmp(other))
            .map(|(_, plugin)| plugin)
    }
}

/// All configurations of one plugin name that can meet the requests of one route. Each audience is shared with every
/// other route that it can meet.
#[derive(Clone, Debug, Default)]
pub struct Scopes {
    /// For this route of this service.
    pub route_and_service: Arc<Audience>,
    /// For this route.
    pub route: Arc<Audience>,
    /// For this service.
    pub service: Arc<Audience>,
    /// For any.
    pub global: Arc<Audience>,
}

impl Scopes {
    /// Whether it depends on who calls.
    pub fn is_personal(&self) -> bool {
        self.audiences().any(Audience::is_personal)
    }

    /// The configuration for whoever has nothing of his own.
    pub fn for_everybody(&self) -> Option<&Arc<Configured>> {
        self.audiences().find_map(|audience| audience.everybody.as_ref())
    }

    /// The most specific configuration for a caller: twelve levels, from the top of Kong's table to its end.
    pub fn choose(&self, caller: Option<(ConsumerKey, &Consumer)>) -> Option<&Arc<Configured>> {
        let Self {
            route_and_service,
            route,
            service,
            global,
        } = self;
        let Some((key, consumer)) = caller else {
            return self.for_everybody();
        };
        route_and_service
            .of_consumer(key)
            .or_else(|| route_and_service.of_groups(consumer))
            .or_else(|| route.of_consumer(key))
            .or_else(|| service.of_consumer(key))
            .or_else(|| route.of_groups(consumer))
            .or_else(|| service.of_groups(consumer))
            .or(route_and_service.everybody.as_ref())
            .or_else(|| global.of_consumer(key))
            .or_else(|| global.of_groups(consumer))
            .or(route.everybody.as_ref())
            .or(service.everybody.as_ref())
            .or(global.everybody.as_ref())
    }

    fn audiences(&self) -> impl Iterator<Item = &Audience> {
        [&self.route_and_service, &self.route, &self.service, &self.global]
            .into_iter()
            .map(AsRef::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use uuid::Uuid;

    use super::*;
    use crate::consumer::Consumers;
    use crate::document::Place;
    use crate::plugin::Plugin;
    use crate::plugin::correlation_id::{CorrelationId, Echo, Generator};

    fn plugin() -> Arc<Configured> {
        let plugin = Plugin::CorrelationId(CorrelationId {
            header: http::header::AGE,
            generator: Generator::Uuid,
            echo: Echo::No,
        });
        let place = Place::START;
        Arc::new(Configured { place, plugin })
    }

    /// Kong's table (§4.4), from the top: whose configuration, and for which of route+service, route, service, global.
    const LEVELS: [(&str, usize); 12] = [
        ("consumer", 0),
        ("group", 0),
        ("consumer", 1),
        ("consumer", 2),
        ("group", 1),
        ("group", 2),
        ("everybody", 0),
        ("consumer", 3),
        ("group", 3),
        ("everybody", 1),
        ("everybody", 2),
        ("everybody", 3),
    ];

    fn scopes(plugins: &[Option<Arc<Configured>>; 12], consumer: ConsumerKey) -> Scopes {
        let mut audiences: [Audience; 4] = Default::default();
        for (plugin, (whose, scope)) in plugins.iter().zip(LEVELS) {
            let Some(plugin) = plugin.clone() else { continue };
            let audience = &mut audiences[scope];
            match whose {
                "consumer" => drop(audience.consumers.insert(consumer, plugin)),
                "group" => drop(audience.groups.insert("members".into(), plugin)),
                _ => audience.everybody = Some(plugin),
            }
        }
        let [route_and_service, route, service, global] = audiences.map(Arc::new);
        Scopes {
            route_and_service,
            route,
            service,
            global,
        }
    }

    fn consumer(groups: &[&str]) -> Consumer {
        Consumer {
            id: Uuid::new_v4(),
            id_header: HeaderValue::from_static(""),
            username: None,
            custom_id: None,
            groups: Arc::default(),
            groups_header: HeaderValue::from_static(""),
            consumer_groups: groups.iter().map(|group| (*group).into()).collect(),
        }
    }

    /// Every subset of the levels, for a consumer of the group, for one of no group, for nobody.
    #[test]
    fn the_most_specific_configuration_applies() {
        let mut consumers = Consumers::default();
        let keys = [
            consumers.add(consumer(&["members"])),
            consumers.add(consumer(&[])),
        ];
        let callers = [
            (keys.first(), &["consumer", "group", "everybody"][..]),
            (keys.last(), &["everybody"]),
            (None, &["everybody"]),
        ];
        for subset in 0_u32..1 << 12 {
            let plugins: [Option<Arc<Configured>>; 12] =
                std::array::from_fn(|level| (subset & 1 << level != 0).then(plugin));
            let scopes = scopes(&plugins, keys[0]);
            for (key, meant) in callers {
                let caller = key.map(|key| (*key, consumers.get(*key).unwrap()));
                let expected = plugins
                    .iter()
                    .zip(LEVELS)
                    .find_map(|(plugin, (whose, _))| plugin.as_ref().filter(|_| meant.contains(&whose)));
                let chosen = scopes.choose(caller);
                assert_eq!(
                    chosen.map(Arc::as_ptr),
                    expected.map(Arc::as_ptr),
                    "{subset:012b} {meant:?}"
                );
            }
        }
    }

    #[test]
    fn of_several_groups_the_first_in_the_alphabet_counts() {
        let mut audience = Audience::default();
        for group in ["b", "c", "a"] {
            audience.groups.insert(group.into(), plugin());
        }
        for (groups, expected) in [
            (&["c", "b"][..], Some("b")),
            (&["z", "c"], Some("c")),
            (&["b", "c", "a"], Some("a")),
            (&["z"], None),
            (&[], None),
        ] {
            let chosen = audience.of_groups(&consumer(groups)).map(Arc::as_ptr);
            let expected = expected.map(|group| Arc::as_ptr(&audience.groups[group]));
            assert_eq!(chosen, expected, "{groups:?}");
        }
    }
}
