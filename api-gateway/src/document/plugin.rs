//! `plugins`: which plugin applies where, with which configuration.

pub mod acl;
pub mod basic_auth;
pub mod certificate_auth;
mod challenge;
pub mod correlation_id;
pub mod ip_restriction;
pub mod jwt;
pub mod key_auth;
mod kind;
pub mod name;
pub mod named_consumer;
pub mod openid_connect;
pub mod principals;
pub mod request_termination;

use uuid::Uuid;

use super::entity::Entity;
use super::entries::Collection;
use super::fields::Fields;
use super::reader::{At, Context};
use super::tree::{Located, Place};
use super::{id, rule};
use acl::AclConfig;
pub use kind::PluginKind;

use basic_auth::BasicAuthConfig;
use certificate_auth::{HeaderCertAuthConfig, MtlsAuthConfig};
use correlation_id::CorrelationIdConfig;
use ip_restriction::IpRestrictionConfig;
use jwt::JwtConfig;
use key_auth::KeyAuthConfig;
use named_consumer::NamedConsumer;
use openid_connect::OpenIdConnectConfig;
use principals::PrincipalsConfig;
use request_termination::RequestTerminationConfig;

/// One configured plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plugin {
    /// The id, given or derived from name and scope.
    pub id: Uuid,
    /// Where the entity begins.
    pub place: Place,
    /// Its name, what it is, and when it runs.
    pub name: PluginName,
    /// A label.
    pub instance_name: Option<String>,
    /// Only on this route: an id of [`super::Document::routes`].
    pub route: Option<Uuid>,
    /// Only on this service: an id of [`super::Document::services`].
    pub service: Option<Uuid>,
    /// Only for this consumer: an id of [`super::Document::consumers`].
    pub consumer: Option<Uuid>,
    /// Only for members of this group: an id of [`super::Document::consumer_groups`].
    pub consumer_group: Option<Uuid>,
    /// What it does.
    pub config: PluginConfig,
    /// Whether it is considered at all; if not, a less specific one applies.
    pub enabled: bool,
    /// Whether any of its `protocols` is one that a listener of ours speaks. Kong asks no more: a plugin for `http`
    /// alone judges https requests too.
    pub serves_http: bool,
    /// Changes of the order in which plugins run.
    pub ordering: Option<Located<Ordering>>,
    /// Labels.
    pub tags: Vec<String>,
}

/// A plugin's name: `acl`, or that of a clone (`acl_1595`, or one of `cloned_plugins`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PluginName {
    /// The name as written. One configuration per name runs in one request.
    pub text: String,
    /// What it is, or is a clone of.
    pub kind: PluginKind,
    /// Higher runs first; on equal priority the alphabetically greater name (Kong's rule).
    pub priority: i32,
    /// Where the name was written.
    pub place: Place,
}

/// A plugin's configuration, complete with defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PluginConfig {
    /// Of `acl` and its clones.
    Acl(AclConfig),
    /// Of `basic-auth` and its clones.
    BasicAuth(BasicAuthConfig),
    /// Of `correlation-id` and its clones.
    CorrelationId(CorrelationIdConfig),
    /// Of `header-cert-auth` and its clones.
    HeaderCertAuth(Box<HeaderCertAuthConfig>),
    /// Of `ip-restriction` and its clones.
    IpRestriction(IpRestrictionConfig),
    /// Of `jwt` and its clones.
    Jwt(Box<JwtConfig>),
    /// Of `key-auth` and its clones.
    KeyAuth(KeyAuthConfig),
    /// Of `mtls-auth` and its clones.
    MtlsAuth(Box<MtlsAuthConfig>),
    /// Of `openid-connect` and its clones.
    OpenIdConnect(Box<OpenIdConnectConfig>),
    /// Of `principals` and its clones.
    Principals(Box<PrincipalsConfig>),
    /// Of `request-termination` and its clones.
    RequestTermination(RequestTerminationConfig),
}

impl PluginConfig {
    /// The `anonymous` of a plugin that authenticates: with it, one that finds no credential lets the request go on, and
    /// one whose turn comes after another's success looks at none.
    pub fn anonymous(&self) -> Option<&Located<NamedConsumer>> {
        match self {
            Self::BasicAuth(config) => config.anonymous.as_ref(),
            Self::HeaderCertAuth(config) => config.auth.anonymous.as_ref(),
            Self::Jwt(config) => config.anonymous.as_ref(),
            Self::KeyAuth(config) => config.anonymous.as_ref(),
            Self::MtlsAuth(config) => config.auth.anonymous.as_ref(),
            Self::OpenIdConnect(config) => config.anonymous.as_ref(),
            Self::Acl(_)
            | Self::CorrelationId(_)
            | Self::IpRestriction(_)
            | Self::Principals(_)
            | Self::RequestTermination(_) => None,
        }
    }
}

/// Kong Enterprise's `ordering`: names of plugins, in the access phase.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ordering {
    /// This plugin runs before those.
    pub before: Vec<Located<String>>,
    /// This plugin runs after those.
    pub after: Vec<Located<String>>,
}

/// With whether a listener of ours speaks it.
const PROTOCOLS: &[(&str, bool)] = &[
    ("grpc", true),
    ("grpcs", true),
    ("http", true),
    ("https", true),
    ("ws", true),
    ("wss", true),
];

/// Those of `ip-restriction`, which Kong has for streams too.
const PROTOCOLS_WITH_STREAMS: &[(&str, bool)] = &[
    ("grpc", true),
    ("grpcs", true),
    ("http", true),
    ("https", true),
    ("tcp", false),
    ("tls", false),
    ("ws", true),
    ("wss", true),
];

pub(super) fn read(mut entity: Entity<'_>, context: &Context<'_>) -> Option<Plugin> {
    let route = entity.optional_reference("route", Collection::Routes);
    let service = entity.optional_reference("service", Collection::Services);
    let consumer = entity.optional_reference("consumer", Collection::Consumers);
    let consumer_group = entity.optional_reference("consumer_group", Collection::ConsumerGroups);
    let tags = entity.tags();
    let (mut fields, place, id) = entity.parts();

    let name = fields.required("name", name::plugin_name);
    let instance_name = fields.optional("instance_name", super::name::name);
    let enabled = fields.or("enabled", true, rule::boolean);
    let ordering = fields.optional("ordering", rule::located(ordering));
    fields.absent(
        "condition",
        "unsupported-field",
        "conditions on plugins are not supported yet",
    );
    let serves_http = serves_http(&mut fields, name.as_ref().map(|name| name.kind));
    let config = if let Some(name) = &name {
        fields.record("config", |at| name.kind.read_config(at))
    } else {
        fields.ignored("config");
        None
    };
    let scopes = [
        ("consumer", consumer.is_some()),
        ("consumer_group", consumer_group.is_some()),
    ];
    check_audience(
        &fields,
        name.as_ref().map(|name| name.kind),
        scopes,
        ordering.is_some(),
    );
    if let Some(instance_name) = &instance_name {
        context.unique(Collection::Plugins, "instance_name", instance_name, fields.at);
    }
    let at = fields.at;
    fields.close();

    let name = name?;
    let [route, service, consumer, consumer_group] =
        [route, service, consumer, consumer_group].map(|scope| scope.map(|scope| scope.value));
    let text = |id: Option<Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
    let (on_route, on_service, for_consumer) = (text(route), text(service), text(consumer));
    let mut parts = vec![name.text.as_str(), &on_route, &on_service, &for_consumer];
    let for_group = text(consumer_group);
    if consumer_group.is_some() {
        parts.push(&for_group);
    }
    let derived = id::of_parts(Collection::Plugins, &parts);
    let shown = format_args!("name '{}' for this route, service and consumer", name.text);
    context.unique_parts(Collection::Plugins, shown, derived, at);
    Some(Plugin {
        id: id.unwrap_or(derived),
        place,
        name,
        instance_name,
        route,
        service,
        consumer,
        consumer_group,
        config: config?,
        enabled,
        serves_http,
        ordering,
        tags,
    })
}

/// Whether it is for any protocol that a listener of ours speaks.
fn serves_http(fields: &mut Fields<'_>, kind: Option<PluginKind>) -> bool {
    let known = match kind {
        Some(PluginKind::IpRestriction) => PROTOCOLS_WITH_STREAMS,
        Some(_) | None => PROTOCOLS,
    };
    fields.or("protocols", true, |at| {
        let listed = rule::list(rule::one_of(known))(at)?;
        if at.node.is_empty_list() {
            // Kong would never run it, and the routes that it was to protect would be open.
            return at.refuse("invalid-value", "length must be at least 1");
        }
        // Where none could be read, that has been told.
        let serves_http = listed.is_empty() || listed.into_iter().any(|ours| ours);
        if !serves_http {
            at.warn(
                "never-applies",
                "no listener of this gateway speaks any of these: the plugin never runs",
            );
        }
        Some(serves_http)
    })
}

/// For whom it may be: one consumer, or one group, if the plugin may depend on that at all.
fn check_audience(
    fields: &Fields<'_>,
    kind: Option<PluginKind>,
    scopes: [(&'static str, bool); 2],
    changes_the_order: bool,
) {
    if scopes.iter().all(|(_, is_set)| *is_set) {
        let message = "a plugin is for one consumer or for one consumer group, not for both";
        fields.refuse::<()>("consumer_group", "entity-check", message);
    }
    for (field, _) in scopes.into_iter().filter(|(_, is_set)| *is_set) {
        if kind.is_some_and(|kind| !kind.may_depend_on_consumer()) {
            fields.refuse::<()>(field, "must-be-null", "value must be null");
        }
        // The order is settled before anybody knows who calls (Kong before 3.14 allows neither beside the other).
        if changes_the_order {
            let message = format!(
                "a plugin for one {} cannot change the order",
                field.replace('_', " ")
            );
            fields.refuse::<()>("ordering", "entity-check", message);
        }
    }
}

impl PluginKind {
    fn read_config(self, at: At<'_>) -> Option<PluginConfig> {
        match self {
            Self::Acl => acl::read(at).map(PluginConfig::Acl),
            Self::BasicAuth => basic_auth::read(at).map(PluginConfig::BasicAuth),
            Self::Jwt => jwt::read(at).map(Box::new).map(PluginConfig::Jwt),
            Self::KeyAuth => key_auth::read(at).map(PluginConfig::KeyAuth),
            Self::CorrelationId => correlation_id::read(at).map(PluginConfig::CorrelationId),
            Self::IpRestriction => ip_restriction::read(at).map(PluginConfig::IpRestriction),
            Self::OpenIdConnect => openid_connect::read(at)
                .map(Box::new)
                .map(PluginConfig::OpenIdConnect),
            Self::Principals => principals::read(at).map(Box::new).map(PluginConfig::Principals),
            Self::RequestTermination => request_termination::read(at).map(PluginConfig::RequestTermination),
            Self::HeaderCertAuth => certificate_auth::read_header_cert_auth(at)
                .map(Box::new)
                .map(PluginConfig::HeaderCertAuth),
            Self::MtlsAuth => certificate_auth::read_mtls_auth(at)
                .map(Box::new)
                .map(PluginConfig::MtlsAuth),
        }
    }
}

fn ordering(at: At<'_>) -> Option<Ordering> {
    let names = |at: At<'_>| {
        let mut fields = Fields::open(at)?;
        let names = fields.or("access", Vec::new(), rule::list(rule::located(rule::text)));
        fields.close();
        Some(names)
    };
    let mut fields = Fields::open(at)?;
    let before = fields.or("before", Vec::new(), names);
    let after = fields.or("after", Vec::new(), names);
    fields.close();
    Some(Ordering { before, after })
}
