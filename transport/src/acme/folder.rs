//! What is kept of one account: the account itself, and of each name its certificate, its unfinished order, and its
//! failures.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use instant_acme::AccountCredentials;
use rustls::sign::CertifiedKey;
use serde::{Deserialize, Serialize};

use super::domain::Domain;
use super::signing::KeyKind;
use super::storage::{self, StorageError, UNFINISHED};
use crate::pem;

const ACCOUNT: &str = "account.json";

/// The folder of an account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Folder {
    path: PathBuf,
}

/// An order that is not finished: after a crash it is gone on with, and no second one is made.
#[derive(Serialize, Deserialize)]
pub(super) struct Pending {
    /// The order at the server.
    pub(super) url: String,
    /// The key that the certificate will be for.
    pub(super) key: String,
    /// Whether the server was told to look. It may look once for each time that it is told.
    #[serde(default)]
    pub(super) told: bool,
}

/// Failures in a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Retry {
    /// How many.
    pub(super) failures: u32,
    /// Not before this, in milliseconds since 1970.
    pub(super) not_before_ms: u64,
    /// What was wrong the last time.
    pub(super) error: String,
}

impl Retry {
    /// Not before this.
    pub(super) fn not_before(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(self.not_before_ms)
    }
}

/// What a file of a folder holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Content {
    Certificate,
    Order,
    Retry,
}

impl Content {
    const ALL: [Self; 3] = [Self::Certificate, Self::Order, Self::Retry];

    fn suffix(self) -> &'static str {
        match self {
            Self::Certificate => "pem",
            Self::Order => "order",
            Self::Retry => "retry",
        }
    }
}

/// Looks at everything in a folder; what cannot be used, or is not ours, is an error.
pub(super) fn inspect(path: &Path) -> Result<(), StorageError> {
    storage::private_directory(path)?;
    let folder = Folder::at(path.to_owned());
    for entry in storage::entries(path)? {
        let name = entry
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        // A program that runs here may be writing.
        if name.ends_with(UNFINISHED) {
            continue;
        }
        if name == ACCOUNT {
            storage::private_file(&entry)?;
            folder.account()?;
            continue;
        }
        let Some((domain, kind, content)) = parts(name) else {
            return Err(StorageError::Foreign { path: entry });
        };
        storage::private_file(&entry)?;
        let subject = (&domain, kind);
        match content {
            Content::Certificate => drop(folder.certificate(subject)?),
            Content::Order => drop(folder.pending(subject)?),
            Content::Retry => drop(folder.retry(subject)?),
        }
    }
    Ok(())
}

/// Removes what was not whole when a program ended.
pub(super) fn remove_unfinished(path: &Path) -> Result<(), StorageError> {
    for entry in storage::entries(path)? {
        let name = entry
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if name.ends_with(UNFINISHED) {
            storage::private_file(&entry)?;
            storage::remove(&entry)?;
        }
    }
    Ok(())
}

/// The name, key type and content that a file's name stands for.
fn parts(name: &str) -> Option<(Domain, KeyKind, Content)> {
    let (rest, suffix) = name.rsplit_once('.')?;
    let content = Content::ALL
        .into_iter()
        .find(|content| content.suffix() == suffix)?;
    let (domain, kind) = rest.rsplit_once('.')?;
    let domain = Domain::parse(domain)
        .ok()
        .filter(|read| read.as_str() == domain)?;
    Some((domain, KeyKind::named(kind)?, content))
}

/// A name and the type of its key: what there is one certificate of.
pub(super) type Subject<'a> = (&'a Domain, KeyKind);

impl Folder {
    pub(super) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// The file of a certificate, which stands for all that concerns it.
    pub(super) fn certificate_path(&self, subject: Subject<'_>) -> PathBuf {
        self.file(subject, Content::Certificate)
    }

    /// What stands for all certificates with keys of this type.
    pub(super) fn certificate_path_of(&self, kind: KeyKind) -> PathBuf {
        self.path.join(kind.name())
    }

    /// The account, if there is one.
    pub(super) fn account(&self) -> Result<Option<AccountCredentials>, StorageError> {
        read_json(&self.path.join(ACCOUNT))
    }

    /// Keeps an account.
    pub(super) fn keep_account(&self, account: &AccountCredentials) -> Result<(), StorageError> {
        write_json(&self.path.join(ACCOUNT), account)
    }

    /// Forgets an account that its server does not know any more.
    pub(super) fn forget_account(&self) -> Result<(), StorageError> {
        storage::remove(&self.path.join(ACCOUNT))
    }

    /// The names that have certificates with keys of this type.
    pub(super) fn certified(&self, kind: KeyKind) -> Result<Vec<Domain>, StorageError> {
        let entries = storage::entries(&self.path)?;
        let names = entries
            .iter()
            .filter_map(|entry| parts(entry.file_name()?.to_str()?));
        let certified = names.filter(|(_, of, content)| (*of, *content) == (kind, Content::Certificate));
        Ok(certified.map(|(domain, _, _)| domain).collect())
    }

    /// A certificate with its key, ready to be shown.
    pub(super) fn certificate(
        &self,
        subject: Subject<'_>,
    ) -> Result<Option<Arc<CertifiedKey>>, StorageError> {
        let path = self.certificate_path(subject);
        let Some(text) = storage::read(&path)? else {
            return Ok(None);
        };
        let source = path.display().to_string();
        let (chain, key) = (
            pem::certificates_in(&text, &source)?,
            pem::private_key_in(&text, &source)?,
        );
        Ok(Some(pem::certified_key(chain, key, &source)?))
    }

    /// Keeps a certificate with its key; what led to it is over.
    pub(super) fn keep_certificate(
        &self,
        subject: Subject<'_>,
        key: &str,
        chain: &str,
    ) -> Result<(), StorageError> {
        let whole = format!("{}\n{}\n", key.trim_end(), chain.trim_end());
        storage::write(&self.certificate_path(subject), whole.as_bytes())?;
        self.forget_pending(subject)?;
        storage::remove(&self.file(subject, Content::Retry))
    }

    /// An order that is not finished.
    pub(super) fn pending(&self, subject: Subject<'_>) -> Result<Option<Pending>, StorageError> {
        read_json(&self.file(subject, Content::Order))
    }

    /// Keeps an order that was begun.
    pub(super) fn keep_pending(&self, subject: Subject<'_>, pending: &Pending) -> Result<(), StorageError> {
        write_json(&self.file(subject, Content::Order), pending)
    }

    /// Forgets an order that leads nowhere.
    pub(super) fn forget_pending(&self, subject: Subject<'_>) -> Result<(), StorageError> {
        storage::remove(&self.file(subject, Content::Order))
    }

    /// What failed before.
    pub(super) fn retry(&self, subject: Subject<'_>) -> Result<Option<Retry>, StorageError> {
        read_json(&self.file(subject, Content::Retry))
    }

    /// Keeps what failed, so that a start anew does not try at once.
    pub(super) fn keep_retry(&self, subject: Subject<'_>, retry: &Retry) -> Result<(), StorageError> {
        write_json(&self.file(subject, Content::Retry), retry)
    }

    fn file(&self, (domain, kind): Subject<'_>, content: Content) -> PathBuf {
        self.path
            .join(format!("{domain}.{}.{}", kind.name(), content.suffix()))
    }
}

fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Option<T>, StorageError> {
    let Some(text) = storage::read(path)? else {
        return Ok(None);
    };
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|error| StorageError::Damaged {
            path: path.to_owned(),
            // serde_json's own words may quote what it read, which may be a key.
            problem: format!(
                "it is not the JSON that was written here (line {}, column {})",
                error.line(),
                error.column()
            ),
        })
}

fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), StorageError> {
    let text = serde_json::to_vec(value).map_err(|_| StorageError::Damaged {
        path: path.to_owned(),
        problem: "it cannot be written as JSON".to_owned(),
    })?;
    storage::write(path, &text)
}
