//! `mtls-auth` and `header-cert-auth`: whom an instance trusts, and how it finds consumers.

use std::sync::Arc;
use std::time::Duration;

use transport::distinguished_name::AttributeType;
use transport::finding::Finding;
use transport::forwarded_cert::HeaderFormat;
use transport::verify::{Expiry, KeyPolicy, PartialChain, Policy, Purpose, Revocation};

use super::Compilation;
use super::trust::{self, Authorities};
use crate::consumer::{ConsumerKey, Consumers};
use crate::document::plugin::certificate_auth::{
    AuthenticatedGroupBy, CertificateAuth as Config, CertificateHeaderFormat, CommonNameUse, ConsumerBy,
    HeaderCertAuthConfig, MtlsAuthConfig, RevocationCheckMode,
};
use crate::document::plugin::named_consumer::NamedConsumer;
use crate::document::{self, CertificateMapping, Located, Place};
use crate::identity::{DirectoryNames, SourceRule, UseOfCommonName};
use crate::plugin::certificate_auth::{
    CertificateAuth, ConsumerLookup, GroupBy, Lookup, MappingKey, Mappings, Parts,
};
use crate::plugin::fallback::Fallback;
use crate::plugin::header_cert_auth::HeaderCertAuth;
use crate::plugin::mtls_auth::MtlsAuth;

/// Certificates on a client's path below the anchor, the leaf among them. webpki has a limit of its own, 6
/// intermediates.
const CLIENT_DEPTH: usize = 7;

/// What all instances share.
pub(super) struct Builder<'c, 'a> {
    compilation: &'c Compilation<'a>,
    consumers: &'c Consumers,
    authorities: &'c Authorities<'a>,
    instances: usize,
    socket: Arc<Mappings>,
    header: Arc<Mappings>,
}

impl<'c, 'a> Builder<'c, 'a> {
    pub(super) fn new(
        compilation: &'c Compilation<'a>,
        consumers: &'c Consumers,
        authorities: &'c Authorities<'a>,
    ) -> Self {
        let document = compilation.document;
        let authenticates = |plugin: &&document::Plugin| plugin.name.kind.authenticates() && plugin.enabled;
        let instances = document.plugins.iter().filter(authenticates).count();
        Self {
            compilation,
            consumers,
            authorities,
            instances,
            socket: Arc::new(mappings(&document.mtls_auth_credentials, consumers)),
            header: Arc::new(mappings(&document.header_cert_auth_credentials, consumers)),
        }
    }

    pub(super) fn mtls_auth(&self, config: &MtlsAuthConfig, place: Place) -> Option<MtlsAuth> {
        let directory_names = self.directory_names(&config.san_dirname_matcher);
        let auth = self.certificate_auth(&config.auth, place, &self.socket, directory_names?)?;
        Some(MtlsAuth { auth })
    }

    pub(super) fn header_cert_auth(
        &self,
        config: &HeaderCertAuthConfig,
        place: Place,
    ) -> Option<HeaderCertAuth> {
        let auth = self.certificate_auth(&config.auth, place, &self.header, DirectoryNames::default())?;
        Some(header_cert_auth(config, auth))
    }

    /// A name that is no attribute's would match nothing, in silence.
    fn directory_names(&self, names: &[Located<String>]) -> Option<DirectoryNames> {
        let attribute = |name: &Located<String>| {
            let known = AttributeType::named(&name.value);
            if known.is_none() {
                let message = format!(
                    "'{}' names no attribute: expected a short name (CN), a long name (commonName) or an object identifier (2.5.4.3), in this case",
                    name.value
                );
                let origin = self.compilation.at(name.place);
                self.compilation.report(Finding::error(
                    "bad-value",
                    origin,
                    "config.san_dirname_matcher",
                    message,
                ));
            }
            known
        };
        let attributes: Vec<_> = names.iter().map(attribute).collect();
        Some(DirectoryNames {
            attributes: attributes.into_iter().collect::<Option<_>>()?,
        })
    }

    fn certificate_auth(
        &self,
        config: &Config,
        place: Place,
        mappings: &Arc<Mappings>,
        directory_names: DirectoryNames,
    ) -> Option<CertificateAuth> {
        const PATH: &str = "config.ca_certificates";
        if config.revocation_check_mode == RevocationCheckMode::Skip {
            let message =
                "revocation is not checked: a certificate that its CA took back is accepted until it expires";
            self.compilation.report(
                Finding::warning(
                    "unchecked-revocation",
                    self.compilation.at(place),
                    "config.revocation_check_mode",
                    message,
                )
                .with_fix("use IGNORE_CA_ERROR or STRICT, with the CAs' lists in revocation_lists"),
            );
        }
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
        Some(CertificateAuth::new(Parts {
            store: store.flatten()?,
            lookup: self.lookup(config, mappings),
            anonymous: fallback(config.anonymous.as_ref(), self.consumers),
            directory_names,
            // 0 is Kong's word for no limit.
            instances: self.instances,
            remember_for: Some(config.cache_ttl).filter(|ttl| *ttl > Duration::ZERO),
        }))
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

    fn consumer(&self, named: &NamedConsumer) -> Option<ConsumerKey> {
        self.consumers.by_id(named.consumer?)
    }
}

/// Kong loads a file whose `anonymous` names nobody and answers 500 when it is needed; so does this.
pub(super) fn fallback(named: Option<&Located<NamedConsumer>>, consumers: &Consumers) -> Option<Fallback> {
    let named = &named?.value;
    Some(Fallback {
        name: named.text.as_str().into(),
        consumer: named.consumer.and_then(|id| consumers.by_id(id)),
    })
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
