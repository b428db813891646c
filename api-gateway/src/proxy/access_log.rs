//! One JSON line per request, so that "why 401" is answered by one line. Never a PEM, a key or a token in it.

use serde::Serialize;
use time::OffsetDateTime;

use super::record::{AnswerSource, Record};

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    request_id: String,
    connection_id: String,
    client_ip: String,
    tls_version: Option<&'a str>,
    sni: Option<&'a str>,
    method: &'a str,
    host: &'a str,
    path: &'a str,
    route: Option<&'a str>,
    service: Option<&'a str>,
    status: u16,
    source: &'static str,
    latency_ms: u64,
    upstream_latency_ms: Option<u64>,
    request_bytes: u64,
    response_bytes: u64,
    consumer: Option<ConsumerLine<'a>>,
    principals: Vec<PrincipalLine<'a>>,
    decision: DecisionLine<'a>,
}

#[derive(Serialize)]
struct ConsumerLine<'a> {
    id: String,
    username: Option<&'a str>,
}

#[derive(Serialize)]
struct PrincipalLine<'a> {
    plugin: &'a str,
    consumer: Option<ConsumerLine<'a>>,
    evidence: &'static str,
    certificate_sha256: Option<&'a str>,
    certificate_serial: Option<&'a str>,
    subject: &'a str,
}

#[derive(Serialize)]
struct DecisionLine<'a> {
    plugin: Option<&'a str>,
    verdict: &'static str,
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'a str>,
}

/// The line of a request.
pub(super) fn line(record: &Record) -> Vec<u8> {
    let route = record.matched_route();
    let consumer = |key| {
        let consumer = record.snapshot.consumers.get(key)?;
        Some(ConsumerLine {
            id: consumer.id.to_string(),
            username: consumer.username.as_ref().map(|name| &*name.text),
        })
    };
    let line = Line {
        time: iso8601(record.time.into()),
        request_id: record.request_id.to_string(),
        connection_id: record.client.connection.id.to_string(),
        client_ip: record.client_ip().to_string(),
        tls_version: record.client.connection.tls.as_ref().map(|tls| tls.version),
        sni: record
            .client
            .connection
            .tls
            .as_ref()
            .and_then(|tls| tls.server_name.as_deref()),
        method: record.method.as_str(),
        host: &record.host,
        path: record.uri.path(),
        route: route.map(|route| &*route.name),
        service: route
            .and_then(|route| route.service.as_ref())
            .map(|service| &*service.name),
        status: record.status_code(),
        source: match record.source {
            AnswerSource::Gateway => "gateway",
            AnswerSource::Upstream => "upstream",
        },
        latency_ms: record.latency(),
        upstream_latency_ms: record.upstream_latency(),
        request_bytes: record.request_bytes(),
        response_bytes: record.response_bytes(),
        consumer: record.trace.consumer.and_then(consumer),
        principals: record
            .trace
            .principals
            .iter()
            .map(|principal| {
                let certificate = principal.proof.certificate();
                PrincipalLine {
                    plugin: &principal.plugin,
                    consumer: principal.consumer.and_then(consumer),
                    evidence: principal.proof.evidence(),
                    certificate_sha256: certificate.map(|identity| &*identity.sha256),
                    certificate_serial: certificate.map(|identity| &*identity.serial),
                    subject: principal.proof.subject(),
                }
            })
            .collect(),
        decision: DecisionLine {
            plugin: record.trace.plugin.as_deref(),
            verdict: if record.reason.is_some() { "deny" } else { "allow" },
            reason: record.reason,
            cause: record.cause.as_deref(),
        },
    };
    // Strings and numbers: there is nothing in it that could fail to be written.
    serde_json::to_vec(&line).unwrap_or_default()
}

/// UTC with milliseconds, RFC 3339.
fn iso8601(time: OffsetDateTime) -> String {
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        time.year(),
        u8::from(time.month()),
        time.day(),
        time.hour(),
        time.minute(),
        time.second(),
        time.millisecond()
    )
}
