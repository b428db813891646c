//! From `[listeners.NAME.tls.acme]` to a profile: trust for the server is read, the directory is looked through.

use std::path::Path;
use std::sync::Arc;

use transport::acme::storage::Storage;
use transport::acme::{AccountTerms, AllowList, Issued, Profile, Server, base64url_key};
use transport::client_tls::{client_config, platform_authorities};
use transport::regular_file;
use transport::revocation::crl::RevocationLists;
use transport::server_tls::CertificateChooser;
use transport::server_verifier::verify_server;
use transport::verify::{Expiry, KeyPolicy, PartialChain, Policy, Purpose, Revocation};

use super::Compiler;
use crate::settings::{Acme, ExternalAccount};

/// Certificates on the path of an ACME server's own certificate, the root not counted.
const DEPTH: usize = 4;

impl Compiler<'_> {
    /// The profile; names that a certificate of the listener has are left to it.
    pub(super) fn acme(
        &mut self,
        path: &str,
        acme: &Acme,
        shown: Option<&CertificateChooser>,
    ) -> Option<Arc<Profile>> {
        let Acme {
            directory_url,
            contact,
            domains,
            directory,
            challenge,
            trust_store,
            external_account,
            key_algorithm,
            renew_before,
            retry_after,
        } = acme;
        let stored = Storage::inspect(directory).map_err(|error| {
            self.error(
                "acme-directory-unusable",
                &format!("{path}.directory"),
                error.to_string(),
            );
        });
        let external = match external_account {
            Some(external) => self.external_account(path, external).map(Some),
            None => Some(None),
        };
        let tls = self.acme_trust(path, trust_store.as_deref());
        let (mut at_start, mut allowed) = (Vec::new(), AllowList::default());
        for (index, domain) in domains.iter().enumerate() {
            if shown.is_some_and(|shown| shown.has(domain.as_str())) {
                let message =
                    format!("nothing is ordered for {domain}: a certificate of this listener has the name");
                self.warn("no-effect", &format!("{path}.domains[{index}]"), message);
                continue;
            }
            allowed.add(domain.clone());
            at_start.push(domain.clone());
        }
        stored.ok()?;
        Some(Arc::new(Profile {
            storage: directory.clone(),
            server: Server {
                directory: directory_url.clone(),
                tls: tls?,
            },
            account: AccountTerms {
                email: contact.clone(),
                terms_agreed: true,
                external: external?,
            },
            challenge: *challenge,
            key: *key_algorithm,
            renew_before: *renew_before,
            retry_after: *retry_after,
            at_start,
            issued: Arc::new(Issued::new(allowed)),
        }))
    }

    fn external_account(
        &mut self,
        path: &str,
        external: &ExternalAccount,
    ) -> Option<transport::acme::ExternalAccount> {
        let file = external.hmac_key.display();
        let path = format!("{path}.external_account_hmac_key");
        let text = regular_file::read(&external.hmac_key)
            .map_err(|error| self.error("hmac-key-unusable", &path, format!("cannot read {file}: {error}")))
            .ok()?;
        let Some(hmac_key) = base64url_key(&String::from_utf8_lossy(&text)) else {
            self.error(
                "hmac-key-unusable",
                &path,
                format!("{file} holds no key in base64url"),
            );
            return None;
        };
        Some(transport::acme::ExternalAccount {
            key_id: external.key_id.clone(),
            hmac_key,
        })
    }

    fn acme_trust(&mut self, path: &str, file: Option<&Path>) -> Option<Arc<rustls::ClientConfig>> {
        let path = format!("{path}.trust_store");
        let authorities = match file {
            Some(file) => self.authorities(&path, file)?,
            None => platform_authorities(),
        };
        let policy = Policy {
            purpose: Purpose::Server,
            keys: KeyPolicy::Gateway,
            max_depth: DEPTH,
            partial_chain: PartialChain::Refused,
            expiry: Expiry::Enforced,
            revocation: Revocation::Skip,
        };
        let named = file.unwrap_or(Path::new("the platform's list of authorities"));
        let store = self.trust_store(&path, named, authorities, (policy, RevocationLists::none()))?;
        client_config(None, verify_server(store))
            .map_err(|error| self.error("tls-unusable", &path, error.to_string()))
            .ok()
    }
}
