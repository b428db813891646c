//! Routes that ask one request for more than a plan tries: what changes there is not seen, and that has to be said.

use std::collections::BTreeSet;

use super::passes::PassKind;
use super::side::Side;
use crate::plugin::Plugin;
use crate::snapshot::Route;

/// A route at which nobody was tried with all that it demands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unseen {
    /// Its name.
    pub route: String,
    /// What it demands of one request.
    pub demands: Vec<PassKind>,
}

/// Those of both sides. A request is tried with one key, one password or one token.
pub(super) fn unseen(sides: &[Side; 2]) -> Vec<Unseen> {
    let routes = sides.iter().flat_map(|side| &side.snapshot.routes);
    let unseen = routes.filter_map(|route| {
        let demands = demands(route);
        (demands.len() > 1).then(|| Unseen {
            route: route.name.to_string(),
            demands: demands.into_iter().collect(),
        })
    });
    unseen.collect::<BTreeSet<_>>().into_iter().collect()
}

fn demands(route: &Route) -> BTreeSet<PassKind> {
    let plugins = route.chain.slots().iter().filter_map(|slot| slot.for_everybody());
    let demands = plugins.filter_map(|plugin| {
        let (kind, may_be_absent) = match plugin {
            Plugin::KeyAuth(plugin) => (PassKind::Key, plugin.auth.anonymous.is_some()),
            Plugin::BasicAuth(plugin) => (PassKind::Password, plugin.auth.anonymous.is_some()),
            Plugin::Jwt(plugin) => (PassKind::Token, plugin.auth.anonymous.is_some()),
            Plugin::OpenIdConnect(plugin) => (PassKind::AccessToken, plugin.anonymous().is_some()),
            Plugin::Acl(_)
            | Plugin::CorrelationId(_)
            | Plugin::HeaderCertAuth(_)
            | Plugin::IpRestriction(_)
            | Plugin::MtlsAuth(_)
            | Plugin::Principals(_)
            | Plugin::RequestTermination(_) => return None,
        };
        (!may_be_absent).then_some(kind)
    });
    demands.collect()
}
