//! Private keys, wherever they are: one reader for both tiers.
//!
//! # The threat
//!
//! Whoever has the key of a certificate is its owner to everybody else. A key in a file is as safe as the file, its
//! backups and the images that it is copied into; a key on a token (PKCS#11) does not leave it, and whoever takes the
//! host over can use it for as long as that lasts, and no longer. Nothing of a key, and nothing of a PIN, is ever in a
//! finding, a log line or `Debug`.
//!
//! # What may be written where a key is wanted
//!
//! | written | where the key is |
//! |---|---|
//! | a path, or `file:PATH` | a PEM file: PKCS#8, PKCS#1 or SEC 1, not encrypted |
//! | `env:NAME` | the environment variable: PEM, or base64 of it |
//! | `systemd:NAME` | the credential of that name that systemd has put into `$CREDENTIALS_DIRECTORY` |
//! | `pkcs11:…` | a token; an RFC 7512 URI ([`TokenKey`]) |
//!
//! A reference is parsed where settings are read, so that a wrong form is told at its place, and opened where they are
//! compiled; every reload opens it anew. A key that is opened is not used before it is known to belong to its
//! certificate: a PEM key by its public half, a token's by a signature that the certificate must verify, which also shows
//! that the token signs at all.
//!
//! Codes of the findings that come of [`Concern`]:
//!
//! | code | says |
//! |---|---|
//! | `key-permissions` (warning) | a file with a key or a PIN that every user of the machine can read |
//! | `pin-in-file` (warning) | a PIN that stands in the configuration itself |

mod concern;
mod secret;
mod token;
mod token_uri;

use std::ffi::OsString;
use std::fmt::{self, Display};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::sign::{CertifiedKey, SigningKey};
use serde::Deserialize;
use thiserror::Error;

pub use self::concern::Concern;
pub use self::secret::{SecretError, SecretSource};
pub use self::token::TokenError;
pub use self::token_uri::TokenKey;
use crate::pem::{self, PemError};

/// Where a private key is. `Display` names the place; neither it nor `Debug` shows a PIN.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub enum KeyReference {
    /// PEM text.
    Pem(SecretSource),
    /// A token signs, and keeps the key.
    Token(Box<TokenKey>),
}

/// A reference as the layers of settings hand it on: the text, and the directory that its paths are relative to.
#[derive(Deserialize)]
struct Written {
    reference: String,
    base: PathBuf,
}

/// How an environment variable is looked up.
type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

impl TryFrom<Written> for KeyReference {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        Self::parse(&written.reference, &written.base)
    }
}

impl From<PathBuf> for KeyReference {
    fn from(path: PathBuf) -> Self {
        Self::Pem(SecretSource::File(path))
    }
}

impl KeyReference {
    /// Reads a reference; relative paths in it are relative to `base`. The error says what is wrong with it, without a
    /// word of what may be secret.
    pub fn parse(text: &str, base: &Path) -> Result<Self, String> {
        match text.split_at_checked(7) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("pkcs11:") => {
                return TokenKey::parse(rest, base).map(|key| Self::Token(Box::new(key)));
            }
            _ => {}
        }
        SecretSource::parse(text, base).map(Self::Pem)
    }

    /// Opens the key.
    pub fn open(&self) -> Result<PrivateKey, KeyError> {
        self.open_within(&|name| std::env::var_os(name))
    }

    fn open_within(&self, environment: Environment<'_>) -> Result<PrivateKey, KeyError> {
        match self {
            Self::Pem(source) => {
                let name = source.to_string();
                let der = pem::private_key_in(&source.read_pem(environment)?, &name)?;
                let key = aws_lc_rs::default_provider()
                    .key_provider
                    .load_private_key(der)
                    .map_err(|_| PemError::UnusableKey { source_name: name })?;
                Ok(PrivateKey {
                    key,
                    proof: Proof::PublicKey,
                })
            }
            Self::Token(token) => Ok(PrivateKey {
                key: token::open(token, environment)?,
                proof: Proof::Signature,
            }),
        }
    }

    /// What an operator should know about it although it works.
    pub fn concerns(&self) -> Vec<Concern> {
        match self {
            Self::Pem(source) => Concern::of_source(source, "the private key")
                .into_iter()
                .collect(),
            Self::Token(token) => token.concerns(),
        }
    }

    /// Whether it says by its path which library is to be loaded into this process. A document must not: whoever may
    /// write routes could run code.
    pub fn names_a_library(&self) -> bool {
        match self {
            Self::Pem(_) => false,
            Self::Token(token) => token.names_a_library(),
        }
    }
}

impl Display for KeyReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pem(source) => source.fmt(f),
            Self::Token(token) => token.fmt(f),
        }
    }
}

/// A private key that can sign. Not yet known to belong to a certificate.
#[derive(Clone)]
pub struct PrivateKey {
    key: Arc<dyn SigningKey>,
    proof: Proof,
}

/// How a key shows that it belongs to a certificate.
#[derive(Clone, Copy, Debug)]
enum Proof {
    /// Its public half is known.
    PublicKey,
    /// It signs something.
    Signature,
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey")
            .field("proof", &self.proof)
            .finish_non_exhaustive()
    }
}

/// Why there is no key.
#[derive(Debug, Error)]
pub enum KeyError {
    /// What holds the text cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The text is no key, or no key for this certificate.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// The token gives no key.
    #[error(transparent)]
    Token(#[from] TokenError),
}

impl KeyError {
    /// What to do about it, where that is known.
    pub fn fix(&self) -> Option<String> {
        match self {
            Self::Secret(error) => error.fix(),
            Self::Pem(_) => None,
            Self::Token(error) => error.fix(),
        }
    }

    /// Whether it is a key, and another certificate's.
    pub fn is_mismatch(&self) -> bool {
        matches!(self, Self::Pem(PemError::KeyMismatch { .. }))
    }
}

impl PrivateKey {
    /// The key with its chain, leaf first, ready to be shown. `source` names the certificate in errors.
    pub fn certify(
        &self,
        chain: Vec<CertificateDer<'static>>,
        source: &str,
    ) -> Result<Arc<CertifiedKey>, KeyError> {
        let certified = CertifiedKey::new(chain, Arc::clone(&self.key));
        let belongs = match self.proof {
            Proof::PublicKey => certified.keys_match().is_ok(),
            Proof::Signature => token::signs_for(&*certified.key, certified.cert.first())?,
        };
        if !belongs {
            let source_name = source.to_owned();
            return Err(PemError::KeyMismatch { source_name }.into());
        }
        Ok(Arc::new(certified))
    }
}

#[cfg(test)]
mod tests;
