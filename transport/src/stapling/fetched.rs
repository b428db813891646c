//! The answer about one certificate, as its responder gives it: what is stapled at the moment, and how the asking goes.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::{Request, StatusCode, header};
use rustls::pki_types::UnixTime;
use rustls::sign::CertifiedKey;
use serde_json::{Value, json};
use thiserror::Error;
use tracing::{error, info, warn};

use super::schedule;
use super::{Stapled, issuer_behind};
use crate::certificate::{Certificate, iso8601};
use crate::outgoing::{CallError, OutgoingClient, Url};
use crate::presented::PresentedChain;
use crate::revocation::ocsp::{self, Answer, CertificateStatus, OcspProblem};

/// Responders that are asked of those that a certificate names.
const MOST_RESPONDERS: usize = 4;

/// Why nobody can be asked about a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Unfetchable {
    /// It names nobody.
    #[error("it names no OCSP responder with an http or https URL")]
    NoResponder,
    /// The question, and the judgement of an answer, need the issuer.
    #[error("its file does not hold the issuer's certificate behind it")]
    NoIssuer,
}

/// The answer about one certificate that is shown, kept current by a [`super::Stapler`].
pub struct FetchedStaple {
    plain: Arc<CertifiedKey>,
    chain: [u8; 32],
    leaf: Certificate,
    issuer: Certificate,
    responders: Vec<Url>,
    question: Bytes,
    /// What each handshake looks at.
    word: ArcSwapOption<Word>,
    progress: Mutex<Progress>,
}

/// What the responder said last.
enum Word {
    Good(Stapled),
    Revoked,
}

/// How the asking goes; looked at by the task that asks, and by reports.
#[derive(Clone, Debug)]
struct Progress {
    /// Of the answer in force: its thisUpdate and nextUpdate.
    window: Option<(UnixTime, UnixTime)>,
    next_attempt: UnixTime,
    /// Since the last answer.
    failures: u32,
    last_error: Option<(UnixTime, String)>,
    good: u64,
    revoked: u64,
    failed: u64,
}

/// Why an attempt brought no answer.
#[derive(Debug, Error)]
enum NoAnswer {
    #[error("{0}")]
    Call(#[from] CallError),
    #[error("the request cannot be made: {0}")]
    Request(#[from] http::Error),
    #[error("it answers {0}")]
    Status(StatusCode),
    #[error("{0}")]
    Response(#[from] OcspProblem),
    #[error("it says that it does not know the certificate")]
    Unknown,
    #[error("its answer is older than one that it gave before")]
    Older,
}

impl FetchedStaple {
    /// For a certificate that names a responder, and has its issuer's certificate behind it.
    pub(super) fn of(plain: &Arc<CertifiedKey>) -> Result<Self, Unfetchable> {
        let (leaf, issuer) = issuer_behind(&plain.cert).ok_or(Unfetchable::NoIssuer)?;
        let is_asked = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
        let responders: Vec<Url> = leaf
            .ocsp_uris()
            .iter()
            .filter_map(|uri| Url::parse(uri).ok())
            .filter(is_asked)
            .take(MOST_RESPONDERS)
            .collect();
        if responders.is_empty() {
            return Err(Unfetchable::NoResponder);
        }
        let question = ocsp::request(&leaf, &issuer).ok_or(Unfetchable::NoIssuer)?;
        let chain = PresentedChain::of_own(&plain.cert).map_err(|_| Unfetchable::NoIssuer)?;
        Ok(Self {
            plain: Arc::clone(plain),
            chain: chain.digest(),
            leaf,
            issuer,
            responders,
            question: question.into(),
            word: ArcSwapOption::empty(),
            progress: Mutex::new(Progress {
                window: None,
                next_attempt: UnixTime::since_unix_epoch(Duration::ZERO),
                failures: 0,
                last_error: None,
                good: 0,
                revoked: 0,
                failed: 0,
            }),
        })
    }

    /// The digest of the whole chain that it is about.
    pub(super) fn chain(&self) -> &[u8; 32] {
        &self.chain
    }

    /// Whether the responder said that the certificate is revoked, and has not taken it back.
    pub(super) fn is_revoked(&self) -> bool {
        matches!(self.word.load().as_deref(), Some(Word::Revoked))
    }

    /// The certificate with its answer, if there is a current one.
    pub(super) fn key(&self, now: UnixTime) -> Option<Arc<CertifiedKey>> {
        match self.word.load().as_deref() {
            Some(Word::Good(stapled)) if now <= stapled.until => Some(Arc::clone(&stapled.key)),
            Some(Word::Good(_) | Word::Revoked) | None => None,
        }
    }

    /// Goes on where the same certificate's of the configuration before was: with its answer, and with its patience.
    pub(super) fn go_on_from(&self, before: &Self) {
        if self.chain != before.chain {
            return;
        }
        let word = before.word.load_full().map(|word| {
            Arc::new(match &*word {
                Word::Good(stapled) => Word::Good(stapled.on(&self.plain)),
                Word::Revoked => Word::Revoked,
            })
        });
        self.word.store(word);
        *self.progress() = before.progress().clone();
    }

    /// Whether one of its responders is asked over https.
    pub(super) fn is_asked_over_tls(&self) -> bool {
        self.responders.iter().any(|url| url.scheme() == "https")
    }

    /// When the responder is to be asked next.
    pub(super) fn next_attempt(&self) -> UnixTime {
        self.progress().next_attempt
    }

    /// Asks the responders, one after the other, until one has an answer.
    pub(super) async fn ask(&self, client: &OutgoingClient) {
        let mut problem = None;
        for url in &self.responders {
            match self.ask_one(client, url).await {
                Ok((response, answer)) => {
                    self.learn(&response, answer, UnixTime::now());
                    return;
                }
                Err(no_answer) => problem = Some(format!("{url}: {no_answer}")),
            }
        }
        self.fail(&problem.unwrap_or_default(), UnixTime::now());
    }

    async fn ask_one(&self, client: &OutgoingClient, url: &Url) -> Result<(Bytes, Answer), NoAnswer> {
        let request = Request::post(url.as_str())
            .header(header::CONTENT_TYPE, "application/ocsp-request")
            .header(header::ACCEPT, "application/ocsp-response")
            .body(self.question.clone())?;
        let answer = client.call(request).await?;
        if answer.status() != StatusCode::OK {
            return Err(NoAnswer::Status(answer.status()));
        }
        let response = answer.into_body();
        let answer = ocsp::judge(&response, (&self.leaf, &self.issuer), None, UnixTime::now())?;
        if answer.status == CertificateStatus::Unknown {
            return Err(NoAnswer::Unknown);
        }
        // Whoever sits on the way could bring back an answer of the time before a revocation.
        let known = self.progress().window;
        if known.is_some_and(|(this_update, _)| answer.this_update < this_update) {
            return Err(NoAnswer::Older);
        }
        Ok((response, answer))
    }

    fn learn(&self, response: &[u8], answer: Answer, now: UnixTime) {
        let Answer {
            status,
            this_update,
            next_update,
        } = answer;
        let was_revoked = self.is_revoked();
        let is_good = status == CertificateStatus::Good;
        let word = if is_good {
            Word::Good(Stapled::new(&self.plain, response, next_update))
        } else {
            Word::Revoked
        };
        self.word.store(Some(Arc::new(word)));
        let wait = schedule::refresh(this_update, next_update, now, fastrand::f64());
        let had_failed = {
            let mut progress = self.progress();
            progress.window = Some((this_update, next_update));
            progress.next_attempt = later(now, wait);
            progress.last_error = None;
            progress.good += u64::from(is_good);
            progress.revoked += u64::from(!is_good);
            std::mem::take(&mut progress.failures)
        };
        let (subject, until) = (self.leaf.subject(), iso8601(next_update));
        if is_good {
            info!(certificate = %subject, %until, failures = had_failed, "an OCSP answer is stapled");
        } else if !was_revoked {
            error!(certificate = %subject, "its responder says that our certificate is revoked: nothing is stapled; install another certificate");
        }
    }

    fn fail(&self, problem: &str, now: UnixTime) {
        let (failures, is_news, wait) = {
            let mut progress = self.progress();
            let known = progress.last_error.as_ref().map(|(_, known)| known.as_str());
            let is_news = known != Some(problem);
            progress.failures = progress.failures.saturating_add(1);
            progress.failed += 1;
            let wait = schedule::retry(progress.failures, fastrand::f64());
            progress.next_attempt = later(now, wait);
            progress.last_error = Some((now, problem.to_owned()));
            (progress.failures, is_news, wait)
        };
        if is_news {
            warn!(certificate = %self.leaf.subject(), failures, retry_s = wait.as_secs(), "no OCSP answer to staple: {problem}");
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it stands, for people.
    pub(super) fn json(&self, now: UnixTime) -> Value {
        let progress = self.progress().clone();
        let status = match (self.is_revoked(), self.key(now)) {
            (true, _) => "revoked",
            (false, Some(_)) => "good",
            (false, None) => "none",
        };
        let responders: Vec<&str> = self.responders.iter().map(Url::as_str).collect();
        let age =
            |(this_update, _): (UnixTime, UnixTime)| now.as_secs().saturating_sub(this_update.as_secs());
        json!({
            "certificate": self.leaf.subject().to_string(),
            "sha256": self.sha256(),
            "responders": responders,
            "status": status,
            "this_update": progress.window.map(|(this_update, _)| iso8601(this_update)),
            "next_update": progress.window.map(|(_, next_update)| iso8601(next_update)),
            "age_seconds": progress.window.map(age),
            "next_attempt": iso8601(progress.next_attempt),
            "failures": progress.failures,
            "last_error": progress.last_error.map(|(at, error)| json!({"at": iso8601(at), "error": error})),
        })
    }

    /// The labels of its metrics.
    pub(super) fn labels(&self) -> String {
        let subject = self.leaf.subject().to_string();
        let subject = subject
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        format!("certificate=\"{subject}\",sha256=\"{}\"", self.sha256())
    }

    /// The thisUpdate and nextUpdate of the answer in force.
    pub(super) fn window(&self) -> Option<(UnixTime, UnixTime)> {
        self.progress().window
    }

    /// Answers by what they said, and attempts without one.
    pub(super) fn counted(&self) -> [(&'static str, u64); 3] {
        let progress = self.progress();
        [
            ("good", progress.good),
            ("revoked", progress.revoked),
            ("failed", progress.failed),
        ]
    }

    fn sha256(&self) -> String {
        use fmt::Write as _;
        let digest = self.leaf.sha256();
        digest.iter().fold(String::with_capacity(64), |mut text, octet| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{octet:02x}");
            text
        })
    }
}

fn later(now: UnixTime, wait: Duration) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(now.as_secs()).saturating_add(wait))
}

impl fmt::Debug for FetchedStaple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchedStaple")
            .field("certificate", &self.leaf)
            .field("progress", &*self.progress())
            .finish_non_exhaustive()
    }
}
