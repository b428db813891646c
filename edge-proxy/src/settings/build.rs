//! From merged layers to settings: what needs more than one key to be judged.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use transport::finding::{Finding, Report};
use transport::layers::{Layers, Loaded, Merged, Spelling, Unknown, quoted, unknown_environment};
use transport::revocation::allowed_hosts::NotAHost;

use super::listener::Groups;
use super::schema::KEYS;
use super::{Admin, AllowedHost, Listener, LogTarget, Settings, TargetGroup, raw};

/// The prefix of our environment variables.
const PREFIX: &str = "EDGE_PROXY_";

/// What is left when a file cannot be used at all.
pub(super) fn unusable(finding: Finding) -> (Option<Loaded<Settings>>, Report) {
    (None, Report::from_iter([finding]))
}

/// Merges the file's text with the environment and the defaults, and builds settings from them.
pub(super) fn settings(
    file: &Path,
    text: &str,
    environment: &[(String, String)],
) -> (Option<Loaded<Settings>>, Report) {
    let mut layers = Layers::new(KEYS, Some(file));
    if let Err(finding) = layers.add_toml(file, text, Spelling::Typed) {
        return unusable(*finding);
    }
    layers.add_environment(PREFIX, environment);
    let mut merged = layers.merge();
    let mut report: Report = std::mem::take(&mut merged.findings).into_iter().collect();
    report.extend(
        std::mem::take(&mut merged.unknown_keys)
            .into_iter()
            .map(Unknown::finding),
    );
    report.extend(unknown_environment(&merged.unknown_variables));
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

/// Collects findings while parts of the settings are built. A part that cannot be built is left out.
pub(super) struct Build<'a> {
    merged: &'a Merged,
    findings: Vec<Finding>,
}

impl Build<'_> {
    fn settings(&mut self, node: raw::Node) -> Settings {
        let raw::Node {
            drain_timeout,
            shutdown_delay,
            revocation_allowed_hosts,
            listeners,
            target_groups,
            admin,
        } = node;
        if listeners.is_empty() && self.is_written("listeners") {
            self.error("missing-key", "listeners", "`listeners` has no listener");
        }
        let groups: Groups = target_groups
            .iter()
            .map(|(name, group)| (name.clone(), group.protocol))
            .collect();
        let target_groups: BTreeMap<String, TargetGroup> = target_groups
            .into_iter()
            .filter_map(|(name, group)| Some((name.clone(), self.target_group(&name, group)?)))
            .collect();
        let listeners: BTreeMap<String, Listener> = listeners
            .into_iter()
            .filter_map(|(name, listener)| Some((name.clone(), self.listener(&name, listener, &groups)?)))
            // A listener whose target group could not be built has nowhere to send requests to.
            .filter(|(_, listener)| target_groups.contains_key(&listener.target_group))
            .collect();
        let admin = self.admin(admin);
        self.addresses(&listeners, &admin);
        self.challenges_are_answered(&listeners);
        Settings {
            drain_timeout,
            shutdown_delay,
            revocation_allowed_hosts: self.allowed_hosts(&revocation_allowed_hosts),
            listeners,
            target_groups,
            admin,
        }
    }

    fn admin(&mut self, admin: raw::Admin) -> Admin {
        let raw::Admin {
            address,
            connection_log,
            access_log,
        } = admin;
        let address = if address == "off" {
            None
        } else {
            self.address("admin.address", &address)
        };
        Admin {
            address,
            connection_log: log_target(connection_log),
            access_log: log_target(access_log),
        }
    }

    fn allowed_hosts(&mut self, entries: &[String]) -> Vec<AllowedHost> {
        let mut allowed = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            match entry.parse() {
                Ok(host) => allowed.push(host),
                Err(NotAHost) => {
                    let path = format!("revocation_allowed_hosts[{index}]");
                    let message = format!("`{path}`: {} is no host and no network", quoted(entry));
                    self.error("bad-value", &path, message);
                }
            }
        }
        allowed
    }

    /// Two listeners on one address: the second could not bind, or with port reuse would share connections with the
    /// first.
    fn addresses(&mut self, listeners: &BTreeMap<String, Listener>, admin: &Admin) {
        let mut taken: BTreeMap<SocketAddr, String> = BTreeMap::new();
        let of_listeners = listeners
            .iter()
            .map(|(name, listener)| (format!("listeners.{name}.address"), listener.address));
        let of_admin = admin.address.map(|address| ("admin.address".to_owned(), address));
        for (path, address) in of_listeners
            .chain(of_admin)
            .filter(|(_, address)| address.port() != 0)
        {
            match taken.get(&address) {
                Some(first) => {
                    self.error(
                        "conflict",
                        &path,
                        format!("`{path}`: {address} is also `{first}`"),
                    );
                }
                None => {
                    taken.insert(address, path);
                }
            }
        }
    }

    pub(super) fn address(&mut self, path: &str, text: &str) -> Option<SocketAddr> {
        let address = text.parse().ok();
        if address.is_none() {
            let message = format!(
                "`{path}`: {} is no IP address and port, such as 127.0.0.1:8443",
                quoted(text)
            );
            self.error("bad-value", path, message);
        }
        address
    }

    /// Reports a key that must be there because of what another one says, unless it is there and was refused.
    pub(super) fn missing(&mut self, path: &str, why: &str) {
        if !self.merged.is_spoiled(path) {
            self.error("missing-key", path, format!("`{path}` is missing: {why}"));
        }
    }

    /// The same, in the words for a key that its table always must have.
    pub(super) fn missing_from(&mut self, table: &str, key: &str) {
        let path = format!("{table}.{key}");
        if !self.merged.is_spoiled(&path) {
            self.error(
                "missing-key",
                &path,
                format!("`{path}` is missing from `{table}`"),
            );
        }
    }

    pub(super) fn is_written(&self, path: &str) -> bool {
        self.merged.origins.is_written(path)
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
}

fn log_target(path: PathBuf) -> LogTarget {
    match path.to_str() {
        Some("off") => LogTarget::Off,
        Some("stdout") => LogTarget::Stdout,
        _ => LogTarget::File(path),
    }
}
