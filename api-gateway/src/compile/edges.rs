//! Who may carry certificates for others, and whether the rest of the configuration fits that.

use std::collections::HashSet;

use ipnet::IpNet;
use rustls::pki_types::CertificateDer;
use transport::certificate::Certificate;
use transport::finding::Finding;
use transport::forwarded_cert::{fold, is_certificate_header};
use transport::pem;
use transport::verify::{Expiry, KeyPolicy, PartialChain, Policy, Purpose, Revocation};
use uuid::Uuid;

use super::ancestry::is_below;
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

/// Looks at every `header-cert-auth` with the edges in mind.
pub(super) fn check(compilation: &Compilation<'_>, issuers: &HashSet<Uuid>) {
    check_addresses(compilation);
    let settings = compilation.settings();
    let are_pinned = settings
        .trusted_edges
        .iter()
        .all(|name| matches!(name, EdgeName::Sha256(_)));
    let shared = if are_pinned {
        HashSet::new()
    } else {
        issuers.clone()
    };
    for plugin in compilation
        .document
        .plugins
        .iter()
        .filter(|plugin| plugin.enabled)
    {
        match &plugin.config {
            PluginConfig::HeaderCertAuth(config) => check_header(compilation, config, &shared),
            PluginConfig::Acl(_)
            | PluginConfig::Acme(_)
            | PluginConfig::BasicAuth(_)
            | PluginConfig::CorrelationId(_)
            | PluginConfig::IpRestriction(_)
            | PluginConfig::Jwt(_)
            | PluginConfig::KeyAuth(_)
            | PluginConfig::MtlsAuth(_)
            | PluginConfig::OpenIdConnect(_)
            | PluginConfig::Principals(_)
            | PluginConfig::RequestTermination(_) => {}
        }
    }
}

/// `0.0.0.0/0` or `::/0`, or several networks that come to the same, make everybody a carrier.
fn check_addresses(compilation: &Compilation<'_>) {
    const KEY: &str = "trusted_ips";
    let networks = &compilation.settings().trusted_ips;
    if trusts_the_world(networks) {
        let message = "this trusts every address, or most: anybody can say who the client is, and, where no edges are named, bring anybody's certificate in a header";
        compilation.report(
            Finding::warning("trusts-the-world", compilation.node.origin(KEY), KEY, message)
                .with_fix("name the load balancer's networks"),
        );
    }
}

/// Half of all addresses of IPv4, or all of IPv6 that is in use (2000::/3): no load balancer has so many.
fn trusts_the_world(networks: &[IpNet]) -> bool {
    const HALF: u64 = 1 << 31;
    let together = IpNet::aggregate(&networks.to_vec());
    let of_version_4: u64 = together
        .iter()
        .map(|network| match network {
            IpNet::V4(network) => 1 << (32 - network.prefix_len()),
            IpNet::V6(_) => 0,
        })
        .sum();
    let is_wide = |network: &IpNet| matches!(network, IpNet::V6(network) if network.prefix_len() <= 3);
    of_version_4 >= HALF || together.iter().any(is_wide)
}

fn check_header(compilation: &Compilation<'_>, config: &HeaderCertAuthConfig, shared: &HashSet<Uuid>) {
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
    if secure.value && !edges && addresses {
        let message = "certificates in this header rest on trusted_ips alone: an address proves no identity, and whoever can send from one needs no key, a public certificate is enough";
        compilation.report(
            Finding::warning("address-only-source", compilation.at(secure.place), "config.secure_source", message)
                .with_fix("let nothing but the load balancer reach this port from these addresses; or put an edge between and set trusted_edges"),
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
        check_authorities(compilation, config, shared);
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
fn check_authorities(compilation: &Compilation<'_>, config: &HeaderCertAuthConfig, shared: &HashSet<Uuid>) {
    for id in config
        .auth
        .ca_certificates
        .iter()
        .filter(|id| shared.contains(&id.value))
    {
        let message = "this CA issues to clients, and is in trusted_edge_ca or below a CA that is: whoever can get a client certificate from it could get an edge's, and carry any certificate";
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

/// The CAs of the document that could issue an edge.
pub(super) fn issuers_of_edges(compilation: &Compilation<'_>) -> HashSet<Uuid> {
    let settings = compilation.settings();
    let edges = settings.trusted_edge_ca.as_ref();
    let Some(file) = edges.filter(|_| !settings.trusted_edges.is_empty()) else {
        return HashSet::new();
    };
    let parsed = |der: &CertificateDer<'static>| Certificate::parse(der.clone()).ok();
    // A file that cannot be read has been reported.
    let edges: Vec<Certificate> = pem::certificates(file)
        .unwrap_or_default()
        .iter()
        .filter_map(parsed)
        .collect();
    let clients: Vec<(Uuid, Certificate)> = compilation
        .document
        .ca_certificates
        .iter()
        .filter_map(|ca| Some((ca.id, parsed(&ca.certificate.value)?)))
        .collect();
    clients
        .iter()
        .filter(|(_, ca)| is_below(ca, &edges, &clients))
        .map(|(id, _)| *id)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_world_may_be_written_in_pieces() {
        for (networks, world) in [
            (&["0.0.0.0/0"][..], true),
            (&["::/0"], true),
            (&["10.0.0.0/8", "0.0.0.0/1"], true),
            (&["2000::/4", "3000::/4"], true),
            (&["0.0.0.0/2", "192.0.0.0/2"], true),
            (
                &["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fd00::/8"],
                false,
            ),
            (&["2001:db8::/32"], false),
            (&[], false),
        ] {
            let parsed: Vec<IpNet> = networks.iter().map(|text| text.parse().unwrap()).collect();
            assert_eq!(trusts_the_world(&parsed), world, "{networks:?}");
        }
    }
}
