//! Which key a token is verified by, and what becomes of one that no key fits.

use std::sync::Arc;

use super::Parts;
use super::evidence::{TokenEvidence, Voucher};
use super::provider::{Doubt, Known, Outlook, Provider};
use crate::plugin::errand::Errand;
use crate::rejection::{TokenFault, Unjudged};
use crate::token::{TypeRule, UnverifiedToken};

/// What has to be asked of a provider for one request.
#[derive(Debug)]
pub(super) struct Inquiry {
    /// What is to be asked now.
    pub(super) errand: Option<Errand>,
    /// Its keys were asked for already: what is not known now, the provider does not know either.
    pub(super) was_made: bool,
}

/// Verifies a signed token. Where its provider would have to be asked first, there is an errand, and a refusal until then.
pub(super) fn verify(
    parts: &Parts,
    token: &[u8],
    inquiry: &mut Inquiry,
) -> Result<TokenEvidence, TokenFault> {
    let unverified = UnverifiedToken::parse(token, TypeRule::AccessToken)?;
    if unverified.algorithm().is_symmetric() {
        let secret = parts.secret.as_ref().ok_or_else(|| {
            let why = "the token is signed with a shared secret, which enable_hs_signatures does not allow";
            TokenFault::NoKey(why.into())
        })?;
        return Ok(TokenEvidence {
            claims: Arc::new(unverified.verify(&secret.key)?),
            voucher: Voucher::Secret(secret.digest),
        });
    }
    let known = parts.provider.known();
    let (id, algorithm) = (unverified.key_id().map(ToOwned::to_owned), unverified.algorithm());
    let candidates: Vec<_> = known.keys.candidates(id.as_deref(), algorithm).collect();
    match unverified.verify_by_one_of(candidates, |key| &key.key) {
        Ok((claims, key)) => Ok(TokenEvidence {
            claims: Arc::new(claims),
            voucher: Voucher::Key(Arc::clone(key)),
        }),
        Err(refused) => {
            let has_its_name = id.as_deref().is_some_and(|id| known.keys.knows(id));
            let doubt = if refused.is_some() || has_its_name {
                Doubt::Refused
            } else {
                Doubt::Unknown
            };
            let no_key = || TokenFault::NoKey("no key of the provider fits the token".into());
            let fault = refused.map_or_else(no_key, Into::into);
            Err(in_doubt(&parts.provider, &known, (doubt, fault), inquiry))
        }
    }
}

/// What is to be said of a token that what was `seen` of its provider does not settle: the fault, if that is all that can
/// be known; and what is to be asked, if more can.
pub(super) fn in_doubt(
    provider: &Arc<Provider>,
    seen: &Known,
    (doubt, fault): (Doubt, TokenFault),
    inquiry: &mut Inquiry,
) -> TokenFault {
    let unjudged = match provider.outlook(seen, doubt, inquiry.was_made) {
        Outlook::Ask => {
            inquiry.errand = Some(Errand::Keys(Arc::clone(provider)));
            Unjudged::for_now("the provider has not answered yet")
        }
        Outlook::Settled => return fault,
        Outlook::Unjudged(unjudged) => unjudged,
    };
    match doubt {
        Doubt::Unknown => TokenFault::Unjudged(unjudged),
        // Until there is another key of this name, the one that is known is the one that counts.
        Doubt::Refused => fault,
    }
}
