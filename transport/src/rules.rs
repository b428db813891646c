//! Kinds of findings that both programs make of the same things: dates, keys, OCSP responses, ACME.

use crate::finding::Rule;

/// Each is a warning about something that is used all the same, or an error that both programs refuse to start on.
pub const SHARED: &[Rule] = &[
    Rule::warning(
        "certificate-expired",
        "a certificate is past its last day, or before its first",
    ),
    Rule::warning(
        "expires-soon",
        "a certificate or a revocation list has less than 30 days left",
    ),
    Rule::warning(
        "name-constraints",
        "an authority has name constraints that refuse whoever has such a name",
    ),
    Rule::warning(
        "not-stapled",
        "an OCSP response is stale, wrong, or about no certificate that is shown",
    ),
    Rule::warning(
        "must-staple",
        "a certificate's clients insist on a stapled OCSP response, and none is there or fetched",
    ),
    Rule::warning(
        "key-permissions",
        "every user of the machine can read a private key, or a token's PIN",
    ),
    Rule::warning("pin-in-file", "a token's PIN stands in the configuration"),
    Rule::warning(
        "no-effect",
        "a key or a field that nothing reads beside the others",
    ),
    Rule::error(
        "conflict",
        "two keys contradict each other, or do not go together",
    ),
    Rule::error(
        "acme-directory-unusable",
        "the directory of ACME accounts, keys and certificates cannot be used",
    ),
    Rule::error("acme-unanswerable", "no listener could answer the challenge"),
];
