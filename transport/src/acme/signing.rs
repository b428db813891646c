//! Keys that are made here, and what is signed with them: certificate requests, and the certificates of `tls-alpn-01`.

use std::sync::Arc;

use rcgen::{
    CertificateParams, CustomExtension, DistinguishedName, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256,
    RsaKeySize,
};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use thiserror::Error;

use super::domain::Domain;

/// The type of a certificate's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// ECDSA with P-256.
    EcdsaP256,
    /// RSA of 2048 bits.
    Rsa2048,
    /// RSA of 3072 bits.
    Rsa3072,
    /// RSA of 4096 bits.
    Rsa4096,
}

impl KeyKind {
    pub(super) const ALL: [Self; 4] = [Self::EcdsaP256, Self::Rsa2048, Self::Rsa3072, Self::Rsa4096];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::EcdsaP256 => "ecdsa",
            Self::Rsa2048 => "rsa2048",
            Self::Rsa3072 => "rsa3072",
            Self::Rsa4096 => "rsa4096",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// A new key. An RSA key may take seconds: not on a worker that serves requests.
    fn generate(self) -> Result<KeyPair, rcgen::Error> {
        match self {
            Self::EcdsaP256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
            Self::Rsa2048 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048),
            Self::Rsa3072 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_3072),
            Self::Rsa4096 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_4096),
        }
    }
}

/// Something could not be signed.
#[derive(Debug, Error)]
pub(super) enum SigningError {
    #[error("cannot make a key or sign with it: {0}")]
    Rcgen(#[from] rcgen::Error),
    #[error("no handshake can be made with it: {0}")]
    Tls(#[from] rustls::Error),
}

/// A new key in PEM. Takes its time.
pub(super) fn new_key(kind: KeyKind) -> Result<String, SigningError> {
    Ok(kind.generate()?.serialize_pem())
}

/// A certificate request for one name, in DER. The name is the subject alternative name; the subject is empty.
pub(super) fn request(domain: &Domain, key: &str) -> Result<Vec<u8>, SigningError> {
    let key = KeyPair::from_pem(key)?;
    let mut params = CertificateParams::new([domain.as_str().to_owned()])?;
    params.distinguished_name = DistinguishedName::new();
    Ok(params.serialize_request(&key)?.der().to_vec())
}

/// The certificate that answers `tls-alpn-01`: self-signed, for the name alone, with the digest of the key authorization
/// in a critical extension (RFC 8737 §3).
pub(super) fn challenge_certificate(
    domain: &Domain,
    digest: &[u8],
) -> Result<Arc<CertifiedKey>, SigningError> {
    let key = KeyKind::EcdsaP256.generate()?;
    let mut params = CertificateParams::new([domain.as_str().to_owned()])?;
    params.distinguished_name = DistinguishedName::new();
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let certificate = params.self_signed(&key)?;
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let key = aws_lc_rs::default_provider()
        .key_provider
        .load_private_key(private)?;
    // Whether both are a pair need not be asked, and could not: that reader refuses the critical extension.
    Ok(Arc::new(CertifiedKey::new(vec![certificate.der().clone()], key)))
}
