//! The access log: one JSON line per request, written when its answer has ended or its client has gone.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use serde::Serialize;
use time::OffsetDateTime;
use transport::body::{Ending, Observer, Progress, ResponseBody};
use transport::upstream::{Address, Upstream, milliseconds_since};

use crate::connection::Connection;
use crate::connection_log::Timestamp;
use crate::door::Logs;
use crate::forwarded_for::client_ip;
use crate::metrics::Metrics;
use crate::rejection::Rejection;
use crate::targets::NoAnswer;
use crate::trace_id::RequestId;

/// What a client sees that nobody sees: it had gone before its answer began (headers.md A.8).
const CLIENT_GONE: u16 = 460;

/// Keeps the books of one request. Without an access log it only counts.
#[derive(Debug)]
pub(crate) struct Account<'a> {
    metrics: &'a Metrics,
    /// The id that the request goes on with.
    pub(crate) request: RequestId,
    entry: Option<Box<Entry>>,
    settled: bool,
}

/// What the line will say. Dropping it writes it.
#[derive(Debug)]
struct Entry {
    connection: Arc<Connection>,
    logs: Arc<Logs>,
    listener: Arc<str>,
    began: Instant,
    request: RequestId,
    method: Method,
    host: Option<HeaderValue>,
    path: Option<PathAndQuery>,
    upload: Option<Arc<Progress>>,
    status: u16,
    source: &'static str,
    reason: Option<&'static str>,
    target: Option<String>,
    target_status: Option<u16>,
    upstream_latency_ms: Option<u64>,
    response_bytes: u64,
}

impl<'a> Account<'a> {
    /// Opens it when the head of a request is there.
    pub(crate) fn open(
        connection: &'a Arc<Connection>,
        (listener, logs): (&Arc<str>, &Arc<Logs>),
        request: &Request<Incoming>,
    ) -> Self {
        let id = RequestId::new();
        let entry = logs.requests.is_on().then(|| {
            let authority = request
                .uri()
                .authority()
                .and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
            Box::new(Entry {
                connection: Arc::clone(connection),
                logs: Arc::clone(logs),
                listener: Arc::clone(listener),
                began: Instant::now(),
                request: id,
                method: request.method().clone(),
                host: authority.or_else(|| request.headers().get(header::HOST).cloned()),
                path: request.uri().path_and_query().cloned(),
                upload: None,
                status: CLIENT_GONE,
                source: "edge",
                reason: None,
                target: None,
                target_status: None,
                upstream_latency_ms: None,
                response_bytes: 0,
            })
        });
        Self {
            metrics: &connection.door.metrics,
            request: id,
            entry,
            settled: false,
        }
    }

    /// The request's body, to be counted.
    pub(crate) fn uploading(&mut self, upload: Option<&Arc<Progress>>) {
        if let Some(entry) = &mut self.entry {
            entry.upload = upload.map(Arc::clone);
        }
    }

    /// A target answered.
    pub(crate) fn answered(&mut self, target: &Upstream, asked: Option<Instant>, status: StatusCode) {
        if let Some(entry) = &mut self.entry {
            entry.asked(target, asked);
            entry.target_status = Some(status.as_u16());
        }
    }

    /// No target answered.
    pub(crate) fn unanswered(&mut self, asked: Option<Instant>, failed: NoAnswer<'_>) -> Rejection {
        if let (Some(entry), Some(target)) = (&mut self.entry, failed.target) {
            entry.asked(target, asked);
        }
        failed.error.into()
    }

    /// When a target was asked, if anybody wants to know.
    pub(crate) fn clock(&self) -> Option<Instant> {
        self.entry.as_ref().map(|_| Instant::now())
    }

    /// The edge answers by itself.
    pub(crate) fn rejected(&mut self, rejection: &Rejection) {
        if let Some(entry) = &mut self.entry {
            entry.reason = rejection.reason();
        }
    }

    /// The answer begins. The line is written when it has ended.
    pub(crate) fn settle(mut self, response: Response<ResponseBody>) -> Response<ResponseBody> {
        self.settled = true;
        self.metrics.response(response.status());
        match self.entry.take() {
            None => response,
            Some(mut entry) => {
                entry.status = response.status().as_u16();
                if entry.target_status.is_some() && entry.reason.is_none() {
                    entry.source = "upstream";
                }
                response.map(|body| body.observed(entry))
            }
        }
    }
}

impl Drop for Account<'_> {
    fn drop(&mut self) {
        // The future was dropped before there was an answer: the client has gone.
        if !self.settled {
            self.metrics.abandoned();
        }
    }
}

impl Entry {
    fn asked(&mut self, target: &Upstream, asked: Option<Instant>) {
        let Address { host, port } = target.address();
        self.target = Some(if host.contains(':') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        });
        self.upstream_latency_ms = asked.map(milliseconds_since);
    }
}

impl Observer for Entry {
    fn ended(mut self: Box<Self>, bytes: u64, _ending: Ending) {
        self.response_bytes = bytes;
    }
}

/// The names are interface.md's, as far as they apply here.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    request_id: &'a str,
    connection_id: &'a str,
    conn_trace_id: &'a str,
    client_ip: String,
    tls_version: Option<&'a str>,
    sni: Option<&'a str>,
    method: &'a str,
    host: Option<String>,
    path: &'a str,
    listener: &'a str,
    status: u16,
    source: &'a str,
    target: Option<&'a str>,
    target_status: Option<u16>,
    latency_ms: u64,
    upstream_latency_ms: Option<u64>,
    request_bytes: u64,
    response_bytes: u64,
    certificate_sha256: Option<String>,
    decision: Option<Decision<'a>>,
}

#[derive(Serialize)]
struct Decision<'a> {
    plugin: Option<&'a str>,
    verdict: &'a str,
    reason: &'a str,
}

impl Drop for Entry {
    fn drop(&mut self) {
        let connection = &self.connection;
        let leaf = connection
            .client
            .chain
            .as_ref()
            .and_then(|chain| chain.leaf_certificate().ok());
        let line = Line {
            time: Timestamp(OffsetDateTime::now_utc()).to_string(),
            request_id: self.request.as_str(),
            connection_id: connection.id.as_str(),
            conn_trace_id: connection.id.as_str(),
            client_ip: client_ip(connection.peer).to_string(),
            tls_version: connection.tls.as_ref().map(|tls| tls.version),
            sni: connection.tls.as_ref().and_then(|tls| tls.server_name.as_deref()),
            method: self.method.as_str(),
            host: self
                .host
                .as_ref()
                .map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned()),
            path: self.path.as_ref().map_or("", PathAndQuery::path),
            listener: &self.listener,
            status: self.status,
            source: self.source,
            target: self.target.as_deref(),
            target_status: self.target_status,
            latency_ms: milliseconds_since(self.began),
            upstream_latency_ms: self.upstream_latency_ms,
            request_bytes: self.upload.as_ref().map_or(0, |upload| upload.bytes()),
            response_bytes: self.response_bytes,
            certificate_sha256: leaf.map(|leaf| hex(&leaf.sha256())),
            decision: self.reason.map(|reason| Decision {
                plugin: None,
                verdict: "deny",
                reason,
            }),
        };
        // Strings and numbers: this cannot fail, and a line that cannot be made is no reason to stop.
        if let Ok(line) = serde_json::to_vec(&line) {
            self.logs.requests.write(line);
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}
