//! The certificates that clients see where the operator gave none (Kong's §9.1): self-signed, `localhost`, one with an
//! ECDSA key and one with an RSA key for clients that know nothing else.

use std::sync::{Arc, OnceLock};

use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    PKCS_RSA_SHA256,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;

/// They could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SelfSignedError {
    /// rcgen said no.
    #[error(transparent)]
    Certificate(#[from] rcgen::Error),
    /// Its own key does not fit.
    #[error(transparent)]
    Key(#[from] transport::pem::PemError),
}

/// A certificate for each type of key, ECDSA first.
type Pair = [Arc<CertifiedKey>; 2];

/// The pair of this process: made when it is first needed, the same after a reload, so that a client that pinned it
/// stays.
pub(crate) fn pair() -> Result<&'static Pair, SelfSignedError> {
    static PAIR: OnceLock<Pair> = OnceLock::new();
    if let Some(pair) = PAIR.get() {
        return Ok(pair);
    }
    let made = [make(&PKCS_ECDSA_P256_SHA256)?, make(&PKCS_RSA_SHA256)?];
    Ok(PAIR.get_or_init(|| made))
}

fn make(algorithm: &'static rcgen::SignatureAlgorithm) -> Result<Arc<CertifiedKey>, SelfSignedError> {
    let key = KeyPair::generate_for(algorithm)?;
    let mut params = CertificateParams::new(vec!["localhost".to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, "localhost");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = params.self_signed(&key)?;
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    Ok(transport::pem::certified_key(
        vec![certificate.der().clone()],
        private,
        "the self-signed certificate",
    )?)
}
