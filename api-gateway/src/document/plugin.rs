//! `plugins`: which plugin applies where, with which configuration.

pub mod acl;
pub mod certificate_auth;

use uuid::Uuid;

use super::tree::{Located, Place};
use acl::AclConfig;
use certificate_auth::{HeaderCertAuthConfig, MtlsAuthConfig};

/// One configured plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plugin {
    /// The id, given or derived from name and scope.
    pub id: Uuid,
    /// Where the entity begins.
    pub place: Place,
    /// Its name, what it is, and when it runs.
    pub name: PluginName,
    /// A label.
    pub instance_name: Option<String>,
    /// Only on this route: an id of [`super::Document::routes`].
    pub route: Option<Uuid>,
    /// Only on this service: an id of [`super::Document::services`].
    pub service: Option<Uuid>,
    /// Only for this consumer: an id of [`super::Document::consumers`].
    pub consumer: Option<Uuid>,
    /// Only for members of this group: an id of [`super::Document::consumer_groups`].
    pub consumer_group: Option<Uuid>,
    /// What it does.
    pub config: PluginConfig,
    /// Whether it is considered at all; if not, a less specific one applies.
    pub enabled: bool,
    /// Changes of the order in which plugins run.
    pub ordering: Option<Located<Ordering>>,
    /// Labels.
    pub tags: Vec<String>,
}

/// A plugin's name: `acl`, or that of a clone (`acl_1595`, or one of `cloned_plugins`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PluginName {
    /// The name as written. One configuration per name runs in one request.
    pub text: String,
    /// What it is, or is a clone of.
    pub kind: PluginKind,
    /// Higher runs first; on equal priority the alphabetically greater name (Kong's rule).
    pub priority: i32,
    /// Where the name was written.
    pub place: Place,
}

/// The plugins that this gateway has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PluginKind {
    /// `acl`.
    Acl,
    /// `header-cert-auth`.
    HeaderCertAuth,
    /// `mtls-auth`.
    MtlsAuth,
}

impl PluginKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Acl, Self::HeaderCertAuth, Self::MtlsAuth];

    /// Kong's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Acl => "acl",
            Self::HeaderCertAuth => "header-cert-auth",
            Self::MtlsAuth => "mtls-auth",
        }
    }

    /// Kong's priority for the original under its own name.
    pub fn priority(self) -> i32 {
        match self {
            Self::Acl => 950,
            Self::HeaderCertAuth => 1009,
            Self::MtlsAuth => 1600,
        }
    }
}

/// A plugin's configuration, complete with defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PluginConfig {
    /// Of `acl` and its clones.
    Acl(AclConfig),
    /// Of `header-cert-auth` and its clones.
    HeaderCertAuth(Box<HeaderCertAuthConfig>),
    /// Of `mtls-auth` and its clones.
    MtlsAuth(Box<MtlsAuthConfig>),
}

/// Kong Enterprise's `ordering`: names of plugins, in the access phase.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ordering {
    /// This plugin runs before those.
    pub before: Vec<Located<String>>,
    /// This plugin runs after those.
    pub after: Vec<Located<String>>,
}
