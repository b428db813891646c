//! Routes that can take a request: those of a disabled service are not in the router at all.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use crate::document::{self, Document, Route};

/// The routes in the document's order, and by what plugins are scoped to.
pub(super) struct LiveRoutes<'a> {
    pub(super) all: Vec<&'a Route>,
    by_id: HashMap<Uuid, &'a Route>,
    by_service: HashMap<Uuid, Vec<&'a Route>>,
}

impl<'a> LiveRoutes<'a> {
    pub(super) fn of(document: &'a Document) -> Self {
        let disabled: HashSet<Uuid> = document
            .services
            .iter()
            .filter(|service| !service.enabled)
            .map(|service| service.id)
            .collect();
        let is_live = |route: &&Route| route.service.is_none_or(|id| !disabled.contains(&id));
        let all: Vec<&Route> = document.routes.iter().filter(is_live).collect();
        let mut by_service: HashMap<Uuid, Vec<&Route>> = HashMap::new();
        for route in &all {
            if let Some(service) = route.service {
                by_service.entry(service).or_default().push(route);
            }
        }
        Self {
            by_id: all.iter().map(|route| (route.id, *route)).collect(),
            by_service,
            all,
        }
    }

    /// The routes whose requests a plugin that is not global can meet.
    pub(super) fn concerned(&self, plugin: &document::Plugin) -> Vec<&'a Route> {
        match (plugin.route, plugin.service) {
            (Some(route), service) => {
                let route = self.by_id.get(&route).copied();
                let meets = |route: &&Route| service.is_none_or(|id| route.service == Some(id));
                route.filter(meets).into_iter().collect()
            }
            (None, Some(service)) => self.by_service.get(&service).cloned().unwrap_or_default(),
            (None, None) => self.all.clone(),
        }
    }
}
