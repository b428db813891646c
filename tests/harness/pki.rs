//! A PKI on disk, as `certs init` writes it, and what its certificates are in a handshake.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use certs::tree::{self, Existing, IssueRequest, Store, TreeError};
use certs::{Authority, Issued, Leaf};
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use rustls::sign::CertifiedKey;
use transport::pem::{self, PemError};

/// The tree of `certs init`.
#[derive(Debug)]
pub struct Pki {
    dir: PathBuf,
}

impl Pki {
    /// Makes a new one in `dir`, in place of one that is there.
    pub fn make(dir: &Path) -> Result<Self, TreeError> {
        tree::init(dir, Existing::Replace)?;
        Ok(Self { dir: dir.to_owned() })
    }

    /// One that is there.
    pub fn at(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A file of it.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.dir.join(relative)
    }

    /// Chain and key of a client (`alice`) or of a tier (`edge/client`).
    pub fn identity(&self, name: &str) -> Result<Arc<CertifiedKey>, PemError> {
        let (chain, key) = self.pair(name);
        let source = chain.display().to_string();
        pem::certified_key(pem::certificates(&chain)?, pem::private_key(&key)?, &source)
    }

    /// What somebody can show who has `name`'s certificate, which is public, and `other`'s key.
    pub fn stolen(&self, name: &str, other: &str) -> Result<Arc<CertifiedKey>, PemError> {
        let (chain, _) = self.pair(name);
        let (_, key) = self.pair(other);
        let unusable = |_| PemError::UnusableKey {
            source_name: key.display().to_string(),
        };
        let key = aws_lc_rs::default_provider()
            .key_provider
            .load_private_key(pem::private_key(&key)?)
            .map_err(unusable)?;
        Ok(Arc::new(CertifiedKey::new(pem::certificates(&chain)?, key)))
    }

    /// The files of a certificate chain and its key.
    pub fn pair(&self, name: &str) -> (PathBuf, PathBuf) {
        let stem = if name.contains('/') {
            name.to_owned()
        } else {
            format!("clients/{name}")
        };
        (
            self.path(&format!("{stem}.pem")),
            self.path(&format!("{stem}.key")),
        )
    }

    /// Whom clients believe that servers are who they say.
    pub fn server_roots(&self) -> Result<Arc<RootCertStore>, PemError> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(pem::certificates(&self.path("ca/internal.pem"))?);
        Ok(Arc::new(roots))
    }

    /// One more certificate in the tree.
    pub fn issue(&self, request: IssueRequest) -> Result<Vec<PathBuf>, TreeError> {
        Ok(Store::open(&self.dir)?.issue(request)?.1)
    }

    /// An authority of the tree (`internal`, `clients-intermediate`), to issue what the command would not.
    pub fn authority(&self, name: &str) -> Authority {
        let mut chain = pem::certificates(&self.path(&format!("ca/{name}.pem"))).unwrap();
        if name == "clients-intermediate" {
            chain.extend(pem::certificates(&self.path("ca/clients-root.pem")).unwrap());
        }
        let key = pem::private_key(&self.path(&format!("ca/{name}.key"))).unwrap();
        Authority::existing(chain, &key).unwrap()
    }

    /// A certificate of one of the tree's authorities, as it is shown in a handshake.
    pub fn leaf(&self, authority: &str, leaf: Leaf) -> Arc<CertifiedKey> {
        shown(&self.authority(authority).issue(leaf).unwrap())
    }

    /// Takes a certificate back and writes the list anew.
    pub fn revoke(&self, name: &str) -> Result<(), TreeError> {
        Store::open(&self.dir)?.revoke(name).map(drop)
    }

    /// The certificates of a file, leaf first.
    pub fn chain(&self, name: &str) -> Result<Vec<rustls::pki_types::CertificateDer<'static>>, PemError> {
        pem::certificates(&self.pair(name).0)
    }
}

/// A certificate with its chain and key, as it is shown in a handshake.
pub fn shown(issued: &Issued) -> Arc<CertifiedKey> {
    pem::certified_key(issued.chain(), issued.key(), "an issued certificate").unwrap()
}
