//! What a server asked of us in a handshake: taken note of, so that its refusal can be understood.

use std::sync::{Arc, OnceLock};

use rustls::client::ResolvesClientCert;
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, SignatureScheme};

use crate::certificate::Certificate;
use crate::distinguished_name::DistinguishedName;

/// Authorities that are remembered of those that a server names.
const MOST: usize = 4;

/// One server's demand for a certificate, and what we showed. Filled in by rustls' question, so it is empty where the
/// server asked for nothing.
#[derive(Debug, Default)]
pub(crate) struct Demand {
    /// The name that the server was asked for.
    server_name: Box<str>,
    asked: OnceLock<Asked>,
}

#[derive(Debug)]
struct Asked {
    /// Whose certificates it takes, a few of them.
    authorities: Vec<String>,
    shown: Option<Arc<CertifiedKey>>,
}

impl Demand {
    /// The same configuration for one handshake, and what will be known of it.
    pub(crate) fn noting(config: &ClientConfig, name: &ServerName<'_>) -> (Arc<ClientConfig>, Arc<Self>) {
        Self::noting_of(config, name, MOST)
    }

    /// The same, remembering up to `most` of the authorities that the server names.
    pub(crate) fn noting_of(
        config: &ClientConfig,
        name: &ServerName<'_>,
        most: usize,
    ) -> (Arc<ClientConfig>, Arc<Self>) {
        let demand = Arc::new(Self {
            server_name: name.to_str().into(),
            asked: OnceLock::new(),
        });
        let mut config = config.clone();
        config.client_auth_cert_resolver = Arc::new(Noted {
            inner: Arc::clone(&config.client_auth_cert_resolver),
            demand: Arc::clone(&demand),
            most,
        });
        (Arc::new(config), demand)
    }

    /// A server that asked.
    #[cfg(test)]
    pub(crate) fn of(authorities: Vec<String>, shown: Option<Arc<CertifiedKey>>) -> Self {
        Self {
            server_name: "".into(),
            asked: OnceLock::from(Asked { authorities, shown }),
        }
    }

    /// The name that the server was asked for.
    pub(crate) fn server_name(&self) -> Option<Box<str>> {
        (!self.server_name.is_empty()).then(|| self.server_name.clone())
    }

    /// Whether the server asked.
    pub(crate) fn is_made(&self) -> bool {
        self.asked.get().is_some()
    }

    /// Whether the server asked, and was shown nothing.
    pub(crate) fn is_unmet(&self) -> bool {
        self.asked.get().is_some_and(|asked| asked.shown.is_none())
    }

    /// What it was shown.
    pub(crate) fn shown(&self) -> Option<&CertifiedKey> {
        self.asked.get()?.shown.as_deref()
    }

    /// Whose certificate it was shown.
    pub(crate) fn shown_subject(&self) -> Option<String> {
        let leaf = self.shown()?.cert.first()?;
        let leaf = Certificate::parse(leaf.clone()).ok()?;
        Some(leaf.subject().to_string())
    }

    /// Whose certificates it takes, if it says so.
    pub(crate) fn authorities(&self) -> &[String] {
        self.asked.get().map_or(&[], |asked| &asked.authorities)
    }
}

/// Shows what `inner` shows, and takes note of it.
#[derive(Debug)]
struct Noted {
    inner: Arc<dyn ResolvesClientCert>,
    demand: Arc<Demand>,
    most: usize,
}

impl ResolvesClientCert for Noted {
    fn resolve(&self, hints: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let key = self.inner.resolve(hints, schemes);
        self.demand.asked.get_or_init(|| Asked {
            authorities: hints
                .iter()
                .take(self.most)
                .filter_map(|raw| DistinguishedName::parse(raw))
                .map(|name| format!("`{name}`"))
                .collect(),
            shown: key.clone(),
        });
        key
    }

    fn has_certs(&self) -> bool {
        self.inner.has_certs()
    }
}
