//! Which requests are tried: for every route of both documents one that takes it, and its neighbours, in which each of
//! its conditions is met in another way or not, as far as another route makes a difference of that.
//!
//! Where a route meets few others, everything that they tell apart is combined. A route that meets many (a catch-all) is
//! combined with each of them by itself.

use http::Method;

use super::progress::Progress;
use super::request::{PlannedRequest, Scheme};
use super::shape::{Shape, Trigger, unique};

/// Requests for one route that are made out of all combinations; beyond, it is combined with the others one by one.
const ALL_COMBINATIONS: usize = 4096;
/// Combinations for one route and one other, or for a route alone.
const SOME_COMBINATIONS: usize = 512;
/// Methods in the order of a reader's liking.
const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

/// Calls `try_it` with every request.
pub(super) fn for_each_request(
    shapes: &[Shape],
    progress: &mut Progress,
    mut try_it: impl FnMut(PlannedRequest),
) {
    for (position, shape) in shapes.iter().enumerate() {
        progress.step(position, shapes.len(), "routes looked at");
        let others: Vec<&Shape> = shapes
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != position)
            .map(|(_, other)| other)
            .filter(|other| shape.meets(other))
            .collect();
        let options = Options::of(shape, &others);
        if options.combinations() <= ALL_COMBINATIONS {
            options.combine(usize::MAX, &mut try_it);
            continue;
        }
        Options::of(shape, &[]).combine(SOME_COMBINATIONS, &mut try_it);
        for other in others {
            Options::of(shape, &[other]).combine(SOME_COMBINATIONS, &mut try_it);
        }
    }
}

/// What a request can have of each kind.
struct Options {
    methods: Vec<String>,
    hosts: Vec<String>,
    paths: Vec<String>,
    headers: Vec<Vec<(String, String)>>,
    queries: Vec<String>,
    /// How the client speaks; by https, with which server name.
    ways: Vec<(Scheme, ServerName)>,
}

#[derive(Clone, PartialEq)]
enum ServerName {
    AsHost,
    None,
    Other(String),
}

impl Options {
    fn of(shape: &Shape, others: &[&Shape]) -> Self {
        let all = || std::iter::once(shape).chain(others.iter().copied());
        let triggers = unique(all().flat_map(|shape| shape.triggers.clone()).collect());
        Self {
            methods: methods(shape, others),
            hosts: shape.hosts_beside(&others.iter().copied()),
            paths: shape.paths_beside(others.iter().copied()),
            headers: headers(shape, others, &triggers),
            queries: std::iter::once(String::new())
                .chain(triggers.iter().map(|trigger| format!("?{}=1", trigger.argument)))
                .collect(),
            ways: ways(shape, others),
        }
    }

    fn combinations(&self) -> usize {
        [
            self.methods.len(),
            self.hosts.len(),
            self.paths.len(),
            self.headers.len(),
            self.queries.len(),
            self.ways.len(),
        ]
        .into_iter()
        .fold(1, usize::saturating_mul)
    }

    /// All combinations; beyond `most` of them, each option with the first of the others.
    fn combine(&self, most: usize, try_it: &mut impl FnMut(PlannedRequest)) {
        let sizes = [
            self.methods.len(),
            self.hosts.len(),
            self.paths.len(),
            self.headers.len(),
            self.queries.len(),
            self.ways.len(),
        ];
        if self.combinations() <= most {
            let mut choice = [0; 6];
            loop {
                try_it(self.request(choice));
                let Some(next) = (0..6).find(|kind| choice[*kind] + 1 < sizes[*kind]) else {
                    return;
                };
                choice[next] += 1;
                choice[..next].fill(0);
            }
        }
        for kind in 0..6 {
            for option in 0..sizes[kind] {
                for way in 0..sizes[5] {
                    let mut choice = [0; 6];
                    choice[5] = way;
                    choice[kind] = option;
                    try_it(self.request(choice));
                }
            }
        }
    }

    fn request(&self, [method, host, path, headers, query, way]: [usize; 6]) -> PlannedRequest {
        let host = self.hosts[host].clone();
        let (scheme, server_name) = &self.ways[way];
        PlannedRequest {
            method: Method::from_bytes(self.methods[method].as_bytes()).unwrap_or_default(),
            scheme: *scheme,
            target: format!("{}{}", self.paths[path], self.queries[query]),
            headers: self.headers[headers].clone(),
            server_name: match server_name {
                ServerName::AsHost => host.split(':').next().map(str::to_ascii_lowercase),
                ServerName::None => None,
                ServerName::Other(name) => Some(name.clone()),
            },
            host,
        }
    }
}

fn methods(shape: &Shape, others: &[&Shape]) -> Vec<String> {
    if !shape.methods.is_empty() {
        return shape.methods.clone();
    }
    let mut theirs: Vec<String> = others.iter().flat_map(|other| other.methods.clone()).collect();
    if shape.has_open_preflight || others.iter().any(|other| other.has_open_preflight) {
        theirs.push("OPTIONS".to_owned());
    }
    if shape.needs_a_body || others.iter().any(|other| other.needs_a_body) {
        theirs.push("POST".to_owned());
    }
    let theirs = unique(theirs);
    let nobodys = METHODS
        .iter()
        .find(|method| !theirs.iter().any(|their| their == *method));
    let nobodys = nobodys.map_or("SOMETHING", |method| *method).to_owned();
    let mut all = vec![nobodys];
    all.extend(theirs);
    all
}

/// Those that the route needs, in every way that it can have them; then what others need beside them.
fn headers(shape: &Shape, others: &[&Shape], triggers: &[Trigger]) -> Vec<Vec<(String, String)>> {
    let mut needed: Vec<Vec<(String, String)>> = vec![Vec::new()];
    for (name, values) in &shape.headers {
        let with = |value: &String| {
            let line = (name.clone(), value.clone());
            needed
                .iter()
                .map(move |lines| lines.iter().cloned().chain([line.clone()]).collect())
                .collect::<Vec<_>>()
        };
        needed = values.iter().flat_map(with).collect();
    }
    let mut more: Vec<(String, String)> = others
        .iter()
        .flat_map(|other| &other.headers)
        .flat_map(|(name, values)| values.iter().map(|value| (name.clone(), value.clone())))
        .chain(
            triggers
                .iter()
                .map(|trigger| (trigger.header.clone(), "1".to_owned())),
        )
        .collect();
    more = unique(more);
    let mut additions: Vec<Vec<(String, String)>> = vec![Vec::new()];
    if more.len() <= 4 {
        for line in more {
            let with: Vec<_> = additions
                .iter()
                .map(|lines| lines.iter().cloned().chain([line.clone()]).collect())
                .collect();
            additions.extend(with);
        }
    } else {
        additions.extend(more.into_iter().map(|line| vec![line]));
        additions.extend(others.iter().map(|other| {
            let lines = other.headers.iter();
            lines
                .filter_map(|(name, values)| Some((name.clone(), values.first()?.clone())))
                .collect()
        }));
    }
    let all = needed.iter().flat_map(|needed| {
        additions.iter().map(|more| {
            let new = more.iter().filter(|line| !needed.contains(line));
            needed.iter().chain(new).cloned().collect()
        })
    });
    unique(all.collect())
}

fn ways(shape: &Shape, others: &[&Shape]) -> Vec<(Scheme, ServerName)> {
    let named = shape.server_names_beside(&others.iter().copied());
    let by_https = |name| (Scheme::Https, name);
    let mut ways: Vec<(Scheme, ServerName)> = Vec::new();
    if shape.server_names.is_empty() {
        ways.push(by_https(ServerName::AsHost));
        if !named.is_empty() {
            ways.push(by_https(ServerName::None));
        }
    }
    ways.extend(named.into_iter().map(|name| by_https(ServerName::Other(name))));
    ways.push((Scheme::Http, ServerName::None));
    ways
}
