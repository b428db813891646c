//! Keys that Kong has and this gateway does not: an error where they would decide or limit something, one warning for
//! all that change nothing here.

use transport::finding::Finding;
use transport::layers::{Unknown, nearest};

/// What becomes of a key of Kong's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It changes nothing that is decided or limited here.
    Harmless,
    /// It would decide or limit something.
    Decides {
        /// What to write instead, or why not.
        instead: &'static str,
    },
    /// Kong does not have it either.
    Unknown,
}

/// Keys that decide something, with the values at which they decide what this gateway decides anyway.
const DECIDING: &[(&str, &[&str], &str)] = &[
    (
        "client_max_body_size",
        &["0"],
        "write nginx_http_client_max_body_size",
    ),
    (
        "declarative_config_encryption_mode",
        &["off"],
        "the document is read as it is",
    ),
    ("fips", &["off"], "this build has no FIPS validated module"),
    ("konnect_mode", &["off"], "there is no control plane to follow"),
    (
        "lua_ssl_protocols",
        &["TLSv1.1 TLSv1.2 TLSv1.3", "TLSv1.2 TLSv1.3"],
        "calls are made with TLS 1.2 and 1.3",
    ),
    ("proxy_server", &[], "calls are made directly"),
    (
        "role",
        &["traditional"],
        "there are no control and data planes, only traditional",
    ),
    (
        "router_flavor",
        &["traditional_compatible", "traditional"],
        "routes are matched as traditional_compatible",
    ),
    (
        "ssl_ciphers",
        &[],
        "choose with ssl_cipher_suite and ssl_protocols",
    ),
    ("stream_listen", &["off"], "only HTTP is proxied, leave it off"),
    ("wasm", &["off"], "no filters are run"),
];

/// nginx directives that have a key of ours.
const DIRECTIVES: &[(&str, &str)] = &[
    (
        "nginx_http_proxy_ssl_trusted_certificate",
        "write nginx_proxy_proxy_ssl_trusted_certificate",
    ),
    (
        "nginx_http_proxy_ssl_verify",
        "write nginx_proxy_proxy_ssl_verify",
    ),
    (
        "nginx_http_proxy_ssl_verify_depth",
        "write nginx_proxy_proxy_ssl_verify_depth",
    ),
    ("nginx_http_ssl_protocols", "write ssl_protocols"),
    ("nginx_http_ssl_stapling", "write ssl_stapling"),
    ("nginx_proxy_ssl_stapling", "write ssl_stapling"),
    ("nginx_proxy_ssl_stapling_file", "write ssl_stapling_file"),
    ("nginx_proxy_ssl_stapling_verify", "write ssl_stapling"),
    (
        "nginx_proxy_client_max_body_size",
        "write nginx_http_client_max_body_size",
    ),
    (
        "nginx_proxy_large_client_header_buffers",
        "write nginx_http_large_client_header_buffers",
    ),
    ("nginx_proxy_real_ip_header", "write real_ip_header"),
    ("nginx_proxy_real_ip_recursive", "write real_ip_recursive"),
    ("nginx_upstream_keepalive", "write upstream_keepalive_pool_size"),
    (
        "nginx_upstream_keepalive_requests",
        "write upstream_keepalive_max_requests",
    ),
    (
        "nginx_upstream_keepalive_timeout",
        "write upstream_keepalive_idle_timeout",
    ),
];

/// Families of keys that change nothing here: of features that this gateway does not have.
const HARMLESS_FAMILIES: &[&str] = &[
    "admin_gui_",
    "analytics_",
    "audit_log_",
    "cassandra_",
    "cluster_",
    "keyring_",
    "pg_",
    "pluginserver_",
    "portal_",
    "resolver_",
    "smtp_",
    "untrusted_lua_",
    "vitals_",
    "wasm_",
];

/// Single keys that change nothing here: workers, caches, other logs, the administrator's surfaces, reports, timers.
#[rustfmt::skip]
const HARMLESS: &[&str] = &[
    "admin_access_log", "admin_api_uri", "admin_approved_email", "admin_emails_from", "admin_emails_reply_to",
    "admin_error_log", "admin_invitation_expiry", "admin_ssl_cert", "admin_ssl_cert_key",
    "allow_debug_header", "allow_inconsistent_data_plane_plugins", "anonymous_reports", "audit_log",
    "client_body_buffer_size",
    "db_cache_neg_ttl", "db_cache_ttl", "db_cache_warmup_entities", "db_resurrect_ttl", "db_update_frequency",
    "db_update_propagation", "debug_access_log", "debug_error_log", "debug_listen", "debug_listen_local",
    "debug_ssl_cert", "debug_ssl_cert_key", "dedicated_config_processing",
    "dns_cache_size", "dns_error_ttl", "dns_hostsfile", "dns_no_sync", "dns_not_found_ttl", "dns_order",
    "dns_resolver", "dns_stale_ttl", "dns_valid_ttl",
    "enforce_rbac", "enforce_route_path_pattern", "error_default_type", "error_template_html",
    "error_template_json", "error_template_plain", "error_template_xml", "event_hooks_enabled",
    "feature_conf_path", "generate_trace_details", "go_pluginserver_exe", "go_plugins_dir",
    "host_ports", "kic", "legacy_worker_events", "license_data", "license_path",
    "lmdb_environment_path", "lmdb_map_size",
    "lua_max_post_args", "lua_max_req_headers", "lua_max_resp_headers", "lua_max_uri_args", "lua_package_cpath",
    "lua_package_path", "lua_socket_pool_size",
    "mem_cache_size", "new_dns_client", "node_id",
    "nginx_daemon", "nginx_events_multi_accept", "nginx_events_worker_connections", "nginx_main_daemon",
    "nginx_main_user", "nginx_main_worker_processes", "nginx_main_worker_rlimit_nofile", "nginx_optimizations",
    "nginx_user", "nginx_worker_processes",
    "openresty_path", "opentelemetry_tracing", "opentelemetry_tracing_sampling_rate", "password", "port_maps",
    "portal", "prefix", "privileged_agent", "proxy_error_log", "proxy_server_ssl_verify",
    "proxy_stream_access_log", "proxy_stream_error_log", "proxy_url",
    "rbac_auth_header", "request_debug", "request_debug_token", "route_validation_strategy",
    "ssl_dhparam", "ssl_prefer_server_ciphers", "ssl_session_cache_size", "ssl_session_tickets",
    "ssl_session_timeout", "status_access_log", "status_error_log", "status_ssl_cert", "status_ssl_cert_key",
    "tracing", "tracing_debug_header", "tracing_instrumentations", "tracing_sampling_rate",
    "tracing_time_threshold", "tracing_types", "tracing_write_endpoint", "tracing_write_strategy",
    "untrusted_lua", "upstream_keepalive", "vaults", "vitals",
    "worker_consistency", "worker_events_max_payload", "worker_state_update_frequency",
];

fn verdict(name: &str, text: Option<&str>) -> Verdict {
    if let Some((_, accepted, instead)) = DECIDING.iter().find(|(known, _, _)| *known == name) {
        let is_ours = text.is_some_and(|text| text.trim().is_empty() || accepted.contains(&text.trim()));
        return if is_ours {
            Verdict::Harmless
        } else {
            Verdict::Decides { instead }
        };
    }
    if HARMLESS.contains(&name) || HARMLESS_FAMILIES.iter().any(|family| name.starts_with(family)) {
        return Verdict::Harmless;
    }
    if let Some((_, instead)) = DIRECTIVES.iter().find(|(known, _)| *known == name) {
        return Verdict::Decides { instead };
    }
    if name.starts_with("nginx_") {
        return Verdict::Decides {
            instead: "there is no nginx that the directive could go to",
        };
    }
    if name.starts_with("vault_") {
        return Verdict::Decides {
            instead: "there are no vaults, write the value itself",
        };
    }
    Verdict::Unknown
}

/// The findings about all keys that the schema does not have, from the file and from the environment. What is left
/// over of the variables is not Kong's either.
pub(super) fn judge(keys: Vec<Unknown>, variables: Vec<Unknown>) -> (Vec<Finding>, Vec<Unknown>) {
    let mut findings = Vec::new();
    let mut harmless: Vec<Unknown> = Vec::new();
    let mut nobodys = Vec::new();
    for key in keys {
        match verdict(&key.name, key.text.as_deref()) {
            Verdict::Harmless => harmless.push(key),
            Verdict::Decides { instead } => findings.push(unsupported(key, instead)),
            Verdict::Unknown => {
                let fix = key.fix.clone().or_else(|| {
                    let known = nearest(
                        &key.name,
                        DECIDING
                            .iter()
                            .map(|(name, _, _)| *name)
                            .chain(HARMLESS.iter().copied()),
                    );
                    known.map(|known| format!("did you mean `{known}`?"))
                });
                findings.push(Unknown { fix, ..key }.finding());
            }
        }
    }
    for variable in variables {
        match verdict(&variable.name, variable.text.as_deref()) {
            Verdict::Harmless => harmless.push(variable),
            Verdict::Decides { instead } => findings.push(unsupported(variable, instead)),
            Verdict::Unknown => nobodys.push(variable),
        }
    }
    findings.extend(ignored(&harmless));
    (findings, nobodys)
}

fn unsupported(key: Unknown, instead: &str) -> Finding {
    let Unknown {
        name,
        origin,
        path: _,
        text: _,
        fix: _,
    } = key;
    let message = format!("`{name}` would decide or limit something in Kong and has no effect here");
    Finding::error("unsupported-key", origin, name, message).with_fix(instead)
}

fn ignored(keys: &[Unknown]) -> Option<Finding> {
    let first = keys.first()?;
    let names: Vec<String> = keys
        .iter()
        .map(|key| format!("{} ({})", key.name, key.origin))
        .collect();
    let message = format!("keys of Kong that change nothing here: {}", names.join(", "));
    Some(Finding::warning("ignored-key", first.origin.clone(), "", message))
}

#[cfg(test)]
mod tests {
    use super::super::schema::KEYS;
    use super::*;

    #[test]
    fn keys_that_decide_are_refused_at_any_value_but_ours() {
        for (name, text, is_refused) in [
            ("router_flavor", "traditional_compatible", false),
            ("router_flavor", "traditional", false),
            ("router_flavor", "expressions", true),
            ("role", "traditional", false),
            ("role", "data_plane", true),
            ("stream_listen", "off", false),
            ("stream_listen", "0.0.0.0:9000", true),
            ("ssl_ciphers", "ECDHE", true),
            ("ssl_ciphers", "", false),
            ("vault_env_prefix", "x", true),
            ("nginx_http_lua_shared_dict", "x", true),
            ("nginx_proxy_real_ip_header", "X-Real-IP", true),
            ("nginx_worker_processes", "2", false),
            ("pg_password", "secret", false),
            ("admin_gui_listen", "0.0.0.0:8002", false),
        ] {
            let expected = if is_refused { "refused" } else { "harmless" };
            let seen = match verdict(name, Some(text)) {
                Verdict::Harmless => "harmless",
                Verdict::Decides { .. } => "refused",
                Verdict::Unknown => "unknown",
            };
            assert_eq!(seen, expected, "{name} = {text}");
        }
        assert_eq!(verdict("proxy_listne", Some("x")), Verdict::Unknown);
    }

    #[test]
    fn no_key_of_ours_is_called_foreign() {
        for key in KEYS {
            let is_listed = HARMLESS.contains(&key.name)
                || HARMLESS_FAMILIES
                    .iter()
                    .any(|family| key.name.starts_with(family))
                || DIRECTIVES.iter().any(|(name, _)| *name == key.name)
                || DECIDING.iter().any(|(name, _, _)| *name == key.name);
            assert!(!is_listed, "{}", key.name);
        }
    }

    #[test]
    fn what_is_written_instead_is_a_key_of_ours() {
        for (name, instead) in DIRECTIVES {
            let ours = instead.strip_prefix("write ").unwrap();
            assert!(KEYS.iter().any(|key| key.name == ours), "{name}: {ours}");
        }
    }
}
