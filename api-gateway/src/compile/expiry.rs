//! What is past its last day, or will be soon: everything with a date that the document or a file of the node holds.

use std::path::Path;

use rustls::pki_types::CertificateDer;
use transport::certificate::Certificate;
use transport::expiry::{self, Batch, Role};
use transport::finding::Origin;
use transport::pem;
use transport::revocation::crl::RevocationLists;

use super::Compilation;
use super::trust::Authorities;
use crate::identity::TrustedEdges;
use crate::settings::TrustedCertificates;

pub(super) fn check(
    compilation: &Compilation<'_>,
    authorities: &Authorities<'_>,
    edges: Option<&TrustedEdges>,
) {
    check_document(compilation);
    check_files(compilation);
    lists(compilation, "revocation_lists", &authorities.lists);
    if let Some(edges) = edges {
        let of_edges = edges.store().revocation_lists();
        lists(compilation, "trusted_edge_revocation_lists", of_edges);
    }
}

fn check_document(compilation: &Compilation<'_>) {
    let document = compilation.document;
    for ca in &document.ca_certificates {
        let at = compilation.at(ca.certificate.place);
        let told = ("ca_certificates", ca.id.to_string());
        judge(
            compilation,
            told,
            (at, "ca_certificates.cert"),
            Role::Authorities,
            std::slice::from_ref(&ca.certificate.value),
        );
    }
    for entity in &document.certificates {
        for pair in [Some(&entity.pair), entity.alternative.as_ref()]
            .into_iter()
            .flatten()
        {
            let at = compilation.at(pair.place);
            let told = ("certificates", entity.id.to_string());
            judge(
                compilation,
                told,
                (at, "certificates.cert"),
                Role::Shown,
                pair.chain(),
            );
        }
    }
}

fn check_files(compilation: &Compilation<'_>) {
    let settings = compilation.settings();
    for (index, files) in settings.ssl_cert.iter().enumerate() {
        file(
            compilation,
            &format!("ssl_cert[{index}]"),
            &files.certificate,
            Role::Shown,
        );
    }
    if let Some(files) = &settings.client_ssl {
        file(compilation, "client_ssl_cert", &files.certificate, Role::Shown);
    }
    if let Some(bundle) = &settings.trusted_edge_ca {
        file(compilation, "trusted_edge_ca", bundle, Role::Authorities);
    }
    for (key, sources) in [
        (
            "lua_ssl_trusted_certificate",
            &settings.lua_ssl_trusted_certificate,
        ),
        (
            "nginx_proxy_proxy_ssl_trusted_certificate",
            &settings.nginx_proxy_proxy_ssl_trusted_certificate,
        ),
    ] {
        for source in sources {
            match source {
                TrustedCertificates::File(bundle) => file(compilation, key, bundle, Role::Authorities),
                // Whoever keeps the platform up to date keeps these.
                TrustedCertificates::System => {}
            }
        }
    }
}

/// One that cannot be read has been reported, if anything needs it.
fn file(compilation: &Compilation<'_>, key: &str, file: &Path, role: Role) {
    let chain = pem::certificates(file).unwrap_or_default();
    let at = compilation.node.origin(key);
    judge(
        compilation,
        ("", file.display().to_string()),
        (at, key),
        role,
        &chain,
    );
}

fn judge(
    compilation: &Compilation<'_>,
    (collection, name): (&str, String),
    (origin, path): (Origin, &str),
    role: Role,
    chain: &[CertificateDer<'static>],
) {
    let parsed: Vec<Certificate> = chain
        .iter()
        .filter_map(|der| Certificate::parse(der.clone()).ok())
        .collect();
    let name = match (collection, role) {
        ("", _) => name,
        (collection, Role::Authorities) => collection.to_owned(),
        (collection, Role::Shown) => format!("the certificate {name} of {collection}"),
    };
    let batch = Batch {
        name: &name,
        origin,
        path,
        role,
    };
    for finding in batch.judge(&parsed, compilation.now) {
        compilation.report(finding);
    }
}

fn lists(compilation: &Compilation<'_>, key: &str, lists: &RevocationLists) {
    let origin = compilation.node.origin(key);
    for list in lists.iter() {
        if let Some(finding) = expiry::of_list(list, origin.clone(), key, compilation.now) {
            compilation.report(finding);
        }
    }
}
