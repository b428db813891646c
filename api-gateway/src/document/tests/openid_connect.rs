//! `openid-connect`: every field of Kong's schema is read, passed over, or refused with its line.

use std::time::Duration;

use super::findings;
use crate::document::plugin::openid_connect::{
    ClientAuthenticationMethod, ConsumerBy, OpenIdConnectConfig, Possession,
};
use crate::document::{PluginConfig, Syntax};
use crate::plugin::credential_auth::Preflight;

const ISSUER: &str = "issuer: https://idp.test/realm";

fn text(fields: &str) -> String {
    format!("_format_version: '3.0'\nplugins:\n- name: openid-connect\n  config: {{{fields}}}\n")
}

fn config(fields: &str) -> OpenIdConnectConfig {
    let text = text(fields);
    let (document, findings) = super::read_as(Syntax::Yaml, text.as_bytes());
    let document = document.unwrap_or_else(|| panic!("{fields}: {findings:#?}"));
    match document.plugins.into_iter().next().map(|plugin| plugin.config) {
        Some(PluginConfig::OpenIdConnect(config)) => *config,
        other => panic!("not openid-connect: {other:?}"),
    }
}

#[test]
fn defaults_are_kongs_where_they_are_safe() {
    let config = config(ISSUER);
    assert_eq!(config.issuer.uri, "https://idp.test/realm");
    assert!(config.bearer && config.introspection.is_none());
    assert!(config.from_header && config.from_query && config.from_cookie.is_none());
    assert!(config.calls.ssl_verify.value && !config.enable_hs_signatures);
    assert_eq!(config.calls.timeout, Duration::from_secs(10));
    assert_eq!(config.leeway, Duration::ZERO);
    assert_eq!(config.cache_ttl, Duration::from_hours(1));
    assert_eq!(config.rediscovery_lifetime, Duration::from_secs(30));
    assert_eq!(config.consumer_by, [ConsumerBy::Username, ConsumerBy::CustomId]);
    assert!(config.demands.is_empty() && config.consumer_claims.is_empty());
    assert_eq!(config.credential_claim, ["sub"]);
    assert!(!config.hide_credentials && config.cache_tokens);
    assert_eq!(config.run_on_preflight, Preflight::Authenticated);
    let (header, prefix) = config.upstream_access_token_header.unwrap();
    assert_eq!((header.value.as_str(), &*prefix), ("authorization", "Bearer "));
    assert_eq!(config.unauthorized_error_message, "Unauthorized");
    assert_eq!(config.forbidden_error_message, "Forbidden");
    assert!(!config.display_errors && config.expose_error_code);
    assert_eq!(config.possession.value, Possession::Off);
}

#[test]
fn what_decides_is_read() {
    let read = config(&format!(
        "{ISSUER}, auth_methods: [bearer, introspection], client_id: [a], client_secret: [b], leeway: 1.5, \
         introspection_endpoint_auth_method: client_secret_post, cache_ttl: 100, cache_ttl_max: 60, \
         roles_claim: [realm_access, roles], roles_required: [x y, z], consumer_claim: [azp], \
         bearer_token_param_type: [cookie], bearer_token_cookie_name: c, proof_of_possession_mtls: strict, \
         hide_credentials: true, consumer_by: [id]"
    ));
    assert_eq!(read.leeway, Duration::from_millis(1500));
    assert_eq!(read.cache_ttl, Duration::from_mins(1));
    let [demand] = &read.demands[..] else {
        panic!("{:?}", read.demands)
    };
    assert_eq!(
        (demand.what, &demand.claim[..]),
        ("role", &["realm_access".to_owned(), "roles".to_owned()][..])
    );
    assert_eq!(demand.required, ["x y", "z"]);
    assert_eq!(read.consumer_claims, [["azp"]]);
    assert_eq!(read.consumer_by, [ConsumerBy::Id]);
    assert_eq!(read.from_cookie.as_deref(), Some("c"));
    assert!(!read.from_header && !read.from_query);
    assert_eq!(read.possession.value, Possession::Strict);
    assert!(
        read.upstream_access_token_header.is_none(),
        "what is hidden is not passed on unasked"
    );
    let introspection = read.introspection.unwrap();
    assert_eq!(
        introspection.authentication,
        Some(ClientAuthenticationMethod::Post)
    );
    assert_eq!(introspection.hint.as_deref(), Some("access_token"));
    assert!(
        !format!("{:?}", read.calls).contains("\"b\""),
        "secrets are not printed"
    );
}

/// Fields, and what is found; nothing for what is taken.
const ROWS: &[(&str, &str)] = &[
    ("auth_methods: [bearer]", ""),
    (
        "auth_methods: [password, bearer]",
        "error[not-yet]: config.auth_methods[0]: this way to authenticate is not built",
    ),
    (
        "auth_methods: [session]",
        "error[not-yet]: config.auth_methods[0]",
    ),
    (
        "auth_methods: []",
        "error[invalid-value]: config.auth_methods: length must be at least 1",
    ),
    (
        "auth_methods: [magic]",
        "error[invalid-value]: config.auth_methods[0]: expected one of",
    ),
    (
        "issuer: ftp://idp.test",
        "error[invalid-value]: config.issuer: expected an http or https URL",
    ),
    (
        "issuer: https://user:secret@idp.test",
        "error[invalid-value]: config.issuer",
    ),
    ("issuer: idp.test", "error[invalid-value]: config.issuer"),
    ("bearer_token_param_type: [body]", ""),
    (
        "bearer_token_param_type: []",
        "error[invalid-value]: config.bearer_token_param_type",
    ),
    (
        "bearer_token_param_type: [cookie]",
        "error[required-field-missing]: config.bearer_token_cookie_name",
    ),
    (
        "run_on_preflight: false",
        "warning[open-preflight]: config.run_on_preflight",
    ),
    ("verify_signature: true", ""),
    (
        "verify_signature: false",
        "error[unverified-token]: config.verify_signature",
    ),
    ("verify_claims: false", "warning[no-effect]: config.verify_claims"),
    (
        "enable_hs_signatures: true",
        "error[entity-check]: config.enable_hs_signatures",
    ),
    (
        "enable_hs_signatures: true, client_secret: [g123456789abcdef0123456789abcde]",
        "warning[weak-credential]: config.enable_hs_signatures",
    ),
    (
        "enable_hs_signatures: true, client_secret: [g123456789abcdef0123456789abcdef]",
        "",
    ),
    ("client_secret: [short]", ""),
    (
        "using_pseudo_issuer: true",
        "error[entity-check]: config.using_pseudo_issuer",
    ),
    (
        "using_pseudo_issuer: true, jwks_endpoint: https://idp.test/keys",
        "",
    ),
    (
        "auth_methods: [introspection], using_pseudo_issuer: true",
        "error[required-field-missing]: config.introspection_endpoint",
    ),
    (
        "scopes_required: []",
        "warning[no-effect]: config.scopes_required",
    ),
    (
        "scopes_required: ['']",
        "error[invalid-value]: config.scopes_required[0]",
    ),
    (
        "scopes_required: [' ']",
        "error[invalid-value]: config.scopes_required[0]",
    ),
    ("scopes_claim: []", "error[invalid-value]: config.scopes_claim"),
    (
        "consumer_claim: [a], consumer_claims: [[b]]",
        "error[entity-check]: config.consumer_claims",
    ),
    (
        "consumer_by: [email]",
        "error[invalid-value]: config.consumer_by[0]",
    ),
    (
        "upstream_headers_claims: [a], upstream_headers_names: []",
        "error[entity-check]: config.upstream_headers_names",
    ),
    (
        "upstream_headers: [{header: x}]",
        "error[required-field-missing]: config.upstream_headers[0].path",
    ),
    (
        "upstream_access_token_header: 'a b'",
        "error[invalid-value]: config.upstream_access_token_header",
    ),
    (
        "upstream_access_token_header: 'authorization:digest'",
        "error[invalid-value]: config.upstream_access_token_header",
    ),
    ("upstream_access_token_header: null", ""),
    (
        "introspection_headers_names: [x], introspection_headers_values: [a, b]",
        "error[entity-check]: config.introspection_headers_values",
    ),
    (
        "introspection_endpoint_auth_method: private_key_jwt",
        "error[not-yet]: config.introspection_endpoint_auth_method",
    ),
    (
        "introspection_accept: application/jwt",
        "error[not-yet]: config.introspection_accept",
    ),
    (
        "introspection_check_active: false",
        "error[not-yet]: config.introspection_check_active",
    ),
    ("introspection_check_active: true", ""),
    (
        "introspection_headers_client: [x]",
        "error[not-yet]: config.introspection_headers_client",
    ),
    ("introspection_headers_client: []", ""),
    (
        "search_user_info: true",
        "error[not-yet]: config.search_user_info",
    ),
    (
        "resolve_distributed_claims: true",
        "error[not-yet]: config.resolve_distributed_claims",
    ),
    (
        "proof_of_possession_dpop: strict",
        "error[not-yet]: config.proof_of_possession_dpop",
    ),
    ("proof_of_possession_dpop: 'off'", ""),
    (
        "proof_of_possession_mtls: maybe",
        "error[invalid-value]: config.proof_of_possession_mtls",
    ),
    (
        "proof_of_possession_mtls_from_header: {secure_source: true}",
        "error[not-yet]: config.proof_of_possession_mtls_from_header",
    ),
    (
        "consumer_groups_claim: [groups]",
        "error[not-yet]: config.consumer_groups_claim",
    ),
    ("domains: [idp.test]", "error[not-yet]: config.domains"),
    ("max_age: 60", "error[not-yet]: config.max_age"),
    (
        "jwt_session_cookie: s",
        "error[not-yet]: config.jwt_session_cookie",
    ),
    (
        "unauthorized_redirect_uri: [https://idp.test]",
        "error[not-yet]: config.unauthorized_redirect_uri",
    ),
    (
        "downstream_access_token_header: x",
        "error[not-yet]: config.downstream_access_token_header",
    ),
    (
        "upstream_introspection_header: x",
        "error[not-yet]: config.upstream_introspection_header",
    ),
    ("anonymous: nobody", "warning[missing-consumer]: config.anonymous"),
    ("client_id: [a, b]", "warning[no-effect]: config.client_id"),
    (
        "tls_client_auth_cert_id: a1ce0000-0000-4000-8000-000000000001",
        "error[invalid-reference]",
    ),
    ("leeway: -1", "error[out-of-range]: config.leeway"),
    ("timeout: 0", "error[out-of-range]: config.timeout"),
    ("cache_ttl: fast", "error[wrong-type]: config.cache_ttl"),
    (
        "client_secret: ['{vault://env/secret}']",
        "error[unsupported-value]: config.client_secret[0]",
    ),
    ("sesion_secret: x", "error[unknown-field]: config.sesion_secret"),
    // Ways to log in, sessions, caches: whatever they say.
    (
        "session_secret: x, session_storage: redis, login_action: redirect, logout_uri_suffix: /logout",
        "",
    ),
    (
        "redis: {host: r, port: 6379}, cluster_cache_strategy: 'off', scopes: [openid, profile]",
        "",
    ),
    (
        "redirect_uri: [https://app.test], authorization_cookie_secure: true, verify_nonce: false",
        "",
    ),
];

#[test]
fn what_would_decide_otherwise_is_refused() {
    for (fields, expected) in ROWS.iter().copied() {
        let issuer = if fields.starts_with("issuer") {
            ""
        } else {
            "issuer: https://idp.test, "
        };
        let found = findings(&text(&format!("{issuer}{fields}")));
        let as_expected = match expected {
            "" => found.is_empty(),
            expected => found.len() == 1 && found[0].contains(expected),
        };
        assert!(as_expected, "{fields}: {found:#?}");
    }
    let found = findings(&text("leeway: 1"));
    assert_eq!(
        found,
        ["k.yaml:4:11: error[required-field-missing]: config.issuer: required field missing"]
    );
}

/// All defaults of Kong's schema, as its tools write them out, but for the list of methods.
#[test]
fn a_file_with_every_default_loads() {
    let text = include_str!("openid_connect_defaults.yaml");
    let found = findings(text);
    assert_eq!(found, [""; 0]);
}

#[test]
fn it_is_for_no_consumer_and_may_be_cloned() {
    let scoped = "_format_version: '3.0'\nconsumers: [{username: a, plugins: [{name: openid-connect, config: {issuer: https://idp.test}}]}]\n";
    let found = findings(scoped);
    assert!(
        found.len() == 1 && found[0].contains("error[must-be-null]"),
        "{found:#?}"
    );
    let clone = text(ISSUER).replace("name: openid-connect", "name: openid-connect_1100");
    assert_eq!(findings(&clone), [""; 0]);
}
