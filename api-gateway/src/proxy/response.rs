//! The answer as the client gets it: the upstream's, or a refusal of ours.

use http::header::{self, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode, Version};
use transport::body::ResponseBody;
use transport::hop;
use transport::upstream::Answer;

use super::forward::{Upgrading, X_KONG_REQUEST_ID, write_via};
use super::record::{Record, RequestId};
use super::tunnel::Ends;
use crate::error_body::Preference;
use crate::rejection::Rejection;
use crate::settings::ResponseHeaders;
use crate::snapshot::Service;

const X_KONG_UPSTREAM_LATENCY: HeaderName = HeaderName::from_static("x-kong-upstream-latency");
const X_KONG_PROXY_LATENCY: HeaderName = HeaderName::from_static("x-kong-proxy-latency");
const X_KONG_RESPONSE_LATENCY: HeaderName = HeaderName::from_static("x-kong-response-latency");
const X_KONG_UPSTREAM_STATUS: HeaderName = HeaderName::from_static("x-kong-upstream-status");

/// Passes an upstream's answer on. A granted WebSocket comes back as its two ends.
pub(super) fn of_upstream(
    answer: Answer,
    service: &Service,
    upgrade: Upgrading,
    record: &mut Record,
) -> (Response<ResponseBody>, Option<Ends>) {
    let mut response = answer.response;
    record.proxied(response.status());
    let upstream_upgrade = hyper::upgrade::on(&mut response);
    let switching = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let received = response.version();
    let headers = response.headers_mut();
    hop::strip_response(headers);
    let wanted = record.snapshot.response_headers;
    if wanted.via {
        write_via(headers, received);
    }
    if wanted.upstream_status {
        headers.insert(X_KONG_UPSTREAM_STATUS, HeaderValue::from(record.status_code()));
    }
    if wanted.upstream_latency {
        headers.insert(
            X_KONG_UPSTREAM_LATENCY,
            HeaderValue::from(record.upstream_latency().unwrap_or(0)),
        );
    }
    if wanted.proxy_latency {
        headers.insert(X_KONG_PROXY_LATENCY, HeaderValue::from(record.proxy_latency()));
    }
    if wanted.request_id {
        headers.insert(X_KONG_REQUEST_ID, record.request_id_header());
    }
    record.write_answer_headers(headers);
    if let Some((client, mut opening)) = upgrade.filter(|_| switching) {
        opening.held_by(&record.trace.principals, &record.snapshot.consumers);
        hop::write_websocket(response.headers_mut());
        let (head, _) = response.into_parts();
        let ends = Ends {
            client,
            upstream: upstream_upgrade,
            opening,
        };
        return (Response::from_parts(head, ResponseBody::full("")), Some(ends));
    }
    let lease = answer.lease;
    let mut response =
        response.map(|body| ResponseBody::stream(body, lease, service.balancer.read_timeout()));
    // The version is that of the upstream's connection; the client's is hyper's to write.
    *response.version_mut() = Version::HTTP_11;
    (response, None)
}

/// What a refusal has to know of the request beside its reason.
pub(super) struct Addressee<'r> {
    pub(super) preference: &'r Preference,
    pub(super) request_id: RequestId,
    /// Milliseconds since the request came.
    pub(super) latency: u64,
    /// Headers that plugins want in the answer.
    pub(super) answer_headers: &'r [(HeaderName, HeaderValue)],
}

/// The configuration's own words, or ours in the form that the client asks for.
fn body_of(rejection: &Rejection, addressee: &Addressee<'_>) -> (Option<HeaderValue>, String) {
    if let Rejection::Terminated(answer) = rejection {
        return (answer.content_type.clone(), answer.body.clone());
    }
    // Kong's redirects say where to, and nothing else.
    if let Rejection::HttpsRequired(redirect) = rejection
        && redirect.status.is_redirection()
    {
        return (None, String::new());
    }
    if let Rejection::Credential(refused) = rejection
        && let Some(body) = refused.fault.own_body()
    {
        return (
            Some(HeaderValue::from_static("application/json; charset=utf-8")),
            body,
        );
    }
    let id = addressee.request_id.to_string();
    let body = addressee
        .preference
        .write(rejection.form(), &rejection.to_string(), &id);
    (Some(body.content_type), body.text)
}

/// A refusal, all of it.
pub(super) fn refusal(
    rejection: &Rejection,
    wanted: ResponseHeaders,
    addressee: &Addressee<'_>,
) -> Response<String> {
    let (content_type, text) = body_of(rejection, addressee);
    let mut response = Response::new(text);
    *response.status_mut() = rejection.status();
    let headers = response.headers_mut();
    if let Some(content_type) = content_type {
        headers.insert(header::CONTENT_TYPE, content_type);
    }
    if let Some(challenge) = rejection.challenge() {
        headers.insert(header::WWW_AUTHENTICATE, challenge.clone());
    }
    if let Some(after) = rejection.retry_after() {
        // Whole seconds, and never at once: everybody would come back together.
        let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    }
    for (name, value) in addressee.answer_headers {
        headers.insert(name, value.clone());
    }
    if wanted.response_latency {
        headers.insert(X_KONG_RESPONSE_LATENCY, HeaderValue::from(addressee.latency));
    }
    if wanted.request_id {
        headers.insert(X_KONG_REQUEST_ID, addressee.request_id.header());
    }
    if let Rejection::HttpsRequired(redirect) = rejection {
        match &redirect.location {
            Some(location) => headers.insert(header::LOCATION, location.clone()),
            None => {
                headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
                headers.insert(header::UPGRADE, HeaderValue::from_static("TLS/1.2, HTTP/1.1"))
            }
        };
    }
    response
}

/// Writes a refusal.
pub(super) fn of_rejection(rejection: &Rejection, record: &mut Record) -> Response<ResponseBody> {
    record.refused(rejection);
    let addressee = Addressee {
        preference: &record.preference,
        request_id: record.request_id,
        latency: record.latency(),
        answer_headers: &record.trace.answer_headers,
    };
    let response = refusal(rejection, record.snapshot.response_headers, &addressee).map(ResponseBody::full);
    if record.method == Method::HEAD {
        return ResponseBody::left_out(response);
    }
    response
}
