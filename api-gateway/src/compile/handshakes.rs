//! TLS towards clients: certificates by name, and who is asked for one.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::DistinguishedName;
use rustls::sign::CertifiedKey;
use transport::finding::Finding;
use transport::pem;
use transport::possession::prove_possession;
use transport::server_tls::{
    CertificateChooser, ClientAuthentication, Keys, LowestVersion, Offer, server_config,
};
use uuid::Uuid;

use super::Compilation;
use super::plugins::Plugins;
use crate::document::{self, PluginConfig};
use crate::handshake::{Handshake, Handshakes};
use crate::identity::TrustedEdges;
use crate::plugin::Plugin;
use crate::self_signed;
use crate::settings::TlsVersions;

pub(super) fn compile(
    compilation: &Compilation<'_>,
    plugins: &Plugins<'_>,
    edges: Option<&TrustedEdges>,
) -> Option<Handshakes> {
    let shown = Arc::new(certificates(compilation)?);
    let demands = Demands::of(compilation, plugins, edges);
    let lowest = match compilation.settings().ssl_protocols {
        TlsVersions::Both => LowestVersion::Tls12,
        TlsVersions::Tls13Only => LowestVersion::Tls13,
        TlsVersions::Tls12Only => {
            compilation.node_error(
                "not-yet",
                "ssl_protocols",
                "TLS 1.2 without TLS 1.3 is not built: add TLSv1.3",
            );
            return None;
        }
    };
    let handshake = |demand: &Demand| {
        let config = |offer| {
            let clients = match demand {
                Demand::Nothing => ClientAuthentication::NotAsked,
                Demand::Certificate(hints) => ClientAuthentication::Asked(prove_possession(hints.clone())),
            };
            server_config(Arc::clone(&shown), clients, lowest, offer)
                .map(Arc::new)
                .map_err(|error| compilation.node_error("bad-value", "ssl_protocols", error.to_string()))
                .ok()
        };
        let asks = matches!(demand, Demand::Certificate(_));
        Some(Handshake {
            asks,
            http2: config(Offer::Http2AndHttp1)?,
            http1: config(Offer::Http1)?,
        })
    };
    let mut handshakes = Handshakes {
        default: handshake(&demands.everywhere)?,
        exact: HashMap::new(),
        suffix: HashMap::new(),
        prefix: HashMap::new(),
    };
    for (pattern, demand) in &demands.by_name {
        let (index, name) = if let Some(rest) = pattern.strip_prefix("*.") {
            (&mut handshakes.suffix, rest)
        } else if let Some(rest) = pattern.strip_suffix(".*") {
            (&mut handshakes.prefix, rest)
        } else {
            (&mut handshakes.exact, pattern.as_str())
        };
        index.insert(name.into(), handshake(demand)?);
    }
    Some(handshakes)
}

/// Whether a handshake asks for a certificate, and with which CA names as a hint; none means that any will do.
#[derive(Clone, Debug)]
enum Demand {
    Nothing,
    Certificate(Vec<DistinguishedName>),
}

struct Demands {
    everywhere: Demand,
    /// By the server name pattern of a route; lower case.
    by_name: HashMap<String, Demand>,
}

impl Demands {
    fn of(compilation: &Compilation<'_>, plugins: &Plugins<'_>, edges: Option<&TrustedEdges>) -> Self {
        let mut everywhere: Option<Vec<DistinguishedName>> = None;
        let mut by_name: HashMap<String, Vec<DistinguishedName>> = HashMap::new();
        for (entity, plugin) in &plugins.all {
            let (PluginConfig::MtlsAuth(config), Plugin::MtlsAuth(mtls)) = (&entity.config, &**plugin) else {
                continue;
            };
            let hints = if config.send_ca_dn {
                mtls.auth.subjects()
            } else {
                Vec::new()
            };
            match names_of(compilation, entity) {
                None => everywhere.get_or_insert_default().extend(hints),
                Some(names) => {
                    for name in names {
                        by_name.entry(name).or_default().extend(hints.iter().cloned());
                    }
                }
            }
        }
        // An edge has to find its own CA among the hints, if there are any: to give edges' names alone would tell
        // clients with other certificates to keep theirs.
        if let Some(edges) = edges {
            let hints = everywhere.get_or_insert_default();
            if !hints.is_empty() {
                hints.extend(edges.subjects());
            }
        }
        let everywhere = everywhere.map_or(Demand::Nothing, Demand::Certificate);
        let by_name = by_name
            .into_iter()
            .map(|(name, hints)| (name, everywhere.joined(hints)))
            .collect();
        Self { everywhere, by_name }
    }
}

impl Demand {
    /// The demand of one server name on top of this one. No hints of one part means that any certificate may be meant,
    /// so the whole gives none.
    fn joined(&self, mut hints: Vec<DistinguishedName>) -> Self {
        match self {
            Self::Nothing => {}
            Self::Certificate(general) if general.is_empty() || hints.is_empty() => hints.clear(),
            Self::Certificate(general) => hints.extend(general.iter().cloned()),
        }
        Self::Certificate(hints)
    }
}

/// The server names under which a plugin could judge a request; `None`: any (§5.8).
fn names_of(compilation: &Compilation<'_>, plugin: &document::Plugin) -> Option<Vec<String>> {
    let concerned = compilation.document.routes.iter().filter(|route| {
        plugin.route.is_none_or(|id| id == route.id)
            && plugin.service.is_none_or(|id| route.service == Some(id))
    });
    if plugin.route.is_none() && plugin.service.is_none() {
        return None;
    }
    let mut names = Vec::new();
    for route in concerned {
        if route.snis.is_empty() {
            return None;
        }
        names.extend(
            route
                .snis
                .iter()
                .map(|sni| sni.value.trim_end_matches('.').to_ascii_lowercase()),
        );
    }
    Some(names)
}

/// `ssl_cert`, and the `snis` of the document's certificates.
fn certificates(compilation: &Compilation<'_>) -> Option<CertificateChooser> {
    let settings = compilation.settings();
    let mut default = Keys::default();
    let mut complete = true;
    for (index, files) in settings.ssl_cert.iter().enumerate() {
        let read = || {
            let chain = pem::certificates(&files.certificate)?;
            let key = pem::private_key(&files.private_key)?;
            pem::certified_key(chain, key, &files.certificate.display().to_string())
        };
        match read() {
            Ok(key) => default.push(key),
            Err(error) => {
                complete = false;
                compilation.node_error(
                    "unreadable-file",
                    &format!("ssl_cert[{index}]"),
                    error.to_string(),
                );
            }
        }
    }
    let speaks_tls = settings
        .proxy_listen
        .iter()
        .any(|listen| listen.protocol.is_tls());
    if settings.ssl_cert.is_empty() {
        default.push(self_signed_key(compilation)?);
        if speaks_tls {
            let message = "no ssl_cert: clients that no sni matches see a self-signed certificate, made anew at every start";
            let origin = compilation.node.origin("ssl_cert");
            compilation.report(Finding::warning("self-signed", origin, "ssl_cert", message));
        }
    }
    let mut chooser = CertificateChooser::new(default);
    let entities = &compilation.document.certificates;
    let by_id: HashMap<Uuid, &document::Certificate> =
        entities.iter().map(|entity| (entity.id, entity)).collect();
    for sni in &compilation.document.snis {
        let entity = by_id.get(&sni.certificate);
        for pair in entity
            .iter()
            .flat_map(|entity| [Some(&entity.pair), entity.alternative.as_ref()])
            .flatten()
        {
            chooser.add(&sni.name.value, Arc::clone(&pair.certified));
        }
    }
    complete.then_some(chooser)
}

fn self_signed_key(compilation: &Compilation<'_>) -> Option<Arc<CertifiedKey>> {
    self_signed::make()
        .map_err(|error| {
            compilation.node_error(
                "bad-value",
                "ssl_cert",
                format!("cannot make a certificate: {error}"),
            );
        })
        .ok()
}
