//! Who may carry certificates for others, and whether the rest of the configuration fits that.

use transport::finding::Finding;
use transport::forwarded_cert::{fold, is_certificate_header};
use transport::pem;
use transport::verify::{Expiry, KeyPolicy, PartialChain, Policy, Purpose, Revocation};

use super::{Compilation, trust};
use crate::document::PluginConfig;
use crate::document::plugin::certificate_auth::HeaderCertAuthConfig;
use crate::identity::TrustedEdges;
use crate::settings::EdgeName;

/// Intermediates that an edge's certificate may have above it, counted with the certificate itself.
const EDGE_DEPTH: usize = 4;

pub(super) fn compile(compilation: &Compilation<'_>) -> Option<TrustedEdges> {
    const KEY: &str = "trusted_edge_ca";
    let settings = compilation.settings();
    let file = settings
        .trusted_edge_ca
        .as_ref()
        .filter(|_| !settings.trusted_edges.is_empty())?;
    let authorities = match pem::certificates(file) {
        Ok(authorities) => authorities,
        Err(error) => {
            compilation.node_error("unreadable-file", KEY, error.to_string());
            return None;
        }
    };
    let files = &settings.trusted_edge_revocation_lists;
    let lists = trust::revocation_lists(compilation, "trusted_edge_revocation_lists", files, &authorities);
    let policy = Policy {
        purpose: Purpose::Client,
        keys: KeyPolicy::Gateway,
        max_depth: EDGE_DEPTH,
        partial_chain: PartialChain::Refused,
        expiry: Expiry::Enforced,
        revocation: if files.is_empty() {
            Revocation::Skip
        } else {
            Revocation::IgnoreCaError
        },
    };
    let store = trust::store(
        compilation,
        (compilation.node.origin(KEY), KEY),
        authorities,
        policy,
        &lists,
    )?;
    Some(TrustedEdges::new(store, settings.trusted_edges.clone().into()))
}

/// Looks at every `header-cert-auth` and every global `mtls-auth` with the edges in mind.
pub(super) fn check(compilation: &Compilation<'_>) {
    for plugin in compilation
        .document
        .plugins
        .iter()
        .filter(|plugin| plugin.enabled)
    {
        match &plugin.config {
            PluginConfig::HeaderCertAuth(config) => check_header(compilation, config),
            PluginConfig::MtlsAuth(_) => {
                let is_global = plugin.route.is_none() && plugin.service.is_none();
                if is_global && !compilation.settings().trusted_edges.is_empty() && reads_headers(compilation)
                {
                    let message = "this mtls-auth judges the certificate of the connection, which behind an edge is the edge's own: clients that come through an edge are refused everywhere unless the edge is a consumer";
                    compilation.report(
                        Finding::warning("mtls-behind-edge", compilation.at(plugin.place), "plugins", message)
                            .with_fix("use header-cert-auth for clients behind the edge, or let the edge pass TLS through (protocol = \"tcp\")"),
                    );
                }
            }
            PluginConfig::Acl(_) => {}
        }
    }
}

fn reads_headers(compilation: &Compilation<'_>) -> bool {
    compilation
        .document
        .plugins
        .iter()
        .any(|plugin| matches!(plugin.config, PluginConfig::HeaderCertAuth(_)))
}

fn check_header(compilation: &Compilation<'_>, config: &HeaderCertAuthConfig) {
    let settings = compilation.settings();
    let (edges, addresses) = (
        !settings.trusted_edges.is_empty(),
        !settings.trusted_ips.is_empty(),
    );
    let secure = config.secure_source;
    if secure.value && !edges && !addresses {
        let message = "header-cert-auth would accept its header from nobody: neither trusted_edges nor trusted_ips is set";
        compilation.report(
            Finding::error("no-secure-source", compilation.at(secure.place), "config.secure_source", message).with_fix(
                "set trusted_edges and trusted_edge_ca (proof by mTLS), or trusted_ips to the load balancer's addresses",
            ),
        );
    }
    if !secure.value {
        let message = if edges {
            "secure_source: false admits every address, but with trusted_edges set only an edge counts all the same"
        } else {
            "secure_source: false believes a certificate in a header from anybody who can reach this gateway: no key has to be owned, a public certificate is enough"
        };
        compilation.report(
            Finding::warning(
                "insecure-source",
                compilation.at(secure.place),
                "config.secure_source",
                message,
            )
            .with_fix("remove it, and set trusted_edges or trusted_ips"),
        );
    }
    if edges {
        check_name(compilation, config);
        check_authorities(compilation, config);
    }
}

/// An edge strips the names of the list. A name outside it comes as the client wrote it.
fn check_name(compilation: &Compilation<'_>, config: &HeaderCertAuthConfig) {
    let name = &config.certificate_header_name;
    let folded = fold(name.value.as_str());
    let promised = compilation
        .settings()
        .trusted_edge_headers
        .iter()
        .any(|known| fold(known.as_str()) == folded);
    if is_certificate_header(name.value.as_str()) || promised {
        return;
    }
    let message = format!(
        "no edge strips the header {} from what clients send: anybody could write it",
        name.value
    );
    compilation.report(
        Finding::error("unstripped-header", compilation.at(name.place), "config.certificate_header_name", message).with_fix(
            "use X-Amzn-Mtls-Clientcert; or add the name to strip_headers at every edge and to trusted_edge_headers here",
        ),
    );
}

/// Whoever issues to clients could issue an edge (decision 31).
fn check_authorities(compilation: &Compilation<'_>, config: &HeaderCertAuthConfig) {
    let settings = compilation.settings();
    let pinned = settings
        .trusted_edges
        .iter()
        .all(|name| matches!(name, EdgeName::Sha256(_)));
    let Some(file) = settings.trusted_edge_ca.as_ref().filter(|_| !pinned) else {
        return;
    };
    // A file that cannot be read has been reported.
    let edge_authorities = pem::certificates(file).unwrap_or_default();
    for id in &config.auth.ca_certificates {
        let entity = compilation
            .document
            .ca_certificates
            .iter()
            .find(|ca| ca.id == id.value);
        if entity.is_some_and(|ca| edge_authorities.contains(&ca.certificate.value)) {
            let message = "this CA issues to clients and is in trusted_edge_ca too: whoever can get a client certificate from it could get an edge's, and carry any certificate";
            compilation.report(
                Finding::error(
                    "shared-authority",
                    compilation.at(id.place),
                    "config.ca_certificates",
                    message,
                )
                .with_fix("give the edges a CA of their own, or pin every edge by sha256: in trusted_edges"),
            );
        }
    }
}
