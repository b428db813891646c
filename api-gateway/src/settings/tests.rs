//! One row a situation: a file and variables, and the lines that `check` prints.

mod refusals;

use super::*;

fn load(
    name: &str,
    text: Option<&str>,
    environment: &[(&str, &str)],
) -> (Option<Loaded<Settings>>, Vec<String>) {
    let environment: Vec<(String, String)> = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let (loaded, report) = build::settings(text.map(|text| (Path::new(name), text)), &environment);
    (loaded, report.iter().map(ToString::to_string).collect())
}

fn good(name: &str, text: &str, environment: &[(&str, &str)]) -> Settings {
    let (loaded, lines) = load(name, Some(text), environment);
    assert_eq!(lines, Vec::<String>::new());
    loaded.unwrap().settings
}

fn conf(text: &str) -> Settings {
    good("/etc/kong/kong.conf", text, &[])
}

/// What is reported about a kong.conf.
fn lines(text: &str) -> Vec<String> {
    load("kong.conf", Some(text), &[]).1
}

fn environment(variables: &[(&str, &str)]) -> Vec<String> {
    load("", None, variables).1
}

fn listen(name: &str, address: &str, protocol: ListenProtocol) -> Listen {
    Listen {
        name: name.into(),
        address: address.parse().unwrap(),
        protocol,
        reuseport: false,
        backlog: None,
    }
}

/// Settings when nobody writes anything.
fn defaults() -> Settings {
    Settings {
        acme_directory: "/var/lib/api-gateway/acme".into(),
        proxy_listen: vec![
            listen("127.0.0.1:8000", "127.0.0.1:8000", ListenProtocol::Http),
            listen(
                "127.0.0.1:8443 ssl http2",
                "127.0.0.1:8443",
                ListenProtocol::HttpsWithHttp2,
            ),
        ],
        status_listen: vec![listen("127.0.0.1:8007", "127.0.0.1:8007", ListenProtocol::Http)],
        declarative_config: None,
        ssl_cert: vec![],
        ssl_stapling: Stapling::FromFiles,
        ssl_stapling_file: vec![],
        ssl_protocols: TlsVersions::Both,
        client_ssl: None,
        lua_ssl_trusted_certificate: vec![TrustedCertificates::System],
        lua_ssl_verify_depth: 1,
        nginx_proxy_proxy_ssl_trusted_certificate: vec![],
        nginx_proxy_proxy_ssl_verify_depth: None,
        tls_certificate_verify: true,
        trusted_ips: vec![],
        real_ip_header: HeaderName::from_static("x-real-ip"),
        real_ip_recursive: false,
        trusted_edges: vec![],
        trusted_edge_ca: None,
        trusted_edge_headers: vec![],
        trusted_edge_revocation_lists: vec![],
        revocation_lists: vec![],
        revocation_allowed_hosts: vec![],
        proxy_access_log: LogTarget::Stdout,
        log_level: LevelFilter::INFO,
        headers: ResponseHeaders {
            via: true,
            proxy_latency: true,
            upstream_latency: true,
            response_latency: true,
            upstream_status: false,
            request_id: true,
        },
        headers_upstream: UpstreamHeaders { request_id: true },
        plugins: Plugins {
            bundled: true,
            names: vec![],
        },
        large_client_header_buffers: HeaderLimits {
            line: 16_384,
            total: 65_536,
        },
        client_max_body_size: None,
        upstream_keepalive_pool_size: 512,
        upstream_keepalive_max_requests: 10_000,
        upstream_keepalive_idle_timeout: Some(Duration::from_mins(1)),
        drain_timeout: Duration::from_secs(30),
        shutdown_delay: Duration::ZERO,
        stream_close_delay: Duration::from_secs(10),
    }
}

#[test]
fn what_nobody_writes_has_its_default() {
    let (loaded, lines) = load("", None, &[]);
    assert_eq!(lines, Vec::<String>::new());
    assert_eq!(loaded.unwrap().settings, defaults());
    assert_eq!(conf("# nothing\n"), defaults());
    assert_eq!(good("a.toml", "", &[]), defaults());
}

/// Every key, at a value that is not its default.
const EVERYTHING: &str = "
proxy_listen = 0.0.0.0:8443 ssl reuseport backlog=128, off-by-one
status_listen = off
admin_listen = off
database = off
declarative_config = kong.yml
acme_directory = state/acme
ssl_cert = a.pem, /b.pem
ssl_cert_key = a.key, /b.key
ssl_stapling = on
ssl_stapling_file = a.der, /b.der
ssl_protocols = TLSv1.3
ssl_cipher_suite = modern
client_ssl = on
client_ssl_cert = client.pem
client_ssl_cert_key = client.key
lua_ssl_trusted_certificate = system, ca.pem
lua_ssl_verify_depth = 2
nginx_proxy_proxy_ssl_trusted_certificate = upstream-ca.pem
nginx_proxy_proxy_ssl_verify = on
nginx_proxy_proxy_ssl_verify_depth = 3
tls_certificate_verify = off
trusted_ips = 10.0.0.0/8, 127.0.0.1, ::1
real_ip_header = X-Forwarded-For
real_ip_recursive = on
trusted_edges = dns:edge.internal
trusted_edge_ca = internal.pem
trusted_edge_headers = X-Cert
trusted_edge_revocation_lists = edge.crl
revocation_lists = a.crl, b.crl
revocation_allowed_hosts = OCSP.test, 10.1.0.0/16
proxy_access_log = logs/access.log
log_level = crit
headers = X-Kong-Upstream-Status
headers_upstream = off
plugins = bundled, acl_1595
nginx_http_large_client_header_buffers = 8 8k
nginx_http_client_max_body_size = 10m
upstream_keepalive_pool_size = 0
upstream_keepalive_max_requests = 5
upstream_keepalive_idle_timeout = 0
drain_timeout = 1m
shutdown_delay = 500ms
stream_close_delay = 0s
";

fn files(certificate: &str, private_key: &str) -> CertificateFiles {
    CertificateFiles {
        certificate: certificate.into(),
        private_key: PathBuf::from(private_key).into(),
    }
}

fn everything() -> Settings {
    Settings {
        acme_directory: "/etc/kong/state/acme".into(),
        proxy_listen: vec![Listen {
            reuseport: true,
            backlog: Some(128),
            ..listen(
                "0.0.0.0:8443 ssl reuseport backlog=128",
                "0.0.0.0:8443",
                ListenProtocol::Https,
            )
        }],
        status_listen: vec![],
        declarative_config: Some(DocumentSource::File("/etc/kong/kong.yml".into())),
        ssl_cert: vec![
            files("/etc/kong/a.pem", "/etc/kong/a.key"),
            files("/b.pem", "/b.key"),
        ],
        ssl_stapling: Stapling::Fetched,
        ssl_stapling_file: vec!["/etc/kong/a.der".into(), "/b.der".into()],
        ssl_protocols: TlsVersions::Tls13Only,
        client_ssl: Some(files("/etc/kong/client.pem", "/etc/kong/client.key")),
        lua_ssl_trusted_certificate: vec![
            TrustedCertificates::System,
            TrustedCertificates::File("/etc/kong/ca.pem".into()),
        ],
        lua_ssl_verify_depth: 2,
        nginx_proxy_proxy_ssl_trusted_certificate: vec![TrustedCertificates::File(
            "/etc/kong/upstream-ca.pem".into(),
        )],
        nginx_proxy_proxy_ssl_verify_depth: Some(3),
        tls_certificate_verify: true,
        trusted_ips: ["10.0.0.0/8", "127.0.0.1/32", "::1/128"]
            .map(|network| network.parse().unwrap())
            .into(),
        real_ip_header: HeaderName::from_static("x-forwarded-for"),
        real_ip_recursive: true,
        trusted_edges: vec![EdgeName::Dns("edge.internal".into())],
        trusted_edge_ca: Some("/etc/kong/internal.pem".into()),
        trusted_edge_headers: vec![HeaderName::from_static("x-cert")],
        trusted_edge_revocation_lists: vec!["/etc/kong/edge.crl".into()],
        revocation_lists: vec!["/etc/kong/a.crl".into(), "/etc/kong/b.crl".into()],
        revocation_allowed_hosts: vec![
            AllowedHost::Name("ocsp.test".into()),
            AllowedHost::Network("10.1.0.0/16".parse().unwrap()),
        ],
        proxy_access_log: LogTarget::File("/etc/kong/logs/access.log".into()),
        log_level: LevelFilter::ERROR,
        headers: ResponseHeaders {
            via: false,
            proxy_latency: false,
            upstream_latency: false,
            response_latency: false,
            upstream_status: true,
            request_id: false,
        },
        headers_upstream: UpstreamHeaders { request_id: false },
        plugins: Plugins {
            bundled: true,
            names: vec!["acl_1595".into()],
        },
        large_client_header_buffers: HeaderLimits {
            line: 8_192,
            total: 65_536,
        },
        client_max_body_size: Some(10 << 20),
        upstream_keepalive_pool_size: 0,
        upstream_keepalive_max_requests: 5,
        upstream_keepalive_idle_timeout: None,
        drain_timeout: Duration::from_mins(1),
        shutdown_delay: Duration::from_millis(500),
        stream_close_delay: Duration::ZERO,
    }
}

#[test]
fn every_key_is_read_from_all_three_forms() {
    let file = EVERYTHING.replace(", off-by-one", "");
    assert_eq!(conf(&file), everything(), "kong.conf");
    let pairs: Vec<(&str, &str)> = file.lines().filter_map(|line| line.split_once(" = ")).collect();
    let toml: Vec<String> = pairs
        .iter()
        .map(|(key, value)| format!("{key} = \"{value}\""))
        .collect();
    assert_eq!(
        good("/etc/kong/kong.toml", &toml.join("\n"), &[]),
        everything(),
        "TOML, as text"
    );
    for prefix in ["KONG_", "API_GATEWAY_"] {
        let names: Vec<String> = pairs
            .iter()
            .map(|(key, _)| format!("{prefix}{}", key.to_uppercase()))
            .collect();
        let variables: Vec<(&str, &str)> = names
            .iter()
            .zip(&pairs)
            .map(|(name, (_, value))| (name.as_str(), *value))
            .collect();
        assert_eq!(
            good("/etc/kong/kong.toml", "", &variables),
            everything(),
            "{prefix}"
        );
    }
    assert_eq!(
        pairs.len(),
        schema::KEYS.len() - 1,
        "every key but declarative_config_string"
    );
}

#[test]
fn a_toml_file_may_use_tomls_own_types() {
    let settings = good(
        "/etc/kong/a.toml",
        "proxy_listen = [\"127.0.0.1:1 ssl\", \"127.0.0.1:2\"]\nclient_ssl = false\nlua_ssl_verify_depth = 4\n\
         nginx_http_client_max_body_size = 1024\nplugins = []\nlua_ssl_trusted_certificate = [\"system\", \"a.pem\"]",
        &[],
    );
    assert_eq!(settings.proxy_listen.len(), 2);
    assert_eq!(settings.lua_ssl_verify_depth, 4);
    assert_eq!(settings.client_max_body_size, Some(1024));
    assert_eq!(
        settings.plugins,
        Plugins {
            bundled: false,
            names: vec![]
        }
    );
    assert_eq!(settings.lua_ssl_trusted_certificate.len(), 2);
}

#[test]
fn the_later_layer_wins_and_is_blamed() {
    let file = "log_level = debug\nplugins = a\nheaders = off\n";
    let variables = [
        ("KONG_PLUGINS", "b"),
        ("KONG_HEADERS", "via"),
        ("API_GATEWAY_HEADERS", "server_tokens, X-Kong-Request-Id"),
    ];
    let (loaded, lines) = load("kong.conf", Some(file), &variables);
    let loaded = loaded.unwrap();
    assert_eq!(lines, Vec::<String>::new());
    assert_eq!(loaded.settings.log_level, LevelFilter::DEBUG);
    assert_eq!(loaded.settings.plugins.names, ["b"]);
    assert!(loaded.settings.headers.via && loaded.settings.headers.request_id);
    for (key, expected) in [
        ("log_level", "kong.conf:1:13"),
        ("plugins", "env KONG_PLUGINS"),
        ("plugins[0]", "env KONG_PLUGINS"),
        ("headers", "env API_GATEWAY_HEADERS"),
        ("database", "kong.conf:1:1"),
    ] {
        assert_eq!(loaded.origin(key).to_string(), expected, "{key}");
    }
}

#[test]
fn log_levels_are_those_of_nginx() {
    for (word, expected) in [
        ("debug", LevelFilter::DEBUG),
        ("info", LevelFilter::INFO),
        ("notice", LevelFilter::INFO),
        ("warn", LevelFilter::WARN),
        ("error", LevelFilter::ERROR),
        ("crit", LevelFilter::ERROR),
        ("alert", LevelFilter::ERROR),
        ("emerg", LevelFilter::ERROR),
    ] {
        assert_eq!(conf(&format!("log_level = {word}")).log_level, expected, "{word}");
    }
}

#[test]
fn versions_come_from_both_keys() {
    for (text, expected) in [
        ("ssl_protocols = TLSv1.2", TlsVersions::Tls12Only),
        ("ssl_protocols = TLSv1.3, TLSv1.2", TlsVersions::Both),
        ("ssl_cipher_suite = modern", TlsVersions::Tls13Only),
        ("ssl_protocols = TLSv1.3", TlsVersions::Tls13Only),
    ] {
        assert_eq!(conf(text).ssl_protocols, expected, "{text}");
    }
}

#[test]
fn upstreams_have_their_own_trust_or_the_gateways() {
    let system = &[TrustedCertificates::System][..];
    assert_eq!(defaults().upstream_trust(), (system, 1));
    assert_eq!(conf("lua_ssl_verify_depth = 2").upstream_trust(), (system, 2));
    assert_eq!(
        everything().upstream_trust(),
        (
            &[TrustedCertificates::File("/etc/kong/upstream-ca.pem".into())][..],
            3
        )
    );
}

#[test]
fn an_inline_document_is_kept_as_it_is_and_never_printed() {
    let document = "  a: 1\n  b: -----BEGIN PRIVATE KEY-----\n";
    let (loaded, lines) = load("", None, &[("KONG_DECLARATIVE_CONFIG_STRING", document)]);
    let source = loaded.unwrap().settings.declarative_config.unwrap();
    assert_eq!(lines, Vec::<String>::new());
    assert_eq!(source, DocumentSource::Inline(document.to_owned()));
    assert_eq!(format!("{source:?}"), "Inline(..)");
}
