//! What is refused or warned of, at its place.

use super::*;

#[test]
fn listeners_are_refused_at_their_place() {
    for (text, expected) in [
        (
            "proxy_listen = 127.0.0.1:1, 127.0.0.1:2 http2",
            vec![
                "kong.conf:1:16: error[bad-value]: `proxy_listen`: `127.0.0.1:2 http2`: http2 without ssl; HTTP/2 is spoken over TLS only",
            ],
        ),
        (
            "proxy_listen = 127.0.0.1:1 proxy_protocol",
            vec!["kong.conf:1:16: error[not-yet]: `proxy_listen`: proxy_protocol is not built yet"],
        ),
        (
            "proxy_listen = off, 127.0.0.1:1 fast",
            vec![
                "kong.conf:1:16: error[bad-value]: `proxy_listen`: `off` is no IP address and port, such as 127.0.0.1:8443",
                "kong.conf:1:16: error[bad-value]: `proxy_listen`: unknown flag `fast`; there are ssl, http2, reuseport and backlog=NUMBER",
            ],
        ),
        (
            "status_listen = 127.0.0.1:1 ssl",
            vec![
                "kong.conf:1:17: error[not-yet]: `status_listen`: `127.0.0.1:1 ssl`: ssl is not built yet here",
            ],
        ),
        (
            "status_listen = 127.0.0.1:8000",
            vec![
                "kong.conf:1:17: error[conflict]: `status_listen`: `127.0.0.1:8000` has the address of `127.0.0.1:8000`",
            ],
        ),
        ("proxy_listen = 127.0.0.1:0, 127.0.0.1:0 ssl", vec![]),
        (
            "ssl_protocols = TLSv1.1 TLSv1.2",
            vec![
                "kong.conf:1:17: error[bad-value]: `ssl_protocols`: `TLSv1.1` is none of TLSv1.2, TLSv1.3, which rustls has",
            ],
        ),
        (
            "ssl_cipher_suite = old",
            vec![
                "kong.conf:1:20: error[bad-value]: `ssl_cipher_suite`: `old` has cipher suites that rustls does not have",
            ],
        ),
        (
            "ssl_cipher_suite = modern\nssl_protocols = TLSv1.2",
            vec![
                "kong.conf:1:20: error[conflict]: `ssl_cipher_suite`: modern is TLSv1.3 only, and `ssl_protocols` is without it",
            ],
        ),
        (
            "ssl_cert = a, b\nssl_cert_key = c",
            vec![
                "kong.conf:2:16: error[conflict]: `ssl_cert` names 2 files and `ssl_cert_key` 1; every certificate has its key, in the same order",
            ],
        ),
        (
            "ssl_cert = a",
            vec![
                "kong.conf:1:12: error[conflict]: `ssl_cert` names 1 files and `ssl_cert_key` 0; every certificate has its key, in the same order",
            ],
        ),
        (
            "client_ssl = on\nclient_ssl_cert = a",
            vec!["kong.conf:1:14: error[missing-key]: `client_ssl_cert_key` is missing: `client_ssl` is on"],
        ),
        (
            "client_ssl_cert = a",
            vec!["kong.conf:1:19: warning[no-effect]: `client_ssl_cert` does nothing: `client_ssl` is off"],
        ),
    ] {
        assert_eq!(lines(text), expected, "{text}");
    }
}

#[test]
fn trust_is_whole_or_refused() {
    for (text, expected) in [
        (
            "trusted_edges = dns:edge.internal",
            vec![
                "kong.conf:1:17: error[missing-key]: `trusted_edge_ca` is missing: `trusted_edges` are believed only with a certificate that chains to it",
            ],
        ),
        (
            "trusted_edge_ca = a\ntrusted_edge_headers = X-A\ntrusted_edge_revocation_lists = b",
            vec![
                "kong.conf:1:19: warning[no-effect]: `trusted_edge_ca` does nothing: `trusted_edges` names no edge",
                "kong.conf:2:24: warning[no-effect]: `trusted_edge_headers` does nothing: `trusted_edges` names no edge",
                "kong.conf:3:33: warning[no-effect]: `trusted_edge_revocation_lists` does nothing: `trusted_edges` names no edge",
            ],
        ),
        (
            "trusted_edge_ca = a\ntrusted_edges = edge.internal, sha256:00",
            vec![
                "kong.conf:2:17: error[bad-value]: `trusted_edges`: `edge.internal` names no edge; write dns:NAME, uri:URI or sha256:DIGEST",
                "kong.conf:2:17: error[bad-value]: `trusted_edges`: `sha256:00` holds no SHA-256 digest: 64 hexadecimal digits",
            ],
        ),
        (
            "trusted_edge_ca = a\ntrusted_edges = dns:a\nproxy_listen = 127.0.0.1:1",
            vec![
                "kong.conf:2:17: warning[no-effect]: `trusted_edges` does nothing: no entry of `proxy_listen` has ssl, so no edge can prove itself",
            ],
        ),
        (
            "trusted_ips = 10.0.0.0/8, unix:, 10.0.0.300",
            vec![
                "kong.conf:1:15: error[bad-value]: `trusted_ips`: `unix:` is no IP address and no network",
                "kong.conf:1:15: error[bad-value]: `trusted_ips`: `10.0.0.300` is no IP address and no network",
            ],
        ),
        (
            "trusted_edge_ca = -----BEGIN CERTIFICATE-----\ntrusted_edges = dns:a",
            vec![
                "kong.conf:1:19: error[bad-value]: `trusted_edge_ca`: is no file name; PEM text is not read here, name the file that holds it",
            ],
        ),
        (
            "revocation_allowed_hosts = a b",
            vec![
                "kong.conf:1:28: error[bad-value]: `revocation_allowed_hosts`: `a b` is no host and no network",
            ],
        ),
        (
            "nginx_proxy_proxy_ssl_verify = off",
            vec![
                "kong.conf:1:32: error[conflict]: `nginx_proxy_proxy_ssl_verify` is off, which `tls_certificate_verify` forbids; write tls_certificate_verify = off to leave upstreams unverified",
            ],
        ),
        (
            "nginx_proxy_proxy_ssl_verify = off\ntls_certificate_verify = off",
            vec![
                "kong.conf:2:26: warning[unverified-upstreams]: upstream certificates are not verified where their service does not say so; set tls_certificate_verify = on, and name the upstreams' CAs in lua_ssl_trusted_certificate",
            ],
        ),
        (
            "nginx_proxy_proxy_ssl_verify = on\ntls_certificate_verify = off",
            vec![],
        ),
        (
            "real_ip_header = proxy_protocol",
            vec!["kong.conf:1:18: error[not-yet]: `real_ip_header`: proxy_protocol is not built yet"],
        ),
        (
            "real_ip_header = X Y",
            vec!["kong.conf:1:18: error[bad-value]: `real_ip_header`: `X Y` is no header name"],
        ),
    ] {
        assert_eq!(lines(text), expected, "{text}");
    }
}

#[test]
fn keys_of_kong_that_are_not_ours_are_judged() {
    for (text, expected) in [
        (
            "database = postgres",
            vec!["kong.conf:1:12: error[not-yet]: `database`: `postgres` is not built yet; write off"],
        ),
        (
            "admin_listen = 127.0.0.1:8001",
            vec![
                "kong.conf:1:16: error[not-yet]: `admin_listen`: `127.0.0.1:8001` is not built yet; write off",
            ],
        ),
        (
            "router_flavor = expressions",
            vec![
                "kong.conf:1:1: error[unsupported-key]: `router_flavor` would decide or limit something in Kong and has no effect here; routes are matched as traditional_compatible",
            ],
        ),
        (
            "nginx_proxy_real_ip_header = X",
            vec![
                "kong.conf:1:1: error[unsupported-key]: `nginx_proxy_real_ip_header` would decide or limit something in Kong and has no effect here; write real_ip_header",
            ],
        ),
        // One warning for everything that changes nothing, and never a value.
        (
            "prefix = /usr/local/kong\npg_password = hunter2\nrole = traditional",
            vec![
                "kong.conf:1:1: warning[ignored-key]: keys of Kong that change nothing here: prefix (kong.conf:1:1), pg_password (kong.conf:2:1), role (kong.conf:3:1)",
            ],
        ),
        (
            "proxy_listne = off\nwroker_consistency = strict\ncolour = blue",
            vec![
                "kong.conf:1:1: error[unknown-key]: unknown key `proxy_listne`; did you mean `proxy_listen`?",
                "kong.conf:2:1: error[unknown-key]: unknown key `wroker_consistency`; did you mean `worker_consistency`?",
                "kong.conf:3:1: error[unknown-key]: unknown key `colour`",
            ],
        ),
        (
            "declarative_config = a\ndeclarative_config_string = b",
            vec![
                "kong.conf:2:29: error[conflict]: there is a `declarative_config` too, written at kong.conf:1:22",
            ],
        ),
        (
            "headers = server_tokens, X-Nonsense\nheaders_upstream = Via",
            vec![
                "kong.conf:1:11: error[bad-value]: `headers`: `X-Nonsense` is no header that this gateway sends",
                "kong.conf:2:20: error[bad-value]: `headers_upstream`: `Via` is none of X-Kong-Request-Id, off",
            ],
        ),
        (
            "plugins = bundled, a/b",
            vec!["kong.conf:1:11: error[bad-value]: `plugins`: `a/b` is no plugin's name"],
        ),
        (
            "nginx_http_large_client_header_buffers = many\nnginx_http_client_max_body_size = 10mb",
            vec![
                "kong.conf:1:42: error[bad-value]: `nginx_http_large_client_header_buffers`: `many` is no number and size, such as 4 16k, of at least 1k a line and at most 16m in all",
                "kong.conf:2:35: error[bad-value]: `nginx_http_client_max_body_size`: `10mb` is no size, such as 10m",
            ],
        ),
        (
            "client_ssl = maybe\nlua_ssl_verify_depth = deep\nlog_level = loud\ndrain_timeout = 30",
            vec![
                "kong.conf:1:14: error[bad-value]: `client_ssl`: `maybe` is none of true, false, on, off",
                "kong.conf:2:24: error[bad-value]: `lua_ssl_verify_depth`: `deep` is no whole number",
                "kong.conf:3:13: error[bad-value]: `log_level`: `loud` is none of debug, info, notice, warn, error, crit, alert, emerg",
                "kong.conf:4:17: error[bad-value]: `drain_timeout`: `30` is no duration; write a whole number and ms, s, m, h or d, such as 30s",
            ],
        ),
        (
            "what is this",
            vec!["kong.conf:1:1: error[syntax]: this line is not of the form `key = value`"],
        ),
    ] {
        assert_eq!(lines(text), expected, "{text}");
    }
}

#[test]
fn variables_are_judged_like_keys_but_nobodys_are_one_warning() {
    for (variables, expected) in [
        (
            vec![
                ("KONG_NGINX_DAEMON", "off"),
                ("API_GATEWAY_PREFIX", "/tmp"),
                ("KONG_LICENSE_DATA", "secret"),
            ],
            vec![
                "env KONG_LICENSE_DATA: warning[ignored-key]: keys of Kong that change nothing here: license_data (env KONG_LICENSE_DATA), nginx_daemon (env KONG_NGINX_DAEMON), prefix (env API_GATEWAY_PREFIX)",
            ],
        ),
        (
            vec![
                ("KONG_PROXY_PORT", "tcp://10.0.0.1"),
                ("API_GATEWAY_PORT", "tcp://10.0.0.1"),
                ("KONG_TRUSTED_IP", "10.0.0.1"),
            ],
            vec![
                "env KONG_PROXY_PORT: warning[unknown-environment]: ignored, no setting has this name: KONG_PROXY_PORT, KONG_TRUSTED_IP (did you mean KONG_TRUSTED_IPS?), API_GATEWAY_PORT",
            ],
        ),
        (
            vec![("KONG_ROLE", "data_plane"), ("KONG_NGINX_HTTP_INCLUDE", "x.conf")],
            vec![
                "env KONG_NGINX_HTTP_INCLUDE: error[unsupported-key]: `nginx_http_include` would decide or limit something in Kong and has no effect here; there is no nginx that the directive could go to",
                "env KONG_ROLE: error[unsupported-key]: `role` would decide or limit something in Kong and has no effect here; there are no control and data planes, only traditional",
            ],
        ),
        (
            vec![("KONG_CLIENT_SSL", "maybe"), ("API_GATEWAY_PROXY_LISTEN", "here")],
            vec![
                "env API_GATEWAY_PROXY_LISTEN: error[bad-value]: `proxy_listen`: `here` is no IP address and port, such as 127.0.0.1:8443",
                "env KONG_CLIENT_SSL: error[bad-value]: `client_ssl`: `maybe` is none of true, false, on, off",
            ],
        ),
        (
            vec![
                ("KONG_LOG_LEVEL", ""),
                ("KONG_TRUSTED_IPS", ""),
                ("KONG_DECLARATIVE_CONFIG", ""),
                ("KONGS", "x"),
            ],
            vec![],
        ),
    ] {
        assert_eq!(environment(&variables), expected, "{variables:?}");
    }
}

#[test]
fn a_file_that_cannot_be_used_gives_no_settings() {
    let (loaded, report) = Settings::load(Some(Path::new("/nowhere/kong.conf")), &[]);
    assert!(loaded.is_none());
    assert_eq!(
        report.to_string(),
        "/nowhere/kong.conf:1:1: error[unreadable]: cannot read /nowhere/kong.conf: No such file or directory (os error 2)\n\
         1 errors, 0 warnings"
    );
    let (loaded, lines) = load("a.toml", Some("a = "), &[]);
    assert!(loaded.is_none());
    assert_eq!(
        lines,
        ["a.toml:1:5: error[syntax]: this is no TOML: something is missing here"]
    );
}

#[test]
fn wrong_types_in_a_toml_file_are_told() {
    let (_, lines) = load(
        "a.toml",
        Some("client_ssl = 1\nproxy_listen = true\ndrain_timeout = 30\n[headers]\n"),
        &[],
    );
    assert_eq!(
        lines,
        [
            "a.toml:1:14: error[wrong-type]: `client_ssl` must be true or false, not a whole number",
            "a.toml:2:16: error[wrong-type]: `proxy_listen` must be a list, not true or false",
            "a.toml:3:17: error[wrong-type]: `drain_timeout` must be a duration, not a whole number; write it as text with a unit, such as \"30s\"",
            "a.toml:4:1: error[wrong-type]: `headers` must be a list, not a table",
        ]
    );
}
