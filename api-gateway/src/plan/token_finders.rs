//! Whom the names in providers' tokens lead to: all plugins that look names up alike have one way to find out.

use std::collections::HashMap;
use std::sync::Arc;

use super::instances::Led;
use super::side::Side;
use super::signer::provided;
use crate::consumer::Found;
use crate::plugin::Plugin;
use crate::plugin::openid_connect::claims::{ConsumerBy, ConsumerRule};

/// Every way from a name in a token to a consumer.
#[derive(Default)]
pub(super) struct TokenFinders<'s> {
    all: Vec<TokenFinder<'s>>,
    /// By the place of the plugin in memory.
    positions: HashMap<usize, usize>,
}

struct TokenFinder<'s> {
    side: usize,
    rule: &'s ConsumerRule,
}

#[derive(PartialEq, Eq, Hash)]
struct Terms {
    side: usize,
    by: Vec<u8>,
    ignoring_case: Option<usize>,
}

impl<'s> TokenFinders<'s> {
    pub(super) fn of(sides: &'s [Side; 2]) -> Self {
        let mut finders = Self::default();
        let mut known: HashMap<Terms, usize> = HashMap::new();
        for (side, configuration) in sides.iter().enumerate() {
            let routes = configuration.snapshot.routes.iter();
            let slots = routes.flat_map(|route| route.chain.slots());
            for plugin in slots.flat_map(|slot| slot.configurations()) {
                let Some((place, rule)) = rule_of(plugin) else {
                    continue;
                };
                if finders.positions.contains_key(&place) {
                    continue;
                }
                let terms = Terms {
                    side,
                    by: rule.by.iter().map(|by| *by as u8).collect(),
                    ignoring_case: rule.ignoring_case.as_ref().map(|index| Arc::as_ptr(index).addr()),
                };
                let next = finders.all.len();
                let position = *known.entry(terms).or_insert(next);
                if position == next {
                    finders.all.push(TokenFinder { side, rule });
                }
                finders.positions.insert(place, position);
            }
        }
        finders
    }

    /// The position of a plugin's way, if it looks for consumers.
    pub(super) fn position(&self, plugin: &Plugin) -> Option<usize> {
        let (place, _) = rule_of(plugin)?;
        self.positions.get(&place).copied()
    }

    /// Of which side one is.
    pub(super) fn side(&self, finder: usize) -> Option<usize> {
        self.all.get(finder).map(|finder| finder.side)
    }

    /// Of which side each is.
    pub(super) fn sides(&self) -> impl Iterator<Item = usize> {
        self.all.iter().map(|finder| finder.side)
    }

    /// Whether any of them finds consumers by their ids.
    pub(super) fn go_by_ids(&self) -> bool {
        let mut rules = self.all.iter().map(|finder| finder.rule);
        rules.any(|rule| rule.by.contains(&ConsumerBy::Id))
    }

    /// Whether any of them takes a name in another case.
    pub(super) fn ignore_case(&self) -> bool {
        self.all.iter().any(|finder| finder.rule.ignoring_case.is_some())
    }

    /// Whom each leads to from a name.
    pub(super) fn lead(&self, name: &str, sides: &[Side; 2]) -> Box<[Led]> {
        let led = self.all.iter().map(|TokenFinder { side, rule }| {
            match rule.named(name, &sides[*side].snapshot.consumers) {
                Found::One(key) => Led::To(key),
                Found::Nobody => Led::Nowhere,
                Found::Ambiguous => Led::Astray,
            }
        });
        led.collect()
    }
}

fn rule_of(plugin: &Plugin) -> Option<(usize, &ConsumerRule)> {
    let plugin = provided(plugin)?;
    let rule = plugin.parts().rules.consumer.as_ref()?;
    Some((std::ptr::from_ref(plugin).addr(), rule))
}
