//! What an ACME server asks for to see that a name is ours: a text under a path, or a certificate in a handshake.
//!
//! Both are there only while an order needs them. A handshake is a challenge's only if its ClientHello offers
//! `acme-tls/1` and nothing else; it gets a configuration of its own, which asks for no client certificate and speaks no
//! HTTP, and whoever has it closes the connection: there is nothing behind it.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, NoServerSessionStorage};
use rustls::sign::SingleCertAndKey;

use super::domain::Domain;
use super::signing::{self, SigningError};

/// The application protocol of `tls-alpn-01`.
pub(crate) const ACME_TLS: &[u8] = b"acme-tls/1";

/// Where `http-01` looks (RFC 8555 §8.3).
const PATH: &str = "/.well-known/acme-challenge/";

/// The token that a path asks for, if it is one of `http-01`.
pub fn challenge_token(path: &str) -> Option<&str> {
    path.strip_prefix(PATH).filter(|token| !token.is_empty())
}

/// The challenges that can be answered now. Looking one up takes no lock.
#[derive(Default)]
pub struct Challenges {
    texts: ArcSwap<HashMap<Box<str>, Arc<str>>>,
    handshakes: ArcSwap<HashMap<Box<str>, Arc<ServerConfig>>>,
}

impl Challenges {
    /// The text for a token of `http-01`.
    pub fn text(&self, token: &str) -> Option<Arc<str>> {
        self.texts.load().get(token).cloned()
    }

    /// The configuration for a handshake of `tls-alpn-01`; `None` for every other handshake, and for one that nobody
    /// here expects.
    pub fn handshake(&self, hello: &ClientHello<'_>) -> Option<Arc<ServerConfig>> {
        let mut offered = hello.alpn()?;
        if offered.next() != Some(ACME_TLS) || offered.next().is_some() {
            return None;
        }
        let name = hello.server_name()?.to_ascii_lowercase();
        self.handshakes.load().get(name.as_str()).cloned()
    }

    /// Answers a token while the result lives.
    pub(super) fn answer_text(self: &Arc<Self>, token: &str, text: &str) -> Answered {
        let (token, text): (Box<str>, Arc<str>) = (token.into(), text.into());
        self.texts.rcu(|texts| {
            let mut texts = HashMap::clone(texts);
            texts.insert(token.clone(), Arc::clone(&text));
            texts
        });
        Answered {
            challenges: Arc::clone(self),
            token: Some(token),
            name: None,
        }
    }

    /// Answers handshakes under a name while the result lives.
    pub(super) fn answer_handshake(
        self: &Arc<Self>,
        domain: &Domain,
        digest: &[u8],
    ) -> Result<Answered, SigningError> {
        let certificate = signing::challenge_certificate(domain, digest)?;
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?;
        let mut config = config
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(certificate)));
        config.alpn_protocols = vec![ACME_TLS.to_vec()];
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        let (name, config): (Box<str>, _) = (domain.as_str().into(), Arc::new(config));
        self.handshakes.rcu(|handshakes| {
            let mut handshakes = HashMap::clone(handshakes);
            handshakes.insert(name.clone(), Arc::clone(&config));
            handshakes
        });
        Ok(Answered {
            challenges: Arc::clone(self),
            token: None,
            name: Some(name),
        })
    }
}

impl fmt::Debug for Challenges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (texts, handshakes) = (self.texts.load().len(), self.handshakes.load().len());
        write!(f, "Challenges({texts} texts, {handshakes} handshakes)")
    }
}

/// A challenge that is answered until this is dropped.
#[derive(Debug)]
pub(super) struct Answered {
    challenges: Arc<Challenges>,
    token: Option<Box<str>>,
    name: Option<Box<str>>,
}

impl Drop for Answered {
    fn drop(&mut self) {
        if let Some(token) = &self.token {
            self.challenges.texts.rcu(|texts| {
                let mut texts = HashMap::clone(texts);
                texts.remove(token);
                texts
            });
        }
        if let Some(name) = &self.name {
            self.challenges.handshakes.rcu(|handshakes| {
                let mut handshakes = HashMap::clone(handshakes);
                handshakes.remove(name);
                handshakes
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_answered_while_its_order_needs_it_and_no_longer() {
        let challenges = Arc::new(Challenges::default());
        let (one, other) = (
            challenges.answer_text("a", "a.key"),
            challenges.answer_text("b", "b.key"),
        );
        assert_eq!(challenges.text("a").as_deref(), Some("a.key"));
        drop(one);
        assert_eq!(challenges.text("a"), None);
        assert_eq!(challenges.text("b").as_deref(), Some("b.key"));
        drop(other);
        let domain = Domain::parse("a.example").unwrap();
        let answered = challenges.answer_handshake(&domain, &[7; 32]).unwrap();
        assert!(challenges.handshakes.load().contains_key("a.example"));
        drop(answered);
        assert!(challenges.handshakes.load().is_empty());
    }

    #[test]
    fn a_token_is_what_is_behind_the_path_and_not_nothing() {
        for (path, token) in [
            ("/.well-known/acme-challenge/abc", Some("abc")),
            ("/.well-known/acme-challenge/a/b", Some("a/b")),
            ("/.well-known/acme-challenge/", None),
            ("/.well-known/acme-challenge", None),
            ("/x/.well-known/acme-challenge/abc", None),
            ("//.well-known/acme-challenge/abc", None),
        ] {
            assert_eq!(challenge_token(path), token, "{path}");
        }
    }
}
