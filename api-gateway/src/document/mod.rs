//! Kong's declarative document: from bytes to typed entities, every problem told at once with its line and column.
//!
//! Reading has three steps. `yaml` or `json` make a tree in which every word knows its place; `entries` takes the
//! tree apart into entities, nested or not, and gives each its id; then each entity's own file reads its fields,
//! resolves its references and applies Kong's rules. Nothing here opens a file or a socket.

mod acl;
mod basicauth_credential;
mod ca_certificate;
mod certificate;
mod certificate_mapping;
mod cloned_plugin;
mod consumer;
mod entity;
mod entries;
mod fields;
mod host;
mod id;
mod json;
mod jwt_secret;
mod keyauth_credential;
pub(crate) mod log;
mod name;
mod path;
mod pem_text;
pub mod plugin;
mod reader;
mod root;
mod route;
mod rule;
mod scalar;
mod service;
mod text;
mod tree;
mod upstream;
mod yaml;
mod yaml_input;
mod yaml_tag;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::UnixTime;
use transport::finding::{Finding, Origin};

use self::log::Log;

pub use acl::Acl;
pub use basicauth_credential::BasicauthCredential;
pub use ca_certificate::CaCertificate;
pub use certificate::{Certificate, KeyPair, Sni};
pub use certificate_mapping::CertificateMapping;
pub use cloned_plugin::ClonedPlugin;
pub use consumer::{Consumer, ConsumerGroup, ConsumerGroupConsumer};
pub use jwt_secret::JwtSecret;
pub use keyauth_credential::{End, KeyauthCredential};
pub use plugin::{Plugin, PluginConfig, PluginKind, PluginName};
pub use route::{PathHandling, Route, RouteHeader, RouteProtocol};
pub use service::{Service, ServiceProtocol, TlsSans};
pub use tree::{Located, Place};
pub use upstream::{Target, Upstream};

/// A declarative document without an error in it. Every id that an entity refers to is in the collection it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The source's name, as it stands in findings.
    pub source: Arc<str>,
    /// `services`
    pub services: Vec<Service>,
    /// `upstreams`
    pub upstreams: Vec<Upstream>,
    /// `targets`
    pub targets: Vec<Target>,
    /// `routes`
    pub routes: Vec<Route>,
    /// `consumers`
    pub consumers: Vec<Consumer>,
    /// `consumer_groups`
    pub consumer_groups: Vec<ConsumerGroup>,
    /// `consumer_group_consumers`
    pub consumer_group_consumers: Vec<ConsumerGroupConsumer>,
    /// `acls`
    pub acls: Vec<Acl>,
    /// `ca_certificates`
    pub ca_certificates: Vec<CaCertificate>,
    /// `certificates`
    pub certificates: Vec<Certificate>,
    /// `snis`
    pub snis: Vec<Sni>,
    /// `mtls_auth_credentials`
    pub mtls_auth_credentials: Vec<CertificateMapping>,
    /// `header_cert_auth_credentials`
    pub header_cert_auth_credentials: Vec<CertificateMapping>,
    /// `keyauth_credentials`
    pub keyauth_credentials: Vec<KeyauthCredential>,
    /// `basicauth_credentials`
    pub basicauth_credentials: Vec<BasicauthCredential>,
    /// `jwt_secrets`
    pub jwt_secrets: Vec<JwtSecret>,
    /// Whether passwords stand in it as they are (`_transform`), not as Kong stores them.
    pub is_transformed: bool,
    /// `cloned_plugins`
    pub cloned_plugins: Vec<ClonedPlugin>,
    /// `plugins`
    pub plugins: Vec<Plugin>,
}

/// A document that has not been read yet.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// What findings call it: the path as the operator gave it, or the name of the setting that held it.
    pub name: &'a str,
    /// The text.
    pub bytes: &'a [u8],
    /// How it is written.
    pub syntax: Syntax,
}

/// How a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
    /// JSON if the text begins with `{` and is JSON, else YAML: for `declarative_config_string`.
    Either,
}

impl Syntax {
    /// The syntax that a file's extension stands for, as Kong decides it; `None` if it stands for neither.
    pub fn of_file(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "json" => Some(Self::Json),
            "yml" | "yaml" => Some(Self::Yaml),
            _ => None,
        }
    }
}

/// Reads a document. There is one only if no finding is an error.
///
/// `now` is what certificates are compared with.
pub fn read(source: Source<'_>, now: UnixTime) -> (Option<Document>, Vec<Finding>) {
    let name: Arc<str> = source.name.into();
    let log = Log::new(Arc::clone(&name));
    let document = text::tree(source, &log).and_then(|tree| root::read(&tree, &name, now, &log));
    let document = document.filter(|_| !log.has_errors());
    (document, log.into_findings())
}

impl Document {
    /// A place of this document as findings have it.
    pub fn origin(&self, place: Place) -> Origin {
        Origin::File {
            file: Arc::clone(&self.source),
            line: place.line,
            column: place.column,
        }
    }
}
