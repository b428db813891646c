//! Which route a request takes: Kong's `traditional_compatible` router.
//!
//! The threat: a request that *should* have met a protected route and, by another spelling of its host, path or header,
//! meets a less protected one, or reaches the upstream as something else than what was matched. Hence one rule for
//! the whole folder: the path is put into one form once ([`path::normalise`]), that form is matched, and that form is
//! what [`upstream_path`] builds upon.
//!
//! Routes become *alternatives*, one per route and path, sorted by Kong's 64-bit priority. The index (host, then path
//! prefix, then SNI or header) only finds candidates faster; every candidate is still judged by its own conditions,
//! and [`Router::candidates`] walks the sorted list without the index, so that the two can be held against each other.
//!
//! Where this router differs from Kong, it is on purpose: host names and SNIs are compared without regard to case,
//! `example.com:` is `example.com`, and path regexes are anchored as a whole (`~/a|/b` is anchored on both sides).

use std::collections::{BTreeMap, HashSet};

use http::{HeaderMap, Method};
use uuid::Uuid;

pub use self::advantage::Advantage;
use self::alternative::Alternative;
use self::host::RequestHost;
use self::index::Index;
use self::lower_case::{LOWER_CASE_BUFFER, lower_case};

mod advantage;
mod alternative;
mod header_condition;
mod host;
mod index;
mod leaf;
mod lower_case;
mod name_index;
mod name_pattern;
pub mod path;
mod path_pattern;
mod prefix_trie;
mod priority;
mod regex_block;
pub(crate) mod sample;
pub mod upstream_path;

#[cfg(test)]
mod tests;

/// What one route demands of a request, in the words of the Kong document. An empty list demands nothing.
///
/// Routes whose service is disabled are not in the router at all: leave them out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteMatchers {
    /// The route's id: it breaks ties of equal priority, the greater one first.
    pub id: Uuid,
    /// Upper-case method names.
    pub methods: Vec<String>,
    /// `host` or `host:port`; `*.host` and `host.*` stand for any number of labels.
    pub hosts: Vec<String>,
    /// `/prefix`, already normal, or `~/regex`, anchored at its start only.
    pub paths: Vec<String>,
    /// Header name and the values of which one is needed; a value starting `~*` is a regex.
    pub headers: Vec<(String, Vec<String>)>,
    /// Server names, compared only where the request came over https.
    pub snis: Vec<String>,
    /// Decides among regex paths, 0 to 4294967295; larger first.
    pub regex_priority: i64,
}

/// What the router wants to know of a request.
#[derive(Clone, Copy, Debug)]
pub struct RequestFacts<'a> {
    /// The request's method.
    pub method: &'a Method,
    /// The Host header (or `:authority`) as received, with its port if it had one; empty where there was none.
    pub host: &'a str,
    /// The port of the listener, for a Host without one.
    pub listener_port: u16,
    /// The path as [`path::normalise`] gave it, without query.
    pub path: &'a str,
    /// All request headers.
    pub headers: &'a HeaderMap,
    /// Whether the request counts as https (a trusted X-Forwarded-Proto included). Over http an SNI demand counts as
    /// fulfilled, so that the route matches and the https-only rule can answer 426.
    pub tls: bool,
    /// The server name of the handshake, if any.
    pub sni: Option<&'a str>,
}

/// A route that a request takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matched {
    /// Index into the routes given to [`Router::compile`].
    pub route: usize,
    /// Kong's 64-bit priority of the sub-route that matched.
    pub priority: u64,
    /// How much of the path the route's path condition took.
    pub path: MatchedPath,
}

/// How much of the normalised path a route took, in octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchedPath {
    /// The route has no paths.
    Nothing,
    /// A prefix path of this length.
    Prefix(usize),
    /// The part from the start of the path that a regex matched.
    Regex(usize),
}

/// Why a route cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteProblem {
    /// Index into the routes given to [`Router::compile`].
    pub route: usize,
    /// The field of the route, as Kong names it; `@entity` for the route as a whole.
    pub field: &'static str,
    /// Index into the field's list.
    pub index: usize,
    /// Kong's wording where Kong has one.
    pub message: String,
}

/// A compiled, immutable set of routes. Looking a request up takes no lock of ours, and allocates only for a host or a
/// header value that is both in upper case and longer than 256 octets. (A regex keeps scratch memory per thread, which
/// `regex` hands out from a pool and fills on first use.)
#[derive(Debug, Default)]
pub struct Router {
    /// Best first; the index refers to positions.
    alternatives: Vec<Alternative>,
    index: Index,
}

impl Router {
    /// Compiles all routes, or tells everything that is wrong with any of them.
    pub fn compile(routes: &[RouteMatchers]) -> Result<Self, Vec<RouteProblem>> {
        let mut alternatives = Vec::with_capacity(routes.len());
        let mut problems = Vec::new();
        for (position, route) in routes.iter().enumerate() {
            match alternative::compile(position, route) {
                Ok(compiled) => alternatives.extend(compiled),
                Err(found) => problems.extend(found),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        alternatives.sort_by(Alternative::best_first);
        let index = Index::new(&alternatives);
        Ok(Self { alternatives, index })
    }

    /// The route that the request takes: the matching one of the highest priority.
    pub fn find(&self, facts: &RequestFacts<'_>) -> Option<Matched> {
        let (mut host, mut sni) = (LOWER_CASE_BUFFER, LOWER_CASE_BUFFER);
        let received = RequestHost::parse(facts.host, facts.listener_port);
        let host = lower_case(received.name.as_bytes(), &mut host);
        let sni = facts
            .sni
            .map(|name| lower_case(without_trailing_dot(name).as_bytes(), &mut sni));
        let names = Names {
            host: &host,
            port: received.port,
            sni: sni.as_deref(),
        };
        self.index.find(facts, &names, &self.alternatives)
    }

    /// Every route that would take the request, best first, each once. Walks all routes: for explanations, not for
    /// traffic.
    pub fn candidates(&self, facts: &RequestFacts<'_>) -> impl Iterator<Item = Matched> {
        let mut seen = HashSet::new();
        let judge = |names: &Names<'_>| {
            let judged = self.alternatives.iter();
            judged
                .filter_map(|alternative| alternative.judge(facts, names))
                .filter(|matched| seen.insert(matched.route))
                .collect::<Vec<_>>()
        };
        with_names(facts, judge).into_iter()
    }

    /// Every route that would not, and which of its fields keep the request out, fewest first. Of the paths of a route
    /// the one that comes nearest counts.
    pub fn near_misses(&self, facts: &RequestFacts<'_>) -> Vec<(usize, Vec<&'static str>)> {
        let mut nearest: BTreeMap<usize, Vec<&'static str>> = BTreeMap::new();
        with_names(facts, |names| {
            for alternative in &self.alternatives {
                let (route, failing) = alternative.failing(facts, names);
                let known = nearest.entry(route).or_insert_with(|| failing.clone());
                if failing.len() < known.len() {
                    *known = failing;
                }
            }
        });
        let mut misses: Vec<_> = nearest
            .into_iter()
            .filter(|(_, failing)| !failing.is_empty())
            .collect();
        misses.sort_by_key(|(_, failing)| failing.len());
        misses
    }
}

/// The names of a request, without the buffers that traffic has for them.
fn with_names<T>(facts: &RequestFacts<'_>, work: impl FnOnce(&Names<'_>) -> T) -> T {
    let host = RequestHost::parse(facts.host, facts.listener_port);
    let name = host.name.to_ascii_lowercase().into_bytes();
    let sni = facts
        .sni
        .map(|name| without_trailing_dot(name).to_ascii_lowercase().into_bytes());
    work(&Names {
        host: &name,
        port: host.port,
        sni: sni.as_deref(),
    })
}

/// The names of a request as they are compared: lower case, port split off, no trailing dot on the SNI.
#[derive(Clone, Copy, Debug)]
struct Names<'a> {
    host: &'a [u8],
    port: u32,
    sni: Option<&'a [u8]>,
}

/// The dot that ends a fully qualified name takes no part in routing (it would be a second spelling of the name).
fn without_trailing_dot(name: &str) -> &str {
    match name.strip_suffix('.') {
        Some(shorter) if !shorter.is_empty() => shorter,
        Some(_) | None => name,
    }
}
