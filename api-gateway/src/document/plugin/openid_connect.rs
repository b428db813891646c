//! `openid-connect`: the bearer part of Kong Enterprise's plugin. Its schema has about two hundred fields; those that
//! decide here are read in this file and its neighbours, and `unbuilt` says what becomes of the others.

mod calls;
mod unbuilt;
mod upstream;
mod words;

use std::time::Duration;

use http::{HeaderName, Uri};

pub use self::calls::{Calls, ClientAuthenticationMethod, IntrospectionConfig, Proxy};
use self::upstream::{read_token_header, read_upstream_headers};
use self::words::{path, required, seconds, text_or_empty, uri};
use super::challenge::run_on_preflight;
use super::named_consumer::{NamedConsumer, anonymous};
use crate::document::fields::Fields;
use crate::document::reader::At;
use crate::document::rule;
use crate::document::tree::{Located, Place};
use crate::plugin::credential_auth::Preflight;

/// The configuration of `openid-connect`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools)] // as the schema has them
pub struct OpenIdConnectConfig {
    /// The provider, or the URL of its discovery document.
    pub issuer: Issuer,
    /// `using_pseudo_issuer`: nothing is discovered.
    pub using_pseudo_issuer: bool,
    /// Accepted `iss`; `None`: what the provider calls itself.
    pub issuers_allowed: Option<Vec<String>>,
    /// `jwks_endpoint` and `extra_jwks_uris`.
    pub further_keys: Vec<Located<Uri>>,
    /// `auth_methods` has `bearer`, or is absent.
    pub bearer: bool,
    /// `auth_methods` has `introspection`.
    pub introspection: Option<IntrospectionConfig>,
    /// How the provider is called.
    pub calls: Calls,
    /// `enable_hs_signatures`.
    pub enable_hs_signatures: bool,
    /// `bearer_token_param_type` has `header`.
    pub from_header: bool,
    /// It has `query`.
    pub from_query: bool,
    /// It has `body`.
    pub from_body: bool,
    /// It has `cookie`: the name of the cookie.
    pub from_cookie: Option<String>,
    /// Tolerance for `exp`, `nbf` and `iat`.
    pub leeway: Duration,
    /// How long discovery, keys and tokens are remembered.
    pub cache_ttl: Duration,
    /// The least time between two attempts to learn of new keys.
    pub rediscovery_lifetime: Duration,
    /// Whether verified tokens are remembered.
    pub cache_tokens: bool,
    /// `audience_claim` and `audience_required`, and their brothers.
    pub demands: Vec<Demand>,
    /// Whether one of them is about the audience.
    pub names_audience: bool,
    /// Claims that no token may have.
    pub claims_forbidden: Vec<String>,
    /// Where a token names the consumer, in the order of trying.
    pub consumer_claims: Vec<Vec<String>>,
    /// What it is found by, in the order of trying.
    pub consumer_by: Vec<ConsumerBy>,
    /// Whether the case of usernames counts.
    pub by_username_ignore_case: bool,
    /// Whether a token may name nobody.
    pub consumer_optional: bool,
    /// Where the name of the credential stands.
    pub credential_claim: Vec<String>,
    /// Where the groups for `acl` stand.
    pub authenticated_groups_claim: Option<Vec<String>>,
    /// Headers for the upstream, and the claims that are written there.
    pub upstream_headers: Vec<(Located<HeaderName>, Vec<String>)>,
    /// Where the upstream gets the token, and what is written before it.
    pub upstream_access_token_header: Option<(Located<HeaderName>, String)>,
    /// Whether the token is taken out of the request.
    pub hide_credentials: bool,
    /// Who a request is made for when authentication fails.
    pub anonymous: Option<Located<NamedConsumer>>,
    /// Whether `OPTIONS` needs a token too.
    pub run_on_preflight: Preflight,
    /// The text of a 401.
    pub unauthorized_error_message: String,
    /// The text of a 403.
    pub forbidden_error_message: String,
    /// Whether clients read why.
    pub display_errors: bool,
    /// Whether `WWW-Authenticate` has an error code.
    pub expose_error_code: bool,
    /// `proof_of_possession_mtls`.
    pub possession: Located<Possession>,
}

/// The provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// Where it is.
    pub uri: Uri,
    /// The same as it is written: an issuer is a name, and compared as one.
    pub name: String,
    /// Where that is written.
    pub place: Place,
}

/// A claim and what it must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// `audience`, `scope`, `group` or `role`.
    pub what: &'static str,
    /// The path of the claim.
    pub claim: Vec<String>,
    /// Alternatives; the words of one belong together.
    pub required: Vec<String>,
}

/// `consumer_by`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConsumerBy {
    /// The custom id.
    CustomId,
    /// The id.
    Id,
    /// The username.
    Username,
}

/// `proof_of_possession_mtls`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Possession {
    /// Nothing is compared.
    Off,
    /// Where a token names a certificate.
    Optional,
    /// Every token must.
    Strict,
}

const CONSUMER_BY: &[(&str, ConsumerBy)] = &[
    ("custom_id", ConsumerBy::CustomId),
    ("id", ConsumerBy::Id),
    ("username", ConsumerBy::Username),
];

const POSSESSION: &[(&str, Possession)] = &[
    ("off", Possession::Off),
    ("optional", Possession::Optional),
    ("strict", Possession::Strict),
];

/// `auth_methods`: with whether it is built.
const METHODS: &[(&str, Option<Method>)] = &[
    ("authorization_code", None),
    ("bearer", Some(Method::Bearer)),
    ("client_credentials", None),
    ("introspection", Some(Method::Introspection)),
    ("kong_oauth2", None),
    ("password", None),
    ("refresh_token", None),
    ("session", None),
    ("userinfo", None),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Bearer,
    Introspection,
}

/// `bearer_token_param_type`.
const PLACES: &[(&str, TokenPlace)] = &[
    ("body", TokenPlace::Body),
    ("cookie", TokenPlace::Cookie),
    ("header", TokenPlace::Header),
    ("query", TokenPlace::Query),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum TokenPlace {
    Body,
    Cookie,
    Header,
    Query,
}

pub(super) fn read(at: At<'_>) -> Option<OpenIdConnectConfig> {
    let mut fields = Fields::open(at)?;
    unbuilt::read(&mut fields);
    let issuer = fields.required("issuer", issuer);
    let using_pseudo_issuer = fields.or("using_pseudo_issuer", false, rule::boolean);
    let issuers_allowed = fields.optional("issuers_allowed", rule::list(rule::text));
    let mut further_keys = Vec::new();
    further_keys.extend(fields.optional("jwks_endpoint", rule::located(uri)));
    further_keys.extend(fields.or("extra_jwks_uris", Vec::new(), rule::list(rule::located(uri))));
    let methods = fields.or("auth_methods", vec![Method::Bearer], methods);
    let calls = calls::read(&mut fields);
    let introspection = calls::read_introspection(&mut fields);
    let enable_hs_signatures = calls::read_hs_signatures(&mut fields, calls.client_secret.as_ref());
    let bearer = methods.contains(&Method::Bearer);
    let introspects = methods.contains(&Method::Introspection);
    if using_pseudo_issuer {
        let has_keys = !bearer || !further_keys.is_empty() || enable_hs_signatures;
        check_undiscovered(
            &fields,
            has_keys,
            !introspects || introspection.endpoint.is_some(),
        );
    }
    let places = read_places(&mut fields);
    let demands = read_demands(&mut fields);
    let config = OpenIdConnectConfig {
        using_pseudo_issuer,
        issuers_allowed,
        further_keys,
        bearer,
        introspection: introspects.then_some(introspection),
        calls,
        enable_hs_signatures,
        from_header: places.contains(&TokenPlace::Header),
        from_query: places.contains(&TokenPlace::Query),
        from_body: places.contains(&TokenPlace::Body),
        from_cookie: read_cookie(&mut fields, places.contains(&TokenPlace::Cookie)),
        leeway: fields.or("leeway", Duration::ZERO, seconds),
        cache_ttl: read_cache_ttl(&mut fields),
        rediscovery_lifetime: fields.or("rediscovery_lifetime", Duration::from_secs(30), seconds),
        cache_tokens: fields.or("cache_tokens", true, rule::boolean),
        names_audience: demands.iter().any(|demand| demand.what == "audience"),
        demands,
        claims_forbidden: fields.or("claims_forbidden", Vec::new(), rule::list(rule::text)),
        consumer_claims: read_consumer_claims(&mut fields),
        consumer_by: read_consumer_by(&mut fields),
        by_username_ignore_case: fields.or("by_username_ignore_case", false, rule::boolean),
        consumer_optional: fields.or("consumer_optional", false, rule::boolean),
        credential_claim: fields.or("credential_claim", vec!["sub".to_owned()], path),
        authenticated_groups_claim: fields.optional("authenticated_groups_claim", path),
        hide_credentials: fields.or("hide_credentials", false, rule::boolean),
        upstream_access_token_header: read_token_header(&mut fields),
        upstream_headers: read_upstream_headers(&mut fields),
        anonymous: anonymous(&mut fields),
        run_on_preflight: run_on_preflight(&mut fields),
        unauthorized_error_message: message(&mut fields, "unauthorized_error_message", "Unauthorized"),
        forbidden_error_message: message(&mut fields, "forbidden_error_message", "Forbidden"),
        display_errors: fields.or("display_errors", false, rule::boolean),
        expose_error_code: fields.or("expose_error_code", true, rule::boolean),
        possession: fields.or(
            "proof_of_possession_mtls",
            at.located(Possession::Off),
            rule::located(rule::one_of(POSSESSION)),
        ),
        // Nothing is made of a configuration without one; until then everything else is told.
        issuer: issuer.clone().unwrap_or(Issuer {
            uri: Uri::default(),
            name: String::new(),
            place: at.node.place,
        }),
    };
    fields.close();
    issuer.map(|_| config)
}

fn issuer(at: At<'_>) -> Option<Issuer> {
    Some(Issuer {
        uri: uri(at)?,
        name: rule::text(at)?,
        place: at.node.place,
    })
}

fn message(fields: &mut Fields<'_>, name: &'static str, default: &str) -> String {
    fields.or(name, default.to_owned(), text_or_empty)
}

/// What nobody says where nothing is discovered.
fn check_undiscovered(fields: &Fields<'_>, has_keys: bool, has_endpoint: bool) {
    if !has_endpoint {
        let message =
            "required field missing: with using_pseudo_issuer no provider says where tokens are introspected";
        fields.refuse::<()>("introspection_endpoint", "required-field-missing", message);
    }
    if !has_keys {
        let message = "no token could be verified: with using_pseudo_issuer keys come from jwks_endpoint or extra_jwks_uris";
        fields.refuse::<()>("using_pseudo_issuer", "entity-check", message);
    }
}

fn methods(at: At<'_>) -> Option<Vec<Method>> {
    let built = |at: At<'_>| {
        rule::one_of(METHODS)(at)?.or_else(|| {
            at.refuse_with(
                "not-yet",
                "this way to authenticate is not built: expected bearer or introspection",
                "an API needs no more than `auth_methods: [bearer]`",
            )
        })
    };
    let listed = rule::list(built)(at)?;
    if at.node.is_empty_list() {
        return at.refuse("invalid-value", "length must be at least 1");
    }
    Some(listed)
}

fn read_cache_ttl(fields: &mut Fields<'_>) -> Duration {
    let ttl = fields.or("cache_ttl", Duration::from_hours(1), seconds);
    let most = fields
        .optional("cache_ttl_max", seconds)
        .filter(|most| !most.is_zero());
    most.map_or(ttl, |most| most.min(ttl))
}

/// Where a token may be.
fn read_places(fields: &mut Fields<'_>) -> Vec<TokenPlace> {
    let default = vec![TokenPlace::Header, TokenPlace::Query, TokenPlace::Body];
    fields.or("bearer_token_param_type", default, |at| {
        let places = rule::list(rule::one_of(PLACES))(at)?;
        if at.node.is_empty_list() {
            return at.refuse("invalid-value", "length must be at least 1");
        }
        Some(places)
    })
}

/// The cookie that a token is in, if one may be in a cookie.
fn read_cookie(fields: &mut Fields<'_>, is_looked_at: bool) -> Option<String> {
    let name = fields.optional("bearer_token_cookie_name", rule::text);
    if is_looked_at && name.is_none() {
        let message = "required field missing: bearer_token_param_type has cookie";
        fields.refuse::<()>("bearer_token_cookie_name", "required-field-missing", message);
    }
    name.filter(|_| is_looked_at)
}

fn read_demands(fields: &mut Fields<'_>) -> Vec<Demand> {
    let of = [
        ("audience", "audience_claim", "audience_required", "aud"),
        ("scope", "scopes_claim", "scopes_required", "scope"),
        ("group", "groups_claim", "groups_required", "groups"),
        ("role", "roles_claim", "roles_required", "roles"),
    ];
    of.into_iter()
        .filter_map(|(what, claim, requirement, default)| {
            let claim = fields.or(claim, vec![default.to_owned()], path);
            let required = fields.optional(requirement, required)?;
            (!required.is_empty()).then_some(Demand {
                what,
                claim,
                required,
            })
        })
        .collect()
}

fn read_consumer_claims(fields: &mut Fields<'_>) -> Vec<Vec<String>> {
    let mut paths: Vec<_> = fields.optional("consumer_claim", path).into_iter().collect();
    let more = fields.or("consumer_claims", Vec::new(), rule::list(path));
    if !paths.is_empty() && !more.is_empty() {
        let message = "set either consumer_claim or consumer_claims";
        fields.refuse::<()>("consumer_claims", "entity-check", message);
    }
    paths.extend(more);
    paths
}

fn read_consumer_by(fields: &mut Fields<'_>) -> Vec<ConsumerBy> {
    let default = if fields.is_written("consumer_by") {
        Vec::new()
    } else {
        vec![ConsumerBy::Username, ConsumerBy::CustomId]
    };
    fields.or("consumer_by", default, rule::list(rule::one_of(CONSUMER_BY)))
}
