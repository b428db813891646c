//! The plugins of both sides that read certificates, and what each makes of everybody who could hold one.

use std::collections::HashMap;
use std::sync::Arc;

use http::HeaderName;
use rustls::pki_types::UnixTime;
use transport::certificate::Certificate;
use transport::forwarded_cert::HeaderFormat;
use uuid::Uuid;

use super::holder::Holders;
use super::names::PlannedName;
use super::side::Side;
use crate::consumer::ConsumerKey;
use crate::identity::{SourceRule, UseOfCommonName};
use crate::plugin::Plugin;
use crate::plugin::certificate_auth::{CertificateAuth, ConsumerLookup, GroupBy, Lookup};

/// A plugin that reads certificates.
pub(super) struct Instance<'s> {
    /// Of which side.
    pub(super) side: usize,
    pub(super) auth: &'s CertificateAuth,
    pub(super) source: Source<'s>,
    /// What it makes of a certificate, by the position of its holder.
    pub(super) readings: Vec<Reading>,
}

/// Where an instance reads from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source<'s> {
    Socket,
    Header(&'s HeaderName, HeaderFormat, SourceRule),
}

/// What an instance makes of a certificate, its names aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Reading {
    /// It is not trusted.
    Refused,
    /// Its names are looked up.
    Consumer {
        finder: usize,
        default: Option<ConsumerKey>,
    },
    /// It names a group.
    Group(GroupBy),
}

/// A way from names to a consumer: all instances that look names up alike have one.
pub(super) struct Finder<'s> {
    pub(super) side: usize,
    lookup: &'s ConsumerLookup,
    /// The authorities of whose mappings it makes use.
    authorities: Vec<Uuid>,
}

#[derive(PartialEq, Eq, Hash)]
struct FinderTerms {
    side: usize,
    mappings: usize,
    by_username: bool,
    by_custom_id: bool,
    is_common_name_always_tried: bool,
    authorities: Vec<Uuid>,
}

/// Everything that reads certificates.
pub(super) struct Instances<'s> {
    pub(super) all: Vec<Instance<'s>>,
    pub(super) finders: Vec<Finder<'s>>,
    /// By the place of the plugin in memory.
    positions: HashMap<usize, usize>,
}

impl<'s> Instances<'s> {
    pub(super) fn of(
        sides: &'s [Side; 2],
        (holders, anybody): (&Holders, &Arc<Certificate>),
        now: UnixTime,
    ) -> Self {
        let mut instances = Self {
            all: Vec::new(),
            finders: Vec::new(),
            positions: HashMap::new(),
        };
        let mut finders = HashMap::new();
        for (side, configuration) in sides.iter().enumerate() {
            let slots = configuration
                .snapshot
                .routes
                .iter()
                .flat_map(|route| route.chain.slots());
            for plugin in slots.filter_map(|slot| slot.for_everybody()) {
                let Some((auth, source)) = reader(plugin) else {
                    continue;
                };
                let place = std::ptr::from_ref(auth).addr();
                if instances.positions.contains_key(&place) {
                    continue;
                }
                let readings = holders.all.iter().map(|holder| {
                    let Ok(path) = holders.judge(auth.store(), anybody, *holder, now) else {
                        return Reading::Refused;
                    };
                    let lookup = match auth.lookup() {
                        Lookup::Group(by) => return Reading::Group(*by),
                        Lookup::Consumer(lookup) => lookup,
                    };
                    let issuers: Vec<[u8; 32]> =
                        path.issuers().iter().map(|issuer| issuer.sha256()).collect();
                    let authorities = lookup.authorities_with_mappings(&issuers);
                    let finder = Finder {
                        side,
                        lookup,
                        authorities,
                    };
                    let next = instances.finders.len();
                    let position = *finders.entry(finder.terms()).or_insert(next);
                    if position == next {
                        instances.finders.push(finder);
                    }
                    Reading::Consumer {
                        finder: position,
                        default: lookup.default,
                    }
                });
                let readings = readings.collect();
                instances.positions.insert(place, instances.all.len());
                instances.all.push(Instance {
                    side,
                    auth,
                    source,
                    readings,
                });
            }
        }
        instances
    }

    /// The position of a plugin, if it reads certificates.
    pub(super) fn position(&self, plugin: &Plugin) -> Option<usize> {
        let (auth, _) = reader(plugin)?;
        self.positions.get(&std::ptr::from_ref(auth).addr()).copied()
    }

    /// Whether any of them tries the common name beside alternative names.
    pub(super) fn try_common_names(&self) -> bool {
        self.finders.iter().any(Finder::tries_common_name)
    }

    /// Whether any of them makes a group of this.
    pub(super) fn group_by(&self, by: GroupBy) -> bool {
        let mut readings = self.all.iter().flat_map(|instance| &instance.readings);
        readings.any(|reading| *reading == Reading::Group(by))
    }
}

fn reader(plugin: &Plugin) -> Option<(&CertificateAuth, Source<'_>)> {
    match plugin {
        Plugin::MtlsAuth(plugin) => Some((&plugin.auth, Source::Socket)),
        Plugin::HeaderCertAuth(plugin) => Some((
            &plugin.auth,
            Source::Header(&plugin.header, plugin.format, plugin.source),
        )),
        Plugin::Acl(_)
        | Plugin::BasicAuth(_)
        | Plugin::CorrelationId(_)
        | Plugin::IpRestriction(_)
        | Plugin::Jwt(_)
        | Plugin::KeyAuth(_)
        | Plugin::OpenIdConnect(_)
        | Plugin::Principals(_)
        | Plugin::RequestTermination(_) => None,
    }
}

/// Whom a finder leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Led {
    To(ConsumerKey),
    Nowhere,
    /// To several, of whom nobody can say who is meant: there is no default for that.
    Astray,
}

impl Finder<'_> {
    fn tries_common_name(&self) -> bool {
        self.lookup.common_name == UseOfCommonName::Always
    }

    fn terms(&self) -> FinderTerms {
        FinderTerms {
            side: self.side,
            mappings: Arc::as_ptr(&self.lookup.mappings).addr(),
            by_username: self.lookup.by_username,
            by_custom_id: self.lookup.by_custom_id,
            is_common_name_always_tried: self.tries_common_name(),
            authorities: self.authorities.clone(),
        }
    }

    pub(super) fn find(&self, name: &PlannedName, sides: &[Side; 2]) -> Led {
        let names = name.certified(self.tries_common_name());
        let consumers = &sides[self.side].snapshot.consumers;
        match self.lookup.find_by(&names, &self.authorities, consumers) {
            Ok(Some((key, _))) => Led::To(key),
            Ok(None) => Led::Nowhere,
            Err(_) => Led::Astray,
        }
    }
}

impl Reading {
    /// The group that the certificate names.
    pub(super) fn group(by: GroupBy, name: &PlannedName) -> Option<Box<str>> {
        match by {
            GroupBy::CommonName => name.common_name(),
            GroupBy::DistinguishedName => Some(name.distinguished_name()),
            GroupBy::Nothing => None,
        }
    }
}
