//! How providers are called: trust, proxies, certificates, and what is to be warned of.

use std::sync::Arc;

use http::{HeaderValue, Uri};
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use transport::client_tls::client_config;
use transport::finding::Finding;
use transport::outgoing::{Limits, OutgoingClient, Proxies, Proxy, Url};
use transport::remembered::Digest;
use transport::revocation::crl::RevocationLists;
use transport::server_verifier::{FurtherNames, accept_any_server, verify_server_or};
use transport::verify::{Expiry, KeyPolicy, PartialChain, Policy, Purpose, Revocation};

use super::{Builder, Trust};
use crate::compile::trust;
use crate::compile::upstream_tls::trusted;
use crate::document::plugin::openid_connect as written;
use crate::document::plugin::openid_connect::Calls;
use crate::document::{Located, Place};
use crate::plugin::openid_connect::provider;

/// Octets of an answer of a provider: a set with hundreds of keys has less.
const LARGEST_ANSWER: usize = 1024 * 1024;

impl Builder<'_, '_> {
    pub(super) fn client(
        &self,
        calls: &Calls,
        identity: Option<Arc<CertifiedKey>>,
        (verified, place): (bool, Place),
    ) -> Option<OutgoingClient> {
        let verifier: Arc<dyn ServerCertVerifier> = if verified {
            verify_server_or(Arc::clone(&self.trust()?.store), FurtherNames::default())
        } else {
            accept_any_server()
        };
        let unusable = |error: &dyn std::fmt::Display| {
            self.compilation.error_at(place, "config", &error.to_string());
        };
        let tls = client_config(identity, verifier)
            .map_err(|error| unusable(&error))
            .ok()?;
        let limits = Limits {
            timeout: calls.timeout,
            largest_answer: LARGEST_ANSWER,
            permit: None,
        };
        OutgoingClient::new(&tls, &self.proxies(calls, place)?, limits)
            .map_err(|error| unusable(&error))
            .ok()
    }

    pub(super) fn trust(&self) -> Option<&Trust> {
        self.trust.get_or_init(|| self.read_trust()).as_ref()
    }

    pub(super) fn read_trust(&self) -> Option<Trust> {
        const KEY: &str = "lua_ssl_trusted_certificate";
        let compilation = self.compilation;
        let settings = compilation.settings();
        let sources = (settings.lua_ssl_trusted_certificate.as_slice(), KEY);
        let anchors = trusted(compilation, sources, "an OAuth2 provider")?;
        let told = provider::Trust {
            authorities: anchors
                .iter()
                .map(|anchor: &CertificateDer<'_>| Digest::of(anchor).0)
                .collect(),
            depth: settings.lua_ssl_verify_depth,
        };
        let policy = Policy {
            purpose: Purpose::Server,
            keys: KeyPolicy::Gateway,
            max_depth: settings.lua_ssl_verify_depth + 1,
            partial_chain: PartialChain::Refused,
            expiry: Expiry::Enforced,
            revocation: Revocation::Skip,
        };
        let origin = (compilation.node.origin(KEY), KEY);
        let store = trust::store(compilation, origin, anchors, policy, &RevocationLists::none())?;
        Some(Trust {
            store: Arc::new(store),
            told,
        })
    }

    pub(super) fn proxies(&self, calls: &Calls, place: Place) -> Option<Proxies> {
        let proxy = |proxy: &written::Proxy| -> Option<Proxy> {
            let authorization = match &proxy.authorization {
                Some(secret) => {
                    let mut value = HeaderValue::try_from(secret.expose()).ok()?;
                    value.set_sensitive(true);
                    Some(value)
                }
                None => None,
            };
            Some(Proxy {
                url: Url::parse(&proxy.url.to_string()).ok()?,
                authorization,
            })
        };
        let read = |written: &Option<written::Proxy>| match written {
            Some(written) => proxy(written).map(Some),
            None => Some(None),
        };
        let proxies = read(&calls.http_proxy).zip(read(&calls.https_proxy));
        if proxies.is_none() {
            self.compilation.error_at(
                place,
                "config.http_proxy",
                "the proxy cannot be used as it is written",
            );
        }
        let (http, https) = proxies?;
        Some(Proxies {
            http,
            https,
            except: calls.no_proxy.clone(),
        })
    }

    pub(super) fn certificate(&self, id: Located<uuid::Uuid>) -> Option<Arc<CertifiedKey>> {
        let mut entities = self.compilation.document.certificates.iter();
        if !entities.any(|entity| entity.id == id.value) {
            let message = format!(
                "invalid reference 'tls_client_auth_cert_id: {}' (no such entry in 'certificates')",
                id.value
            );
            self.compilation
                .error_at(id.place, "config.tls_client_auth_cert_id", &message);
        }
        self.certificates.first_of(id.value).map(Arc::clone)
    }

    pub(super) fn check_scheme(&self, called: &[&Uri], place: Place) {
        if let Some(plain) = called.iter().find(|uri| uri.scheme_str() == Some("http")) {
            let message = format!(
                "{plain} is asked without TLS: whoever is on the way can write the keys that tokens are verified by"
            );
            self.warn(("plain-provider", "config.issuer"), place, &message, "use https");
        }
    }

    pub(super) fn check_verified(&self, verify: Located<bool>, path: &str) {
        if !verify.value {
            let message = "the provider's certificate is not verified: whoever answers in its place can write the keys that tokens are verified by";
            let fix = "put the provider's CA into lua_ssl_trusted_certificate";
            self.warn(("unverified-provider", path), verify.place, message, fix);
        }
    }

    pub(super) fn warn(&self, (code, path): (&'static str, &str), place: Place, message: &str, fix: &str) {
        let origin = self.compilation.at(place);
        self.compilation
            .report(Finding::warning(code, origin, path, message).with_fix(fix));
    }
}
