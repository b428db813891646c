//! From merged layers to settings: what needs more than one key, or Kong's own syntax, to be judged.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing::level_filters::LevelFilter;
use transport::finding::{Finding, Report};
use transport::layers::{Layers, Loaded, Merged, Spelling, quoted, unknown_environment};

use super::raw::{self, Level};
use super::schema::KEYS;
use super::trust::trusted;
use super::{DocumentSource, LogTarget, Settings, Stapling, conf_file, foreign};

/// The prefixes of our environment variables, the stronger one last.
const PREFIXES: [&str; 2] = ["KONG_", "API_GATEWAY_"];

/// What is left when a file cannot be used at all.
pub(super) fn unusable(finding: Finding) -> (Option<Loaded<Settings>>, Report) {
    (None, Report::from_iter([finding]))
}

/// Merges a file's text, if there is one, with the environment and the defaults, and builds settings from them.
pub(super) fn settings(
    file: Option<(&Path, &str)>,
    environment: &[(String, String)],
) -> (Option<Loaded<Settings>>, Report) {
    let mut layers = Layers::new(KEYS, file.map(|(file, _)| file));
    let mut report = Report::new();
    if let Some((file, text)) = file {
        if file.extension().is_some_and(|extension| extension == "toml") {
            if let Err(finding) = layers.add_toml(file, text, Spelling::TypedOrText) {
                return unusable(*finding);
            }
        } else {
            let (entries, findings) = conf_file::parse(file, text);
            report.extend(findings);
            layers.add_texts(entries);
        }
    }
    for prefix in PREFIXES {
        layers.add_environment(prefix, environment);
    }
    let mut merged = layers.merge();
    report.extend(std::mem::take(&mut merged.findings));
    let keys = std::mem::take(&mut merged.unknown_keys);
    let (findings, nobodys) = foreign::judge(keys, std::mem::take(&mut merged.unknown_variables));
    report.extend(findings);
    report.extend(unknown_environment(&nobodys));
    let node = match merged.extract() {
        Ok(node) => node,
        Err(finding) => {
            report.push(*finding);
            return (None, report);
        }
    };
    let mut build = Build {
        merged: &merged,
        findings: Vec::new(),
    };
    let settings = build.settings(node);
    report.extend(build.findings);
    (Some(Loaded::new(settings, merged.origins)), report)
}

/// Collects findings while settings are built. What cannot be read is left out.
pub(super) struct Build<'a> {
    merged: &'a Merged,
    findings: Vec<Finding>,
}

impl Build<'_> {
    fn settings(&mut self, node: raw::Node) -> Settings {
        self.not_yet("admin_listen", &node.admin_listen);
        self.not_yet("database", &node.database);
        self.edges_are_whole(&node);
        let proxy_listen = self.listen("proxy_listen", &node.proxy_listen);
        let status_listen = self.plain_listen("status_listen", &node.status_listen);
        self.addresses(&proxy_listen, &status_listen);
        self.edges_have_a_door(&node, &proxy_listen);
        Settings {
            declarative_config: self.document(node.declarative_config, node.declarative_config_string),
            acme_directory: node.acme_directory,
            ssl_cert: self.certificates(node.ssl_cert, node.ssl_cert_key),
            ssl_stapling: if node.ssl_stapling {
                Stapling::Fetched
            } else {
                Stapling::FromFiles
            },
            ssl_stapling_file: node.ssl_stapling_file,
            ssl_protocols: self.tls_versions(&node.ssl_protocols, &node.ssl_cipher_suite),
            client_ssl: self.client_certificate(
                node.client_ssl,
                node.client_ssl_cert,
                node.client_ssl_cert_key,
            ),
            lua_ssl_trusted_certificate: trusted(node.lua_ssl_trusted_certificate),
            lua_ssl_verify_depth: node.lua_ssl_verify_depth,
            nginx_proxy_proxy_ssl_trusted_certificate: trusted(
                node.nginx_proxy_proxy_ssl_trusted_certificate,
            ),
            nginx_proxy_proxy_ssl_verify_depth: node.nginx_proxy_proxy_ssl_verify_depth,
            tls_certificate_verify: self
                .verification(node.tls_certificate_verify, node.nginx_proxy_proxy_ssl_verify),
            trusted_ips: self.networks("trusted_ips", &node.trusted_ips),
            real_ip_header: self.real_ip_header(&node.real_ip_header),
            real_ip_recursive: node.real_ip_recursive,
            trusted_edges: self.edge_names(&node.trusted_edges),
            trusted_edge_ca: node.trusted_edge_ca,
            trusted_edge_headers: self.header_names("trusted_edge_headers", &node.trusted_edge_headers),
            trusted_edge_revocation_lists: node.trusted_edge_revocation_lists,
            revocation_lists: node.revocation_lists,
            revocation_allowed_hosts: self.allowed_hosts(&node.revocation_allowed_hosts),
            proxy_access_log: log_target(node.proxy_access_log),
            log_level: level(node.log_level),
            headers: self.response_headers(&node.headers),
            headers_upstream: self.upstream_headers(&node.headers_upstream),
            plugins: self.plugins(&node.plugins),
            large_client_header_buffers: self.header_limits(&node.nginx_http_large_client_header_buffers),
            client_max_body_size: self.body_size(&node.nginx_http_client_max_body_size),
            upstream_keepalive_pool_size: node.upstream_keepalive_pool_size,
            upstream_keepalive_max_requests: node.upstream_keepalive_max_requests,
            upstream_keepalive_idle_timeout: Some(node.upstream_keepalive_idle_timeout)
                .filter(|seconds| *seconds != 0)
                .map(Duration::from_secs),
            drain_timeout: node.drain_timeout,
            shutdown_delay: node.shutdown_delay,
            stream_close_delay: node.stream_close_delay,
            proxy_listen,
            status_listen,
        }
    }

    fn not_yet(&mut self, key: &'static str, text: &str) {
        if text != "off" {
            let message = format!("`{key}`: {} is not built yet", quoted(text));
            self.error_with_fix("not-yet", key, message, Some("write off".to_owned()));
        }
    }

    fn document(&mut self, file: Option<PathBuf>, text: Option<String>) -> Option<DocumentSource> {
        match (file, text) {
            (Some(file), text) => {
                if text.is_some() {
                    let message = format!(
                        "there is a `declarative_config` too, written at {}",
                        self.merged.origins.of("declarative_config")
                    );
                    self.error("conflict", "declarative_config_string", message);
                }
                Some(DocumentSource::File(file))
            }
            (None, text) => text.map(DocumentSource::Inline),
        }
    }

    /// Reports a key that another one makes necessary, unless it is there and was refused.
    pub(super) fn missing(&mut self, key: &str, why: &str, because: &str) {
        if !self.merged.is_spoiled(key) {
            let origin = self.merged.origins.of(because);
            self.findings.push(Finding::error(
                "missing-key",
                origin,
                key,
                format!("`{key}` is missing: {why}"),
            ));
        }
    }

    pub(super) fn is_spoiled(&self, key: &str) -> bool {
        self.merged.is_spoiled(key)
    }

    pub(super) fn error(&mut self, code: &'static str, path: &str, message: impl Into<String>) {
        self.findings.push(self.merged.error(code, path, message));
    }

    pub(super) fn error_with_fix(
        &mut self,
        code: &'static str,
        path: &str,
        message: String,
        fix: Option<String>,
    ) {
        self.findings.push(Finding {
            fix,
            ..self.merged.error(code, path, message)
        });
    }

    pub(super) fn warning(&mut self, code: &'static str, path: &str, message: impl Into<String>) {
        self.findings.push(self.merged.warning(code, path, message));
    }

    pub(super) fn warning_with_fix(
        &mut self,
        code: &'static str,
        path: &str,
        message: impl Into<String>,
        fix: &str,
    ) {
        let finding = self.merged.warning(code, path, message).with_fix(fix);
        self.findings.push(finding);
    }

    /// Reads every entry of a list; those that are refused are reported one by one.
    pub(super) fn each<T>(
        &mut self,
        key: &str,
        entries: &[String],
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let mut values = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            match read(entry) {
                Ok(value) => values.push(value),
                Err(message) => self.error(
                    "bad-value",
                    &format!("{key}[{index}]"),
                    format!("`{key}`: {message}"),
                ),
            }
        }
        values
    }
}

fn log_target(path: PathBuf) -> LogTarget {
    match path.to_str() {
        Some("off") => LogTarget::Off,
        Some("stdout") => LogTarget::Stdout,
        _ => LogTarget::File(path),
    }
}

/// nginx' levels between those that tracing has are the next one up in silence.
fn level(level: Level) -> LevelFilter {
    match level {
        Level::Debug => LevelFilter::DEBUG,
        Level::Info | Level::Notice => LevelFilter::INFO,
        Level::Warn => LevelFilter::WARN,
        Level::Error | Level::Crit | Level::Alert | Level::Emerg => LevelFilter::ERROR,
    }
}
