//! The directory that accounts, keys and certificates are kept in.
//!
//! ```text
//! DIRECTORY/            0700
//!   lock                held by the program that writes here
//!   0123456789abcdef/   0700, one account: of one server, one e-mail address, one external account
//!     account.json      0600, the account and its key
//!     NAME.ecdsa.pem    0600, key and chain
//!     NAME.ecdsa.order  0600, an order that is not finished, with the key of its certificate
//!     NAME.ecdsa.retry  0600, what failed, and when it may be tried again
//! ```
//!
//! A file is written beside its place, flushed, and renamed: after a crash there is the old one or the new one, and what
//! was left half written is removed by the next start. Whatever else is in the directory, or can be read by others, is an
//! error: somebody else may have been there.

use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use thiserror::Error;

use super::folder::{self, Folder};
use super::{AccountTerms, Server};
use crate::pem::PemError;

/// What a file is called before it is whole.
pub(super) const UNFINISHED: &str = ".unfinished";
const LOCK: &str = "lock";

/// Why a directory cannot be used. Each says what to do.
#[derive(Debug, Error)]
pub enum StorageError {
    /// It cannot be made, read or written.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// Others may read or write it.
    #[error("{} may be used by others (mode {mode:03o}): chmod {wanted:o} it, and think of its keys as known to them", .path.display())]
    Open {
        /// What.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
        /// What they should be.
        wanted: u32,
    },
    /// It is no directory, or no regular file.
    #[error("{} is not {wanted}", .path.display())]
    Kind {
        /// What.
        path: PathBuf,
        /// What it should be.
        wanted: &'static str,
    },
    /// It belongs to another user.
    #[error("{} belongs to user {owner}, and the directory's lock to user {ours}: chown it", .path.display())]
    Owner {
        /// What.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who runs here.
        ours: u32,
    },
    /// Something that was not written here.
    #[error("{} was not written by this program: move it elsewhere, or choose another directory", .path.display())]
    Foreign {
        /// What.
        path: PathBuf,
    },
    /// Another program works here.
    #[error("{} is in use by another program: give each its own directory", .path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// A file holds something else than it should.
    #[error("{} cannot be used: {problem}; if it is lost for good, remove it: what it was for is ordered again", .path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A certificate or key in it cannot be used.
    #[error("{source}; if it is lost for good, remove it: it is ordered again")]
    Certificate {
        /// What is wrong; names the file.
        #[from]
        source: PemError,
    },
}

/// A directory that is ours alone while this value lives.
#[derive(Debug)]
pub struct Storage {
    path: PathBuf,
    _lock: File,
}

impl Storage {
    /// Looks at everything in a directory and changes nothing. One that is not there yet is well.
    pub fn inspect(path: &Path) -> Result<(), StorageError> {
        if !exists(path)? {
            return Ok(());
        }
        private_directory(path)?;
        for entry in entries(path)? {
            match entry.file_name().and_then(|name| name.to_str()) {
                Some(LOCK) => private_file(&entry)?,
                Some(name) if is_account(name) => folder::inspect(&entry)?,
                Some(_) | None => return Err(StorageError::Foreign { path: entry }),
            }
        }
        Ok(())
    }

    /// Takes a directory, makes it if it is not there, and removes what a crash left half written.
    pub fn open(path: &Path) -> Result<Self, StorageError> {
        if !exists(path)? {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
            made.map_err(failed("make", path))?;
        }
        private_directory(path)?;
        let lock_path = path.join(LOCK);
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock_path);
        let lock = lock.map_err(failed("open", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StorageError::InUse {
                    path: path.to_owned(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed("lock", &lock_path)(source)),
        }
        let ours = lock.metadata().map_err(failed("look at", &lock_path))?.uid();
        let owner = metadata(path)?.uid();
        if owner != ours {
            return Err(StorageError::Owner {
                path: path.to_owned(),
                owner,
                ours,
            });
        }
        for entry in entries(path)? {
            if entry.is_dir() {
                folder::remove_unfinished(&entry)?;
            }
        }
        Self::inspect(path)?;
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// The folders of all accounts.
    pub(super) fn folders(&self) -> Result<Vec<Folder>, StorageError> {
        let entries = entries(&self.path)?.into_iter();
        Ok(entries.filter(|entry| entry.is_dir()).map(Folder::at).collect())
    }

    /// The folder of an account, made if it is not there.
    pub(super) fn folder(&self, server: &Server, terms: &AccountTerms) -> Result<Folder, StorageError> {
        let path = self.path.join(account_name(server, terms));
        if !exists(&path)? {
            let made = DirBuilder::new().mode(0o700).create(&path);
            made.map_err(failed("make", &path))?;
        }
        Ok(Folder::at(path))
    }
}

/// What tells one account from another, as a name: half of a SHA-256 of it.
fn account_name(server: &Server, terms: &AccountTerms) -> String {
    let external = terms.external.as_ref().map(|external| external.key_id.as_str());
    let parts = [Some(server.directory.as_str()), terms.email.as_deref(), external];
    let text: String = parts
        .map(|part| format!("{}\0", part.unwrap_or_default()))
        .concat();
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    let half = digest.as_ref().iter().take(8);
    let mut name = String::with_capacity(16);
    for octet in half {
        // Writing to a String cannot fail.
        let _ = write!(name, "{octet:02x}");
    }
    name
}

fn is_account(name: &str) -> bool {
    name.len() == 16 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Writes a file that only we may read, whole or not at all.
pub(super) fn write(path: &Path, content: &[u8]) -> Result<(), StorageError> {
    use io::Write as _;
    let mut beside = path.as_os_str().to_owned();
    beside.push(UNFINISHED);
    let beside = PathBuf::from(beside);
    let written = || -> io::Result<()> {
        remove_if_there(&beside)?;
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        match path.parent() {
            // The rename itself has to be on the disk, too.
            Some(parent) => File::open(parent)?.sync_all(),
            None => Ok(()),
        }
    };
    written().map_err(failed("write", path))
}

/// Removes a file, if it is there.
pub(super) fn remove(path: &Path) -> Result<(), StorageError> {
    remove_if_there(path).map_err(failed("remove", path))
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Reads a file, if it is there.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, StorageError> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(failed("read", path)(source)),
    }
}

/// What is in a directory, in order.
pub(super) fn entries(path: &Path) -> Result<Vec<PathBuf>, StorageError> {
    let listed: io::Result<Vec<PathBuf>> =
        fs::read_dir(path).and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect());
    let mut listed = listed.map_err(failed("read", path))?;
    listed.sort();
    Ok(listed)
}

pub(super) fn private_directory(path: &Path) -> Result<(), StorageError> {
    let metadata = metadata(path)?;
    if !metadata.is_dir() {
        return Err(StorageError::Kind {
            path: path.to_owned(),
            wanted: "a directory",
        });
    }
    private(path, &metadata, 0o700)
}

pub(super) fn private_file(path: &Path) -> Result<(), StorageError> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        // It was listed, so a program that runs here has removed it meanwhile.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(failed("look at", path)(source)),
    };
    if !metadata.is_file() {
        return Err(StorageError::Kind {
            path: path.to_owned(),
            wanted: "a regular file",
        });
    }
    private(path, &metadata, 0o600)
}

fn private(path: &Path, metadata: &Metadata, wanted: u32) -> Result<(), StorageError> {
    let mode = metadata.mode() & 0o7777;
    // Nobody but the owner may do anything.
    if mode.trailing_zeros() >= 6 {
        Ok(())
    } else {
        Err(StorageError::Open {
            path: path.to_owned(),
            mode,
            wanted,
        })
    }
}

/// A link is what it is, not what it leads to.
fn metadata(path: &Path) -> Result<Metadata, StorageError> {
    fs::symlink_metadata(path).map_err(failed("look at", path))
}

fn exists(path: &Path) -> Result<bool, StorageError> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(failed("look at", path)(source)),
    }
}

fn failed(action: &'static str, path: &Path) -> impl Fn(io::Error) -> StorageError {
    let path = path.to_owned();
    move |source| StorageError::Io {
        action,
        path: path.clone(),
        source,
    }
}

#[cfg(test)]
mod tests;
