//! Tokens of providers: what they could say, as far as a plugin looks at it.
//!
//! A provider's keys are not ours, so each is supposed to have published one that is, and signs with it. What else a token
//! says is up to the provider: here it says everything that either side demands, and then one thing less at a time, where
//! not everybody demands it.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::UnixTime;
use serde_json::{Map, Value, json};

use super::chain_facts::ChainFacts;
use super::shape::unique;
use super::side::Side;
use crate::plugin::Plugin;
use crate::plugin::openid_connect::claims::Demand;
use crate::plugin::openid_connect::possession::PossessionRule;
use crate::plugin::openid_connect::{OpenIdConnect, Parts};
use crate::token::{ClaimPath, KeySet};

/// Tokens that are tried of one provider at one pair of routes.
const MOST: usize = 256;
/// Seconds that a token lasts.
const LASTS: u64 = 60;

/// What a token says, whose it is aside.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Grant {
    claims: Map<String, Value>,
    /// Where it says whose it is.
    name: Option<ClaimPath>,
    /// Whether it is bound to the certificate that comes with it.
    is_bound: bool,
    /// The group that it names.
    pub(super) group: Option<String>,
    /// What it lacks, or has although somebody forbids it.
    pub(super) oddity: Option<String>,
}

impl Grant {
    /// What a reader has to know of it.
    pub(super) fn told(&self) -> Option<String> {
        let name = self.name.as_ref().map(|path| format!("named by {path}"));
        let group = self.group.as_ref().map(|group| format!("in group {group}"));
        let bound = self.is_bound.then(|| "bound to the certificate".to_owned());
        let parts: Vec<String> = [name, group, bound, self.oddity.clone()]
            .into_iter()
            .flatten()
            .collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

/// What all providers are supposed to sign with.
pub(super) struct Signer(EcdsaKeyPair);

impl Signer {
    /// Has every provider of both sides know this key, and no other. `None` if there is no provider, or no key can be made.
    pub(super) fn assumed_by(sides: &[Side; 2]) -> Option<Self> {
        let routes = sides.iter().flat_map(|side| &side.snapshot.routes);
        let slots = routes.flat_map(|route| route.chain.slots());
        let providers: Vec<_> = slots
            .flat_map(|slot| slot.configurations())
            .filter_map(provided)
            .map(OpenIdConnect::provider)
            .collect();
        if providers.is_empty() {
            return None;
        }
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).ok()?;
        // An uncompressed point: a mark, and two coordinates.
        let (x, y) = pair.public_key().as_ref().get(1..)?.split_at_checked(32)?;
        let encoded = |octets: &[u8]| URL_SAFE_NO_PAD.encode(octets);
        let published = json!({"keys": [
            {"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "plan", "x": encoded(x), "y": encoded(y)}
        ]});
        for provider in providers {
            provider.assume(KeySet::parse(published.to_string().as_bytes()).ok()?);
        }
        Some(Self(pair))
    }

    /// A token for `name`, bound to a certificate if it is to be.
    pub(super) fn sign(
        &self,
        grant: &Grant,
        name: &str,
        thumbprint: Option<[u8; 32]>,
        now: UnixTime,
    ) -> String {
        let now = now.as_secs();
        let mut claims = grant.claims.clone();
        claims.insert("exp".to_owned(), json!(now + LASTS));
        claims.insert("nbf".to_owned(), json!(now.saturating_sub(LASTS)));
        if let Some(path) = &grant.name {
            path.put(&mut claims, json!(name));
        }
        if grant.is_bound {
            let thumbprint = URL_SAFE_NO_PAD.encode(thumbprint.unwrap_or_default());
            claims.insert("cnf".to_owned(), json!({"x5t#S256": thumbprint}));
        }
        let encoded = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let head = encoded(json!({"alg": "ES256", "typ": "JWT", "kid": "plan"}));
        let signed = format!("{head}.{}", encoded(Value::Object(claims)));
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes());
        // Without a signature it is refused.
        let signature = signature.map_or_else(
            |_| String::new(),
            |octets| URL_SAFE_NO_PAD.encode(octets.as_ref()),
        );
        format!("{signed}.{signature}")
    }
}

fn provided(plugin: &Plugin) -> Option<&OpenIdConnect> {
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

/// Everything that tokens could say of which these chains make something else.
pub(super) fn grants(chains: &[Option<&ChainFacts<'_>>; 2]) -> Vec<Grant> {
    let facts = || chains.iter().copied().flatten();
    let plugins: Vec<&OpenIdConnect> = facts()
        .flat_map(|facts| facts.plugins.iter().copied())
        .filter_map(provided)
        .collect();
    let parts: Vec<&Parts> = plugins.iter().map(|plugin| plugin.parts()).collect();
    let mut issuers: Vec<String> = Vec::new();
    for parts in &parts {
        issuers.extend(parts.provider.known().issuer.as_deref().map(str::to_owned));
    }
    let rules = || parts.iter().map(|parts| &parts.rules);
    let consumer_paths = rules().filter_map(|rules| rules.consumer.as_ref());
    let names: Vec<ClaimPath> = unique(
        consumer_paths
            .flat_map(|rule| rule.paths.iter().cloned())
            .collect(),
    );
    let group_paths: Vec<ClaimPath> = unique(rules().filter_map(|rules| rules.groups.clone()).collect());
    let mut groups: Vec<Option<String>> = vec![None];
    if !group_paths.is_empty() {
        groups.extend(
            facts()
                .flat_map(ChainFacts::groups)
                .map(|group| Some(group.to_owned())),
        );
    }
    let may_be_bound = parts.iter().any(|parts| parts.possession != PossessionRule::Off);
    let mut grants = Vec::new();
    for issuer in unique(issuers) {
        for (oddity, claims) in claims(&parts) {
            for group in unique(groups.clone()) {
                for name in some(&names) {
                    for is_bound in [false, true].into_iter().filter(|bound| may_be_bound || !bound) {
                        let mut claims = claims.clone();
                        claims.insert("iss".to_owned(), json!(issuer));
                        for (path, group) in group_paths.iter().zip(std::iter::repeat(&group)) {
                            if let Some(group) = group {
                                path.put(&mut claims, json!([group]));
                            }
                        }
                        grants.push(Grant {
                            claims,
                            name: name.clone(),
                            is_bound,
                            group: group.clone(),
                            oddity: oddity.clone(),
                        });
                    }
                }
            }
        }
    }
    grants.truncate(MOST);
    grants
}

fn some(names: &[ClaimPath]) -> Vec<Option<ClaimPath>> {
    if names.is_empty() {
        return vec![None];
    }
    names.iter().cloned().map(Some).collect()
}

/// What is demanded, all of it; then all but one of the demands that not everybody has; then with something that not
/// everybody forbids.
fn claims(parts: &[&Parts]) -> Vec<(Option<String>, Map<String, Value>)> {
    let demands = || parts.iter().flat_map(|parts| &parts.rules.demands);
    let is_everybodys = |demand: &Demand| {
        let has = |parts: &&Parts| parts.rules.demands.iter().any(|own| is_same(own, demand));
        parts.iter().all(has)
    };
    let but = |left_out: Option<&Demand>| {
        let mut claims = Map::new();
        let mut written: Vec<(ClaimPath, Vec<String>)> = Vec::new();
        for demand in demands().filter(|demand| left_out.is_none_or(|left_out| !is_same(demand, left_out))) {
            let words = demand.required.words().map(str::to_owned);
            match written.iter_mut().find(|(path, _)| *path == demand.path) {
                Some((_, known)) => known.extend(words),
                None => written.push((demand.path.clone(), words.collect())),
            }
        }
        for (path, words) in written {
            path.put(&mut claims, json!(unique(words)));
        }
        claims
    };
    let mut all = vec![(None, but(None))];
    for demand in demands().filter(|demand| !is_everybodys(demand)) {
        let oddity = format!("without the {} that is required", demand.what);
        all.push((Some(oddity), but(Some(demand))));
    }
    for name in parts.iter().flat_map(|parts| &parts.rules.forbidden) {
        if !parts.iter().all(|parts| parts.rules.forbidden.contains(name)) {
            let mut claims = but(None);
            claims.insert(name.to_string(), json!(true));
            all.push((Some(format!("with the claim {name}")), claims));
        }
    }
    unique(all)
}

fn is_same(one: &Demand, other: &Demand) -> bool {
    one.path == other.path && one.required == other.required
}
