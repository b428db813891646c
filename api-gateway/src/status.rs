//! The status listener: `/status`, `/status/ready`, `/status/handshakes`, `/metrics`. Plain http, for operators and probes.

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use serde_json::{Value, json};
use transport::body::ResponseBody;

use crate::gateway::Shared;

/// A certificate or revocation list in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validity {
    /// `certificate`, `ca_certificate` or `revocation_list`.
    pub kind: &'static str,
    /// Where it comes from: a file, or an entity's id.
    pub name: String,
    /// notAfter, or nextUpdate; ISO 8601.
    pub until: Option<String>,
}

/// What changes while the program runs, beside the snapshot.
#[derive(Debug)]
pub struct Lifecycle {
    started: Instant,
    ready: AtomicBool,
    /// Looked at by the status listener alone; no request takes it.
    last_reload: Mutex<Option<Reload>>,
}

/// A reload that was asked for.
#[derive(Clone, Debug)]
pub struct Reload {
    /// When, ISO 8601.
    pub at: String,
    /// Why it was refused; `None`: it is in force.
    pub error: Option<String>,
}

impl Lifecycle {
    /// A program that has just started and is not ready yet.
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
            ready: AtomicBool::new(false),
            last_reload: Mutex::new(None),
        }
    }

    /// Says whether new requests are welcome.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Release);
    }

    fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// Notes how a reload ended.
    pub fn reloaded(&self, reload: Reload) {
        if let Ok(mut last) = self.last_reload.lock() {
            *last = Some(reload);
        }
    }

    fn last_reload(&self) -> Option<Reload> {
        self.last_reload.lock().ok().and_then(|last| last.clone())
    }
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self::new()
    }
}

/// Requests, counted.
#[derive(Debug)]
pub struct Counters {
    by_class: [AtomicU64; 6],
    by_reason: [AtomicU64; REASONS.len()],
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            by_class: std::array::from_fn(|_| AtomicU64::new(0)),
            by_reason: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }
}

/// Every reason that a log line can give, in the same words.
const REASONS: [&str; 36] = [
    "certificate_missing",
    "certificate_untrusted",
    "certificate_expired",
    "certificate_not_yet_valid",
    "certificate_revoked",
    "certificate_purpose",
    "certificate_weak",
    "revocation_unknown",
    "identity_ambiguous",
    "consumer_not_found",
    "header_untrusted_source",
    "header_malformed",
    "header_too_large",
    "token_missing",
    "token_malformed",
    "token_untrusted",
    "token_expired",
    "token_not_bound",
    "claim_missing",
    "provider_unreachable",
    "acl_unauthenticated",
    "acl_denied",
    "principal_missing",
    "principals_differ",
    "no_route",
    "no_service",
    "https_required",
    "upstream_unreachable",
    "upstream_tls",
    "upstream_timeout",
    "address_denied",
    "request_terminated",
    "request_malformed",
    "method_not_allowed",
    "body_too_large",
    "client_stalled",
];

impl Counters {
    /// Counts a request that has ended.
    pub fn count(&self, status: u16, reason: Option<&'static str>) {
        if let Some(counter) = self.by_class.get(usize::from(status / 100)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        let index = reason.and_then(|reason| REASONS.iter().position(|known| *known == reason));
        if let Some(counter) = index.and_then(|index| self.by_reason.get(index)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn exposition(&self) -> String {
        let mut text = String::from(
            "# HELP gateway_requests_total Requests answered, by class of status.\n# TYPE gateway_requests_total counter\n",
        );
        for (class, counter) in self.by_class.iter().enumerate().skip(1) {
            let _ = writeln!(
                text,
                "gateway_requests_total{{class=\"{class}xx\"}} {}",
                counter.load(Ordering::Relaxed)
            );
        }
        text.push_str("# HELP gateway_refused_total Requests refused, by reason.\n# TYPE gateway_refused_total counter\n");
        for (reason, counter) in REASONS.iter().zip(&self.by_reason) {
            let _ = writeln!(
                text,
                "gateway_refused_total{{reason=\"{reason}\"}} {}",
                counter.load(Ordering::Relaxed)
            );
        }
        text
    }
}

/// Answers one request to the status listener.
pub fn handle(gateway: &Shared, request: &Request<Incoming>) -> Response<ResponseBody> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return message(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed");
    }
    match request.uri().path().trim_end_matches('/') {
        "/status" => json_answer(StatusCode::OK, &status(gateway)),
        "/status/ready" if gateway.lifecycle.is_ready() => message(StatusCode::OK, "ready"),
        "/status/ready" => message(
            StatusCode::SERVICE_UNAVAILABLE,
            "shutting down or not started yet",
        ),
        "/status/handshakes" => json_answer(StatusCode::OK, &gateway.failures.newest(usize::MAX)),
        "/metrics" => {
            let counted = gateway.counters.exposition()
                + &gateway.failures.exposition("gateway")
                + &gateway.keeper.reports().exposition("gateway")
                + &gateway.stapler.exposition("gateway");
            let mut response = Response::new(ResponseBody::full(counted));
            let text = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
            response.headers_mut().insert(header::CONTENT_TYPE, text);
            response
        }
        _ => message(StatusCode::NOT_FOUND, "Not found"),
    }
}

/// How many failed handshakes `/status` shows; the rest is at `/status/handshakes`.
const SHOWN_FAILURES: usize = 16;

fn status(gateway: &Shared) -> Value {
    let snapshot = gateway.snapshots.load();
    let validity = |kind: &str| -> Vec<Value> {
        let of_kind = snapshot
            .validities
            .iter()
            .filter(|validity| validity.kind == kind);
        of_kind
            .map(|validity| json!({"name": validity.name, "until": validity.until}))
            .collect()
    };
    json!({
        "configuration_hash": snapshot.configuration_hash,
        "generation": snapshot.generation,
        "uptime_seconds": gateway.lifecycle.started.elapsed().as_secs(),
        "ready": gateway.lifecycle.is_ready(),
        "routes": snapshot.routes.len(),
        "consumers": snapshot.consumers.len(),
        "certificates": validity("certificate"),
        "acme": gateway.keeper.reports().json(),
        "ca_certificates": validity("ca_certificate"),
        "revocation_lists": validity("revocation_list"),
        "stapling": gateway.stapler.json(),
        "providers": snapshot.providers.iter().map(|provider| provider.status()).collect::<Vec<_>>(),
        "last_reload": gateway.lifecycle.last_reload().map(|reload| json!({"at": reload.at, "error": reload.error})),
        "handshakes_failed": gateway.failures.newest(SHOWN_FAILURES),
        "warnings": snapshot.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn message(status: StatusCode, text: &str) -> Response<ResponseBody> {
    json_answer(
        status,
        &Value::Object([("message".to_owned(), text.into())].into_iter().collect()),
    )
}

fn json_answer(status: StatusCode, value: &Value) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::full(value.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=utf-8"),
    );
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rejection::{Rejection, TokenFault, TokenRefused, Unjudged};
    use crate::token::TimeError;

    fn token(fault: TokenFault) -> Rejection {
        Rejection::Token(Box::new(TokenRefused {
            fault,
            message: "".into(),
            challenge: None,
        }))
    }

    #[test]
    fn every_refusal_is_counted_under_its_reason() {
        let denied = Rejection::AddressDenied {
            status: StatusCode::FORBIDDEN,
            message: "".into(),
        };
        let lost = Rejection::AnonymousMissing { name: "".into() };
        for rejection in [
            Rejection::BadRequest("".into()),
            Rejection::MethodNotAllowed,
            Rejection::HeaderTooLarge,
            Rejection::BodyTooLarge,
            Rejection::NoRoute,
            Rejection::NoService,
            Rejection::NoTarget,
            Rejection::Misdirected,
            Rejection::CertificateMissing,
            Rejection::HeaderUntrustedSource,
            Rejection::AclUnauthenticated,
            Rejection::AclDenied,
            Rejection::UnaskedUpgrade,
            denied,
            lost,
            token(TokenFault::Missing),
            token(TokenFault::Several),
            token(TokenFault::Inactive),
            token(TokenFault::Unjudged(Unjudged::for_now(""))),
            token(TokenFault::NotBound("")),
            token(TokenFault::Time(TimeError::Expired)),
            token(TokenFault::Claim("".into())),
            token(TokenFault::Consumer("".into())),
        ] {
            let counters = Counters::default();
            let reason = rejection.reason();
            counters.count(rejection.status().as_u16(), Some(reason));
            let line = format!("gateway_refused_total{{reason=\"{reason}\"}} 1\n");
            assert!(counters.exposition().contains(&line), "{reason}");
        }
    }
}
