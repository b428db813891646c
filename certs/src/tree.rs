//! The PKI on disk: what `certs init`, `issue` and `revoke` write.
//!
//! ```
//! use certs::tree::{self, Existing, Store};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let dir = tempfile::tempdir()?;
//! tree::init(dir.path(), Existing::Refuse)?;
//! assert!(dir.path().join("clients/alice.pem").exists());
//! let list = Store::open(dir.path())?.revoke("alice")?;
//! assert!(list.file.ends_with("crl/clients-intermediate.crl"));
//! # Ok(())
//! # }
//! ```

mod files;
mod issue;
mod layout;
mod name;
mod revoke;
mod store;

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;
use time::OffsetDateTime;
use transport::pem::PemError;

use crate::PkiError;
use files::Directory;

pub use issue::{IssueRequest, Issuer, Role};
pub use name::{Name, NameError};
pub use revoke::{Change, Revoked};
pub use store::Store;

/// The password of every `.p12` file here. It protects nothing; browsers want one.
pub const PKCS12_PASSWORD: &str = "changeit";

/// What `init` does where there is a PKI already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// Leaves it alone and fails.
    Refuse,
    /// Replaces it, a half-written one too.
    Replace,
}

/// What `init` did.
#[derive(Clone, Debug)]
pub struct Made {
    /// The files written, relative to the directory.
    pub files: Vec<PathBuf>,
    /// Files that lie beside them and were made by authorities that are no more.
    pub orphans: Vec<PathBuf>,
}

/// Writes a whole new PKI into `dir`: everything, or nothing if it fails on the way.
pub fn init(dir: &Path, existing: Existing) -> Result<Made, TreeError> {
    let directory = Directory::create(dir)?;
    if existing == Existing::Refuse
        && let Some(present) = layout::DIRECTORIES
            .iter()
            .map(|name| dir.join(name))
            .find(|path| path.exists())
    {
        return Err(TreeError::Occupied {
            dir: dir.to_owned(),
            present,
        });
    }
    let files = layout::files()?;
    directory.place(&files)?;
    let files: Vec<PathBuf> = files.into_iter().map(|file| file.path).collect();
    let orphans = directory.others(&layout::DIRECTORIES, &files)?;
    Ok(Made { files, orphans })
}

/// Why the tree could not be written or changed. Each says what to do about it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TreeError {
    /// `init` without `--force` where something is.
    #[error("{dir}: already holds a PKI ({present} exists); `certs init --force {dir}` replaces it and everything it issued", dir = .dir.display(), present = .present.display())]
    Occupied {
        /// The directory.
        dir: PathBuf,
        /// What was found in it.
        present: PathBuf,
    },
    /// There is no PKI.
    #[error("{dir}: holds no PKI ({missing} is missing); make one with `certs init {dir}`", dir = .dir.display(), missing = .missing.display())]
    Absent {
        /// The directory.
        dir: PathBuf,
        /// What was looked for.
        missing: PathBuf,
    },
    /// A file could not be read, written or renamed.
    #[error("cannot {action} {path}: {source}", path = .path.display())]
    Io {
        /// What was tried: `read`, `write`, `create directory` …
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file holds something else than it should.
    #[error("{path}: {what}; if it was damaged, restore it or make a new PKI with `certs init --force`", path = .path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A file that cannot be read, or holds no PEM of the kind wanted.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// A name that cannot be a file here.
    #[error(transparent)]
    Name(#[from] NameError),
    /// `issue` under a name that is taken.
    #[error("{path}: exists already; choose another --name, or `certs revoke` it and remove the file", path = .path.display())]
    Taken {
        /// The file.
        path: PathBuf,
    },
    /// `issue --ca internal` under the name of one of the tree's own directories.
    #[error("{path}: is a directory of the PKI itself; choose another --name", path = .path.display())]
    Reserved {
        /// The directory.
        path: PathBuf,
    },
    /// `issue` beyond the end of the authority.
    #[error("the certificate would outlive its authority {authority}, which ends on {ends}; give fewer --days", authority = .authority.display(), ends = .ends.date())]
    Outlives {
        /// The authority's file.
        authority: PathBuf,
        /// When it ends.
        ends: OffsetDateTime,
    },
    /// `revoke` of something that is not there.
    #[error("no certificate {name} ({looked} does not exist); name one of clients/, such as alice, or a path such as edge/client", looked = .looked.display())]
    Unknown {
        /// What was asked for.
        name: String,
        /// Where it would be.
        looked: PathBuf,
    },
    /// `revoke` of a certificate that others issued.
    #[error("{path}: was issued by none of the authorities in {dir}, so none of its lists can take it back", path = .path.display(), dir = .dir.display())]
    Foreign {
        /// The certificate's file.
        path: PathBuf,
        /// Where the authorities are.
        dir: PathBuf,
    },
    /// `revoke` of a root.
    #[error("{path}: is a root, which no list can take back; remove it from every trust store instead", path = .path.display())]
    Root {
        /// The certificate's file.
        path: PathBuf,
    },
    /// A certificate or list could not be made.
    #[error(transparent)]
    Pki(#[from] PkiError),
}
