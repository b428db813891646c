//! Second ways: routes that lead to what another route protects, and demand less.
//!
//! A route that leads to a part of what another protects is an exception that somebody made (`/health` beside `/`): the
//! rest of what is protected stays out of its reach. What is told is a route by which a request comes to the very path of
//! the upstream that another request comes to by a protected route only, with a host, a server name, a header or a method
//! of the client's choice.

use std::collections::BTreeSet;

use http::Method;
use transport::finding::Finding;

use super::protection::{Lack, Protections};
use super::upstreams::Groups;
use super::witness::{Secured, Witness, Witnesses, asked_for, name_for};
use super::{Survey, Tally};
use crate::document::Route;
use crate::router::path::escape;
use crate::router::sample::plain_sample;

const CODE: &str = "second-route";

/// Requests that are tried for one route, and for all together: beyond these a document is too large for every pair of
/// its routes to be looked at, and each route is compared with some.
const TRIES: usize = 1000;
const TRIES_IN_ALL: usize = 500_000;

/// Hosts, and server names, of one route that are tried.
const NAMES: usize = 4;

/// Each route is told for itself unless there are more to one place.
const FEW: usize = 20;

pub(super) fn check(
    survey: &Survey<'_>,
    groups: &Groups<'_>,
    (protections, witnesses): (&Protections, &Witnesses),
    tally: &mut Tally,
) {
    let mut secured_by_group: Vec<Vec<&Secured>> = vec![Vec::new(); groups.sites.len()];
    for secured in &witnesses.secured {
        if let Some(group) = groups
            .group(secured.site)
            .and_then(|group| secured_by_group.get_mut(group))
        {
            group.push(secured);
        }
    }
    let weak_sites: Vec<Vec<usize>> = groups
        .sites
        .iter()
        .zip(&secured_by_group)
        .map(|(sites, secured)| weak(protections, sites, secured))
        .collect();
    let number: usize = weak_sites.iter().map(Vec::len).sum();
    let tries = (TRIES_IN_ALL / number.max(1)).clamp(16, TRIES);
    for (weak_sites, mut secured) in weak_sites.into_iter().zip(secured_by_group) {
        if weak_sites.is_empty() {
            continue;
        }
        distinct(survey, protections, &mut secured);
        let search = Search {
            survey,
            groups,
            protections,
            witnesses,
            secured: &secured,
        };
        for site in &weak_sites {
            if let Some(way) = search.from(*site, tries) {
                search.tell(*site, &way, weak_sites.len(), tally);
            }
        }
    }
}

/// The sites that demand less than one that is secured.
fn weak(protections: &Protections, sites: &[usize], secured: &[&Secured]) -> Vec<usize> {
    let strong: BTreeSet<usize> = secured
        .iter()
        .filter_map(|secured| protections.of_site.get(secured.site).copied())
        .collect();
    let is_weak = |site: &&usize| {
        let own = protections
            .of_site
            .get(**site)
            .and_then(|own| protections.different.get(*own));
        let mut strong = strong
            .iter()
            .filter_map(|class| protections.different.get(*class));
        own.is_some_and(|own| strong.any(|strong| own.lacks(strong).is_some()))
    };
    sites.iter().filter(is_weak).copied().collect()
}

/// Sorted by what the upstream is asked for; of several that no search could tell apart, one.
fn distinct(survey: &Survey<'_>, protections: &Protections, secured: &mut Vec<&Secured>) {
    let key = |secured: &Secured| {
        let route = survey.sites.get(secured.site).map(|site| site.route);
        (
            secured.below.clone(),
            protections.of_site.get(secured.site).copied(),
            route.and_then(|route| route.service),
            route.map(|route| route.methods.clone()),
            route.filter(|route| route.preserve_host).map(|route| route.id),
        )
    };
    secured.sort_by_cached_key(|secured| key(secured));
    secured.dedup_by(|one, other| key(one) == key(other));
}

struct Search<'s> {
    survey: &'s Survey<'s>,
    groups: &'s Groups<'s>,
    protections: &'s Protections,
    witnesses: &'s Witnesses,
    secured: &'s [&'s Secured],
}

/// A request that comes through.
struct Way<'s> {
    to: &'s Secured,
    lack: Lack,
    witness: Witness,
    path: String,
}

impl<'s> Search<'s> {
    /// A way by a site, if there is any.
    fn from(&self, site: usize, mut tries: usize) -> Option<Way<'s>> {
        let weak = self.survey.sites.get(site)?;
        let witness = self.witnesses.of_site.get(site)?.as_ref()?;
        let beginnings = beginnings(weak.route);
        let service_path = weak.compiled.service.as_deref()?.path.as_deref().unwrap_or("/");
        let stem = escape(service_path.strip_suffix('/').unwrap_or(service_path)).into_owned();
        for beginning in &beginnings {
            let base = format!("{stem}{}", beginning.kept);
            let first = self.secured.partition_point(|secured| secured.below < base);
            let below = self.secured.iter().skip(first);
            let below = below.take_while(|secured| secured.below.starts_with(&base));
            for secured in below {
                let Some(lack) = self.protections.lack(site, secured.site) else {
                    continue;
                };
                tries = tries.checked_sub(1)?;
                let strong = self.survey.sites.get(secured.site)?.route;
                let Some(method) = method(strong, weak.route) else {
                    continue;
                };
                let rest = secured.below.get(stem.len()..).unwrap_or_default();
                let path = beginning.before(rest);
                for witness in self.choices(weak.route, witness, secured) {
                    let witness = witness.with_method(method.clone());
                    if self.comes_through(site, secured, (&witness, &path)) {
                        return Some(Way {
                            to: secured,
                            lack,
                            witness,
                            path,
                        });
                    }
                }
            }
        }
        None
    }

    /// The names that are the client's to choose: of hosts the protected route's own, then others; of server names all
    /// that the weak route takes.
    fn choices(&self, weak: &Route, witness: &Witness, secured: &Secured) -> Vec<Witness> {
        let strong = self.witnesses.of_site.get(secured.site).and_then(Option::as_ref);
        let theirs = strong.filter(|_| weak.hosts.is_empty());
        let hosts = theirs.map(|strong| strong.host.clone()).into_iter();
        let own = weak.hosts.iter().take(NAMES).map(|host| name_for(&host.value));
        let any = weak.hosts.is_empty().then(|| witness.host.clone());
        let with_hosts = hosts.chain(own).chain(any).map(|host| witness.with_host(&host));
        if weak.snis.is_empty() {
            return with_hosts.collect();
        }
        let snis: Vec<String> = weak
            .snis
            .iter()
            .take(NAMES)
            .map(|sni| name_for(&sni.value))
            .collect();
        with_hosts
            .flat_map(|witness| snis.iter().map(move |sni| witness.with_sni(sni)))
            .collect()
    }

    fn comes_through(&self, site: usize, secured: &Secured, (witness, path): (&Witness, &str)) -> bool {
        let Some(weak) = self.survey.sites.get(site) else {
            return false;
        };
        let found = witness
            .goes_to(self.survey, path)
            .filter(|found| found.route == site);
        let strong = self.witnesses.of_site.get(secured.site).and_then(Option::as_ref);
        let (Some(matched), Some(strong)) = (found, strong) else {
            return false;
        };
        asked_for(weak, path, matched.path) == secured.below
            && self
                .groups
                .same_server(self.survey, (site, &witness.host), (secured.site, &strong.host))
    }

    fn tell(&self, site: usize, way: &Way<'_>, weak_sites: usize, tally: &mut Tally) {
        let sites = (self.survey.sites.get(site), self.survey.sites.get(way.to.site));
        let (Some(weak), Some(strong)) = sites else { return };
        let origin = weak.route.place;
        let key = if weak_sites <= FEW {
            origin
        } else {
            strong.route.place
        };
        tally.tell(CODE, key, "routes", || {
            let message = format!(
                "by the route '{}' the request `{}` comes {} to {} of the upstream, which the route '{}' ({}) protects",
                weak.name(),
                way.witness.shown(&way.path, [weak.route, strong.route]),
                way.lack.words(),
                way.to.below,
                strong.name(),
                self.survey.at(strong.route.place),
            );
            Finding::warning(CODE, self.survey.compilation.at(origin), weak.path("paths"), message).with_fix(
                "scope the plugins to the service; or keep this route to a path of its own (strip_path: false)",
            )
        });
    }
}

/// How paths of a route begin, and what of that the upstream is asked for.
struct Beginning {
    /// Before what is left when the route has taken its part.
    taken: String,
    /// What every path there begins with that goes on.
    kept: String,
}

impl Beginning {
    /// The request path for what is to be left after the service's own path.
    fn before(&self, rest: &str) -> String {
        let path = format!("{}{rest}", self.taken);
        if path.is_empty() { "/".to_owned() } else { path }
    }
}

fn beginnings(route: &Route) -> Vec<Beginning> {
    let whole = || Beginning {
        taken: String::new(),
        kept: String::new(),
    };
    if route.paths.is_empty() {
        return vec![whole()];
    }
    let of = |path: &str| match (path.strip_prefix('~'), route.strip_path) {
        (Some(pattern), true) => Some(Beginning {
            taken: plain_sample(pattern)?.trim_end_matches('/').to_owned(),
            kept: String::new(),
        }),
        (Some(_), false) => Some(whole()),
        (None, true) => Some(Beginning {
            taken: escape(path).trim_end_matches('/').to_owned(),
            kept: String::new(),
        }),
        (None, false) => Some(Beginning {
            taken: String::new(),
            kept: escape(path).into_owned(),
        }),
    };
    route.paths.iter().filter_map(|path| of(&path.value)).collect()
}

/// A method that both routes take. That reads are open, or preflights, which can carry no credential, is an exception
/// that somebody made.
fn method(strong: &Route, weak: &Route) -> Option<Method> {
    let takes = |route: &Route, method: &str| {
        route.methods.is_empty() || route.methods.iter().any(|own| own == method)
    };
    let reads = ["GET", "HEAD", "OPTIONS"];
    let only_reads = !weak.methods.is_empty() && weak.methods.iter().all(|own| reads.contains(&own.as_str()));
    let all_of_them = !strong.methods.is_empty() && strong.methods.iter().all(|own| takes(weak, own));
    if only_reads && !all_of_them {
        return None;
    }
    let listed = weak.methods.iter().chain(&strong.methods).map(String::as_str);
    let mut choice = ["GET"].into_iter().chain(listed);
    let method =
        choice.find(|method| *method != "OPTIONS" && takes(weak, method) && takes(strong, method))?;
    Method::from_bytes(method.as_bytes()).ok()
}
