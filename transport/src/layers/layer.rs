//! One layer once read: its values, where they were written, and what was wrong with it.

use std::collections::{BTreeMap, BTreeSet};

use figment::value::{Dict, Map};
use figment::{Metadata, Profile, Provider};

use crate::finding::{Finding, Origin};

/// A layer: the defaults, a file, the variables of one prefix.
#[derive(Debug, Default)]
pub(super) struct Layer {
    pub(super) values: Dict,
    pub(super) origins: BTreeMap<String, Origin>,
    pub(super) findings: Vec<Finding>,
    pub(super) unknown: Vec<Unknown>,
    /// Paths of keys that somebody wrote, but wrongly: they are not missing.
    pub(super) spoiled: BTreeSet<String>,
}

impl Layer {
    pub(super) fn wrote(&mut self, path: &str, origin: Origin) {
        self.origins.insert(path.to_owned(), origin);
    }

    pub(super) fn spoil(&mut self, path: &str) {
        self.spoiled.insert(path.to_owned());
    }

    pub(super) fn refuse(&mut self, code: &'static str, origin: Origin, path: &str, message: String) {
        self.spoil(path);
        self.findings.push(Finding::error(code, origin, path, message));
    }
}

impl Provider for &Layer {
    fn metadata(&self) -> Metadata {
        Metadata::default()
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Map::from([(Profile::Default, self.values.clone())]))
    }
}

/// A key that the schema does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// Its name; of a variable the part behind the prefix, in lower case.
    pub name: String,
    /// Its path; of a variable the full name.
    pub path: String,
    /// Its value where that is no table. Never to be printed: it may be a password.
    pub text: Option<String>,
    /// What was meant, perhaps.
    pub fix: Option<String>,
    /// Where it is written.
    pub origin: Origin,
}

impl Unknown {
    /// The error that an unknown key in a file is.
    pub fn finding(self) -> Finding {
        let Self {
            path,
            fix,
            origin,
            name: _,
            text: _,
        } = self;
        let message = format!("unknown key `{path}`");
        Finding {
            fix,
            ..Finding::error("unknown-key", origin, path, message)
        }
    }
}

/// The one warning that all unknown names of the environment are together. Kubernetes injects such names for every
/// Service, which is why they are no errors.
pub fn unknown_environment(unknown: &[Unknown]) -> Option<Finding> {
    let first = unknown.first()?;
    let names: Vec<String> = unknown
        .iter()
        .map(|one| match &one.fix {
            Some(fix) => format!("{} ({fix})", one.path),
            None => one.path.clone(),
        })
        .collect();
    let message = format!("ignored, no setting has this name: {}", names.join(", "));
    Some(Finding::warning(
        "unknown-environment",
        first.origin.clone(),
        "",
        message,
    ))
}
