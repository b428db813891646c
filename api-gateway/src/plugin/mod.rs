//! Plugins as one closed enum, and the chain of them that a route runs.
//!
//! A chain is a list of slots, sorted once when the document is compiled: priority, greatest first; of equals, the
//! alphabetically greater name first. A clone (`acl_1595`) is a second slot with the same plugin behind it, which is
//! all that judging a request twice takes.

pub mod acl;
pub mod certificate_auth;
pub mod header_cert_auth;
pub mod mtls_auth;

use std::sync::Arc;

use self::acl::Acl;
use self::header_cert_auth::HeaderCertAuth;
use self::mtls_auth::MtlsAuth;
use crate::exchange::Exchange;
use crate::rejection::Rejection;

/// A plugin with its configuration compiled.
#[derive(Debug)]
pub enum Plugin {
    /// Judges the caller's groups.
    Acl(Acl),
    /// Authenticates by a certificate in a header.
    HeaderCertAuth(HeaderCertAuth),
    /// Authenticates by the certificate of the connection.
    MtlsAuth(MtlsAuth),
}

/// A plugin's turn in a chain.
#[derive(Clone, Debug)]
pub struct Slot {
    /// The name it is configured under: `acl`, `acl_1595`.
    pub name: Arc<str>,
    /// Its priority.
    pub priority: i32,
    /// The configuration that applies on this route: the most specific one, whole.
    pub plugin: Arc<Plugin>,
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
    /// Sorts slots into the order they run in.
    pub fn new(mut slots: Vec<Slot>) -> Self {
        slots.sort_by(|a, b| b.priority.cmp(&a.priority).then_with(|| b.name.cmp(&a.name)));
        Self {
            slots: slots.into_boxed_slice(),
        }
    }

    /// The slots in order.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// Whether a plugin wants the certificate of the connection.
    pub fn wants_certificate(&self) -> bool {
        self.slots
            .iter()
            .any(|slot| matches!(&*slot.plugin, Plugin::MtlsAuth(_)))
    }

    /// Lets each plugin have its say; the first refusal ends the request. Gives the name of the last one that agreed.
    pub fn access(&self, exchange: &mut Exchange<'_>) -> Result<Option<Arc<str>>, Refused> {
        for slot in &self.slots {
            slot.access(exchange).map_err(|rejection| Refused {
                plugin: Arc::clone(&slot.name),
                rejection,
            })?;
        }
        Ok(self.slots.last().map(|slot| Arc::clone(&slot.name)))
    }
}

impl Slot {
    fn access(&self, exchange: &mut Exchange<'_>) -> Result<(), Rejection> {
        match &*self.plugin {
            Plugin::Acl(acl) => acl.access(exchange),
            Plugin::HeaderCertAuth(plugin) => plugin.access(&self.name, exchange),
            Plugin::MtlsAuth(plugin) => plugin.access(&self.name, exchange),
        }
    }
}
