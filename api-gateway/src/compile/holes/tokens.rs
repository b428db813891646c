//! Tokens and keys that are good where they should not be, or are read where they should not be.

use std::collections::HashSet;

use transport::finding::Finding;

use super::{Survey, Tally, Turn};
use crate::document::plugin::openid_connect::OpenIdConnectConfig;
use crate::document::{Place, PluginConfig};

pub(super) fn check(survey: &Survey<'_>, tally: &mut Tally) {
    let mut seen: HashSet<Place> = HashSet::new();
    let turns = survey.sites.iter().flat_map(|site| &site.turns);
    let mut turns: Vec<&Turn<'_>> = turns.filter(|turn| seen.insert(turn.entity.place)).collect();
    turns.sort_by_key(|turn| turn.entity.place);
    let mut first_key: Option<Place> = None;
    for turn in turns {
        match &turn.entity.config {
            PluginConfig::OpenIdConnect(config) => check_audience(survey, turn, config, tally),
            PluginConfig::KeyAuth(config) if config.key_in_query => {
                let first = *first_key.get_or_insert(turn.entity.place);
                tell_key(survey, turn, first, tally);
            }
            PluginConfig::Acl(_)
            | PluginConfig::BasicAuth(_)
            | PluginConfig::CorrelationId(_)
            | PluginConfig::HeaderCertAuth(_)
            | PluginConfig::IpRestriction(_)
            | PluginConfig::Jwt(_)
            | PluginConfig::KeyAuth(_)
            | PluginConfig::MtlsAuth(_)
            | PluginConfig::Principals(_)
            | PluginConfig::RequestTermination(_) => {}
        }
    }
}

fn check_audience(survey: &Survey<'_>, turn: &Turn<'_>, config: &OpenIdConnectConfig, tally: &mut Tally) {
    const CODE: &str = "token-without-audience";
    if config.names_audience {
        return;
    }
    let place = turn.entity.place;
    tally.tell(CODE, place, "plugins", || {
        let message = format!(
            "'{}' takes a token that {} issued for any service: whoever is given one, a neighbour's service too, can use it here in its owner's name",
            turn.name(),
            config.issuer.name,
        );
        Finding::warning(CODE, survey.compilation.at(place), turn.path("audience_required"), message)
            .with_fix("set audience_required to what the provider calls this API")
    });
}

fn tell_key(survey: &Survey<'_>, turn: &Turn<'_>, first: Place, tally: &mut Tally) {
    const CODE: &str = "key-in-query";
    tally.tell(CODE, first, "plugins", || {
        let message = format!(
            "'{}' takes keys in the query, as it does by default: what is in a URL is in the logs, histories and Referer headers of whoever handles it, and who reads one there is that consumer",
            turn.name()
        );
        Finding::warning(CODE, survey.compilation.at(first), turn.path("key_in_query"), message)
            .with_fix("set key_in_query: false, and let clients send a header")
    });
}
