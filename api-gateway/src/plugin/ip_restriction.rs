//! `ip-restriction`: may this address pass?

use http::StatusCode;

use crate::exchange::Exchange;
use crate::networks::Networks;
use crate::rejection::Rejection;

/// A compiled `ip-restriction`.
#[derive(Debug)]
pub struct IpRestriction {
    /// Only these pass; empty: all that `deny` lets pass.
    pub allow: Networks,
    /// These do not pass.
    pub deny: Networks,
    /// The status of a refusal.
    pub status: StatusCode,
    /// The text of a refusal; `None`: Kong's, which names the address.
    pub message: Option<Box<str>>,
}

impl IpRestriction {
    /// Judges the client's address: a carrier's word for it only where that carrier is believed. Where it cannot be read,
    /// nobody passes.
    pub fn access(&self, exchange: &Exchange<'_>) -> Result<(), Rejection> {
        let Some(address) = exchange.arrival.client_ip else {
            return Err(self.refusal("Cannot identify the client IP address".into()));
        };
        let is_allowed = self.allow.is_empty() || self.allow.contains(address);
        if is_allowed && !self.deny.contains(address) {
            return Ok(());
        }
        Err(self.refusal(format!("IP address not allowed: {address}").into()))
    }

    /// In the operator's words, or in Kong's.
    fn refusal(&self, message: Box<str>) -> Rejection {
        Rejection::AddressDenied {
            status: self.status,
            message: self.message.clone().unwrap_or(message),
        }
    }
}
