//! Why a token gives no signature.

use std::path::PathBuf;

use cryptoki::error::{Error as ModuleError, RvError};
use thiserror::Error;

use crate::private_key::secret::SecretError;

/// Why a key on a token cannot be used. Names the token and the key, never the PIN.
#[derive(Debug, Error)]
pub enum TokenError {
    /// No such file, or no PKCS#11 module.
    #[error("cannot load the PKCS#11 module {}: {problem}", .path.display())]
    Module {
        /// The library.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// `module-name` is nowhere.
    #[error("there is no PKCS#11 module `{name}`: no lib{name}.so in {searched}")]
    NoModule {
        /// The name.
        name: String,
        /// Where it was looked for.
        searched: String,
    },
    /// The PIN cannot be read.
    #[error("the token's PIN: {0}")]
    Pin(#[source] SecretError),
    /// The PIN is not text.
    #[error("the token's PIN is empty, or is not UTF-8")]
    UnusablePin,
    /// No token fits.
    #[error("there is no token for {key}; there {present}")]
    NoToken {
        /// The key.
        key: String,
        /// Which there are.
        present: String,
    },
    /// Several fit.
    #[error("{count} tokens fit {key}")]
    ManyTokens {
        /// The key.
        key: String,
        /// How many.
        count: usize,
    },
    /// The token does not take the PIN.
    #[error("the token `{token}` refuses the PIN: {}", rv_words(*.answer))]
    PinRefused {
        /// Its label.
        token: String,
        /// What it said.
        answer: RvError,
    },
    /// The token has refused this PIN a moment ago.
    #[error("the token `{token}` has just refused this PIN, and is not asked again: it might lock")]
    PinKnownWrong {
        /// Its label.
        token: String,
    },
    /// No private key fits.
    #[error("the token `{token}` has no private key for {key}; {present}")]
    NoKey {
        /// Its label.
        token: String,
        /// The key.
        key: String,
        /// What there is.
        present: String,
    },
    /// Several fit.
    #[error("the token `{token}` has {count} private keys for {key}")]
    ManyKeys {
        /// Its label.
        token: String,
        /// The key.
        key: String,
        /// How many.
        count: usize,
    },
    /// It is there and cannot be used for handshakes.
    #[error("the key {key} on the token `{token}` {problem}")]
    UnusableKey {
        /// Its label.
        token: String,
        /// The key.
        key: String,
        /// Why.
        problem: &'static str,
    },
    /// All sessions are in use, and as many handshakes wait for one as may.
    #[error("the token is too slow: {waiting} handshakes wait for it already")]
    Busy {
        /// How many wait.
        waiting: usize,
    },
    /// No session came back in time.
    #[error("the token is too slow: no session came free within {seconds} s")]
    TooSlow {
        /// How long it was waited.
        seconds: u64,
    },
    /// Another failure of a call.
    #[error("the token cannot {doing}: {}", words(.answer))]
    Call {
        /// What was to be done.
        doing: &'static str,
        /// What the module said.
        answer: ModuleError,
    },
    /// It was asked to sign, and did not.
    #[error("the key does not sign: {0}")]
    Refused(#[source] rustls::Error),
    /// A signature that is none.
    #[error("the token gave a signature that is none")]
    NoSignature,
}

impl TokenError {
    /// What to do about it, where that is known.
    pub(in crate::private_key) fn fix(&self) -> Option<String> {
        match self {
            Self::Module { .. } => {
                Some("install it, or write the file of the token's library as module-path".to_owned())
            }
            Self::NoModule { .. } => Some("install it, or name its file by module-path".to_owned()),
            Self::Pin(error) => error.fix(),
            Self::NoToken { .. } => Some(
                "correct token=, serial= or slot-id=, or the token's own configuration (SOFTHSM2_CONF for SoftHSM)"
                    .to_owned(),
            ),
            Self::ManyTokens { .. } => Some("tell them apart by token=, serial= or slot-id=".to_owned()),
            Self::PinRefused { .. } | Self::PinKnownWrong { .. } | Self::UnusablePin => {
                Some("correct what pin-source names; each wrong one brings the token nearer to being locked".to_owned())
            }
            Self::NoKey { .. } => Some("correct object= or id=; `pkcs11-tool --list-objects` shows them".to_owned()),
            Self::ManyKeys { .. } => Some("tell them apart by id=".to_owned()),
            Self::UnusableKey { .. }
            | Self::Busy { .. }
            | Self::TooSlow { .. }
            | Self::Call { .. }
            | Self::Refused(_)
            | Self::NoSignature => None,
        }
    }

    pub(super) fn call(doing: &'static str) -> impl Fn(ModuleError) -> Self {
        move |answer| Self::Call { doing, answer }
    }

    /// Whether the token has no more sessions to give.
    pub(super) fn is_out_of_sessions(&self) -> bool {
        matches!(
            self,
            Self::Call {
                answer: ModuleError::Pkcs11(RvError::SessionCount, _),
                ..
            }
        )
    }

    /// Whether it would not help, and may harm, to try again.
    pub(super) fn is_about_the_pin(&self) -> bool {
        matches!(self, Self::PinRefused { .. } | Self::PinKnownWrong { .. })
    }
}

/// The standard's texts for its codes are paragraphs: the name says as much.
pub(super) fn words(answer: &ModuleError) -> String {
    if let ModuleError::Pkcs11(answer, function) = answer {
        format!("C_{function:?} answers {}", rv_words(*answer))
    } else {
        answer.to_string()
    }
}

/// `PinIncorrect` as `CKR_PIN_INCORRECT`, the name that its manual has.
fn rv_words(answer: RvError) -> String {
    let name = format!("{answer:?}");
    if name.contains('(') {
        return name;
    }
    let mut words = "CKR".to_owned();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            words.push('_');
        }
        words.push(letter.to_ascii_uppercase());
    }
    words
}
