//! Text that must not be seen, and where it is.

use std::fmt::{self, Display};
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

use super::Environment;
use crate::regular_file::read_at_most;

/// No key, chain or PIN is larger. A device or a pipe that never ends is none, either.
const LARGEST: u64 = 1024 * 1024;

/// How base64 of PEM begins.
const PEM_IN_BASE64: &str = "LS0tLS1CRUdJTi";

/// Where systemd has put a unit's credentials (systemd.exec(5)).
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// Where a secret text is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// A file.
    File(PathBuf),
    /// An environment variable, by its name.
    Environment(String),
    /// A systemd credential, by its name.
    Credential(String),
}

/// Why there is no text.
#[derive(Debug, Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file does not end.
    #[error("{} is larger than 1 MiB: that is no key", .path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
    },
    /// The variable is not there, or is not text.
    #[error("the environment variable {name} is not set")]
    NotSet {
        /// Which.
        name: String,
    },
    /// This process was not given credentials.
    #[error("there is no systemd credential `{name}`: {CREDENTIALS} is not set")]
    NoCredentials {
        /// Which was wanted.
        name: String,
    },
    /// It was given others.
    #[error("cannot read the systemd credential `{name}`: {source}")]
    Credential {
        /// Which.
        name: String,
        /// Why.
        source: io::Error,
    },
}

impl SecretError {
    /// What to do about it.
    pub(super) fn fix(&self) -> Option<String> {
        match self {
            Self::Read { .. } | Self::TooLarge { .. } => None,
            Self::NotSet { name } => Some(format!(
                "set {name} where this program is started, and start it again"
            )),
            Self::NoCredentials { name } => Some(format!(
                "run it as a systemd service with LoadCredential={name}:/PATH in its [Service] section"
            )),
            Self::Credential { name, .. } => Some(format!(
                "write LoadCredential={name}:/PATH into the unit's [Service] section"
            )),
        }
    }
}

impl SecretSource {
    /// Reads `env:NAME`, `systemd:NAME`, `file:PATH` or a path.
    pub(super) fn parse(text: &str, base: &Path) -> Result<Self, String> {
        if let Some(name) = text.strip_prefix("env:") {
            return variable(name).map(Self::Environment);
        }
        if let Some(name) = text.strip_prefix("systemd:") {
            return credential(name).map(Self::Credential);
        }
        if text.starts_with('{') {
            return Err("is no place of a key; an environment variable is written env:NAME here".to_owned());
        }
        let path = match text.strip_prefix("file:") {
            // `file:///etc/x`, with no host, is `/etc/x`.
            Some(path) => path.strip_prefix("//").unwrap_or(path),
            None if text.contains("://") => {
                return Err(
                    "is no place of a key; write a path, env:NAME, systemd:NAME or a pkcs11: URI".to_owned(),
                );
            }
            None => text,
        };
        if path.is_empty() {
            return Err("names no file".to_owned());
        }
        let is_content = path.contains(['\n', '\0'])
            || path.contains("-----BEGIN")
            || path.trim_start().starts_with(PEM_IN_BASE64);
        if is_content {
            // Not quoted: somebody put the file's content here, as Kong takes it, which may be a private key.
            return Err(
                "is no file name; PEM text is not read here, name the file that holds it, or env:NAME"
                    .to_owned(),
            );
        }
        let path = base.join(path);
        Ok(Self::File(std::path::absolute(&path).unwrap_or(path)))
    }

    /// The octets.
    pub(super) fn read(&self, environment: Environment<'_>) -> Result<Vec<u8>, SecretError> {
        match self {
            Self::File(path) => match read_at_most(path, LARGEST) {
                Ok(Some(octets)) => Ok(octets),
                Ok(None) => Err(SecretError::TooLarge { path: path.clone() }),
                Err(source) => Err(SecretError::Read {
                    path: path.clone(),
                    source,
                }),
            },
            Self::Environment(name) => {
                let value = environment(name).and_then(|value| value.into_string().ok());
                value
                    .map(String::into_bytes)
                    .ok_or_else(|| SecretError::NotSet { name: name.clone() })
            }
            Self::Credential(name) => {
                let directory = environment(CREDENTIALS)
                    .ok_or_else(|| SecretError::NoCredentials { name: name.clone() })?;
                let path = Path::new(&directory).join(name);
                match read_at_most(&path, LARGEST) {
                    Ok(Some(octets)) => Ok(octets),
                    Ok(None) => Err(SecretError::TooLarge { path }),
                    Err(source) => Err(SecretError::Credential {
                        name: name.clone(),
                        source,
                    }),
                }
            }
        }
    }

    /// The octets of PEM text. A variable may hold it as base64: many tools that fill them take one line only.
    pub(super) fn read_pem(&self, environment: Environment<'_>) -> Result<Vec<u8>, SecretError> {
        let octets = self.read(environment)?;
        let is_one_line = match self {
            Self::Environment(_) => !octets.starts_with(b"-----"),
            Self::File(_) | Self::Credential(_) => false,
        };
        let decoded = is_one_line.then(|| STANDARD.decode(octets.trim_ascii()));
        Ok(match decoded {
            Some(Ok(decoded)) => decoded,
            Some(Err(_)) | None => octets,
        })
    }
}

impl Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Environment(name) => write!(f, "the environment variable {name}"),
            Self::Credential(name) => write!(f, "the systemd credential `{name}`"),
        }
    }
}

fn variable(name: &str) -> Result<String, String> {
    let is_name = !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name
            .bytes()
            .all(|octet| octet.is_ascii_alphanumeric() || octet == b'_');
    if is_name {
        Ok(name.to_owned())
    } else {
        // Not quoted: it may be the secret itself that somebody wrote here.
        Err("names no environment variable behind env:; a name has letters, digits and `_`".to_owned())
    }
}

/// The name of a credential is that of a file in one directory, and must lead to no other.
fn credential(name: &str) -> Result<String, String> {
    let is_name = !name.is_empty()
        && name.len() <= 255
        && !name.contains("..")
        && name
            .bytes()
            .all(|octet| octet.is_ascii_alphanumeric() || b"-_.@:+".contains(&octet));
    if is_name && name != "." {
        Ok(name.to_owned())
    } else {
        Err("names no credential behind systemd:; a name has letters, digits and `-_.@:+`, no `/` and no `..`".to_owned())
    }
}
