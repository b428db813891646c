//! How revocation is judged, and how its data would be fetched: what is read is told where it has no effect yet.

use std::time::Duration;

use super::{ProxyAddress, RevocationCheckMode};
use crate::document::fields::Fields;
use crate::document::reader::At;
use crate::document::rule;

const REVOCATION: &[(&str, RevocationCheckMode)] = &[
    ("SKIP", RevocationCheckMode::Skip),
    ("IGNORE_CA_ERROR", RevocationCheckMode::IgnoreCaError),
    ("STRICT", RevocationCheckMode::Strict),
];

pub(super) fn read_revocation(fields: &mut Fields<'_>) -> RevocationCheckMode {
    let mode = fields.optional("revocation_check_mode", |at| {
        let mode = rule::one_of(REVOCATION)(at)?;
        tell_nothing_is_fetched(at, mode);
        Some(mode)
    });
    mode.unwrap_or_else(|| {
        if !fields.has("revocation_check_mode") {
            tell_nothing_is_fetched(fields.at, RevocationCheckMode::IgnoreCaError);
        }
        RevocationCheckMode::IgnoreCaError
    })
}

/// One warning for each mode: its effect is not what Kong's is.
fn tell_nothing_is_fetched(at: At<'_>, mode: RevocationCheckMode) {
    match mode {
        RevocationCheckMode::Skip => {}
        RevocationCheckMode::IgnoreCaError => at.warn_once(
            "nothing-fetched",
            "IGNORE_CA_ERROR",
            "revocation is judged by the files of `revocation_lists` only: with IGNORE_CA_ERROR (the default) a \
             certificate of a CA without a list counts as good, no OCSP responder or CRL URL is asked yet",
        ),
        RevocationCheckMode::Strict => at.warn_once(
            "nothing-fetched",
            "STRICT",
            "revocation is judged by the files of `revocation_lists` only: with STRICT every CA needs a list there, no \
             OCSP responder or CRL URL is asked yet",
        ),
    }
}

/// A field that says how revocation data is fetched, which is not built yet: kept, and told where it is not the default.
pub(super) fn read_fetching<T: Copy + PartialEq>(
    fields: &mut Fields<'_>,
    name: &'static str,
    default: T,
    rule: impl Fn(At<'_>) -> Option<T>,
) -> T {
    fields.or(name, default, |at| {
        let value = rule(at)?;
        if value != default {
            tell_no_effect(at, name);
        }
        Some(value)
    })
}

pub(super) fn read_proxy(
    fields: &mut Fields<'_>,
    host: &'static str,
    port: &'static str,
) -> Option<ProxyAddress> {
    if fields.has(host) != fields.has(port) {
        let message = format!("all or none of these fields must be set: 'config.{host}', 'config.{port}'");
        fields.at.refuse::<()>("entity-check", message);
    }
    let host = fields.optional(host, |at| {
        tell_no_effect(at, host);
        crate::document::host::host(at)
    });
    let port = fields.optional(port, rule::port);
    Some(ProxyAddress {
        host: host?,
        port: port?,
    })
}

fn tell_no_effect(at: At<'_>, name: &'static str) {
    at.warn_once(
        "nothing-fetched",
        name,
        "this has no effect yet: revocation data is not fetched",
    );
}

/// A consumer by id or username; `without` says what becomes of requests if there is none.
const LONGEST: f64 = 2_147_483_646.0;

pub(super) fn milliseconds(at: At<'_>) -> Option<Duration> {
    bounded(at).map(|number| Duration::from_secs_f64(number / 1000.0))
}

pub(super) fn seconds(at: At<'_>) -> Option<Duration> {
    bounded(at).map(Duration::from_secs_f64)
}

fn bounded(at: At<'_>) -> Option<f64> {
    let number = rule::number(at)?;
    if (0.0..=LONGEST).contains(&number) {
        return Some(number);
    }
    at.refuse("out-of-range", format!("value should be between 0 and {LONGEST}"))
}
