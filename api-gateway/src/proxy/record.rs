//! What the log line of a request will say, gathered on the way. The line is written when this is dropped, so that a
//! client that goes away leaves one too.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use hyper::body::Incoming;
use transport::body::{Ending, Observer, Progress, ResponseBody};

use super::decision::Trace;
use super::standing::Standing;
use super::{Client, access_log};
use crate::error_body::Preference;
use crate::rejection::Rejection;
use crate::snapshot::{Route, Snapshot};

/// nginx's code for a client that went away before it was answered; it is only ever logged.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// One request, as far as it has come.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) client: Arc<Client>,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) time: SystemTime,
    pub(super) start: Instant,
    pub(super) request_id: RequestId,
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) preference: Preference,
    pub(super) host: Box<str>,
    client_ip: Option<IpAddr>,
    pub(super) trace: Trace,
    /// `None`: allowed.
    pub(super) reason: Option<&'static str>,
    /// For the operator, beside the reason.
    pub(super) cause: Option<String>,
    upload: Option<Arc<Progress>>,
    sent: Option<Instant>,
    answered: Option<Instant>,
    status: Option<StatusCode>,
    pub(super) source: AnswerSource,
    response_bytes: u64,
    pub(super) standing: Standing,
}

/// 128 random bits, as 32 hexadecimal digits.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestId(pub(super) u128);

impl RequestId {
    pub(super) fn header(self) -> HeaderValue {
        HeaderValue::try_from(self.to_string()).unwrap_or_else(|_| HeaderValue::from_static("0"))
    }
}

impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// Who made the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AnswerSource {
    Gateway,
    Upstream,
}

impl Record {
    pub(super) fn begin(
        client: &Arc<Client>,
        snapshot: &Arc<Snapshot>,
        request: &Request<Incoming>,
    ) -> Box<Self> {
        Box::new(Self {
            client: Arc::clone(client),
            snapshot: Arc::clone(snapshot),
            time: SystemTime::now(),
            start: Instant::now(),
            request_id: RequestId(fastrand::u128(..)),
            method: request.method().clone(),
            uri: request.uri().clone(),
            preference: Preference::of(request.headers()),
            host: Box::default(),
            client_ip: None,
            trace: Trace::default(),
            reason: None,
            cause: None,
            upload: None,
            sent: None,
            answered: None,
            status: None,
            source: AnswerSource::Gateway,
            response_bytes: 0,
            standing: Standing::default(),
        })
    }

    pub(super) fn host(&mut self, host: &str) {
        if self.client.gateway.lines.is_on() {
            self.host = host.into();
        }
    }

    pub(super) fn client(&mut self, address: Option<IpAddr>) {
        self.client_ip = address;
    }

    pub(super) fn client_ip(&self) -> IpAddr {
        self.client_ip.unwrap_or_else(|| self.client.connection.peer.ip())
    }

    pub(super) fn matched_route(&self) -> Option<&Route> {
        self.snapshot.routes.get(self.trace.route?)
    }

    pub(super) fn upload(&mut self, progress: Option<Arc<Progress>>) {
        self.upload = progress;
    }

    pub(super) fn sent(&mut self, at: Instant) {
        self.sent = Some(at);
    }

    pub(super) fn answered(&mut self) {
        self.answered = Some(Instant::now());
    }

    pub(super) fn refused(&mut self, rejection: &Rejection) {
        self.status = Some(rejection.status());
        self.reason = Some(rejection.reason());
        self.cause = rejection.cause().map(bounded);
        if matches!(
            rejection,
            Rejection::Upstream(_) | Rejection::NoTarget | Rejection::NoService
        ) {
            self.trace.plugin = None;
        }
    }

    pub(super) fn proxied(&mut self, status: StatusCode) {
        self.status = Some(status);
        self.source = AnswerSource::Upstream;
    }

    pub(super) fn request_id_header(&self) -> HeaderValue {
        self.request_id.header()
    }

    /// Headers that plugins write into the answer, over what the upstream says under their names.
    pub(super) fn write_answer_headers(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.trace.answer_headers {
            headers.insert(name, value.clone());
        }
    }

    /// Milliseconds from the request's arrival until it was sent upstream.
    pub(super) fn proxy_latency(&self) -> u64 {
        self.sent.map_or(0, |sent| milliseconds(self.start, sent))
    }

    /// Milliseconds from sending it upstream until the head of the answer came.
    pub(super) fn upstream_latency(&self) -> Option<u64> {
        Some(milliseconds(self.sent?, self.answered?))
    }

    /// Milliseconds since the request came.
    pub(super) fn latency(&self) -> u64 {
        milliseconds(self.start, Instant::now())
    }

    pub(super) fn status_code(&self) -> u16 {
        self.status
            .map_or(CLIENT_CLOSED_REQUEST, |status| status.as_u16())
    }

    pub(super) fn request_bytes(&self) -> u64 {
        self.upload.as_ref().map_or(0, |upload| upload.bytes())
    }

    pub(super) fn response_bytes(&self) -> u64 {
        self.response_bytes
    }

    /// Lets the line be written when the body has ended.
    pub(super) fn observe(self: Box<Self>, body: ResponseBody) -> ResponseBody {
        body.observed(self)
    }
}

/// A cause may hold names that a stranger chose, and a line goes out for each of his requests.
fn bounded(mut cause: String) -> String {
    const LONGEST_CAUSE: usize = 2048;
    if cause.len() > LONGEST_CAUSE {
        cause.truncate(cause.floor_char_boundary(LONGEST_CAUSE));
        cause.push('…');
    }
    cause
}

fn milliseconds(from: Instant, to: Instant) -> u64 {
    u64::try_from(to.saturating_duration_since(from).as_millis()).unwrap_or(u64::MAX)
}

impl Observer for Record {
    fn may_go_on(&mut self) -> bool {
        self.still_stands()
    }

    fn ended(mut self: Box<Self>, bytes: u64, _ending: Ending) {
        self.response_bytes = bytes;
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.client
            .gateway
            .counters
            .count(self.status_code(), self.reason);
        if self.client.gateway.lines.is_on() {
            self.client.gateway.lines.write(access_log::line(self));
        }
    }
}
