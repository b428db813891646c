//! Who asks: one task for each certificate whose answer is fetched, from its first question to the reload that no longer
//! shows it.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::UnixTime;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::error;

use super::FetchedStaple;
use crate::client_tls::{client_config, platform_authorities};
use crate::outgoing::{CallError, Limits, OutgoingClient, Proxies};
use crate::revocation::allowed_hosts::{AllowedHost, public_or};
use crate::revocation::crl::RevocationLists;
use crate::revocation::ocsp;
use crate::server_verifier::verify_server;
use crate::verify::{Expiry, KeyPolicy, PartialChain, Policy, Purpose, Revocation, TrustStore};

/// From the question to the last octet of the answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Questions under way at one time.
const MOST_AT_ONCE: usize = 4;
/// The wall clock may be set while a task sleeps: it looks again after so long.
const LONGEST_SLEEP: Duration = Duration::from_hours(1);

/// What a configuration wants to be fetched, and whom it lets be asked.
#[derive(Clone, Debug, Default)]
pub struct Fetching {
    /// One for each certificate, however often it is shown.
    pub staples: Vec<Arc<FetchedStaple>>,
    /// Who may be asked beside the public network.
    pub allowed: Vec<AllowedHost>,
}

/// Keeps the answers of the configuration in force current.
#[derive(Debug, Default)]
pub struct Stapler {
    followed: Mutex<Followed>,
}

#[derive(Debug, Default)]
struct Followed {
    staples: Vec<Arc<FetchedStaple>>,
    /// Dropped, they end.
    _tasks: JoinSet<()>,
}

impl Stapler {
    /// Follows another configuration. Call it before that is in force: it takes over the answers of what is followed now,
    /// so that no handshake misses one. Nothing is waited for. Needs a runtime.
    pub fn follow(&self, fetching: Fetching) {
        let Fetching { staples, allowed } = fetching;
        let mut followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        for staple in &staples {
            for before in &followed.staples {
                staple.go_on_from(before);
            }
        }
        let mut tasks = JoinSet::new();
        if !staples.is_empty() {
            match client(&staples, allowed) {
                Ok(client) => {
                    let turns = Arc::new(Semaphore::new(MOST_AT_ONCE));
                    for staple in &staples {
                        tasks.spawn(keep(Arc::clone(staple), client.clone(), Arc::clone(&turns)));
                    }
                }
                Err(problem) => error!(%problem, "no OCSP answers can be fetched"),
            }
        }
        *followed = Followed {
            staples,
            _tasks: tasks,
        };
    }

    /// How each stands: an array of `{certificate, sha256, responders, status, this_update, next_update, age_seconds,
    /// next_attempt, failures, last_error}`.
    pub fn json(&self) -> Value {
        let now = UnixTime::now();
        let staples = self.staples();
        staples.iter().map(|staple| staple.json(now)).collect()
    }

    /// The same in Prometheus' text form, under a program's prefix.
    pub fn exposition(&self, prefix: &str) -> String {
        let staples = self.staples();
        let mut text = String::new();
        if staples.is_empty() {
            return text;
        }
        let name = format!("{prefix}_ocsp_answer");
        let head = |text: &mut String, metric: &str, kind: &str, help: &str| {
            // Writing to a String cannot fail.
            let _ = write!(
                text,
                "# HELP {name}_{metric} {help}\n# TYPE {name}_{metric} {kind}\n"
            );
        };
        for (metric, help) in [
            (
                "this_update_timestamp_seconds",
                "When the OCSP answer that is stapled was made.",
            ),
            ("next_update_timestamp_seconds", "Until when it is stapled."),
        ] {
            head(&mut text, metric, "gauge", help);
            for staple in &staples {
                let Some((this_update, next_update)) = staple.window() else {
                    continue;
                };
                let time = if metric.starts_with("this") {
                    this_update
                } else {
                    next_update
                };
                let _ = writeln!(text, "{name}_{metric}{{{}}} {}", staple.labels(), time.as_secs());
            }
        }
        head(
            &mut text,
            "fetches_total",
            "counter",
            "Questions to OCSP responders about our certificates, by what came of them.",
        );
        for staple in &staples {
            for (outcome, count) in staple.counted() {
                let labels = staple.labels();
                let _ = writeln!(
                    text,
                    "{name}_fetches_total{{{labels},outcome=\"{outcome}\"}} {count}"
                );
            }
        }
        text
    }

    fn staples(&self) -> Vec<Arc<FetchedStaple>> {
        let followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        followed.staples.clone()
    }
}

/// Asks whenever it is time to.
async fn keep(staple: Arc<FetchedStaple>, client: OutgoingClient, turns: Arc<Semaphore>) {
    loop {
        let due = staple.next_attempt().as_secs();
        let left = due.saturating_sub(UnixTime::now().as_secs());
        if left > 0 {
            sleep(Duration::from_secs(left).min(LONGEST_SLEEP)).await;
            continue;
        }
        // It is never closed.
        let Ok(_turn) = turns.acquire().await else { return };
        staple.ask(&client).await;
    }
}

/// There is nothing to ask with.
#[derive(Debug, thiserror::Error)]
enum NoClient {
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    #[error(transparent)]
    Call(#[from] CallError),
}

/// What an answer says is proved by its signature; the TLS of a responder that is asked over https hides the question.
fn client(staples: &[Arc<FetchedStaple>], allowed: Vec<AllowedHost>) -> Result<OutgoingClient, NoClient> {
    // The platform's bundle takes milliseconds to read, and responders are asked over http as a rule.
    let is_over_tls = staples.iter().any(|staple| staple.is_asked_over_tls());
    let roots = if is_over_tls {
        platform_authorities()
    } else {
        Vec::new()
    };
    let policy = Policy {
        purpose: Purpose::Server,
        keys: KeyPolicy::Gateway,
        max_depth: 4,
        partial_chain: PartialChain::Refused,
        expiry: Expiry::Enforced,
        revocation: Revocation::Skip,
    };
    let tls = match TrustStore::new(roots, policy, RevocationLists::none()) {
        Ok(roots) => ClientConfig::clone(&*client_config(None, verify_server(Arc::new(roots)))?),
        // Nobody can be verified, so nobody is believed.
        Err(_) => ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth(),
    };
    let limits = Limits {
        timeout: PATIENCE,
        largest_answer: ocsp::LONGEST,
        permit: Some(public_or(allowed)),
    };
    Ok(OutgoingClient::new(&tls, &Proxies::default(), limits)?)
}
