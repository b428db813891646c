//! What a handshake had agreed on when it failed: ALB's connection log has version and cipher on failed lines too.
//!
//! rustls drops a session that fails and tells nothing about it. But who chooses is the server, by rules that are known:
//! its highest version that the client speaks, then the first of its own cipher suites that the client offers and that
//! fits the key of its certificate. Only the client's versions are hidden, and TLS 1.3 shows by its key schedule.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::server::ClientHello;
use rustls::sign::CertifiedKey;
use rustls::{KeyLog, ServerConfig, SupportedCipherSuite};

/// One handshake, looked at from beside.
#[derive(Debug, Default)]
pub(crate) struct Negotiation {
    tls13: Option<SupportedCipherSuite>,
    tls12: Option<SupportedCipherSuite>,
    keys: Arc<KeySchedule>,
}

impl Negotiation {
    /// The configuration for a client's hello, watched. Costs a copy of the configuration, so it is for logs that are
    /// written.
    pub(crate) fn watch(
        &mut self,
        hello: &ClientHello<'_>,
        config: &Arc<ServerConfig>,
        shown: Option<&CertifiedKey>,
    ) -> Arc<ServerConfig> {
        let offered = hello.cipher_suites();
        let algorithm = shown.map(|shown| shown.key.algorithm());
        let common = |suite: &SupportedCipherSuite| {
            offered.contains(&suite.suite())
                && algorithm.is_none_or(|algorithm| suite.usable_for_signature_algorithm(algorithm))
        };
        let suites = config.crypto_provider().cipher_suites.iter().copied();
        let (tls13, tls12): (Vec<_>, Vec<_>) =
            suites.filter(common).partition(|suite| suite.tls13().is_some());
        (self.tls13, self.tls12) = (tls13.first().copied(), tls12.first().copied());
        let mut watched = ServerConfig::clone(config);
        watched.key_log = Arc::<KeySchedule>::clone(&self.keys);
        Arc::new(watched)
    }

    /// What was agreed on, once the server has answered the hello.
    pub(crate) fn agreed(&self) -> Option<SupportedCipherSuite> {
        if self.keys.is_of_tls13.load(Ordering::Relaxed) {
            self.tls13
        } else {
            self.tls12
        }
    }
}

/// Sees which secrets exist, and declines to be told any of them.
#[derive(Debug, Default)]
struct KeySchedule {
    is_of_tls13: AtomicBool,
}

impl KeyLog for KeySchedule {
    fn log(&self, _label: &str, _client_random: &[u8], _secret: &[u8]) {}

    fn will_log(&self, label: &str) -> bool {
        // TLS 1.3 derives it with the ServerHello (RFC 8446 §7.1); TLS 1.2 has no secret of that name.
        if label == "CLIENT_HANDSHAKE_TRAFFIC_SECRET" {
            self.is_of_tls13.store(true, Ordering::Relaxed);
        }
        false
    }
}
