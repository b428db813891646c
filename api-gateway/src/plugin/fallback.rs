//! `anonymous`: what becomes of a request that could not be authenticated. With it set, several authentications are
//! alternatives: one that succeeded before is good enough.

use http::HeaderName;

use crate::consumer::ConsumerKey;
use crate::exchange::Exchange;
use crate::identity::Carrier;
use crate::proxy::owned_headers::{CLIENT_CERT_DN, CLIENT_CERT_SAN};
use crate::rejection::Rejection;

/// What says whose certificate was accepted without a consumer.
pub const DESCRIPTION: [HeaderName; 2] = [CLIENT_CERT_DN, CLIENT_CERT_SAN];

/// `anonymous`: who a caller is that could not be authenticated.
#[derive(Debug)]
pub struct Fallback {
    /// As configured.
    pub name: Box<str>,
    /// `None`: no such consumer, and a request that needs it is an error.
    pub consumer: Option<ConsumerKey>,
}

impl Fallback {
    /// Lets the caller go on as the anonymous consumer, unless the failure is more than that of a credential.
    pub fn stand_in(&self, exchange: &mut Exchange<'_>, rejection: Rejection) -> Result<(), Rejection> {
        if !rejection.may_be_anonymous() {
            return Err(rejection);
        }
        let Some(consumer) = self.consumer else {
            return Err(Rejection::AnonymousMissing {
                name: self.name.clone(),
            });
        };
        // If there is any of this, it is the edge's.
        exchange.withdraw(&DESCRIPTION);
        exchange.authenticate(consumer, None);
        exchange.caller.authenticated_groups = None;
        Ok(())
    }
}

/// Whether a plugin that is configured with this leaves the request alone: somebody has been authenticated before. An
/// edge that has proved who it is has not proved who its client is.
pub fn stands_back(fallback: Option<&Fallback>, exchange: &Exchange<'_>) -> bool {
    let only_the_edge_is_known =
        matches!(exchange.arrival.carrier, Carrier::Edge(_)) && exchange.only_the_peer_is_known();
    fallback.is_some() && exchange.caller.is_authenticated() && !only_the_edge_is_known
}
