//! What routes demand, as a plan looks at it: which values satisfy one route, which of them satisfy another one too.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::plugin::Plugin;
use crate::plugin::credential_auth::Preflight;
use crate::router::RouteMatchers;
use crate::router::path::normalise;
use crate::router::sample::samples;
use crate::snapshot::Route;

use super::name_pattern::{meet, plain, split_port};
use super::path_witness::{PathWitness, witnesses};

/// A path segment that no document is likely to have.
const FRESH: &str = "somewhere";

/// Paths that are found for one expression, beside its samples.
const MOST_WITNESSES: usize = 48;

/// What a route demands, and what its plugins look at beside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) methods: Vec<String>,
    pub(super) hosts: Vec<String>,
    pub(super) paths: Vec<RoutePath>,
    pub(super) headers: Vec<(String, Vec<String>)>,
    pub(super) server_names: Vec<String>,
    pub(super) triggers: Vec<Trigger>,
    /// Whether a plugin lets every `OPTIONS` pass.
    pub(super) has_open_preflight: bool,
    /// Whether a plugin finds what it looks for in a body and in no header.
    pub(super) needs_a_body: bool,
}

/// One of a route's paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RoutePath {
    /// As it is compared: of a regex, what every match begins with as far as that is plain to see.
    begin: String,
    /// Requests that take it.
    samples: Vec<String>,
    /// What an automaton reads, and whether it is written as an expression.
    pattern: String,
    is_regex: bool,
}

/// What has to be there for a `request-termination` to end a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trigger {
    pub(super) header: String,
    pub(super) argument: String,
}

impl Shape {
    pub(super) fn of(matchers: RouteMatchers, route: &Route) -> Self {
        let RouteMatchers {
            id: _,
            methods,
            hosts,
            paths,
            headers,
            snis,
            regex_priority: _,
        } = matchers;
        let headers = headers.into_iter().map(|(name, values)| {
            let values = values.iter().flat_map(|value| header_values(value)).collect();
            (name, values)
        });
        Self {
            methods,
            hosts,
            paths: paths.iter().map(|path| RoutePath::of(path)).collect(),
            headers: headers.collect(),
            server_names: snis,
            triggers: triggers(route),
            has_open_preflight: has_open_preflight(route),
            needs_a_body: needs_a_body(route),
        }
    }

    /// Whether one request could satisfy both. Where that is not plain to see, it could.
    pub(super) fn meets(&self, other: &Self) -> bool {
        let names = |ones: &[String], others: &[String]| {
            ones.is_empty()
                || others.is_empty()
                || ones
                    .iter()
                    .any(|one| others.iter().any(|other| meet(one, other).is_some()))
        };
        let methods = self.methods.is_empty()
            || other.methods.is_empty()
            || self.methods.iter().any(|method| other.methods.contains(method));
        let paths = self.paths.is_empty()
            || other.paths.is_empty()
            || self
                .paths
                .iter()
                .any(|one| other.paths.iter().any(|other| one.meets(other)));
        methods && paths && names(&self.hosts, &other.hosts)
    }

    /// Hosts that satisfy this route, of which the first are no others' if that can be.
    pub(super) fn hosts_beside<'s>(&self, others: &(impl Iterator<Item = &'s Self> + Clone)) -> Vec<String> {
        let mut hosts: Vec<String> = Vec::new();
        let own: Vec<&str> = self.hosts.iter().map(String::as_str).collect();
        let own = if own.is_empty() { vec!["*"] } else { own };
        for pattern in &own {
            hosts.push(if *pattern == "*" {
                super::name_pattern::strange()
            } else {
                plain(pattern)
            });
        }
        for pattern in own {
            for other in others.clone().flat_map(|other| &other.hosts) {
                let met = meet(pattern, other);
                let without_port = met.as_deref().map(|met| split_port(met).0.to_owned());
                hosts.extend(without_port.into_iter().chain(met));
            }
        }
        unique(hosts)
    }

    /// The same for server names.
    pub(super) fn server_names_beside<'s>(
        &self,
        others: &(impl Iterator<Item = &'s Self> + Clone),
    ) -> Vec<String> {
        let mut names: Vec<String> = self.server_names.iter().map(|pattern| plain(pattern)).collect();
        let own: Vec<&str> = self.server_names.iter().map(String::as_str).collect();
        let own = if own.is_empty() { vec!["*"] } else { own };
        for pattern in own {
            let others = others.clone().flat_map(|other| &other.server_names);
            names.extend(others.filter_map(|other| meet(pattern, other)));
        }
        unique(names)
    }

    /// The same for paths.
    pub(super) fn paths_beside<'s>(&self, others: impl Iterator<Item = &'s Self>) -> Vec<String> {
        let mut paths: Vec<String> = self.paths.iter().flat_map(|path| path.samples.clone()).collect();
        if paths.is_empty() {
            paths = vec!["/".to_owned(), format!("/{FRESH}")];
        }
        for theirs in others.flat_map(|other| &other.paths) {
            let is_in = |path: &RoutePath| path.meets(theirs);
            if self.paths.is_empty() || self.paths.iter().any(is_in) {
                paths.extend(theirs.samples.iter().cloned());
            }
        }
        unique(paths)
    }
}

impl RoutePath {
    fn of(text: &str) -> Self {
        match text.strip_prefix('~') {
            Some(pattern) => {
                let normal = samples(pattern)
                    .into_iter()
                    .filter(|sample| normalise(sample).is_ok_and(|normal| normal == *sample));
                let mut samples: Vec<String> = normal.collect();
                // Most regexes go on where they end.
                let longer: Vec<String> = samples
                    .iter()
                    .take(2)
                    .map(|sample| format!("{}/{FRESH}", sample.trim_end_matches('/')))
                    .collect();
                samples.extend(longer);
                let is_plain = |character: &char| character.is_ascii_alphanumeric() || *character == '/';
                let mut begin: String = pattern.chars().take_while(is_plain).collect();
                // What follows may say that the last of them need not be there, or that others may stand instead of all.
                begin.pop();
                if pattern.contains('|') {
                    begin.truncate(1);
                }
                Self {
                    begin,
                    samples,
                    pattern: pattern.to_owned(),
                    is_regex: true,
                }
            }
            None => {
                let normal = normalise(text).map_or_else(|_| text.to_owned(), Cow::into_owned);
                let longer = format!("{}/{FRESH}", normal.trim_end_matches('/'));
                Self {
                    samples: vec![normal.clone(), longer],
                    pattern: regex_syntax::escape(&normal),
                    is_regex: false,
                    begin: normal,
                }
            }
        }
    }

    fn meets(&self, other: &Self) -> bool {
        let (one, other_begin) = (&self.begin, &other.begin);
        one.starts_with(other_begin.as_str()) || other_begin.starts_with(one.as_str())
    }
}

/// Adds to each path that is an expression what no sample of its own need have: the paths that it takes together with any
/// others, and with none of them.
pub(super) fn add_witnesses(shapes: &mut [Shape]) {
    let paths = || shapes.iter().flat_map(|shape| &shape.paths);
    let regexes: Vec<&RoutePath> = paths().filter(|path| path.is_regex).collect();
    let concerned = paths().filter(|path| path.is_regex || regexes.iter().any(|regex| regex.meets(path)));
    let patterns = unique(concerned.map(|path| path.pattern.clone()).collect());
    if regexes.is_empty() {
        return;
    }
    let mut found: HashMap<&str, Vec<String>> = HashMap::new();
    for PathWitness { path, satisfied } in witnesses(&patterns) {
        for pattern in satisfied {
            let paths = found.entry(patterns[pattern].as_str()).or_default();
            if paths.len() < MOST_WITNESSES {
                paths.push(path.clone());
            }
        }
    }
    for path in shapes.iter_mut().flat_map(|shape| &mut shape.paths) {
        if path.is_regex {
            let more = found.get(path.pattern.as_str()).into_iter().flatten();
            path.samples.extend(more.cloned());
            path.samples = unique(std::mem::take(&mut path.samples));
        }
    }
}

/// A value that satisfies a header condition.
fn header_values(condition: &str) -> Vec<String> {
    match condition.strip_prefix("~*") {
        Some(pattern) => {
            let mut found = samples(&pattern.to_ascii_lowercase());
            found.truncate(2);
            found
        }
        None => vec![condition.to_owned()],
    }
}

fn needs_a_body(route: &Route) -> bool {
    let mut configurations = route.chain.slots().iter().flat_map(|slot| slot.configurations());
    configurations.any(|plugin| match plugin {
        Plugin::KeyAuth(plugin) => plugin.places.body && !plugin.places.header,
        Plugin::OpenIdConnect(plugin) => plugin.sources().body && !plugin.sources().headers,
        Plugin::Acl(_)
        | Plugin::BasicAuth(_)
        | Plugin::CorrelationId(_)
        | Plugin::HeaderCertAuth(_)
        | Plugin::IpRestriction(_)
        | Plugin::Jwt(_)
        | Plugin::MtlsAuth(_)
        | Plugin::Principals(_)
        | Plugin::RequestTermination(_) => false,
    })
}

fn has_open_preflight(route: &Route) -> bool {
    let mut configurations = route.chain.slots().iter().flat_map(|slot| slot.configurations());
    configurations.any(|plugin| {
        let preflight = match plugin {
            Plugin::BasicAuth(plugin) => plugin.auth.preflight,
            Plugin::Jwt(plugin) => plugin.auth.preflight,
            Plugin::KeyAuth(plugin) => plugin.auth.preflight,
            Plugin::OpenIdConnect(plugin) => plugin.parts().preflight,
            Plugin::Acl(_)
            | Plugin::CorrelationId(_)
            | Plugin::HeaderCertAuth(_)
            | Plugin::IpRestriction(_)
            | Plugin::MtlsAuth(_)
            | Plugin::Principals(_)
            | Plugin::RequestTermination(_) => return false,
        };
        preflight == Preflight::LetThrough
    })
}

fn triggers(route: &Route) -> Vec<Trigger> {
    let configurations = route.chain.slots().iter().flat_map(|slot| slot.configurations());
    let triggers = configurations.filter_map(|plugin| match plugin {
        Plugin::RequestTermination(plugin) => plugin.trigger.as_ref(),
        Plugin::Acl(_)
        | Plugin::BasicAuth(_)
        | Plugin::CorrelationId(_)
        | Plugin::HeaderCertAuth(_)
        | Plugin::IpRestriction(_)
        | Plugin::Jwt(_)
        | Plugin::KeyAuth(_)
        | Plugin::MtlsAuth(_)
        | Plugin::OpenIdConnect(_)
        | Plugin::Principals(_) => None,
    });
    let triggers = triggers.map(|trigger| Trigger {
        header: trigger.header.as_str().to_owned(),
        argument: trigger.argument.to_string(),
    });
    unique(triggers.collect())
}

pub(super) fn unique<T: PartialEq>(values: Vec<T>) -> Vec<T> {
    let mut kept: Vec<T> = Vec::with_capacity(values.len());
    for value in values {
        if !kept.contains(&value) {
            kept.push(value);
        }
    }
    kept
}
