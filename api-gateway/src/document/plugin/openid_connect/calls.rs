//! How the provider is called, and as whom.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Uri};
use uuid::Uuid;

use super::words::uri;
use crate::document::entity;
use crate::document::entries::Collection;
use crate::document::fields::Fields;
use crate::document::reader::At;
use crate::document::rule;
use crate::document::tree::Located;
use crate::secret::Secret;

/// How the provider is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calls {
    /// Whether its certificate is verified.
    pub ssl_verify: Located<bool>,
    /// For one call.
    pub timeout: Duration,
    /// `http_proxy`.
    pub http_proxy: Option<Proxy>,
    /// `https_proxy`.
    pub https_proxy: Option<Proxy>,
    /// `no_proxy`.
    pub no_proxy: Option<String>,
    /// `client_id`: the first of them.
    pub client_id: Option<String>,
    /// `client_secret`: the first of them.
    pub client_secret: Option<Secret>,
    /// `tls_client_auth_cert_id`: an id of [`crate::document::Document::certificates`].
    pub certificate: Option<Located<Uuid>>,
    /// Whether the provider's certificate is verified where ours is shown.
    pub certificate_ssl_verify: Located<bool>,
}

/// A proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Its URL.
    pub url: Uri,
    /// `Proxy-Authorization`, which holds a password.
    pub authorization: Option<Secret>,
}

impl Calls {
    /// Whether the way to a proxy is TLS, whatever the way behind it is.
    pub fn has_proxy_over_tls(&self) -> bool {
        let proxies = [&self.http_proxy, &self.https_proxy];
        let schemes = proxies.into_iter().flatten().map(|proxy| proxy.url.scheme_str());
        schemes.flatten().any(|scheme| scheme == "https")
    }
}

/// What is special about introspection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntrospectionConfig {
    /// Where; `None`: the provider says.
    pub endpoint: Option<Located<Uri>>,
    /// The same where our certificate is shown.
    pub endpoint_mtls: Option<Located<Uri>>,
    /// How the gateway says who it is; `None`: as `client_auth` says, or by what there is.
    pub authentication: Option<ClientAuthenticationMethod>,
    /// The parameter that holds the token.
    pub parameter: String,
    /// `token_type_hint`.
    pub hint: Option<String>,
    /// Further parameters.
    pub arguments: Vec<(String, String)>,
    /// Further headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// `Accept`.
    pub accept: HeaderValue,
    /// Whether signed tokens are introspected too.
    pub signed_tokens: bool,
    /// Whether answers are remembered.
    pub cached: bool,
}

/// How a client says who it is (RFC 6749 §2.3, RFC 8705 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClientAuthenticationMethod {
    /// `client_secret_basic`.
    Basic,
    /// `client_secret_post`.
    Post,
    /// `tls_client_auth` and `self_signed_tls_client_auth`.
    Certificate,
    /// `none`.
    Nothing,
}

const AUTHENTICATION: &[(&str, Option<ClientAuthenticationMethod>)] = &[
    ("client_secret_basic", Some(ClientAuthenticationMethod::Basic)),
    ("client_secret_jwt", None),
    ("client_secret_post", Some(ClientAuthenticationMethod::Post)),
    ("none", Some(ClientAuthenticationMethod::Nothing)),
    ("private_key_jwt", None),
    (
        "self_signed_tls_client_auth",
        Some(ClientAuthenticationMethod::Certificate),
    ),
    ("tls_client_auth", Some(ClientAuthenticationMethod::Certificate)),
];

const ACCEPT: &[(&str, bool)] = &[
    ("application/json", true),
    ("application/jwt", false),
    ("application/token-introspection+jwt", false),
];

pub(super) fn read(fields: &mut Fields<'_>) -> Calls {
    let unset = fields.at.located(true);
    let proxy = |fields: &mut Fields<'_>, url, authorization| {
        let url = fields.optional(url, uri);
        let authorization = fields.optional(authorization, rule::text).map(Secret::new);
        url.map(|url| Proxy { url, authorization })
    };
    Calls {
        ssl_verify: fields.or("ssl_verify", unset, rule::located(rule::boolean)),
        timeout: fields.or(
            "timeout",
            Duration::from_secs(10),
            rule::milliseconds(1..=600_000),
        ),
        http_proxy: proxy(fields, "http_proxy", "http_proxy_authorization"),
        https_proxy: proxy(fields, "https_proxy", "https_proxy_authorization"),
        no_proxy: fields.optional("no_proxy", rule::text),
        client_id: first(fields, "client_id"),
        client_secret: first(fields, "client_secret").map(Secret::new),
        certificate: fields.optional(
            "tls_client_auth_cert_id",
            entity::id_of(Collection::Certificates, "tls_client_auth_cert_id"),
        ),
        certificate_ssl_verify: fields.or("tls_client_auth_ssl_verify", unset, rule::located(rule::boolean)),
    }
}

/// `enable_hs_signatures`: then the client's secret signs tokens.
pub(super) fn read_hs_signatures(fields: &mut Fields<'_>, secret: Option<&Secret>) -> bool {
    /// RFC 7518 §3.2, for the shortest of the digests.
    const SHORTEST: usize = 32;
    let enabled = fields.or("enable_hs_signatures", false, |at| {
        let enabled = rule::boolean(at)?;
        if enabled && secret.is_some_and(|secret| secret.expose().len() < SHORTEST) {
            let message = format!(
                "whoever has one token can find a client_secret of less than {SHORTEST} octets by trying, and sign others with it (RFC 7518 §3.2)"
            );
            at.warn("weak-credential", message);
        }
        Some(enabled)
    });
    if enabled && secret.is_none() {
        let message = "HS signatures are verified by the client's secret: set client_secret";
        fields.refuse::<()>("enable_hs_signatures", "entity-check", message);
    }
    enabled
}

/// Kong has several clients, of which requests that log in choose one; a token is introspected as the first.
fn first(fields: &mut Fields<'_>, name: &'static str) -> Option<String> {
    let listed = fields.optional(name, |at| {
        let listed = rule::list(rule::text)(at)?;
        if listed.len() > 1 {
            at.warn(
                "no-effect",
                "the first of them is used: the others are for ways to log in that are not built",
            );
        }
        Some(listed)
    });
    listed.into_iter().flatten().next()
}

pub(super) fn read_introspection(fields: &mut Fields<'_>) -> IntrospectionConfig {
    let by_client = fields.or("client_auth", Vec::new(), rule::list(authentication));
    let own = fields.optional("introspection_endpoint_auth_method", authentication);
    IntrospectionConfig {
        endpoint: fields.optional("introspection_endpoint", rule::located(uri)),
        endpoint_mtls: fields.optional("mtls_introspection_endpoint", rule::located(uri)),
        authentication: own.or(by_client.first().copied()),
        parameter: fields.or("introspection_token_param_name", "token".to_owned(), rule::text),
        hint: if fields.is_written("introspection_hint") {
            fields.optional("introspection_hint", rule::text)
        } else {
            Some("access_token".to_owned())
        },
        arguments: pairs(
            fields,
            ("introspection_post_args_names", rule::text),
            ("introspection_post_args_values", rule::text),
        ),
        headers: pairs(
            fields,
            ("introspection_headers_names", rule::header_name),
            ("introspection_headers_values", header_value),
        ),
        accept: fields.or(
            "introspection_accept",
            HeaderValue::from_static("application/json"),
            accept,
        ),
        signed_tokens: fields.or("introspect_jwt_tokens", false, rule::boolean),
        cached: fields.or("cache_introspection", true, rule::boolean),
    }
}

fn authentication(at: At<'_>) -> Option<ClientAuthenticationMethod> {
    rule::one_of(AUTHENTICATION)(at)?.or_else(|| {
        at.refuse(
            "not-yet",
            "a client that signs its assertions is not built: expected client_secret_basic, client_secret_post, \
             tls_client_auth, self_signed_tls_client_auth or none",
        )
    })
}

fn accept(at: At<'_>) -> Option<HeaderValue> {
    if !rule::one_of(ACCEPT)(at)? {
        return at.refuse(
            "not-yet",
            "signed introspection answers are not built: expected application/json",
        );
    }
    Some(HeaderValue::from_static("application/json"))
}

fn header_value(at: At<'_>) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(rule::text(at)?).ok();
    if let Some(value) = &mut value {
        value.set_sensitive(true);
    }
    value.or_else(|| at.refuse("invalid-value", "expected what a header line can hold"))
}

/// Two lists that belong together.
fn pairs<N, V>(
    fields: &mut Fields<'_>,
    (names, name): (&'static str, impl Fn(At<'_>) -> Option<N>),
    (values, value): (&'static str, impl Fn(At<'_>) -> Option<V>),
) -> Vec<(N, V)> {
    let listed = fields.or(names, Vec::new(), rule::list(name));
    let belonging = fields.or(values, Vec::new(), rule::list(value));
    if listed.len() != belonging.len() {
        let message = format!("{names} and {values} must be of one length");
        fields.refuse::<()>(values, "entity-check", message);
    }
    listed.into_iter().zip(belonging).collect()
}
