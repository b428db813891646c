//! An OAuth2 provider: what it says of itself, and the keys that it signs with.
//!
//! Requests read what is known and wait for nobody. What is known is fetched beside them: when the program starts, when a
//! configuration brings a new provider, when `cache_ttl` is over, and once in `rediscovery_lifetime` at most when a token
//! names a key that nobody knows, or a known key refuses one. What was good stays good while the provider cannot be
//! reached; what the provider takes back is gone at once. A provider that stays the same outlives a reload.

mod asking;
mod discovery;
mod upkeep;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use http::Uri;
use rustls::pki_types::UnixTime;
use tokio::sync::watch;
use tracing::{info, warn};
use transport::certificate::iso8601;
use transport::outgoing::{OutgoingClient, Proxies};

use self::asking::{Asking, Prospect};
use super::introspection::turns::Turns;
use crate::rejection::Unjudged;
use crate::token::KeySet;

pub use self::asking::Doubt;
pub use self::discovery::{DiscoveryError, Link, discovery_uri};

/// Who is asked, and by what right he is believed: two configurations that are equal in this know the same keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// `issuer`, as configured.
    pub issuer: Box<str>,
    /// The URL of the discovery document; `None`: there is none (`using_pseudo_issuer`).
    pub discovery: Option<Uri>,
    /// `jwks_endpoint` and `extra_jwks_uris`.
    pub further_keys: Box<[Uri]>,
    /// `issuers_allowed`: then it does not matter what the document calls itself.
    pub issuers_allowed: Option<Box<[Box<str>]>>,
    /// Who vouches for the provider's certificate; `None`: anybody is believed to be it.
    pub trust: Option<Trust>,
}

impl Source {
    /// Whether whoever answers has proved to be it, all the way.
    fn is_proved(&self) -> bool {
        let mut called = self.discovery.iter().chain(&self.further_keys);
        self.trust.is_some() && called.all(|uri| uri.scheme_str() == Some("https"))
    }
}

/// Who vouches for a provider's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// SHA-256 of each authority.
    pub authorities: Box<[[u8; 32]]>,
    /// `lua_ssl_verify_depth`.
    pub depth: usize,
}

/// How, and how often, it is asked. Two providers that are equal in this too are one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manner {
    /// `cache_ttl`.
    pub keep: Duration,
    /// `rediscovery_lifetime`.
    pub at_most_every: Duration,
    /// `timeout`.
    pub timeout: Duration,
    /// `http_proxy` and its brothers.
    pub proxies: Proxies,
}

/// A provider.
#[derive(Debug)]
pub struct Provider {
    source: Source,
    manner: Manner,
    client: OutgoingClient,
    known: ArcSwap<Known>,
    asking: Asking,
    introspections: Turns,
    /// Tells whoever keeps it up to date that there is a reason to ask; and, when it is gone, that it is.
    reasons: watch::Sender<()>,
}

/// What is known of a provider.
#[derive(Debug, Default)]
pub struct Known {
    /// The `iss` of its tokens.
    pub issuer: Option<Box<str>>,
    /// Where tokens are introspected.
    pub introspection_endpoint: Link,
    /// The same for a client that proves itself by its certificate (RFC 8705 §5).
    pub introspection_endpoint_mtls: Link,
    /// Its keys.
    pub keys: KeySet,
    /// The same by the places where they are published, so that one of them can fail alone.
    sets: Box<[KeySet]>,
    /// When keys were learned; `None`: never.
    pub since: Option<UnixTime>,
    /// Why the last attempt to learn more failed, or a part of it.
    pub error: Option<Box<str>>,
}

/// What a request can do whose token what is known does not settle.
#[derive(Debug)]
pub enum Outlook {
    /// Ask, and look again.
    Ask,
    /// Nothing: the provider has just said all that it knows.
    Settled,
    /// Nothing: nobody can say whether the token is good.
    Unjudged(Unjudged),
}

/// The least time between two attempts while nothing is known.
const FIRST_RETRY: Duration = Duration::from_secs(1);

impl Provider {
    /// A provider of whom nothing is known yet.
    pub fn new(source: Source, manner: Manner, client: OutgoingClient) -> Self {
        Self {
            source,
            manner,
            client,
            known: ArcSwap::default(),
            asking: Asking::new(),
            introspections: Turns::new(),
            reasons: watch::Sender::new(()),
        }
    }

    /// `issuer`, as configured.
    pub fn issuer(&self) -> &str {
        &self.source.issuer
    }

    /// Whether it is the provider of this configuration.
    pub fn is(&self, source: &Source, manner: &Manner) -> bool {
        self.source == *source && self.manner == *manner
    }

    /// Who is asked, and by what right he is believed.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// What is known of it now.
    pub fn known(&self) -> Guard<Arc<Known>> {
        self.known.load()
    }

    /// Who may ask it about tokens.
    pub fn introspections(&self) -> &Turns {
        &self.introspections
    }

    /// Whether tokens of this `iss` are its.
    pub fn issues_as(&self, issuer: &str) -> bool {
        match &self.source.issuers_allowed {
            Some(allowed) => allowed.iter().any(|one| **one == *issuer),
            None => self.known().issuer.as_deref() == Some(issuer),
        }
    }

    /// Whether it is known which `iss` its tokens have.
    pub fn has_a_name(&self) -> bool {
        self.source.issuers_allowed.is_some() || self.known().issuer.is_some()
    }

    /// For `/status`.
    pub fn status(&self) -> serde_json::Value {
        let known = self.known();
        let links = [&known.introspection_endpoint, &known.introspection_endpoint_mtls];
        serde_json::json!({
            "issuer": self.source.issuer,
            "keys": known.keys.len(),
            "since": known.since.map(iso8601),
            "error": known.error,
            "unusable_links": links.iter().filter_map(|link| link.unusable()).collect::<Vec<_>>(),
        })
    }

    /// Takes over what an earlier configuration's provider knew, if the same is asked for the same. Where TLS does not prove
    /// who it is, its words are also the proxy's.
    pub fn inherit(&self, earlier: &Self) {
        let from_the_same = earlier.manner.proxies == self.manner.proxies || self.source.is_proved();
        if earlier.source == self.source && from_the_same {
            self.known.store(earlier.known.load_full());
        }
    }

    /// Takes keys for those that it publishes, and its name for that of its tokens: for whoever asks offline.
    pub fn assume(&self, keys: KeySet) {
        const DISCOVERY: &str = "/.well-known/openid-configuration";
        let issuer = self.source.issuer.trim_end_matches(DISCOVERY);
        self.known.store(Arc::new(Known {
            issuer: Some(issuer.into()),
            keys,
            since: Some(UnixTime::now()),
            ..Known::default()
        }));
        self.asking.never();
    }

    /// What can be done for a request that what it has `seen` of this provider does not settle; for one on whose behalf it
    /// `was_asked`, no more of that.
    pub fn outlook(&self, seen: &Known, doubt: Doubt, was_asked: bool) -> Outlook {
        if !std::ptr::eq(seen, &raw const **self.known()) {
            return Outlook::Ask;
        }
        let unjudged = |why: &str, retry_after| {
            Outlook::Unjudged(Unjudged {
                why: why.into(),
                retry_after,
            })
        };
        let pause = self.least_pause();
        let prospect = if was_asked {
            Prospect::Asked(self.asking.left(pause))
        } else {
            self.asking.prospect(doubt, pause)
        };
        match (prospect, &seen.error) {
            (Prospect::Open, _) => Outlook::Ask,
            (Prospect::Crowded, _) => {
                unjudged("too many requests wait for the keys of the provider", FIRST_RETRY)
            }
            (Prospect::Asked(left), Some(why)) => unjudged(why, left),
            (Prospect::Asked(left), None) if seen.since.is_none() => {
                unjudged("the provider has not answered yet", left)
            }
            (Prospect::Asked(_), None) => Outlook::Settled,
        }
    }

    /// While nothing is known, every second counts; afterwards an unknown key is a stranger's word.
    fn least_pause(&self) -> Duration {
        if self.known().since.is_some() {
            self.manner.at_most_every
        } else {
            FIRST_RETRY.min(self.manner.at_most_every)
        }
    }

    /// Asks for a request that waits, unless that was done while it waited. Whoever goes away meanwhile ends nothing: the
    /// next one needs the answer too.
    pub async fn ask_for_keys(self: &Arc<Self>) {
        let place = Place::of(self);
        // It ends with the program alone; then nobody waits.
        let _ = tokio::spawn(async move {
            let provider = &place.0;
            let mut is_whole = true;
            let learn = async || is_whole = provider.learn().await;
            provider.asking.in_turn(|| provider.least_pause(), learn).await;
            if !is_whole {
                // Whoever keeps it up to date might sleep through the end of the outage.
                provider.expect_news();
            }
        })
        .await;
    }

    /// Asks, and keeps what was learned; what cannot be learned changes nothing but the error. Whether all of it was.
    async fn learn(&self) -> bool {
        let before = self.known.load_full();
        let learned = match discovery::ask(&self.source, &self.client).await {
            Ok(discovered) => discovered.after(&before),
            Err(error) => Known {
                issuer: before.issuer.clone(),
                introspection_endpoint: before.introspection_endpoint.clone(),
                introspection_endpoint_mtls: before.introspection_endpoint_mtls.clone(),
                keys: before.keys.again(),
                sets: before.sets.iter().map(KeySet::again).collect(),
                since: before.since,
                error: Some(error.to_string().into()),
            },
        };
        let (issuer, keys) = (&self.source.issuer, learned.keys.len());
        let is_whole = learned.error.is_none();
        match &learned.error {
            Some(error) => warn!(%issuer, %error, keys, "a provider cannot be asked for its keys"),
            None if keys == 0 => {
                warn!(%issuer, "the provider has no key that could verify a token");
            }
            None if before.since.is_none() || before.error.is_some() => {
                info!(%issuer, keys, "the keys of a provider are known");
            }
            None => {}
        }
        self.known.store(Arc::new(learned));
        is_whole
    }
}

/// A place in the queue for a provider's answer. It is taken until the turn has come, also where the request that took it
/// has gone away: otherwise whoever resets his streams could queue without end.
struct Place(Arc<Provider>);

impl Place {
    fn of(provider: &Arc<Provider>) -> Self {
        provider.asking.enter();
        Self(Arc::clone(provider))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.asking.leave();
    }
}

#[cfg(test)]
mod tests;
