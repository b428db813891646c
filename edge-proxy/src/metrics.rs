//! Counters of one listener, in Prometheus' text form.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use http::StatusCode;

/// What a listener counts.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    accepted: AtomicU64,
    open: AtomicU64,
    /// 1xx to 5xx.
    responses: [AtomicU64; 5],
    /// Clients that went away before their answer began: ALB's 460.
    abandoned: AtomicU64,
    failures: [AtomicU64; FAILURES.len()],
}

/// Every code of headers.md A.6 that this edge gives, and `UnmappedConnectionError`, which stands for the rest.
const FAILURES: [&str; 12] = [
    "ClientCertMaxChainDepthExceeded",
    "ClientCertMaxSizeExceeded",
    "ClientCertCrlHit",
    "ClientCertCrlProcessingError",
    "ClientCertUntrusted",
    "ClientCertNotYetValid",
    "ClientCertExpired",
    "ClientCertTypeUnsupported",
    "ClientCertInvalid",
    "ClientCertPurposeInvalid",
    "ClientCertRejected",
    "UnmappedConnectionError",
];

/// One open connection, until it is dropped.
#[derive(Debug)]
pub(crate) struct OpenConnection<'a>(&'a Metrics);

impl Metrics {
    /// Counts a connection, and counts it as open until the guard is dropped.
    pub(crate) fn connection(&self) -> OpenConnection<'_> {
        self.accepted.fetch_add(1, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Relaxed);
        OpenConnection(self)
    }

    /// Counts an answer.
    pub(crate) fn response(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(1);
        if let Some(counter) = self.responses.get(class) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts a request whose client did not wait for the answer.
    pub(crate) fn abandoned(&self) {
        self.abandoned.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a failed handshake by the code of the connection log.
    pub(crate) fn handshake_failure(&self, code: &str) {
        let known = FAILURES.iter().position(|known| *known == code);
        if let Some(counter) = self.failures.get(known.unwrap_or(FAILURES.len() - 1)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for OpenConnection<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The text form of all listeners' counters.
pub(crate) fn render<'a>(listeners: impl Iterator<Item = (&'a str, &'a Metrics)> + Clone) -> String {
    let mut text = String::with_capacity(4096);
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    head(&mut text, "connections_total", "counter", "Connections accepted.");
    for (listener, metrics) in listeners.clone() {
        sample(
            &mut text,
            "connections_total",
            listener,
            None,
            read(&metrics.accepted),
        );
    }
    head(&mut text, "connections_open", "gauge", "Connections open now.");
    for (listener, metrics) in listeners.clone() {
        sample(&mut text, "connections_open", listener, None, read(&metrics.open));
    }
    head(
        &mut text,
        "requests_total",
        "counter",
        "Requests by class of status; 460 went away before the answer.",
    );
    for (listener, metrics) in listeners.clone() {
        for (class, counter) in CLASSES.iter().zip(&metrics.responses) {
            let label = Some(("status", *class));
            sample(&mut text, "requests_total", listener, label, read(counter));
        }
        let label = Some(("status", "460"));
        sample(
            &mut text,
            "requests_total",
            listener,
            label,
            read(&metrics.abandoned),
        );
    }
    head(
        &mut text,
        "handshake_failures_total",
        "counter",
        "Failed TLS handshakes by ALB's code.",
    );
    for (listener, metrics) in listeners {
        for (code, counter) in FAILURES.iter().zip(&metrics.failures) {
            let label = Some(("code", *code));
            sample(
                &mut text,
                "handshake_failures_total",
                listener,
                label,
                read(counter),
            );
        }
    }
    text
}

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "# HELP edge_proxy_{name} {help}\n# TYPE edge_proxy_{name} {kind}"
    );
}

fn sample(text: &mut String, name: &str, listener: &str, label: Option<(&str, &str)>, value: u64) {
    let _ = write!(text, "edge_proxy_{name}{{listener=\"{}\"", escaped(listener));
    if let Some((label, of)) = label {
        let _ = write!(text, ",{label}=\"{of}\"");
    }
    let _ = writeln!(text, "}} {value}");
}

fn escaped(label: &str) -> String {
    label
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_told_by_listener() {
        let metrics = Metrics::default();
        let open = metrics.connection();
        drop(metrics.connection());
        for status in [200, 204, 404, 503] {
            metrics.response(StatusCode::from_u16(status).unwrap());
        }
        metrics.abandoned();
        metrics.handshake_failure("ClientCertCrlHit");
        metrics.handshake_failure("something else");
        let text = render([("public\"x", &metrics)].into_iter());
        for line in [
            "edge_proxy_connections_total{listener=\"public\\\"x\"} 2",
            "edge_proxy_connections_open{listener=\"public\\\"x\"} 1",
            "edge_proxy_requests_total{listener=\"public\\\"x\",status=\"2xx\"} 2",
            "edge_proxy_requests_total{listener=\"public\\\"x\",status=\"4xx\"} 1",
            "edge_proxy_requests_total{listener=\"public\\\"x\",status=\"5xx\"} 1",
            "edge_proxy_requests_total{listener=\"public\\\"x\",status=\"460\"} 1",
            "edge_proxy_handshake_failures_total{listener=\"public\\\"x\",code=\"ClientCertCrlHit\"} 1",
            "edge_proxy_handshake_failures_total{listener=\"public\\\"x\",code=\"UnmappedConnectionError\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        drop(open);
        assert!(
            render([("a", &metrics)].into_iter()).contains("edge_proxy_connections_open{listener=\"a\"} 0")
        );
    }
}
