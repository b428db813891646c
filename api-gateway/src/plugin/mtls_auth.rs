//! `mtls-auth`: the consumer that the certificate of the connection names.

use std::sync::Arc;

use super::certificate_auth::CertificateAuth;
use crate::exchange::{Exchange, Proof};
use crate::rejection::Rejection;

/// A compiled `mtls-auth`.
#[derive(Debug)]
pub struct MtlsAuth {
    /// Trust, look-up and what happens on failure.
    pub auth: CertificateAuth,
}

impl MtlsAuth {
    /// Authenticates by the certificate whose key was proved in the handshake. Behind an edge that is the edge's own.
    pub fn access(&self, name: &Arc<str>, exchange: &mut Exchange<'_>) -> Result<(), Rejection> {
        if self.auth.stands_back(exchange) {
            return Ok(());
        }
        match self.auth.judge_connection(exchange) {
            Ok(known) => {
                self.auth.admit(exchange, name, &known, Proof::Socket);
                Ok(())
            }
            Err(rejection) => self.auth.fall_back(exchange, rejection),
        }
    }
}
