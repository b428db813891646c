//! `routes`: which requests are taken, and to which service they go.

use uuid::Uuid;

use super::tree::{Located, Place};

/// A route of Kong's `traditional_compatible` flavour. An empty list is an attribute that is not set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The id, given, derived from the name, or (for a route without a name) from its position in the document.
    pub id: Uuid,
    /// Where the entity begins.
    pub place: Place,
    /// The unique name.
    pub name: Option<String>,
    /// Which protocols may use it; never empty.
    pub protocols: Vec<RouteProtocol>,
    /// Methods, upper-case.
    pub methods: Vec<String>,
    /// `host`, `host:port`, `*.host` or `host.*`, as written.
    pub hosts: Vec<Located<String>>,
    /// Paths, any of which may match.
    pub paths: Vec<Located<RoutePath>>,
    /// Headers, all of which must match.
    pub headers: Vec<RouteHeader>,
    /// Server names: plain, `*.name` or `name.*`.
    pub snis: Vec<Located<String>>,
    /// Precedence among regex paths.
    pub regex_priority: u32,
    /// Whether the matched prefix is taken off the path.
    pub strip_path: bool,
    /// Accepted for Kong's sake; both values mean `v0`.
    pub path_handling: PathHandling,
    /// Whether the client's Host goes upstream.
    pub preserve_host: bool,
    /// What plain http is answered on an https-only route: 426, 301, 302, 307 or 308.
    pub https_redirect_status_code: u16,
    /// Accepted for Kong's sake.
    pub request_buffering: bool,
    /// Accepted for Kong's sake.
    pub response_buffering: bool,
    /// The service: an id of [`super::Document::services`].
    pub service: Option<Uuid>,
    /// Labels.
    pub tags: Vec<String>,
}

/// The protocols that a route of this gateway can be reached by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RouteProtocol {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
}

/// A path condition.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RoutePath {
    /// A plain string prefix, already normalised.
    Prefix(String),
    /// A regular expression, without Kong's `~`; it compiles.
    Regex(String),
}

/// A header condition: any of the values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteHeader {
    /// The name as written.
    pub name: Located<String>,
    /// The values; never empty.
    pub values: Vec<Located<HeaderPattern>>,
}

/// What a header's value is compared with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HeaderPattern {
    /// The value itself, letter case aside.
    Exact(String),
    /// A regular expression, without Kong's `~*`; it compiles.
    Regex(String),
}

/// Kong's `path_handling`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PathHandling {
    /// One slash joins service path and request path.
    V0,
    /// Deprecated; treated as [`PathHandling::V0`] in this router flavour.
    V1,
}
