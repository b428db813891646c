//! `healthchecks`: read, so that a mistake is told, and refused wherever it would drop a target.

use crate::document::fields::Fields;
use crate::document::reader::At;
use crate::document::{host, path, rule};

use super::record;

const TYPES: &[(&str, ())] = &[
    ("tcp", ()),
    ("http", ()),
    ("https", ()),
    ("grpc", ()),
    ("grpcs", ()),
];

/// Health checks that are off, as Kong's are by default.
pub(super) fn none(at: At<'_>) -> Option<()> {
    record(at, |fields| {
        fields.optional("active", |at| record(at, active));
        fields.optional("passive", |at| record(at, passive));
        fields.optional("threshold", zero(0..=100));
    })
}

fn active(fields: &mut Fields<'_>) {
    fields.optional("type", rule::one_of(TYPES));
    fields.optional("timeout", rule::number);
    fields.optional("concurrency", rule::between::<i64>(1..=2_147_483_648));
    fields.optional("http_path", path::service_path);
    fields.optional("https_sni", host::server_name);
    fields.optional("https_verify_certificate", rule::boolean);
    // They would be sent with the checks.
    fields.ignored("headers");
    fields.optional("healthy", |at| {
        record(at, |fields| counters(fields, &["interval", "successes"]))
    });
    fields.optional("unhealthy", |at| {
        record(at, |fields| {
            counters(fields, &["interval", "tcp_failures", "timeouts", "http_failures"]);
        })
    });
}

fn passive(fields: &mut Fields<'_>) {
    fields.optional("type", rule::one_of(TYPES));
    fields.optional("healthy", |at| {
        record(at, |fields| counters(fields, &["successes"]))
    });
    fields.optional("unhealthy", |at| {
        record(at, |fields| {
            counters(fields, &["tcp_failures", "timeouts", "http_failures"]);
        })
    });
}

/// Counters, of which 0 means that nothing is counted, and the statuses that they would count.
fn counters(fields: &mut Fields<'_>, names: &[&'static str]) {
    for name in names {
        fields.optional(name, zero(0..=65_535));
    }
    fields.optional("http_statuses", rule::list(rule::between::<u16>(100..=999)));
}

fn zero(range: std::ops::RangeInclusive<i64>) -> impl Fn(At<'_>) -> Option<()> {
    move |at| {
        let number = rule::number(at)?;
        if number == 0.0 {
            return Some(());
        }
        // Fractions are for seconds; what is outside is Kong's error and not only ours.
        #[expect(clippy::cast_precision_loss)]
        let is_inside = (*range.start() as f64..=*range.end() as f64).contains(&number);
        if !is_inside {
            let message = format!("value should be between {} and {}", range.start(), range.end());
            return at.refuse("out-of-range", message);
        }
        at.refuse_with(
            "unsupported-value",
            "health checks are not built: no target is ever taken for unhealthy",
            "write 0, which switches them off",
        )
    }
}
