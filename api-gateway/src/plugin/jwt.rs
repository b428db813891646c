//! `jwt`: the consumer whose `jwt_secret` signed the token that the request has.
//!
//! The threat is a token that its bearer wrote himself. So its words are good for finding one credential by, and for
//! nothing else, until that credential's key has verified the signature; which algorithm that is, the credential says,
//! not the token. There is no key for `none`, and a public key holds no secret that could be used for HMAC.

mod claims;
mod places;

use std::sync::Arc;

use rustls::pki_types::UnixTime;
use serde_json::Value;

use super::credential_auth::{CredentialAuth, admit};
use crate::credential::{JwtCredential, JwtSecrets, Owner};
use crate::exchange::{BearerIdentity, Credential, Exchange};
use crate::rejection::{CredentialFault, JwtFault, Rejection};
use crate::token::{TokenError, TypeRule, UnverifiedToken};

pub use self::claims::ClaimRules;
pub use self::places::Places;

/// A compiled `jwt`.
#[derive(Debug)]
pub struct Jwt {
    /// When it authenticates, and what happens on failure.
    pub auth: CredentialAuth,
    /// Where a token may come.
    pub places: Places,
    /// `key_claim_name`.
    pub key_claim: Box<str>,
    /// Which claims have to be good.
    pub rules: ClaimRules,
    /// All `jwt_secrets` of the document.
    pub secrets: Arc<JwtSecrets>,
}

impl Jwt {
    /// Authenticates by the one token that there is.
    pub fn access(&self, plugin: &Arc<str>, exchange: &mut Exchange<'_>) -> Result<(), Rejection> {
        if self.auth.stands_back(exchange) {
            return Ok(());
        }
        let judged = self
            .places
            .find(exchange)
            .and_then(|token| self.judge(&token, exchange.arrival.now));
        match judged {
            Ok((owner, identity)) => {
                admit(
                    exchange,
                    plugin,
                    (owner.consumer, &owner.credential),
                    Arc::new(identity),
                );
                Ok(())
            }
            Err(fault) => self.auth.fall_back(exchange, CredentialFault::Jwt(fault)),
        }
    }

    fn judge(&self, token: &[u8], now: UnixTime) -> Result<(&Owner, BearerIdentity), JwtFault> {
        // What others sign for other purposes has another `typ`.
        let token = UnverifiedToken::parse(token, TypeRule::Jwt).map_err(bad)?;
        let credential = self.credential(&token)?;
        if token.algorithm() != credential.algorithm {
            return Err(JwtFault::Algorithm {
                wanted: credential.algorithm,
            });
        }
        let key = credential.key.as_ref().ok_or(JwtFault::Unusable)?;
        let verified = token.verify(key).map_err(|_| JwtFault::Signature)?;
        let claims = verified.claims();
        let valid_until = self.rules.check(claims, now)?;
        let owner = &credential.owner;
        let subject = claims.get("sub").and_then(Value::as_str);
        let identity = BearerIdentity {
            token: None,
            subject: subject.map_or_else(|| owner.identity.subject.clone(), Into::into),
            valid_until,
            mark: owner.identity.mark,
        };
        Ok((owner, identity))
    }

    /// The credential that a token names, in its payload or else in its header.
    fn credential(&self, token: &UnverifiedToken<'_>) -> Result<&JwtCredential, JwtFault> {
        let claim = &*self.key_claim;
        let named = token
            .unverified_claims()
            .get(claim)
            .or_else(|| token.unverified_header().get(claim));
        let key = match named {
            None => return Err(JwtFault::NoKey(claim.into())),
            Some(Value::String(key)) if !key.is_empty() => key,
            Some(_) => return Err(JwtFault::InvalidKey(claim.into())),
        };
        self.secrets.find(key).ok_or_else(|| JwtFault::UnknownKey {
            claim: claim.into(),
            key: key.as_str().into(),
        })
    }

    /// Whose token an answer under way was admitted by, if its credential is still the same. One whose end nobody looked
    /// at before has none that could be judged now.
    pub fn find_again(
        &self,
        credential: &Credential,
        identity: &BearerIdentity,
        now: UnixTime,
    ) -> Option<&Owner> {
        let end_is_known = identity.valid_until.is_some() || !self.rules.expiry;
        let is_over = identity.valid_until.is_some_and(|end| now > end);
        let key = str::from_utf8(credential.identifier.as_ref()?.as_bytes()).ok()?;
        let owner = &self.secrets.find(key)?.owner;
        let is_same = owner.identity.mark.is_some() && owner.identity.mark == identity.mark;
        (end_is_known && !is_over && is_same).then_some(owner)
    }
}

/// Kong's word for a token that cannot be read.
fn bad(error: TokenError) -> JwtFault {
    let why = match &error {
        TokenError::Encoding("signature") | TokenError::Signature => "invalid signature",
        TokenError::TooLong
        | TokenError::Parts
        | TokenError::Encrypted
        | TokenError::Encoding(_)
        | TokenError::Json { .. } => "invalid JSON",
        TokenError::Header("alg") | TokenError::Algorithm(_) | TokenError::WrongAlgorithm(_) => "invalid alg",
        TokenError::Header("typ") | TokenError::Type(_) => "invalid typ",
        TokenError::Header(_) => "invalid header",
    };
    JwtFault::Bad {
        why,
        cause: Some(error),
    }
}
