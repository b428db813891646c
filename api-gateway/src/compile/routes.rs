//! Routes, each with the chain that judges its requests, and the router that finds them.

use std::collections::HashMap;
use std::sync::Arc;

use http::StatusCode;
use transport::finding::Finding;
use uuid::Uuid;

use super::bound::CertificateRequests;
use super::live_routes::LiveRoutes;
use super::scopes::{LaidOut, Scoped};
use super::{Compilation, bound, principals};
use crate::document::{self, RouteProtocol};
use crate::router::upstream_path::StripPath;
use crate::router::{RouteMatchers, Router};
use crate::snapshot::{HostSent, Route, Service};

/// The router, and the routes by its index.
pub(super) struct RouteTable<'a> {
    pub(super) router: Router,
    pub(super) routes: Box<[Route]>,
    /// Of each route's chain, slot by slot, the entities that meet everybody.
    pub(super) entities: Vec<Vec<Option<&'a document::Plugin>>>,
}

pub(super) fn compile<'a>(
    compilation: &Compilation<'_>,
    live: &LiveRoutes<'_>,
    scopes: &Scoped<'a>,
    services: &HashMap<Uuid, Arc<Service>>,
) -> Option<RouteTable<'a>> {
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
    let requests = CertificateRequests::of(compilation);
    let compiled = live
        .iter()
        .map(|route| compile_route(compilation, (route, &requests), scopes, services));
    let (routes, entities): (Vec<Route>, _) = compiled.unzip();
    Some(RouteTable {
        router,
        routes: routes.into(),
        entities,
    })
}

fn compile_route<'a>(
    compilation: &Compilation<'_>,
    (route, requests): (&document::Route, &CertificateRequests),
    scopes: &Scoped<'a>,
    services: &HashMap<Uuid, Arc<Service>>,
) -> (Route, Vec<Option<&'a document::Plugin>>) {
    let LaidOut { chain, entities } = scopes.chain(compilation, route.id, route.service);
    bound::check(compilation, scopes, (route, requests), &chain);
    principals::check(compilation, scopes, route, &chain);
    let takes = |protocol| route.protocols.contains(&protocol);
    let redirect =
        StatusCode::from_u16(route.https_redirect_status_code).unwrap_or(StatusCode::UPGRADE_REQUIRED);
    let route = Route {
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
    };
    (route, entities)
}
