//! What an operator should know about a key that works.

use std::os::unix::fs::PermissionsExt as _;

use super::SecretSource;

/// A risk, as a warning that `check` gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concern {
    /// The code of the finding.
    pub code: &'static str,
    /// What is the matter.
    pub message: String,
    /// What to do about it.
    pub fix: String,
}

impl Concern {
    /// Of a file that everybody can read. A group may: that is how several services share one file.
    pub(super) fn of_source(source: &SecretSource, what: &str) -> Option<Self> {
        let path = match source {
            SecretSource::File(path) => path,
            SecretSource::Environment(_) | SecretSource::Credential(_) => return None,
        };
        // One that cannot be looked at cannot be read either, which is told elsewhere.
        let mode = std::fs::metadata(path).ok()?.permissions().mode();
        let is_open = mode & 0o004 != 0;
        is_open.then(|| Self {
            code: "key-permissions",
            message: format!("every user of this machine can read {what} in {}", path.display()),
            fix: format!("chmod 600 {}", path.display()),
        })
    }

    /// Of a PIN in the configuration.
    pub(super) fn of_written_pin() -> Self {
        Self {
            code: "pin-in-file",
            message: "`pin-value` has the token's PIN in the configuration: whoever reads it can use the key"
                .to_owned(),
            fix: "write pin-source=file:PATH, pin-source=env:NAME or pin-source=systemd:NAME".to_owned(),
        }
    }
}
