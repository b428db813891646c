//! Certificate authorities of the document, revocation lists, and the trust stores made of both.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use transport::certificate::{Certificate, iso8601};
use transport::finding::{Finding, Origin};
use transport::pem;
use transport::revocation::crl::RevocationLists;
use transport::verify::{Policy, TrustStore, TrustStoreError};
use uuid::Uuid;

use super::Compilation;
use super::certificates::Certificates;
use crate::document::{CaCertificate, Located};
use crate::identity::TrustedEdges;
use crate::status::Validity;

/// The CA entities of the document and the revocation lists of the node.
pub(super) struct Authorities<'a> {
    by_id: HashMap<Uuid, &'a CaCertificate>,
    /// From the SHA-256 of a CA's certificate to its entity.
    pub(super) by_digest: Arc<HashMap<[u8; 32], Uuid>>,
    /// `revocation_lists`.
    pub(super) lists: Arc<RevocationLists>,
}

impl<'a> Authorities<'a> {
    pub(super) fn compile(compilation: &Compilation<'a>) -> Self {
        let entities = &compilation.document.ca_certificates;
        let all: Vec<_> = entities.iter().map(|ca| ca.certificate.value.clone()).collect();
        let files = &compilation.settings().revocation_lists;
        Self {
            by_id: entities.iter().map(|ca| (ca.id, ca)).collect(),
            by_digest: Arc::new(entities.iter().map(|ca| (ca.digest, ca.id)).collect()),
            lists: revocation_lists(compilation, "revocation_lists", files, &all),
        }
    }

    /// The certificates that a field names by id; one that leads nowhere is an error at its place.
    pub(super) fn named(
        &self,
        compilation: &Compilation<'_>,
        path: &str,
        ids: &[Located<Uuid>],
    ) -> Vec<CertificateDer<'static>> {
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            match self.by_id.get(&id.value) {
                Some(ca) => found.push(ca.certificate.value.clone()),
                None => {
                    let message = format!(
                        "invalid reference '{path}: {}' (no such entry in 'ca_certificates')",
                        id.value
                    );
                    compilation.report(
                        Finding::error("invalid-reference", compilation.at(id.place), path, message)
                            .with_fix("name an entry of ca_certificates by its id"),
                    );
                }
            }
        }
        found
    }
}

/// Reads revocation lists, each verified against the authorities that may have issued it.
pub(super) fn revocation_lists(
    compilation: &Compilation<'_>,
    key: &str,
    files: &[PathBuf],
    authorities: &[CertificateDer<'static>],
) -> Arc<RevocationLists> {
    match RevocationLists::load(files, authorities, compilation.now) {
        Ok(lists) => {
            for stale in lists.stale(compilation.now) {
                let message = format!(
                    "the revocation list of {} is stale since {}: every certificate that it covers is refused",
                    stale.issuer(),
                    iso8601(stale.next_update())
                );
                compilation.report(
                    Finding::warning(
                        "stale-revocation-list",
                        compilation.node.origin(key),
                        key,
                        message,
                    )
                    .with_fix("install the current list and reload"),
                );
            }
            lists
        }
        Err(problems) => {
            for problem in problems {
                let origin = compilation.node.origin(key);
                let finding = Finding::error("revocation-list", origin, key, problem.to_string());
                compilation.report(if problem.lacks_its_authority() {
                    let place = authorities_for(key);
                    finding.with_fix(format!("add that authority's certificate to {place}"))
                } else {
                    finding
                });
            }
            RevocationLists::none()
        }
    }
}

/// Where the authorities stand whose lists a key names.
fn authorities_for(key: &str) -> &'static str {
    if key == "trusted_edge_revocation_lists" {
        "trusted_edge_ca"
    } else {
        "the document's ca_certificates"
    }
}

/// Trust stores made so far. A thousand plugins that trust the same CAs need not check a thousand times that those are
/// what they say.
#[derive(Default)]
pub(super) struct Stores(RefCell<HashMap<Terms, Vec<TrustStore>>>);

/// What a store is made of, the lists aside.
#[derive(PartialEq, Eq, Hash)]
struct Terms {
    authorities: Vec<CertificateDer<'static>>,
    policy: Policy,
}

impl Stores {
    /// A store of its own for whoever asks: none sees what another remembers.
    fn of(
        &self,
        authorities: Vec<CertificateDer<'static>>,
        policy: Policy,
        lists: &Arc<RevocationLists>,
    ) -> Result<TrustStore, TrustStoreError> {
        let terms = Terms { authorities, policy };
        let same_lists = |store: &&TrustStore| Arc::ptr_eq(store.revocation_lists(), lists);
        if let Some(known) = self
            .0
            .borrow()
            .get(&terms)
            .and_then(|stores| stores.iter().find(same_lists))
        {
            return Ok(known.twin());
        }
        let store = TrustStore::new(terms.authorities.clone(), terms.policy.clone(), Arc::clone(lists))?;
        self.0.borrow_mut().entry(terms).or_default().push(store.twin());
        Ok(store)
    }
}

/// A trust store, or a finding at `origin` that says why there is none. Warns of CAs that can vouch for nobody.
pub(super) fn store(
    compilation: &Compilation<'_>,
    (origin, path): (Origin, &str),
    authorities: Vec<CertificateDer<'static>>,
    policy: Policy,
    lists: &Arc<RevocationLists>,
) -> Option<TrustStore> {
    match compilation.stores.of(authorities, policy, lists) {
        Ok(store) => {
            for ca in store.name_constrained() {
                let message = format!(
                    "the CA {} has name constraints that the path builder cannot evaluate: it refuses every certificate below it with a name of that kind, and every subject is a directory name",
                    ca.subject()
                );
                compilation.report(Finding::warning(
                    "name-constraints",
                    origin.clone(),
                    path,
                    message,
                ));
            }
            if !store.has_anchor() {
                let message = "none of these CAs is self-signed, so no path can end: list the root, or set allow_partial_chain";
                compilation.report(Finding::warning("trust-store", origin, path, message));
            }
            Some(store)
        }
        Err(error) => {
            compilation.report(Finding::error("trust-store", origin, path, error.to_string()));
            None
        }
    }
}

/// How long everything with a date is valid, for `/status`: what the document holds, and what the node's files do.
pub(super) fn validities(
    compilation: &Compilation<'_>,
    (authorities, certificates): (&Authorities<'_>, &Certificates),
    edges: Option<&TrustedEdges>,
) -> Box<[Validity]> {
    let mut all = Vec::new();
    let mut add = |kind, name: String, certificate: Option<CertificateDer<'static>>| {
        let parsed = certificate.and_then(|certificate| Certificate::parse(certificate).ok());
        let until = parsed.map(|certificate| iso8601(certificate.not_after()));
        all.push(Validity { kind, name, until });
    };
    for ca in &compilation.document.ca_certificates {
        add(
            "ca_certificate",
            ca.id.to_string(),
            Some(ca.certificate.value.clone()),
        );
    }
    for entity in &compilation.document.certificates {
        add(
            "certificate",
            entity.id.to_string(),
            certificates
                .first_of(entity.id)
                .and_then(|key| key.cert.first().cloned()),
        );
    }
    let settings = compilation.settings();
    for files in settings.ssl_cert.iter().chain(&settings.client_ssl) {
        // One that cannot be read has been reported.
        let chain = pem::certificates(&files.certificate).unwrap_or_default();
        add(
            "certificate",
            files.certificate.display().to_string(),
            chain.into_iter().next(),
        );
    }
    let stores = edges.iter().map(|edges| edges.store());
    for ca in stores.clone().flat_map(TrustStore::authorities) {
        add(
            "ca_certificate",
            format!("trusted_edge_ca: {}", ca.subject()),
            Some(ca.der().clone()),
        );
    }
    let lists_of_edges = stores.flat_map(|store| store.revocation_lists().iter());
    for list in authorities.lists.iter().chain(lists_of_edges) {
        let until = Some(iso8601(list.next_update()));
        all.push(Validity {
            kind: "revocation_list",
            name: list.issuer().to_string(),
            until,
        });
    }
    all.into()
}
