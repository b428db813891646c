//! An OAuth2 provider: what it says of itself, and the keys that it signs with.
//!
//! Requests read what is known and wait for nobody. What is known is fetched beside them: when the program starts, when a
//! configuration brings a new provider, when `cache_ttl` is over, and once in `rediscovery_lifetime` at most when a token
//! names a key that nobody knows. What was good stays good while the provider cannot be reached; what the provider takes
//! back is gone at once.

mod discovery;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use http::Uri;
use rustls::pki_types::UnixTime;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};
use tracing::{info, warn};
use transport::certificate::iso8601;
use transport::outgoing::OutgoingClient;

pub use self::discovery::{DiscoveryError, discovery_uri};

use crate::token::KeySet;

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
    /// SHA-256 of each authority that vouches for the provider's certificate; `None`: anybody is believed to be it.
    pub trust: Option<Box<[[u8; 32]]>>,
}

/// How often it is asked.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// `cache_ttl`.
    pub keep: Duration,
    /// `rediscovery_lifetime`.
    pub at_most_every: Duration,
}

/// A provider.
#[derive(Debug)]
pub struct Provider {
    source: Source,
    pace: Pace,
    client: OutgoingClient,
    known: ArcSwap<Known>,
    /// When it was last asked. Held while it is being asked: one at a time.
    asked: Mutex<Option<Instant>>,
    /// The same for those who must not wait: milliseconds since `began`, plus one; 0: never.
    asked_at: AtomicUsize,
    began: Instant,
    waiting: AtomicUsize,
}

/// What is known of a provider.
#[derive(Debug, Default)]
pub struct Known {
    /// The `iss` of its tokens.
    pub issuer: Option<Box<str>>,
    /// Where tokens are introspected.
    pub introspection_endpoint: Option<Uri>,
    /// The same for a client that proves itself by its certificate (RFC 8705 §5).
    pub introspection_endpoint_mtls: Option<Uri>,
    /// Its keys.
    pub keys: KeySet,
    /// When that was learned; `None`: never.
    pub since: Option<UnixTime>,
    /// Why the last attempt to learn more failed.
    pub error: Option<Box<str>>,
}

/// Requests that may wait for one provider. More than that are a flood, and hear at once what is known.
const MOST_WAITING: usize = 512;
/// The least time between two attempts while nothing is known.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// The least time that is between two regular ones, whatever `cache_ttl` says.
const LEAST_KEPT: Duration = Duration::from_secs(5);

impl Provider {
    /// A provider of whom nothing is known yet.
    pub fn new(source: Source, pace: Pace, client: OutgoingClient) -> Self {
        Self {
            source,
            pace,
            client,
            known: ArcSwap::default(),
            asked: Mutex::new(None),
            asked_at: AtomicUsize::new(0),
            began: Instant::now(),
            waiting: AtomicUsize::new(0),
        }
    }

    /// `issuer`, as configured.
    pub fn issuer(&self) -> &str {
        &self.source.issuer
    }

    /// Who is asked, and by what right he is believed.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// What is known of it now.
    pub fn known(&self) -> Guard<Arc<Known>> {
        self.known.load()
    }

    /// Whether tokens of this `iss` are its.
    pub fn issues_as(&self, issuer: &str) -> bool {
        match &self.source.issuers_allowed {
            Some(allowed) => allowed.iter().any(|one| **one == *issuer),
            None => self.known().issuer.as_deref() == Some(issuer),
        }
    }

    /// For `/status`.
    pub fn status(&self) -> serde_json::Value {
        let known = self.known();
        serde_json::json!({
            "issuer": self.source.issuer,
            "keys": known.keys.len(),
            "since": known.since.map(iso8601),
            "error": known.error,
        })
    }

    /// Takes over what an earlier configuration's provider knew, if it is the same.
    pub fn inherit(&self, earlier: &Self) {
        if earlier.source == self.source {
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
        // It has been asked, as it were.
        let milliseconds = usize::try_from(self.began.elapsed().as_millis()).unwrap_or_default();
        self.asked_at.store(milliseconds + 1, Ordering::Release);
    }

    /// Whether more can be known than what was `seen`: it is known already, nobody has asked lately, or somebody is asking.
    pub fn may_know_more(&self, seen: &Known) -> bool {
        if !std::ptr::eq(seen, &raw const **self.known()) {
            return true;
        }
        if self.waiting.load(Ordering::Relaxed) >= MOST_WAITING {
            return false;
        }
        let is_being_asked = self.asked.try_lock().is_err();
        is_being_asked
            || self
                .asked_at()
                .is_none_or(|at| at.elapsed() >= self.least_pause())
    }

    fn asked_at(&self) -> Option<Instant> {
        let milliseconds = self.asked_at.load(Ordering::Acquire).checked_sub(1)?;
        Some(self.began + Duration::from_millis(u64::try_from(milliseconds).unwrap_or(u64::MAX)))
    }

    /// While nothing is known, every second counts; afterwards an unknown key is a stranger's word.
    fn least_pause(&self) -> Duration {
        if self.known().since.is_some() {
            self.pace.at_most_every
        } else {
            FIRST_RETRY.min(self.pace.at_most_every)
        }
    }

    /// Asks for a request that waits, unless that was done while it waited. Whoever goes away meanwhile ends nothing: the
    /// next one needs the answer too.
    pub async fn ask_for_keys(self: &Arc<Self>) {
        let turn = Turn::of(self);
        // It ends with the program alone; then nobody waits.
        let _ = tokio::spawn(async move { turn.0.ask_in_turn().await }).await;
    }

    async fn ask_in_turn(&self) {
        let begun = Instant::now();
        let mut asked = self.asked.lock().await;
        let pause = self.least_pause();
        let is_recent = asked.is_some_and(|at| at >= begun || at.elapsed() < pause);
        if !is_recent {
            self.ask(&mut asked).await;
        }
    }

    /// Asks, and notes when.
    async fn ask(&self, asked: &mut Option<Instant>) -> bool {
        self.note(asked);
        let learned = self.learn().await;
        self.note(asked);
        learned
    }

    fn note(&self, asked: &mut Option<Instant>) {
        let now = Instant::now();
        *asked = Some(now);
        let milliseconds = now.saturating_duration_since(self.began).as_millis();
        let milliseconds = usize::try_from(milliseconds).unwrap_or(usize::MAX - 1);
        self.asked_at.store(milliseconds + 1, Ordering::Release);
    }

    /// Asks, and keeps what was learned; what cannot be learned changes nothing but the error.
    async fn learn(&self) -> bool {
        let before = self.known.load_full();
        match discovery::ask(&self.source, &self.client).await {
            Ok(learned) => {
                let keys = learned.keys.succeeding(&before.keys);
                if keys.is_empty() {
                    warn!(issuer = %self.source.issuer, "the provider has no key that could verify a token");
                }
                if before.since.is_none() || before.error.is_some() {
                    info!(issuer = %self.source.issuer, keys = keys.len(), "the keys of a provider are known");
                }
                self.known.store(Arc::new(Known {
                    keys,
                    since: Some(UnixTime::now()),
                    error: None,
                    ..learned
                }));
                true
            }
            Err(error) => {
                warn!(issuer = %self.source.issuer, %error, keys = before.keys.len(), "a provider cannot be asked for its keys");
                self.known.store(Arc::new(Known {
                    issuer: before.issuer.clone(),
                    introspection_endpoint: before.introspection_endpoint.clone(),
                    introspection_endpoint_mtls: before.introspection_endpoint_mtls.clone(),
                    keys: before.keys.again(),
                    since: before.since,
                    error: Some(error.to_string().into()),
                }));
                false
            }
        }
    }

    /// Keeps what is known up to date until this provider is gone.
    pub fn keep_up_to_date(self: &Arc<Self>) {
        let provider = Arc::downgrade(self);
        tokio::spawn(async move {
            let mut pause = FIRST_RETRY;
            loop {
                let Some(provider) = provider.upgrade() else {
                    return;
                };
                let next = {
                    let mut asked = provider.asked.lock().await;
                    if provider.ask(&mut asked).await {
                        pause = FIRST_RETRY;
                        provider.pace.keep.max(LEAST_KEPT)
                    } else {
                        let now = pause;
                        pause = (pause * 2).min(provider.pace.at_most_every.max(FIRST_RETRY));
                        now
                    }
                };
                drop(provider);
                sleep(next).await;
            }
        });
    }
}

/// A place in the queue for a provider's answer. It is taken until the turn has come, also where the request that took it
/// has gone away: otherwise whoever resets his streams could queue without end.
struct Turn(Arc<Provider>);

impl Turn {
    fn of(provider: &Arc<Provider>) -> Self {
        provider.waiting.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(provider))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One that waits, until it is dropped.
pub(super) struct Waiting<'w>(&'w AtomicUsize);

impl<'w> Waiting<'w> {
    pub(super) fn among(all: &'w AtomicUsize) -> Self {
        all.fetch_add(1, Ordering::Relaxed);
        Self(all)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
