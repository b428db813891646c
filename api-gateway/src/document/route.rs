//! `routes`: which requests are taken, and to which service they go.

use uuid::Uuid;

use crate::router::{RouteMatchers, RouteProblem, Router};

use super::entity::Entity;
use super::entries::Collection;
use super::fields::Fields;
use super::reader::{At, Context, Trail};
use super::tree::{Located, Node, Place, Value};
use super::{host, name, path, rule};

/// A route of Kong's `traditional_compatible` flavour. An empty list is an attribute that is not set.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are Kong's switches, each on its own"
)]
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
    /// Paths, any of which may match: `/prefix`, already normal, or `~/regex`, which compiles.
    pub paths: Vec<Located<String>>,
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

/// A header condition: any of the values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteHeader {
    /// The name as written.
    pub name: Located<String>,
    /// The values, never empty; one that begins with `~*` is a regular expression.
    pub values: Vec<Located<String>>,
}

/// Kong's `path_handling`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PathHandling {
    /// One slash joins service path and request path.
    V0,
    /// Deprecated; treated as [`PathHandling::V0`] in this router flavour.
    V1,
}

impl Route {
    /// What the route demands of a request, as the router wants it.
    pub fn matchers(&self) -> RouteMatchers {
        let texts = |texts: &[Located<String>]| texts.iter().map(|text| text.value.clone()).collect();
        RouteMatchers {
            id: self.id,
            methods: self.methods.clone(),
            hosts: texts(&self.hosts),
            paths: texts(&self.paths),
            headers: self
                .headers
                .iter()
                .map(|header| (header.name.value.clone(), texts(&header.values)))
                .collect(),
            snis: texts(&self.snis),
            regex_priority: self.regex_priority.into(),
        }
    }
}

/// The protocols of Kong's routes; those without a value are not built yet.
const PROTOCOLS: &[(&str, Option<RouteProtocol>)] = &[
    ("grpc", None),
    ("grpcs", None),
    ("http", Some(RouteProtocol::Http)),
    ("https", Some(RouteProtocol::Https)),
    ("tcp", None),
    ("tls", None),
    ("tls_passthrough", None),
    ("udp", None),
    ("ws", None),
    ("wss", None),
];

const PATH_HANDLING: &[(&str, PathHandling)] = &[("v0", PathHandling::V0), ("v1", PathHandling::V1)];

pub(super) fn read(mut entity: Entity<'_>, context: &Context<'_>) -> Option<Route> {
    let service = entity
        .optional_reference("service", Collection::Services)
        .map(|id| id.value);
    let tags = entity.tags();
    let (mut fields, place, id) = entity.parts();

    let route = Route {
        id: id?,
        place,
        name: fields.optional("name", name::name),
        protocols: protocols(&mut fields),
        methods: fields.or("methods", Vec::new(), rule::set(method)),
        hosts: fields.or("hosts", Vec::new(), rule::list(rule::located(host::route_host))),
        paths: fields.or("paths", Vec::new(), rule::list(rule::located(path::route_path))),
        headers: fields.or("headers", Vec::new(), headers),
        snis: fields.or("snis", Vec::new(), rule::list(rule::located(host::server_name))),
        regex_priority: fields.or("regex_priority", 0, rule::between(0..=u32::MAX.into())),
        strip_path: fields.or("strip_path", true, rule::boolean),
        path_handling: fields.or("path_handling", PathHandling::V0, path_handling),
        preserve_host: fields.or("preserve_host", false, rule::boolean),
        https_redirect_status_code: fields.or("https_redirect_status_code", 426, redirect_status),
        request_buffering: fields.or("request_buffering", true, rule::boolean),
        response_buffering: fields.or("response_buffering", true, rule::boolean),
        service,
        tags,
    };
    for field in ["sources", "destinations"] {
        fields.absent(
            field,
            "unsupported-field",
            "cannot be set when 'protocols' is 'http' or 'https': stream routes are not supported yet",
        );
    }
    check_matchers(&fields, &route.protocols);
    tell_problems(context, &fields, &route);
    fields.close();
    Some(route)
}

fn protocols(fields: &mut Fields<'_>) -> Vec<RouteProtocol> {
    const DEFAULT: [RouteProtocol; 2] = [RouteProtocol::Http, RouteProtocol::Https];
    let protocol = |at: At<'_>| {
        rule::one_of(PROTOCOLS)(at)?.or_else(|| {
            at.refuse(
                "unsupported-value",
                "only http and https routes are supported yet",
            )
        })
    };
    fields.or("protocols", DEFAULT.to_vec(), |at| {
        if matches!(&at.node.value, Value::List(nodes) if nodes.is_empty()) {
            return at.refuse("invalid-value", "length must be at least 1");
        }
        rule::set(protocol)(at)
    })
}

fn method(at: At<'_>) -> Option<String> {
    let text = rule::text(at)?;
    if text.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Some(text);
    }
    at.refuse_with(
        "invalid-value",
        format!("invalid value: {text}"),
        "methods are written in upper case",
    )
}

fn headers(at: At<'_>) -> Option<Vec<RouteHeader>> {
    let Value::Map(pairs) = &at.node.value else {
        return at.refuse("wrong-type", "expected a map");
    };
    let header = |(key, node): &(_, Node)| {
        let key: &super::tree::Key = key;
        let trail = Trail::Key(at.trail, &key.text);
        let values = rule::list(rule::located(rule::text))(At {
            node,
            trail: &trail,
            ..at
        })?;
        Some(RouteHeader {
            name: Located {
                value: key.text.to_string(),
                place: key.place,
            },
            values,
        })
    };
    Some(pairs.iter().filter_map(header).collect())
}

fn path_handling(at: At<'_>) -> Option<PathHandling> {
    let handling = rule::one_of(PATH_HANDLING)(at)?;
    if handling == PathHandling::V1 {
        at.warn(
            "path-handling",
            "path_handling='v1' is deprecated and is treated as 'v0', as Kong's router does",
        );
    }
    Some(handling)
}

fn redirect_status(at: At<'_>) -> Option<u16> {
    let status = rule::whole(at)?;
    let known = [426, 301, 302, 307, 308]
        .into_iter()
        .find(|known| i64::from(*known) == status);
    known.or_else(|| at.refuse("invalid-value", "expected one of: 426, 301, 302, 307, 308"))
}

/// Kong's rules about which of the matchers must and may be there for the protocols.
fn check_matchers(fields: &Fields<'_>, protocols: &[RouteProtocol]) {
    let is_set = |name: &&str| match fields.at.node.get(name).map(|node| &node.value) {
        None => false,
        Some(Value::List(nodes)) => !nodes.is_empty(),
        Some(Value::Map(pairs)) => !pairs.is_empty(),
        Some(Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_)) => true,
    };
    let https = protocols.contains(&RouteProtocol::Https);
    if !https && !protocols.is_empty() && is_set(&"snis") {
        fields.refuse::<()>(
            "snis",
            "entity-check",
            "'snis' can only be set when 'protocols' is 'grpcs', 'https', 'tls' or 'tls_passthrough'",
        );
    }
    let (needed, protocol): (&[&str], _) = if https {
        (&["methods", "hosts", "headers", "paths", "snis"], "https")
    } else {
        (&["methods", "hosts", "headers", "paths"], "http")
    };
    if !needed.iter().any(is_set) {
        let names: Vec<String> = needed.iter().map(|name| format!("'{name}'")).collect();
        let message = format!(
            "must set one of {} when 'protocols' is '{protocol}'",
            names.join(", ")
        );
        fields.at.refuse::<()>("entity-check", message);
    }
}

/// Has the router compile the route, so that there is one opinion on what a route may say.
fn tell_problems(context: &Context<'_>, fields: &Fields<'_>, route: &Route) {
    let Err(problems) = Router::compile(&[route.matchers()]) else {
        return;
    };
    for RouteProblem {
        field,
        index,
        message,
        ..
    } in problems
    {
        let place = match field {
            "hosts" => route.hosts.get(index).map(|host| host.place),
            "paths" => route.paths.get(index).map(|path| path.place),
            "snis" => route.snis.get(index).map(|sni| sni.place),
            "headers" => route.headers.get(index).map(|header| header.name.place),
            // That no matcher is set was said in Kong's words.
            "@entity" => continue,
            _ => None,
        };
        let parent = Trail::Key(fields.at.trail, field);
        let trail = Trail::Index(&parent, index);
        let node = Node {
            place: place.unwrap_or(route.place),
            value: Value::Null,
        };
        let code = match field {
            _ if message.starts_with("invalid regex") => "invalid-regex",
            "paths" => "invalid-path",
            _ => "invalid-value",
        };
        At {
            node: &node,
            trail: &trail,
            context,
        }
        .refuse::<()>(code, message);
    }
}
