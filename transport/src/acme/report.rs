//! What is told of the certificates: in `/status` and in `/metrics`.

use std::fmt::Write as _;
use std::time::SystemTime;

use rustls::pki_types::UnixTime;
use serde_json::{Value, json};

use crate::certificate::iso8601;

/// One name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The name.
    pub domain: String,
    /// The URL of the server's directory.
    pub directory: String,
    /// Whether an order is under way.
    pub ordering: bool,
    /// The certificate's last second; `None`: there is no certificate.
    pub not_after: Option<SystemTime>,
    /// When the last order ended, well or not; `None`: none since the program runs.
    pub last_order: Option<SystemTime>,
    /// Why it failed; `None`: it did not.
    pub last_error: Option<String>,
    /// Failures in a row.
    pub failures: u32,
    /// When the next order begins; `None` while one is under way.
    pub next_order: Option<SystemTime>,
}

/// All names, and the orders counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reports {
    /// By name.
    pub domains: Vec<Report>,
    /// Orders that gave a certificate.
    pub succeeded: u64,
    /// Orders that did not.
    pub failed: u64,
}

impl Report {
    fn json(&self) -> Value {
        json!({
            "domain": self.domain,
            "directory": self.directory,
            "ordering": self.ordering,
            "until": self.not_after.map(written),
            "last_order": self.last_order.map(written),
            "last_error": self.last_error,
            "failures": self.failures,
            "next_order": self.next_order.map(written),
        })
    }
}

impl Reports {
    /// For `/status`.
    pub fn json(&self) -> Value {
        self.domains.iter().map(Report::json).collect()
    }

    /// For `/metrics`, in Prometheus' text form; empty where there is nothing to tell.
    pub fn exposition(&self, program: &str) -> String {
        let mut text = String::new();
        if self.domains.is_empty() {
            return text;
        }
        // Writing to a String cannot fail.
        let mut gauge = |name: &str, help: &str, value: &dyn Fn(&Report) -> Option<u64>| {
            let _ = writeln!(
                text,
                "# HELP {program}_acme_{name} {help}\n# TYPE {program}_acme_{name} gauge"
            );
            for report in &self.domains {
                if let Some(value) = value(report) {
                    // A domain has no character that a label would need escaped.
                    let _ = writeln!(
                        text,
                        "{program}_acme_{name}{{domain=\"{}\"}} {value}",
                        report.domain
                    );
                }
            }
        };
        gauge(
            "certificate_not_after_seconds",
            "End of the certificate, in seconds since 1970; none: there is no certificate.",
            &|report| report.not_after.map(seconds),
        );
        gauge("failures", "Orders that failed in a row.", &|report| {
            Some(report.failures.into())
        });
        gauge(
            "next_order_seconds",
            "When the next order begins, in seconds since 1970.",
            &|report| report.next_order.map(seconds),
        );
        let name = format!("{program}_acme_orders_total");
        let _ = writeln!(
            text,
            "# HELP {name} Orders that have ended.\n# TYPE {name} counter"
        );
        let _ = writeln!(text, "{name}{{result=\"issued\"}} {}", self.succeeded);
        let _ = writeln!(text, "{name}{{result=\"failed\"}} {}", self.failed);
        text
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

/// ISO 8601.
pub(super) fn written(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    iso8601(UnixTime::since_unix_epoch(since))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_name_is_told_with_its_end_its_error_and_its_next_order() {
        let at = |seconds| Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        let reports = Reports {
            domains: vec![Report {
                domain: "a.example".to_owned(),
                directory: "https://ca.example/dir".to_owned(),
                ordering: false,
                not_after: at(86_400),
                last_order: at(60),
                last_error: Some("no".to_owned()),
                failures: 2,
                next_order: at(120),
            }],
            succeeded: 1,
            failed: 2,
        };
        let expected = json!([{
            "domain": "a.example", "directory": "https://ca.example/dir", "ordering": false,
            "until": "1970-01-02T00:00:00Z", "last_order": "1970-01-01T00:01:00Z", "last_error": "no",
            "failures": 2, "next_order": "1970-01-01T00:02:00Z",
        }]);
        assert_eq!(reports.json(), expected);
        let text = reports.exposition("gateway");
        for line in [
            "gateway_acme_certificate_not_after_seconds{domain=\"a.example\"} 86400",
            "gateway_acme_failures{domain=\"a.example\"} 2",
            "gateway_acme_next_order_seconds{domain=\"a.example\"} 120",
            "gateway_acme_orders_total{result=\"issued\"} 1",
            "gateway_acme_orders_total{result=\"failed\"} 2",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert_eq!(Reports::default().exposition("gateway"), "");
    }
}
