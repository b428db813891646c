//! Tokens of providers whose keys we have: as a provider would sign them, and as it would answer for them.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fastrand::Rng;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rustls::pki_types::UnixTime;
use serde_json::{Map, Value, json};

use super::document::{NAMES, PROVIDERS, one, some};
use super::pki::Pki;
use crate::identity::{Digest, later};
use crate::plan::Side;
use crate::plan::change::TokenClaims;
use crate::plan::signer::provided;
use crate::plugin::openid_connect::OpenIdConnect;
use crate::token::KeySet;

/// What a provider says of somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AccessToken {
    /// Whose key it is signed with, or who answers for it.
    provider: usize,
    claims: Map<String, Value>,
    /// Whether it names the certificate that it comes with.
    is_bound: bool,
    is_opaque: bool,
    /// `header authorization`, as a plan has it.
    pub(super) place: String,
}

impl AccessToken {
    /// One that is likely to be good for something.
    pub(super) fn random(rng: &mut Rng) -> Self {
        let mut claims = Map::new();
        let provider = usize::from(rng.f64() < 0.3);
        let issuer = if rng.f64() < 0.9 { provider } else { 1 - provider };
        claims.insert("iss".into(), json!(PROVIDERS[issuer]));
        claims.insert("aud".into(), json!(some(rng, &["orders", "others"], 0.7)));
        let scopes = ["read", "read write", "write", ""];
        claims.insert("scope".into(), json!(one(rng, &scopes)));
        let groups = ["g1", "g2", "g3"];
        claims.insert("groups".into(), json!(some(rng, &groups, 0.4)));
        for claim in [&["azp"][..], &["azp"], &["sub"], &["azp", "sub"]][rng.usize(..4)] {
            let name = *one(rng, &NAMES);
            let name = if rng.f64() < 0.2 {
                name.to_uppercase()
            } else {
                name.to_owned()
            };
            claims.insert((*claim).into(), json!(name));
        }
        if rng.f64() < 0.1 {
            claims.insert("act".into(), json!(true));
        }
        let places = [
            "header authorization",
            "header authorization",
            "header x-access-token",
            "argument access_token",
            "cookie session",
            "field access_token",
        ];
        Self {
            provider,
            claims,
            is_bound: rng.f64() < 0.3,
            is_opaque: rng.f64() < 0.3,
            place: (*one(rng, &places)).to_owned(),
        }
    }

    /// The one that a plan means.
    pub(super) fn meant(token: &TokenClaims, place: &str) -> Self {
        let provider = PROVIDERS
            .iter()
            .position(|provider| token.voucher.contains(provider));
        Self {
            provider: provider.unwrap(),
            claims: token.claims.clone(),
            is_bound: token.is_bound,
            is_opaque: token.is_opaque,
            place: place.to_owned(),
        }
    }

    /// The same for somebody else.
    pub(super) fn naming(&self, old: &str, name: &str) -> Self {
        let mut token = self.clone();
        for claim in token.claims.values_mut().filter(|claim| *claim == old) {
            *claim = json!(name);
        }
        token
    }

    fn all_claims(&self, thumbprint: Option<[u8; 32]>, now: UnixTime) -> Map<String, Value> {
        let mut claims = self.claims.clone();
        claims.insert("exp".into(), json!(now.as_secs() + 600));
        if self.is_bound {
            let thumbprint = URL_SAFE_NO_PAD.encode(thumbprint.unwrap_or([7; 32]));
            claims.insert("cnf".into(), json!({"x5t#S256": thumbprint}));
        }
        claims
    }

    /// As it is sent; with it, a side's plugins are answered if they ask.
    pub(super) fn written(
        &self,
        (side, pki): (&Side, &Pki),
        thumbprint: Option<[u8; 32]>,
        now: UnixTime,
    ) -> String {
        let claims = self.all_claims(thumbprint, now);
        let make = || {
            if self.is_opaque {
                let text = format!("{} {}", self.provider, Value::Object(claims.clone()));
                return format!("opaque{}", URL_SAFE_NO_PAD.encode(Digest::of(text.as_bytes()).0));
            }
            let pem = pki.signers[self.provider].serialize_pem();
            let key = EncodingKey::from_ec_pem(pem.as_bytes()).unwrap();
            let mut header = Header::new(Algorithm::ES256);
            header.kid = Some(PROVIDERS[self.provider].to_owned());
            jsonwebtoken::encode(&header, &claims, &key).unwrap()
        };
        let key = format!("{self:?} {thumbprint:?} {}", now.as_secs());
        let token = pki.tokens.borrow_mut().entry(key).or_insert_with(make).clone();
        let own = PROVIDERS[self.provider];
        answer(
            side,
            &token,
            |issuer| (issuer == own).then(|| claims.clone()),
            now,
        );
        token
    }
}

/// Has whoever is asked by a side's plugins know what there is to say of a token.
pub(super) fn answer(
    side: &Side,
    token: &str,
    says: impl Fn(&str) -> Option<Map<String, Value>>,
    now: UnixTime,
) {
    for plugin in plugins(side) {
        if let Some(introspector) = &plugin.parts().introspector {
            let until = later(now, Duration::from_mins(10));
            introspector.assume(
                Digest::of(token.as_bytes()),
                says(plugin.provider().issuer()),
                until,
            );
        }
    }
}

/// Has the providers of both sides publish the keys that we have.
pub(super) fn publish(sides: &[Side; 2], pki: &Pki) {
    for plugin in sides.iter().flat_map(plugins) {
        let provider = plugin.provider();
        let position = PROVIDERS
            .iter()
            .position(|name| provider.issuer() == *name)
            .unwrap();
        let point = pki.signers[position].public_key_raw();
        let encoded = |octets: &[u8]| URL_SAFE_NO_PAD.encode(octets);
        let keys = json!({"keys": [{
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": PROVIDERS[position],
            "x": encoded(&point[1..33]), "y": encoded(&point[33..]),
        }]});
        provider.assume(KeySet::parse(keys.to_string().as_bytes()).unwrap());
    }
}

fn plugins(side: &Side) -> impl Iterator<Item = &OpenIdConnect> {
    let routes = side.snapshot.routes.iter();
    let slots = routes.flat_map(|route| route.chain.slots());
    let configurations = slots.flat_map(|slot| slot.configurations());
    configurations.filter_map(provided)
}
