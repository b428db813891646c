//! What a token rests on, kept beside the answer so that it can be judged again.

use std::sync::Arc;

use rustls::pki_types::UnixTime;
use transport::remembered::Digest;

use super::introspection::{Answer, Answerer, Introspector, REFUSED_FOR};
use crate::plugin::errand::Errand;
use crate::rejection::{TokenFault, Unjudged};
use crate::token::{PublishedKey, VerificationKey, VerifiedClaims};

/// A secret that both ends know, with what tells it from another.
#[derive(Debug)]
pub struct SharedSecret {
    /// For HMAC.
    pub key: VerificationKey,
    /// Its digest.
    pub digest: Digest,
}

/// A token that was accepted, kept so that what it says can be judged again. Not the token itself.
#[derive(Debug, Clone)]
pub struct TokenEvidence {
    pub(super) claims: Arc<VerifiedClaims>,
    pub(super) voucher: Voucher,
}

/// Whose word it is.
#[derive(Debug, Clone)]
pub(super) enum Voucher {
    Key(Arc<PublishedKey>),
    Secret(Digest),
    /// Good for as long as what the provider said may be believed, and he is the one who is asked.
    Provider(Arc<Answerer>, UnixTime),
}

impl TokenEvidence {
    /// Whether the key that it was signed with has been taken back.
    pub fn is_withdrawn(&self) -> bool {
        match &self.voucher {
            Voucher::Key(key) => key.is_withdrawn(),
            Voucher::Secret(_) | Voucher::Provider(..) => false,
        }
    }
}

/// What the provider says of a token; until it has been asked, a refusal and the question.
pub(super) fn introspected(
    introspector: &Arc<Introspector>,
    token: &[u8],
    digest: Digest,
    now: UnixTime,
    errand: &mut Option<Errand>,
) -> Result<(TokenEvidence, Option<UnixTime>), TokenFault> {
    // RFC 6750 §2.1: a token is ASCII, and so is everything that a provider would know.
    let text = std::str::from_utf8(token).ok().filter(|text| {
        let is_plain = |char: char| char.is_ascii_graphic();
        text.len() <= crate::token::LONGEST_TOKEN && text.chars().all(is_plain)
    });
    let text = text.ok_or_else(|| TokenFault::Unreadable("the token holds what no token holds".into()))?;
    match introspector.known(&digest, now).as_deref() {
        Some(Answer::Active(claims, until)) => Ok((
            TokenEvidence {
                claims: Arc::clone(claims),
                voucher: Voucher::Provider(Arc::clone(introspector.answerer()), *until),
            },
            Some(*until),
        )),
        Some(Answer::Inactive) => Err(TokenFault::Inactive),
        Some(Answer::Untimely(error)) => Err((*error).into()),
        Some(Answer::Failed(why)) => Err(TokenFault::Unjudged(Unjudged {
            why: format!("the token could not be introspected: {why}").into(),
            retry_after: REFUSED_FOR,
        })),
        None => {
            *errand = introspector
                .question(text, digest, now)
                .map(Errand::Introspection);
            let why = match errand {
                Some(_) => "the introspection endpoint has not answered yet",
                None => "too many tokens wait to be introspected",
            };
            Err(TokenFault::Unjudged(Unjudged::for_now(why)))
        }
    }
}
