//! The tree taken apart into entities, nested or not, each with its id, and the index by which they refer to each other.
//!
//! Kong lets a child stand inside its parent (`services[].routes[]`) or beside it with a reference. Here both become the
//! same flat list before any field is read, so that an entity may refer to one that is written further down, and so
//! that reading a reference is one lookup.

use std::collections::HashMap;

use uuid::Uuid;

use super::id;
use super::log::Log;
use super::tree::{Located, Node, Place, Value};
use transport::finding::Finding;

/// The collections that this gateway has, by their names in the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Collection {
    Services,
    Upstreams,
    Targets,
    Routes,
    Consumers,
    ConsumerGroups,
    ConsumerGroupConsumers,
    Acls,
    CaCertificates,
    Certificates,
    Snis,
    MtlsAuthCredentials,
    HeaderCertAuthCredentials,
    KeyauthCredentials,
    BasicauthCredentials,
    JwtSecrets,
    ClonedPlugins,
    Plugins,
}

impl Collection {
    pub(super) const ALL: [Self; 18] = [
        Self::Services,
        Self::Upstreams,
        Self::Targets,
        Self::Routes,
        Self::Consumers,
        Self::ConsumerGroups,
        Self::ConsumerGroupConsumers,
        Self::Acls,
        Self::CaCertificates,
        Self::Certificates,
        Self::Snis,
        Self::MtlsAuthCredentials,
        Self::HeaderCertAuthCredentials,
        Self::KeyauthCredentials,
        Self::BasicauthCredentials,
        Self::JwtSecrets,
        Self::ClonedPlugins,
        Self::Plugins,
    ];

    /// The name at the top level, and of the list inside a parent.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Services => "services",
            Self::Upstreams => "upstreams",
            Self::Targets => "targets",
            Self::Routes => "routes",
            Self::Consumers => "consumers",
            Self::ConsumerGroups => "consumer_groups",
            Self::ConsumerGroupConsumers => "consumer_group_consumers",
            Self::Acls => "acls",
            Self::CaCertificates => "ca_certificates",
            Self::Certificates => "certificates",
            Self::Snis => "snis",
            Self::MtlsAuthCredentials => "mtls_auth_credentials",
            Self::HeaderCertAuthCredentials => "header_cert_auth_credentials",
            Self::KeyauthCredentials => "keyauth_credentials",
            Self::BasicauthCredentials => "basicauth_credentials",
            Self::JwtSecrets => "jwt_secrets",
            Self::ClonedPlugins => "cloned_plugins",
            Self::Plugins => "plugins",
        }
    }

    /// What may be nested in an entity of this collection: every collection that refers to it.
    pub(super) fn children(self) -> &'static [Self] {
        match self {
            Self::Services => &[Self::Routes, Self::Plugins],
            Self::Upstreams => &[Self::Targets],
            Self::Routes => &[Self::Plugins],
            Self::Consumers => &[
                Self::Acls,
                Self::Plugins,
                Self::MtlsAuthCredentials,
                Self::HeaderCertAuthCredentials,
                Self::KeyauthCredentials,
                Self::BasicauthCredentials,
                Self::JwtSecrets,
                Self::ConsumerGroupConsumers,
            ],
            Self::ConsumerGroups => &[Self::Plugins, Self::ConsumerGroupConsumers],
            Self::CaCertificates => &[Self::MtlsAuthCredentials, Self::HeaderCertAuthCredentials],
            Self::Certificates => &[Self::Snis, Self::Services, Self::Upstreams],
            Self::Targets
            | Self::ConsumerGroupConsumers
            | Self::Acls
            | Self::Snis
            | Self::MtlsAuthCredentials
            | Self::HeaderCertAuthCredentials
            | Self::KeyauthCredentials
            | Self::BasicauthCredentials
            | Self::JwtSecrets
            | Self::ClonedPlugins
            | Self::Plugins => &[],
        }
    }

    /// The field by which a child in `child` refers to its parent in this collection.
    fn parent_field(self, child: Self) -> &'static str {
        match self {
            Self::Services => "service",
            Self::Upstreams => "upstream",
            Self::Routes => "route",
            Self::Consumers => "consumer",
            Self::ConsumerGroups => "consumer_group",
            Self::CaCertificates => "ca_certificate",
            Self::Certificates if child != Self::Snis => "client_certificate",
            Self::Certificates => "certificate",
            Self::Targets
            | Self::ConsumerGroupConsumers
            | Self::Acls
            | Self::Snis
            | Self::MtlsAuthCredentials
            | Self::HeaderCertAuthCredentials
            | Self::KeyauthCredentials
            | Self::BasicauthCredentials
            | Self::JwtSecrets
            | Self::ClonedPlugins
            | Self::Plugins => "",
        }
    }

    /// The field whose value names an entity instead of its id.
    pub(super) fn endpoint_key(self) -> Option<&'static str> {
        match self {
            Self::Services
            | Self::Upstreams
            | Self::Routes
            | Self::ConsumerGroups
            | Self::Snis
            | Self::ClonedPlugins => Some("name"),
            Self::Consumers => Some("username"),
            Self::Plugins => Some("instance_name"),
            Self::Targets
            | Self::ConsumerGroupConsumers
            | Self::Acls
            | Self::CaCertificates
            | Self::Certificates
            | Self::MtlsAuthCredentials
            | Self::HeaderCertAuthCredentials
            // Theirs are secret, or are told of where they are read: no finding may repeat them.
            | Self::KeyauthCredentials
            | Self::BasicauthCredentials
            | Self::JwtSecrets => None,
        }
    }

    /// Whether the id follows from parts that are known only when references are (Kong's cache key).
    fn is_named_by_parts(self) -> bool {
        matches!(
            self,
            Self::Targets
                | Self::Acls
                | Self::Plugins
                | Self::ConsumerGroupConsumers
                | Self::KeyauthCredentials
                | Self::BasicauthCredentials
                | Self::JwtSecrets
        )
    }
}

/// One entity as written.
pub(super) struct Entry<'t> {
    pub(super) collection: Collection,
    pub(super) node: &'t Node,
    position: usize,
    parent: Option<usize>,
    /// Given, or derived; `None` where it follows from references that are not read yet.
    pub(super) id: Option<Uuid>,
}

/// All entities of a document, collection by collection, parents before their children.
#[derive(Default)]
pub(super) struct Entries<'t> {
    all: Vec<Entry<'t>>,
    by_id: HashMap<(Collection, Uuid), Place>,
    by_key: HashMap<(Collection, &'t str), (Uuid, Place)>,
}

impl<'t> Entries<'t> {
    /// Takes the whole document apart.
    pub(super) fn collect(root: &'t Node, log: &Log) -> Self {
        let mut entries = Self::default();
        for collection in Collection::ALL {
            entries.collect_list(collection, root, None, log);
        }
        entries
    }

    pub(super) fn get(&self, index: usize) -> Option<&Entry<'t>> {
        self.all.get(index)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &Entry<'t>)> {
        self.all.iter().enumerate()
    }

    /// `services[0].routes[1]`
    pub(super) fn path(&self, index: usize) -> String {
        let Some(entry) = self.all.get(index) else {
            return String::new();
        };
        let own = format!("{}[{}]", entry.collection.name(), entry.position);
        match entry.parent {
            Some(parent) => format!("{}.{own}", self.path(parent)),
            None => own,
        }
    }

    /// The parent that a nested entity has: the field that stands for it, and its id.
    pub(super) fn parent(&self, index: usize) -> Option<(&'static str, Located<Uuid>)> {
        let child = self.all.get(index)?;
        let parent = self.all.get(child.parent?)?;
        let field = parent.collection.parent_field(child.collection);
        Some((
            field,
            Located {
                value: parent.id?,
                place: parent.node.place,
            },
        ))
    }

    /// The entity that a reference means, by its endpoint key or its id.
    pub(super) fn find(&self, collection: Collection, text: &str) -> Option<Uuid> {
        match self.by_key.get(&(collection, text)) {
            Some((id, _)) => Some(*id),
            None => id::parse(text).filter(|id| self.has(collection, *id)),
        }
    }

    pub(super) fn has(&self, collection: Collection, id: Uuid) -> bool {
        self.by_id.contains_key(&(collection, id))
    }

    fn collect_list(&mut self, collection: Collection, holder: &'t Node, parent: Option<usize>, log: &Log) {
        let Some(list) = holder.get(collection.name()) else {
            return;
        };
        let Value::List(nodes) = &list.value else {
            let path = match parent {
                Some(parent) => format!("{}.{}", self.path(parent), collection.name()),
                None => collection.name().to_owned(),
            };
            let message = format!("{}: expected an array", collection.name());
            log.push(Finding::error(
                "wrong-type",
                log.origin(list.place),
                path,
                message,
            ));
            return;
        };
        for (position, node) in nodes.iter().enumerate() {
            let index = self.all.len();
            self.all.push(Entry {
                collection,
                node,
                position,
                parent,
                id: None,
            });
            self.identify(index, log);
            for child in collection.children() {
                self.collect_list(*child, node, Some(index), log);
            }
        }
    }

    /// Gives an entry its id and makes it known by id and key; two that claim the same are a finding.
    fn identify(&mut self, index: usize, log: &Log) {
        let Some(Entry { collection, node, .. }) = self.all.get(index) else {
            return;
        };
        let (collection, node) = (*collection, *node);
        let key = match (&node.value, collection) {
            // `snis` may be plain names.
            (Value::Text(name), Collection::Snis) => Some(&**name),
            _ => collection
                .endpoint_key()
                .and_then(|field| node.get(field))
                .and_then(Node::text),
        };
        let given = node.get("id").and_then(Node::text).and_then(id::parse);
        let id = match (given, key) {
            (Some(given), _) => given,
            (None, _) if collection.is_named_by_parts() => return,
            (None, Some(key)) => id::of_key(collection, key),
            (None, None) => id::of_position(&self.path(index)),
        };
        if let Some(entry) = self.all.get_mut(index) {
            entry.id = Some(id);
        }
        let taken = match key.filter(|_| collection != Collection::Plugins) {
            Some(key) => match self.by_key.insert((collection, key), (id, node.place)) {
                Some((_, first)) => {
                    let field = collection.endpoint_key().unwrap_or_default();
                    Some((format!("{field} set to '{key}'"), first))
                }
                None => None,
            },
            None => None,
        };
        let repeated = self.by_id.insert((collection, id), node.place);
        let taken = taken.or(repeated.map(|first| (format!("primary key set to '{id}'"), first)));
        if let Some((what, first)) = taken {
            let name = collection.name();
            let message =
                format!("uniqueness violation: '{name}' entity with {what} already declared ({first})");
            log.push(Finding::error(
                "uniqueness-violation",
                log.origin(node.place),
                self.path(index),
                message,
            ));
        }
    }
}
