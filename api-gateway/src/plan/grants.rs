//! Tokens of providers: what they could say, as far as a plugin looks at it.
//!
//! What a token says is up to the provider. Of those that content a side, the ones that say the least are tried, then one
//! that says all that either side demands; each also with something that not everybody forbids. Who gains by a change of
//! the demands has one of the first kind.

use serde_json::{Map, Value, json};

use super::chain_facts::ChainFacts;
use super::shape::unique;
use super::signer::{Signer, provided};
use crate::plugin::openid_connect::claims::Demand;
use crate::plugin::openid_connect::possession::PossessionRule;
use crate::plugin::openid_connect::{OpenIdConnect, Parts};
use crate::token::ClaimPath;

/// Tokens that are tried at one pair of routes.
const MOST: usize = 1024;
/// Ways to content one side that are all tried.
const MOST_CONTENTS: usize = 24;
/// Groups of which all combinations are tried.
const COMBINED: usize = 3;

/// What a token says, whose it is aside.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Grant {
    pub(super) claims: Map<String, Value>,
    /// Where it says whose it is.
    pub(super) name: Option<ClaimPath>,
    /// Somebody else whom it names at another place, where the order makes a difference.
    pub(super) other: Option<Other>,
    /// Whether it is bound to the certificate that comes with it.
    pub(super) is_bound: bool,
    /// Whose word it is, by position.
    pub(super) voucher: usize,
    /// Whether only its provider can read it.
    pub(super) is_opaque: bool,
    /// The groups that it names.
    pub(super) groups: Vec<String>,
    /// What it lacks, or has although somebody forbids it.
    pub(super) oddity: Option<String>,
    /// Who signs it, where that makes a difference.
    issuer: Option<String>,
}

/// Another name in a token.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Other {
    path: ClaimPath,
    name: Box<str>,
    /// The credential of that name, and the classes of those of which chains make the same, by their positions.
    pub(super) pass: usize,
    pub(super) classes: Vec<usize>,
}

impl Grant {
    /// What a token for this name says.
    pub(super) fn claims_for(&self, name: &str) -> Map<String, Value> {
        let mut claims = self.claims.clone();
        if let Some(path) = &self.name {
            path.put(&mut claims, json!(name));
        }
        if let Some(Other { path, name, .. }) = &self.other {
            path.put(&mut claims, json!(name));
        }
        claims
    }

    /// Its `iss`.
    pub(super) fn issuer(&self) -> &str {
        self.claims.get("iss").and_then(Value::as_str).unwrap_or_default()
    }

    /// What a reader has to know of it.
    pub(super) fn told(&self) -> Option<String> {
        let issuer = self.issuer.as_ref().map(|issuer| format!("by {issuer}"));
        let opaque = self.is_opaque.then(|| "introspected".to_owned());
        let name = self.name.as_ref().map(|path| format!("named by {path}"));
        let other = self.other.as_ref();
        let other = other.map(|Other { path, name, .. }| format!("and {name} by {path}"));
        let groups = match self.groups.as_slice() {
            [] => None,
            [group] => Some(format!("in group {group}")),
            several => Some(format!("in groups {}", several.join(" and "))),
        };
        let bound = self.is_bound.then(|| "bound to the certificate".to_owned());
        let parts: Vec<String> = [issuer, opaque, name, other, groups, bound, self.oddity.clone()]
            .into_iter()
            .flatten()
            .collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

/// Everything that tokens could say of which these chains make something else.
pub(super) fn grants(
    chains: &[Option<&ChainFacts<'_>>; 2],
    signer: Option<&Signer>,
    others: &[(Box<str>, usize, Vec<usize>)],
) -> Vec<Grant> {
    let Some(signer) = signer else { return Vec::new() };
    let facts = || chains.iter().copied().flatten();
    let sides: Vec<Vec<&Parts>> = facts().map(of_side).collect();
    let plugins: Vec<&OpenIdConnect> = facts()
        .flat_map(|facts| facts.plugins.iter().copied())
        .filter_map(provided)
        .collect();
    let parts = || sides.iter().flatten().copied();
    let rules = || parts().map(|parts| &parts.rules);
    let paths = rules().filter_map(|rules| rules.consumer.as_ref());
    let names: Vec<ClaimPath> = unique(paths.flat_map(|rule| rule.paths.iter().cloned()).collect());
    let group_paths: Vec<ClaimPath> = unique(rules().filter_map(|rules| rules.groups.clone()).collect());
    let groups = if group_paths.is_empty() {
        vec![Vec::new()]
    } else {
        combinations(&unique(facts().flat_map(ChainFacts::groups).collect()))
    };
    let may_be_bound = parts().any(|parts| parts.possession != PossessionRule::Off);
    let vouchers = vouchers(&plugins, signer);
    let mut grants = Vec::new();
    for Vouched {
        voucher,
        issuer,
        is_opaque,
    } in &vouchers
    {
        for words in contents(&sides) {
            for (forbidden, extra) in extras(&sides) {
                for groups in &groups {
                    for (name, other) in ways_to_name(&names, others) {
                        for is_bound in [false, true].into_iter().filter(|bound| may_be_bound || !bound) {
                            let mut claims = extra.clone();
                            let words = with_groups(&words, &group_paths, groups);
                            for (path, words) in words {
                                path.put(&mut claims, json!(words));
                            }
                            let mut oddities = lacking(parts(), &claims);
                            oddities.extend(forbidden.clone());
                            claims.insert("iss".to_owned(), json!(issuer));
                            grants.push(Grant {
                                claims,
                                name: name.clone(),
                                other: other.clone(),
                                is_bound,
                                voucher: *voucher,
                                is_opaque: *is_opaque,
                                groups: groups.iter().map(|group| (*group).to_owned()).collect(),
                                oddity: (!oddities.is_empty()).then(|| unique(oddities).join(", ")),
                                issuer: (vouchers.len() > 1).then(|| issuer.clone()),
                            });
                        }
                    }
                }
            }
        }
    }
    grants.truncate(MOST);
    grants
}

fn of_side<'s>(facts: &ChainFacts<'s>) -> Vec<&'s Parts> {
    let plugins = facts.plugins.iter().copied().filter_map(provided);
    plugins.map(OpenIdConnect::parts).collect()
}

/// By each claim; where there are several, by one with somebody else at another one.
fn ways_to_name(
    names: &[ClaimPath],
    others: &[(Box<str>, usize, Vec<usize>)],
) -> Vec<(Option<ClaimPath>, Option<Other>)> {
    if names.is_empty() {
        return vec![(None, None)];
    }
    let mut ways: Vec<_> = names.iter().map(|name| (Some(name.clone()), None)).collect();
    for name in names {
        for path in names.iter().filter(|path| *path != name) {
            ways.extend(others.iter().map(|(other, pass, classes)| {
                let other = Other {
                    path: path.clone(),
                    name: other.clone(),
                    pass: *pass,
                    classes: classes.clone(),
                };
                (Some(name.clone()), Some(other))
            }));
        }
    }
    ways
}

/// All combinations of a few groups; of many none, each, all, and all but one.
fn combinations<'g>(groups: &[&'g str]) -> Vec<Vec<&'g str>> {
    if groups.len() <= COMBINED {
        return groups.iter().fold(vec![Vec::new()], |known, group| {
            let with = known.iter().map(|some| [some.as_slice(), &[*group]].concat());
            let with: Vec<_> = with.collect();
            known.into_iter().chain(with).collect()
        });
    }
    let but = |left_out: &&'g str| groups.iter().copied().filter(|group| group != left_out).collect();
    std::iter::once(Vec::new())
        .chain(groups.iter().map(|group| vec![*group]))
        .chain([groups.to_vec()])
        .chain(groups.iter().map(but))
        .collect()
}

/// Whose word a token is, and what it says of that.
struct Vouched {
    voucher: usize,
    issuer: String,
    is_opaque: bool,
}

/// One of each kind that these plugins tell apart.
fn vouchers(plugins: &[&OpenIdConnect], signer: &Signer) -> Vec<Vouched> {
    let mut issuers: Vec<String> = Vec::new();
    let mut positions: Vec<(usize, bool)> = Vec::new();
    for plugin in plugins {
        let provider = plugin.provider();
        let allowed = provider.source().issuers_allowed.iter().flatten();
        let own = provider.known().issuer.clone();
        let all = own.into_iter().chain(allowed.cloned());
        issuers.extend(all.map(String::from).filter(|issuer| provider.issues_as(issuer)));
        positions.extend(signer.published_by(provider).map(|position| (position, false)));
        positions.extend(signer.asked_by(plugin).map(|position| (position, true)));
    }
    let mut found: Vec<(Vec<[bool; 2]>, Vouched)> = Vec::new();
    for (voucher, is_opaque) in unique(positions) {
        for issuer in unique(issuers.clone()) {
            let takes = |plugin: &&OpenIdConnect| {
                let provider = plugin.provider();
                let knows = if is_opaque {
                    signer.asked_by(plugin) == Some(voucher)
                } else {
                    signer.published_by(provider).any(|position| position == voucher)
                };
                [knows, provider.issues_as(&issuer)]
            };
            let taken: Vec<[bool; 2]> = plugins.iter().map(takes).collect();
            let is_anybodys = taken.contains(&[true, true]);
            // What is told from another by nobody is the same.
            let is_known = found
                .iter()
                .any(|(known, other)| *known == taken && other.is_opaque == is_opaque);
            if is_anybodys && !is_known {
                let vouched = Vouched {
                    voucher,
                    issuer,
                    is_opaque,
                };
                found.push((taken, vouched));
            }
        }
    }
    found.into_iter().map(|(_, vouched)| vouched).collect()
}

/// Words, by the claim that they stand in.
type Words = Vec<(ClaimPath, Vec<String>)>;

/// What contents everybody; then, for each side, each of the least things that content that one.
fn contents(sides: &[Vec<&Parts>]) -> Vec<Words> {
    let mut everything = Words::new();
    let mut least: Vec<Words> = Vec::new();
    for parts in sides {
        let demands: Vec<&Demand> = parts.iter().flat_map(|parts| &parts.rules.demands).collect();
        let mut of_side = vec![Words::new()];
        for demand in &demands {
            let alternatives: Vec<Vec<String>> = demand
                .required
                .alternatives()
                .map(|words| words.map(str::to_owned).collect())
                .collect();
            for alternative in &alternatives {
                add(&mut everything, &demand.path, alternative);
            }
            let with = |known: &Words, alternative: &Vec<String>| {
                let mut words = known.clone();
                add(&mut words, &demand.path, alternative);
                words
            };
            let is_many = of_side.len() * alternatives.len() > MOST_CONTENTS;
            of_side = if is_many {
                // Each in another way once.
                let first = of_side.iter().zip(alternatives.iter().cycle());
                let each = alternatives.iter().zip(of_side.iter().cycle());
                first
                    .chain(each.map(|(alternative, known)| (known, alternative)))
                    .map(|(known, alternative)| with(known, alternative))
                    .collect()
            } else {
                let each = of_side.iter().flat_map(|known| {
                    let all = alternatives.iter();
                    all.map(move |alternative| with(known, alternative))
                });
                each.collect()
            };
        }
        least.extend(of_side);
    }
    unique(std::iter::once(everything).chain(least).collect())
}

fn add(words: &mut Words, path: &ClaimPath, more: &[String]) {
    let known = match words.iter().position(|(known, _)| known == path) {
        Some(position) => position,
        None => {
            words.push((path.clone(), Vec::new()));
            words.len() - 1
        }
    };
    let (_, known) = &mut words[known];
    for word in more {
        if !known.contains(word) {
            known.push(word.clone());
        }
    }
}

fn with_groups(words: &Words, paths: &[ClaimPath], groups: &[&str]) -> Words {
    let mut words = words.clone();
    let groups: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
    for path in paths.iter().filter(|_| !groups.is_empty()) {
        add(&mut words, path, &groups);
    }
    words
}

/// Nothing, and each claim that is forbidden by somebody and not by everybody; with what to say of it.
fn extras(sides: &[Vec<&Parts>]) -> Vec<(Option<String>, Map<String, Value>)> {
    let parts = || sides.iter().flatten();
    let mut all = vec![(None, Map::new())];
    for name in parts().flat_map(|parts| &parts.rules.forbidden) {
        if !parts().all(|parts| parts.rules.forbidden.contains(name)) {
            let claims = Map::from_iter([(name.to_string(), json!(true))]);
            all.push((Some(format!("with the claim {name}")), claims));
        }
    }
    unique(all)
}

/// What somebody demands that it does not say.
fn lacking<'p>(parts: impl Iterator<Item = &'p Parts>, claims: &Map<String, Value>) -> Vec<String> {
    let demands = parts.flat_map(|parts| &parts.rules.demands);
    let is_met = |demand: &&Demand| {
        let claim = demand.path.find(claims);
        claim.is_some_and(|claim| demand.required.is_met_by(claim))
    };
    let lacking = demands.filter(|demand| !is_met(demand));
    lacking
        .map(|demand| {
            let words: Vec<String> = demand
                .required
                .alternatives()
                .map(|words| words.collect::<Vec<_>>().join(" with "))
                .collect();
            format!("without the {} {}", demand.what, words.join(" or "))
        })
        .collect()
}
