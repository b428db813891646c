//! One row a situation: a file and variables, and the lines that `check` prints.

mod refusals;

use super::*;

const FILE: &str = "/etc/sallyport/edge.toml";

/// The example of the documentation: every key, at its default where it has one.
const EXAMPLE: &str = r#"
drain_timeout = "30s"
shutdown_delay = "0s"

[listeners.public]
address = "127.0.0.1:8443"
protocol = "https"
target_group = "gateway"
strip_headers = []

[listeners.public.tls]
certificate = "pki/edge/server.pem"
private_key = "pki/edge/server.key"
additional_certificates = []
security_policy = "1.2"

[listeners.public.mutual_authentication]
mode = "off"
trust_store = "pki/ca/clients.pem"
revocation_lists = []
ignore_client_certificate_expiry = false
advertise_trust_store_ca_names = false
max_chain_depth = 4
header_format = "alb"

[listeners.public.attributes]
"routing.http.xff_header_processing.mode" = "append"
"routing.http.preserve_host_header.enabled" = false
"routing.http.drop_invalid_header_fields.enabled" = false
"routing.http.x_amzn_tls_version_and_cipher_suite.enabled" = false
"idle_timeout.timeout_seconds" = 60
"client_keep_alive.seconds" = 3600
"routing.http.desync_mitigation_mode" = "defensive"
"routing.http.request.x_amzn_mtls_clientcert.header_name" = "X-Amzn-Mtls-Clientcert"

[target_groups.gateway]
protocol = "https"
targets = ["127.0.0.1:9443"]
send_proxy_protocol = false

[target_groups.gateway.tls]
certificate = "pki/edge/client.pem"
private_key = "pki/edge/client.key"
trust_store = "pki/ca/internal.pem"
server_name = "gateway.internal"

[admin]
address = "127.0.0.1:9901"
connection_log = "off"
access_log = "off"
"#;

/// The least that an https listener needs.
const LEAST: &str = r#"
[listeners.public]
address = "127.0.0.1:8443"
protocol = "https"
target_group = "gateway"
tls = { certificate = "server.pem", private_key = "server.key" }
[target_groups.gateway]
protocol = "http"
targets = ["127.0.0.1:9443"]
"#;

fn load(text: &str, environment: &[(&str, &str)]) -> (Option<Loaded<Settings>>, Vec<String>) {
    let environment: Vec<(String, String)> = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let (loaded, report) = build::settings(Path::new(FILE), text, &environment);
    (loaded, report.iter().map(ToString::to_string).collect())
}

fn good(text: &str, environment: &[(&str, &str)]) -> Settings {
    let (loaded, lines) = load(text, environment);
    assert_eq!(lines, Vec::<String>::new());
    loaded.unwrap().settings
}

/// The least file without its first line break.
fn least() -> &'static str {
    LEAST.trim_start()
}

/// The least file with something replaced.
fn with(from: &str, to: &str) -> String {
    least().replace(from, to)
}

/// The least file with mutual authentication.
fn verify(keys: &str) -> String {
    format!("{}[listeners.public.mutual_authentication]\n{keys}", least())
}

/// What is reported, with the file's name cut off.
fn lines(text: &str, environment: &[(&str, &str)]) -> Vec<String> {
    let prefix = format!("{FILE}:");
    load(text, environment)
        .1
        .iter()
        .map(|line| line.strip_prefix(&prefix).unwrap_or(line).to_owned())
        .collect()
}

fn files(directory: &str, name: &str) -> CertificateFiles {
    CertificateFiles {
        certificate: format!("/etc/sallyport/{directory}{name}.pem").into(),
        private_key: PathBuf::from(format!("/etc/sallyport/{directory}{name}.key")).into(),
    }
}

fn default_attributes() -> Attributes {
    Attributes {
        xff_header_processing: XffHeaderProcessing::Append,
        preserve_host_header: false,
        drop_invalid_header_fields: false,
        tls_version_and_cipher_suite: false,
        idle_timeout: Duration::from_mins(1),
        client_keep_alive: Duration::from_hours(1),
        desync_mitigation_mode: DesyncMitigationMode::Defensive,
    }
}

#[test]
fn the_example_loads_clean() {
    assert_eq!(
        good(EXAMPLE, &[]),
        Settings {
            drain_timeout: Duration::from_secs(30),
            shutdown_delay: Duration::ZERO,
            listeners: BTreeMap::from([(
                "public".to_owned(),
                Listener {
                    address: "127.0.0.1:8443".parse().unwrap(),
                    protocol: ListenerProtocol::Https {
                        tls: ListenerTls {
                            certificate: Some(files("pki/edge/", "server")),
                            additional_certificates: vec![],
                            stapling_files: vec![],
                            security_policy: SecurityPolicy::Tls12,
                            acme: None,
                        },
                        mutual_authentication: MutualAuthentication::Off,
                    },
                    target_group: "gateway".into(),
                    strip_headers: vec![],
                    attributes: default_attributes(),
                }
            )]),
            target_groups: BTreeMap::from([(
                "gateway".to_owned(),
                TargetGroup {
                    protocol: TargetProtocol::Https(TargetTls {
                        certificate: Some(files("pki/edge/", "client")),
                        trust_store: "/etc/sallyport/pki/ca/internal.pem".into(),
                        server_name: "gateway.internal".into(),
                    }),
                    targets: vec![Target {
                        host: "127.0.0.1".into(),
                        port: 9443
                    }],
                }
            )]),
            admin: Admin {
                address: Some("127.0.0.1:9901".parse().unwrap()),
                connection_log: LogTarget::Off,
                access_log: LogTarget::Off,
            },
        }
    );
}

#[test]
fn what_nobody_writes_has_its_default() {
    let settings = good(LEAST, &[]);
    let listener = &settings.listeners["public"];
    assert_eq!(settings.drain_timeout, Duration::from_secs(30));
    assert_eq!(settings.shutdown_delay, Duration::ZERO);
    assert_eq!(listener.attributes, default_attributes());
    assert_eq!(listener.strip_headers, Vec::<HeaderName>::new());
    let expected = ListenerProtocol::Https {
        tls: ListenerTls {
            certificate: Some(files("", "server")),
            additional_certificates: vec![],
            stapling_files: vec![],
            security_policy: SecurityPolicy::Tls12,
            acme: None,
        },
        mutual_authentication: MutualAuthentication::Off,
    };
    assert_eq!(listener.protocol, expected);
    assert_eq!(
        settings.admin,
        Admin {
            address: None,
            connection_log: LogTarget::Off,
            access_log: LogTarget::Off
        }
    );
}

#[test]
fn every_default_is_one_that_the_file_accepts() {
    let verify = LEAST.replace(
        "tls = {",
        "mutual_authentication = { mode = \"verify\", trust_store = \"ca.pem\" }\ntls = {",
    );
    let ListenerProtocol::Https {
        mutual_authentication,
        ..
    } = &good(&verify, &[]).listeners["public"].protocol
    else {
        panic!("not https")
    };
    let MutualAuthentication::Verify(verify) = mutual_authentication else {
        panic!("not verify")
    };
    assert_eq!(
        *verify,
        Verify {
            trust_store: "/etc/sallyport/ca.pem".into(),
            revocation_lists: vec![],
            ignore_client_certificate_expiry: false,
            advertise_trust_store_ca_names: false,
            max_chain_depth: 4,
            header_format: HeaderFormat::Alb,
        }
    );
}

#[test]
fn the_environment_overrides_by_the_type_of_the_key() {
    let settings = good(
        &EXAMPLE.replace("listeners.public", "listeners.my-public"),
        &[
            ("EDGE_PROXY_DRAIN_TIMEOUT", "500ms"),
            ("EDGE_PROXY_LISTENERS__MY_PUBLIC__TLS__SECURITY_POLICY", "1.3"),
            ("EDGE_PROXY_LISTENERS__MY_PUBLIC__ADDRESS", "[::]:0"),
            ("EDGE_PROXY_LISTENERS__MY_PUBLIC__STRIP_HEADERS", "X-One, X-Two"),
            (
                "EDGE_PROXY_LISTENERS__MY_PUBLIC__MUTUAL_AUTHENTICATION__MODE",
                "verify",
            ),
            (
                "EDGE_PROXY_LISTENERS__MY_PUBLIC__MUTUAL_AUTHENTICATION__REVOCATION_LISTS",
                "a.crl,/b.crl",
            ),
            (
                "EDGE_PROXY_LISTENERS__MY_PUBLIC__MUTUAL_AUTHENTICATION__MAX_CHAIN_DEPTH",
                "2",
            ),
            (
                "EDGE_PROXY_LISTENERS__MY_PUBLIC__ATTRIBUTES__IDLE_TIMEOUT_TIMEOUT_SECONDS",
                "5",
            ),
            (
                "EDGE_PROXY_TARGET_GROUPS__GATEWAY__TARGETS",
                "api-gateway:9443, [::1]:9444",
            ),
            ("EDGE_PROXY_ADMIN__ADDRESS", "off"),
            ("EDGE_PROXY_ADMIN__ACCESS_LOG", "stdout"),
            ("EDGE_PROXY_ADMIN__CONNECTION_LOG", "/var/log/edge.log"),
        ],
    );
    let listener = &settings.listeners["my-public"];
    assert_eq!(settings.drain_timeout, Duration::from_millis(500));
    assert_eq!(listener.address.to_string(), "[::]:0");
    assert_eq!(listener.strip_headers, ["x-one", "x-two"]);
    assert_eq!(listener.attributes.idle_timeout, Duration::from_secs(5));
    let ListenerProtocol::Https {
        tls,
        mutual_authentication: MutualAuthentication::Verify(verify),
    } = &listener.protocol
    else {
        panic!("no https in mode verify")
    };
    assert_eq!(tls.security_policy, SecurityPolicy::Tls13);
    assert_eq!(verify.max_chain_depth, 2);
    assert_eq!(
        verify.revocation_lists,
        [PathBuf::from("/etc/sallyport/a.crl"), PathBuf::from("/b.crl")]
    );
    let targets: Vec<String> = settings.target_groups["gateway"]
        .targets
        .iter()
        .map(Target::to_string)
        .collect();
    assert_eq!(targets, ["api-gateway:9443", "[::1]:9444"]);
    assert_eq!(
        settings.admin,
        Admin {
            address: None,
            connection_log: LogTarget::File("/var/log/edge.log".into()),
            access_log: LogTarget::Stdout,
        }
    );
}

#[test]
fn variables_that_are_none_of_ours_are_one_warning() {
    assert_eq!(
        lines(
            EXAMPLE,
            &[
                ("EDGE_PROXY_PORT", "tcp://10.0.0.7:8443"),
                ("EDGE_PROXY_SERVICE_HOST", "10.0.0.7"),
                ("EDGE_PROXY_DRAIN_TIMEOUTS", "1s"),
                ("PATH", "/bin"),
            ]
        ),
        [
            "env EDGE_PROXY_DRAIN_TIMEOUTS: warning[unknown-environment]: ignored, no setting has this name: \
          EDGE_PROXY_DRAIN_TIMEOUTS (did you mean EDGE_PROXY_DRAIN_TIMEOUT?), EDGE_PROXY_PORT, \
          EDGE_PROXY_SERVICE_HOST"
        ]
    );
}

#[test]
fn an_origin_is_told_for_every_key() {
    let (loaded, _) = load(
        EXAMPLE,
        &[("EDGE_PROXY_LISTENERS__PUBLIC__TLS__CERTIFICATE", "x.pem")],
    );
    let loaded = loaded.unwrap();
    for (path, expected) in [
        (
            "listeners.public.tls.certificate",
            "env EDGE_PROXY_LISTENERS__PUBLIC__TLS__CERTIFICATE",
        ),
        (
            "listeners.public.tls.private_key",
            "/etc/sallyport/edge.toml:13:15",
        ),
        ("listeners.public.tls", "/etc/sallyport/edge.toml:11:1"),
        (
            "listeners.public.mutual_authentication.trust_store",
            "/etc/sallyport/edge.toml:19:15",
        ),
        (
            "target_groups.gateway.targets[0]",
            "/etc/sallyport/edge.toml:38:12",
        ),
        ("nothing", "/etc/sallyport/edge.toml:1:1"),
    ] {
        assert_eq!(loaded.origin(path).to_string(), expected, "{path}");
    }
}
