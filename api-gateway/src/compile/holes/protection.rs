//! What a route demands of a request before it goes on, and what another one demands less.

use std::collections::{BTreeSet, HashMap};

use super::Site;
use super::duty::Duty;
use crate::document::PluginConfig;
use crate::document::plugin::acl::AclRule;
use crate::plugin::Plugin;

/// What a route demands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Protection {
    /// The plugins that must find somebody, by the names of what they are or are clones of.
    required: BTreeSet<&'static str>,
    of: BTreeSet<Demand>,
    /// Whether requests end here: then nobody gets through, and nothing is there to be protected.
    ends: bool,
}

/// What somebody has to have who gets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Demand {
    /// A name: somebody must be found.
    Authentication,
    /// A group.
    Group,
    /// An address of some.
    Address,
}

/// The protections of all sites, each different one once.
pub(super) struct Protections {
    pub(super) different: Vec<Protection>,
    /// Of each site, the position among the different ones.
    pub(super) of_site: Vec<usize>,
}

/// What the weaker of two routes does not demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lack {
    Authentication,
    Plugin(&'static str),
    Acl,
    Addresses,
}

impl Protections {
    pub(super) fn of(sites: &[Site<'_>]) -> Self {
        let mut known: HashMap<Protection, usize> = HashMap::new();
        let mut different = Vec::new();
        let of_site = sites.iter().map(|site| {
            let protection = Protection::of(site);
            *known.entry(protection).or_insert_with_key(|protection| {
                different.push(protection.clone());
                different.len() - 1
            })
        });
        let of_site = of_site.collect();
        Self { different, of_site }
    }

    /// Whether a site demands anything that another route could spare its requests.
    pub(super) fn demands(&self, site: usize) -> bool {
        let own = self.of_site.get(site).and_then(|own| self.different.get(*own));
        own.is_some_and(Protection::demands)
    }

    /// What the first site lacks, compared with the second.
    pub(super) fn lack(&self, weak: usize, strong: usize) -> Option<Lack> {
        let of = |site: usize| self.different.get(*self.of_site.get(site)?);
        of(weak)?.lacks(of(strong)?)
    }
}

impl Protection {
    fn of(site: &Site<'_>) -> Self {
        let mut required = BTreeSet::new();
        let mut of = BTreeSet::new();
        let (mut authenticates, mut allows) = (false, false);
        for turn in &site.turns {
            match &turn.duty {
                Duty::Authenticates(own) => {
                    authenticates = true;
                    if own.is_required() {
                        required.insert(turn.entity.name.kind.name());
                    }
                }
                Duty::Judges(config) => {
                    of.insert(Demand::Group);
                    allows |= matches!(config.rule, AclRule::Allow(_));
                }
                Duty::JudgesAll(config) => {
                    if config.same.is_some() || !config.allow.is_empty() {
                        of.insert(Demand::Group);
                    }
                    // Whom it requires must be there, whatever `anonymous` says.
                    let named = config.require.iter().filter_map(|name| site.turn(&name.value));
                    required.extend(named.map(|turn| turn.entity.name.kind.name()));
                }
                Duty::Other if restricts(&turn.entity.config) => {
                    of.insert(Demand::Address);
                }
                Duty::Other => {}
            }
        }
        // An acl refuses whoever is nobody; an anonymous consumer is somebody, whom only an allow list can leave out.
        if !required.is_empty() || allows || of.contains(&Demand::Group) && !authenticates {
            of.insert(Demand::Authentication);
        }
        let ends = site.compiled.chain.slots().iter().any(|slot| {
            matches!(slot.for_everybody(), Some(Plugin::RequestTermination(plugin)) if plugin.trigger.is_none())
        });
        Self { required, of, ends }
    }

    /// Whether there is anything that a request could be spared elsewhere.
    fn demands(&self) -> bool {
        !self.ends && !self.of.is_empty()
    }

    /// What this demands less than another.
    pub(super) fn lacks(&self, strong: &Self) -> Option<Lack> {
        if self.ends || strong.ends {
            return None;
        }
        let lacks = |demand| strong.of.contains(&demand) && !self.of.contains(&demand);
        let is_authenticated = self.of.contains(&Demand::Authentication);
        // Another way to keep people out is another way, and not less.
        let keeps_out_otherwise = self.of.contains(&Demand::Address) && !strong.of.contains(&Demand::Address);
        if lacks(Demand::Authentication) && !keeps_out_otherwise {
            return Some(Lack::Authentication);
        }
        if lacks(Demand::Group) && (is_authenticated || !keeps_out_otherwise) {
            return Some(Lack::Acl);
        }
        // Whoever has to say who he is may come from anywhere.
        let is_named_instead = is_authenticated && !strong.of.contains(&Demand::Authentication);
        if lacks(Demand::Address) && !is_named_instead {
            return Some(Lack::Addresses);
        }
        // Another way to authenticate is another way, and not less.
        let fewer = !self.required.is_empty() && self.required.is_subset(&strong.required);
        let missing = strong.required.difference(&self.required).next();
        missing.filter(|_| fewer).map(|name| Lack::Plugin(name))
    }
}

/// Whether only some addresses get in. A deny list lets everybody else in.
fn restricts(config: &PluginConfig) -> bool {
    let PluginConfig::IpRestriction(config) = config else {
        return false;
    };
    !config.allow.is_empty() && config.allow.iter().all(|network| network.prefix_len() > 0)
}

impl Lack {
    pub(super) fn words(self) -> String {
        match self {
            Self::Authentication => "without any authentication".to_owned(),
            Self::Plugin(name) => format!("without '{name}'"),
            Self::Acl => "without an acl or principals".to_owned(),
            Self::Addresses => "from any address".to_owned(),
        }
    }
}
