//! `openid-connect`, the bearer part: an access token is verified here, or by its provider, and judged by what it says.
//!
//! The threat is a token that was forged, stolen, meant for somebody else, or taken back. So: keys come from the configured
//! provider alone, an answer is remembered for one token of one instance and ends with the token, with its key, or with
//! the configuration; and what binds a token to a certificate is compared with every request.

mod admission;
pub mod claims;
mod evidence;
pub mod introspection;
pub mod possession;
pub mod provider;
mod refusals;
mod signature;
pub mod source;

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use rustls::pki_types::UnixTime;
use transport::remembered::{Digest, Remembered};

use self::admission::admit;
use self::claims::{Outcome, Rules};
use self::evidence::{Voucher, introspected};
use self::introspection::Introspector;
use self::possession::{Confirmation, PossessionRule};
use self::provider::{Doubt, Provider};
use self::signature::Inquiry;
use self::source::{Found, Place, Sources};
use super::credential_auth::Preflight;
use super::errand::Errand;
use super::fallback::{Fallback, stands_back};
use crate::consumer::{ConsumerKey, Consumers};
use crate::exchange::{BearerIdentity, Exchange};
use crate::identity::later;
use crate::rejection::{Rejection, TokenFault};
use crate::token::{TimeError, Validity, looks_like_jws};

pub use self::evidence::{SharedSecret, TokenEvidence};
pub use self::refusals::TokenRefusals;

/// Verified tokens that all instances of a snapshot remember together, and the least and the most of one.
const REMEMBERED_TOKENS: usize = 262_144;
const REMEMBERED_BY_ONE: std::ops::RangeInclusive<usize> = 256..=16_384;

/// A compiled `openid-connect`.
#[derive(Debug)]
pub struct OpenIdConnect {
    parts: Parts,
    verified: Remembered<Known>,
}

/// What an instance is made of.
#[derive(Debug)]
pub struct Parts {
    /// Who signs.
    pub provider: Arc<Provider>,
    /// `auth_methods` has `bearer`: signed tokens are verified here.
    pub bearer: bool,
    /// `auth_methods` has `introspection`.
    pub introspector: Option<Arc<Introspector>>,
    /// `introspect_jwt_tokens`: signed tokens are introspected all the same.
    pub introspects_signed_tokens: bool,
    /// `enable_hs_signatures`: the client's secret, for HMAC alone.
    pub secret: Option<SharedSecret>,
    /// Where a token may be.
    pub sources: Sources,
    /// What it must say.
    pub rules: Rules,
    /// `proof_of_possession_mtls`.
    pub possession: PossessionRule,
    /// `anonymous`.
    pub anonymous: Option<Fallback>,
    /// `run_on_preflight`.
    pub preflight: Preflight,
    /// `hide_credentials`: the upstream does not see where the token came in.
    pub hides_token: bool,
    /// `upstream_access_token_header`: where the upstream gets it, and what is written before it.
    pub passes_on: Option<(HeaderName, Box<str>)>,
    /// `leeway`.
    pub leeway: Duration,
    /// `cache_ttl`; nothing without `cache_tokens`.
    pub remember_for: Duration,
    /// What clients read.
    pub refusals: Arc<TokenRefusals>,
    /// How many instances there are in the snapshot: they share the memory for what is remembered.
    pub instances: usize,
}

/// What is known of a token that passed.
#[derive(Debug)]
struct Known {
    identity: Arc<BearerIdentity>,
    outcome: Outcome,
    confirmation: Confirmation,
}

impl Known {
    fn is_withdrawn(&self) -> bool {
        self.identity
            .token
            .as_ref()
            .is_some_and(TokenEvidence::is_withdrawn)
    }
}

impl OpenIdConnect {
    /// An instance that remembers nothing yet.
    pub fn new(parts: Parts) -> Self {
        let (least, most) = REMEMBERED_BY_ONE.into_inner();
        let own_share = (REMEMBERED_TOKENS / parts.instances.max(1)).clamp(least, most);
        Self {
            parts,
            verified: Remembered::new(own_share),
        }
    }

    /// The provider, to be kept up to date.
    pub fn provider(&self) -> &Arc<Provider> {
        &self.parts.provider
    }

    /// `proof_of_possession_mtls`.
    pub fn possession(&self) -> PossessionRule {
        self.parts.possession
    }

    /// What it is made of.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// `anonymous`.
    pub fn anonymous(&self) -> Option<&Fallback> {
        self.parts.anonymous.as_ref()
    }

    /// Whether it looks for a consumer.
    pub fn finds_consumers(&self) -> bool {
        self.parts.rules.consumer.is_some()
    }

    /// Whether it names groups.
    pub fn names_groups(&self) -> bool {
        self.parts.rules.groups.is_some()
    }

    /// Where it looks for a token.
    pub fn sources(&self) -> &Sources {
        &self.parts.sources
    }

    /// Whether it has nothing to do with a request.
    pub fn stands_back(&self, exchange: &Exchange<'_>) -> bool {
        self.preflight().lets_pass(exchange) || stands_back(self.parts.anonymous.as_ref(), exchange)
    }

    /// `run_on_preflight`.
    pub fn preflight(&self) -> Preflight {
        self.parts.preflight
    }

    /// Authenticates by a token.
    pub fn access(&self, name: &Arc<str>, exchange: &mut Exchange<'_>) -> Result<(), Rejection> {
        // What the client sends under a name that claims are written to is not a claim, nor is it a verified token where
        // those are written to.
        for (header, _) in &self.parts.rules.headers {
            exchange.hide_spellings(header);
        }
        if let Some(header) = self.token_header() {
            exchange.hide_spellings(header);
        }
        if self.stands_back(exchange) {
            return Ok(());
        }
        let Err(fault) = self.authenticate(name, exchange) else {
            return Ok(());
        };
        let rejection = self.parts.refusals.rejection(fault);
        match &self.parts.anonymous {
            // Nobody knows yet whether it is an absence.
            Some(_) if exchange.errand.is_some() => Err(rejection),
            Some(anonymous) => {
                // Not good here, it may be good elsewhere.
                if self.parts.hides_token
                    && let Ok(Found { place, .. }) = self.parts.sources.find(&exchange.head, &exchange.form)
                {
                    self.parts.sources.hide(place, exchange);
                }
                anonymous.stand_in(exchange, rejection)
            }
            None => Err(rejection),
        }
    }

    fn authenticate(&self, name: &Arc<str>, exchange: &mut Exchange<'_>) -> Result<(), TokenFault> {
        let sources = &self.parts.sources;
        let Found { token, place } = sources
            .find(&exchange.head, &exchange.form)
            .inspect_err(|fault| {
                if matches!(fault, TokenFault::Missing) && sources.may_be_in(&exchange.form) {
                    exchange.errand = Some(Box::new(Errand::Fields));
                }
            })?;
        let digest = Digest::of(&token);
        let now = exchange.arrival.now;
        let known = match self.verified.recall(&digest, now) {
            Some(known) if !known.is_withdrawn() => known,
            Some(_) | None => {
                let is_own = |asked: &Arc<Provider>| Arc::ptr_eq(asked, &self.parts.provider);
                let mut inquiry = Inquiry {
                    errand: None,
                    was_made: exchange.answered.as_ref().is_some_and(is_own),
                };
                let found = self.find_out(&token, digest, (exchange.consumers, now), &mut inquiry);
                match found {
                    Ok(known) => known,
                    Err(fault) => {
                        exchange.errand = inquiry.errand.map(Box::new);
                        return Err(fault);
                    }
                }
            }
        };
        let passed_on = self.passed_on(&token, place);
        let refusals = (name, &self.parts.refusals);
        self.parts
            .possession
            .judge(known.confirmation, exchange, refusals)?;
        if self.parts.hides_token {
            self.parts.sources.hide(place, exchange);
        }
        if let Some((header, value)) = passed_on {
            exchange.stamp(header, value);
        }
        admit(exchange, name, &known);
        Ok(())
    }

    /// Where the upstream gets verified tokens, if that is a header of its own. `Authorization` is also where a token comes
    /// in, and whatever else a client has to say to the upstream.
    fn token_header(&self) -> Option<&HeaderName> {
        let (header, _) = self.parts.passes_on.as_ref()?;
        (*header != http::header::AUTHORIZATION).then_some(header)
    }

    /// The token as the upstream gets it, where that is not how it came anyhow.
    fn passed_on(&self, token: &[u8], place: Place) -> Option<(HeaderName, HeaderValue)> {
        let (header, prefix) = self.parts.passes_on.as_ref()?;
        let as_it_came = place == Place::Authorization && *header == http::header::AUTHORIZATION;
        if as_it_came && !self.parts.hides_token {
            return None;
        }
        let mut value = HeaderValue::from_bytes(&[prefix.as_bytes(), token].concat()).ok()?;
        value.set_sensitive(true);
        Some((header.clone(), value))
    }

    fn find_out(
        &self,
        token: &[u8],
        digest: Digest,
        (consumers, now): (&Consumers, UnixTime),
        inquiry: &mut Inquiry,
    ) -> Result<Arc<Known>, TokenFault> {
        let parts = &self.parts;
        let is_signed = looks_like_jws(token);
        let (evidence, until_told) = match &parts.introspector {
            Some(introspector) if !is_signed || !parts.bearer || parts.introspects_signed_tokens => {
                introspected(introspector, token, digest, now, &mut inquiry.errand)?
            }
            Some(_) | None => {
                if !is_signed && token.split(|octet| *octet == b'.').count() != 5 {
                    let why = "the token is not signed, and introspection is not among auth_methods";
                    return Err(TokenFault::Unreadable(why.into()));
                }
                (signature::verify(parts, token, inquiry)?, None)
            }
        };
        let claims = evidence.claims.claims();
        let seen = parts.provider.known();
        let end = self.judge_standing(&evidence, now).map_err(|fault| {
            // Whose name it should be is not known either before the provider has answered.
            if matches!(fault, TokenFault::Issuer(_)) && !parts.provider.has_a_name() {
                let doubt = (Doubt::Unknown, fault);
                signature::in_doubt(&parts.provider, &seen, doubt, inquiry)
            } else {
                fault
            }
        })?;
        let outcome = parts.rules.judge(claims, consumers)?;
        let confirmation = Confirmation::of(claims);
        let end = match (end, until_told) {
            (Some(end), Some(until)) => Some(end.min(until)),
            (end, until) => end.or(until),
        };
        let subject = claims.get("sub").and_then(serde_json::Value::as_str);
        let known = Arc::new(Known {
            outcome,
            confirmation,
            identity: Arc::new(BearerIdentity {
                subject: subject.unwrap_or_default().into(),
                valid_until: end,
                mark: None,
                token: Some(evidence),
            }),
        });
        let limit = later(now, parts.remember_for);
        let until = end.map_or(limit, |end| end.min(limit));
        let for_this_request_alone =
            |introspector: &Arc<Introspector>| until_told.is_some() && !introspector.remembers();
        let is_kept = !parts.introspector.as_ref().is_some_and(for_this_request_alone);
        if is_kept && parts.remember_for > Duration::ZERO {
            self.verified.keep(digest, (now, until), Arc::clone(&known));
        }
        Ok(known)
    }

    /// Issuer and dates; gives the last second in which they hold.
    fn judge_standing(
        &self,
        evidence: &TokenEvidence,
        now: UnixTime,
    ) -> Result<Option<UnixTime>, TokenFault> {
        let claims = evidence.claims.claims();
        let by_provider = matches!(evidence.voucher, Voucher::Provider(..));
        match claims.get("iss") {
            Some(serde_json::Value::String(issuer)) if self.parts.provider.issues_as(issuer) => {}
            // An introspection endpoint speaks for its own issuer (RFC 7662 §2.2).
            None if by_provider => {}
            Some(serde_json::Value::String(issuer)) => {
                return Err(TokenFault::Issuer(
                    issuer.chars().take(200).collect::<String>().into(),
                ));
            }
            Some(_) | None => return Err(TokenFault::Issuer("the token has no 'iss'".into())),
        }
        let validity = Validity::of(claims)?;
        if validity.expires.is_none() && !by_provider {
            return Err(TimeError::NoEnd.into());
        }
        validity.check(now, self.parts.leeway)?;
        Ok(validity.until(self.parts.leeway))
    }

    /// Judges a token that was admitted before once more, by what is in force now: whom it names, if it is good.
    pub fn find_again(
        &self,
        evidence: &TokenEvidence,
        (consumers, shown): (&Consumers, &possession::Shown),
        now: UnixTime,
    ) -> Result<Option<ConsumerKey>, TokenFault> {
        let still_vouched = match &evidence.voucher {
            Voucher::Key(key) => {
                self.parts.bearer && !key.is_withdrawn() && self.parts.provider.known().keys.holds(key)
            }
            Voucher::Secret(digest) => {
                let own = self.parts.secret.as_ref();
                self.parts.bearer && own.is_some_and(|own| own.digest == *digest)
            }
            Voucher::Provider(answerer, until) => {
                let own = self.parts.introspector.as_ref();
                own.is_some_and(|own| own.answerer() == answerer) && now <= *until
            }
        };
        if !still_vouched {
            return Err(TokenFault::NoKey(
                "whoever vouched for the token is not asked any more".into(),
            ));
        }
        self.judge_standing(evidence, now)?;
        let (claims, possession) = (evidence.claims.claims(), self.parts.possession);
        possession.judge_again(Confirmation::of(claims), shown)?;
        Ok(self.parts.rules.judge(claims, consumers)?.consumer)
    }
}
