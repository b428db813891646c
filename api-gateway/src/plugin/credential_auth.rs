//! What `key-auth`, `basic-auth` and `jwt` have in common: a credential in the request leads to its consumer.

use std::sync::Arc;

use http::{HeaderValue, Method};

use super::fallback::{self, Fallback};
use crate::consumer::ConsumerKey;
use crate::credential::Owner;
use crate::exchange::{BearerIdentity, Credential, Exchange, Principal, Proof};
use crate::rejection::{CredentialFault, CredentialRefused, Rejection};

/// When it authenticates, and what happens on failure.
#[derive(Debug)]
pub struct CredentialAuth {
    /// `anonymous`.
    pub anonymous: Option<Fallback>,
    /// `run_on_preflight`.
    pub preflight: Preflight,
    /// What the client is told to do better.
    pub challenges: Challenges,
}

/// `WWW-Authenticate`, made of the scheme and `realm`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenges {
    /// Where no credential came.
    pub absent: HeaderValue,
    /// Where one came that is not good.
    pub invalid: HeaderValue,
}

/// What becomes of `OPTIONS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preflight {
    /// It needs a credential like any other request.
    Authenticated,
    /// It passes: browsers send none with the request that asks whether they may (Fetch §4.8).
    LetThrough,
}

impl Preflight {
    /// Whether a request passes for being one.
    pub fn lets_pass(self, exchange: &Exchange<'_>) -> bool {
        self == Self::LetThrough && exchange.head.method == Method::OPTIONS
    }
}

/// `hide_credentials`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// The upstream sees the credential too.
    Shown,
    /// It does not.
    Hidden,
}

impl CredentialAuth {
    /// Whether the plugin has nothing to do with a request.
    pub fn stands_back(&self, exchange: &Exchange<'_>) -> bool {
        self.preflight.lets_pass(exchange) || fallback::stands_back(self.anonymous.as_ref(), exchange)
    }

    /// Refuses with the challenge, or lets the caller go on as the anonymous consumer.
    pub fn fall_back(&self, exchange: &mut Exchange<'_>, fault: CredentialFault) -> Result<(), Rejection> {
        let challenge = if fault.is_absence() {
            self.challenges.absent.clone()
        } else {
            self.challenges.invalid.clone()
        };
        let rejection = Rejection::Credential(Box::new(CredentialRefused { fault, challenge }));
        match &self.anonymous {
            // Nobody knows yet whether it is an absence.
            Some(_) if exchange.errand.is_some() => Err(rejection),
            Some(anonymous) => anonymous.stand_in(exchange, rejection),
            None => Err(rejection),
        }
    }

    /// Makes the caller the credential's owner, or does what is done without one.
    pub fn settle(
        &self,
        exchange: &mut Exchange<'_>,
        plugin: &Arc<str>,
        found: Result<&Owner, CredentialFault>,
    ) -> Result<(), Rejection> {
        match found {
            Ok(owner) => {
                let identity = Arc::clone(&owner.identity);
                admit(exchange, plugin, (owner.consumer, &owner.credential), identity);
                Ok(())
            }
            Err(fault) => self.fall_back(exchange, fault),
        }
    }
}

/// Makes the caller whoever a credential leads to.
pub fn admit(
    exchange: &mut Exchange<'_>,
    plugin: &Arc<str>,
    (consumer, credential): (ConsumerKey, &Credential),
    identity: Arc<BearerIdentity>,
) {
    exchange.authenticate(consumer, Some(credential.clone()));
    exchange.caller.principals.push(Principal {
        plugin: Arc::clone(plugin),
        consumer: Some(consumer),
        credential: Some(credential.clone()),
        groups: None,
        proof: Proof::Bearer(identity),
    });
}
