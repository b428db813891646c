//! Why a token was refused. The client reads the configured words; the log has the fault.

use std::fmt;
use std::time::Duration;

use http::{HeaderValue, StatusCode};

use crate::token::{TimeError, TokenError};

/// A refusal of `openid-connect`.
#[derive(Debug)]
pub struct TokenRefused {
    /// What is wrong.
    pub fault: TokenFault,
    /// What the client reads.
    pub message: Box<str>,
    /// `WWW-Authenticate`.
    pub challenge: Option<HeaderValue>,
}

impl fmt::Display for TokenRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Why nobody can say whether a token is good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("nobody can judge the token now: {why}")]
pub struct Unjudged {
    /// What is not known, and why.
    pub why: Box<str>,
    /// When it may be worth while to try again.
    pub retry_after: Duration,
}

impl Unjudged {
    /// For want of something that may be there in a moment.
    pub fn for_now(why: &str) -> Self {
        Self {
            why: why.into(),
            retry_after: Duration::from_secs(1),
        }
    }
}

/// What is wrong with a token, or with what it says.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TokenFault {
    /// None came where one is looked for.
    #[error("no token was sent where one is looked for")]
    Missing,
    /// More than one came, and nobody can say which of them is meant.
    #[error("more than one token was sent")]
    Several,
    /// It cannot be read, or is of a kind that no enabled method takes.
    #[error("{0}")]
    Unreadable(Box<str>),
    /// It was read, and not believed.
    #[error(transparent)]
    Refused(#[from] TokenError),
    /// Nobody can say whether it is good: its provider could not be asked.
    #[error(transparent)]
    Unjudged(#[from] Unjudged),
    /// No key of its provider fits.
    #[error("{0}")]
    NoKey(Box<str>),
    /// Its issuer is none that is allowed.
    #[error("the issuer is not allowed: {0}")]
    Issuer(Box<str>),
    /// Its dates.
    #[error(transparent)]
    Time(#[from] TimeError),
    /// Its provider says that it is not active.
    #[error("the introspection endpoint says that the token is not active")]
    Inactive,
    /// It belongs to another certificate than the request's.
    #[error("{0}")]
    NotBound(&'static str),
    /// It lacks what is required, or has what is forbidden.
    #[error("{0}")]
    Claim(Box<str>),
    /// It names nobody whom we know.
    #[error("kong consumer was not found ({0})")]
    Consumer(Box<str>),
}

impl TokenFault {
    /// The status: 403 is for a token that is good, but not for this; 503 is for one that may be good.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Claim(_) | Self::Consumer(_) => StatusCode::FORBIDDEN,
            Self::Unjudged(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Missing
            | Self::Several
            | Self::Unreadable(_)
            | Self::Refused(_)
            | Self::NoKey(_)
            | Self::Issuer(_)
            | Self::Time(_)
            | Self::Inactive
            | Self::NotBound(_) => StatusCode::UNAUTHORIZED,
        }
    }

    /// The word in the log line.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Missing => "token_missing",
            Self::Refused(error) if error.is_malformed() => "token_malformed",
            Self::Several | Self::Unreadable(_) | Self::Time(TimeError::NoDate(_)) => "token_malformed",
            Self::Time(TimeError::Expired) => "token_expired",
            Self::Refused(_)
            | Self::NoKey(_)
            | Self::Issuer(_)
            | Self::Time(TimeError::NotYetValid | TimeError::IssuedLater | TimeError::NoEnd)
            | Self::Inactive => "token_untrusted",
            Self::Unjudged(_) => "provider_unreachable",
            Self::NotBound(_) => "token_not_bound",
            Self::Claim(_) => "claim_missing",
            Self::Consumer(_) => "consumer_not_found",
        }
    }

    /// The error code of RFC 6750 §3.1; a request without a token gets none, nor does one that nobody has judged.
    pub fn error_code(&self) -> Option<&'static str> {
        match self.status() {
            _ if matches!(self, Self::Missing) => None,
            StatusCode::SERVICE_UNAVAILABLE => None,
            StatusCode::FORBIDDEN => Some("insufficient_scope"),
            _ => Some("invalid_token"),
        }
    }

    /// When the same token may be tried again, if it is not the token's fault.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unjudged(unjudged) => Some(unjudged.retry_after),
            Self::Missing
            | Self::Several
            | Self::Unreadable(_)
            | Self::Refused(_)
            | Self::NoKey(_)
            | Self::Issuer(_)
            | Self::Time(_)
            | Self::Inactive
            | Self::NotBound(_)
            | Self::Claim(_)
            | Self::Consumer(_) => None,
        }
    }

    /// Whether an `anonymous` consumer may stand in. Two tokens are a contradiction, not an absence; and of a token whose
    /// provider cannot be asked nobody has said that it is not good.
    pub fn may_be_anonymous(&self) -> bool {
        !matches!(self, Self::Several | Self::Unjudged(_))
    }
}
