//! What the chain of a route can see of whoever calls.

use std::collections::{BTreeSet, HashSet};
use std::net::IpAddr;

use ipnet::IpNet;

use super::bench::Bench;
use super::side::Side;
use super::signer::provided;
use crate::consumer::ConsumerKey;
use crate::plugin::acl::Rule;
use crate::plugin::certificate_auth::{CertificateAuth, Lookup};
use crate::plugin::fallback::Fallback;
use crate::plugin::ip_restriction::IpRestriction;
use crate::plugin::openid_connect::OpenIdConnect;
use crate::plugin::principals::Bond;
use crate::plugin::scope::Scopes;
use crate::plugin::{Chain, Plugin};

/// What one chain of one side looks at.
#[derive(Default)]
pub(super) struct ChainFacts<'s> {
    /// Plugins that read certificates, by their positions.
    pub(super) instances: Vec<usize>,
    /// Groups that an `acl` mentions.
    groups: HashSet<&'s str>,
    /// Consumer groups that an `acl` mentions, or that a configuration is for.
    consumer_groups: HashSet<&'s str>,
    /// Consumers of whom something is said alone.
    alone: HashSet<ConsumerKey>,
    restrictions: Vec<&'s IpRestriction>,
    /// Every configuration that could apply.
    pub(super) plugins: Vec<&'s Plugin>,
    /// Ways from a provider's token to a consumer, by their positions.
    pub(super) token_finders: Vec<usize>,
    /// How it asks two principals to belong together.
    pub(super) bonds: Vec<&'s Bond>,
}

/// What a chain sees of a consumer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct SeenConsumer<'s> {
    groups: BTreeSet<&'s str>,
    is_in_any: bool,
    consumer_groups: BTreeSet<&'s str>,
    is_in_any_consumer_group: bool,
    alone: Option<ConsumerKey>,
    /// Whether there is a custom id, where that is what two principals must have in common.
    has_custom_id: bool,
}

impl<'s> ChainFacts<'s> {
    pub(super) fn of(chain: &'s Chain, bench: &Bench<'_>) -> Self {
        let mut facts = Self::default();
        for slot in chain.slots() {
            for audience in slot.scopes().into_iter().flat_map(Scopes::audiences) {
                facts.alone.extend(audience.consumers.keys());
                facts
                    .consumer_groups
                    .extend(audience.groups.keys().map(AsRef::as_ref));
            }
            for plugin in slot.configurations() {
                facts.plugins.push(plugin);
                facts.look_at(plugin);
                facts.instances.extend(bench.instances.position(plugin));
                facts.token_finders.extend(bench.token_finders.position(plugin));
            }
        }
        facts
    }

    fn look_at(&mut self, plugin: &'s Plugin) {
        let mut count = |groups: &'s HashSet<Box<str>>| {
            self.groups.extend(groups.iter().map(AsRef::as_ref));
            self.consumer_groups.extend(groups.iter().map(AsRef::as_ref));
        };
        let anonymous = match plugin {
            Plugin::Acl(acl) => {
                let (Rule::Allow(groups) | Rule::Deny(groups)) = &acl.rule;
                count(groups);
                None
            }
            Plugin::Principals(principals) => {
                for groups in principals
                    .required
                    .iter()
                    .filter_map(|required| required.allow.as_ref())
                {
                    count(groups);
                }
                self.bonds.extend(&principals.bond);
                None
            }
            Plugin::IpRestriction(restriction) => {
                self.restrictions.push(restriction);
                None
            }
            Plugin::HeaderCertAuth(plugin) => self.look_at_certificates(&plugin.auth),
            Plugin::MtlsAuth(plugin) => self.look_at_certificates(&plugin.auth),
            Plugin::BasicAuth(plugin) => plugin.auth.anonymous.as_ref(),
            Plugin::Jwt(plugin) => plugin.auth.anonymous.as_ref(),
            Plugin::KeyAuth(plugin) => plugin.auth.anonymous.as_ref(),
            Plugin::OpenIdConnect(plugin) => plugin.anonymous(),
            Plugin::CorrelationId(_) | Plugin::RequestTermination(_) => None,
        };
        self.alone
            .extend(anonymous.and_then(|fallback| fallback.consumer));
    }

    fn look_at_certificates(&mut self, auth: &'s CertificateAuth) -> Option<&'s Fallback> {
        if let Lookup::Consumer(lookup) = auth.lookup() {
            self.alone.extend(lookup.default);
        }
        auth.anonymous()
    }

    /// What it sees of a consumer of its side.
    pub(super) fn see(&self, side: &'s Side, key: ConsumerKey) -> Option<SeenConsumer<'s>> {
        let consumer = side.snapshot.consumers.get(key)?;
        let seen = |groups: &'s [Box<str>], looked_at: &HashSet<&str>| {
            let names = groups.iter().map(AsRef::as_ref);
            names.filter(|group| looked_at.contains(group)).collect()
        };
        Some(SeenConsumer {
            groups: seen(&consumer.groups, &self.groups),
            is_in_any: !consumer.groups.is_empty(),
            consumer_groups: seen(&consumer.consumer_groups, &self.consumer_groups),
            is_in_any_consumer_group: !consumer.consumer_groups.is_empty(),
            alone: self.alone.contains(&key).then_some(key),
            has_custom_id: consumer.custom_id.is_some()
                && self.bonds.iter().any(|bond| matches!(bond, Bond::CustomId)),
        })
    }

    /// Plugins that take providers' tokens.
    pub(super) fn takers(&self) -> Vec<&'s OpenIdConnect> {
        self.plugins.iter().copied().filter_map(provided).collect()
    }

    /// The groups that it looks for.
    pub(super) fn groups(&self) -> impl Iterator<Item = &'s str> {
        self.groups.iter().copied()
    }

    /// Whether an `acl` looks for this group.
    pub(super) fn mentions(&self, group: &str) -> bool {
        self.groups.contains(group)
    }

    /// Addresses at which what an `ip-restriction` says begins or ends, and what it says of one.
    fn edges(&self) -> impl Iterator<Item = IpAddr> {
        let networks = self
            .restrictions
            .iter()
            .flat_map(|restriction| restriction.allow.iter().chain(restriction.deny.iter()));
        networks.flat_map(|network: &IpNet| {
            [Some(network.network()), after(network.broadcast())]
                .into_iter()
                .flatten()
        })
    }

    fn says(&self, address: IpAddr) -> impl Iterator<Item = bool> {
        self.restrictions.iter().flat_map(move |restriction| {
            [
                restriction.allow.contains(address),
                restriction.deny.contains(address),
            ]
        })
    }
}

/// The next address, if there is one.
pub(super) fn after(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(address) => u32::from(address)
            .checked_add(1)
            .map(|next| IpAddr::V4(next.into())),
        IpAddr::V6(address) => u128::from(address)
            .checked_add(1)
            .map(|next| IpAddr::V6(next.into())),
    }
}

/// Clients' addresses of which two chains could think differently: `usual` first, then one of each other kind.
pub(super) fn addresses(chains: &[Option<&ChainFacts<'_>>; 2], usual: IpAddr) -> Vec<IpAddr> {
    let facts = || chains.iter().copied().flatten();
    let mut seen = HashSet::new();
    let edges = facts().flat_map(ChainFacts::edges);
    std::iter::once(usual)
        .chain(edges)
        .filter(|address| seen.insert(facts().flat_map(|facts| facts.says(*address)).collect::<Vec<_>>()))
        .collect()
}
