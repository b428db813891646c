//! A token that passed every test: the caller is whoever it names.

use std::sync::Arc;

use super::Known;
use crate::exchange::{Exchange, Principal, Proof};
use crate::plugin::fallback::DESCRIPTION;

/// Makes the caller whoever the token names.
pub(super) fn admit(exchange: &mut Exchange<'_>, plugin: &Arc<str>, known: &Known) {
    let outcome = &known.outcome;
    match outcome.consumer {
        Some(key) => {
            exchange.withdraw(&DESCRIPTION);
            exchange.authenticate(key, Some(outcome.credential.clone()));
        }
        // A consumer that was proved stays the consumer; one that stood in for nobody is not needed any more.
        None if exchange.caller.credential.is_none() => {
            exchange.caller.consumer = None;
            exchange.caller.credential = Some(outcome.credential.clone());
        }
        None => {}
    }
    if let Some(groups) = &outcome.groups {
        exchange.caller.authenticated_groups = Some(Arc::clone(groups));
    }
    for (name, value) in &outcome.stamps {
        exchange.stamp(name.clone(), value.clone());
    }
    exchange.caller.principals.push(Principal {
        plugin: Arc::clone(plugin),
        consumer: outcome.consumer,
        credential: Some(outcome.credential.clone()),
        groups: outcome.groups.clone(),
        proof: Proof::Bearer(Arc::clone(&known.identity)),
    });
}
