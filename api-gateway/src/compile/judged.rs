//! Whom an `acl` judges. Kong's rule is that a consumer's own groups come first, also where somebody else was
//! authenticated after that consumer was found; what follows from it is easily overlooked.

use transport::finding::Finding;

use super::Compilation;
use super::scopes::Scoped;
use crate::document;
use crate::plugin::acl::Precedence;
use crate::plugin::{Chain, Plugin, Slot};

/// Warns of an `acl` that judges by the word of one plugin whom a later one has accepted: `mtls-auth` finds the edge,
/// `header-cert-auth` with `skip_consumer_lookup` accepts a client, and the edge's groups decide; or the other way round.
pub(super) fn check(
    compilation: &Compilation<'_>,
    scopes: &Scoped<'_>,
    route: &document::Route,
    chain: &Chain,
) {
    let mut said = LastWord::default();
    for turn in chain.slots().iter().enumerate() {
        let (_, slot) = turn;
        match slot.for_everybody() {
            Some(Plugin::BasicAuth(_) | Plugin::Jwt(_) | Plugin::KeyAuth(_)) => said.note(turn, true),
            Some(Plugin::MtlsAuth(plugin)) => said.note(turn, plugin.auth.finds_consumers()),
            Some(Plugin::HeaderCertAuth(plugin)) => said.note(turn, plugin.auth.finds_consumers()),
            Some(Plugin::OpenIdConnect(plugin)) => {
                if plugin.finds_consumers() {
                    said.note(turn, true);
                }
                if plugin.names_groups() {
                    said.note(turn, false);
                }
            }
            Some(Plugin::Acl(acl)) => {
                if let Some((judged, accepted)) = said.overlooked(acl.precedence)
                    && let Some(entity) = scopes.in_effect(&slot.name, route.id, route.service)
                    && scopes.is_news(entity.place)
                {
                    let message = format!(
                        "this judges by what '{}' found; whom '{}' accepts after it is not judged at all",
                        judged.name, accepted.name
                    );
                    compilation.report(
                        Finding::warning("acl-judges-another", compilation.at(entity.place), "plugins", message)
                            .with_fix("judge the first by a clone that runs before the second; always_use_authenticated_groups says whose groups count after it"),
                    );
                }
            }
            Some(
                Plugin::CorrelationId(_)
                | Plugin::IpRestriction(_)
                | Plugin::Principals(_)
                | Plugin::RequestTermination(_),
            )
            | None => {}
        }
    }
}

/// The plugins that had the last word on each of the two things that an `acl` looks at, and when.
#[derive(Default)]
struct LastWord<'s> {
    on_consumer: Option<(usize, &'s Slot)>,
    on_groups: Option<(usize, &'s Slot)>,
}

impl<'s> LastWord<'s> {
    fn note(&mut self, turn: (usize, &'s Slot), finds_consumers: bool) {
        if finds_consumers {
            self.on_consumer = Some(turn);
        } else {
            self.on_groups = Some(turn);
        }
    }

    /// Whose word counts, and whose later one does not.
    fn overlooked(&self, precedence: Precedence) -> Option<(&'s Slot, &'s Slot)> {
        let ((consumers_turn, consumer), (groups_turn, groups)) = self.on_consumer.zip(self.on_groups)?;
        match precedence {
            Precedence::ConsumersGroups => (groups_turn > consumers_turn).then_some((consumer, groups)),
            Precedence::AuthenticatedGroups => (consumers_turn > groups_turn).then_some((groups, consumer)),
        }
    }
}
