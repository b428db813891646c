//! What a server asks for in the handshake.

use std::sync::{Arc, Mutex};

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use transport::distinguished_name::DistinguishedName;

use super::{CallError, Client};

impl Client {
    /// The names of the authorities whose certificates the handshake asks for, in the order they come; an empty list
    /// asks for any, `None` for none.
    pub async fn asked_for(&self) -> Result<Option<Vec<String>>, CallError> {
        let asked = Arc::new(Asked::default());
        self.stream_of(Some(Arc::clone(&asked) as _)).await?;
        Ok(asked.0.lock().unwrap().take())
    }
}

/// Listens, and shows nothing.
#[derive(Debug, Default)]
struct Asked(Mutex<Option<Vec<String>>>);

impl ResolvesClientCert for Asked {
    fn resolve(&self, hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let names = hints
            .iter()
            .map(|hint| DistinguishedName::parse(hint).unwrap().to_string());
        *self.0.lock().unwrap() = Some(names.collect());
        None
    }

    fn has_certs(&self) -> bool {
        true
    }
}
