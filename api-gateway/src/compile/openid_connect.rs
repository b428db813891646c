//! `openid-connect`: which provider an instance trusts, how it is called, and what it asks of a token.

mod calls;
mod introspector;

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use transport::remembered::Digest;
use transport::verify::TrustStore;

use super::Compilation;
use super::certificates::Certificates;
use crate::consumer::{ConsumerKey, Consumers};
use crate::document::plugin::openid_connect as written;
use crate::document::plugin::openid_connect::{OpenIdConnectConfig, Possession};
use crate::document::{self, Place, PluginConfig};
use crate::plugin::fallback::Fallback;
use crate::plugin::openid_connect::claims::{ConsumerBy, ConsumerRule, Demand, MissingConsumer, Rules};
use crate::plugin::openid_connect::possession::PossessionRule;
use crate::plugin::openid_connect::provider::{self, Manner, Provider, Source, discovery_uri};
use crate::plugin::openid_connect::source::Sources;
use crate::plugin::openid_connect::{OpenIdConnect, Parts, SharedSecret, TokenRefusals};
use crate::secret::Secret;
use crate::token::{Algorithm, ClaimPath, Required, VerificationKey};

/// What all instances share.
pub(super) struct Builder<'c, 'a> {
    compilation: &'c Compilation<'a>,
    consumers: &'c Consumers,
    certificates: &'c Certificates,
    instances: usize,
    providers: RefCell<Vec<Arc<Provider>>>,
    trust: OnceCell<Option<Trust>>,
    usernames: OnceCell<Arc<HashMap<Box<str>, Option<ConsumerKey>>>>,
}

/// Who vouches for providers.
struct Trust {
    store: Arc<TrustStore>,
    told: provider::Trust,
}

impl<'c, 'a> Builder<'c, 'a> {
    pub(super) fn new(
        compilation: &'c Compilation<'a>,
        consumers: &'c Consumers,
        certificates: &'c Certificates,
    ) -> Self {
        let is_one = |plugin: &&document::Plugin| {
            plugin.enabled && matches!(plugin.config, PluginConfig::OpenIdConnect(_))
        };
        Self {
            compilation,
            consumers,
            certificates,
            instances: compilation.document.plugins.iter().filter(is_one).count(),
            providers: RefCell::default(),
            trust: OnceCell::new(),
            usernames: OnceCell::new(),
        }
    }

    /// Every provider that an instance trusts.
    pub(super) fn providers(&self) -> Box<[Arc<Provider>]> {
        self.providers.borrow().iter().map(Arc::clone).collect()
    }

    pub(super) fn openid_connect(&self, config: &OpenIdConnectConfig, place: Place) -> Option<OpenIdConnect> {
        let provider = self.provider(config)?;
        let introspector = match &config.introspection {
            Some(introspection) => {
                let introspector = self.introspector(config, introspection, &provider, place)?;
                Some(Arc::new(introspector))
            }
            None => None,
        };
        let secret = config.calls.client_secret.as_ref();
        let realm = config.issuer.uri.host().unwrap_or_default();
        Some(OpenIdConnect::new(Parts {
            bearer: config.bearer,
            introspects_signed_tokens: config
                .introspection
                .as_ref()
                .is_some_and(|introspection| introspection.signed_tokens),
            introspector,
            provider,
            secret: secret
                .filter(|_| config.enable_hs_signatures)
                .and_then(shared_secret),
            sources: Sources {
                headers: config.from_header,
                query: config.from_query,
                body: config.from_body,
                cookie: config.from_cookie.as_deref().map(Into::into),
            },
            instances: self.instances,
            rules: self.rules(config),
            possession: match config.possession.value {
                Possession::Off => PossessionRule::Off,
                Possession::Optional => PossessionRule::Optional,
                Possession::Strict => PossessionRule::Strict,
            },
            anonymous: config.anonymous.as_ref().map(|named| Fallback {
                name: named.value.text.as_str().into(),
                consumer: named.value.consumer.and_then(|id| self.consumers.by_id(id)),
            }),
            preflight: config.run_on_preflight,
            hides_token: config.hide_credentials,
            passes_on: config
                .upstream_access_token_header
                .as_ref()
                .map(|(name, prefix)| (name.value.clone(), prefix.as_str().into())),
            leeway: config.leeway,
            remember_for: if config.cache_tokens {
                config.cache_ttl
            } else {
                Duration::ZERO
            },
            refusals: Arc::new(TokenRefusals {
                unauthorized: config.unauthorized_error_message.as_str().into(),
                forbidden: config.forbidden_error_message.as_str().into(),
                shows_faults: config.display_errors,
                shows_codes: config.expose_error_code,
                realm: realm.into(),
            }),
        }))
    }

    fn provider(&self, config: &OpenIdConnectConfig) -> Option<Arc<Provider>> {
        let issuer = &config.issuer;
        let discovery: Option<Uri> = if config.using_pseudo_issuer {
            None
        } else {
            Some(discovery_uri(&issuer.name).parse().ok()?)
        };
        let called: Vec<&Uri> = discovery
            .iter()
            .chain(config.further_keys.iter().map(|uri| &uri.value))
            .collect();
        self.check_scheme(&called, issuer.place);
        let ssl_verify = config.calls.ssl_verify;
        self.check_verified(ssl_verify, "config.ssl_verify");
        let over_tls =
            called.iter().any(|uri| uri.scheme_str() == Some("https")) || config.calls.has_proxy_over_tls();
        let source = Source {
            issuer: issuer.name.as_str().into(),
            further_keys: config.further_keys.iter().map(|uri| uri.value.clone()).collect(),
            issuers_allowed: config
                .issuers_allowed
                .as_ref()
                .map(|allowed| allowed.iter().map(|one| one.as_str().into()).collect()),
            trust: if ssl_verify.value && over_tls {
                Some(self.trust()?.told.clone())
            } else {
                None
            },
            discovery,
        };
        let manner = Manner {
            keep: config.cache_ttl,
            at_most_every: config.rediscovery_lifetime,
            timeout: config.calls.timeout,
            proxies: self.proxies(&config.calls, issuer.place)?,
        };
        let is_it = |provider: &&Arc<Provider>| provider.is(&source, &manner);
        let mut providers = self.providers.borrow_mut();
        if let Some(known) = providers.iter().find(is_it) {
            return Some(Arc::clone(known));
        }
        let provider = match self.compilation.providers.iter().find(is_it) {
            Some(earlier) => Arc::clone(earlier),
            None => {
                let called = (ssl_verify.value && over_tls, issuer.place);
                let client = self.client(&config.calls, None, called)?;
                Arc::new(Provider::new(source, manner, client))
            }
        };
        providers.push(Arc::clone(&provider));
        Some(provider)
    }

    fn rules(&self, config: &OpenIdConnectConfig) -> Rules {
        let path = |names: &Vec<String>| ClaimPath::new(names.iter().map(String::as_str));
        let demand = |demand: &written::Demand| {
            Some(Demand {
                what: demand.what,
                path: path(&demand.claim)?,
                required: Required::new(demand.required.iter().map(String::as_str)),
            })
        };
        let paths: Box<[ClaimPath]> = config.consumer_claims.iter().filter_map(path).collect();
        Rules {
            demands: config.demands.iter().filter_map(demand).collect(),
            forbidden: config
                .claims_forbidden
                .iter()
                .map(|name| name.as_str().into())
                .collect(),
            consumer: (!paths.is_empty()).then(|| ConsumerRule {
                paths,
                by: config
                    .consumer_by
                    .iter()
                    .map(|by| match by {
                        written::ConsumerBy::CustomId => ConsumerBy::CustomId,
                        written::ConsumerBy::Id => ConsumerBy::Id,
                        written::ConsumerBy::Username => ConsumerBy::Username,
                    })
                    .collect(),
                ignoring_case: config.by_username_ignore_case.then(|| self.usernames()),
                missing: if config.consumer_optional {
                    MissingConsumer::Accepted
                } else {
                    MissingConsumer::Refused
                },
            }),
            credential: path(&config.credential_claim),
            groups: config.authenticated_groups_claim.as_ref().and_then(path),
            headers: config
                .upstream_headers
                .iter()
                .filter_map(|(name, claim)| Some((name.value.clone(), path(claim)?)))
                .collect(),
        }
    }

    /// Usernames in lower case; made when the first instance asks for it.
    fn usernames(&self) -> Arc<HashMap<Box<str>, Option<ConsumerKey>>> {
        let index = self.usernames.get_or_init(|| {
            let mut index: HashMap<Box<str>, Option<ConsumerKey>> = HashMap::new();
            for consumer in &self.compilation.document.consumers {
                let key = self.consumers.by_id(consumer.id);
                if let (Some(username), Some(key)) = (&consumer.username, key) {
                    index
                        .entry(username.to_ascii_lowercase().into())
                        .and_modify(|known| *known = None)
                        .or_insert(Some(key));
                }
            }
            Arc::new(index)
        });
        Arc::clone(index)
    }
}

fn shared_secret(secret: &Secret) -> Option<SharedSecret> {
    let octets = secret.expose().as_bytes();
    Some(SharedSecret {
        key: VerificationKey::secret(octets, &Algorithm::OF_SECRETS).ok()?,
        digest: Digest::of(octets),
    })
}
