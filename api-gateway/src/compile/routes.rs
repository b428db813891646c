//! Routes, each with the chain that judges its requests, and the router that finds them.

use std::collections::HashMap;
use std::sync::Arc;

use http::StatusCode;
use transport::finding::Finding;
use uuid::Uuid;

use super::live_routes::LiveRoutes;
use super::scopes::Scoped;
use super::{Compilation, bound, judged, principals};
use crate::document::{self, RouteProtocol};
use crate::router::upstream_path::StripPath;
use crate::router::{RouteMatchers, Router};
use crate::snapshot::{HostSent, Route, Service};

/// The router, and the routes by its index.
pub(super) struct RouteTable {
    pub(super) router: Router,
    pub(super) routes: Box<[Route]>,
}

pub(super) fn compile(
    compilation: &Compilation<'_>,
    live: &LiveRoutes<'_>,
    scopes: &Scoped<'_>,
    services: &HashMap<Uuid, Arc<Service>>,
) -> Option<RouteTable> {
    let live = &live.all;
    let matchers: Vec<RouteMatchers> = live.iter().map(|route| route.matchers()).collect();
    let router = match Router::compile(&matchers) {
        Ok(router) => router,
        Err(problems) => {
            for problem in problems {
                let Some(route) = live.get(problem.route) else {
                    continue;
                };
                let place = match problem.field {
                    "paths" => route.paths.get(problem.index).map(|path| path.place),
                    "hosts" => route.hosts.get(problem.index).map(|host| host.place),
                    "snis" => route.snis.get(problem.index).map(|sni| sni.place),
                    "headers" => route.headers.get(problem.index).map(|header| header.name.place),
                    _ => None,
                };
                let origin = compilation.at(place.unwrap_or(route.place));
                compilation.report(Finding::error(
                    "bad-value",
                    origin,
                    format!("routes.{}", problem.field),
                    problem.message,
                ));
            }
            return None;
        }
    };
    let routes = live
        .iter()
        .map(|route| compile_route(compilation, route, scopes, services))
        .collect();
    Some(RouteTable { router, routes })
}

fn compile_route(
    compilation: &Compilation<'_>,
    route: &document::Route,
    scopes: &Scoped<'_>,
    services: &HashMap<Uuid, Arc<Service>>,
) -> Route {
    let chain = scopes.chain(compilation, route.id, route.service);
    judged::check(compilation, scopes, route, &chain);
    bound::check(compilation, scopes, route, &chain);
    principals::check(compilation, scopes, route, &chain);
    let takes = |protocol| route.protocols.contains(&protocol);
    let redirect =
        StatusCode::from_u16(route.https_redirect_status_code).unwrap_or(StatusCode::UPGRADE_REQUIRED);
    Route {
        name: route.name.clone().unwrap_or_else(|| route.id.to_string()).into(),
        wants_certificate: chain.wants_certificate(),
        chain,
        https_only: (takes(RouteProtocol::Https) && !takes(RouteProtocol::Http)).then_some(redirect),
        strip: if route.strip_path {
            StripPath::Strip
        } else {
            StripPath::Keep
        },
        host: if route.preserve_host {
            HostSent::Requests
        } else {
            HostSent::Services
        },
        service: route.service.and_then(|id| services.get(&id)).cloned(),
    }
}
