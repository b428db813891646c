//! `proxy_listen` and `status_listen`, and what they show.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use transport::layers::quoted;
use transport::private_key::KeyReference;

use super::build::Build;
use super::{CertificateFiles, Listen, ListenProtocol, TlsVersions, listen};

impl Build<'_> {
    /// The entries of a listen key; `off` alone is none.
    pub(super) fn listen(&mut self, key: &str, entries: &[String]) -> Vec<Listen> {
        if let [only] = entries
            && only == "off"
        {
            return Vec::new();
        }
        let mut listeners = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            match listen::entry(entry) {
                Ok(listener) => listeners.push(listener),
                Err(listen::Refusal { code, message }) => {
                    self.error(code, &format!("{key}[{index}]"), format!("`{key}`: {message}"));
                }
            }
        }
        listeners
    }

    /// As [`Build::listen`], for a key whose listeners speak plain HTTP only.
    pub(super) fn plain_listen(&mut self, key: &str, entries: &[String]) -> Vec<Listen> {
        let listeners = self.listen(key, entries);
        for listener in listeners
            .iter()
            .filter(|listener| listener.protocol != ListenProtocol::Http)
        {
            self.error(
                "not-yet",
                key,
                format!("`{key}`: `{}`: ssl is not built yet here", listener.name),
            );
        }
        listeners
    }

    /// Two entries with one address: the second could not bind, or with port reuse would share connections.
    pub(super) fn addresses(&mut self, proxy: &[Listen], status: &[Listen]) {
        let mut taken: BTreeMap<SocketAddr, &str> = BTreeMap::new();
        let entries = proxy.iter().map(|entry| ("proxy_listen", entry));
        for (key, entry) in entries.chain(status.iter().map(|entry| ("status_listen", entry))) {
            if entry.address.port() == 0 {
                continue;
            }
            if let Some(first) = taken.insert(entry.address, &entry.name) {
                let message = format!("`{key}`: `{}` has the address of `{first}`", entry.name);
                self.error("conflict", key, message);
            }
        }
    }

    /// `ssl_cert` and `ssl_cert_key`: one key for each certificate, in the same order.
    pub(super) fn certificates(
        &mut self,
        certificates: Vec<PathBuf>,
        keys: Vec<KeyReference>,
    ) -> Vec<CertificateFiles> {
        let is_whole = !self.is_spoiled("ssl_cert") && !self.is_spoiled("ssl_cert_key");
        if certificates.len() != keys.len() && is_whole {
            let path = if keys.is_empty() {
                "ssl_cert"
            } else {
                "ssl_cert_key"
            };
            let message = format!(
                "`ssl_cert` names {} files and `ssl_cert_key` {}; every certificate has its key, in the same order",
                certificates.len(),
                keys.len()
            );
            self.error("conflict", path, message);
        }
        let pairs = certificates.into_iter().zip(keys);
        pairs
            .map(|(certificate, private_key)| CertificateFiles {
                certificate,
                private_key,
            })
            .collect()
    }

    /// `client_ssl` with its two files.
    pub(super) fn client_certificate(
        &mut self,
        is_on: bool,
        certificate: Option<PathBuf>,
        key: Option<KeyReference>,
    ) -> Option<CertificateFiles> {
        let written = [
            ("client_ssl_cert", certificate.is_some()),
            ("client_ssl_cert_key", key.is_some()),
        ];
        if !is_on {
            for (key, is_written) in written {
                if is_written {
                    self.warning(
                        "no-effect",
                        key,
                        format!("`{key}` does nothing: `client_ssl` is off"),
                    );
                }
            }
            return None;
        }
        for (key, is_written) in written {
            if !is_written {
                self.missing(key, "`client_ssl` is on", "client_ssl");
            }
        }
        Some(CertificateFiles {
            certificate: certificate?,
            private_key: key?,
        })
    }

    /// The versions that `ssl_protocols` and `ssl_cipher_suite` leave.
    pub(super) fn tls_versions(&mut self, protocols: &str, suite: &str) -> TlsVersions {
        let versions = self.protocols(protocols).unwrap_or(TlsVersions::Both);
        match suite {
            "intermediate" => versions,
            "modern" => {
                if versions == TlsVersions::Tls12Only {
                    let message =
                        "`ssl_cipher_suite`: modern is TLSv1.3 only, and `ssl_protocols` is without it";
                    self.error("conflict", "ssl_cipher_suite", message);
                }
                TlsVersions::Tls13Only
            }
            other => {
                let why = match other {
                    "old" => "has cipher suites that rustls does not have",
                    "fips" => "needs a FIPS validated module, which this build does not have",
                    "custom" => "needs ssl_ciphers, and rustls chooses by itself",
                    _ => "is none of intermediate, modern",
                };
                self.error(
                    "bad-value",
                    "ssl_cipher_suite",
                    format!("`ssl_cipher_suite`: {} {why}", quoted(other)),
                );
                versions
            }
        }
    }

    fn protocols(&mut self, text: &str) -> Option<TlsVersions> {
        let (mut tls12, mut tls13) = (false, false);
        for word in text.split([' ', ',', '\t']).filter(|word| !word.is_empty()) {
            match word {
                "TLSv1.2" => tls12 = true,
                "TLSv1.3" => tls13 = true,
                other => {
                    let message = format!(
                        "`ssl_protocols`: {} is none of TLSv1.2, TLSv1.3, which rustls has",
                        quoted(other)
                    );
                    self.error("bad-value", "ssl_protocols", message);
                    return None;
                }
            }
        }
        match (tls12, tls13) {
            (true, true) => Some(TlsVersions::Both),
            (true, false) => Some(TlsVersions::Tls12Only),
            (false, true) => Some(TlsVersions::Tls13Only),
            (false, false) => None,
        }
    }
}
