//! Files to certificates, keys and revocation lists; every error names the file.
//!
//! The only module that uses `rustls-pemfile`, which is no longer maintained upstream (a thin layer over `rustls-pki-types`).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use thiserror::Error;

use crate::regular_file;

/// Why a file gives no certificate, key or list. Never holds what the file holds.
#[derive(Debug, Error)]
pub enum PemError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The text has no section of the kind wanted.
    #[error("{source_name} holds no {wanted}")]
    Empty {
        /// Which file or key of the configuration.
        source_name: String,
        /// What was looked for.
        wanted: &'static str,
    },
    /// The private key needs a passphrase.
    #[error(
        "the private key in {source_name} is encrypted, and nobody is there to type its passphrase: decrypt it (openssl pkey), or keep it on a token"
    )]
    Encrypted {
        /// Which file or key of the configuration.
        source_name: String,
    },
    /// A PEM section is broken, or of a kind that would be skipped silently.
    #[error("{source_name} is not usable PEM: {problem}")]
    Malformed {
        /// Which file or key of the configuration.
        source_name: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// The key is of a type that cannot sign a handshake here.
    #[error(
        "the private key for {source_name} is of a type that is not supported: use RSA, P-256, P-384, P-521 or Ed25519"
    )]
    UnusableKey {
        /// Which certificate it belongs to.
        source_name: String,
    },
    /// Certificate and key are of different pairs.
    #[error(
        "the private key does not belong to the certificate {source_name}: the first certificate must be the leaf of this key"
    )]
    KeyMismatch {
        /// Which certificate.
        source_name: String,
    },
}

/// The certificates of a PEM file, at least one, in file order. Other sections (a key in a combined file) are passed over.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, PemError> {
    certificates_in(&read(path)?, &path.display().to_string())
}

/// The same of whatever can be read, a pipe too: for a file that somebody names on a command line, and waits for.
pub fn certificates_given(path: &Path) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let octets = fs::read(path).map_err(|source| unreadable(path, source))?;
    certificates_in(&octets, &path.display().to_string())
}

/// The same for inline PEM; `source` names it in errors.
pub fn certificates_in(pem: &[u8], source: &str) -> Result<Vec<CertificateDer<'static>>, PemError> {
    refuse_other_armour(pem, source)?;
    let found: Result<Vec<_>, _> = rustls_pemfile::certs(&mut &*pem).collect();
    at_least_one(found, source, "certificate")
}

/// The private key of a PEM file: PKCS#8, PKCS#1 or SEC 1, unencrypted.
pub fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, PemError> {
    private_key_in(&read(path)?, &path.display().to_string())
}

/// The same for inline PEM; `source` names it in errors.
pub fn private_key_in(pem: &[u8], source: &str) -> Result<PrivateKeyDer<'static>, PemError> {
    match rustls_pemfile::private_key(&mut &*pem) {
        Ok(Some(key)) => Ok(key),
        // PKCS#8 in its own section, or a header of the older forms, which the reader takes for broken base64.
        Ok(None) | Err(_) if contains(pem, b"ENCRYPTED") => Err(PemError::Encrypted {
            source_name: source.to_owned(),
        }),
        Ok(None) => Err(PemError::Empty {
            source_name: source.to_owned(),
            wanted: "private key",
        }),
        Err(_) => Err(broken_section(source)),
    }
}

/// The revocation lists of a file, PEM (any number) or DER (one).
pub fn revocation_lists(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, PemError> {
    let octets = read(path)?;
    let source = path.display().to_string();
    if octets.first() == Some(&0x30) {
        return Ok(vec![CertificateRevocationListDer::from(octets)]);
    }
    let found: Result<Vec<_>, _> = rustls_pemfile::crls(&mut &*octets).collect();
    at_least_one(found, &source, "certificate revocation list")
}

/// A chain and its key, ready to be shown in a handshake. The key must belong to the first certificate.
pub fn certified_key(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    source: &str,
) -> Result<Arc<CertifiedKey>, PemError> {
    let provider = aws_lc_rs::default_provider().key_provider;
    let key = provider
        .load_private_key(key)
        .map_err(|_| PemError::UnusableKey {
            source_name: source.to_owned(),
        })?;
    let certified = CertifiedKey::new(chain, key);
    certified.keys_match().map_err(|_| PemError::KeyMismatch {
        source_name: source.to_owned(),
    })?;
    Ok(Arc::new(certified))
}

fn read(path: &Path) -> Result<Vec<u8>, PemError> {
    regular_file::read(path).map_err(|source| unreadable(path, source))
}

fn unreadable(path: &Path, source: io::Error) -> PemError {
    PemError::Read {
        path: path.to_owned(),
        source,
    }
}

fn at_least_one<T>(
    found: Result<Vec<T>, io::Error>,
    source: &str,
    wanted: &'static str,
) -> Result<Vec<T>, PemError> {
    match found {
        Ok(items) if items.is_empty() => Err(PemError::Empty {
            source_name: source.to_owned(),
            wanted,
        }),
        Ok(items) => Ok(items),
        Err(_) => Err(broken_section(source)),
    }
}

/// `TRUSTED CERTIFICATE` and `X509 CERTIFICATE` would be skipped by the reader: an authority that silently is none.
fn refuse_other_armour(pem: &[u8], source: &str) -> Result<(), PemError> {
    const BEGIN: &[u8] = b"-----BEGIN ";
    let lines = pem.split(|octet| *octet == b'\n');
    let labels = lines.filter_map(|line| line.strip_prefix(BEGIN));
    for label in labels {
        let label = label.trim_ascii_end();
        if label.ends_with(b" CERTIFICATE-----") {
            return Err(PemError::Malformed {
                source_name: source.to_owned(),
                problem: "certificates must be in BEGIN CERTIFICATE sections, not TRUSTED or X509 CERTIFICATE (convert with openssl x509)",
            });
        }
    }
    Ok(())
}

fn broken_section(source: &str) -> PemError {
    PemError::Malformed {
        source_name: source.to_owned(),
        problem: "a section has no end, or its base64 is broken",
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAF: &[u8] = include_bytes!("../tests/vectors/leaf.pem");
    const KEY: &[u8] = include_bytes!("../tests/vectors/leaf.key.pem");
    const ROOT: &[u8] = include_bytes!("../tests/vectors/root.pem");

    #[test]
    fn bundles_keep_their_order_and_may_hold_a_key() {
        let bundle = [LEAF, KEY, ROOT].concat();
        let found = certificates_in(&bundle, "bundle.pem").expect("two certificates");
        assert_eq!(found.len(), 2);
        assert_eq!(found[0], certificates_in(LEAF, "leaf").expect("leaf")[0]);
        assert!(private_key_in(&bundle, "bundle.pem").is_ok());
    }

    #[test]
    fn every_error_names_the_file() {
        let truncated = &LEAF[..LEAF.len() - 40];
        let trusted = String::from_utf8_lossy(LEAF).replace(" CERTIFICATE", " TRUSTED CERTIFICATE");
        let both = [LEAF, trusted.as_bytes()].concat();
        for bad in [&b""[..], b"hello", KEY, truncated, trusted.as_bytes(), &both] {
            let error = certificates_in(bad, "ca/x.pem").expect_err("no certificate");
            assert!(error.to_string().contains("ca/x.pem"), "{error}");
        }
        let error = certificates(Path::new("/nonexistent/x.pem")).expect_err("no file");
        assert!(error.to_string().contains("/nonexistent/x.pem"), "{error}");
        let encrypted = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let older = b"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
        for encrypted in [&encrypted[..], older] {
            let error = private_key_in(encrypted, "x.key").expect_err("encrypted");
            assert!(error.to_string().contains("in x.key is encrypted"), "{error}");
        }
    }

    #[test]
    fn a_key_must_belong_to_the_first_certificate() {
        let key = || private_key_in(KEY, "leaf.key").expect("a key");
        let leaf = certificates_in(LEAF, "leaf").expect("leaf");
        let root = certificates_in(ROOT, "root").expect("root");
        assert!(certified_key(leaf.clone(), key(), "leaf").is_ok());
        let swapped = certified_key([root, leaf].concat(), key(), "root");
        assert!(matches!(swapped, Err(PemError::KeyMismatch { .. })));
    }
}
