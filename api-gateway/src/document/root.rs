//! The top level of a document, and all of its entities in turn.

use std::sync::Arc;

use rustls::pki_types::UnixTime;
use transport::finding::Finding;

use super::entity::Entity;
use super::entries::{Collection, Entries, Entry};
use super::fields::Fields;
use super::log::Log;
use super::reader::{At, Context, Format, Trail};
use super::tree::{Node, Value};
use super::{
    Document, acl, basicauth_credential, ca_certificate, certificate, certificate_mapping, cloned_plugin,
    consumer, jwt_secret, keyauth_credential, plugin, route, rule, service, upstream,
};

const FORMATS: &[(&str, Format)] = &[
    ("1.1", Format::BeforeThree),
    ("2.1", Format::BeforeThree),
    ("3.0", Format::Three),
];

/// Reads all entities, problems or not.
pub(super) fn read(root: &Node, source: &Arc<str>, now: UnixTime, log: &Log) -> Option<Document> {
    if !matches!(root.value, Value::Map(_)) {
        let message = "failed parsing declarative configuration: expected an object";
        log.push(Finding::error("syntax", log.origin(root.place), "", message));
        return None;
    }
    let entries = Entries::collect(root, log);
    let clones = cloned_plugin::names(&entries);
    let format = match root.get("_format_version").and_then(Node::text) {
        Some("1.1" | "2.1") => Format::BeforeThree,
        Some(_) | None => Format::Three,
    };
    let context = Context::new(log, &entries, now, format, &clones);
    let is_transformed = read_top_level(root, &context);

    let mut document = empty(source, is_transformed);
    for (index, entry) in entries.iter() {
        if read_entity(&mut document, &context, index, entry).is_none() && !log.has_errors() {
            // Every refusal says why. If one ever does not, the document must not go on without the entity.
            let origin = log.origin(entry.node.place);
            log.push(Finding::error(
                "unreadable",
                origin,
                entries.path(index),
                "this cannot be read",
            ));
        }
    }
    cloned_plugin::check_number(&context, &document.cloned_plugins);
    Some(document)
}

/// Gives `_transform`.
fn read_top_level(root: &Node, context: &Context<'_>) -> bool {
    let trail = Trail::Root;
    let Some(mut fields) = Fields::open(At {
        node: root,
        trail: &trail,
        context,
    }) else {
        return true;
    };
    fields.required("_format_version", rule::one_of(FORMATS));
    let is_transformed = fields.or("_transform", true, rule::boolean);
    fields.optional("workspaces", only_the_default);
    for collection in Collection::ALL {
        fields.ignored(collection.name());
    }
    fields.close();
    is_transformed
}

/// The one workspace that every Kong has.
fn only_the_default(at: At<'_>) -> Option<()> {
    let names = rule::list(|at| {
        let mut fields = Fields::open(at)?;
        let name = fields.required("name", rule::text);
        for other in ["id", "comment", "config", "created_at", "meta", "updated_at"] {
            fields.ignored(other);
        }
        fields.close();
        name
    })(at)?;
    if names.iter().any(|name| name != "default") {
        return at.refuse(
            "unsupported-entity",
            "workspaces other than 'default' are not supported yet",
        );
    }
    Some(())
}

/// A document of which nothing is known yet.
fn empty(source: &Arc<str>, is_transformed: bool) -> Document {
    Document {
        source: Arc::clone(source),
        services: Vec::new(),
        upstreams: Vec::new(),
        targets: Vec::new(),
        routes: Vec::new(),
        consumers: Vec::new(),
        consumer_groups: Vec::new(),
        consumer_group_consumers: Vec::new(),
        acls: Vec::new(),
        ca_certificates: Vec::new(),
        certificates: Vec::new(),
        snis: Vec::new(),
        mtls_auth_credentials: Vec::new(),
        header_cert_auth_credentials: Vec::new(),
        keyauth_credentials: Vec::new(),
        basicauth_credentials: Vec::new(),
        jwt_secrets: Vec::new(),
        is_transformed,
        cloned_plugins: Vec::new(),
        plugins: Vec::new(),
    }
}

/// `None` if the entity was refused.
fn read_entity(
    document: &mut Document,
    context: &Context<'_>,
    index: usize,
    entry: &Entry<'_>,
) -> Option<()> {
    let trail = Trail::Entry(context.entries, index);
    if entry.collection == Collection::Snis {
        // It may be a plain name.
        document
            .snis
            .push(certificate::read_sni(context, index, &trail, entry)?);
        return Some(());
    }
    let entity = Entity::open(context, index, &trail)?;
    match entry.collection {
        Collection::Services => document.services.push(service::read(entity)?),
        Collection::Upstreams => document.upstreams.push(upstream::read(entity)?),
        Collection::Targets => document.targets.push(upstream::read_target(entity, context)?),
        Collection::Routes => document.routes.push(route::read(entity, context)?),
        Collection::Consumers => document.consumers.push(consumer::read(entity, context)?),
        Collection::ConsumerGroups => document.consumer_groups.push(consumer::read_group(entity)?),
        Collection::ConsumerGroupConsumers => {
            document
                .consumer_group_consumers
                .push(consumer::read_membership(entity, context)?);
        }
        Collection::Acls => document.acls.push(acl::read(entity, context)?),
        Collection::CaCertificates => document
            .ca_certificates
            .push(ca_certificate::read(entity, context)?),
        Collection::Certificates => document.certificates.push(certificate::read(entity)?),
        Collection::MtlsAuthCredentials => {
            document
                .mtls_auth_credentials
                .push(certificate_mapping::read(entity)?);
        }
        Collection::HeaderCertAuthCredentials => {
            document
                .header_cert_auth_credentials
                .push(certificate_mapping::read(entity)?);
        }
        Collection::KeyauthCredentials => {
            document
                .keyauth_credentials
                .push(keyauth_credential::read(entity, context)?);
        }
        Collection::BasicauthCredentials => {
            document
                .basicauth_credentials
                .push(basicauth_credential::read(entity, context)?);
        }
        Collection::JwtSecrets => document.jwt_secrets.push(jwt_secret::read(entity, context)?),
        Collection::ClonedPlugins => document.cloned_plugins.push(cloned_plugin::read(entity)?),
        Collection::Plugins => document.plugins.push(plugin::read(entity, context)?),
        Collection::Snis => return None,
    }
    Some(())
}
