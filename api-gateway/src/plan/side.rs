//! One of the two configurations that are compared.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::UnixTime;
use transport::finding::Report;
use transport::layers;
use uuid::Uuid;

use crate::compile::{self, Generation};
use crate::consumer::{Consumer, ConsumerKey};
use crate::document::{self, Document, Place};
use crate::load::Inputs;
use crate::settings::{ListenProtocol, Settings};
use crate::snapshot::Snapshot;

use super::request::Scheme;

/// A configuration without errors, with the document that it came from.
#[derive(Debug)]
pub struct Side {
    /// Of the node.
    node: Arc<layers::Loaded<Settings>>,
    /// What is executed.
    pub snapshot: Snapshot,
    /// As written.
    pub document: Document,
    places: Places,
}

/// Where things stand in a document.
#[derive(Debug)]
struct Places {
    /// By the index that routes have in the snapshot.
    routes: Vec<Place>,
    consumers: HashMap<Uuid, Place>,
}

impl Places {
    fn of(document: &Document) -> Self {
        let consumers = document.consumers.iter();
        Self {
            routes: compile::live_routes(document)
                .into_iter()
                .map(|route| route.place)
                .collect(),
            consumers: consumers.map(|consumer| (consumer.id, consumer.place)).collect(),
        }
    }
}

/// The ports of a gateway whose node file names none.
const USUAL_PORTS: [u16; 2] = [8000, 8443];

impl Side {
    /// Reads and compiles everything, as the gateway does when it starts; another document than the node's if there is a
    /// path. There is a side only if no finding is an error.
    pub fn load(inputs: &Inputs, generation: u64, document: Option<&Path>) -> (Option<Self>, Report) {
        let (loaded, report) = inputs.load_reading(generation, document);
        let (node, _) = Settings::load(inputs.file.as_deref(), &inputs.environment);
        let side = loaded.zip(node).map(|((loaded, document), node)| Self {
            node: Arc::new(node),
            snapshot: loaded.snapshot,
            places: Places::of(&document),
            document,
        });
        (side, report)
    }

    /// The same node with another document; what is wrong with it, if anything is.
    pub(super) fn with(&self, document: Document, now: UnixTime) -> Result<Self, Report> {
        let generation = Generation {
            number: self.snapshot.generation,
            hash: self.snapshot.configuration_hash.clone(),
            now,
        };
        let (snapshot, findings) = compile::compile(&self.node, &document, generation);
        let snapshot = snapshot.ok_or_else(|| {
            let mut report = Report::default();
            for finding in findings {
                report.push(finding);
            }
            report
        })?;
        Ok(Self {
            node: Arc::clone(&self.node),
            snapshot,
            places: Places::of(&document),
            document,
        })
    }

    /// Where a route stands.
    pub(super) fn place_of_route(&self, route: usize) -> Option<String> {
        self.places.routes.get(route).map(|place| self.origin(*place))
    }

    /// Where a consumer stands.
    pub(super) fn place_of_consumer(&self, key: ConsumerKey) -> Option<String> {
        let id = self.snapshot.consumers.get(key)?.id;
        self.places.consumers.get(&id).map(|place| self.origin(*place))
    }

    /// Where the plugin of this name stands that a route runs for a caller.
    pub(super) fn place_of_plugin(
        &self,
        route: usize,
        plugin: &str,
        caller: Option<ConsumerKey>,
    ) -> Option<String> {
        let slot = self.snapshot.routes.get(route)?.chain.slot(plugin)?;
        let caller = caller.and_then(|key| Some((key, self.snapshot.consumers.get(key)?)));
        slot.for_caller(caller)
            .map(|configured| self.origin(configured.place))
    }

    fn origin(&self, place: Place) -> String {
        self.document.origin(place).to_string()
    }

    /// Of the node.
    pub(super) fn settings(&self) -> &Settings {
        &self.node.settings
    }

    /// The routes as written, by the index that they have in the snapshot.
    pub(super) fn routes(&self) -> Vec<&document::Route> {
        compile::live_routes(&self.document)
    }

    /// What a consumer is called: a name that means the same in both documents, if it has one.
    pub(super) fn consumer_name(&self, key: ConsumerKey) -> String {
        let consumer = self.snapshot.consumers.get(key);
        consumer.map_or_else(String::new, name_of)
    }

    /// Our end of a connection: the first listener for the scheme, or where one usually is.
    pub(super) fn listener(&self, scheme: Scheme) -> SocketAddr {
        let is_tls = scheme == Scheme::Https;
        let listens = self.settings().proxy_listen.iter();
        let mut ports = listens
            .filter(|listen| (listen.protocol != ListenProtocol::Http) == is_tls)
            .map(|listen| listen.address.port());
        let port = ports.next().unwrap_or(USUAL_PORTS[usize::from(is_tls)]);
        SocketAddr::new(IpAddr::from([192, 0, 2, 254]), port)
    }
}

/// Its username, else its custom id, else its id.
pub(super) fn name_of(consumer: &Consumer) -> String {
    let name = consumer.username.as_ref().or(consumer.custom_id.as_ref());
    name.map_or_else(|| consumer.id.to_string(), |name| name.text.to_string())
}
