//! Certificates from an ACME server (RFC 8555): ordered, kept on disk, shown, and renewed while the program runs.
//!
//! # The threat
//!
//! Anybody can open a connection under any server name, and every order costs something: the server's limits, which are
//! shared by all names of an account. So a name that a client says is ordered for only if the operator's [`AllowList`]
//! has it, and never again before the back-off of a failure is over, which neither a reload nor a restart shortens. The
//! private keys are in a directory that nobody else may read, and a store that cannot be trusted refuses the start. What
//! proves our control of a name, the two challenge responders, leads nowhere else: a connection that negotiates
//! `acme-tls/1` never reaches HTTP, and shows nothing but the certificate of the challenge (RFC 8737).
//!
//! | part | module |
//! |---|---|
//! | names, and which of them may be ordered | `domain` |
//! | the directory: lock, permissions, atomic writes | [`storage`], `folder` |
//! | what is shown to clients | `issued` |
//! | what the server asks for | `challenge` |
//! | one order, from its beginning or from where a crash left it | `order`, `account`, `caller`, `signing` |
//! | when to order, and when to try again | `schedule` |
//! | all of it together | `keeper`, `task`, `entry`, `report` |

mod account;
mod caller;
mod challenge;
mod domain;
mod entry;
mod folder;
mod issued;
mod keeper;
mod order;
mod report;
mod schedule;
mod signing;
pub mod storage;
mod task;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;

pub(crate) use challenge::ACME_TLS;
pub use challenge::{Challenges, challenge_token};
pub use domain::{AllowList, Domain, DomainError};
pub use issued::Issued;
pub use keeper::{Keeper, Prepared};
pub use report::{Report, Reports};
pub use signing::KeyKind;

/// How many names may have certificates under one profile: a list that allows too much must not fill the disk.
pub const MOST_DOMAINS: usize = 1000;

/// From whom certificates come, on which terms, and for which names.
#[derive(Debug)]
pub struct Profile {
    /// Where account, keys and certificates are kept.
    pub storage: PathBuf,
    /// The server.
    pub server: Server,
    /// The account there.
    pub account: AccountTerms,
    /// How control of a name is proved.
    pub challenge: ChallengeKind,
    /// The type of the certificates' keys.
    pub key: KeyKind,
    /// How long before `notAfter` a certificate is renewed; one that lives shorter than three times as long is renewed
    /// when two thirds of its life are over.
    pub renew_before: Duration,
    /// How long to wait after the first failure; doubled by each further one, a day at most.
    pub retry_after: Duration,
    /// For whom certificates are ordered as soon as the program runs.
    pub at_start: Vec<Domain>,
    /// What is shown, and whose orders a handshake may begin.
    pub issued: Arc<Issued>,
}

/// An ACME server.
pub struct Server {
    /// The URL of its directory: `https`, or `http` on the loopback interface.
    pub directory: String,
    /// Trust for its own certificate.
    pub tls: Arc<ClientConfig>,
}

/// What an account is opened with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountTerms {
    /// An e-mail address for the server's operator.
    pub email: Option<String>,
    /// Whether the terms of service were agreed to.
    pub terms_agreed: bool,
    /// An account elsewhere that this one is bound to (RFC 8555 §7.3.4).
    pub external: Option<ExternalAccount>,
}

/// External account binding.
#[derive(Clone, PartialEq, Eq)]
pub struct ExternalAccount {
    /// The key's identifier.
    pub key_id: String,
    /// The HMAC key.
    pub hmac_key: Vec<u8>,
}

/// How control of a name is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChallengeKind {
    /// A file on port 80 (RFC 8555 §8.3).
    Http01,
    /// A handshake on port 443 (RFC 8737).
    TlsAlpn01,
}

impl ChallengeKind {
    /// The field's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http01 => "http-01",
            Self::TlsAlpn01 => "tls-alpn-01",
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({})", self.directory)
    }
}

impl fmt::Debug for ExternalAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ExternalAccount({})", self.key_id)
    }
}

/// Why a URL is none of an ACME directory; `None`: it may be one. What an account signs is protected by TLS, so plain
/// http is for a server on this machine.
pub fn directory_problem(url: &str) -> Option<&'static str> {
    let Ok(url) = url.parse::<crate::outgoing::Url>() else {
        return Some("is no URL");
    };
    match (url.scheme(), url.host_str()) {
        (_, None) => Some("has no host"),
        ("https", Some(_)) => None,
        ("http", Some(host)) if is_loopback(host) => None,
        ("http", Some(_)) => {
            Some("is plain http, which only a server on this machine may speak: write https")
        }
        _ => Some("is no https URL"),
    }
}

/// A key as operators of ACME servers hand it out: base64url, with or without padding. `None`: it is something else.
pub fn base64url_key(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    let text = text.trim().trim_end_matches('=');
    let key = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(text)
        .ok()?;
    (!key.is_empty()).then_some(key)
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_asked_over_tls_or_on_this_machine() {
        for (url, is_fine) in [
            ("https://acme-v02.api.letsencrypt.org/directory", true),
            ("https://127.0.0.1:14000/dir", true),
            ("http://127.0.0.1:14000/dir", true),
            ("http://[::1]/dir", true),
            ("http://localhost/dir", true),
            ("http://ca.example/dir", false),
            ("http://127.0.0.1.example/dir", false),
            ("file:///dir", false),
            ("ca.example", false),
            ("", false),
        ] {
            assert_eq!(directory_problem(url).is_none(), is_fine, "{url}");
        }
    }

    #[test]
    fn keys_are_read_with_and_without_padding_and_not_from_anything() {
        assert_eq!(base64url_key("AQI_\n"), Some(vec![1, 2, 63]));
        assert_eq!(base64url_key("AQ=="), Some(vec![1]));
        for text in ["", "===", "AQI/", "A", "a key"] {
            assert_eq!(base64url_key(text), None, "{text}");
        }
    }

    #[test]
    fn no_secret_is_printed() {
        let external = ExternalAccount {
            key_id: "kid".to_owned(),
            hmac_key: b"secret".to_vec(),
        };
        assert_eq!(format!("{external:?}"), "ExternalAccount(kid)");
    }
}
