//! Kong's rules once more, told as plainly as possible and without any of the router's parts: every route and path in
//! a list, sorted by a tuple, walked from the top.

use std::cmp::Reverse;

use regex::Regex;
use uuid::Uuid;

use super::super::{MatchedPath, RouteMatchers};
use super::TestRequest;

/// Route index and path length of the best match.
pub(super) fn find(routes: &[RouteMatchers], request: &TestRequest) -> Option<(usize, MatchedPath)> {
    let mut rows = Vec::new();
    for (index, route) in routes.iter().enumerate() {
        let kinds = [&route.methods, &route.hosts, &route.paths, &route.snis]
            .map(|list| usize::from(!list.is_empty()));
        let kinds = kinds.iter().sum::<usize>() + usize::from(!route.headers.is_empty());
        let plain = !route.hosts.is_empty() && !route.hosts.iter().any(|host| host.contains('*'));
        let paths: Vec<Option<&String>> = if route.paths.is_empty() {
            vec![None]
        } else {
            route.paths.iter().map(Some).collect()
        };
        for (place, path) in paths.into_iter().enumerate() {
            let regex = path.is_some_and(|path| path.starts_with('~'));
            let regex_priority = if regex { route.regex_priority } else { 0 };
            let length = path.filter(|_| !regex).map_or(0, String::len);
            let id = sub_route_id(route, path);
            let rank = (
                kinds,
                plain,
                route.headers.len(),
                regex,
                regex_priority,
                length,
                id,
            );
            rows.push((Reverse(rank), place, index, path));
        }
    }
    rows.sort();
    rows.into_iter().find_map(|(_, _, index, path)| {
        let matched = match_path(path, &request.path)?;
        accepts(&routes[index], request).then_some((index, matched))
    })
}

fn sub_route_id(route: &RouteMatchers, path: Option<&String>) -> Uuid {
    let group = |path: &String| if path.starts_with('~') { 0 } else { path.len() };
    let mut groups: Vec<usize> = Vec::new();
    for path in &route.paths {
        if !groups.contains(&group(path)) {
            groups.push(group(path));
        }
    }
    let Some(path) = path.filter(|_| groups.len() > 1) else {
        return route.id;
    };
    let number = groups.iter().position(|known| *known == group(path)).unwrap() + 1;
    let namespace = "7f145bf9-0dce-4f91-98eb-debbce4b9f6b".parse().unwrap();
    Uuid::new_v5(&namespace, format!("{}#{number}", route.id).as_bytes())
}

fn match_path(pattern: Option<&String>, path: &str) -> Option<MatchedPath> {
    let Some(pattern) = pattern else {
        return Some(MatchedPath::Nothing);
    };
    match pattern.strip_prefix('~') {
        Some(regex) => {
            let found = Regex::new(&format!("^(?:{regex})")).unwrap().find(path)?;
            Some(MatchedPath::Regex(found.len()))
        }
        None => path
            .starts_with(pattern)
            .then_some(MatchedPath::Prefix(pattern.len())),
    }
}

fn accepts(route: &RouteMatchers, request: &TestRequest) -> bool {
    let methods = route.methods.is_empty()
        || route
            .methods
            .iter()
            .any(|method| method == request.method.as_str());
    let hosts = route.hosts.is_empty() || route.hosts.iter().any(|host| accepts_host(host, &request.host));
    let snis = route.snis.is_empty()
        || !request.tls
        || request.sni.as_ref().is_some_and(|sni| {
            route
                .snis
                .iter()
                .any(|pattern| accepts_name(pattern.trim_end_matches('.'), sni.trim_end_matches('.')))
        });
    let headers = route.headers.iter().all(|(name, values)| {
        let folded = |name: &str| name.to_lowercase().replace('_', "-");
        let mut lines = request
            .headers
            .iter()
            .filter(|(sent, _)| folded(sent.as_str()) == folded(name));
        lines.any(|(_, line)| {
            let line = line.to_str().unwrap().to_lowercase();
            values
                .iter()
                .map(|value| value.to_lowercase())
                .any(|value| match value.strip_prefix("~*") {
                    Some(regex) => Regex::new(regex).unwrap().is_match(&line),
                    None => value == line,
                })
        })
    });
    methods && hosts && snis && headers
}

fn accepts_host(pattern: &str, host: &str) -> bool {
    let (name, port) = host.split_once(':').unwrap_or((host, "8443"));
    match pattern.split_once(':') {
        Some((pattern, wanted)) => wanted == port && accepts_name(pattern, name),
        None => accepts_name(pattern, name),
    }
}

fn accepts_name(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_lowercase(), name.to_lowercase());
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(suffix), _) => name.ends_with(suffix),
        (_, Some(prefix)) => name.starts_with(prefix),
        (None, None) => name == pattern,
    }
}
