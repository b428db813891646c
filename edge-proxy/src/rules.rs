//! Every code that `check` can say of an edge, for reports that list what was looked for. `docs/checks.md` has a section
//! or a row for each.

use transport::finding::Rule;
use transport::report_form::Tool;

/// The edge, for its reports.
pub const TOOL: Tool = Tool {
    name: "edge-proxy",
    version: env!("CARGO_PKG_VERSION"),
    page: concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/docs/checks.md"),
    rules: &[transport::layers::RULES, RULES],
};

const RULES: &[Rule] = &[
    Rule::error(
        "conflict",
        "two keys contradict each other, or a key does not belong here",
    ),
    Rule::error("unknown-reference", "target_group names none"),
    Rule::error("not-yet", "a feature of the ELB that this edge does not have"),
    Rule::warning("no-effect", "a key that nothing reads in this mode"),
    Rule::warning(
        "expiry-ignored",
        "clients with an expired certificate are accepted",
    ),
    Rule::error(
        "certificate-unusable",
        "a certificate or a key cannot be read, or they are no pair",
    ),
    Rule::warning(
        "certificate-expired",
        "a certificate is past its last day, or before its first",
    ),
    Rule::warning(
        "expires-soon",
        "a certificate or a revocation list has less than 30 days left",
    ),
    Rule::error(
        "certificate-nameless",
        "an additional certificate has no DNS name that SNI could pick it by",
    ),
    Rule::error("stapling-file-unusable", "an OCSP response cannot be read"),
    Rule::warning(
        "not-stapled",
        "an OCSP response is stale, wrong, or about no certificate that is shown",
    ),
    Rule::error(
        "trust-store-unusable",
        "a trust store in which nothing can verify",
    ),
    Rule::warning(
        "name-constraints",
        "an authority has name constraints that refuse whoever has such a name",
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
    Rule::warning(
        "key-permissions",
        "every user of the machine can read a private key, or a token's PIN",
    ),
    Rule::warning("pin-in-file", "a token's PIN stands in the configuration"),
    Rule::error(
        "acme-directory-unusable",
        "the directory of ACME accounts, keys and certificates cannot be used",
    ),
    Rule::error("acme-unanswerable", "no listener could answer the challenge"),
    Rule::warning(
        "must-staple",
        "a certificate's clients insist on a stapled OCSP response, and none is there or fetched",
    ),
    Rule::error(
        "terms-not-agreed",
        "acme without agreement to the server's terms of service",
    ),
    Rule::error(
        "hmac-key-unusable",
        "the key of an external account cannot be read",
    ),
];
