//! The certificate that clients see where the operator gave none (Kong's §9.1): self-signed, `localhost`, made at start.

use std::sync::Arc;

use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;

/// It could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SelfSignedError {
    /// rcgen said no.
    #[error(transparent)]
    Certificate(#[from] rcgen::Error),
    /// Its own key does not fit.
    #[error(transparent)]
    Key(#[from] transport::pem::PemError),
}

/// A new key and certificate, ECDSA P-256.
pub(crate) fn make() -> Result<Arc<CertifiedKey>, SelfSignedError> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(vec!["localhost".to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, "localhost");
    let certificate = params.self_signed(&key)?;
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    Ok(transport::pem::certified_key(
        vec![certificate.der().clone()],
        private,
        "the self-signed certificate",
    )?)
}
