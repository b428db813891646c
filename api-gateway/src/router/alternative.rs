//! A route and one of its paths: what is sorted, indexed and judged.

use std::cmp::Ordering;
use std::sync::Arc;

use http::Method;
use uuid::Uuid;

use super::header_condition::HeaderCondition;
use super::host::HostPattern;
use super::name_pattern::NamePattern;
use super::path::decoded_length;
use super::path_pattern::PathPattern;
use super::priority::{PathGroup, priority};
use super::{Matched, Names, RequestFacts, RouteMatchers, RouteProblem, without_trailing_dot};

/// The namespace of sub-route ids, which every Kong uses: with the same ids, ties fall the same way here.
const SUB_ROUTES: Uuid = Uuid::from_u128(0x7f14_5bf9_0dce_4f91_98eb_debb_ce4b_9f6b);

/// All that a route demands besides its path. Empty lists demand nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Conditions {
    pub(super) methods: Vec<Method>,
    pub(super) hosts: Vec<HostPattern>,
    pub(super) headers: Vec<HeaderCondition>,
    pub(super) snis: Vec<NamePattern>,
}

/// One path of one route (or the route itself, if it has no paths).
#[derive(Clone, Debug)]
pub(super) struct Alternative {
    /// Index into what the router was compiled from.
    route: usize,
    /// Of the sub-route, not of the route.
    id: Uuid,
    priority: u64,
    pub(super) conditions: Arc<Conditions>,
    pub(super) path: PathPattern,
}

impl Alternative {
    /// Larger priority first, then the greater id. The sort is stable, so paths of one sub-route stay as written: the
    /// first regex that matches is the one that says how much is stripped.
    pub(super) fn best_first(&self, other: &Self) -> Ordering {
        (other.priority, other.id).cmp(&(self.priority, self.id))
    }

    /// The request's match if it is accepted; the judgement without any index.
    pub(super) fn judge(&self, facts: &RequestFacts<'_>, names: &Names<'_>) -> Option<Matched> {
        let hosts = &self.conditions.hosts;
        let right_host = hosts.is_empty() || hosts.iter().any(|host| host.matches(names.host, names.port));
        if right_host {
            self.judge_on_host(facts, names)
        } else {
            None
        }
    }

    /// The same, where the host is known to be right. Cheap questions first.
    pub(super) fn judge_on_host(&self, facts: &RequestFacts<'_>, names: &Names<'_>) -> Option<Matched> {
        let Conditions {
            methods,
            hosts: _,
            headers,
            snis,
        } = &*self.conditions;
        let right_method = methods.is_empty() || methods.contains(facts.method);
        let right_sni = || {
            snis.is_empty()
                || !facts.tls
                || names
                    .sni
                    .is_some_and(|sni| snis.iter().any(|wanted| wanted.matches(sni)))
        };
        if !right_method || !right_sni() {
            return None;
        }
        let path = self.path.matched(facts.path)?;
        let right_headers = headers.iter().all(|header| header.matches(facts.headers));
        right_headers.then_some(Matched {
            route: self.route,
            priority: self.priority,
            path,
        })
    }
}

impl Alternative {
    /// The route that it is of, and which of its fields do not let the request in.
    pub(super) fn failing(&self, facts: &RequestFacts<'_>, names: &Names<'_>) -> (usize, Vec<&'static str>) {
        let Conditions {
            methods,
            hosts,
            headers,
            snis,
        } = &*self.conditions;
        let in_vain = [
            ("methods", !methods.is_empty() && !methods.contains(facts.method)),
            (
                "hosts",
                !hosts.is_empty() && !hosts.iter().any(|host| host.matches(names.host, names.port)),
            ),
            (
                "snis",
                facts.tls
                    && !snis.is_empty()
                    && !names
                        .sni
                        .is_some_and(|sni| snis.iter().any(|wanted| wanted.matches(sni))),
            ),
            ("paths", self.path.matched(facts.path).is_none()),
            (
                "headers",
                !headers.iter().all(|header| header.matches(facts.headers)),
            ),
        ];
        let failing = in_vain.into_iter().filter(|(_, fails)| *fails);
        (self.route, failing.map(|(field, _)| field).collect())
    }
}

/// Parses one route and splits it by its paths.
pub(super) fn compile(position: usize, route: &RouteMatchers) -> Result<Vec<Alternative>, Vec<RouteProblem>> {
    let RouteMatchers {
        id,
        methods,
        hosts,
        paths,
        headers,
        snis,
        regex_priority,
    } = route;
    let mut problems = Problems {
        route: position,
        found: Vec::new(),
    };
    let conditions = Conditions {
        methods: problems.sift("methods", methods, |method| parse_method(method)),
        hosts: problems.sift("hosts", hosts, |host| HostPattern::parse(host)),
        headers: problems.sift("headers", headers, |(name, values)| {
            HeaderCondition::parse(name, values)
        }),
        snis: problems.sift("snis", snis, |sni| NamePattern::parse(without_trailing_dot(sni))),
    };
    let parsed_paths = problems.sift("paths", paths, |path| PathPattern::parse(path));
    let regex_priority = if paths.iter().any(|path| path.starts_with('~')) {
        let parse =
            |number: &i64| u32::try_from(*number).map_err(|_| "value should be between 0 and 4294967295");
        problems
            .sift("regex_priority", &[*regex_priority], parse)
            .first()
            .copied()
    } else {
        Some(0)
    };
    if methods.is_empty() && hosts.is_empty() && paths.is_empty() && headers.is_empty() && snis.is_empty() {
        problems.add(
            "@entity",
            0,
            "must set one of 'methods', 'hosts', 'headers', 'paths', 'snis'".to_owned(),
        );
    }
    match (problems.found.is_empty(), regex_priority) {
        (true, Some(regex_priority)) => Ok(split(
            position,
            *id,
            conditions,
            grouped(parsed_paths, regex_priority),
        )),
        (true, None) | (false, _) => Err(problems.found),
    }
}

/// One sub-route per group; a route of one group is its own sub-route.
fn split(
    route: usize,
    id: Uuid,
    conditions: Conditions,
    groups: Vec<(PathGroup, Vec<PathPattern>)>,
) -> Vec<Alternative> {
    let conditions = Arc::new(conditions);
    let several = groups.len() > 1;
    let mut alternatives = Vec::new();
    for (number, (group, paths)) in groups.into_iter().enumerate() {
        let id = if several { sub_route_id(id, number + 1) } else { id };
        let priority = priority(&conditions, group);
        let of_path = |path| Alternative {
            route,
            id,
            priority,
            conditions: Arc::clone(&conditions),
            path,
        };
        alternatives.extend(paths.into_iter().map(of_path));
    }
    alternatives
}

/// Sub-routes are numbered from 1 in the order in which the route's paths begin them.
fn sub_route_id(route: Uuid, number: usize) -> Uuid {
    Uuid::new_v5(&SUB_ROUTES, format!("{route}#{number}").as_bytes())
}

fn grouped(paths: Vec<PathPattern>, regex_priority: u32) -> Vec<(PathGroup, Vec<PathPattern>)> {
    if paths.is_empty() {
        return vec![(PathGroup::Any, vec![PathPattern::Any])];
    }
    let mut groups: Vec<(PathGroup, Vec<PathPattern>)> = Vec::new();
    for path in paths {
        let group = match &path {
            PathPattern::Any => PathGroup::Any,
            PathPattern::Prefix(prefix) => PathGroup::Prefixes(decoded_length(prefix)),
            PathPattern::Regex { .. } => PathGroup::Regexes(regex_priority),
        };
        match groups.iter_mut().find(|(known, _)| *known == group) {
            Some((_, members)) => members.push(path),
            None => groups.push((group, vec![path])),
        }
    }
    groups
}

fn parse_method(text: &str) -> Result<Method, String> {
    let invalid = || format!("invalid value: {text}");
    if text.is_empty() || !text.bytes().all(|letter| letter.is_ascii_uppercase()) {
        return Err(invalid());
    }
    Method::from_bytes(text.as_bytes()).map_err(|_| invalid())
}

struct Problems {
    route: usize,
    found: Vec<RouteProblem>,
}

impl Problems {
    fn add(&mut self, field: &'static str, index: usize, message: String) {
        self.found.push(RouteProblem {
            route: self.route,
            field,
            index,
            message,
        });
    }

    /// Parses every item of a field: what is good is returned, what is not is kept as a problem.
    fn sift<T, U, E: Into<String>>(
        &mut self,
        field: &'static str,
        items: &[T],
        parse: impl Fn(&T) -> Result<U, E>,
    ) -> Vec<U> {
        let mut good = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            match parse(item) {
                Ok(parsed) => good.push(parsed),
                Err(message) => self.add(field, index, message.into()),
            }
        }
        good
    }
}
