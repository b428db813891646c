//! From `acme` plugins to profiles: trust for the servers is read, the directory is looked through, and what nobody
//! could answer or nobody would see is told.

use std::sync::Arc;

use rustls::ClientConfig;
use transport::acme::storage::Storage;
use transport::acme::{ChallengeKind, Issued, Profile, Server};
use transport::client_tls::{client_config, platform_authorities};
use transport::finding::Finding;
use transport::pem;
use transport::revocation::crl::RevocationLists;
use transport::server_tls::CertificateChooser;
use transport::server_verifier::verify_server;
use transport::verify::{Expiry, KeyPolicy, PartialChain, Policy, Purpose, Revocation};

use super::{Compilation, trust};
use crate::acme::Acme;
use crate::document::plugin::acme::AcmeConfig;
use crate::document::{self, Place, PluginConfig};
use crate::settings::TrustedCertificates;

const TRUST: &str = "lua_ssl_trusted_certificate";

/// All of them; names that `shown` has are left to it.
pub(super) fn compile(compilation: &Compilation<'_>, shown: Option<&CertificateChooser>) -> Acme {
    let plugins = compilation
        .document
        .plugins
        .iter()
        .filter(|plugin| plugin.enabled && plugin.serves_http);
    let configured: Vec<(&document::Plugin, &AcmeConfig)> = plugins
        .filter_map(|plugin| match &plugin.config {
            PluginConfig::Acme(config) => Some((plugin, &**config)),
            PluginConfig::Acl(_)
            | PluginConfig::CorrelationId(_)
            | PluginConfig::HeaderCertAuth(_)
            | PluginConfig::IpRestriction(_)
            | PluginConfig::MtlsAuth(_)
            | PluginConfig::RequestTermination(_) => None,
        })
        .collect();
    if configured.is_empty() {
        return Acme::default();
    }
    let directory = &compilation.settings().acme_directory;
    if let Err(error) = Storage::inspect(directory) {
        compilation.node_error("acme-directory-unusable", "acme_directory", error.to_string());
    }
    let tls = trust(compilation);
    let profiles = configured.into_iter().filter_map(|(plugin, config)| {
        warn(compilation, plugin.place, config);
        let challenge = challenge(compilation, plugin.place, config)?;
        let mut at_start = Vec::with_capacity(config.domains.len());
        for domain in &config.domains {
            if shown.is_some_and(|shown| shown.has(domain.value.as_str())) {
                let message = format!(
                    "nothing is ordered for {}: a certificate of the document has it among its snis",
                    domain.value
                );
                warning(
                    compilation,
                    ("no-effect", domain.place),
                    "config.domains",
                    message,
                );
            } else {
                at_start.push(domain.value.clone());
            }
        }
        Some(Arc::new(Profile {
            storage: directory.clone(),
            server: Server {
                directory: config.directory.value.clone(),
                tls: Arc::clone(tls.as_ref()?),
            },
            account: config.account.clone(),
            challenge,
            key: config.key,
            renew_before: config.renew_before,
            retry_after: config.retry_after,
            at_start,
            issued: Arc::new(Issued::new(config.allowed.clone())),
        }))
    });
    Acme {
        profiles: profiles.collect(),
    }
}

fn warning(compilation: &Compilation<'_>, (code, place): (&'static str, Place), path: &str, message: String) {
    compilation.report(Finding::warning(code, compilation.at(place), path, message));
}

/// What its operator should have thought of.
fn warn(compilation: &Compilation<'_>, place: Place, config: &AcmeConfig) {
    let tell =
        |code, place, path, message: &str| warning(compilation, (code, place), path, message.to_owned());
    if !config.account.terms_agreed {
        tell(
            "terms-not-accepted",
            place,
            "config.tos_accepted",
            "the server's terms of service are not accepted: one that has any opens no account",
        );
    }
    if let Some(place) = config.anybody {
        tell(
            "orders-for-anybody",
            place,
            "config.allow_any_domain",
            "whoever connects can have a certificate ordered for any name that leads here, and use up what the server allows the account",
        );
    }
    if let Some(place) = config.open_ended {
        tell(
            "orders-for-anybody",
            place,
            "config.domains",
            "a name that ends in a wildcard can be anybody's: whoever has one that leads here can have a certificate ordered for it",
        );
    }
    if let Some(wildcard) = &config.wildcard {
        let message = format!(
            "'{}' allows names below it, each with a certificate of its own, ordered when a client asks for it: a wildcard certificate takes a DNS challenge (dns-01), which is not built",
            wildcard.value
        );
        tell(
            "no-wildcard-certificate",
            wildcard.place,
            "config.domains",
            &message,
        );
    }
    let is_empty = config.domains.is_empty() && config.wildcard.is_none();
    if is_empty && config.open_ended.is_none() && config.anybody.is_none() {
        tell(
            "no-effect",
            place,
            "config.domains",
            "there is no domain that a certificate may be ordered for",
        );
    }
    if !compilation
        .settings()
        .proxy_listen
        .iter()
        .any(|listen| listen.protocol.is_tls())
    {
        tell(
            "no-effect",
            place,
            "config",
            "no listener speaks TLS: nobody would see the certificates",
        );
    }
}

/// As configured, if a listener could answer; else the one that a listener can answer, `http-01` before `tls-alpn-01`.
fn challenge(compilation: &Compilation<'_>, place: Place, config: &AcmeConfig) -> Option<ChallengeKind> {
    let listens = &compilation.settings().proxy_listen;
    let answers = |kind: ChallengeKind| {
        listens
            .iter()
            .any(|listen| listen.protocol.is_tls() == (kind == ChallengeKind::TlsAlpn01))
    };
    let wanted = match &config.challenge {
        Some(challenge) => Some(challenge.value).filter(|kind| answers(*kind)),
        None => [ChallengeKind::Http01, ChallengeKind::TlsAlpn01]
            .into_iter()
            .find(|kind| answers(*kind)),
    };
    if wanted.is_none() {
        let place = config
            .challenge
            .as_ref()
            .map_or(place, |challenge| challenge.place);
        let message = "no entry of proxy_listen could answer the challenge: http-01 takes one without ssl (port 80), tls-alpn-01 one with it (port 443)";
        compilation.report(Finding::error(
            "acme-unanswerable",
            compilation.at(place),
            "config.challenge",
            message,
        ));
    }
    wanted
}

/// The gateway's own calls are verified by `lua_ssl_trusted_certificate`.
fn trust(compilation: &Compilation<'_>) -> Option<Arc<ClientConfig>> {
    let settings = compilation.settings();
    let mut anchors = Vec::new();
    for source in &settings.lua_ssl_trusted_certificate {
        match source {
            TrustedCertificates::File(path) => match pem::certificates(path) {
                Ok(found) => anchors.extend(found),
                Err(error) => {
                    compilation.node_error("unreadable-file", TRUST, error.to_string());
                    return None;
                }
            },
            TrustedCertificates::System => anchors.extend(platform_authorities()),
        }
    }
    if anchors.is_empty() {
        compilation.node_error("trust-store", TRUST, "the ACME server is verified by it, and it has no authority: install ca-certificates, or name a PEM file");
        return None;
    }
    let policy = Policy {
        purpose: Purpose::Server,
        keys: KeyPolicy::Gateway,
        max_depth: settings.lua_ssl_verify_depth + 1,
        partial_chain: PartialChain::Refused,
        expiry: Expiry::Enforced,
        revocation: Revocation::Skip,
    };
    let lists = RevocationLists::none();
    let store = trust::store(
        compilation,
        (compilation.node.origin(TRUST), TRUST),
        anchors,
        policy,
        &lists,
    )?;
    client_config(None, verify_server(Arc::new(store)))
        .map_err(|error| compilation.node_error("bad-value", TRUST, error.to_string()))
        .ok()
}
