//! Every code that `check` can say of a gateway, for reports that list what was looked for. `docs/checks.md` has a
//! section or a row for each.

use transport::finding::Rule;
use transport::report_form::Tool;

/// The gateway, for its reports.
pub const TOOL: Tool = Tool {
    name: "api-gateway",
    version: env!("CARGO_PKG_VERSION"),
    page: include_str!("../../docs/checks.md"),
    rules: &[
        transport::layers::RULES,
        transport::rules::SHARED,
        OF_THE_NODE,
        OF_THE_TEXT,
        OF_ENTITIES,
        HOLES,
        OF_WHAT_RUNS,
    ],
};

/// Made by `settings`.
const OF_THE_NODE: &[Rule] = &[
    Rule::error("not-yet", "a feature of Kong that this gateway does not have yet"),
    Rule::error(
        "unsupported-key",
        "a key of Kong that would decide or limit something, and does not here",
    ),
    Rule::warning("ignored-key", "keys of Kong that change nothing here"),
    Rule::warning(
        "unverified-upstreams",
        "upstream certificates are not verified where a service does not say so",
    ),
    Rule::warning(
        "unsupported-plugin",
        "a plugin of Kong's that this gateway does not have",
    ),
];

/// Made by `document` of a text that it cannot make out.
const OF_THE_TEXT: &[Rule] = &[
    Rule::error(
        "ambiguous-scalar",
        "a number that YAML 1.1 and 1.2 read differently",
    ),
    Rule::error("duplicate-key", "one key twice in a mapping"),
    Rule::error("too-many-problems", "more findings than are shown"),
];

/// Made by `document` of entities and their fields.
const OF_ENTITIES: &[Rule] = &[
    Rule::warning(
        "counted-from-load",
        "a ttl without created_at begins anew at every load",
    ),
    Rule::error("conflicting-fields", "two fields say the same thing differently"),
    Rule::error("entity-check", "fields that do not go together"),
    Rule::error("expired-certificate", "a CA of the document is past its last day"),
    Rule::error(
        "invalid-certificate",
        "what should be a certificate is none, or more than one",
    ),
    Rule::error(
        "invalid-path",
        "a path of a route or service that no request could have",
    ),
    Rule::error("invalid-pem", "text that is no PEM, or holds something else"),
    Rule::error("invalid-reference", "a reference that leads nowhere"),
    Rule::error("invalid-regex", "a regular expression that cannot be compiled"),
    Rule::error("invalid-value", "a value that the field cannot have"),
    Rule::error(
        "key-mismatch",
        "a private key that does not belong to its certificate",
    ),
    Rule::warning(
        "looks-like-a-regex",
        "a path that is a prefix and looks like a regular expression",
    ),
    Rule::warning("missing-consumer", "anonymous or default_consumer names nobody"),
    Rule::error("must-be-null", "a field that must not be set here"),
    Rule::warning("never-applies", "a plugin for no protocol that is spoken here"),
    Rule::error("not-a-ca", "a certificate that is no authority's"),
    Rule::warning("nothing-fetched", "revocation is judged by files alone"),
    Rule::error("out-of-range", "a number that is too small or too large"),
    Rule::warning("path-handling", "path_handling v1, which is v0 here"),
    Rule::error("required-field-missing", "a field that must be there is not"),
    Rule::error("too-many-clones", "more clones of a plugin than Kong allows"),
    Rule::error("uniqueness-violation", "two entities with the same unique value"),
    Rule::error("unknown-field", "an entity has no such field"),
    Rule::error(
        "unknown-plugin",
        "a plugin that nobody knows, or that is not enabled",
    ),
    Rule::error(
        "unsupported-entity",
        "a kind of entity that this gateway does not have",
    ),
    Rule::error(
        "unsupported-field",
        "a field of Kong's that would decide, and does not here",
    ),
    Rule::error(
        "unsupported-value",
        "a value of Kong's that this gateway does not have",
    ),
    Rule::error("unverified-token", "tokens would be believed without a signature"),
];

/// Made by `compile`: who gets in, or is locked out, and should not be.
const HOLES: &[Rule] = &[
    Rule::warning(
        "acl-before-authentication",
        "an acl that judges before anybody is known refuses everybody",
    ),
    Rule::warning(
        "acl-judges-another",
        "an acl judges by the groups of one principal whom another has accepted",
    ),
    Rule::warning(
        "address-only-source",
        "certificates in headers rest on addresses alone",
    ),
    Rule::warning(
        "anonymous-allowed",
        "whoever cannot be authenticated is in a group that an acl lets pass",
    ),
    Rule::warning(
        "consumer-unknown",
        "a plugin for one consumer runs before anybody knows who calls",
    ),
    Rule::warning(
        "contradictory-mapping",
        "one name in a certificate is mapped to two consumers",
    ),
    Rule::warning(
        "default-consumer-allowed",
        "any certificate of a CA is let pass, whoever it names",
    ),
    Rule::warning("empty-group", "an acl names a group that nobody is in"),
    Rule::warning(
        "http-beside-certificate",
        "a route that needs the connection's certificate takes plain http",
    ),
    Rule::warning(
        "insecure-source",
        "secure_source: false believes a certificate in a header from anybody",
    ),
    Rule::warning(
        "mtls-behind-edge",
        "a global mtls-auth sees the edge's certificate, not the clients'",
    ),
    Rule::warning(
        "method-variant",
        "another method than those that are protected goes by a route that protects less",
    ),
    Rule::error(
        "no-secure-source",
        "a header-cert-auth that would accept its header from nobody",
    ),
    Rule::warning(
        "nobody-passes",
        "the members of the groups that are allowed cannot be found by any plugin there",
    ),
    Rule::warning(
        "path-variant",
        "another spelling of a protected path goes by a route that protects less",
    ),
    Rule::warning(
        "prefix-neighbour",
        "an exempted prefix takes its neighbours with it",
    ),
    Rule::warning(
        "principal-not-judged",
        "of two authentications on a route no acl judges one",
    ),
    Rule::warning(
        "second-route",
        "a protected service is reachable by a route that protects less",
    ),
    Rule::error(
        "shared-authority",
        "one CA issues to edges and to clients in headers",
    ),
    Rule::warning(
        "stale-revocation-list",
        "a revocation list is stale: everybody whom it covers is refused",
    ),
    Rule::warning("trusts-the-world", "trusted_ips trusts anybody"),
    Rule::warning(
        "unchecked-revocation",
        "revocation_check_mode: SKIP accepts revoked certificates",
    ),
    Rule::warning(
        "unknown-order",
        "ordering names a plugin that the document does not have",
    ),
    Rule::warning("unreachable-consumer", "a consumer whom no plugin can find"),
    Rule::error(
        "unstripped-header",
        "a certificate header that edges do not strip",
    ),
    Rule::warning("unverified-upstream", "tls_verify: false accepts whoever answers"),
    Rule::warning(
        "key-in-query",
        "a key is taken out of the query, which ends in logs",
    ),
    Rule::warning(
        "never-bound",
        "a token has to name a certificate that nobody is asked for",
    ),
    Rule::warning("open-preflight", "OPTIONS requests pass without authentication"),
    Rule::warning("plain-provider", "a provider of tokens is asked without TLS"),
    Rule::warning(
        "principal-stands-back",
        "principals requires a plugin that lets requests pass unexamined",
    ),
    Rule::warning(
        "token-without-audience",
        "a token that was issued for any service is taken",
    ),
    Rule::warning("unbounded-token", "the end of tokens is not looked at"),
    Rule::warning("unused-tag", "principals wants a tag in common that nobody has"),
    Rule::warning(
        "unverified-provider",
        "whoever answers in a provider's place is believed",
    ),
    Rule::warning("weak-credential", "a key or a secret that can be found by trying"),
];

/// Made by `compile`: what cannot be run, or runs otherwise than it looks.
const OF_WHAT_RUNS: &[Rule] = &[
    Rule::error(
        "ambiguous-header",
        "one X-Principal header would tell of two principals",
    ),
    Rule::warning(
        "no-target",
        "a service whose upstream has no target that takes requests",
    ),
    Rule::error(
        "ordering",
        "plugins of which each would have to run before the other",
    ),
    Rule::error("revocation-list", "a revocation list that cannot be used"),
    Rule::warning("self-signed", "clients see a certificate made at start"),
    Rule::error("too-many-plugins", "more plugin names than a route looks through"),
    Rule::error("trust-store", "certificates that can vouch for nobody"),
    Rule::error(
        "unreadable-file",
        "a file that a key names cannot be read, or holds something else",
    ),
    Rule::error(
        "unknown-principal",
        "principals requires what no plugin authenticates before it",
    ),
    Rule::warning(
        "unusable-credential",
        "a secret that a plugin with secret_is_base64 cannot read",
    ),
    Rule::error(
        "key-unusable",
        "a private key or a certificate that the document refers to cannot be had",
    ),
];
