//! Plugins, each compiled once and shared by all routes that run it.

use std::collections::HashMap;
use std::sync::Arc;

use http::HeaderName;
use transport::finding::Finding;
use transport::forwarded_cert::HeaderFormat;
use transport::verify::{Expiry, KeyPolicy, PartialChain, Policy, Purpose, Revocation};
use uuid::Uuid;

use super::Compilation;
use super::trust::{self, Authorities};
use crate::consumer::{ConsumerKey, Consumers};
use crate::document::plugin::acl::{AclConfig, AclRule};
use crate::document::plugin::certificate_auth::{
    AuthenticatedGroupBy, CertificateAuth as Config, CertificateHeaderFormat, CommonNameUse, ConsumerBy,
    HeaderCertAuthConfig, NamedConsumer, RevocationCheckMode,
};
use crate::document::plugin::name::{Owner, owner};
use crate::document::{self, CertificateMapping, Place, PluginConfig};
use crate::identity::{SourceRule, UseOfCommonName};
use crate::plugin::Plugin;
use crate::plugin::acl::{Acl, ConsumerGroups, GroupsHeader, Precedence, Rule};
use crate::plugin::certificate_auth::{
    CertificateAuth, ConsumerLookup, Fallback, GroupBy, Lookup, MappingKey, Mappings,
};
use crate::plugin::header_cert_auth::HeaderCertAuth;
use crate::plugin::mtls_auth::MtlsAuth;

/// Certificates on a client's path below the anchor, the leaf among them. webpki has a limit of its own, 6
/// intermediates.
const CLIENT_DEPTH: usize = 7;

/// Compiled plugins by the ids of their entities. Disabled ones are not among them.
pub(super) struct Plugins<'a> {
    pub(super) all: Vec<(&'a document::Plugin, Arc<Plugin>)>,
}

impl Plugins<'_> {
    /// Every header that a plugin reads a certificate from.
    pub(super) fn certificate_headers(&self) -> impl Iterator<Item = &HeaderName> {
        self.all.iter().filter_map(|(_, plugin)| match &**plugin {
            Plugin::HeaderCertAuth(plugin) => Some(&plugin.header),
            Plugin::Acl(_) | Plugin::MtlsAuth(_) => None,
        })
    }
}

pub(super) fn compile<'a>(
    compilation: &Compilation<'a>,
    consumers: &Consumers,
    authorities: &Authorities<'_>,
) -> Plugins<'a> {
    let document = compilation.document;
    let builder = Builder {
        compilation,
        consumers,
        authorities,
        socket: Arc::new(mappings(&document.mtls_auth_credentials, consumers)),
        header: Arc::new(mappings(&document.header_cert_auth_credentials, consumers)),
    };
    check_enabled(compilation);
    let enabled = document.plugins.iter().filter(|plugin| plugin.enabled);
    Plugins {
        all: enabled
            .filter_map(|plugin| Some((plugin, Arc::new(builder.plugin(plugin)?))))
            .collect(),
    }
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

fn mappings(entities: &[CertificateMapping], consumers: &Consumers) -> Mappings {
    let mut mappings = Mappings::default();
    for entity in entities {
        let Some(consumer) = consumers.by_id(entity.consumer) else {
            continue;
        };
        let key = MappingKey {
            consumer,
            id: entity.id,
        };
        let index = match &entity.ca_certificate {
            Some(ca) => mappings.by_authority.entry(ca.value).or_default(),
            None => &mut mappings.by_any,
        };
        index.add(&entity.subject_name.value, key);
    }
    mappings
}

struct Builder<'c, 'a> {
    compilation: &'c Compilation<'a>,
    consumers: &'c Consumers,
    authorities: &'c Authorities<'a>,
    socket: Arc<Mappings>,
    header: Arc<Mappings>,
}

impl Builder<'_, '_> {
    fn plugin(&self, plugin: &document::Plugin) -> Option<Plugin> {
        if let Some(ordering) = &plugin.ordering {
            let message = "ordering is not built yet: the plugin would run at its static priority, which may decide otherwise";
            let origin = self.compilation.at(ordering.place);
            self.compilation.report(
                Finding::error("not-yet", origin, "plugins.ordering", message)
                    .with_fix("clone the plugin at the priority you need: acl_1595 is acl at priority 1595"),
            );
        }
        match &plugin.config {
            PluginConfig::Acl(config) => Some(Plugin::Acl(acl(config))),
            PluginConfig::MtlsAuth(config) => {
                if let Some(attribute) = config.san_dirname_matcher.first() {
                    let message = "san_dirname_matcher is not built yet: every attribute of a directory name would be looked up";
                    let origin = self.compilation.at(attribute.place);
                    self.compilation.report(Finding::error(
                        "not-yet",
                        origin,
                        "config.san_dirname_matcher",
                        message,
                    ));
                }
                let auth = self.certificate_auth(&config.auth, plugin.place, &self.socket)?;
                Some(Plugin::MtlsAuth(MtlsAuth { auth }))
            }
            PluginConfig::HeaderCertAuth(config) => {
                let auth = self.certificate_auth(&config.auth, plugin.place, &self.header)?;
                Some(Plugin::HeaderCertAuth(header_cert_auth(config, auth)))
            }
        }
    }

    fn certificate_auth(
        &self,
        config: &Config,
        place: Place,
        mappings: &Arc<Mappings>,
    ) -> Option<CertificateAuth> {
        const PATH: &str = "config.ca_certificates";
        let named = self
            .authorities
            .named(self.compilation, PATH, &config.ca_certificates);
        let complete = named.len() == config.ca_certificates.len();
        let policy = Policy {
            purpose: Purpose::Client,
            keys: KeyPolicy::Gateway,
            max_depth: CLIENT_DEPTH,
            partial_chain: if config.allow_partial_chain {
                PartialChain::Allowed
            } else {
                PartialChain::Refused
            },
            expiry: Expiry::Enforced,
            revocation: match config.revocation_check_mode {
                RevocationCheckMode::Skip => Revocation::Skip,
                RevocationCheckMode::IgnoreCaError => Revocation::IgnoreCaError,
                RevocationCheckMode::Strict => Revocation::Strict,
            },
        };
        let at = config.ca_certificates.first().map_or(place, |first| first.place);
        let origin = (self.compilation.at(at), PATH);
        let store =
            complete.then(|| trust::store(self.compilation, origin, named, policy, &self.authorities.lists));
        Some(CertificateAuth::new(
            store.flatten()?,
            self.lookup(config, mappings),
            self.anonymous(config),
        ))
    }

    fn lookup(&self, config: &Config, mappings: &Arc<Mappings>) -> Lookup {
        if config.skip_consumer_lookup {
            return Lookup::Group(match config.authenticated_group_by {
                Some(AuthenticatedGroupBy::CommonName) => GroupBy::CommonName,
                Some(AuthenticatedGroupBy::DistinguishedName) => GroupBy::DistinguishedName,
                None => GroupBy::Nothing,
            });
        }
        // One that names nobody is a warning of the document's; then there is no default.
        let default = config
            .default_consumer
            .as_ref()
            .and_then(|named| self.consumer(&named.value));
        Lookup::Consumer(ConsumerLookup {
            mappings: Arc::clone(mappings),
            authorities: Arc::clone(&self.authorities.by_digest),
            by_username: config.consumer_by.contains(&ConsumerBy::Username),
            by_custom_id: config.consumer_by.contains(&ConsumerBy::CustomId),
            common_name: match config.common_name {
                CommonNameUse::WithoutSan => UseOfCommonName::WithoutSan,
                CommonNameUse::Always => UseOfCommonName::Always,
            },
            default,
        })
    }

    /// Kong loads a file whose `anonymous` names nobody and answers 500 when it is needed; so does this.
    fn anonymous(&self, config: &Config) -> Option<Fallback> {
        let named = config.anonymous.as_ref()?;
        Some(Fallback {
            name: named.value.text.as_str().into(),
            consumer: self.consumer(&named.value),
        })
    }

    fn consumer(&self, named: &NamedConsumer) -> Option<ConsumerKey> {
        self.consumers.by_id(named.consumer?)
    }
}

fn acl(config: &AclConfig) -> Acl {
    let set = |groups: &[document::Located<String>]| {
        groups.iter().map(|group| group.value.as_str().into()).collect()
    };
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

fn header_cert_auth(config: &HeaderCertAuthConfig, auth: CertificateAuth) -> HeaderCertAuth {
    HeaderCertAuth {
        auth,
        header: config.certificate_header_name.value.clone(),
        format: match config.certificate_header_format {
            CertificateHeaderFormat::Base64Encoded => HeaderFormat::Base64,
            CertificateHeaderFormat::UrlEncoded => HeaderFormat::UrlEncoded,
        },
        source: if config.secure_source.value {
            SourceRule::Proven
        } else {
            SourceRule::AnyAddress
        },
    }
}

/// Plugins that apply to a route, by name: the most specific configuration of each (§4.4).
pub(super) fn applying<'p>(
    plugins: &'p Plugins<'_>,
    route: Uuid,
    service: Option<Uuid>,
) -> HashMap<&'p str, &'p (&'p document::Plugin, Arc<Plugin>)> {
    let mut chosen: HashMap<&str, (u8, &(&document::Plugin, Arc<Plugin>))> = HashMap::new();
    for entry in &plugins.all {
        let plugin = entry.0;
        let on_route = plugin.route.is_none_or(|id| id == route);
        let on_service = plugin.service.is_none_or(|id| Some(id) == service);
        if !on_route || !on_service {
            continue;
        }
        let weight = 2 * u8::from(plugin.route.is_some()) + u8::from(plugin.service.is_some());
        let known = chosen.entry(plugin.name.text.as_str()).or_insert((weight, entry));
        if weight > known.0 {
            *known = (weight, entry);
        }
    }
    chosen
        .into_iter()
        .map(|(name, (_, entry))| (name, entry))
        .collect()
}
