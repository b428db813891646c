//! Every code that `check` can say of an edge, for reports that list what was looked for. `docs/checks.md` has a section
//! or a row for each.

use transport::finding::Rule;
use transport::report_form::Tool;

/// The edge, for its reports.
pub const TOOL: Tool = Tool {
    name: "edge-proxy",
    version: env!("CARGO_PKG_VERSION"),
    page: include_str!("../../docs/checks.md"),
    rules: &[transport::layers::RULES, transport::rules::SHARED, RULES],
};

const RULES: &[Rule] = &[
    Rule::error("unknown-reference", "target_group names none"),
    Rule::error("not-yet", "a feature of the ELB that this edge does not have"),
    Rule::warning(
        "expiry-ignored",
        "clients with an expired certificate are accepted",
    ),
    Rule::error(
        "certificate-unusable",
        "a certificate or a key cannot be read, or they are no pair",
    ),
    Rule::error(
        "certificate-nameless",
        "an additional certificate has no DNS name that SNI could pick it by",
    ),
    Rule::error("stapling-file-unusable", "an OCSP response cannot be read"),
    Rule::error(
        "trust-store-unusable",
        "a trust store in which nothing can verify",
    ),
    Rule::error(
        "revocation-list-unusable",
        "a revocation list cannot be read, or is of no authority that is trusted",
    ),
    Rule::warning(
        "revocation-list-stale",
        "a revocation list is stale: everybody whom it covers is refused",
    ),
    Rule::error(
        "server-name-unusable",
        "server_name is neither a DNS name nor an address",
    ),
    Rule::error("tls-unusable", "these certificates and versions make no TLS"),
    Rule::error(
        "terms-not-agreed",
        "acme without agreement to the server's terms of service",
    ),
    Rule::error(
        "hmac-key-unusable",
        "the key of an external account cannot be read",
    ),
];
