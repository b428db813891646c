//! Keys by kind.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::{KeyPair, RsaKeySize};
use rustls::pki_types::PrivatePkcs8KeyDer;

use super::{PkiError, der};

/// What kind of key a certificate is made for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyKind {
    /// ECDSA P-256 with SHA-256: fast, and accepted everywhere.
    #[default]
    P256,
    /// ECDSA P-384 with SHA-384.
    P384,
    /// ECDSA P-521 with SHA-512.
    P521,
    /// Ed25519, which an ALB refuses.
    Ed25519,
    /// RSA 2048 with SHA-256. Takes about a tenth of a second to make.
    Rsa2048,
    /// RSA 3072 with SHA-256.
    Rsa3072,
    /// RSA 4096 with SHA-256. Can take seconds to make.
    Rsa4096,
}

impl KeyKind {
    pub(crate) fn generate(self) -> Result<KeyPair, PkiError> {
        let made = match self {
            Self::P256 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
            Self::P384 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384),
            Self::P521 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512),
            Self::Ed25519 => return ed25519(),
            Self::Rsa2048 => KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048),
            Self::Rsa3072 => KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_3072),
            Self::Rsa4096 => KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_4096),
        };
        made.map_err(PkiError::Key)
    }
}

/// In PKCS#8 version 1: version 2, which holds the public key as well, is more than OpenSSL 3 reads.
fn ed25519() -> Result<KeyPair, PkiError> {
    let made = KeyPair::generate_for(&rcgen::PKCS_ED25519).map_err(PkiError::Key)?;
    let malformed = || PkiError::Malformed("private key");
    let (outer, _) = der::element(made.serialized_der()).ok_or_else(malformed)?;
    let fields = der::elements(outer.content).ok_or_else(malformed)?;
    let [_, algorithm, key, ..] = fields.as_slice() else {
        return Err(malformed());
    };
    let version_1 = [&[0x02, 0x01, 0x00], algorithm.whole, key.whole].concat();
    let version_1 = PrivatePkcs8KeyDer::from(der::write(der::SEQUENCE, &version_1));
    KeyPair::from_pkcs8_der_and_sign_algo(&version_1, &rcgen::PKCS_ED25519).map_err(PkiError::Key)
}

/// Public keys that a verifier must refuse and that no library here would make. Nobody has the private halves.
///
/// For [`Authority::certify`](super::Authority::certify).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeakKey {
    /// RSA with 1024 bits.
    Rsa1024,
    /// ECDSA on secp256k1, the curve that is not P-256.
    Secp256k1,
}

impl WeakKey {
    /// The DER of its `SubjectPublicKeyInfo`.
    pub fn public_key(self) -> Vec<u8> {
        let body = match self {
            Self::Rsa1024 => {
                "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCe9L1yjIeY8EGJXDzAOftU8dTec8suVIHnFmeDFzWx/PZZH/R6UJhb\
                 edSa79GuK2sLxmOhy2VlEsokJan5NDkWMJSIP+0Uez99c00gxJN7/f/urFw1oSgRyI4ZVsQxZsk4jv1O6jFebJif1JlJ\
                 GZASOtM8qInJucGLkZnYmUk+HwIDAQAB"
            }
            Self::Secp256k1 => {
                "MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEHDWq9zLF95dznc1oQ+udyM+KCCw7g7HBVfbgN6x0QFXRsLXM6PREwp0EvFnC\
                 2MqBAXgfcD7iUjZw5QJ3Vwo4lQ=="
            }
        };
        // Constants of this file; the tests decode both.
        STANDARD.decode(body).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_keys_are_what_they_say() {
        use x509_parser::{prelude::FromDer, public_key::PublicKey, x509::SubjectPublicKeyInfo};
        let rsa = WeakKey::Rsa1024.public_key();
        let (_, rsa) = SubjectPublicKeyInfo::from_der(&rsa).unwrap();
        assert!(matches!(rsa.parsed().unwrap(), PublicKey::RSA(key) if key.key_size() == 1024));
        let curve = WeakKey::Secp256k1.public_key();
        let (_, curve) = SubjectPublicKeyInfo::from_der(&curve).unwrap();
        let parameters = curve.algorithm.parameters.unwrap();
        assert_eq!(parameters.as_oid().unwrap().to_id_string(), "1.3.132.0.10");
    }
}
