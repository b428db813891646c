//! TLS towards clients: certificates by name, and who is asked for one.

use std::collections::{HashMap, HashSet};
use std::mem::discriminant;
use std::sync::Arc;

use rustls::DistinguishedName;
use rustls::pki_types::UnixTime;
use rustls::sign::CertifiedKey;
use transport::certificate::{Certificate, PublicKey};
use transport::finding::Finding;
use transport::pem;
use transport::possession::prove_possession;
use transport::server_tls::{CertificateChooser, ClientAuthentication, Keys, Offer, ServerConfigs, Versions};

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
    let versions = match compilation.settings().ssl_protocols {
        TlsVersions::Both => Versions::Tls12AndTls13,
        TlsVersions::Tls12Only => Versions::Tls12Only,
        TlsVersions::Tls13Only => Versions::Tls13Only,
    };
    let handshake = |demand: &Demand| {
        let clients = match demand {
            Demand::Nothing => ClientAuthentication::NotAsked,
            Demand::Certificate(hints) => ClientAuthentication::Asked(prove_possession(hints.clone())),
        };
        let config = |offer| {
            ServerConfigs::new(Arc::clone(&shown), &clients, versions, offer)
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
        let demand = |mut hints: Vec<DistinguishedName>| {
            if let Some(edges) = edges.filter(|_| !hints.is_empty()) {
                hints.extend(edges.subjects());
            }
            // A thousand routes may name one CA, and the request for a certificate is a single message.
            let mut named = HashSet::new();
            hints.retain(|hint| named.insert(hint.as_ref().to_vec()));
            Demand::Certificate(hints)
        };
        let by_name = by_name
            .into_iter()
            .map(|(name, hints)| (name, demand(joined(hints, everywhere.as_deref()))))
            .collect();
        let everywhere = match (everywhere, edges) {
            (None, None) => Demand::Nothing,
            (hints, _) => demand(hints.unwrap_or_default()),
        };
        Self { everywhere, by_name }
    }
}

/// The hints of one server name's plugins, on top of those of the plugins for every name. No hints of one part means
/// that any certificate may be meant, so the whole gives none.
fn joined(
    mut hints: Vec<DistinguishedName>,
    general: Option<&[DistinguishedName]>,
) -> Vec<DistinguishedName> {
    match general {
        None => {}
        Some(general) if general.is_empty() || hints.is_empty() => hints.clear(),
        Some(general) => hints.extend(general.iter().cloned()),
    }
    hints
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
    let mut chooser = CertificateChooser::new(default_keys(compilation)?);
    for sni in &compilation.document.snis {
        let entity = compilation
            .document
            .certificates
            .iter()
            .find(|entity| entity.id == sni.certificate);
        for pair in entity
            .iter()
            .flat_map(|entity| [Some(&entity.pair), entity.alternative.as_ref()])
            .flatten()
        {
            chooser.add(&sni.name.value, Arc::clone(&pair.certified));
        }
    }
    staple(compilation, &mut chooser)?;
    Some(chooser)
}

/// Puts the responses of `ssl_stapling_file` on the certificates that they are about. One that cannot be shown is warned
/// of: clients do without, and a wrong one would stop them.
fn staple(compilation: &Compilation<'_>, chooser: &mut CertificateChooser) -> Option<()> {
    let mut complete = true;
    for (index, file) in compilation.settings().ssl_stapling_file.iter().enumerate() {
        let path = format!("ssl_stapling_file[{index}]");
        let file_name = file.display();
        match std::fs::read(file) {
            Ok(response) => {
                if let Err(problem) = chooser.staple(&response, UnixTime::now()) {
                    let message = format!("{file_name} is not stapled: {problem}");
                    let origin = compilation.node.origin(&path);
                    compilation.report(Finding::warning("not-stapled", origin, &path, message));
                }
            }
            Err(error) => {
                complete = false;
                let message = format!("cannot read {file_name}: {error}");
                compilation.node_error("unreadable-file", &path, message);
            }
        }
    }
    complete.then_some(())
}

/// What clients see that no sni matches: `ssl_cert`, or a pair made here.
fn default_keys(compilation: &Compilation<'_>) -> Option<Keys> {
    let settings = compilation.settings();
    if settings.ssl_cert.is_empty() {
        return self_signed_keys(compilation);
    }
    let mut default = Keys::default();
    let mut complete = true;
    let mut kinds: Vec<PublicKey> = Vec::new();
    for (index, files) in settings.ssl_cert.iter().enumerate() {
        let read = || {
            let chain = pem::certificates(&files.certificate)?;
            let key = pem::private_key(&files.private_key)?;
            pem::certified_key(chain, key, &files.certificate.display().to_string())
        };
        let path = format!("ssl_cert[{index}]");
        match read() {
            Ok(key) => {
                if let Some(kind) = kind_of(&key) {
                    if kinds
                        .iter()
                        .any(|other| discriminant(other) == discriminant(&kind))
                    {
                        let message = format!(
                            "{} is never shown: an earlier certificate has a key of its type",
                            files.certificate.display()
                        );
                        let origin = compilation.node.origin(&path);
                        compilation.report(Finding::warning("no-effect", origin, &path, message));
                    }
                    kinds.push(kind);
                }
                default.push(key);
            }
            Err(error) => {
                complete = false;
                compilation.node_error("unreadable-file", &path, error.to_string());
            }
        }
    }
    complete.then_some(default)
}

fn kind_of(key: &CertifiedKey) -> Option<PublicKey> {
    let leaf = Certificate::parse(key.cert.first()?.clone()).ok()?;
    Some(leaf.public_key())
}

/// RSA beside ECDSA; none where nobody would see it, as an RSA key takes its time.
fn self_signed_keys(compilation: &Compilation<'_>) -> Option<Keys> {
    let mut listeners = compilation.settings().proxy_listen.iter();
    if !listeners.any(|listen| listen.protocol.is_tls()) {
        return Some(Keys::default());
    }
    let message =
        "no ssl_cert: clients that no sni matches see a self-signed certificate, made anew at every start";
    let origin = compilation.node.origin("ssl_cert");
    compilation.report(Finding::warning("self-signed", origin, "ssl_cert", message));
    match self_signed::pair() {
        Ok(pair) => Some(pair.iter().map(Arc::clone).collect()),
        Err(error) => {
            let message = format!("cannot make a certificate: {error}");
            compilation.node_error("bad-value", "ssl_cert", message);
            None
        }
    }
}
