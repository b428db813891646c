//! What an https listener shows, and what it asks of clients.

use std::path::PathBuf;
use std::sync::Arc;

use transport::certificate::{AlternativeName, Certificate};
use transport::handshake_policy::{Advertise, verify_in_handshake};
use transport::possession::prove_possession;
use transport::regular_file;
use transport::revocation::crl::RevocationLists;
use transport::server_tls::{CertificateChooser, ClientAuthentication, Offer, ServerConfigs, Versions};
use transport::verify::{Expiry, KeyPolicy, PartialChain, Policy, Purpose, Revocation, TrustStore};

use super::Compiler;
use crate::client_certificate::ClientCertificates;
use crate::plan::Scheme;
use crate::settings::{ListenerTls, MutualAuthentication, SecurityPolicy, Stapling, Verify};

impl Compiler<'_> {
    pub(super) fn listener_tls(
        &mut self,
        name: &str,
        tls: &ListenerTls,
        authentication: &MutualAuthentication,
    ) -> Option<Scheme> {
        let path = format!("listeners.{name}.tls");
        // All of it, before anything is given up: every problem is told.
        let certificates = self.certificates(&path, tls);
        let clients = self.clients(name, authentication);
        let acme = tls.acme.as_ref();
        let acme = acme.map(|acme| self.acme(&format!("{path}.acme"), acme, certificates.as_ref()));
        let (mut certificates, (clients, asked)) = (certificates?, clients?);
        if let Some(acme) = acme {
            let profile = acme?;
            certificates.add_issued(Arc::clone(&profile.issued));
            self.profiles.push(profile);
        }
        let certificates = Arc::new(certificates);
        let versions = match tls.security_policy {
            SecurityPolicy::Tls12 => Versions::Tls12AndTls13,
            SecurityPolicy::Tls12Only => Versions::Tls12Only,
            SecurityPolicy::Tls13 => Versions::Tls13Only,
        };
        let tls = ServerConfigs::new(Arc::clone(&certificates), &asked, versions, Offer::Http2AndHttp1)
            .map_err(|error| self.error("tls-unusable", &path, error.to_string()))
            .ok()?;
        Some(Scheme::Https {
            tls,
            certificates,
            clients,
        })
    }

    fn certificates(&mut self, path: &str, tls: &ListenerTls) -> Option<CertificateChooser> {
        let ListenerTls {
            certificate,
            additional_certificates,
            stapling,
            stapling_files,
            security_policy: _,
            acme: _,
        } = tls;
        let default = match certificate {
            Some(certificate) => self.certified_key(path, certificate).map(Some),
            // Nobody is shown a certificate that nobody vouches for: who asks for another name than those that are
            // issued, or too early, is refused in the handshake.
            None => Some(None),
        };
        let mut additional = Vec::with_capacity(additional_certificates.len());
        for (index, files) in additional_certificates.iter().enumerate() {
            let path = format!("{path}.additional_certificates[{index}]");
            let Some(key) = self.certified_key(&path, files) else {
                continue;
            };
            let names = dns_names(&key.cert);
            if names.is_empty() {
                let message = format!("{} has no DNS name", files.certificate.display());
                self.error("certificate-nameless", &format!("{path}.certificate"), message);
            }
            additional.push((names, key));
        }
        let default = default?;
        let mut chooser = CertificateChooser::new(default.iter().map(Arc::clone).collect());
        // The default's own names first: a wildcard of another certificate must not take them from it.
        let with_default = default
            .into_iter()
            .map(|default| (dns_names(&default.cert), default));
        for (names, key) in with_default.chain(additional) {
            for name in names {
                chooser.add(&name, Arc::clone(&key));
            }
        }
        self.staple(path, stapling_files, &mut chooser)?;
        self.fetch_staples(path, *stapling, &mut chooser);
        Some(chooser)
    }

    /// Puts OCSP responses on the certificates that they are about. One that cannot be shown is warned of: clients do
    /// without, and a wrong one would stop them.
    fn staple(&mut self, path: &str, files: &[PathBuf], chooser: &mut CertificateChooser) -> Option<()> {
        let mut complete = true;
        for (index, file) in files.iter().enumerate() {
            let path = format!("{path}.stapling_files[{index}]");
            let file_name = file.display();
            match regular_file::read(file) {
                Ok(response) => {
                    if let Err(problem) = chooser.staple(&response, self.now) {
                        self.warn(
                            "not-stapled",
                            &path,
                            format!("{file_name} is not stapled: {problem}"),
                        );
                    }
                }
                Err(error) => {
                    complete = false;
                    let message = format!("cannot read {file_name}: {error}");
                    self.error("stapling-file-unusable", &path, message);
                }
            }
        }
        complete.then_some(())
    }

    /// What is to be fetched goes into the plan, the same chain of several listeners once.
    fn fetch_staples(&mut self, path: &str, stapling: Stapling, chooser: &mut CertificateChooser) {
        let path = format!("{path}.stapling");
        match stapling {
            Stapling::Off => {}
            Stapling::Fetch => {
                for (subject, why) in chooser.fetch_staples(&mut self.fetched) {
                    let message = format!("no OCSP answer can be fetched for `{subject}`: {why}");
                    self.warn("not-stapled", &path, message);
                }
            }
        }
        for subject in chooser.without_their_staple() {
            let message = format!(
                "the certificate of `{subject}` tells clients to insist on a stapled OCSP answer (must staple), and there is none: such clients will refuse it; write stapling = \"fetch\", or name a response in stapling_files"
            );
            self.warn("must-staple", &path, message);
        }
    }

    fn clients(
        &mut self,
        name: &str,
        authentication: &MutualAuthentication,
    ) -> Option<(ClientCertificates, ClientAuthentication)> {
        match authentication {
            MutualAuthentication::Off => Some((ClientCertificates::NotAsked, ClientAuthentication::NotAsked)),
            MutualAuthentication::Passthrough { header_format } => Some((
                ClientCertificates::Carried(*header_format),
                ClientAuthentication::Asked(prove_possession(Vec::new())),
            )),
            MutualAuthentication::Verify(verify) => {
                let store = self.client_trust(name, verify)?;
                let hints = if verify.advertise_trust_store_ca_names {
                    Advertise::Subjects
                } else {
                    Advertise::Nothing
                };
                let verifier = verify_in_handshake(Arc::clone(&store), hints);
                let clients = ClientCertificates::Verified {
                    store,
                    format: verify.header_format,
                };
                Some((clients, ClientAuthentication::Asked(verifier)))
            }
        }
    }

    fn client_trust(&mut self, name: &str, verify: &Verify) -> Option<Arc<TrustStore>> {
        let Verify {
            trust_store,
            revocation_lists,
            ignore_client_certificate_expiry,
            advertise_trust_store_ca_names: _,
            max_chain_depth,
            header_format: _,
        } = verify;
        let path = format!("listeners.{name}.mutual_authentication");
        let trust_path = format!("{path}.trust_store");
        let authorities = self.authorities(&trust_path, trust_store)?;
        let lists = if revocation_lists.is_empty() {
            RevocationLists::none()
        } else {
            self.revocation_lists(
                &format!("{path}.revocation_lists"),
                revocation_lists,
                &authorities,
            )?
        };
        let policy = Policy {
            purpose: Purpose::Client,
            keys: KeyPolicy::Alb,
            max_depth: *max_chain_depth,
            partial_chain: PartialChain::Refused,
            expiry: if *ignore_client_certificate_expiry {
                Expiry::LeafIgnored
            } else {
                Expiry::Enforced
            },
            revocation: if revocation_lists.is_empty() {
                Revocation::Skip
            } else {
                Revocation::IgnoreCaError
            },
        };
        self.trust_store(&trust_path, trust_store, authorities, (policy, lists))
    }
}

/// The names that SNI may pick a certificate by.
fn dns_names(chain: &[rustls::pki_types::CertificateDer<'static>]) -> Vec<String> {
    let leaf = chain.first().and_then(|der| Certificate::parse(der.clone()).ok());
    let names = leaf.as_ref().and_then(Certificate::alternative_names);
    names
        .unwrap_or_default()
        .iter()
        .filter_map(|name| match name {
            AlternativeName::Dns(name) => Some(name.clone()),
            AlternativeName::Email(_)
            | AlternativeName::Uri(_)
            | AlternativeName::Ip(_)
            | AlternativeName::Directory(_)
            | AlternativeName::Other => None,
        })
        .collect()
}
