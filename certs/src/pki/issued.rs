//! What an authority hands out.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use p12_keystore::{Certificate, KeyStore, KeyStoreEntry, PrivateKey, PrivateKeyChain};
use rcgen::KeyPair;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use x509_parser::{certificate::X509Certificate, prelude::FromDer};

use super::{Authority, PkiError, Serial, pem_block};

/// A certificate and those above it, without a key.
#[derive(Clone, Debug)]
pub struct Chain {
    certificate: CertificateDer<'static>,
    serial: Serial,
    /// Its issuer first, the root last.
    above: Vec<CertificateDer<'static>>,
}

impl Chain {
    pub(crate) fn new(
        certificate: CertificateDer<'static>,
        above: Vec<CertificateDer<'static>>,
    ) -> Result<Self, PkiError> {
        let (_, parsed) =
            X509Certificate::from_der(&certificate).map_err(|_| PkiError::Malformed("certificate"))?;
        let serial = Serial::new(parsed.raw_serial());
        Ok(Self {
            certificate,
            serial,
            above,
        })
    }

    /// The certificate itself.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// What a peer shows: leaf first, then the intermediates, without the root.
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        let mut all = self.chain_with_root();
        if all.len() > 1 {
            all.pop();
        }
        all
    }

    /// The same and the root.
    pub fn chain_with_root(&self) -> Vec<CertificateDer<'static>> {
        std::iter::once(&self.certificate)
            .chain(&self.above)
            .cloned()
            .collect()
    }

    /// The certificate alone, in PEM.
    pub fn certificate_pem(&self) -> String {
        pem_block("CERTIFICATE", &self.certificate)
    }

    /// [`chain`](Self::chain) in PEM.
    pub fn chain_pem(&self) -> String {
        self.chain()
            .iter()
            .map(|certificate| pem_block("CERTIFICATE", certificate))
            .collect()
    }

    /// The serial number.
    pub fn serial(&self) -> &Serial {
        &self.serial
    }

    /// SHA-256 of the certificate, lower-case hex.
    pub fn sha256_hex(&self) -> String {
        hex(digest(&SHA256, &self.certificate).as_ref())
    }

    /// The same certificate with one bit of the signature turned.
    #[must_use]
    pub fn with_broken_signature(mut self) -> Self {
        self.certificate = turn_last_bit(&self.certificate).into();
        self
    }
}

/// A [`Chain`] and the leaf's private key. `Debug` does not show the key.
#[derive(Clone, Debug)]
pub struct Issued {
    chain: Chain,
    key: Arc<KeyPair>,
}

impl Issued {
    pub(crate) fn new(chain: Chain, key: Arc<KeyPair>) -> Self {
        Self { chain, key }
    }

    /// The private key in PKCS#8.
    pub fn key(&self) -> PrivateKeyDer<'static> {
        private_key(&self.key)
    }

    /// The private key in PEM.
    pub fn key_pem(&self) -> String {
        pem_block("PRIVATE KEY", self.key.serialized_der())
    }

    /// The key, for what is signed elsewhere.
    pub fn key_pair(&self) -> &KeyPair {
        &self.key
    }

    /// Key and [`chain`](Chain::chain) as a PKCS#12 file for browsers, encrypted with AES-256.
    pub fn pkcs12(&self, name: &str, password: &str) -> Result<Vec<u8>, PkiError> {
        let key = PrivateKey::from_der(self.key.serialized_der()).map_err(PkiError::Pkcs12)?;
        let certificates = self
            .chain()
            .iter()
            .map(|certificate| Certificate::from_der(certificate))
            .collect::<Result<Vec<_>, _>>()
            .map_err(PkiError::Pkcs12)?;
        let entry = PrivateKeyChain::new(self.chain.serial.octets(), key, certificates);
        let mut store = KeyStore::new();
        store.add_entry(name, KeyStoreEntry::PrivateKeyChain(entry));
        store.writer(password).write().map_err(PkiError::Pkcs12)
    }

    /// This leaf as if it were an authority, which it is not.
    pub fn as_authority(&self) -> Result<Authority, PkiError> {
        Authority::from_parts(self.chain.clone(), Arc::clone(&self.key))
    }

    pub(crate) fn shared_key(&self) -> &Arc<KeyPair> {
        &self.key
    }
}

/// What is said of the certificate is said by its chain.
impl std::ops::Deref for Issued {
    type Target = Chain;

    fn deref(&self) -> &Chain {
        &self.chain
    }
}

impl AsRef<Chain> for Issued {
    fn as_ref(&self) -> &Chain {
        &self.chain
    }
}

impl AsRef<Self> for Chain {
    fn as_ref(&self) -> &Self {
        self
    }
}

pub(crate) fn private_key(key: &KeyPair) -> PrivateKeyDer<'static> {
    PrivatePkcs8KeyDer::from(key.serialized_der().to_vec()).into()
}

/// Lower-case hex.
pub(crate) fn hex(octets: &[u8]) -> String {
    use std::fmt::Write as _;
    octets
        .iter()
        .fold(String::with_capacity(octets.len() * 2), |mut text, octet| {
            let _ = write!(text, "{octet:02x}"); // writing to a String cannot fail
            text
        })
}

/// The signature is what ends a certificate and a list.
pub(crate) fn turn_last_bit(der: &[u8]) -> Vec<u8> {
    let mut broken = der.to_vec();
    if let Some(last) = broken.last_mut() {
        *last ^= 1;
    }
    broken
}
