//! Why a key, a password or a token of `key-auth`, `basic-auth` and `jwt` was not accepted. All are answered 401 with a
//! challenge (RFC 9110 §11.6.1), in Kong's words.

use http::HeaderValue;

use super::jwt::{JwtFault, body_of_claims};

/// A refusal of one of those plugins.
#[derive(Debug, thiserror::Error)]
#[error("{fault}")]
pub struct CredentialRefused {
    /// Why.
    pub fault: CredentialFault,
    /// `WWW-Authenticate`.
    pub challenge: HeaderValue,
}

/// What is wrong with a credential. `Display` is what the client reads: where the truth would tell a stranger which half
/// of it is right, it is the same as for others.
#[derive(Debug, thiserror::Error)]
pub enum CredentialFault {
    /// `key-auth`: no key, or an empty one.
    #[error("No API key found in request")]
    KeyMissing,
    /// `key-auth`: the first name that a key was found under occurs more than once.
    #[error("Duplicate API key found")]
    KeyDuplicate,
    /// `key-auth`: nobody's.
    #[error("Unauthorized")]
    KeyUnknown,
    /// `key-auth`: its `ttl` is over.
    #[error("Unauthorized")]
    KeyExpired,
    /// `basic-auth`: neither header.
    #[error("Unauthorized")]
    PasswordMissing,
    /// `basic-auth`: a header from which no user name and password can be read.
    #[error("Unauthorized")]
    PasswordMalformed,
    /// `basic-auth`: nobody has this name with this password.
    #[error("Unauthorized")]
    PasswordWrong,
    /// `jwt`: anything.
    #[error(transparent)]
    Jwt(#[from] JwtFault),
}

impl CredentialFault {
    /// The word in the log line and in metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::KeyMissing | Self::PasswordMissing => "token_missing",
            Self::KeyDuplicate | Self::PasswordMalformed => "token_malformed",
            Self::KeyUnknown | Self::PasswordWrong => "token_untrusted",
            Self::KeyExpired => "token_expired",
            Self::Jwt(fault) => fault.reason(),
        }
    }

    /// Whether there is no credential at all.
    pub fn is_absence(&self) -> bool {
        matches!(
            self,
            Self::KeyMissing | Self::PasswordMissing | Self::Jwt(JwtFault::Missing)
        )
    }

    /// Whether it is one of `jwt`, which answers without asking what the client would like to read.
    pub fn is_of_jwt(&self) -> bool {
        matches!(self, Self::Jwt(_))
    }

    /// A body that is not a `message`.
    pub fn own_body(&self) -> Option<String> {
        match self {
            Self::Jwt(JwtFault::Claims(claims)) => Some(body_of_claims(claims)),
            Self::KeyMissing
            | Self::KeyDuplicate
            | Self::KeyUnknown
            | Self::KeyExpired
            | Self::PasswordMissing
            | Self::PasswordMalformed
            | Self::PasswordWrong
            | Self::Jwt(_) => None,
        }
    }

    /// What the log says beside the reason. Never a key, a password or a token.
    pub fn cause(&self) -> Option<String> {
        let text = match self {
            Self::KeyMissing | Self::PasswordMissing => return None,
            Self::KeyDuplicate => "the key came more than once".to_owned(),
            Self::KeyUnknown => "no keyauth_credential has this key".to_owned(),
            Self::KeyExpired => "the ttl of this key is over".to_owned(),
            Self::PasswordMalformed => "the header holds no user name and password".to_owned(),
            Self::PasswordWrong => "no basicauth_credential has this user name and password".to_owned(),
            Self::Jwt(fault) => return fault.cause(),
        };
        Some(text)
    }
}
