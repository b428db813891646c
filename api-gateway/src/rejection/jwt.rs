//! Why a token of `jwt` was not accepted, in Kong's words.

use crate::token::{Algorithm, TokenError};

/// What is wrong with a token for `jwt`.
#[derive(Debug, thiserror::Error)]
pub enum JwtFault {
    /// There is none.
    #[error("Unauthorized")]
    Missing,
    /// Several that differ, or a place that holds several.
    #[error("Multiple tokens provided")]
    Several,
    /// An argument without a value.
    #[error("Unrecognizable token")]
    Unrecognizable,
    /// It cannot be read.
    #[error("Bad token; {why}")]
    Bad {
        /// Kong's word for it.
        why: &'static str,
        /// For the log.
        #[source]
        cause: Option<TokenError>,
    },
    /// Neither payload nor header has the claim that names the credential.
    #[error("No mandatory '{0}' in claims")]
    NoKey(Box<str>),
    /// That claim is empty, or no text.
    #[error("Invalid '{0}' in claims")]
    InvalidKey(Box<str>),
    /// No `jwt_secret` has this key.
    #[error("No credentials found for given '{claim}'")]
    UnknownKey {
        /// The claim's name.
        claim: Box<str>,
        /// What it says, for the log.
        key: Box<str>,
    },
    /// The token's algorithm is not the credential's.
    #[error("Invalid algorithm")]
    Algorithm {
        /// The credential's.
        wanted: Algorithm,
    },
    /// The credential's secret is no base64, which the plugin says it is.
    #[error("Invalid key/secret")]
    Unusable,
    /// The signature is not the credential's.
    #[error("Invalid signature")]
    Signature,
    /// Claims that are not as they should be: `exp`, then `nbf`, each with what is wrong with it.
    #[error("{}", body_of_claims(.0))]
    Claims(Vec<(&'static str, ClaimFault)>),
}

/// What is wrong with a claim that is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimFault {
    /// Absent, or no number.
    #[error("must be a number")]
    NoNumber,
    /// `exp` is over.
    #[error("token expired")]
    Expired,
    /// `nbf` is to come.
    #[error("token not valid yet")]
    NotYetValid,
    /// `exp` is further away than `maximum_expiration`.
    #[error("exceeds maximum allowed expiration")]
    TooFarAway,
}

/// Kong's body: an object keyed by claim.
pub(super) fn body_of_claims(claims: &[(&'static str, ClaimFault)]) -> String {
    let members: Vec<String> = claims
        .iter()
        .map(|(claim, fault)| format!(r#""{claim}":"{fault}""#))
        .collect();
    format!("{{{}}}", members.join(","))
}

impl JwtFault {
    /// See [`super::CredentialFault::reason`].
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Missing => "token_missing",
            Self::Several | Self::Unrecognizable | Self::Bad { .. } => "token_malformed",
            Self::NoKey(_) | Self::InvalidKey(_) => "claim_missing",
            Self::UnknownKey { .. } | Self::Algorithm { .. } | Self::Unusable | Self::Signature => {
                "token_untrusted"
            }
            Self::Claims(claims) => match claims.first() {
                Some((_, ClaimFault::Expired)) => "token_expired",
                // As for `openid-connect`: it is not over.
                Some((_, ClaimFault::NotYetValid | ClaimFault::TooFarAway)) => "token_untrusted",
                Some((_, ClaimFault::NoNumber)) | None => "claim_missing",
            },
        }
    }

    /// See [`super::CredentialFault::cause`].
    pub(super) fn cause(&self) -> Option<String> {
        match self {
            Self::Bad { cause, .. } => cause.as_ref().map(ToString::to_string),
            Self::UnknownKey { claim, key } => Some(format!("no jwt_secret has the key '{key}' ({claim})")),
            Self::Algorithm { wanted } => Some(format!("the credential is for {wanted}")),
            Self::Claims(_) | Self::NoKey(_) => Some(self.to_string()),
            Self::InvalidKey(claim) => Some(format!("'{claim}' is no text, or empty")),
            Self::Unusable => Some("the secret is no base64, as secret_is_base64 says".to_owned()),
            Self::Several => Some("tokens that differ came, or one and a place without a value".to_owned()),
            Self::Unrecognizable => Some("an argument came without a value".to_owned()),
            Self::Signature => Some("the credential's key did not sign this token".to_owned()),
            Self::Missing => None,
        }
    }
}
