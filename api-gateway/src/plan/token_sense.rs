//! What plugins make of a provider's token, so that of tokens of which they make the same one is tried.

use super::attempt::Attempt;
use super::grants::Grant;
use super::signer::Signer;
use crate::consumer::{ConsumerKey, Consumers};
use crate::plugin::openid_connect::OpenIdConnect;

/// What one plugin makes of a token, the certificate beside it aside.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sense {
    /// Nobody whom it trusts vouches for it.
    Unknown,
    /// It is refused for this reason.
    Refused(&'static str),
    /// It names a consumer, if any, and groups, if it may.
    Taken(Option<ConsumerKey>, Option<Vec<Box<str>>>),
}

impl Attempt<'_, '_, '_> {
    /// What the plugins of both sides make of a token for a name.
    pub(super) fn sense(&self, grant: &Grant, name: &str) -> Vec<Sense> {
        let bench = self.stages.bench;
        let Some(signer) = &bench.signer else {
            return Vec::new();
        };
        let sides = self.takers.iter().enumerate();
        let senses = sides.flat_map(|(side, takers)| {
            let consumers = &bench.sides[side].snapshot.consumers;
            takers
                .iter()
                .map(move |plugin| sense(plugin, (signer, consumers), grant, name))
        });
        senses.collect()
    }
}

fn sense(
    plugin: &OpenIdConnect,
    (signer, consumers): (&Signer, &Consumers),
    grant: &Grant,
    name: &str,
) -> Sense {
    if !signer.vouches(plugin, grant) {
        return Sense::Unknown;
    }
    let parts = plugin.parts();
    if !parts.provider.issues_as(grant.issuer()) {
        return Sense::Refused("issuer");
    }
    match parts.rules.judge(&grant.claims_for(name), consumers) {
        Ok(outcome) => {
            let groups = outcome.groups.map(|groups| groups.names.to_vec());
            Sense::Taken(outcome.consumer, groups)
        }
        Err(fault) => Sense::Refused(fault.reason()),
    }
}
