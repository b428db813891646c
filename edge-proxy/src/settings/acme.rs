//! `[listeners.NAME.tls.acme]`: certificates that an ACME server issues.

use std::collections::BTreeMap;
use std::path::PathBuf;

use transport::acme::{ChallengeKind, Domain, KeyKind, MOST_DOMAINS, directory_problem};
use transport::layers::quoted;

use super::build::Build;
use super::raw::{self, Challenge, KeyAlgorithm};
use super::{Acme, ExternalAccount, Listener, ListenerProtocol};

impl Build<'_> {
    pub(super) fn acme(&mut self, path: &str, written: raw::Acme) -> Option<Acme> {
        let raw::Acme {
            directory_url,
            terms_of_service_agreed,
            contact,
            domains,
            directory,
            challenge,
            trust_store,
            external_account_key_id,
            external_account_hmac_key,
            key_algorithm,
            renew_before,
            retry_after,
        } = written;
        if !terms_of_service_agreed {
            let path = format!("{path}.terms_of_service_agreed");
            let message = format!(
                "`{path}` is not true: an account is opened only for who agrees to the server's terms of service"
            );
            let fix = "read them (the server's directory has their address) and write true".to_owned();
            self.error_with_fix("terms-not-agreed", &path, message, Some(fix));
        }
        let directory_url =
            directory_url.filter(|url| self.is_directory(&format!("{path}.directory_url"), url));
        let contact_is_fine = contact
            .as_ref()
            .is_none_or(|contact| self.is_contact(&format!("{path}.contact"), contact));
        let domains = domains.and_then(|domains| self.domains(&format!("{path}.domains"), &domains));
        let external_account =
            self.external_account(path, external_account_key_id, external_account_hmac_key);
        if !contact_is_fine {
            return None;
        }
        Some(Acme {
            directory_url: directory_url?,
            contact,
            domains: domains?,
            directory: directory?,
            challenge: match challenge {
                Challenge::Http01 => ChallengeKind::Http01,
                Challenge::TlsAlpn01 => ChallengeKind::TlsAlpn01,
            },
            trust_store,
            external_account: external_account?,
            key_algorithm: match key_algorithm {
                KeyAlgorithm::EcPrime256v1 => KeyKind::EcdsaP256,
                KeyAlgorithm::Rsa2048 => KeyKind::Rsa2048,
                KeyAlgorithm::Rsa3072 => KeyKind::Rsa3072,
                KeyAlgorithm::Rsa4096 => KeyKind::Rsa4096,
            },
            renew_before,
            retry_after,
        })
    }

    fn is_directory(&mut self, path: &str, url: &str) -> bool {
        let problem = directory_problem(url);
        if let Some(problem) = problem {
            self.error("bad-value", path, format!("`{path}`: {} {problem}", quoted(url)));
        }
        problem.is_none()
    }

    fn is_contact(&mut self, path: &str, contact: &str) -> bool {
        let is_address = contact
            .split_once('@')
            .is_some_and(|(user, host)| !user.is_empty() && !host.is_empty())
            && contact.bytes().all(|byte| byte.is_ascii_graphic())
            && !contact.contains(':');
        if !is_address {
            self.error(
                "bad-value",
                path,
                format!("`{path}`: {} is no e-mail address", quoted(contact)),
            );
        }
        is_address
    }

    /// Every name, or none: a listener that lacks one would be noticed by its clients.
    fn domains(&mut self, path: &str, written: &[String]) -> Option<Vec<Domain>> {
        let mut domains = Vec::with_capacity(written.len());
        for (index, name) in written.iter().enumerate() {
            match Domain::parse(name) {
                Ok(domain) if !domains.contains(&domain) => domains.push(domain),
                Ok(_) => {}
                Err(problem) => {
                    let path = format!("{path}[{index}]");
                    self.error(
                        "bad-value",
                        &path,
                        format!("`{path}`: {}: {problem}", quoted(name)),
                    );
                }
            }
        }
        if written.is_empty() {
            self.error(
                "bad-value",
                path,
                format!("`{path}` is empty: nothing would be ordered"),
            );
        }
        if written.len() > MOST_DOMAINS {
            self.error(
                "bad-value",
                path,
                format!("`{path}` has more than {MOST_DOMAINS} names"),
            );
        }
        let is_whole = !written.is_empty() && written.len() <= MOST_DOMAINS;
        let are_read = written.iter().all(|name| Domain::parse(name).is_ok());
        (is_whole && are_read).then_some(domains)
    }

    /// Both or none; the outer `None` says that one is missing.
    #[allow(clippy::option_option)] // absent, and wrong
    fn external_account(
        &mut self,
        path: &str,
        key_id: Option<String>,
        hmac_key: Option<PathBuf>,
    ) -> Option<Option<ExternalAccount>> {
        match (key_id, hmac_key) {
            (None, None) => Some(None),
            (Some(key_id), Some(hmac_key)) => Some(Some(ExternalAccount { key_id, hmac_key })),
            (Some(_), None) => {
                self.missing(
                    &format!("{path}.external_account_hmac_key"),
                    "it goes with `external_account_key_id`",
                );
                None
            }
            (None, Some(_)) => {
                self.missing(
                    &format!("{path}.external_account_key_id"),
                    "it goes with `external_account_hmac_key`",
                );
                None
            }
        }
    }

    /// `tls-alpn-01` comes to the listener itself, `http-01` to one that speaks http.
    pub(super) fn challenges_are_answered(&mut self, listeners: &BTreeMap<String, Listener>) {
        if listeners
            .values()
            .any(|listener| listener.protocol == ListenerProtocol::Http)
        {
            return;
        }
        for (name, listener) in listeners {
            let ListenerProtocol::Https { tls, .. } = &listener.protocol else {
                continue;
            };
            if tls
                .acme
                .as_ref()
                .is_some_and(|acme| acme.challenge == ChallengeKind::Http01)
            {
                let path = format!("listeners.{name}.tls.acme.challenge");
                let message = format!("`{path}`: nobody would answer http-01: no listener speaks http");
                let fix =
                    "add a listener with protocol = \"http\" on port 80, or write tls-alpn-01".to_owned();
                self.error_with_fix("acme-unanswerable", &path, message, Some(fix));
            }
        }
    }
}
