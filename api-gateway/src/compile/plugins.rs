//! Plugins, each compiled once and shared by all routes that run it.

use std::sync::Arc;

use http::{HeaderName, header};
use transport::finding::Finding;

use super::certificate_auth::Builder;
use super::credentials::Credentials;
use super::openid_connect::Builder as TokenBuilder;
use super::trust::Authorities;
use super::{Compilation, principals};
use crate::consumer::Consumers;
use crate::document::plugin::acl::{AclConfig, AclRule};
use crate::document::plugin::correlation_id::{CorrelationIdConfig, CorrelationIdGenerator};
use crate::document::plugin::ip_restriction::IpRestrictionConfig;
use crate::document::plugin::name::{Owner, owner};
use crate::document::plugin::request_termination::{RequestTerminationConfig, TerminationAnswer};
use crate::document::{self, Located, Place, PluginConfig};
use crate::plugin::acl::{Acl, ConsumerGroups, GroupsHeader, Precedence, Rule};
use crate::plugin::correlation_id::{CorrelationId, Echo, Generator};
use crate::plugin::ip_restriction::IpRestriction;
use crate::plugin::openid_connect::provider::Provider;
use crate::plugin::request_termination::{Answer, RequestTermination, Termination, Trigger};
use crate::plugin::{Configured, Plugin};
use crate::proxy::owned_headers::{HeaderOwner, OwnedHeaders};

/// Compiled plugins by the ids of their entities. Disabled ones are not among them.
pub(super) struct Plugins<'a> {
    pub(super) all: Vec<(&'a document::Plugin, Arc<Configured>)>,
    /// Whom `openid-connect` trusts.
    pub(super) providers: Box<[Arc<Provider>]>,
}

impl Plugins<'_> {
    /// Every header that a plugin reads a certificate from.
    pub(super) fn certificate_headers(&self) -> impl Iterator<Item = &HeaderName> {
        self.all
            .iter()
            .filter_map(|(_, configured)| match &configured.plugin {
                Plugin::HeaderCertAuth(plugin) => Some(&plugin.header),
                Plugin::Acl(_)
                | Plugin::BasicAuth(_)
                | Plugin::CorrelationId(_)
                | Plugin::IpRestriction(_)
                | Plugin::Jwt(_)
                | Plugin::KeyAuth(_)
                | Plugin::MtlsAuth(_)
                | Plugin::OpenIdConnect(_)
                | Plugin::Principals(_)
                | Plugin::RequestTermination(_) => None,
            })
    }
}

pub(super) fn compile<'a>(
    compilation: &Compilation<'a>,
    consumers: &Consumers,
    authorities: &Authorities<'_>,
) -> Plugins<'a> {
    check_enabled(compilation);
    let certificates = Builder::new(compilation, consumers, authorities);
    let credentials = Credentials::new(compilation, consumers);
    let tokens = TokenBuilder::new(compilation, consumers);
    let plugins = compilation.document.plugins.iter();
    let mut principals = principals::Builder::new(compilation, consumers);
    let considered = plugins.filter(|plugin| plugin.enabled && plugin.serves_http);
    let configured = |entity: &'a document::Plugin| {
        let builders = (&certificates, &credentials, &tokens, &mut principals);
        let plugin = plugin(builders, entity)?;
        let place = entity.place;
        Some((entity, Arc::new(Configured { place, plugin })))
    };
    let plugins = Plugins {
        all: considered.filter_map(configured).collect(),
        providers: tokens.providers(),
    };
    credentials.check();
    check_header_names(compilation, &plugins);
    plugins
}

fn plugin(
    (certificates, credentials, tokens, principals): (
        &Builder<'_, '_>,
        &Credentials<'_, '_>,
        &TokenBuilder<'_, '_>,
        &mut principals::Builder<'_, '_>,
    ),
    entity: &document::Plugin,
) -> Option<Plugin> {
    Some(match &entity.config {
        PluginConfig::Acl(config) => Plugin::Acl(acl(config)),
        PluginConfig::BasicAuth(config) => Plugin::BasicAuth(credentials.basic_auth(config)),
        PluginConfig::CorrelationId(config) => Plugin::CorrelationId(correlation_id(config)),
        PluginConfig::HeaderCertAuth(config) => {
            Plugin::HeaderCertAuth(certificates.header_cert_auth(config, entity.place)?)
        }
        PluginConfig::IpRestriction(config) => Plugin::IpRestriction(ip_restriction(config)),
        PluginConfig::Jwt(config) => Plugin::Jwt(credentials.jwt(config)),
        PluginConfig::KeyAuth(config) => Plugin::KeyAuth(credentials.key_auth(config)),
        PluginConfig::MtlsAuth(config) => Plugin::MtlsAuth(certificates.mtls_auth(config, entity.place)?),
        PluginConfig::OpenIdConnect(config) => {
            Plugin::OpenIdConnect(Box::new(tokens.openid_connect(config, entity.place)?))
        }
        PluginConfig::Principals(config) => Plugin::Principals(principals.principals(config)?),
        PluginConfig::RequestTermination(config) => Plugin::RequestTermination(request_termination(config)),
    })
}

/// The node's `plugins`: names that mean something, and no plugin in the document that is not enabled by it.
fn check_enabled(compilation: &Compilation<'_>) {
    const KEY: &str = "plugins";
    let plugins = &compilation.settings().plugins;
    for name in &plugins.names {
        match owner(name) {
            Owner::Ours => {}
            Owner::Kongs => compilation.report(Finding::warning(
                "unsupported-plugin",
                compilation.node.origin(KEY),
                KEY,
                format!(
                    "this gateway does not have Kong's plugin '{name}': a document that uses it is refused"
                ),
            )),
            Owner::Nobodys => {
                compilation.node_error("unknown-plugin", KEY, format!("nobody knows a plugin '{name}'"));
            }
        }
    }
    if plugins.bundled {
        return;
    }
    for plugin in &compilation.document.plugins {
        let name = &plugin.name;
        let is_original = name.text == name.kind.name();
        if is_original && !plugins.names.contains(&name.text) {
            let message = format!(
                "plugin '{}' not enabled; add it to the 'plugins' configuration property",
                name.text
            );
            compilation.report(Finding::error(
                "unknown-plugin",
                compilation.at(name.place),
                "plugins.name",
                message,
            ));
        }
    }
}

fn acl(config: &AclConfig) -> Acl {
    let set = |groups: &[Located<String>]| groups.iter().map(|group| group.value.as_str().into()).collect();
    Acl {
        rule: match &config.rule {
            AclRule::Allow(groups) => Rule::Allow(set(groups)),
            AclRule::Deny(groups) => Rule::Deny(set(groups)),
        },
        groups_header: if config.hide_groups_header {
            GroupsHeader::Hidden
        } else {
            GroupsHeader::Sent
        },
        precedence: if config.always_use_authenticated_groups {
            Precedence::AuthenticatedGroups
        } else {
            Precedence::ConsumersGroups
        },
        consumer_groups: if config.include_consumer_groups {
            ConsumerGroups::Counted
        } else {
            ConsumerGroups::Ignored
        },
    }
}

fn correlation_id(config: &CorrelationIdConfig) -> CorrelationId {
    CorrelationId {
        header: config.header_name.value.clone(),
        generator: match config.generator {
            CorrelationIdGenerator::Uuid => Generator::Uuid,
            CorrelationIdGenerator::UuidCounter => Generator::UuidCounter,
            CorrelationIdGenerator::Tracker => Generator::Tracker,
        },
        echo: if config.echo_downstream {
            Echo::Yes
        } else {
            Echo::No
        },
    }
}

/// What a plugin reads from a client, or writes, under a name that says who somebody is or how a message is framed would
/// be more than it should.
fn check_header_names(compilation: &Compilation<'_>, plugins: &Plugins<'_>) {
    const FRAMING: [HeaderName; 7] = [
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::HOST,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ];
    let owned = OwnedHeaders::with(plugins.certificate_headers());
    let decides = |name: &HeaderName, is_free: bool| !is_free || FRAMING.contains(name);
    for (entity, _) in &plugins.all {
        // Of the gateway's own names without what plugins read certificates from.
        let is_not_ours =
            |name: &HeaderName| OwnedHeaders::default().owner(name) != Some(HeaderOwner::Gateway);
        let is_nobodys = |name: &HeaderName| owned.owner(name).is_none();
        let (names, path, what): (Vec<(Place, &HeaderName, bool)>, _, _) = match &entity.config {
            PluginConfig::CorrelationId(config) => {
                let Located { value, place } = &config.header_name;
                let names = vec![(*place, value, is_nobodys(value))];
                (names, "config.header_name", "a correlation id")
            }
            PluginConfig::HeaderCertAuth(config) => {
                let Located { value, place } = &config.certificate_header_name;
                let names = vec![(*place, value, is_not_ours(value))];
                (names, "config.certificate_header_name", "a certificate")
            }
            PluginConfig::KeyAuth(config) => {
                let names = config.key_names.iter().map(|located| {
                    let (_, name) = &located.value;
                    (located.place, name, is_nobodys(name))
                });
                (names.collect(), "config.key_names", "a key")
            }
            PluginConfig::Jwt(config) => {
                let names = config.header_names.iter();
                let names = names.map(|name| (name.place, &name.value, is_nobodys(&name.value)));
                (names.collect(), "config.header_names", "a token")
            }
            PluginConfig::OpenIdConnect(config) => {
                let claims = config.upstream_headers.iter().map(|(name, _)| name);
                let token = config.upstream_access_token_header.iter().map(|(name, _)| name);
                let names = claims.chain(token);
                let names = names.map(|name| (name.place, &name.value, is_nobodys(&name.value)));
                (
                    names.collect(),
                    "config.upstream_headers_names",
                    "what a token says",
                )
            }
            PluginConfig::Acl(_)
            | PluginConfig::BasicAuth(_)
            | PluginConfig::IpRestriction(_)
            | PluginConfig::MtlsAuth(_)
            | PluginConfig::Principals(_)
            | PluginConfig::RequestTermination(_) => continue,
        };
        for (place, name, is_free) in names {
            if decides(name, is_free) {
                let message = format!("'{name}' cannot carry {what}: the gateway decides by it");
                compilation.report(Finding::error("bad-value", compilation.at(place), path, message));
            }
        }
    }
}

fn ip_restriction(config: &IpRestrictionConfig) -> IpRestriction {
    IpRestriction {
        allow: config.allow.iter().copied().collect(),
        deny: config.deny.iter().copied().collect(),
        status: config.status,
        message: config.message.as_deref().map(Into::into),
    }
}

fn request_termination(config: &RequestTerminationConfig) -> RequestTermination {
    let status = config.status_code;
    RequestTermination {
        status,
        answer: match &config.answer {
            TerminationAnswer::Message(message) => {
                Answer::Fixed(Termination::message(status, message.as_deref()))
            }
            TerminationAnswer::Body(body, content_type) => {
                Answer::Fixed(Termination::body(status, body, content_type.clone()))
            }
            TerminationAnswer::Echo(message) => Answer::Echo(message.as_deref().map(Into::into)),
        },
        trigger: config.trigger.as_ref().map(|trigger| Trigger {
            header: trigger.header.clone(),
            argument: trigger.argument.as_str().into(),
        }),
    }
}
