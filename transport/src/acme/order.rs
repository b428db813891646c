//! One order, from its beginning or from where a crash left it, to a certificate on disk.
//!
//! The order and the key of its certificate are kept before anything is proved. A program that was killed goes on with
//! that order instead of making another one: servers count new orders, and certificates for the same name.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use instant_acme::{
    Account, AuthorizationStatus, ChallengeStatus, ChallengeType, Error, Identifier, NewOrder, Order,
    OrderStatus, RetryPolicy,
};
use rustls::pki_types::UnixTime;
use thiserror::Error;
use tracing::info;

use super::account::Accounts;
use super::caller::{PATIENCE, Patience};
use super::challenge::{Answered, Challenges};
use super::domain::Domain;
use super::folder::{Folder, Pending};
use super::signing::{self, SigningError};
use super::storage::StorageError;
use super::{ChallengeKind, Profile};
use crate::certificate::{AlternativeName, Certificate, iso8601};
use crate::outgoing::CallError;
use crate::pem;

/// How often a server is asked whether it has looked, or signed.
const POLLS: RetryPolicy = RetryPolicy::new()
    .initial_delay(Duration::from_millis(500))
    .backoff(1.5)
    .timeout(Duration::from_mins(3));

/// How long an order may take.
const LONGEST: Duration = Duration::from_mins(8);

/// How often an order is gone on with when the server finds our nonces stale.
const MOST_ROUNDS: usize = 4;

/// What an order works with.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) profile: Arc<Profile>,
    pub(super) folder: Folder,
    pub(super) accounts: Arc<Accounts>,
    pub(super) challenges: Arc<Challenges>,
    pub(super) domain: Domain,
}

/// Why there is no certificate.
#[derive(Debug, Error)]
pub(super) enum OrderError {
    /// The server said no, or could not be asked.
    #[error("{}", said(.0))]
    Server(#[from] Error),
    /// No client could be made.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The server looked and did not see what it should.
    #[error("the server could not see that the name is ours by {kind}: {problem}")]
    NotProved { kind: &'static str, problem: String },
    /// It does not offer our kind of challenge.
    #[error("the server offers no {kind} challenge for this name")]
    NotOffered { kind: &'static str },
    /// It answered for something else.
    #[error("{0}")]
    Wrong(String),
    /// A key or a signature.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The disk.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// It took too long; it is gone on with.
    #[error("the order was not finished within {} minutes", LONGEST.as_secs() / 60)]
    TooSlow,
    /// A task did not come to its end.
    #[error("the order was interrupted")]
    Interrupted,
}

/// Why there is no certificate, and when the server wants to hear of it again.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: OrderError,
    pub(super) not_before: Option<SystemTime>,
}

impl From<OrderError> for Failure {
    fn from(error: OrderError) -> Self {
        Self {
            error,
            not_before: None,
        }
    }
}

/// The server's words, or ours where it said nothing. What it says is for a log: no control characters.
fn said(error: &Error) -> String {
    let text = if let Error::Api(problem) = error {
        problem.to_string()
    } else {
        format!("the server cannot be asked, or its answer not be read: {error}")
    };
    text.chars()
        .map(|character| if character.is_control() { ' ' } else { character })
        .take(500)
        .collect()
}

impl OrderError {
    /// Whether going on with the same order is of no use.
    fn ends_the_order(&self) -> bool {
        match self {
            Self::Server(Error::Api(_)) => !["badNonce", "rateLimited", "serverInternal"]
                .iter()
                .any(|kind| self.is(kind)),
            Self::NotProved { .. } | Self::NotOffered { .. } | Self::Wrong(_) | Self::Signing(_) => true,
            Self::Server(_) | Self::Call(_) | Self::Storage(_) | Self::TooSlow | Self::Interrupted => false,
        }
    }

    /// Whether the server says this of RFC 8555 §6.7.
    fn is(&self, kind: &str) -> bool {
        let Self::Server(Error::Api(problem)) = self else {
            return false;
        };
        let said = problem.r#type.as_deref().unwrap_or_default();
        said.strip_prefix("urn:ietf:params:acme:error:") == Some(kind)
    }
}

impl Job {
    /// Orders, proves, finalizes, keeps. With a failure comes until when the server asked to be left alone, if it did.
    pub(super) async fn run(&self) -> Result<(), Failure> {
        let patience = Patience::default();
        let outcome = PATIENCE.scope(patience.clone(), self.try_rounds()).await;
        outcome.map_err(|error| Failure {
            error,
            not_before: patience.until(),
        })
    }

    async fn try_rounds(&self) -> Result<(), OrderError> {
        let mut outcome = self.within_time().await;
        for _ in 1..MOST_ROUNDS {
            // The client has tried again with other nonces already; that they were stale says nothing about the order.
            if !outcome.as_ref().is_err_and(|error| error.is("badNonce")) {
                break;
            }
            outcome = self.within_time().await;
        }
        if let Err(error) = &outcome {
            if error.ends_the_order() {
                self.folder.forget_pending(self.subject())?;
            } else if let Some(pending) = self.folder.pending(self.subject())? {
                // It may not have heard.
                self.folder.keep_pending(
                    self.subject(),
                    &Pending {
                        told: false,
                        ..pending
                    },
                )?;
            }
            if error.is("accountDoesNotExist") {
                self.accounts.forget(&self.folder).await?;
            }
        }
        outcome
    }

    async fn within_time(&self) -> Result<(), OrderError> {
        match tokio::time::timeout(LONGEST, self.obtain()).await {
            Ok(outcome) => outcome,
            Err(_) => Err(OrderError::TooSlow),
        }
    }

    fn subject(&self) -> super::folder::Subject<'_> {
        (&self.domain, self.profile.key)
    }

    async fn obtain(&self) -> Result<(), OrderError> {
        let Profile {
            server,
            account: terms,
            ..
        } = &*self.profile;
        let account = self.accounts.get(&self.folder, server, terms).await?;
        let (mut order, mut pending) = match self.resume(&account).await? {
            Some(resumed) => resumed,
            None => self.begin(&account).await?,
        };
        // Until all is over: a server may look more than once, and from more than one place.
        let mut _answered = Vec::new();
        if order.state().status == OrderStatus::Pending {
            _answered = self.answer(&mut order, pending.told).await?;
            pending.told = true;
            self.folder.keep_pending(self.subject(), &pending)?;
            let status = order.poll_ready(&POLLS).await;
            if !matches!(status, Ok(OrderStatus::Ready)) {
                return Err(self.why_not(&account, order, status.err()).await);
            }
        }
        if order.state().status == OrderStatus::Ready {
            order
                .finalize_csr(&signing::request(&self.domain, &pending.key)?)
                .await?;
        }
        let chain = match order.state().status {
            OrderStatus::Valid => order.certificate().await?.unwrap_or_default(),
            OrderStatus::Processing => order.poll_certificate(&POLLS).await?,
            OrderStatus::Pending | OrderStatus::Ready | OrderStatus::Invalid => {
                return Err(OrderError::Wrong(
                    "the server gave the order up after it was ready".to_owned(),
                ));
            }
        };
        self.check(&chain, &pending.key)?;
        self.folder
            .keep_certificate(self.subject(), &pending.key, &chain)?;
        Ok(())
    }

    /// The order that was begun by a program that is no more, if the server still has it.
    async fn resume(&self, account: &Account) -> Result<Option<(Order, Pending)>, OrderError> {
        let Some(pending) = self.folder.pending(self.subject())? else {
            return Ok(None);
        };
        let mut order = match account.order(pending.url.clone()).await {
            Ok(order) => Some(order),
            Err(error) => {
                let error = OrderError::from(error);
                if !error.ends_the_order() {
                    return Err(error);
                }
                None
            }
        };
        if let Some(order) = order.take_if(|order| order.state().status != OrderStatus::Invalid) {
            info!(domain = %self.domain, "going on with an order that was begun before");
            return Ok(Some((order, pending)));
        }
        self.folder.forget_pending(self.subject())?;
        Ok(None)
    }

    async fn begin(&self, account: &Account) -> Result<(Order, Pending), OrderError> {
        let kind = self.profile.key;
        // An RSA key takes its time.
        let key = tokio::task::spawn_blocking(move || signing::new_key(kind)).await;
        let key = key.map_err(|_| OrderError::Interrupted)??;
        let name = [Identifier::Dns(self.domain.as_str().to_owned())];
        let order = account.new_order(&NewOrder::new(&name)).await?;
        let pending = Pending {
            url: order.url().to_owned(),
            key,
            told: false,
        };
        self.folder.keep_pending(self.subject(), &pending)?;
        Ok((order, pending))
    }

    /// Provides what every authorization asks for, and tells the server to look.
    async fn answer(&self, order: &mut Order, told: bool) -> Result<Vec<Answered>, OrderError> {
        let mut answered = Vec::new();
        let wanted = match self.profile.challenge {
            ChallengeKind::Http01 => ChallengeType::Http01,
            ChallengeKind::TlsAlpn01 => ChallengeType::TlsAlpn01,
        };
        let kind = self.profile.challenge.name();
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization?;
            let of = authorization.identifier().to_string();
            if of != self.domain.as_str() {
                return Err(OrderError::Wrong(format!(
                    "the server wants to know of another name, {}",
                    of.escape_default()
                )));
            }
            match authorization.status {
                AuthorizationStatus::Valid => continue,
                AuthorizationStatus::Pending => {}
                AuthorizationStatus::Invalid
                | AuthorizationStatus::Revoked
                | AuthorizationStatus::Expired
                | AuthorizationStatus::Deactivated => {
                    return Err(OrderError::Wrong(
                        "the server gave the authorization up".to_owned(),
                    ));
                }
            }
            let challenge = authorization.challenge(wanted.clone());
            let mut challenge = challenge.ok_or(OrderError::NotOffered { kind })?;
            let proof = challenge.key_authorization();
            answered.push(match self.profile.challenge {
                ChallengeKind::Http01 => self.challenges.answer_text(&challenge.token, proof.as_str()),
                ChallengeKind::TlsAlpn01 => self
                    .challenges
                    .answer_handshake(&self.domain, proof.digest().as_ref())?,
            });
            if challenge.status == ChallengeStatus::Pending && !told {
                challenge.set_ready().await?;
            }
        }
        Ok(answered)
    }

    /// Why an order did not get ready: the challenge says more than the order.
    async fn why_not(&self, account: &Account, order: Order, error: Option<Error>) -> OrderError {
        let kind = self.profile.challenge.name();
        let (url, _) = order.into_parts();
        if let Ok(mut order) = account.order(url).await {
            let is_open = order.state().status == OrderStatus::Pending;
            let mut authorizations = order.authorizations();
            while let Some(Ok(authorization)) = authorizations.next().await {
                let mut problems = authorization
                    .challenges
                    .iter()
                    .filter_map(|challenge| challenge.error.clone());
                if let Some(problem) = problems.next() {
                    let problem = said(&Error::Api(problem));
                    return OrderError::NotProved { kind, problem };
                }
            }
            if let (true, Some(error)) = (is_open, error) {
                return error.into();
            }
        } else if let Some(error) = error {
            return error.into();
        }
        OrderError::NotProved {
            kind,
            problem: "it does not say why".to_owned(),
        }
    }

    /// What a server sent is shown only if it is what was ordered.
    fn check(&self, chain: &str, key: &str) -> Result<(), OrderError> {
        let source = "the certificate that the server sent";
        let wrong = |error: pem::PemError| OrderError::Wrong(error.to_string());
        let chain = pem::certificates_in(chain.as_bytes(), source).map_err(wrong)?;
        let key = pem::private_key_in(key.as_bytes(), "the order's key").map_err(wrong)?;
        let certified = pem::certified_key(chain, key, source).map_err(wrong)?;
        let leaf = certified
            .cert
            .first()
            .map(|leaf| Certificate::parse(leaf.clone()));
        let Some(Ok(leaf)) = leaf else {
            return Err(OrderError::Wrong(format!("{source} cannot be read")));
        };
        let names = leaf.alternative_names().unwrap_or_default();
        let is_ours = |name: &AlternativeName| matches!(name, AlternativeName::Dns(name) if name.eq_ignore_ascii_case(self.domain.as_str()));
        if !names.iter().any(is_ours) {
            return Err(OrderError::Wrong(format!("{source} is not for {}", self.domain)));
        }
        if leaf.not_after() <= UnixTime::now() {
            let ended = iso8601(leaf.not_after());
            return Err(OrderError::Wrong(format!(
                "{source} ended at {ended}: is this machine's clock right?"
            )));
        }
        Ok(())
    }
}
