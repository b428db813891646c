//! Everybody whom a certificate could name, in classes.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::instances::{Instances, Led};
use super::names::{Interned, Kind, NameShape, PlannedName, STRANGER};
use super::passes::Pass;
use super::side::Side;
use super::token_finders::TokenFinders;
use crate::consumer::ConsumerKey;
use crate::document::plugin::acl::AclRule;
use crate::document::plugin::principals::Same;
use crate::document::{Located, PluginConfig};
use crate::identity::TrustedEdges;
use crate::plugin::certificate_auth::GroupBy;
use crate::settings::EdgeName;

/// All names, each with whom every finder of both documents leads to.
pub(super) struct People {
    pub(super) names: Vec<PlannedName>,
    /// By name, then by finder.
    found: Vec<Led>,
    finders: usize,
    /// Names that no rule can tell apart, by position.
    pub(super) classes: Vec<Vec<u32>>,
    /// By side, by key: consumers of one name have one number.
    identities: [Vec<u32>; 2],
    /// The way back, by side.
    keys: [HashMap<u32, ConsumerKey>; 2],
    /// Credentials that no rule can tell apart, by position.
    pub(super) pass_classes: Vec<Vec<usize>>,
}

/// What a rule can see of whom a name leads to.
#[derive(PartialEq, Eq, Hash)]
enum Seen {
    Nobody,
    Astray,
    /// Somebody with these lists of groups, the number of whom he is among those that the same name leads to, and himself
    /// where something is said of him alone.
    Somebody {
        groups: Vec<u32>,
        consumer_groups: Vec<u32>,
        place: usize,
        alone: Option<ConsumerKey>,
        has_custom_id: bool,
    },
}

impl People {
    pub(super) fn of(
        sides: &[Side; 2],
        instances: &Instances<'_>,
        (passes, token_finders): (&[Pass], &TokenFinders<'_>),
    ) -> Self {
        let mentioned = Mentioned::of(sides);
        let names = names(sides, instances, &mentioned);
        let finders = instances.finders.len();
        let mut found = Vec::with_capacity(names.len() * finders);
        for name in &names {
            found.extend(instances.finders.iter().map(|finder| finder.find(name, sides)));
        }
        let identities = identities(sides);
        let mut people = Self {
            names,
            found,
            finders,
            classes: Vec::new(),
            keys: [0, 1].map(|side: usize| keys(&sides[side], &identities[side])),
            identities,
            pass_classes: Vec::new(),
        };
        people.pass_classes = people.classify_passes((sides, &mentioned), passes, token_finders);
        people.classes = people.classify(sides, instances, &mentioned);
        people
    }

    /// Whom a finder leads to from a name.
    pub(super) fn led(&self, name: u32, finder: usize) -> Led {
        self.found[name as usize * self.finders + finder]
    }

    /// A number that consumers of one name have in both documents.
    pub(super) fn identity(&self, side: usize, key: ConsumerKey) -> u32 {
        self.identities[side]
            .get(key.index())
            .copied()
            .unwrap_or(u32::MAX)
    }

    /// The consumer of a side that has this number.
    pub(super) fn key(&self, side: usize, identity: u32) -> Option<ConsumerKey> {
        self.keys[side].get(&identity).copied()
    }

    fn classify(&self, sides: &[Side; 2], instances: &Instances<'_>, mentioned: &Mentioned) -> Vec<Vec<u32>> {
        let by_group =
            instances.group_by(GroupBy::CommonName) || instances.group_by(GroupBy::DistinguishedName);
        let mut classes: HashMap<_, Vec<u32>> = HashMap::new();
        for (position, name) in self.names.iter().enumerate() {
            let number = u32::try_from(position).unwrap_or(u32::MAX);
            let led = instances.finders.iter().enumerate();
            let led = led.map(|(finder, terms)| (terms.side, self.led(number, finder)));
            let seen = self.seen((sides, mentioned), led);
            let group = by_group.then(|| {
                [name.common_name(), Some(name.distinguished_name())]
                    .map(|group| group.map(|group| mentioned.groups.known(&group)))
            });
            let edge = mentioned.edges.iter().position(|edge| edge == name);
            classes.entry((seen, group, edge)).or_default().push(number);
        }
        let mut classes: Vec<Vec<u32>> = classes.into_values().collect();
        classes.sort_unstable_by_key(|class| class.first().copied());
        classes
    }

    /// Credentials that no rule can tell apart, by position.
    fn classify_passes(
        &self,
        (sides, mentioned): (&[Side; 2], &Mentioned),
        passes: &[Pass],
        finders: &TokenFinders<'_>,
    ) -> Vec<Vec<usize>> {
        let mut classes: HashMap<_, Vec<usize>> = HashMap::new();
        for (position, pass) in passes.iter().enumerate() {
            let owned = pass.owners.iter().enumerate();
            let owned = owned.map(|(side, owner)| (side, owner.map_or(Led::Nowhere, Led::To)));
            let named = finders.sides().zip(pass.led.iter().copied());
            let seen = self.seen((sides, mentioned), owned.chain(named));
            let key = (pass.kind, pass.is_asymmetric, seen);
            classes.entry(key).or_default().push(position);
        }
        let mut classes: Vec<Vec<usize>> = classes.into_values().collect();
        classes.sort_unstable_by_key(|class| class.first().copied());
        classes
    }

    /// What rules can see of those to whom something leads, by the side whose consumers they are.
    fn seen(
        &self,
        (sides, mentioned): (&[Side; 2], &Mentioned),
        led: impl Iterator<Item = (usize, Led)>,
    ) -> Vec<Seen> {
        let mut places: Vec<u32> = Vec::new();
        led.map(|(side, led)| match led {
            Led::Nowhere => Seen::Nobody,
            Led::Astray => Seen::Astray,
            Led::To(key) => {
                let identity = self.identity(side, key);
                let place = places.iter().position(|known| *known == identity);
                let place = place.unwrap_or_else(|| {
                    places.push(identity);
                    places.len() - 1
                });
                let (groups, consumer_groups) = mentioned.groups_of(&sides[side], key);
                Seen::Somebody {
                    groups,
                    consumer_groups,
                    place,
                    alone: mentioned.alone[side].contains(&key).then_some(key),
                    has_custom_id: mentioned.custom_ids && has_custom_id(&sides[side], key),
                }
            }
        })
        .collect()
    }
}

fn has_custom_id(side: &Side, key: ConsumerKey) -> bool {
    let consumer = side.snapshot.consumers.get(key);
    consumer.is_some_and(|consumer| consumer.custom_id.is_some())
}

/// What rules of either document mention.
struct Mentioned {
    groups: Interned<Box<str>>,
    consumer_groups: Interned<Box<str>>,
    /// By side: consumers of whom something is said that is said of nobody else.
    alone: [HashSet<ConsumerKey>; 2],
    /// What certificates of edges hold.
    edges: Vec<PlannedName>,
    /// Whether principals have to have a custom id in common.
    custom_ids: bool,
}

impl Mentioned {
    fn of(sides: &[Side; 2]) -> Self {
        let mut mentioned = Self {
            groups: Interned::default(),
            consumer_groups: Interned::default(),
            alone: [HashSet::new(), HashSet::new()],
            edges: Vec::new(),
            custom_ids: false,
        };
        for (side, alone) in sides.iter().zip(0..) {
            mentioned.look_at(side, alone);
        }
        mentioned
    }

    fn look_at(&mut self, side: &Side, number: usize) {
        for plugin in side.document.plugins.iter().filter(|plugin| plugin.enabled) {
            let consumers = &side.snapshot.consumers;
            self.alone[number].extend(plugin.consumer.and_then(|id| consumers.by_id(id)));
            let (anonymous, default) = match &plugin.config {
                PluginConfig::Acl(config) => {
                    let (AclRule::Allow(groups) | AclRule::Deny(groups)) = &config.rule;
                    self.mention(groups);
                    (None, None)
                }
                PluginConfig::Principals(config) => {
                    let is_custom_id = |same: &Located<Same>| same.value == Same::CustomId;
                    self.custom_ids |= config.same.as_ref().is_some_and(is_custom_id);
                    config
                        .allow
                        .iter()
                        .for_each(|allowed| self.mention(&allowed.groups));
                    (None, None)
                }
                PluginConfig::MtlsAuth(config) => (
                    config.auth.anonymous.as_ref(),
                    config.auth.default_consumer.as_ref(),
                ),
                PluginConfig::HeaderCertAuth(config) => (
                    config.auth.anonymous.as_ref(),
                    config.auth.default_consumer.as_ref(),
                ),
                PluginConfig::BasicAuth(config) => (config.anonymous.as_ref(), None),
                PluginConfig::Jwt(config) => (config.anonymous.as_ref(), None),
                PluginConfig::KeyAuth(config) => (config.anonymous.as_ref(), None),
                PluginConfig::OpenIdConnect(config) => (config.anonymous.as_ref(), None),
                PluginConfig::Acme(_)
                | PluginConfig::CorrelationId(_)
                | PluginConfig::IpRestriction(_)
                | PluginConfig::RequestTermination(_) => (None, None),
            };
            let named = anonymous.into_iter().chain(default);
            let keys = named.filter_map(|named| consumers.by_id(named.value.consumer?));
            self.alone[number].extend(keys);
        }
        for group in &side.document.consumer_groups {
            let is_scope = |plugin: &crate::document::Plugin| plugin.consumer_group == Some(group.id);
            if side.document.plugins.iter().any(is_scope) {
                self.consumer_groups.number(group.name.as_str().into());
            }
        }
        let edges = side.snapshot.sources.edges.iter();
        for name in edges.flat_map(TrustedEdges::names) {
            let (text, kind) = match name {
                EdgeName::Dns(name) => (name, Kind::Dns),
                EdgeName::Uri(uri) => (uri, Kind::Uri),
                EdgeName::Sha256(_) => continue,
            };
            self.edges.push(PlannedName {
                text: text.as_str().into(),
                shape: NameShape::Alternative(kind),
            });
        }
    }

    fn mention(&mut self, groups: &[Located<String>]) {
        for group in groups {
            self.groups.number(group.value.as_str().into());
            self.consumer_groups.number(group.value.as_str().into());
        }
    }

    /// Those of a consumer's groups that a rule mentions.
    fn groups_of(&self, side: &Side, key: ConsumerKey) -> (Vec<u32>, Vec<u32>) {
        let Some(consumer) = side.snapshot.consumers.get(key) else {
            return (Vec::new(), Vec::new());
        };
        let numbers = |groups: &[Box<str>], known: &Interned<Box<str>>| {
            let mut numbers: Vec<u32> = groups.iter().filter_map(|group| known.known(group)).collect();
            numbers.sort_unstable();
            numbers.dedup();
            // Whether there are any at all is seen too.
            if numbers.is_empty() && !groups.is_empty() {
                numbers.push(u32::MAX);
            }
            numbers
        };
        (
            numbers(&consumer.groups, &self.groups),
            numbers(&consumer.consumer_groups, &self.consumer_groups),
        )
    }
}

/// Every name that means anything in either document, in every place of a certificate where it could; and one that means
/// nothing.
fn names(sides: &[Side; 2], instances: &Instances<'_>, mentioned: &Mentioned) -> Vec<PlannedName> {
    let mut texts: BTreeSet<&str> = BTreeSet::new();
    for Side { document, .. } in sides {
        for consumer in &document.consumers {
            texts.extend(
                consumer
                    .username
                    .iter()
                    .chain(&consumer.custom_id)
                    .map(String::as_str),
            );
        }
        let mappings = document
            .mtls_auth_credentials
            .iter()
            .chain(&document.header_cert_auth_credentials);
        texts.extend(mappings.map(|mapping| mapping.subject_name.value.as_str()));
    }
    let groups: Vec<&str> = mentioned.groups.values().map(AsRef::as_ref).collect();
    if instances.group_by(GroupBy::CommonName) {
        texts.extend(&groups);
    }
    let mut stranger = STRANGER.to_owned();
    while texts.contains(stranger.as_str()) {
        stranger.insert(0, 'x');
    }
    texts.insert(&stranger);
    let mut names: Vec<PlannedName> = Vec::with_capacity(texts.len() * 2);
    let mut add = |text: &str, shape| {
        let text = text.into();
        names.push(PlannedName { text, shape });
    };
    for text in texts {
        if !text.is_empty() {
            add(text, NameShape::Common);
        }
        if let Some(kind) = Kind::of(text) {
            add(text, NameShape::Alternative(kind));
        }
        if instances.try_common_names() && !text.is_empty() {
            add(text, NameShape::Beside);
        }
    }
    if instances.group_by(GroupBy::DistinguishedName) {
        for group in groups {
            if super::subject::parse(group).is_some() {
                add(group, NameShape::Subject);
            }
        }
    }
    names.extend(mentioned.edges.iter().cloned());
    names
}

fn identities(sides: &[Side; 2]) -> [Vec<u32>; 2] {
    let mut numbers: Interned<String> = Interned::default();
    [0, 1].map(|side: usize| {
        let consumers = sides[side].snapshot.consumers.iter();
        consumers
            .map(|consumer| numbers.number(super::side::name_of(consumer)))
            .collect()
    })
}

fn keys(side: &Side, identities: &[u32]) -> HashMap<u32, ConsumerKey> {
    let consumers = &side.snapshot.consumers;
    let keys = consumers
        .iter()
        .filter_map(|consumer| consumers.by_id(consumer.id));
    identities.iter().copied().zip(keys).collect()
}
