//! TLS towards clients: certificates by name, and who is asked for one.

use std::collections::HashMap;
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
use uuid::Uuid;

use super::Compilation;
use super::live_routes::LiveRoutes;
use super::plugins::Plugins;
use crate::document::{self, PluginConfig};
use crate::handshake::{Handshake, Handshakes};
use crate::identity::TrustedEdges;
use crate::plugin::Plugin;
use crate::self_signed;
use crate::settings::TlsVersions;

pub(super) fn compile(
    compilation: &Compilation<'_>,
    live: &LiveRoutes<'_>,
    plugins: &Plugins<'_>,
    edges: Option<&TrustedEdges>,
) -> Option<Handshakes> {
    let shown = Arc::new(certificates(compilation)?);
    let demands = Demands::of(live, plugins, edges);
    let versions = match compilation.settings().ssl_protocols {
        TlsVersions::Both => Versions::Tls12AndTls13,
        TlsVersions::Tls12Only => Versions::Tls12Only,
        TlsVersions::Tls13Only => Versions::Tls13Only,
    };
    let handshake = |demand: &Demand| {
        let clients = match demand {
            Demand::Nothing => ClientAuthentication::NotAsked,
            Demand::Certificate(Hints::Any) => ClientAuthentication::Asked(prove_possession(Vec::new())),
            Demand::Certificate(Hints::Of(names)) => {
                ClientAuthentication::Asked(prove_possession(names.clone()))
            }
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
        let (index, name) = if pattern == "*" {
            (&mut handshakes.suffix, "")
        } else if let Some(rest) = pattern.strip_prefix("*.") {
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

/// Whether a handshake asks for a certificate, and of whom.
#[derive(Clone, Debug, Default)]
enum Demand {
    #[default]
    Nothing,
    Certificate(Hints),
}

/// CA names in the certificate request: they tell a client which of its certificates to show, or to keep it to itself.
#[derive(Clone, Debug)]
enum Hints {
    /// Any certificate may be meant.
    Any,
    /// One of these authorities', each named once.
    Of(Vec<DistinguishedName>),
}

#[derive(Default)]
struct Demands {
    everywhere: Demand,
    /// By the server name pattern of a route; lower case.
    by_name: HashMap<String, Demand>,
}

impl Demands {
    fn of(live: &LiveRoutes<'_>, plugins: &Plugins<'_>, edges: Option<&TrustedEdges>) -> Self {
        let mut demands = Self::default();
        for (entity, configured) in &plugins.all {
            let (PluginConfig::MtlsAuth(config), Plugin::MtlsAuth(mtls)) =
                (&entity.config, &configured.plugin)
            else {
                continue;
            };
            let hints = if config.send_ca_dn {
                Hints::Of(mtls.auth.subjects())
            } else {
                Hints::Any
            };
            match names_of(live, entity) {
                None => demands.everywhere.add(&hints),
                Some(names) => {
                    for name in names {
                        demands.by_name.entry(name).or_default().add(&hints);
                    }
                }
            }
        }
        demands.merged(edges)
    }

    /// With every demand that can meet another, under one server name, joined to it.
    fn merged(&self, edges: Option<&TrustedEdges>) -> Self {
        let with_edges = |mut demand: Demand| {
            if let Some(edges) = edges {
                demand.let_edges_in(edges);
            }
            demand
        };
        // An exact name meets none but wildcards, of which there are few.
        let wildcards: Vec<(&String, &Demand)> = self
            .by_name
            .iter()
            .filter(|(name, _)| name.contains('*'))
            .collect();
        let under = |pattern: &String, own: &Demand| {
            let mut demand = own.clone();
            let others = wildcards
                .iter()
                .filter(|(other, _)| *other != pattern && can_meet(pattern, other));
            for theirs in others.map(|(_, theirs)| *theirs).chain([&self.everywhere]) {
                if let Demand::Certificate(hints) = theirs {
                    demand.add(hints);
                }
            }
            with_edges(demand)
        };
        Self {
            everywhere: with_edges(self.everywhere.clone()),
            by_name: self
                .by_name
                .iter()
                .map(|(pattern, own)| (pattern.clone(), under(pattern, own)))
                .collect(),
        }
    }
}

impl Demand {
    /// One part that takes any certificate makes the whole take any: with the others' names alone, its clients would
    /// keep their certificates to themselves.
    fn add(&mut self, more: &Hints) {
        match (&mut *self, more) {
            (Self::Nothing, hints) => *self = Self::Certificate(hints.clone()),
            (Self::Certificate(Hints::Any), _) => {}
            (Self::Certificate(known), Hints::Any) => *known = Hints::Any,
            (Self::Certificate(Hints::Of(names)), Hints::Of(more)) => add_names(names, more),
        }
    }

    /// An edge has to find its own CA among the names, if there are any: to give edges' names alone would tell clients
    /// with other certificates to keep theirs.
    fn let_edges_in(&mut self, edges: &TrustedEdges) {
        match self {
            Self::Nothing => *self = Self::Certificate(Hints::Any),
            Self::Certificate(Hints::Any) => {}
            Self::Certificate(Hints::Of(names)) => add_names(names, &edges.subjects()),
        }
    }
}

fn add_names(names: &mut Vec<DistinguishedName>, more: &[DistinguishedName]) {
    for name in more {
        if !names.iter().any(|known| known.as_ref() == name.as_ref()) {
            names.push(name.clone());
        }
    }
}

/// Whether a server name that is answered under `pattern` can be one of another `wildcard`'s too: an exact name is
/// answered before a wildcard, the longer of two wildcards before the shorter, `*.name` before `name.*`.
fn can_meet(pattern: &str, wildcard: &str) -> bool {
    match (wildcard.strip_prefix('*'), wildcard.strip_suffix('*')) {
        (Some(""), _) => true,
        // A name under `pattern.*` that ends so was answered under `*.wildcard`.
        (Some(suffix), _) => !pattern.ends_with('*') && pattern.ends_with(suffix),
        // `*.test` may be `name.test`, which is one of `name.*`.
        (None, Some(prefix)) => pattern.starts_with('*') || pattern.starts_with(prefix),
        (None, None) => false,
    }
}

/// The server names under which a plugin could judge a request; `None`: any (§5.8).
fn names_of(live: &LiveRoutes<'_>, plugin: &document::Plugin) -> Option<Vec<String>> {
    if plugin.route.is_none() && plugin.service.is_none() {
        return None;
    }
    let mut names = Vec::new();
    for route in live.concerned(plugin) {
        if route.snis.is_empty() {
            return None;
        }
        let snis = route.snis.iter();
        names.extend(snis.map(|sni| sni.value.trim_end_matches('.').to_ascii_lowercase()));
    }
    Some(names)
}

/// `ssl_cert`, and the `snis` of the document's certificates.
fn certificates(compilation: &Compilation<'_>) -> Option<CertificateChooser> {
    let mut chooser = CertificateChooser::new(default_keys(compilation)?);
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
