//! What providers sign with, and what they say when they are asked about a token.
//!
//! A provider's keys are not ours. So everybody who publishes keys for either document is supposed to have published one
//! that is ours; whoever is asked about a token, to answer for those tokens that it could know.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::UnixTime;
use serde_json::{Map, Value, json};

use super::grants::Grant;
use super::side::Side;
use crate::identity::{Digest, hexadecimal, later};
use crate::plugin::Plugin;
use crate::plugin::openid_connect::OpenIdConnect;
use crate::plugin::openid_connect::introspection::Introspector;
use crate::plugin::openid_connect::provider::Provider;
use crate::token::KeySet;

/// Seconds that a token lasts.
const LASTS: u64 = 60;

/// Everybody whose tokens either document could trust.
pub(super) struct Signer {
    /// Where keys are published, or where tokens are asked about; each with what is signed there.
    vouchers: Vec<(Box<str>, EcdsaKeyPair)>,
    positions: HashMap<Box<str>, usize>,
}

impl Signer {
    /// Has every provider of both sides know our keys, and no others. `None` if there is no provider, or no key can be made.
    pub(super) fn assumed_by(sides: &[Side; 2]) -> Option<Self> {
        let routes = sides.iter().flat_map(|side| &side.snapshot.routes);
        let slots = routes.flat_map(|route| route.chain.slots());
        let plugins = slots.flat_map(|slot| slot.configurations()).filter_map(provided);
        let mut signer = Self {
            vouchers: Vec::new(),
            positions: HashMap::new(),
        };
        let mut providers: HashMap<usize, &Arc<Provider>> = HashMap::new();
        for plugin in plugins {
            let provider = plugin.provider();
            let names = publishers(provider).chain(asked(plugin));
            for name in names {
                signer.add(name)?;
            }
            providers.insert(Arc::as_ptr(provider).addr(), provider);
        }
        for provider in providers.values() {
            let keys: Vec<Value> = signer
                .published_by(provider)
                .filter_map(|position| signer.public(position))
                .collect();
            provider.assume(KeySet::parse(json!({"keys": keys}).to_string().as_bytes()).ok()?);
        }
        (!providers.is_empty()).then_some(signer)
    }

    fn add(&mut self, name: Box<str>) -> Option<()> {
        if !self.positions.contains_key(&name) {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).ok()?;
            self.positions.insert(name.clone(), self.vouchers.len());
            self.vouchers.push((name, pair));
        }
        Some(())
    }

    fn public(&self, position: usize) -> Option<Value> {
        let (_, pair) = self.vouchers.get(position)?;
        // An uncompressed point: a mark, and two coordinates.
        let (x, y) = pair.public_key().as_ref().get(1..)?.split_at_checked(32)?;
        let encoded = |octets: &[u8]| URL_SAFE_NO_PAD.encode(octets);
        Some(json!({
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": key_id(position),
            "x": encoded(x), "y": encoded(y),
        }))
    }

    /// Where its keys are published, or where it is asked.
    pub(super) fn name(&self, position: usize) -> &str {
        self.vouchers.get(position).map_or("", |(name, _)| name)
    }

    /// Whose keys a provider's tokens may be signed with.
    pub(super) fn published_by(&self, provider: &Provider) -> impl Iterator<Item = usize> {
        publishers(provider).filter_map(|name| self.positions.get(&name).copied())
    }

    /// Who is asked about tokens, if anybody is.
    pub(super) fn asked_by(&self, plugin: &OpenIdConnect) -> Option<usize> {
        self.positions.get(&asked(plugin)?).copied()
    }

    /// A token for `name`, bound to a certificate if it is to be.
    pub(super) fn sign(
        &self,
        grant: &Grant,
        name: &str,
        thumbprint: Option<[u8; 32]>,
        now: UnixTime,
    ) -> String {
        let claims = claims(grant, name, thumbprint, now);
        let encoded = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        if grant.is_opaque {
            // Two that say something else are two.
            let text = format!("{} {}", grant.voucher, Value::Object(claims));
            return hexadecimal(&Digest::of(text.as_bytes()).0);
        }
        let head = encoded(json!({"alg": "ES256", "typ": "JWT", "kid": key_id(grant.voucher)}));
        let signed = format!("{head}.{}", encoded(Value::Object(claims)));
        let pair = self.vouchers.get(grant.voucher);
        let signature = pair.and_then(|(_, pair)| pair.sign(&SystemRandom::new(), signed.as_bytes()).ok());
        // Without a signature it is refused.
        let signature = signature.map_or_else(String::new, |octets| URL_SAFE_NO_PAD.encode(octets.as_ref()));
        format!("{signed}.{signature}")
    }

    /// Whether whom a plugin trusts would answer for a token, or has signed it.
    fn is_known(&self, plugin: &OpenIdConnect, grant: &Grant) -> bool {
        if grant.is_opaque {
            return self.asked_by(plugin) == Some(grant.voucher);
        }
        let mut published = self.published_by(plugin.provider());
        published.any(|position| position == grant.voucher)
    }

    /// Whether a plugin can find out that a token is its provider's.
    pub(super) fn vouches(&self, plugin: &OpenIdConnect, grant: &Grant) -> bool {
        let parts = plugin.parts();
        let is_read = parts.introspector.is_some() || (parts.bearer && !grant.is_opaque);
        is_read && self.is_known(plugin, grant)
    }

    /// Has whoever would be asked about a token have answered: what it says and for whom, if a provider has issued it.
    pub(super) fn answer(
        &self,
        plugin: &OpenIdConnect,
        (token, said): (&str, Option<(&Grant, &str)>),
        thumbprint: Option<[u8; 32]>,
        now: UnixTime,
    ) {
        let Some(introspector) = introspector(plugin) else {
            return;
        };
        let claims = said
            .filter(|(grant, _)| self.is_known(plugin, grant))
            .map(|(grant, name)| claims(grant, name, thumbprint, now));
        let until = later(now, Duration::from_secs(LASTS));
        introspector.assume(Digest::of(token.as_bytes()), claims, until);
    }
}

fn claims(grant: &Grant, name: &str, thumbprint: Option<[u8; 32]>, now: UnixTime) -> Map<String, Value> {
    let now = now.as_secs();
    let mut claims = grant.claims_for(name);
    claims.insert("exp".to_owned(), json!(now + LASTS));
    claims.insert("nbf".to_owned(), json!(now.saturating_sub(LASTS)));
    if grant.is_bound {
        let thumbprint = URL_SAFE_NO_PAD.encode(thumbprint.unwrap_or_default());
        claims.insert("cnf".to_owned(), json!({"x5t#S256": thumbprint}));
    }
    claims
}

fn key_id(position: usize) -> String {
    format!("plan-{position}")
}

fn publishers(provider: &Provider) -> impl Iterator<Item = Box<str>> {
    let source = provider.source();
    let uris = source.discovery.iter().chain(&source.further_keys);
    uris.map(|uri| uri.to_string().into())
}

fn introspector(plugin: &OpenIdConnect) -> Option<&Arc<Introspector>> {
    plugin.parts().introspector.as_ref()
}

/// Where a plugin asks about tokens: the endpoint, or whoever names one.
fn asked(plugin: &OpenIdConnect) -> Option<Box<str>> {
    let endpoint = introspector(plugin)?.configured_endpoint();
    let provider = plugin.provider();
    Some(match endpoint {
        Some(endpoint) => endpoint.to_string().into(),
        None => format!("introspection of {}", provider.issuer()).into(),
    })
}

/// The plugin that takes access tokens, if it is one.
pub(super) fn provided(plugin: &Plugin) -> Option<&OpenIdConnect> {
    match plugin {
        Plugin::OpenIdConnect(plugin) => Some(plugin),
        Plugin::Acl(_)
        | Plugin::BasicAuth(_)
        | Plugin::CorrelationId(_)
        | Plugin::HeaderCertAuth(_)
        | Plugin::IpRestriction(_)
        | Plugin::Jwt(_)
        | Plugin::KeyAuth(_)
        | Plugin::MtlsAuth(_)
        | Plugin::Principals(_)
        | Plugin::RequestTermination(_) => None,
    }
}
