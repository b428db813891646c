//! RFC 8705: a token that is good only in the hands of whoever has the certificate's key.
//!
//! A stolen token is worth nothing without the key, if the certificate is really the one that this request came with. So
//! it is compared with every request, after everything that is remembered, and with one certificate only: with that of
//! the connection where the client itself is its other end; with the one that `header-cert-auth` accepted where an edge,
//! or a trusted address, carries the request. The carrier's own certificate never stands for its client's.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::TokenRefusals;
use crate::exchange::{Exchange, Principal, Proof};
use crate::identity::{Carrier, Connection, Digest};
use crate::rejection::{Rejection, TokenFault};
use crate::token::base64url;

/// `proof_of_possession_mtls`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PossessionRule {
    /// What a token says about a certificate does not matter.
    Off,
    /// A token that names a certificate needs it.
    Optional,
    /// Every token needs one.
    Strict,
}

/// The certificate that a token names (`cnf.x5t#S256`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// None.
    Nothing,
    /// By its SHA-256.
    Certificate([u8; 32]),
    /// It names one, and nobody can say which.
    Unreadable,
}

/// A token that waits for the certificate that a later plugin accepts.
#[derive(Debug)]
pub struct Binding {
    /// The plugin that took the token, by its name.
    pub plugin: Arc<str>,
    thumbprint: [u8; 32],
    refusals: Arc<TokenRefusals>,
}

impl Confirmation {
    /// Of a token's claims.
    pub fn of(claims: &Map<String, Value>) -> Self {
        let Some(confirmation) = claims.get("cnf") else {
            return Self::Nothing;
        };
        let Some(confirmation) = confirmation.as_object() else {
            return Self::Unreadable;
        };
        let Some(thumbprint) = confirmation.get("x5t#S256") else {
            return Self::Nothing;
        };
        let octets = thumbprint.as_str().and_then(|text| base64url(text.as_bytes()));
        octets
            .and_then(|octets| <[u8; 32]>::try_from(octets).ok())
            .map_or(Self::Unreadable, Self::Certificate)
    }
}

impl PossessionRule {
    /// Judges what a token names; a comparison that has to wait for a later plugin is left with the exchange.
    pub fn judge(
        self,
        confirmation: Confirmation,
        exchange: &mut Exchange<'_>,
        (plugin, refusals): (&Arc<str>, &Arc<TokenRefusals>),
    ) -> Result<(), TokenFault> {
        let Some(thumbprint) = self.needed(confirmation)? else {
            return Ok(());
        };
        match shown(exchange) {
            Shown::Certificate(own) => compare(own, thumbprint),
            Shown::Nothing => Err(NONE_SHOWN),
            Shown::NotYet => {
                exchange.bindings.push(Binding {
                    plugin: Arc::clone(plugin),
                    thumbprint,
                    refusals: Arc::clone(refusals),
                });
                Ok(())
            }
        }
    }

    /// The same for what is under way: by the certificate that it came with, whatever the rule was then.
    pub fn judge_again(self, confirmation: Confirmation, shown: &Shown) -> Result<(), TokenFault> {
        match (self.needed(confirmation)?, shown) {
            (None, _) => Ok(()),
            (Some(thumbprint), Shown::Certificate(own)) => compare(*own, thumbprint),
            (Some(_), Shown::Nothing | Shown::NotYet) => Err(NONE_SHOWN),
        }
    }

    /// Which certificate is needed; `None`: none is.
    fn needed(self, confirmation: Confirmation) -> Result<Option<[u8; 32]>, TokenFault> {
        match (self, confirmation) {
            (Self::Off, _) | (Self::Optional, Confirmation::Nothing) => Ok(None),
            (Self::Strict, Confirmation::Nothing) => {
                Err(TokenFault::NotBound("the token names no certificate"))
            }
            (Self::Optional | Self::Strict, Confirmation::Unreadable) => Err(TokenFault::NotBound(
                "the token names a certificate in an unknown way",
            )),
            (Self::Optional | Self::Strict, Confirmation::Certificate(thumbprint)) => Ok(Some(thumbprint)),
        }
    }
}

const NONE_SHOWN: TokenFault =
    TokenFault::NotBound("the token belongs to a certificate, and the request came without one");

/// The certificate that a request came with, as far as it can be said.
#[derive(Debug)]
pub enum Shown {
    /// By its SHA-256.
    Certificate([u8; 32]),
    /// None.
    Nothing,
    /// Somebody carries it for somebody else, and no `header-cert-auth` has judged it yet.
    NotYet,
}

impl Shown {
    /// Of a request over this connection, by whoever has been authenticated for it so far.
    pub fn by(connection: &Connection, carrier: &Carrier, principals: &[Principal]) -> Self {
        if !carrier.speaks_for_others() {
            // Whoever has the connection has the key: the handshake proved it.
            return match connection.presented() {
                Some(Ok((_, chain))) => Self::Certificate(Digest::of(chain.leaf()).0),
                Some(Err(_)) | None => Self::Nothing,
            };
        }
        let carried = principals
            .iter()
            .rev()
            .find_map(|principal| match &principal.proof {
                Proof::Header(identity) => Some(Digest::of(identity.chain.leaf()).0),
                Proof::Socket(_) | Proof::Bearer(_) => None,
            });
        carried.map_or(Self::NotYet, Self::Certificate)
    }
}

fn shown(exchange: &Exchange<'_>) -> Shown {
    let arrival = &exchange.arrival;
    Shown::by(arrival.connection, arrival.carrier, &exchange.caller.principals)
}

fn compare(own: [u8; 32], named: [u8; 32]) -> Result<(), TokenFault> {
    // Both are public: there is nothing to learn from how long it takes.
    if own == named {
        Ok(())
    } else {
        Err(TokenFault::NotBound("the token belongs to another certificate"))
    }
}

/// At the end of a chain: compares what had to wait. Gives the plugin whose token is not good.
pub fn settle(exchange: &mut Exchange<'_>) -> Result<(), (Arc<str>, Rejection)> {
    for binding in std::mem::take(&mut exchange.bindings) {
        let compared = match shown(exchange) {
            Shown::Certificate(own) => compare(own, binding.thumbprint),
            Shown::Nothing | Shown::NotYet => Err(NONE_SHOWN),
        };
        compared.map_err(|fault| (Arc::clone(&binding.plugin), binding.refusals.rejection(fault)))?;
    }
    Ok(())
}
