//! A PKI that exists on disk.

use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use transport::certificate::Certificate;

use super::{
    TreeError,
    files::Directory,
    layout::{AUTHORITIES, list_url},
};
use crate::Authority;

/// A tree that `init` wrote, locked for as long as the value lives.
#[derive(Debug)]
pub struct Store {
    pub(super) directory: Directory,
}

impl Store {
    /// Opens it; waits for another process that is changing it.
    pub fn open(dir: &Path) -> Result<Self, TreeError> {
        let missing = AUTHORITIES
            .iter()
            .flat_map(|name| {
                [
                    format!("ca/{name}.pem"),
                    format!("ca/{name}.key"),
                    format!("crl/{name}.crl"),
                ]
            })
            .map(|path| dir.join(path))
            .find(|path| !path.exists());
        match missing {
            Some(missing) => Err(TreeError::Absent {
                dir: dir.to_owned(),
                missing,
            }),
            None => Ok(Self {
                directory: Directory::lock(dir)?,
            }),
        }
    }

    /// One of the authorities, with those above it.
    pub(super) fn authority(&self, name: &str) -> Result<Authority, TreeError> {
        let mut chain = certificates(&self.path(format!("ca/{name}.pem")))?;
        if name == "clients-intermediate" {
            chain.extend(certificates(&self.path("ca/clients-root.pem"))?);
        }
        let key_file = self.path(format!("ca/{name}.key"));
        let key = transport::pem::private_key(&key_file)?;
        let authority = Authority::existing(chain, &key).map_err(content(&key_file))?;
        Ok(authority.with_list_url(&list_url(name)))
    }

    pub(super) fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.directory.path().join(relative)
    }
}

pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TreeError> {
    Ok(transport::pem::certificates(path)?)
}

/// A certificate's facts; `path` is the file that it is of, for the error.
pub(super) fn parsed(path: &Path, der: &CertificateDer<'static>) -> Result<Certificate, TreeError> {
    Certificate::parse(der.clone()).map_err(content(path))
}

/// What is wrong with a file's content.
pub(super) fn content<E: std::error::Error>(path: &Path) -> impl FnOnce(E) -> TreeError {
    move |error| TreeError::Content {
        path: path.to_owned(),
        what: error.to_string(),
    }
}
