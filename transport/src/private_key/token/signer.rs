//! A key on a token as rustls wants it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_lc_rs::digest::{self, Algorithm};
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use rustls::crypto::aws_lc_rs as provider;
use rustls::pki_types::CertificateDer;
use rustls::sign::{Signer, SigningKey};
use rustls::{OtherError, SignatureAlgorithm, SignatureScheme};
use webpki::EndEntityCert;

use super::error::TokenError;
use super::module::Module;
use super::pool::Pool;
use super::session::{self, KeyKind, OpenKey, Pin};
use super::{aside, ecdsa};
use crate::private_key::token_uri::TokenKey;

/// What is signed to see whose key it is. No handshake signs it: TLS 1.3 begins with 64 spaces, TLS 1.2 with randoms.
const PROOF: &[u8] = b"sallyport: does this key belong to this certificate?";

/// `DigestInfo` up to the digest (RFC 8017, 9.2).
const SHA256_INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
    0x04, 0x20,
];
const SHA384_INFO: [u8; 19] = [
    0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00,
    0x04, 0x30,
];
const SHA512_INFO: [u8; 19] = [
    0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03, 0x05, 0x00,
    0x04, 0x40,
];

/// A key on a token, with its sessions.
pub(super) struct TokenSigner(Arc<Inner>);

struct Inner {
    name: TokenKey,
    module: Arc<Module>,
    pin: Option<Pin>,
    kind: KeyKind,
    schemes: Vec<SignatureScheme>,
    sessions: Pool<OpenKey>,
    /// The token has taken back the login and refuses the PIN: to ask again with every handshake would lock it.
    pin_refused: AtomicBool,
    /// The last signature failed; that it does is logged once.
    failing: AtomicBool,
}

struct SchemeSigner {
    key: Arc<Inner>,
    scheme: SignatureScheme,
}

impl TokenSigner {
    /// Finds the key and looks what the token can do with it.
    pub(super) fn open(name: TokenKey, module: Arc<Module>, pin: Option<Pin>) -> Result<Self, TokenError> {
        let (open, facts) = session::open(&name, &module, pin.as_ref())?;
        // Asked one by one: a list has others that nobody here knows, which the crate would log as errors.
        let able = |mechanism| module.functions.get_mechanism_info(facts.slot, mechanism).is_ok();
        let schemes: Vec<SignatureScheme> = schemes(facts.kind)
            .iter()
            .filter(|(_, mechanism)| able(*mechanism))
            .map(|(scheme, _)| *scheme)
            .collect();
        let cannot = match facts.kind {
            // Without it there is no TLS 1.3.
            KeyKind::Rsa if !able(MechanismType::RSA_PKCS_PSS) => {
                Some("cannot make RSA-PSS signatures there (CKM_RSA_PKCS_PSS), which TLS 1.3 wants")
            }
            KeyKind::Rsa | KeyKind::P256 | KeyKind::P384 | KeyKind::P521 | KeyKind::Ed25519 => schemes
                .is_empty()
                .then_some("cannot sign there: the token lacks the mechanism for its type"),
        };
        if let Some(problem) = cannot {
            return Err(TokenError::UnusableKey {
                token: name.token.label.clone().unwrap_or_default(),
                key: name.to_string(),
                problem,
            });
        }
        Ok(Self(Arc::new(Inner {
            name,
            module,
            pin,
            kind: facts.kind,
            schemes,
            sessions: Pool::new(open, facts.sessions),
            pin_refused: AtomicBool::new(false),
            failing: AtomicBool::new(false),
        })))
    }
}

/// What a key of a kind can sign in a handshake, the best first, as rustls orders it for keys in memory.
fn schemes(kind: KeyKind) -> &'static [(SignatureScheme, MechanismType)] {
    match kind {
        KeyKind::Rsa => &[
            (SignatureScheme::RSA_PSS_SHA512, MechanismType::RSA_PKCS_PSS),
            (SignatureScheme::RSA_PSS_SHA384, MechanismType::RSA_PKCS_PSS),
            (SignatureScheme::RSA_PSS_SHA256, MechanismType::RSA_PKCS_PSS),
            (SignatureScheme::RSA_PKCS1_SHA512, MechanismType::RSA_PKCS),
            (SignatureScheme::RSA_PKCS1_SHA384, MechanismType::RSA_PKCS),
            (SignatureScheme::RSA_PKCS1_SHA256, MechanismType::RSA_PKCS),
        ],
        KeyKind::P256 => &[(SignatureScheme::ECDSA_NISTP256_SHA256, MechanismType::ECDSA)],
        KeyKind::P384 => &[(SignatureScheme::ECDSA_NISTP384_SHA384, MechanismType::ECDSA)],
        KeyKind::P521 => &[(SignatureScheme::ECDSA_NISTP521_SHA512, MechanismType::ECDSA)],
        KeyKind::Ed25519 => &[(SignatureScheme::ED25519, MechanismType::EDDSA)],
    }
}

impl SigningKey for TokenSigner {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let mut schemes = self.0.schemes.iter();
        let scheme = *schemes.find(|scheme| offered.contains(scheme))?;
        Some(Box::new(SchemeSigner {
            key: Arc::clone(&self.0),
            scheme,
        }))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        match self.0.kind {
            KeyKind::Rsa => SignatureAlgorithm::RSA,
            KeyKind::P256 | KeyKind::P384 | KeyKind::P521 => SignatureAlgorithm::ECDSA,
            KeyKind::Ed25519 => SignatureAlgorithm::ED25519,
        }
    }
}

impl Signer for SchemeSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let signature = aside(|| self.key.sign(self.scheme, message));
        self.key.tell(&signature);
        signature.map_err(|error| rustls::Error::Other(OtherError(Arc::new(error))))
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}

impl Inner {
    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, TokenError> {
        let Some((mechanism, data)) = prepared(scheme, message) else {
            return Err(TokenError::NoSignature);
        };
        let signature = self.with_session(|open| open.session.sign(&mechanism, open.object, &data))?;
        match self.kind {
            KeyKind::P256 | KeyKind::P384 | KeyKind::P521 => {
                ecdsa::in_der(&signature).ok_or(TokenError::NoSignature)
            }
            KeyKind::Rsa | KeyKind::Ed25519 => Ok(signature),
        }
    }

    /// Calls the token. A session that was kept may have broken meanwhile: then it is tried once more in a new one.
    fn with_session<T>(
        &self,
        call: impl Fn(&OpenKey) -> Result<T, cryptoki::error::Error>,
    ) -> Result<T, TokenError> {
        loop {
            let mut lease = self.sessions.lease()?;
            let kept = lease.take();
            let is_new = kept.is_none();
            let open = match kept.map_or_else(|| self.open(), Ok) {
                Ok(open) => open,
                Err(error) if error.is_out_of_sessions() && self.sessions.shrink() => continue,
                Err(error) => return Err(error),
            };
            match call(&open) {
                Ok(made) => {
                    lease.keep(open);
                    return Ok(made);
                }
                Err(answer) => {
                    drop(open);
                    if is_new {
                        return Err(TokenError::Call {
                            doing: "sign",
                            answer,
                        });
                    }
                    self.sessions.forget_idle();
                }
            }
        }
    }

    fn open(&self) -> Result<OpenKey, TokenError> {
        if self.pin_refused.load(Ordering::Relaxed) {
            return Err(TokenError::PinKnownWrong {
                token: self.name.token.label.clone().unwrap_or_default(),
            });
        }
        let opened = session::open(&self.name, &self.module, self.pin.as_ref());
        if opened.as_ref().is_err_and(TokenError::is_about_the_pin) {
            self.pin_refused.store(true, Ordering::Relaxed);
        }
        opened.map(|(open, _)| open)
    }

    /// Logs when the token stops signing and when it does again: every handshake that fails is told by itself.
    fn tell(&self, signature: &Result<Vec<u8>, TokenError>) {
        match signature {
            Ok(_) => {
                if self.failing.load(Ordering::Relaxed) && self.failing.swap(false, Ordering::Relaxed) {
                    tracing::info!(key = %self.name, "the token signs again");
                }
            }
            Err(error) => {
                if !self.failing.swap(true, Ordering::Relaxed) {
                    tracing::error!(key = %self.name, cause = %error, "the token does not sign: handshakes with this key fail");
                }
            }
        }
    }
}

/// What the token is given for a message. Digests are made here: a token far away then gets a few octets, and needs the
/// plainest of its mechanisms only.
fn prepared(scheme: SignatureScheme, message: &[u8]) -> Option<(Mechanism<'static>, Vec<u8>)> {
    let digest = |algorithm: &'static Algorithm| digest::digest(algorithm, message).as_ref().to_vec();
    let framed = |info: [u8; 19], algorithm| [&info[..], &digest(algorithm)].concat();
    let pss = |hash_alg, mgf, length: u64| {
        Mechanism::RsaPkcsPss(PkcsPssParams {
            hash_alg,
            mgf,
            s_len: length.into(),
        })
    };
    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "a key offers the schemes of its own table alone"
    )]
    Some(match scheme {
        SignatureScheme::RSA_PSS_SHA256 => (
            pss(MechanismType::SHA256, PkcsMgfType::MGF1_SHA256, 32),
            digest(&digest::SHA256),
        ),
        SignatureScheme::RSA_PSS_SHA384 => (
            pss(MechanismType::SHA384, PkcsMgfType::MGF1_SHA384, 48),
            digest(&digest::SHA384),
        ),
        SignatureScheme::RSA_PSS_SHA512 => (
            pss(MechanismType::SHA512, PkcsMgfType::MGF1_SHA512, 64),
            digest(&digest::SHA512),
        ),
        SignatureScheme::RSA_PKCS1_SHA256 => (Mechanism::RsaPkcs, framed(SHA256_INFO, &digest::SHA256)),
        SignatureScheme::RSA_PKCS1_SHA384 => (Mechanism::RsaPkcs, framed(SHA384_INFO, &digest::SHA384)),
        SignatureScheme::RSA_PKCS1_SHA512 => (Mechanism::RsaPkcs, framed(SHA512_INFO, &digest::SHA512)),
        SignatureScheme::ECDSA_NISTP256_SHA256 => (Mechanism::Ecdsa, digest(&digest::SHA256)),
        SignatureScheme::ECDSA_NISTP384_SHA384 => (Mechanism::Ecdsa, digest(&digest::SHA384)),
        SignatureScheme::ECDSA_NISTP521_SHA512 => (Mechanism::Ecdsa, digest(&digest::SHA512)),
        SignatureScheme::ED25519 => (
            Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed25519)),
            message.to_vec(),
        ),
        _ => return None,
    })
}

/// Whether signatures of this key are of this certificate.
pub(super) fn signs_for(
    key: &dyn SigningKey,
    certificate: Option<&CertificateDer<'_>>,
) -> Result<bool, TokenError> {
    let Some(leaf) = certificate.and_then(|certificate| EndEntityCert::try_from(certificate).ok()) else {
        return Ok(false);
    };
    let known = provider::default_provider().signature_verification_algorithms;
    // A kind a padding: TLS 1.3 wants PSS, older clients PKCS#1.
    let kinds: [&[SignatureScheme]; 3] = [
        &[SignatureScheme::RSA_PSS_SHA256],
        &[SignatureScheme::RSA_PKCS1_SHA256],
        &[
            SignatureScheme::ECDSA_NISTP256_SHA256,
            SignatureScheme::ECDSA_NISTP384_SHA384,
            SignatureScheme::ECDSA_NISTP521_SHA512,
            SignatureScheme::ED25519,
        ],
    ];
    for signer in kinds.into_iter().filter_map(|kind| key.choose_scheme(kind)) {
        let signature = signer.sign(PROOF).map_err(TokenError::Refused)?;
        let algorithms = known
            .mapping
            .iter()
            .filter(|(scheme, _)| *scheme == signer.scheme());
        let belongs = algorithms
            .flat_map(|(_, algorithms)| algorithms.iter())
            .any(|algorithm| leaf.verify_signature(*algorithm, PROOF, &signature).is_ok());
        if !belongs {
            return Ok(false);
        }
    }
    Ok(true)
}

impl fmt::Debug for TokenSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for SchemeSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SchemeSigner")
            .field("key", &self.key)
            .field("scheme", &self.scheme)
            .finish()
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSigner")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
