//! What a client reads of a refusal: `unauthorized_error_message` and its brothers.

use http::{HeaderValue, StatusCode};

use crate::rejection::{Rejection, TokenFault, TokenRefused};

/// Kong's text for 503. It says nothing of the token, nor of the provider.
const UNAVAILABLE: &str = "The upstream server is currently unavailable";

/// The words of one instance.
#[derive(Debug)]
pub struct TokenRefusals {
    /// `unauthorized_error_message`.
    pub unauthorized: Box<str>,
    /// `forbidden_error_message`.
    pub forbidden: Box<str>,
    /// `display_errors`: the fault goes to the client as well.
    pub shows_faults: bool,
    /// `expose_error_code`.
    pub shows_codes: bool,
    /// The realm of `WWW-Authenticate`: the host of the issuer.
    pub realm: Box<str>,
}

impl TokenRefusals {
    /// A refusal in these words.
    pub fn rejection(&self, fault: TokenFault) -> Rejection {
        let words: &str = match fault.status() {
            StatusCode::FORBIDDEN => &self.forbidden,
            StatusCode::SERVICE_UNAVAILABLE => UNAVAILABLE,
            _ => &self.unauthorized,
        };
        let message = if self.shows_faults {
            format!("{words} ({fault})").into()
        } else {
            words.into()
        };
        let code = fault.error_code().filter(|_| self.shows_codes);
        let challenge = match code {
            // Another token would do no better.
            _ if matches!(fault, TokenFault::Unjudged(_)) => None,
            Some(code) => Some(format!("Bearer realm=\"{}\", error=\"{code}\"", self.realm)),
            None => Some(format!("Bearer realm=\"{}\"", self.realm)),
        };
        Rejection::Token(Box::new(TokenRefused {
            message,
            challenge: challenge.and_then(|challenge| HeaderValue::try_from(challenge).ok()),
            fault,
        }))
    }
}
