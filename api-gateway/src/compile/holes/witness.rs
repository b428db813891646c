//! Requests to ask the router with: a hole is told only where a request has been found that comes through it, and that
//! request is in the text.

use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::protection::Protections;
use super::{Site, Survey};
use crate::document::{Located, Place, Route};
use crate::router::path::escape;
use crate::router::sample::{plain_sample, plain_samples};
use crate::router::upstream_path::upstream_path;
use crate::router::{Matched, MatchedPath, RequestFacts};

/// A host that no route names.
const ANY_HOST: &str = "any.invalid";

/// A path below another.
const BELOW: &str = "/any/path";

/// A request but for its path.
#[derive(Clone, Debug)]
pub(super) struct Witness {
    pub(super) method: Method,
    pub(super) host: String,
    sni: Option<String>,
    headers: HeaderMap,
}

/// A path that a route protects.
pub(super) struct Secured {
    pub(super) site: usize,
    /// As it is written, or the shortest that a pattern takes.
    pub(super) path: String,
    /// What the upstream is asked for by that.
    pub(super) upstream_path: String,
    /// The same of a path below it, where the route takes all of them: that another route takes the written path alone
    /// is an exception, and not a way around.
    pub(super) below: String,
    /// Where the route's path is written.
    pub(super) place: Place,
}

/// Requests for every site.
pub(super) struct Witnesses {
    pub(super) of_site: Vec<Option<Witness>>,
    /// One for each path of a site that demands anything, and of a pattern one for each of its branches.
    pub(super) secured: Vec<Secured>,
}

impl Witnesses {
    pub(super) fn of(survey: &Survey<'_>, protections: &Protections) -> Self {
        let of_site: Vec<Option<Witness>> = survey.sites.iter().map(Witness::of).collect();
        let mut secured = Vec::new();
        for (position, (site, witness)) in survey.sites.iter().zip(&of_site).enumerate() {
            if witness.is_none() || !protections.demands(position) {
                continue;
            }
            for Taken { path, matched, place } in taken(site.route) {
                let below = match matched {
                    MatchedPath::Regex(_) => path.clone(),
                    MatchedPath::Nothing | MatchedPath::Prefix(_) => {
                        format!("{}{BELOW}", path.trim_end_matches('/'))
                    }
                };
                secured.push(Secured {
                    site: position,
                    upstream_path: asked_for(site, &path, matched),
                    below: asked_for(site, &below, matched),
                    path,
                    place,
                });
            }
        }
        Self { of_site, secured }
    }
}

impl Witness {
    /// A request that fulfils every condition of a route but the path; `None` where none is easily found.
    fn of(site: &Site<'_>) -> Option<Self> {
        let route = site.route;
        let mut headers = HeaderMap::new();
        for header in &route.headers {
            let name = HeaderName::from_bytes(header.name.value.as_bytes()).ok()?;
            headers.insert(name, header_value(&header.values)?);
        }
        Some(Self {
            method: match route.methods.first() {
                Some(method) => Method::from_bytes(method.as_bytes()).ok()?,
                None => Method::GET,
            },
            host: match route.hosts.first() {
                Some(host) => name_for(&host.value),
                None => ANY_HOST.to_owned(),
            },
            sni: route.snis.first().map(|sni| name_for(&sni.value)),
            headers,
        })
    }

    pub(super) fn with_method(&self, method: Method) -> Self {
        Self {
            method,
            ..self.clone()
        }
    }

    pub(super) fn with_host(&self, host: &str) -> Self {
        Self {
            host: host.to_owned(),
            ..self.clone()
        }
    }

    pub(super) fn with_sni(&self, sni: &str) -> Self {
        Self {
            sni: Some(sni.to_owned()),
            ..self.clone()
        }
    }

    /// What the router looks at.
    pub(super) fn facts<'w>(&'w self, survey: &Survey<'_>, path: &'w str) -> RequestFacts<'w> {
        let mut listeners = survey.compilation.settings().proxy_listen.iter();
        let tls = listeners.clone().any(|listen| listen.protocol.is_tls());
        let listener = listeners.find(|listen| listen.protocol.is_tls() == tls);
        RequestFacts {
            method: &self.method,
            host: &self.host,
            listener_port: listener.map_or(443, |listen| listen.address.port()),
            path,
            headers: &self.headers,
            tls,
            sni: self.sni.as_deref(),
        }
    }

    /// The route that takes it.
    pub(super) fn goes_to(&self, survey: &Survey<'_>, path: &str) -> Option<Matched> {
        survey.router.find(&self.facts(survey, path))
    }

    /// As people write it; the names only where a route asks for any.
    pub(super) fn shown(&self, path: &str, routes: [&Route; 2]) -> String {
        let mut text = format!("{} {path}", self.method);
        if routes.iter().any(|route| !route.hosts.is_empty()) {
            text.push_str(", Host: ");
            text.push_str(&self.host);
        }
        for (name, value) in &self.headers {
            for part in [", ", name.as_str(), ": ", value.to_str().unwrap_or_default()] {
                text.push_str(part);
            }
        }
        if routes.iter().any(|route| !route.snis.is_empty()) {
            match &self.sni {
                Some(sni) => {
                    text.push_str(", SNI ");
                    text.push_str(sni);
                }
                None => text.push_str(", without SNI"),
            }
        }
        text
    }
}

/// A path that a route takes by one of its own.
struct Taken {
    path: String,
    matched: MatchedPath,
    place: Place,
}

fn taken(route: &Route) -> Vec<Taken> {
    if route.paths.is_empty() {
        return vec![Taken {
            path: "/".to_owned(),
            matched: MatchedPath::Nothing,
            place: route.place,
        }];
    }
    let samples = |path: &Located<String>| -> Vec<Taken> {
        let place = path.place;
        let Some(pattern) = path.value.strip_prefix('~') else {
            let text = escape(&path.value).into_owned();
            let matched = MatchedPath::Prefix(text.len());
            return vec![Taken {
                path: text,
                matched,
                place,
            }];
        };
        plain_samples(pattern)
            .map(|text| Taken {
                matched: MatchedPath::Regex(text.len()),
                path: text,
                place,
            })
            .collect()
    };
    route.paths.iter().flat_map(samples).collect()
}

/// What the upstream of a site is asked for.
pub(super) fn asked_for(site: &Site<'_>, path: &str, matched: MatchedPath) -> String {
    let service = site
        .compiled
        .service
        .as_deref()
        .and_then(|service| service.path.as_deref());
    upstream_path(service, path, matched, site.compiled.strip).into_owned()
}

/// A name that a pattern of hosts or server names takes.
pub(super) fn name_for(pattern: &str) -> String {
    if let Some(suffix) = pattern.strip_prefix("*.") {
        return format!("any.{suffix}");
    }
    match pattern.split_once(".*") {
        Some((prefix, port)) => format!("{prefix}.invalid{port}"),
        None => pattern.trim_end_matches('.').to_owned(),
    }
}

fn header_value(values: &[Located<String>]) -> Option<HeaderValue> {
    let sample = |value: &Located<String>| {
        let text = match value.value.strip_prefix("~*") {
            Some(pattern) => plain_sample(&pattern.to_ascii_lowercase())?,
            None => value.value.clone(),
        };
        HeaderValue::try_from(text).ok()
    };
    values.iter().find_map(sample)
}
