//! Fields of Kong's schema that are not built. Those that only concern other ways to authenticate are passed over, whatever
//! they say: a file that Kong loads loads here. Those that would decide, or change what upstream or client get, are
//! refused with their line at anything but their default.

use crate::document::fields::Fields;
use crate::document::reader::At;
use crate::document::rule;

/// For logging in, sessions, refreshing, and caches beside the process.
const OF_OTHER_METHODS: &[&str] = &[
    "audience",
    "authorization_cookie_domain",
    "authorization_cookie_http_only",
    "authorization_cookie_name",
    "authorization_cookie_path",
    "authorization_cookie_same_site",
    "authorization_cookie_secure",
    "authorization_endpoint",
    "authorization_query_args_client",
    "authorization_query_args_names",
    "authorization_query_args_values",
    "authorization_rolling_timeout",
    "cache_token_exchange",
    "cache_tokens_salt",
    "cache_ttl_min",
    "cache_ttl_neg",
    "cache_ttl_resurrect",
    "cache_user_info",
    "client_alg",
    "client_arg",
    "client_credentials_param_type",
    "client_jwk",
    "cluster_cache_items",
    "cluster_cache_redis",
    "cluster_cache_strategy",
    "consumer_groups_optional",
    "disable_session",
    "downstream_id_token_header",
    "downstream_id_token_jwk_header",
    "downstream_refresh_token_header",
    "downstream_session_id_header",
    "downstream_user_info_header",
    "downstream_user_info_jwt_header",
    "dpop_proof_lifetime",
    "dpop_use_nonce",
    "end_session_endpoint",
    "forbidden_destroy_session",
    "http_version",
    "id_token_param_name",
    "id_token_param_type",
    "ignore_signature",
    "jwt_session_claim",
    "keepalive",
    "login_action",
    "login_methods",
    "login_redirect_mode",
    "login_redirect_uri",
    "login_tokens",
    "logout_methods",
    "logout_post_arg",
    "logout_query_arg",
    "logout_redirect_uri",
    "logout_revoke",
    "logout_revoke_access_token",
    "logout_revoke_refresh_token",
    "logout_uri_suffix",
    "mtls_revocation_endpoint",
    "mtls_token_endpoint",
    "password_param_type",
    "preserve_query_args",
    "proof_of_possession_auth_methods_validation",
    "pushed_authorization_request_endpoint",
    "pushed_authorization_request_endpoint_auth_method",
    "redirect_uri",
    "redis",
    "refresh_token_param_name",
    "refresh_token_param_type",
    "refresh_tokens",
    "require_proof_key_for_code_exchange",
    "require_pushed_authorization_requests",
    "require_signed_request_object",
    "response_mode",
    "response_type",
    "reverify",
    "revocation_endpoint",
    "revocation_endpoint_auth_method",
    "revocation_token_param_name",
    "scopes",
    "session_absolute_timeout",
    "session_audience",
    "session_bind",
    "session_compressor",
    "session_cookie_domain",
    "session_cookie_http_only",
    "session_cookie_httponly",
    "session_cookie_idletime",
    "session_cookie_lifetime",
    "session_cookie_maxsize",
    "session_cookie_name",
    "session_cookie_path",
    "session_cookie_renew",
    "session_cookie_same_site",
    "session_cookie_samesite",
    "session_cookie_secure",
    "session_enforce_same_subject",
    "session_hash_storage_key",
    "session_hash_subject",
    "session_idling_timeout",
    "session_memcached_host",
    "session_memcached_port",
    "session_memcached_prefix",
    "session_memcached_socket",
    "session_redis_cluster_max_redirections",
    "session_redis_cluster_maxredirections",
    "session_redis_cluster_nodes",
    "session_redis_connect_timeout",
    "session_redis_host",
    "session_redis_password",
    "session_redis_port",
    "session_redis_prefix",
    "session_redis_read_timeout",
    "session_redis_send_timeout",
    "session_redis_server_name",
    "session_redis_socket",
    "session_redis_ssl",
    "session_redis_ssl_verify",
    "session_redis_username",
    "session_remember",
    "session_remember_absolute_timeout",
    "session_remember_cookie_name",
    "session_remember_rolling_timeout",
    "session_request_headers",
    "session_response_headers",
    "session_rolling_timeout",
    "session_secret",
    "session_storage",
    "session_store_metadata",
    "session_strategy",
    "token_cache_key_include_scope",
    "token_endpoint",
    "token_endpoint_auth_method",
    "token_exchange_endpoint",
    "token_headers_client",
    "token_headers_grants",
    "token_headers_names",
    "token_headers_prefix",
    "token_headers_replay",
    "token_headers_values",
    "token_post_args_client",
    "token_post_args_names",
    "token_post_args_values",
    "unauthorized_destroy_session",
    "upstream_id_token_header",
    "upstream_id_token_jwk_header",
    "upstream_refresh_token_header",
    "upstream_session_id_header",
    "upstream_user_info_header",
    "upstream_user_info_jwt_header",
    "userinfo_accept",
    "userinfo_endpoint",
    "userinfo_headers_client",
    "userinfo_headers_names",
    "userinfo_headers_values",
    "userinfo_query_args_client",
    "userinfo_query_args_names",
    "userinfo_query_args_values",
    "verify_nonce",
    "verify_parameters",
];

/// What would decide or be written, with what there is instead; the default is null, or an empty list.
const MUST_BE_ABSENT: &[(&str, &str)] = &[
    (
        "bearer_token_header_name",
        "tokens are looked for in authorization, access-token and x-access-token",
    ),
    (
        "consumer_groups_claim",
        "consumer groups come from the document alone",
    ),
    (
        "discovery_headers_names",
        "the discovery call has no further headers",
    ),
    (
        "discovery_headers_values",
        "the discovery call has no further headers",
    ),
    (
        "domains",
        "the claim hd is not looked at: use issuers_allowed or a *_required field",
    ),
    (
        "downstream_access_token_header",
        "nothing of a token is written into answers",
    ),
    (
        "downstream_access_token_jwk_header",
        "nothing of a token is written into answers",
    ),
    ("downstream_headers", "nothing of a token is written into answers"),
    (
        "downstream_headers_claims",
        "nothing of a token is written into answers",
    ),
    (
        "downstream_headers_names",
        "nothing of a token is written into answers",
    ),
    (
        "downstream_introspection_header",
        "nothing of a token is written into answers",
    ),
    (
        "downstream_introspection_jwt_header",
        "nothing of a token is written into answers",
    ),
    ("forbidden_redirect_uri", "an API's client is not redirected"),
    (
        "introspection_headers_client",
        "what a client sends does not go to the provider",
    ),
    (
        "introspection_post_args_client",
        "what a client sends does not go to the provider",
    ),
    (
        "introspection_post_args_client_headers",
        "what a client sends does not go to the provider",
    ),
    ("jwt_session_cookie", "a token is not compared with a cookie"),
    ("max_age", "the claim auth_time is not looked at"),
    ("principals", "Konnect's directories are not asked"),
    (
        "proof_of_possession_mtls_from_header",
        "configure header-cert-auth on the route: the certificate that it accepts is compared",
    ),
    ("token_exchange", "tokens are not exchanged"),
    ("unauthorized_redirect_uri", "an API's client is not redirected"),
    ("unexpected_redirect_uri", "an API's client is not redirected"),
    (
        "upstream_access_token_jwk_header",
        "the key of a token is not sent upstream",
    ),
    (
        "upstream_introspection_header",
        "introspection answers are not sent upstream: use upstream_headers_claims",
    ),
    (
        "upstream_introspection_jwt_header",
        "introspection answers are not sent upstream: use upstream_headers_claims",
    ),
];

/// What has another default.
const MUST_BE: &[(&str, bool, &str)] = &[
    (
        "introspection_check_active",
        true,
        "a token that is not active is never accepted",
    ),
    (
        "resolve_distributed_claims",
        false,
        "claims that stand elsewhere are not fetched",
    ),
    (
        "search_user_info",
        false,
        "the userinfo endpoint is not asked: use claims of the token",
    ),
];

pub(super) fn read(fields: &mut Fields<'_>) {
    for name in OF_OTHER_METHODS {
        fields.ignored(name);
    }
    for (name, instead) in MUST_BE_ABSENT {
        if fields.is_filled(name) {
            fields.absent(name, "not-yet", &format!("this is not built yet: {instead}"));
        } else {
            fields.ignored(name);
        }
    }
    for (name, default, why) in MUST_BE {
        fields.optional(name, |at| must_be(at, *default, why));
    }
    fields.optional("proof_of_possession_dpop", |at| {
        let text = rule::text(at)?;
        if text != "off" {
            return at.refuse::<()>("not-yet", "DPoP is not built: expected off");
        }
        None
    });
    fields.optional("verify_signature", |at| {
        if !rule::boolean(at)? {
            let message = "without a signature anybody could write the token";
            return at.refuse_with::<()>("unverified-token", message, "remove it");
        }
        None
    });
    fields.optional("verify_claims", |at| {
        if !rule::boolean(at)? {
            let message = "this has no effect: iss, exp, nbf and iat of a token are always judged; list every accepted issuer in issuers_allowed, and use leeway for clocks that differ";
            at.warn("no-effect", message);
        }
        Some(())
    });
}

fn must_be(at: At<'_>, default: bool, why: &str) -> Option<()> {
    if rule::boolean(at)? == default {
        return Some(());
    }
    at.refuse("not-yet", format!("expected {default}: {why}"))
}
