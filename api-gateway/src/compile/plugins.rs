//! Plugins, each compiled once and shared by all routes that run it.

use std::sync::Arc;

use http::{HeaderName, header};
use transport::finding::Finding;

use super::Compilation;
use super::certificate_auth::Builder;
use super::trust::Authorities;
use crate::consumer::Consumers;
use crate::document::plugin::acl::{AclConfig, AclRule};
use crate::document::plugin::correlation_id::{CorrelationIdConfig, CorrelationIdGenerator};
use crate::document::plugin::ip_restriction::IpRestrictionConfig;
use crate::document::plugin::name::{Owner, owner};
use crate::document::plugin::request_termination::{RequestTerminationConfig, TerminationAnswer};
use crate::document::{self, Located, PluginConfig};
use crate::plugin::Plugin;
use crate::plugin::acl::{Acl, ConsumerGroups, GroupsHeader, Precedence, Rule};
use crate::plugin::correlation_id::{CorrelationId, Echo, Generator};
use crate::plugin::ip_restriction::IpRestriction;
use crate::plugin::request_termination::{Answer, RequestTermination, Termination, Trigger};
use crate::proxy::owned_headers::{HeaderOwner, OwnedHeaders};

/// Compiled plugins by the ids of their entities. Disabled ones are not among them.
pub(super) struct Plugins<'a> {
    pub(super) all: Vec<(&'a document::Plugin, Arc<Plugin>)>,
}

impl Plugins<'_> {
    /// Every header that a plugin reads a certificate from.
    pub(super) fn certificate_headers(&self) -> impl Iterator<Item = &HeaderName> {
        self.all.iter().filter_map(|(_, plugin)| match &**plugin {
            Plugin::HeaderCertAuth(plugin) => Some(&plugin.header),
            Plugin::Acl(_)
            | Plugin::CorrelationId(_)
            | Plugin::IpRestriction(_)
            | Plugin::MtlsAuth(_)
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
    let plugins = compilation.document.plugins.iter();
    let considered = plugins.filter(|plugin| plugin.enabled && plugin.serves_http);
    let plugins = Plugins {
        all: considered
            .filter_map(|entity| Some((entity, Arc::new(plugin(&certificates, entity)?))))
            .collect(),
    };
    check_header_names(compilation, &plugins);
    plugins
}

fn plugin(certificates: &Builder<'_, '_>, entity: &document::Plugin) -> Option<Plugin> {
    Some(match &entity.config {
        PluginConfig::Acl(config) => Plugin::Acl(acl(config)),
        // It has no turn in a chain: challenges are answered before a route is looked for.
        PluginConfig::Acme(_) => return None,
        PluginConfig::CorrelationId(config) => Plugin::CorrelationId(correlation_id(config)),
        PluginConfig::HeaderCertAuth(config) => {
            Plugin::HeaderCertAuth(certificates.header_cert_auth(config, entity.place)?)
        }
        PluginConfig::IpRestriction(config) => Plugin::IpRestriction(ip_restriction(config)),
        PluginConfig::MtlsAuth(config) => Plugin::MtlsAuth(certificates.mtls_auth(config, entity.place)?),
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
    for (entity, _) in &plugins.all {
        let (name, path, what, is_free) = match &entity.config {
            PluginConfig::CorrelationId(config) => {
                let name = &config.header_name;
                let is_free = owned.owner(&name.value).is_none();
                (name, "config.header_name", "a correlation id", is_free)
            }
            PluginConfig::HeaderCertAuth(config) => {
                let name = &config.certificate_header_name;
                // Of the gateway's own names without what plugins read certificates from.
                let owner = OwnedHeaders::default().owner(&name.value);
                let is_free = owner != Some(HeaderOwner::Gateway);
                (name, "config.certificate_header_name", "a certificate", is_free)
            }
            PluginConfig::Acl(_)
            | PluginConfig::Acme(_)
            | PluginConfig::IpRestriction(_)
            | PluginConfig::MtlsAuth(_)
            | PluginConfig::RequestTermination(_) => continue,
        };
        if !is_free || FRAMING.contains(&name.value) {
            let message = format!("'{}' cannot carry {what}: the gateway decides by it", name.value);
            let origin = compilation.at(name.place);
            compilation.report(Finding::error("bad-value", origin, path, message));
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
