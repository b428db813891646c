//! Routes and a request: the index finds what the plain walk over all routes finds.

use std::collections::HashSet;

use api_gateway::router::path::normalise;
use api_gateway::router::{Matched, MatchedPath, RequestFacts, RouteMatchers, Router};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use uuid::Uuid;

/// More would make a case slow and not stranger.
const MOST_ROUTES: usize = 24;
const MOST_ENTRIES: usize = 200;

/// The octets are lines of a letter and a value. `r` begins a route; `m`, `h`, `p`, `k`, `s`, `x` are its methods,
/// hosts, paths, headers (`name=value`), SNIs and regex priority. `M`, `H`, `P`, `K`, `S`, `T` are the same of the
/// request, and that it came over TLS.
pub(crate) fn check(octets: &[u8]) {
    let Ok(text) = str::from_utf8(octets) else { return };
    if text.len() > 4096 {
        return;
    }
    let (routes, request) = parse(text);
    let router = match Router::compile(&routes) {
        Ok(router) => router,
        Err(problems) => {
            assert!(!problems.is_empty());
            assert!(problems.iter().all(|problem| problem.route < routes.len()));
            return;
        }
    };
    let Ok(path) = normalise(&request.path) else {
        return;
    };
    let facts = RequestFacts {
        method: &request.method,
        host: &request.host,
        listener_port: 8443,
        path: &path,
        headers: &request.headers,
        tls: request.tls,
        sni: request.sni.as_deref(),
    };
    let found = router.find(&facts);
    let all: Vec<Matched> = router.candidates(&facts).collect();
    assert_eq!(found, all.first().copied(), "{routes:#?}\n{request:?}");
    assert!(
        all.is_sorted_by(|one, other| one.priority >= other.priority),
        "{all:?}"
    );
    let once: HashSet<usize> = all.iter().map(|matched| matched.route).collect();
    assert_eq!(once.len(), all.len(), "{all:?}");
    for matched in &all {
        match matched.path {
            MatchedPath::Nothing => {}
            MatchedPath::Prefix(length) | MatchedPath::Regex(length) => assert!(length <= path.len()),
        }
    }
    // A route that wins among others wins alone.
    if let Some(winner) = found {
        let alone = routes.get(winner.route).cloned().into_iter().collect::<Vec<_>>();
        let router = Router::compile(&alone).unwrap_or_else(|problems| panic!("{problems:?}"));
        let by_itself = router
            .find(&facts)
            .map(|matched| (matched.path, matched.priority));
        assert_eq!(
            by_itself,
            Some((winner.path, winner.priority)),
            "{alone:#?}\n{request:?}"
        );
    }
}

#[derive(Debug)]
struct Request {
    method: Method,
    host: String,
    path: String,
    headers: HeaderMap,
    sni: Option<String>,
    tls: bool,
}

fn parse(text: &str) -> (Vec<RouteMatchers>, Request) {
    let mut routes: Vec<RouteMatchers> = Vec::new();
    let mut request = Request {
        method: Method::GET,
        host: String::new(),
        path: "/".to_owned(),
        headers: HeaderMap::new(),
        sni: None,
        tls: false,
    };
    for line in text.lines().take(MOST_ENTRIES) {
        let mut letters = line.chars();
        let Some(kind) = letters.next() else { continue };
        let value = letters.as_str().strip_prefix(' ').unwrap_or(letters.as_str());
        if kind == 'r' && routes.len() < MOST_ROUTES {
            let number = u128::try_from(routes.len()).unwrap_or_default();
            let id = Uuid::from_u128(value.parse().unwrap_or(number));
            routes.push(RouteMatchers {
                id,
                ..RouteMatchers::default()
            });
        }
        if kind.is_ascii_uppercase() {
            demand(&mut request, kind, value);
        } else if let Some(route) = routes.last_mut() {
            offer(route, kind, value);
        }
    }
    (routes, request)
}

fn offer(route: &mut RouteMatchers, kind: char, value: &str) {
    match kind {
        'm' => route.methods.push(value.to_owned()),
        'h' => route.hosts.push(value.to_owned()),
        'p' => route.paths.push(value.to_owned()),
        's' => route.snis.push(value.to_owned()),
        'k' => {
            let (name, value) = value.split_once('=').unwrap_or((value, ""));
            match route.headers.iter_mut().find(|(known, _)| known == name) {
                Some((_, values)) => values.push(value.to_owned()),
                None => route.headers.push((name.to_owned(), vec![value.to_owned()])),
            }
        }
        'x' => route.regex_priority = i64::from(value.parse::<u32>().unwrap_or_default()),
        _ => {}
    }
}

fn demand(request: &mut Request, kind: char, value: &str) {
    match kind {
        'M' => request.method = Method::from_bytes(value.as_bytes()).unwrap_or(Method::GET),
        'H' => value.clone_into(&mut request.host),
        'P' => value.clone_into(&mut request.path),
        'S' => request.sni = Some(value.to_owned()),
        'T' => request.tls = true,
        'K' => {
            let (name, value) = value.split_once('=').unwrap_or((value, ""));
            let name = HeaderName::from_bytes(name.as_bytes());
            if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
                request.headers.append(name, value);
            }
        }
        _ => {}
    }
}
