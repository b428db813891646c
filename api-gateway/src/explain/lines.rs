//! The lines of the document that made a decision so.

use std::fmt;

use serde::Serialize;
use uuid::Uuid;

use crate::document::{self, Document, Place, Plugin};

/// A place in the document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Line {
    pub(super) file: String,
    pub(super) line: u32,
    pub(super) column: u32,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl Line {
    pub(super) fn of(document: &Document, place: Place) -> Self {
        Self {
            file: document.source.to_string(),
            line: place.line,
            column: place.column,
        }
    }
}

/// The route of this name or id.
pub(super) fn route<'d>(document: &'d Document, name: &str) -> Option<&'d document::Route> {
    let mut routes = document.routes.iter();
    routes.find(|route| match &route.name {
        Some(own) => own == name,
        None => route.id.to_string() == name,
    })
}

/// The plugin entity that begins here and can apply to a route. A YAML alias repeats a place.
pub(super) fn plugin<'d>(
    document: &'d Document,
    name: &str,
    place: Place,
    route: Option<&document::Route>,
) -> Option<&'d Plugin> {
    let route_id = route.map(|route| route.id);
    let service = route.and_then(|route| route.service);
    let applies = |plugin: &&Plugin| {
        let fits = |wanted: Option<Uuid>, own: Option<Uuid>| wanted.is_none() || wanted == own;
        fits(plugin.route, route_id) && fits(plugin.service, service)
    };
    let mut plugins = document.plugins.iter();
    plugins.find(|plugin| plugin.place == place && plugin.name.text == name && applies(plugin))
}

/// Which requests a plugin entity is for.
pub(super) fn scope(document: &Document, plugin: &Plugin) -> String {
    let named = |kind: &str, name: Option<&String>, id: Uuid| match name {
        Some(name) => format!("{kind} {name}"),
        None => format!("{kind} {id}"),
    };
    let mut parts = Vec::new();
    if let Some(id) = plugin.route {
        let route = document.routes.iter().find(|route| route.id == id);
        parts.push(named("route", route.and_then(|route| route.name.as_ref()), id));
    }
    if let Some(id) = plugin.service {
        let service = document.services.iter().find(|service| service.id == id);
        parts.push(named(
            "service",
            service.and_then(|service| service.name.as_ref()),
            id,
        ));
    }
    if let Some(id) = plugin.consumer {
        let consumer = document.consumers.iter().find(|consumer| consumer.id == id);
        parts.push(named(
            "consumer",
            consumer.and_then(|consumer| consumer.username.as_ref()),
            id,
        ));
    }
    if let Some(id) = plugin.consumer_group {
        let group = document.consumer_groups.iter().find(|group| group.id == id);
        parts.push(named("consumer group", group.map(|group| &group.name), id));
    }
    if parts.is_empty() {
        parts.push("global".to_owned());
    }
    parts.join(", ")
}
