//! What a server asked of us in a handshake: taken note of, so that its refusal can be understood.

use std::sync::{Arc, OnceLock};

use rustls::client::ResolvesClientCert;
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, SignatureScheme};

use crate::certificate::Certificate;
use crate::distinguished_name::DistinguishedName;

/// Authorities that are remembered of those that a server names.
const MOST: usize = 4;

/// One server's demand for a certificate, and what we showed. Filled in by rustls' question, so it is empty where the
/// server asked for nothing.
#[derive(Debug, Default)]
pub(crate) struct Demand(OnceLock<Asked>);

#[derive(Debug)]
struct Asked {
    /// Whose certificates it takes, a few of them.
    authorities: Vec<String>,
    shown: Option<CertificateDer<'static>>,
}

impl Demand {
    /// The same configuration for one handshake, and what will be known of it.
    pub(crate) fn noting(config: &ClientConfig) -> (Arc<ClientConfig>, Arc<Self>) {
        let demand = Arc::new(Self::default());
        let mut config = config.clone();
        config.client_auth_cert_resolver = Arc::new(Noted {
            inner: Arc::clone(&config.client_auth_cert_resolver),
            demand: Arc::clone(&demand),
        });
        (Arc::new(config), demand)
    }

    /// A server that asked.
    #[cfg(test)]
    pub(crate) fn of(authorities: Vec<String>, shown: Option<CertificateDer<'static>>) -> Self {
        Self(OnceLock::from(Asked { authorities, shown }))
    }

    /// Whether the server asked, and was shown nothing.
    pub(crate) fn is_unmet(&self) -> bool {
        self.0.get().is_some_and(|asked| asked.shown.is_none())
    }

    /// What it was shown.
    pub(crate) fn shown(&self) -> Option<Certificate> {
        Certificate::parse(self.0.get()?.shown.clone()?).ok()
    }

    /// Whose certificates it takes, if it says so.
    pub(crate) fn authorities(&self) -> &[String] {
        self.0.get().map_or(&[], |asked| &asked.authorities)
    }
}

/// Shows what `inner` shows, and takes note of it.
#[derive(Debug)]
struct Noted {
    inner: Arc<dyn ResolvesClientCert>,
    demand: Arc<Demand>,
}

impl ResolvesClientCert for Noted {
    fn resolve(&self, hints: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let key = self.inner.resolve(hints, schemes);
        self.demand.0.get_or_init(|| Asked {
            authorities: hints
                .iter()
                .take(MOST)
                .filter_map(|raw| DistinguishedName::parse(raw))
                .map(|name| format!("`{name}`"))
                .collect(),
            shown: key.as_ref().and_then(|key| key.cert.first().cloned()),
        });
        key
    }

    fn has_certs(&self) -> bool {
        self.inner.has_certs()
    }
}
