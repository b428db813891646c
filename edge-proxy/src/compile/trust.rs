//! Trust stores and revocation lists.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use transport::certificate::iso8601;
use transport::expiry::{self, Role};
use transport::finding::Finding;
use transport::pem;
use transport::revocation::crl::RevocationLists;
use transport::verify::{Policy, TrustStore};

use super::Compiler;

impl Compiler<'_> {
    /// Reads a bundle of authorities.
    pub(super) fn authorities(&mut self, path: &str, file: &Path) -> Option<Vec<CertificateDer<'static>>> {
        let authorities = pem::certificates(file)
            .map_err(|error| self.error("trust-store-unusable", path, error.to_string()))
            .ok()?;
        self.judge_dates(path, file, (Role::Authorities, &authorities));
        Some(authorities)
    }

    /// Makes a trust store in which something can verify.
    pub(super) fn trust_store(
        &mut self,
        path: &str,
        file: &Path,
        authorities: Vec<CertificateDer<'static>>,
        (policy, lists): (Policy, Arc<RevocationLists>),
    ) -> Option<Arc<TrustStore>> {
        let file = file.display();
        let store = TrustStore::new(authorities, policy, lists)
            .map_err(|error| self.error("trust-store-unusable", path, format!("{file}: {error}")))
            .ok()?;
        if !store.has_anchor() {
            let message = format!("{file} holds no self-signed authority, so no chain can end there");
            self.error("trust-store-unusable", path, message);
            return None;
        }
        let constrained: Vec<String> = store
            .name_constrained()
            .map(|authority| authority.subject().to_string())
            .collect();
        for subject in constrained {
            let message = format!(
                "`{subject}` in {file} has name constraints of a kind that is not judged: certificates below it with such a name are refused"
            );
            self.warn("name-constraints", path, message);
        }
        Some(Arc::new(store))
    }

    /// Reads revocation lists; each must be of one of the authorities.
    pub(super) fn revocation_lists(
        &mut self,
        path: &str,
        files: &[PathBuf],
        authorities: &[CertificateDer<'static>],
    ) -> Option<Arc<RevocationLists>> {
        match RevocationLists::load(files, authorities, self.now) {
            Ok(lists) => {
                let stale: Vec<String> = lists
                    .stale(self.now)
                    .map(|list| {
                        format!(
                            "the revocation list of `{}` is stale since {}: everybody whom it covers is refused",
                            list.issuer(),
                            iso8601(list.next_update())
                        )
                    })
                    .collect();
                let origin = self.loaded.origin(path);
                for message in stale {
                    let finding = Finding::warning("revocation-list-stale", origin.clone(), path, message);
                    self.findings
                        .push(finding.with_fix("install the current list and reload"));
                }
                let soon = lists
                    .iter()
                    .filter_map(|list| expiry::of_list(list, origin.clone(), path, self.now));
                self.findings.extend(soon);
                Some(lists)
            }
            Err(problems) => {
                for problem in problems {
                    let message = problem.to_string();
                    let named = |file: &&PathBuf| message.contains(&file.display().to_string());
                    let place = match files.iter().position(|file| named(&file)) {
                        Some(index) => format!("{path}[{index}]"),
                        None => path.to_owned(),
                    };
                    self.error("revocation-list-unusable", &place, message);
                }
                None
            }
        }
    }
}
