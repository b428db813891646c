//! `header-cert-auth`: the consumer that a certificate in a header names.
//!
//! A header proves nothing by itself. It is looked at only if whoever carried it may carry certificates for others;
//! from anybody else it is as if it were absent.

use std::borrow::Cow;
use std::sync::Arc;

use http::HeaderName;
use tracing::warn;
use transport::forwarded_cert::{HeaderFormat, decode};

use super::certificate_auth::{CertificateAuth, Known};
use crate::exchange::{Exchange, Proof};
use crate::identity::{Carrier, Claim, Digest, SourceRule};
use crate::rejection::{HeaderFault, Rejection};

/// A compiled `header-cert-auth`.
#[derive(Debug)]
pub struct HeaderCertAuth {
    /// Trust, look-up and what happens on failure.
    pub auth: CertificateAuth,
    /// The header, in lower case.
    pub header: HeaderName,
    /// How the certificate is written in it.
    pub format: HeaderFormat,
    /// From whom it counts.
    pub source: SourceRule,
}

impl HeaderCertAuth {
    /// Authenticates by the header. Only where it was accepted does it go on upstream.
    pub fn access(&self, name: &Arc<str>, exchange: &mut Exchange<'_>) -> Result<(), Rejection> {
        if self.stands_back(exchange) {
            return Ok(());
        }
        match self.judge(exchange) {
            Ok(known) => {
                if let Claim::One(value) = exchange.carried.claim(&self.header) {
                    let value = value.clone();
                    exchange.stamp(self.header.clone(), value);
                }
                self.auth.admit(exchange, name, &known, Proof::Header);
                Ok(())
            }
            Err(rejection) => self.auth.fall_back(exchange, rejection),
        }
    }

    /// Whether somebody is authenticated already, and is good enough.
    pub fn stands_back(&self, exchange: &Exchange<'_>) -> bool {
        self.auth.stands_back(exchange) && !self.only_the_carrier_is_known(exchange)
    }

    /// Whoever carries a request for somebody else and has proved who he is has not proved who that other is. An edge
    /// always carries; an address in `trusted_ips` does if it brings a certificate.
    fn only_the_carrier_is_known(&self, exchange: &Exchange<'_>) -> bool {
        let arrival = &exchange.arrival;
        let carries = match arrival.carrier {
            Carrier::Edge(_) => true,
            Carrier::TrustedAddress | Carrier::Nobody => {
                arrival.sources.admits(arrival.carrier, self.source)
                    && exchange.carried.claim(&self.header) != Claim::Absent
            }
        };
        carries && exchange.only_the_peer_is_known()
    }

    fn judge(&self, exchange: &Exchange<'_>) -> Result<Arc<Known>, Rejection> {
        let claim = exchange.carried.claim(&self.header);
        if claim == Claim::Absent {
            return Err(Rejection::CertificateMissing);
        }
        let arrival = &exchange.arrival;
        if !arrival.sources.admits(arrival.carrier, self.source) {
            let peer = arrival.connection.peer;
            warn!(%peer, header = %self.header, "a certificate header came from somebody who may not carry one");
            return Err(Rejection::HeaderUntrustedSource);
        }
        let value = match claim {
            Claim::One(value) => value.as_bytes(),
            Claim::Absent | Claim::Contradictory => {
                return Err(Rejection::HeaderMalformed(HeaderFault::Contradictory));
            }
        };
        let digest = Digest::of(value);
        let decoded = || {
            decode(self.format, value)
                .map(Cow::Owned)
                .map_err(|error| Rejection::HeaderMalformed(HeaderFault::Undecodable(error)))
        };
        let judged = self.auth.judge(digest, exchange, decoded);
        if let Err(Rejection::CertificateRefused(error)) = &judged
            && error.is_malformed()
        {
            // Well encoded, but what it encodes is no certificate: the header is malformed all the same.
            return Err(Rejection::HeaderMalformed(HeaderFault::NoCertificate(
                error.clone(),
            )));
        }
        judged
    }
}
