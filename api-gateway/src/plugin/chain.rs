//! The plugins that a route runs, in their order. A clone (`acl_1595`) is a second slot with another configuration behind
//! it, which is all that judging a request twice takes.

use std::sync::Arc;

use super::openid_connect::possession;
use super::scope::Scopes;
use super::{Configured, Plugin};
use crate::consumer::{Consumer, ConsumerKey};
use crate::exchange::Exchange;
use crate::onlooker::Onlooker;
use crate::rejection::Rejection;

/// A plugin's turn in a chain.
#[derive(Clone, Debug)]
pub struct Slot {
    /// The name it is configured under: `acl`, `acl_1595`.
    pub name: Arc<str>,
    /// Its priority, by which slots are sorted before `ordering` moves them.
    pub priority: i32,
    configuration: Configuration,
}

#[derive(Clone, Debug)]
enum Configuration {
    /// Whoever calls.
    Same(Arc<Configured>),
    /// Depending on who calls; perhaps none.
    ByCaller(Scopes),
}

impl Slot {
    /// The turn of a plugin; `None` if there is no configuration of it that could apply.
    pub fn new(name: Arc<str>, priority: i32, scopes: Scopes) -> Option<Self> {
        let configuration = if scopes.is_personal() {
            Configuration::ByCaller(scopes)
        } else {
            Configuration::Same(Arc::clone(scopes.for_everybody()?))
        };
        Some(Self {
            name,
            priority,
            configuration,
        })
    }

    /// The configuration for whoever has nothing of his own. What authenticates or judges groups has no other.
    pub fn for_everybody(&self) -> Option<&Plugin> {
        self.configured_for_everybody()
            .map(|configured| &configured.plugin)
    }

    /// The same, with its place.
    pub fn configured_for_everybody(&self) -> Option<&Configured> {
        match &self.configuration {
            Configuration::Same(configured) => Some(configured),
            Configuration::ByCaller(scopes) => scopes.for_everybody().map(AsRef::as_ref),
        }
    }

    /// All configurations that could apply to somebody.
    pub fn configurations(&self) -> Box<dyn Iterator<Item = &Plugin> + '_> {
        match &self.configuration {
            Configuration::Same(configured) => Box::new(std::iter::once(&configured.plugin)),
            Configuration::ByCaller(scopes) => Box::new(scopes.all().map(|configured| &configured.plugin)),
        }
    }

    /// The scopes, where the configuration depends on who calls.
    pub fn scopes(&self) -> Option<&Scopes> {
        match &self.configuration {
            Configuration::Same(_) => None,
            Configuration::ByCaller(scopes) => Some(scopes),
        }
    }

    /// Where the configurations lie: of one snapshot, two slots with one name and the same places are the same.
    pub fn places(&self) -> [usize; 4] {
        match &self.configuration {
            Configuration::Same(configured) => [Arc::as_ptr(configured).addr(), 0, 0, 0],
            Configuration::ByCaller(scopes) => scopes.places(),
        }
    }

    /// The configuration for a caller.
    pub fn for_caller(&self, caller: Option<(ConsumerKey, &Consumer)>) -> Option<&Configured> {
        match &self.configuration {
            Configuration::Same(configured) => Some(configured),
            Configuration::ByCaller(scopes) => scopes.choose(caller).map(AsRef::as_ref),
        }
    }

    /// The configuration at this plugin's turn, with the consumer known by then.
    fn choose(&self, exchange: &Exchange<'_>) -> Option<&Configured> {
        self.for_caller(exchange.caller.consumer.zip(exchange.consumer()))
    }
}

/// What a route runs before it proxies.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    slots: Box<[Slot]>,
}

/// A refusal, and which plugin it came from.
#[derive(Debug)]
pub struct Refused {
    /// The plugin's name as configured.
    pub plugin: Arc<str>,
    /// Why.
    pub rejection: Rejection,
}

impl Chain {
    /// Slots in the order they run in.
    pub fn in_order(slots: Vec<Slot>) -> Self {
        Self {
            slots: slots.into_boxed_slice(),
        }
    }

    /// The slots in order.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The slot of this name.
    pub fn slot(&self, name: &str) -> Option<&Slot> {
        self.slots.iter().find(|slot| &*slot.name == name)
    }

    /// Whether a plugin wants the certificate of the connection.
    pub fn wants_certificate(&self) -> bool {
        self.slots
            .iter()
            .any(|slot| matches!(slot.for_everybody(), Some(Plugin::MtlsAuth(_))))
    }

    /// Lets each plugin have its say; the first refusal ends the request. Gives the name of the last one that agreed.
    pub fn access(
        &self,
        exchange: &mut Exchange<'_>,
        onlooker: &mut impl Onlooker,
    ) -> Result<Option<&Arc<str>>, Refused> {
        let mut agreed = None;
        for slot in &self.slots {
            let chosen = slot.choose(exchange);
            onlooker.turn(slot, chosen, exchange);
            let Some(chosen) = chosen else {
                continue;
            };
            let verdict = chosen.plugin.access(&slot.name, exchange);
            onlooker.said(slot, chosen, exchange, &verdict);
            verdict.map_err(|rejection| Refused {
                plugin: Arc::clone(&slot.name),
                rejection,
            })?;
            if chosen.plugin.decides() {
                agreed = Some(&slot.name);
            }
        }
        // What a token is bound to may have been judged after the token.
        possession::settle(exchange).map_err(|(plugin, rejection)| Refused { plugin, rejection })?;
        Ok(agreed)
    }
}
