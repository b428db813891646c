//! What `certs` makes, looked at from outside: by OpenSSL, by the doors' own reader, and as files.

// All of it is test code, functions that only tests call included.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod command;
mod hostile;
mod openssl;
mod store;
mod tree;

use std::path::{Path, PathBuf};

use certs::Serial;
use certs::tree::{self as pki, Existing};
use transport::certificate::{AlternativeName, Certificate};
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;

/// A fresh PKI, gone with the value.
struct Pki(tempfile::TempDir);

impl Pki {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        pki::init(dir.path(), Existing::Refuse).unwrap();
        Self(dir)
    }

    fn dir(&self) -> &Path {
        self.0.path()
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.dir().join(relative)
    }

    fn text(&self, relative: &str) -> String {
        self.path(relative).display().to_string()
    }

    fn read(&self, relative: &str) -> Vec<u8> {
        std::fs::read(self.path(relative)).unwrap()
    }

    /// Number and serials of a list.
    fn list(&self, name: &str) -> (u64, Vec<String>) {
        let lists = transport::pem::revocation_lists(&self.path(&format!("crl/{name}.crl"))).unwrap();
        assert_eq!(lists.len(), 1, "one list a file");
        let (_, list) = CertificateRevocationList::from_der(&lists[0]).unwrap();
        let number = u64::try_from(list.crl_number().unwrap().clone()).unwrap();
        let serials = list.iter_revoked_certificates();
        let serials = serials
            .map(|entry| Serial::new(entry.raw_serial()).to_string())
            .collect();
        (number, serials)
    }

    fn certificates(&self, relative: &str) -> Vec<Certificate> {
        let ders = transport::pem::certificates(&self.path(relative)).unwrap();
        ders.into_iter()
            .map(|der| Certificate::parse(der).unwrap())
            .collect()
    }
}

/// The alternative names as `inspect` writes them.
fn names(certificate: &Certificate) -> Vec<String> {
    let all = certificate.alternative_names().unwrap_or_default();
    all.iter()
        .map(|name| match name {
            AlternativeName::Email(address) => format!("email:{address}"),
            AlternativeName::Dns(dns) => format!("dns:{dns}"),
            AlternativeName::Uri(uri) => format!("uri:{uri}"),
            AlternativeName::Ip(address) => format!("ip:{address}"),
            AlternativeName::Directory(name) => format!("directory:{name}"),
            AlternativeName::Other => "other".to_owned(),
        })
        .collect()
}
