//! Whom an `acl` judges. Kong's rule is that a consumer's own groups come first, also where somebody else was
//! authenticated after that consumer was found; what follows from it is easily overlooked.

use transport::finding::Finding;

use super::Compilation;
use super::scopes::Scoped;
use crate::document;
use crate::plugin::acl::Precedence;
use crate::plugin::{Chain, Plugin, Slot};

/// Warns of an `acl` that lets whoever a certificate names pass by the groups of the consumer that carried it: `mtls-auth`
/// finds the edge, `header-cert-auth` with `skip_consumer_lookup` accepts a client, and the edge's groups decide.
pub(super) fn check(
    compilation: &Compilation<'_>,
    scopes: &Scoped<'_>,
    route: &document::Route,
    chain: &Chain,
) {
    let mut consumer: Option<&Slot> = None;
    let mut groups: Option<&Slot> = None;
    for slot in chain.slots() {
        match slot.for_everybody() {
            Some(Plugin::MtlsAuth(plugin)) => {
                note(&mut consumer, &mut groups, slot, plugin.auth.finds_consumers());
            }
            Some(Plugin::HeaderCertAuth(plugin)) => {
                note(&mut consumer, &mut groups, slot, plugin.auth.finds_consumers());
            }
            Some(Plugin::Acl(acl)) if acl.precedence == Precedence::ConsumersGroups => {
                let Some((consumer, groups)) = consumer.zip(groups) else {
                    continue;
                };
                let entity = scopes.in_effect(&slot.name, route.id, route.service);
                let Some(place) = entity
                    .map(|entity| entity.place)
                    .filter(|place| scopes.is_news(*place))
                else {
                    continue;
                };
                let message = format!(
                    "this judges the groups of the consumer that '{}' found; whom '{}' accepts after it is not judged at all",
                    consumer.name, groups.name
                );
                compilation.report(
                    Finding::warning("acl-judges-another", compilation.at(place), "plugins", message)
                        .with_fix("set always_use_authenticated_groups, and judge the first by a clone that runs before the second"),
                );
            }
            Some(
                Plugin::Acl(_)
                | Plugin::CorrelationId(_)
                | Plugin::IpRestriction(_)
                | Plugin::RequestTermination(_),
            )
            | None => {}
        }
    }
}

fn note<'s>(
    consumer: &mut Option<&'s Slot>,
    groups: &mut Option<&'s Slot>,
    slot: &'s Slot,
    finds_consumers: bool,
) {
    if finds_consumers {
        // The later consumer takes the earlier one's place, and is judged.
        (*consumer, *groups) = (Some(slot), None);
    } else if consumer.is_some() {
        *groups = Some(slot);
    }
}
